/* test_action.c - changes of the site: what is asked of the control API, what is journalled, what failed. */
#include <string.h>

#include "loadgen/action.h"
#include "tests/loadgen/moves_rig.h"
#include "tests/support/check.h"

#define S(n) ((n)*NS_PER_S)

static const char *refuse_what; /* a part of the body that is answered with 400 */

static int answer(struct fake_http *f, const char *method, const char *url, const char *body,
                  struct buf *out)
{
    (void)f;
    (void)method;
    (void)url;
    if (!refuse_what || !strstr(body, refuse_what))
        return 200;
    PM_ASSERT(buf_add_text(out, "{\"error\":\"no such\\nthing\"}"));
    return 400;
}

static void begin(struct rig *r, struct action_profile action)
{
    rig_init(r, "action");
    refuse_what = NULL;
    r->run->http.answer = answer;
    r->run->actions[0] = action;
    r->run->profile.action_count = 1;
}

static void alternates_are_set_per_mailbox_and_journalled_when_answered(void)
{
    struct rig r;

    begin(&r, (struct action_profile){.name = "set",
                                      .kind = ACT_ALTERNATE,
                                      .at_ns = S(2),
                                      .group = 0,
                                      .alternate = 1,
                                      .both = true,
                                      .server = SITE_NONE});
    CHECK_STR(rig_run(&r, 5000), "2010 over\n");
    CHECK_STR(fake_http_log(&r.run->http),
              "POST http://s1/v1/alternate "
              "{\"mailbox\":\"joanne-1\",\"alternate\":\"alt-1\",\"both\":true}\n"
              "POST http://s1/v1/alternate "
              "{\"mailbox\":\"joanne-2\",\"alternate\":\"alt-2\",\"both\":true}\n");
    CHECK_STR(fake_run_events(r.run, EV_ALTERNATE), "2010 place=0 code=1 a=0 b=2 slot=0\n"
                                                    "2010 place=0 code=1 a=1 b=3 slot=0\n");
    rig_fini(&r);
}

static void an_alternate_that_is_removed_is_null_and_no_index(void)
{
    struct rig r;

    begin(&r, (struct action_profile){.name = "drop",
                                      .kind = ACT_ALTERNATE,
                                      .group = 0,
                                      .alternate = SITE_NONE,
                                      .both = true,
                                      .server = 1});
    refuse_what = "joanne-2";
    (void)rig_run(&r, 5000);
    CHECK_HAS(fake_http_log(&r.run->http),
              "POST http://s2/v1/alternate "
              "{\"mailbox\":\"joanne-1\",\"alternate\":null,\"both\":true}\n");
    CHECK_STR(fake_run_events(r.run, EV_ALTERNATE), "10 place=0 code=0 a=0 b=-1 slot=0\n");
    CHECK_STR(fake_run_events(r.run, EV_FINDING), "10 place=1 code=8 a=0 b=400 slot=0\n");
    CHECK_STR(moves_action_error(r.moves, 0), "HTTP 400: {\"error\":\"no such\\nthing\"}");
    rig_fini(&r);
}

static void check_posts(struct action_profile action, const char *posts)
{
    struct rig r;

    begin(&r, action);
    CHECK_HAS(rig_run(&r, 5000), "10 over\n");
    CHECK_STR(fake_http_log(&r.run->http), posts);
    CHECK_U64(fake_run_count(r.run, EV_FINDING), 0);
    rig_fini(&r);
}

static void the_other_kinds_say_what_the_control_api_wants(void)
{
    check_posts(
        (struct action_profile){
            .kind = ACT_KNOB, .server = SITE_NONE, .knob = "ds_read_cache_latency", .value = "0s"},
        "POST http://s1/v1/knob {\"name\":\"ds_read_cache_latency\",\"value\":\"0s\"}\n");
    check_posts(
        (struct action_profile){.kind = ACT_RESTART, .server = SITE_NONE, .component = "mta"},
        "POST http://s1/v1/restart {\"server\":\"s1\",\"component\":\"mta\"}\n"
        "POST http://s2/v1/restart {\"server\":\"s2\",\"component\":\"mta\"}\n"
        "POST http://s3/v1/restart {\"server\":\"s3\",\"component\":\"mta\"}\n");
    check_posts((struct action_profile){.kind = ACT_DOWN, .server = 2, .component = "directory"},
                "POST http://s3/v1/component "
                "{\"server\":\"s3\",\"component\":\"directory\",\"up\":false}\n");
    check_posts((struct action_profile){.kind = ACT_UP, .server = 2, .component = "directory"},
                "POST http://s3/v1/component "
                "{\"server\":\"s3\",\"component\":\"directory\",\"up\":true}\n");
    check_posts((struct action_profile){.kind = ACT_UPDATE_NOW, .server = 1},
                "POST http://s2/v1/directory/update-now {\"server\":\"s2\"}\n");
}

static void a_server_that_does_not_answer_is_a_finding(void)
{
    struct rig r;

    begin(&r, (struct action_profile){.kind = ACT_RESTART, .server = 1, .component = "mta"});
    refuse_what = "s2";
    r.run->http.answer = answer;
    CHECK_HAS(rig_run(&r, 5000), "over\n");
    CHECK_STR(fake_run_events(r.run, EV_FINDING), "10 place=1 code=8 a=0 b=400 slot=0\n");
    rig_fini(&r);
}

