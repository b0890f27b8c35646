/* special.c - the functions that statistics are made of.
 *
 * The incomplete beta is Lentz' continued fraction on the side where it converges fast (after about the square root of
 * the larger shape); its inverse is bisection, first of the exponent, then of the number, until two doubles meet.
 */
#include "results/special.h"

#include <math.h>
#include <stdbool.h>

#include "base/err.h"

#define FRACTION_TERMS 400000
#define FRACTION_EPS   1e-16
#define FRACTION_TINY  1e-300
#define STIRLING_FROM  10.0

double gamma_log(double x)
{
    int sign;

    return lgamma_r(x, &sign);
}

/* What Stirling's formula leaves out of ln gamma(x), for x >= 10: below 1e-15 of error. */
static double stirling_rest(double x)
{
    double y = 1 / (x * x);

    return (1.0 / 12 -
            y * (1.0 / 360 -
                 y * (1.0 / 1260 - y * (1.0 / 1680 - y * (1.0 / 1188 - y * 691 / 360360))))) /
           x;
}

double beta_log(double a, double b)
{
    double p = fmin(a, b);
    double q = fmax(a, b);

    PM_ASSERT(p > 0);
    if (q < STIRLING_FROM)
        return gamma_log(p) + gamma_log(q) - gamma_log(p + q);
    double tail = (q - 0.5) * log1p(-p / (p + q));
    if (p < STIRLING_FROM)
        return gamma_log(p) + stirling_rest(q) - stirling_rest(p + q) + p - p * log(p + q) + tail;
    double rest = stirling_rest(p) + stirling_rest(q) - stirling_rest(p + q);
    return 0.5 * log(2 * M_PI / q) + rest + (p - 0.5) * log(p / (p + q)) + q * log1p(-p / (p + q));
}

double choose_log(double n, double k)
{
    if (!(k >= 0 && k <= n))
        return -INFINITY;
    if (k == 0 || k == n)
        return 0;
    return -log1p(n) - beta_log(n - k + 1, k + 1);
}

static double away_from_zero(double v)
{
    return fabs(v) < FRACTION_TINY ? FRACTION_TINY : v;
}

/* The continued fraction of I_x(a, b), by Lentz; for x below the mean. */
static double beta_fraction(double x, double a, double b)
{
    double c = 1;
    double d = 1 / away_from_zero(1 - (a + b) * x / (a + 1));
    double h = d;

    for (int m = 1; m <= FRACTION_TERMS; m++) {
        double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
        double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));

        d = 1 / away_from_zero(1 + even * d);
        c = away_from_zero(1 + even / c);
        h *= d * c;
        d = 1 / away_from_zero(1 + odd * d);
        c = away_from_zero(1 + odd / c);
        h *= d * c;
        if (fabs(d * c - 1) < FRACTION_EPS)
            break;
    }
    return h;
}

/* One of the two tails is computed and the other is what is left of 1: the small one of them is never a difference. */
static void beta_tails(double x, double a, double b, double *lower, double *upper)
{
    PM_ASSERT(a > 0 && b > 0);
    if (!(x > 0) || x >= 1) {
        *lower = x >= 1;
        *upper = 1 - *lower;
        return;
    }
    double front = exp(a * log(x) + b * log1p(-x) - beta_log(a, b));
    if (x <= (a + 1) / (a + b + 2)) {
        *lower = fmin(1, front * beta_fraction(x, a, b) / a);
        *upper = 1 - *lower;
    } else {
        *upper = fmin(1, front * beta_fraction(1 - x, b, a) / b);
        *lower = 1 - *upper;
    }
}

double beta_cdf(double x, double a, double b)
{
    double lower;
    double upper;

    beta_tails(x, a, b, &lower, &upper);
    return lower;
}

double beta_tail(double x, double a, double b)
{
    double lower;
    double upper;

    beta_tails(x, a, b, &lower, &upper);
    return upper;
}

