/* compare.c - pairs of neighbours, whether their plans allow it, and the correction over all of them. */
#include "results/compare.h"

#include <stdio.h>
#include <string.h>

static const struct {
    unsigned bit;
    const char *name;
} parts[] = {{DIFFER_LOADS, "loads"},
             {DIFFER_MAILBOXES, "mailboxes"},
             {DIFFER_MOVES, "moves"},
             {DIFFER_ACTIONS, "actions"}};

const char *plans_differ(unsigned differ, char *out, size_t room)
{
    unsigned left = differ & ~(unsigned)DIFFER_UNSAID;
    size_t n = 0;

    out[0] = '\0';
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (!(left & parts[i].bit))
            continue;
        left &= ~parts[i].bit;
        int more = snprintf(out + n, room - n, "%s%s",
                            n == 0 ? ""
                            : left ? ", "
                                   : " and ",
                            parts[i].name);

        n += more > 0 && (size_t)more < room - n ? (size_t)more : 0;
    }
    return out;
}

static unsigned differences(const struct manifest_prints *a, const struct manifest_prints *b)
{
    if (!a->loads || !b->loads)
        return DIFFER_UNSAID;
    return (a->loads != b->loads ? (unsigned)DIFFER_LOADS : 0) |
           (a->mailboxes != b->mailboxes ? (unsigned)DIFFER_MAILBOXES : 0) |
           (a->moves != b->moves ? (unsigned)DIFFER_MOVES : 0) |
           (a->actions != b->actions ? (unsigned)DIFFER_ACTIONS : 0);
}

static bool refuse(const struct pair *p, struct err *e)
{
    char what[64];

    if (p->differ == DIFFER_UNSAID)
        return err_set(e, EX_BAD_USAGE,
                       "%s and %s: whether their plans are the same is not known, as one of them "
                       "was run by an older version; --force compares them nevertheless",
                       compared_word(p->a), compared_word(p->b));
    return err_set(e, EX_BAD_USAGE,
                   "%s and %s differ in %s, so a difference between them would say nothing about "
                   "the builds; --force compares them nevertheless",
                   compared_word(p->a), compared_word(p->b),
                   plans_differ(p->differ, what, sizeof what));
}

/* A question that is another's double is no test of its own; one about what never happened is none at all. */
static bool is_test(const struct pair *p, uint32_t i)
{
    return p->answers[i].same_as == i && p->answers[i].a.units.k + p->answers[i].b.units.k > 0;
}

static void conclude(struct pair *p, double alpha)
{
    for (uint32_t i = 0; i < p->answer_count; i++) {
        struct answer *q = &p->answers[i];

        if (q->same_as == i) {
            answer_conclude(q, alpha);
            continue;
        }
        struct question question = q->question;

        *q = p->answers[q->same_as];
        q->question = question;
    }
}

static bool adjust(struct comparison *c, struct arena *a, struct err *e)
{
    double **all = arena_new(a, double *, 2ul * COMPARE_QUESTIONS * c->count);

    if (!all)
        return err_set(e, EX_IO, "out of memory for the comparison");
    for (uint32_t i = 0; i + 1 < c->count; i++)
        for (uint32_t k = 0; k < c->pairs[i].answer_count; k++) {
            struct answer *q = &c->pairs[i].answers[k];

            if (!is_test(&c->pairs[i], k))
                continue;
            all[c->tests++] = &q->fisher_adjusted;
            if (c->pairs[i].by_move)
                all[c->tests++] = &q->dealt_adjusted;
        }
    holm_adjust(all, c->tests);
    for (uint32_t i = 0; i + 1 < c->count; i++)
        conclude(&c->pairs[i], COMPARE_ALPHA / (c->tests ? c->tests : 1));
    return true;
}

/* --------------------------------------------------------------------------------------------------------------- labels */

static const char *plain_target(const struct compared *c)
{
    return strncmp(c->target, "lab ", 4) == 0 ? c->target + 4 : c->target;
}

static bool one_profile(const struct compared *runs, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (!runs[i].profile[0] || strcmp(runs[i].profile, runs[0].profile) != 0)
            return false;
    return true;
}

static bool is_taken(const struct compared *runs, uint32_t count, uint32_t me)
{
    for (uint32_t i = 0; i < count; i++)
        if (i != me && strcmp(runs[i].label, runs[me].label) == 0)
            return true;
    return false;
}

/* The least that tells them apart: variants or targets of one profile, else names; numbers where that is not enough. */
static void label_runs(struct compared *runs, uint32_t count)
{
    bool numbered[COMPARED_MAX] = {false}, short_words = one_profile(runs, count);

    for (uint32_t i = 0; i < count; i++) {
        struct compared *c = &runs[i];
        const char *word = !short_words ? c->name : c->variant[0] ? c->variant : plain_target(c);

        (void)snprintf(c->label, sizeof c->label, "%.95s", word[0] ? word : c->name);
    }
    for (uint32_t i = 0; i < count; i++)
        numbered[i] = is_taken(runs, count, i);
    for (uint32_t i = 0; i < count; i++) {
        size_t n = strlen(runs[i].label);

        if (numbered[i])
            (void)snprintf(runs[i].label + n, sizeof runs[i].label - n, " #%u", i + 1);
    }
}

/* ---------------------------------------------------------------------------------------------------------- all of them */

struct comparison *comparison_make(struct arena *a, const struct compared *runs, uint32_t count,
                                   bool force, struct err *e)
{
    struct comparison *c = arena_new(a, struct comparison, 1);

    struct compared *own = arena_new(a, struct compared, count);

    PM_ASSERT(count >= 1 && count <= COMPARED_MAX);
    if (c)
        c->pairs = arena_new(a, struct pair, count);
    if (!c || !c->pairs || !own) {
        (void)err_set(e, EX_IO, "out of memory for the comparison");
        return NULL;
    }
    memcpy(own, runs, count * sizeof *own);
    label_runs(own, count);
    c->runs = own;
    c->count = count;
    for (uint32_t i = 0; i + 1 < count; i++) {
        struct pair *p = &c->pairs[i];

        *p = (struct pair){.a = &own[i], .b = &own[i + 1]};
        p->differ = differences(&p->a->prints, &p->b->prints);
        p->by_move = p->a->move_count && p->b->move_count;
        p->same_seed = !p->differ && p->a->seed_print == p->b->seed_print;
        if ((p->differ && !force && !refuse(p, e)) || !pair_answer(p, a, e))
            return NULL;
    }
    return adjust(c, a, e) ? c : NULL;
}
