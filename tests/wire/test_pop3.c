/* test_pop3.c - answers of POP3 in pieces of any size, stuffed dots, limits, and what refusals mean. */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "tests/support/check.h"
#include "wire/pop3.h"

static void feed(struct pop3_in *in, const char *text, size_t n)
{
    unsigned char *room = pop3_in_room(in, n);

    PM_ASSERT(room);
    memcpy(room, text, n);
    pop3_in_took(in, n);
}

static void feed_text(struct pop3_in *in, const char *text)
{
    feed(in, text, strlen(text));
}

static void an_answer_of_one_line_has_its_code(void)
{
    struct pop3_in in;
    struct pop3_response r;

    pop3_in_init(&in);
    feed_text(&in, "+OK 2 320\r\n-ERR [IN-USE] locked\r\n-ERR\r\n-ERR [open\r\n");
    CHECK_U64(pop3_in_next(&in, false, &r), POP3_DONE);
    CHECK(r.ok && r.code.n == 0);
    CHECK(slice_is(r.line, "+OK 2 320"));
    CHECK_U64(pop3_in_next(&in, true, &r), POP3_DONE); /* a refusal has no lines */
    CHECK(!r.ok);
    CHECK(slice_is(r.code, "IN-USE"));
    CHECK_U64(pop3_in_next(&in, false, &r), POP3_DONE);
    CHECK(!r.ok && r.code.n == 0);
    CHECK_U64(pop3_in_next(&in, false, &r), POP3_DONE);
    CHECK(!r.ok && r.code.n == 0);
    CHECK_U64(pop3_in_next(&in, false, &r), POP3_AGAIN);
    pop3_in_fini(&in);
}

/* RFC 1939 section 3: the octet of termination before a line that begins with one is taken away. */
static void text_ends_at_the_dot_in_pieces_of_any_size(void)
{
    static const char wire[] = "+OK 9 octets\r\nFirst: x\r\n\r\n..\r\n...y\r\n. z\r\nmid.dle.\r\n"
                               "-ERR no\r\n+OK\r\n.\r\n+OK next\r\n";
    static const char want[] = "First: x\r\n\r\n.\r\n..y\r\n z\r\nmid.dle.\r\n-ERR no\r\n+OK\r\n";

    for (size_t piece = 1; piece <= sizeof wire; piece++) {
        struct pop3_in in;
        struct pop3_response r;
        size_t at = 0;
        enum pop3_answer a = POP3_AGAIN;

        pop3_in_init(&in);
        while (at < sizeof wire - 1 && a == POP3_AGAIN) {
            size_t n = sizeof wire - 1 - at < piece ? sizeof wire - 1 - at : piece;

            feed(&in, wire + at, n);
            at += n;
            a = pop3_in_next(&in, true, &r);
        }
        CHECK_U64(a, POP3_DONE);
        CHECK_MEM(r.text.p, r.text.n, want, sizeof want - 1);
        CHECK(r.ok && !r.cut);
        CHECK(slice_is(r.line, "+OK 9 octets"));
        if (at < sizeof wire - 1)
            feed(&in, wire + at, sizeof wire - 1 - at);
        CHECK_U64(pop3_in_next(&in, false, &r), POP3_DONE);
        CHECK(slice_is(r.line, "+OK next"));
        pop3_in_fini(&in);
    }
}

static void line_ends_without_cr_end_a_text_too(void)
{
    struct pop3_in in;
    struct pop3_response r;

    pop3_in_init(&in);
    feed_text(&in, "+OK\na\n.\n");
    CHECK_U64(pop3_in_next(&in, true, &r), POP3_DONE);
    CHECK(slice_is(r.text, "a\n"));
    feed_text(&in, "+OK\r\n.\r\n");
    CHECK_U64(pop3_in_next(&in, true, &r), POP3_DONE);
    CHECK_U64(r.text.n, 0);
    pop3_in_fini(&in);
}

static void nonsense_and_endless_lines_are_bad(void)
{
    struct pop3_in in;
    struct pop3_response r;
    char much[POP3_LINE_MAX];

    pop3_in_init(&in);
    feed_text(&in, "* OK IMAP4rev1 ready\r\n");
    CHECK_U64(pop3_in_next(&in, false, &r), POP3_BAD);
    CHECK_HAS(in.error, "POP3");
    pop3_in_clear(&in);
    memset(much, 'x', sizeof much);
    feed(&in, much, sizeof much);
    CHECK_U64(pop3_in_next(&in, false, &r), POP3_BAD);
    pop3_in_fini(&in);
}

