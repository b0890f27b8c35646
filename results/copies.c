/* copies.c - attribution. A sighting in the recipient's mailbox speaks of the primary copy, in an alternate's of the
 * alternate copy, anywhere else of a misdelivery; a report speaks of whom it names; a queue entry of its recipient.
 */
#include "results/copies.h"

#include <stdlib.h>
#include <string.h>

#include "base/blind.h"
#include "results/ledger_private.h"

#define COPIES_MAX         1024u
#define LATE_AFTER_MOVE_NS (60 * NS_PER_S) /* until a probe is back in a mailbox that moved */

struct copies {
    const struct ledger *l;
    struct history *h;
    struct settle *s;
    struct clue_counts attributed;
    bool shared;        /* history and settle are another's */
    struct clue *clues; /* of the message at hand, sorted */
    uint32_t clue_count, clue_room;
    uint32_t count; /* copies of the message at hand */
    uint32_t roles; /* 1, or 2 where alternates are counted */
    struct copy out[COPIES_MAX];
};

struct copies *copies_create(const struct ledger *l, struct err *e)
{
    struct copies *c = calloc(1, sizeof *c);

    if (!c) {
        err_set(e, EX_IO, "out of memory for copies");
        return NULL;
    }
    c->l = l;
    c->h = history_create(l, e);
    c->s = c->h ? settle_create(l, c->h, e) : NULL;
    if (!c->s) {
        copies_destroy(c);
        return NULL;
    }
    return c;
}

struct copies *copies_share(const struct copies *from)
{
    struct copies *c = calloc(1, sizeof *c);

    if (!c)
        return NULL;
    c->l = from->l;
    c->h = from->h;
    c->s = from->s;
    c->shared = true;
    return c;
}

void copies_destroy(struct copies *c)
{
    if (!c)
        return;
    if (!c->shared) {
        history_destroy(c->h);
        settle_destroy(c->s);
    }
    free(c->clues);
    free(c);
}

#define ORDER(x, y) (((x) > (y)) - ((x) < (y)))

static int clues_in_order(const void *left, const void *right)
{
    const struct clue *a = left, *b = right;
    int order = ORDER(a->kind, b->kind);

    order = order ? order : ORDER(a->mailbox, b->mailbox);
    order = order ? order : ORDER(a->server, b->server);
    order = order ? order : ORDER(a->as.report.print, b->as.report.print);
    order = order ? order : ORDER(a->as.report.code, b->as.report.code);
    return order ? order : ORDER(a->first, b->first);
}

static void more_clue_room(struct copies *c)
{
    uint32_t room = c->clue_room ? 2 * c->clue_room : 64;
    struct clue *more = realloc(c->clues, room * sizeof *more);

    PM_MEMORY(more); /* a few kilobytes, while judging */
    c->clues = more;
    c->clue_room = room;
}

static void gather_clues(struct copies *c, const struct slot *first)
{
    struct evidence all = ledger_evidence(c->l, first);

    c->clue_count = 0;
    do {
        if (c->clue_count == c->clue_room)
            more_clue_room(c);
    } while (evidence_next(&all, &c->clues[c->clue_count]) && ++c->clue_count);
    if (c->clue_count > 1)
        qsort(c->clues, c->clue_count, sizeof *c->clues, clues_in_order);
}

/* ------------------------------------------------------------------------------------------- who the copies are for */

static enum ending knowledge(const struct copies *c, const struct slot *s, const struct slot *first)
{
    if (slot_ending(s) != END_NONE)
        return slot_ending(s);
    if (s->sent)
        return END_DOUBT; /* begun, and no end was recorded */
    /* A block that was damaged may have held the record, and the lease too. */
    if ((c->l->torn || history_cut(c->h)) && c->clue_count)
        return END_DOUBT;
    /* A killed run: the number was leased, whatever was recorded of it may be lost. */
    return first->state & SLOT_LEASED && (!settle_ran_to_end(c->s) || history_resumed(c->h))
               ? END_DOUBT
               : END_NONE;
}

