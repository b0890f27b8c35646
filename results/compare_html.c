/* compare_html.c - a comparison as one page: what may be concluded, classes, tests, windows over each other, latencies, method. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "results/compare.h"
#include "results/compare_page.h"
#include "results/report_page.h"

#define WORDS_MAX 65536
#define ARROW     " \xe2\x86\x92 "
#define DASH      "\xe2\x80\x93"

/* -------------------------------------------------------------------------------------------------------- conclusions */

static const struct look {
    const char *state, *word, *shape;
} looks[] = {
    {"undecided", "NOT SHOWN", "open"},
    {"pass", "BETTER", "ok"},
    {"fail", "WORSE", "violation"},
    {"fail", "BETTER AND WORSE", "warning"},
    {"pass", "NO HARM", "ok"},
    {"undecided", "PLANS DIFFER", "open"}, /* whatever came out, it may be the plan's doing */
};

static const struct look *look_of(const struct pair *p)
{
    unsigned better = 0, worse = 0, harmless = 1;

    for (uint32_t i = 0; i < p->answer_count; i++)
        if (p->answers[i].question.headline) {
            better |= p->answers[i].all == SHOWN_BETTER;
            worse |= p->answers[i].all == SHOWN_WORSE;
            harmless &= p->answers[i].all == SHOWN_NEITHER;
        }
    return p->differ ? &looks[5] : harmless ? &looks[4] : &looks[better | worse << 1];
}

/* Each line of what `say` says as an element. */
static void put_lines(struct html *h, const struct buf *text, const char *open, const char *close)
{
    struct slice rest = buf_slice(text), line;
    char words[4096];

    while (slice_cut(&rest, '\n', &line)) {
        (void)snprintf(words, sizeof words, "%.*s", (int)line.n, (const char *)line.p);
        html_mix(h, open, words, close, NULL);
    }
}

static void put_conclusion(struct html *h, const struct pair *p, bool first)
{
    const struct look *look = look_of(p);
    const char *level = first ? "h1" : "h2";
    struct buf text;

    buf_init(&text, WORDS_MAX);
    html_mix(h, "<section aria-label=\"Conclusion\" class=\"verdict conclusion is-", look->state,
             "\">\n<p class=\"run\"><b>", compared_word(p->a), "</b> ", p->a->target, ARROW "<b>",
             compared_word(p->b), "</b> ", p->b->target, "</p>\n<", level, "><span class=\"word\">",
             NULL);
    part_shape(h, look->shape);
    html_mix(h, "", look->word, "</span>", NULL);
    h->ok = h->ok && say_conclusion(p, &text);
    put_lines(h, &text, " <span class=\"why\">", "</span>");
    html_mix(h, "</", level, ">\n", NULL);
    buf_clear(&text);
    if (p->differ) {
        h->ok = h->ok && say_caveats(p, &text);
        struct slice rest = buf_slice(&text), line;

        (void)slice_cut(&rest, '\n', &line);
        buf_drop(&text, 0);
        text.n = line.n + 1;
        put_lines(h, &text, "<p class=\"warned\">", "</p>\n");
    }
    buf_clear(&text);
    for (uint32_t i = 0; i < p->answer_count; i++)
        if (p->answers[i].question.headline)
            h->ok = h->ok && say_answer(p, &p->answers[i], &text);
    html_mix(h, "<ul>\n", NULL);
    put_lines(h, &text, "<li>", "</li>\n");
    html_mix(h, "</ul>\n</section>\n", NULL);
    buf_fini(&text);
}

/* ------------------------------------------------------------------------------------------------------------- classes */

static void put_head(struct html *h, const struct comparison *c, const char *first)
{
    html_mix(h, "<div class=\"scroll\" tabindex=\"0\" role=\"group\" aria-label=\"", first,
             "\">\n<table class=\"sides\">\n<thead><tr><th scope=\"col\">", first, "</th>", NULL);
    for (uint32_t i = 0; i < c->count; i++)
        html_mix(h, "<th class=\"n\" scope=\"col\">", compared_word(&c->runs[i]), "</th>", NULL);
    html_mix(h, "</tr></thead>\n<tbody>\n", NULL);
}

static struct word share_of(uint64_t k, uint64_t n)
{
    return word_ppm(n ? (uint64_t)(1e6 * (double)k / (double)n + 0.5) : 0);
}

static bool any_has(const struct comparison *c, enum outcome k)
{
    for (uint32_t i = 0; i < c->count; i++)
        if (c->runs[i].classes[k])
            return true;
    return false;
}

