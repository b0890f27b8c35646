/* test_command_line.c - what the command line promises before and around a run, asked of the built program. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/file.h>
#include <sys/stat.h>

#include "base/err.h"
#include "tests/app/program.h"
#include "tests/support/check.h"
#include "tests/support/scratch.h"

static char dir[400], runs[500];

static char *say(int code, bool errors, const char *const *words)
{
    return program_say(dir, code, errors, words);
}

#define SAYS(code, errors, what, ...) PROGRAM_SAYS(dir, code, errors, what, __VA_ARGS__)

#define LAB(more)                                                                                  \
    "schema: 1\nrun: {name: small, seed: 3}\n"                                                     \
    "lab: {version: 5.5-sp4, servers: [s1, s2]" more "}\n"

#define REST                                                                                       \
    "mailboxes: {box: {count: 2, home: s1}, joe: {home: s2}}\n"                                    \
    "load: {x: {via: s2, from: joe, to: box, rate: 5/s, duration: 2s}}\n"

#define VARIANTS "variants: {slow: {load.x.rate: 1/s}, quick: {load.x.rate: 9/s}}\n"

#define LIVE(host)                                                                                 \
    "schema: 1\nservers: {a: {smtp: '" host ":25', imap: '" host ":143', tls: none,\n"             \
    "  imap_tls: none}}\n"                                                                         \
    "mailboxes: {u: {count: 2, home: a, address: '{name}@example.com'}}\n"                         \
    "load: {x: {via: a, from: u, to: u, rate: 5/s, duration: 2s}}\n"                               \
    "probes: {}\n"

static const char *given(const char *text)
{
    static char path[600];

    (void)snprintf(dir, sizeof dir, "%s", scratch_dir("command-line"));
    (void)snprintf(runs, sizeof runs, "%s/runs", dir);
    (void)snprintf(path, sizeof path, "%s", scratch_file(dir, "p.yaml", text));
    return path;
}

static unsigned entries(const char *folder)
{
    DIR *d = opendir(folder);
    unsigned n = 0;

    for (const struct dirent *e = NULL; d && (e = readdir(d));)
        n += e->d_name[0] != '.';
    if (d)
        (void)closedir(d);
    return n;
}

static void every_command_says_how_it_is_called(void)
{
    static const char *const commands[] = {"run",  "check", "profiles", "lab",  "judge",  "report",
                                           "list", "trace", "compare",  "help", "version"};

    (void)given("");
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        char usage[60];

        (void)snprintf(usage, sizeof usage, "usage: postmuster %s", commands[i]);
        SAYS(EX_PASS, false, usage, commands[i], "--help");
        SAYS(EX_PASS, false, usage, "help", commands[i]);
    }
    SAYS(EX_BAD_USAGE, true, "there is no command \"lsit\"", "help", "lsit");
}

static void an_unknown_variant_is_found_before_the_first_run_starts(void)
{
    const char *path = given(LAB("") REST VARIANTS);

    SAYS(EX_BAD_PROFILE, true, "no variant \"qiuck\"; did you mean \"quick\"?", "run", path,
         "--variant", "slow,qiuck", "--runs", runs, "--simulate");
    CHECK_U64(entries(runs), 0);
    SAYS(EX_BAD_USAGE, true, "an empty name", "run", path, "--variant", "slow,,quick", "--runs",
         runs);
    SAYS(EX_BAD_USAGE, true, "an empty name", "run", path, "--variant", "slow,", "--runs", runs);
    SAYS(EX_BAD_USAGE, true, "usage: postmuster run", "run", path, "--parallel", "0");
}

static void only_a_lab_runs_on_simulated_time(void)
{
    SAYS(EX_BAD_USAGE, true, "--simulate needs a lab section", "run", given(LIVE("127.0.0.1")),
         "--simulate", "--runs", runs);
    CHECK_U64(entries(runs), 0);
}

static void check_finds_what_run_refuses(void)
{
    SAYS(EX_BAD_PROFILE, true, "there is no version '5.5-sp9'", "check", given(LAB("") REST),
         "--set", "lab.version=5.5-sp9");
    SAYS(EX_BAD_PROFILE, true, "copy_tyme", "check", given(LAB(", knobs: {copy_tyme: 1s}") REST));
    SAYS(EX_BAD_PROFILE, true, "copy_time", "check", given(LAB(", knobs: {copy_time: soon}") REST));
    SAYS(EX_BAD_PROFILE, true, "actions.z", "check",
         given(LAB("") REST "actions: {z: {at: 1s, do: knob, name: nothing, value: 1}}\n"));
    SAYS(EX_BAD_PROFILE, true, "there is no version '9'", "check",
         given(LAB("") REST "variants: {next: {lab.version: '9'}}\n"));
    SAYS(EX_PASS, false, "quick:\nload.x.verp", "check",
         given(LAB("") REST "variants: {quick: {load.x.verp: yes}}\n"));
    SAYS(EX_GUARD, true, "servers.a", "check", given(LIVE("10.9.8.7")));
}

static void a_matrix_is_estimated_as_a_whole(void)
{
    (void)given("");
    SAYS(EX_PASS, false, "cells of 11 scenarios and 16 versions", "check", "service-packs");
}

static void a_run_that_cannot_arm_leaves_no_folder(void)
{
    SAYS(EX_TARGET, true, "", "run", given(LIVE("127.0.0.1")), "--set",
         "servers.a.smtp=127.0.0.1:1", "--set", "servers.a.imap=127.0.0.1:1", "--runs", runs);
    CHECK_U64(entries(runs), 0);
}

/* Everything in the folder is its owner's alone. */
static void check_modes(const char *folder)
{
    static const char *const names[] = {"manifest.json", "profile.yaml", "truth.tsv",
                                        "summary.json"};
    struct stat st;
    char path[1000];

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        if (CHECK(stat(path, &st) == 0))
            CHECK_U64(st.st_mode & 0777, 0600);
    }
}

