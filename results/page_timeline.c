/* page_timeline.c - the run from its first to its last moment: rates in bins, moves as lanes, a dot a copy, depth of queues.
 *
 * How long a run lasted is known only when all copies were looked at, so bins begin narrow and are joined in pairs whenever a
 * time lies beyond the last.
 */
#include <stdlib.h>
#include <string.h>

#include "results/json_file.h"
#include "results/ledger_private.h"
#include "results/page_private.h"

#define FIRST_BIN_NS NS_PER_MS
#define DOTS_MAX     20000u
#define LATE_BUCKETS 928u /* of lateness in us, 32 to an octave */

enum { RATE_OFFERED, RATE_ACCEPTED, RATE_REFUSED, RATE_SEEN, RATES };

static const char *const rate_names[RATES] = {"offered", "accepted", "refused", "seen"};

struct dot {
    uint64_t t_ns, number;
    uint32_t lane, outcome;
};

struct page_timeline {
    struct page_run r;
    uint64_t bin_ns, end_ns;
    uint64_t rates[RATES][PAGE_BINS];
    uint32_t (*late)[LATE_BUCKETS]; /* per bin */
    struct thin plain, other;       /* dots: plainly delivered, and all else */
};

struct page_timeline *page_timeline_create(const struct page_run *r, struct err *e)
{
    struct page_timeline *t = calloc(1, sizeof *t);

    if (t) {
        t->r = *r;
        t->bin_ns = FIRST_BIN_NS;
        t->late = calloc(PAGE_BINS, sizeof *t->late);
        if (t->late && thin_init(&t->plain, sizeof(struct dot), DOTS_MAX) &&
            thin_init(&t->other, sizeof(struct dot), DOTS_MAX))
            return t;
    }
    (void)err_set(e, EX_IO, "out of memory for the page");
    page_timeline_destroy(t);
    return NULL;
}

void page_timeline_destroy(struct page_timeline *t)
{
    if (!t)
        return;
    free(t->late);
    thin_fini(&t->plain);
    thin_fini(&t->other);
    free(t);
}

/* -------------------------------------------------------------------------------------------------------------- bins */

static void join_pairs(uint64_t *bins)
{
    for (uint32_t i = 0; i < PAGE_BINS / 2; i++)
        bins[i] = bins[2ul * i] + bins[2ul * i + 1];
    memset(&bins[PAGE_BINS / 2], 0, PAGE_BINS / 2 * sizeof *bins);
}

static void widen(struct page_timeline *t)
{
    for (int k = 0; k < RATES; k++)
        join_pairs(t->rates[k]);
    for (uint32_t i = 0; i < PAGE_BINS / 2; i++)
        for (uint32_t b = 0; b < LATE_BUCKETS; b++)
            t->late[i][b] = t->late[2ul * i][b] + t->late[2ul * i + 1][b];
    memset(t->late + PAGE_BINS / 2, 0, PAGE_BINS / 2 * sizeof *t->late);
    t->bin_ns *= 2;
}

static uint32_t bin_of(struct page_timeline *t, uint64_t t_ns)
{
    if (t_ns > t->end_ns)
        t->end_ns = t_ns;
    while (t_ns / t->bin_ns >= PAGE_BINS)
        widen(t);
    return (uint32_t)(t_ns / t->bin_ns);
}

static void count(struct page_timeline *t, int rate, uint64_t t_ns)
{
    if (t_ns != NEVER_NS) {
        uint32_t bin = bin_of(t, t_ns);

        t->rates[rate][bin]++;
    }
}

static uint32_t late_bucket(uint32_t us)
{
    uint32_t octave = us < 64 ? 0 : 26 - (uint32_t)__builtin_clz(us);

    return (octave << 5) + (us >> octave);
}

static uint64_t late_high(uint32_t bucket)
{
    uint32_t octave = bucket < 64 ? 0 : (bucket >> 5) - 1;

    return ((uint64_t)(bucket - (octave << 5)) + 1) * (1ull << octave) - 1;
}

