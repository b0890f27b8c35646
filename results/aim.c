/* aim.c - where in a move to send next. */
#include "results/aim.h"

#include <math.h>
#include <string.h>

#include "base/err.h"
#include "results/special.h"

#define GOLDEN_64  0x9e3779b97f4a7c15ull /* the same, times 2^64: exact for any move */
#define GOLDEN_GAP 1.895

static double golden_part(uint64_t i)
{
    return (double)((i * GOLDEN_64) >> 11) * 0x1p-53;
}

double comb_offset(uint64_t move, double step)
{
    return golden_part(move) * step;
}

uint64_t comb_moves(double width, double step, double confidence)
{
    PM_ASSERT(step > 0);
    return sample_for_zero(width / step, confidence);
}

uint64_t comb_moves_sure(double width, double step)
{
    PM_ASSERT(step > 0);
    if (!(width > 0))
        return SAMPLE_NEVER;
    if (width >= step)
        return 1;
    return (uint64_t)fmin(ceil(GOLDEN_GAP * step / width), 1e18);
}

/* The next border after `from`: the bin is as long as its distance from the nearest mark, and no shorter than finest. */
static double next_border(double from, double high, const double *marks, size_t n, double finest)
{
    double next = high;

    for (size_t i = 0; i < n; i++) {
        double off = from - marks[i];
        /* Behind a mark lengths double; before it they halve, and the mark itself is a border. */
        double to = off >= 0 ? from + fmax(off, finest) : from + fmax(-off / 2, finest);

        if (off < 0 && to > marks[i] - finest / 2)
            to = marks[i];
        next = fmin(next, to);
    }
    return next;
}

size_t bins_around(struct interval range, const double *marks, size_t mark_count, double finest,
                   struct bin *bins, size_t max)
{
    PM_ASSERT(range.low < range.high && finest > 0 && max >= 1);
    for (;;) { /* coarser until they fit */
        double low = range.low;
        size_t n = 0;

        while (low < range.high && n < max) {
            double high = next_border(low, range.high, marks, mark_count, finest);

            if (!(high > low) || range.high - high < finest / 2)
                high = range.high;
            bins[n++] = (struct bin){{low, high}, {0, 0}};
            low = high;
        }
        if (low >= range.high)
            return n;
        if (finest > range.high - range.low || max == 1) {
            bins[0] = (struct bin){range, {0, 0}};
            return 1;
        }
        finest *= 2;
    }
}

/* The bin of a phase; count where there is none. */
static size_t bin_of(const struct bin *bins, size_t count, double phase)
{
    size_t low = 0;
    size_t high = count;

    if (count == 0 || !(phase >= bins[0].at.low && phase <= bins[count - 1].at.high))
        return count;
    while (high - low > 1) {
        size_t mid = low + (high - low) / 2;

        if (phase < bins[mid].at.low)
            high = mid;
        else
            low = mid;
    }
    return low;
}

void bins_count(struct bin *bins, size_t count, const struct shot *shots, size_t n)
{
    for (size_t i = 0; i < count; i++)
        bins[i].seen = (struct proportion){0, 0};
    for (size_t i = 0; i < n; i++) {
        size_t b = bin_of(bins, count, shots[i].phase);

        if (b < count) {
            bins[b].seen.n++;
            bins[b].seen.k += shots[i].lost;
        }
    }
}

static double length_of(const struct bin *b)
{
    return b->at.high - b->at.low;
}

static size_t bins_merge(struct bin *bins, size_t count, const struct bin_rules *rules)
{
    size_t kept = 0;

    for (size_t i = 1; i < count; i++) {
        struct bin *last = &bins[kept];
        struct proportion both = {last->seen.k + bins[i].seen.k, last->seen.n + bins[i].seen.n};

        if (both.k == 0 && last->seen.n > 0 && bins[i].seen.n > 0 &&
            proportion_upper(both, rules->alpha) < rules->target) {
            last->at.high = bins[i].at.high;
            last->seen = both;
        } else {
            bins[++kept] = bins[i];
        }
    }
    return kept + 1;
}

size_t bins_refine(struct bin *bins, size_t count, size_t max, const struct bin_rules *rules,
                   const struct shot *shots, size_t n)
{
    PM_ASSERT(count >= 1 && rules->finest > 0);
    bins_count(bins, count, shots, n);
    count = bins_merge(bins, count, rules);
    for (size_t i = count; i-- > 0;) {
        struct bin *b = &bins[i];
        double middle = b->at.low + length_of(b) / 2;

        if (b->seen.k < 2 || length_of(b) < 2 * rules->finest || count >= max)
            continue;
        memmove(b + 1, b, (count - i) * sizeof *b);
        b->at.high = middle;
        b[1].at.low = middle;
        count++;
    }
    bins_count(bins, count, shots, n);
    return count;
}

