/* test_smtp_server_windows.c - whole transactions one behind another, some of them refused; extensions that are lacking; STARTTLS.
 */
#include <string.h>

#include "tests/support/check.h"
#include "tests/wire/smtp_scene.h"

#define MAIL   "MAIL FROM:<a@x>\r\n"
#define RCPT   "RCPT TO:<b@y>\r\n"
#define NOONE  "RCPT TO:<no@y>\r\n"
#define HEARD  "sender <a@x>\nrecipient <b@y>\n"
#define NO     "550 5.1.1 nobody\r\n"
#define NOBODY "554 5.5.1 nobody to send it to\r\n"

/* Of a window of three the second has no recipient: its chunk is read, and the third is welcome. */
static void a_refused_chunk_in_a_window_costs_that_message_alone(void)
{
    const struct scene like = {.recipient = "550 5.1.1 nobody", .refused = "no@y"};

    scene_check(&like,
                slice_of("EHLO me\r\n" MAIL RCPT "BDAT 5 LAST\r\nfirst" MAIL NOONE
                         "BDAT 12 LAST\r\nMAIL FROM:<>" MAIL RCPT "BDAT 5 LAST\r\nthird"),
                READY EHLO FROM_OK TO_OK TAKEN FROM_OK NO NOBODY FROM_OK TO_OK TAKEN,
                HEARD "message from <a@x>\nto <b@y>\ntext <first>\n"
                      "sender <a@x>\nrecipient <no@y>\n" HEARD
                      "message from <a@x>\nto <b@y>\ntext <third>\n");
}

static void a_refused_sender_in_a_window_costs_that_message_alone(void)
{
    struct scene s = {.sender = "451 4.7.1 later"};

    scene_begin(&s);
    scene_feed(&s, slice_of("EHLO me\r\n" MAIL RCPT "BDAT 6 LAST\r\nQUIT\r\n"));
    CHECK_STR(buf_text(&s.said), READY EHLO "451 4.7.1 later\r\n503 5.5.1 MAIL first\r\n" NOBODY);
    s.sender = NULL;
    buf_clear(&s.said);
    scene_feed(&s, slice_of(MAIL RCPT "BDAT 2 LAST\r\nhi"));
    CHECK_STR(buf_text(&s.said), FROM_OK TO_OK TAKEN);
    CHECK_U64(smtp_server_counts(s.s)->errors, 0);
    scene_end(&s);
}

static void data_may_be_refused_before_any_text(void)
{
    const struct scene like = {.data = "451 4.3.0 not now"};

    scene_check(&like,
                slice_of("EHLO me\r\n" MAIL RCPT "DATA\r\n" MAIL RCPT
                         "BDAT 6\r\nRSET\r\nBDAT 6 LAST\r\nRSET\r\n" MAIL "NOOP\r\n"),
                READY EHLO FROM_OK TO_OK "451 4.3.0 not now\r\n" FROM_OK TO_OK
                                         "451 4.3.0 not now\r\n503 5.5.1 not now\r\n" FROM_OK
                                         "250 2.0.0 fine\r\n",
                HEARD HEARD "sender <a@x>\n");
}

static void data_is_asked_about_once_a_message(void)
{
    struct scene s = {.data = "354 go on"};

    scene_begin(&s);
    scene_feed(&s, slice_of("EHLO me\r\n" MAIL RCPT "BDAT 2\r\nhiBDAT 0\r\n"));
    s.data = "550 5.0.0 never";
    buf_clear(&s.said);
    scene_feed(&s, slice_of("BDAT 3 LAST\r\n ho"));
    CHECK_STR(buf_text(&s.said), TAKEN);
    CHECK_HAS(buf_text(&s.heard), "text <hi ho>\n");
    s.data = "354 go on";
    buf_clear(&s.said);
    scene_feed(&s, slice_of(MAIL RCPT "DATA\r\nx\r\n.\r\n"));
    CHECK_STR(buf_text(&s.said), FROM_OK TO_OK "354 go on\r\n" TAKEN);
    scene_end(&s);
}

static void a_failed_data_command_ends_its_transaction(void)
{
    const struct scene like = {.recipient = "550 5.1.1 nobody", .refused = "no@y"};

    scene_check(&like, slice_of("EHLO me\r\n" MAIL NOONE "DATA\r\n" MAIL RCPT "DATA\r\nx\r\n.\r\n"),
                READY EHLO FROM_OK NO NOBODY FROM_OK TO_OK GO TAKEN,
                "sender <a@x>\nrecipient <no@y>\n" HEARD
                "message from <a@x>\nto <b@y>\ntext <x\r\n>\n");
}

