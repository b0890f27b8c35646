/* test_stop.c - run.stop on simulated time: the run ends early, its verdict is the settled account's, and who judges the
 * journal later says the same (sim_walk() holds the two against one another, and both against the lab's truth).
 */
#include <stdio.h>
#include <string.h>

#include "results/judge.h"
#include "tests/sim/draw.h"
#include "tests/sim/meddle.h"
#include "tests/sim/sim_run.h"
#include "tests/support/check.h"
#include "tests/support/scratch.h"

#define SETS_MAX 8

/* Two servers, moves to and fro, mail all the while; a modern system loses nothing. */
#define CLEAN(stop)                                                                                \
    "schema: 1\n"                                                                                  \
    "run: {name: stop, seed: 11, " stop "}\n"                                                      \
    "lab: {version: modern, servers: [s1, s2, s3], time_scale: 60}\n"                              \
    "mailboxes:\n"                                                                                 \
    "  box: {count: 10, home: s1, stock: 1s}\n"                                                    \
    "  joe: {home: s3}\n"                                                                          \
    "load:\n"                                                                                      \
    "  steady: {via: s3, from: joe, to: box, arrivals: poisson, rate: 1/s, duration: 50m}\n"       \
    "moves:\n"                                                                                     \
    "  there: {mailboxes: box, from: s1, to: s2, start: 10s, every: 20s, count: 120, back: yes}\n" \
    "settle: {retry: 60s, deadline: 20m, late: 10s}\n"                                             \
    "gates: {silent-loss: 0, stranded: 0, ndr: 0, left-behind: 0, unknown: 0, not-sent: 0,\n"      \
    "  moves-failed: 0}\n"

static bool walk(struct sim_run *s, const char *path, const char *const *sets)
{
    static char dir[600];
    struct sim_order o = {.view = TRUTH_WHOLE,
                          .profile = {.path = path, .sets = sets},
                          .net = {.start_ns = 1000000000,
                                  .latency_min_ns = 50000,
                                  .latency_max_ns = 500000,
                                  .split_per_mille = 20}};

    while (sets && sets[o.profile.set_count])
        o.profile.set_count++;
    (void)snprintf(dir, sizeof dir, "%s/run", scratch_dir("stop-run"));
    o.dir = dir;
    bool ok = sim_walk(s, &o);

    return check_true(ok, s->wrong[0] ? s->wrong : path, __FILE__, __LINE__);
}

static bool walk_text(struct sim_run *s, const char *text)
{
    char path[600];

    (void)snprintf(path, sizeof path, "%s", scratch_file(scratch_dir("stop"), "p.yaml", text));
    return walk(s, path, NULL);
}

static bool has_reason(const struct judgement *j, const char *part)
{
    for (uint32_t i = 0; i < j->reason_count; i++)
        if (strstr(j->reasons[i], part))
            return true;
    return false;
}

static void a_false_report_ends_the_run_as_certain_to_fail(void)
{
    static const char *const sets[] = {"run.stop=certain", "moves.users.count=15",
                                       "load.steady.duration=32m", NULL};
    struct sim_run s;

    if (walk(&s, "q172364", sets)) {
        const struct judgement *j = s.result.judgement;

        CHECK_U64(j->verdict, VERDICT_FAIL);
        CHECK_I64(s.result.exit_code, 1);
        CHECK(j->stop.stopped && j->stop.holds);
        CHECK_U64(j->stop.claim, STOP_FAIL);
        CHECK(j->tally.health.moves_asked < j->manifest->move_count / 2);
        CHECK_U64(j->tally.health.moves_undone, 0);
        CHECK(j->tally.classes[CLASS_NDR] > 0);
        CHECK(j->tally.classes[CLASS_NOT_SENT] > j->tally.planned / 2);
        CHECK_U64(j->tally.classes[CLASS_UNKNOWN], 0);
        CHECK(has_reason(j, "stopped by run.stop (certain) after "));
    }
    sim_fini(&s);
}

static void a_silent_loss_ends_the_run_where_the_profile_lets_silence_count(void)
{
    static const char *const sets[] = {"run.stop=certain", "run.stop_silence=12m",
                                       "moves.users.count=20", "load.steady.duration=42m", NULL};
    struct sim_run s;

    if (walk(&s, "q248839", sets)) {
        const struct judgement *j = s.result.judgement;

        CHECK_U64(j->verdict, VERDICT_FAIL);
        CHECK(j->stop.stopped && j->stop.holds);
        CHECK(j->tally.health.moves_asked < 15);
        CHECK(j->tally.classes[CLASS_SILENT_LOSS] > 0);
        CHECK_U64(j->tally.classes[CLASS_UNKNOWN], 0);
    }
    sim_fini(&s);
}

