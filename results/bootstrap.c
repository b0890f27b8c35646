/* bootstrap.c - resampling whole moves: how the rate, or a difference of rates, would vary in other runs like this one. */
#include "results/bootstrap.h"

#include <math.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/rng.h"
#include "results/special.h"

#define STREAM 0x626f6f74u /* "boot" */
#define FEW    5u

/* One arm and its part in the statistic: + its rate or - its rate. */
struct arm {
    struct moves m;
    struct cluster whole;
    double sign;
};

static double rate_resampled(const struct moves *m, struct rng *r)
{
    struct proportion sum = {0, 0};

    for (size_t i = 0; i < m->count; i++) {
        const struct proportion *move = &m->list[rng_below(r, m->count)];

        sum.k += move->k;
        sum.n += move->n;
    }
    return proportion_rate(sum);
}

static double rate_without(const struct arm *a, size_t i)
{
    struct proportion rest = {a->whole.messages.k - a->m.list[i].k,
                              a->whole.messages.n - a->m.list[i].n};

    return proportion_rate(rest);
}

/* Sums of squares and cubes of what each move, left out, does to the statistic: for the acceleration. */
static void jackknife(const struct arm *a, double *squares, double *cubes)
{
    double count = (double)a->m.count;
    double mean = 0;

    for (size_t i = 0; i < a->m.count; i++)
        mean += rate_without(a, i) / count;
    for (size_t i = 0; i < a->m.count; i++) {
        double off = a->sign * (count - 1) * (mean - rate_without(a, i)) / count;

        *squares += off * off;
        *cubes += off * off * off;
    }
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;

    return (x > y) - (x < y);
}

static double quantile(const double *sorted, uint32_t n, double q)
{
    double at = floor(q * ((double)n + 1)) - 1;

    return sorted[(uint32_t)fmin(fmax(at, 0), (double)n - 1)];
}

struct bca {
    double bias, acceleration;
};

static double bca_quantile(const double *sorted, uint32_t n, struct bca c, double q)
{
    double z = c.bias + normal_quantile(q);

    return quantile(sorted, n, normal_cdf(c.bias + z / (1 - c.acceleration * z)));
}

static double share_below(const double *sorted, uint32_t n, double seen)
{
    uint32_t below = 0;
    uint32_t equal = 0;

    for (uint32_t i = 0; i < n && sorted[i] <= seen; i++) {
        below += sorted[i] < seen;
        equal += sorted[i] == seen;
    }
    return ((double)below + 0.5 * (double)equal) / (double)n;
}

static double deviation(const double *list, uint32_t n)
{
    double mean = 0;
    double sum = 0;

    for (uint32_t i = 0; i < n; i++)
        mean += list[i] / (double)n;
    for (uint32_t i = 0; i < n; i++)
        sum += (list[i] - mean) * (list[i] - mean);
    return n > 1 ? sqrt(sum / (double)(n - 1)) : 0;
}

struct plan {
    uint32_t draws;
    double alpha;
    uint64_t seed;
};

static bool bootstrap_run(struct bootstrap *out, const struct arm *arms, size_t count,
                          const struct plan *p, struct arena *scratch)
{
    double *list = p->draws > 0 ? arena_new(scratch, double, p->draws) : 0;
    double seen = 0;
    double squares = 0;
    double cubes = 0;

    if (!list)
        return false;
    for (size_t a = 0; a < count; a++) {
        struct rng r = rng_at(p->seed, STREAM, a);

        for (uint32_t d = 0; d < p->draws; d++)
            list[d] += arms[a].sign * rate_resampled(&arms[a].m, &r);
        seen += arms[a].sign * arms[a].whole.rate;
        jackknife(&arms[a], &squares, &cubes);
        out->degenerate |= arms[a].whole.moves.k < FEW;
    }
    qsort(list, p->draws, sizeof *list, compare);
    double share = share_below(list, p->draws, seen);
    double edge = 0.5 / (double)p->draws; /* keeps the bias finite */
    struct bca c = {normal_quantile(fmin(fmax(share, edge), 1 - edge)),
                    squares > 0 ? cubes / (6 * pow(squares, 1.5)) : 0};
    out->percentile = (struct interval){quantile(list, p->draws, p->alpha / 2),
                                        quantile(list, p->draws, 1 - p->alpha / 2)};
    out->bca = (struct interval){bca_quantile(list, p->draws, c, p->alpha / 2),
                                 bca_quantile(list, p->draws, c, 1 - p->alpha / 2)};
    out->se = deviation(list, p->draws);
    return true;
}

bool bootstrap_rate(struct bootstrap *out, struct moves m, uint32_t draws, double alpha,
                    uint64_t seed, struct arena *scratch)
{
    struct arm arm = {m, cluster_of(m), 1};

    PM_ASSERT(alpha > 0 && alpha < 1);
    *out = (struct bootstrap){{0, 1}, {0, 1}, INFINITY, true};
    if (arm.whole.messages.n == 0)
        return true;
    out->degenerate = false;
    return bootstrap_run(out, &arm, 1, &(struct plan){draws, alpha, seed}, scratch);
}

bool bootstrap_difference(struct bootstrap *out, struct arms arms, uint32_t draws, double alpha,
                          uint64_t seed, struct arena *scratch)
{
    struct arm both[] = {{arms.a, cluster_of(arms.a), -1}, {arms.b, cluster_of(arms.b), 1}};

    PM_ASSERT(alpha > 0 && alpha < 1);
    *out = (struct bootstrap){{-1, 1}, {-1, 1}, INFINITY, true};
    if (both[0].whole.messages.n == 0 || both[1].whole.messages.n == 0)
        return true;
    out->degenerate = false;
    return bootstrap_run(out, both, 2, &(struct plan){draws, alpha, seed}, scratch);
}
