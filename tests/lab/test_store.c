/* test_store.c - mailboxes, UIDs and log-ons, and the steps and failures of a move. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "tests/lab/scene.h"
#include "tests/support/check.h"

enum { R, O, JOE };

static const struct scene_mailbox boxes[] = {
    {"R", S, NULL, false, 89.5}, {"O", S, NULL, false, 19.5}, {"joe", T, NULL, false, 0}};

static void open_with(struct scene *s, const char *version, const struct lab_knob *knobs)
{
    scene_open(s, &(struct scene_plan){
                      .version = version, .mailboxes = boxes, .mailbox_count = 3, .knobs = knobs});
}

static enum lab_logon logon(const struct scene *s, int server)
{
    uint32_t m = 0;

    return lab_logon(s->lab, server, slice_of("R@lab.test"), slice_of("secret"), &m);
}

/* "state error" of a move. */
static const char *move_text(struct scene *s, int id)
{
    static char text[300];
    char path[40];

    (void)snprintf(path, sizeof path, "/v1/move?id=%d", id);
    json_t *j = scene_get(s, path);

    (void)snprintf(text, sizeof text, "%s %s", json_string_value(json_object_get(j, "state")),
                   json_string_value(json_object_get(j, "error")));
    json_decref(j);
    return text;
}

/* --- mailboxes --------------------------------------------------------------------------------------------------- */

static void a_log_on_wants_name_and_password_where_the_mailbox_is(void)
{
    struct scene s;
    uint32_t m = 99;

    open_with(&s, NULL, NULL);
    CHECK_I64(lab_logon(s.lab, S, slice_of("r"), slice_of("secret"), &m), LAB_LOGON_OK);
    CHECK_U64(m, R);
    CHECK_I64(lab_logon(s.lab, S, slice_of("R"), slice_of("Secret"), &m), LAB_LOGON_WRONG);
    CHECK_I64(lab_logon(s.lab, S, slice_of("X"), slice_of("secret"), &m), LAB_LOGON_WRONG);
    CHECK_I64(lab_logon(s.lab, S, slice_of("R@other.test"), slice_of("secret"), &m),
              LAB_LOGON_WRONG);
    CHECK_I64(logon(&s, D), LAB_LOGON_ABSENT);
    scene_close(&s);
}

static void uids_grow_and_removal_does_not_renumber(void)
{
    struct lab_item item;
    struct scene s;

    open_with(&s, NULL, NULL);
    for (int i = 0; i < 5; i++)
        CHECK(scene_send(&s, S, "joe", "R", "m") > 0);
    scene_run(&s, 1);
    CHECK_U64(lab_item_count(s.lab, S, R), 5);
    CHECK_U64(lab_uid_next(s.lab, S, R), 6);
    lab_expunge(s.lab, S, R, 1);
    CHECK(lab_item_at(s.lab, S, R, 1, &item));
    CHECK_U64(item.uid, 3);
    lab_item_set_deleted(s.lab, S, R, 0, true);
    lab_item_set_deleted(s.lab, S, R, 3, true);
    CHECK_U64(lab_expunge_deleted(s.lab, S, R), 2);
    CHECK(lab_item_at(s.lab, S, R, 0, &item));
    CHECK_U64(item.uid, 3);
    CHECK(lab_item_at(s.lab, S, R, 1, &item));
    CHECK_U64(item.uid, 4);
    CHECK(!lab_item_at(s.lab, S, R, 2, &item));
    CHECK_U64(lab_uid_next(s.lab, S, R), 6);
    scene_close(&s);
}

/* --- the move ---------------------------------------------------------------------------------------------------- */

