/* test_smtp_server.c - the answering side of SMTP and LMTP: what it asks, what it says, and where messages end. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/check.h"
#include "tests/wire/smtp_scene.h"
#include "wire/smtp_path.h"

static void check_talk(bool lmtp, struct slice in, const char *said, const char *heard)
{
    const struct scene like = {.c.lmtp = lmtp};

    scene_check(&like, in, said, heard);
}

static void a_message_is_taken_however_its_octets_are_cut(void)
{
    check_talk(false,
               slice_of("EHLO me.test\r\nMAIL FROM:<a@x.test> BODY=8BITMIME SIZE=10\r\n"
                        "rcpt to:<b@y.test>\r\nRCPT TO: <c@y.test>\r\nDATA\r\n"
                        "Subject: x\r\n\r\n..dot\r\n.\rno end\r\n..\r\n.\r\nQUIT\r\n"),
               READY EHLO FROM_OK TO_OK TO_OK GO TAKEN BYE,
               "sender <a@x.test>\nrecipient <b@y.test>\nrecipient <c@y.test>\n"
               "message from <a@x.test>\nto <b@y.test>\nto <c@y.test>\n"
               "text <Subject: x\r\n\r\n.dot\r\n\rno end\r\n.\r\n>\n");
}

static void lmtp_answers_for_each_recipient_that_it_took(void)
{
    struct scene s = {.recipient = "550 5.1.1 nobody", .refused = "c@y.test"};

    s.c.lmtp = true;
    scene_begin(&s);
    scene_feed(&s,
               slice_of("LHLO me\r\nMAIL FROM:<>\r\nRCPT TO:<b@y.test>\r\nRCPT TO:<c@y.test>\r\n"
                        "RCPT TO:<d@y.test>\r\nDATA\r\nhello\r\n.\r\nEHLO me\r\n"));
    CHECK_HAS(buf_text(&s.said), FROM_OK TO_OK "550 5.1.1 nobody\r\n" TO_OK GO TAKEN TAKEN
                                               "500 5.5.2 this command is not understood\r\n");
    CHECK_HAS(buf_text(&s.heard), "message from <>\nto <b@y.test>\nto <d@y.test>\n");
    scene_end(&s);
}

/* Whoever of its recipients is answered last. */
static void a_message_of_lmtp_counts_once_if_anybody_had_it(void)
{
    static const char *const answers[][2] = {
        {NULL, "550 no"}, {"550 no", NULL}, {NULL, NULL}, {"550 no", "550 no"}};
    const struct smtp_server_config c = {.name = "us.test", .lmtp = true, .size_max = 1000};
    struct smtp_server *s = smtp_server_create(&c);
    struct slice in = slice_of("LHLO me\r\nMAIL FROM:<a@x>\r\n");

    smtp_server_begin(s, NULL);
    while (smtp_server_hear(s, &in) != SMTP_ASK_MORE)
        smtp_server_answer(s, NULL);
    for (unsigned i = 0; i < 4; i++) {
        in = slice_of("RCPT TO:<b@y>\r\nRCPT TO:<c@y>\r\nBDAT 1 LAST\r\n1MAIL FROM:<a@x>\r\n");
        for (enum smtp_ask what; (what = smtp_server_hear(s, &in)) != SMTP_ASK_MORE;)
            for (unsigned k = 0, n = smtp_server_answers(s); k < n && k < 2; k++)
                smtp_server_answer(s, what == SMTP_ASK_MESSAGE ? answers[i][k] : NULL);
        CHECK_U64(smtp_server_counts(s)->messages, i < 3 ? i + 1 : 3);
    }
    smtp_server_destroy(s);
}

