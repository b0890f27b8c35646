/* test_vectors.c - the model's deterministic vectors V1 to V12, with their exact times.
 *
 * Move of R from S to D unless said: asked 100.0, flagged 100.5, copied and purged 190.0, committed 191.0, over 191.01,
 * deferred mail tried again 191.06. Mail comes from joe, who lives on T and sends there.
 */
#include <stdio.h>
#include <string.h>

#include "tests/lab/scene.h"
#include "tests/support/check.h"

struct step {
    double at_s;
    const char *id;          /* mail to R of that name ... */
    const char *path, *body; /* ... or a control call */
    int server;              /* where mail enters; 0 (S) never is: T */
};

struct want {
    const char *id;
    bool alternate;
    enum outcome outcome;
    double at_s; /* delivered; 0: not looked at */
};

struct vector {
    const char *version, *originator;
    double stock_r, stock_o;
    const char *alternate;
    bool both;
    const struct lab_knob *knobs;
    const struct step *steps; /* ends with at_s 0 */
    const struct want *wants; /* ends with id NULL */
    double end_s;
};

static void play(const struct vector *v)
{
    const struct scene_mailbox boxes[] = {{"R", S, v->alternate, v->both, v->stock_r},
                                          {"O", S, NULL, false, v->stock_o},
                                          {"joe", T, NULL, false, 0},
                                          {"alt", T, NULL, false, 0}};
    struct scene s;

    scene_open(
        &s, &(struct scene_plan){
                .version = v->version, .mailboxes = boxes, .mailbox_count = 4, .knobs = v->knobs});
    for (const struct step *p = v->steps; p->at_s > 0; p++) {
        scene_run(&s, p->at_s);
        if (p->id)
            CHECK(scene_send(&s, p->server ? p->server : T, v->originator ? v->originator : "joe",
                             "R", p->id) > 0);
        else
            scene_post(&s, p->path, p->body);
    }
    scene_run(&s, v->end_s > 0 ? v->end_s : 1000);
    scene_end(&s);
    for (const struct want *w = v->wants; w->id; w++) {
        const struct tale *t = scene_tale(&s, w->id, w->alternate);
        char got[160], want[160];

        (void)snprintf(got, sizeof got, "%s%s %s %.3f", w->id, w->alternate ? " (alternate)" : "",
                       outcome_name(scene_outcome(t)),
                       t && w->at_s > 0 ? (double)t->delivered_ns / 1e9 : 0.0);
        (void)snprintf(want, sizeof want, "%s%s %s %.3f", w->id, w->alternate ? " (alternate)" : "",
                       outcome_name(w->outcome), w->at_s);
        CHECK_STR(got, want);
    }
    scene_close(&s);
}

#define MOVE_R(at)                                                                                 \
    {                                                                                              \
        at, NULL, "/v1/move", "{'mailbox':'R','from':'S','to':'D'}", 0                             \
    }
#define MAIL(at, id)                                                                               \
    {                                                                                              \
        at, id, NULL, NULL, 0                                                                      \
    }
static const struct step all_seven[] = {MAIL(50, "m1"),  MOVE_R(100),     MAIL(100.2, "m2"),
                                        MAIL(120, "m3"), MAIL(150, "m4"), MAIL(185, "m5"),
                                        MAIL(200, "m6"), MAIL(246, "m7"), {.at_s = 0}};

static void v1_without_a_late_arrival_deferred_mail_is_delivered_late(void)
{
    static const struct step steps[] = {MAIL(50, "m1"),  MOVE_R(100),     MAIL(100.2, "m2"),
                                        MAIL(120, "m3"), MAIL(150, "m4"), MAIL(246, "m7"),
                                        {.at_s = 0}};
    static const struct want wants[] = {
        {"m1", false, OUT_D, 50.20},    {"m2", false, OUT_D, 100.40},
        {"m3", false, OUT_DLY, 191.26}, {"m4", false, OUT_DLY, 191.26},
        {"m7", false, OUT_D, 246.40},   {.at_s = 0}};

    play(&(struct vector){.stock_r = 89.5, .steps = steps, .wants = wants});
}

static const struct want v2_wants[] = {{"m1", false, OUT_D, 50.20},  {"m2", false, OUT_D, 100.40},
                                       {"m3", false, OUT_FNDR, 0},   {"m4", false, OUT_FNDR, 0},
                                       {"m5", false, OUT_FNDR, 0},   {"m6", false, OUT_FNDR, 0},
                                       {"m7", false, OUT_D, 246.40}, {.at_s = 0}};

