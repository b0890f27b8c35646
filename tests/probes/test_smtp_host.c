/* test_smtp_host.c - callers of SMTP on a simulated network: crowds, the silent, those who do not listen, and what all hold. */
#include <string.h>

#include "tests/probes/smtp_street.h"
#include "tests/support/check.h"

struct world {
    struct smtp_street street;
    const char *door, *answer; /* what is said to callers, and to messages; NULL: yes */
    unsigned messages, troubles;
    size_t octets;
    uint64_t caller;
    char words[200];
};

static const char *on_called(void *owner, struct smtp_caller *from)
{
    struct world *w = owner;

    w->caller = smtp_caller_number(from);
    return w->door;
}

static const char *on_recipient(void *owner, struct smtp_caller *from, struct slice address)
{
    (void)owner;
    (void)from;
    return slice_starts(address, "no") ? "550 5.1.1 nobody" : NULL;
}

static void on_message(void *owner, struct smtp_caller *from, const char **answers)
{
    struct world *w = owner;

    w->messages++;
    w->octets = smtp_server_content(smtp_caller_talk(from)).n;
    answers[0] = w->answer;
}

static void on_trouble(void *owner, const struct net_addr *peer, const char *words)
{
    struct world *w = owner;

    w->troubles += peer->family == 4;
    (void)strncpy(w->words, words, sizeof w->words - 1);
}

static void begin(struct world *w)
{
    w->street.c.called = on_called;
    w->street.c.recipient = on_recipient;
    w->street.c.message = on_message;
    w->street.c.trouble = on_trouble;
    street_open(&w->street, w);
}

#define HELLO "EHLO me\r\nMAIL FROM:<a@x>\r\nRCPT TO:<b@y>\r\nDATA\r\n"

static void messages_are_asked_about_and_counted(void)
{
    static struct world w;

    memset(&w, 0, sizeof w);
    begin(&w);
    street_call(&w.street, 0);
    CHECK_STR(man_heard(&w.street.men[0]), "220 us.test ESMTP ready\r\n");
    man_say(&w.street.men[0], HELLO "hello\r\n.\r\nMAIL FROM:<a@x>\r\nRCPT TO:<b@y>\r\nDATA\r\n");
    street_wait_ms(&w.street, 200);
    CHECK_U64(w.messages, 1);
    CHECK_U64(w.octets, 7);
    CHECK_U64(w.caller, 1);
    w.answer = "451 4.3.0 later";
    man_say(&w.street.men[0], "hello\r\n.\r\nQUIT\r\n");
    street_wait_ms(&w.street, 200);
    CHECK_HAS(man_heard(&w.street.men[0]), "451 4.3.0 later\r\n221 2.0.0 good-bye\r\n");
    CHECK(w.street.men[0].lost);
    CHECK_U64(smtp_host_counts(w.street.host)->messages, 2);
    CHECK_U64(smtp_host_counts(w.street.host)->taken, 1);
    CHECK_U64(smtp_host_counts(w.street.host)->octets, 14);
    CHECK_U64(smtp_host_counts(w.street.host)->broken, 0);
    CHECK_U64(w.troubles, 0);
    street_close(&w.street);
}

static void who_is_too_many_hears_that_we_are_busy(void)
{
    static struct world w;

    memset(&w, 0, sizeof w);
    w.street.c.connections = 2;
    begin(&w);
    for (unsigned i = 0; i < 3; i++)
        street_call(&w.street, i);
    CHECK_HAS(man_heard(&w.street.men[1]), "220 ");
    CHECK_STR(man_heard(&w.street.men[2]), "421 4.3.2 too many connections\r\n");
    CHECK(w.street.men[2].lost);
    CHECK_U64(smtp_host_counts(w.street.host)->refused, 1);
    man_go(&w.street.men[0]);
    street_wait_ms(&w.street, 100);
    street_call(&w.street, 3);
    CHECK_HAS(man_heard(&w.street.men[3]), "220 ");
    w.door = "554 5.7.1 not you";
    man_go(&w.street.men[1]);
    street_wait_ms(&w.street, 100);
    street_call(&w.street, 4);
    CHECK_STR(man_heard(&w.street.men[4]), "554 5.7.1 not you\r\n");
    CHECK_STR(w.words, "554 5.7.1 not you");
    street_close(&w.street);
}

static void the_silent_are_sent_away_after_five_minutes(void)
{
    static struct world w;

    memset(&w, 0, sizeof w);
    begin(&w);
    street_call(&w.street, 0);
    man_say(&w.street.men[0], HELLO "half");
    street_wait_ms(&w.street, 200000);
    man_say(&w.street.men[0], " a message");
    street_wait_ms(&w.street, 200000);
    CHECK(!w.street.men[0].lost);
    (void)man_heard(&w.street.men[0]);
    street_wait_ms(&w.street, 101000);
    CHECK_STR(man_heard(&w.street.men[0]), "421 4.4.2 nothing came for too long\r\n");
    CHECK(w.street.men[0].lost);
    CHECK_STR(w.words, "nothing came for too long, with a message under way");
    CHECK_U64(smtp_host_counts(w.street.host)->broken, 1);
    CHECK_U64(w.messages, 0);
    street_close(&w.street);
}

