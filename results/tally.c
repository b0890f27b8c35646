/* tally.c - one walk over all copies; every sum that the judgement shows is made here. */
#include "results/tally.h"

#include <stdlib.h>
#include <string.h>

#include "base/thread.h"
#include "results/ledger_private.h"

#define THREADS_MAX     16u
#define THREAD_MESSAGES 500000u /* fewer are done before a thread has started */
#define STEP_MESSAGES   1024u   /* their slots are still in the cache when they are judged */

struct walk { /* over a share of the messages, on a thread of its own */
    struct tally *t;
    const struct manifest *m;
    struct copies *c;
    uint64_t from, to;           /* messages */
    uint32_t clue_from, clue_to; /* evidence in chains */
    unsigned char *sides;        /* per mailbox */
    bool ok;                     /* memory was not out */
    struct thread *thread;
    struct tally own; /* of all walks but the first */
};

static void add_us(struct hist *h, uint64_t from_ns, uint64_t to_ns)
{
    if (from_ns != NEVER_NS && to_ns != NEVER_NS)
        hist_add(h, to_ns > from_ns ? (to_ns - from_ns) / NS_PER_US : 0);
}

static uint64_t planned_ns(const struct manifest *m, const struct copy *p)
{
    uint64_t late_ns = (uint64_t)p->late_us * NS_PER_US * m->time_scale;

    if (p->sent_ns == NEVER_NS)
        return NEVER_NS;
    return p->sent_ns > late_ns ? p->sent_ns - late_ns : 0;
}

static void add_latencies(struct tally *t, const struct manifest *m, const struct copy *p)
{
    uint64_t planned = planned_ns(m, p);

    if (p->facts.k != END_ACCEPTED)
        return;
    if (!p->alternate)
        add_us(&t->accept, planned, p->end_ns);
    if (p->facts.h && !p->unwatched) {
        add_us(&t->deliver, p->end_ns, p->first_seen_ns);
        add_us(&t->end_to_end, planned, p->first_seen_ns);
    }
    add_us(&t->ndr, p->end_ns, p->first_reported_ns);
}

static bool add_attempt(struct tally *t, const struct copy *p, bool first)
{
    if (p->tried) {
        t->attempts++;
        t->endings[p->facts.k]++;
    }
    return !p->tried || !first || pacing_add(&t->pacing, p->load, p->late_us);
}

static void add_copy(struct tally *t, const struct copy *p)
{
    enum outcome o = p->outcome;

    t->classes[o]++;
    t->loads[p->load][o]++;
    t->phases[p->move.phase][o]++;
    if (p->move.move != NO_INDEX)
        t->moves[p->move.move][o]++;
    if (!p->alternate)
        t->primaries[o]++;
    if (p->facts.z || class_is_certain(o))
        t->certain[o]++;
    if (!p->facts.z && p->facts.owed == OWED && p->facts.k >= END_DOUBT)
        t->not_final++;
    if (!p->facts.z && p->facts.k >= END_DOUBT && o != CLASS_NOT_OWED)
        t->open[o]++;
    if (o == CLASS_SILENT_LOSS && p->flags >> FLAG_ALTERNATE_DELIVERED & 1)
        t->lost_but_alternate++;
    t->excused += p->excused;
    for (int f = 0; p->flags && f < FLAG_COUNT; f++)
        t->flags[f] += p->flags >> f & 1;
}

static bool on_message(void *owner, const struct copy *copies, uint32_t n)
{
    struct walk *w = owner;

    for (uint32_t i = 0; i < n; i++) {
        add_copy(w->t, &copies[i]);
        add_latencies(w->t, w->m, &copies[i]);
        if (!copies[i].alternate)
            w->ok &= add_attempt(w->t, &copies[i], copies[i].recipient == 0);
    }
    return w->ok;
}

