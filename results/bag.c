/* bag.c - a set of events: open addressing over a growing array, at most half full. */
#include "results/bag.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

#define FIRST_ROOM 64u

void bag_init(struct bag *b, uint32_t limit)
{
    *b = (struct bag){.limit = limit};
}

void bag_fini(struct bag *b)
{
    free(b->all);
    free(b->index);
    *b = (struct bag){0};
}

static uint32_t *place_of(const struct bag *b, const struct event *ev)
{
    uint32_t mask = 2 * b->room - 1;
    uint32_t at = (uint32_t)hash_fast(ev, sizeof *ev) & mask;

    while (b->index[at] && memcmp(&b->all[b->index[at] - 1], ev, sizeof *ev) != 0)
        at = (at + 1) & mask;
    return &b->index[at];
}

static bool grow(struct bag *b)
{
    uint32_t room = b->room ? 2 * b->room : FIRST_ROOM;
    uint32_t *index = calloc(2 * (size_t)room, sizeof *index);
    struct event *all = index ? realloc(b->all, room * sizeof *all) : NULL;

    if (!all) {
        free(index);
        return false;
    }
    free(b->index);
    b->all = all;
    b->index = index;
    b->room = room;
    for (uint32_t i = 0; i < b->count; i++)
        *place_of(b, &all[i]) = i + 1;
    return true;
}

void bag_add(struct bag *b, const struct event *ev)
{
    if (b->count == b->room && b->count < b->limit && !grow(b)) {
        b->full = true;
        return;
    }
    uint32_t *place = b->room ? place_of(b, ev) : NULL;

    if (place && *place)
        return;
    if (!place || b->count >= b->limit) {
        b->full = true;
        return;
    }
    b->all[b->count++] = *ev;
    *place = b->count;
}

void bag_merge(struct bag *b, const struct bag *from)
{
    for (uint32_t i = 0; i < from->count; i++)
        bag_add(b, &from->all[i]);
    b->full |= from->full;
}

#define ORDER(x, y) (((x) > (y)) - ((x) < (y)))

static int in_order(const void *left, const void *right)
{
    const struct event *a = left, *b = right;
    int order = ORDER(a->t_ns, b->t_ns);

    order = order ? order : ORDER(a->kind, b->kind);
    order = order ? order : ORDER(a->slot, b->slot);
    order = order ? order : ORDER(a->a, b->a);
    order = order ? order : ORDER(a->b, b->b);
    order = order ? order : ORDER(a->place, b->place);
    return order ? order : ORDER(a->code, b->code);
}

struct event *bag_sorted(const struct bag *b)
{
    struct event *copy = b->count ? malloc(b->count * sizeof *copy) : NULL;

    if (!copy)
        return NULL;
    memcpy(copy, b->all, b->count * sizeof *copy);
    qsort(copy, b->count, sizeof *copy, in_order);
    return copy;
}
