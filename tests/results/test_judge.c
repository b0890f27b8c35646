/* The judgement of small worlds: each class as it comes about, silence that is final and silence that is not. */
#include <string.h>

#include "results/judge.h"
#include "tests/results/world.h"
#include "tests/support/check.h"

static bool has_reason(const struct judgement *j, const char *part)
{
    for (uint32_t i = 0; i < j->reason_count; i++)
        if (strstr(j->reasons[i], part))
            return true;
    return false;
}

static bool has_flag(const struct copy *c, enum flag f)
{
    return c->flags >> f & 1;
}

static void all_delivered_passes(void)
{
    struct world w;

    world_init(&w, 3);
    for (uint64_t i = 0; i < 3; i++) {
        accepted(&w, i, 10 + (double)i);
        seen(&w, i, 12 + (double)i, 0, BOB, 1);
    }
    w.m.move_count = 0;
    settle(&w, 400);
    const struct judgement *j = judged(&w);

    CHECK_STR(verdict_name(j->verdict), "PASS");
    CHECK_U64(j->exit_code, EX_PASS);
    CHECK_U64(j->tally.classes[CLASS_DELIVERED], 3);
    CHECK_U64(j->tally.classes[CLASS_NOT_OWED], 3); /* nobody has an alternate */
    CHECK_U64(j->tally.planned, 6);
    CHECK(has_reason(j, "3 of 3 primary copies were delivered"));
    world_fini(&w);
}

static void silence_that_is_final_is_a_silent_loss(void)
{
    struct world w;

    world_init(&w, 2);
    accepted(&w, 0, 10);
    accepted(&w, 1, 11);
    seen(&w, 1, 12, 1, BOB, 1);
    moved(&w, 0, 100, 190, 191);
    settle(&w, 400);
    CHECK_U64(outcome_of(&w, 0), CLASS_SILENT_LOSS);
    CHECK_U64(outcome_of(&w, 1), CLASS_DELIVERED);
    CHECK_U64(w.judgement->exit_code, EX_FAIL);
    CHECK(has_reason(w.judgement, "1 of 2 primary copies was lost in silence"));
    world_fini(&w);
}

static void silence_is_not_final_while_any_condition_is_missing(void)
{
    struct world w;
    uint32_t whole;

    world_init(&w, 1);
    accepted(&w, 0, 10);
    moved(&w, 0, 100, 190, 191);
    settle(&w, 400);
    whole = w.count;
    CHECK_U64(outcome_of(&w, 0), CLASS_SILENT_LOSS);
    for (uint32_t i = 2; i < whole; i++) { /* each event of the settling, left out */
        struct event kept = w.events[i];
        bool other_place = kept.kind == EV_SCAN && (kept.a == EVE || kept.a == BOB_ALT ||
                                                    (kept.a == ANN && kept.place != 2) ||
                                                    (kept.a == BOB && kept.place == 2));
        bool spare = kept.kind == EV_WAVE || kept.kind == EV_MOVE || kept.kind == EV_HOME ||
                     (kept.kind == EV_CANARY && kept.code == CANARY_SENT) ||
                     (kept.kind == EV_PHASE && kept.code == PHASE_JUDGE);

        w.events[i].kind = EV_NONE;
        CHECK_U64(outcome_of(&w, 0), other_place || spare ? CLASS_SILENT_LOSS : CLASS_UNKNOWN);
        w.events[i] = kept;
    }
    world_fini(&w);
}

static void without_sight_of_the_queues_silence_is_unknown_until_the_lifetime_is_over(void)
{
    struct world w;

    world_init(&w, 2);
    w.m.queues_visible = false;
    w.m.move_count = 0;
    accepted(&w, 0, 10);
    accepted(&w, 1, 10);
    seen(&w, 1, 11, 0, BOB, 1);
    settle(&w, 400);
    CHECK_U64(outcome_of(&w, 0), CLASS_UNKNOWN);
    CHECK_U64(outcome_of(&w, 1), CLASS_DELIVERED); /* it was seen */
    CHECK_U64(w.judgement->exit_code, EX_INCONCLUSIVE);
    CHECK(has_reason(w.judgement, "the queues cannot be seen, and no lifetime is stated"));
    w.m.lifetime_ns = S(300);
    CHECK_U64(outcome_of(&w, 0), CLASS_SILENT_LOSS);
    w.m.lifetime_ns = S(3000);
    CHECK_U64(outcome_of(&w, 0), CLASS_UNKNOWN);
    world_fini(&w);
}

