/* cluster.h - losses come by the move: what messages are worth when those of one move share their fate.
 *
 * A move is k lost messages of n. Moves without messages say nothing and do not count. Pure, no allocation,
 * any thread. Cost: a pass or two over the moves; beta_binomial_fit some 200 passes.
 */
#ifndef RESULTS_CLUSTER_H
#define RESULTS_CLUSTER_H

#include <stdbool.h>
#include <stddef.h>

#include "results/stats.h"

struct moves {
    const struct proportion *list; /* per move: messages lost of messages sent */
    size_t count;
};

struct cluster {
    struct proportion messages; /* k lost of n */
    struct proportion moves;    /* k moves that lost something, of n that had messages */
    double rate;                /* of messages; 0 without any */
    double icc; /* correlation of two messages of one move, 0..1 (ANOVA estimate, cut at 0) */
    double design_effect; /* by how much clustering widens the variance; 1 or more */
    double n_effective;   /* messages that independent ones would be worth */
    double se_cluster;    /* of the rate, sums by move; INFINITY below two moves */
    double se_naive;      /* of the rate, as if messages were independent */
    bool
        estimable; /* false: fewer than two moves, or no move differs from another (no loss at all, or only
                                   losses): then icc is 1 for one move and 0 otherwise, by convention and not by evidence */
};

struct cluster cluster_of(struct moves m);

/* Clopper and Pearson on the effective sample size: about 1 - alpha, still too short ("approximate"). Where icc is not
 * estimable, moves count as one unit each: the interval is that of `moves`, wider. Verdicts use the interval of `moves`. */
struct interval cluster_interval(const struct cluster *c, double alpha);

/* After no loss: upper bound if messages were independent (optimistic: say so), and if only moves are. After losses each is
 * the one-sided exact bound of its own unit, and the second is about losing moves, not messages. */
struct cluster_bounds {
    double messages, moves;
};

struct cluster_bounds cluster_upper(const struct cluster *c, double alpha);

/* ln P(k of n) when the rate of a move is drawn from Beta(alpha, beta). */
double beta_binomial_log(uint64_t k, uint64_t n, double alpha, double beta);

struct beta_binomial {
    double mean, icc; /* alpha/(alpha+beta), 1/(1+alpha+beta) */
    double alpha, beta;
    double log_likelihood; /* of all moves, coefficients n over k included */
    bool fitted; /* false: no loss at all, only losses, or no moves: mean is the rate, the rest 0 */
};

/* Most likely mean and icc (icc between 1e-8 and 1 - 1e-6), by simplex from the ANOVA estimate. */
struct beta_binomial beta_binomial_fit(struct moves m);

#endif
