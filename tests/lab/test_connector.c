/* test_connector.c - mail over the X.400 connector: hand-outs that are taken, are not, or are forgotten; and who custom
 * recipients are.
 */
#include <stdio.h>
#include <string.h>

#include "base/rng.h"
#include "tests/lab/abroad.h"
#include "tests/support/check.h"

/* --- hand-outs --------------------------------------------------------------------------------------------------- */

static void mail_for_a_custom_recipient_waits_until_it_is_taken(void)
{
    struct lab_outgoing o;
    struct scene s;

    abroad_open(&s, NULL, NULL);
    scene_run(&s, 10);
    CHECK(scene_send(&s, T, "joe", "ext", "m") > 0);
    CHECK(!abroad_next(&s, T, &o)); /* not routed yet */
    scene_run(&s, 20);
    abroad_check_entry(&s, T, "outgoing", 0, 10);
    CHECK_STR(abroad_queue(&s, T).name, "X400");
    CHECK(!abroad_next(&s, S, &o));
    CHECK(abroad_next(&s, T, &o));
    abroad_check_entry(&s, T, "in-transfer", 0, 20);
    CHECK_STR(abroad_queue(&s, T).name, "X400");
    scene_run(&s, 21);
    lab_outgoing_ended(s.lab, T, o.id, true);
    CHECK_U64(abroad_queue(&s, T).entries, 0);
    CHECK_U64(abroad_queue(&s, T).out, 1);
    scene_end(&s);
    abroad_check_outcome(&s, "m", OUT_D);
    CHECK_STR(scene_tale(&s, "m", false)->mailbox, "ext");
    CHECK_U64(scene_tale(&s, "m", false)->delivered_ns, SEC(21));
    abroad_check_line(
        &s,
        "10000000000\t-\tqueued\t<m@test>\text@lab.test\tprimary\text\tT\tid=1 state=outgoing\n"
        "20000000000\t-\treleased\t<m@test>\text@lab.test\tprimary\text\tT\tid=1 state=outgoing\n"
        "21000000000\t7\ttransferred\t<m@test>\text@lab.test\tprimary\text\tT\tid=1 to=X400\n"
        "21000000000\t9\tdelivered\t<m@test>\text@lab.test\tprimary\text\tT\tid=1 uid=0 "
        "validity=0\n");
    scene_close(&s);
}

static void a_hand_out_of_smtp_mail_shows_it_as_it_came(void)
{
    struct lab_outgoing o;
    struct scene s;

    abroad_open(&s, NULL, NULL);
    scene_run(&s, 10);
    CHECK(scene_send(&s, T, "joe", "ext", "m") > 0);
    scene_run(&s, 11);
    CHECK(abroad_next(&s, T, &o));
    CHECK(!o.is_report);
    CHECK_U64(o.apdu.n, 0);
    CHECK_U64(o.intended.n, 0);
    abroad_check_slice(o.from, "joe@lab.test");
    abroad_check_slice(o.to, "ext@lab.test");
    abroad_check_slice(o.subject, "about m");
    abroad_check_slice(o.content, "Message-ID: <m@test>\r\nSubject: about m\r\n\r\nHello.\r\n");
    CHECK_STR(o.mts_id, "T98040208001000000001");
    CHECK_U64(o.at_ns, SEC(10));
    scene_close(&s);
}

static void what_came_by_x400_goes_out_with_its_apdu_and_number(void)
{
    struct lab_outgoing o;
    struct scene s;

    abroad_open(&s, NULL, NULL);
    abroad_post(&s, "m", (struct letter){.to = "ext2@ours.lab.test", .number = 7});
    scene_run(&s, 1);
    CHECK(abroad_next(&s, T, &o));
    abroad_check_slice(o.apdu, ABROAD_APDU);
    CHECK_U64(o.number, 7);
    CHECK_STR(o.mts_id, "pm.abc");
    abroad_check_slice(o.to, "ext2@ours.lab.test");
    abroad_check_slice(o.from, "ext@ours.lab.test");
    scene_close(&s);
}

