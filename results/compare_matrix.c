/* compare_matrix.c - see compare_matrix.h. */
#include "results/compare_matrix.h"

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

static void put_counts(struct html *h, const struct matrix_cell_shown *c)
{
    uint64_t others = 0;

    part_mix(h, c->primaries);
    html_mix(h, "<small><b>observed</b> ", NULL);
    part_mix_words(h, c->primaries);
    if (c->late)
        html_mix(h, " (late ", word_count(c->late).t, ")", NULL);
    for (enum outcome k = 0; k < CLASS_COUNT; k++)
        others += k == CLASS_NOT_OWED ? 0 : c->alternates[k];
    if (others) {
        html_mix(h, "; alternates: ", NULL);
        part_mix_words(h, c->alternates);
    }
    html_mix(h, "</small>", NULL);
}

static void put_cell(struct html *h, const struct matrix_cell_shown *c)
{
    if (!c->there) {
        html_mix(h, "<td class=\"range\">not run</td>", NULL);
        return;
    }
    html_mix(h, c->good || c->open ? "<td>" : "<td class=\"odd\">", NULL);
    html_mix(h, "<span class=\"grade\">", NULL);
    part_shape(h, c->good ? "ok" : c->open ? "open" : "violation");
    if (c->page)
        html_mix(h, "<a href=\"", c->page, "\">", c->words, "</a></span>", NULL);
    else
        html_mix(h, "", c->words, "</span>", NULL);
    if (c->has_counts)
        put_counts(h, c);
    if (c->expected)
        html_mix(h, "<small><b>expected</b> ", c->expected, "</small>", NULL);
    if (c->error)
        html_mix(h, "<small>", c->error, "</small>", NULL);
    html_mix(h, "</td>", NULL);
}

static void put_table(struct html *h, const struct matrix_shown *m)
{
    html_mix(h,
             "<div class=\"scroll\" tabindex=\"0\" role=\"group\" aria-label=\"Versions by "
             "scenarios\">\n<table class=\"matrix\">\n<thead><tr><th>version</th>",
             NULL);
    for (uint32_t s = 0; s < m->scenario_count; s++)
        if (has_column(m, s))
            html_mix(h, "<th scope=\"col\"><b>", m->scenarios[s], "</b> ", m->titles[s], "</th>",
                     NULL);
    html_mix(h, "</tr></thead>\n<tbody>\n", NULL);
    for (uint32_t v = 0; v < m->version_count; v++) {
        if (!has_row(m, v))
            continue;
        html_mix(h, "<tr><th scope=\"row\">", m->versions[v], "</th>", NULL);
        for (uint32_t s = 0; s < m->scenario_count; s++)
            if (has_column(m, s))
                put_cell(h, cell_at(m, v, s));
        html_mix(h, "</tr>\n", NULL);
    }
    html_mix(h, "</tbody>\n</table>\n</div>\n", NULL);
}

bool matrix_html(const struct matrix_shown *m, struct buf *out, struct err *e)
{
    struct html h = {.out = out, .ok = true};

    compare_page_open(&h, m->name, "<a href=\"#matrix\">Matrix</a>\n");
    html_mix(&h, "<section aria-label=\"Conclusion\" class=\"verdict conclusion is-",
             m->good ? "pass" : "undecided", "\">\n<p class=\"run\"><b>", m->name, "</b> ",
             m->description, "</p>\n<h1><span class=\"why\">", m->summary,
             "</span></h1>\n</section>\n", NULL);
    html_mix(
        &h,
        "<section id=\"matrix\" aria-labelledby=\"h-matrix\">\n<h2 id=\"h-matrix\">Versions by "
        "scenarios</h2>\n<p class=\"lead\">Each cell is a run: the mix of classes of its "
        "primary copies, what was observed, and what was expected. A class with a star has to "
        "show up.</p>\n",
        NULL);
    part_mix_keys(&h);
    put_table(&h, m);
    html_mix(&h, "</section>\n", NULL);
    compare_page_close(&h);
    return h.ok || err_set(e, EX_IO, "out of memory for the page");
}
