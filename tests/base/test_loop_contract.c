/* test_loop_contract.c - what loop.h promises, checked on every back end of the table. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/rng.h"
#include "tests/base/peers.h"
#include "tests/support/check.h"

#define BIG 700000 /* more than a window or a socket's buffers at their first size */

/* Runs a check on each back end; the loop is destroyed behind it. */
static void on_each(void (*check)(struct loop *l))
{
    for (const struct back_end *b = back_ends; b->name; b++) {
        struct err e = {0};
        struct loop *l = b->create(&e);

        if (CHECK(l))
            check(l);
        loop_destroy(l);
    }
}

static void check_both_ways(struct loop *l)
{
    static unsigned char sent[BIG];
    struct peer client, server;

    fill_pattern(sent, sizeof sent, 3);
    if (!CHECK(peers_meet(l, &client, &server)))
        return;
    server.echo = true;
    server.stop_at_end = true;
    peer_give(&client, sent, sizeof sent);
    for (int i = 0; i < 100 && client.got.n < sizeof sent; i++)
        run_for(l, 50 * NS_PER_MS);
    CHECK_MEM(client.got.p, client.got.n, sent, sizeof sent);
    CHECK_U64(server.got.n, sizeof sent);
    peer_hang_up(&client);
    run_for(l, NS_PER_S);
    CHECK(server.ended);
    CHECK(!server.broken);
    CHECK_STR(stream_error(server.s), "");
    peer_fini(&client);
    peer_fini(&server);
}

static void bytes_go_both_ways_and_the_end_comes_last(void)
{
    on_each(check_both_ways);
}

static void check_end_is_told_once(struct loop *l)
{
    struct peer client, server;

    if (!CHECK(peers_meet(l, &client, &server)))
        return;
    client.close_when_given = true;
    peer_give(&client, "good bye", 8);
    run_for(l, 20 * NS_PER_MS);
    CHECK_MEM(server.got.p, server.got.n, "good bye", 8);
    CHECK(server.ended);
    CHECK_BETWEEN(server.readable, 1, 4); /* an end that was read is not told again */
    unsigned char c;
    CHECK_I64(stream_read(server.s, &c, 1), STREAM_END);
    peer_fini(&client);
    peer_fini(&server);
}

static void what_was_written_before_a_close_arrives_and_the_end_is_told_once(void)
{
    on_each(check_end_is_told_once);
}

static void check_refused(struct loop *l)
{
    struct guard g = {0};
    struct err e = {0};
    struct net_addr at = local_addr(0);
    struct peer client;

    struct listener *door = loop_listen(l, &at, peer_accept, NULL, &e);
    if (!CHECK(door))
        return;
    at = listener_addr(door);
    CHECK(at.port != 0);
    listener_close(door);
    peer_init(&client, l);
    client.stop_at_end = true;
    client.s = loop_connect(l, &g, &at, peer_ready, &client, &e);
    if (CHECK(client.s)) {
        CHECK_U64(client.readable, 0); /* never from inside the call */
        run_for(l, NS_PER_S);
        CHECK(client.broken);
        CHECK_STR(client.error, "connection refused");
        CHECK_U64(client.writable, 0);
        CHECK_I64(stream_write(client.s, "x", 1), STREAM_BROKEN);
    }
    peer_fini(&client);
}

static void a_connection_to_nobody_is_refused_from_the_loop(void)
{
    on_each(check_refused);
}

static void check_pressure(struct loop *l)
{
    static unsigned char block[65536];
    struct peer client, server;
    size_t sent = 0;
    long n;

    if (!CHECK(peers_meet(l, &client, &server)))
        return;
    stream_pause(server.s, true);
    for (int quiet = 0; quiet < 3; quiet++)
        while ((n = stream_write(client.s, block, sizeof block)) > 0) {
            sent += (size_t)n;
            quiet = 0;
            run_for(l, NS_PER_MS);
        }
    CHECK_I64(n, STREAM_AGAIN);
    CHECK(sent > 0);
    CHECK_U64(server.readable, 0);
    unsigned before = client.writable;
    stream_pause(server.s, false);
    run_for(l, 100 * NS_PER_MS);
    CHECK_U64(server.got.n, sent);
    CHECK_U64(client.writable, before + 1); /* told once, when there is room */
    peer_fini(&client);
    peer_fini(&server);
}

static void a_full_pipe_answers_again_and_later_writable(void)
{
    on_each(check_pressure);
}

