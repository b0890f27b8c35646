/* test_stop_rule.c - stop rules: the numbers of spec/method.md 2.5, moves read in order, looks, and the last word. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "results/sequential.h"
#include "results/stop_rule.h"
#include "tests/results/world.h"
#include "tests/support/check.h"
#include "tests/support/scratch.h"

#define MANY 4096

static const struct manifest_stop sprt_rule = {.rule = STOP_SPRT,
                                               .low_ppb = 10000000,
                                               .high_ppb = 50000000,
                                               .alpha_ppb = 50000000,
                                               .beta_ppb = 50000000};

static void sprt_stops_after_as_many_moves_as_the_table_says(void)
{
    static const struct {
        uint64_t low, high, alpha, beta; /* ppb */
        uint32_t none, one;              /* moves in all, with no and one losing one first */
    } rows[] = {{10000000, 50000000, 50000000, 50000000, 72, 112},
                {1000000, 10000000, 50000000, 100000000, 249, 505},
                {100000, 1000000, 50000000, 50000000, 3270, 0}};

    static uint8_t fates[MANY];

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct manifest_stop s = {STOP_SPRT,     rows[i].low,  rows[i].high,
                                  rows[i].alpha, rows[i].beta, 0};

        memset(fates, FATE_FINE, sizeof fates);
        struct stop_decision d = stop_decide(&s, fates, MANY);

        CHECK_U64(d.end, STOP_LOW);
        CHECK_U64(d.moves, rows[i].none);
        CHECK_U64(stop_decide(&s, fates, rows[i].none - 1).end, STOP_GO_ON);
        fates[0] = FATE_LOSING;
        if (rows[i].one)
            CHECK_U64(stop_decide(&s, fates, MANY).moves, rows[i].one);
    }
}

static void two_losing_moves_at_once_accept_the_higher_rate(void)
{
    uint8_t fates[] = {FATE_LOSING, FATE_LOSING, FATE_FINE, FATE_FINE};
    struct stop_decision d = stop_decide(&sprt_rule, fates, 4);

    CHECK_U64(d.end, STOP_HIGH);
    CHECK_U64(d.moves, 2); /* and what comes after it is not read */
    CHECK_U64(d.seen.k, 2);
}

static void moves_are_read_in_order_up_to_the_first_open_one(void)
{
    uint8_t fates[] = {FATE_FINE, FATE_VOID, FATE_FINE, FATE_OPEN, FATE_LOSING, FATE_LOSING};
    struct stop_decision d = stop_decide(&sprt_rule, fates, 6);

    CHECK_U64(d.end, STOP_GO_ON);
    CHECK_U64(d.moves, 3);
    CHECK_U64(d.seen.n, 2); /* the failed one says nothing */
    CHECK_U64(d.seen.k, 0);
}

static void the_interval_rule_ends_when_its_interval_leaves_the_band(void)
{
    struct manifest_stop s = sprt_rule;
    static uint8_t fates[MANY];
    uint32_t n = 0;

    s.rule = STOP_INTERVAL;
    struct stop_decision d = stop_decide(&s, memset(fates, FATE_FINE, sizeof fates), MANY);

    while (anytime_interval((struct proportion){0, ++n}, 0.05).high >= 0.05)
        ;
    CHECK_U64(d.end, STOP_LOW);
    CHECK_U64(d.moves, n);
    d = stop_decide(&s, memset(fates, FATE_LOSING, sizeof fates), MANY);
    CHECK_U64(d.end, STOP_HIGH);
    CHECK(d.rate.low > 0.01);
    CHECK(d.moves <= 3);
}

