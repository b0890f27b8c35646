/* The error value: what is said, what it is wrapped in, and what a bug of ours does. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/wait.h>

#include "base/err.h"
#include "tests/support/check.h"

static void setting_an_error_answers_false_with_code_and_text(void)
{
    struct err e = {0};

    CHECK(!err_set(&e, EX_TARGET, "%s: no answer in %d s", "s1", 30));
    CHECK_I64(e.code, EX_TARGET);
    CHECK_STR(e.text, "s1: no answer in 30 s");
}

static void nobody_has_to_want_the_error(void)
{
    CHECK(!err_set(NULL, EX_IO, "%s", "x"));
    CHECK(!err_wrap(NULL, "%s", "y"));
}

static void wrapping_puts_words_before_and_keeps_the_code(void)
{
    struct err e;

    (void)err_set(&e, EX_BAD_PROFILE, "unknown key");
    CHECK(!err_wrap(&e, "%s:%d", "a.yaml", 3));
    CHECK(!err_wrap(&e, "profile"));
    CHECK_STR(e.text, "profile: a.yaml:3: unknown key");
    CHECK_I64(e.code, EX_BAD_PROFILE);
}

static void the_text_may_quote_itself(void)
{
    struct err e;

    (void)err_set(&e, EX_IO, "inner");
    (void)err_set(&e, EX_IO, "outer (%s)", e.text);
    CHECK_STR(e.text, "outer (inner)");
    (void)err_wrap(&e, "again %s", e.text);
    CHECK_STR(e.text, "again outer (inner): outer (inner)");
}

static void what_a_peer_says_stays_one_line_and_cannot_drive_a_terminal(void)
{
    struct err e;

    (void)err_set(&e, EX_WIRE, "said \"%s\"", "a\r\nb\x1b[2J\x7f \xc3\xa9");
    CHECK_STR(e.text, "said \"a??b?[2J? \xc3\xa9\"");
    static const char turning[] = {(char)0xe2, (char)0x80, (char)0xae, '\0'}; /* U+202E */

    (void)err_set(&e, EX_TARGET,
                  "a\xc2\x9b"
                  "31m b\x9b" /* C1 */
                  "2J c%sd",
                  turning);
    CHECK_STR(e.text, "a??31m b?2J c?d");
}

static void a_text_that_is_too_long_is_cut(void)
{
    struct err e;
    char text[2000];

    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    (void)err_set(&e, EX_WIRE, "%s", text);
    CHECK_U64(strlen(e.text), sizeof e.text - 1);
    (void)err_wrap(&e, "%s", "before");
    CHECK_U64(strlen(e.text), sizeof e.text - 1);
    CHECK(strncmp(e.text, "before: xxx", 11) == 0);
    (void)err_wrap(&e, "%s", text);
    CHECK_U64(strlen(e.text), sizeof e.text - 1);
}

static void a_false_assertion_aborts_and_says_where(void)
{
    int ends[2], status = 0;
    char said[400] = "";

    if (!CHECK(pipe(ends) == 0))
        return;
    pid_t pid = fork();
    if (pid == 0) {
        (void)dup2(ends[1], STDERR_FILENO);
        (void)signal(SIGABRT, SIG_DFL);
        PM_ASSERT(said[0] == 'x');
        _exit(0);
    }
    (void)close(ends[1]);
    CHECK(waitpid(pid, &status, 0) == pid);
    CHECK(read(ends[0], said, sizeof said - 1) > 0);
    (void)close(ends[0]);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    CHECK_HAS(said, "test_err.c:");
    CHECK_HAS(said, "said[0] == 'x'");
}

static const struct test tests[] = {
    TEST(setting_an_error_answers_false_with_code_and_text),
    TEST(nobody_has_to_want_the_error),
    TEST(wrapping_puts_words_before_and_keeps_the_code),
    TEST(the_text_may_quote_itself),
    TEST(what_a_peer_says_stays_one_line_and_cannot_drive_a_terminal),
    TEST(a_text_that_is_too_long_is_cut),
    TEST(a_false_assertion_aborts_and_says_where),
    TEST_END,
};
const struct suite err_suite = {"err", tests};
