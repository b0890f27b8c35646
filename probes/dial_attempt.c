/* dial_attempt.c - what every attempt to log on does alike: connect, send, read, wait, answer once, and be gone. */
#include "probes/dial_attempt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

#define PATIENCE_NS (30 * NS_PER_S)
#define PIECE_BYTES 4096

static void free_attempt(struct dial_attempt *a)
{
    struct dial_attempt **at = &a->of->newest;

    while (*at != a)
        at = &(*at)->next;
    *at = a->next;
    timer_disarm(a->of->loop, &a->timer);
    stream_close(a->stream);
    a->protocol->fini(a);
    buf_fini(&a->out);
    free(a);
}

void dial_attempt_answer(struct dial_attempt *a, enum dial_answer answer)
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

void dial_attempt_fail(struct dial_attempt *a, const char *why)
{
    (void)snprintf(a->why, sizeof a->why, "%s", why);
    dial_attempt_answer(a, DIAL_DOWN);
}

bool dial_attempt_send(struct dial_attempt *a)
{
    bool ok = stream_send(a->stream, &a->out);

    if (!ok)
        dial_attempt_fail(a, stream_error(a->stream));
    return ok;
}

static void on_ready(struct stream *s, unsigned what)
{
    struct dial_attempt *a = s->owner;

    if ((what & STREAM_WRITABLE) && !dial_attempt_send(a))
        return;
    while (what & STREAM_READABLE) {
        unsigned char *room = a->protocol->room(a, PIECE_BYTES);
        long n = room ? stream_read(s, room, PIECE_BYTES) : STREAM_BROKEN;

        if (n == STREAM_AGAIN)
            return;
        if (n <= 0) {
            dial_attempt_fail(a, n == STREAM_END ? "closed during log-on" : stream_error(s));
            return;
        }
        if (!a->protocol->took(a, (size_t)n))
            return;
    }
}

static void on_timer(struct timer *t)
{
    struct dial_attempt *a = t->owner;

    if (a->stream)
        dial_attempt_fail(a, "no answer to log-on in time");
    else
        dial_attempt_answer(a, DIAL_DOWN); /* why was said when it began */
}

void dial_attempt_begin(struct dial_attempt *a, struct dial_attempts *of,
                        const struct end_point *to, const char *missing)
{
    struct err e;

    a->of = of;
    a->next = of->newest;
    of->newest = a;
    buf_init(&a->out, a->protocol->out_max);
    timer_init(&a->timer, on_timer, a);
    if (to->tls != TLS_NONE)
        (void)snprintf(a->why, sizeof a->why, "%s", "this dialer speaks no TLS");
    else if (to->addr.family == 0)
        (void)snprintf(a->why, sizeof a->why, "%s", missing);
    else if (!(a->stream = loop_connect(of->loop, of->guard, &to->addr, on_ready, a, &e)))
        (void)snprintf(a->why, sizeof a->why, "%s", e.text);
    timer_arm(of->loop, &a->timer, a->stream ? loop_now(of->loop) + PATIENCE_NS : 0);
}

void dial_attempts_forget(struct dial_attempts *of, const void *owner)
{
    struct dial_attempt *next;

    for (struct dial_attempt *a = of->newest; a; a = next) {
        next = a->next;
        if (!owner || a->owner == owner)
            free_attempt(a);
    }
}