static void lmtp_answers_a_window_for_each_recipient(void)
{
    struct scene s = {.c.lmtp = true, .recipient = "550 5.1.1 nobody", .refused = "no@y"};

    scene_begin(&s);
    scene_feed(&s, slice_of("LHLO me\r\n"));
    buf_clear(&s.said);
    scene_feed(&s, slice_of(MAIL RCPT NOONE RCPT "BDAT 2 LAST\r\nhi" MAIL NOONE
                                                 "BDAT 2 LAST\r\nhi" MAIL RCPT "BDAT 0 LAST\r\n"));
    CHECK_STR(buf_text(&s.said),
              FROM_OK TO_OK NO TO_OK TAKEN TAKEN FROM_OK NO NOBODY FROM_OK TO_OK TAKEN);
    scene_end(&s);
}

static void a_greeting_may_be_refused(void)
{
    struct scene s = {.hello = "550 5.7.1 not by that name"};

    scene_begin(&s);
    scene_feed(&s, slice_of("EHLO me\r\n" MAIL));
    s.hello = NULL;
    scene_feed(&s, slice_of("HELO me\r\n" MAIL));
    CHECK_STR(buf_text(&s.said), READY "550 5.7.1 not by that name\r\n503 5.5.1 EHLO first\r\n"
                                       "250 us.test\r\n" FROM_OK);
    CHECK_MEM(smtp_server_helo(s.s).p, smtp_server_helo(s.s).n, "me", 2);
    scene_end(&s);
}

static void what_is_lacking_is_not_announced_and_not_taken(void)
{
    const unsigned all = SMTP_LACKS_PIPELINING | SMTP_LACKS_CHUNKING | SMTP_LACKS_SIZE |
                         SMTP_LACKS_8BITMIME | SMTP_LACKS_SMTPUTF8 | SMTP_LACKS_DSN;
    struct scene s = {.c.lacks = all};

    scene_begin(&s);
    scene_feed(&s, slice_of("EHLO me\r\nMAIL FROM:<a@x> SIZE=1\r\nMAIL FROM:<a@x> BODY=8BITMIME\r\n"
                            "MAIL FROM:<a@x> SMTPUTF8\r\nMAIL FROM:<a@x> RET=FULL\r\n" MAIL
                            "RCPT TO:<b@y> NOTIFY=NEVER\r\n" RCPT "BDAT 6 LAST\r\nQUIT\r\n"));
    CHECK_STR(buf_text(&s.said), READY "250-us.test\r\n250 ENHANCEDSTATUSCODES\r\n"
                                       "555 5.5.4 a parameter that is not offered\r\n"
                                       "555 5.5.4 a parameter that is not offered\r\n"
                                       "555 5.5.4 a parameter that is not offered\r\n"
                                       "555 5.5.4 a parameter that is not offered\r\n" FROM_OK
                                       "555 5.5.4 a parameter that is not offered\r\n" TO_OK
                                       "502 5.5.1 not offered\r\n");
    scene_end(&s);
    s = (struct scene){.c.lacks = all | SMTP_LACKS_ENHANCEDSTATUSCODES,
                       .message = "451 4.3.0 later"};
    scene_begin(&s);
    scene_feed(&s, slice_of("EHLO me\r\n" MAIL RCPT "DATA\r\nx\r\n.\r\nQUIT\r\n"));
    CHECK_STR(buf_text(&s.said),
              READY "250 us.test\r\n250 sender taken\r\n250 recipient taken\r\n" GO
                    "451 later\r\n221 good-bye\r\n");
    scene_end(&s);
}

