/* test_smtp_client_chunks.c - windows of messages by BDAT, and LMTP, as scripts. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/check.h"
#include "tests/wire/client_rig.h"

#define CHUNKY "250-mx\r\n250-PIPELINING\r\n250 CHUNKING\r\n"
#define TURN   "MAIL FROM:<joe@lab.test>\r\nRCPT TO:<r0@lab.test>\r\nBDAT 464 LAST\r\n<text>"
#define LMTP   "250-mx\r\n250-PIPELINING\r\n250 8BITMIME\r\n"

static void up(enum smtp_chunking chunking, uint32_t window, const char *ehlo)
{
    rig.config.chunking = chunking;
    rig.window = window;
    rig_up(true, ehlo);
}

static void lmtp_up(const char *lhlo)
{
    rig.config.lmtp = true;
    rig_up(true, lhlo);
}

/* --- windows --------------------------------------------------------------------------------------------------------- */

static void a_window_of_messages_goes_out_in_one_piece(void)
{
    struct iovec iov[4];

    up(SMTP_CHUNKS_PLAIN, 3, CHUNKY);
    CHECK(smtp_client_is_chunking(rig.client));
    for (unsigned tag = 0; tag < 3; tag++)
        rig_send(tag, 1);
    CHECK(!smtp_client_can_take(rig.client));
    CHECK_I64(smtp_client_output(rig.client, iov, 4), 1);
    CHECK_STR(rig_said(), TURN TURN TURN);
    CHECK_STR(rig_hear("250 a\r\n250 b\r\n250 2.0.0 took it\r\n250 a\r\n250 b\r\n"),
              "0.0 accepted CHUNK 250 2.0.0 last; ");
    CHECK(smtp_client_state(rig.client) == SMTP_CHUNK);
    CHECK(smtp_client_can_take(rig.client));
    rig_send(3, 1);
    CHECK_STR(rig_said(), TURN);
    CHECK_STR(rig_hear("250 x\r\n250 a\r\n250 b\r\n250 y\r\n250 a\r\n550 b\r\n554 z\r\n"),
              "1.0 accepted CHUNK 250 last; 2.0 accepted CHUNK 250 last; 3.0 perm RCPT 550 last; ");
    CHECK(smtp_client_is_idle(rig.client));
    rig_close();
}

static void the_text_of_a_chunk_is_raw_and_whole(void)
{
    static struct smtp_text text;
    static unsigned char want[70000];

    for (uint32_t size = 100; size < 60000; size = size * 3 / 2) {
        up(SMTP_CHUNKS_PLAIN, 8, CHUNKY);
        rig_send_sized(7, 1, size);
        const struct slice to = slice_of("r0@lab.test");
        const struct smtp_text_order o = {.number = 7,
                                          .key = &rig.key,
                                          .from = slice_of("joe@lab.test"),
                                          .to = &to,
                                          .recipients = 1,
                                          .body_bytes = size};
        CHECK(smtp_text_compose(&text, rig.corpus, &o));
        smtp_text_copy(&text, false, want);
        size_t n = smtp_text_bytes(&text, false);
        char line[64];
        (void)snprintf(line, sizeof line, "BDAT %zu LAST\r\n", n);
        const char *at = strstr(rig_take(SIZE_MAX), line);
        if (CHECK(at != NULL))
            CHECK_MEM(at + strlen(line), n, want, n);
        CHECK_STR(rig_hear("250 a\r\n250 b\r\n250 c\r\n"), "7.0 accepted CHUNK 250 last; ");
        rig_close();
    }
}

/* The body of a large text is never copied: its octets are the corpus' own. */
static void large_bodies_go_by_reference(void)
{
    struct iovec iov[16];

    up(SMTP_CHUNKS_PLAIN, 2, CHUNKY);
    rig_send_sized(0, 1, 10240);
    rig_send_sized(1, 1, 10240);
    int pieces = smtp_client_output(rig.client, iov, 16);
    CHECK_BETWEEN(pieces, 4, 7);
    size_t largest = 0;
    for (int i = 0; i < pieces; i++)
        largest = iov[i].iov_len > largest ? iov[i].iov_len : largest;
    CHECK(largest > 4096);
    CHECK_I64(smtp_client_output(rig.client, iov, 1), 1);
    rig_close();
}

