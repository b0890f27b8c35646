/* test_connector.c - mail over the X.400 connector: custom recipients as recipients, originators and alternates; hand-outs that
 * are taken, are not, or are forgotten; reports that go abroad; and what the envelope of X.400 asks for.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lab/scene.h"
#include "tests/support/check.h"
#include "tests/support/scratch.h"

#define APDU  "not an APDU, but kept as one"
#define MTS   "c=US;a= ;p=POSTMUSTER;l=pm.abc"
#define BOXES ((uint32_t)(sizeof boxes / sizeof *boxes))

/* ext, ext2, both-ext: behind the connector. */
static const struct scene_mailbox boxes[] = {{"R", S, NULL, false, 0},
                                             {"joe", T, NULL, false, 0},
                                             {"ext", LAB_FOREIGN, NULL, false, 0},
                                             {"ext2", LAB_FOREIGN, NULL, false, 0},
                                             {"both", S, "ext", true, 0},
                                             {"redirected", S, "ext", false, 0},
                                             {"both-ext", LAB_FOREIGN, "joe", true, 0},
                                             {"alt", T, NULL, false, 0},
                                             {"to-alt", S, "alt", true, 0},
                                             {"O", S, NULL, false, 400}};

static void open_with(struct scene *s, const char *version, const struct lab_knob *knobs)
{
    scene_open(s,
               &(struct scene_plan){
                   .version = version, .mailboxes = boxes, .mailbox_count = BOXES, .knobs = knobs});
}

struct letter { /* over X.400, from server T's door unless said otherwise */
    const char *from, *to, *mts_id;
    enum lab_priority priority;
    double deferred_s, latest_s;
    uint32_t number;
    bool never, success, no_reassignment, at_s;
};

static void post(struct scene *s, const char *id, struct letter x)
{
    char content[256];
    struct lab_recipient r = {.address = slice_of(x.to ? x.to : "R@lab.test"),
                              .number = x.number,
                              .never = x.never,
                              .success = x.success};
    struct err e = {0};

    (void)snprintf(content, sizeof content,
                   "Message-ID: <%s@test>\r\nSubject: about %s\r\n\r\nHi.\r\n", id, id);
    CHECK(
        lab_submit(s->lab, x.at_s ? S : T,
                   &(struct lab_submission){.from = slice_of(x.from ? x.from : "ext@ours.lab.test"),
                                            .recipients = &r,
                                            .count = 1,
                                            .content = slice_of(content),
                                            .apdu = slice_of(APDU),
                                            .mts_id = slice_of(x.mts_id ? x.mts_id : MTS),
                                            .priority = x.priority,
                                            .deferred_ns = SEC(x.deferred_s),
                                            .latest_ns = SEC(x.latest_s),
                                            .no_reassignment = x.no_reassignment},
                   &e) > 0);
}

static void check_slice(struct slice got, const char *want)
{
    CHECK_MEM(got.p, got.n, want, strlen(want));
}

static void check_outcome(const struct scene *s, const char *id, enum outcome want)
{
    CHECK_STR(outcome_name(scene_outcome(scene_tale(s, id, false))), outcome_name(want));
}

static bool next(struct scene *s, int server, struct lab_outgoing *o)
{
    *o = (struct lab_outgoing){0};
    return lab_outgoing_next(s->lab, server, o);
}

/* Takes whatever waits at a server; returns how many. */
static uint32_t take_all(struct scene *s, int server)
{
    struct lab_outgoing o;
    uint32_t n = 0;

    for (; next(s, server, &o); n++)
        lab_outgoing_ended(s->lab, server, o.id, true);
    return n;
}

struct queue { /* of one server, and its first entry */
    uint64_t in, out, entries, tries;
    int64_t next_try_ns; /* -1: null */
    char name[16], state[24];
};

