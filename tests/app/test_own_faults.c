/* test_own_faults.c - our own machine fails: no memory, a disk that is full or broken, no descriptors, a process that stands
 * still, a machine that sleeps, threads that die. Whatever happens: a sentence, an exit code of the list, no verdict that
 * the whole account would not give, and what was acknowledged to the journal is on it.
 *
 * A library that is preloaded makes it fail (tests/faults/shim.c).
 */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/resource.h>
#include <sys/stat.h>

#include "results/judge.h"
#include "tests/app/kill_rig.h"
#include "tests/support/check.h"
#include "tests/support/scratch.h"
#include "tests/support/truth.h"

#define ENV_MAX 8

static const char small[] =
    "load:\n"
    "  steady: {via: s2, from: joe, to: box, rate: 100/s, duration: 1s,\n"
    "    size: 1KB, threads: 2, connections: 2}\n"
    "moves:\n"
    "  users: {mailboxes: box, to: s2, start: 100ms, every: 200ms, count: 2,\n"
    "    mover: lab}\n"
    "settle: {retry: 500ms, deadline: 10s}\n";

/* The environment of a child: the shim, and what it shall do. */
struct faults {
    char text[ENV_MAX][500];
    const char *env[ENV_MAX + 1];
    unsigned count;
};

__attribute__((format(printf, 2, 3))) static void fault(struct faults *f, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)vsnprintf(f->text[f->count], sizeof f->text[0], format, args);
    va_end(args);
    f->env[f->count] = f->text[f->count];
    f->env[++f->count] = NULL;
}

static void faults_begin(struct faults *f)
{
#ifdef PM_FAULT_SHIM
    *f = (struct faults){0};
    fault(f, "LD_PRELOAD=%s", PM_FAULT_SHIM);
#else
    (void)f;
    check_skip("a sanitizer does not go with a preloaded allocator");
#endif
}

struct outcome_of_run {
    int code; /* -1: it did not end */
    char folder[600];
    char *said;
};

static void outcome_fini(struct outcome_of_run *o)
{
    free(o->said);
}

static struct outcome_of_run run_with(const char *dir, const char *yaml, const struct faults *f,
                                      unsigned i)
{
    struct outcome_of_run o = {.code = -1};
    struct program p;
    char runs[400];
    const char *const argv[] = {"run", yaml, "--runs", runs, "--quiet", NULL};

    (void)snprintf(runs, sizeof runs, "%s/faulty-%u", dir, i);
    if (CHECK(program_start(&p, &(struct program_way){.dir = dir, .env = f->env}, argv)) &&
        CHECK(program_wait(&p, 60)))
        o.code = p.code;
    o.said = program_said(&p, true);
    (void)snprintf(o.folder, sizeof o.folder, "%s", program_only_folder(runs));
    return o;
}

static void complain(const char *what, unsigned n, const struct outcome_of_run *o)
{
    char text[1300];

    (void)snprintf(text, sizeof text, "%s %u: exit %d, said \"%.300s\", folder %s", what, n,
                   o->code, o->said, o->folder);
    (void)check_true(false, text, __FILE__, __LINE__);
}

static bool has_file(const char *folder, const char *name)
{
    char path[900];

    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    return access(path, F_OK) == 0;
}

/* Balances, claims nothing of the silent ones, and is INCONCLUSIVE or fails on what is certain. */
static void check_left(const char *folder, unsigned n)
{
    struct run_record r = {0};
    struct err e = {0};
    uint64_t sum = 0;

    if (!judge_folder(&r, folder, &e)) {
        char text[900];

        (void)snprintf(text, sizeof text, "%u: %s: %s", n, folder, e.text);
        (void)check_true(false, text, __FILE__, __LINE__);
        run_record_fini(&r);
        return;
    }
    const struct judgement *j = r.judgement;

    for (uint32_t i = 0; i < j->identity_count; i++)
        (void)CHECK_U64(j->identities[i].left, j->identities[i].right);
    for (unsigned c = 0; c < CLASS_COUNT; c++)
        sum += j->tally.classes[c];
    (void)CHECK_U64(sum, j->tally.planned);
    (void)CHECK_U64(j->tally.classes[CLASS_PHANTOM], 0);
    (void)CHECK(!j->tally.health.ended);
    (void)CHECK_U64(j->tally.classes[CLASS_SILENT_LOSS] + j->tally.classes[CLASS_VANISHED] +
                        j->tally.classes[CLASS_STRANDED] + j->tally.classes[CLASS_LEFT_BEHIND],
                    0);
    (void)CHECK(j->verdict != VERDICT_PASS);
    run_record_fini(&r);
}