/* Each of these ends a message for some server of this world, and for us none does. */
static void nothing_but_crlf_dot_crlf_ends_a_message(void)
{
    static const char *const ends[] = {"\n.\n",   "\n.\r\n", "\r\n.\n", "\r.\r",
                                       "\r\n.\r", "\r.\r\n", "\n.\r",   "\r\n\x00.\r\n"};
    static const size_t octets[] = {3, 4, 4, 3, 4, 4, 3, 6};

    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        struct scene s = {.sender = NULL};
        struct buf in;

        buf_init(&in, 4096);
        (void)buf_add_text(&in, "EHLO me\r\nMAIL FROM:<a@x>\r\nRCPT TO:<b@y>\r\nDATA\r\nfirst");
        (void)buf_add(&in, ends[i], octets[i]);
        (void)buf_add_text(&in, "MAIL FROM:<evil@x>\r\nRCPT TO:<b@y>\r\nDATA\r\nsecond\r\n.\r\n");
        scene_begin(&s);
        scene_feed_in(&s, buf_slice(&in), 7);
        CHECK(!strstr(buf_text(&s.heard), "sender <evil@x>"));
        CHECK(!strstr(buf_text(&s.heard), "message from <evil"));
        CHECK_U64(smtp_server_counts(s.s)->messages, 1);
        buf_fini(&in);
        scene_end(&s);
    }
}

static void a_bare_line_feed_stays_in_the_text_and_is_told(void)
{
    check_talk(false,
               slice_of("HELO me\r\nMAIL FROM:<a@x>\r\nRCPT TO:<b@y>\r\nDATA\r\n"
                        "one\n..two\n.three\r\n.\r\n"),
               READY "250 us.test\r\n" FROM_OK TO_OK GO TAKEN,
               "sender <a@x>\nrecipient <b@y>\nmessage from <a@x>\nto <b@y>\n"
               "bare <one\n..two\n.three\r\n>\n");
}

static void a_command_ends_with_cr_lf_alone(void)
{
    check_talk(false, slice_of("EHLO me\nMAIL FROM:<a@x>\r\nEH\rLO me\r\nNOOP\r\n"),
               READY "500 5.5.2 a line ends with CR LF\r\n503 5.5.1 EHLO first\r\n"
                     "500 5.5.2 NUL or CR in a command\r\n250 2.0.0 fine\r\n",
               "");
}

static void chunks_are_octets_and_need_no_dots(void)
{
    check_talk(false,
               slice_of("EHLO me\r\nMAIL FROM:<a@x>\r\nRCPT TO:<b@y>\r\nBDAT 8\r\none\r\n.\r\n"
                        "BDAT 0\r\nNOOP\r\nBDAT 5 LAST\r\n..twoNOOP\r\n"),
               READY EHLO FROM_OK TO_OK "250 2.0.0 chunk taken\r\n250 2.0.0 chunk taken\r\n"
                                        "250 2.0.0 fine\r\n" TAKEN "250 2.0.0 fine\r\n",
               "sender <a@x>\nrecipient <b@y>\nmessage from <a@x>\nto <b@y>\n"
               "text <one\r\n.\r\n..two>\n");
    check_talk(false,
               slice_of("EHLO me\r\nMAIL FROM:<a@x>\r\nRCPT TO:<b@y>\r\nBDAT 2 LAST\r\nhi"
                        "MAIL FROM:<a@x>\r\nRCPT TO:<b@y>\r\nBDAT 0 LAST\r\n"),
               READY EHLO FROM_OK TO_OK TAKEN FROM_OK TO_OK TAKEN,
               "sender <a@x>\nrecipient <b@y>\nmessage from <a@x>\nto <b@y>\ntext <hi>\n"
               "sender <a@x>\nrecipient <b@y>\nmessage from <a@x>\nto <b@y>\ntext <>\n");
}

/* Their octets are not taken for commands. */
static void chunks_that_have_no_business_are_read_and_forgotten(void)
{
    check_talk(false, slice_of("EHLO me\r\nBDAT 23 LAST\r\nMAIL FROM:<evil@x.te>\r\nNOOP\r\n"),
               READY EHLO "503 5.5.1 not now\r\n250 2.0.0 fine\r\n", "");
    check_talk(false,
               slice_of("EHLO me\r\nMAIL FROM:<a@x>\r\nRCPT TO:<b@y>\r\nBDAT 3\r\nabcDATA\r\n"
                        "RSET\r\nBDAT x\r\nNOOP\r\n"),
               READY EHLO FROM_OK TO_OK
               "250 2.0.0 chunk taken\r\n503 5.5.1 chunks are under way\r\n"
               "250 2.0.0 forgotten\r\n"
               "501 5.5.4 BDAT takes a number of octets, and perhaps "
               "LAST\r\n",
               "sender <a@x>\nrecipient <b@y>\n");
}

