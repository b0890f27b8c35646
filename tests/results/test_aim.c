/* test_aim.c - comb, bins and bisection: numbers by hand or by scipy 1.10.1, and searches for planted windows. */
#include <stdlib.h>

#include "results/aim.h"
#include "tests/results/near.h"

static void random_combs_need_so_many_moves(void)
{
    static const struct {
        double width, step, confidence;
        uint64_t want;
    } rows[] = {{1, 100, .95, 299}, {5, 20, .95, 11},     {.5, 50, .99, 459},
                {10, 5, .95, 1},    {2, 1000, .95, 1497}, {.1, 10, .9, 230}};

    for (size_t i = 0; i < COUNT(rows); i++)
        CHECK_U64(comb_moves(rows[i].width, rows[i].step, rows[i].confidence), rows[i].want);
    CHECK_U64(comb_moves(0, 10, .95), SAMPLE_NEVER);
    CHECK_U64(comb_moves_sure(0, 10), SAMPLE_NEVER);
    CHECK_U64(comb_moves_sure(10, 10), 1);
    CHECK_U64(comb_moves_sure(1, 100), 190);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;

    return (x > y) - (x < y);
}

static void golden_offsets_leave_no_gap(void)
{
    double worst = 0;

    for (size_t n = 2; n <= 610; n++) {
        double at[611];
        double gap;

        for (size_t j = 0; j < n; j++)
            at[j] = comb_offset(j, 1);
        qsort(at, n, sizeof *at, compare);
        gap = at[0] + 1 - at[n - 1];
        for (size_t j = 1; j < n; j++)
            gap = fmax(gap, at[j] - at[j - 1]);
        worst = fmax(worst, gap * (double)n);
    }
    CHECK_BETWEEN(worst, 1.88, 1.895);
    CHECK_NEAR(comb_offset(1, 10), 6.180339887, 1e-9);
    CHECK_BETWEEN(comb_offset(1ull << 40, 1), 0, 1);
    CHECK_NEAR(comb_offset(89, 1) - comb_offset(88, 1), .6180339887 - 1, 1e-9);
}

static void bins_are_fine_at_marks(void)
{
    static const double marks[] = {50, 0};
    struct bin bins[64];
    size_t n = bins_around((struct interval){-100, 100}, marks, 2, 1, bins, 64);
    size_t fine = 0;

    CHECK(n >= 15 && n <= 40);
    CHECK(bins[0].at.low == -100 && bins[n - 1].at.high == 100);
    for (size_t i = 0; i < n; i++) {
        double length = bins[i].at.high - bins[i].at.low;

        CHECK(length > 0);
        if (i > 0)
            CHECK(bins[i].at.low == bins[i - 1].at.high);
        fine += bins[i].at.low == 0 || bins[i].at.high == 0 || bins[i].at.low == 50 ||
                bins[i].at.high == 50;
        if (bins[i].at.low == 0 || bins[i].at.low == 50)
            CHECK_NEAR(length, 1, 1e-12);
    }
    CHECK_U64(fine, 4);
    CHECK_U64(bins_around((struct interval){0, 9}, NULL, 0, 1, bins, 64), 1);
    CHECK_U64(bins_around((struct interval){0, 9}, marks, 2, 1e-9, bins, 1), 1);
    n = bins_around((struct interval){-100, 100}, marks, 2, 1e-6, bins, 16);
    CHECK(n >= 4 && n <= 16);
    CHECK(bins[0].at.low == -100 && bins[n - 1].at.high == 100);
}

