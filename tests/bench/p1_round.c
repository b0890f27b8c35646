/* p1_round.c - profile, plan, journal, book, sender: the parts of a run that a message passes, and none of the rest. */
#include "tests/bench/p1_round.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/book.h"
#include "app/plan.h"
#include "base/clock.h"
#include "loadgen/sender.h"
#include "probes/p1_host.h"
#include "profiles/profile.h"
#include "wire/smtp_text.h"

#define ARENA      (256u << 20)
#define SLOT_BYTES 32.0 /* results/ledger.h */

struct round {
    const struct p1_order *o;
    struct side sink;
    struct p1_host *host;
    struct arena *arena;
    struct plan plan;
    struct book *book;
    struct journal *journal;
    struct smtp_corpus *corpus;
    struct loop *loop;
    struct run_clock clock;
    struct sender *sender;
    uint64_t from_ns, cpu_ns, all_cpu_ns;
    struct bench_shot *shot;
};

/* --- the sink ----------------------------------------------------------------------------------------------------- */

static enum p1_verdict take(void *owner, struct p1_caller *from, struct slice apdu)
{
    (void)owner;
    (void)from;
    (void)apdu;
    return P1_TAKE;
}

static void open_sink(struct round *r)
{
    struct net_addr at;
    struct err e;

    PM_ASSERT(net_parse(&at, "127.0.0.1:0", 0, &e));
    r->sink.loop = loop_epoll_create(&e);
    PM_ASSERT(r->sink.loop);
    r->host = p1_host_listen(&(struct p1_host_config){.loop = r->sink.loop, .apdu = take}, &at, &e);
    if (!r->host)
        bench_fail("%s", e.text);
}

/* --- the run ------------------------------------------------------------------------------------------------------ */

static const char *write_profile(const struct round *r)
{
    static char path[300];
    char at[NET_TEXT];
    struct net_addr sink = p1_host_addr(r->host);

    (void)snprintf(path, sizeof path, "%s/bench.yaml", r->o->dir);
    FILE *f = fopen(path, "we");

    if (!f)
        bench_fail("%s cannot be written", path);
    (void)fprintf(f,
                  "schema: 1\n"
                  "servers: {m: {p1: '%s', imap: '127.0.0.1:1'}}\n"
                  "x400: {mode: %s, checkpoint: 0, address: 'c=US;a= ;p=BENCH;s={local}'}\n"
                  "mailboxes:\n"
                  "  readers: {count: 64, home: m, address: '{name}@bench.test', password: x}\n"
                  "  writers: {count: 8, home: m, address: '{name}@bench.test', password: x}\n"
                  "load:\n"
                  "  flood: {protocol: p1, via: m, from: writers, to: readers, rate: 1000000/s,\n"
                  "          duration: %lluus, size: %u, threads: 1, connections: %u}\n"
                  "safety: {domains: [bench.test], max_messages: 10000000, max_rate: 1000000/s}\n",
                  net_print(&sink, at), r->o->mode, (unsigned long long)r->o->messages,
                  r->o->body_bytes, r->o->associations);
    (void)fclose(f);
    return path;
}

static void open_run(struct round *r)
{
    const struct profile_request rq = {.path = write_profile(r)};
    struct err e = {0};

    r->arena = arena_create(ARENA);
    struct profile *p = profile_load(r->arena, &rq, &e);

    if (!p || !plan_make(&r->plan, r->arena, p, 1, &e))
        bench_fail("%s", e.text);
    p->site.servers[0].p1.at.addr = p1_host_addr(r->host);
    r->corpus = smtp_corpus_create(1);
    r->loop = loop_epoll_create(&e);
    r->book = book_create(&r->plan.manifest, true, &e);
    struct journal_sink *blocks = r->book ? book_writer(r->book, &e) : NULL;

    r->journal = blocks ? journal_create(r->o->dir, 0, 1, blocks, &e) : NULL;
    if (!r->journal || !r->loop || !book_sync(blocks, r->journal, &e) || !book_begin(r->book, &e))
        bench_fail("%s", e.text);
}

static void on_idle(void *owner)
{
    struct round *r = owner;

    r->shot->ns = clock_mono_ns() - r->from_ns;
    r->shot->ask_cpu_ns = cpu_thread_ns() - r->cpu_ns;
    r->shot->all_cpu_ns = cpu_process_ns() - r->all_cpu_ns;
    r->shot->rss_after_kb = rss_kb();
    loop_stop(r->loop);
}

