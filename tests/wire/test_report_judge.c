/* test_report_judge.c - what a report means by what it says: time run out, handed over, codes that stand in the text only. */
#include <stdio.h>
#include <string.h>

#include "tests/support/check.h"
#include "wire/report.h"

static struct arena *arena;

static struct report read_dsn(const char *text, const char *group)
{
    char mail[4000];
    struct report r;

    (void)snprintf(mail, sizeof mail,
                   "Return-Path: <>\nFrom: Mailer Daemon <MAILER-DAEMON@mx.example>\nSubject: "
                   "Delivery status notification\nContent-Type: multipart/mixed; "
                   "boundary=b\n\n--b\nContent-Type: text/plain\n\n%s\n--b\nContent-Type: "
                   "message/delivery-status\n\nReporting-MTA: dns; mx.example\n\nFinal-Recipient: "
                   "rfc822; ann@lab.test\n%s\n--b--\n",
                   text, group);
    arena_destroy(arena);
    arena = arena_create(8 << 20);
    CHECK(report_read(arena, slice_of(mail), &r));
    CHECK_U64(r.count, 1);
    return r;
}

static void done(void)
{
    arena_destroy(arena);
    arena = NULL;
}

#define OPENSMTPD                                                                                  \
    "    A message is delayed for more than 30 seconds for the following\n    list of "            \
    "recipients:\n\nann@lab.test: %s\n\n    Please note that this is only a temporary failure "    \
    "report.\n    The message is kept in the queue for up to 4 days.\n    You DO NOT NEED to "     \
    "re-send the message to these recipients.\n"

static void opensmtpds_last_notice_is_final_whatever_it_calls_itself(void)
{
    char text[1000];

    (void)snprintf(text, sizeof text, OPENSMTPD, "Envelope expired");
    struct report r = read_dsn(text, "Action: delayed\nStatus: 4.4.7\n");

    CHECK_STR(report_kind(&r), "failed");
    CHECK(r.recipients[0].judged);
    CHECK(r.recipients[0].expired);
    (void)snprintf(text, sizeof text, OPENSMTPD, "Network error on destination MXs");
    r = read_dsn(text, "Action: delayed\nStatus: 4.4.7\n");
    CHECK_STR(report_kind(&r), "delayed");
    CHECK(!r.recipients[0].judged);
    CHECK(!r.recipients[0].expired);
    done();
}

