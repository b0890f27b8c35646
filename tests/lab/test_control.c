/* test_control.c - the control API: what it answers, and how it refuses. */
#include <stdio.h>
#include <string.h>

#include "tests/lab/scene.h"
#include "tests/support/check.h"

static const struct scene_mailbox boxes[] = {
    {"R", S, NULL, false, 89.5}, {"joe", T, NULL, false, 0}, {"alt", T, NULL, false, 0}};

static void open_site(struct scene *s)
{
    scene_open(s, &(struct scene_plan){.mailboxes = boxes, .mailbox_count = 3});
}

static void check_refusal(struct scene *s, const char *method, const char *path, const char *body,
                          int want, const char *part)
{
    char text[256];
    int status = 0;

    (void)snprintf(text, sizeof text, "%s", body ? body : "");
    for (char *p = text; *p; p++)
        if (*p == '\'')
            *p = '"';
    json_t *j = body ? json_loads(text, JSON_DECODE_ANY, NULL) : NULL;
    json_t *answer = lab_control(s->lab, method, path, j, &status);

    CHECK_I64(status, want);
    CHECK_HAS(json_string_value(json_object_get(answer, "error")), part);
    json_decref(answer);
    json_decref(j);
}

static void what_is_unknown_is_404(void)
{
    struct scene s;

    open_site(&s);
    check_refusal(&s, "GET", "/v2/moves", NULL, 404, "/v2/moves is not known");
    check_refusal(&s, "DELETE", "/v1/moves", NULL, 404, "with this method");
    check_refusal(&s, "GET", "/v1/move?id=7", NULL, 404, "there is no move 7");
    scene_close(&s);
}

static void bad_input_is_400_and_says_what(void)
{
    struct scene s;

    open_site(&s);
    check_refusal(&s, "POST", "/v1/move", NULL, 400, "takes a JSON object");
    check_refusal(&s, "POST", "/v1/move", "[1]", 400, "takes a JSON object");
    check_refusal(&s, "POST", "/v1/move", "{'mailbox':'R'}", 400, "to");
    check_refusal(&s, "POST", "/v1/move", "{'mailbox':'R','from':'S','to':'X'}", 400,
                  "no server 'X'");
    check_refusal(&s, "POST", "/v1/move", "{'mailbox':'X','from':'S','to':'D'}", 400,
                  "no mailbox 'X'");
    check_refusal(&s, "POST", "/v1/move", "{'mailbox':'R','from':'S','to':'S'}", 400,
                  "same server");
    check_refusal(&s, "POST", "/v1/move", "{'mailbox':'R','to':'D','speed':3}", 400, "speed");
    check_refusal(&s, "POST", "/v1/move", "{'mailbox':'R','to':'D','fail':'fire'}", 400,
                  "not a failure");
    check_refusal(&s, "GET", "/v1/move", NULL, 400, "?id=NUMBER");
    check_refusal(&s, "GET", "/v1/home", NULL, 400, "?mailbox=NAME");
    check_refusal(&s, "POST", "/v1/knob", "{'name':'hop','value':'1s'}", 400, "no knob");
    check_refusal(&s, "POST", "/v1/knob", "{'name':'max_hops','value':'many'}", 400, "max_hops");
    check_refusal(&s, "POST", "/v1/restart", "{'server':'S','component':'fan'}", 400,
                  "cannot be restarted");
    check_refusal(&s, "POST", "/v1/component", "{'server':'S','component':'fan','up':true}", 400,
                  "not a component");
    check_refusal(&s, "POST", "/v1/alternate", "{'mailbox':'R','alternate':'R'}", 400,
                  "its own alternate");
    check_refusal(&s, "POST", "/v1/alternate", "{'mailbox':'R','alternate':3}", 400, "alternate");
    check_refusal(&s, "GET", "/v1/track?since=now", NULL, 400, "time in ns");
    scene_close(&s);
}

