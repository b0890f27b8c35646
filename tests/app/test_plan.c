/* test_plan.c - what a run is told before it begins. */
#include "app/plan.h"
#include "base/clock.h"
#include "tests/support/check.h"

static uint64_t limit_of(const char *shipped, const char *set)
{
    const char *sets[] = {set};
    struct profile_request rq = {.path = shipped, .sets = sets, .set_count = set ? 1 : 0};
    struct arena *a = arena_create(1ul << 30);
    struct err e = {0};
    struct plan p = {0};
    const struct profile *profile = profile_load(a, &rq, &e);
    uint64_t limit = profile && plan_make(&p, a, profile, 1, &e) ? p.manifest.lateness_limit_ns : 0;

    CHECK_STR(e.text, "");
    arena_destroy(a);
    return limit;
}

static void lateness_is_measured_by_the_shortest_knob_of_a_move(void)
{
    CHECK_U64(limit_of("control", NULL), 0); /* nothing moves */
    CHECK_U64(limit_of("q172364", NULL), 60 * NS_PER_S);
    CHECK_U64(limit_of("q172364", "lab.knobs.ds_read_cache_latency=0s"), 60 * NS_PER_S);
    CHECK_U64(limit_of("q172364", "lab.knobs.ds_read_cache_latency=30s"), 30 * NS_PER_S);
    CHECK_U64(limit_of("q172364", "lab.knobs.create_to_flag=20s"), 20 * NS_PER_S);
    CHECK_U64(limit_of("q172364", "lab.knobs.create_to_flag=2m"), 60 * NS_PER_S);
}

static const struct test tests[] = {
    TEST(lateness_is_measured_by_the_shortest_knob_of_a_move),
    TEST_END,
};

const struct suite plan_suite = {"plan", tests};
