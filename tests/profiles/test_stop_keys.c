/* test_stop_keys.c - run.stop and its shares: what is read, and what is told where it is wrong. */
#include <stdio.h>

#include "tests/profiles/drafts.h"
#include "tests/support/check.h"

#define MOVES "moves: {m: {mailboxes: joanne, to: s2}}\n"

static void shares_are_read_in_any_notation(void)
{
    static const char *const same[] = {"1%..5%", "0.01..0.05", "1e-2..50000ppm"};
    char text[300];

    for (size_t i = 0; i < 3; i++) {
        (void)snprintf(text, sizeof text,
                       "run: {stop: sprt, stop_rate: %s, stop_beta: 0.1}\n" MOVES, same[i]);
        struct reading_of r = read_draft(plain_lab, text);

        CHECK_STR(r.err.text, "");
        if (r.profile) {
            const struct stop_profile *s = &r.profile->stop;

            CHECK_U64(s->when, STOP_WHEN_SPRT);
            CHECK_U64(s->low_ppb, 10000000);
            CHECK_U64(s->high_ppb, 50000000);
            CHECK_U64(s->alpha_ppb, 50000000);
            CHECK_U64(s->beta_ppb, 100000000);
            CHECK_U64(s->silence_ns, 0);
        }
        reading_end(&r);
    }
    check_refused(plain_lab, "run: {stop: sprt, stop_rate: 10000ppm..5 %}\n" MOVES, "two shares");
}

static void without_a_rule_nothing_is_asked_for(void)
{
    struct reading_of r = read_draft(plain_lab, "");

    CHECK_STR(r.err.text, "");
    CHECK(r.profile && r.profile->stop.when == STOP_WHEN_NEVER);
    reading_end(&r);
}

static void what_a_rule_needs_is_asked_for(void)
{
    check_refused(plain_lab, "run: {stop: sprt}\n" MOVES, "\"stop_rate\" is missing");
    check_refused(plain_lab, "run: {stop: interval, stop_rate: 1%..5%}\n", "there are none");
    check_refused(plain_lab, "run: {stop: soon}\n", "expected one of never, certain");
    check_refused(plain_lab, "run: {stop_rate: 5%..1%}\n", "the smaller first");
    check_refused(plain_lab, "run: {stop_rate: 0..1%}\n", "above 0");
    check_refused(plain_lab, "run: {stop_rate: 1%..100%}\n", "two shares");
    check_refused(plain_lab, "run: {stop_alpha: 60%}\n", "out of range");
    check_refused(plain_lab, "run: {stop_alpha: 0}\n", "out of range");
    check_refused(plain_lab, "run: {stop_beta: much}\n", "a share such as");
}

static const struct test tests[] = {TEST(shares_are_read_in_any_notation),
                                    TEST(without_a_rule_nothing_is_asked_for),
                                    TEST(what_a_rule_needs_is_asked_for), TEST_END};

const struct suite stop_keys_suite = {"stop_keys", tests};
