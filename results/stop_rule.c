/* stop_rule.c - the rules read over moves, the look that finds their fates while a run goes on, and the last word. */
#include "results/stop_rule.h"

#include <stdlib.h>
#include <string.h>

#include "results/gates.h"
#include "results/ledger_private.h"
#include "results/sequential.h"
#include "results/so_far.h"

#define PPB 1e9

static const char *const rule_names[] = {"never", "certain", "interval", "sprt"};
static const char *const end_names[] = {"go-on", "low", "high", "fail", "pass"};

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

/* What may become of a copy that was delivered, or reported, when its mailbox moves once more. */
static bool can_follow_move(enum outcome o)
{
    static const uint32_t never =
        1u << CLASS_SILENT_LOSS | 1u << CLASS_STRANDED | 1u << CLASS_REFUSED_TEMPORARY |
        1u << CLASS_REFUSED_PERMANENT | 1u << CLASS_ABORTED | 1u << CLASS_IN_DOUBT_SILENT |
        1u << CLASS_SILENT_BY_REQUEST | 1u << CLASS_NDR | 1u << CLASS_NDR_MISROUTED;

    return !(never >> o & 1);
}

#define REPORTED (1u << CLASS_NDR | 1u << CLASS_NDR_BUT_QUEUED | 1u << CLASS_NDR_MISROUTED)
#define REFUSED                                                                                    \
    (1u << CLASS_REFUSED_TEMPORARY | 1u << CLASS_REFUSED_PERMANENT | 1u << CLASS_ABORTED)

/* What a copy can have been that comes to this class without a move: it turns up late, its entry leaves a queue, the originator is
 * told as well, or silence becomes final. A report still to come about what was delivered is left to the settled account. */
static const uint32_t comes_from[CLASS_COUNT] = {
    [CLASS_MISDELIVERED] = REPORTED,
    [CLASS_CORRUPTED] = REPORTED,
    [CLASS_CONTRADICTION] = REPORTED,
    [CLASS_LEFT_BEHIND] = REPORTED,
    [CLASS_VANISHED] = REPORTED,
    [CLASS_STRANDED] = 1u << CLASS_NDR_MISROUTED,
    [CLASS_NDR] = 1u << CLASS_NDR_BUT_QUEUED | 1u << CLASS_NDR_MISROUTED,
    [CLASS_NDR_BUT_QUEUED] = 1u << CLASS_NDR | 1u << CLASS_NDR_MISROUTED,
    [CLASS_REFUSED_AND_NDR] = REFUSED,
    [CLASS_REFUSED_BUT_TAKEN] = REFUSED | 1u << CLASS_REFUSED_AND_NDR,
};

/* Of the copies that are known, those that this class may still be made of. */
static uint64_t can_follow(const struct stop_account *a, enum outcome o)
{
    uint64_t n = 0;

    if (a->moves_left && can_follow_move(o))
        return a->known - a->classes[o];
    for (unsigned c = 0; c < CLASS_COUNT; c++)
        n += comes_from[o] >> c & 1 ? a->classes[c] : 0;
    return n;
}

/* What a gate that can fail counts; *open: what might still be added. false: it leaves a run undecided at worst. */
static bool gate_counts(const struct manifest_gate *g, const struct stop_account *a,
                        uint64_t *count, uint64_t *open)
{
    enum outcome o;
    enum flag f;

    if (gate_class(g, &o)) {
        *count = a->classes[o];
        *open = a->open + can_follow(a, o);
    } else if (flag_named(g->name, &f)) {
        *count = a->flags[f];
        *open = a->open + (a->moves_left ? a->known - a->flags[f] : 0);
    } else if (strcmp(g->name, "moves-disproved") == 0) {
        *count = a->disproved;
        *open = a->moves_left;
    } else
        return false;
    return true;
}

bool stop_is_violated(const struct manifest *m, const struct stop_account *certain)
{
    uint32_t gate_count;
    const struct manifest_gate *gates = gates_of(m, &gate_count);
    uint64_t count, open;

    for (uint32_t i = 0; i < gate_count; i++)
        if (gate_counts(&gates[i], certain, &count, &open) && count > gates[i].limit)
            return true;
    return false;
}

