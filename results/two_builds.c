/* two_builds.c - do two builds lose differently? */
#include "results/two_builds.h"

#include <math.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "results/special.h"

#define TIE          1e-7 /* relative: tables as probable as the one seen count as well */
#define POWER_MOST   1000000u
#define POWER_STEADY 10u

/* Losses of arm a, given the total: hypergeometric. */
struct table {
    double a, b, losses; /* units of each arm; losses of both */
    double lowest, highest;
    double scale; /* ln of all ways to spread the losses */
};

static struct table table_of(double a, double b, double losses)
{
    return (struct table){.a = a,
                          .b = b,
                          .losses = losses,
                          .lowest = fmax(0, losses - b),
                          .highest = fmin(a, losses),
                          .scale = choose_log(a + b, losses)};
}

static double table_log(const struct table *t, double k)
{
    return choose_log(t->a, k) + choose_log(t->b, t->losses - k) - t->scale;
}

/* P(X <= k) from k downwards, or P(X > k) from k + 1 upwards: the terms only fall, and few of them count. */
static double table_fall(const struct table *t, double k, bool down)
{
    double term = exp(table_log(t, k));
    double sum = term;

    while (down ? k > t->lowest : k < t->highest) {
        if (down)
            term *= k * (t->b - t->losses + k) / ((t->a - k + 1) * (t->losses - k + 1));
        else
            term *= (t->a - k) * (t->losses - k) / ((k + 1) * (t->b - t->losses + k + 1));
        k += down ? -1 : 1;
        sum += term;
        if (term <= sum * 1e-18)
            break;
    }
    return fmin(sum, 1);
}

static double table_cdf(const struct table *t, double k)
{
    if (k < t->lowest)
        return 0;
    if (k >= t->highest)
        return 1;
    double mean = t->a * t->losses / (t->a + t->b);
    return k <= mean ? table_fall(t, k, true) : 1 - table_fall(t, k + 1, false);
}

double fisher_less(struct proportion a, struct proportion b)
{
    PM_ASSERT(a.k <= a.n && b.k <= b.n);
    struct table t = table_of((double)a.n, (double)b.n, (double)(a.k + b.k));

    return table_cdf(&t, (double)a.k);
}

double fisher_two_sided(struct proportion a, struct proportion b)
{
    PM_ASSERT(a.k <= a.n && b.k <= b.n);
    struct table t = table_of((double)a.n, (double)b.n, (double)(a.k + b.k));
    double seen = table_log(&t, (double)a.k) + TIE;
    double sum = 0;

    for (uint64_t i = 0; t.lowest + (double)i <= t.highest; i++) {
        double ln = table_log(&t, t.lowest + (double)i);

        if (ln <= seen)
            sum += exp(ln);
    }
    return fmin(sum, 1);
}

/* Gauss and Legendre, 16 points: nodes and weights of one half. */
static const double gauss_node[] = {0.0950125098376374, 0.2816035507792589, 0.4580167776572274,
                                    0.6178762444026438, 0.7554044083550030, 0.8656312023878318,
                                    0.9445750230732326, 0.9894009349916499};
static const double gauss_weight[] = {0.1894506104550685, 0.1826034150449236, 0.1691565193950025,
                                      0.1495959888165767, 0.1246289712555339, 0.0951585116824928,
                                      0.0622535239386479, 0.0271524594117541};

/* With rate = sin^2(angle) the density of a Beta has no poles left, and its width is about 1/(2 sqrt(n)) everywhere. */
struct posterior {
    double a, b, middle, width, scale;
};

static struct posterior posterior_of(struct proportion p)
{
    PM_ASSERT(p.k <= p.n);
    double a = 0.5 + (double)p.k;
    double b = 0.5 + (double)(p.n - p.k);

    return (struct posterior){a, b, asin(sqrt(a / (a + b))), 0.5 / sqrt(a + b),
                              M_LN2 - beta_log(a, b)};
}

static double posterior_density(const struct posterior *p, double angle)
{
    return exp(p->scale + (2 * p->a - 1) * log(sin(angle)) + (2 * p->b - 1) * log(cos(angle)));
}

