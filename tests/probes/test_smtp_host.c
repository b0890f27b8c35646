/* test_smtp_host.c - callers of SMTP on a simulated network: crowds, the silent, those who do not listen, and what all hold. */
#include <string.h>

#include "base/loop_sim.h"
#include "probes/smtp_host.h"
#include "tests/probes/smtp_man.h"
#include "tests/support/check.h"

#define MEN 20u

struct world {
    struct loop *loop;
    struct smtp_host_config c;
    struct smtp_host *host;
    struct smtp_man men[MEN];
    struct timer tick;
    const char *door, *answer; /* what is said to callers, and to messages; NULL: yes */
    unsigned messages, troubles;
    size_t octets, window; /* window: of the network; 0: as it is */
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

static void tick_fires(struct timer *t)
{
    struct world *w = t->owner;

    loop_stop(w->loop);
}

static void wait_ms(struct world *w, uint64_t ms)
{
    timer_arm(w->loop, &w->tick, loop_now(w->loop) + ms * NS_PER_MS);
    loop_run(w->loop);
}

static void begin(struct world *w)
{
    const struct sim_config sim = {.seed = 11, .window = w->window};
    const struct net_addr at = {.family = 4, .port = 25, .ip = {127, 0, 0, 9}};
    struct err e = {0};

    w->loop = loop_sim_create(&sim, &e);
    timer_init(&w->tick, tick_fires, w);
    w->c.loop = w->loop;
    w->c.name = "us.test";
    w->c.called = on_called;
    w->c.recipient = on_recipient;
    w->c.message = on_message;
    w->c.trouble = on_trouble;
    w->c.owner = w;
    w->host = smtp_host_listen(&w->c, &at, &e);
    CHECK_STR(e.text, "");
}

static void call(struct world *w, unsigned man)
{
    const struct net_addr at = smtp_host_addr(w->host);

    man_call(&w->men[man], w->loop, &at);
    wait_ms(w, 100);
}

static void end(struct world *w)
{
    for (unsigned i = 0; i < MEN; i++)
        if (w->men[i].loop)
            man_go(&w->men[i]);
    smtp_host_close(w->host);
    loop_destroy(w->loop);
}

#define HELLO "EHLO me\r\nMAIL FROM:<a@x>\r\nRCPT TO:<b@y>\r\nDATA\r\n"

static void messages_are_asked_about_and_counted(void)
{
    static struct world w;

    memset(&w, 0, sizeof w);
    begin(&w);
    call(&w, 0);
    CHECK_STR(man_heard(&w.men[0]), "220 us.test ESMTP ready\r\n");
    man_say(&w.men[0], HELLO "hello\r\n.\r\nMAIL FROM:<a@x>\r\nRCPT TO:<b@y>\r\nDATA\r\n");
    wait_ms(&w, 200);
    CHECK_U64(w.messages, 1);
    CHECK_U64(w.octets, 7);
    CHECK_U64(w.caller, 1);
    w.answer = "451 4.3.0 later";
    man_say(&w.men[0], "hello\r\n.\r\nQUIT\r\n");
    wait_ms(&w, 200);
    CHECK_HAS(man_heard(&w.men[0]), "451 4.3.0 later\r\n221 2.0.0 good-bye\r\n");
    CHECK(w.men[0].lost);
    CHECK_U64(smtp_host_counts(w.host)->messages, 2);
    CHECK_U64(smtp_host_counts(w.host)->taken, 1);
    CHECK_U64(smtp_host_counts(w.host)->octets, 14);
    CHECK_U64(smtp_host_counts(w.host)->broken, 0);
    CHECK_U64(w.troubles, 0);
    end(&w);
}

static void who_is_too_many_hears_that_we_are_busy(void)
{
    static struct world w;

    memset(&w, 0, sizeof w);
    w.c.connections = 2;
    begin(&w);
    for (unsigned i = 0; i < 3; i++)
        call(&w, i);
    CHECK_HAS(man_heard(&w.men[1]), "220 ");
    CHECK_STR(man_heard(&w.men[2]), "421 4.3.2 too many connections\r\n");
    CHECK(w.men[2].lost);
    CHECK_U64(smtp_host_counts(w.host)->refused, 1);
    man_go(&w.men[0]);
    wait_ms(&w, 100);
    call(&w, 3);
    CHECK_HAS(man_heard(&w.men[3]), "220 ");
    w.door = "554 5.7.1 not you";
    man_go(&w.men[1]);
    wait_ms(&w, 100);
    call(&w, 4);
    CHECK_STR(man_heard(&w.men[4]), "554 5.7.1 not you\r\n");
    CHECK_STR(w.words, "554 5.7.1 not you");
    end(&w);
}

static void the_silent_are_sent_away_after_five_minutes(void)
{
    static struct world w;

    memset(&w, 0, sizeof w);
    begin(&w);
    call(&w, 0);
    man_say(&w.men[0], HELLO "half");
    wait_ms(&w, 200000);
    man_say(&w.men[0], " a message");
    wait_ms(&w, 200000);
    CHECK(!w.men[0].lost);
    (void)man_heard(&w.men[0]);
    wait_ms(&w, 101000);
    CHECK_STR(man_heard(&w.men[0]), "421 4.4.2 nothing came for too long\r\n");
    CHECK(w.men[0].lost);
    CHECK_STR(w.words, "nothing came for too long, with a message under way");
    CHECK_U64(smtp_host_counts(w.host)->broken, 1);
    CHECK_U64(w.messages, 0);
    end(&w);
}

/* He does not hear either that he was silent for too long. */
static void who_is_silent_and_deaf_in_a_message_is_broken_off_once(void)
{
    static struct world w;

    memset(&w, 0, sizeof w);
    w.window = 20; /* less than our last words */
    begin(&w);
    call(&w, 0);
    man_say(&w.men[0], HELLO "half");
    wait_ms(&w, 5000);
    CHECK_HAS(man_heard(&w.men[0]), "\r\n354 ");
    man_deafen(&w.men[0]);
    wait_ms(&w, 310000);
    CHECK_U64(smtp_host_counts(w.host)->broken, 1);
    wait_ms(&w, 310000);
    CHECK_U64(smtp_host_counts(w.host)->broken, 1);
    CHECK_U64(w.troubles, 1);
    end(&w);
}

/* Replies wait, and nothing more is read from him. */
static void who_does_not_listen_is_not_listened_to(void)
{
    static struct world w;

    memset(&w, 0, sizeof w);
    begin(&w);
    call(&w, 0);
    man_deafen(&w.men[0]);
    for (unsigned i = 0; i < 20000; i++)
        man_say(&w.men[0], "VRFY everybody who is anybody, and those who are nobody as well, "
                           "or half of them\r\n");
    wait_ms(&w, 5000);
    CHECK(w.men[0].to_say.n > 100000); /* much of it was never taken */
    wait_ms(&w, 310000);
    CHECK_U64(w.troubles, 1);
    CHECK_STR(w.words, "nothing came for too long");
    end(&w);
}

static void what_all_hold_together_is_bounded(void)
{
    static struct world w;
    static char text[60000];

    memset(&w, 0, sizeof w);
    memset(text, 'x', sizeof text);
    w.c.held_max = 300000;
    begin(&w);
    for (unsigned i = 0; i < MEN; i++) {
        call(&w, i);
        man_say(&w.men[i], HELLO);
        man_say_octets(&w.men[i], slice_from(text, sizeof text));
        wait_ms(&w, 500);
    }
    for (unsigned i = 0; i < MEN; i++) {
        (void)man_heard(&w.men[i]);
        man_say(&w.men[i], "\r\n.\r\n");
    }
    wait_ms(&w, 1000);
    unsigned taken = 0, refused = 0;

    for (unsigned i = 0; i < MEN; i++) {
        const char *heard = man_heard(&w.men[i]);

        taken += strcmp(heard, "250 2.0.0 message taken\r\n") == 0;
        refused += strcmp(heard, "452 4.3.1 no room for it now\r\n") == 0;
    }
    CHECK_U64(taken + refused, MEN);
    CHECK_BETWEEN(taken, 3, 5);
    CHECK_U64(w.messages, taken);
    man_say(&w.men[MEN - 1], "MAIL FROM:<a@x>\r\nRCPT TO:<b@y>\r\nDATA\r\nok\r\n.\r\n");
    wait_ms(&w, 500);
    CHECK_HAS(man_heard(&w.men[MEN - 1]), "250 2.0.0 message taken\r\n");
    end(&w);
}

static void who_speaks_no_smtp_is_told_once_and_sent_away(void)
{
    static struct world w;

    memset(&w, 0, sizeof w);
    begin(&w);
    call(&w, 0);
    man_say(&w.men[0], "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    wait_ms(&w, 200);
    CHECK_U64(w.troubles, 1);
    CHECK_STR(w.words, "500 5.5.2 this command is not understood");
    for (unsigned i = 0; i < 30; i++)
        man_say(&w.men[0], "X\r\n");
    wait_ms(&w, 200);
    CHECK(w.men[0].lost);
    CHECK_HAS(man_heard(&w.men[0]), "421 4.7.0 too many errors\r\n");
    CHECK_U64(smtp_host_counts(w.host)->messages, 0);
    end(&w);
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
