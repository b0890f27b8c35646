/* race_window.c - how long, and where, is the moment of a move at which messages are lost? */
#include "results/race_window.h"

#include <math.h>
#include <stdlib.h>

#include "base/err.h"
#include "results/special.h"

static const struct length unknown = {0, {0, INFINITY}, INFINITY, false};

struct length window_from_share(struct proportion lost, double span, double alpha)
{
    struct interval exact = proportion_exact(lost, alpha);

    PM_ASSERT(span >= 0);
    if (lost.n == 0)
        return unknown;
    return (struct length){.value = span * proportion_rate(lost),
                           .interval = {span * exact.low, span * exact.high},
                           .upper = span * proportion_upper(lost, alpha),
                           .known = true};
}

struct length window_from_range(double range, uint64_t losses, double alpha)
{
    double n = (double)losses;

    PM_ASSERT(alpha > 0 && alpha < 1);
    if (losses < 2 || !(range > 0))
        return unknown;
    return (struct length){.value = range * (n + 1) / (n - 1),
                           .interval = {range / beta_tail_quantile(alpha / 2, n - 1, 2),
                                        range / beta_quantile(alpha / 2, n - 1, 2)},
                           .upper = range / beta_quantile(alpha, n - 1, 2),
                           .known = true};
}

static int compare(const void *a, const void *b)
{
    const struct shot *x = a;
    const struct shot *y = b;

    if (x->phase != y->phase)
        return x->phase < y->phase ? -1 : 1;
    return x->lost - y->lost;
}

void shots_sort(struct shot *list, size_t n)
{
    uint32_t lost = 0;

    if (n > 0)
        qsort(list, n, sizeof *list, compare);
    for (size_t i = 0; i < n; i++) {
        list[i].lost_before = lost;
        lost += list[i].lost;
    }
}

struct bracket window_bracket(const struct shot *list, size_t n)
{
    struct bracket b = {{-INFINITY, INFINITY}, {-INFINITY, INFINITY}, 0, 0};

    for (size_t i = 0; i < n; i++) {
        if (!list[i].lost)
            continue;
        b.begin.high = b.losses > 0 ? fmin(b.begin.high, list[i].phase) : list[i].phase;
        b.end.low = b.losses > 0 ? fmax(b.end.low, list[i].phase) : list[i].phase;
        b.losses++;
    }
    for (size_t i = 0; i < n && b.losses > 0; i++) {
        if (list[i].lost)
            continue;
        if (list[i].phase < b.begin.high)
            b.begin.low = fmax(b.begin.low, list[i].phase);
        else if (list[i].phase > b.end.low)
            b.end.high = fmin(b.end.high, list[i].phase);
        else
            b.inside++;
    }
    return b;
}
