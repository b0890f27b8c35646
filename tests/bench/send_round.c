/* send_round.c - profile, plan, journal, book, sender: what a message passes on its way out, and none of the rest of a run.
 *
 * One thread sends and one keeps the book, as in a run. Nothing counts before all is armed: the CPU of both threads is that
 * from the first message due until the ledger knows how all of them ended.
 */
#include "tests/bench/send_round.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <sys/resource.h>

#include "app/book.h"
#include "app/plan.h"
#include "base/clock.h"
#include "loadgen/sender.h"
#include "profiles/profile.h"
#include "tests/bench/side.h"
#include "wire/smtp_text.h"

#define ARENA     (64u << 20)
#define AT_ONCE   1e9             /* messages a second */
#define STALL_NS  (20 * NS_PER_S) /* nothing was sent for so long: it hangs */
#define LOOK_NS   NS_PER_S
#define PATH_ROOM 300

struct cpu {
    uint64_t user_ns, system_ns;
};

struct round {
    const struct send_order *o;
    struct send_shot *shot;
    struct arena *arena;
    struct plan plan;
    struct book *book;
    struct journal *journal;
    struct smtp_corpus *corpus;
    struct loop *loop;
    struct tls_context *tls[2];
    struct run_clock clock;
    struct sender *sender;
    struct timer watch;
    uint64_t from_ns, sender_ns, last_sent, last_ns;
    struct cpu before;
};

static uint64_t ns_of(struct timeval t)
{
    return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_usec * NS_PER_US;
}

static struct cpu cpu_now(void)
{
    struct rusage u;

    PM_ASSERT(getrusage(RUSAGE_SELF, &u) == 0);
    return (struct cpu){ns_of(u.ru_utime), ns_of(u.ru_stime)};
}

/* --- what a run brings --------------------------------------------------------------------------------------------- */

static void write_site(const struct send_order *o, FILE *f)
{
    (void)fprintf(f, "schema: 1\nservers: {m: {%s: '%s', %s: %s, imap: '127.0.0.1:1'",
                  o->lmtp ? "lmtp" : "smtp", o->to, o->lmtp ? "lmtp_tls" : "tls", o->tls);
    if (strcmp(o->tls, "none") != 0)
        (void)fprintf(f, ", tls_tickets: %s, %s: %s", o->no_tickets ? "no" : "yes",
                      o->ca_file ? "ca_file" : "insecure", o->ca_file ? o->ca_file : "yes");
    (void)fprintf(f, "}}\nmailboxes:\n"
                     "  readers: {count: 64, home: m, address: '{name}@bench.test', password: x}\n"
                     "  writers: {count: 8, home: m, address: '{name}@bench.test', password: x}\n");
}

static const char *write_profile(const struct send_order *o)
{
    static char path[PATH_ROOM];

    (void)snprintf(path, sizeof path, "%s/bench.yaml", o->dir);
    FILE *f = fopen(path, "we");

    if (!f)
        bench_fail("%s cannot be written", path);
    write_site(o, f);
    (void)fprintf(
        f,
        "load:\n  flood: {protocol: %s, via: m, from: writers, to: readers, size: %u, "
        "mode: %s, window: %u,\n"
        "          connections: %u, messages_per_connection: %u, duration: 1s, rate: 1000/s}\n",
        o->lmtp ? "lmtp" : "smtp", o->size, o->mode, o->window, o->connections, o->per_connection);
    (void)fprintf(f, "safety: {domains: [bench.test], max_rate: 1000000/s}\n");
    (void)fclose(f);
    return path;
}

/* Not in the profile, whose guards would refuse it: so fast that a message is due as soon as it can be sent. */
static void set_load(const struct send_order *o, struct load_profile *l)
{
    l->rate = o->rate > 0 ? o->rate : AT_ONCE;
    l->duration_ns = (uint64_t)llround((double)o->messages / l->rate * 1e9);
}

static void open_book(struct round *r)
{
    struct err e = {0};

    r->book = book_create(&r->plan.manifest, true, &e);
    struct journal_sink *blocks = r->book ? book_writer(r->book, &e) : NULL;

    r->journal = blocks ? journal_create(r->o->dir, 0, 1, blocks, &e) : NULL;
    if (!r->journal || !book_sync(blocks, r->journal, &e) || !book_begin(r->book, &e))
        bench_fail("%s", e.text);
}

static void open_run(struct round *r)
{
    const struct profile_request rq = {.path = write_profile(r->o)};
    struct err e = {0};

    r->arena = arena_create(ARENA);
    struct profile *p = profile_load(r->arena, &rq, &e);

    if (!p)
        bench_fail("%s", e.text);
    set_load(r->o, &p->loads[0]);
    if (!net_parse(&p->site.servers[0].smtp.addr, r->o->to, 0, &e) ||
        !plan_make(&r->plan, r->arena, p, 1, &e))
        bench_fail("%s", e.text);
    p->site.servers[0].lmtp.addr = p->site.servers[0].smtp.addr;
    r->corpus = smtp_corpus_create(1);
    r->loop = loop_epoll_create(&e);
    if (!r->corpus || !r->loop)
        bench_fail("%s", e.text);
    if (r->o->account)
        open_book(r);
    if (strcmp(r->o->tls, "none") == 0)
        return;
    r->tls[0] = tls_client_create(r->o->ca_file, !r->o->ca_file, &e);
    if (!r->tls[0])
        bench_fail("%s", e.text);
    tls_context_tickets(r->tls[0], !r->o->no_tickets);
}

