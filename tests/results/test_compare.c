/* test_compare.c - what may be said of two runs, and what not. Runs are made of counts; p-values are those of spec and hand. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "results/compare.h"
#include "results/compare_matrix.h"
#include "tests/results/near.h"
#include "tests/results/world.h"
#include "tests/support/check.h"
#include "tests/support/scratch.h"

#define ARENA_BYTES (64u << 20)
#define MOVES       32

/* A run whose moves each have so many copies of two classes and are delivered else. */
struct made {
    struct compared run;
    uint64_t moves[MOVES][CLASS_COUNT];
};

static void make(struct made *m, const char *name, uint32_t moves)
{
    *m = (struct made){.run = {.name = "", .verdict = "FAIL", .target = "lab"}};
    (void)snprintf(m->run.name, sizeof m->run.name, "%s", name);
    (void)snprintf(m->run.id, sizeof m->run.id, "%.20s", name);
    m->run.prints = (struct manifest_prints){1, 2, 3, 4};
    m->run.seed_print = 5;
    m->run.window.why = "nobody asked";
    m->run.moves = m->moves;
    m->run.move_count = moves;
    for (uint32_t i = 0; i < moves; i++)
        m->moves[i][CLASS_DELIVERED] = 100;
    m->run.planned = m->run.classes[CLASS_DELIVERED] = 100ull * moves;
}

static void harm(struct made *m, uint32_t from, uint32_t to, enum outcome c, uint64_t copies)
{
    for (uint32_t i = from; i < to; i++) {
        m->moves[i][c] += copies;
        m->moves[i][CLASS_DELIVERED] -= copies;
        m->run.classes[c] += copies;
        m->run.classes[CLASS_DELIVERED] -= copies;
    }
}

static struct arena *arena;
static struct buf out;

static struct comparison *compared(const struct made *a, const struct made *b, bool force,
                                   struct err *e)
{
    struct compared *runs;

    arena_destroy(arena);
    arena = arena_create(ARENA_BYTES);
    runs = arena_new(arena, struct compared, 2);
    runs[0] = a->run;
    runs[1] = b->run;
    return comparison_make(arena, runs, 2, force, e);
}

static const struct answer *asked(const struct comparison *c, const char *name)
{
    static const struct answer none;

    for (uint32_t i = 0; c && i < c->pairs[0].answer_count; i++)
        if (strcmp(c->pairs[0].answers[i].question.name, name) == 0)
            return &c->pairs[0].answers[i];
    CHECK_STR("(not asked)", name);
    return &none;
}

static const char *words(const struct comparison *c)
{
    buf_fini(&out);
    buf_init(&out, 1u << 20);
    CHECK(c && compare_text(c, true, &out, false));
    return buf_text(&out);
}

static void done(void)
{
    buf_fini(&out);
    arena_destroy(arena);
    arena = NULL;
}

static void holm_is_what_a_hand_computes(void)
{
    double p[] = {0.01, 0.04, 0.03, 0.005, 0.9};
    double *all[] = {&p[0], &p[1], &p[2], &p[3], &p[4]};

    holm_adjust(all, 5);
    CHECK_NEAR(p[3], 0.025, 1e-12);
    CHECK_NEAR(p[0], 0.04, 1e-12);
    CHECK_NEAR(p[2], 0.09, 1e-12);
    CHECK_NEAR(p[1], 0.09, 1e-12); /* 0.08, but not below the one before */
    CHECK_NEAR(p[4], 0.9, 1e-12);
    holm_adjust(all, 0);
}