static void a_large_group_is_asked_for_eight_at_a_time(void)
{
    struct mailbox boxes[40];
    struct rig r;

    begin(&r, (struct action_profile){
                  .kind = ACT_ALTERNATE, .group = 0, .alternate = 1, .server = SITE_NONE});
    for (unsigned i = 0; i < 40; i++)
        boxes[i] = r.run->mailboxes[0];
    r.run->profile.site.mailboxes = boxes;
    r.run->profile.site.mailbox_count = 40;
    r.run->groups[0] = (struct group){"joanne", 0, 38};
    r.run->groups[1] = (struct group){"alt", 38, 2};
    CHECK_HAS(rig_run(&r, 5000), "50 over\n");
    CHECK_U64(r.run->http.requests, 38);
    CHECK_U64(r.run->http.most_under_way, 8);
    CHECK_U64(fake_run_count(r.run, EV_ALTERNATE), 38);
    rig_fini(&r);
}

static const struct fake_step fails[] = {{1000, "cannot", true, 0}, {1000, NULL, false, 2}};
static const struct fake_step works[] = {{1000, "well", true, 0}, {1000, NULL, false, 0}};
static const struct fake_step hangs[] = {{1000, "thinking", false, 0}};
static const struct fake_step *steps_now;

static const struct fake_step *script(struct fake_exec *x, const char *const *argv, size_t *steps)
{
    (void)x;
    (void)argv;
    *steps = steps_now == hangs ? 1 : 2;
    return steps_now;
}

static void check_command(const struct fake_step *steps, const char *finding, const char *why)
{
    static const char *const argv[] = {"service", "{server}", "restart", NULL};
    struct rig r;

    begin(&r, (struct action_profile){.kind = ACT_EXEC, .server = 1, .argv = argv});
    steps_now = steps;
    r.run->exec.script = script;
    CHECK_HAS(rig_run(&r, 7000000), "over\n");
    CHECK_STR(fake_exec_log(&r.run->exec), "[service][s2][restart]\n");
    CHECK_STR(fake_run_events(r.run, EV_FINDING), finding);
    CHECK_STR(moves_action_error(r.moves, 0), why);
    rig_fini(&r);
}

static void commands_are_run_and_their_exit_status_counts(void)
{
    check_command(works, "", "");
    check_command(fails, "0 place=1 code=8 a=0 b=2 slot=0\n", "exit status 2: cannot");
    check_command(hangs, "6000000 place=1 code=8 a=0 b=0 slot=0\n", "the command took too long");
    check_command(NULL, "0 place=1 code=8 a=0 b=0 slot=0\n", "service: no such command");
}

static void what_cannot_be_carried_out_is_refused_before_the_run(void)
{
    static const char *const argv[] = {"service", "{server}", NULL};
    struct rig r;

    begin(&r, (struct action_profile){
                  .name = "boot", .kind = ACT_EXEC, .server = SITE_NONE, .argv = argv});
    CHECK(!rig_create(&r));
    CHECK_STR(r.e.text, "actions.boot: {server} has no value here");
    r.run->actions[0] =
        (struct action_profile){.name = "off", .kind = ACT_KNOB, .server = SITE_NONE};
    for (unsigned i = 0; i < 3; i++)
        r.run->servers[i].control = NULL;
    CHECK(!rig_create(&r));
    CHECK_STR(r.e.text, "actions.off: no server has a control URL");
    rig_fini(&r);
}

static void stop_drops_what_has_not_begun(void)
{
    struct rig r;

    begin(&r, (struct action_profile){
                  .kind = ACT_KNOB, .at_ns = S(4), .server = 0, .knob = "x", .value = "1"});
    (void)rig_run(&r, 1000);
    moves_stop(r.moves);
    fake_run_until(r.run, S(2));
    CHECK_STR(buf_text(&r.marks), "1000 over\n");
    CHECK_U64(r.run->http.requests, 0);
    rig_fini(&r);
}

/* Else nobody could look at it, and nothing would be final. */
static void stop_puts_up_what_was_taken_down(void)
{
    struct rig r;

    begin(&r, (struct action_profile){
                  .kind = ACT_DOWN, .at_ns = S(1) / 2, .server = 0, .component = "imap"});
    r.run->actions[1] =
        (struct action_profile){.kind = ACT_DOWN, .at_ns = S(3), .server = 1, .component = "imap"};
    r.run->actions[2] =
        (struct action_profile){.kind = ACT_UP, .at_ns = S(4), .server = 1, .component = "imap"};
    r.run->actions[3] =
        (struct action_profile){.kind = ACT_UP, .at_ns = S(4), .server = 0, .component = "smtp"};
    r.run->actions[4] =
        (struct action_profile){.kind = ACT_UP, .at_ns = S(4), .server = 0, .component = "imap"};
    r.run->profile.action_count = 5;
    (void)rig_run(&r, 1000);
    CHECK_U64(r.run->http.requests, 1);
    moves_stop(r.moves);
    fake_run_until(r.run, S(2));
    CHECK_STR(fake_http_log(&r.run->http),
              "POST http://s1/v1/component "
              "{\"server\":\"s1\",\"component\":\"imap\",\"up\":false}\n"
              "POST http://s1/v1/component "
              "{\"server\":\"s1\",\"component\":\"imap\",\"up\":true}\n");
    CHECK_STR(buf_text(&r.marks), "1010 over\n");
    rig_fini(&r);
}

static const struct test tests[] = {
    TEST(alternates_are_set_per_mailbox_and_journalled_when_answered),
    TEST(an_alternate_that_is_removed_is_null_and_no_index),
    TEST(the_other_kinds_say_what_the_control_api_wants),
    TEST(a_server_that_does_not_answer_is_a_finding),
    TEST(a_large_group_is_asked_for_eight_at_a_time),
    TEST(commands_are_run_and_their_exit_status_counts),
    TEST(what_cannot_be_carried_out_is_refused_before_the_run),
    TEST(stop_drops_what_has_not_begun),
    TEST(stop_puts_up_what_was_taken_down),
    TEST_END,
};
const struct suite action_suite = {"action", tests};