static void a_mailbox_moves_once_at_a_time(void)
{
    struct scene s;

    open_site(&s);
    scene_move(&s, "R", "S", "D");
    check_refusal(&s, "POST", "/v1/move", "{'mailbox':'R','from':'S','to':'T'}", 409,
                  "move 1 of this mailbox is not over");
    scene_close(&s);
}

static void a_move_finds_its_source_by_itself(void)
{
    struct scene s;

    open_site(&s);
    scene_post(&s, "/v1/move", "{'mailbox':'r','to':'D'}");
    json_t *j = scene_get(&s, "/v1/moves");
    json_t *m = json_array_get(json_object_get(j, "moves"), 0);

    CHECK_STR(json_string_value(json_object_get(m, "from")), "S");
    CHECK_STR(json_string_value(json_object_get(m, "mailbox")), "R");
    CHECK(json_is_null(json_object_get(m, "flip_ns")));
    json_decref(j);
    scene_close(&s);
}

/* "S:S/1 D:D/2 T:-" */
static const char *homes(struct scene *s)
{
    static char text[128];
    json_t *j = scene_get(s, "/v1/home?mailbox=%52"), *d;
    size_t i, n = 0;

    json_array_foreach(json_object_get(j, "directories"), i, d)
    {
        const char *home = json_string_value(json_object_get(d, "home"));
        json_t *version = json_object_get(d, "version");

        n += (size_t)snprintf(text + n, sizeof text - n, "%s%s:%s/%d", i ? " " : "",
                              json_string_value(json_object_get(d, "server")), home ? home : "-",
                              (int)json_integer_value(version));
    }
    json_decref(j);
    return text;
}

static void home_is_what_each_directory_says(void)
{
    struct scene s;

    open_site(&s);
    CHECK_STR(homes(&s), "S:S/1 D:S/1 T:S/1");
    scene_move(&s, "R", "S", "D");
    scene_run(&s, 100);
    CHECK_STR(homes(&s), "S:D/2 D:D/2 T:S/1");
    scene_post(&s, "/v1/component", "{'server':'D','component':'directory','up':false}");
    CHECK_STR(homes(&s), "S:D/2 D:-/0 T:S/1");
    check_refusal(&s, "POST", "/v1/directory/update-now", "{'server':'D'}", 409, "is down");
    scene_post(&s, "/v1/directory/update-now", "{'server':'T'}");
    CHECK_STR(homes(&s), "S:D/2 D:-/0 T:D/2");
    scene_close(&s);
}

static void cache_latency_takes_effect_at_the_next_mta_restart(void)
{
    struct scene s;

    open_site(&s);
    CHECK(scene_send(&s, T, "joe", "R", "a") > 0);
    scene_run(&s, 1);
    scene_post(&s, "/v1/knob", "{'name':'ds_read_cache_latency','value':'0s'}");
    scene_move(&s, "R", "S", "D");
    scene_run(&s, 70);
    CHECK(scene_send(&s, T, "joe", "R", "b") > 0);
    scene_run(&s, 93);
    CHECK(scene_send(&s, T, "joe", "R", "c") > 0); /* S read the old home at 70.2 and trusts it */
    scene_run(&s, 94);
    scene_post(&s, "/v1/restart", "{'server':'S','component':'mta'}");
    CHECK(scene_send(&s, T, "joe", "R", "d") > 0);
    scene_run(&s, 95);
    scene_end(&s);
    CHECK_STR(outcome_name(scene_outcome(scene_tale(&s, "b", false))), "FNDR");
    CHECK_STR(outcome_name(scene_outcome(scene_tale(&s, "c", false))), "FNDR");
    CHECK_STR(outcome_name(scene_outcome(scene_tale(&s, "d", false))), "D");
    scene_close(&s);
}