static void what_is_pipelined_behind_a_refusal_is_refused_too(void)
{
    struct scene s = {.sender = "451 4.7.1 later"};

    scene_begin(&s);
    scene_feed(&s, slice_of("EHLO me\r\nMAIL FROM:<a@x>\r\nRCPT TO:<b@y>\r\nDATA\r\nRSET\r\n"));
    CHECK_HAS(buf_text(&s.said), "451 4.7.1 later\r\n503 5.5.1 MAIL first\r\n"
                                 "503 5.5.1 MAIL first\r\n250 2.0.0 forgotten\r\n");
    CHECK_U64(smtp_server_counts(s.s)->errors, 0);
    s.sender = NULL;
    s.recipient = "550 5.1.1 nobody";
    scene_feed(&s, slice_of("MAIL FROM:<a@x>\r\nRCPT TO:<b@y>\r\nDATA\r\nRSET\r\n"));
    CHECK_HAS(buf_text(&s.said), FROM_OK "550 5.1.1 nobody\r\n554 5.5.1 nobody to send it to\r\n"
                                         "250 2.0.0 forgotten\r\n");
    CHECK_U64(smtp_server_counts(s.s)->errors, 0);
    scene_end(&s);
}

static void too_large_is_refused_and_the_next_message_is_taken(void)
{
    static const char after[] = "MAIL FROM:<a@x>\r\nRCPT TO:<b@y>\r\nDATA\r\nok\r\n.\r\n";
    struct scene s = {.c.size_max = 1000};
    char text[1200];

    memset(text, 'x', sizeof text);
    s.c.lmtp = true;
    scene_begin(&s);
    scene_feed(&s, slice_of("LHLO me\r\nMAIL FROM:<a@x> SIZE=1001\r\nMAIL FROM:<a@x>\r\n"
                            "RCPT TO:<b@y>\r\nRCPT TO:<c@y>\r\nDATA\r\n"));
    CHECK_HAS(buf_text(&s.said), "552 5.3.4 larger than what is taken\r\n" FROM_OK);
    scene_feed_in(&s, slice_from(text, sizeof text), 100);
    CHECK_U64(smtp_server_held(s.s), 0);
    buf_clear(&s.said);
    scene_feed(&s, slice_of("\r\n.\r\n"));
    CHECK_STR(buf_text(&s.said),
              "552 5.3.4 larger than what is taken\r\n552 5.3.4 larger than what is taken\r\n");
    scene_feed(&s, slice_of(after));
    CHECK_HAS(buf_text(&s.heard), "text <ok\r\n>\n");
    buf_clear(&s.said);
    scene_feed(&s, slice_of("MAIL FROM:<a@x>\r\nRCPT TO:<b@y>\r\nBDAT 1200\r\n"));
    scene_feed(&s, slice_from(text, sizeof text));
    scene_feed(&s, slice_of("BDAT 2 LAST\r\nhiNOOP\r\n"));
    CHECK_STR(buf_text(&s.said), FROM_OK TO_OK "552 5.3.4 larger than what is taken\r\n"
                                               "503 5.5.1 not now\r\n250 2.0.0 fine\r\n");
    scene_end(&s);
}

static void without_room_a_message_is_refused_for_now(void)
{
    struct scene s = {.sender = NULL};

    scene_begin(&s);
    scene_feed(&s, slice_of("EHLO me\r\nMAIL FROM:<a@x>\r\nRCPT TO:<b@y>\r\nDATA\r\nhello\r\n"));
    CHECK(smtp_server_held(s.s) > 0);
    CHECK(smtp_server_is_busy(s.s));
    smtp_server_overflow(s.s);
    CHECK_U64(smtp_server_held(s.s), 0);
    scene_feed(&s, slice_of("more\r\n.\r\n"));
    CHECK_HAS(buf_text(&s.said), "452 4.3.1 no room for it now\r\n");
    CHECK(!strstr(buf_text(&s.heard), "message"));
    CHECK(!smtp_server_is_busy(s.s));
    scene_end(&s);
}

