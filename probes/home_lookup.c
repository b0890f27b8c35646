/* home_lookup.c - which server the directory says a mailbox lives on.
 *
 * Mailboxes that wait to be asked for stand in a ring, each at most once, so that a run with thousands of them floods
 * nobody. A question that comes while the same mailbox is being asked for leads to another one afterwards: an answer
 * counts from when it was asked.
 */
#include "probes/home_lookup.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/template.h"
#include "base/text.h"
#include "probes/home_driver.h"

#define REQUESTS        8
#define COMMANDS        2
#define ARGUMENTS_MAX   64
#define WHY_MAX         200
#define HTTP_TIMEOUT_NS (10 * NS_PER_S)
#define COMMAND_MAX_NS  (30 * NS_PER_S)
#define TARGET_MAX      4096u

struct box {
    struct home_lookup *h;
    struct timer timer;
    uint32_t mailbox, home;
    uint32_t watches, turn; /* turn: which server's control is asked */
    unsigned failures;
    bool queued, busy, again;
    uint64_t begin_ns;
};

struct question {
    struct home_lookup *h;
    struct box *box; /* NULL: free */
    struct child *child;
    struct timer limit;                /* gives a command up */
    char said[WHY_MAX], last[WHY_MAX]; /* first line of stdout, last of stderr */
};

struct home_lookup {
    struct probe_context context;
    const struct lookup_profile *how;
    const struct site *site;
    struct box *boxes;
    uint32_t *ring; /* of mailboxes that wait */
    uint32_t head, waiting;
    struct question questions[REQUESTS];
    unsigned at_once;
    const struct home_driver_ops *ops; /* NULL: a URL or a command is asked */
    struct home_driver *driver;
    void (*answered)(void *owner, uint32_t mailbox, const struct home_answer *a);
    void *owner;
};

struct reading {
    uint32_t home, whose;
    bool differ;
};

/* Answers. */

static uint32_t server_field(const struct site *site, const json_t *in, const char *key)
{
    const char *name = json_string_value(json_object_get(in, key));

    return name ? site_server(site, name) : SITE_NONE;
}

static bool read_directories(const struct site *site, const json_t *all, struct reading *r,
                             struct err *e)
{
    json_int_t best = 0;

    *r = (struct reading){SITE_NONE, NO_INDEX, false};
    for (size_t i = 0; i < json_array_size(all); i++) {
        const json_t *in = json_array_get(all, i);
        uint32_t home = server_field(site, in, "home"), whose = server_field(site, in, "server");
        json_int_t version = json_integer_value(json_object_get(in, "version"));

        if (home == SITE_NONE)
            continue;
        r->differ |= r->home != SITE_NONE && r->home != home;
        if (r->home != SITE_NONE && version <= best)
            continue;
        best = version;
        r->home = home;
        r->whose = whose == SITE_NONE ? NO_INDEX : whose;
    }
    return r->home != SITE_NONE || err_set(e, EX_WIRE, "no directory names a server of ours");
}

static bool read_json(const struct site *site, struct slice text, struct reading *r, struct err *e)
{
    json_error_t bad;
    json_t *all = json_loadb((const char *)text.p, text.n, 0, &bad);
    const json_t *directories = json_object_get(all, "directories");
    bool ok = true;

    *r = (struct reading){server_field(site, all, "home"), NO_INDEX, false};
    if (!all)
        ok = err_set(e, EX_WIRE, "no JSON: %.100s", bad.text);
    else if (json_is_array(directories))
        ok = read_directories(site, directories, r, e);
    else if (r->home == SITE_NONE)
        ok = err_set(e, EX_WIRE, "JSON that names no home of ours");
    json_decref(all);
    return ok;
}

static void ask_next(struct home_lookup *h);

static void journal_home(const struct home_lookup *h, const struct box *b, const struct reading *r)
{
    (void)journal_add(
        h->context.journal,
        &(struct event){.t_ns = clock_target(h->context.clock, loop_now(h->context.loop)),
                        .kind = EV_HOME,
                        .place = (uint16_t)r->home,
                        .code = r->whose,
                        .a = b->mailbox});
}

static void look_again(struct home_lookup *h, struct box *b)
{
    uint64_t period_ns = h->how->period_real_ns > 0 ? h->how->period_real_ns : NS_PER_MS;
    unsigned doublings = b->failures < 6 ? b->failures : 5;

    if (b->again)
        home_lookup_ask(h, b->mailbox);
    else if (b->watches > 0)
        timer_arm(h->context.loop, &b->timer, loop_now(h->context.loop) + (period_ns << doublings));
}