static void silence_that_became_reports_is_better_in_silence_and_not_in_delivery(void)
{
    struct made a, b;
    struct err e = {0};

    make(&a, "sp3", 20);
    make(&b, "sp4", 20);
    harm(&a, 0, 20, CLASS_SILENT_LOSS, 5);
    harm(&b, 0, 20, CLASS_NDR, 5);
    struct comparison *c = compared(&a, &b, false, &e);
    const struct answer *q = asked(c, "silence");

    CHECK_STR(e.text, "");
    CHECK_U64(q->all, SHOWN_BETTER);
    CHECK_U64(q->a.units.k, 20);
    CHECK_U64(q->b.units.k, 0);
    CHECK_U64(q->b.units.n, 20);
    CHECK_U64(q->a.copies.k, 100);
    CHECK_U64(q->a.copies.n, 2000);
    CHECK_NEAR(q->fisher, 1.450889e-11, 1e-5); /* 2 / C(40, 20) */
    CHECK(q->better > 0.999999);
    CHECK_U64(asked(c, "delivery")->all, SHOWN_NOT);
    CHECK_U64(asked(c, "responsibility")->same_as, 0); /* the same moves and copies as silence */
    CHECK_U64(asked(c, "transparency")->all, SHOWN_NOT);
    CHECK_U64(asked(c, "ndr")->all, SHOWN_WORSE);
    CHECK_U64(c->tests, 6); /* silence, delivery, ndr: moves and copies each */
    CHECK_HAS(words(c),
              "sp4 is better in silence and responsibility; a difference was not shown in "
              "delivery and transparency\n");
    CHECK_HAS(buf_text(&out), "silence: sp4 is better: 0 of 20 moves lost something in silence "
                              "instead of 20 of 20 (-100 %, 95 % interval -100 % to -77 %");
    CHECK_HAS(buf_text(&out), "delivery: a difference was not shown: 20 of 20 and 20 of 20 moves");
    CHECK_HAS(buf_text(&out),
              "responsibility: better, by the very same moves and copies as silence\n");
    CHECK_HAS(buf_text(&out),
              "transparency: a difference was not shown, by the very same moves and "
              "copies as delivery\n");
    CHECK_HAS(buf_text(&out), "Both were sent the same messages");
    done();
}

static void few_losing_moves_show_nothing_and_it_is_said_how_many_would(void)
{
    struct made a, b;
    struct err e = {0};

    make(&a, "one", 20);
    make(&b, "two", 20);
    harm(&a, 0, 2, CLASS_SILENT_LOSS, 3);
    b.run.seed_print = 6;
    struct comparison *c = compared(&a, &b, false, &e);
    const struct answer *q = asked(c, "silence");

    CHECK_U64(q->all, SHOWN_NOT);
    CHECK_NEAR(q->fisher, 0.487179487, 1e-8);
    CHECK(q->can_show);
    CHECK_U64(q->least_a.k, 6); /* two tests: 6 of 20 against 0 of 20 is p = 0.020, 5 is 0.047 */
    CHECK_U64(q->least_b.k, 0);
    CHECK_U64(c->tests, 2);
    CHECK_U64(q->needed, 90); /* at 0.0125 one-sided, by enumeration */
    CHECK(!q->aims_apart);
    CHECK_HAS(words(c), "a difference was not shown: 2 of 20 and 0 of 20 moves lost something in "
                        "silence");
    CHECK_HAS(buf_text(&out), "20 moves each can show no less than 6 of 20 against 0 of 20; about "
                              "90 each would be needed if these are the true shares");
    CHECK(!strstr(buf_text(&out), "the same messages"));
    done();
}

static void where_shares_are_the_same_it_is_said_what_ten_points_would_take(void)
{
    struct made a, b;
    struct err e = {0};

    make(&a, "sp1", 20);
    make(&b, "sp2", 20);
    harm(&a, 0, 20, CLASS_SILENT_LOSS, 3);
    harm(&b, 0, 20, CLASS_SILENT_LOSS, 3);
    harm(&a, 0, 9, CLASS_NDR, 1);
    harm(&b, 0, 9, CLASS_NDR, 1);
    struct comparison *c = compared(&a, &b, false, &e);
    const struct answer *q = asked(c, "silence");

    CHECK_U64(c->tests, 6);
    CHECK_U64(q->in_units, SHOWN_NOT);
    CHECK(q->aims_apart);
    CHECK_NEAR(q->aim_b, 0.9, 1e-12);
    CHECK_U64(q->needed, 101); /* at 0.05 / 6 / 2 one-sided, by enumeration */
    CHECK_U64(asked(c, "ndr")->all, SHOWN_NOT);
    CHECK_HAS(words(c), "about 101 each would be needed to show 100 % against 90 %");
    done();
}

static void small_shares_are_said_in_parts_of_a_million(void)
{
    char text[32];

    CHECK_STR(say_share(text, sizeof text, 0), "0 %");
    CHECK_STR(say_share(text, sizeof text, -1e-12), "0 %");
    CHECK_STR(say_share(text, sizeof text, 0.0000004), "0.40 ppm");
    CHECK_STR(say_share(text, sizeof text, -0.000005), "-5.0 ppm");
    CHECK_STR(say_share(text, sizeof text, 0.00008), "80 ppm");
    CHECK_STR(say_share(text, sizeof text, 0.0006), "0.06 %");
    CHECK_STR(say_share(text, sizeof text, -0.123), "-12 %");
    CHECK_STR(say_chance(text, sizeof text, 0.99999), "> 99.9 %");
    CHECK_STR(say_chance(text, sizeof text, 0.0004), "< 0.1 %");
    CHECK_STR(say_chance(text, sizeof text, 0.5), "50.0 %");
}

