/* test_fuzzed.c - what fuzzing found in the codecs; the inputs are in tests/fuzz/corpus. */
#include <string.h>

#include "base/arena.h"
#include "tests/support/check.h"
#include "wire/imap.h"
#include "wire/report.h"

static void of_a_body_said_twice_the_last_one_counts(void)
{
    static const char said[] =
        "* 8 FETCH (UID 9 BODY[] \"o\\\"ne\" BODY[] NIL)\r\n"
        "* 8 FETCH (UID 9 BODY[HEADER.FIELDS (X)] \"one\" BODY[HEADER.FIELDS (X)] NIL)\r\n"
        "* 8 FETCH (UID 9 BODY[] NIL BODY[] \"two\")\r\n";
    struct imap_in in;
    struct imap_response r;

    imap_in_init(&in);
    unsigned char *room = imap_in_room(&in, sizeof said - 1);

    CHECK(room != NULL);
    if (room) {
        memcpy(room, said, sizeof said - 1);
        imap_in_took(&in, sizeof said - 1);
        CHECK_U64(imap_in_next(&in, &r), IMAP_DONE);
        CHECK(!r.has_body);
        CHECK_U64(r.body.n, 0);
        CHECK_U64(imap_in_next(&in, &r), IMAP_DONE);
        CHECK_U64(r.fields.n, 0);
        CHECK_U64(imap_in_next(&in, &r), IMAP_DONE);
        CHECK(r.has_body && slice_is(r.body, "two"));
    }
    imap_in_fini(&in);
}

/* Else it would be overlooked, and its message called lost in silence. */
static void a_delivery_status_in_a_mail_that_calls_itself_a_complaint_is_a_report(void)
{
    static const char mail[] = "Return-Path: <>\r\nFrom: MAILER-DAEMON@x.test\r\n"
                               "Subject: complaint about message from 192.0.2.1\r\n"
                               "Content-Type: multipart/report; boundary=b\r\n\r\n"
                               "--b\r\nContent-Type: message/feedback-report\r\n\r\n"
                               "Feedback-Type: abuse\r\n\r\n"
                               "--b\r\nContent-Type: message/delivery-status\r\n\r\n"
                               "Reporting-MTA: dns; mx.x.test\r\n\r\n"
                               "Final-Recipient: rfc822; bob@lab.test\r\nAction: failed\r\n"
                               "Status: 5.1.1\r\n\r\n--b--\r\n";
    struct arena *a = arena_create(1u << 20);
    struct report r;

    CHECK(report_read(a, slice_of(mail), &r));
    CHECK_U64(r.sort, SORT_REPORT);
    CHECK_U64(r.count, 1);
    CHECK_STR(r.recipients[0].final, "bob@lab.test");
    CHECK_U64(r.recipients[0].action, ACTION_FAILED);
    arena_destroy(a);
}

static const struct test tests[] = {
    TEST(of_a_body_said_twice_the_last_one_counts),
    TEST(a_delivery_status_in_a_mail_that_calls_itself_a_complaint_is_a_report),
    TEST_END,
};

const struct suite fuzzed_suite = {"fuzzed", tests};
