/* test_smtp_client.c - conversations as scripts: what the server says, what we answer, what we make of it.
 *
 * hear() feeds the server's octets and collects the news in words ("up", "0.1 accepted dot 250 last"); said() is what went
 * out since the last look, the text of messages shown as "<text>".
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/check.h"
#include "wire/smtp_client.h"

#define HELLO "250-mx.test greets you\r\n250-PIPELINING\r\n250-SIZE 1000000\r\n250-8BITMIME\r\n"

static struct {
    struct smtp_client *client;
    struct smtp_client_config config;
    struct smtp_corpus *corpus;
    struct smtp_text text[2];
    struct token_key key;
    struct slice to[SMTP_RECIPIENTS_MAX];
    char said[65536], news[4096];
} t;

static const char *const fates[] = {"undecided", "untouched", "temp",     "perm",
                                    "aborted",   "doubt",     "accepted", "again"};
static const char *const states[] = {
#define X(id, seconds, doing) #id,
    SMTP_STATES(X)
#undef X
};

static void __attribute__((format(printf, 1, 2))) note(const char *format, ...)
{
    size_t n = strlen(t.news);
    va_list args;

    va_start(args, format);
    (void)vsnprintf(t.news + n, sizeof t.news - n, format, args);
    va_end(args);
}

static enum smtp_news listen_to(struct slice in)
{
    static const char *const words[] = {"", "up", "tls", "", "denied", "closed", "broken", "tried"};
    struct smtp_outcome o;
    enum smtp_news news = SMTP_MORE;

    for (;;) {
        news = smtp_client_hear(t.client, &in, &o);
        if (news == SMTP_ENDED) {
            note("%d.%u %s %s", (int)o.tag, o.recipient, fates[o.fate], states[o.state] + 5);
            if (o.reply.code)
                note(" %u", o.reply.code);
            if (o.reply.status)
                note(" %u.%u.%u", o.reply.status, o.reply.subject, o.reply.detail);
            note("%s; ", o.last ? " last" : "");
            continue;
        }
        if (news == SMTP_MORE)
            return news;
        note("%s; ", words[news]);
        if (news != SMTP_UP)
            return news;
    }
}

/* The news of these octets; valid until the next hear(). */
static const char *hear(const char *octets)
{
    t.news[0] = '\0';
    (void)listen_to(slice_of(octets));
    return t.news;
}

static const char *lose(void)
{
    smtp_client_lost(t.client);
    return hear("");
}

/* Takes at most `limit` octets of what is to be written. */
static const char *take(size_t limit)
{
    size_t n = 0;
    char *out = t.said;

    while (limit > 0) {
        struct iovec iov[4];
        int count = smtp_client_output(t.client, iov, 4);

        if (count == 0)
            break;
        for (n = 0; n < (size_t)count && limit > 0; n++) {
            size_t piece = iov[n].iov_len < limit ? iov[n].iov_len : limit;

            memcpy(out, iov[n].iov_base, piece);
            out += piece;
            limit -= piece;
            smtp_client_gave(t.client, piece);
            if (piece < iov[n].iov_len)
                break;
        }
    }
    *out = '\0';
    return t.said;
}

/* All that is to be written, a message's text shortened. */
static const char *said(void)
{
    (void)take(SIZE_MAX);
    char *from = strstr(t.said, "X-Postmuster: ");
    char *to = from ? strstr(from, "please ignore\r\n") : NULL;
    struct slice mark = slice_of("<text>");
    if (to) {
        memmove(from + mark.n, to + 15, strlen(to + 15) + 1);
        memcpy(from, mark.p, mark.n);
    }
    return t.said;
}

static void open_client(bool pipelining)
{
    smtp_client_destroy(t.client);
    if (!t.corpus)
        t.corpus = smtp_corpus_create(1);
    t.key = token_key_make(1, 2);
    t.config.helo = "postmuster.test";
    t.config.host = "mx.test";
    t.config.pipelining = pipelining;
    t.client = smtp_client_create(&t.config, 1);
}