/* ------------------------------------------------------------------------------------------------------------- memory */

static bool is_word_of_ours(int code)
{
    return code == EX_PASS || code == EX_FAIL || code == EX_INCONCLUSIVE || code == EX_IO ||
           code == EX_BAD_PROFILE || code == EX_TARGET || code == EX_INTERNAL;
}

/* Where no error can be returned: the folder stays as after a kill. */
static bool ended_on_the_spot(const struct outcome_of_run *o)
{
    return o->code == EX_IO && strncmp(o->said, "postmuster: out of memory (", 27) == 0;
}

static void without_memory(const char *dir, const char *yaml, unsigned n)
{
    struct faults f;
    struct outcome_of_run o;

    faults_begin(&f);
    fault(&f, "PM_FAULT_MALLOC=%u", n);
    o = run_with(dir, yaml, &f, n);
    if (!is_word_of_ours(o.code) || (o.code > EX_INCONCLUSIVE && !*o.said) ||
        (*o.folder && !has_file(o.folder, "manifest.json") && !ended_on_the_spot(&o)))
        complain("allocation", n, &o);
    outcome_fini(&o);
}

/* All of those before the load begins, thinly: ./dev faults takes every one. */
static void an_allocation_that_fails_at_start_is_an_error_in_words(void)
{
    const char *dir = scratch_dir("no-memory"), *step = getenv("PM_FAULT_STEP");
    char yaml[400];
    unsigned by = step ? (unsigned)strtoul(step, NULL, 10) : 61;

    (void)snprintf(yaml, sizeof yaml, "%s", kill_rig_inside(dir, small));
    (void)CHECK(by > 0);
    for (unsigned n = 1; by > 0 && n < 2400; n += by)
        without_memory(dir, yaml, n);
}

/* --------------------------------------------------------------------------------------------------------------- disk */

static void broken_disk(const char *dir, const char *yaml, unsigned n, int error, bool part)
{
    struct faults f;
    struct outcome_of_run o;

    faults_begin(&f);
    fault(&f, "PM_FAULT_WRITE=%u", n);
    fault(&f, "PM_FAULT_ERRNO=%d", error);
    fault(&f, "PM_FAULT_PART=%d", part);
    o = run_with(dir, yaml, &f, n);
    if (o.code == EX_IO && strstr(o.said, strerror(error)) && strstr(o.said, ".mpj")) {
        if (*o.folder && has_file(o.folder, "manifest.json"))
            check_left(o.folder, n);
    } else if (o.code < 0 || o.code > EX_INCONCLUSIVE)
        complain("write", n, &o);
    outcome_fini(&o);
}

static void a_journal_that_cannot_be_written_ends_the_run_with_the_reason(void)
{
    const char *dir = scratch_dir("broken-disk");
    char yaml[400];

    (void)snprintf(yaml, sizeof yaml, "%s", kill_rig_inside(dir, small));
    for (unsigned n = 1; n <= 24; n++)
        broken_disk(dir, yaml, n, n % 2 ? ENOSPC : EIO, n % 3 == 0);
}

static void a_disk_that_does_not_sync_ends_the_run_with_the_reason(void)
{
    const char *dir = scratch_dir("no-sync");
    char yaml[400];

    (void)snprintf(yaml, sizeof yaml, "%s", kill_rig_inside(dir, small));
    for (unsigned n = 1; n <= 9; n += 4) {
        struct faults f;
        struct outcome_of_run o;

        faults_begin(&f);
        fault(&f, "PM_FAULT_SYNC=%u", n);
        o = run_with(dir, yaml, &f, n);
        if (o.code != EX_IO || !strstr(o.said, "Input/output error"))
            complain("sync", n, &o);
        outcome_fini(&o);
    }
}

