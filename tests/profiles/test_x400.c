/* test_x400.c - section x400, mailboxes at our own MTA, and what X.400 cannot do. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/profiles/drafts.h"
#include "tests/support/check.h"

static const char with_ours[] = "schema: 1\n"
                                "lab: {servers: [s1, s2], site: Lab & Söhne}\n"
                                "mailboxes:\n"
                                "  joanne: {count: 4, home: s1}\n"
                                "  joe: {count: 2, home: ours}\n";
static const char live[] = "schema: 1\n"
                           "servers: {m: {p1: 127.0.0.1:1102, imap: 127.0.0.1:1143}}\n"
                           "mailboxes:\n"
                           "  joanne: {home: m, address: '{name}@example.com', password: x}\n"
                           "  joe: {home: ours, address: '{name}@flood.example.com'}\n";

#define P1(more)                                                                                   \
    "load: {x: {protocol: p1, via: s1, from: joe, to: joanne, rate: 1/s, duration: 10s" more "}}"  \
    "\n"
#define LIVE "load: {x: {protocol: p1, via: m, from: joe, to: joanne, rate: 1/s, duration: 10s}}\n"

static void a_group_at_ours_adds_our_mta_as_the_last_server(void)
{
    struct reading_of r = read_draft(with_ours, P1(""));

    if (CHECK_STR(r.err.text, "")) {
        const struct site *s = &r.profile->site;

        CHECK_U64(s->server_count, 3);
        CHECK_U64(site_ours(s), 2);
        CHECK_STR(s->servers[2].name, "ours");
        CHECK(s->servers[2].ours && !s->servers[1].ours);
        CHECK_U64(s->mailboxes[4].home, 2);
        CHECK_STR(s->mailboxes[4].address, "joe-1@ours.lab.test");
        CHECK_STR(s->mailboxes[0].address, "joanne-1@lab.test");
        CHECK(r.profile->x400.on);
        CHECK(r.profile->x400.listen == NULL);
        CHECK_STR(profile_x400_template(r.profile, 4), "c=US;a= ;p=POSTMUSTER;o=FLOOD;s={local}");
        CHECK_STR(profile_x400_template(r.profile, 0), "c=US;a= ;p=LAB;o=LAB - S--HNE;s={local}");
        CHECK_STR(profile_x400_template(r.profile, SITE_NONE), r.profile->x400.address);
        CHECK_STR(r.profile->loads[0].protocol, "p1");
    }
    reading_end(&r);
    r = read_draft(plain_lab,
                   "load: {x: {via: s1, from: joe, to: joanne, rate: 1/s, duration: 9s}}\n");
    if (CHECK_STR(r.err.text, "")) {
        CHECK_U64(site_ours(&r.profile->site), SITE_NONE);
        CHECK(!r.profile->x400.on);
        CHECK_STR(r.profile->loads[0].protocol, "smtp");
        CHECK_STR(r.profile->x400.mta, "POSTMUSTER");
        CHECK_STR(r.profile->x400.address, "c=US;a= ;p=LAB;o=50SITE;s={local}");
    }
    reading_end(&r);
}

static void the_run_s_protocol_is_that_of_loads_that_do_not_say(void)
{
    struct reading_of r = read_draft(
        plain_lab,
        "run: {protocol: p1}\n"
        "load:\n"
        "  x: {via: s1, from: joe, to: joanne, rate: 1/s, duration: 10s}\n"
        "  y: {protocol: smtp, via: s1, from: joe, to: joanne, rate: 1/s, duration: 10s}\n");

    if (CHECK_STR(r.err.text, "")) {
        CHECK_STR(r.profile->loads[0].protocol, "p1");
        CHECK_STR(r.profile->loads[1].protocol, "smtp");
        CHECK(r.profile->x400.on);
        CHECK_U64(r.profile->site.server_count, 2);
    }
    reading_end(&r);
}

static void selectors_are_octets_or_hex(void)
{
    struct reading_of r =
        read_draft(with_ours, "x400: {tsel: PM, ssel: 0x4d50fF00, psel: '', mode: normal, "
                              "dialogue: two-way, tpdu: 2048}\n" P1(""));

    if (CHECK_STR(r.err.text, "")) {
        const struct x400_profile *x = &r.profile->x400;

        CHECK_MEM(x->tsel.p, x->tsel.n, "PM", 2);
        CHECK_MEM(x->ssel.p, x->ssel.n, "\x4d\x50\xff\x00", 4);
        CHECK_U64(x->psel.n, 0);
        CHECK(x->two_way);
        CHECK_U64(x->tpdu_bytes, 2048);
        CHECK_U64(x->checkpoint_kb, 30);
        CHECK_U64(x->window, 5);
    }
    reading_end(&r);
    static const char *const wrong[] = {
        "0x4", "0x", "0x4g", "123456789012345678901234567890123",
        "0x000000000000000000000000000000000000000000000000000000000000000000"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char text[400];

        (void)snprintf(text, sizeof text, "x400: {tsel: '%s'}\n" P1(""), wrong[i]);
        check_refused(with_ours, text,
                      "p.yaml:6:14: x400.tsel: expected text of at most 32 octets");
    }
    check_refused(with_ours, "x400: {tsel: [a]}\n" P1(""),
                  "x400.tsel: expected text of at most 32");
    check_refused(with_ours, "x400: {tsal: a}\n" P1(""),
                  "unknown key \"tsal\"; did you mean \"tsel\"?");
}

static void mode_1984_sends_p2(void)
{
    struct reading_of r = read_draft(with_ours, "x400: {mode: 1984}\n" P1(""));

    if (CHECK_STR(r.err.text, "")) {
        CHECK_U64(r.profile->x400.mode, MODE_1984);
        CHECK_U64(r.profile->x400.content, X400_P2);
    }
    reading_end(&r);
    r = read_draft(with_ours, "x400: {mode: x410}\n" P1(""));
    if (CHECK_STR(r.err.text, ""))
        CHECK_U64(r.profile->x400.content, X400_P22);
    reading_end(&r);
}

static void values_of_a_p1_load_are_read(void)
{
    struct reading_of r = read_draft(
        with_ours, P1(", priority: urgent, deferred: 10m, latest: 1h, reassignment: prohibited, "
                      "alternate: prohibited, resend: 2"));

    if (CHECK_STR(r.err.text, "")) {
        const struct load_profile *l = &r.profile->loads[0];

        CHECK_U64(l->priority, PRIO_URGENT);
        CHECK_U64(l->deferred_ns, 600000000000);
        CHECK_U64(l->latest_ns, 3600000000000);
        CHECK(l->no_reassignment && l->no_alternate);
        CHECK_U64(l->resend, 2);
    }
    reading_end(&r);
}

static void nobody_else_is_called_ours(void)
{
    check_refused("schema: 1\nlab: {servers: [ours]}\nmailboxes: {a: {home: ours}}\n", "",
                  "p.yaml:2:7: lab.servers: \"ours\" is the name of our own MTA");
    check_refused("schema: 1\nservers: {ours: {imap: 127.0.0.1:143}}\n", "",
                  "p.yaml:2:11: servers: \"ours\" is the name of our own MTA");
}

static void what_x400_cannot_do_is_refused(void)
{
    check_refused(with_ours, P1(", null_sender: yes"),
                  "load.x.null_sender: X.400 has no null originator");
    check_refused(with_ours, P1(", verp: yes"), "load.x.verp: is SMTP's");
    check_refused(with_ours, P1(", deferred: 10m, latest: 5m"),
                  "load.x.latest: delivery is not due");
    check_refused(
        with_ours,
        "load: {x: {protocol: p1, via: ours, from: joe, to: joanne, rate: 1/s, duration: 9s}}\n",
        "load.x.via: ours is our own MTA");
    check_refused(
        with_ours,
        "load: {x: {via: s1, from: [joanne, joe], to: joanne, rate: 1/s, duration: 9s}}\n",
        "load.x.from: a group that lives at ours writes by p1 only");
    check_refused(with_ours, P1("") "moves: {m: {mailboxes: joanne, to: ours}}\n",
                  "moves.m.to: ours is our own MTA");
    check_refused(with_ours, P1("") "moves: {m: {mailboxes: joanne, from: ours, to: s1}}\n",
                  "moves.m.from: ours is our own MTA");
    check_refused(with_ours, P1("") "moves: {m: {mailboxes: joe, to: s1}}\n",
                  "moves.m.mailboxes: a group that lives at ours does not move");
    check_refused(with_ours, "  jim: {home: ours, alternate: joanne}\n" P1(""),
                  "mailboxes.jim.alternate: our own MTA knows no alternates");
    check_refused(
        with_ours,
        P1("") "actions: {a: {at: 1s, do: alternate, mailboxes: joe, alternate: joanne}}\n",
        "actions.a.mailboxes: our own MTA knows no alternates");
}

static void names_passwords_and_sizes_have_bounds(void)
{
    check_refused(with_ours, "x400: {mta: A2345678901234567890123456789012_}\n" P1(""),
                  "p.yaml:6:13: x400.mta: the name of an MTA has 1 to 32");
    check_refused(with_ours, "x400: {mta: ''}\n" P1(""),
                  "x400.mta: the name of an MTA has 1 to 32");
    check_refused(with_ours,
                  "x400: {password: "
                  "'12345678901234567890123456789012345678901234567890123456789012345'}\n" P1(""),
                  "x400.password: a password of X.400 has at most 64");
    check_refused(with_ours, "x400: {tpdu: 1000}\n" P1(""), "x400.tpdu: expected 0, 128, 256,");
    check_refused(with_ours, "x400: {tpdu: 64}\n" P1(""), "x400.tpdu: expected 0, 128, 256,");
    check_refused(with_ours, "x400: {tpdu: 16384}\n" P1(""),
                  "x400.tpdu: 16384 is out of range (0 to 8192)");
    check_refused(with_ours, "x400: {window: 0}\n" P1(""),
                  "x400.window: 0 is out of range (1 to 255)");
    check_refused("schema: 1\nlab: {servers: [s12345678901234567890123456789012]}\n"
                  "mailboxes: {a: {home: s12345678901234567890123456789012}, joe: {home: ours}}\n",
                  "", "which has at most 32 characters");
}

static void a_live_site_says_what_a_lab_knows_by_itself(void)
{
    check_refused(live, LIVE, "x400: \"address\" is missing");
    check_refused(live, LIVE "x400: {address: 'c=US;a= ;s={local}'}\n",
                  "x400: \"listen\" is missing: mailboxes.joe lives at ours");
    check_refused(live, LIVE "x400: {address: 'c=US;a= ;s={local}', listen: '127.0.0.1:0'}\n",
                  "x400.listen: expected host:port, got \"127.0.0.1:0\"");
    struct reading_of r = read_draft(
        live,
        LIVE "x400: {address: 'c=US;a= ;s={local}', listen: '127.0.0.1:1103', password: x}\n");

    if (CHECK_STR(r.err.text, "")) {
        CHECK_STR(r.profile->site.servers[0].p1.at.text, "127.0.0.1:1102");
        CHECK(r.profile->site.servers[0].p1.mta == NULL);
        CHECK_U64(site_ours(&r.profile->site), 1);
        CHECK_STR(r.profile->x400.listen, "127.0.0.1:1103");
    }
    reading_end(&r);
    check_refused("schema: 1\nservers: {m: {imap: 127.0.0.1:1143}}\n"
                  "x400: {address: 'c=US;a= ;s={local}', listen: '127.0.0.1:1103'}\n"
                  "mailboxes:\n  joanne: {home: m, address: '{name}@example.com'}\n"
                  "  joe: {home: ours, address: '{name}@flood.example.com'}\n",
                  LIVE, "load.x.via: this server has no p1 end point");
    check_refused("schema: 1\nservers: {m: {p1: 127.0.0.1:1102}}\n"
                  "mailboxes:\n  joanne: {home: m, address: '{name}@example.com'}\n",
                  "load: {x: {via: m, from: joanne, to: joanne, rate: 1/s, duration: 9s}}\n",
                  "load.x.via: this server has no smtp end point");
}

/* Written out they are read for loopback only. */
static void passwords_for_elsewhere_stand_in_no_file(void)
{
    static const char far[] =
        "schema: 1\n"
        "servers: {m: {p1: 10.1.2.3:102, imap: 127.0.0.1:1143%s}}\n"
        "x400: {address: 'c=US;a= ;s={local}'%s}\n"
        "mailboxes: {a: {home: m, address: '{name}@example.com'}, b: {home: m, address: "
        "'{name}@example.com'}}\n"
        "load: {x: {protocol: p1, via: m, from: a, to: b, rate: 1/s, duration: 9s}}\n";
    char text[1000];

    (void)snprintf(text, sizeof text, far, ", p1_password: hunter2", "");
    check_refused(text, "", "servers.m.p1_password: a literal password is read only for");
    (void)snprintf(text, sizeof text, far, "", ", password: hunter2");
    check_refused(text, "", "p.yaml:3:49: x400.password: a literal password is read only for");
    (void)setenv("PM_TEST_P1", "hunter2", 1);
    (void)snprintf(text, sizeof text, far, ", p1_password: env:PM_TEST_P1",
                   ", password: env:PM_TEST_P1");
    struct reading_of r = read_draft(text, "");
    struct buf out;

    buf_init(&out, 1u << 20);
    if (CHECK_STR(r.err.text, "") && CHECK(profile_print(r.profile, &out))) {
        CHECK_STR(r.profile->x400.password, "hunter2");
        CHECK_STR(r.profile->site.servers[0].p1.password, "hunter2");
        CHECK(!strstr(buf_text(&out), "hunter2"));
        CHECK_HAS(buf_text(&out), "env:PM_TEST_P1");
    }
    buf_fini(&out);
    reading_end(&r);
}

