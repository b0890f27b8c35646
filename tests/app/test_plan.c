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

struct planned { /* an arena, what was planned in it, and what went wrong */
    struct arena *arena;
    struct plan plan;
    struct err err;
    bool ok;
};

static struct planned plan_of(const char *shipped, const char *variant, const char *set)
{
    const char *sets[] = {set};
    struct profile_request rq = {
        .path = shipped, .variant = variant, .sets = sets, .set_count = set ? 1 : 0};
    struct planned p = {.arena = arena_create(1ul << 30)};
    const struct profile *profile = profile_load(p.arena, &rq, &p.err);

    p.ok = profile && plan_make(&p.plan, p.arena, profile, 1, &p.err);
    return p;
}

static void the_manifest_tells_protocols_deferred_delivery_and_our_own_mta(void)
{
    struct planned p = plan_of("q172364-x400", "mixed", "load.steady.deferred=90s");
    const struct manifest *m = &p.plan.manifest;

    if (CHECK_STR(p.err.text, "") && CHECK(p.ok)) {
        CHECK_U64(m->load_count, 2);
        CHECK_STR(m->loads[0].protocol, "p1");
        CHECK_U64(m->loads[0].deferred_ns, 90 * NS_PER_S);
        CHECK_STR(m->loads[1].protocol, "smtp");
        CHECK_U64(m->loads[1].deferred_ns, 0);
        CHECK_U64(m->server_count, 4);
        CHECK(manifest_is_ours(m, 3) && !manifest_is_ours(m, 2));
        CHECK(m->queues_visible);
        CHECK_U64(m->mailboxes[20].home, 3);
        CHECK_STR(m->mailboxes[20].address, "joe-1@ours.lab.test");
    }
    arena_destroy(p.arena);
    p = plan_of("q172364", NULL, "load.steady.deferred=90s");
    if (CHECK_STR(p.err.text, "") && CHECK(p.ok)) {
        CHECK_STR(p.plan.manifest.loads[0].protocol, "smtp");
        CHECK_U64(p.plan.manifest.loads[0].deferred_ns, 0);
    }
    arena_destroy(p.arena);
}

static uint64_t cache_of(const char *shipped, const char *set)
{
    struct planned p = plan_of(shipped, NULL, set);
    uint64_t ns = p.plan.manifest.cache_ns;

    CHECK_STR(p.err.text, "");
    arena_destroy(p.arena);
    return ns;
}

static void the_manifest_tells_how_long_a_home_is_trusted(void)
{
    CHECK_U64(cache_of("q172364", NULL), 60 * NS_PER_S); /* the lab's own */
    CHECK_U64(cache_of("q172364", "lab.knobs.ds_read_cache_latency=30s"), 30 * NS_PER_S);
    CHECK_U64(cache_of("q172364", "lab.knobs.ds_read_cache_latency=0s"), 0);
    CHECK_U64(cache_of("q172364", "settle.cache=5s"), 60 * NS_PER_S); /* a lab is not told */
    CHECK_U64(cache_of("q172364-cache-0", NULL), 0); /* changed by the run: not one lifetime */
    CHECK_U64(cache_of("live-dovecot-cache", NULL), 60 * NS_PER_S);
    CHECK_U64(cache_of("live-dovecot-sync", NULL), 0);
}

static void refused(const char *set, const char *part)
{
    struct planned p = plan_of("q172364-x400", NULL, set);

    CHECK(!p.ok);
    CHECK_U64((uint64_t)p.err.code, EX_BAD_PROFILE);
    CHECK_HAS(p.err.text, part);
    arena_destroy(p.arena);
}

static void or_addresses_that_cannot_be_are_refused_before_the_run(void)
{
    refused("x400.address=\"c=US;a= ;zz=x\"", "x400.address: ");
    refused("x400.address=\"c=US;a= ;p=LAB;s=ALL\"", " have the same O/R address");
    refused("x400.our_address=\"c=US;a= ;zz={local}\"", "x400.our_address: joe-1@ours.lab.test: ");
    refused("x400.domain=\"c=US;a= ;p=X;s=Joe\"", "x400.domain: expected a domain such as");
    refused("x400.domain=\"c=US\"", "x400.domain: a country and an ADMD are needed");
    refused("x400.domain=nonsense", "x400.domain: ");
    struct planned p =
        plan_of("q172364-x400", NULL, "x400.address=\"c=US;a= ;dda:RFC-822={smtp}\"");

    CHECK_STR(p.err.text, "");
    arena_destroy(p.arena);
}

/* The same matrix over P1: what its cells ask for, X.400 has too. */
static void every_cell_of_the_service_packs_can_be_planned_over_p1(void)
{
    struct planned all = plan_of("service-packs", NULL, NULL);

    CHECK(all.ok && all.plan.profile->variant_count > 50);
    for (uint32_t i = 0; all.ok && i < all.plan.profile->variant_count; i++) {
        struct planned p =
            plan_of("service-packs", all.plan.profile->variants[i], "run.protocol=p1");

        if (CHECK_STR(p.err.text, "") && CHECK(p.ok))
            CHECK_STR(p.plan.manifest.loads[0].protocol, "p1");
        arena_destroy(p.arena);
    }
    arena_destroy(all.arena);
}

/* With a run's own checks, too. */
static void every_shipped_profile_can_be_planned(void)
{
    struct arena *a = arena_create(1u << 20);
    const char *const *names = profile_shipped(a);

    for (; names && *names; names++) {
        struct planned p = plan_of(*names, NULL, NULL);

        CHECK_STR(p.err.text, "");
        arena_destroy(p.arena);
    }
    arena_destroy(a);
}

static const struct test tests[] = {
    TEST(the_manifest_tells_protocols_deferred_delivery_and_our_own_mta),
    TEST(or_addresses_that_cannot_be_are_refused_before_the_run),
    TEST(every_shipped_profile_can_be_planned),
    TEST(every_cell_of_the_service_packs_can_be_planned_over_p1),
    TEST(lateness_is_measured_by_the_shortest_knob_of_a_move),
    TEST(the_manifest_tells_how_long_a_home_is_trusted),
    TEST_END,
};

const struct suite plan_suite = {"plan", tests};
