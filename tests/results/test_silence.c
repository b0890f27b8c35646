/* test_silence.c - silence that is not final by a hair: scans, quiet, alternates and leases at their edges, one condition each. */
#include "results/ledger.h"
#include "tests/results/world.h"
#include "tests/support/check.h"

static void open_world(struct world *w, uint64_t messages)
{
    world_init(w, messages);
    w->m.move_count = 0;
}

static struct event *find(struct world *w, enum event_kind kind, uint32_t a, uint16_t place)
{
    for (uint32_t i = 0; i < w->count; i++)
        if (w->events[i].kind == kind && w->events[i].a == a && w->events[i].place == place)
            return &w->events[i];
    PM_UNREACHABLE();
}

static void a_scan_begun_at_the_instant_of_quiet_covers_and_one_just_before_does_not(void)
{
    struct world w;

    open_world(&w, 1);
    accepted(&w, 0, 10);
    settle(&w, 400);
    find(&w, EV_SCAN, BOB, 0)->t_ns = S(400);
    CHECK_U64(outcome_of(&w, 0), CLASS_SILENT_LOSS);
    find(&w, EV_SCAN, BOB, 0)->t_ns = S(400) - 1;
    CHECK_U64(outcome_of(&w, 0), CLASS_UNKNOWN);
    world_fini(&w);
}

static void a_scan_that_was_not_complete_covers_nothing(void)
{
    struct world w;

    open_world(&w, 1);
    accepted(&w, 0, 10);
    settle(&w, 400);
    find(&w, EV_SCAN, BOB, 0)->code = 0;
    CHECK_U64(outcome_of(&w, 0), CLASS_UNKNOWN);
    find(&w, EV_SCAN, BOB, 0)->code = SCAN_COMPLETE;
    CHECK_U64(outcome_of(&w, 0), CLASS_SILENT_LOSS);
    world_fini(&w);
}

static void silence_waits_for_the_mailbox_of_the_alternate_too(void)
{
    struct world w;

    open_world(&w, 1);
    world_alternate(&w, true);
    accepted(&w, 0, 10);
    settle_but(&w, 400, BOB_ALT);
    CHECK_U64(outcome_of(&w, 0), CLASS_UNKNOWN);
    world_fini(&w);
    open_world(&w, 1);
    accepted(&w, 0, 10);
    settle_but(&w, 400, BOB_ALT); /* whom nobody has as his alternate */
    CHECK_U64(outcome_of(&w, 0), CLASS_SILENT_LOSS);
    world_fini(&w);
}

static void what_was_accepted_after_the_queues_were_quiet_is_not_judged_by_it(void)
{
    struct world w;

    open_world(&w, 2);
    accepted(&w, 0, 399);
    accepted(&w, 1, 400.5);
    settle(&w, 400);
    (void)judged(&w);
    CHECK_U64(copy_of(&w, 0, false)->outcome, CLASS_SILENT_LOSS);
    CHECK_U64(copy_of(&w, 1, false)->outcome, CLASS_UNKNOWN);
    world_fini(&w);
}

static void a_report_about_a_mailbox_in_two_roles_is_the_recipients(void)
{
    struct world w;

    open_world(&w, 1);
    world_alternate(&w, true);
    w.m.stride = 4;
    w.loads[0].recipients = 2;
    accepted(&w, 0, 10); /* to bob, and to bob-alt, who is his alternate as well */
    add(&w, (struct event){
                .kind = EV_SENT, .slot = 2, .t_ns = S(10), .place = 2, .a = BOB_ALT, .code = ANN});
    add(&w, (struct event){.kind = EV_END,
                           .slot = 2,
                           .t_ns = S(10.01),
                           .place = 2,
                           .a = END_ACCEPTED | STAGE_DOT << 8,
                           .b = 10000});
    seen(&w, 0, 12, 0, BOB, 1);
    reported(&w, 0, 20, BOB_ALT, 1);
    settle(&w, 400);
    (void)judged(&w);
    uint32_t n;
    const struct copy *c = copies_of(w.copies, 0, 0, &n);

    if (CHECK_U64(n, 4)) {
        CHECK_U64(c[0].outcome, CLASS_DELIVERED);
        CHECK_U64(c[1].outcome, CLASS_SILENT_LOSS); /* bob's alternate: nothing was said of it */
        CHECK_U64(c[2].outcome, CLASS_NDR);
    }
    world_fini(&w);
}

