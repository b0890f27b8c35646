/* test_muster.c - the roll call: arming, and moves observed */
#include <string.h>

#include "probes/muster.h"
#include "tests/probes/muster_rig.h"
#include "tests/support/check.h"

/* Arming. */

static void it_arms_when_homes_places_and_queues_have_been_seen(void)
{
    char waiting[100];
    struct muster_rig r;

    roll_begin(&r);
    CHECK(roll_create(&r));
    muster_arm(r.m, roll_armed);
    CHECK_STR(muster_waiting_for(r.m, waiting, sizeof waiting), "6 homes, 0 places, 3 queues");
    roll_run_ms(&r, 1000);
    CHECK_STR(buf_text(&r.log), "60 armed 0 0\n");
    for (unsigned i = 0; i < 6; i++)
        CHECK_U64(world.opened[i][i < 2 ? 0 : 2], 1);
    CHECK_U64(fake_run_count(r.run, EV_HOME), 6);
    CHECK_STR(muster_waiting_for(r.m, waiting, sizeof waiting), "nothing");
    roll_end(&r);
}

static void the_directory_corrects_the_profile_at_arm(void)
{
    struct muster_rig r;

    roll_begin(&r);
    world.home[1] = "s2";
    world.present[1][1] = true;
    roll_arm(&r);
    CHECK_U64(world.opened[1][1], 1);
    CHECK_U64(world.opened[1][0], 0);
    roll_end(&r);
}

static void only_those_who_matter_are_watched(void)
{
    struct muster_rig r;

    roll_begin(&r);
    r.run->probes[0].places = PLACE_HOME;
    roll_arm(&r);
    CHECK(world.opened[0][0] && world.opened[1][0]);
    CHECK(!world.opened[2][2] && !world.opened[4][2]);
    roll_end(&r);
    roll_begin(&r);
    r.run->probes[0].places = PLACE_ORIGINATOR; /* and what is moved */
    roll_arm(&r);
    CHECK(world.opened[0][0] && !world.opened[1][0]);
    CHECK(!world.opened[2][2] && world.opened[4][2]);
    roll_end(&r);
}

static void alternates_that_an_action_will_set_matter(void)
{
    struct muster_rig r;

    roll_begin(&r);
    for (unsigned i = 0; i < 2; i++)
        r.run->mailboxes[i].alternate = SITE_NONE;
    r.run->actions[0] = (struct action_profile){.kind = ACT_ALTERNATE, .group = 0, .alternate = 1};
    r.run->profile.action_count = 1;
    roll_arm(&r);
    CHECK(world.opened[2][2] && world.opened[3][2]);
    roll_end(&r);
}

static void check_arm_fails(struct muster_rig *r, const char *why)
{
    CHECK(roll_create(r));
    muster_arm(r->m, roll_armed);
    roll_run_ms(r, 400000);
    CHECK_HAS(buf_text(&r->log), "armed 69 0\n");
    CHECK_HAS(r->e.text, why);
    roll_end(r);
}

static void arming_fails_with_what_is_wrong(void)
{
    struct muster_rig r;

    roll_begin(&r);
    world.present[4][2] = false;
    check_arm_fails(&r, "there is no mailbox 4 on s3 (or a wrong password): NO such user");
    roll_begin(&r);
    world.down = true;
    check_arm_fails(&r, "cannot be read: connection refused");
    roll_begin(&r);
    world.queues_down = true;
    check_arm_fails(&r, "cannot be listed: HTTP 500");
    roll_begin(&r);
    world.lookup_down = true;
    check_arm_fails(&r, "cannot be looked up: HTTP 503");
    roll_begin(&r);
    world.busy[0][0] = true;
    check_arm_fails(&r, "not ready within 30 s: waiting for 0 homes, 1 places, 0 queues");
}

/* Several probes of mailboxes. */

static void the_probe_that_names_a_server_or_group_reads_there(void)
{
    static const char *const s3[] = {"s3"};
    static const uint32_t alternates[] = {1};
    struct muster_rig r;

    roll_begin(&r);
    for (unsigned i = 2; i < 6; i++)
        r.run->mailboxes[i].group = i / 2;
    r.run->probes[2] = r.run->probes[0];
    r.run->probes[2].type = PROBE_MAILDIR;
    r.run->probes[2].servers = s3;
    r.run->probes[2].server_count = 1;
    r.run->probes[3] = r.run->probes[0];
    r.run->probes[3].groups = alternates;
    r.run->probes[3].group_count = 1;
    r.run->profile.probe_count = 4;
    roll_arm(&r);
    CHECK(world.read_by[0][0] == &r.run->probes[0]);
    CHECK(world.read_by[4][2] == &r.run->probes[2]);
    CHECK(world.read_by[2][2] == &r.run->probes[2]); /* both would fit: the first */
    roll_end(&r);

    roll_begin(&r);
    for (unsigned i = 2; i < 6; i++)
        r.run->mailboxes[i].group = i / 2;
    r.run->probes[2] = r.run->probes[0];
    r.run->probes[2].groups = alternates;
    r.run->probes[2].group_count = 1;
    r.run->profile.probe_count = 3;
    roll_arm(&r);
    CHECK(world.read_by[2][2] == &r.run->probes[2]);
    CHECK(world.read_by[4][2] == &r.run->probes[0]);
    roll_end(&r);
}

