/* test_complaints.c - what a wrong profile is told: file, line, column, key, what was expected, the nearest name. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/stat.h>

#include "tests/profiles/drafts.h"
#include "tests/support/check.h"
#include "tests/support/scratch.h"

#define LOAD "load: {x: {via: s1, from: joe, to: joanne, rate: 1/s, duration: 10s}}\n"

static void an_unknown_key_is_told_with_the_nearest(void)
{
    check_refused(plain_lab,
                  "load:\n  x: {via: s1, from: joe, to: joanne,\n      rat: 1/s, duration: 10s}\n",
                  "p.yaml:8:7: load.x: unknown key \"rat\"; did you mean \"rate\"?");
    check_refused(plain_lab, "laod: {}\n",
                  "p.yaml:6:1: unknown section \"laod\"; did you mean \"load\"?");
    check_refused(plain_lab, "run: {qwertyuiop: 1}\n", "run: unknown key \"qwertyuiop\"");
}

static void a_wrong_unit_is_told_with_a_right_one(void)
{
    check_refused(
        plain_lab, "load:\n  x: {via: s1, from: joe, to: joanne, rate: 10, duration: 10s}\n",
        "p.yaml:7:45: load.x.rate: expected a rate such as 10/s, 6/m or 1/30s, got \"10\"");
    check_refused(plain_lab, "settle: {retry: 10}\n",
                  "settle.retry: expected a duration such as 90s, 1m30s or 250ms, got \"10\"");
    check_refused(plain_lab, "run: {seed: 1.5}\n", "run.seed: expected a whole number");
    check_refused(plain_lab, "settle: {canary: maybe}\n", "settle.canary: expected yes or no");
    check_refused(plain_lab, "run: {name: {a: 1}}\n", "run.name: expected text, got a map");
    check_refused(plain_lab, "settle: 5\n", "p.yaml:6:9: settle: expected keys and values");
    check_refused(plain_lab, "load: [a]\n", "load: expected named entries");
}

static void a_plan_longer_than_the_clock_of_the_ledger_is_refused(void)
{
    static const char head[] = "safety: {max_duration: 30d}\n"
                               "load: {x: {via: s1, from: joe, to: joanne, rate: 1/30s, duration: ";

    char text[400];

    (void)snprintf(text, sizeof text, "%s76h}}\n", head);
    check_refused(plain_lab, text, "a run is at most 76 hours long");
    (void)snprintf(text, sizeof text, "%s75h}}\nsettle: {deadline: 90m}\n", head);
    check_refused(plain_lab, text, "may last 76 hours");
    (void)snprintf(text, sizeof text, "%s75h}}\nsettle: {deadline: 30m}\n", head);
    struct reading_of r = read_draft(plain_lab, text);

    CHECK_STR(r.err.text, "");
    reading_end(&r);
}

static void sizes_and_phases_are_held_to_their_form(void)
{
    static const char head[] =
        "load: {x: {via: s1, from: joe, to: joanne, rate: 1/s, duration: 9s, ";

    static const struct {
        const char *tail, *part;
    } rows[] = {
        {"size: 4KB..2KB}}\n", "load.x.size: expected a size such as 1KB, 1KB..64KB or mmb"},
        {"size: ten}}\n", "load.x.size: expected a size"},
        {"size: 8}}\n", "load.x.size: 8 is out of range (64 bytes to 64 MB)"},
        {"phase: 5s}}\n", "load.x.phase: expected a span such as 0s..30s or -5s..60s"},
        {"phase: 5s..2s}}\n", "load.x.phase: expected a span"},
        {"arrivals: aimed, mark: done, phase: -5s..2s}}\n", "load.x.phase: only the asking"},
        {"arrivals: aimed, aim: comp}}\n", "load.x.aim: expected one of spread, comb, adaptive"},
        {"arrivals: aimed, aim: adaptive, phase: -5s..2s}}\n",
         "load.x.phase: adaptive aim decides when the move is asked for"},
        {"arrivals: aimed, aim: adaptive, phase: 0s..31m}}\n",
         "load.x.phase: adaptive aim reaches 30 minutes after the mark"},
        {"arrivals: aimed, aim: adaptive, phase: 0ms..500us}}\n",
         "load.x.phase: too short to search"},
        {"to: joe}}\n", "duplicate key"},
    };

    char text[2000];

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        (void)snprintf(text, sizeof text, "%s%s", head, rows[i].tail);
        check_refused(plain_lab, text, rows[i].part);
    }
}

static void a_value_out_of_range_is_told_with_the_range(void)
{
    check_refused(plain_lab, "load: {x: {via: s1, from: joe, to: joanne, recipients: 17}}\n",
                  "load.x.recipients: 17 is out of range (1 to 16)");
    check_refused(plain_lab, "settle: {retry: 31d}\n", "is out of range (1ms to 7d)");
    check_refused("schema: 2\n", "", "schema: 2 is out of range (1 to 1)");
    check_refused(plain_lab, "load: {x: {via: s1, from: joe, to: joanne, rate: 2000000/s}}\n",
                  "is out of range (1e-06/s to 1e+06/s)");
}

static void what_is_missing_is_named(void)
{
    check_refused("run: {name: x}\n", "",
                  "profile: \"schema\" is missing: Version of this format: 1.");
    check_refused(plain_lab, "load:\n  x: {from: joe, to: joanne}\n",
                  "p.yaml:7:3: load.x: \"via\" is missing: Server where mail enters.");
    check_refused(plain_lab, "load: {x: {via: s1, from: joe, to: joanne, duration: 5s}}\n",
                  "load.x: \"rate\" is missing: arrivals are constant");
    check_refused(plain_lab, "load: {x: {via: s1, from: joe, to: joanne, rate: 1/s}}\n",
                  "load.x: \"duration\" is missing");
    check_refused(plain_lab, "load: {x: {via: s1, from: joe, to: joe, arrivals: bursts}}\n",
                  "load.x: \"burst\" is missing: arrivals are bursts");
    check_refused(plain_lab, "actions: {x: {at: 5s, do: knob, value: 1}}\n",
                  "actions.x: \"name\" is missing: do is knob");
    check_refused(plain_lab, "movers: {x: {type: exec}}\n",
                  "movers.x: \"argv\" is missing: type is exec");
    check_refused(plain_lab, "settle: {silence: lifetimes}\n", "settle: \"lifetime\" is missing");
}

static void names_of_nobody_are_told_with_the_nearest(void)
{
    check_refused(plain_lab, "load: {x: {via: s1, from: jo, to: joanne}}\n",
                  "load.x.from: unknown group \"jo\"; did you mean \"joe\"?");
    check_refused(plain_lab, "load: {x: {via: s3, from: joe, to: joanne}}\n",
                  "load.x.via: unknown server \"s3\"; did you mean \"s1\"?");
    check_refused(plain_lab, "moves: {x: {mailboxes: joanne, to: s2, mover: lap}}\n",
                  "moves.x.mover: unknown mover \"lap\"; did you mean \"lab\"?");
    check_refused(plain_lab, "gates: {silent-lost: 0}\n",
                  "gates: unknown gate \"silent-lost\"; did you mean \"silent-loss\"?");
    check_refused(plain_lab, "load: {x: {via: s1, from: joe, to: joanne, arrivals: poison}}\n",
                  "load.x.arrivals: expected one of constant, poisson, ramp, bursts, aimed, got "
                  "\"poison\"; did you mean \"poisson\"?");
    check_refused(plain_lab, "probes: {x: {type: imap, places: [home, odl]}}\n",
                  "probes.x.places: expected one of home, old, alternate, originator, got \"odl\"");
    check_refused(plain_lab, "gates: {silent-loss: none}\n",
                  "gates.silent-loss: expected a whole number, got \"none\"");
    check_refused(plain_lab, "gates: {pacing-p99: 10}\n",
                  "gates.pacing-p99: expected a duration such as 10ms");
}

static void keys_that_contradict_one_another_are_told(void)
{
    check_refused(plain_lab, "moves: {x: {mailboxes: joanne, from: s2, to: s2}}\n",
                  "moves.x.to: the same server as \"from\"");
    check_refused(plain_lab, "moves: {x: {mailboxes: joanne, to: s1}}\n",
                  "moves.x: round 1 would move joanne-1 from s1 to s1");
    check_refused(
        plain_lab,
        "load: {x: {via: s1, from: joe, to: joe, recipients: 3, rate: 1/s, duration: 5s}}\n",
        "load.x.recipients: more than there are mailboxes in \"to\"");
    check_refused(plain_lab, "load: {x: {via: s1, from: [joe, joe], to: joe}}\n",
                  "load.x.from: group \"joe\" stands there twice");
    check_refused(plain_lab, "servers: {a: {smtp: 127.0.0.1:25}}\n",
                  "p.yaml:6:1: servers: a lab brings its own");
    check_refused(plain_lab, "  joe-1: {home: s1}\n",
                  "mailboxes.joe-1: joe has the name joe-1 already");
    check_refused(plain_lab, "  ann: {home: s1, alternate: ann}\n",
                  "mailboxes.ann.alternate: nobody is his own alternate");
    check_refused(plain_lab, "home_lookup: {period: 5s}\n",
                  "home_lookup: expected either url or argv");
    check_refused(plain_lab, "load: {\"a b\": {via: s1}}\n", "load: \"a b\" is not a name");
    check_refused(plain_lab, "run: {name: a/b}\n", "run.name: \"a/b\" is not a name");
}

static void yaml_s_complaints_come_with_the_file(void)
{
    check_refused(plain_lab, "run: &a {name: x}\n", "p.yaml:6:6: anchors");
    check_refused(plain_lab, "run:\n\tname: x\n", "p.yaml:7:1: ");
    check_refused(plain_lab, "mailboxes: {}\n", "p.yaml:6:1: duplicate key \"mailboxes\"");
}

/* --- live sites ------------------------------------------------------------------------------------------------- */

