/* test_smtp_listener.c - mail that the site brings us over SMTP and LMTP: whose it is, for whom, and what is none of ours. */
#include <stdio.h>
#include <string.h>

#include "probes/smtp_listener.h"
#include "tests/probes/p1_rig.h"
#include "tests/probes/smtp_man.h"
#include "tests/support/check.h"

#define TAKEN "250 2.0.0 message taken\r\n"

struct scene {
    struct p1_rig r; /* with a door for X.400, too */
    struct smtp_listener *l;
    struct smtp_man man;
};

static void open_scene(struct scene *s)
{
    struct err e = {0};

    memset(s, 0, sizeof *s);
    p1_rig_open(&s->r);
    s->r.g->r->profile.listen =
        (struct listen_profile){.smtp = "127.0.0.9:25", .lmtp = "127.0.0.9:24", .name = "us.test"};
    s->l = smtp_listener_create(s->r.g->r->loop, &s->r.g->r->clock, &s->r.g->r->profile, &e);
    CHECK_STR(e.text, "");
}

static void call(struct scene *s, bool lmtp)
{
    const struct net_addr at = smtp_listener_addr(s->l, lmtp);

    man_call(&s->man, s->r.g->r->loop, &at);
    man_say(&s->man, lmtp ? "LHLO s1\r\n" : "EHLO s1\r\n");
    rig_wait(s->r.g, 100);
    (void)man_heard(&s->man);
}

static void begin(struct scene *s)
{
    open_scene(s);
    smtp_listener_begin(s->l, &s->r.g->c);
    call(s, false);
}

static void end(struct scene *s)
{
    man_go(&s->man);
    smtp_listener_end(s->l);
    smtp_listener_destroy(s->l);
    p1_rig_close(&s->r);
}

/* What is said to its last line; from: NULL, the null sender. */
static const char *send_octets(struct scene *s, const char *from, const char *to,
                               struct slice octets)
{
    char words[500];
    static char last[2000];

    (void)snprintf(words, sizeof words, "MAIL FROM:<%s>\r\n", from ? from : "");
    man_say(&s->man, words);
    for (struct slice rest = slice_of(to), one; rest.n > 0;) {
        (void)slice_cut(&rest, ' ', &one);
        (void)snprintf(words, sizeof words, "RCPT TO:<%.*s>\r\n", (int)one.n, (const char *)one.p);
        man_say(&s->man, words);
    }
    man_say(&s->man, "DATA\r\n");
    rig_wait(s->r.g, 200);
    (void)snprintf(last, sizeof last, "%s", man_heard(&s->man));
    if (!strstr(last, "354 "))
        return last;
    man_say_octets(&s->man, octets); /* ours have no line that begins with a dot */
    man_say(&s->man, ".\r\nNOOP\r\n");
    rig_wait(s->r.g, 500);
    size_t n = strlen(last);
    (void)snprintf(last + n, sizeof last - n, "%s", man_heard(&s->man));
    return last;
}

static const char *send_number(struct scene *s, uint64_t number, const char *to)
{
    return send_octets(s, "joe-1@lab.test", to, rig_mail(s->r.g, number));
}

static void check_seen(struct scene *s, uint64_t number, uint32_t mailbox, uint32_t code)
{
    struct event ev = {0};

    CHECK_U64(p1_rig_news(&s->r, EV_SEEN, &ev), 1);
    CHECK_U64(ev.slot, number * 4);
    CHECK_U64(ev.place, OURS);
    CHECK_U64(ev.a, mailbox);
    CHECK_U64(ev.b, 1);
    CHECK_U64(ev.code, code);
}

static void a_copy_is_seen_in_each_mailbox_it_is_for(void)
{
    struct scene s;

    begin(&s);
    CHECK_HAS(send_number(&s, TO_FRED + 5, "fred-1@ours.test FRED-2@Ours.Test"), TAKEN);
    const char *seen = fake_run_events(s.r.g->r, EV_SEEN);

    CHECK_HAS(seen, "place=3 code=1 a=6 b=1 slot=4020\n");
    CHECK_HAS(seen, "place=3 code=1 a=7 b=1 slot=4020\n");
    CHECK_U64(p1_rig_news(&s.r, EV_SEEN, NULL), 2);
    CHECK_U64(fake_run_count(s.r.g->r, EV_FINDING), 0);
    CHECK_U64(smtp_listener_counts(s.l)->messages, 1);
    CHECK_U64(smtp_listener_counts(s.l)->copies, 2);
    end(&s);
}

