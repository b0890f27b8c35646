/* test_mta.c - what the message transfer agent does besides the race: reports, peers and stores that are down, expiry,
 * alternates of private mail, restarts; and that every copy is in exactly one queue until its end.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "tests/lab/scene.h"
#include "tests/support/check.h"

static const struct scene_mailbox boxes[] = {{"R", S, NULL, false, 0},
                                             {"joe", T, NULL, false, 0},
                                             {"alt", T, NULL, false, 0},
                                             {"P", S, "alt", true, 0},
                                             {"Q", S, "alt", false, 0}};

static void open_with(struct scene *s, const char *version, const struct lab_knob *knobs)
{
    scene_open(s, &(struct scene_plan){
                      .version = version, .mailboxes = boxes, .mailbox_count = 5, .knobs = knobs});
}

static uint32_t box_number(const struct scene *s, const char *name)
{
    uint32_t m = 0;

    while (lab_mailbox_name(s->lab, m) && strcmp(lab_mailbox_name(s->lab, m), name) != 0)
        m++;
    return m;
}

/* The content of the last item of a mailbox, NUL-terminated. */
static const char *last_item(const struct scene *s, int server, const char *name)
{
    static char text[4096];
    struct lab_item item;
    uint32_t m = box_number(s, name), n = lab_item_count(s->lab, server, m);

    text[0] = '\0';
    if (n > 0 && lab_item_at(s->lab, server, m, n - 1, &item))
        (void)snprintf(text, sizeof text, "%.*s", (int)item.content.n,
                       (const char *)item.content.p);
    return text;
}

struct special {
    const char *to, *header;
    bool never, success, from_nobody, from_stranger;
};

static void send_special(struct scene *s, const char *id, struct special x)
{
    char content[256], to[64];
    struct lab_recipient r = {.never = x.never, .success = x.success};
    struct err e = {0};

    (void)snprintf(to, sizeof to, "%s@lab.test", x.to ? x.to : "R");
    (void)snprintf(content, sizeof content, "%sMessage-ID: <%s@test>\r\nSubject: %s\r\n\r\nHi.\r\n",
                   x.header ? x.header : "", id, id);
    r.address = slice_of(to);
    const char *from = x.from_stranger ? "who@elsewhere.test" : "joe@lab.test";

    CHECK(lab_submit(s->lab, T,
                     &(struct lab_submission){.from = slice_of(x.from_nobody ? "" : from),
                                              .recipients = &r,
                                              .count = 1,
                                              .content = slice_of(content)},
                     &e) > 0);
}

static enum outcome outcome_of(const struct scene *s, const char *id)
{
    return scene_outcome(scene_tale(s, id, false));
}

static void check_outcome(struct scene *s, const char *id, enum outcome want)
{
    CHECK_STR(outcome_name(outcome_of(s, id)), outcome_name(want));
}

/* --- reports ----------------------------------------------------------------------------------------------------- */

static void an_unknown_recipient_is_accepted_and_reported(void)
{
    struct scene s;

    open_with(&s, NULL, NULL);
    CHECK(scene_send(&s, T, "joe", "nobody", "m") > 0);
    scene_run(&s, 5);
    CHECK_HAS(last_item(&s, T, "joe"), "Subject: Undeliverable: about m\r\n");
    CHECK_HAS(last_item(&s, T, "joe"), "\r\n  nobody@lab.test on 4/2/98 8:00 AM\r\n"
                                       "  The recipient name is not recognized\r\n");
    scene_end(&s);
    CHECK_STR(scene_tale(&s, "m", false)->status, "5.1.1");
    check_outcome(&s, "m", OUT_FNDR);
    scene_close(&s);
}

static void a_report_in_rfc_3464_by_knob(void)
{
    static const struct lab_knob knobs[] = {{"ndr_format", "dsn"}, {.name = NULL}};
    struct scene s;

    open_with(&s, NULL, knobs);
    CHECK(scene_send(&s, T, "joe", "nobody", "m") > 0);
    scene_run(&s, 5);
    CHECK_HAS(last_item(&s, T, "joe"), "Final-Recipient: rfc822; nobody@lab.test\r\n"
                                       "Action: failed\r\nStatus: 5.1.1\r\n");
    CHECK_HAS(last_item(&s, T, "joe"), "Message-ID: <m@test>\r\n");
    scene_close(&s);
}

