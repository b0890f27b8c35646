/* test_race_window.c - length and edges of the window: values of scipy 1.10.1 (to 1e-6), and planted windows found again. */
#include "base/rng.h"
#include "results/race_window.h"
#include "results/special.h"
#include "results/window_edges.h"
#include "tests/results/near.h"

static void a_share_of_uniform_sends_is_a_length(void)
{
    static const struct {
        struct proportion lost;
        double span, value, low, high;
    } rows[] = {
        {{3, 10000}, 60000, 18, 3.712289, 52.588471}, {{5, 1000}, 2000, 10, 3.250839, 23.258941},
        {{0, 3000}, 60000, 0, 0, 73.732248},          {{12, 1000}, 5000, 60, 31.077628, 104.338398},
        {{1, 200}, 10000, 50, 1.265810, 275.418985},  {{40, 400}, 300, 30, 21.721888, 40.103357}};

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct length w = window_from_share(rows[i].lost, rows[i].span, .05);

        CHECK(w.known);
        CHECK_NEAR(w.value, rows[i].value, 1e-12);
        CHECK_NEAR(w.interval.low, rows[i].low, 1e-6);
        CHECK_NEAR(w.interval.high, rows[i].high, 1e-6);
        CHECK_NEAR(w.upper, rows[i].span * proportion_upper(rows[i].lost, .05), 1e-12);
    }
    CHECK(!window_from_share((struct proportion){0, 0}, 100, .05).known);
}

static double range_of(const double *phases, size_t n)
{
    double low = phases[0];
    double high = phases[0];

    for (size_t i = 1; i < n; i++) {
        low = fmin(low, phases[i]);
        high = fmax(high, phases[i]);
    }
    return high - low;
}

static void the_range_of_losses_is_a_length(void)
{
    static const struct {
        size_t n;
        double phases[10];
        double range, value, upper, low, high;
    } rows[] = {
        {3, {12, 14.5, 13.1}, 2.5, 5, 18.470582, 2.760294, 26.511325},
        {5, {100.2, 103.9, 101.1, 102, 103}, 3.7, 5.55, 10.800029, 3.906023, 13.047370},
        {2, {5, 6}, 1, 3, 39.493589, 1.187809, 79.496835},
        {6, {.4, 9.6, 3.1, 7.7, 2.2, 8.8}, 9.2, 12.88, 21.999223, 9.616107, 25.643497},
        {8,
         {250, 310, 275, 290, 301, 266, 259, 305},
         60,
         77.142857,
         113.352855,
         61.974125,
         126.718533},
        {10,
         {1, 1.5, 1.2, 1.9, 1.7, 1.1, 1.4, 1.3, 1.6, 1.8},
         .9,
         1.1,
         1.485549,
         .923276,
         1.621669},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        double range = range_of(rows[i].phases, rows[i].n);
        struct length w = window_from_range(range, rows[i].n, .05);

        CHECK(w.known);
        CHECK_NEAR(range, rows[i].range, 1e-12);
        CHECK_NEAR(w.value, rows[i].value, 1e-8);
        CHECK_NEAR(w.upper, rows[i].upper, 1e-6);
        CHECK_NEAR(w.interval.low, rows[i].low, 1e-6);
        CHECK_NEAR(w.interval.high, rows[i].high, 1e-6);
    }
}

static void too_few_losses_have_no_length(void)
{
    CHECK(!window_from_range(0, 0, .05).known);
    CHECK(!window_from_range(3, 1, .05).known);
    CHECK(!window_from_range(0, 5, .05).known);
    CHECK(isinf(window_from_range(3, 1, .05).interval.high));
    CHECK(window_from_range(3, 1, .05).interval.low == 0);
}

static void ranges_cover_planted_windows(void)
{
    static const struct {
        double width;
        uint64_t n;
    } planted[] = {{5, 5}, {50, 8}, {.5, 3}};

    for (size_t p = 0; p < COUNT(planted); p++) {
        double by_n_low = window_from_range(1, planted[p].n, .05).interval.low;
        double by_n_high = window_from_range(1, planted[p].n, .05).interval.high;
        uint32_t covered = 0;

        for (uint32_t run = 0; run < 20000; run++) {
            struct rng r = rng_at(31, (uint32_t)p, run);
            double phases[8] = {0};

            for (uint64_t i = 0; i < planted[p].n; i++)
                phases[i] = 17 + planted[p].width * rng_unit(&r);
            double range = range_of(phases, planted[p].n);
            covered +=
                range * by_n_low <= planted[p].width && planted[p].width <= range * by_n_high;
        }
        CHECK_BETWEEN(covered, .945 * 20000, .955 * 20000);
    }
}

