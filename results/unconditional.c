/* unconditional.c - tests of two proportions that do not fix the total of losses.
 *
 * For each number of losses of b, the tables at least as extreme are those with few losses of a (below `low`), and in the
 * two-sided test those with many (from `high`). Both borders only grow with the losses of b: one walk finds them.
 */
#include "results/unconditional.h"

#include <math.h>
#include <stdbool.h>

#include "base/err.h"
#include "results/special.h"
#include "results/two_builds.h"

#define GRID       256
#define REFINED    4
#define GOLDEN_CUT 0.3819660112501051
#define SAME       1e-9 /* relative: statistics that differ by rounding only */

struct region {
    uint64_t a, b;        /* units of each arm */
    double *choose_a;     /* ln of a over i, i = 0..a */
    double *below;        /* P(losses of a < i) at the rate under trial, i = 0..a + 1 */
    double *choose_b;     /* ln of b over j, j = 0..b */
    uint32_t *low, *high; /* per j: i < low or i >= high is as extreme */
};

static bool region_init(struct region *r, uint64_t a, uint64_t b, struct arena *scratch)
{
    PM_ASSERT(a < UINT32_MAX && b < UINT32_MAX);
    *r = (struct region){.a = a,
                         .b = b,
                         .choose_a = arena_new(scratch, double, a + 1),
                         .below = arena_new(scratch, double, a + 2),
                         .choose_b = arena_new(scratch, double, b + 1),
                         .low = arena_new(scratch, uint32_t, b + 1),
                         .high = arena_new(scratch, uint32_t, b + 1)};
    if (!r->choose_a || !r->below || !r->choose_b || !r->low || !r->high)
        return false;
    for (uint64_t i = 0; i <= a; i++)
        r->choose_a[i] = choose_log((double)a, (double)i);
    for (uint64_t j = 0; j <= b; j++) {
        r->choose_b[j] = choose_log((double)b, (double)j);
        r->high[j] = (uint32_t)(a + 1);
    }
    return true;
}

static double binomial(double choose, uint64_t n, uint64_t k, double rate)
{
    return exp(choose + (double)k * log(rate) + (double)(n - k) * log1p(-rate));
}

/* P(a table of the region) when both builds lose at this rate, 0 < rate < 1. */
static double region_size(const struct region *r, double rate)
{
    double size = 0;

    for (uint64_t i = 0; i <= r->a; i++)
        r->below[i + 1] = r->below[i] + binomial(r->choose_a[i], r->a, i, rate);
    double all = r->below[r->a + 1]; /* 1, but for rounding */
    for (uint64_t j = 0; j <= r->b; j++) {
        double inside = r->below[r->low[j]] + all - r->below[r->high[j]];

        if (inside > 0)
            size += binomial(r->choose_b[j], r->b, j, rate) * inside;
    }
    return fmin(size, 1);
}

static double size_at(const struct region *r, double angle)
{
    double s = sin(angle);

    return region_size(r, s * s);
}

static double golden_section(const struct region *r, double low, double high)
{
    double x1 = low + GOLDEN_CUT * (high - low);
    double x2 = high - GOLDEN_CUT * (high - low);
    double f1 = size_at(r, x1);
    double f2 = size_at(r, x2);

    for (int i = 0; i < 20; i++) {
        if (f1 > f2) {
            high = x2;
            x2 = x1;
            f2 = f1;
            x1 = low + GOLDEN_CUT * (high - low);
            f1 = size_at(r, x1);
        } else {
            low = x1;
            x1 = x2;
            f1 = f2;
            x2 = high - GOLDEN_CUT * (high - low);
            f2 = size_at(r, x2);
        }
    }
    return fmax(f1, f2);
}

static double region_worst(const struct region *r)
{
    double size[GRID + 2] = {
        0}; /* at the ends, rate 0 and 1, stands the limit 0: never the largest */
    double step = M_PI_2 / (GRID + 1);
    double worst = 0;

    for (int g = 1; g <= GRID; g++)
        size[g] = size_at(r, g * step);
    for (int round = 0; round < REFINED; round++) {
        int best = 0;

        for (int g = 1; g <= GRID; g++)
            if (size[g] > size[best] && size[g] >= size[g - 1] && size[g] >= size[g + 1])
                best = g;
        if (best == 0)
            break;
        worst =
            fmax(worst, fmax(size[best], golden_section(r, fmax((best - 1) * step, 1e-9),
                                                        fmin((best + 1) * step, M_PI_2 - 1e-9))));
        size[best] = 0; /* done; its neighbours are no peaks, since they are lower than it was */
        size[best - 1] = 0;
        size[best + 1] = 0;
    }
    return worst;
}

static double fisher_at(const struct region *r, uint64_t i, uint64_t j)
{
    return fisher_less((struct proportion){i, r->a}, (struct proportion){j, r->b});
}

double boschloo_less(struct proportion a, struct proportion b, struct arena *scratch)
{
    struct region r;

    if (a.n == 0 || b.n == 0)
        return 1;
    if (!region_init(&r, a.n, b.n, scratch))
        return NAN;
    double seen = fisher_less(a, b) * (1 + SAME);
    uint32_t low = 0;
    for (uint64_t j = 0; j <= r.b; j++) {
        while (low <= r.a && fisher_at(&r, low, j) <= seen)
            low++;
        r.low[j] = low;
    }
    return low == r.a + 1 && r.low[0] == low ? 1 : region_worst(&r);
}

/* The pooled Wald statistic: positive when b loses more; 0 where it has no meaning. */
static double wald(double i, double a, double j, double b)
{
    double pooled = (i + j) / (a + b);
    double variance = pooled * (1 - pooled) * (1 / a + 1 / b);

    return variance > 0 ? (j / b - i / a) / sqrt(variance) : 0;
}

double barnard_two_sided(struct proportion a, struct proportion b, struct arena *scratch)
{
    struct region r;

    PM_ASSERT(a.k <= a.n && b.k <= b.n);
    if (a.n == 0 || b.n == 0)
        return 1;
    double na = (double)a.n;
    double nb = (double)b.n;
    double seen = fabs(wald((double)a.k, na, (double)b.k, nb)) * (1 - SAME);
    if (seen <= 0)
        return 1;
    if (!region_init(&r, a.n, b.n, scratch))
        return NAN;
    uint32_t low = 0;
    uint32_t high = 0;
    for (uint64_t j = 0; j <= r.b; j++) {
        while (low <= r.a && wald(low, na, (double)j, nb) >= seen)
            low++;
        while (high <= r.a && wald(high, na, (double)j, nb) > -seen)
            high++;
        r.low[j] = low;
        r.high[j] = high;
    }
    return region_worst(&r);
}
