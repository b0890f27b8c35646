/* aim_plan.h - when in its next move an adaptive load sends, from what is known of the moves before.
 *
 * A plan is a density over the range of phases, and the sends at its quantiles (i+u)/n with one random u: half of the sends go
 * by time alone and by bins while nothing is lost; then a fifth does, and the others go to bins that lose (Thompson sampling)
 * and to where the window's two edges may be (bisection that expects wrong answers). The density is known, so each send
 * has a weight, and the weighted share of losses is that of sends spread evenly: without bias, whatever was learned. Pure:
 * the caller owns shots and sends; no allocation, any thread, about 20 KB of stack. Phases in us.
 */
#ifndef RESULTS_AIM_PLAN_H
#define RESULTS_AIM_PLAN_H

#include "results/aim.h"

#define AIM_BINS 64u

struct aim_order {
    struct interval range;    /* low < high */
    double finest;            /* what differs by less is the same moment */
    const struct shot *shots; /* of moves before: those whose fate is known, or probable */
    size_t count;
    struct rng random; /* fixed by seed, load and move: the same knowledge gives the same plan */
};

struct aimed { /* a send */
    double phase;
    double weight; /* 1/range over the density there */
    uint32_t bin;  /* of aim_bins() */
};

/* Ascending by phase. Returns how many bins there were: at most AIM_BINS. n >= 1. */
size_t aim_plan(const struct aim_order *o, struct aimed *out, size_t n);

/* The bins that these shots lead to, counted; at most AIM_BINS. */
size_t aim_bins(const struct aim_order *o, struct bin *bins);

#endif
