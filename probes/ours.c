/* ours.c - who has a first copy of each message: as many mailboxes a message as it can have recipients, a table made ready when
 * the run is armed, so that a long run needs no more memory than it began with. Other copies, second ones and those of mailboxes
 * beyond that, are counted in a hash table that grows.
 */
#include "probes/ours.h"

#include <stdlib.h>

#include "base/pages.h"
#include "probes/correlate.h"

#define MAILBOX_BITS 24 /* of a key; messages have the 40 above (TOKEN_MESSAGES_MAX) */
#define ORDINAL_MAX  255u

struct count {
    uint64_t key;    /* message and mailbox, plus one; 0: free */
    uint32_t copies; /* besides a first one in its table */
};

struct ours {
    struct probe_context c;
    struct correlate *correlate;
    uint32_t server;
    uint32_t *firsts;  /* `each` a message: mailbox plus one; 0: free */
    uint64_t messages; /* planned and canaries */
    uint32_t each;
    struct count *counts;
    uint32_t room, used;
    uint32_t *epochs; /* per mailbox; 0: none yet */
};

static size_t firsts_bytes(const struct ours *o)
{
    uint64_t a_message = o->each * sizeof *o->firsts;

    return o->messages < SIZE_MAX / a_message ? (size_t)(o->messages * a_message) : 0;
}

static bool firsts_create(struct ours *o)
{
    const struct workload *w = o->c.work;

    o->messages = w->planned + w->canaries;
    o->each = w->stride > 1 ? w->stride / 2 : 1;
    if (o->messages == 0)
        return true;
    o->firsts = pages_create(firsts_bytes(o));
    if (!o->firsts)
        return false;
    pages_ready(o->firsts, firsts_bytes(o));
    return true;
}

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
    if (!o->epochs || !firsts_create(o)) {
        ours_destroy(o);
        return NULL;
    }
    return o;
}

void ours_destroy(struct ours *o)
{
    if (!o)
        return;
    pages_destroy(o->firsts, o->firsts ? firsts_bytes(o) : 0);
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

/* The place of this mailbox's first copy, taken or free; NULL: the message has no room for it. */
static uint32_t *first_at(struct ours *o, uint64_t message, uint32_t mailbox)
{
    if (message >= o->messages)
        return NULL;
    for (uint32_t i = 0; i < o->each; i++) {
        uint32_t *at = &o->firsts[message * o->each + (mailbox + i) % o->each];

        if (*at == 0 || *at == mailbox + 1)
            return at;
    }
    return NULL;
}

/* How many copies of this message the mailbox has now. */
static uint32_t one_more(struct ours *o, uint64_t message, uint32_t mailbox)
{
    uint32_t *first = first_at(o, message, mailbox);

    if (first && *first == 0) {
        *first = mailbox + 1;
        return 1;
    }
    uint64_t key = (message << MAILBOX_BITS | mailbox) + 1;
    struct count *n = count_at(o->counts, o->room, key);

    o->used += n->key == 0;
    n->key = key;
    n->copies++;
    return n->copies + (first ? 1 : 0);
}

void ours_see(struct ours *o, uint64_t message, uint32_t mailbox, bool corrupt, uint64_t t_ns)
{
    uint32_t copies = one_more(o, message, mailbox);
    uint32_t ordinal = copies < ORDINAL_MAX ? copies : ORDINAL_MAX;

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
