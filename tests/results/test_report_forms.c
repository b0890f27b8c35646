/* The forms of a report that machines read: CSV, JUnit, SARIF, Markdown, HdrHistogram's text; names that attack each. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "results/report_hdr.h"
#include "results/report_markdown.h"
#include "results/report_stream.h"
#include "tests/results/page_rig.h"
#include "tests/support/check.h"
#include "tests/support/scratch.h"

#define HOSTILE                                                                                    \
    "=cmd|' /C calc'!A1,\"x\"\n`<script>alert(1)</script>` |[a](b) "                               \
    "]]>&\x01\x1b[31m\xe2\x80\xae\xe2\x80\xac"

static const struct page_spec losing = {.messages = 400, .moves = 2, .reported = 3};
static const struct page_spec hostile = {
    .messages = 100, .moves = 1, .box = HOSTILE, .report_name = "0.eml", .report = HOSTILE};

static bool take(void *owner, struct slice piece)
{
    return buf_add(owner, piece.p, piece.n);
}

/* The form of a run, in *text, which the caller gives back. */
static const char *form_of(const struct page_rig *g, const char *form, struct buf *text)
{
    const struct report_out out = {.put = take, .owner = text};
    struct err e = {0};
    const struct report_form *f = report_form_named(form, &e);

    buf_init(text, 64u << 20);
    CHECK(f && f->write(&g->source, &out, &e));
    return buf_text(text);
}

static unsigned count_of(const char *text, const char *part)
{
    unsigned n = 0;

    for (; (text = strstr(text, part)); text += strlen(part))
        n++;
    return n;
}

static void the_same_run_gives_the_same_bytes_in_every_form(void)
{
    struct page_rig g;

    page_rig_make(&g, "forms-twice", &losing);
    for (unsigned i = 0; report_forms[i]; i++) {
        struct buf once, again;

        (void)form_of(&g, report_forms[i]->name, &once);
        (void)form_of(&g, report_forms[i]->name, &again);
        CHECK(once.n > 0);
        CHECK_MEM(again.p, again.n, once.p, once.n);
        buf_fini(&once);
        buf_fini(&again);
    }
    page_rig_fini(&g);
}

static void a_form_that_nobody_takes_is_an_error_and_leaves_no_file(void)
{
    struct page_rig g;
    struct err e = {0};
    char path[400];

    page_rig_make(&g, "forms-refused", &losing);
    (void)snprintf(path, sizeof path, "%s/no/such/folder.csv", g.dir);
    CHECK(!report_write_file(&g.source, report_form_named("csv", &e), path, &e));
    CHECK_U64(e.code, EX_IO);
    CHECK_HAS(e.text, "folder.csv");
    page_rig_fini(&g);
}

static bool take_nothing(void *owner, struct slice piece)
{
    (void)owner;
    (void)piece;
    return false;
}

static void a_full_disk_ends_every_form_with_an_error(void)
{
    const struct report_out out = {.put = take_nothing};
    struct page_rig g;

    page_rig_make(&g, "forms-full", &losing);
    for (unsigned i = 0; report_forms[i]; i++) {
        struct err e = {0};

        CHECK(!report_forms[i]->write(&g.source, &out, &e));
        CHECK_U64(e.code, EX_IO);
    }
    page_rig_fini(&g);
}

static void a_run_leaves_the_forms_that_have_a_file(void)
{
    struct page_rig g;
    struct err e = {0};
    struct buf text;
    char path[400];
    size_t n;

    page_rig_make(&g, "forms-files", &losing);
    CHECK(report_write_files(&g.source, &e));
    static const char *const files[][2] = {{"junit.xml", "junit"}, {"summary.md", "markdown"}};
    for (unsigned i = 0; i < 2; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", g.dir, files[i][0]);
        char *there = scratch_read(path, &n);

        (void)form_of(&g, files[i][1], &text);
        CHECK_MEM(there, n, text.p, text.n);
        free(there);
        buf_fini(&text);
    }
    (void)snprintf(path, sizeof path, "%s/copies.csv", g.dir);
    CHECK(scratch_read(path, NULL) == NULL);
    page_rig_fini(&g);
}

