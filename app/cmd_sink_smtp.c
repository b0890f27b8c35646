/* cmd_sink_smtp.c - `postmuster sink --smtp | --lmtp`: opens what was wished for, and says at its end what came.
 *
 * With --json the last line is an object for machines: counts, the time from the first call to the last message, and the
 * processor's time since it listens.
 */
#include <errno.h>
#include <string.h>

#include <sys/resource.h>

#include "app/cmd_sink.h"
#include "app/sink_crew.h"
#include "base/clock.h"

struct serving {
    struct sink_wish wish;
    struct sink_crew *crew;
    struct sink_signals signals;
    struct sink_troubles troubles;
    struct rusage begun;
    bool json;
};

static void stop_crew(void *owner)
{
    const struct serving *s = owner;

    sink_crew_stop(s->crew);
}

/* Every caller is a file. */
static void allow_many_files(void)
{
    struct rlimit l;

    if (getrlimit(RLIMIT_NOFILE, &l) == 0 && l.rlim_cur < l.rlim_max) {
        l.rlim_cur = l.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &l);
    }
}

static bool open_tls(struct sink_wish *w, const char *cert_out, struct err *e)
{
    if (!w->tls)
        return true;
    w->c.tls =
        w->tls_selfmade ? tls_server_selfmade(w->c.name, e) : tls_server_create(w->cert, w->key, e);
    return w->c.tls && (!cert_out || tls_write_cert(w->c.tls, cert_out, e));
}

/* --- what came ---------------------------------------------------------------------------------------------------- */

static uint64_t span_us(const struct timeval *from, const struct timeval *to)
{
    return (uint64_t)(to->tv_sec - from->tv_sec) * 1000000 + (uint64_t)to->tv_usec -
           (uint64_t)from->tv_usec;
}

static uint64_t wall_ns(const struct sink_smtp_counts *c)
{
    return c->last_ns > c->first_ns ? c->last_ns - c->first_ns : 0;
}

static double per_second(const struct sink_smtp_counts *c)
{
    return wall_ns(c) ? (double)c->messages * (double)NS_PER_S / (double)wall_ns(c) : 0;
}

static void print_json(const struct serving *s, const struct sink_smtp_counts *c)
{
    const struct {
        const char *name;
        uint64_t n;
    } rows[] = {{"calls", c->calls},
                {"busy", c->busy},
                {"messages", c->messages},
                {"octets", c->octets},
                {"taken", c->taken},
                {"dropped", c->dropped},
                {"beyond", c->beyond},
                {"cut_before", c->cut[SINK_CUT_BEFORE]},
                {"cut_within", c->cut[SINK_CUT_WITHIN]},
                {"cut_after", c->cut[SINK_CUT_AFTER]},
                {"gone", c->gone},
                {"troubles", s->troubles.count}};
    struct rusage now;

    (void)getrusage(RUSAGE_SELF, &now);
    (void)printf("{");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        (void)printf("\"%s\": %llu, ", rows[i].name, (unsigned long long)rows[i].n);
    (void)printf("\"refused\": {");
    for (uint32_t i = 0; i < SINK_STAGES; i++)
        (void)printf("%s\"%s\": %llu", i ? ", " : "", sink_stage_names[i],
                     (unsigned long long)c->refused[i]);
    (void)printf("}, \"misbehaved\": {");
    for (uint32_t i = 0; i < SINK_VICES; i++)
        (void)printf("%s\"%s\": %llu", i ? ", " : "", sink_vice_rows[i].name,
                     (unsigned long long)c->vices[i]);
    (void)printf("}, \"threads\": %u, \"messages_per_s\": %.1f, \"wall_us\": %llu, "
                 "\"cpu_user_us\": %llu, \"cpu_system_us\": %llu}\n",
                 s->wish.threads, per_second(c), (unsigned long long)(wall_ns(c) / NS_PER_US),
                 (unsigned long long)span_us(&s->begun.ru_utime, &now.ru_utime),
                 (unsigned long long)span_us(&s->begun.ru_stime, &now.ru_stime));
}

static void print_text(const struct serving *s, const struct sink_smtp_counts *c)
{
    char t[8][SINK_COUNT_TEXT];

    (void)printf("sink: %s calls, %s busy; %s messages, %s octets: %s taken, %s dropped, "
                 "%s refused, %s not for now; ",
                 sink_count(t[0], c->calls), sink_count(t[1], c->busy),
                 sink_count(t[2], c->messages), sink_count(t[3], c->octets),
                 sink_count(t[4], c->taken), sink_count(t[5], c->dropped),
                 sink_count(t[6], c->refused[SINK_END]), sink_count(t[7], c->beyond));
    (void)printf("%s cut after, %s before, %s within; %s left",
                 sink_count(t[0], c->cut[SINK_CUT_AFTER]),
                 sink_count(t[1], c->cut[SINK_CUT_BEFORE]),
                 sink_count(t[2], c->cut[SINK_CUT_WITHIN]), sink_count(t[3], c->gone));
    for (uint32_t i = 0; i < SINK_END; i++)
        (void)printf("%s %s %s", i ? "," : "; refused at", sink_stage_names[i],
                     sink_count(t[0], c->refused[i]));
    (void)printf("; %s messages/s; %s troubles\n",
                 sink_count(t[0], (uint64_t)(per_second(c) + 0.5)),
                 sink_count(t[1], s->troubles.count));
}

/* --- the command -------------------------------------------------------------------------------------------------- */

static bool serve(struct serving *s, struct err *e)
{
    char at[NET_TEXT];

    s->crew = sink_crew_open(&s->wish.c, s->wish.threads, e);
    if (!s->crew)
        return false;
    s->signals = (struct sink_signals){.stop = stop_crew, .owner = s};
    if (!sink_signals_watch(&s->signals, s->wish.c.loop, e))
        return false;
    struct net_addr addr = sink_crew_addr(s->crew);

    (void)getrusage(RUSAGE_SELF, &s->begun);
    (void)printf("sink: %s on %s\n", s->wish.c.lmtp ? "LMTP" : "SMTP", net_print(&addr, at));
    (void)fflush(stdout);
    if (!sink_crew_run(s->crew, e))
        return false;
    struct sink_smtp_counts c = sink_crew_counts(s->crew);

    if (s->json)
        print_json(s, &c);
    else
        print_text(s, &c);
    return true;
}

int cmd_sink_smtp(const struct sink_words *w)
{
    struct serving s = {.json = w->json};
    struct sink_smtp_config *c = &s.wish.c;
    struct err e = {0}, last = {0};
    bool ok = sink_words_read(w, &s.wish, &e) && open_tls(&s.wish, w->tls_cert_out, &e);

    c->trouble = sink_trouble;
    c->owner = &s.troubles;
    c->log = ok && w->log ? fopen(w->log, "we") : NULL;
    if (ok && w->log && !c->log)
        ok = err_set(&e, EX_IO, "%s: %s", w->log, strerror(errno));
    allow_many_files();
    c->loop = ok ? loop_epoll_create(&e) : NULL;
    ok = c->loop && serve(&s, &e);
    sink_crew_close(s.crew);
    sink_signals_close(&s.signals);
    loop_destroy(c->loop);
    tls_context_destroy(c->tls);
    if (!sink_log_close(c->log, w->log, &last) && ok)
        e = last;
    return ok && !e.code ? EX_PASS : cmd_fail(&e);
}
