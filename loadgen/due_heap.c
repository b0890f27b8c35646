/* due_heap.c - a binary heap by time, then by number, so that equal times keep their order on every machine. */
#include "loadgen/due_heap.h"

#include <stdbool.h>

static bool is_before(struct planned a, struct planned b)
{
    return a.at_ns != b.at_ns ? a.at_ns < b.at_ns : a.number < b.number;
}

void due_heap_add(struct due_heap *h, struct planned p)
{
    uint32_t at = h->count++;

    for (; at > 0 && is_before(p, h->first[(at - 1) / 2]); at = (at - 1) / 2)
        h->first[at] = h->first[(at - 1) / 2];
    h->first[at] = p;
}

struct planned due_heap_take(struct due_heap *h)
{
    struct planned top = h->first[0], last = h->first[--h->count];
    uint32_t at = 0;

    for (;;) {
        uint32_t child = 2 * at + 1;

        if (child >= h->count)
            break;
        if (child + 1 < h->count && is_before(h->first[child + 1], h->first[child]))
            child++;
        if (!is_before(h->first[child], last))
            break;
        h->first[at] = h->first[child];
        at = child;
    }
    h->first[at] = last;
    return top;
}