static void v2_one_late_arrival_turns_all_deferred_mail_into_false_reports(void)
{
    play(&(struct vector){.stock_r = 89.5, .steps = all_seven, .wants = v2_wants});
}

static const struct want v3_wants[] = {
    {"m1", false, OUT_D, 50.20},  {"m2", false, OUT_D, 100.40}, {"m3", false, OUT_SIL, 0},
    {"m4", false, OUT_SIL, 0},    {"m5", false, OUT_SIL, 0},    {"m6", false, OUT_FNDR, 0},
    {"m7", false, OUT_D, 246.40}, {"m1", true, OUT_D, 50.40},   {"m2", true, OUT_D, 100.60},
    {"m3", true, OUT_D, 120.40},  {"m4", true, OUT_D, 150.40},  {"m5", true, OUT_D, 185.40},
    {"m6", true, OUT_D, 200.40},  {"m7", true, OUT_D, 246.60},  {.at_s = 0}};

static void v3_with_deliver_to_both_the_deferred_primaries_vanish_without_a_report(void)
{
    play(&(struct vector){
        .stock_r = 89.5, .alternate = "alt", .both = true, .steps = all_seven, .wants = v3_wants});
}

static const struct want v4_wants[] = {
    {"m1", false, OUT_D, 50.20},  {"m2", false, OUT_D, 100.40}, {"m3", false, OUT_FNDR, 0},
    {"m4", false, OUT_FNDR, 0},   {"m5", false, OUT_FNDR, 0},   {"m6", false, OUT_FNDR, 0},
    {"m7", false, OUT_D, 246.40}, {"m1", true, OUT_D, 50.40},   {"m2", true, OUT_D, 100.60},
    {"m3", true, OUT_D, 120.40},  {"m4", true, OUT_D, 150.40},  {"m5", true, OUT_D, 185.40},
    {"m6", true, OUT_D, 200.40},  {"m7", true, OUT_D, 246.60},  {.at_s = 0}};

static void v4_the_fix_reports_what_v3_lost_and_delivers_no_more(void)
{
    struct vector v = {
        .stock_r = 89.5, .alternate = "alt", .both = true, .steps = all_seven, .wants = v4_wants};

    v.version = "5.5-sp4";
    play(&v);
    v.version = "5.5-sp3+2651.71";
    play(&v);
}

static const struct lab_knob two_moves[] = {{"concurrent_moves", "2"}, {.name = NULL}};

#define MOVE_O(at)                                                                                 \
    {                                                                                              \
        at, NULL, "/v1/move", "{'mailbox':'O','from':'S','to':'D'}", 0                             \
    }

static void v5_when_the_originator_moves_too_its_mail_is_stranded(void)
{
    static const struct step steps[] = {
        MAIL(50, "m1"),  MOVE_R(100),     MOVE_O(100),     MAIL(100.2, "m2"), MAIL(120, "m3"),
        MAIL(150, "m4"), MAIL(185, "m5"), MAIL(200, "m6"), MAIL(246, "m7"),   {.at_s = 0}};
    static const struct want wants[] = {{"m1", false, OUT_D, 50.20},  {"m2", false, OUT_D, 100.40},
                                        {"m3", false, OUT_STR, 0},    {"m4", false, OUT_STR, 0},
                                        {"m5", false, OUT_STR, 0},    {"m6", false, OUT_STR, 0},
                                        {"m7", false, OUT_D, 246.40}, {.at_s = 0}};

    play(&(struct vector){.originator = "O",
                          .stock_r = 89.5,
                          .stock_o = 199.5,
                          .knobs = two_moves,
                          .steps = steps,
                          .wants = wants});
}

static void v5_an_mta_restart_after_both_moves_frees_the_stranded(void)
{
    static const struct step steps[] = {
        MAIL(50, "m1"),  MOVE_R(100),
        MOVE_O(100),     MAIL(100.2, "m2"),
        MAIL(120, "m3"), MAIL(150, "m4"),
        MAIL(185, "m5"), MAIL(200, "m6"),
        MAIL(246, "m7"), {302, NULL, "/v1/restart", "{'server':'S','component':'mta'}", 0},
        {.at_s = 0}};
    static const struct want wants[] = {{"m3", false, OUT_DLY, 302.20},
                                        {"m4", false, OUT_DLY, 302.20},
                                        {"m5", false, OUT_DLY, 302.20},
                                        {"m6", false, OUT_DLY, 302.20},
                                        {.at_s = 0}};

    play(&(struct vector){.originator = "O",
                          .stock_r = 89.5,
                          .stock_o = 199.5,
                          .knobs = two_moves,
                          .steps = steps,
                          .wants = wants});
}