/* ------------------------------------------------------------------------------------------------------------- CSV */

static void csv_has_a_heading_and_a_line_a_copy(void)
{
    struct page_rig g;
    struct buf text;

    page_rig_make(&g, "csv", &losing);
    const char *csv = form_of(&g, "csv", &text);

    CHECK(strncmp(csv, "number,token,load,server,", 25) == 0);
    CHECK_U64(count_of(csv, "\r\n"), 401);
    CHECK_U64(count_of(csv, "\n"), 401);
    CHECK_U64(count_of(csv, ",silent-loss,"), g.run.judgement->tally.classes[CLASS_SILENT_LOSS]);
    CHECK_HAS(csv, "\r\n0,00000000000000000000000000,steady,s2,joe,box0,box0,primary,delivered,");
    buf_fini(&text);
    page_rig_fini(&g);
}

static void csv_defuses_formulas_and_doubles_quotes(void)
{
    struct page_rig g;
    struct buf text;

    page_rig_make(&g, "csv-hostile", &hostile);
    const char *csv = form_of(&g, "csv", &text);

    CHECK_HAS(csv, ",\"'=cmd|' /C calc'!A1,\"\"x\"\"\n`<script>");
    CHECK(!strstr(csv, ",=cmd"));
    CHECK(!strstr(csv, "\",\"=cmd"));
    CHECK(!strchr(csv, '\x01'));
    CHECK(!strchr(csv, '\x1b'));
    buf_fini(&text);
    page_rig_fini(&g);
}

static void a_field_is_quoted_only_where_it_must_be(void)
{
    static const char *const fields[][2] = {
        {"", ""},
        {"bob", "bob"},
        {"a,b", "\"a,b\""},
        {"a\"b", "\"a\"\"b\""},
        {"-1", "\"'-1\""},
        {"+x", "\"'+x\""},
        {"@SUM(A1)", "\"'@SUM(A1)\""},
        {"\tx", "\"'\tx\""},
        {" x", "\" x\""},
        {"a-b=c", "a-b=c"},
    };

    for (unsigned i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        struct buf text;
        const struct report_out out = {.put = take, .owner = &text};
        struct report_stream s;
        struct err e = {0};

        buf_init(&text, 4096);
        stream_begin(&s, &out);
        stream_csv(&s, fields[i][0]);
        CHECK(stream_end(&s, &e));
        CHECK_STR(buf_text(&text), fields[i][1]);
        buf_fini(&text);
    }
}

static void wall_times_follow_the_scale_of_the_run(void)
{
    struct manifest m = {.wall_start_ns = 951782399ull * NS_PER_S, .time_scale = 60};
    char at[ISO_BYTES];

    CHECK_STR(report_iso(at, &m, 0), "2000-02-28T23:59:59.000000Z");
    CHECK_STR(report_iso(at, &m, 60 * NS_PER_S), "2000-02-29T00:00:00.000000Z");
    CHECK_STR(report_iso(at, &m, 60 * (86400 * NS_PER_S + 1500 * NS_PER_US)),
              "2000-02-29T23:59:59.001500Z");
    m.wall_start_ns = 1735689599ull * NS_PER_S;
    m.time_scale = 1;
    CHECK_STR(report_iso(at, &m, NS_PER_S), "2025-01-01T00:00:00.000000Z");
    CHECK_STR(report_iso(at, &m, NEVER_NS), "");
    m.wall_start_ns = 0;
    CHECK_STR(report_iso(at, &m, 5), "");
}

/* ----------------------------------------------------------------------------------------------------------- JUnit */

