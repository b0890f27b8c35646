/* report.html from page data: what others said stays text, the policy fits what stands in the page, and it stays small. */
#include <stdio.h>
#include <string.h>

#include <openssl/evp.h>

#include "results/html.h"
#include "results/report_html.h"
#include "tests/support/check.h"

#define PAGE_OCTETS (6u << 20)

static const char evil[] = "</script><b onclick='x'>&amp;\"\xe2\x80\xa8\x01{{script}}";

static bool take(void *owner, struct slice piece)
{
    return buf_add(owner, piece.p, piece.n);
}

static bool refuse(void *owner, struct slice piece)
{
    (void)owner;
    (void)piece;
    return false;
}

/* The page of this data, which it takes. */
static const char *page_of(json_t *data, struct buf *page)
{
    const struct report_out out = {.put = take, .owner = page};
    struct err e = {0};

    buf_init(page, 64u << 20);
    CHECK(data);
    CHECK(report_html_print(data, &out, &e));
    json_decref(data);
    return buf_text(page);
}

static uint64_t count_of(const char *text, const char *part)
{
    uint64_t n = 0;

    for (const char *at = strstr(text, part); at; at = strstr(at + 1, part))
        n++;
    return n;
}

static void a_page_of_nothing_is_whole_and_says_so(void)
{
    struct buf page;
    const char *text = page_of(json_object(), &page);

    CHECK_HAS(text, "<!doctype html>");
    CHECK_HAS(text, "</html>");
    CHECK_HAS(text, "Nothing was planned.");
    CHECK_HAS(text, "Nothing was moved in this run.");
    CHECK_HAS(text, "so there is no story to tell");
    CHECK(!strstr(text, "{{"));
    buf_fini(&page);
}

static void what_others_said_is_never_markup(void)
{
    struct buf page, plain;
    json_t *data = json_pack(
        "{s:s, s:{s:s, s:s, s:[s]}, s:[{s:s, s:s, s:i, s:s, s:[[i, s]]}], s:{s:s}}", "title", evil,
        "banner", "verdict", evil, "sentence", evil, "proven", evil, "stories", "class", evil,
        "mailbox", evil, "number", 7, "report", evil, "events", 5, evil, "flow", "stages", evil);
    const char *text = page_of(data, &page), *none = page_of(json_object(), &plain);

    CHECK(!strstr(text, "<b onclick"));
    CHECK(!strstr(text, "\x01"));
    CHECK_HAS(text, "&lt;/script&gt;&lt;b onclick=&#39;x&#39;&gt;&amp;amp;&quot;");
    CHECK_HAS(text, "\\u003c/script\\u003e\\u003cb onclick='x'\\u003e\\u0026amp;\\\"\\u2028");
    CHECK_U64(count_of(text, "<script"), count_of(none, "<script"));
    CHECK_U64(count_of(text, "</script"), count_of(none, "</script"));
    buf_fini(&page);
    buf_fini(&plain);
}

/* Of what stands between the n-th `open` and the next `close`: "'sha256-...'". */
static void hash_of(const char *text, const char *open, const char *close, unsigned nth, char *out,
                    size_t room)
{
    unsigned char digest[EVP_MAX_MD_SIZE], base64[80];
    const char *from = text;

    for (unsigned i = 0; i <= nth && from; i++)
        from = strstr(from + 1, open);
    CHECK(from);
    from += strlen(open);
    const char *to = strstr(from, close);

    CHECK(to);
    CHECK(EVP_Digest(from, (size_t)(to - from), digest, NULL, EVP_sha256(), NULL) == 1);
    (void)EVP_EncodeBlock(base64, digest, 32);
    (void)snprintf(out, room, "'sha256-%s'", (const char *)base64);
}

static void the_policy_names_the_scripts_and_the_style_that_stand_in_the_page(void)
{
    struct buf page;
    const char *text = page_of(json_object(), &page);
    const char *policy = strstr(text, "Content-Security-Policy");
    char hash[120], directives[600] = "";

    if (CHECK(policy))
        (void)snprintf(directives, sizeof directives, "%.*s", (int)strcspn(policy, ">"), policy);
    CHECK_HAS(directives, "default-src 'none'");
    CHECK(!strstr(directives, "unsafe"));
    hash_of(text, "<style>", "</style>", 0, hash, sizeof hash);
    CHECK_HAS(directives, hash);
    hash_of(text, "<script>", "</script>", 0, hash, sizeof hash);
    CHECK_HAS(directives, hash);
    hash_of(text, "<script>", "</script>", 1, hash, sizeof hash);
    CHECK_HAS(directives, hash);
    buf_fini(&page);
}

