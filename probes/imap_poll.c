/* imap_poll.c - what is asked of an open mailbox, and what the answers mean.
 *
 * A poll asks the server what is new (NOOP, or EXAMINE where a complete scan is wanted or the session is new), reads what is
 * not known yet, and is complete when EXISTS equals what is known: since everything known was there and everything new was
 * read, the two sets are the same. Where the count says that something went, or cannot say that nothing went, UID SEARCH ALL
 * tells which. Commands are decided in one place, poll_step(), which runs whenever all answers are in.
 *
 * Where not every body is to be compared, what is new is swept first: its header fields say whose copy it is. Then come the
 * bodies that are due (imap_sweep.h); a poll is not complete before each was read, or its message is gone.
 *
 * Epochs: a new one where UIDs mean something else (UIDVALIDITY, absence), and after something went, so that the copies that
 * remain stand above the EV_GONE of those that went.
 */
#include <string.h>

#include "base/blind.h"
#include "probes/imap_private.h"

/* Messages a command. A Dovecot with a reader that keeps up is as fast by 1,000, 2,000 and 5,000. With 2,000, the answers to both
 * commands in flight fit in a socket's buffers, so that it waits for a reader that is kept from its processor. */
#define FETCH_UIDS    5000
#define FETCH_AT_ONCE 2    /* commands in flight */
#define NEW_UNLISTED  1000 /* up to so many new messages are fetched without listing them first */
#define ROUNDS_MAX    16   /* of one poll, while mail keeps arriving */

/* ---- what is journalled ---- */

static void record(struct imap_probe *p, enum event_kind kind, uint64_t loop_ns, uint64_t number,
                   uint32_t code, uint32_t epoch)
{
    struct event ev = {.t_ns = clock_target(p->c.clock, loop_ns),
                       .slot = number * p->c.work->stride,
                       .kind = (uint16_t)kind,
                       .place = (uint16_t)p->p.server,
                       .code = code,
                       .a = p->p.mailbox,
                       .b = epoch};

    (void)journal_add(p->c.journal, &ev);
}

static void record_seen(struct imap_probe *p, uint64_t number, uint32_t epoch, uint32_t ordinal,
                        bool corrupt)
{
    record(p, EV_SEEN, imap_now(p), number,
           (ordinal < 255 ? ordinal : 255) | (corrupt ? SEEN_CORRUPT : 0), epoch);
}

void imap_begin_epoch(struct imap_probe *p)
{
    p->epoch = correlate_epoch(p->c.correlate, p->p.mailbox, p->p.server);
}

/* UIDs mean something else from now on, or nothing. */
void imap_forget_all(struct imap_probe *p)
{
    known_clear(&p->known);
    sweep_fini(&p->sweep);
    p->validity = p->known_uidnext = 0;
    p->reset = true;
    imap_begin_epoch(p);
}

/* Does a scan that began at began_ns answer whoever asked? */
bool imap_is_asked(const struct imap_probe *p, uint64_t began_ns)
{
    return p->wanted_ns != 0 && p->wanted_ns <= began_ns;
}

/* A complete scan that began at began_ns. */
void imap_complete_scan(struct imap_probe *p, uint64_t began_ns, bool absent)
{
    uint32_t code = SCAN_COMPLETE | (absent ? SCAN_ABSENT : 0) | (p->reset ? SCAN_RESET : 0);

    record(p, EV_SCAN, began_ns, 0, code, p->epoch);
    p->reset = false;
    p->p.scans++;
    p->p.complete_ns = began_ns;
    p->p.absent = absent;
    if (imap_is_asked(p, began_ns))
        p->wanted_ns = 0;
}

static void fetch(struct imap_probe *p, uint32_t low, uint32_t high)
{
    const struct imap_range set = {low, high};

    (void)imap_put_fetch(&p->out, imap_open_command(p, ASKED_FETCH), &set, 1,
                         p->how->content < 100 ? IMAP_FIELDS : IMAP_WHOLE);
}

/* ---- a poll ---- */

/* EXAMINE when somebody asked, or the session is new; NOOP otherwise. */
void imap_poll_begin(struct imap_probe *p, bool is_new)
{
    bool asked = imap_is_asked(p, imap_now(p));

    p->poll = (struct imap_poll){.began_ns = imap_now(p), .asked = asked, .fresh = asked || is_new};
    if (p->poll.fresh)
        (void)imap_put_examine(&p->out, imap_open_command(p, ASKED_EXAMINE));
    else
        (void)imap_put(&p->out, imap_open_command(p, ASKED_NOOP), "NOOP");
    (void)imap_send(p);
}

