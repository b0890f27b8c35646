/* due_heap.h - messages that are planned one by one, the earliest first. Its owner makes the room. */
#ifndef LOADGEN_DUE_HEAP_H
#define LOADGEN_DUE_HEAP_H

#include <stdint.h>

struct planned {
    uint64_t at_ns; /* loop time */
    uint64_t number;
};

struct due_heap {
    struct planned *first; /* [0] is the earliest; room for all that will ever be planned */
    uint32_t count;
};

void due_heap_add(struct due_heap *h, struct planned p);
struct planned due_heap_take(struct due_heap *h); /* the earliest; there is one */

#endif
