/* The page's data of whole runs: small ones to the last number, large ones by their limits. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "tests/results/page_rig.h"
#include "tests/support/check.h"

static const char *const keys[] = {"banner",  "classes", "flow",  "identities", "latency",
                                   "method",  "moves",   "phase", "rerun",      "schema",
                                   "stories", "summary", "title", "timeline"};

static void check_shape(const json_t *o)
{
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        CHECK(json_object_get(o, keys[i]) != NULL);
    CHECK_U64(page_size(o, "classes"), CLASS_COUNT);
    CHECK_U64(page_size(o, "latency"), 5);
    CHECK_U64(page_size(o, "banner/lamps"), 5);
    CHECK_U64(page_size(o, "flow/stages"), 4);
}

/* What goes into a box of the middle comes out of it, and all stages hold the same. */
static void check_balance(const json_t *flow, int64_t copies)
{
    const json_t *stages = json_object_get(flow, "stages"), *stage, *box, *link;
    size_t i, k, n;

    json_array_foreach((json_t *)stages, i, stage)
    {
        int64_t sum = 0;

        json_array_foreach(json_object_get(stage, "boxes"), k, box)
        {
            int64_t in = 0, out = 0;

            json_array_foreach(json_object_get(flow, "links"), n, link)
            {
                if (strcmp(page_text(link, "to"), page_text(box, "id")) == 0)
                    in += page_int(link, "copies");
                if (strcmp(page_text(link, "from"), page_text(box, "id")) == 0)
                    out += page_int(link, "copies");
            }
            if (i > 0)
                CHECK_I64(in, page_int(box, "copies"));
            if (i < 3)
                CHECK_I64(out, page_int(box, "copies"));
            sum += page_int(box, "copies");
        }
        CHECK_I64(sum, copies);
    }
}

static void an_empty_run_has_every_part_of_the_page(void)
{
    struct page_rig g;

    page_rig_make(&g, "page-empty", &(struct page_spec){0});
    json_t *o = page_rig_data(&g);

    check_shape(o);
    check_balance(json_object_get(o, "flow"), 0);
    CHECK_STR(page_text(o, "banner/verdict"), "INCONCLUSIVE");
    CHECK_HAS(page_text(o, "banner/not_proven/0"), "no message was accepted");
    CHECK_U64(page_size(o, "timeline/dots"), 0);
    CHECK_U64(page_size(o, "stories"), 0);
    CHECK_U64(page_size(o, "phase/rows"), 0);
    CHECK(json_is_null(page_at(o, "phase/window")));
    CHECK(json_is_null(page_at(o, "classes/0/share_ppm")));
    CHECK_U64(page_size(o, "latency/0/curve"), 0);
    json_decref(o);
    page_rig_fini(&g);
}

static void a_run_without_moves_has_dots_without_lanes(void)
{
    struct page_rig g;

    page_rig_make(&g, "page-still", &(struct page_spec){.messages = 50});
    json_t *o = page_rig_data(&g);

    check_shape(o);
    check_balance(json_object_get(o, "flow"), 50);
    CHECK_STR(page_text(o, "banner/verdict"), "PASS");
    CHECK_HAS(page_text(o, "banner/sentence"), "All 50 copies");
    CHECK_U64(page_size(o, "timeline/moves"), 0);
    CHECK_U64(page_size(o, "timeline/dots"), 50);
    CHECK_I64(page_int(o, "timeline/dots/49/1"), -1);
    CHECK_I64(page_int(o, "timeline/dots/49/3"), 49);
    CHECK(page_at(o, "timeline/dots_share_ppm") == NULL);
    CHECK_U64(page_size(o, "phase/rows"), 0);
    CHECK_STR(page_text(o, "phase/mark"), "flipped");
    json_decref(o);
    page_rig_fini(&g);
}