/* r NULL: it failed, and `why` says how. */
static void answer(struct question *q, const struct reading *r, const char *why)
{
    struct home_lookup *h = q->h;
    struct box *b = q->box;
    struct home_answer a = {.ok = r,
                            .differ = r && r->differ,
                            .home = r ? r->home : b->home,
                            .was = b->home,
                            .begin_ns = b->begin_ns,
                            .why = r ? "" : why};

    timer_disarm(h->context.loop, &q->limit);
    q->box = NULL;
    b->busy = false;
    b->failures = a.failures = r ? 0 : b->failures + 1;
    b->turn += !r;
    if (r && b->home != r->home) {
        b->home = r->home;
        journal_home(h, b, r);
    }
    look_again(h, b);
    h->answered(h->owner, b->mailbox, &a);
    ask_next(h);
}

static void on_answer(void *owner, const struct http_answer *a)
{
    struct question *q = owner;
    struct reading r;
    struct err e = {0};
    char said[WHY_MAX];

    if (a->status == 0)
        (void)err_set(&e, EX_WIRE, "no answer: %.150s", a->error);
    else if (a->status / 100 != 2)
        (void)err_set(&e, EX_WIRE, "HTTP %d: %s", a->status, text_clean(said, 100, a->body));
    else if (read_json(q->h->site, a->body, &r, &e)) {
        answer(q, &r, "");
        return;
    }
    answer(q, NULL, text_clean(said, sizeof said, slice_of(e.text)));
}

/* Commands. */

static void on_line(void *owner, struct slice line, bool is_error)
{
    struct question *q = owner;
    char *kept = is_error ? q->last : q->said;

    if (slice_trim(line).n > 0 && (is_error || !*kept))
        (void)text_clean(kept, WHY_MAX, line);
}

static void on_exit_status(void *owner, int status, const char *words)
{
    struct question *q = owner;
    struct reading r = {site_server(q->h->site, q->said), NO_INDEX, false};
    char why[WHY_MAX];

    q->child = NULL;
    if (status == 0 && r.home != SITE_NONE) {
        answer(q, &r, "");
        return;
    }
    if (status != 0)
        (void)snprintf(why, sizeof why, "%.60s%s%.120s", words, *q->last ? ": " : "", q->last);
    else
        (void)snprintf(why, sizeof why, "\"%.100s\" is no server of ours", q->said);
    answer(q, NULL, why);
}

static const struct child_handler handler = {.line = on_line, .ended = on_exit_status};

/* The command took too long, or could not be started. */
static void give_up(struct timer *t)
{
    struct question *q = t->owner;
    struct exec *x = q->h->context.exec;

    if (q->child) {
        x->kill(x, q->child);
        q->child = NULL;
        (void)snprintf(q->last, sizeof q->last, "the command took too long");
    }
    answer(q, NULL, q->last);
}

/* Drivers. */

/* Two servers that claim it: the one that is known stays the home, so that a move is not flipped before the old one lets go. */
static void on_claims(void *owner, const struct home_claims *claims, const char *why)
{
    struct question *q = owner;
    struct reading r = {SITE_NONE, NO_INDEX, claims->count > 1};
    char said[WHY_MAX];

    for (unsigned i = 0; i < claims->count; i++)
        if (r.home == SITE_NONE || claims->servers[i] == q->box->home)
            r.home = claims->servers[i];
    answer(q, r.home != SITE_NONE ? &r : NULL, text_clean(said, sizeof said, slice_of(why)));
}

static const struct home_driver_ops *driver_of(const struct lookup_profile *how)
{
    switch (how->type) {
    case LOOKUP_IMAP:
        return &home_imap;
    case LOOKUP_LDAP:
        return &home_ldap;
    case LOOKUP_HTTP:
    case LOOKUP_EXEC:
        break;
    }
    return NULL;
}

/* Questions. */

static const struct server *control_server(const struct home_lookup *h, const struct box *b)
{
    uint32_t count = h->site->server_count;
    uint32_t first = b->home != SITE_NONE ? b->home : h->site->mailboxes[b->mailbox].home;

    PM_ASSERT(count > 0);
    for (uint32_t i = 0; i < count; i++) {
        const struct server *s = &h->site->servers[(first + b->turn + i) % count];

        if (s->control)
            return s;
    }
    return &h->site->servers[first % count];
}

