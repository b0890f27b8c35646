/* test_killed.c - SIGKILL at random moments: what the journal holds is judged, balances, and claims no more than it knows.
 *
 * Most runs have their lab in a process of its own, which lives on and writes its truth to the end: what a killed run
 * says can then be held against what really became of its messages. Some runs take their lab down with them.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/rng.h"
#include "results/judge.h"
#include "tests/app/program.h"
#include "tests/support/check.h"
#include "tests/support/scratch.h"
#include "tests/support/truth.h"

#define KILLS_OUTSIDE 14
#define KILLS_INSIDE  6
#define LONGEST_MS    3000

enum { SMTP = 25, HTTP = 80, IMAP = 143, PORTS }; /* above lab.base_port */

static const char lab[] =
    "lab: {version: 5.5-sp3, servers: [s1, s2], base_port: %u,\n"
    "  knobs: {create_to_flag: 50ms, copy_time: 100ms, commit_delay: 50ms}}\n";

static const char live_site[] =
    "servers:\n"
    "  s1: {smtp: '127.0.0.11:%u', imap: '127.0.0.11:%u', control: 'http://127.0.0.11:%u',\n"
    "    tls: none, imap_tls: none}\n"
    "  s2: {smtp: '127.0.0.12:%u', imap: '127.0.0.12:%u', control: 'http://127.0.0.12:%u',\n"
    "    tls: none, imap_tls: none}\n"
    "movers:\n"
    "  lab: {type: http, start: 'POST {control}/v1/move', period: 20ms,\n"
    "    body: '{\"mailbox\":\"{mailbox}\",\"from\":\"{from}\",\"to\":\"{to}\"}',\n"
    "    poll: 'GET {control}/v1/move?id={id}'}\n"
    "probes:\n"
    "  stores: {type: imap, period: 100ms}\n"
    "  queues: {type: http, period: 100ms}\n"
    "home_lookup: {url: '{control}/v1/home?mailbox={mailbox}', period: 50ms}\n";

static const char rest[] =
    "mailboxes:\n"
    "  box: {count: 4, home: s1, alternate: alt, deliver: both, password: word%s}\n"
    "  alt: {count: 4, home: s2, password: word%s}\n"
    "  joe: {count: 2, home: s2, password: word%s}\n"
    "load:\n"
    "  steady: {via: s2, from: joe, to: box, arrivals: poisson, rate: 150/s, duration: 2s,\n"
    "    size: 1KB, threads: 2, connections: 2}\n"
    "moves:\n"
    "  users: {mailboxes: box, to: s2, start: 100ms, every: 300ms, count: 6, back: yes,\n"
    "    mover: lab}\n"
    "settle: {retry: 1s, deadline: 20s}\n";

static const char *write_profile(const char *dir, const char *name, unsigned port, bool live)
{
    static char path[2][400];
    const char *address = live ? ", address: '{name}@lab.test'" : "";
    struct buf b;

    buf_init(&b, 1u << 16);
    (void)buf_add_format(&b, "schema: 1\nrun: {name: killed, seed: 7}\n");
    if (live)
        (void)buf_add_format(&b, live_site, port + SMTP, port + IMAP, port + HTTP, port + SMTP,
                             port + IMAP, port + HTTP);
    else
        (void)buf_add_format(&b, lab, port);
    (void)buf_add_format(&b, rest, address, address, address);
    (void)snprintf(path[live], sizeof path[live], "%s", scratch_file(dir, name, buf_text(&b)));
    buf_fini(&b);
    return path[live];
}

/* Starts a run of the profile and kills it at a random moment of its load, its settling or even later. The folder, or "". */
static bool kill_one(const char *dir, const char *profile, unsigned i, char folder[600])
{
    struct rng r = rng_at(getpid(), 0x4b494c, i);
    struct program p;
    char runs[400], manifest[700];
    const char *const argv[] = {"run", profile, "--runs", runs, "--quiet", NULL};

    (void)snprintf(runs, sizeof runs, "%s/runs-%u", dir, i);
    folder[0] = '\0';
    if (!CHECK(program_start(&p, &(struct program_way){.dir = dir}, argv)))
        return false;
    for (unsigned ms = 0; ms < 20000 && !*folder && !program_is_over(&p); ms += 10) {
        (void)snprintf(folder, 600, "%s", program_only_folder(runs));
        program_sleep_ms(10);
    }
    (void)snprintf(manifest, sizeof manifest, "%s/manifest.json", folder);
    while (*folder && !program_is_over(&p) && !program_file_appears(manifest, 1))
        ;
    program_sleep_ms((unsigned)rng_below(&r, LONGEST_MS));
    program_signal(&p, SIGKILL);
    (void)program_wait(&p, 10);
    if (p.code != 128 + SIGKILL) {
        char *said = program_said(&p, true);

        (void)printf("  run %u ended by itself with %d: %s\n", i, p.code, said);
        free(said);
    }
    return CHECK(program_file_appears(manifest, 1));
}

