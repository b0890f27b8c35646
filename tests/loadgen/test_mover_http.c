/* test_mover_http.c - moves through an admin API: what is asked, how answers are read, and what is borne. */
#include <string.h>

#include "loadgen/move.h"
#include "tests/loadgen/moves_rig.h"
#include "tests/support/check.h"

/* Answers in order; the last one is repeated. */
struct reply {
    int status;
    const char *body;
};

static struct {
    const struct reply *replies;
    size_t at, count;
} script;

static int answer(struct fake_http *f, const char *method, const char *url, const char *body,
                  struct buf *out)
{
    const struct reply *r = &script.replies[script.at];

    (void)f;
    (void)method;
    (void)url;
    (void)body;
    script.at += script.at + 1 < script.count;
    PM_ASSERT(buf_add_text(out, r->body));
    return r->status;
}

static void begin(struct rig *r, const struct reply *replies, size_t count)
{
    rig_init(r, "mover_http");
    script.replies = replies;
    script.at = 0;
    script.count = count;
    r->run->http.answer = answer;
    fake_move(r->run, rig_schedule(r, 0, 1, 1, 600 * NS_PER_S), 0, 1, 0, 1, 0);
}

#define BEGIN(r, ...)                                                                              \
    static const struct reply replies[] = {__VA_ARGS__};                                           \
    begin(r, replies, sizeof replies / sizeof *replies)

static void it_asks_and_then_polls_with_the_id_of_the_answer(void)
{
    struct rig r;
    BEGIN(&r, {201, "{\"id\":\"a/7\"}"}, {200, "{\"state\":\"requested\"}"},
          {200, "{\"state\":\"copying\"}"}, {200, "{\"state\":\"committed\"}"},
          {200, "{\"state\":\"done\"}"});
    CHECK_HAS(rig_run(&r, 5000), "0 asked\n430 0 copy\n850 0 done\n");
    CHECK_STR(fake_http_log(&r.run->http),
              "POST http://s1/v1/move {\"mailbox\":\"joanne-2\",\"from\":\"s1\",\"to\":\"s2\"}\n"
              "GET http://s1/v1/move?id=a%2F7 \nGET http://s1/v1/move?id=a%2F7 \n"
              "GET http://s1/v1/move?id=a%2F7 \nGET http://s1/v1/move?id=a%2F7 \n");
    rig_fini(&r);
}

static void options_of_the_schedule_are_laid_over_the_body(void)
{
    struct rig r;
    BEGIN(&r, {200, "{\"id\":1,\"state\":\"done\"}"});
    r.run->schedules[0].options = "{\"dir_first\":true,\"to\":\"s3\"}";
    CHECK_HAS(rig_run(&r, 5000), "10 0 done\n");
    CHECK_STR(fake_http_log(&r.run->http),
              "POST http://s1/v1/move "
              "{\"mailbox\":\"joanne-2\",\"from\":\"s1\",\"to\":\"s3\",\"dir_first\":true}\n");
    rig_fini(&r);
}

static void a_failure_carries_the_words_of_the_server_cleaned(void)
{
    struct rig r;
    BEGIN(&r, {200, "{\"id\":4}"},
          {200, "{\"state\":\"failed\",\"error\":\"bad\\titem\\r\\n8500\\u001b\"}"});
    CHECK_HAS(rig_run(&r, 5000), "0 failed\n");
    CHECK_STR(moves_error(r.moves, 0), "bad item 8500");
    rig_fini(&r);
}

static void a_failure_without_words_says_the_state(void)
{
    struct rig r;
    BEGIN(&r, {200, "{\"id\":4}"}, {200, "{\"state\":\"failed\"}"});
    CHECK_HAS(rig_run(&r, 5000), "0 failed\n");
    CHECK_STR(moves_error(r.moves, 0), "the mover says \"failed\"");
    rig_fini(&r);
}

static void fields_may_lie_deep_and_be_numbers_or_truth_values(void)
{
    struct rig r;
    BEGIN(&r, {200, "{\"job\":{\"id\":12}}"}, {200, "{\"job\":{\"over\":false}}"},
          {200, "{\"job\":{\"over\":true}}"});
    r.run->movers[0].id_field = "job.id";
    r.run->movers[0].state_field = "job.over";
    r.run->movers[0].done_value = "true";
    CHECK_HAS(rig_run(&r, 5000), "0 done\n");
    CHECK_HAS(fake_http_log(&r.run->http), "?id=12 ");
    rig_fini(&r);
}

static void check_failure(int status, const char *body, const char *why)
{
    struct rig r;
    struct reply reply = {status, body};

    begin(&r, &reply, 1);
    CHECK_HAS(rig_run(&r, 5000), "0 asked\n10 0 failed\n");
    CHECK_STR(moves_error(r.moves, 0), why);
    CHECK_U64(r.run->http.requests, 1);
    rig_fini(&r);
}

