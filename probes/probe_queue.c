/* probe_queue.c - queues over HTTP (JSON), by a command (lines), or as known MTAs list them (queue_format.h).
 *
 * A poller asks one URL, or runs one command line, for all probes whose profile leads to the same. It asks every period; a
 * failing one ever more seldom (up to 32 periods), one that lists much in proportion to it; and at once when a scan is
 * asked for. A scan that fails is tried again until it has succeeded. Answers are read whole before anybody is told.
 */
#include "probes/probe_queue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/blind.h"
#include "base/hash.h"
#include "base/template.h"
#include "base/text.h"
#include "probes/queue_format.h"
#include "probes/queue_list.h"
#include "probes/queue_show.h"

#define URL_MAX         4096u
#define ARGUMENTS_MAX   64
#define WHY_MAX         200
#define HTTP_TIMEOUT_NS (10 * NS_PER_S)
#define COMMAND_MAX_NS  (30 * NS_PER_S)   /* real time */
#define CROWD           2000u             /* entries that earn one period of rest more */
#define NO_QUEUE_NS     (3600 * NS_PER_S) /* where there is none, nobody need look */

struct queue_probe {
    struct probe p;
    struct queue_probe *next; /* of its poller */
    struct poller *poller;
    struct probe_queues *own; /* it shares with nobody */
    bool failing, news;
    bool has_sums; /* of its newest listing: what came and went, and what of it was not listed */
    uint64_t in, out, unlisted;
    char why[WHY_MAX];
};

struct poller {
    struct poller *next;
    struct probe_queues *all;
    struct probe_context context;
    const struct probe_profile *how;   /* NULL: there is no queue */
    const struct queue_format *format; /* of a known MTA, or NULL */
    struct queue_reader reader;
    struct queue_show *show;
    uint32_t server; /* the first that joined */
    const char *ca_file;
    struct buf target; /* the URL, or the arguments with a NUL behind each */
    struct queue_probe *members;
    struct timer timer; /* asks again; while a command runs: gives it up */
    struct child *child;
    struct queue_list list;
    uint64_t *known; /* fingerprints of the newest listing's entries, in order */
    uint32_t known_count;
    uint64_t begin_ns;
    uint32_t wave;
    unsigned failures; /* in a row */
    bool busy, full, wanted, showing;
    struct err bad_line;
};

struct probe_queues {
    struct poller *pollers;
    uint32_t newest, asked; /* wave numbers */
};

static struct queue_probe *queue_of(struct probe *p)
{
    return (struct queue_probe *)(void *)p;
}

static uint64_t now_of(const struct poller *o)
{
    return loop_now(o->context.loop);
}

/* The end of a listing: what is journalled. */

static int by_value(const void *left, const void *right)
{
    uint64_t a, b;

    memcpy(&a, left, sizeof a);
    memcpy(&b, right, sizeof b);
    return a < b ? -1 : a > b;
}

static bool is_known(const struct poller *o, uint64_t fingerprint)
{
    return o->known_count > 0 &&
           bsearch(&fingerprint, o->known, o->known_count, sizeof *o->known, by_value);
}

static void remember(struct poller *o)
{
    uint64_t *p = realloc(o->known, (o->list.count + 1u) * sizeof *p);

    PM_MEMORY(p);
    o->known = p;
    o->known_count = o->list.count;
    for (uint32_t i = 0; i < o->list.count; i++)
        p[i] = o->list.entries[i].fingerprint;
    qsort(p, o->known_count, sizeof *p, by_value);
}

static void write_entries(struct poller *o, struct queue_probe *q, uint64_t t_ns)
{
    for (uint32_t i = 0; i < o->list.count; i++) {
        const struct queue_entry *entry = &o->list.entries[i];

        if (entry->server != q->p.server || !entry->ours ||
            (!o->full && is_known(o, entry->fingerprint)))
            continue;
        q->news = true;
        (void)journal_add(
            o->context.journal,
            &(struct event){.t_ns = t_ns,
                            .slot = entry->message * o->context.work->stride,
                            .kind = EV_QUEUED,
                            .place = (uint16_t)q->p.server,
                            .code = entry->tries | (entry->due ? (unsigned)QUEUED_DUE : 0) |
                                    (entry->report ? (unsigned)QUEUED_REPORT : 0),
                            .a = entry->mailbox == SITE_NONE ? NO_INDEX : entry->mailbox,
                            .b = o->wave});
    }
}

