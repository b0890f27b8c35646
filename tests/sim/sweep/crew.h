/* crew.h - a share of the seeds for each of several processes, and what they have to say, read by one.
 *
 * A process takes the next seed when it is done with one. One that dies or takes too long over a seed costs this seed
 * and no other: it is a failing one, and another process takes its place. Ends only processes that it started.
 */
#ifndef TESTS_SIM_SWEEP_CREW_H
#define TESTS_SIM_SWEEP_CREW_H

#include "tests/sim/hold.h"

struct crew {
    unsigned jobs;
    uint64_t first, count;
    /* Parent: one seed is done, in any order. */
    void (*done)(void *owner, uint64_t seed, const struct held *h);
    void *owner;
};

bool crew_sweep(const struct crew *c); /* false: no process or pipe to be had */
/* One case in a process of its own. */
bool crew_hold(const char *text, const char *name, struct held *h);
/* By the sign of a failure: did the process die that walked the case? */
bool crew_died(const char *sign);

#endif
