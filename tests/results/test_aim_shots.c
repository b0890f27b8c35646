/* test_aim_shots.c - what an adaptive load learns from the ledger, while the run goes on and when it has settled. */
#include <stdio.h>

#include "base/bytes.h"
#include "results/aim_shots.h"
#include "results/event.h"
#include "tests/results/world.h"
#include "tests/support/check.h"
#include "tests/support/scratch.h"

static void aim_world(struct world *w, uint64_t messages)
{
    world_init(w, messages);
    w->loads[0].aim = (struct manifest_aim){MARK_FLIPPED, 0, S(60)};
    w->gates[0] = (struct manifest_gate){"silent-loss", 0};
    w->gates[1] = (struct manifest_gate){"ndr", 0};
    w->m.gate_count = 2;
}

static void aimed(struct world *w, uint64_t number, double phase_s, double weight)
{
    add(w, (struct event){.kind = EV_AIM,
                          .slot = number * w->m.stride,
                          .t_ns = S(99),
                          .place = 2,
                          .code = (uint32_t)(weight * 1e6),
                          .a = event_aim(0, 1),
                          .b = (uint32_t)(phase_s * 1e6)});
}

/* Message 0 came, 1 is silent, 2 was reported as failed, 3 is silent and younger, 4 never left; all aimed. */
static void play(struct world *w)
{
    aim_world(w, 5);
    moved(w, 0, 100, 110, 120);
    for (uint64_t n = 0; n < 5; n++)
        aimed(w, n, 10 + (double)n, 0.5 + (double)n);
    for (uint64_t n = 0; n < 4; n++)
        accepted(w, n, 120 + (double)n * (n == 3 ? 20 : 1));
    seen(w, 0, 125, 1, BOB, 5);
    reported(w, 2, 130, BOB, 77);
}

static struct aim_shots read_at(struct world *w, uint64_t now_ns)
{
    struct aim_shots s = {0};
    struct err e = {0};

    CHECK(aim_shots_read(&s, w->copies, 0, now_ns, &e));
    return s;
}

static void copies_that_are_silent_for_long_are_probably_lost(void)
{
    struct world w;

    play(&w);
    (void)judged(&w);
    struct aim_shots s = read_at(&w, S(140));

    CHECK_U64(s.aimed, 5);
    CHECK_U64(s.count, 2); /* the one that came, and the one that was reported */
    CHECK_U64(s.losses, 1);
    CHECK_U64(s.probable, 0);
    CHECK_U64(s.open, 2);
    aim_shots_fini(&s);
    s = read_at(&w,
                S(160)); /* message 1 was accepted at 121.01, its move ended at 120, late is 30 s */
    CHECK_U64(s.count, 3);
    CHECK_U64(s.losses, 2);
    CHECK_U64(s.probable, 1);
    CHECK_U64(s.open, 1);
    aim_shots_fini(&s);
    s = read_at(&w, NEVER_NS); /* nothing is final yet */
    CHECK_U64(s.count, 2);
    CHECK_U64(s.probable, 0);
    aim_shots_fini(&s);
    world_fini(&w);
}

static void while_a_mailbox_moves_silence_says_nothing(void)
{
    struct world w;

    aim_world(&w, 1);
    add(&w, (struct event){.kind = EV_MOVE, .t_ns = S(100), .place = 1, .a = BOB});
    aimed(&w, 0, 1, 1);
    accepted(&w, 0, 111);
    (void)judged(&w);
    struct aim_shots s = read_at(&w, S(1000));

    CHECK_U64(s.count, 0);
    CHECK_U64(s.open, 1);
    aim_shots_fini(&s);
    world_fini(&w);
}

