/* compare_test.c - the questions to a pair of runs, and the numbers that answer them. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "results/compare.h"
#include "results/two_builds.h"

#define SHOW_UNITS_MAX 100000u /* beyond, what can be shown is not searched for */
#define SCRATCH_BYTES  (1u << 28)

#define ONE(c) (1u << (c))

static const uint32_t silent_classes = ONE(CLASS_SILENT_LOSS) | ONE(CLASS_VANISHED);

/* The sender was rid of it, or was told that there is no such mailbox, and the mailbox has no good copy. */
static const uint32_t undelivered_classes =
    ONE(CLASS_MISDELIVERED) | ONE(CLASS_CORRUPTED) | ONE(CLASS_REFUSED_AND_NDR) |
    ONE(CLASS_REFUSED_PERMANENT) | ONE(CLASS_LEFT_BEHIND) | ONE(CLASS_VANISHED) |
    ONE(CLASS_NDR_BUT_QUEUED) | ONE(CLASS_STRANDED) | ONE(CLASS_NDR) | ONE(CLASS_NDR_MISROUTED) |
    ONE(CLASS_SILENT_BY_REQUEST) | ONE(CLASS_SILENT_LOSS);

static const uint32_t mute_classes = /* they say nothing about what was asked of the servers */
    ONE(CLASS_NOT_OWED) | ONE(CLASS_NOT_SENT) | ONE(CLASS_UNKNOWN);

static uint32_t violations(enum axis (*judged)(enum outcome c))
{
    uint32_t classes = 0;

    for (enum outcome c = 0; c < CLASS_COUNT; c++)
        classes |= judged(c) == AXIS_VIOLATION ? ONE(c) : 0;
    return classes;
}

uint32_t compare_questions(const struct pair *p, struct question out[COMPARE_QUESTIONS])
{
    uint32_t responsible = violations(class_responsibility);
    uint32_t transparent = violations(class_transparency), n = 0;

    out[n++] = (struct question){"silence", "lost something in silence", silent_classes, true};
    out[n++] =
        (struct question){"delivery", "left something undelivered", undelivered_classes, true};
    out[n++] = (struct question){"responsibility", "broke the duty to deliver or to report",
                                 responsible, true};
    out[n++] = (struct question){
        "transparency", "were felt: something undelivered, doubled or reported", transparent, true};
    for (enum outcome c = 0; c < CLASS_COUNT && n < COMPARE_QUESTIONS; c++)
        if ((responsible | transparent) & ONE(c) && (p->a->classes[c] || p->b->classes[c]))
            out[n++] = (struct question){class_name(c), "had copies of this class", ONE(c), false};
    return n;
}

static uint64_t sum_of(const uint64_t *counts, uint32_t classes)
{
    uint64_t sum = 0;

    for (enum outcome c = 0; c < CLASS_COUNT; c++)
        sum += classes & ONE(c) ? counts[c] : 0;
    return sum;
}

/* ----------------------------------------------------------------------------------------------------------- one arm */

static bool make_lists(struct arm *arm, struct arena *a, size_t moves)
{
    arm->worst.list = arena_array(a, sizeof *arm->worst.list, moves + 1);
    arm->best.list = arena_array(a, sizeof *arm->best.list, moves + 1);
    return arm->worst.list && arm->best.list;
}

static void assume(struct assumed *all, struct proportion move)
{
    if (move.n == 0)
        return; /* nothing was sent near it */
    all->list[all->count++] = move;
    all->units.k += move.k > 0;
    all->units.n++;
}

static bool count_moves(struct arm *arm, const struct compared *c, uint32_t classes,
                        struct arena *a)
{
    struct proportion *list = arena_new(a, struct proportion, c->move_count + 1ul);
    size_t n = 0;

    if (!list || !make_lists(arm, a, c->move_count))
        return false;
    for (uint32_t i = 0; i < c->move_count; i++) {
        struct proportion move = {sum_of(c->moves[i], classes), sum_of(c->moves[i], ~mute_classes)};
        const uint64_t unknown = c->moves[i][CLASS_UNKNOWN];

        assume(&arm->worst, (struct proportion){move.k + unknown, move.n + unknown});
        assume(&arm->best, (struct proportion){move.k, move.n + unknown});
        if (move.k == 0 && unknown)
            arm->open++;
        else if (move.n)
            list[n++] = move;
    }
    const struct cluster all = cluster_of((struct moves){list, n});

