/* test_envelope.c - what the envelope of X.400 asks of the site: reports that go abroad, alternates there and here,
 * reassignment, priority, deferred and latest delivery.
 */
#include <stdio.h>
#include <string.h>

#include "lab/plant.h"
#include "tests/lab/abroad.h"
#include "tests/support/check.h"

/* --- reports ----------------------------------------------------------------------------------------------------- */

static void a_failure_is_reported_to_an_originator_abroad(void)
{
    struct lab_outgoing o;
    struct scene s;

    abroad_open(&s, NULL, NULL);
    scene_run(&s, 10);
    abroad_post(&s, "m", (struct letter){.to = "nobody@lab.test", .number = 3});
    scene_run(&s, 20);
    CHECK(abroad_next(&s, T, &o));
    CHECK(o.is_report);
    CHECK(!o.delivered);
    CHECK_I64(o.reason, 1);
    CHECK_I64(o.diag, 0);
    CHECK_U64(o.number, 3);
    abroad_check_slice(o.apdu, ABROAD_APDU);
    abroad_check_slice(o.from, "ext@ours.lab.test");
    abroad_check_slice(o.to, "nobody@lab.test");
    CHECK_U64(o.intended.n, 0);
    CHECK_STR(o.mts_id, "T-980402080010Z-2");
    CHECK_U64(o.at_ns, SEC(10));
    abroad_check_slice(o.subject, "about m");
    lab_outgoing_ended(s.lab, T, o.id, true);
    scene_end(&s);
    abroad_check_outcome(&s, "m", OUT_FNDR);
    abroad_check_line(&s, "20000000000\t8\treport-transferred\t<m@test>\tnobody@lab."
                          "test\tprimary\text\tT\tid=1 to=X400\n"
                          "20000000000\t10\treport-delivered\t<m@test>\tnobody@lab."
                          "test\tprimary\text\tT\tid=1 uid=0 validity=0\n");
    scene_close(&s);
}

static void a_report_made_elsewhere_leaves_from_there(void)
{
    struct lab_outgoing o;
    struct scene s;

    abroad_open(&s, "5.5-rtm", NULL);
    scene_post(&s, "/v1/component", "{'server':'S','component':'store','up':false}");
    abroad_post(&s, "m", (struct letter){0});
    scene_run(&s, 1);
    CHECK(!abroad_next(&s, T, &o));
    CHECK(abroad_next(&s, S, &o));
    CHECK_I64(o.reason, 0);
    CHECK_I64(o.diag, 255);
    abroad_check_slice(o.to, "R@lab.test");
    CHECK_HAS(o.mts_id, "S-980402080000Z-");
    scene_close(&s);
}

static void a_delivery_is_reported_where_that_was_asked_for(void)
{
    struct lab_outgoing o;
    struct scene s;

    abroad_open(&s, NULL, NULL);
    abroad_post(&s, "asked", (struct letter){.success = true});
    abroad_post(&s, "not", (struct letter){0});
    scene_run(&s, 1);
    CHECK(abroad_next(&s, S, &o));
    CHECK(o.is_report);
    CHECK(o.delivered);
    abroad_check_slice(o.to, "R@lab.test");
    abroad_check_slice(o.from, "ext@ours.lab.test");
    lab_outgoing_ended(s.lab, S, o.id, true);
    CHECK(!abroad_next(&s, S, &o));
    scene_end(&s);
    abroad_check_outcome(&s, "asked", OUT_D);
    abroad_check_outcome(&s, "not", OUT_D);
    CHECK_U64(scene_tale(&s, "asked", false)->success_reports, 1);
    scene_close(&s);
}

static void nobody_is_told_of_a_delay_over_x400_which_has_no_word_for_it(void)
{
    struct lab_outgoing o;
    struct scene s;

    abroad_open(&s, NULL, NULL);
    scene_post(&s, "/v1/plant", "{'name':'delay-deliver','count':3}");
    for (int i = 0; i < 40; i++) {
        char id[8];

        (void)snprintf(id, sizeof id, "m%d", i);
        abroad_post(&s, id, (struct letter){0});
        scene_run(&s, i + 1.0);
        CHECK(!abroad_next(&s, S, &o));
    }
    scene_run(&s, 400);
    CHECK(!abroad_next(&s, S, &o));
    json_t *answer = scene_get(&s, "/v1/plants");
    const json_t *delay = json_array_get(json_object_get(answer, "plants"), PLANT_DELAY_DELIVER);

    CHECK_I64(json_integer_value(json_object_get(delay, "planted")), 3);
    json_decref(answer);
    CHECK_U64(lab_item_count(s.lab, S, 0), 40); /* R's, late or not */
    scene_close(&s);
}