static uint64_t late_p99(const uint32_t *buckets)
{
    uint64_t all = 0, sum = 0;

    for (uint32_t b = 0; b < LATE_BUCKETS; b++)
        all += buckets[b];
    for (uint32_t b = 0; all && b < LATE_BUCKETS; b++) {
        sum += buckets[b];
        if (100 * sum >= 99 * all)
            return late_high(b);
    }
    return 0;
}

/* -------------------------------------------------------------------------------------------------------- copy by copy */

static void add_dot(struct page_timeline *t, const struct copy *p)
{
    bool lane = p->move.move < PAGE_LANES;
    struct dot d = {page_time(p), p->number, lane ? p->move.move : NO_INDEX, p->outcome};

    if (d.t_ns != NEVER_NS && p->outcome != CLASS_NOT_OWED)
        thin_add(p->outcome == CLASS_DELIVERED ? &t->plain : &t->other, &d);
}

void page_timeline_add(struct page_timeline *t, const struct copy *p)
{
    if (p->tried && !p->alternate) {
        uint64_t due = page_planned(&t->r, p);
        uint32_t bin = bin_of(t, due); /* a name of its own: it may widen the table */

        t->rates[RATE_OFFERED][bin]++;
        t->late[bin][late_bucket(p->late_us)]++;
        if (p->facts.k == END_ACCEPTED)
            count(t, RATE_ACCEPTED, p->end_ns);
        if (p->facts.k == END_REFUSED_TEMP || p->facts.k == END_REFUSED_PERM)
            count(t, RATE_REFUSED, p->end_ns);
    }
    count(t, RATE_SEEN, p->first_seen_ns);
    add_dot(t, p);
}

/* ---------------------------------------------------------------------------------------------------------- the object */

/* The run's own marks may be later than anything that befell a copy. */
static void reach_end(struct page_timeline *t)
{
    const struct ledger *l = t->r.l;

    for (int i = 0; i <= PHASE_END; i++)
        if (l->phases[i])
            (void)bin_of(t, l->phases[i] - 1);
    for (uint32_t i = 0; i < l->waves.count; i++)
        (void)bin_of(t, l->waves.all[i].t_ns);
    for (uint32_t i = 0; i < t->r.m->move_count; i++)
        for (int k = 0; k < MARK_COUNT; k++)
            if (page_mark(&t->r, i, (enum move_mark)k) != NEVER_NS)
                (void)bin_of(t, page_mark(&t->r, i, (enum move_mark)k));
}

static json_t *bins_json(const struct page_timeline *t, uint32_t bins)
{
    json_t *o = json_object(), *late = json_array();

    for (int k = 0; k < RATES; k++) {
        json_t *all = json_array();

        for (uint32_t i = 0; i < bins; i++)
            page_push(all, json_u64(t->rates[k][i]));
        page_put(o, rate_names[k], all);
    }
    for (uint32_t i = 0; i < bins; i++)
        page_push(late, json_u64(late_p99(t->late[i])));
    page_put(o, "late_p99_us", late);
    return o;
}

static json_t *phases_json(const struct ledger *l)
{
    static const char *const names[] = {"arm", "load", "drain", "settle", "judge", "end"};
    json_t *all = json_array();

    for (int i = 0; i <= PHASE_END; i++)
        if (l->phases[i]) {
            json_t *o = json_object();

            page_put(o, "name", page_words(names[i]));
            page_put(o, "t_ns", json_u64(l->phases[i] - 1));
            page_push(all, o);
        }
    return all;
}

static json_t *moves_json(const struct page_run *r)
{
    static const struct {
        const char *key;
        enum move_mark mark;
    } marks[] = {{"asked_ns", MARK_ASKED},
                 {"copy_ns", MARK_COPY},
                 {"flipped_ns", MARK_FLIPPED},
                 {"done_ns", MARK_DONE},
                 {"failed_ns", MARK_FAILED}};

    json_t *all = json_array();

    for (uint32_t i = 0; i < r->m->move_count && i < PAGE_LANES; i++) {
        const struct manifest_move *v = &r->m->moves[i];
        json_t *o = json_object();

        page_put(o, "id", json_u64(i));
        page_put(o, "mailbox", page_words(page_mailbox(r->m, v->mailbox)));
        page_put(o, "from", page_words(page_server(r->m, v->from)));
        page_put(o, "to", page_words(page_server(r->m, v->to)));
        for (size_t k = 0; k < sizeof marks / sizeof marks[0]; k++)
            page_put(o, marks[k].key, json_u64(page_mark(r, i, marks[k].mark)));
        page_push(all, o);
    }
    return all;
}

