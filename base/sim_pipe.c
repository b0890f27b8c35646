/* sim_pipe.c - the ring behind one direction of a simulated connection. Memory that runs out is asserted. */
#include "base/sim_pipe.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"

#define RING_BYTES 1024  /* at first; doubles */
#define RING_KEEP  65536 /* a larger one is given back at the reset */

static void ring_grow(struct sim_pipe *p, size_t needed)
{
    size_t room = p->room ? p->room : RING_BYTES;

    while (room < needed)
        room *= 2;
    unsigned char *ring = malloc(room);
    PM_ASSERT(ring);
    size_t first = p->room - p->head < p->held ? p->room - p->head : p->held;
    if (p->held > 0) {
        memcpy(ring, p->ring + p->head, first);
        memcpy(ring + first, p->ring, p->held - first);
    }
    free(p->ring);
    p->ring = ring;
    p->room = room;
    p->head = 0;
}

void sim_pipe_put(struct sim_pipe *p, const unsigned char *from, size_t n)
{
    if (n == 0)
        return;
    if (p->held + n > p->room)
        ring_grow(p, p->held + n);
    size_t at = (p->head + p->held) & (p->room - 1);
    size_t first = p->room - at < n ? p->room - at : n;
    memcpy(p->ring + at, from, first);
    memcpy(p->ring, from + first, n - first);
    p->held += n;
}

void sim_pipe_take(struct sim_pipe *p, unsigned char *to, size_t n)
{
    size_t first = p->room - p->head < n ? p->room - p->head : n;

    PM_ASSERT(n <= p->visible);
    memcpy(to, p->ring + p->head, first);
    memcpy(to + first, p->ring, n - first);
    p->head = (p->head + n) & (p->room - 1);
    p->held -= n;
    p->visible -= n;
}

void sim_pipe_reset(struct sim_pipe *p)
{
    unsigned char *ring = p->ring;
    size_t room = p->room;

    if (room > RING_KEEP) {
        free(ring);
        ring = NULL;
        room = 0;
    }
    *p = (struct sim_pipe){.ring = ring, .room = room};
}