/* A real one, in a mount namespace of its own; the judge reads what found room. */
static void a_disk_that_is_full_ends_the_run_with_the_reason(void)
{
    static const char flood[] =
        "load:\n"
        "  steady: {via: s2, from: joe, to: box, rate: 2000/s, duration: 3s,\n"
        "    size: 1KB, threads: 2, connections: 2}\n"
        "settle: {retry: 500ms, deadline: 10s}\n";
    char dir[300], yaml[400], shell[3000], path[400];

    (void)snprintf(dir, sizeof dir, "%s", scratch_dir("full-disk"));
    (void)snprintf(yaml, sizeof yaml, "%s", kill_rig_inside(dir, flood));
    (void)snprintf(shell, sizeof shell,
                   "exec >'%s/out' 2>'%s/err'; mkdir '%s/disk'; mount --make-rprivate / && "
                   "mount -t tmpfs -o size=400k none '%s/disk' || exit 99; "
                   "'%s' run '%s' --runs '%s/disk/runs' --quiet; first=$?; "
                   "cd '%s/disk/runs/latest' && '%s' report .; exit $first",
                   dir, dir, dir, dir, PM_POSTMUSTER, yaml, dir, dir, PM_POSTMUSTER);
    const char *const own_mounts[] = {"/usr/bin/unshare", "-m", "/bin/bash", "-c", shell, NULL};

    if (geteuid() != 0) {
        (void)CHECK(true); /* mounts are root's */
        return;
    }
    int code = program_other(own_mounts);
    (void)snprintf(path, sizeof path, "%s/err", dir);
    char *said = scratch_read(path, NULL);

    (void)snprintf(path, sizeof path, "%s/out", dir);
    char *judged = scratch_read(path, NULL);

    (void)CHECK_U64((uint64_t)code, EX_IO);
    (void)CHECK_HAS(said ? said : "", "No space left on device");
    (void)CHECK_HAS(judged ? judged : "", "INCONCLUSIVE");
    (void)CHECK_HAS(judged ? judged : "", "the run did not end by itself");
    free(said);
    free(judged);
}

/* -------------------------------------------------------------------------------------------------------- descriptors */

static void without_descriptors_it_says_so_and_invents_nothing(void)
{
    struct kill_rig k;
    struct program p;
    char folder[KILL_FOLDER];
    struct rlimit few = {3, 4096}, enough = {4096, 4096};

    if (!kill_rig_open(&k, "no-descriptors", NULL))
        return;
    if (kill_rig_start(&p, k.dir, k.live_yaml, 0, NULL, folder)) {
        program_sleep_ms(300);
        (void)CHECK(prlimit(p.pid, RLIMIT_NOFILE, &few, NULL) == 0);
        program_sleep_ms(1500);
        (void)CHECK(prlimit(p.pid, RLIMIT_NOFILE, &enough, NULL) == 0);
        (void)CHECK(program_wait(&p, 60));
        (void)CHECK(p.code == EX_FAIL || p.code == EX_INCONCLUSIVE || p.code == EX_IO ||
                    p.code == EX_TARGET);
    }
    (void)kill_rig_close(&k);
    struct run_record r = {0};
    struct truth_score score;
    struct err e = {0};

    if (CHECK(judge_folder(&r, folder, &e)) &&
        CHECK(truth_compare(r.manifest, r.ledger, k.truth, TRUTH_HASTY, &score, &e)))
        (void)CHECK_STR(score.first, "");
    run_record_fini(&r);
}