static void what_goes_wrong_with_the_asking_is_told_apart(void)
{
    check_failure(0, "connection refused", "no answer: connection refused");
    check_failure(409, "{\"error\":\"another move runs\"}", "refused: HTTP 409: another move runs");
    check_failure(500, "<h1>oops\r\n</h1>", "server error: HTTP 500: <h1>oops </h1>");
    check_failure(301, "", "unexpected: HTTP 301");
    check_failure(200, "OK", "nonsense, no JSON: HTTP 200: OK");
    check_failure(200, "", "nonsense, no JSON: HTTP 200");
    check_failure(200, "{\"di\":1}", "nonsense: no id in the answer");
    check_failure(200, "{\"id\":{}}", "nonsense: no id in the answer");
}

static void bad_polls_are_borne_until_ten_follow_each_other(void)
{
    struct rig r;
    BEGIN(&r, {200, "{\"id\":4}"}, {503, ""}, {503, ""}, {0, "timeout"}, {200, "["}, {200, "{}"},
          {503, ""}, {503, ""}, {503, ""}, {503, ""}, {200, "{\"state\":\"copying\"}"},
          {503, "busy"});
    CHECK_HAS(rig_run(&r, 60000), "copy\n");
    CHECK_STR(moves_error(r.moves, 0),
              "gave up after 10 bad answers: server error: HTTP 503: busy");
    CHECK_U64(r.run->http.requests, 21);
    rig_fini(&r);
}

static void without_a_poll_the_first_answer_is_the_last(void)
{
    struct rig r;
    {
        BEGIN(&r, {204, ""});
        r.run->movers[0].poll = NULL;
        r.run->movers[0].id_field = NULL;
        CHECK_HAS(rig_run(&r, 5000), "10 0 done\n");
        rig_fini(&r);
    }

    {
        BEGIN(&r, {200, "{\"state\":\"failed\",\"error\":\"no\"}"});
        r.run->movers[0].poll = "";
        CHECK_HAS(rig_run(&r, 5000), "10 0 failed\n");
        rig_fini(&r);
    }
}

static void huge_words_are_cut(void)
{
    static char body[3000];
    struct rig r;

    (void)memset(body, 'x', sizeof body - 1);
    struct reply reply = {500, body};
    begin(&r, &reply, 1);
    (void)rig_run(&r, 5000);
    CHECK_BETWEEN((double)strlen(moves_error(r.moves, 0)), 100, 260);
    rig_fini(&r);
}

static void check_refused(void (*spoil)(struct rig *r), const char *why)
{
    struct rig r;
    BEGIN(&r, {200, "{}"});
    spoil(&r);
    CHECK(!rig_create(&r));
    CHECK_HAS(r.e.text, why);
    CHECK_HAS(r.e.text, "movers.lab: move 0: ");
    CHECK_U64(r.e.code, EX_BAD_PROFILE);
    rig_fini(&r);
}

static void spoil_word(struct rig *r)
{
    r->run->movers[0].start = "POST {contrl}/v1/move";
}

static void spoil_method(struct rig *r)
{
    r->run->movers[0].start = "{control}/v1/move";
}

static void spoil_body(struct rig *r)
{
    r->run->movers[0].body = "mailbox={mailbox}";
    r->run->schedules[0].options = "{\"dir_first\":true}";
}

static void spoil_poll(struct rig *r)
{
    r->run->movers[0].poll = "GET {status}";
}

static void spoil_control(struct rig *r)
{
    r->run->servers[0].control = NULL;
}

static void spoil_start(struct rig *r)
{
    r->run->movers[0].start = NULL;
}

static void a_mover_that_cannot_work_is_refused_before_the_run(void)
{
    check_refused(spoil_word, "unknown word {contrl}");
    check_refused(spoil_method, "expected a method and a URL");
    check_refused(spoil_body, "must both be JSON objects");
    check_refused(spoil_poll, "unknown word {status}");
    check_refused(spoil_control, "{control} has no value");
    check_refused(spoil_start, "no start");
}

static const struct test tests[] = {
    TEST(it_asks_and_then_polls_with_the_id_of_the_answer),
    TEST(options_of_the_schedule_are_laid_over_the_body),
    TEST(a_failure_carries_the_words_of_the_server_cleaned),
    TEST(a_failure_without_words_says_the_state),
    TEST(fields_may_lie_deep_and_be_numbers_or_truth_values),
    TEST(what_goes_wrong_with_the_asking_is_told_apart),
    TEST(bad_polls_are_borne_until_ten_follow_each_other),
    TEST(without_a_poll_the_first_answer_is_the_last),
    TEST(huge_words_are_cut),
    TEST(a_mover_that_cannot_work_is_refused_before_the_run),
    TEST_END,
};
const struct suite mover_http_suite = {"mover_http", tests};