static void who_asked_for_no_report_gets_none(void)
{
    struct scene s;

    abroad_open(&s, NULL, NULL);
    abroad_post(&s, "m", (struct letter){.to = "nobody@lab.test", .never = true});
    scene_run(&s, 1);
    CHECK_U64(abroad_take_all(&s, T), 0);
    scene_end(&s);
    CHECK(scene_tale(&s, "m", false)->suppressed);
    scene_close(&s);
}

static void a_report_that_is_not_taken_waits_as_mail_does(void)
{
    struct lab_outgoing o;
    struct scene s;

    abroad_open(&s, NULL, NULL);
    abroad_post(&s, "m", (struct letter){.to = "nobody@lab.test"});
    scene_run(&s, 10);
    CHECK(abroad_next(&s, T, &o));
    lab_outgoing_ended(s.lab, T, o.id, false);
    abroad_check_entry(&s, T, "outgoing", 1, 610);
    scene_run(&s, 610);
    CHECK(abroad_next(&s, T, &o));
    CHECK(o.is_report);
    lab_outgoing_ended(s.lab, T, o.id, true);
    scene_end(&s);
    CHECK_U64(scene_tale(&s, "m", false)->reports_delivered, 1);
    abroad_check_line(&s, "\treport-returned\t<m@test>\t");
    scene_close(&s);
}

static void an_originator_abroad_is_never_unreachable(void)
{
    struct scene s;

    abroad_open(&s, NULL, NULL);
    scene_move(&s, "O", "S", "D");
    scene_run(&s, 10);
    abroad_post(&s, "moving",
                (struct letter){.from = "O@lab.test", .to = "nobody@lab.test", .at_s = true});
    abroad_post(&s, "abroad", (struct letter){.to = "nobody@lab.test", .at_s = true});
    scene_run(&s, 11);
    CHECK_U64(abroad_take_all(&s, S), 1);
    scene_end(&s);
    abroad_check_outcome(&s, "moving", OUT_STR);
    CHECK_STR(scene_tale(&s, "moving", false)->state, "await-report");
    abroad_check_outcome(&s, "abroad", OUT_FNDR);
    scene_close(&s);
}

static void a_report_in_text_names_the_identifier_as_it_came(void)
{
    struct scene s;

    abroad_open(&s, NULL, NULL);
    abroad_post(&s, "m", (struct letter){.from = "joe@lab.test", .to = "nobody@lab.test"});
    scene_run(&s, 1);
    CHECK_HAS(abroad_last_item(&s, T, "joe"),
              "\r\n  The MTS-ID of the original message is: " ABROAD_MTS "\r\n");
    abroad_post(&s, "n",
                (struct letter){.from = "joe@lab.test",
                                .to = "nobody@lab.test",
                                .mts_id = "c=US;l=a\r\nEvil: 1\xff"});
    scene_run(&s, 2);
    CHECK_HAS(abroad_last_item(&s, T, "joe"), "is: c=US;l=a??Evil: 1?\r\n");
    CHECK(scene_send(&s, T, "joe", "nobody", "smtp") > 0);
    scene_run(&s, 3);
    CHECK_HAS(abroad_last_item(&s, T, "joe"), "is: c=US;a= ;p=LAB;l=T98040208000200000005\r\n");
    json_t *track = scene_get(&s, "/v1/track");
    json_t *line = json_array_get(json_object_get(track, "lines"), 0);

    CHECK_HAS(json_string_value(json_object_get(line, "line")), ABROAD_MTS "\t0\t");
    json_decref(track);
    scene_close(&s);
}

