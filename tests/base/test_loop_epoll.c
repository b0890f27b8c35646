/* test_loop_epoll.c - what only the real back end has: descriptors of others, threads, precision, running out. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/thread.h"
#include "tests/base/peers.h"
#include "tests/support/check.h"
#include "tests/support/scratch.h"

static struct loop *epoll_create_or_fail(void)
{
    struct err e = {0};
    struct loop *l = loop_epoll_create(&e);

    CHECK(l);
    return l;
}

static void loop_now_is_the_monotonic_clock(void)
{
    struct loop *l = epoll_create_or_fail();
    uint64_t before = clock_mono_ns();

    run_for(l, NS_PER_MS);
    CHECK(loop_now(l) >= before + NS_PER_MS);
    CHECK(loop_now(l) <= clock_mono_ns());
    CHECK(!loop_is_simulated(l));
    loop_destroy(l);
}

/* A timer that re-arms itself every 500 us and notes by how much it was late. */
struct beat {
    struct timer timer;
    struct loop *loop;
    uint64_t late_ns[40];
    size_t n;
};

static int compare_u64(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

static void fire_beat(struct timer *t)
{
    struct beat *b = t->owner;

    b->late_ns[b->n++] = clock_mono_ns() - t->at_ns;
    if (b->n == 40)
        loop_stop(b->loop);
    else
        timer_arm(b->loop, t, clock_mono_ns() + 500 * NS_PER_US);
}

static void timers_are_never_early_and_mostly_late_by_less_than_half_a_millisecond(void)
{
    struct beat b = {.loop = epoll_create_or_fail()};

    timer_init(&b.timer, fire_beat, &b);
    timer_arm(b.loop, &b.timer, clock_mono_ns());
    loop_run(b.loop);
    qsort(b.late_ns, 40, sizeof b.late_ns[0], compare_u64);
    if (!getenv(
            "PM_WATCHED")) /* epoll_wait() alone would make it a millisecond; so does a sanitizer */
        CHECK_BETWEEN((double)b.late_ns[20], 0, 500e3);
    CHECK(b.late_ns[39] < NS_PER_S); /* an early one would have wrapped round */
    loop_destroy(b.loop);
}

/* Wakes from another thread. */

static void wake_thousand_times(void *owner)
{
    for (int i = 0; i < 1000; i++)
        loop_wake(owner);
}

struct woken {
    struct loop *loop;
    unsigned times;
};

static void on_wake(struct hook *h)
{
    struct woken *w = h->owner;

    w->times++;
}

static void another_thread_wakes_the_loop(void)
{
    struct woken w = {.loop = epoll_create_or_fail()};
    struct hook h = {.run = on_wake, .owner = &w};

    loop_on_wake(w.loop, &h);
    struct thread *t = thread_start("waker", wake_thousand_times, w.loop, NULL);
    CHECK(t);
    run_for(w.loop, 30 * NS_PER_MS);
    thread_join(t);
    run_for(w.loop, NS_PER_MS);
    CHECK_BETWEEN(w.times, 1, 1000);
    loop_destroy(w.loop);
}

/* Descriptors of others. */

struct pipe_watch {
    struct watch watch;
    struct loop *loop;
    struct pipe_watch *rival; /* unwatched, freed in effect, when this one is called */
    unsigned calls, what;
};

static void on_pipe(struct watch *w, unsigned what)
{
    struct pipe_watch *p = w->owner;
    char byte;

    p->calls++;
    p->what |= what;
    if (what & STREAM_READABLE)
        (void)!read(w->fd, &byte, 1);
    if (what & STREAM_WRITABLE)
        (void)loop_watch(p->loop, w, STREAM_READABLE, NULL);
    if (p->rival) {
        loop_unwatch(p->loop, &p->rival->watch);
        memset(&p->rival->watch, 0xa5, sizeof p->rival->watch);
    }
}

static void watch_init(struct pipe_watch *p, struct loop *l, int fd)
{
    *p = (struct pipe_watch){.loop = l, .watch = {.fd = fd, .ready = on_pipe}};
    p->watch.owner = p;
}

static void a_watched_pipe_tells_when_it_is_readable(void)
{
    struct loop *l = epoll_create_or_fail();
    struct pipe_watch p;
    int ends[2];

    if (!CHECK(pipe(ends) == 0))
        return;
    watch_init(&p, l, ends[0]);
    CHECK(loop_watch(l, &p.watch, STREAM_READABLE, NULL));
    run_for(l, NS_PER_MS);
    CHECK_U64(p.calls, 0);
    (void)!write(ends[1], "ab", 2);
    run_for(l, NS_PER_MS);
    CHECK_U64(p.calls, 2); /* one byte a call: level-triggered */
    CHECK(loop_watch(l, &p.watch, 0, NULL));
    (void)!write(ends[1], "c", 1);
    run_for(l, NS_PER_MS);
    CHECK_U64(p.calls, 2);
    CHECK(loop_watch(l, &p.watch, STREAM_READABLE, NULL));
    run_for(l, NS_PER_MS);
    CHECK_U64(p.calls, 3);
    loop_unwatch(l, &p.watch);
    loop_unwatch(l, &p.watch);
    (void)close(ends[0]);
    (void)close(ends[1]);
    loop_destroy(l);
}

static void the_interest_of_a_watch_can_be_changed_in_its_handler(void)
{
    struct loop *l = epoll_create_or_fail();
    struct pipe_watch p;
    int ends[2];

    if (!CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0))
        return;
    watch_init(&p, l, ends[0]);
    CHECK(loop_watch(l, &p.watch, STREAM_READABLE | STREAM_WRITABLE, NULL));
    run_for(l, NS_PER_MS);
    CHECK_U64(p.calls, 1);
    CHECK_U64(p.what, STREAM_WRITABLE);
    (void)close(ends[1]);
    p.calls = p.what = 0;
    run_for(l, NS_PER_US);
    CHECK(p.calls > 0);
    CHECK_U64(p.what, STREAM_READABLE);
    loop_unwatch(l, &p.watch);
    (void)close(ends[0]);
    loop_destroy(l);
}

