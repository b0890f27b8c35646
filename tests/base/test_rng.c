/* The generator: the same value anywhere, even enough, and no stream like another. */
#include <math.h>
#include <string.h>

#include "base/rng.h"
#include "tests/support/check.h"

#define DRAWS 200000

/* Chi square of `counts` against even. */
static double unevenness(const uint32_t *counts, unsigned n, double total)
{
    double sum = 0, want = total / n;

    for (unsigned i = 0; i < n; i++)
        sum += (counts[i] - want) * (counts[i] - want) / want;
    return sum;
}

static void the_same_place_gives_the_same_value_anywhere(void)
{
    struct rng a = rng_at(7, 1, 41), b = rng_at(7, 1, 41);

    for (int i = 0; i < 5; i++)
        CHECK_U64(rng_u64(&a), rng_u64(&b));
}

static void values_are_frozen_because_runs_are_replayed_from_seeds(void)
{
    struct rng r = rng_at(248839, 3, 41);

    CHECK_U64(rng_u64(&r), 0xe2bf59d74fdc3f0dull);
    CHECK_U64(rng_u64(&r), 0xe302e05980af8517ull);
    r = rng_at(0, 0, 0);
    CHECK_U64(rng_u64(&r), 0x2c502b5d9521cf26ull);
}

/* 255 degrees of freedom: beyond 360 once in 50,000 tries. Each octet, of draws in a row and of first draws. */
static void octets_are_even_within_a_stream_and_across_counters(void)
{
    static uint32_t in_row[8][256], first[8][256];
    struct rng row = rng_at(1, 1, 1);

    memset(in_row, 0, sizeof in_row);
    memset(first, 0, sizeof first);
    for (uint64_t i = 0; i < DRAWS; i++) {
        struct rng at = rng_at(1, 1, i);
        uint64_t a = rng_u64(&row), b = rng_u64(&at);

        for (unsigned o = 0; o < 8; o++) {
            in_row[o][a >> 8 * o & 255]++;
            first[o][b >> 8 * o & 255]++;
        }
    }
    for (unsigned o = 0; o < 8; o++) {
        CHECK_BETWEEN(unevenness(in_row[o], 256, DRAWS), 170, 360);
        CHECK_BETWEEN(unevenness(first[o], 256, DRAWS), 170, 360);
    }
}

/* Half of the bits differ between neighbours in seed, stream, counter and draw: 32 of 64, sd of the mean 0.04. */
static void neighbours_differ_in_half_of_their_bits(void)
{
    uint64_t bits[4] = {0};
    int n = 10000;

    for (int i = 0; i < n; i++) {
        uint64_t s = (uint64_t)i;
        struct rng at = rng_at(s, 5, s), seed = rng_at(s + 1, 5, s), stream = rng_at(s, 6, s),
                   counter = rng_at(s, 5, s + 1);
        uint64_t v = rng_u64(&at);

        bits[0] += (unsigned)__builtin_popcountll(v ^ rng_u64(&seed));
        bits[1] += (unsigned)__builtin_popcountll(v ^ rng_u64(&stream));
        bits[2] += (unsigned)__builtin_popcountll(v ^ rng_u64(&counter));
        bits[3] += (unsigned)__builtin_popcountll(v ^ rng_u64(&at));
    }
    for (int k = 0; k < 4; k++)
        CHECK_BETWEEN((double)bits[k] / n, 31.8, 32.2);
}

static void streams_are_not_correlated(void)
{
    double sum = 0;

    for (uint64_t i = 0; i < DRAWS; i++) {
        struct rng a = rng_at(9, 1, i), b = rng_at(9, 2, i);

        sum += (rng_unit(&a) - 0.5) * (rng_unit(&b) - 0.5);
    }
    CHECK_BETWEEN(sum / DRAWS * 12, -0.01, 0.01); /* sd 0.0022 */
}

static void below_is_even_without_bias(void)
{
    uint32_t counts[7] = {0};
    struct rng r = rng_at(3, 3, 3);
    uint64_t big = (UINT64_C(1) << 63) + (UINT64_C(1) << 62), low = 0;

    for (int i = 0; i < DRAWS; i++)
        counts[rng_below(&r, 7)]++;
    CHECK_BETWEEN(unevenness(counts, 7, DRAWS), 0, 30);
    for (int i = 0; i < DRAWS;
         i++) /* a plain remainder would put two thirds into the lower third */
        low += rng_below(&r, big) < big / 3;
    CHECK_BETWEEN((double)low / DRAWS, 0.325, 0.342);
    CHECK_U64(rng_below(&r, 0), 0);
    CHECK_U64(rng_below(&r, 1), 0);
}

static void unit_stays_below_one_and_has_its_mean(void)
{
    struct rng r = rng_at(4, 4, 4);
    double sum = 0, low = 1, high = 0;

    for (int i = 0; i < DRAWS; i++) {
        double u = rng_unit(&r);

        sum += u;
        low = fmin(low, u);
        high = fmax(high, u);
    }
    CHECK_BETWEEN(sum / DRAWS, 0.497, 0.503);
    CHECK_BETWEEN(low, 0, 0.0002);
    CHECK_BETWEEN(high, 0.9998, 0x1.fffffffffffffp-1);
}

static void exponential_has_mean_and_variance_one(void)
{
    struct rng r = rng_at(5, 5, 5);
    double sum = 0, squares = 0;
    bool sane = true;

    for (int i = 0; i < DRAWS; i++) {
        double x = rng_exponential(&r);

        sane = sane && x >= 0 && x < 40;
        sum += x;
        squares += x * x;
    }
    CHECK(sane);
    CHECK_BETWEEN(sum / DRAWS, 0.99, 1.01);
    CHECK_BETWEEN(squares / DRAWS, 1.95, 2.05);
}

static const struct test tests[] = {
    TEST(the_same_place_gives_the_same_value_anywhere),
    TEST(values_are_frozen_because_runs_are_replayed_from_seeds),
    TEST(octets_are_even_within_a_stream_and_across_counters),
    TEST(neighbours_differ_in_half_of_their_bits),
    TEST(streams_are_not_correlated),
    TEST(below_is_even_without_bias),
    TEST(unit_stays_below_one_and_has_its_mean),
    TEST(exponential_has_mean_and_variance_one),
    TEST_END,
};
const struct suite rng_suite = {"rng", tests};
