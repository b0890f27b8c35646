/* test_smtp_host_vices.c - hosts that are slow, break off and close as told, hosts with TLS, and texts that are not kept. */
#include <string.h>

#include "tests/probes/smtp_street.h"
#include "tests/support/check.h"

#define MANY  4u
#define HELLO "EHLO me\r\n"
#define MAIL  "MAIL FROM:<a@x>\r\nRCPT TO:<b@y>\r\n"
#define OKS   "250 2.1.0 sender taken\r\n250 2.1.5 recipient taken\r\n"
#define TAKEN "250 2.0.0 message taken\r\n"
#define GO    "354 end with a dot on a line of its own\r\n"

enum act { ACT_NOTHING, ACT_DELAY, ACT_CUT, ACT_CLOSE };

struct world {
    struct smtp_street street;
    /* what is done at each of these, in message number `at` of caller 1; 0: in all */
    enum act called, hello, data, message;
    unsigned at, datas;
    uint64_t delay_ns;
    enum smtp_cut where;
    const char *line;
    /* what was seen */
    unsigned messages, gone, gone_busy, gone_in_text, troubles;
    uint64_t gone_octets, kept;
};

static void do_it(struct world *w, struct smtp_caller *c, enum act act)
{
    if (act == ACT_NOTHING || smtp_caller_number(c) != 1 || (w->at > 0 && w->datas != w->at))
        return;
    if (act == ACT_DELAY)
        smtp_caller_delay(c, w->delay_ns);
    else if (act == ACT_CUT)
        smtp_caller_cut(c, w->where);
    else
        smtp_caller_close(c, w->line);
}

static const char *on_called(void *owner, struct smtp_caller *from)
{
    struct world *w = owner;

    *smtp_caller_own(from) = w;
    do_it(w, from, w->called);
    return NULL;
}

static const char *on_hello(void *owner, struct smtp_caller *from)
{
    struct world *w = owner;

    do_it(w, from, w->hello);
    return NULL;
}

static const char *on_data(void *owner, struct smtp_caller *from)
{
    struct world *w = owner;

    w->datas += smtp_caller_number(from) == 1;
    do_it(w, from, w->data);
    return NULL;
}

static const char *on_recipient(void *owner, struct smtp_caller *from, struct slice address)
{
    (void)owner, (void)from, (void)address;
    return NULL;
}

static void on_message(void *owner, struct smtp_caller *from, const char **answers)
{
    struct world *w = owner;

    (void)answers;
    w->messages++;
    w->kept += smtp_server_content(smtp_caller_talk(from)).n;
    do_it(w, from, w->message);
}

static void on_trouble(void *owner, const struct net_addr *peer, const char *words)
{
    struct world *w = owner;

    (void)words;
    w->troubles += peer->family == 4;
}

static void on_gone(void *owner, struct smtp_caller *from)
{
    struct world *w = owner;
    const struct smtp_server *talk = smtp_caller_talk(from);

    CHECK(*smtp_caller_own(from) == w);
    w->gone++;
    w->gone_busy += smtp_server_is_busy(talk);
    w->gone_in_text += smtp_server_is_in_text(talk);
    w->gone_octets += smtp_server_text_octets(talk);
}

static void begin(struct world *w)
{
    w->street.c.called = on_called;
    w->street.c.hello = on_hello;
    w->street.c.data = on_data;
    w->street.c.recipient = on_recipient;
    w->street.c.message = on_message;
    w->street.c.trouble = on_trouble;
    w->street.c.gone = on_gone;
    street_open(&w->street, w);
}

