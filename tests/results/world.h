/* world.h - a small site and its events, for tests of the ledger and the judgement.
 *
 * Three servers (s0 s1 s2); mailboxes bob (0, home s0), bob-alt (1, s2), ann (2, s2, sends), eve (3, s1). One load of
 * `messages` from ann to bob, stride 2. One planned move of bob from s0 to s1. Tests change the manifest before begin().
 */
#ifndef TESTS_RESULTS_WORLD_H
#define TESTS_RESULTS_WORLD_H

#include "base/clock.h"
#include "results/copies.h"
#include "results/judge.h"

enum { BOB, BOB_ALT, ANN, EVE };

#define S(n)         ((uint64_t)((n)*1e9)) /* seconds in ns */
#define WORLD_MOVES  3
#define WORLD_EVENTS 4096

struct world {
    struct manifest m;
    const char *servers[3];
    struct manifest_mailbox boxes[4];
    struct manifest_load loads[2];
    struct manifest_move moves[WORLD_MOVES];
    struct manifest_gate gates[4];
    struct event events[WORLD_EVENTS]; /* all that were added, in order */
    uint32_t count;
    struct ledger *ledger;
    struct copies *copies;
    struct judgement *judgement;
};

void world_init(struct world *w, uint64_t messages);
void world_alternate(struct world *w, bool both); /* bob has bob-alt from the start */
void world_fini(struct world *w);

void add(struct world *w, struct event ev);
void sent(struct world *w, uint64_t number, double t); /* to bob by s2 */
void ended(struct world *w, uint64_t number, double t, enum ending k);
void accepted(struct world *w, uint64_t number, double t); /* sent at t, accepted 10 ms later */
void seen(struct world *w, uint64_t number, double t, uint32_t server, uint32_t mailbox,
          uint32_t epoch);
void reported(struct world *w, uint64_t number, double t, uint32_t about, uint32_t print);
void moved(struct world *w, uint32_t move, double asked, double flipped, double done);
/* Double collect at t: waves on all servers, quiescence, complete scans of every place, canary reported, the run's end. */
void settle(struct world *w, double t);
void settle_but(struct world *w, double t, uint32_t no_scan_of); /* a mailbox that is not scanned */
void ends(struct world *w, double t);

/* The judgement of the events so far, by a fresh ledger. */
const struct judgement *judged(struct world *w);
/* The copy of a message in a role; the ledger must have been judged. */
const struct copy *copy_of(struct world *w, uint64_t number, bool alternate);
enum outcome outcome_of(struct world *w, uint64_t number); /* of the primary, judging afresh */

#endif