static void nobody_is_told_who_does_not_want_to_be(void)
{
    struct scene s;

    open_with(&s, NULL, NULL);
    send_special(&s, "never", (struct special){.to = "nobody", .never = true});
    send_special(&s, "null", (struct special){.to = "nobody", .from_nobody = true});
    scene_run(&s, 5);
    scene_end(&s);
    CHECK(scene_tale(&s, "never", false)->suppressed);
    CHECK(scene_tale(&s, "null", false)->suppressed);
    check_outcome(&s, "never", OUT_SIL);
    check_outcome(&s, "null", OUT_SIL);
    scene_close(&s);
}

static void a_report_to_a_stranger_is_discarded(void)
{
    struct scene s;

    open_with(&s, NULL, NULL);
    send_special(&s, "m", (struct special){.to = "nobody", .from_stranger = true});
    scene_run(&s, 5);
    scene_end(&s);
    CHECK_U64(scene_tale(&s, "m", false)->reports, 1);
    CHECK_U64(scene_tale(&s, "m", false)->reports_delivered, 0);
    CHECK_U64(scene_tale(&s, "m", false)->entries, 0);
    scene_close(&s);
}

static void success_is_reported_when_asked_for(void)
{
    struct scene s;

    open_with(&s, NULL, NULL);
    send_special(&s, "m", (struct special){.success = true});
    scene_run(&s, 5);
    CHECK_HAS(last_item(&s, T, "joe"), "was delivered to the following recipient(s):");
    scene_end(&s);
    check_outcome(&s, "m", OUT_D);
    CHECK_U64(scene_tale(&s, "m", false)->success_reports, 1);
    scene_close(&s);
}

static void delivered_mail_carries_trace_lines_and_its_own_bytes(void)
{
    struct scene s;
    const char *text;

    open_with(&s, NULL, NULL);
    scene_run(&s, 10);
    CHECK(scene_send(&s, T, "joe", "R", "m") > 0);
    scene_run(&s, 11);
    text = last_item(&s, S, "R");
    CHECK_STR(text, "Return-Path: <joe@lab.test>\r\n"
                    "Received: from tests by T.lab.test with ESMTP (5.5.2650) id 1;\r\n"
                    "\tThu, 02 Apr 1998 08:00:10 +0000\r\n"
                    "Message-ID: <m@test>\r\nSubject: about m\r\n\r\nHello.\r\n");
    scene_close(&s);
}

static void recipients_of_one_message_have_fates_of_their_own(void)
{
    struct lab_recipient r[12] = {0};
    char names[12][32];
    struct scene s;

    open_with(&s, NULL, NULL);
    for (int i = 0; i < 12; i++) {
        (void)snprintf(names[i], sizeof names[i],
                       i == 0   ? "R@lab.test"
                       : i == 1 ? "alt@lab.test"
                                : "x%d@lab.test",
                       i);
        r[i].address = slice_of(names[i]);
    }
    CHECK(lab_submit(s.lab, T,
                     &(struct lab_submission){.from = slice_of("joe@lab.test"),
                                              .recipients = r,
                                              .count = 12,
                                              .content = slice_of("Message-ID: <m@test>\r\n\r\n")},
                     NULL) > 0);
    scene_run(&s, 5);
    CHECK_U64(lab_item_count(s.lab, S, box_number(&s, "R")), 1);
    CHECK_U64(lab_item_count(s.lab, T, box_number(&s, "alt")), 1);
    CHECK_U64(lab_item_count(s.lab, T, box_number(&s, "joe")), 10);
    scene_close(&s);
}

/* --- what is down ------------------------------------------------------------------------------------------------ */

static void mail_for_a_peer_that_is_down_waits_600_s(void)
{
    struct scene s;

    open_with(&s, NULL, NULL);
    scene_post(&s, "/v1/component", "{'server':'S','component':'mta','up':false}");
    scene_run(&s, 10);
    CHECK(scene_send(&s, T, "joe", "R", "m") > 0);
    scene_run(&s, 20);
    json_t *q = scene_get(&s, "/v1/queues");
    json_t *t = json_array_get(json_object_get(q, "servers"), T);
    json_t *entry = json_array_get(json_object_get(t, "entries"), 0);

    CHECK_STR(json_string_value(json_object_get(entry, "queue")), "S");
    CHECK_STR(json_string_value(json_object_get(entry, "state")), "queued");
    CHECK_I64(json_integer_value(json_object_get(entry, "tries")), 1);
    CHECK_U64((uint64_t)json_integer_value(json_object_get(entry, "next_try_ns")), SEC(610));
    json_decref(q);
    scene_post(&s, "/v1/component", "{'server':'S','component':'mta','up':true}");
    scene_run(&s, 700);
    scene_end(&s);
    check_outcome(&s, "m", OUT_DLY);
    CHECK_U64(scene_tale(&s, "m", false)->delivered_ns, SEC(610.2));
    scene_close(&s);
}