static void runs_of_one_second_have_folders_of_their_own_and_are_found_by_name(void)
{
    const char *path = given(LAB("") REST);
    char latest[600];

    for (int i = 0; i < 3; i++) {
        char *said = say(EX_PASS, true,
                         (const char *const[]){"run", path, "--simulate", "--runs", runs, NULL});

        free(said);
    }
    CHECK_U64(entries(runs), 4); /* and `latest` */
    (void)snprintf(latest, sizeof latest, "%s/latest", runs);
    check_modes(latest);
    SAYS(EX_PASS, false, "\"verdict\": \"PASS\"", "report", "latest", "--runs", runs, "-f", "json");
    SAYS(EX_PASS, false, "PASS", "judge", "--runs", runs, "latest");
    SAYS(EX_PASS, false, "box-1", "list", "latest", "--runs", runs);
    SAYS(EX_PASS, false, "box", "trace", "latest", "0", "--runs", runs);
    SAYS(EX_BAD_USAGE, true, "is there twice", "compare", "latest", "latest", "--runs", runs);
}

static void of_a_run_that_goes_on_it_is_said_that_it_does(void)
{
    const char *path = given(LAB("") REST);
    char lock[600];

    free(
        say(EX_PASS, true, (const char *const[]){"run", path, "--simulate", "--runs", runs, NULL}));
    (void)snprintf(lock, sizeof lock, "%s/latest/lock", runs);
    int fd = open(lock, O_RDWR | O_CLOEXEC);

    if (!CHECK(fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0))
        return;
    SAYS(EX_PASS, true, "the run goes on", "report", "latest", "--runs", runs);
    SAYS(EX_PASS, true, "the run goes on", "list", "latest", "--runs", runs);
    SAYS(EX_PASS, true, "the run goes on", "trace", "latest", "0", "--runs", runs);
    SAYS(EX_LOCKED, true, "still writing", "judge", "latest", "--runs", runs);
    (void)close(fd);
}

static void a_trace_is_asked_for_by_message_id_token_or_number(void)
{
    const char *path = given(LAB("") REST);
    char token[27] = "", words[80];
    char *said =
        say(EX_PASS, true, (const char *const[]){"run", path, "--simulate", "--runs", runs, NULL});

    free(said);
    said = say(EX_PASS, false,
               (const char *const[]){"list", "latest", "--runs", runs, "--json", NULL});
    const char *at = strstr(said, "\"token\"");

    if (CHECK(at != NULL))
        CHECK(sscanf(at, "\"token\":%*[ \"]%26[^\"]", token) == 1); /* NOLINT(cert-err34-c) */
    free(said);
    SAYS(EX_PASS, false, "primary copy for box-", "trace", "latest", token, "--runs", runs);
    (void)snprintf(words, sizeof words, "pm.%s", token);
    SAYS(EX_PASS, false, "primary copy for box-", "trace", "latest", words, "--runs", runs);
    (void)snprintf(words, sizeof words, "<pm.%s@lab.test>", token);
    SAYS(EX_PASS, false, "primary copy for box-", "trace", "latest", words, "--runs", runs);
    (void)snprintf(words, sizeof words, "<pm.%.25s.@lab.test>", token);
    SAYS(EX_BAD_USAGE, true, "no token", "trace", "latest", words, "--runs", runs);
}

static void without_a_terminal_a_run_says_its_phases_line_by_line(void)
{
    const char *path = given(LAB("") REST);
    char *said = say(EX_PASS, true, (const char *const[]){"run", path, "--runs", runs, NULL});

    CHECK_HAS(said, "small load");
    CHECK(strchr(said, '\r') == NULL);
    free(said);
    said = say(EX_PASS, true, (const char *const[]){"run", path, "--runs", runs, "--quiet", NULL});
    CHECK_STR(said, "");
    free(said);
}

static const struct test tests[] = {
    TEST(every_command_says_how_it_is_called),
    TEST(an_unknown_variant_is_found_before_the_first_run_starts),
    TEST(only_a_lab_runs_on_simulated_time),
    TEST(check_finds_what_run_refuses),
    TEST(a_matrix_is_estimated_as_a_whole),
    TEST(a_run_that_cannot_arm_leaves_no_folder),
    TEST(runs_of_one_second_have_folders_of_their_own_and_are_found_by_name),
    TEST(of_a_run_that_goes_on_it_is_said_that_it_does),
    TEST(a_trace_is_asked_for_by_message_id_token_or_number),
    TEST(without_a_terminal_a_run_says_its_phases_line_by_line),
    TEST_END,
};

const struct suite command_line_suite = {"command_line", tests};