static void junit_fails_where_gates_and_their_moves_fail(void)
{
    struct page_rig g;
    struct buf text;

    page_rig_make(&g, "junit", &losing);
    const char *xml = form_of(&g, "junit", &text);

    CHECK_STR(verdict_name(g.run.judgement->verdict), "FAIL");
    CHECK_HAS(xml, "<testsuite name=\"verdict\" tests=\"1\" failures=\"1\" errors=\"0\"");
    CHECK_HAS(xml, "classname=\"postmuster.rig.gates\" name=\"silent-loss\"");
    CHECK_HAS(xml, "<testsuite name=\"moves\" tests=\"2\" failures=\"2\" errors=\"0\" "
                   "skipped=\"0\" time=\"4.000000\"");
    CHECK_HAS(xml, "name=\"move 1 of box1 from s0 to s1\" time=\"2.000000\"");
    CHECK_U64(count_of(xml, "<testcase "),
              1 + g.run.judgement->gate_count + g.run.judgement->identity_count + 2);
    buf_fini(&text);
    page_rig_fini(&g);
}

static void junit_counts_what_is_undecided_as_errors(void)
{
    struct page_rig g;
    struct buf text;

    page_rig_make(&g, "junit-killed",
                  &(struct page_spec){.messages = 50, .moves = 1, .killed = true});
    const char *xml = form_of(&g, "junit", &text);

    CHECK_STR(verdict_name(g.run.judgement->verdict), "INCONCLUSIVE");
    CHECK_HAS(xml, "<testsuite name=\"verdict\" tests=\"1\" failures=\"0\" errors=\"1\"");
    CHECK_HAS(xml, "<error type=\"inconclusive\" message=\"INCONCLUSIVE\">");
    CHECK(!strstr(xml, "<failure"));
    buf_fini(&text);
    page_rig_fini(&g);
}

static void junit_shows_a_thousand_moves_and_losing_ones_first(void)
{
    struct page_rig g;
    struct buf text;

    page_rig_make(&g, "junit-moves", &(struct page_spec){.messages = 300, .moves = 1200});
    const char *xml = form_of(&g, "junit", &text);

    CHECK_U64(count_of(xml, "name=\"move "), 1000);
    CHECK_HAS(xml, "200 more moves are left out here");
    uint64_t losing_moves = 0;
    for (uint32_t i = 0; i < 1200; i++)
        losing_moves += g.run.judgement->tally.moves[i][CLASS_SILENT_LOSS] > 0;
    CHECK(losing_moves > 0);
    CHECK_U64(count_of(xml, "silent-loss: "), losing_moves);
    buf_fini(&text);
    page_rig_fini(&g);
}

/* Every octet is one that XML 1.0 has, and no markup but ours is open. */
static void junit_makes_names_harmless(void)
{
    struct page_rig g;
    struct buf text;

    page_rig_make(&g, "junit-hostile", &hostile);
    const char *xml = form_of(&g, "junit", &text);

    CHECK_HAS(xml, "name=\"move 0 of =cmd|' /C calc'!A1,&quot;x&quot;&#10;`&lt;script&gt;");
    CHECK(!strstr(xml, "<script"));
    CHECK(!strstr(xml, "]]>"));
    for (const char *p = xml; *p; p++)
        if ((unsigned char)*p < ' ' && *p != '\n')
            CHECK_U64((unsigned char)*p, '\n');
    buf_fini(&text);
    page_rig_fini(&g);
}

/* ----------------------------------------------------------------------------------------------------------- SARIF */

static json_t *sarif_of(const struct page_rig *g)
{
    struct buf text;
    json_t *root = json_loads(form_of(g, "sarif", &text), JSON_REJECT_DUPLICATES, NULL);

    buf_fini(&text);
    CHECK(root != NULL);
    return root;
}