static void a_notice_that_says_what_would_happen_is_a_delay(void)
{
    static const struct {
        const char *text, *kind;
    } cases[] = {
        {"Delivery to <ann@lab.test> has been delayed.\nIf it does not succeed within 4 days, the\n"
         "message will be removed from the queue.\n",
         "delayed"},
        {"<ann@lab.test>: still trying. It will be deleted from the queue in 4 days.\n", "delayed"},
        {"ann@lab.test: unless it gets there, it is deleted from the queue after 5 days.\n",
         "delayed"},
        {"ann@lab.test: you will be told when the retry timeout exceeded\n", "delayed"},
        {"ann@lab.test: no answer (4.4.7). It has been removed from the queue.\n", "failed"},
        {"ann@lab.test\nMessage could not be delivered for 5 days\nMessage will be deleted from "
         "queue\n",
         "failed"},
        {"ann@lab.test: message expired, notifying the sender\n", "failed"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct report r = read_dsn(cases[i].text, "Action: delayed\nStatus: 4.4.7\n");

        CHECK_STR(report_kind(&r), cases[i].kind);
        CHECK_U64(r.recipients[0].judged, strcmp(cases[i].kind, "failed") == 0);
    }
    done();
}

static void a_failure_is_expired_when_nobody_refused(void)
{
    static const struct {
        const char *text, *group;
        bool expired;
    } cases[] = {
        {"", "Action: failed\nStatus: 4.4.7\n", true},
        {"", "Action: failed\nStatus: 4.4.1\nDiagnostic-Code: X-Postfix; Connection timed out\n",
         true},
        {"", "Action: expired\nStatus:\nDiagnostic-Code: Connection timed out\n", true},
        {"ann@lab.test\n  retry timeout exceeded\n", "Action: failed\nStatus: 5.0.0\n", true},
        {"", "Action: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 5.1.1 no\n", false},
        {"", "Action: failed\nStatus: 5.0.0\nDiagnostic-Code: smtp; 550 your time expired\n",
         false},
        {"", "Action: delayed\nStatus: 4.4.1\n", false},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct report r = read_dsn(cases[i].text, cases[i].group);

        CHECK_U64(r.recipients[0].expired, cases[i].expired);
        CHECK(!r.recipients[0].judged);
    }
    done();
}

static void exims_delivered_to_a_host_without_dsn_is_relayed(void)
{
    static const char text[] =
        "This message was created automatically by mail delivery software.\n ----- The following "
        "addresses had successful delivery notifications -----\n<ann@lab.test> (relayed to "
        "non-DSN-aware mailer)\n";
    struct report r = read_dsn(text, "Action: delivered\nStatus: 2.0.0\nRemote-MTA: dns; mx2\n"
                                     "Diagnostic-Code: smtp; 250 Ok\n");

    CHECK_STR(report_kind(&r), "relayed");
    CHECK(r.recipients[0].judged);
    CHECK_U64(r.recipients[0].reply, 250);
    r = read_dsn(text, "Action: delivered\nStatus: 2.0.0\nDiagnostic-Code: X-Exim; relayed via non "
                       "SMTP router\n");
    CHECK_STR(report_kind(&r), "delivered");
    /* Postfix's LMTP delivery names a Remote-MTA too, and is one. */
    r = read_dsn("This is the mail system at host mx.\n",
                 "Action: delivered\nStatus: 2.0.0\nRemote-MTA: dns; mx2\n");
    CHECK_STR(report_kind(&r), "delivered");
    CHECK(!r.recipients[0].judged);
    done();
}

static void codes_come_from_whoever_knows_best(void)
{
    static const struct {
        const char *text, *group;
        unsigned status[3], reply;
    } cases[] = {
        /* OpenSMTPD: in the text only. */
        {"ann@lab.test: 550 5.7.25 rejected\n", "Action: failed\nStatus: 5.0.0\n", {5, 7, 25}, 550},
        {"bob@lab.test: 550 5.7.25 rejected\n", "Action: failed\nStatus: 5.1.2\n", {5, 1, 2}, 550},
        /* Sendmail: Status follows from the command, the reply knows better. */
        {"",
         "Action: failed\nStatus: 5.1.1\nDiagnostic-Code: SMTP; 550 5.7.1 blocked\n",
         {5, 7, 1},
         550},
        /* A gateway's own number first, then the server's. */
        {"",
         "Action: failed\nStatus: 5.0.0\nDiagnostic-Code: smtp; 5.1.0 - Unknown address error "
         "550-'5.7.1 denied'\n",
         {5, 7, 1},
         550},
        {"",
         "Action: delayed\nStatus: 4.4.1\nDiagnostic-Code: smtp; 450 4.2.2 full\n",
         {4, 2, 2},
         450},
        {"", "Action: failed\nStatus: 5.1.1\nDiagnostic-Code: X-Unix; 71\n", {5, 1, 1}, 0},
        /* Neither a version, nor an address, nor a part of a number. */
        {"v5.1.1 at 192.5.2.1:550 x5.7.1 5.1.1.1\n",
         "Action: failed\nStatus: 5.0.0\n",
         {5, 0, 0},
         0},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct report r = read_dsn(cases[i].text, cases[i].group);

        for (size_t k = 0; k < 3; k++)
            CHECK_U64(r.recipients[0].status[k], cases[i].status[k]);
        CHECK_U64(r.recipients[0].reply, cases[i].reply);
    }
    done();
}

static void of_two_names_the_one_for_the_world_is_taken(void)
{
    struct report r = read_dsn("", "Original-Recipient: rfc822; ann@lab.test\nAction: failed\n");

    CHECK_STR(r.recipients[0].final, "ann@lab.test");
    r = read_dsn("   ----- The following addresses had permanent fatal errors -----\n<x@y.test>\n",
                 "Action: failed\n");
    CHECK_STR(r.recipients[0].final, "ann@lab.test");
    done();
}

static void a_token_is_found_by_its_looks(void)
{
    char token[REPORT_TOKEN_CHARS + 1];
    static const char mail[] = "From: MAILER-DAEMON@x\nSubject: failure notice\n\ncould not be "
                               "delivered:\n<ann@lab.test>\n\nReturn-Path: <joe@lab.test>\nTo: "
                               "ann@lab.test\nMessage-ID: <PM.ABCDEFGHIJKLMNOPQRSTUV2345@x>\n";
    struct report r;

    arena_destroy(arena);
    arena = arena_create(8 << 20);
    CHECK(report_read(arena, slice_of(mail), &r));
    CHECK_STR(r.original_message_id, "<PM.ABCDEFGHIJKLMNOPQRSTUV2345@x>");
    CHECK(report_token(&r, slice_of(mail), token));
    CHECK_STR(token, "ABCDEFGHIJKLMNOPQRSTUV2345");
    CHECK(
        !report_token(&(struct report){.envid = "pm.short", .text = "pm.0000000000000000000000000"},
                      slice_of("pm."), token));
    CHECK_STR(token, "");
    done();
}

static const struct test tests[] = {
    TEST(opensmtpds_last_notice_is_final_whatever_it_calls_itself),
    TEST(a_notice_that_says_what_would_happen_is_a_delay),
    TEST(a_failure_is_expired_when_nobody_refused),
    TEST(exims_delivered_to_a_host_without_dsn_is_relayed),
    TEST(codes_come_from_whoever_knows_best),
    TEST(of_two_names_the_one_for_the_world_is_taken),
    TEST(a_token_is_found_by_its_looks),
    TEST_END,
};

const struct suite report_judge_suite = {"report_judge", tests};