static void write_wave(struct poller *o, struct queue_probe *q)
{
    const struct queue_server *s = &o->list.servers[q->p.server];
    uint64_t t_ns = clock_target(o->context.clock, o->begin_ns), counters[2] = {s->in, s->out};

    q->news = o->full;
    write_entries(o, q, t_ns);
    if (q->news)
        (void)journal_add(o->context.journal,
                          &(struct event){.t_ns = t_ns,
                                          .slot = hash_fast(counters, sizeof counters),
                                          .kind = EV_WAVE,
                                          .place = (uint16_t)q->p.server,
                                          .code = o->full ? WAVE_COMPLETE : 0,
                                          .a = s->entries,
                                          .b = o->wave});
    q->p.counted = s->counted;
    q->p.in = s->in;
    q->p.out = s->out;
    q->p.entries = s->entries;
    q->p.due = s->due;
    q->p.standing = s->standing;
    q->p.complete_ns = o->begin_ns;
    q->p.refused = q->failing = false;
}

static void write_failure(struct poller *o, struct queue_probe *q, const char *why)
{
    (void)text_clean(q->why, sizeof q->why, slice_of(why));
    q->p.why = q->why;
    q->p.refused = true;
    q->p.failures++;
    if (!q->failing)
        (void)journal_add(o->context.journal,
                          &(struct event){.t_ns = clock_target(o->context.clock, now_of(o)),
                                          .kind = EV_FINDING,
                                          .place = (uint16_t)q->p.server,
                                          .code = FIND_QUEUE_FAILED});
    q->failing = true;
}

/* An answer over HTTP is one look: what came and did not leave has to be listed, less what was there before anybody counted.
 * Counters that begin anew are believed; a listing that lacks something, or has too much, proves nothing about what it lacks.
 * A command counts in one place, lists in another, and in its own units: it is not held to that. */
static bool adds_up(struct queue_probe *q, const struct queue_server *s)
{
    const struct probe_profile *how = q->poller->how;
    uint64_t unlisted = s->in - s->out - s->entries;
    bool anew = !q->has_sums || s->in < q->in || s->out < q->out;

    if (!s->counted || !how || how->type != PROBE_QUEUE_HTTP || !CHECK_ON(SUMS))
        return true;
    if (!anew && unlisted != q->unlisted)
        return false;
    q->has_sums = true;
    q->in = s->in;
    q->out = s->out;
    q->unlisted = unlisted;
    return true;
}

static uint64_t rest_ns(const struct poller *o)
{
    if (!o->how)
        return NO_QUEUE_NS;
    uint64_t period_ns = o->how->period_real_ns > 0 ? o->how->period_real_ns : NS_PER_MS;

    if (o->failures > 0)
        return period_ns << (o->failures < 6 ? o->failures - 1 : 5);
    return period_ns * (1 + o->list.count / CROWD);
}

static void finish(struct poller *o, bool ok, const char *why)
{
    bool all_listed = ok;

    for (struct queue_probe *q = o->members; q; q = q->next) {
        const struct queue_server *s = &o->list.servers[q->p.server];
        bool sums = !ok || !s->listed || adds_up(q, s);

        q->p.scans++;
        if (ok && s->listed && sums) {
            write_wave(o, q);
            continue;
        }
        all_listed = false;
        write_failure(o, q,
                      !ok     ? why
                      : !sums ? "what came and did not leave is not what is listed"
                              : "the listing does not name this server");
    }
    if (ok)
        remember(o);
    o->failures = all_listed ? 0 : o->failures + 1;
    o->wanted |= o->full && !all_listed;
    o->busy = false;
    timer_arm(o->context.loop, &o->timer, now_of(o) + (o->wanted && all_listed ? 0 : rest_ns(o)));
    for (struct queue_probe *q = o->members; q; q = q->next)
        if (q->p.scanned)
            q->p.scanned(&q->p);
}

/* HTTP. */

static void on_answer(void *owner, const struct http_answer *a)
{
    struct poller *o = owner;
    struct err e = {0};
    char said[100];

    if (a->status == 0)
        (void)err_set(&e, EX_WIRE, "no answer: %.150s", a->error);
    else if (a->status / 100 != 2)
        (void)err_set(&e, EX_WIRE, "HTTP %d: %s", a->status,
                      text_clean(said, sizeof said, a->body));
    bool ok = a->status / 100 == 2 && queue_list_json(&o->list, a->body, &e);

    finish(o, ok, e.text);
}

/* Commands. */