static void sarif_has_a_result_a_violation_move_by_move(void)
{
    struct page_rig g;

    page_rig_make(&g, "sarif", &losing);
    json_t *root = sarif_of(&g);
    const struct tally *t = &g.run.judgement->tally;

    CHECK_STR(page_text(root, "version"), "2.1.0");
    CHECK_U64(page_size(root, "runs/0/results"),
              t->classes[CLASS_SILENT_LOSS] + t->classes[CLASS_NDR]);
    int64_t before = 0;
    for (size_t i = 0; i < page_size(root, "runs/0/results"); i++) {
        const json_t *r = json_array_get(page_at(root, "runs/0/results"), i);
        int64_t move = page_int(r, "properties/move");
        char rule[60];

        CHECK(move >= before);
        before = move;
        (void)snprintf(rule, sizeof rule, "runs/0/tool/driver/rules/%d/id",
                       (int)page_int(r, "ruleIndex"));
        CHECK_STR(page_text(root, rule), page_text(r, "ruleId"));
        CHECK_U64(strlen(page_text(json_object_get(r, "partialFingerprints"), "token~1v1")) > 0, 1);
    }
    CHECK_STR(page_text(root, "runs/0/results/0/locations/0/logicalLocations/0/name"), "box0");
    json_decref(root);
    page_rig_fini(&g);
}

static void sarif_stops_at_five_thousand_and_says_so(void)
{
    struct page_rig g;

    page_rig_make(&g, "sarif-cap", &(struct page_spec){.messages = 5100, .all_lost = true});
    json_t *root = sarif_of(&g);
    const json_t *notes = page_at(root, "runs/0/invocations/0/toolExecutionNotifications");

    CHECK_U64(page_size(root, "runs/0/results"), 5000);
    CHECK_STR(page_text(json_array_get(notes, json_array_size(notes) - 1), "message/text"),
              "100 more results are left out");
    json_decref(root);
    page_rig_fini(&g);
}

static void sarif_without_a_verdict_is_no_successful_execution(void)
{
    struct page_rig g;

    page_rig_make(&g, "sarif-killed",
                  &(struct page_spec){.messages = 50, .moves = 1, .killed = true});
    json_t *root = sarif_of(&g);

    CHECK(json_is_false(page_at(root, "runs/0/invocations/0/executionSuccessful")));
    CHECK_STR(page_text(root, "runs/0/invocations/0/properties/verdict"), "INCONCLUSIVE");
    json_decref(root);
    page_rig_fini(&g);
}

/* -------------------------------------------------------------------------------------------------------- Markdown */

static void markdown_says_the_verdict_first_and_names_losing_moves(void)
{
    struct page_rig g;
    struct buf text;

    page_rig_make(&g, "markdown", &losing);
    const char *page = form_of(&g, "markdown", &text);

    static const char first[] = "## ❌ FAIL: rig on lab\n\n**";
    CHECK(strncmp(page, first, sizeof first - 1) == 0);
    CHECK_HAS(page, "| silent-loss |");
    CHECK_HAS(page, "2 of 2 moves have violations or did not succeed.");
    CHECK_HAS(page, "| 1 | box1 | s0 to s1 |");
    CHECK_HAS(page, "All 11 identities of the account balance.");
    buf_fini(&text);
    page_rig_fini(&g);
}

static void markdown_takes_the_markup_out_of_names(void)
{
    struct page_rig g;
    struct buf text;

    page_rig_make(&g, "markdown-hostile", &hostile);
    const char *page = form_of(&g, "markdown", &text);

    CHECK_HAS(page,
              "=cmd\\|' /C calc'\\!A1,\"x\" \\`\\<script\\>alert(1)\\</script\\>\\` "
              "\\|\\[a\\](b) \\]\\]\\>\\&\xef\xbf\xbd\xef\xbf\xbd\\[31m\xef\xbf\xbd\xef\xbf\xbd");
    buf_fini(&text);
    page_rig_fini(&g);
}