static void quiescence_that_later_waves_belie_is_none(void)
{
    struct world w;

    world_init(&w, 1);
    w.m.move_count = 0;
    accepted(&w, 0, 10);
    settle(&w, 400);
    add(&w, (struct event){.kind = EV_WAVE, .t_ns = S(403), .place = 1, .b = 92, .code = 1});
    CHECK_U64(outcome_of(&w, 0), CLASS_SILENT_LOSS);
    w.events[w.count - 1].slot = 77; /* its counters went on */
    CHECK_U64(outcome_of(&w, 0), CLASS_UNKNOWN);
    CHECK(has_reason(w.judgement, "did not come to rest"));
    add(&w, (struct event){.kind = EV_QUIESCENT, .t_ns = S(403), .b = 92});
    CHECK_U64(outcome_of(&w, 0), CLASS_UNKNOWN); /* quiet again, and not scanned since */
    world_fini(&w);
}

static void a_canary_reported_only_before_the_load_proves_nothing(void)
{
    struct world w;

    world_init(&w, 1);
    w.m.move_count = 0;
    accepted(&w, 0, 10);
    settle(&w, 400);
    for (uint32_t i = 0; i < w.count; i++)
        if (w.events[i].kind == EV_CANARY)
            w.events[i].t_ns = 0;
    CHECK_U64(outcome_of(&w, 0), CLASS_UNKNOWN);
    CHECK(has_reason(w.judgement, "known-bad address"));
    world_fini(&w);
}

static void a_killed_run_calls_silence_unknown_and_leased_numbers_doubtful(void)
{
    struct world w;

    world_init(&w, 4);
    add(&w, (struct event){.kind = EV_LEASE, .slot = 0, .a = 3, .b = 1});
    accepted(&w, 0, 10);
    accepted(&w, 1, 11);
    seen(&w, 1, 12, 0, BOB, 1);
    seen(&w, 2, 13, 0, BOB, 1); /* its sending was not recorded any more */
    const struct judgement *j = judged(&w);

    CHECK_U64(j->exit_code, EX_INCONCLUSIVE);
    CHECK_U64(copy_of(&w, 0, false)->outcome, CLASS_UNKNOWN);
    CHECK_U64(copy_of(&w, 1, false)->outcome, CLASS_DELIVERED);
    CHECK_U64(copy_of(&w, 2, false)->outcome, CLASS_DELIVERED);
    CHECK(has_flag(copy_of(&w, 2, false), FLAG_DOUBT));
    CHECK_U64(copy_of(&w, 3, false)->outcome, CLASS_NOT_SENT);
    CHECK(has_reason(j, "did not end by itself"));
    for (uint32_t i = 0; i < j->identity_count; i++)
        CHECK_U64(j->identities[i].left, j->identities[i].right);
    world_fini(&w);
}

/* Found by a sweep (seed 10716): it was taken for the primary's. */
static void a_report_that_names_an_alternate_is_about_it_though_the_send_was_not_recorded(void)
{
    struct world w;

    world_init(&w, 2);
    world_alternate(&w, false);
    add(&w, (struct event){.kind = EV_LEASE, .slot = 0, .a = 2, .b = 1});
    reported(&w, 0, 12, BOB_ALT, 1);
    reported(&w, 1, 12, BOB, 2);
    (void)judged(&w);
    for (uint64_t n = 0; n < 2; n++) {
        const struct copy *about = copy_of(&w, n, n == 0);

        CHECK_U64(about->outcome, CLASS_NDR);
        CHECK(has_flag(about, FLAG_DOUBT));
        CHECK_U64(copy_of(&w, n, n != 0)->outcome, CLASS_UNKNOWN);
    }
    world_fini(&w);
}

static void in_a_run_that_ended_a_lease_alone_means_not_sent(void)
{
    struct world w;

    world_init(&w, 2);
    w.m.move_count = 0;
    add(&w, (struct event){.kind = EV_LEASE, .slot = 0, .a = 2, .b = 1});
    accepted(&w, 0, 10);
    seen(&w, 0, 11, 0, BOB, 1);
    settle(&w, 400);
    CHECK_U64(outcome_of(&w, 1), CLASS_NOT_SENT);
    CHECK_U64(w.judgement->exit_code, EX_INCONCLUSIVE);
    CHECK(has_reason(w.judgement, "planned copies were not sent"));
    world_fini(&w);
}

