/* test_service_packs.c - the whole matrix of versions and scenarios on simulated time: every cell has allowed classes only,
 * shows the class it must, and agrees with the truth copy by copy.
 */
#include <stdio.h>
#include <string.h>

#include "app/matrix.h"
#include "tests/sim/sim_run.h"
#include "tests/support/check.h"
#include "tests/support/scratch.h"

static void walk_cell(const char *variant)
{
    static const char *const said[] = {"as expected", "not reproduced", "an unexpected class",
                                       "no verdict"};
    char dir[600], text[1500];
    struct sim_run s;

    (void)snprintf(dir, sizeof dir, "%s/run", scratch_dir("cell"));
    struct sim_order o = {.profile = {.path = "service-packs", .variant = variant},
                          .dir = dir,
                          .net = {.start_ns = 1000000000,
                                  .latency_min_ns = 50000,
                                  .latency_max_ns = 500000,
                                  .split_per_mille = 20}};
    bool ok = sim_walk(&s, &o);

    (void)snprintf(text, sizeof text, "%s: %s", variant, s.wrong);
    if (check_true(ok, text, __FILE__, __LINE__)) {
        struct job job = {.variant = variant, .profile = s.profile, .result = s.result};
        enum cell_verdict v = matrix_cell(&job);

        (void)snprintf(text, sizeof text, "%s: %s", variant, said[v]);
        (void)check_true(v == CELL_AS_EXPECTED, text, __FILE__, __LINE__);
    }
    sim_fini(&s);
}

static void walk_scenario(const char *scenario)
{
    struct arena *a = arena_create(64u << 20);
    struct err e = {0};
    struct profile_request rq = {.path = "service-packs"};
    const struct profile *p = profile_load(a, &rq, &e);
    size_t n = strlen(scenario);
    unsigned cells = 0;

    if (!p) {
        (void)check_true(false, e.text, __FILE__, __LINE__);
        arena_destroy(a);
        return;
    }
    for (uint32_t i = 0; i < p->variant_count; i++)
        if (strncmp(p->variants[i], scenario, n) == 0 && p->variants[i][n] == '/') {
            walk_cell(p->variants[i]);
            cells++;
        }
    CHECK(cells >= 5);
    arena_destroy(a);
}

static void a_plain_move_makes_false_reports(void)
{
    walk_scenario("A");
}

static void both_moving_strands_mail(void)
{
    walk_scenario("B");
}

static void deliver_to_both_loses_in_silence(void)
{
    walk_scenario("C");
}

static void offline_and_quiet_long_enough_nothing_happens(void)
{
    walk_scenario("D");
}

static void without_the_cache_nothing_happens(void)
{
    walk_scenario("E");
}

static void an_alternate_removed_too_late_changes_nothing(void)
{
    walk_scenario("F1");
}

static void an_alternate_removed_early_turns_silence_into_reports(void)
{
    walk_scenario("F2");
}

static void a_redirect_is_safe(void)
{
    walk_scenario("G");
}

static void mail_before_the_flag_is_lost(void)
{
    walk_scenario("H");
}

static void a_second_move_deletes_the_mailbox(void)
{
    walk_scenario("I");
}

static void without_a_directory_mail_is_dropped(void)
{
    walk_scenario("J");
}

static const struct test tests[] = {
    TEST(a_plain_move_makes_false_reports),
    TEST(both_moving_strands_mail),
    TEST(deliver_to_both_loses_in_silence),
    TEST(offline_and_quiet_long_enough_nothing_happens),
    TEST(without_the_cache_nothing_happens),
    TEST(an_alternate_removed_too_late_changes_nothing),
    TEST(an_alternate_removed_early_turns_silence_into_reports),
    TEST(a_redirect_is_safe),
    TEST(mail_before_the_flag_is_lost),
    TEST(a_second_move_deletes_the_mailbox),
    TEST(without_a_directory_mail_is_dropped),
    TEST_END,
};

const struct suite service_packs_suite = {"service_packs", tests};
