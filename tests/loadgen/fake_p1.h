/* fake_p1.h - a scripted X.400 MTA on a loop, the answering side: takes what it gets unless the test's answer() says
 * otherwise, and keeps what it took. It shares the association with the sender, and nothing above it.
 */
#ifndef TESTS_LOADGEN_FAKE_P1_H
#define TESTS_LOADGEN_FAKE_P1_H

#include "base/bytes.h"
#include "base/loop.h"
#include "wire/x400/association.h"

#define FAKE_P1_CALLS 8192
#define FAKE_P1_APDUS 120000

enum fake_p1_answer {
    FAKE_P1_TAKE,     /* AEA */
    FAKE_P1_NOT_NOW,  /* exception 1 */
    FAKE_P1_NEVER,    /* exception 5 */
    FAKE_P1_ABORT,    /* not taken, abort */
    FAKE_P1_HANG_UP,  /* not taken, TCP ends */
    FAKE_P1_TAKE_CUT, /* taken, and TCP ends before the answer */
    FAKE_P1_SILENT,   /* no answer */
    FAKE_P1_PLEASE,   /* taken, and the turn is asked for */
};

struct fake_p1;

struct fake_p1_call {
    struct fake_p1 *mta;
    struct stream *stream; /* NULL: over */
    struct association *association;
    uint32_t number; /* counts from 1 */
    bool closing, silent, giving;
    uint64_t heard; /* octets */
    struct timer end;
};

struct fake_p1 {
    struct loop *loop;
    struct listener *listener;
    struct net_addr at;
    struct association_config config; /* the responder's; changed before fake_p1_up() */
    const char *name, *password;      /* of its bind result */
    const char *peer, *peer_password; /* who may call; NULL: anyone */
    const char *trash;                /* said at once, instead of X.400; "" nothing at all, ever */
    bool busy;                        /* refuses binds for now */
    enum fake_p1_answer (*answer)(struct fake_p1 *f, struct fake_p1_call *c, struct slice apdu);
    /* So many octets are read of a call, and a millisecond later it is hung up; NULL: there is no such end. */
    uint64_t (*limit)(struct fake_p1 *f, struct fake_p1_call *c);
    struct slice report; /* said when the turn is given to us; borrowed */
    bool keeps_turn;     /* for ever */
    unsigned reports_taken, reports_refused, turns;
    void *owner;
    struct fake_p1_call *call[FAKE_P1_CALLS];
    uint32_t calls, binds, released, aborted, seen;
    bool forget; /* counts APDUs without keeping them */
    struct buf apdu[FAKE_P1_APDUS];
    uint32_t apdus; /* taken */
};

struct fake_p1 *fake_p1_create(struct loop *l, const char *at);
void fake_p1_destroy(struct fake_p1 *f); /* the loop may be gone only after it; NULL is fine */
void fake_p1_down(struct fake_p1 *f);    /* closes listener and connections */
void fake_p1_up(struct fake_p1 *f);      /* listens again at the same address */
void fake_p1_drop(struct fake_p1_call *c, bool abort); /* ends this one */
void fake_p1_ask(struct fake_p1_call *c);              /* for the turn, between messages */

#endif