static void check_partial_reads(struct loop *l)
{
    struct peer client, server;

    if (!CHECK(peers_meet(l, &client, &server)))
        return;
    server.piece = 1;
    peer_give(&client, "level-triggered", 15);
    run_for(l, 20 * NS_PER_MS);
    CHECK_MEM(server.got.p, server.got.n, "level-triggered", 15);
    CHECK_U64(server.readable, 15);
    peer_fini(&client);
    peer_fini(&server);
}

static void what_is_left_unread_is_told_again(void)
{
    on_each(check_partial_reads);
}

static void check_pause(struct loop *l)
{
    struct peer client, server;

    if (!CHECK(peers_meet(l, &client, &server)))
        return;
    stream_pause(server.s, true);
    peer_give(&client, "later", 5);
    run_for(l, 20 * NS_PER_MS);
    CHECK_U64(server.readable, 0);
    stream_pause(server.s, false);
    run_for(l, 20 * NS_PER_MS);
    CHECK_MEM(server.got.p, server.got.n, "later", 5);
    stream_pause(server.s, true);
    peer_hang_up(&client);
    run_for(l, 20 * NS_PER_MS);
    CHECK(!server.ended);
    stream_pause(server.s, false);
    run_for(l, 20 * NS_PER_MS);
    CHECK(server.ended);
    peer_fini(&client);
    peer_fini(&server);
}

static void a_paused_stream_is_silent_until_it_goes_on(void)
{
    on_each(check_pause);
}

static void check_gather(struct loop *l)
{
    struct peer client, server;
    char a[] = "MAIL", b[] = " FROM:", c[] = "<joe@example.com>\r\n";
    struct iovec iov[] = {{a, 4}, {b, 0}, {b, 6}, {c, sizeof c - 1}};

    if (!CHECK(peers_meet(l, &client, &server)))
        return;
    CHECK_I64(stream_writev(client.s, iov, 4), 29);
    run_for(l, 20 * NS_PER_MS);
    CHECK_MEM(server.got.p, server.got.n, "MAIL FROM:<joe@example.com>\r\n", 29);
    peer_fini(&client);
    peer_fini(&server);
}

static void pieces_are_written_in_one_go(void)
{
    on_each(check_gather);
}

static void check_gone_reader(struct loop *l)
{
    static unsigned char block[65536];
    struct peer client, server;
    long n = 0;

    if (!CHECK(peers_meet(l, &client, &server)))
        return;
    peer_hang_up(&server);
    for (int i = 0; i < 200 && n != STREAM_BROKEN; i++) {
        n = stream_write(client.s, block, sizeof block);
        run_for(l, 5 * NS_PER_MS);
    }
    CHECK_I64(n, STREAM_BROKEN);
    CHECK_STR(stream_error(client.s), "connection reset by peer");
    peer_fini(&client);
    peer_fini(&server);
}

static void writing_to_a_closed_peer_breaks_in_the_end(void)
{
    on_each(check_gone_reader);
}

/* Closing inside callbacks. */

static void close_both(struct peer *p)
{
    struct peer *other = p->owner;

    peer_hang_up(p);
    peer_hang_up(other);
}

static void check_close_other(struct loop *l)
{
    struct peer a, b, c, d;

    if (!CHECK(peers_meet(l, &a, &b)) || !CHECK(peers_meet(l, &c, &d)))
        return;
    peer_give(&a, "x", 1);
    peer_give(&c, "x", 1);
    b.owner = &d;
    d.owner = &b;
    b.seen = d.seen =
        close_both; /* both are readable in the same batch: the first closes the second */
    if (!loop_is_simulated(l))
        (void)usleep(20000); /* until both have arrived */
    run_for(l, 20 * NS_PER_MS);
    CHECK_U64(b.readable + d.readable, 1);
    CHECK(!b.s && !d.s);
    CHECK(a.ended || a.broken);
    CHECK(c.ended || c.broken);
    peer_fini(&a);
    peer_fini(&b);
    peer_fini(&c);
    peer_fini(&d);
}

static void a_handler_may_close_itself_and_others_of_the_same_batch(void)
{
    on_each(check_close_other);
}

static void close_at_once(void *owner, struct stream *s)
{
    *(unsigned *)owner += 1;
    stream_close(s);
}

