/* echo.c - one thread asks, one answers; the loop is the one that carries the mail. */
#include "tests/bench/echo.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

#define BLOCK 65536u

struct echo;

struct end { /* of a connection, either half */
    struct echo *echo;
    struct stream *s;
    size_t got; /* of what is awaited */
};

struct echo {
    const struct echo_order *o;
    struct side answering;
    struct loop *asking;
    struct listener *door;
    struct end *ends; /* the asking half's */
    struct end *others;
    uint32_t others_n;
    uint64_t asked, answered;
    unsigned char *octets;
};

static void put(struct end *e, size_t n)
{
    if (stream_write(e->s, e->echo->octets, n) != (long)n)
        bench_fail("echo: a write was not taken whole");
}

/* Reads once; how many units of `unit` octets are complete. */
static size_t take(struct end *e, size_t unit)
{
    unsigned char block[BLOCK];
    long n = stream_read(e->s, block, sizeof block);

    if (n == STREAM_AGAIN)
        return 0;
    if (n <= 0)
        return 0; /* the asking half is done */
    e->got += (size_t)n;
    size_t units = e->got / unit;

    e->got %= unit;
    return units;
}

static void ask(struct end *e)
{
    struct echo *x = e->echo;

    if (x->asked == x->o->messages)
        return;
    x->asked++;
    put(e, x->o->ask);
}

static void asking_ready(struct stream *s, unsigned what)
{
    struct end *e = s->owner;
    struct echo *x = e->echo;

    if (what & STREAM_WRITABLE)
        ask(e);
    if (!(what & STREAM_READABLE))
        return;
    for (size_t n = take(e, x->o->answer); n > 0; n--) {
        x->answered++;
        ask(e);
    }
    if (x->answered == x->o->messages)
        loop_stop(x->asking);
}

static void answering_ready(struct stream *s, unsigned what)
{
    struct end *e = s->owner;

    if (what & STREAM_READABLE)
        for (size_t n = take(e, e->echo->o->ask); n > 0; n--)
            put(e, e->echo->o->answer);
}

static void answering_accept(void *owner, struct stream *s)
{
    struct echo *x = owner;

    PM_ASSERT(x->others_n < x->o->sockets);
    struct end *e = &x->others[x->others_n++];

    *e = (struct end){.echo = x, .s = s};
    s->ready = answering_ready;
    s->owner = e;
}

static void open_both(struct echo *x)
{
    static const struct guard loopback_only = {0};
    struct net_addr at, to;
    struct err e;

    PM_ASSERT(net_parse(&at, "127.0.0.1:0", 0, &e));
    x->asking = loop_epoll_create(&e);
    x->answering.loop = loop_epoll_create(&e);
    PM_ASSERT(x->asking && x->answering.loop);
    x->door = loop_listen(x->answering.loop, &at, answering_accept, x, &e);
    PM_ASSERT(x->door);
    to = listener_addr(x->door);
    for (uint32_t i = 0; i < x->o->sockets; i++) {
        x->ends[i].echo = x;
        x->ends[i].s = loop_connect(x->asking, &loopback_only, &to, asking_ready, &x->ends[i], &e);
        PM_ASSERT(x->ends[i].s);
    }
}

void echo_run(const struct echo_order *o, struct bench_shot *shot)
{
    struct echo x = {.o = o};
    size_t most = o->ask > o->answer ? o->ask : o->answer;

    x.ends = calloc(o->sockets, sizeof *x.ends);
    x.others = calloc(o->sockets, sizeof *x.others);
    x.octets = calloc(1, most);
    PM_ASSERT(x.ends && x.others && x.octets);
    open_both(&x);
    side_start(&x.answering, "echo");
    uint64_t cpu = cpu_thread_ns(), all = cpu_process_ns(), from = clock_mono_ns();

    loop_run(x.asking);
    *shot = (struct bench_shot){.messages = x.answered,
                                .ns = clock_mono_ns() - from,
                                .ask_cpu_ns = cpu_thread_ns() - cpu,
                                .all_cpu_ns = cpu_process_ns() - all};
    side_stop(&x.answering);
    shot->answer_cpu_ns = x.answering.cpu_ns;
    loop_destroy(x.asking);
    loop_destroy(x.answering.loop);
    free(x.ends);
    free(x.others);
    free(x.octets);
}