static void push_dots(json_t *all, const struct thin *dots, uint32_t cap)
{
    uint32_t shown = thin_shown(dots, cap);

    for (uint32_t i = 0; i < shown; i++) {
        const struct dot *d = thin_row(dots, i, shown);
        json_t *o = json_array();

        page_push(o, json_u64(d->t_ns));
        page_push(o, d->lane == NO_INDEX ? json_integer(-1) : json_integer(d->lane));
        page_push(o, json_integer(d->outcome));
        page_push(o, json_u64(d->number));
        page_push(all, o);
    }
}

static void put_dots(json_t *o, const struct page_timeline *t)
{
    uint32_t others = thin_shown(&t->other, DOTS_MAX);
    uint64_t seen = t->plain.seen + t->other.seen;
    json_t *all = json_array();

    push_dots(all, &t->other, DOTS_MAX);
    push_dots(all, &t->plain, DOTS_MAX - others);
    if (seen > json_array_size(all))
        page_put(o, "dots_share_ppm", page_ppm((double)json_array_size(all) / (double)seen));
    page_put(o, "dots", all);
}

/* The deepest that each server's queues were in each bin, at the time when that was seen. */
static json_t *queue_json(const struct page_timeline *t, const struct event *waves, uint32_t server)
{
    json_t *o = json_object(), *times = json_array(), *depths = json_array();
    uint64_t bin = 0, at = 0;
    int64_t deepest = -1;

    for (uint32_t i = 0; i < t->r.l->waves.count; i++) {
        const struct event *w = &waves[i];

        if (w->place != server)
            continue;
        if (deepest >= 0 && w->t_ns / t->bin_ns != bin) {
            page_push(times, json_u64(at));
            page_push(depths, json_integer(deepest));
            deepest = -1;
        }
        if ((int64_t)w->a > deepest) {
            bin = w->t_ns / t->bin_ns;
            at = w->t_ns;
            deepest = w->a;
        }
    }
    if (deepest >= 0) {
        page_push(times, json_u64(at));
        page_push(depths, json_integer(deepest));
    }
    page_put(o, "server", page_words(page_server(t->r.m, server)));
    page_put(o, "t_ns", times);
    page_put(o, "depth", depths);
    return o;
}

static json_t *queues_json(const struct page_timeline *t)
{
    struct event *waves = bag_sorted(&t->r.l->waves);
    json_t *all = json_array();

    for (uint32_t i = 0; waves && i < t->r.m->server_count && i < PAGE_LANES; i++) {
        json_t *o = queue_json(t, waves, i);

        if (json_array_size(json_object_get(o, "t_ns")))
            page_push(all, o);
        else
            json_decref(o);
    }
    free(waves);
    return all;
}

json_t *page_timeline_json(struct page_timeline *t)
{
    json_t *o = json_object();
    uint32_t count_moves = t->r.m->move_count;

    reach_end(t);
    uint32_t bins = t->end_ns ? bin_of(t, t->end_ns) + 1 : 0;

    page_put(o, "start_ns", json_integer(0));
    page_put(o, "end_ns", json_u64(t->end_ns));
    page_put(o, "bin_ns", json_u64(t->bin_ns));
    page_put(o, "bins", bins_json(t, bins));
    page_put(o, "phases", phases_json(t->r.l));
    page_put(o, "moves", moves_json(&t->r));
    page_put(o, "moves_left_out",
             json_integer(count_moves > PAGE_LANES ? count_moves - PAGE_LANES : 0));
    put_dots(o, t);
    page_put(o, "queues", queues_json(t));
    return o;
}