static void however_much_there_is_to_tell_the_page_stays_below_six_megabytes(void)
{
    json_t *stories = json_array(), *moves = json_array();
    static char report[8193];
    struct buf page;

    (void)memset(report, '<', sizeof report - 1); /* four octets each when escaped */
    for (int i = 0; i < 2000; i++)
        (void)json_array_append_new(
            stories, json_pack("{s:s, s:i, s:s}", "class", "ndr", "number", i, "report", report));
    for (int i = 0; i < 20000; i++)
        (void)json_array_append_new(moves,
                                    json_pack("{s:i, s:s, s:i, s:s}", "id", i, "mailbox", evil,
                                              "bad", i == 19999 ? 3 : 0, "result", "verified"));
    const char *text = page_of(json_pack("{s:o, s:o}", "stories", stories, "moves", moves), &page);

    CHECK(page.n < PAGE_OCTETS);
    CHECK_U64(count_of(text, "class=\"story\""), 2000);
    CHECK_U64(count_of(text, "<tr id=\"move-"), 501); /* and the last one, which did harm */
    CHECK_HAS(text, "<tr id=\"move-19999\"");
    CHECK_HAS(text, "19,499 more moves are not shown");
    buf_fini(&page);
}

static void a_page_that_nobody_takes_is_an_error(void)
{
    const struct report_out out = {.put = refuse};
    json_t *data = json_object();
    struct err e = {0};

    CHECK(!report_html_print(data, &out, &e));
    CHECK_U64(e.code, EX_IO);
    json_decref(data);
}

static void numbers_are_said_as_people_say_them(void)
{
    CHECK_STR(word_span(0).t, "0\xc2\xa0s");
    CHECK_STR(word_span(1500).t, "1.5\xc2\xa0\xc2\xb5s");
    CHECK_STR(word_span(83000000).t, "83\xc2\xa0ms");
    CHECK_STR(word_span(1250000000).t, "1.25\xc2\xa0s");
    CHECK_STR(word_span(60000000000).t, "60\xc2\xa0s");
    CHECK_STR(word_span(600000000000).t, "10\xc2\xa0min");
    CHECK_STR(word_span(123000000000).t, "2\xc2\xa0min\xc2\xa0"
                                         "3\xc2\xa0s");
    CHECK_STR(word_span(9000000000000).t, "2\xc2\xa0h\xc2\xa0"
                                          "30\xc2\xa0min");
    CHECK_STR(word_ppm(7500).t, "0.75\xc2\xa0%");
    CHECK_STR(word_ppm(1000000).t, "100\xc2\xa0%");
    CHECK_STR(word_ppm(999999).t, "99.9999\xc2\xa0%");
    CHECK_STR(word_ppm(1).t, "0.0001\xc2\xa0%");
    CHECK_STR(word_clock(3723004000000).t, "1:02:03.004");
    CHECK_STR(word_count(1234567).t, "1,234,567");
}

static void text_is_cut_at_a_character(void)
{
    struct buf b;

    buf_init(&b, 1000);
    struct html h = {.out = &b, .ok = true};

    CHECK(html_text_within(&h, "ab", 2));
    CHECK(!html_text_within(&h, "<abc", 5));
    CHECK_STR(buf_text(&b), "ab&lt;a");
    buf_clear(&b);
    CHECK(!html_text_within(&h, "a\xc3\xa4\xc3\xa4", 2));
    CHECK_STR(buf_text(&b), "a\xc3\xa4");
    CHECK(h.ok);
    buf_fini(&b);
}

