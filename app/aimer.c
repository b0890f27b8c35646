/* aimer.c - an errand to the book for each move and adaptive load, and its answer. */
#include "app/aimer.h"

#include <math.h>
#include <stdlib.h>

#include "app/post.h"
#include "results/aim_found.h"
#include "results/aim_shots.h"

struct request { /* a move of a load; the book's while it is under way */
    struct book_errand errand;
    struct aimer *aimer;
    struct request *next; /* of all, or waiting */
    uint32_t load, move;
    uint64_t now_ns;
    struct aimed *sends; /* per_move */
    int64_t *aims_ns;
};

struct aimer {
    struct aimer_config config;
    struct post_end line; /* to the desk: b: the request */
    struct request *waiting, **last_waiting;
    struct request *made; /* answered, or under way */
    uint32_t under_way, waiting_count;
};

static const struct load_profile *load_of(const struct request *q)
{
    return &q->aimer->config.work->profile->loads[q->load];
}

/* --- on the book's thread ------------------------------------------------------------------------------------------ */

static void plan(struct request *q, const struct aim_shots *s)
{
    const struct aimer_config *c = &q->aimer->config;
    struct aim_order o = aim_order_of(c->manifest, q->load, s->shots, s->count);

    o.random = rng_at(c->work->profile->seed, STREAM_AIM + q->load, q->move);
    (void)aim_plan(&o, q->sends, load_of(q)->per_move);
}

/* Without memory for what is known it is planned as if nothing were: that costs sends and makes nothing wrong. */
static void run_errand(void *owner, const struct ledger *l)
{
    struct request *q = owner;
    struct err e = {0};
    struct copies *copies = copies_create(l, &e);
    struct aim_shots s = {0};

    if (copies)
        (void)aim_shots_read(&s, copies, q->load, q->now_ns, &e);
    plan(q, &s);
    aim_shots_fini(&s);
    copies_destroy(copies);
    bool sent = post_send(&q->aimer->line, &(struct post){.b = (uintptr_t)q});
    PM_ASSERT(sent); /* no more of them are under way than the line has room for */
}

/* --- on the desk's -------------------------------------------------------------------------------------------------- */

static void send_waiting(struct aimer *a)
{
    while (a->waiting && a->under_way < BOOK_ERRANDS) {
        struct request *q = a->waiting;

        a->waiting = q->next;
        if (!a->waiting)
            a->last_waiting = &a->waiting;
        q->next = a->made;
        a->made = q;
        a->waiting_count--;
        a->under_way++;
        book_send(a->config.book, &q->errand);
    }
}

/* The first number of the load's messages of this move that are no priming ones. */
static uint64_t first_number(const struct request *q)
{
    const struct workload *w = q->aimer->config.work;
    const struct load_profile *l = load_of(q);
    uint64_t k = 0;

    while (w->aimed_moves[q->load][k] != q->move)
        k++;
    return w->first[q->load] + k * ((uint64_t)l->prime + l->per_move) + l->prime;
}

static void record(const struct request *q)
{
    const struct aimer_config *c = &q->aimer->config;
    uint64_t first = first_number(q);
    uint64_t now_ns = clock_target(c->clock, loop_now(c->desk));

    for (uint32_t i = 0; i < load_of(q)->per_move; i++) {
        const struct aimed *s = &q->sends[i];

        (void)journal_add(c->journal, &(struct event){.t_ns = now_ns,
                                                      .slot = (first + i) * c->work->stride,
                                                      .kind = EV_AIM,
                                                      .place = (uint16_t)load_of(q)->via,
                                                      .code = (uint32_t)llround(s->weight * 1e6),
                                                      .a = event_aim(q->move, s->bin),
                                                      .b = (uint32_t)llround(s->phase)});
        q->aims_ns[i] = (int64_t)llround(s->phase) * (int64_t)NS_PER_US;
    }
}

static void take(void *owner, const struct post *p)
{
    struct aimer *a = owner;
    struct request *q =
        (struct request *)(uintptr_t)p->b; // NOLINT(performance-no-int-to-ptr): posted as a number

    a->under_way--;
    record(q);
    free(q->sends);
    q->sends = NULL;
    a->config.aimed(a->config.owner, q->load, q->move, q->aims_ns);
    send_waiting(a);
}

static void free_all(struct request *q)
{
    while (q) {
        struct request *next = q->next;

        free(q->sends);
        free(q->aims_ns);
        free(q);
        q = next;
    }
}

static bool request(struct aimer *a, uint32_t load, uint32_t move)
{
    struct request *q = calloc(1, sizeof *q);
    uint32_t n = a->config.work->profile->loads[load].per_move;

    if (!q)
        return false;
    *q = (struct request){.aimer = a,
                          .load = load,
                          .move = move,
                          .now_ns = clock_target(a->config.clock, loop_now(a->config.desk)),
                          .sends = calloc(n + 1ul, sizeof *q->sends),
                          .aims_ns = calloc(n + 1ul, sizeof *q->aims_ns)};
    q->errand = (struct book_errand){run_errand, q};
    if (!q->sends || !q->aims_ns) {
        free_all(q);
        return false;
    }
    *a->last_waiting = q;
    a->last_waiting = &q->next;
    a->waiting_count++;
    return true;
}

static bool is_aimed_at(const struct workload *w, uint32_t load, uint32_t move)
{
    for (uint32_t k = 0; k < w->aimed_count[load]; k++)
        if (w->aimed_moves[load][k] == move)
            return true;
    return false;
}

static bool is_adaptive(const struct load_profile *l)
{
    return l->arrivals == ARRIVE_AIMED && l->law == LAW_ADAPTIVE;
}

bool aimer_asked(struct aimer *a, uint32_t move)
{
    const struct workload *w = a ? a->config.work : NULL;

    for (uint32_t i = 0; a && i < w->profile->load_count; i++)
        if (is_adaptive(&w->profile->loads[i]) && is_aimed_at(w, i, move) && !request(a, i, move))
            return false;
    if (a)
        send_waiting(a);
    return true;
}

bool aimer_is_idle(const struct aimer *a)
{
    return !a || a->under_way + a->waiting_count == 0;
}

bool aimer_open(struct aimer **out, const struct aimer_config *c, struct err *e)
{
    const struct profile *p = c->work->profile;
    bool any = false;

    *out = NULL;
    for (uint32_t i = 0; i < p->load_count; i++)
        any = any || is_adaptive(&p->loads[i]);
    if (!any)
        return true;
    struct aimer *a = calloc(1, sizeof *a);

    if (!a)
        return err_set(e, EX_IO, "out of memory for adaptive aim");
    a->config = *c;
    a->last_waiting = &a->waiting;
    if (!post_open(&a->line, c->desk, take, a, e)) {
        free(a);
        return false;
    }
    *out = a;
    return true;
}

void aimer_close(struct aimer *a)
{
    if (!a)
        return;
    post_close(&a->line);
    free_all(a->waiting);
    free_all(a->made);
    free(a);
}
