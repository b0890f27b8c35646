/* post.h - short messages between the desk (phases, moves, probes) and the threads that work for it.
 *
 * A line is a pair of rings; whoever posts wakes the other's loop once. In a simulated run both ends are the same loop and
 * nothing else changes. One thread at each end.
 */
#ifndef APP_POST_H
#define APP_POST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/loop.h"
#include "base/ring.h"

struct post {
    uint32_t kind; /* the line's own enum */
    uint32_t a;
    uint64_t b, c;
};

struct post_end { /* one direction */
    struct ring *ring;
    struct loop *reader;
    struct hook hook;
    void (*take)(void *owner, const struct post *p);
    void *owner;
};

/* The reader's loop runs take() for every post; called before either side posts. */
bool post_open(struct post_end *e, struct loop *reader,
               void (*take)(void *owner, const struct post *p), void *owner, struct err *err);
void post_close(
    struct post_end *e); /* on the reader's thread, or when it has ended; zeroed is fine */
bool post_next(struct post_end *e,
               struct post *p); /* the reader takes one by hand; false: none waits */
bool post_send(struct post_end *e,
               const struct post *p); /* the writer's thread; false: 4,096 are waiting */

#endif