static void what_adaptive_aim_learnt_is_told_and_drawn(void)
{
    struct buf page;
    json_t *aim = json_loads(
        "{\"mark\":\"flipped\",\"phase_ns\":[0,60000000000],\"moves\":30,\"aimed\":600,\"sends\":"
        "598,"
        "\"losses\":314,\"open\":2,\"covered_ppb\":900000000,"
        "\"weighted\":{\"rate_ppb\":277060273,\"se_ppb\":1,\"interval_ppb\":[164933640,389186907]},"
        "\"stratified\":{\"rate_ppb\":265893665,\"se_ppb\":1,\"interval_ppb\":[226614320,null]},"
        "\"window\":{\"begin_ns\":146372509,\"begin_interval_ns\":[null,767687459],"
        "\"end_ns\":13927986374,\"end_interval_ns\":[11173680121,16933742655],"
        "\"jitter_ns\":1500000000,\"lost_inside_ppb\":995913891},"
        "\"bins\":[{\"from_ns\":0,\"to_ns\":1000000000,\"sends\":40,\"losses\":30},"
        "{\"from_ns\":1000000000,\"to_ns\":60000000000,\"sends\":0,\"losses\":0}]}",
        0, NULL);
    const char *text = page_of(json_pack("{s:{s:{s:o}}}", "summary", "aim", "<hunt>", aim), &page);

    CHECK_HAS(text, "Load &lt;hunt&gt;, aimed at the flip +0\xc2\xa0"
                    "s to +60\xc2\xa0"
                    "s");
    CHECK_HAS(text, "598 whose fate is known, of 600 that were aimed, in 30 moves");
    CHECK_HAS(text, "<b>27.71\xc2\xa0"
                    "%</b> (95\xc2\xa0"
                    "%: 16.49\xc2\xa0"
                    "% to 38.92\xc2\xa0"
                    "%)");
    CHECK_HAS(text, "<b>26.59\xc2\xa0"
                    "%</b> (95\xc2\xa0"
                    "%: 22.66\xc2\xa0"
                    "% to \xe2\x80\x93"
                    ")");
    CHECK_HAS(text, "<b>+146\xc2\xa0"
                    "ms</b> (95\xc2\xa0"
                    "%: not bounded to +768\xc2\xa0"
                    "ms)");
    CHECK_HAS(text, "<td class=\"n\">75\xc2\xa0"
                    "%</td>"); /* 30 of 40 */
    CHECK_HAS(text, "<td class=\"n\">\xe2\x80\x93"
                    "</td></tr>"); /* nothing was sent there */
    CHECK_HAS(text, "id=\"aim-0\"");
    CHECK_HAS(text, "\"aim\":{\"\\u003chunt\\u003e\"");
    buf_fini(&page);
    text = page_of(json_object(), &page);
    CHECK(!strstr(text, "What adaptive aim learnt"));
    buf_fini(&page);
}

static void flags_are_told_and_no_report_has_no_latency(void)
{
    struct buf page;
    const char *text =
        page_of(json_pack("{s:{s:{s:i, s:i, s:i}}, s:[{s:s, s:i, s:i, s:i, s:n}]}", "summary",
                          "flags", "late", 1200, "loop", 0, "doubt", 3, "latency", "name", "ndr",
                          "count", 0, "p50", 0, "max", 0, "missing_ppm"),
                &page);

    CHECK_HAS(text, "Flags of copies, whatever their class: 1,200\xc2\xa0"
                    "late, 3\xc2\xa0"
                    "doubt.");
    CHECK_HAS(text, "<td class=\"n\">0</td><td class=\"n\">\xe2\x80\x93"
                    "</td>");
    CHECK(!strstr(text, "0\xc2\xa0"
                        "s"));
    buf_fini(&page);
}

static const struct test tests[] = {
    TEST(a_page_of_nothing_is_whole_and_says_so),
    TEST(what_others_said_is_never_markup),
    TEST(the_policy_names_the_scripts_and_the_style_that_stand_in_the_page),
    TEST(however_much_there_is_to_tell_the_page_stays_below_six_megabytes),
    TEST(a_page_that_nobody_takes_is_an_error),
    TEST(numbers_are_said_as_people_say_them),
    TEST(text_is_cut_at_a_character),
    TEST(what_adaptive_aim_learnt_is_told_and_drawn),
    TEST(flags_are_told_and_no_report_has_no_latency),
    TEST_END,
};
const struct suite report_html_suite = {"report_html", tests};