bool stop_cannot_fail(const struct manifest *m, const struct stop_account *a)
{
    uint32_t gate_count;
    const struct manifest_gate *gates = gates_of(m, &gate_count);
    uint64_t count, open;

    for (uint32_t i = 0; i < gate_count; i++)
        if (gate_counts(&gates[i], a, &count, &open) && count + open > gates[i].limit)
            return false;
    return true;
}

/* ---------------------------------------------------------------------------------------- while the run goes on */

struct counted { /* of copies */
    struct stop_account known, certain;
    uint64_t begun;
    uint32_t *lost, *open; /* per move */
};

struct stop_watch {
    const struct manifest *m;
    uint32_t losses; /* 1 << class */
    struct reading *reading;
    struct counted over;  /* of messages that are over */
    struct counted fresh; /* of all others, made anew with every look */
    uint8_t *fates;
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
        w->reading = reading_create(m, e);
        w->fates = calloc(m->move_count + 1ul, 1);
        if (w->reading && w->fates && counted_create(&w->over, m->move_count) &&
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
    reading_destroy(w->reading);
    free(w->fates);
    free(w->over.lost);
    free(w->over.open);
    free(w->fresh.lost);
    free(w->fresh.open);
    free(w);
}

/* When a queue last showed it, or somebody's copy of the same message; else when it was due. */
static uint64_t last_sign_ns(struct copies *c, const struct copy *p)
{
    const struct ledger *l = copies_ledger(c);
    struct evidence all = ledger_evidence(l, ledger_slot(l, p->number * l->manifest->stride));
    uint64_t last = p->silence.end_ns;
    struct clue k;

    while (evidence_next(&all, &k)) {
        uint64_t shown = k.kind == CLUE_QUEUED && !(k.bits & CLUE_OF_REPORT)
                             ? settle_entry_shown_ns(copies_settle(c), &k)
                             : 0;

        last = shown > last ? shown : last;
    }
    return last;
}

/* Looked for everywhere, for longer than a queue waits between tries, or than the site lets a message live. */
static bool is_looked_for(const struct manifest *m, struct copies *c, const struct copy *p)
{
    uint64_t patience = m->queues_visible ? m->settle_retry_ns : m->lifetime_ns;
    uint64_t last = p->silence.end_ns == NEVER_NS ? NEVER_NS : last_sign_ns(c, p);

    if (patience == 0 || last >= NEVER_NS - patience - m->late_ns)
        return false;
    if (p->facts.q)
        return p->silence.standing && p->silence.standing_ns > p->silence.end_ns + patience &&
               settle_looked_since(copies_settle(c), &p->silence, p->silence.standing_ns - 1);
    return settle_looked_since(copies_settle(c), &p->silence, last + patience + m->late_ns);
}

/* Nowhere, by no word of anybody, for so long that it counts; or stuck where it is. */
static bool is_long_silent(const struct reader *r, struct copies *c, const struct copy *p)
{
    const struct stop_watch *w = r->owner;
    uint64_t silence = w->m->stop.silence_ns;

    if (p->outcome != CLASS_UNKNOWN || p->facts.k != END_ACCEPTED || p->facts.l ||
        r->now_ns <= p->end_ns)
        return false;
    if (silence > 0 && !p->facts.q)
        return r->now_ns - p->end_ns > silence;
    return is_looked_for(w->m, c, p);
}

/* How a silent copy counts: as what it would be if its silence were final now. */
static enum outcome outcome_now(const struct reader *r, struct copies *c, const struct copy *p)
{
    struct facts f = p->facts;

    if (!is_long_silent(r, c, p))
        return p->outcome;
    f.z = true;
    return classify(&f);
}

static void count_into(struct stop_account *a, const struct copy *p, enum outcome o)
{
    a->classes[o]++;
    a->known++;
    for (int f = 0; f < FLAG_COUNT; f++)
        a->flags[f] += p->flags >> f & 1;
}

static void count_copy(const struct reader *r, struct copies *c, const struct copy *p,
                       struct counted *into)
{
    const struct stop_watch *w = r->owner;
    enum outcome o = outcome_now(r, c, p);
    bool presumed = o != p->outcome; /* lost: it may turn up all the same */
    bool certain = presumed || class_is_certain(o);
    bool lost = certain && (w->losses >> o & 1);
    bool open =
        !certain && o != CLASS_DELIVERED && o != CLASS_DELIVERED_RESIDUE && o != CLASS_NOT_OWED;

