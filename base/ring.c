/* ring.c - single-producer single-consumer ring of fixed records.
 *
 * `pushed` is written by the producer, `popped` by the consumer; both count records since the start and never wrap in
 * practice (2^64). Each side has a cache line of its own and remembers what it last saw of the other, so that the lines
 * travel between the cores once per batch and not per record. A release by one side makes the record visible to the
 * acquire of the other; nothing else is ordered.
 */
#include "base/ring.h"

#include <stdalign.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

#define LINE_BYTES 64

struct ring {
    alignas(LINE_BYTES) _Atomic uint64_t pushed;
    uint64_t popped_seen; /* the producer's */
    alignas(LINE_BYTES) _Atomic uint64_t popped;
    uint64_t pushed_seen; /* the consumer's */
    alignas(LINE_BYTES) size_t record_bytes;
    size_t capacity;
    unsigned char *records;
};

struct ring *ring_create(size_t record_bytes, size_t capacity)
{
    struct ring *r = NULL;

    PM_ASSERT(record_bytes > 0 && capacity > 0 && (capacity & (capacity - 1)) == 0);
    unsigned char *records = calloc(capacity, record_bytes);
    if (records)
        r = aligned_alloc(LINE_BYTES, sizeof *r);
    if (!r) {
        free(records);
        return NULL;
    }
    memset(r, 0, sizeof *r);
    atomic_init(&r->pushed, 0);
    atomic_init(&r->popped, 0);
    r->record_bytes = record_bytes;
    r->capacity = capacity;
    r->records = records;
    return r;
}

void ring_destroy(struct ring *r)
{
    if (!r)
        return;
    free(r->records);
    free(r);
}

static unsigned char *record_at(const struct ring *r, uint64_t number)
{
    return r->records + (number & (r->capacity - 1)) * r->record_bytes;
}

bool ring_push(struct ring *r, const void *record)
{
    uint64_t at = atomic_load_explicit(&r->pushed, memory_order_relaxed);

    if (at - r->popped_seen == r->capacity) {
        r->popped_seen = atomic_load_explicit(&r->popped, memory_order_acquire);
        if (at - r->popped_seen == r->capacity)
            return false;
    }
    memcpy(record_at(r, at), record, r->record_bytes);
    atomic_store_explicit(&r->pushed, at + 1, memory_order_release);
    return true;
}

bool ring_pop(struct ring *r, void *record)
{
    uint64_t at = atomic_load_explicit(&r->popped, memory_order_relaxed);

    if (at == r->pushed_seen) {
        r->pushed_seen = atomic_load_explicit(&r->pushed, memory_order_acquire);
        if (at == r->pushed_seen)
            return false;
    }
    memcpy(record, record_at(r, at), r->record_bytes);
    atomic_store_explicit(&r->popped, at + 1, memory_order_release);
    return true;
}
