/* test_cluster.c - losses that come by the move: values of numpy and scipy 1.10.1 to 1e-7, fits to 1e-4. */
#include "base/rng.h"
#include "results/bootstrap.h"
#include "results/cluster.h"
#include "results/special.h"
#include "tests/results/near.h"

struct row {
    size_t count;
    struct proportion list[20];
    double rate, icc, design, n_effective, se_cluster, se_naive;
};

static const struct row rows[] = {
    {10,
     {{0, 100},
      {0, 100},
      {5, 100},
      {0, 100},
      {0, 100},
      {0, 100},
      {8, 100},
      {0, 100},
      {0, 100},
      {0, 100}},
     .013,
     .052573932,
     6.2048193,
     161.165049,
     .0089504811,
     .0035820385},
    {10,
     {{1, 100},
      {1, 100},
      {1, 100},
      {1, 100},
      {1, 100},
      {1, 100},
      {1, 100},
      {1, 100},
      {1, 100},
      {1, 100}},
     .01,
     0,
     1,
     1000,
     0,
     .0031464265},
    {5,
     {{10, 50}, {0, 60}, {0, 40}, {0, 55}, {0, 45}},
     .04,
     .18442623,
     10.221311,
     24.458701,
     .040099875,
     .012393547},
    {6,
     {{2, 20}, {3, 30}, {1, 25}, {4, 40}, {2, 22}, {0, 18}},
     .077419355,
     0,
     1,
     155,
     .014797446,
     .021466493},
    {4, {{0, 20}, {0, 20}, {0, 20}, {20, 20}}, .25, 1, 20, 4, .25, .048412292},
    {20,
     {{0, 100}, {0, 100}, {0, 100}, {0, 100}, {0, 100}, {0, 100}, {0, 100},
      {0, 100}, {0, 100}, {0, 100}, {0, 100}, {0, 100}, {0, 100}, {0, 100},
      {0, 100}, {0, 100}, {0, 100}, {0, 100}, {0, 100}, {30, 100}},
     .015,
     .29292929,
     30,
     66.666667,
     .015,
     .0027179956},
    {8,
     {{3, 120}, {0, 90}, {7, 200}, {1, 80}, {0, 110}, {2, 100}, {9, 210}, {0, 95}},
     .021890547,
     .0068967872,
     1.9821574,
     507.023309,
     .0068115399,
     .0046157152},
};

static struct moves moves_of(const struct row *r)
{
    return (struct moves){r->list, r->count};
}

static void clustering_is_measured(void)
{
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct cluster c = cluster_of(moves_of(&rows[i]));

        CHECK(c.estimable);
        CHECK_NEAR(c.rate, rows[i].rate, 1e-7);
        CHECK_NEAR(c.icc, rows[i].icc, 1e-7);
        CHECK_NEAR(c.design_effect, rows[i].design, 1e-7);
        CHECK_NEAR(c.n_effective, rows[i].n_effective, 1e-7);
        CHECK_NEAR(c.se_cluster, rows[i].se_cluster, 1e-7);
        CHECK_NEAR(c.se_naive, rows[i].se_naive, 1e-7);
    }
}

static void nothing_lost_leaves_clustering_open(void)
{
    struct proportion list[] = {{0, 100}, {0, 50}, {0, 0}, {0, 60}};
    struct cluster c = cluster_of((struct moves){list, COUNT(list)});
    struct cluster_bounds upper = cluster_upper(&c, .05);

    CHECK(!c.estimable);
    CHECK(c.icc == 0 && c.rate == 0 && c.se_cluster == 0);
    CHECK_U64(c.moves.n, 3);
    CHECK_NEAR(upper.messages, 1 - pow(.05, 1 / 210.0), 1e-12);
    CHECK_NEAR(upper.moves, 1 - pow(.05, 1 / 3.0), 1e-12);
    CHECK_NEAR(cluster_interval(&c, .05).high, 1 - pow(.025, 1 / 3.0), 1e-12);
}

