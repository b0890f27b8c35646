/* test_fuzzed.c - what fuzzing found in reading and printing profiles; the inputs are in tests/fuzz/corpus/profile. */
#include <string.h>

#include "tests/profiles/drafts.h"
#include "tests/support/check.h"

#define LAB  "schema: 1\nlab: {version: 5.5-sp3, servers: [s1, s2]}\n"
#define TEXT (1u << 20)

static void a_profile_without_mailboxes_is_answered(void)
{
    struct reading_of r = read_draft(LAB, "run: {name: x}\n");

    CHECK(r.profile || (r.err.code == EX_BAD_PROFILE && r.err.text[0]));
    reading_end(&r);
    r = read_draft(LAB, "listen: {smtp: 127.0.0.1:2525}\n");
    CHECK(!r.profile);
    CHECK_HAS(r.err.text, "listen: no mailbox has \"home: ours\"");
    reading_end(&r);
}

static void an_unknown_gate_is_told_also_when_it_is_taken_away(void)
{
    check_refused(plain_lab, "gates: {silent-los: null}\n",
                  "gates: unknown gate \"silent-los\"; did you mean \"silent-loss\"?");
    check_refused(plain_lab, "gates: {unkon 0, ndr: 0}\n", "gates: unknown gate \"unkon 0\"");
}

/* Printed, read and printed again: the same, with as many gates. */
static void check_same_when_printed(const char *tail, uint32_t gates)
{
    struct reading_of first = read_draft(plain_lab, tail), second;
    struct buf a, b;

    buf_init(&a, TEXT);
    buf_init(&b, TEXT);
    CHECK_STR(first.err.text, "");
    if (CHECK(first.profile != NULL) && CHECK(profile_print(first.profile, &a))) {
        CHECK_U64(first.profile->gate_count, gates);
        second = read_draft(buf_text(&a), "");
        CHECK_STR(second.err.text, "");
        if (CHECK(second.profile != NULL) && CHECK(profile_print(second.profile, &b))) {
            CHECK_STR(buf_text(&b), buf_text(&a));
            CHECK_U64(second.profile->gate_count, gates);
        }
        reading_end(&second);
    }
    reading_end(&first);
    buf_fini(&a);
    buf_fini(&b);
}

static void a_gate_taken_away_stays_away_when_printed(void)
{
    check_same_when_printed("gates: {ndr: null, late: 3}\n", 1);
    check_same_when_printed("gates: {ndr: null}\n", 0);
    check_same_when_printed("gates:\n", 0);
}

static void what_a_lab_brings_and_was_taken_away_stays_away_when_printed(void)
{
    check_same_when_printed("gates: {ndr: 0}\nprobes:\n", 1);
    check_same_when_printed("gates: {ndr: 0}\nhome_lookup:\n", 1);
    check_same_when_printed("gates: {ndr: 0}\nhome_lookup: {}\n", 1);
}

static void a_name_left_open_is_printed(void)
{
    check_same_when_printed("run: {name: null, seed: 4}\ngates: {ndr: 0}\n", 1);
}

static const struct test tests[] = {
    TEST(a_profile_without_mailboxes_is_answered),
    TEST(an_unknown_gate_is_told_also_when_it_is_taken_away),
    TEST(a_gate_taken_away_stays_away_when_printed),
    TEST(what_a_lab_brings_and_was_taken_away_stays_away_when_printed),
    TEST(a_name_left_open_is_printed),
    TEST_END,
};

const struct suite fuzzed_suite = {"fuzzed", tests};