static bool fill(const struct home_lookup *h, const struct box *b, const char *text,
                 enum template_escape how, struct buf *out, struct err *e)
{
    const struct mailbox *box = &h->site->mailboxes[b->mailbox];
    const struct server *s = control_server(h, b);
    const struct template_word words[] = {
        {"mailbox", box->name, false},
        {"address", box->address, false},
        {"user", box->user ? box->user : box->name, false},
        {"control", s->control, true},
        {"server", s->name, false},
        {NULL, NULL, false},
    };

    return template_fill(text, words, how, out, e);
}

static bool fill_arguments(const struct home_lookup *h, const struct box *b, struct buf *all,
                           const char **argv, struct err *e)
{
    size_t at[ARGUMENTS_MAX], count = 0;

    for (const char *const *from = h->how->argv; from[count]; count++) {
        if (count == ARGUMENTS_MAX)
            return err_set(e, EX_BAD_PROFILE, "argv: more than %d arguments", ARGUMENTS_MAX);
        at[count] = all->n;
        if (!fill(h, b, from[count], TEMPLATE_PLAIN, all, e))
            return false;
        if (!buf_add(all, "", 1))
            return err_set(e, EX_BAD_PROFILE, "argv: arguments grew too long");
    }
    for (size_t i = 0; i < count; i++)
        argv[i] = (const char *)all->p + at[i];
    return count > 0 || err_set(e, EX_BAD_PROFILE, "argv: expected a command");
}

static void ask_command(struct question *q, struct buf *target)
{
    struct home_lookup *h = q->h;
    const char *argv[ARGUMENTS_MAX + 1] = {0};
    uint64_t now_ns = loop_now(h->context.loop);
    struct err e = {0};

    q->said[0] = q->last[0] = '\0';
    if (fill_arguments(h, q->box, target, argv, &e))
        q->child = h->context.exec->start(h->context.exec, argv, &handler, q, &e);
    if (!q->child)
        (void)text_clean(q->last, sizeof q->last, slice_of(e.text));
    timer_arm(h->context.loop, &q->limit, now_ns + (q->child ? COMMAND_MAX_NS : 0));
}

static void ask_now(struct question *q, struct box *b)
{
    struct home_lookup *h = q->h;
    struct buf target;
    struct err e = {0};

    q->box = b;
    b->busy = true;
    b->again = false;
    b->begin_ns = loop_now(h->context.loop);
    timer_disarm(h->context.loop, &b->timer);
    buf_init(&target, TARGET_MAX);
    if (h->ops) {
        h->ops->ask(h->driver, b->mailbox, q);
    } else if (h->how->argv) {
        ask_command(q, &target);
    } else if (fill(h, b, h->how->url, TEMPLATE_URL, &target, &e)) {
        h->context.http->request(h->context.http,
                                 &(struct http_request){.method = "GET",
                                                        .url = buf_text(&target),
                                                        .ca_file = control_server(h, b)->ca_file,
                                                        .timeout_ns = HTTP_TIMEOUT_NS},
                                 on_answer, q);
    } else {
        (void)text_clean(q->last, sizeof q->last, slice_of(e.text));
        timer_arm(h->context.loop, &q->limit, b->begin_ns);
    }
    buf_fini(&target);
}

static void ask_next(struct home_lookup *h)
{
    for (unsigned i = 0; i < h->at_once && h->waiting > 0; i++) {
        if (h->questions[i].box)
            continue;
        struct box *b = &h->boxes[h->ring[h->head]];

        h->head = (h->head + 1) % h->site->mailbox_count;
        h->waiting--;
        b->queued = false;
        ask_now(&h->questions[i], b);
    }
}

void home_lookup_ask(struct home_lookup *h, uint32_t mailbox)
{
    struct box *b = &h->boxes[mailbox];

    PM_ASSERT(mailbox < h->site->mailbox_count);
    if (b->queued)
        return;
    if (b->busy) {
        b->again |= b->begin_ns < loop_now(h->context.loop);
        return;
    }
    b->queued = true;
    h->ring[(h->head + h->waiting++) % h->site->mailbox_count] = mailbox;
    ask_next(h);
}

static void on_period(struct timer *t)
{
    struct box *b = t->owner;

    home_lookup_ask(b->h, b->mailbox);
}

