/* known.c - two hash tables; deletion rebuilds, since it is rare. */
#include "probes/known.h"

#include <stdlib.h>
#include <string.h>

#define LISTED_MAX (8u << 20)

static uint32_t spread(uint64_t key)
{
    return (uint32_t)((key * 0x9e3779b97f4a7c15ull) >> 32);
}

void known_init(struct known *k)
{
    memset(k, 0, sizeof *k);
}

void known_fini(struct known *k)
{
    free(k->entries);
    free(k->counts);
    free(k->listed);
    known_init(k);
}

void known_clear(struct known *k)
{
    known_fini(k);
}

static struct known_entry *entry_at(const struct known *k, uint32_t uid)
{
    uint32_t at = spread(uid) & (k->room - 1);

    while (k->entries[at].uid != 0 && k->entries[at].uid != uid)
        at = (at + 1) & (k->room - 1);
    return &k->entries[at];
}

static struct known_count *count_at(const struct known *k, uint64_t number)
{
    uint32_t at = spread(number + 1) & (k->counts_room - 1);

    while (k->counts[at].key != 0 && k->counts[at].key != number + 1)
        at = (at + 1) & (k->counts_room - 1);
    return &k->counts[at];
}

/* Moves the entries, all or those with the newest mark, into a table of `room`. */
static bool rebuild_entries(struct known *k, uint32_t room, bool marked_only)
{
    struct known_entry *old = k->entries;
    uint32_t old_room = k->room;

    k->entries = calloc(room, sizeof *k->entries);
    if (!k->entries) {
        k->entries = old;
        return false;
    }
    k->room = room;
    k->count = 0;
    for (uint32_t i = 0; i < old_room; i++)
        if (old[i].uid != 0 && (!marked_only || old[i].mark == k->mark)) {
            *entry_at(k, old[i].uid) = old[i];
            k->count++;
        }
    free(old);
    return true;
}

static bool grow_counts(struct known *k)
{
    struct known_count *old = k->counts;
    uint32_t old_room = k->counts_room;
    uint32_t room = old_room ? old_room * 2 : 64;

    k->counts = calloc(room, sizeof *k->counts);
    if (!k->counts) {
        k->counts = old;
        return false;
    }
    k->counts_room = room;
    for (uint32_t i = 0; i < old_room; i++)
        if (old[i].key != 0)
            *count_at(k, old[i].key - 1) = old[i];
    free(old);
    return true;
}

bool known_has(const struct known *k, uint32_t uid)
{
    return k->room > 0 && entry_at(k, uid)->uid == uid;
}

bool known_add(struct known *k, uint32_t uid, uint64_t number, bool corrupt, uint32_t *ordinal)
{
    *ordinal = 0;
    if (k->count * 2 >= k->room && !rebuild_entries(k, k->room ? k->room * 2 : 64, false))
        return false;
    if (number != KNOWN_OTHER) {
        if (k->messages * 2 >= k->counts_room && !grow_counts(k))
            return false;
        struct known_count *c = count_at(k, number);

        k->messages += c->key == 0;
        c->key = number + 1;
        *ordinal = ++c->copies;
    }
    *entry_at(k, uid) =
        (struct known_entry){.uid = uid, .mark = k->mark, .corrupt = corrupt, .number = number};
    k->count++;
    if (uid > k->last)
        k->last = uid;
    return true;
}

void known_list_begin(struct known *k)
{
    k->mark = (uint16_t)(k->mark == UINT16_MAX ? 1 : k->mark + 1);
    k->listed_count = 0;
}

bool known_list(struct known *k, uint32_t uid)
{
    struct known_entry *e = k->room > 0 ? entry_at(k, uid) : NULL;

    if (e && e->uid == uid) {
        e->mark = k->mark;
        return true;
    }
    if (k->listed_count == k->listed_room) {
        uint32_t room = k->listed_room ? k->listed_room * 2 : 1024;
        uint32_t *more = room <= LISTED_MAX ? realloc(k->listed, room * sizeof *more) : NULL;

        if (!more)
            return false;
        k->listed = more;
        k->listed_room = room;
    }
    k->listed[k->listed_count++] = uid;
    return true;
}

static int by_uid(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return x < y ? -1 : x > y;
}

static uint32_t tell_gone(struct known *k, const struct known_sweep *s)
{
    uint32_t went = 0;

    for (uint32_t i = 0; i < k->room; i++) {
        struct known_entry *e = &k->entries[i];

        if (e->uid == 0 || e->mark == k->mark)
            continue;
        went++;
        if (e->number == KNOWN_OTHER)
            continue;
        struct known_count *c = count_at(k, e->number);

        c->copies--;
        c->touched = 1; /* the next ordinal to give */
        s->gone(s->owner, e->number);
    }
    return went;
}

static void tell_left(struct known *k, const struct known_sweep *s)
{
    for (uint32_t i = 0; i < k->room; i++) {
        struct known_entry *e = &k->entries[i];

        if (e->uid == 0 || e->mark != k->mark || e->number == KNOWN_OTHER)
            continue;
        struct known_count *c = count_at(k, e->number);

        if (c->touched > 0)
            s->left(s->owner, e->number, c->touched++, e->corrupt);
    }
    for (uint32_t i = 0; i < k->counts_room; i++)
        k->counts[i].touched = 0;
}

uint32_t known_sweep(struct known *k, const struct known_sweep *s)
{
    uint32_t went = tell_gone(k, s);

    if (k->listed_count > 1)
        qsort(k->listed, k->listed_count, sizeof *k->listed, by_uid);
    if (went == 0)
        return 0;
    s->begin_left(s->owner);
    tell_left(k, s);
    (void)rebuild_entries(k, k->room, true); /* without memory they stay, and are swept again */
    return went;
}