static void read_marks(struct tally *t, const struct ledger *l)
{
    for (uint32_t i = 0; i < l->manifest->move_count; i++) {
        for (int k = 0; k < MARK_COUNT; k++)
            t->marks[i].mark_ns[k] = l->marks[i][k] ? l->marks[i][k] - 1 : NEVER_NS;
        t->health.moves_asked += l->marks[i][MARK_ASKED] != 0;
        t->health.moves_done += l->marks[i][MARK_DONE] != 0;
        t->health.moves_failed += l->marks[i][MARK_FAILED] != 0;
        t->health.moves_verified += l->marks[i][MARK_VERIFIED] != 0;
        t->health.moves_disproved += l->marks[i][MARK_DISPROVED] != 0;
        t->health.moves_undone +=
            l->marks[i][MARK_DONE] == 0 && (!t->health.stopped || l->marks[i][MARK_ASKED] != 0);
    }
}

static void read_unwatched(struct health *h, const struct ledger *l)
{
    for (uint32_t i = 0; i < l->unwatched.count; i++) {
        const struct event *ev = &l->unwatched.all[i];

        h->unwatched[ev->code]++;
        h->unwatched_ms[ev->code] += ev->b;
        /* Only what stood still once nothing was sent or moved any more has changed nothing but times. */
        h->disturbed |=
            ev->code == UNWATCHED_SUSPENDED ||
            (ev->code == UNWATCHED_STALLED &&
             (!l->phases[PHASE_SETTLE] || ev->t_ns - ev->slot < l->phases[PHASE_SETTLE] - 1));
    }
    for (uint32_t i = 0; i < l->manifest->mailbox_count; i++)
        h->disturbed |= h->unwatched[UNWATCHED_RESUMED] > 0 &&
                        l->manifest->mailboxes[i].home != NO_INDEX &&
                        manifest_is_ours(l->manifest, l->manifest->mailboxes[i].home);
}

static bool read_health(struct tally *t, struct copies *c, const unsigned char *sides)
{
    const struct ledger *l = copies_ledger(c);
    struct coverage v;
    struct health *h = &t->health;

    if (!settle_coverage(copies_settle(c), sides, &v))
        return false;
    for (uint64_t i = 0; i < l->manifest->canaries; i++) {
        h->canaries_sent += l->canaries[i].states >> CANARY_SENT & 1;
        h->canaries_refused += l->canaries[i].states >> CANARY_REFUSED & 1;
        h->canaries_reported += l->canaries[i].states >> CANARY_REPORTED & 1;
    }
    for (int i = 0; i < FIND_COUNT; i++)
        h->findings[i] = l->findings[i].count;
    h->stopped = h->findings[FIND_STOPPED] > 0;
    h->loads_alive = v.loads_alive;
    h->places = v.places;
    h->places_final = v.final;
    h->settled = v.quiescent;
    h->waves_complete = v.waves_complete;
    h->strays = l->strays.count;
    h->torn = l->torn;
    h->cut = history_cut(copies_history(c));
    read_unwatched(h, l);
    h->overlong = l->overlong;
    h->ended = l->phases[PHASE_END] != 0;
    t->reports_unattributed = l->findings[FIND_UNREADABLE_REPORT].count;
    read_marks(t, l);
    return true;
}

/* How the connections of senders came up, and where CHUNKING was announced in vain. */
static bool read_sessions(struct tally *t, const struct ledger *l)
{
    const struct bag *failed = &l->findings[FIND_NO_CHUNKING];
    bool ok = true;

    for (uint32_t i = 0; i < failed->count; i++)
        if (failed->all[i].place < l->manifest->server_count && failed->all[i].b < TRIAL_COUNT)
            t->trials[failed->all[i].place] |= (uint8_t)(1u << failed->all[i].b);
    failed = &l->findings[FIND_BRAKED];
    for (uint32_t i = 0; i < failed->count; i++)
        if (failed->all[i].a < BRAKE_COUNT)
            t->brakes |= 1u << failed->all[i].a;
    t->sessions = sessions_sum(&l->sessions, &t->session_count, &ok);
    return ok;
}

