/* compare_window.c - where in a move harm lies, run over run: one scale for all, and the picture of it on a terminal. */
#include <stdio.h>
#include <string.h>

#include "results/compare.h"

#define COLUMNS 60

static void include(struct extent *x, int64_t ns)
{
    if (ns == INT64_MIN || ns == INT64_MAX)
        return;
    x->from_ns = (double)ns < x->from_ns ? (double)ns : x->from_ns;
    x->to_ns = (double)ns > x->to_ns ? (double)ns : x->to_ns;
}

/* The mark and all edges, and a twentieth more at either side. */
struct extent compared_extent(const struct comparison *c)
{
    struct extent x = {0};
    bool differ = false;

    for (uint32_t i = 0; i < c->count; i++) {
        const struct compared_window *w = &c->runs[i].window;

        if (!w->known)
            continue;
        differ |= x.mark && strcmp(x.mark, w->mark) != 0;
        x.mark = w->mark;
        x.any = true;
        include(&x, w->low_ns);
        include(&x, w->high_ns);
        include(&x, w->begin_low_ns);
        include(&x, w->begin_high_ns);
        include(&x, w->end_low_ns);
        include(&x, w->end_high_ns);
    }
    double margin = (x.to_ns - x.from_ns) / 20 + 1;

    return (struct extent){differ ? NULL : x.mark, x.any, x.from_ns - margin, x.to_ns + margin};
}

double extent_place(const struct extent *x, int64_t ns)
{
    if (ns == INT64_MIN)
        return 0;
    if (ns == INT64_MAX)
        return 1;
    return ((double)ns - x->from_ns) / (x->to_ns - x->from_ns);
}

/* ------------------------------------------------------------------------------------------------------ on a terminal */

static int column(const struct extent *x, int64_t ns)
{
    return (int)(extent_place(x, ns) * (COLUMNS - 1) + 0.5);
}

static void draw(char line[COLUMNS + 1], const struct extent *x, const struct compared_window *w)
{
    memset(line, '.', COLUMNS);
    line[COLUMNS] = '\0';
    for (int i = column(x, w->begin_low_ns); w->known && i <= column(x, w->end_high_ns); i++)
        line[i] = '-';
    for (int i = column(x, w->low_ns); w->known && i <= column(x, w->high_ns); i++)
        line[i] = '#';
    line[column(x, 0)] = '|';
}

static void add_edge(struct buf *out, int64_t at, int64_t low, int64_t high)
{
    char from[32] = "unbounded", to[32] = "unbounded";

    if (low != INT64_MIN)
        (void)snprintf(from, sizeof from, "%+.3fs", (double)low / 1e9);
    if (high != INT64_MAX)
        (void)snprintf(to, sizeof to, "%+.3fs", (double)high / 1e9);
    buf_add_format(out, "%+.3fs (%s to %s)", (double)at / 1e9, from, to);
}

static void add_window(const struct compared *c, const struct extent *x, int width, struct buf *out)
{
    const struct compared_window *w = &c->window;
    char line[COLUMNS + 1];

    buf_add_format(out, "  %-*s  ", width, compared_word(c));
    draw(line, x, w);
    if (x->any)
        buf_add_format(out, "%s  ", line);
    if (!w->looked_for)
        buf_add_format(out, "not looked for: %s", w->why);
    else if (!w->known)
        buf_add_text(out, "none to be seen");
    else {
        add_edge(out, w->low_ns, w->begin_low_ns, w->begin_high_ns);
        buf_add_text(out, " to ");
        add_edge(out, w->high_ns, w->end_low_ns, w->end_high_ns);
        if (!x->mark)
            buf_add_format(out, " of %s", w->mark);
    }
    buf_add_text(out,
                 w->known && !w->conclusive ? "; not conclusive: messages left too late\n" : "\n");
}

bool compare_text_windows(const struct comparison *c, struct buf *out)
{
    struct extent x = compared_extent(c);
    bool any = false;
    int width = 0;

    for (uint32_t i = 0; i < c->count; i++) {
        int n = (int)strlen(compared_word(&c->runs[i]));

        any |= c->runs[i].window.looked_for;
        width = n > width ? n : width;
    }
    if (!any)
        return true;
    buf_add_text(out, "where in a move harm lies");
    if (x.any)
        buf_add_format(out, ", relative to %s, | (95 %% interval of each edge, -)",
                       x.mark ? x.mark : "the mark of each");
    buf_add_text(out, "\n");
    for (uint32_t i = 0; i < c->count; i++)
        add_window(&c->runs[i], &x, width, out);
    return buf_add_text(out, "\n");
}
