/* test_report.c - DSNs, Exchange's prose, other prose, and what is no report. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/check.h"
#include "wire/report.h"

static struct arena *arena;

static struct report read_mail(const char *mail)
{
    struct report r;

    arena_destroy(arena);
    arena = arena_create(8 << 20);
    CHECK(report_read(arena, slice_of(mail), &r));
    return r;
}

static void done(void)
{
    arena_destroy(arena);
    arena = NULL;
}

static const char dsn[] =
    "Return-Path: <>\r\n"
    "From: Mail Delivery System <MAILER-DAEMON@mx.example>\r\n"
    "To: joe@lab.test\r\n"
    "Subject: Undelivered Mail Returned to Sender\r\n"
    "Message-Id: <20260101.4711@mx.example>\r\n"
    "MIME-Version: 1.0\r\n"
    "Content-Type: multipart/report; report-type=delivery-status; boundary=\"b1\"\r\n"
    "\r\n"
    "--b1\r\n"
    "Content-Type: text/plain\r\n"
    "\r\n"
    "Sorry.\r\n"
    "--b1\r\n"
    "Content-Type: message/delivery-status\r\n"
    "\r\n"
    "Reporting-MTA: dns; mx.example\r\n"
    "Original-Envelope-Id: pm.aaaa\r\n"
    "\r\n"
    "Original-Recipient: rfc822;joanne@lab.test\r\n"
    "Final-Recipient: rfc822; joanne-alt@lab.test\r\n"
    "Action: failed\r\n"
    "Status: 5.1.1\r\n"
    "Diagnostic-Code: smtp; 550 5.1.1 <joanne-alt@lab.test>:\r\n"
    "    no such user\r\n"
    "\r\n"
    "Final-Recipient: rfc822;ann@lab.test\r\n"
    "Action: delayed\r\n"
    "Status: 4.4.1\r\n"
    "\r\n"
    "Final-Recipient: rfc822;bob@lab.test\r\n"
    "Action: relayed (to a system without DSN)\r\n"
    "Status: 2.0.0\r\n"
    "\r\n"
    "--b1\r\n"
    "Content-Type: message/rfc822\r\n"
    "\r\n"
    "Message-ID: <pm.bbbb@lab.test>\r\n"
    "X-Postmuster: pm.bbbb\r\n"
    "Subject: hello [pm.bbbb]\r\n"
    "Content-Type: multipart/report; boundary=b2\r\n"
    "\r\n"
    "--b2\r\n"
    "Content-Type: message/delivery-status\r\n"
    "\r\n"
    "Final-Recipient: rfc822;trap@lab.test\r\n"
    "Action: failed\r\n"
    "--b2--\r\n"
    "--b1--\r\n";

static void a_dsn_names_each_recipient_and_what_became_of_it(void)
{
    struct report r = read_mail(dsn);

    CHECK_STR(report_sort_name(r.sort), "report");
    CHECK(r.standard);
    CHECK_STR(r.format, "rfc3464");
    CHECK_U64(r.count, 3);
    CHECK_STR(r.recipients[0].final, "joanne-alt@lab.test");
    CHECK_STR(r.recipients[0].original, "joanne@lab.test");
    CHECK_STR(report_action_name(r.recipients[0].action), "failed");
    CHECK_U64(r.recipients[0].status[0] * 100 + r.recipients[0].status[1] * 10 +
                  r.recipients[0].status[2],
              511);
    CHECK_U64(r.recipients[0].reply, 550);
    CHECK_STR(report_action_name(r.recipients[1].action), "delayed");
    CHECK_STR(report_action_name(r.recipients[2].action), "relayed");
    CHECK_STR(r.envid, "pm.aaaa");
    CHECK_STR(r.reporting_mta, "mx.example");
    CHECK_STR(r.message_id, "<20260101.4711@mx.example>");
    CHECK_STR(r.original_message_id, "<pm.bbbb@lab.test>");
    CHECK_HAS(r.returned, "X-Postmuster: pm.bbbb");
    done();
}

static void a_report_returned_inside_a_report_is_not_searched(void)
{
    struct report r = read_mail(dsn);

    for (uint32_t i = 0; i < r.count; i++)
        CHECK(strcmp(r.recipients[i].final, "trap@lab.test") != 0);
    done();
}

/* Article Q172364 shows this text; the MTS-ID and the last line are of 5.0 and 5.5. */
static const char exchange[] =
    "From: System Administrator <postmaster@lab.test>\r\n"
    "To: joe@lab.test\r\n"
    "Subject: Undeliverable: hello [pm.cccc]\r\n"
    "Message-ID: <ndr-1@s1.lab.test>\r\n"
    "\r\n"
    "Your message did not reach some or all of the intended recipients.\r\n"
    "\r\n"
    "      Subject:  hello [pm.cccc]\r\n"
    "      Sent:     1/2/98 3:04 PM\r\n"
    "\r\n"
    "The following recipient(s) could not be reached:\r\n"
    "\r\n"
    "      joanne-1@lab.test on 1/2/98 3:05 PM\r\n"
    "            Unable to deliver the message due to a communications\r\n"
    "            failure\r\n"
    "            The MTS-ID of the original message is: c=US;a= ;p=LAB;l=S1-980102200400Z-7\r\n"
    "            MSEXCH:MSExchangeMTA:SITE:S1\r\n"
    "      c=US;a= ;p=LAB;o=SITE;dda:MSXCHNGE=//o=LAB//ou=SITE//cn=RECIPIENTS//cn=JOE; on Thu, 2 "
    "Jan 1998 15:05:00 -0500\r\n"
    "            The recipient was detected looping within the message transfer service\r\n"
    "            [MSEXCH:MSExchangeMTA:SITE:S1]\r\n";

