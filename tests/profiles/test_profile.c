/* test_profile.c - what a right profile becomes: defaults, variants, matrix, shipped ones, and printing back. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "profiles/profile.h"
#include "profiles/workload.h"
#include "tests/profiles/drafts.h"
#include "tests/support/check.h"
#include "tests/support/scratch.h"

#define LOAD "load: {x: {via: s1, from: joe, to: joanne, rate: 1/s, duration: 10s}}\n"

static void a_lab_brings_mover_probes_look_up_and_passwords(void)
{
    struct reading_of r = read_draft(plain_lab, LOAD "moves: {m: {mailboxes: joanne, to: s2}}\n");
    const struct profile *p = r.profile;

    if (!CHECK_STR(r.err.text, "")) {
        reading_end(&r);
        return;
    }
    CHECK(p->lab.on);
    CHECK_STR(p->name, "p");
    CHECK_STR(p->lab.version, "5.5-sp3");
    CHECK_STR(p->lab.knob_names[0], "ndr_format");
    CHECK_U64(p->mover_count, 1);
    CHECK_STR(p->movers[p->moves[0].mover].body,
              "{\"mailbox\":\"{mailbox}\",\"from\":\"{from}\",\"to\":\"{to}\"}");
    CHECK_U64(p->movers[0].period_real_ns, 20 * NS_PER_MS);
    CHECK_U64(p->moves[0].from, SITE_NONE);
    CHECK_U64(p->moves[0].count, 4); /* every mailbox once */
    CHECK_U64(p->probe_count, 2);
    CHECK_U64(p->probes[0].places, PLACE_HOME | PLACE_OLD | PLACE_ALTERNATE | PLACE_ORIGINATOR);
    CHECK_U64(p->probes[1].type, PROBE_QUEUE_HTTP);
    CHECK_U64(p->probes[1].period_real_ns, 250 * NS_PER_MS);
    CHECK(p->home_lookup.on);
    CHECK_STR(p->site.mailboxes[0].address, "joanne-1@lab.test");
    CHECK(strncmp(p->site.mailboxes[0].password, "pw-", 3) == 0);
    CHECK_STR(p->site.mailboxes[0].password, p->site.mailboxes[1].password);
    CHECK(strcmp(p->site.mailboxes[0].password, p->site.mailboxes[5].password) != 0);
    CHECK(p->gate_count > 10); /* everything that should not happen */
    CHECK_STR(p->loads[0].protocol, "smtp");
    CHECK(p->loads[0].mode == SEND_CHUNKING);
    CHECK(p->canary);
    reading_end(&r);
}

static void alternates_are_paired_one_to_one(void)
{
    struct reading_of r =
        read_draft(plain_lab, "  ann: {count: 6, home: s1, alternate: joanne, deliver: "
                              "redirect}\n  solo: {home: s2, stock: 90s}\n");

    if (CHECK_STR(r.err.text, "")) {
        const struct site *s = &r.profile->site;
        uint32_t ann = site_mailbox(s, "ann-1");

        CHECK_STR(s->mailboxes[s->mailboxes[ann].alternate].name, "joanne-1");
        CHECK_STR(s->mailboxes[s->mailboxes[ann + 5].alternate].name, "joanne-2");
        CHECK(!s->mailboxes[ann].both);
        CHECK_U64(s->mailboxes[site_mailbox(s, "solo")].stock_ns, 90 * NS_PER_S);
    }
    reading_end(&r);
}