static void take_line(struct poller *o, struct slice line)
{
    char shown[100];

    if (!o->format)
        (void)queue_list_line(&o->list, line, &o->bad_line);
    else if (!o->list.bad && !o->format->line(&o->reader, line, &o->bad_line))
        o->list.bad =
            !err_wrap(&o->bad_line, "queue line \"%s\"", text_clean(shown, sizeof shown, line));
}

static void on_line(void *owner, struct slice line, bool is_error)
{
    struct poller *o = owner;
    char said[WHY_MAX];

    if (!is_error)
        take_line(o, line);
    else if (!o->list.bad && slice_trim(line).n > 0)
        (void)err_set(&o->bad_line, EX_WIRE, "%s", text_clean(said, sizeof said, line));
}

/* Whatever could be shown in time has been; the rest is possibly ours. */
static void on_shown(void *owner)
{
    struct poller *o = owner;
    struct err e = {0};

    o->showing = false;
    timer_disarm(o->context.loop, &o->timer);
    for (uint32_t i = 0; i < o->context.work->profile->site.server_count; i++)
        o->list.servers[i].listed = o->format->names_servers || i == o->server;
    bool ok = queue_show_apply(o->show, &o->list, &e);

    finish(o, ok, e.text);
}

static void on_exit_status(void *owner, int status, const char *why)
{
    struct poller *o = owner;
    struct err e = o->bad_line;

    o->child = NULL;
    timer_disarm(o->context.loop, &o->timer);
    if (status != 0 && !o->list.bad)
        (void)err_wrap(&e, "%.80s", why);
    bool ok = status == 0 && !o->list.bad &&
              (o->format ? o->format->end(&o->reader, &e) : queue_list_end(&o->list, &e));

    if (!ok || !o->format) {
        finish(o, ok, e.text);
        return;
    }
    o->showing = true;
    timer_arm(o->context.loop, &o->timer, now_of(o) + COMMAND_MAX_NS);
    queue_show_begin(o->show, &o->list, on_shown, o);
}

static const struct child_handler handler = {.line = on_line, .ended = on_exit_status};

static bool run_command(struct poller *o, struct err *e)
{
    const char *argv[ARGUMENTS_MAX + 1] = {0};
    size_t count = 0;

    for (size_t at = 0; at < o->target.n; at += strlen(argv[count++]) + 1)
        argv[count] = (const char *)o->target.p + at;
    o->child = o->context.exec->start(o->context.exec, argv, &handler, o, e);
    return o->child;
}

/* Asking. */

static void begin(struct poller *o)
{
    struct err e = {0};

    o->busy = true;
    o->full = o->wanted;
    o->wanted = false;
    o->wave = o->full ? o->all->asked : ++o->all->newest;
    o->begin_ns = now_of(o);
    o->bad_line = (struct err){0};
    queue_list_clear(&o->list);
    queue_reader_begin(&o->reader, &o->list, o->server);
    timer_disarm(o->context.loop, &o->timer);
    if (!o->how) {
        for (struct queue_probe *q = o->members; q; q = q->next)
            o->list.servers[q->p.server].listed = o->list.servers[q->p.server].counted = true;
        finish(o, true, "");
        return;
    }
    if (o->how->type != PROBE_QUEUE_HTTP) {
        if (run_command(o, &e))
            timer_arm(o->context.loop, &o->timer, o->begin_ns + COMMAND_MAX_NS);
        else
            finish(o, false, e.text);
        return;
    }
    o->context.http->request(o->context.http,
                             &(struct http_request){.method = "GET",
                                                    .url = buf_text(&o->target),
                                                    .ca_file = o->ca_file,
                                                    .timeout_ns = HTTP_TIMEOUT_NS},
                             on_answer, o);
}

static void on_timer(struct timer *t)
{
    struct poller *o = t->owner;

    if (!o->busy) {
        begin(o);
        return;
    }
    if (o->showing) {
        queue_show_stop(o->show);
        on_shown(o);
        return;
    }
    o->context.exec->kill(o->context.exec, o->child);
    o->child = NULL;
    finish(o, false, "the command took too long");
}

static void queue_scan(struct probe *p)
{
    struct poller *o = queue_of(p)->poller;

    if (o->all->asked == 0)
        o->all->asked = ++o->all->newest;
    if (o->busy && o->begin_ns == now_of(o)) { /* it begins from now on: the same question */
        o->full = true;
        o->wave = o->all->asked;
        return;
    }
    o->wanted = true;
    if (!o->busy)
        timer_arm(o->context.loop, &o->timer, now_of(o));
}

