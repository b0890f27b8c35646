/* test_report_corpus.c - a corpus of real bounces, read in place beside the checkout; skipped where there is none. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/stat.h>

#include "tests/support/check.h"
#include "tests/support/scratch.h"
#include "wire/report.h"

#define CORPUS PM_SOURCE_DIR "/../shared/ndr-corpus"

static struct arena *arena;

static void done(void)
{
    arena_destroy(arena);
    arena = NULL;
}

static bool reading_has(const struct report *r, const char *address, const char *kind)
{
    for (uint32_t i = 0; i < r->count; i++)
        if (slice_is_nocase(slice_of(address), r->recipients[i].final) &&
            strcmp(report_action_name(r->recipients[i].action), kind) == 0)
            return true;
    return false;
}

static bool is_dsn_with_failures(const char *mail, size_t n, const json_t *recipients)
{
    size_t at;
    bool failed = false;
    json_t *one;

    json_array_foreach(recipients, at, one)
    {
        const char *kind = json_string_value(json_object_get(one, "kind"));

        failed = failed || (kind && strcmp(kind, "failed") == 0);
    }
    return failed && (slice_find(slice_from(mail, n), slice_of("multipart/report"), &at) ||
                      slice_find(slice_from(mail, n), slice_of("Multipart/Report"), &at));
}

static void compare_one(const json_t *line, unsigned *all, unsigned *right)
{
    char path[500];
    json_t *recipients = json_object_get(line, "recipients"), *one;
    size_t n, at;
    char *mail;
    struct report r;

    (void)snprintf(path, sizeof path, "%s/eml/%s", CORPUS,
                   json_string_value(json_object_get(line, "file")));
    mail = scratch_read(path, &n);
    if (!CHECK(mail != NULL))
        return;
    arena_destroy(arena);
    arena = arena_create(8 << 20);
    CHECK(report_read(arena, slice_from(mail, n), &r));
    if (is_dsn_with_failures(mail, n, recipients)) {
        json_array_foreach(recipients, at, one)
        {
            (*all)++;
            *right += reading_has(&r, json_string_value(json_object_get(one, "recipient")),
                                  json_string_value(json_object_get(one, "kind")));
        }
    }
    free(mail);
}

static void of_real_dsns_with_failures_95_in_100_are_read_as_expected(void)
{
    struct stat st;
    unsigned all = 0, right = 0;
    char *lines, *line, *save = NULL;

    if (stat(CORPUS "/expected.jsonl", &st) != 0)
        check_skip("no corpus of real bounces beside the checkout: nothing compared");
    lines = scratch_read(CORPUS "/expected.jsonl", NULL);
    for (line = strtok_r(lines, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        json_t *j = json_loads(line, 0, NULL);

        if (CHECK(j != NULL))
            compare_one(j, &all, &right);
        json_decref(j);
    }
    (void)printf("    %u of %u recipients read as expected\n", right, all);
    CHECK(all > 100);
    CHECK(right * 100 >= all * 95);
    free(lines);
    done();
}

static const struct test tests[] = {
    TEST(of_real_dsns_with_failures_95_in_100_are_read_as_expected),
    TEST_END,
};

const struct suite report_corpus_suite = {"report_corpus", tests};