static void so_many_copies_that_nothing_is_searched_for_are_not_called_too_few(void)
{
    struct made a, b;
    struct err e = {0};

    make(&a, "one", 0);
    make(&b, "two", 0);
    a.run.classes[CLASS_DELIVERED] = b.run.classes[CLASS_DELIVERED] = 10000000;
    a.run.classes[CLASS_NDR] = 1000;
    b.run.classes[CLASS_NDR] = 1010;
    a.run.planned = b.run.planned = 10001000;
    CHECK_HAS(words(compared(&a, &b, false, &e)), "copies left something undelivered (p 0.8409)\n");
    CHECK(!asked(compared(&a, &b, false, &e), "delivery")->searched);
    done();
}

static void three_moves_can_show_nothing(void)
{
    struct made a, b;
    struct err e = {0};

    make(&a, "one", 3);
    make(&b, "two", 3);
    harm(&a, 0, 3, CLASS_NDR, 100);
    struct comparison *c = compared(&a, &b, false, &e);

    CHECK(!asked(c, "delivery")->can_show);
    CHECK_U64(asked(c, "delivery")->all, SHOWN_NOT);
    CHECK_HAS(words(c), "3 moves each are too few to show anything");
    CHECK(strstr(words(c), " \n") == NULL);
    buf_fini(&out);
    buf_init(&out, 1u << 20);
    CHECK(compare_text(c, false, &out, false));
    CHECK_HAS(buf_text(&out), "\n3 moves each are too few to show anything; ");
    done();
}

static void a_run_on_simulated_time_beside_one_over_sockets_is_said_to_be_that(void)
{
    struct made a, b;
    struct err e = {0};

    make(&a, "one", 5);
    make(&b, "two", 5);
    CHECK(strstr(words(compared(&a, &b, false, &e)), "simulated") == NULL);
    b.run.simulated = true;
    CHECK_HAS(words(compared(&a, &b, false, &e)), "\ntwo ran on simulated time and one over");
    done();
}

static void one_catastrophic_move_proves_nothing(void)
{
    struct made a, b;
    struct err e = {0};

    make(&a, "good", 6);
    make(&b, "bad", 6);
    harm(&b, 0, 1, CLASS_SILENT_LOSS, 20);
    struct comparison *c = compared(&a, &b, false, &e);
    const struct answer *q = asked(c, "silence");

    CHECK_NEAR(q->deal.p, 0.5, 1e-12);
    CHECK(q->deal.exact);
    CHECK_U64(q->all, SHOWN_NOT);
    done();
}

static void more_copies_in_as_many_moves_are_said_to_be_that(void)
{
    struct made a, b;
    struct err e = {0};

    make(&a, "some", 20);
    make(&b, "many", 20);
    harm(&a, 0, 20, CLASS_NDR, 2);
    harm(&b, 0, 20, CLASS_NDR, 30);
    struct comparison *c = compared(&a, &b, false, &e);
    const struct answer *q = asked(c, "delivery");

    CHECK_U64(q->in_units, SHOWN_NOT);
    CHECK_U64(q->in_copies, SHOWN_WORSE);
    CHECK_U64(q->all, SHOWN_WORSE);
    CHECK_HAS(words(c),
              "which was not shown to be another number of moves, but more copies: 600 of "
              "2,000 instead of 40 of 2,000");
    done();
}

static void fewer_moves_and_more_copies_are_neither_better_nor_worse(void)
{
    struct made a, b;
    struct err e = {0};

    make(&a, "spread", 30);
    make(&b, "heaped", 30);
    harm(&a, 0, 30, CLASS_NDR, 1);
    harm(&b, 0, 16, CLASS_NDR, 95);
    struct comparison *c = compared(&a, &b, false, &e);
    const struct answer *q = asked(c, "delivery");

    CHECK_U64(q->in_units, SHOWN_BETTER);
    CHECK_U64(q->in_copies, SHOWN_WORSE);
    CHECK_U64(q->all, SHOWN_NOT);
    CHECK_HAS(words(c), "moves and copies speak against each other");
    done();
}