static void check_close_in_accept(struct loop *l)
{
    struct guard g = {0};
    struct net_addr at = local_addr(0);
    struct peer client;
    unsigned accepted = 0;
    struct listener *door = loop_listen(l, &at, close_at_once, &accepted, NULL);

    if (!CHECK(door))
        return;
    at = listener_addr(door);
    peer_init(&client, l);
    client.stop_at_end = true;
    client.s = loop_connect(l, &g, &at, peer_ready, &client, NULL);
    run_for(l, NS_PER_S);
    CHECK_U64(accepted, 1);
    CHECK(client.ended || client.broken);
    peer_fini(&client);
    listener_close(door);
}

static void a_listener_may_turn_a_connection_away(void)
{
    on_each(check_close_in_accept);
}

static void leave_open(void *owner, struct stream *s)
{
    peer_take(owner, s);
    peer_give(owner, "hello", 5); /* before the client knows that it is connected */
}

static void check_destroy(struct loop *l)
{
    static struct peer client, server;
    struct guard g = {0};
    struct net_addr at = local_addr(0);
    struct listener *door = loop_listen(l, &at, leave_open, &server, NULL);

    if (!CHECK(door))
        return;
    at = listener_addr(door);
    peer_init(&client, l);
    peer_init(&server, l);
    client.s = loop_connect(l, &g, &at, peer_ready, &client, NULL);
    run_for(l, 20 * NS_PER_MS);
    CHECK_MEM(client.got.p, client.got.n, "hello", 5);
    CHECK(net_equal(&client.s->peer, &at));
    CHECK(net_equal(&server.s->local, &at));
    CHECK(net_equal(&server.s->peer, &client.s->local));
    (void)loop_connect(l, &g, &at, peer_ready, &client, NULL); /* still under way at the end */
    buf_fini(&client.got);
    buf_fini(&server.got);
    buf_fini(&server.give);
}

static void destroying_a_loop_closes_what_is_open(void)
{
    on_each(check_destroy); /* AddressSanitizer's leak check is the witness */
}

static void check_addresses(struct loop *l)
{
    struct guard g = {0};
    struct err e = {0};
    struct net_addr at = local_addr(0), far = {.family = 4, .port = 25, .ip = {8, 8, 8, 8}};
    struct peer p;

    peer_init(&p, l);
    struct listener *door = loop_listen(l, &at, peer_accept, &p, &e);
    if (!CHECK(door))
        return;
    at = listener_addr(door);
    CHECK(!loop_listen(l, &at, peer_accept, &p, &e));
    CHECK_I64(e.code, EX_IO);
    CHECK_HAS(e.text, "address already in use");
    CHECK(!loop_connect(l, &g, &far, peer_ready, &p, &e));
    CHECK_I64(e.code, EX_GUARD);
    CHECK_HAS(e.text, "8.8.8.8");
    listener_close(door);
    peer_fini(&p);
}

static void a_taken_address_and_a_guarded_one_are_refused_at_once(void)
{
    on_each(check_addresses);
}

/* Timers. */

struct trace {
    struct loop *loop;
    char text[64];
    size_t n;
};

struct mark {
    struct timer timer;
    struct trace *trace;
    char letter;
    struct mark *then; /* armed for now when this one fires */
};

static void fire_mark(struct timer *t)
{
    struct mark *m = t->owner;

    m->trace->text[m->trace->n++] = m->letter;
    if (m->then)
        timer_arm(m->trace->loop, &m->then->timer, 0);
}

static void mark_init(struct mark *m, struct trace *tr, char letter)
{
    *m = (struct mark){.trace = tr, .letter = letter};
    timer_init(&m->timer, fire_mark, m);
}

static void check_timer_order(struct loop *l)
{
    struct trace tr = {.loop = l};
    struct mark m[6];
    uint64_t base = loop_now(l) + 2 * NS_PER_MS;

    for (int i = 0; i < 6; i++)
        mark_init(&m[i], &tr, (char)('a' + i));
    timer_arm(l, &m[2].timer, base);
    timer_arm(l, &m[0].timer, base);
    timer_arm(l, &m[1].timer, base);
    timer_arm(l, &m[3].timer, base - NS_PER_MS);
    timer_arm(l, &m[4].timer, base);
    timer_disarm(l, &m[4].timer);
    timer_arm(l, &m[5].timer, 1);
    timer_arm(l, &m[2].timer, base); /* moved: behind those armed meanwhile */
    timer_arm(l, &m[5].timer, NEVER_NS);
    CHECK(!timer_is_armed(&m[5].timer));
    CHECK(timer_is_armed(&m[2].timer));
    run_for(l, 10 * NS_PER_MS);
    CHECK_STR(tr.text, "dabc");
    CHECK(!timer_is_armed(&m[2].timer));
}

