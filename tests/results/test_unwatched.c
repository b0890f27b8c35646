/* test_unwatched.c - a run that died and was resumed, or stood still: what was found later is believed, what went meanwhile
 * accuses nobody.
 */
#include <string.h>

#include "results/history.h"
#include "tests/results/world.h"
#include "tests/support/check.h"

#define DEATH 20.0 /* s */
#define AGAIN 200.0
#define USED  50u /* scan epochs before the death */

static void lease(struct world *w, uint64_t first, uint32_t count)
{
    add(w, (struct event){.kind = EV_LEASE, .slot = first, .a = count, .b = 1});
}

static void resumed(struct world *w, uint32_t cut)
{
    add(w, (struct event){.kind = EV_UNWATCHED,
                          .t_ns = S(AGAIN),
                          .slot = S(AGAIN - DEATH),
                          .code = UNWATCHED_RESUMED,
                          .place = (uint16_t)cut,
                          .a = USED,
                          .b = (uint32_t)((AGAIN - DEATH) * 1000)});
}

/* As a probe of the resumed run: everything is read anew, what older epochs saw is void. */
static void scanned_anew(struct world *w, double t, uint32_t server, uint32_t mailbox)
{
    add(w, (struct event){.kind = EV_SCAN,
                          .t_ns = S(t),
                          .place = (uint16_t)server,
                          .a = mailbox,
                          .b = USED + 1,
                          .code = SCAN_COMPLETE | SCAN_RESET});
}

/* As a run that is resumed after its second round of canaries. */
static void settle_again(struct world *w, double t)
{
    w->m.canaries = 2ul * w->m.load_count;
    settle(w, t);
    for (uint32_t i = 0; i < w->count; i++)
        if (w->events[i].kind == EV_CANARY)
            w->events[i].slot += w->m.load_count;
}

static void begun(struct world *w, uint64_t messages)
{
    world_init(w, messages);
    w->m.move_count = 0;
}

static void found_later_is_delivered_and_not_late(void)
{
    struct world w;

    begun(&w, 2);
    accepted(&w, 0, 1);
    accepted(&w, 1, 19);
    seen(&w, 0, 2, 0, BOB, 1);
    resumed(&w, 0);
    scanned_anew(&w, AGAIN + 1, 0, BOB);
    seen(&w, 0, AGAIN + 1, 0, BOB, USED + 1);
    seen(&w, 1, AGAIN + 1, 0, BOB, USED + 1);
    settle_again(&w, AGAIN + 10);
    const struct judgement *j = judged(&w);

    (void)CHECK_U64(j->tally.classes[CLASS_DELIVERED], 2);
    (void)CHECK_U64(j->tally.flags[FLAG_LATE], 0);
    (void)CHECK_U64(j->tally.excused, 1);
    (void)CHECK_U64(j->tally.deliver.count, 1); /* of the other nobody knows how long it took */
    (void)CHECK_U64(j->verdict, VERDICT_PASS);
    world_fini(&w);
}

static void a_gate_about_lateness_is_undecided_where_nobody_watched(void)
{
    struct world w;

    begun(&w, 1);
    w.gates[0] = (struct manifest_gate){"late", 0};
    w.m.gates = w.gates;
    w.m.gate_count = 1;
    accepted(&w, 0, 19);
    resumed(&w, 0);
    scanned_anew(&w, AGAIN + 1, 0, BOB);
    seen(&w, 0, AGAIN + 1, 0, BOB, USED + 1);
    settle_again(&w, AGAIN + 10);
    (void)CHECK_U64(judged(&w)->verdict, VERDICT_INCONCLUSIVE);
    world_fini(&w);
}

static void later_than_the_gap_explains_is_late(void)
{
    struct world w;

    begun(&w, 1);
    accepted(&w, 0, 19);
    resumed(&w, 0);
    scanned_anew(&w, AGAIN + 1, 0, BOB);
    seen(&w, 0, AGAIN + 300, 0, BOB, USED + 1);
    settle(&w, AGAIN + 310);
    (void)CHECK_U64(judged(&w)->tally.flags[FLAG_LATE], 1);
    world_fini(&w);
}

static void what_went_while_nobody_watched_is_unknown(void)
{
    struct world w;

    begun(&w, 1);
    accepted(&w, 0, 1);
    seen(&w, 0, 2, 0, BOB, 1);
    resumed(&w, 0);
    scanned_anew(&w, AGAIN + 1, 0, BOB);
    settle_again(&w, AGAIN + 10);
    (void)CHECK_U64(outcome_of(&w, 0), CLASS_UNKNOWN);
    (void)CHECK_U64(judged(&w)->verdict, VERDICT_INCONCLUSIVE);
    world_fini(&w);
}

static void what_was_seen_to_go_before_has_vanished(void)
{
    struct world w;

    begun(&w, 1);
    accepted(&w, 0, 1);
    seen(&w, 0, 2, 0, BOB, 1);
    add(&w, (struct event){.kind = EV_GONE, .t_ns = S(3), .place = 0, .a = BOB, .b = 2});
    resumed(&w, 0);
    scanned_anew(&w, AGAIN + 1, 0, BOB);
    settle_again(&w, AGAIN + 10);
    (void)CHECK_U64(outcome_of(&w, 0), CLASS_VANISHED);
    world_fini(&w);
}

static void what_was_leased_and_not_recorded_stays_unknown(void)
{
    struct world w;

    begun(&w, 3);
    lease(&w, 0, 2);
    accepted(&w, 0, 1);
    resumed(&w, 0);
    scanned_anew(&w, AGAIN + 1, 0, BOB);
    seen(&w, 0, AGAIN + 1, 0, BOB, USED + 1);
    settle_again(&w, AGAIN + 10);
    (void)CHECK_U64(outcome_of(&w, 0), CLASS_DELIVERED);
    (void)CHECK_U64(outcome_of(&w, 1), CLASS_UNKNOWN);
    (void)CHECK_U64(outcome_of(&w, 2), CLASS_NOT_SENT);
    world_fini(&w);
}

