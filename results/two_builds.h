/* two_builds.h - do two builds (service packs, versions) lose differently? Exact answers for two proportions.
 *
 * Arms are a and b, each k losing units of n; units must be independent, so take moves that lost something of moves made.
 * "less" is one-sided: small when a loses less than b. Differences are b minus a: positive when b loses more.
 * Pure, no allocation, any thread. An arm without units says nothing: tests answer 1, bayes_less one half or the prior's
 * weight, the interval is as wide as the other arm leaves it. Cost: tests and power O(losses), one pass.
 */
#ifndef RESULTS_TWO_BUILDS_H
#define RESULTS_TWO_BUILDS_H

#include "results/stats.h"

/* Fisher's exact test given the total of losses: the p-value. Two-sided adds all tables no more probable than this one. */
double fisher_less(struct proportion a, struct proportion b);
double fisher_two_sided(struct proportion a, struct proportion b);

/* P(rate of a < rate of b) after the data, both rates independent with Jeffreys' prior Beta(1/2, 1/2). */
double bayes_less(struct proportion a, struct proportion b);

/* Rate of b minus rate of a with about 1 - alpha: Newcombe (1998), method 10, which combines the two Wilson intervals. Stays
 * in -1..1 and is never of length 0, also at 0 of n against 0 of n. */
struct interval difference_newcombe(struct proportion a, struct proportion b, double alpha);

/* P(fisher_less <= alpha) with n units in each arm and these true rates, by enumeration: O(n) at most. */
double fisher_power(double rate_a, double rate_b, uint64_t n, double alpha);
/* Units in each arm so that fisher_power is at least `power` for this n and the nine that follow (power is a saw-tooth in n).
 * SAMPLE_NEVER when rate_a >= rate_b or a million units in each arm are not enough. */
uint64_t fisher_units(double rate_a, double rate_b, double alpha, double power);

#endif
