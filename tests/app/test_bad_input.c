/* test_bad_input.c - what can go wrong around a run, through the program itself: its exit code, what it says, and what is
 * left on the disk.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "results/judge.h"
#include "tests/app/peer.h"
#include "tests/app/program.h"
#include "tests/support/check.h"
#include "tests/support/scratch.h"

static char dir[300];

/* Writes a profile, runs `verb` on it (with the run's folder at dir/run) and checks code and complaint. */
static void complains(const char *verb, const char *text, int code, const char *says)
{
    char path[400], folder[400];
    bool runs = strcmp(verb, "run") == 0;
    const char *const argv[] = {verb, path, runs ? "--dir" : NULL, folder, NULL};

    (void)snprintf(dir, sizeof dir, "%s", scratch_dir("bad"));
    (void)snprintf(path, sizeof path, "%s", scratch_file(dir, "bad.yaml", text));
    (void)snprintf(folder, sizeof folder, "%s/run", dir);
    program_says(dir, code, true, says, argv);
}

#define SITE                                                                                       \
    "schema: 1\n"                                                                                  \
    "lab: {version: 5.5-sp4, servers: [s1, s2]}\n"                                                 \
    "mailboxes:\n"                                                                                 \
    "  box: {count: 2, home: s1}\n"                                                                \
    "  joe: {home: s2}\n"

static void an_unknown_key_is_named_with_its_place_and_the_nearest_one(void)
{
    static const char text[] =
        SITE "load:\n  steady: {via: s2, from: joe, to: box, rtae: 5/s, duration: 1s}\n";

    complains("check", text, EX_BAD_PROFILE, "bad.yaml:7:41: load.steady");
    complains("check", text, EX_BAD_PROFILE, "rate");
    complains("run", text, EX_BAD_PROFILE, "bad.yaml:7:41: ");
}

static void a_wrong_unit_is_said_with_what_was_expected(void)
{
    complains("check",
              SITE "load:\n  steady: {via: s2, from: joe, to: box, rate: 5, duration: 1s}\n",
              EX_BAD_PROFILE, "bad.yaml:7:47: load.steady.rate: expected a rate");
    complains("check",
              SITE
              "load:\n  steady: {via: s2, from: joe, to: box, rate: 5/s, duration: 10 parsec}\n",
              EX_BAD_PROFILE, "load.steady.duration: expected a duration");
}

/* Without probes nothing can be seen: these runs are about the way in. */
#define LIVE(smtp)                                                                                 \
    "schema: 1\n"                                                                                  \
    "servers:\n"                                                                                   \
    "  s1: {smtp: '" smtp "', tls: none}\n"                                                        \
    "mailboxes:\n"                                                                                 \
    "  box: {home: s1, address: 'box@lab.test'}\n"                                                 \
    "  joe: {home: s1, address: 'joe@lab.test'}\n"                                                 \
    "load:\n"                                                                                      \
    "  steady: {via: s1, from: joe, to: box, rate: 10/s, duration: 1s, connections: 2}\n"          \
    "settle: {canary: no, deadline: 2s}\n"

static void a_password_that_is_not_there_is_missed_at_once(void)
{
    complains("run",
              "schema: 1\n"
              "servers:\n"
              "  s1: {smtp: '127.0.0.1:9', imap: '127.0.0.1:9', imap_tls: none, tls: none}\n"
              "mailboxes:\n"
              "  box: {home: s1, address: 'box@lab.test', password: env:PM_NOT_SET}\n"
              "  joe: {home: s1, address: 'joe@lab.test', password: env:PM_NOT_SET}\n"
              "load:\n"
              "  steady: {via: s1, from: joe, to: box, rate: 20/s, duration: 1s}\n",
              EX_BAD_PROFILE, "PM_NOT_SET");
}

static void targets_outside_the_guard_are_refused(void)
{
    complains("run", LIVE("10.11.12.13:25"), EX_GUARD, "10.11.12.13");
    complains("run", LIVE("192.0.2.1:25"), EX_GUARD, "192.0.2.1");
}

static void a_server_that_is_down_at_the_start_ends_it(void)
{
    complains("run", LIVE("127.0.0.1:9"), EX_TARGET, "refused");
}

/* --- servers that misbehave ------------------------------------------------------------------------------------- */

static struct peer *start_against(enum peer_manner manner, struct program *p)
{
    struct peer *peer = peer_start(manner);
    char text[1200], smtp[40], path[400], folder[400];
    const char *const argv[] = {"run", path, "--dir", folder, NULL};

    if (!CHECK(peer != NULL))
        return NULL;
    (void)snprintf(dir, sizeof dir, "%s", scratch_dir("peer"));
    (void)snprintf(text, sizeof text, "%s", LIVE("127.0.0.1:PPPPP"));
    (void)snprintf(smtp, sizeof smtp, "%05u", (unsigned)peer_port(peer));
    memcpy(strstr(text, "PPPPP"), smtp, 5);
    (void)snprintf(path, sizeof path, "%s", scratch_file(dir, "peer.yaml", text));
    (void)snprintf(folder, sizeof folder, "%s/run", dir);
    if (CHECK(program_start(p, &(struct program_way){.dir = dir}, argv)))
        return peer;
    peer_stop(peer);
    return NULL;
}

