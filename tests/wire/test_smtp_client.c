/* test_smtp_client.c - conversations as scripts: what the server says, what we answer, what we make of it. With DATA. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/secret.h"
#include "tests/support/check.h"
#include "tests/wire/client_rig.h"

#define HELLO "250-mx.test greets you\r\n250-PIPELINING\r\n250-SIZE 1000000\r\n250-8BITMIME\r\n"

/* --- coming up ---------------------------------------------------------------------------------------------------- */

static void nothing_is_said_before_the_greeting_is_whole(void)
{
    rig_open(true);
    CHECK_STR(rig_said(), "");
    CHECK_STR(rig_hear("220-mx.test\r\n220 "), "");
    CHECK_STR(rig_said(), "");
    CHECK(smtp_client_state(rig.client) == SMTP_GREETING);
    CHECK_STR(rig_hear("ready\r\n"), "");
    CHECK_STR(rig_said(), "EHLO postmuster.test\r\n");
    CHECK_STR(
        rig_hear(
            "250-mx\r\n250-pipelining\r\n250-DSN\r\n250-ENHANCEDSTATUSCODES\r\n250-CHUNKING\r\n"
            "250-AUTH PLAIN LOGIN\r\n250-8BITMIME\r\n250 SIZE 10\r\n"),
        "up; ");
    CHECK_U64(smtp_client_extensions(rig.client),
              SMTP_EXT_PIPELINING | SMTP_EXT_DSN | SMTP_EXT_ENHANCED | SMTP_EXT_CHUNKING |
                  SMTP_EXT_AUTH | SMTP_EXT_8BITMIME | SMTP_EXT_SIZE);
    CHECK(smtp_client_can_take(rig.client));
    rig_close();
}

static void a_server_without_ehlo_gets_helo(void)
{
    rig_open(true);
    (void)rig_hear("220 old\r\n");
    (void)rig_said();
    CHECK_STR(rig_hear("500 what?\r\n"), "");
    CHECK_STR(rig_said(), "HELO postmuster.test\r\n");
    CHECK_STR(rig_hear("250 hello\r\n"), "up; ");
    rig_send(0, 1);
    CHECK_STR(rig_said(), "MAIL FROM:<joe@lab.test>\r\n");
    rig_close();
}

static void a_server_that_will_not_have_us_is_no_protocol_error(void)
{
    rig_open(true);
    CHECK_STR(rig_hear("554 go away\r\n"), "denied; ");
    CHECK_STR(smtp_client_error(rig.client), "waiting for the greeting: 554 go away");
    smtp_client_begin(rig.client);
    CHECK_STR(rig_hear("421 too many\r\n"), "denied; ");
    smtp_client_begin(rig.client);
    (void)rig_hear("220 x\r\n");
    (void)rig_said();
    CHECK_STR(rig_hear("450 later\r\n"), "denied; ");
    CHECK_STR(smtp_client_error(rig.client), "saying EHLO: 450 later");
    rig_close();
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
        rig_open(true);
        CHECK_STR(rig_hear(nonsense[i]), "broken; ");
        CHECK_HAS(smtp_client_error(rig.client), "waiting for the greeting: ");
    }
    rig_close();
}

static void a_reply_too_long_is_broken(void)
{
    static char line[SMTP_LINE_MAX + 8];

    rig_open(true);
    memset(line, 'x', sizeof line - 1);
    memset(line, '2', 3);
    line[3] = ' ';
    CHECK_STR(rig_hear(line), "broken; ");
    smtp_client_begin(rig.client);
    for (int i = 0; i < SMTP_REPLY_LINES_MAX; i++)
        CHECK_STR(rig_hear("220-more\r\n"), "");
    CHECK_STR(rig_hear("220 end\r\n"), "broken; ");
    rig_close();
}

/* --- lockstep ------------------------------------------------------------------------------------------------------ */

