/* test_muster_settle.c - the roll call: when silence is final, and what keeps it open */
#include <string.h>

#include "probes/muster.h"
#include "tests/probes/muster_rig.h"
#include "tests/support/check.h"

static void quiet_queues_settle_after_two_waves_a_sweep_and_a_last_wave(void)
{
    struct muster_rig r;

    roll_begin(&r);
    roll_arm(&r);
    world.in = world.out = 7;
    world.scans = 0;
    muster_settle(r.m, roll_settled);
    roll_run_ms(&r, 5000);
    CHECK_HAS(buf_text(&r.log), " settled 1 0\n");
    CHECK_U64(fake_run_count(r.run, EV_QUIESCENT), 1);
    CHECK_BETWEEN(world.scans, 6, 6);
    const char *waves = fake_run_events(r.run, EV_WAVE);
    CHECK_HAS(waves, " code=1 a=0 b=");
    CHECK_U64(fake_run_count(r.run, EV_WAVE), 9);
    roll_end(&r);
}

static void the_instant_of_quiescence_is_the_begin_of_the_second_wave(void)
{
    struct muster_rig r;
    uint64_t quiet_ns = 0, waves_ns[3] = {0};
    uint32_t wave = 0, waves = 0;

    roll_begin(&r);
    roll_arm(&r);
    muster_settle(r.m, roll_settled);
    roll_run_ms(&r, 5000);
    for (uint32_t i = fake_run_count(r.run, EV_NONE); i < r.run->event_count; i++) {
        const struct event *ev = &r.run->events[i];

        if (ev->kind == EV_QUIESCENT) {
            quiet_ns = ev->t_ns;
            wave = ev->b;
        } else if (ev->kind == EV_WAVE && ev->place == 0 && waves < 3) {
            waves_ns[waves++] = ev->t_ns;
        }
    }
    CHECK_U64(waves, 3);
    CHECK_U64(quiet_ns, waves_ns[1]);
    CHECK(waves_ns[0] < waves_ns[1] && waves_ns[1] < waves_ns[2]);
    CHECK(wave > 0);
    roll_end(&r);
}

static void queues_that_flow_do_not_settle(void)
{
    char waiting[100];
    struct muster_rig r;

    roll_begin(&r);
    roll_arm(&r);
    world.flows = true;
    muster_settle(r.m, roll_settled);
    roll_run_ms(&r, 60000);
    CHECK_STR(buf_text(&r.log), "");
    CHECK_U64(fake_run_count(r.run, EV_QUIESCENT), 0);
    CHECK_HAS(muster_waiting_for(r.m, waiting, sizeof waiting), "0 queue entries, 0 of them due");
    world.flows = false;
    roll_run_ms(&r, 5000);
    CHECK_HAS(buf_text(&r.log), " settled 1 0\n");
    roll_end(&r);
}

static void entries_that_are_due_keep_it_open_and_those_that_stand_need_longer_than_retry(void)
{
    char waiting[100];
    struct muster_rig r;

    roll_begin(&r);
    roll_arm(&r);
    world.in = 1;
    world.entries = "{\"id\":1,\"tries\":1,\"next_try_ns\":5}";
    muster_settle(r.m, roll_settled);
    roll_run_ms(&r, 60000);
    CHECK_HAS(muster_waiting_for(r.m, waiting, sizeof waiting), "1 queue entries, 1 of them due");
    CHECK_STR(buf_text(&r.log), "");
    world.entries = "{\"id\":1,\"tries\":2,\"next_try_ns\":null}";
    roll_run_ms(&r, 9000);
    CHECK_STR(buf_text(&r.log), "");
    CHECK_U64(fake_run_count(r.run, EV_QUIESCENT), 0);
    roll_run_ms(&r, 8000);
    CHECK_HAS(buf_text(&r.log), " settled 1 0\n");
    roll_end(&r);
}

static void a_try_in_between_begins_the_wait_anew(void)
{
    struct muster_rig r;

    roll_begin(&r);
    roll_arm(&r);
    world.in = 1;
    world.entries = "{\"id\":1,\"tries\":1,\"next_try_ns\":null}";
    muster_settle(r.m, roll_settled);
    roll_run_ms(&r, 8000);
    world.entries = "{\"id\":1,\"tries\":2,\"next_try_ns\":null}";
    roll_run_ms(&r, 9000);
    CHECK_STR(buf_text(&r.log), "");
    roll_run_ms(&r, 9000);
    CHECK_HAS(buf_text(&r.log), " settled 1 0\n");
    roll_end(&r);
}

static const struct fake_step *only_end(struct fake_exec *x, const char *const *argv, size_t *steps)
{
    static const struct fake_step script[] = {{1000, "end", false, 0}, {1000, NULL, false, 0}};

    (void)x;
    (void)argv;
    *steps = 2;
    return script;
}

