/* unconditional.h - tests of two proportions that do not fix the total of losses: stronger than Fisher's for few units.
 *
 * The rate that both builds would share is unknown, so the p-value is the largest over all such rates: 256 of them on the
 * arcsine scale (as fine as the probabilities change, up to 10,000 units an arm), then golden section at the best four.
 * Pure, any thread; scratch holds 16 bytes a unit, to be dropped afterwards. NAN: scratch is exhausted. Nothing else gives
 * NAN; an arm without units gives 1. Cost: 300 passes over the units of both arms (10,000 each: under a second).
 */
#ifndef RESULTS_UNCONDITIONAL_H
#define RESULTS_UNCONDITIONAL_H

#include "base/arena.h"
#include "results/stats.h"

/* Boschloo (1970): the tables with a Fisher p-value at most the one seen. One-sided: a loses less than b. */
double boschloo_less(struct proportion a, struct proportion b, struct arena *scratch);
/* Barnard's test with the pooled Wald statistic, two-sided. */
double barnard_two_sided(struct proportion a, struct proportion b, struct arena *scratch);

#endif