static void a_silent_loss_ends_the_run_also_where_the_profile_says_nothing_of_silence(void)
{
    static const char *const sets[] = {"run.stop=certain", "moves.users.count=20",
                                       "load.steady.duration=42m", NULL};
    struct sim_run s;

    if (walk(&s, "q248839", sets)) {
        const struct judgement *j = s.result.judgement;

        CHECK_U64(j->verdict, VERDICT_FAIL);
        CHECK(j->stop.stopped && j->stop.holds);
        CHECK_U64(j->stop.claim, STOP_FAIL);
        CHECK(j->tally.health.moves_asked < 18);
        CHECK(j->tally.classes[CLASS_SILENT_LOSS] > 0);
        CHECK(j->tally.classes[CLASS_NOT_SENT] > 0);
        CHECK_U64(j->tally.classes[CLASS_UNKNOWN], 0);
    }
    sim_fini(&s);
}

/* Of some 3,000 messages 1,500 may be lost: with as many delivered, whatever becomes of the rest cannot fail any gate. */
static void a_run_that_cannot_fail_any_more_ends_as_certain_to_pass(void)
{
    static const char *const sets[] = {"run.stop=certain",       "gates.silent-loss=1500",
                                       "gates.stranded=1500",    "gates.ndr=1500",
                                       "gates.left-behind=9999", NULL};
    struct sim_run s;
    char path[600];

    (void)snprintf(path, sizeof path, "%s",
                   scratch_file(scratch_dir("stop"), "p.yaml", CLEAN("parallel: 1")));
    if (walk(&s, path, sets)) {
        const struct judgement *j = s.result.judgement;

        CHECK_U64(j->verdict, VERDICT_PASS);
        CHECK(j->stop.stopped && j->stop.holds);
        CHECK_U64(j->stop.claim, STOP_PASS);
        CHECK_BETWEEN((double)j->tally.classes[CLASS_NOT_SENT], 1200, 1500);
        CHECK_U64(j->tally.classes[CLASS_DELIVERED] + j->tally.classes[CLASS_NOT_SENT],
                  j->tally.planned);
        CHECK(j->tally.health.moves_asked < j->manifest->move_count);
        CHECK_U64(j->tally.health.moves_undone, 0);
    }
    sim_fini(&s);
}

static bool is_violated(const struct judgement *j)
{
    if (j->tally.health.moves_disproved > 0) /* none of the drawn profiles has gates of its own */
        return true;
    for (uint32_t i = 0; i < j->gate_count; i++)
        if (j->gates[i].outcome != CLASS_COUNT && j->gates[i].outcome != CLASS_UNKNOWN &&
            j->gates[i].outcome != CLASS_NOT_SENT &&
            j->tally.classes[j->gates[i].outcome] > j->gates[i].limit)
            return true;
    return false;
}

struct drawn_runs {
    unsigned drawn, stopped, failed;
};

/* Left out are those whose stores hang until the plan kills them in the end, which a run that is stopped never comes to. */
static void walk_drawn(uint64_t seed, struct drawn_runs *t)
{
    static const char *const sets[] = {"run.stop=certain", NULL};
    static struct meddle meddle;
    static char dir[300], folder[320];
    char text[1500];
    struct drawn_net d = draw_net(seed);
    struct sim_run s;
    struct buf profile;

    (void)snprintf(dir, sizeof dir, "%s", scratch_dir("stop-drawn"));
    (void)snprintf(folder, sizeof folder, "%s/run", dir);
    buf_init(&profile, 1u << 20);
    draw_profile(seed, DRAW_WHOLE, &profile);
    const char *path = scratch_file(dir, "drawn.yaml", buf_text(&profile));
    bool hangs = strstr(buf_text(&profile), "kill1:") != NULL;

    buf_fini(&profile);
    if (hangs)
        return;
    meddle_init(&meddle, seed, d.cut_smtp_percent, d.cut_imap_percent);
    d.net.meddler = &meddle.meddler;
    struct sim_order o = {.profile = {.path = path, .sets = sets, .set_count = 1},
                          .dir = folder,
                          .net = d.net,
                          .view = TRUTH_WHOLE,
                          .armed = meddle_site,
                          .owner = &meddle};
    bool ok = sim_walk(&s, &o);
    const struct judgement *j = s.result.judgement;

    if (ok && j->stop.stopped)
        ok = j->stop.holds && j->stop.claim == STOP_FAIL && j->verdict == VERDICT_FAIL &&
             is_violated(j);
    t->drawn++;
    t->stopped += ok && j->stop.stopped;
    t->failed += ok && j->verdict == VERDICT_FAIL;
    (void)snprintf(text, sizeof text, "seed %u: %s", (unsigned)seed, s.wrong);
    (void)check_true(ok, text, __FILE__, __LINE__);
    sim_fini(&s);
}

