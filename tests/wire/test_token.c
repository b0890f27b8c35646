/* test_token.c - tokens against values made by another program (Python, from the description in docs/token.md). */
#include <string.h>

#include "tests/support/check.h"
#include "wire/token.h"

static const struct token_key key = {
    .mac = {.k0 = 0x0706050403020100ull, .k1 = 0x0f0e0d0c0b0a0908ull},
    .run = 0x2abcdef,
};

static const struct {
    uint64_t message;
    const char *whole, *brief;
} golden[] = {
    {0, "vlzxxqaaaaaaabf5pom6tnly6a", "aaaaaaaae3oik42u"},
    {1, "vlzxxqaaaaaaa2cw6uuvvofv7x", "aaaaaaabavm7e4jt"},
    {30020, "vlzxxqaaaaovciwgsfrvdurwob", "aaaaa5kee62k64uz"},
    {TOKEN_MESSAGES_MAX - 1, "vlzxx777777773kpgazoslxevt", "77777777vwdjmldh"},
};

static void tokens_are_what_the_page_says(void)
{
    for (size_t i = 0; i < sizeof golden / sizeof *golden; i++) {
        char whole[TOKEN_CHARS], brief[TOKEN_SHORT_CHARS];

        token_write(&key, golden[i].message, whole);
        token_write_short(&key, golden[i].message, brief);
        CHECK_MEM(whole, sizeof whole, golden[i].whole, TOKEN_CHARS);
        CHECK_MEM(brief, sizeof brief, golden[i].brief, TOKEN_SHORT_CHARS);
    }
}

static void a_token_is_read_in_either_case(void)
{
    uint64_t n = 7;

    CHECK(token_read(&key, slice_of("VLZXXQAAAAOVCIWGSFRVDURWOB"), &n));
    CHECK_U64(n, 30020);
    CHECK(token_read_short(&key, slice_of("AAAAA5kee62k64uz"), &n));
    CHECK_U64(n, 30020);
}

static void a_token_with_any_digit_changed_is_not_ours(void)
{
    uint64_t n;

    for (size_t i = 0; i < TOKEN_CHARS; i++) {
        char t[TOKEN_CHARS];

        memcpy(t, golden[2].whole, sizeof t);
        t[i] = t[i] == 'b' ? 'c' : 'b';
        CHECK(!token_read(&key, slice_from(t, sizeof t), &n));
        t[i] = '=';
        CHECK(!token_read(&key, slice_from(t, sizeof t), &n));
    }
    CHECK(!token_read(&key, slice_from(golden[2].whole, TOKEN_CHARS - 1), &n));
    CHECK(!token_read_short(&key, slice_of("aaaaa5kee62k64ua"), &n));
}

static void a_token_of_another_run_is_not_ours(void)
{
    struct token_key other = token_key_make(2, 3);
    char t[TOKEN_CHARS];
    uint64_t n;

    token_write(&other, 5, t);
    CHECK(!token_read(&key, slice_from(t, sizeof t), &n));
    CHECK(token_read(&other, slice_from(t, sizeof t), &n));
    CHECK_U64(n, 5);
    CHECK(other.run < 1u << 26);
}

static void a_token_is_found_behind_its_marker_anywhere(void)
{
    struct slice text = slice_of("pm.no pm. <PM.vlzxxqaaaaaaa2cw6uuvvofv7x@lab.test> pm.pm."
                                 "vlzxxqaaaaovciwgsfrvdurwob");
    size_t at = 0;
    uint64_t n;

    CHECK(token_find(&key, text, &at, &n));
    CHECK_U64(n, 1);
    CHECK(token_find(&key, text, &at, &n));
    CHECK_U64(n, 30020);
    CHECK_U64(at, text.n);
    CHECK(!token_find(&key, text, &at, &n));
}

static void a_marker_before_the_starting_point_does_not_count(void)
{
    struct slice text = slice_of("pm.vlzxxqaaaaaaa2cw6uuvvofv7x");
    size_t at = 1;
    uint64_t n;

    CHECK(!token_find(&key, text, &at, &n));
    at = 0;
    CHECK(!token_find(&key, slice_from(text.p, text.n - 1), &at, &n));
    at = 0;
    CHECK(!token_find(&key, slice_from(NULL, 0), &at, &n));
}

static const struct test tests[] = {
    TEST(tokens_are_what_the_page_says),
    TEST(a_token_is_read_in_either_case),
    TEST(a_token_with_any_digit_changed_is_not_ours),
    TEST(a_token_of_another_run_is_not_ours),
    TEST(a_token_is_found_behind_its_marker_anywhere),
    TEST(a_marker_before_the_starting_point_does_not_count),
    TEST_END,
};

const struct suite token_suite = {"token", tests};