static void words_of_dsn_are_read_and_nonsense_is_not(void)
{
    static const struct {
        const char *words, *reply;
    } rows[] = {
        {"FROM:<a@x> RET=HDRS ENVID=QQ+2B314", NULL},
        {"FROM:<a@x> SMTPUTF8", NULL},
        {"FROM:<@r1,@r2:a@x>", NULL},
        {"FROM:<\"a b>\"@x>", NULL},
        {"FROM:a@x", "501 5.1.7"},
        {"FROM:<a@x>b", "501 5.1.7"},
        {"FROM:<a b@x>", "501 5.1.7"},
        {"FROM:<a@x> RET=ALL", "501 5.5.4"},
        {"FROM:<a@x> ENVID=", "501 5.5.4"},
        {"FROM:<a@x> ENVID=+2", "501 5.5.4"},
        {"FROM:<a@x> ENVID=+0D+0Ax", "501 5.5.4"},
        {"FROM:<a@x> SIZE=1 SIZE=1", "501 5.5.4 a parameter twice"},
        {"FROM:<a@x> SIZE=x", "501 5.5.4"},
        {"FROM:<a@x> AUTH=<>", "555 5.5.4"},
        {"FROM:<\xc3\xa4@x>", "553 5.6.7"},
    };
    struct smtp_mail_words m;
    struct smtp_rcpt_words r;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *got = smtp_path_mail(slice_of(rows[i].words), 0, &m);

        if (rows[i].reply)
            CHECK_HAS(got ? got : "", rows[i].reply);
        else
            CHECK_STR(got ? got : "", "");
    }
    CHECK(!smtp_path_mail(slice_of(rows[0].words), 0, &m) && m.ret == 'H');
    CHECK_MEM(m.envid, m.envid_n, "QQ+314", 6);
    CHECK(!smtp_path_mail(slice_of(rows[2].words), 0, &m));
    CHECK_MEM(m.path.p, m.path.n, "a@x", 3);
    CHECK(!smtp_path_rcpt(slice_of("TO:<b@y> NOTIFY=SUCCESS,delay ORCPT=rfc822;b+2Bc@y"), 0, false,
                          &r));
    CHECK_U64(r.notify, SMTP_WANTS_SUCCESS | SMTP_WANTS_DELAY);
    CHECK_MEM(r.orcpt, r.orcpt_n, "rfc822;b+c@y", 12);
    CHECK_HAS(smtp_path_rcpt(slice_of("TO:<b@y> NOTIFY=NEVER,FAILURE"), 0, false, &r), "501 5.5.4");
    CHECK_HAS(smtp_path_rcpt(slice_of("TO:<b@y> NOTIFY="), 0, false, &r), "501 5.5.4");
    CHECK_HAS(smtp_path_rcpt(slice_of("TO:<b@y> ORCPT=rfc822"), 0, false, &r), "501 5.5.4");
    CHECK_HAS(smtp_path_rcpt(slice_of("TO:<>"), 0, false, &r), "501 5.1.3");
    CHECK_HAS(smtp_path_rcpt(slice_of("TO:<\xc3\xa4@x>"), 0, false, &r), "553 5.6.7");
    CHECK(!smtp_path_rcpt(slice_of("TO:<\xc3\xa4@x>"), 0, true, &r));
}

static void a_caller_who_only_errs_is_sent_away(void)
{
    struct scene s = {.sender = NULL};
    unsigned n = 0;

    scene_begin(&s);
    for (; !s.over && n < 100; n++)
        scene_feed(&s, slice_of("HELLO\r\n"));
    CHECK_U64(n, SMTP_SERVER_ERRORS_MAX);
    CHECK_HAS(buf_text(&s.said), "421 4.7.0 too many errors\r\n");
    scene_end(&s);
}