static void lockstep_says_one_thing_at_a_time(void)
{
    rig_up(false, HELLO "250 DSN\r\n");
    rig_send(0, 2);
    CHECK_HAS(rig_said(), "MAIL FROM:<joe@lab.test> SIZE=");
    CHECK_HAS(rig.said, " BODY=8BITMIME ENVID=pm.");
    CHECK_STR(rig_hear("250 2.1.0 ok\r\n"), "");
    CHECK_STR(rig_said(), "RCPT TO:<r0@lab.test> ORCPT=rfc822;r0@lab.test\r\n");
    CHECK_STR(rig_hear("250 ok\r\n"), "");
    CHECK_STR(rig_said(), "RCPT TO:<r1@lab.test> ORCPT=rfc822;r1@lab.test\r\n");
    CHECK_STR(rig_hear("550 5.1.1 no such user\r\n"), "0.1 perm RCPT 550 5.1.1; ");
    CHECK_STR(rig_said(), "DATA\r\n");
    CHECK_STR(rig_hear("354 go\r\n"), "");
    CHECK(smtp_client_state(rig.client) == SMTP_BODY);
    CHECK_STR(rig_said(), "<text>.\r\n");
    CHECK(smtp_client_state(rig.client) == SMTP_DOT);
    CHECK(!smtp_client_can_take(rig.client));
    CHECK_STR(rig_hear("250 2.0.0 queued\r\n"), "0.0 accepted DOT 250 2.0.0 last; ");
    CHECK(smtp_client_is_idle(rig.client));
    rig_close();
}

static void in_lockstep_a_refused_message_is_reset(void)
{
    rig_up(false, "250 mx\r\n");
    rig_send(0, 2);
    (void)rig_said();
    CHECK_STR(rig_hear("452 full\r\n"), "0.0 temp MAIL 452; 0.1 temp MAIL 452 last; ");
    CHECK_STR(rig_said(), "RSET\r\n");
    CHECK(!smtp_client_can_take(rig.client));
    CHECK_STR(rig_hear("250 ok\r\n"), "");
    rig_send(1, 1);
    CHECK_STR(rig_said(), "MAIL FROM:<joe@lab.test>\r\n");
    CHECK_STR(rig_hear("250 ok\r\n"), "");
    CHECK_STR(rig_said(), "RCPT TO:<r0@lab.test>\r\n");
    CHECK_STR(rig_hear("550 no\r\n"), "1.0 perm RCPT 550 last; ");
    CHECK_STR(rig_said(), "RSET\r\n");
    rig_close();
}

/* --- pipelining ------------------------------------------------------------------------------------------------------ */

static void an_envelope_goes_in_one_piece_where_announced(void)
{
    rig_up(true, "250-mx\r\n250 PIPELINING\r\n");
    rig_send(0, 2);
    CHECK_STR(rig_said(), "MAIL FROM:<joe@lab.test>\r\nRCPT TO:<r0@lab.test>\r\n"
                          "RCPT TO:<r1@lab.test>\r\nDATA\r\n");
    CHECK_STR(rig_hear("250 a\r\n250 b\r\n45"), "");
    CHECK_STR(rig_hear("0 busy\r\n354 "), "0.1 temp RCPT 450; ");
    CHECK(!smtp_client_can_take(rig.client));
    CHECK_STR(rig_hear("go\r\n"), "");
    CHECK(smtp_client_can_take(rig.client));
    rig_close();
}

static void text_dot_and_the_next_envelope_go_together(void)
{
    rig_up(true, "250-mx\r\n250 PIPELINING\r\n");
    rig_send(0, 1);
    (void)rig_said();
    (void)rig_hear("250 a\r\n250 b\r\n354 c\r\n");
    rig_send(1, 1);
    CHECK(!smtp_client_can_take(rig.client));
    CHECK_STR(rig_said(),
              "<text>.\r\nMAIL FROM:<joe@lab.test>\r\nRCPT TO:<r0@lab.test>\r\nDATA\r\n");
    CHECK_STR(rig_hear("250 took it\r\n250 a\r\n250 b\r\n354 c\r\n"),
              "0.0 accepted DOT 250 last; ");
    CHECK_STR(rig_said(), "<text>.\r\n");
    CHECK_STR(rig_hear("554 spam\r\n"), "1.0 perm DOT 554 last; ");
    CHECK(smtp_client_is_idle(rig.client));
    rig_close();
}

