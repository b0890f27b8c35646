/* test_roff.c - what means something to roff is escaped, and lines are cut where nothing changes by it. */
#include "base/roff.h"
#include "tests/support/check.h"

static void check_text(const char *text, const char *want)
{
    struct buf out;

    buf_init(&out, 1000);
    CHECK(roff_text(&out, text));
    CHECK_STR(buf_text(&out), want);
    buf_fini(&out);
}

static void what_means_something_to_roff_is_escaped(void)
{
    check_text("a-b \\ `c`", "a\\-b \\e c");
    check_text(".test and 'it.", "\\&.test and 'it.");
    check_text("'it", "\\&'it");
    check_text("", "");
}

static void check_fold(const char *text, const char *want)
{
    struct buf out;

    buf_init(&out, 10000);
    CHECK(buf_add_text(&out, text));
    roff_fold(&out, 0);
    CHECK_STR(buf_text(&out), want);
    buf_fini(&out);
}

#define TEN   "123456789 "
#define FORTY TEN TEN TEN TEN
#define WHOLE                                                                                      \
    "1234567890123456789012345678901234567890123456789012345678901234567890123456789012345"

static void lines_of_text_are_cut_at_the_last_space_that_fits(void)
{
    check_fold(FORTY FORTY "x y\n", TEN TEN TEN TEN TEN TEN TEN "123456789\nx y\n");
    check_fold(TEN TEN TEN TEN TEN TEN TEN "1234567890 x",
               TEN TEN TEN TEN TEN TEN TEN "1234567890\nx");
    check_fold(TEN TEN TEN TEN TEN TEN TEN "1234567890", TEN TEN TEN TEN TEN TEN TEN "1234567890");
    check_fold(FORTY FORTY FORTY FORTY "x", TEN TEN TEN TEN TEN TEN TEN
               "123456789\n" TEN TEN TEN TEN TEN TEN TEN "123456789\nx");
    check_fold(WHOLE " a\n", WHOLE " a\n"); /* no space that fits */
}

static void no_line_begins_with_what_would_be_a_request(void)
{
    check_fold(TEN TEN TEN TEN TEN TEN TEN "123 .test\n",
               TEN TEN TEN TEN TEN TEN TEN "123 .test\n");
    check_fold(TEN TEN TEN TEN TEN TEN TEN "1234567 .test x\n",
               TEN TEN TEN TEN TEN TEN "123456789\n1234567 .test x\n");
    check_fold(TEN TEN TEN TEN TEN TEN TEN "1234567 'it' x\n",
               TEN TEN TEN TEN TEN TEN "123456789\n1234567 'it' x\n");
}

static void requests_and_tables_stay(void)
{
    check_fold(".B " FORTY FORTY FORTY "\nx\n", ".B " FORTY FORTY FORTY "\nx\n");
    check_fold(".TS\n" FORTY FORTY FORTY "x\n.TE\n" FORTY FORTY "x\n",
               ".TS\n" FORTY FORTY FORTY "x\n.TE\n" TEN TEN TEN TEN TEN TEN TEN "123456789\nx\n");
}

static const struct test tests[] = {
    TEST(what_means_something_to_roff_is_escaped),
    TEST(lines_of_text_are_cut_at_the_last_space_that_fits),
    TEST(no_line_begins_with_what_would_be_a_request),
    TEST(requests_and_tables_stay),
    TEST_END,
};

const struct suite roff_suite = {"roff", tests};
