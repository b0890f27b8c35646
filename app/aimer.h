/* aimer.h - adaptive aim at the desk: when a move is asked for, its sends are planned from what moves before have lost.
 *
 * The look and the plan are made where the ledger is, on the book's thread; the desk journals each send (EV_AIM: phase, bin,
 * weight) and then tells it to the senders. The plan follows from the seed, the load, the move and what was known. Desk's
 * thread; what is told lives until aimer_close().
 */
#ifndef APP_AIMER_H
#define APP_AIMER_H

#include <stdbool.h>
#include <stdint.h>

#include "app/book.h"
#include "base/clock.h"
#include "base/loop.h"
#include "profiles/workload.h"
#include "results/journal.h"

struct aimer;

struct aimer_config {
    const struct workload *work;
    const struct manifest *manifest;
    struct book *book;
    struct loop *desk;
    const struct run_clock *clock;
    struct journal *journal; /* the desk's */
    /* When the load's per_move messages of this move are sent: ns after its mark. */
    void (*aimed)(void *owner, uint32_t load, uint32_t move, const int64_t *aims_ns);
    void *owner;
};

/* *a stays NULL where no load is aimed adaptively; the others take NULL. */
bool aimer_open(struct aimer **a, const struct aimer_config *c, struct err *e);
bool aimer_asked(struct aimer *a, uint32_t move); /* false: out of memory */
bool aimer_is_idle(const struct aimer *a);        /* all that was asked has been told */
void aimer_close(struct aimer *a);                /* when senders and book are gone */

#endif