static void too_few_descriptors_to_begin_with_are_an_error_in_words(void)
{
    const char *dir = scratch_dir("few-descriptors");
    char yaml[400], shell[800];

    (void)snprintf(yaml, sizeof yaml, "%s", kill_rig_inside(dir, small));
    for (unsigned n = 6; n <= 60; n += 6) {
        (void)snprintf(shell, sizeof shell,
                       "exec >'%s/few.out' 2>'%s/few.err'; ulimit -n %u; "
                       "exec '%s' run '%s' --runs '%s/few-%u' --quiet",
                       dir, dir, n, PM_POSTMUSTER, yaml, dir, n);
        const char *const sh[] = {"/bin/bash", "-c", shell, NULL};
        int status = program_other(sh);
        char path[400], *said;

        (void)snprintf(path, sizeof path, "%s/few.err", dir);
        said = scratch_read(path, NULL);
        struct outcome_of_run o = {.code = status, .said = said ? said : strdup("")};

        (void)CHECK(is_word_of_ours(o.code));
        if (o.code > EX_INCONCLUSIVE && !*o.said)
            complain("descriptors", n, &o);
        outcome_fini(&o);
    }
}

/* --------------------------------------------------------------------------------------------------------------- time */

static bool has_reason(const struct judgement *j, const char *words)
{
    for (uint32_t i = 0; i < j->reason_count; i++)
        if (strstr(j->reasons[i], words))
            return true;
    return false;
}

static void check_open(const char *folder, const char *truth, enum unwatched why)
{
    struct run_record r = {0};
    struct truth_score score;
    struct err e = {0};

    if (!CHECK(judge_folder(&r, folder, &e))) {
        run_record_fini(&r);
        return;
    }
    (void)CHECK(r.judgement->verdict != VERDICT_PASS);
    (void)CHECK_U64(r.judgement->tally.health.unwatched[why], 1);
    (void)CHECK(has_reason(r.judgement, event_unwatched_words(why)));
    (void)CHECK_U64(r.judgement->tally.flags[FLAG_LATE], 0);
    if (CHECK(truth_compare(r.manifest, r.ledger, truth, TRUTH_HASTY, &score, &e)))
        (void)CHECK_STR(score.first, "");
    run_record_fini(&r);
}

static void a_process_that_stood_still_says_so_and_calls_nothing_late(void)
{
    struct kill_rig k;
    struct program p;
    char folder[KILL_FOLDER];

    if (!kill_rig_open(&k, "stopped", NULL))
        return;
    if (kill_rig_start(&p, k.dir, k.live_yaml, 0, NULL, folder)) {
        program_sleep_ms(700);
        program_signal(&p, SIGSTOP);
        program_sleep_ms(7000);
        program_signal(&p, SIGCONT);
        (void)CHECK(program_wait(&p, 60));
        (void)CHECK(p.code == EX_FAIL || p.code == EX_INCONCLUSIVE);
    }
    (void)kill_rig_close(&k);
    check_open(folder, k.truth, UNWATCHED_STALLED);
}

static void a_machine_that_slept_leaves_the_verdict_open(void)
{
    struct kill_rig k;
    struct program p;
    struct faults f;
    char folder[KILL_FOLDER], when[400];

    faults_begin(&f);
    if (!kill_rig_open(&k, "slept", NULL))
        return;
    (void)snprintf(when, sizeof when, "%s/now", k.dir);
    fault(&f, "PM_FAULT_WHEN=%s", when);
    fault(&f, "PM_FAULT_SLEPT=%u", 3600 * 1000);
    if (kill_rig_start(&p, k.dir, k.live_yaml, 0, f.env, folder)) {
        program_sleep_ms(500);
        (void)scratch_file(k.dir, "now", "");
        (void)CHECK(program_wait(&p, 60));
        (void)CHECK(p.code == EX_FAIL || p.code == EX_INCONCLUSIVE);
    }
    (void)kill_rig_close(&k);
    check_open(folder, k.truth, UNWATCHED_SUSPENDED);
}

/* ------------------------------------------------------------------------------------------------------------ threads */

