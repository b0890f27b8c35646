/* main.c - sim_sweep [COUNT [FIRST]]: so many seeds (PM_SEEDS, else 1,000) from FIRST (1) on, on all processors.
 *
 * A line every few seconds says how far it is; a failing seed is said at once. At the end each failing one (the first few) is cut
 * down, and its story told, with the command that walks it again. Exit: 0 all right, 1 a seed failed, 64 usage, 74 the machine.
 * sim_sweep --case FILE walks one case, a file as it was cut down, and leaves its folder below scratch/; --print SEED prints
 * the case that is drawn from a seed.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sys/stat.h>

#include "tests/sim/case.h"
#include "tests/sim/shrink.h"
#include "tests/sim/sweep/crew.h"
#include "tests/sim/sweep/story.h"
#include "tests/support/scratch.h"

#define CASE_BYTES   (1u << 20)
#define STORIES      5u /* are told */
#define TRIALS       700u
#define SAY_EVERY_S  10.0
#define COVERED_FROM 1000u /* seeds that must have met everything that can be met */

struct failure {
    uint64_t seed;
    char sign[160], wrong[1500];
};

struct totals {
    uint64_t count, done, failed, copies, steps, cuts, kills, died, resumed, twice, not_begun;
    uint64_t classes[CLASS_COUNT], ends[CLOSE_KINDS][CLOSING_OCTETS + 1];
    double cpu_s, most_cpu_s, began_s, said_s;
    uint64_t most_cpu_seed;
    struct failure first[STORIES];
};

