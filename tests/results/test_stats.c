/* test_stats.c - rates, intervals and sample sizes; values of scipy 1.10.1, intervals to 1e-9 of their size. */
#include "results/special.h"
#include "results/stats.h"
#include "tests/results/near.h"

static void units_without_loss_that_prove_a_rate(void)
{
    static const struct {
        double rate, confidence;
        uint64_t want;
    } rows[] = {{1e-2, .95, 299},  {1e-3, .95, 2995},  {1e-4, .95, 29956},   {1e-5, .95, 299572},
                {1e-3, .99, 4603}, {1e-4, .99, 46050}, {1e-6, .95, 2995731}, {.05, .90, 45}};

    for (size_t i = 0; i < COUNT(rows); i++) {
        double alpha = 1 - rows[i].confidence;

        CHECK_U64(sample_for_zero(rows[i].rate, rows[i].confidence), rows[i].want);
        CHECK_U64(sample_for_losses(rows[i].rate, rows[i].confidence, 0), rows[i].want);
        CHECK(proportion_upper((struct proportion){0, rows[i].want}, alpha) <= rows[i].rate);
        CHECK(proportion_upper((struct proportion){0, rows[i].want - 1}, alpha) > rows[i].rate);
        CHECK(chance_of_any(rows[i].rate, rows[i].want) >= rows[i].confidence);
        CHECK(chance_of_any(rows[i].rate, rows[i].want - 1) < rows[i].confidence);
        CHECK_NEAR(rule_of_three(rows[i].want, .05), 2.9957322736 / (double)rows[i].want, 1e-10);
    }
}

static void units_with_some_losses_that_prove_a_rate(void)
{
    for (uint64_t losses = 1; losses < 40; losses += 6) {
        uint64_t n = sample_for_losses(.003, .95, losses);

        CHECK(proportion_upper((struct proportion){losses, n}, .05) <= .003);
        CHECK(proportion_upper((struct proportion){losses, n - 1}, .05) > .003);
    }
    CHECK_U64(sample_for_losses(.01, .95, 1), 473);
    CHECK_U64(sample_for_losses(.9999, .95, 3), 4);
}

static void sample_sizes_have_edges(void)
{
    CHECK_U64(sample_for_zero(0, .95), SAMPLE_NEVER);
    CHECK_U64(sample_for_zero(1, .95), 1);
    CHECK_U64(sample_for_zero(.99, .5), 1);
    CHECK_U64(sample_for_zero(1e-30, .95), SAMPLE_NEVER);
    CHECK_U64(sample_for_losses(1e-14, .95, 3), SAMPLE_NEVER);
    CHECK_U64(sample_for_losses(1, .95, 3), 4);
    CHECK_U64(sample_for_losses(0, .95, 3), SAMPLE_NEVER);
    CHECK(chance_of_any(0, 100) == 0 && chance_of_any(1, 1) == 1 && chance_of_any(.5, 0) == 0);
    CHECK(rule_of_three(0, .05) == 1 && rule_of_three(1, .05) == 1);
}

struct row {
    uint64_t k, n;
    double alpha;
    struct interval exact, one_sided, wilson;
};

static const struct row rows[] = {
    {0, 100, .05, {0, .03621669265}, {0, .02951304961}, {0, .03699349821}},
    {0, 3000, .05, {0, .001228870804}, {0, .000998079012}, {0, NAN}},
    {1,
     1000,
     .05,
     {2.531748749e-5, .00555892428},
     {5.129197891e-5, .004734993575},
     {.0001765463706, .005642558598}},
    {3,
     10000,
     .05,
     {6.187148575e-5, .0008764745225},
     {8.17739791e-5, .000775181379},
     {.0001020321994, .0008817357722}},
    {5, 5, .05, {.4781762499, 1}, {.5492802717, 1}, {.5655175352, 1}},
    {17,
     250,
     .05,
     {.04010849492, .106643836},
     {.04378797857, .1002550917},
     {.04288591858, .1061892522}},
    {10,
     20,
     .1,
     {.3019539113, .6980460887},
     {.3381709034, .6618290966},
     {.3274037679, .6725962321}},
    {2,
     1000000,
     .01,
     {1.034945931e-7, 9.273758362e-6},
     {1.485548035e-7, 8.405919991e-6},
     {3.904557678e-7, 1.024437027e-5}},
    {0, 1000000, .05, {0, 3.68887265e-6}, {0, 2.995727786e-6}, {0, NAN}},
};