static void close_client(void)
{
    smtp_client_destroy(t.client);
    smtp_corpus_destroy(t.corpus);
    memset(&t, 0, sizeof t);
}

static void come_up(bool pipelining, const char *ehlo)
{
    open_client(pipelining);
    (void)hear("220 mx.test\r\n");
    (void)said();
    CHECK_STR(hear(ehlo), "up; ");
}

/* Sends message `tag` (0 or 1) to so many recipients r0@lab.test, r1@lab.test, ... */
static void send_one(unsigned tag, uint32_t recipients)
{
    static const char *const names[] = {"r0@lab.test", "r1@lab.test", "r2@lab.test", "r3@lab.test"};

    for (uint32_t i = 0; i < recipients; i++)
        t.to[i] = slice_of(names[i]);
    const struct smtp_text_order o = {.number = tag,
                                      .key = &t.key,
                                      .from = slice_of("joe@lab.test"),
                                      .to = t.to,
                                      .recipients = recipients,
                                      .date_s = 0};
    CHECK(smtp_text_compose(&t.text[tag], t.corpus, &o));
    const struct smtp_mail m = {
        .tag = tag, .from = o.from, .to = t.to, .recipients = recipients, .text = &t.text[tag]};
    if (CHECK(smtp_client_can_take(t.client)))
        smtp_client_send(t.client, &m);
}

/* --- coming up ---------------------------------------------------------------------------------------------------- */

static void nothing_is_said_before_the_greeting_is_whole(void)
{
    open_client(true);
    CHECK_STR(said(), "");
    CHECK_STR(hear("220-mx.test\r\n220 "), "");
    CHECK_STR(said(), "");
    CHECK(smtp_client_state(t.client) == SMTP_GREETING);
    CHECK_STR(hear("ready\r\n"), "");
    CHECK_STR(said(), "EHLO postmuster.test\r\n");
    CHECK_STR(
        hear("250-mx\r\n250-pipelining\r\n250-DSN\r\n250-ENHANCEDSTATUSCODES\r\n250-CHUNKING\r\n"
             "250-AUTH PLAIN LOGIN\r\n250-8BITMIME\r\n250 SIZE 10\r\n"),
        "up; ");
    CHECK_U64(smtp_client_extensions(t.client),
              SMTP_EXT_PIPELINING | SMTP_EXT_DSN | SMTP_EXT_ENHANCED | SMTP_EXT_CHUNKING |
                  SMTP_EXT_AUTH | SMTP_EXT_8BITMIME | SMTP_EXT_SIZE);
    CHECK(smtp_client_can_take(t.client));
    close_client();
}

static void a_server_without_ehlo_gets_helo(void)
{
    open_client(true);
    (void)hear("220 old\r\n");
    (void)said();
    CHECK_STR(hear("500 what?\r\n"), "");
    CHECK_STR(said(), "HELO postmuster.test\r\n");
    CHECK_STR(hear("250 hello\r\n"), "up; ");
    send_one(0, 1);
    CHECK_STR(said(), "MAIL FROM:<joe@lab.test>\r\n");
    close_client();
}

static void a_server_that_will_not_have_us_is_no_protocol_error(void)
{
    open_client(true);
    CHECK_STR(hear("554 go away\r\n"), "denied; ");
    CHECK_STR(smtp_client_error(t.client), "waiting for the greeting: 554 go away");
    smtp_client_begin(t.client);
    CHECK_STR(hear("421 too many\r\n"), "denied; ");
    smtp_client_begin(t.client);
    (void)hear("220 x\r\n");
    (void)said();
    CHECK_STR(hear("450 later\r\n"), "denied; ");
    CHECK_STR(smtp_client_error(t.client), "saying EHLO: 450 later");
    close_client();
}

