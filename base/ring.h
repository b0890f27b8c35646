/* ring.h - single-producer single-consumer ring of fixed records: the only path between threads.
 *
 * One thread pushes, one thread pops; neither ever waits. Records are copied. The reader is told to look by
 * loop_wake(), which the writer calls once per batch, not per record.
 */
#ifndef BASE_RING_H
#define BASE_RING_H

#include <stdbool.h>
#include <stddef.h>

struct ring;

struct ring *ring_create(size_t record_bytes, size_t capacity); /* capacity: a power of two */
void ring_destroy(struct ring *r);
bool ring_push(struct ring *r, const void *record); /* false: full */
bool ring_pop(struct ring *r, void *record);        /* false: empty */

#endif
