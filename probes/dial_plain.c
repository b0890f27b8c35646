/* dial_plain.c - a session over a plain stream of the loop: greeting, LOGIN, and what a refusal means.
 *
 * For the simulated world, and for servers without TLS. Each dial is a small struct in a list, freed when it was answered.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "probes/dial_pop3.h"
#include "wire/fields.h"
#include "wire/imap.h"

#define PATIENCE_NS   (30 * NS_PER_S)
#define PIECE_BYTES   4096
#define COMMANDS_MAX  16384
#define GREETINGS_MAX 100 /* untagged lines before the answer; a server that babbles is no server */

struct attempt {
    struct plain *plain;
    struct attempt *next;
    struct stream *stream;
    struct timer timer;
    struct imap_in in;
    struct imap_login login;
    struct buf out;
    bool greeted, more; /* more: the rest of LOGIN waits for "+" */
    unsigned lines;
    char why[512];
    void (*done)(void *owner, enum dial_answer answer, struct stream *s, const char *why);
    void *owner;
};

struct plain {
    struct dial dial; /* first */
    struct loop *loop;
    const struct guard *guard;
    struct attempt *attempts;
    struct dial_pop3 pop3;
};

/* The status word: the first of "NO text", the second of "p1 NO text" and "* BYE text". */
static bool has_status(struct slice line, const char *status)
{
    struct slice word;

    for (unsigned i = 0; i < 2 && line.n > 0; i++) {
        (void)slice_cut(&line, ' ', &word);
        if (slice_is_nocase(word, status))
            return true;
    }
    return false;
}

enum dial_answer dial_refusal(const char *server_line)
{
    static const char *const later[] = {
        "[INUSE]",     "[LIMIT]",  "[SERVERBUG]", "[OVERQUOTA]", "[CONTACTADMIN]",
        "unavailable", "temporar", "being moved", "try again",   "try later",
        "too many",    "in use",   "is locked",   "busy"};
    static const char *const unsafe[] = {"[PRIVACYREQUIRED]", "LOGINDISABLED"};
    struct slice line = slice_trim(slice_of(server_line));

    if (has_status(line, "BYE"))
        return DIAL_BUSY;
    if (has_status(line, "BAD"))
        return DIAL_DOWN;
    for (size_t i = 0; i < sizeof later / sizeof *later; i++)
        if (fields_has(line, later[i]))
            return DIAL_BUSY;
    for (size_t i = 0; i < sizeof unsafe / sizeof *unsafe; i++)
        if (fields_has(line, unsafe[i]))
            return DIAL_DOWN;
    return DIAL_ABSENT;
}

/* ---- one attempt ---- */

static void unlink_attempt(struct attempt *a)
{
    struct attempt **at = &a->plain->attempts;

    while (*at && *at != a)
        at = &(*at)->next;
    if (*at)
        *at = a->next;
}

static void free_attempt(struct attempt *a)
{
    unlink_attempt(a);
    timer_disarm(a->plain->loop, &a->timer);
    stream_close(a->stream);
    imap_in_fini(&a->in);
    buf_fini(&a->out);
    free(a);
}

static void answer(struct attempt *a, enum dial_answer answer)
{
    void (*done)(void *, enum dial_answer, struct stream *, const char *) = a->done;
    void *owner = a->owner;
    struct stream *s = a->stream;
    char why[sizeof a->why];

    memcpy(why, a->why, sizeof why);
    if (answer == DIAL_OK)
        a->stream = NULL;
    free_attempt(a);
    done(owner, answer, answer == DIAL_OK ? s : NULL, why);
}

static void fail(struct attempt *a, const char *why)
{
    (void)snprintf(a->why, sizeof a->why, "%s", why);
    answer(a, DIAL_DOWN);
}

/* false: the attempt is over. */
static bool send_out(struct attempt *a)
{
    while (a->out.n > 0) {
        long n = stream_write(a->stream, a->out.p, a->out.n);

        if (n == STREAM_AGAIN)
            return true;
        if (n < 0) {
            fail(a, stream_error(a->stream));
            return false;
        }
        buf_drop(&a->out, (size_t)n);
    }
    return true;
}

static bool log_in(struct attempt *a)
{
    if (!imap_login_next(&a->login, &a->out, &a->more)) {
        fail(a, "user name and password are too long");
        return false;
    }
    return send_out(a);
}

/* The server's line as a refusal. */
static void refuse(struct attempt *a, const struct imap_response *r)
{
    imap_print_line(r, a->why);
    answer(a, dial_refusal(a->why));
}

