/* loop_sim.c - the simulated back end: one heap of network events beside the timers, and time that jumps to the next.
 *
 * A connection is a `struct link` with two ends and two pipes (sim_pipe.h); events only move the mark between what is
 * under way in a pipe and what has arrived, so a delivery costs no allocation. Links and
 * rings go back to a pool. An instant is one wakeup after another until nothing is due: wakes, timers, arrivals, ready
 * streams, before-sleep hooks; only then does time advance. Every latency is drawn from (seed, connection, direction,
 * number of the write), so what one connection does never changes another's draws. One thread; loop_wake() included.
 */
#include "base/loop_sim.h"

#include <stdlib.h>
#include <string.h>

#include "base/loop_private.h"
#include "base/rng.h"
#include "base/sim_pipe.h"

#define WINDOW_BYTES 262144
#define WINDOW_MOST  (1 << 30)
#define SEED_TWIST   0x6c6f6f705f73696dull /* the network's draws are nobody else's */
#define FIRST_PORT   1024
#define PORTS        64512
#define STUCK_TURNS  50000000 /* wakeups at one instant: time will never go on */

enum what_comes {
    COMES_KNOCK,   /* at the listener: somebody connects */
    COMES_STANDS,  /* at the client: the connection stands */
    COMES_REFUSED, /* at the client: nobody listens */
    COMES_BYTES,
    COMES_END,   /* the other end closed in order */
    COMES_RESET, /* cut, or the other end is gone and was written to */
    COMES_ROOM,  /* the other end has read: write again */
};

struct link;

struct end {
    struct stream s;
    struct link *link;
    struct sim_pipe in;
    struct end *next_ready;
    unsigned side; /* 0: the client's */
    bool open, stands, paused, listed;
    bool blocked;  /* its last write was not taken whole */
    bool room_due; /* COMES_ROOM is on its way here */
    bool reset_due, writable, end_came, broke, read_over;
};

struct link {
    struct loop_node node;
    struct end end[2];
    struct link *next_free;
    struct net_addr server;
    uint32_t number;
    uint32_t pending; /* events and list places that name this link */
    bool cut, buried;
};

struct arrival {
    uint64_t at_ns, order;
    struct link *link;
    uint32_t bytes;
    uint8_t what, side;
};

struct sim_listener {
    struct listener ls;
    struct sim_listener *next;
};

struct loop_sim {
    struct loop loop;
    struct sim_config config;
    struct arrival *heap; /* heap[1] is the next */
    size_t arrivals, heap_room;
    struct end *ready, **ready_tail;
    struct sim_listener *listeners;
    struct link *pool;
    uint64_t steps, limit_ns, turns; /* turns: at this instant */
    uint32_t connections;
    uint16_t last_port;
    bool woken, timed_out;
};

static struct loop_sim *sim_of(struct loop *l)
{
    return (struct loop_sim *)l;
}

static struct end *end_of(struct stream *s)
{
    return (struct end *)s;
}

static struct end *other_end(struct end *at)
{
    return &at->link->end[1 - at->side];
}

/* The heap of arrivals: by time, then by when they were sent off. */

static bool arrival_before(const struct arrival *a, const struct arrival *b)
{
    return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->order < b->order;
}

static void arrivals_push(struct loop_sim *ls, struct arrival a)
{
    if (ls->arrivals + 1 >= ls->heap_room) {
        ls->heap_room = ls->heap_room ? ls->heap_room * 2 : 256;
        ls->heap = loop_must(realloc(ls->heap, ls->heap_room * sizeof *ls->heap));
    }
    size_t place = ++ls->arrivals;
    for (; place > 1 && arrival_before(&a, &ls->heap[place / 2]); place /= 2)
        ls->heap[place] = ls->heap[place / 2];
    ls->heap[place] = a;
}

static struct arrival arrivals_pop(struct loop_sim *ls)
{
    struct arrival first = ls->heap[1], last = ls->heap[ls->arrivals--];
    size_t place = 1;

    for (size_t child; (child = place * 2) <= ls->arrivals; place = child) {
        if (child < ls->arrivals && arrival_before(&ls->heap[child + 1], &ls->heap[child]))
            child++;
        if (!arrival_before(&ls->heap[child], &last))
            break;
        ls->heap[place] = ls->heap[child];
    }
    ls->heap[place] = last;
    return first;
}

static uint64_t draw_latency(const struct loop_sim *ls, struct rng *r)
{
    const struct sim_config *c = &ls->config;

    return c->latency_min_ns + rng_below(r, c->latency_max_ns - c->latency_min_ns + 1);
}