static void v5b_a_batch_with_the_originator_second_strands_what_fails_after_it_began(void)
{
    static const struct step steps[] = {
        MAIL(50, "m1"),  MOVE_R(100),     MOVE_O(100),     MAIL(100.2, "m2"), MAIL(120, "m3"),
        MAIL(150, "m4"), MAIL(185, "m5"), MAIL(200, "m6"), MAIL(246, "m7"),   {.at_s = 0}};
    static const struct want wants[] = {{"m1", false, OUT_D, 50.20},  {"m2", false, OUT_D, 100.40},
                                        {"m3", false, OUT_FNDR, 0},   {"m4", false, OUT_FNDR, 0},
                                        {"m5", false, OUT_FNDR, 0},   {"m6", false, OUT_STR, 0},
                                        {"m7", false, OUT_D, 246.40}, {.at_s = 0}};

    play(&(struct vector){
        .originator = "O", .stock_r = 89.5, .stock_o = 89.5, .steps = steps, .wants = wants});
}

static void v5b_the_second_move_of_the_batch_begins_when_the_first_is_over(void)
{
    static const struct scene_mailbox boxes[] = {{"R", S, NULL, false, 89.5},
                                                 {"O", S, NULL, false, 89.5}};
    struct scene s;
    double copy = 0, done = 0;

    scene_open(&s, &(struct scene_plan){.mailboxes = boxes, .mailbox_count = 2});
    scene_run(&s, 100);
    scene_move(&s, "R", "S", "D");
    scene_move(&s, "O", "S", "D");
    scene_run(&s, 300);
    json_t *j = scene_get(&s, "/v1/move?id=2");

    copy = (double)json_integer_value(json_object_get(j, "copy_ns")) / 1e9;
    done = (double)json_integer_value(json_object_get(j, "done_ns")) / 1e9;
    CHECK_BETWEEN(copy, 191.5099, 191.5101);
    CHECK_BETWEEN(done, 282.0199, 282.0201);
    json_decref(j);
    scene_close(&s);
}

static void v5c_a_batch_with_the_originator_first_reports_all(void)
{
    static const struct step steps[] = {
        MOVE_O(8.99),    MAIL(50, "m1"),  MOVE_R(100),     MAIL(100.2, "m2"), MAIL(120, "m3"),
        MAIL(150, "m4"), MAIL(185, "m5"), MAIL(200, "m6"), MAIL(246, "m7"),   {.at_s = 0}};

    play(&(struct vector){
        .originator = "O", .stock_r = 89.5, .stock_o = 89.5, .steps = steps, .wants = v2_wants});
}

static void v6_without_the_cache_nothing_is_lost(void)
{
    static const struct lab_knob knobs[] = {{"ds_read_cache_latency", "0s"}, {.name = NULL}};
    static const struct want wants[] = {
        {"m1", false, OUT_D, 50.20},    {"m2", false, OUT_D, 100.40},
        {"m3", false, OUT_DLY, 191.26}, {"m4", false, OUT_DLY, 191.26},
        {"m5", false, OUT_D, 191.26},   {"m6", false, OUT_D, 200.40},
        {"m7", false, OUT_D, 246.40},   {.at_s = 0}};

    play(&(struct vector){.stock_r = 89.5, .knobs = knobs, .steps = all_seven, .wants = wants});
}

static void v7_mail_only_before_and_long_after_the_move_is_safe(void)
{
    static const struct step steps[] = {MAIL(20, "a"),  MAIL(39.9, "b"), MOVE_R(100),
                                        MAIL(246, "c"), MAIL(260, "d"),  {.at_s = 0}};
    static const struct want wants[] = {{"a", false, OUT_D, 20.20},
                                        {"b", false, OUT_D, 40.10},
                                        {"c", false, OUT_D, 246.40},
                                        {"d", false, OUT_D, 260.40},
                                        {.at_s = 0}};

    play(&(struct vector){.stock_r = 89.5, .steps = steps, .wants = wants});
}

static void v7b_quiet_during_a_short_move_is_not_enough(void)
{
    static const struct step steps[] = {
        MAIL(95, "a"), MOVE_R(100), MAIL(125, "b"), MAIL(156, "c"), {.at_s = 0}};
    static const struct want wants[] = {{"a", false, OUT_D, 95.20},
                                        {"b", false, OUT_FNDR, 0},
                                        {"c", false, OUT_D, 156.40},
                                        {.at_s = 0}};

    play(&(struct vector){.stock_r = 19.49, .steps = steps, .wants = wants});
}

