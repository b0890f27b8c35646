/* test_sender.c - what is owed when: plans, aims, leases, canaries, stops, and the account of it. */
#include <string.h>

#include "loadgen/sender.h"
#include "loadgen/sender_ops.h"
#include "tests/loadgen/send_rig.h"

static void messages_leave_at_their_planned_times(void)
{
    rig_open("send-times");
    if (!rig_sender())
        return;
    sender_arm(rig.sender, rig_ready);
    rig_until_ms(1500);
    CHECK_U64(rig.armed, 1);
    CHECK_U64((uint64_t)rig.error.code, 0);
    rig.run->clock.origin_ns = loop_now(rig.run->loop);
    sender_start(rig.sender);
    rig_until_ms(3000);
    const char *sent = fake_run_events(rig.run, EV_SENT);
    CHECK_HAS(sent, "9900 place=2 code=");
    CHECK_U64(sender_health(rig.sender)->lateness.count, 100);
    CHECK(sender_health(rig.sender)->lateness.max < 1000);
    CHECK_U64(sender_health(rig.sender)->connects, 1);
    CHECK_U64(sender_health(rig.sender)->pool_waits, 0);
    rig_close();
}

static void a_slot_stands_in_both_events_of_every_recipient(void)
{
    rig_open("send-slots");
    rig.run->load.recipients = 2;
    rig.run->load.duration_ns = 200 * NS_PER_MS;
    if (!rig_sender())
        return;
    sender_start(rig.sender);
    rig_until_ms(1500);
    CHECK_U64(rig.work->stride, 4);
    const char *sent = fake_run_events(rig.run, EV_SENT);
    CHECK_HAS(sent, " slot=0\n");
    CHECK_HAS(sent, " slot=2\n");
    CHECK_HAS(sent, " slot=4\n");
    CHECK_HAS(sent, " slot=6\n");
    const char *ended = fake_run_events(rig.run, EV_END);
    CHECK_HAS(ended, "place=2 code=2298 a=2309 "); /* 250 2.0.0; accepted at the dot */
    CHECK_HAS(ended, " slot=6\n");
    rig_close();
}

static void numbers_are_leased_before_they_are_used(void)
{
    bool used[100] = {false}, leased[100] = {false};

    rig_open("send-leases");
    if (!rig_sender())
        return;
    sender_start(rig.sender);
    rig_until_ms(2500);
    PM_ASSERT(journal_flush(rig.run->journal));
    for (uint32_t i = 0; i < rig.run->event_count; i++) {
        const struct event *ev = &rig.run->events[i];

        if (ev->kind == EV_LEASE)
            for (uint32_t k = 0; k < ev->a && CHECK(ev->slot + (uint64_t)k * ev->b < 100); k++)
                leased[ev->slot + (uint64_t)k * ev->b] = true;
        if (ev->kind == EV_SENT) {
            CHECK(leased[ev->slot / rig.work->stride]);
            used[ev->slot / rig.work->stride] = true;
        }
    }
    for (int i = 0; i < 100; i++)
        CHECK(used[i]);
    rig_close();
}

static void threads_share_a_load_by_number(void)
{
    struct sender *second;
    struct err e;

    rig_open("send-threads");
    rig.run->load.threads = 2;
    struct sender_context c = rig_context(2);
    rig.sender = sender_create(&c, &e);
    c.thread = 1;
    second = sender_create(&c, &e);
    sender_start(rig.sender);
    sender_start(second);
    rig_until_ms(2500);
    CHECK_U64(rig.server->messages, 100);
    CHECK_U64(sender_health(rig.sender)->sent, 50);
    CHECK_U64(sender_health(second)->sent, 50);
    CHECK(sender_is_idle(second));
    sender_destroy(second);
    rig_close();
}

static const char *refuse_some(struct fake_smtp *f, struct fake_smtp_session *s, const char *line)
{
    (void)f, (void)s;
    if (strncmp(line, "RCPT TO:<joanne-2", 17) == 0)
        return "550 5.1.1 nobody\r\n";
    return NULL;
}

static void messages_owed_while_a_server_is_down_go_out_late(void)
{
    rig_open("send-gap");
    if (!rig_sender())
        return;
    sender_start(rig.sender);
    rig_until_ms(1300);
    fake_smtp_down(rig.server);
    rig_until_ms(1800);
    CHECK(rig.server->messages < 40);
    CHECK(rig_findings(FIND_CONNECT_FAILED) >= 2);
    fake_smtp_up(rig.server);
    rig_until_ms(6000);
    unsigned lost = rig_endings(END_ABORTED) + rig_endings(END_DOUBT);
    CHECK(lost <= 2);
    CHECK_U64(rig_endings(END_ACCEPTED) + lost, 100);
    CHECK(sender_health(rig.sender)->lateness.max > 400000);
    CHECK(sender_is_idle(rig.sender));
    rig_close();
}