static void nonsense_is_broken(void)
{
    static const char *const nonsense[] = {"hello\r\n",
                                           "\r\n",
                                           "22\r\n",
                                           "199 low\r\n",
                                           "600 hi\r\n",
                                           "220_mx\r\n",
                                           "220-mx\r\n221 other\r\n",
                                           "354 go on\r\n",
                                           "+OK POP3 server ready\r\n",
                                           "* OK IMAP\r\n"};

    for (size_t i = 0; i < sizeof nonsense / sizeof *nonsense; i++) {
        open_client(true);
        CHECK_STR(hear(nonsense[i]), "broken; ");
        CHECK_HAS(smtp_client_error(t.client), "waiting for the greeting: ");
    }
    close_client();
}

static void a_reply_too_long_is_broken(void)
{
    static char line[SMTP_LINE_MAX + 8];

    open_client(true);
    memset(line, 'x', sizeof line - 1);
    memset(line, '2', 3);
    line[3] = ' ';
    CHECK_STR(hear(line), "broken; ");
    smtp_client_begin(t.client);
    for (int i = 0; i < SMTP_REPLY_LINES_MAX; i++)
        CHECK_STR(hear("220-more\r\n"), "");
    CHECK_STR(hear("220 end\r\n"), "broken; ");
    close_client();
}

/* --- lockstep ------------------------------------------------------------------------------------------------------ */

static void lockstep_says_one_thing_at_a_time(void)
{
    come_up(false, HELLO "250 DSN\r\n");
    send_one(0, 2);
    CHECK_HAS(said(), "MAIL FROM:<joe@lab.test> SIZE=");
    CHECK_HAS(t.said, " BODY=8BITMIME ENVID=pm.");
    CHECK_STR(hear("250 2.1.0 ok\r\n"), "");
    CHECK_STR(said(), "RCPT TO:<r0@lab.test> ORCPT=rfc822;r0@lab.test\r\n");
    CHECK_STR(hear("250 ok\r\n"), "");
    CHECK_STR(said(), "RCPT TO:<r1@lab.test> ORCPT=rfc822;r1@lab.test\r\n");
    CHECK_STR(hear("550 5.1.1 no such user\r\n"), "0.1 perm RCPT 550 5.1.1; ");
    CHECK_STR(said(), "DATA\r\n");
    CHECK_STR(hear("354 go\r\n"), "");
    CHECK(smtp_client_state(t.client) == SMTP_BODY);
    CHECK_STR(said(), "<text>.\r\n");
    CHECK(smtp_client_state(t.client) == SMTP_DOT);
    CHECK(!smtp_client_can_take(t.client));
    CHECK_STR(hear("250 2.0.0 queued\r\n"), "0.0 accepted DOT 250 2.0.0 last; ");
    CHECK(smtp_client_is_idle(t.client));
    close_client();
}

static void in_lockstep_a_refused_message_is_reset(void)
{
    come_up(false, "250 mx\r\n");
    send_one(0, 2);
    (void)said();
    CHECK_STR(hear("452 full\r\n"), "0.0 temp MAIL 452; 0.1 temp MAIL 452 last; ");
    CHECK_STR(said(), "RSET\r\n");
    CHECK(!smtp_client_can_take(t.client));
    CHECK_STR(hear("250 ok\r\n"), "");
    send_one(1, 1);
    CHECK_STR(said(), "MAIL FROM:<joe@lab.test>\r\n");
    CHECK_STR(hear("250 ok\r\n"), "");
    CHECK_STR(said(), "RCPT TO:<r0@lab.test>\r\n");
    CHECK_STR(hear("550 no\r\n"), "1.0 perm RCPT 550 last; ");
    CHECK_STR(said(), "RSET\r\n");
    close_client();
}

/* --- pipelining ------------------------------------------------------------------------------------------------------ */