    arm->units = all.moves;
    arm->copies = all.messages;
    arm->icc = all.icc;
    arm->design_effect = all.design_effect;
    arm->estimable = all.estimable;
    arm->list = list;
    return true;
}

static void count_copies(struct arm *arm, const struct compared *c, uint32_t classes)
{
    const uint64_t k = sum_of(c->classes, classes), n = sum_of(c->classes, ~mute_classes);
    const uint64_t unknown = c->classes[CLASS_UNKNOWN];

    arm->units = arm->copies = (struct proportion){k, n};
    arm->worst.units = (struct proportion){k + unknown, n + unknown};
    arm->best.units = (struct proportion){k, n + unknown};
    arm->design_effect = 1;
}

static struct moves moves_of(const struct assumed *all)
{
    return (struct moves){all->list, all->count};
}

static bool same_arm(const struct arm *x, const struct arm *y)
{
    return x->units.k == y->units.k && x->units.n == y->units.n && x->copies.k == y->copies.k &&
           x->open == y->open &&
           (!x->list || !x->units.n || memcmp(x->list, y->list, x->units.n * sizeof *x->list) == 0);
}

/* -------------------------------------------------------------------------------------------------- what can be shown at all */

static bool is_shown(struct proportion a, struct proportion b, double alpha)
{
    return fisher_two_sided(a, b) <= alpha;
}

/* The least k of n above `low` that differs from `other`, or n + 1. More is always easier to tell. */
static uint64_t least_above(struct proportion other, uint64_t low, uint64_t n, double alpha)
{
    uint64_t high = n + 1;

    while (low < high) {
        uint64_t k = low + (high - low) / 2;

        if (is_shown(other, (struct proportion){k, n}, alpha))
            high = k;
        else
            low = k + 1;
    }
    return low;
}

/* As seen from the losses that `few` has; where even all of the other's would not do, from those that `many` has: then what is not
 * harmed is counted up. */
static bool least_difference(struct proportion *few, struct proportion *many, double alpha)
{
    uint64_t start = (uint64_t)ceil(proportion_rate(*few) * (double)many->n);
    uint64_t k = least_above(*few, start, many->n, alpha);

    if (k <= many->n) {
        many->k = k;
        return true;
    }
    struct proportion spared = {many->n - many->k, many->n};

    start = (uint64_t)ceil(proportion_rate(spared) * (double)few->n);
    k = least_above(spared, start, few->n, alpha);
    few->k = few->n - (k <= few->n ? k : few->n);
    return k <= few->n;
}

static uint64_t units_for(double a, double b, double alpha)
{
    return fisher_units(a < b ? a : b, a < b ? b : a, alpha / 2, COMPARE_POWER);
}

/* Shares that are the same, or nearly, no number of units would tell apart: then for the next that would matter. */
static void ask_for_more(struct answer *q, double alpha)
{
    double a = proportion_rate(q->a.units), b = proportion_rate(q->b.units);

    q->aim_a = a;
    q->aim_b = b;
    q->needed = units_for(a, b, alpha);
    if (q->needed == SAMPLE_NEVER && fabs(a - b) < COMPARE_POINTS / 2) {
        q->aims_apart = true;
        q->aim_b = a >= COMPARE_POINTS ? a - COMPARE_POINTS : a + COMPARE_POINTS;
        q->needed = units_for(q->aim_a, q->aim_b, alpha);
    }
    q->least_a = q->a.units;
    q->least_b = q->b.units;
    q->searched = q->a.units.n <= SHOW_UNITS_MAX && q->b.units.n <= SHOW_UNITS_MAX;
    if (q->searched && q->a.units.n && q->b.units.n)
        q->can_show = a <= b ? least_difference(&q->least_a, &q->least_b, alpha)
                             : least_difference(&q->least_b, &q->least_a, alpha);
}

/* --------------------------------------------------------------------------------------------------------------- answers */

static uint64_t seed_of(const struct pair *p)
{
    char text[2 * sizeof p->a->id];

    memset(text, 0, sizeof text);
    memcpy(text, p->a->id, strnlen(p->a->id, sizeof p->a->id));
    memcpy(text + sizeof p->a->id, p->b->id, strnlen(p->b->id, sizeof p->b->id));
    return hash_fast(text, sizeof text);
}

/* A copy that is unknown may turn out to be harm, or not: it counts against the arm that looks better, so that what was not seen
 * cannot make one. Where that turns the difference about, nothing is shown. */
