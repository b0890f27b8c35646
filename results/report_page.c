/* report_page.c - the banner, the account, identities and gates of report.html. */
#include "results/report_page.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"

#define NOBODY "\xe2\x80\x93" /* a dash */

/* Shape and colour say the same: neither alone carries the meaning, and a word stands beside. */
static const struct shape {
    const char *state, *as, *path;
} shapes[] = {
    {"ok", "ok", "<circle cx=\"8\" cy=\"8\" r=\"6\"/>"},
    {"warning", "warning", "<path d=\"M8 1.5 15 14H1z\"/>"},
    {"warn", "warning", "<path d=\"M8 1.5 15 14H1z\"/>"},
    {"violation", "violation", "<path d=\"M2 2h12v12H2z\"/>"},
    {"bad", "violation", "<path d=\"M2 2h12v12H2z\"/>"},
    {"open", "open", "<path d=\"M8 .8 15.2 8 8 15.2.8 8z\"/>"},
    {"invalid", "invalid", "<path d=\"M3 1 8 6l5-5 2 2-5 5 5 5-2 2-5-5-5 5-2-2 5-5-5-5z\"/>"},
};

static const struct shape *shape_of(const char *state)
{
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
        if (strcmp(shapes[i].state, state) == 0)
            return &shapes[i];
    return &shapes[0];
}

void part_shape(struct html *h, const char *state)
{
    const struct shape *s = shape_of(state);

    html_mix(h, "<svg class=\"shape ", s->as, "\" viewBox=\"0 0 16 16\" aria-hidden=\"true\">",
             NULL);
    html_mix(h, s->path, "", "</svg>", NULL);
}

void part_empty(struct html *h, const char *words)
{
    html_mix(h, "<p class=\"empty\">", words, "</p>\n", NULL);
}

void part_open_table(struct html *h, const char *summary, const char *head)
{
    html_mix(h, "<details class=\"data\"><summary>", summary,
             "</summary>\n<div class=\"scroll\" tabindex=\"0\" role=\"group\" aria-label=\"",
             summary, "\">\n<table>\n<thead><tr>", NULL);
    html_mix(h, head, "", "</tr></thead>\n<tbody>\n", NULL);
}

void part_close_table(struct html *h)
{
    html_mix(h, "</tbody>\n</table>\n</div>\n</details>\n", NULL);
}

/* ----------------------------------------------------------------------------------------------------------- banner */

/* Big marks of the verdict, in a circle: a tick, a cross, a question. */
static const struct verdict_look {
    const char *verdict, *state, *mark;
} looks[] = {
    {"PASS", "pass", "<path d=\"M11 20.5l6 6L29 13.5\"/>"},
    {"FAIL", "fail", "<path d=\"M13 13l14 14M27 13L13 27\"/>"},
    {"INCONCLUSIVE", "undecided",
     "<path d=\"M15 15.5a5 5 0 1 1 7 4.6c-1.6.8-2 1.6-2 3.4M20 28.5v.5\"/>"},
};

static const struct verdict_look *look_of(const char *verdict)
{
    for (size_t i = 0; i + 1 < sizeof looks / sizeof looks[0]; i++)
        if (strcmp(looks[i].verdict, verdict) == 0)
            return &looks[i];
    return &looks[2];
}

static void banner_run(struct html *h, const json_t *data)
{
    const json_t *run = json_object_get(json_object_get(data, "summary"), "run");
    const char *variant = field_text(run, "variant"), *name = field_text(run, "name");
    time_t seconds = (time_t)((uint64_t)field_number(run, "wall_start_ns") / NS_PER_S);
    char utc[40] = "simulated time";
    struct tm tm;

    if (seconds > 0)
        (void)strftime(utc, sizeof utc, "%Y-%m-%d %H:%M:%S UTC", gmtime_r(&seconds, &tm));
    html_mix(h, "<p class=\"run\"><b>", *name ? name : field_text(data, "title"), "</b>", NULL);
    if (*variant)
        html_mix(h, " <span>", variant, "</span>", NULL);
    if (*field_text(run, "target"))
        html_mix(h, " <span>", field_text(run, "target"), "</span>", NULL);
    html_mix(h, " <span>", utc, "</span>", NULL);
    if (field_number(run, "time_scale") > 1)
        html_mix(h, " <span>time \xc3\x97 ", word_plain(field_number(run, "time_scale")).t,
                 "</span>", NULL);
    if (*field_text(run, "id"))
        html_mix(h, " <span>run ", field_text(run, "id"), "</span>", NULL);
    html_mix(h, "</p>\n", NULL);
}