static void runs_without_harm_are_said_to_have_none(void)
{
    struct made a, b;
    struct err e = {0};

    make(&a, "one", 4);
    make(&b, "two", 4);
    struct comparison *c = compared(&a, &b, false, &e);

    CHECK_U64(asked(c, "silence")->all, SHOWN_NEITHER);
    CHECK_U64(c->tests, 0);
    CHECK_HAS(words(c),
              "no harm in either in silence, delivery, responsibility and transparency\n");
    CHECK_HAS(buf_text(&out),
              "silence: none of 4 and of 4 moves lost something in silence; at most "
              "53 % do (95 %)\n");
    CHECK_HAS(buf_text(&out), "there was no harm, so nothing was tested");
    done();
}

static void a_move_with_unknown_copies_and_no_harm_is_left_out(void)
{
    struct made a, b;
    struct err e = {0};

    make(&a, "one", 10);
    make(&b, "two", 10);
    harm(&a, 0, 4, CLASS_UNKNOWN, 1);
    harm(&a, 3, 5, CLASS_SILENT_LOSS, 1);
    struct comparison *c = compared(&a, &b, false, &e);
    const struct answer *q = asked(c, "silence");

    CHECK_U64(q->a.open, 3); /* 0, 1, 2; of 3 harm is known already */
    CHECK_U64(q->a.units.n, 7);
    CHECK_U64(q->a.units.k, 2);
    CHECK_U64(q->a.copies.n, 699);
    CHECK_HAS(words(c), "one: 4 copies are unknown: shares leave them out, and tests count them");
    CHECK_U64(q->a.best.units.n, 10);
    CHECK_U64(q->a.worst.units.k, 5);
    CHECK_NEAR(q->fisher, 0.473684211, 1e-8); /* 2 of 10 against 0 of 10 */
    done();
}

static void what_is_unknown_makes_no_run_better(void)
{
    struct made a, b;
    struct err e = {0};

    make(&a, "whole", 20);
    make(&b, "killed", 20);
    harm(&a, 0, 20, CLASS_SILENT_LOSS, 10);
    harm(&b, 0, 20, CLASS_UNKNOWN, 10); /* what would be lost too, had anybody waited */
    b.run.cut_short = true;
    struct comparison *c = compared(&a, &b, false, &e);
    const struct answer *q = asked(c, "silence");

    CHECK_NEAR(q->fisher, 1, 0);
    CHECK_NEAR(q->dealt, 1, 0);
    CHECK_U64(q->all, SHOWN_NOT);
    make(&b, "killed", 20);
    harm(&b, 0, 20, CLASS_SILENT_LOSS, 2);
    harm(&b, 0, 20, CLASS_UNKNOWN, 9); /* 2 to 11: by copies it is not shown either */
    CHECK_U64(asked(compared(&a, &b, false, &e), "silence")->all, SHOWN_NOT);
    CHECK_U64(asked(compared(&b, &a, false, &e), "silence")->all, SHOWN_NOT);
    make(&b, "killed", 20);
    harm(&b, 0, 20, CLASS_SILENT_LOSS, 2);
    harm(&b, 0, 20, CLASS_UNKNOWN, 1); /* 2 to 3 against 10: that is enough */
    CHECK_U64(asked(compared(&a, &b, false, &e), "silence")->all, SHOWN_BETTER);
    CHECK_U64(asked(compared(&b, &a, false, &e), "silence")->all, SHOWN_WORSE);
    a.run.move_count = 0; /* by copy the same */
    CHECK_U64(asked(compared(&a, &b, false, &e), "silence")->all, SHOWN_BETTER);
    harm(&b, 0, 20, CLASS_UNKNOWN, 9);
    CHECK_U64(asked(compared(&a, &b, false, &e), "silence")->all, SHOWN_NOT);
    done();
}

