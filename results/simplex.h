/* simplex.h - the lowest point of a function of a few numbers, without derivatives (Nelder and Mead, 1965).
 *
 * Pure, no allocation, any thread; the same start gives the same answer. Finds a local minimum: the caller starts it well.
 */
#ifndef RESULTS_SIMPLEX_H
#define RESULTS_SIMPLEX_H

#include <stddef.h>

#define SIMPLEX_DIMS 4 /* at most */

/* What is to be made small. INFINITY is a fine cost; NaN counts as INFINITY. */
struct simplex_task {
    double (*cost)(const double *at, void *context);
    void *context;
    size_t dims;    /* 1..SIMPLEX_DIMS */
    unsigned calls; /* of cost, at most (give or take one round) */
};

/* Starts at `at` with a first step per dimension, leaves the best point found in `at` and returns its cost. Ends when the
 * costs at all corners agree to 1e-13 of their size. */
double simplex_min(const struct simplex_task *t, double *at, const double *step);

#endif
