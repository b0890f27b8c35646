/* cmd_sink.c - `postmuster sink`: an MTA that takes messages and forgets them, or misbehaves as told.
 *
 * stdout has one line when it listens and one when it ends; what callers do wrong goes to stderr, the first hundred times.
 * Here is that of X.400; cmd_sink_smtp.c has the other.
 */
#include "app/cmd_sink.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/signalfd.h>

#include "app/sink.h"
#include "base/text.h"
#include "wire/x400/p1.h"
#include "wire/x400/p1_names.h"

#define TROUBLES_MAX 100u
#define SECRET_MAX   64u

struct wish { /* the command line, as written */
    struct sink_words smtp;
    const char *p1, *mode, *mta, *password, *peer_mta, *peer_password, *tsel, *ssel, *psel;
    const char *checkpoint, *window, *abort, *hang_up, *silent, *report_to;
    const char *report_tsel, *report_ssel, *report_psel;
    struct cmd_list except, report;
};

struct sinking { /* what is made of it */
    struct sink_config c;
    struct sink *sink;
    struct sink_signals signals;
    char secrets[2][SECRET_MAX + 2];
    unsigned char selectors[6][STACK_SELECTOR];
    struct sink_troubles troubles;
};

/* --- values ------------------------------------------------------------------------------------------------------- */

static bool bad(struct err *e, const char *option, const char *value, const char *wanted)
{
    return err_set(e, EX_BAD_USAGE, "--%s %s: expected %s", option, value, wanted);
}

/* "WORD" or "WORD,PERCENT": what stands before the comma, and the share. */
static bool word_and_share(const char *value, struct slice *word, uint32_t *share)
{
    struct slice rest = slice_of(value);

    *share = SINK_ALL;
    return !slice_cut(&rest, ',', word) || sink_share_read(rest, share);
}

static bool share_of(const char *option, const char *value, uint32_t *share, struct err *e)
{
    return !value || sink_share_read(slice_of(value), share) ||
           bad(e, option, value, "a percentage");
}

static bool secret_of_file(const char *path, char out[SECRET_MAX + 2])
{
    FILE *f = fopen(path, "re");
    bool ok = f && fgets(out, SECRET_MAX + 2, f) != NULL;

    if (f)
        (void)fclose(f);
    return ok;
}

/* A literal, env:NAME or file:PATH; a password that cannot be had is never taken for an empty one. */
static bool secret(const char *option, const char *value, char out[SECRET_MAX + 2],
                   struct slice *secret, struct err *e)
{
    const char *text = value;

    if (!value)
        return true;
    if (strncmp(value, "env:", 4) == 0)
        text = getenv(value + 4);
    else if (strncmp(value, "file:", 5) == 0)
        text = secret_of_file(value + 5, out) ? out : NULL;
    if (!text)
        return bad(e, option, value, "a variable that is set, or a file with a password in it");
    size_t n = strcspn(text, "\r\n");

    if (n > SECRET_MAX)
        return err_set(e, EX_BAD_USAGE, "--%s: longer than %u octets", option, SECRET_MAX);
    if (text != out)
        memcpy(out, text, n);
    *secret = slice_from(out, n);
    return true;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Text, or 0x and octets in hex. */
static bool selector(const char *option, const char *value, unsigned char out[STACK_SELECTOR],
                     struct slice *selector, struct err *e)
{
    size_t n = 0;

    if (!value)
        return true;
    bool hex = strncmp(value, "0x", 2) == 0;
    const char *p = hex ? value + 2 : value;