static void components_go_down_and_come_up(void)
{
    static const char *const names[] = {"directory", "mta", "store", "smtp", "imap", "http", "p1"};
    struct scene s;

    open_site(&s);
    for (int i = 0; i < 7; i++) {
        char body[100];

        CHECK(lab_component_up(s.lab, D, names[i]));
        (void)snprintf(body, sizeof body, "{'server':'D','component':'%s','up':false}", names[i]);
        scene_post(&s, "/v1/component", body);
        CHECK(!lab_component_up(s.lab, D, names[i]));
        CHECK(lab_component_up(s.lab, S, names[i]));
        (void)snprintf(body, sizeof body, "{'server':'D','component':'%s','up':true}", names[i]);
        scene_post(&s, "/v1/component", body);
        CHECK(lab_component_up(s.lab, D, names[i]));
    }
    CHECK(!lab_component_up(s.lab, D, "fan"));
    scene_close(&s);
}

static void a_deferred_copy_has_no_next_try(void)
{
    struct scene s;

    open_site(&s);
    scene_move(&s, "R", "S", "D");
    scene_run(&s, 10);
    CHECK(scene_send(&s, T, "joe", "R", "m") > 0);
    scene_run(&s, 12);
    json_t *q = scene_get(&s, "/v1/queues");
    json_t *server = json_array_get(json_object_get(q, "servers"), S);
    json_t *e = json_array_get(json_object_get(server, "entries"), 0);

    CHECK(json_is_true(json_object_get(server, "up")));
    CHECK_STR(json_string_value(json_object_get(e, "queue")), "PRIV");
    CHECK_STR(json_string_value(json_object_get(e, "state")), "deferred");
    CHECK_STR(json_string_value(json_object_get(e, "message_id")), "<m@test>");
    CHECK_STR(json_string_value(json_object_get(e, "sender")), "joe@lab.test");
    CHECK_STR(json_string_value(json_object_get(e, "recipient")), "R@lab.test");
    CHECK_STR(json_string_value(json_object_get(e, "role")), "primary");
    CHECK(json_is_null(json_object_get(e, "next_try_ns")));
    CHECK_U64((uint64_t)json_integer_value(json_object_get(e, "age_ns")), SEC(2));
    json_decref(q);
    scene_close(&s);
}

static void tracking_lines_have_fifteen_fields(void)
{
    struct scene s;

    open_site(&s);
    CHECK(scene_send(&s, T, "joe", "R", "a") > 0);
    scene_run(&s, 10);
    CHECK(scene_send(&s, T, "joe", "R", "b") > 0);
    scene_run(&s, 11);
    json_t *all = scene_get(&s, "/v1/track"), *late = scene_get(&s, "/v1/track?since=10000000000");
    json_t *lines = json_object_get(late, "lines");
    const char *text = json_string_value(json_object_get(json_array_get(lines, 2), "line"));
    int tabs = 0;

    CHECK_U64(json_array_size(json_object_get(all, "lines")), 6);
    CHECK_U64(json_array_size(lines), 3);
    CHECK_HAS(text, "c=US;a= ;p=LAB;l=T980402080010");
    CHECK_HAS(text, "\t9\t");
    CHECK_HAS(text, "\tjoe@lab.test\t0\t");
    for (const char *p = text; p && *p; p++)
        tabs += *p == '\t';
    CHECK_I64(tabs, 14);
    json_decref(all);
    json_decref(late);
    scene_close(&s);
}

static void the_site_describes_itself(void)
{
    struct scene s;

    open_site(&s);
    scene_post(&s, "/v1/alternate", "{'mailbox':'R','alternate':'alt','both':true}");
    json_t *j = scene_get(&s, "/v1/site");
    json_t *r = json_array_get(json_object_get(j, "mailboxes"), 0);

    CHECK_STR(json_string_value(json_object_get(j, "version")), "5.5-sp3");
    CHECK_U64(json_array_size(json_object_get(j, "servers")), 3);
    CHECK_U64(json_array_size(json_object_get(j, "mailboxes")), 3);
    CHECK_STR(json_string_value(json_object_get(r, "at")), "S");
    CHECK_STR(json_string_value(json_object_get(r, "alternate")), "alt");
    CHECK(json_is_true(json_object_get(r, "both")));
    json_decref(j);
    j = scene_get(&s, "/v1/knobs");
    CHECK(json_array_size(json_object_get(j, "knobs")) > 30);
    json_decref(j);
    scene_close(&s);
}

