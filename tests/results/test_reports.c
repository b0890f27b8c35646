/* What people and programs read: summary.json, the text report, list, trace, compare. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "results/compare.h"
#include "results/journal.h"
#include "results/json_file.h"
#include "results/lines.h"
#include "results/report_text.h"
#include "tests/results/world.h"
#include "tests/support/check.h"
#include "tests/support/scratch.h"

static struct world w;

/* Two of four primaries lost in silence during a move, all alternates delivered; or, of SP4, reported instead. */
static void q248839(bool silent)
{
    world_init(&w, 4);
    world_alternate(&w, true);
    for (uint64_t i = 0; i < 4; i++) {
        accepted(&w, i, 120 + (double)i);
        seen(&w, i, 130, 2, BOB_ALT, 1);
        if (i >= 2)
            seen(&w, i, 195, 1, BOB, 1);
        else if (!silent)
            reported(&w, i, 196, BOB, (uint32_t)i);
    }
    moved(&w, 0, 100, 190, 191);
    settle(&w, 400);
    w.m.variant = silent ? "sp3" : "sp4";
}

/* The world as a run's folder. */
static void write_run(const char *dir)
{
    char path[400];
    struct err e = {0};

    (void)snprintf(path, sizeof path, "%s/manifest.json", dir);
    CHECK(manifest_write(&w.m, path, &e));
    (void)snprintf(path, sizeof path, "mkdir -p %s/journal", dir);
    CHECK(system(path) == 0); /* NOLINT(cert-env33-c): a test's own folder */
    (void)snprintf(path, sizeof path, "%s/journal", dir);
    struct journal *j[2] = {journal_create(path, 0, w.m.run_id, NULL, &e),
                            journal_create(path, 1, w.m.run_id, NULL, &e)};

    for (uint32_t i = 0; i < w.count; i++)
        CHECK(journal_add(j[i % 2], &w.events[i]));
    CHECK(journal_close(j[0], &e));
    CHECK(journal_close(j[1], &e));
}

static bool take_line(void *owner, struct slice text)
{
    return buf_add(owner, text.p, text.n);
}

static void take_token(void *owner, uint64_t number, char out[27])
{
    (void)owner;
    (void)snprintf(out, 27, "token%llu", (unsigned long long)number);
}

static void the_verdict_from_the_journal_is_the_live_one_byte_for_byte(void)
{
    const char *dir = scratch_dir("judge-folder");
    struct run_record r;
    struct err e = {0};
    struct buf live, later;

    q248839(true);
    write_run(dir);
    buf_init(&live, 1u << 20);
    buf_init(&later, 1u << 20);
    CHECK(judgement_print_summary(judged(&w), &live, &e));
    CHECK(judge_folder(&r, dir, &e));
    CHECK(judgement_print_summary(r.judgement, &later, &e));
    CHECK_MEM(later.p, later.n, live.p, live.n);
    buf_fini(&live);
    buf_fini(&later);
    run_record_fini(&r);
    world_fini(&w);
}

static bool has_real(const json_t *v)
{
    const char *key;
    json_t *child;
    size_t i;

    if (json_is_real(v))
        return true;
    json_object_foreach((json_t *)v, key, child)
    {
        if (has_real(child))
            return true;
    }
    json_array_foreach(v, i, child)
    {
        if (has_real(child))
            return true;
    }
    return false;
}

