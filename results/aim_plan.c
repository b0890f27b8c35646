/* aim_plan.c - a density over a move, made of pieces; the sends are its quantiles. */
#include "results/aim_plan.h"

#include <math.h>
#include <stdlib.h>

#include "base/err.h"
#include "results/special.h"

#define FINE_BINS                                                                                  \
    1024.0 /* before anything is known, no bin is shorter than this part of the range */
#define QUIET_RATE  0.02 /* bins merge below this rate, */
#define QUIET_ALPHA 0.05 /* known with this confidence */
#define DRAWS       64   /* from the posterior of each bin */
#define ROUNDS      16   /* of refining */
#define CELLS       512
#define EDGE_SHOTS  8192 /* the nearest ones are enough */
#define QUANTILES   8
#define ZOOMS       6
#define UNLIKELY    1e-3 /* where the grid is not laid again */
#define TO_EDGES    0.6  /* of sends, once something was lost */
#define PIECES      (AIM_BINS + 1 + 2 * QUANTILES)

struct piece { /* of the density: this much of all sends goes evenly to this part of the range */
    struct interval at;
    double mass;
};

struct density {
    struct piece pieces[PIECES];
    size_t count;
    double borders[2 * PIECES]; /* ascending; the density is even between two of them */
    size_t border_count;
};

static void piece_add(struct density *d, struct interval at, double mass)
{
    PM_ASSERT(d->count < PIECES);
    if (mass > 0 && at.high > at.low)
        d->pieces[d->count++] = (struct piece){at, mass};
}

/* ------------------------------------------------------------------------------------------------------------ bins */

size_t aim_bins(const struct aim_order *o, struct bin *bins)
{
    struct interval range = o->range;
    const double mark = 0;
    const struct bracket b = window_bracket(o->shots, o->count);
    double length = range.high - range.low;
    struct bin_rules rules = {.finest = o->finest, .target = QUIET_RATE, .alpha = QUIET_ALPHA};
    size_t n =
        bins_around(range, &mark, 1, fmax(o->finest, length / FINE_BINS), bins, AIM_BINS / 2);

    if (b.losses > 1) /* the window is a few bins long, and its edges are not found by bins */
        rules.finest = fmax(o->finest, (b.end.low - b.begin.high) / 8);
    for (int i = 0; i < ROUNDS; i++) {
        size_t before = n;

        n = bins_refine(bins, n, AIM_BINS, &rules, o->shots, o->count);
        if (n == before)
            break;
    }
    return n;
}

/* How often each bin wins a draw: then the chance to be chosen is known, which a weight needs. */
static void add_bins(struct density *d, const struct bin *bins, size_t n, struct rng *r,
                     double floor, double mass)
{
    uint32_t wins[AIM_BINS] = {0};

    for (int i = 0; i < DRAWS; i++)
        wins[bins_choose(bins, n, 0, r)]++;
    for (size_t i = 0; i < n; i++)
        piece_add(d, bins[i].at, floor / (double)n + mass * wins[i] / DRAWS);
}

/* ----------------------------------------------------------------------------------------------------------- edges */

/* The median loss by bisection over the range: no memory, and the shots are in any order. */
static double median_loss(const struct aim_order *o, uint64_t losses)
{
    struct interval in = o->range;

    for (int i = 0; i < 48; i++) {
        double at = in.low + (in.high - in.low) / 2;
        uint64_t below = 0;

        for (size_t k = 0; k < o->count; k++)
            below += o->shots[k].lost && o->shots[k].phase <= at;
        if (2 * below < losses)
            in.low = at;
        else
            in.high = at;
    }
    return in.high;
}

/* Survivors between the first loss and the last say how often an answer is wrong: at blurred edges, or where not everything
 * inside is lost. */
static double error_of(const struct bracket *b)
{
    double inside = (double)b->inside, losses = (double)b->losses;

    return fmin(0.4, fmax(0.01, (inside + 0.5) / (inside + losses + 1)));
}

static void learn_edge(struct edge_search *e, const struct aim_order *o)
{
    size_t learned = 0;

    for (size_t i = o->count; i-- > 0 && learned < EDGE_SHOTS;) { /* the newest first */
        double phase = o->shots[i].phase;

        if (phase < e->range.low || phase > e->range.high)
            continue;
        edge_learn(e, phase, o->shots[i].lost);
        learned++;
    }
}

/* The grid is laid anew over what is likely until its cells are fine: a loss far off makes the first one coarse. */
static void search_edge(struct edge_search *e, const struct aim_order *o, struct interval range,
                        double *cells)
{
    edge_start(e, range, cells, CELLS);
    learn_edge(e, o);
    for (int i = 0; i < ZOOMS && range.high - range.low > CELLS / 8.0 * o->finest; i++) {
        double cell = (range.high - range.low) / CELLS;
        struct interval likely = edge_interval(e, UNLIKELY);

        likely.low = fmax(range.low, likely.low - cell);
        likely.high = fmin(range.high, likely.high + cell);
        if (likely.high - likely.low > (range.high - range.low) / 2)
            break;
        range = likely;
        edge_start(e, range, cells, CELLS);
        learn_edge(e, o);
    }
}

