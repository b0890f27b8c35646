/* dial_pop3.c - greeting, USER, PASS, and what a refusal of either means. */
#include "probes/dial_pop3.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "wire/pop3.h"

#define PATIENCE_NS  (30 * NS_PER_S)
#define PIECE_BYTES  4096
#define COMMANDS_MAX 4096

enum step { STEP_GREETING, STEP_USER, STEP_PASS };

struct dial_pop3_attempt {
    struct dial_pop3 *of;
    struct dial_pop3_attempt *next;
    struct stream *stream;
    struct timer timer;
    struct pop3_in in;
    struct buf out;
    enum step step;
    const char *user, *password;
    char why[512];
    void (*done)(void *owner, enum dial_answer answer, struct stream *s, const char *why);
    void *owner;
};

enum dial_answer dial_pop3_refusal(const char *server_line)
{
    switch (pop3_refusal(slice_of(server_line))) {
    case POP3_NO:
        return DIAL_ABSENT;
    case POP3_LATER:
        return DIAL_BUSY;
    case POP3_FAULT:
        break;
    }
    return DIAL_DOWN;
}

static void free_attempt(struct dial_pop3_attempt *a)
{
    struct dial_pop3_attempt **at = &a->of->attempts;

    while (*at && *at != a)
        at = &(*at)->next;
    if (*at)
        *at = a->next;
    timer_disarm(a->of->loop, &a->timer);
    stream_close(a->stream);
    pop3_in_fini(&a->in);
    buf_fini(&a->out);
    free(a);
}

static void answer(struct dial_pop3_attempt *a, enum dial_answer answer)
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

static void fail(struct dial_pop3_attempt *a, const char *why)
{
    (void)snprintf(a->why, sizeof a->why, "%s", why);
    answer(a, DIAL_DOWN);
}

/* false: the attempt is over. */
static bool send_out(struct dial_pop3_attempt *a)
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

static bool say(struct dial_pop3_attempt *a, enum step step, const char *word, const char *what)
{
    a->step = step;
    if (strpbrk(what, "\r\n") || !buf_add_format(&a->out, "%s %s\r\n", word, what)) {
        fail(a, "user name or password cannot be said in POP3");
        return false;
    }
    return send_out(a);
}

/* A server that greets with -ERR has nothing to say about the mailbox. */
static void refuse(struct dial_pop3_attempt *a, struct slice line)
{
    enum dial_answer means;

    (void)text_clean(a->why, sizeof a->why, line);
    means = dial_pop3_refusal(a->why);
    answer(a, means == DIAL_ABSENT && a->step == STEP_GREETING ? DIAL_BUSY : means);
}

/* false: the attempt is over. */
static bool take(struct dial_pop3_attempt *a, const struct pop3_response *r)
{
    if (!r->ok) {
        refuse(a, r->line);
        return false;
    }
    switch (a->step) {
    case STEP_GREETING:
        return say(a, STEP_USER, "USER", a->user);
    case STEP_USER:
        return say(a, STEP_PASS, "PASS", a->password);
    case STEP_PASS:
        answer(a, DIAL_OK);
        return false;
    }
    return false;
}

/* false: the attempt is over. */
static bool take_all(struct dial_pop3_attempt *a)
{
    struct pop3_response r;
    enum pop3_answer got;

    while ((got = pop3_in_next(&a->in, false, &r)) == POP3_DONE)
        if (!take(a, &r))
            return false;
    if (got == POP3_AGAIN)
        return true;
    fail(a, a->in.error);
    return false;
}

static void attempt_ready(struct stream *s, unsigned what)
{
    struct dial_pop3_attempt *a = s->owner;

    if ((what & STREAM_WRITABLE) && !send_out(a))
        return;
    while (what & STREAM_READABLE) {
        unsigned char *room = pop3_in_room(&a->in, PIECE_BYTES);
        long n = room ? stream_read(s, room, PIECE_BYTES) : STREAM_BROKEN;

        if (n == STREAM_AGAIN)
            return;
        if (n <= 0) {
            fail(a, n == STREAM_END ? "closed during log-on" : stream_error(s));
            return;
        }
        pop3_in_took(&a->in, (size_t)n);
        if (!take_all(a))
            return;
    }
}

static void attempt_timer(struct timer *t)
{
    struct dial_pop3_attempt *a = t->owner;

    if (a->stream)
        fail(a, "no answer to log-on in time");
    else
        answer(a, DIAL_DOWN); /* why was said when it was opened */
}

void dial_pop3_open(struct dial_pop3 *d, const struct server *server, const struct mailbox *mailbox,
                    void (*done)(void *owner, enum dial_answer answer, struct stream *s,
                                 const char *why),
                    void *owner)
{
    struct dial_pop3_attempt *a = calloc(1, sizeof *a);
    struct err e;

    PM_ASSERT(a);
    a->of = d;
    a->next = d->attempts;
    d->attempts = a;
    a->done = done;
    a->owner = owner;
    a->user = mailbox->user ? mailbox->user : mailbox->address;
    a->password = mailbox->password ? mailbox->password : "";
    pop3_in_init(&a->in);
    buf_init(&a->out, COMMANDS_MAX);
    timer_init(&a->timer, attempt_timer, a);
    if (server->pop3.tls != TLS_NONE)
        (void)snprintf(a->why, sizeof a->why, "%s", "this dialer speaks no TLS");
    else if (server->pop3.addr.family == 0)
        (void)snprintf(a->why, sizeof a->why, "%s", "the server has no POP3 end point");
    else if (!(a->stream =
                   loop_connect(d->loop, d->guard, &server->pop3.addr, attempt_ready, a, &e)))
        (void)snprintf(a->why, sizeof a->why, "%s", e.text);
    timer_arm(d->loop, &a->timer, a->stream ? loop_now(d->loop) + PATIENCE_NS : 0);
}

void dial_pop3_forget(struct dial_pop3 *d, bool all, const void *owner)
{
    struct dial_pop3_attempt *next;

    for (struct dial_pop3_attempt *a = d->attempts; a; a = next) {
        next = a->next;
        if (all || a->owner == owner)
            free_attempt(a);
    }
}
