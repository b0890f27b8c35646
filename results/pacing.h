/* pacing.h - how late messages left against the plan, load by load, and whether the generator kept up.
 *
 * The rule: a load is saturated when the 99th of 100 of its messages left later, in real time, than run.max_lateness after it
 * was due; messages that waited for a busy pool of connections are late too, since the load is open. A burst is due at
 * one instant and leaves as fast as it can: being late by up to the time between two bursts is its nature, and it counts as
 * late only beyond that (and beyond run.max_lateness). Aimed messages are due when their mark plus their distance from it
 * is over, and count like all others. One saturated load makes the latencies of the run uncertified.
 */
#ifndef RESULTS_PACING_H
#define RESULTS_PACING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/hist.h"
#include "results/manifest.h"

struct pacing {
    struct hist *late; /* per load, real us; empty until its first message */
    uint32_t loads;
};

bool pacing_init(struct pacing *p, uint32_t loads);                 /* false: out of memory */
void pacing_fini(struct pacing *p);                                 /* zeroed is fine */
bool pacing_add(struct pacing *p, uint32_t load, uint64_t late_us); /* false: out of memory */
bool pacing_merge(struct pacing *into, const struct pacing *from);  /* false: out of memory */
void pacing_sum(const struct pacing *p, struct hist *all);

struct saturation {
    bool any;
    uint32_t load; /* the one furthest beyond its limit */
    uint64_t p99_ns, limit_ns;
};

/* Whether some load was saturated; never where the manifest states no limit. */
struct saturation pacing_saturation(const struct pacing *p, const struct manifest *m);

#endif
