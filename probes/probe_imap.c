/* probe_imap.c - one mailbox on one server, read over and over: every message once, in bulk.
 *
 * A poll asks the server what is new (NOOP, or EXAMINE where a complete scan is wanted or the session is new), reads what is
 * not known yet, and is complete when EXISTS equals what is known: since everything known was there and everything new was
 * read, the two sets are the same. Where the count says that something went, or cannot say that nothing went, UID SEARCH ALL
 * tells which. Commands are decided in one place, poll_step(), which runs whenever all answers are in.
 *
 * Epochs: a new one where UIDs mean something else (UIDVALIDITY, absence), and after something went, so that the copies that
 * remain stand above the EV_GONE of those that went.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probes/correlate.h"
#include "probes/known.h"
#include "wire/imap.h"

#define PIECE_BYTES   65536
#define PIECES_A_TURN 16   /* then other sessions get theirs */
#define FETCH_UIDS    2000 /* a command */
#define FETCH_AT_ONCE 2    /* commands in flight */
#define NEW_UNLISTED  1000 /* up to so many new messages are fetched without listing them first */
#define ROUNDS_MAX    16   /* of one poll, while mail keeps arriving */
#define LISTED_MAX    (8u << 20)
#define SILENCE_NS                                                                                 \
    (60 * NS_PER_S) /* no octet for so long with a command open: the session is dead */
#define IDLE_NS  (1200 * NS_PER_S) /* RFC 2177: less than 29 minutes */
#define OPEN_MAX 4

enum place {          /* where the session is */
             AT_REST, /* no session; the timer redials */
             AT_DIALING,
             AT_COMMAND, /* answers are outstanding */
             AT_READY,   /* between polls */
             AT_IDLE,    /* IDLE is open; "+" may not have come yet */
};

enum asked {
    ASKED_NOTHING,
    ASKED_CAPABILITY,
    ASKED_EXAMINE,
    ASKED_NOOP,
    ASKED_LIST,
    ASKED_FETCH,
    ASKED_IDLE
};

struct open_command {
    uint32_t tag;
    enum asked what;
};

struct poll {
    uint64_t began_ns;
    bool asked;   /* a complete scan was asked for before it began */
    bool fresh;   /* by EXAMINE: the count alone proves nothing */
    bool changed; /* something came or went */
    unsigned rounds;
    uint32_t exists; /* when a fresh poll asked for all that came; 0: it did not */
};

struct imap_probe {
    struct probe p; /* first */
    struct probe_context c;
    const struct probe_profile *how;
    enum place at;
    struct stream *stream;
    struct imap_in in;
    struct buf out;
    struct timer timer,
        told; /* told: scanned() comes from the loop, where the probe may be closed */
    uint64_t heard_ns, tried_ns, wanted_ns; /* loop time; wanted 0: no scan asked for */
    uint32_t next_tag, tries;               /* tries: failures in a row */
    struct open_command open[OPEN_MAX];
    unsigned open_count;
    bool has_idle, selected;
    bool must_list;            /* something may have gone: UID SEARCH ALL is due */
    bool idle_open, idle_over; /* "+" came; and DONE follows it at once */
    bool absent_told;          /* EV_SCAN said so */
    /* the mailbox as the server tells it */
    uint32_t exists, uidnext, validity,
        known_uidnext; /* validity, known_uidnext: of what is known */
    struct known known;
    uint32_t epoch;
    bool reset; /* the next complete scan says SCAN_RESET */
    struct poll poll;
    uint32_t next; /* of known.listed: what is to be fetched next */
    char why[200];
};

static uint64_t now_of(const struct imap_probe *p)
{
    return loop_now(p->c.loop);
}

static uint64_t period_of(const struct imap_probe *p)
{
    return probe_period_ns(p->how);
}

static void tell_muster(struct imap_probe *p)
{
    timer_arm(p->c.loop, &p->told, now_of(p));
}

static void on_told(struct timer *t)
{
    struct imap_probe *p = t->owner;

    if (p->p.scanned)
        p->p.scanned(&p->p);
}

/* ---- what is journalled ---- */

static void record(struct imap_probe *p, enum event_kind kind, uint64_t loop_ns, uint64_t number,
                   uint32_t code)
{
    struct event ev = {.t_ns = clock_target(p->c.clock, loop_ns),
                       .slot = number * p->c.work->stride,
                       .kind = (uint16_t)kind,
                       .place = (uint16_t)p->p.server,
                       .code = code,
                       .a = p->p.mailbox,
                       .b = p->epoch};

    (void)journal_add(p->c.journal, &ev);
}