static struct rng draws_for(const struct loop_sim *ls, struct end *to)
{
    return rng_at(ls->config.seed ^ SEED_TWIST, to->link->number * 2 + to->side, to->in.draws++);
}

/* Sends something off to an end; never overtakes what went there before. */
static void send_off(struct end *to, enum what_comes what, size_t bytes, struct rng *r)
{
    struct loop_sim *ls = sim_of(to->s.loop);
    uint64_t at_ns = ls->loop.now_ns + draw_latency(ls, r);

    if (at_ns < to->in.last_ns)
        at_ns = to->in.last_ns;
    to->in.last_ns = at_ns;
    to->link->pending++;
    arrivals_push(ls, (struct arrival){.at_ns = at_ns,
                                       .order = ++ls->loop.order,
                                       .link = to->link,
                                       .bytes = (uint32_t)bytes,
                                       .what = (uint8_t)what,
                                       .side = (uint8_t)to->side});
}

static void send_sign(struct end *to, enum what_comes what)
{
    struct rng r = draws_for(sim_of(to->s.loop), to);

    send_off(to, what, 0, &r);
}

static void send_reset(struct end *to)
{
    if (to->reset_due || to->broke)
        return;
    to->reset_due = true;
    send_sign(to, COMES_RESET);
}

/* The life of links. */

static void link_settle(struct link *k)
{
    if (k->end[0].open || k->end[1].open || k->pending > 0 || k->buried)
        return;
    k->buried = true;
    loop_node_bury(k->end[0].s.loop, &k->node);
}

static void link_node_close(struct loop_node *n)
{
    struct link *k = LOOP_HOLDER(n, struct link, node);

    k->end[0].open = k->end[1].open = false;
    k->buried = true;
    loop_node_bury(k->end[0].s.loop, n);
}

static void link_node_release(struct loop_node *n)
{
    struct link *k = LOOP_HOLDER(n, struct link, node);
    struct loop_sim *ls = sim_of(k->end[0].s.loop);

    sim_pipe_reset(&k->end[0].in);
    sim_pipe_reset(&k->end[1].in);
    k->next_free = ls->pool;
    ls->pool = k;
}

static struct link *link_create(struct loop_sim *ls)
{
    struct link *k = ls->pool;
    struct sim_pipe pipes[2] = {{0}};

    if (k) {
        ls->pool = k->next_free;
        pipes[0] = k->end[0].in;
        pipes[1] = k->end[1].in;
    } else {
        k = loop_must(malloc(sizeof *k));
    }
    *k = (struct link){.number = ++ls->connections};
    for (unsigned side = 0; side < 2; side++) {
        k->end[side].s.loop = &ls->loop;
        k->end[side].link = k;
        k->end[side].side = side;
        k->end[side].in = pipes[side];
    }
    k->node.close = link_node_close;
    k->node.release = link_node_release;
    loop_node_open(&ls->loop, &k->node);
    return k;
}

/* Streams. */

static bool end_readable(const struct end *at)
{
    return at->open && at->stands && !at->paused && !at->read_over &&
           (at->in.visible > 0 || at->end_came || at->broke);
}

static void end_list(struct end *at)
{
    struct loop_sim *ls = sim_of(at->s.loop);

    if (at->listed || !at->open)
        return;
    at->listed = true;
    at->link->pending++;
    at->next_ready = NULL;
    *ls->ready_tail = at;
    ls->ready_tail = &at->next_ready;
}

static long sim_read(struct stream *s, void *p, size_t n)
{
    struct end *at = end_of(s), *writer = other_end(at);
    struct sim_pipe *in = &at->in;

    if (in->visible == 0) {
        if (!at->end_came && !at->broke)
            return STREAM_AGAIN;
        at->read_over = true;
        return at->end_came ? STREAM_END : STREAM_BROKEN;
    }
    if (n > in->visible)
        n = in->visible;
    sim_pipe_take(in, p, n);
    if (writer->open && writer->blocked && !writer->room_due &&
        in->held <= sim_of(s->loop)->config.window / 2) {
        writer->room_due = true;
        send_sign(writer, COMES_ROOM);
    }
    return (long)n;
}

/* How many of these octets pass; fewer than all means that the connection is cut behind them. */
static size_t ask_meddler(struct end *to, const unsigned char *p, size_t n)
{
    struct sim_meddler *m = sim_of(to->s.loop)->config.meddler;
    struct sim_flow flow = {.connection = to->link->number,
                            .from_client = to->side == 1,
                            .server = to->link->server,
                            .passed = to->in.passed};
    size_t pass = m && n > 0 ? m->pass(m, &flow, slice_from(p, n)) : n;

    PM_ASSERT(pass <= n);
    to->in.passed += pass;
    to->link->cut = pass < n;
    return pass;
}

