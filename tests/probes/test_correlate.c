/* test_correlate.c - copies, reports and foreign mail, told apart. */
#include <stdio.h>
#include <string.h>

#include "probes/correlate.h"
#include "tests/probes/rig.h"
#include "tests/support/check.h"

static struct reading read_as(struct rig *g, struct slice raw)
{
    return correlate_read(g->c.correlate, raw, 0, 0, 0);
}

static void a_message_as_it_left_is_a_copy(void)
{
    struct rig *g = rig_create("correlate");

    for (uint64_t n = 0; n < 50; n++) {
        struct reading got = read_as(g, rig_mail(g, n));

        CHECK_U64(got.kind, READING_COPY);
        CHECK_U64(got.number, n);
        CHECK(!got.corrupt);
    }
    CHECK_U64(fake_run_count(g->r, EV_FINDING), 0);
    rig_destroy(g);
}

static void a_changed_body_is_a_corrupt_copy(void)
{
    struct rig *g = rig_create("correlate");
    struct slice s = rig_mail(g, 3);
    struct reading got;

    g->mail.p[s.n - 20] ^= 1;
    got = read_as(g, s);
    CHECK_U64(got.kind, READING_COPY);
    CHECK_U64(got.number, 3);
    CHECK(got.corrupt);
    got = read_as(g, slice_from(s.p, s.n / 2));
    CHECK_U64(got.kind, READING_COPY);
    CHECK(got.corrupt);
    rig_destroy(g);
}

static void a_null_return_path_does_not_make_a_copy_a_report(void)
{
    struct rig *g = rig_create("correlate");
    struct slice s = rig_mail(g, 3);
    struct buf b;

    buf_init(&b, 1 << 20);
    (void)buf_add_text(&b, "Return-Path: <>\r\n");
    (void)buf_add(&b, s.p, s.n);
    CHECK_U64(read_as(g, buf_slice(&b)).kind, READING_COPY);
    buf_fini(&b);
    rig_destroy(g);
}

static void the_first_line_is_enough_when_a_gateway_took_the_header(void)
{
    struct rig *g = rig_create("correlate");
    struct slice s = rig_mail(g, 9);
    struct reading got;
    struct buf b;
    size_t at;

    PM_ASSERT(slice_find(s, slice_of("\r\n\r\n"), &at));
    s = slice_skip(s, at);
    buf_init(&b, 1 << 20);
    (void)buf_add_text(&b, "From: gate@x400.test");
    (void)buf_add(&b, s.p, s.n);
    got = read_as(g, buf_slice(&b));
    CHECK_U64(got.kind, READING_COPY);
    CHECK_U64(got.number, 9);
    CHECK(!got.corrupt);
    buf_fini(&b);
    rig_destroy(g);
}

static void the_token_of_a_returned_original_is_no_copy(void)
{
    struct rig *g = rig_create("correlate");
    struct slice original = rig_mail(g, 5);
    struct buf b;

    buf_init(&b, 1 << 20);
    (void)buf_add_text(&b, "Return-Path: <>\r\nFrom: MAILER-DAEMON@s1.test\r\nContent-Type: "
                           "multipart/report; boundary=b\r\n\r\n--b\r\nContent-Type: "
                           "message/delivery-status\r\n\r\nReporting-MTA: dns; s1\r\n\r\n"
                           "Final-Recipient: rfc822;joanne-1@lab.test\r\nAction: failed\r\n"
                           "Status: 5.1.1\r\n\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n");
    (void)buf_add(&b, original.p, original.n);
    (void)buf_add_text(&b, "\r\n--b--\r\n");
    CHECK_U64(read_as(g, buf_slice(&b)).kind, READING_REPORT);
    CHECK_U64(fake_run_count(g->r, EV_REPORT), 1);
    buf_clear(&b); /* and in prose, the whole original below it */
    (void)buf_add_text(&b,
                       "Return-Path: <>\r\nFrom: MAILER-DAEMON@s1.test\r\nSubject: failure "
                       "notice\r\n\r\nI wasn't able to deliver your message.\r\n\r\n"
                       "<joanne-1@lab.test>:\r\nNo such user (5.1.1)\r\n\r\n--- Below this line "
                       "is a copy of the message.\r\n\r\n");
    (void)buf_add(&b, original.p, original.n);
    CHECK_U64(read_as(g, buf_slice(&b)).kind, READING_REPORT);
    CHECK_U64(fake_run_count(g->r, EV_REPORT), 2);
    buf_fini(&b);
    rig_destroy(g);
}

