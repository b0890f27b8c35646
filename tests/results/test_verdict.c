/* What keeps a verdict from being PASS, although no copy went wrong; and evidence that was lost. */
#include <string.h>

#include "results/judge.h"
#include "results/ledger_private.h"
#include "tests/results/world.h"
#include "tests/support/check.h"

static bool has_reason(const struct judgement *j, const char *part)
{
    for (uint32_t i = 0; i < j->reason_count; i++)
        if (strstr(j->reasons[i], part))
            return true;
    return false;
}

/* Three messages, delivered and final. */
static void good_world(struct world *w)
{
    world_init(w, 3);
    for (uint64_t i = 0; i < 3; i++) {
        accepted(w, i, 10 + (double)i);
        seen(w, i, 12 + (double)i, 0, BOB, 1);
        seen(w, i, 195, 1, BOB, 1);
        w->events[w->count++] = (struct event){
            .kind = EV_GONE, .slot = i * w->m.stride, .t_ns = S(196), .place = 0, .a = BOB, .b = 2};
    }
    moved(w, 0, 100, 190, 191);
    settle(w, 400);
}

static void an_interrupted_run_does_not_pass(void)
{
    struct world w;
    struct buf text;

    buf_init(&text, 1u << 20);
    good_world(&w);
    CHECK_U64(judged(&w)->exit_code, EX_PASS);
    add(&w, (struct event){.kind = EV_FINDING, .code = FIND_INTERRUPTED, .t_ns = S(20), .a = 1});
    CHECK_U64(judged(&w)->exit_code, EX_INCONCLUSIVE);
    CHECK(has_reason(w.judgement, "the run was interrupted"));
    CHECK(judgement_text(w.judgement, &text, false));
    CHECK(strstr(buf_text(&text), "run interrupted") != NULL);
    CHECK(strstr(buf_text(&text), "ended by itself") == NULL);
    buf_fini(&text);
    world_fini(&w);
}

static void a_move_that_only_its_mover_saw_does_not_pass(void)
{
    static const struct manifest_gate only[] = {{"silent-loss", 0}}; /* names no gate about moves */
    struct world w;

    good_world(&w);
    w.m.gates = only;
    w.m.gate_count = 1;
    CHECK_U64(judged(&w)->exit_code, EX_PASS);
    add(&w, (struct event){.kind = EV_MOVE,
                           .slot = 0,
                           .code = MARK_DISPROVED,
                           .t_ns = S(200),
                           .a = BOB,
                           .place = 1});
    CHECK_U64(judged(&w)->exit_code, EX_INCONCLUSIVE);
    CHECK(has_reason(w.judgement, "did not happen as the mover said"));
    world_fini(&w);
}

static void a_run_that_sent_only_a_part_of_its_plan_does_not_pass(void)
{
    struct world w;

    good_world(&w);
    w.m.planned_messages = w.loads[0].count = 4;
    for (uint32_t i = 0; i < w.count; i++)
        if (w.events[i].kind == EV_CANARY)
            w.events[i].slot++;
    CHECK_U64(judged(&w)->exit_code, EX_INCONCLUSIVE);
    CHECK(has_reason(w.judgement, "2 planned copies were not sent")); /* in either role */
    w.gates[0] = (struct manifest_gate){"not-sent", 2};
    w.m.gate_count = 1;
    CHECK_U64(judged(&w)->exit_code, EX_PASS);
    world_fini(&w);
}

static void failed_or_endless_moves_and_failed_actions_are_no_pass(void)
{
    struct world w;

    good_world(&w);
    w.moves[1] = (struct manifest_move){EVE, 1, 2, S(120), "users"};
    w.m.move_count = 2;
    CHECK_U64(judged(&w)->exit_code, EX_INCONCLUSIVE);
    CHECK(has_reason(w.judgement, "1 of 2 planned moves never ended"));
    w.gates[0] = (struct manifest_gate){"moves-failed", 1};
    w.m.gate_count = 1;
    CHECK_U64(judged(&w)->exit_code, EX_PASS);
    w.m.gate_count = 0;
    add(&w, (struct event){.kind = EV_MOVE,
                           .slot = 1,
                           .t_ns = S(121),
                           .place = 2,
                           .a = EVE,
                           .b = 1,
                           .code = MARK_FAILED});
    CHECK_U64(judged(&w)->exit_code, EX_INCONCLUSIVE);
    CHECK(!has_reason(w.judgement, "never ended"));
    world_fini(&w);
    good_world(&w);
    add(&w, (struct event){.kind = EV_FINDING, .code = FIND_ACTION_FAILED, .t_ns = S(20)});
    CHECK_U64(judged(&w)->exit_code, EX_INCONCLUSIVE);
    CHECK(has_reason(w.judgement, "were not carried out"));
    world_fini(&w);
}