static void banner_list(struct html *h, const char *heading, const json_t *sentences,
                        const char *none)
{
    size_t i;
    const json_t *s;

    html_mix(h, "<div>\n<h2>", heading, "</h2>\n<ul>\n", NULL);
    json_array_foreach(sentences, i, s)
        html_mix(h, "<li>", json_string_value(s) ? json_string_value(s) : "", "</li>\n", NULL);
    if (json_array_size(sentences) == 0)
        html_mix(h, "<li>", none, "</li>\n", NULL);
    html_mix(h, "</ul>\n</div>\n", NULL);
}

static void banner_lamps(struct html *h, const json_t *lamps)
{
    size_t i;
    const json_t *lamp;

    html_mix(h, "<ul class=\"lamps\" aria-label=\"Health of the measurement\">\n", NULL);
    json_array_foreach(lamps, i, lamp)
    {
        const char *state = field_text(lamp, "state");

        html_mix(h, "<li>", NULL);
        part_shape(h, state);
        html_mix(h, "<b>", field_text(lamp, "name"), "</b> <span class=\"sr\">(", state,
                 ")</span> <span>", field_text(lamp, "words"), "</span></li>\n", NULL);
    }
    html_mix(h, "</ul>\n", NULL);
}

void part_banner(struct html *h, const json_t *data)
{
    const json_t *banner = json_object_get(data, "banner");
    const char *verdict = field_text(banner, "verdict");
    const struct verdict_look *look = look_of(verdict);

    html_mix(h, "<section id=\"verdict\" class=\"verdict is-", look->state,
             "\" aria-labelledby=\"h-verdict\">\n", NULL);
    banner_run(h, data);
    html_mix(h,
             "<h1 id=\"h-verdict\"><span class=\"word\"><svg viewBox=\"0 0 40 40\" "
             "aria-hidden=\"true\"><circle cx=\"20\" cy=\"20\" r=\"18\"/>",
             NULL);
    html_mix(h, look->mark, "", "</svg>", verdict, "</span> <span class=\"why\">",
             field_text(banner, "sentence"), "</span></h1>\n<div class=\"pair\">\n", NULL);
    banner_list(h, "Shown by this run", json_object_get(banner, "proven"), "Nothing.");
    banner_list(h, "Not shown by it", json_object_get(banner, "not_proven"),
                "Nothing is left open.");
    html_mix(h, "</div>\n", NULL);
    banner_lamps(h, json_object_get(banner, "lamps"));
    if (*field_text(data, "rerun"))
        html_mix(h, "<p class=\"rerun\"><span>Again:</span> <code id=\"rerun\">",
                 field_text(data, "rerun"),
                 "</code> <button type=\"button\" id=\"copy\" hidden>Copy</button></p>\n", NULL);
    html_mix(h, "</section>\n", NULL);
}

/* ---------------------------------------------------------------------------------------------------------- classes */

static const struct group {
    const char *name, *heading;
} groups[] = {
    {"invalid", "Faults of the measurement"},
    {"violation", "Violations"},
    {"open", "Open"},
    {"warning", "Warnings"},
    {"ok", "In order"},
};

static void class_axis(struct html *h, const char *state)
{
    html_mix(h, "<td class=\"axis\">", NULL);
    part_shape(h, state);
    html_mix(h, "", state, "</td>", NULL);
}

