/* known.c - what is known in order of arrival, and two hash tables of places; deletion rebuilds one, since it is rare.
 *
 * UIDs and message numbers come nearly in order: sixteen neighbours share a line of a table's memory.
 */
#include "probes/known.h"

#include <stdlib.h>
#include <string.h>

#define LISTED_MAX (8u << 20)
#define COUNT_MAX  (1u << 30)
#define NO_MESSAGE UINT32_MAX
#define BLOCK      16u
#define ROOM_LEAST 64u

void known_init(struct known *k)
{
    memset(k, 0, sizeof *k);
}

void known_fini(struct known *k)
{
    free(k->entries);
    free(k->messages);
    free(k->by_uid.places);
    free(k->by_number.places);
    free(k->listed);
    known_init(k);
}

void known_clear(struct known *k)
{
    known_fini(k);
}

/* ---- tables ---- */

static uint32_t home_of(const struct known_index *x, uint64_t key)
{
    uint32_t block = (uint32_t)((key / BLOCK * 0x9e3779b97f4a7c15ull) >> 32);

    return (block * BLOCK + (uint32_t)(key % BLOCK)) & (x->room - 1);
}

/* Where the UID's place stands, or is to be put. */
static uint32_t *uid_slot(const struct known *k, uint32_t uid)
{
    const struct known_index *x = &k->by_uid;
    uint32_t at = home_of(x, uid);

    while (x->places[at] != 0 && k->entries[x->places[at] - 1].uid != uid)
        at = (at + 1) & (x->room - 1);
    return &x->places[at];
}

static uint32_t *number_slot(const struct known *k, uint64_t number)
{
    const struct known_index *x = &k->by_number;
    uint32_t at = home_of(x, number);

    while (x->places[at] != 0 && k->messages[x->places[at] - 1].number != number)
        at = (at + 1) & (x->room - 1);
    return &x->places[at];
}

static void fill_uids(struct known *k)
{
    for (uint32_t i = 0; i < k->count; i++)
        *uid_slot(k, k->entries[i].uid) = i + 1;
}

static void fill_numbers(struct known *k)
{
    for (uint32_t i = 0; i < k->message_count; i++)
        *number_slot(k, k->messages[i].number) = i + 1;
}

/* Room for one more of `count`, a table never more than half full. */
static bool make_room(struct known *k, struct known_index *x, uint32_t count,
                      void (*fill)(struct known *k))
{
    uint32_t room = x->room ? x->room * 2 : ROOM_LEAST;

    if (count < x->room / 2)
        return true;
    uint32_t *places = calloc(room, sizeof *places);

    if (!places)
        return false;
    free(x->places);
    *x = (struct known_index){places, room};
    fill(k);
    return true;
}

static bool room_for_entry(struct known *k)
{
    if (k->count == k->room) {
        uint32_t room = k->room ? k->room * 2 : ROOM_LEAST;
        struct known_entry *more =
            room <= COUNT_MAX ? realloc(k->entries, room * sizeof *more) : NULL;

        if (!more)
            return false;
        k->entries = more;
        k->room = room;
    }
    return make_room(k, &k->by_uid, k->count, fill_uids);
}

static bool room_for_message(struct known *k)
{
    if (k->message_count == k->message_room) {
        uint32_t room = k->message_room ? k->message_room * 2 : ROOM_LEAST;
        struct known_message *more =
            room <= COUNT_MAX ? realloc(k->messages, room * sizeof *more) : NULL;

        if (!more)
            return false;
        k->messages = more;
        k->message_room = room;
    }
    return make_room(k, &k->by_number, k->message_count, fill_numbers);
}

/* ---- what is known ---- */

static struct known_entry *find_entry(const struct known *k, uint32_t uid)
{
    if (k->count == 0 || uid > k->last) /* mail that comes: not looked for */
        return NULL;
    uint32_t place = *uid_slot(k, uid);

    return place > 0 ? &k->entries[place - 1] : NULL;
}

bool known_has(const struct known *k, uint32_t uid)
{
    return find_entry(k, uid) != NULL;
}

bool known_add(struct known *k, uint32_t uid, uint64_t number, bool corrupt, uint32_t *ordinal)
{
    struct known_entry e = {.uid = uid, .message = NO_MESSAGE, .mark = k->mark, .corrupt = corrupt};

    *ordinal = 0;
    if (!room_for_entry(k))
        return false;
    if (number != KNOWN_OTHER) {
        if (!room_for_message(k))
            return false;
        uint32_t *slot = number_slot(k, number);

        if (*slot == 0) {
            k->messages[k->message_count] = (struct known_message){.number = number};
            *slot = ++k->message_count;
        }
        e.message = *slot - 1;
        *ordinal = ++k->messages[e.message].copies;
    }
    k->entries[k->count++] = e;
    *uid_slot(k, uid) = k->count;
    if (uid > k->last)
        k->last = uid;
    return true;
}

void known_corrupt(struct known *k, uint32_t uid)
{
    struct known_entry *e = find_entry(k, uid);

    if (e)
        e->corrupt = true;
}

/* ---- listings ---- */

void known_list_begin(struct known *k)
{
    k->mark = (uint16_t)(k->mark == UINT16_MAX ? 1 : k->mark + 1);
    k->listed_count = 0;
    k->listed_mixed = false;
}

bool known_list(struct known *k, uint32_t uid)
{
    struct known_entry *e = find_entry(k, uid);

    if (e) {
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
    k->listed_mixed |= k->listed_count > 0 && uid <= k->listed[k->listed_count - 1];
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

    for (uint32_t i = 0; i < k->count; i++) {
        const struct known_entry *e = &k->entries[i];

        if (e->mark == k->mark)
            continue;
        went++;
        if (e->message == NO_MESSAGE)
            continue;
        struct known_message *m = &k->messages[e->message];

        m->copies--;
        m->touched = 1; /* the next ordinal to give */
        s->gone(s->owner, m->number);
    }
    return went;
}

static void tell_left(struct known *k, const struct known_sweep *s)
{
    for (uint32_t i = 0; i < k->count; i++) {
        const struct known_entry *e = &k->entries[i];

        if (e->mark != k->mark || e->message == NO_MESSAGE)
            continue;
        struct known_message *m = &k->messages[e->message];

        if (m->touched > 0)
            s->left(s->owner, m->number, m->touched++, e->corrupt);
    }
    for (uint32_t i = 0; i < k->message_count; i++)
        k->messages[i].touched = 0;
}

static void keep_marked(struct known *k)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < k->count; i++)
        if (k->entries[i].mark == k->mark)
            k->entries[kept++] = k->entries[i];
    k->count = kept;
    memset(k->by_uid.places, 0, k->by_uid.room * sizeof *k->by_uid.places);
    fill_uids(k);
}

uint32_t known_sweep(struct known *k, const struct known_sweep *s)
{
    uint32_t went = tell_gone(k, s);

    if (k->listed_mixed)
        qsort(k->listed, k->listed_count, sizeof *k->listed, by_uid);
    if (went == 0)
        return 0;
    s->begin_left(s->owner);
    tell_left(k, s);
    keep_marked(k);
    return went;
}
