/* test_special.c - beta and normal distributions against values of scipy 1.10.1 and closed forms. */
#include "results/special.h"
#include "tests/results/near.h"

static void the_incomplete_beta_is_right(void)
{
    static const struct {
        double a, b, x, want;
    } rows[] = {
        {1, 1, .3, .3},
        {.5, .5, .25, .333333333333},
        {2, 5, .2, .34464},
        {3, 9998, .0005, .875411155964},
        {1, 3000, .001, .950287606002},
        {50, 50, .5, .5},
        {6, 995, .004, .214555876046},
        {.5, 1000.5, 1e-4, .345327587826},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        CHECK_NEAR(beta_cdf(rows[i].x, rows[i].a, rows[i].b), rows[i].want, 1e-11);
        CHECK_NEAR(beta_tail(rows[i].x, rows[i].a, rows[i].b), 1 - rows[i].want, 1e-11);
    }
}

static void the_small_tail_keeps_its_digits(void)
{
    CHECK_NEAR(beta_cdf(1e-5, 3, 1), 1e-15, 1e-12);                 /* x^3 */
    CHECK_NEAR(beta_tail(.999, 1, 8), 1e-24, 1e-9);                 /* (1 - x)^8 */
    CHECK_NEAR(beta_tail(1e-6, 1, 5e7), 1.9287016297883e-22, 1e-9); /* exp(5e7 log1p(-1e-6)) */
}

static void the_edges_of_the_beta_are_defined(void)
{
    CHECK(beta_cdf(0, 2, 3) == 0 && beta_tail(0, 2, 3) == 1);
    CHECK(beta_cdf(1, 2, 3) == 1 && beta_tail(1, 2, 3) == 0);
    CHECK(beta_cdf(-1, 2, 3) == 0 && beta_cdf(2, 2, 3) == 1);
    CHECK(beta_quantile(0, 2, 3) == 0 && beta_quantile(1, 2, 3) == 1);
    CHECK(beta_tail_quantile(0, 2, 3) == 1 && beta_tail_quantile(1, 2, 3) == 0);
}

static void quantiles_undo_probabilities(void)
{
    static const double shapes[] = {.5, 1, 2.5, 40, 1e4, 1e6};
    static const double tails[] = {1e-12, 1e-4, .025, .5, .9, .999999};

    for (size_t i = 0; i < COUNT(shapes); i++)
        for (size_t j = 0; j < COUNT(shapes); j++)
            for (size_t q = 0; q < COUNT(tails); q++) {
                double a = shapes[i];
                double b = shapes[j];
                double x = beta_quantile(tails[q], a, b);
                double y = beta_tail_quantile(tails[q], a, b);

                CHECK(x >= 0 && x <= 1 && y >= 0 && y <= 1);
                if (x < .999999) /* nearer to 1 a double cannot say x finely enough */
                    CHECK_NEAR(beta_cdf(x, a, b), tails[q], 1e-7);
                if (y < .999999)
                    CHECK_NEAR(beta_tail(y, a, b), tails[q], 1e-7);
            }
}

static void the_normal_distribution_is_right(void)
{
    static const double rows[][2] = {{.9, 1.2815515655},    {.95, 1.6448536270},
                                     {.975, 1.9599639845},  {.995, 2.5758293035},
                                     {.9995, 3.2905267315}, {1e-6, -4.7534243088}};

    for (size_t i = 0; i < COUNT(rows); i++) {
        CHECK_NEAR(normal_quantile(rows[i][0]), rows[i][1], 1e-10);
        CHECK_NEAR(normal_cdf(rows[i][1]), rows[i][0], 3e-10);
    }
    CHECK(normal_quantile(.5) == 0);
    CHECK(isinf(normal_quantile(0)) && normal_quantile(0) < 0);
    CHECK(isinf(normal_quantile(1)) && normal_quantile(1) > 0);
    CHECK_NEAR(normal_cdf(normal_quantile(1e-300)), 1e-300, 1e-9);
}

static void logs_of_beta_and_choose_are_right(void)
{
    CHECK_NEAR(choose_log(52, 5), log(2598960), 1e-14);
    CHECK(choose_log(7, 0) == 0 && choose_log(7, 7) == 0 && choose_log(0, 0) == 0);
    CHECK(isinf(choose_log(3, 4)) && isinf(choose_log(3, -1)));
    CHECK_NEAR(beta_log(.5, .5), log(M_PI), 1e-15);
    CHECK_NEAR(beta_log(2, 9), log(1.0 / 90), 1e-14);
    CHECK_NEAR(beta_log(1, 1e9), -log(1e9), 1e-14);
    CHECK_NEAR(beta_log(20, 30), -33.968820791977, 1e-11);
}

static void draws_have_the_moments_of_their_beta(void)
{
    static const double shapes[][2] = {{.05, .95}, {.5, .5}, {3.5, 7.5}, {.5, 200.5}};

    for (size_t i = 0; i < COUNT(shapes); i++) {
        struct rng r = rng_at(7, 1, i);
        double a = shapes[i][0];
        double b = shapes[i][1];
        double mean = a / (a + b);
        double variance = mean * (1 - mean) / (a + b + 1);
        double sum = 0;
        double squares = 0;

        for (int n = 0; n < 20000; n++) {
            double x = beta_draw(&r, a, b);

            sum += x / 20000;
            squares += (x - mean) * (x - mean) / 20000;
        }
        CHECK_BETWEEN(sum, mean - 4 * sqrt(variance / 20000), mean + 4 * sqrt(variance / 20000));
        CHECK_NEAR(squares, variance, .08);
    }
}

static const struct test tests[] = {
    TEST(the_incomplete_beta_is_right),         TEST(the_small_tail_keeps_its_digits),
    TEST(the_edges_of_the_beta_are_defined),    TEST(quantiles_undo_probabilities),
    TEST(the_normal_distribution_is_right),     TEST(logs_of_beta_and_choose_are_right),
    TEST(draws_have_the_moments_of_their_beta), TEST_END,
};
const struct suite special_suite = {"special", tests};
