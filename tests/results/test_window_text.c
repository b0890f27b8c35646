/* test_window_text.c - `window`: the mark that losses huddle around, edges, brackets per move, and where to aim next.
 *
 * Three moves of bob whose marks lie differently apart, so that only one mark explains the losses.
 */
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "results/aim.h"
#include "results/window_text.h"
#include "tests/results/world.h"
#include "tests/support/check.h"

#define PER_MOVE 41

static const double asked[] = {1000, 3000, 5000}, flipped[] = {1010, 3025, 5005},
                    done[] = {1030, 3030, 5040};

/* Sends from 5 s before the flip to 5 s after it, every 250 ms, shifted a little from move to move; lost from `low` to `high`
 * seconds after the flip. */
static void tell(struct world *w, double low, double high)
{
    uint64_t n = 0;

    world_init(w, 3ull * PER_MOVE);
    w->m.move_count = 3;
    w->m.gate_count = 2;
    w->gates[0] = (struct manifest_gate){"ndr", 0};
    w->gates[1] = (struct manifest_gate){"silent-loss", 0};
    for (uint32_t i = 0; i < 3; i++) {
        w->moves[i] = (struct manifest_move){BOB, i % 2, 1 - i % 2, S(asked[i]), "users"};
        moved(w, i, asked[i], flipped[i], done[i]);
        for (int k = 0; k < PER_MOVE; k++, n++) {
            double phase = -5 + 0.25 * k + 0.08 * i, t = flipped[i] + phase;

            accepted(w, n, t - 0.01);
            if (phase >= low && phase < high)
                reported(w, n, t + 60, BOB, (uint32_t)n);
            else
                seen(w, n, t + 60, 1, BOB, 50); /* where the last move leaves it */
        }
    }
    settle(w, 8000);
}

static char *ask(struct world *w, const struct window_request *q)
{
    struct run_record r = {.manifest = &w->m, .ledger = w->ledger};
    struct err e = {0};
    struct buf out;
    char *text = NULL;

    r.judgement = w->judgement;
    buf_init(&out, 1u << 20);
    if (CHECK(window_text(&r, q, &out, &e)))
        text = strdup(buf_text(&out));
    buf_fini(&out);
    return text ? text : strdup("");
}

static json_t *ask_json(struct world *w)
{
    char *text = ask(w, &(struct window_request){.json = true});
    json_t *root = json_loads(text, 0, NULL);

    CHECK(root != NULL);
    free(text);
    return root;
}

static int64_t number(const json_t *o, const char *key, size_t at)
{
    const json_t *list = json_object_get(o, key);

    return json_integer_value(json_is_array(list) ? json_array_get(list, at) : list);
}

static const json_t *view(const json_t *root, const char *mark)
{
    const json_t *all = json_object_get(root, "marks");

    for (size_t i = 0; i < json_array_size(all); i++) {
        const json_t *v = json_array_get(all, i);

        if (strcmp(json_string_value(json_object_get(v, "mark")), mark) == 0)
            return v;
    }
    return NULL;
}

static void losses_are_laid_to_the_mark_that_they_huddle_around(void)
{
    struct world w;

    tell(&w, 0.5, 1.6);
    (void)judged(&w);
    json_t *root = ask_json(&w);
    const json_t *v = view(root, "flipped");

    CHECK_STR(json_string_value(json_object_get(root, "closest")), "flipped");
    if (CHECK(v != NULL)) {
        uint64_t lost = w.judgement->tally.classes[CLASS_NDR];

        CHECK(lost > 10);
        CHECK_U64((uint64_t)number(v, "lost", 0), lost);
        CHECK_U64((uint64_t)number(v, "sends", 0), 3ull * PER_MOVE);
        CHECK_U64((uint64_t)number(v, "survivors_inside", 0), 0);
        /* The edges lie between the nearest survivor and the outermost loss, and those were drawn around 0.5 and 1.6. */
        CHECK_BETWEEN((double)number(v, "begin_bracket_ns", 0), 0.25e9, 0.5e9);
        CHECK_BETWEEN((double)number(v, "begin_bracket_ns", 1), 0.4999e9, 0.75e9);
        CHECK_BETWEEN((double)number(v, "end_bracket_ns", 0), 1.35e9, 1.6e9);
        CHECK_BETWEEN((double)number(v, "end_bracket_ns", 1), 1.6e9, 1.85e9);
        CHECK_BETWEEN((double)number(v, "begin_95_ns", 0), 0, 0.51e9);
        CHECK_BETWEEN((double)number(v, "end_95_ns", 1), 1.5e9, 2.2e9);
    }
    json_decref(root);
    world_fini(&w);
}