static void lost_copies_are_found_in_every_part(void)
{
    struct page_rig g;

    page_rig_make(&g, "page-lost", &(struct page_spec){.messages = 600, .moves = 3});
    json_t *o = page_rig_data(&g);
    const json_t *lost = page_at(o, "classes/23");

    check_balance(json_object_get(o, "flow"), 600);
    CHECK_STR(page_text(o, "banner/verdict"), "FAIL");
    CHECK_HAS(page_text(o, "banner/sentence"), "3 of 3 moves did harm");
    CHECK_HAS(page_text(o, "banner/proven/0"), "Between 29 % and 100 % of moves");
    CHECK_STR(page_text(lost, "class"), "silent-loss");
    CHECK_STR(page_text(lost, "group"), "violation");
    CHECK_I64(page_int(lost, "copies"), 7);
    CHECK_I64(page_int(lost, "share_ppm"), 11667);
    CHECK_I64(page_int(lost, "low_ppm"), 4703); /* Clopper and Pearson, 7 of 600 */
    CHECK_I64(page_int(lost, "high_ppm"), 23889);
    CHECK_I64(page_int(lost, "first/0/number"), 159);
    CHECK_STR(page_text(lost, "first/0/token"), "00000000000000000000000159");
    CHECK_I64(page_int(lost, "first/2/story"), 2);
    CHECK_I64(page_int(o, "stories/2/number"), 310);
    CHECK_U64(page_size(o, "stories"), 7);
    CHECK_I64(page_int(o, "stories/0/rule"), 21);
    CHECK_HAS(page_text(o, "stories/0/why"), "before the flip of move 0");
    CHECK_I64(page_int(o, "moves/2/bad"), 3);
    CHECK_I64(page_int(o, "moves/0/took_ns"), 2 * (int64_t)NS_PER_S);
    CHECK_STR(page_text(o, "moves/0/result"), "verified");
    CHECK_BETWEEN((double)page_int(o, "moves/0/gap_ns"), 899.9e6, 900.1e6);
    json_decref(o);
    page_rig_fini(&g);
}

static void the_timeline_counts_every_message_once(void)
{
    struct page_rig g;

    page_rig_make(&g, "page-time", &(struct page_spec){.messages = 600, .moves = 3});
    json_t *o = page_rig_data(&g);
    const json_t *t = json_object_get(o, "timeline");

    CHECK_I64(page_sum(t, "bins/offered"), 600);
    CHECK_I64(page_sum(t, "bins/accepted"), 600);
    CHECK_I64(page_sum(t, "bins/refused"), 0);
    CHECK_I64(page_sum(t, "bins/seen"), 593);
    CHECK_BETWEEN((double)page_int(t, "bins/late_p99_us/3"), 50, 51);
    CHECK_I64(page_int(t, "end_ns"), 70 * (int64_t)NS_PER_S); /* the end of the run */
    CHECK_I64(page_int(t, "bin_ns"), 512 * (int64_t)NS_PER_MS);
    CHECK_U64(page_size(t, "bins/offered"), 137);
    CHECK_STR(page_text(t, "phases/5/name"), "end");
    CHECK_I64(page_int(t, "moves/1/flipped_ns"), 31 * (int64_t)NS_PER_S);
    CHECK(json_is_null(page_at(t, "moves/1/failed_ns")));
    CHECK_I64(page_int(t, "dots/0/2"), CLASS_SILENT_LOSS); /* what went wrong comes first */
    CHECK_I64(page_int(t, "dots/0/1"), 0);
    CHECK_I64(page_int(t, "dots/7/2"), CLASS_DELIVERED);
    CHECK_STR(page_text(t, "queues/2/server"), "s2");
    CHECK_I64(page_int(t, "queues/2/depth/0"), 2);
    json_decref(o);
    page_rig_fini(&g);
}

