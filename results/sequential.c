/* sequential.c - when may a run stop early? */
#include "results/sequential.h"

#include <math.h>

#include "base/err.h"
#include "results/special.h"

enum curtail curtail_decide(struct proportion seen, uint64_t planned, uint64_t limit)
{
    if (seen.k > limit)
        return CURTAIL_FAIL;
    uint64_t open = planned > seen.n ? planned - seen.n : 0;
    return open <= limit - seen.k ? CURTAIL_PASS : CURTAIL_GO_ON;
}

bool sprt_init(struct sprt *s, double p0, double p1, double alpha, double beta)
{
    if (!(p0 > 0 && p0 < p1 && p1 < 1 && alpha > 0 && beta > 0 && alpha + beta < 1))
        return false;
    *s = (struct sprt){.upper = log1p(-beta) - log(alpha),
                       .lower = log(beta) - log1p(-alpha),
                       .per_loss = log(p1 / p0),
                       .per_ok = log1p(-p1) - log1p(-p0),
                       .rate_low = p0,
                       .rate_high = p1};
    return true;
}

double sprt_sum(const struct sprt *s, struct proportion seen)
{
    PM_ASSERT(seen.k <= seen.n);
    return (double)seen.k * s->per_loss + (double)(seen.n - seen.k) * s->per_ok;
}

enum sprt_end sprt_decide(const struct sprt *s, struct proportion seen)
{
    double sum = sprt_sum(s, seen);

    if (sum >= s->upper)
        return SPRT_HIGH;
    return sum <= s->lower ? SPRT_LOW : SPRT_GO_ON;
}

uint64_t sprt_units_low(const struct sprt *s, uint64_t losses)
{
    double way = (double)losses * s->per_loss - s->lower;

    return losses + (uint64_t)fmin(ceil(way / -s->per_ok), 1e18);
}

uint64_t sprt_losses_high(const struct sprt *s)
{
    return (uint64_t)fmin(ceil(s->upper / s->per_loss), 1e18);
}

/* count * ln(p), where no count needs no p. */
static double weighted_log(double count, double ln)
{
    return count > 0 ? count * ln : 0;
}

double anytime_evidence(struct proportion seen, double rate)
{
    PM_ASSERT(seen.k <= seen.n);
    double k = (double)seen.k;
    double kept = (double)(seen.n - seen.k);

    return beta_log(k + 0.5, kept + 0.5) - log(M_PI) - weighted_log(k, log(rate)) -
           weighted_log(kept, log1p(-rate));
}

/* Where the evidence crosses the limit between a rate inside the interval and one outside. */
static double crossing(struct proportion seen, double limit, double inside, double outside)
{
    for (int i = 0; i < 200; i++) {
        double mid = inside + (outside - inside) / 2;

        if (mid == inside || mid == outside)
            break;
        if (anytime_evidence(seen, mid) < limit)
            inside = mid;
        else
            outside = mid;
    }
    return inside;
}

struct interval anytime_interval(struct proportion seen, double alpha)
{
    PM_ASSERT(seen.k <= seen.n && alpha > 0 && alpha < 1);
    double rate = proportion_rate(seen);
    double limit = -log(alpha);

    if (seen.n == 0)
        return (struct interval){0, 1};
    return (struct interval){seen.k == 0 ? 0 : crossing(seen, limit, rate, 0),
                             seen.k == seen.n ? 1 : crossing(seen, limit, rate, 1)};
}

double spending_obrien_fleming(double t, double alpha)
{
    PM_ASSERT(alpha > 0 && alpha < 1);
    if (!(t > 0))
        return 0;
    double z = normal_quantile(alpha / 2); /* below 0: the small tail keeps its digits */
    return t >= 1 ? alpha : 2 * normal_cdf(z / sqrt(t));
}

double spending_pocock(double t, double alpha)
{
    PM_ASSERT(alpha > 0 && alpha < 1);
    if (!(t > 0))
        return 0;
    return t >= 1 ? alpha : alpha * log1p((M_E - 1) * t);
}

double spending_step(double (*spending)(double t, double alpha), double before, double t,
                     double alpha)
{
    return fmax(0, spending(t, alpha) - spending(before, alpha));
}
