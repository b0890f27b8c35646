/* sim_pipe.h - one direction of a simulated connection: a ring of octets under way and arrived, kept at its far end.
 *
 * Only loop_sim.c includes it. The ring doubles up to the window of the network; small ones are kept for the next
 * connection. Octets are under way when put, and arrived once loop_sim.c has counted them as visible.
 */
#ifndef BASE_SIM_PIPE_H
#define BASE_SIM_PIPE_H

#include <stddef.h>
#include <stdint.h>

struct sim_pipe {
    unsigned char *ring; /* `room` octets, a power of two */
    size_t room, head;
    size_t held;      /* under way or arrived: the window counts these */
    size_t visible;   /* arrived, not read */
    uint64_t last_ns; /* the newest arrival: nothing overtakes it */
    uint64_t draws;   /* latencies drawn so far */
    uint64_t passed;  /* octets put so far */
};

void sim_pipe_put(struct sim_pipe *p, const unsigned char *from, size_t n);
void sim_pipe_take(struct sim_pipe *p, unsigned char *to, size_t n); /* at most what is visible */
void sim_pipe_reset(struct sim_pipe *p); /* empty, as new, with its ring if that is small */

#endif