/* Delivery is not due before: acceptance, and as long after it as was asked for. */
static uint64_t due_ns(const struct copies *c, const struct copy *p)
{
    uint64_t deferred = c->l->manifest->loads[p->load].deferred_ns;

    return p->end_ns == NEVER_NS || deferred > NEVER_NS - p->end_ns ? NEVER_NS
                                                                    : p->end_ns + deferred;
}

/* As long as it is in the making a copy is written field by field: whole structs are read back before they have settled
 * in the cache, which would be half of what a copy costs. */
static void open_configuration(struct copies *c, struct copy *p, uint64_t deferred_ns)
{
    p->alternates.alternate = BARRED;
    p->alternates.mailbox = NO_INDEX;
    p->facts.owed = OWED; /* also where the recipient is not known */
    if (p->to != NO_INDEX && c->roles == 2) {
        p->alternates =
            history_alternates(c->h, p->to, p->end_ns == NEVER_NS ? 0 : p->end_ns, deferred_ns);
        p->facts.owed = p->alternate ? p->alternates.alternate : p->alternates.primary;
    }
    p->mailbox = p->alternate ? p->alternates.mailbox : p->to;
    p->move.move = NO_INDEX;
    if (history_is_moved(c->h, p->to))
        p->move = history_move(c->h, p->to, p->end_ns);
    p->silence.load = p->load;
    p->silence.to = p->to;
    p->silence.from = p->from;
    p->silence.end_ns = due_ns(c, p);
    p->silence.standing = true;
}

static void open_copy(struct copies *c, struct copy *p, const struct slot *s,
                      const struct slot *first)
{
    const struct manifest_load *load = &c->l->manifest->loads[p->load];

    p->tried = s->sent != 0;
    p->to = s->mailbox - 1; /* 0 - 1: NO_INDEX */
    p->from = s->from - 1;
    p->server = s->server;
    p->facts.k = knowledge(c, s, first);
    p->sent_ns = tick_ns(s->sent);
    p->end_ns = p->sent_ns == NEVER_NS ? NEVER_NS : p->sent_ns + s->end_us * NS_PER_US;
    p->first_seen_ns = p->first_reported_ns = NEVER_NS;
    p->late_us = s->late_us;
    p->end_code = ledger_code(c->l, s);
    p->stage = slot_stage(s);
    p->facts.asked = load->silence_asked;
    open_configuration(c, p, load->deferred_ns);
}

static void open_message(struct copies *c, uint32_t load, uint64_t number)
{
    const struct manifest_load *how = &c->l->manifest->loads[load];
    const struct slot *first = ledger_slot(c->l, number * c->l->manifest->stride);

    c->roles = how->alternates ? 2 : 1;
    c->count = manifest_copies(how);
    PM_ASSERT(c->count <= COPIES_MAX);
    memset(c->out, 0, c->count * sizeof *c->out);
    gather_clues(c, first);
    for (uint32_t i = 0; i < c->count; i++) {
        struct copy *p = &c->out[i];
        uint32_t recipient = i / c->roles;

        p->number = number;
        p->load = load;
        p->recipient = recipient;
        p->alternate = i % c->roles == 1;
        open_copy(c, p, first + 2ul * recipient, first);
    }
}

/* ------------------------------------------------------------------------------------------------------ attribution */

static struct copy *primary_of(struct copies *c, const struct copy *p)
{
    return &c->out[(size_t)p->recipient * c->roles];
}

static struct copy *alternate_of(struct copies *c, const struct copy *p)
{
    return c->roles == 2 ? &c->out[p->recipient * 2 + 1] : NULL;
}

/* The copies that a piece of evidence in (or about) this mailbox may speak of: those it is owed or allowed for, in order;
 * *barred: the first copy that had this alternate at another time. */
static uint32_t match(struct copies *c, uint32_t mailbox, struct copy **matched,
                      struct copy **barred)
{
    uint32_t n = 0;

