/* A generator that did not keep up says so: which loads count how, and what a saturated run certifies no more. */
#include <stdio.h>
#include <string.h>

#include "results/compare.h"
#include "results/pacing.h"
#include "tests/results/world.h"
#include "tests/support/check.h"
#include "tests/support/scratch.h"

#define MS(n) ((uint64_t)(n)*NS_PER_MS)

/* A hundred messages, delivered; so many of them left late_us after their time. */
static void late_world(struct world *w, uint32_t late, uint32_t late_us)
{
    world_init(w, 100);
    w->m.move_count = 0;
    w->m.max_lateness_ns = MS(100);
    for (uint32_t i = 0; i < 100; i++) {
        accepted(w, i, 120 + (double)i / 100);
        seen(w, i, 130, 0, BOB, 1);
    }
    settle(w, 400);
    for (uint32_t i = 0; i < w->count; i++)
        if (w->events[i].kind == EV_SENT)
            w->events[i].b = w->events[i].slot / 2 < late ? late_us : 1000;
}

static bool has_reason(const struct judgement *j, const char *words)
{
    for (uint32_t i = 0; i < j->reason_count; i++)
        if (strstr(j->reasons[i], words))
            return true;
    return false;
}

static void check_summary(const struct judgement *j, const char *words)
{
    struct buf text;
    struct err e = {0};

    buf_init(&text, 1u << 20);
    CHECK(judgement_print_summary(j, &text, &e));
    CHECK_HAS(buf_text(&text), words);
    buf_fini(&text);
}

static void a_generator_that_keeps_up_certifies_its_latencies(void)
{
    struct world w;

    late_world(&w, 1, 2000000); /* one of a hundred may be late */
    CHECK(!judged(&w)->tally.saturation.any);
    CHECK(!has_reason(w.judgement, "GENERATOR-SATURATED"));
    check_summary(w.judgement, "\"certified\": true");
    check_summary(w.judgement, "\"saturated\": false");
    check_summary(w.judgement, "\"max_lateness_ns\": 100000000");
    world_fini(&w);
}

static void a_saturated_generator_is_said_first_and_certifies_no_latency(void)
{
    struct world w;
    struct buf text;

    late_world(&w, 2, 250000);
    buf_init(&text, 1u << 20);
    CHECK(judged(&w)->tally.saturation.any);
    CHECK(w.judgement->reason_count > 0 &&
          strncmp(w.judgement->reasons[0], "GENERATOR-SATURATED: 99 of 100 messages left up to 2",
                  51) == 0);
    CHECK(has_reason(w.judgement, "more than run.max_lateness (100ms): latencies are not "
                                  "certified"));
    CHECK(judgement_text(w.judgement, &text, false));
    CHECK_HAS(buf_text(&text), "lab 5.5-sp3\n  - GENERATOR-SATURATED: ");
    check_summary(w.judgement, "\"certified\": false");
    check_summary(w.judgement, "\"saturated\": true");
    CHECK_U64(w.judgement->tally.classes[CLASS_DELIVERED], 100);
    CHECK_U64(w.judgement->exit_code, EX_PASS); /* losses are as certain as ever */
    buf_fini(&text);
    world_fini(&w);
}

static void a_gate_about_latency_is_undecided_when_the_generator_was_saturated(void)
{
    struct world w;

    late_world(&w, 2, 250000);
    w.gates[0] = (struct manifest_gate){"late", 0};
    w.gates[1] = (struct manifest_gate){"silent-loss", 0};
    w.m.gate_count = 2;
    CHECK_U64(judged(&w)->gates[0].verdict, VERDICT_INCONCLUSIVE);
    CHECK_U64(w.judgement->gates[1].verdict, VERDICT_PASS);
    CHECK_U64(w.judgement->exit_code, EX_INCONCLUSIVE);
    CHECK(has_reason(w.judgement, "the gate late is undecided: latencies are not certified"));
    w.m.late_ns = 1; /* and where copies are late */
    CHECK_U64(judged(&w)->gates[0].count, 100);
    CHECK_U64(w.judgement->gates[0].verdict, VERDICT_INCONCLUSIVE);
    w.m.max_lateness_ns = 0;
    CHECK_U64(judged(&w)->gates[0].verdict, VERDICT_FAIL);
    world_fini(&w);
}

static void a_manifest_without_a_limit_is_never_saturated(void)
{
    struct world w;

    late_world(&w, 100, UINT32_MAX);
    w.m.max_lateness_ns = 0;
    CHECK(!judged(&w)->tally.saturation.any);
    check_summary(w.judgement, "\"certified\": true");
    world_fini(&w);
}

