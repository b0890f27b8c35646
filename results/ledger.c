/* ledger.c - the fold. Each step is a join (or, min, max, set union), so order and repetition cannot matter.
 *
 * What does not fit the manifest (a slot beyond the plan, an unknown server or mailbox) is put aside as a stray: such an
 * event is a bug of ours, and the judgement says so.
 */
#include "results/ledger.h"

#include <stdlib.h>
#include <string.h>

#include "base/pages.h"
#include "results/ledger_private.h"

#define RARE_LIMIT    (1u << 24)
#define FINDING_LIMIT (1u << 20)
#define STRAY_LIMIT   1024u
#define LAST_TICK_NS  ((UINT32_MAX - 1ull) * TICK_NS)
#define FETCH_AHEAD   12u /* events: about the way to memory and back */

bool ledger_reaches(uint64_t t_ns)
{
    return t_ns < LAST_TICK_NS;
}

static void init_bags(struct ledger *l)
{
    bag_init(&l->homes, RARE_LIMIT);
    bag_init(&l->alternates, RARE_LIMIT);
    bag_init(&l->waves, RARE_LIMIT);
    bag_init(&l->aims, RARE_LIMIT);
    bag_init(&l->unwatched, FINDING_LIMIT);
    bag_init(&l->strays, STRAY_LIMIT);
    for (int i = 0; i < FIND_COUNT; i++)
        bag_init(&l->findings[i], FINDING_LIMIT);
}

static size_t slot_bytes(const struct ledger *l)
{
    return (l->slot_count + 1) * sizeof *l->slots;
}

struct ledger *ledger_create(const struct manifest *m, struct err *e)
{
    return ledger_create_small(m, SLOT_SHAPES, SLOT_CODES, e);
}

struct ledger *ledger_create_small(const struct manifest *m, uint32_t shapes, uint32_t codes,
                                   struct err *e)
{
    struct ledger *l = calloc(1, sizeof *l);

    if (!l) {
        err_set(e, EX_IO, "ledger: out of memory");
        return NULL;
    }
    l->manifest = m;
    l->slot_count = m->planned_messages * m->stride;
    l->slots = l->slot_count < SIZE_MAX / sizeof *l->slots ? pages_create(slot_bytes(l)) : NULL;
    l->chunks = calloc(CLUE_CHUNKS,
                       sizeof(struct clue *)); /* NOLINT(bugprone-sizeof-expression): pointers */
    l->places = calloc((size_t)m->server_count * m->mailbox_count + 1, sizeof *l->places);
    l->marks = calloc(m->move_count + 1ul, sizeof *l->marks);
    l->canaries = calloc(m->canaries + 1, sizeof *l->canaries);
    l->clue_count = 1; /* 0 ends a chain */
    intern_init(&l->shapes, shapes);
    intern_init(&l->codes, codes);
    init_bags(l);
    if (l->slots && l->chunks && l->places && l->marks && l->canaries) {
        pages_ready(l->slots, slot_bytes(l)); /* all of them will be written to */
        return l;
    }
    err_set(e, EX_IO, "ledger: out of memory for %llu slots", (unsigned long long)l->slot_count);
    ledger_destroy(l);
    return NULL;
}

void ledger_destroy(struct ledger *l)
{
    if (!l)
        return;
    for (uint32_t i = 0; l->chunks && i < CLUE_CHUNKS && l->chunks[i]; i++)
        free(l->chunks[i]);
    bag_fini(&l->homes);
    bag_fini(&l->alternates);
    bag_fini(&l->waves);
    bag_fini(&l->aims);
    bag_fini(&l->unwatched);
    bag_fini(&l->strays);
    sessions_fini(&l->sessions);
    for (int i = 0; i < FIND_COUNT; i++)
        bag_fini(&l->findings[i]);
    intern_fini(&l->shapes);
    intern_fini(&l->codes);
    pages_destroy(l->slots, slot_bytes(l));
    free(l->chunks);
    free(l->places);
    free(l->marks);
    free(l->canaries);
    free(l);
}

static uint32_t tick_of(uint64_t t_ns)
{
    uint64_t tick = t_ns / TICK_NS;

    return tick < UINT32_MAX ? (uint32_t)tick + 1 : UINT32_MAX;
}

/* --------------------------------------------------------------------------------------------- one kind, one step */