static void one_move_is_one_unit(void)
{
    struct proportion one = {5, 100};
    struct cluster c = cluster_of((struct moves){&one, 1});

    CHECK(!c.estimable && isinf(c.se_cluster));
    CHECK_NEAR(c.n_effective, 1, 1e-12);
    CHECK(cluster_interval(&c, .05).high == 1);
}

static void no_moves_say_nothing(void)
{
    struct proportion empty[] = {{0, 0}, {0, 0}};
    struct cluster c = cluster_of((struct moves){empty, 2});
    struct bootstrap b;

    CHECK(!c.estimable && c.rate == 0 && isinf(c.se_cluster));
    CHECK_U64(c.moves.n, 0);
    CHECK(cluster_interval(&c, .05).low == 0 && cluster_interval(&c, .05).high == 1);
    CHECK(bootstrap_rate(&b, (struct moves){empty, 2}, 99, .05, 1, NULL));
    CHECK(b.degenerate && b.percentile.low == 0 && b.bca.high == 1);
    CHECK(!beta_binomial_fit((struct moves){empty, 2}).fitted);
}

static void moves_of_one_message_are_independent_messages(void)
{
    struct proportion list[] = {{0, 1}, {1, 1}, {0, 1}, {1, 1}, {0, 1}};
    struct cluster c = cluster_of((struct moves){list, COUNT(list)});

    CHECK(!c.estimable);
    CHECK_NEAR(c.n_effective, 5, 1e-12);
    CHECK_NEAR(cluster_interval(&c, .05).high,
               proportion_exact((struct proportion){2, 5}, .05).high, 1e-12);
}

static void the_beta_binomial_is_right(void)
{
    static const struct {
        uint64_t k, n;
        double alpha, beta, want;
    } table[] = {{0, 100, .1, 9.9, -.2448995509},  {5, 100, .1, 9.9, -4.3900545804},
                 {3, 10, 2, 5, -1.8028093054},     {10, 10, 1, 1, -2.3978952728},
                 {0, 1000, .01, 10, -.0466493719}, {50, 100, .5, .5, -5.0617528080}};

    for (size_t i = 0; i < COUNT(table); i++)
        CHECK_NEAR(beta_binomial_log(table[i].k, table[i].n, table[i].alpha, table[i].beta),
                   table[i].want, 1e-8);
}

static void the_beta_binomial_is_fitted(void)
{
    static const struct row steps = {
        .count = 6, .list = {{0, 100}, {0, 100}, {0, 100}, {5, 100}, {10, 100}, {20, 100}}};

    static const struct {
        const struct row *row;
        double mean, icc, ln;
    } table[] = {{&rows[0], .0123950, .1287984, -11.38197643},
                 {&rows[6], .0186897, .0113763, -15.46308240},
                 {&rows[2], .0338010, .3339415, -6.20591018},
                 {&steps, .0548415, .1786542, -15.21347149}};

    for (size_t i = 0; i < COUNT(table); i++) {
        struct beta_binomial fit = beta_binomial_fit(moves_of(table[i].row));

        CHECK(fit.fitted);
        CHECK_NEAR(fit.log_likelihood, table[i].ln, 1e-9);
        CHECK_NEAR(fit.mean, table[i].mean, 1e-4);
        CHECK_NEAR(fit.icc, table[i].icc, 1e-4);
    }
}

static void a_fit_without_clustering_ends_at_none(void)
{
    struct beta_binomial fit = beta_binomial_fit(moves_of(&rows[1]));

    CHECK(fit.fitted);
    CHECK_NEAR(fit.mean, .01, 1e-4);
    CHECK_BETWEEN(fit.icc, 0, 1e-5);
}

