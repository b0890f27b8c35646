/* test_shipped.c - every shipped profile and variant on simulated time: verdict and truth agree copy by copy, the classes
 * that its article promises show, and the same seed gives the same bytes. The matrix has suites of its own.
 */
#include <stdio.h>
#include <string.h>

#include "results/judge.h"
#include "tests/sim/sim_run.h"
#include "tests/support/check.h"
#include "tests/support/scratch.h"

struct shipped {
    const char *name, *variant;
    uint32_t shows, never; /* 1 << class, of primary copies */
    const char *sets[3];
};

#define C(name) (1u << CLASS_##name)

#define TROUBLE                                                                                    \
    (C(NDR) | C(STRANDED) | C(SILENT_LOSS) | C(DUPLICATED) | C(MISDELIVERED) | C(CORRUPTED) |      \
     C(LEFT_BEHIND) | C(VANISHED) | C(CONTRADICTION) | C(UNKNOWN))

static const struct shipped shipped[] = {
    {"control", "", C(DELIVERED), TROUBLE, {"load.steady.rate=200/s", "load.steady.duration=5s"}},
    {"q172364", "", C(DELIVERED) | C(NDR), TROUBLE & ~C(NDR), {0}},
    {"q172364", "sp4", C(DELIVERED) | C(NDR), TROUBLE & ~C(NDR), {0}},
    {"q172364", "modern", C(DELIVERED), TROUBLE, {0}},
    {"q172364-both-moving", "", C(DELIVERED) | C(STRANDED), TROUBLE & ~(C(NDR) | C(STRANDED)), {0}},
    {"q172364-cache-0", "", C(DELIVERED), TROUBLE, {0}},
    {"q172364-offline", "", C(DELIVERED), TROUBLE, {0}},
    {"q172364-offline", "short-move", C(DELIVERED) | C(NDR), TROUBLE & ~C(NDR), {0}},
    {"q248839", "", C(DELIVERED) | C(SILENT_LOSS), TROUBLE & ~(C(NDR) | C(SILENT_LOSS)), {0}},
    {"q248839", "sp4", C(DELIVERED) | C(NDR), TROUBLE & ~C(NDR), {0}},
    {"q248839-alternate-removed",
     "",
     C(DELIVERED) | C(SILENT_LOSS),
     TROUBLE & ~(C(NDR) | C(SILENT_LOSS)),
     {0}},
    {"q248839-alternate-removed", "early", C(DELIVERED) | C(NDR), TROUBLE & ~C(NDR), {0}},
    {"q172364-x400", "", C(DELIVERED) | C(NDR), TROUBLE & ~C(NDR), {0}},
    {"q172364-x400", "mixed", C(DELIVERED) | C(NDR), TROUBLE & ~C(NDR), {0}},
    {"q248839-x400", "", C(DELIVERED) | C(SILENT_LOSS), TROUBLE & ~(C(NDR) | C(SILENT_LOSS)), {0}},
    {"q248839-x400", "sp4", C(DELIVERED) | C(NDR), TROUBLE & ~C(NDR), {0}},
};

#define SHIPPED (sizeof shipped / sizeof shipped[0])

static uint32_t set_count(const struct shipped *p)
{
    uint32_t n = 0;

    while (n < sizeof p->sets / sizeof p->sets[0] && p->sets[n])
        n++;
    return n;
}

static bool walk_as(struct sim_run *s, const struct shipped *p, const char *dir,
                    enum truth_view view)
{
    struct sim_order o = {.view = view,
                          .profile = {.path = p->name,
                                      .variant = p->variant,
                                      .sets = p->sets,
                                      .set_count = set_count(p)},
                          .dir = dir,
                          .net = {.start_ns = 1000000000,
                                  .latency_min_ns = 50000,
                                  .latency_max_ns = 500000,
                                  .split_per_mille = 20}};
    char text[1500];
    bool ok = sim_walk(s, &o);

    (void)snprintf(text, sizeof text, "%s %s: %s", p->name, p->variant, s->wrong);
    return check_true(ok, text, __FILE__, __LINE__);
}

static bool walk(struct sim_run *s, const struct shipped *p, const char *dir)
{
    return walk_as(s, p, dir, TRUTH_WHOLE);
}

