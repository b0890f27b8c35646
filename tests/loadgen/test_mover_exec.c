/* test_mover_exec.c - moves by a command: its arguments, its lines, its exit status, and which names it may get. */
#include <string.h>

#include "loadgen/move.h"
#include "tests/loadgen/moves_rig.h"
#include "tests/support/check.h"

#define MS(n) ((n)*NS_PER_MS)

static const struct fake_step *steps_now;
static size_t steps_count;

static const struct fake_step *script(struct fake_exec *x, const char *const *argv, size_t *steps)
{
    (void)x;
    (void)argv;
    *steps = steps_count;
    return steps_now;
}

static void begin(struct rig *r, const struct fake_step *steps, size_t count)
{
    rig_init(r, "mover_exec");
    steps_now = steps;
    steps_count = count;
    r->run->exec.script = script;
    fake_move(r->run, rig_schedule(r, 1, 1, 1, 600 * NS_PER_S), 0, 1, 0, 1, 0);
}

#define BEGIN(r, ...)                                                                              \
    static const struct fake_step steps[] = {__VA_ARGS__};                                         \
    begin(r, steps, sizeof steps / sizeof *steps)

static void lines_are_marks_and_exit_status_0_is_done(void)
{
    struct rig r;
    BEGIN(&r, {MS(10), "copying joanne", false, 0}, {MS(10), "mark copying", false, 0},
          {MS(10), " mark copying\t", false, 0}, {MS(10), "mark copying", true, 0},
          {MS(10), NULL, false, 0});
    CHECK_STR(rig_run(&r, 5000), "0 0 asked\n200 0 copy\n500 0 done\n600 0 verified\n600 over\n");
    CHECK_STR(fake_exec_log(&r.run->exec), "[move][--box=joanne-2][s1][s2]\n");
    rig_fini(&r);
}

static void mark_done_is_done_and_the_command_may_clean_up(void)
{
    struct rig r;
    BEGIN(&r, {MS(10), "mark done", false, 0}, {MS(90), "mark copying", false, 0},
          {MS(10), "failed late", false, 0}, {MS(10), NULL, false, 3});
    CHECK_STR(rig_run(&r, 5000), "0 0 asked\n100 0 done\n200 0 verified\n200 over\n");
    CHECK_U64(r.run->exec.kills, 0);
    rig_fini(&r);
}

static void failed_carries_its_text_cleaned(void)
{
    struct rig r;
    BEGIN(&r, {MS(10), "failed  no\x1b such\tbox ", false, 0}, {MS(10), NULL, false, 0});
    CHECK_HAS(rig_run(&r, 5000), "100 0 failed\n");
    CHECK_STR(moves_error(r.moves, 0), "no such box");
    rig_fini(&r);
}

static void failed_needs_no_text_and_is_a_word_of_its_own(void)
{
    struct rig r;
    BEGIN(&r, {MS(10), "failedish", false, 0}, {MS(10), "failed", false, 0});
    CHECK_HAS(rig_run(&r, 5000), "200 0 failed\n");
    CHECK_STR(moves_error(r.moves, 0), "the command says failed");
    rig_fini(&r);
}

static void another_exit_status_has_failed_and_stderr_says_why(void)
{
    struct rig r;
    BEGIN(&r, {MS(1), "warming up", true, 0}, {MS(1), "E: locked", true, 0}, {MS(1), " ", true, 0},
          {MS(10), NULL, false, 75});
    CHECK_HAS(rig_run(&r, 5000), "0 failed\n");
    CHECK_STR(moves_error(r.moves, 0), "exit status 75: E: locked");
    rig_fini(&r);
}

static void a_command_past_its_deadline_is_killed(void)
{
    struct rig r;
    BEGIN(&r, {MS(10), "mark copying", false, 0});
    r.run->schedules[0].deadline_ns = 5 * NS_PER_S;
    CHECK_HAS(rig_run(&r, 8000), "copy\n5000 0 failed\n");
    CHECK_U64(r.run->exec.kills, 1);
    rig_fini(&r);
}

static void a_command_that_outlives_the_run_is_killed(void)
{
    struct rig r;
    BEGIN(&r, {MS(10), "mark done", false, 0});
    CHECK_HAS(rig_run(&r, 8000), "over\n");
    moves_destroy(r.moves);
    r.moves = NULL;
    CHECK_U64(r.run->exec.kills, 1);
    rig_fini(&r);
}

static void a_command_that_cannot_be_started_has_failed(void)
{
    struct rig r;

    begin(&r, NULL, 0);
    CHECK_HAS(rig_run(&r, 5000), "0 0 asked\n0 0 failed\n");
    CHECK_STR(moves_error(r.moves, 0), "move: no such command");
    rig_fini(&r);
}

static void check_refused(const char *mailbox, const char *why)
{
    struct rig r;

    begin(&r, NULL, 0);
    r.run->mailboxes[1].name = mailbox;
    CHECK(!rig_create(&r));
    CHECK_HAS(r.e.text, why);
    CHECK_U64(r.e.code, EX_BAD_PROFILE);
    rig_fini(&r);
}

static void names_that_a_command_could_misread_are_refused(void)
{
    check_refused("-rf", "may not go to a command");
    check_refused("a b", "may not go to a command");
    check_refused("a;b", "may not go to a command");
    check_refused("", "may not go to a command");
    check_refused("gr\xc3\xbc\xc3\x9f", "may not go to a command");
}

static void a_profile_without_a_command_or_with_unknown_words_is_refused(void)
{
    static const char *const none[] = {NULL};
    static const char *const unknown[] = {"move", "{box}", NULL};
    struct rig r;

    begin(&r, NULL, 0);
    r.run->movers[1].argv = none;
    CHECK(!rig_create(&r));
    CHECK_HAS(r.e.text, "expected 1 to 64 arguments");
    r.run->movers[1].argv = unknown;
    CHECK(!rig_create(&r));
    CHECK_HAS(r.e.text, "movers.mine: move 0: unknown word {box}");
    r.run->movers[1].argv = NULL;
    CHECK(!rig_create(&r));
    rig_fini(&r);
}

static const struct test tests[] = {
    TEST(lines_are_marks_and_exit_status_0_is_done),
    TEST(mark_done_is_done_and_the_command_may_clean_up),
    TEST(failed_carries_its_text_cleaned),
    TEST(failed_needs_no_text_and_is_a_word_of_its_own),
    TEST(another_exit_status_has_failed_and_stderr_says_why),
    TEST(a_command_past_its_deadline_is_killed),
    TEST(a_command_that_outlives_the_run_is_killed),
    TEST(a_command_that_cannot_be_started_has_failed),
    TEST(names_that_a_command_could_misread_are_refused),
    TEST(a_profile_without_a_command_or_with_unknown_words_is_refused),
    TEST_END,
};
const struct suite mover_exec_suite = {"mover_exec", tests};