static void an_unwatched_descriptor_of_the_same_batch_stays_silent(void)
{
    struct loop *l = epoll_create_or_fail();
    struct pipe_watch a, b;
    int one[2], two[2];

    if (!CHECK(pipe(one) == 0) || !CHECK(pipe(two) == 0))
        return;
    watch_init(&a, l, one[0]);
    watch_init(&b, l, two[0]);
    a.rival = &b;
    b.rival = &a;
    CHECK(loop_watch(l, &a.watch, STREAM_READABLE, NULL));
    CHECK(loop_watch(l, &b.watch, STREAM_READABLE, NULL));
    (void)!write(one[1], "x", 1);
    (void)!write(two[1], "x", 1);
    run_for(l, NS_PER_MS);
    CHECK_U64(a.calls + b.calls, 1);
    loop_unwatch(l, a.calls ? &a.watch : &b.watch);
    (void)close(one[0]);
    (void)close(one[1]);
    (void)close(two[0]);
    (void)close(two[1]);
    loop_destroy(l);
}

static void a_regular_file_cannot_be_watched(void)
{
    struct loop *l = epoll_create_or_fail();
    struct pipe_watch p;
    struct err e = {0};
    int fd = open(scratch_file(scratch_dir("loop_epoll"), "plain", "text"), O_RDONLY | O_CLOEXEC);

    watch_init(&p, l, fd);
    CHECK(!loop_watch(l, &p.watch, STREAM_READABLE, &e));
    CHECK_I64(e.code, EX_IO);
    CHECK_HAS(e.text, "cannot be watched");
    (void)close(fd);
    loop_destroy(l);
}

/* Sockets. */

static void a_reset_by_the_peer_is_broken_not_an_end(void)
{
    struct loop *l = epoll_create_or_fail();
    struct net_addr at = local_addr(0);
    struct peer server;

    peer_init(&server, l);
    struct listener *door = loop_listen(l, &at, peer_accept, &server, NULL);
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(listener_addr(door).port)};
    in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(connect(fd, (struct sockaddr *)&in, sizeof in) == 0);
    (void)!write(fd, "last words", 10);
    run_for(l, 5 * NS_PER_MS);
    struct linger now = {.l_onoff = 1, .l_linger = 0};
    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    (void)close(fd);
    run_for(l, 5 * NS_PER_MS);
    CHECK_MEM(server.got.p, server.got.n, "last words", 10);
    CHECK(server.broken);
    CHECK(!server.ended);
    CHECK_STR(server.error, "connection reset by peer");
    unsigned calls = server.readable;
    run_for(l, 5 * NS_PER_MS);
    CHECK_U64(server.readable, calls); /* told once, though it is still open */
    peer_fini(&server);
    loop_destroy(l);
}

