/* ledger_intern.c - an open-addressed hash table that doubles; a table without room says 0 and stays as it is. */
#include "results/ledger_intern.h"

#include <stdbool.h>
#include <stdlib.h>

#define FIRST_INDEX 64u

void intern_init(struct intern *t, uint32_t limit)
{
    *t = (struct intern){.limit = limit};
}

void intern_fini(struct intern *t)
{
    free(t->words);
    free(t->index);
    *t = (struct intern){0};
}

static uint32_t home_of(const struct intern *t, struct intern_key w)
{
    uint64_t mixed = (w.a ^ w.b * 0x9e3779b97f4a7c15ull) * 0xff51afd7ed558ccdull;

    return (uint32_t)(mixed >> 32) & (t->index_n - 1);
}

/* Where the word stands, or the free place where it would. */
static uint32_t place_of(const struct intern *t, struct intern_key w)
{
    uint32_t at = home_of(t, w);

    while (t->index[at]) {
        const struct intern_key *there = &t->words[t->index[at] - 1];

        if (there->a == w.a && there->b == w.b)
            break;
        at = (at + 1) & (t->index_n - 1);
    }
    return at;
}

static bool grow(struct intern *t)
{
    uint32_t n = t->index_n ? 2 * t->index_n : FIRST_INDEX;
    struct intern_key *words = realloc(t->words, n / 2 * sizeof *words);
    uint32_t *index = words ? calloc(n, sizeof *index) : NULL;

    if (words)
        t->words = words;
    if (!index)
        return false;
    free(t->index);
    t->index = index;
    t->index_n = n;
    for (uint32_t i = 0; i < t->count; i++)
        t->index[place_of(t, t->words[i])] = i + 1;
    return true;
}

uint32_t intern_new(struct intern *t, struct intern_key w)
{
    uint32_t at = t->index_n ? place_of(t, w) : 0;

    if (t->index_n && t->index[at])
        return t->last = t->index[at];
    if (t->count >= t->limit)
        return 0;
    if (t->count == t->index_n / 2) {
        if (!grow(t))
            return 0;
        at = place_of(t, w);
    }
    t->words[t->count++] = w;
    return t->last = t->index[at] = t->count;
}