static void two_foreign_mails_found_at_once_are_two_findings(void)
{
    struct rig *g = rig_create("correlate");

    (void)read_as(g, slice_of("Subject: lunch\r\n\r\nat noon?\r\n"));
    (void)read_as(g, slice_of("Subject: lunch\r\n\r\nat one?\r\n"));
    if (CHECK_U64(fake_run_count(g->r, EV_FINDING), 2)) /* a fold keeps equal events once */
        CHECK(memcmp(&g->r->events[0], &g->r->events[1], sizeof g->r->events[0]) != 0);
    rig_destroy(g);
}

static void foreign_mail_is_counted_once_however_often_it_is_read(void)
{
    struct rig *g = rig_create("correlate");
    struct token_key other = token_key_make(3, 4);
    char token[TOKEN_CHARS], mail[200];

    for (unsigned i = 0; i < 3; i++)
        CHECK_U64(read_as(g, slice_of("Subject: lunch\r\n\r\nat noon?\r\n")).kind, READING_OTHER);
    CHECK_U64(fake_run_count(g->r, EV_FINDING), 1);
    token_write(&other, 5, token); /* of another run */
    (void)snprintf(mail, sizeof mail, "X-Postmuster: pm.%.*s\r\n\r\npm\r\n", TOKEN_CHARS, token);
    CHECK_U64(read_as(g, slice_of(mail)).kind, READING_OTHER);
    CHECK_U64(fake_run_count(g->r, EV_FINDING), 2);
    CHECK_U64(read_as(g, rig_mail(g, g->r->work.planned)).kind, READING_OTHER); /* a canary */
    CHECK_U64(fake_run_count(g->r, EV_FINDING), 3);
    for (unsigned i = 0; i < 1000; i++) { /* the memory of it grows */
        (void)snprintf(mail, sizeof mail, "Subject: %u\r\n\r\nx\r\n", i);
        (void)read_as(g, slice_of(mail));
        (void)read_as(g, slice_of(mail));
    }
    CHECK_U64(fake_run_count(g->r, EV_FINDING), 1003);
    rig_destroy(g);
}

static void epochs_of_a_place_only_rise(void)
{
    struct rig *g = rig_create("correlate");

    CHECK_U64(correlate_epoch(g->c.correlate, 5, 2), 1);
    CHECK_U64(correlate_epoch(g->c.correlate, 5, 2), 2);
    CHECK_U64(correlate_epoch(g->c.correlate, 0, 0), 1);
    rig_destroy(g);
}

static void a_report_that_says_nothing_is_no_copy_of_the_message_whose_header_it_wears(void)
{
    struct rig *g = rig_create("correlate");
    char token[40], mail[500];

    (void)snprintf(mail, sizeof mail,
                   "From: MAILER-DAEMON@s1.test\r\nX-Postmuster: %s\r\nContent-Type: "
                   "multipart/report; boundary=b\r\n\r\n--b\r\n\r\nhm\r\n--b--\r\n",
                   rig_token(g, 5, token));
    CHECK_U64(read_as(g, slice_of(mail)).kind, READING_OTHER);
    CHECK_HAS(fake_run_events(g->r, EV_FINDING), "");
    CHECK_U64(g->r->events[g->r->event_count - 1].code, FIND_UNREADABLE_REPORT);
    rig_destroy(g);
}

static const struct test tests[] = {
    TEST(a_message_as_it_left_is_a_copy),
    TEST(a_changed_body_is_a_corrupt_copy),
    TEST(a_null_return_path_does_not_make_a_copy_a_report),
    TEST(the_first_line_is_enough_when_a_gateway_took_the_header),
    TEST(the_token_of_a_returned_original_is_no_copy),
    TEST(two_foreign_mails_found_at_once_are_two_findings),
    TEST(foreign_mail_is_counted_once_however_often_it_is_read),
    TEST(epochs_of_a_place_only_rise),
    TEST(a_report_that_says_nothing_is_no_copy_of_the_message_whose_header_it_wears),
    TEST_END,
};

const struct suite correlate_suite = {"correlate", tests};
