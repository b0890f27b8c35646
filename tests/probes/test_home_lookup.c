/* test_home_lookup.c - what the directory says: answers read, homes journalled on change, watching, failing over. */
#include <string.h>

#include "probes/home_lookup.h"
#include "tests/support/check.h"
#include "tests/support/fake_run.h"

#define MS(n) ((n)*NS_PER_MS)

static const char *says;
static int status;

static int answer(struct fake_http *f, const char *method, const char *url, const char *body,
                  struct buf *out)
{
    (void)f;
    (void)method;
    (void)url;
    (void)body;
    PM_ASSERT(buf_add_text(out, says));
    return status;
}

struct rig {
    struct fake_run *run;
    struct probe_context context;
    struct home_lookup *h;
    struct home_answer last;
    char why[200];
    unsigned answers;
    struct err e;
};

static void on_answered(void *owner, uint32_t mailbox, const struct home_answer *a)
{
    struct rig *r = owner;

    (void)mailbox;
    r->last = *a;
    r->answers++;
    r->why[0] = '\0';
    strncat(r->why, a->why, sizeof r->why - 1);
}

static bool create(struct rig *r)
{
    home_lookup_destroy(r->h);
    r->h = home_lookup_create(&r->context, on_answered, r, &r->e);
    return r->h;
}

static void begin(struct rig *r)
{
    *r = (struct rig){.run = fake_run_create("home_lookup")};
    status = 200;
    r->run->http.answer = answer;
    r->run->profile.home_lookup = (struct lookup_profile){
        .on = true, .url = "{control}/v1/home?mailbox={address}", .period_real_ns = MS(50)};
    r->context = (struct probe_context){.loop = r->run->loop,
                                        .clock = &r->run->clock,
                                        .work = &r->run->work,
                                        .journal = r->run->journal,
                                        .http = &r->run->http.http,
                                        .exec = &r->run->exec.exec};
    CHECK(create(r));
}

static void end(struct rig *r)
{
    home_lookup_destroy(r->h);
    CHECK_U64(r->run->http.under_way, 0);
    CHECK(!r->run->exec.children);
    fake_run_destroy(r->run);
}

static void run_ms(struct rig *r, uint64_t ms)
{
    fake_run_until(r->run, loop_now(r->run->loop) + MS(ms));
}

static void the_highest_version_decides_and_a_difference_is_told(void)
{
    struct rig r;

    begin(&r);
    says = "{\"mailbox\":\"joanne-1\",\"directories\":["
           "{\"server\":\"s1\",\"home\":\"s1\",\"version\":4},"
           "{\"server\":\"s2\",\"home\":\"s2\",\"version\":5},"
           "{\"server\":\"s3\",\"home\":\"s1\",\"version\":4}]}";
    CHECK_U64(home_lookup_home(r.h, 0), SITE_NONE);
    home_lookup_ask(r.h, 0);
    run_ms(&r, 10);
    CHECK_STR(fake_http_log(&r.run->http), "GET http://s1/v1/home?mailbox=joanne-1%40lab.test \n");
    CHECK(r.last.ok && r.last.differ);
    CHECK_U64(r.last.home, 1);
    CHECK_U64(r.last.was, SITE_NONE);
    CHECK_U64(r.last.begin_ns, NS_PER_S);
    CHECK_U64(home_lookup_home(r.h, 0), 1);
    CHECK_STR(fake_run_events(r.run, EV_HOME), "10 place=1 code=1 a=0 b=0 slot=0\n");
    end(&r);
}

static void a_home_is_journalled_when_it_changes_and_not_otherwise(void)
{
    struct rig r;

    begin(&r);
    says = "{\"home\":\"s1\"}";
    home_lookup_watch(r.h, 1, true);
    run_ms(&r, 220);
    CHECK_U64(r.answers, 5);
    says = "{\"home\":\"s2\"}";
    run_ms(&r, 100);
    CHECK_U64(r.last.was, 1);
    home_lookup_watch(r.h, 1, false);
    run_ms(&r, 1000);
    CHECK_STR(fake_run_events(r.run, EV_HOME), "10 place=0 code=4294967295 a=1 b=0 slot=0\n"
                                               "2560 place=1 code=4294967295 a=1 b=0 slot=0\n");
    CHECK_BETWEEN(r.answers, 7, 8);
    end(&r);
}

static void asking_while_asked_asks_once_more_afterwards(void)
{
    struct rig r;

    begin(&r);
    says = "{\"home\":\"s1\"}";
    r.run->http.delay_ns = MS(10);
    home_lookup_ask(r.h, 0);
    home_lookup_ask(r.h, 0);
    run_ms(&r, 5);
    home_lookup_ask(r.h, 0);
    home_lookup_ask(r.h, 0);
    run_ms(&r, 100);
    CHECK_U64(r.answers, 2);
    CHECK_U64(r.last.begin_ns, NS_PER_S + MS(10));
    end(&r);
}

