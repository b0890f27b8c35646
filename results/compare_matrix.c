/* compare_matrix.c - see compare_matrix.h. */
#include "results/compare_matrix.h"

#include <stdio.h>
#include <string.h>

#include "results/compare_page.h"
#include "results/report_page.h"

static const struct matrix_cell_shown *cell_at(const struct matrix_shown *m, uint32_t version,
                                               uint32_t scenario)
{
    return &m->cells[(size_t)version * m->scenario_count + scenario];
}

/* Rows and columns without a cell are left out: not everything is run each time. */
static bool has_row(const struct matrix_shown *m, uint32_t version)
{
    for (uint32_t s = 0; s < m->scenario_count; s++)
        if (cell_at(m, version, s)->there)
            return true;
    return false;
}

static bool has_column(const struct matrix_shown *m, uint32_t scenario)
{
    for (uint32_t v = 0; v < m->version_count; v++)
        if (cell_at(m, v, scenario)->there)
            return true;
    return false;
}

static const char *shape_of(const struct matrix_cell_shown *c)
{
    return c->good ? "ok" : c->open ? "open" : "violation";
}

static const char *absence(const struct matrix_cell_shown *c)
{
    return c->impossible ? "n/a" : "not run";
}

/* Of a redirect no primary is owed: then the mix is that of the alternates. */
static void put_mix(struct html *h, const struct matrix_cell_shown *c)
{
    part_mix(h, mix_owed(c->primaries) ? c->primaries : c->alternates);
}

static void put_counts(struct html *h, const struct matrix_cell_shown *c)
{
    put_mix(h, c);
    html_mix(h, "<dl><dt>observed</dt><dd>", NULL);
    if (mix_owed(c->primaries))
        part_mix_words(h, c->primaries);
    else
        html_mix(h, "no primary was owed", NULL);
    if (c->late)
        html_mix(h, " (late ", word_count(c->late).t, ")", NULL);
    if (mix_owed(c->alternates)) {
        html_mix(h, "; alternates: ", NULL);
        part_mix_words(h, c->alternates);
    }
    html_mix(h, "</dd></dl>", NULL);
}

static struct word cell_id(uint32_t version, uint32_t scenario)
{
    struct word w;

    (void)snprintf(w.t, sizeof w.t, "cell-%u-%u", version, scenario);
    return w;
}

static void put_cell(struct html *h, const struct matrix_shown *m, uint32_t version,
                     uint32_t scenario)
{
    const struct matrix_cell_shown *c = cell_at(m, version, scenario);

    if (!c->there) {
        html_mix(h, "<td class=\"range\">", absence(c), "</td>", NULL);
        return;
    }
    html_mix(h, "<td id=\"", cell_id(version, scenario).t,
             c->good || c->open ? "\">" : "\" class=\"odd\">", "", "<span class=\"grade\">", NULL);
    part_shape(h, shape_of(c));
    if (c->page)
        html_mix(h, "<a href=\"", c->page, "\">", c->words, "</a></span>", NULL);
    else
        html_mix(h, "", c->words, "</span>", NULL);
    if (c->expected)
        html_mix(h, "<dl><dt>expected</dt><dd>", c->expected, "</dd></dl>", NULL);
    if (c->has_counts)
        put_counts(h, c);
    if (c->doubt)
        html_mix(h, "<small>", c->doubt, "</small>", NULL);
    if (c->error)
        html_mix(h, "<small>", c->error, "</small>", NULL);
    html_mix(h, "</td>", NULL);
}

static void put_brief(struct html *h, const struct matrix_shown *m, uint32_t version,
                      uint32_t scenario)
{
    const struct matrix_cell_shown *c = cell_at(m, version, scenario);

    if (!c->there) {
        html_mix(h, "<td class=\"range\">", absence(c), "</td>", NULL);
        return;
    }
    html_mix(h, c->good || c->open ? "<td>" : "<td class=\"odd\">", "", "<a href=\"#",
             cell_id(version, scenario).t, "\"><span class=\"sr\">", c->words, "</span>", NULL);
    part_shape(h, shape_of(c));
    if (c->has_counts)
        put_mix(h, c);
    html_mix(h, "</a></td>", NULL);
}

