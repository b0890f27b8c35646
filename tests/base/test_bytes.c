/* Slices borrow, buffers grow up to their limit and no further. */
#include <string.h>

#include "base/bytes.h"
#include "tests/support/check.h"

#define CHECK_SLICE(got, want) CHECK_MEM((got).p, (got).n, want, strlen(want))

static void slices_compare_whole_and_at_the_start(void)
{
    struct slice s = slice_of("Return-Path: <>");

    CHECK(slice_is(s, "Return-Path: <>") && !slice_is(s, "Return-Path") && !slice_is(s, ""));
    CHECK(slice_is_nocase(s, "return-PATH: <>") && !slice_is_nocase(s, "return-path"));
    CHECK(slice_starts(s, "Return") && slice_starts(s, "") && !slice_starts(s, "return"));
    CHECK(slice_starts_nocase(s, "RETURN-p") && !slice_starts_nocase(s, "RETURN_p"));
    CHECK(!slice_starts(slice_of("ab"), "abc") && !slice_starts_nocase(slice_of("ab"), "abc"));
    CHECK(slice_is(slice_of(NULL), "") && slice_is_nocase(slice_of(""), ""));
}

static void a_nul_octet_inside_is_an_octet_like_any_other(void)
{
    struct slice s = slice_from("a\0b", 3);

    CHECK(!slice_is(s, "a") && !slice_is_nocase(s, "a"));
    CHECK(slice_starts_nocase(s, "A") && !slice_starts_nocase(s, "ab"));
}

static void comparing_without_case_is_ascii_only(void)
{
    CHECK(!slice_is_nocase(slice_of("\xc3\x84"), "\xc3\xa4"));
    CHECK(!slice_is_nocase(slice_of("["), "{") && !slice_is_nocase(slice_of("@"), "`"));
}

static void trimming_takes_blanks_from_both_ends(void)
{
    CHECK_SLICE(slice_trim(slice_of(" \t a b\r\n")), "a b");
    CHECK_SLICE(slice_trim(slice_of("\r\n \t")), "");
    CHECK_SLICE(slice_trim(slice_of(NULL)), "");
}

static void skipping_stops_at_the_end(void)
{
    struct slice s = slice_of("abc");

    CHECK_SLICE(slice_skip(s, 1), "bc");
    CHECK_SLICE(slice_skip(s, 3), "");
    CHECK(slice_skip(s, 99).p == s.p + 3);
    CHECK_SLICE(slice_skip(slice_of(NULL), 5), "");
}

static void finding_tells_the_first_place(void)
{
    size_t at = 99;

    CHECK(slice_find(slice_of("to be or not to be"), slice_of("be"), &at));
    CHECK_U64(at, 3);
    CHECK(slice_find(slice_of("x"), slice_of(""), &at));
    CHECK_U64(at, 0);
    CHECK(!slice_find(slice_of("b"), slice_of("be"), &at));
    CHECK(!slice_find(slice_of("abab"), slice_of("bb"), NULL));
    CHECK(slice_find(slice_of(NULL), slice_of(NULL), NULL));
}

static void cutting_drops_the_stop_and_says_whether_there_was_one(void)
{
    struct slice rest = slice_of("a,,b"), head;

    CHECK(slice_cut(&rest, ',', &head));
    CHECK_SLICE(head, "a");
    CHECK(slice_cut(&rest, ',', &head));
    CHECK_SLICE(head, "");
    CHECK(!slice_cut(&rest, ',', &head));
    CHECK_SLICE(head, "b");
    CHECK_SLICE(rest, "");
    CHECK(!slice_cut(&rest, ',', &head));
    CHECK_SLICE(head, "");
    rest = slice_of("end,");
    CHECK(slice_cut(&rest, ',', &head));
    CHECK_SLICE(rest, "");
}

static void a_buffer_grows_to_its_limit_exactly(void)
{
    struct buf b;
    char block[1000];
    size_t taken = 0;

    memset(block, 'z', sizeof block);
    buf_init(&b, 4500);
    CHECK_STR(buf_text(&b), "");
    while (buf_add(&b, block, sizeof block))
        taken++;
    CHECK_U64(taken, 4);
    CHECK(buf_add(&b, block, 500) && !buf_add(&b, "x", 1) && !buf_add_text(&b, "x"));
    CHECK(!buf_add_format(&b, "%d", 1) && buf_add(&b, NULL, 0));
    CHECK_U64(b.n, 4500);
    CHECK_U64(strlen(buf_text(&b)), 4500);
    CHECK(!buf_reserve(&b, SIZE_MAX));
    buf_fini(&b);
    CHECK(!b.p && buf_add(&b, "again", 5));
    buf_fini(&b);
}

static void texts_and_formats_are_appended(void)
{
    struct buf b;

    buf_init(&b, 1000);
    CHECK(buf_add_text(&b, "RCPT TO:<") && buf_add_format(&b, "%s@%s>%c", "joe", "lab.test", 13));
    CHECK_STR(buf_text(&b), "RCPT TO:<joe@lab.test>\r");
    CHECK_SLICE(buf_slice(&b), "RCPT TO:<joe@lab.test>\r");
    buf_clear(&b);
    CHECK(b.n == 0 && b.room > 0);
    CHECK_STR(buf_text(&b), "");
    buf_fini(&b);
}

static void dropping_forgets_the_first_bytes(void)
{
    struct buf b;

    buf_init(&b, 100);
    (void)buf_add_text(&b, "0123456789");
    buf_drop(&b, 3);
    CHECK_STR(buf_text(&b), "3456789");
    buf_drop(&b, 0);
    buf_drop(&b, 7);
    CHECK_U64(b.n, 0);
    CHECK(buf_reserve(&b, 100) && !buf_reserve(&b, 101));
    buf_fini(&b);
}

static const struct test tests[] = {
    TEST(slices_compare_whole_and_at_the_start),
    TEST(a_nul_octet_inside_is_an_octet_like_any_other),
    TEST(comparing_without_case_is_ascii_only),
    TEST(trimming_takes_blanks_from_both_ends),
    TEST(skipping_stops_at_the_end),
    TEST(finding_tells_the_first_place),
    TEST(cutting_drops_the_stop_and_says_whether_there_was_one),
    TEST(a_buffer_grows_to_its_limit_exactly),
    TEST(texts_and_formats_are_appended),
    TEST(dropping_forgets_the_first_bytes),
    TEST_END,
};
const struct suite bytes_suite = {"bytes", tests};