/* The same sums by another way: over all that the ledger holds, without asking whose it is. */
static void read_slots(struct walk *w, const struct ledger *l, uint64_t from, uint64_t to)
{
    struct raw_counts raw = {0};

    for (uint64_t i = from; i < to; i++) {
        const struct slot *s = ledger_slot(l, i);

        raw.sent += s->sent != 0;
        raw.accepted += s->sent && slot_ending(s) == END_ACCEPTED;
        raw.found += slot_shape(s) ? shape_found(l, slot_shape(s)) : 0;
        if (s->mailbox)
            w->sides[s->mailbox - 1] |= SIDE_TO;
        if (s->from)
            w->sides[s->from - 1] |= SIDE_FROM;
    }
    w->t->raw.sent += raw.sent;
    w->t->raw.accepted += raw.accepted;
    w->t->raw.found += raw.found;
}

static void read_chains(struct walk *w, const struct ledger *l)
{
    for (uint32_t at = w->clue_from; at < w->clue_to; at++) {
        const struct clue *k = ledger_clue(l, at);

        if (k->kind == CLUE_SEEN && k->as.copy.seen)
            w->t->raw.found += k->as.copy.ordinal ? k->as.copy.ordinal : 1;
    }
}

static void walk(void *owner)
{
    struct walk *w = owner;
    const struct ledger *l = copies_ledger(w->c);
    uint64_t stride = w->m->stride;

    for (uint64_t n = w->from; n < w->to; n += STEP_MESSAGES) {
        uint64_t end = n + STEP_MESSAGES < w->to ? n + STEP_MESSAGES : w->to;

        read_slots(w, l, n * stride, end * stride);
        (void)copies_between(w->c, n, end, on_message, w);
    }
    read_chains(w, l);
    w->t->attributed = copies_attributed(w->c);
}

static bool make_room(struct tally *t, const struct manifest *m)
{
    t->moves = calloc(m->move_count + 1ul, sizeof *t->moves);
    t->loads = calloc(m->load_count + 1ul, sizeof *t->loads);
    t->marks = calloc(m->move_count + 1ul, sizeof *t->marks);
    t->trials = calloc(m->server_count + 1ul, sizeof *t->trials);
    return t->moves && t->loads && t->marks && t->trials &&
           pacing_init(&t->pacing, m->load_count) && hist_init(&t->accept) &&
           hist_init(&t->deliver) && hist_init(&t->end_to_end) && hist_init(&t->ndr) &&
           hist_init(&t->lateness);
}

/* ------------------------------------------------------------------------------------------------------ many threads */

static void add_all(uint64_t *into, const uint64_t *from, size_t count)
{
    for (size_t i = 0; i < count; i++)
        into[i] += from[i];
}

#define ADD(into, from, field)                                                                     \
    add_all((uint64_t *)&(into)->field, (const uint64_t *)&(from)->field,                          \
            sizeof(into)->field / sizeof(uint64_t))

static bool add_walk(struct tally *t, const struct tally *from, const struct manifest *m)
{
    ADD(t, from, classes);
    ADD(t, from, primaries);
    ADD(t, from, flags);
    ADD(t, from, certain);
    t->lost_but_alternate += from->lost_but_alternate;
    t->excused += from->excused;
    t->not_final += from->not_final;
    ADD(t, from, phases);
    t->attempts += from->attempts;
    ADD(t, from, endings);
    ADD(t, from, open);
    ADD(t, from, attributed);
    ADD(t, from, raw);
    add_all(t->moves[0], from->moves[0], (size_t)m->move_count * CLASS_COUNT);
    add_all(t->loads[0], from->loads[0], (size_t)m->load_count * CLASS_COUNT);
    hist_merge(&t->accept, &from->accept);
    hist_merge(&t->deliver, &from->deliver);
    hist_merge(&t->end_to_end, &from->end_to_end);
    hist_merge(&t->ndr, &from->ndr);
    return pacing_merge(&t->pacing, &from->pacing);
}

