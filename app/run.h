/* run.h - one execution of one profile: phases arm, load, drain, settle, judge, on one loop, the desk.
 *
 * The desk moves mailboxes, probes, and walks the phases; senders, the ledger and the lab have threads of their own. In a
 * simulated world all of them share the given loop and nothing else changes. Several runs live side by side in one process.
 */
#ifndef APP_RUN_H
#define APP_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "app/book.h"
#include "base/arena.h"
#include "base/exec.h"
#include "base/loop.h"
#include "probes/muster.h"
#include "profiles/profile.h"
#include "results/event.h"
#include "results/so_far.h"

struct lab_host;
struct run;

struct world {            /* what differs between a real run and a simulated one */
    struct loop *shared;  /* simulated: everybody's loop; NULL: real */
    struct exec *exec;    /* simulated: a scripted one, or NULL */
    uint64_t run_id;      /* 0: drawn */
    uint64_t wall_ns;     /* simulated: Unix time when the load begins (resumed: now); 0: none */
    struct lab_host *lab; /* simulated: it outlives the run; NULL: the profile's is a part of it */
    bool no_sync;         /* journals without fdatasync */
};

struct run_options {
    const char *runs_dir;     /* where run folders go: results/runs */
    const char *run_dir;      /* this very folder instead; NULL: a fresh one below runs_dir */
    const char *resume;       /* the run that died in this folder goes on; NULL: a new one */
    const char *const *owned; /* domains that the user says are his, owned_count of them */
    uint32_t owned_count;
    bool watched; /* somebody looks at run_status(): it tells the classes so far, too */
    struct world world;
};

struct run_result {
    int exit_code;               /* enum exit_code; 130 interrupted */
    const char *dir;             /* the run's folder; "" if there is none */
    struct err error;            /* why there is no verdict, if there is none */
    const char *log;             /* what failed on the way, a line each; "" */
    struct judgement *judgement; /* NULL: none; the run's */
    struct ledger *ledger;       /* the run's */
    const struct manifest *manifest;
};

/* Takes the loaded profile; its lab part makes it start a lab. Nothing runs yet. */
struct run *run_create(struct profile *p, struct arena *a, const struct run_options *o,
                       struct err *e);
/* Real: walks all phases on this thread and returns when the verdict stands. Simulated: begins; the caller runs the shared
 * loop until run_has_ended(). */
void run_walk(struct run *r);
bool run_has_ended(const struct run *r);
/* Any thread: 1 = send no more, drain, settle and judge; 2 = stop now, flush, judge what is there. */
void run_interrupt(struct run *r, unsigned times);
struct run_result run_result(struct run *r); /* after the end; valid until run_destroy() */

#define STATUS_MOVES   8u
#define STATUS_SERVERS 16u

enum moving {
    MOVING_WAITING, /* not asked for yet */
    MOVING_ASKED,
    MOVING_COPYING,
    MOVING_FLIPPED,
    MOVING_DONE,   /* says the mover; not verified yet */
    MOVING_FAILED, /* says the mover, or its deadline */
    MOVING_VERIFIED,
    MOVING_DISPROVED,
    MOVING_COUNT
};

struct move_now {
    uint32_t move, mailbox, from, to;
    enum moving state;
    uint64_t asked_ns, flipped_ns; /* target time; NEVER_NS: not yet */
};

struct run_status { /* for people who watch; any one thread, while run_walk() runs on another */
    enum run_phase phase;
    struct book_counts counts;
    bool has_classes;
    struct so_far_classes so_far; /* copies, if nothing more came; a second old, or some more */
    uint32_t scale;
    uint64_t planned;                    /* messages */
    uint64_t load_planned[COUNTS_LOADS]; /* as counts.loads */
    uint64_t target_ns, plan_ends_ns;    /* now; when the last planned message and move are due */
    double rate, rate_planned;           /* messages per second of target time, just now */
    uint32_t moves_ended, moves, under_way;
    uint32_t move_states[MOVING_COUNT];
    struct move_now moves_now[STATUS_MOVES]; /* the first of those under way */
    struct queue_now queues[STATUS_SERVERS]; /* by server */
    uint64_t verdict_in_ns;                  /* real, at most; NEVER_NS: nobody can say yet */
    uint64_t settles_ns;                     /* real: settling takes no longer than that */
    char waiting_for[120];
};

const char *run_phase_name(enum run_phase p);
const char *moving_name(enum moving s);
bool run_status(struct run *r, struct run_status *s); /* false: nothing new */
/* Its thread died: senders are stopped and joined, and whoever asks the owner, as long as the resolver takes; journals are closed.
 * Nothing else of it is touched again, nor destroyed. */
void run_abandon(struct run *r);
void run_destroy(struct run *r); /* NULL is fine */

#endif
