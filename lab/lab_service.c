/* lab_service.c - connections of one front: read a block, feed it, write what it made of it. */
#include "lab/lab_service.h"

#include <stdlib.h>

#include "base/clock.h"
#include "lab/schedule.h"

#define BLOCK_BYTES     65536
#define BLOCKS_AT_ONCE  8            /* per wakeup and connection: the others get their turn */
#define SENT_AT_ONCE    (1u << 20)   /* the same, of what is written */
#define KEEP_BYTES      (256u << 10) /* a larger buffer is given back when it is empty */
#define CONNECTIONS_MAX 4096
#define NEWS_EVERY_NS   (2 * NS_PER_MS)

struct connection {
    struct service *of;
    struct connection *prev, *next;
    struct stream *s;
    struct talk *talk;
    enum talk_after after;
    size_t sent; /* of talk->out */
    bool paused, ended;
    struct timer again; /* goes on with what SENT_AT_ONCE cut short */
};

struct service {
    struct service_config c;
    struct loop *loop;
    struct listener *door;
    struct connection *first;
    unsigned connections;
    struct hook sleep;
    struct timer tell; /* news that came too soon after the last */
    uint64_t told_ns, told_changes;
    unsigned char block[BLOCK_BYTES];
};

static void hang_up(struct connection *c)
{
    struct service *sv = c->of;

    if (c->prev)
        c->prev->next = c->next;
    else
        sv->first = c->next;
    if (c->next)
        c->next->prev = c->prev;
    sv->connections--;
    timer_disarm(sv->loop, &c->again);
    stream_close(c->s);
    sv->c.ops->close(c->talk);
    free(c);
}

static void hold(struct connection *c, bool paused)
{
    if (c->paused == paused)
        return;
    c->paused = paused;
    stream_pause(c->s, paused);
}

/* Writes what is to be said; false: the stream is broken. */
static bool say(struct connection *c)
{
    struct buf *out = &c->talk->out;
    size_t left = out->n - c->sent;

    while (left > 0) {
        long put = stream_write(c->s, out->p + c->sent, left);

        if (put == STREAM_BROKEN)
            return false;
        if (put > 0)
            c->sent += (size_t)put;
        if (put < (long)left)
            return true; /* STREAM_WRITABLE will come */
        left = 0;
    }
    c->sent = 0;
    buf_clear(out);
    if (out->room > KEEP_BYTES)
        buf_fini(out);
    return true;
}

static bool secure(struct connection *c)
{
    const struct service_config *sc = &c->of->c;
    struct stream *s = sc->tls ? tls_wrap(sc->tls, c->s, NULL, NULL) : NULL;

    if (!s)
        return false;
    c->s = s;
    c->paused = false;
    sc->ops->secured(c->talk);
    return true;
}

/* Says what there is to say and what follows from having said it; may end the connection. */
static void go_on(struct connection *c)
{
    const struct talk_ops *ops = c->of->c.ops;
    size_t all = 0;

    for (;;) {
        all += c->talk->out.n - c->sent;
        if (!say(c)) {
            hang_up(c);
            return;
        }
        if (c->talk->out.n > 0) {
            hold(c, true);
            return;
        }
        if (c->after == TALK_CLOSE || c->ended)
            break;
        if (c->after == TALK_GO_ON) {
            hold(c, false);
            return;
        }
        if (c->after == TALK_SECURE) {
            c->after = TALK_GO_ON;
            if (!secure(c))
                break;
            return;
        }
        if (all >= SENT_AT_ONCE) {
            hold(c, true);
            timer_arm(c->of->loop, &c->again, loop_now(c->of->loop));
            return;
        }
        c->after = ops->more(c->talk);
    }
    hang_up(c);
}

static void again_fires(struct timer *t)
{
    go_on(t->owner);
}

/* Reads and feeds. What comes behind a last word is read and forgotten: unread octets would turn the close into a
 * reset, which can destroy the last word on its way. */
