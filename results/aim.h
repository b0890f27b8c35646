/* aim.h - where in a move to send next, so that a short window is hit with few sends and rates stay unbiased.
 *
 * In this order: a comb over the whole move with offsets that fill gaps; bins that get more sends the more they lose, none
 * ever none; bisection of an edge whose answers may be wrong. Phases and lengths are in any one unit. Pure: the caller owns
 * bins and cells, and hands in the generator. No allocation, any thread.
 */
#ifndef RESULTS_AIM_H
#define RESULTS_AIM_H

#include <stdbool.h>
#include <stddef.h>

#include "base/rng.h"
#include "results/race_window.h"

/* --- Comb: a send every `step` of a move ------------------------------------------------------------------- */

double comb_offset(uint64_t move,
                   double step); /* 0 <= offset < step: golden ratio, so that no two come close */
/* Moves until a window is hit with this confidence if offsets were random: ceil(ln(1-c)/ln(1-q)), q = width/step; 1 where
 * width >= step; SAMPLE_NEVER for width 0. */
uint64_t comb_moves(double width, double step, double confidence);
/* Moves after which comb_offset has hit a stationary window for certain: 1.895 step/width (limit 1 + 2/sqrt(5)). */
uint64_t comb_moves_sure(double width, double step);

/* --- Bins: strata of the phase ------------------------------------------------------------------------------ */

struct bin {
    struct interval at;     /* low <= phase < high; the last one includes its high end */
    struct proportion seen; /* lost of sent */
};

/* Bins over `range`, finest at the marks and doubling away from each. Returns how many, at most `max` (coarser then, never
 * fewer than one; max >= 1). Ascending, adjoining, none empty. Marks in any order; those outside count where they fall. */
size_t bins_around(struct interval range, const double *marks, size_t mark_count, double finest,
                   struct bin *bins, size_t max);
/* Counts the shots into the bins anew; those outside all bins are left out. */
void bins_count(struct bin *bins, size_t count, const struct shot *shots, size_t n);

struct bin_rules {
    double finest; /* no bin is split into halves shorter than this */
    double
        target; /* neighbours without loss merge when their common upper bound lies below this rate */
    double alpha; /* of that bound */
};

/* Splits bins with two losses or more, merges those that are known to be quiet, counts anew. Returns the new number, at most
 * max; the bins cover the same range. */
size_t bins_refine(struct bin *bins, size_t count, size_t max, const struct bin_rules *rules,
                   const struct shot *shots, size_t n);

#define AIM_FLOOR 0.2 /* of sends go to all bins alike: nothing is ruled out unseen */

/* The bin for the next send: with probability `floor` any, else the one that wins a draw from Beta(1/2+k, 1/2+n-k) each
 * (Thompson sampling). count >= 1. */
size_t bins_choose(const struct bin *bins, size_t count, double floor, struct rng *r);
/* The phase for the next send into this bin: golden ratio by the number sent so far, so uniform within it. */
double bin_phase(const struct bin *bin);
/* What one send of this bin stands for, such that the weighted share of losses is the stratified rate: (length/all lengths) /
 * (sends of the bin/all sends). 0 for a bin without sends. */
double bin_weight(const struct bin *bins, size_t count, size_t i);

struct strata {
    double rate; /* as if sends had been uniform over the range */
    double se; /* of the rate; bins without loss, or with nothing else, add 0: read the interval */
    double width;   /* rate times range: length of the window times P(loss | inside) */
    double covered; /* share of the range in bins that had sends */
    struct interval
        interval; /* of the rate: z times se, plus what one-sided exact bounds of such bins leave open. Conservative */
};

/* Bins without sends count as rate 0 in `rate` and as 0..1 in `interval`. No bins or no length: rate 0, 0..1. */
struct strata strata_of(const struct bin *bins, size_t count, double alpha);

/* --- Edge: bisection with answers that may be wrong ----------------------------------------------------------- */

struct edge_search {
    struct interval range;
    double *mass; /* the caller's, one per cell: P(the edge is in the cell) */
    size_t cells;
    double error; /* P(an answer is wrong), 0 < error < 1/2: from the jitter */
    bool begins;  /* the window begins here: later is lost; otherwise it ends here */
};

/* All places alike. range.low < range.high, cells >= 1. */
void edge_start(struct edge_search *e, struct interval range, double *mass, size_t cells);
/* The phase below which the edge is with probability q, 0..1. Aim one send at 1/2, or s sends at i/(s+1). */
double edge_quantile(const struct edge_search *e, double q);
void edge_learn(struct edge_search *e, double phase, bool lost);          /* O(cells) */
struct interval edge_interval(const struct edge_search *e, double alpha); /* central */
/* Moves that take an edge from `range` to `resolution` with `sends` per move: log(range/resolution)/log(sends+1)/(1 - H(error));
 * 0 where nothing is to do, SAMPLE_NEVER where answers say nothing (error >= 1/2) or sends is 0. */
uint64_t edge_moves(double range, double resolution, double error, uint64_t sends);

#endif
