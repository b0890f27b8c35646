/* tally.c - one walk over all copies; every sum that the judgement shows is made here. */
#include "results/tally.h"

#include <stdlib.h>
#include <string.h>

#include "results/ledger_private.h"

struct walk {
    struct tally *t;
    const struct manifest *m;
    bool ok;
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
    if (p->facts.h) {
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
    for (int f = 0; f < FLAG_COUNT; f++)
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
        t->health.moves_undone += l->marks[i][MARK_DONE] == 0;
    }
}

static void read_health(struct tally *t, struct copies *c)
{
    const struct ledger *l = copies_ledger(c);
    struct coverage v = settle_coverage(copies_settle(c));
    struct health *h = &t->health;

    for (uint64_t i = 0; i < l->manifest->canaries; i++) {
        h->canaries_sent += l->canaries[i].states >> CANARY_SENT & 1;
        h->canaries_refused += l->canaries[i].states >> CANARY_REFUSED & 1;
        h->canaries_reported += l->canaries[i].states >> CANARY_REPORTED & 1;
    }
    for (int i = 0; i < FIND_COUNT; i++)
        h->findings[i] = l->findings[i].count;
    h->loads_alive = v.loads_alive;
    h->places = v.places;
    h->places_final = v.final;
    h->settled = v.quiescent;
    h->waves_complete = v.waves_complete;
    h->strays = l->strays.count;
    h->torn = l->torn;
    h->overlong = l->overlong;
    h->ended = l->phases[PHASE_END] != 0;
    t->reports_unattributed = l->findings[FIND_UNREADABLE_REPORT].count;
    read_marks(t, l);
}

/* How the connections of senders came up, and where CHUNKING was announced in vain. */
static bool read_sessions(struct tally *t, const struct ledger *l)
{
    const struct bag *failed = &l->findings[FIND_NO_CHUNKING];
    bool ok = true;

    for (uint32_t i = 0; i < failed->count; i++)
        if (failed->all[i].place < l->manifest->server_count && failed->all[i].b < TRIAL_COUNT)
            t->trials[failed->all[i].place] |= (uint8_t)(1u << failed->all[i].b);
    t->sessions = sessions_sum(&l->sessions, &t->session_count, &ok);
    return ok;
}

/* The same sums by another way: over all that the ledger holds, without asking whose it is. */
static void read_raw(struct tally *t, const struct ledger *l)
{
    for (uint64_t i = 0; i < l->slot_count; i++) {
        const struct slot *s = ledger_slot(l, i);

        t->raw.sent += s->sent != 0;
        t->raw.accepted += s->sent && slot_ending(s) == END_ACCEPTED;
        if (slot_shape(s))
            t->raw.found += shape_found(l, slot_shape(s));
    }
    for (uint32_t at = 1; at < l->clue_count; at++) {
        const struct clue *k = ledger_clue(l, at);

        if (k->kind == CLUE_SEEN && k->as.copy.seen)
            t->raw.found += k->as.copy.ordinal ? k->as.copy.ordinal : 1;
    }
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

bool tally_run(struct tally *t, struct copies *c, struct err *e)
{
    const struct ledger *l = copies_ledger(c);
    struct walk w = {t, l->manifest, true};

    *t = (struct tally){0};
    if (!make_room(t, l->manifest) || !read_sessions(t, l)) {
        tally_fini(t);
        return err_set(e, EX_IO, "out of memory for the tally");
    }
    for (uint32_t i = 0; i < l->manifest->load_count; i++)
        t->planned += l->manifest->loads[i].count * manifest_copies(&l->manifest->loads[i]);
    (void)copies_each(c, on_message, &w);
    if (!w.ok) {
        tally_fini(t);
        return err_set(e, EX_IO, "out of memory for the tally");
    }
    pacing_sum(&t->pacing, &t->lateness);
    t->saturation = pacing_saturation(&t->pacing, l->manifest);
    read_health(t, c);
    t->health.windows_late = l->manifest->lateness_limit_ns &&
                             tally_quantile(&t->lateness, 0.99) * NS_PER_US >
                                 l->manifest->lateness_limit_ns /
                                     (l->manifest->time_scale ? l->manifest->time_scale : 1);
    t->received = l->received;
    t->attributed = copies_attributed(c);
    read_raw(t, l);
    return true;
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
