/* loop_private.h - what the back ends of the loop share: timer heap, hooks, and the life of what is open.
 *
 * Only loop.c, loop_epoll.c, loop_sim.c and tls.c include it. A back end is a `struct loop_ops` and a struct that begins
 * with `struct loop`. What is closed stays in memory until loop_sweep() at the end of the wakeup, so that a handler may
 * close any stream, its own included, while others still hold its address.
 */
#ifndef BASE_LOOP_PRIVATE_H
#define BASE_LOOP_PRIVATE_H

#include "base/clock.h"
#include "base/loop.h"

/* Embedded in every stream and listener: first in the list of what is open, then in the list of what is closed. */
struct loop_node {
    struct loop_node *prev, *next;
    void (*close)(struct loop_node *n);   /* loop_destroy() found it open; must bury it */
    void (*release)(struct loop_node *n); /* gives the memory back */
};

struct loop_ops {
    bool simulated;
    void (*run)(struct loop *l);
    void (*wake)(struct loop *l); /* any thread */
    void (*destroy)(struct loop *l);
    struct stream *(*connect)(struct loop *l, const struct net_addr *to, struct err *e);
    struct listener *(*listen)(struct loop *l, const struct net_addr *at, bool shared,
                               struct err *e);
    bool (*watch)(struct loop *l, struct watch *w, unsigned what, struct err *e);
    void (*unwatch)(struct loop *l, struct watch *w);
};

struct loop_slot { /* of the timer heap; at_ns is never before the moment of arming */
    uint64_t at_ns, order;
    struct timer *timer;
};

struct loop {
    const struct loop_ops *ops;
    uint64_t now_ns;
    uint64_t order; /* counts armings (and the simulator's events): equal times keep their order */
    bool stopping;
    struct loop_slot *heap; /* heap[1] is the next timer */
    uint32_t timers, room;
    struct hook *sleepers, *wakers;
    struct hook *next_hook; /* while hooks run: survives loop_unhook() of any of them */
    struct loop_node *open, *closed;
};

struct listener {
    struct loop_node node;
    struct loop *loop;
    struct net_addr at;
    void (*accept)(void *owner, struct stream *s);
    void *owner;
    void (*close)(struct listener *ls);
};

/* The struct that holds a member: like container_of. */
#define LOOP_HOLDER(p, type, member) ((type *)(void *)((char *)(p)-offsetof(type, member)))

void loop_init(struct loop *l, const struct loop_ops *ops, uint64_t now_ns);
void *loop_must(void *memory); /* returns it; there was none: the process ends, EX_IO */

/* Fires what is due, but nothing that was armed meanwhile; the number of timers that fired. */
uint64_t loop_fire_timers(struct loop *l);
uint64_t loop_next_timer(const struct loop *l); /* NEVER_NS: none */
void loop_run_sleepers(struct loop *l);
void loop_run_wakers(struct loop *l);

void loop_node_open(struct loop *l, struct loop_node *n);
void loop_node_bury(struct loop *l, struct loop_node *n);
void loop_sweep(struct loop *l);

/* What a stream becomes when it is closed: every use of it is a mistake of ours and asserted. */
extern const struct stream_ops stream_closed_ops;

#endif