static bool knows_server(const struct ledger *l, uint32_t server)
{
    return server < l->manifest->server_count;
}

static bool knows_mailbox(const struct ledger *l, uint32_t mailbox)
{
    return mailbox < l->manifest->mailbox_count;
}

/* The canary's number above the plan, if this message slot is one's. */
static struct canary *canary_of(struct ledger *l, uint64_t number)
{
    uint64_t k = number - l->manifest->planned_messages;

    return number >= l->manifest->planned_messages && k < l->manifest->canaries ? &l->canaries[k]
                                                                                : NULL;
}

static bool fold_lease(struct ledger *l, const struct event *ev)
{
    uint64_t step = ev->b ? ev->b : 1;
    const uint64_t planned = l->manifest->planned_messages;

    /* The last lease of a load may reach past its end, never past the plan. */
    for (uint64_t i = 0, n = ev->slot; i < ev->a && n < planned; i++, n += step)
        l->slots[n * l->manifest->stride].state |= SLOT_LEASED;
    return true;
}

static bool fold_sent(struct ledger *l, const struct event *ev)
{
    struct slot_begin now = {.sent = tick_of(ev->t_ns), .late_us = ev->b, .server = ev->place};

    if (ev->slot >= l->slot_count)
        return canary_of(l, ev->slot / l->manifest->stride) != NULL;
    if (!knows_server(l, ev->place) || (ev->a != NO_INDEX && !knows_mailbox(l, ev->a)) ||
        (ev->code != NO_INDEX && !knows_mailbox(l, ev->code)))
        return false;
    now.mailbox = ev->a + 1; /* NO_INDEX + 1 is 0: none */
    now.from = ev->code + 1;
    ledger_join_begin(l, &l->slots[ev->slot], &now);
    return true;
}

static bool fold_end(struct ledger *l, const struct event *ev)
{
    struct slot_end now = {ev->b, ev->code, ev->a & 0xff, ev->a >> 8 & 0xff, ev->place};

    if (ev->slot >= l->slot_count)
        return canary_of(l, ev->slot / l->manifest->stride) != NULL;
    if (now.ending > END_ACCEPTED || now.stage >= STAGE_COUNT || !knows_server(l, ev->place))
        return false;
    ledger_join_end(l, &l->slots[ev->slot], &now);
    return true;
}

/* Evidence about a message of the plan is kept; about a canary it is enough that it exists. */
static bool fold_clue(struct ledger *l, const struct event *ev, const struct clue *c)
{
    uint64_t number = ev->slot / l->manifest->stride;
    bool report = c->kind == CLUE_REPORT && (c->as.report.code & 7u) == REPORT_FAILED;

    if (!knows_server(l, c->server) || (c->mailbox != NO_INDEX && !knows_mailbox(l, c->mailbox)))
        return false;
    if (ev->slot < l->slot_count) {
        ledger_add_clue(l, number * l->manifest->stride, c);
        return true;
    }
    struct canary *canary = canary_of(l, number);

    if (canary && report) {
        canary->states |= 1u << CANARY_REPORTED;
        join_max64(&canary->reported_ns, ev->t_ns + 1);
    }
    return canary != NULL;
}

static bool fold_copy(struct ledger *l, const struct event *ev, bool gone)
{
    struct clue c = {.kind = CLUE_SEEN, .server = ev->place, .mailbox = ev->a};

    if (ev->a == NO_INDEX)
        return false;
    if (gone) {
        c.as.copy.gone = ev->b + 1;
    } else {
        c.first = tick_of(ev->t_ns);
        c.as.copy.seen = ev->b + 1;
        c.as.copy.ordinal = ev->code & 0xff;
        c.bits = ev->code & SEEN_CORRUPT ? CLUE_CORRUPT : 0;
    }
    return fold_clue(l, ev, &c);
}

static bool fold_queued(struct ledger *l, const struct event *ev)
{
    struct clue c = {.kind = CLUE_QUEUED,
                     .server = ev->place,
                     .mailbox = ev->a,
                     .first = tick_of(ev->t_ns),
                     .bits = ev->code & QUEUED_REPORT ? CLUE_OF_REPORT : 0};

    c.as.entry.tries = ev->code & 0xffff;
    c.as.entry.first_wave = ev->b + 1;
    c.as.entry.last_wave = ev->b + 1;
    c.as.entry.due_wave = ev->code & QUEUED_DUE ? ev->b + 1 : 0;
    return fold_clue(l, ev, &c);
}