/* He does not hear either that he was silent for too long. */
static void who_is_silent_and_deaf_in_a_message_is_broken_off_once(void)
{
    static struct world w;

    memset(&w, 0, sizeof w);
    w.street.window = 20; /* less than our last words */
    begin(&w);
    street_call(&w.street, 0);
    man_say(&w.street.men[0], HELLO "half");
    street_wait_ms(&w.street, 5000);
    CHECK_HAS(man_heard(&w.street.men[0]), "\r\n354 ");
    man_deafen(&w.street.men[0]);
    street_wait_ms(&w.street, 310000);
    CHECK_U64(smtp_host_counts(w.street.host)->broken, 1);
    street_wait_ms(&w.street, 310000);
    CHECK_U64(smtp_host_counts(w.street.host)->broken, 1);
    CHECK_U64(w.troubles, 1);
    street_close(&w.street);
}

/* Replies wait, and nothing more is read from him. */
static void who_does_not_listen_is_not_listened_to(void)
{
    static struct world w;

    memset(&w, 0, sizeof w);
    begin(&w);
    street_call(&w.street, 0);
    man_deafen(&w.street.men[0]);
    for (unsigned i = 0; i < 20000; i++)
        man_say(&w.street.men[0],
                "VRFY everybody who is anybody, and those who are nobody as well, "
                "or half of them\r\n");
    street_wait_ms(&w.street, 5000);
    CHECK(w.street.men[0].to_say.n > 100000); /* much of it was never taken */
    street_wait_ms(&w.street, 310000);
    CHECK_U64(w.troubles, 1);
    CHECK_STR(w.words, "nothing came for too long");
    street_close(&w.street);
}

static void what_all_hold_together_is_bounded(void)
{
    static struct world w;
    static char text[60000];

    memset(&w, 0, sizeof w);
    memset(text, 'x', sizeof text);
    w.street.c.held_max = 300000;
    begin(&w);
    for (unsigned i = 0; i < STREET_MEN; i++) {
        street_call(&w.street, i);
        man_say(&w.street.men[i], HELLO);
        man_say_octets(&w.street.men[i], slice_from(text, sizeof text));
        street_wait_ms(&w.street, 500);
    }
    for (unsigned i = 0; i < STREET_MEN; i++) {
        (void)man_heard(&w.street.men[i]);
        man_say(&w.street.men[i], "\r\n.\r\n");
    }
    street_wait_ms(&w.street, 1000);
    unsigned taken = 0, refused = 0;

    for (unsigned i = 0; i < STREET_MEN; i++) {
        const char *heard = man_heard(&w.street.men[i]);

        taken += strcmp(heard, "250 2.0.0 message taken\r\n") == 0;
        refused += strcmp(heard, "452 4.3.1 no room for it now\r\n") == 0;
    }
    CHECK_U64(taken + refused, STREET_MEN);
    CHECK_BETWEEN(taken, 3, 5);
    CHECK_U64(w.messages, taken);
    man_say(&w.street.men[STREET_MEN - 1],
            "MAIL FROM:<a@x>\r\nRCPT TO:<b@y>\r\nDATA\r\nok\r\n.\r\n");
    street_wait_ms(&w.street, 500);
    CHECK_HAS(man_heard(&w.street.men[STREET_MEN - 1]), "250 2.0.0 message taken\r\n");
    street_close(&w.street);
}

static void who_speaks_no_smtp_is_told_once_and_sent_away(void)
{
    static struct world w;

    memset(&w, 0, sizeof w);
    begin(&w);
    street_call(&w.street, 0);
    man_say(&w.street.men[0], "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    street_wait_ms(&w.street, 200);
    CHECK_U64(w.troubles, 1);
    CHECK_STR(w.words, "500 5.5.2 this command is not understood");
    for (unsigned i = 0; i < 30; i++)
        man_say(&w.street.men[0], "X\r\n");
    street_wait_ms(&w.street, 200);
    CHECK(w.street.men[0].lost);
    CHECK_HAS(man_heard(&w.street.men[0]), "421 4.7.0 too many errors\r\n");
    CHECK_U64(smtp_host_counts(w.street.host)->messages, 0);
    street_close(&w.street);
}

static const struct test tests[] = {
    TEST(messages_are_asked_about_and_counted),
    TEST(who_is_too_many_hears_that_we_are_busy),
    TEST(the_silent_are_sent_away_after_five_minutes),
    TEST(who_is_silent_and_deaf_in_a_message_is_broken_off_once),
    TEST(who_does_not_listen_is_not_listened_to),
    TEST(what_all_hold_together_is_bounded),
    TEST(who_speaks_no_smtp_is_told_once_and_sent_away),
    TEST_END,
};

const struct suite smtp_host_suite = {"smtp_host", tests};
