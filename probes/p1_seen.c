/* p1_seen.c - a hash table of counts, a short list of callers, a ring of what may come again. */
#include "probes/p1_seen.h"

#include <stdlib.h>
#include <string.h>

#define MAILBOX_BITS 24 /* of a key; messages have the 40 above (TOKEN_MESSAGES_MAX) */

bool p1_seen_init(struct p1_seen *s)
{
    memset(s, 0, sizeof *s);
    s->last = calloc(P1_SEEN_CALLERS, sizeof *s->last);
    s->expected = calloc(P1_SEEN_EXPECTED, sizeof *s->expected);
    return s->last && s->expected;
}

void p1_seen_fini(struct p1_seen *s)
{
    free(s->counts);
    free(s->last);
    free(s->expected);
    memset(s, 0, sizeof *s);
}

/* ---- copies ---- */

static struct p1_seen_count *count_at(struct p1_seen_count *counts, uint32_t room, uint64_t key)
{
    uint32_t at = (uint32_t)((key * 0x9e3779b97f4a7c15ull) >> 32) & (room - 1);

    while (counts[at].key != 0 && counts[at].key != key)
        at = (at + 1) & (room - 1);
    return &counts[at];
}

static bool grow(struct p1_seen *s)
{
    uint32_t room = s->room ? s->room * 2 : 1024;
    struct p1_seen_count *counts = calloc(room, sizeof *counts);

    if (!counts)
        return false;
    for (uint32_t i = 0; i < s->room; i++)
        if (s->counts[i].key != 0)
            *count_at(counts, room, s->counts[i].key) = s->counts[i];
    free(s->counts);
    s->counts = counts;
    s->room = room;
    return true;
}

bool p1_seen_reserve(struct p1_seen *s, uint32_t more)
{
    while (((uint64_t)s->used + more) * 2 >= s->room)
        if (s->room >= 1u << 31 || !grow(s))
            return false;
    return true;
}

uint32_t p1_seen_add(struct p1_seen *s, uint64_t message, uint32_t mailbox)
{
    uint64_t key = (message << MAILBOX_BITS | mailbox) + 1;
    struct p1_seen_count *c = count_at(s->counts, s->room, key);

    s->used += c->key == 0;
    c->key = key;
    return ++c->copies;
}

/* ---- answers that may not have arrived ---- */

bool p1_seen_again(struct p1_seen *s, uint64_t transfer)
{
    transfer += transfer == 0;
    for (uint32_t i = 0; s->expecting > 0 && i < P1_SEEN_EXPECTED; i++)
        if (s->expected[i] == transfer) {
            s->expected[i] = 0;
            s->expecting--;
            return true;
        }
    return false;
}

static struct p1_seen_last *last_of(struct p1_seen *s, const void *caller)
{
    for (uint32_t i = 0; i < s->callers; i++)
        if (s->last[i].caller == caller)
            return &s->last[i];
    return NULL;
}

void p1_seen_taken(struct p1_seen *s, const void *caller, uint64_t transfer)
{
    struct p1_seen_last *last = last_of(s, caller);

    if (!last && s->callers < P1_SEEN_CALLERS)
        last = &s->last[s->callers++];
    if (last)
        *last = (struct p1_seen_last){caller, transfer + (transfer == 0)};
}

void p1_seen_answered(struct p1_seen *s, const void *caller)
{
    struct p1_seen_last *last = last_of(s, caller);

    if (last)
        *last = s->last[--s->callers];
}

void p1_seen_broke(struct p1_seen *s, const void *caller)
{
    const struct p1_seen_last *last = last_of(s, caller);

    if (!last)
        return;
    s->expecting += s->expected[s->next] == 0;
    s->expected[s->next] = last->transfer;
    s->next = (s->next + 1) % P1_SEEN_EXPECTED;
    p1_seen_answered(s, caller);
}
