/* sink_out.c - an originator with a queue. */
#include "app/sink_out.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "wire/x400/p1.h"
#include "wire/x400/p1_bind.h"

#define QUEUE_BYTES (64u << 20)
#define BLOCK_BYTES 16384u
#define AGAIN_NS    NS_PER_S
#define REST_NS     (200 * NS_PER_MS) /* nothing to hand over for so long: released */

struct waiting {
    struct waiting *next;
    size_t n;
    unsigned char octets[];
};

struct sink_out {
    struct sink_out_config c;
    struct association *a;
    struct stream *stream; /* NULL: not connected */
    struct timer again, rest, limit;
    struct waiting *first, **last;
    size_t queued;
    uint64_t queue_n, handed, refused;
    bool begun, over;
    unsigned char bind[P1_BIND_MAX];
    char utc[P1_TIME_CHARS + 1];
};

static void trouble(struct sink_out *o, const char *words)
{
    char at[NET_TEXT], text[640];

    (void)snprintf(text, sizeof text, "reports to %s: %s", net_print(&o->c.to, at), words);
    o->c.trouble(o->c.owner, text);
}

static void drop_first(struct sink_out *o)
{
    struct waiting *w = o->first;

    o->first = w->next;
    if (!o->first)
        o->last = &o->first;
    o->queued -= w->n;
    o->queue_n--;
    free(w);
}

static void hang_up(struct sink_out *o)
{
    stream_close(o->stream);
    o->stream = NULL;
    o->begun = o->over = false;
    timer_disarm(o->c.loop, &o->limit);
    timer_disarm(o->c.loop, &o->rest);
    if (o->first)
        timer_arm(o->c.loop, &o->again, loop_now(o->c.loop) + AGAIN_NS);
}

static void on_event(struct sink_out *o, const struct assoc_event *ev)
{
    switch (ev->news) {
    case ASSOC_ENDED:
        o->handed += ev->fate == ASSOC_TAKEN;
        o->refused += ev->fate == ASSOC_NOT_TAKEN;
        if (ev->fate == ASSOC_NOT_TAKEN)
            trouble(o, ev->text);
        if (ev->fate == ASSOC_TAKEN || ev->fate == ASSOC_NOT_TAKEN)
            drop_first(o);
        break;
    case ASSOC_RECEIVED:
        (void)association_except(o->a, 5); /* this way is ours */
        break;
    case ASSOC_REFUSED:
    case ASSOC_ABORTED:
        trouble(o, ev->text);
        o->over = true;
        break;
    case ASSOC_RELEASED:
        o->over = true;
        break;
    case ASSOC_ASKED:
    case ASSOC_BOUND:
    case ASSOC_DROPPED:
    case ASSOC_TURN_ASKED:
    case ASSOC_TURN_GIVEN:
    case ASSOC_MORE:
        break;
    }
}

static void hear(struct sink_out *o, struct slice in)
{
    struct assoc_event ev;

    while (association_hear(o->a, &in, &ev) != ASSOC_MORE)
        on_event(o, &ev);
}

static void lost(struct sink_out *o)
{
    if (!o->begun) {
        trouble(o, stream_error(o->stream));
    } else {
        association_lost(o->a);
        hear(o, slice_from(NULL, 0));
    }
    o->over = true;
}

static void take(struct sink_out *o)
{
    unsigned char block[BLOCK_BYTES];
    long n = 0;

    while ((n = stream_read(o->stream, block, sizeof block)) > 0)
        hear(o, slice_from(block, (size_t)n));
    if (n != STREAM_AGAIN)
        lost(o);
}

/* Until nothing more can be written; false: the stream is broken. */
static bool say(struct sink_out *o)
{
    for (;;) {
        struct slice out = association_output(o->a);
        long put = out.n > 0 ? stream_write(o->stream, out.p, out.n) : 0;

        if (put == STREAM_BROKEN)
            return false;
        if (put > 0)
            association_gave(o->a, (size_t)put);
        if (put < (long)out.n || out.n == 0)
            return true;
    }
}

static void go_on(struct sink_out *o)
{
    if (o->begun && !o->over) {
        uint32_t seconds = 0;

        if (o->first && association_can_send(o->a))
            association_send(o->a, slice_from(o->first->octets, o->first->n), 0);
        if (!say(o))
            lost(o);
        seconds = assoc_state_timeout_s(association_state(o->a));
        timer_arm(o->c.loop, &o->limit, loop_now(o->c.loop) + (seconds ? seconds : 60) * NS_PER_S);
        if (!o->first && !timer_is_armed(&o->rest))
            timer_arm(o->c.loop, &o->rest, loop_now(o->c.loop) + REST_NS);
    }
    if (o->over) {
        if (o->begun && o->stream)
            (void)say(o); /* last words */
        hang_up(o);
    }
}