/* The part of P(rate of a < rate of b) in which the angle of b is between low and high. */
static double bayes_panel(const struct posterior *a, const struct posterior *b, double low,
                          double high)
{
    double half = (high - low) / 2;
    double middle = (high + low) / 2;
    double sum = 0;

    for (size_t i = 0; i < sizeof gauss_node / sizeof *gauss_node; i++) {
        for (int side = -1; side <= 1; side += 2) {
            double angle = middle + side * half * gauss_node[i];
            double s = sin(angle);

            sum += gauss_weight[i] * posterior_density(b, angle) * beta_cdf(s * s, a->a, a->b);
        }
    }
    return sum * half;
}

double bayes_less(struct proportion a, struct proportion b)
{
    struct posterior pa = posterior_of(a);
    struct posterior pb = posterior_of(b);
    double bend = pa.middle - 12 * pa.width;         /* where F of a leaves 0 */
    double low = fmax(0, pb.middle - 14 * pb.width); /* beyond 14 widths lies nothing */
    double last = fmin(M_PI_2, pb.middle + 14 * pb.width);
    double sum = 0;

    while (low < last) { /* panels as wide as what changes fastest there */
        double high = fmin(last, low + pb.width);

        if (low < bend)
            high = fmin(high, bend);
        else if (low < pa.middle + 12 * pa.width)
            high = fmin(high, low + pa.width);
        sum += bayes_panel(&pa, &pb, low, high);
        low = high;
    }
    return fmin(sum, 1);
}

struct interval difference_newcombe(struct proportion a, struct proportion b, double alpha)
{
    struct interval wa = proportion_wilson(a, alpha);
    struct interval wb = proportion_wilson(b, alpha);
    double ra = proportion_rate(a);
    double rb = proportion_rate(b);

    if (a.n == 0 || b.n == 0)
        return (struct interval){wb.low - wa.high, wb.high - wa.low};
    return (struct interval){rb - ra - hypot(rb - wb.low, wa.high - ra),
                             rb - ra + hypot(wb.high - rb, ra - wa.low)};
}

static double binomial(double n, double k, double rate)
{
    if (rate <= 0 || rate >= 1)
        return k == (rate <= 0 ? 0 : n);
    return exp(choose_log(n, k) + k * log(rate) + (n - k) * log1p(-rate));
}

static bool region_has(double n, double i, double j, double alpha)
{
    struct table t = table_of(n, n, i + j);

    return i < j && table_cdf(&t, i) <= alpha * (1 + 1e-9); /* 1/20 is 5 % */
}

/* How many losses of a, against j of b, are significantly less: 0..that - 1. At least `least`; grows with j. */
static double region_edge(double n, double j, double alpha, double least)
{
    double low = least;
    double width = 1;

    while (region_has(n, low + width - 1, j, alpha)) {
        low += width;
        width *= 2;
    }
    double high = low + width - 1;
    while (low < high) {
        double mid = floor((low + high) / 2);

        if (region_has(n, mid, j, alpha))
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

double fisher_power(double rate_a, double rate_b, uint64_t n, double alpha)
{
    double units = (double)n;
    double mean = units * fmin(fmax(rate_b, 0), 1);
    double reach = 10 * sqrt(mean) + 30; /* less than 1e-20 lies further out */
    uint64_t last = (uint64_t)fmin(units, ceil(mean + reach));
    double edge = 0;
    double power = 0;

    for (uint64_t i = (uint64_t)fmax(0, floor(mean - reach)); i <= last; i++) {
        double j = (double)i;

        edge = region_edge(units, j, alpha, edge);
        if (edge > 0) /* P(losses of a < edge) */
            power += binomial(units, j, rate_b) * beta_tail(rate_a, edge, units - edge + 1);
    }
    return fmin(power, 1);
}

uint64_t fisher_units(double rate_a, double rate_b, double alpha, double power)
{
    PM_ASSERT(alpha > 0 && alpha < 1 && power > 0 && power < 1);
    uint64_t high = 1;

    if (!(rate_a < rate_b))
        return SAMPLE_NEVER;
    while (fisher_power(rate_a, rate_b, high, alpha) < power) {
        if (high >= POWER_MOST)
            return SAMPLE_NEVER;
        high *= 2;
    }
    uint64_t low = high / 2;
    while (high - low > 1) {
        uint64_t mid = low + (high - low) / 2;

        if (fisher_power(rate_a, rate_b, mid, alpha) < power)
            low = mid;
        else
            high = mid;
    }
    for (uint64_t n = high; n < high + POWER_STEADY; n++)
        if (fisher_power(rate_a, rate_b, n, alpha) < power)
            high = n + 1;
    return high;
}