/* A number of the summary of dir/run: a class's copies, a finding's count; -1: not there. */
static long counted(const char *name)
{
    char path[400], key[80];

    (void)snprintf(path, sizeof path, "%s/run/summary.json", dir);
    (void)snprintf(key, sizeof key, "\"%s\":", name);
    char *text = scratch_read(path, NULL);
    const char *at = text ? strstr(text, key) : NULL;
    long n = at ? strtol(at + strlen(key), NULL, 10) : -1;

    free(text);
    return n;
}

static void balances(void)
{
    struct run_record r = {0};
    char path[400];
    struct err e = {0};

    (void)snprintf(path, sizeof path, "%s/run", dir);
    if (check_true(judge_folder(&r, path, &e), e.text, __FILE__, __LINE__))
        for (uint32_t i = 0; i < r.judgement->identity_count; i++)
            (void)CHECK_U64(r.judgement->identities[i].left, r.judgement->identities[i].right);
    run_record_fini(&r);
}

static void a_server_that_takes_all_leaves_all_unknown(void)
{
    struct program p;
    struct peer *peer = start_against(PEER_FINE, &p);

    if (!peer)
        return;
    (void)CHECK(program_wait(&p, 20));
    (void)CHECK_I64(p.code, EX_INCONCLUSIVE);
    (void)CHECK_I64(counted("unknown"), 10);
    balances();
    peer_stop(peer);
}

static void what_is_no_reply_leaves_the_message_in_doubt(void)
{
    static const enum peer_manner manners[] = {PEER_NONSENSE, PEER_LONG};
    struct program p;

    for (int i = 0; i < 2; i++) {
        struct peer *peer = start_against(manners[i], &p);

        if (!peer)
            return;
        (void)CHECK(program_wait(&p, 30));
        (void)CHECK_I64(p.code, EX_INCONCLUSIVE);
        (void)CHECK_I64(counted("unknown"), 10);
        (void)CHECK_I64(counted("doubt"), 10);
        (void)CHECK(counted("protocol") > 0);
        balances();
        peer_stop(peer);
    }
}

static void a_server_that_never_answers_can_be_left_by_two_interrupts(void)
{
    struct program p;
    struct peer *peer = start_against(PEER_NEVER, &p);

    if (!peer)
        return;
    program_sleep_ms(2500);
    (void)CHECK(!program_is_over(&p));
    program_signal(&p, SIGINT);
    program_sleep_ms(500);
    program_signal(&p, SIGINT);
    (void)CHECK(program_wait(&p, 10));
    (void)CHECK_I64(p.code, 130);
    (void)CHECK_I64(counted("doubt"), 2); /* both connections wait for their first answer */
    (void)CHECK_I64(counted("not-sent"), 8);
    balances();
    peer_stop(peer);
}

static void a_server_that_does_not_say_hello_ends_it_at_the_start(void)
{
    static const enum peer_manner manners[] = {PEER_GIBBERISH, PEER_MUTE};
    struct program p;

    for (int i = 0; i < 2; i++) {
        struct peer *peer = start_against(manners[i], &p);

        if (!peer)
            return;
        (void)CHECK(program_wait(&p, 60));
        (void)CHECK_I64(p.code, EX_TARGET);
        peer_stop(peer);
    }
}

/* --- with a lab ------------------------------------------------------------------------------------------------- */

static bool start_lab(struct program *p, const char *text, uint64_t file_bytes_max)
{
    char path[400], folder[400];
    const char *const argv[] = {"run", path, "--dir", folder, NULL};

    (void)snprintf(dir, sizeof dir, "%s", scratch_dir("lab"));
    (void)snprintf(path, sizeof path, "%s", scratch_file(dir, "lab.yaml", text));
    (void)snprintf(folder, sizeof folder, "%s/run", dir);
    return CHECK(program_start(
        p, &(struct program_way){.dir = dir, .file_bytes_max = file_bytes_max}, argv));
}

static bool load_began(void)
{
    char path[400];

    (void)snprintf(path, sizeof path, "%s/run/manifest.json", dir);
    return CHECK(program_file_appears(path, 20));
}

