/* test_bounce.c - reports against what others wrote down: the sample of article Q172364, and RFC 3464. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "lab/bounce.h"
#include "tests/support/check.h"

/* The sample of Q172364 from its first body line on, line for line. */
static const char article[] =
    "Your message did not reach some or all of the intended recipients.\r\n"
    "\r\n"
    "  Subject:RE:\r\n"
    "  Sent:4/2/98 8:09 AM\r\n"
    "\r\n"
    "The following recipient(s) could not be reached:\r\n"
    "\r\n"
    "  JoanneUser on 4/2/98 8:09 AM\r\n"
    "  Unable to deliver the message due to a communications failure\r\n"
    "  MSEXCH:MSExchangeMTA:50site:SERVER50\r\n";

#define MTS_LINE                                                                                   \
    "  The MTS-ID of the original message is: c=US;a= ;p=LAB;l=SERVER50980402080900AA000017\r\n"

static struct bounce sample(void)
{
    return (struct bounce){.kind = BOUNCE_FAILED,
                           .generation = 50,
                           .build = "5.0.1457.10",
                           .domain = "lab.test",
                           .site = "50site",
                           .server = "SERVER50",
                           .component = "MSExchangeMTA",
                           .id = 3,
                           .sent_ns = 540 * NS_PER_S,
                           .now_ns = 541 * NS_PER_S,
                           .to = slice_of("JoeUser@lab.test"),
                           .subject = slice_of("RE:"),
                           .name = slice_of("JoanneUser"),
                           .address = slice_of("JoanneUser@lab.test"),
                           .orcpt = slice_of("rfc822;JoanneUser@lab.test"),
                           .envid = slice_of("QQ314159"),
                           .mts_id = slice_of("c=US;a= ;p=LAB;l=SERVER50980402080900AA000017"),
                           .original =
                               slice_of("Message-ID: <a@b>\r\nSubject: RE:\r\n\r\nHello\r\n"),
                           .reason = 0,
                           .diag = 255};
}

static const char *body_of(struct buf *b)
{
    const char *body = strstr(buf_text(b), "\r\n\r\n");

    return body ? body + 4 : "";
}

static void check_body(struct bounce b, const char *want)
{
    struct buf out;

    buf_init(&out, 1 << 20);
    CHECK(bounce_write(&out, &b));
    CHECK_STR(body_of(&out), want);
    buf_fini(&out);
}

static void the_text_is_the_articles_plus_the_mts_line_of_5_0(void)
{
    char want[1024];
    const char *last = strstr(article, "  MSEXCH:");

    (void)snprintf(want, sizeof want, "%.*s%s%s", (int)(last - article), article, MTS_LINE, last);
    check_body(sample(), want);
}

static void version_4_0_has_no_mts_line_and_square_brackets(void)
{
    char want[1024];
    const char *last = strstr(article, "  MSEXCH:");
    struct bounce b = sample();

    b.generation = 40;
    (void)snprintf(want, sizeof want, "%.*s  [MSEXCH:MSExchangeMTA:50site:SERVER50]\r\n",
                   (int)(last - article), article);
    check_body(b, want);
}

static void the_head_names_system_administrator_and_the_subject(void)
{
    struct buf out;
    struct bounce b = sample();

    buf_init(&out, 1 << 20);
    CHECK(bounce_write(&out, &b));
    CHECK_STR(buf_text(&out),
              strstr(buf_text(&out), "Return-Path: <>\r\nFrom: System Administrator "
                                     "<postmaster@lab.test>\r\nTo: JoeUser@lab.test\r\n"
                                     "Subject: Undeliverable: RE:\r\n"
                                     "Date: Thu, 02 Apr 1998 08:09:01 +0000\r\n"));
    CHECK_HAS(buf_text(&out), "\r\nMessage-ID: <report-3@SERVER50.lab.test>\r\n");
    CHECK(!strstr(buf_text(&out), "<a@b>"));
    buf_fini(&out);
}

static void a_folded_subject_comes_back_on_one_line(void)
{
    struct buf out;
    struct bounce b = sample();

    b.subject = slice_of("RE: a long\r\n story\r\n\tindeed");
    buf_init(&out, 1 << 20);
    CHECK(bounce_write(&out, &b));
    CHECK_HAS(buf_text(&out), "Subject: Undeliverable: RE: a long story\tindeed\r\n");
    CHECK_HAS(buf_text(&out), "\r\n  Subject:RE: a long story\tindeed\r\n");
    buf_fini(&out);
}

static void sentences_are_those_of_the_articles(void)
{
    CHECK_STR(bounce_sentence(1, 0), "The recipient name is not recognized");
    CHECK_STR(bounce_sentence(1, 3),
              "The recipient was detected looping within the message transfer service");
    CHECK_STR(bounce_sentence(1, 5), "The maximum time for delivering the message expired");
    CHECK_STR(bounce_sentence(7, 99), "Unable to deliver the message due to a recipient problem");
    CHECK_STR(bounce_status(BOUNCE_FAILED, 1, 0), "5.1.1");
    CHECK_STR(bounce_status(BOUNCE_FAILED, 1, 3), "5.4.6");
    CHECK_STR(bounce_status(BOUNCE_FAILED, 7, 99), "5.0.0");
}