static void output_in_any_pieces_is_the_same(void)
{
    static char whole[100000];

    for (size_t piece = 1; piece < 20000; piece = piece * 2 + 1) {
        up(SMTP_CHUNKS_PLAIN, 4, CHUNKY);
        for (unsigned tag = 0; tag < 4; tag++)
            rig_send_sized(tag, 1, tag * 5000);
        size_t at = 0;
        for (size_t n = 1; n > 0; at += n) {
            n = strlen(rig_take(piece));
            if (piece == 1 || at + n >= sizeof whole)
                memcpy(whole + at, rig.said, n < sizeof whole - at ? n : 0);
            else
                CHECK_MEM(rig.said, n, whole + at, n);
        }
        rig_close();
    }
}

/* The buffer makes room at its front while bodies wait in its midst. */
static void messages_sent_while_others_leave_change_nothing(void)
{
    static char whole[300000], got[300000];
    size_t n = 0, all = 0;

    up(SMTP_CHUNKS_PLAIN, 16, CHUNKY);
    for (unsigned tag = 0; tag < 16; tag++)
        rig_send_sized(tag, 16, tag == 3 ? 9000 : 3100);
    for (size_t part = 1; part > 0; all += part) {
        part = strlen(rig_take(100000));
        memcpy(whole + all, rig.said, part);
    }
    rig_close();
    up(SMTP_CHUNKS_PLAIN, 16, CHUNKY);
    for (unsigned tag = 0; tag < 16; tag++) {
        rig_send_sized(tag, 16, tag == 3 ? 9000 : 3100);
        size_t part = strlen(rig_take(tag % 5 * 300ull));
        memcpy(got + n, rig.said, part);
        n += part;
    }
    for (size_t part = 1; part > 0; n += part) {
        part = strlen(rig_take(100000));
        memcpy(got + n, rig.said, part);
    }
    CHECK_MEM(got, n, whole, all);
    CHECK(all > 60000);
    rig_close();
}

static void lockstep_with_chunks_says_one_thing_at_a_time(void)
{
    up(SMTP_CHUNKS_PLAIN, 8, "250-mx\r\n250 CHUNKING\r\n");
    rig_send(0, 1);
    CHECK(!smtp_client_can_take(rig.client));
    CHECK_STR(rig_said(), "MAIL FROM:<joe@lab.test>\r\n");
    CHECK_STR(rig_hear("250 a\r\n"), "");
    CHECK_STR(rig_said(), "RCPT TO:<r0@lab.test>\r\n");
    CHECK_STR(rig_hear("250 b\r\n"), "");
    CHECK_STR(rig_said(), "BDAT 464 LAST\r\n<text>");
    CHECK_STR(rig_hear("250 c\r\n"), "0.0 accepted CHUNK 250 last; ");
    rig_send(1, 2);
    (void)rig_said();
    (void)rig_hear("250 a\r\n");
    CHECK_STR(rig_said(), "RCPT TO:<r0@lab.test>\r\n");
    CHECK_STR(rig_hear("550 b\r\n"), "1.0 perm RCPT 550; ");
    CHECK_STR(rig_said(), "RCPT TO:<r1@lab.test>\r\n");
    CHECK_STR(rig_hear("450 b\r\n"), "1.1 temp RCPT 450 last; ");
    CHECK_STR(rig_said(), "RSET\r\n");
    CHECK_STR(rig_hear("250 ok\r\n"), "");
    CHECK(smtp_client_is_idle(rig.client));
    rig_close();
}

static void chunks_need_the_servers_word(void)
{
    up(SMTP_CHUNKS_PLAIN, 8, "250-mx\r\n250 PIPELINING\r\n");
    CHECK(!smtp_client_is_chunking(rig.client));
    rig_send(0, 1);
    CHECK_STR(rig_said(), "MAIL FROM:<joe@lab.test>\r\nRCPT TO:<r0@lab.test>\r\nDATA\r\n");
    rig_close();
    up(SMTP_CHUNKS_OFF, 8, CHUNKY);
    CHECK(!smtp_client_is_chunking(rig.client));
    rig_close();
}