static void values_are_read_as_the_table_says(void)
{
    struct reading_of r = read_draft(
        plain_lab,
        "load:\n  a: {via: s2, from: [joe, joanne], to: joe, arrivals: aimed, mark: flipped, "
        "phase: 0s..1m, size: 1KB..64KB, notify: never, ret: headers, mode: lockstep}\n"
        "moves: {m: {mailboxes: [joe], to: s1, options: {dir_first: true, n: 3, t: \"4\", l: [x, "
        "null]}}}\n"
        "safety: {networks: [10.0.0.0/8], domains: [corp.com, b.com]}\n"
        "actions: {down: {at: 1m30s, do: down, component: store, server: s1}}\n");

    if (CHECK_STR(r.err.text, "")) {
        const struct load_profile *l = r.profile->loads;

        CHECK_U64(l->from_count, 2);
        CHECK_U64(l->aim, AIM_FLIPPED);
        CHECK_I64(l->aim_to_ns, 60 * (int64_t)NS_PER_S);
        CHECK_U64(l->size_max, 65536);
        CHECK_U64(l->notify, NOTIFY_NEVER);
        CHECK(l->ret_headers && l->mode == SEND_LOCKSTEP);
        CHECK_STR(r.profile->moves[0].options,
                  "{\"dir_first\":true,\"n\":3,\"t\":\"4\",\"l\":[\"x\",null]}");
        CHECK_U64(r.profile->safety.guard.count, 1);
        CHECK_U64(r.profile->safety.domain_count, 2);
        CHECK_U64(r.profile->actions[0].kind, ACT_DOWN);
        CHECK_U64(r.profile->actions[0].at_ns, 90 * NS_PER_S);
    }
    reading_end(&r);
}

static void a_set_wins_over_the_variant_and_the_variant_over_the_file(void)
{
    static const char tail[] =
        LOAD "variants:\n  fast: {load.x.rate: 5/s, load.x.duration: 20s, lab.version: "
             "5.5-sp4,\n    actions.drop: {at: 60s, do: restart}, probes.queues: null}\n";
    struct reading_of r = read_changed(plain_lab, tail, "load.x.rate=7/s", "fast");

    if (CHECK_STR(r.err.text, "")) {
        CHECK_STR(r.profile->variant, "fast");
        CHECK_U64((uint64_t)r.profile->loads[0].rate, 7);
        CHECK_U64(r.profile->loads[0].duration_ns, 20 * NS_PER_S);
        CHECK_STR(r.profile->lab.version, "5.5-sp4");
        CHECK_U64(r.profile->action_count, 1);
        CHECK_U64(r.profile->probe_count, 1);
        CHECK_U64(r.profile->actions[0].server, SITE_NONE);
    }
    reading_end(&r);
    r = read_draft(plain_lab, tail);
    if (CHECK_STR(r.err.text, "")) {
        CHECK_U64(r.profile->variant_count, 1);
        CHECK_STR(r.profile->variant, "");
        CHECK_U64(r.profile->action_count, 0);
    }
    reading_end(&r);
}

static const char matrix[] =
    LOAD "matrix:\n"
         "  versions: [4.0-rtm, 5.5-sp3, 5.5-sp4]\n"
         "  scenarios:\n"
         "    A: {title: plain, expect: {\"*\": delivered late *ndr}}\n"
         "    B: {title: other, set: {load.x.rate: 9/s}, expect: {\"5.5-*\": "
         "delivered, 5.5-sp3: \"*silent-loss u\", \"4*\": n/a}}\n";

static void cells_of_a_matrix_are_variants(void)
{
    struct reading_of r = read_draft(plain_lab, matrix);

    if (CHECK_STR(r.err.text, "")) {
        CHECK_U64(r.profile->scenario_count, 2);
        CHECK_U64(r.profile->version_count, 3);
        CHECK_U64(r.profile->variant_count, 5);
        CHECK_STR(r.profile->variants[0], "A/4.0-rtm");
        CHECK_STR(r.profile->variants[4], "B/5.5-sp4");
        CHECK(!r.profile->has_expect);
    }
    reading_end(&r);
    r = read_changed(plain_lab, matrix, NULL, "B/5.5-sp3");
    if (CHECK_STR(r.err.text, "")) {
        CHECK_STR(r.profile->lab.version, "5.5-sp3");
        CHECK_U64((uint64_t)r.profile->loads[0].rate, 9);
        CHECK(r.profile->has_expect && r.profile->expect.unattested);
        CHECK_STR(r.profile->expect.must, "silent-loss");
    }
    reading_end(&r);
    r = read_changed(plain_lab, matrix, NULL, "A/5.5-sp4");
    if (CHECK_STR(r.err.text, "")) {
        CHECK_U64(r.profile->expect.allowed_count, 3);
        CHECK_STR(r.profile->expect.must, "ndr");
    }
    reading_end(&r);
    r = read_changed(plain_lab, matrix, NULL, "B/4.0-rtm");
    CHECK_HAS(r.err.text, "no variant \"B/4.0-rtm\"");
    reading_end(&r);
}