    *barred = NULL;
    for (uint32_t i = 0; i < c->count; i++) {
        struct copy *p = &c->out[i];
        enum owed role = OWED;

        if (p->to == NO_INDEX)
            continue;
        if (!p->alternate &&
            (p->to == mailbox || (!CHECK_ON(ROLE) && p->alternates.mailbox == mailbox)))
            matched[n++] = p;
        if (!p->alternate || !history_role(c->h, p->to, &p->alternates, mailbox, &role))
            continue;
        if (role != BARRED)
            matched[n++] = p;
        else if (!*barred)
            *barred = p;
    }
    return n;
}

/* After a crash the recipients of a leased message may be unknown: a copy, or who a report names, is then taken for the first of
 * them. */
static struct copy *adopt(struct copies *c, uint32_t mailbox)
{
    bool alternate = c->roles == 2 && history_is_alternate(c->h, mailbox);

    for (uint32_t i = 0; i < c->count; i++) {
        struct copy *p = &c->out[i];

        if (p->to != NO_INDEX || p->facts.k != END_DOUBT || p->alternate != alternate ||
            (p->mailbox != NO_INDEX && p->mailbox != mailbox))
            continue;
        p->mailbox = mailbox;
        return p;
    }
    return NULL;
}

static void saw(struct copies *c, struct copy *p, const struct clue *k, uint32_t n, bool elsewhere)
{
    const struct place *place = ledger_place(c->l, k->server, k->mailbox);
    uint32_t home = history_home(c->h, k->mailbox), seen = k->as.copy.seen;
    bool there = seen > k->as.copy.gone && seen >= place->reset;
    uint64_t first = tick_ns(k->first);

    if (!seen || !n)
        return;
    if (first < p->first_seen_ns)
        p->first_seen_ns = first;
    if (elsewhere || (!p->alternate && p->facts.owed == BARRED)) {
        c->attributed.elsewhere += n;
        p->facts.o = CHECK_ON(STRANGER);
        return;
    }
    c->attributed.found += n;
    n = CHECK_ON(DUPLICATES) ? n : n > p->facts.h;
    if (k->bits & CLUE_CORRUPT)
        p->facts.b = true;
    else if (!there && CHECK_ON(GONE)) {
        p->facts.v = true; /* until it is found somewhere: see close_copy() */
        p->silence.broken |=
            seen > k->as.copy.gone && history_died_between(c->h, seen, place->reset);
    } else if (home == NO_INDEX || home == k->server || !CHECK_ON(OLD_HOME))
        p->facts.h = (uint8_t)(p->facts.h + n > 2 ? 2 : p->facts.h + n);
    else
        p->facts.l = true;
}

static void attribute_copy(struct copies *c, const struct clue *k)
{
    struct copy *matched[COPIES_MAX], *barred;
    uint32_t n = match(c, k->mailbox, matched, &barred);
    uint32_t found = k->as.copy.ordinal ? k->as.copy.ordinal : 1;

    c->attributed.copies++;
    for (uint32_t i = 0; i < n;
         i++) /* where one mailbox is owed several, they share what is there */
        saw(c, matched[i], k, found / n + (i < found % n), false);
    if (n)
        return;
    struct copy *adopted = adopt(c, k->mailbox);

    if (adopted)
        saw(c, adopted, k, found, false);
    else
        saw(c, barred ? barred : &c->out[0], k, found, true);
}

static void queued(struct copies *c, struct copy *p, const struct clue *k)
{
    uint64_t since = 0;

    p->facts.q = true;
    p->silence.queued = true;
    p->silence.standing &= settle_entry_stands(c->s, k, &since);
    if (since > p->silence.standing_ns)
        p->silence.standing_ns = since;
}

static void attribute_entry(struct copies *c, const struct clue *k)
{
    struct copy *matched[COPIES_MAX], *barred = NULL;
    uint32_t n = k->mailbox == NO_INDEX ? 0 : match(c, k->mailbox, matched, &barred);

    c->attributed.entries++;
    if (!CHECK_ON(ENTRIES) || k->bits & CLUE_OF_REPORT || !settle_entry_is_there(c->s, k))
        return;
    for (uint32_t i = 0; i < n; i++)
        queued(c, matched[i], k);
    if (n)
        return;
    if (barred) {
        queued(c, barred, k);
        return;
    }
    for (uint32_t i = 0; i < c->count; i++) /* whose it is was not said: it may be anybody's */
        if (c->out[i].facts.k >= END_DOUBT && c->out[i].facts.owed != BARRED)
            queued(c, &c->out[i], k);
}