/* Three messages in one write, the second answered 20 seconds late: the first is answered at once, the third after it. */
static void replies_behind_a_delay_wait_and_keep_their_order(void)
{
    static struct world w;

    memset(&w, 0, sizeof w);
    w.message = ACT_DELAY;
    w.at = 2;
    w.delay_ns = 20 * NS_PER_S;
    begin(&w);
    street_call(&w.street, 0);
    street_call(&w.street, 1);
    man_say(&w.street.men[0], HELLO);
    man_say(&w.street.men[1], HELLO);
    street_wait_ms(&w.street, 200);
    (void)man_heard(&w.street.men[0]);
    (void)man_heard(&w.street.men[1]);
    man_say(&w.street.men[0],
            MAIL "BDAT 2 LAST\r\nhi" MAIL "BDAT 2 LAST\r\nhi" MAIL "BDAT 2 LAST\r\nhi");
    street_wait_ms(&w.street, 1000);
    CHECK_STR(man_heard(&w.street.men[0]), OKS TAKEN OKS);
    CHECK_U64(w.messages, 2);
    man_say(&w.street.men[0], "NOOP\r\n");
    man_say(&w.street.men[1], MAIL "BDAT 2 LAST\r\nhi");
    street_wait_ms(&w.street, 17000);
    CHECK_STR(man_heard(&w.street.men[0]), "");
    CHECK_STR(man_heard(&w.street.men[1]), OKS TAKEN);
    street_wait_ms(&w.street, 3000);
    CHECK_STR(man_heard(&w.street.men[0]), TAKEN OKS TAKEN "250 2.0.0 fine\r\n");
    CHECK_U64(w.messages, 4);
    CHECK_U64(smtp_host_counts(w.street.host)->taken, 4);
    street_close(&w.street);
    CHECK_U64(w.gone, 2);
}

static void delays_add_up_and_outlast_the_patience_of_the_host(void)
{
    static struct world w;

    memset(&w, 0, sizeof w);
    w.called = w.hello = w.message = ACT_DELAY;
    w.delay_ns = 400 * NS_PER_S;
    begin(&w);
    street_call(&w.street, 0);
    man_say(&w.street.men[0], HELLO MAIL "DATA\r\n");
    street_wait_ms(&w.street, 399000);
    CHECK_STR(man_heard(&w.street.men[0]), "");
    street_wait_ms(&w.street, 2000);
    CHECK_STR(man_heard(&w.street.men[0]), "220 us.test ESMTP ready\r\n");
    street_wait_ms(&w.street, 398000);
    CHECK_STR(man_heard(&w.street.men[0]), "");
    street_wait_ms(&w.street, 2000);
    CHECK_HAS(man_heard(&w.street.men[0]), OKS GO);
    man_say(&w.street.men[0], "x\r\n.\r\nMAIL FROM:<z@x>\r\n");
    street_wait_ms(&w.street, 399000);
    CHECK_STR(man_heard(&w.street.men[0]), "");
    street_wait_ms(&w.street, 2000);
    CHECK_STR(man_heard(&w.street.men[0]), TAKEN "250 2.1.0 sender taken\r\n");
    CHECK_U64(w.troubles, 0);
    street_close(&w.street);
    CHECK_U64(w.gone_busy, 1);
}

/* A window of two, the second cut while its text comes, or before its answer: the first is answered, whole. */
static void what_is_due_leaves_before_a_cut(void)
{
    static const enum smtp_cut places[] = {SMTP_CUT_TEXT, SMTP_CUT_TERMINATOR, SMTP_CUT_ANSWER};

    static const unsigned octets[] = {1, 4, 5};

    for (unsigned i = 0; i < 3; i++) {
        static struct world w;

        memset(&w, 0, sizeof w);
        w.data = ACT_CUT;
        w.at = 2;
        w.where = places[i];
        begin(&w);
        street_call(&w.street, 0);
        (void)man_heard(&w.street.men[0]);
        man_say(&w.street.men[0], HELLO);
        street_wait_ms(&w.street, 100);
        (void)man_heard(&w.street.men[0]);
        man_say(&w.street.men[0], MAIL "BDAT 5 LAST\r\nfirst" MAIL "BDAT 5 LAST\r\nother" MAIL);
        street_wait_ms(&w.street, 500);
        CHECK_STR(man_heard(&w.street.men[0]), OKS TAKEN OKS);
        CHECK(w.street.men[0].lost);
        CHECK_U64(w.messages, places[i] == SMTP_CUT_ANSWER ? 2 : 1);
        CHECK_U64(smtp_host_counts(w.street.host)->taken, 1);
        CHECK_U64(smtp_host_counts(w.street.host)->broken, 0);
        CHECK_U64(w.gone, 1);
        CHECK_U64(w.gone_busy, 1);
        CHECK_U64(w.gone_in_text, places[i] != SMTP_CUT_ANSWER);
        CHECK_U64(w.gone_octets, octets[i]);
        street_close(&w.street);
        CHECK_U64(w.gone, 1);
    }
}

