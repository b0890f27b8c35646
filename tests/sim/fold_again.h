/* fold_again.h - the events of a run, folded once more in drawn orders, with repetitions, into several ledgers that are merged:
 * the account must be the one that the run has, copy by copy and in its summary.
 */
#ifndef TESTS_SIM_FOLD_AGAIN_H
#define TESTS_SIM_FOLD_AGAIN_H

#include "tests/sim/sim_run.h"

struct events { /* of a run's journal */
    struct event *all;
    size_t count, room;
};

bool events_read(struct events *v, const char *dir, uint64_t run_id, struct err *e);
void events_fini(struct events *v);
/* Everything that a reader could find in the account of this ledger, in one number. */
uint64_t account_print(const struct manifest *m, const struct ledger *l, struct err *e);
/* Folds them as drawn from the seed; NULL: e. The caller destroys it. */
struct ledger *events_fold(const struct events *v, const struct manifest *m, uint64_t seed,
                           struct err *e);
/* true: `why` says what differs. */
bool fold_differs(const struct sim_run *s, uint64_t seed, char *why, size_t room);

#endif
