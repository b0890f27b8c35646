/* sessions.c - rows in one sorted array; a run has a few dozen. */
#include "results/sessions.h"

#include <stdlib.h>
#include <string.h>

void sessions_fini(struct sessions *s)
{
    free(s->row);
    *s = (struct sessions){0};
}

static int compare_keys(const struct session_row *a, const struct session_row *b)
{
    if (a->load != b->load)
        return a->load < b->load ? -1 : 1;
    if (a->server != b->server)
        return a->server < b->server ? -1 : 1;
    if (a->code != b->code)
        return a->code < b->code ? -1 : 1;
    return (a->thread > b->thread) - (a->thread < b->thread);
}

/* Where the row is, or belongs. */
static uint32_t find(const struct sessions *s, const struct session_row *key)
{
    uint32_t low = 0, high = s->count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (compare_keys(&s->row[middle], key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool make_room(struct sessions *s)
{
    uint32_t room = s->room ? 2 * s->room : 16;

    if (s->count < s->room)
        return true;
    struct session_row *row = realloc(s->row, room * sizeof *row);

    if (!row) {
        s->out_of_memory = true;
        return false;
    }
    s->row = row;
    s->room = room;
    return true;
}

static void join(struct sessions *s, const struct session_row *row)
{
    uint32_t at = find(s, row);

    if (at < s->count && compare_keys(&s->row[at], row) == 0) {
        if (row->count > s->row[at].count)
            s->row[at].count = row->count;
        return;
    }
    if (at == SESSION_ROWS_MAX)
        return;
    if (s->count == SESSION_ROWS_MAX)
        s->count--; /* the largest key makes room */
    if (!make_room(s))
        return;
    memmove(&s->row[at + 1], &s->row[at], (s->count - at) * sizeof *s->row);
    s->row[at] = *row;
    s->count++;
}

void sessions_add(struct sessions *s, const struct event *ev)
{
    join(s, &(struct session_row){.thread = ev->slot,
                                  .load = ev->a,
                                  .code = ev->code,
                                  .count = ev->b,
                                  .server = ev->place});
}

void sessions_merge(struct sessions *s, const struct sessions *from)
{
    for (uint32_t i = 0; i < from->count; i++)
        join(s, &from->row[i]);
    s->out_of_memory |= from->out_of_memory;
}

static void add_row(struct session_sum *sum, const struct session_row *r)
{
    bool chunking = r->code & SESSION_CHUNKING, pipelining = r->code & SESSION_PIPELINING;
    uint32_t window = event_sessions_window(r->code);

    sum->connections += r->count;
    sum->tls += r->code & SESSION_TLS ? r->count : 0;
    sum->resumed += r->code & SESSION_RESUMED ? r->count : 0;
    sum->lmtp += r->code & SESSION_LMTP ? r->count : 0;
    sum->p1 += r->code & SESSION_P1 ? r->count : 0;
    sum->reset += r->code & SESSION_RESET ? r->count : 0;
    if (chunking)
        sum->chunking += r->count;
    else if (pipelining)
        sum->pipelining += r->count;
    else if (!(r->code & SESSION_P1))
        sum->lockstep += r->count;
    if (chunking && window > sum->window)
        sum->window = window;
}

struct session_sum *sessions_sum(const struct sessions *s, uint32_t *count, bool *ok)
{
    struct session_sum *sums = s->count ? calloc(s->count, sizeof *sums) : NULL;
    uint32_t n = 0;

    *count = 0;
    *ok = (sums || !s->count) && !s->out_of_memory;
    for (uint32_t i = 0; sums && i < s->count; i++) {
        const struct session_row *r = &s->row[i];

        if (n == 0 || sums[n - 1].load != r->load || sums[n - 1].server != r->server)
            sums[n++] = (struct session_sum){.load = r->load, .server = r->server};
        add_row(&sums[n - 1], r);
    }
    *count = n;
    return sums;
}