static void a_refused_mail_within_a_group_is_reset_before_the_next(void)
{
    rig_up(true, "250-mx\r\n250 PIPELINING\r\n");
    rig_send(0, 1);
    (void)rig_said();
    CHECK_STR(rig_hear("550 not you\r\n"), "0.0 perm MAIL 550 last; ");
    CHECK(!smtp_client_can_take(rig.client));
    CHECK_STR(rig_hear("503 MAIL first\r\n503 MAIL first\r\n"), "");
    CHECK_STR(rig_said(), "RSET\r\n");
    CHECK_STR(rig_hear("250 ok\r\n"), "");
    rig_send(1, 1);
    CHECK_HAS(rig_said(), "MAIL FROM:<joe@lab.test>\r\n");
    rig_close();
}

static void a_354_although_everyone_was_refused_gets_a_lone_dot(void)
{
    rig_up(true, "250-mx\r\n250 PIPELINING\r\n");
    rig_send(0, 2);
    (void)rig_said();
    CHECK_STR(rig_hear("250 a\r\n550 b\r\n550 c\r\n354 go on then\r\n"),
              "0.0 perm RCPT 550; 0.1 perm RCPT 550 last; ");
    CHECK_STR(rig_said(), ".\r\n");
    CHECK(!smtp_client_can_take(rig.client));
    CHECK_STR(rig_hear("554 no valid recipients\r\n"), "");
    CHECK(smtp_client_is_idle(rig.client));
    rig_close();
}

static void even_a_250_to_the_lone_dot_is_no_delivery(void)
{
    rig_up(true, "250-mx\r\n250 PIPELINING\r\n");
    rig_send(0, 1);
    (void)rig_said();
    CHECK_STR(rig_hear("250 a\r\n450 b\r\n354 go on then\r\n"), "0.0 temp RCPT 450 last; ");
    (void)rig_said();
    CHECK_STR(rig_hear("250 thanks for nothing\r\n"), "");
    CHECK_STR(rig_lose(), "");
    rig_close();
}

static void a_refused_data_ends_all_that_were_taken(void)
{
    rig_up(true, "250-mx\r\n250 PIPELINING\r\n");
    rig_send(0, 2);
    (void)rig_said();
    CHECK_STR(rig_hear("250 a\r\n250 b\r\n550 c\r\n451 4.3.0 not now\r\n"),
              "0.1 perm RCPT 550; 0.0 temp DATA 451 4.3.0 last; ");
    CHECK_STR(rig_said(), "RSET\r\n");
    rig_close();
}

static void nothing_runs_ahead_where_pipelining_is_not_announced(void)
{
    rig_up(true, "250-mx\r\n250 SIZE\r\n");
    rig_send(0, 1);
    CHECK_HAS(rig_said(), "MAIL FROM:<joe@lab.test> SIZE=");
    CHECK(!strstr(rig.said, "RCPT"));
    rig_close();
}

static void dsn_parameters_are_said_where_announced(void)
{
    struct slice to = slice_of("o+dd=x@lab.test");

    rig_up(true, "250-mx\r\n250-PIPELINING\r\n250 DSN\r\n");
    const struct smtp_text_order o = {
        .key = &rig.key, .to = &to, .recipients = 1, .seven_bit = true};
    CHECK(smtp_text_compose(&rig.text[0], rig.corpus, &o));
    const struct smtp_mail m = {.to = &to,
                                .recipients = 1,
                                .notify = SMTP_NOTIFY_SUCCESS,
                                .ret_headers = true,
                                .text = &rig.text[0]};
    smtp_client_send(rig.client, &m);
    CHECK_HAS(rig_said(), "MAIL FROM:<> RET=HDRS ENVID=pm.");
    CHECK_HAS(rig.said, "RCPT TO:<o+dd=x@lab.test> NOTIFY=SUCCESS,FAILURE "
                        "ORCPT=rfc822;o+2Bdd+3Dx@lab.test\r\nDATA\r\n");
    rig_close();
}

/* --- the connection dies --------------------------------------------------------------------------------------------- */

/* Up to and with 354; the length of the text with its dot. */
static size_t begin_text(void)
{
    rig_up(true, "250-mx\r\n250 PIPELINING\r\n");
    rig_send(0, 2);
    (void)rig_said();
    (void)rig_hear("250 a\r\n250 b\r\n550 c\r\n354 d\r\n");
    return smtp_text_bytes(&rig.text[0], true) + 3;
}

