/* ledger_intern.h - numbers for words that repeat: the same 16 bytes get the same number, from 1 up to a limit.
 *
 * A hundred million copies have few reply codes and few ways of having been seen, so that a slot keeps the number only.
 * Numbers depend on the order of arrival and mean nothing outside their ledger. The caller owns the storage.
 */
#ifndef RESULTS_LEDGER_INTERN_H
#define RESULTS_LEDGER_INTERN_H

#include <stdint.h>

struct intern_key {
    uint64_t a, b;
};

struct intern {
    struct intern_key *words; /* words[number - 1] */
    uint32_t *index;          /* hash table of numbers, 0: free; at most half full */
    uint32_t count, index_n;  /* index_n: a power of two, or 0 */
    uint32_t limit;
    uint32_t last; /* number given last; 0: none */
};

void intern_init(struct intern *t, uint32_t limit);
void intern_fini(struct intern *t);
/* The word's number; 0: it is not known, and the table is full or memory is out. */
uint32_t intern_new(struct intern *t, struct intern_key w);

static inline const struct intern_key *intern_at(const struct intern *t, uint32_t number)
{
    return &t->words[number - 1];
}

/* As intern_new(): what comes in a row is mostly the same word. */
static inline uint32_t intern_number(struct intern *t, struct intern_key w)
{
    if (t->last && t->words[t->last - 1].a == w.a && t->words[t->last - 1].b == w.b)
        return t->last;
    return intern_new(t, w);
}

#endif