static void a_matrix_is_held_to_its_form(void)
{
    check_refused(plain_lab,
                  "matrix: {versions: [a], scenarios: {A: {expect: {\"*\": delivered}}}}\n",
                  "matrix.scenarios.A: title and expect are needed");
    check_refused(plain_lab, "matrix: {versions: [a], scenarios: {A: {titel: x}}}\n",
                  "unknown key \"titel\"; did you mean \"title\"?");
    struct reading_of r = read_changed(
        plain_lab,
        "matrix: {versions: [a], scenarios: {A: {title: x, expect: {\"*\": deliverd}}}}\n", NULL,
        "A/a");
    CHECK_HAS(r.err.text, "expect: unknown class \"deliverd\"; did you mean \"delivered\"?");
    reading_end(&r);
}

static void printed_and_read_again_it_prints_the_same(void)
{
    struct reading_of first = read_named("q172364-both-moving", NULL), second;
    struct buf one, two;

    buf_init(&one, 1u << 20);
    buf_init(&two, 1u << 20);
    if (CHECK_STR(first.err.text, "") && CHECK(profile_print(first.profile, &one))) {
        second = read_draft("", buf_text(&one));
        if (CHECK_STR(second.err.text, "")) {
            CHECK(profile_print(second.profile, &two));
            CHECK_STR(buf_text(&two), buf_text(&one));
            CHECK_STR(second.profile->name, "q172364-both-moving");
            CHECK_U64(second.profile->moves[1].deadline_ns, first.profile->moves[1].deadline_ns);
        }
        reading_end(&second);
    }
    reading_end(&first);
    buf_fini(&one);
    buf_fini(&two);
}

static void secrets_are_not_printed(void)
{
    struct reading_of r = read_draft(plain_lab, "  ann: {home: s1, password: hunter2}\n");
    struct buf text;

    buf_init(&text, 1u << 20);
    if (CHECK_STR(r.err.text, "") && CHECK(profile_print(r.profile, &text))) {
        CHECK(strstr(buf_text(&text), "hunter2") == NULL);
        CHECK(strstr(buf_text(&text), r.profile->site.mailboxes[0].password) == NULL);
        CHECK_HAS(buf_text(&text), "REDACTED");
    }
    reading_end(&r);
    buf_fini(&text);
}

static void lint_says_what_is_odd(void)
{
    struct reading_of r = read_draft(
        plain_lab,
        "load: {x: {via: s1, from: joe, to: joanne, rate: 1/m, duration: 10s, burst: 4, verp: yes}}"
        "\n"
        "moves: {m: {mailboxes: joanne, to: s2, start: 60s}}\n"
        "probes: {stores: {type: imap}}\n"
        "settle: {canary: no}\n");
    struct buf text;

    buf_init(&text, 1u << 20);
    if (CHECK_STR(r.err.text, "") && CHECK(profile_lint(r.profile, &text))) {
        CHECK_HAS(buf_text(&text), "load.x.burst: means nothing");
        CHECK_HAS(buf_text(&text), "load.x.verp: the lab does not know");
        CHECK_HAS(buf_text(&text), "gets a message every 240 s");
        CHECK_HAS(buf_text(&text), "begin after all has been sent");
        CHECK_HAS(buf_text(&text), "without sight of the queues");
        CHECK_HAS(buf_text(&text), "settle.canary");
    }
    buf_clear(&text);
    CHECK(profile_estimate(r.profile, &text, &r.err));
    CHECK_HAS(buf_text(&text), "1 messages, 1 copies, 4 moves of 6 mailboxes on 2 servers");
    reading_end(&r);
    buf_fini(&text);
}