static void what_is_owed_when_stopped_is_not_attempted(void)
{
    rig_open("send-stop");
    if (!rig_sender())
        return;
    sender_start(rig.sender);
    rig_until_ms(1300);
    sender_stop(rig.sender, false);
    CHECK(rig.idles == 0);
    rig_until_ms(3000);
    CHECK(rig.server->messages >= 29 && rig.server->messages <= 31);
    CHECK_U64(rig_endings(END_ACCEPTED), rig.server->messages);
    CHECK_U64(fake_run_count(rig.run, EV_SENT), rig.server->messages);
    CHECK_U64(rig.idles, 1);
    CHECK(sender_is_idle(rig.sender));
    rig_close();
}

static const char *no_reply_to_dots(struct fake_smtp *f, struct fake_smtp_session *s,
                                    const char *line)
{
    (void)f, (void)s;
    return strcmp(line, ".") == 0 ? "" : NULL;
}

static void a_stop_at_once_settles_everything(void)
{
    rig_open("send-cut");
    rig.server->answer = no_reply_to_dots;
    rig.run->load.mode = SEND_LOCKSTEP;
    if (!rig_sender())
        return;
    sender_start(rig.sender);
    rig_until_ms(1200);
    sender_stop(rig.sender, true);
    CHECK(sender_is_idle(rig.sender));
    unsigned sent = fake_run_count(rig.run, EV_SENT);
    CHECK(sent >= 4);
    CHECK_U64(rig_endings(END_DOUBT) + rig_endings(END_ABORTED), sent);
    rig_until_ms(3000);
    CHECK_U64(fake_run_count(rig.run, EV_SENT), sent);
    rig_close();
}

static void a_canary_goes_to_a_known_bad_address(void)
{
    rig_open("send-canary");
    if (!rig_sender())
        return;
    sender_canary(rig.sender, rig.work->planned);
    CHECK(!sender_is_idle(rig.sender));
    rig_until_ms(2000);
    CHECK_U64(rig.server->messages, 1);
    CHECK_HAS(rig.server->message[0], "RCPT TO:<pm-no-such-user@lab.test>");
    CHECK_HAS(rig.server->message[0], "MAIL FROM:<joe-");
    CHECK_U64(fake_run_count(rig.run, EV_SENT), 0);
    CHECK_HAS(fake_run_events(rig.run, EV_CANARY), " code=0 ");
    CHECK_U64(rig.idles, 1);
    sender_start(rig.sender);
    sender_stop(rig.sender, false);
    rig.server->answer = refuse_some;
    sender_canary(rig.sender, rig.work->planned + 1); /* fences come after the load */
    rig_until_ms(3000);
    CHECK_U64(rig.server->messages, 2);
    rig_close();
}

static void aim(struct fake_run *r)
{
    r->load.arrivals = ARRIVE_AIMED;
    r->load.aim = AIM_FLIPPED;
    r->load.aim_from_ns = 0;
    r->load.aim_to_ns = (int64_t)NS_PER_S;
    r->load.per_move = 5;
    r->load.prime = 2;
    r->load.prime_every_ns = NS_PER_S;
    r->schedules[0] = (struct move_profile){.name = "m",
                                            .groups = r->to,
                                            .group_count = 1,
                                            .from = 0,
                                            .to = 1,
                                            .start_ns = 2 * NS_PER_S,
                                            .every_ns = 60 * NS_PER_S,
                                            .count = 2};
    r->profile.move_count = 1;
}

static void aimed_messages_wait_for_their_mark(void)
{
    rig_open("send-aimed");
    aim(rig.run);
    if (!rig_sender())
        return;
    CHECK_U64(rig.work->planned, 14);
    sender_start(rig.sender);
    rig_until_ms(1100);
    CHECK_U64(rig.server->messages, 0);
    sender_mark(rig.sender, 0, MARK_ASKED, NS_PER_S);
    rig_until_ms(1110);
    CHECK_U64(rig.server->messages, 1);
    rig_until_ms(1300);
    CHECK_U64(rig.server->messages, 2);
    sender_mark(rig.sender, 0, MARK_FLIPPED, 3 * NS_PER_S);
    sender_mark(rig.sender, 0, MARK_FLIPPED, 3 * NS_PER_S + 5);
    rig_until_ms(1600);
    CHECK_U64(rig.server->messages, 7);
    CHECK(!sender_is_idle(rig.sender));
    sender_moves_over(rig.sender);
    rig_until_ms(1700);
    CHECK(sender_is_idle(rig.sender));
    CHECK_U64(rig.idles, 1);
    CHECK_U64(fake_run_count(rig.run, EV_LEASE), 7);
    rig_close();
}

