/* test_smtp_server_cuts.c - conversations that break off: at which octet, what was said before, and what is known then. */
#include <string.h>

#include "tests/support/check.h"
#include "tests/wire/smtp_scene.h"

#define HELLO "EHLO me\r\nMAIL FROM:<a@x>\r\nRCPT TO:<b@y>\r\n"

static const struct row {
    const char *text; /* behind HELLO */
    enum smtp_cut cut;
    const char
        *after; /* what was heard last, in octets of text, when it broke off; NULL: it does not */
    uint64_t octets;
} rows[] = {
    /* the octet that is heard next is the one that `after` ends before */
    {"DATA\r\nhello\r\n.\r\n", SMTP_CUT_TEXT, "DATA\r\nh", 1},
    {"DATA\r\n..hello\r\n.\r\n", SMTP_CUT_TEXT, "DATA\r\n", 0},
    {"DATA\r\n.\r\n", SMTP_CUT_TEXT, "DATA\r\n", 0},
    {"DATA\r\n\r\n.\r\n", SMTP_CUT_TEXT, "DATA\r\n", 0},
    {"BDAT 5 LAST\r\nhello", SMTP_CUT_TEXT, "BDAT 5 LAST\r\nh", 1},
    {"BDAT 1 LAST\r\nh", SMTP_CUT_TEXT, "BDAT 1 LAST\r\n", 0},
    {"BDAT 0\r\nBDAT 1\r\nhBDAT 1 LAST\r\ni", SMTP_CUT_TEXT, "BDAT 0\r\nBDAT 1\r\nh", 1},
    {"BDAT 0 LAST\r\n", SMTP_CUT_TEXT, "BDAT 0 LAST\r\n", 0},
    {"DATA\r\nhello\r\n.\r\n", SMTP_CUT_TERMINATOR, "DATA\r\nhello\r\n.", 7},
    {"DATA\r\na\r\n..\r\n.b\r\n\n.\r\r\n.\r\n", SMTP_CUT_TERMINATOR,
     "DATA\r\na\r\n..\r\n.b\r\n\n.\r\r\n.", 14},
    {"DATA\r\n.\r\n", SMTP_CUT_TERMINATOR, "DATA\r\n.", 0},
    {"BDAT 5 LAST\r\nhello", SMTP_CUT_TERMINATOR, "BDAT 5 LAST\r\nhell", 4},
    {"BDAT 5\r\nhelloBDAT 3 LAST\r\n, x", SMTP_CUT_TERMINATOR, "BDAT 5\r\nhelloBDAT 3 LAST\r\n, ",
     7},
    {"BDAT 0 LAST\r\n", SMTP_CUT_TERMINATOR, "BDAT 0 LAST\r\n", 0},
    {"DATA\r\nhello\r\n.\r\n", SMTP_CUT_ANSWER, "DATA\r\nhello\r\n.\r\n", 7},
    {"BDAT 2\r\nheBDAT 3 LAST\r\nllo", SMTP_CUT_ANSWER, "BDAT 2\r\nheBDAT 3 LAST\r\nllo", 5},
    {"BDAT 0 LAST\r\n", SMTP_CUT_ANSWER, "BDAT 0 LAST\r\n", 0},
};

/* Whatever comes in one piece: what was heard of it is told by what is left. */
static void check_place(const struct row *r)
{
    struct scene s = {.cut = r->cut};
    struct slice in = slice_of(r->text);
    enum smtp_ask what;

    scene_begin(&s);
    scene_feed(&s, slice_of(HELLO));
    while ((what = smtp_server_hear(s.s, &in)) == SMTP_ASK_DATA || what == SMTP_ASK_MESSAGE) {
        if (what == SMTP_ASK_DATA)
            smtp_server_cut(s.s, r->cut);
        smtp_server_answer(s.s, NULL);
    }
    CHECK_U64(what, SMTP_ASK_CUT);
    CHECK_U64(strlen(r->text) - in.n, strlen(r->after));
    CHECK_U64(smtp_server_text_octets(s.s), r->octets);
    CHECK(smtp_server_is_busy(s.s));
    CHECK_U64(smtp_server_is_in_text(s.s), r->cut != SMTP_CUT_ANSWER);
    CHECK_U64(smtp_server_counts(s.s)->messages, 0);
    CHECK_U64(smtp_server_hear(s.s, &in), SMTP_ASK_CUT);
    scene_end(&s);
}

