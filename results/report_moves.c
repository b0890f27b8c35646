/* report_moves.c - see report_moves.h. */
#include "results/report_moves.h"

#include <stdlib.h>

#include "base/clock.h"

struct walk {
    struct shown_moves *m;
    uint32_t *row; /* per move: 1 + its place in m->all */
    uint64_t wanted;
};

bool class_is_bad(enum outcome o)
{
    enum axis a = class_worse(o);

    return a == AXIS_VIOLATION || a == AXIS_INVALID || a == AXIS_OPEN;
}

static uint64_t bad_of(const struct tally *t, uint32_t move)
{
    uint64_t bad = 0;

    for (enum outcome o = 0; o < CLASS_COUNT; o++)
        bad += class_is_bad(o) ? t->moves[move][o] : 0;
    return bad;
}

static bool is_losing(const struct tally *t, uint32_t move)
{
    const uint64_t *marks = t->marks[move].mark_ns;

    return bad_of(t, move) || marks[MARK_FAILED] != NEVER_NS || marks[MARK_DISPROVED] != NEVER_NS;
}

/* Losing ones until the cap, then others until the cap: row[i] = 1 for those taken. */
static uint32_t mark_rows(const struct tally *t, uint32_t moves, uint32_t cap, bool losing,
                          uint32_t *row)
{
    uint32_t taken = 0, eligible = 0;

    for (unsigned others = 0; others <= (losing ? 0u : 1u); others++)
        for (uint32_t i = 0; i < moves; i++)
            if (is_losing(t, i) == !others) {
                eligible++;
                if (taken < cap) {
                    row[i] = 1;
                    taken++;
                }
            }
    return eligible - taken;
}

static void note(struct walk *w, const struct copy *p)
{
    uint32_t row = p->move.move == NO_INDEX ? 0 : w->row[p->move.move];

    if (!row || !class_is_bad(p->outcome))
        return;
    struct shown_move *v = &w->m->all[row - 1];

    if (v->firsts[p->outcome] < FIRSTS)
        v->first[p->outcome][v->firsts[p->outcome]++] = p->number;
    w->wanted--;
}

static bool on_message(void *owner, const struct copy *copies, uint32_t n)
{
    struct walk *w = owner;

    for (uint32_t i = 0; i < n; i++)
        note(w, &copies[i]);
    return w->wanted > 0;
}

bool moves_choose(struct shown_moves *m, const struct report_source *s, uint32_t cap, bool losing,
                  struct err *e)
{
    const struct tally *t = &s->run->judgement->tally;
    uint32_t moves = s->run->manifest->move_count, next = 0;
    struct walk w = {.m = m, .row = calloc(moves + 1ul, sizeof *w.row)};

    *m = (struct shown_moves){
        .all = calloc((moves < cap ? moves : cap) + 1ul, sizeof(struct shown_move))};
    if (!m->all || !w.row) {
        free(w.row);
        moves_release(m);
        return err_set(e, EX_IO, "out of memory for the moves");
    }
    m->left_out = mark_rows(t, moves, cap, losing, w.row);
    for (uint32_t i = 0; i < moves; i++)
        if (w.row[i]) {
            m->all[next] = (struct shown_move){.move = i, .bad = bad_of(t, i)};
            w.wanted += m->all[next].bad;
            w.row[i] = ++next;
        }
    m->count = next;
    bool ok = !w.wanted || report_each_copy(s, on_message, &w, e);

    free(w.row);
    return ok;
}

void moves_release(struct shown_moves *m)
{
    free(m->all);
    *m = (struct shown_moves){0};
}