static void the_phases_show_losses_around_the_flip(void)
{
    struct page_rig g;

    page_rig_make(&g, "page-phase",
                  &(struct page_spec){.messages = 6000, .moves = 3, .gap_ms = 10});
    json_t *o = page_rig_data(&g);
    const json_t *p = json_object_get(o, "phase"), *w = json_object_get(p, "window");
    int64_t lost = page_int(o, "classes/23/copies");

    CHECK_STR(page_text(p, "mark"), "flipped");
    CHECK_U64(page_size(p, "rows"), 3);
    CHECK_I64(page_int(p, "rows/1/sends_in_all"), 2000);
    CHECK(page_size(p, "rows/1/sends") <= 300);
    CHECK(page_size(p, "rows/1/sends") > 60);
    CHECK_I64(lost, 70); /* 700 ms of every 30 ms, in three moves */
    CHECK_I64(page_sum(p, "density/bad"), lost);
    CHECK(page_int(p, "from_ns") <= -(int64_t)NS_PER_S);
    CHECK(page_int(p, "to_ns") >= (int64_t)NS_PER_S);
    CHECK_I64(page_int(p, "from_ns") +
                  (int64_t)page_size(p, "density/sends") * page_int(p, "density/bin_ns"),
              page_int(p, "to_ns"));
    CHECK_BETWEEN((double)page_int(w, "low_ns"), -240e6, -160e6);
    CHECK_BETWEEN((double)page_int(w, "high_ns"), 460e6, 540e6);
    CHECK(page_int(w, "ci_low_ns") < 700 * (int64_t)NS_PER_MS);
    CHECK(page_int(w, "ci_high_ns") > 700 * (int64_t)NS_PER_MS);
    CHECK_STR(page_text(p, "rows/0/bad/0/class"), "silent-loss");
    CHECK_BETWEEN((double)page_int(p, "rows/0/bad/0/ns"), -200.1e6, -160e6);
    json_decref(o);
    page_rig_fini(&g);
}

static void a_killed_run_tells_what_is_not_known(void)
{
    struct page_rig g;

    page_rig_make(&g, "page-killed",
                  &(struct page_spec){.messages = 600, .moves = 3, .killed = true});
    json_t *o = page_rig_data(&g);

    check_shape(o);
    check_balance(json_object_get(o, "flow"), 600);
    CHECK_STR(page_text(o, "banner/verdict"), "INCONCLUSIVE");
    CHECK_STR(page_text(o, "stories/0/class"), "unknown");
    CHECK_I64(page_int(o, "stories/0/rule"), 18);
    CHECK_HAS(page_text(o, "stories/0/why"), "silence is not final");
    CHECK_STR(page_text(o, "banner/lamps/2/state"), "bad"); /* coverage */
    CHECK_I64(page_int(o, "method/coverage_counts/final"), 0);
    CHECK(json_is_null(page_at(o, "phase/window")));
    json_decref(o);
    page_rig_fini(&g);
}

static void the_same_run_gives_the_same_bytes(void)
{
    struct page_rig g;

    page_rig_make(&g, "page-same", &(struct page_spec){.messages = 3000, .moves = 7, .gap_ms = 10});
    json_t *a = page_rig_data(&g), *b = page_rig_data(&g);
    char *left = json_dumps(a, JSON_COMPACT | JSON_SORT_KEYS);
    char *right = json_dumps(b, JSON_COMPACT | JSON_SORT_KEYS);

    CHECK_STR(left, right);
    free(left);
    free(right);
    json_decref(a);
    json_decref(b);
    page_rig_fini(&g);
}

static void four_hundred_moves_keep_their_rows(void)
{
    struct page_rig g;

    page_rig_make(&g, "page-moves",
                  &(struct page_spec){.messages = 80000, .moves = 400, .gap_ms = 5});
    json_t *o = page_rig_data(&g);

    check_balance(json_object_get(o, "flow"), 80000);
    CHECK_U64(page_size(o, "moves"), 400);
    CHECK_U64(page_size(o, "timeline/moves"), 400);
    CHECK_U64(page_size(o, "phase/rows"), 400);
    CHECK_I64(page_int(o, "moves_left_out"), 0);
    CHECK_I64(page_int(o, "phase/rows_left_out"), 0);
    CHECK_I64(page_int(o, "phase/rows/399/sends_in_all"), 200);
    CHECK(page_bytes(o) < 4u << 20);
    json_decref(o);
    page_rig_fini(&g);
}