static void version_4_0_gives_up_on_a_peer_and_5_5_does_not(void)
{
    static const struct lab_knob knobs[] = {{"max_open_retries", "2"}, {.name = NULL}};
    static const char *const versions[] = {"4.0-sp5", "5.5-sp4"};

    for (int i = 0; i < 2; i++) {
        struct scene s;

        open_with(&s, versions[i], knobs);
        scene_post(&s, "/v1/component", "{'server':'S','component':'mta','up':false}");
        CHECK(scene_send(&s, T, "joe", "R", "m") > 0);
        scene_run(&s, 5000);
        scene_end(&s);
        check_outcome(&s, "m", i == 0 ? OUT_FNDR : OUT_STR);
        scene_close(&s);
    }
}

static void mail_expires_after_its_priority(void)
{
    static const struct lab_knob knobs[] = {
        {"expiry_normal", "1h"}, {"expiry_urgent", "10m"}, {.name = NULL}};
    struct scene s;

    open_with(&s, "5.5-sp4", knobs);
    scene_post(&s, "/v1/component", "{'server':'S','component':'mta','up':false}");
    send_special(&s, "normal", (struct special){0});
    send_special(&s, "urgent", (struct special){.header = "Priority: urgent\r\n"});
    scene_run(&s, 601);
    CHECK_U64(lab_item_count(s.lab, T, box_number(&s, "joe")), 1);
    scene_run(&s, 3601);
    CHECK_U64(lab_item_count(s.lab, T, box_number(&s, "joe")), 2);
    CHECK_HAS(last_item(&s, T, "joe"), "The maximum time for delivering the message expired");
    scene_end(&s);
    CHECK_STR(scene_tale(&s, "urgent", false)->status, "4.4.7");
    scene_close(&s);
}

static void a_stopped_store_is_permanent_only_before_5_5_sp1(void)
{
    static const char *const versions[] = {"5.5-rtm", "5.5-sp1"};

    for (int i = 0; i < 2; i++) {
        struct scene s;

        open_with(&s, versions[i], NULL);
        scene_post(&s, "/v1/component", "{'server':'S','component':'store','up':false}");
        CHECK(scene_send(&s, T, "joe", "R", "m") > 0);
        scene_run(&s, 50);
        scene_post(&s, "/v1/component", "{'server':'S','component':'store','up':true}");
        scene_run(&s, 51);
        scene_end(&s);
        check_outcome(&s, "m", i == 0 ? OUT_FNDR : OUT_DLY);
        if (i == 1)
            CHECK_U64(scene_tale(&s, "m", false)->delivered_ns, SEC(50.05));
        scene_close(&s);
    }
}

static void an_mta_that_is_down_takes_no_mail_and_keeps_what_it_has(void)
{
    struct scene s;

    open_with(&s, NULL, NULL);
    CHECK(scene_send(&s, T, "joe", "R", "m") > 0);
    scene_post(&s, "/v1/component", "{'server':'T','component':'mta','up':false}");
    scene_run(&s, 5);
    CHECK_U64(scene_send(&s, T, "joe", "R", "n"), 0);
    scene_post(&s, "/v1/component", "{'server':'T','component':'mta','up':true}");
    scene_run(&s, 6);
    scene_end(&s);
    check_outcome(&s, "m", OUT_D);
    CHECK_U64(scene_tale(&s, "m", false)->delivered_ns, SEC(5.2));
    scene_close(&s);
}

static void a_restart_in_mid_transfer_makes_no_second_copy(void)
{
    struct scene s;

    open_with(&s, NULL, NULL);
    CHECK(scene_send(&s, T, "joe", "R", "m") > 0);
    scene_run(&s, 0.1);
    scene_post(&s, "/v1/restart", "{'server':'T','component':'mta'}");
    scene_run(&s, 5);
    scene_end(&s);
    check_outcome(&s, "m", OUT_D);
    CHECK_U64(scene_tale(&s, "m", false)->delivered_ns, SEC(0.3));
    scene_close(&s);
}

static void a_restart_may_send_again_where_the_version_can(void)
{
    static const struct lab_knob knobs[] = {{"restart_dup_percent", "100"}, {.name = NULL}};
    static const char *const versions[] = {"5.5-sp2", "5.5-sp3"};

    for (int i = 0; i < 2; i++) {
        struct scene s;

        open_with(&s, versions[i], knobs);
        CHECK(scene_send(&s, T, "joe", "R", "m") > 0);
        scene_run(&s, 5);
        scene_post(&s, "/v1/restart", "{'server':'S','component':'mta'}");
        scene_run(&s, 10);
        scene_end(&s);
        check_outcome(&s, "m", i == 0 ? OUT_DUP : OUT_D);
        scene_close(&s);
    }
}

