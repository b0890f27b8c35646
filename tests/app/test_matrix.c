/* test_matrix.c - what a cell of a matrix is called, from judgements made by hand. */
#include <string.h>

#include "app/matrix.h"
#include "base/clock.h"
#include "results/judge.h"
#include "tests/support/check.h"

struct cell {
    struct profile profile;
    struct move_profile moves[1];
    struct manifest manifest;
    struct manifest_move planned[1];
    struct move_marks marks[1];
    struct judgement judgement;
    struct job job;
    const char *allowed[3], *names[2];
};

/* One verified move, ten primaries and ten alternates delivered, two primaries lost: as expected. */
static void make(struct cell *c)
{
    *c = (struct cell){
        .moves = {{.name = "users", .options = ""}},
        .planned = {{.schedule = "users"}},
        .allowed = {"delivered", "silent-loss"},
        .names = {"C", "5.5-sp3"},
    };
    c->profile = (struct profile){.moves = c->moves,
                                  .move_count = 1,
                                  .scenarios = &c->names[0],
                                  .scenario_titles = &c->names[0],
                                  .scenario_count = 1,
                                  .versions = &c->names[1],
                                  .version_count = 1,
                                  .has_expect = true};
    c->profile.expect.allowed = c->allowed;
    c->profile.expect.allowed_count = 2;
    c->profile.expect.must = "silent-loss";
    c->manifest = (struct manifest){.moves = c->planned, .move_count = 1};
    for (int i = 0; i < MARK_COUNT; i++)
        c->marks[0].mark_ns[i] = i == MARK_FAILED || i == MARK_DISPROVED ? NEVER_NS : 1;
    c->judgement.manifest = &c->manifest;
    c->judgement.exit_code = EX_FAIL;
    c->judgement.tally.marks = c->marks;
    c->judgement.tally.health.ended = true;
    c->judgement.tally.classes[CLASS_DELIVERED] = 20;
    c->judgement.tally.primaries[CLASS_DELIVERED] = 10;
    c->judgement.tally.classes[CLASS_SILENT_LOSS] = 2;
    c->judgement.tally.primaries[CLASS_SILENT_LOSS] = 2;
    c->job = (struct job){.path = "p",
                          .variant = "C/5.5-sp3",
                          .profile = &c->profile,
                          .result = {.judgement = &c->judgement, .exit_code = EX_FAIL},
                          .ended = true};
}

static void a_cell_with_allowed_classes_and_the_one_that_must_show_is_as_expected(void)
{
    struct cell c;

    make(&c);
    CHECK_U64(matrix_cell(&c.job), CELL_AS_EXPECTED);
    c.judgement.tally.classes[CLASS_SILENT_LOSS] = 0;
    c.judgement.tally.primaries[CLASS_SILENT_LOSS] = 0;
    CHECK_U64(matrix_cell(&c.job), CELL_NOT_REPRODUCED);
    c.judgement.tally.classes[CLASS_NDR] = 1;
    c.judgement.tally.primaries[CLASS_NDR] = 1;
    CHECK_U64(matrix_cell(&c.job), CELL_UNEXPECTED);
}

static void what_was_sent_too_late_to_be_reproduced_says_so(void)
{
    struct cell c;
    uint32_t counts[CELL_NO_VERDICT + 1];
    struct campaign all = {.jobs = &c.job, .count = 1};
    struct buf text;

    make(&c);
    c.manifest.lateness_limit_ns = 60 * NS_PER_S;
    c.judgement.tally.health.windows_late = true;
    buf_init(&text, 1u << 16);
    if (CHECK(matrix_print(&all, "p", &text, counts)))
        CHECK(strstr(buf_text(&text), "quieter") == NULL); /* it was reproduced all the same */
    c.judgement.tally.primaries[CLASS_SILENT_LOSS] = 0;
    c.judgement.tally.classes[CLASS_SILENT_LOSS] = 0;
    buf_fini(&text);
    buf_init(&text, 1u << 16);
    if (CHECK(matrix_print(&all, "p", &text, counts)))
        CHECK_HAS(buf_text(&text), "more than the scenario stands (1m): run it again");
    CHECK_U64(counts[CELL_NOT_REPRODUCED], 1);
    buf_fini(&text);
}

