/* permutation.h - would dealing the moves to the two builds at random make b look this much worse?
 *
 * A move is k lost messages of n; moves are what was independent, so whole moves are dealt. The statistic is the rate of b
 * minus the rate of a (sums of losses over sums of messages); p is the share of arrangements with at least the one seen,
 * itself included. Exact up to a million arrangements, otherwise 100,000 random ones, (1 + hits) / (1 + draws), the same for
 * the same seed. Any thread. Scratch: 20 bytes a move, dropped by the caller. Cost beyond exact: draws times the smaller arm
 * (5,000 against 5,000 moves: seconds).
 */
#ifndef RESULTS_PERMUTATION_H
#define RESULTS_PERMUTATION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "results/cluster.h"

struct permutation {
    double p; /* one-sided: a loses less; 1 when an arm has no moves; NAN: scratch is exhausted */
    uint64_t looked_at; /* arrangements that were looked at */
    bool exact;         /* all there are */
};

struct permutation permutation_by_move(struct moves a, struct moves b, uint64_t seed,
                                       struct arena *scratch);

#endif
