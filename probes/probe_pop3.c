/* probe_pop3.c - one mailbox on one server over POP3: every message once, and what went.
 *
 * A session shows the mailbox as it was when it began, so every look is a session of its own: log on, CAPA, UIDL, RETR of what is not
 * known, QUIT. Nothing is deleted. UIDL is the whole listing: what was known and is not in it is gone. RETRs are sent ahead,
 * a few at a time, where the server announces PIPELINING. Two messages may have one UIDL (RFC 1939 section 7). A server that
 * is locked or busy says nothing about the mailbox; one that refuses log-on for good has no such mailbox.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/text.h"
#include "probes/sight.h"
#include "wire/pop3.h"

#define PIECE_BYTES   65536
#define PIECES_A_TURN 16 /* then other sessions get theirs */
#define AHEAD_MAX     16 /* RETRs in flight */
#define SILENCE_NS    (60 * NS_PER_S)
#define FAREWELL_NS   (2 * NS_PER_S) /* for the answer to QUIT: the lock is let go by then */

enum at { AT_REST, AT_DIALING, AT_CAPA, AT_STAT, AT_UIDL, AT_RETR, AT_QUIT };

struct wanted { /* a message to be read */
    uint32_t number, id;
};

struct pop3_probe {
    struct probe p; /* first */
    struct probe_context c;
    const struct probe_profile *how;
    struct sight sight;
    enum at at;
    struct stream *stream;
    struct pop3_in in;
    struct buf out;
    struct timer timer;
    uint64_t began_ns, heard_ns;
    uint32_t tries; /* failures in a row */
    bool pipelining;
    uint32_t stat;
    struct wanted *wanted;
    uint32_t wanted_count, wanted_room;
    uint32_t asked, read, refused; /* of wanted: RETR was sent; was answered; with -ERR */
};

static uint64_t now_of(const struct pop3_probe *p)
{
    return loop_now(p->c.loop);
}

static uint64_t period_of(const struct pop3_probe *p)
{
    return probe_period_ns(p->how);
}

/* ---- the end of a session ---- */

static void drop_session(struct pop3_probe *p)
{
    stream_close(p->stream);
    p->stream = NULL;
    pop3_in_clear(&p->in);
    buf_clear(&p->out);
    free(p->wanted);
    p->wanted = NULL;
    p->wanted_count = p->wanted_room = p->asked = p->read = p->refused = 0;
    p->at = AT_REST;
}

static void rest_until(struct pop3_probe *p, uint64_t at_ns)
{
    timer_arm(p->c.loop, &p->timer, at_ns);
}

/* Not answered, not to be understood, gone without a word: counted, and tried again later and later. */
static void failed(struct pop3_probe *p, const char *why)
{
    char kept[200];

    (void)snprintf(kept, sizeof kept, "%s", why);
    drop_session(p);
    sight_failed(&p->sight, kept);
    rest_until(p, now_of(p) + probe_backoff_ns(p->how, p->tries));
    p->tries++;
}

/* Refused for now: tried again after a period. */
static void refused(struct pop3_probe *p, const char *why)
{
    drop_session(p);
    sight_refused(&p->sight, why);
    rest_until(p, now_of(p) + period_of(p));
}

/* Whoever asks meanwhile gets a session of his own at once. */
static void rest_a_period(struct pop3_probe *p)
{
    p->tries = 0;
    rest_until(p, p->sight.wanted_ns != 0 ? p->sight.wanted_ns : now_of(p) + period_of(p));
}

static void failed_answer(struct pop3_probe *p, const struct pop3_response *r)
{
    char line[160];

    (void)text_clean(line, sizeof line, r->line);
    if (pop3_refusal(r->line) == POP3_LATER)
        refused(p, line);
    else
        failed(p, line);
}

/* ---- commands ---- */

/* false: the session is over. */
static bool send_out(struct pop3_probe *p)
{
    bool ok = stream_send(p->stream, &p->out);

    if (!ok)
        failed(p, stream_error(p->stream));
    return ok;
}

static void say(struct pop3_probe *p, enum at at, const char *command)
{
    p->at = at;
    (void)buf_add_format(&p->out, "%s\r\n", command);
    rest_until(p, now_of(p) + SILENCE_NS);
}

static void quit(struct pop3_probe *p)
{
    say(p, AT_QUIT, "QUIT");
    rest_until(p, now_of(p) + FAREWELL_NS);
}

