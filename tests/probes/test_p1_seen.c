/* test_p1_seen.c - what is expected to come again. */
#include "probes/p1_seen.h"
#include "tests/support/check.h"

static void only_the_last_of_a_caller_that_broke_may_come_again(void)
{
    struct p1_seen s;
    int a, b;

    CHECK(p1_seen_init(&s));
    p1_seen_taken(&s, &a, 1);
    p1_seen_taken(&s, &b, 2);
    p1_seen_taken(&s, &a, 3);
    CHECK(!p1_seen_again(&s, 3)); /* it has not broken yet */
    p1_seen_broke(&s, &a);
    p1_seen_answered(&s, &b);
    p1_seen_broke(&s, &b);
    p1_seen_broke(&s, &a);
    CHECK(!p1_seen_again(&s, 1));
    CHECK(!p1_seen_again(&s, 2));
    CHECK(p1_seen_again(&s, 3));
    CHECK(!p1_seen_again(&s, 3)); /* once */
    p1_seen_taken(&s, &b, 0);
    p1_seen_broke(&s, &b);
    CHECK(p1_seen_again(&s, 0));
    CHECK(!p1_seen_again(&s, 0));
    p1_seen_fini(&s);
}

static void the_oldest_are_forgotten(void)
{
    static char callers[P1_SEEN_CALLERS + 1];
    struct p1_seen s;
    unsigned again = 0;

    CHECK(p1_seen_init(&s));
    for (uint64_t i = 1; i <= P1_SEEN_EXPECTED + 10; i++) {
        p1_seen_taken(&s, callers, i);
        p1_seen_broke(&s, callers);
    }
    CHECK(!p1_seen_again(&s, 10));
    for (uint64_t i = 1; i <= P1_SEEN_EXPECTED + 10; i++)
        again += p1_seen_again(&s, i);
    CHECK_U64(again, P1_SEEN_EXPECTED);
    CHECK_U64(s.expecting, 0);
    for (unsigned i = 0; i <= P1_SEEN_CALLERS; i++)
        p1_seen_taken(&s, &callers[i], i + 1);
    CHECK_U64(s.callers, P1_SEEN_CALLERS);
    p1_seen_broke(&s, &callers[P1_SEEN_CALLERS]);
    CHECK_U64(s.expecting, 0);
    p1_seen_fini(&s);
}

static const struct test tests[] = {
    TEST(only_the_last_of_a_caller_that_broke_may_come_again),
    TEST(the_oldest_are_forgotten),
    TEST_END,
};

const struct suite p1_seen_suite = {"p1_seen", tests};
