/* permutation.c - dealing the moves to the two builds at random.
 *
 * Only the sums of one arm are needed, the smaller one's: the rest is what is left of all. Exact arrangements are walked in
 * lexicographic order, in which mostly one member changes.
 */
#include "results/permutation.h"

#include <math.h>
#include <string.h>

#include "base/err.h"
#include "base/rng.h"
#include "results/special.h"

#define EXACT_MOST 1000000u
#define DRAWS      100000u
#define STREAM     0x7065726du /* "perm" */

struct deal {
    struct proportion *moves; /* the smaller arm first */
    size_t count, part;       /* of all moves; of the smaller arm */
    uint32_t *member;         /* of the smaller arm: ascending */
    struct proportion all;
    double seen; /* the statistic, b minus a, that was observed; a little less, for ties */
    bool part_is_a;
};

static struct proportion sum_of(const struct proportion *list, size_t n)
{
    struct proportion sum = {0, 0};

    for (size_t i = 0; i < n; i++) {
        sum.k += list[i].k;
        sum.n += list[i].n;
    }
    return sum;
}

/* Rate of b minus rate of a; an arm without messages differs in nothing. The numerator is exact (below 2^64): 0 is 0. */
static double statistic(const struct deal *d, struct proportion part)
{
    double left = (double)(d->all.n - part.n);

    if (part.n == 0 || left <= 0)
        return 0;
    long double diff = (long double)d->all.k * part.n - (long double)part.k * d->all.n;
    double rest_minus_part = (double)diff / ((double)part.n * left);
    return d->part_is_a ? rest_minus_part : -rest_minus_part;
}

static bool extreme(const struct deal *d, struct proportion part)
{
    return statistic(d, part) >= d->seen;
}

static bool deal_init(struct deal *d, struct moves a, struct moves b, struct arena *scratch)
{
    bool a_first = a.count <= b.count;
    struct moves first = a_first ? a : b;
    struct moves second = a_first ? b : a;

    *d = (struct deal){.count = a.count + b.count, .part = first.count, .part_is_a = a_first};
    PM_ASSERT(d->count < UINT32_MAX);
    d->moves = arena_new(scratch, struct proportion, d->count);
    d->member = arena_new(scratch, uint32_t, d->count);
    if (!d->moves || !d->member)
        return false;
    memcpy(d->moves, first.list, first.count * sizeof *d->moves);
    memcpy(d->moves + first.count, second.list, second.count * sizeof *d->moves);
    for (size_t i = 0; i < d->count; i++)
        d->member[i] = (uint32_t)i;
    d->all = sum_of(d->moves, d->count);
    double seen = statistic(d, sum_of(d->moves, d->part));
    d->seen = seen - fabs(seen) * 1e-12;
    return true;
}

/* The next set of members in lexicographic order, and its sums; false after the last. */
static bool deal_next(struct deal *d, struct proportion *part)
{
    size_t i = d->part;

    while (i > 0 && d->member[i - 1] == d->count - d->part + i - 1)
        i--;
    if (i == 0)
        return false;
    uint32_t next = d->member[i - 1] + 1;
    for (size_t m = i - 1; m < d->part; m++, next++) {
        const struct proportion *old = &d->moves[d->member[m]];
        const struct proportion *new = &d->moves[next];

        part->k += new->k - old->k;
        part->n += new->n - old->n;
        d->member[m] = next;
    }
    return true;
}

static struct permutation deal_all(struct deal *d)
{
    struct proportion part = sum_of(d->moves, d->part);
    uint64_t hits = 0;
    uint64_t total = 0;

    do {
        hits += extreme(d, part);
        total++;
    } while (deal_next(d, &part));
    return (struct permutation){(double)hits / (double)total, total, true};
}

static struct permutation deal_some(struct deal *d, uint64_t seed)
{
    struct rng r = rng_at(seed, STREAM, 0);
    uint64_t hits = 0;

    for (uint32_t draw = 0; draw < DRAWS; draw++) {
        struct proportion part = {0, 0};

        for (size_t i = 0; i < d->part;
             i++) { /* the first cards of a shuffle, on what the last one left */
            size_t j = i + rng_below(&r, d->count - i);
            struct proportion move = d->moves[j];

            d->moves[j] = d->moves[i];
            d->moves[i] = move;
            part.k += move.k;
            part.n += move.n;
        }
        hits += extreme(d, part);
    }
    return (struct permutation){(double)(hits + 1) / (DRAWS + 1.0), DRAWS, false};
}

struct permutation permutation_by_move(struct moves a, struct moves b, uint64_t seed,
                                       struct arena *scratch)
{
    struct deal d;

    if (a.count == 0 || b.count == 0)
        return (struct permutation){1, 1, true};
    if (!deal_init(&d, a, b, scratch))
        return (struct permutation){NAN, 0, false};
    double ways = choose_log((double)d.count, (double)d.part);
    return ways <= log(EXACT_MOST + 0.5) ? deal_all(&d) : deal_some(&d, seed);
}