static void the_summary_is_canonical_and_complete(void)
{
    struct buf text;
    struct err e = {0};
    static const char *const keys[] = {"schema",  "verdict", "reasons",    "planned",
                                       "classes", "flags",   "identities", "moves",
                                       "gates",   "latency", "health"};

    q248839(true);
    buf_init(&text, 1u << 20);
    CHECK(judgement_print_summary(judged(&w), &text, &e));
    json_t *root = json_loads(buf_text(&text), 0, NULL);

    if (!CHECK(root != NULL))
        return;
    for (unsigned i = 0; i < sizeof keys / sizeof keys[0]; i++)
        CHECK(json_object_get(root, keys[i]) != NULL);
    CHECK_U64(json_object_size(json_object_get(root, "classes")), CLASS_COUNT);
    CHECK(!has_real(root));
    json_t *move = json_array_get(json_object_get(root, "moves"), 0);

    CHECK_STR(json_string_value(json_object_get(move, "mailbox")), "bob");
    CHECK_I64(json_integer_value(json_object_get(json_object_get(move, "marks_ns"), "asked")),
              (int64_t)S(100));
    CHECK_I64(json_integer_value(json_object_get(json_object_get(move, "classes"), "silent-loss")),
              2);
    struct buf again;

    buf_init(&again, 1u << 20);
    CHECK(json_file_print(root, &again, &e)); /* sorted and indented: reading changes nothing */
    CHECK_MEM(again.p, again.n, text.p, text.n);
    buf_fini(&again);
    buf_fini(&text);
    world_fini(&w);
}

static void a_summary_that_cannot_be_written_is_an_io_error(void)
{
    struct err e = {0};

    q248839(true);
    CHECK(!judgement_write_summary(judged(&w), "no/such/summary.json", &e));
    CHECK_U64(e.code, EX_IO);
    world_fini(&w);
}

static void the_text_report_says_the_verdict_first_and_colours_only_on_demand(void)
{
    struct buf out;

    q248839(true);
    buf_init(&out, 1u << 20);
    CHECK(judgement_text(judged(&w), &out, false));
    CHECK(strncmp(buf_text(&out), "FAIL  test sp3 on lab 5.5-sp3\n", 30) == 0);
    CHECK_HAS(buf_text(&out), "  - 2 of 4 primary copies were lost in silence while their "
                              "alternates were delivered\n");
    CHECK_HAS(buf_text(&out), "silent-loss");
    CHECK_HAS(buf_text(&out), "copying  delivered 6, silent-loss 2");
    CHECK(!strstr(buf_text(&out), "\033["));
    buf_clear(&out);
    CHECK(judgement_text(w.judgement, &out, true));
    CHECK_HAS(buf_text(&out), "\033[31mFAIL\033[0m");
    buf_fini(&out);
    world_fini(&w);
}

static void the_text_report_has_a_table_of_gates_and_one_of_moves(void)
{
    struct manifest_move many[25];
    struct buf out;

    q248839(true);
    w.gates[0] = (struct manifest_gate){"silent-loss", 1};
    w.gates[1] = (struct manifest_gate){"pacing-p99", 2000000};
    w.m.gate_count = 2;
    buf_init(&out, 1u << 20);
    CHECK(judgement_text(judged(&w), &out, false));
    CHECK_HAS(buf_text(&out), "gate                        count        limit  verdict\n"
                              "silent-loss                     2            1  fail\n"
                              "pacing-p99                   50us        2.0ms  pass\n");
    CHECK_HAS(buf_text(&out), "    0  bob              s0 -> s1       +100.000s   +101.000s   "
                              "+190.000s   +191.000s  yes       delivered 6, silent-loss 2\n");
    for (unsigned i = 0; i < 25; i++)
        many[i] = w.moves[0];
    w.m.moves = many;
    w.m.move_count = 25;
    buf_clear(&out);
    CHECK(judgement_text(judged(&w), &out, false));
    CHECK_HAS(buf_text(&out),
              "   19  bob              s0 -> s1               -           -           "
              "-           -  not asked -\n       and 5 more: ");
    buf_fini(&out);
    world_fini(&w);
}

