/* stats.c - what k losses of n units say. */
#include "results/stats.h"

#include <math.h>
#include <stdbool.h>

#include "base/err.h"
#include "results/special.h"

#define SAMPLE_MOST 1000000000000ull

double proportion_rate(struct proportion p)
{
    return p.n == 0 ? 0 : (double)p.k / (double)p.n;
}

static double upper(double k, double n, double alpha)
{
    PM_ASSERT(k >= 0 && k <= n && alpha > 0 && alpha < 1);
    return n - k <= 0 ? 1 : beta_tail_quantile(alpha, k + 1, n - k);
}

static double lower(double k, double n, double alpha)
{
    PM_ASSERT(k >= 0 && k <= n && alpha > 0 && alpha < 1);
    return k <= 0 ? 0 : beta_quantile(alpha, k, n - k + 1);
}

struct interval proportion_exact_real(double k, double n, double alpha)
{
    return (struct interval){lower(k, n, alpha / 2), upper(k, n, alpha / 2)};
}

struct interval proportion_exact(struct proportion p, double alpha)
{
    return proportion_exact_real((double)p.k, (double)p.n, alpha);
}

double proportion_lower(struct proportion p, double alpha)
{
    return lower((double)p.k, (double)p.n, alpha);
}

double proportion_upper(struct proportion p, double alpha)
{
    return upper((double)p.k, (double)p.n, alpha);
}

double proportion_upper_real(double k, double n, double alpha)
{
    return upper(k, n, alpha);
}

struct interval proportion_wilson(struct proportion p, double alpha)
{
    PM_ASSERT(p.k <= p.n && alpha > 0 && alpha < 1);
    if (p.n == 0)
        return (struct interval){0, 1};
    double n = (double)p.n;
    double rate = proportion_rate(p);
    double z = -normal_quantile(alpha / 2);
    double scale = 1 + z * z / n;
    double centre = (rate + z * z / (2 * n)) / scale;
    double half = z / scale * sqrt(rate * (1 - rate) / n + z * z / (4 * n * n));

    return (struct interval){p.k == 0 ? 0 : fmax(0, centre - half),
                             p.k == p.n ? 1 : fmin(1, centre + half)};
}

double rule_of_three(uint64_t n, double alpha)
{
    PM_ASSERT(alpha > 0 && alpha < 1);
    return n == 0 ? 1 : fmin(1, -log(alpha) / (double)n);
}

uint64_t sample_for_zero(double rate, double confidence)
{
    PM_ASSERT(confidence > 0 && confidence < 1);
    if (!(rate > 0))
        return SAMPLE_NEVER;
    if (rate >= 1)
        return 1;
    double n = ceil(log1p(-confidence) / log1p(-rate));
    return n >= 1e18 ? SAMPLE_NEVER : (uint64_t)fmax(n, 1);
}

/* Whether `losses` of n units bound the rate by `rate`: so few would be seen with probability alpha at most. */
static bool bounds(double rate, double alpha, uint64_t losses, uint64_t n)
{
    return beta_tail(rate, (double)losses + 1, (double)(n - losses)) <= alpha;
}

uint64_t sample_for_losses(double rate, double confidence, uint64_t losses)
{
    if (losses == 0 || !(rate > 0))
        return sample_for_zero(rate, confidence);
    if (losses >= SAMPLE_MOST)
        return SAMPLE_NEVER;
    if (rate >= 1)
        return losses + 1;
    double alpha = 1 - confidence;
    uint64_t high = losses + 1;
    while (!bounds(rate, alpha, losses, high)) {
        if (high > SAMPLE_MOST)
            return SAMPLE_NEVER;
        high *= 2;
    }
    uint64_t low = high / 2 > losses ? high / 2 : losses; /* not enough, or no sample at all */
    while (high - low > 1) {
        uint64_t mid = low + (high - low) / 2;

        if (bounds(rate, alpha, losses, mid))
            high = mid;
        else
            low = mid;
    }
    return high;
}

double chance_of_any(double rate, uint64_t n)
{
    if (!(rate > 0) || n == 0)
        return 0;
    return rate >= 1 ? 1 : -expm1((double)n * log1p(-rate));
}
