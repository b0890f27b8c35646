/* test_two_builds.c - two proportions: values of scipy 1.10.1; exact tests to 1e-8, optimised ones to 1e-4.
 *
 * Barnard's 0/200 against 4/200 is 0.0470732, at the shared rate 0.41992: scipy's sampling optimiser stops at the lower peak
 * 0.0467049; a grid of 6,000 rates in numpy finds the higher one.
 */
#include "results/two_builds.h"
#include "results/unconditional.h"
#include "tests/results/near.h"

struct row {
    struct proportion a, b;
    double two_sided, less, barnard, boschloo, bayes; /* 0: not known */
};

static const struct row rows[] = {
    {{0, 1000}, {5, 1000}, .06218757852, .03109378926, 0, 0, .99317815},
    {{0, 10000}, {3, 10000}, .2499624981, .1249812491, 0, 0, .96686405},
    {{12, 1000}, {3, 1000}, .0344914254, .9964107841, 0, 0, .00826223},
    {{3, 1000}, {12, 1000}, .0344914254, 0, 0, 0, .99173777},
    {{1, 10}, {11, 14}, .002759456185, .001379728093, .000855446, .00041789, .99974144},
    {{7, 100}, {7, 100}, 1, .6085962952, 1, .543415, .5},
    {{0, 200}, {4, 200}, .1231226681, .06156133407, .0470732, .0518062, .98540627},
    {{0, 500}, {6, 500}, .0307821922, .0153910961, .0148525, .0136201, .99686810},
    {{2, 300}, {14, 300}, .003725440916, .001862720458, .00243268, .00146508, .99931112},
    {{0, 20}, {5, 20}, .0471240471, .0235620236, 0, 0, 0},
    {{0, 10}, {4, 10}, .0866873065, .0433436533, 0, 0, 0},
    {{2, 30}, {9, 30}, .0419001189, .0209500595, 0, 0, 0},
    {{0, 50}, {3, 50}, .2424242424, .1212121212, 0, 0, 0},
    {{1, 8}, {6, 8}, .0405594406, .0202797203, 0, 0, 0},
    {{5, 5}, {0, 5}, .0079365079, 1, 0, 0, 0},
};

static void exact_tests_of_two_builds_are_right(void)
{
    for (size_t i = 0; i < COUNT(rows); i++) {
        CHECK_NEAR(fisher_two_sided(rows[i].a, rows[i].b), rows[i].two_sided, 1e-8);
        if (rows[i].less > 0)
            CHECK_NEAR(fisher_less(rows[i].a, rows[i].b), rows[i].less, 1e-8);
        if (rows[i].bayes > 0)
            CHECK_NEAR(bayes_less(rows[i].a, rows[i].b), rows[i].bayes, 1e-8 / rows[i].bayes);
    }
}

static void unconditional_tests_are_right(void)
{
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct arena *scratch = arena_create(1 << 20);

        if (rows[i].barnard > 0)
            CHECK_NEAR(barnard_two_sided(rows[i].a, rows[i].b, scratch), rows[i].barnard, 1e-4);
        if (rows[i].boschloo > 0)
            CHECK_NEAR(boschloo_less(rows[i].a, rows[i].b, scratch), rows[i].boschloo, 1e-4);
        arena_destroy(scratch);
    }
}

static void boschloo_is_never_weaker_than_fisher(void)
{
    for (uint64_t i = 0; i <= 12; i++)
        for (uint64_t j = 0; j <= 9; j++) {
            struct proportion a = {i, 12};
            struct proportion b = {j, 9};
            struct arena *scratch = arena_create(1 << 16);

            CHECK_BETWEEN(boschloo_less(a, b, scratch), 0, fisher_less(a, b) * (1 + 1e-9));
            arena_destroy(scratch);
        }
}

static void an_exhausted_scratch_is_said(void)
{
    struct arena *scratch = arena_create(100);

    CHECK(isnan(boschloo_less((struct proportion){0, 90}, (struct proportion){5, 90}, scratch)));
    CHECK(
        isnan(barnard_two_sided((struct proportion){0, 90}, (struct proportion){5, 90}, scratch)));
    arena_destroy(scratch);
}

static void the_two_directions_add_up(void)
{
    static const uint64_t sizes[] = {1, 7, 40, 1000, 100000};

    for (size_t i = 0; i < COUNT(sizes); i++)
        for (size_t j = 0; j < COUNT(sizes); j++)
            for (uint64_t share = 0; share <= 4; share++) {
                struct proportion a = {sizes[i] * share / 4, sizes[i]};
                struct proportion b = {sizes[j] / 3, sizes[j]};

                CHECK_NEAR(bayes_less(a, b) + bayes_less(b, a), 1, 1e-9);
            }
}

