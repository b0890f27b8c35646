/* counts.c - what people who watch are told of a run. */
#include "app/counts.h"

#include "base/clock.h"

const uint64_t spread_bounds_us[SPREAD_BOUNDS] = {
    100,    200,    500,     1000,    2000,    5000,     10000,    20000,    50000,    100000,
    200000, 500000, 1000000, 2000000, 5000000, 10000000, 20000000, 50000000, 100000000};

/* Each decade has three bounds, and bits at least 3.3: where to begin follows from the bits. */
static uint32_t bucket_of(uint64_t us)
{
    uint32_t bits = 64 - (uint32_t)__builtin_clzll(us | 1), i = bits > 7 ? (bits - 7) * 9 / 10 : 0;

    if (i > SPREAD_BOUNDS)
        return SPREAD_BOUNDS;
    while (i > 0 && us <= spread_bounds_us[i - 1])
        i--;
    while (i < SPREAD_BOUNDS && us > spread_bounds_us[i])
        i++;
    return i;
}

void spread_add(struct spread *s, uint64_t us)
{
    s->bucket[bucket_of(us)]++;
    s->sum_us += us;
}

void spread_merge(struct spread *into, const struct spread *from)
{
    for (uint32_t i = 0; i <= SPREAD_BOUNDS; i++)
        into->bucket[i] += from->bucket[i];
    into->sum_us += from->sum_us;
}

uint64_t spread_count(const struct spread *s)
{
    uint64_t count = 0;

    for (uint32_t i = 0; i <= SPREAD_BOUNDS; i++)
        count += s->bucket[i];
    return count;
}

uint64_t spread_within_us(const struct spread *s, double share)
{
    uint64_t count = spread_count(s), so_far = 0;

    if (count == 0)
        return 0;
    for (uint32_t i = 0; i < SPREAD_BOUNDS; i++) {
        so_far += s->bucket[i];
        if ((double)so_far >= share * (double)count)
            return spread_bounds_us[i];
    }
    return NEVER_NS;
}

/* NULL: a canary. */
static struct load_counts *load_of(struct book_counts *c, const struct manifest *m, uint64_t number)
{
    uint32_t i = 0;

    if (number >= m->planned_messages || m->load_count == 0)
        return NULL;
    while (i + 1 < m->load_count && i + 1 < COUNTS_LOADS && number >= m->loads[i + 1].first)
        i++;
    return &c->loads[i];
}

static void add_sent(struct book_counts *c, const struct manifest *m, const struct event *ev)
{
    uint64_t number = ev->slot / m->stride;
    struct load_counts *l = load_of(c, m, number);

    if (!l)
        return;
    if (number * m->stride == ev->slot) {
        l->messages++;
        spread_add(&l->late, ev->b);
    }
    l->recipients++;
}

static void add_end(struct book_counts *c, const struct manifest *m, const struct event *ev)
{
    struct load_counts *l = load_of(c, m, ev->slot / m->stride);
    unsigned ending = ev->a & 0xff;

    if (!l || ending > END_ACCEPTED)
        return;
    l->ended[ending]++;
    if (ending == END_ACCEPTED)
        spread_add(&l->accept, ev->b);
}

void counts_add(struct book_counts *c, const struct manifest *m, const struct event *events,
                uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        const struct event *ev = &events[i];

        if (ev->kind == EV_SENT)
            add_sent(c, m, ev);
        else if (ev->kind == EV_END)
            add_end(c, m, ev);
        else if (ev->kind == EV_REPORT && (ev->code & 7) <= REPORT_EXPANDED)
            c->reported[ev->code & 7]++;
    }
}

void counts_ledger(struct book_counts *c, const struct ledger_counts *l)
{
    c->attempted = l->attempted;
    c->accepted = l->accepted;
    c->refused = l->refused;
    c->doubt = l->doubt;
    c->aborted = l->aborted;
    c->seen = l->seen;
    c->reports = l->reports;
}

void counts_sum(const struct book_counts *c, struct load_counts *all)
{
    *all = (struct load_counts){0};
    for (uint32_t i = 0; i < COUNTS_LOADS; i++) {
        const struct load_counts *l = &c->loads[i];

        all->messages += l->messages;
        all->recipients += l->recipients;
        for (uint32_t k = 0; k <= END_ACCEPTED; k++)
            all->ended[k] += l->ended[k];
        spread_merge(&all->late, &l->late);
        spread_merge(&all->accept, &l->accept);
    }
}