/* An octet at a time: at the latest with the octet that shows where we are, which is not heard itself. */
static void check_octets(const struct row *r)
{
    struct scene s = {.cut = r->cut};
    size_t n = 0;

    scene_begin(&s);
    scene_feed(&s, slice_of(HELLO));
    for (; !s.over && n < strlen(r->text); n++)
        scene_feed(&s, slice_from(r->text + n, 1));
    CHECK(s.over);
    CHECK(n == strlen(r->after) || n == strlen(r->after) + 1);
    CHECK_U64(smtp_server_text_octets(s.s), r->octets);
    CHECK(!strstr(buf_text(&s.said), "message taken"));
    scene_end(&s);
}

static void each_place_is_found_to_the_octet(void)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        check_place(&rows[i]);
        check_octets(&rows[i]);
    }
}

static void earlier_messages_of_the_window_are_answered(void)
{
    struct scene s = {.sender = NULL};

    scene_begin(&s);
    scene_feed(&s, slice_of(HELLO "BDAT 2 LAST\r\nhi"));
    buf_clear(&s.said);
    s.cut = SMTP_CUT_ANSWER;
    scene_feed(&s, slice_of("MAIL FROM:<a@x>\r\nRCPT TO:<b@y>\r\nBDAT 2 LAST\r\nhi"
                            "MAIL FROM:<a@x>\r\nRCPT TO:<b@y>\r\nBDAT 2 LAST\r\nhi"));
    CHECK_STR(buf_text(&s.said), FROM_OK TO_OK);
    CHECK_HAS(buf_text(&s.heard), "text <hi>\ncut at 2\n");
    CHECK_U64(smtp_server_counts(s.s)->messages, 1);
    scene_end(&s);
}

/* A cut is about one message: when that is refused it is forgotten. */
static void a_message_that_is_refused_is_not_cut(void)
{
    struct scene s = {.data = "451 4.3.0 not now", .cut = SMTP_CUT_TEXT};

    scene_begin(&s);
    scene_feed(&s, slice_of(HELLO "BDAT 2 LAST\r\nhi"));
    s.data = NULL;
    s.cut = SMTP_CUT_NOWHERE;
    scene_feed(&s, slice_of("MAIL FROM:<a@x>\r\nRCPT TO:<b@y>\r\nBDAT 2 LAST\r\nhi"));
    CHECK_HAS(buf_text(&s.said), "451 4.3.0 not now\r\n" FROM_OK TO_OK TAKEN);
    CHECK(!s.over);
    scene_end(&s);
}

static void too_large_a_message_is_cut_instead_of_refused(void)
{
    struct scene s = {.c.size_max = 3, .cut = SMTP_CUT_ANSWER};

    scene_begin(&s);
    scene_feed(&s, slice_of(HELLO "DATA\r\nhello\r\n.\r\nNOOP\r\n"));
    CHECK(s.over);
    CHECK(!strstr(buf_text(&s.said), "552"));
    scene_end(&s);
}

static const struct test tests[] = {
    TEST(each_place_is_found_to_the_octet),
    TEST(earlier_messages_of_the_window_are_answered),
    TEST(a_message_that_is_refused_is_not_cut),
    TEST(too_large_a_message_is_cut_instead_of_refused),
    TEST_END,
};

const struct suite smtp_server_cuts_suite = {"smtp_server_cuts", tests};