static void record_seen(struct imap_probe *p, uint64_t number, uint32_t ordinal, bool corrupt)
{
    record(p, EV_SEEN, now_of(p), number,
           (ordinal < 255 ? ordinal : 255) | (corrupt ? SEEN_CORRUPT : 0));
}

static void record_failure(struct imap_probe *p)
{
    struct event ev = {.t_ns = clock_target(p->c.clock, now_of(p)),
                       .kind = EV_FINDING,
                       .place = (uint16_t)p->p.server,
                       .code = FIND_PROBE_FAILED,
                       .a = p->p.mailbox};

    (void)journal_add(p->c.journal, &ev);
}

static void begin_epoch(struct imap_probe *p)
{
    p->epoch = correlate_epoch(p->c.correlate, p->p.mailbox, p->p.server);
}

/* UIDs mean something else from now on, or nothing. */
static void forget_all(struct imap_probe *p)
{
    known_clear(&p->known);
    p->validity = p->known_uidnext = 0;
    p->reset = true;
    begin_epoch(p);
}

/* Does a scan that began at began_ns answer whoever asked? */
static bool is_asked(const struct imap_probe *p, uint64_t began_ns)
{
    return p->wanted_ns != 0 && p->wanted_ns <= began_ns;
}

/* A complete scan that began at began_ns. */
static void complete_scan(struct imap_probe *p, uint64_t began_ns, bool absent)
{
    uint32_t code = SCAN_COMPLETE | (absent ? SCAN_ABSENT : 0) | (p->reset ? SCAN_RESET : 0);

    record(p, EV_SCAN, began_ns, 0, code);
    p->reset = false;
    p->p.scans++;
    p->p.complete_ns = began_ns;
    p->p.absent = absent;
    if (is_asked(p, began_ns))
        p->wanted_ns = 0;
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
    p->selected = false;
    p->at = AT_REST;
}

static void redial_at(struct imap_probe *p, uint64_t at_ns)
{
    timer_arm(p->c.loop, &p->timer, at_ns);
}

/* Not answered, not to be understood, gone without a word: counted, and tried again later and later. */
static void session_failed(struct imap_probe *p, const char *why)
{
    uint64_t wait = probe_backoff_ns(p->how, p->tries);

    set_why(p, why);
    drop_session(p);
    p->tries++;
    p->p.refused = true;
    p->p.failures++;
    record_failure(p);
    redial_at(p, now_of(p) + wait);
    tell_muster(p);
}

/* Refused for now, or sent away in order: tried again after a period. */
static void session_refused(struct imap_probe *p, const char *why)
{
    set_why(p, why);
    drop_session(p);
    p->p.refused = true;
    redial_at(p, now_of(p) + period_of(p));
    tell_muster(p);
}

/* There is no such mailbox here: nothing can be in it. */
static void session_absent(struct imap_probe *p, const char *why)
{
    bool asked = is_asked(p, p->tried_ns);

    set_why(p, why);
    drop_session(p);
    p->tries = 0;
    p->p.refused = true;
    if (!p->absent_told)
        forget_all(p);
    if (!p->absent_told || asked) {
        p->absent_told = p->reset = true;
        complete_scan(p, p->tried_ns, true);
        tell_muster(p);
    }
    redial_at(p, p->wanted_ns != 0 ? p->wanted_ns : now_of(p) + period_of(p));
}

/* false: the session is over. */
static bool send_out(struct imap_probe *p)
{
    bool ok = stream_send(p->stream, &p->out);

    if (!ok)
        session_failed(p, stream_error(p->stream));
    return ok;
}

static uint32_t open_command(struct imap_probe *p, enum asked what)
{
    PM_ASSERT(p->open_count < OPEN_MAX);
    p->open[p->open_count++] = (struct open_command){.tag = ++p->next_tag, .what = what};
    if (p->at != AT_COMMAND)
        p->heard_ns = now_of(p);
    p->at = AT_COMMAND;
    timer_arm(p->c.loop, &p->timer, p->heard_ns + SILENCE_NS);
    return p->next_tag;
}

static void fetch(struct imap_probe *p, uint32_t low, uint32_t high)
{
    (void)imap_put_fetch(&p->out, open_command(p, ASKED_FETCH), low, high);
}

/* ---- a poll ---- */

