/* test_aim.c - adaptive aim on simulated time, from profile to summary; sim_walk() holds every copy against the lab's truth and
 * the live summary against the one that is judged from the journal.
 */
#include <stdio.h>

#include "profiles/workload.h"
#include "results/copies.h"
#include "results/judge.h"
#include "tests/sim/sim_run.h"
#include "tests/support/check.h"
#include "tests/support/scratch.h"

/* Mail that comes while the mailbox moves, or less than 60 s after somebody's mail was routed by its old home, is reported as
 * undeliverable (Q172364). Priming mail keeps the old home in memory. */
#define LOSING(law)                                                                                \
    "schema: 1\n"                                                                                  \
    "run: {name: aim, seed: 21}\n"                                                                 \
    "lab: {version: 5.5-sp3, servers: [s1, s2, s3], time_scale: 60}\n"                             \
    "mailboxes:\n"                                                                                 \
    "  box: {count: 30, home: s1, stock: 60s}\n"                                                   \
    "  joe: {count: 3, home: s3}\n"                                                                \
    "load:\n"                                                                                      \
    "  hunt: {via: s3, from: joe, to: box, arrivals: aimed, aim: " law ", mark: asked,\n"          \
    "    phase: 0s..25m, per_move: 20, prime: 12, prime_every: 10s, threads: 2}\n"                 \
    "moves:\n"                                                                                     \
    "  there: {mailboxes: box, from: s1, to: s2, start: 10s, every: 40m, count: 30}\n"             \
    "settle: {retry: 600s, deadline: 30m}\n"                                                       \
    "gates: {silent-loss: 0, ndr: 0, unknown: 0}\n"

static bool walk(struct sim_run *s, const char *text, const char *name)
{
    char path[600], dir[600];
    struct sim_order o = {.view = TRUTH_WHOLE,
                          .net = {.start_ns = 1000000000,
                                  .latency_min_ns = 50000,
                                  .latency_max_ns = 500000,
                                  .split_per_mille = 20}};

    (void)snprintf(path, sizeof path, "%s", scratch_file(scratch_dir("aim"), "p.yaml", text));
    (void)snprintf(dir, sizeof dir, "%s/run", scratch_dir(name));
    o.profile.path = path;
    o.dir = dir;
    bool ok = sim_walk(s, &o);

    return check_true(ok, s->wrong[0] ? s->wrong : name, __FILE__, __LINE__);
}

static bool is_aimed(const struct workload *w, uint64_t number)
{
    struct msg m = workload_message(w, number);

    return !m.prime;
}

struct losses {
    const struct workload *work;
    uint64_t sends, lost;
};

static bool count_losses(void *owner, const struct copy *copies, uint32_t n)
{
    struct losses *l = owner;

    if (n == 0 || !is_aimed(l->work, copies[0].number))
        return true;
    l->sends++;
    l->lost += copies[0].outcome == CLASS_NDR;
    return true;
}

/* The share of aimed messages that were lost, without any weight. */
static double share_lost(const struct sim_run *s)
{
    struct err e = {0};
    struct losses l = {.work = workload_create(s->arena, s->profile, &e)};
    struct copies *c = copies_create(s->result.ledger, &e);

    CHECK(l.work && c && copies_each(c, count_losses, &l));
    copies_destroy(c);
    return l.sends ? (double)l.lost / (double)l.sends : 0;
}

static void an_adaptive_load_learns_where_a_move_loses(void)
{
    struct sim_run s, even;

    if (walk(&s, LOSING("adaptive"), "aim-run") && walk(&even, LOSING("spread"), "aim-even")) {
        const struct judgement *j = s.result.judgement;

        CHECK_U64(j->verdict, VERDICT_FAIL);
        CHECK_U64(even.result.judgement->aims.count, 0);
        if (CHECK_U64(j->aims.count, 1)) {
            const struct aim_found *f = &j->aims.found[0];
            double spread = share_lost(&even), adaptive = share_lost(&s);

            CHECK_U64(f->aimed, 600);
            CHECK_U64(f->sends, 600);
            CHECK_U64(f->moves, 30);
            CHECK_U64(f->open, 0);
            CHECK(f->losses > 0 && f->strata.covered > .9);
            /* The weighted rate is that of even sends; the losses themselves are more. */
            (void)printf("  even %.3f, adaptive %.3f, weighted %.3f (%.3f to %.3f), window %.0f to "
                         "%.0f ms\n",
                         spread, adaptive, f->rate, f->rate_interval.low, f->rate_interval.high,
                         f->edges.begin / 1e3, f->edges.end / 1e3);
            CHECK(adaptive > 1.5 * spread);
            CHECK_BETWEEN(spread, f->rate_interval.low - .05, f->rate_interval.high + .05);
            CHECK(f->edges.fitted);
        }
    }
    sim_fini(&even);
    sim_fini(&s);
}

static void the_same_seed_aims_the_same(void)
{
    struct sim_run s, again;
    char why[300] = "";
    bool ok =
        walk(&s, LOSING("adaptive"), "aim-one") && walk(&again, LOSING("adaptive"), "aim-two");

    if (ok) {
        char one[600], two[600];

        (void)snprintf(one, sizeof one, "%s", s.result.dir);
        (void)snprintf(two, sizeof two, "%s", again.result.dir);
        check_true(sim_same_bytes(one, two, why, sizeof why), why, __FILE__, __LINE__);
    }
    sim_fini(&s);
    sim_fini(&again);
}

static const struct test tests[] = {TEST(an_adaptive_load_learns_where_a_move_loses),
                                    TEST(the_same_seed_aims_the_same), TEST_END};

const struct suite aim_suite = {"aim", tests};