static void exchange_prose_is_read_by_its_sentences(void)
{
    struct report r = read_mail(exchange);

    CHECK_STR(report_sort_name(r.sort), "report");
    CHECK(!r.standard);
    CHECK_STR(r.format, "exchange");
    CHECK_U64(r.count, 2);
    CHECK_STR(r.recipients[0].final, "joanne-1@lab.test");
    CHECK_I64(r.recipients[0].reason, 0);
    CHECK_I64(r.recipients[0].code, -1);
    CHECK_U64(r.recipients[0].status[0] * 100 + r.recipients[0].status[1] * 10, 540);
    CHECK_HAS(r.recipients[1].final, "cn=JOE");
    CHECK_I64(r.recipients[1].code, 3);
    CHECK_U64(r.recipients[1].status[1] * 10 + r.recipients[1].status[2], 46);
    CHECK_STR(r.mts_id, "c=US;a= ;p=LAB;l=S1-980102200400Z-7");
    CHECK_HAS(r.subject, "[pm.cccc]");
    done();
}

static void every_sentence_has_its_status(void)
{
    static const struct {
        const char *sentence;
        int reason, code;
        unsigned status;
    } cases[] = {
        {"The recipient name is not recognized", 1, 0, 511},
        {"Unable to deliver the message due to a recipient problem", 1, -1, 520},
        {"The recipient could not be processed due to congestion in the message transfer service",
         0, 2, 530},
        {"The maximum time for delivering the message expired", 1, 5, 447},
        {"A required directory operation was unsuccessful", 6, -1, 543},
        {"A restriction in the system prevented delivery of the message", 5, -1, 571},
        {"The recipient was unavailable to take delivery of the message", 1, 4, 521},
        {"Reason: 0 (transfer failed) diagnostic: -1 (no diagnostic)", 0, -1, 540},
        {"reason code 1 and diagnostic code 0", 1, 0, 511},
    };

    char mail[2000];

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        (void)snprintf(mail, sizeof mail,
                       "From: System Administrator\n\nThe following recipient(s) could not be "
                       "reached:\n\n  ann@lab.test on 1.2.98 15:05\n    %s\n",
                       cases[i].sentence);
        struct report r = read_mail(mail);

        if (!CHECK_U64(r.count, 1))
            continue;
        CHECK_I64(r.recipients[0].reason, cases[i].reason);
        CHECK_I64(r.recipients[0].code, cases[i].code);
        CHECK_U64(r.recipients[0].status[0] * 100 + r.recipients[0].status[1] * 10 +
                      r.recipients[0].status[2],
                  cases[i].status);
    }
    done();
}