static void evidence_of_a_record_that_was_torn_is_no_phantom(void)
{
    struct world w;

    begun(&w, 1);
    resumed(&w, 1);
    scanned_anew(&w, AGAIN + 1, 0, BOB);
    seen(&w, 0, AGAIN + 1, 0, BOB, USED + 1);
    settle_again(&w, AGAIN + 10);
    const struct judgement *j = judged(&w);

    (void)CHECK_U64(j->tally.classes[CLASS_PHANTOM], 0);
    (void)CHECK_U64(j->tally.classes[CLASS_DELIVERED], 1);
    (void)CHECK_U64(j->tally.health.cut, 1);
    world_fini(&w);
}

static void a_silence_across_the_gap_is_final_by_scans_after_it(void)
{
    struct world w;

    begun(&w, 1);
    accepted(&w, 0, 1);
    resumed(&w, 0);
    scanned_anew(&w, AGAIN + 1, 0, BOB);
    settle_again(&w, AGAIN + 10);
    (void)CHECK_U64(outcome_of(&w, 0), CLASS_SILENT_LOSS);
    world_fini(&w);
}

static void a_move_that_nobody_saw_end_keeps_silence_open(void)
{
    struct world w;

    world_init(&w, 1);
    accepted(&w, 0, 1);
    add(&w,
        (struct event){.kind = EV_MOVE, .t_ns = S(2), .code = MARK_ASKED, .a = BOB, .place = 1});
    resumed(&w, 0);
    scanned_anew(&w, AGAIN + 1, 0, BOB);
    settle_again(&w, AGAIN + 10);
    (void)CHECK_U64(outcome_of(&w, 0), CLASS_UNKNOWN);
    add(&w,
        (struct event){
            .kind = EV_MOVE, .t_ns = S(AGAIN + 2), .code = MARK_VERIFIED, .a = BOB, .place = 1});
    (void)CHECK_U64(outcome_of(&w, 0), CLASS_SILENT_LOSS);
    world_fini(&w);
}

static void a_canary_of_before_that_is_read_again_proves_nothing(void)
{
    struct world w;

    begun(&w, 1);
    accepted(&w, 0, 1);
    resumed(&w, 0);
    scanned_anew(&w, AGAIN + 1, 0, BOB);
    settle(&w, AGAIN + 10); /* none came but the first round's, read again now */
    (void)CHECK_U64(outcome_of(&w, 0), CLASS_UNKNOWN);
    world_fini(&w);
}

static void a_stall_under_load_leaves_the_verdict_open(void)
{
    struct world w;

    begun(&w, 1);
    accepted(&w, 0, 1);
    seen(&w, 0, 2, 0, BOB, 1);
    add(&w, (struct event){.kind = EV_UNWATCHED,
                           .t_ns = S(10),
                           .slot = S(8),
                           .code = UNWATCHED_STALLED,
                           .b = 8000});
    settle(&w, 30);
    const struct judgement *j = judged(&w);

    (void)CHECK_U64(j->verdict, VERDICT_INCONCLUSIVE);
    (void)CHECK(strstr(j->reasons[0], "nobody watched for 8s: postmuster stood still") != NULL);
    world_fini(&w);
}

static void a_stall_while_settling_changes_no_class(void)
{
    struct world w;

    begun(&w, 1);
    accepted(&w, 0, 1);
    seen(&w, 0, 2, 0, BOB, 1);
    add(&w, (struct event){.kind = EV_PHASE, .t_ns = S(5), .code = PHASE_SETTLE});
    add(&w, (struct event){.kind = EV_UNWATCHED,
                           .t_ns = S(20),
                           .slot = S(8),
                           .code = UNWATCHED_STALLED,
                           .b = 8000});
    settle(&w, 30);
    (void)CHECK_U64(judged(&w)->verdict, VERDICT_PASS);
    world_fini(&w);
}

static void a_suspended_machine_leaves_the_verdict_open(void)
{
    struct world w;

    begun(&w, 1);
    accepted(&w, 0, 1);
    seen(&w, 0, 2, 0, BOB, 1);
    add(&w, (struct event){.kind = EV_PHASE, .t_ns = S(5), .code = PHASE_SETTLE});
    add(&w, (struct event){
                .kind = EV_UNWATCHED, .t_ns = S(20), .code = UNWATCHED_SUSPENDED, .b = 60000});
    settle(&w, 30);
    (void)CHECK_U64(judged(&w)->verdict, VERDICT_INCONCLUSIVE);
    world_fini(&w);
}

static const struct test tests[] = {
    TEST(found_later_is_delivered_and_not_late),
    TEST(a_gate_about_lateness_is_undecided_where_nobody_watched),
    TEST(later_than_the_gap_explains_is_late),
    TEST(what_went_while_nobody_watched_is_unknown),
    TEST(what_was_seen_to_go_before_has_vanished),
    TEST(what_was_leased_and_not_recorded_stays_unknown),
    TEST(evidence_of_a_record_that_was_torn_is_no_phantom),
    TEST(a_silence_across_the_gap_is_final_by_scans_after_it),
    TEST(a_move_that_nobody_saw_end_keeps_silence_open),
    TEST(a_canary_of_before_that_is_read_again_proves_nothing),
    TEST(a_stall_under_load_leaves_the_verdict_open),
    TEST(a_stall_while_settling_changes_no_class),
    TEST(a_suspended_machine_leaves_the_verdict_open),
    TEST_END,
};

const struct suite unwatched_suite = {"unwatched", tests};