#define LIVE(password, address)                                                                    \
    "schema: 1\n"                                                                                  \
    "servers:\n"                                                                                   \
    "  a: {smtp: 10.1.2.3:25, imap: 10.1.2.3:143}\n"                                               \
    "  b: {smtp: 127.0.0.1:2525, imap: 127.0.0.1:1143}\n"                                          \
    "mailboxes:\n"                                                                                 \
    "  users: {count: 2, home: a, address: " address ", password: " password "}\n"

static void secrets_come_by_reference_only(void)
{
    struct reading_of r;

    check_refused(
        LIVE("hunter2", "\"u{n}@example.com\""), "",
        "p.yaml:6:69: mailboxes.users.password: a literal password is read only for a lab or "
        "a loopback server; write env:NAME or file:PATH");
    check_refused(LIVE("env:PM_TEST_UNSET", "\"u{n}@example.com\""), "",
                  "mailboxes.users.password: environment variable PM_TEST_UNSET is not set");
    check_refused(LIVE("file:none", "\"u{n}@example.com\""), "", "none: No such file");
    (void)setenv("PM_TEST_SECRET", "hunter2", 1);
    r = read_draft(LIVE("env:PM_TEST_SECRET", "\"u{n}@example.com\""), "");
    if (CHECK_STR(r.err.text, "")) {
        CHECK_STR(r.profile->site.mailboxes[1].password, "hunter2");
        CHECK_STR(r.profile->site.mailboxes[1].address, "u2@example.com");
        CHECK_STR(r.profile->site.mailboxes[1].user, "users-2");
    }
    reading_end(&r);
    r = read_draft(LIVE("hunter2", "\"u{n}@example.com\""),
                   "  more: {home: b, address: x@example.com, "
                   "password: hunter2}\n");
    CHECK(r.profile == NULL);
    reading_end(&r);
}