static struct queue queue_at(struct scene *s, int server)
{
    json_t *all = scene_get(s, "/v1/queues");
    json_t *j = json_array_get(json_object_get(all, "servers"), (size_t)server);
    json_t *entries = json_object_get(j, "entries"), *e = json_array_get(entries, 0);
    json_t *due = json_object_get(e, "next_try_ns");
    const char *name = json_string_value(json_object_get(e, "queue"));
    const char *state = json_string_value(json_object_get(e, "state"));
    struct queue q = {.in = (uint64_t)json_integer_value(json_object_get(j, "in")),
                      .out = (uint64_t)json_integer_value(json_object_get(j, "out")),
                      .entries = json_array_size(entries),
                      .tries = (uint64_t)json_integer_value(json_object_get(e, "tries")),
                      .next_try_ns = json_is_integer(due) ? json_integer_value(due) : -1};

    (void)snprintf(q.name, sizeof q.name, "%s", name ? name : "");
    (void)snprintf(q.state, sizeof q.state, "%s", state ? state : "");
    json_decref(all);
    CHECK_U64(q.in, q.out + q.entries);
    return q;
}

static void check_entry(struct scene *s, int server, const char *state, uint64_t tries,
                        double next_try_s)
{
    struct queue q = queue_at(s, server);

    CHECK_U64(q.entries, 1);
    CHECK_STR(q.state, state);
    CHECK_U64(q.tries, tries);
    CHECK_I64(q.next_try_ns, next_try_s < 0 ? -1 : (int64_t)SEC(next_try_s));
}

/* The content of the last item of a mailbox. */
static const char *last_item(const struct scene *s, int server, const char *name)
{
    static char text[4096];
    struct lab_item item;
    uint32_t m = 0;

    while (strcmp(lab_mailbox_name(s->lab, m), name) != 0)
        m++;
    uint32_t n = lab_item_count(s->lab, server, m);

    text[0] = '\0';
    if (n > 0 && lab_item_at(s->lab, server, m, n - 1, &item))
        (void)snprintf(text, sizeof text, "%.*s", (int)item.content.n,
                       (const char *)item.content.p);
    return text;
}

/* The truth, after scene_end(), has these lines, one after the other. */
static void check_line(const struct scene *s, const char *line)
{
    char *text = scratch_read(s->truth, NULL);

    CHECK_HAS(text, line);
    free(text);
}

/* --- hand-outs --------------------------------------------------------------------------------------------------- */

