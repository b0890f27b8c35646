/* test_sequential.c - stopping early: values of scipy 1.10.1, and simulated peeking with fixed seeds. */
#include "base/rng.h"
#include "results/sequential.h"
#include "results/special.h"
#include "tests/results/near.h"

static void what_is_certain_needs_no_more_units(void)
{
    CHECK_I64(curtail_decide((struct proportion){1, 3}, 10, 0), CURTAIL_FAIL);
    CHECK_I64(curtail_decide((struct proportion){0, 9}, 10, 0), CURTAIL_GO_ON);
    CHECK_I64(curtail_decide((struct proportion){0, 10}, 10, 0), CURTAIL_PASS);
    CHECK_I64(curtail_decide((struct proportion){0, 8}, 10, 2), CURTAIL_PASS);
    CHECK_I64(curtail_decide((struct proportion){1, 8}, 10, 2), CURTAIL_GO_ON);
    CHECK_I64(curtail_decide((struct proportion){2, 12}, 10, 2), CURTAIL_PASS);
    CHECK_I64(curtail_decide((struct proportion){0, 0}, 0, 0), CURTAIL_PASS);
}

static void wald_decides_after_as_many_units_as_computed(void)
{
    static const struct {
        double p0, p1, alpha, beta, upper, lower, loss, ok;
        uint64_t none, one, alone;
    } rows[] = {
        {1e-4, 1e-3, .05, .05, 2.94443898, -2.94443898, 2.30258509, -.0009004953333, 3270, 5828, 2},
        {1e-5, 1e-3, .01, .05, 4.55387689, -2.98568194, 4.60517019, -.0009905002836, 3015, 7665, 1},
        {1e-3, 1e-2, .05, .1, 2.89037176, -2.25129180, 2.30258509, -.00904983552, 249, 505, 2},
        {1e-6, 1e-4, .05, .05, 2.94443898, -2.94443898, 4.60517019, -9.900499983e-5, 29741, 76256,
         1},
        {.01, .05, .05, .05, 2.94443898, -2.94443898, 1.60943791, -.04124295853, 72, 112, 2},
        {1e-4, 5e-4, .01, .01, 4.59511985, -4.59511985, 1.60943791, -.0004001200413, 11485, 15508,
         3},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct sprt s;

        CHECK(sprt_init(&s, rows[i].p0, rows[i].p1, rows[i].alpha, rows[i].beta));
        CHECK_NEAR(s.upper, rows[i].upper, 3e-9);
        CHECK_NEAR(s.lower, rows[i].lower, 3e-9);
        CHECK_NEAR(s.per_loss, rows[i].loss, 3e-9);
        CHECK_NEAR(s.per_ok, rows[i].ok, 1e-9);
        CHECK_U64(sprt_units_low(&s, 0), rows[i].none);
        CHECK_U64(sprt_units_low(&s, 1), rows[i].one);
        CHECK_U64(sprt_losses_high(&s), rows[i].alone);
        CHECK_I64(sprt_decide(&s, (struct proportion){0, rows[i].none}), SPRT_LOW);
        CHECK_I64(sprt_decide(&s, (struct proportion){0, rows[i].none - 1}), SPRT_GO_ON);
        CHECK_I64(sprt_decide(&s, (struct proportion){1, rows[i].one}), SPRT_LOW);
        CHECK_I64(sprt_decide(&s, (struct proportion){rows[i].alone, rows[i].alone}), SPRT_HIGH);
    }
}

static void hypotheses_that_make_no_sense_are_refused(void)
{
    struct sprt s;

    CHECK(!sprt_init(&s, .01, .01, .05, .05));
    CHECK(!sprt_init(&s, 0, .01, .05, .05));
    CHECK(!sprt_init(&s, .01, 1, .05, .05));
    CHECK(!sprt_init(&s, .01, .1, .6, .4));
    CHECK(!sprt_init(&s, .01, NAN, .05, .05));
}

/* Wrong decisions at most as often as allowed, in 2,000 runs at each of the two rates. */
static void wald_errs_as_seldom_as_promised(void)
{
    struct sprt s;
    uint32_t wrong[2] = {0, 0};

    CHECK(sprt_init(&s, .01, .05, .05, .05));
    for (int high = 0; high < 2; high++)
        for (uint32_t run = 0; run < 2000; run++) {
            struct rng r = rng_at(11, (uint32_t)high, run);
            struct proportion seen = {0, 0};
            enum sprt_end end = SPRT_GO_ON;

            while (end == SPRT_GO_ON) {
                seen.n++;
                seen.k += rng_unit(&r) < (high ? .05 : .01);
                end = sprt_decide(&s, seen);
            }
            wrong[high] += end != (high ? SPRT_HIGH : SPRT_LOW);
        }
    CHECK_BETWEEN(wrong[0], 20, 120);
    CHECK_BETWEEN(wrong[1], 20, 120);
}

