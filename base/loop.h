/* loop.h - streams, timers and hooks on one of two back ends: epoll, and a simulated network on simulated time.
 *
 * A loop belongs to one thread, which calls everything here except loop_wake(). Nothing blocks. Callbacks run from
 * loop_run() only, never from inside the call that asked for them, so a caller's state is settled when they come.
 * Order within one wakeup: due timers (by time, then by when they were armed), then streams and watches, then the
 * before-sleep hooks, which are the place to batch: flush rings, journals and sockets there.
 */
#ifndef BASE_LOOP_H
#define BASE_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sys/uio.h>

#include "base/err.h"
#include "base/net.h"

struct buf;
struct loop;
struct stream;

struct loop *loop_epoll_create(struct err *e);
void loop_destroy(struct loop *l); /* closes what is still open, without callbacks; NULL is fine */
void loop_run(
    struct loop *l); /* until loop_stop(); the simulated one also when nothing is left to happen */
void loop_stop(struct loop *l); /* after the current wakeup */
uint64_t
loop_now(const struct loop *l); /* ns, read once per wakeup; equal to clock_mono_ns() on epoll */
void loop_wake(struct loop *l); /* any thread: the wake hooks run soon; many wakes may become one */
bool loop_is_simulated(const struct loop *l);

/* Timers live in their owner's struct; arming an armed timer moves it. `at_ns` in the past means at once, NEVER_NS
 * disarms. epoll_pwait2 gives microsecond precision. */
struct timer {
    uint64_t at_ns, order;
    void (*fire)(struct timer *t);
    void *owner;
    uint32_t heap_place; /* 0: not armed */
};

void timer_init(struct timer *t, void (*fire)(struct timer *t), void *owner);
void timer_arm(struct loop *l, struct timer *t, uint64_t at_ns);
void timer_disarm(struct loop *l, struct timer *t);
bool timer_is_armed(const struct timer *t);

struct hook {
    void (*run)(struct hook *h);
    void *owner;
    struct hook *next; /* the loop's */
};

void loop_before_sleep(struct loop *l, struct hook *h);
void loop_on_wake(struct loop *l, struct hook *h);
void loop_unhook(struct loop *l, struct hook *h); /* from either list; fine if in none */

/* Streams: TCP connections (or simulated ones), and whatever filters one (base/tls.h). Level-triggered. */
enum stream_what {
    STREAM_READABLE = 1, /* stream_read() has bytes, the end, or an error to tell */
    STREAM_WRITABLE = 2, /* the connection stands, or bytes can be taken again after STREAM_AGAIN */
};

enum {
    STREAM_END = 0,     /* the peer closed in order */
    STREAM_AGAIN = -1,  /* nothing now; the handler is called later */
    STREAM_BROKEN = -2, /* refused, reset, timed out, TLS failed: stream_error() says which */
};

struct stream_ops {
    long (*read)(struct stream *s, void *p, size_t n);
    long (*write)(struct stream *s, const struct iovec *iov, int count);
    void (*pause)(struct stream *s, bool paused);
    void (*close)(struct stream *s);
    bool (*owes)(const struct stream *s); /* NULL: what it takes has left */
    void (*mute)(struct stream *s);       /* NULL where owes is */
};

struct stream {
    const struct stream_ops *ops;
    struct loop *loop;
    void (*ready)(struct stream *s, unsigned what); /* the owner's; may close the stream */
    void *owner;
    struct net_addr peer, local;
    const char *error; /* static or stream-owned text once broken */
};

/* Returns the bytes read (at least 1) or STREAM_END, STREAM_AGAIN, STREAM_BROKEN. */
long stream_read(struct stream *s, void *p, size_t n);
/* Takes as many bytes as it can: the count, or STREAM_AGAIN, STREAM_BROKEN. After AGAIN or a short count the handler
 * gets STREAM_WRITABLE. */
long stream_write(struct stream *s, const void *p, size_t n);
long stream_writev(struct stream *s, const struct iovec *iov, int count);
/* Sends from the front of `out` what is taken now, and drops it there. false: broken. When something is left, the
 * handler gets STREAM_WRITABLE. */
bool stream_send(struct stream *s, struct buf *out);
void stream_pause(struct stream *s,
                  bool paused);      /* no STREAM_READABLE while paused (back pressure) */
void stream_close(struct stream *s); /* frees it; no callback follows; NULL is fine */
const char *stream_error(const struct stream *s); /* "" while fine */
/* Some of what was taken has not left this machine. */
bool stream_owes(const struct stream *s);
/* That never leaves: what is not yet the kernel's, from now on; the rest, from stream_close() on, which then resets the connection.
 * Nothing may be written any more; what the peer says is still read. */
void stream_mute(struct stream *s);

/* Begins to connect. The guard is asked first; false (EX_GUARD) is its refusal, false (EX_IO) our own lack of
 * sockets. A refusal by the peer comes later, as STREAM_READABLE and STREAM_BROKEN. TCP_NODELAY is set. */
struct stream *loop_connect(struct loop *l, const struct guard *g, const struct net_addr *to,
                            void (*ready)(struct stream *s, unsigned what), void *owner,
                            struct err *e);

struct listener;
/* Listens on `at` (port 0: any; listener_addr() tells). accept() gets a stream whose ready/owner it must set. */
struct listener *loop_listen(struct loop *l, const struct net_addr *at,
                             void (*accept)(void *owner, struct stream *s), void *owner,
                             struct err *e);
/* The same at an address that others listen at too, each with a loop of its own and all by this call: the kernel spreads the
 * callers over them (SO_REUSEPORT). With port 0 the first finds a port, and the others are given it. On a simulated loop it is
 * loop_listen(): one loop, one listener at an address. */
struct listener *loop_listen_shared(struct loop *l, const struct net_addr *at,
                                    void (*accept)(void *owner, struct stream *s), void *owner,
                                    struct err *e);
struct net_addr listener_addr(const struct listener *ls);
void listener_close(struct listener *ls); /* NULL is fine */

/* Descriptors of others (curl sockets, pipes, signals): epoll back end only; false on the simulated one. */
struct watch {
    int fd;
    void (*ready)(struct watch *w, unsigned what); /* enum stream_what bits */
    void *owner;
    unsigned interest; /* the loop's */
    bool gone;         /* the loop's */
};

bool loop_watch(struct loop *l, struct watch *w, unsigned what,
                struct err *e); /* also changes the interest */
void loop_unwatch(struct loop *l, struct watch *w);

#endif
