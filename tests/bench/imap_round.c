/* imap_round.c - profile, plan, journal, correlator, libcurl's dialler and one IMAP probe on the caller's thread. */
#include "tests/bench/imap_round.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/dial_curl.h"
#include "app/plan.h"
#include "base/clock.h"
#include "probes/correlate.h"
#include "profiles/profile.h"
#include "wire/smtp_text.h"

#define ARENA   (64u << 20)
#define LIMIT_S 300u /* a mailbox that is not read by then never will be */

struct imap_bench {
    char dir[200];
    struct arena *arena;
    struct plan plan;
    struct profile *profile;
    struct smtp_corpus *corpus;
    struct smtp_text text;
    unsigned char *seen; /* a bit a message */
};

struct round {
    struct imap_bench *b;
    struct loop *loop;
    struct probe *probe;
    struct journal_sink sink;
    struct timer limit;
    uint64_t copies, twice, corrupt, scans, others;
    uint64_t from_ns, cpu_ns;
    struct bench_shot *shot;
};

static const char *write_profile(const struct imap_bench *b, uint64_t messages, uint32_t body_bytes)
{
    static char path[300];

    (void)snprintf(path, sizeof path, "%s/imap.yaml", b->dir);
    FILE *f = fopen(path, "we");

    if (!f)
        bench_fail("%s cannot be written", path);
    (void)fprintf(f,
                  "schema: 1\n"
                  "servers: {m: {smtp: '127.0.0.1:1', imap: '127.0.0.1:1', imap_tls: none}}\n"
                  "mailboxes:\n"
                  "  reader: {count: 1, home: m, address: '{name}@bench.test', password: x}\n"
                  "  writers: {count: 8, home: m, address: '{name}@bench.test', password: x}\n"
                  "load:\n"
                  "  flood: {protocol: smtp, via: m, from: writers, to: reader, rate: 1000000/s,\n"
                  "          duration: %lluus, size: %u}\n"
                  "probes:\n"
                  "  stores: {type: imap, period: 1h}\n"
                  "safety: {domains: [bench.test], max_messages: 10000000, max_rate: 1000000/s}\n",
                  (unsigned long long)messages, body_bytes);
    (void)fclose(f);
    return path;
}

struct imap_bench *imap_bench_create(const char *dir, uint64_t messages, uint32_t body_bytes)
{
    struct imap_bench *b = calloc(1, sizeof *b);
    struct err e = {0};

    PM_ASSERT(b);
    (void)snprintf(b->dir, sizeof b->dir, "%s", dir);
    const struct profile_request rq = {.path = write_profile(b, messages, body_bytes)};

    b->arena = arena_create(ARENA);
    b->profile = profile_load(b->arena, &rq, &e);
    if (!b->profile || !plan_make(&b->plan, b->arena, b->profile, 1, &e))
        bench_fail("%s", e.text);
    b->corpus = smtp_corpus_create(b->profile->seed);
    b->seen = calloc(1, b->plan.work->planned / 8 + 1);
    PM_ASSERT(b->corpus && b->seen && b->plan.work->planned == messages);
    return b;
}

void imap_bench_destroy(struct imap_bench *b)
{
    smtp_corpus_destroy(b->corpus);
    arena_destroy(b->arena);
    free(b->seen);
    free(b);
}

void imap_bench_compose(struct imap_bench *b, uint64_t number, struct buf *out)
{
    struct msg m = workload_message(b->plan.work, number);
    const struct mailbox *boxes = b->profile->site.mailboxes;
    struct slice to = slice_of(boxes[m.to[0]].address);
    const struct smtp_text_order order = {.number = number,
                                          .key = &b->plan.key,
                                          .from = slice_of(boxes[m.from].address),
                                          .to = &to,
                                          .recipients = 1,
                                          .subject = slice_of("bench"),
                                          .body_bytes = m.body_bytes,
                                          .date_s = 883699200};
    uint64_t at = 0;

    PM_ASSERT(smtp_text_compose(&b->text, b->corpus, &order));
    while (at < smtp_text_bytes(&b->text, false)) {
        struct iovec iov[16];
        int n = smtp_text_iov(&b->text, false, at, iov, 16);

        for (int i = 0; i < n; i++) {
            PM_ASSERT(buf_add(out, iov[i].iov_base, iov[i].iov_len));
            at += iov[i].iov_len;
        }
    }
}

/* ---- what the probe says ---- */