static void replies_of_people_and_programs_are_not_failures(void)
{
    struct report r = read_mail("Return-Path: <>\nFrom: ann@lab.test\nAuto-Submitted: "
                                "auto-replied (vacation)\nSubject: Out of office\n\nI am away. "
                                "Mail could not be delivered <joe@lab.test> yesterday.\n");

    CHECK_STR(report_sort_name(r.sort), "auto-reply");
    CHECK_U64(r.count, 0);
    r = read_mail("From: ann@lab.test\nSubject: lunch\n\nmailer-daemon failed <joe@lab.test>\n");
    CHECK_STR(report_sort_name(r.sort), "mail");
    r = read_mail("From: abuse@isp.test\nContent-Type: multipart/report; report-type="
                  "feedback-report; boundary=b\n\n--b\nContent-Type: message/feedback-report\n\n"
                  "Feedback-Type: abuse\n\n--b--\n");
    CHECK_STR(report_sort_name(r.sort), "feedback");
    r = read_mail("From: ann@lab.test\nContent-Type: multipart/report; report-type="
                  "disposition-notification; boundary=b\n\n--b\nContent-Type: "
                  "message/disposition-notification\n\nFinal-Recipient: rfc822;ann@lab.test\n"
                  "Disposition: manual-action/MDN-sent-manually; displayed\n\n--b--\n");
    CHECK_STR(report_sort_name(r.sort), "auto-reply");
    CHECK_U64(r.count, 0);
    done();
}

static void prose_of_others_is_read_by_its_signs(void)
{
    struct report r = read_mail(
        "Return-Path: <>\nX-Failed-Recipients: ann@lab.test\nFrom: Mail Delivery System "
        "<Mailer-Daemon@x.test>\nTo: joe@lab.test\nSubject: Mail delivery failed\n\nA message that "
        "you sent could not be delivered.\n\n  ann@lab.test\n    550 5.1.1 no such user\n");

    CHECK_STR(r.format, "prose");
    CHECK(!r.standard);
    CHECK_U64(r.count, 1);
    CHECK_STR(r.recipients[0].final, "ann@lab.test");
    CHECK_STR(report_action_name(r.recipients[0].action), "failed");
    CHECK_U64(r.recipients[0].reply, 550);
    r = read_mail("From: MAILER-DAEMON@x.test\nSubject: Hello\n\nNothing to see.\n");
    CHECK_STR(report_sort_name(r.sort), "unreadable");
    done();
}

static void any_cut_and_any_flipped_octet_is_survived(void)
{
    char copy[sizeof dsn];

    for (size_t n = 0; n < sizeof dsn; n += 7) {
        memcpy(copy, dsn, n);
        copy[n] = 0;
        (void)read_mail(copy);
    }
    for (size_t i = 0; i < sizeof dsn - 1; i += 3) {
        memcpy(copy, dsn, sizeof dsn);
        copy[i] = (char)(copy[i] ^ 0x15 ? copy[i] ^ 0x15 : ' ');
        (void)read_mail(copy);
    }
    done();
}

static void parts_without_end_are_bounded(void)
{
    size_t n = 200000;
    char *mail = malloc(n + 200);
    struct report r;
    int at = snprintf(mail, 200, "Content-Type: multipart/report; boundary=b\n\n");

    for (; (size_t)at < n; at += 40)
        (void)snprintf(mail + at, 42, "--b\nContent-Type: multipart/mixed;\n\n   \n\n");
    r = read_mail(mail);
    CHECK(r.count == 0);
    free(mail);
    done();
}

#define REPORT_HEAD                                                                                \
    "From: MAILER-DAEMON@mx.example\r\nSubject: Undelivered Mail\r\n"                              \
    "Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n--b\r\n"       \
    "Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx\r\n\r\n"