/* Puts what the window takes and the meddler lets pass into the pipe: the octets taken from the writer. */
static size_t pipe_fill(struct end *to, const struct iovec *iov, int count)
{
    size_t window = sim_of(to->s.loop)->config.window, taken = 0;

    for (int i = 0; i < count && !to->link->cut; i++) {
        size_t room = window - to->in.held;
        size_t n = iov[i].iov_len < room ? iov[i].iov_len : room;

        sim_pipe_put(&to->in, iov[i].iov_base, ask_meddler(to, iov[i].iov_base, n));
        taken += n;
        if (n < iov[i].iov_len)
            break;
    }
    return taken;
}

/* A stall: whatever goes there arrives no earlier than so much later. */
static void stall(const struct loop_sim *ls, struct end *to, struct rng *r)
{
    uint64_t until_ns = ls->loop.now_ns + rng_below(r, ls->config.stall_ns + 1);

    if (to->in.last_ns < until_ns)
        to->in.last_ns = until_ns;
}

static void send_bytes(struct end *to, size_t n)
{
    struct loop_sim *ls = sim_of(to->s.loop);
    struct rng r = draws_for(ls, to);

    if (ls->config.stall_per_mille && rng_below(&r, 1000) < ls->config.stall_per_mille)
        stall(ls, to, &r);
    if (n > 1 && rng_below(&r, 1000) < ls->config.split_per_mille) {
        size_t first = 1 + rng_below(&r, n - 1);

        send_off(to, COMES_BYTES, first, &r);
        n -= first;
    }
    if (n > 0)
        send_off(to, COMES_BYTES, n, &r);
}

static long sim_write(struct stream *s, const struct iovec *iov, int count)
{
    struct end *from = end_of(s), *to = other_end(from);
    size_t all = 0;

    if (from->broke)
        return STREAM_BROKEN;
    for (int i = 0; i < count; i++)
        all += iov[i].iov_len;
    if (from->stands && from->link->cut)
        return (long)all; /* as a kernel does: taken, and never to arrive */
    size_t before = to->in.held, taken = from->stands ? pipe_fill(to, iov, count) : 0;
    if (to->in.held > before)
        send_bytes(to, to->in.held - before);
    if (from->link->cut) {
        send_reset(to);
        send_reset(from);
        return (long)all;
    }
    from->blocked = taken < all;
    return taken == 0 && all > 0 ? STREAM_AGAIN : (long)taken;
}

static void sim_pause(struct stream *s, bool paused)
{
    struct end *at = end_of(s);

    at->paused = paused;
    if (end_readable(at))
        end_list(at);
}

static void sim_close(struct stream *s)
{
    struct end *at = end_of(s), *peer = other_end(at);

    at->open = false;
    s->ops = &stream_closed_ops;
    if (peer->open && !at->broke && !at->link->cut) {
        send_sign(peer, COMES_END);
        if (at->in.visible > 0) /* a kernel answers unread octets with a reset */
            send_reset(peer);
    }
    link_settle(at->link);
}

static const struct stream_ops sim_stream_ops = {
    .read = sim_read,
    .write = sim_write,
    .pause = sim_pause,
    .close = sim_close,
};

/* Connections. */

static void end_open(struct end *at, bool stands)
{
    at->s.ops = &sim_stream_ops;
    at->open = true;
    at->stands = stands;
}

static struct stream *sim_connect(struct loop *l, const struct net_addr *to, struct err *e)
{
    struct loop_sim *ls = sim_of(l);
    struct link *k = link_create(ls);
    struct net_addr client = {.family = to->family};

    (void)e;
    if (to->family == 4)
        memcpy(client.ip, (const uint8_t[]){127, 0, 0, 1}, 4);
    else
        client.ip[15] = 1;
    client.port = (uint16_t)(FIRST_PORT + k->number % PORTS);
    k->server = *to;
    k->end[0].s.peer = k->end[1].s.local = *to;
    k->end[0].s.local = k->end[1].s.peer = client;
    end_open(&k->end[0], false);
    send_sign(&k->end[1], COMES_KNOCK);
    return &k->end[0].s;
}

static bool hears(const struct net_addr *listens, const struct net_addr *called)
{
    struct net_addr any = {.family = listens->family, .port = listens->port};

    return net_equal(listens, called) ||
           (net_equal(listens, &any) && called->family == any.family && called->port == any.port);
}