static void markdown_stays_small_whatever_the_names_are(void)
{
    struct page_rig g;
    struct buf text;
    char *long_name = malloc(1u << 20);

    PM_ASSERT(long_name);
    memset(long_name, '|', (1u << 20) - 1);
    long_name[(1u << 20) - 1] = '\0';
    page_rig_make(
        &g, "markdown-long",
        &(struct page_spec){.messages = 3000, .moves = 300, .all_lost = true, .box = long_name});
    (void)form_of(&g, "markdown", &text);
    CHECK(text.n < 40000);
    CHECK_HAS(buf_text(&text), "\\|\\|...");
    buf_fini(&text);
    page_rig_fini(&g);
    free(long_name);
}

/* ---------------------------------------------------------------------------------------------------- HdrHistogram */

static void write_hdr(struct tally *t, struct buf *text)
{
    struct judgement j = {0};
    struct run_record run = {.judgement = &j};
    const struct report_source s = {.run = &run};
    const struct report_out out = {.put = take, .owner = text};
    struct err e = {0};

    j.tally = *t;
    buf_init(text, 1u << 20);
    CHECK(form_hdr_accept.write(&s, &out, &e));
}

/* By hand: after 0 come steps of a tenth of what is left, doubled in number at each halving. */
static void percentiles_step_by_five_for_each_halving(void)
{
    struct tally t = {0};
    struct buf text;

    CHECK(hist_init(&t.accept));
    for (unsigned i = 1; i <= 10; i++)
        hist_add(&t.accept, 1000ull * i);
    write_hdr(&t, &text);
    CHECK_HAS(buf_text(&text), "       Value     Percentile TotalCount 1/(1-Percentile)\n\n"
                               "       1.000 0.000000000000          1           1.00\n"
                               "       1.000 0.100000000000          1           1.11\n"
                               "       2.000 0.200000000000          2           1.25\n"
                               "       3.001 0.300000000000          3           1.43\n"
                               "       4.001 0.400000000000          4           1.67\n"
                               "       5.003 0.500000000000          5           2.00\n"
                               "       6.003 0.550000000000          6           2.22\n");
    CHECK_HAS(buf_text(&text), "      10.000 1.000000000000         10\n#[Mean    =        5.500");
    CHECK_HAS(buf_text(&text), "#[Max     =       10.000, Total count    =           10]\n");
    hist_fini(&t.accept);
    buf_fini(&text);
}

static void an_empty_latency_has_a_heading_and_no_lines(void)
{
    struct tally t = {0};
    struct buf text;

    CHECK(hist_init(&t.accept));
    write_hdr(&t, &text);
    CHECK_HAS(buf_text(&text), "1/(1-Percentile)\n\n#[Mean    =        0.000");
    hist_fini(&t.accept);
    buf_fini(&text);
}

static const struct test tests[] = {
    TEST(the_same_run_gives_the_same_bytes_in_every_form),
    TEST(a_form_that_nobody_takes_is_an_error_and_leaves_no_file),
    TEST(a_full_disk_ends_every_form_with_an_error),
    TEST(a_run_leaves_the_forms_that_have_a_file),
    TEST(csv_has_a_heading_and_a_line_a_copy),
    TEST(csv_defuses_formulas_and_doubles_quotes),
    TEST(a_field_is_quoted_only_where_it_must_be),
    TEST(wall_times_follow_the_scale_of_the_run),
    TEST(junit_fails_where_gates_and_their_moves_fail),
    TEST(junit_counts_what_is_undecided_as_errors),
    TEST(junit_shows_a_thousand_moves_and_losing_ones_first),
    TEST(junit_makes_names_harmless),
    TEST(sarif_has_a_result_a_violation_move_by_move),
    TEST(sarif_stops_at_five_thousand_and_says_so),
    TEST(sarif_without_a_verdict_is_no_successful_execution),
    TEST(markdown_says_the_verdict_first_and_names_losing_moves),
    TEST(markdown_takes_the_markup_out_of_names),
    TEST(markdown_stays_small_whatever_the_names_are),
    TEST(percentiles_step_by_five_for_each_halving),
    TEST(an_empty_latency_has_a_heading_and_no_lines),
    TEST_END,
};

const struct suite report_forms_suite = {"report_forms", tests};