static void stratified_rates_weigh_bins_by_length(void)
{
    static const struct {
        struct {
            double length;
            uint64_t n, k;
        } bins[3];

        double rate, se, width, slack;
    } rows[] = {
        {{{1000, 10, 0}, {50, 200, 8}, {950, 10, 0}}, .001, .00034641, 2, 1e-5},
        {{{100, 5, 0}, {10, 50, 5}, {890, 5, 0}}, .001, .00042426, 1, 1e-5},
        {{{500, 20, 1}, {500, 20, 1}, {0, 0, 0}}, .05, .03446012, 50, 1e-7},
        {{{60000, 600, 0}, {5, 500, 40}, {0, 0, 0}}, 6.67e-6, 1.01e-6, .4, 1e-3},
        {{{10, 10, 1}, {10, 100, 10}, {10, 10, 1}}, .1, .04582576, 3, 1e-7},
        {{{200, 100, 0}, {20, 100, 37}, {780, 100, 2}}, .023, .01096261, 23, 1e-6},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct bin bins[3];
        double at = 0;
        double weighted = 0;
        uint64_t sent = 0;
        size_t count = rows[i].bins[2].length > 0 ? 3 : 2;

        for (size_t b = 0; b < count; b++) {
            bins[b] = (struct bin){{at, at + rows[i].bins[b].length},
                                   {rows[i].bins[b].k, rows[i].bins[b].n}};
            at += rows[i].bins[b].length;
            sent += rows[i].bins[b].n;
        }
        struct strata s = strata_of(bins, count, .05);
        CHECK_NEAR(s.rate, rows[i].rate, rows[i].slack);
        CHECK_NEAR(s.se, rows[i].se, rows[i].slack * 5);
        CHECK_NEAR(s.width, rows[i].width, 1e-9);
        CHECK(s.covered == 1 && s.interval.low < s.rate && s.rate < s.interval.high);
        for (size_t b = 0; b < count; b++)
            weighted += bin_weight(bins, count, b) * (double)bins[b].seen.k / (double)sent;
        CHECK_NEAR(weighted, s.rate, 1e-12);
    }
}

static void bins_without_loss_are_not_certain(void)
{
    struct bin bins[] = {{{0, 90}, {0, 10}}, {{90, 100}, {5, 50}}, {{100, 200}, {0, 0}}};
    struct strata two = strata_of(bins, 2, .05);
    struct strata three = strata_of(bins, 3, .05);

    CHECK(two.interval.high > .9 * proportion_upper((struct proportion){0, 10}, .025));
    CHECK(three.covered == .5 && three.interval.high > .5);
    CHECK(bin_weight(bins, 3, 2) == 0);
    CHECK(strata_of(NULL, 0, .05).interval.high == 1);
    struct bin sure = {{0, 1}, {5, 5}};
    CHECK(strata_of(&sure, 1, .05).interval.low < .6 && strata_of(&sure, 1, .05).se == 0);
}

static void bins_split_where_losses_are_and_merge_where_none_are(void)
{
    struct bin bins[8] = {{{0, 10}, {0, 0}}, {{10, 20}, {0, 0}}, {{20, 40}, {0, 0}}};
    struct bin_rules rules = {.finest = 1, .target = .05, .alpha = .05};
    struct shot shots[203];

    for (size_t i = 0; i < 200; i++) /* no loss before 20, two in 20..30 */
        shots[i] = (struct shot){(double)(i % 20), false, 0};
    shots[200] = (struct shot){22, true, 0};
    shots[201] = (struct shot){24, true, 0};
    shots[202] = (struct shot){1000, true, 0}; /* outside all */
    CHECK_U64(bins_refine(bins, 3, 8, &rules, shots, 203), 3);
    CHECK(bins[0].at.low == 0 && bins[0].at.high == 20 && bins[0].seen.n == 200);
    CHECK(bins[1].at.high == 30 && bins[1].seen.k == 2);
    CHECK(bins[2].at.low == 30 && bins[2].at.high == 40 && bins[2].seen.n == 0);
    CHECK_U64(bins_refine(bins, 3, 3, &rules, shots, 203), 3); /* no room */
    rules.finest = 6;
    CHECK_U64(bins_refine(bins, 3, 8, &rules, shots, 203), 3); /* fine enough */
    shots[0].phase = 40;
    bins_count(bins, 3, shots, 203);
    CHECK_U64(bins[2].seen.n, 1); /* the last bin includes its end */
}

/* A window of 5 in 2,000: adaptive bins against uniform sends, the same number. Weighted rates must agree with the truth. */
static void adaptive_aim_finds_more_and_stays_unbiased(void)
{
    enum { SENDS = 3000, RUNS = 20 };

    static const double mark = 1000;
    const struct bin_rules rules = {.finest = 1, .target = .002, .alpha = .05};
    double mean = 0;
    uint64_t hits = 0;
    for (uint32_t run = 0; run < RUNS; run++) {
        struct rng r = rng_at(4, 4, run);
        struct bin bins[64];
        static struct shot shots[SENDS];
        size_t count = bins_around((struct interval){0, 2000}, &mark, 1, 8, bins, 64);

        for (size_t i = 0; i < SENDS; i++) {
            struct bin *b = &bins[bins_choose(bins, count, AIM_FLOOR, &r)];
            double phase = bin_phase(b);

            shots[i] = (struct shot){phase, phase >= 1013 && phase < 1018, 0};
            b->seen.n++;
            b->seen.k += shots[i].lost;
            hits += shots[i].lost;
            if (i % 250 == 249)
                count = bins_refine(bins, count, 64, &rules, shots, i + 1);
        }
        mean += strata_of(bins, count, .05).width / RUNS;
    }
    CHECK_BETWEEN((double)hits, 5.0 * RUNS * SENDS * 5 / 2000, (double)RUNS * SENDS);
    CHECK_BETWEEN(mean, 4, 6);
}

