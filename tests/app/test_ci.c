/* What GitHub's runner is told: commands that no name can break out of, and a summary that never grows beyond what it takes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/ci.h"
#include "tests/support/check.h"
#include "tests/support/scratch.h"

static char hostile[] = "100% of \r\n::warning::it, all: gone", second[] = "second";

static struct judgement failed(void)
{
    struct judgement j = {.verdict = VERDICT_FAIL, .reason_count = 2};

    j.reasons[0] = hostile;
    j.reasons[1] = second;
    return j;
}

static void each_reason_is_one_line_that_nothing_breaks_out_of(void)
{
    struct judgement j = failed();
    struct buf out;

    buf_init(&out, 1u << 20);
    CHECK(ci_annotate("a:b,c\n sp3", &j, &out));
    CHECK_STR(buf_text(&out), "::error title=postmuster a%3Ab%2Cc%0A sp3%3A FAIL::"
                              "100%25 of %0D%0A::warning::it, all: gone\n"
                              "::error title=postmuster a%3Ab%2Cc%0A sp3%3A FAIL::second\n");
    buf_fini(&out);
}

static void a_pass_says_nothing_and_an_error_its_own_words(void)
{
    struct judgement j = failed();
    struct buf out;

    buf_init(&out, 1u << 20);
    j.verdict = VERDICT_PASS;
    CHECK(ci_annotate("x", &j, &out));
    CHECK_U64(out.n, 0);
    CHECK(ci_annotate_error("x", "s1: refused\n", &out));
    CHECK_STR(buf_text(&out), "::error title=postmuster x%3A no verdict::s1: refused%0A\n");
    buf_fini(&out);
}

static void ten_reasons_are_enough(void)
{
    struct judgement j = {.verdict = VERDICT_INCONCLUSIVE, .reason_count = REASONS_MAX};
    struct buf out;

    for (unsigned i = 0; i < REASONS_MAX; i++)
        j.reasons[i] = second;
    buf_init(&out, 1u << 20);
    CHECK(ci_annotate("x", &j, &out));
    CHECK_U64(out.n, 10 * strlen("::error title=postmuster x%3A INCONCLUSIVE::second\n"));
    buf_fini(&out);
}

static void pages_are_appended_as_long_as_they_fit(void)
{
    const char *dir = scratch_dir("ci");
    char path[400];
    struct err e = {0};
    char *big = malloc(CI_SUMMARY_MAX);
    size_t n;

    PM_ASSERT(big);
    memset(big, 'x', CI_SUMMARY_MAX);
    (void)snprintf(path, sizeof path, "%s", scratch_file(dir, "step.md", "before\n"));
    CHECK(ci_summarize_text("table", slice_of("cells"), path, &e));
    char *text = scratch_read(path, NULL);
    CHECK_STR(text, "before\n## table\n\n~~~~~~~~\ncells\n~~~~~~~~\n\n");
    free(text);
    CHECK(!ci_summarize_text("big", slice_from(big, CI_SUMMARY_MAX - 40), path, &e));
    CHECK_U64(e.code, EX_IO);
    CHECK_HAS(e.text, "too large");
    free(scratch_read(path, &n));
    CHECK_U64(n, strlen("before\n## table\n\n~~~~~~~~\ncells\n~~~~~~~~\n\n"));
    CHECK(!ci_summarize_text("t", slice_of("x"), "no/such/step.md", &e));
    free(big);
}

static const struct test tests[] = {
    TEST(each_reason_is_one_line_that_nothing_breaks_out_of),
    TEST(a_pass_says_nothing_and_an_error_its_own_words),
    TEST(ten_reasons_are_enough),
    TEST(pages_are_appended_as_long_as_they_fit),
    TEST_END,
};

const struct suite ci_suite = {"ci", tests};