static void the_anytime_interval_is_right(void)
{
    static const struct {
        uint64_t k, n;
        double alpha, low, high;
    } rows[] = {{0, 100, .05, 0, .05702859764},
                {0, 3000, .05, 0, .002520592182},
                {0, 10000, .05, 0, .0008169940687},
                {0, 100000, .05, 0, 9.324126475e-5},
                {1, 1000, .05, 4.463974049e-7, .009974747265},
                {3, 10000, .05, 8.315659729e-6, .001582033144},
                {17, 250, .05, .02621481482, .1368033946},
                {0, 1000000, .01, 0, 1.208521751e-5}};

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct interval got =
            anytime_interval((struct proportion){rows[i].k, rows[i].n}, rows[i].alpha);
        struct interval mirror =
            anytime_interval((struct proportion){rows[i].n - rows[i].k, rows[i].n}, rows[i].alpha);

        CHECK_NEAR(got.low, rows[i].low, 1e-8);
        CHECK_NEAR(got.high, rows[i].high, 1e-8);
        CHECK_NEAR(1 - mirror.low, rows[i].high, 1e-7);
    }
    CHECK(anytime_interval((struct proportion){0, 0}, .05).high == 1);
    CHECK(anytime_interval((struct proportion){7, 7}, .05).high == 1);
    CHECK(isinf(anytime_evidence((struct proportion){1, 2}, 0)));
    CHECK(isinf(anytime_evidence((struct proportion){1, 2}, 1)));
}

/* Looking after every unit at 300 paths of 2,000 units: how many exclude the truth at some look. */
static uint32_t paths_excluding(double rate, bool anytime)
{
    uint32_t excluded = 0;

    for (uint32_t path = 0; path < 300; path++) {
        struct rng r = rng_at(77, anytime, path);
        struct proportion seen = {0, 0};
        bool out = false;

        while (seen.n < 2000 && !out) {
            bool lost = rng_unit(&r) < rate;

            seen.n++;
            seen.k += lost;
            if (anytime)
                out = anytime_evidence(seen, rate) >= log(1 / .05);
            else if (lost ||
                     seen.n % 40 ==
                         0) { /* both tails of Clopper and Pearson, without their bisection */
                double k = (double)seen.k;
                double kept = (double)(seen.n - seen.k);

                out = (seen.k > 0 && beta_cdf(rate, k, kept + 1) < .025) ||
                      (kept > 0 && beta_tail(rate, k + 1, kept) < .025);
            }
        }
        excluded += out;
    }
    return excluded;
}

static void peeking_spoils_ordinary_intervals_and_not_the_anytime_one(void)
{
    CHECK_BETWEEN(paths_excluding(.01, false), 300 * .15, 300 * .40);
    CHECK_BETWEEN(paths_excluding(.2, false), 300 * .30, 300 * .60);
    CHECK_BETWEEN(paths_excluding(.001, true), 0, 300 * .05);
    CHECK_BETWEEN(paths_excluding(.01, true), 0, 300 * .05);
    CHECK_BETWEEN(paths_excluding(.2, true), 1, 300 * .06);
}

static void alpha_is_spent_as_planned(void)
{
    static const double t[] = {.1, .2, .25, .5, .75, 1};
    static const double obf[] = {5.72031879043e-10, 1.172644684e-5, 8.857543832e-5,
                                 .005574596681,     .02362512132,   .05};
    static const double pocock[] = {.007928253937, .01476972646, .01786870098,
                                    .03100572535,  .04139944696, .05};
    double spent = 0;

    for (size_t i = 0; i < COUNT(t); i++) {
        CHECK_NEAR(spending_obrien_fleming(t[i], .05), obf[i], 1e-8);
        CHECK_NEAR(spending_pocock(t[i], .05), pocock[i], 1e-9);
        spent += spending_step(spending_obrien_fleming, i > 0 ? t[i - 1] : 0, t[i], .05);
    }
    CHECK_NEAR(spent, .05, 1e-12);
    CHECK(spending_obrien_fleming(0, .05) == 0 && spending_pocock(-1, .05) == 0);
    CHECK(spending_obrien_fleming(7, .05) == .05 && spending_pocock(7, .05) == .05);
    CHECK(spending_step(spending_pocock, .5, .25, .05) == 0);
}

static const struct test tests[] = {
    TEST(what_is_certain_needs_no_more_units),
    TEST(wald_decides_after_as_many_units_as_computed),
    TEST(hypotheses_that_make_no_sense_are_refused),
    TEST(wald_errs_as_seldom_as_promised),
    TEST(the_anytime_interval_is_right),
    TEST(peeking_spoils_ordinary_intervals_and_not_the_anytime_one),
    TEST(alpha_is_spent_as_planned),
    TEST_END,
};
const struct suite sequential_suite = {"sequential", tests};
