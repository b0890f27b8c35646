/* tally.h - what the copies of a run add up to: by class, role, flag, load, move and phase, and their latencies.
 *
 * One thread at a time (it starts others by itself); the caller owns the storage (tally_init, tally_fini).
 */
#ifndef RESULTS_TALLY_H
#define RESULTS_TALLY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/hist.h"
#include "results/copies.h"
#include "results/pacing.h"
#include "results/sessions.h"

struct tally {
    uint64_t planned; /* copies that the manifest plans */
    uint64_t classes[CLASS_COUNT], primaries[CLASS_COUNT], flags[FLAG_COUNT];
    uint64_t certain[CLASS_COUNT];  /* of them: nothing can make it better any more */
    uint64_t lost_but_alternate;    /* silent-loss whose alternate was delivered */
    uint64_t excused;               /* might be late, but nobody watched when they may have come */
    uint64_t not_final;             /* attempted and owed copies without Z, whatever their class */
    uint64_t (*moves)[CLASS_COUNT]; /* per move of the manifest */
    uint64_t (*loads)[CLASS_COUNT]; /* per load */
    uint64_t phases[MOVE_PHASE_COUNT][CLASS_COUNT]; /* relative to the nearest move */
    uint64_t attempts, endings[END_ACCEPTED + 1];   /* per recipient that was tried */
    uint64_t open[CLASS_COUNT];                     /* sent, and not final: may change class */
    struct clue_counts received, attributed;        /* evidence folded; evidence judged */

    struct raw_counts { /* what the slots hold, whosever they are */
        uint64_t sent, accepted, found;
    } raw;

    uint64_t reports_unattributed; /* reports that name nothing of ours */
    struct hist accept, deliver, end_to_end, ndr,
        lateness; /* us; lateness real, the others target */

    struct pacing pacing; /* lateness, load by load */
    struct saturation saturation;
    struct session_sum *sessions; /* by load and server */
    uint32_t session_count;
    unsigned brakes; /* 1 << enum brake_why */
    uint8_t *trials; /* per server: 1 << enum trial_end, of trials of CHUNKING that did not pass */

    struct health {
        uint64_t canaries_sent, canaries_refused, canaries_reported;
        uint64_t
            loads_alive; /* loads whose path of reports was proven alive after the load began */
        uint64_t places, places_final; /* that could hold a copy; scanned since quiescence */
        uint64_t findings[FIND_COUNT];
        uint64_t strays; /* events that do not fit the manifest */
        uint64_t moves_asked, moves_done, moves_failed, moves_verified, moves_disproved;
        uint64_t
            moves_undone; /* planned, and not done: failed, never ended, never asked (unless stopped) */
        uint32_t torn, cut; /* journals that end in a torn block; whose torn end was cut off */
        uint64_t unwatched[UNWATCHED_COUNT],
            unwatched_ms[UNWATCHED_COUNT]; /* times; real ms in all */
        bool disturbed; /* by some of them the run was another than the one that was planned */
        bool overlong;  /* longer than the ledger's clock: later times are not known */
        bool ended, settled, waves_complete;
        bool stopped; /* by run.stop: what was left of the plan is not owed any more */
        bool
            windows_late; /* messages left later than the shortest time that the scenario relies on */
    } health;

    struct move_marks {
        uint64_t mark_ns[MARK_COUNT]; /* NEVER_NS: not passed */
    } * marks;
};

/* On as many threads as there are processors, where it is worth it; the same sums on any number. */
bool tally_run(struct tally *t, struct copies *c, struct err *e);
bool tally_run_on(struct tally *t, struct copies *c, uint32_t threads, struct err *e);
void tally_fini(struct tally *t);
/* Copies of which something is known that is not final: another copy or a report may still come. */
uint64_t tally_open_seen(const struct tally *t);
uint64_t tally_quantile(const struct hist *h, double q); /* never above what was seen */

#endif
