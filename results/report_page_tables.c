/* report_page_tables.c - what the pictures of report.html show, as tables and sentences beside them. */
#include <string.h>

#include "base/clock.h"
#include "results/report_page.h"

#define PERCENTILES                                                                                \
    "<th scope=\"col\" class=\"n\">50 %</th><th scope=\"col\" class=\"n\">90 %</th>"               \
    "<th scope=\"col\" class=\"n\">99 %</th><th scope=\"col\" class=\"n\">99.9 %</th>"

/* ------------------------------------------------------------------------------------------------------------- flow */

static const char *box_label(const json_t *stages, const char *id)
{
    size_t i, k;
    const json_t *stage, *box;

    json_array_foreach(stages, i, stage) json_array_foreach(
        json_object_get(stage, "boxes"), k,
        box) if (strcmp(field_text(box, "id"), id) == 0) return field_text(box, "label");
    return id;
}

void part_flow(struct html *h, const json_t *data)
{
    const json_t *flow = json_object_get(data, "flow"), *stages = json_object_get(flow, "stages");
    const json_t *links = json_object_get(flow, "links"), *link;
    size_t i;

    if (json_array_size(links) == 0) {
        part_empty(h, "Nothing was planned.");
        return;
    }
    part_open_table(h, "The flow as a table",
                    "<th scope=\"col\">From</th><th scope=\"col\">To</th>"
                    "<th scope=\"col\" class=\"n\">Copies</th>");
    json_array_foreach(links, i, link)
        html_mix(h, "<tr><td>", box_label(stages, field_text(link, "from")), "</td><td>",
                 box_label(stages, field_text(link, "to")), "</td><td class=\"n\">",
                 field_count(link, "copies").t, "</td></tr>\n", NULL);
    part_close_table(h);
}

/* --------------------------------------------------------------------------------------------------------- timeline */

void part_timeline_lead(struct html *h, const json_t *data)
{
    const json_t *t = json_object_get(data, "timeline");

    html_mix(
        h,
        "<p class=\"lead\">Time of the target since the load began. Marks stand where a copy was "
        "sent; their shape and colour are the group of its class.",
        NULL);
    if (json_array_size(json_object_get(t, "moves")) > 0)
        html_mix(
            h,
            " A lane is a move: asked, copying begun, flipped, done; the mark of a copy stands "
            "in the lane of the mailbox it was for.",
            NULL);
    if (field_number(t, "moves_left_out") > 0)
        html_mix(h, " The first ", word_count(json_array_size(json_object_get(t, "moves"))).t,
                 " moves are drawn; ", field_count(t, "moves_left_out").t, " more are not.", NULL);
    if (json_array_size(json_object_get(t, "dots")) > 0 && field_is(t, "dots_share_ppm") &&
        field_number(t, "dots_share_ppm") < 1000000)
        html_mix(
            h, " Of the copies, ", field_ppm(t, "dots_share_ppm").t,
            " have their dot, evenly chosen; <code>postmuster list</code> and <code>trace</code> "
            "have all of them.",
            NULL);
    html_mix(h, "</p>\n", NULL);
}

static const struct column {
    const char *key, *heading;
} columns[] = {
    {"offered", "Offered"}, {"accepted", "Accepted"},      {"refused", "Refused"},
    {"seen", "Seen"},       {"late_p99_us", "Late, 99 %"},
};

#define COLUMNS (sizeof columns / sizeof columns[0])

static struct word column_at(const json_t *bins, size_t column, size_t i)
{
    const json_t *n = json_array_get(json_object_get(bins, columns[column].key), i);
    uint64_t value = (uint64_t)json_integer_value(n);

    if (!json_is_integer(n))
        return (struct word){"\xe2\x80\x93"};
    return column + 1 == COLUMNS ? word_span(value * NS_PER_US) : word_count(value);
}

void part_timeline(struct html *h, const json_t *data)
{
    const json_t *t = json_object_get(data, "timeline"), *bins = json_object_get(t, "bins");
    uint64_t from = (uint64_t)field_number(t, "start_ns"),
             bin = (uint64_t)field_number(t, "bin_ns");
    size_t n = json_array_size(json_object_get(bins, "offered"));

    if (n == 0 || field_number(t, "end_ns") <= field_number(t, "start_ns")) {
        part_empty(h, "Nothing happened: there is nothing to draw.");
        return;
    }
    html_mix(h, "<details class=\"data\"><summary>The timeline as a table, ", word_span(bin).t,
             " a row</summary>\n<div class=\"scroll\" tabindex=\"0\" role=\"group\" "
             "aria-label=\"Timeline, a table\">\n<table>\n<thead><tr><th scope=\"col\">From</th>",
             NULL);
    for (size_t k = 0; k < COLUMNS; k++)
        html_mix(h, "<th scope=\"col\" class=\"n\">", columns[k].heading, "</th>", NULL);
    html_mix(h, "</tr></thead>\n<tbody>\n", NULL);
    for (size_t i = 0; i < n; i++) {
        html_mix(h, "<tr><th scope=\"row\">", word_clock(from + i * bin).t, "</th>", NULL);
        for (size_t k = 0; k < COLUMNS; k++)
            html_mix(h, "<td class=\"n\">", column_at(bins, k, i).t, "</td>", NULL);
        html_mix(h, "</tr>\n", NULL);
    }
    part_close_table(h);
}