/* --- the flood ----------------------------------------------------------------------------------------------------- */

static void on_idle(void *owner)
{
    struct round *r = owner;

    r->shot->wall_ns = clock_mono_ns() - r->from_ns;
    r->shot->sender_ns = cpu_thread_ns() - r->sender_ns;
    loop_stop(r->loop);
}

static void on_armed(void *owner, const struct err *e)
{
    struct round *r = owner;

    if (e)
        bench_fail("%s", e->text);
    r->before = cpu_now();
    r->from_ns = clock_mono_ns();
    r->sender_ns = cpu_thread_ns();
    r->clock =
        (struct run_clock){.origin_ns = loop_now(r->loop), .wall_ns = clock_wall_ns(), .scale = 1};
    sender_start(r->sender);
}

/* A stalled window looks like a slow one. */
static void on_watch(struct timer *t)
{
    struct round *r = t->owner;
    uint64_t now = loop_now(r->loop), sent = sender_health(r->sender)->sent;

    if (sent != r->last_sent)
        r->last_ns = now;
    r->last_sent = sent;
    if (now - r->last_ns > STALL_NS)
        bench_fail("nothing was sent for 20 s: %llu of %llu begun, %llu connections made",
                   (unsigned long long)sent, (unsigned long long)r->o->messages,
                   (unsigned long long)sender_health(r->sender)->connects);
    timer_arm(r->loop, t, now + LOOK_NS);
}

static void keep_health(struct round *r)
{
    static const double quantiles[] = {0.5, 0.99, 0.999, 1};
    const struct sender_health *h = sender_health(r->sender);

    r->shot->messages = h->sent;
    r->shot->connects = h->connects;
    for (unsigned i = 0; i < 4; i++)
        r->shot->late_us[i] = hist_quantile(&h->lateness, quantiles[i]);
}

static void send_all(struct round *r)
{
    const struct sender_context c = {.loop = r->loop,
                                     .clock = &r->clock,
                                     .work = r->plan.work,
                                     .journal = r->journal,
                                     .key = &r->plan.key,
                                     .corpus = r->corpus,
                                     .tls = r->tls,
                                     .threads = 1,
                                     .idle = on_idle,
                                     .owner = r};
    struct err e;

    r->clock = (struct run_clock){.origin_ns = NEVER_NS, .scale = 1};
    r->sender = sender_create(&c, &e);
    if (!r->sender)
        bench_fail("%s", e.text);
    timer_init(&r->watch, on_watch, r);
    r->last_ns = loop_now(r->loop);
    timer_arm(r->loop, &r->watch, r->last_ns + LOOK_NS);
    sender_arm(r->sender, on_armed);
    loop_run(r->loop);
    timer_disarm(r->loop, &r->watch);
    keep_health(r);
    sender_destroy(r->sender);
}

/* --- the account --------------------------------------------------------------------------------------------------- */

static void close_account(struct round *r)
{
    struct send_shot *shot = r->shot;
    struct err e;

    if (r->o->account) {
        if (!journal_close(r->journal, &e))
            bench_fail("%s", e.text);
        struct ledger_counts c = ledger_counts(book_close(r->book));

        shot->attempted = c.attempted;
        shot->accepted = c.accepted;
        shot->refused = c.refused;
        shot->doubt = c.doubt;
        shot->aborted = c.aborted;
    }
    struct cpu after = cpu_now();

    shot->cpu_user_ns = after.user_ns - r->before.user_ns;
    shot->cpu_system_ns = after.system_ns - r->before.system_ns;
}

/* What was really spoken, as the journal tells. */
static void fold_sessions(void *owner, const struct event *events, uint32_t count)
{
    uint32_t *sessions = owner;

    for (uint32_t i = 0; i < count; i++) {
        if (events[i].kind == EV_SESSIONS)
            *sessions = (*sessions & ~0x7fff0000u) | (events[i].code & 0x7fffffffu);
        if (events[i].kind == EV_FINDING && events[i].code == FIND_NO_CHUNKING)
            *sessions |= SEND_NO_CHUNKING;
    }
}

static void read_sessions(struct round *r)
{
    uint32_t torn = 0;
    struct err e;

    if (r->o->account && !journal_read(r->o->dir, 1, fold_sessions, &r->shot->sessions, &torn, &e))
        bench_fail("%s", e.text);
}

void send_round_clean(const char *dir)
{
    static const char *const names[] = {"0000.mpj", "bench.yaml"};
    char path[PATH_ROOM];

    for (unsigned i = 0; i < 2; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", dir, names[i]);
        (void)unlink(path);
    }
}

void send_round(const struct send_order *o, struct send_shot *shot)
{
    struct round r = {.o = o, .shot = shot};
    struct rusage u;

    *shot = (struct send_shot){0};
    send_round_clean(o->dir);
    open_run(&r);
    send_all(&r);
    close_account(&r);
    read_sessions(&r);
    PM_ASSERT(getrusage(RUSAGE_SELF, &u) == 0);
    shot->rss_kb = (double)u.ru_maxrss;
    tls_context_destroy(r.tls[0]);
    loop_destroy(r.loop);
    book_destroy(r.book);
    smtp_corpus_destroy(r.corpus);
    arena_destroy(r.arena);
    send_round_clean(o->dir);
}