/* RETRs of what is next. */
static void retrieve(struct pop3_probe *p)
{
    uint32_t ahead = p->pipelining ? AHEAD_MAX : 1;

    p->at = AT_RETR;
    while (p->asked < p->wanted_count && p->asked - p->read < ahead)
        (void)buf_add_format(&p->out, "RETR %" PRIu32 "\r\n", p->wanted[p->asked++].number);
    rest_until(p, now_of(p) + SILENCE_NS);
}

/* ---- answers ---- */

static bool want(struct pop3_probe *p, uint32_t number, uint32_t id)
{
    if (p->wanted_count == p->wanted_room) {
        uint32_t room = p->wanted_room ? p->wanted_room * 2 : 64;
        struct wanted *more = realloc(p->wanted, room * sizeof *more);

        if (!more)
            return false;
        p->wanted = more;
        p->wanted_room = room;
    }
    p->wanted[p->wanted_count++] = (struct wanted){.number = number, .id = id};
    return true;
}

/* false: the session is over. */
static bool take_listing(struct pop3_probe *p, const struct pop3_response *r)
{
    struct slice text = r->text, id;
    uint32_t number, last = 0, count = 0;
    bool nonsense = false;

    sight_scan_begin(&p->sight);
    sight_listing_begin(&p->sight);
    while (pop3_next_uidl(&text, &number, &id, &nonsense)) {
        struct sight_found f =
            sight_name(&p->sight, hash_fast(id.p, id.n), hash_fast(&number, sizeof number));

        nonsense = nonsense || number <= last; /* numbers rise, or one stands there twice */
        last = number;
        count++;
        if (f.id == 0 || (!f.known && !want(p, number, f.id))) {
            failed(p, "more messages than can be listed");
            return false;
        }
    }
    if (!nonsense && !r->cut && count == p->stat)
        return true;
    failed(p, nonsense ? "a listing of unique ids that is none" : "UIDL and STAT differ");
    return false;
}

static void listed(struct pop3_probe *p, const struct pop3_response *r)
{
    if (!take_listing(p, r))
        return;
    sight_sweep(&p->sight);
    if (p->wanted_count > 0)
        retrieve(p);
    else
        quit(p);
}

/* A message may go while the session lasts, whatever RFC 1939 says: it is not known then, and the next session lists it or not.
 * Till then the scan is not complete. */
static void retrieved(struct pop3_probe *p, const struct pop3_response *r)
{
    const struct wanted *w = &p->wanted[p->read++];

    if (!r->ok && pop3_refusal(r->line) == POP3_LATER) {
        failed_answer(p, r);
        return;
    }
    p->refused += !r->ok;
    if (r->ok && !sight_read(&p->sight, w->id, r->text, !r->cut)) {
        failed(p, "out of memory");
        return;
    }
    if (p->read == p->wanted_count)
        quit(p);
    else
        retrieve(p);
}

/* The session was read to its end; QUIT was answered, or not: nothing hangs on it. */
static void over(struct pop3_probe *p)
{
    uint32_t left = p->refused;

    if (left > 0) {
        if (p->tries++ > 0) { /* once may be chance */
            failed(p, "listed messages cannot be retrieved");
            return;
        }
        refused(p, "listed messages could not be retrieved");
        return;
    }
    drop_session(p);
    sight_complete(&p->sight, p->began_ns);
    rest_a_period(p);
}

/* CAPA may be unknown: then nothing is announced. */
static void take(struct pop3_probe *p, const struct pop3_response *r)
{
    if (!r->ok && (p->at == AT_STAT || p->at == AT_UIDL)) {
        failed_answer(p, r);
        return;
    }
    switch (p->at) {
    case AT_CAPA:
        p->pipelining = r->ok && pop3_has_word(r->text, "PIPELINING");
        say(p, AT_STAT, "STAT");
        return;
    case AT_STAT:
        if (pop3_stat(r->line, &p->stat))
            say(p, AT_UIDL, "UIDL");
        else
            failed(p, "no number of messages in the answer to STAT");
        return;
    case AT_UIDL:
        listed(p, r);
        return;
    case AT_RETR:
        retrieved(p, r);
        return;
    case AT_QUIT:
        over(p);
        return;
    case AT_REST:
    case AT_DIALING:
        return;
    }
}

static void take_all(struct pop3_probe *p)
{
    enum pop3_answer a = POP3_AGAIN;
    struct pop3_response r;

    while (p->stream &&
           (a = pop3_in_next(&p->in, p->at == AT_CAPA || p->at == AT_UIDL || p->at == AT_RETR,
                             &r)) == POP3_DONE)
        take(p, &r);
    if (p->stream && a == POP3_BAD)
        failed(p, p->in.error);
    else if (p->stream)
        (void)send_out(p);
}

