/* run_stop.h - looks at the ledger while the run goes on: for run.stop, and for people who watch.
 *
 * Looks are taken where the ledger is, on the book's thread. For run.stop, a few times a second and for at most a tenth of its
 * time: the desk is told when the load may end, and ends it as one interrupt does (no further sends and moves), and drains,
 * settles and judges in full. What the rule saw goes into the journal, so that the verdict is the same whoever judges.
 * results/stop_rule.h has the rules. For those who watch, the classes so far: in pieces of some milliseconds, for a hundredth
 * of its time, so that no sender ever waits for it.
 */
#ifndef APP_RUN_STOP_H
#define APP_RUN_STOP_H

#include "app/book.h"
#include "app/post.h"
#include "results/so_far.h"

struct run_stop;

struct run_stop_config {
    const struct manifest *manifest;
    struct book *book; /* not begun yet */
    struct loop *desk;
    bool threaded;
    bool stops;   /* the manifest's rule is to be kept */
    bool watched; /* the classes so far are wanted */
    void (*stop)(void *owner, uint32_t code, uint32_t moves); /* on the desk's loop; once */
    void *owner;
};

/* *s stays NULL where there is no rule to keep and nobody watches. */
bool run_stop_open(struct run_stop **s, const struct run_stop_config *c, struct err *e);
/* On the desk's thread: the newest since it was last asked. false: nothing new; s NULL is fine. */
bool run_stop_classes(struct run_stop *s, struct so_far_classes *c);
void run_stop_close(struct run_stop *s); /* when the book is gone; NULL is fine */

#endif