/* RFC 3207: what was said in clear behind STARTTLS is not heard, and the conversation starts anew. */
static void nothing_is_smuggled_behind_starttls(void)
{
    struct scene s = {.c.starttls = true};

    scene_begin(&s);
    scene_feed(&s, slice_of("EHLO me\r\nSTARTTLS now\r\n" MAIL "STARTTLS\r\n" RCPT
                            "DATA\r\nevil\r\n.\r\n"));
    CHECK_HAS(buf_text(&s.said), "250-STARTTLS\r\n");
    CHECK_HAS(buf_text(&s.said),
              "501 5.5.4 STARTTLS stands alone\r\n" FROM_OK "220 2.0.0 begin TLS\r\n");
    CHECK_STR(buf_text(&s.heard), "sender <a@x>\ntls <>\n");
    CHECK(smtp_server_is_secure(s.s) && !smtp_server_is_busy(s.s));
    CHECK_U64(smtp_server_helo(s.s).n, 0);
    buf_clear(&s.said);
    scene_feed(&s, slice_of(RCPT MAIL "EHLO me\r\nSTARTTLS\r\n" MAIL));
    CHECK_STR(buf_text(&s.said), "503 5.5.1 EHLO first\r\n503 5.5.1 EHLO first\r\n" EHLO
                                 "502 5.5.1 not offered\r\n" FROM_OK);
    scene_end(&s);
}

static void octets_are_counted_in_digits_alone(void)
{
    static const char *const counts[] = {"1_0", "_10",  "10_", "+10",
                                         "1 0", "0x10", "",    "99999999999999999999999"};

    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        struct scene s = {.c.size_max = 60000};
        struct buf line;

        buf_init(&line, 4096);
        scene_begin(&s);
        scene_feed(&s, slice_of("EHLO me\r\n"));
        buf_clear(&s.said);
        CHECK(buf_add_format(&line, "MAIL FROM:<a@x> SIZE=%s\r\n", counts[i]));
        scene_feed(&s, buf_slice(&line));
        CHECK_I64(strncmp(buf_text(&s.said), "5", 1), 0);
        scene_feed(&s, slice_of(MAIL RCPT));
        buf_clear(&line);
        buf_clear(&s.said);
        CHECK(buf_add_format(&line, "BDAT %s\r\nNOOP\r\n", counts[i]));
        scene_feed(&s, buf_slice(&line));
        CHECK_STR(buf_text(&s.said),
                  "501 5.5.4 BDAT takes a number of octets, and perhaps LAST\r\n");
        scene_end(&s);
        buf_fini(&line);
    }
}

static void of_a_discarded_text_only_the_first_octets_are_kept(void)
{
    static char text[50000] = "ab\r\n..c";
    struct scene s = {.c.discard = true, .c.keep = 10, .c.size_max = 60000};

    memset(text + 7, 'x', sizeof text - 7);
    scene_begin(&s);
    scene_feed(&s, slice_of("EHLO me\r\n" MAIL RCPT "DATA\r\n"));
    scene_feed_in(&s, slice_from(text, sizeof text), 777);
    CHECK_U64(smtp_server_text_octets(s.s), sizeof text - 1);
    CHECK(smtp_server_held(s.s) < 100);
    CHECK(smtp_server_is_in_text(s.s));
    scene_feed(&s, slice_of("\r\n.\r\n"));
    CHECK_HAS(buf_text(&s.heard), "text <ab\r\n.cxxxx>\n");
    CHECK(!smtp_server_is_in_text(s.s));
    scene_feed(&s, slice_of(MAIL RCPT "BDAT 50000\r\n"));
    scene_feed_in(&s, slice_from(text, sizeof text), 777);
    buf_clear(&s.said);
    scene_feed(&s, slice_of("BDAT 10001 LAST\r\n"));
    scene_feed_in(&s, slice_from(text, 10001), 1000);
    CHECK_STR(buf_text(&s.said), "552 5.3.4 larger than what is taken\r\n");
    CHECK_U64(smtp_server_counts(s.s)->messages, 1);
    CHECK_U64(smtp_server_counts(s.s)->octets, 50001 + 60001);
    scene_end(&s);
}

static const struct test tests[] = {
    TEST(a_refused_chunk_in_a_window_costs_that_message_alone),
    TEST(a_refused_sender_in_a_window_costs_that_message_alone),
    TEST(data_may_be_refused_before_any_text),
    TEST(data_is_asked_about_once_a_message),
    TEST(a_failed_data_command_ends_its_transaction),
    TEST(lmtp_answers_a_window_for_each_recipient),
    TEST(a_greeting_may_be_refused),
    TEST(what_is_lacking_is_not_announced_and_not_taken),
    TEST(nothing_is_smuggled_behind_starttls),
    TEST(octets_are_counted_in_digits_alone),
    TEST(of_a_discarded_text_only_the_first_octets_are_kept),
    TEST_END,
};

const struct suite smtp_server_windows_suite = {"smtp_server_windows", tests};