/* The x at which the lower tail (or the upper one) is q, 0 < q < 1. */
static double beta_solve(double q, double a, double b, bool upper_tail)
{
    double low = FRACTION_TINY;
    double high = 1;

    for (int i = 0; i < 200; i++) {
        double mid = high > 2 * low ? sqrt(low) * sqrt(high) : low + (high - low) / 2;

        if (mid <= low || mid >= high)
            break;
        bool below = upper_tail ? beta_tail(mid, a, b) > q : beta_cdf(mid, a, b) < q;
        if (below)
            low = mid;
        else
            high = mid;
    }
    return low + (high - low) / 2;
}

double beta_quantile(double q, double a, double b)
{
    if (!(q > 0) || q >= 1)
        return q >= 1;
    return beta_solve(q, a, b, false);
}

double beta_tail_quantile(double q, double a, double b)
{
    if (!(q > 0) || q >= 1)
        return !(q > 0);
    return beta_solve(q, a, b, true);
}

static double unit_above_zero(struct rng *r)
{
    return 1 - rng_unit(r);
}

/* ln of a draw from Gamma(shape, 1), by Marsaglia and Tsang (2000); in logs, since small shapes draw tiny numbers. */
static double gamma_draw_log(struct rng *r, double shape)
{
    if (shape < 1)
        return gamma_draw_log(r, shape + 1) + log(unit_above_zero(r)) / shape;
    double d = shape - 1.0 / 3;
    double c = 1 / sqrt(9 * d);
    for (;;) {
        double z = normal_quantile(unit_above_zero(r));
        double v = 1 + c * z;

        if (!(v > 0) || isinf(v))
            continue;
        v = v * v * v;
        if (log(unit_above_zero(r)) < 0.5 * z * z + d - d * v + d * log(v))
            return log(d) + log(v);
    }
}

double beta_draw(struct rng *r, double a, double b)
{
    PM_ASSERT(a > 0 && b > 0);
    double x = gamma_draw_log(r, a);
    double y = gamma_draw_log(r, b);

    return x == y ? 0.5 : 1 / (1 + exp(y - x));
}

double normal_cdf(double z)
{
    return 0.5 * erfc(-z * M_SQRT1_2);
}

/* Acklam's rational approximation (1e-9) for q in the lower half. */
static double normal_quantile_rough(double q)
{
    static const double a[] = {-3.969683028665376e+01, 2.209460984245205e+02,
                               -2.759285104469687e+02, 1.383577518672690e+02,
                               -3.066479806614716e+01, 2.506628277459239e+00};
    static const double b[] = {-5.447609879822406e+01, 1.615858368580409e+02,
                               -1.556989798598866e+02, 6.680131188771972e+01,
                               -1.328068155288572e+01};
    static const double c[] = {-7.784894002430293e-03, -3.223964580411365e-01,
                               -2.400758277161838e+00, -2.549732539343734e+00,
                               4.374664141464968e+00,  2.938163982698783e+00};
    static const double d[] = {7.784695709041462e-03, 3.224671290700398e-01, 2.445134137142996e+00,
                               3.754408661907416e+00};

    if (q < 0.02425) {
        double t = sqrt(-2 * log(q));

        return (((((c[0] * t + c[1]) * t + c[2]) * t + c[3]) * t + c[4]) * t + c[5]) /
               ((((d[0] * t + d[1]) * t + d[2]) * t + d[3]) * t + 1);
    }
    double u = q - 0.5;
    double t = u * u;
    return (((((a[0] * t + a[1]) * t + a[2]) * t + a[3]) * t + a[4]) * t + a[5]) * u /
           (((((b[0] * t + b[1]) * t + b[2]) * t + b[3]) * t + b[4]) * t + 1);
}

double normal_quantile(double q)
{
    if (!(q > 0))
        return -INFINITY;
    if (q >= 1)
        return INFINITY;
    if (q > 0.5)
        return -normal_quantile(1 - q);
    double x = normal_quantile_rough(q);
    double u = (normal_cdf(x) - q) * sqrt(2 * M_PI) * exp(x * x / 2);
    return x - u / (1 + x * u / 2); /* one step of Halley's: to the last digits */
}