#define ALT_OFF(at)                                                                                \
    {                                                                                              \
        at, NULL, "/v1/alternate", "{'mailbox':'R','alternate':null}", 0                           \
    }

static void v8_an_alternate_removed_shortly_before_is_still_cached(void)
{
    static const struct step steps[] = {
        MAIL(50, "m1"),  ALT_OFF(80),     MOVE_R(100),     MAIL(100.2, "m2"), MAIL(120, "m3"),
        MAIL(150, "m4"), MAIL(185, "m5"), MAIL(200, "m6"), MAIL(246, "m7"),   {.at_s = 0}};
    struct want wants[15];

    memcpy(wants, v3_wants, sizeof v3_wants);
    wants[13] = (struct want){"m7", true, OUT_NONE, 0}; /* D's cache is cold */
    play(&(struct vector){
        .stock_r = 89.5, .alternate = "alt", .both = true, .steps = steps, .wants = wants});
}

static void v8b_an_alternate_removed_before_the_first_lookup_is_gone(void)
{
    static const struct step steps[] = {ALT_OFF(80),     MOVE_R(100),     MAIL(120, "m3"),
                                        MAIL(150, "m4"), MAIL(185, "m5"), MAIL(200, "m6"),
                                        MAIL(246, "m7"), {.at_s = 0}};
    static const struct want wants[] = {{"m3", false, OUT_FNDR, 0},
                                        {"m4", false, OUT_FNDR, 0},
                                        {"m5", false, OUT_FNDR, 0},
                                        {"m6", false, OUT_FNDR, 0},
                                        {"m7", false, OUT_D, 246.40},
                                        {"m3", true, OUT_NONE, 0},
                                        {"m4", true, OUT_NONE, 0},
                                        {"m5", true, OUT_NONE, 0},
                                        {"m6", true, OUT_NONE, 0},
                                        {"m7", true, OUT_NONE, 0},
                                        {.at_s = 0}};

    play(&(struct vector){
        .stock_r = 89.5, .alternate = "alt", .both = true, .steps = steps, .wants = wants});
}

static void v9_redirect_only_is_safe(void)
{
    static const struct want wants[] = {{"m1", false, OUT_REDIRECTED, 0},
                                        {"m2", false, OUT_REDIRECTED, 0},
                                        {"m3", false, OUT_REDIRECTED, 0},
                                        {"m4", false, OUT_REDIRECTED, 0},
                                        {"m5", false, OUT_REDIRECTED, 0},
                                        {"m6", false, OUT_REDIRECTED, 0},
                                        {"m7", false, OUT_REDIRECTED, 0},
                                        {"m1", true, OUT_D, 50.40},
                                        {"m2", true, OUT_D, 100.60},
                                        {"m3", true, OUT_D, 120.40},
                                        {"m4", true, OUT_D, 150.40},
                                        {"m5", true, OUT_D, 185.40},
                                        {"m6", true, OUT_D, 200.40},
                                        {"m7", true, OUT_D, 246.60},
                                        {.at_s = 0}};

    play(&(struct vector){
        .stock_r = 89.5, .alternate = "alt", .both = false, .steps = all_seven, .wants = wants});
}

static void v10_directory_first_loses_what_comes_before_the_flag(void)
{
    static const struct step steps[] = {
        {100, NULL, "/v1/move", "{'mailbox':'R','from':'S','to':'D','dir_first':true}", 0},
        {100.2, "a", NULL, NULL, D},
        {100.6, "b", NULL, NULL, D},
        {.at_s = 0}};
    static const struct want gap[] = {
        {"a", false, OUT_SIL, 0}, {"b", false, OUT_DLY, 190.01}, {.at_s = 0}};
    static const struct want fixed[] = {
        {"a", false, OUT_DLY, 190.01}, {"b", false, OUT_DLY, 190.01}, {.at_s = 0}};

    play(&(struct vector){.stock_r = 89.5, .steps = steps, .wants = gap});
    play(&(struct vector){.version = "5.5-sp4", .stock_r = 89.5, .steps = steps, .wants = fixed});
}