static void put_class(struct html *h, const struct comparison *c, enum outcome k)
{
    html_mix(h, "<tr><th scope=\"row\">", NULL);
    part_shape(h, strcmp(class_fill(k), "none") == 0 ? "ok" : class_fill(k));
    html_mix(h, "", class_name(k), "</th>", NULL);
    for (uint32_t i = 0; i < c->count; i++)
        html_mix(h, "<td class=\"n\">", word_count(c->runs[i].classes[k]).t, " <small>",
                 share_of(c->runs[i].classes[k], c->runs[i].planned).t, "</small></td>", NULL);
    html_mix(h, "</tr>\n", NULL);
}

static void put_classes(struct html *h, const struct comparison *c)
{
    html_mix(
        h,
        "<section id=\"classes\" aria-labelledby=\"h-classes\">\n<h2 id=\"h-classes\">Classes "
        "side by side</h2>\n<p class=\"lead\">Each expected copy of each message is in exactly "
        "one class.</p>\n",
        NULL);
    part_mix_keys(h);
    put_head(h, c, "class");
    html_mix(h, "<tr><th scope=\"row\">all that was owed</th>", NULL);
    for (uint32_t i = 0; i < c->count; i++) {
        html_mix(h, "<td>", NULL);
        part_mix(h, c->runs[i].classes);
        html_mix(h, "</td>", NULL);
    }
    html_mix(h, "</tr>\n", NULL);
    for (enum outcome k = 0; k < CLASS_COUNT; k++)
        if (any_has(c, k))
            put_class(h, c, k);
    html_mix(h, "</tbody>\n<tfoot><tr><th scope=\"row\">planned</th>", NULL);
    for (uint32_t i = 0; i < c->count; i++)
        html_mix(h, "<td class=\"n\">", word_count(c->runs[i].planned).t, "</td>", NULL);
    html_mix(h, "</tr>\n<tr><th scope=\"row\">verdict</th>", NULL);
    for (uint32_t i = 0; i < c->count; i++)
        html_mix(h, "<td class=\"n\">", c->runs[i].verdict, "</td>", NULL);
    html_mix(h, "</tr></tfoot>\n</table>\n</div>\n</section>\n", NULL);
}

/* --------------------------------------------------------------------------------------------------------------- tests */

static void put_of(struct html *h, struct proportion p)
{
    html_mix(h, "<td class=\"n\">", word_count(p.k).t, " <small>of ", word_count(p.n).t,
             "</small></td>", NULL);
}

/* The farthest from none that an interval of this pair reaches. */
static double scale_of(const struct pair *p)
{
    double most = 1e-9;

    for (uint32_t i = 0; i < p->answer_count; i++) {
        most = fmax(most, fabs(p->answers[i].difference.low));
        most = fmax(most, fabs(p->answers[i].difference.high));
    }
    return most;
}

/* From -scale at the left to +scale at the right: left is better. */
static void put_difference(struct html *h, const struct answer *q, double scale)
{
    double by = proportion_rate(q->b.units) - proportion_rate(q->a.units);
    char svg[700], low[32], high[32], point[32];

    (void)snprintf(svg, sizeof svg,
                   "<td class=\"small-picture\"><svg class=\"span\" viewBox=\"0 0 200 20\" "
                   "preserveAspectRatio=\"none\" aria-hidden=\"true\"><path class=\"axis-line\" "
                   "d=\"M100 0V20\"/><path class=\"whisker\" d=\"M%.2f 10H%.2f\"/><rect "
                   "class=\"dot\" x=\"%.2f\" y=\"4\" width=\"3\" height=\"12\"/></svg>",
                   100 + 99 * q->difference.low / scale, 100 + 99 * q->difference.high / scale,
                   98.5 + 98 * by / scale);
    html_mix(h, svg, "", "<small>", say_share(point, sizeof point, by), " (",
             say_share(low, sizeof low, q->difference.low), " to ",
             say_share(high, sizeof high, q->difference.high), ")</small></td>", NULL);
}

static const char *state_of(enum shown s)
{
    return s == SHOWN_WORSE ? "violation" : s == SHOWN_NOT ? "open" : "ok";
}

static void put_answer(struct html *h, const struct answer *q, bool by_move, double scale)
{
    char fisher[32], dealt[32], chance[32];

    html_mix(h, "<tr><th scope=\"row\">", q->question.name, "</th>", NULL);
    put_of(h, q->a.units);
    put_of(h, q->b.units);
    put_difference(h, q, scale);
    if (by_move) {
        put_of(h, q->a.copies);
        put_of(h, q->b.copies);
    }
    html_mix(h, "<td class=\"n\">", say_p(fisher, sizeof fisher, q->fisher_adjusted), "</td>",
             NULL);
    if (by_move)
        html_mix(h, "<td class=\"n\">", say_p(dealt, sizeof dealt, q->dealt_adjusted), "</td>",
                 NULL);
    html_mix(h, "<td class=\"n\">", say_chance(chance, sizeof chance, q->better),
             "</td><td class=\"grade\">", NULL);
    part_shape(h, state_of(q->all));
    html_mix(h, "", shown_words(q), "</td></tr>\n", NULL);
}

