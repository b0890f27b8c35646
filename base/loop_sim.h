/* loop_sim.h - the simulated back end: one thread, a heap of events, a network drawn from a seed.
 *
 * Time jumps from event to event. Every byte written to a stream arrives at the other end after a latency drawn per
 * write (order within a direction kept), possibly in pieces, possibly not at all: a meddler may cut a connection after
 * any octet. After a cut, what had passed is delivered, then both ends read STREAM_BROKEN ("connection reset"). The same
 * seed and the same calls give the same run, byte for byte. loop_wake() runs the wake hooks as an event of its own.
 */
#ifndef BASE_LOOP_SIM_H
#define BASE_LOOP_SIM_H

#include "base/bytes.h"
#include "base/loop.h"

struct sim_flow {        /* one direction of one connection */
    uint32_t connection; /* counts from 1 in the order of connects */
    bool from_client;
    struct net_addr server; /* the address that was connected to */
    uint64_t passed;        /* octets of this direction that have passed already */
};

struct sim_meddler {
    /* How many octets of `bytes` may pass: all of them, or fewer, and then the connection is cut. */
    size_t (*pass)(struct sim_meddler *m, const struct sim_flow *flow, struct slice bytes);
    void *owner;
};

struct sim_config {
    uint64_t seed;
    uint64_t start_ns;                       /* what loop_now() says at first */
    uint64_t latency_min_ns, latency_max_ns; /* one way */
    uint32_t split_per_mille;                /* how often a delivery is split into two */
    size_t window; /* octets in flight per direction before STREAM_AGAIN; 0: 256 KiB */
    /* How often what is written takes up to so much longer, and all that follows it in that direction. */
    uint32_t stall_per_mille;
    uint64_t stall_ns;
    struct sim_meddler *meddler; /* NULL: nobody meddles */
};

struct loop *loop_sim_create(const struct sim_config *c, struct err *e);
uint64_t loop_sim_steps(const struct loop *l); /* events so far: to show that a run is bounded */
/* Stops loop_run() when simulated time would pass `at_ns`, so that a stuck run ends; true from loop_sim_timed_out(). */
void loop_sim_limit(struct loop *l, uint64_t at_ns);
bool loop_sim_timed_out(const struct loop *l);

#endif