void home_lookup_watch(struct home_lookup *h, uint32_t mailbox, bool on)
{
    struct box *b = &h->boxes[mailbox];

    PM_ASSERT(mailbox < h->site->mailbox_count && (on || b->watches > 0));
    b->watches += on ? 1u : UINT32_MAX;
    if (on)
        home_lookup_ask(h, mailbox);
    else if (b->watches == 0)
        timer_disarm(h->context.loop, &b->timer);
}

uint32_t home_lookup_home(const struct home_lookup *h, uint32_t mailbox)
{
    PM_ASSERT(mailbox < h->site->mailbox_count);
    return h->boxes[mailbox].home;
}

/* Life. */

/* Every mailbox's question can be put into words: found out before the run. */
static bool check(struct home_lookup *h, struct err *e)
{
    const char *argv[ARGUMENTS_MAX + 1];
    struct buf out;
    bool ok = true;

    if (h->ops) {
        const struct home_driver common = {h->context, h->how, h->site, on_claims};

        h->driver = h->ops->create(&common, e);
        return h->driver;
    }
    if (h->how->argv && !h->context.exec)
        return err_set(e, EX_BAD_PROFILE, "commands cannot be run here");
    if (!h->how->argv && (!h->how->url || !*h->how->url))
        return err_set(e, EX_BAD_PROFILE, "neither a url nor a command");
    buf_init(&out, TARGET_MAX);
    for (uint32_t i = 0; ok && i < h->site->mailbox_count; i++) {
        const struct mailbox *box = &h->site->mailboxes[i];

        buf_clear(&out);
        if (h->how->argv)
            ok = template_check_name("mailbox", box->name, e) &&
                 template_check_name("address", box->address, e) &&
                 (!box->user || template_check_name("user", box->user, e)) &&
                 fill_arguments(h, &h->boxes[i], &out, argv, e);
        else
            ok = fill(h, &h->boxes[i], h->how->url, TEMPLATE_URL, &out, e);
    }
    buf_fini(&out);
    return ok;
}

static bool init(struct home_lookup *h)
{
    h->boxes = calloc(h->site->mailbox_count + 1u, sizeof *h->boxes);
    h->ring = calloc(h->site->mailbox_count + 1u, sizeof *h->ring);
    h->ops = driver_of(h->how);
    h->at_once = h->ops ? h->ops->at_once : h->how->argv ? COMMANDS : REQUESTS;
    PM_ASSERT(h->at_once <= REQUESTS);
    for (unsigned i = 0; i < REQUESTS; i++) {
        h->questions[i].h = h;
        timer_init(&h->questions[i].limit, give_up, &h->questions[i]);
    }
    for (uint32_t i = 0; h->boxes && i < h->site->mailbox_count; i++) {
        struct box *b = &h->boxes[i];

        *b = (struct box){.h = h, .mailbox = i, .home = SITE_NONE};
        timer_init(&b->timer, on_period, b);
    }
    return h->boxes && h->ring;
}

struct home_lookup *home_lookup_create(const struct probe_context *c,
                                       void (*answered)(void *owner, uint32_t mailbox,
                                                        const struct home_answer *a),
                                       void *owner, struct err *e)
{
    struct home_lookup *h = calloc(1, sizeof *h);

    if (h) {
        h->context = *c;
        h->how = &c->work->profile->home_lookup;
        h->site = &c->work->profile->site;
        h->answered = answered;
        h->owner = owner;
        if (init(h)) {
            if (check(h, e))
                return h;
            (void)err_wrap(e, "home_lookup");
            home_lookup_destroy(h);
            return NULL;
        }
    }
    home_lookup_destroy(h);
    (void)err_set(e, EX_IO, "out of memory for home look-ups");
    return NULL;
}

void home_lookup_destroy(struct home_lookup *h)
{
    if (!h)
        return;
    if (h->ops)
        h->ops->destroy(h->driver);
    for (unsigned i = 0; i < REQUESTS; i++) {
        struct question *q = &h->questions[i];

        if (q->child)
            h->context.exec->kill(h->context.exec, q->child);
        if (h->context.http)
            h->context.http->forget(h->context.http, q);
        timer_disarm(h->context.loop, &q->limit);
    }
    for (uint32_t i = 0; h->boxes && i < h->site->mailbox_count; i++)
        timer_disarm(h->context.loop, &h->boxes[i].timer);
    free(h->boxes);
    free(h->ring);
    free(h);
}