static void the_steps_of_a_move_come_at_their_times(void)
{
    static const struct {
        double at_s;
        const char *state;
        enum lab_logon at_source, at_target;
    } steps[] = {{100.0, "copying ", LAB_LOGON_OK, LAB_LOGON_MOVING},
                 {100.4, "copying ", LAB_LOGON_OK, LAB_LOGON_MOVING},
                 {100.5, "copying ", LAB_LOGON_MOVING, LAB_LOGON_MOVING},
                 {190.5, "copying ", LAB_LOGON_MOVING, LAB_LOGON_MOVING},
                 {191.005, "committed ", LAB_LOGON_MOVING, LAB_LOGON_MOVING},
                 {191.01, "done ", LAB_LOGON_ABSENT, LAB_LOGON_OK}};
    struct scene s;

    open_with(&s, NULL, NULL);
    scene_run(&s, 100);
    scene_move(&s, "R", "S", "D");
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        scene_run(&s, steps[i].at_s);
        CHECK_STR(move_text(&s, 1), steps[i].state);
        CHECK_I64(logon(&s, S), steps[i].at_source);
        CHECK_I64(logon(&s, D), steps[i].at_target);
    }
    json_t *j = scene_get(&s, "/v1/move?id=1");

    CHECK_U64((uint64_t)json_integer_value(json_object_get(j, "asked_ns")), SEC(100));
    CHECK_U64((uint64_t)json_integer_value(json_object_get(j, "copy_ns")), SEC(100.5));
    CHECK_U64((uint64_t)json_integer_value(json_object_get(j, "flip_ns")), SEC(191));
    CHECK_U64((uint64_t)json_integer_value(json_object_get(j, "done_ns")), SEC(191.01));
    json_decref(j);
    scene_close(&s);
}

static void items_move_along_with_new_uids_and_a_new_uid_validity(void)
{
    struct lab_item item;
    struct scene s;

    open_with(&s, NULL, NULL);
    for (int i = 0; i < 4; i++)
        CHECK(scene_send(&s, S, "joe", "R", i == 3 ? "last" : "m") > 0);
    scene_run(&s, 1);
    uint32_t before = lab_uid_validity(s.lab, S, R);

    lab_expunge(s.lab, S, R, 0);
    CHECK(lab_logon_stands(s.lab, S, R, before));
    scene_move(&s, "R", "S", "D");
    scene_run(&s, 2);
    CHECK(!lab_logon_stands(s.lab, S, R, before));
    scene_run(&s, 200);
    CHECK(lab_uid_validity(s.lab, D, R) > before);
    CHECK_U64(lab_item_count(s.lab, S, R), 0);
    CHECK_U64(lab_item_count(s.lab, D, R), 3);
    CHECK(lab_item_at(s.lab, D, R, 2, &item));
    CHECK_U64(item.uid, 3);
    CHECK(slice_find(item.content, slice_of("<last@test>"), &(size_t){0}));
    scene_move(&s, "R", "D", "S");
    scene_run(&s, 400);
    CHECK(lab_uid_validity(s.lab, S, R) > lab_uid_validity(s.lab, D, R));
    CHECK_U64(lab_item_count(s.lab, S, R), 3);
    scene_close(&s);
}

static void a_hundred_thousand_items_move_in_one_step(void)
{
    struct scene s;

    open_with(&s, NULL, NULL);
    for (int i = 0; i < 100000; i++)
        (void)scene_send(&s, S, "joe", "R", "m");
    scene_run(&s, 1);
    scene_move(&s, "R", "S", "D");
    scene_run(&s, 200);
    CHECK_U64(lab_item_count(s.lab, D, R), 100000);
    scene_close(&s);
}

static void a_copy_takes_20_ms_an_item_and_a_second_a_megabyte(void)
{
    static const struct lab_knob knobs[] = {
        {"copy_rate", "1000000"}, {"copy_per_item", "20ms"}, {.name = NULL}};
    static const struct scene_mailbox one[] = {{"R", S, NULL, false, 0.000002}};
    struct lab_item item;
    struct scene s;

    scene_open(&s, &(struct scene_plan){.mailboxes = one, .mailbox_count = 1, .knobs = knobs});
    CHECK(scene_send(&s, S, "", "R", "m") > 0);
    scene_run(&s, 1);
    CHECK(lab_item_at(s.lab, S, 0, 0, &item));
    scene_move(&s, "R", "S", "D");
    scene_run(&s, 100);
    json_t *j = scene_get(&s, "/v1/move?id=1");
    double took = (double)(json_integer_value(json_object_get(j, "flip_ns")) -
                           json_integer_value(json_object_get(j, "copy_ns"))) /
                  1e9;

    CHECK_BETWEEN(took, 1 + 2 + 0.02 + (double)item.content.n / 1e6 - 1e-6,
                  1 + 2 + 0.02 + (double)item.content.n / 1e6 + 1e-6);
    json_decref(j);
    scene_close(&s);
}