static void set_flag(struct copy *p, enum flag f, bool on)
{
    p->flags |= (uint32_t)on << f;
}

static void reported(struct copy *p, const struct clue *k)
{
    uint32_t code = k->as.report.code, kind = code & 7u;

    set_flag(p, FLAG_DELAYED_REPORT, kind == REPORT_DELAYED);
    if (kind != REPORT_FAILED || !CHECK_ON(REPORTS))
        return;
    if (p->report_code)
        set_flag(p, FLAG_DUPLICATE_REPORT, p->report_print != k->as.report.print);
    p->report_print = k->as.report.print;
    if (code > p->report_code)
        p->report_code = code;
    if (code & REPORT_TO_ORIGINATOR)
        p->facts.f = true;
    else
        p->facts.w = true;
    set_flag(p, FLAG_MALFORMED_REPORT, code & REPORT_MALFORMED);
    set_flag(p, FLAG_WRONG_STATUS, code & REPORT_WRONG_STATUS);
    set_flag(p, FLAG_LOOP, code & REPORT_LOOP);
    set_flag(p, FLAG_ATTRIBUTION_WEAK, code & REPORT_WEAK);
    if (tick_ns(k->first) < p->first_reported_ns)
        p->first_reported_ns = tick_ns(k->first);
}

static void attribute_report(struct copies *c, const struct clue *k)
{
    struct copy *matched[COPIES_MAX], *barred = NULL;
    uint32_t n = k->mailbox == NO_INDEX ? 0 : match(c, k->mailbox, matched, &barred);
    struct copy *p = n ? matched[0] : barred;

    c->attributed.reports++;
    for (uint32_t i = 0; i < n; i++) /* a primary of that name before an alternate of that name */
        if (!matched[i]->alternate) {
            p = matched[i];
            break;
        }
    if (!p && k->mailbox != NO_INDEX)
        p = adopt(c, k->mailbox);
    if (!p) {
        p = &c->out[0];
        set_flag(p, FLAG_ATTRIBUTION_WEAK, c->count > c->roles);
        set_flag(p, FLAG_WRONG_STATUS, k->mailbox != NO_INDEX && p->to != NO_INDEX);
    }
    reported(p, k);
}

/* ------------------------------------------------------------------------------------------------ facts to classes */

static uint64_t time_unwatched(const struct copies *c, const struct copy *p)
{
    return c->l->unwatched.count == 0 || p->sent_ns == NEVER_NS || p->first_seen_ns == NEVER_NS
               ? 0
               : history_unwatched(c->h, p->sent_ns, p->first_seen_ns);
}

/* While a mailbox moves nobody can log on to it: what came just before is first seen after the move, however early it was
 * there. So the part of a move that lies between acceptance and sight does not count, nor does the way back to a log-on. */
static bool is_late(const struct copies *c, struct copy *p, uint64_t unwatched_ns)
{
    uint64_t due = due_ns(c, p);

    if (!p->facts.h || p->first_seen_ns == NEVER_NS || due == NEVER_NS || p->first_seen_ns <= due)
        return false;
    if (p->first_seen_ns - due <= c->l->manifest->late_ns)
        return false;
    uint64_t moving = history_moving(c->h, p->mailbox, due, p->first_seen_ns);
    uint64_t other = history_moving(c->h, p->to, due, p->first_seen_ns);
    uint64_t limit = c->l->manifest->late_ns;

    moving = moving > other ? moving : other; /* an alternate's copy may wait for its primary's */
    limit += moving ? moving + LATE_AFTER_MOVE_NS : 0;
    if (p->first_seen_ns - due <= limit)
        return false;
    /* Nor does time in which nobody watched, and until every place was scanned again. */
    p->excused = unwatched_ns > 0;
    limit += unwatched_ns ? unwatched_ns + LATE_AFTER_MOVE_NS : 0;
    return p->first_seen_ns - due > limit;
}