/* What the peer has no room for waits in the kernel; a close alone would have it delivered some day. */
static void what_is_muted_and_closed_never_arrives(void)
{
    static unsigned char much[600u << 10];
    struct loop *l = epoll_create_or_fail();
    struct peer client, server;

    peer_init(&client, l);
    peer_init(&server, l);
    if (!CHECK(peers_meet(l, &client, &server)))
        return;
    CHECK(!stream_owes(client.s));
    stream_pause(server.s, true);
    fill_pattern(much, sizeof much, 1);
    peer_give(&client, much, sizeof much);
    run_for(l, 50 * NS_PER_MS);
    CHECK_U64(client.give.n, 0);  /* the kernel took it all, */
    CHECK(stream_owes(client.s)); /* and could not send it */
    stream_mute(client.s);
    peer_hang_up(&client);
    run_for(l, 20 * NS_PER_MS);
    stream_pause(server.s, false);
    run_for(l, 50 * NS_PER_MS);
    CHECK(server.broken && !server.ended);
    CHECK(server.got.n < sizeof much);
    peer_fini(&client);
    peer_fini(&server);
    loop_destroy(l);
}

static void an_idle_connection_costs_no_wakeups(void)
{
    struct loop *l = epoll_create_or_fail();
    struct peer client, server;
    struct woken w = {.loop = l};
    struct hook h = {.run = on_wake, .owner = &w};

    if (!CHECK(peers_meet(l, &client, &server)))
        return;
    loop_before_sleep(l, &h);
    stream_pause(client.s, true);
    peer_hang_up(&server); /* paused, ended, nothing to write: it must not spin */
    run_for(l, 10 * NS_PER_MS);
    CHECK_BETWEEN(w.times, 1, 60);
    CHECK_U64(client.writable, 0);
    CHECK_U64(client.readable, 0);
    loop_unhook(l, &h);
    peer_fini(&client);
    peer_fini(&server);
    loop_destroy(l);
}

static unsigned accepted;

static void count_and_close(void *owner, struct stream *s)
{
    (void)owner;
    accepted++;
    stream_close(s);
}

static void out_of_descriptors_the_listener_rests_and_comes_back(void)
{
    struct loop *l = epoll_create_or_fail();
    struct net_addr at = local_addr(0);
    struct rlimit old, tight;
    struct woken w = {.loop = l};
    struct hook h = {.run = on_wake, .owner = &w};
    struct listener *door = loop_listen(l, &at, count_and_close, NULL, NULL);
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(listener_addr(door).port)};

    accepted = 0;
    in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    (void)getrlimit(RLIMIT_NOFILE, &old);
    tight = old;
    tight.rlim_cur = (rlim_t)fd + 1; /* the next descriptor is one too many */
    CHECK(setrlimit(RLIMIT_NOFILE, &tight) == 0);
    CHECK(connect(fd, (struct sockaddr *)&in, sizeof in) == 0);
    loop_before_sleep(l, &h);
    run_for(l, 50 * NS_PER_MS);
    CHECK_U64(accepted, 0);
    CHECK_BETWEEN(w.times, 1, 60); /* it did not spin */
    (void)setrlimit(RLIMIT_NOFILE, &old);
    run_for(l, 100 * NS_PER_MS);
    CHECK_U64(accepted, 1);
    loop_unhook(l, &h);
    (void)close(fd);
    listener_close(door);
    loop_destroy(l);
}

static void version_six_works_too(void)
{
    struct loop *l = epoll_create_or_fail();
    struct guard g = {0};
    struct net_addr at = {.family = 6, .ip = {[15] = 1}};
    struct peer client, server;

    peer_init(&client, l);
    peer_init(&server, l);
    struct err e = {0};
    struct listener *door = loop_listen(l, &at, peer_accept, &server, &e);
    if (!door) { /* a machine without IPv6 */
        CHECK_HAS(e.text, "cannot listen on [::1]");
        loop_destroy(l);
        return;
    }
    at = listener_addr(door);
    client.s = loop_connect(l, &g, &at, peer_ready, &client, NULL);
    peer_give(&client, "six", 3);
    run_for(l, 10 * NS_PER_MS);
    CHECK_MEM(server.got.p, server.got.n, "six", 3);
    CHECK_U64(server.s->peer.family, 6);
    peer_fini(&client);
    peer_fini(&server);
    listener_close(door);
    loop_destroy(l);
}