static void intervals_are_those_of_the_books(void)
{
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct proportion p = {rows[i].k, rows[i].n};
        struct interval exact = proportion_exact(p, rows[i].alpha);
        struct interval wilson = proportion_wilson(p, rows[i].alpha);

        CHECK_NEAR(exact.low, rows[i].exact.low, 1e-9);
        CHECK_NEAR(exact.high, rows[i].exact.high, 1e-9);
        CHECK_NEAR(proportion_lower(p, rows[i].alpha), rows[i].one_sided.low, 1e-9);
        CHECK_NEAR(proportion_upper(p, rows[i].alpha), rows[i].one_sided.high, 1e-9);
        CHECK_NEAR(wilson.low, rows[i].wilson.low, 1e-9);
        if (!isnan(rows[i].wilson.high))
            CHECK_NEAR(wilson.high, rows[i].wilson.high, 1e-9);
    }
}

static void nothing_seen_says_nothing(void)
{
    struct proportion none = {0, 0};

    CHECK(proportion_rate(none) == 0);
    CHECK(proportion_exact(none, .05).low == 0 && proportion_exact(none, .05).high == 1);
    CHECK(proportion_wilson(none, .05).low == 0 && proportion_wilson(none, .05).high == 1);
    CHECK(proportion_upper(none, .05) == 1 && proportion_lower(none, .05) == 0);
}

static void exact_intervals_cover_at_least_what_they_say(void)
{
    static const double rates[] = {.001, .01, .03, .1, .27, .5, .8, .97};

    for (size_t r = 0; r < COUNT(rates); r++)
        for (uint64_t n = 5; n <= 125; n *= 5) {
            double exact = 0;
            double upper = 0;

            for (uint64_t k = 0; k <= n; k++) {
                struct proportion p = {k, n};
                struct interval i = proportion_exact(p, .05);
                double weight = exp(choose_log((double)n, (double)k) + (double)k * log(rates[r]) +
                                    (double)(n - k) * log1p(-rates[r]));

                exact += weight * (i.low <= rates[r] && rates[r] <= i.high);
                upper += weight * (rates[r] <= proportion_upper(p, .05));
            }
            CHECK_BETWEEN(exact, .95, 1.0000001);
            CHECK_BETWEEN(upper, .95, 1.0000001);
        }
}

static void counts_need_not_be_whole(void)
{
    struct interval whole = proportion_exact((struct proportion){3, 40}, .05);
    struct interval real = proportion_exact_real(3.5, 40, .05);

    CHECK_NEAR(proportion_exact_real(3, 40, .05).high, whole.high, 1e-15);
    CHECK(real.low > whole.low && real.high > whole.high);
    CHECK_NEAR(real.low, beta_quantile(.025, 3.5, 37.5), 1e-15);
    CHECK_NEAR(proportion_upper_real(0, 2.5, .05), 1 - pow(.05, 1 / 2.5), 1e-12);
}

static const struct test tests[] = {
    TEST(units_without_loss_that_prove_a_rate),
    TEST(units_with_some_losses_that_prove_a_rate),
    TEST(sample_sizes_have_edges),
    TEST(intervals_are_those_of_the_books),
    TEST(nothing_seen_says_nothing),
    TEST(exact_intervals_cover_at_least_what_they_say),
    TEST(counts_need_not_be_whole),
    TEST_END,
};
const struct suite stats_suite = {"stats", tests};
