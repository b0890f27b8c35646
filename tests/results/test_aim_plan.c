/* test_aim_plan.c - the planner of adaptive aim against scripted targets that lose exactly what falls into a window.
 *
 * A window is found when each edge is known to a tenth of its length: the last survivor before it and the first loss in it
 * are no further apart than that, and so at its end. Even sending is judged by the same rule.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "results/aim_plan.h"
#include "results/window_edges.h"
#include "tests/results/near.h"

#define SPAN_US   10e6 /* a move's phase */
#define FINEST_US 100.0
#define PER_MOVE  20u
#define SHOTS_MAX 20000u

enum { RUNS = 200, EVEN_RUNS = 20 };

struct search { /* of one planted window */
    struct interval window;
    double survivor_before, survivor_after; /* the nearest */
    struct interval lost;                   /* first and last */
    size_t sends, losses;
    double weighted; /* sum of the weights of losses */
    struct shot shots[SHOTS_MAX];
};

static void begin(struct search *s, double width, uint32_t run)
{
    struct rng r = rng_at(2207, (uint32_t)width, run);
    double at = rng_unit(&r) * (SPAN_US - width);

    memset(s, 0, offsetof(struct search, shots));
    s->window = (struct interval){at, at + width};
    s->survivor_before = -INFINITY;
    s->survivor_after = INFINITY;
    s->lost = (struct interval){INFINITY, -INFINITY};
}

static void shoot(struct search *s, double phase, double weight)
{
    bool lost = phase >= s->window.low && phase < s->window.high;

    if (s->sends < SHOTS_MAX)
        s->shots[s->sends] = (struct shot){phase, lost, 0};
    s->sends++;
    s->losses += lost;
    if (lost) {
        s->lost = (struct interval){fmin(s->lost.low, phase), fmax(s->lost.high, phase)};
        s->weighted += weight;
    } else if (phase < s->window.low) {
        s->survivor_before = fmax(s->survivor_before, phase);
    } else {
        s->survivor_after = fmin(s->survivor_after, phase);
    }
}

static bool is_found(const struct search *s)
{
    double enough = (s->window.high - s->window.low) / 10;

    return s->losses >= 3 && s->lost.low - s->survivor_before <= enough &&
           s->survivor_after - s->lost.high <= enough;
}

static struct aim_order order(const struct search *s, uint64_t seed, uint64_t move)
{
    return (struct aim_order){.range = {0, SPAN_US},
                              .finest = FINEST_US,
                              .shots = s->shots,
                              .count = s->sends,
                              .random = rng_at(seed, 1, move)};
}

static void adaptive_move(struct search *s, uint64_t seed, uint64_t move)
{
    struct aim_order o = order(s, seed, move);
    struct aimed sends[PER_MOVE];

    (void)aim_plan(&o, sends, PER_MOVE);
    for (uint32_t i = 0; i < PER_MOVE; i++)
        shoot(s, sends[i].phase, sends[i].weight);
}

/* As aim: spread does it: one send anywhere in each equal part. */
static void even_move(struct search *s, uint64_t seed, uint64_t move)
{
    struct rng r = rng_at(seed, 2, move);

    for (uint32_t i = 0; i < PER_MOVE; i++)
        shoot(s, (i + rng_unit(&r)) / PER_MOVE * SPAN_US, 1);
}

static double even_sends(struct search *s, double width)
{
    double all = 0;

    for (uint32_t run = 0; run < EVEN_RUNS; run++) {
        begin(s, width, run);
        for (uint64_t move = 0; !is_found(s); move++)
            even_move(s, 500 + run, move);
        all += (double)s->sends;
    }
    return all / EVEN_RUNS;
}

/* The interval of each edge, 95 %, must hold it. */
static bool covers(struct search *s)
{
    shots_sort(s->shots, s->sends);
    struct edges e = window_edges(s->shots, s->sends, FINEST_US / 16, .05);

    return e.fitted && e.begin_interval.low <= s->window.low &&
           s->window.low <= e.begin_interval.high && e.end_interval.low <= s->window.high &&
           s->window.high <= e.end_interval.high;
}

static void planted_windows_are_found_with_few_sends_and_their_edges_covered(void)
{
    static const struct {
        double width, ratio; /* at least */
    } rows[] = {{5e3, 5}, {50e3, 5}, {500e3, 3}};

    struct search *s = malloc(sizeof *s);

    for (size_t i = 0; s && i < COUNT(rows); i++) {
        double even = even_sends(s, rows[i].width), all = 0;
        uint32_t covered = 0;

        for (uint32_t run = 0; run < RUNS; run++) {
            begin(s, rows[i].width, run);
            for (uint64_t move = 0; !is_found(s) && s->sends + PER_MOVE <= SHOTS_MAX; move++)
                adaptive_move(s, 900 + run, move);
            CHECK(is_found(s));
            all += (double)s->sends;
            covered += covers(s);
        }
        (void)printf("  a window of %g ms in 10 s: even %.0f sends, adaptive %.0f, ratio %.1f; "
                     "edges covered in %u of %u runs\n",
                     rows[i].width / 1e3, even, all / RUNS, even / (all / RUNS), covered, RUNS);
        CHECK(even / (all / RUNS) >= rows[i].ratio);
        CHECK(covered >= RUNS * 93 / 100);
    }
    CHECK(s != NULL);
    free(s);
}

