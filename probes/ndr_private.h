/* ndr_private.h - what reading reports as mail (ndr.c) and as X.400 reports (ndr_p1.c) share. */
#ifndef PROBES_NDR_PRIVATE_H
#define PROBES_NDR_PRIVATE_H

#include "probes/ndr.h"

struct ndr {
    struct probe_context c;
    void (*canary_seen)(void *owner, uint64_t number);
    void *owner;
    uint32_t kept;
};

/* Keeps it under reports_dir, named by its hash; the suffix with its dot. */
void ndr_keep(struct ndr *n, struct slice raw, const char *suffix);
/* The failure of canary `number` reached its originator; `like` has time, place and mailbox. */
void ndr_canary_reported(struct ndr *n, uint64_t number, const struct event *like);

#endif
