/* test_selftest.c - the command's rows, and that it is held to what was planted: on simulated time, by the built program. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "app/selftest.h"
#include "lab/plant.h"
#include "tests/app/program.h"
#include "tests/support/check.h"
#include "tests/support/scratch.h"

static char *say(int code, bool errors, const char *const *words)
{
    return program_say(scratch_dir("selftest"), code, errors, words);
}

#define SAYS(code, errors, what, ...)                                                              \
    PROGRAM_SAYS(scratch_dir("selftest"), code, errors, what, __VA_ARGS__)

static const char *runs(void)
{
    static char path[500];

    (void)snprintf(path, sizeof path, "%s", scratch_dir("selftest-runs"));
    return path;
}

static void every_fault_that_can_be_planted_has_a_row_and_a_variant(void)
{
    struct arena *a = arena_create(64u << 20);
    struct profile_request rq = {.path = SELFTEST_PROFILE};
    struct err e = {0};
    const struct profile *p = profile_load(a, &rq, &e);
    uint32_t rows = 0;

    for (const struct selftest_row *r = selftest_rows; r->fault; r++)
        rows++;
    CHECK_U64(rows, PLANT_COUNT);
    for (unsigned i = 0; plant_name(i); i++)
        if (!CHECK(selftest_row_named(plant_name(i)) != NULL))
            (void)printf("  no row for %s\n", plant_name(i));
    if (CHECK(p != NULL) && p)
        CHECK_U64(p->variant_count, rows);
    for (const struct selftest_row *r = selftest_rows; p && r->fault; r++) {
        bool found = false;

        for (uint32_t i = 0; i < p->variant_count; i++)
            found = found || strcmp(p->variants[i], r->fault) == 0;
        if (!CHECK(found))
            (void)printf("  no variant for %s\n", r->fault);
    }
    arena_destroy(a);
}

static void all_faults_are_found_whatever_the_seed(void)
{
    static const char *const seeds[] = {"1", "2", "3", "4"};

    for (int i = 0; i < 4; i++)
        SAYS(EX_PASS, false, "All of 31 faults were found as what they are, and nothing else.",
             "selftest", "--simulate", "--seed", seeds[i], "--runs", runs());
}

static void json_says_of_each_fault_what_was_planted_and_found(void)
{
    char *said = say(EX_PASS, false,
                     (const char *const[]){"selftest", "--simulate", "--only", "twice", "--only",
                                           "drop", "--json", "--runs", runs(), NULL});
    json_t *o = json_loads(said, 0, NULL);
    const json_t *faults = json_object_get(o, "faults"), *drop = json_array_get(faults, 0);

    CHECK(json_is_true(json_object_get(o, "ok")));
    CHECK_U64(json_array_size(faults), 2);
    CHECK_STR(json_string_value(json_object_get(drop, "fault")), "drop");
    CHECK_STR(json_string_value(json_object_get(drop, "as")), "silent-loss");
    CHECK_I64(json_integer_value(json_object_get(drop, "planted")), 3);
    CHECK_I64(json_integer_value(json_object_get(drop, "found")), 3);
    CHECK_I64(json_integer_value(json_object_get(drop, "invented")), 0);
    json_decref(o);
    free(said);
}

static void on_ended(void *owner, struct job *j)
{
    (void)j;
    ++*(unsigned *)owner;
}

static bool walk(struct campaign *c)
{
    const struct timespec step = {.tv_nsec = 5000000};
    unsigned ended = 0;

    while (campaign_step(c, on_ended, &ended))
        (void)nanosleep(&step, NULL);
    return ended == c->count;
}

/* A run of one fault, held to the row of another one. */
static void held(struct selftest_result *r, const char *variant, const char *set,
                 const char *pretend)
{
    struct campaign c = {.arena = arena_create(64u << 20),
                         .parallel = 1,
                         .sets = &set,
                         .set_count = set ? 1 : 0,
                         .runs_dir = runs(),
                         .simulate = true};
    struct err e = {0};

    *r = (struct selftest_result){0};
    if (CHECK(campaign_add(&c, SELFTEST_PROFILE, variant, &e)) && CHECK(walk(&c))) {
        struct job j = c.jobs[0];

        j.variant = pretend;
        selftest_judge(r, &j);
    }
    campaign_fini(&c);
    arena_destroy(c.arena);
}

