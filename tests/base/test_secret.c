/* test_secret.c - what was noted is in no words any more, however it is written there.
 */
#include <stdio.h>
#include <string.h>

#include "base/secret.h"
#include "base/text.h"
#include "tests/support/check.h"

static void a_noted_secret_is_in_no_error_and_in_no_text_that_is_shown(void)
{
    struct err e = {0};
    char out[100];

    secret_note("Tr0ub4dor");
    (void)err_set(&e, EX_TARGET, "a1 BAD LOGIN joe Tr0ub4dor? Tr0ub4dor!");
    (void)CHECK_STR(e.text, "a1 BAD LOGIN joe *********? *********!");
    (void)err_wrap(&e, "asked with Tr0ub4dor");
    (void)CHECK(strstr(e.text, "Tr0ub") == NULL);
    (void)CHECK_STR(text_clean(out, sizeof out, slice_of("so  Tr0ub4dor it is")),
                    "so ********* it is");
}

/* base64 of "\0joe\0open sesame" and the like: all but the outer characters, which are the neighbours' too. */
static void a_noted_secret_is_hidden_in_base64_wherever_it_begins(void)
{
    static const char *const rows[][2] = {
        {"b3BlbiBzZXNhbWU=", "b3BlbiBzZXNhbWU="}, /* "open sesame" */
        {"AGpvZQBvcGVuIHNlc2FtZQ==", "sesame"},   /* "\0joe\0open sesame" */
        {"am9lIG9wZW4gc2VzYW1l", "c2VzYW1"},      /* "joe open sesame" */
    };
    char text[80];

    secret_note("open sesame");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        (void)snprintf(text, sizeof text, "334 %s", rows[i][0]);
        secret_hide(text);
        (void)CHECK(strstr(text, rows[i][1]) == NULL);
        (void)CHECK_HAS(text, "********");
        (void)CHECK_U64(strlen(text), strlen(rows[i][0]) + 4);
    }
}

static void words_are_not_taken_for_short_secrets(void)
{
    char text[] = "an ox is an ox";

    secret_note("ox");
    secret_hide(text);
    (void)CHECK_STR(text, "an ox is an ox");
}

static const struct test tests[] = {
    TEST(a_noted_secret_is_in_no_error_and_in_no_text_that_is_shown),
    TEST(a_noted_secret_is_hidden_in_base64_wherever_it_begins),
    TEST(words_are_not_taken_for_short_secrets),
    TEST_END,
};
const struct suite secret_suite = {"secret", tests};