static void queues_that_cannot_count_need_longer_than_retry_even_when_empty(void)
{
    static const char *const argv[] = {"queues", NULL};
    struct muster_rig r;

    roll_begin(&r);
    r.run->probes[1].type = PROBE_QUEUE_EXEC;
    r.run->probes[1].argv = argv;
    r.run->exec.script = only_end;
    roll_arm(&r);
    muster_settle(r.m, roll_settled);
    roll_run_ms(&r, 9000);
    CHECK_STR(buf_text(&r.log), "");
    roll_run_ms(&r, 9000);
    CHECK_HAS(buf_text(&r.log), " settled 1 0\n");
    roll_end(&r);
}

static void what_moves_during_the_sweep_begins_it_all_anew(void)
{
    struct muster_rig r;

    roll_begin(&r);
    roll_arm(&r);
    world.busy[1][0] = true;
    muster_settle(r.m, roll_settled);
    roll_run_ms(&r, 10000);
    CHECK_U64(fake_run_count(r.run, EV_QUIESCENT), 1);
    CHECK_STR(buf_text(&r.log), "");
    world.in = world.out = 9;
    world.busy[1][0] = false;
    roll_run_ms(&r, 10000);
    CHECK_U64(fake_run_count(r.run, EV_QUIESCENT), 2);
    CHECK_HAS(buf_text(&r.log), " settled 1 0\n");
    roll_end(&r);
}

static void a_place_that_cannot_be_read_keeps_it_open_until_it_is_stopped(void)
{
    char waiting[100];
    struct muster_rig r;

    roll_begin(&r);
    roll_arm(&r);
    world.busy[1][0] = true;
    muster_settle(r.m, roll_settled);
    roll_run_ms(&r, 100000);
    CHECK_STR(buf_text(&r.log), "");
    CHECK_STR(muster_waiting_for(r.m, waiting, sizeof waiting), "1 places");
    muster_stop_settling(r.m);
    CHECK_STR(buf_text(&r.log), "");
    roll_run_ms(&r, 10);
    CHECK_STR(buf_text(&r.log), "101000 settled 0 0\n");
    muster_stop_settling(r.m);
    roll_run_ms(&r, 1000);
    CHECK_STR(buf_text(&r.log), "101000 settled 0 0\n");
    roll_end(&r);
}

static void homes_are_looked_up_again_and_a_new_one_is_swept_too(void)
{
    struct muster_rig r;

    roll_begin(&r);
    roll_arm(&r);
    world.home[5] = "s2";
    world.present[5][1] = true;
    world.differs = "s1";
    muster_settle(r.m, roll_settled);
    roll_run_ms(&r, 5000);
    CHECK_U64(world.opened[5][1], 1);
    CHECK_HAS(buf_text(&r.log), " home 5 1\n");
    CHECK_HAS(buf_text(&r.log), " settled 1 0\n");
    CHECK_U64(fake_run_count(r.run, EV_FINDING),
              4); /* all but those whom both directories put on s1 */
    CHECK_HAS(fake_run_events(r.run, EV_FINDING), "place=1 code=7 a=5 b=0 slot=0\n");
    roll_end(&r);
}

static void directories_that_agree_by_the_end_of_settling_are_no_finding(void)
{
    struct muster_rig r;

    roll_begin(&r);
    roll_arm(&r);
    world.differs = "s2"; /* as long as replication is under way */
    world.busy[1][0] = true;
    muster_settle(r.m, roll_settled);
    roll_run_ms(&r, 10000);
    CHECK_U64(fake_run_count(r.run, EV_QUIESCENT), 1);
    world.differs = NULL;
    world.in = world.out = 9; /* what was under way has arrived */
    world.busy[1][0] = false;
    roll_run_ms(&r, 10000);
    CHECK_U64(fake_run_count(r.run, EV_QUIESCENT), 2);
    CHECK_HAS(buf_text(&r.log), " settled 1 0\n");
    CHECK_U64(fake_run_count(r.run, EV_FINDING), 0);
    roll_end(&r);
}

static void a_directory_that_is_silent_keeps_it_open(void)
{
    struct muster_rig r;

    roll_begin(&r);
    roll_arm(&r);
    world.lookup_down = true;
    muster_settle(r.m, roll_settled);
    roll_run_ms(&r, 100000);
    CHECK_STR(buf_text(&r.log), "");
    world.lookup_down = false;
    roll_run_ms(&r, 30000);
    CHECK_HAS(buf_text(&r.log), " settled 1 0\n");
    roll_end(&r);
}