static struct sim_listener *listener_for(struct loop_sim *ls, const struct net_addr *called)
{
    for (struct sim_listener *at = ls->listeners; at; at = at->next)
        if (hears(&at->ls.at, called))
            return at;
    return NULL;
}

static void sim_listener_close(struct listener *closing)
{
    struct loop_sim *ls = sim_of(closing->loop);
    struct sim_listener **at = &ls->listeners;

    while (&(*at)->ls != closing)
        at = &(*at)->next;
    *at = (*at)->next;
    loop_node_bury(closing->loop, &closing->node);
}

static void listener_node_close(struct loop_node *n)
{
    sim_listener_close(LOOP_HOLDER(n, struct listener, node));
}

static void listener_node_release(struct loop_node *n)
{
    free(LOOP_HOLDER(n, struct sim_listener, ls.node));
}

static bool pick_port(struct loop_sim *ls, struct net_addr *at)
{
    for (unsigned tries = 0; tries < PORTS; tries++) {
        at->port = ls->last_port =
            (uint16_t)(FIRST_PORT + (ls->last_port - FIRST_PORT + 1) % PORTS);
        if (!listener_for(ls, at))
            return true;
    }
    return false;
}

static struct listener *sim_listen(struct loop *l, const struct net_addr *at, bool shared,
                                   struct err *e)
{
    (void)shared; /* one loop, one listener at an address */
    struct loop_sim *ls = sim_of(l);
    struct net_addr where = *at;

    if (where.port == 0 ? !pick_port(ls, &where) : listener_for(ls, &where) != NULL) {
        char text[NET_TEXT];

        (void)err_set(e, EX_IO, "cannot listen on %s: address already in use", net_print(at, text));
        return NULL;
    }
    struct sim_listener *made = loop_must(calloc(1, sizeof *made));
    made->ls.loop = l;
    made->ls.at = where;
    made->ls.close = sim_listener_close;
    made->ls.node.close = listener_node_close;
    made->ls.node.release = listener_node_release;
    loop_node_open(l, &made->ls.node);
    made->next = ls->listeners;
    ls->listeners = made;
    return &made->ls;
}

/* Arrivals. */

static void on_knock(struct end *server)
{
    struct sim_listener *door = listener_for(sim_of(server->s.loop), &server->link->server);
    struct end *client = other_end(server);

    if (!client->open)
        return; /* gave up meanwhile: nobody saw it */
    if (!door) {
        send_sign(client, COMES_REFUSED);
        return;
    }
    end_open(server, true);
    send_sign(client, COMES_STANDS); /* before what the server may write in accept() */
    door->ls.accept(door->ls.owner, &server->s);
    PM_ASSERT(!server->open || server->s.ready);
}

static void on_bytes(struct end *at, size_t n)
{
    struct end *writer = other_end(at);

    at->in.visible += n;
    if (!at->open && writer->open)
        send_reset(writer); /* nobody will read this */
}

static void on_broken(struct end *at, const char *why)
{
    at->stands = true;
    at->broke = true;
    at->s.error = why;
    at->writable = at->blocked;
}

static void arrive(struct end *at, enum what_comes what, size_t bytes)
{
    switch (what) {
    case COMES_KNOCK:
        on_knock(at);
        return;
    case COMES_STANDS:
        at->stands = at->writable = true;
        break;
    case COMES_REFUSED:
        on_broken(at, "connection refused");
        at->writable = false;
        break;
    case COMES_BYTES:
        on_bytes(at, bytes);
        break;
    case COMES_END:
        at->end_came = true;
        break;
    case COMES_RESET:
        on_broken(at, "connection reset by peer");
        break;
    case COMES_ROOM:
        at->room_due = false;
        at->writable = at->blocked;
        break;
    }
    if (at->writable || end_readable(at))
        end_list(at);
}

static void end_dispatch(struct end *at)
{
    unsigned what = end_readable(at) ? STREAM_READABLE : 0;

    if (at->open && at->writable)
        what |= STREAM_WRITABLE;
    at->writable = false;
    if (what & STREAM_WRITABLE)
        at->blocked = false;
    if (what)
        at->s.ready(&at->s, what);
    if (end_readable(at)) /* level-triggered: what is left is told again */
        end_list(at);
}

static void dispatch_ready(struct loop_sim *ls)
{
    struct end *at = ls->ready, *next;

    ls->ready = NULL;
    ls->ready_tail = &ls->ready;
    for (; at; at = next) {
        next = at->next_ready;
        at->listed = false;
        ls->steps++;
        end_dispatch(at);
        at->link->pending--;
        link_settle(at->link);
    }
}