static void every_cut_before_the_last_octet_of_the_terminator_is_aborted(void)
{
    size_t all = begin_text();

    for (size_t cut = 0; cut <= all; cut++) {
        (void)begin_text();
        (void)rig_take(cut);
        if (cut < all)
            CHECK_STR(rig_lose(), "0.0 aborted BODY last; ");
        else
            CHECK_STR(rig_lose(), "0.0 doubt DOT last; ");
    }
    rig_close();
}

static void a_partial_reply_to_the_dot_is_doubt(void)
{
    (void)begin_text();
    (void)rig_said();
    CHECK_STR(rig_hear("250 2.0.0 queued as 12\r"), "");
    CHECK_STR(rig_lose(), "0.0 doubt DOT last; ");
    (void)begin_text();
    (void)rig_said();
    CHECK_STR(rig_hear("250-queued\r\n"), "");
    CHECK_STR(rig_lose(), "0.0 doubt DOT last; ");
    rig_close();
}

static void a_message_of_which_nothing_left_is_untouched(void)
{
    uint64_t tag = 9;

    rig_up(true, "250-mx\r\n250 PIPELINING\r\n");
    rig_send(0, 1);
    CHECK(!smtp_client_begun(rig.client, &tag));
    CHECK_STR(rig_lose(), "0.0 untouched MAIL last; ");
    size_t all = begin_text();
    CHECK(smtp_client_begun(rig.client, &tag));
    CHECK_U64(tag, 0);
    rig_send(1, 1);
    (void)rig_take(all);
    CHECK(!smtp_client_begun(rig.client, &tag));
    CHECK_STR(rig_lose(), "0.0 doubt DOT last; 1.0 untouched MAIL last; ");
    (void)begin_text();
    rig_send(1, 1);
    (void)rig_take(all + 1);
    CHECK(smtp_client_begun(rig.client, &tag));
    CHECK(smtp_client_begun(rig.client, &tag));
    CHECK_U64(tag, 1);
    CHECK_STR(rig_lose(), "0.0 doubt DOT last; 1.0 aborted MAIL last; ");
    rig_close();
}

static void what_was_refused_stays_refused_when_the_connection_dies(void)
{
    rig_up(true, "250-mx\r\n250 PIPELINING\r\n");
    rig_send(0, 3);
    (void)rig_said();
    CHECK_STR(rig_hear("250 a\r\n250 b\r\n550 c\r\n"), "0.1 perm RCPT 550; ");
    CHECK_STR(rig_lose(), "0.0 aborted RCPT; 0.2 aborted RCPT last; ");
    rig_close();
}

static void a_421_refuses_what_it_answers_and_loses_the_rest(void)
{
    (void)begin_text();
    rig_send(1, 1);
    (void)rig_said();
    CHECK_STR(rig_hear("421 4.3.2 shutting down\r\n"), "0.0 temp DOT 421 4.3.2 last; closed; ");
    CHECK_STR(rig_lose(), "1.0 aborted MAIL last; ");
    rig_up(true, "250 mx\r\n");
    CHECK_STR(rig_hear("421 idle for too long\r\n"), "closed; ");
    CHECK(!smtp_client_can_take(rig.client));
    (void)begin_text();
    (void)rig_take(20);
    CHECK_STR(rig_hear("421 shutting down\r\n"), "0.0 temp BODY 421 last; closed; ");
    rig_close();
}

static void an_early_refusal_of_the_text_ends_the_connection(void)
{
    (void)begin_text();
    (void)rig_take(20);
    CHECK_STR(rig_hear("552 too big\r\n"), "0.0 perm BODY 552 last; closed; ");
    (void)begin_text();
    (void)rig_take(20);
    CHECK_STR(rig_hear("250 queued\r\n"), "broken; ");
    CHECK_STR(rig_lose(), "0.0 aborted BODY last; ");
    rig_close();
}

