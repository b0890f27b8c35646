/* sender_private.h - what a thread's senders are made of: for sender.c, which knows what is owed and when, and sender_words.c.
 */
#ifndef LOADGEN_SENDER_PRIVATE_H
#define LOADGEN_SENDER_PRIVATE_H

#include "loadgen/account.h"
#include "loadgen/brake.h"
#include "loadgen/due_heap.h"
#include "loadgen/sender_ops.h"

struct returned { /* given back, not taken again */
    struct planned planned;
    uint64_t began_ns; /* target time */
    bool begun;        /* its EV_SENT is written */
};

struct owed {              /* one load's share of this thread */
    struct sender_load as; /* what the driver sees */
    struct sender *sender;
    const struct sender_ops *ops;
    uint32_t index;     /* of the load */
    uint64_t end;       /* number behind its last */
    uint32_t step;      /* threads that share it */
    struct timer timer; /* at the next planned time */
    bool on_time; /* the timer has just fired: what is taken now did not wait for a connection */
    uint64_t tick_ns;

    struct pace pace;       /* paced loads */
    uint64_t next, next_ns; /* number; loop time, NEVER_NS: none left */
    uint64_t leased;        /* numbers below are leased */
    uint32_t lease_size;

    struct due_heap heap; /* aimed loads */
    uint8_t *told;        /* per aimed move: bits TOLD_ */

    struct adapted {            /* per aimed move of an adaptive load; else NULL */
        const int64_t *aims_ns; /* NULL: not told yet */
        uint64_t mark_ns;       /* with TOLD_MARK */
    } * adapted;

    uint64_t *canaries; /* numbers waiting */
    uint32_t canary_count, canary_room;
    struct returned *returned; /* at most what the connections can have under way */
    uint32_t returned_count, returned_room;
    uint32_t under_way;
};

enum { TOLD_PRIMES = 1, TOLD_AIMS = 2, TOLD_MARK = 4 };

struct sender {
    struct sender_context c;
    struct owed *owed;
    uint32_t count;
    bool started, stopping, cut, halted, moves_over, idle_told;
    struct timer tell_idle, tell_armed;
    struct account account;
    uint32_t arming;
    struct err arm_error;
    void (*ready)(void *owner, const struct err *e);
    struct sender_health health;
    struct brake brake;
};

static inline struct owed *owed_of(struct sender_load *l)
{
    return (struct owed *)(void *)l; /* its first member */
}

static inline bool is_aimed(const struct owed *o)
{
    return o->as.load->arrivals == ARRIVE_AIMED;
}

/* sender_words.c */
void sender_on_brake(void *owner, struct brake_word w);

#endif