static void the_dsn_has_the_fields_of_rfc_3464(void)
{
    static const char status[] = "Content-Type: message/delivery-status\r\n"
                                 "\r\n"
                                 "Reporting-MTA: dns; SERVER50.lab.test\r\n"
                                 "Original-Envelope-Id: QQ314159\r\n"
                                 "Arrival-Date: Thu, 02 Apr 1998 08:09:00 +0000\r\n"
                                 "\r\n"
                                 "Original-Recipient: rfc822;JoanneUser@lab.test\r\n"
                                 "Final-Recipient: rfc822; JoanneUser@lab.test\r\n"
                                 "Action: failed\r\n"
                                 "Status: 5.4.0\r\n"
                                 "Diagnostic-Code: x-exchange; reason 0 diagnostic 255 (Unable to "
                                 "deliver the message due to a communications failure)\r\n"
                                 "\r\n--";
    struct buf out;
    struct bounce b = sample();

    b.as_dsn = true;
    buf_init(&out, 1 << 20);
    CHECK(bounce_write(&out, &b));
    CHECK_HAS(buf_text(&out), "Content-Type: multipart/report; report-type=delivery-status;\r\n");
    CHECK_HAS(buf_text(&out), status);
    CHECK_HAS(buf_text(&out), "Content-Type: message/rfc822\r\n");
    CHECK_HAS(buf_text(&out), "\r\n\r\nHello\r\n");
    buf_fini(&out);
}

static void ret_hdrs_returns_the_header_only(void)
{
    struct buf out;
    struct bounce b = sample();

    b.as_dsn = b.headers_only = true;
    buf_init(&out, 1 << 20);
    CHECK(bounce_write(&out, &b));
    CHECK_HAS(buf_text(&out), "Content-Type: text/rfc822-headers\r\n");
    CHECK_HAS(buf_text(&out), "Message-ID: <a@b>\r\nSubject: RE:\r\n");
    CHECK(!strstr(buf_text(&out), "Hello"));
    buf_fini(&out);
}

static void a_delivery_report_says_delivered_and_names_no_failure(void)
{
    struct buf out;
    struct bounce b = sample();

    b.kind = BOUNCE_DELIVERED;
    b.as_dsn = true;
    buf_init(&out, 1 << 20);
    CHECK(bounce_write(&out, &b));
    CHECK_HAS(buf_text(&out), "Subject: Delivered: RE:\r\n");
    CHECK_HAS(buf_text(&out), "Action: delivered\r\nStatus: 2.0.0\r\n\r\n--");
    CHECK(!strstr(buf_text(&out), "MSEXCH"));
    buf_fini(&out);
}

/* Of a time that ran out a failed report says 4.4.7 as well: the action tells them apart. */
static void a_delay_notice_is_of_class_4_and_no_failure(void)
{
    struct buf out;
    struct bounce b = sample();

    b.kind = BOUNCE_DELAYED;
    buf_init(&out, 1 << 20);
    CHECK(bounce_write(&out, &b));
    CHECK_HAS(buf_text(&out), "Subject: Delayed: RE:\r\n");
    CHECK_HAS(buf_text(&out), "Your message is delayed\r\n\r\n  Subject:RE:\r\n");
    CHECK_HAS(buf_text(&out), "Action: delayed\r\nStatus: 4.4.7\r\n\r\n--");
    CHECK(!strstr(buf_text(&out), "MSEXCH"));
    CHECK_STR(bounce_action(BOUNCE_FAILED), "failed");
    CHECK_STR(bounce_status(BOUNCE_FAILED, 1, 5), "4.4.7");
    buf_fini(&out);
}

static void a_full_buffer_is_told(void)
{
    struct buf out;
    struct bounce b = sample();

    buf_init(&out, 100);
    CHECK(!bounce_write(&out, &b));
    buf_fini(&out);
}

static const struct test tests[] = {
    TEST(the_text_is_the_articles_plus_the_mts_line_of_5_0),
    TEST(version_4_0_has_no_mts_line_and_square_brackets),
    TEST(the_head_names_system_administrator_and_the_subject),
    TEST(a_folded_subject_comes_back_on_one_line),
    TEST(sentences_are_those_of_the_articles),
    TEST(the_dsn_has_the_fields_of_rfc_3464),
    TEST(ret_hdrs_returns_the_header_only),
    TEST(a_delivery_report_says_delivered_and_names_no_failure),
    TEST(a_delay_notice_is_of_class_4_and_no_failure),
    TEST(a_full_buffer_is_told),
    TEST_END,
};

const struct suite bounce_suite = {"bounce", tests};