static void identifiers_keep_to_32_characters(void)
{
    static const char *const names[] = {"a-server-with-a-long-name"};
    const struct lab_mailbox_config one[] = {{.name = "ext", .home = LAB_FOREIGN, .password = ""}};
    struct lab_recipient r = {.address = slice_of("nobody@lab.test")};
    struct lab_outgoing o;
    struct err e = {0};
    struct lab *l = lab_create(&(struct lab_config){.version = "5.5-sp3",
                                                    .domain = "lab.test",
                                                    .site = "s",
                                                    .server_names = names,
                                                    .servers = 1,
                                                    .mailboxes = one,
                                                    .mailbox_count = 1},
                               &e);

    for (uint64_t i = 1; i <= 60000; i++) {
        CHECK(lab_submit(l, 0,
                         &(struct lab_submission){.from = slice_of("ext"),
                                                  .recipients = &r,
                                                  .count = 1,
                                                  .apdu = slice_of(ABROAD_APDU)},
                         &e) > 0);
        lab_run_until(l, i);
        CHECK(lab_outgoing_next(l, 0, &o));
        if (i == 1)
            CHECK_STR(o.mts_id, "a-server-wit-980402080000Z-2");
        if (i == 60000)
            CHECK_STR(o.mts_id, "a-server-wi-980402080000Z-120000");
        lab_outgoing_ended(l, 0, o.id, true);
    }
    lab_destroy(l);
}

/* --- alternates -------------------------------------------------------------------------------------------------- */

static void an_alternate_abroad_gets_its_copy_with_the_intended_name(void)
{
    struct lab_outgoing o;
    struct scene s;

    abroad_open(&s, NULL, NULL);
    CHECK(scene_send(&s, T, "joe", "both", "m") > 0);
    CHECK(scene_send(&s, T, "joe", "redirected", "n") > 0);
    scene_run(&s, 1);
    CHECK(abroad_next(&s, S, &o));
    abroad_check_slice(o.to, "ext@ours.lab.test");
    abroad_check_slice(o.intended, "both@lab.test");
    lab_outgoing_ended(s.lab, S, o.id, true);
    CHECK(abroad_next(&s, S, &o));
    abroad_check_slice(o.to, "ext@ours.lab.test");
    abroad_check_slice(o.intended, "redirected@lab.test");
    lab_outgoing_ended(s.lab, S, o.id, true);
    scene_end(&s);
    abroad_check_outcome(&s, "m", OUT_D);
    abroad_check_outcome(&s, "n", OUT_REDIRECTED);
    CHECK_STR(scene_tale(&s, "m", false)->server, "S");
    CHECK_STR(scene_tale(&s, "m", true)->mailbox, "ext");
    CHECK_U64(scene_tale(&s, "m", true)->copies, 1);
    CHECK_U64(scene_tale(&s, "n", true)->copies, 1);
    scene_close(&s);
}

static void a_custom_recipient_may_have_an_alternate(void)
{
    struct scene s;

    abroad_open(&s, NULL, NULL);
    abroad_post(&s, "m", (struct letter){.to = "both-ext@ours.lab.test", .at_s = true});
    scene_run(&s, 1);
    CHECK_U64(abroad_take_all(&s, S), 1);
    scene_end(&s);
    abroad_check_outcome(&s, "m", OUT_D);
    CHECK_STR(scene_tale(&s, "m", false)->mailbox, "both-ext");
    CHECK_STR(scene_tale(&s, "m", true)->mailbox, "joe");
    scene_close(&s);
}

static void an_alternate_may_be_set_to_abroad_while_it_runs(void)
{
    struct scene s;

    abroad_open(&s, NULL, NULL);
    scene_post(&s, "/v1/alternate", "{'mailbox':'R','alternate':'ext','both':false}");
    scene_post(&s, "/v1/alternate",
               "{'mailbox':'ext2','alternate':'alt','both':false,'everywhere':false}");
    CHECK(scene_send(&s, T, "joe", "R", "m") > 0);
    scene_run(&s, 500); /* known to all by now */
    CHECK(scene_send(&s, T, "joe", "ext2", "n") > 0);
    scene_run(&s, 501);
    CHECK_U64(abroad_take_all(&s, S), 1);
    scene_end(&s);
    CHECK_STR(scene_tale(&s, "m", true)->mailbox, "ext");
    abroad_check_outcome(&s, "n", OUT_REDIRECTED);
    CHECK_STR(scene_tale(&s, "n", true)->mailbox, "alt");
    scene_close(&s);
}