static void a_server_that_speaks_out_of_turn_is_broken(void)
{
    rig_up(true, "250 mx\r\n");
    CHECK_STR(rig_hear("250 surprise\r\n"), "broken; ");
    CHECK_STR(smtp_client_error(rig.client), "between messages: the server speaks out of turn");
    rig_up(true, "250-mx\r\n250 PIPELINING\r\n");
    rig_send(0, 1);
    CHECK_STR(rig_hear("250 not asked yet\r\n"), "broken; ");
    rig_up(true, "250-mx\r\n250 PIPELINING\r\n");
    rig_send(0, 1);
    (void)rig_said();
    CHECK_STR(rig_hear("250 a\r\n250 b\r\n250 not 354\r\n"), "broken; ");
    CHECK_STR(rig_lose(), "0.0 aborted MAIL last; ");
    rig_close();
}

static void goodbye_is_answered(void)
{
    rig_up(true, "250 mx\r\n");
    smtp_client_quit(rig.client);
    CHECK_STR(rig_said(), "QUIT\r\n");
    CHECK(!smtp_client_can_take(rig.client));
    CHECK_STR(rig_hear("221 bye\r\n"), "closed; ");
    rig_close();
}

/* --- TLS and AUTH ---------------------------------------------------------------------------------------------------- */

static void starttls_forgets_what_was_said_in_clear(void)
{
    rig.config.starttls = true;
    rig_open(true);
    (void)rig_hear("220 mx\r\n");
    (void)rig_said();
    CHECK_STR(rig_hear("250-mx\r\n250-PIPELINING\r\n250 STARTTLS\r\n"), "");
    CHECK_STR(rig_said(), "STARTTLS\r\n");
    CHECK_STR(rig_hear("220 go\r\n250-injected\r\n250 AUTH PLAIN\r\n"), "tls; ");
    CHECK_STR(rig_hear(""), "");
    smtp_client_secured(rig.client);
    CHECK_U64(smtp_client_extensions(rig.client), 0);
    CHECK_STR(rig_said(), "EHLO postmuster.test\r\n");
    CHECK_STR(rig_hear("250-mx\r\n250 SIZE\r\n"), "up; ");
    CHECK_U64(smtp_client_extensions(rig.client), SMTP_EXT_SIZE);
    rig_close();
}

static void without_starttls_nothing_goes_on_where_it_is_wanted(void)
{
    rig.config.starttls = true;
    rig_open(true);
    (void)rig_hear("220 mx\r\n");
    CHECK_STR((rig_said(), rig_hear("250 mx\r\n")), "denied; ");
    CHECK_HAS(smtp_client_error(rig.client), "does not offer STARTTLS");
    smtp_client_begin(rig.client);
    (void)rig_hear("220 mx\r\n");
    CHECK_STR((rig_said(), rig_hear("500 what\r\n")), "denied; ");
    smtp_client_begin(rig.client);
    (void)rig_hear("220 mx\r\n");
    (void)(rig_said(), rig_hear("250-mx\r\n250 STARTTLS\r\n"));
    CHECK_STR((rig_said(), rig_hear("454 not now\r\n")), "denied; ");
    rig_close();
}

static void a_password_is_never_said_in_clear(void)
{
    rig.config.user = "joe";
    rig.config.password = "secret";
    rig_open(true);
    (void)rig_hear("220 mx\r\n");
    CHECK_STR((rig_said(), rig_hear("250-mx\r\n250 AUTH PLAIN\r\n")), "denied; ");
    CHECK_STR(rig_said(), "");
    rig.config.clear_auth = true;
    smtp_client_begin(rig.client);
    (void)rig_hear("220 mx\r\n");
    CHECK_STR((rig_said(), rig_hear("250-mx\r\n250 AUTH PLAIN\r\n")), "");
    CHECK_STR(rig_said(), "AUTH PLAIN AGpvZQBzZWNyZXQ=\r\n"); /* \0joe\0secret */
    CHECK_STR(rig_hear("235 welcome\r\n"), "up; ");
    rig_close();
}

