/* window_edges.c - where a window begins and ends when its edges are blurred and not everything inside is lost.
 *
 * Each edge has a grid of places, on which one zooms in until it is as fine as what is likely is wide. It is even in shots, not
 * in time, so that it is fine where the sends were. The end is looked
 * at in a mirror, so that both are beginnings. Shots further than REACH jitters from an edge are not evaluated one by one:
 * only how many of them were lost counts.
 */
#include "results/window_edges.h"

#include <math.h>
#include <string.h>

#include "base/err.h"
#include "results/special.h"

#define PLACES  96
#define JITTERS 10
#define HITS    11
#define ZOOMS   12
#define ROUNDS  5
#define REACH   6.0
#define PRODUCT 48   /* factors of which one logarithm is taken: 1e-5 to the 48th is a number yet */
#define BUNDLES 128  /* of shots around an edge, where there are so many that these are cheaper: */
#define BUNDLED 1024 /* from as many on. A bundle is a tenth of a jitter, then, or less */
#define RARE    1e-5 /* a loss outside the window: never quite impossible */
#define LEANING                                                                                    \
    0.25 /* how much: covers blurred edges as often as said, and widens sharp ones little */
#define FAINT 14.0 /* e^-14 of the most likely is not looked at more closely */

/* The shots of one edge, seen so that the window begins after it. */
struct side {
    const struct shot *list;
    size_t all, n; /* of the whole list; on this side */
    bool mirrored;
    double jitters[JITTERS], hits[HITS];
};

struct table {
    double low, step; /* cell p goes from low + p step to low + (p + 1) step, in shots */
    double ln[JITTERS][HITS][PLACES]; /* ln P(data of this side | place, jitter, hit) */
    bool open;                        /* what is likely reaches the first shot: nothing bounds it */
};

static const struct shot *shot_at(const struct side *s, size_t i)
{
    return &s->list[s->mirrored ? s->all - 1 - i : i];
}

static double phase_at(const struct side *s, size_t i)
{
    double phase = shot_at(s, i)->phase;

    return s->mirrored ? -phase : phase;
}

/* The phase of a place that is given in shots: 1.5 is midway between the second and the third. */
static double phase_of(const struct side *s, double place)
{
    size_t i = (size_t)fmax(place, 0);

    if (i + 1 >= s->n)
        return phase_at(s, s->n - 1);
    double from = phase_at(s, i);
    return from + (place - (double)i) * (phase_at(s, i + 1) - from);
}

static double cell_border(const struct table *t, const struct side *s, size_t p)
{
    return phase_of(s, t->low + (double)p * t->step);
}

