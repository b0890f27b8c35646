/* move.h - the controller of moves (schedules, concurrency, deadlines, marks) and the mover vtable and table.
 *
 * A move is observed, not believed: the mover says asked, copy, done or failed; MARK_FLIPPED comes from the home look-up
 * (moves_home()), MARK_VERIFIED or MARK_DISPROVED from look-up and log-on at both servers after it ended
 * (moves_verified()). Every mark is journalled (EV_MOVE) and told to `marked`. Also carries out the profile's actions
 * (changes of alternates, knobs, restarts) at their times. On one loop; nothing blocks.
 */
#ifndef LOADGEN_MOVE_H
#define LOADGEN_MOVE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/exec.h"
#include "base/http.h"
#include "base/loop.h"
#include "base/template.h"
#include "profiles/workload.h"
#include "results/event.h"
#include "results/journal.h"

struct moves_context {
    struct loop *loop;
    const struct run_clock *clock;
    const struct workload *work;
    struct journal *journal;
    struct http *http;
    struct exec *exec; /* NULL: exec movers and actions are refused at create */
    void (*marked)(void *owner, uint32_t move, enum move_mark mark,
                   uint64_t t_ns); /* target time */
    void (*over)(void *owner);     /* every move and action has ended */
    void *owner;
};

struct moves;

struct moves *moves_create(const struct moves_context *c, struct err *e);
void moves_destroy(struct moves *m); /* NULL is fine */
void moves_start(struct moves *m);   /* target time 0 is now */
void moves_stop(struct moves *m); /* begins no more; those under way run to their end or deadline */
bool moves_are_over(const struct moves *m);
void moves_home(struct moves *m, uint32_t mailbox, uint32_t server,
                uint64_t t_ns); /* the directory now names this home */
/* Look-up and log-on at both servers have been tried after the move ended. agrees: it lives at its target, and only there;
 * that confirms a mover that said done, and gives the lie to one that said failed. Each move that ended needs one: until
 * then it is not over, and its mailbox is not moved again. */
void moves_verified(struct moves *m, uint32_t move, bool agrees);
const char *moves_error(const struct moves *m, uint32_t move); /* the mover's words, or "" */
const char *moves_action_error(const struct moves *m, uint32_t action); /* why it failed, or "" */

/* A mover: one file, one row. Nothing blocks. A start that returned true leads to exactly one ended(), never from inside
 * start(), and the last thing that the mover does; one that returned false to none. After close() nothing is told. */
struct mover_job;

struct mover_events {
    void (*copying)(struct mover_job *j);
    void (*ended)(struct mover_job *j, bool done, const char *why); /* why: the mover's words */
};

struct mover_ops {
    const char *name, *help;
    /* Could this move be asked for as the profile says? Asked of every move before the run. */
    bool (*check)(const struct moves_context *c, const struct mover_profile *mover, uint32_t move,
                  struct err *e);
    bool (*start)(struct mover_job *j, struct err *e);
    void (*close)(
        struct mover_job *j); /* also of one that is still under way; NULL state is fine */
};

struct mover_job { /* one move by one mover */
    const struct mover_ops *ops;
    const struct mover_events *events;
    const struct moves_context *context;
    const struct mover_profile *mover;
    uint32_t move;
    void *owner; /* the controller's */
    void *state; /* the mover's */
};

extern const struct mover_ops mover_http, mover_exec;
extern const struct mover_ops *const movers[]; /* by enum mover_type; NULL-terminated */

/* Fills a template's {words} for this move: {mailbox} {address} {user} {from} {to} {control} {from_control} {to_control}
 * {id} {move}; {control} is the source's. false: an unknown word, or one without a value (id NULL: none yet). */
bool move_template(const struct workload *w, uint32_t move, const char *id, const char *text,
                   enum template_escape how, struct buf *out, struct err *e);

#endif