static void a_secret_is_the_first_line_of_its_file(void)
{
    struct arena *a = arena_create(16u << 20);
    struct err e = {0};
    char path[500];

    (void)snprintf(path, sizeof path, "%s", scratch_dir("secrets"));
    (void)CHECK(chmod(scratch_file(path, "secret", "hunter3\nnot this\n"), 0600) == 0);
    const char *file = scratch_file(path, "p.yaml", LIVE("file:secret", "\"u{n}@example.com\""));
    const struct profile *p = profile_load(a, &(struct profile_request){.path = file}, &e);
    if (CHECK_STR(e.text, ""))
        CHECK_STR(p->site.mailboxes[0].password, "hunter3");
    arena_destroy(a);
}

static void a_literal_is_fine_for_a_loopback_server(void)
{
    struct reading_of r =
        read_draft("schema: 1\nservers: {b: {smtp: 127.0.0.1:2525, imap: localhost:1143, "
                   "user: x, password: y}}\n"
                   "mailboxes: {u: {home: b, address: u@example.com, password: z}}\n",
                   "");

    CHECK_STR(r.err.text, "");
    reading_end(&r);
}

static void lmtp_needs_a_server_that_speaks_it(void)
{
    static const char load[] = "load: {x: {protocol: lmtp, via: %s, from: u, to: u, rate: 1/s, "
                               "duration: 9s}}\n";
    static const char site[] = "schema: 1\nservers: {b: {%s: %s}}\n"
                               "mailboxes: {u: {home: b, address: 'u{n}@example.com'}}\n";
    char head[400], tail[400];

    (void)snprintf(tail, sizeof tail, load, "b");
    (void)snprintf(head, sizeof head, site, "smtp", "127.0.0.1:2525");
    struct reading_of r = read_draft(head, tail);
    CHECK_HAS(r.err.text, "load.x.via: this server has no lmtp end point");
    reading_end(&r);
    (void)snprintf(head, sizeof head, site, "lmtp", "127.0.0.1:2424");
    r = read_draft(head, tail);
    if (CHECK_STR(r.err.text, ""))
        CHECK_STR(r.profile->site.servers[0].lmtp.text, "127.0.0.1:2424");
    reading_end(&r);
    (void)snprintf(head, sizeof head, site, "lmtp", "'192.0.2.1:24', insecure: yes");
    r = read_draft(head, tail);
    CHECK_HAS(r.err.text, "servers.b.insecure: only loopback and private addresses");
    reading_end(&r);
    (void)snprintf(tail, sizeof tail, load, "s1");
    r = read_changed(plain_lab, LOAD, "load.x.protocol=lmtp", NULL);
    CHECK_HAS(r.err.text, "load.x.protocol: a lab does not speak LMTP");
    reading_end(&r);
}

