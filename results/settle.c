/* settle.c - the four conditions of final silence: the run ended in order, quiescence (double collect, or the stated
 * lifetimes), coverage, and a report about a canary of the copy's load that came after the load began.
 */
#include "results/settle.h"

#include <stdlib.h>

#include "base/blind.h"
#include "results/ledger_private.h"

struct wave {
    uint32_t server, number, entries;
    uint64_t begin_ns, counters; /* counters: a fingerprint of what ever came and went */
    bool complete;
};

struct reach { /* of one mailbox, and of it with every alternate it ever had */
    /* Plus one: every place of it was scanned by a scan begun then or later; 0: not all. */
    uint64_t covered_ns, all_covered_ns;
    uint64_t moved_ns, all_moved_ns; /* the newest mark of a move */
};

struct settle {
    const struct ledger *l;
    const struct history *h;
    uint64_t quiescent_ns; /* NEVER_NS: never */
    uint64_t listed_ns;    /* every queue was listed completely since then; 0: not all */
    struct reach *reach;   /* per mailbox */
    bool *alive;           /* per load: a canary was reported after the load began */
    struct wave *waves;    /* by server and number */
    uint32_t wave_count;
    uint32_t *newest; /* per server: number plus one of the newest complete wave */
    bool waves_complete;
    bool ran_to_end;
};

static int waves_in_order(const void *left, const void *right)
{
    const struct wave *a = left, *b = right;

    if (a->server != b->server)
        return a->server < b->server ? -1 : 1;
    if (a->number != b->number)
        return a->number < b->number ? -1 : 1;
    return (a->begin_ns > b->begin_ns) - (a->begin_ns < b->begin_ns);
}

static bool read_waves(struct settle *s)
{
    const struct bag *bag = &s->l->waves;

    s->waves = calloc(bag->count + 1ul, sizeof *s->waves);
    s->newest = calloc(s->l->manifest->server_count + 1ul, sizeof *s->newest);
    if (!s->waves || !s->newest)
        return false;
    for (uint32_t i = 0; i < bag->count; i++) {
        const struct event *ev = &bag->all[i];
        struct wave *w = &s->waves[s->wave_count++];

        *w = (struct wave){.server = ev->place,
                           .number = ev->b,
                           .entries = ev->a,
                           .begin_ns = ev->t_ns,
                           .counters = ev->slot,
                           .complete = (ev->code & WAVE_COMPLETE) != 0};
        if (w->complete && w->number + 1 > s->newest[w->server])
            s->newest[w->server] = w->number + 1;
    }
    if (s->wave_count)
        qsort(s->waves, s->wave_count, sizeof *s->waves, waves_in_order);
    s->waves_complete = s->l->manifest->queues_visible;
    for (uint32_t i = 0; i < s->l->manifest->server_count; i++)
        s->waves_complete &= s->newest[i] != 0 || manifest_is_ours(s->l->manifest, i);
    return true;
}

/* Whoever called the queues quiet may have seen them stir again before he could look everywhere: the newest quiescence
 * holds only while every later wave of a server shows what the first one since then showed. */
static bool stayed_quiet(const struct settle *s)
{
    const struct wave *since = NULL;

    for (uint32_t i = 0; i < s->wave_count; i++) {
        const struct wave *w = &s->waves[i];

        if (w->begin_ns < s->quiescent_ns)
            continue;
        if (since && since->server == w->server &&
            (since->counters != w->counters || since->entries != w->entries))
            return false;
        if (!since || since->server != w->server)
            since = w;
    }
    return true;
}

static const struct wave *find_wave(const struct settle *s, uint32_t server, uint32_t number)
{
    uint32_t low = 0, high = s->wave_count;

    while (low < high) { /* the first at or behind (server, number) */
        uint32_t mid = low + (high - low) / 2;
        const struct wave *w = &s->waves[mid];

        if (w->server < server || (w->server == server && w->number < number))
            low = mid + 1;
        else
            high = mid;
    }
    const struct wave *w = &s->waves[low];

    return low < s->wave_count && w->server == server && w->number == number ? w : NULL;
}

/* When the oldest began of the waves that are each server's newest complete one. */
static uint64_t read_listed(const struct settle *s)
{
    uint64_t listed = s->waves_complete ? NEVER_NS : 0;

    for (uint32_t i = 0; listed && i < s->l->manifest->server_count; i++) {
        if (manifest_is_ours(s->l->manifest, i))
            continue;
        const struct wave *w = find_wave(s, i, s->newest[i] - 1);
        uint64_t begin = w ? w->begin_ns : 0;

        listed = begin < listed ? begin : listed;
    }
    return listed;
}

