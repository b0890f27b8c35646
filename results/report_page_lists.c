/* report_page_lists.c - the moves, the stories and the method of report.html.
 *
 * However much there is to tell, the page stays below 6 MB: moves beyond MOVES_MAX that went well are counted, and stories
 * beyond STORIES_OCTETS have their headline only.
 */
#include <stdio.h>
#include <string.h>

#include "results/report_page.h"

#define MOVES_MAX      1000
#define STORIES_SHOWN  20 /* the others are folded away */
#define STORIES_OCTETS ((size_t)2 << 20)
#define NDR_OCTETS     ((size_t)16 << 10) /* escaped */

/* ------------------------------------------------------------------------------------------------------------ moves */

static const char *move_state(const json_t *move)
{
    const char *result = field_text(move, "result");

    if (strcmp(result, "verified") == 0 || strcmp(result, "done") == 0)
        return "ok";
    return strcmp(result, "disproved") == 0 ? "violation" : "warning";
}

static bool move_went_well(const json_t *move)
{
    return field_number(move, "bad") == 0 && strcmp(move_state(move), "ok") == 0;
}

/* A cell that sorts by a number, whatever words it shows. */
static void move_number(struct html *h, const json_t *move, const char *key, struct word shown)
{
    html_mix(h, "<td class=\"n\" data-v=\"",
             field_is(move, key) ? word_plain(field_number(move, key)).t : "-1", "\">", shown.t,
             "</td>", NULL);
}

static void move_classes(struct html *h, const json_t *classes)
{
    const char *name, *between = "";
    json_t *copies;
    int64_t all = 0;

    json_object_foreach((json_t *)classes, name, copies) all += json_integer_value(copies);
    html_mix(h, "<td class=\"n\" data-v=\"", word_plain(all).t, "\">", word_count((uint64_t)all).t,
             "</td><td class=\"mix\">", NULL);
    json_object_foreach((json_t *)classes, name, copies)
    {
        html_mix(h, "", between, "", word_count((uint64_t)json_integer_value(copies)).t, "\xc2\xa0",
                 name, NULL);
        between = ", ";
    }
    html_mix(h, "</td>", NULL);
}

static void move_row(struct html *h, const json_t *move)
{
    struct word id = word_plain(field_number(move, "id"));

    html_mix(h, "<tr id=\"move-", id.t, "\"><th scope=\"row\" class=\"n\" data-v=\"", id.t, "\">",
             id.t, "</th><td class=\"box\">", field_text(move, "mailbox"), "</td><td>",
             field_text(move, "from"), " \xe2\x86\x92 ", field_text(move, "to"), "</td>", NULL);
    move_number(h, move, "asked_ns", field_clock(move, "asked_ns"));
    move_number(h, move, "took_ns", field_span(move, "took_ns"));
    html_mix(h, "<td class=\"axis\">", NULL);
    part_shape(h, move_state(move));
    html_mix(h, "", field_text(move, "result"), "</td>", NULL);
    html_mix(h, "<td class=\"n\" data-v=\"", word_plain(field_number(move, "bad")).t, "\">", NULL);
    if (field_number(move, "bad") > 0)
        part_shape(h, "violation");
    html_mix(h, "", field_count(move, "bad").t, "</td>", NULL);
    move_number(h, move, "gap_ns", field_span(move, "gap_ns"));
    move_classes(h, json_object_get(move, "classes"));
    html_mix(h, "</tr>\n", NULL);
}

static const struct heading {
    const char *text, *key; /* key: the class of the cells, or a field of the data */
} headings[] = {
    {"Move", "n"},   {"Mailbox", ""},    {"From \xe2\x86\x92 to", ""}, {"Asked", "n"},
    {"Took", "n"},   {"Result", "axis"}, {"Violations", "n"},          {"Longest gap", "n"},
    {"Copies", "n"}, {"Classes", "mix"},
};

