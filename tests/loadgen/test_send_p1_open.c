/* test_send_p1_open.c - how associations of senders come up, do not, end, and take turns, against a scripted X.400 MTA. */
#include "tests/loadgen/send_rig.h"
#include "wire/x400/p1_bind.h"

/* --- opening ---------------------------------------------------------------------------------------------------------------- */

static void arm_says(const char *words)
{
    if (!rig_sender())
        return;
    sender_arm(rig.sender, rig_ready);
    CHECK_U64(rig.armed, 0);
    rig_until_ms(60000);
    CHECK_U64(rig.armed, 1);
    CHECK_U64((uint64_t)rig.error.code, EX_TARGET);
    CHECK_STR(rig.error.text, words);
    CHECK_U64(fake_run_count(rig.run, EV_FINDING), 0);
    rig_close();
}

#define AT "server s3 (127.0.0.3:102): "

static void refusals_while_arming_are_told_in_words(void)
{
    rig_open_p1("p1-password");
    rig.mta->peer_password = "another";
    arm_says(AT "bind refused: authentication-error");
    rig_open_p1("p1-password-1984");
    rig.mta->peer_password = "another";
    rig.run->profile.x400.mode = MODE_1984;
    arm_says(AT "bind refused: validation failure: name, password or mode");
    rig_open_p1("p1-busy");
    rig.mta->busy = true;
    arm_says(AT "bind refused: busy");
    rig_open_p1("p1-busy-1984");
    rig.mta->busy = true;
    rig.run->profile.x400.mode = MODE_1984;
    arm_says(AT "bind refused: busy");
    rig_open_p1("p1-mode");
    rig.mta->config.modes = 1u << STACK_NORMAL;
    rig.run->profile.x400.mode = MODE_X410;
    arm_says(AT "bind refused: validation failure: name, password or mode");
}

static void the_peer_has_to_be_who_the_profile_says(void)
{
    rig_open_p1("p1-name");
    rig.mta->name = "EVIL\nMTA";
    arm_says(AT "bind result: the peer is called \"EVIL?MTA\", not \"LAB-S3\"");
    rig_open_p1("p1-peer-password");
    rig.mta->password = "wrong";
    arm_says(AT "bind result: wrong password of \"LAB-S3\"");
    rig_open_p1("p1-anybody");
    rig.run->servers[2].p1.mta = rig.run->servers[2].p1.password = NULL;
    rig.mta->name = "ANYBODY";
    if (rig_send_until_ms(2500))
        CHECK_U64(rig_endings(END_ACCEPTED), 100);
    rig_close();
}

static void a_wrong_selector_is_told(void)
{
    rig_open_p1("p1-selector");
    rig.mta->config.our_tsel = slice_of("MTA");
    rig.run->servers[2].p1.tsel = (struct selector){.n = 5, .p = "OTHER"};
    arm_says(
        AT "connection refused: cotp: address unknown: the called transport selector is not known "
           "there (3)");
    rig_open_p1("p1-selector-right");
    rig.mta->config.our_tsel = slice_of("MTA");
    rig.run->servers[2].p1.tsel = (struct selector){.n = 3, .p = "MTA"};
    if (rig_send_until_ms(2500))
        CHECK_U64(rig_endings(END_ACCEPTED), 100);
    rig_close();
}

static void a_peer_that_is_down_silent_or_no_mta_is_told_so(void)
{
    rig_open_p1("p1-down");
    fake_p1_down(rig.mta);
    arm_says(AT "connection refused");
    rig_open_p1("p1-silent");
    rig.mta->trash = "";
    arm_says(AT "no answer, opening the transport connection");
    rig_open_p1("p1-trash");
    rig.mta->trash = "220 mail.example ESMTP\r\n";
    if (!rig_sender())
        return;
    sender_arm(rig.sender, rig_ready);
    rig_until_ms(2000);
    CHECK_U64(rig.armed, 1);
    CHECK_HAS(rig.error.text, AT "tpkt: ");
    CHECK_HAS(rig.error.text, "32 32 30 20");
    rig_close();
}

static void in_a_run_refusals_are_findings_and_messages_wait(void)
{
    rig_open_p1("p1-findings");
    rig.mta->busy = true;
    if (!rig_send_until_ms(5000))
        return;
    unsigned refused = rig_findings(FIND_CONNECT_FAILED);
    CHECK_BETWEEN(refused, 5, 20);
    CHECK_U64(rig_event(EV_FINDING, 0)->a, event_code(0, EVENT_X400, STACK_USER, P1_BIND_BUSY));
    CHECK_U64(rig_endings(END_ACCEPTED), 0);
    CHECK_U64(fake_run_count(rig.run, EV_SENT), 0);
    rig.mta->busy = false;
    rig_until_ms(9000);
    CHECK_U64(rig_endings(END_ACCEPTED), 100);
    rig_close();
}

static void trash_in_a_run_is_a_finding(void)
{
    rig_open_p1("p1-run-trash");
    rig.mta->trash = "* OK IMAP4rev1 ready\r\n";
    if (!rig_send_until_ms(3000))
        return;
    CHECK(rig_findings(FIND_PROTOCOL) >= 3);
    CHECK_U64(rig_event(EV_FINDING, 0)->a, STAGE_BIND);
    rig.mta->trash = NULL;
    rig_until_ms(9000);
    CHECK_U64(rig_endings(END_ACCEPTED), 100);
    rig_close();
}