static void a_torn_journal_counts_as_a_killed_run(void)
{
    struct world w;
    struct err e = {0};

    world_init(&w, 1);
    w.m.move_count = 0;
    accepted(&w, 0, 10);
    settle(&w, 400);
    CHECK_U64(outcome_of(&w, 0), CLASS_SILENT_LOSS);
    ledger_torn(w.ledger, 1);
    struct judgement *j = judge(&w.m, w.ledger, &e);

    CHECK_U64(j->tally.classes[CLASS_UNKNOWN], 1);
    CHECK_U64(j->exit_code, EX_INCONCLUSIVE);
    judgement_destroy(j);
    world_fini(&w);
}

static void what_only_grows_fails_a_killed_run_too(void)
{
    struct world w;

    world_init(&w, 2);
    accepted(&w, 0, 10);
    accepted(&w, 1, 10);
    seen(&w, 0, 12, 1, EVE, 1);
    CHECK_U64(outcome_of(&w, 0), CLASS_MISDELIVERED);
    CHECK_U64(outcome_of(&w, 1), CLASS_UNKNOWN);
    CHECK_U64(w.judgement->exit_code, EX_FAIL);
    world_fini(&w);
}

static void evidence_of_a_message_that_nobody_sent_is_our_own_fault(void)
{
    struct world w;

    world_init(&w, 2);
    w.m.move_count = 0;
    accepted(&w, 0, 10);
    seen(&w, 0, 11, 0, BOB, 1);
    seen(&w, 1, 11, 0, BOB, 1);
    settle(&w, 400);
    CHECK_U64(outcome_of(&w, 1), CLASS_PHANTOM);
    CHECK_U64(w.judgement->exit_code, EX_INTERNAL);
    world_fini(&w);
}

static void events_that_do_not_fit_the_manifest_unbalance_the_account(void)
{
    struct world w;

    world_init(&w, 1);
    w.m.move_count = 0;
    accepted(&w, 0, 10);
    seen(&w, 0, 11, 0, BOB, 1);
    settle(&w, 400);
    CHECK_U64(judged(&w)->exit_code, EX_PASS);
    seen(&w, 0, 11, 7, BOB, 1);
    CHECK_U64(judged(&w)->exit_code, EX_INTERNAL);
    CHECK(has_reason(w.judgement, "does not balance"));
    world_fini(&w);
}

static void copies_at_home_at_the_old_home_and_twice(void)
{
    struct world w;

    world_init(&w, 7);
    for (uint64_t i = 0; i < 7; i++)
        accepted(&w, i, 10);
    moved(&w, 0, 100, 190, 191);
    seen(&w, 0, 11, 0, BOB, 1); /* old home only */
    seen(&w, 1, 11, 0, BOB, 1); /* both: copied, and left */
    seen(&w, 1, 195, 1, BOB, 1);
    seen(&w, 2, 195, 1, BOB, 1); /* twice at home */
    w.events[w.count - 1].code = 2;
    seen(&w, 3, 11, 0, BOB, 1); /* was there, is gone */
    add(&w, (struct event){.kind = EV_GONE,
                           .slot = 3ul * w.m.stride,
                           .t_ns = S(200),
                           .place = 0,
                           .a = BOB,
                           .b = 2});
    seen(&w, 4, 195, 1, BOB, 1); /* changed on its way */
    w.events[w.count - 1].code |= SEEN_CORRUPT;
    seen(&w, 5, 195, 2, EVE, 1); /* in a stranger's mailbox */
    seen(&w, 6, 195, 1, BOB, 1);
    seen(&w, 6, 196, 1, BOB, 1); /* twice for a moment, as a mover renumbers it: ... */
    w.events[w.count - 1].code = 2;
    seen(&w, 6, 196, 1, BOB, 2); /* ... the epoch that follows sees one */
    settle(&w, 400);
    (void)judged(&w);
    CHECK_U64(copy_of(&w, 6, false)->outcome, CLASS_DELIVERED);
    CHECK_U64(copy_of(&w, 0, false)->outcome, CLASS_LEFT_BEHIND);
    CHECK_U64(copy_of(&w, 1, false)->outcome, CLASS_DELIVERED_RESIDUE);
    CHECK_U64(copy_of(&w, 2, false)->outcome, CLASS_DUPLICATED);
    CHECK_U64(copy_of(&w, 3, false)->outcome, CLASS_VANISHED);
    CHECK_U64(copy_of(&w, 4, false)->outcome, CLASS_CORRUPTED);
    CHECK_U64(copy_of(&w, 5, false)->outcome, CLASS_MISDELIVERED);
    world_fini(&w);
}

