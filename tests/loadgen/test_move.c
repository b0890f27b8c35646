/* test_move.c - the controller of moves: rounds, lanes, deadlines, marks, and what ends a run of moves. */
#include <stdio.h>
#include <string.h>

#include "loadgen/move.h"
#include "tests/loadgen/moves_rig.h"
#include "tests/support/check.h"

#define S(n) ((n)*NS_PER_S)

/* A mover behind HTTP: each move takes 2 s of target time and copies in its second half. */
static struct {
    uint64_t asked_ns[64];
    unsigned asked;
    bool hangs;
} lab;

static int answer(struct fake_http *f, const char *method, const char *url, const char *body,
                  struct buf *out)
{
    unsigned id = 0;

    (void)body;
    if (strcmp(method, "POST") == 0) {
        lab.asked_ns[lab.asked] = loop_now(f->loop);
        PM_ASSERT(buf_add_format(out, "{\"id\":%u}", lab.asked++));
        return 200;
    }
    PM_ASSERT(sscanf(strstr(url, "id="), "id=%u", &id) == 1); /* NOLINT(cert-err34-c): our own */
    uint64_t age_ns = loop_now(f->loop) - lab.asked_ns[id];
    const char *state = age_ns < 100 * NS_PER_MS                ? "requested"
                        : lab.hangs || age_ns < 190 * NS_PER_MS ? "copying"
                                                                : "done";
    PM_ASSERT(buf_add_format(out, "{\"id\":%u,\"state\":\"%s\"}", id, state));
    return 200;
}

static void begin(struct rig *r)
{
    rig_init(r, "move");
    memset(&lab, 0, sizeof lab);
    r->run->http.answer = answer;
}

static void a_move_passes_its_marks_and_the_journal_has_them(void)
{
    struct rig r;

    begin(&r);
    fake_move(r.run, rig_schedule(&r, 0, 1, 1, S(60)), 0, 1, 0, 1, S(1));
    (void)rig_run(&r, 2500);
    CHECK(!moves_are_over(r.moves));
    moves_home(r.moves, 0, 1, S(2)); /* another mailbox */
    moves_home(r.moves, 1, 2, S(2)); /* another server */
    moves_home(r.moves, 1, 1, 2400 * NS_PER_MS);
    moves_home(r.moves, 1, 1, 2450 * NS_PER_MS); /* once is enough */
    fake_run_until(r.run, S(2));
    CHECK_STR(buf_text(&r.marks), "1000 0 asked\n2060 0 copy\n2400 0 flipped\n3110 0 done\n"
                                  "3210 0 verified\n3210 over\n");
    CHECK_STR(fake_run_events(r.run, EV_MOVE), "1000 place=1 code=0 a=1 b=0 slot=0\n"
                                               "2060 place=1 code=1 a=1 b=0 slot=0\n"
                                               "2400 place=1 code=2 a=1 b=0 slot=0\n"
                                               "3110 place=1 code=3 a=1 b=0 slot=0\n"
                                               "3210 place=1 code=5 a=1 b=0 slot=0\n");
    CHECK(moves_are_over(r.moves));
    CHECK_STR(moves_error(r.moves, 0), "");
    rig_fini(&r);
}

static void the_directory_may_flip_after_done_and_until_verified(void)
{
    struct rig r;

    begin(&r);
    r.verify = false;
    fake_move(r.run, rig_schedule(&r, 0, 1, 1, 0), 0, 0, 0, 1, 0);
    (void)rig_run(&r, 5000);
    CHECK(!moves_are_over(r.moves));
    moves_home(r.moves, 0, 1, S(5));
    moves_verified(r.moves, 0, true);
    moves_verified(r.moves, 0, false); /* said already */
    moves_home(r.moves, 0, 1, S(6));
    fake_run_until(r.run, S(2));
    CHECK_HAS(buf_text(&r.marks), "2110 0 done\n5000 0 flipped\n5000 0 verified\n5000 over\n");
    rig_fini(&r);
}

static void moves_of_a_round_run_one_after_the_other(void)
{
    struct rig r;

    begin(&r);
    uint32_t s = rig_schedule(&r, 0, 2, 1, S(60));
    fake_move(r.run, s, 0, 0, 0, 1, 0);
    fake_move(r.run, s, 0, 4, 2, 1, 0);
    fake_move(r.run, s, 1, 1, 0, 1, S(10));
    const char *marks = rig_run(&r, 20000);

    CHECK_HAS(marks, "0 0 asked\n");
    CHECK_HAS(marks, "2110 0 done\n2110 1 asked\n");
    CHECK_HAS(marks, "10000 2 asked\n");
    CHECK_HAS(marks, "12210 over\n");
    rig_fini(&r);
}