static void edges_lie_between_survivors_and_losses(void)
{
    static const struct shot shots[] = {{9, true, 0},   {2, false, 0}, {5, false, 0},
                                        {6.5, true, 0}, {8, false, 0}, {11, false, 0},
                                        {30, false, 0}};
    struct bracket b = window_bracket(shots, COUNT(shots));

    CHECK(b.begin.low == 5 && b.begin.high == 6.5);
    CHECK(b.end.low == 9 && b.end.high == 11);
    CHECK_U64(b.losses, 2);
    CHECK_U64(b.inside, 1);
    b = window_bracket(shots, 1);
    CHECK(isinf(b.begin.low) && b.begin.high == 9 && b.end.low == 9 && isinf(b.end.high));
    b = window_bracket(shots + 1, 2);
    CHECK(b.losses == 0 && isinf(b.begin.high) && isinf(b.end.low));
}

static void shots_are_sorted_and_counted(void)
{
    struct shot shots[] = {{9, true, 7}, {2, false, 7}, {5, true, 7}, {5, false, 7}};

    shots_sort(shots, 4);
    shots_sort(NULL, 0);
    CHECK(shots[0].phase == 2 && shots[3].phase == 9);
    CHECK(!shots[1].lost && shots[2].lost);
    CHECK_U64(shots[2].lost_before, 0);
    CHECK_U64(shots[3].lost_before, 1);
}

struct planted {
    double begin, end, jitter, hit, span;
};

enum { SHOTS = 300 };

static void shoot_many(struct shot *shots, size_t n, const struct planted *p, struct rng *r)
{
    for (size_t i = 0; i < n; i++) {
        double phase = p->span * rng_unit(r);
        double real = phase + p->jitter * normal_quantile(rng_unit(r) * .999998 + .000001);

        shots[i] =
            (struct shot){phase, real >= p->begin && real < p->end && rng_unit(r) < p->hit, 0};
    }
    shots_sort(shots, n);
}

static void shoot(struct shot *shots, const struct planted *p, struct rng *r)
{
    shoot_many(shots, SHOTS, p, r);
}

struct coverage {
    uint32_t begins, ends,
        bounded; /* edges covered; intervals of the end shorter than the window */
};

enum { RUNS = 30 };

static struct coverage cover(const struct planted *p, uint32_t stream)
{
    struct coverage c = {0, 0, 0};

    for (uint32_t run = 0; run < RUNS; run++) {
        struct rng r = rng_at(99, stream, run);
        struct shot shots[SHOTS];

        shoot(shots, p, &r);
        struct edges e = window_edges(shots, SHOTS, 0, .05);
        struct interval begin = e.begin_interval;
        struct interval end = e.end_interval;
        CHECK(e.fitted);
        CHECK(begin.low < e.begin && e.begin < begin.high && end.low < e.end && e.end < end.high);
        c.begins += begin.low <= p->begin && p->begin <= begin.high;
        c.ends += end.low <= p->end && p->end <= end.high;
        c.bounded += end.high - end.low < p->end - p->begin;
    }
    return c;
}

/* 94 to 98 of 100 in 200 runs each; a profile likelihood covers 55 to 83. */
static void fitted_edges_cover_planted_ones(void)
{
    static const struct planted blurred = {10, 15, .3, 1, 30};
    static const struct planted leaky = {100, 150, 4, .6,
                                         300}; /* and not everything inside is lost */
    struct coverage a = cover(&blurred, 0);
    struct coverage b = cover(&leaky, 1);

    CHECK_BETWEEN(a.begins + a.ends + b.begins + b.ends, .89 * 4 * RUNS, 4 * RUNS);
    CHECK_BETWEEN(a.bounded, RUNS, RUNS);
    CHECK_BETWEEN(b.bounded, .9 * RUNS, RUNS);
}

static void sharp_edges_are_found_within_their_bracket(void)
{
    static const struct planted sharp = {10, 15, 0, 1, 30};
    struct coverage c = cover(&sharp, 2);

    CHECK_BETWEEN(c.begins + c.ends, .95 * 2 * RUNS, 2 * RUNS);
    CHECK_BETWEEN(c.bounded, RUNS, RUNS);
}