static void only_what_gates_count_is_a_loss(void)
{
    struct world w;
    struct stop_account certain = {.known = 0};

    world_init(&w, 10);
    w.gates[0] = (struct manifest_gate){"ndr", 2};
    w.gates[1] = (struct manifest_gate){"unknown", 0};
    w.gates[2] = (struct manifest_gate){"late", 0};
    w.m.gate_count = 3;
    CHECK_U64(stop_losses(&w.m), 1u << CLASS_NDR);
    certain.classes[CLASS_NDR] = 2;
    certain.classes[CLASS_MISDELIVERED] = certain.classes[CLASS_UNKNOWN] = 9;
    CHECK(!stop_is_violated(&w.m, &certain));
    certain.classes[CLASS_NDR] = 3;
    CHECK(stop_is_violated(&w.m, &certain));
    certain.classes[CLASS_NDR] = 0;
    certain.flags[FLAG_LATE] = 1; /* a gate about a flag */
    CHECK(stop_is_violated(&w.m, &certain));
    certain.flags[FLAG_LATE] = 0;
    CHECK(!stop_is_violated(&w.m, &certain));
    w.m.gate_count = 0; /* the default gates count misdelivery too */
    CHECK(stop_is_violated(&w.m, &certain));
    certain.classes[CLASS_MISDELIVERED] = 0;
    CHECK(!stop_is_violated(&w.m, &certain));
    certain.disproved = 1; /* and moves that were not what the mover said */
    CHECK(stop_is_violated(&w.m, &certain));
    world_fini(&w);
}

static void a_plan_cannot_fail_when_all_of_its_rest_could_be_lost(void)
{
    struct world w;
    struct stop_account a = {.known = 95, .open = 5};

    world_init(&w, 100);
    a.classes[CLASS_DELIVERED] = 90;
    a.classes[CLASS_NDR] = 5;
    w.gates[0] = (struct manifest_gate){"ndr", 10};
    w.gates[1] = (struct manifest_gate){"unknown", 0}; /* no fault of the target */
    w.m.gate_count = 2;
    CHECK(stop_cannot_fail(&w.m, &a));
    w.gates[0].limit = 9;
    CHECK(!stop_cannot_fail(&w.m, &a));
    w.gates[0].limit = 10;
    w.gates[1] = (struct manifest_gate){"silent-loss", 4};
    CHECK(!stop_cannot_fail(&w.m, &a));
    w.gates[1].limit = 5;
    CHECK(stop_cannot_fail(&w.m, &a));
    a.moves_left =
        1; /* what is delivered is not lost in silence any more, but may be left behind */
    CHECK(stop_cannot_fail(&w.m, &a));
    w.gates[1].name = "left-behind";
    CHECK(!stop_cannot_fail(&w.m, &a));
    w.gates[1].limit = 100;
    CHECK(stop_cannot_fail(&w.m, &a));
    w.gates[1] = (struct manifest_gate){"moves-disproved", 0};
    CHECK(!stop_cannot_fail(&w.m, &a));
    a.moves_left = 0;
    CHECK(stop_cannot_fail(&w.m, &a));
    world_fini(&w);
}

/* The entry may leave its queue, and a report that went astray be followed by one that does not. */
static void what_is_reported_or_refused_may_change_without_a_move(void)
{
    static const struct {
        enum outcome now, may_become;
    } rows[] = {{CLASS_NDR_BUT_QUEUED, CLASS_NDR},
                {CLASS_NDR_BUT_QUEUED, CLASS_CONTRADICTION},
                {CLASS_NDR_MISROUTED, CLASS_CONTRADICTION},
                {CLASS_NDR, CLASS_CONTRADICTION},
                {CLASS_NDR_MISROUTED, CLASS_NDR},
                {CLASS_NDR_MISROUTED, CLASS_STRANDED},
                {CLASS_NDR, CLASS_NDR_BUT_QUEUED},
                {CLASS_NDR, CLASS_MISDELIVERED},
                {CLASS_NDR_BUT_QUEUED, CLASS_VANISHED},
                {CLASS_ABORTED, CLASS_REFUSED_BUT_TAKEN},
                {CLASS_REFUSED_PERMANENT, CLASS_REFUSED_AND_NDR}};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct world w;
        struct stop_account a = {.known = 100};

        world_init(&w, 100);
        a.classes[CLASS_DELIVERED] = 98;
        a.classes[rows[i].may_become] = 1;
        a.classes[rows[i].now] = 1;
        w.gates[0] = (struct manifest_gate){class_name(rows[i].may_become), 1};
        w.m.gate_count = 1;
        CHECK(!stop_cannot_fail(&w.m, &a));
        w.gates[0].limit = 2;
        CHECK(stop_cannot_fail(&w.m, &a));
        world_fini(&w);
    }
}