static void timers_fire_by_time_and_then_by_arming(void)
{
    on_each(check_timer_order);
}

struct sleeper {
    struct hook hook;
    struct trace *trace;
    char letter;
    struct sleeper *unhooks;
};

static void run_sleeper(struct hook *h)
{
    struct sleeper *s = h->owner;

    if (s->trace->n < sizeof s->trace->text - 1)
        s->trace->text[s->trace->n++] = s->letter;
    if (s->unhooks)
        loop_unhook(s->trace->loop, &s->unhooks->hook);
}

static void check_timer_chain(struct loop *l)
{
    struct trace tr = {.loop = l};
    struct mark first, second, third;
    struct sleeper hook = {.trace = &tr, .letter = '.'};

    hook.hook = (struct hook){.run = run_sleeper, .owner = &hook};
    mark_init(&first, &tr, '1');
    mark_init(&second, &tr, '2');
    mark_init(&third, &tr, '3');
    first.then = &second; /* for the past: next wakeup, behind what is due in this one */
    timer_arm(l, &first.timer, 0);
    timer_arm(l, &third.timer, 0);
    loop_before_sleep(l, &hook.hook);
    loop_before_sleep(l, &hook.hook); /* twice is once */
    run_for(l, 30 * NS_PER_MS);
    CHECK_MEM(tr.text, 6, ".13.2.", 6);
    loop_unhook(l, &hook.hook);
    loop_unhook(l, &hook.hook);
}

static void a_timer_armed_in_a_timer_waits_for_the_next_wakeup(void)
{
    on_each(check_timer_chain);
}

static void check_hooks(struct loop *l)
{
    struct trace tr = {.loop = l};
    struct sleeper a = {.trace = &tr, .letter = 'a'}, b = {.trace = &tr, .letter = 'b'};
    struct sleeper c = {.trace = &tr, .letter = 'c'};

    a.hook = (struct hook){.run = run_sleeper, .owner = &a};
    b.hook = (struct hook){.run = run_sleeper, .owner = &b};
    c.hook = (struct hook){.run = run_sleeper, .owner = &c};
    a.unhooks = &b; /* the next one */
    c.unhooks = &c; /* itself */
    loop_before_sleep(l, &a.hook);
    loop_before_sleep(l, &b.hook);
    loop_before_sleep(l, &c.hook);
    run_for(l, 30 * NS_PER_MS);
    CHECK_MEM(tr.text, 3, "aca", 3);
    CHECK(!strpbrk(tr.text + 3, "bc"));
    loop_unhook(l, &a.hook);
}

static void a_hook_may_unhook_itself_and_its_neighbour(void)
{
    on_each(check_hooks);
}

static void stop_twice(struct hook *h)
{
    struct trace *tr = h->owner;

    tr->n++;
    loop_stop(tr->loop);
}

static void check_wake(struct loop *l)
{
    struct trace tr = {.loop = l};
    struct hook wake = {.run = stop_twice, .owner = &tr};

    loop_on_wake(l, &wake);
    loop_wake(l);
    loop_wake(l);
    CHECK_U64(tr.n, 0);
    run_for(l, NS_PER_S);
    CHECK_U64(tr.n, 1);
    loop_wake(l);
    run_for(l, NS_PER_S); /* it stopped, and runs again */
    CHECK_U64(tr.n, 2);
    loop_unhook(l, &wake);
    loop_wake(l);
    run_for(l, NS_PER_MS);
    CHECK_U64(tr.n, 2);
}

static void a_wake_runs_the_wake_hooks_once(void)
{
    on_each(check_wake);
}

static void check_stop_before(struct loop *l)
{
    struct trace tr = {.loop = l};
    struct mark m;

    mark_init(&m, &tr, 'x');
    timer_arm(l, &m.timer, 0);
    loop_stop(l);
    loop_run(l);
    CHECK_U64(tr.n, 0);
    run_for(l, NS_PER_MS);
    CHECK_STR(tr.text, "x");
}

static void a_stop_before_a_run_ends_that_run_only(void)
{
    on_each(check_stop_before);
}

/* A thousand timers armed, moved and disarmed at random fire in the order that a sorted list gives. */

struct random_timer {
    struct timer timer;
    uint64_t at_ns, order;
    bool armed, fired;
};

static struct random_timer many[1000];
static size_t fired_n;
static struct random_timer *fired[1000];

static void fire_random(struct timer *t)
{
    fired[fired_n++] = t->owner;
}

