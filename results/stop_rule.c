/* stop_rule.c - the rules read over moves, the look that finds their fates while a run goes on, and the last word. */
#include "results/stop_rule.h"

#include <stdlib.h>

#include "results/gates.h"
#include "results/ledger_private.h"
#include "results/sequential.h"

#define PPB 1e9

static const char *const rule_names[] = {"never", "certain", "interval", "sprt"};
static const char *const end_names[] = {"go-on", "low", "high", "fail"};

static_assert(sizeof rule_names / sizeof rule_names[0] == STOP_RULE_COUNT, "a name per rule");
static_assert(sizeof end_names / sizeof end_names[0] == STOP_END_COUNT, "a name per end");

const char *stop_rule_name(unsigned rule)
{
    return rule < STOP_RULE_COUNT ? rule_names[rule] : "?";
}

const char *stop_end_name(unsigned end)
{
    return end < STOP_END_COUNT ? end_names[end] : "?";
}

/* ---------------------------------------------------------------------------------------------------- the rules */

static double share(uint64_t ppb)
{
    return (double)ppb / PPB;
}

static struct interval rate_of(const struct manifest_stop *s, struct proportion seen)
{
    double alpha = share(s->alpha_ppb);

    return anytime_interval(seen, alpha > 0 && alpha < 1 ? alpha : 0.05);
}

static enum stop_end read_interval(const struct manifest_stop *s, struct proportion seen)
{
    struct interval rate = rate_of(s, seen);

    if (rate.high < share(s->high_ppb))
        return STOP_LOW;
    return rate.low > share(s->low_ppb) ? STOP_HIGH : STOP_GO_ON;
}

static enum stop_end read_sprt(const struct sprt *sprt, struct proportion seen)
{
    enum sprt_end end = sprt_decide(sprt, seen);

    return end == SPRT_LOW ? STOP_LOW : end == SPRT_HIGH ? STOP_HIGH : STOP_GO_ON;
}

struct stop_decision stop_decide(const struct manifest_stop *s, const uint8_t *fates,
                                 uint32_t count)
{
    struct stop_decision d = {STOP_GO_ON, 0, {0, 0}, {0, 1}};
    struct sprt sprt;
    bool rates = s->rule == STOP_INTERVAL ||
                 (s->rule == STOP_SPRT && sprt_init(&sprt, share(s->low_ppb), share(s->high_ppb),
                                                    share(s->alpha_ppb), share(s->beta_ppb)));

    for (; d.moves < count && fates[d.moves] != FATE_OPEN && d.end == STOP_GO_ON; d.moves++) {
        if (fates[d.moves] == FATE_VOID)
            continue;
        d.seen.n++;
        d.seen.k += fates[d.moves] == FATE_LOSING;
        if (rates)
            d.end = s->rule == STOP_SPRT ? read_sprt(&sprt, d.seen) : read_interval(s, d.seen);
    }
    d.rate = rate_of(s, d.seen);
    return d;
}

static const struct manifest_gate *gates_of(const struct manifest *m, uint32_t *count)
{
    *count = m->gate_count ? m->gate_count : gates_default_count;
    return m->gate_count ? m->gates : gates_default;
}

/* Copies that nobody sent, or nobody knows of, are no fault of the target. */
static bool gate_class(const struct manifest_gate *g, enum outcome *o)
{
    return class_named(g->name, o) && *o != CLASS_UNKNOWN && *o != CLASS_NOT_SENT;
}

uint32_t stop_losses(const struct manifest *m)
{
    uint32_t count, losses = 0;
    const struct manifest_gate *gates = gates_of(m, &count);
    enum outcome o;

    for (uint32_t i = 0; i < count; i++)
        if (gate_class(&gates[i], &o))
            losses |= 1u << o;
    return losses;
}

bool stop_is_violated(const struct manifest *m, const uint64_t certain[CLASS_COUNT])
{
    uint32_t count;
    const struct manifest_gate *gates = gates_of(m, &count);
    enum outcome o;

    for (uint32_t i = 0; i < count; i++)
        if (gate_class(&gates[i], &o) && certain[o] > gates[i].limit)
            return true;
    return false;
}

/* ---------------------------------------------------------------------------------------- while the run goes on */

struct counted { /* of copies */
    uint64_t certain[CLASS_COUNT];
    uint32_t *lost, *open; /* per move */
};