/* ------------------------------------------------------------------------------------------------------------ looks */

/* A world whose load is under way, with one move from 100 to 110. */
static void open_world(struct world *w, enum stop_rule rule)
{
    world_init(w, 20);
    w->m.stop = sprt_rule;
    w->m.stop.rule = rule;
    add(w, (struct event){.kind = EV_PHASE, .code = PHASE_LOAD, .t_ns = 0});
    moved(w, 0, 100, 105, 110);
}

/* What a fresh watch sees at t. */
static struct stop_decision look(struct world *w, double t)
{
    struct err e = {0};
    struct ledger *l = ledger_create(&w->m, &e);
    struct stop_watch *watch = stop_watch_create(&w->m, &e);
    struct stop_decision d = {0};

    ledger_apply(l, w->events, w->count);
    CHECK(stop_look(watch, l, S(t), &d, &e));
    stop_watch_destroy(watch);
    ledger_destroy(l);
    return d;
}

static void a_move_is_read_when_it_is_done_and_what_is_late_has_had_its_time(void)
{
    struct world w;

    open_world(&w, STOP_SPRT);
    accepted(&w, 0, 104);
    CHECK_U64(look(&w, 160).moves, 0); /* message 0 is nowhere yet */
    seen(&w, 0, 112, 1, BOB, 3);
    CHECK_U64(look(&w, 130).moves, 0); /* 30 s for what is late */
    CHECK_U64(look(&w, 141).moves, 1);
    CHECK_U64(look(&w, 141).seen.k, 0);
    sent(&w, 1, 106); /* under way */
    CHECK_U64(look(&w, 141).moves, 0);
    ended(&w, 1, 107, END_REFUSED_TEMP);
    CHECK_U64(look(&w, 141).moves, 1);
    world_fini(&w);
}

static void a_report_is_certain_and_silence_only_where_the_profile_says_so(void)
{
    struct world w;

    open_world(&w, STOP_CERTAIN);
    accepted(&w, 0, 104);
    CHECK_U64(look(&w, 5000).end, STOP_GO_ON);
    w.m.stop.silence_ns = S(600);
    CHECK_U64(look(&w, 700).end, STOP_GO_ON);
    CHECK_U64(look(&w, 705).end, STOP_FAIL);
    w.m.stop.silence_ns = 0;
    reported(&w, 0, 120, BOB, 77);
    CHECK_U64(look(&w, 121).end, STOP_FAIL);
    CHECK_U64(look(&w, 121).moves, 1);
    world_fini(&w);
}

/* A complete wave over all queues, and complete scans of every mailbox on every server, begun at t. */
static void looked_everywhere(struct world *w, double t, uint32_t wave)
{
    for (uint16_t server = 0; server < 3; server++) {
        add(w,
            (struct event){
                .kind = EV_WAVE, .code = WAVE_COMPLETE, .place = server, .b = wave, .t_ns = S(t)});
        for (uint32_t box = 0; box < 4; box++)
            add(w, (struct event){.kind = EV_SCAN,
                                  .code = SCAN_COMPLETE,
                                  .place = server,
                                  .a = box,
                                  .b = wave,
                                  .t_ns = S(t)});
    }
}

/* retry 60 s and late 30 s: the patience of a profile that says nothing about silence. */
static void silence_is_a_loss_once_everything_was_looked_at_for_long_enough(void)
{
    struct world w;

    open_world(&w, STOP_CERTAIN);
    w.m.queues_visible = true;
    w.m.settle_retry_ns = S(60);
    accepted(&w, 0, 120);
    looked_everywhere(&w, 205, 1); /* 85 s after: one more try may come */
    CHECK_U64(look(&w, 5000).end, STOP_GO_ON);
    looked_everywhere(&w, 211, 2);
    CHECK_U64(look(&w, 212).end, STOP_FAIL);
    seen(&w, 0, 212, 1, BOB, 4);
    CHECK_U64(look(&w, 213).end, STOP_GO_ON);
    world_fini(&w);
}