static void put_tests_head(struct html *h, const struct pair *p)
{
    html_mix(h,
             "<div class=\"scroll\" tabindex=\"0\" role=\"group\" aria-label=\"Tests\">\n<table "
             "class=\"sides\">\n"
             "<thead><tr><th scope=\"col\">harm</th>",
             NULL);
    if (p->by_move)
        html_mix(h,
                 "<th scope=\"col\" class=\"n\">moves before</th><th scope=\"col\" "
                 "class=\"n\">moves now</th><th scope=\"col\">difference "
                 "(95 %)</th><th scope=\"col\" class=\"n\">copies before</th><th scope=\"col\" "
                 "class=\"n\">copies now</th><th "
                 "scope=\"col\" class=\"n\">p by moves</th><th scope=\"col\" class=\"n\">p by "
                 "copies</th>",
                 NULL);
    else
        html_mix(h,
                 "<th scope=\"col\" class=\"n\">copies before</th><th scope=\"col\" "
                 "class=\"n\">copies now</th><th scope=\"col\">difference "
                 "(95 %)</th><th scope=\"col\" class=\"n\">p</th>",
                 NULL);
    html_mix(h,
             "<th scope=\"col\" class=\"n\">P(better)</th><th "
             "scope=\"col\">shown</th></tr></thead>\n<tbody>\n",
             NULL);
}

static void put_pair(struct html *h, const struct pair *p)
{
    double scale = scale_of(p);
    struct buf text;

    html_mix(h, "<h3>", compared_word(p->a), ARROW, compared_word(p->b), "</h3>\n", NULL);
    put_tests_head(h, p);
    for (uint32_t i = 0; i < p->answer_count; i++)
        if (answer_has_row(p, i))
            put_answer(h, &p->answers[i], p->by_move, scale);
    html_mix(h, "</tbody>\n</table>\n</div>\n", NULL);
    buf_init(&text, WORDS_MAX);
    h->ok = h->ok && say_caveats(p, &text);
    put_lines(h, &text, "<p class=\"note\">", "</p>\n");
    buf_fini(&text);
}

static void put_tests(struct html *h, const struct comparison *c)
{
    html_mix(h,
             "<section id=\"tests\" aria-labelledby=\"h-tests\">\n<h2 id=\"h-tests\">What was "
             "tested</h2>\n<p class=\"lead\">The move is what counts: messages of one move share "
             "its fate. A line that crosses the dotted one allows both.</p>\n",
             NULL);
    for (uint32_t i = 0; i + 1 < c->count; i++)
        put_pair(h, &c->pairs[i]);
    html_mix(h, "</section>\n", NULL);
}

/* -------------------------------------------------------------------------------------------------------------- windows */

static void put_box(struct html *h, const char *look, double from, double to)
{
    char rect[160];

    (void)snprintf(rect, sizeof rect,
                   "<rect class=\"%s\" x=\"%.2f\" y=\"4\" width=\"%.2f\" height=\"12\"/>", look,
                   1000 * from, to > from ? 1000 * (to - from) : 0);
    html_mix(h, rect, NULL);
}

static void put_edge(struct html *h, int64_t at, int64_t low, int64_t high)
{
    html_mix(h, "<td>", word_relative(at).t, " <small>(",
             low == INT64_MIN ? "unbounded" : word_relative(low).t, " to ",
             high == INT64_MAX ? "unbounded" : word_relative(high).t, ")</small></td>", NULL);
}

static void put_window(struct html *h, const struct compared *r, const struct extent *x)
{
    const struct compared_window *w = &r->window;
    char mark[120];

    html_mix(h, "<tr><th scope=\"row\">", compared_word(r), "</th>", NULL);
    if (!w->known) {
        html_mix(h, "<td colspan=\"3\" class=\"range\">",
                 !w->looked_for ? w->why : "none to be seen", "</td></tr>\n", NULL);
        return;
    }
    (void)snprintf(mark, sizeof mark, "<path class=\"axis-line\" d=\"M%.2f 0V20\"/></svg></td>",
                   1000 * extent_place(x, 0));
    html_mix(h,
             "<td class=\"picture\"><svg class=\"span\" viewBox=\"0 0 1000 20\" "
             "preserveAspectRatio=\"none\" aria-hidden=\"true\">",
             NULL);
    put_box(h, "blur", extent_place(x, w->begin_low_ns), extent_place(x, w->end_high_ns));
    put_box(h, "harmful", extent_place(x, w->low_ns), extent_place(x, w->high_ns));
    html_mix(h, mark, NULL);
    put_edge(h, w->low_ns, w->begin_low_ns, w->begin_high_ns);
    put_edge(h, w->high_ns, w->end_low_ns, w->end_high_ns);
    html_mix(h, "</tr>\n", NULL);
    if (!w->conclusive)
        html_mix(h,
                 "<tr><td></td><td colspan=\"3\"><small>not conclusive: messages left too "
                 "late</small></td></tr>\n",
                 NULL);
}