static void a_mailbox_that_no_probe_reads_keeps_silence_from_being_final(void)
{
    static const uint32_t recipients[] = {0};
    struct muster_rig r;

    roll_begin(&r);
    r.run->probes[0].groups = recipients;
    r.run->probes[0].group_count = 1;
    for (unsigned i = 2; i < 6; i++)
        r.run->mailboxes[i].group = i / 2;
    CHECK(roll_create(&r));
    muster_arm(r.m, roll_armed);
    roll_run_ms(&r, 1000);
    CHECK_HAS(buf_text(&r.log), "armed 0 0\n");
    CHECK_U64(fake_run_count(r.run, EV_FINDING), 4); /* alternates and originators */
    muster_settle(r.m, roll_settled);
    roll_run_ms(&r, 60000);
    CHECK_HAS(buf_text(&r.log), "settled 0 0\n");
    roll_end(&r);
}

static void read_by_files(struct muster_rig *r)
{
    roll_begin(r);
    r->run->probes[0].type = PROBE_MAILDIR;
}

static void files_that_are_not_there_yet_do_not_keep_a_run_from_arming(void)
{
    struct muster_rig r;

    read_by_files(&r);
    world.present[4][2] = false;
    roll_arm(&r);
    roll_end(&r);
}

static void where_files_are_read_the_look_up_alone_verifies_a_move(void)
{
    struct muster_rig r;

    read_by_files(&r);
    roll_arm(&r);
    muster_move_begins(r.m, 0);
    muster_move_ended(r.m, 0);
    roll_run_ms(&r, 2000);
    CHECK_STR(buf_text(&r.log), "");
    world.home[0] = "s2"; /* the files are at s1 as before, and not yet at s2 */
    roll_run_ms(&r, 3000);
    CHECK_HAS(buf_text(&r.log), "verified 0 1\n");
    CHECK_U64(fake_run_count(r.run, EV_LOGON), 0);
    roll_end(&r);
}

/* Moves. */

static void move_to_s2(void)
{
    world.home[0] = "s2";
    world.present[0][0] = false;
    world.present[0][1] = true;
    world.busy[0][0] = world.busy[0][1] = false;
}

static void a_move_that_came_true_is_verified(void)
{
    struct muster_rig r;

    roll_begin(&r);
    roll_arm(&r);
    muster_move_begins(r.m, 0);
    CHECK_U64(world.opened[0][1], 1);
    world.busy[0][0] = world.busy[0][1] = true;
    roll_run_ms(&r, 1000);
    move_to_s2();
    roll_run_ms(&r, 1000);
    CHECK_STR(buf_text(&r.log), "2060 home 0 1\n");
    CHECK_STR(fake_run_events(r.run, EV_HOME), "2060 place=1 code=0 a=0 b=0 slot=0\n");
    muster_move_ended(r.m, 0);
    muster_move_ended(r.m, 0); /* said already */
    roll_run_ms(&r, 1000);
    CHECK_STR(buf_text(&r.log), "2060 home 0 1\n3050 verified 0 1\n");
    CHECK_STR(fake_run_events(r.run, EV_LOGON), "3050 place=1 code=1 a=0 b=0 slot=0\n"
                                                "3050 place=0 code=0 a=0 b=0 slot=0\n");
    unsigned asked = r.run->http.requests - world.listings;
    roll_run_ms(&r, 10000);
    CHECK_U64(r.run->http.requests - world.listings, asked); /* nobody looks any more */
    roll_end(&r);
}

static void a_move_that_comes_true_late_is_verified_late(void)
{
    struct muster_rig r;

    roll_begin(&r);
    roll_arm(&r);
    muster_move_begins(r.m, 0);
    muster_move_ended(r.m, 0);
    roll_run_ms(&r, 20000);
    CHECK_STR(buf_text(&r.log), "");
    move_to_s2();
    roll_run_ms(&r, 10000);
    CHECK_HAS(buf_text(&r.log), " home 0 1\n");
    CHECK_HAS(buf_text(&r.log), " verified 0 1\n");
    roll_end(&r);
}