static void without_moves_copies_count_and_that_is_said(void)
{
    struct made a, b;
    struct err e = {0};

    make(&a, "one", 10);
    make(&b, "two", 10);
    harm(&a, 0, 10, CLASS_SILENT_LOSS, 4);
    a.run.move_count = 0;
    struct comparison *c = compared(&a, &b, false, &e);
    const struct answer *q = asked(c, "silence");

    CHECK(!c->pairs[0].by_move);
    CHECK_U64(q->a.units.k, 40);
    CHECK_U64(q->b.units.n, 1000);
    CHECK_U64(q->all, SHOWN_BETTER);
    CHECK_U64(c->tests, 1);
    CHECK_HAS(words(c), "Counted by copy, as not both made moves");
    CHECK_HAS(buf_text(&out), "transparency (counted by copy)\n");
    CHECK_HAS(buf_text(&out), "two is better: 0 of 1,000 copies lost something in silence");
    done();
}

static void runs_of_different_plans_are_refused_and_forced_with_a_warning(void)
{
    struct made a, b;
    struct err e = {0};

    make(&a, "one", 4);
    make(&b, "two", 4);
    b.run.prints.loads = 9;
    b.run.prints.actions = 9;
    CHECK(!compared(&a, &b, false, &e));
    CHECK_U64(e.code, EX_BAD_USAGE);
    CHECK_HAS(e.text, "one and two differ in loads and actions");
    CHECK_HAS(words(compared(&a, &b, true, &e)), "WARNING: the plans differ in loads and actions");
    a.run.prints = (struct manifest_prints){0};
    CHECK(!compared(&a, &b, false, &e));
    CHECK_HAS(e.text, "older version");
    CHECK_HAS(words(compared(&a, &b, true, &e)),
              "WARNING: whether the plans are the same is not known");
    done();
}

static const char hostile[] = "<script>alert(1)</script>&\"'";

static void pages_and_json_come_out_the_same_and_keep_markup_out(void)
{
    struct made a, b;
    struct err e = {0};
    struct buf again;

    make(&a, hostile, 20);
    make(&b, "sp4", 20);
    harm(&a, 0, 20, CLASS_SILENT_LOSS, 5);
    struct comparison *c = compared(&a, &b, false, &e);

    buf_init(&again, 1u << 20);
    buf_fini(&out);
    buf_init(&out, 1u << 20);
    CHECK(compare_html(c, &out, &e));
    CHECK(compare_html(compared(&a, &b, false, &e), &again, &e));
    CHECK_MEM(out.p, out.n, again.p, again.n);
    CHECK(!strstr(buf_text(&out), "<script"));
    CHECK_HAS(buf_text(&out), "&lt;script&gt;alert(1)&lt;/script&gt;&amp;&quot;&#39;");
    CHECK_HAS(buf_text(&out), "content=\"default-src 'none'; img-src data:;");
    CHECK_HAS(buf_text(&out), "</html>\n");
    buf_clear(&out);
    buf_clear(&again);
    CHECK(compare_json(compared(&a, &b, false, &e), &out, &e));
    CHECK(compare_json(compared(&a, &b, false, &e), &again, &e));
    CHECK_MEM(out.p, out.n, again.p, again.n);
    CHECK_HAS(buf_text(&out), "\"p_units_ppb\": 1,"); /* rounded up: it is not 0 */
    CHECK_HAS(buf_text(&out), "\"shown\": \"better\"");
    buf_fini(&again);
    done();
}

/* --------------------------------------------------------------------------------------------------------- several runs */

static void called(struct made *m, const char *profile, const char *variant, const char *target)
{
    (void)snprintf(m->run.profile, sizeof m->run.profile, "%s", profile);
    (void)snprintf(m->run.variant, sizeof m->run.variant, "%s", variant);
    (void)snprintf(m->run.target, sizeof m->run.target, "%s", target);
}

static struct comparison *of_many(const struct made *all, uint32_t count)
{
    struct compared *runs;
    struct err e = {0};

    arena_destroy(arena);
    arena = arena_create(ARENA_BYTES);
    runs = arena_new(arena, struct compared, count);
    for (uint32_t i = 0; i < count; i++)
        runs[i] = all[i].run;
    struct comparison *c = comparison_make(arena, runs, count, false, &e);

    CHECK_STR(e.text, "");
    return c;
}