static void a_range_of_losses_gives_no_length_where_sends_were_aimed_at_them(void)
{
    struct world w;

    tell(&w, 0.5, 1.6);
    (void)judged(&w);
    json_t *even = ask_json(&w);

    w.loads[0].aim.to_ns = S(5);
    json_t *aimed = ask_json(&w);
    char *text = ask(&w, &(struct window_request){0});

    CHECK(json_object_get(view(even, "flipped"), "length_ns") != NULL);
    CHECK(json_object_get(view(aimed, "flipped"), "length_ns") == NULL);
    CHECK(json_object_get(view(aimed, "flipped"), "begin_ns") != NULL);
    CHECK_HAS(text, "gives no length");
    free(text);
    json_decref(even);
    json_decref(aimed);
    world_fini(&w);
}

static void each_losing_move_has_its_own_brackets_and_each_edge_an_aim(void)
{
    struct world w;

    tell(&w, 0.5, 1.6);
    (void)judged(&w);
    json_t *root = ask_json(&w);
    const json_t *moves = json_object_get(root, "moves"), *aim = json_object_get(root, "aim");

    CHECK_U64(json_array_size(moves), 3);
    for (size_t i = 0; i < json_array_size(moves); i++) {
        const json_t *m = json_array_get(moves, i);

        CHECK_U64((uint64_t)number(m, "move", 0), i);
        CHECK_U64((uint64_t)number(m, "sends", 0), PER_MOVE);
        /* a quarter of a second from survivor to loss */
        CHECK_BETWEEN((double)(number(m, "begin_bracket_ns", 1) - number(m, "begin_bracket_ns", 0)),
                      0.249e9, 0.251e9);
    }
    if (CHECK_U64(json_array_size(aim), 2)) {
        const json_t *begin = json_array_get(aim, 0), *end = json_array_get(aim, 1);

        CHECK_STR(json_string_value(json_object_get(begin, "mark")), "flipped");
        CHECK(number(begin, "phase_ns", 0) <= 500000000 &&
              number(begin, "phase_ns", 1) >= 500000000);
        CHECK(number(end, "phase_ns", 0) <= 1600000000 && number(end, "phase_ns", 1) >= 1599000000);
        CHECK(number(begin, "moves", 0) > 0 && number(begin, "moves", 0) < 20);
    }
    json_decref(root);
    world_fini(&w);
}

static void without_loss_it_says_what_would_have_been_seen(void)
{
    struct world w;

    tell(&w, 1, 1);
    (void)judged(&w);
    json_t *root = ask_json(&w);
    char *text = ask(&w, &(struct window_request){0});

    CHECK(json_is_null(json_object_get(root, "closest")));
    CHECK_U64(json_array_size(json_object_get(root, "moves")), 0);
    CHECK_HAS(text,
              "none of 123 copies accepted between the asking and a minute after the end of 3 "
              "moves was lost");
    CHECK_HAS(text, "anywhere  arrivals: aimed, mark: asked, phase: 0ms..");
    free(text);
    json_decref(root);
    world_fini(&w);
}

static void what_counts_as_lost_can_be_asked_for(void)
{
    struct world w;

    tell(&w, 0.5, 1.6);
    (void)judged(&w);
    char *text = ask(&w, &(struct window_request){.losses = 1u << CLASS_SILENT_LOSS});

    CHECK_HAS(text, "copies near moves were neither delivered nor lost in this sense");
    CHECK_HAS(text, " was lost");
    free(text);
    text = ask(&w, &(struct window_request){.losses = 1u << CLASS_NDR});
    CHECK_HAS(text, "<- closest");
    free(text);
    world_fini(&w);
}

static void a_run_without_moves_or_copies_is_no_trouble(void)
{
    struct world w;

    world_init(&w, 3);
    settle(&w, 100);
    (void)judged(&w);
    char *text = ask(&w, &(struct window_request){0});

    CHECK_HAS(text, "no copy was accepted near a move: nothing is known");
    CHECK_HAS(text, "where to aim next");
    free(text);
    json_decref(ask_json(&w));
    w.m.move_count = 0;
    text = ask(&w, &(struct window_request){0});
    CHECK_STR(text, "the run planned no moves: there is no window to look for\n");
    free(text);
    world_fini(&w);
}

static const struct test tests[] = {
    TEST(losses_are_laid_to_the_mark_that_they_huddle_around),
    TEST(a_range_of_losses_gives_no_length_where_sends_were_aimed_at_them),
    TEST(each_losing_move_has_its_own_brackets_and_each_edge_an_aim),
    TEST(without_loss_it_says_what_would_have_been_seen),
    TEST(what_counts_as_lost_can_be_asked_for),
    TEST(a_run_without_moves_or_copies_is_no_trouble),
    TEST_END};

const struct suite window_text_suite = {"window_text", tests};
