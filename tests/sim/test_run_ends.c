/* test_run_ends.c - a run comes to an end and judges what there is, whatever its servers do and whenever it is told to stop.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/run_private.h"
#include "base/clock.h"
#include "results/judge.h"
#include "tests/sim/sim_run.h"
#include "tests/support/check.h"
#include "tests/support/scratch.h"

#define SITE_AT(rate)                                                                              \
    "schema: 1\n"                                                                                  \
    "run: {name: ends, seed: 11}\n"                                                                \
    "lab: {version: 5.5-sp4, servers: [s1, s2]}\n"                                                 \
    "mailboxes:\n"                                                                                 \
    "  box: {count: 4, home: s1}\n"                                                                \
    "  joe: {count: 2, home: s2}\n"                                                                \
    "load:\n"                                                                                      \
    "  steady: {via: s2, from: joe, to: box, rate: " rate "/s, size: 1KB, duration: 60s}\n"
#define SITE SITE_AT("2")

static const struct sim_config net = {
    .start_ns = 1000000000, .latency_min_ns = 50000, .latency_max_ns = 500000};

static const struct sim_config slow = {
    .start_ns = 1000000000, .latency_min_ns = 10 * NS_PER_MS, .latency_max_ns = 10 * NS_PER_MS};

struct scene {
    struct sim_run s;
    struct timer timer;
    uint64_t at_s[2]; /* loop time of SIGINTs after the beginning; 0: none */
    unsigned told;
    enum brake_why brake; /* the last time: not a SIGINT but this */
    bool slow;            /* the network */
};

static void on_time(struct timer *t)
{
    struct scene *c = t->owner;

    if (c->brake != BRAKE_NOT && (c->told > 0 || !c->at_s[1])) {
        run_brake(c->s.run, c->brake, 0);
        return;
    }
    run_interrupt(c->s.run, ++c->told);
    if (c->told < 2 && c->at_s[c->told])
        timer_arm(c->s.loop, t, net.start_ns + c->at_s[c->told] * NS_PER_S);
}

static void on_armed(void *owner, const struct profile *p)
{
    struct scene *c = owner;

    (void)p;
    timer_init(&c->timer, on_time, c);
    if (c->at_s[0])
        timer_arm(c->s.loop, &c->timer, net.start_ns + c->at_s[0] * NS_PER_S);
}

/* Walks it and checks that it ended, with a verdict that its lab's truth confirms, within `seconds`. */
static bool walk(struct scene *c, const char *text, unsigned seconds)
{
    char dir[300], folder[320];

    (void)snprintf(dir, sizeof dir, "%s", scratch_dir("ends"));
    (void)snprintf(folder, sizeof folder, "%s/run", dir);
    struct sim_order o = {.profile = {.path = scratch_file(dir, "ends.yaml", text)},
                          .dir = folder,
                          .net = c->slow ? slow : net,
                          .view = c->at_s[0] ? TRUTH_KILLED : TRUTH_WHOLE,
                          .armed = on_armed,
                          .owner = c};
    bool ok = sim_walk(&c->s, &o);

    return check_true(ok, c->s.wrong, __FILE__, __LINE__) &&
           CHECK_BETWEEN((double)(loop_now(c->s.loop) - net.start_ns) / (double)NS_PER_S, 0,
                         seconds);
}

static uint64_t class_count(const struct scene *c, enum outcome o)
{
    return c->s.result.judgement->tally.classes[o];
}

static void end(struct scene *c)
{
    timer_disarm(c->s.loop, &c->timer);
    sim_fini(&c->s);
}

#define DEAD                                                                                       \
    "actions:\n"                                                                                   \
    "  dead: {at: 20s, do: down, server: s2, component: smtp}\n"                                   \
    "settle: {retry: 60s, deadline: 5m}\n"

static void an_entry_server_that_dies_in_mid_run_does_not_keep_the_run_from_its_end(void)
{
    struct scene c = {0};

    if (walk(&c, SITE DEAD, 60 + 300 + 5 + 300 + 10)) {
        (void)CHECK_BETWEEN((double)class_count(&c, CLASS_DELIVERED), 30, 45);
        (void)CHECK(class_count(&c, CLASS_NOT_SENT) > 70);
        (void)CHECK_U64(class_count(&c, CLASS_UNKNOWN), 0);
    }
    end(&c);
}

static void one_interrupt_ends_a_run_within_the_deadline_even_if_no_canary_can_be_sent(void)
{
    struct scene c = {.at_s = {30}};

    if (walk(&c, SITE DEAD, 30 + 300 + 1)) {
        (void)CHECK(class_count(&c, CLASS_NOT_SENT) > 70);
        (void)CHECK_U64(c.s.result.judgement->tally.health.findings[FIND_INTERRUPTED], 1);
        (void)CHECK_I64(c.s.result.exit_code, 130);
    }
    end(&c);
}