/* EXAMINE when somebody asked, or the session is new; NOOP otherwise. */
static void poll_begin(struct imap_probe *p, bool is_new)
{
    bool asked = is_asked(p, now_of(p));

    p->poll = (struct poll){.began_ns = now_of(p), .asked = asked, .fresh = asked || is_new};
    if (p->poll.fresh)
        (void)imap_put_examine(&p->out, open_command(p, ASKED_EXAMINE));
    else
        (void)imap_put(&p->out, open_command(p, ASKED_NOOP), "NOOP");
    (void)send_out(p);
}

/* A poll that could not be completed is begun again after a period: neither at once nor when IDLE brings news. */
static void rest_until_next_poll(struct imap_probe *p, bool complete)
{
    uint64_t next = p->poll.began_ns + period_of(p), soon = now_of(p) + period_of(p) / 4;

    if (complete && p->wanted_ns != 0) {
        p->at = AT_READY;
        timer_arm(p->c.loop, &p->timer, p->wanted_ns);
    } else if (complete && p->how->idle && p->has_idle) {
        (void)imap_put(&p->out, open_command(p, ASKED_IDLE), "IDLE");
        p->at = AT_IDLE;
        p->idle_open = p->idle_over = false;
        (void)send_out(p);
    } else {
        p->at = AT_READY;
        timer_arm(p->c.loop, &p->timer, next > soon ? next : soon);
    }
}

static void poll_end(struct imap_probe *p, bool complete)
{
    struct poll was = p->poll;
    bool told = complete && (was.asked || was.changed || p->reset || !p->selected);

    p->tries = 0;
    p->p.refused = false;
    if (complete) {
        p->known_uidnext = p->uidnext;
        p->selected = true;
    }
    if (told)
        complete_scan(p, was.began_ns, false);
    rest_until_next_poll(p, complete);
    if (told || !complete)
        tell_muster(p);
}

/* The next ranges of what was listed: from one UID to another, with nothing but new ones between. */
static void fetch_listed(struct imap_probe *p)
{
    while (p->open_count < FETCH_AT_ONCE && p->next < p->known.listed_count) {
        uint32_t first = p->next, last = first;

        while (last + 1 < p->known.listed_count && last + 1 - first < FETCH_UIDS &&
               p->known.listed[last + 1] - p->known.listed[last] < FETCH_UIDS)
            last++;
        p->next = last + 1;
        fetch(p, p->known.listed[first], p->known.listed[last]);
    }
    (void)send_out(p);
}

/* Does an equal count prove that nothing went? After EXAMINE in a mailbox known before only if nothing came meanwhile. */
static bool count_is_proof(const struct imap_probe *p)
{
    uint32_t expected = p->known_uidnext > p->known.last ? p->known_uidnext : p->known.last + 1;

    return !p->poll.fresh || p->known.count == 0 || p->uidnext == expected;
}

/* All answers are in: what next? */
static void poll_step(struct imap_probe *p)
{
    struct poll *poll = &p->poll;

    if (p->next < p->known.listed_count) {
        fetch_listed(p);
        return;
    }
    if (poll->exists != 0 && p->exists != poll->exists)
        p->must_list = true; /* what came while it was read may stand in for what went before */
    poll->exists = 0;
    if (p->exists == p->known.count && !p->must_list && count_is_proof(p)) {
        poll_end(p, true);
        return;
    }
    if (++poll->rounds > ROUNDS_MAX) {
        poll_end(p, false);
        return;
    }
    if (!p->must_list && p->exists > p->known.count && p->exists - p->known.count <= NEW_UNLISTED &&
        poll->rounds % 2 == 1 && p->known.last < UINT32_MAX) {
        poll->exists = poll->fresh ? p->exists : 0;
        poll->fresh = false; /* all that came is read; so the count will tell, if it stands still */
        fetch(p, p->known.last + 1, 0);
    } else {
        p->must_list = false; /* unless it is said again */
        known_list_begin(&p->known);
        p->next = 0;
        (void)imap_put_search_all(&p->out, open_command(p, ASKED_LIST));
    }
    (void)send_out(p);
}

/* ---- what went ---- */

static void on_gone(void *owner, uint64_t number)
{
    record(owner, EV_GONE, now_of(owner), number, 0);
}

static void on_begin_left(void *owner)
{
    begin_epoch(owner);
}

static void on_left(void *owner, uint64_t number, uint32_t ordinal, bool corrupt)
{
    record_seen(owner, number, ordinal, corrupt);
}

static void take_listing(struct imap_probe *p)
{
    const struct known_sweep sweep = {on_gone, on_begin_left, on_left, p};

    if (known_sweep(&p->known, &sweep) > 0)
        p->poll.changed = true;
    p->poll.fresh = false;
}

