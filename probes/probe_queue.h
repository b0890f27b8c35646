/* probe_queue.h - listings of queues, shared by the probes of all servers that one request or command lists.
 *
 * Every listing has a number, its wave. Those that a probe asks for by itself are journalled in part: entries that are new,
 * or were tried again, and a wave that is not complete. Those that were asked for (probe_ops.scan) are journalled whole,
 * with a complete wave, under the number that probe_queues_wave() gave before.
 */
#ifndef PROBES_PROBE_QUEUE_H
#define PROBES_PROBE_QUEUE_H

#include "probes/probe.h"

struct probe_queues;

struct probe_queues *probe_queues_create(void);     /* NULL: out of memory */
void probe_queues_destroy(struct probe_queues *qs); /* after its probes; NULL is fine */
/* The driver that lists queues so; NULL: the one that says of a server that it has none. */
const struct probe_ops *probe_queue_ops(const struct probe_profile *how);
/* So many waves there were before this process began: numbers go on from there. */
void probe_queues_used(struct probe_queues *qs, uint32_t waves);
/* Begins a wave: the number of all listings asked for from now on. */
uint32_t probe_queues_wave(struct probe_queues *qs);

#endif
