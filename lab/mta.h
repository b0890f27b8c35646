/* mta.h - one server's message transfer agent: look-ups through caches, hops, deferral, retries, failures and reports.
 *
 * From acceptance to its end (delivered, reported, dropped, suppressed) a copy is in exactly one server's list; `in` and
 * `out` count what came and went, so that two equal, complete views prove that nothing moved in between.
 */
#ifndef LAB_MTA_H
#define LAB_MTA_H

#include <stdbool.h>
#include <stdint.h>

#include "lab/bounce.h"
#include "lab/connector.h"
#include "lab/mail.h"
#include "lab/schedule.h"
#include "lab/truth.h"

struct lab;

#define NO_DIAG 255 /* "Omit any diagnostic code" */

enum copy_state {
    COPY_WORK,         /* to be routed now (or when the MTA runs again) */
    COPY_QUEUED,       /* waits for a peer, a store or a directory */
    COPY_IN_TRANSFER,  /* on its way to a peer */
    COPY_DEFERRED,     /* its mailbox moves */
    COPY_AWAIT_REPORT, /* stranded: failed, and its originator cannot be told */
    COPY_RETRY,        /* the move is over: tried again in a moment */
    COPY_IN_TRANSIT,   /* in the new store's in-transit list */
    COPY_NOT_YET,      /* its originator asked for a later time */
    COPY_OUTGOING,     /* waits for the X.400 connector */
    COPY_HANDED,       /* the connector's front has it */
};

struct copy {
    struct lab *lab;
    struct due due;
    struct mail *mail;                  /* holds a reference */
    struct copy *prev, *next;           /* in its server's list, in order of arrival */
    struct copy *held_prev, *held_next; /* in `list` */
    struct copy_list *list;             /* its box's, or the connector's; NULL: on none */
    uint64_t id, next_try_ns;           /* NEVER_NS: nothing is due by itself */
    uint64_t handed;                    /* number of the hand-out; 0: not handed out */
    uint32_t recipient, mailbox;        /* NO_MAILBOX: nobody */
    uint32_t hops, tries;
    int server, peer; /* peer: -1, or where it is sent */
    enum mail_role role;
    enum copy_state state;
    bool alt_done, has_both, deferred_once;
    bool timer_set;  /* its wait for the time asked for has begun, */
    bool timer_lost; /* or never does (Q248253) */
    uint8_t planted; /* 0, or enum plant plus one: it was hit */
};

struct home_line {
    uint64_t fetched_ns;
    int home;
    bool known;
};

struct alternate_line {
    uint64_t fetched_ns;
    uint32_t alternate;
    bool both, known;
};

struct mta {
    uint64_t latency_ns; /* ds_read_cache_latency since the last start */
    struct home_line *homes;
    struct alternate_line *alternates;
    struct copy *first, *last;
    uint64_t in, out, held;
    struct connector connector;
};

void mta_init(struct lab *l, int server);
void mta_fini(struct lab *l, int server); /* frees its copies too */
void mta_free_spare(struct lab *l);
void mta_accept(struct lab *l, int server, struct mail *m, uint32_t recipient);
void mta_restart(struct lab *l, int server);
void mta_move_ended(struct lab *l, int server, uint32_t mailbox);
void mta_store_back(struct lab *l, int server);
/* What the new store held back: into the mailbox, or (the move failed) to be routed again. */
void mta_flush_in_transit(struct lab *l, int server, uint32_t mailbox, bool deliver);

/* For the connector: the steps of a copy's way that all queues share. */
struct fact copy_fact(const struct lab *l, const struct copy *c, enum tracking number,
                      const char *word);
/* Waits in `state`; without a next try only its expiry wakes it, and a stranded or in-transit copy not even that. */
void copy_wait(struct lab *l, struct copy *c, enum copy_state state, uint64_t next_try_ns);
void copy_resume(struct lab *l, struct copy *c); /* off its list; a wait that ends is noted */
void copy_fail(struct lab *l, struct copy *c, int reason, int diag);
void copy_end(struct lab *l, struct copy *c);

/* Its mail is in this mailbox from now on, and the truth says so; the copy itself goes on. */
void copy_into(struct lab *l, const struct copy *c, int server, uint32_t mailbox);

struct report_cause {
    enum bounce_kind kind;
    int reason, diag;
};

/* A report about this copy starts its way to the originator. */
void copy_report(struct lab *l, const struct copy *c, struct report_cause why);

const char *copy_state_name(enum copy_state s);
const char *copy_queue_name(const struct lab *l, const struct copy *c);

#endif
