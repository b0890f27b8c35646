/* test_service_packs.c - the whole matrix of versions and scenarios on simulated time, by SMTP and by X.400: every cell has
 * allowed classes only, shows the class it must, agrees with the truth copy by copy, and is the same over both protocols.
 */
#include <stdio.h>
#include <string.h>

#include "app/matrix.h"
#include "results/judge.h"
#include "tests/sim/sim_run.h"
#include "tests/support/check.h"
#include "tests/support/scratch.h"

static bool walk_over(const char *variant, const char *protocol, uint64_t classes[CLASS_COUNT])
{
    static const char *const said[] = {"as expected", "not reproduced", "an unexpected class",
                                       "no verdict"};
    char dir[600], text[1500], set[40];
    const char *const sets[] = {set};
    struct sim_run s;

    (void)snprintf(dir, sizeof dir, "%s/run", scratch_dir("cell"));
    (void)snprintf(set, sizeof set, "run.protocol=%s", protocol);
    struct sim_order o = {
        .profile = {.path = "service-packs", .variant = variant, .sets = sets, .set_count = 1},
        .dir = dir,
        .net = {.start_ns = 1000000000,
                .latency_min_ns = 100,
                .latency_max_ns = 200,
                .split_per_mille = 20}};
    bool ok = sim_walk(&s, &o);

    (void)snprintf(text, sizeof text, "%s over %s: %s", variant, protocol, s.wrong);
    if (check_true(ok, text, __FILE__, __LINE__)) {
        struct job job = {.variant = variant, .profile = s.profile, .result = s.result};
        enum cell_verdict v = matrix_cell(&job);

        (void)snprintf(text, sizeof text, "%s over %s: %s", variant, protocol, said[v]);
        (void)check_true(v == CELL_AS_EXPECTED, text, __FILE__, __LINE__);
        memcpy(classes, s.result.judgement->tally.classes, CLASS_COUNT * sizeof *classes);
    }
    sim_fini(&s);
    return ok;
}

static void walk_cell(const char *variant)
{
    uint64_t smtp[CLASS_COUNT] = {0}, p1[CLASS_COUNT] = {0};
    char text[300];

    if (!walk_over(variant, "smtp", smtp) || !walk_over(variant, "p1", p1))
        return;
    for (unsigned c = 0; c < CLASS_COUNT; c++) {
        (void)snprintf(text, sizeof text, "%s: %llu copies %s over SMTP, %llu over P1", variant,
                       (unsigned long long)smtp[c], class_name((enum outcome)c),
                       (unsigned long long)p1[c]);
        (void)check_true(smtp[c] == p1[c], text, __FILE__, __LINE__);
    }
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
