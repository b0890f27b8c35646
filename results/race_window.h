/* race_window.h - how long, and where, is the moment of a move at which messages are lost?
 *
 * A phase is the time of a send minus a mark of its move (start, flip, ...), in any one unit; results are in that unit. Pure,
 * no allocation, any thread. A window is taken as stationary: the same phases in all moves (what differs between moves looks
 * like jitter). Alpha lies strictly between 0 and 1.
 */
#ifndef RESULTS_RACE_WINDOW_H
#define RESULTS_RACE_WINDOW_H

#include <stdbool.h>
#include <stddef.h>

#include "results/stats.h"

/* A length. known is false where the data cannot tell: then value is 0 and the interval 0..INFINITY. */
struct length {
    double value;
    struct interval interval; /* two-sided */
    double upper;             /* one-sided, with the same alpha */
    bool known;
};

/* From how many of the sends, uniform over a time `span`, were lost: span * k/n with exact bounds. It is the length times
 * P(loss | inside): the length itself only if nothing survives inside. k = 0: value 0, upper bound as stated; n = 0: unknown. */
struct length window_from_share(struct proportion lost, double span, double alpha);

/* From the phases of losses alone, if sends are uniform there and edges sharp: `range` is the last minus the first of n losses.
 * Unbiased: range (n+1)/(n-1); range/length is Beta(n-1, 2). n < 2 or range <= 0 (a clock too coarse): unknown. */
struct length window_from_range(double range, uint64_t losses, double alpha);

struct shot {
    double phase;
    bool lost;
    uint32_t lost_before; /* losses at smaller places of the list; shots_sort fills it in */
};

/* By phase, and counts losses. O(n log n). */
void shots_sort(struct shot *list, size_t n);

/* Each edge lies between the nearest survivor outside and the outermost loss. */
struct bracket {
    struct interval begin,
        end; /* (survivor, first loss] and [last loss, survivor); infinite where there is none */
    uint64_t losses; /* 0: both are -INFINITY..INFINITY */
    uint64_t
        inside; /* survivors between first and last loss: edges blur, or not all inside are lost */
};

struct bracket window_bracket(const struct shot *list, size_t n); /* in any order; O(n) */

#endif
