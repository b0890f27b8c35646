/* home_imap.c - the home is the server whose IMAP has the mailbox: every server is asked, each in a session of its own.
 *
 * With `list`, a user who sees everybody's mailboxes asks for the mailbox's name; without, the mailbox's own log-on opens
 * INBOX. A server says yes, no (no such user, no such mailbox, not listed), names another one (RFC 2221 and 2193 referrals),
 * or says nothing of use. One yes is enough, whoever else is down; without any, a server that said nothing may have it, so
 * that nothing is known. Each question has its visits, all gone before it is answered.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "probes/home_driver.h"
#include "wire/imap.h"

#define AT_ONCE     4
#define PATIENCE_NS (10 * NS_PER_S)
#define PIECE_BYTES 4096
#define LINES_MAX   1000 /* of a server's answer */
#define NAME_MAX    1000
#define WHY_MAX     200

struct inquiry;

struct visit {
    struct inquiry *of;
    uint32_t server;
    struct stream *stream; /* NULL: dialling, or over */
    struct imap_in in;
    struct buf out;
    struct timer limit;
    unsigned lines;
    bool over, listed;
};

struct inquiry {
    struct home_imap *h;
    void *owner;       /* NULL: free */
    struct mailbox as; /* who logs on */
    struct buf user, name;
    struct home_claims claims;
    unsigned open;
    bool unsure; /* some server said nothing of use */
    char why[WHY_MAX];
    struct visit *visits; /* one a server */
};

struct home_imap {
    struct home_driver d;   /* first */
    struct server *servers; /* as they are dialled */
    struct inquiry inquiries[AT_ONCE];
};

static const struct server *server_of(const struct visit *v)
{
    return &v->of->h->servers[v->server];
}

/* ---- what servers say ---- */

static void leave(struct visit *v)
{
    struct home_imap *h = v->of->h;

    h->d.context.dial->forget(h->d.context.dial, v);
    timer_disarm(h->d.context.loop, &v->limit);
    stream_close(v->stream);
    v->stream = NULL;
    imap_in_fini(&v->in);
    buf_fini(&v->out);
    v->over = true;
}

/* The visit is over; with the last one, so is the inquiry. */
static void visit_ends(struct visit *v)
{
    struct inquiry *q = v->of;
    struct home_claims claims = q->claims;
    void *owner = q->owner;
    char why[WHY_MAX];

    leave(v);
    if (--q->open > 0)
        return;
    (void)snprintf(why, sizeof why, "%s", q->unsure ? q->why : "no server has it");
    q->owner = NULL;
    buf_clear(&q->user);
    buf_clear(&q->name);
    q->h->d.answered(owner, &claims, why);
}

static void says_nothing(struct visit *v, const char *why)
{
    char said[WHY_MAX];

    v->of->unsure = true;
    (void)snprintf(v->of->why, sizeof v->of->why, "%.40s: %.150s", server_of(v)->name,
                   text_clean(said, sizeof said, slice_of(why)));
    visit_ends(v);
}

static bool is_host_of(const struct server *s, struct slice host)
{
    struct slice rest = slice_of(s->imap.text), own;

    (void)slice_cut(&rest, ':', &own);
    return own.n > 0 && own.n == host.n && memcmp(own.p, host.p, own.n) == 0;
}

/* true: the line says that the mailbox is elsewhere; where, is a claim if it is a server of ours. */
static bool take_referral(struct visit *v, struct slice line)
{
    const struct site *site = v->of->h->d.site;
    struct slice all, host;
    uint32_t named = SITE_NONE;

    if (!imap_referral(line, &all))
        return false;
    (void)slice_cut(&all, ':', &host);
    for (uint32_t i = 0; i < site->server_count && named == SITE_NONE; i++)
        if (is_host_of(&site->servers[i], host))
            named = i;
    if (named == SITE_NONE)
        named = home_named(site, host);
    if (named != SITE_NONE)
        home_claim(&v->of->claims, named);
    return true;
}