static void check_random_timers(struct loop *l)
{
    struct rng r = rng_at(11, 0, 0);
    uint64_t base = loop_now(l) + NS_PER_MS, order = 0;
    size_t armed = 0;

    fired_n = 0;
    for (size_t i = 0; i < 1000; i++) {
        many[i] = (struct random_timer){0};
        timer_init(&many[i].timer, fire_random, &many[i]);
    }
    for (size_t i = 0; i < 5000; i++) {
        struct random_timer *t = &many[rng_below(&r, 1000)];

        t->armed = rng_below(&r, 4) > 0;
        t->at_ns = base + rng_below(&r, 50) * NS_PER_US;
        t->order = ++order;
        if (t->armed)
            timer_arm(l, &t->timer, t->at_ns);
        else
            timer_disarm(l, &t->timer);
    }
    for (size_t i = 0; i < 1000; i++) {
        armed += many[i].armed;
        CHECK(timer_is_armed(&many[i].timer) == many[i].armed);
    }
    run_for(l, 10 * NS_PER_MS);
    CHECK_U64(fired_n, armed);
    bool sorted = true;
    for (size_t i = 1; i < fired_n; i++)
        sorted &= fired[i - 1]->at_ns < fired[i]->at_ns ||
                  (fired[i - 1]->at_ns == fired[i]->at_ns && fired[i - 1]->order < fired[i]->order);
    CHECK(sorted);
}

static void a_thousand_random_timers_fire_in_order(void)
{
    on_each(check_random_timers);
}

/* Many at once. */

#define CROWD 200

static void check_crowd(struct loop *l)
{
    static struct peer clients[CROWD], servers[CROWD];
    static unsigned char sent[20000];
    size_t wrong = 0, ended = 0;

    for (size_t i = 0; i < CROWD; i++) {
        if (!CHECK(peers_meet(l, &clients[i], &servers[i])))
            return;
        servers[i].echo = true;
    }
    for (size_t i = 0; i < CROWD; i++) {
        fill_pattern(sent, sizeof sent, (unsigned)i);
        peer_give(&clients[i], sent, sizeof sent);
    }
    for (int turn = 0; turn < 100 && wrong == 0 && clients[CROWD - 1].got.n < sizeof sent; turn++)
        run_for(l, 50 * NS_PER_MS);
    run_for(l, 50 * NS_PER_MS);
    for (size_t i = 0; i < CROWD; i++) {
        fill_pattern(sent, sizeof sent, (unsigned)i);
        wrong +=
            clients[i].got.n != sizeof sent || memcmp(clients[i].got.p, sent, sizeof sent) != 0;
        peer_hang_up(&clients[i]);
    }
    CHECK_U64(wrong, 0);
    run_for(l, 50 * NS_PER_MS);
    for (size_t i = 0; i < CROWD; i++) {
        ended += servers[i].ended;
        peer_fini(&clients[i]);
        peer_fini(&servers[i]);
    }
    CHECK_U64(ended, CROWD);
}

static void two_hundred_conversations_do_not_mix(void)
{
    on_each(check_crowd);
}

static const struct test tests[] = {
    TEST(bytes_go_both_ways_and_the_end_comes_last),
    TEST(what_was_written_before_a_close_arrives_and_the_end_is_told_once),
    TEST(a_connection_to_nobody_is_refused_from_the_loop),
    TEST(a_full_pipe_answers_again_and_later_writable),
    TEST(what_is_left_unread_is_told_again),
    TEST(a_paused_stream_is_silent_until_it_goes_on),
    TEST(pieces_are_written_in_one_go),
    TEST(writing_to_a_closed_peer_breaks_in_the_end),
    TEST(a_handler_may_close_itself_and_others_of_the_same_batch),
    TEST(a_listener_may_turn_a_connection_away),
    TEST(destroying_a_loop_closes_what_is_open),
    TEST(a_taken_address_and_a_guarded_one_are_refused_at_once),
    TEST(timers_fire_by_time_and_then_by_arming),
    TEST(a_timer_armed_in_a_timer_waits_for_the_next_wakeup),
    TEST(a_hook_may_unhook_itself_and_its_neighbour),
    TEST(a_wake_runs_the_wake_hooks_once),
    TEST(a_stop_before_a_run_ends_that_run_only),
    TEST(a_thousand_random_timers_fire_in_order),
    TEST(two_hundred_conversations_do_not_mix),
    TEST_END,
};

const struct suite loop_contract_suite = {"loop_contract", tests};