static void a_round_that_is_due_waits_for_a_lane(void)
{
    struct rig r;

    begin(&r);
    uint32_t s = rig_schedule(&r, 0, 4, 2, S(60));
    for (uint32_t i = 0; i < 4; i++)
        fake_move(r.run, s, i, i, r.run->mailboxes[i].home, 1, (uint64_t)i * 500 * NS_PER_MS);
    const char *marks = rig_run(&r, 20000);

    CHECK_HAS(marks, "0 0 asked\n500 1 asked\n");
    CHECK_HAS(marks, "2110 0 done\n2110 2 asked\n");
    CHECK_HAS(marks, "2610 1 done\n2610 3 asked\n");
    rig_fini(&r);
}

static void schedules_overlap(void)
{
    struct rig r;

    begin(&r);
    uint32_t s = rig_schedule(&r, 0, 1, 1, 0), o = rig_schedule(&r, 0, 1, 1, 0);
    fake_move(r.run, s, 0, 0, 0, 1, 0);
    fake_move(r.run, o, 0, 4, 2, 1, S(1));
    CHECK_HAS(rig_run(&r, 20000), "0 0 asked\n1000 1 asked\n1060 0 copy\n");
    rig_fini(&r);
}

static void a_mailbox_is_not_moved_again_before_its_last_move_is_verified(void)
{
    struct rig r;

    begin(&r);
    r.verify = false;
    uint32_t s = rig_schedule(&r, 0, 2, 2, 0);
    fake_move(r.run, s, 0, 0, 0, 1, 0);
    fake_move(r.run, s, 1, 0, 1, 0, S(1));
    CHECK(!strstr(rig_run(&r, 4000), "1 asked"));
    moves_verified(r.moves, 0, true);
    fake_run_until(r.run, S(2));
    CHECK_HAS(buf_text(&r.marks), "4000 0 verified\n4000 1 asked\n");
    rig_fini(&r);
}

static void a_move_that_takes_too_long_has_failed(void)
{
    struct rig r;

    begin(&r);
    r.agrees = false;
    lab.hangs = true;
    fake_move(r.run, rig_schedule(&r, 0, 1, 1, S(30)), 0, 0, 0, 1, 0);
    CHECK_HAS(rig_run(&r, 60000), "copy\n30000 0 failed\n30100 0 verified\n30100 over\n");
    CHECK_STR(moves_error(r.moves, 0), "no end within 30s");
    CHECK_U64(r.run->http.under_way, 0);
    rig_fini(&r);
}

static void look_up_and_log_on_give_a_mover_the_lie(void)
{
    struct rig r;

    begin(&r);
    r.agrees = false; /* says done, and the mailbox is not there */
    fake_move(r.run, rig_schedule(&r, 0, 1, 1, 0), 0, 0, 0, 1, 0);
    CHECK_HAS(rig_run(&r, 5000), "0 done\n2210 0 disproved\n");
    rig_fini(&r);
    begin(&r);
    lab.hangs = true; /* is given up, and the mailbox is there all the same */
    fake_move(r.run, rig_schedule(&r, 0, 1, 1, S(3)), 0, 0, 0, 1, 0);
    CHECK_HAS(rig_run(&r, 5000), "3000 0 failed\n3100 0 disproved\n");
    rig_fini(&r);
}

static void stop_begins_no_more_and_lets_the_rest_end(void)
{
    struct rig r;

    begin(&r);
    uint32_t s = rig_schedule(&r, 0, 2, 2, S(60));
    fake_move(r.run, s, 0, 0, 0, 1, 0);
    fake_move(r.run, s, 0, 1, 0, 1, 0);
    fake_move(r.run, s, 1, 4, 2, 1, S(5));
    (void)rig_run(&r, 1000);
    moves_stop(r.moves);
    fake_run_until(r.run, S(3));
    CHECK_STR(buf_text(&r.marks),
              "0 0 asked\n1060 0 copy\n2110 0 done\n2210 0 verified\n2210 over\n");
    rig_fini(&r);
}

static void without_moves_and_actions_it_is_over_at_once(void)
{
    struct rig r;

    begin(&r);
    CHECK_STR(rig_run(&r, 10), "0 over\n");
    rig_fini(&r);
    begin(&r);
    fake_move(r.run, rig_schedule(&r, 0, 1, 1, 0), 0, 0, 0, 1, S(5));
    CHECK(rig_create(&r));
    moves_stop(r.moves); /* before it began */
    moves_start(r.moves);
    fake_run_until(r.run, S(3));
    CHECK_STR(buf_text(&r.marks), "0 over\n");
    rig_fini(&r);
}