/* ------------------------------------------------------------------------------------------------------------ phase */

static struct word word_distance(int64_t ns)
{
    return word_span(ns < 0 ? 0 - (uint64_t)ns : (uint64_t)ns);
}

struct word word_relative(int64_t ns)
{
    struct word w, span = word_distance(ns);
    size_t n = 0;

    for (const char *sign = ns < 0 ? "\xe2\x88\x92" : "+"; *sign; sign++)
        w.t[n++] = *sign;
    (void)memcpy(w.t + n, span.t, sizeof w.t - n);
    w.t[sizeof w.t - 1] = '\0';
    return w;
}

const char *mark_noun(const char *mark)
{
    static const struct {
        const char *mark, *noun;
    } nouns[] = {{"asked", "the asking"},
                 {"copy", "the begin of copying"},
                 {"flipped", "the flip"},
                 {"done", "the end"},
                 {"failed", "the failure"}};

    for (size_t i = 0; i < sizeof nouns / sizeof nouns[0]; i++)
        if (strcmp(nouns[i].mark, mark) == 0)
            return nouns[i].noun;
    return mark;
}

void part_moment(struct html *h, int64_t ns, const char *mark)
{
    if (ns)
        html_mix(h, "", word_distance(ns).t, ns < 0 ? " before " : " after ", NULL);
    html_mix(h, "", mark_noun(mark), NULL);
}

static void phase_window(struct html *h, const json_t *phase, const json_t *window)
{
    const char *mark = field_text(phase, "mark");

    html_mix(h, "<p class=\"finding\">Mail is at risk from <b>", NULL);
    part_moment(h, field_number(window, "low_ns"), mark);
    html_mix(h, "</b> to <b>", NULL);
    part_moment(h, field_number(window, "high_ns"), mark);
    html_mix(h, "</b>", NULL);
    if (field_is(window, "estimate_ns"))
        html_mix(h, ": a window of <b>", field_span(window, "estimate_ns").t, "</b>", NULL);
    if (field_is(window, "ci_low_ns") && field_is(window, "ci_high_ns"))
        html_mix(h, " (95\xc2\xa0%: ", field_span(window, "ci_low_ns").t, " to ",
                 field_span(window, "ci_high_ns").t, ")", NULL);
    html_mix(h, ".", NULL);
    if (*field_text(window, "method"))
        html_mix(h, " <small>", field_text(window, "method"), "</small>", NULL);
    html_mix(h, "</p>\n", NULL);
}

static bool phase_any_bad(const json_t *phase)
{
    size_t i;
    const json_t *n;

    json_array_foreach(json_object_get(json_object_get(phase, "density"), "bad"), i, n)
    {
        if (json_integer_value(n) > 0)
            return true;
    }
    return false;
}

void part_phase_lead(struct html *h, const json_t *data)
{
    const json_t *phase = json_object_get(data, "phase");
    const json_t *window = json_object_get(phase, "window");
    const char *mark = field_text(phase, "mark");

    if (json_array_size(json_object_get(phase, "rows")) == 0)
        return;
    html_mix(h, "<p class=\"lead\">Each row is a move, and zero is ", mark_noun(mark),
             ". Ticks are sends to the mailbox that moves; marks are copies that were harmed.",
             NULL);
    if (field_is(phase, "cache_ns"))
        html_mix(h, " The hatched band is the ", field_span(phase, "cache_ns").t,
                 " for which a server may go on trusting the home that it knew.", NULL);
    html_mix(h, "</p>\n", NULL);
    if (json_is_object(window))
        phase_window(h, phase, window);
    else
        html_mix(h, "<p class=\"finding\">",
                 phase_any_bad(phase)
                     ? "No window is estimated from this run; the plot shows where its losses lie."
                     : "No harm was seen near a move, so there is no window to estimate.",
                 "</p>\n", NULL);
}