static void reassignment_that_is_prohibited_is_reported_with_both_names(void)
{
    static const char *const versions[] = {"5.5-rtm", "5.5-sp3"}; /* Q181579 */

    for (int i = 0; i < 2; i++) {
        struct lab_outgoing o;
        struct scene s;

        abroad_open(&s, versions[i], NULL);
        abroad_post(&s, "m", (struct letter){.to = "to-alt@lab.test", .no_reassignment = true});
        scene_run(&s, 1);
        CHECK(abroad_next(&s, S, &o));
        CHECK(o.is_report);
        CHECK_I64(o.reason, 1);
        CHECK_I64(o.diag, 26);
        abroad_check_slice(o.to, "alt@lab.test");
        abroad_check_slice(o.intended, "to-alt@lab.test");
        lab_outgoing_ended(s.lab, S, o.id, true);
        CHECK_U64(abroad_take_all(&s, S), i == 0 ? 1 : 0);
        scene_end(&s);
        abroad_check_outcome(&s, "m", i == 0 ? OUT_FNDR : OUT_D);
        CHECK(!scene_tale(&s, "m", true)->exists);
        CHECK_U64(scene_tale(&s, "m", true)->reports, 1);
        scene_close(&s);
    }
}

static void reassignment_is_allowed_unless_it_is_prohibited(void)
{
    struct scene s;

    abroad_open(&s, NULL, NULL);
    abroad_post(&s, "m", (struct letter){.to = "to-alt@lab.test"});
    scene_run(&s, 1);
    CHECK_U64(abroad_take_all(&s, S), 0);
    scene_end(&s);
    CHECK_STR(scene_tale(&s, "m", true)->mailbox, "alt");
    abroad_check_outcome(&s, "m", OUT_D);
    scene_close(&s);
}

/* --- times ------------------------------------------------------------------------------------------------------- */

static void priority_decides_how_long_mail_lives(void)
{
    static const struct lab_knob knobs[] = {{"expiry_urgent", "10m"},
                                            {"expiry_normal", "20m"},
                                            {"expiry_non_urgent", "30m"},
                                            {.name = NULL}};

    static const struct {
        const char *id, *subject;
        enum lab_priority priority;
    } rows[] = {{"urgent", "about urgent", LAB_URGENT},
                {"normal", "about normal", LAB_NORMAL},
                {"slow", "about slow", LAB_NON_URGENT}};
    struct scene s;

    abroad_open(&s, NULL, knobs);
    scene_post(&s, "/v1/component", "{'server':'S','component':'mta','up':false}");
    for (int i = 0; i < 3; i++)
        abroad_post(&s, rows[i].id, (struct letter){.priority = rows[i].priority});
    for (int i = 1; i <= 3; i++) {
        struct lab_outgoing o;

        scene_run(&s, 600 * i - 1);
        CHECK(!abroad_next(&s, T, &o));
        scene_run(&s, 600 * i);
        CHECK(abroad_next(&s, T, &o));
        CHECK_I64(o.diag, 5);
        abroad_check_slice(o.subject, rows[i - 1].subject);
        lab_outgoing_ended(s.lab, T, o.id, true);
    }
    scene_close(&s);
}

static void deferred_delivery_waits_for_its_time(void)
{
    static const struct lab_knob knobs[] = {{"expiry_normal", "10m"}, {.name = NULL}};
    struct scene s;

    abroad_open(&s, NULL, knobs);
    abroad_post(&s, "m", (struct letter){.deferred_s = 3600}); /* lives from then on (Q214682) */
    scene_run(&s, 10);
    abroad_check_entry(&s, T, "deferred-delivery", 0, 3600);
    scene_post(&s, "/v1/restart", "{'server':'T','component':'mta'}");
    scene_run(&s, 3599);
    abroad_check_entry(&s, T, "deferred-delivery", 0, 3600);
    scene_run(&s, 3601);
    scene_end(&s);
    CHECK_U64(scene_tale(&s, "m", false)->delivered_ns, SEC(3600.2));
    abroad_check_line(&s, "3600000000000\t-\treleased\t<m@test>\tR@lab.test\tprimary\tR\tT\tid=1 "
                          "state=deferred-delivery\n");
    scene_close(&s);
}

