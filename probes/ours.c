/* ours.c - a hash table of counts by message and mailbox. */
#include "probes/ours.h"

#include <stdlib.h>

#include "probes/correlate.h"

#define MAILBOX_BITS 24 /* of a key; messages have the 40 above (TOKEN_MESSAGES_MAX) */
#define ORDINAL_MAX  255u

struct count {
    uint64_t key; /* message and mailbox, plus one; 0: free */
    uint32_t copies;
};

struct ours {
    struct probe_context c;
    struct correlate *correlate;
    uint32_t server;
    struct count *counts;
    uint32_t room, used;
    uint32_t *epochs; /* per mailbox; 0: none yet */
};

struct ours *ours_create(const struct probe_context *c, struct correlate *correlate)
{
    const struct site *site = &c->work->profile->site;
    struct ours *o = calloc(1, sizeof *o);

    if (!o)
        return NULL;
    o->c = *c;
    o->correlate = correlate;
    o->server = site_ours(site);
    o->epochs = calloc(site->mailbox_count + 1ul, sizeof *o->epochs);
    if (!o->epochs) {
        free(o);
        return NULL;
    }
    return o;
}

void ours_destroy(struct ours *o)
{
    if (!o)
        return;
    free(o->counts);
    free(o->epochs);
    free(o);
}

static struct count *count_at(struct count *counts, uint32_t room, uint64_t key)
{
    uint32_t at = (uint32_t)((key * 0x9e3779b97f4a7c15ull) >> 32) & (room - 1);

    while (counts[at].key != 0 && counts[at].key != key)
        at = (at + 1) & (room - 1);
    return &counts[at];
}

static bool grow(struct ours *o)
{
    uint32_t room = o->room ? o->room * 2 : 1024;
    struct count *counts = calloc(room, sizeof *counts);

    if (!counts)
        return false;
    for (uint32_t i = 0; i < o->room; i++)
        if (o->counts[i].key != 0)
            *count_at(counts, room, o->counts[i].key) = o->counts[i];
    free(o->counts);
    o->counts = counts;
    o->room = room;
    return true;
}

bool ours_reserve(struct ours *o, uint32_t more)
{
    while (((uint64_t)o->used + more) * 2 >= o->room)
        if (o->room >= 1u << 31 || !grow(o))
            return false;
    return true;
}

void ours_see(struct ours *o, uint64_t message, uint32_t mailbox, bool corrupt, uint64_t t_ns)
{
    uint64_t key = (message << MAILBOX_BITS | mailbox) + 1;
    struct count *n = count_at(o->counts, o->room, key);

    o->used += n->key == 0;
    n->key = key;
    n->copies++;
    uint32_t ordinal = n->copies < ORDINAL_MAX ? n->copies : ORDINAL_MAX;

    (void)journal_add(o->c.journal, &(struct event){.t_ns = t_ns,
                                                    .slot = message * o->c.work->stride,
                                                    .kind = EV_SEEN,
                                                    .place = (uint16_t)o->server,
                                                    .code = ordinal | (corrupt ? SEEN_CORRUPT : 0),
                                                    .a = mailbox,
                                                    .b = ours_epoch(o, mailbox)});
}

uint32_t ours_epoch(struct ours *o, uint32_t mailbox)
{
    if (o->epochs[mailbox] == 0)
        o->epochs[mailbox] = correlate_epoch(o->correlate, mailbox, o->server);
    return o->epochs[mailbox];
}