static void bootstraps_resample_moves(void)
{
    struct arena *scratch = arena_create(1 << 20);
    struct bootstrap one;
    struct bootstrap again;
    struct moves m = moves_of(&rows[6]);
    struct cluster c = cluster_of(m);

    CHECK(bootstrap_rate(&one, m, BOOTSTRAP_DRAWS, .05, 42, scratch));
    CHECK(bootstrap_rate(&again, m, BOOTSTRAP_DRAWS, .05, 42, scratch));
    CHECK(one.percentile.low == again.percentile.low && one.bca.high == again.bca.high);
    CHECK(!one.degenerate);
    /* numpy, 400,000 draws: percentile 0.007453 to 0.032472, se 0.0064505. */
    CHECK_NEAR(one.se, .0064505, .03);
    CHECK_NEAR(one.percentile.low, .007453, .05);
    CHECK_NEAR(one.percentile.high, .032472, .03);
    CHECK(one.bca.low < c.rate && c.rate < one.bca.high);
    CHECK(bootstrap_rate(&one, moves_of(&rows[0]), 999, .05, 42, scratch));
    CHECK(one.degenerate);
    CHECK(!bootstrap_rate(&one, m, 0, .05, 42, scratch));
    CHECK(!bootstrap_rate(&one, m, 1 << 20, .05, 42, scratch));
    arena_destroy(scratch);
}

static void bootstraps_of_differences_have_a_sign(void)
{
    struct arena *scratch = arena_create(1 << 20);
    struct bootstrap d;
    struct proportion good[12];
    struct proportion bad[12];

    for (uint64_t i = 0; i < 12; i++) {
        good[i] = (struct proportion){i % 2, 100};
        bad[i] = (struct proportion){10 + i % 3, 100};
    }
    CHECK(bootstrap_difference(&d, (struct arms){{good, 12}, {bad, 12}}, 999, .05, 3, scratch));
    CHECK(!d.degenerate);
    CHECK_BETWEEN(d.percentile.low, .09, .105);
    CHECK_BETWEEN(d.percentile.high, .105, .12);
    CHECK(bootstrap_difference(&d, (struct arms){{good, 12}, {NULL, 0}}, 999, .05, 3, scratch));
    CHECK(d.degenerate && d.percentile.low == -1 && d.percentile.high == 1);
    arena_destroy(scratch);
}

/* 40 moves of 50 messages, half of the variance between moves, true rate 0.05: what each interval misses. */
static void messages_of_a_move_are_not_worth_their_number(void)
{
    enum { RUNS = 300, MOVES = 40, SENT = 50 };

    uint32_t naive = 0;
    uint32_t effective = 0;
    for (uint32_t run = 0; run < RUNS; run++) {
        struct rng r = rng_at(2024, 5, run);
        struct proportion list[MOVES];

        for (size_t j = 0; j < MOVES; j++) {
            double rate = beta_draw(&r, .05, .95);

            list[j] = (struct proportion){0, SENT};
            for (int i = 0; i < SENT; i++)
                list[j].k += rng_unit(&r) < rate;
        }
        struct cluster c = cluster_of((struct moves){list, MOVES});
        struct interval messages = proportion_exact(c.messages, .05);
        struct interval approximate = cluster_interval(&c, .05);
        naive += messages.low > .05 || messages.high < .05;
        effective += approximate.low > .05 || approximate.high < .05;
    }
    CHECK_BETWEEN(naive, .60 * RUNS, .80 * RUNS);     /* 70.7 % of 2,000 */
    CHECK_BETWEEN(effective, .04 * RUNS, .15 * RUNS); /* 9.2 % */
}

static const struct test tests[] = {
    TEST(clustering_is_measured),
    TEST(nothing_lost_leaves_clustering_open),
    TEST(one_move_is_one_unit),
    TEST(no_moves_say_nothing),
    TEST(moves_of_one_message_are_independent_messages),
    TEST(the_beta_binomial_is_right),
    TEST(the_beta_binomial_is_fitted),
    TEST(a_fit_without_clustering_ends_at_none),
    TEST(bootstraps_resample_moves),
    TEST(bootstraps_of_differences_have_a_sign),
    TEST(messages_of_a_move_are_not_worth_their_number),
    TEST_END,
};
const struct suite cluster_suite = {"cluster", tests};
