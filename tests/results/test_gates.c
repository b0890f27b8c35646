/* Gates: pass, fail, undecided. */
#include <string.h>

#include "results/gates.h"
#include "tests/results/world.h"
#include "tests/support/check.h"

static struct tally tally;

static enum verdict decide(const char *name, uint64_t limit, uint64_t residuals)
{
    struct manifest_gate g = {name, limit};

    return gate_decide(&g, &tally, residuals, tally.classes[CLASS_UNKNOWN]).verdict;
}

static void a_class_gate_fails_on_certain_copies_and_waits_for_open_ones(void)
{
    tally = (struct tally){0};
    CHECK_U64(decide("silent-loss", 0, 0), VERDICT_PASS);
    tally.classes[CLASS_SILENT_LOSS] = tally.certain[CLASS_SILENT_LOSS] = 3;
    CHECK_U64(decide("silent-loss", 2, 0), VERDICT_FAIL);
    CHECK_U64(decide("silent-loss", 3, 0), VERDICT_PASS);
    tally.classes[CLASS_UNKNOWN] = 1;
    CHECK_U64(decide("silent-loss", 3, 0), VERDICT_INCONCLUSIVE);
    CHECK_U64(decide("silent-loss", 4, 0), VERDICT_PASS);
    tally.classes[CLASS_DELIVERED_RESIDUE] = 5; /* none of them certain */
    CHECK_U64(decide("delivered-residue", 0, 0), VERDICT_INCONCLUSIVE);
}

static void unknown_copies_and_a_late_generator_never_fail_a_target(void)
{
    tally = (struct tally){0};
    CHECK(hist_init(&tally.lateness));
    tally.classes[CLASS_UNKNOWN] = 9;
    CHECK_U64(decide("unknown", 8, 0), VERDICT_INCONCLUSIVE);
    CHECK_U64(decide("unknown", 9, 0), VERDICT_PASS);
    hist_add(&tally.lateness, 15000);
    CHECK_U64(decide("pacing-p99", 10000000, 0), VERDICT_INCONCLUSIVE);
    CHECK_U64(decide("pacing-p99", 20000000, 0), VERDICT_PASS);
    CHECK_U64(decide("identities", 0, 1), VERDICT_INCONCLUSIVE);
    hist_fini(&tally.lateness);
}

static void flags_and_disproved_moves_are_gates_too(void)
{
    tally = (struct tally){0};
    tally.flags[FLAG_LATE] = 2;
    CHECK_U64(decide("late", 1, 0), VERDICT_FAIL);
    CHECK_U64(decide("late", 2, 0), VERDICT_PASS);
    tally.health.moves_disproved = 1;
    CHECK_U64(decide("moves-disproved", 0, 0), VERDICT_FAIL);
}

static void names_of_gates_are_known_and_others_are_not(void)
{
    CHECK(gate_is_known("silent-loss"));
    CHECK(gate_is_known("late"));
    CHECK(gate_is_known("pacing-p99"));
    CHECK(!gate_is_known("silent-los"));
    for (uint32_t i = 0; i < gates_default_count; i++)
        CHECK(gate_is_known(gates_default[i].name));
    CHECK_STR(gate_verdict_name(VERDICT_INCONCLUSIVE), "undecided");
}

static void an_allowed_number_of_unknown_copies_leaves_the_other_gates_alone(void)
{
    struct world w;

    world_init(&w, 2);
    w.m.move_count = 0;
    w.m.queues_visible = false;
    accepted(&w, 0, 10);
    accepted(&w, 1, 10);
    seen(&w, 1, 11, 0, BOB, 1);
    settle(&w, 400);
    w.gates[0] = (struct manifest_gate){"silent-loss", 0};
    w.gates[1] = (struct manifest_gate){"unknown", 0};
    w.m.gate_count = 2;
    CHECK_U64(judged(&w)->exit_code, EX_INCONCLUSIVE);
    w.gates[1].limit = 1;
    CHECK_U64(judged(&w)->exit_code, EX_PASS);
    w.m.gate_count = 1; /* no gate about it: unknown copies are not fine by themselves */
    CHECK_U64(judged(&w)->exit_code, EX_INCONCLUSIVE);
    world_fini(&w);
}

static const struct test tests[] = {
    TEST(a_class_gate_fails_on_certain_copies_and_waits_for_open_ones),
    TEST(unknown_copies_and_a_late_generator_never_fail_a_target),
    TEST(flags_and_disproved_moves_are_gates_too),
    TEST(names_of_gates_are_known_and_others_are_not),
    TEST(an_allowed_number_of_unknown_copies_leaves_the_other_gates_alone),
    TEST_END,
};

const struct suite gates_suite = {"gates", tests};