static void lmtp_is_answered_for_each_recipient(void)
{
    struct scene s;

    open_scene(&s);
    smtp_listener_begin(s.l, &s.r.g->c);
    call(&s, true);
    CHECK_HAS(send_number(&s, TO_FRED, "fred-1@ours.test nobody@ours.test fred-2@ours.test"),
              "550 5.1.1 nobody of that name lives here\r\n250 2.1.5 recipient taken\r\n"
              "354 end with a dot on a line of its own\r\n" TAKEN TAKEN "250 2.0.0 fine");
    CHECK_U64(p1_rig_news(&s.r, EV_SEEN, NULL), 2);
    CHECK_U64(smtp_listener_counts(s.l)->strangers, 1);
    end(&s);
}

/* The 250 was lost, the MTA sends it again: SMTP's duplicate, whichever door it comes by. */
static void what_comes_again_is_another_copy_by_any_door(void)
{
    struct scene s;

    begin(&s);
    p1_rig_begin(&s.r);
    (void)send_number(&s, TO_FRED + 1, "fred-1@ours.test");
    check_seen(&s, TO_FRED + 1, FRED_1, 1);
    (void)send_number(&s, TO_FRED + 1, "fred-1@ours.test");
    check_seen(&s, TO_FRED + 1, FRED_1, 2);
    struct p1_message *m = p1_rig_message(&s.r, TO_FRED + 1, X400_1988);

    m->recipient_count = 1;
    m->recipients[0].name = p1_rig_mailbox(&s.r, FRED_1);
    p1_rig_take(&s.r, m);
    check_seen(&s, TO_FRED + 1, FRED_1, 3);
    end(&s);
}

static void two_recipients_in_one_mailbox_are_one_copy(void)
{
    struct scene s;

    begin(&s);
    CHECK_HAS(send_number(&s, TO_FRED, "fred-1@ours.test fred-1+tag@ours.test"), TAKEN);
    check_seen(&s, TO_FRED, FRED_1, 1);
    end(&s);
}

static void a_text_that_was_changed_is_corrupt(void)
{
    struct scene s;
    struct buf mail;

    begin(&s);
    struct slice whole = rig_mail(s.r.g, TO_FRED + 2);

    buf_init(&mail, 1u << 20);
    CHECK(buf_add(&mail, whole.p, whole.n));
    mail.p[mail.n - 20] ^= 1;
    CHECK_HAS(send_octets(&s, "joe-1@lab.test", "fred-1@ours.test", buf_slice(&mail)), TAKEN);
    check_seen(&s, TO_FRED + 2, FRED_1, 1 | SEEN_CORRUPT);
    buf_fini(&mail);
    end(&s);
}

static void strangers_are_refused_and_the_sites_own_are_seen_where_they_should_not_be(void)
{
    struct scene s;

    begin(&s);
    CHECK_HAS(send_number(&s, TO_FRED, "nobody@ours.test"),
              "550 5.1.1 nobody of that name lives here\r\n554 5.5.1 nobody to send it to\r\n");
    CHECK_U64(p1_rig_news(&s.r, EV_FINDING, NULL), 0);
    man_say(&s.man, "RSET\r\n");
    CHECK_HAS(send_number(&s, 7, "joanne-2@lab.test"), TAKEN);
    check_seen(&s, 7, 1, 1);
    end(&s);
}

static void with_any_a_stranger_is_taken_and_found_foreign(void)
{
    struct scene s;
    struct event ev = {0};

    begin(&s);
    s.r.g->r->profile.listen.any = true;
    CHECK_HAS(send_number(&s, TO_FRED, "nobody@elsewhere.test"), TAKEN);
    CHECK_U64(p1_rig_news(&s.r, EV_SEEN, NULL), 0);
    CHECK_U64(p1_rig_news(&s.r, EV_FINDING, &ev), 1);
    CHECK_U64(ev.code, FIND_FOREIGN);
    CHECK_U64(ev.a, NO_INDEX);
    end(&s);
}

