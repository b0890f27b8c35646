/* test_fault.c - the version table and the knob table. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "lab/fault.h"
#include "tests/support/check.h"

static void all_sixteen_versions_are_rows(void)
{
    static const char *const names[] = {"4.0-rtm", "4.0-sp1",         "4.0-sp2", "4.0-sp3",
                                        "4.0-sp4", "4.0-sp5",         "5.0-rtm", "5.0-sp1",
                                        "5.0-sp2", "5.5-rtm",         "5.5-sp1", "5.5-sp2",
                                        "5.5-sp3", "5.5-sp3+2651.71", "5.5-sp4", "modern"};

    for (int i = 0; i < 16; i++) {
        CHECK(fault_version(names[i]) == fault_version_at(i));
        CHECK(fault_version(names[i]) != NULL);
    }
    CHECK(!fault_version_at(16));
    CHECK(!fault_version("5.5-sp5"));
}

/* Which versions have a bit, in table order. */
static void check_bit(unsigned bit, const char *want)
{
    char got[17] = "";

    for (int i = 0; i < 16; i++)
        got[i] = fault_version_at(i)->bits & bit ? 'x' : '.';
    CHECK_STR(got, want);
}

static void each_defect_is_where_the_articles_say(void)
{
    check_bit(FAULT_STALE, "xxxxxxxxxxxxxxxx");
    check_bit(FAULT_STRAND, "xxxxxxxxxxxxxxx.");
    check_bit(FAULT_SECOND_MOVE, "xxxxxxxxxxxxxxx.");
    check_bit(FAULT_ALT_SILENT, ".........xxxx...");
    check_bit(FAULT_INTRANSIT_GAP, ".........xxxxx..");
    check_bit(FAULT_HOME_NOT_SET, "xxxxx.xx........");
    check_bit(FAULT_MOVE_DEADLOCK, "xxxxx.x.........");
    check_bit(FAULT_STORE_HANG, ".........xxxxx..");
    check_bit(FAULT_CRASH_PERM, "xxxxxxxxxx......");
    check_bit(FAULT_DS_DOWN_SILENT, ".........xxxxx..");
    check_bit(FAULT_PRIV_ALT, "......xxxx......");
    check_bit(FAULT_RESTART_DUP, ".........x.x....");
}

static void defaults_are_those_of_the_model(void)
{
    struct knobs k;

    fault_defaults(&k, fault_version("5.5-sp3"));
    CHECK_U64(k.ds_read_cache_latency_ns, 60 * NS_PER_S);
    CHECK_U64(k.alt_cache_ttl_ns, 600 * NS_PER_S);
    CHECK_U64(k.pause_after_modify_ns, 300 * NS_PER_S);
    CHECK_U64(k.create_to_flag_ns, 500 * NS_PER_MS);
    CHECK_U64(k.max_hops, 512);
    CHECK_U64(k.expiry_normal_ns, NS_PER_S * 86400 * 7);
    CHECK_U64(k.peer_down_policy, PEER_DOWN_KEEP);
    CHECK_U64(k.tombstone_reroute, false);
}

static void a_version_brings_its_own_knobs(void)
{
    struct knobs k;

    fault_defaults(&k, fault_version("4.0-sp5"));
    CHECK_U64(k.peer_down_policy, PEER_DOWN_NDR);
    fault_defaults(&k, fault_version("modern"));
    CHECK_U64(k.tombstone_reroute, true);
}

static void a_knob_is_set_by_name_in_its_own_words(void)
{
    struct knobs k;
    struct err e = {0};

    fault_defaults(&k, fault_version("5.5-sp3"));
    CHECK(fault_set_knob(&k, "ds_read_cache_latency", "90s", &e));
    CHECK_U64(k.ds_read_cache_latency_ns, 90 * NS_PER_S);
    CHECK(fault_set_knob(&k, "in_transit_policy", "retry_then_ndr", &e));
    CHECK_U64(k.in_transit_policy, IN_TRANSIT_RETRY_THEN_NDR);
    CHECK(fault_set_knob(&k, "purge_before_commit", "no", &e));
    CHECK_U64(k.purge_before_commit, 0);
}

static void a_wrong_knob_is_refused_with_the_nearest_name(void)
{
    struct knobs k;
    struct err e = {0};

    fault_defaults(&k, fault_version("5.5-sp3"));
    CHECK(!fault_set_knob(&k, "max_hop", "3", &e));
    CHECK_HAS(e.text, "did you mean 'max_hops'");
    CHECK(!fault_set_knob(&k, "commit_delay", "soon", &e));
    CHECK_HAS(e.text, "commit_delay: ");
    CHECK(!fault_set_knob(&k, "restart_dup_percent", "101", &e));
    CHECK_HAS(e.text, "more than 100");
    CHECK(!fault_set_knob(&k, "ndr_format", "html", &e));
    CHECK_HAS(e.text, "exchange, dsn");
}

static void every_knob_prints_what_it_reads(void)
{
    const struct knob_row *row;
    struct knobs k, again;

    fault_defaults(&k, fault_version("5.5-sp3"));
    memset(&again, 0xff, sizeof again);
    for (int i = 0; (row = fault_knob_at(i)) != NULL; i++) {
        char text[64];

        CHECK(
            fault_set_knob(&again, row->name, fault_print_knob(&k, row, text, sizeof text), NULL));
        CHECK(row->help[strlen(row->help) - 1] == '.');
    }
    CHECK_MEM(&again, sizeof again, &k, sizeof k);
}

static void legacy_alt_silent_is_for_4_0_and_5_0(void)
{
    struct knobs k;

    fault_defaults(&k, fault_version("4.0-sp5"));
    CHECK(!(fault_bits(fault_version("4.0-sp5"), &k) & FAULT_ALT_SILENT));
    k.legacy_alt_silent = true;
    CHECK((fault_bits(fault_version("4.0-sp5"), &k) & FAULT_ALT_SILENT) != 0);
    CHECK(!(fault_bits(fault_version("5.5-sp4"), &k) & FAULT_ALT_SILENT));
}

static const struct test tests[] = {
    TEST(all_sixteen_versions_are_rows),
    TEST(each_defect_is_where_the_articles_say),
    TEST(defaults_are_those_of_the_model),
    TEST(a_version_brings_its_own_knobs),
    TEST(a_knob_is_set_by_name_in_its_own_words),
    TEST(a_wrong_knob_is_refused_with_the_nearest_name),
    TEST(every_knob_prints_what_it_reads),
    TEST(legacy_alt_silent_is_for_4_0_and_5_0),
    TEST_END,
};

const struct suite fault_suite = {"fault", tests};