static void a_queue_that_showed_the_copy_lately_may_have_sent_it_on(void)
{
    struct world w;
    struct event queued = {.kind = EV_QUEUED, .place = 0, .a = BOB, .b = 2};

    open_world(&w, STOP_CERTAIN);
    w.m.queues_visible = true;
    w.m.settle_retry_ns = S(60);
    accepted(&w, 0, 120);
    looked_everywhere(&w, 150, 1);
    queued.t_ns = S(170);
    add(&w, queued);
    looked_everywhere(&w, 170, 2); /* the wave that showed it */
    looked_everywhere(&w, 259, 3); /* 89 s later */
    CHECK_U64(look(&w, 5000).end, STOP_GO_ON);
    looked_everywhere(&w, 261, 4);
    CHECK_U64(look(&w, 262).end, STOP_FAIL);
    world_fini(&w);
}

static void without_sight_of_the_queues_silence_lasts_a_lifetime(void)
{
    struct world w;

    open_world(&w, STOP_CERTAIN);
    w.m.queues_visible = false;
    accepted(&w, 0, 120);
    looked_everywhere(&w, 4000, 1);
    CHECK_U64(look(&w, 5000).end, STOP_GO_ON); /* nobody says how long a message lives */
    w.m.lifetime_ns = S(600);
    CHECK_U64(look(&w, 5000).end, STOP_FAIL);
    w.m.lifetime_ns = S(3900);
    CHECK_U64(look(&w, 5000).end, STOP_GO_ON);
    world_fini(&w);
}

static void what_is_certain_to_pass_ends_the_run_too(void)
{
    struct world w;

    open_world(&w, STOP_CERTAIN);
    w.loads[0].alternates = false;
    w.m.gate_count = 1;
    w.gates[0] = (struct manifest_gate){"ndr", 12};
    for (uint64_t n = 0; n < 8; n++) {
        CHECK_U64(look(&w, 250).end, STOP_GO_ON);
        accepted(&w, n, 120 + (double)n);
        seen(&w, n, 130 + (double)n, 1, BOB, 3);
    }
    CHECK_U64(look(&w, 250).end, STOP_PASS); /* 12 of 20 are left, 12 may be reported */
    CHECK_U64(look(&w, 250).moves, 1);
    accepted(&w, 8, 140);
    CHECK_U64(look(&w, 250).end, STOP_PASS); /* it is open: one of twelve */
    reported(&w, 8, 150, BOB, 77);
    CHECK_U64(look(&w, 250).end, STOP_PASS); /* eleven are left, and one is reported */
    w.gates[0].limit = 11;
    CHECK_U64(look(&w, 250).end, STOP_GO_ON);
    world_fini(&w);
}

/* Eight of twenty are sent: one of them has been silent for so long that it counts as lost, and may be reported yet. */
static void a_copy_presumed_lost_may_still_be_reported(void)
{
    struct world w;

    open_world(&w, STOP_CERTAIN);
    w.loads[0].alternates = false;
    w.m.stop.silence_ns = S(60);
    w.m.gate_count = 1;
    w.gates[0] = (struct manifest_gate){"ndr", 12};
    for (uint64_t n = 0; n < 8; n++) {
        accepted(&w, n, 120 + (double)n);
        if (n > 0)
            seen(&w, n, 130 + (double)n, 1, BOB, 3);
    }
    CHECK_U64(look(&w, 250).end, STOP_GO_ON); /* 12 are left, and that one */
    w.gates[0].limit = 13;
    CHECK_U64(look(&w, 250).end, STOP_PASS);
    w.gates[0] = (struct manifest_gate){"silent-loss", 0}; /* which it is, until it turns up */
    CHECK_U64(look(&w, 250).end, STOP_FAIL);
    world_fini(&w);
}

static void a_sighting_that_comes_before_the_record_of_its_send_is_no_loss(void)
{
    struct world w;

    open_world(&w, STOP_CERTAIN);
    seen(&w, 3, 101, 1, EVE, 3);
    seen(&w, 4, 101, 0, BOB, 3);
    CHECK_U64(look(&w, 200).end, STOP_GO_ON);
    world_fini(&w);
}