static void a_lost_alternate_is_unexpected_though_primaries_may_be_lost(void)
{
    struct cell c;

    make(&c);
    c.judgement.tally.classes[CLASS_SILENT_LOSS]++; /* an alternate's */
    CHECK_U64(matrix_cell(&c.job), CELL_UNEXPECTED);
    make(&c);
    c.judgement.tally.classes[CLASS_NOT_OWED] = 5;
    CHECK_U64(matrix_cell(&c.job), CELL_AS_EXPECTED);
}

static void a_run_that_did_not_go_as_planned_has_no_verdict(void)
{
    struct cell c;

    make(&c);
    c.judgement.tally.health.ended = false;
    CHECK_U64(matrix_cell(&c.job), CELL_NO_VERDICT);
    make(&c);
    c.job.result.exit_code = 130;
    CHECK_U64(matrix_cell(&c.job), CELL_NO_VERDICT);
    make(&c);
    c.judgement.tally.classes[CLASS_NOT_SENT] = 1;
    CHECK_U64(matrix_cell(&c.job), CELL_NO_VERDICT);
    make(&c);
    c.judgement.tally.classes[CLASS_UNKNOWN] = 1;
    CHECK_U64(matrix_cell(&c.job), CELL_NO_VERDICT);
    make(&c);
    c.judgement.tally.health.findings[FIND_ACTION_FAILED] = 1;
    CHECK_U64(matrix_cell(&c.job), CELL_NO_VERDICT);
    make(&c);
    c.marks[0].mark_ns[MARK_DONE] = NEVER_NS;
    CHECK_U64(matrix_cell(&c.job), CELL_NO_VERDICT);
    make(&c);
    c.marks[0].mark_ns[MARK_VERIFIED] = NEVER_NS;
    CHECK_U64(matrix_cell(&c.job), CELL_NO_VERDICT);
}

static void a_disproved_move_is_accepted_only_where_the_profile_leaves_the_directory_as_it_was(void)
{
    struct cell c;

    make(&c);
    c.marks[0].mark_ns[MARK_VERIFIED] = NEVER_NS;
    c.marks[0].mark_ns[MARK_DISPROVED] = 1;
    CHECK_U64(matrix_cell(&c.job), CELL_NO_VERDICT);
    c.moves[0].options = "{\"skip_commit\":true}";
    CHECK_U64(matrix_cell(&c.job), CELL_AS_EXPECTED);
}

static void the_page_shows_what_ran_and_what_became_of_alternates(void)
{
    struct cell c;
    uint32_t counts[CELL_NO_VERDICT + 1];
    struct buf text;
    const char *scenarios[] = {"C", "D"}, *versions[] = {"5.5-sp3", "modern"};

    make(&c);
    c.profile.scenarios = c.profile.scenario_titles = scenarios;
    c.profile.scenario_count = 2;
    c.profile.versions = versions;
    c.profile.version_count = 2;
    struct campaign all = {.jobs = &c.job, .count = 1};

    buf_init(&text, 1u << 16);
    if (CHECK(matrix_print(&all, "p", &text, counts))) {
        CHECK_HAS(buf_text(&text),
                  "observed delivered 10, silent-loss 2; alternates: delivered 10");
        CHECK(strstr(buf_text(&text), "modern") == NULL);
        CHECK(strstr(buf_text(&text), "D  D") == NULL);
        CHECK_U64(counts[CELL_AS_EXPECTED], 1);
    }
    buf_fini(&text);
}

static const struct test tests[] = {
    TEST(a_cell_with_allowed_classes_and_the_one_that_must_show_is_as_expected),
    TEST(what_was_sent_too_late_to_be_reproduced_says_so),
    TEST(a_lost_alternate_is_unexpected_though_primaries_may_be_lost),
    TEST(a_run_that_did_not_go_as_planned_has_no_verdict),
    TEST(a_disproved_move_is_accepted_only_where_the_profile_leaves_the_directory_as_it_was),
    TEST(the_page_shows_what_ran_and_what_became_of_alternates),
    TEST_END,
};

const struct suite matrix_suite = {"matrix", tests};