/* settle.retry is 10 s. */
static void without_sight_of_the_queues_mail_that_is_late_is_waited_for_and_nothing_is_final(void)
{
    struct muster_rig r;

    roll_begin(&r);
    r.run->profile.probe_count = 1;
    roll_arm(&r);
    world.scans = 0;
    world.mail_ms = loop_now(r.run->loop) / NS_PER_MS + 800; /* 8 s of target time */
    muster_settle(r.m, roll_settled);
    roll_run_ms(&r, 15000);
    CHECK_STR(buf_text(&r.log), "");
    CHECK(world.scans >= 12);
    roll_run_ms(&r, 40000);
    CHECK_HAS(buf_text(&r.log), " settled 0 0\n");
    CHECK_U64(fake_run_count(r.run, EV_QUIESCENT), 0);
    roll_end(&r);
}

static void stated_lifetimes_are_waited_for_and_then_swept(void)
{
    struct muster_rig r;

    roll_begin(&r);
    r.run->profile.probe_count = 1;
    r.run->profile.silence = SILENCE_LIFETIMES;
    r.run->profile.lifetime_ns = 120 * NS_PER_S;
    roll_arm(&r);
    world.scans = 0;
    muster_settle(r.m, roll_settled);
    roll_run_ms(&r, 119000);
    CHECK_U64(world.scans, 0);
    roll_run_ms(&r, 2000);
    CHECK_HAS(buf_text(&r.log), " settled 1 0\n");
    CHECK_U64(world.scans, 6);
    roll_end(&r);
}

static void a_place_that_could_not_be_opened_is_never_final(void)
{
    struct muster_rig r;

    roll_begin(&r);
    roll_arm(&r);
    world.no_open = true;
    muster_move_begins(r.m, 0);
    muster_move_begins(r.m, 0);
    CHECK_STR(fake_run_events(r.run, EV_FINDING), "1000 place=1 code=3 a=0 b=0 slot=0\n");
    muster_settle(r.m, roll_settled);
    roll_run_ms(&r, 5000);
    CHECK_HAS(buf_text(&r.log), " settled 0 0\n");
    roll_end(&r);
}

static void settle_again(void *owner, bool final)
{
    struct muster_rig *r = owner;

    roll_note(r, "first", final, 0);
    muster_settle(r->m, roll_settled);
}

static void it_may_settle_again_from_settled(void)
{
    struct muster_rig r;

    roll_begin(&r);
    roll_arm(&r);
    muster_settle(r.m, settle_again);
    roll_run_ms(&r, 5000);
    CHECK_HAS(buf_text(&r.log), " first 1 0\n");
    CHECK_HAS(buf_text(&r.log), " settled 1 0\n");
    CHECK_U64(fake_run_count(r.run, EV_QUIESCENT), 2);
    roll_end(&r);
}

static void it_can_be_destroyed_at_any_moment(void)
{
    struct muster_rig r;

    for (uint64_t ms = 0; ms < 4000; ms += 30) {
        roll_begin(&r);
        CHECK(roll_create(&r));
        muster_arm(r.m, roll_armed);
        roll_run_ms(&r, ms < 500 ? ms : 500);
        if (ms > 500) {
            muster_move_begins(r.m, 0);
            muster_move_ended(r.m, 0);
            muster_settle(r.m, roll_settled);
            roll_run_ms(&r, ms - 500);
        }
        roll_end(&r);
    }
    muster_destroy(NULL);
}

static const struct test tests[] = {
    TEST(quiet_queues_settle_after_two_waves_a_sweep_and_a_last_wave),
    TEST(the_instant_of_quiescence_is_the_begin_of_the_second_wave),
    TEST(queues_that_flow_do_not_settle),
    TEST(entries_that_are_due_keep_it_open_and_those_that_stand_need_longer_than_retry),
    TEST(a_try_in_between_begins_the_wait_anew),
    TEST(queues_that_cannot_count_need_longer_than_retry_even_when_empty),
    TEST(what_moves_during_the_sweep_begins_it_all_anew),
    TEST(a_place_that_cannot_be_read_keeps_it_open_until_it_is_stopped),
    TEST(homes_are_looked_up_again_and_a_new_one_is_swept_too),
    TEST(directories_that_agree_by_the_end_of_settling_are_no_finding),
    TEST(a_directory_that_is_silent_keeps_it_open),
    TEST(without_sight_of_the_queues_mail_that_is_late_is_waited_for_and_nothing_is_final),
    TEST(stated_lifetimes_are_waited_for_and_then_swept),
    TEST(a_place_that_could_not_be_opened_is_never_final),
    TEST(it_may_settle_again_from_settled),
    TEST(it_can_be_destroyed_at_any_moment),
    TEST_END,
};
const struct suite muster_settle_suite = {"muster_settle", tests};