static void an_absent_or_renumbered_mailbox_voids_older_sightings(void)
{
    struct world w;

    world_init(&w, 2);
    accepted(&w, 0, 10);
    accepted(&w, 1, 10);
    moved(&w, 0, 100, 190, 191);
    seen(&w, 0, 11, 0, BOB, 1);
    seen(&w, 0, 195, 1, BOB, 1);
    seen(&w, 1, 11, 0, BOB, 1);
    seen(&w, 1, 195, 1, BOB, 1);
    add(&w, (struct event){.kind = EV_SCAN,
                           .t_ns = S(200),
                           .place = 0,
                           .a = BOB,
                           .b = 9,
                           .code = SCAN_COMPLETE | SCAN_ABSENT});
    add(&w, (struct event){.kind = EV_SCAN,
                           .t_ns = S(201),
                           .place = 1,
                           .a = BOB,
                           .b = 2,
                           .code = SCAN_COMPLETE | SCAN_RESET});
    seen(&w, 1, 201, 1, BOB, 2); /* still there after the renumbering: one copy, not two */
    settle(&w, 400);
    CHECK_U64(outcome_of(&w, 0), CLASS_VANISHED);
    CHECK_U64(outcome_of(&w, 1), CLASS_DELIVERED);
    world_fini(&w);
}

static void refusals_stay_the_senders(void)
{
    struct world w;

    world_init(&w, 5);
    for (uint64_t i = 0; i < 5; i++)
        sent(&w, i, 10);
    ended(&w, 0, 10.1, END_REFUSED_TEMP);
    ended(&w, 1, 10.1, END_REFUSED_PERM);
    ended(&w, 2, 10.1, END_ABORTED);
    ended(&w, 3, 10.1, END_REFUSED_PERM);
    seen(&w, 3, 12, 0, BOB, 1);
    ended(&w, 4, 10.1, END_REFUSED_PERM);
    reported(&w, 4, 12, BOB, 1);
    ends(&w, 500);
    (void)judged(&w);
    CHECK_U64(copy_of(&w, 0, false)->outcome, CLASS_REFUSED_TEMPORARY);
    CHECK_U64(copy_of(&w, 1, false)->outcome, CLASS_REFUSED_PERMANENT);
    CHECK_U64(copy_of(&w, 2, false)->outcome, CLASS_ABORTED);
    CHECK_U64(copy_of(&w, 3, false)->outcome, CLASS_REFUSED_BUT_TAKEN);
    CHECK_U64(copy_of(&w, 4, false)->outcome, CLASS_REFUSED_AND_NDR);
    world_fini(&w);
}

static void a_send_without_a_complete_reply_is_in_doubt(void)
{
    struct world w;

    world_init(&w, 3);
    w.m.move_count = 0;
    sent(&w, 0, 10);
    ended(&w, 0, 10.1, END_DOUBT);
    sent(&w, 1, 10); /* no end was recorded */
    sent(&w, 2, 10);
    ended(&w, 2, 10.1, END_DOUBT);
    seen(&w, 2, 11, 0, BOB, 1);
    settle(&w, 400);
    CHECK_U64(outcome_of(&w, 0), CLASS_IN_DOUBT_SILENT);
    CHECK_U64(outcome_of(&w, 1), CLASS_IN_DOUBT_SILENT);
    CHECK_U64(outcome_of(&w, 2), CLASS_DELIVERED);
    CHECK(has_flag(copy_of(&w, 2, false), FLAG_DOUBT));
    world_fini(&w);
}