static void on_ready(struct stream *s, unsigned what)
{
    struct pop3_probe *p = s->owner;

    if ((what & STREAM_WRITABLE) && !send_out(p))
        return;
    for (unsigned i = 0; (what & STREAM_READABLE) && p->stream == s && i < PIECES_A_TURN; i++) {
        unsigned char *room = pop3_in_room(&p->in, PIECE_BYTES);
        long n = room ? stream_read(s, room, PIECE_BYTES) : STREAM_BROKEN;

        if (n == STREAM_AGAIN)
            return;
        if (n <= 0 && p->at == AT_QUIT) {
            over(p);
            return;
        }
        if (n <= 0) {
            failed(p, !room             ? p->in.error
                      : n == STREAM_END ? "the server closed the session"
                                        : stream_error(s));
            return;
        }
        p->heard_ns = now_of(p);
        pop3_in_took(&p->in, (size_t)n);
        take_all(p);
    }
}

/* ---- dialling, time ---- */

static void on_dialed(void *owner, enum dial_answer answer, struct stream *s, const char *why)
{
    struct pop3_probe *p = owner;

    p->at = AT_REST;
    switch (answer) {
    case DIAL_OK:
        p->stream = s;
        s->ready = on_ready;
        s->owner = p;
        p->heard_ns = now_of(p);
        say(p, AT_CAPA, "CAPA");
        (void)send_out(p);
        return;
    case DIAL_ABSENT:
        sight_absent(&p->sight, p->began_ns, why);
        rest_a_period(p);
        return;
    case DIAL_BUSY:
        refused(p, why);
        return;
    case DIAL_DOWN:
        failed(p, why);
        return;
    }
}

static void dial(struct pop3_probe *p)
{
    const struct site *site = &p->c.work->profile->site;

    p->at = AT_DIALING;
    p->began_ns = now_of(p);
    p->c.dial->open_pop3(p->c.dial, &site->servers[p->p.server], &site->mailboxes[p->p.mailbox],
                         on_dialed, p);
}

static void on_timer(struct timer *t)
{
    struct pop3_probe *p = t->owner;

    switch (p->at) {
    case AT_REST:
        dial(p);
        return;
    case AT_DIALING:
        return;
    case AT_QUIT:
        over(p);
        return;
    case AT_CAPA:
    case AT_STAT:
    case AT_UIDL:
    case AT_RETR:
        if (now_of(p) >= p->heard_ns + SILENCE_NS)
            failed(p, "no answer in time");
        else
            rest_until(p, p->heard_ns + SILENCE_NS);
        return;
    }
}

/* ---- the driver ---- */

static struct probe *pop3_open(const struct probe_context *c, const struct probe_profile *how,
                               uint32_t mailbox, uint32_t server, struct err *e)
{
    struct pop3_probe *p = calloc(1, sizeof *p);

    if (!p) {
        (void)err_set(e, EX_IO, "out of memory");
        return NULL;
    }
    p->p = (struct probe){.ops = &probe_pop3, .mailbox = mailbox, .server = server, .why = ""};
    p->c = *c;
    p->how = how;
    pop3_in_init(&p->in);
    buf_init(&p->out, 4096);
    timer_init(&p->timer, on_timer, p);
    sight_init(&p->sight, &p->p, &p->c);
    rest_until(p, now_of(p));
    return &p->p;
}

/* A session under way began before this; not more often than once a period where the server refuses, whoever asks. */
static void pop3_scan(struct probe *probe)
{
    struct pop3_probe *p = (struct pop3_probe *)probe;
    uint64_t earliest = p->p.refused ? p->began_ns + period_of(p) : 0;

    p->sight.wanted_ns = now_of(p) + 1;
    if (p->at == AT_REST)
        rest_until(p, earliest > p->sight.wanted_ns ? earliest : p->sight.wanted_ns);
}

static void pop3_close(struct probe *probe)
{
    struct pop3_probe *p = (struct pop3_probe *)probe;

    p->c.dial->forget(p->c.dial, p);
    timer_disarm(p->c.loop, &p->timer);
    drop_session(p);
    sight_fini(&p->sight);
    pop3_in_fini(&p->in);
    buf_fini(&p->out);
    free(p);
}

const struct probe_ops probe_pop3 = {
    .name = "pop3",
    .help = "reads a mailbox over POP3: every message once, a session a look, and what went",
    .sees = SEES_COPIES | SEES_REPORTS,
    .open = pop3_open,
    .scan = pop3_scan,
    .close = pop3_close,
};