static void recipients_that_run_together_are_several(void)
{
    struct report r =
        read_mail(REPORT_HEAD "Final-Recipient: rfc822;a@lab.test\r\nAction: failed\r\n"
                              "Status: 5.1.1\r\n"
                              "Final-Recipient: rfc822;b@lab.test\r\nAction: delayed\r\n"
                              "Status: 4.4.1\r\n\r\n--b--\r\n");

    if (CHECK_U64(r.count, 2)) {
        CHECK_STR(r.recipients[0].final, "a@lab.test");
        CHECK_U64(r.recipients[0].action, ACTION_FAILED);
        CHECK_STR(r.recipients[1].final, "b@lab.test");
        CHECK_U64(r.recipients[1].action, ACTION_DELAYED);
    }
    done();
}

static void without_an_action_the_status_says_what_became_of_it(void)
{
    struct report r =
        read_mail(REPORT_HEAD "Final-Recipient: rfc822;a@lab.test\r\nStatus: 4.4.1\r\n\r\n"
                              "Final-Recipient: rfc822;b@lab.test\r\nStatus: 5.1.1\r\n\r\n"
                              "Final-Recipient: rfc822;c@lab.test\r\nStatus: 2.1.5\r\n\r\n"
                              "--b--\r\n");

    if (CHECK_U64(r.count, 3)) {
        CHECK_U64(r.recipients[0].action, ACTION_DELAYED);
        CHECK_U64(r.recipients[1].action, ACTION_FAILED);
        CHECK_U64(r.recipients[2].action, ACTION_DELIVERED);
    }
    done();
}

static void a_folded_diagnostic_is_read_to_its_end(void)
{
    struct report r = read_mail(dsn);

    if (CHECK(r.count > 0))
        CHECK_HAS(r.recipients[0].diagnostic, "no such user");
    done();
}

static void what_stands_behind_a_boundary_is_no_status_of_broken_mime(void)
{
    struct report r =
        read_mail("From: MAILER-DAEMON@mx.example\r\nSubject: failure notice\r\n\r\n"
                  "Reporting-MTA: dns; mx\r\n\r\nFinal-Recipient: rfc822;a@lab.test\r\n"
                  "Action: failed\r\nStatus: 5.1.1\r\n--b\r\n"
                  "Final-Recipient: rfc822;trap@lab.test\r\nAction: failed\r\n");

    if (CHECK_U64(r.count, 1))
        CHECK_STR(r.recipients[0].final, "a@lab.test");
    done();
}

static void a_mail_systems_own_mail_is_no_answer_of_a_program(void)
{
    struct report r = read_mail("From: MAILER-DAEMON@mx.example\r\nSubject: hm\r\n"
                                "Auto-Submitted: auto-generated\r\n\r\nsomething is odd\r\n");

    CHECK_U64(r.sort, SORT_UNREADABLE);
    r = read_mail("From: ann@lab.test\r\nSubject: failure notice\r\n"
                  "Auto-Submitted: auto-replied\r\n\r\nI am away\r\n");
    CHECK_U64(r.sort, SORT_AUTO_REPLY);
    done();
}

static const struct test tests[] = {
    TEST(a_dsn_names_each_recipient_and_what_became_of_it),
    TEST(a_report_returned_inside_a_report_is_not_searched),
    TEST(exchange_prose_is_read_by_its_sentences),
    TEST(every_sentence_has_its_status),
    TEST(replies_of_people_and_programs_are_not_failures),
    TEST(prose_of_others_is_read_by_its_signs),
    TEST(any_cut_and_any_flipped_octet_is_survived),
    TEST(parts_without_end_are_bounded),
    TEST(recipients_that_run_together_are_several),
    TEST(without_an_action_the_status_says_what_became_of_it),
    TEST(a_folded_diagnostic_is_read_to_its_end),
    TEST(what_stands_behind_a_boundary_is_no_status_of_broken_mime),
    TEST(a_mail_systems_own_mail_is_no_answer_of_a_program),
    TEST_END,
};

const struct suite report_suite = {"report", tests};
