/* test_seeds.c - hundreds of drawn runs, cuts and all: the verdict is the truth, copy by copy.
 *
 * PM_SEEDS: how many (500), from PM_FIRST (1) on. PM_SEED: this one only; its folder is kept, so that a failure can be
 * looked at.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/sim/draw.h"
#include "tests/sim/meddle.h"
#include "tests/sim/sim_run.h"
#include "tests/support/check.h"
#include "tests/support/scratch.h"

struct totals {
    uint64_t runs, copies, steps, cuts, classes[CLASS_COUNT];
};

static uint64_t from_environment(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);

    return text && *text ? strtoull(text, NULL, 10) : otherwise;
}

static const struct kind {
    const char *name;
    enum draw_kind kind;
    enum truth_view view;
    uint64_t share; /* one of so many seeds */
} whole = {"whole", DRAW_WHOLE, TRUTH_WHOLE, 1}, blind = {"blind", DRAW_BLIND, TRUTH_BLIND, 5},
  hasty = {"hasty", DRAW_HASTY, TRUTH_HASTY, 5}, x400 = {"x400", DRAW_X400, TRUTH_WHOLE, 2};

static const char *write_profile(const char *dir, uint64_t seed, const struct kind *k)
{
    struct buf text;

    buf_init(&text, 1u << 20);
    draw_profile(seed, k->kind, &text);
    const char *path = scratch_file(dir, "drawn.yaml", buf_text(&text));

    buf_fini(&text);
    return path;
}

static bool walk_seed(uint64_t seed, const struct kind *k, struct totals *t)
{
    static struct meddle meddle;
    char dir[300], folder[320], text[1500];
    struct sim_run s;
    struct drawn_net d = draw_net(seed);

    (void)snprintf(dir, sizeof dir, "%s", scratch_dir(k->name));
    (void)snprintf(folder, sizeof folder, "%s/run", dir);
    meddle_init(&meddle, seed, d.cut_smtp_percent, d.cut_imap_percent);
    d.net.meddler = &meddle.meddler;
    struct sim_order o = {.profile = {.path = write_profile(dir, seed, k)},
                          .dir = folder,
                          .net = d.net,
                          .view = k->view,
                          .armed = meddle_site,
                          .owner = &meddle};
    bool ok = sim_walk(&s, &o);

    (void)snprintf(text, sizeof text, "%s seed %" PRIu64 " (again: PM_SEED=%" PRIu64 "): %s",
                   k->name, seed, seed, s.wrong);
    (void)check_true(ok, text, __FILE__, __LINE__);
    t->runs++;
    t->copies += s.score.copies;
    t->steps += s.steps;
    t->cuts += meddle.cuts;
    for (unsigned c = 0; c < CLASS_COUNT; c++)
        t->classes[c] += s.score.classes[c];
    sim_fini(&s);
    return ok;
}

static void walk_seeds(const struct kind *k)
{
    uint64_t only = from_environment("PM_SEED", 0), first = from_environment("PM_FIRST", 1);
    uint64_t count = from_environment("PM_SEEDS", 500) / k->share;
    struct totals t = {0};

    if (only)
        (void)walk_seed(only, k, &t);
    for (uint64_t i = 0; !only && i < count; i++)
        (void)walk_seed(first + i, k, &t);
    (void)printf("  %" PRIu64 " runs, %" PRIu64 " copies, %" PRIu64 " steps, %" PRIu64 " cuts\n ",
                 t.runs, t.copies, t.steps, t.cuts);
    for (unsigned c = 0; c < CLASS_COUNT; c++)
        if (t.classes[c])
            (void)printf(" %s %" PRIu64, class_name((enum outcome)c), t.classes[c]);
    (void)printf("\n");
}

static void verdict_and_truth_are_the_same_whatever_is_drawn(void)
{
    walk_seeds(&whole);
}

static void so_they_are_over_x400(void)
{
    walk_seeds(&x400);
}

static void without_sight_of_the_queues_silence_stays_unknown(void)
{
    walk_seeds(&blind);
}

static void who_gives_up_settling_calls_nothing_lost_that_is_not(void)
{
    walk_seeds(&hasty);
}

static const struct test tests[] = {
    TEST(verdict_and_truth_are_the_same_whatever_is_drawn),
    TEST(so_they_are_over_x400),
    TEST(without_sight_of_the_queues_silence_stays_unknown),
    TEST(who_gives_up_settling_calls_nothing_lost_that_is_not),
    TEST_END,
};

const struct suite seeds_suite = {"seeds", tests};
