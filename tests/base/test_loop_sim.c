/* test_loop_sim.c - the simulated network: the same from the same seed, bounded, in order, and cut where it was said. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/loop_sim.h"
#include "base/rng.h"
#include "tests/base/peers.h"
#include "tests/support/check.h"

static struct loop *sim_with(struct sim_config c)
{
    struct err e = {0};
    struct loop *l = loop_sim_create(&c, &e);

    CHECK(l);
    return l;
}

static const struct sim_config calm = {.seed = 1,
                                       .start_ns = 5 * NS_PER_S,
                                       .latency_min_ns = NS_PER_MS,
                                       .latency_max_ns = 3 * NS_PER_MS};

static void fire_nothing(struct timer *t)
{
    *(uint64_t *)t->owner += 1;
}

static void time_jumps_to_the_next_timer_and_the_run_ends_with_the_last(void)
{
    struct loop *l = sim_with(calm);
    struct timer t;
    uint64_t fired = 0, real = clock_mono_ns();

    CHECK_U64(loop_now(l), 5 * NS_PER_S);
    CHECK(loop_is_simulated(l));
    timer_init(&t, fire_nothing, &fired);
    timer_arm(l, &t, 86400 * NS_PER_S);
    loop_run(l);
    CHECK_U64(fired, 1);
    CHECK_U64(loop_now(l), 86400 * NS_PER_S);
    CHECK(clock_mono_ns() - real < NS_PER_S);
    CHECK_U64(loop_sim_steps(l), 1);
    CHECK(!loop_sim_timed_out(l));
    loop_destroy(l);
}

static void fire_again(struct timer *t)
{
    timer_arm(t->owner, t, t->at_ns + NS_PER_S);
}

static void a_limit_ends_a_run_that_would_not_end(void)
{
    struct loop *l = sim_with(calm);
    struct timer t;

    timer_init(&t, fire_again, l);
    timer_arm(l, &t, 6 * NS_PER_S);
    loop_sim_limit(l, 20 * NS_PER_S);
    loop_run(l);
    CHECK(loop_sim_timed_out(l));
    CHECK_U64(loop_now(l), 20 * NS_PER_S);
    loop_sim_limit(l, 30 * NS_PER_S);
    CHECK(!loop_sim_timed_out(l));
    loop_run(l);
    CHECK_U64(loop_now(l), 30 * NS_PER_S);
    timer_disarm(l, &t);
    loop_run(l);
    CHECK_U64(loop_sim_steps(l), 25);
    loop_destroy(l);
}

static void descriptors_cannot_be_watched(void)
{
    struct loop *l = sim_with(calm);
    struct watch w = {.fd = 0};
    struct err e = {0};

    CHECK(!loop_watch(l, &w, STREAM_READABLE, &e));
    CHECK_I64(e.code, EX_IO);
    CHECK_HAS(e.text, "simulated loop cannot watch");
    loop_unwatch(l, &w);
    loop_destroy(l);
}

static void a_bad_configuration_is_an_error(void)
{
    struct sim_config c = calm;
    struct err e = {0};

    c.latency_min_ns = c.latency_max_ns + 1;
    CHECK(!loop_sim_create(&c, &e));
    CHECK_HAS(e.text, "latency");
    c = calm;
    c.window = (size_t)1 << 40;
    CHECK(!loop_sim_create(&c, &e));
    CHECK_HAS(e.text, "window");
}

static void note_time(struct peer *p)
{
    if (p->got.n > 0 && !*(uint64_t *)p->owner)
        *(uint64_t *)p->owner = loop_now(p->loop);
}

static void latency_stays_between_its_bounds(void)
{
    struct loop *l = sim_with(calm);

    for (int i = 0; i < 200; i++) {
        struct peer client, server;
        uint64_t arrived = 0;

        if (!CHECK(peers_meet(l, &client, &server)))
            break;
        server.seen = note_time;
        server.owner = &arrived;
        uint64_t sent = loop_now(l);
        peer_give(&client, "x", 1);
        run_for(l, NS_PER_S);
        CHECK_BETWEEN((double)(arrived - sent), 1e6, 3e6);
        peer_fini(&client);
        peer_fini(&server);
    }
    loop_run(l);
    loop_destroy(l);
}

/* A small world: every client sends lines of random length, every server echoes; the digest is over what arrives, when
 * and in which pieces. */

struct world {
    uint64_t digest, calls;
    unsigned accepted;
    struct peer servers[40], clients[40];
};

