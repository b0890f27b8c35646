/* test_template.c - templates: words filled in, braces that are none, escapes, and what is refused. */
#include "base/template.h"
#include "tests/support/check.h"

static const struct template_word words[] = {
    {"mailbox", "jo+e@lab \"x\"\\\n", false},
    {"control", "http://127.0.0.1:8/a b", true},
    {"id", "{control}", false},
    {"gone", NULL, false},
    {NULL, NULL, false},
};

static const char *fill(const char *text, enum template_escape how)
{
    static struct buf out;
    static struct err e;

    buf_fini(&out);
    buf_init(&out, 100);
    e = (struct err){0};
    return template_fill(text, words, how, &out, &e) ? buf_text(&out) : e.text;
}

static void words_are_filled_in_and_escaped_for_their_place(void)
{
    CHECK_STR(fill("{control}/v1?m={mailbox}", TEMPLATE_URL),
              "http://127.0.0.1:8/a b/v1?m=jo%2Be%40lab%20%22x%22%5C%0A");
    CHECK_STR(fill("{\"mailbox\":\"{mailbox}\"}", TEMPLATE_JSON),
              "{\"mailbox\":\"jo+e@lab \\\"x\\\"\\\\\\u000a\"}");
    CHECK_STR(fill("--user={mailbox}", TEMPLATE_PLAIN), "--user=jo+e@lab \"x\"\\\n");
}

static void a_brace_that_begins_no_word_stands_for_itself(void)
{
    CHECK_STR(fill("", TEMPLATE_PLAIN), "");
    CHECK_STR(fill("{}{ {A} {a {\"a\":{}}", TEMPLATE_PLAIN), "{}{ {A} {a {\"a\":{}}");
    CHECK_STR(fill("{", TEMPLATE_PLAIN), "{");
}

static void a_value_is_never_read_as_a_template(void)
{
    CHECK_STR(fill("{id}", TEMPLATE_PLAIN), "{control}");
}

static void unknown_words_missing_values_and_floods_are_refused_with_their_names(void)
{
    CHECK_HAS(fill("x {mailbux}", TEMPLATE_PLAIN), "unknown word {mailbux}");
    CHECK_HAS(fill("x {gone}", TEMPLATE_PLAIN), "{gone} has no value");
    CHECK_HAS(fill("{control}{control}{control}{control}{control}", TEMPLATE_PLAIN), "too long");
}

static const struct test tests[] = {
    TEST(words_are_filled_in_and_escaped_for_their_place),
    TEST(a_brace_that_begins_no_word_stands_for_itself),
    TEST(a_value_is_never_read_as_a_template),
    TEST(unknown_words_missing_values_and_floods_are_refused_with_their_names),
    TEST_END,
};
const struct suite template_suite = {"template", tests};