size_t bins_choose(const struct bin *bins, size_t count, double floor, struct rng *r)
{
    size_t best = 0;
    double most = -1;

    PM_ASSERT(count >= 1);
    if (rng_unit(r) < floor)
        return rng_below(r, count);
    for (size_t i = 0; i < count; i++) {
        struct proportion p = bins[i].seen;
        double draw = beta_draw(r, 0.5 + (double)p.k, 0.5 + (double)(p.n - p.k));

        if (draw > most) {
            most = draw;
            best = i;
        }
    }
    return best;
}

double bin_phase(const struct bin *bin)
{
    return bin->at.low + golden_part(bin->seen.n + 1) * length_of(bin);
}

struct totals {
    double length;
    uint64_t sent;
};

static struct totals bins_total(const struct bin *bins, size_t count)
{
    struct totals t = {0, 0};

    for (size_t i = 0; i < count; i++) {
        t.length += length_of(&bins[i]);
        t.sent += bins[i].seen.n;
    }
    return t;
}

double bin_weight(const struct bin *bins, size_t count, size_t i)
{
    struct totals t = bins_total(bins, count);

    PM_ASSERT(i < count);
    if (bins[i].seen.n == 0 || !(t.length > 0))
        return 0;
    return length_of(&bins[i]) / t.length * (double)t.sent / (double)bins[i].seen.n;
}

struct strata strata_of(const struct bin *bins, size_t count, double alpha)
{
    struct totals t = bins_total(bins, count);
    struct strata s = {.interval = {0, 1}};
    double variance = 0;
    double open_below = 0;
    double open_above = 0;

    PM_ASSERT(alpha > 0 && alpha < 1);
    if (!(t.length > 0))
        return s;
    for (size_t i = 0; i < count; i++) {
        struct proportion p = bins[i].seen;
        double share = length_of(&bins[i]) / t.length;
        double rate = proportion_rate(p);

        s.rate += share * rate;
        s.covered += p.n > 0 ? share : 0;
        if (p.n > 0)
            variance += share * share * rate * (1 - rate) / (double)p.n;
        if (p.k == 0)
            open_above += share * proportion_upper(p, alpha / 2);
        if (p.k == p.n && p.n > 0)
            open_below += share * (1 - proportion_lower(p, alpha / 2));
    }
    s.se = sqrt(variance);
    s.width = s.rate * t.length;
    double z = -normal_quantile(alpha / 2);
    s.interval = (struct interval){fmax(0, s.rate - z * s.se - open_below),
                                   fmin(1, s.rate + z * s.se + open_above)};
    return s;
}

void edge_start(struct edge_search *e, struct interval range, double *mass, size_t cells)
{
    PM_ASSERT(range.low < range.high && cells >= 1 && e->error > 0 && e->error < 0.5);
    e->range = range;
    e->mass = mass;
    e->cells = cells;
    for (size_t i = 0; i < cells; i++)
        mass[i] = 1 / (double)cells;
}

static double cell_length(const struct edge_search *e)
{
    return (e->range.high - e->range.low) / (double)e->cells;
}

double edge_quantile(const struct edge_search *e, double q)
{
    double below = 0;

    for (size_t i = 0; i < e->cells; i++) {
        if (e->mass[i] > 0 && below + e->mass[i] >= q)
            return e->range.low + cell_length(e) * ((double)i + fmax(0, q - below) / e->mass[i]);
        below += e->mass[i];
    }
    return e->range.high;
}

void edge_learn(struct edge_search *e, double phase, bool lost)
{
    double at = (phase - e->range.low) / cell_length(e); /* in cells */
    double earlier =
        lost == e->begins ? 1 - e->error : e->error; /* P(answer | edge before phase) */
    double sum = 0;

    for (size_t i = 0; i < e->cells; i++) {
        double before = fmin(fmax(at - (double)i, 0), 1); /* the part of the cell before phase */

        e->mass[i] *= before * earlier + (1 - before) * (1 - earlier);
        sum += e->mass[i];
    }
    for (size_t i = 0; i < e->cells; i++)
        e->mass[i] /= sum;
}

struct interval edge_interval(const struct edge_search *e, double alpha)
{
    return (struct interval){edge_quantile(e, alpha / 2), edge_quantile(e, 1 - alpha / 2)};
}

uint64_t edge_moves(double range, double resolution, double error, uint64_t sends)
{
    PM_ASSERT(range > 0 && resolution > 0 && error >= 0);
    if (range <= resolution)
        return 0;
    if (!(error < 0.5) || sends == 0)
        return SAMPLE_NEVER;
    double entropy = error > 0 ? -(error * log2(error) + (1 - error) * log2(1 - error)) : 0;
    double moves = log(range / resolution) / log1p((double)sends) / (1 - entropy);
    return (uint64_t)fmin(ceil(moves - 1e-9), 1e18);
}
