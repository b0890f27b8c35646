#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <sys/resource.h>
#include <sys/stat.h>

#include "results/folder.h"
#include "tests/support/check.h"
#include "tests/support/scratch.h"

static void a_run_gets_a_private_folder_with_its_name_and_id_and_latest_points_at_it(void)
{
    char runs[300], link[400], target[300] = "";
    struct err e = {0};
    struct stat st;

    (void)snprintf(runs, sizeof runs, "%s/results/runs", scratch_dir("folder-new"));
    struct folder *f = folder_create(runs, "q248839", "sp 4/../x", 0xabcdef0123456789, &e);

    if (!CHECK(f != NULL))
        return;
    CHECK_HAS(folder_path(f), "Z-q248839-sp-4-..-x-23456789");
    CHECK(stat(folder_path(f), &st) == 0);
    CHECK_U64(st.st_mode & 0777, 0700);
    folder_begin(f);
    (void)snprintf(link, sizeof link, "%s/latest", runs);
    CHECK(readlink(link, target, sizeof target - 1) > 0);
    CHECK_HAS(folder_path(f), target);
    (void)snprintf(link, sizeof link, "%s/latest/journal", runs);
    CHECK(access(link, W_OK) == 0);
    (void)snprintf(link, sizeof link, "%s/latest/reports", runs);
    CHECK(access(link, W_OK) == 0);
    struct folder *g = folder_create(runs, "q248839", "", 2, &e);

    folder_begin(g);
    (void)snprintf(link, sizeof link, "%s/latest", runs);
    memset(target, 0, sizeof target);
    CHECK(readlink(link, target, sizeof target - 1) > 0);
    CHECK_HAS(folder_path(g), target);
    folder_destroy(g);
    folder_destroy(f);
}

static void a_locked_folder_is_refused_with_75_and_a_used_one_with_64(void)
{
    char path[300];
    struct err e = {0};

    (void)snprintf(path, sizeof path, "%s/run", scratch_dir("folder-lock"));
    struct folder *f = folder_create_at(path, &e);

    CHECK(f != NULL);
    CHECK(folder_is_held(path));
    CHECK(folder_create_at(path, &e) == NULL);
    CHECK_U64(e.code, EX_LOCKED);
    CHECK_HAS(e.text, "another run holds this folder");
    folder_begin(f);
    folder_destroy(f);
    CHECK(!folder_is_held(path));
    CHECK(folder_create_at(path, &e) == NULL);
    CHECK_U64(e.code, EX_BAD_USAGE);
    folder_destroy(NULL);
}

static void two_runs_of_one_second_and_id_do_not_collide(void)
{
    char runs[300];
    struct err e = {0};

    (void)snprintf(runs, sizeof runs, "%s/runs", scratch_dir("folder-twins"));
    struct folder *f[4];

    for (int i = 0; i < 4; i++) {
        f[i] = folder_create(runs, "same", "", 7, &e);
        CHECK_STR(e.text, "");
    }
    for (int i = 0; i < 4; i++)
        for (int k = 0; f[i] && f[k] && k < i; k++)
            CHECK(strcmp(folder_path(f[i]), folder_path(f[k])) != 0);
    for (int i = 0; i < 4; i++)
        folder_destroy(f[i]);
}

static void a_run_that_never_began_leaves_no_folder_and_latest_alone(void)
{
    char runs[300], link[1000], path[900];
    struct err e = {0};

    (void)snprintf(runs, sizeof runs, "%s/runs", scratch_dir("folder-gone"));
    (void)snprintf(link, sizeof link, "%s/latest", runs);
    struct folder *f = folder_create(runs, "x", "", 1, &e);

    if (!CHECK(f != NULL))
        return;
    (void)snprintf(path, sizeof path, "%s", folder_path(f));
    CHECK(scratch_file(path, "profile.yaml", "schema: 1\n") != NULL);
    CHECK(scratch_file(path, "journal/0.pmj", "x") != NULL);
    CHECK(access(link, F_OK) < 0);
    folder_destroy(f);
    CHECK(access(path, F_OK) < 0);
    /* What a user keeps in a folder of his choice stays. */
    (void)snprintf(path, sizeof path, "%s/mine", runs);
    f = folder_create_at(path, &e);
    (void)snprintf(link, sizeof link, "%s", scratch_file(path, "notes", "mine"));
    folder_destroy(f);
    CHECK(access(link, F_OK) == 0);
    (void)snprintf(link, sizeof link, "%s/lock", path);
    CHECK(access(link, F_OK) < 0);
}

static void a_folder_that_cannot_be_made_is_an_io_error(void)
{
    struct err e = {0};

    CHECK(folder_create_at("/proc/no/such", &e) == NULL);
    CHECK_U64(e.code, EX_IO);
    CHECK(folder_create("/proc/no", "x", "", 1, &e) == NULL);
    CHECK(!folder_is_held("/proc/no"));
}

/* Without descriptors its lock cannot be opened. */
static void a_folder_that_was_made_and_cannot_be_held_is_gone_again(void)
{
    const char *runs = scratch_dir("folder-half");
    struct err e = {0};
    struct rlimit few, most;

    CHECK(getrlimit(RLIMIT_NOFILE, &most) == 0);
    few = most;
    few.rlim_cur = 0;
    CHECK(setrlimit(RLIMIT_NOFILE, &few) == 0);
    struct folder *f = folder_create(runs, "x", "", 1, &e);

    CHECK(setrlimit(RLIMIT_NOFILE, &most) == 0);
    CHECK(f == NULL);
    CHECK_U64(e.code, EX_IO);
    CHECK_HAS(e.text, "/lock: Too many open files");
    CHECK(rmdir(runs) == 0); /* nothing is left in it */
    folder_destroy(f);
}

static const struct test tests[] = {
    TEST(a_run_gets_a_private_folder_with_its_name_and_id_and_latest_points_at_it),
    TEST(a_locked_folder_is_refused_with_75_and_a_used_one_with_64),
    TEST(two_runs_of_one_second_and_id_do_not_collide),
    TEST(a_run_that_never_began_leaves_no_folder_and_latest_alone),
    TEST(a_folder_that_cannot_be_made_is_an_io_error),
    TEST(a_folder_that_was_made_and_cannot_be_held_is_gone_again),
    TEST_END,
};

const struct suite folder_suite = {"folder", tests};
