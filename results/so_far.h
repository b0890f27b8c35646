/* so_far.h - messages of a run that goes on, read again and again: classes as they would be if nothing more came.
 *
 * A round reads all messages that were begun, in pieces of a bounded size, and says whether each is over: fine or lost for
 * longer than what comes late takes, with every message of its load before it over too. What is over is read once and never
 * again, so that a round costs what the last minutes cost. Nothing here is final, and no verdict rests on it. One thread at
 * a time, where the ledger is.
 */
#ifndef RESULTS_SO_FAR_H
#define RESULTS_SO_FAR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "results/copies.h"
#include "results/ledger.h"
#include "results/manifest.h"

struct reading; /* how far one has read */

struct reader {
    uint64_t now_ns; /* target time */
    uint64_t most;   /* messages in this piece, or so; UINT64_MAX: the whole round */
    /* All copies of a message; of which it is not known yet to whom it went, nothing is said. */
    void (*visit)(const struct reader *r, struct copies *c, const struct copy *copies, uint32_t n,
                  bool over);
    void *owner;
};

struct reading *reading_create(const struct manifest *m, struct err *e); /* NULL: no memory */
void reading_destroy(struct reading *d);                                 /* NULL is fine */
/* Goes on; *round: it came to the last message, and the next piece begins anew. false: out of memory. */
bool reading_go_on(struct reading *d, const struct ledger *l, const struct reader *r, bool *round,
                   struct err *e);

/* --- for people who watch ------------------------------------------------------------------------------------- */

struct so_far_classes { /* of copies whose message was begun; CLASS_UNKNOWN: they may still come */
    uint64_t of[CLASS_COUNT];
};

struct so_far;

struct so_far *so_far_create(const struct manifest *m, struct err *e); /* NULL: no memory */
void so_far_destroy(struct so_far *s);                                 /* NULL is fine */
/* Reads a piece of some 20,000 messages; *c is told where that ended a round (*round). false: out of memory. */
bool so_far_look(struct so_far *s, const struct ledger *l, uint64_t now_ns,
                 struct so_far_classes *c, bool *round, struct err *e);

#endif
