/* run_stop.h - run.stop: looks at the ledger while the run goes on, and tells the desk when the load may end.
 *
 * The look is taken where the ledger is, on the book's thread, a few times a second and for at most a tenth of its time; the
 * desk then ends the load as one interrupt does (no further sends and moves), and drains, settles and judges in full. What
 * the rule saw goes into the journal, so that the verdict is the same whoever judges. results/stop_rule.h has the rules.
 */
#ifndef APP_RUN_STOP_H
#define APP_RUN_STOP_H

#include "app/book.h"
#include "app/post.h"

struct run_stop;

struct run_stop_config {
    const struct manifest *manifest;
    struct book *book; /* not begun yet */
    struct loop *desk;
    bool threaded;
    void (*stop)(void *owner, uint32_t code, uint32_t moves); /* on the desk's loop; once */
    void *owner;
};

/* *s stays NULL where the manifest has no rule. */
bool run_stop_open(struct run_stop **s, const struct run_stop_config *c, struct err *e);
void run_stop_close(struct run_stop *s); /* when the book is gone; NULL is fine */

#endif
