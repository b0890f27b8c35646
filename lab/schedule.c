/* schedule.c - a binary heap that knows where each of its members is. */
#include "lab/schedule.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"

#define CLASS_SHIFT 60

void *lab_memory(void *old, size_t old_bytes, size_t new_bytes)
{
    unsigned char *p = realloc(old, new_bytes > 0 ? new_bytes : 1);

    PM_MEMORY(p);
    if (new_bytes > old_bytes)
        memset(p + old_bytes, 0, new_bytes - old_bytes);
    return p;
}

void schedule_init(struct schedule *s)
{
    *s = (struct schedule){0};
}

void schedule_fini(struct schedule *s)
{
    for (size_t i = 1; i <= s->n; i++) {
        struct due *d = s->heap[i].due;

        d->place = 0;
        if (d->drop)
            d->drop(d);
    }
    free(s->heap);
    *s = (struct schedule){0};
}

static bool is_before(const struct schedule_entry *a, const struct schedule_entry *b)
{
    return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->order < b->order;
}

static void put(struct schedule *s, size_t place, struct schedule_entry e)
{
    s->heap[place] = e;
    e.due->place = place;
}

static void rise(struct schedule *s, size_t place, struct schedule_entry e)
{
    while (place > 1 && is_before(&e, &s->heap[place / 2])) {
        put(s, place, s->heap[place / 2]);
        place /= 2;
    }
    put(s, place, e);
}

static void sink(struct schedule *s, size_t place, struct schedule_entry e)
{
    while (place * 2 <= s->n) {
        size_t child = place * 2;

        if (child < s->n && is_before(&s->heap[child + 1], &s->heap[child]))
            child++;
        if (!is_before(&s->heap[child], &e))
            break;
        put(s, place, s->heap[child]);
        place = child;
    }
    put(s, place, e);
}

void schedule_cancel(struct schedule *s, struct due *d)
{
    size_t place = d->place;

    if (place == 0)
        return;
    d->place = 0;
    struct schedule_entry last = s->heap[s->n--];

    if (place > s->n)
        return;
    if (place > 1 && is_before(&last, &s->heap[place / 2]))
        rise(s, place, last);
    else
        sink(s, place, last);
}

void schedule_at(struct schedule *s, struct due *d, uint64_t at_ns, enum due_class class_)
{
    schedule_cancel(s, d);
    if (at_ns == NEVER_NS)
        return;
    if (s->n + 1 >= s->room) {
        size_t room = s->room ? s->room * 2 : 64;

        s->heap = lab_memory(s->heap, s->room * sizeof *s->heap, room * sizeof *s->heap);
        s->room = room;
    }
    rise(s, ++s->n,
         (struct schedule_entry){
             .at_ns = at_ns, .order = ((uint64_t)class_ << CLASS_SHIFT) | s->asked++, .due = d});
}

uint64_t schedule_next_ns(const struct schedule *s)
{
    return s->n ? s->heap[1].at_ns : NEVER_NS;
}

struct due *schedule_take(struct schedule *s, uint64_t until_ns, uint64_t *at_ns)
{
    if (s->n == 0 || s->heap[1].at_ns > until_ns)
        return NULL;
    struct due *d = s->heap[1].due;

    *at_ns = s->heap[1].at_ns;
    schedule_cancel(s, d);
    return d;
}