static void ready(struct stream *s, unsigned what)
{
    struct sink_out *o = s->owner;

    if (what & STREAM_WRITABLE && !o->begun) {
        association_begin(o->a);
        o->begun = true;
    }
    if (what & STREAM_READABLE)
        take(o);
    go_on(o);
}

static void call(struct sink_out *o)
{
    static const struct guard loopback_only = {0};
    struct err e;

    o->stream = loop_connect(o->c.loop, &loopback_only, &o->c.to, ready, o, &e);
    if (!o->stream) {
        trouble(o, e.text);
        timer_arm(o->c.loop, &o->again, loop_now(o->c.loop) + AGAIN_NS);
        return;
    }
    timer_arm(o->c.loop, &o->limit, loop_now(o->c.loop) + 60 * NS_PER_S);
}

static void again_fires(struct timer *t)
{
    struct sink_out *o = t->owner;

    if (!o->stream && o->first)
        call(o);
    else if (o->stream)
        go_on(o);
}

static void rest_fires(struct timer *t)
{
    struct sink_out *o = t->owner;

    if (!o->first && o->begun && association_release(o->a))
        go_on(o);
}

static void limit_fires(struct timer *t)
{
    struct sink_out *o = t->owner;

    if (o->begun) {
        association_abort(o->a, RTSE_TEMPORARY);
        hear(o, slice_from(NULL, 0));
    }
    trouble(o, "nothing came for too long");
    o->over = true;
    go_on(o);
}

struct sink_out *sink_out_create(const struct sink_out_config *c)
{
    struct sink_out *o = calloc(1, sizeof *o);
    const struct p1_bind b = {.named = c->mta.n > 0, .name = c->mta, .password = c->password};
    struct ber_out bind;

    if (!o)
        return NULL;
    o->c = *c;
    o->last = &o->first;
    ber_out_init(&bind, o->bind, sizeof o->bind);
    p1_bind_write(&bind, c->mode == STACK_NORMAL ? P1_BIND_ARGUMENT : P1_BIND_BARE, &b);
    p1_time_write((int64_t)(clock_wall_ns() / NS_PER_S), o->utc);
    o->a = association_create(&(struct association_config){.initiator = true,
                                                           .mode = c->mode,
                                                           .our_tsel = c->our_tsel,
                                                           .our_ssel = c->our_ssel,
                                                           .our_psel = c->our_psel,
                                                           .their_tsel = c->their_tsel,
                                                           .their_ssel = c->their_ssel,
                                                           .their_psel = c->their_psel,
                                                           .name = "SINK",
                                                           .utc = o->utc,
                                                           .bind = ber_out_slice(&bind)});
    if (!o->a) {
        free(o);
        return NULL;
    }
    timer_init(&o->again, again_fires, o);
    timer_init(&o->rest, rest_fires, o);
    timer_init(&o->limit, limit_fires, o);
    return o;
}

void sink_out_destroy(struct sink_out *o)
{
    if (!o)
        return;
    while (o->first)
        drop_first(o);
    hang_up(o);
    timer_disarm(o->c.loop, &o->again);
    association_destroy(o->a);
    free(o);
}

bool sink_out_send(struct sink_out *o, struct slice apdu)
{
    struct waiting *w = apdu.n <= QUEUE_BYTES - o->queued ? malloc(sizeof *w + apdu.n) : NULL;

    if (!w)
        return false;
    w->next = NULL;
    w->n = apdu.n;
    if (apdu.n > 0)
        memcpy(w->octets, apdu.p, apdu.n);
    *o->last = w;
    o->last = &w->next;
    o->queued += apdu.n;
    o->queue_n++;
    timer_disarm(o->c.loop, &o->rest);
    if (!timer_is_armed(&o->again))
        timer_arm(o->c.loop, &o->again, loop_now(o->c.loop));
    return true;
}

bool sink_out_is_done(const struct sink_out *o)
{
    return !o->first && !o->stream;
}

uint64_t sink_out_handed(const struct sink_out *o)
{
    return o->handed;
}

uint64_t sink_out_unhanded(const struct sink_out *o)
{
    return o->refused + o->queue_n;
}
