/* report_page_aim.c - what adaptive aim learnt, load by load: where it sent, what was lost there, and the rate as if sends had
 * been even. Of the summary's `aim` object; a run without adaptive aim shows nothing.
 */
#include <stdio.h>

#include "results/report_page.h"

#define PPB_A_PPM 1000

static struct word ppb_word(const json_t *ppb)
{
    int64_t n = json_integer_value(ppb);

    if (!json_is_integer(ppb))
        return (struct word){"\xe2\x80\x93"};
    return word_ppm(n > 0 ? (uint64_t)(n + PPB_A_PPM / 2) / PPB_A_PPM : 0);
}

static struct word ns_word(const json_t *ns, const char *unbounded)
{
    struct word w;

    if (json_is_integer(ns))
        return word_relative(json_integer_value(ns));
    (void)snprintf(w.t, sizeof w.t, "%s", unbounded);
    return w;
}

static const json_t *pair_at(const json_t *o, const char *key, size_t i)
{
    return json_array_get(json_object_get(o, key), i);
}

static void row_open(struct html *h, const char *what)
{
    html_mix(h, "<tr><th scope=\"row\">", what, "</th><td>", NULL);
}

static void rate_row(struct html *h, const char *what, const json_t *rate, const char *trusts)
{
    row_open(h, what);
    html_mix(h, "<b>", ppb_word(json_object_get(rate, "rate_ppb")).t,
             "</b> (95\xc2\xa0%: ", ppb_word(pair_at(rate, "interval_ppb", 0)).t, " to ",
             ppb_word(pair_at(rate, "interval_ppb", 1)).t, ") <small>", trusts,
             "</small></td></tr>\n", NULL);
}

static void edge_row(struct html *h, const char *what, const json_t *window, const char *edge,
                     const char *interval)
{
    row_open(h, what);
    html_mix(h, "<b>", ns_word(json_object_get(window, edge), "?").t,
             "</b> (95\xc2\xa0%: ", ns_word(pair_at(window, interval, 0), "not bounded").t, " to ",
             ns_word(pair_at(window, interval, 1), "not bounded").t, ")</td></tr>\n", NULL);
}

static void aim_facts(struct html *h, const json_t *aim)
{
    const json_t *window = json_object_get(aim, "window");

    html_mix(h, "<table class=\"facts\">\n<tbody>\n", NULL);
    row_open(h, "Sends");
    html_mix(h, "", field_count(aim, "sends").t, " whose fate is known, of ",
             field_count(aim, "aimed").t, " that were aimed, in ", field_count(aim, "moves").t,
             " moves</td></tr>\n", NULL);
    row_open(h, "Lost");
    html_mix(h, "", field_count(aim, "losses").t,
             " of them <small>more than even sends would have lost: aim looks for losses"
             "</small></td></tr>\n",
             NULL);
    rate_row(h, "Lost, had sends been even", json_object_get(aim, "weighted"),
             "each send weighed by what it stood for; interval by moves");
    rate_row(h, "The same, by bins", json_object_get(aim, "stratified"),
             "takes sends for even within a bin");
    row_open(h, "Of the phase");
    html_mix(h, "", ppb_word(json_object_get(aim, "covered_ppb")).t,
             " lies in bins that were tried</td></tr>\n", NULL);
    if (json_is_object(window)) {
        edge_row(h, "The window begins", window, "begin_ns", "begin_interval_ns");
        edge_row(h, "and ends", window, "end_ns", "end_interval_ns");
        row_open(h, "Its edges blur by");
        html_mix(h, "", field_span(window, "jitter_ns").t, "; inside, ",
                 ppb_word(json_object_get(window, "lost_inside_ppb")).t, " are lost</td></tr>\n",
                 NULL);
    } else {
        row_open(h, "The window");
        html_mix(h, "none is estimated: too few losses</td></tr>\n", NULL);
    }
    html_mix(h, "</tbody>\n</table>\n", NULL);
}

static void aim_bins(struct html *h, const json_t *bins)
{
    const json_t *bin;
    size_t i;

    part_open_table(
        h, "The bins as a table",
        "<th scope=\"col\" class=\"n\">From</th><th scope=\"col\" class=\"n\">To</th>"
        "<th scope=\"col\" class=\"n\">Sends</th><th scope=\"col\" class=\"n\">Lost</th>"
        "<th scope=\"col\" class=\"n\">Share</th>");
    json_array_foreach(bins, i, bin)
    {
        uint64_t sends = (uint64_t)field_number(bin, "sends"),
                 lost = (uint64_t)field_number(bin, "losses");

        html_mix(h, "<tr><td class=\"n\">", word_relative(field_number(bin, "from_ns")).t,
                 "</td><td class=\"n\">", word_relative(field_number(bin, "to_ns")).t,
                 "</td><td class=\"n\">", word_count(sends).t, "</td><td class=\"n\">",
                 word_count(lost).t, "</td><td class=\"n\">",
                 sends ? word_ppm(lost * 1000000 / sends).t : "\xe2\x80\x93", "</td></tr>\n", NULL);
    }
    part_close_table(h);
}

void part_aim(struct html *h, const json_t *data)
{
    const json_t *all = json_object_get(json_object_get(data, "summary"), "aim"), *aim;
    const char *load;
    size_t i = 0;

    if (json_object_size(all) == 0)
        return;
    html_mix(
        h,
        "<h3 id=\"aim\">What adaptive aim learnt</h3>\n<p class=\"lead\">Most sends went where "
        "moves before had lost something, to find the edges; a share went everywhere. Bars are "
        "bins of the phase, as high as they had sends for their length; the dark part was "
        "lost.</p>\n",
        NULL);
    json_object_foreach((json_t *)all, load, aim)
    {
        struct word at = word_plain((int64_t)i++);

        html_mix(h, "<h4>Load ", load, ", aimed at ", mark_noun(field_text(aim, "mark")), " ",
                 ns_word(pair_at(aim, "phase_ns", 0), "?").t, " to ",
                 ns_word(pair_at(aim, "phase_ns", 1), "?").t, "</h4>\n", NULL);
        html_mix(h, "<figure class=\"aimed\"><canvas id=\"aim-", at.t,
                 "\" class=\"aim\" hidden role=\"img\" aria-label=\"Sends and losses of the bins; "
                 "the table below has the numbers\"></canvas></figure>\n",
                 NULL);
        aim_facts(h, aim);
        aim_bins(h, json_object_get(aim, "bins"));
    }
}
