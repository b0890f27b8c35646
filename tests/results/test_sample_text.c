/* test_sample_text.c - the numbers behind `plan`: those of spec/method.md 2.1, 2.3, 2.4, 2.5 and 2.7 by another way. */
#include <math.h>
#include <string.h>

#include "results/sample_text.h"
#include "results/sequential.h"
#include "tests/support/check.h"

static void a_rate_takes_as_many_moves_as_the_rule_says(void)
{
    struct rate_question q = {0.01, 0.95, 0, 100, -1};

    CHECK_U64(sample_rate(&q).moves, 299);
    q.rate = 1e-3;
    CHECK_U64(sample_rate(&q).moves, 2995);
    q.confidence = 0.99;
    CHECK_U64(sample_rate(&q).moves, 4603);
    q.losses = 1;
    CHECK(sample_rate(&q).moves > 6000); /* one loss costs about half as much again */
}

static void messages_that_share_their_fate_are_worth_fewer(void)
{
    struct rate_question q = {1e-3, 0.95, 0, 100, -1};
    struct icc_answer none = sample_icc(&q, 0), some = sample_icc(&q, 0.1), all = sample_icc(&q, 1);

    CHECK_U64(none.messages, 2995);
    CHECK_U64(none.moves, 30);
    CHECK_BETWEEN(some.design_effect, 10.8999, 10.9001); /* 1 + 99 x 0.1 */
    CHECK_U64(some.moves, 327);                          /* 2995 x 10.9 / 100 */
    CHECK_U64(all.moves, 2995);                          /* a move is one message then */
    CHECK_U64(all.messages, 299500);
    q.rate = 0;
    CHECK_U64(sample_icc(&q, 0.1).moves, SAMPLE_NEVER);
}

static void a_window_takes_the_moves_of_the_table(void)
{
    /* width, step, confidence -> moves: (1,100,.95) 299; (5,20,.95) 11; (.5,50,.99) 459; (10,5,.95) 1 */
    static const struct {
        double width, step, confidence;
        uint64_t moves;
    } rows[] = {{1, 100, 0.95, 299}, {5, 20, 0.95, 11}, {0.5, 50, 0.99, 459}, {10, 5, 0.95, 1}};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct window_question q = {rows[i].width, rows[i].step * 10, rows[i].confidence, 10};
        struct window_answer a = sample_window(&q);

        CHECK_U64(a.comb_moves, rows[i].moves);
        CHECK(a.uniform_moves >= 1);
        CHECK(a.uniform_sends >=
              a.comb_moves); /* no law sees more with a send than one that spreads */
    }
}

static void the_window_that_is_seen_is_the_inverse_of_the_sends_it_takes(void)
{
    struct window_question q = {0.05, 60, 0.95, 100};
    uint64_t n = sample_window(&q).uniform_sends;

    CHECK_BETWEEN(window_seen(n, 60, 0.95), 0.0499, 0.0501);
    CHECK_BETWEEN(window_seen(3000, 60, 0.95), 0.0598, 0.06); /* three thousandths, nearly */
    CHECK_BETWEEN(window_seen(0, 60, 0.95), 60, 60);
}

static void two_builds_take_as_many_moves_as_their_power_says(void)
{
    struct build_question q = {0.001, 0.01, 0.05, 0.8, 1000};
    struct build_answer a = sample_builds(&q);

    CHECK_BETWEEN(a.power, 0.83932, 0.83934); /* of the method's table */
    CHECK(a.moves > 800 && a.moves < 1000);
    q = (struct build_question){0.01, 0.05, 0.05, 0.95, 0};
    a = sample_builds(&q);
    CHECK_U64(a.sprt_clean, 72);
    CHECK(anytime_interval((struct proportion){0, a.interval_clean}, 0.05).high < 0.05);
    CHECK(anytime_interval((struct proportion){0, a.interval_clean - 1}, 0.05).high >= 0.05);
}

static void text_and_json_say_the_same_numbers(void)
{
    struct rate_question q = {0.01, 0.95, 0, 100, 0.1};
    struct buf out;

    buf_init(&out, 1u << 16);
    CHECK(sample_rate_text(&q, &out));
    CHECK_HAS(buf_text(&out), "299 moves");
    CHECK_HAS(buf_text(&out), "3,260"); /* 299 x 10.9 */
    buf_fini(&out);
    json_t *o = sample_rate_json(&q);

    CHECK_U64((uint64_t)json_integer_value(json_object_get(o, "moves")), 299);
    CHECK_U64(json_array_size(json_object_get(o, "by_message")), 1);
    json_decref(o);
}

static const struct test tests[] = {
    TEST(a_rate_takes_as_many_moves_as_the_rule_says),
    TEST(messages_that_share_their_fate_are_worth_fewer),
    TEST(a_window_takes_the_moves_of_the_table),
    TEST(the_window_that_is_seen_is_the_inverse_of_the_sends_it_takes),
    TEST(two_builds_take_as_many_moves_as_their_power_says),
    TEST(text_and_json_say_the_same_numbers),
    TEST_END};

const struct suite sample_text_suite = {"sample_text", tests};