static void an_envelope_goes_in_one_piece_where_announced(void)
{
    come_up(true, "250-mx\r\n250 PIPELINING\r\n");
    send_one(0, 2);
    CHECK_STR(said(), "MAIL FROM:<joe@lab.test>\r\nRCPT TO:<r0@lab.test>\r\n"
                      "RCPT TO:<r1@lab.test>\r\nDATA\r\n");
    CHECK_STR(hear("250 a\r\n250 b\r\n45"), "");
    CHECK_STR(hear("0 busy\r\n354 "), "0.1 temp RCPT 450; ");
    CHECK(!smtp_client_can_take(t.client));
    CHECK_STR(hear("go\r\n"), "");
    CHECK(smtp_client_can_take(t.client));
    close_client();
}

static void text_dot_and_the_next_envelope_go_together(void)
{
    come_up(true, "250-mx\r\n250 PIPELINING\r\n");
    send_one(0, 1);
    (void)said();
    (void)hear("250 a\r\n250 b\r\n354 c\r\n");
    send_one(1, 1);
    CHECK(!smtp_client_can_take(t.client));
    CHECK_STR(said(), "<text>.\r\nMAIL FROM:<joe@lab.test>\r\nRCPT TO:<r0@lab.test>\r\nDATA\r\n");
    CHECK_STR(hear("250 took it\r\n250 a\r\n250 b\r\n354 c\r\n"), "0.0 accepted DOT 250 last; ");
    CHECK_STR(said(), "<text>.\r\n");
    CHECK_STR(hear("554 spam\r\n"), "1.0 perm DOT 554 last; ");
    CHECK(smtp_client_is_idle(t.client));
    close_client();
}

static void a_refused_mail_within_a_group_is_reset_before_the_next(void)
{
    come_up(true, "250-mx\r\n250 PIPELINING\r\n");
    send_one(0, 1);
    (void)said();
    CHECK_STR(hear("550 not you\r\n"), "0.0 perm MAIL 550 last; ");
    CHECK(!smtp_client_can_take(t.client));
    CHECK_STR(hear("503 MAIL first\r\n503 MAIL first\r\n"), "");
    CHECK_STR(said(), "RSET\r\n");
    CHECK_STR(hear("250 ok\r\n"), "");
    send_one(1, 1);
    CHECK_HAS(said(), "MAIL FROM:<joe@lab.test>\r\n");
    close_client();
}

static void a_354_although_everyone_was_refused_gets_a_lone_dot(void)
{
    come_up(true, "250-mx\r\n250 PIPELINING\r\n");
    send_one(0, 2);
    (void)said();
    CHECK_STR(hear("250 a\r\n550 b\r\n550 c\r\n354 go on then\r\n"),
              "0.0 perm RCPT 550; 0.1 perm RCPT 550 last; ");
    CHECK_STR(said(), ".\r\n");
    CHECK(!smtp_client_can_take(t.client));
    CHECK_STR(hear("554 no valid recipients\r\n"), "");
    CHECK(smtp_client_is_idle(t.client));
    close_client();
}

static void even_a_250_to_the_lone_dot_is_no_delivery(void)
{
    come_up(true, "250-mx\r\n250 PIPELINING\r\n");
    send_one(0, 1);
    (void)said();
    CHECK_STR(hear("250 a\r\n450 b\r\n354 go on then\r\n"), "0.0 temp RCPT 450 last; ");
    (void)said();
    CHECK_STR(hear("250 thanks for nothing\r\n"), "");
    CHECK_STR(lose(), "");
    close_client();
}

static void a_refused_data_ends_all_that_were_taken(void)
{
    come_up(true, "250-mx\r\n250 PIPELINING\r\n");
    send_one(0, 2);
    (void)said();
    CHECK_STR(hear("250 a\r\n250 b\r\n550 c\r\n451 4.3.0 not now\r\n"),
              "0.1 perm RCPT 550; 0.0 temp DATA 451 4.3.0 last; ");
    CHECK_STR(said(), "RSET\r\n");
    close_client();
}