static void a_text_over_the_limit_is_cut_and_its_end_found(void)
{
    struct pop3_in in;
    struct pop3_response r;
    size_t piece = 1 << 20;
    char *much = malloc(piece);
    enum pop3_answer a = POP3_AGAIN;

    PM_ASSERT(much);
    memset(much, 'x', piece);
    pop3_in_init(&in);
    feed_text(&in, "+OK 10 octets\r\n");
    for (size_t sent = 0; sent < POP3_TEXT_MAX + 5 * piece && a == POP3_AGAIN; sent += piece) {
        feed(&in, much, piece);
        a = pop3_in_next(&in, true, &r);
    }
    CHECK_U64(a, POP3_AGAIN);
    feed_text(&in, "\r\n.\r\n+OK bye\r\n");
    CHECK_U64(pop3_in_next(&in, true, &r), POP3_DONE);
    CHECK(r.cut);
    CHECK_U64(r.text.n, POP3_TEXT_MAX);
    CHECK_U64(pop3_in_next(&in, false, &r), POP3_DONE);
    CHECK(slice_is(r.line, "+OK bye"));
    pop3_in_fini(&in);
    free(much);
}

/* Words of Dovecot, Courier, Cyrus, qpopper and Exchange; codes of RFC 2449 and 3206. */
static void refusals_say_whether_to_come_again(void)
{
    static const struct {
        const char *line;
        enum pop3_refusal means;
    } rows[] = {
        {"-ERR [AUTH] Authentication failed.", POP3_NO},
        {"-ERR [AUTH] Invalid login", POP3_NO},
        {"-ERR Login failed.", POP3_NO},
        {"-ERR Logon failure: unknown user name or bad password.", POP3_NO},
        {"-ERR", POP3_NO},
        {"-ERR [IN-USE] Unable to lock maildrop: Mailbox is locked by POP server", POP3_LATER},
        {"-ERR [in-use] taken", POP3_LATER},
        {"-ERR [SYS/TEMP] Temporary authentication failure.", POP3_LATER},
        {"-ERR [LOGIN-DELAY] minimum time between mail checks violation", POP3_LATER},
        {"-ERR lock busy! Is another session active?", POP3_LATER},
        {"-ERR The mailbox is temporarily unavailable", POP3_LATER},
        {"-ERR [SYS/PERM] mailbox is broken", POP3_FAULT},
        {"-ERR [AUTH] Plaintext authentication disallowed on non-secure (SSL/TLS) connections.",
         POP3_FAULT},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (!CHECK_U64(pop3_refusal(slice_of(rows[i].line)), rows[i].means))
            CHECK_STR(rows[i].line, "");
}

static void listings_are_read_line_by_line(void)
{
    struct slice text = slice_of("1 whqtswO00WBw418f9t5JxYwZ\r\n 2  a b \r\n4294967295 x");
    struct slice id;
    uint32_t number = 0;
    bool bad = false;

    CHECK(pop3_next_uidl(&text, &number, &id, &bad));
    CHECK_U64(number, 1);
    CHECK(slice_is(id, "whqtswO00WBw418f9t5JxYwZ"));
    CHECK(pop3_next_uidl(&text, &number, &id, &bad));
    CHECK_U64(number, 2);
    CHECK(slice_is(id, "a b"));
    CHECK(pop3_next_uidl(&text, &number, &id, &bad));
    CHECK_U64(number, UINT32_MAX);
    CHECK(!pop3_next_uidl(&text, &number, &id, &bad));
    CHECK(!bad);
    for (const char *const *l = (const char *const[]){"1\r\n", "x 1\r\n", "0 a\r\n", "\r\n",
                                                      "4294967296 a\r\n", "-1 a\r\n", NULL};
         *l; l++) {
        text = slice_of(*l);
        bad = false;
        CHECK(!pop3_next_uidl(&text, &number, &id, &bad));
        CHECK(bad);
    }
}

static void counts_and_capabilities_are_read(void)
{
    uint32_t n = 0;

    CHECK(pop3_stat(slice_of("+OK 3 1234"), &n));
    CHECK_U64(n, 3);
    CHECK(pop3_stat(slice_of("+OK 0 0"), &n));
    CHECK_U64(n, 0);
    CHECK(!pop3_stat(slice_of("+OK many"), &n));
    CHECK(!pop3_stat(slice_of("-ERR 3 4"), &n));
    CHECK(pop3_has_word(slice_of("TOP\r\nSASL PLAIN LOGIN\r\npipelining\r\n"), "PIPELINING"));
    CHECK(pop3_has_word(slice_of("SASL PLAIN"), "SASL"));
    CHECK(!pop3_has_word(slice_of("SASL PIPELINING\r\n"), "PIPELINING"));
    CHECK(!pop3_has_word(slice_of(""), "UIDL"));
}

static const struct test tests[] = {
    TEST(an_answer_of_one_line_has_its_code),
    TEST(text_ends_at_the_dot_in_pieces_of_any_size),
    TEST(line_ends_without_cr_end_a_text_too),
    TEST(nonsense_and_endless_lines_are_bad),
    TEST(a_text_over_the_limit_is_cut_and_its_end_found),
    TEST(refusals_say_whether_to_come_again),
    TEST(listings_are_read_line_by_line),
    TEST(counts_and_capabilities_are_read),
    TEST_END,
};

const struct suite pop3_suite = {"pop3", tests};