/* --- shipped ---------------------------------------------------------------------------------------------------- */

static void check_shipped(const char *name, const char *variant)
{
    struct reading_of r = read_named(name, variant);
    struct buf text;

    buf_init(&text, 1u << 20);
    if (check_str(r.err.text, "", variant ? variant : name, __FILE__, __LINE__)) {
        CHECK(profile_lint(r.profile, &text));
        check_str(buf_text(&text), "", variant ? variant : name, __FILE__, __LINE__);
        for (uint32_t i = 0; !variant && i < r.profile->variant_count; i++)
            check_shipped(name, r.profile->variants[i]);
    }
    buf_fini(&text);
    reading_end(&r);
}

static void every_shipped_profile_and_variant_is_right_and_free_of_lint(void)
{
    struct arena *a = arena_create(1u << 20);
    const char *const *names = profile_shipped(a);
    size_t n = 0;

    for (; names && names[n]; n++)
        check_shipped(names[n], NULL);
    CHECK(n >= 8);
    CHECK(profile_find(a, "q172364") != NULL);
    CHECK(profile_find(a, "../q172364") == NULL);
    arena_destroy(a);
}

/* The one YAML block of a page, as it stands there. */
static struct reading_of read_page(const char *page)
{
    struct reading_of r = {0};
    char *text = scratch_read(page, NULL), *from = text ? strstr(text, "```yaml\n") : NULL;
    char *to = from ? strstr(from, "\n```\n") : NULL;

    CHECK(to != NULL);
    if (to) {
        to[1] = '\0';
        r = read_draft(from + strlen("```yaml\n"), "");
    }
    free(text);
    return r;
}

static void what_the_documents_show_is_right(void)
{
    (void)setenv("ANNA", "anna-and-ben", 1);
    (void)setenv("BEN", "anna-and-ben", 1);
    struct reading_of r = read_page(PM_SOURCE_DIR "/README.md");

    CHECK_STR(r.err.text, "");
    reading_end(&r);
    r = read_page(PM_SOURCE_DIR "/docs/profile.md");
    CHECK_STR(r.err.text, "");
    reading_end(&r);
}

static void a_shipped_name_of_nobody_is_told_with_the_nearest(void)
{
    struct reading_of r = read_named("q17236", NULL);

    CHECK_HAS(r.err.text, "no shipped profile is called \"q17236\"; did you mean \"q172364\"?");
    reading_end(&r);
    r = read_named("nowhere/x.yaml", NULL);
    CHECK_STR(r.err.text, "nowhere/x.yaml: No such file or directory");
    reading_end(&r);
}

static void a_command_beside_the_profile_stays_beside_it(void)
{
    struct reading_of r = read_draft(plain_lab, "movers:\n"
                                                "  near: {type: exec, argv: [../bin/move, ../x]}\n"
                                                "  far: {type: exec, argv: [/bin/true, ./y]}\n"
                                                "  found: {type: exec, argv: move-it}\n");
    const struct profile *p = r.profile;

    if (CHECK_STR(r.err.text, "")) {
        CHECK(strcmp(p->movers[0].argv[0], "../bin/move") != 0); /* but the scratch folder's */
        CHECK_HAS(p->movers[0].argv[0], "/../bin/move");
        CHECK_STR(p->movers[0].argv[1], "../x"); /* an argument is the command's business */
        CHECK_STR(p->movers[1].argv[0], "/bin/true");
        CHECK_STR(p->movers[1].argv[1], "./y");
        CHECK_STR(p->movers[2].argv[0], "move-it");
    }
    reading_end(&r);
}