static void take_tagged(struct visit *v, const struct imap_response *r)
{
    char line[IMAP_PRINT];

    imap_print_line(r, line);
    if (take_referral(v, r->line) || imap_denies_mailbox(r)) {
        visit_ends(v);
        return;
    }
    if (r->status != IMAP_OK) {
        says_nothing(v, line);
        return;
    }
    if (v->listed || !v->of->h->d.how->list)
        home_claim(&v->of->claims, v->server);
    visit_ends(v);
}

/* false: the visit is over. */
static bool take(struct visit *v, const struct imap_response *r)
{
    char line[IMAP_PRINT];

    if (++v->lines > LINES_MAX) {
        says_nothing(v, "the server says too much");
        return false;
    }
    if (r->kind == IMAP_TAGGED) {
        take_tagged(v, r);
        return false;
    }
    if (r->kind == IMAP_STATUS && r->status == IMAP_BYE) {
        imap_print_line(r, line);
        says_nothing(v, line);
        return false;
    }
    v->listed |= imap_is_listed(r);
    return true;
}

/* ---- sessions ---- */

/* false: the visit is over. */
static bool send_out(struct visit *v)
{
    bool ok = stream_send(v->stream, &v->out);

    if (!ok)
        says_nothing(v, stream_error(v->stream));
    return ok;
}

static bool take_all(struct visit *v)
{
    struct imap_response r;
    enum imap_answer a;

    while ((a = imap_in_next(&v->in, &r)) == IMAP_DONE)
        if (!take(v, &r))
            return false;
    if (a == IMAP_BAD)
        says_nothing(v, v->in.error);
    return a != IMAP_BAD;
}

static void on_ready(struct stream *s, unsigned what)
{
    struct visit *v = s->owner;

    if ((what & STREAM_WRITABLE) && !send_out(v))
        return;
    while (what & STREAM_READABLE) {
        unsigned char *room = imap_in_room(&v->in, PIECE_BYTES);
        long n = room ? stream_read(s, room, PIECE_BYTES) : STREAM_BROKEN;

        if (n == STREAM_AGAIN)
            return;
        if (n <= 0) {
            says_nothing(v, !room             ? v->in.error
                            : n == STREAM_END ? "the server closed the session"
                                              : stream_error(s));
            return;
        }
        imap_in_took(&v->in, (size_t)n);
        if (!take_all(v))
            return;
    }
}

static void on_dialed(void *owner, enum dial_answer answer, struct stream *s, const char *why)
{
    struct visit *v = owner;
    const struct inquiry *q = v->of;

    if (answer != DIAL_OK) {
        /* Where everybody's mailboxes are listed, a refused log-on is an administrator's and says nothing of the mailbox. */
        if (take_referral(v, slice_of(why)) || (answer == DIAL_ABSENT && !q->h->d.how->user))
            visit_ends(v);
        else
            says_nothing(v, why);
        return;
    }
    v->stream = s;
    s->ready = on_ready;
    s->owner = v;
    if (q->h->d.how->list)
        (void)imap_put_list(&v->out, 1, (const char *)q->name.p);
    else
        (void)imap_put_examine(&v->out, 1);
    (void)send_out(v);
}

static void on_limit(struct timer *t)
{
    says_nothing(t->owner, "no answer in time");
}

/* ---- the driver ---- */

static bool is_asked(const struct server *s)
{
    return !s->ours && (s->imap.text || s->imap.addr.family != 0);
}

static bool put_names(const struct home_imap *h, const struct mailbox *box, struct inquiry *q,
                      struct err *e)
{
    const struct lookup_profile *how = h->d.how;

    q->as = *box;
    if (!q->as.user)
        q->as.user = box->address;
    if (how->user) {
        if (!home_fill(box, how->user, false, &q->user, e) || !buf_add(&q->user, "", 1))
            return false;
        q->as.user = (const char *)q->user.p;
        q->as.password = how->password;
    }
    return !how->list ||
           (home_fill(box, how->list, false, &q->name, e) && buf_add(&q->name, "", 1));
}