static void begun_names_each_message_once_as_its_first_octet_leaves(void)
{
    uint64_t tag = 99;
    char names[128] = "";

    up(SMTP_CHUNKS_PLAIN, 4, CHUNKY);
    for (unsigned i = 0; i < 4; i++)
        rig_send(i, 1);
    size_t turn = 0;
    for (size_t n = 1; n > 0; turn += n) {
        n = strlen(rig_take(1));
        while (smtp_client_begun(rig.client, &tag)) {
            size_t end = strlen(names);

            (void)snprintf(names + end, sizeof names - end, "%u@%zu ", (unsigned)tag, turn);
        }
    }
    turn /= 4;
    char want[128];
    (void)snprintf(want, sizeof want, "0@0 1@%zu 2@%zu 3@%zu ", turn, 2 * turn, 3 * turn);
    CHECK_STR(names, want);
    rig_close();
}

/* --- refusals ------------------------------------------------------------------------------------------------------- */

static void after_a_refusal_the_next_mail_not_yet_queued_is_reset(void)
{
    up(SMTP_CHUNKS_PLAIN, 2, CHUNKY);
    rig_send(0, 1);
    rig_send(1, 1);
    (void)rig_said();
    CHECK_STR(rig_hear("250 a\r\n550 b\r\n554 c\r\n"), "0.0 perm RCPT 550 last; ");
    rig_send(2, 1);
    CHECK_STR(rig_said(), "RSET\r\n" TURN);
    CHECK_STR(rig_hear("250 a\r\n250 b\r\n452 c\r\n"), "1.0 temp CHUNK 452 last; ");
    rig_send(3, 1); /* what was refused stands before the RSET: none is needed */
    CHECK_STR(rig_said(), TURN);
    CHECK_STR(rig_hear("250 reset\r\n250 a\r\n250 b\r\n250 c\r\n"),
              "2.0 accepted CHUNK 250 last; ");
    CHECK_STR(rig_hear("451 a\r\n503 b\r\n503 c\r\n"), "3.0 temp MAIL 451 last; ");
    rig_send(4, 1);
    CHECK_STR(rig_said(), "RSET\r\n" TURN);
    rig_close();
}

static void where_it_is_wanted_every_mail_but_the_first_is_reset(void)
{
    up(SMTP_CHUNKS_RESET, 2, CHUNKY);
    rig_send(0, 1);
    rig_send(1, 1);
    CHECK_STR(rig_said(), TURN "RSET\r\n" TURN);
    CHECK_STR(rig_hear("250 a\r\n250 b\r\n554 c\r\n"), "0.0 perm CHUNK 554 last; ");
    CHECK_STR(rig_hear("250 reset\r\n250 a\r\n250 b\r\n250 c\r\n"),
              "1.0 accepted CHUNK 250 last; ");
    rig_send(2, 1);
    CHECK_STR(rig_said(), "RSET\r\n" TURN);
    CHECK_STR(rig_hear("250 reset\r\n503 no\r\n503 no\r\n503 no\r\n"), "2.0 perm MAIL 503 last; ");
    rig_close();
}

static void a_mail_refused_for_our_own_window_may_be_sent_again(void)
{
    up(SMTP_CHUNKS_PLAIN, 4, CHUNKY);
    for (unsigned tag = 0; tag < 4; tag++)
        rig_send(tag, 2);
    (void)rig_said();
    CHECK_STR(rig_hear("250 a\r\n550 b\r\n550 b\r\n554 c\r\n"),
              "0.0 perm RCPT 550; 0.1 perm RCPT 550 last; ");
    CHECK_STR(rig_hear("503 5.5.1 nested MAIL\r\n550 b\r\n250 b\r\n"), "");
    CHECK_STR(rig_hear("554 c\r\n"), "1.0 again CHUNK 554; 1.1 again CHUNK 554 last; ");
    /* the old transaction was still open, and now a chunk is taken: those who were taken have it */
    CHECK_STR(rig_hear("503 nested\r\n250 b\r\n550 5.1.1 b\r\n250 c\r\n"),
              "2.0 accepted CHUNK 250; 2.1 perm RCPT 550 5.1.1 last; ");
    /* which ended it: a 503 is the server's own again */
    CHECK_STR(rig_hear("503 no\r\n503 b\r\n503 b\r\n503 c\r\n"),
              "3.0 perm MAIL 503; 3.1 perm MAIL 503 last; ");
    rig_close();
}