static void q248839_loses_the_primary_while_its_alternate_is_delivered(void)
{
    struct world w;

    world_init(&w, 4);
    world_alternate(&w, true);
    for (uint64_t i = 0; i < 4; i++) {
        accepted(&w, i, 120 + (double)i);
        seen(&w, i, 130, 2, BOB_ALT, 1);
    }
    moved(&w, 0, 100, 190, 191);
    seen(&w, 3, 195, 1, BOB, 1);
    settle(&w, 400);
    const struct judgement *j = judged(&w);

    CHECK_U64(copy_of(&w, 0, false)->outcome, CLASS_SILENT_LOSS);
    CHECK(has_flag(copy_of(&w, 0, false), FLAG_ALTERNATE_DELIVERED));
    CHECK_U64(copy_of(&w, 0, true)->outcome, CLASS_DELIVERED);
    CHECK_U64(j->tally.lost_but_alternate, 3);
    CHECK(has_reason(
        j, "3 of 4 primary copies were lost in silence while their alternates were delivered"));
    CHECK_U64(j->tally.moves[0][CLASS_SILENT_LOSS], 3);
    CHECK_U64(j->tally.phases[MOVE_COPYING][CLASS_SILENT_LOSS], 3);
    world_fini(&w);
}

static void q172364_reports_mailboxes_that_existed_all_along(void)
{
    struct world w;

    world_init(&w, 3);
    for (uint64_t i = 0; i < 3; i++)
        accepted(&w, i, 120 + (double)i);
    moved(&w, 0, 100, 190, 191);
    reported(&w, 0, 195, BOB, 1);
    reported(&w, 1, 195, BOB, 2);
    reported(&w, 1, 196, BOB, 2); /* the same report, read again */
    reported(&w, 2, 195, BOB, 3);
    reported(&w, 2, 195, BOB, 4); /* a second one */
    seen(&w, 2, 197, 1, BOB, 1);  /* and delivered */
    settle(&w, 400);
    const struct judgement *j = judged(&w);

    CHECK_U64(copy_of(&w, 0, false)->outcome, CLASS_NDR);
    CHECK_U64(copy_of(&w, 1, false)->outcome, CLASS_NDR);
    CHECK(!has_flag(copy_of(&w, 1, false), FLAG_DUPLICATE_REPORT));
    CHECK_U64(copy_of(&w, 2, false)->outcome, CLASS_CONTRADICTION);
    CHECK(has_flag(copy_of(&w, 2, false), FLAG_DUPLICATE_REPORT));
    CHECK(has_reason(j, "2 of 3 primary copies were reported as undeliverable although their "
                        "mailboxes existed all along"));
    CHECK_U64(j->exit_code, EX_FAIL);
    world_fini(&w);
}

static void queued(struct world *w, uint64_t number, double t, uint32_t wave, uint32_t code)
{
    add(w, (struct event){.kind = EV_QUEUED,
                          .slot = number * w->m.stride,
                          .t_ns = S(t),
                          .place = 0,
                          .a = BOB,
                          .b = wave,
                          .code = code});
}

static void an_entry_that_stands_still_is_stranded_and_one_that_moves_is_unknown(void)
{
    struct world w;

    world_init(&w, 5);
    w.m.move_count = 0;
    for (uint64_t i = 0; i < 5; i++)
        accepted(&w, i, 10);
    add(&w, (struct event){.kind = EV_WAVE, .t_ns = S(300), .place = 0, .b = 80, .code = 1});
    add(&w, (struct event){.kind = EV_WAVE, .t_ns = S(360), .place = 0, .b = 85, .code = 1});
    queued(&w, 0, 300, 80, 2); /* stands still for 100 s */
    queued(&w, 0, 400, 91, 2);
    queued(&w, 1, 300, 80, 2); /* was tried again meanwhile */
    queued(&w, 1, 400, 91, 3);
    queued(&w, 2, 300, 80, 2); /* another try is due */
    queued(&w, 2, 400, 91, 2 | QUEUED_DUE);
    queued(&w, 3, 360, 85, 2); /* only for 40 s: settle.retry is 60 s */
    queued(&w, 3, 400, 91, 2);
    queued(&w, 4, 300, 80, 2); /* left the queue and is nowhere */
    settle(&w, 400);
    (void)judged(&w);
    CHECK_U64(copy_of(&w, 0, false)->outcome, CLASS_STRANDED);
    CHECK_U64(copy_of(&w, 1, false)->outcome, CLASS_UNKNOWN);
    CHECK_U64(copy_of(&w, 2, false)->outcome, CLASS_UNKNOWN);
    CHECK_U64(copy_of(&w, 3, false)->outcome, CLASS_UNKNOWN);
    CHECK_U64(copy_of(&w, 4, false)->outcome, CLASS_SILENT_LOSS);
    CHECK(has_reason(w.judgement, "stands still in a server's queue"));
    world_fini(&w);
}

