/* account.h - what a sender's thread writes down: events in its journal, and how its connections came up.
 *
 * Noting costs a copy of 32 bytes; blocks are written when they are full and at most 100 ms after their first event. How
 * connections came up is counted, and noted with that timer and at the end, never per connection. Without a journal
 * nothing is kept at all, which exists for the bench that shows what keeping an account costs. One thread, the sender's.
 */
#ifndef LOADGEN_ACCOUNT_H
#define LOADGEN_ACCOUNT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/loop.h"
#include "results/event.h"
#include "results/journal.h"

struct session_count { /* connections of one load that came up alike */
    uint32_t load, code, count, told;
    uint16_t server;
};

struct account {
    struct loop *loop;
    const struct run_clock *clock;
    struct journal *journal; /* NULL: nothing is kept */
    uint32_t thread;
    bool over; /* a write failed, or it was closed: nothing is noted any more */
    bool sessions_changed;
    struct timer flush;
    struct session_count *sessions;
    uint32_t kinds, room;
};

/* For the loads of one thread. false: out of memory. */
bool account_init(struct account *a, struct loop *l, const struct run_clock *clock,
                  struct journal *journal, uint32_t thread, uint32_t loads);
void account_fini(struct account *a); /* zeroed is fine */

uint64_t account_now(const struct account *a); /* target time */
void account_note(struct account *a, const struct event *ev);
bool account_commit(struct account *a); /* all of it is written; false: it is over */
/* A connection came up; code: event_sessions(). */
void account_session(struct account *a, uint32_t load, uint16_t server, uint32_t code);
void account_close(struct account *a); /* the journal may be closed after this */

#endif