static void time_until_a_probe_saw_it_is_not_called_delivery(void)
{
    struct buf out;

    q248839(true);
    buf_init(&out, 1u << 20);
    CHECK(judgement_text(judged(&w), &out, false));
    CHECK_HAS(buf_text(&out), "  seen                  6 ");
    CHECK_HAS(buf_text(&out), "until a probe first saw the copy");
    CHECK(!strstr(buf_text(&out), "  deliver "));
    buf_clear(&out);
    CHECK(judgement_print_summary(w.judgement, &out, &(struct err){0}));
    CHECK_HAS(buf_text(&out), "\"deliver\": {"); /* programs find it where it was */
    buf_fini(&out);
    world_fini(&w);
}

static void list(const struct list_filter *f, struct buf *out)
{
    struct line_sink sink = {.line = take_line, .token = take_token, .owner = out};
    struct err e = {0};

    (void)judged(&w);
    struct run_record r = {.manifest = &w.m, .ledger = w.ledger, .judgement = w.judgement};

    buf_clear(out);
    CHECK(list_copies(&r, f, &sink, &e));
}

static unsigned lines_in(struct buf *b)
{
    unsigned n = 0;

    for (const char *p = buf_text(b); *p; p++)
        n += *p == '\n';
    return n;
}

static void a_list_has_one_line_a_copy_and_filters_by_class_and_move(void)
{
    struct list_filter f = {CLASS_COUNT, FLAG_COUNT, NO_INDEX, false};
    struct buf out;

    q248839(true);
    buf_init(&out, 1u << 20);
    list(&f, &out);
    CHECK_U64(lines_in(&out), 8);
    f.move = 0;
    list(&f, &out);
    CHECK_U64(lines_in(&out), 8);
    f.move = 1;
    list(&f, &out);
    CHECK_U64(lines_in(&out), 0);
    f.move = NO_INDEX;
    f.flag = FLAG_ALTERNATE_DELIVERED;
    list(&f, &out);
    CHECK_U64(lines_in(&out), 2);
    f.flag = FLAG_COUNT;
    f.outcome = CLASS_SILENT_LOSS;
    f.json = true;
    list(&f, &out);
    CHECK_U64(lines_in(&out), 2);
    json_t *o = json_loads(buf_text(&out), JSON_DISABLE_EOF_CHECK, NULL);

    CHECK_STR(json_string_value(json_object_get(o, "token")), "token0");
    CHECK_STR(json_string_value(json_object_get(o, "mailbox")), "bob");
    CHECK_STR(json_string_value(json_object_get(o, "role")), "primary");
    CHECK_STR(json_string_value(json_object_get(o, "class")), "silent-loss");
    CHECK_STR(json_string_value(json_object_get(o, "status")), "250 2.0.0");
    CHECK_I64(json_integer_value(json_object_get(o, "move")), 0);
    CHECK(json_is_null(json_object_get(o, "first_seen_ns")));
    CHECK_BETWEEN((double)json_integer_value(json_object_get(o, "phase_ns")), 20.0e9, 20.02e9);
    CHECK_BETWEEN((double)json_integer_value(json_object_get(o, "sent_ns")), 119.99e9, 120.0e9);
    CHECK_STR(json_string_value(json_array_get(json_object_get(o, "flags"), 0)),
              "alternate-delivered");
    json_decref(o);
    buf_fini(&out);
    world_fini(&w);
}