void part_moves(struct html *h, const json_t *data)
{
    const json_t *moves = json_object_get(data, "moves"), *move;
    size_t i, n = json_array_size(moves), left = 0;
    size_t room[2] = {MOVES_MAX / 2, MOVES_MAX / 2}; /* of those that went well, and the others */

    if (n == 0) {
        part_empty(h, "Nothing was moved in this run.");
        return;
    }
    html_mix(
        h,
        "<p class=\"lead\">The longest gap is the longest time between two deliveries to the "
        "mailbox. Headings sort.</p>\n<div class=\"scroll tall\" tabindex=\"0\" role=\"group\" "
        "aria-label=\"Moves, a table\">\n<table class=\"sortable\" "
        "id=\"moves-table\">\n<thead><tr>",
        NULL);
    for (size_t k = 0; k < sizeof headings / sizeof headings[0]; k++)
        html_mix(h, "<th scope=\"col\" class=\"", headings[k].key, "\">", headings[k].text, "</th>",
                 NULL);
    html_mix(h, "</tr></thead>\n<tbody>\n", NULL);
    json_array_foreach(moves, i, move)
    {
        bool well = move_went_well(move);

        if (n > MOVES_MAX && room[!well] == 0) {
            left++;
            continue;
        }
        room[!well] -= room[!well] > 0;
        move_row(h, move);
    }
    html_mix(h, "</tbody>\n</table>\n</div>\n", NULL);
    if (left)
        html_mix(h, "<p class=\"note\">", word_count(left).t,
                 " more moves are not shown; <code>summary.json</code> has them.</p>\n", NULL);
}

/* ---------------------------------------------------------------------------------------------------------- stories */

static const char *class_group(const json_t *data, const char *class)
{
    size_t i;
    const json_t *row;

    json_array_foreach(json_object_get(data, "classes"), i,
                       row) if (strcmp(field_text(row, "class"), class) ==
                                0) return field_text(row, "group");
    return "open";
}

static void story_events(struct html *h, const json_t *events)
{
    size_t i;
    const json_t *ev;

    html_mix(h, "<ol class=\"events\">\n", NULL);
    json_array_foreach(events, i, ev)
    {
        const char *words = json_string_value(json_array_get(ev, 1));

        html_mix(h, "<li><time>", word_clock((uint64_t)json_integer_value(json_array_get(ev, 0))).t,
                 "</time> <span>", words ? words : "", "</span></li>\n", NULL);
    }
    html_mix(h, "</ol>\n", NULL);
}

static void story_report(struct html *h, const char *report)
{
    html_mix(h,
             "<h4>The report, as it was kept</h4>\n<pre tabindex=\"0\" role=\"group\" "
             "aria-label=\"Text of the report\">",
             NULL);
    if (!html_text_within(h, report, NDR_OCTETS))
        html_mix(h, "\n\xe2\x80\xa6", NULL);
    html_mix(h, "</pre>\n", NULL);
}

/* When it was sent, by the clock and by the move of its mailbox, and its flags. */
static void story_when(struct html *h, const json_t *s)
{
    const char *mark = field_text(s, "mark");
    const json_t *flag;
    size_t i;

    if (field_is(s, "at_ns")) {
        html_mix(h, " <span class=\"when\">", field_clock(s, "at_ns").t, NULL);
        if (*mark) {
            html_mix(h, ", ", NULL);
            part_moment(h, field_number(s, "phase_ns"), mark);
            html_mix(h, " of move ", word_plain(field_number(s, "move")).t, NULL);
        }
        html_mix(h, "</span>", NULL);
    }
    json_array_foreach(json_object_get(s, "flags"), i, flag)
        html_mix(h, i ? ", " : " <span class=\"when\">", json_string_value(flag), NULL);
    html_mix(h, i ? "</span>" : "", NULL);
}