static void a_message_may_be_cut_when_it_is_asked_about(void)
{
    static struct world w;

    memset(&w, 0, sizeof w);
    w.message = ACT_CUT;
    w.where = SMTP_CUT_ANSWER;
    begin(&w);
    street_call(&w.street, 0);
    man_say(&w.street.men[0], HELLO MAIL "DATA\r\n");
    street_wait_ms(&w.street, 100);
    (void)man_heard(&w.street.men[0]);
    man_say(&w.street.men[0], "x\r\n.\r\nQUIT\r\n");
    street_wait_ms(&w.street, 100);
    CHECK_STR(man_heard(&w.street.men[0]), "");
    CHECK(w.street.men[0].lost);
    CHECK_U64(smtp_host_counts(w.street.host)->messages, 1);
    CHECK_U64(smtp_host_counts(w.street.host)->taken, 0);
    street_close(&w.street);
}

static void a_conversation_is_closed_with_a_line_or_without(void)
{
    static const char *const lines[] = {"421 4.3.2 enough", NULL};

    for (unsigned i = 0; i < 2; i++) {
        static struct world w;

        memset(&w, 0, sizeof w);
        w.message = ACT_CLOSE;
        w.line = lines[i];
        begin(&w);
        street_call(&w.street, 0);
        man_say(&w.street.men[0], HELLO);
        street_wait_ms(&w.street, 100);
        (void)man_heard(&w.street.men[0]);
        man_say(&w.street.men[0], MAIL "BDAT 2 LAST\r\nhiNOOP\r\n");
        street_wait_ms(&w.street, 500);
        CHECK_STR(man_heard(&w.street.men[0]), i == 0 ? OKS "421 4.3.2 enough\r\n" : OKS);
        CHECK(w.street.men[0].lost);
        CHECK_U64(w.gone, 1);
        CHECK_U64(smtp_host_counts(w.street.host)->taken, 0);
        street_close(&w.street);
    }
}

static void who_is_closed_at_the_door_hears_that_alone(void)
{
    static struct world w;

    memset(&w, 0, sizeof w);
    w.called = ACT_CLOSE;
    w.line = "421 4.3.2 not now";
    begin(&w);
    street_call(&w.street, 0);
    CHECK_STR(man_heard(&w.street.men[0]), "421 4.3.2 not now\r\n");
    CHECK(w.street.men[0].lost);
    CHECK_U64(w.gone, 1);
    street_call(&w.street, 1);
    CHECK_HAS(man_heard(&w.street.men[1]), "220 ");
    street_close(&w.street);
    CHECK_U64(w.gone, 2);
}

static void who_breaks_off_is_known_to_be_gone(void)
{
    static struct world w;

    memset(&w, 0, sizeof w);
    w.street.c.connections = 1;
    begin(&w);
    street_call(&w.street, 0);
    street_call(&w.street, 1);
    CHECK_HAS(man_heard(&w.street.men[1]), "421 ");
    man_say(&w.street.men[0], HELLO MAIL "DATA\r\nhello");
    street_wait_ms(&w.street, 200);
    man_go(&w.street.men[0]);
    street_wait_ms(&w.street, 200);
    CHECK_U64(w.gone, 1); /* the one too many was never asked about */
    CHECK_U64(w.gone_in_text, 1);
    CHECK_U64(w.gone_octets, 5);
    CHECK_U64(smtp_host_counts(w.street.host)->broken, 1);
    street_close(&w.street);
}

static void a_discarded_text_of_any_size_takes_no_memory(void)
{
    static struct world w;
    static char text[1u << 20];

    memset(&w, 0, sizeof w);
    memset(text, 'x', sizeof text);
    w.street.c.discard = true;
    w.street.c.keep = 100;
    w.street.c.held_max = 1000; /* of all messages */
    begin(&w);
    for (unsigned i = 0; i < MANY; i++) {
        street_call(&w.street, i);
        man_say(&w.street.men[i], HELLO MAIL "DATA\r\n");
        for (unsigned k = 0; k < 5; k++)
            man_say_octets(&w.street.men[i], slice_from(text, sizeof text));
        man_say(&w.street.men[i], "\r\n.\r\n");
    }
    street_wait_ms(&w.street, 10000);
    for (unsigned i = 0; i < MANY; i++)
        CHECK_HAS(man_heard(&w.street.men[i]), GO TAKEN);
    CHECK_U64(smtp_host_counts(w.street.host)->octets, MANY * (5ull * sizeof text + 2));
    CHECK_U64(w.kept, MANY * 100ull);
    street_close(&w.street);
}