static void a_queued_report_is_not_the_message(void)
{
    struct world w;

    world_init(&w, 1);
    w.m.move_count = 0;
    accepted(&w, 0, 10);
    queued(&w, 0, 399, 90, QUEUED_REPORT);
    queued(&w, 0, 400, 91, QUEUED_REPORT);
    settle(&w, 400);
    CHECK_U64(outcome_of(&w, 0), CLASS_SILENT_LOSS);
    world_fini(&w);
}

static void a_redirect_owes_the_alternate_and_not_the_primary(void)
{
    struct world w;

    world_init(&w, 3);
    w.m.move_count = 0;
    world_alternate(&w, false);
    accepted(&w, 0, 700);
    seen(&w, 0, 701, 2, BOB_ALT, 1);
    accepted(&w, 1, 700);
    accepted(&w, 2, 700);
    seen(&w, 2, 701, 0, BOB, 1);
    settle(&w, 900);
    (void)judged(&w);
    CHECK_U64(copy_of(&w, 0, false)->outcome, CLASS_NOT_OWED);
    CHECK_U64(copy_of(&w, 0, true)->outcome, CLASS_DELIVERED);
    CHECK_U64(copy_of(&w, 1, false)->outcome, CLASS_NOT_OWED);
    CHECK_U64(copy_of(&w, 1, true)->outcome, CLASS_SILENT_LOSS);
    CHECK_U64(copy_of(&w, 2, false)->outcome, CLASS_MISDELIVERED);
    world_fini(&w);
}

static void an_alternate_is_owed_allowed_or_barred_by_the_time_of_acceptance(void)
{
    struct world w;

    world_init(&w, 6);
    w.m.move_count = 0;
    world_alternate(&w, true);
    /* removed at 1000; caches hold it for 600 s */
    add(&w, (struct event){.kind = EV_ALTERNATE, .t_ns = S(1000), .a = BOB, .b = NO_INDEX});
    accepted(&w, 0, 900);  /* owed */
    accepted(&w, 1, 990);  /* on its way when it changed: allowed */
    accepted(&w, 2, 1300); /* within the cache's life: allowed, not there */
    accepted(&w, 3, 1300); /* allowed, there */
    accepted(&w, 4, 1700); /* barred, not there */
    accepted(&w, 5, 1700); /* barred, there */
    for (uint64_t i = 0; i < 6; i++)
        seen(&w, i, 1800, 0, BOB, 1);
    seen(&w, 3, 1800, 2, BOB_ALT, 1);
    seen(&w, 5, 1800, 2, BOB_ALT, 1);
    settle(&w, 2500);
    (void)judged(&w);
    CHECK_U64(copy_of(&w, 0, true)->outcome, CLASS_SILENT_LOSS);
    CHECK_U64(copy_of(&w, 1, true)->outcome, CLASS_NOT_OWED);
    CHECK_U64(copy_of(&w, 2, true)->outcome, CLASS_NOT_OWED);
    CHECK_U64(copy_of(&w, 3, true)->outcome, CLASS_DELIVERED);
    CHECK_U64(copy_of(&w, 4, true)->outcome, CLASS_NOT_OWED);
    CHECK_U64(copy_of(&w, 5, true)->outcome, CLASS_MISDELIVERED);
    for (uint64_t i = 0; i < 6; i++)
        CHECK_U64(copy_of(&w, i, false)->outcome, CLASS_DELIVERED);
    world_fini(&w);
}

static void a_report_belongs_to_the_slot_that_it_names(void)
{
    struct world w;

    world_init(&w, 3);
    w.m.move_count = 0;
    world_alternate(&w, true);
    for (uint64_t i = 0; i < 3; i++)
        accepted(&w, i, 10);
    reported(&w, 0, 20, BOB_ALT, 1);
    seen(&w, 0, 20, 0, BOB, 1);
    reported(&w, 1, 20, BOB, 2); /* both silent but for this: it may have meant the alternate */
    reported(&w, 2, 20, NO_INDEX, 3);
    seen(&w, 2, 20, 2, BOB_ALT, 1);
    settle(&w, 400);
    (void)judged(&w);
    CHECK_U64(copy_of(&w, 0, false)->outcome, CLASS_DELIVERED);
    CHECK_U64(copy_of(&w, 0, true)->outcome, CLASS_NDR);
    CHECK_U64(copy_of(&w, 1, false)->outcome, CLASS_NDR);
    CHECK(has_flag(copy_of(&w, 1, false), FLAG_ATTRIBUTION_WEAK));
    CHECK_U64(copy_of(&w, 2, false)->outcome, CLASS_NDR);
    CHECK(!has_flag(copy_of(&w, 2, false), FLAG_ATTRIBUTION_WEAK));
    world_fini(&w);
}