static void lint_names_keys_that_mean_nothing(void)
{
    struct reading_of r = read_draft(
        with_ours, "x400: {mode: 1984, psel: P, our_address: 'c=US;a= ;p=X;cn={local}'}\n"
                   "load:\n"
                   "  x: {protocol: p1, via: s1, from: joe, to: joanne, rate: 1/s, duration: 10s, "
                   "deferred: 50m, latest: 55m, reassignment: prohibited}\n"
                   "  y: {via: s1, from: joanne, to: joanne, rate: 1/s, duration: 10s, priority: "
                   "urgent, resend: 1, deferred: 1m}\n"
                   "settle: {deadline: 40m}\n");
    struct buf text;

    buf_init(&text, 1u << 20);
    if (CHECK_STR(r.err.text, "") && CHECK(profile_lint(r.profile, &text)))
        CHECK_STR(buf_text(&text), "load.x.latest: 1984 has no latest delivery time\n"
                                   "load.x.reassignment: 1984 cannot prohibit it\n"
                                   "load.x.deferred: settling is given up before it is over\n"
                                   "load.y.priority: means nothing over SMTP\n"
                                   "load.y.deferred: means nothing over SMTP\n"
                                   "load.y.resend: means nothing over SMTP\n"
                                   "x400.psel: never said outside normal mode\n"
                                   "x400.address: 1984 has no common name, it is left out\n");
    buf_fini(&text);
    reading_end(&r);
}