static void put_table(struct html *h, const struct matrix_shown *m, const char *look,
                      const char *name, bool titles,
                      void (*put)(struct html *h, const struct matrix_shown *m, uint32_t version,
                                  uint32_t scenario))
{
    html_mix(h, "<div class=\"scroll far\" tabindex=\"0\" role=\"group\" aria-label=\"", name,
             "\">\n<table class=\"", look, "\">\n<thead><tr><th scope=\"col\">version</th>", NULL);
    for (uint32_t s = 0; s < m->scenario_count; s++) {
        if (!has_column(m, s))
            continue;
        html_mix(h, "<th scope=\"col\"><b>", m->scenarios[s], "</b>", NULL);
        html_mix(h, titles ? " " : " <span class=\"sr\">", m->titles[s],
                 titles ? "</th>" : "</span></th>", NULL);
    }
    html_mix(h, "</tr></thead>\n<tbody>\n", NULL);
    for (uint32_t v = 0; v < m->version_count; v++) {
        if (!has_row(m, v))
            continue;
        html_mix(h, "<tr><th scope=\"row\">", m->versions[v], "</th>", NULL);
        for (uint32_t s = 0; s < m->scenario_count; s++)
            if (has_column(m, s))
                put(h, m, v, s);
        html_mix(h, "</tr>\n", NULL);
    }
    html_mix(h, "</tbody>\n</table>\n</div>\n", NULL);
}

static void put_verdict(struct html *h, const struct matrix_shown *m)
{
    bool pass = strcmp(m->state, "pass") == 0, fail = strcmp(m->state, "fail") == 0;

    html_mix(h, "<section aria-label=\"Conclusion\" class=\"verdict conclusion is-", m->state,
             "\">\n<p class=\"run\"><b>", m->name, "</b> ", m->description,
             "</p>\n<h1><span class=\"word\">", NULL);
    part_shape(h, pass ? "ok" : fail ? "violation" : "open");
    html_mix(h,
             pass   ? "AS EXPECTED"
             : fail ? "NOT AS EXPECTED"
                    : "NOT ALL KNOWN",
             "", "</span> <span class=\"why\">", m->summary, "</span></h1>\n</section>\n", NULL);
}

bool matrix_html(const struct matrix_shown *m, struct buf *out, struct err *e)
{
    struct html h = {.out = out, .ok = true};

    compare_page_open(&h, m->name,
                      "<a href=\"#overview\">Overview</a>\n<a href=\"#matrix\">Cells</a>\n");
    put_verdict(&h, m);
    html_mix(&h,
             "<section id=\"overview\" aria-labelledby=\"h-overview\">\n<h2 "
             "id=\"h-overview\">Versions by scenarios</h2>\n<p class=\"lead\">Each cell is a run: "
             "its mark says whether it shows what was expected, the bar is the mix of classes of "
             "its primary copies. It leads to its numbers below.</p>\n",
             NULL);
    part_mix_keys(&h);
    put_table(&h, m, "brief", "Versions by scenarios, at a glance", false, put_brief);
    html_mix(&h,
             "</section>\n<section id=\"matrix\" aria-labelledby=\"h-matrix\">\n<h2 "
             "id=\"h-matrix\">Expected beside observed</h2>\n<p class=\"lead\">A class with a star "
             "has to show up, any other of those that are expected may. <q>Unattested</q>: no "
             "article says so.</p>\n",
             NULL);
    put_table(&h, m, "matrix", "Versions by scenarios, with numbers", true, put_cell);
    html_mix(&h, "</section>\n", NULL);
    compare_page_close(&h);
    return h.ok || err_set(e, EX_IO, "out of memory for the page");
}