static void mail_for_a_custom_recipient_waits_until_it_is_taken(void)
{
    struct lab_outgoing o;
    struct scene s;

    open_with(&s, NULL, NULL);
    scene_run(&s, 10);
    CHECK(scene_send(&s, T, "joe", "ext", "m") > 0);
    CHECK(!next(&s, T, &o)); /* not routed yet */
    scene_run(&s, 20);
    check_entry(&s, T, "outgoing", 0, 10);
    CHECK_STR(queue_at(&s, T).name, "X400");
    CHECK(!next(&s, S, &o));
    CHECK(next(&s, T, &o));
    check_entry(&s, T, "in-transfer", 0, 20);
    CHECK_STR(queue_at(&s, T).name, "X400");
    scene_run(&s, 21);
    lab_outgoing_ended(s.lab, T, o.id, true);
    CHECK_U64(queue_at(&s, T).entries, 0);
    CHECK_U64(queue_at(&s, T).out, 1);
    scene_end(&s);
    check_outcome(&s, "m", OUT_D);
    CHECK_STR(scene_tale(&s, "m", false)->mailbox, "ext");
    CHECK_U64(scene_tale(&s, "m", false)->delivered_ns, SEC(21));
    check_line(
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

    open_with(&s, NULL, NULL);
    scene_run(&s, 10);
    CHECK(scene_send(&s, T, "joe", "ext", "m") > 0);
    scene_run(&s, 11);
    CHECK(next(&s, T, &o));
    CHECK(!o.is_report);
    CHECK_U64(o.apdu.n, 0);
    CHECK_U64(o.intended.n, 0);
    check_slice(o.from, "joe@lab.test");
    check_slice(o.to, "ext@lab.test");
    check_slice(o.subject, "about m");
    check_slice(o.content, "Message-ID: <m@test>\r\nSubject: about m\r\n\r\nHello.\r\n");
    CHECK_STR(o.mts_id, "T98040208001000000001");
    CHECK_U64(o.at_ns, SEC(10));
    scene_close(&s);
}

static void what_came_by_x400_goes_out_with_its_apdu_and_number(void)
{
    struct lab_outgoing o;
    struct scene s;

    open_with(&s, NULL, NULL);
    post(&s, "m", (struct letter){.to = "ext2@ours.lab.test", .number = 7});
    scene_run(&s, 1);
    CHECK(next(&s, T, &o));
    check_slice(o.apdu, APDU);
    CHECK_U64(o.number, 7);
    CHECK_STR(o.mts_id, "pm.abc");
    check_slice(o.to, "ext2@ours.lab.test");
    check_slice(o.from, "ext@ours.lab.test");
    scene_close(&s);
}

static void what_was_not_taken_waits_600_s_and_goes_first(void)
{
    struct lab_outgoing o, p;
    struct scene s;

    open_with(&s, NULL, NULL);
    CHECK(scene_send(&s, T, "joe", "ext", "old") > 0);
    scene_run(&s, 10);
    CHECK(next(&s, T, &o));
    lab_outgoing_ended(s.lab, T, o.id, false);
    check_entry(&s, T, "outgoing", 1, 610);
    CHECK_U64(lab_next_ns(s.lab), SEC(610)); /* so that the front is told */
    scene_run(&s, 600);
    CHECK(!next(&s, T, &p));
    CHECK(scene_send(&s, T, "joe", "ext", "new") > 0);
    scene_run(&s, 610);
    CHECK(next(&s, T, &p));
    CHECK_HAS((const char *)p.subject.p, "about old");
    CHECK(p.id != o.id);
    lab_outgoing_ended(s.lab, T, o.id, true); /* said twice: news about nothing */
    CHECK_U64(queue_at(&s, T).entries, 2);
    lab_outgoing_ended(s.lab, S, p.id, true); /* of another server */
    CHECK_U64(queue_at(&s, T).entries, 2);
    lab_outgoing_ended(s.lab, T, p.id, true);
    CHECK_U64(take_all(&s, T), 1);
    scene_end(&s);
    check_outcome(&s, "old", OUT_DLY);
    check_outcome(&s, "new", OUT_D);
    CHECK_U64(scene_tale(&s, "old", false)->returned, 1);
    CHECK_U64(scene_tale(&s, "old", false)->copies, 1);
    scene_close(&s);
}

static void several_hand_outs_end_in_any_order(void)
{
    struct lab_outgoing o[3];
    struct scene s;

    open_with(&s, NULL, NULL);
    CHECK(scene_send(&s, T, "joe", "ext", "a") > 0);
    CHECK(scene_send(&s, T, "joe", "ext2", "b") > 0);
    CHECK(scene_send(&s, T, "joe", "ext", "c") > 0);
    scene_run(&s, 1);
    for (int i = 0; i < 3; i++)
        CHECK(next(&s, T, &o[i]));
    check_slice(o[0].subject, "about a");
    check_slice(o[2].subject, "about c");
    lab_outgoing_ended(s.lab, T, o[1].id, false);
    lab_outgoing_ended(s.lab, T, o[2].id, true);
    lab_outgoing_ended(s.lab, T, o[0].id, true);
    CHECK_STR(queue_at(&s, T).state, "outgoing");
    scene_end(&s);
    check_outcome(&s, "a", OUT_D);
    check_outcome(&s, "b", OUT_STR);
    check_outcome(&s, "c", OUT_D);
    scene_close(&s);
}

static void a_restart_has_back_what_was_handed_out(void)
{
    struct lab_outgoing o, p;
    struct scene s;

    open_with(&s, NULL, NULL);
    CHECK(scene_send(&s, T, "joe", "ext", "m") > 0);
    scene_run(&s, 10);
    CHECK(next(&s, T, &o));
    scene_post(&s, "/v1/component", "{'server':'T','component':'mta','up':false}");
    CHECK(!next(&s, T, &p));
    scene_run(&s, 20);
    scene_post(&s, "/v1/component", "{'server':'T','component':'mta','up':true}");
    scene_run(&s, 21);
    check_entry(&s, T, "outgoing", 0, 20);
    lab_outgoing_ended(s.lab, T, o.id, true); /* the process that handed it out is no more */
    CHECK_U64(queue_at(&s, T).entries, 1);
    CHECK(next(&s, T, &p));
    lab_outgoing_ended(s.lab, T, o.id, true);
    CHECK_STR(queue_at(&s, T).state, "in-transfer");
    lab_outgoing_ended(s.lab, T, p.id, true);
    scene_end(&s);
    CHECK_U64(scene_tale(&s, "m", false)->returned, 1);
    check_outcome(&s, "m", OUT_D);
    check_line(&s, "\treturned\t<m@test>\text@lab.test\tprimary\text\tT\tid=1 why=restart\n");
    scene_close(&s);
}

static void nothing_goes_out_while_p1_or_the_mta_is_down(void)
{
    struct lab_outgoing o;
    struct scene s;

    open_with(&s, NULL, NULL);
    CHECK(scene_send(&s, T, "joe", "ext", "m") > 0);
    scene_run(&s, 10);
    scene_post(&s, "/v1/component", "{'server':'T','component':'p1','up':false}");
    CHECK(!lab_component_up(s.lab, T, "p1"));
    CHECK(!next(&s, T, &o));
    scene_post(&s, "/v1/component", "{'server':'T','component':'p1','up':true}");
    scene_post(&s, "/v1/component", "{'server':'T','component':'mta','up':false}");
    CHECK(!next(&s, T, &o));
    scene_post(&s, "/v1/component", "{'server':'T','component':'mta','up':true}");
    scene_run(&s, 11);
    CHECK(next(&s, T, &o));
    scene_close(&s); /* with a hand-out open */
}

static void version_4_0_gives_up_on_the_connector_and_5_5_does_not(void)
{
    static const struct lab_knob knobs[] = {{"max_open_retries", "2"}, {.name = NULL}};
    static const char *const versions[] = {"4.0-sp5", "5.5-sp4"};

    for (int i = 0; i < 2; i++) {
        struct lab_outgoing o;
        struct scene s;

        open_with(&s, versions[i], knobs);
        CHECK(scene_send(&s, T, "joe", "ext", "m") > 0);
        for (int t = 1; t < 5000; t += 100) {
            scene_run(&s, t);
            if (next(&s, T, &o))
                lab_outgoing_ended(s.lab, T, o.id, false);
        }
        scene_end(&s);
        check_outcome(&s, "m", i == 0 ? OUT_FNDR : OUT_STR);
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

    open_with(&s, NULL, knobs);
    CHECK(scene_send(&s, T, "joe", "ext", "waits") > 0);
    CHECK(scene_send(&s, T, "joe", "ext2", "handed") > 0);
    scene_run(&s, 1);
    CHECK(next(&s, T, &o)); /* the first one, which expires after its hand-out */
    scene_run(&s, 3601);
    CHECK_HAS(last_item(&s, T, "joe"), "The maximum time for delivering the message expired");
    lab_outgoing_ended(s.lab, T, o.id, false);
    scene_run(&s, 3602);
    scene_end(&s);
    check_outcome(&s, "waits", OUT_FNDR);
    check_outcome(&s, "handed", OUT_FNDR);
    CHECK_STR(scene_tale(&s, "handed", false)->status, "4.4.7");
    scene_close(&s);
}

static void ten_thousand_that_are_not_taken_come_round_again(void)
{
    struct lab_outgoing o;
    uint32_t n = 0;
    struct scene s;

    open_with(&s, NULL, NULL);
    for (int i = 0; i < 10000; i++)
        CHECK(scene_send(&s, T, "joe", "ext", "m") > 0);
    scene_run(&s, 1);
    for (int round = 0; round < 3; round++) {
        for (; next(&s, T, &o); n++)
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

    open_with(&s, NULL, NULL);
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

    open_with(&s, NULL, NULL);
    CHECK(lab_is_foreign(s.lab, slice_of("ext")));
    CHECK(lab_is_foreign(s.lab, slice_of("EXT@ours.lab.test")));
    CHECK(lab_is_foreign(s.lab, slice_of("ext@lab.test")));
    CHECK(!lab_is_foreign(s.lab, slice_of("R@ours.lab.test")));
    CHECK(!lab_is_foreign(s.lab, slice_of("R@lab.test")));
    CHECK(!lab_is_foreign(s.lab, slice_of("")));
    CHECK(!lab_is_local(s.lab, slice_of("ext@ours.lab.test")));
    post(&s, "found", (struct letter){.to = "ext2@anywhere.test"});
    post(&s, "stranger", (struct letter){.to = "R@ours.lab.test"});
    scene_run(&s, 1);
    CHECK_U64(take_all(&s, T), 2); /* the mail, and the report */
    scene_end(&s);
    check_outcome(&s, "found", OUT_D);
    check_outcome(&s, "stranger", OUT_FNDR);
    CHECK_STR(scene_tale(&s, "stranger", false)->status, "5.1.1");
    scene_close(&s);
}

/* --- reports ----------------------------------------------------------------------------------------------------- */

static void a_failure_is_reported_to_an_originator_abroad(void)
{
    struct lab_outgoing o;
    struct scene s;

    open_with(&s, NULL, NULL);
    scene_run(&s, 10);
    post(&s, "m", (struct letter){.to = "nobody@lab.test", .number = 3});
    scene_run(&s, 20);
    CHECK(next(&s, T, &o));
    CHECK(o.is_report);
    CHECK(!o.delivered);
    CHECK_I64(o.reason, 1);
    CHECK_I64(o.diag, 0);
    CHECK_U64(o.number, 3);
    check_slice(o.apdu, APDU);
    check_slice(o.from, "ext@ours.lab.test");
    check_slice(o.to, "nobody@lab.test");
    CHECK_U64(o.intended.n, 0);
    CHECK_STR(o.mts_id, "T-980402080010Z-2");
    CHECK_U64(o.at_ns, SEC(10));
    check_slice(o.subject, "about m");
    lab_outgoing_ended(s.lab, T, o.id, true);
    scene_end(&s);
    check_outcome(&s, "m", OUT_FNDR);
    check_line(&s, "20000000000\t8\treport-transferred\t<m@test>\tnobody@lab."
                   "test\tprimary\text\tT\tid=1 to=X400\n"
                   "20000000000\t10\treport-delivered\t<m@test>\tnobody@lab."
                   "test\tprimary\text\tT\tid=1 uid=0 validity=0\n");
    scene_close(&s);
}

static void a_report_made_elsewhere_leaves_from_there(void)
{
    struct lab_outgoing o;
    struct scene s;

    open_with(&s, "5.5-rtm", NULL);
    scene_post(&s, "/v1/component", "{'server':'S','component':'store','up':false}");
    post(&s, "m", (struct letter){0});
    scene_run(&s, 1);
    CHECK(!next(&s, T, &o));
    CHECK(next(&s, S, &o));
    CHECK_I64(o.reason, 0);
    CHECK_I64(o.diag, 255);
    check_slice(o.to, "R@lab.test");
    CHECK_HAS(o.mts_id, "S-980402080000Z-");
    scene_close(&s);
}

static void a_delivery_is_reported_where_that_was_asked_for(void)
{
    struct lab_outgoing o;
    struct scene s;

    open_with(&s, NULL, NULL);
    post(&s, "asked", (struct letter){.success = true});
    post(&s, "not", (struct letter){0});
    scene_run(&s, 1);
    CHECK(next(&s, S, &o));
    CHECK(o.is_report);
    CHECK(o.delivered);
    check_slice(o.to, "R@lab.test");
    check_slice(o.from, "ext@ours.lab.test");
    lab_outgoing_ended(s.lab, S, o.id, true);
    CHECK(!next(&s, S, &o));
    scene_end(&s);
    check_outcome(&s, "asked", OUT_D);
    check_outcome(&s, "not", OUT_D);
    CHECK_U64(scene_tale(&s, "asked", false)->success_reports, 1);
    scene_close(&s);
}

static void who_asked_for_no_report_gets_none(void)
{
    struct scene s;

    open_with(&s, NULL, NULL);
    post(&s, "m", (struct letter){.to = "nobody@lab.test", .never = true});
    scene_run(&s, 1);
    CHECK_U64(take_all(&s, T), 0);
    scene_end(&s);
    CHECK(scene_tale(&s, "m", false)->suppressed);
    scene_close(&s);
}

static void a_report_that_is_not_taken_waits_as_mail_does(void)
{
    struct lab_outgoing o;
    struct scene s;

    open_with(&s, NULL, NULL);
    post(&s, "m", (struct letter){.to = "nobody@lab.test"});
    scene_run(&s, 10);
    CHECK(next(&s, T, &o));
    lab_outgoing_ended(s.lab, T, o.id, false);
    check_entry(&s, T, "outgoing", 1, 610);
    scene_run(&s, 610);
    CHECK(next(&s, T, &o));
    CHECK(o.is_report);
    lab_outgoing_ended(s.lab, T, o.id, true);
    scene_end(&s);
    CHECK_U64(scene_tale(&s, "m", false)->reports_delivered, 1);
    check_line(&s, "\treport-returned\t<m@test>\t");
    scene_close(&s);
}

static void an_originator_abroad_is_never_unreachable(void)
{
    struct scene s;

    open_with(&s, NULL, NULL);
    scene_move(&s, "O", "S", "D");
    scene_run(&s, 10);
    post(&s, "moving",
         (struct letter){.from = "O@lab.test", .to = "nobody@lab.test", .at_s = true});
    post(&s, "abroad", (struct letter){.to = "nobody@lab.test", .at_s = true});
    scene_run(&s, 11);
    CHECK_U64(take_all(&s, S), 1);
    scene_end(&s);
    check_outcome(&s, "moving", OUT_STR);
    CHECK_STR(scene_tale(&s, "moving", false)->state, "await-report");
    check_outcome(&s, "abroad", OUT_FNDR);
    scene_close(&s);
}

static void a_report_in_text_names_the_identifier_as_it_came(void)
{
    struct scene s;

    open_with(&s, NULL, NULL);
    post(&s, "m", (struct letter){.from = "joe@lab.test", .to = "nobody@lab.test"});
    scene_run(&s, 1);
    CHECK_HAS(last_item(&s, T, "joe"), "\r\n  The MTS-ID of the original message is: " MTS "\r\n");
    post(&s, "n",
         (struct letter){
             .from = "joe@lab.test", .to = "nobody@lab.test", .mts_id = "c=US;l=a\r\nEvil: 1\xff"});
    scene_run(&s, 2);
    CHECK_HAS(last_item(&s, T, "joe"), "is: c=US;l=a??Evil: 1?\r\n");
    CHECK(scene_send(&s, T, "joe", "nobody", "smtp") > 0);
    scene_run(&s, 3);
    CHECK_HAS(last_item(&s, T, "joe"), "is: c=US;a= ;p=LAB;l=T98040208000200000005\r\n");
    json_t *track = scene_get(&s, "/v1/track");
    json_t *line = json_array_get(json_object_get(track, "lines"), 0);

    CHECK_HAS(json_string_value(json_object_get(line, "line")), MTS "\t0\t");
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
                                                  .apdu = slice_of(APDU)},
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

    open_with(&s, NULL, NULL);
    CHECK(scene_send(&s, T, "joe", "both", "m") > 0);
    CHECK(scene_send(&s, T, "joe", "redirected", "n") > 0);
    scene_run(&s, 1);
    CHECK(next(&s, S, &o));
    check_slice(o.to, "ext@ours.lab.test");
    check_slice(o.intended, "both@lab.test");
    lab_outgoing_ended(s.lab, S, o.id, true);
    CHECK(next(&s, S, &o));
    check_slice(o.to, "ext@ours.lab.test");
    check_slice(o.intended, "redirected@lab.test");
    lab_outgoing_ended(s.lab, S, o.id, true);
    scene_end(&s);
    check_outcome(&s, "m", OUT_D);
    check_outcome(&s, "n", OUT_REDIRECTED);
    CHECK_STR(scene_tale(&s, "m", false)->server, "S");
    CHECK_STR(scene_tale(&s, "m", true)->mailbox, "ext");
    CHECK_U64(scene_tale(&s, "m", true)->copies, 1);
    CHECK_U64(scene_tale(&s, "n", true)->copies, 1);
    scene_close(&s);
}

static void a_custom_recipient_may_have_an_alternate(void)
{
    struct scene s;

    open_with(&s, NULL, NULL);
    post(&s, "m", (struct letter){.to = "both-ext@ours.lab.test", .at_s = true});
    scene_run(&s, 1);
    CHECK_U64(take_all(&s, S), 1);
    scene_end(&s);
    check_outcome(&s, "m", OUT_D);
    CHECK_STR(scene_tale(&s, "m", false)->mailbox, "both-ext");
    CHECK_STR(scene_tale(&s, "m", true)->mailbox, "joe");
    scene_close(&s);
}

static void an_alternate_may_be_set_to_abroad_while_it_runs(void)
{
    struct scene s;

    open_with(&s, NULL, NULL);
    scene_post(&s, "/v1/alternate", "{'mailbox':'R','alternate':'ext','both':false}");
    scene_post(&s, "/v1/alternate",
               "{'mailbox':'ext2','alternate':'alt','both':false,'everywhere':false}");
    CHECK(scene_send(&s, T, "joe", "R", "m") > 0);
    scene_run(&s, 500); /* known to all by now */
    CHECK(scene_send(&s, T, "joe", "ext2", "n") > 0);
    scene_run(&s, 501);
    CHECK_U64(take_all(&s, S), 1);
    scene_end(&s);
    CHECK_STR(scene_tale(&s, "m", true)->mailbox, "ext");
    check_outcome(&s, "n", OUT_REDIRECTED);
    CHECK_STR(scene_tale(&s, "n", true)->mailbox, "alt");
    scene_close(&s);
}

static void reassignment_that_is_prohibited_is_reported_with_both_names(void)
{
    static const char *const versions[] = {"5.5-rtm", "5.5-sp3"}; /* Q181579 */

    for (int i = 0; i < 2; i++) {
        struct lab_outgoing o;
        struct scene s;

        open_with(&s, versions[i], NULL);
        post(&s, "m", (struct letter){.to = "to-alt@lab.test", .no_reassignment = true});
        scene_run(&s, 1);
        CHECK(next(&s, S, &o));
        CHECK(o.is_report);
        CHECK_I64(o.reason, 1);
        CHECK_I64(o.diag, 26);
        check_slice(o.to, "alt@lab.test");
        check_slice(o.intended, "to-alt@lab.test");
        lab_outgoing_ended(s.lab, S, o.id, true);
        CHECK_U64(take_all(&s, S), i == 0 ? 1 : 0);
        scene_end(&s);
        check_outcome(&s, "m", i == 0 ? OUT_FNDR : OUT_D);
        CHECK(!scene_tale(&s, "m", true)->exists);
        CHECK_U64(scene_tale(&s, "m", true)->reports, 1);
        scene_close(&s);
    }
}

static void reassignment_is_allowed_unless_it_is_prohibited(void)
{
    struct scene s;

    open_with(&s, NULL, NULL);
    post(&s, "m", (struct letter){.to = "to-alt@lab.test"});
    scene_run(&s, 1);
    CHECK_U64(take_all(&s, S), 0);
    scene_end(&s);
    CHECK_STR(scene_tale(&s, "m", true)->mailbox, "alt");
    check_outcome(&s, "m", OUT_D);
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
        const char *id;
        enum lab_priority priority;
    } rows[] = {{"urgent", LAB_URGENT}, {"normal", LAB_NORMAL}, {"slow", LAB_NON_URGENT}};
    struct scene s;

    open_with(&s, NULL, knobs);
    scene_post(&s, "/v1/component", "{'server':'S','component':'mta','up':false}");
    for (int i = 0; i < 3; i++)
        post(&s, rows[i].id, (struct letter){.priority = rows[i].priority});
    for (int i = 1; i <= 3; i++) {
        struct lab_outgoing o;

        scene_run(&s, 600 * i - 1);
        CHECK(!next(&s, T, &o));
        scene_run(&s, 600 * i);
        CHECK(next(&s, T, &o));
        CHECK_I64(o.diag, 5);
        CHECK_HAS((const char *)o.subject.p, rows[i - 1].id);
        lab_outgoing_ended(s.lab, T, o.id, true);
    }
    scene_close(&s);
}

static void deferred_delivery_waits_for_its_time(void)
{
    static const struct lab_knob knobs[] = {{"expiry_normal", "10m"}, {.name = NULL}};
    struct scene s;

    open_with(&s, NULL, knobs);
    post(&s, "m", (struct letter){.deferred_s = 3600}); /* lives from then on (Q214682) */
    scene_run(&s, 10);
    check_entry(&s, T, "deferred-delivery", 0, 3600);
    scene_post(&s, "/v1/restart", "{'server':'T','component':'mta'}");
    scene_run(&s, 3599);
    check_entry(&s, T, "deferred-delivery", 0, 3600);
    scene_run(&s, 3601);
    scene_end(&s);
    CHECK_U64(scene_tale(&s, "m", false)->delivered_ns, SEC(3600.2));
    check_line(&s, "3600000000000\t-\treleased\t<m@test>\tR@lab.test\tprimary\tR\tT\tid=1 "
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

        open_with(&s, versions[v], knobs);
        for (int i = 0; i < 60; i++) {
            char id[16];

            (void)snprintf(id, sizeof id, "m%d", i);
            post(&s, id, (struct letter){.deferred_s = 100});
        }
        scene_run(&s, 1000);
        kept = (uint32_t)queue_at(&s, T).entries;
        if (kept > 0)
            CHECK_I64(queue_at(&s, T).next_try_ns, -1);
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

    open_with(&s, "5.5-sp3", NULL);
    for (int i = 0; i < 20; i++)
        post(&s, "m", (struct letter){.deferred_s = 100});
    scene_run(&s, 99);
    CHECK_U64(queue_at(&s, T).entries, 20);
    scene_run(&s, 101);
    CHECK_U64(queue_at(&s, T).entries, 0);
    scene_close(&s);
}

static void latest_delivery_that_is_past_fails(void)
{
    struct lab_outgoing o;
    struct scene s;

    open_with(&s, NULL, NULL);
    scene_run(&s, 50);
    post(&s, "in-time", (struct letter){.latest_s = 51});
    post(&s, "past", (struct letter){.latest_s = 40});
    post(&s, "deferred", (struct letter){.latest_s = 100, .deferred_s = 200});
    scene_run(&s, 50.1);
    CHECK(next(&s, T, &o));
    CHECK_I64(o.reason, 1);
    CHECK_I64(o.diag, 5);
    check_slice(o.subject, "about past");
    lab_outgoing_ended(s.lab, T, o.id, true);
    scene_run(&s, 99);
    CHECK(!next(&s, T, &o));
    scene_run(&s, 100);
    CHECK_U64(take_all(&s, T), 1);
    scene_end(&s);
    check_outcome(&s, "in-time", OUT_D);
    check_outcome(&s, "past", OUT_FNDR);
    check_outcome(&s, "deferred", OUT_FNDR);
    CHECK_STR(scene_tale(&s, "deferred", false)->status, "4.4.7");
    scene_close(&s);
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
    TEST(a_failure_is_reported_to_an_originator_abroad),
    TEST(a_report_made_elsewhere_leaves_from_there),
    TEST(a_delivery_is_reported_where_that_was_asked_for),
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

const struct suite connector_suite = {"connector", tests};
