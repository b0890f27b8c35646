/* Stories: their events and reports, what others said made fit to show, and rows that are thinned. */
#include <stdlib.h>
#include <string.h>

#include "results/page_private.h"
#include "results/page_rules.h"
#include "tests/results/page_rig.h"
#include "tests/support/check.h"

/* The first copy that is lost near a move of one mailbox, which is what reports here are about. */
#define LOST "pm.00000000000000000000000158"

static json_t *reported(struct page_rig *g, const char *file, const char *text)
{
    page_rig_make(
        g, "page-report",
        &(struct page_spec){
            .messages = 317, .moves = 1, .reported = 1, .report_name = file, .report = text});
    return page_rig_data(g);
}

static void a_report_is_found_by_the_token_in_it(void)
{
    struct page_rig g;
    json_t *o = reported(&g, "1.eml", "Subject: undeliverable\nid " LOST "\nAction: failed\n");

    CHECK_STR(page_text(o, "stories/0/class"), "ndr");
    CHECK_I64(page_int(o, "stories/0/number"), 167);
    CHECK(json_is_null(page_at(o, "stories/0/report"))); /* it is about another message */
    json_decref(o);
    page_rig_fini(&g);
    o = reported(&g, "1.eml", "Subject: undeliverable\n id PM.00000000000000000000000167\n");
    CHECK_STR(page_text(o, "stories/0/report"),
              "Subject: undeliverable\nid PM.00000000000000000000000167\n");
    CHECK(json_is_null(page_at(o, "stories/1/report")));
    json_decref(o);
    page_rig_fini(&g);
}

static void a_hostile_report_is_plain_text_of_a_bounded_size(void)
{
    /* NOLINTNEXTLINE(misc-misleading-bidirectional): that it is one is the point */
    static const char head[] = "pm.00000000000000000000000167 <script>\x1b[31m\xe2\x80\xae \xff\n";
    char *text = malloc((1u << 20) + sizeof head);
    struct page_rig g;

    memset(text, 'x', (1u << 20) + sizeof head - 1);
    text[(1u << 20) + sizeof head - 1] = '\0';
    memcpy(text, head, sizeof head - 1);
    json_t *o = reported(&g, "1.eml", text);
    const char *report = page_text(o, "stories/0/report");

    CHECK_HAS(report, "<script> [31m? ?\nxxxx");
    CHECK(strlen(report) <= 8192);
    CHECK(strlen(report) > 8000);
    json_decref(o);
    page_rig_fini(&g);
    free(text);
}

/* As octets, so that nobody who reads this is turned around himself: U+202E, U+061C and U+2066 are in it. */
static const char turning[] = {'<',        '/', 's',        'c',        'r',        'i',
                               'p',        't', '>',        (char)0xe2, (char)0x80, (char)0xae,
                               0x1b,       1,   (char)0xd8, (char)0x9c, (char)0xe2, (char)0x81,
                               (char)0xa6, 'x', '\0'};

static void hostile_names_turn_no_text_around(void)
{
    struct page_rig g;

    page_rig_make(&g, "page-names",
                  &(struct page_spec){.messages = 317, .moves = 1, .box = turning});
    json_t *o = page_rig_data(&g);

    CHECK_STR(page_text(o, "moves/0/mailbox"), "</script>? ??x");
    CHECK_STR(page_text(o, "stories/0/mailbox"), "</script>? ??x");
    (void)json_object_del(o, "summary"); /* the object of summary.json is as it is there */
    char *all = json_dumps(o, JSON_COMPACT);
    CHECK(strstr(all, (const char[]){(char)0xe2, (char)0x80, (char)0xae, 0}) == NULL);
    CHECK(strstr(all, (const char[]){(char)0xe2, (char)0x81, (char)0xa6, 0}) == NULL);
    CHECK(strstr(all, "\\u00") == NULL);
    free(all);
    json_decref(o);
    page_rig_fini(&g);
}

static void an_entry_that_stays_in_a_queue_is_told_twice(void)
{
    struct page_rig g;
    unsigned queued = 0;

    page_rig_make(&g, "page-queued",
                  &(struct page_spec){.messages = 3, .all_lost = true, .queued = 5000});
    json_t *o = page_rig_data(&g);
    const json_t *events = page_at(o, "stories/2/events");

    CHECK_I64(page_int(o, "stories/2/number"), 0); /* it is open, which comes after what is lost */
    CHECK(json_array_size(events) <= 60);
    for (size_t i = 0; i < json_array_size(events); i++)
        queued += strstr(page_text(json_array_get(events, i), "1"), "in a queue") != NULL;
    CHECK_U64(queued, 2);
    for (size_t i = 1; i < json_array_size(events); i++)
        CHECK(page_int(json_array_get(events, i - 1), "0") <=
              page_int(json_array_get(events, i), "0"));
    CHECK_HAS(page_text(events, "0/1"), "sent to box0 from joe");
    json_decref(o);
    page_rig_fini(&g);
}

static void every_class_names_its_row(void)
{
    unsigned last = 0;

    for (enum outcome c = 0; c < CLASS_COUNT; c++) {
        CHECK(page_rule(c) >= last && page_rule(c) <= last + 1); /* in their order, none left out */
        CHECK(page_rule_words(c) != NULL && *page_rule_words(c));
        last = page_rule(c);
    }
    CHECK_U64(last, 21);
}

static void thinned_rows_are_spread_evenly(void)
{
    struct thin t;

    CHECK(thin_init(&t, sizeof(uint32_t), 100));
    for (uint32_t i = 0; i < 100; i++)
        thin_add(&t, &i);
    CHECK_U64(t.count, 100);
    for (uint32_t i = 100; i < 10000; i++)
        thin_add(&t, &i);
    CHECK_U64(t.seen, 10000);
    CHECK_U64(t.stride, 128);
    CHECK_U64(t.count, 79);
    for (uint32_t i = 0; i < t.count; i++)
        CHECK_U64(*(const uint32_t *)thin_row(&t, i, t.count), 128ul * i);
    CHECK_U64(thin_shown(&t, 10), 10);
    CHECK_U64(*(const uint32_t *)thin_row(&t, 9, 10), 9088);
    thin_fini(&t);
}

static const struct test tests[] = {
    TEST(a_report_is_found_by_the_token_in_it),
    TEST(a_hostile_report_is_plain_text_of_a_bounded_size),
    TEST(hostile_names_turn_no_text_around),
    TEST(an_entry_that_stays_in_a_queue_is_told_twice),
    TEST(every_class_names_its_row),
    TEST(thinned_rows_are_spread_evenly),
    TEST_END,
};

const struct suite page_stories_suite = {"page_stories", tests};