static void what_is_not_of_this_run_is_found_once(void)
{
    struct scene s;
    struct event ev = {0};

    begin(&s);
    for (int i = 0; i < 2; i++)
        CHECK_HAS(send_octets(&s, "x@y.test", "fred-1@ours.test",
                              slice_of("Subject: lunch?\r\n\r\nhi\r\n")),
                  TAKEN);
    CHECK_U64(p1_rig_news(&s.r, EV_FINDING, &ev), 1);
    CHECK_U64(ev.code, FIND_FOREIGN);
    CHECK_U64(ev.a, FRED_1);
    CHECK_U64(smtp_listener_counts(s.l)->foreign, 2);
    CHECK_HAS(
        send_octets(&s, NULL, "postmaster", slice_of("Subject: double bounce\r\n\r\nsorry\r\n")),
        TAKEN);
    CHECK_U64(p1_rig_news(&s.r, EV_FINDING, &ev), 1);
    CHECK_U64(ev.a, NO_INDEX);
    CHECK_U64(p1_rig_news(&s.r, EV_SEEN, NULL), 0);
    end(&s);
}

static const char *report(struct scene *s, uint64_t number, const char *about)
{
    static char mail[2000];
    char token[40];

    (void)snprintf(mail, sizeof mail,
                   "From: MAILER-DAEMON@s1\r\nContent-Type: multipart/report; boundary=b\r\n\r\n"
                   "--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; s1\r\n"
                   "Original-Envelope-Id: %s\r\n\r\nFinal-Recipient: rfc822;%s\r\n"
                   "Action: failed\r\nStatus: 5.1.1\r\n\r\n--b--\r\n",
                   rig_token(s->r.g, number, token), about);
    return mail;
}

static void a_report_from_nobody_belongs_to_its_slot(void)
{
    struct scene s;
    struct event ev = {0};

    begin(&s);
    uint32_t from = workload_message(&s.r.g->r->work, 3).from;
    const char *to = from == FRED_1 ? "fred-1@ours.test" : "fred-2@ours.test";

    CHECK_HAS(send_octets(&s, NULL, to, slice_of(report(&s, 3, "joanne-1@lab.test"))), TAKEN);
    CHECK_U64(p1_rig_news(&s.r, EV_REPORT, &ev), 1);
    CHECK_U64(ev.slot, 12);
    CHECK_U64(ev.a, 0);
    CHECK_U64(ev.place, OURS);
    CHECK_U64(ev.code & 7, REPORT_FAILED);
    CHECK(ev.code & REPORT_TO_ORIGINATOR);
    CHECK_U64(smtp_listener_counts(s.l)->reports, 1);
    CHECK_U64(p1_rig_news(&s.r, EV_FINDING, NULL), 0);
    CHECK_HAS(send_octets(&s, NULL, "joe-1@lab.test", slice_of(report(&s, 4, "joanne-1@lab.test"))),
              TAKEN);
    CHECK_U64(p1_rig_news(&s.r, EV_REPORT, &ev), 1);
    CHECK(!(ev.code & REPORT_TO_ORIGINATOR));
    end(&s);
}

/* qmail and others return nothing but the text that they were given: the return path that the report came to names the message. */
static void the_recipient_of_a_report_may_name_its_message(void)
{
    struct scene s;
    struct event ev = {0};
    char to[100], token[40];

    begin(&s);
    (void)snprintf(to, sizeof to, "fred-1+%s@ours.test", rig_token(s.r.g, 8, token));
    CHECK_HAS(send_octets(&s, NULL, to,
                          slice_of("From: MAILER-DAEMON@s1\r\nSubject: failure notice\r\n\r\n"
                                   "Hi. This is the qmail-send program at s1.\r\n"
                                   "I'm afraid I wasn't able to deliver your message to the "
                                   "following addresses.\r\nThis is a permanent error; I've given "
                                   "up. Sorry it didn't work out.\r\n\r\n"
                                   "<joanne-2@lab.test>:\r\nno mailbox here by that name. "
                                   "(#5.1.1)\r\n")),
              TAKEN);
    CHECK_U64(p1_rig_news(&s.r, EV_REPORT, &ev), 1);
    CHECK_U64(ev.slot, 32);
    CHECK_U64(ev.a, 1);
    end(&s);
}