static void a_server_that_goes_down_in_mid_run_is_counted_and_not_fatal(void)
{
    struct program p;

    if (!start_lab(&p,
                   SITE "load:\n"
                        "  steady: {via: s2, from: joe, to: box, rate: 100/s, duration: 4s}\n"
                        "actions:\n"
                        "  down: {at: 1s, do: down, server: s2, component: smtp}\n"
                        "  up: {at: 2s, do: up, server: s2, component: smtp}\n"
                        "settle: {retry: 1s, deadline: 20s}\n",
                   0))
        return;
    (void)CHECK(program_wait(&p, 40));
    (void)CHECK(p.code == EX_PASS || p.code == EX_FAIL || p.code == EX_INCONCLUSIVE);
    (void)CHECK(counted("connect-failed") > 0);
    (void)CHECK(counted("delivered") > 250);
    (void)CHECK_I64(counted("silent-loss"), 0);
    balances();
}

static const char endless[] =
    SITE "load:\n"
         "  steady: {via: s2, from: joe, to: box, rate: 500/s, duration: 60s, size: 300B}\n"
         "settle: {retry: 1s, deadline: 20s}\n";

static void one_interrupt_drains_settles_and_judges(void)
{
    struct program p;

    if (!start_lab(&p, endless, 0) || !load_began())
        return;
    program_sleep_ms(1500);
    program_signal(&p, SIGINT);
    (void)CHECK(program_wait(&p, 25));
    (void)CHECK(p.code == 130 || p.code == EX_FAIL);
    (void)CHECK(counted("delivered") > 300);
    (void)CHECK(counted("not-sent") > 20000);
    (void)CHECK_I64(counted("unknown"), 0);
    (void)CHECK_I64(counted("silent-loss"), 0);
    balances();
}

static void two_interrupts_stop_at_once_with_the_journal_whole(void)
{
    struct program p;
    struct run_record r = {0};
    char path[400];
    struct err e = {0};

    if (!start_lab(&p, endless, 0) || !load_began())
        return;
    program_sleep_ms(1000);
    program_signal(&p, SIGINT);
    program_sleep_ms(50);
    program_signal(&p, SIGINT);
    (void)CHECK(program_wait(&p, 5));
    (void)CHECK(p.code == 130 || p.code == EX_FAIL);
    (void)snprintf(path, sizeof path, "%s/run", dir);
    if (check_true(judge_folder(&r, path, &e), e.text, __FILE__, __LINE__)) {
        (void)CHECK_U64(r.judgement->tally.health.torn, 0);
        (void)CHECK_U64(r.judgement->tally.classes[CLASS_SILENT_LOSS], 0);
    }
    run_record_fini(&r);
    balances();
}

static void a_full_disk_ends_the_run_and_leaves_a_journal_that_can_be_judged(void)
{
    struct program p;

    if (!start_lab(&p, endless, 100 << 10))
        return;
    (void)CHECK(program_wait(&p, 30));
    (void)CHECK_I64(p.code, EX_IO);
    char *said = program_said(&p, true);

    (void)CHECK_HAS(said, "journal");
    free(said);
    balances();
}

static void a_folder_belongs_to_one_run(void)
{
    struct program first, second;
    char path[400], folder[400];
    const char *const again[] = {"run", path, "--dir", folder, NULL};
    const char *const judge_it[] = {"judge", folder, NULL};

    if (!start_lab(&first, endless, 0) || !load_began())
        return;
    (void)snprintf(path, sizeof path, "%s/lab.yaml", dir);
    (void)snprintf(folder, sizeof folder, "%s/run", dir);
    (void)CHECK_I64(program_run(&second, &(struct program_way){.dir = dir}, again), EX_LOCKED);
    (void)CHECK_I64(program_run(&second, &(struct program_way){.dir = dir}, judge_it), EX_LOCKED);
    program_signal(&first, SIGKILL);
    (void)CHECK(program_wait(&first, 5));
    (void)CHECK_I64(program_run(&second, &(struct program_way){.dir = dir}, judge_it),
                    EX_INCONCLUSIVE);
    (void)CHECK_I64(program_run(&second, &(struct program_way){.dir = dir}, again), EX_BAD_USAGE);
}

static const struct test tests[] = {
    TEST(an_unknown_key_is_named_with_its_place_and_the_nearest_one),
    TEST(a_wrong_unit_is_said_with_what_was_expected),
    TEST(a_password_that_is_not_there_is_missed_at_once),
    TEST(targets_outside_the_guard_are_refused),
    TEST(a_server_that_is_down_at_the_start_ends_it),
    TEST(a_server_that_takes_all_leaves_all_unknown),
    TEST(what_is_no_reply_leaves_the_message_in_doubt),
    TEST(a_server_that_never_answers_can_be_left_by_two_interrupts),
    TEST(a_server_that_does_not_say_hello_ends_it_at_the_start),
    TEST(a_server_that_goes_down_in_mid_run_is_counted_and_not_fatal),
    TEST(one_interrupt_drains_settles_and_judges),
    TEST(two_interrupts_stop_at_once_with_the_journal_whole),
    TEST(a_full_disk_ends_the_run_and_leaves_a_journal_that_can_be_judged),
    TEST(a_folder_belongs_to_one_run),
    TEST_END,
};

const struct suite bad_input_suite = {"bad_input", tests};
