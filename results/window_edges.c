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
#define ZOOMS   12
#define REACH   6.0
#define RARE    1e-5 /* a loss outside the window: never quite impossible */
#define LEANING                                                                                    \
    0.25 /* how much: covers blurred edges as often as said, and widens sharp ones little */
#define FAINT 14.0 /* e^-14 of the most likely is not looked at more closely */

static const double hits[] = {.02, .05, .1, .2, .35, .5, .65, .8, .9, .97, .999};

#define HITS (sizeof hits / sizeof *hits)

/* The shots of one edge, seen so that the window begins after it. */
struct side {
    const struct shot *list;
    size_t all, n; /* of the whole list; on this side */
    bool mirrored;
    double jitters[JITTERS];
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

/* ln P of the side's shots with the edge at a place, for all hits at once. */
static void place_log(const struct side *s, double place, double jitter, double *ln)
{
    size_t near = shot_from(s, place - REACH * jitter);
    size_t inside = shot_from(s, place + REACH * jitter);
    double lost = lost_between(s, inside, s->n); /* each of them with probability hit */
    double kept = (double)(s->n - inside) - lost;
    double common = lost_between(s, 0, near) * log(RARE);

    for (size_t h = 0; h < HITS; h++)
        ln[h] = lost * log(hits[h]) + kept * log1p(-hits[h]);
    for (size_t i = near; i < inside; i++) {
        double part = normal_cdf((phase_at(s, i) - place) / jitter);

        if (shot_at(s, i)->lost)
            common += log(fmax(part, RARE));
        for (size_t h = 0; h < HITS; h++)
            ln[h] += shot_at(s, i)->lost ? log(hits[h]) : log1p(-hits[h] * part);
    }
    for (size_t h = 0; h < HITS; h++)
        ln[h] += common;
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

    for (size_t i = 0; i < JITTERS * HITS * PLACES; i++)
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

/* How likely each jitter and hit are by one side, its places summed up, and beforehand: larger jitters a little more. */
static void table_sum(const struct table *t, const struct side *s, double sums[JITTERS][HITS])
{
    double most = table_most(t);

    for (size_t j = 0; j < JITTERS; j++)
        for (size_t h = 0; h < HITS; h++) {
            sums[j][h] = 0;
            for (size_t p = 0; p < PLACES; p++)
                sums[j][h] +=
                    exp(t->ln[j][h][p] - most) * (cell_border(t, s, p + 1) - cell_border(t, s, p));
            sums[j][h] *= pow(s->jitters[j] / s->jitters[JITTERS - 1], LEANING);
        }
}

/* How likely each place is, with jitter and hit as likely as the other side says. Adds up to 1. */
static void table_places(const struct table *t, const struct side *s, double other[JITTERS][HITS],
                         double *mass)
{
    double most = table_most(t);
    double sum = 0;

    for (size_t p = 0; p < PLACES; p++) {
        mass[p] = 0;
        for (size_t j = 0; j < JITTERS; j++)
            for (size_t h = 0; h < HITS; h++)
                mass[p] += other[j][h] * exp(t->ln[j][h][p] - most);
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
    double sum = 0;
    double jitter = 0;

    for (size_t j = 0; j < JITTERS; j++)
        for (size_t h = 0; h < HITS; h++) {
            double weight = a[j][h] * b[j][h];

            sum += weight;
            jitter += weight * log(s->jitters[j]);
            e->hit += weight * hits[h];
        }
    if (sum > 0) { /* else the sides contradict each other in everything */
        e->hit /= sum;
        e->jitter = exp(jitter / sum);
    }
}

/* How many shots come before the middle one of the losses, itself included in neither half of an odd number. */
static size_t middle_of(const struct shot *list, size_t n, uint64_t losses)
{
    size_t i = 0;

    while (i < n && list[i].lost_before + list[i].lost < losses / 2 + losses % 2)
        i++;
    return i + 1;
}

static struct edges edges_fit(const struct side *left, const struct side *right, double alpha)
{
    struct table tables[2];
    double sums[2][JITTERS][HITS];
    struct interval mirrored;
    struct edges e = {.fitted = true};

    table_zoom(&tables[0], left);
    table_zoom(&tables[1], right);
    table_sum(&tables[0], left, sums[0]);
    table_sum(&tables[1], right, sums[1]);
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
    struct side left = {.list = list, .all = n, .n = middle};
    for (size_t j = 0; j < JITTERS; j++)
        left.jitters[j] = floor * pow(ceiling / floor, (double)j / (JITTERS - 1));
    struct side right = left;
    right.n = n - middle;
    right.mirrored = true;
    return edges_fit(&left, &right, alpha);
}