/* When to send and the mark come in any order; without either nothing is sent. */
static void adaptive_aims_wait_for_both_the_mark_and_the_plan(void)
{
    static const int64_t first[] = {0, 0, 500000000, 500000000, 1000000000}, second[5] = {0};

    rig_open("send-adaptive");
    aim(rig.run);
    rig.run->load.law = LAW_ADAPTIVE;
    rig.run->load.prime = 0;
    if (!rig_sender())
        return;
    CHECK_U64(rig.work->planned, 10);
    sender_start(rig.sender);
    sender_mark(rig.sender, 0, MARK_ASKED, NS_PER_S);
    sender_mark(rig.sender, 0, MARK_FLIPPED, NS_PER_S);
    rig_until_ms(1150);
    CHECK_U64(rig.server->messages, 0);
    sender_aims(rig.sender, 1, 0, second); /* another load's */
    sender_aims(rig.sender, 0, 0, first);  /* late for two of them, which go at once */
    rig_until_ms(1159);
    CHECK_U64(rig.server->messages, 4);
    rig_until_ms(1250);
    CHECK_U64(rig.server->messages, 5);
    sender_aims(rig.sender, 0, 1, second);
    rig_until_ms(1300);
    CHECK_U64(rig.server->messages, 5);
    sender_mark(rig.sender, 1, MARK_FLIPPED, 3 * NS_PER_S);
    rig_until_ms(1400);
    CHECK_U64(rig.server->messages, 10);
    sender_moves_over(rig.sender);
    rig_until_ms(1500);
    CHECK(sender_is_idle(rig.sender));
    rig_close();
}

static void an_adaptive_load_without_a_plan_is_not_sent(void)
{
    rig_open("send-unplanned");
    aim(rig.run);
    rig.run->load.law = LAW_ADAPTIVE;
    rig.run->load.prime = 0;
    if (!rig_sender())
        return;
    sender_start(rig.sender);
    sender_mark(rig.sender, 0, MARK_FLIPPED, NS_PER_S);
    sender_moves_over(rig.sender);
    rig_until_ms(1500);
    CHECK(sender_is_idle(rig.sender));
    CHECK_U64(fake_run_count(rig.run, EV_SENT), 0);
    rig_close();
}

static void aims_before_the_asking_follow_the_schedule(void)
{
    rig_open("send-before");
    aim(rig.run);
    rig.run->load.aim = AIM_ASKED;
    rig.run->load.prime = 0;
    rig.run->load.aim_from_ns = -(int64_t)NS_PER_S;
    rig.run->load.aim_to_ns = 0;
    if (!rig_sender())
        return;
    sender_start(rig.sender);
    rig_until_ms(1099);
    CHECK_U64(rig.server->messages, 0);
    rig_until_ms(1201);
    CHECK_U64(rig.server->messages, 5);
    sender_mark(rig.sender, 0, MARK_ASKED, 2 * NS_PER_S);
    rig_until_ms(1500);
    CHECK_U64(rig.server->messages, 5);
    rig_close();
}

static void the_table_of_senders_is_in_order(void)
{
    for (size_t i = 0; senders[i]; i++) {
        struct sender_load none = {0};

        CHECK(senders[i]->name && senders[i]->help && strlen(senders[i]->help) > 10);
        senders[i]->close(&none);
        for (size_t k = 0; k < i; k++)
            CHECK(strcmp(senders[i]->name, senders[k]->name) != 0);
    }
}

static void a_thread_of_several_leases_its_own_numbers_only(void)
{
    uint16_t owner[101] = {0}; /* of each number: its thread, plus one */
    struct err e = {0};

    rig_open("send-lease-each");
    rig.run->load.threads = 2;
    struct sender_context c = rig_context(2);
    rig.sender = sender_create(&c, &e);
    c.thread = 1;
    struct sender *second = sender_create(&c, &e);
    sender_start(rig.sender);
    sender_start(second);
    rig_until_ms(2500);
    PM_ASSERT(journal_flush(rig.run->journal));
    for (uint32_t i = 0; i < rig.run->event_count; i++) {
        const struct event *ev = &rig.run->events[i];

        for (uint32_t k = 0; ev->kind == EV_LEASE && k < ev->a; k++) {
            uint64_t number = ev->slot + (uint64_t)k * ev->b;

            if (CHECK(number < 100) && CHECK_U64(owner[number], 0))
                owner[number] = (uint16_t)(ev->place + 1);
        }
    }
    for (uint32_t i = 0; i < 100; i++)
        CHECK_U64(owner[i], i % 2 + 1);
    sender_destroy(second);
    rig_close();
}

static const struct test tests[] = {
    TEST(messages_leave_at_their_planned_times),
    TEST(a_slot_stands_in_both_events_of_every_recipient),
    TEST(numbers_are_leased_before_they_are_used),
    TEST(threads_share_a_load_by_number),
    TEST(messages_owed_while_a_server_is_down_go_out_late),
    TEST(what_is_owed_when_stopped_is_not_attempted),
    TEST(a_stop_at_once_settles_everything),
    TEST(a_canary_goes_to_a_known_bad_address),
    TEST(aimed_messages_wait_for_their_mark),
    TEST(adaptive_aims_wait_for_both_the_mark_and_the_plan),
    TEST(an_adaptive_load_without_a_plan_is_not_sent),
    TEST(aims_before_the_asking_follow_the_schedule),
    TEST(the_table_of_senders_is_in_order),
    TEST(a_thread_of_several_leases_its_own_numbers_only),
    TEST_END,
};

const struct suite sender_suite = {"sender", tests};