static void only_places_that_had_to_be_watched_are_counted(void)
{
    struct world w;

    world_init(&w, 1);
    accepted(&w, 0, 10);
    moved(&w, 0, 100, 190, 191);
    settle_but(&w, 400, EVE); /* who has nothing to do with it; nor has bob-alt */
    (void)judged(&w);
    CHECK_U64(w.judgement->tally.health.places, 3); /* bob on s0 and s1, ann on s2 */
    CHECK_U64(w.judgement->tally.health.places_final, 3);
    world_alternate(&w, true);
    (void)judged(&w);
    CHECK_U64(w.judgement->tally.health.places, 4);
    w.boxes[BOB].alternate = EVE;
    (void)judged(&w);
    CHECK_U64(w.judgement->tally.health.places, 4);
    CHECK_U64(w.judgement->tally.health.places_final, 3);
    world_fini(&w);
}

static void late_is_judged_by_the_move_it_fell_into(void)
{
    struct world w;

    world_init(&w, 3);
    accepted(&w, 0, 10);
    seen(&w, 0, 50, 0, BOB, 1); /* 40 s outside a move */
    seen(&w, 0, 195, 1, BOB, 1);
    accepted(&w, 1, 120);
    seen(&w, 1, 250, 1, BOB, 1); /* 130 s, 71 s of them on the move: up to 161 s are fine */
    accepted(&w, 2, 120);
    seen(&w, 2, 290, 1, BOB, 1);
    moved(&w, 0, 100, 190, 191);
    settle(&w, 400);
    (void)judged(&w);
    CHECK(has_flag(copy_of(&w, 0, false), FLAG_LATE));
    CHECK(!has_flag(copy_of(&w, 1, false), FLAG_LATE));
    CHECK(has_flag(copy_of(&w, 2, false), FLAG_LATE));
    CHECK_BETWEEN((double)copy_of(&w, 1, false)->move.phase_ns, 20.0e9, 20.02e9);
    CHECK_U64(copy_of(&w, 0, false)->move.phase, MOVE_BEFORE);
    world_fini(&w);
}

static void what_came_just_before_a_move_and_was_seen_after_it_is_not_late(void)
{
    struct world w;

    world_init(&w, 4);
    for (uint64_t i = 0; i < 3; i++)
        accepted(&w, i, 96 + (double)i);
    seen(&w, 0, 195, 1, BOB, 1); /* 99 s, 91 s of them on the move */
    seen(&w, 1, 278, 1, BOB, 1); /* 181 s; 30 + 91 + 60 are fine */
    seen(&w, 2, 280, 1, BOB, 1); /* 182 s */
    accepted(&w, 3, 192);        /* after the move, which grants it nothing */
    seen(&w, 3, 225, 1, BOB, 1);
    moved(&w, 0, 100, 190, 191);
    settle(&w, 400);
    (void)judged(&w);
    CHECK(!has_flag(copy_of(&w, 0, false), FLAG_LATE));
    CHECK(!has_flag(copy_of(&w, 1, false), FLAG_LATE));
    CHECK(has_flag(copy_of(&w, 2, false), FLAG_LATE));
    CHECK(has_flag(copy_of(&w, 3, false), FLAG_LATE));
    world_fini(&w);
}

static void nothing_sent_or_nothing_moved_is_no_pass(void)
{
    struct world w;

    world_init(&w, 1);
    settle(&w, 400);
    CHECK_U64(judged(&w)->exit_code, EX_INCONCLUSIVE);
    CHECK(has_reason(w.judgement, "nothing was tested"));
    accepted(&w, 0, 10);
    seen(&w, 0, 11, 0, BOB, 1);
    CHECK_U64(judged(&w)->exit_code, EX_INCONCLUSIVE);
    CHECK(has_reason(w.judgement, "none of 1 planned moves"));
    world_fini(&w);
}