static void a_copy_that_fails_leaves_the_source_as_it_was(void)
{
    static const char *const asks[] = {"{'mailbox':'R','from':'S','to':'D','fail':'bad-item'}",
                                       "{'mailbox':'R','from':'S','to':'D','fail':'size-limit'}",
                                       "{'mailbox':'R','from':'S','to':'D','fail':'av-lock'}"};

    for (int i = 0; i < 3; i++) {
        struct scene s;

        open_with(&s, "5.5-sp4", NULL);
        CHECK(scene_send(&s, T, "joe", "R", "before") > 0);
        scene_run(&s, 100);
        scene_post(&s, "/v1/move", asks[i]);
        scene_run(&s, 120);
        CHECK(scene_send(&s, T, "joe", "R", "during") > 0);
        CHECK(scene_send(&s, D, "joe", "R", "there") > 0);
        scene_run(&s, 200);
        CHECK_HAS(move_text(&s, 1), "failed event 850");
        CHECK_I64(logon(&s, S), LAB_LOGON_OK);
        CHECK_I64(logon(&s, D), LAB_LOGON_ABSENT);
        CHECK_U64(lab_item_count(s.lab, S, R), 3);
        scene_close(&s);
    }
}

/* The new server's MTA looked the mailbox up meanwhile, and trusts that for 60 s after the directory was put right. */
static void a_directory_first_move_that_fails_leaves_a_wrong_cache_behind(void)
{
    struct scene s;

    open_with(&s, "5.5-sp4", NULL);
    scene_run(&s, 100);
    scene_post(&s, "/v1/move",
               "{'mailbox':'R','from':'S','to':'D','fail':'av-lock','dir_first':true}");
    scene_run(&s, 120);
    CHECK(scene_send(&s, D, "joe", "R", "trusting") > 0);
    scene_run(&s, 200);
    CHECK_HAS(move_text(&s, 1), "failed event 8508");
    CHECK_I64(logon(&s, S), LAB_LOGON_OK);
    CHECK(scene_send(&s, D, "joe", "R", "later") > 0);
    scene_run(&s, 210);
    scene_end(&s);
    CHECK_STR(outcome_name(scene_outcome(scene_tale(&s, "trusting", false))), "FNDR");
    CHECK_STR(outcome_name(scene_outcome(scene_tale(&s, "later", false))), "D");
    scene_close(&s);
}

static void a_batch_is_worked_off_in_its_order(void)
{
    struct scene s;

    open_with(&s, NULL, NULL);
    scene_move(&s, "R", "S", "D");
    scene_move(&s, "O", "S", "T");
    CHECK_STR(move_text(&s, 2), "requested ");
    scene_run(&s, 92);
    CHECK_STR(move_text(&s, 1), "done ");
    CHECK_STR(move_text(&s, 2), "copying ");
    scene_run(&s, 200);
    CHECK_STR(move_text(&s, 2), "done ");
    scene_close(&s);
}

static const struct lab_knob two[] = {{"concurrent_moves", "2"}, {.name = NULL}};

static void two_moves_at_once_hang_old_stores_until_a_restart(void)
{
    struct scene s;

    open_with(&s, "4.0-sp4", two);
    scene_move(&s, "R", "S", "D");
    scene_run(&s, 10);
    scene_move(&s, "O", "S", "D");
    CHECK(scene_send(&s, T, "joe", "R", "m") > 0);
    scene_run(&s, 1000);
    CHECK_STR(move_text(&s, 1), "copying ");
    CHECK_STR(move_text(&s, 2), "requested ");
    CHECK_I64(logon(&s, S), LAB_LOGON_DOWN);
    scene_post(&s, "/v1/restart", "{'server':'S','component':'store'}");
    scene_run(&s, 1001);
    CHECK_STR(move_text(&s, 1), "failed the store stopped");
    CHECK_STR(move_text(&s, 2), "failed the store stopped");
    CHECK_I64(logon(&s, S), LAB_LOGON_OK);
    CHECK_U64(lab_item_count(s.lab, S, R), 1);
    scene_move(&s, "R", "S", "D");
    scene_run(&s, 1100);
    CHECK_STR(move_text(&s, 3), "done ");
    scene_close(&s);
}

static void later_versions_move_two_at_once(void)
{
    struct scene s;

    open_with(&s, "4.0-sp5", two);
    scene_move(&s, "R", "S", "D");
    scene_move(&s, "O", "S", "D");
    scene_run(&s, 92);
    CHECK_STR(move_text(&s, 1), "done ");
    CHECK_STR(move_text(&s, 2), "done ");
    scene_close(&s);
}

