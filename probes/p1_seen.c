/* p1_seen.c - a short list of callers, a ring of what may come again. */
#include "probes/p1_seen.h"

#include <stdlib.h>
#include <string.h>

bool p1_seen_init(struct p1_seen *s)
{
    memset(s, 0, sizeof *s);
    s->last = calloc(P1_SEEN_CALLERS, sizeof *s->last);
    s->expected = calloc(P1_SEEN_EXPECTED, sizeof *s->expected);
    return s->last && s->expected;
}

void p1_seen_fini(struct p1_seen *s)
{
    free(s->last);
    free(s->expected);
    memset(s, 0, sizeof *s);
}

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