static void nothing_is_looked_at_before_the_load_and_after_it(void)
{
    struct world w;

    open_world(&w, STOP_CERTAIN);
    accepted(&w, 0, 104);
    reported(&w, 0, 120, BOB, 77);
    CHECK_U64(look(&w, 121).end, STOP_FAIL);
    add(&w, (struct event){.kind = EV_PHASE, .code = PHASE_DRAIN, .t_ns = S(122)});
    CHECK_U64(look(&w, 123).end, STOP_GO_ON);
    world_fini(&w);
}

static void a_watch_that_looks_often_sees_what_one_look_sees(void)
{
    struct world w;
    struct err e = {0};
    struct stop_decision d = {0};

    open_world(&w, STOP_CERTAIN);
    w.m.gate_count = 1;
    w.gates[0] = (struct manifest_gate){"ndr", 9};
    struct ledger *l = ledger_create(&w.m, &e);
    struct stop_watch *watch = stop_watch_create(&w.m, &e);
    uint32_t told = 0;

    for (uint64_t n = 0; n < 20; n++) {
        double t = 100 + 40.0 * (double)n;

        accepted(&w, n, t);
        if (n % 2)
            reported(&w, n, t + 2, BOB, 77);
        else
            seen(&w, n, t + 2, 1, BOB, 3);
        ledger_apply(l, w.events + told, w.count - told);
        told = w.count;
        CHECK(stop_look(watch, l, S(t + 3), &d, &e));
        CHECK_U64(d.end, n < 19 ? STOP_GO_ON : STOP_FAIL); /* the tenth report */
    }
    stop_watch_destroy(watch);
    ledger_destroy(l);
    world_fini(&w);
}

/* ---------------------------------------------------------------------------------------------------- the last word */

static void stopped(struct world *w, enum stop_rule rule, enum stop_end end, uint32_t moves)
{
    add(w, (struct event){
               .kind = EV_FINDING, .code = FIND_STOPPED, .a = stop_code(rule, end), .b = moves});
}

static void what_is_left_of_a_stopped_plan_is_not_owed(void)
{
    struct world w;

    open_world(&w, STOP_CERTAIN);
    w.moves[1] = (struct manifest_move){BOB, 1, 0, S(500), "users"};
    w.m.move_count = 2;
    accepted(&w, 0, 104);
    seen(&w, 0, 112, 1, BOB, 3);
    settle(&w, 1000);
    CHECK_U64(judged(&w)->verdict, VERDICT_INCONCLUSIVE); /* 19 messages and a move are missing */
    CHECK_U64(w.judgement->tally.health.moves_undone, 1);
    stopped(&w, STOP_CERTAIN, STOP_FAIL, 1);
    CHECK_U64(judged(&w)->verdict, VERDICT_INCONCLUSIVE); /* it did not fail: stopped in error */
    CHECK(w.judgement->stop.stopped && !w.judgement->stop.holds);
    CHECK_U64(w.judgement->tally.health.moves_undone, 0);
    reported(&w, 0, 130, BOB, 77);
    CHECK_U64(judged(&w)->verdict, VERDICT_FAIL);
    CHECK(w.judgement->stop.holds);
    world_fini(&w);
}

static void a_claim_to_pass_is_held_against_what_was_left(void)
{
    struct world w;

    open_world(&w, STOP_CERTAIN);
    w.loads[0].alternates = false;
    w.m.gate_count = 1;
    w.gates[0] = (struct manifest_gate){"ndr", 18};
    for (uint64_t n = 0; n < 2; n++) {
        accepted(&w, n, 120 + (double)n);
        seen(&w, n, 130 + (double)n, 1, BOB, 3);
    }
    stopped(&w, STOP_CERTAIN, STOP_PASS, 1);
    settle(&w, 1000);
    CHECK_U64(judged(&w)->verdict, VERDICT_PASS);
    CHECK(w.judgement->stop.holds);
    CHECK_U64(w.judgement->tally.classes[CLASS_NOT_SENT], 18);
    w.gates[0].limit = 17; /* all that was left might have been reported: one too many */
    CHECK_U64(judged(&w)->verdict, VERDICT_INCONCLUSIVE);
    CHECK(!w.judgement->stop.holds);
    w.gates[0].limit = 0;
    reported(&w, 2, 150, BOB, 77);
    accepted(&w, 2, 140);
    CHECK_U64(judged(&w)->verdict, VERDICT_FAIL);
    CHECK(!w.judgement->stop.holds);
    world_fini(&w);
}

