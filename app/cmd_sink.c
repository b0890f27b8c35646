/* cmd_sink.c - `postmuster sink`: an MTA that takes messages and forgets them; that of X.400 misbehaves as told.
 *
 * stdout has one line when it listens and one when it ends; what callers do wrong goes to stderr, the first hundred times.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/signalfd.h>

#include "app/cmd.h"
#include "app/sink.h"
#include "app/sink_smtp.h"
#include "base/text.h"
#include "wire/x400/p1.h"
#include "wire/x400/p1_names.h"

#define TROUBLES_MAX   100u
#define SECRET_MAX     64u
#define COUNT_TEXT     32u
#define NAME_MAX_CHARS 255u

struct wish { /* the command line, as written */
    const char *smtp, *lmtp, *name;
    const char *p1, *mode, *mta, *password, *peer_mta, *peer_password, *tsel, *ssel, *psel;
    const char *checkpoint, *window, *abort, *hang_up, *silent, *report_to, *seed, *log;
    const char *report_tsel, *report_ssel, *report_psel, *count, *seconds;
    struct cmd_list refuse, except, report;
};

struct sinking { /* what is made of it */
    struct sink_config c;
    struct sink *sink;
    struct sink_smtp_config smtp_c;
    struct sink_smtp *smtp; /* instead of sink */
    struct watch signals;
    char secrets[2][SECRET_MAX + 2];
    unsigned char selectors[6][STACK_SELECTOR];
    uint64_t troubles;
};

/* --- values ------------------------------------------------------------------------------------------------------- */

static bool bad(struct err *e, const char *option, const char *value, const char *wanted)
{
    return err_set(e, EX_BAD_USAGE, "--%s %s: expected %s", option, value, wanted);
}

static bool number(const char *option, const char *value, uint64_t most, uint64_t *n, struct err *e)
{
    if (!value)
        return true;
    if (!text_u64(slice_of(value), n, NULL) || *n > most)
        return err_set(e, EX_BAD_USAGE, "--%s %s: expected a number, at most %llu", option, value,
                       (unsigned long long)most);
    return true;
}

/* "12", "0.5": of a hundred. */
static bool percent(struct slice text, uint32_t *share)
{
    uint64_t whole = 0, part = 0;
    struct slice before;
    bool pointed = slice_cut(&text, '.', &before);

    if (!text_u64(before, &whole, NULL) || whole > 100)
        return false;
    if (pointed && (text.n == 0 || text.n > 4 || !text_u64(text, &part, NULL)))
        return false;
    for (size_t i = pointed ? text.n : 4; i < 4; i++)
        part *= 10;
    *share = (uint32_t)(whole * (SINK_ALL / 100) + part);
    return *share <= SINK_ALL;
}

/* "WORD" or "WORD,PERCENT": what stands before the comma, and the share. */
static bool word_and_share(const char *value, struct slice *word, uint32_t *share)
{
    struct slice rest = slice_of(value);

    *share = SINK_ALL;
    return !slice_cut(&rest, ',', word) || percent(rest, share);
}

static bool share_of(const char *option, const char *value, uint32_t *share, struct err *e)
{
    return !value || percent(slice_of(value), share) || bad(e, option, value, "a percentage");
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
    for (uint32_t i = 0; i < w->refuse.count; i++)
        if (!add_refusal(c, w->refuse.items[i], e))
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

static bool loopback(const char *option, const char *value, uint16_t port, struct net_addr *at,
                     struct err *e)
{
    struct err why;

    if (!net_parse(at, value, port, &why))
        return bad(e, option, value, "an address of this machine, such as 127.0.0.1:1102");
    if (!net_is_loopback(at))
        return err_set(e, EX_GUARD, "--%s %s: a sink talks to loopback only", option, value);
    return true;
}

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
    uint64_t checkpoint = 0, window = 0, seconds = 0;

    a->name = w->mta ? w->mta : "SINK";
    c->mta = slice_of(w->mta);
    c->peer_mta = slice_of(w->peer_mta);
    if (!loopback("p1", w->p1, 102, &c->at, e) || !modes(w->mode, &a->modes, e) ||
        !secret("password", w->password, s->secrets[0], &c->password, e) ||
        !secret("peer-password", w->peer_password, s->secrets[1], &c->peer_password, e) ||
        !read_selectors(w, s, e) ||
        !number("checkpoint", w->checkpoint, UINT16_MAX, &checkpoint, e) ||
        !number("window", w->window, UINT8_MAX, &window, e) ||
        !number("seed", w->seed, UINT64_MAX, &c->seed, e) ||
        !number("count", w->count, UINT64_MAX, &c->count, e) ||
        !number("seconds", w->seconds, 1u << 30, &seconds, e) || !read_misbehaviour(w, c, e))
        return false;
    if (c->mta.n > 32 || c->peer_mta.n > 32)
        return err_set(e, EX_BAD_USAGE, "the name of an MTA has at most 32 octets");
    a->checkpoint_kb = (uint16_t)checkpoint;
    a->window = (uint8_t)window;
    c->duration_ns = seconds * NS_PER_S;
    return !w->report_to || loopback("report-to", w->report_to, 102, &c->report_to, e);
}