static void imap_ask(struct home_driver *d, uint32_t mailbox, void *owner)
{
    struct home_imap *h = (struct home_imap *)d;
    struct inquiry *q = h->inquiries;
    struct err e;

    while (q->owner)
        PM_ASSERT(++q < h->inquiries + AT_ONCE);
    q->owner = owner;
    q->unsure = false;
    q->claims.count = 0;
    q->open = 0;
    PM_ASSERT(put_names(h, &d->site->mailboxes[mailbox], q, &e)); /* it could at the beginning */
    for (uint32_t i = 0; i < d->site->server_count; i++)
        q->open += is_asked(&h->servers[i]);
    for (uint32_t i = 0; i < d->site->server_count; i++) {
        struct visit *v = &q->visits[i];

        if (!is_asked(&h->servers[i]))
            continue;
        *v = (struct visit){.of = q, .server = i};
        imap_in_init(&v->in);
        buf_init(&v->out, PIECE_BYTES);
        timer_init(&v->limit, on_limit, v);
        timer_arm(d->context.loop, &v->limit, loop_now(d->context.loop) + PATIENCE_NS);
        d->context.dial->open(d->context.dial, &h->servers[i], &q->as, on_dialed, v);
    }
}

static void imap_destroy(struct home_driver *d)
{
    struct home_imap *h = (struct home_imap *)d;

    for (unsigned k = 0; h && k < AT_ONCE; k++) {
        struct inquiry *q = &h->inquiries[k];

        for (uint32_t i = 0; q->owner && i < d->site->server_count; i++)
            if (is_asked(&h->servers[i]) && !q->visits[i].over)
                leave(&q->visits[i]);
        buf_fini(&q->user);
        buf_fini(&q->name);
        free(q->visits);
    }
    if (h)
        free(h->servers);
    free(h);
}

/* A name with a wildcard would list others, too. */
static bool check_list(const struct mailbox *box, const struct buf *name, struct err *e)
{
    for (size_t i = 0; i + 1 < name->n; i++)
        if (name->p[i] < ' ' || name->p[i] > '~' || name->p[i] == '*' || name->p[i] == '%')
            return err_set(e, EX_BAD_PROFILE, "list: mailbox %.100s: no wildcards, ASCII only",
                           box->name);
    return true;
}

static bool check(struct home_imap *h, struct err *e)
{
    struct inquiry *q = &h->inquiries[0];
    unsigned asked = 0;
    bool ok = true;

    for (uint32_t i = 0; i < h->d.site->server_count; i++)
        asked += is_asked(&h->servers[i]);
    if (asked == 0)
        return err_set(e, EX_BAD_PROFILE, "no server has an IMAP end point");
    for (uint32_t i = 0; ok && i < h->d.site->mailbox_count; i++) {
        ok = put_names(h, &h->d.site->mailboxes[i], q, e) &&
             check_list(&h->d.site->mailboxes[i], &q->name, e);
        buf_clear(&q->user);
        buf_clear(&q->name);
    }
    return ok;
}

static bool init(struct home_imap *h)
{
    uint32_t count = h->d.site->server_count;
    bool ok = true;

    h->servers = calloc(count + 1u, sizeof *h->servers);
    for (uint32_t i = 0; h->servers && i < count; i++) {
        h->servers[i] = h->d.site->servers[i];
        if (h->d.how->user) /* logs on as himself */
            h->servers[i].imap_master = NULL;
    }
    for (unsigned k = 0; k < AT_ONCE; k++) {
        struct inquiry *q = &h->inquiries[k];

        q->h = h;
        buf_init(&q->user, NAME_MAX);
        buf_init(&q->name, NAME_MAX);
        q->visits = calloc(count + 1u, sizeof *q->visits);
        ok = ok && q->visits;
    }
    return ok && h->servers;
}

static struct home_driver *imap_create(const struct home_driver *common, struct err *e)
{
    struct home_imap *h = calloc(1, sizeof *h);

    if (h) {
        h->d = *common;
        if (init(h)) {
            if (check(h, e))
                return &h->d;
            imap_destroy(&h->d);
            return NULL;
        }
        imap_destroy(&h->d);
    }
    (void)err_set(e, EX_IO, "out of memory for IMAP look-ups");
    return NULL;
}

const struct home_driver_ops home_imap = {
    .name = "imap",
    .at_once = AT_ONCE,
    .create = imap_create,
    .ask = imap_ask,
    .destroy = imap_destroy,
};