static void runs_are_called_by_what_tells_them_apart(void)
{
    struct made all[4];

    for (int i = 0; i < 4; i++)
        make(&all[i], "q sp", 4);
    called(&all[0], "q", "", "lab 5.5-sp3");
    called(&all[1], "q", "sp4", "lab 5.5-sp4");
    called(&all[2], "q", "", "lab 5.5-sp3");
    called(&all[3], "q", "", "lab modern");
    struct comparison *c = of_many(all, 4);

    CHECK_STR(c->runs[0].label, "5.5-sp3 #1");
    CHECK_STR(c->runs[1].label, "sp4");
    CHECK_STR(c->runs[2].label, "5.5-sp3 #3");
    CHECK_STR(c->runs[3].label, "modern");
    called(&all[3], "another", "", "lab modern");
    (void)snprintf(all[3].run.name, sizeof all[3].run.name, "another (lab modern)");
    c = of_many(all, 4);
    CHECK_STR(c->runs[0].label, "q sp #1");
    CHECK_STR(c->runs[3].label, "another (lab modern)");
    done();
}

static void all_tests_of_several_runs_are_corrected_together(void)
{
    struct made all[4];

    for (int i = 0; i < 4; i++)
        make(&all[i], "run", 6);
    harm(&all[1], 0, 6, CLASS_SILENT_LOSS, 3); /* 0 of 6, 6 of 6, 0 of 6, 0 of 6: p = 2/C(12, 6) */
    struct comparison *c = of_many(all, 2);

    CHECK_U64(c->tests, 2);
    CHECK_NEAR(c->pairs[0].answers[0].fisher_adjusted, 2 * 2.0 / 924, 1e-12);
    c = of_many(all, 4);
    CHECK_U64(c->tests, 4); /* the last pair has nothing to test */
    CHECK_NEAR(c->pairs[0].answers[0].fisher_adjusted, 4 * 2.0 / 924, 1e-12);
    CHECK_U64(c->pairs[0].answers[0].all, SHOWN_WORSE);
    CHECK_U64(c->pairs[1].answers[0].all, SHOWN_BETTER);
    CHECK_U64(c->pairs[2].answers[0].all, SHOWN_NEITHER);
    CHECK_HAS(words(c),
              "run #1 -> run #2: run #2 is worse in silence, delivery, responsibility and "
              "transparency\nrun #2 -> run #3: run #3 is better in silence");
    CHECK(!strstr(buf_text(&out), "silence: ")); /* so many runs in tables alone */
    CHECK_HAS(words(of_many(all, 3)), "silence: run #2 is worse: 6 of 6 moves");
    done();
}

static void sixty_four_runs_of_nothing_are_compared(void)
{
    static struct made all[COMPARED_MAX];

    for (int i = 0; i < COMPARED_MAX; i++)
        make(&all[i], "same", 0);
    struct comparison *c = of_many(all, COMPARED_MAX);

    CHECK_U64(c->tests, 0);
    CHECK_U64(c->pairs[62].answers[0].all, SHOWN_NOT); /* no copies say anything */
    CHECK_STR(c->runs[63].label, "same #64");
    CHECK_HAS(words(c), "(counted by copy)");
    done();
}

static void windows_lie_over_each_other_on_one_scale(void)
{
    struct made all[2];
    const int64_t s = 1000000000;

    make(&all[0], "early", 4);
    make(&all[1], "late", 4);
    all[0].run.window = (struct compared_window){.looked_for = true,
                                                 .known = true,
                                                 .conclusive = true,
                                                 .mark = "flipped",
                                                 .low_ns = -50 * s,
                                                 .high_ns = -10 * s,
                                                 .begin_low_ns = INT64_MIN,
                                                 .begin_high_ns = -40 * s,
                                                 .end_low_ns = -12 * s,
                                                 .end_high_ns = -8 * s};
    all[1].run.window = all[0].run.window;
    all[1].run.window.low_ns = 10 * s;
    all[1].run.window.high_ns = 50 * s;
    all[1].run.window.begin_low_ns = 8 * s;
    all[1].run.window.begin_high_ns = 12 * s;
    all[1].run.window.end_low_ns = 45 * s;
    all[1].run.window.end_high_ns = INT64_MAX;
    struct comparison *c = of_many(all, 2);
    struct extent x = compared_extent(c);

    CHECK_STR(x.mark, "flipped");
    CHECK_NEAR(x.from_ns, -55e9, 10); /* a twentieth of 100 s is room at either side */
    CHECK_NEAR(extent_place(&x, 0), 0.5, 1e-9);
    CHECK_NEAR(extent_place(&x, INT64_MIN), 0, 0);
    CHECK_HAS(words(c), "early  ---######################-....|......");
    CHECK_HAS(buf_text(&out), "-50.000s (unbounded to -40.000s) to -10.000s (-12.000s to -8.000s)");
    all[1].run.window.mark = "asked";
    x = compared_extent(of_many(all, 2));
    CHECK(x.any && !x.mark);
    CHECK_HAS(words(of_many(all, 2)), "relative to the mark of each");
    CHECK_HAS(buf_text(&out), "+50.000s (+45.000s to unbounded) of asked\n");
    done();
}