static void read_own_reach(struct settle *s, uint32_t box)
{
    const uint32_t *servers;
    uint32_t n = history_servers(s->h, box, &servers);
    uint64_t covered = n ? NEVER_NS : 0;

    for (uint32_t i = 0; i < n; i++) {
        uint64_t begin = ledger_place(s->l, servers[i], box)->complete_ns;

        /* What our own MTA had taken and not recorded when it died is nowhere. */
        if (manifest_is_ours(s->l->manifest, servers[i]) && history_resumed(s->h))
            begin = 0;
        covered = begin < covered ? begin : covered;
    }
    s->reach[box].covered_ns = s->reach[box].all_covered_ns = covered;
    s->reach[box].moved_ns = s->reach[box].all_moved_ns = history_last_moved(s->h, box);
}

struct reached {
    const struct settle *s;
    struct reach *by;
};

static void reach_alternate(void *owner, uint32_t alternate)
{
    struct reached *r = owner;
    const struct reach *other = &r->s->reach[alternate];

    if (other->covered_ns < r->by->all_covered_ns)
        r->by->all_covered_ns = other->covered_ns;
    if (other->moved_ns > r->by->all_moved_ns)
        r->by->all_moved_ns = other->moved_ns;
}

static void read_reach(struct settle *s)
{
    for (uint32_t box = 0; box < s->l->manifest->mailbox_count; box++)
        read_own_reach(s, box);
    for (uint32_t box = 0; box < s->l->manifest->mailbox_count; box++)
        history_each_alternate(s->h, box, reach_alternate, &(struct reached){s, &s->reach[box]});
}

/* A run that is resumed reads old mail again: a report about a canary of the time before the load is none that came after. */
static bool is_fresh(const struct settle *s, uint64_t k)
{
    const struct bag *bag = &s->l->unwatched;
    uint64_t reported = s->l->canaries[k].reported_ns;

    for (uint32_t i = 0; k < s->l->manifest->load_count && i < bag->count; i++)
        if (bag->all[i].code == UNWATCHED_RESUMED && reported > bag->all[i].t_ns)
            return false;
    return reported > 1; /* plus one; what came before the load has time 0 */
}

/* Canary k was sent for load k modulo the number of loads. */
static void read_canaries(struct settle *s)
{
    const struct manifest *m = s->l->manifest;

    for (uint64_t k = 0; m->load_count && k < m->canaries; k++)
        if (is_fresh(s, k))
            s->alive[k % m->load_count] = true;
}

struct settle *settle_create(const struct ledger *l, const struct history *h, struct err *e)
{
    struct settle *s = calloc(1, sizeof *s);
    const struct manifest *m = l->manifest;

    if (s) {
        s->l = l;
        s->h = h;
        s->quiescent_ns = l->quiescent ? l->quiescent - 1 : NEVER_NS;
        s->ran_to_end = l->phases[PHASE_END] != 0 && l->torn == 0 && !l->overlong;
        s->reach = calloc(m->mailbox_count + 1ul, sizeof *s->reach);
        s->alive = calloc(m->load_count + 1ul, sizeof *s->alive);
        if (s->reach && s->alive && read_waves(s)) {
            if (!stayed_quiet(s))
                s->quiescent_ns = NEVER_NS;
            s->listed_ns = read_listed(s);
            read_reach(s);
            read_canaries(s);
            return s;
        }
    }
    err_set(e, EX_IO, "out of memory for what was settled");
    settle_destroy(s);
    return NULL;
}

void settle_destroy(struct settle *s)
{
    if (!s)
        return;
    free(s->reach);
    free(s->alive);
    free(s->waves);
    free(s->newest);
    free(s);
}

bool settle_ran_to_end(const struct settle *s)
{
    return s->ran_to_end;
}

bool settle_entry_is_there(const struct settle *s, const struct clue *entry)
{
    uint32_t newest = s->newest[entry->server]; /* without a complete wave nobody knows what left */

    return newest != 0 && entry->as.entry.last_wave >= newest;
}

bool settle_entry_stands(const struct settle *s, const struct clue *entry, uint64_t *since_ns)
{
    uint32_t first = entry->as.entry.first_wave, last = entry->as.entry.last_wave;
    uint32_t newest = s->newest[entry->server];
    /* A newer wave that was cut short and shows it too takes nothing away. */
    const struct wave *a = find_wave(s, entry->server, first - 1);
    const struct wave *b = find_wave(s, entry->server, (last < newest ? last : newest) - 1);

    if (!a || !b || !b->complete || b->number + 1 < first || entry->as.entry.due_wave == last)
        return false;
    *since_ns = b->begin_ns;
    return b->begin_ns > a->begin_ns &&
           b->begin_ns - a->begin_ns >= s->l->manifest->settle_retry_ns;
}