static void a_refused_password_is_denied(void)
{
    rig.config.user = "joe";
    rig.config.password = "secret";
    rig.config.secure = true;
    rig_open(true);
    (void)rig_hear("220 mx\r\n");
    CHECK_STR((rig_said(), rig_hear("250-mx\r\n250 AUTH LOGIN\r\n")), "");
    CHECK_STR(rig_said(), "AUTH LOGIN\r\n");
    CHECK_STR(rig_hear("334 VXNlcm5hbWU6\r\n"), "");
    CHECK_STR(rig_said(), "am9l\r\n");
    CHECK_STR(rig_hear("334 UGFzc3dvcmQ6\r\n"), "");
    CHECK_STR(rig_said(), "c2VjcmV0\r\n");
    CHECK_STR(rig_hear("535 5.7.8 no\r\n"), "denied; ");
    CHECK_STR(smtp_client_error(rig.client), "logging in: 535 5.7.8 no");
    rig_close();
}

/* Only so much of a reply is said, and what is left of the password there was not known for a secret. */
static void a_reply_that_repeats_the_password_across_its_cut_shows_no_part_of_it(void)
{
    char reply[300];

    rig.config.user = "joe";
    rig.config.password = "S3cret-horse";
    rig.config.secure = true;
    secret_note(rig.config.password);
    rig_open(true);
    (void)rig_hear("220 mx\r\n");
    CHECK_STR((rig_said(), rig_hear("250-mx\r\n250 AUTH PLAIN\r\n")), "");
    (void)snprintf(reply, sizeof reply, "535 %0193d S3cret-horse is no password\r\n", 0);
    CHECK_STR((rig_said(), rig_hear(reply)), "denied; ");
    CHECK_HAS(smtp_client_error(rig.client), "logging in: 535 0000");
    CHECK_HAS(smtp_client_error(rig.client), "0 ******");
    CHECK(!strstr(smtp_client_error(rig.client), "S3cr"));
    rig_close();
}

/* It was answered for ever, and held up the load's other connections meanwhile. */
static void a_server_that_asks_without_end_is_denied(void)
{
    unsigned answers = 0;

    rig.config.user = "joe";
    rig.config.password = "secret";
    rig.config.secure = true;
    rig_open(true);
    (void)rig_hear("220 mx\r\n");
    (void)(rig_said(), rig_hear("250-mx\r\n250 AUTH PLAIN\r\n"));
    while (answers < 100 && *rig_said() && !*rig_hear("334 more\r\n"))
        answers++;
    CHECK_U64(answers, 10);
    CHECK_STR(rig.news, "denied; ");
    CHECK_STR(smtp_client_error(rig.client), "logging in: 334 more");
    rig_close();
}

static void a_server_without_a_proof_is_not_believed(void)
{
    rig.config.user = "joe";
    rig.config.password = "secret";
    rig.config.secure = true;
    rig_open(true);
    (void)rig_hear("220 mx\r\n");
    CHECK_STR((rig_said(), rig_hear("250-mx\r\n250 AUTH SCRAM-SHA-256 PLAIN\r\n")), "");
    CHECK_HAS(rig_said(), "AUTH SCRAM-SHA-256 ");
    CHECK_STR(rig_hear("235 whoever you are\r\n"), "denied; ");
    rig_close();
}

/* --- as a whole ------------------------------------------------------------------------------------------------------- */

static void replies_split_anywhere_mean_the_same(void)
{
    static const char replies[] = "250 a\r\n250-b\r\n250 b\r\n550 5.1.1 c\r\n354 d\r\n";

    for (size_t cut = 1; cut < sizeof replies - 1; cut++) {
        char first[64] = "", rest[64] = "", all[256];

        rig_up(true, "250-mx\r\n250 PIPELINING\r\n");
        rig_send(0, 2);
        (void)rig_said();
        memcpy(first, replies, cut);
        memcpy(rest, replies + cut, sizeof replies - cut);
        (void)snprintf(all, sizeof all, "%s", rig_hear(first));
        (void)strncat(all, rig_hear(rest), sizeof all - strlen(all) - 1);
        CHECK_STR(all, "0.1 perm RCPT 550 5.1.1; ");
        rig_close();
    }
}