static void a_profile_of_x400_printed_and_read_again_prints_the_same(void)
{
    struct reading_of first = read_draft(with_ours,
                                         "x400: {mode: 1984, tsel: 0x4d50, password: sesame}\n" P1(
                                             ", deferred: 1m")),
                      second;
    struct buf one, two;

    buf_init(&one, 1u << 20);
    buf_init(&two, 1u << 20);
    if (CHECK_STR(first.err.text, "") && CHECK(profile_print(first.profile, &one))) {
        CHECK(!strstr(buf_text(&one), "sesame"));
        (void)setenv("REDACTED", "x", 1);
        second = read_draft("", buf_text(&one));
        (void)unsetenv("REDACTED");
        if (CHECK_STR(second.err.text, "")) {
            CHECK(profile_print(second.profile, &two));
            CHECK_STR(buf_text(&two), buf_text(&one));
            CHECK_MEM(second.profile->x400.tsel.p, second.profile->x400.tsel.n, "MP", 2);
        }
        reading_end(&second);
    }
    buf_fini(&one);
    buf_fini(&two);
    reading_end(&first);
}

static void the_estimate_tells_what_goes_by_p1(void)
{
    struct reading_of r = read_named("q172364-x400", "mixed");
    struct buf text;
    struct err e = {0};

    buf_init(&text, 1u << 20);
    if (CHECK_STR(r.err.text, "") && CHECK(profile_estimate(r.profile, &text, &e))) {
        CHECK_HAS(buf_text(&text), " of 30 mailboxes on 3 servers\n");
        CHECK_HAS(buf_text(&text), " messages by P1, 5 mailboxes of ours behind POSTMUSTER\n");
        CHECK_U64(r.profile->load_count, 2);
        CHECK_STR(r.profile->loads[1].protocol, "smtp");
    }
    reading_end(&r);
    buf_clear(&text);
    r = read_named("x400-peer", NULL);
    if (CHECK_STR(r.err.text, "") && CHECK(profile_estimate(r.profile, &text, &e))) {
        CHECK_HAS(buf_text(&text), "2 mailboxes of ours behind POSTMUSTER at 127.0.0.1:11102\n");
        CHECK(!r.profile->lab.on);
    }
    reading_end(&r);
    buf_fini(&text);
}

static const struct test tests[] = {
    TEST(a_group_at_ours_adds_our_mta_as_the_last_server),
    TEST(the_run_s_protocol_is_that_of_loads_that_do_not_say),
    TEST(selectors_are_octets_or_hex),
    TEST(mode_1984_sends_p2),
    TEST(values_of_a_p1_load_are_read),
    TEST(nobody_else_is_called_ours),
    TEST(what_x400_cannot_do_is_refused),
    TEST(names_passwords_and_sizes_have_bounds),
    TEST(a_live_site_says_what_a_lab_knows_by_itself),
    TEST(passwords_for_elsewhere_stand_in_no_file),
    TEST(lint_names_keys_that_mean_nothing),
    TEST(a_profile_of_x400_printed_and_read_again_prints_the_same),
    TEST(the_estimate_tells_what_goes_by_p1),
    TEST_END,
};

const struct suite x400_suite = {"x400", tests};