static void a_trace_tells_what_happened_in_order_and_what_became_of_it(void)
{
    const char *dir = scratch_dir("trace");
    struct run_record r;
    struct err e = {0};
    struct buf out;
    struct line_sink sink = {.line = take_line, .owner = &out};

    q248839(true);
    write_run(dir);
    buf_init(&out, 1u << 20);
    CHECK(judge_folder(&r, dir, &e));
    CHECK(trace_message(&r, dir, 0, &sink, &e));
    CHECK_STR(buf_text(&out),
              "    +120.000s  s2: sent to bob from ann, 50 us late\n"
              "    +120.010s  s2: accepted at dot 250 2.0.0\n"
              "    +130.000s  s2: copy 1 in bob-alt (scan 1)\n"
              "primary copy for bob: silent-loss alternate-delivered (owed, accepted; at home 0; "
              "silence final)\n"
              "alternate copy for bob-alt: delivered (owed, accepted; at home 1; silence final)\n");
    buf_clear(&out);
    CHECK(trace_move(&r, dir, 0, &sink, &e));
    CHECK_HAS(buf_text(&out), "move 0 of bob from s0 to s1: flipped");
    CHECK_HAS(buf_text(&out), "the directory of s0 says that bob lives on s1");
    buf_clear(&out);
    CHECK(trace_mailbox(&r, dir, BOB_ALT, &sink, &e));
    CHECK_U64(lines_in(&out), 4);
    CHECK_HAS(buf_text(&out), "message 3: s2: copy 1 in bob-alt");
    CHECK(!trace_message(&r, dir, 99, &sink, &e));
    CHECK_U64(e.code, EX_BAD_USAGE);
    CHECK(!trace_move(&r, dir, 9, &sink, &e));
    buf_fini(&out);
    run_record_fini(&r);
    world_fini(&w);
}

static void a_trace_of_a_canary_tells_its_story(void)
{
    const char *dir = scratch_dir("trace-canary");
    struct run_record r;
    struct err e = {0};
    struct buf out;
    struct line_sink sink = {.line = take_line, .owner = &out};

    q248839(true);
    write_run(dir);
    buf_init(&out, 1u << 20);
    CHECK(judge_folder(&r, dir, &e));
    CHECK(trace_message(&r, dir, 4, &sink, &e));
    CHECK_STR(buf_text(&out),
              "    +400.000s  s0: canary from ann to an address that nobody has: accepted\n"
              "    +401.000s  s0: a report about the canary came back to ann\n"
              "canary: reported, so the way of reports was alive\n");
    buf_clear(&out);
    CHECK(trace_message(&r, dir, 5, &sink, &e));
    CHECK_STR(buf_text(&out), "canary: never sent\n");
    buf_fini(&out);
    run_record_fini(&r);
    world_fini(&w);
}

/* In short, whatever the plans. */
static bool compare_words(const struct compared *runs, struct buf *out)
{
    struct arena *a = arena_create(1u << 20);
    struct err e = {0};
    struct comparison *c = comparison_make(a, runs, 2, true, &e);
    bool ok = c && compare_text(c, false, out, false);

    CHECK_STR(e.text, "");
    arena_destroy(a);
    return ok;
}

static void sp3_beside_sp4_says_that_silence_turned_into_reports(void)
{
    struct arena *a = arena_create(1u << 20);
    struct compared runs[2];
    struct err e = {0};
    struct buf out;
    char path[400], dir[300];

    (void)snprintf(dir, sizeof dir, "%s", scratch_dir("compare-sp3"));
    q248839(true);
    write_run(dir);
    (void)snprintf(path, sizeof path, "%s/summary.json", dir);
    CHECK(judgement_write_summary(judged(&w), path, &e));
    CHECK(compared_read(&runs[0], a, dir, &e));
    world_fini(&w);
    (void)snprintf(dir, sizeof dir, "%s", scratch_dir("compare-sp4"));
    q248839(false);
    write_run(dir); /* without a summary: judged from its journal */
    CHECK(compared_read(&runs[1], a, dir, &e));
    world_fini(&w);
    buf_init(&out, 1u << 20);
    CHECK(compare_words(runs, &out));
    CHECK_HAS(buf_text(&out), "silent-loss                       2              0\n");
    CHECK_HAS(buf_text(&out), "sp3 -> sp4: silence turned into reports: 2 lost in silence "
                              "became 0, 0 reported became 2; nothing more was delivered (6 and 6 "
                              "copies)\n");
    buf_clear(&out);
    CHECK(compare_json(comparison_make(a, runs, 2, true, &e), &out, &e));
    CHECK_HAS(buf_text(&out), "\"changes\": [");
    buf_fini(&out);
    CHECK(!compared_read(&runs[0], a, "no/such/run", &e));
    arena_destroy(a);
}

