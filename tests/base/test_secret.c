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
        secret_hide(text, false);
        (void)CHECK(strstr(text, rows[i][1]) == NULL);
        (void)CHECK_HAS(text, "********");
        (void)CHECK_U64(strlen(text), strlen(rows[i][0]) + 4);
    }
}

static void a_noted_secret_may_be_as_long_as_it_likes(void)
{
    static char value[9000], text[9100];

    memset(value, 'k', sizeof value - 1);
    secret_note(value);
    (void)snprintf(text, sizeof text, "it is %s.", value);
    secret_hide(text, false);
    CHECK(!strchr(text + strlen("it is "), 'k'));
    CHECK_U64(strlen(text), strlen("it is .") + sizeof value - 1);
}

static void a_secret_of_stars_is_hidden_like_any_other(void)
{
    char text[] = "a ****** b";

    secret_note("****");
    secret_hide(text, true);
    CHECK_STR(text, "a ****** b");
}

static void words_are_not_taken_for_short_secrets(void)
{
    char text[] = "an ox is an ox";

    secret_note("ox");
    secret_hide(text, false);
    (void)CHECK_STR(text, "an ox is an ox");
}

/* What an earlier cut leaves is the beginning of a secret, whose end nobody would find. */
static void a_secret_across_the_cut_of_a_text_is_not_shown_in_part(void)
{
    static const char *const secret[] = {"Tr0ub4dor", "VHIwdWI0ZG9y"}; /* and in base64 */
    char long_text[600], out[80], beginning[5];
    struct err e = {0};

    secret_note("Tr0ub4dor");
    for (size_t s = 0; s < 2; s++) {
        (void)snprintf(beginning, sizeof beginning, "%s", secret[s]);
        for (size_t room = 2; room < 40; room++) {
            (void)snprintf(long_text, sizeof long_text, "so it is %s, and more", secret[s]);
            (void)text_clean(out, room, slice_of(long_text));
            (void)CHECK(strstr(out, beginning) == NULL);
            (void)CHECK_U64(strlen(out), room - 1 < strlen(long_text)
                                             ? room - 1 - (long_text[room - 2] == ' ')
                                             : strlen(long_text));
        }
        for (size_t before = sizeof e.text - 20; before < sizeof e.text + 2; before++) {
            (void)snprintf(long_text, sizeof long_text, "%0*d%s, and more", (int)before, 0,
                           secret[s]);
            (void)err_set(&e, EX_TARGET, "%s", long_text);
            (void)CHECK(strstr(e.text, beginning) == NULL);
            (void)CHECK_U64(strlen(e.text), sizeof e.text - 1);
            (void)err_set(&e, EX_TARGET, "why");
            (void)err_wrap(&e, "%s", long_text);
            (void)CHECK(strstr(e.text, beginning) == NULL);
        }
    }
}

static void words_that_begin_like_a_secret_stay_where_nothing_was_cut(void)
{
    char text[] = "a Tr0ub";
    char out[8];

    secret_note("Tr0ub4dor");
    secret_hide(text, false);
    (void)CHECK_STR(text, "a Tr0ub");
    (void)CHECK_STR(text_clean(out, sizeof out, slice_of("a Tr0ub")), "a Tr0ub");
    (void)CHECK_STR(text_clean(out, sizeof out, slice_of("a Tr0ubles")), "a *****");
    (void)CHECK_STR(text_clean(out, sizeof out, slice_of("abc Tr0ub4")), "abc Tr0"); /* too short */
}

/* The one that begins first counts, whichever was noted first. */
static void of_two_secrets_that_a_cut_may_have_begun_the_longer_beginning_is_hidden(void)
{
    char text[] = "a pass1234";

    secret_note("1234xyz");
    secret_note("pass1234word");
    secret_note("1234abc");
    secret_hide(text, true);
    (void)CHECK_STR(text, "a ********");
}

static const struct test tests[] = {
    TEST(a_noted_secret_is_in_no_error_and_in_no_text_that_is_shown),
    TEST(a_noted_secret_is_hidden_in_base64_wherever_it_begins),
    TEST(a_secret_across_the_cut_of_a_text_is_not_shown_in_part),
    TEST(words_that_begin_like_a_secret_stay_where_nothing_was_cut),
    TEST(of_two_secrets_that_a_cut_may_have_begun_the_longer_beginning_is_hidden),
    TEST(a_noted_secret_may_be_as_long_as_it_likes),
    TEST(a_secret_of_stars_is_hidden_like_any_other),
    TEST(words_are_not_taken_for_short_secrets),
    TEST_END,
};
const struct suite secret_suite = {"secret", tests};