static void deliveries_that_are_not_final_do_not_pass(void)
{
    struct world w;

    good_world(&w);
    w.m.queues_visible = false;
    CHECK_U64(judged(&w)->exit_code, EX_INCONCLUSIVE);
    CHECK_U64(w.judgement->tally.classes[CLASS_DELIVERED], 3);
    CHECK(has_reason(w.judgement, "3 copies are delivered or reported, but not final"));
    CHECK(has_reason(w.judgement, "no lifetime is stated"));
    w.m.lifetime_ns = S(300);
    CHECK_U64(judged(&w)->exit_code, EX_PASS);
    CHECK_U64(w.judgement->tally.not_final, 0);
    world_fini(&w);
}

static void evidence_without_a_send_record_is_doubt_where_a_journal_is_damaged(void)
{
    struct world w;
    struct err e = {0};

    world_init(&w, 2);
    w.m.move_count = 0;
    accepted(&w, 0, 10);
    seen(&w, 0, 11, 0, BOB, 1);
    seen(&w, 1, 12, 0, BOB, 1); /* its lease was in the damaged block, too */
    settle(&w, 400);
    CHECK_U64(outcome_of(&w, 1), CLASS_PHANTOM);
    ledger_torn(w.ledger, 1);
    struct judgement *j = judge(&w.m, w.ledger, &e);

    CHECK_U64(j->tally.classes[CLASS_PHANTOM], 0);
    CHECK_U64(j->tally.classes[CLASS_DELIVERED], 2);
    CHECK_U64(j->exit_code, EX_INCONCLUSIVE);
    judgement_destroy(j);
    world_fini(&w);
}

static void a_ledger_that_lost_evidence_is_not_judged(void)
{
    struct world w;
    struct err e = {0};

    good_world(&w);
    CHECK_U64(judged(&w)->exit_code, EX_PASS);
    w.ledger->homes.full = true;
    CHECK(judge(&w.m, w.ledger, &e) == NULL);
    CHECK_U64(e.code, EX_IO);
    w.ledger->homes.full = false;
    w.ledger->out_of_memory = true;
    CHECK(judge(&w.m, w.ledger, &e) == NULL);
    world_fini(&w);
}

static void what_outlasts_the_clock_of_the_ledger_is_not_final(void)
{
    struct world w;

    good_world(&w);
    CHECK_U64(judged(&w)->exit_code, EX_PASS);
    add(&w, (struct event){.kind = EV_PHASE, .t_ns = S(77.0 * 3600), .code = PHASE_END});
    CHECK_U64(judged(&w)->exit_code, EX_INCONCLUSIVE);
    CHECK(has_reason(w.judgement, "longer than 76 hours"));
    world_fini(&w);
}

static void a_send_record_of_a_copy_that_nobody_planned_unbalances_the_account(void)
{
    struct world w;

    good_world(&w);
    CHECK_U64(judged(&w)->exit_code, EX_PASS);
    sent(&w, 0, 10);
    w.events[w.count - 1].slot = 1; /* an alternate's slot: nothing is ever sent to it */
    CHECK_U64(judged(&w)->exit_code, EX_INTERNAL);
    CHECK(has_reason(w.judgement, "send records = attempts"));
    world_fini(&w);
}

static void late_messages_make_figures_about_windows_inconclusive(void)
{
    struct world w;
    struct buf text;
    struct err e = {0};

    buf_init(&text, 1u << 20);
    good_world(&w);
    w.m.lateness_limit_ns = S(60); /* at scale 60: one second */
    CHECK(!judged(&w)->tally.health.windows_late);
    for (uint32_t i = 0; i < w.count; i++)
        if (w.events[i].kind == EV_SENT)
            w.events[i].b = 1100000;
    CHECK_U64(judged(&w)->exit_code, EX_PASS);
    CHECK(has_reason(w.judgement, "within a move are not conclusive"));
    CHECK(judgement_print_summary(w.judgement, &text, &e));
    CHECK(strstr(buf_text(&text), "\"windows_conclusive\": false") != NULL);
    buf_fini(&text);
    world_fini(&w);
}

static const struct test tests[] = {
    TEST(an_interrupted_run_does_not_pass),
    TEST(a_move_that_only_its_mover_saw_does_not_pass),
    TEST(a_run_that_sent_only_a_part_of_its_plan_does_not_pass),
    TEST(failed_or_endless_moves_and_failed_actions_are_no_pass),
    TEST(deliveries_that_are_not_final_do_not_pass),
    TEST(evidence_without_a_send_record_is_doubt_where_a_journal_is_damaged),
    TEST(a_ledger_that_lost_evidence_is_not_judged),
    TEST(what_outlasts_the_clock_of_the_ledger_is_not_final),
    TEST(a_send_record_of_a_copy_that_nobody_planned_unbalances_the_account),
    TEST(late_messages_make_figures_about_windows_inconclusive),
    TEST_END,
};

const struct suite verdict_suite = {"verdict", tests};