static void check_classes(const struct shipped *p, const struct judgement *j)
{
    char text[200];

    for (unsigned c = 0; c < CLASS_COUNT; c++) {
        uint64_t n = j->tally.primaries[c];

        (void)snprintf(text, sizeof text, "%s %s: %llu primary copies %s", p->name, p->variant,
                       (unsigned long long)n, class_name((enum outcome)c));
        if (p->shows >> c & 1)
            (void)check_true(n > 0, text, __FILE__, __LINE__);
        if (p->never >> c & 1)
            (void)check_true(n == 0, text, __FILE__, __LINE__);
    }
}

static void every_profile_shows_what_its_article_says(void)
{
    char dir[600];
    struct sim_run s;

    for (size_t i = 0; i < SHIPPED; i++) {
        (void)snprintf(dir, sizeof dir, "%s/run", scratch_dir("shipped"));
        if (walk(&s, &shipped[i], dir))
            check_classes(&shipped[i], s.result.judgement);
        sim_fini(&s);
    }
}

static void the_same_seed_gives_the_same_bytes(void)
{
    static const size_t some[] = {1, 4, 8, 13, 14};
    char dir[300], one[320], two[320], why[400];
    struct sim_run s;

    for (size_t i = 0; i < sizeof some / sizeof some[0]; i++) {
        const struct shipped *p = &shipped[some[i]];

        (void)snprintf(dir, sizeof dir, "%s", scratch_dir("twice"));
        (void)snprintf(one, sizeof one, "%s/one", dir);
        (void)snprintf(two, sizeof two, "%s/two", dir);
        if (walk(&s, p, one)) {
            sim_fini(&s);
            if (walk(&s, p, two) && !sim_same_bytes(one, two, why, sizeof why))
                (void)check_true(false, why, __FILE__, __LINE__);
        }
        sim_fini(&s);
    }
}

static void silent_loss_becomes_a_report_with_sp4_and_nothing_more_is_delivered(void)
{
    char dir[600];
    struct sim_run sp3, sp4;

    (void)snprintf(dir, sizeof dir, "%s/run", scratch_dir("sp3"));
    bool ok = walk(&sp3, &shipped[8], dir);

    (void)snprintf(dir, sizeof dir, "%s/run", scratch_dir("sp4"));
    ok = walk(&sp4, &shipped[9], dir) && ok;
    if (ok) {
        const uint64_t *before = sp3.result.judgement->tally.primaries;
        const uint64_t *after = sp4.result.judgement->tally.primaries;

        CHECK(before[CLASS_SILENT_LOSS] > 0);
        CHECK_U64(after[CLASS_SILENT_LOSS], 0);
        CHECK_U64(after[CLASS_DELIVERED], before[CLASS_DELIVERED]);
        CHECK_U64(after[CLASS_NDR], before[CLASS_NDR] + before[CLASS_SILENT_LOSS]);
    }
    sim_fini(&sp3);
    sim_fini(&sp4);
}

static void without_sight_of_the_queues_what_is_silent_is_unknown(void)
{
    static const struct shipped blind[] = {
        {"q248839", "", 0, 0, {"probes.queues=null"}},
        {"q172364-both-moving", "", 0, 0, {"probes.queues=null"}},
    };
    char dir[600];
    struct sim_run s;

    for (size_t i = 0; i < sizeof blind / sizeof blind[0]; i++) {
        (void)snprintf(dir, sizeof dir, "%s/run", scratch_dir("blind"));
        if (walk_as(&s, &blind[i], dir, TRUTH_BLIND)) {
            const uint64_t *n = s.result.judgement->tally.primaries;

            CHECK(n[CLASS_UNKNOWN] > 0 && n[CLASS_DELIVERED] > 0);
            CHECK_U64(n[CLASS_SILENT_LOSS] + n[CLASS_STRANDED] + n[CLASS_VANISHED], 0);
        }
        sim_fini(&s);
    }
}

static const struct test tests[] = {
    TEST(every_profile_shows_what_its_article_says),
    TEST(the_same_seed_gives_the_same_bytes),
    TEST(without_sight_of_the_queues_what_is_silent_is_unknown),
    TEST(silent_loss_becomes_a_report_with_sp4_and_nothing_more_is_delivered),
    TEST_END,
};

const struct suite shipped_suite = {"shipped", tests};