static void digest_seen(struct peer *p)
{
    struct world *w = p->owner;
    uint64_t note[3] = {w->digest, loop_now(p->loop), p->got.n};

    w->calls++;
    w->digest = hash_fast(note, sizeof note);
    if (p->ended || p->broken)
        peer_hang_up(p);
}

static void world_accept(void *owner, struct stream *s)
{
    struct world *w = owner;
    struct peer *p = &w->servers[w->accepted++];

    peer_init(p, s->loop);
    p->owner = w;
    p->echo = true;
    p->seen = digest_seen;
    peer_take(p, s);
}

static void world_run(struct world *w, uint64_t seed)
{
    struct sim_config c = calm;
    struct guard g = {0};
    struct net_addr at = local_addr(25);
    static unsigned char block[3000];

    *w = (struct world){0};
    c.seed = seed;
    c.split_per_mille = 400;
    c.window = 4096;
    struct loop *l = sim_with(c);
    CHECK(loop_listen(l, &at, world_accept, w, NULL));
    for (unsigned i = 0; i < 40; i++) {
        struct peer *p = &w->clients[i];

        peer_init(p, l);
        p->owner = w;
        p->seen = digest_seen;
        fill_pattern(block, sizeof block, i);
        (void)buf_add(&p->give, block, sizeof block);
        (void)buf_add(&p->give, block, 100 + i);
        p->s = loop_connect(l, &g, &at, peer_ready, p, NULL);
    }
    run_for(l, 10 * NS_PER_S);
    for (unsigned i = 0; i < 40; i++) {
        CHECK_U64(w->clients[i].got.n, 3100 + i);
        fill_pattern(block, sizeof block, i);
        CHECK(memcmp(w->clients[i].got.p, block, sizeof block) == 0);
        peer_hang_up(&w->clients[i]);
    }
    loop_run(l); /* the servers see the ends and hang up */
    for (unsigned i = 0; i < 40; i++) {
        CHECK(w->servers[i].ended);
        peer_fini(&w->clients[i]);
        peer_fini(&w->servers[i]);
    }
    loop_destroy(l);
}

static void the_same_seed_gives_the_same_run_and_another_another(void)
{
    static struct world a, b, c;

    world_run(&a, 1);
    world_run(&b, 1);
    world_run(&c, 2);
    CHECK(a.calls > 100);
    CHECK_U64(a.digest, b.digest);
    CHECK_U64(a.calls, b.calls);
    CHECK(a.digest != c.digest);
}

/* The meddler. */

struct cutter {
    struct sim_meddler m;
    bool from_client;
    uint64_t after; /* octets of that direction */
    unsigned cuts;
    uint32_t connection;
    uint16_t port;
};

static size_t cut_pass(struct sim_meddler *m, const struct sim_flow *flow, struct slice bytes)
{
    struct cutter *c = m->owner;

    if (flow->from_client != c->from_client || flow->passed + bytes.n <= c->after)
        return bytes.n;
    c->cuts++;
    c->connection = flow->connection;
    c->port = flow->server.port;
    return (size_t)(c->after - flow->passed);
}

static void cut_after(bool from_client, uint64_t after)
{
    struct cutter c = {.from_client = from_client, .after = after};
    struct sim_config config = calm;
    struct peer client, server;
    char told[64];

    c.m = (struct sim_meddler){.pass = cut_pass, .owner = &c};
    config.meddler = &c.m;
    config.seed = after;
    config.split_per_mille = 500;
    struct loop *l = sim_with(config);
    if (!CHECK(peers_meet(l, &client, &server)))
        return;
    struct peer *from = from_client ? &client : &server, *to = from_client ? &server : &client;
    peer_give(to, "in flight the other way", 23);
    peer_give(from, "0123456789", 10);
    peer_give(from, "abcdefghij", 10);
    peer_give(from, "ABCDEFGHIJ", 10);
    CHECK_U64(from->give.n, 0); /* taken, as a kernel would */
    run_for(l, NS_PER_S);
    (void)snprintf(told, sizeof told, "%.*s", (int)after, "0123456789abcdefghijABCDEFGHIJ");
    CHECK_MEM(to->got.p, to->got.n, told, after);
    CHECK_MEM(from->got.p, from->got.n, "in flight the other way", 23);
    CHECK_U64(c.cuts, after < 30);
    CHECK(client.broken == (after < 30));
    CHECK(server.broken == (after < 30));
    if (after < 30) {
        CHECK_HAS(client.error, "connection reset");
        CHECK_HAS(server.error, "connection reset");
        CHECK_I64(stream_write(from->s, "more", 4), STREAM_BROKEN);
        CHECK_U64(c.connection, 1);
        CHECK(net_equal(&client.s->peer, &server.s->local));
        CHECK_U64(c.port, client.s->peer.port);
    }
    peer_fini(&client);
    peer_fini(&server);
    loop_run(l);
    loop_destroy(l);
}

