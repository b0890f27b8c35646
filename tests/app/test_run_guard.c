/* test_run_guard.c - what stops a run from inside: queues that hold too much, on whichever of many servers. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/err.h"
#include "tests/app/program.h"
#include "tests/support/check.h"
#include "tests/support/scratch.h"

#define OTHERS 16 /* servers without queues, ahead of those that have some */

enum { SMTP = 25, HTTP = 80, IMAP = 143, PORTS }; /* above lab.base_port */

static const char mailboxes[] =
    "mailboxes:\n"
    "  box: {count: 4, home: s1, address: '{name}@lab.test', password: word}\n"
    "  joe: {count: 2, home: s2, address: '{name}@lab.test', password: word}\n"
    "load:\n"
    "  steady: {via: s2, from: joe, to: box, rate: 50/s, duration: 20s, size: 1KB}\n"
    "settle: {retry: 1s, deadline: 3s, canary: no}\n";

static const char *write_lab(const char *dir, unsigned port)
{
    char text[1200];

    (void)snprintf(text, sizeof text,
                   "schema: 1\n"
                   "lab: {servers: [s1, s2], base_port: %u, plant: {strand: 40}}\n"
                   "%s",
                   port, mailboxes);
    return scratch_file(dir, "lab.yaml", text);
}

static const char *write_live(const char *dir, unsigned port)
{
    struct buf b;

    buf_init(&b, 1u << 16);
    (void)buf_add_text(&b, "schema: 1\nservers:\n");
    for (unsigned i = 0; i < OTHERS; i++)
        (void)buf_add_format(&b, "  f%u: {smtp: '127.0.0.11:%u', tls: none}\n", i, port + SMTP);
    for (unsigned i = 1; i <= 2; i++)
        (void)buf_add_format(&b,
                             "  s%u: {smtp: '127.0.0.1%u:%u', imap: '127.0.0.1%u:%u',\n"
                             "    control: 'http://127.0.0.1%u:%u', tls: none, imap_tls: none}\n",
                             i, i, port + SMTP, i, port + IMAP, i, port + HTTP);
    (void)buf_add_format(&b,
                         "probes:\n"
                         "  stores: {type: imap, period: 100ms, servers: [s1, s2]}\n"
                         "  queues: {type: http, period: 100ms, servers: [s1, s2]}\n"
                         "safety: {max_queued: 9}\n"
                         "%s",
                         mailboxes);
    const char *path = scratch_file(dir, "live.yaml", buf_text(&b));

    buf_fini(&b);
    return path;
}

static void queues_of_the_eighteenth_server_stop_the_senders_too(void)
{
    unsigned port = program_free_ports(PORTS);
    char dir[300], lab_yaml[400], live_yaml[400], truth[400];
    struct program lab;

    (void)snprintf(dir, sizeof dir, "%s", scratch_dir("many-queues"));
    (void)snprintf(lab_yaml, sizeof lab_yaml, "%s", write_lab(dir, port));
    (void)snprintf(live_yaml, sizeof live_yaml, "%s", write_live(dir, port));
    (void)snprintf(truth, sizeof truth, "%s/truth.tsv", dir);
    const char *const serve[] = {"lab", lab_yaml, "--dir", dir, NULL};
    const char *const flood[] = {"run", live_yaml, "--runs", dir, NULL};

    if (!CHECK(program_start(&lab, &(struct program_way){.dir = dir}, serve)) ||
        !CHECK(program_file_appears(truth, 10)))
        return;
    program_sleep_ms(200);
    char *said = program_say(dir, EX_INCONCLUSIVE, false, flood);

    (void)CHECK_HAS(said,
                    "the brake stopped the senders: the queues held more than safety.max_queued");
    (void)CHECK_HAS(said, "planned copies were not sent");
    free(said);
    program_signal(&lab, SIGINT);
    (void)CHECK(program_wait(&lab, 10));
}

static const struct test tests[] = {
    TEST(queues_of_the_eighteenth_server_stop_the_senders_too),
    TEST_END,
};

const struct suite run_guard_suite = {"run_guard", tests};
