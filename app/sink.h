/* sink.h - `postmuster sink`: an MTA that takes messages and forgets them, and misbehaves as it was told.
 *
 * What happens to the n-th APDU and the n-th bind is drawn from (seed, n): the same callers doing the same get the same. The
 * log is the truth about it: one line an APDU, what it was and what was done with it, written before the answer leaves.
 * Reports are drawn too, for messages that were taken and whose originator asked. All on the loop's thread.
 */
#ifndef APP_SINK_H
#define APP_SINK_H

#include <stdio.h>

#include "probes/p1_host.h"

#define SINK_ALL         1000000u /* a share of everything */
#define SINK_REPORTS_MAX 8u

enum sink_deed { /* what is done with an APDU that is not simply taken */
                 SINK_NOT_NOW,
                 SINK_NEVER,
                 SINK_ABORT,
                 SINK_HANG_UP,
                 SINK_SILENT,
                 SINK_DEEDS
};

struct sink_report {
    bool delivered;
    int32_t reason, diagnostic; /* if not */
    uint32_t share;
};

struct sink_config {
    struct loop *loop;
    struct net_addr at;
    struct association_config association; /* slices borrowed */
    struct slice mta, password, peer_mta, peer_password;
    uint64_t seed;
    uint64_t count, duration_ns; /* ends by itself then; 0: never */
    uint32_t busy, strangers;    /* shares of binds that are refused */
    uint32_t deeds[SINK_DEEDS];  /* shares of APDUs */
    struct sink_report reports[SINK_REPORTS_MAX];
    uint32_t report_count;
    struct net_addr report_to;                          /* family 0: on the caller's own turn */
    struct slice report_tsel, report_ssel, report_psel; /* called there; empty: none */
    FILE *log;                                          /* NULL: none */
    void (*trouble)(void *owner, const char *words);
    void *owner;
};

struct sink_counts {
    uint64_t deeds[SINK_DEEDS], unreadable;
    uint64_t reports, unmade;          /* reports that were made; that could not be */
    uint64_t handed, unhanded, beyond; /* of reports; APDUs that came after the last one counted */
};

struct sink;

struct sink *sink_open(const struct sink_config *c, struct err *e);
void sink_close(struct sink *s); /* NULL is fine */
struct net_addr sink_addr(const struct sink *s);
void sink_stop(struct sink *s); /* in order: stops the loop when reports are handed over, or soon */
struct sink_counts sink_counts(const struct sink *s);
const struct p1_host_counts *sink_host_counts(const struct sink *s);

#endif
