/* compare_text.c - a comparison on the terminal: the class table, then what changed from each run to the next. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "results/compare.h"
#include "results/report_text.h"

#define QUESTION_COLUMNS 18

static bool shown(const struct comparison *c, enum outcome k)
{
    for (uint32_t i = 0; i < c->count; i++)
        if (c->runs[i].classes[k])
            return true;
    return false;
}

static int width_of(const struct compared *c)
{
    size_t n = strlen(c->name);

    return n < 13 ? 13 : (int)n;
}

/* One row of latencies; those of a saturated generator are withheld. */
static void add_latencies(const struct comparison *c, bool end, struct buf *out)
{
    char text[32];

    buf_add_format(out, "\n%-20s", end ? "end to end p99" : "accept p99");
    for (uint32_t i = 0; i < c->count; i++) {
        const struct compared *r = &c->runs[i];
        uint64_t us = end ? r->end_p99_us : r->accept_p99_us;

        buf_add_format(out, "  %*s", width_of(r),
                       r->saturated ? "saturated"
                       : us         ? text_us(text, sizeof text, us)
                                    : "-");
    }
}

static void add_counts(const struct comparison *c, const char *name, bool owed, struct buf *out)
{
    char n[32];

    buf_add_format(out, "%s%-20s", owed ? "\n" : "", name);
    for (uint32_t i = 0; i < c->count; i++)
        buf_add_format(
            out, "  %*s", width_of(&c->runs[i]),
            text_print_count(n, sizeof n, owed ? compared_owed(&c->runs[i]) : c->runs[i].planned));
}

static bool add_classes(const struct comparison *c, struct buf *out, bool color)
{
    char n[32];

    text_ink(out, color, INK_HEAD, "class               ");
    for (uint32_t i = 0; i < c->count; i++)
        buf_add_format(out, "  %*s", width_of(&c->runs[i]), c->runs[i].name);
    buf_add_text(out, "\n");
    for (enum outcome k = 0; k < CLASS_COUNT; k++) {
        if (!shown(c, k))
            continue;
        buf_add_format(out, "%-20s", class_name(k));
        for (uint32_t i = 0; i < c->count; i++)
            buf_add_format(out, "  %*s", width_of(&c->runs[i]),
                           text_print_count(n, sizeof n, c->runs[i].classes[k]));
        buf_add_text(out, "\n");
    }
    add_counts(c, "planned", false, out);
    add_counts(c, "owed", true, out);
    buf_add_format(out, "\n%-20s", "verdict");
    for (uint32_t i = 0; i < c->count; i++)
        buf_add_format(out, "  %*s", width_of(&c->runs[i]), c->runs[i].verdict);
    add_latencies(c, false, out);
    add_latencies(c, true, out);
    return buf_add_text(out, "\n\n");
}

static bool say_saturated(const struct comparison *c, struct buf *out)
{
    bool ok = true;

    for (uint32_t i = 0; i < c->count; i++)
        if (c->runs[i].saturated)
            ok = buf_add_format(out,
                                "%s: GENERATOR-SATURATED: its latencies are not certified and "
                                "cannot be compared\n",
                                c->runs[i].name) &&
                 ok;
    return ok;
}

/* ---------------------------------------------------------------------------------------------------------- tests in full */

static void add_share(struct buf *out, struct proportion p, int width)
{
    char text[64], k[32], n[32];

    (void)snprintf(text, sizeof text, "%s/%s", text_print_count(k, sizeof k, p.k),
                   text_print_count(n, sizeof n, p.n));
    buf_add_format(out, " %*s", width, text);
}

static enum ink ink_of(enum shown s)
{
    return s == SHOWN_BETTER ? INK_GOOD : s == SHOWN_WORSE ? INK_BAD : INK_PLAIN;
}

static void add_row(const struct pair *p, const struct answer *q, struct buf *out, bool color)
{
    char low[32], high[32], fisher[32], dealt[32], range[80];

    buf_add_format(out, "  %-*s", QUESTION_COLUMNS, q->question.name);
    add_share(out, q->a.units, 13);
    add_share(out, q->b.units, 13);
    if (p->by_move) {
        add_share(out, q->a.copies, 16);
        add_share(out, q->b.copies, 16);
    }
    (void)snprintf(range, sizeof range, "%s to %s", say_share(low, sizeof low, q->difference.low),
                   say_share(high, sizeof high, q->difference.high));
    buf_add_format(out, " %18s %9s", range, say_p(fisher, sizeof fisher, q->fisher_adjusted));
    if (p->by_move)
        buf_add_format(out, " %9s", say_p(dealt, sizeof dealt, q->dealt_adjusted));
    buf_add_format(out, " %9.4f  ", q->better);
    text_ink(out, color, ink_of(q->all), shown_words(q));
    buf_add_text(out, "\n");
}

