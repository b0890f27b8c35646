/* test_x400_live.c - the template for one's own MTA against an MTA that is not its own: a lab in another process, called over
 * X.400 P1, which calls back with its reports, and whose mailboxes are read over IMAP.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "tests/app/program.h"
#include "tests/support/check.h"
#include "tests/support/scratch.h"

struct site {
    char dir[300];
    struct program lab, run;
    uint16_t listen;
};

/* What stands behind `words` in what the lab says of itself, up to one of `ends`. */
static const char *told(const char *said, const char *words, const char *ends, char out[100])
{
    const char *at = strstr(said, words);

    out[0] = '\0';
    (void)CHECK(at != NULL);
    if (at)
        (void)snprintf(out, 100, "%.*s", (int)strcspn(at + strlen(words), ends),
                       at + strlen(words));
    return out;
}

static bool lab_serves(struct site *s, const char *name)
{
    char text[900], path[400];
    const char *const argv[] = {"lab", path, "--dir", s->dir, NULL};

    (void)snprintf(s->dir, sizeof s->dir, "%s", scratch_dir(name));
    s->listen = program_free_ports(1);
    (void)snprintf(
        text, sizeof text,
        "schema: 1\n"
        "lab: {version: 5.5-sp4, servers: [s1]}\n"
        "mailboxes:\n"
        "  user: {count: 4, home: s1}\n  writer: {count: 2, home: ours}\n"
        "x400: {mta: POSTMUSTER, password: postmuster-secret, tsel: PM,\n"
        "  listen: '127.0.0.1:%u', our_address: 'c=US;a= ;p=POSTMUSTER;o=FLOOD;s={local}'}\n",
        (unsigned)s->listen);
    (void)snprintf(path, sizeof path, "%s", scratch_file(s->dir, "lab.yaml", text));
    if (!CHECK(program_start(&s->lab, &(struct program_way){.dir = s->dir}, argv)))
        return false;
    for (unsigned i = 0; i < 500; i++) {
        char *said = program_said(&s->lab, false);
        bool whole = strstr(said, "End with") != NULL;

        free(said);
        if (whole)
            return true;
        program_sleep_ms(20);
    }
    return CHECK(false);
}

/* Runs the template as a user would have filled it in. */
static bool run_template(struct site *s, const char *const *more)
{
    static char sets[10][200];
    const char *argv[40] = {"run", "x400-peer", "--dir", NULL};
    char *said = program_said(&s->lab, false), one[100], folder[400];
    unsigned n = 0, k = 4;

    (void)snprintf(sets[n++], 200, "servers.mta1.p1=%s", told(said, " p1 ", " ", one));
    (void)snprintf(sets[n++], 200, "servers.mta1.imap=%s", told(said, " imap ", " ", one));
    (void)snprintf(sets[n++], 200, "servers.mta1.p1_password=%s",
                   told(said, "MTAs S1 ..., password ", ",", one));
    (void)snprintf(sets[n++], 200, "x400.address=%s", told(said, "addresses ", "\n", one));
    (void)snprintf(sets[n++], 200, "mailboxes.user.password=%s",
                   told(said, "@lab.test ...), password ", ",", one));
    (void)snprintf(sets[n++], 200, "x400.listen=127.0.0.1:%u", (unsigned)s->listen);
    (void)snprintf(folder, sizeof folder, "%s/run", s->dir);
    argv[3] = folder;
    free(said);
    for (unsigned i = 0; i < n; i++) {
        argv[k++] = "--set";
        argv[k++] = sets[i];
    }
    for (unsigned i = 0; more[i]; i++) {
        argv[k++] = "--set";
        argv[k++] = more[i];
    }
    return CHECK(program_start(&s->run, &(struct program_way){.dir = s->dir}, argv)) &&
           CHECK(program_wait(&s->run, 40));
}

static void the_template_accounts_for_a_flood_of_another_process(void)
{
    static const char *const more[] = {"servers.mta1.p1_mta=S1",     "load.steady.rate=10/s",
                                       "load.steady.duration=2s",    "load.steady.size=1KB",
                                       "load.steady.notify=success", "load.steady.recipients=2",
                                       "probes.stores.period=500ms", "settle.lifetime=1s",
                                       "settle.deadline=15s",        NULL};
    static struct site s;
    char path[400];

    if (!lab_serves(&s, "x400-live") || !run_template(&s, more))
        return;
    char *said = program_said(&s.run, false);

    (void)CHECK_I64(s.run.code, EX_PASS);
    (void)CHECK_HAS(said, " copies were delivered");
    (void)CHECK_HAS(said, "canaries: ");
    free(said);
    /* Every copy's delivery was reported to us, on associations that the lab's MTA opened. */
    (void)snprintf(path, sizeof path, "%s/run", s.dir);
    const char *const argv[] = {"trace", path, "0", NULL};

    (void)CHECK_I64(program_run(&s.run, &(struct program_way){.dir = s.dir}, argv), EX_PASS);
    said = program_said(&s.run, false);
    (void)CHECK_HAS(said, "ours: a report says delivered for user-");
    (void)CHECK_HAS(said, "copy 1 in user-");
    free(said);
    program_signal(&s.lab, SIGTERM);
    (void)CHECK(program_wait(&s.lab, 10));
    (void)CHECK_I64(s.lab.code, EX_PASS);
}

static const struct test tests[] = {
    TEST(the_template_accounts_for_a_flood_of_another_process),
    TEST_END,
};

const struct suite x400_live_suite = {"x400_live", tests};