/* Spreads `mass` by where the edge may be. false: it is known as well as it can be. */
static bool add_edge(struct density *d, const struct aim_order *o, struct interval range,
                     bool begins, double error, double mass)
{
    double cells[CELLS];
    struct edge_search e = {.error = error, .begins = begins};

    if (range.high - range.low <= o->finest)
        return false;
    search_edge(&e, o, range, cells);
    struct interval sure = edge_interval(&e, 0.05);
    if (sure.high - sure.low <= o->finest)
        return false;
    double least = (e.range.high - e.range.low) / CELLS;

    for (int i = 0; i < QUANTILES; i++) {
        double low = edge_quantile(&e, (double)i / QUANTILES);
        double high = edge_quantile(&e, (double)(i + 1) / QUANTILES);

        if (high - low < least)
            low = fmax(e.range.low, high - least);
        if (low < e.range.low + least)
            high = fmax(high, low + least);
        piece_add(d, (struct interval){low, high}, mass / QUANTILES);
    }
    return true;
}

/* Returns what was spent of `mass`. */
static double add_edges(struct density *d, const struct aim_order *o, const struct bracket *b,
                        double mass)
{
    double middle = median_loss(o, b->losses), error = error_of(b), spent = 0;
    double low = fmax(o->range.low, b->begin.low), high = fmin(o->range.high, b->end.high);

    /* The nearest survivor may be one that was lucky: the edge may lie beyond it, too. */
    low = fmax(o->range.low, low - (middle - low) / 2);
    high = fmin(o->range.high, high + (high - middle) / 2);
    spent += add_edge(d, o, (struct interval){low, middle}, true, error, mass / 2) ? mass / 2 : 0;
    spent += add_edge(d, o, (struct interval){middle, high}, false, error, mass / 2) ? mass / 2 : 0;
    return spent;
}

/* --------------------------------------------------------------------------------------------------------- density */

static int border_order(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void find_borders(struct density *d)
{
    for (size_t i = 0; i < d->count; i++) {
        d->borders[d->border_count++] = d->pieces[i].at.low;
        d->borders[d->border_count++] = d->pieces[i].at.high;
    }
    qsort(d->borders, d->border_count, sizeof *d->borders, border_order);
}

static double density_at(const struct density *d, double phase)
{
    double sum = 0;

    for (size_t i = 0; i < d->count; i++) {
        const struct piece *p = &d->pieces[i];

        if (phase >= p->at.low && phase < p->at.high)
            sum += p->mass / (p->at.high - p->at.low);
    }
    return sum;
}

static uint32_t bin_at(const struct bin *bins, size_t n, double phase)
{
    uint32_t i = 0;

    while (i + 1 < n && phase >= bins[i].at.high)
        i++;
    return i;
}

/* The quantiles (i+u)/n of the density: one walk over its borders. */
static void draw(const struct density *d, const struct aim_order *o, double u, struct aimed *out,
                 size_t n)
{
    double below = 0, length = o->range.high - o->range.low;
    size_t k = 0;

    for (size_t i = 0; i + 1 < d->border_count; i++) {
        double low = d->borders[i], high = d->borders[i + 1];
        double here = high > low ? density_at(d, low + (high - low) / 2) : 0;
        double mass = here * (high - low);

        while (k < n && mass > 0 && ((double)k + u) / (double)n <= below + mass) {
            double part = fmin(1, fmax(0, (((double)k + u) / (double)n - below) / mass));

            out[k++] = (struct aimed){low + part * (high - low), 1 / (length * here), 0};
        }
        below += mass;
    }
    for (; k < n; k++) /* sums of masses may end just below 1 */
        out[k] = (struct aimed){o->range.high,
                                1 / (length * density_at(d, o->range.high - o->finest / 2)), 0};
}

/* What the edges do not need any more goes by time again: there may be another window, or this was none. */
static void build(struct density *d, const struct aim_order *o, const struct bin *bins, size_t n,
                  struct rng *r)
{
    const struct bracket b = window_bracket(o->shots, o->count);
    double edges = b.losses ? add_edges(d, o, &b, TO_EDGES) : 0;
    double by_time = b.losses ? AIM_FLOOR / 2 + TO_EDGES - edges : 0.5;

    piece_add(d, o->range, by_time);
    add_bins(d, bins, n, r, AIM_FLOOR / 2, 1 - edges - by_time - AIM_FLOOR / 2);
    find_borders(d);
}

size_t aim_plan(const struct aim_order *o, struct aimed *out, size_t n)
{
    struct bin bins[AIM_BINS];
    struct density d = {.count = 0};
    struct rng r = o->random;

    PM_ASSERT(o->range.low < o->range.high && o->finest > 0 && n >= 1);
    size_t bin_count = aim_bins(o, bins);
    build(&d, o, bins, bin_count, &r);
    draw(&d, o, rng_unit(&r), out, n);
    for (size_t i = 0; i < n; i++)
        out[i].bin = bin_at(bins, bin_count, out[i].phase);
    return bin_count;
}
