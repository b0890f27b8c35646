/* bootstrap.h - how the rate, or a difference of rates, would vary in other runs like this one: by resampling whole moves.
 *
 * Same seed, same answer. Any thread; scratch holds 8 bytes a draw, which the caller drops. Cost: draws times moves (9,999
 * times 10,000: about a second).
 */
#ifndef RESULTS_BOOTSTRAP_H
#define RESULTS_BOOTSTRAP_H

#include "base/arena.h"
#include "results/cluster.h"

#define BOOTSTRAP_DRAWS 9999u /* a good number */

struct bootstrap {
    struct interval percentile, bca; /* bca corrects bias and skew (Efron 1987) */
    double se;
    bool
        degenerate; /* fewer than five moves with losses in an arm: do not use it, take the exact interval of moves */
};

/* false: scratch is exhausted, or draws is 0. Without messages: 0..1, se INFINITY, degenerate. */
bool bootstrap_rate(struct bootstrap *out, struct moves m, uint32_t draws, double alpha,
                    uint64_t seed, struct arena *scratch);

struct arms {
    struct moves a, b;
};

/* Rate of b minus rate of a. Without messages in an arm: -1..1, se INFINITY, degenerate. */
bool bootstrap_difference(struct bootstrap *out, struct arms arms, uint32_t draws, double alpha,
                          uint64_t seed, struct arena *scratch);

#endif