    into->begun++;
    if (!open && !presumed)
        count_into(&into->known, p, o);
    if (certain)
        into->certain.classes[o]++;
    for (int f = 0; f < FLAG_COUNT; f++)
        into->certain.flags[f] += p->flags >> f & 1;
    if (p->move.move != NO_INDEX) {
        into->lost[p->move.move] += lost;
        into->open[p->move.move] += open;
    }
}

static void count_message(const struct reader *r, struct copies *c, const struct copy *copies,
                          uint32_t n, bool over)
{
    struct stop_watch *w = r->owner;

    for (uint32_t i = 0; i < n; i++)
        count_copy(r, c, &copies[i], over ? &w->over : &w->fresh);
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
    struct counted *c = &w->fresh;

    for (uint32_t i = 0; i < w->m->move_count; i++)
        c->lost[i] = c->open[i] = 0;
    *c = (struct counted){.lost = c->lost, .open = c->open};
}

static void add_account(struct stop_account *into, const struct stop_account *a)
{
    for (int o = 0; o < CLASS_COUNT; o++)
        into->classes[o] += a->classes[o];
    for (int f = 0; f < FLAG_COUNT; f++)
        into->flags[f] += a->flags[f];
    into->known += a->known;
}

static uint64_t moves_marked(const struct ledger *l, enum move_mark mark)
{
    uint64_t n = 0;

    for (uint32_t i = 0; i < l->manifest->move_count; i++)
        n += l->marks[i][mark] != 0;
    return n;
}

/* Is the verdict certain, whatever becomes of the rest? */
static enum stop_end look_at_gates(const struct stop_watch *w, const struct ledger *l)
{
    uint64_t planned = manifest_planned_copies(w->m), begun = w->over.begun + w->fresh.begun;
    struct stop_account known = w->over.known, certain = w->over.certain;
    bool some = w->m->move_count == 0 || moves_marked(l, MARK_DONE) > 0;

    add_account(&known, &w->fresh.known);
    add_account(&certain, &w->fresh.certain);
    certain.disproved = known.disproved = moves_marked(l, MARK_DISPROVED);
    if (stop_is_violated(w->m, &certain))
        return STOP_FAIL;
    known.open = planned - known.known;
    for (uint32_t i = 0; i < w->m->move_count; i++)
        known.moves_left += !l->marks[i][MARK_VERIFIED] && !l->marks[i][MARK_DISPROVED] &&
                            !l->marks[i][MARK_FAILED];
    some &= l->counts.accepted > 0 && (begun < planned || known.moves_left > 0);
    return some && stop_cannot_fail(w->m, &known) ? STOP_PASS : STOP_GO_ON;
}

bool stop_look(struct stop_watch *w, const struct ledger *l, uint64_t now_ns,
               struct stop_decision *out, struct err *e)
{
    struct reader r = {.now_ns = now_ns, .most = UINT64_MAX, .visit = count_message, .owner = w};
    bool round;

    *out = (struct stop_decision){STOP_GO_ON, 0, {0, 0}, {0, 1}};
    if (!l->phases[PHASE_LOAD] || l->phases[PHASE_DRAIN]) /* nothing to end yet, or any more */
        return true;
    forget_fresh(w);
    if (!reading_go_on(w->reading, l, &r, &round, e))
        return false;
    for (uint32_t i = 0; i < w->m->move_count; i++)
        w->fates[i] = (uint8_t)fate_of(w, l, i, now_ns);
    *out = stop_decide(&w->m->stop, w->fates, w->m->move_count);
    if (w->m->stop.rule == STOP_CERTAIN) {
        out->end = look_at_gates(w, l);
        out->moves = out->end == STOP_GO_ON ? out->moves : moves_ended(l);
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

/* Also if what was left had been sent and moved: nothing would have failed. */
static bool could_not_fail(const struct manifest *m, const struct tally *t)
{
    struct stop_account a = {.disproved = t->health.moves_disproved,
                             .open = t->classes[CLASS_NOT_SENT] + t->classes[CLASS_UNKNOWN]};

    memcpy(a.classes, t->classes, sizeof a.classes);
    memcpy(a.flags, t->flags, sizeof a.flags);
    a.known = t->planned - a.open;
    a.moves_left = m->move_count - t->health.moves_asked;
    return stop_cannot_fail(m, &a);
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
    else if (out->claim == STOP_PASS)
        out->holds = !fails && could_not_fail(m, t);
    else
        out->holds = fails;
    return true;
}