/* A poll that could not be completed is begun again after a period: neither at once nor when IDLE brings news. */
static void rest_until_next_poll(struct imap_probe *p, bool complete)
{
    uint64_t next = p->poll.began_ns + probe_period_ns(p->how),
             soon = imap_now(p) + probe_period_ns(p->how) / 4;

    if (complete && p->wanted_ns != 0) {
        p->at = AT_READY;
        timer_arm(p->c.loop, &p->timer, p->wanted_ns);
    } else if (complete && p->how->idle && p->has_idle) {
        (void)imap_put(&p->out, imap_open_command(p, ASKED_IDLE), "IDLE");
        p->at = AT_IDLE;
        p->idle_open = p->idle_over = false;
        (void)imap_send(p);
    } else {
        p->at = AT_READY;
        timer_arm(p->c.loop, &p->timer, next > soon ? next : soon);
    }
}

static void poll_end(struct imap_probe *p, bool complete)
{
    struct imap_poll was = p->poll;
    bool told = complete && (was.asked || was.changed || p->reset || !p->selected);

    p->tries = 0;
    p->p.refused = false;
    if (complete) {
        p->known_uidnext = p->uidnext;
        p->selected = true;
    }
    if (told)
        imap_complete_scan(p, was.began_ns, false);
    rest_until_next_poll(p, complete);
    if (told || !complete)
        imap_tell_muster(p);
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
    (void)imap_send(p);
}

static void fetch_due(struct imap_probe *p)
{
    struct imap_range set[IMAP_SET_MAX];
    uint32_t n;

    while (p->open_count < FETCH_AT_ONCE && (n = sweep_next(&p->sweep, set, FETCH_UIDS)) > 0)
        (void)imap_put_fetch(&p->out, imap_open_command(p, ASKED_FETCH), set, n, IMAP_WHOLE);
    (void)imap_send(p);
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
    struct imap_poll *poll = &p->poll;

    if (p->next < p->known.listed_count) {
        fetch_listed(p);
        return;
    }
    if (sweep_begin(&p->sweep)) {
        fetch_due(p);
        return;
    }
    if (sweep_end(&p->sweep))
        p->must_list = true; /* they went, or cannot be read */
    if (poll->exists != 0 && p->exists != poll->exists)
        p->must_list = true; /* what came while it was read may stand in for what went before */
    poll->exists = 0;
    if ((p->exists == p->known.count && !p->must_list && count_is_proof(p)) ||
        !CHECK_ON(COVERAGE)) {
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
        (void)imap_put_search_all(&p->out, imap_open_command(p, ASKED_LIST));
    }
    (void)imap_send(p);
}

/* ---- what went ---- */

static void on_gone(void *owner, uint64_t number)
{
    struct imap_probe *p = owner;

    record(p, EV_GONE, imap_now(p), number, 0, p->epoch);
}

static void on_begin_left(void *owner)
{
    imap_begin_epoch(owner);
}

static void on_left(void *owner, uint64_t number, uint32_t ordinal, bool corrupt)
{
    struct imap_probe *p = owner;

    record_seen(p, number, p->epoch, ordinal, corrupt);
}

static void take_listing(struct imap_probe *p)
{
    const struct known_sweep sweep = {on_gone, on_begin_left, on_left, p};

    if (known_sweep(&p->known, &sweep) > 0)
        p->poll.changed = true;
    sweep_keep(&p->sweep, &p->known);
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

/* false: out of memory. */
static bool take_message(struct imap_probe *p, uint32_t uid, struct slice raw)
{
    struct reading got = correlate_read(p->c.correlate, raw, p->p.mailbox, p->p.server,
                                        clock_target(p->c.clock, imap_now(p)));
    uint32_t ordinal;

    if (!known_add(&p->known, uid, got.kind == READING_COPY ? got.number : KNOWN_OTHER, got.corrupt,
                   &ordinal))
        return false;
    if (got.kind == READING_COPY)
        record_seen(p, got.number, p->epoch, ordinal, got.corrupt);
    p->poll.changed = true;
    return true;
}

/* A body whose copy was seen by its header. Whatever it is, if not that copy as it was sent, the copy is not intact. */
static void compare(struct imap_probe *p, const struct sweep_due *due, struct slice raw)
{
    struct reading got = correlate_read(p->c.correlate, raw, p->p.mailbox, p->p.server,
                                        clock_target(p->c.clock, imap_now(p)));

    if (got.kind == READING_COPY && got.number == due->number && !got.corrupt)
        return;
    known_corrupt(&p->known, due->uid);
    record_seen(p, due->number, due->epoch, due->ordinal, true);
    p->poll.changed = true;
}

static bool take_whole(struct imap_probe *p, uint32_t uid, struct slice raw)
{
    struct sweep_due *due = sweep_find(&p->sweep, uid);

    if (due) {
        due->served = true;
        if (due->settled) {
            compare(p, due, raw);
            return true;
        }
    }
    return known_has(&p->known, uid) || take_message(p, uid, raw);
}

static bool take_fields(struct imap_probe *p, uint32_t uid, struct slice fields)
{
    struct sweep_due due = {.uid = uid, .epoch = p->epoch};

    if (p->how->content >= 100 || p->sweep.asking || known_has(&p->known, uid))
        return true; /* nobody asked, or asks any more */
    due.settled = correlate_settle(p->c.correlate, fields, &due.number);
    if (!due.settled)
        return sweep_add(&p->sweep, &due);
    if (!known_add(&p->known, uid, due.number, false, &due.ordinal))
        return false;
    record_seen(p, due.number, due.epoch, due.ordinal, false);
    p->poll.changed = true;
    return !sweep_draws(p->c.work->profile->seed, p->how->content, due.number) ||
           sweep_add(&p->sweep, &due);
}

/* Without a body: flags of a message we have not read yet, or NIL. */
static bool take_fetch(struct imap_probe *p, const struct imap_response *r)
{
    if (!r->has_uid)
        return true;
    if (r->has_body)
        return take_whole(p, r->uid, r->body);
    return !r->has_fields || take_fields(p, r->uid, r->fields);
}

static bool is_open(const struct imap_probe *p, enum imap_asked what)
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
        imap_forget_all(p);
    p->known.listed_count = 0;
    if (is_open(p, ASKED_EXAMINE))
        p->validity = validity;
    else /* nobody may do that to an open mailbox: which UIDs the session speaks of is anyone's guess */
        imap_failed(p, "UIDVALIDITY changed in an open mailbox");
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
        imap_absent(p, line);
    else
        imap_refused(p, line);
}