/* ------------------------------------------------------------------------------------------------------- runs on disk */

static void a_killed_run_is_compared_and_called_that(void)
{
    struct world w;
    struct err e = {0};
    struct compared runs[2];
    char path[400], dir[300];

    arena_destroy(arena);
    arena = arena_create(ARENA_BYTES);
    for (int i = 0; i < 2; i++) {
        (void)snprintf(dir, sizeof dir, "%s", scratch_dir(i ? "compare-killed" : "compare-ended"));
        world_init(&w, 3);
        w.m.name = "plain\x1b[31m\nname";
        accepted(&w, 0, 105);
        if (i == 0)
            ends(&w, 500);
        (void)snprintf(path, sizeof path, "%s/summary.json", dir);
        CHECK(judgement_write_summary(judged(&w), path, &e));
        CHECK(compared_read(&runs[i], arena, dir, &e));
        world_fini(&w);
    }
    CHECK(!runs[0].cut_short);
    CHECK(runs[1].cut_short);
    CHECK_STR(runs[1].profile, "plain [31m name"); /* it goes to a terminal */
    CHECK_STR(runs[1].folder, strrchr(dir, '/') + 1);
    CHECK_HAS(words(comparison_make(arena, runs, 2, true, &e)),
              "did not come to its own end: this is its account until then\n");
    done();
}

static void a_run_is_read_from_its_summary_and_manifest(void)
{
    struct world w;
    struct err e = {0};
    struct compared from_summary;
    struct arena *a = arena_create(ARENA_BYTES);
    char path[400], dir[300];

    (void)snprintf(dir, sizeof dir, "%s", scratch_dir("compare-run"));
    world_init(&w, 3);
    w.m.prints = (struct manifest_prints){11, 12, 13, UINT64_MAX};
    moved(&w, 0, 100, 110, 120);
    for (uint64_t n = 0; n < 3; n++)
        accepted(&w, n, 105 + (double)n);
    seen(&w, 0, 300, 1, BOB, 1);
    settle(&w, 400);
    ends(&w, 500);
    (void)snprintf(path, sizeof path, "%s/summary.json", dir);
    CHECK(judgement_write_summary(judged(&w), path, &e));
    (void)snprintf(path, sizeof path, "%s/manifest.json", dir);
    CHECK(manifest_write(&w.m, path, &e));
    CHECK(compared_read(&from_summary, a, dir, &e));
    CHECK_STR(e.text, "");
    CHECK_U64(from_summary.move_count, 1);
    CHECK_U64(from_summary.moves[0][CLASS_DELIVERED], w.judgement->tally.moves[0][CLASS_DELIVERED]);
    CHECK_U64(from_summary.moves[0][CLASS_SILENT_LOSS], 2);
    CHECK_U64(from_summary.prints.loads, 11);
    CHECK_U64(from_summary.prints.actions, UINT64_MAX);
    CHECK_STR(from_summary.id, "0000000000001234");
    CHECK_U64(from_summary.simulated, w.m.wall_start_ns == 0);
    w.m.wall_start_ns = w.m.wall_start_ns == 0;
    (void)snprintf(path, sizeof path, "%s/summary.json", dir);
    CHECK(judgement_write_summary(judged(&w), path, &e));
    CHECK(compared_read(&from_summary, a, dir, &e));
    CHECK_U64(from_summary.simulated, w.m.wall_start_ns == 0);
    arena_destroy(a);
    world_fini(&w);
}

static void a_fingerprint_that_is_none_is_refused(void)
{
    struct err e = {0};
    struct compared c;
    struct arena *a = arena_create(ARENA_BYTES);
    struct world w;
    char path[400], dir[300];

    (void)snprintf(dir, sizeof dir, "%s", scratch_dir("compare-odd"));
    world_init(&w, 1);
    (void)snprintf(path, sizeof path, "%s/summary.json", dir);
    CHECK(judgement_write_summary(judged(&w), path, &e));
    (void)scratch_file(dir, "manifest.json", "{\"fingerprint\": {\"loads\": 7}}");
    CHECK(!compared_read(&c, a, dir, &e));
    CHECK_U64(e.code, EX_BAD_PROFILE);
    (void)scratch_file(dir, "summary.json", "{\"moves\": 3}");
    CHECK(!compared_read(&c, a, dir, &e));
    CHECK_U64(e.code, EX_BAD_PROFILE);
    arena_destroy(a);
    world_fini(&w);
}

