/* test_listen.c - mailboxes at our own MTA that are reached over SMTP and LMTP. */
#include <string.h>

#include "tests/profiles/drafts.h"
#include "tests/support/check.h"

static const char live[] = "schema: 1\n"
                           "servers: {m: {smtp: 127.0.0.1:1025, imap: 127.0.0.1:1143}}\n"
                           "mailboxes:\n"
                           "  joanne: {home: m, address: '{name}@example.com', password: x}\n"
                           "  joe: {home: ours, address: '{name}@back.example.com'}\n";

#define LOAD   "load: {x: {via: m, from: joe, to: joanne, rate: 1/s, duration: 10s}}\n"
#define LISTEN "listen: {smtp: 127.0.0.1:1026}\n"

static void a_door_for_smtp_is_enough_for_who_lives_at_ours(void)
{
    struct reading_of r = read_draft(
        live,
        LOAD "listen: {smtp: 127.0.0.1:1026, lmtp: 127.0.0.1:1027, name: us.test, any: yes}\n");

    if (CHECK_STR(r.err.text, "")) {
        CHECK_U64(site_ours(&r.profile->site), 1);
        CHECK(!r.profile->x400.on);
        CHECK_STR(r.profile->listen.smtp, "127.0.0.1:1026");
        CHECK_STR(r.profile->listen.lmtp, "127.0.0.1:1027");
        CHECK_STR(r.profile->listen.name, "us.test");
        CHECK(r.profile->listen.any);
    }
    reading_end(&r);
    r = read_draft(live, LOAD LISTEN);
    if (CHECK_STR(r.err.text, "")) {
        CHECK_STR(r.profile->listen.name, "postmuster.invalid");
        CHECK(!r.profile->listen.any);
        CHECK(r.profile->listen.lmtp == NULL);
    }
    reading_end(&r);
}

static void x400_may_be_listened_for_at_the_same_time(void)
{
    struct reading_of r = read_draft(
        live, LOAD LISTEN "x400: {address: 'c=US;a= ;s={local}', listen: '127.0.0.1:1103'}\n");

    if (CHECK_STR(r.err.text, ""))
        CHECK(r.profile->x400.on);
    reading_end(&r);
}

static void doors_without_people_and_people_without_doors_are_refused(void)
{
    check_refused(live, LOAD, "mailboxes.joe lives at ours, and the site's MTAs have to call us");
    check_refused(plain_lab,
                  "load: {x: {via: s1, from: joe, to: joanne, rate: 1/s, duration: 9s}}\n" LISTEN,
                  "listen: no mailbox has \"home: ours\"");
    check_refused(live, LOAD "listen: {smtp: nowhere}\n", "listen.smtp: expected host:port");
    check_refused(live, LOAD "listen: {pop: 127.0.0.1:1}\n", "listen: unknown key \"pop\"");
}

static void reports_come_by_the_protocol_that_the_message_went_by(void)
{
    check_refused("schema: 1\n"
                  "servers: {m: {p1: 127.0.0.1:1102, imap: 127.0.0.1:1143}}\n"
                  "x400: {address: 'c=US;a= ;s={local}'}\n"
                  "mailboxes:\n"
                  "  joanne: {home: m, address: '{name}@example.com', password: x}\n"
                  "  joe: {home: ours, address: '{name}@back.example.com'}\n" LISTEN,
                  "load: {x: {protocol: p1, via: m, from: joe, to: joanne, rate: 1/s, duration: "
                  "10s}}\n",
                  "load.x.from: a group that lives at ours writes by smtp only");
    check_refused("schema: 1\nlab: {servers: [s1]}\n" LISTEN
                  "mailboxes: {joanne: {home: s1}, joe: {home: ours}}\n",
                  "load: {x: {via: s1, from: joe, to: joanne, rate: 1/s, duration: 9s}}\n",
                  "load.x.from: a group that lives at ours writes by p1 only");
    check_refused(live,
                  LOAD LISTEN "moves: {m: {mailboxes: joe, to: m, mover: x}}\n"
                              "movers: {x: {type: exec, argv: [mv]}}\n",
                  "a group that lives at ours does not move");
}

static void the_estimate_says_where_mail_is_taken(void)
{
    struct reading_of r =
        read_draft(live, LOAD "listen: {smtp: 127.0.0.1:1026, lmtp: 127.0.0.1:1027}\n");
    struct err e = {0};
    struct buf out;

    buf_init(&out, 1u << 20);
    if (CHECK_STR(r.err.text, "") && CHECK(profile_estimate(r.profile, &out, &e)))
        CHECK_HAS(buf_text(&out), "taken at 127.0.0.1:1026 (SMTP) and 127.0.0.1:1027 (LMTP)\n");
    buf_fini(&out);
    reading_end(&r);
}

static const struct test tests[] = {
    TEST(a_door_for_smtp_is_enough_for_who_lives_at_ours),
    TEST(x400_may_be_listened_for_at_the_same_time),
    TEST(doors_without_people_and_people_without_doors_are_refused),
    TEST(reports_come_by_the_protocol_that_the_message_went_by),
    TEST(the_estimate_says_where_mail_is_taken),
    TEST_END,
};

const struct suite listen_suite = {"listen", tests};
