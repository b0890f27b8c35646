/* plan.h - from a profile to what a run needs before it begins: workload, manifest, identity, how many threads. */
#ifndef APP_PLAN_H
#define APP_PLAN_H

#include "base/arena.h"
#include "profiles/workload.h"
#include "results/manifest.h"
#include "wire/token.h"

struct plan {
    const struct profile *profile;
    struct workload *work;
    struct manifest manifest;
    struct token_key key;
    uint32_t threads;
};

/* run_id 0: drawn from the clock and the seed; a seeded (simulated) run gives one, so that its bytes repeat. */
bool plan_make(struct plan *p, struct arena *a, const struct profile *profile, uint64_t run_id,
               struct err *e);
/* With X.400: every mailbox has an O/R address by its template, no two the same, and x400.domain is a domain. EX_BAD_PROFILE;
 * plan_make() asks it first. */
bool plan_check_addresses(const struct profile *p, struct err *e);
/* The key of a finished run, from its manifest: to print and recognise tokens. */
struct token_key plan_key(const struct manifest *m);

#endif