static void only_a_503_behind_a_failed_transaction_is_our_windows_fault(void)
{
    up(SMTP_CHUNKS_PLAIN, 4, CHUNKY);
    for (unsigned tag = 0; tag < 4; tag++)
        rig_send(tag, 1);
    (void)rig_said();
    CHECK_STR(rig_hear("503 a\r\n503 b\r\n503 c\r\n"), "0.0 perm MAIL 503 last; ");
    CHECK_STR(rig_hear("451 a\r\n503 b\r\n503 c\r\n"), "1.0 temp MAIL 451 last; ");
    CHECK_STR(rig_hear("250 a\r\n250 b\r\n"), ""); /* MAIL is taken: nothing was open */
    CHECK_STR(rig_hear("250 c\r\n"), "2.0 accepted CHUNK 250 last; ");
    CHECK_STR(rig_hear("503 a\r\n503 b\r\n503 c\r\n"), "3.0 perm MAIL 503 last; ");
    rig_close();
}

static void a_chunk_accepted_although_all_were_refused_is_no_delivery(void)
{
    up(SMTP_CHUNKS_PLAIN, 2, CHUNKY);
    rig_send(0, 2);
    (void)rig_said();
    CHECK_STR(rig_hear("250 a\r\n550 b\r\n450 b\r\n250 thanks for nothing\r\n"),
              "0.0 perm RCPT 550; 0.1 temp RCPT 450 last; ");
    CHECK(smtp_client_is_idle(rig.client));
    rig_close();
}

static void some_recipients_refused_leave_the_others(void)
{
    up(SMTP_CHUNKS_PLAIN, 2, CHUNKY);
    rig_send(0, 3);
    (void)rig_said();
    CHECK_STR(rig_hear("250 a\r\n250 b\r\n550 b\r\n250 b\r\n452 4.2.2 full\r\n"),
              "0.1 perm RCPT 550; 0.0 temp CHUNK 452 4.2.2; 0.2 temp CHUNK 452 4.2.2 last; ");
    rig_close();
}

static void a_chunk_refused_before_it_is_over_goes_out_all_the_same(void)
{
    up(SMTP_CHUNKS_PLAIN, 2, CHUNKY);
    rig_send(0, 1);
    rig_send(1, 1);
    (void)rig_take(100); /* the line of BDAT, and some of the chunk */
    CHECK(smtp_client_state(rig.client) == SMTP_MAIL);
    CHECK_STR(rig_hear("250 a\r\n250 b\r\n552 too big\r\n"), "0.0 perm CHUNK 552 last; ");
    CHECK_STR(rig_hear(""), "");
    const char *rest = rig_said();
    CHECK(strlen(rest) > 400);
    CHECK_HAS(rest, "ignore\r\nMAIL FROM:<joe@lab.test>\r\n");
    CHECK_STR(rig_hear("250 a\r\n250 b\r\n250 c\r\n"), "1.0 accepted CHUNK 250 last; ");
    rig_close();
}

static void a_chunk_accepted_before_it_is_over_is_broken(void)
{
    up(SMTP_CHUNKS_PLAIN, 2, CHUNKY);
    rig_send(0, 1);
    (void)rig_take(100);
    CHECK_STR(rig_hear("250 a\r\n250 b\r\n250 c\r\n"), "broken; ");
    CHECK_STR(rig_lose(), "0.0 aborted BODY last; ");
    rig_close();
}

/* A server that refuses every chunk unread makes room for messages, but none for their octets. */
static void chunks_refused_unread_do_not_pile_up(void)
{
    unsigned taken = 0;

    up(SMTP_CHUNKS_PLAIN, 2, CHUNKY);
    while (taken < 1000 && smtp_client_can_take(rig.client)) {
        rig_send_sized(taken++, 1, 20000);
        if (taken == 1)
            (void)rig_take(80);
        CHECK(rig_hear("250 a\r\n250 b\r\n552 c\r\n") != NULL);
        if (strstr(rig.news, "broken"))
            break;
    }
    CHECK(taken < 10);
    rig_close();
}

