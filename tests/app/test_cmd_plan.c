/* test_cmd_plan.c - `plan` and `window` as they are called: answers, JSON, and what is refused. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "tests/app/program.h"
#include "tests/support/check.h"
#include "tests/support/scratch.h"

static char *say(int code, bool errors, const char *const *words)
{
    return program_say(scratch_dir("cmd-plan"), code, errors, words);
}

#define SAYS(code, errors, what, ...)                                                              \
    PROGRAM_SAYS(scratch_dir("cmd-plan"), code, errors, what, __VA_ARGS__)

static void rates_windows_and_builds_are_answered(void)
{
    SAYS(EX_PASS, false, "  299 moves, if RATE is of moves", "plan", "--rate", "1%");
    SAYS(EX_PASS, false, "with 99 % confidence", "plan", "--rate", "1e-3", "--confidence", "0.99");
    SAYS(EX_PASS, false, "3,260", "plan", "--rate", "0.01", "--icc", "0.1", "--per-move", "100");
    SAYS(EX_PASS, false, "180 moves (17,973 sends)", "plan", "--window", "5ms", "--span", "30s");
    SAYS(EX_PASS, false, "sprt          72 moves", "plan", "--rates", "1%..5%", "--power", "95%");
}

static void a_profile_is_told_what_it_can_prove(void)
{
    SAYS(EX_PASS, false, "fewer than 63.16 % of moves lose something", "plan", "q172364");
    SAYS(EX_PASS, false, "plans 30 moves", "plan", "q172364", "--set", "moves.users.count=30");
}

static void json_is_one_object(void)
{
    char *said = say(
        EX_PASS, false,
        (const char *const[]){"plan", "q172364", "--rate", "1%", "--window", "1s", "--json", NULL});
    json_t *o = json_loads(said, 0, NULL);

    if (CHECK(o != NULL)) {
        const json_t *rate = json_object_get(o, "rate"), *profile = json_object_get(o, "profile");

        CHECK_I64(json_integer_value(json_object_get(rate, "moves")), 299);
        CHECK_I64(json_integer_value(json_object_get(profile, "moves")), 3);
        CHECK(json_is_object(json_object_get(o, "window")));
        CHECK(!json_object_get(o, "builds"));
    }
    json_decref(o);
    free(said);
}

static void what_makes_no_sense_is_refused(void)
{
    SAYS(EX_BAD_USAGE, true, "usage: postmuster plan", "plan");
    SAYS(EX_BAD_USAGE, true, "\"2\" is not a share", "plan", "--rate", "2");
    SAYS(EX_BAD_USAGE, true, "between 0 and 1", "plan", "--rate", "0");
    SAYS(EX_BAD_USAGE, true, "is not a share", "plan", "--rate", "0x1p-4");
    SAYS(EX_BAD_USAGE, true, "the smaller first", "plan", "--rates", "5%..1%");
    SAYS(EX_BAD_USAGE, true, "longer than the span", "plan", "--window", "2m");
    SAYS(EX_BAD_USAGE, true, "more than nothing", "plan", "--window", "0");
    SAYS(EX_BAD_USAGE, true, "expected 1 to", "plan", "--rate", "1%", "--per-move", "0");
    SAYS(EX_BAD_PROFILE, true, "no file and no shipped profile", "plan", "q17236");
}

static void a_run_is_asked_for_its_window(void)
{
    char dir[400], run[420], profile[420];

    (void)snprintf(dir, sizeof dir, "%s", scratch_dir("cmd-window"));
    (void)snprintf(
        profile, sizeof profile, "%s",
        scratch_file(dir, "p.yaml",
                     "schema: 1\nrun: {name: w, seed: 5}\n"
                     "lab: {version: 5.5-sp3, servers: [s1, s2, s3], time_scale: 60}\n"
                     "mailboxes: {box: {home: s1, stock: 60s}, joe: {home: s3}}\n"
                     "load: {x: {via: s3, from: joe, to: box, rate: 1/s, duration: 4m}}\n"
                     "moves: {m: {mailboxes: box, to: s2, start: 60s}}\n"
                     "gates: {ndr: 0}\n"));
    (void)snprintf(run, sizeof run, "%s/run", dir);
    const char *const walk[] = {"run", profile, "--simulate", "--quiet", "--dir", run, NULL};

    free(program_say(dir, EX_FAIL, false, walk));
    const char *const ask[] = {"window", run, NULL};
    const char *const json[] = {"window", run, "--json", "--class", "ndr,silent-loss", NULL};
    const char *const bad[] = {"window", run, "--class", "nrd", NULL};
    char *said = program_say(dir, EX_PASS, false, ask);

    CHECK_HAS(said, "<- closest");
    CHECK_HAS(said, "where to aim next");
    free(said);
    said = program_say(dir, EX_PASS, false, json);
    CHECK_HAS(said, "\"closest\": \"");
    free(said);
    said = program_say(dir, EX_BAD_USAGE, true, bad);
    CHECK_HAS(said, "did you mean \"ndr\"?");
    free(said);
}

static const struct test tests[] = {TEST(rates_windows_and_builds_are_answered),
                                    TEST(a_profile_is_told_what_it_can_prove),
                                    TEST(json_is_one_object),
                                    TEST(what_makes_no_sense_is_refused),
                                    TEST(a_run_is_asked_for_its_window),
                                    TEST_END};

const struct suite cmd_plan_suite = {"cmd_plan", tests};
