/* aim_found.c - rate, bins and window from the shots of a settled run. */
#include "results/aim_found.h"

#include <math.h>
#include <stdlib.h>

#include "base/clock.h"
#include "results/aim_shots.h"
#include "results/ledger_private.h"
#include "results/special.h"

#define ALPHA     0.05
#define FINEST_US 100.0  /* real: senders are hardly more punctual */
#define NEAR_MAX  65536u /* shots that say where the edges are */

struct aim_order aim_order_of(const struct manifest *m, uint32_t load, const struct shot *shots,
                              size_t count)
{
    const struct manifest_aim *a = &m->loads[load].aim;
    struct interval range = {(double)a->from_ns / 1000, (double)a->to_ns / 1000};

    return (struct aim_order){.range = range,
                              .finest =
                                  fmin(FINEST_US * m->time_scale, (range.high - range.low) / 16),
                              .shots = shots,
                              .count = count};
}

/* Each move gives a mean of weighted losses; their spread says how far the mean of all may be off. Where no move lost anything
 * it says nothing: then the bins do. */
static void find_rate(struct aim_found *f, const struct aim_shots *s)
{
    double sum = 0, z = -normal_quantile(ALPHA / 2), squares = 0;

    for (size_t i = 0; i < s->count; i++)
        sum += s->shots[i].lost ? s->weights[i] : 0;
    f->rate = s->count ? sum / (double)s->count : 0;
    for (size_t i = 0; i < s->count;) {
        double off = 0;
        uint32_t move = s->moves[i];

        for (; i < s->count && s->moves[i] == move; i++)
            off += (s->shots[i].lost ? s->weights[i] : 0) - f->rate;
        squares += off * off;
        f->moves++;
    }
    if (f->moves > 1)
        f->se = sqrt(squares * f->moves / (f->moves - 1.0)) / (double)s->count;
    f->rate_interval =
        (struct interval){fmax(0, f->rate - z * f->se), fmin(1, f->rate + z * f->se)};
    if (s->losses == 0 || f->moves < 2)
        f->rate_interval = f->strata.interval;
}

/* The edges are said by what is near the losses; shots far off only take time. */
static bool find_edges(struct aim_found *f, const struct aim_shots *s, double range, double finest)
{
    const struct bracket *b = &f->bracket;
    struct shot *near = calloc(s->count + 1, sizeof *near);
    size_t n = 0;

    if (!near)
        return false;
    double reach =
        4 * (fmin(b->end.high, b->end.low + range) - fmax(b->begin.low, b->begin.high - range));
    for (size_t i = 0; i < s->count && b->losses > 0; i++)
        if (s->shots[i].phase >= b->begin.high - reach && s->shots[i].phase <= b->end.low + reach)
            near[n++] = s->shots[i];
    if (n <= NEAR_MAX) {
        shots_sort(near, n);
        f->edges = window_edges(near, n, finest / 16, ALPHA);
    }
    free(near);
    return true;
}

static bool find(struct aim_found *f, const struct aim_shots *s, const struct manifest *m)
{
    struct aim_order o = aim_order_of(m, f->load, s->shots, s->count);

    f->aimed = s->aimed;
    f->sends = s->count;
    f->losses = s->losses;
    f->open = s->open;
    f->bin_count = (uint32_t)aim_bins(&o, f->bins);
    f->strata = strata_of(f->bins, f->bin_count, ALPHA);
    f->bracket = window_bracket(s->shots, s->count);
    find_rate(f, s);
    return find_edges(f, s, o.range.high - o.range.low, o.finest);
}

bool aims_find(struct aims *a, struct copies *c, struct err *e)
{
    const struct manifest *m = copies_ledger(c)->manifest;

    *a = (struct aims){.found = calloc(m->load_count + 1ul, sizeof *a->found)};
    if (!a->found)
        return err_set(e, EX_IO, "out of memory for what was aimed at");
    for (uint32_t i = 0; i < m->load_count; i++) {
        struct aim_found *f = &a->found[a->count];
        struct aim_shots s;

        if (m->loads[i].aim.to_ns == 0)
            continue;
        if (!aim_shots_read(&s, c, i, NEVER_NS, e))
            return false;
        f->load = i;
        a->count++;
        bool ok = find(f, &s, m);

        aim_shots_fini(&s);
        if (!ok)
            return err_set(e, EX_IO, "out of memory for what was aimed at");
    }
    return true;
}

void aims_fini(struct aims *a)
{
    free(a->found);
    *a = (struct aims){0};
}
