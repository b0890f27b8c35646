/* manifest.h - manifest.json: names, gates, stride, loads, seed and configuration, so that results/ reads a run without
 * its profile. Plain data, filled in by app before the load begins, written once; all strings borrowed (from the
 * profile's arena when writing, from the given arena when reading).
 */
#ifndef RESULTS_MANIFEST_H
#define RESULTS_MANIFEST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"

#define MANIFEST_OURS "ours" /* name of the server that is our own X.400 MTA */

struct manifest_aim {        /* adaptive aim; to_ns 0: none */
    uint32_t mark;           /* enum move_mark */
    uint64_t from_ns, to_ns; /* after it */
};

struct manifest_load {
    const char *name, *protocol, *via;
    uint64_t first, count; /* message numbers */
    uint32_t recipients;   /* per message */
    bool
        alternates; /* its recipients have, or may get, an alternate: two slots count per recipient */
    bool silence_asked;   /* NOTIFY=NEVER, or the null sender */
    uint64_t deferred_ns; /* X.400's deferred delivery: due so long after acceptance */
    uint64_t burst_ns;    /* from one burst to the next; 0: not in bursts */
    struct manifest_aim aim;
};

struct manifest_mailbox {
    const char *name, *address;
    uint32_t home;      /* server index at the start; NO_INDEX: unknown */
    uint32_t alternate; /* mailbox index at the start, or NO_INDEX */
    bool both;
};

struct manifest_move { /* as planned */
    uint32_t mailbox, from, to;
    uint64_t at_ns;
    const char *schedule;
};

struct manifest_gate {
    const char
        *name; /* a class, a flag, or one of: unknown, identities, moves-disproved, pacing-p99 */
    uint64_t limit; /* pass while the count is at most this (pacing-p99: ns) */
};

struct
    manifest_stop { /* run.stop: when the load may end before its plan does; results/stop_rule.h */
    uint32_t rule;  /* enum stop_rule */
    uint64_t low_ppb, high_ppb, alpha_ppb, beta_ppb; /* parts in a billion */
    uint64_t silence_ns; /* a copy silent for longer counts as lost; 0: only what is certain does */
};

struct
    manifest_prints { /* of the plan: equal in runs of the same plan, whatever build they met; 0: not stated */
    uint64_t loads, mailboxes, moves, actions;
};

struct manifest {
    const char *name, *variant, *description; /* variant "" if none */
    const char *target;                       /* "lab 5.5-sp3", or "live" */
    uint64_t run_id, seed;
    uint64_t wall_start_ns; /* Unix time of target time 0; 0 in simulated runs */
    uint32_t time_scale;
    uint32_t stride;
    uint64_t planned_messages,
        canaries; /* numbers planned_messages .. + canaries - 1 are canaries and fences */
    const char *const *servers;
    uint32_t server_count;
    const struct manifest_mailbox *mailboxes;
    uint32_t mailbox_count;
    const struct manifest_load *loads;
    uint32_t load_count;
    const struct manifest_move *moves;
    uint32_t move_count;
    const struct manifest_gate *gates;
    uint32_t gate_count;
    bool queues_visible;      /* a queue probe covers every server but ours */
    uint64_t settle_retry_ns; /* a stranded entry stands still for longer than this */
    uint64_t lifetime_ns; /* silence by lifetime: final this long after acceptance; 0: not stated */
    uint64_t late_ns;     /* seen later than this (plus time on the move) is late: 30 s */
    uint64_t alternate_lag_ns; /* cache lifetime plus replication lag of an alternate's change */
    uint64_t
        cache_ns; /* the site trusts a home that it has looked up for so long; 0: not at all, or not stated */
    uint64_t
        lateness_limit_ns; /* shortest knob a scenario relies on, real lateness x scale must stay below; 0: none */
    uint64_t max_lateness_ns; /* real: a generator that is later is saturated; 0: no limit */
    uint32_t content_percent; /* of so many of 100 messages the bodies were compared */
    struct manifest_prints prints;
    struct manifest_stop stop;
};

bool manifest_write(const struct manifest *m, const char *path, struct err *e);
struct manifest *manifest_read(struct arena *a, const char *path, struct err *e);
/* Our own X.400 MTA among the servers: it keeps no queue, so that nobody lists one. */
bool manifest_is_ours(const struct manifest *m, uint32_t server);
/* Copies counted per message of this load: recipients x (1 or 2). */
uint32_t manifest_copies(const struct manifest_load *l);
uint64_t manifest_planned_copies(const struct manifest *m); /* of all loads */

#endif