static void a_move_may_leave_the_new_store_hung_where_the_version_can(void)
{
    static const struct lab_knob knobs[] = {{"store_hang_percent", "100"}, {.name = NULL}};
    struct scene s;

    open_with(&s, "5.5-sp3", knobs);
    scene_move(&s, "R", "S", "D");
    scene_run(&s, 92);
    CHECK_I64(logon(&s, D), LAB_LOGON_DOWN);
    CHECK(scene_send(&s, D, "joe", "R", "m") > 0);
    scene_run(&s, 1000);
    CHECK_U64(lab_item_count(s.lab, D, R), 0);
    scene_post(&s, "/v1/restart", "{'server':'D','component':'store'}");
    scene_run(&s, 1001);
    CHECK_U64(lab_item_count(s.lab, D, R), 1);
    scene_close(&s);
}

static void a_second_move_of_a_half_moved_mailbox_loses_all_of_it(void)
{
    struct scene s;

    open_with(&s, NULL, NULL);
    CHECK(scene_send(&s, T, "joe", "R", "m") > 0);
    scene_run(&s, 1);
    scene_post(&s, "/v1/move", "{'mailbox':'R','from':'S','to':'D','skip_commit':true}");
    scene_run(&s, 100);
    CHECK_STR(move_text(&s, 1), "done ");
    CHECK_U64(lab_item_count(s.lab, D, R), 1);
    scene_move(&s, "R", "S", "D");
    scene_run(&s, 200);
    CHECK_STR(move_text(&s, 2), "done ");
    CHECK_I64(logon(&s, D), LAB_LOGON_OK);
    CHECK_U64(lab_item_count(s.lab, D, R), 0);
    CHECK(scene_send(&s, T, "joe", "R", "after") > 0);
    scene_run(&s, 300);
    CHECK_U64(lab_item_count(s.lab, D, R), 1);
    scene_end(&s);
    CHECK_STR(outcome_name(scene_outcome(scene_tale(&s, "m", false))), "SIL");
    CHECK_STR(outcome_name(scene_outcome(scene_tale(&s, "after", false))), "D");
    scene_close(&s);
}

static void a_directory_that_is_down_leaves_a_mailbox_half_moved(void)
{
    struct scene s;

    open_with(&s, "5.5-sp4", NULL);
    scene_move(&s, "R", "S", "D");
    scene_run(&s, 50);
    scene_post(&s, "/v1/component", "{'server':'S','component':'directory','up':false}");
    scene_run(&s, 100);
    CHECK_HAS(move_text(&s, 1), "failed the directory could not be written");
    CHECK_I64(logon(&s, D), LAB_LOGON_OK);
    scene_close(&s);
}

static void the_directory_write_may_be_left_out_where_the_version_can(void)
{
    static const struct lab_knob knobs[] = {{"home_not_set_percent", "100"}, {.name = NULL}};
    static const char *const versions[] = {"5.0-sp1", "5.0-sp2"};

    for (int i = 0; i < 2; i++) {
        struct scene s;

        open_with(&s, versions[i], knobs);
        scene_move(&s, "R", "S", "D");
        scene_run(&s, 100);
        CHECK_STR(move_text(&s, 1), "done ");
        json_t *j = scene_get(&s, "/v1/home?mailbox=R");
        json_t *at_s = json_array_get(json_object_get(j, "directories"), S);

        CHECK_STR(json_string_value(json_object_get(at_s, "home")), i == 0 ? "S" : "D");
        json_decref(j);
        scene_close(&s);
    }
}

static void a_snapshot_at_the_request_leaves_late_mail_behind(void)
{
    static const struct lab_knob knobs[] = {{"copy_snapshot", "request"}, {.name = NULL}};
    struct scene s;

    open_with(&s, NULL, knobs);
    CHECK(scene_send(&s, S, "joe", "R", "before") > 0);
    scene_run(&s, 1);
    scene_move(&s, "R", "S", "D");
    scene_run(&s, 1.1);
    CHECK(scene_send(&s, S, "joe", "R", "late") > 0);
    scene_run(&s, 100);
    scene_end(&s);
    CHECK_STR(outcome_name(scene_outcome(scene_tale(&s, "before", false))), "D");
    CHECK_STR(outcome_name(scene_outcome(scene_tale(&s, "late", false))), "SIL");
    scene_close(&s);
}

