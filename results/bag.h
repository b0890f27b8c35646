/* bag.h - a set of events: the same event twice is one. For what is rare and wanted whole: homes, waves, findings. */
#ifndef RESULTS_BAG_H
#define RESULTS_BAG_H

#include <stdbool.h>
#include <stdint.h>

#include "results/event.h"

struct bag {
    struct event *all; /* in order of arrival; bag_sort() for an order that does not depend on it */
    uint32_t count, room, limit;
    uint32_t *index; /* hash table of 1 + place in `all` */
    bool full;       /* a new event came beyond the limit, or memory is out */
};

void bag_init(struct bag *b, uint32_t limit); /* zeroed would mean: takes nothing */
void bag_fini(struct bag *b);
void bag_add(struct bag *b, const struct event *ev);
void bag_merge(struct bag *b, const struct bag *from);
/* A sorted copy (by t, then all other fields), malloc'ed, of bag->count events; NULL: none, or no memory. */
struct event *bag_sorted(const struct bag *b);

#endif