static void what_was_not_taken_waits_600_s_and_goes_first(void)
{
    struct lab_outgoing o, p;
    struct scene s;

    abroad_open(&s, NULL, NULL);
    CHECK(scene_send(&s, T, "joe", "ext", "old") > 0);
    scene_run(&s, 10);
    CHECK(abroad_next(&s, T, &o));
    lab_outgoing_ended(s.lab, T, o.id, false);
    abroad_check_entry(&s, T, "outgoing", 1, 610);
    CHECK_U64(lab_next_ns(s.lab), SEC(610)); /* so that the front is told */
    scene_run(&s, 600);
    CHECK(!abroad_next(&s, T, &p));
    CHECK(scene_send(&s, T, "joe", "ext", "new") > 0);
    scene_run(&s, 610);
    CHECK(abroad_next(&s, T, &p));
    abroad_check_slice(p.subject, "about old");
    CHECK(p.id != o.id);
    lab_outgoing_ended(s.lab, T, o.id, true); /* said twice: news about nothing */
    CHECK_U64(abroad_queue(&s, T).entries, 2);
    lab_outgoing_ended(s.lab, S, p.id, true); /* of another server */
    CHECK_U64(abroad_queue(&s, T).entries, 2);
    lab_outgoing_ended(s.lab, T, p.id, true);
    CHECK_U64(abroad_take_all(&s, T), 1);
    scene_end(&s);
    abroad_check_outcome(&s, "old", OUT_DLY);
    abroad_check_outcome(&s, "new", OUT_D);
    CHECK_U64(scene_tale(&s, "old", false)->returned, 1);
    CHECK_U64(scene_tale(&s, "old", false)->copies, 1);
    scene_close(&s);
}

static void several_hand_outs_end_in_any_order(void)
{
    struct lab_outgoing o[3];
    struct scene s;

    abroad_open(&s, NULL, NULL);
    CHECK(scene_send(&s, T, "joe", "ext", "a") > 0);
    CHECK(scene_send(&s, T, "joe", "ext2", "b") > 0);
    CHECK(scene_send(&s, T, "joe", "ext", "c") > 0);
    scene_run(&s, 1);
    for (int i = 0; i < 3; i++)
        CHECK(abroad_next(&s, T, &o[i]));
    abroad_check_slice(o[0].subject, "about a");
    abroad_check_slice(o[2].subject, "about c");
    lab_outgoing_ended(s.lab, T, o[1].id, false);
    lab_outgoing_ended(s.lab, T, o[2].id, true);
    lab_outgoing_ended(s.lab, T, o[0].id, true);
    CHECK_STR(abroad_queue(&s, T).state, "outgoing");
    scene_end(&s);
    abroad_check_outcome(&s, "a", OUT_D);
    abroad_check_outcome(&s, "b", OUT_STR);
    abroad_check_outcome(&s, "c", OUT_D);
    scene_close(&s);
}

static void a_restart_has_back_what_was_handed_out(void)
{
    struct lab_outgoing o, p;
    struct scene s;

    abroad_open(&s, NULL, NULL);
    CHECK(scene_send(&s, T, "joe", "ext", "m") > 0);
    scene_run(&s, 10);
    CHECK(abroad_next(&s, T, &o));
    scene_post(&s, "/v1/component", "{'server':'T','component':'mta','up':false}");
    CHECK(!abroad_next(&s, T, &p));
    scene_run(&s, 20);
    scene_post(&s, "/v1/component", "{'server':'T','component':'mta','up':true}");
    scene_run(&s, 21);
    abroad_check_entry(&s, T, "outgoing", 0, 20);
    lab_outgoing_ended(s.lab, T, o.id, true); /* the process that handed it out is no more */
    CHECK_U64(abroad_queue(&s, T).entries, 1);
    CHECK(abroad_next(&s, T, &p));
    lab_outgoing_ended(s.lab, T, o.id, true);
    CHECK_STR(abroad_queue(&s, T).state, "in-transfer");
    lab_outgoing_ended(s.lab, T, p.id, true);
    scene_end(&s);
    CHECK_U64(scene_tale(&s, "m", false)->returned, 1);
    abroad_check_outcome(&s, "m", OUT_D);
    abroad_check_line(&s,
                      "\treturned\t<m@test>\text@lab.test\tprimary\text\tT\tid=1 why=restart\n");
    scene_close(&s);
}

static void nothing_goes_out_while_p1_or_the_mta_is_down(void)
{
    struct lab_outgoing o;
    struct scene s;

    abroad_open(&s, NULL, NULL);
    CHECK(scene_send(&s, T, "joe", "ext", "m") > 0);
    scene_run(&s, 10);
    scene_post(&s, "/v1/component", "{'server':'T','component':'p1','up':false}");
    CHECK(!lab_component_up(s.lab, T, "p1"));
    CHECK(!abroad_next(&s, T, &o));
    scene_post(&s, "/v1/component", "{'server':'T','component':'p1','up':true}");
    scene_post(&s, "/v1/component", "{'server':'T','component':'mta','up':false}");
    CHECK(!abroad_next(&s, T, &o));
    scene_post(&s, "/v1/component", "{'server':'T','component':'mta','up':true}");
    scene_run(&s, 11);
    CHECK(abroad_next(&s, T, &o));
    scene_close(&s); /* with a hand-out open */
}

