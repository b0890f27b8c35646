/* workload.h - message number to sender, recipients, size: a pure function of (profile, number).
 *
 * Loads are numbered one after the other: load 0 owns 0 .. n0-1, load 1 the next, and so on; canaries and fences come
 * above the plan. Nobody stores the plan: senders, probes and the judge each ask what message 41 is. Also the moves of
 * all schedules in one list, whose index is the move's id. Immutable after workload_create(); any thread.
 */
#ifndef PROFILES_WORKLOAD_H
#define PROFILES_WORKLOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "profiles/profile.h"

#define MSG_RECIPIENTS_MAX 16
#define CANARIES_PER_LOAD  64
#define SEND_WINDOW_MAX    64

/* The streams of the run's seed, all of them, so that no two uses draw the same numbers. Loads add their index to the
 * paced ones, which therefore stand apart. */
enum workload_stream {
    STREAM_MESSAGE = 1,   /* counter: message number: sender, recipients, size, aim */
    STREAM_CONTENT,       /* counter: message number: what the body says */
    STREAM_CANARY,        /* counter: canary */
    STREAM_RUN,           /* keys and identities of seeded (simulated) runs */
    STREAM_COMPARED,      /* counter: message number: is its body read where not every one is */
    STREAM_AIM = 0x800,   /* + load; counter: move: adaptive aim */
    STREAM_PACE = 0x1000, /* + load; counter: index in the load */
};

struct msg {
    uint64_t number;
    uint32_t load; /* SITE_NONE: a canary */
    uint32_t from; /* mailbox index */
    uint32_t recipients;
    uint32_t to
        [MSG_RECIPIENTS_MAX]; /* mailbox indices, all different; of a canary: SITE_NONE (a known-bad address) */
    uint32_t body_bytes;
    uint32_t move;  /* aimed: the move's id; else SITE_NONE */
    int64_t aim_ns; /* aimed: planned time relative to the mark (priming: relative to the asking) */
    bool prime;
};

struct move_plan {
    uint32_t schedule;     /* index into profile->moves */
    uint32_t round, place; /* which round, which place within it */
    uint32_t mailbox, from, to;
    uint64_t
        at_ns; /* when its round begins; within a round the next starts when the one before it has ended */
};

struct workload {
    const struct profile *profile;
    uint64_t planned;  /* messages of all loads */
    uint64_t canaries; /* how many numbers above the plan are reserved */
    uint32_t stride;   /* slots per message: 1, or 2 x the largest recipient count */
    uint64_t *first;   /* per load, and planned at the end */
    struct move_plan *moves;
    uint32_t move_count;
    uint32_t **aimed_moves; /* per load: the moves it aims at */
    uint32_t *aimed_count;
};

struct workload *workload_create(struct arena *a, const struct profile *p, struct err *e);
struct msg workload_message(const struct workload *w,
                            uint64_t number); /* number < planned + canaries */
/* The same, in place; of `to` only the recipients are written. */
void workload_draw(const struct workload *w, uint64_t number, struct msg *m);
/* Have the recipients of this load an alternate, or may get one by an action? */
bool workload_alternates(const struct profile *p, uint32_t load);
/* Are there moves of the groups that this load writes to? */
bool workload_moves(const struct profile *p, uint32_t load);
/* Messages that this load may have in flight on one connection: one or two around moves, since a lost connection leaves
 * that many in doubt. 1..SEND_WINDOW_MAX. */
uint32_t workload_window(const struct profile *p, uint32_t load);
uint32_t workload_load_of(const struct workload *w, uint64_t number); /* SITE_NONE for canaries */

/* The planned times of a load that is not aimed, in order: an iterator, 5-20 ns a step. */
struct pace {
    const struct load_profile *load;
    uint64_t seed, index, count;
    double t_s; /* of the message before */
    uint32_t stream;
    bool slow; /* begins slowly */
};

#define SLOW_STAGE_NS (5 * NS_PER_S) /* slow start: rate / 2^SLOW_STAGES, doubled after so long */
#define SLOW_STAGES   5
/* Where a load begins slowly its plan is stretched by this. */
#define SLOW_EXTRA_NS (SLOW_STAGES * SLOW_STAGE_NS - SLOW_STAGE_NS * 31 / 32)
/* The time after its beginning at which a load that begins slowly has done what its plan has in the first t_s seconds. */
double pace_slow(double t_s);

void pace_begin(struct pace *p, const struct workload *w, uint32_t load);
uint64_t pace_next(
    struct pace *p); /* target ns of message first + index, then steps; NEVER_NS past the end */

#endif