static void moves_beyond_the_lanes_are_counted(void)
{
    struct page_rig g;

    page_rig_make(&g, "page-many", &(struct page_spec){.messages = 9000, .moves = 2500});
    json_t *o = page_rig_data(&g);

    CHECK_I64(page_int(o, "timeline/moves_left_out"), 2100);
    CHECK_I64(page_int(o, "phase/rows_left_out"), 2100);
    CHECK_U64(page_size(o, "moves"), 2000);
    CHECK_I64(page_int(o, "moves_left_out"), 500);
    CHECK_U64(page_size(o, "method/coverage"), 200);
    CHECK_I64(page_int(o, "method/coverage_counts/places"),
              page_int(o, "method/coverage_counts/left_out") + 200);
    json_decref(o);
    page_rig_fini(&g);
}

static void a_hundred_thousand_copies_fit_a_page(void)
{
    struct page_rig g;

    page_rig_make(&g, "page-large",
                  &(struct page_spec){.messages = 100000, .moves = 20, .gap_ms = 5});
    json_t *o = page_rig_data(&g);
    size_t dots = page_size(o, "timeline/dots");
    int64_t lost = page_int(o, "classes/23/copies");

    CHECK(lost > 100 && lost < 180);
    CHECK(dots <= 20000 && dots > 10000);
    CHECK_I64(page_int(o, "timeline/dots_share_ppm"), (int64_t)(dots * 10));
    for (int64_t i = 0; i < lost; i++) { /* none of them was thinned away */
        const json_t *dot = json_array_get(page_at(o, "timeline/dots"), (size_t)i);

        CHECK_I64(page_int(dot, "2"), CLASS_SILENT_LOSS);
    }
    CHECK_I64(page_sum(o, "timeline/bins/offered"), 100000);
    CHECK(page_int(o, "phase/window/shots") >=
          lost); /* all of them near the harm, and few others */
    CHECK(page_int(o, "phase/window/shots") < 5 * lost);
    CHECK(page_bytes(o) < 4u << 20);
    json_decref(o);
    page_rig_fini(&g);
}

static void losses_beyond_all_limits_are_counted(void)
{
    struct page_rig g;

    page_rig_make(&g, "page-all-lost",
                  &(struct page_spec){
                      .messages = 60000, .moves = 4, .gap_ms = 5, .all_lost = true, .reported = 1});
    json_t *o = page_rig_data(&g);

    CHECK_U64(page_size(o, "stories"), 200);
    CHECK_I64(page_int(o, "stories_left_out"), 59800);
    CHECK_STR(page_text(o, "stories/0/class"), "ndr"); /* the one of its kind has a story */
    CHECK_STR(page_text(o, "stories/199/class"), "silent-loss");
    CHECK(page_size(o, "timeline/dots") <= 20000);
    CHECK_I64(page_int(o, "phase/rows/2/bad_left_out") + (int64_t)page_size(o, "phase/rows/2/bad"),
              15000);
    CHECK(page_size(o, "phase/rows/2/bad") <= 300);
    CHECK(page_bytes(o) < 4u << 20);
    json_decref(o);
    page_rig_fini(&g);
}

/* Any of the list holds it. */
static bool says(const json_t *list, const char *part)
{
    const json_t *s;
    size_t i;

    json_array_foreach(list, i, s)
    {
        if (strstr(json_string_value(s), part))
            return true;
    }
    return false;
}

