/* test_dial_plain.c - sessions that stand, and every way in which they do not. */
#include <string.h>

#include "probes/dial.h"
#include "tests/probes/rig.h"
#include "tests/support/check.h"

struct told {
    unsigned times;
    enum dial_answer answer;
    struct stream *stream;
    char why[200];
};

static void on_done(void *owner, enum dial_answer answer, struct stream *s, const char *why)
{
    struct told *t = owner;

    t->times++;
    t->answer = answer;
    t->stream = s;
    (void)strncpy(t->why, why, sizeof t->why - 1);
}

static struct told dial_once(struct rig *g, uint64_t ms)
{
    struct told t = {.times = 0};

    g->c.dial->open(g->c.dial, &g->r->servers[0], &g->r->mailboxes[0], on_done, &t);
    CHECK_U64(t.times, 0); /* never from inside */
    rig_wait(g, ms);
    g->c.dial->forget(g->c.dial, &t);
    return t;
}

static void a_good_log_on_hands_over_the_stream(void)
{
    struct rig *g = rig_create("dial");
    struct told t;

    g->r->mailboxes[0].password = "a \"quoted\\ one";
    t = dial_once(g, 1000);
    CHECK_U64(t.times, 1);
    CHECK_U64(t.answer, DIAL_OK);
    CHECK(t.stream != NULL);
    CHECK_STR(g->imap[0].last_log_on, "\"joanne-1\" \"a \\\"quoted\\\\ one\"");
    stream_close(t.stream);
    rig_destroy(g);
}

static void refusals_are_told_apart(void)
{
    static const struct {
        const char *refusal;
        enum dial_answer answer;
    } cases[] = {
        {"NO no such mailbox here", DIAL_ABSENT},
        {"NO [AUTHENTICATIONFAILED] Authentication failed.", DIAL_ABSENT},
        {"NO [UNAVAILABLE] mailbox is being moved", DIAL_BUSY},
        {"NO [INUSE] in use", DIAL_BUSY},
        {"NO Temporary authentication failure", DIAL_BUSY},
        {"BAD no idea", DIAL_DOWN},
        {"NO [PRIVACYREQUIRED] TLS first", DIAL_DOWN},
    };
    struct rig *g = rig_create("dial");

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        g->imap[0].refusal = cases[i].refusal;
        struct told t = dial_once(g, 1000);

        CHECK_U64(t.times, 1);
        CHECK_U64(t.answer, cases[i].answer);
        CHECK_HAS(t.why, cases[i].refusal);
    }
    rig_destroy(g);
}

static void greetings_that_are_none_end_it(void)
{
    static const struct {
        const char *greeting;
        enum dial_answer answer;
    } cases[] = {
        {"* BYE too many connections\r\n", DIAL_BUSY},
        {"220 smtp.test ESMTP\r\n", DIAL_DOWN},
        {"* PREAUTH welcome\r\n", DIAL_DOWN},
        {"* 7 EXISTS\r\n", DIAL_DOWN},
    };
    struct rig *g = rig_create("dial");

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        g->imap[0].greeting = cases[i].greeting;
        struct told t = dial_once(g, 1000);

        CHECK_U64(t.times, 1);
        CHECK_U64(t.answer, cases[i].answer);
    }
    rig_destroy(g);
}

static void a_silent_server_and_an_absent_one_are_down(void)
{
    struct rig *g = rig_create("dial");
    struct told t;

    g->imap[0].greeting = "* OK wait";
    t = dial_once(g, 60000);
    CHECK_U64(t.times, 1);
    CHECK_U64(t.answer, DIAL_DOWN);
    CHECK_HAS(t.why, "in time");
    g->r->servers[0].imap.addr.port = 1; /* nobody listens */
    t = dial_once(g, 60000);
    CHECK_U64(t.answer, DIAL_DOWN);
    g->r->servers[0].imap.addr.family = 0;
    t = dial_once(g, 1000);
    CHECK_U64(t.answer, DIAL_DOWN);
    g->r->servers[0].imap.addr = (struct net_addr){.family = 4, .port = 143, .ip = {8, 8, 8, 8}};
    t = dial_once(g, 1000);
    CHECK_U64(t.answer, DIAL_DOWN); /* the guard */
    g->r->servers[0].imap.tls = TLS_IMPLICIT;
    t = dial_once(g, 1000);
    CHECK_U64(t.answer, DIAL_DOWN);
    rig_destroy(g);
}

static void what_is_forgotten_is_never_told(void)
{
    struct rig *g = rig_create("dial");
    struct told t = {.times = 0};

    g->c.dial->open(g->c.dial, &g->r->servers[0], &g->r->mailboxes[0], on_done, &t);
    g->c.dial->forget(g->c.dial, &t);
    rig_wait(g, 60000);
    CHECK_U64(t.times, 0);
    rig_destroy(g);
}

static const struct test tests[] = {
    TEST(a_good_log_on_hands_over_the_stream), TEST(refusals_are_told_apart),
    TEST(greetings_that_are_none_end_it),      TEST(a_silent_server_and_an_absent_one_are_down),
    TEST(what_is_forgotten_is_never_told),     TEST_END,
};

const struct suite dial_plain_suite = {"dial_plain", tests};