static double now_s(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void say_progress(struct totals *t)
{
    double s = now_s() - t->began_s;

    t->said_s = now_s();
    (void)printf("%" PRIu64 " of %" PRIu64 " seeds, %" PRIu64
                 " failed; %.0f s, %.0f ms of a processor a seed, %.0f s to go\n",
                 t->done, t->count, t->failed, s, 1e3 * t->cpu_s / (double)t->done,
                 s / (double)t->done * (double)(t->count - t->done));
    (void)fflush(stdout);
}

static void on_done(void *owner, uint64_t seed, const struct held *h)
{
    struct totals *t = owner;

    t->done++;
    t->copies += h->copies;
    t->steps += h->steps;
    t->cuts += h->cuts;
    t->kills += h->kills;
    t->died += h->died;
    t->resumed += h->resumed;
    t->twice += h->twice;
    t->not_begun += h->not_begun;
    t->cpu_s += h->cpu_s;
    if (h->cpu_s > t->most_cpu_s) {
        t->most_cpu_s = h->cpu_s;
        t->most_cpu_seed = seed;
    }
    for (unsigned c = 0; c < CLASS_COUNT; c++)
        t->classes[c] += h->classes[c];
    for (unsigned k = 0; k < CLOSE_KINDS; k++)
        for (unsigned o = 0; o <= CLOSING_OCTETS; o++)
            t->ends[k][o] += h->ends[k][o];
    if (*h->rule) {
        if (t->failed < STORIES) {
            struct failure *f = &t->first[t->failed];

            f->seed = seed;
            (void)snprintf(f->sign, sizeof f->sign, "%s", h->sign);
            (void)snprintf(f->wrong, sizeof f->wrong, "%s", h->wrong);
        }
        t->failed++;
        (void)printf("seed %" PRIu64 " FAILED, %s: %s\n", seed, h->rule, h->wrong);
    }
    if (now_s() - t->said_s > SAY_EVERY_S)
        say_progress(t);
}

/* ----------------------------------------------------------------------------------------------------- one that failed */

static bool fails_alike(void *owner, const char *text)
{
    const char *sign = owner;
    static struct held h;

    return !crew_hold(text, "trial", &h) && strcmp(h.sign, sign) == 0;
}

/* In this process, whose folder stays: false, and its story, if it fails. */
static bool walk_here(const char *text)
{
    static struct held h;
    char dir[80];
    bool ok = hold_case(text, "story", &h);

    (void)snprintf(dir, sizeof dir, "scratch/story-%ld/run", (long)getpid());
    if (ok)
        (void)printf("all right: %" PRIu64 " copies, %" PRIu64 " steps\n", h.copies, h.steps);
    else
        story_tell(text, &h, dir);
    return ok;
}

static void tell(const struct failure *f, const char *program)
{
    struct shrink s = {.fails = fails_alike, .owner = (void *)f->sign, .trials = TRIALS};
    struct buf text;
    char name[40], path[80];

    buf_init(&text, CASE_BYTES);
    case_draw(f->seed, &text);
    (void)printf("\nseed %" PRIu64 ": %s\n  cutting it down ...\n", f->seed, f->wrong);
    (void)fflush(stdout);
    char *small = shrink_text(buf_text(&text), &s);

    (void)mkdir("sweep-failed", 0700);
    (void)snprintf(name, sizeof name, "%" PRIu64 ".yaml", f->seed);
    (void)snprintf(path, sizeof path, "%s", scratch_file("sweep-failed", name, small));
    if (crew_died(f->sign)) {
        story_case(small);
        (void)printf("  no story: whoever walks it dies of it\n");
    } else
        (void)walk_here(small);
    (void)printf("  again: %s --case %s (cut down in %u walks), or whole: %s 1 %" PRIu64 "\n",
                 program, path, TRIALS - s.trials, program, f->seed);
    free(small);
    buf_fini(&text);
}

/* ------------------------------------------------------------------------------------------------------------- the end */

static const char *const end_names[CLOSE_KINDS] = {"DATA", "BDAT", "P1"};
static const unsigned end_octets[CLOSE_KINDS] = {5, 5, 9};

/* Was every end cut behind each of its octets? */
static bool say_ends(const struct totals *t)
{
    bool all = true;

    for (unsigned k = 0; k < CLOSE_KINDS; k++) {
        (void)printf("cut at the end of a message over %s, by octets of it that had passed:",
                     end_names[k]);
        for (unsigned o = 0; o <= end_octets[k]; o++) {
            (void)printf(" %" PRIu64, t->ends[k][o]);
            all = all && t->ends[k][o] > 0;
        }
        (void)printf("\n");
    }
    return all;
}

static bool say_all(const struct totals *t)
{
    (void)printf("%" PRIu64 " seeds in %.0f s: %" PRIu64 " copies, %" PRIu64 " steps, %" PRIu64
                 " cuts; %" PRIu64 " killed accounts, %" PRIu64 " of %" PRIu64
                 " killed for good resumed, %" PRIu64 " walked twice, %" PRIu64
                 " that rightly never began; %.0f ms of a processor a "
                 "seed, at most %.1f s (seed %" PRIu64 ")\n ",
                 t->done, now_s() - t->began_s, t->copies, t->steps, t->cuts, t->kills, t->resumed,
                 t->died, t->twice, t->not_begun, 1e3 * t->cpu_s / (double)t->done, t->most_cpu_s,
                 t->most_cpu_seed);
    for (unsigned c = 0; c < CLASS_COUNT; c++)
        if (t->classes[c])
            (void)printf(" %s %" PRIu64, class_name((enum outcome)c), t->classes[c]);
    (void)printf("\n");
    bool covered = say_ends(t) && 5 * t->resumed > 4 * t->died;

    covered = covered || t->count < COVERED_FROM;
    if (!covered)
        (void)printf("FAILED: some end was never cut, or too few runs were resumed\n");
    (void)printf("%" PRIu64 " of %" PRIu64 " seeds failed\n", t->failed, t->done);
    return covered && t->failed == 0;
}

static int walk_file(const char *path)
{
    char *text = scratch_read(path, NULL);

    if (!text) {
        (void)fprintf(stderr, "%s: cannot be read\n", path);
        return 74;
    }
    bool ok = walk_here(text);

    free(text);
    return ok ? 0 : 1;
}

static int print_case(const char *seed)
{
    struct buf text;

    buf_init(&text, CASE_BYTES);
    case_draw(strtoull(seed, NULL, 10), &text);
    (void)fputs(buf_text(&text), stdout);
    buf_fini(&text);
    return 0;
}

static uint64_t number_in(int argc, char **argv, int at, uint64_t otherwise)
{
    return argc > at ? strtoull(argv[at], NULL, 10) : otherwise;
}

int main(int argc, char **argv)
{
    static struct totals t;
    const char *seeds = getenv("PM_SEEDS");
    long processors = sysconf(_SC_NPROCESSORS_ONLN);

    (void)signal(SIGPIPE, SIG_IGN);
    if (argc == 3 && strcmp(argv[1], "--case") == 0)
        return walk_file(argv[2]);
    if (argc == 3 && strcmp(argv[1], "--print") == 0)
        return print_case(argv[2]);
    t.count = number_in(argc, argv, 1, seeds ? strtoull(seeds, NULL, 10) : 1000);
    if (argc > 3 || t.count == 0) {
        (void)fprintf(stderr, "usage: %s [COUNT [FIRST]] | --case FILE | --print SEED\n", argv[0]);
        return 64;
    }
    t.began_s = t.said_s = now_s();
    struct crew c = {.jobs = processors > 0 ? (unsigned)processors : 1,
                     .first = number_in(argc, argv, 2, 1),
                     .count = t.count,
                     .done = on_done,
                     .owner = &t};

    if (!crew_sweep(&c)) {
        (void)fprintf(stderr, "no process or pipe to be had\n");
        return 74;
    }
    for (uint64_t i = 0; i < t.failed && i < STORIES; i++)
        tell(&t.first[i], argv[0]);
    return say_all(&t) ? 0 : 1;
}
