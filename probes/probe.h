/* probe.h - what looks where messages are and says so: the vtable, the table, and what a probe can see.
 *
 * A probe watches one place: a mailbox on a server (sees copies and reports), or a server's queues. It looks by itself every
 * period, and at once when told; it journals what it sees (EV_SEEN, EV_GONE, EV_SCAN, EV_REPORT; EV_QUEUED, EV_WAVE) and
 * judges nothing. The muster owns the probes and asks for complete scans begun after some instant. All on one loop.
 */
#ifndef PROBES_PROBE_H
#define PROBES_PROBE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/exec.h"
#include "base/http.h"
#include "base/loop.h"
#include "probes/dial.h"
#include "profiles/workload.h"
#include "results/event.h"
#include "results/journal.h"
#include "wire/token.h"

struct smtp_corpus;
struct correlate;
struct probe_queues;
struct p1_listener;
struct smtp_listener;

struct probe_context {
    struct loop *loop;
    const struct run_clock *clock;
    const struct workload *work;
    struct journal *journal;
    const struct token_key *key;
    const struct smtp_corpus *corpus;
    const char *reports_dir; /* where raw reports are kept; NULL: nowhere */
    struct dial *dial;
    struct http *http;
    struct exec *exec;                   /* NULL: none */
    struct correlate *correlate;         /* shared by the probes of this loop; made by the muster */
    struct p1_listener *listener;        /* of our own MTA over X.400; NULL: nobody calls it */
    struct smtp_listener *smtp_listener; /* over SMTP and LMTP; NULL: nobody calls it */
    /* Of a run that died and goes on: scan epochs and queue waves that may have been used before; else 0. */
    uint32_t epochs_used, waves_used;
    struct probe_queues *queues; /* so are the queue listings; NULL: each probe asks for itself */
};

enum { SEES_COPIES = 1, SEES_REPORTS = 2, SEES_QUEUE = 4 };

struct probe;

struct probe_ops {
    const char *name, *help;
    unsigned sees;
    bool by_file; /* looks at files: being there or absent says nothing of who serves a mailbox */
    /* Opens a probe of `mailbox` (SITE_NONE for queues) on `server`; starts looking by itself. */
    struct probe *(*open)(const struct probe_context *c, const struct probe_profile *how,
                          uint32_t mailbox, uint32_t server, struct err *e);
    void (*scan)(
        struct probe *p); /* wants a complete scan that begins from now on; cheap to repeat */
    void (*close)(struct probe *p);
};

struct probe { /* the first member of each driver's own struct */
    const struct probe_ops *ops;
    uint32_t mailbox, server;
    uint64_t complete_ns; /* LOOP time at which the newest complete scan began; 0: never yet */
    bool absent;          /* by that scan, there is no such mailbox on this server */
    bool refused;         /* the last attempt was refused or failed */
    uint64_t scans, failures;
    const char *why; /* the last failure in words */
    /* queues only, as of the newest complete scan */
    bool counted;          /* in and out are known: some queues cannot say */
    uint64_t in, out;      /* what ever entered and left this server's queues */
    uint32_t entries, due; /* entries now; those with another try planned */
    uint64_t standing; /* order-free fingerprint of (entry, tries): equal twice = nothing moved */
    void (*scanned)(struct probe *p); /* the muster's; after every scan, complete or not */
    void *owner;
};

extern const struct probe_ops probe_imap, probe_maildir, probe_mbox, probe_pop3, probe_queue_http,
    probe_queue_exec, probe_ours, probe_queue_postfix, probe_queue_exim, probe_queue_opensmtpd,
    probe_queue_sendmail, probe_queue_exchange;
extern const struct probe_ops probe_queue_none; /* of a server that has no queues; in no table */
extern const struct probe_ops *const probe_table[]; /* NULL-terminated */

uint64_t probe_period_ns(const struct probe_profile *how); /* from one look to the next */
/* ... and after so many failures in a row: twice as long each time, 16 periods at most. */
uint64_t probe_backoff_ns(const struct probe_profile *how, uint32_t tries);

#endif