static void print_trouble(void *owner, const char *words)
{
    struct sinking *s = owner;

    if (s->troubles++ < TROUBLES_MAX)
        (void)fprintf(stderr, "sink: %s\n", words);
    if (s->troubles == TROUBLES_MAX)
        (void)fprintf(stderr, "sink: further ones are only counted\n");
}

static void on_signal(struct watch *w, unsigned what)
{
    struct sinking *s = w->owner;
    struct signalfd_siginfo got;

    (void)what;
    if (read(w->fd, &got, sizeof got) <= 0)
        return;
    if (s->smtp)
        sink_smtp_stop(s->smtp);
    else
        sink_stop(s->sink);
}

static bool watch_signals(struct sinking *s, struct err *e)
{
    sigset_t wanted;

    (void)sigemptyset(&wanted);
    (void)sigaddset(&wanted, SIGINT);
    (void)sigaddset(&wanted, SIGTERM);
    (void)sigprocmask(SIG_BLOCK, &wanted, NULL); /* they come by descriptor */
    s->signals = (struct watch){
        .fd = signalfd(-1, &wanted, SFD_NONBLOCK | SFD_CLOEXEC), .ready = on_signal, .owner = s};
    if (s->signals.fd < 0)
        return err_set(e, EX_IO, "signals cannot be watched: %s", strerror(errno));
    return loop_watch(s->c.loop, &s->signals, STREAM_READABLE, e);
}

static const char *count(char out[COUNT_TEXT], uint64_t n)
{
    return text_print_count(out, COUNT_TEXT, n);
}

static void print_end(const struct sinking *s)
{
    const struct p1_host_counts *h = sink_host_counts(s->sink);
    struct sink_counts c = sink_counts(s->sink);
    char t[10][COUNT_TEXT];

    (void)printf(
        "sink: %s calls, %s binds, %s refused; %s APDUs, %s octets: %s taken, %s not for now, "
        "%s not for good, %s aborted, %s hung up",
        count(t[0], h->calls), count(t[1], h->binds), count(t[2], h->refused),
        count(t[3], h->apdus), count(t[4], h->octets), count(t[5], h->taken),
        count(t[6], c.deeds[SINK_NOT_NOW] + c.beyond), count(t[7], c.deeds[SINK_NEVER]),
        count(t[8], c.deeds[SINK_ABORT]), count(t[9], c.deeds[SINK_HANG_UP]));
    (void)printf(", %s left without an answer; %s reports, %s handed over, %s not, %s not made; "
                 "%s troubles\n",
                 count(t[0], c.deeds[SINK_SILENT]), count(t[1], c.reports), count(t[2], c.handed),
                 count(t[3], c.unhanded), count(t[4], c.unmade), count(t[5], s->troubles));
}

static bool serve(struct sinking *s, struct err *e)
{
    char at[NET_TEXT];

    if (!watch_signals(s, e))
        return false;
    s->sink = sink_open(&s->c, e);
    if (!s->sink)
        return false;
    struct net_addr addr = sink_addr(s->sink);

    (void)printf("sink: X.400 P1 on %s\n", net_print(&addr, at));
    (void)fflush(stdout);
    loop_run(s->c.loop);
    print_end(s);
    return true;
}

static bool close_log(struct sinking *s, const char *path, struct err *e)
{
    if (!s->c.log)
        return true;
    bool ok = !ferror(s->c.log);

    return (fclose(s->c.log) == 0 && ok) ||
           err_set(e, EX_IO, "%s: it could not all be written", path);
}

/* --- SMTP and LMTP ------------------------------------------------------------------------------------------------ */

static bool read_smtp_wish(const struct wish *w, struct sinking *s, struct err *e)
{
    struct sink_smtp_config *c = &s->smtp_c;
    uint64_t seconds = 0;

    c->lmtp = w->lmtp != NULL;
    c->name = w->name ? w->name : "sink.invalid";
    if (!loopback(c->lmtp ? "lmtp" : "smtp", c->lmtp ? w->lmtp : w->smtp, c->lmtp ? 24 : 25, &c->at,
                  e) ||
        !number("count", w->count, UINT64_MAX, &c->count, e) ||
        !number("seconds", w->seconds, 1u << 30, &seconds, e))
        return false;
    if (!*c->name || strlen(c->name) > NAME_MAX_CHARS || strpbrk(c->name, " \t\r\n"))
        return bad(e, "name", c->name, "a domain, or an address in brackets");
    c->duration_ns = seconds * NS_PER_S;
    return true;
}

