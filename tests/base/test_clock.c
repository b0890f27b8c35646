/* Loop time, the target's time, and what does not fit. */
#include "base/clock.h"
#include "base/rng.h"
#include "tests/support/check.h"

static void target_time_runs_scale_times_as_fast(void)
{
    struct run_clock c = {.origin_ns = 5 * NS_PER_S, .scale = 60};

    CHECK_U64(clock_target(&c, 5 * NS_PER_S), 0);
    CHECK_U64(clock_target(&c, 6 * NS_PER_S), 60 * NS_PER_S);
    CHECK_U64(clock_loop(&c, 60 * NS_PER_S), 6 * NS_PER_S);
    CHECK_U64(clock_span(&c, 90 * NS_PER_S), 1500 * NS_PER_MS);
}

static void what_lies_before_the_origin_is_zero(void)
{
    struct run_clock c = {.origin_ns = 1000, .scale = 7};

    CHECK_U64(clock_target(&c, 0), 0);
    CHECK_U64(clock_target(&c, 999), 0);
    CHECK_U64(clock_loop(&c, 0), 1000);
}

static void a_timer_for_a_target_time_never_fires_before_it(void)
{
    struct rng r = rng_at(1, 2, 3);
    uint64_t early = 0, far = 0;

    for (int i = 0; i < 20000; i++) {
        struct run_clock c = {.origin_ns = rng_u64(&r) >> 8,
                              .scale = 1 + (uint32_t)rng_below(&r, 1000)};
        uint64_t want = rng_u64(&r) >> 8, got = clock_target(&c, clock_loop(&c, want));

        early += got < want;
        far += got - want >= c.scale;
    }
    CHECK_U64(early, 0);
    CHECK_U64(far, 0);
}

static void never_stays_never_and_too_far_becomes_never(void)
{
    struct run_clock c = {.origin_ns = 1000, .scale = 2};

    CHECK_U64(clock_loop(&c, NEVER_NS), NEVER_NS);
    CHECK_U64(clock_span(&c, NEVER_NS), NEVER_NS);
    CHECK_U64(clock_target(&c, NEVER_NS), NEVER_NS);
    CHECK_U64(clock_target(&c, NEVER_NS - 1), NEVER_NS);
    c = (struct run_clock){.origin_ns = 1000, .scale = 1};
    CHECK_U64(clock_loop(&c, NEVER_NS - 1), NEVER_NS);
}

static void the_real_clocks_go_forward(void)
{
    uint64_t a = clock_mono_ns(), b = clock_mono_ns();

    CHECK(b >= a && a > 0);
    CHECK(clock_wall_ns() > 1577836800 * NS_PER_S); /* 2020 */
}

static const struct test tests[] = {
    TEST(target_time_runs_scale_times_as_fast),
    TEST(what_lies_before_the_origin_is_zero),
    TEST(a_timer_for_a_target_time_never_fires_before_it),
    TEST(never_stays_never_and_too_far_becomes_never),
    TEST(the_real_clocks_go_forward),
    TEST_END,
};
const struct suite clock_suite = {"clock", tests};