/* false: the attempt is over. */
static bool take(struct attempt *a, const struct imap_response *r)
{
    bool first = !a->greeted;

    if (++a->lines > GREETINGS_MAX) {
        fail(a, "the server says too much");
        return false;
    }
    if (first && r->kind != IMAP_STATUS) {
        fail(a, "no IMAP greeting");
        return false;
    }
    a->greeted = true;
    if (r->kind == IMAP_CONTINUE && a->more)
        return log_in(a);
    if (r->kind == IMAP_STATUS && (r->status == IMAP_BYE || (first && r->status == IMAP_NO))) {
        refuse(a, r);
        return false;
    }
    if (r->kind == IMAP_STATUS && first && r->status == IMAP_PREAUTH) {
        fail(a, "the server logs everybody on as somebody (PREAUTH)");
        return false;
    }
    if (first)
        return log_in(a);
    if (r->kind != IMAP_TAGGED)
        return true;
    if (r->status != IMAP_OK || a->more)
        refuse(a, r);
    else
        answer(a, DIAL_OK);
    return false;
}

/* false: the attempt is over. */
static bool take_all(struct attempt *a)
{
    struct imap_response r;
    enum imap_answer got;

    while ((got = imap_in_next(&a->in, &r)) == IMAP_DONE)
        if (!take(a, &r))
            return false;
    if (got == IMAP_BAD) {
        fail(a, a->in.error);
        return false;
    }
    return true;
}

static void attempt_ready(struct stream *s, unsigned what)
{
    struct attempt *a = s->owner;

    if ((what & STREAM_WRITABLE) && a->greeted && !send_out(a))
        return;
    if (!(what & STREAM_READABLE))
        return;
    for (;;) {
        unsigned char *room = imap_in_room(&a->in, PIECE_BYTES);
        long n = room ? stream_read(s, room, PIECE_BYTES) : STREAM_BROKEN;

        if (n == STREAM_AGAIN)
            return;
        if (n <= 0) {
            fail(a, n == STREAM_END ? "closed during log-on" : stream_error(s));
            return;
        }
        imap_in_took(&a->in, (size_t)n);
        if (!take_all(a))
            return;
    }
}

static void attempt_timer(struct timer *t)
{
    struct attempt *a = t->owner;

    if (a->stream)
        fail(a, "no answer to log-on in time");
    else
        answer(a, DIAL_DOWN); /* why was said when it was opened */
}

/* ---- the dial ---- */

static void plain_open(struct dial *d, const struct server *server, const struct mailbox *mailbox,
                       void (*done)(void *owner, enum dial_answer answer, struct stream *s,
                                    const char *why),
                       void *owner)
{
    struct plain *p = (struct plain *)d;
    struct attempt *a = calloc(1, sizeof *a);
    const char *password = server->imap_master ? server->imap_master_password : mailbox->password;
    struct err e;

    PM_ASSERT(a);
    a->plain = p;
    a->next = p->attempts;
    p->attempts = a;
    a->done = done;
    a->owner = owner;
    a->login = (struct imap_login){.user = mailbox->user ? mailbox->user : mailbox->address,
                                   .password = password ? password : "",
                                   .master = server->imap_master,
                                   .tag = 1};
    imap_in_init(&a->in);
    buf_init(&a->out, COMMANDS_MAX);
    timer_init(&a->timer, attempt_timer, a);
    if (server->imap.tls != TLS_NONE)
        (void)snprintf(a->why, sizeof a->why, "%s", "this dialer speaks no TLS");
    else if (server->imap.addr.family == 0)
        (void)snprintf(a->why, sizeof a->why, "%s", "the server has no IMAP end point");
    else if (!(a->stream =
                   loop_connect(p->loop, p->guard, &server->imap.addr, attempt_ready, a, &e)))
        (void)snprintf(a->why, sizeof a->why, "%s", e.text);
    timer_arm(p->loop, &a->timer, a->stream ? loop_now(p->loop) + PATIENCE_NS : 0);
}

static void plain_open_pop3(struct dial *d, const struct server *server,
                            const struct mailbox *mailbox,
                            void (*done)(void *owner, enum dial_answer answer, struct stream *s,
                                         const char *why),
                            void *owner)
{
    dial_pop3_open(&((struct plain *)d)->pop3, server, mailbox, done, owner);
}

static void forget_where(struct plain *p, bool all, const void *owner)
{
    struct attempt *a = p->attempts, *next;

    for (; a; a = next) {
        next = a->next;
        if (all || a->owner == owner)
            free_attempt(a);
    }
}

static void plain_forget(struct dial *d, void *owner)
{
    struct plain *p = (struct plain *)d;

    forget_where(p, false, owner);
    dial_pop3_forget(&p->pop3, false, owner);
}

struct dial *dial_plain_create(struct loop *l, const struct guard *g, struct err *e)
{
    struct plain *p = calloc(1, sizeof *p);

    if (!p) {
        (void)err_set(e, EX_IO, "out of memory");
        return NULL;
    }
    p->dial =
        (struct dial){.open = plain_open, .open_pop3 = plain_open_pop3, .forget = plain_forget};
    p->pop3 = (struct dial_pop3){.loop = l, .guard = g};
    p->loop = l;
    p->guard = g;
    return &p->dial;
}

void dial_plain_destroy(struct dial *d)
{
    struct plain *p = (struct plain *)d;

    if (p) {
        forget_where(p, true, NULL);
        dial_pop3_forget(&p->pop3, true, NULL);
    }
    free(p);
}