static void v11_a_late_replica_makes_mail_bounce_between_two_servers(void)
{
    static const struct lab_knob knobs[] = {
        {"ds_read_cache_latency", "0s"}, {"move_sync_delay", "30s"}, {.name = NULL}};
    static const struct step steps[] = {MOVE_R(100), MAIL(200, "m"), {.at_s = 0}};
    static const struct want wants[] = {{"m", false, OUT_D, 221.20}, {.at_s = 0}};

    play(&(struct vector){.stock_r = 89.5, .knobs = knobs, .steps = steps, .wants = wants});
}

static void v11b_a_very_late_replica_ends_in_a_loop_report(void)
{
    static const struct lab_knob knobs[] = {
        {"ds_read_cache_latency", "0s"}, {"move_sync_delay", "330s"}, {.name = NULL}};
    static const struct step steps[] = {MOVE_R(100), MAIL(200, "m"), {.at_s = 0}};
    static const struct want wants[] = {{"m", false, OUT_LOOP, 0}, {.at_s = 0}};

    play(&(struct vector){.stock_r = 89.5, .knobs = knobs, .steps = steps, .wants = wants});
}

static void v11c_a_lag_of_2_s_becomes_a_delay_of_60_s(void)
{
    static const struct lab_knob knobs[] = {{"move_sync_delay", "2s"}, {.name = NULL}};
    static const struct step steps[] = {MOVE_R(100), MAIL(125, "m"), {.at_s = 0}};
    static const struct want wants[] = {{"m", false, OUT_DLY, 251.66}, {.at_s = 0}};

    play(&(struct vector){.stock_r = 89.5, .knobs = knobs, .steps = steps, .wants = wants});
}

static void v12_with_two_tries_and_no_more_mail_bounces_during_a_long_move(void)
{
    static const struct lab_knob knobs[] = {{"in_transit_policy", "retry_then_ndr"},
                                            {.name = NULL}};
    static const struct step steps[] = {MOVE_R(100), MAIL(150, "a"), MAIL(600, "b"), {.at_s = 0}};
    static const struct want wants[] = {
        {"a", false, OUT_FNDR, 0}, {"b", false, OUT_DLY, 720.40}, {.at_s = 0}};

    play(&(struct vector){.stock_r = 599.5, .knobs = knobs, .steps = steps, .wants = wants});
}

static void v12_the_report_comes_while_the_move_still_runs(void)
{
    static const struct lab_knob knobs[] = {{"in_transit_policy", "retry_then_ndr"},
                                            {.name = NULL}};
    static const struct step steps[] = {MOVE_R(100), MAIL(150, "a"), {.at_s = 0}};
    static const struct want wants[] = {{"a", false, OUT_FNDR, 0}, {.at_s = 0}};

    play(&(struct vector){
        .stock_r = 599.5, .knobs = knobs, .steps = steps, .wants = wants, .end_s = 391});
}

static const struct test tests[] = {
    TEST(v1_without_a_late_arrival_deferred_mail_is_delivered_late),
    TEST(v2_one_late_arrival_turns_all_deferred_mail_into_false_reports),
    TEST(v3_with_deliver_to_both_the_deferred_primaries_vanish_without_a_report),
    TEST(v4_the_fix_reports_what_v3_lost_and_delivers_no_more),
    TEST(v5_when_the_originator_moves_too_its_mail_is_stranded),
    TEST(v5_an_mta_restart_after_both_moves_frees_the_stranded),
    TEST(v5b_a_batch_with_the_originator_second_strands_what_fails_after_it_began),
    TEST(v5b_the_second_move_of_the_batch_begins_when_the_first_is_over),
    TEST(v5c_a_batch_with_the_originator_first_reports_all),
    TEST(v6_without_the_cache_nothing_is_lost),
    TEST(v7_mail_only_before_and_long_after_the_move_is_safe),
    TEST(v7b_quiet_during_a_short_move_is_not_enough),
    TEST(v8_an_alternate_removed_shortly_before_is_still_cached),
    TEST(v8b_an_alternate_removed_before_the_first_lookup_is_gone),
    TEST(v9_redirect_only_is_safe),
    TEST(v10_directory_first_loses_what_comes_before_the_flag),
    TEST(v11_a_late_replica_makes_mail_bounce_between_two_servers),
    TEST(v11b_a_very_late_replica_ends_in_a_loop_report),
    TEST(v11c_a_lag_of_2_s_becomes_a_delay_of_60_s),
    TEST(v12_with_two_tries_and_no_more_mail_bounces_during_a_long_move),
    TEST(v12_the_report_comes_while_the_move_still_runs),
    TEST_END,
};

const struct suite vectors_suite = {"vectors", tests};