static void add_heading(const struct pair *p, struct buf *out, bool color)
{
    char line[256];

    if (p->by_move)
        (void)snprintf(line, sizeof line, "  %-*s %13s %13s %16s %16s %18s %9s %9s %9s",
                       QUESTION_COLUMNS, "harm", "moves before", "moves now", "copies before",
                       "copies now", "moves: difference", "p (moves)", "p (copies)", "P(better)");
    else
        (void)snprintf(line, sizeof line, "  %-*s %13s %13s %18s %9s %9s", QUESTION_COLUMNS, "harm",
                       "copies before", "copies now", "difference", "p", "P(better)");
    text_ink(out, color, INK_HEAD, line);
    buf_add_text(out, "\n");
}

/* Classes whose row would repeat one above it are left out. */
static bool add_tests(const struct pair *p, struct buf *out, bool color)
{
    bool ok = buf_add_text(out, "\n");

    add_heading(p, out, color);
    for (uint32_t i = 0; i < p->answer_count; i++)
        if (p->answers[i].question.headline || p->answers[i].same_as == i)
            add_row(p, &p->answers[i], out, color);
    ok = buf_add_text(out, "\n") && ok;
    for (uint32_t i = 0; i < p->answer_count; i++)
        if (p->answers[i].question.headline)
            ok = say_answer(p, &p->answers[i], out) && ok;
    return ok;
}

static void add_edge(struct buf *out, const char *name, int64_t at, int64_t low, int64_t high)
{
    buf_add_format(out, " %s %+.3fs (", name, (double)at / 1e9);
    if (low == INT64_MIN)
        buf_add_text(out, "unbounded");
    else
        buf_add_format(out, "%+.3fs", (double)low / 1e9);
    buf_add_text(out, " to ");
    if (high == INT64_MAX)
        buf_add_text(out, "unbounded)");
    else
        buf_add_format(out, "%+.3fs)", (double)high / 1e9);
}

static bool add_windows(const struct comparison *c, struct buf *out)
{
    bool any = false;

    for (uint32_t i = 0; i < c->count; i++)
        any |= c->runs[i].window.looked_for;
    if (!any)
        return true;
    buf_add_text(out, "where in a move harm lies (95 % interval of each edge)\n");
    for (uint32_t i = 0; i < c->count; i++) {
        const struct compared_window *w = &c->runs[i].window;

        buf_add_format(out, "  %s:", c->runs[i].name);
        if (!w->looked_for)
            buf_add_format(out, " not looked for (%s)", w->why);
        else if (!w->known)
            buf_add_text(out, " none to be seen");
        else {
            buf_add_format(out, " relative to %s,", w->mark);
            add_edge(out, "from", w->low_ns, w->begin_low_ns, w->begin_high_ns);
            add_edge(out, "to", w->high_ns, w->end_low_ns, w->end_high_ns);
        }
        buf_add_text(out, w->known && !w->conclusive ? "; not conclusive: messages left too late\n"
                                                     : "\n");
    }
    return buf_add_text(out, "\n");
}

/* At a run's end plans may differ, as variants do: then counts are all that is said. */
static bool add_pair(const struct pair *p, bool in_full, struct buf *out, bool color)
{
    bool ok = true;

    if (in_full)
        ok = buf_add_text(out, "\n") && say_caveats(p, out);
    ok = ok && say_change(p->a, p->b, out);
    if (!in_full && p->differ)
        return ok;
    ok = ok && say_conclusion(p, out);
    return ok && (!in_full || add_tests(p, out, color));
}

bool compare_text(const struct comparison *c, bool in_full, struct buf *out, bool color)
{
    bool ok = add_classes(c, out, color) && say_saturated(c, out);

    ok = ok && (!in_full || add_windows(c, out));
    for (uint32_t i = 0; i + 1 < c->count; i++)
        ok = ok && add_pair(&c->pairs[i], in_full, out, color);
    return ok && (!in_full || (buf_add_text(out, "\n") && say_method(c, out)));
}