static double fisher_against(const struct answer *q)
{
    const double a = proportion_rate(q->a.units), b = proportion_rate(q->b.units);
    const struct assumed *good = b <= a ? &q->b.worst : &q->a.worst;
    const struct assumed *bad = b <= a ? &q->a.best : &q->b.best;

    if (a != b && proportion_rate(good->units) >= proportion_rate(bad->units))
        return 1;
    return fisher_two_sided(good->units, bad->units);
}

static bool deal(struct answer *q, const struct pair *p, struct err *e)
{
    bool less = proportion_rate(q->b.copies) <= proportion_rate(q->a.copies);
    struct arena *scratch = arena_create(SCRATCH_BYTES);

    if (!scratch)
        return err_set(e, EX_IO, "out of memory for the permutation");
    q->deal =
        less
            ? permutation_by_move(moves_of(&q->b.worst), moves_of(&q->a.best), seed_of(p), scratch)
            : permutation_by_move(moves_of(&q->a.worst), moves_of(&q->b.best), seed_of(p), scratch);
    arena_destroy(scratch);
    if (isnan(q->deal.p))
        return err_set(e, EX_IO, "out of memory for the permutation");
    q->dealt = q->deal.p < 0.5 ? 2 * q->deal.p : 1;
    return true;
}

static bool answer(struct answer *q, const struct pair *p, struct arena *a, struct err *e)
{
    q->dealt = 1;
    if (p->by_move) {
        if (!count_moves(&q->a, p->a, q->question.classes, a) ||
            !count_moves(&q->b, p->b, q->question.classes, a))
            return err_set(e, EX_IO, "out of memory for the moves");
    } else {
        count_copies(&q->a, p->a, q->question.classes);
        count_copies(&q->b, p->b, q->question.classes);
    }
    for (uint32_t i = 0; i < q->same_as; i++)
        if (same_arm(&p->answers[i].a, &q->a) && same_arm(&p->answers[i].b, &q->b)) {
            struct question question = q->question;

            *q = p->answers[p->answers[i].same_as];
            q->question = question;
            return true;
        }
    q->fisher = fisher_against(q);
    q->difference = difference_newcombe(q->a.units, q->b.units, COMPARE_ALPHA);
    q->better = bayes_less(q->b.units, q->a.units);
    return !p->by_move || q->a.units.k + q->b.units.k == 0 || deal(q, p, e);
}

bool pair_answer(struct pair *p, struct arena *a, struct err *e)
{
    struct question questions[COMPARE_QUESTIONS];
    uint32_t count = compare_questions(p, questions);

    for (p->answer_count = 0; p->answer_count < count; p->answer_count++) {
        struct answer *q = &p->answers[p->answer_count];

        *q = (struct answer){.question = questions[p->answer_count], .same_as = p->answer_count};
        if (!answer(q, p, a, e))
            return false;
        q->fisher_adjusted = q->fisher;
        q->dealt_adjusted = q->dealt;
    }
    return true;
}

/* ------------------------------------------------------------------------------------------------------------ conclusions */

static int order(const void *x, const void *y)
{
    double a = **(double *const *)x, b = **(double *const *)y;

    return (a > b) - (a < b);
}

void holm_adjust(double **p, uint32_t count)
{
    double least = 0;

    qsort(p, count, sizeof *p, order);
    for (uint32_t i = 0; i < count; i++) {
        double adjusted = *p[i] * (count - i);

        least = adjusted > least ? adjusted : least;
        *p[i] = least < 1 ? least : 1;
    }
}

static enum shown direction(double p, struct proportion a, struct proportion b)
{
    if (p > COMPARE_ALPHA)
        return SHOWN_NOT;
    return proportion_rate(b) < proportion_rate(a) ? SHOWN_BETTER : SHOWN_WORSE;
}

void answer_conclude(struct answer *q, double alpha)
{
    if (q->a.units.k + q->b.units.k == 0) {
        q->in_units = q->in_copies = q->all = SHOWN_NEITHER;
        if (q->a.units.n == 0 || q->b.units.n == 0)
            q->all = SHOWN_NOT;
    } else {
        q->in_units = direction(q->fisher_adjusted, q->a.units, q->b.units);
        q->in_copies = direction(q->dealt_adjusted, q->a.copies, q->b.copies);
        q->all = q->in_units == SHOWN_NOT ? q->in_copies : q->in_units;
        if (q->in_copies != SHOWN_NOT && q->in_copies != q->all)
            q->all = SHOWN_NOT; /* fewer moves, more copies: neither is the better one */
    }
    if (q->in_units == SHOWN_NOT || q->in_units == SHOWN_NEITHER)
        ask_for_more(q, alpha);
}