/* Pollers. */

static void poller_destroy(struct poller *o)
{
    if (!o)
        return;
    if (o->context.http)
        o->context.http->forget(o->context.http, o);
    if (o->child)
        o->context.exec->kill(o->context.exec, o->child);
    timer_disarm(o->context.loop, &o->timer);
    queue_show_destroy(o->show);
    queue_reader_fini(&o->reader);
    queue_list_fini(&o->list);
    buf_fini(&o->target);
    free(o->known);
    free(o);
}

/* A command, as the profile or the format has it; {id} and {ids} are left for later. */
static bool fill_argv(const struct probe_context *c, const char *key, const char *const *argv,
                      uint32_t server, struct buf *out, struct err *e)
{
    const struct server *s = &c->work->profile->site.servers[server];
    const struct template_word words[] = {
        {"server", s->name, false}, {"control", s->control, true}, {"id", "{id}", true},
        {"ids", "{ids}", true},     {NULL, NULL, false},
    };

    for (uint32_t i = 0; argv && argv[i]; i++) {
        if (i == ARGUMENTS_MAX)
            return err_set(e, EX_BAD_PROFILE, "%s: more than %d arguments", key, ARGUMENTS_MAX);
        if (!template_fill(argv[i], words, TEMPLATE_PLAIN, out, e))
            return false;
        if (!buf_add(out, "", 1))
            return err_set(e, EX_BAD_PROFILE, "%s: arguments grew too long", key);
    }
    return true;
}

static bool fill_target(const struct probe_context *c, const struct probe_profile *how,
                        uint32_t server, struct buf *out, struct err *e)
{
    const struct server *s = &c->work->profile->site.servers[server];
    const struct template_word words[] = {
        {"server", s->name, false}, {"control", s->control, true}, {NULL, NULL, false}};
    const struct queue_format *format = how ? queue_format_of(how->type) : NULL;

    if (!how)
        return true;
    if (how->type == PROBE_QUEUE_HTTP)
        return how->url && *how->url
                   ? template_fill(how->url, words, TEMPLATE_URL, out, e)
                   : err_set(e, EX_BAD_PROFILE, "no url: expected \"{control}/v1/queues\"");
    if (!c->exec)
        return err_set(e, EX_BAD_PROFILE, "commands cannot be run here");
    if (!template_check_name("server", s->name, e) ||
        !fill_argv(c, "argv", how->argv || !format ? how->argv : format->argv, server, out, e))
        return false;
    return out->n > 0 || err_set(e, EX_BAD_PROFILE, "no argv: expected a command");
}

/* What shows messages: as the profile says, or as goes with the listing. */
static bool make_show(struct poller *o, struct err *e)
{
    struct queue_show_argv usual;
    struct buf argv;
    bool ok = o->how->show || queue_format_show(o->format, o->how->argv, &usual, e);

    buf_init(&argv, URL_MAX);
    if (ok && fill_argv(&o->context, "show", o->how->show ? o->how->show : usual.argv, o->server,
                        &argv, e))
        o->show = queue_show_create(&o->context, o->format, &argv, e);
    buf_fini(&argv);
    return o->show;
}

static struct poller *poller_create(const struct probe_context *c, const struct probe_profile *how,
                                    uint32_t server, struct err *e)
{
    struct poller *o = calloc(1, sizeof *o);

    if (!o) {
        (void)err_set(e, EX_IO, "out of memory for a queue probe");
        return NULL;
    }
    o->context = *c;
    o->how = how;
    o->server = server;
    o->format = how ? queue_format_of(how->type) : NULL;
    o->ca_file = c->work->profile->site.servers[server].ca_file;
    timer_init(&o->timer, on_timer, o);
    buf_init(&o->target, URL_MAX);
    if (!queue_list_init(&o->list, &c->work->profile->site, c->key))
        (void)err_set(e, EX_IO, "out of memory for a queue probe");
    else if (fill_target(c, how, server, &o->target, e) && (!o->format || make_show(o, e)))
        return o;
    poller_destroy(o);
    return NULL;
}

/* A listing that names no servers is one server's. */
static bool is_shared(const struct poller *o, uint32_t server, struct err *e)
{
    const struct server *servers = o->context.work->profile->site.servers;

    return !o->format || o->format->names_servers ||
           err_set(e, EX_BAD_PROFILE,
                   "the same command lists the queues of %.60s and %.60s; put {server} into argv, "
                   "or name under \"servers\" who has queues",
                   servers[o->server].name, servers[server].name);
}