static void on_armed(void *owner, const struct err *e)
{
    struct round *r = owner;

    if (e)
        bench_fail("%s", e->text);
    r->shot->rss_before_kb = rss_kb();
    r->from_ns = clock_mono_ns();
    r->cpu_ns = cpu_thread_ns();
    r->all_cpu_ns = cpu_process_ns();
    r->clock =
        (struct run_clock){.origin_ns = loop_now(r->loop), .wall_ns = clock_wall_ns(), .scale = 1};
    sender_start(r->sender);
}

static void send_all(struct round *r)
{
    static struct tls_context *no_tls[4];
    const struct sender_context c = {.loop = r->loop,
                                     .clock = &r->clock,
                                     .work = r->plan.work,
                                     .journal = r->journal,
                                     .key = &r->plan.key,
                                     .corpus = r->corpus,
                                     .tls = no_tls,
                                     .threads = 1,
                                     .idle = on_idle,
                                     .owner = r};
    struct err e;

    r->clock = (struct run_clock){.origin_ns = NEVER_NS, .scale = 1};
    r->sender = sender_create(&c, &e);
    if (!r->sender)
        bench_fail("%s", e.text);
    sender_arm(r->sender, on_armed);
    loop_run(r->loop);
    sender_destroy(r->sender);
}

/* The account: what the ledger knows, and what the host saw. */
static void check(struct round *r)
{
    struct err e;

    if (!journal_close(r->journal, &e))
        bench_fail("%s", e.text);
    struct ledger_counts c = ledger_counts(book_close(r->book));
    const struct p1_host_counts *h = p1_host_counts(r->host);
    uint64_t want = r->plan.work->planned;

    if (c.attempted != want || c.accepted != want || h->taken != want || h->apdus != want)
        bench_fail(
            "of %llu messages %llu were attempted, %llu accepted; the sink took %llu of %llu",
            (unsigned long long)want, (unsigned long long)c.attempted,
            (unsigned long long)c.accepted, (unsigned long long)h->taken,
            (unsigned long long)h->apdus);
    r->shot->messages = want;
    r->shot->account_kb = (double)want * r->plan.work->stride * SLOT_BYTES / 1024;
    r->shot->octets = h->octets / want;
}

void p1_round(const struct p1_order *o, struct bench_shot *shot)
{
    struct round r = {.o = o, .shot = shot};

    *shot = (struct bench_shot){0};
    open_sink(&r);
    open_run(&r);
    side_start(&r.sink, "sink");
    send_all(&r);
    side_stop(&r.sink);
    shot->answer_cpu_ns = r.sink.cpu_ns;
    check(&r);
    p1_host_close(r.host);
    loop_destroy(r.sink.loop);
    loop_destroy(r.loop);
    book_destroy(r.book);
    smtp_corpus_destroy(r.corpus);
    arena_destroy(r.arena);
}

/* --- octets on the wire ------------------------------------------------------------------------------------------- */

static size_t carry(struct association *from, struct association *to)
{
    struct slice said = association_output(from), in = said;
    struct assoc_event ev;

    while (in.n > 0 && association_hear(to, &in, &ev) != ASSOC_MORE) {
        if (ev.news == ASSOC_ASKED)
            association_accept(to, slice_from("\xb1\x02\x05\x00", 4));
        if (ev.news == ASSOC_RECEIVED)
            (void)association_confirm(to);
    }
    association_gave(from, said.n);
    return said.n;
}

void p1_wire_octets(const char *mode, size_t apdu, size_t *there, size_t *back)
{
    struct association_config c = {.initiator = true,
                                   .mode = strcmp(mode, "normal") == 0 ? STACK_NORMAL : STACK_1984,
                                   .bind = slice_from("\xb0\x02\x05\x00", 4)};
    struct association *a = association_create(&c);
    struct association *b = association_create(&(struct association_config){0});
    unsigned char *octets = calloc(1, apdu);

    PM_ASSERT(a && b && octets);
    association_begin(a);
    association_begin(b);
    for (unsigned i = 0; i < 4; i++) {
        (void)carry(a, b);
        (void)carry(b, a);
    }
    PM_ASSERT(association_can_send(a));
    octets[0] = 0xa0;
    association_send(a, slice_from(octets, apdu), 0);
    *there = carry(a, b);
    *back = carry(b, a);
    association_destroy(a);
    association_destroy(b);
    free(octets);
}
