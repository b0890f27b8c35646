/* muster.h - calls the roll: keeps every place that could hold a copy under watch, and says when silence is final.
 *
 * Places: each mailbox at its home, at every server it has been on or was to be moved to, alternates and originators
 * likewise, and every server's queues. Homes come from the home look-up, asked often while a mailbox is being moved, and
 * journalled (EV_HOME) when the directory's answer changes. Settling is a loop of queue waves and sweeps: double collect
 * (two complete waves over all queues with equal counters, nothing due, and, where entries stand still, further apart than
 * settle.retry), then a complete scan of every place begun after that instant. All on one loop; nothing blocks.
 */
#ifndef PROBES_MUSTER_H
#define PROBES_MUSTER_H

#include "probes/probe.h"

struct muster_context {
    struct probe_context probe;             /* correlate and queues: NULL, the muster makes them */
    const struct probe_ops *const *drivers; /* NULL: probe_table */
    void (*home_seen)(void *owner, uint32_t mailbox, uint32_t server,
                      uint64_t t_ns); /* a changed home; target time */
    void (*verified)(void *owner, uint32_t move, bool agrees);
    void (*canary_seen)(void *owner,
                        uint64_t number); /* the canary's failure report reached its originator */
    void *owner;
};

struct muster;

struct muster *muster_create(const struct muster_context *c, struct err *e);
void muster_destroy(struct muster *m); /* NULL is fine */
/* Looks up all homes, logs on everywhere, reads what is there already. armed() once: NULL, or what is wrong (EX_TARGET).
 * Three failures in a row of one place, or 30 s, are too many. The run clock may still be without its origin. */
void muster_arm(struct muster *m, void (*armed)(void *owner, const struct err *e));
/* Of a run that died and goes on, before muster_arm(): the mailbox has been there, or was to be moved there; home: there it
 * was found last. At its home it may be missing by now: that is no reason not to begin. */
void muster_recall(struct muster *m, uint32_t mailbox, uint32_t server, bool home);
void muster_move_begins(struct muster *m, uint32_t move);
/* Leads to one verified(): true once the look-up names the target, log-on works there, and the old home has no such mailbox
 * any more, all asked after the end; false when that has not come true within 60 s of target time, or 5 s. */
void muster_move_ended(struct muster *m, uint32_t move);
/* From now on nothing of ours sends or moves: settle until silence is final (settled(true): quiescent, and every place
 * covered) or muster_stop_settling(). Without sight of the queues, sweeps until
 * two further apart than settle.retry brought nothing new, and settled(false). settled() may settle again,
 * for instance after more canaries. */
void muster_settle(struct muster *m, void (*settled)(void *owner, bool final));
void muster_stop_settling(struct muster *m); /* deadline: settled(false) follows */
/* Every place and queue listing that ever failed, and its last failure in words. */
void muster_failures(const struct muster *m,
                     void (*told)(void *owner, uint32_t mailbox, uint32_t server, uint64_t failures,
                                  const char *why),
                     void *owner);

struct queue_now { /* a server's queues when they were last listed */
    bool known;
    uint32_t entries, due; /* due: another try is planned */
};

/* Of the servers below `count`, by index; those that nobody lists stay as they are. */
void muster_queues(const struct muster *m, struct queue_now *queues, uint32_t count);
uint64_t muster_queued(const struct muster *m); /* entries of all of them together */
const char *muster_waiting_for(const struct muster *m, char *out,
                               size_t room); /* "3 places, 2 queue entries due" */

#endif