static void every_bin_keeps_its_floor(void)
{
    struct bin bins[] = {{{0, 1}, {0, 4000}}, {{1, 2}, {900, 1000}}, {{2, 3}, {0, 4000}}};
    struct rng r = rng_at(1, 2, 3);
    uint32_t chosen[3] = {0, 0, 0};

    for (int i = 0; i < 3000; i++)
        chosen[bins_choose(bins, 3, AIM_FLOOR, &r)]++;
    CHECK_BETWEEN(chosen[0], 150, 250);
    CHECK_BETWEEN(chosen[2], 150, 250);
    CHECK_U64(bins_choose(bins, 1, 0, &r), 0);
}

static void an_edge_is_found_by_bisection(void)
{
    for (int begins = 0; begins < 2; begins++) {
        uint32_t covered = 0;

        for (uint32_t run = 0; run < 100; run++) {
            struct rng r = rng_at(8, (uint32_t)begins, run);
            double mass[1000];
            double edge = 700 * rng_unit(&r) + 100;
            struct edge_search e = {.error = .1, .begins = begins};
            int sends = 0;

            edge_start(&e, (struct interval){0, 1000}, mass, 1000);
            while (edge_interval(&e, .05).high - edge_interval(&e, .05).low > 5 && sends++ < 200) {
                double phase = edge_quantile(&e, .5);
                bool lost = (phase >= edge) == (begins == 1);

                edge_learn(&e, phase, rng_unit(&r) < .1 ? !lost : lost);
            }
            CHECK_BETWEEN(sends, 5, 100);
            struct interval found = edge_interval(&e, .05);
            covered += found.low <= edge && edge <= found.high;
        }
        CHECK_BETWEEN(covered, 88, 100);
    }
}

static void quantiles_of_an_edge_that_is_not_known_are_even(void)
{
    double mass[10];
    struct edge_search e = {.error = .01, .begins = true};

    edge_start(&e, (struct interval){10, 20}, mass, 10);
    for (int i = 0; i <= 10; i++)
        CHECK_NEAR(edge_quantile(&e, i / 10.0), 10 + i, 1e-12);
    edge_learn(&e, 15, true); /* so it began before 15 */
    CHECK_NEAR(edge_quantile(&e, .99), 15, 1e-12);
    edge_learn(&e, 5, false); /* outside: nothing new */
    CHECK_NEAR(edge_quantile(&e, .99), 15, 1e-12);
}

static void moves_for_an_edge(void)
{
    CHECK_U64(edge_moves(1024, 1, 0, 1), 10);
    CHECK_U64(edge_moves(1024, 1, 0, 3), 5);
    CHECK_U64(edge_moves(1024, 1, .11, 1), 20); /* H(0.11) = 0.49992 */
    CHECK_U64(edge_moves(1, 1, .1, 1), 0);
    CHECK_U64(edge_moves(10, 1, .5, 1), SAMPLE_NEVER);
    CHECK_U64(edge_moves(10, 1, .1, 0), SAMPLE_NEVER);
}

static const struct test tests[] = {
    TEST(random_combs_need_so_many_moves),
    TEST(golden_offsets_leave_no_gap),
    TEST(bins_are_fine_at_marks),
    TEST(stratified_rates_weigh_bins_by_length),
    TEST(bins_without_loss_are_not_certain),
    TEST(bins_split_where_losses_are_and_merge_where_none_are),
    TEST(adaptive_aim_finds_more_and_stays_unbiased),
    TEST(every_bin_keeps_its_floor),
    TEST(an_edge_is_found_by_bisection),
    TEST(quantiles_of_an_edge_that_is_not_known_are_even),
    TEST(moves_for_an_edge),
    TEST_END,
};
const struct suite aim_suite = {"aim", tests};
