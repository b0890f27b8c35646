#include <stdio.h>
#include <string.h>
#include <unistd.h>

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
    (void)snprintf(link, sizeof link, "%s/latest", runs);
    CHECK(readlink(link, target, sizeof target - 1) > 0);
    CHECK_HAS(folder_path(f), target);
    (void)snprintf(link, sizeof link, "%s/latest/journal", runs);
    CHECK(access(link, W_OK) == 0);
    (void)snprintf(link, sizeof link, "%s/latest/reports", runs);
    CHECK(access(link, W_OK) == 0);
    struct folder *g = folder_create(runs, "q248839", "", 2, &e);

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
    folder_destroy(f);
    CHECK(!folder_is_held(path));
    CHECK(folder_create_at(path, &e) == NULL);
    CHECK_U64(e.code, EX_BAD_USAGE);
    folder_destroy(NULL);
}

static void a_folder_that_cannot_be_made_is_an_io_error(void)
{
    struct err e = {0};

    CHECK(folder_create_at("/proc/no/such", &e) == NULL);
    CHECK_U64(e.code, EX_IO);
    CHECK(folder_create("/proc/no", "x", "", 1, &e) == NULL);
    CHECK(!folder_is_held("/proc/no"));
}

static const struct test tests[] = {
    TEST(a_run_gets_a_private_folder_with_its_name_and_id_and_latest_points_at_it),
    TEST(a_locked_folder_is_refused_with_75_and_a_used_one_with_64),
    TEST(a_folder_that_cannot_be_made_is_an_io_error),
    TEST_END,
};

const struct suite folder_suite = {"folder", tests};