static void a_settled_run_counts_only_what_is_final(void)
{
    struct world w;

    play(&w);
    settle(&w, 400);
    const struct judgement *j = judged(&w);
    struct aim_shots s = read_at(&w, NEVER_NS);

    CHECK_U64(s.count, 4);
    CHECK_U64(s.losses, 3);
    CHECK_U64(s.probable, 0);
    CHECK_U64(s.open, 0);
    for (size_t i = 0; i < s.count && i < 4; i++) {
        /* 50 us late at time scale 60 */
        CHECK_BETWEEN(s.shots[i].phase, (10 + (double)i) * 1e6 + 3000 - .01,
                      (10 + (double)i) * 1e6 + 3000 + .01);
        CHECK_BETWEEN(s.weights[i], .5 + (double)i - 1e-6, .5 + (double)i + 1e-6);
        CHECK(s.shots[i].lost == (i > 0));
    }
    aim_shots_fini(&s);
    if (CHECK(j != NULL) && CHECK_U64(j->aims.count, 1)) {
        const struct aim_found *f = &j->aims.found[0];

        CHECK_U64(f->aimed, 5);
        CHECK_U64(f->sends, 4);
        CHECK_U64(f->losses, 3);
        CHECK_BETWEEN(f->rate, (1.5 + 2.5 + 3.5) / 4 - 1e-6, (1.5 + 2.5 + 3.5) / 4 + 1e-6);
        CHECK_U64(f->moves, 1);
    }
    world_fini(&w);
}

static void summarize(struct world *w, struct buf *out)
{
    struct err e = {0};

    buf_init(out, 1u << 20);
    CHECK(judgement_print_summary(judged(w), out, &e));
}

static void order_and_repetition_of_aims_do_not_matter(void)
{
    struct world w, other;
    struct buf one, two;

    play(&w);
    settle(&w, 400);
    play(&other);
    settle(&other, 400);
    for (uint32_t i = 0, n = other.count; i < n; i++) { /* backwards, and then once more */
        other.events[2 * n - 1 - i] = w.events[i];
        other.events[i] = w.events[n - 1 - i];
    }
    other.count *= 2;
    summarize(&w, &one);
    summarize(&other, &two);
    CHECK_MEM(one.p, one.n, two.p, two.n);
    CHECK_HAS(buf_text(&one), "\"aim\": {");
    CHECK_HAS(buf_text(&one), "\"losses\": 3");
    buf_fini(&one);
    buf_fini(&two);
    world_fini(&w);
    world_fini(&other);
}

static void two_aims_at_one_message_count_once(void)
{
    struct world w;

    play(&w);
    aimed(&w, 0, 50, 1);
    (void)judged(&w);
    struct aim_shots s = read_at(&w, S(160));

    CHECK_U64(s.aimed, 5);
    CHECK_BETWEEN(s.shots[0].phase, 10e6, 11e6);
    aim_shots_fini(&s);
    world_fini(&w);
}

static void aims_that_fit_no_manifest_are_strays(void)
{
    struct world w;

    play(&w);
    add(&w, (struct event){.kind = EV_AIM, .slot = 99, .place = 2});
    add(&w, (struct event){.kind = EV_AIM, .slot = 2, .place = 2, .a = event_aim(7, 0)});
    add(&w, (struct event){.kind = EV_AIM, .slot = 2, .place = 9});
    CHECK_U64(judged(&w)->tally.health.strays, 3);
    world_fini(&w);
}

static void a_manifest_keeps_what_is_aimed_at(void)
{
    struct world w;
    struct err e = {0};
    char path[600];
    struct arena *a = arena_create(1u << 20);

    aim_world(&w, 5);
    (void)snprintf(path, sizeof path, "%s/manifest.json", scratch_dir("aim-manifest"));
    CHECK(manifest_write(&w.m, path, &e));
    const struct manifest *m = manifest_read(a, path, &e);

    if (CHECK_STR(e.text, "") && m) {
        CHECK_U64(m->loads[0].aim.mark, MARK_FLIPPED);
        CHECK_U64(m->loads[0].aim.from_ns, 0);
        CHECK_U64(m->loads[0].aim.to_ns, S(60));
    }
    w.loads[0].aim.from_ns = S(60);
    CHECK(manifest_write(&w.m, path, &e));
    CHECK(manifest_read(a, path, &e) == NULL);
    CHECK_HAS(e.text, "\"aim\" is at nothing");
    arena_destroy(a);
    world_fini(&w);
}

static const struct test tests[] = {
    TEST(copies_that_are_silent_for_long_are_probably_lost),
    TEST(while_a_mailbox_moves_silence_says_nothing),
    TEST(a_settled_run_counts_only_what_is_final),
    TEST(order_and_repetition_of_aims_do_not_matter),
    TEST(two_aims_at_one_message_count_once),
    TEST(aims_that_fit_no_manifest_are_strays),
    TEST(a_manifest_keeps_what_is_aimed_at),
    TEST_END,
};
const struct suite aim_shots_suite = {"aim_shots", tests};