/* 5 ms in a minute, sends crowded around it: the grid must find its way down from the whole range. */
static void a_short_window_in_a_long_time_is_found(void)
{
    struct shot shots[SHOTS];

    for (size_t i = 0; i < SHOTS; i++) {
        double phase = i < 200 ? 300.0 * (double)i : 40000 + .2 * (double)(i - 200);

        shots[i] = (struct shot){phase, phase >= 40005.1 && phase < 40010.1, 0};
    }
    shots_sort(shots, SHOTS);
    struct edges e = window_edges(shots, SHOTS, 0, .05);
    CHECK(e.begin_interval.low < 40005.1 && 40005.1 < e.begin_interval.high);
    CHECK(e.end_interval.low < 40010.1 && 40010.1 < e.end_interval.high);
    CHECK_BETWEEN(e.begin_interval.high - e.begin_interval.low, .1, .8);
    CHECK_BETWEEN(e.end_interval.high - e.end_interval.low, .1, .8);
}

/* So many around an edge that they are looked at in bundles: as right, and as narrow as so many allow. */
static void edges_of_very_many_sends_are_as_right(void)
{
    static const struct planted leaky = {100, 150, 4, .6, 300};
    static struct shot shots[60000];
    uint32_t covered = 0;

    for (uint32_t run = 0; run < 4; run++) {
        struct rng r = rng_at(99, 7, run);

        shoot_many(shots, 60000, &leaky, &r);
        struct edges e = window_edges(shots, 60000, 0, .05);
        covered += e.begin_interval.low <= 100 && 100 <= e.begin_interval.high;
        covered += e.end_interval.low <= 150 && 150 <= e.end_interval.high;
        CHECK_BETWEEN(e.begin_interval.high - e.begin_interval.low, .6, 1);
        CHECK_BETWEEN(e.end_interval.high - e.end_interval.low, .6, 1);
        CHECK_BETWEEN(e.jitter, 3.7, 4.3);
        CHECK_BETWEEN(e.hit, .58, .62);
    }
    CHECK_BETWEEN(covered, 6, 8);
}

static void a_fit_needs_losses_and_survivors(void)
{
    struct shot all[] = {{1, true, 0}, {2, true, 0}, {3, true, 0}, {4, true, 0}};
    struct shot few[] = {{1, false, 0}, {2, true, 0}, {3, true, 0}, {4, false, 0}};
    struct shot same[] = {{1, false, 0}, {2, true, 0}, {2, true, 0}, {2, true, 0}};

    shots_sort(all, 4);
    shots_sort(few, 4);
    shots_sort(same, 4);
    CHECK(!window_edges(all, 4, 0, .05).fitted);
    CHECK(!window_edges(few, 4, 0, .05).fitted);
    CHECK(!window_edges(same, 4, 0, .05).fitted);
    CHECK(!window_edges(NULL, 0, 0, .05).fitted);
}

static void an_edge_without_a_survivor_outside_is_open(void)
{
    struct shot shots[40];

    for (size_t i = 0; i < 40; i++)
        shots[i] = (struct shot){(double)i, i < 20, 0};
    shots_sort(shots, 40);
    struct edges e = window_edges(shots, 40, .5, .05);
    CHECK(e.fitted);
    CHECK(isinf(e.begin_interval.low));
    CHECK_BETWEEN(e.end, 18.9, 20.1);
    CHECK_BETWEEN(e.end_interval.high, 19.5, 23);
    CHECK_BETWEEN(e.jitter, .5, 1.5);
}

static const struct test tests[] = {
    TEST(a_share_of_uniform_sends_is_a_length),
    TEST(the_range_of_losses_is_a_length),
    TEST(too_few_losses_have_no_length),
    TEST(ranges_cover_planted_windows),
    TEST(edges_lie_between_survivors_and_losses),
    TEST(shots_are_sorted_and_counted),
    TEST(fitted_edges_cover_planted_ones),
    TEST(sharp_edges_are_found_within_their_bracket),
    TEST(a_short_window_in_a_long_time_is_found),
    TEST(edges_of_very_many_sends_are_as_right),
    TEST(a_fit_needs_losses_and_survivors),
    TEST(an_edge_without_a_survivor_outside_is_open),
    TEST_END,
};
const struct suite race_window_suite = {"race_window", tests};