static void probes_of_files_need_a_path_that_tells_mailboxes_apart(void)
{
    struct reading_of r;
    struct buf text;

    check_refused(plain_lab, "probes: {x: {type: maildir}}\n", "\"path\" is missing");
    check_refused(plain_lab, "probes: {x: {type: mbox, path: /var/mail/all}}\n",
                  "all mailboxes are one");
    check_refused(plain_lab, "probes: {x: {type: mbox, path: '/var/{server}/{domain}'}}\n",
                  "all mailboxes are one");
    check_refused(plain_lab, "probes: {x: {type: mbox, path: '/var/{usr}'}}\n", "its words are");
    check_refused(plain_lab, "probes: {x: {type: pop3, servers: [s9]}}\n", "no server");
    r = read_draft(plain_lab, "probes:\n"
                              "  one: {type: maildir, path: '/srv/{server}/{user}/Maildir', "
                              "folders: yes, servers: [s1]}\n"
                              "  rest: {type: pop3, mailboxes: [joe]}\n"
                              "  flat: {type: mbox, path: '/var/mail/{local}'}\n"
                              "moves: {m: {mailboxes: joanne, to: s2, every: 10s}}\n");
    if (CHECK_STR(r.err.text, "")) {
        const struct profile *p = r.profile;

        CHECK_STR(p->probes[0].path, "/srv/{server}/{user}/Maildir");
        CHECK(p->probes[0].folders && !p->probes[2].folders);
        CHECK_U64(p->probes[0].period_real_ns, 100000000);
        CHECK_U64(p->probes[1].type, PROBE_POP3);
        CHECK(profile_store(p, 0, 0) == &p->probes[0]);
        CHECK(profile_store(p, 0, 1) == &p->probes[2]);
        CHECK(profile_store(p, 4, 1) == &p->probes[1]);
        buf_init(&text, 1 << 16);
        CHECK(profile_lint(p, &text));
        CHECK_HAS(buf_text(&text), "probes.flat.path: without {server}");
        CHECK(strstr(buf_text(&text), "probes.one.path") == NULL);
        buf_fini(&text);
    }
    reading_end(&r);
}

static void lint_names_commands_that_cannot_be_run(void)
{
    struct reading_of r =
        read_draft(plain_lab, "movers:\n"
                              "  none: {type: exec, argv: [./no-such-command]}\n"
                              "  page: {type: exec, argv: [./p.yaml]}\n"
                              "  fine: {type: exec, argv: [/bin/true]}\n"
                              "  found: {type: exec, argv: [no-such-command]}\n"
                              "home_lookup: {argv: [/nowhere/home], url: null}\n");
    struct buf text;

    buf_init(&text, 1u << 20);
    if (CHECK_STR(r.err.text, "") && CHECK(profile_lint(r.profile, &text))) {
        CHECK_HAS(buf_text(&text), "/./no-such-command does not exist\n");
        CHECK_HAS(buf_text(&text), "/./p.yaml is not executable\n");
        CHECK_HAS(buf_text(&text), "home_lookup.argv: /nowhere/home does not exist\n");
        CHECK(!strstr(buf_text(&text), "movers.fine"));
        CHECK(!strstr(buf_text(&text), "movers.found"));
    }
    buf_fini(&text);
    reading_end(&r);
}

static const struct test tests[] = {
    TEST(a_lab_brings_mover_probes_look_up_and_passwords),
    TEST(alternates_are_paired_one_to_one),
    TEST(values_are_read_as_the_table_says),
    TEST(a_set_wins_over_the_variant_and_the_variant_over_the_file),
    TEST(cells_of_a_matrix_are_variants),
    TEST(a_matrix_is_held_to_its_form),
    TEST(printed_and_read_again_it_prints_the_same),
    TEST(secrets_are_not_printed),
    TEST(lint_says_what_is_odd),
    TEST(every_shipped_profile_and_variant_is_right_and_free_of_lint),
    TEST(what_the_documents_show_is_right),
    TEST(a_command_beside_the_profile_stays_beside_it),
    TEST(probes_of_files_need_a_path_that_tells_mailboxes_apart),
    TEST(lint_names_commands_that_cannot_be_run),
    TEST(a_shipped_name_of_nobody_is_told_with_the_nearest),
    TEST_END,
};

const struct suite profile_suite = {"profile", tests};
