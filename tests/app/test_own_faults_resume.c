/* test_own_faults_resume.c - run --resume: what it goes on with, and what it refuses. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "results/judge.h"
#include "tests/app/kill_rig.h"
#include "tests/support/check.h"
#include "tests/support/scratch.h"
#include "tests/support/truth.h"

static void resumed(const char *dir, const char *folder, const char *profile, int want,
                    const char *words)
{
    const char *const argv[] = {"run", "--resume", folder, "--quiet", profile, NULL};

    program_says(dir, want, true, words, argv);
}

static void a_run_whose_lab_died_with_it_has_nothing_to_look_at(void)
{
    char dir[300], yaml[400], folder[KILL_FOLDER];

    (void)snprintf(dir, sizeof dir, "%s", scratch_dir("resume-inside"));
    (void)snprintf(yaml, sizeof yaml, "%s", kill_rig_inside(dir, NULL));
    if (kill_rig_kill(dir, yaml, 0, 500, folder))
        resumed(dir, folder, yaml, EX_TARGET, "there is nothing left to look at");
}

static void what_is_no_run_is_refused(void)
{
    char dir[300];

    (void)snprintf(dir, sizeof dir, "%s", scratch_dir("resume-nothing"));
    resumed(dir, dir, NULL, EX_BAD_PROFILE, "cannot be resumed");
}

static void check_account(const struct kill_rig *k, const char *folder, uint64_t times)
{
    struct run_record r = {0};
    struct truth_score score;
    struct err e = {0};

    if (CHECK(judge_folder(&r, folder, &e))) {
        (void)CHECK_U64(r.judgement->tally.health.unwatched[UNWATCHED_RESUMED], times);
        (void)CHECK(r.judgement->tally.health.ended);
        (void)CHECK_U64(r.judgement->tally.health.torn, 0);
        if (CHECK(truth_compare(r.manifest, r.ledger, k->truth, TRUTH_RESUMED, &score, &e)))
            (void)CHECK_STR(score.first, "");
    }
    run_record_fini(&r);
}

/* The last block of the desk's journal loses its end, as by a loss of power. */
static void tear(const char *folder)
{
    char path[700];
    size_t n = 0;

    (void)snprintf(path, sizeof path, "%s/journal/0000.mpj", folder);
    char *bytes = scratch_read(path, &n);
    FILE *f = bytes ? fopen(path, "we") : NULL;

    if (CHECK(f != NULL) && CHECK(n > 100))
        (void)CHECK_U64(fwrite(bytes, 1, n - 10, f), n - 10);
    if (f)
        (void)fclose(f);
    free(bytes);
}

/* Killed under load, its journal torn, resumed and killed again, resumed, and then it is over. */
static void a_run_goes_on_as_often_as_it_dies_and_not_after_its_end(void)
{
    struct kill_rig k;
    struct program p;
    char folder[KILL_FOLDER], other[400];

    if (!kill_rig_open(&k, "resume", NULL))
        return;
    (void)snprintf(other, sizeof other, "%s",
                   scratch_file(k.dir, "other.yaml", "schema: 1\nrun: {name: x}\n"));
    if (kill_rig_kill(k.dir, k.live_yaml, 0, 900, folder)) {
        const char *const again[] = {"run", "--resume", folder, "--quiet", k.live_yaml, NULL};

        tear(folder);
        if (CHECK(program_start(&p, &(struct program_way){.dir = k.dir}, again))) {
            program_sleep_ms(150);
            program_signal(&p, SIGKILL);
            (void)program_wait(&p, 10);
        }
        resumed(k.dir, folder, NULL, EX_BAD_PROFILE, "run --resume RUN PROFILE");
        resumed(k.dir, folder, other, EX_BAD_PROFILE, "");
        int code = program_run(&p, &(struct program_way){.dir = k.dir}, again);

        (void)CHECK(code == EX_FAIL || code == EX_INCONCLUSIVE);
        resumed(k.dir, folder, k.live_yaml, EX_BAD_USAGE, "there is nothing to resume");
    }
    (void)kill_rig_close(&k);
    struct run_record r = {0};
    struct err e = {0};
    uint64_t times = 1;

    if (CHECK(judge_folder(&r, folder, &e)))
        times = r.judgement->tally.health.unwatched[UNWATCHED_RESUMED];
    (void)CHECK(times == 1 || times == 2); /* the first may have died before it noted anything */
    run_record_fini(&r);
    check_account(&k, folder, times);
}

static void a_run_that_goes_on_is_left_alone(void)
{
    struct kill_rig k;
    struct program p;
    char folder[KILL_FOLDER];

    if (!kill_rig_open(&k, "resume-held", NULL))
        return;
    if (kill_rig_start(&p, k.dir, k.live_yaml, 0, NULL, folder))
        resumed(k.dir, folder, k.live_yaml, EX_LOCKED, "another run holds this folder");
    program_signal(&p, SIGKILL);
    (void)program_wait(&p, 10);
    (void)kill_rig_close(&k);
}

static const struct test tests[] = {
    TEST(a_run_whose_lab_died_with_it_has_nothing_to_look_at),
    TEST(what_is_no_run_is_refused),
    TEST(a_run_goes_on_as_often_as_it_dies_and_not_after_its_end),
    TEST(a_run_that_goes_on_is_left_alone),
    TEST_END,
};

const struct suite own_faults_resume_suite = {"own_faults_resume", tests};
