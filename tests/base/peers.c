/* peers.c - the scripted peer of the loop's tests. */
#include "tests/base/peers.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/loop_sim.h"

static struct loop *create_sim(struct err *e)
{
    struct sim_config c = {.seed = 7,
                           .start_ns = NS_PER_S,
                           .latency_min_ns = 20 * NS_PER_US,
                           .latency_max_ns = 900 * NS_PER_US,
                           .split_per_mille = 300};

    return loop_sim_create(&c, e);
}

const struct back_end back_ends[] = {
    {"epoll", loop_epoll_create},
    {"sim", create_sim},
    {NULL, NULL},
};

void peer_init(struct peer *p, struct loop *l)
{
    *p = (struct peer){.loop = l};
    buf_init(&p->got, 64u << 20);
    buf_init(&p->give, 64u << 20);
}

void peer_fini(struct peer *p)
{
    peer_hang_up(p);
    buf_fini(&p->got);
    buf_fini(&p->give);
}

void peer_take(struct peer *p, struct stream *s)
{
    p->s = s;
    s->ready = peer_ready;
    s->owner = p;
}

void peer_accept(void *owner, struct stream *s)
{
    peer_take(owner, s);
}

void peer_hang_up(struct peer *p)
{
    stream_close(p->s);
    p->s = NULL;
}

static void push(struct peer *p)
{
    while (p->s && p->give.n > 0) {
        long put = stream_write(p->s, p->give.p, p->give.n);

        if (put <= 0) {
            p->agains += put == STREAM_AGAIN;
            return;
        }
        buf_drop(&p->give, (size_t)put);
    }
    if (p->close_when_given)
        peer_hang_up(p);
}

static void pull(struct peer *p)
{
    unsigned char piece[65536];
    size_t room = p->piece ? p->piece : 4096;
    long n = 0;

    while (p->s && (n = stream_read(p->s, piece, room)) > 0) {
        (void)buf_add(&p->got, piece, (size_t)n);
        if (p->echo)
            (void)buf_add(&p->give, piece, (size_t)n);
        if (p->piece)
            break; /* one piece a call: the loop must come back for the rest */
    }
    if (n == STREAM_END)
        p->ended = true;
    if (n == STREAM_BROKEN) {
        p->broken = true;
        (void)snprintf(p->error, sizeof p->error, "%s", stream_error(p->s));
    }
    if ((n == STREAM_END || n == STREAM_BROKEN) && p->stop_at_end)
        loop_stop(p->loop);
}

void peer_ready(struct stream *s, unsigned what)
{
    struct peer *p = s->owner;

    if (what & STREAM_READABLE) {
        p->readable++;
        pull(p);
    }
    if (what & STREAM_WRITABLE)
        p->writable++;
    if (p->s && !p->broken && (p->give.n > 0 || (what & STREAM_WRITABLE)))
        push(p);
    if (p->seen)
        p->seen(p);
}

void peer_give(struct peer *p, const void *bytes, size_t n)
{
    (void)buf_add(&p->give, bytes, n);
    push(p);
}

struct net_addr local_addr(uint16_t port)
{
    return (struct net_addr){.family = 4, .port = port, .ip = {127, 0, 0, 1}};
}

/* A machine that stood still for a while must not cost a test its time: the loop gets some more wakeups then. */
struct stopper {
    struct timer timer;
    struct loop *loop;
    unsigned more;
};

static void fire_stop(struct timer *t)
{
    struct stopper *s = t->owner;
    uint64_t now = loop_now(s->loop);

    if (now - t->at_ns > NS_PER_MS && s->more > 0 && !loop_is_simulated(s->loop)) {
        s->more--;
        timer_arm(s->loop, t, now + NS_PER_MS);
    } else {
        loop_stop(s->loop);
    }
}

void run_for(struct loop *l, uint64_t after_ns)
{
    struct stopper s = {.loop = l, .more = 50};

    timer_init(&s.timer, fire_stop, &s);
    timer_arm(l, &s.timer, (loop_is_simulated(l) ? loop_now(l) : clock_mono_ns()) + after_ns);
    loop_run(l);
    timer_disarm(l, &s.timer);
}

static void stop_when_writable(struct peer *p)
{
    if (p->writable > 0)
        loop_stop(p->loop);
}

bool peers_meet(struct loop *l, struct peer *client, struct peer *server)
{
    struct guard g = {0};
    struct net_addr at = local_addr(0);

    peer_init(client, l);
    peer_init(server, l);
    struct listener *door = loop_listen(l, &at, peer_accept, server, NULL);
    if (!door)
        return false;
    at = listener_addr(door);
    client->s = loop_connect(l, &g, &at, peer_ready, client, NULL);
    client->seen = stop_when_writable;
    for (int i = 0; i < 20 && !(client->writable && server->s); i++)
        run_for(l, 50 * NS_PER_MS);
    client->seen = NULL;
    client->writable = 0;
    listener_close(door);
    return client->s && server->s;
}

void fill_pattern(unsigned char *p, size_t n, unsigned salt)
{
    for (size_t i = 0; i < n; i++)
        p[i] = (unsigned char)((i * 31 + (i >> 8) * 7 + salt) & 0xff);
}