static void class_first(struct html *h, const json_t *first)
{
    size_t i;
    const json_t *copy;

    html_mix(h, "<td class=\"first\">", NULL);
    json_array_foreach(first, i, copy)
    {
        struct word number = word_plain(field_number(copy, "number"));
        const char *token = field_text(copy, "token");

        html_mix(h, i ? " " : "", "", NULL);
        if (field_is(copy, "story"))
            html_mix(h, "<a href=\"#story-", word_plain(field_number(copy, "story")).t, "\">",
                     *token ? token : number.t, "</a>", NULL);
        else
            html_mix(h, "<span>", *token ? token : number.t, "</span>", NULL);
    }
    html_mix(h, "</td>", NULL);
}

static void class_row(struct html *h, const json_t *row)
{
    const char *became = field_text(row, "became"), *name = field_text(row, "class");
    bool same = strncmp(became, "were ", 5) == 0 && strcmp(became + 5, name) == 0;

    html_mix(h, "<tr><th scope=\"row\">", NULL);
    part_shape(h, field_text(row, "group"));
    html_mix(h, "", name, " <small>", same ? "" : became, "</small></th><td class=\"n\">",
             field_count(row, "copies").t, "</td><td class=\"n\">", field_ppm(row, "share_ppm").t,
             "</td><td class=\"n range\">", NULL);
    if (field_is(row, "low_ppm") && field_is(row, "high_ppm"))
        html_mix(h, "", field_ppm(row, "low_ppm").t, " \xe2\x80\x93 ", field_ppm(row, "high_ppm").t,
                 NULL);
    else
        html_mix(h, "", NOBODY, NULL);
    html_mix(h, "</td>", NULL);
    class_axis(h, field_text(row, "responsibility"));
    class_axis(h, field_text(row, "transparency"));
    class_first(h, json_object_get(row, "first"));
    html_mix(h, "</tr>\n", NULL);
}

static uint64_t class_group(struct html *h, const json_t *classes, const struct group *g)
{
    uint64_t copies = 0;
    size_t i;
    const json_t *row;

    json_array_foreach(classes, i, row)
    {
        uint64_t n = (uint64_t)field_number(row, "copies");

        if (n == 0 || strcmp(field_text(row, "group"), g->name) != 0)
            continue;
        if (copies == 0)
            html_mix(h, "<tbody>\n<tr class=\"group\"><th colspan=\"7\" scope=\"rowgroup\">",
                     g->heading, "</th></tr>\n", NULL);
        copies += n;
        class_row(h, row);
    }
    html_mix(h, copies ? "</tbody>\n" : "", NULL);
    return copies;
}

static void classes_without(struct html *h, const json_t *classes)
{
    size_t i, shown = 0;
    const json_t *row;

    json_array_foreach(classes, i, row) if (field_number(row, "copies") == 0) html_mix(
        h, shown++ ? ", " : "<p class=\"note\">No copy is: ", field_text(row, "class"), NULL);
    html_mix(h, shown ? ".</p>\n" : "", NULL);
}

/* What a class hides. */
static void classes_flags(struct html *h, const json_t *flags)
{
    const char *name, *between = "<p class=\"note\">Flags of copies, whatever their class: ";
    json_t *copies;
    bool any = false;

    json_object_foreach((json_t *)flags, name, copies)
    {
        if (json_integer_value(copies) == 0)
            continue;
        html_mix(h, between, word_count((uint64_t)json_integer_value(copies)).t, "\xc2\xa0", name,
                 NULL);
        between = ", ";
        any = true;
    }
    html_mix(h, any ? ".</p>\n" : "", NULL);
}

