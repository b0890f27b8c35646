/* test_brake.c - when the brake is pulled, and when it is not; loads that begin slowly. */
#include "base/loop_sim.h"
#include "loadgen/brake.h"
#include "tests/support/check.h"

static struct brake_word between(uint64_t sent, uint64_t busy, uint64_t connects, uint64_t failed)
{
    const struct brake_count from = {.sent = 1000, .busy = 50, .connects = 70, .failed = 7};
    const struct brake_count to = {.sent = from.sent + sent,
                                   .busy = from.busy + busy,
                                   .connects = from.connects + connects,
                                   .failed = from.failed + failed};

    return brake_look(&from, &to);
}

static void more_than_five_percent_of_busy_replies_pull_it(void)
{
    CHECK_U64(between(1000, 50, 0, 0).why, BRAKE_NOT);
    CHECK_U64(between(1000, 51, 0, 0).why, BRAKE_BUSY_REPLIES);
    CHECK_U64(between(1000, 51, 0, 0).per_mille, 51);
    CHECK_U64(between(20, 2, 0, 0).why, BRAKE_BUSY_REPLIES);
    CHECK_U64(between(19, 19, 0, 0).why, BRAKE_NOT);   /* too few to tell */
    CHECK_U64(between(20, 320, 0, 0).per_mille, 1000); /* copies, of fewer messages */
}

static void more_than_a_fifth_of_refused_connects_pull_it(void)
{
    CHECK_U64(between(0, 0, 10, 2).why, BRAKE_NOT);
    CHECK_U64(between(0, 0, 10, 3).why, BRAKE_REFUSED_CONNECTS);
    CHECK_U64(between(0, 0, 10, 3).per_mille, 300);
    CHECK_U64(between(0, 0, 9, 9).why, BRAKE_NOT);
    CHECK_U64(between(0, 0, 0, 0).why, BRAKE_NOT);
}

static void busy_is_421_and_4_7_x_and_nothing_else(void)
{
    CHECK(brake_is_busy(event_code(421, 0, 0, 0)) && brake_is_busy(event_code(421, 4, 3, 2)));
    CHECK(brake_is_busy(event_code(450, 4, 7, 1)) && brake_is_busy(event_code(451, 4, 7, 0)));
    CHECK(!brake_is_busy(event_code(451, 4, 3, 0)) && !brake_is_busy(event_code(550, 5, 7, 1)));
    CHECK(!brake_is_busy(event_code(451, 0, 0, 0)) && !brake_is_busy(event_code(250, 2, 0, 0)));
}

struct pulled {
    struct loop *loop;
    unsigned times;
    struct brake_word word;
    uint64_t at_ns;
};

static void on_pull(void *owner, struct brake_word w)
{
    struct pulled *p = owner;

    p->times++;
    p->word = w;
    p->at_ns = loop_now(p->loop);
    loop_stop(p->loop);
}

struct busy_second {
    struct timer timer;
    struct loop *loop;
    struct sender_health *health;
    unsigned seconds, bad_from;
};

/* 100 messages a second; from `bad_from` on, six in a hundred are turned away. */
static void on_busy_second(struct timer *t)
{
    struct busy_second *b = t->owner;

    b->seconds++;
    b->health->sent += 100;
    b->health->busy += b->seconds >= b->bad_from ? 6 : 0;
    timer_arm(b->loop, t, loop_now(b->loop) + NS_PER_S);
}

static void the_window_is_ten_seconds_and_it_is_pulled_once(void)
{
    struct err e = {0};
    struct loop *l = loop_sim_create(&(struct sim_config){.seed = 1, .start_ns = NS_PER_S}, &e);
    struct sender_health health = {.sent = 7, .busy = 7};
    struct busy_second second = {.loop = l, .health = &health, .bad_from = 21};
    struct pulled p = {.loop = l};
    struct brake b;

    if (!CHECK(l != NULL))
        return;
    timer_init(&second.timer, on_busy_second, &second);
    timer_arm(l, &second.timer, loop_now(l) + NS_PER_S / 2);
    brake_begin(&b, l, &health, on_pull, &p);
    loop_sim_limit(l, 60 * NS_PER_S);
    loop_run(l);
    CHECK_U64(p.times, 1);
    CHECK_U64(p.word.why, BRAKE_BUSY_REPLIES);
    CHECK_U64(p.word.per_mille, 54); /* nine bad seconds in the window of ten */
    CHECK_U64(p.at_ns, 30 * NS_PER_S);
    brake_end(&b);
    timer_disarm(l, &second.timer);
    loop_destroy(l);
}

static const struct test tests[] = {
    TEST(more_than_five_percent_of_busy_replies_pull_it),
    TEST(more_than_a_fifth_of_refused_connects_pull_it),
    TEST(busy_is_421_and_4_7_x_and_nothing_else),
    TEST(the_window_is_ten_seconds_and_it_is_pulled_once),
    TEST_END,
};
const struct suite brake_suite = {"brake", tests};
