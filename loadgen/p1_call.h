/* p1_call.h - one association that a load opens, and the message that is under way on it. Private to the P1 sender.
 *
 * A call binds, takes messages of its load one after another, and says what became of each. When it connects, and how often
 * that is tried, is its pool's business (pool.h). Memory is the P1 sender's. One loop's thread.
 */
#ifndef LOADGEN_P1_CALL_H
#define LOADGEN_P1_CALL_H

#include "loadgen/p1_orders.h"
#include "loadgen/pool.h"
#include "wire/x400/association.h"
#include "wire/x400/p1.h"
#include "wire/x400/p1_bind.h"

struct p1_pool;

struct p1_call {
    struct p1_pool *pool;
    struct sender_load *load;
    struct pool_line *line;
    struct association *association;
    char utc[P1_TIME_CHARS + 1]; /* in the common reference of its session */
    bool turn_asked, turn_used;  /* the peer wants the turn; we have sent since we got it */
    bool pleased;                /* we want the turn, and said so */
    bool halted;                 /* nothing is written any more */
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
    struct pool pool;
    struct p1_orders *orders;
    unsigned char bind[P1_BIND_MAX];
    struct p1_call *calls; /* one per line */
    size_t apdu_room;
};

extern const struct pool_ops p1_call_ops;

/* `bind` is what we say; the rest follows from the pool. false: memory. */
bool p1_call_open(struct p1_call *k, struct p1_pool *p, struct slice bind);
/* Between messages with a release, whose answer nobody waits for; else without a word. Also one that was not opened. */
void p1_call_close(struct p1_call *k);

#endif