static bool take_search(struct imap_probe *p, struct slice numbers)
{
    uint32_t uid;

    while (imap_next_number(&numbers, &uid))
        if (uid != 0 && !known_list(&p->known, uid))
            return false;
    return true;
}

/* ---- what came ---- */

static bool take_fetch(struct imap_probe *p, const struct imap_response *r)
{
    struct reading got;
    uint32_t ordinal;

    if (!r->has_uid || known_has(&p->known, r->uid))
        return true;
    if (!r->has_body)
        return true; /* flags of a message we have not read yet */
    got = correlate_read(p->c.correlate, r->body, p->p.mailbox, p->p.server,
                         clock_target(p->c.clock, now_of(p)));
    if (!known_add(&p->known, r->uid, got.kind == READING_COPY ? got.number : KNOWN_OTHER,
                   got.corrupt, &ordinal))
        return false;
    if (got.kind == READING_COPY)
        record_seen(p, got.number, ordinal, got.corrupt);
    p->poll.changed = true;
    return true;
}

/* Leaves IDLE, because the server said something or a scan is wanted; not before the "+" is there. */
static void leave_idle(struct imap_probe *p)
{
    if (!p->idle_open) {
        p->idle_over = true;
        return;
    }
    p->at = AT_COMMAND;
    p->heard_ns = now_of(p);
    timer_arm(p->c.loop, &p->timer, p->heard_ns + SILENCE_NS);
    (void)imap_put_idle_done(&p->out);
}

static bool is_open(const struct imap_probe *p, enum asked what)
{
    for (unsigned i = 0; i < p->open_count; i++)
        if (p->open[i].what == what)
            return true;
    return false;
}

static void take_validity(struct imap_probe *p, uint32_t validity)
{
    if (validity == p->validity)
        return;
    if (p->validity != 0 || p->known.count > 0)
        forget_all(p);
    p->known.listed_count = 0;
    if (is_open(p, ASKED_EXAMINE))
        p->validity = validity;
    else /* nobody may do that to an open mailbox: which UIDs the session speaks of is anyone's guess */
        session_failed(p, "UIDVALIDITY changed in an open mailbox");
}

/* ---- answers ---- */

static void examined(struct imap_probe *p, const struct imap_response *r)
{
    char line[IMAP_PRINT];
    struct slice elsewhere;

    if (r->status == IMAP_OK) {
        p->absent_told = false;
        return;
    }
    imap_print_line(r, line);
    if (imap_denies_mailbox(r) || imap_referral(r->line, &elsewhere))
        session_absent(p, line);
    else
        session_refused(p, line);
}

static enum asked close_command(struct imap_probe *p, uint32_t tag)
{
    for (unsigned i = 0; i < p->open_count; i++)
        if (p->open[i].tag == tag) {
            enum asked what = p->open[i].what;

            memmove(p->open + i, p->open + i + 1, (--p->open_count - i) * sizeof *p->open);
            return what;
        }
    return ASKED_NOTHING;
}

/* RFC 5530 section 3: some of what was to be fetched went meanwhile; UID SEARCH ALL tells which. */
static bool is_overtaken(enum asked what, const struct imap_response *r)
{
    return what == ASKED_FETCH && r->status == IMAP_NO && imap_has_word(r->code, "EXPUNGEISSUED");
}

static void take_tagged(struct imap_probe *p, const struct imap_response *r)
{
    enum asked what = close_command(p, r->tag);

    if (what == ASKED_NOTHING) {
        session_failed(p, "an answer to no command of ours");
        return;
    }
    if (what == ASKED_EXAMINE) {
        examined(p, r);
        if (!p->stream)
            return;
    } else if (is_overtaken(what, r)) {
        p->must_list = true;
    } else if (r->status != IMAP_OK && what != ASKED_CAPABILITY && what != ASKED_IDLE) {
        session_failed(p, "the server refused an ordinary command");
        return;
    }
    if (what == ASKED_IDLE && (r->status != IMAP_OK || p->at == AT_IDLE))
        p->has_idle = false; /* refused, or ended by the server: it would be said again at once */
    if (what == ASKED_LIST)
        take_listing(p);
    if (what == ASKED_CAPABILITY || what == ASKED_IDLE)
        poll_begin(p, what == ASKED_CAPABILITY);
    else if (p->open_count == 0)
        poll_step(p);
    else if (what == ASKED_FETCH)
        fetch_listed(p);
}