uint64_t settle_entry_shown_ns(const struct settle *s, const struct clue *entry)
{
    const struct wave *w = find_wave(s, entry->server, entry->as.entry.last_wave - 1);

    return w ? w->begin_ns : 0;
}

/* All places of the recipient, of his alternates and of the originator scanned, and their moves over, since then. */
static bool covered_since(const struct settle *s, const struct silence *w, uint64_t since_ns)
{
    const struct reach *to = &s->reach[w->to];

    if (to->all_covered_ns <= since_ns || to->all_moved_ns > since_ns)
        return false;
    if (w->from == NO_INDEX)
        return true;
    return s->reach[w->from].covered_ns > since_ns && s->reach[w->from].moved_ns <= since_ns;
}

bool settle_looked_since(const struct settle *s, const struct silence *w, uint64_t since_ns)
{
    if (w->to == NO_INDEX || (s->l->manifest->queues_visible && s->listed_ns <= since_ns))
        return false;
    if (s->reach[w->to].all_moved_ns > since_ns)
        since_ns = s->reach[w->to].all_moved_ns;
    if (w->from != NO_INDEX && s->reach[w->from].moved_ns > since_ns)
        since_ns = s->reach[w->from].moved_ns;
    return covered_since(s, w, since_ns);
}

static bool over_by_double_collect(const struct settle *s, const struct silence *w)
{
    uint64_t since = s->quiescent_ns;

    if (!s->waves_complete)
        return false;
    /* An entry that stands still is final by itself, even where others keep the queues from ever being quiet. */
    if (since == NEVER_NS && w->queued && w->standing)
        since = w->standing_ns;
    return since != NEVER_NS && since >= w->end_ns && covered_since(s, w, since);
}

static bool over_by_lifetime(const struct settle *s, const struct silence *w)
{
    uint64_t lifetime = s->l->manifest->lifetime_ns;

    return lifetime != 0 && lifetime < NEVER_NS - w->end_ns &&
           covered_since(s, w, w->end_ns + lifetime);
}

/* An entry stands still until its delivery is due, and that says nothing: it has to go on doing so. */
static bool is_deferred(const struct settle *s, const struct silence *w)
{
    return s->l->manifest->loads[w->load].deferred_ns > 0 &&
           w->standing_ns < w->end_ns + s->l->manifest->settle_retry_ns;
}

bool settle_is_final(const struct settle *s, const struct silence *w)
{
    const struct manifest_load *load = &s->l->manifest->loads[w->load];

    if (!CHECK_ON(SILENCE))
        return true;
    if (!settle_ran_to_end(s) || w->broken || w->to == NO_INDEX || w->end_ns == NEVER_NS ||
        (w->queued && (!w->standing || is_deferred(s, w))))
        return false;
    if (CHECK_ON(CANARY) && !load->silence_asked && !s->alive[w->load])
        return false;
    return over_by_double_collect(s, w) || over_by_lifetime(s, w);
}

struct watching {
    bool *watched;
};

static void watch(void *owner, uint32_t mailbox)
{
    struct watching *w = owner;

    w->watched[mailbox] = true;
}

/* Whose places had to be scanned: the same that a copy's silence asks for. */
static bool *read_watched(const struct settle *s, const unsigned char *sides)
{
    uint32_t count = s->l->manifest->mailbox_count;
    struct watching w = {calloc(count + 1ul, sizeof *w.watched)};

    for (uint32_t box = 0; w.watched && box < count; box++) {
        if (sides[box])
            watch(&w, box);
        if (sides[box] & SIDE_TO)
            history_each_alternate(s->h, box, watch, &w);
    }
    return w.watched;
}

bool settle_coverage(const struct settle *s, const unsigned char *sides, struct coverage *c)
{
    bool *watched = read_watched(s, sides);

    *c = (struct coverage){.quiescent = s->quiescent_ns != NEVER_NS,
                           .waves_complete = s->waves_complete};
    for (uint32_t box = 0; watched && box < s->l->manifest->mailbox_count; box++) {
        const uint32_t *servers;
        uint32_t n = watched[box] ? history_servers(s->h, box, &servers) : 0;

        c->places += n;
        for (uint32_t i = 0; i < n; i++)
            c->final +=
                c->quiescent && ledger_place(s->l, servers[i], box)->complete_ns > s->quiescent_ns;
    }
    for (uint32_t i = 0; i < s->l->manifest->load_count; i++)
        c->loads_alive += s->alive[i];
    bool ok = watched != NULL;

    free(watched);
    return ok;
}