static void a_claim_that_the_settled_account_takes_back_is_inconclusive(void)
{
    struct world w;

    open_world(&w, STOP_SPRT);
    w.m.stop.low_ppb = 300000000; /* so coarse that one move decides: .05/.95 > (1-.99)/(1-.3) */
    w.m.stop.high_ppb = 990000000;
    w.m.gate_count = 1;
    w.gates[0] = (struct manifest_gate){"ndr", 5};
    accepted(&w, 0, 104);
    seen(&w, 0, 112, 1, BOB, 3);
    stopped(&w, STOP_SPRT, STOP_LOW, 1);
    settle(&w, 1000);
    CHECK_U64(judged(&w)->stop.last.end, STOP_LOW);
    CHECK_U64(w.judgement->verdict, VERDICT_PASS);
    accepted(&w, 1, 107);
    reported(&w, 1, 130, BOB, 77);
    CHECK_U64(judged(&w)->stop.last.end, STOP_GO_ON);
    CHECK_U64(w.judgement->verdict, VERDICT_INCONCLUSIVE); /* the gate alone would pass */
    world_fini(&w);
}

static void the_manifest_carries_the_rule_and_is_as_ever_without_one(void)
{
    struct world w;
    struct err e = {0};
    char path[600];
    struct arena *a = arena_create(1u << 20);

    world_init(&w, 3);
    (void)snprintf(path, sizeof path, "%s/manifest.json", scratch_dir("stop-manifest"));
    CHECK(manifest_write(&w.m, path, &e));
    char *text = scratch_read(path, NULL);

    CHECK(text != NULL);
    if (text)
        CHECK(!strstr(text, "\"stop\""));
    free(text);
    w.m.stop = sprt_rule;
    w.m.stop.silence_ns = S(900);
    CHECK(manifest_write(&w.m, path, &e));
    const struct manifest *m = manifest_read(a, path, &e);

    CHECK(m != NULL);
    if (m) {
        CHECK_U64(m->stop.rule, STOP_SPRT);
        CHECK_U64(m->stop.low_ppb, 10000000);
        CHECK_U64(m->stop.high_ppb, 50000000);
        CHECK_U64(m->stop.alpha_ppb, 50000000);
        CHECK_U64(m->stop.beta_ppb, 50000000);
        CHECK_U64(m->stop.silence_ns, S(900));
    }
    arena_destroy(a);
    world_fini(&w);
}

static const struct test tests[] = {
    TEST(the_manifest_carries_the_rule_and_is_as_ever_without_one),
    TEST(sprt_stops_after_as_many_moves_as_the_table_says),
    TEST(two_losing_moves_at_once_accept_the_higher_rate),
    TEST(moves_are_read_in_order_up_to_the_first_open_one),
    TEST(the_interval_rule_ends_when_its_interval_leaves_the_band),
    TEST(only_what_gates_count_is_a_loss),
    TEST(a_move_is_read_when_it_is_done_and_what_is_late_has_had_its_time),
    TEST(a_report_is_certain_and_silence_only_where_the_profile_says_so),
    TEST(a_plan_cannot_fail_when_all_of_its_rest_could_be_lost),
    TEST(what_is_reported_or_refused_may_change_without_a_move),
    TEST(silence_is_a_loss_once_everything_was_looked_at_for_long_enough),
    TEST(a_queue_that_showed_the_copy_lately_may_have_sent_it_on),
    TEST(without_sight_of_the_queues_silence_lasts_a_lifetime),
    TEST(what_is_certain_to_pass_ends_the_run_too),
    TEST(a_copy_presumed_lost_may_still_be_reported),
    TEST(a_claim_to_pass_is_held_against_what_was_left),
    TEST(a_sighting_that_comes_before_the_record_of_its_send_is_no_loss),
    TEST(nothing_is_looked_at_before_the_load_and_after_it),
    TEST(a_watch_that_looks_often_sees_what_one_look_sees),
    TEST(what_is_left_of_a_stopped_plan_is_not_owed),
    TEST(a_claim_that_the_settled_account_takes_back_is_inconclusive),
    TEST_END};

const struct suite stop_rule_suite = {"stop_rule", tests};
