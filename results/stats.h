/* stats.h - what k losses of n units say: rates, intervals, and how many units a statement takes.
 *
 * A unit is what can be lost independently of the others: as a rule the move, not the message (results/cluster.h).
 * Pure, no allocation, any thread. Rates are probabilities 0..1; alpha and confidence lie strictly between 0 and 1, and k
 * is at most n: anything else is our mistake and asserted. n = 0 says nothing: the rate is 0 and each interval is 0..1.
 */
#ifndef RESULTS_STATS_H
#define RESULTS_STATS_H

#include <stdint.h>

struct interval {
    double low, high;
};

struct proportion {
    uint64_t k, n; /* k of n units */
};

#define SAMPLE_NEVER UINT64_MAX /* no number of units is enough */

double proportion_rate(struct proportion p); /* k/n; 0 for n = 0 */

/* Clopper and Pearson: covers the true rate in at least 1 - alpha of all cases. For verdicts. 0 at k = 0, 1 at k = n. */
struct interval proportion_exact(struct proportion p, double alpha);
/* The same for counts that need not be whole (an effective sample size): 0 <= k <= n. */
struct interval proportion_exact_real(double k, double n, double alpha);
/* One-sided: the true rate is at least, or at most this, with confidence 1 - alpha. */
double proportion_lower(struct proportion p, double alpha);
double proportion_upper(struct proportion p, double alpha);
double proportion_upper_real(double k, double n, double alpha);
/* Wilson's score interval: about 1 - alpha, shorter. For charts. */
struct interval proportion_wilson(struct proportion p, double alpha);

/* Upper bound after no loss in n units, -ln(alpha)/n: 3/n at 95 %. 1 for n = 0, and never above 1. */
double rule_of_three(uint64_t n, double alpha);

/* Units that, all without loss, prove with this confidence that fewer than `rate` are lost. rate <= 0: SAMPLE_NEVER;
 * rate >= 1: 1. The same number sees at least one loss with this confidence if the rate is that high. */
uint64_t sample_for_zero(double rate, double confidence);
/* Units among which `losses` may be and still prove it; sample_for_zero for 0. Beyond 1e12 units: SAMPLE_NEVER. */
uint64_t sample_for_losses(double rate, double confidence, uint64_t losses);
/* The probability that n units show at least one loss; rate is clamped to 0..1. */
double chance_of_any(double rate, uint64_t n);

#endif
