/* p1_call.h - one association that a load opens, and the message that is under way on it. Private to the P1 sender.
 *
 * A call connects, binds, takes messages of its load one after another, says what became of each, and asks its pool for help
 * where it is not its own business: when it could not be made or was lost, and when another one is needed. Memory is the
 * pool's. One loop's thread.
 */
#ifndef LOADGEN_P1_CALL_H
#define LOADGEN_P1_CALL_H

#include "loadgen/p1_orders.h"
#include "wire/x400/association.h"
#include "wire/x400/p1.h"
#include "wire/x400/p1_bind.h"

struct p1_pool;

struct p1_call {
    struct p1_pool *pool;
    struct stream *stream; /* NULL: closed */
    struct association *association;
    char utc[P1_TIME_CHARS + 1]; /* in the common reference of its session */
    bool stands, up;             /* the connection; the bind */
    bool turn_asked, turn_used;  /* the peer wants the turn; we have sent since we got it */
    bool pleased;                /* we want the turn, and said so */
    struct timer timer;
    uint64_t deadline_ns; /* NEVER_NS: nothing is awaited */
    /* Its message. */
    bool live, under_way;   /* there is one that has not ended; it is the association's */
    bool begun, fate_waits; /* an octet of it left; `fate` is known, why is not yet */
    bool doubt;             /* an earlier sending of it may have been taken */
    enum assoc_fate fate;
    uint32_t sendings; /* so far */
    size_t ahead;      /* octets that leave before it */
    struct sender_item item;
    unsigned char *room;
    struct slice apdu;
};

struct p1_pool {
    struct sender_load *load;
    const struct server *server;
    struct p1_orders *orders;
    unsigned char bind[P1_BIND_MAX];
    struct p1_call *calls;
    size_t apdu_room;
    uint32_t count, open, connecting, turn;
    uint32_t again; /* messages that wait to be sent again */
    uint64_t backoff_ns;
    struct timer retry;
    void (*armed)(struct sender_load *l, const struct err *e); /* while arming */
    struct timer arm_limit, arm_answer;
    struct err arm_error;
};

/* `bind` is what we say; the rest follows from the pool. false: memory. */
bool p1_call_open(struct p1_call *k, struct p1_pool *p, struct slice bind);
void p1_call_close(struct p1_call *k); /* also one that was not opened */

bool p1_call_connect(struct p1_call *k);
void p1_call_next(struct p1_call *k); /* takes a message that is due, if it can */
void p1_call_lost(struct p1_call *k); /* closes it and settles what was under way */
/* Between messages with a release, whose answer nobody waits for; else without a word. */
void p1_call_leave(struct p1_call *k);
void p1_call_cut(struct p1_call *k); /* ends all that is under way or waits, now */
const char *p1_call_doing(const struct p1_call *k);

/* The pool's part (send_p1.c). */
/* Answers who tries one connection, if anybody does: it stands (NULL), or what is wrong. */
void p1_pool_armed(struct p1_pool *p, const char *what);
void p1_pool_failed(struct p1_pool *p, bool was_up);
void p1_pool_grow(struct p1_pool *p);

#endif