struct stop_watch {
    const struct manifest *m;
    uint32_t losses;      /* 1 << class */
    uint64_t *from;       /* per load: messages before this one are over */
    struct counted over;  /* of those */
    struct counted fresh; /* of all others, made anew with every look */
    uint8_t *fates;
};

/* One look at the messages of a load. */
struct looking {
    struct stop_watch *w;
    struct copies *copies;
    uint64_t now_ns;
    uint32_t load;
};

static bool counted_create(struct counted *c, uint32_t moves)
{
    c->lost = calloc(moves + 1ul, sizeof *c->lost);
    c->open = calloc(moves + 1ul, sizeof *c->open);
    return c->lost && c->open;
}

struct stop_watch *stop_watch_create(const struct manifest *m, struct err *e)
{
    struct stop_watch *w = calloc(1, sizeof *w);

    if (w) {
        w->m = m;
        w->losses = stop_losses(m);
        w->from = calloc(m->load_count + 1ul, sizeof *w->from);
        w->fates = calloc(m->move_count + 1ul, 1);
        if (w->from && w->fates && counted_create(&w->over, m->move_count) &&
            counted_create(&w->fresh, m->move_count))
            return w;
    }
    stop_watch_destroy(w);
    (void)err_set(e, EX_IO, "out of memory for the stop rule");
    return NULL;
}

void stop_watch_destroy(struct stop_watch *w)
{
    if (!w)
        return;
    free(w->from);
    free(w->fates);
    free(w->over.lost);
    free(w->over.open);
    free(w->fresh.lost);
    free(w->fresh.open);
    free(w);
}

/* Other threads' blocks may be on their way: a message counts when it is known whom it was sent to. */
static bool is_recorded(const struct copy *copies, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (!copies[i].alternate && !copies[i].tried)
            return false;
    return true;
}

/* Nowhere, by no word of anybody, for so long that the profile lets it count. */
static bool is_long_silent(const struct looking *k, const struct copy *p)
{
    uint64_t silence = k->w->m->stop.silence_ns;

    return silence > 0 && p->outcome == CLASS_UNKNOWN && p->facts.k == END_ACCEPTED &&
           !p->facts.q && !p->facts.l && k->now_ns > p->end_ns && k->now_ns - p->end_ns > silence;
}

/* How a silent copy counts: as what it would be if its silence were final now. */
static enum outcome outcome_now(const struct looking *k, const struct copy *p)
{
    struct facts f = p->facts;

    if (!is_long_silent(k, p))
        return p->outcome;
    f.z = true;
    return classify(&f);
}

static bool count_copy(const struct looking *k, const struct copy *p, struct counted *c)
{
    enum outcome o = outcome_now(k, p);
    bool certain = class_is_certain(o) || o != p->outcome;
    bool lost = certain && (k->w->losses >> o & 1);
    bool open =
        !certain && o != CLASS_DELIVERED && o != CLASS_DELIVERED_RESIDUE && o != CLASS_NOT_OWED;

    c->certain[o] += certain;
    if (p->move.move != NO_INDEX) {
        c->lost[p->move.move] += lost;
        c->open[p->move.move] += open;
    }
    return !open;
}

/* Nothing more is to be expected of it: it is fine or lost, and has been so for longer than what comes late takes. */
static bool is_over(const struct looking *k, const struct copy *p)
{
    return k->now_ns > p->end_ns && k->now_ns - p->end_ns > k->w->m->late_ns;
}

static bool look_at(struct looking *k, uint64_t number, bool front)
{
    uint32_t n;
    const struct copy *all = copies_of(k->copies, k->load, number, &n);
    struct counted *into = &k->w->fresh;
    bool over = is_recorded(all, n);

    if (!over)
        return false;
    for (uint32_t i = 0; front && over && i < n; i++)
        over = is_over(k, &all[i]) && all[i].outcome != CLASS_UNKNOWN;
    if (front && over)
        into = &k->w->over;
    for (uint32_t i = 0; i < n; i++)
        (void)count_copy(k, &all[i], into);
    return front && over;
}

static void look_at_load(struct looking *k)
{
    const struct ledger *l = copies_ledger(k->copies);
    const struct manifest_load *load = &k->w->m->loads[k->load];
    uint64_t end = load->first + load->count, *from = &k->w->from[k->load];
    bool front = true;

    if (*from < load->first)
        *from = load->first;
    for (uint64_t n = *from; n < end; n++) {
        bool sent = ledger_slot(l, n * k->w->m->stride)->sent != 0;

        front = sent && look_at(k, n, front);
        if (front)
            *from = n + 1;
    }
}

