/* The latency histogram: where values fall, quantiles, and merging in any order. */
#include <string.h>

#include "base/hist.h"
#include "base/rng.h"
#include "tests/support/check.h"

/* Computed apart from this code when the layout was chosen. */
static void values_fall_into_the_buckets_of_the_vectors(void)
{
    static const struct {
        uint64_t us, low, high;
        uint32_t index;
    } rows[] = {
        {0, 0, 0, 0},
        {2047, 2047, 2047, 2047},
        {2048, 2048, 2049, 2048},
        {2049, 2048, 2049, 2048},
        {4095, 4094, 4095, 3071},
        {4096, 4096, 4099, 3072},
        {10000, 10000, 10007, 4322},
        {1000000, 999936, 1000447, 11169},
        {60000000, 59998208, 60030975, 17191},
        {3600000000, 3598712832, 3600809983, 23220},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        CHECK_U64(hist_index(rows[i].us), rows[i].index);
        CHECK_U64(hist_low(rows[i].index), rows[i].low);
        CHECK_U64(hist_high(rows[i].index), rows[i].high);
    }
}

static void buckets_touch_without_gap_and_stay_within_a_thousandth(void)
{
    unsigned gaps = 0, misses = 0, wide = 0;

    for (uint32_t i = 0; i < HIST_BUCKETS; i++) {
        uint64_t low = hist_low(i), high = hist_high(i);

        gaps += i > 0 && low != hist_high(i - 1) + 1;
        misses += hist_index(low) != i || hist_index(high) != i;
        wide += (double)(high - low) > 0.001 * (double)low;
    }
    CHECK_U64(gaps, 0);
    CHECK_U64(misses, 0);
    CHECK_U64(wide, 0);
    CHECK_U64(hist_high(HIST_BUCKETS - 1), (UINT64_C(1) << 53) - 1);
    CHECK_U64(hist_index(UINT64_MAX), HIST_BUCKETS - 1);
}

static void quantiles_take_the_smallest_bucket_that_reaches_the_rank(void)
{
    struct hist h;

    if (!CHECK(hist_init(&h)))
        return;
    CHECK_U64(hist_quantile(&h, 0.5), 0);
    for (uint64_t us = 1; us <= 100; us++)
        hist_add(&h, us);
    CHECK_U64(hist_quantile(&h, 0), 1);
    CHECK_U64(hist_quantile(&h, 0.07), 7); /* 0.07 * 100 is 7.000000000000001 in doubles */
    CHECK_U64(hist_quantile(&h, 0.5), 50);
    CHECK_U64(hist_quantile(&h, 0.501), 51);
    CHECK_U64(hist_quantile(&h, 0.99), 99);
    CHECK_U64(hist_quantile(&h, 0.999), 100);
    CHECK_U64(hist_quantile(&h, 1), 100);
    hist_add(&h, 1000000);
    CHECK_U64(hist_quantile(&h, 1), 1000447);
    CHECK_U64(h.count, 101);
    CHECK_U64(h.sum, 5050 + 1000000);
    CHECK_U64(h.min, 1);
    CHECK_U64(h.max, 1000000);
    hist_fini(&h);
}

static bool same(const struct hist *a, const struct hist *b)
{
    return a->count == b->count && a->sum == b->sum && a->min == b->min && a->max == b->max &&
           memcmp(a->bucket, b->bucket, HIST_BUCKETS * sizeof *a->bucket) == 0;
}

static void merging_is_adding_in_any_order(void)
{
    struct hist whole, part[3], forward, backward;
    struct rng r = rng_at(6, 6, 6);
    bool ok = hist_init(&whole) && hist_init(&forward) && hist_init(&backward);

    for (int i = 0; i < 3; i++)
        ok = ok && hist_init(&part[i]);
    if (!CHECK(ok))
        return;
    for (int i = 0; i < 20000; i++) {
        uint64_t us = rng_u64(&r) >> (12 + rng_below(&r, 50));

        hist_add(&whole, us);
        hist_add(&part[i % 2], us); /* the third stays empty */
    }
    for (int i = 0; i < 3; i++) {
        hist_merge(&forward, &part[i]);
        hist_merge(&backward, &part[2 - i]);
    }
    CHECK(same(&whole, &forward));
    CHECK(same(&whole, &backward));
    hist_fini(&whole);
    hist_fini(&forward);
    hist_fini(&backward);
    for (int i = 0; i < 3; i++)
        hist_fini(&part[i]);
}

static const struct test tests[] = {
    TEST(values_fall_into_the_buckets_of_the_vectors),
    TEST(buckets_touch_without_gap_and_stay_within_a_thousandth),
    TEST(quantiles_take_the_smallest_bucket_that_reaches_the_rank),
    TEST(merging_is_adding_in_any_order),
    TEST_END,
};
const struct suite hist_suite = {"hist", tests};