/* The first shot of the side at this phase or later. */
static size_t shot_from(const struct side *s, double phase)
{
    size_t low = 0;
    size_t high = s->n;

    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (phase_at(s, mid) < phase)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static double lost_between(const struct side *s, size_t from, size_t to)
{
    if (from >= to)
        return 0;
    const struct shot *first =
        shot_at(s, s->mirrored ? to - 1 : from); /* in the order of the list */
    const struct shot *last = shot_at(s, s->mirrored ? from : to - 1);

    return (double)last->lost_before + last->lost - (double)first->lost_before;
}

struct blur {
    double place, jitter;
};

/* Adds to ln the shots from..to, at most PRODUCT of them, but for the hit of those that were lost, whose number it returns. No
 * factor is less than RARE or 1 - the largest hit: their product has a logarithm, and one is enough. */
static double add_product(const struct side *s, size_t from, size_t to, struct blur edge,
                          double *ln)
{
    double kept[HITS];
    double parts = 1;
    double lost = 0;

    for (size_t h = 0; h < HITS; h++)
        kept[h] = 1;
    for (size_t i = from; i < to; i++) {
        double part = normal_cdf((phase_at(s, i) - edge.place) / edge.jitter);

        if (shot_at(s, i)->lost) {
            parts *= fmax(part, RARE);
            lost++;
            continue;
        }
        for (size_t h = 0; h < HITS; h++)
            kept[h] *= 1 - s->hits[h] * part;
    }
    for (size_t h = 0; h < HITS; h++)
        ln[h] += log(kept[h]) + log(parts);
    return lost;
}

/* The same of a bundle of neighbours, however many, as if all were in the midst of it: what that shifts an edge by is a fraction
 * of the width of its interval. */
static double add_bundle(const struct side *s, size_t from, size_t to, struct blur edge, double *ln)
{
    double part = normal_cdf((phase_at(s, from + (to - from) / 2) - edge.place) / edge.jitter);
    double lost = lost_between(s, from, to);
    double kept = (double)(to - from) - lost;
    double common = lost > 0 ? lost * log(fmax(part, RARE)) : 0;

    for (size_t h = 0; h < HITS; h++)
        ln[h] += common + kept * log1p(-s->hits[h] * part);
    return lost;
}

static double add_shots(const struct side *s, size_t from, size_t to, struct blur edge, double *ln)
{
    bool bundled = to - from > BUNDLED;
    size_t step = bundled ? (to - from) / BUNDLES + 1 : PRODUCT;
    double lost = 0;

    for (; from < to; from += step) {
        size_t end = to - from > step ? from + step : to;

        lost += bundled ? add_bundle(s, from, end, edge, ln) : add_product(s, from, end, edge, ln);
    }
    return lost;
}

/* ln P of the side's shots with the edge at a place, for all hits at once. */
static void place_log(const struct side *s, double place, double jitter, double *ln)
{
    size_t near = shot_from(s, place - REACH * jitter);
    size_t inside = shot_from(s, place + REACH * jitter);
    double lost = lost_between(s, inside, s->n); /* each of them with probability hit */
    double kept = (double)(s->n - inside) - lost;
    double common = lost_between(s, 0, near) * log(RARE);

    for (size_t h = 0; h < HITS; h++)
        ln[h] = kept * log1p(-s->hits[h]);
    if (near < inside)
        lost += add_shots(s, near, inside, (struct blur){place, jitter}, ln);
    for (size_t h = 0; h < HITS; h++)
        ln[h] += common + lost * log(s->hits[h]);
}

static void table_fill(struct table *t, const struct side *s)
{
    for (size_t j = 0; j < JITTERS; j++)
        for (size_t p = 0; p < PLACES; p++) {
            double ln[HITS];

            place_log(s, phase_of(s, t->low + ((double)p + 0.5) * t->step), s->jitters[j], ln);
            for (size_t h = 0; h < HITS; h++)
                t->ln[j][h][p] = ln[h];
        }
}

static double table_most(const struct table *t)
{
    const double *ln = &t->ln[0][0][0];
    double most = -INFINITY;

    for (size_t i = 0; i < sizeof t->ln / sizeof *ln; i++)
        most = fmax(most, ln[i]);
    return most;
}

static bool place_likely(const struct table *t, size_t p, double limit)
{
    for (size_t j = 0; j < JITTERS; j++)
        for (size_t h = 0; h < HITS; h++)
            if (t->ln[j][h][p] > limit)
                return true;
    return false;
}

/* Narrows the grid, from the first shot of the side to its last, to the places that are likely. */
static void table_zoom(struct table *t, const struct side *s)
{
    t->low = 0;
    t->step = (double)(s->n - 1) / PLACES;
    for (int zoom = 0; zoom < ZOOMS; zoom++) {
        size_t from = 0;
        size_t to = PLACES;

        table_fill(t, s);
        double limit = table_most(t) - FAINT;
        while (from < PLACES && !place_likely(t, from, limit))
            from++;
        while (to > from && !place_likely(t, to - 1, limit))
            to--;
        t->open = from == 0 && t->low <= 0;
        from = from > 0 ? from - 1 : 0;
        to = to < PLACES ? to + 1 : PLACES;
        if (to - from > PLACES / 2)
            break;
        t->low += (double)from * t->step;
        t->step *= (double)(to - from) / PLACES;
    }
}

/* ln of how likely each jitter and hit are by one side, its places summed up, and beforehand: larger jitters a little more. */
static void table_sum(const struct table *t, const struct side *s, double sums[JITTERS][HITS])
{
    for (size_t j = 0; j < JITTERS; j++)
        for (size_t h = 0; h < HITS; h++) {
            double most = -INFINITY;
            double sum = 0;

            for (size_t p = 0; p < PLACES; p++)
                most = fmax(most, t->ln[j][h][p]);
            for (size_t p = 0; p < PLACES; p++)
                sum +=
                    exp(t->ln[j][h][p] - most) * (cell_border(t, s, p + 1) - cell_border(t, s, p));
            sums[j][h] = most + log(sum) + LEANING * log(s->jitters[j]);
        }
}

/* The largest sum of what both sides say of a jitter and a hit. */
static double sums_most(double a[JITTERS][HITS], double b[JITTERS][HITS])
{
    double most = -INFINITY;

    for (size_t j = 0; j < JITTERS; j++)
        for (size_t h = 0; h < HITS; h++)
            most = fmax(most, a[j][h] + b[j][h]);
    return most;
}

/* How likely each place is, with jitter and hit as likely as the other side says. Adds up to 1. */
static void table_places(const struct table *t, const struct side *s, double other[JITTERS][HITS],
                         double *mass)
{
    double most = -INFINITY;
    double sum = 0;

    for (size_t j = 0; j < JITTERS; j++)
        for (size_t h = 0; h < HITS; h++)
            for (size_t p = 0; p < PLACES; p++)
                most = fmax(most, other[j][h] + t->ln[j][h][p]);
    for (size_t p = 0; p < PLACES; p++) {
        mass[p] = 0;
        for (size_t j = 0; j < JITTERS && isfinite(most); j++)
            for (size_t h = 0; h < HITS; h++)
                mass[p] += exp(other[j][h] + t->ln[j][h][p] - most);
        mass[p] *= cell_border(t, s, p + 1) - cell_border(t, s, p);
        sum += mass[p];
    }
    for (size_t p = 0; p < PLACES; p++)
        mass[p] = sum > 0 ? mass[p] / sum : 1.0 / PLACES;
}

/* The phase below which the edge is with probability q; `way` is half a cell wider on one side, for the grid. */
static double places_quantile(const struct table *t, const struct side *s, const double *mass,
                              double q, double way)
{
    double below = 0;
    size_t p = 0;

    while (p + 1 < PLACES && !(mass[p] > 0 && below + mass[p] >= q))
        below += mass[p++];
    double from = cell_border(t, s, p);
    double length = cell_border(t, s, p + 1) - from;
    double part = mass[p] > 0 ? fmin((q - below) / mass[p], 1) : 1;
    return from + length * (part + way / 2);
}

/* The place, and its interval, of an edge seen as a beginning. */
static double edge_place(const struct table *t, const struct side *s, double other[JITTERS][HITS],
                         double alpha, struct interval *in)
{
    double mass[PLACES];

    table_places(t, s, other, mass);
    in->low = t->open ? -INFINITY : places_quantile(t, s, mass, alpha / 2, -1);
    in->high = places_quantile(t, s, mass, 1 - alpha / 2, 1);
    return places_quantile(t, s, mass, 0.5, 0);
}

static void nuisance(struct edges *e, const struct side *s, double a[JITTERS][HITS],
                     double b[JITTERS][HITS])
{
    double most = sums_most(a, b);
    double sum = 0;
    double jitter = 0;

    for (size_t j = 0; j < JITTERS; j++)
        for (size_t h = 0; h < HITS; h++) {
            double weight = isfinite(most) ? exp(a[j][h] + b[j][h] - most) : 1;

            sum += weight;
            jitter += weight * log(s->jitters[j]);
            e->hit += weight * s->hits[h];
        }
    e->hit /= sum;
    e->jitter = exp(jitter / sum);
}

/* How many shots come before the middle one of the losses, itself included in neither half of an odd number. */
static size_t middle_of(const struct shot *list, size_t n, uint64_t losses)
{
    size_t i = 0;

    while (i < n && list[i].lost_before + list[i].lost < losses / 2 + losses % 2)
        i++;
    return i + 1;
}

/* A finer grid over the values that are likely, and their neighbours; false where more than half are. */
static bool grid_narrow(double *grid, const double *likely, size_t n, bool log_scale)
{
    size_t from = 0;
    size_t to = n - 1;

    while (from < to && likely[from] < exp(-FAINT))
        from++;
    while (to > from && likely[to] < exp(-FAINT))
        to--;
    from = from > 0 ? from - 1 : 0;
    to = to + 1 < n ? to + 1 : n - 1;
    if (to - from > n / 2)
        return false;
    double low = grid[from];
    double high = grid[to];
    for (size_t i = 0; i < n; i++) {
        double part = (double)i / (double)(n - 1);

        grid[i] = log_scale ? low * pow(high / low, part) : low + part * (high - low);
    }
    return true;
}

/* Both sides' jitters and hits become as fine as both sides' shots say; false when they are. */
static bool sides_narrow(struct side *left, struct side *right, double a[JITTERS][HITS],
                         double b[JITTERS][HITS])
{
    double jitters[JITTERS] = {0};
    double hits[HITS] = {0};
    double most = sums_most(a, b);

    if (!isfinite(most))
        return false;
    for (size_t j = 0; j < JITTERS; j++)
        for (size_t h = 0; h < HITS; h++) {
            double likely = exp(a[j][h] + b[j][h] - most);

            jitters[j] = fmax(jitters[j], likely);
            hits[h] = fmax(hits[h], likely);
        }
    bool finer = grid_narrow(left->jitters, jitters, JITTERS, true);
    finer |= grid_narrow(left->hits, hits, HITS, false);
    memcpy(right->jitters, left->jitters, sizeof left->jitters);
    memcpy(right->hits, left->hits, sizeof left->hits);
    return finer;
}

static struct edges edges_fit(struct side *left, struct side *right, double alpha)
{
    struct table tables[2];
    double sums[2][JITTERS][HITS];
    struct interval mirrored;
    struct edges e = {.fitted = true};

    for (int round = 0; round < ROUNDS; round++) {
        table_zoom(&tables[0], left);
        table_zoom(&tables[1], right);
        table_sum(&tables[0], left, sums[0]);
        table_sum(&tables[1], right, sums[1]);
        if (round + 1 < ROUNDS && !sides_narrow(left, right, sums[0], sums[1]))
            break;
    }
    nuisance(&e, left, sums[0], sums[1]);
    e.begin = edge_place(&tables[0], left, sums[1], alpha, &e.begin_interval);
    e.end = -edge_place(&tables[1], right, sums[0], alpha, &mirrored);
    e.end_interval = (struct interval){-mirrored.high, -mirrored.low};
    return e;
}

struct edges window_edges(const struct shot *list, size_t n, double jitter_floor, double alpha)
{
    struct bracket b = window_bracket(list, n);
    double range = b.end.low - b.begin.high;

    PM_ASSERT(alpha > 0 && alpha < 1);
    if (b.losses < 3 || b.losses == n || !(range > 0))
        return (struct edges){0};
    double floor = jitter_floor > 0 ? jitter_floor : range / 1000;
    double ceiling = fmax(range / 3, 2 * floor);
    size_t middle = middle_of(list, n, b.losses);
    struct side left = {.list = list,
                        .all = n,
                        .n = middle,
                        .hits = {.02, .05, .1, .2, .35, .5, .65, .8, .9, .97, .999}};
    for (size_t j = 0; j < JITTERS; j++)
        left.jitters[j] = floor * pow(ceiling / floor, (double)j / (JITTERS - 1));
    struct side right = left;
    right.n = n - middle;
    right.mirrored = true;
    return edges_fit(&left, &right, alpha);
}
