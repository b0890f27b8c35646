/* hist.c - mergeable log-linear latency histogram.
 *
 * Buckets are one wide below 2^11 and double in width with every further bit, 1,024 of them per bit. Counters are exact
 * integers: merging adds them, in any order.
 */
#include "base/hist.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>

#include "base/err.h"

#define SUB_BITS 11
#define TOP_US   ((UINT64_C(1) << 53) - 1)

bool hist_init(struct hist *h)
{
    *h = (struct hist){.bucket = calloc(HIST_BUCKETS, sizeof *h->bucket)};
    return h->bucket;
}

void hist_fini(struct hist *h)
{
    free(h->bucket);
    *h = (struct hist){0};
}

uint32_t hist_index(uint64_t us)
{
    if (us > TOP_US)
        us = TOP_US;
    if (us >> SUB_BITS == 0)
        return (uint32_t)us;
    uint32_t bits = 64 - (uint32_t)__builtin_clzll(us), e = bits - SUB_BITS;
    return (e << (SUB_BITS - 1)) + (uint32_t)(us >> e);
}

static uint32_t exponent(uint32_t index)
{
    return index >> SUB_BITS == 0 ? 0 : (index >> (SUB_BITS - 1)) - 1;
}

uint64_t hist_low(uint32_t index)
{
    uint32_t e = exponent(index);

    return (uint64_t)(index - (e << (SUB_BITS - 1))) << e;
}

uint64_t hist_high(uint32_t index)
{
    return hist_low(index) + (UINT64_C(1) << exponent(index)) - 1;
}

void hist_add(struct hist *h, uint64_t us)
{
    h->bucket[hist_index(us)]++;
    h->min = h->count == 0 || us < h->min ? us : h->min;
    h->max = us > h->max ? us : h->max;
    h->sum += us;
    h->count++;
}

void hist_merge(struct hist *into, const struct hist *from)
{
    if (from->count == 0)
        return;
    for (size_t i = 0; i < HIST_BUCKETS; i++)
        into->bucket[i] += from->bucket[i];
    into->min = into->count == 0 || from->min < into->min ? from->min : into->min;
    into->max = from->max > into->max ? from->max : into->max;
    into->sum += from->sum;
    into->count += from->count;
}

/* ceil(q * n), but 0.07 * 100 is 7 and not 8, although the product of the doubles lies a hair above 7. */
static uint64_t rank_of(double q, uint64_t n)
{
    double exact = q * (double)n, near = nearbyint(exact);
    double rank = fabs(exact - near) <= exact * 1e-12 ? near : ceil(exact);

    return rank < 1 ? 1 : (uint64_t)rank;
}

uint64_t hist_quantile(const struct hist *h, double q)
{
    uint64_t so_far = 0;

    PM_ASSERT(q >= 0 && q <= 1);
    if (h->count == 0)
        return 0;
    uint64_t rank = rank_of(q, h->count);
    for (uint32_t i = 0; i < HIST_BUCKETS; i++) {
        so_far += h->bucket[i];
        if (so_far >= rank)
            return hist_high(i);
    }
    return hist_high(HIST_BUCKETS - 1);
}