static bool silent(unsigned c)
{
    return c == CLASS_LEFT_BEHIND || c == CLASS_VANISHED || c == CLASS_STRANDED ||
           c == CLASS_IN_DOUBT_SILENT || c == CLASS_SILENT_BY_REQUEST || c == CLASS_SILENT_LOSS;
}

static void complain(const char *folder, const char *why)
{
    char text[1500];

    (void)snprintf(text, sizeof text, "%s: %s", folder, why);
    (void)check_true(false, text, __FILE__, __LINE__);
}

static void check_judgement(const char *folder, const struct judgement *j, bool ended)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < j->identity_count; i++)
        if (j->identities[i].left != j->identities[i].right)
            complain(folder, j->identities[i].name);
    for (unsigned c = 0; c < CLASS_COUNT; c++) {
        sum += j->tally.classes[c];
        if (!ended && silent(c) && j->tally.classes[c])
            complain(folder, class_name((enum outcome)c));
    }
    (void)CHECK_U64(sum, j->tally.planned);
    (void)CHECK_U64(j->tally.classes[CLASS_PHANTOM], 0);
    if (!ended) /* something was under way, or not even begun */
        (void)CHECK(j->tally.classes[CLASS_UNKNOWN] == 0 || j->verdict != VERDICT_PASS);
}

static void check_folder(const char *folder, const char *truth)
{
    struct run_record r = {0};
    struct truth_score score;
    struct err e = {0};

    if (!judge_folder(&r, folder, &e)) {
        complain(folder, e.text);
        return;
    }
    bool ended = r.judgement->tally.health.ended;

    check_judgement(folder, r.judgement, ended);
    (void)printf("  %" PRIu64 " planned, %" PRIu64 " delivered, %" PRIu64 " unknown, %" PRIu64
                 " not sent, %s\n",
                 r.judgement->tally.planned, r.judgement->tally.classes[CLASS_DELIVERED],
                 r.judgement->tally.classes[CLASS_UNKNOWN],
                 r.judgement->tally.classes[CLASS_NOT_SENT], ended ? "ended" : "killed");
    if (truth && !ended) {
        if (!truth_compare(r.manifest, r.ledger, truth, TRUTH_KILLED, &score, &e))
            complain(folder, e.text);
        else if (score.wrong)
            complain(folder, score.first);
    }
    run_record_fini(&r);
}

/* The program itself says so too: FAIL on what is certain, else INCONCLUSIVE. */
static void check_verb(const char *dir, const char *folder)
{
    struct program p;
    const char *const argv[] = {"judge", folder, NULL};
    int code = program_run(&p, &(struct program_way){.dir = dir}, argv);

    (void)CHECK(code == EX_FAIL || code == EX_INCONCLUSIVE);
}

static void a_killed_run_claims_no_more_than_it_knows(void)
{
    char dir[300], lab_yaml[400], truth[400], folders[KILLS_OUTSIDE][600];
    unsigned port = program_free_ports(PORTS);
    struct program site;

    (void)snprintf(dir, sizeof dir, "%s", scratch_dir("killed"));
    (void)snprintf(lab_yaml, sizeof lab_yaml, "%s", write_profile(dir, "lab.yaml", port, false));
    (void)snprintf(truth, sizeof truth, "%s/truth.tsv", dir);
    const char *live_yaml = write_profile(dir, "live.yaml", port, true);
    const char *const serve[] = {"lab", lab_yaml, "--dir", dir, NULL};

    if (!CHECK(program_start(&site, &(struct program_way){.dir = dir}, serve)) ||
        !CHECK(program_file_appears(truth, 10)))
        return;
    program_sleep_ms(200);
    unsigned killed = 0;

    while (killed < KILLS_OUTSIDE && kill_one(dir, live_yaml, killed, folders[killed])) {
        program_sleep_ms(700); /* a move that was under way ends */
        killed++;
    }
    program_sleep_ms(1500); /* what was under way arrives */
    program_signal(&site, SIGINT);
    (void)CHECK(program_wait(&site, 10));
    (void)CHECK_U64((uint64_t)site.code, 0);
    for (unsigned i = 0; i < killed; i++)
        check_folder(folders[i], truth);
    check_verb(dir, folders[0]);
}

static void a_run_that_takes_its_lab_along_balances_too(void)
{
    char dir[300], folders[KILLS_INSIDE][600];

    (void)snprintf(dir, sizeof dir, "%s", scratch_dir("killed-inside"));
    const char *yaml = write_profile(dir, "inside.yaml", 0, false);

    for (unsigned i = 0; i < KILLS_INSIDE; i++)
        if (kill_one(dir, yaml, KILLS_OUTSIDE + i, folders[i]))
            check_folder(folders[i], NULL);
    check_verb(dir, folders[0]);
}

static const struct test tests[] = {
    TEST(a_killed_run_claims_no_more_than_it_knows),
    TEST(a_run_that_takes_its_lab_along_balances_too),
    TEST_END,
};

const struct suite killed_suite = {"killed", tests};