static void a_lost_timer_is_early_late_or_kept_at_5_5_sp3_only(void)
{
    static const struct lab_knob knobs[] = {{"defer_timer_percent", "100"}, {.name = NULL}};
    static const char *const versions[] = {"5.5-sp2", "5.5-sp3", "5.5-sp4"};

    for (int v = 0; v < 3; v++) {
        uint32_t early = 0, on_time = 0, late = 0, kept = 0;
        struct scene s;

        abroad_open(&s, versions[v], knobs);
        for (int i = 0; i < 60; i++) {
            char id[16];

            (void)snprintf(id, sizeof id, "m%d", i);
            abroad_post(&s, id, (struct letter){.deferred_s = 100});
        }
        scene_run(&s, 1000);
        kept = (uint32_t)abroad_queue(&s, T).entries;
        if (kept > 0)
            CHECK_I64(abroad_queue(&s, T).next_try_ns, -1);
        scene_post(&s, "/v1/restart", "{'server':'T','component':'mta'}");
        scene_run(&s, 1001);
        scene_end(&s);
        for (uint32_t i = 0; i < s.tales; i++) {
            uint64_t at_ns = s.tale[i].delivered_ns;

            CHECK_U64(s.tale[i].copies, 1);
            early += at_ns == SEC(0.2);
            on_time += at_ns == SEC(100.2);
            late += at_ns == SEC(200.2);
        }
        CHECK_U64(early + on_time + late + kept, 60);
        CHECK_U64(on_time, v == 1 ? 0 : 60);
        CHECK(v != 1 || (early > 5 && late > 5 && kept > 5));
        scene_close(&s);
    }
}

static void the_timer_is_kept_unless_a_share_is_asked_for(void)
{
    struct scene s;

    abroad_open(&s, "5.5-sp3", NULL);
    for (int i = 0; i < 20; i++)
        abroad_post(&s, "m", (struct letter){.deferred_s = 100});
    scene_run(&s, 99);
    CHECK_U64(abroad_queue(&s, T).entries, 20);
    scene_run(&s, 101);
    CHECK_U64(abroad_queue(&s, T).entries, 0);
    scene_close(&s);
}

static void latest_delivery_that_is_past_fails(void)
{
    struct lab_outgoing o;
    struct scene s;

    abroad_open(&s, NULL, NULL);
    scene_run(&s, 50);
    abroad_post(&s, "in-time", (struct letter){.latest_s = 51});
    abroad_post(&s, "past", (struct letter){.latest_s = 40});
    abroad_post(&s, "deferred", (struct letter){.latest_s = 100, .deferred_s = 200});
    scene_run(&s, 50.1);
    CHECK(abroad_next(&s, T, &o));
    CHECK_I64(o.reason, 1);
    CHECK_I64(o.diag, 5);
    abroad_check_slice(o.subject, "about past");
    lab_outgoing_ended(s.lab, T, o.id, true);
    scene_run(&s, 99);
    CHECK(!abroad_next(&s, T, &o));
    scene_run(&s, 100);
    CHECK_U64(abroad_take_all(&s, T), 1);
    scene_end(&s);
    abroad_check_outcome(&s, "in-time", OUT_D);
    abroad_check_outcome(&s, "past", OUT_FNDR);
    abroad_check_outcome(&s, "deferred", OUT_FNDR);
    CHECK_STR(scene_tale(&s, "deferred", false)->status, "4.4.7");
    scene_close(&s);
}

static const struct test tests[] = {
    TEST(a_failure_is_reported_to_an_originator_abroad),
    TEST(a_report_made_elsewhere_leaves_from_there),
    TEST(a_delivery_is_reported_where_that_was_asked_for),
    TEST(nobody_is_told_of_a_delay_over_x400_which_has_no_word_for_it),
    TEST(who_asked_for_no_report_gets_none),
    TEST(a_report_that_is_not_taken_waits_as_mail_does),
    TEST(an_originator_abroad_is_never_unreachable),
    TEST(a_report_in_text_names_the_identifier_as_it_came),
    TEST(identifiers_keep_to_32_characters),
    TEST(an_alternate_abroad_gets_its_copy_with_the_intended_name),
    TEST(a_custom_recipient_may_have_an_alternate),
    TEST(an_alternate_may_be_set_to_abroad_while_it_runs),
    TEST(reassignment_that_is_prohibited_is_reported_with_both_names),
    TEST(reassignment_is_allowed_unless_it_is_prohibited),
    TEST(priority_decides_how_long_mail_lives),
    TEST(deferred_delivery_waits_for_its_time),
    TEST(a_lost_timer_is_early_late_or_kept_at_5_5_sp3_only),
    TEST(the_timer_is_kept_unless_a_share_is_asked_for),
    TEST(latest_delivery_that_is_past_fails),
    TEST_END,
};

const struct suite envelope_suite = {"envelope", tests};