static void story(struct html *h, const json_t *data, const json_t *s, size_t index, bool whole)
{
    const char *class = field_text(s, "class");
    struct word number = word_plain(field_number(s, "number"));

    html_mix(h, "<details class=\"story\" id=\"story-", word_plain((int64_t)index).t,
             "\"><summary>", NULL);
    part_shape(h, class_group(data, class));
    html_mix(h, "<b>", class, "</b> <span class=\"who\">", field_text(s, "mailbox"), NULL);
    if (strcmp(field_text(s, "role"), "alternate") == 0)
        html_mix(h, " (alternate)", NULL);
    html_mix(h, "</span> <code>", *field_text(s, "token") ? field_text(s, "token") : number.t,
             "</code>", NULL);
    story_when(h, s);
    html_mix(h, "</summary>\n", NULL);
    html_mix(h, "<p>", field_text(s, "why"), NULL);
    if (field_is(s, "rule"))
        html_mix(h, " <small>Row ", word_plain(field_number(s, "rule")).t,
                 " of the classes, the first that holds.</small>", NULL);
    html_mix(h, "</p>\n", NULL);
    if (whole) {
        story_events(h, json_object_get(s, "events"));
        if (*field_text(s, "report"))
            story_report(h, field_text(s, "report"));
    }
    html_mix(h, "<p class=\"note\"><code>postmuster trace RUN ", number.t,
             "</code> tells it from the journal.</p>\n</details>\n", NULL);
}

void part_stories(struct html *h, const json_t *data)
{
    const json_t *stories = json_object_get(data, "stories"), *s;
    size_t i, start = h->out->n;

    if (json_array_size(stories) == 0) {
        part_empty(h, "No copy went wrong or stayed open, so there is no story to tell.");
        return;
    }
    html_mix(
        h,
        "<p class=\"lead\">What happened to copies that went wrong, and to those whose fate stayed "
        "open, event by event.</p>\n",
        NULL);
    json_array_foreach(stories, i, s)
    {
        if (i == STORIES_SHOWN)
            html_mix(h, "<details class=\"data more\"><summary>",
                     word_count(json_array_size(stories) - i).t, " more stories</summary>\n", NULL);
        story(h, data, s, i, h->out->n - start < STORIES_OCTETS);
    }
    html_mix(h, i > STORIES_SHOWN ? "</details>\n" : "", NULL);
    if (field_number(data, "stories_left_out") > 0)
        html_mix(h, "<p class=\"note\">", field_count(data, "stories_left_out").t,
                 " more are in <code>postmuster list RUN</code>, and <code>postmuster trace RUN "
                 "NUMBER</code> tells each.</p>\n",
                 NULL);
}

/* ----------------------------------------------------------------------------------------------------------- method */

/* A sentence, or a list of them. */
static void method_words(struct html *h, const char *heading, const json_t *words)
{
    size_t i;
    const json_t *s;

    if (!json_array_size(words) && !json_string_length(words))
        return;
    html_mix(h, "<dt>", heading, "</dt>\n<dd>", NULL);
    if (json_is_string(words))
        html_mix(h, "<p>", json_string_value(words), "</p>", NULL);
    json_array_foreach(words, i, s)
        html_mix(h, "<p>", json_string_value(s) ? json_string_value(s) : "", "</p>", NULL);
    html_mix(h, "</dd>\n", NULL);
}

static void coverage_row(struct html *h, const json_t *place)
{
    bool final = json_is_true(json_object_get(place, "final"));

    html_mix(h, "<tr><th scope=\"row\">", field_text(place, "place"), "</th><td class=\"n\">",
             field_count(place, "scans").t, "</td><td class=\"n\">",
             field_count(place, "complete").t, "</td><td class=\"n\">",
             field_clock(place, "last_ns").t, "</td><td class=\"axis\">", NULL);
    part_shape(h, final ? "ok" : "open");
    html_mix(h, final ? "yes" : "no", "", "</td></tr>\n", NULL);
}