/* --- alternates -------------------------------------------------------------------------------------------------- */

static void private_mail_to_a_mailbox_with_an_alternate(void)
{
    static const char *const versions[] = {"5.0-sp2", "5.5-sp1"};

    for (int i = 0; i < 2; i++) {
        struct scene s;

        open_with(&s, versions[i], NULL);
        send_special(&s, "both", (struct special){.to = "P", .header = "Sensitivity: Private\r\n"});
        send_special(&s, "redirect",
                     (struct special){.to = "Q", .header = "Sensitivity: Private\r\n"});
        scene_run(&s, 5);
        scene_end(&s);
        check_outcome(&s, "both", i == 0 ? OUT_FNDR : OUT_D); /* Q181579: the primary lost it too */
        CHECK_U64(scene_tale(&s, "both", true)->reports_delivered, 1);
        CHECK_U64(scene_tale(&s, "both", true)->copies, 0);
        check_outcome(&s, "redirect", OUT_REDIRECTED);
        CHECK_U64(scene_tale(&s, "redirect", true)->reports_delivered, 1);
        scene_close(&s);
    }
}

static void the_first_mta_expands_by_knob(void)
{
    static const struct lab_knob knobs[] = {{"alt_expand_at", "first"}, {.name = NULL}};
    struct scene s;

    open_with(&s, NULL, knobs);
    CHECK(scene_send(&s, T, "joe", "P", "m") > 0);
    scene_run(&s, 5);
    scene_end(&s);
    CHECK_U64(scene_tale(&s, "m", true)->delivered_ns, 0); /* at once, on T */
    CHECK_U64(scene_tale(&s, "m", true)->copies, 1);
    check_outcome(&s, "m", OUT_D);
    scene_close(&s);
}

static void a_removed_alternate_is_forgotten_when_its_time_in_the_cache_is_over(void)
{
    static const struct lab_knob knobs[] = {{"alt_cache_ttl", "60s"}, {.name = NULL}};
    struct scene s;

    open_with(&s, NULL, knobs);
    CHECK(scene_send(&s, T, "joe", "P", "before") > 0);
    scene_run(&s, 5);
    scene_post(&s, "/v1/alternate", "{'mailbox':'P','alternate':null}");
    CHECK(scene_send(&s, T, "joe", "P", "within") > 0);
    scene_run(&s, 70);
    CHECK(scene_send(&s, T, "joe", "P", "after") > 0);
    scene_run(&s, 80);
    scene_end(&s);
    CHECK_U64(scene_tale(&s, "before", true)->copies, 1);
    CHECK_U64(scene_tale(&s, "within", true)->copies, 1);
    CHECK_U64(scene_outcome(scene_tale(&s, "after", true)), OUT_NONE);
    check_outcome(&s, "after", OUT_D);
    scene_close(&s);
}

static void a_failed_alternate_is_reported_under_its_own_name(void)
{
    struct scene s;

    open_with(&s, "5.5-rtm", NULL);
    scene_post(&s, "/v1/component", "{'server':'T','component':'store','up':false}");
    CHECK(scene_send(&s, S, "R", "P", "m") > 0);
    scene_run(&s, 5);
    CHECK_HAS(last_item(&s, S, "R"), "\r\n  alt on 4/2/98 8:00 AM\r\n");
    scene_end(&s);
    check_outcome(&s, "m", OUT_D);
    CHECK_STR(outcome_name(scene_outcome(scene_tale(&s, "m", true))), "FNDR");
    scene_close(&s);
}

/* --- the account ------------------------------------------------------------------------------------------------- */

static uint64_t count_entries(struct scene *s, uint64_t *in, uint64_t *out)
{
    json_t *q = scene_get(s, "/v1/queues"), *server;
    uint64_t entries = 0;
    size_t i;

    *in = *out = 0;
    json_array_foreach(json_object_get(q, "servers"), i, server)
    {
        uint64_t n = json_array_size(json_object_get(server, "entries"));
        uint64_t came = (uint64_t)json_integer_value(json_object_get(server, "in"));
        uint64_t went = (uint64_t)json_integer_value(json_object_get(server, "out"));

        CHECK_U64(came - went, n);
        entries += n;
        *in += came;
        *out += went;
    }
    json_decref(q);
    return entries;
}

