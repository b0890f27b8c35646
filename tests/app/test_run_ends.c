/* test_run_ends.c - two interrupts end a run in a moment, whatever phase it is in, and leave a journal that can be judged.
 */
#include <signal.h>
#include <stdio.h>

#include "base/err.h"
#include "results/judge.h"
#include "tests/app/peer.h"
#include "tests/app/program.h"
#include "tests/support/check.h"
#include "tests/support/scratch.h"

#define MOMENT_S 3

#define SITE                                                                                       \
    "schema: 1\n"                                                                                  \
    "lab: {version: 5.5-sp4, servers: [s1, s2]}\n"                                                 \
    "mailboxes:\n"                                                                                 \
    "  box: {count: 2, home: s1, stock: 10m}\n"                                                    \
    "  joe: {home: s2}\n"                                                                          \
    "settle: {retry: 10m, deadline: 30m}\n"

static void check_journal(const char *folder)
{
    struct run_record r = {0};
    struct err e = {0};

    if (check_true(judge_folder(&r, folder, &e), e.text, __FILE__, __LINE__)) {
        (void)CHECK_U64(r.judgement->tally.health.torn, 0);
        (void)CHECK(r.judgement->tally.health.ended);
        (void)CHECK_U64(r.judgement->tally.health.findings[FIND_INTERRUPTED], 2);
        (void)CHECK(r.judgement->verdict != VERDICT_PASS);
        for (uint32_t i = 0; i < r.judgement->identity_count; i++)
            (void)CHECK_U64(r.judgement->identities[i].left, r.judgement->identities[i].right);
    }
    run_record_fini(&r);
}

/* Interrupts it `ms` after its folder (began: its load) is there, and `between_ms` later again. */
static void interrupt_twice(const char *text, bool began, unsigned ms, unsigned between_ms)
{
    char dir[300], path[400], folder[400], file[420];
    struct program p;
    const char *const argv[] = {"run", path, "--dir", folder, NULL};

    (void)snprintf(dir, sizeof dir, "%s", scratch_dir("run-ends"));
    (void)snprintf(path, sizeof path, "%s", scratch_file(dir, "ends.yaml", text));
    (void)snprintf(folder, sizeof folder, "%s/run", dir);
    (void)snprintf(file, sizeof file, "%s/%s", folder, began ? "manifest.json" : "profile.yaml");
    if (!CHECK(program_start(&p, &(struct program_way){.dir = dir}, argv)))
        return;
    (void)CHECK(program_file_appears(file, 20));
    program_sleep_ms(ms);
    (void)CHECK(!program_is_over(&p));
    program_signal(&p, SIGINT);
    program_sleep_ms(between_ms);
    program_signal(&p, SIGINT);
    (void)CHECK(program_wait(&p, MOMENT_S));
    (void)CHECK_I64(p.code, 130);
    if (began)
        check_journal(folder);
}

static void two_interrupts_end_the_arming_at_a_server_that_is_mute(void)
{
    struct peer *peer = peer_start(PEER_MUTE);
    char text[600];

    if (!CHECK(peer != NULL))
        return;
    (void)snprintf(text, sizeof text,
                   "schema: 1\n"
                   "servers:\n"
                   "  s1: {smtp: '127.0.0.1:%u', imap: '127.0.0.1:%u', tls: none, imap_tls: none}\n"
                   "mailboxes:\n"
                   "  box: {home: s1, address: 'box@lab.test'}\n"
                   "load:\n"
                   "  steady: {via: s1, from: box, to: box, rate: 10/s, duration: 1s}\n"
                   "probes:\n"
                   "  stores: {type: imap}\n",
                   (unsigned)peer_port(peer), (unsigned)peer_port(peer));
    interrupt_twice(text, false, 500, 200);
    peer_stop(peer);
}

static void two_interrupts_end_the_load(void)
{
    interrupt_twice(SITE "load:\n  steady: {via: s2, from: joe, to: box, rate: 300/s, duration: "
                         "60s, threads: 2, connections: 4}\n",
                    true, 1000, 150);
}

static void two_interrupts_end_the_draining_while_a_mailbox_is_being_moved(void)
{
    interrupt_twice(SITE
                    "load:\n  steady: {via: s2, from: joe, to: box, rate: 50/s, duration: 60s}\n"
                    "moves:\n  users: {mailboxes: box, to: s2, start: 200ms, count: 1}\n",
                    true, 1000, 1500);
}

static void two_interrupts_end_the_settling_while_mail_stands_in_a_queue(void)
{
    interrupt_twice(SITE
                    "load:\n  steady: {via: s2, from: joe, to: box, rate: 50/s, duration: 1s}\n"
                    "actions:\n  dead: {at: 300ms, do: down, server: s1, component: mta}\n",
                    true, 3000, 1000);
}

/* As `timeout` does it: the process, and then its group. Asked once, it drains and judges. */
static void two_signals_at_once_are_one_and_sigterm_ends_with_143(void)
{
    char dir[300], path[400], folder[400], file[420];
    struct run_record r = {0};
    struct err e = {0};
    struct program p;
    const char *const argv[] = {"run", path, "--dir", folder, NULL};

    (void)snprintf(dir, sizeof dir, "%s", scratch_dir("run-ends"));
    (void)snprintf(path, sizeof path, "%s",
                   scratch_file(dir, "ends.yaml",
                                "schema: 1\n"
                                "lab: {version: 5.5-sp4, servers: [s1]}\n"
                                "mailboxes:\n  box: {home: s1}\n  joe: {home: s1}\n"
                                "load:\n  steady: {via: s1, from: joe, to: box, rate: 50/s, "
                                "duration: 60s}\n"
                                "settle: {retry: 1s, deadline: 10s}\n"));
    (void)snprintf(folder, sizeof folder, "%s/run", dir);
    (void)snprintf(file, sizeof file, "%s/manifest.json", folder);
    if (!CHECK(program_start(&p, &(struct program_way){.dir = dir}, argv)))
        return;
    (void)CHECK(program_file_appears(file, 20));
    program_sleep_ms(500);
    program_signal(&p, SIGTERM);
    program_sleep_ms(5);
    program_signal(&p, SIGTERM);
    (void)CHECK(program_wait(&p, MOMENT_S));
    (void)CHECK_I64(p.code, 143);
    if (check_true(judge_folder(&r, folder, &e), e.text, __FILE__, __LINE__)) {
        (void)CHECK_U64(r.judgement->tally.health.findings[FIND_INTERRUPTED], 1);
        (void)CHECK(r.judgement->tally.classes[CLASS_DELIVERED] > 0);
    }
    run_record_fini(&r);
}

static const struct test tests[] = {
    TEST(two_interrupts_end_the_arming_at_a_server_that_is_mute),
    TEST(two_interrupts_end_the_load),
    TEST(two_interrupts_end_the_draining_while_a_mailbox_is_being_moved),
    TEST(two_interrupts_end_the_settling_while_mail_stands_in_a_queue),
    TEST(two_signals_at_once_are_one_and_sigterm_ends_with_143),
    TEST_END,
};

const struct suite run_ends_suite = {"run_ends", tests};