static void check_disproved(bool named, bool there, bool gone, const char *logons)
{
    struct muster_rig r;

    roll_begin(&r);
    roll_arm(&r);
    muster_move_begins(r.m, 0);
    move_to_s2();
    world.home[0] = named ? "s2" : "s1";
    world.present[0][1] = there;
    world.present[0][0] = !gone;
    muster_move_ended(r.m, 0);
    roll_run_ms(&r, 59000);
    CHECK(!strstr(buf_text(&r.log), "verified"));
    roll_run_ms(&r, 3000);
    CHECK_HAS(buf_text(&r.log), "verified 0 0\n");
    CHECK_HAS(fake_run_events(r.run, EV_LOGON), logons);
    roll_end(&r);
}

/* The server that it left still knows the mailbox, and the profile says so. */
static void where_the_old_home_keeps_the_mailbox_log_on_there_disproves_nothing(void)
{
    struct muster_rig r;

    roll_begin(&r);
    r.run->schedules[0].keeps = true;
    roll_arm(&r);
    muster_move_begins(r.m, 0);
    world.home[0] = "s2";
    world.present[0][1] = true; /* and still at s1 */
    muster_move_ended(r.m, 0);
    roll_run_ms(&r, 2000);
    CHECK_HAS(buf_text(&r.log), "verified 0 1\n");
    roll_end(&r);
}

static void a_move_that_did_not_come_true_is_disproved_after_a_minute(void)
{
    check_disproved(false, true, true, "place=1 code=1 a=0 b=0 slot=0\n");
    check_disproved(true, false, true, "place=1 code=0 a=0 b=0 slot=0\n");
    check_disproved(true, true, false, "place=0 code=1 a=0 b=0 slot=0\n");
}

static void without_a_look_up_log_on_decides_where_home_is(void)
{
    struct muster_rig r;

    roll_begin(&r);
    r.run->profile.home_lookup.on = false;
    roll_arm(&r);
    muster_move_begins(r.m, 0);
    move_to_s2();
    muster_move_ended(r.m, 0);
    roll_run_ms(&r, 1000);
    CHECK_STR(buf_text(&r.log), "1050 home 0 1\n1050 verified 0 1\n");
    CHECK_STR(fake_run_events(r.run, EV_HOME), "1050 place=1 code=4294967295 a=0 b=0 slot=0\n");
    roll_end(&r);
}

static void without_any_sight_nothing_is_verified(void)
{
    struct muster_rig r;

    roll_begin(&r);
    r.run->profile.home_lookup.on = false;
    r.run->profile.probe_count = 0;
    roll_arm(&r);
    muster_move_begins(r.m, 0);
    muster_move_ended(r.m, 0);
    roll_run_ms(&r, 61000);
    CHECK_HAS(buf_text(&r.log), "verified 0 0\n");
    roll_end(&r);
}

static void a_look_up_from_before_the_end_verifies_nothing(void)
{
    struct muster_rig r;

    roll_begin(&r);
    roll_arm(&r);
    muster_move_begins(r.m, 0);
    move_to_s2();
    roll_run_ms(&r, 2000);
    CHECK_HAS(buf_text(&r.log), " home 0 1\n");
    world.lookup_down = true;
    roll_run_ms(&r, 2000);
    muster_move_ended(r.m, 0);
    roll_run_ms(&r, 62000);
    CHECK_HAS(buf_text(&r.log), " verified 0 0\n");
    roll_end(&r);
}

static const struct test tests[] = {
    TEST(it_arms_when_homes_places_and_queues_have_been_seen),
    TEST(the_directory_corrects_the_profile_at_arm),
    TEST(only_those_who_matter_are_watched),
    TEST(alternates_that_an_action_will_set_matter),
    TEST(arming_fails_with_what_is_wrong),
    TEST(the_probe_that_names_a_server_or_group_reads_there),
    TEST(a_mailbox_that_no_probe_reads_keeps_silence_from_being_final),
    TEST(files_that_are_not_there_yet_do_not_keep_a_run_from_arming),
    TEST(where_files_are_read_the_look_up_alone_verifies_a_move),
    TEST(a_move_that_came_true_is_verified),
    TEST(a_move_that_comes_true_late_is_verified_late),
    TEST(where_the_old_home_keeps_the_mailbox_log_on_there_disproves_nothing),
    TEST(a_move_that_did_not_come_true_is_disproved_after_a_minute),
    TEST(without_a_look_up_log_on_decides_where_home_is),
    TEST(without_any_sight_nothing_is_verified),
    TEST(a_look_up_from_before_the_end_verifies_nothing),
    TEST_END,
};
const struct suite muster_suite = {"muster", tests};