static void what_finds_the_peer_down_is_sent_when_it_is_back(void)
{
    rig_open_p1("p1-back");
    if (!rig_send_until_ms(1300))
        return;
    fake_p1_down(rig.mta);
    rig_until_ms(6000);
    CHECK(rig_findings(FIND_CONNECT_FAILED) >= 3);
    fake_p1_up(rig.mta);
    rig_until_ms(12000);
    CHECK_U64(rig_endings(END_ACCEPTED) + rig_endings(END_DOUBT), 100);
    CHECK(rig_endings(END_DOUBT) <= 1);
    CHECK(sender_is_idle(rig.sender));
    rig_close();
}

static void an_idle_association_that_ends_is_replaced_on_need(void)
{
    rig_open_p1("p1-idle");
    rig.run->load.connections = 1;
    if (!rig_send_until_ms(1205))
        return;
    fake_p1_drop(rig.mta->call[0], false);
    rig_until_ms(1405);
    CHECK_U64(rig_findings(FIND_CONNECT_FAILED), 0);
    fake_p1_drop(rig.mta->call[1], true);
    rig_until_ms(3000);
    CHECK_U64(rig.mta->binds, 3);
    CHECK_U64(rig_findings(FIND_CONNECT_FAILED), 1); /* it aborted: worth counting */
    CHECK_U64(rig_endings(END_ACCEPTED), 100);
    rig_close();
}

static void associations_that_are_up_are_released_at_the_end(void)
{
    rig_open_p1("p1-release");
    if (!rig_send_until_ms(2500))
        return;
    sender_destroy(rig.sender);
    rig.sender = NULL;
    rig_until_ms(2600);
    CHECK_U64(rig.mta->released, rig.mta->binds);
    CHECK_U64(rig.mta->aborted, 0);
    rig_close();
}

/* --- two-way alternate ------------------------------------------------------------------------------------------------------ */

static enum fake_p1_answer ask_sometimes(struct fake_p1 *f, struct fake_p1_call *c,
                                         struct slice apdu)
{
    (void)c, (void)apdu;
    return f->seen % 10 == 4 ? FAKE_P1_PLEASE : FAKE_P1_TAKE;
}

static void open_two_way(const char *name, bool hears)
{
    rig_open_p1(name);
    rig.run->profile.x400.two_way = true;
    rig.hears = hears;
    rig.mta->answer = ask_sometimes;
    rig.mta->report = slice_of("not BER, but nobody here looks");
}

static void the_turn_is_given_between_messages_and_what_comes_is_handed_on(void)
{
    open_two_way("p1-two-way", true);
    if (!rig_send_until_ms(4000))
        return;
    CHECK_U64(rig_endings(END_ACCEPTED), 100);
    CHECK_U64(rig.mta->turns, 10);
    CHECK_U64(rig.mta->reports_taken, 10);
    CHECK_U64(rig.heard, 10);
    CHECK(slice_is(buf_slice(&rig.heard_last), "not BER, but nobody here looks"));
    CHECK_U64(fake_run_count(rig.run, EV_FINDING), 0);
    rig_close();
}

static void without_an_ear_what_comes_is_not_taken(void)
{
    open_two_way("p1-deaf", false);
    if (!rig_send_until_ms(4000))
        return;
    CHECK_U64(rig_endings(END_ACCEPTED), 100);
    CHECK_U64(rig.mta->reports_taken, 0);
    CHECK_U64(rig.mta->reports_refused, 10);
    rig_close();
}

static void the_turn_is_given_when_nothing_is_due(void)
{
    open_two_way("p1-idle-turn", true);
    rig.mta->answer = NULL;
    if (!rig_send_until_ms(3000))
        return;
    CHECK(sender_is_idle(rig.sender));
    fake_p1_ask(rig.mta->call[0]);
    rig_until_ms(3100);
    CHECK_U64(rig.mta->turns, 1);
    CHECK_U64(rig.heard, 1);
    rig_close();
}

static void a_peer_that_keeps_the_turn_is_left_after_its_time(void)
{
    open_two_way("p1-keeps-turn", true);
    rig.mta->keeps_turn = true;
    rig.run->load.connections = 1;
    rig.run->load.duration_ns = NS_PER_S;
    if (!rig_send_until_ms(30000)) /* 300 target seconds are 30 here */
        return;
    CHECK_U64(rig_endings(END_ACCEPTED), 5);
    CHECK_U64(rig_findings(FIND_TIMEOUT), 0);
    rig_until_ms(33000);
    CHECK_U64(rig_findings(FIND_TIMEOUT), 1);
    CHECK_U64(rig_endings(END_ACCEPTED), 10);
    CHECK_U64(rig.mta->binds, 2);
    rig_close();
}

static const struct test tests[] = {
    TEST(refusals_while_arming_are_told_in_words),
    TEST(the_peer_has_to_be_who_the_profile_says),
    TEST(a_wrong_selector_is_told),
    TEST(a_peer_that_is_down_silent_or_no_mta_is_told_so),
    TEST(in_a_run_refusals_are_findings_and_messages_wait),
    TEST(trash_in_a_run_is_a_finding),
    TEST(what_finds_the_peer_down_is_sent_when_it_is_back),
    TEST(an_idle_association_that_ends_is_replaced_on_need),
    TEST(associations_that_are_up_are_released_at_the_end),
    TEST(the_turn_is_given_between_messages_and_what_comes_is_handed_on),
    TEST(without_an_ear_what_comes_is_not_taken),
    TEST(the_turn_is_given_when_nothing_is_due),
    TEST(a_peer_that_keeps_the_turn_is_left_after_its_time),
    TEST_END,
};

const struct suite send_p1_open_suite = {"send_p1_open", tests};