static bool is_after_final(const struct copies *c, const struct copy *p)
{
    uint64_t judged = c->l->phases[PHASE_JUDGE];

    return judged && ((p->first_seen_ns != NEVER_NS && p->first_seen_ns >= judged) ||
                      (p->first_reported_ns != NEVER_NS && p->first_reported_ns >= judged));
}

static bool is_silent(const struct copy *p)
{
    const struct facts *f = &p->facts;

    return !f->h && !f->l && !f->q && !f->f && !f->w;
}

static void close_copy(struct copies *c, struct copy *p)
{
    uint64_t unwatched_ns = time_unwatched(c, p);

    if (p->facts.h || p->facts.l)
        p->facts.v = false;
    p->facts.z = settle_is_final(c->s, &p->silence);
    p->outcome = classify(&p->facts);
    p->unwatched = unwatched_ns > 0;
    set_flag(p, FLAG_LATE, is_late(c, p, unwatched_ns));
    if (p->flags >> FLAG_LATE & 1u)
        p->excused = false;
    set_flag(p, FLAG_DOUBT, p->facts.k == END_DOUBT);
    set_flag(p, FLAG_AFTER_FINAL, is_after_final(c, p));
}

static void close_pair(struct copies *c, struct copy *primary)
{
    const struct copy *other = alternate_of(c, primary);

    if (!other)
        return;
    /* Only the primary's address was named while both are silent: the report may have meant the alternate. */
    set_flag(primary, FLAG_ATTRIBUTION_WEAK,
             (primary->facts.f || primary->facts.w) && other->facts.owed != BARRED &&
                 is_silent(other));
    set_flag(primary, FLAG_ALTERNATE_DELIVERED, primary->facts.h == 0 && other->facts.h > 0);
}

struct copy *copies_of(struct copies *c, uint32_t load, uint64_t number, uint32_t *count)
{
    open_message(c, load, number);
    for (uint32_t i = 0; i < c->clue_count; i++) {
        const struct clue *k = &c->clues[i];

        if (k->kind == CLUE_SEEN)
            attribute_copy(c, k);
        else if (k->kind == CLUE_QUEUED)
            attribute_entry(c, k);
        else
            attribute_report(c, k);
    }
    for (uint32_t i = 0; i < c->count; i++)
        close_copy(c, &c->out[i]);
    for (uint32_t i = 0; i < c->count; i += c->roles)
        close_pair(c, primary_of(c, &c->out[i]));
    *count = c->count;
    return c->out;
}

bool copies_between(struct copies *c, uint64_t from, uint64_t to,
                    bool (*each)(void *owner, const struct copy *copies, uint32_t n), void *owner)
{
    const struct manifest *m = c->l->manifest;

    for (uint32_t load = 0; load < m->load_count; load++) {
        uint64_t first = m->loads[load].first, end = first + m->loads[load].count;

        for (uint64_t n = first > from ? first : from; n < end && n < to; n++) {
            uint32_t count;
            const struct copy *copies = copies_of(c, load, n, &count);

            if (!each(owner, copies, count))
                return false;
        }
    }
    return true;
}

bool copies_each(struct copies *c, bool (*each)(void *owner, const struct copy *copies, uint32_t n),
                 void *owner)
{
    return copies_between(c, 0, UINT64_MAX, each, owner);
}

struct clue_counts copies_attributed(const struct copies *c)
{
    return c->attributed;
}

const struct history *copies_history(const struct copies *c)
{
    return c->h;
}

const struct settle *copies_settle(const struct copies *c)
{
    return c->s;
}

const struct ledger *copies_ledger(const struct copies *c)
{
    return c->l;
}

uint32_t copies_load_of(const struct copies *c, uint64_t number)
{
    const struct manifest *m = c->l->manifest;

    for (uint32_t i = 0; i < m->load_count; i++)
        if (number >= m->loads[i].first && number - m->loads[i].first < m->loads[i].count)
            return i;
    return NO_INDEX;
}