static void what_was_not_planted_is_never_found(void)
{
    struct selftest_result r;

    held(&r, "drop", NULL, "drop");
    CHECK(r.ok && r.planted == 3 && r.found == 3 && r.invented == 0);
    CHECK_STR(r.why, "");
    held(&r, "drop", NULL, "twice"); /* losses that nobody planted, as this row sees it */
    CHECK(!r.ok && r.missed);
    CHECK_U64(r.planted, 0);
    CHECK_U64(r.invented, 3);
    CHECK_HAS(r.why, "which nobody touched, is silent-loss");
}

static void a_fault_that_is_found_as_something_else_is_missed(void)
{
    struct selftest_result r;

    held(&r, "strand", "settle.deadline=20s", "strand"); /* too short to prove that it stands */
    CHECK(!r.ok && r.missed);
    CHECK_U64(r.planted, 3);
    CHECK_U64(r.found, 0);
    CHECK_HAS(r.why, "is unknown");
}

static void too_few_planted_show_nothing(void)
{
    struct selftest_result r;

    held(&r, "drop", "lab.plant.drop=5000", "drop");
    CHECK(!r.ok && r.missed);
    CHECK_HAS(r.why, "of 5000 could be planted");
}

static void runs_may_lie_in_a_folder_with_a_long_name(void)
{
    char path[900];
    size_t n = (size_t)snprintf(path, sizeof path, "%s", runs());

    for (int i = 0; i < 4; i++)
        n += (size_t)snprintf(path + n, sizeof path - n, "/%0100d", i);
    SAYS(EX_PASS, false, "All of 1 faults were found", "selftest", "--simulate", "--only", "drop",
         "--runs", path);
}

static void the_last_line_names_what_was_missed_and_what_was_invented(void)
{
    struct selftest_result all[3] = {
        {.row = selftest_row_named("drop"), .ok = true, .planted = 3, .found = 3},
        {.row = selftest_row_named("hold"), .missed = true, .why = "missed: it", .dir = ""},
        {.row = selftest_row_named("twice"), .why = "invented: that", .dir = "results/x"}};
    struct buf out;

    buf_init(&out, 1u << 16);
    CHECK(selftest_print(all, 3, &out));
    CHECK_HAS(buf_text(&out), "\n1 of 3 missed: hold; 1 of 3 with something else that nobody "
                              "planted: twice.\n");
    CHECK_HAS(buf_text(&out), "  invented: that\n  must not be said: delivered; run folder: "
                              "results/x\n");
    CHECK_U64(selftest_failures(all, 3), 2);
    buf_fini(&out);
}

static void the_command_line_says_what_there_is(void)
{
    SAYS(EX_PASS, false, "queue-hides        keeps a copy for ever", "selftest", "--list");
    SAYS(EX_BAD_USAGE, true, "there is no fault 'strnad'; did you mean 'strand'?", "selftest",
         "--only", "strnad");
    SAYS(EX_BAD_USAGE, true, "usage: postmuster selftest", "selftest", "drop");
    SAYS(EX_BAD_USAGE, true, "usage: postmuster selftest", "selftest", "--parallel", "0");
    SAYS(EX_BAD_PROFILE, true, "there is no fault 'dorp' to plant; did you mean 'drop'?", "check",
         SELFTEST_PROFILE, "--set", "lab.plant.dorp=1");
}

static const struct test tests[] = {
    TEST(every_fault_that_can_be_planted_has_a_row_and_a_variant),
    TEST(all_faults_are_found_whatever_the_seed),
    TEST(json_says_of_each_fault_what_was_planted_and_found),
    TEST(what_was_not_planted_is_never_found),
    TEST(a_fault_that_is_found_as_something_else_is_missed),
    TEST(too_few_planted_show_nothing),
    TEST(runs_may_lie_in_a_folder_with_a_long_name),
    TEST(the_last_line_names_what_was_missed_and_what_was_invented),
    TEST(the_command_line_says_what_there_is),
    TEST_END,
};

const struct suite selftest_suite = {"selftest", tests};
