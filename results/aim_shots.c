/* aim_shots.c - each journalled aim, and the fate of its message. */
#include "results/aim_shots.h"

#include <stdlib.h>

#include "results/ledger_private.h"
#include "results/stop_rule.h"

struct reading {
    struct copies *copies;
    const struct ledger *l;
    uint32_t losses; /* 1 << class */
    uint64_t now_ns;
};

enum fate { NOBODY_KNOWS, NEVER_LEFT, CAME, LOST, PROBABLY_LOST };

static int aim_order(const void *left, const void *right)
{
    const struct event *a = left, *b = right;

    if (a->slot != b->slot)
        return a->slot < b->slot ? -1 : 1;
    if (a->t_ns != b->t_ns)
        return a->t_ns < b->t_ns ? -1 : 1;
    if (a->a != b->a)
        return a->a < b->a ? -1 : 1;
    return a->b != b->b ? (a->b < b->b ? -1 : 1) : (a->code > b->code) - (a->code < b->code);
}

static uint64_t move_ended(const struct ledger *l, uint32_t move) /* NEVER_NS: not yet */
{
    uint64_t done = l->marks[move][MARK_DONE], failed = l->marks[move][MARK_FAILED];
    uint64_t first = done && (!failed || done < failed) ? done : failed; /* plus one */

    return first ? first - 1 : NEVER_NS;
}

/* As what it would count if its silence were final now; CLASS_UNKNOWN: it is too early for that. */
static enum outcome probable_class(const struct reading *r, const struct copy *p, uint32_t move)
{
    uint64_t since = move_ended(r->l, move), late = r->l->manifest->late_ns;
    struct facts f = p->facts;

    if (r->now_ns == NEVER_NS || since == NEVER_NS || f.q)
        return CLASS_UNKNOWN;
    since = p->silence.end_ns > since ? p->silence.end_ns : since;
    if (since == NEVER_NS || r->now_ns <= since || r->now_ns - since <= late)
        return CLASS_UNKNOWN;
    f.z = true;
    return classify(&f);
}

static enum fate fate_of_copy(const struct reading *r, const struct copy *p, uint32_t move)
{
    enum outcome o = p->outcome;

    if (!p->tried || (r->now_ns != NEVER_NS && p->end_ns == NEVER_NS))
        return NEVER_LEFT;
    if (o == CLASS_UNKNOWN) {
        o = probable_class(r, p, move);
        if (o == CLASS_UNKNOWN)
            return NOBODY_KNOWS;
        return r->losses >> o & 1 ? PROBABLY_LOST : NOBODY_KNOWS;
    }
    return r->losses >> o & 1 ? LOST : CAME;
}

/* The worst of the copies for the first recipient; open while one of them is and none is lost. */
static enum fate fate_of(const struct reading *r, uint32_t load, uint64_t number, uint32_t move)
{
    uint32_t n;
    const struct copy *all = copies_of(r->copies, load, number, &n);
    enum fate worst = fate_of_copy(r, &all[0], move);

    if (worst == NEVER_LEFT)
        return worst;
    for (uint32_t i = 1; i < n && all[i].recipient == 0; i++) {
        if (all[i].outcome == CLASS_NOT_OWED || all[i].outcome == CLASS_NOT_SENT)
            continue;
        enum fate f = fate_of_copy(r, &all[i], move);

        if (f == LOST || (f == PROBABLY_LOST && worst != LOST) ||
            (f == NOBODY_KNOWS && worst == CAME))
            worst = f;
    }
    return worst;
}

static double phase_of(const struct ledger *l, const struct event *aim)
{
    double late_us = ledger_slot(l, aim->slot)->late_us;

    return (double)aim->b + late_us * l->manifest->time_scale;
}

static void add(struct aim_shots *s, const struct reading *r, uint32_t load,
                const struct event *aim)
{
    uint32_t move = event_aim_move(aim->a);
    enum fate fate = fate_of(r, load, aim->slot / r->l->manifest->stride, move);
    bool lost = fate == LOST || fate == PROBABLY_LOST;

    s->aimed++;
    s->open += fate == NOBODY_KNOWS;
    if (fate == NOBODY_KNOWS || fate == NEVER_LEFT)
        return;
    s->losses += lost;
    s->probable += fate == PROBABLY_LOST;
    s->moves[s->count] = move;
    s->weights[s->count] = (double)aim->code / 1e6;
    s->shots[s->count++] = (struct shot){phase_of(r->l, aim), lost, 0};
}

/* Those of this load, in order; returns how many. */
static uint32_t pick(const struct ledger *l, uint32_t load, struct event *aims)
{
    const struct manifest_load *how = &l->manifest->loads[load];
    uint64_t stride = l->manifest->stride;
    uint32_t n = 0;

    for (uint32_t i = 0; i < l->aims.count; i++) {
        uint64_t number = l->aims.all[i].slot / stride;

        if (number >= how->first && number - how->first < how->count)
            aims[n++] = l->aims.all[i];
    }
    if (n > 1)
        qsort(aims, n, sizeof *aims, aim_order);
    return n;
}

bool aim_shots_read(struct aim_shots *s, struct copies *c, uint32_t load, uint64_t now_ns,
                    struct err *e)
{
    const struct ledger *l = copies_ledger(c);
    struct reading r = {c, l, stop_losses(l->manifest), now_ns};
    size_t room = l->aims.count + 1ul;
    struct event *aims = calloc(room, sizeof *aims);

    *s = (struct aim_shots){.shots = calloc(room, sizeof *s->shots),
                            .weights = calloc(room, sizeof *s->weights),
                            .moves = calloc(room, sizeof *s->moves)};
    if (!aims || !s->shots || !s->weights || !s->moves) {
        free(aims);
        aim_shots_fini(s);
        return err_set(e, EX_IO, "out of memory for what was aimed at");
    }
    uint32_t n = pick(l, load, aims);

    for (uint32_t i = 0; i < n; i++)
        if (i == 0 || aims[i].slot != aims[i - 1].slot) /* a message is aimed once */
            add(s, &r, load, &aims[i]);
    free(aims);
    return true;
}

void aim_shots_fini(struct aim_shots *s)
{
    free(s->shots);
    free(s->weights);
    free(s->moves);
    *s = (struct aim_shots){0};
}