static void silence_that_was_asked_for_needs_no_canary(void)
{
    struct world w;

    world_init(&w, 1);
    w.m.move_count = 0;
    w.loads[0].silence_asked = true;
    w.m.canaries = 0;
    accepted(&w, 0, 10);
    settle(&w, 400);
    for (uint32_t i = 0; i < w.count; i++)
        if (w.events[i].kind == EV_CANARY)
            w.events[i].kind = EV_NONE;
    CHECK_U64(outcome_of(&w, 0), CLASS_SILENT_BY_REQUEST);
    CHECK_U64(w.judgement->exit_code, EX_FAIL); /* nobody hears of it, but the mailbox existed */
    world_fini(&w);
}

static void a_mailbox_that_is_recipient_and_alternate_shares_its_copies_out(void)
{
    struct world w;

    world_init(&w, 1);
    w.m.move_count = 0;
    world_alternate(&w, true);
    w.m.stride = 4;
    w.loads[0].recipients = 2;
    accepted(&w, 0, 10); /* to bob */
    add(&w, (struct event){
                .kind = EV_SENT, .slot = 2, .t_ns = S(10), .place = 2, .a = BOB_ALT, .code = ANN});
    add(&w, (struct event){.kind = EV_END,
                           .slot = 2,
                           .t_ns = S(10.01),
                           .place = 2,
                           .a = END_ACCEPTED | STAGE_DOT << 8,
                           .b = 10000});
    seen(&w, 0, 12, 0, BOB, 1);
    seen(&w, 0, 12, 2, BOB_ALT, 1);
    w.events[w.count - 1].code = 2; /* two copies there: one for each reason */
    settle(&w, 400);
    const struct judgement *j = judged(&w);

    CHECK_U64(j->tally.classes[CLASS_DELIVERED], 3);
    CHECK_U64(j->tally.classes[CLASS_NOT_OWED], 1); /* bob-alt has no alternate */
    CHECK_U64(j->exit_code, EX_PASS);
    world_fini(&w);
}

static const struct test tests[] = {
    TEST(all_delivered_passes),
    TEST(silence_that_is_final_is_a_silent_loss),
    TEST(silence_is_not_final_while_any_condition_is_missing),
    TEST(without_sight_of_the_queues_silence_is_unknown_until_the_lifetime_is_over),
    TEST(quiescence_that_later_waves_belie_is_none),
    TEST(a_canary_reported_only_before_the_load_proves_nothing),
    TEST(a_killed_run_calls_silence_unknown_and_leased_numbers_doubtful),
    TEST(a_report_that_names_an_alternate_is_about_it_though_the_send_was_not_recorded),
    TEST(in_a_run_that_ended_a_lease_alone_means_not_sent),
    TEST(a_torn_journal_counts_as_a_killed_run),
    TEST(what_only_grows_fails_a_killed_run_too),
    TEST(evidence_of_a_message_that_nobody_sent_is_our_own_fault),
    TEST(events_that_do_not_fit_the_manifest_unbalance_the_account),
    TEST(copies_at_home_at_the_old_home_and_twice),
    TEST(an_absent_or_renumbered_mailbox_voids_older_sightings),
    TEST(refusals_stay_the_senders),
    TEST(a_send_without_a_complete_reply_is_in_doubt),
    TEST(q248839_loses_the_primary_while_its_alternate_is_delivered),
    TEST(q172364_reports_mailboxes_that_existed_all_along),
    TEST(an_entry_that_stands_still_is_stranded_and_one_that_moves_is_unknown),
    TEST(a_queued_report_is_not_the_message),
    TEST(a_redirect_owes_the_alternate_and_not_the_primary),
    TEST(an_alternate_is_owed_allowed_or_barred_by_the_time_of_acceptance),
    TEST(a_report_belongs_to_the_slot_that_it_names),
    TEST(only_places_that_had_to_be_watched_are_counted),
    TEST(late_is_judged_by_the_move_it_fell_into),
    TEST(what_came_just_before_a_move_and_was_seen_after_it_is_not_late),
    TEST(nothing_sent_or_nothing_moved_is_no_pass),
    TEST(silence_that_was_asked_for_needs_no_canary),
    TEST(a_mailbox_that_is_recipient_and_alternate_shares_its_copies_out),
    TEST_END,
};

const struct suite judge_suite = {"judge", tests};
