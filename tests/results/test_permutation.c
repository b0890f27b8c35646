/* test_permutation.c - moves dealt to two builds: counts of arrangements that can be checked by hand. */
#include "results/permutation.h"
#include "tests/results/near.h"

#define MOVES(...)                                                                                 \
    (struct moves)                                                                                 \
    {                                                                                              \
        (const struct proportion[]){__VA_ARGS__},                                                  \
            sizeof((const struct proportion[]){__VA_ARGS__}) / sizeof(struct proportion)           \
    }

static struct permutation dealt(struct moves a, struct moves b)
{
    struct arena *scratch = arena_create(1 << 24);
    struct permutation p = permutation_by_move(a, b, 1, scratch);

    arena_destroy(scratch);
    return p;
}

static void check_exact(struct permutation p, double hits, uint64_t total)
{
    CHECK(p.exact);
    CHECK_U64(p.looked_at, total);
    CHECK_NEAR(p.p, hits / (double)total, 1e-12);
}

static void all_arrangements_are_counted(void)
{
    check_exact(dealt(MOVES({0, 100}, {0, 100}, {0, 100}, {0, 100}, {0, 100}),
                      MOVES({3, 100}, {0, 100}, {5, 100}, {2, 100}, {4, 100})),
                6, 252);
    check_exact(
        dealt(MOVES({0, 50}, {0, 50}, {0, 50}, {0, 50}), MOVES({1, 50}, {1, 50}, {1, 50}, {1, 50})),
        1, 70);
    check_exact(dealt(MOVES({1, 100}, {2, 100}, {0, 100}), MOVES({2, 100}, {1, 100}, {0, 100})), 14,
                20);
    check_exact(dealt(MOVES({0, 30}, {0, 30}, {0, 30}), MOVES({5, 30}, {5, 30}, {5, 30})), 1, 20);
    check_exact(dealt(MOVES({0, 100}, {1, 120}, {0, 90}, {0, 110}, {1, 100}),
                      MOVES({4, 100}, {6, 110}, {0, 95}, {9, 120}, {3, 105}, {2, 100})),
                4, 462);
}

static void one_catastrophic_move_proves_nothing(void)
{
    check_exact(dealt(MOVES({0, 100}, {0, 100}, {0, 100}, {0, 100}, {0, 100}, {0, 100}),
                      MOVES({20, 100}, {0, 100}, {0, 100}, {0, 100}, {0, 100}, {0, 100})),
                462, 924);
}

static void the_larger_arm_may_come_first(void)
{
    check_exact(dealt(MOVES({0, 10}, {0, 10}, {0, 10}, {0, 10}), MOVES({3, 10})), 1, 5);
    check_exact(dealt(MOVES({3, 10}), MOVES({0, 10}, {0, 10}, {0, 10}, {0, 10})), 5, 5);
}

static void empty_arms_and_empty_moves_are_harmless(void)
{
    check_exact(dealt((struct moves){NULL, 0}, MOVES({3, 10})), 1, 1);
    check_exact(dealt(MOVES({0, 0}, {0, 0}), MOVES({0, 0})), 3, 3);
    check_exact(dealt(MOVES({0, 10}), MOVES({0, 0})), 2, 2);
}

static void many_arrangements_are_sampled_reproducibly(void)
{
    struct proportion a[40];
    struct proportion b[40];

    for (size_t i = 0; i < 40; i++) { /* as in the table of moves 3 of 40 against 12 of 40 */
        a[i] = (struct proportion){i < 3, 50};
        b[i] = (struct proportion){i < 12, 50};
    }
    struct moves arm_a = {a, 40};
    struct moves arm_b = {b, 40};
    struct permutation p = dealt(arm_a, arm_b);
    CHECK(!p.exact);
    CHECK_U64(p.looked_at, 100000);
    /* With one loss a move at most this is Fisher's test: 0.009879 by fisher_less; se of 100,000 draws 0.00031. */
    CHECK_BETWEEN(p.p, .009879 - .0013, .009879 + .0013);
    CHECK(dealt(arm_a, arm_b).p == p.p);
    CHECK_BETWEEN(dealt(arm_b, arm_a).p, .99, 1);
}

static void what_no_draw_reaches_is_not_zero(void)
{
    struct proportion a[50] = {{0, 0}};
    struct proportion b[50] = {{0, 0}};

    for (size_t i = 0; i < 50; i++) {
        a[i] = (struct proportion){0, 10};
        b[i] = (struct proportion){10, 10};
    }
    CHECK_NEAR(dealt((struct moves){a, 50}, (struct moves){b, 50}).p, 1 / 100001.0, 1e-12);
}

static void an_exhausted_scratch_is_said(void)
{
    struct arena *scratch = arena_create(8);

    CHECK(isnan(permutation_by_move(MOVES({0, 1}, {1, 1}), MOVES({0, 1}), 1, scratch).p));
    arena_destroy(scratch);
}

static const struct test tests[] = {
    TEST(all_arrangements_are_counted),
    TEST(one_catastrophic_move_proves_nothing),
    TEST(the_larger_arm_may_come_first),
    TEST(empty_arms_and_empty_moves_are_harmless),
    TEST(many_arrangements_are_sampled_reproducibly),
    TEST(what_no_draw_reaches_is_not_zero),
    TEST(an_exhausted_scratch_is_said),
    TEST_END,
};
const struct suite permutation_suite = {"permutation", tests};