static bool serve_smtp(struct sinking *s, struct err *e)
{
    char at[NET_TEXT], t[8][COUNT_TEXT];

    if (!watch_signals(s, e))
        return false;
    s->smtp = sink_smtp_open(&s->smtp_c, e);
    if (!s->smtp)
        return false;
    struct net_addr addr = sink_smtp_addr(s->smtp);

    (void)printf("sink: %s on %s\n", s->smtp_c.lmtp ? "LMTP" : "SMTP", net_print(&addr, at));
    (void)fflush(stdout);
    loop_run(s->c.loop);
    const struct smtp_host_counts *h = sink_smtp_counts(s->smtp);

    (void)printf("sink: %s calls, %s refused; %s messages, %s octets: %s taken, %s not for now; "
                 "%s broken off; %s troubles\n",
                 count(t[0], h->calls), count(t[1], h->refused), count(t[2], h->messages),
                 count(t[3], h->octets), count(t[4], h->taken),
                 count(t[5], sink_smtp_beyond(s->smtp)), count(t[6], h->broken),
                 count(t[7], s->troubles));
    return true;
}

/* --- together ----------------------------------------------------------------------------------------------------- */

/* What is said of one protocol's sink alone; NULL: nothing that does not fit. */
static const char *misfit(const struct wish *w)
{
    const struct {
        const char *name;
        bool given;
    } of_p1[] = {{"mode", w->mode},
                 {"mta", w->mta},
                 {"password", w->password},
                 {"peer-mta", w->peer_mta},
                 {"peer-password", w->peer_password},
                 {"tsel", w->tsel},
                 {"ssel", w->ssel},
                 {"psel", w->psel},
                 {"checkpoint", w->checkpoint},
                 {"window", w->window},
                 {"refuse", w->refuse.count > 0},
                 {"except", w->except.count > 0},
                 {"abort", w->abort},
                 {"hang-up", w->hang_up},
                 {"silent", w->silent},
                 {"report", w->report.count > 0},
                 {"report-to", w->report_to},
                 {"report-tsel", w->report_tsel},
                 {"report-ssel", w->report_ssel},
                 {"report-psel", w->report_psel},
                 {"seed", w->seed}};

    if (w->p1)
        return w->name ? "name" : NULL;
    for (size_t i = 0; i < sizeof of_p1 / sizeof *of_p1; i++)
        if (of_p1[i].given)
            return of_p1[i].name;
    return NULL;
}

static bool read_either(const struct wish *w, struct sinking *s, struct err *e)
{
    const char *odd = misfit(w);

    if (odd)
        return err_set(e, EX_BAD_USAGE, "--%s does not go with --%s", odd,
                       w->p1     ? "p1"
                       : w->lmtp ? "lmtp"
                                 : "smtp");
    return w->p1 ? read_wish(w, s, e) : read_smtp_wish(w, s, e);
}

static int sink(const struct wish *w)
{
    struct sinking s = {.c = {.trouble = print_trouble},
                        .smtp_c = {.trouble = print_trouble},
                        .signals = {.fd = -1}};
    struct err e = {0};
    bool ok = read_either(w, &s, &e);

    s.c.owner = s.smtp_c.owner = &s;
    s.c.log = s.smtp_c.log = ok && w->log ? fopen(w->log, "we") : NULL;
    if (ok && w->log && !s.c.log)
        ok = err_set(&e, EX_IO, "%s: %s", w->log, strerror(errno));
    s.c.loop = s.smtp_c.loop = ok ? loop_epoll_create(&e) : NULL;
    ok = s.c.loop && (w->p1 ? serve(&s, &e) : serve_smtp(&s, &e));
    sink_close(s.sink);
    sink_smtp_close(s.smtp);
    if (s.signals.fd >= 0)
        (void)close(s.signals.fd);
    loop_destroy(s.c.loop);
    struct err last = {0};

    if (!close_log(&s, w->log, &last) && ok)
        e = last;
    return ok && !e.code ? EX_PASS : cmd_fail(&e);
}

int cmd_sink(const struct cmd *self, int argc, char **argv)
{
    struct wish w = {0};
    const struct cmd_option options[] = {
        {.name = "p1", .text = &w.p1},
        {.name = "smtp", .text = &w.smtp},
        {.name = "lmtp", .text = &w.lmtp},
        {.name = "name", .text = &w.name},
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
        {.name = "refuse", .list = &w.refuse},
        {.name = "except", .list = &w.except},
        {.name = "abort", .text = &w.abort},
        {.name = "hang-up", .text = &w.hang_up},
        {.name = "silent", .text = &w.silent},
        {.name = "report", .list = &w.report},
        {.name = "report-to", .text = &w.report_to},
        {.name = "report-tsel", .text = &w.report_tsel},
        {.name = "report-ssel", .text = &w.report_ssel},
        {.name = "report-psel", .text = &w.report_psel},
        {.name = "seed", .text = &w.seed},
        {.name = "log", .text = &w.log},
        {.name = "count", .text = &w.count},
        {.name = "seconds", .text = &w.seconds},
        {0},
    };

    if (cmd_parse(options, argc, argv) != argc || !w.p1 + !w.smtp + !w.lmtp != 2)
        return cmd_usage(self);
    return sink(&w);
}