static void version_4_0_gives_up_on_the_connector_and_5_5_does_not(void)
{
    static const struct lab_knob knobs[] = {{"max_open_retries", "2"}, {.name = NULL}};
    static const char *const versions[] = {"4.0-sp5", "5.5-sp4"};

    for (int i = 0; i < 2; i++) {
        struct lab_outgoing o;
        struct scene s;

        abroad_open(&s, versions[i], knobs);
        CHECK(scene_send(&s, T, "joe", "ext", "m") > 0);
        for (int t = 1; t < 5000; t += 100) {
            scene_run(&s, t);
            if (abroad_next(&s, T, &o))
                lab_outgoing_ended(s.lab, T, o.id, false);
        }
        scene_end(&s);
        abroad_check_outcome(&s, "m", i == 0 ? OUT_FNDR : OUT_STR);
        CHECK_STR(scene_tale(&s, "m", false)->status, i == 0 ? "5.4.0" : "");
        CHECK_U64(scene_tale(&s, "m", false)->returned, i == 0 ? 3 : 9);
        scene_close(&s);
    }
}

static void mail_that_nobody_takes_expires(void)
{
    static const struct lab_knob knobs[] = {{"expiry_normal", "1h"}, {.name = NULL}};
    struct lab_outgoing o;
    struct scene s;

    abroad_open(&s, NULL, knobs);
    CHECK(scene_send(&s, T, "joe", "ext", "waits") > 0);
    CHECK(scene_send(&s, T, "joe", "ext2", "handed") > 0);
    scene_run(&s, 1);
    CHECK(abroad_next(&s, T, &o)); /* the first one, which expires after its hand-out */
    scene_run(&s, 3601);
    CHECK_HAS(abroad_last_item(&s, T, "joe"),
              "The maximum time for delivering the message expired");
    lab_outgoing_ended(s.lab, T, o.id, false);
    scene_run(&s, 3602);
    scene_end(&s);
    abroad_check_outcome(&s, "waits", OUT_FNDR);
    abroad_check_outcome(&s, "handed", OUT_FNDR);
    CHECK_STR(scene_tale(&s, "handed", false)->status, "4.4.7");
    scene_close(&s);
}

static void ten_thousand_that_are_not_taken_come_round_again(void)
{
    struct lab_outgoing o;
    uint32_t n = 0;
    struct scene s;

    abroad_open(&s, NULL, NULL);
    for (int i = 0; i < 10000; i++)
        CHECK(scene_send(&s, T, "joe", "ext", "m") > 0);
    scene_run(&s, 1);
    for (int round = 0; round < 3; round++) {
        for (; abroad_next(&s, T, &o); n++)
            lab_outgoing_ended(s.lab, T, o.id, false);
        scene_run(&s, 2 + 600.0 * (round + 1));
    }
    CHECK_U64(n, 30000);
    scene_close(&s);
}

/* --- who they are ------------------------------------------------------------------------------------------------ */

static void a_custom_recipient_has_no_mailbox_and_does_not_move(void)
{
    struct scene s;
    uint32_t m = 0;

    abroad_open(&s, NULL, NULL);
    for (int i = 0; i < 3; i++) {
        CHECK_I64(lab_logon(s.lab, i, slice_of("ext"), slice_of("secret"), &m), LAB_LOGON_ABSENT);
        CHECK_I64(lab_logon(s.lab, i, slice_of("ext"), slice_of("wrong"), &m), LAB_LOGON_WRONG);
    }
    CHECK_I64(scene_post_status(&s, "/v1/move", "{'mailbox':'ext','from':'S','to':'D'}"), 409);
    CHECK_I64(scene_post_status(&s, "/v1/move", "{'mailbox':'ext','to':'S'}"), 409);
    json_t *j = scene_get(&s, "/v1/home?mailbox=ext");
    json_t *d = json_array_get(json_object_get(j, "directories"), 1);

    CHECK_STR(json_string_value(json_object_get(d, "home")), "X400");
    json_decref(j);
    j = scene_get(&s, "/v1/site");
    d = json_array_get(json_object_get(j, "mailboxes"), 2);
    CHECK_STR(json_string_value(json_object_get(d, "name")), "ext");
    CHECK_STR(json_string_value(json_object_get(d, "at")), "X400");
    json_decref(j);
    scene_close(&s);
}

static void custom_recipients_go_by_name_and_mailboxes_by_address(void)
{
    struct scene s;

    abroad_open(&s, NULL, NULL);
    CHECK(lab_is_foreign(s.lab, slice_of("ext")));
    CHECK(lab_is_foreign(s.lab, slice_of("EXT@ours.lab.test")));
    CHECK(lab_is_foreign(s.lab, slice_of("ext@lab.test")));
    CHECK(!lab_is_foreign(s.lab, slice_of("R@ours.lab.test")));
    CHECK(!lab_is_foreign(s.lab, slice_of("R@lab.test")));
    CHECK(!lab_is_foreign(s.lab, slice_of("")));
    CHECK(!lab_is_local(s.lab, slice_of("ext@ours.lab.test")));
    abroad_post(&s, "found", (struct letter){.to = "ext2@anywhere.test"});
    abroad_post(&s, "stranger", (struct letter){.to = "R@ours.lab.test"});
    scene_run(&s, 1);
    CHECK_U64(abroad_take_all(&s, T), 2); /* the mail, and the report */
    scene_end(&s);
    abroad_check_outcome(&s, "found", OUT_D);
    abroad_check_outcome(&s, "stranger", OUT_FNDR);
    CHECK_STR(scene_tale(&s, "stranger", false)->status, "5.1.1");
    scene_close(&s);
}

