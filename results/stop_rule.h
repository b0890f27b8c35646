/* stop_rule.h - may a run end before its plan does, and does the settled account bear that out?
 *
 * Units are moves, in the order of their numbers. While the run goes on, a look over the ledger says of each move whether it
 * lost something (only what nothing can better any more counts, and, if the profile says so, what has been silent for long),
 * is fine so far, or is open; the rule reads them up to the first open one. A look decides when to stop and nothing else: the
 * verdict comes from the settled account, over which the rule is read again, so that a look that was wrong makes a run
 * INCONCLUSIVE and never PASS or FAIL. Pure but for the look's own tables; one thread at a time.
 */
#ifndef RESULTS_STOP_RULE_H
#define RESULTS_STOP_RULE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "results/ledger.h"
#include "results/manifest.h"
#include "results/stats.h"
#include "results/tally.h"

enum stop_rule { /* as in the manifest and in FIND_STOPPED */
                 STOP_NEVER,
                 STOP_CERTAIN, /* a gate is violated for good, or none can be by all that is left */
                 STOP_INTERVAL, /* the anytime interval lies below the higher rate or above the lower one */
                 STOP_SPRT,
                 STOP_RULE_COUNT
};

enum stop_end {
    STOP_GO_ON,
    STOP_LOW,  /* moves lose less often than the higher rate (SPRT: at most the lower one) */
    STOP_HIGH, /* moves lose more often than the lower rate (SPRT: at least the higher one) */
    STOP_FAIL, /* a gate is violated */
    STOP_PASS, /* whatever becomes of the rest of the plan, no gate can be violated */
    STOP_END_COUNT
};

const char *stop_rule_name(unsigned rule); /* "sprt"; "?" for others; so below */
const char *stop_end_name(unsigned end);

enum move_fate {
    FATE_OPEN,
    FATE_FINE,
    FATE_LOSING,
    FATE_VOID, /* it failed: it says nothing, and nobody waits for it */
};

struct stop_decision {
    enum stop_end end;
    uint32_t moves;         /* the moves 0 .. moves-1 were read */
    struct proportion seen; /* losing ones among those of them that say something */
    struct interval rate;   /* of losing moves; valid whenever one looks */
};

/* The first decision on the way counts: what comes after it is not read. STOP_CERTAIN and STOP_NEVER decide nothing here. */
struct stop_decision stop_decide(const struct manifest_stop *s, const uint8_t *fates,
                                 uint32_t count);

/* Classes that the gates of this manifest count: of these is a move losing. 1 << class. */
uint32_t stop_losses(const struct manifest *m);

struct stop_account { /* what gates count, of copies and moves of which the end is known */
    uint64_t classes[CLASS_COUNT], flags[FLAG_COUNT];
    uint64_t disproved;  /* moves */
    uint64_t open;       /* copies of the plan that may still become anything */
    uint64_t known;      /* all others */
    uint64_t moves_left; /* that may still come, and undo what is known of copies */
};

/* More of something than a gate allows, for certain. */
bool stop_is_violated(const struct manifest *m, const struct stop_account *certain);
/* No gate that can fail would, if all that is open became what it counts. */
bool stop_cannot_fail(const struct manifest *m, const struct stop_account *a);

/* --- while the run goes on ------------------------------------------------------------------------------------ */

struct stop_watch;

struct stop_watch *stop_watch_create(const struct manifest *m, struct err *e); /* NULL: no memory */
void stop_watch_destroy(struct stop_watch *w);                                 /* NULL is fine */
/* As of target time now_ns. What is fine and long over is not looked at again. A copy that is accepted and shows nowhere
 * counts as lost if it has been so for stop.silence_ns; where that is 0, once all places and queues were looked at completely
 * for longer than a queue waits between tries (or, unseen, than the lifetime), and late_ns. One that stands still in a
 * queue counts as stranded. false: out of memory. */
bool stop_look(struct stop_watch *w, const struct ledger *l, uint64_t now_ns,
               struct stop_decision *out, struct err *e);

/* --- when all is settled ----------------------------------------------------------------------------------------- */

struct stop_outcome {
    enum stop_rule rule;       /* the profile's */
    bool stopped;              /* it ended the run */
    enum stop_end claim;       /* what the look said then */
    uint32_t claim_moves;      /* after so many moves */
    struct stop_decision last; /* what the settled account says */
    bool holds; /* the claim, by the settled account (STOP_FAIL, STOP_HIGH: if it fails) */
};

/* false: out of memory. `fails`: a gate failed. */
bool stop_judge(struct stop_outcome *out, const struct ledger *l, const struct tally *t,
                bool fails);

/* FIND_STOPPED's a. */
static inline uint32_t stop_code(enum stop_rule rule, enum stop_end end)
{
    return (uint32_t)rule | (uint32_t)end << 8;
}

#endif