static void sim_turn(struct loop_sim *ls)
{
    struct loop *l = &ls->loop;

    if (ls->woken) {
        ls->woken = false;
        ls->steps++;
        loop_run_wakers(l);
    }
    ls->steps += loop_fire_timers(l);
    for (uint64_t newest = l->order;
         ls->arrivals > 0 && ls->heap[1].at_ns <= l->now_ns && ls->heap[1].order <= newest;) {
        struct arrival a = arrivals_pop(ls);

        ls->steps++;
        arrive(&a.link->end[a.side], (enum what_comes)a.what, a.bytes);
        a.link->pending--;
        link_settle(a.link);
    }
    dispatch_ready(ls);
}

static uint64_t next_moment(const struct loop_sim *ls)
{
    uint64_t next = loop_next_timer(&ls->loop);

    if (ls->woken || ls->ready)
        return ls->loop.now_ns;
    if (ls->arrivals > 0 && ls->heap[1].at_ns < next)
        next = ls->heap[1].at_ns;
    return next;
}

/* Lets time go on to the next thing that happens; false when nothing does, or not before the limit. */
static bool advance(struct loop_sim *ls)
{
    uint64_t next = next_moment(ls);

    if (next == NEVER_NS)
        return false;
    if (next > ls->loop.now_ns)
        ls->turns = 0;
    if (next > ls->limit_ns || ++ls->turns > STUCK_TURNS) {
        ls->timed_out = true;
        return false;
    }
    ls->loop.now_ns = next;
    return true;
}

static void sim_run(struct loop *l)
{
    struct loop_sim *ls = sim_of(l);

    loop_run_sleepers(l);
    loop_sweep(l);
    while (!l->stopping && advance(ls)) {
        sim_turn(ls);
        loop_run_sleepers(l);
        loop_sweep(l);
    }
}

static void sim_wake(struct loop *l)
{
    sim_of(l)->woken = true;
}

static bool sim_watch(struct loop *l, struct watch *w, unsigned what, struct err *e)
{
    (void)l, (void)w, (void)what;
    return err_set(e, EX_IO, "a simulated loop cannot watch descriptors");
}

static void sim_unwatch(struct loop *l, struct watch *w)
{
    (void)l, (void)w;
}

static void sim_destroy(struct loop *l)
{
    struct loop_sim *ls = sim_of(l);

    while (ls->pool) {
        struct link *k = ls->pool;

        ls->pool = k->next_free;
        free(k->end[0].in.ring);
        free(k->end[1].in.ring);
        free(k);
    }
    free(ls->heap);
    free(ls);
}

static const struct loop_ops sim_ops = {
    .simulated = true,
    .run = sim_run,
    .wake = sim_wake,
    .destroy = sim_destroy,
    .connect = sim_connect,
    .listen = sim_listen,
    .watch = sim_watch,
    .unwatch = sim_unwatch,
};

struct loop *loop_sim_create(const struct sim_config *c, struct err *e)
{
    if (c->latency_min_ns > c->latency_max_ns) {
        (void)err_set(e, EX_BAD_PROFILE, "the least latency is above the greatest");
        return NULL;
    }
    if (c->window > WINDOW_MOST) {
        (void)err_set(e, EX_BAD_PROFILE, "a window is at most %d octets", WINDOW_MOST);
        return NULL;
    }
    struct loop_sim *ls = calloc(1, sizeof *ls);
    if (!ls) {
        (void)err_set(e, EX_IO, "no memory for a simulated loop");
        return NULL;
    }
    loop_init(&ls->loop, &sim_ops, c->start_ns);
    ls->config = *c;
    if (ls->config.window == 0)
        ls->config.window = WINDOW_BYTES;
    ls->ready_tail = &ls->ready;
    ls->limit_ns = NEVER_NS;
    ls->last_port = FIRST_PORT;
    return &ls->loop;
}

static const struct loop_sim *sim_of_const(const struct loop *l)
{
    PM_ASSERT(l->ops == &sim_ops);
    return (const struct loop_sim *)l;
}

uint64_t loop_sim_steps(const struct loop *l)
{
    return sim_of_const(l)->steps;
}

void loop_sim_limit(struct loop *l, uint64_t at_ns)
{
    struct loop_sim *ls = sim_of(l);

    PM_ASSERT(l->ops == &sim_ops);
    ls->limit_ns = at_ns;
    ls->timed_out = false;
}

bool loop_sim_timed_out(const struct loop *l)
{
    return sim_of_const(l)->timed_out;
}