/* SP3 lost half of 400 owed copies; SP4, of a plan twice as large, reported half of 800. */
static void different_plans_are_compared_by_shares(void)
{
    struct compared runs[2] = {{.name = "sp3", .planned = 500}, {.name = "sp4", .planned = 900}};
    struct buf out;

    runs[0].classes[CLASS_NOT_OWED] = runs[1].classes[CLASS_NOT_OWED] = 100;
    runs[0].classes[CLASS_DELIVERED] = runs[0].classes[CLASS_SILENT_LOSS] = 200;
    runs[1].classes[CLASS_DELIVERED] = runs[1].classes[CLASS_NDR] = 400;
    buf_init(&out, 1u << 20);
    CHECK(compare_words(runs, &out));
    CHECK_HAS(buf_text(&out), "sp3 -> sp4: of 400 and 800 owed copies, so shares of "
                              "them: silence turned into reports: 50.00 % lost in silence became "
                              "0.00 %, 0.00 % reported became 50.00 %; nothing more was delivered "
                              "(50.00 % and 50.00 % of owed copies)\n");
    runs[1].classes[CLASS_NDR] = 0;
    runs[1].classes[CLASS_SILENT_LOSS] = 400; /* the same share of twice as many */
    buf_clear(&out);
    CHECK(compare_words(runs, &out));
    CHECK_HAS(buf_text(&out), "so shares of them: no class differs\n");
    runs[1].classes[CLASS_DELIVERED] = 399;
    runs[1].classes[CLASS_STRANDED] = 1;
    buf_clear(&out);
    CHECK(compare_words(runs, &out));
    CHECK_HAS(buf_text(&out), "delivered 50.00 % -> 49.87 %");
    CHECK_HAS(buf_text(&out), "stranded 0.00 % -> 0.12 %");
    CHECK(!strstr(buf_text(&out), ", not-owed"));
    buf_fini(&out);
}

static void times_read_well(void)
{
    char out[40];

    CHECK_STR(text_us(out, sizeof out, 0), "0us");
    CHECK_STR(text_us(out, sizeof out, 999), "999us");
    CHECK_STR(text_us(out, sizeof out, 1500), "1.5ms");
    CHECK_STR(text_us(out, sizeof out, 2345678), "2.34s");
    CHECK_STR(text_us(out, sizeof out, 125000000), "2m05s");
    CHECK_STR(text_at(out, sizeof out, S(1.25)), "+1.250s");
    CHECK_STR(text_at(out, sizeof out, NEVER_NS), "-");
    CHECK_STR(code_words(event_code(250, 0, 0, 0), out, sizeof out), "250");
    CHECK_STR(code_words(event_code(0, 5, 1, 1), out, sizeof out), "5.1.1");
    CHECK_STR(code_words(0, out, sizeof out), "");
}

static const struct test tests[] = {
    TEST(the_verdict_from_the_journal_is_the_live_one_byte_for_byte),
    TEST(the_summary_is_canonical_and_complete),
    TEST(a_summary_that_cannot_be_written_is_an_io_error),
    TEST(the_text_report_says_the_verdict_first_and_colours_only_on_demand),
    TEST(the_text_report_has_a_table_of_gates_and_one_of_moves),
    TEST(time_until_a_probe_saw_it_is_not_called_delivery),
    TEST(a_list_has_one_line_a_copy_and_filters_by_class_and_move),
    TEST(a_trace_tells_what_happened_in_order_and_what_became_of_it),
    TEST(a_trace_of_a_canary_tells_its_story),
    TEST(sp3_beside_sp4_says_that_silence_turned_into_reports),
    TEST(different_plans_are_compared_by_shares),
    TEST(times_read_well),
    TEST_END,
};

const struct suite reports_suite = {"reports", tests};