static bool fold_report(struct ledger *l, const struct event *ev)
{
    struct clue c = {
        .kind = CLUE_REPORT, .server = ev->place, .mailbox = ev->a, .first = tick_of(ev->t_ns)};

    c.as.report.print = ev->b;
    c.as.report.code = ev->code;
    return fold_clue(l, ev, &c);
}

static bool fold_scan(struct ledger *l, const struct event *ev)
{
    if (!knows_server(l, ev->place) || !knows_mailbox(l, ev->a))
        return false;
    struct place *p = &l->places[(size_t)ev->place * l->manifest->mailbox_count + ev->a];

    if (ev->code & SCAN_COMPLETE)
        join_max64(&p->complete_ns, ev->t_ns + 1);
    if (ev->code & (SCAN_RESET | SCAN_ABSENT))
        join_max32(&p->reset, ev->b + 1);
    return true;
}

static bool fold_move(struct ledger *l, const struct event *ev)
{
    if (ev->slot >= l->manifest->move_count || ev->code >= MARK_COUNT)
        return false;
    join_min64(&l->marks[ev->slot][ev->code], ev->t_ns + 1);
    return true;
}

static bool fold_canary(struct ledger *l, const struct event *ev)
{
    struct canary *canary = canary_of(l, ev->slot);

    if (!canary || ev->code > CANARY_REPORTED)
        return false;
    canary->states |= 1u << ev->code;
    if (ev->code == CANARY_REPORTED)
        join_max64(&canary->reported_ns, ev->t_ns + 1);
    return true;
}

static bool fold_phase(struct ledger *l, const struct event *ev)
{
    if (ev->code > PHASE_END)
        return false;
    join_min64(&l->phases[ev->code], ev->t_ns + 1);
    return true;
}

static bool fold_site(struct ledger *l, const struct event *ev)
{
    if (!knows_mailbox(l, ev->a))
        return false;
    if (ev->kind == EV_HOME) {
        if (!knows_server(l, ev->place))
            return false;
        bag_add(&l->homes, ev);
    } else {
        if (ev->b != NO_INDEX && !knows_mailbox(l, ev->b))
            return false;
        bag_add(&l->alternates, ev);
    }
    return true;
}

static bool fold_aim(struct ledger *l, const struct event *ev)
{
    if (ev->slot >= l->slot_count || event_aim_move(ev->a) >= l->manifest->move_count ||
        !knows_server(l, ev->place))
        return false;
    bag_add(&l->aims, ev);
    return true;
}

static bool fold_rare(struct ledger *l, const struct event *ev)
{
    switch ((enum event_kind)ev->kind) {
    case EV_MOVE:
        return fold_move(l, ev);
    case EV_HOME:
    case EV_ALTERNATE:
        return fold_site(l, ev);
    case EV_WAVE:
        if (!knows_server(l, ev->place))
            return false;
        bag_add(&l->waves, ev);
        return true;
    case EV_CANARY:
        return fold_canary(l, ev);
    case EV_PHASE:
        return fold_phase(l, ev);
    case EV_QUIESCENT:
        join_max64(&l->quiescent, ev->t_ns + 1);
        return true;
    case EV_FINDING:
        if (ev->code >= FIND_COUNT)
            return false;
        bag_add(&l->findings[ev->code], ev);
        return true;
    case EV_SESSIONS:
        if (!knows_server(l, ev->place) || ev->a >= l->manifest->load_count)
            return false;
        sessions_add(&l->sessions, ev);
        return true;
    case EV_AIM:
        return fold_aim(l, ev);
    case EV_UNWATCHED:
        if (ev->code >= UNWATCHED_COUNT || ev->slot > ev->t_ns)
            return false;
        bag_add(&l->unwatched, ev);
        return true;
    case EV_LOGON: /* the marks say what came of it */
    case EV_NONE:
        return true;
    case EV_LEASE:
    case EV_SENT:
    case EV_END:
    case EV_SEEN:
    case EV_GONE:
    case EV_SCAN:
    case EV_QUEUED:
    case EV_REPORT:
    case EVENT_KIND_COUNT:
        break;
    }
    return false;
}

