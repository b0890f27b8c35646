/* simplex.c - the lowest point of a function of a few numbers, without derivatives. */
#include "results/simplex.h"

#include <math.h>
#include <string.h>

#include "base/err.h"

struct corner {
    double at[SIMPLEX_DIMS], cost;
};

struct simplex {
    const struct simplex_task *task;
    struct corner corners[SIMPLEX_DIMS + 1]; /* best first */
    unsigned calls;
};

static double cost_at(struct simplex *s, const double *at)
{
    double cost = s->task->cost(at, s->task->context);

    s->calls++;
    return isnan(cost) ? INFINITY : cost;
}

static void corner_sink(struct simplex *s, size_t i) /* into its place among those before it */
{
    struct corner c = s->corners[i];

    for (; i > 0 && c.cost < s->corners[i - 1].cost; i--)
        s->corners[i] = s->corners[i - 1];
    s->corners[i] = c;
}

/* The point on the line from the worst corner through the centre of the others: t = 1 is the centre, 2 the reflection. */
static struct corner corner_along(struct simplex *s, double t)
{
    size_t dims = s->task->dims;
    const struct corner *worst = &s->corners[dims];
    struct corner c = {.cost = 0};

    for (size_t d = 0; d < dims; d++) {
        double centre = 0;

        for (size_t i = 0; i < dims; i++)
            centre += s->corners[i].at[d] / (double)dims;
        c.at[d] = worst->at[d] + t * (centre - worst->at[d]);
    }
    c.cost = cost_at(s, c.at);
    return c;
}

static void shrink(struct simplex *s)
{
    size_t dims = s->task->dims;

    for (size_t i = 1; i <= dims; i++) {
        struct corner *c = &s->corners[i];

        for (size_t d = 0; d < dims; d++)
            c->at[d] = s->corners[0].at[d] + 0.5 * (c->at[d] - s->corners[0].at[d]);
        c->cost = cost_at(s, c->at);
    }
    for (size_t i = 1; i <= dims; i++)
        corner_sink(s, i);
}

static void simplex_step(struct simplex *s)
{
    size_t dims = s->task->dims;
    struct corner *worst = &s->corners[dims];
    struct corner next = corner_along(s, 2);

    if (next.cost < s->corners[0].cost) {
        struct corner further = corner_along(s, 3);

        if (further.cost < next.cost)
            next = further;
    } else if (next.cost >= s->corners[dims - 1].cost) {
        next = corner_along(s, next.cost < worst->cost ? 1.5 : 0.5);
        if (next.cost >= worst->cost) {
            shrink(s);
            return;
        }
    }
    *worst = next;
    corner_sink(s, dims);
}

double simplex_min(const struct simplex_task *t, double *at, const double *step)
{
    struct simplex s = {.task = t};

    PM_ASSERT(t->dims >= 1 && t->dims <= SIMPLEX_DIMS);
    for (size_t i = 0; i <= t->dims; i++) {
        struct corner *c = &s.corners[i];

        memcpy(c->at, at, t->dims * sizeof *at);
        if (i > 0)
            c->at[i - 1] += step[i - 1];
        c->cost = cost_at(&s, c->at);
        corner_sink(&s, i);
    }
    while (s.calls < t->calls) {
        double best = s.corners[0].cost;
        double worst = s.corners[t->dims].cost;

        if (!(worst - best > 1e-13 * (fabs(best) + 1e-3)))
            break;
        simplex_step(&s);
    }
    memcpy(at, s.corners[0].at, t->dims * sizeof *at);
    return s.corners[0].cost;
}