/* --- the connection dies -------------------------------------------------------------------------------------------- */

static void of_a_window_each_message_says_how_far_it_came(void)
{
    up(SMTP_CHUNKS_PLAIN, 5, CHUNKY);
    for (unsigned tag = 0; tag < 5; tag++)
        rig_send(tag, 1);
    size_t all = strlen(rig_take(SIZE_MAX)), turn = all / 5;

    for (size_t cut = 0; cut <= all; cut += cut % turn == 1 || cut % turn == 0 ? 1 : turn - 2) {
        char want[256] = "";

        rig_close();
        up(SMTP_CHUNKS_PLAIN, 5, CHUNKY);
        for (unsigned tag = 0; tag < 5; tag++)
            rig_send(tag, 1);
        (void)rig_take(cut);
        for (size_t i = 0; i < 5; i++) {
            size_t n = strlen(want);

            (void)snprintf(want + n, sizeof want - n, "%zu.0 %s MAIL last; ", i,
                           cut >= (i + 1) * turn ? "doubt"
                           : cut > i * turn      ? "aborted"
                                                 : "untouched");
        }
        CHECK_STR(rig_lose(), want);
    }
    rig_close();
}

static void a_421_amid_a_window_refuses_what_it_answers(void)
{
    up(SMTP_CHUNKS_PLAIN, 4, CHUNKY);
    for (unsigned tag = 0; tag < 4; tag++)
        rig_send(tag, 1);
    size_t turn = strlen(rig_take(SIZE_MAX)) / 4;
    rig_close();
    up(SMTP_CHUNKS_PLAIN, 4, CHUNKY);
    for (unsigned tag = 0; tag < 4; tag++)
        rig_send(tag, 1);
    (void)rig_take(3 * turn + 5); /* of the last one only its beginning */
    CHECK_STR(rig_hear("250 a\r\n250 b\r\n250 c\r\n250 a\r\n421 4.3.2 bye\r\n"),
              "0.0 accepted CHUNK 250 last; 1.0 temp RCPT 421 4.3.2 last; closed; ");
    CHECK_STR(rig_lose(), "2.0 doubt MAIL last; 3.0 aborted MAIL last; ");
    rig_close();
}

static void what_may_be_sent_again_is_doubt_when_no_reply_comes(void)
{
    up(SMTP_CHUNKS_PLAIN, 2, CHUNKY);
    rig_send(0, 1);
    rig_send(1, 2);
    (void)rig_said();
    CHECK_STR(rig_hear("250 a\r\n550 b\r\n554 c\r\n503 nested\r\n550 b\r\n250 b\r\n"),
              "0.0 perm RCPT 550 last; ");
    CHECK_STR(rig_lose(), "1.0 perm RCPT 550; 1.1 doubt CHUNK last; ");
    rig_close();
}

/* The 503s that our own window brought about are no verdicts, whatever ends the connection. */
static void what_our_window_had_refused_is_not_refused_by_a_good_bye_or_an_end(void)
{
    static const char refused[] = "250 a\r\n250 b\r\n554 c\r\n503 nested\r\n503 b\r\n";

    up(SMTP_CHUNKS_PLAIN, 2, CHUNKY);
    rig_send(0, 1);
    rig_send(1, 2);
    size_t all = strlen(rig_take(SIZE_MAX));
    for (int how = 0; how < 3; how++) {
        rig_close();
        up(SMTP_CHUNKS_PLAIN, 2, CHUNKY);
        rig_send(0, 1);
        rig_send(1, 2);
        (void)rig_take(how == 1 ? all - 1 : all);
        CHECK_STR(rig_hear(refused), "0.0 perm CHUNK 554 last; ");
        if (how == 0) /* too many errors */
            CHECK_STR(rig_hear("421 4.7.0 bye\r\n"),
                      "1.0 again RCPT 421 4.7.0; 1.1 again RCPT 421 4.7.0 last; closed; ");
        else if (how == 1) /* its last octet has not left */
            CHECK_STR(rig_lose(), "1.0 again RCPT; 1.1 again RCPT last; ");
        if (how < 2)
            continue;
        CHECK_STR(rig_hear("503 b\r\n"), ""); /* nobody was taken: nor can the text be */
        CHECK_STR(rig_lose(), "1.0 again CHUNK; 1.1 again CHUNK last; ");
    }
    rig_close();
}