static void arbitrary_octets_never_make_an_acceptance(void)
{
    static const char alphabet[] = "0123456789 -\r\n\r\n2502503544.x";
    unsigned seed = 12345;

    for (int round = 0; round < 3000; round++) {
        char octets[48] = "";
        struct slice in = {(unsigned char *)octets, sizeof octets};

        rig_up(true, "250-mx\r\n250 PIPELINING\r\n");
        rig_send(0, 1);
        (void)rig_said();
        for (size_t i = 0; i < sizeof octets; i++) {
            seed = seed * 1103515245u + 12345u;
            octets[i] = alphabet[(seed >> 16) % (sizeof alphabet - 1)];
        }
        rig.news[0] = '\0';
        (void)rig_listen(in); /* the text never left */
        if (strstr(rig.news, "accepted"))
            CHECK_STR(octets, "no acceptance");
    }
    CHECK(true);
    rig_close();
}

static void every_state_has_words_and_those_that_wait_a_limit(void)
{
    for (unsigned s = 0; s < SMTP_STATE_COUNT; s++) {
        CHECK(strlen(smtp_state_doing((enum smtp_state)s)) > 5);
        CHECK((smtp_state_timeout_s((enum smtp_state)s) > 0) == (s != SMTP_READY));
    }
    CHECK_U64(smtp_state_timeout_s(SMTP_DOT), 600);
}

static void dots_that_begin_a_line_are_doubled_behind_data(void)
{
    rig_up(true, "250-mx\r\n250 PIPELINING\r\n");
    rig_send_sized(0, 1, 140000); /* the whole corpus, which has lines of one dot */
    (void)rig_said();
    (void)rig_hear("250 a\r\n250 b\r\n354 c\r\n");
    const char *said = rig_said(), *end = strstr(said, "\r\n.\r\n");

    CHECK(strstr(said, "\r\n..\r\n") != NULL);
    CHECK(end && end[5] == '\0');
    rig_close();
}

static void every_4yz_is_temporary_and_every_5yz_is_not(void)
{
    static const unsigned codes[] = {400, 421, 432, 452, 471, 499, 500, 550, 599};

    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        char reply[32], want[64];

        rig_up(true, "250-mx\r\n250 PIPELINING\r\n");
        rig_send(0, 1);
        (void)rig_said();
        (void)rig_hear("250 a\r\n250 b\r\n354 c\r\n");
        (void)rig_said();
        (void)snprintf(reply, sizeof reply, "%u no\r\n", codes[i]);
        (void)snprintf(want, sizeof want, "0.0 %s DOT %u last; ", codes[i] < 500 ? "temp" : "perm",
                       codes[i]);
        CHECK_HAS(rig_hear(reply), want);
        rig_close();
    }
}

static void nothing_is_left_to_read_of_what_came_behind_the_word_for_tls(void)
{
    struct slice in = slice_of("220 go\r\n250-injected\r\n250 AUTH PLAIN\r\n");
    struct smtp_outcome o;

    rig.config.starttls = true;
    rig_open(true);
    (void)rig_hear("220 mx\r\n");
    (void)rig_said();
    (void)rig_hear("250-mx\r\n250 STARTTLS\r\n");
    (void)rig_said();
    CHECK(smtp_client_hear(rig.client, &in, &o) == SMTP_START_TLS);
    CHECK_U64(in.n, 0);
    rig_close();
}

static void a_line_without_a_word_goes_on_all_the_same(void)
{
    rig_open(true);
    (void)rig_hear("220-\r\n220 mx\r\n");
    (void)rig_said();
    CHECK_STR(rig_hear("250-mx\r\n250-\r\n250 PIPELINING\r\n"), "up; ");
    CHECK_U64(smtp_client_extensions(rig.client), SMTP_EXT_PIPELINING);
    rig_close();
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
    TEST(a_reply_that_repeats_the_password_across_its_cut_shows_no_part_of_it),
    TEST(a_server_that_asks_without_end_is_denied),
    TEST(a_server_without_a_proof_is_not_believed),
    TEST(replies_split_anywhere_mean_the_same),
    TEST(arbitrary_octets_never_make_an_acceptance),
    TEST(every_state_has_words_and_those_that_wait_a_limit),
    TEST(dots_that_begin_a_line_are_doubled_behind_data),
    TEST(every_4yz_is_temporary_and_every_5yz_is_not),
    TEST(nothing_is_left_to_read_of_what_came_behind_the_word_for_tls),
    TEST(a_line_without_a_word_goes_on_all_the_same),
    TEST_END,
};

const struct suite smtp_client_suite = {"smtp_client", tests};