static void nothing_runs_ahead_where_pipelining_is_not_announced(void)
{
    come_up(true, "250-mx\r\n250 SIZE\r\n");
    send_one(0, 1);
    CHECK_HAS(said(), "MAIL FROM:<joe@lab.test> SIZE=");
    CHECK(!strstr(t.said, "RCPT"));
    close_client();
}

static void dsn_parameters_are_said_where_announced(void)
{
    struct slice to = slice_of("o+dd=x@lab.test");

    come_up(true, "250-mx\r\n250-PIPELINING\r\n250 DSN\r\n");
    const struct smtp_text_order o = {.key = &t.key, .to = &to, .recipients = 1, .seven_bit = true};
    CHECK(smtp_text_compose(&t.text[0], t.corpus, &o));
    const struct smtp_mail m = {.to = &to,
                                .recipients = 1,
                                .notify = SMTP_NOTIFY_SUCCESS,
                                .ret_headers = true,
                                .text = &t.text[0]};
    smtp_client_send(t.client, &m);
    CHECK_HAS(said(), "MAIL FROM:<> RET=HDRS ENVID=pm.");
    CHECK_HAS(t.said, "RCPT TO:<o+dd=x@lab.test> NOTIFY=SUCCESS,FAILURE "
                      "ORCPT=rfc822;o+2Bdd+3Dx@lab.test\r\nDATA\r\n");
    close_client();
}

/* --- the connection dies --------------------------------------------------------------------------------------------- */

/* Up to and with 354; the length of the text with its dot. */
static size_t begin_text(void)
{
    come_up(true, "250-mx\r\n250 PIPELINING\r\n");
    send_one(0, 2);
    (void)said();
    (void)hear("250 a\r\n250 b\r\n550 c\r\n354 d\r\n");
    return smtp_text_bytes(&t.text[0], true) + 3;
}

static void every_cut_before_the_last_octet_of_the_terminator_is_aborted(void)
{
    size_t all = begin_text();

    for (size_t cut = 0; cut <= all; cut++) {
        (void)begin_text();
        (void)take(cut);
        if (cut < all)
            CHECK_STR(lose(), "0.0 aborted BODY last; ");
        else
            CHECK_STR(lose(), "0.0 doubt DOT last; ");
    }
    close_client();
}

static void a_partial_reply_to_the_dot_is_doubt(void)
{
    (void)begin_text();
    (void)said();
    CHECK_STR(hear("250 2.0.0 queued as 12\r"), "");
    CHECK_STR(lose(), "0.0 doubt DOT last; ");
    (void)begin_text();
    (void)said();
    CHECK_STR(hear("250-queued\r\n"), "");
    CHECK_STR(lose(), "0.0 doubt DOT last; ");
    close_client();
}

static void a_message_of_which_nothing_left_is_untouched(void)
{
    uint64_t tag = 9;

    come_up(true, "250-mx\r\n250 PIPELINING\r\n");
    send_one(0, 1);
    CHECK(!smtp_client_begun(t.client, &tag));
    CHECK_STR(lose(), "0.0 untouched MAIL last; ");
    size_t all = begin_text();
    CHECK(smtp_client_begun(t.client, &tag));
    CHECK_U64(tag, 0);
    send_one(1, 1);
    (void)take(all);
    CHECK(!smtp_client_begun(t.client, &tag));
    CHECK_STR(lose(), "0.0 doubt DOT last; 1.0 untouched MAIL last; ");
    (void)begin_text();
    send_one(1, 1);
    (void)take(all + 1);
    CHECK(smtp_client_begun(t.client, &tag));
    CHECK(smtp_client_begun(t.client, &tag));
    CHECK_U64(tag, 1);
    CHECK_STR(lose(), "0.0 doubt DOT last; 1.0 aborted MAIL last; ");
    close_client();
}

