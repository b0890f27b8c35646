/* sessions.h - how the connections of each load came up: a join over EV_SESSIONS, and what it adds up to.
 *
 * One row per (thread, server, load, kind) keeps the largest count, so that order and repetition cannot matter. The table
 * is bounded: of more rows than a run can have, those with the smallest keys stay, whatever came first. One thread at a time.
 */
#ifndef RESULTS_SESSIONS_H
#define RESULTS_SESSIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "results/event.h"

#define SESSION_ROWS_MAX 16384u

struct session_row {
    uint64_t thread;
    uint32_t load, code;    /* event_sessions() */
    uint32_t count, server; /* no padding: rows are compared as memory */
};

struct sessions {            /* zeroed: empty */
    struct session_row *row; /* sorted by load, server, code, thread */
    uint32_t count, room;
    bool out_of_memory;
};

void sessions_fini(struct sessions *s);
void sessions_add(struct sessions *s, const struct event *ev); /* an EV_SESSIONS */
void sessions_merge(struct sessions *s, const struct sessions *from);

struct session_sum { /* the connections of a load at one server */
    uint32_t load, server;
    uint64_t connections, tls, resumed;
    uint64_t lockstep, pipelining, chunking; /* how far they could run ahead: each in one of them */
    uint64_t reset, lmtp, p1;
    uint32_t window; /* the largest that chunking used */
};

/* malloc'ed, by load and server, *count of them. NULL: none, or (false in *ok) no memory. */
struct session_sum *sessions_sum(const struct sessions *s, uint32_t *count, bool *ok);

#endif