/* --------------------------------------------------------------------------------------------------------------- matrix */

static void a_matrix_shows_what_was_run_and_leaves_out_what_was_not(void)
{
    static const char *const versions[] = {"v1", "v2"}, *const scenarios[] = {"A", "B"};
    static const char *const titles[] = {hostile, "nobody ran this"};
    struct matrix_cell_shown cells[4] = {{0}};
    struct matrix_shown m = {.name = "packs",
                             .description = "",
                             .versions = versions,
                             .scenarios = scenarios,
                             .titles = titles,
                             .version_count = 2,
                             .scenario_count = 2,
                             .cells = cells,
                             .summary = "1 of 2",
                             .state = "fail"};
    struct err e = {0};

    cells[0] = (struct matrix_cell_shown){.there = true,
                                          .good = true,
                                          .words = "as expected",
                                          .expected = "*ndr delivered",
                                          .has_counts = true,
                                          .page = "x/report.html",
                                          .primaries = {[CLASS_NDR] = 1, [CLASS_DELIVERED] = 3}};
    cells[2] = (struct matrix_cell_shown){.there = true, .words = "unexpected class"};
    cells[1].impossible = true;
    buf_init(&out, 1u << 20);
    CHECK(matrix_html(&m, &out, &e));
    CHECK_HAS(buf_text(&out), "<a href=\"x/report.html\">as expected</a>");
    CHECK_HAS(buf_text(&out), "delivered 3, ndr 1");
    CHECK_HAS(buf_text(&out), "<dt>expected</dt><dd>*ndr delivered</dd>");
    CHECK_HAS(buf_text(&out), "<a href=\"#cell-1-0\">");
    CHECK_HAS(buf_text(&out), "<td id=\"cell-1-0\" class=\"odd\">");
    CHECK_HAS(buf_text(&out), "NOT AS EXPECTED");
    CHECK_HAS(buf_text(&out), "width=\"250.0\" height=\"10\" class=\"fill-warning\"");
    CHECK_HAS(buf_text(&out), "<td class=\"odd\"><a");
    CHECK(!strstr(buf_text(&out), "nobody ran this"));
    CHECK(!strstr(buf_text(&out), "<script"));
    done();
}

static const struct test tests[] = {
    TEST(holm_is_what_a_hand_computes),
    TEST(silence_that_became_reports_is_better_in_silence_and_not_in_delivery),
    TEST(few_losing_moves_show_nothing_and_it_is_said_how_many_would),
    TEST(where_shares_are_the_same_it_is_said_what_ten_points_would_take),
    TEST(small_shares_are_said_in_parts_of_a_million),
    TEST(so_many_copies_that_nothing_is_searched_for_are_not_called_too_few),
    TEST(three_moves_can_show_nothing),
    TEST(a_run_on_simulated_time_beside_one_over_sockets_is_said_to_be_that),
    TEST(one_catastrophic_move_proves_nothing),
    TEST(more_copies_in_as_many_moves_are_said_to_be_that),
    TEST(fewer_moves_and_more_copies_are_neither_better_nor_worse),
    TEST(runs_without_harm_are_said_to_have_none),
    TEST(a_move_with_unknown_copies_and_no_harm_is_left_out),
    TEST(what_is_unknown_makes_no_run_better),
    TEST(without_moves_copies_count_and_that_is_said),
    TEST(runs_of_different_plans_are_refused_and_forced_with_a_warning),
    TEST(pages_and_json_come_out_the_same_and_keep_markup_out),
    TEST(runs_are_called_by_what_tells_them_apart),
    TEST(all_tests_of_several_runs_are_corrected_together),
    TEST(sixty_four_runs_of_nothing_are_compared),
    TEST(windows_lie_over_each_other_on_one_scale),
    TEST(a_killed_run_is_compared_and_called_that),
    TEST(a_run_is_read_from_its_summary_and_manifest),
    TEST(a_fingerprint_that_is_none_is_refused),
    TEST(a_matrix_shows_what_was_run_and_leaves_out_what_was_not),
    TEST_END,
};

const struct suite compare_suite = {"compare", tests};
