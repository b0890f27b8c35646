/* imap_sweep.c - an array in ascending order of UIDs; servers answer in that order, so the next body is nearly always the
 * next entry. */
#include "probes/imap_sweep.h"

#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "profiles/workload.h"

#define DUE_MAX (8u << 20)

bool sweep_draws(uint64_t seed, uint32_t percent, uint64_t number)
{
    struct rng r = rng_at(seed, STREAM_COMPARED, number);

    return rng_below(&r, 100) < percent;
}

void sweep_init(struct sweep *s)
{
    memset(s, 0, sizeof *s);
}

void sweep_fini(struct sweep *s)
{
    free(s->due);
    sweep_init(s);
}

bool sweep_add(struct sweep *s, const struct sweep_due *due)
{
    if (s->count == s->room) {
        uint32_t room = s->room ? s->room * 2 : 256;
        struct sweep_due *more = room <= DUE_MAX ? realloc(s->due, room * sizeof *more) : NULL;

        if (!more)
            return false;
        s->due = more;
        s->room = room;
    }
    s->mixed |= s->count > 0 && due->uid <= s->due[s->count - 1].uid;
    s->due[s->count++] = *due;
    return true;
}

/* Of one UID, what is settled stands first: a server may have answered twice. */
static int by_uid(const void *a, const void *b)
{
    const struct sweep_due *x = a, *y = b;

    if (x->uid != y->uid)
        return x->uid < y->uid ? -1 : 1;
    return (int)y->settled - (int)x->settled;
}

bool sweep_begin(struct sweep *s)
{
    uint32_t kept = 0;

    if (s->asking || s->count == 0)
        return false;
    if (s->mixed) {
        qsort(s->due, s->count, sizeof *s->due, by_uid);
        for (uint32_t i = 0; i < s->count; i++)
            if (kept == 0 || s->due[kept - 1].uid != s->due[i].uid)
                s->due[kept++] = s->due[i];
        s->count = kept;
    }
    s->mixed = false;
    s->asking = true;
    s->next = s->hint = 0;
    return true;
}

uint32_t sweep_next(struct sweep *s, struct imap_range set[IMAP_SET_MAX], uint32_t messages)
{
    uint32_t ranges = 0;

    if (!s->asking)
        return 0;
    for (; s->next < s->count && messages > 0; s->next++, messages--) {
        uint32_t uid = s->due[s->next].uid;

        if (ranges > 0 && set[ranges - 1].high == uid - 1) {
            set[ranges - 1].high = uid;
            continue;
        }
        if (ranges == IMAP_SET_MAX)
            break;
        set[ranges++] = (struct imap_range){uid, uid};
    }
    return ranges;
}

static uint32_t place_of(const struct sweep *s, uint32_t uid)
{
    uint32_t low = 0, high = s->count;

    if (s->hint < s->count && s->due[s->hint].uid == uid)
        return s->hint;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (s->due[middle].uid < uid)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct sweep_due *sweep_find(struct sweep *s, uint32_t uid)
{
    uint32_t at = s->asking ? place_of(s, uid) : s->count;

    if (at >= s->count || s->due[at].uid != uid || s->due[at].served)
        return NULL;
    s->hint = at + 1;
    return &s->due[at];
}

static void keep_if(struct sweep *s, const struct known *known)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < s->count; i++)
        if (!s->due[i].served && (!known || (s->due[i].settled && known_has(known, s->due[i].uid))))
            s->due[kept++] = s->due[i];
    s->count = kept;
    s->asking = false;
}

bool sweep_end(struct sweep *s)
{
    bool was = s->asking;

    if (was)
        keep_if(s, NULL);
    return was && s->count > 0;
}

void sweep_keep(struct sweep *s, const struct known *known)
{
    keep_if(s, known);
}