static bool fold(struct ledger *l, const struct event *ev)
{
    switch (ev->kind) {
    case EV_LEASE:
        return fold_lease(l, ev);
    case EV_SENT:
        return fold_sent(l, ev);
    case EV_END:
        return fold_end(l, ev);
    case EV_SEEN:
        return fold_copy(l, ev, false);
    case EV_GONE:
        return fold_copy(l, ev, true);
    case EV_SCAN:
        return fold_scan(l, ev);
    case EV_QUEUED:
        return fold_queued(l, ev);
    case EV_REPORT:
        return fold_report(l, ev);
    default:
        return fold_rare(l, ev);
    }
}

/* The slot that an event will ask for is on its way from memory while the events before it are folded. */
static void fetch(const struct ledger *l, const struct event *ev)
{
    if (ev->slot < l->slot_count)
        __builtin_prefetch(&l->slots[ev->slot], 1);
}

void ledger_apply(struct ledger *l, const struct event *events, uint32_t count)
{
    for (uint32_t i = 0; i < count && i < FETCH_AHEAD; i++)
        fetch(l, &events[i]);
    for (uint32_t i = 0; i < count; i++) {
        if (i + FETCH_AHEAD < count)
            fetch(l, &events[i + FETCH_AHEAD]);
        l->overlong |= events[i].t_ns >= LAST_TICK_NS;
        if (!fold(l, &events[i]))
            bag_add(&l->strays, &events[i]);
    }
}

void ledger_torn(struct ledger *l, uint32_t files)
{
    l->torn += files;
}

/* ----------------------------------------------------------------------------------------------------------- merge */

static void merge_slot(struct ledger *l, struct slot *s, const struct ledger *from,
                       const struct slot *f)
{
    ledger_join_begin(l, s,
                      &(struct slot_begin){f->sent, f->late_us, f->mailbox, f->from, f->server});
    ledger_join_end(l, s,
                    &(struct slot_end){f->end_us, ledger_code(from, f), slot_ending(f),
                                       slot_stage(f), f->server});
    s->state |= f->state & SLOT_LEASED;
}

static void merge_messages(struct ledger *l, const struct ledger *from)
{
    for (uint64_t i = 0; i < from->slot_count; i++) {
        struct evidence all = ledger_evidence(from, &from->slots[i]);
        struct clue c;

        merge_slot(l, &l->slots[i], from, &from->slots[i]);
        while (evidence_next(&all, &c))
            ledger_add_clue(l, i, &c);
    }
}

static void merge_tables(struct ledger *l, const struct ledger *from)
{
    const struct manifest *m = l->manifest;
    size_t places = (size_t)m->server_count * m->mailbox_count;

    for (size_t i = 0; i < places; i++) {
        join_max64(&l->places[i].complete_ns, from->places[i].complete_ns);
        join_max32(&l->places[i].reset, from->places[i].reset);
    }
    for (uint32_t i = 0; i < m->move_count; i++)
        for (int k = 0; k < MARK_COUNT; k++)
            join_min64(&l->marks[i][k], from->marks[i][k]);
    for (uint64_t i = 0; i < m->canaries; i++) {
        l->canaries[i].states |= from->canaries[i].states;
        join_max64(&l->canaries[i].reported_ns, from->canaries[i].reported_ns);
    }
}

void ledger_merge(struct ledger *l, const struct ledger *from)
{
    merge_messages(l, from);
    merge_tables(l, from);
    bag_merge(&l->homes, &from->homes);
    bag_merge(&l->alternates, &from->alternates);
    bag_merge(&l->waves, &from->waves);
    bag_merge(&l->aims, &from->aims);
    bag_merge(&l->unwatched, &from->unwatched);
    bag_merge(&l->strays, &from->strays);
    sessions_merge(&l->sessions, &from->sessions);
    for (int i = 0; i < FIND_COUNT; i++)
        bag_merge(&l->findings[i], &from->findings[i]);
    for (int i = 0; i <= PHASE_END; i++)
        join_min64(&l->phases[i], from->phases[i]);
    join_max64(&l->quiescent, from->quiescent);
    l->torn += from->torn;
    l->out_of_memory |= from->out_of_memory;
    l->overlong |= from->overlong;
}

struct ledger_counts ledger_counts(const struct ledger *l)
{
    return l->counts;
}
