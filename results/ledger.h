/* ledger.h - what is known about every copy: an order-free, idempotent fold over events.
 *
 * Any permutation, repetition, split and merge of the same events leads to the same facts: bits by or, times by min, epochs,
 * waves and ordinals by max, everything else as a set. Memory: 32 bytes a slot, with the usual sighting in it; 32 bytes any
 * other piece of evidence (a copy seen elsewhere or at a second place, a queue entry, a report). Evidence hangs on its
 * message, because to which recipient and role it belongs is only known when the run is judged. One thread at a time. The
 * manifest is borrowed for the ledger's life.
 */
#ifndef RESULTS_LEDGER_H
#define RESULTS_LEDGER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "results/event.h"
#include "results/manifest.h"

struct ledger;

bool ledger_reaches(uint64_t t_ns);                                    /* its clock does */
struct ledger *ledger_create(const struct manifest *m, struct err *e); /* NULL: EX_IO, no memory */
void ledger_destroy(struct ledger *l);                                 /* NULL is fine */
/* Out of memory for evidence is remembered; judge() then says so instead of judging. */
void ledger_apply(struct ledger *l, const struct event *events, uint32_t count);
/* Takes over all that `from` knows; both of the same manifest. */
void ledger_merge(struct ledger *l, const struct ledger *from);
/* So many journals ended in a torn block: as in a killed run, no silence is final then. */
void ledger_torn(struct ledger *l, uint32_t files);

struct ledger_counts { /* so far, for people who watch */
    uint64_t attempted, accepted, refused, doubt, aborted;
    uint64_t seen;    /* copies seen somewhere, each place once */
    uint64_t reports; /* each report once per recipient that it names */
};

struct ledger_counts ledger_counts(const struct ledger *l);

#endif
