/* door.h - a listening socket and those who called: the part of every host that is not about what they say.
 *
 * Whoever calls is let in as long as there is room, and a few more are, to be told that we are busy; others get no answer.
 * A caller is the owner's and has a `struct call` in it, which the door fills and keeps in its list. Each has a deadline.
 * Nothing is read from a caller who does not read what he is told. Everything on the loop's thread.
 */
#ifndef PROBES_DOOR_H
#define PROBES_DOOR_H

#include "base/bytes.h"
#include "base/clock.h"
#include "base/loop.h"
#include "base/tls.h"

struct door;

struct call { /* one connection; read it, and change it by the functions below */
    struct door *door;
    struct call *prev, *next;
    struct stream *stream;
    void *owner; /* the caller it is in */
    uint64_t number, deadline_ns;
    struct timer limit;
    bool surplus; /* beyond the most: to be told so */
    bool paused;  /* he does not read */
    bool held;    /* call_hold() */
};

struct door_config {
    struct loop *loop;
    const struct run_clock *clock;     /* NULL: time limits are real */
    uint32_t connections;              /* at most; 0: 1,000 */
    bool shared;                       /* the address: loop_listen_shared() */
    uint64_t *calls, *refused;         /* counted here: all; those without an answer */
    struct call *(*come)(void *owner); /* of a new caller, with its owner set; NULL: no memory */
    void (*begin)(struct call *k);     /* he is in; these may end him, but for heard() */
    void (*ready)(struct call *k, bool readable);
    /* What call_read() read; false: read no more of it now. */
    bool (*heard)(struct call *k, struct slice in);
    void (*expired)(struct call *k); /* his deadline has passed */
    void (*end)(struct call *k);     /* the door closes: call_end(), and forget him */
    void *owner;
};

struct door *door_open(const struct door_config *c, const struct net_addr *at, struct err *e);
struct net_addr door_addr(const struct door *d);
void door_close(struct door *d); /* ends all; not from a callback of its own. NULL is fine */

uint64_t call_after_s(const struct call *k, uint32_t seconds); /* now and so much target time */
void call_until(struct call *k, uint64_t deadline_ns);         /* NEVER_NS: as long as he likes */
bool call_read(struct call *k);                                /* false: he is gone */
/* Octets written; less than all: he is paused. Or STREAM_BROKEN. */
long call_write(struct call *k, struct slice out);
void call_hold(struct call *k, bool held); /* nothing is read from him while it holds */
bool call_secure(struct call *k, struct tls_context *tls, struct err *e); /* from here on in TLS */
void call_end(struct call *k); /* closes; the memory is the owner's */

#endif
