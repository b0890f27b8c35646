/* pacing.c - a histogram a load, made when its first message comes. */
#include "results/pacing.h"

#include <stdlib.h>

#include "base/clock.h"

bool pacing_init(struct pacing *p, uint32_t loads)
{
    *p = (struct pacing){.late = calloc(loads + 1ul, sizeof *p->late), .loads = loads};
    return p->late != NULL;
}

void pacing_fini(struct pacing *p)
{
    for (uint32_t i = 0; p->late && i < p->loads; i++)
        hist_fini(&p->late[i]);
    free(p->late);
    *p = (struct pacing){0};
}

bool pacing_add(struct pacing *p, uint32_t load, uint64_t late_us)
{
    struct hist *h = &p->late[load];

    if (!h->bucket && !hist_init(h))
        return false;
    hist_add(h, late_us);
    return true;
}

bool pacing_merge(struct pacing *into, const struct pacing *from)
{
    for (uint32_t i = 0; i < from->loads; i++) {
        if (!from->late[i].count)
            continue;
        if (!into->late[i].bucket && !hist_init(&into->late[i]))
            return false;
        hist_merge(&into->late[i], &from->late[i]);
    }
    return true;
}

void pacing_sum(const struct pacing *p, struct hist *all)
{
    for (uint32_t i = 0; i < p->loads; i++)
        if (p->late[i].count)
            hist_merge(all, &p->late[i]);
}

/* In real time. */
static uint64_t limit_of(const struct manifest *m, uint32_t load)
{
    uint64_t burst_ns = m->loads[load].burst_ns / (m->time_scale ? m->time_scale : 1);

    return burst_ns > m->max_lateness_ns ? burst_ns : m->max_lateness_ns;
}

static uint64_t p99_ns(const struct hist *h)
{
    uint64_t us = h->count ? hist_quantile(h, 0.99) : 0;

    return (us > h->max ? h->max : us) * NS_PER_US;
}

struct saturation pacing_saturation(const struct pacing *p, const struct manifest *m)
{
    struct saturation worst = {0};

    for (uint32_t i = 0; m->max_lateness_ns && i < p->loads; i++) {
        struct saturation s = {
            .any = true, .load = i, .p99_ns = p99_ns(&p->late[i]), .limit_ns = limit_of(m, i)};

        if (s.p99_ns > s.limit_ns &&
            (!worst.any || s.p99_ns - s.limit_ns > worst.p99_ns - worst.limit_ns))
            worst = s;
    }
    return worst;
}
