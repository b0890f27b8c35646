/* door.c - who is let in, until when, and in which portions he is read.
 *
 * The list holds the calls that are open, the newest first; the door does not own their memory.
 */
#include "probes/door.h"

#include <stdlib.h>

#define CONNECTIONS    1000u
#define SURPLUS        16u /* beyond the most: told that we are busy; others get no answer */
#define BLOCK_BYTES    65536u
#define BLOCKS_AT_ONCE 8u /* per wakeup and caller: the others get their turn */

struct door {
    struct door_config c;
    struct listener *listener;
    struct call *first;
    uint32_t connections, most;
    unsigned char block[BLOCK_BYTES];
};

/* --- time --------------------------------------------------------------------------------------------------------- */

uint64_t call_after_s(const struct call *k, uint32_t seconds)
{
    const struct door_config *c = &k->door->c;
    uint64_t ns = seconds * NS_PER_S;

    return loop_now(c->loop) + (c->clock ? clock_span(c->clock, ns) : ns);
}

/* The timer moves only where it would come too late: a message a wakeup costs no heap. */
void call_until(struct call *k, uint64_t deadline_ns)
{
    k->deadline_ns = deadline_ns;
    if (deadline_ns != NEVER_NS && (!timer_is_armed(&k->limit) || k->limit.at_ns > deadline_ns))
        timer_arm(k->door->c.loop, &k->limit, deadline_ns);
}

static void limit_fires(struct timer *t)
{
    struct call *k = t->owner;

    if (loop_now(k->door->c.loop) < k->deadline_ns)
        call_until(k, k->deadline_ns);
    else
        k->door->c.expired(k);
}

/* --- in and out --------------------------------------------------------------------------------------------------- */

bool call_read(struct call *k)
{
    struct door *d = k->door;

    for (unsigned i = 0; i < BLOCKS_AT_ONCE; i++) {
        long n = stream_read(k->stream, d->block, sizeof d->block);

        if (n == STREAM_AGAIN)
            return true;
        if (n <= 0)
            return false;
        if (!d->c.heard(k, slice_from(d->block, (size_t)n)) || n < (long)sizeof d->block)
            return true;
    }
    return true;
}

static void set_pauses(struct call *k, bool paused, bool held)
{
    bool before = k->paused || k->held;

    k->paused = paused;
    k->held = held;
    if (before != (paused || held))
        stream_pause(k->stream, paused || held);
}

void call_hold(struct call *k, bool held)
{
    set_pauses(k, k->paused, held);
}

long call_write(struct call *k, struct slice out)
{
    long put = out.n > 0 ? stream_write(k->stream, out.p, out.n) : 0;

    if (put != STREAM_BROKEN)
        set_pauses(k, put < (long)out.n, k->held);
    return put;
}

bool call_secure(struct call *k, struct tls_context *tls, struct err *e)
{
    struct stream *s = tls_wrap(tls, k->stream, NULL, e);

    if (!s)
        return false;
    k->stream = s;
    if (k->paused || k->held)
        stream_pause(s, true);
    return true;
}

static void stream_ready(struct stream *s, unsigned what)
{
    struct call *k = s->owner;

    k->door->c.ready(k, what & STREAM_READABLE && !k->paused && !k->held);
}

/* --- who is in ---------------------------------------------------------------------------------------------------- */

void call_end(struct call *k)
{
    struct door *d = k->door;

    if (k->prev)
        k->prev->next = k->next;
    else
        d->first = k->next;
    if (k->next)
        k->next->prev = k->prev;
    d->connections--;
    timer_disarm(d->c.loop, &k->limit);
    stream_close(k->stream);
}

static void let_in(struct door *d, struct call *k, struct stream *s)
{
    k->door = d;
    k->stream = s;
    k->number = *d->c.calls;
    k->surplus = d->connections >= d->most;
    timer_init(&k->limit, limit_fires, k);
    k->next = d->first;
    if (k->next)
        k->next->prev = k;
    d->first = k;
    d->connections++;
    s->owner = k;
    d->c.begin(k);
}

static void accept_call(void *owner, struct stream *s)
{
    struct door *d = owner;
    struct call *k = d->connections < d->most + SURPLUS ? d->c.come(d->c.owner) : NULL;

    s->ready = stream_ready;
    ++*d->c.calls;
    if (k) {
        let_in(d, k, s);
        return;
    }
    ++*d->c.refused;
    stream_close(s);
}

/* --- the door ----------------------------------------------------------------------------------------------------- */

struct door *door_open(const struct door_config *c, const struct net_addr *at, struct err *e)
{
    struct door *d = calloc(1, sizeof *d);

    if (!d) {
        (void)err_set(e, EX_IO, "no memory to listen");
        return NULL;
    }
    d->c = *c;
    d->most = c->connections ? c->connections : CONNECTIONS;
    d->listener = (c->shared ? loop_listen_shared : loop_listen)(c->loop, at, accept_call, d, e);
    if (!d->listener) {
        free(d);
        return NULL;
    }
    return d;
}

struct net_addr door_addr(const struct door *d)
{
    return listener_addr(d->listener);
}

void door_close(struct door *d)
{
    if (!d)
        return;
    for (struct call *k = d->first, *next; k; k = next) {
        next = k->next;
        d->c.end(k);
    }
    listener_close(d->listener);
    free(d);
}