static void an_arm_without_units_says_nothing(void)
{
    struct proportion none = {0, 0};
    struct proportion some = {3, 9};
    struct interval d = difference_newcombe(none, some, .05);

    CHECK(fisher_less(none, some) == 1 && fisher_two_sided(some, none) == 1);
    CHECK(boschloo_less(none, some, NULL) == 1 && barnard_two_sided(some, none, NULL) == 1);
    CHECK_NEAR(bayes_less(none, none), .5, 1e-9);
    CHECK(d.low < -.8 && d.high > .6 && d.low >= -1 && d.high <= 1);
}

/* Newcombe, Interval estimation for the difference between independent proportions, Statistics in Medicine 17 (1998), table
 * II, method 10: printed with four decimals. The paper's difference is first minus second, ours b minus a. */
static void differences_have_the_intervals_of_newcombe(void)
{
    static const struct {
        struct proportion first, second;
        double low, high;
    } table[] = {
        {{56, 70}, {48, 80}, .0524, .3339}, {{9, 10}, {3, 10}, .1705, .8090},
        {{6, 7}, {2, 7}, .0582, .8062},     {{5, 56}, {0, 29}, -.0381, .1926},
        {{0, 10}, {0, 20}, -.1611, .2775},  {{0, 10}, {0, 10}, -.2775, .2775},
        {{10, 10}, {0, 20}, .6791, 1},      {{10, 10}, {0, 10}, .6075, 1},
    };

    for (size_t i = 0; i < COUNT(table); i++) {
        struct interval d = difference_newcombe(table[i].second, table[i].first, .05);

        CHECK_BETWEEN(d.low, table[i].low - .00006, table[i].low + .00006);
        CHECK_BETWEEN(d.high, table[i].high - .00006, table[i].high + .00006);
    }
}

static void the_power_of_fisher_is_right(void)
{
    static const struct {
        double a, b;
        uint64_t n;
        double want;
    } table[] = {{0, 1e-2, 500, .56038891},     {0, 1e-2, 1000, .97131360},
                 {0, 1e-3, 5000, .55959450},    {0, 1e-3, 10000, .97080405},
                 {1e-3, 1e-2, 1000, .83933039}, {1e-3, 3e-3, 5000, .67258341}};

    for (size_t i = 0; i < COUNT(table); i++)
        CHECK_NEAR(fisher_power(table[i].a, table[i].b, table[i].n, .05), table[i].want, 2e-8);
    CHECK(fisher_power(0, 1, 2, .05) == 0);           /* 0 of 2 against 2 of 2: 1/6 */
    CHECK_NEAR(fisher_power(0, 1, 3, .05), 1, 1e-12); /* 1/20 */
    CHECK(fisher_power(.5, .5, 0, .05) == 0);
}

static void three_against_none_is_never_enough(void)
{
    static const uint64_t sizes[] = {3, 10, 100, 10000, 1000000};

    for (size_t i = 1; i < COUNT(sizes); i++) {
        struct proportion none = {0, sizes[i]};

        CHECK(fisher_less(none, (struct proportion){3, sizes[i]}) > .05);
        CHECK(fisher_less(none, (struct proportion){5, sizes[i]}) < .05);
    }
}

static void the_moves_that_a_difference_takes(void)
{
    uint64_t n = fisher_units(0, .25, .05, .8);

    for (uint64_t more = 0; more < 10; more++)
        CHECK(fisher_power(0, .25, n + more, .05) >= .8);
    CHECK(fisher_power(0, .25, n - 1, .05) < .8);
    CHECK_U64(n, 26);
    CHECK_U64(fisher_units(.1, .1, .05, .8), SAMPLE_NEVER);
    CHECK_U64(fisher_units(.2, .1, .05, .8), SAMPLE_NEVER);
    CHECK_U64(fisher_units(.5, .5001, .05, .8), SAMPLE_NEVER);
    CHECK_U64(fisher_units(0, 1, .05, .8), 3);
}

static const struct test tests[] = {
    TEST(exact_tests_of_two_builds_are_right),
    TEST(unconditional_tests_are_right),
    TEST(boschloo_is_never_weaker_than_fisher),
    TEST(an_exhausted_scratch_is_said),
    TEST(the_two_directions_add_up),
    TEST(an_arm_without_units_says_nothing),
    TEST(differences_have_the_intervals_of_newcombe),
    TEST(the_power_of_fisher_is_right),
    TEST(three_against_none_is_never_enough),
    TEST(the_moves_that_a_difference_takes),
    TEST_END,
};
const struct suite two_builds_suite = {"two_builds", tests};