static void take(struct connection *c)
{
    struct service *sv = c->of;

    for (int i = 0; i < BLOCKS_AT_ONCE; i++) {
        if (c->after == TALK_MORE || c->after == TALK_SECURE)
            return;
        long n = stream_read(c->s, sv->block, sizeof sv->block);

        if (n == STREAM_END || n == STREAM_BROKEN)
            c->ended = true;
        if (n <= 0)
            return;
        if (c->after == TALK_GO_ON)
            c->after = sv->c.ops->feed(c->talk, slice_from(sv->block, (size_t)n));
        if ((size_t)n < sizeof sv->block)
            return;
    }
}

static void ready(struct stream *s, unsigned what)
{
    struct connection *c = s->owner;

    if (what & STREAM_READABLE && !c->paused)
        take(c);
    go_on(c);
}

static void welcome(void *owner, struct stream *s)
{
    struct service *sv = owner;
    const struct talk_ops *ops = sv->c.ops;

    s->ready = ready;
    if (sv->connections >= CONNECTIONS_MAX) {
        (void)stream_write(s, ops->busy, slice_of(ops->busy).n);
        stream_close(s);
        return;
    }
    struct connection *c = lab_memory(NULL, 0, sizeof *c);

    *c = (struct connection){.of = sv, .s = s, .next = sv->first};
    s->owner = c;
    timer_init(&c->again, again_fires, c);
    if (c->next)
        c->next->prev = c;
    sv->first = c;
    sv->connections++;
    c->talk = ops->open(sv->c.owner, &s->peer);
    if (!lab_component_up(lab_site_core(sv->c.site), sv->c.server, ops->component)) {
        buf_clear(&c->talk->out);
        c->after = ops->down(c->talk);
    }
    go_on(c);
}

static void tell_one(struct connection *c, bool up)
{
    const struct talk_ops *ops = c->of->c.ops;

    if (c->after != TALK_GO_ON)
        return;
    if (!up)
        c->after = ops->down(c->talk);
    else if (ops->news)
        c->after = ops->news(c->talk);
    if (c->after != TALK_GO_ON || c->talk->out.n > c->sent)
        go_on(c);
}

static void tell_all(struct service *sv)
{
    bool up = lab_component_up(lab_site_core(sv->c.site), sv->c.server, sv->c.ops->component);

    sv->told_ns = loop_now(sv->loop);
    sv->told_changes = lab_site_changes(sv->c.site);
    if (up && !sv->c.ops->news)
        return;
    for (struct connection *c = sv->first, *next; c; c = next) {
        next = c->next;
        tell_one(c, up);
    }
}

static void before_sleep(struct hook *h)
{
    struct service *sv = h->owner;
    uint64_t due_ns = sv->told_ns + NEWS_EVERY_NS;

    if (lab_site_changes(sv->c.site) == sv->told_changes || !sv->first)
        return;
    if (loop_now(sv->loop) >= due_ns)
        tell_all(sv);
    else if (!timer_is_armed(&sv->tell))
        timer_arm(sv->loop, &sv->tell, due_ns);
}

static void tell_fires(struct timer *t)
{
    tell_all(t->owner);
}

struct service *service_listen(const struct service_config *c, const struct net_addr *at,
                               struct err *e)
{
    struct service *sv = lab_memory(NULL, 0, sizeof *sv);

    sv->c = *c;
    sv->loop = lab_site_loop(c->site);
    sv->sleep = (struct hook){.run = before_sleep, .owner = sv};
    timer_init(&sv->tell, tell_fires, sv);
    sv->door = loop_listen(sv->loop, at, welcome, sv, e);
    if (!sv->door) {
        free(sv);
        return NULL;
    }
    loop_before_sleep(sv->loop, &sv->sleep);
    return sv;
}

struct net_addr service_addr(const struct service *sv)
{
    return listener_addr(sv->door);
}

void service_close(struct service *sv)
{
    if (!sv)
        return;
    for (struct connection *c = sv->first, *next; c; c = next) {
        next = c->next;
        hang_up(c);
    }
    timer_disarm(sv->loop, &sv->tell);
    loop_unhook(sv->loop, &sv->sleep);
    listener_close(sv->door);
    free(sv);
}