static void nothing_is_taken_after_goodbye(void)
{
    up(SMTP_CHUNKS_PLAIN, 8, CHUNKY);
    smtp_client_quit(rig.client);
    CHECK(!smtp_client_can_take(rig.client));
    CHECK_STR(rig_said(), "QUIT\r\n");
    CHECK_STR(rig_hear("221 bye\r\n"), "closed; ");
    rig_close();
}

static void a_new_connection_begins_with_a_clean_window(void)
{
    up(SMTP_CHUNKS_PLAIN, 4, CHUNKY);
    for (unsigned tag = 0; tag < 4; tag++)
        rig_send(tag, 1);
    (void)rig_take(1000);
    CHECK_STR(rig_hear("250 a\r\n550 b\r\n"), "0.0 perm RCPT 550 last; ");
    (void)rig_lose();
    smtp_client_begin(rig.client);
    (void)rig_hear("220 mx\r\n");
    CHECK_STR(rig_said(), "EHLO postmuster.test\r\n");
    CHECK_STR(rig_hear(CHUNKY), "up; ");
    for (unsigned tag = 0; tag < 4; tag++)
        rig_send(tag, 1);
    CHECK_STR(rig_said(), TURN TURN TURN TURN);
    rig_close();
}

/* --- LMTP ------------------------------------------------------------------------------------------------------------ */

static void lmtp_says_lhlo_and_never_helo(void)
{
    rig.config.lmtp = true;
    rig_open(true);
    (void)rig_hear("220 x\r\n");
    CHECK_STR(rig_said(), "LHLO postmuster.test\r\n");
    CHECK_STR(rig_hear("500 what?\r\n"), "denied; ");
    CHECK_STR(rig_said(), "");
    rig_close();
}

static void lmtp_answers_once_for_every_recipient_that_was_taken(void)
{
    lmtp_up(LMTP);
    rig_send(0, 4);
    (void)rig_said();
    CHECK_STR(rig_hear("250 a\r\n250 b\r\n550 b\r\n250 b\r\n250 b\r\n354 go\r\n"),
              "0.1 perm RCPT 550; ");
    CHECK_STR(rig_said(), "<text>.\r\n");
    CHECK_STR(rig_hear("250 2.0.0 r0\r\n452 4.2.2 r2\r\n"),
              "0.0 accepted DOT 250 2.0.0; 0.2 temp DOT 452 4.2.2; ");
    CHECK(!smtp_client_is_idle(rig.client));
    CHECK_STR(rig_hear("250 r3\r\n"), "0.3 accepted DOT 250 last; ");
    CHECK(smtp_client_is_idle(rig.client));
    CHECK_STR(rig_hear("250 one too many\r\n"), "broken; ");
    rig_close();
}

static void lmtp_loses_only_what_was_not_answered(void)
{
    lmtp_up(LMTP);
    rig_send(0, 3);
    (void)rig_said();
    (void)rig_hear("250 a\r\n250 b\r\n250 b\r\n250 b\r\n354 go\r\n");
    (void)rig_said();
    CHECK_STR(rig_hear("250 r0\r\n550 r1\r\n25"), "0.0 accepted DOT 250; 0.1 perm DOT 550; ");
    CHECK_STR(rig_lose(), "0.2 doubt DOT last; ");
    rig_close();
}

static void lmtp_must_not_ask_for_a_text_for_nobody(void)
{
    lmtp_up(LMTP);
    rig_send(0, 1);
    (void)rig_said();
    CHECK_STR(rig_hear("250 a\r\n550 b\r\n354 go\r\n"), "0.0 perm RCPT 550 last; broken; ");
    rig_close();
    lmtp_up(LMTP);
    rig_send(0, 1);
    (void)rig_said();
    CHECK_STR(rig_hear("250 a\r\n550 b\r\n503 nobody\r\n"), "0.0 perm RCPT 550 last; ");
    CHECK_STR(rig_said(), "RSET\r\n");
    rig_close();
}

