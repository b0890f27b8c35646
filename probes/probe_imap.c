/* probe_imap.c - one mailbox on one server, read over and over: every message once, in bulk. Its sessions, and time.
 *
 * Dials, hands what the server says to imap_poll.c answer by answer, and tries again when a session is over. What is known
 * of the mailbox stays known from session to session.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probes/imap_private.h"

#define PIECE_BYTES   65536
#define PIECES_A_TURN 16 /* then other sessions get theirs */

static uint64_t period_of(const struct imap_probe *p)
{
    return probe_period_ns(p->how);
}

void imap_tell_muster(struct imap_probe *p)
{
    timer_arm(p->c.loop, &p->told, imap_now(p));
}

static void on_told(struct timer *t)
{
    struct imap_probe *p = t->owner;

    if (p->p.scanned)
        p->p.scanned(&p->p);
}

static void record_failure(struct imap_probe *p)
{
    struct event ev = {.t_ns = clock_target(p->c.clock, imap_now(p)),
                       .kind = EV_FINDING,
                       .place = (uint16_t)p->p.server,
                       .code = FIND_PROBE_FAILED,
                       .a = p->p.mailbox};

    (void)journal_add(p->c.journal, &ev);
}

/* ---- sessions ---- */

static void set_why(struct imap_probe *p, const char *why)
{
    (void)snprintf(p->why, sizeof p->why, "%s", why);
    p->p.why = p->why;
}

/* The session is over; what is known stays known. */
static void drop_session(struct imap_probe *p)
{
    stream_close(p->stream);
    p->stream = NULL;
    imap_in_clear(&p->in);
    buf_clear(&p->out);
    p->open_count = 0;
    p->known.listed_count = 0;
    sweep_keep(&p->sweep, &p->known);
    p->selected = false;
    p->at = AT_REST;
}

static void redial_at(struct imap_probe *p, uint64_t at_ns)
{
    timer_arm(p->c.loop, &p->timer, at_ns);
}

/* Not answered, not to be understood, gone without a word: counted, and tried again later and later. */
void imap_failed(struct imap_probe *p, const char *why)
{
    uint64_t wait = probe_backoff_ns(p->how, p->tries);

    set_why(p, why);
    drop_session(p);
    p->tries++;
    p->p.refused = true;
    p->p.failures++;
    record_failure(p);
    redial_at(p, imap_now(p) + wait);
    imap_tell_muster(p);
}

/* Refused for now, or sent away in order: tried again after a period. */
void imap_refused(struct imap_probe *p, const char *why)
{
    set_why(p, why);
    drop_session(p);
    p->p.refused = true;
    redial_at(p, imap_now(p) + period_of(p));
    imap_tell_muster(p);
}

/* There is no such mailbox here: nothing can be in it. */
void imap_absent(struct imap_probe *p, const char *why)
{
    bool asked = imap_is_asked(p, p->tried_ns);

    set_why(p, why);
    drop_session(p);
    p->tries = 0;
    p->p.refused = true;
    if (!p->absent_told)
        imap_forget_all(p);
    if (!p->absent_told || asked) {
        p->absent_told = p->reset = true;
        imap_complete_scan(p, p->tried_ns, true);
        imap_tell_muster(p);
    }
    redial_at(p, p->wanted_ns != 0 ? p->wanted_ns : imap_now(p) + period_of(p));
}

/* false: the session is over. */
bool imap_send(struct imap_probe *p)
{
    bool ok = stream_send(p->stream, &p->out);

    if (!ok)
        imap_failed(p, stream_error(p->stream));
    return ok;
}

uint32_t imap_open_command(struct imap_probe *p, enum imap_asked what)
{
    PM_ASSERT(p->open_count < IMAP_OPEN_MAX);
    p->open[p->open_count++] = (struct imap_open){.tag = ++p->next_tag, .what = what};
    if (p->at != AT_COMMAND)
        p->heard_ns = imap_now(p);
    p->at = AT_COMMAND;
    timer_arm(p->c.loop, &p->timer, p->heard_ns + IMAP_SILENCE_NS);
    return p->next_tag;
}

/* Leaves IDLE, because the server said something or a scan is wanted; not before the "+" is there. */
void imap_leave_idle(struct imap_probe *p)
{
    if (!p->idle_open) {
        p->idle_over = true;
        return;
    }
    p->at = AT_COMMAND;
    p->heard_ns = imap_now(p);
    timer_arm(p->c.loop, &p->timer, p->heard_ns + IMAP_SILENCE_NS);
    (void)imap_put_idle_done(&p->out);
}

static void take_all(struct imap_probe *p)
{
    struct imap_response r;
    enum imap_answer a = IMAP_AGAIN;

    while (p->stream && (a = imap_in_next(&p->in, &r)) == IMAP_DONE)
        imap_poll_answer(p, &r);
    if (p->stream && a == IMAP_BAD)
        imap_failed(p, p->in.error);
    else if (p->stream)
        (void)imap_send(p);
}

