/* aim_shots.h - what became of the sends of an adaptive load: from the ledger to phases and losses.
 *
 * A send's phase is the one it was aimed at, plus how late it left. It is lost when a copy for its first recipient, whose
 * mailbox moves, has a class that a gate counts. While the run goes on silence is not final: a copy that is nowhere for longer
 * than `late` after it was accepted and its move ended counts as lost, probably. Pure reading; one thread at a time.
 */
#ifndef RESULTS_AIM_SHOTS_H
#define RESULTS_AIM_SHOTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "results/copies.h"
#include "results/race_window.h"

struct aim_shots {
    struct shot *shots; /* in the order of messages: move by move. Phases in us */
    double *weights;    /* of each */
    uint32_t *moves;    /* of each */
    size_t count;
    uint64_t aimed;    /* sends that were planned */
    uint64_t losses;   /* among the shots */
    uint64_t probable; /* among the losses: their silence is not final */
    uint64_t open;     /* tried, and nobody can say yet: no shots */
};

/* Of this load. now_ns: target time while the run goes on; NEVER_NS: only what is final. false: out of memory. */
bool aim_shots_read(struct aim_shots *s, struct copies *c, uint32_t load, uint64_t now_ns,
                    struct err *e);
void aim_shots_fini(struct aim_shots *s); /* zeroed is fine */

#endif
