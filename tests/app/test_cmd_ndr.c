/* test_cmd_ndr.c - postmuster ndr as its user meets it. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "tests/app/program.h"
#include "tests/support/check.h"
#include "tests/support/scratch.h"

static char *run_ndr(const char *const *argv, int code, const char *complaint)
{
    static char dir[500];
    struct program p;

    (void)snprintf(dir, sizeof dir, "%s", scratch_dir("cmd_ndr"));
    const struct program_way here = {.dir = dir};

    CHECK_I64(program_run(&p, &here, argv), code);
    char *said = program_said(&p, false), *complained = program_said(&p, true);

    CHECK_HAS(complained, complaint);
    free(complained);
    return said;
}

/* A file in a folder of its own, since the runs empty theirs. */
static const char *mail_file(const char *name, const char *text)
{
    static char paths[4][600];
    static unsigned next;
    char *path = paths[next++ % 4];

    (void)snprintf(path, sizeof paths[0], "%s", scratch_file(scratch_dir(name), "mail.eml", text));
    return path;
}

static const char dsn[] =
    "From: MAILER-DAEMON@mx.example\nSubject: Undelivered Mail\nContent-Type: multipart/report; "
    "boundary=b\n\n--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example\n"
    "Original-Envelope-Id: pm.abcdefghijklmnopqrstuv2345\n\nFinal-Recipient: rfc822; "
    "alt@lab.test\nOriginal-Recipient: rfc822;joanne@lab.test\nAction: failed\nStatus: 5.1.1\n"
    "Diagnostic-Code: smtp; 550 5.1.1 <alt@lab.test> \"none\" \xff\n\nFinal-Recipient: rfc822; "
    "ann@lab.test\nAction: delayed\nStatus: 4.4.7\n\n--b\nContent-Type: text/rfc822-headers\n\n"
    "Message-ID: <1@lab.test>\n\n--b--\n";

static void a_line_says_all_that_the_report_does(void)
{
    const char *path = mail_file("cmd_ndr_dsn", dsn);
    char want[3000];
    char *said = run_ndr((const char *[]){"ndr", path, NULL}, EX_PASS, "");

    (void)snprintf(
        want, sizeof want,
        "{\"file\":\"%s\",\"kind\":\"failed\",\"recipients\":[{\"address\":\"alt@lab.test\","
        "\"original\":\"joanne@lab.test\",\"kind\":\"failed\",\"status\":\"5.1.1\",\"reply\":"
        "\"550\",\"diagnostic\":\"smtp; 550 5.1.1 <alt@lab.test> \\\"none\\\" \xef\xbf\xbd\"},{"
        "\"address\":\"ann@lab.test\",\"original\":\"\",\"kind\":\"delayed\",\"status\":\"4.4.7\","
        "\"reply\":\"\",\"diagnostic\":\"\"}],\"original_message_id\":\"1@lab.test\",\"envid\":"
        "\"pm.abcdefghijklmnopqrstuv2345\",\"token\":\"abcdefghijklmnopqrstuv2345\","
        "\"reporting_mta\":\"mx.example\",\"format\":\"rfc3464\"}\n",
        path);
    CHECK_STR(said, want);
    free(said);
}

static void each_kind_has_its_word_and_each_file_its_line(void)
{
    static const struct {
        const char *name, *mail, *kind;
    } cases[] = {
        {"cmd_ndr_1", "From: ann@lab.test\nSubject: lunch\n\nnow\n", "\"kind\":\"none\""},
        {"cmd_ndr_2", "From: ann@lab.test\nSubject: Out of office: lunch\n\naway\n",
         "\"kind\":\"auto-reply\""},
        {"cmd_ndr_3",
         "From: abuse@isp.test\nContent-Type: multipart/report; report-type=feedback-report; "
         "boundary=b\n\n--b\nContent-Type: message/feedback-report\n\nFeedback-Type: abuse\n"
         "Original-Rcpt-To: <bob@lab.test>\n\n--b--\n",
         "\"kind\":\"feedback\",\"recipients\":[{\"address\":\"bob@lab.test\",\"original\":\"\","
         "\"kind\":\"feedback\""},
        {"cmd_ndr_4", "From: MAILER-DAEMON@x.test\n\nSomething went wrong.\n",
         "\"kind\":\"unreadable\""},
    };

    const char *argv[6] = {"ndr"};
    char *said, *line, *save = NULL;
    size_t i = 0;

    for (i = 0; i < 4; i++)
        argv[i + 1] = mail_file(cases[i].name, cases[i].mail);
    said = run_ndr(argv, EX_PASS, "");
    for (i = 0, line = strtok_r(said, "\n", &save); line && i < 4;
         line = strtok_r(NULL, "\n", &save)) {
        json_t *j = json_loads(line, 0, NULL);

        CHECK(j != NULL);
        CHECK_HAS(line, cases[i++].kind);
        json_decref(j);
    }
    CHECK_U64(i, 4);
    CHECK(line == NULL);
    free(said);
}

static void expiry_and_guesses_are_marked(void)
{
    char *said = run_ndr(
        (const char *[]){"ndr",
                         mail_file("cmd_ndr_5",
                                   "From: MAILER-DAEMON@x.test\nSubject: Undelivered Mail\n\nIt "
                                   "could not be delivered: message expired.\n\nReceived: from x\n"
                                   "To: ann@lab.test\nMessage-ID: <2@x>\n"),
                         NULL},
        EX_PASS, "");

    CHECK_HAS(said, "\"expired\":true,\"guessed\":true}]");
    CHECK_HAS(said, "\"original_message_id\":\"2@x\"");
    free(said);
}

static void what_is_wrong_is_told_and_the_others_are_read(void)
{
    const char *good = mail_file("cmd_ndr_dsn", dsn);
    char *said = run_ndr((const char *[]){"ndr", "/nowhere/at/all", good, NULL}, EX_IO,
                         "/nowhere/at/all: No such");

    CHECK_HAS(said, "\"kind\":\"failed\"");
    CHECK(strstr(said, "nowhere") == NULL);
    free(said);
    free(run_ndr((const char *[]){"ndr", NULL}, EX_BAD_USAGE, "ndr FILE..."));
    free(run_ndr((const char *[]){"ndr", "/", NULL}, EX_IO, "/: Is a directory"));
}

static void an_empty_file_and_noise_have_a_line(void)
{
    char *said = run_ndr((const char *[]){"ndr", mail_file("cmd_ndr_6", ""),
                                          mail_file("cmd_ndr_7", "\xff\xfe\x01\n\n\x80"), NULL},
                         EX_PASS, "");
    char *second = strchr(said, '\n');

    CHECK_HAS(said, "\"kind\":\"none\",\"recipients\":[]");
    CHECK(second && strstr(second, "\"kind\":\"none\""));
    free(said);
}

static const struct test tests[] = {
    TEST(a_line_says_all_that_the_report_does), TEST(each_kind_has_its_word_and_each_file_its_line),
    TEST(expiry_and_guesses_are_marked),        TEST(what_is_wrong_is_told_and_the_others_are_read),
    TEST(an_empty_file_and_noise_have_a_line),  TEST_END,
};

const struct suite cmd_ndr_suite = {"cmd_ndr", tests};
