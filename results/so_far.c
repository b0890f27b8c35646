/* so_far.c - rounds over the messages of a run that goes on, and the classes that they come to. */
#include "results/so_far.h"

#include <stdlib.h>

#include "results/ledger_private.h"

#define PIECE       20000u
#define UNSENT_COST 16u /* so many messages that were not begun cost what one costs that was */

struct reading {
    const struct manifest *m;
    uint64_t *from; /* per load: messages before this one are over */
    uint32_t load;  /* where the next piece begins */
    uint64_t next;
    bool front; /* all messages of the load before `next` are over */
};

static void begin_load(struct reading *d)
{
    if (d->load < d->m->load_count)
        d->next = d->from[d->load];
    d->front = true;
}

struct reading *reading_create(const struct manifest *m, struct err *e)
{
    struct reading *d = calloc(1, sizeof *d);

    if (d) {
        d->m = m;
        d->from = calloc(m->load_count + 1ul, sizeof *d->from);
    }
    if (!d || !d->from) {
        reading_destroy(d);
        (void)err_set(e, EX_IO, "out of memory for what is known so far");
        return NULL;
    }
    for (uint32_t i = 0; i < m->load_count; i++)
        d->from[i] = m->loads[i].first;
    begin_load(d);
    return d;
}

void reading_destroy(struct reading *d)
{
    if (!d)
        return;
    free(d->from);
    free(d);
}

/* Other threads' blocks may be on their way: a message counts when it is known whom it was sent to. */
static bool is_recorded(const struct copy *copies, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (!copies[i].alternate && !copies[i].tried)
            return false;
    return true;
}

/* Nothing more is to be expected of it: it is fine or lost, and has been so for longer than what comes late takes. */
static bool is_over(const struct reading *d, const struct reader *r, const struct copy *p)
{
    return p->outcome != CLASS_UNKNOWN && r->now_ns > p->end_ns &&
           r->now_ns - p->end_ns > d->m->late_ns;
}

static void read_message(struct reading *d, struct copies *c, const struct reader *r)
{
    uint32_t n;
    const struct copy *all = copies_of(c, d->load, d->next, &n);
    bool over = d->front;

    if (!is_recorded(all, n)) {
        d->front = false;
        return;
    }
    for (uint32_t i = 0; over && i < n; i++)
        over = is_over(d, r, &all[i]);
    r->visit(r, c, all, n, over);
    d->front = over;
    if (over)
        d->from[d->load] = d->next + 1;
}

/* What is left of the piece. */
static uint64_t read_load(struct reading *d, struct copies *c, const struct reader *r,
                          uint64_t left)
{
    const struct ledger *l = copies_ledger(c);
    const struct manifest_load *load = &d->m->loads[d->load];
    uint64_t end = load->first + load->count;
    uint32_t unsent = 0;

    for (; d->next < end && left > 0; d->next++) {
        if (ledger_slot(l, d->next * d->m->stride)->sent) {
            read_message(d, c, r);
            left--;
            continue;
        }
        d->front = false;
        unsent++;
        left -= unsent % UNSENT_COST == 0;
    }
    if (d->next >= end) {
        d->load++;
        begin_load(d);
    }
    return left;
}

bool reading_go_on(struct reading *d, const struct ledger *l, const struct reader *r, bool *round,
                   struct err *e)
{
    struct copies *c = copies_create(l, e);
    uint64_t left = r->most;

    *round = false;
    if (!c)
        return false;
    while (d->load < d->m->load_count && left > 0)
        left = read_load(d, c, r, left);
    copies_destroy(c);
    *round = d->load >= d->m->load_count;
    if (*round) {
        d->load = 0;
        begin_load(d);
    }
    return true;
}

/* --------------------------------------------------------------------------------------------- for people who watch */

struct so_far {
    struct reading *reading;
    struct so_far_classes over, fresh; /* fresh: of the round under way */
};

struct so_far *so_far_create(const struct manifest *m, struct err *e)
{
    struct so_far *s = calloc(1, sizeof *s);

    if (!s) {
        (void)err_set(e, EX_IO, "out of memory for what is known so far");
        return NULL;
    }
    s->reading = reading_create(m, e);
    if (!s->reading) {
        free(s);
        return NULL;
    }
    return s;
}

void so_far_destroy(struct so_far *s)
{
    if (!s)
        return;
    reading_destroy(s->reading);
    free(s);
}

static void count_classes(const struct reader *r, struct copies *c, const struct copy *copies,
                          uint32_t n, bool over)
{
    struct so_far *s = r->owner;
    struct so_far_classes *into = over ? &s->over : &s->fresh;

    (void)c;
    for (uint32_t i = 0; i < n; i++)
        into->of[copies[i].outcome]++;
}

bool so_far_look(struct so_far *s, const struct ledger *l, uint64_t now_ns,
                 struct so_far_classes *c, bool *round, struct err *e)
{
    struct reader r = {.now_ns = now_ns, .most = PIECE, .visit = count_classes, .owner = s};

    if (!reading_go_on(s->reading, l, &r, round, e))
        return false;
    if (!*round)
        return true;
    for (int o = 0; o < CLASS_COUNT; o++)
        c->of[o] = s->over.of[o] + s->fresh.of[o];
    s->fresh = (struct so_far_classes){{0}};
    return true;
}