static void what_was_refused_stays_refused_when_the_connection_dies(void)
{
    come_up(true, "250-mx\r\n250 PIPELINING\r\n");
    send_one(0, 3);
    (void)said();
    CHECK_STR(hear("250 a\r\n250 b\r\n550 c\r\n"), "0.1 perm RCPT 550; ");
    CHECK_STR(lose(), "0.0 aborted RCPT; 0.2 aborted RCPT last; ");
    close_client();
}

static void a_421_refuses_what_it_answers_and_loses_the_rest(void)
{
    (void)begin_text();
    send_one(1, 1);
    (void)said();
    CHECK_STR(hear("421 4.3.2 shutting down\r\n"), "0.0 temp DOT 421 4.3.2 last; closed; ");
    CHECK_STR(lose(), "1.0 aborted MAIL last; ");
    come_up(true, "250 mx\r\n");
    CHECK_STR(hear("421 idle for too long\r\n"), "closed; ");
    CHECK(!smtp_client_can_take(t.client));
    (void)begin_text();
    (void)take(20);
    CHECK_STR(hear("421 shutting down\r\n"), "0.0 temp BODY 421 last; closed; ");
    close_client();
}

static void an_early_refusal_of_the_text_ends_the_connection(void)
{
    (void)begin_text();
    (void)take(20);
    CHECK_STR(hear("552 too big\r\n"), "0.0 perm BODY 552 last; closed; ");
    (void)begin_text();
    (void)take(20);
    CHECK_STR(hear("250 queued\r\n"), "broken; ");
    CHECK_STR(lose(), "0.0 aborted BODY last; ");
    close_client();
}

static void a_server_that_speaks_out_of_turn_is_broken(void)
{
    come_up(true, "250 mx\r\n");
    CHECK_STR(hear("250 surprise\r\n"), "broken; ");
    CHECK_STR(smtp_client_error(t.client), "between messages: the server speaks out of turn");
    come_up(true, "250-mx\r\n250 PIPELINING\r\n");
    send_one(0, 1);
    CHECK_STR(hear("250 not asked yet\r\n"), "broken; ");
    come_up(true, "250-mx\r\n250 PIPELINING\r\n");
    send_one(0, 1);
    (void)said();
    CHECK_STR(hear("250 a\r\n250 b\r\n250 not 354\r\n"), "broken; ");
    CHECK_STR(lose(), "0.0 aborted MAIL last; ");
    close_client();
}

static void goodbye_is_answered(void)
{
    come_up(true, "250 mx\r\n");
    smtp_client_quit(t.client);
    CHECK_STR(said(), "QUIT\r\n");
    CHECK(!smtp_client_can_take(t.client));
    CHECK_STR(hear("221 bye\r\n"), "closed; ");
    close_client();
}

/* --- TLS and AUTH ---------------------------------------------------------------------------------------------------- */

static void starttls_forgets_what_was_said_in_clear(void)
{
    t.config.starttls = true;
    open_client(true);
    (void)hear("220 mx\r\n");
    (void)said();
    CHECK_STR(hear("250-mx\r\n250-PIPELINING\r\n250 STARTTLS\r\n"), "");
    CHECK_STR(said(), "STARTTLS\r\n");
    CHECK_STR(hear("220 go\r\n250-injected\r\n250 AUTH PLAIN\r\n"), "tls; ");
    CHECK_STR(hear(""), "");
    smtp_client_secured(t.client);
    CHECK_U64(smtp_client_extensions(t.client), 0);
    CHECK_STR(said(), "EHLO postmuster.test\r\n");
    CHECK_STR(hear("250-mx\r\n250 SIZE\r\n"), "up; ");
    CHECK_U64(smtp_client_extensions(t.client), SMTP_EXT_SIZE);
    close_client();
}

