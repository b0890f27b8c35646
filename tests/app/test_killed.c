/* test_killed.c - SIGKILL at random moments: what the journal holds is judged, balances, and claims no more than it knows.
 *
 * Most runs have their lab in a process of its own, which lives on and writes its truth to the end: what a killed run
 * says can then be held against what really became of its messages; half of these are resumed, and held against it again.
 * Some runs take their lab down with them.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/rng.h"
#include "results/judge.h"
#include "tests/app/kill_rig.h"
#include "tests/support/check.h"
#include "tests/support/scratch.h"
#include "tests/support/truth.h"

#define KILLS      20 /* unless PM_KILLS says otherwise (./dev kills N) */
#define KILLS_MAX  1000
#define BATCH      20
#define INSIDE     3 /* of ten take their lab along */
#define LONGEST_MS 3000

static bool silent(unsigned c)
{
    return c == CLASS_LEFT_BEHIND || c == CLASS_VANISHED || c == CLASS_STRANDED ||
           c == CLASS_IN_DOUBT_SILENT || c == CLASS_SILENT_BY_REQUEST || c == CLASS_SILENT_LOSS;
}

static void complain(const char *folder, const char *why)
{
    char text[1500];

    (void)snprintf(text, sizeof text, "%.600s: %.800s", folder, why);
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

struct sums { /* of all runs, for the last line */
    unsigned runs, died, resumed, torn;
    uint64_t planned, delivered, unknown, not_sent, acknowledged, missing;
};

static void add_up(struct sums *s, const struct judgement *j, bool ended)
{
    s->runs++;
    s->died += !ended;
    s->torn += j->tally.health.torn;
    s->planned += j->tally.planned;
    s->delivered += j->tally.classes[CLASS_DELIVERED];
    s->unknown += j->tally.classes[CLASS_UNKNOWN];
    s->not_sent += j->tally.classes[CLASS_NOT_SENT];
}

/* What the kernel had taken from a writer is in the file, and only what lies behind it may be torn. */
static void check_acknowledged(const char *folder, const struct judgement *j, struct sums *sums)
{
    uint64_t missing = 0, acknowledged = kill_rig_acknowledged(folder, &missing);

    sums->acknowledged += acknowledged;
    sums->missing += missing;
    (void)CHECK_U64(missing, 0);
    if (acknowledged && j->tally.health.torn)
        (void)printf("  a block was being written\n");
}

static void check_folder(const char *folder, const char *truth, struct sums *sums)
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
    add_up(sums, r.judgement, ended);
    check_acknowledged(folder, r.judgement, sums);
    (void)printf("  %" PRIu64 " planned, %" PRIu64 " delivered, %" PRIu64 " unknown, %" PRIu64
                 " not sent, %s\n",
                 r.judgement->tally.planned, r.judgement->tally.classes[CLASS_DELIVERED],
                 r.judgement->tally.classes[CLASS_UNKNOWN],
                 r.judgement->tally.classes[CLASS_NOT_SENT], ended ? "ended" : "killed");
    bool again = r.judgement->tally.health.unwatched[UNWATCHED_RESUMED] > 0;

    if (truth && (!ended || again)) {
        if (!truth_compare(r.manifest, r.ledger, truth, again ? TRUTH_RESUMED : TRUTH_KILLED,
                           &score, &e))
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

static unsigned kills(bool inside)
{
    const char *asked = getenv("PM_KILLS");
    unsigned long n = asked ? strtoul(asked, NULL, 10) : KILLS;
    unsigned all = n > 0 && n <= KILLS_MAX ? (unsigned)n : KILLS, in = all * INSIDE / 10;

    return inside ? in : all - in;
}

static unsigned moment(unsigned i)
{
    struct rng r = rng_at((uint64_t)getpid(), 0x4b494c, i);

    return (unsigned)rng_below(&r, LONGEST_MS);
}

static void tell(const char *what, const struct sums *s)
{
    (void)printf("%s: %u runs, %u killed before their end, %u journals torn, %u resumed; %" PRIu64
                 " copies planned, %" PRIu64 " delivered, %" PRIu64 " unknown, %" PRIu64
                 " not sent; %" PRIu64 " octets of journals acknowledged, %" PRIu64
                 " of them missing\n",
                 what, s->runs, s->died, s->torn, s->resumed, s->planned, s->delivered, s->unknown,
                 s->not_sent, s->acknowledged, s->missing);
}

/* One that had come to its end says so. */
static void resume(const struct kill_rig *k, const char *folder, struct sums *sums)
{
    struct program p;
    const char *const argv[] = {"run", "--resume", folder, k->live_yaml, "--quiet", NULL};
    int code = program_run(&p, &(struct program_way){.dir = k->dir}, argv);

    if (!CHECK(code == EX_FAIL || code == EX_INCONCLUSIVE || code == EX_BAD_USAGE)) {
        char *said = program_said(&p, true);

        complain(folder, said);
        free(said);
    }
    sums->resumed += code != EX_BAD_USAGE;
    if (code == EX_BAD_USAGE)
        return;
    check_verb(k->dir, folder); /* the same verdict from the journal */
}

/* So many, one after the other, against one lab; mail of all of them stays in its mailboxes. */
static void kill_batch(unsigned first, unsigned count, struct sums *sums, struct sums *again)
{
    char folders[BATCH][KILL_FOLDER], name[40];
    struct kill_rig k;
    unsigned killed = 0;

    (void)snprintf(name, sizeof name, "killed-%u", first);
    if (!kill_rig_open(&k, name, NULL))
        return;
    while (killed < count &&
           kill_rig_kill(k.dir, k.live_yaml, killed, moment(first + killed), folders[killed])) {
        if (killed % 2)
            program_sleep_ms(700); /* a move that was under way ends */
        else {
            check_folder(folders[killed], NULL, sums);
            resume(&k, folders[killed], again);
        }
        killed++;
    }
    (void)kill_rig_close(&k);
    for (unsigned i = 0; i < killed; i++)
        check_folder(folders[i], k.truth, i % 2 ? sums : again);
    if (killed > 1)
        check_verb(k.dir, folders[1]);
}

static void a_killed_run_claims_no_more_than_it_knows(void)
{
    unsigned count = kills(false);
    struct sums sums = {0}, again = {0};

    for (unsigned i = 0; i < count; i += BATCH)
        kill_batch(i, count - i < BATCH ? count - i : BATCH, &sums, &again);
    (void)CHECK_U64(sums.runs, count);
    tell("lab outlives", &sums);
    tell("resumed", &again);
}

static void a_run_that_takes_its_lab_along_balances_too(void)
{
    char dir[300], folder[KILL_FOLDER] = "";
    unsigned count = kills(true);
    struct sums sums = {0};

    (void)snprintf(dir, sizeof dir, "%s", scratch_dir("killed-inside"));
    const char *yaml = kill_rig_inside(dir, NULL);

    for (unsigned i = 0; i < count; i++)
        if (kill_rig_kill(dir, yaml, i, moment(KILLS_MAX + i), folder))
            check_folder(folder, NULL, &sums);
    check_verb(dir, folder);
    tell("lab dies too", &sums);
}

static const struct test tests[] = {
    TEST(a_killed_run_claims_no_more_than_it_knows),
    TEST(a_run_that_takes_its_lab_along_balances_too),
    TEST_END,
};

const struct suite killed_suite = {"killed", tests};