static void check_guarded(const char *tail, const char *part)
{
    struct reading_of r = read_draft(plain_lab, tail);

    CHECK(r.profile == NULL);
    CHECK_U64((uint64_t)r.err.code, EX_GUARD);
    CHECK_HAS(r.err.text, part);
    reading_end(&r);
}

static void safety_refuses_what_is_too_much(void)
{
    struct reading_of r = read_draft(LIVE("env:HOME", "\"u{n}@corp.com\""), "");

    CHECK_U64((uint64_t)r.err.code, EX_GUARD);
    CHECK_HAS(r.err.text, "p.yaml:6:39: mailboxes.users.address: u1@corp.com: refused by "
                          "rule domain: it is outside");
    reading_end(&r);
    r = read_draft(LIVE("env:HOME", "\"u{n}@corp.com\""), "safety: {domains: [corp.com]}\n");
    CHECK_STR(r.err.text, "");
    reading_end(&r);
    check_guarded(LOAD "safety: {max_messages: 9}\n",
                  "10 messages are more than safety.max_messages (9)");
    check_guarded(LOAD "safety: {max_rate: 1/2s}\n",
                  "1 messages/s are more than safety.max_rate (0.5/s)");
    check_guarded(LOAD "safety: {max_duration: 9s}\n", "lasts longer than safety.max_duration");
    check_guarded(LOAD "safety: {max_connections: 3}\n", "4 connections are more than");
}

static void a_set_is_told_without_a_place(void)
{
    struct reading_of r = read_changed(plain_lab, LOAD, "load.x.rate=10", NULL);

    CHECK_STR(r.err.text,
              "--set: load.x.rate: expected a rate such as 10/s, 6/m or 1/30s, got \"10\"");
    reading_end(&r);
    r = read_changed(plain_lab, LOAD, "load.x.rte=10/s", NULL);
    CHECK_STR(r.err.text, "--set: load.x: unknown key \"rte\"; did you mean \"rate\"?");
    reading_end(&r);
    r = read_changed(plain_lab, LOAD, "load.x.rate", NULL);
    CHECK_U64((uint64_t)r.err.code, EX_BAD_USAGE);
    reading_end(&r);
    r = read_changed(plain_lab, LOAD, NULL, "sp4");
    CHECK_HAS(r.err.text, "no variant \"sp4\"");
    reading_end(&r);
}

static const struct test tests[] = {
    TEST(an_unknown_key_is_told_with_the_nearest),
    TEST(a_wrong_unit_is_told_with_a_right_one),
    TEST(a_plan_longer_than_the_clock_of_the_ledger_is_refused),
    TEST(sizes_and_phases_are_held_to_their_form),
    TEST(a_value_out_of_range_is_told_with_the_range),
    TEST(what_is_missing_is_named),
    TEST(names_of_nobody_are_told_with_the_nearest),
    TEST(keys_that_contradict_one_another_are_told),
    TEST(yaml_s_complaints_come_with_the_file),
    TEST(secrets_come_by_reference_only),
    TEST(a_secret_is_the_first_line_of_its_file),
    TEST(a_literal_is_fine_for_a_loopback_server),
    TEST(lmtp_needs_a_server_that_speaks_it),
    TEST(safety_refuses_what_is_too_much),
    TEST(a_set_is_told_without_a_place),
    TEST_END,
};

const struct suite complaints_suite = {"complaints", tests};