static void take_seen(struct round *r, const struct event *ev)
{
    uint64_t number = ev->slot / r->b->plan.work->stride;
    unsigned char bit = (unsigned char)(1u << number % 8);

    r->copies++;
    r->twice += (r->b->seen[number / 8] & bit) != 0;
    r->corrupt += (ev->code & SEEN_CORRUPT) != 0;
    r->b->seen[number / 8] |= bit;
}

static void take_block(struct journal_sink *s, const struct event *events, uint32_t count)
{
    struct round *r = s->owner;

    for (uint32_t i = 0; i < count; i++)
        if (events[i].kind == EV_SEEN)
            take_seen(r, &events[i]);
        else if (events[i].kind == EV_SCAN)
            r->scans++;
        else
            r->others++;
}

static void on_scanned(struct probe *p)
{
    struct round *r = p->owner;

    if (p->refused)
        bench_fail("the mailbox cannot be read: %s", p->why);
    r->shot->ns = clock_mono_ns() - r->from_ns;
    r->shot->ask_cpu_ns = cpu_thread_ns() - r->cpu_ns;
    loop_stop(r->loop);
}

static void on_limit(struct timer *t)
{
    (void)t;
    bench_fail("the mailbox was not read within %u s", LIMIT_S);
}

static void on_canary(void *owner, uint64_t number)
{
    (void)owner;
    (void)number;
}

/* ---- a round ---- */

static void read_all(struct round *r, struct probe_context *c, const struct imap_order *o)
{
    struct profile *p = r->b->profile;
    struct probe_profile how = p->probes[0];
    struct err e = {0};

    how.content = o->content;
    p->site.servers[0].imap.addr = o->at;
    p->site.mailboxes[0].user = o->user;
    p->site.mailboxes[0].password = o->password;
    timer_init(&r->limit, on_limit, r);
    timer_arm(r->loop, &r->limit, loop_now(r->loop) + LIMIT_S * NS_PER_S);
    r->from_ns = clock_mono_ns();
    r->cpu_ns = cpu_thread_ns();
    r->probe = probe_imap.open(c, &how, 0, 0, &e);
    if (!r->probe)
        bench_fail("%s", e.text);
    r->probe->scanned = on_scanned;
    r->probe->owner = r;
    loop_run(r->loop);
    probe_imap.close(r->probe);
    timer_disarm(r->loop, &r->limit);
}

static void check(const struct round *r)
{
    uint64_t want = r->b->plan.work->planned;

    if (r->copies != want || r->twice != 0 || r->corrupt != 0 || r->scans != 1 || r->others != 0)
        bench_fail("of %llu messages %llu were seen, %llu of them again, %llu corrupt; %llu scans, "
                   "%llu other events",
                   (unsigned long long)want, (unsigned long long)r->copies,
                   (unsigned long long)r->twice, (unsigned long long)r->corrupt,
                   (unsigned long long)r->scans, (unsigned long long)r->others);
    r->shot->messages = want;
}

void imap_round(struct imap_bench *b, const struct imap_order *o, struct bench_shot *shot)
{
    static const struct guard loopback_only;
    struct round r = {.b = b, .shot = shot, .sink = {.block = take_block, .owner = &r}};
    struct err e = {0};
    char file[300];

    *shot = (struct bench_shot){0};
    memset(b->seen, 0, b->plan.work->planned / 8 + 1);
    r.loop = loop_epoll_create(&e);
    PM_ASSERT(r.loop);
    struct run_clock clock = {
        .origin_ns = loop_now(r.loop), .wall_ns = clock_wall_ns(), .scale = 1};
    struct curl_loop *curl = curl_loop_create(r.loop, &e);
    struct probe_context c = {.loop = r.loop,
                              .clock = &clock,
                              .work = b->plan.work,
                              .journal = journal_create(b->dir, 0, 1, &r.sink, &e),
                              .key = &b->plan.key,
                              .corpus = b->corpus,
                              .dial = curl ? dial_curl_create(curl, &loopback_only, &e) : NULL};
    c.correlate = correlate_create(&c, on_canary, NULL);
    if (!c.journal || !c.dial || !c.correlate)
        bench_fail("%s", e.text);
    read_all(&r, &c, o);
    if (!journal_close(c.journal, &e))
        bench_fail("%s", e.text);
    check(&r);
    correlate_destroy(c.correlate);
    dial_curl_destroy(c.dial);
    curl_loop_destroy(curl);
    loop_destroy(r.loop);
    (void)snprintf(file, sizeof file, "%s/0000.mpj", b->dir);
    (void)unlink(file);
    (void)snprintf(file, sizeof file, "%s/imap.yaml", b->dir);
    (void)unlink(file);
}