static void on_ready(struct stream *s, unsigned what)
{
    struct imap_probe *p = s->owner;

    if ((what & STREAM_WRITABLE) && !imap_send(p))
        return;
    for (unsigned i = 0; (what & STREAM_READABLE) && p->stream == s && i < PIECES_A_TURN; i++) {
        unsigned char *room = imap_in_room(&p->in, PIECE_BYTES);
        long n = room ? stream_read(s, room, PIECE_BYTES) : STREAM_BROKEN;

        if (n == STREAM_AGAIN)
            return;
        if (n <= 0) {
            imap_failed(p, !room             ? p->in.error
                           : n == STREAM_END ? "the server closed the session"
                                             : stream_error(s));
            return;
        }
        p->heard_ns = imap_now(p);
        imap_in_took(&p->in, (size_t)n);
        take_all(p);
    }
}

/* ---- dialling, time ---- */

static void on_dialed(void *owner, enum dial_answer answer, struct stream *s, const char *why)
{
    struct imap_probe *p = owner;

    p->at = AT_REST;
    switch (answer) {
    case DIAL_OK:
        p->stream = s;
        s->ready = on_ready;
        s->owner = p;
        p->exists = p->uidnext = 0;
        p->must_list = false;
        (void)imap_put(&p->out, imap_open_command(p, ASKED_CAPABILITY), "CAPABILITY");
        (void)imap_send(p);
        return;
    case DIAL_ABSENT:
        imap_absent(p, why);
        return;
    case DIAL_BUSY:
        p->p.failures++;
        imap_refused(p, why);
        return;
    case DIAL_DOWN:
        imap_failed(p, why);
        return;
    }
}

static void dial(struct imap_probe *p)
{
    const struct site *site = &p->c.work->profile->site;

    p->at = AT_DIALING;
    p->tried_ns = imap_now(p);
    p->c.dial->open(p->c.dial, &site->servers[p->p.server], &site->mailboxes[p->p.mailbox],
                    on_dialed, p);
}

static void on_timer(struct timer *t)
{
    struct imap_probe *p = t->owner;

    switch (p->at) {
    case AT_REST:
        dial(p);
        return;
    case AT_READY:
        imap_poll_begin(p, false);
        return;
    case AT_IDLE:
        if (p->idle_open)
            imap_leave_idle(p);
        else
            imap_failed(p, "no answer to IDLE");
        if (p->stream)
            (void)imap_send(p);
        return;
    case AT_COMMAND:
        if (imap_now(p) >= p->heard_ns + IMAP_SILENCE_NS)
            imap_failed(p, "no answer in time");
        else
            timer_arm(p->c.loop, &p->timer, p->heard_ns + IMAP_SILENCE_NS);
        return;
    case AT_DIALING:
        return;
    }
}

/* ---- the driver ---- */

static struct probe *imap_open(const struct probe_context *c, const struct probe_profile *how,
                               uint32_t mailbox, uint32_t server, struct err *e)
{
    struct imap_probe *p = calloc(1, sizeof *p);

    if (!p) {
        (void)err_set(e, EX_IO, "out of memory");
        return NULL;
    }
    p->p = (struct probe){.ops = &probe_imap, .mailbox = mailbox, .server = server, .why = ""};
    p->c = *c;
    p->how = how;
    known_init(&p->known);
    sweep_init(&p->sweep);
    imap_in_init(&p->in);
    buf_init(&p->out, 65536);
    timer_init(&p->timer, on_timer, p);
    timer_init(&p->told, on_told, p);
    imap_begin_epoch(p);
    p->reset = p->epoch > 1; /* an earlier probe of this place told things */
    timer_arm(c->loop, &p->timer, loop_now(c->loop));
    return &p->p;
}

/* A poll under way began before this; the scan that is wanted begins after it. */
static void imap_scan(struct probe *probe)
{
    struct imap_probe *p = (struct imap_probe *)probe;

    p->wanted_ns = imap_now(p) + 1;
    switch (p->at) {
    case AT_READY:
        timer_arm(p->c.loop, &p->timer, p->wanted_ns);
        return;
    case AT_IDLE:
        imap_leave_idle(p);
        (void)imap_send(p);
        return;
    case AT_REST: /* not more often than once a period, whoever asks */
        timer_arm(p->c.loop, &p->timer,
                  p->tried_ns + period_of(p) > p->wanted_ns ? p->tried_ns + period_of(p)
                                                            : p->wanted_ns);
        return;
    case AT_DIALING:
    case AT_COMMAND:
        return;
    }
}

static void imap_close(struct probe *probe)
{
    struct imap_probe *p = (struct imap_probe *)probe;

    p->c.dial->forget(p->c.dial, p);
    timer_disarm(p->c.loop, &p->timer);
    timer_disarm(p->c.loop, &p->told);
    if (p->at == AT_READY && imap_put(&p->out, ++p->next_tag, "LOGOUT"))
        (void)stream_write(p->stream, p->out.p, p->out.n); /* a courtesy: nobody waits for BYE */
    stream_close(p->stream);
    imap_in_fini(&p->in);
    buf_fini(&p->out);
    known_fini(&p->known);
    sweep_fini(&p->sweep);
    free(p);
}

const struct probe_ops probe_imap = {
    .name = "imap",
    .help = "reads a mailbox over IMAP4rev1: every message once, in bulk, and what went",
    .sees = SEES_COPIES | SEES_REPORTS,
    .open = imap_open,
    .scan = imap_scan,
    .close = imap_close,
};