/* A hand-out that is open for each server at most; ends of old ones are told again, as news about nothing. */
struct chaos {
    struct scene s;
    struct rng rng;
    uint64_t open[3], old[3];
};

static void chaos_hand(struct chaos *c, int server)
{
    struct lab_outgoing o;

    lab_outgoing_ended(c->s.lab, server, c->old[server], true);
    if (c->open[server]) {
        lab_outgoing_ended(c->s.lab, server, c->open[server], rng_below(&c->rng, 3) > 0);
        c->old[server] = c->open[server];
        c->open[server] = 0;
    } else if (abroad_next(&c->s, server, &o)) {
        CHECK(o.id > c->old[server]);
        c->open[server] = o.id;
    }
}

static void chaos_step(struct chaos *c, int i)
{
    static const char *const to[] = {"ext",      "ext2", "both",  "redirected",
                                     "both-ext", "R",    "nobody"};
    const int server = (int)rng_below(&c->rng, 3);
    char id[16], address[40];

    (void)snprintf(id, sizeof id, "m%d", i);
    (void)snprintf(address, sizeof address, "%s@lab.test", to[rng_below(&c->rng, 7)]);
    if (rng_below(&c->rng, 2))
        abroad_post(&c->s, id, (struct letter){.to = address, .at_s = rng_below(&c->rng, 2)});
    for (int k = 0; k < 4; k++)
        chaos_hand(c, (int)rng_below(&c->rng, 3));
    if (rng_below(&c->rng, 50) == 0) {
        scene_post(&c->s, "/v1/restart",
                   server == S   ? "{'server':'S','component':'mta'}"
                   : server == D ? "{'server':'D','component':'mta'}"
                                 : "{'server':'T','component':'mta'}");
        c->old[server] = c->open[server] ? c->open[server] : c->old[server];
        c->open[server] = 0;
    }
}

static void whatever_happens_every_copy_has_one_end(void)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct chaos c = {.rng = rng_at(seed, 0xc0, 0)};

        abroad_open(&c.s, NULL, NULL);
        for (int i = 0; i < 300; i++) {
            scene_run(&c.s, i * 0.7);
            chaos_step(&c, i);
        }
        for (int hour = 1; hour <= 3; hour++) {
            scene_run(&c.s, 3600.0 * hour);
            for (int server = 0; server < 3; server++) {
                lab_outgoing_ended(c.s.lab, server, c.open[server], false);
                c.open[server] = 0;
                (void)abroad_take_all(&c.s, server);
                CHECK(hour < 3 || abroad_queue(&c.s, server).entries == 0);
            }
        }
        scene_end(&c.s);
        CHECK(c.s.tales > 100);
        for (uint32_t i = 0; i < c.s.tales; i++) {
            const struct tale *t = &c.s.tale[i];
            bool elsewhere = t->redirected || strncmp(t->recipient, "nobody", 6) == 0;

            CHECK_U64(t->copies, elsewhere ? 0 : 1);
            CHECK_U64(t->reports_delivered, strncmp(t->recipient, "nobody", 6) == 0);
        }
        scene_close(&c.s);
    }
}

static const struct test tests[] = {
    TEST(mail_for_a_custom_recipient_waits_until_it_is_taken),
    TEST(a_hand_out_of_smtp_mail_shows_it_as_it_came),
    TEST(what_came_by_x400_goes_out_with_its_apdu_and_number),
    TEST(what_was_not_taken_waits_600_s_and_goes_first),
    TEST(several_hand_outs_end_in_any_order),
    TEST(a_restart_has_back_what_was_handed_out),
    TEST(nothing_goes_out_while_p1_or_the_mta_is_down),
    TEST(version_4_0_gives_up_on_the_connector_and_5_5_does_not),
    TEST(mail_that_nobody_takes_expires),
    TEST(ten_thousand_that_are_not_taken_come_round_again),
    TEST(a_custom_recipient_has_no_mailbox_and_does_not_move),
    TEST(custom_recipients_go_by_name_and_mailboxes_by_address),
    TEST(whatever_happens_every_copy_has_one_end),
    TEST_END,
};

const struct suite connector_suite = {"connector", tests};