static void a_cut_lets_pass_exactly_what_the_meddler_said_and_breaks_both_ends(void)
{
    for (uint64_t after = 0; after <= 30; after++) {
        cut_after(true, after);
        cut_after(false, after);
    }
}

static void a_small_window_holds_the_writer_back(void)
{
    struct sim_config c = calm;
    struct peer client, server;
    static unsigned char block[1000];

    c.window = 100;
    struct loop *l = sim_with(c);
    if (!CHECK(peers_meet(l, &client, &server)))
        return;
    fill_pattern(block, sizeof block, 9);
    CHECK_I64(stream_write(client.s, block, sizeof block), 100);
    CHECK_I64(stream_write(client.s, block, 1), STREAM_AGAIN);
    run_for(l, 6 * NS_PER_MS); /* there, read, and the news of it back */
    CHECK_U64(server.got.n, 100);
    CHECK_U64(client.writable, 1);
    peer_give(&client, block + 100, 900);
    loop_run(l);
    CHECK_MEM(server.got.p, server.got.n, block, sizeof block);
    CHECK(loop_now(l) > 5 * NS_PER_S + 9 * NS_PER_MS);
    peer_fini(&client);
    peer_fini(&server);
    loop_destroy(l);
}

static void what_is_sent_leaves_the_buffer_and_the_rest_waits(void)
{
    struct sim_config c = calm;
    struct peer client, server;
    unsigned char block[150];
    struct buf out;

    c.window = 100;
    struct loop *l = sim_with(c);
    if (!CHECK(peers_meet(l, &client, &server)))
        return;
    fill_pattern(block, sizeof block, 10);
    buf_init(&out, sizeof block);
    CHECK(buf_add(&out, block, sizeof block));
    CHECK(stream_send(client.s, &out));
    CHECK_MEM(out.p, out.n, block + 100, 50);
    CHECK(stream_send(client.s, &out)); /* nothing is taken now, and nothing is lost */
    CHECK_U64(out.n, 50);
    run_for(l, 6 * NS_PER_MS);
    CHECK_U64(client.writable, 1);
    CHECK(stream_send(client.s, &out));
    CHECK_U64(out.n, 0);
    CHECK(stream_send(client.s, &out));
    loop_run(l);
    CHECK_MEM(server.got.p, server.got.n, block, sizeof block);
    buf_fini(&out);
    peer_fini(&client);
    peer_fini(&server);
    loop_destroy(l);
}

static void a_client_that_gives_up_before_it_is_heard_is_never_accepted(void)
{
    struct loop *l = sim_with(calm);
    struct guard g = {0};
    struct net_addr at = local_addr(25);
    struct peer client, server;

    peer_init(&client, l);
    peer_init(&server, l);
    CHECK(loop_listen(l, &at, peer_accept, &server, NULL));
    client.s = loop_connect(l, &g, &at, peer_ready, &client, NULL);
    peer_hang_up(&client);
    loop_run(l);
    CHECK(!server.s);
    peer_fini(&client);
    peer_fini(&server);
    loop_destroy(l);
}

static void a_listener_on_any_address_hears_all_of_them(void)
{
    struct loop *l = sim_with(calm);
    struct guard g = {0};
    struct net_addr any = {.family = 4, .port = 25}, at = {.family = 4, .port = 25};
    struct peer client, server;

    memcpy(at.ip, (const uint8_t[]){127, 0, 0, 7}, 4);
    peer_init(&client, l);
    peer_init(&server, l);
    CHECK(loop_listen(l, &any, peer_accept, &server, NULL));
    client.s = loop_connect(l, &g, &at, peer_ready, &client, NULL);
    loop_run(l);
    CHECK(server.s);
    CHECK(server.s && net_equal(&server.s->local, &at));
    peer_fini(&client);
    peer_fini(&server);
    loop_destroy(l);
}

/* A wake is an event of its own; hooks run before time goes on. */

struct clocked {
    struct loop *loop;
    uint64_t at_ns[8];
    size_t n;
};

static void note_hook(struct hook *h)
{
    struct clocked *c = h->owner;

    if (c->n < 8)
        c->at_ns[c->n++] = loop_now(c->loop);
}

static void wake_in_timer(struct timer *t)
{
    loop_wake(t->owner);
}