/* The first walk is of the caller's thread and its storage; so is every share whose thread cannot be had. */
static bool prepare(struct walk *w, uint32_t count, struct tally *t, struct copies *c)
{
    const struct ledger *l = copies_ledger(c);
    uint64_t messages = l->manifest->planned_messages;

    for (uint32_t i = 0; i < count; i++) {
        uint64_t clues = l->clue_count - 1;

        w[i] = (struct walk){.t = i ? &w[i].own : t,
                             .m = l->manifest,
                             .ok = true,
                             .c = i ? copies_share(c) : c,
                             .from = messages / count * i + messages % count * i / count,
                             .to = messages / count * (i + 1) + messages % count * (i + 1) / count,
                             .clue_from = (uint32_t)(1 + clues * i / count),
                             .clue_to = (uint32_t)(1 + clues * (i + 1) / count),
                             .sides = calloc(l->manifest->mailbox_count + 1ul, 1)};
        if (!w[i].c || !w[i].sides || !make_room(w[i].t, l->manifest))
            return false;
    }
    return true;
}

static bool walk_all(struct walk *w, uint32_t count)
{
    bool ok = true;

    for (uint32_t i = 1; i < count; i++)
        w[i].thread = thread_start("tally", walk, &w[i], NULL);
    walk(&w[0]);
    for (uint32_t i = 1; i < count; i++) {
        if (!w[i].thread)
            walk(&w[i]);
        thread_join(w[i].thread);
        ok &= w[i].ok && add_walk(w[0].t, w[i].t, w[0].m);
        for (uint32_t box = 0; box < w[0].m->mailbox_count; box++)
            w[0].sides[box] |= w[i].sides[box];
    }
    return ok && w[0].ok;
}

static void end_walks(struct walk *w, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        free(w[i].sides);
        if (i && w[i].t)
            tally_fini(w[i].t);
        if (i)
            copies_destroy(w[i].c);
    }
}

static bool sum_up(struct tally *t, struct walk *w, uint32_t count, struct copies *c)
{
    const struct ledger *l = copies_ledger(c);
    const struct manifest *m = l->manifest;

    t->planned = manifest_planned_copies(m);
    if (!read_sessions(t, l) || !walk_all(w, count) || !read_health(t, c, w[0].sides))
        return false;
    pacing_sum(&t->pacing, &t->lateness);
    t->saturation = pacing_saturation(&t->pacing, m);
    t->health.windows_late =
        m->lateness_limit_ns && tally_quantile(&t->lateness, 0.99) * NS_PER_US >
                                    m->lateness_limit_ns / (m->time_scale ? m->time_scale : 1);
    t->received = l->received;
    return true;
}

bool tally_run_on(struct tally *t, struct copies *c, uint32_t threads, struct err *e)
{
    uint32_t count = threads < 1 ? 1 : threads < THREADS_MAX ? threads : THREADS_MAX;
    struct walk w[THREADS_MAX] = {0};

    *t = (struct tally){0};
    bool ok = prepare(w, count, t, c) && sum_up(t, w, count, c);

    end_walks(w, count);
    if (ok)
        return true;
    tally_fini(t);
    return err_set(e, EX_IO, "out of memory for the tally");
}

bool tally_run(struct tally *t, struct copies *c, struct err *e)
{
    uint64_t worth = 1 + copies_ledger(c)->manifest->planned_messages / THREAD_MESSAGES;
    uint32_t threads = thread_processors();

    return tally_run_on(t, c, worth < threads ? (uint32_t)worth : threads, e);
}

void tally_fini(struct tally *t)
{
    free(t->moves);
    free(t->loads);
    free(t->marks);
    free(t->trials);
    free(t->sessions);
    pacing_fini(&t->pacing);
    hist_fini(&t->accept);
    hist_fini(&t->deliver);
    hist_fini(&t->end_to_end);
    hist_fini(&t->ndr);
    hist_fini(&t->lateness);
    *t = (struct tally){0};
}

uint64_t tally_open_seen(const struct tally *t)
{
    uint64_t all = 0;

    for (enum outcome o = 0; o < CLASS_COUNT; o++)
        all += o == CLASS_UNKNOWN ? 0 : t->open[o];
    return all;
}

uint64_t tally_quantile(const struct hist *h, double q)
{
    uint64_t v = hist_quantile(h, q);

    return h->count && v > h->max ? h->max : v;
}