    for (; *p && n < STACK_SELECTOR; n++, p += hex ? 2 : 1) {
        int high = hex_digit(p[0]), low = high < 0 ? -1 : hex_digit(p[1]);

        if (hex && low < 0)
            return bad(e, option, value, "text, or 0x and an even number of hex digits");
        out[n] = (unsigned char)(hex ? high << 4 | low : *p);
    }
    if (*p)
        return err_set(e, EX_BAD_USAGE, "--%s: longer than %u octets", option, STACK_SELECTOR);
    *selector = slice_from(out, n);
    return true;
}

static bool modes(const char *value, unsigned *bits, struct err *e)
{
    static const struct {
        const char *name;
        unsigned bits;
    } rows[] = {{"any", 0},
                {"normal", 1u << STACK_NORMAL},
                {"x410", 1u << STACK_X410_1988},
                {"1984", 1u << STACK_1984}};

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (!value || strcmp(value, rows[i].name) == 0) {
            *bits = rows[i].bits;
            return true;
        }
    return bad(e, "mode", value, "any, normal, x410 or 1984");
}

/* --- misbehaviour ------------------------------------------------------------------------------------------------- */

static bool add_refusal(struct sink_config *c, const char *value, struct err *e)
{
    struct slice word;
    uint32_t share;

    if (word_and_share(value, &word, &share)) {
        if (slice_is(word, "busy"))
            c->busy = share;
        else if (slice_is(word, "validation"))
            c->strangers = share;
        else
            share = SINK_ALL + 1;
        if (share <= SINK_ALL)
            return true;
    }
    return bad(e, "refuse", value, "busy or validation, and perhaps a percentage: busy,10");
}

static bool add_exception(struct sink_config *c, const char *value, struct err *e)
{
    struct slice word;
    uint32_t share;

    if (word_and_share(value, &word, &share)) {
        if (slice_is(word, "temporary") || slice_is(word, "permanent")) {
            c->deeds[slice_is(word, "temporary") ? SINK_NOT_NOW : SINK_NEVER] = share;
            return true;
        }
    }
    return bad(e, "except", value, "temporary or permanent, and perhaps a percentage: temporary,5");
}

static bool code(struct slice text, uint64_t most, int32_t *code)
{
    uint64_t n = 0;

    if (!text_u64(text, &n, NULL) || n > most)
        return false;
    *code = (int32_t)n;
    return true;
}

/* "delivered", "failed:1/0", "failed:1" and a share. */
static bool add_report(struct sink_config *c, const char *value, struct err *e)
{
    struct sink_report r = {.diagnostic = P1_NONE};
    struct slice word, what;
    bool ok = c->report_count < SINK_REPORTS_MAX && word_and_share(value, &word, &r.share);

    if (ok && slice_is(word, "delivered")) {
        r.delivered = true;
    } else if (ok) {
        ok = slice_cut(&word, ':', &what) && slice_is(what, "failed");
        bool both = ok && slice_cut(&word, '/', &what);

        ok = ok && code(what, P1_REASON_MAX, &r.reason) &&
             (!both || code(word, P1_DIAGNOSTIC_MAX, &r.diagnostic));
    }
    if (!ok)
        return bad(e, "report", value,
                   "delivered, or failed:REASON/DIAGNOSTIC in numbers, and perhaps a percentage: "
                   "failed:1/0,20");
    c->reports[c->report_count++] = r;
    return true;
}

static bool sum_is_fair(const struct sink_config *c, struct err *e)
{
    uint64_t deeds = 0, reports = 0;

    for (uint32_t i = 0; i < SINK_DEEDS; i++)
        deeds += c->deeds[i];
    for (uint32_t i = 0; i < c->report_count; i++)
        reports += c->reports[i].share;
    if (c->busy + c->strangers > SINK_ALL || deeds > SINK_ALL || reports > SINK_ALL)
        return err_set(e, EX_BAD_USAGE, "more than 100 %% of the %s",
                       deeds > SINK_ALL     ? "APDUs"
                       : reports > SINK_ALL ? "reports"
                                            : "binds");
    return true;
}

static bool read_misbehaviour(const struct wish *w, struct sink_config *c, struct err *e)
{
    const struct cmd_list *refuse = &w->smtp.vices[VICE_REFUSE];

    for (uint32_t i = 0; i < refuse->count; i++)
        if (!add_refusal(c, refuse->items[i], e))
            return false;
    for (uint32_t i = 0; i < w->except.count; i++)
        if (!add_exception(c, w->except.items[i], e))
            return false;
    for (uint32_t i = 0; i < w->report.count; i++)
        if (!add_report(c, w->report.items[i], e))
            return false;
    return share_of("abort", w->abort, &c->deeds[SINK_ABORT], e) &&
           share_of("hang-up", w->hang_up, &c->deeds[SINK_HANG_UP], e) &&
           share_of("silent", w->silent, &c->deeds[SINK_SILENT], e) && sum_is_fair(c, e);
}

/* --- the rest ----------------------------------------------------------------------------------------------------- */

static bool read_selectors(const struct wish *w, struct sinking *s, struct err *e)
{
    struct association_config *a = &s->c.association;

    const struct {
        const char *option, *value;
        struct slice *selector;
    } rows[] = {{"tsel", w->tsel, &a->our_tsel},
                {"ssel", w->ssel, &a->our_ssel},
                {"psel", w->psel, &a->our_psel},
                {"report-tsel", w->report_tsel, &s->c.report_tsel},
                {"report-ssel", w->report_ssel, &s->c.report_ssel},
                {"report-psel", w->report_psel, &s->c.report_psel}};

    bool ok = true;

    for (size_t i = 0; ok && i < sizeof rows / sizeof *rows; i++)
        ok = selector(rows[i].option, rows[i].value, s->selectors[i], rows[i].selector, e);
    return ok;
}

static bool read_wish(const struct wish *w, struct sinking *s, struct err *e)
{
    struct sink_config *c = &s->c;
    struct association_config *a = &c->association;
    uint64_t checkpoint = 0, window = 0;

    a->name = w->mta ? w->mta : "SINK";
    c->mta = slice_of(w->mta);
    c->peer_mta = slice_of(w->peer_mta);
    if (!sink_read_loopback("p1", w->p1, 102, &c->at, e) || !modes(w->mode, &a->modes, e) ||
        !secret("password", w->password, s->secrets[0], &c->password, e) ||
        !secret("peer-password", w->peer_password, s->secrets[1], &c->peer_password, e) ||
        !read_selectors(w, s, e) ||
        !sink_read_number("checkpoint", w->checkpoint, UINT16_MAX, &checkpoint, e) ||
        !sink_read_number("window", w->window, UINT8_MAX, &window, e) ||
        !sink_read_number("seed", w->smtp.seed, UINT64_MAX, &c->seed, e) ||
        !sink_read_number("count", w->smtp.count, UINT64_MAX, &c->count, e) ||
        !sink_read_seconds(w->smtp.seconds, &c->duration_ns, e) || !read_misbehaviour(w, c, e))
        return false;
    if (c->mta.n > 32 || c->peer_mta.n > 32)
        return err_set(e, EX_BAD_USAGE, "the name of an MTA has at most 32 octets");
    a->checkpoint_kb = (uint16_t)checkpoint;
    a->window = (uint8_t)window;
    return !w->report_to || sink_read_loopback("report-to", w->report_to, 102, &c->report_to, e);
}

void sink_trouble(void *owner, const char *words)
{
    struct sink_troubles *t = owner;

    if (t->count++ < TROUBLES_MAX)
        (void)fprintf(stderr, "sink: %s\n", words);
    if (t->count == TROUBLES_MAX)
        (void)fprintf(stderr, "sink: further ones are only counted\n");
}

static void on_signal(struct watch *w, unsigned what)
{
    struct sink_signals *s = w->owner;
    struct signalfd_siginfo got;

    (void)what;
    if (read(w->fd, &got, sizeof got) > 0)
        s->stop(s->owner);
}

bool sink_signals_watch(struct sink_signals *s, struct loop *l, struct err *e)
{
    sigset_t wanted;

    (void)sigemptyset(&wanted);
    (void)sigaddset(&wanted, SIGINT);
    (void)sigaddset(&wanted, SIGTERM);
    (void)sigprocmask(SIG_BLOCK, &wanted, NULL); /* they come by descriptor */
    s->w = (struct watch){
        .fd = signalfd(-1, &wanted, SFD_NONBLOCK | SFD_CLOEXEC), .ready = on_signal, .owner = s};
    if (s->w.fd < 0)
        return err_set(e, EX_IO, "signals cannot be watched: %s", strerror(errno));
    s->open = true;
    return loop_watch(l, &s->w, STREAM_READABLE, e);
}

void sink_signals_close(struct sink_signals *s)
{
    if (s->open)
        (void)close(s->w.fd);
    s->open = false;
}

const char *sink_count(char out[SINK_COUNT_TEXT], uint64_t n)
{
    return text_print_count(out, SINK_COUNT_TEXT, n);
}

bool sink_log_close(FILE *log, const char *path, struct err *e)
{
    if (!log)
        return true;
    bool ok = !ferror(log);

    return (fclose(log) == 0 && ok) || err_set(e, EX_IO, "%s: it could not all be written", path);
}

static void stop_sink(void *owner)
{
    const struct sinking *s = owner;

    sink_stop(s->sink);
}

static void print_end(const struct sinking *s)
{
    const struct p1_host_counts *h = sink_host_counts(s->sink);
    struct sink_counts c = sink_counts(s->sink);
    char t[10][SINK_COUNT_TEXT];

    (void)printf(
        "sink: %s calls, %s binds, %s refused; %s APDUs, %s octets: %s taken, %s not for now, "
        "%s not for good, %s aborted, %s hung up",
        sink_count(t[0], h->calls), sink_count(t[1], h->binds), sink_count(t[2], h->refused),
        sink_count(t[3], h->apdus), sink_count(t[4], h->octets), sink_count(t[5], h->taken),
        sink_count(t[6], c.deeds[SINK_NOT_NOW] + c.beyond), sink_count(t[7], c.deeds[SINK_NEVER]),
        sink_count(t[8], c.deeds[SINK_ABORT]), sink_count(t[9], c.deeds[SINK_HANG_UP]));
    (void)printf(", %s left without an answer; %s reports, %s handed over, %s not, %s not made; "
                 "%s troubles\n",
                 sink_count(t[0], c.deeds[SINK_SILENT]), sink_count(t[1], c.reports),
                 sink_count(t[2], c.handed), sink_count(t[3], c.unhanded),
                 sink_count(t[4], c.unmade), sink_count(t[5], s->troubles.count));
}

static bool serve(struct sinking *s, struct err *e)
{
    char at[NET_TEXT];

    s->sink = sink_open(&s->c, e);
    if (!s->sink)
        return false;
    s->signals = (struct sink_signals){.stop = stop_sink, .owner = s};
    if (!sink_signals_watch(&s->signals, s->c.loop, e))
        return false;
    struct net_addr addr = sink_addr(s->sink);

    (void)printf("sink: X.400 P1 on %s\n", net_print(&addr, at));
    (void)fflush(stdout);
    loop_run(s->c.loop);
    print_end(s);
    return true;
}

/* --- together ----------------------------------------------------------------------------------------------------- */

struct given {
    const char *name;
    bool given;
};

/* What was said of the other protocol's sink alone; NULL: nothing that does not fit. */
static const char *first_given(const struct given *rows)
{
    while (rows->name && !rows->given)
        rows++;
    return rows->name;
}

static const char *said_of_p1(const struct wish *w)
{
    const struct given rows[] = {{"mode", w->mode},
                                 {"mta", w->mta},
                                 {"password", w->password},
                                 {"peer-mta", w->peer_mta},
                                 {"peer-password", w->peer_password},
                                 {"tsel", w->tsel},
                                 {"ssel", w->ssel},
                                 {"psel", w->psel},
                                 {"checkpoint", w->checkpoint},
                                 {"window", w->window},
                                 {"except", w->except.count > 0},
                                 {"abort", w->abort},
                                 {"hang-up", w->hang_up},
                                 {"silent", w->silent},
                                 {"report", w->report.count > 0},
                                 {"report-to", w->report_to},
                                 {"report-tsel", w->report_tsel},
                                 {"report-ssel", w->report_ssel},
                                 {"report-psel", w->report_psel},
                                 {0}};

    return first_given(rows);
}

static const char *said_of_smtp(const struct sink_words *w)
{
    const struct given rows[] = {{"name", w->name},
                                 {"threads", w->threads},
                                 {"connections", w->connections},
                                 {"without", w->without},
                                 {"size-max", w->size_max},
                                 {"tls", w->tls},
                                 {"tls-cert-out", w->tls_cert_out},
                                 {"implicit-tls", w->tls_implicit},
                                 {"json", w->json},
                                 {0}};
    const char *odd = first_given(rows);

    for (uint32_t i = 0; !odd && i < SINK_VICES;
         i++) /* --refuse is both's, each in its own words */
        if (i != VICE_REFUSE && w->vices[i].count > 0)
            odd = sink_vice_rows[i].name;
    return odd;
}

static int sink_p1(const struct wish *w)
{
    struct sinking s = {.c = {.trouble = sink_trouble}};
    struct err e = {0}, last = {0};
    bool ok = read_wish(w, &s, &e);

    s.c.owner = &s.troubles;
    s.c.log = ok && w->smtp.log ? fopen(w->smtp.log, "we") : NULL;
    if (ok && w->smtp.log && !s.c.log)
        ok = err_set(&e, EX_IO, "%s: %s", w->smtp.log, strerror(errno));
    s.c.loop = ok ? loop_epoll_create(&e) : NULL;
    ok = s.c.loop && serve(&s, &e);
    sink_close(s.sink);
    sink_signals_close(&s.signals);
    loop_destroy(s.c.loop);
    if (!sink_log_close(s.c.log, w->smtp.log, &last) && ok)
        e = last;
    return ok && !e.code ? EX_PASS : cmd_fail(&e);
}

static int sink(const struct wish *w)
{
    const char *odd = w->p1 ? said_of_smtp(&w->smtp) : said_of_p1(w);
    struct err e = {0};

    if (odd) {
        (void)err_set(&e, EX_BAD_USAGE, "--%s does not go with --%s", odd,
                      w->p1          ? "p1"
                      : w->smtp.lmtp ? "lmtp"
                                     : "smtp");
        return cmd_fail(&e);
    }
    return w->p1 ? sink_p1(w) : cmd_sink_smtp(&w->smtp);
}

int cmd_sink(const struct cmd *self, int argc, char **argv)
{
    struct wish w = {0};
    struct sink_words *m = &w.smtp;
    struct cmd_option options[40 + SINK_VICES] = {
        {.name = "p1", .text = &w.p1},
        {.name = "smtp", .text = &m->smtp},
        {.name = "lmtp", .text = &m->lmtp},
        {.name = "name", .text = &m->name},
        {.name = "threads", .text = &m->threads},
        {.name = "connections", .text = &m->connections},
        {.name = "without", .text = &m->without},
        {.name = "size-max", .text = &m->size_max},
        {.name = "tls", .text = &m->tls},
        {.name = "tls-cert-out", .text = &m->tls_cert_out},
        {.name = "implicit-tls", .flag = &m->tls_implicit},
        {.name = "json", .flag = &m->json},
        {.name = "seed", .text = &m->seed},
        {.name = "log", .text = &m->log},
        {.name = "count", .text = &m->count},
        {.name = "seconds", .text = &m->seconds},
        {.name = "duration", .text = &m->seconds},
        {.name = "mode", .text = &w.mode},
        {.name = "mta", .text = &w.mta},
        {.name = "password", .text = &w.password},
        {.name = "peer-mta", .text = &w.peer_mta},
        {.name = "peer-password", .text = &w.peer_password},
        {.name = "tsel", .text = &w.tsel},
        {.name = "ssel", .text = &w.ssel},
        {.name = "psel", .text = &w.psel},
        {.name = "checkpoint", .text = &w.checkpoint},
        {.name = "window", .text = &w.window},
        {.name = "except", .list = &w.except},
        {.name = "abort", .text = &w.abort},
        {.name = "hang-up", .text = &w.hang_up},
        {.name = "silent", .text = &w.silent},
        {.name = "report", .list = &w.report},
        {.name = "report-to", .text = &w.report_to},
        {.name = "report-tsel", .text = &w.report_tsel},
        {.name = "report-ssel", .text = &w.report_ssel},
        {.name = "report-psel", .text = &w.report_psel},
        {0},
    };
    struct cmd_option *next = options;

    while (next->name)
        next++;
    for (uint32_t i = 0; i < SINK_VICES; i++)
        *next++ = (struct cmd_option){.name = sink_vice_rows[i].name, .list = &m->vices[i]};
    if (cmd_parse(options, argc, argv) != argc || !w.p1 + !m->smtp + !m->lmtp != 2)
        return cmd_usage(self);
    return sink(&w);
}
