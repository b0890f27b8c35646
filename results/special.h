/* special.h - the functions that statistics are made of: beta and normal distributions, and draws from a beta.
 *
 * Pure, no allocation, any thread (lgamma_r keeps no global sign). Relative error is about 1e-12 for shapes up to 1e4 and
 * 1e-9 for shapes up to 1e9. Shapes are real numbers above 0; anything else is our mistake and asserted.
 */
#ifndef RESULTS_SPECIAL_H
#define RESULTS_SPECIAL_H

#include "base/rng.h"

double gamma_log(double x);            /* ln of gamma(x), x > 0 */
double beta_log(double a, double b);   /* ln B(a, b), without the cancellation of three gammas */
double choose_log(double n, double k); /* ln of n over k; -INFINITY unless 0 <= k <= n */

/* P(X <= x) and P(X > x) for X ~ Beta(a, b), each exact where it is the small one; x is clamped to 0..1. */
double beta_cdf(double x, double a, double b);
double beta_tail(double x, double a, double b);

/* The x below which, and above which, lies the probability q; q is clamped to 0..1. By bisection: monotone, no surprises. */
double beta_quantile(double q, double a, double b);
double beta_tail_quantile(double q, double a, double b);
double beta_draw(struct rng *r, double a, double b); /* 0..1 */

double normal_cdf(double z);
double normal_quantile(double q); /* -INFINITY for q <= 0, INFINITY for q >= 1 */

#endif