void part_classes(struct html *h, const json_t *data)
{
    const json_t *classes = json_object_get(data, "classes");
    uint64_t copies = 0;

    html_mix(
        h,
        "<div class=\"scroll\" tabindex=\"0\" role=\"group\" aria-label=\"Classes, a table\">\n"
        "<table class=\"account\">\n<thead><tr><th scope=\"col\">Class</th>"
        "<th scope=\"col\" class=\"n\">Copies</th><th scope=\"col\" class=\"n\">Share</th>"
        "<th scope=\"col\" class=\"n\">95 % interval</th><th scope=\"col\" "
        "class=\"axis\">Responsibility</th>"
        "<th scope=\"col\" class=\"axis\">Transparency</th><th scope=\"col\">First of "
        "them</th></tr></thead>\n",
        NULL);
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++)
        copies += class_group(h, classes, &groups[i]);
    html_mix(h, "<tfoot><tr><th scope=\"row\">All copies</th><td class=\"n\">",
             word_count(copies).t, "</td><td colspan=\"5\"></td></tr></tfoot>\n</table>\n</div>\n",
             NULL);
    classes_flags(h, json_object_get(json_object_get(data, "summary"), "flags"));
    classes_without(h, classes);
    html_mix(
        h,
        "<p class=\"note\"><b>Responsibility</b>: what was accepted must be delivered or reported. "
        "<b>Transparency</b>: the mailbox existed all along, so any report, loss or copy too many "
        "is the move\xe2\x80\x99s fault. Intervals are Clopper and Pearson\xe2\x80\x99s, copy by "
        "copy; copies of one move fail together, so statements above count moves.</p>\n",
        NULL);
}

/* ----------------------------------------------------------------------------------------------- identities and gates */

void part_identities(struct html *h, const json_t *data)
{
    size_t i;
    const json_t *row;

    html_mix(
        h,
        "<div class=\"scroll\" tabindex=\"0\" role=\"group\" aria-label=\"Identities, a table\">\n"
        "<table>\n<thead><tr><th scope=\"col\">Identity</th><th scope=\"col\" class=\"n\">Left</th>"
        "<th scope=\"col\" class=\"n\">Right</th><th scope=\"col\" class=\"n\">Residual</th></tr>"
        "</thead>\n<tbody>\n",
        NULL);
    json_array_foreach(json_object_get(data, "identities"), i, row)
    {
        int64_t residual = field_number(row, "residual");

        html_mix(h, "<tr><th scope=\"row\">", NULL);
        part_shape(h, residual == 0 ? "ok" : "violation");
        html_mix(h, "", field_text(row, "name"), "</th><td class=\"n\">",
                 field_count(row, "left").t, "</td><td class=\"n\">", field_count(row, "right").t,
                 "</td><td class=\"n\">", word_plain(residual).t, "</td></tr>\n", NULL);
    }
    html_mix(h, "</tbody>\n</table>\n</div>\n", NULL);
}

static const char *gate_state(const char *verdict)
{
    if (strcmp(verdict, "fail") == 0)
        return "violation";
    return strcmp(verdict, "pass") == 0 ? "ok" : "open";
}

/* pacing-p99 counts ns, the others copies or findings. */
static struct word gate_number(const json_t *gate, const char *key)
{
    return strncmp(field_text(gate, "name"), "pacing", 6) == 0 ? field_span(gate, key)
                                                               : field_count(gate, key);
}

void part_gates(struct html *h, const json_t *data)
{
    const json_t *gates = json_object_get(json_object_get(data, "summary"), "gates"), *gate;
    size_t i;

    if (json_array_size(gates) == 0) {
        part_empty(h, "The profile states no gates.");
        return;
    }
    html_mix(
        h,
        "<div class=\"scroll\" tabindex=\"0\" role=\"group\" aria-label=\"Gates, a table\">\n"
        "<table>\n<thead><tr><th scope=\"col\">Gate</th><th scope=\"col\" class=\"n\">At most</th>"
        "<th scope=\"col\" class=\"n\">Found</th><th scope=\"col\" class=\"n\">Still open</th>"
        "<th scope=\"col\" class=\"axis\">Result</th></tr></thead>\n<tbody>\n",
        NULL);
    json_array_foreach(gates, i, gate)
    {
        const char *verdict = field_text(gate, "verdict");

        html_mix(h, "<tr><th scope=\"row\">", field_text(gate, "name"), "</th><td class=\"n\">",
                 gate_number(gate, "limit").t, "</td><td class=\"n\">",
                 gate_number(gate, "count").t, "</td><td class=\"n\">", gate_number(gate, "open").t,
                 "</td><td class=\"axis\">", NULL);
        part_shape(h, gate_state(verdict));
        html_mix(h, "", verdict, "</td></tr>\n", NULL);
    }
    html_mix(h, "</tbody>\n</table>\n</div>\n", NULL);
}
