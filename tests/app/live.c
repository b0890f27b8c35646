/* live.c - one campaign, and for what did not show a second one. */
#include "tests/app/live.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "results/judge.h"
#include "tests/support/check.h"
#include "tests/support/scratch.h"

#define AGAIN_BYTES 4000

struct walk {
    const struct live_job *what;
    bool last;
    char again[AGAIN_BYTES]; /* variants that did not show what they should, a comma list */
    bool any_again;
};

static void fail(const struct job *j, const char *why)
{
    char text[1500];

    (void)snprintf(text, sizeof text, "%s %s: %s", j->path, j->variant, why);
    (void)check_true(false, text, __FILE__, __LINE__);
}

static void same_again(const struct job *j)
{
    struct run_record again = {0};
    struct err e = {0};
    struct buf live, later;

    buf_init(&live, 16u << 20);
    buf_init(&later, 16u << 20);
    if (!judge_folder(&again, j->result.dir, &e) ||
        !judgement_print_summary(j->result.judgement, &live, &e) ||
        !judgement_print_summary(again.judgement, &later, &e))
        fail(j, e.text);
    else if (live.n != later.n || memcmp(live.p, later.p, live.n) != 0)
        fail(j, "judged again, the summary is another");
    run_record_fini(&again);
    buf_fini(&live);
    buf_fini(&later);
}

static bool compare(const struct job *j)
{
    char path[700];
    struct truth_score score;
    struct err e = {0};

    (void)snprintf(path, sizeof path, "%s/truth.tsv", j->result.dir);
    if (!truth_compare(j->result.manifest, j->result.ledger, path, TRUTH_WHOLE, &score, &e)) {
        fail(j, e.text);
        return false;
    }
    if (score.wrong)
        fail(j, score.first);
    else
        (void)CHECK(score.copies > 0);
    return score.wrong == 0;
}

static void on_ended(void *owner, struct job *j)
{
    struct walk *w = owner;
    char why[300] = "";
    size_t n = strlen(w->again);

    if (!j->result.judgement) {
        fail(j, j->result.error.code ? j->result.error.text : "no verdict");
        return;
    }
    (void)CHECK(j->result.exit_code != EX_INTERNAL);
    same_again(j);
    if (!compare(j) || w->what->shows(j, why, sizeof why))
        return;
    if (w->last) {
        fail(j, why);
        return;
    }
    (void)printf("  once more: %s %s: %s\n", j->path, j->variant, why);
    (void)snprintf(w->again + n, sizeof w->again - n, "%s%s", w->any_again ? "," : "", j->variant);
    w->any_again = true;
}

static void walk(struct walk *w, const char *variants)
{
    const struct timespec step = {.tv_nsec = 20000000};
    struct campaign c = {.arena = arena_create(64u << 20),
                         .parallel = w->last ? 1 : w->what->parallel,
                         .sets = w->what->sets};
    struct err e = {0};
    char dir[300];

    (void)snprintf(dir, sizeof dir, "%s", scratch_dir("live"));
    c.runs_dir = dir;
    while (c.sets && c.sets[c.set_count])
        c.set_count++;
    if (campaign_add(&c, w->what->path, variants, &e))
        while (campaign_step(&c, on_ended, w))
            (void)nanosleep(&step, NULL);
    else
        (void)check_true(false, e.text, __FILE__, __LINE__);
    campaign_fini(&c);
    arena_destroy(c.arena);
}

void live_walk(const struct live_job *w)
{
    struct walk first = {.what = w}, second = {.what = w, .last = true};

    walk(&first, w->variant);
    if (first.any_again)
        walk(&second, first.again);
}