/* The poller that asks the same already, or a new one. */
static struct poller *poller_join(struct probe_queues *qs, const struct probe_context *c,
                                  const struct probe_profile *how, uint32_t server, struct err *e)
{
    struct poller *made = poller_create(c, how, server, e);

    for (struct poller *o = qs->pollers; made && o; o = o->next)
        if (o->how == how && o->target.n == made->target.n &&
            (o->target.n == 0 || memcmp(o->target.p, made->target.p, o->target.n) == 0)) {
            poller_destroy(made);
            return is_shared(o, server, e) ? o : NULL;
        }
    if (made) {
        made->all = qs;
        made->next = qs->pollers;
        qs->pollers = made;
        timer_arm(c->loop, &made->timer, loop_now(c->loop));
    }
    return made;
}

static void poller_leave(struct queue_probe *q)
{
    struct poller *o = q->poller;
    struct queue_probe **at = &o->members;

    while (*at != q)
        at = &(*at)->next;
    *at = q->next;
    if (o->members)
        return;
    struct poller **from = &o->all->pollers;

    while (*from != o)
        from = &(*from)->next;
    *from = o->next;
    poller_destroy(o);
}

/* The driver. */

const struct probe_ops *probe_queue_ops(const struct probe_profile *how)
{
    if (!how)
        return &probe_queue_none;
    for (size_t i = 0; probe_table[i]; i++)
        if (strcmp(probe_table[i]->name, probe_type_names[how->type]) == 0)
            return probe_table[i];
    PM_UNREACHABLE();
}

static struct probe *queue_open(const struct probe_context *c, const struct probe_profile *how,
                                uint32_t mailbox, uint32_t server, struct err *e)
{
    struct queue_probe *q = calloc(1, sizeof *q);

    if (!q || (!c->queues && !(q->own = probe_queues_create()))) {
        free(q);
        (void)err_set(e, EX_IO, "out of memory for a queue probe");
        return NULL;
    }
    q->p = (struct probe){
        .ops = probe_queue_ops(how), .mailbox = mailbox, .server = server, .why = ""};
    q->poller = poller_join(c->queues ? c->queues : q->own, c, how, server, e);
    if (!q->poller) {
        probe_queues_destroy(q->own);
        free(q);
        (void)err_wrap(e, "queues of %s", c->work->profile->site.servers[server].name);
        return NULL;
    }
    q->next = q->poller->members;
    q->poller->members = q;
    return &q->p;
}

static void queue_close(struct probe *p)
{
    struct queue_probe *q = queue_of(p);

    poller_leave(q);
    probe_queues_destroy(q->own);
    free(q);
}

struct probe_queues *probe_queues_create(void)
{
    return calloc(1, sizeof(struct probe_queues));
}

void probe_queues_destroy(struct probe_queues *qs)
{
    PM_ASSERT(!qs || !qs->pollers);
    free(qs);
}

void probe_queues_used(struct probe_queues *qs, uint32_t waves)
{
    qs->newest = waves;
}

uint32_t probe_queues_wave(struct probe_queues *qs)
{
    return qs->asked = ++qs->newest;
}

#define QUEUE_OPS(word, sentence)                                                                  \
    {                                                                                              \
        .name = (word), .help = (sentence), .sees = SEES_QUEUE, .open = queue_open,                \
        .scan = queue_scan, .close = queue_close,                                                  \
    }

const struct probe_ops probe_queue_http = QUEUE_OPS("http", "lists queues over HTTP, as JSON");
const struct probe_ops probe_queue_exec =
    QUEUE_OPS("exec", "lists queues by a command of yours, one line an entry");
const struct probe_ops probe_queue_postfix =
    QUEUE_OPS("postfix", "lists a Postfix queue by postqueue -j");
const struct probe_ops probe_queue_exim = QUEUE_OPS("exim", "lists an Exim queue by exim -bp");
const struct probe_ops probe_queue_opensmtpd =
    QUEUE_OPS("opensmtpd", "lists an OpenSMTPD queue by smtpctl show queue");
const struct probe_ops probe_queue_sendmail =
    QUEUE_OPS("sendmail", "lists a queue by mailq, as Sendmail prints it");
const struct probe_ops probe_queue_exchange =
    QUEUE_OPS("exchange", "lists Exchange's queues by a command of yours that prints CSV");
const struct probe_ops probe_queue_none =
    QUEUE_OPS("none", "says of a server that it has no queues");