static void method_coverage(struct html *h, const json_t *coverage)
{
    size_t i, n = json_array_size(coverage), final = 0;
    char heading[80];
    const json_t *place;
    const char *key;
    json_t *number;

    html_mix(h, "<h3>Places that were looked at</h3>\n", NULL);
    if (json_is_object(coverage)) { /* too many for a list */
        html_mix(h, "<p>", NULL);
        json_object_foreach((json_t *)coverage, key, number) html_mix(
            h, "", key, ": ", word_count((uint64_t)json_integer_value(number)).t, ". ", NULL);
        html_mix(h, "</p>\n", NULL);
        return;
    }
    if (n == 0) {
        part_empty(h, "None.");
        return;
    }
    json_array_foreach(coverage, i, place)
    {
        final += json_is_true(json_object_get(place, "final"));
    }
    (void)snprintf(heading, sizeof heading, "%zu places, %zu of them final", n, final);
    part_open_table(
        h, heading,
        "<th scope=\"col\">Place</th><th scope=\"col\" class=\"n\">Scans</th>"
        "<th scope=\"col\" class=\"n\">Complete</th><th scope=\"col\" class=\"n\">Last</th>"
        "<th scope=\"col\" class=\"axis\">Final</th>");
    json_array_foreach(coverage, i, place)
    {
        coverage_row(h, place);
    }
    part_close_table(h);
}

static const struct heading session_columns[] = {
    {"Connections", "connections"},
    {"TLS", "tls"},
    {"TLS resumed", "resumed"},
    {"Lockstep", "lockstep"},
    {"PIPELINING", "pipelining"},
    {"CHUNKING", "chunking"},
    {"LMTP", "lmtp"},
    {"P1", "p1"},
};

#define SESSION_COLUMNS (sizeof session_columns / sizeof session_columns[0])

static void method_sessions(struct html *h, const json_t *sessions)
{
    size_t i;
    const json_t *s;

    if (json_array_size(sessions) == 0)
        return;
    html_mix(
        h,
        "<h3>Connections of the senders</h3>\n<div class=\"scroll\" tabindex=\"0\" role=\"group\" "
        "aria-label=\"Connections, a table\">\n<table>\n<thead><tr><th scope=\"col\">Load</th>"
        "<th scope=\"col\">Server</th>",
        NULL);
    for (size_t k = 0; k < SESSION_COLUMNS; k++)
        html_mix(h, "<th scope=\"col\" class=\"n\">", session_columns[k].text, "</th>", NULL);
    html_mix(h, "</tr></thead>\n<tbody>\n", NULL);
    json_array_foreach(sessions, i, s)
    {
        html_mix(h, "<tr><th scope=\"row\">", field_text(s, "load"), "</th><td>",
                 field_text(s, "server"), "</td>", NULL);
        for (size_t k = 0; k < SESSION_COLUMNS; k++)
            html_mix(h, "<td class=\"n\">", field_count(s, session_columns[k].key).t, "</td>",
                     NULL);
        html_mix(h, "</tr>\n", NULL);
    }
    html_mix(h, "</tbody>\n</table>\n</div>\n", NULL);
}

static void method_content(struct html *h, int64_t percent)
{
    html_mix(h, "<dt>Content</dt>\n<dd><p>", NULL);
    if (percent >= 100)
        html_mix(h, "The bodies of all messages were compared with what was sent.", NULL);
    else
        html_mix(h, "The bodies of ", word_plain(percent).t,
                 " of 100 messages were compared with what was sent, always of the same ones.",
                 NULL);
    html_mix(h, "</p></dd>\n", NULL);
}

void part_method(struct html *h, const json_t *data)
{
    const json_t *method = json_object_get(data, "method");

    html_mix(h, "<dl>\n", NULL);
    method_words(h, "How silence became final", json_object_get(method, "silence"));
    method_words(h, "Clock", json_object_get(method, "clock"));
    method_words(h, "Pacing", json_object_get(method, "pacing"));
    if (field_is(method, "content_percent"))
        method_content(h, field_number(method, "content_percent"));
    method_words(h, "Caveats", json_object_get(method, "caveats"));
    html_mix(h, "</dl>\n", NULL);
    method_coverage(h, json_object_get(method, "coverage"));
    method_sessions(h, json_object_get(method, "sessions"));
}