/* Done, and what is late has had its time; failed; or not there yet. */
static enum move_fate fate_of(const struct stop_watch *w, const struct ledger *l, uint32_t move,
                              uint64_t now_ns)
{
    uint64_t done = l->marks[move][MARK_DONE]; /* plus one */

    if (l->marks[move][MARK_FAILED])
        return FATE_VOID;
    if (!done || now_ns < done || now_ns - done < w->m->late_ns)
        return FATE_OPEN;
    if (w->over.lost[move] + w->fresh.lost[move] > 0)
        return FATE_LOSING;
    return w->over.open[move] + w->fresh.open[move] > 0 ? FATE_OPEN : FATE_FINE;
}

static uint32_t moves_ended(const struct ledger *l)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < l->manifest->move_count; i++)
        n += l->marks[i][MARK_DONE] || l->marks[i][MARK_FAILED];
    return n;
}

static void forget_fresh(struct stop_watch *w)
{
    for (uint32_t i = 0; i < w->m->move_count; i++)
        w->fresh.lost[i] = w->fresh.open[i] = 0;
    for (int o = 0; o < CLASS_COUNT; o++)
        w->fresh.certain[o] = 0;
}

bool stop_look(struct stop_watch *w, const struct ledger *l, uint64_t now_ns,
               struct stop_decision *out, struct err *e)
{
    struct looking k = {.w = w, .now_ns = now_ns};
    uint64_t certain[CLASS_COUNT];

    *out = (struct stop_decision){STOP_GO_ON, 0, {0, 0}, {0, 1}};
    if (!l->phases[PHASE_LOAD] || l->phases[PHASE_DRAIN]) /* nothing to end yet, or any more */
        return true;
    k.copies = copies_create(l, e);
    if (!k.copies)
        return false;
    forget_fresh(w);
    for (; k.load < w->m->load_count; k.load++)
        look_at_load(&k);
    copies_destroy(k.copies);
    for (uint32_t i = 0; i < w->m->move_count; i++)
        w->fates[i] = (uint8_t)fate_of(w, l, i, now_ns);
    *out = stop_decide(&w->m->stop, w->fates, w->m->move_count);
    for (int o = 0; o < CLASS_COUNT; o++)
        certain[o] = w->over.certain[o] + w->fresh.certain[o];
    if (w->m->stop.rule == STOP_CERTAIN && stop_is_violated(w->m, certain)) {
        out->end = STOP_FAIL;
        out->moves = moves_ended(l);
    }
    return true;
}

/* ----------------------------------------------------------------------------------------------- when all is settled */

static enum move_fate last_fate(const struct tally *t, uint32_t losses, uint32_t move)
{
    if (t->marks[move].mark_ns[MARK_DONE] == NEVER_NS)
        return FATE_VOID;
    for (int o = 0; o < CLASS_COUNT; o++)
        if (losses >> o & 1 && t->moves[move][o] > 0)
            return FATE_LOSING;
    return FATE_FINE;
}

static void read_claim(struct stop_outcome *out, const struct ledger *l)
{
    const struct bag *said = &l->findings[FIND_STOPPED];

    out->stopped = said->count > 0;
    for (uint32_t i = 0; i < said->count; i++) { /* one; of several the latest that can be */
        unsigned end = said->all[i].a >> 8 & 0xff;

        if (end < STOP_END_COUNT && said->all[i].b >= out->claim_moves) {
            out->claim = (enum stop_end)end;
            out->claim_moves = said->all[i].b;
        }
    }
}

bool stop_judge(struct stop_outcome *out, const struct ledger *l, const struct tally *t, bool fails)
{
    const struct manifest *m = l->manifest;
    uint8_t *fates = calloc(m->move_count + 1ul, 1);
    uint32_t losses = stop_losses(m);

    *out = (struct stop_outcome){
        .rule = m->stop.rule < STOP_RULE_COUNT ? (enum stop_rule)m->stop.rule : STOP_NEVER};
    if (!fates)
        return false;
    read_claim(out, l);
    for (uint32_t i = 0; i < m->move_count; i++)
        fates[i] = (uint8_t)last_fate(t, losses, i);
    out->last = stop_decide(&m->stop, fates, m->move_count);
    free(fates);
    if (out->claim == STOP_LOW)
        out->holds = out->last.end == STOP_LOW;
    else
        out->holds = fails;
    return true;
}