static void at_every_step_a_copy_is_in_one_queue_or_in_a_mailbox(void)
{
    struct scene s;
    uint64_t in = 0, out = 0, steps = 0;

    open_with(&s, NULL, NULL);
    scene_run(&s, 100);
    scene_move(&s, "R", "S", "D");
    for (uint64_t sent = 0; sent < 20 || lab_next_ns(s.lab) < SEC(200); steps++) {
        uint64_t entries, items, next;
        char id[16];

        if (steps % 3 == 0 && sent < 20) {
            (void)snprintf(id, sizeof id, "m%" PRIu64, sent);
            CHECK(scene_send(&s, T, "joe", sent % 4 == 3 ? "nobody" : "R", id) > 0);
            sent++;
        }
        next = lab_next_ns(s.lab);
        lab_run_until(s.lab, next < SEC(200) ? next : lab_now_ns(s.lab) + SEC(1));
        entries = count_entries(&s, &in, &out);
        items = lab_item_count(s.lab, S, box_number(&s, "R")) +
                lab_item_count(s.lab, D, box_number(&s, "R")) +
                lab_item_count(s.lab, T, box_number(&s, "joe"));
        CHECK_U64(entries + items, sent);
    }
    CHECK(steps > 40);
    CHECK_U64(count_entries(&s, &in, &out), 0);
    scene_close(&s);
}

static void a_travelling_report_is_an_entry_too(void)
{
    struct scene s;

    open_with(&s, NULL, NULL);
    CHECK(scene_send(&s, S, "joe", "nobody", "m") > 0);
    scene_run(&s, 0.1);
    json_t *q = scene_get(&s, "/v1/queues");
    json_t *entries = json_object_get(json_array_get(json_object_get(q, "servers"), S), "entries");
    json_t *e = json_array_get(entries, 0);

    CHECK_U64(json_array_size(entries), 1);
    CHECK(json_is_true(json_object_get(e, "is_report")));
    CHECK_STR(json_string_value(json_object_get(e, "state")), "in-transfer");
    CHECK_STR(json_string_value(json_object_get(e, "queue")), "T");
    CHECK_STR(json_string_value(json_object_get(e, "message_id")), "<report-1@S.lab.test>");
    CHECK_STR(json_string_value(json_object_get(e, "recipient")), "joe@lab.test");
    json_decref(q);
    scene_close(&s);
}

static void a_modern_store_sends_mail_on(void)
{
    struct scene s;

    open_with(&s, "modern", NULL);
    CHECK(scene_send(&s, T, "joe", "R", "before") > 0);
    scene_run(&s, 1);
    scene_move(&s, "R", "S", "D");
    scene_run(&s, 10);
    CHECK(scene_send(&s, T, "joe", "R", "after") > 0); /* S's cache still names S */
    scene_run(&s, 11);
    scene_end(&s);
    check_outcome(&s, "after", OUT_D);
    CHECK_U64(scene_tale(&s, "after", false)->delivered_ns, SEC(10.4));
    scene_close(&s);
}

static const struct test tests[] = {
    TEST(an_unknown_recipient_is_accepted_and_reported),
    TEST(a_report_in_rfc_3464_by_knob),
    TEST(nobody_is_told_who_does_not_want_to_be),
    TEST(a_report_to_a_stranger_is_discarded),
    TEST(success_is_reported_when_asked_for),
    TEST(delivered_mail_carries_trace_lines_and_its_own_bytes),
    TEST(recipients_of_one_message_have_fates_of_their_own),
    TEST(mail_for_a_peer_that_is_down_waits_600_s),
    TEST(version_4_0_gives_up_on_a_peer_and_5_5_does_not),
    TEST(mail_expires_after_its_priority),
    TEST(a_stopped_store_is_permanent_only_before_5_5_sp1),
    TEST(an_mta_that_is_down_takes_no_mail_and_keeps_what_it_has),
    TEST(a_restart_in_mid_transfer_makes_no_second_copy),
    TEST(a_restart_may_send_again_where_the_version_can),
    TEST(private_mail_to_a_mailbox_with_an_alternate),
    TEST(the_first_mta_expands_by_knob),
    TEST(a_removed_alternate_is_forgotten_when_its_time_in_the_cache_is_over),
    TEST(a_failed_alternate_is_reported_under_its_own_name),
    TEST(at_every_step_a_copy_is_in_one_queue_or_in_a_mailbox),
    TEST(a_travelling_report_is_an_entry_too),
    TEST(a_modern_store_sends_mail_on),
    TEST_END,
};

const struct suite mta_suite = {"mta", tests};
