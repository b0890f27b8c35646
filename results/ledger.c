/* ledger.c - the fold. Each step is a join (or, min, max, set union), so order and repetition cannot matter.
 *
 * What does not fit the manifest (a slot beyond the plan, an unknown server or mailbox) is put aside as a stray: such an
 * event is a bug of ours, and the judgement says so.
 */
#include "results/ledger.h"

#include <stdlib.h>
#include <string.h>

#include "results/ledger_private.h"

#define RARE_LIMIT    (1u << 24)
#define FINDING_LIMIT (1u << 20)
#define STRAY_LIMIT   1024u
#define LAST_TICK_NS  ((UINT32_MAX - 1ull) * TICK_NS)

static void init_bags(struct ledger *l)
{
    bag_init(&l->homes, RARE_LIMIT);
    bag_init(&l->alternates, RARE_LIMIT);
    bag_init(&l->waves, RARE_LIMIT);
    bag_init(&l->strays, STRAY_LIMIT);
    for (int i = 0; i < FIND_COUNT; i++)
        bag_init(&l->findings[i], FINDING_LIMIT);
}

struct ledger *ledger_create(const struct manifest *m, struct err *e)
{
    struct ledger *l = calloc(1, sizeof *l);

    if (!l) {
        err_set(e, EX_IO, "ledger: out of memory");
        return NULL;
    }
    l->manifest = m;
    l->slot_count = m->planned_messages * m->stride;
    l->slots = calloc(l->slot_count + 1, sizeof *l->slots);
    l->chunks = calloc(CLUE_CHUNKS,
                       sizeof(struct clue *)); /* NOLINT(bugprone-sizeof-expression): pointers */
    l->places = calloc((size_t)m->server_count * m->mailbox_count + 1, sizeof *l->places);
    l->marks = calloc(m->move_count + 1ul, sizeof *l->marks);
    l->canaries = calloc(m->canaries + 1, sizeof *l->canaries);
    l->clue_count = 1; /* 0 ends a chain */
    init_bags(l);
    if (l->slots && l->chunks && l->places && l->marks && l->canaries)
        return l;
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
    bag_fini(&l->strays);
    sessions_fini(&l->sessions);
    for (int i = 0; i < FIND_COUNT; i++)
        bag_fini(&l->findings[i]);
    free(l->slots);
    free(l->chunks);
    free(l->places);
    free(l->marks);
    free(l->canaries);
    free(l);
}

/* ---------------------------------------------------------------------------------------------------------- joins */

static void join_max32(uint32_t *into, uint32_t v)
{
    if (v > *into)
        *into = v;
}

static void join_max64(uint64_t *into, uint64_t v)
{
    if (v > *into)
        *into = v;
}

static void join_min32(uint32_t *into, uint32_t v) /* 0: none */
{
    if (v && (!*into || v < *into))
        *into = v;
}

static void join_min64(uint64_t *into, uint64_t v)
{
    if (v && (!*into || v < *into))
        *into = v;
}

static uint32_t tick_of(uint64_t t_ns)
{
    uint64_t tick = t_ns / TICK_NS;

    return tick < UINT32_MAX ? (uint32_t)tick + 1 : UINT32_MAX;
}

static void count_ending(struct ledger_counts *c, unsigned ending, uint64_t n)
{
    c->accepted += ending == END_ACCEPTED ? n : 0;
    c->doubt += ending == END_DOUBT ? n : 0;
    c->aborted += ending == END_ABORTED ? n : 0;
    c->refused += ending == END_REFUSED_TEMP || ending == END_REFUSED_PERM ? n : 0;
}

static int compare_ends(const struct slot *a, const struct slot *b)
{
    if (a->ending != b->ending)
        return a->ending < b->ending ? -1 : 1;
    if (a->code != b->code)
        return a->code < b->code ? -1 : 1;
    if (a->end_us != b->end_us)
        return a->end_us < b->end_us ? -1 : 1;
    return ((a->bits & SLOT_STAGE) > (b->bits & SLOT_STAGE)) -
           ((a->bits & SLOT_STAGE) < (b->bits & SLOT_STAGE));
}

static void join_slot(struct ledger *l, struct slot *s, const struct slot *from)
{
    l->counts.attempted += !s->sent && from->sent;
    join_min32(&s->sent, from->sent);
    join_max32(&s->mailbox, from->mailbox);
    join_max32(&s->from, from->from);
    join_max32(&s->late_us, from->late_us);
    if (from->server > s->server)
        s->server = from->server;
    s->bits |= from->bits & SLOT_LEASED;
    if (compare_ends(from, s) > 0) {
        count_ending(&l->counts, s->ending, UINT64_MAX); /* one less */
        count_ending(&l->counts, from->ending, 1);
        s->ending = from->ending;
        s->code = from->code;
        s->end_us = from->end_us;
        s->bits = (uint8_t)((s->bits & ~SLOT_STAGE) | (from->bits & SLOT_STAGE));
    }
}