static void a_second_interrupt_ends_it_at_once_in_every_phase(void)
{
    static const uint64_t when_s[] = {10, 70}; /* load; settle, mail stands in a queue */

    for (unsigned i = 0; i < 2; i++) {
        struct scene c = {.at_s = {when_s[i], when_s[i] + 1}};

        (void)walk(&c,
                   SITE "actions:\n  dead: {at: 20s, do: down, server: s1, component: mta}\n"
                        "settle: {retry: 10m, deadline: 30m}\n",
                   (unsigned)when_s[i] + 2);
        (void)CHECK_I64(c.s.result.exit_code, 130);
        end(&c);
    }
}

static void what_failed_on_the_way_is_said_in_the_folder_with_its_reason(void)
{
    struct scene c = {0};

    if (walk(&c,
             SITE "moves:\n"
                  "  users: {mailboxes: box, to: s2, start: 5s, count: 1,\n"
                  "    options: {fail: bad-item}}\n"
                  "actions:\n"
                  "  odd: {at: 20s, do: down, server: s2, component: nonsense}\n"
                  "settle: {retry: 60s, deadline: 5m}\n",
             500)) {
        char path[400];

        (void)snprintf(path, sizeof path, "%s/log.txt", c.s.result.dir);
        char *said = scratch_read(path, NULL);

        (void)CHECK_HAS(said ? said : "", "move 0 of box-1 failed: ");
        (void)CHECK_HAS(said ? said : "", "\naction odd failed: HTTP 4");
        (void)CHECK_STR(c.s.result.log, said ? said : "");
        free(said);
    }
    end(&c);
}

/* Some message always waits for the answer to its terminator. */
static void who_takes_his_word_back_is_sent_nothing_more_not_even_a_canary(void)
{
    static const enum brake_why why[] = {BRAKE_QUEUED, BRAKE_OWNER};

    uint64_t doubts[2] = {0}, canaries[2] = {0};

    for (unsigned i = 0; i < 2; i++) {
        struct scene c = {.at_s = {30}, .brake = why[i], .slow = true};

        if (walk(&c, SITE_AT("200") "settle: {retry: 60s, deadline: 5m}\n", 30 + 300 + 20)) {
            const struct tally *t = &c.s.result.judgement->tally;

            (void)CHECK_U64(t->health.findings[FIND_BRAKED], 1);
            (void)CHECK(class_count(&c, CLASS_NOT_SENT) > 4000);
            (void)CHECK_I64(c.s.result.exit_code, EX_INCONCLUSIVE);
            doubts[i] = t->flags[FLAG_DOUBT];
            canaries[i] = t->health.canaries_sent;
        }
        end(&c);
    }
    (void)CHECK_U64(doubts[0], 0); /* what has wholly left is waited for */
    (void)CHECK(doubts[1] > 0);
    (void)CHECK(canaries[0] > canaries[1]);
    (void)CHECK_U64(canaries[1], 1); /* that of arming */
}

/* While what has left is waited for: then canaries are sent as ever. */
static void who_takes_his_word_back_is_heard_behind_an_interrupt_too(void)
{
    static const enum brake_why why[] = {BRAKE_QUEUED, BRAKE_OWNER};

    uint64_t canaries[2] = {0};

    for (unsigned i = 0; i < 2; i++) {
        struct scene c = {.at_s = {30, 30}, .brake = why[i], .slow = true};

        if (walk(&c, SITE_AT("200") "settle: {retry: 60s, deadline: 5m}\n", 30 + 300 + 20))
            canaries[i] = c.s.result.judgement->tally.health.canaries_sent;
        end(&c);
    }
    (void)CHECK_U64(canaries[0], 2); /* that of arming, and that of settling */
    (void)CHECK_U64(canaries[1], 1);
}

static const struct test tests[] = {
    TEST(what_failed_on_the_way_is_said_in_the_folder_with_its_reason),
    TEST(an_entry_server_that_dies_in_mid_run_does_not_keep_the_run_from_its_end),
    TEST(one_interrupt_ends_a_run_within_the_deadline_even_if_no_canary_can_be_sent),
    TEST(a_second_interrupt_ends_it_at_once_in_every_phase),
    TEST(who_takes_his_word_back_is_sent_nothing_more_not_even_a_canary),
    TEST(who_takes_his_word_back_is_heard_behind_an_interrupt_too),
    TEST_END,
};

const struct suite run_ends_suite = {"run_ends", tests};