static void before_the_run_and_after_it_mail_is_not_taken_for_now(void)
{
    struct scene s;

    open_scene(&s);
    call(&s, false);
    CHECK_HAS(send_number(&s, TO_FRED, "fred-1@ours.test"), "451 4.3.2 not ready yet\r\n");
    man_say(&s.man, "RSET\r\n");
    smtp_listener_begin(s.l, &s.r.g->c);
    CHECK_HAS(send_number(&s, TO_FRED, "fred-1@ours.test"), TAKEN);
    check_seen(&s, TO_FRED, FRED_1, 1);
    struct slice mail = rig_mail(s.r.g, TO_FRED);

    man_say(&s.man, "MAIL FROM:<a@x>\r\nRCPT TO:<fred-1@ours.test>\r\nDATA\r\n");
    rig_wait(s.r.g, 100);
    smtp_listener_end(s.l); /* with a message under way */
    (void)man_heard(&s.man);
    man_say_octets(&s.man, mail);
    man_say(&s.man, ".\r\n");
    rig_wait(s.r.g, 300);
    CHECK_STR(man_heard(&s.man), "451 4.3.2 not ready yet\r\n");
    CHECK_U64(p1_rig_news(&s.r, EV_SEEN, NULL), 0);
    CHECK_U64(smtp_listener_counts(s.l)->refused, 1);
    end(&s);
}

static void a_message_that_was_broken_off_is_told_and_not_counted(void)
{
    struct scene s;
    struct event ev = {0};

    begin(&s);
    man_say(&s.man, "MAIL FROM:<a@x>\r\nRCPT TO:<fred-1@ours.test>\r\nDATA\r\n");
    man_say_octets(&s.man, rig_mail(s.r.g, TO_FRED));
    rig_wait(s.r.g, 300);
    man_go(&s.man);
    rig_wait(s.r.g, 300);
    CHECK_U64(p1_rig_news(&s.r, EV_SEEN, NULL), 0);
    CHECK_U64(p1_rig_news(&s.r, EV_FINDING, &ev), 1);
    CHECK_U64(ev.code, FIND_PROTOCOL);
    CHECK_U64(smtp_listener_counts(s.l)->trouble, 1);
    CHECK_HAS(smtp_listener_counts(s.l)->why, "broken off, with a message under way");
    end(&s);
}

static void doors_are_opened_as_asked_and_a_bad_one_says_which(void)
{
    struct scene s;
    struct err e = {0};

    begin(&s);
    CHECK_U64(smtp_listener_addr(s.l, true).port, 24);
    CHECK_U64(smtp_listener_addr(s.l, false).port, 25);
    CHECK(!smtp_listener_create(s.r.g->r->loop, &s.r.g->r->clock, &s.r.g->r->profile, &e));
    CHECK_HAS(e.text, "listen.smtp: ");
    s.r.g->r->profile.listen = (struct listen_profile){.lmtp = "127.0.0.10:24", .name = "us"};
    struct smtp_listener *other =
        smtp_listener_create(s.r.g->r->loop, &s.r.g->r->clock, &s.r.g->r->profile, &e);

    if (CHECK(other))
        CHECK_U64(smtp_listener_addr(other, false).family, 0);
    smtp_listener_destroy(other);
    end(&s);
}

static const struct test tests[] = {
    TEST(a_copy_is_seen_in_each_mailbox_it_is_for),
    TEST(lmtp_is_answered_for_each_recipient),
    TEST(what_comes_again_is_another_copy_by_any_door),
    TEST(two_recipients_in_one_mailbox_are_one_copy),
    TEST(a_text_that_was_changed_is_corrupt),
    TEST(strangers_are_refused_and_the_sites_own_are_seen_where_they_should_not_be),
    TEST(with_any_a_stranger_is_taken_and_found_foreign),
    TEST(what_is_not_of_this_run_is_found_once),
    TEST(a_report_from_nobody_belongs_to_its_slot),
    TEST(the_recipient_of_a_report_may_name_its_message),
    TEST(before_the_run_and_after_it_mail_is_not_taken_for_now),
    TEST(a_message_that_was_broken_off_is_told_and_not_counted),
    TEST(doors_are_opened_as_asked_and_a_bad_one_says_which),
    TEST_END,
};

const struct suite smtp_listener_suite = {"smtp_listener", tests};