static const struct fake_step *
no_such_command(struct fake_exec *x, const char *const *argv,
                size_t *steps) /* NOLINT(readability-non-const-parameter): the hook's shape */
{
    (void)x;
    (void)argv;
    (void)steps;
    return NULL;
}

static void many_rounds_that_fail_at_once_do_not_pile_up(void)
{
    struct rig r;

    begin(&r);
    uint32_t s = rig_schedule(&r, 1, 50, 1, 0);
    for (uint32_t i = 0; i < 50; i++)
        fake_move(r.run, s, i, i % 6, 0, 1, 0);
    r.agrees = false;
    r.run->exec.script = no_such_command;
    const char *marks = rig_run(&r, 60000);

    CHECK_HAS(marks, "0 0 asked\n0 0 failed\n0 1 asked\n0 1 failed\n");
    CHECK_HAS(marks, "49 verified\n");
    CHECK_STR(moves_error(r.moves, 49), "move: no such command");
    CHECK(moves_are_over(r.moves));
    rig_fini(&r);
}

static void it_can_be_destroyed_at_any_moment(void)
{
    struct rig r;

    for (uint64_t ms = 0; ms < 2200; ms += 50) {
        begin(&r);
        uint32_t s = rig_schedule(&r, 0, 2, 2, S(60));
        fake_move(r.run, s, 0, 0, 0, 1, 0);
        fake_move(r.run, s, 1, 1, 0, 1, S(1));
        (void)rig_run(&r, ms);
        moves_destroy(r.moves);
        r.moves = NULL;
        CHECK_U64(r.run->http.under_way, 0);
        rig_fini(&r);
    }
    moves_destroy(NULL);
}

static void every_mover_keeps_the_contract(void)
{
    struct mover_job idle = {0};

    for (size_t i = 0; movers[i]; i++) {
        for (size_t k = 0; k < i; k++)
            CHECK(strcmp(movers[i]->name, movers[k]->name) != 0);
        CHECK(strlen(movers[i]->help) > 20);
        CHECK(movers[i]->check && movers[i]->start);
        idle.ops = movers[i];
        movers[i]->close(&idle); /* without a start */
        CHECK(!idle.state);
    }
    CHECK(movers[MOVER_HTTP] == &mover_http);
    CHECK(movers[MOVER_EXEC] == &mover_exec);
}

static void templates_know_the_move_and_nothing_else(void)
{
    struct rig r;
    struct buf out;

    begin(&r);
    fake_move(r.run, rig_schedule(&r, 0, 1, 1, 0), 0, 0, 0, 1, 0);
    buf_init(&out, 1000);
    CHECK(move_template(&r.run->work, 0, "a b",
                        "{mailbox} {address} {user} {from} {to} {from_control} {to_control} "
                        "{control} {id} {move}",
                        TEMPLATE_URL, &out, &r.e));
    CHECK_STR(buf_text(&out), "joanne-1 joanne-1%40lab.test joanne-1 s1 s2 http://s1 http://s2 "
                              "http://s1 a%20b 0");
    CHECK(!move_template(&r.run->work, 0, NULL, "{id}", TEMPLATE_URL, &out, &r.e));
    CHECK(!move_template(&r.run->work, 0, "1", "{password}", TEMPLATE_URL, &out, &r.e));
    CHECK_HAS(r.e.text, "{password}");
    buf_fini(&out);
    rig_fini(&r);
}

static const struct test tests[] = {
    TEST(a_move_passes_its_marks_and_the_journal_has_them),
    TEST(the_directory_may_flip_after_done_and_until_verified),
    TEST(moves_of_a_round_run_one_after_the_other),
    TEST(a_round_that_is_due_waits_for_a_lane),
    TEST(schedules_overlap),
    TEST(a_mailbox_is_not_moved_again_before_its_last_move_is_verified),
    TEST(a_move_that_takes_too_long_has_failed),
    TEST(look_up_and_log_on_give_a_mover_the_lie),
    TEST(stop_begins_no_more_and_lets_the_rest_end),
    TEST(without_moves_and_actions_it_is_over_at_once),
    TEST(many_rounds_that_fail_at_once_do_not_pile_up),
    TEST(it_can_be_destroyed_at_any_moment),
    TEST(every_mover_keeps_the_contract),
    TEST(templates_know_the_move_and_nothing_else),
    TEST_END,
};
const struct suite move_suite = {"move", tests};
