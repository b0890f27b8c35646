/* window_edges.h - where a window begins and ends when its edges are blurred and not everything inside is lost.
 *
 * P(loss | phase) = hit * Phi((phase - begin)/jitter) before the median loss, hit * Phi((end - phase)/jitter) after it: each
 * edge blurs by itself, as long as the window is longer than a few jitters. Begin and end are taken as equally likely
 * anywhere, jitter on a log scale (leaning to the large) from its floor to a third of the losses' range, hit from 0.02 to 1; what is not asked for is
 * integrated out. (The profile likelihood of the same model covered planted edges in only 55 to 85 of 100 runs: it
 * takes survivors at a blurred edge for a sharp edge with a hit below 1.) Jitter includes what differs between moves.
 * Pure, no allocation, any thread, about 300 KB of stack. Cost: a second at most, however many shots there are (where many lie
 * around an edge, neighbours are taken together).
 */
#ifndef RESULTS_WINDOW_EDGES_H
#define RESULTS_WINDOW_EDGES_H

#include "results/race_window.h"

struct edges {
    double begin, end; /* medians of what is likely */
    double jitter;     /* geometric mean */
    double hit;        /* mean: share lost inside */
    struct interval begin_interval,
        end_interval; /* infinite on a side where no survivor bounds it */
    bool
        fitted; /* false: fewer than three losses, all at one phase, or no survivor; everything else is 0 then */
};

/* The list must be sorted by shots_sort. jitter_floor: no smaller jitter is believed (clock and queue; 0: a thousandth of the
 * losses' range). */
struct edges window_edges(const struct shot *list, size_t n, double jitter_floor, double alpha);

#endif