static void a_failed_run_says_what_it_does_not_show(void)
{
    struct page_rig g;

    page_rig_make(&g, "page-doubt-fail", &(struct page_spec){.messages = 600, .moves = 3});
    json_t *o = page_rig_data(&g);
    const json_t *not_shown = page_at(o, "banner/not_proven");

    CHECK(
        says(not_shown, "a fault that strikes fewer than 63 % of moves may well be missed in 3."));
    CHECK(says(not_shown, "Moves other than from s0 to s1, one at a time"));
    CHECK(says(not_shown, "Mail that enters another way than by smtp at s2."));
    CHECK(says(not_shown, "Why: a run shows where and when mail is harmed."));
    CHECK(!says(not_shown, "were not sent"));
    CHECK(!says(not_shown, "silence is not final"));
    json_decref(o);
    page_rig_fini(&g);
}

static void what_is_open_is_not_shown_either(void)
{
    struct page_rig g;

    page_rig_make(&g, "page-doubt-open",
                  &(struct page_spec){.messages = 600, .moves = 3, .killed = true});
    g.run.manifest->content_percent = 30;
    json_t *o = page_rig_data(&g);
    const json_t *not_shown = page_at(o, "banner/not_proven");

    CHECK(says(not_shown, "What became of 7 copies (1.17\xc2\xa0"
                          "% of those that were accepted)"));
    CHECK(says(not_shown, "That the other 70 % of the bodies arrived unchanged."));
    CHECK(!says(not_shown, "Why: "));
    json_decref(o);
    page_rig_fini(&g);
    page_rig_make(&g, "page-doubt-still", &(struct page_spec){.messages = 50});
    o = page_rig_data(&g);
    CHECK(says(page_at(o, "banner/not_proven"), "Anything about moves: this run has none."));
    CHECK(!says(page_at(o, "banner/not_proven"), "Moves other than"));
    json_decref(o);
    page_rig_fini(&g);
}

static void the_cache_is_as_long_as_the_manifest_says(void)
{
    struct page_rig g;

    page_rig_make(&g, "page-cache", &(struct page_spec){.messages = 600, .moves = 3});
    json_t *o = page_rig_data(&g);

    CHECK(json_is_null(page_at(o, "phase/cache_ns")));
    json_decref(o);
    g.run.manifest->cache_ns = 60 * NS_PER_S;
    o = page_rig_data(&g);
    CHECK_I64(page_int(o, "phase/cache_ns"), 60 * (int64_t)NS_PER_S);
    json_decref(o);
    page_rig_fini(&g);
}

static void a_story_says_when_in_its_move_it_was_sent(void)
{
    struct page_rig g;

    page_rig_make(&g, "page-when", &(struct page_spec){.messages = 600, .moves = 3});
    json_t *o = page_rig_data(&g);

    CHECK_BETWEEN((double)page_int(o, "stories/0/at_ns"), 15.8999e9, 15.9001e9);
    CHECK_STR(page_text(o, "stories/0/mark"), "flipped");
    CHECK_I64(page_int(o, "stories/0/move"), 0);
    CHECK_I64(page_int(o, "stories/0/phase_ns"),
              page_int(o, "stories/0/at_ns") - page_int(o, "timeline/moves/0/flipped_ns"));
    json_decref(o);
    page_rig_fini(&g);
}

static const struct test tests[] = {
    TEST(an_empty_run_has_every_part_of_the_page),
    TEST(a_run_without_moves_has_dots_without_lanes),
    TEST(lost_copies_are_found_in_every_part),
    TEST(the_timeline_counts_every_message_once),
    TEST(the_phases_show_losses_around_the_flip),
    TEST(a_killed_run_tells_what_is_not_known),
    TEST(the_same_run_gives_the_same_bytes),
    TEST(four_hundred_moves_keep_their_rows),
    TEST(moves_beyond_the_lanes_are_counted),
    TEST(a_hundred_thousand_copies_fit_a_page),
    TEST(losses_beyond_all_limits_are_counted),
    TEST(a_failed_run_says_what_it_does_not_show),
    TEST(what_is_open_is_not_shown_either),
    TEST(the_cache_is_as_long_as_the_manifest_says),
    TEST(a_story_says_when_in_its_move_it_was_sent),
    TEST_END,
};

const struct suite page_data_suite = {"page_data", tests};