static void hostile_ids_do_not_break_the_answer_or_the_truth(void)
{
    static const char content[] = "Message-ID: <a\tb\x80\"\x01>\r\nSubject: \xff\r\n\r\n";
    struct lab_recipient r = {.address = slice_of("R@lab.test")};
    struct scene s;

    open_site(&s);
    CHECK(lab_submit(s.lab, T,
                     &(struct lab_submission){.from = slice_of("j\"\xfe@lab.test"),
                                              .recipients = &r,
                                              .count = 1,
                                              .content = slice_of(content)},
                     NULL) > 0);
    json_t *q = scene_get(&s, "/v1/queues");
    char *text = json_dumps(q, JSON_ENSURE_ASCII);

    CHECK_HAS(text, "<a?b?\\\"?>");
    free(text);
    json_decref(q);
    scene_run(&s, 5);
    scene_end(&s); /* checks that every line has its nine fields */
    CHECK(s.tales == 1);
    scene_close(&s);
}

static void a_site_that_makes_no_sense_is_refused(void)
{
    static const char *const names[] = {"a", "a"};
    const struct lab_mailbox_config twice[] = {{.name = "x", .password = ""},
                                               {.name = "X", .password = ""}};
    const struct lab_mailbox_config lost[] = {{.name = "x", .password = "", .alternate = "y"}};
    const struct lab_knob bad = {"max_hops", "-1"};
    struct lab_config c = {.version = "5.5-sp3",
                           .domain = "lab.test",
                           .site = "s",
                           .server_names = names,
                           .servers = 2};
    struct err e = {0};

    CHECK(!lab_create(&c, &e));
    CHECK_HAS(e.text, "two servers are called 'a'");
    c.servers = 1;
    c.mailboxes = twice;
    c.mailbox_count = 2;
    CHECK(!lab_create(&c, &e));
    CHECK_HAS(e.text, "two mailboxes are called 'X'");
    c.mailboxes = lost;
    c.mailbox_count = 1;
    CHECK(!lab_create(&c, &e));
    CHECK_HAS(e.text, "'y' cannot be its alternate");
    c.mailbox_count = 0;
    c.version = "5.6";
    CHECK(!lab_create(&c, &e));
    CHECK_HAS(e.text, "no version '5.6'");
    c.version = "modern";
    c.knobs = &bad;
    c.knob_count = 1;
    CHECK(!lab_create(&c, &e));
    CHECK_HAS(e.text, "max_hops");
    c.knob_count = 0;
    c.truth_path = "/nonexistent/truth";
    CHECK(!lab_create(&c, &e));
    CHECK_I64(e.code, 74);
}

static const struct test tests[] = {
    TEST(what_is_unknown_is_404),
    TEST(bad_input_is_400_and_says_what),
    TEST(a_mailbox_moves_once_at_a_time),
    TEST(a_move_finds_its_source_by_itself),
    TEST(home_is_what_each_directory_says),
    TEST(cache_latency_takes_effect_at_the_next_mta_restart),
    TEST(components_go_down_and_come_up),
    TEST(a_deferred_copy_has_no_next_try),
    TEST(tracking_lines_have_fifteen_fields),
    TEST(the_site_describes_itself),
    TEST(hostile_ids_do_not_break_the_answer_or_the_truth),
    TEST(a_site_that_makes_no_sense_is_refused),
    TEST_END,
};

const struct suite control_suite = {"control", tests};