static void ten_thousand_connections_in_a_row_leave_nothing_behind(void)
{
    struct loop *l = epoll_create_or_fail();
    struct guard g = {0};
    struct net_addr at = local_addr(0);
    struct listener *door = loop_listen(l, &at, count_and_close, NULL, NULL);
    struct peer client;
    unsigned over = 0;

    accepted = 0;
    at = listener_addr(door);
    for (int i = 0; i < 10000; i++) {
        peer_init(&client, l);
        client.stop_at_end = true;
        client.s = loop_connect(l, &g, &at, peer_ready, &client, NULL);
        if (!CHECK(client.s))
            break;
        loop_run(l);
        over += client.ended;
        peer_fini(&client);
    }
    CHECK_U64(accepted, 10000);
    CHECK_U64(over, 10000);
    int next = dup(0);
    CHECK_BETWEEN(next, 3, 30); /* low: no descriptor was lost */
    (void)close(next);
    loop_destroy(l);
}

struct crowd {
    struct loop *loops[2];
    unsigned came[2];
};

struct gate {
    struct crowd *crowd;
    unsigned i;
};

static void ignore_stream(struct stream *s, unsigned what)
{
    (void)s, (void)what;
}

static void count_in(void *owner, struct stream *s)
{
    struct gate *g = owner;

    g->crowd->came[g->i]++;
    s->ready = ignore_stream;
    stream_pause(s, true);
}

static void two_loops_share_the_callers_of_one_address(void)
{
    static const struct guard nobody = {0};
    struct crowd c = {.loops = {epoll_create_or_fail(), epoll_create_or_fail()}};
    struct gate gates[2] = {{&c, 0}, {&c, 1}};
    struct net_addr at = {.family = 4, .ip = {127, 0, 0, 1}};
    struct err e = {0};

    for (unsigned i = 0; i < 2; i++) {
        struct listener *ls = loop_listen_shared(c.loops[i], &at, count_in, &gates[i], &e);

        CHECK(ls);
        at = listener_addr(ls);
    }
    CHECK(!loop_listen(c.loops[0], &at, count_in, &gates[0], &e));
    CHECK_HAS(e.text, "address already in use");
    for (unsigned i = 0; i < 200; i++)
        CHECK(loop_connect(c.loops[0], &nobody, &at, ignore_stream, &c, &e));
    for (unsigned i = 0; i < 100 && c.came[0] + c.came[1] < 200; i++)
        for (unsigned k = 0; k < 2; k++)
            run_for(c.loops[k], NS_PER_MS);
    CHECK_U64(c.came[0] + c.came[1], 200);
    CHECK(c.came[0] > 0 && c.came[1] > 0);
    loop_destroy(c.loops[0]);
    loop_destroy(c.loops[1]);
}

static const struct test tests[] = {
    TEST(loop_now_is_the_monotonic_clock),
    TEST(timers_are_never_early_and_mostly_late_by_less_than_half_a_millisecond),
    TEST(another_thread_wakes_the_loop),
    TEST(a_watched_pipe_tells_when_it_is_readable),
    TEST(the_interest_of_a_watch_can_be_changed_in_its_handler),
    TEST(an_unwatched_descriptor_of_the_same_batch_stays_silent),
    TEST(a_regular_file_cannot_be_watched),
    TEST(a_reset_by_the_peer_is_broken_not_an_end),
    TEST(what_is_muted_and_closed_never_arrives),
    TEST(an_idle_connection_costs_no_wakeups),
    TEST(out_of_descriptors_the_listener_rests_and_comes_back),
    TEST(version_six_works_too),
    TEST(two_loops_share_the_callers_of_one_address),
    TEST(ten_thousand_connections_in_a_row_leave_nothing_behind),
    TEST_END,
};

const struct suite loop_epoll_suite = {"loop_epoll", tests};