static void put_windows(struct html *h, const struct comparison *c)
{
    struct extent x = compared_extent(c);

    html_mix(
        h,
        "<section id=\"windows\" aria-labelledby=\"h-windows\">\n<h2 id=\"h-windows\">Where in "
        "a move harm lies</h2>\n<p class=\"lead\">Estimated windows over each other, relative "
        "to the dotted mark (",
        x.mark  ? x.mark
        : x.any ? "of each run its own"
                : DASH,
        "); the light part is what the 95 % intervals of the edges allow.</p>\n"
        "<div class=\"scroll\" tabindex=\"0\" role=\"group\" aria-label=\"Windows\">\n<table "
        "class=\"sides\">\n"
        "<thead><tr><th scope=\"col\">run</th><th scope=\"col\"><span "
        "class=\"sr\">where</span><span class=\"ends\"><span>",
        x.any ? word_relative((int64_t)x.from_ns).t : "", "</span><span>",
        x.any ? word_relative((int64_t)x.to_ns).t : "",
        "</span></span></th><th scope=\"col\">begins</th><th "
        "scope=\"col\">ends</th></tr></thead>\n<tbody>\n",
        NULL);
    for (uint32_t i = 0; i < c->count; i++)
        put_window(h, &c->runs[i], &x);
    html_mix(h, "</tbody>\n</table>\n</div>\n</section>\n", NULL);
}

/* ------------------------------------------------------------------------------------------------- latencies and method */

static void put_latency(struct html *h, const struct comparison *c, const char *name, bool end)
{
    html_mix(h, "<tr><th scope=\"row\">", name, "</th>", NULL);
    for (uint32_t i = 0; i < c->count; i++) {
        const struct compared *r = &c->runs[i];
        uint64_t us = end ? r->end_p99_us : r->accept_p99_us;

        html_mix(h, "<td class=\"n\">",
                 r->saturated ? "not certified: the generator was saturated"
                 : us         ? word_span(us * NS_PER_US).t
                              : DASH,
                 "</td>", NULL);
    }
    html_mix(h, "</tr>\n", NULL);
}

static void put_latencies(struct html *h, const struct comparison *c)
{
    html_mix(h,
             "<section id=\"latency\" aria-labelledby=\"h-latency\">\n<h2 "
             "id=\"h-latency\">Latency</h2>\n",
             NULL);
    put_head(h, c, "99th percentile");
    put_latency(h, c, "until accepted", false);
    put_latency(h, c, "until seen", true);
    html_mix(h, "</tbody>\n</table>\n</div>\n</section>\n", NULL);
}

static void put_method(struct html *h, const struct comparison *c)
{
    struct buf text;

    html_mix(
        h,
        "<section id=\"method\" aria-labelledby=\"h-method\">\n<h2 id=\"h-method\">Method</h2>\n",
        NULL);
    buf_init(&text, WORDS_MAX);
    h->ok = h->ok && say_method(c, &text);
    put_lines(h, &text, "<p class=\"note\">", "</p>\n");
    buf_fini(&text);
    html_mix(h, "<dl>\n", NULL);
    for (uint32_t i = 0; i < c->count; i++)
        html_mix(h, "<dt>", compared_word(&c->runs[i]), "</dt><dd><p>", c->runs[i].target,
                 ", run <code>", c->runs[i].id, "</code>, ", word_count(c->runs[i].move_count).t,
                 c->runs[i].move_count == 1 ? " move</p></dd>\n" : " moves</p></dd>\n", NULL);
    html_mix(h, "</dl>\n</section>\n", NULL);
}

bool compare_html(const struct comparison *c, struct buf *out, struct err *e)
{
    struct html h = {.out = out, .ok = true};
    char title[300];

    (void)snprintf(title, sizeof title, "%s against %s%s", compared_word(&c->runs[c->count - 1]),
                   compared_word(&c->runs[0]), c->count > 2 ? " and others" : "");
    compare_page_open(&h, title,
                      "<a href=\"#classes\">Classes</a>\n<a href=\"#tests\">Tests</a>\n<a "
                      "href=\"#windows\">Windows</a>\n<a href=\"#latency\">Latency</a>\n<a "
                      "href=\"#method\">Method</a>\n");
    for (uint32_t i = 0; i + 1 < c->count; i++)
        put_conclusion(&h, &c->pairs[i], i == 0);
    put_classes(&h, c);
    put_tests(&h, c);
    put_windows(&h, c);
    put_latencies(&h, c);
    put_method(&h, c);
    compare_page_close(&h);
    return h.ok || err_set(e, EX_IO, "out of memory for the page");
}