static void lmtp_speaks_chunks_too(void)
{
    rig.config.lmtp = true;
    up(SMTP_CHUNKS_PLAIN, 3, CHUNKY);
    rig_send(0, 2);
    rig_send(1, 2);
    rig_send(2, 2);
    (void)rig_said();
    CHECK_STR(rig_hear("250 a\r\n250 b\r\n250 b\r\n250 r0\r\n550 r1\r\n"),
              "0.0 accepted CHUNK 250; 0.1 perm CHUNK 550 last; ");
    CHECK_STR(rig_hear("250 a\r\n550 b\r\n450 b\r\n554 nobody\r\n"),
              "1.0 perm RCPT 550; 1.1 temp RCPT 450 last; ");
    CHECK_STR(rig_hear("503 nested\r\n250 b\r\n250 b\r\n554 r0\r\n"), "");
    CHECK_STR(rig_hear("554 r1\r\n"), "2.0 again CHUNK 554; 2.1 again CHUNK 554 last; ");
    rig_send(3, 2);
    CHECK_HAS(rig_said(), "RSET\r\nMAIL FROM");
    CHECK_STR(rig_hear("250 reset\r\n250 a\r\n250 b\r\n250 b\r\n"), "");
    CHECK_STR(rig_hear("250 r0\r\n250 r1\r\n"),
              "3.0 accepted CHUNK 250; 3.1 accepted CHUNK 250 last; ");
    CHECK(smtp_client_is_idle(rig.client));
    rig_close();
}

static void lmtp_421_to_one_recipient_says_nothing_about_the_others(void)
{
    lmtp_up(LMTP);
    rig_send(0, 3);
    (void)rig_said();
    (void)rig_hear("250 a\r\n250 b\r\n250 b\r\n250 b\r\n354 go\r\n");
    (void)rig_said();
    CHECK_STR(rig_hear("250 r0\r\n421 4.3.2 r1\r\n250 r2\r\n"),
              "0.0 accepted DOT 250; 0.1 temp DOT 421 4.3.2; 0.2 accepted DOT 250 last; ");
    rig_close();
}

static const struct test tests[] = {
    TEST(a_window_of_messages_goes_out_in_one_piece),
    TEST(the_text_of_a_chunk_is_raw_and_whole),
    TEST(large_bodies_go_by_reference),
    TEST(output_in_any_pieces_is_the_same),
    TEST(messages_sent_while_others_leave_change_nothing),
    TEST(lockstep_with_chunks_says_one_thing_at_a_time),
    TEST(chunks_need_the_servers_word),
    TEST(begun_names_each_message_once_as_its_first_octet_leaves),
    TEST(after_a_refusal_the_next_mail_not_yet_queued_is_reset),
    TEST(where_it_is_wanted_every_mail_but_the_first_is_reset),
    TEST(a_mail_refused_for_our_own_window_may_be_sent_again),
    TEST(only_a_503_behind_a_failed_transaction_is_our_windows_fault),
    TEST(a_chunk_accepted_although_all_were_refused_is_no_delivery),
    TEST(some_recipients_refused_leave_the_others),
    TEST(a_chunk_refused_before_it_is_over_goes_out_all_the_same),
    TEST(a_chunk_accepted_before_it_is_over_is_broken),
    TEST(chunks_refused_unread_do_not_pile_up),
    TEST(of_a_window_each_message_says_how_far_it_came),
    TEST(a_421_amid_a_window_refuses_what_it_answers),
    TEST(what_may_be_sent_again_is_doubt_when_no_reply_comes),
    TEST(what_our_window_had_refused_is_not_refused_by_a_good_bye_or_an_end),
    TEST(nothing_is_taken_after_goodbye),
    TEST(a_new_connection_begins_with_a_clean_window),
    TEST(lmtp_says_lhlo_and_never_helo),
    TEST(lmtp_answers_once_for_every_recipient_that_was_taken),
    TEST(lmtp_loses_only_what_was_not_answered),
    TEST(lmtp_must_not_ask_for_a_text_for_nobody),
    TEST(lmtp_speaks_chunks_too),
    TEST(lmtp_421_to_one_recipient_says_nothing_about_the_others),
    TEST_END,
};

const struct suite smtp_client_chunks_suite = {"smtp_client_chunks", tests};