static void fetch_more(struct imap_probe *p)
{
    if (p->sweep.asking)
        fetch_due(p);
    else
        fetch_listed(p);
}

static enum imap_asked close_command(struct imap_probe *p, uint32_t tag)
{
    for (unsigned i = 0; i < p->open_count; i++)
        if (p->open[i].tag == tag) {
            enum imap_asked what = p->open[i].what;

            memmove(p->open + i, p->open + i + 1, (--p->open_count - i) * sizeof *p->open);
            return what;
        }
    return ASKED_NOTHING;
}

/* RFC 5530 section 3: some of what was to be fetched went meanwhile; UID SEARCH ALL tells which. */
static bool is_overtaken(enum imap_asked what, const struct imap_response *r)
{
    return what == ASKED_FETCH && r->status == IMAP_NO && imap_has_word(r->code, "EXPUNGEISSUED");
}

static void take_tagged(struct imap_probe *p, const struct imap_response *r)
{
    enum imap_asked what = close_command(p, r->tag);

    if (what == ASKED_NOTHING) {
        imap_failed(p, "an answer to no command of ours");
        return;
    }
    if (what == ASKED_EXAMINE) {
        examined(p, r);
        if (!p->stream)
            return;
    } else if (is_overtaken(what, r)) {
        p->must_list = true;
    } else if (r->status != IMAP_OK && what != ASKED_CAPABILITY && what != ASKED_IDLE) {
        imap_failed(p, "the server refused an ordinary command");
        return;
    }
    if (what == ASKED_IDLE && (r->status != IMAP_OK || p->at == AT_IDLE))
        p->has_idle = false; /* refused, or ended by the server: it would be said again at once */
    if (what == ASKED_LIST)
        take_listing(p);
    if (what == ASKED_CAPABILITY || what == ASKED_IDLE)
        imap_poll_begin(p, what == ASKED_CAPABILITY);
    else if (p->open_count == 0)
        poll_step(p);
    else if (what == ASKED_FETCH)
        fetch_more(p);
}

static void take_status(struct imap_probe *p, const struct imap_response *r)
{
    uint32_t n;

    if (r->status == IMAP_BYE) {
        char line[IMAP_PRINT];

        imap_print_line(r, line);
        imap_refused(p, line);
        return;
    }
    if (imap_code_number(r, "UIDVALIDITY", &n))
        take_validity(p, n);
    else if (imap_code_number(r, "UIDNEXT", &n))
        p->uidnext = n;
}

void imap_poll_answer(struct imap_probe *p, const struct imap_response *r)
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
            imap_failed(p, "out of memory");
        return;
    case IMAP_SEARCH:
        if (!take_search(p, r->text))
            imap_failed(p, "more messages than can be listed");
        return;
    case IMAP_CAPABILITY:
        p->has_idle = imap_has_word(r->text, "IDLE");
        return;
    case IMAP_CONTINUE:
        if (p->at != AT_IDLE)
            return;
        p->idle_open = true;
        timer_arm(p->c.loop, &p->timer, imap_now(p) + IMAP_IDLE_NS);
        if (!p->idle_over)
            return;
        break;
    case IMAP_LIST:
    case IMAP_OTHER:
        return;
    }
    if (p->at == AT_IDLE)
        imap_leave_idle(p);
}
