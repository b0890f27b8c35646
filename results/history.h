/* history.h - what the site was like at any time, as observed: homes, alternates, moves. Built once per judgement.
 *
 * Plain sorted tables; immutable afterwards.
 */
#ifndef RESULTS_HISTORY_H
#define RESULTS_HISTORY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "results/classify.h"
#include "results/ledger.h"

#define MOVE_REACH_NS (600ull * 1000000000) /* a copy further from every move belongs to none */

enum move_phase {
    MOVE_OUTSIDE, /* near no move */
    MOVE_BEFORE,
    MOVE_ASKED, /* asked, copying not begun */
    MOVE_COPYING,
    MOVE_FLIPPED, /* the directory names the new home, the mover has not ended */
    MOVE_AFTER,
    MOVE_PHASE_COUNT
};

const char *move_phase_name(enum move_phase p);

struct history;

struct history *history_create(const struct ledger *l, struct err *e);
void history_destroy(struct history *h); /* NULL is fine */

/* The newest home that a directory named, else the manifest's; NO_INDEX: unknown. */
uint32_t history_home(const struct history *h, uint32_t mailbox);
/* Every server the mailbox was on or was to be moved to, each once, ascending. */
uint32_t history_servers(const struct history *h, uint32_t mailbox, const uint32_t **servers);
bool history_is_alternate(const struct history *h, uint32_t mailbox); /* of anybody, ever */

struct alternates {        /* of one recipient, for a message accepted at some time */
    enum owed primary;     /* BARRED: a settled redirect; ALLOWED: just after a change */
    enum owed alternate;   /* OWED, ALLOWED, or BARRED: none is set */
    uint32_t mailbox;      /* the alternate that counts; NO_INDEX: none */
    uint32_t first, count; /* the configurations in force around that time */
};

/* Deferred: delivery was asked for no earlier than so long after t, and the alternate of any time until then may count. */
struct alternates history_alternates(const struct history *h, uint32_t recipient, uint64_t t_ns,
                                     uint64_t deferred_ns);
/* What a copy in `mailbox` means for that recipient: OWED or ALLOWED if it is an alternate in force, BARRED if it was one
 * at another time, false if never. */
bool history_role(const struct history *h, uint32_t recipient, const struct alternates *now,
                  uint32_t mailbox, enum owed *role);
/* Every alternate the recipient ever had: calls each(owner, alternate). */
void history_each_alternate(const struct history *h, uint32_t recipient,
                            void (*each)(void *owner, uint32_t alternate), void *owner);

struct nearest_move {
    uint32_t move; /* NO_INDEX: none within reach */
    enum move_phase phase;
    int64_t phase_ns; /* since it was asked for; negative before */
    bool during;      /* between asked and ended */
};

bool history_is_moved(const struct history *h, uint32_t mailbox); /* somebody ever asked for it */
struct nearest_move history_move(const struct history *h, uint32_t mailbox, uint64_t t_ns);
/* How much of [from_ns, to_ns] the mailbox was on the move, asked to ended. */
uint64_t history_moving(const struct history *h, uint32_t mailbox, uint64_t from_ns,
                        uint64_t to_ns);
/* The newest of a mailbox's marks of moving; 0: none; NEVER_NS: the run died during a move, and nobody knows how that ended. */
uint64_t history_last_moved(const struct history *h, uint32_t mailbox);

/* How much of [from_ns, to_ns] nobody of ours watched. */
uint64_t history_unwatched(const struct history *h, uint64_t from_ns, uint64_t to_ns);
bool history_move_is_unverified(const struct history *h,
                                uint32_t move); /* asked for; neither verified nor disproved */
bool history_resumed(const struct history *h);  /* the run died, and was resumed */
/* A sighting of epoch `seen` is void since epoch `reset` (both plus one), and the two lie on either side of a death. */
bool history_died_between(const struct history *h, uint32_t seen, uint32_t reset);
/* Torn ends of journals that were cut off when the run was resumed. */
uint32_t history_cut(const struct history *h);

#endif
