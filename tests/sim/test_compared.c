/* test_compared.c - simulated runs of two builds, twenty moves each, compared: what differs is shown, what does not is not. */
#include <stdio.h>
#include <string.h>

#include "results/compare.h"
#include "tests/sim/sim_run.h"
#include "tests/support/check.h"
#include "tests/support/scratch.h"

#define ARENA_BYTES (64u << 20)

static bool walk(const char *version, const char *seed, const char *dir)
{
    char lab[60], number[60];
    const char *const sets[] = {lab,
                                number,
                                "moves.users.count=20",
                                "load.steady.duration=44m",
                                "load.steady.rate=5/s",
                                "settle.deadline=60m"};
    struct sim_run s;
    struct sim_order o = {
        .profile = {.path = "q248839", .sets = sets, .set_count = sizeof sets / sizeof sets[0]},
        .dir = dir,
        .net = {.start_ns = 1000000000,
                .latency_min_ns = 50000,
                .latency_max_ns = 500000,
                .split_per_mille = 20}};

    (void)snprintf(lab, sizeof lab, "lab.version=%s", version);
    (void)snprintf(number, sizeof number, "run.seed=%s", seed);
    bool ok = sim_walk(&s, &o);

    CHECK_STR(s.wrong, "");
    sim_fini(&s);
    return ok;
}

/* The words of a comparison of two builds; "" after a complaint. */
static const char *compared(const char *first, const char *second, const char *second_seed,
                            struct buf *out)
{
    struct arena *a = arena_create(ARENA_BYTES);
    struct compared runs[2];
    char dirs[2][600];
    struct err e = {0};

    buf_init(out, 1u << 20);
    (void)snprintf(dirs[0], sizeof dirs[0], "%s/run", scratch_dir("compared-a"));
    (void)snprintf(dirs[1], sizeof dirs[1], "%s/run", scratch_dir("compared-b"));
    if (walk(first, "248839", dirs[0]) && walk(second, second_seed, dirs[1]) &&
        compared_read(&runs[0], a, dirs[0], &e) && compared_read(&runs[1], a, dirs[1], &e) &&
        compared_find_window(&runs[0], a, dirs[0], &e)) {
        struct comparison *c = comparison_make(a, runs, 2, false, &e);

        CHECK(c && compare_text(c, true, out, false));
        CHECK_U64(runs[0].move_count, 20);
        CHECK(runs[0].window.known);
    }
    CHECK_STR(e.text, "");
    arena_destroy(a);
    return buf_text(out);
}

static void sp4_is_better_in_silence_and_not_shown_better_in_delivery(void)
{
    struct buf out;
    const char *words = compared("5.5-sp3", "5.5-sp4", "248839", &out);

    CHECK_HAS(words, " is better in silence and responsibility; a difference was not shown in "
                     "delivery and transparency\n");
    CHECK_HAS(words, "0 of 20 moves lost something in silence instead of 20 of 20");
    CHECK_HAS(words, "delivery: a difference was not shown: 20 of 20 and 20 of 20 moves left "
                     "something undelivered");
    CHECK_HAS(words,
              "20 moves each can show no less than 13 of 20 against 20 of 20; about 101 each "
              "would be needed to show 100 % against 90 %\n");
    CHECK_HAS(words, "Both were sent the same messages");
    buf_fini(&out);
}

static void sp1_and_sp2_are_not_shown_to_differ(void)
{
    struct buf out;
    const char *words = compared("5.5-sp1", "5.5-sp2", "7", &out);

    CHECK_HAS(words, "\na difference was not shown in silence, delivery, responsibility and "
                     "transparency\n");
    CHECK_HAS(words, " each would be needed "); /* how many moves it would take */
    CHECK(!strstr(words, " is better"));
    CHECK(!strstr(words, " is worse"));
    CHECK(!strstr(words, "the same messages")); /* another seed */
    buf_fini(&out);
}

static const struct test tests[] = {
    TEST(sp4_is_better_in_silence_and_not_shown_better_in_delivery),
    TEST(sp1_and_sp2_are_not_shown_to_differ),
    TEST_END,
};

const struct suite compared_suite = {"compared", tests};