static void without_starttls_nothing_goes_on_where_it_is_wanted(void)
{
    t.config.starttls = true;
    open_client(true);
    (void)hear("220 mx\r\n");
    CHECK_STR((said(), hear("250 mx\r\n")), "denied; ");
    CHECK_HAS(smtp_client_error(t.client), "does not offer STARTTLS");
    smtp_client_begin(t.client);
    (void)hear("220 mx\r\n");
    CHECK_STR((said(), hear("500 what\r\n")), "denied; ");
    smtp_client_begin(t.client);
    (void)hear("220 mx\r\n");
    (void)(said(), hear("250-mx\r\n250 STARTTLS\r\n"));
    CHECK_STR((said(), hear("454 not now\r\n")), "denied; ");
    close_client();
}

static void a_password_is_never_said_in_clear(void)
{
    t.config.user = "joe";
    t.config.password = "secret";
    open_client(true);
    (void)hear("220 mx\r\n");
    CHECK_STR((said(), hear("250-mx\r\n250 AUTH PLAIN\r\n")), "denied; ");
    CHECK_STR(said(), "");
    t.config.clear_auth = true;
    smtp_client_begin(t.client);
    (void)hear("220 mx\r\n");
    CHECK_STR((said(), hear("250-mx\r\n250 AUTH PLAIN\r\n")), "");
    CHECK_STR(said(), "AUTH PLAIN AGpvZQBzZWNyZXQ=\r\n"); /* \0joe\0secret */
    CHECK_STR(hear("235 welcome\r\n"), "up; ");
    close_client();
}

static void a_refused_password_is_denied(void)
{
    t.config.user = "joe";
    t.config.password = "secret";
    t.config.secure = true;
    open_client(true);
    (void)hear("220 mx\r\n");
    CHECK_STR((said(), hear("250-mx\r\n250 AUTH LOGIN\r\n")), "");
    CHECK_STR(said(), "AUTH LOGIN\r\n");
    CHECK_STR(hear("334 VXNlcm5hbWU6\r\n"), "");
    CHECK_STR(said(), "am9l\r\n");
    CHECK_STR(hear("334 UGFzc3dvcmQ6\r\n"), "");
    CHECK_STR(said(), "c2VjcmV0\r\n");
    CHECK_STR(hear("535 5.7.8 no\r\n"), "denied; ");
    CHECK_STR(smtp_client_error(t.client), "logging in: 535 5.7.8 no");
    close_client();
}

/* It was answered for ever, and held up the load's other connections meanwhile. */
static void a_server_that_asks_without_end_is_denied(void)
{
    unsigned answers = 0;

    t.config.user = "joe";
    t.config.password = "secret";
    t.config.secure = true;
    open_client(true);
    (void)hear("220 mx\r\n");
    (void)(said(), hear("250-mx\r\n250 AUTH PLAIN\r\n"));
    while (answers < 100 && *said() && !*hear("334 more\r\n"))
        answers++;
    CHECK_U64(answers, 10);
    CHECK_STR(t.news, "denied; ");
    CHECK_STR(smtp_client_error(t.client), "logging in: 334 more");
    close_client();
}

static void a_server_without_a_proof_is_not_believed(void)
{
    t.config.user = "joe";
    t.config.password = "secret";
    t.config.secure = true;
    open_client(true);
    (void)hear("220 mx\r\n");
    CHECK_STR((said(), hear("250-mx\r\n250 AUTH SCRAM-SHA-256 PLAIN\r\n")), "");
    CHECK_HAS(said(), "AUTH SCRAM-SHA-256 ");
    CHECK_STR(hear("235 whoever you are\r\n"), "denied; ");
    close_client();
}

/* --- as a whole ------------------------------------------------------------------------------------------------------- */

static void replies_split_anywhere_mean_the_same(void)
{
    static const char replies[] = "250 a\r\n250-b\r\n250 b\r\n550 5.1.1 c\r\n354 d\r\n";

    for (size_t cut = 1; cut < sizeof replies - 1; cut++) {
        char first[64] = "", rest[64] = "", all[256];

        come_up(true, "250-mx\r\n250 PIPELINING\r\n");
        send_one(0, 2);
        (void)said();
        memcpy(first, replies, cut);
        memcpy(rest, replies + cut, sizeof replies - cut);
        (void)snprintf(all, sizeof all, "%s", hear(first));
        (void)strncat(all, hear(rest), sizeof all - strlen(all) - 1);
        CHECK_STR(all, "0.1 perm RCPT 550 5.1.1; ");
        close_client();
    }
}