/* A number of moves that does not depend on what was found: then the mean over runs is the truth. */
static void weights_keep_the_rate_unbiased(void)
{
    enum { MOVES = 30, MANY = 80 };

    struct search *s = malloc(sizeof *s);
    double sum = 0, squares = 0, plain = 0;

    for (uint32_t run = 0; s && run < MANY; run++) {
        begin(s, 50e3, run);
        for (uint64_t move = 0; move < MOVES; move++)
            adaptive_move(s, 7000 + run, move);
        double rate = s->weighted / (double)s->sends;

        sum += rate;
        squares += rate * rate;
        plain += (double)s->losses / (double)s->sends;
    }
    double mean = sum / MANY, error = sqrt((squares / MANY - mean * mean) / MANY);

    (void)printf("  true rate 0.00500: weighted %.5f +- %.5f, unweighted %.4f\n", mean, error,
                 plain / MANY);
    CHECK(error < 0.0006);
    CHECK_BETWEEN(mean, 0.005 - 3.5 * error, 0.005 + 3.5 * error);
    CHECK(plain / MANY > 0.05); /* what weights are for */
    free(s);
}

static void a_plan_is_ascending_within_the_phase_and_repeats(void)
{
    struct search *s = malloc(sizeof *s);
    struct aimed once[200], again[200];

    if (!s)
        return;
    begin(s, 50e3, 3);
    for (uint64_t move = 0; move < 30; move++) {
        struct aim_order o = order(s, 77, move);
        double weights = 0, shots = 200;
        size_t bins = aim_plan(&o, once, COUNT(once));

        CHECK(bins >= 1 && bins <= AIM_BINS);
        CHECK_U64(aim_plan(&o, again, COUNT(again)), bins);
        for (size_t i = 0; i < COUNT(once); i++) {
            CHECK_BETWEEN(once[i].phase, i ? once[i - 1].phase : 0, SPAN_US);
            CHECK(once[i].weight > 0 && once[i].bin < bins);
            CHECK(again[i].phase == once[i].phase && again[i].weight == once[i].weight &&
                  again[i].bin == once[i].bin);
            weights += once[i].weight;
            shoot(s, once[i].phase, once[i].weight);
        }
        /* So evenly drawn, the weights add up to what they stand for; no weight is large, since a tenth goes by time. */
        CHECK_BETWEEN(weights / shots, .85, 1.15);
    }
    free(s);
}

static uint32_t sends_within(const struct aimed *sends, size_t n, double low, double high)
{
    uint32_t count = 0;

    for (size_t i = 0; i < n; i++)
        count += sends[i].phase >= low && sends[i].phase <= high;
    return count;
}

static void nothing_is_ruled_out_unseen(void)
{
    static struct shot shots[3000];
    struct aimed sends[1000];
    size_t n = 0;

    for (uint32_t i = 0; i < 2000; i++) /* all that is known lies in the first half */
        shots[n++] = (struct shot){i * 2500.0, i >= 900 && i < 1000, 0};
    struct aim_order o = {.range = {0, SPAN_US},
                          .finest = FINEST_US,
                          .shots = shots,
                          .count = n,
                          .random = rng_at(1, 1, 1)};
    (void)aim_plan(&o, sends, COUNT(sends));
    uint32_t far_half = sends_within(sends, COUNT(sends), SPAN_US / 2, SPAN_US);

    CHECK_BETWEEN(far_half, 45, 400);
    for (size_t i = 0; i < COUNT(sends); i++)
        CHECK(sends[i].weight <= 10.001);
    /* Both edges are looked at: 2,250,000 and 2,497,500, each between two of the shots before. */
    CHECK(sends_within(sends, COUNT(sends), 2247500, 2250000) > 100);
    CHECK(sends_within(sends, COUNT(sends), 2497500, 2500000) > 100);
}

/* Lost for another reason: it draws sends for a while, and then the search goes on. */
static void a_loss_far_off_does_not_hide_the_window(void)
{
    struct search *s = malloc(sizeof *s);
    uint32_t found = 0;

    for (uint32_t run = 0; s && run < 20; run++) {
        begin(s, 50e3, run);
        s->shots[s->sends++] = (struct shot){s->window.low > SPAN_US / 2 ? 1e6 : 9e6, true, 0};
        for (uint64_t move = 0; !is_found(s) && move < 150; move++)
            adaptive_move(s, 31 + run, move);
        found += is_found(s);
    }
    CHECK_BETWEEN(found, 18, 20);
    free(s);
}

static void odd_knowledge_makes_a_plan_all_the_same(void)
{
    static const double phases[] = {0, SPAN_US, -5, SPAN_US * 2};
    struct shot shots[64];
    struct aimed sends[3];

    for (uint32_t kind = 0; kind < 8; kind++) { /* all at one phase; all lost; outside */
        for (size_t i = 0; i < COUNT(shots); i++)
            shots[i] = (struct shot){kind < 4 ? phases[kind] : phases[i % 4], kind % 2 == 0, 0};
        struct aim_order o = {.range = {0, SPAN_US},
                              .finest = FINEST_US,
                              .shots = shots,
                              .count = COUNT(shots),
                              .random = rng_at(2, 2, kind)};
        CHECK(aim_plan(&o, sends, COUNT(sends)) >= 1);
        for (size_t i = 0; i < COUNT(sends); i++) {
            CHECK_BETWEEN(sends[i].phase, 0, SPAN_US);
            CHECK(isfinite(sends[i].weight) && sends[i].weight > 0);
        }
    }
}

static const struct test tests[] = {
    TEST(planted_windows_are_found_with_few_sends_and_their_edges_covered),
    TEST(weights_keep_the_rate_unbiased),
    TEST(a_plan_is_ascending_within_the_phase_and_repeats),
    TEST(nothing_is_ruled_out_unseen),
    TEST(a_loss_far_off_does_not_hide_the_window),
    TEST(odd_knowledge_makes_a_plan_all_the_same),
    TEST_END,
};
const struct suite aim_plan_suite = {"aim_plan", tests};
