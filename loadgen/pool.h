/* pool.h - the connections of one load on one thread, whatever is spoken on them. Private to the drivers of senders.
 *
 * The pool knows when one more is opened, how long after a failure, which one is asked next, what arming answers, and when a
 * connection has been silent for too long. A driver knows what is said: it hangs its own state on each line (`owner`) and
 * gives the pool a table of what only it can do. Lines are the pool's memory, made when the load is opened. One loop's thread.
 */
#ifndef LOADGEN_POOL_H
#define LOADGEN_POOL_H

#include "loadgen/sender_ops.h"

struct pool;

struct pool_line { /* one connection, open or not */
    struct pool *pool;
    void *owner;           /* the driver's; the stream's too */
    struct stream *stream; /* NULL: closed */
    bool stands, up;       /* the connection; the log-in or bind */
    bool proven, counted;  /* its last connection came up; it is among the pool's `connecting` */
    bool waits;            /* a message of its own, to be sent again when it is up */
    struct timer timer;
    uint64_t deadline_ns; /* NEVER_NS: nothing is awaited */
};

struct pool_ops {
    bool (*connect)(void *owner); /* by pool_connect(); false: it failed and has said so */
    bool (*next)(void *owner);    /* takes a message that is due, if it can; false: none is left */
    void (*late)(void *owner);    /* its deadline has passed */
    void (*lost)(void *owner);    /* closes it, settles what was under way, calls pool_failed() */
    void (*cut)(void *owner);     /* ends all that is under way or waits, now */
    void (*halt)(void *owner);    /* the same, but for what has wholly left */
    const char *(*doing)(const void *owner); /* what is being done, for a complaint */
};

struct pool {
    const struct pool_ops *ops;
    struct sender_load *load;
    const struct server *server;
    const struct end_point *to;
    struct pool_line *lines;
    uint32_t count, open, turn;
    uint32_t connecting; /* lines on their way up that have no good one behind them */
    uint32_t again;      /* lines with a message that waits */
    uint64_t backoff_ns; /* 0: the last try went well */
    struct timer retry;
    void (*armed)(struct sender_load *l, const struct err *e); /* while arming */
    struct timer arm_limit, arm_answer;
    struct err arm_error;
};

/* For the load's server, whose end point is `to`; the driver then gives each line its owner. false: memory. */
bool pool_init(struct pool *p, const struct pool_ops *ops, struct sender_load *l,
               const struct end_point *to);
void pool_fini(struct pool *p); /* the lines are closed */
struct loop *pool_loop(const struct pool *p);

/* What a driver's arm, due and cut come down to. */
void pool_arm(struct pool *p, void (*done)(struct sender_load *l, const struct err *e));
void pool_due(struct pool *p);
void pool_cut(struct pool *p);
void pool_halt(struct pool *p);

bool pool_owes(const struct pool *p);          /* a message is due or waits */
void pool_grow(struct pool *p);                /* opens one more line, if that is needed and time */
void pool_failed(struct pool *p, bool was_up); /* a line could not be made, or was lost */
/* A line has ended after it carried messages, by our will or the server's: that is its life, no failure. Another takes its
 * place at once, if there will be something to carry. It is closed. */
void pool_renew(struct pool_line *k);
void pool_stands(struct pool *p); /* arming: it answered as it should, whatever follows */

/* A line by its stages. */
bool pool_connect(struct pool_line *k, void (*ready)(struct stream *s, unsigned what));
void pool_up(struct pool_line *k, uint32_t session);        /* session: event_sessions() */
void pool_watch(struct pool_line *k, uint64_t limit_s);     /* target time from now; 0: for ever */
void pool_watch_until(struct pool_line *k, uint64_t at_ns); /* loop time */
void pool_wait(struct pool_line *k, bool waits);
/* It did not come up, or not any more: an error while arming, a finding in a run. It is lost. */
void pool_broken(struct pool_line *k, enum finding what, uint32_t a, const char *words);
void pool_close(struct pool_line *k); /* closed is fine */

#endif