static void arbitrary_octets_never_make_an_acceptance(void)
{
    static const char alphabet[] = "0123456789 -\r\n\r\n2502503544.x";
    unsigned seed = 12345;

    for (int round = 0; round < 3000; round++) {
        char octets[48] = "";
        struct slice in = {(unsigned char *)octets, sizeof octets};

        come_up(true, "250-mx\r\n250 PIPELINING\r\n");
        send_one(0, 1);
        (void)said();
        for (size_t i = 0; i < sizeof octets; i++) {
            seed = seed * 1103515245u + 12345u;
            octets[i] = alphabet[(seed >> 16) % (sizeof alphabet - 1)];
        }
        t.news[0] = '\0';
        (void)listen_to(in); /* the text never left */
        if (strstr(t.news, "accepted"))
            CHECK_STR(octets, "no acceptance");
    }
    CHECK(true);
    close_client();
}

static void every_state_has_words_and_those_that_wait_a_limit(void)
{
    for (unsigned s = 0; s < SMTP_STATE_COUNT; s++) {
        CHECK(strlen(smtp_state_doing((enum smtp_state)s)) > 5);
        CHECK((smtp_state_timeout_s((enum smtp_state)s) > 0) == (s != SMTP_READY));
    }
    CHECK_U64(smtp_state_timeout_s(SMTP_DOT), 600);
}

static const struct test tests[] = {
    TEST(nothing_is_said_before_the_greeting_is_whole),
    TEST(a_server_without_ehlo_gets_helo),
    TEST(a_server_that_will_not_have_us_is_no_protocol_error),
    TEST(nonsense_is_broken),
    TEST(a_reply_too_long_is_broken),
    TEST(lockstep_says_one_thing_at_a_time),
    TEST(in_lockstep_a_refused_message_is_reset),
    TEST(an_envelope_goes_in_one_piece_where_announced),
    TEST(text_dot_and_the_next_envelope_go_together),
    TEST(a_refused_mail_within_a_group_is_reset_before_the_next),
    TEST(a_354_although_everyone_was_refused_gets_a_lone_dot),
    TEST(even_a_250_to_the_lone_dot_is_no_delivery),
    TEST(a_refused_data_ends_all_that_were_taken),
    TEST(nothing_runs_ahead_where_pipelining_is_not_announced),
    TEST(dsn_parameters_are_said_where_announced),
    TEST(every_cut_before_the_last_octet_of_the_terminator_is_aborted),
    TEST(a_partial_reply_to_the_dot_is_doubt),
    TEST(a_message_of_which_nothing_left_is_untouched),
    TEST(what_was_refused_stays_refused_when_the_connection_dies),
    TEST(a_421_refuses_what_it_answers_and_loses_the_rest),
    TEST(an_early_refusal_of_the_text_ends_the_connection),
    TEST(a_server_that_speaks_out_of_turn_is_broken),
    TEST(goodbye_is_answered),
    TEST(starttls_forgets_what_was_said_in_clear),
    TEST(without_starttls_nothing_goes_on_where_it_is_wanted),
    TEST(a_password_is_never_said_in_clear),
    TEST(a_refused_password_is_denied),
    TEST(a_server_that_asks_without_end_is_denied),
    TEST(a_server_without_a_proof_is_not_believed),
    TEST(replies_split_anywhere_mean_the_same),
    TEST(arbitrary_octets_never_make_an_acceptance),
    TEST(every_state_has_words_and_those_that_wait_a_limit),
    TEST_END,
};

const struct suite smtp_client_suite = {"smtp_client", tests};