/* Bursts every 60 s of target time, which at scale 60 is one second. */
static void a_burst_is_late_only_when_the_next_one_is_due(void)
{
    struct world w;

    late_world(&w, 50, 900000);
    w.loads[0].burst_ns = S(60);
    CHECK(!judged(&w)->tally.saturation.any);
    world_fini(&w);
    late_world(&w, 50, 1100000);
    w.loads[0].burst_ns = S(60);
    CHECK(judged(&w)->tally.saturation.any);
    CHECK(has_reason(w.judgement, "more than the time between two bursts (1s)"));
    world_fini(&w);
    late_world(&w, 50, 90000); /* bursts so dense that the limit of the run is the longer one */
    w.loads[0].burst_ns = S(1);
    CHECK(!judged(&w)->tally.saturation.any);
    world_fini(&w);
}

static void one_late_load_is_enough_and_is_named(void)
{
    struct world w;

    late_world(&w, 10, 300000);
    w.loads[1] = w.loads[0];
    w.loads[0].count = 90;
    w.loads[1].name = "fast";
    w.loads[1].first = 90;
    w.loads[1].count = 10;
    w.m.load_count = 2;
    for (uint32_t i = 0; i < w.count; i++)
        if (w.events[i].kind == EV_SENT)
            w.events[i].b = w.events[i].slot / 2 >= 90 ? 300000 : 1000;
    CHECK(judged(&w)->tally.saturation.any);
    CHECK_U64(w.judgement->tally.saturation.load, 1);
    CHECK(has_reason(w.judgement, "99 of 100 messages of load fast left up to 3"));
    CHECK_U64(w.judgement->tally.lateness.count, 100); /* over all loads */
    world_fini(&w);
}

static void latencies_of_a_saturated_run_are_not_compared(void)
{
    struct arena *a = arena_create(1u << 20);
    struct comparison *c;
    struct compared runs[2];
    struct err e = {0};
    struct buf out;
    struct world w;
    char path[400];

    for (uint32_t i = 0; i < 2; i++) {
        const char *dir = scratch_dir(i ? "pacing-late" : "pacing-good");

        late_world(&w, i ? 50 : 0, 500000);
        w.m.variant = i ? "late" : "good";
        (void)snprintf(path, sizeof path, "%s/summary.json", dir);
        CHECK(judgement_write_summary(judged(&w), path, &e));
        CHECK(compared_read(&runs[i], a, dir, &e));
        world_fini(&w);
    }
    CHECK(!runs[0].saturated);
    CHECK(runs[1].saturated);
    CHECK(runs[0].accept_p99_us > 0);
    buf_init(&out, 1u << 20);
    c = comparison_make(a, runs, 2, true, &e);
    CHECK(c && compare_text(c, false, &out, false));
    CHECK_HAS(buf_text(&out), "accept p99");
    CHECK_HAS(buf_text(&out), "      saturated\n");
    CHECK_HAS(buf_text(&out),
              "late: GENERATOR-SATURATED: its latencies are not certified and cannot "
              "be compared\n");
    buf_clear(&out);
    CHECK(c && compare_json(c, &out, &e));
    CHECK_HAS(buf_text(&out), "\"accept_p99_us\": null");
    CHECK_HAS(buf_text(&out), "\"latencies_certified\": true");
    buf_fini(&out);
    arena_destroy(a);
}

static void a_share_of_bodies_is_said_and_changes_no_verdict(void)
{
    struct world w;

    late_world(&w, 0, 0);
    check_summary(judged(&w), "\"content_percent\": 100");
    CHECK(!has_reason(w.judgement, "bodies"));
    w.m.content_percent = 25;
    CHECK_U64(judged(&w)->exit_code, EX_PASS);
    CHECK(has_reason(w.judgement, "the bodies of 25 % of the messages were compared; of the others "
                                  "only headers were read: corruption elsewhere cannot be seen"));
    check_summary(w.judgement, "\"content_percent\": 25");
    world_fini(&w);
}

static const struct test tests[] = {
    TEST(a_generator_that_keeps_up_certifies_its_latencies),
    TEST(a_saturated_generator_is_said_first_and_certifies_no_latency),
    TEST(a_gate_about_latency_is_undecided_when_the_generator_was_saturated),
    TEST(a_manifest_without_a_limit_is_never_saturated),
    TEST(a_burst_is_late_only_when_the_next_one_is_due),
    TEST(one_late_load_is_enough_and_is_named),
    TEST(latencies_of_a_saturated_run_are_not_compared),
    TEST(a_share_of_bodies_is_said_and_changes_no_verdict),
    TEST_END,
};

const struct suite pacing_suite = {"pacing", tests};
