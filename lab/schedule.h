/* schedule.h - the one heap of the lab: everything that will happen, in a total order.
 *
 * Key: time, then class (directory writes, move phases, deliveries, arrivals), then the order in which it was asked for.
 * A `struct due` lives in its owner and waits at most once; cancelling is exact, so nothing stale ever fires.
 */
#ifndef LAB_SCHEDULE_H
#define LAB_SCHEDULE_H

#include <stddef.h>
#include <stdint.h>

enum due_class {
    DUE_DIRECTORY,
    DUE_MOVE,
    DUE_DELIVERY,
    DUE_ARRIVAL,
};

struct due {
    void (*fire)(struct due *d, uint64_t now_ns);
    void (*drop)(struct due *d); /* frees it if it still waits at the end; NULL: its owner does */
    void *owner;
    size_t place; /* 0: does not wait */
};

struct schedule_entry {
    uint64_t at_ns, order;
    struct due *due;
};

struct schedule {
    struct schedule_entry *heap; /* from 1 */
    size_t n, room;
    uint64_t asked;
};

void schedule_init(struct schedule *s);
void schedule_fini(struct schedule *s); /* drops what still waits */
void schedule_at(struct schedule *s, struct due *d, uint64_t at_ns, enum due_class class_);
void schedule_cancel(struct schedule *s, struct due *d); /* fine if it does not wait */
uint64_t schedule_next_ns(const struct schedule *s);     /* NEVER_NS: nothing waits */
struct due *schedule_take(struct schedule *s, uint64_t until_ns,
                          uint64_t *at_ns); /* the first one due; NULL: none by then */

/* Memory of the simulated machine itself: zeroed; running out of it is not part of the model, so it is an assertion. */
void *lab_memory(void *old, size_t old_bytes, size_t new_bytes);

#endif