static void a_lease_of_every_second_number_says_nothing_about_the_others(void)
{
    struct world w;

    world_init(&w, 4);
    add(&w, (struct event){.kind = EV_LEASE, .slot = 0, .a = 2, .b = 2}); /* and then killed */
    (void)judged(&w);
    CHECK_U64(copy_of(&w, 0, false)->outcome, CLASS_UNKNOWN);
    CHECK_U64(copy_of(&w, 1, false)->outcome, CLASS_NOT_SENT);
    CHECK_U64(copy_of(&w, 2, false)->outcome, CLASS_UNKNOWN);
    CHECK_U64(copy_of(&w, 3, false)->outcome, CLASS_NOT_SENT);
    world_fini(&w);
}

static void a_lease_in_another_ledger_is_in_doubt_once_both_are_merged(void)
{
    struct world w;
    struct err e = {0};
    const struct event lease = {.kind = EV_LEASE, .slot = 0, .a = 2, .b = 1};

    world_init(&w, 3);
    struct ledger *all = ledger_create(&w.m, &e), *other = ledger_create(&w.m, &e);

    ledger_apply(other, &lease, 1);
    ledger_merge(all, other);
    struct judgement *j = judge(&w.m, all, &e);

    CHECK_U64(j->tally.primaries[CLASS_UNKNOWN], 2);
    CHECK_U64(j->tally.primaries[CLASS_NOT_SENT], 1);
    judgement_destroy(j);
    ledger_destroy(other);
    ledger_destroy(all);
    world_fini(&w);
}

static void what_is_sent_above_the_plan_is_no_attempt_of_it(void)
{
    struct world w;

    world_init(&w, 2);
    sent(&w, 0, 10);
    sent(&w, 2, 10); /* the first canary's number */
    (void)judged(&w);
    CHECK_U64(ledger_counts(w.ledger).attempted, 1);
    CHECK_U64(w.judgement->tally.health.strays, 0);
    world_fini(&w);
}

static void what_is_accepted_at_the_very_flip_came_after_it(void)
{
    struct world w;
    uint64_t end_ns;

    world_init(&w, 1);
    accepted(&w, 0, 150);
    moved(&w, 0, 100, 190, 191);
    settle(&w, 400);
    (void)judged(&w);
    CHECK_U64(copy_of(&w, 0, false)->move.phase, MOVE_COPYING);
    end_ns = copy_of(&w, 0, false)->end_ns;
    for (uint32_t i = 0; i < w.count; i++)
        if (w.events[i].kind == EV_MOVE && w.events[i].code == MARK_FLIPPED)
            w.events[i].t_ns = end_ns;
    (void)judged(&w);
    CHECK_U64(copy_of(&w, 0, false)->move.phase, MOVE_FLIPPED);
    world_fini(&w);
}

static const struct test tests[] = {
    TEST(a_scan_begun_at_the_instant_of_quiet_covers_and_one_just_before_does_not),
    TEST(a_scan_that_was_not_complete_covers_nothing),
    TEST(silence_waits_for_the_mailbox_of_the_alternate_too),
    TEST(what_was_accepted_after_the_queues_were_quiet_is_not_judged_by_it),
    TEST(a_report_about_a_mailbox_in_two_roles_is_the_recipients),
    TEST(a_lease_of_every_second_number_says_nothing_about_the_others),
    TEST(a_lease_in_another_ledger_is_in_doubt_once_both_are_merged),
    TEST(what_is_sent_above_the_plan_is_no_attempt_of_it),
    TEST(what_is_accepted_at_the_very_flip_came_after_it),
    TEST_END,
};

const struct suite silence_suite = {"silence", tests};