static void phase_density(struct html *h, const json_t *phase)
{
    const json_t *density = json_object_get(phase, "density");
    const json_t *sends = json_object_get(density, "sends"), *bad = json_object_get(density, "bad");
    int64_t bin = field_number(density, "bin_ns"), from = field_number(phase, "from_ns");

    part_open_table(h, "Sends and losses by phase as a table",
                    "<th scope=\"col\">From</th><th scope=\"col\" class=\"n\">Sends</th>"
                    "<th scope=\"col\" class=\"n\">Of them bad</th>");
    for (size_t i = 0; i < json_array_size(sends); i++)
        html_mix(h, "<tr><th scope=\"row\">", word_relative(from + (int64_t)i * bin).t,
                 "</th><td class=\"n\">",
                 word_count((uint64_t)json_integer_value(json_array_get(sends, i))).t,
                 "</td><td class=\"n\">",
                 word_count((uint64_t)json_integer_value(json_array_get(bad, i))).t, "</td></tr>\n",
                 NULL);
    part_close_table(h);
}

void part_phase(struct html *h, const json_t *data)
{
    const json_t *phase = json_object_get(data, "phase");

    if (json_array_size(json_object_get(phase, "rows")) == 0)
        part_empty(h, "No move passed a mark, so there is no phase to speak of.");
    else
        phase_density(h, phase);
}

/* ---------------------------------------------------------------------------------------------------------- latency */

static const struct latency_name {
    const char *name, *heading, *what;
} latency_names[] = {
    {"accept", "Accept", "from the first octet of a send to the server\xe2\x80\x99s answer"},
    {"deliver", "Deliver", "from acceptance to the first sighting at home"},
    {"end_to_end", "End to end", "from the moment it was due to the first sighting"},
    {"ndr", "NDR", "from acceptance to the report"},
    {"lateness", "Lateness", "of the generator itself, in real time"},
};

static struct word latency_word(const json_t *row, const char *key)
{
    struct word none = {"\xe2\x80\x93"};

    return field_number(row, "count") > 0 ? field_span_us(row, key) : none;
}

static void latency_row(struct html *h, const json_t *row)
{
    const char *name = field_text(row, "name"), *what = "";

    for (size_t i = 0; i < sizeof latency_names / sizeof latency_names[0]; i++)
        if (strcmp(latency_names[i].name, name) == 0) {
            name = latency_names[i].heading;
            what = latency_names[i].what;
        }
    html_mix(h, "<tr><th scope=\"row\">", name, " <small>", what, "</small></th><td class=\"n\">",
             field_count(row, "count").t, "</td><td class=\"n\">", latency_word(row, "p50").t,
             "</td><td class=\"n\">", latency_word(row, "p90").t, "</td><td class=\"n\">",
             latency_word(row, "p99").t, "</td><td class=\"n\">", latency_word(row, "p999").t,
             "</td><td class=\"n\">", latency_word(row, "max").t, "</td><td class=\"n\">", NULL);
    html_mix(h, "", field_ppm(row, "missing_ppm").t, "</td></tr>\n", NULL);
}

static bool latency_certified(const json_t *data)
{
    size_t i;
    const json_t *row;

    json_array_foreach(json_object_get(data, "latency"), i,
                       row) if (json_is_false(json_object_get(row, "certified"))) return false;
    return true;
}

void part_latency_lead(struct html *h, const json_t *data)
{
    if (json_array_size(json_object_get(data, "latency")) == 0)
        return;
    html_mix(
        h,
        "<p class=\"lead\">Percentiles of what arrived; the share that never did stands beside it "
        "and is in none of them. Across, each step is one nine more.</p>\n",
        NULL);
    if (!latency_certified(data))
        html_mix(
            h,
            "<p class=\"finding\"><b>Not certified:</b> the generator itself was late, so these "
            "figures are partly its own.</p>\n",
            NULL);
}

void part_latency(struct html *h, const json_t *data)
{
    const json_t *latency = json_object_get(data, "latency"), *row;
    size_t i;

    if (json_array_size(latency) == 0) {
        part_empty(h, "Nothing was timed.");
        return;
    }
    html_mix(
        h,
        "<div class=\"scroll\" tabindex=\"0\" role=\"group\" aria-label=\"Latencies, a table\">\n"
        "<table>\n<thead><tr><th scope=\"col\">Latency</th><th scope=\"col\" "
        "class=\"n\">Count</th>" PERCENTILES "<th scope=\"col\" class=\"n\">Longest</th>"
        "<th scope=\"col\" class=\"n\">Never got there</th></tr></thead>\n<tbody>\n",
        NULL);
    json_array_foreach(latency, i, row) latency_row(h, row);
    html_mix(h, "</tbody>\n</table>\n</div>\n", NULL);
}