/* The thread goes in the middle of the load. What it, and all others, had recorded is judged; and the run is resumed. */
static void dies(const char *thread, const char *words)
{
    struct kill_rig k;
    struct program p, again;
    struct faults f;
    char folder[KILL_FOLDER], when[400], name[40];

    (void)snprintf(name, sizeof name, "dead-%s", thread);
    faults_begin(&f);
    if (!kill_rig_open(&k, name, NULL))
        return;
    (void)snprintf(when, sizeof when, "%s/now", k.dir);
    fault(&f, "PM_FAULT_WHEN=%s", when);
    fault(&f, "PM_FAULT_THREAD=%s", thread);
    fault(&f, "PM_FAULT_ACK=1");
    if (kill_rig_start(&p, k.dir, k.live_yaml, 0, f.env, folder)) {
        program_sleep_ms(700);
        (void)scratch_file(k.dir, "now", "");
        (void)CHECK(program_wait(&p, 60));
        (void)CHECK_U64((uint64_t)p.code, EX_INTERNAL);
        char *said = program_said(&p, true);

        (void)CHECK_HAS(said, words);
        free(said);
        check_left(folder, 0);
        const char *const argv[] = {"run", "--resume", folder, k.live_yaml, "--quiet", NULL};
        int code = program_run(&again, &(struct program_way){.dir = k.dir}, argv);

        (void)CHECK(code == EX_FAIL || code == EX_INCONCLUSIVE);
    }
    (void)kill_rig_close(&k);
    struct run_record r = {0};
    struct truth_score score;
    struct err e = {0};

    if (CHECK(judge_folder(&r, folder, &e)) &&
        CHECK(truth_compare(r.manifest, r.ledger, k.truth, TRUTH_RESUMED, &score, &e)))
        (void)CHECK_STR(score.first, "");
    run_record_fini(&r);
}

static void the_thread_of_a_sender_that_dies_is_missed(void)
{
    dies("sender-01", "the thread of sender 1 died");
}

static void the_thread_of_the_ledger_that_dies_is_missed(void)
{
    dies("ledger", "the ledger's thread died");
}

static void the_thread_of_the_probes_that_dies_is_missed(void)
{
    dies("desk", "the thread that watches and judges died");
}

/* One after the other, and all that follow: the desk, the lab, the ledger, and each of the senders. */
static void a_thread_that_cannot_be_started_ends_the_run_with_the_reason(void)
{
    const char *dir = scratch_dir("no-thread");
    char yaml[400];
    unsigned n = 0;

    (void)snprintf(yaml, sizeof yaml, "%s", kill_rig_inside(dir, small));
    for (int code = EX_IO; code == EX_IO && n < 20;) {
        struct faults f;
        struct outcome_of_run o;

        faults_begin(&f);
        fault(&f, "PM_FAULT_CREATE=%u", ++n);
        o = run_with(dir, yaml, &f, n);
        code = o.code;
        if (code == EX_IO
                ? !strstr(o.said, "thread ") || !strstr(o.said, "Resource temporarily unavailable")
                : code < 0 || code > EX_INCONCLUSIVE)
            complain("thread", n, &o);
        outcome_fini(&o);
    }
    (void)CHECK(n > 5 && n < 20);
}

static const struct test tests[] = {
    TEST(an_allocation_that_fails_at_start_is_an_error_in_words),
    TEST(a_journal_that_cannot_be_written_ends_the_run_with_the_reason),
    TEST(a_disk_that_does_not_sync_ends_the_run_with_the_reason),
    TEST(a_disk_that_is_full_ends_the_run_with_the_reason),
    TEST(without_descriptors_it_says_so_and_invents_nothing),
    TEST(too_few_descriptors_to_begin_with_are_an_error_in_words),
    TEST(a_process_that_stood_still_says_so_and_calls_nothing_late),
    TEST(a_machine_that_slept_leaves_the_verdict_open),
    TEST(a_thread_that_cannot_be_started_ends_the_run_with_the_reason),
    TEST(the_thread_of_a_sender_that_dies_is_missed),
    TEST(the_thread_of_the_ledger_that_dies_is_missed),
    TEST(the_thread_of_the_probes_that_dies_is_missed),
    TEST_END,
};

const struct suite own_faults_suite = {"own_faults", tests};
