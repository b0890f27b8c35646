/* aim_found.h - what adaptive aim found, load by load: the rate as if sends had been even, and where in the move the window is.
 *
 * Of the settled account only. The rate weighs each send by what its plan says (journalled), so that it is not higher for
 * having looked where losses are; its interval takes moves as units. Owns its list; pure otherwise.
 */
#ifndef RESULTS_AIM_FOUND_H
#define RESULTS_AIM_FOUND_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "results/aim_plan.h"
#include "results/copies.h"
#include "results/window_edges.h"

struct aim_found {
    uint32_t load, moves;                /* moves in which something was tried */
    uint64_t aimed, sends, losses, open; /* planned; whose fate is known; lost; not known */
    double rate, se;                     /* weighted share of losses; by moves */
    struct interval rate_interval;       /* 95 % */
    struct bin bins[AIM_BINS];           /* us after the mark */
    uint32_t bin_count;
    struct strata strata; /* the rate again, by bins */
    struct edges edges;   /* fitted false: too few losses */
    struct bracket bracket;
};

struct aims {
    struct aim_found *found; /* one a load that was aimed adaptively, in order */
    uint32_t count;
};

bool aims_find(struct aims *a, struct copies *c, struct err *e); /* false: out of memory */
void aims_fini(struct aims *a);

/* The range and the resolution of a load's aim. */
struct aim_order aim_order_of(const struct manifest *m, uint32_t load, const struct shot *shots,
                              size_t count);

#endif