static void take_status(struct imap_probe *p, const struct imap_response *r)
{
    uint32_t n;

    if (r->status == IMAP_BYE) {
        char line[IMAP_PRINT];

        imap_print_line(r, line);
        session_refused(p, line);
        return;
    }
    if (imap_code_number(r, "UIDVALIDITY", &n))
        take_validity(p, n);
    else if (imap_code_number(r, "UIDNEXT", &n))
        p->uidnext = n;
}

static void take(struct imap_probe *p, const struct imap_response *r)
{
    switch (r->kind) {
    case IMAP_TAGGED:
        take_tagged(p, r);
        return;
    case IMAP_STATUS:
        take_status(p, r);
        return;
    case IMAP_EXISTS:
        p->exists = r->number;
        break;
    case IMAP_EXPUNGE:
        p->exists -= p->exists > 0;
        p->must_list = true;
        break;
    case IMAP_FETCH:
        if (!take_fetch(p, r))
            session_failed(p, "out of memory");
        return;
    case IMAP_SEARCH:
        if (!take_search(p, r->text))
            session_failed(p, "more messages than can be listed");
        return;
    case IMAP_CAPABILITY:
        p->has_idle = imap_has_word(r->text, "IDLE");
        return;
    case IMAP_CONTINUE:
        if (p->at != AT_IDLE)
            return;
        p->idle_open = true;
        timer_arm(p->c.loop, &p->timer, now_of(p) + IDLE_NS);
        if (!p->idle_over)
            return;
        break;
    case IMAP_LIST:
    case IMAP_OTHER:
        return;
    }
    if (p->at == AT_IDLE)
        leave_idle(p);
}

static void take_all(struct imap_probe *p)
{
    struct imap_response r;
    enum imap_answer a = IMAP_AGAIN;

    while (p->stream && (a = imap_in_next(&p->in, &r)) == IMAP_DONE)
        take(p, &r);
    if (p->stream && a == IMAP_BAD)
        session_failed(p, p->in.error);
    else if (p->stream)
        (void)send_out(p);
}

static void on_ready(struct stream *s, unsigned what)
{
    struct imap_probe *p = s->owner;

    if ((what & STREAM_WRITABLE) && !send_out(p))
        return;
    for (unsigned i = 0; (what & STREAM_READABLE) && p->stream == s && i < PIECES_A_TURN; i++) {
        unsigned char *room = imap_in_room(&p->in, PIECE_BYTES);
        long n = room ? stream_read(s, room, PIECE_BYTES) : STREAM_BROKEN;

        if (n == STREAM_AGAIN)
            return;
        if (n <= 0) {
            session_failed(p, !room             ? p->in.error
                              : n == STREAM_END ? "the server closed the session"
                                                : stream_error(s));
            return;
        }
        p->heard_ns = now_of(p);
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
        (void)imap_put(&p->out, open_command(p, ASKED_CAPABILITY), "CAPABILITY");
        (void)send_out(p);
        return;
    case DIAL_ABSENT:
        session_absent(p, why);
        return;
    case DIAL_BUSY:
        p->p.failures++;
        session_refused(p, why);
        return;
    case DIAL_DOWN:
        session_failed(p, why);
        return;
    }
}

static void dial(struct imap_probe *p)
{
    const struct site *site = &p->c.work->profile->site;

    p->at = AT_DIALING;
    p->tried_ns = now_of(p);
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
        poll_begin(p, false);
        return;
    case AT_IDLE:
        if (p->idle_open)
            leave_idle(p);
        else
            session_failed(p, "no answer to IDLE");
        if (p->stream)
            (void)send_out(p);
        return;
    case AT_COMMAND:
        if (now_of(p) >= p->heard_ns + SILENCE_NS)
            session_failed(p, "no answer in time");
        else
            timer_arm(p->c.loop, &p->timer, p->heard_ns + SILENCE_NS);
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
    imap_in_init(&p->in);
    buf_init(&p->out, 65536);
    timer_init(&p->timer, on_timer, p);
    timer_init(&p->told, on_told, p);
    begin_epoch(p);
    p->reset = p->epoch > 1; /* an earlier probe of this place told things */
    timer_arm(c->loop, &p->timer, loop_now(c->loop));
    return &p->p;
}

/* A poll under way began before this; the scan that is wanted begins after it. */
static void imap_scan(struct probe *probe)
{
    struct imap_probe *p = (struct imap_probe *)probe;

    p->wanted_ns = now_of(p) + 1;
    switch (p->at) {
    case AT_READY:
        timer_arm(p->c.loop, &p->timer, p->wanted_ns);
        return;
    case AT_IDLE:
        leave_idle(p);
        (void)send_out(p);
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