static void hooks_run_before_time_goes_on(void)
{
    struct clocked woken = {.loop = sim_with(calm)}, slept = {.loop = woken.loop};
    struct hook on_wake = {.run = note_hook, .owner = &woken};
    struct hook on_sleep = {.run = note_hook, .owner = &slept};
    struct timer t;

    loop_on_wake(woken.loop, &on_wake);
    loop_before_sleep(woken.loop, &on_sleep);
    timer_init(&t, wake_in_timer, woken.loop);
    timer_arm(woken.loop, &t, 7 * NS_PER_S);
    loop_run(woken.loop);
    CHECK_U64(woken.n, 1);
    CHECK_U64(woken.at_ns[0], 7 * NS_PER_S);
    CHECK_U64(slept.n, 3); /* at the start, after the timer, after the wake */
    CHECK_U64(slept.at_ns[0], 5 * NS_PER_S);
    CHECK_U64(slept.at_ns[1], 7 * NS_PER_S);
    CHECK_U64(slept.at_ns[2], 7 * NS_PER_S);
    loop_destroy(woken.loop);
}

/* Size: 4,000 connections, each a conversation of many small turns. */

#define PAIRS 4000
#define TURNS 60

struct pong {
    struct stream *s;
    unsigned turns;
};

static struct pong pongs[PAIRS * 2];
static size_t pongs_n;

static void pong_ready(struct stream *s, unsigned what)
{
    struct pong *p = s->owner;
    char line[64];
    long n = -1;

    if (what & STREAM_READABLE)
        n = stream_read(s, line, sizeof line);
    if (n == STREAM_END || p->turns == TURNS) {
        stream_close(s);
        return;
    }
    if (n > 0 || (what & STREAM_WRITABLE)) {
        p->turns++;
        (void)stream_write(s, "250 2.0.0 ok, a line as long as most\r\n", 38);
    }
}

static void pong_accept(void *owner, struct stream *s)
{
    struct pong *p = &pongs[pongs_n++];

    (void)owner;
    *p = (struct pong){.s = s};
    s->ready = pong_ready;
    s->owner = p;
}

static void four_thousand_conversations_run_through_and_leave_nothing(void)
{
    struct loop *l = sim_with(calm);
    struct guard g = {0};
    struct net_addr at = local_addr(25);
    unsigned most = 0;

    pongs_n = 0;
    CHECK(loop_listen(l, &at, pong_accept, NULL, NULL));
    for (size_t i = 0; i < PAIRS; i++) {
        struct pong *p = &pongs[pongs_n++];

        *p = (struct pong){0};
        p->s = loop_connect(l, &g, &at, pong_ready, p, NULL);
    }
    uint64_t before = clock_mono_ns();
    loop_run(l);
    uint64_t took = clock_mono_ns() - before;
    for (size_t i = 0; i < pongs_n; i++)
        most = pongs[i].turns > most ? pongs[i].turns : most;
    CHECK_U64(pongs_n, sizeof pongs / sizeof pongs[0]);
    CHECK_U64(most, TURNS);
    CHECK(loop_sim_steps(l) > (uint64_t)PAIRS * TURNS * 2);
    /* Above 3 million steps a second on an idle 2-core machine; this only catches a wrong order of growth. */
    if (!getenv(
            "PM_WATCHED")) /* by a sanitizer or memcheck (./dev tsan, ./dev valgrind): they are slow */
        CHECK_BETWEEN((double)took / (double)loop_sim_steps(l), 0, 20000);
    loop_destroy(l);
}

static const struct test tests[] = {
    TEST(time_jumps_to_the_next_timer_and_the_run_ends_with_the_last),
    TEST(a_limit_ends_a_run_that_would_not_end),
    TEST(descriptors_cannot_be_watched),
    TEST(a_bad_configuration_is_an_error),
    TEST(latency_stays_between_its_bounds),
    TEST(the_same_seed_gives_the_same_run_and_another_another),
    TEST(a_cut_lets_pass_exactly_what_the_meddler_said_and_breaks_both_ends),
    TEST(a_small_window_holds_the_writer_back),
    TEST(what_is_sent_leaves_the_buffer_and_the_rest_waits),
    TEST(a_client_that_gives_up_before_it_is_heard_is_never_accepted),
    TEST(a_listener_on_any_address_hears_all_of_them),
    TEST(hooks_run_before_time_goes_on),
    TEST(four_thousand_conversations_run_through_and_leave_nothing),
    TEST_END,
};

const struct suite loop_sim_suite = {"loop_sim", tests};