static void commit_may_come_before_purge(void)
{
    static const struct lab_knob knobs[] = {{"purge_before_commit", "no"}, {.name = NULL}};
    struct scene s;

    open_with(&s, NULL, knobs);
    CHECK(scene_send(&s, S, "joe", "R", "m") > 0);
    scene_run(&s, 1);
    scene_move(&s, "R", "S", "D");
    scene_run(&s, 91.5);
    CHECK_STR(move_text(&s, 1), "committed ");
    CHECK_U64(lab_item_count(s.lab, S, R), 1);
    scene_run(&s, 100);
    CHECK_U64(lab_item_count(s.lab, D, R), 1);
    scene_close(&s);
}

static void a_mailbox_comes_back_to_where_mail_for_it_still_waits(void)
{
    static const struct lab_knob knobs[] = {
        {"in_transit_policy", "retry_then_ndr"}, {"copy_time", "20s"}, {.name = NULL}};
    struct scene s;

    open_with(&s, NULL, knobs);
    scene_move(&s, "R", "S", "D");
    scene_run(&s, 10);
    CHECK(scene_send(&s, T, "joe", "R", "m") > 0); /* tried again at 130.2 */
    scene_run(&s, 30);
    scene_move(&s, "R", "D", "S");
    scene_run(&s, 40);
    CHECK(scene_send(&s, S, "joe", "R", "n") > 0);
    scene_run(&s, 400);
    CHECK_STR(move_text(&s, 2), "done ");
    scene_end(&s);
    CHECK_STR(outcome_name(scene_outcome(scene_tale(&s, "m", false))), "DLY");
    scene_close(&s);
}

static void a_moving_mailbox_is_not_cleared(void)
{
    struct scene s;

    open_with(&s, NULL, NULL);
    CHECK(scene_send(&s, S, "joe", "R", "m") > 0);
    scene_run(&s, 1);
    lab_item_set_deleted(s.lab, S, R, 0, true);
    scene_move(&s, "R", "S", "D");
    scene_run(&s, 10);
    lab_expunge(s.lab, S, R, 0);
    CHECK_U64(lab_expunge_deleted(s.lab, S, R), 0);
    CHECK_U64(lab_item_count(s.lab, S, R), 1);
    scene_close(&s);
}

static void a_move_from_where_the_mailbox_is_not_fails(void)
{
    struct scene s;

    open_with(&s, NULL, NULL);
    scene_move(&s, "R", "D", "T");
    CHECK_STR(move_text(&s, 1), "failed the mailbox is not on the source server");
    scene_post(&s, "/v1/component", "{'server':'T','component':'store','up':false}");
    scene_move(&s, "R", "S", "T");
    CHECK_STR(move_text(&s, 2), "failed a store does not answer");
    scene_close(&s);
}

static const struct test tests[] = {
    TEST(a_log_on_wants_name_and_password_where_the_mailbox_is),
    TEST(uids_grow_and_removal_does_not_renumber),
    TEST(the_steps_of_a_move_come_at_their_times),
    TEST(items_move_along_with_new_uids_and_a_new_uid_validity),
    TEST(a_hundred_thousand_items_move_in_one_step),
    TEST(a_copy_takes_20_ms_an_item_and_a_second_a_megabyte),
    TEST(a_copy_that_fails_leaves_the_source_as_it_was),
    TEST(a_directory_first_move_that_fails_leaves_a_wrong_cache_behind),
    TEST(a_batch_is_worked_off_in_its_order),
    TEST(two_moves_at_once_hang_old_stores_until_a_restart),
    TEST(later_versions_move_two_at_once),
    TEST(a_move_may_leave_the_new_store_hung_where_the_version_can),
    TEST(a_second_move_of_a_half_moved_mailbox_loses_all_of_it),
    TEST(a_directory_that_is_down_leaves_a_mailbox_half_moved),
    TEST(the_directory_write_may_be_left_out_where_the_version_can),
    TEST(a_snapshot_at_the_request_leaves_late_mail_behind),
    TEST(commit_may_come_before_purge),
    TEST(a_mailbox_comes_back_to_where_mail_for_it_still_waits),
    TEST(a_moving_mailbox_is_not_cleared),
    TEST(a_move_from_where_the_mailbox_is_not_fails),
    TEST_END,
};

const struct suite store_suite = {"store", tests};