static void begin_tls(struct world *w, bool implicit)
{
    struct err e = {0};

    memset(w, 0, sizeof *w);
    w->street.c.tls = tls_server_selfmade("us.test", &e);
    w->street.c.tls_implicit = implicit;
    CHECK_STR(e.text, "");
    begin(w);
}

static void wrap(struct world *w, struct smtp_man *m, struct tls_context *c)
{
    struct err e = {0};

    m->s = tls_wrap(c, m->s, NULL, &e);
    CHECK_STR(e.text, "");
    street_wait_ms(&w->street, 500);
    CHECK_STR(tls_version(m->s), "TLSv1.3");
}

/* The smuggled NOOP is not answered, and the message comes through TLS. */
static void starttls_begins_the_conversation_anew(void)
{
    static struct world w;
    struct err e = {0};
    struct tls_context *c = tls_client_create(NULL, true, &e);

    begin_tls(&w, false);
    street_call(&w.street, 0);
    man_say(&w.street.men[0], HELLO);
    street_wait_ms(&w.street, 100);
    CHECK_HAS(man_heard(&w.street.men[0]), "250-STARTTLS\r\n");
    man_say(&w.street.men[0], "STARTTLS\r\nNOOP\r\n");
    street_wait_ms(&w.street, 100);
    CHECK_STR(man_heard(&w.street.men[0]), "220 2.0.0 begin TLS\r\n");
    wrap(&w, &w.street.men[0], c);
    man_say(&w.street.men[0], MAIL);
    street_wait_ms(&w.street, 200);
    CHECK_STR(man_heard(&w.street.men[0]), "503 5.5.1 EHLO first\r\n503 5.5.1 EHLO first\r\n");
    man_say(&w.street.men[0], HELLO MAIL "BDAT 2 LAST\r\nhi");
    street_wait_ms(&w.street, 200);
    const char *heard = man_heard(&w.street.men[0]);

    CHECK_HAS(heard, OKS TAKEN);
    CHECK(!strstr(heard, "STARTTLS"));
    CHECK_U64(w.messages, 1);
    street_close(&w.street);
    CHECK_U64(w.gone, 1);
    tls_context_destroy(c);
    tls_context_destroy(w.street.c.tls);
}

static void implicit_tls_holds_from_the_first_octet(void)
{
    static struct world w;
    struct err e = {0};
    struct tls_context *c = tls_client_create(NULL, true, &e);

    begin_tls(&w, true);
    w.message = ACT_DELAY;
    w.delay_ns = NS_PER_S;
    street_call(&w.street, 0);
    CHECK_STR(man_heard(&w.street.men[0]), "");
    wrap(&w, &w.street.men[0], c);
    CHECK_STR(man_heard(&w.street.men[0]), "220 us.test ESMTP ready\r\n");
    man_say(&w.street.men[0], HELLO MAIL "BDAT 2 LAST\r\nhi" MAIL "BDAT 2 LAST\r\nhi");
    street_wait_ms(&w.street, 500);
    CHECK_HAS(man_heard(&w.street.men[0]), OKS);
    street_wait_ms(&w.street, 2000);
    CHECK_STR(man_heard(&w.street.men[0]), TAKEN OKS TAKEN);
    CHECK_U64(w.messages, 2);
    street_call(&w.street, 1); /* he speaks no TLS */
    man_say(&w.street.men[1], HELLO HELLO HELLO);
    street_wait_ms(&w.street, 500);
    CHECK(w.street.men[1].lost);
    CHECK(!strstr(man_heard(&w.street.men[1]), "220 "));
    street_close(&w.street);
    tls_context_destroy(c);
    tls_context_destroy(w.street.c.tls);
}

static const struct test tests[] = {
    TEST(replies_behind_a_delay_wait_and_keep_their_order),
    TEST(delays_add_up_and_outlast_the_patience_of_the_host),
    TEST(what_is_due_leaves_before_a_cut),
    TEST(a_message_may_be_cut_when_it_is_asked_about),
    TEST(a_conversation_is_closed_with_a_line_or_without),
    TEST(who_is_closed_at_the_door_hears_that_alone),
    TEST(who_breaks_off_is_known_to_be_gone),
    TEST(a_discarded_text_of_any_size_takes_no_memory),
    TEST(starttls_begins_the_conversation_anew),
    TEST(implicit_tls_holds_from_the_first_octet),
    TEST_END,
};

const struct suite smtp_host_vices_suite = {"smtp_host_vices", tests};