static void many_mailboxes_are_asked_for_eight_at_a_time(void)
{
    struct mailbox boxes[100];
    struct rig r;

    begin(&r);
    home_lookup_destroy(r.h); /* a site does not grow under it */
    r.h = NULL;
    for (unsigned i = 0; i < 100; i++)
        boxes[i] = r.run->mailboxes[0];
    r.run->profile.site.mailboxes = boxes;
    r.run->profile.site.mailbox_count = 100;
    CHECK(create(&r));
    says = "{\"home\":\"s3\"}";
    for (uint32_t i = 0; i < 100; i++)
        home_lookup_ask(r.h, i);
    run_ms(&r, 100);
    CHECK_U64(r.answers, 100);
    CHECK_U64(r.run->http.most_under_way, 8);
    for (uint32_t i = 0; i < 100; i++)
        CHECK_U64(home_lookup_home(r.h, i), 2);
    end(&r);
}

static void check_failure(const char *text, int code, const char *why)
{
    struct rig r;

    begin(&r);
    says = text;
    status = code;
    home_lookup_ask(r.h, 0);
    run_ms(&r, 10);
    CHECK(!r.last.ok);
    CHECK_U64(r.last.failures, 1);
    CHECK_HAS(r.why, why);
    CHECK_U64(fake_run_count(r.run, EV_HOME), 0);
    end(&r);
}

static void what_names_no_home_is_no_answer(void)
{
    check_failure("no\nsuch", 404, "HTTP 404: no such");
    check_failure("timeout", 0, "no answer: timeout");
    check_failure("s1", 200, "no JSON");
    check_failure("[]", 200, "names no home of ours");
    check_failure("{\"home\":\"s7\"}", 200, "names no home of ours");
    check_failure("{\"directories\":[]}", 200, "no directory names a server of ours");
    check_failure("{\"directories\":[7,{\"home\":\"s7\"},{\"home\":null}]}", 200, "no directory");
}

static void a_failing_server_is_given_up_for_the_next(void)
{
    struct rig r;

    begin(&r);
    status = 500;
    says = "";
    r.run->servers[1].control = NULL;
    home_lookup_watch(r.h, 0, true);
    run_ms(&r, 160);
    CHECK_HAS(fake_http_log(&r.run->http), "GET http://s1/v1/home?mailbox=joanne-1%40lab.test \n"
                                           "GET http://s3/v1/home?mailbox=joanne-1%40lab.test \n");
    CHECK_U64(r.last.failures, 2); /* ever more seldom */
    end(&r);
}

static const struct fake_step *steps_now;
static size_t step_count;

static const struct fake_step *script(struct fake_exec *x, const char *const *argv, size_t *count)
{
    (void)x;
    (void)argv;
    *count = step_count;
    return steps_now;
}

static void check_command(const struct fake_step *steps, size_t count, const char *why)
{
    static const char *const argv[] = {"whereis", "{mailbox}", "{server}", NULL};
    struct rig r;

    begin(&r);
    r.run->profile.home_lookup.argv = argv;
    r.run->exec.script = script;
    steps_now = steps;
    step_count = count;
    CHECK(create(&r));
    home_lookup_ask(r.h, 4);
    run_ms(&r, 31000);
    CHECK_STR(fake_exec_log(&r.run->exec), "[whereis][joe-1][s3]\n");
    CHECK_U64(r.answers, 1);
    CHECK_STR(r.why, why);
    if (r.last.ok)
        CHECK_U64(r.last.home, 1);
    end(&r);
}

static void a_command_says_the_server_in_its_first_line(void)
{
    static const struct fake_step good[] = {
        {1, "warning", true, 0}, {1, " s2 ", false, 0}, {1, "s3", false, 0}, {1, NULL, false, 0}};
    static const struct fake_step other[] = {{1, "s7", false, 0}, {1, NULL, false, 0}};
    static const struct fake_step fails[] = {
        {1, "s2", false, 0}, {1, "E: down", true, 0}, {1, NULL, false, 3}};
    static const struct fake_step hangs[] = {{1, "s2", false, 0}};

    check_command(good, 4, "");
    check_command(other, 2, "\"s7\" is no server of ours");
    check_command(fails, 3, "exit status 3: E: down");
    check_command(hangs, 1, "the command took too long");
    check_command(NULL, 0, "whereis: no such command");
}

static void a_look_up_that_cannot_be_asked_is_refused(void)
{
    static const char *const argv[] = {"whereis", "{mailbox}", NULL};
    struct rig r;

    begin(&r);
    r.run->profile.home_lookup.url = "{control}/{box}";
    CHECK(!create(&r));
    CHECK_HAS(r.e.text, "home_lookup: unknown word {box}");
    r.run->profile.home_lookup.url = NULL;
    CHECK(!create(&r));
    r.run->profile.home_lookup.argv = argv;
    r.run->mailboxes[3].name = "-x";
    CHECK(!create(&r));
    CHECK_HAS(r.e.text, "may not go to a command");
    end(&r);
}

static const struct test tests[] = {
    TEST(the_highest_version_decides_and_a_difference_is_told),
    TEST(a_home_is_journalled_when_it_changes_and_not_otherwise),
    TEST(asking_while_asked_asks_once_more_afterwards),
    TEST(many_mailboxes_are_asked_for_eight_at_a_time),
    TEST(what_names_no_home_is_no_answer),
    TEST(a_failing_server_is_given_up_for_the_next),
    TEST(a_command_says_the_server_in_its_first_line),
    TEST(a_look_up_that_cannot_be_asked_is_refused),
    TEST_END,
};
const struct suite home_lookup_suite = {"home_lookup", tests};