static bool same_clue(const struct clue *a, const struct clue *b)
{
    if (a->kind != b->kind || a->mailbox != b->mailbox)
        return false;
    if (a->kind == CLUE_SEEN)
        return a->server == b->server;
    if (a->kind == CLUE_QUEUED)
        return a->server == b->server && a->as.entry.tries == b->as.entry.tries &&
               (a->bits & CLUE_OF_REPORT) == (b->bits & CLUE_OF_REPORT);
    return a->as.report.print == b->as.report.print && a->as.report.code == b->as.report.code;
}

/* The newest epoch's ordinals count: of two copies that an older one saw, one may have gone since. */
static void join_copy(struct clue *c, const struct clue *from)
{
    join_max32(&c->as.copy.gone, from->as.copy.gone);
    if (from->as.copy.seen < c->as.copy.seen)
        return;
    if (from->as.copy.seen > c->as.copy.seen)
        c->as.copy.ordinal = 0;
    c->as.copy.seen = from->as.copy.seen;
    join_max32(&c->as.copy.ordinal, from->as.copy.ordinal);
}

static void join_clue(struct clue *c, const struct clue *from)
{
    join_min32(&c->first, from->first);
    c->bits |= from->bits;
    if (c->kind == CLUE_SEEN) {
        join_copy(c, from);
    } else if (c->kind == CLUE_QUEUED) {
        join_min32(&c->as.entry.first_wave, from->as.entry.first_wave);
        join_max32(&c->as.entry.last_wave, from->as.entry.last_wave);
        join_max32(&c->as.entry.due_wave, from->as.entry.due_wave);
    } else if (from->server < c->server) {
        c->server = from->server;
    }
}

static struct clue *new_clue(struct ledger *l)
{
    uint32_t chunk = l->clue_count >> CLUE_CHUNK_BITS;

    if (chunk >= CLUE_CHUNKS)
        return NULL;
    if (!l->chunks[chunk])
        l->chunks[chunk] = malloc(CLUE_CHUNK * sizeof(struct clue));
    if (!l->chunks[chunk])
        return NULL;
    return &l->chunks[chunk][l->clue_count & (CLUE_CHUNK - 1)];
}

static void count_clue(struct ledger *l, const struct clue *c)
{
    l->received.copies += c->kind == CLUE_SEEN;
    l->received.entries += c->kind == CLUE_QUEUED;
    l->received.reports += c->kind == CLUE_REPORT;
    l->counts.seen += c->kind == CLUE_SEEN;
    l->counts.reports += c->kind == CLUE_REPORT;
}

static void add_clue(struct ledger *l, uint64_t slot, const struct clue *c)
{
    struct slot *s = &l->slots[slot];

    for (uint32_t at = s->clues; at; at = ledger_clue(l, at)->next) {
        struct clue *old = &l->chunks[at >> CLUE_CHUNK_BITS][at & (CLUE_CHUNK - 1)];

        if (same_clue(old, c)) {
            join_clue(old, c);
            return;
        }
    }
    struct clue *fresh = new_clue(l);

    if (!fresh) {
        l->out_of_memory = true;
        return;
    }
    *fresh = *c;
    fresh->next = s->clues;
    s->clues = l->clue_count++;
    count_clue(l, fresh);
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
        l->slots[n * l->manifest->stride].bits |= SLOT_LEASED;
    return true;
}

static bool fold_sent(struct ledger *l, const struct event *ev)
{
    struct slot now = {.sent = tick_of(ev->t_ns), .late_us = ev->b, .server = ev->place};

    if (ev->slot >= l->slot_count)
        return canary_of(l, ev->slot / l->manifest->stride) != NULL;
    if (!knows_server(l, ev->place) || (ev->a != NO_INDEX && !knows_mailbox(l, ev->a)) ||
        (ev->code != NO_INDEX && !knows_mailbox(l, ev->code)))
        return false;
    now.mailbox = ev->a + 1; /* NO_INDEX + 1 is 0: none */
    now.from = ev->code + 1;
    join_slot(l, &l->slots[ev->slot], &now);
    return true;
}

static bool fold_end(struct ledger *l, const struct event *ev)
{
    unsigned ending = ev->a & 0xff, stage = ev->a >> 8 & 0xff;
    struct slot now = {.end_us = ev->b, .code = ev->code, .server = ev->place};

    if (ev->slot >= l->slot_count)
        return canary_of(l, ev->slot / l->manifest->stride) != NULL;
    if (ending > END_ACCEPTED || stage >= STAGE_COUNT || !knows_server(l, ev->place))
        return false;
    now.ending = (uint8_t)ending;
    now.bits = (uint8_t)stage;
    join_slot(l, &l->slots[ev->slot], &now);
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
        add_clue(l, number * l->manifest->stride, c);
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

void ledger_apply(struct ledger *l, const struct event *events, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
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

static void merge_messages(struct ledger *l, const struct ledger *from)
{
    for (uint64_t i = 0; i < from->slot_count; i++) {
        join_slot(l, &l->slots[i], &from->slots[i]);
        for (uint32_t at = from->slots[i].clues; at; at = ledger_clue(from, at)->next)
            add_clue(l, i, ledger_clue(from, at));
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