/* Drawn sites, versions, knobs, moves and cuts: where the rule ends a run, the settled account (which sim_walk() holds
 * against the lab's truth, copy by copy) says FAIL too; and of those that would fail, it ends some. */
static void a_stopped_run_has_the_verdict_of_what_was_sent(void)
{
    struct drawn_runs t = {0, 0, 0};

    for (uint64_t seed = 1; seed <= 60; seed++)
        walk_drawn(seed, &t);
    (void)printf("  %u drawn runs: %u failed, %u of them were stopped\n", t.drawn, t.failed,
                 t.stopped);
    CHECK(t.stopped >= 10);
    CHECK(t.failed >= t.stopped);
}

static void a_clean_run_ends_as_soon_as_sprt_accepts_the_lower_rate(void)
{
    struct sim_run s;

    if (walk_text(&s, CLEAN("stop: sprt, stop_rate: 1%..5%"))) {
        const struct judgement *j = s.result.judgement;

        CHECK_U64(j->verdict, VERDICT_PASS);
        CHECK_I64(s.result.exit_code, 0);
        CHECK_U64(j->stop.claim, STOP_LOW);
        CHECK_U64(j->stop.claim_moves, 72); /* of the method's table: no loss, p0 .01, p1 .05 */
        CHECK_U64(j->stop.last.end, STOP_LOW);
        CHECK_U64(j->stop.last.seen.n, 72);
        CHECK_U64(j->stop.last.seen.k, 0);
        CHECK_BETWEEN(j->stop.last.rate.high, 0.05, 0.08); /* wider than 3/72 */
        CHECK(j->tally.health.moves_asked >= 72 && j->tally.health.moves_asked < 80);
        CHECK(j->tally.classes[CLASS_NOT_SENT] > 0);
        CHECK(has_reason(j, "0 of 72 moves lost something, so less than 5 % do"));
    }
    sim_fini(&s);
}

static void the_anytime_interval_needs_more_moves_than_that(void)
{
    struct sim_run s;

    if (walk_text(&s, CLEAN("stop: interval, stop_rate: 1%..5%"))) {
        const struct judgement *j = s.result.judgement;

        CHECK_U64(j->verdict, VERDICT_PASS);
        CHECK_U64(j->stop.claim, STOP_LOW);
        CHECK(j->stop.claim_moves > 100 && j->stop.claim_moves < 120);
        CHECK(j->stop.last.rate.high < 0.05);
    }
    sim_fini(&s);
}

static void without_a_decision_the_plan_is_carried_out(void)
{
    struct sim_run s;

    if (walk_text(&s, CLEAN("stop: sprt, stop_rate: 0.1%..1%"))) {
        const struct judgement *j = s.result.judgement;

        CHECK_U64(j->verdict, VERDICT_PASS);
        CHECK(!j->stop.stopped);
        CHECK_U64(j->stop.last.end, STOP_GO_ON);
        CHECK_U64(j->stop.last.seen.n, 120);
        CHECK_U64(j->tally.classes[CLASS_NOT_SENT], 0);
        CHECK(has_reason(j, "0 of 120 moves lost something, which decides nothing"));
    }
    sim_fini(&s);
}

static const struct test tests[] = {
    TEST(a_false_report_ends_the_run_as_certain_to_fail),
    TEST(a_silent_loss_ends_the_run_where_the_profile_lets_silence_count),
    TEST(a_silent_loss_ends_the_run_also_where_the_profile_says_nothing_of_silence),
    TEST(a_run_that_cannot_fail_any_more_ends_as_certain_to_pass),
    TEST(a_stopped_run_has_the_verdict_of_what_was_sent),
    TEST(a_clean_run_ends_as_soon_as_sprt_accepts_the_lower_rate),
    TEST(the_anytime_interval_needs_more_moves_than_that),
    TEST(without_a_decision_the_plan_is_carried_out),
    TEST_END};

const struct suite stop_suite = {"stop", tests};