static void lines_and_recipients_have_an_end(void)
{
    struct scene s = {.sender = NULL};
    char line[SMTP_SERVER_LINE_MAX + 100], rcpt[60];

    memset(line, 'x', sizeof line);
    scene_begin(&s);
    scene_feed_in(&s, slice_from(line, sizeof line), 1000);
    scene_feed_in(&s, slice_from(line, sizeof line), 1000);
    scene_feed(&s, slice_of("\r\nEHLO me\r\nMAIL FROM:<a@x>\r\n"));
    CHECK_STR(buf_text(&s.said), READY "500 5.5.2 line too long\r\n" EHLO FROM_OK);
    for (unsigned i = 0; i < SMTP_SERVER_RECIPIENTS_MAX; i++) {
        (void)snprintf(rcpt, sizeof rcpt, "RCPT TO:<b%u@y.test>\r\n", i);
        scene_feed(&s, slice_of(rcpt));
    }
    CHECK_U64(smtp_server_recipients(s.s), SMTP_SERVER_RECIPIENTS_MAX);
    buf_clear(&s.said);
    scene_feed(&s, slice_of("RCPT TO:<more@y.test>\r\n"));
    CHECK_STR(buf_text(&s.said), "452 4.5.3 too many recipients\r\n");
    CHECK_MEM(smtp_server_recipient(s.s, 999).address.p, 11, "b999@y.test", 11);
    scene_end(&s);
}

/* Recipients who are refused take no room, however many. */
static void no_ones_fill_no_memory(void)
{
    struct scene s = {.recipient = "550 5.1.1 nobody", .refused = "x@y"};

    scene_begin(&s);
    scene_feed(&s, slice_of("EHLO me\r\nMAIL FROM:<a@x>\r\n"));
    for (unsigned i = 0; i < 100000; i++) {
        scene_feed(&s,
                   slice_of("RCPT TO:<x@y> ORCPT=rfc822;xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx@y\r\n"));
        buf_clear(&s.said);
        buf_clear(&s.heard);
    }
    scene_feed(&s, slice_of("RCPT TO:<b@y>\r\n"));
    CHECK_STR(buf_text(&s.said), TO_OK);
    scene_end(&s);
}

static void what_is_refused_at_the_door_ends_there(void)
{
    struct scene s = {.sender = NULL};
    struct slice in = slice_of("EHLO me\r\n");

    scene_begin(&s);
    smtp_server_gave(s.s, smtp_server_output(s.s).n);
    smtp_server_begin(s.s, "554 5.7.1 go away");
    CHECK_U64(smtp_server_hear(s.s, &in), SMTP_ASK_END);
    CHECK_MEM(smtp_server_output(s.s).p, smtp_server_output(s.s).n, "554 5.7.1 go away\r\n", 19);
    scene_end(&s);
}

static const struct test tests[] = {
    TEST(a_message_is_taken_however_its_octets_are_cut),
    TEST(lmtp_answers_for_each_recipient_that_it_took),
    TEST(a_message_of_lmtp_counts_once_if_anybody_had_it),
    TEST(nothing_but_crlf_dot_crlf_ends_a_message),
    TEST(a_bare_line_feed_stays_in_the_text_and_is_told),
    TEST(a_command_ends_with_cr_lf_alone),
    TEST(chunks_are_octets_and_need_no_dots),
    TEST(chunks_that_have_no_business_are_read_and_forgotten),
    TEST(what_is_pipelined_behind_a_refusal_is_refused_too),
    TEST(too_large_is_refused_and_the_next_message_is_taken),
    TEST(without_room_a_message_is_refused_for_now),
    TEST(words_of_dsn_are_read_and_nonsense_is_not),
    TEST(a_caller_who_only_errs_is_sent_away),
    TEST(lines_and_recipients_have_an_end),
    TEST(no_ones_fill_no_memory),
    TEST(what_is_refused_at_the_door_ends_there),
    TEST_END,
};

const struct suite smtp_server_suite = {"smtp_server", tests};
