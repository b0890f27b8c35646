/* imap_sweep.h - bodies that are due after a sweep of headers: those that are to be compared, and those whose header did not
 * settle what they are.
 *
 * Which copies are compared is drawn by message number from the run's seed: the same ones wherever and whenever they are
 * read. Filled while headers come; asked for in sets of UIDs, ascending; what was not served stays due. One thread.
 */
#ifndef PROBES_IMAP_SWEEP_H
#define PROBES_IMAP_SWEEP_H

#include <stdbool.h>
#include <stdint.h>

#include "probes/known.h"
#include "wire/imap.h"

struct sweep_due {
    uint64_t number;              /* settled: whose copy it is said to be ... */
    uint32_t uid, epoch, ordinal; /* ... and as what it was seen */
    bool settled, served;
};

struct sweep {
    struct sweep_due *due;
    uint32_t count, room;
    uint32_t next, hint; /* what is to be asked for next; where the next body is looked for first */
    bool mixed;          /* they did not come in order */
    bool asking;         /* for bodies: nothing is added until sweep_end() */
};

/* Is message `number` one of `percent` in a hundred? */
bool sweep_draws(uint64_t seed, uint32_t percent, uint64_t number);

void sweep_init(struct sweep *s);
void sweep_fini(struct sweep *s);
bool sweep_add(struct sweep *s, const struct sweep_due *due); /* false: out of memory */
/* Headers are all in: true when bodies are due, which are asked for from now on. */
bool sweep_begin(struct sweep *s);
/* The next set of at most `messages`; 0: all were asked for. */
uint32_t sweep_next(struct sweep *s, struct imap_range set[IMAP_SET_MAX], uint32_t messages);
struct sweep_due *sweep_find(struct sweep *s, uint32_t uid); /* NULL: not due, or served */
/* Answers are all in: forgets what was served. True when some are still due: they went, or cannot be read. */
bool sweep_end(struct sweep *s);
/* A new listing, or session, will name again what was not settled; what is not known any more is gone. */
void sweep_keep(struct sweep *s, const struct known *known);

#endif
