/* compare_text.c - a comparison on the terminal: the class table, then what changed from each run to the next. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "results/compare.h"
#include "results/report_text.h"

#define CELL_BYTES 80
#define LINE_BYTES 4096

static bool shown(const struct comparison *c, enum outcome k)
{
    for (uint32_t i = 0; i < c->count; i++)
        if (c->runs[i].classes[k])
            return true;
    return false;
}

static int width_of(const struct compared *c)
{
    size_t n = strlen(compared_word(c));

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
        buf_add_format(out, "  %*s", width_of(&c->runs[i]), compared_word(&c->runs[i]));
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
                                compared_word(&c->runs[i])) &&
                 ok;
    return ok;
}

/* ---------------------------------------------------------------------------------------------------------- tests in full */

enum { CELL_HARM, CELL_UNITS, CELL_COPIES, CELL_RANGE, CELL_P, CELL_P_COPIES, CELL_BETTER, CELLS };

struct row { /* words of a line; a column is as wide as its widest */
    char cell[CELLS][CELL_BYTES];
};

static enum ink ink_of(enum shown s)
{
    return s == SHOWN_BETTER ? INK_GOOD : s == SHOWN_WORSE ? INK_BAD : INK_PLAIN;
}

static void change_cell(char out[CELL_BYTES], struct proportion a, struct proportion b)
{
    char n[4][32];

    (void)snprintf(
        out, CELL_BYTES, "%.17s/%.17s -> %.17s/%.17s", text_print_count(n[0], sizeof n[0], a.k),
        text_print_count(n[1], sizeof n[1], a.n), text_print_count(n[2], sizeof n[2], b.k),
        text_print_count(n[3], sizeof n[3], b.n));
}

static struct row heading(const struct pair *p)
{
    struct row r = {
        {"harm", "moves", "copies", "difference (95 %)", "p (moves)", "p (copies)", "P(better)"}};

    if (!p->by_move) {
        (void)snprintf(r.cell[CELL_UNITS], CELL_BYTES, "copies");
        (void)snprintf(r.cell[CELL_P], CELL_BYTES, "p");
    }
    return r;
}

static struct row row_of(const struct answer *q)
{
    struct row r = {{{0}}};
    char low[32], high[32];

    (void)snprintf(r.cell[CELL_HARM], CELL_BYTES, "%s", q->question.name);
    change_cell(r.cell[CELL_UNITS], q->a.units, q->b.units);
    change_cell(r.cell[CELL_COPIES], q->a.copies, q->b.copies);
    (void)snprintf(r.cell[CELL_RANGE], CELL_BYTES, "%s to %s",
                   say_share(low, sizeof low, q->difference.low),
                   say_share(high, sizeof high, q->difference.high));
    (void)say_p(r.cell[CELL_P], CELL_BYTES, q->fisher_adjusted);
    (void)say_p(r.cell[CELL_P_COPIES], CELL_BYTES, q->dealt_adjusted);
    (void)say_chance(r.cell[CELL_BETTER], CELL_BYTES, q->better);
    return r;
}

static bool has_cell(const struct pair *p, int i)
{
    return p->by_move || (i != CELL_COPIES && i != CELL_P_COPIES);
}

/* Numbers are flush right, except changes, which are read from the left. */
static void add_row(const struct pair *p, const struct row *r, const int widths[CELLS],
                    struct buf *out)
{
    for (int i = 0; i < CELLS; i++)
        if (has_cell(p, i))
            buf_add_format(out, "  %*s", i < CELL_RANGE ? -widths[i] : widths[i], r->cell[i]);
}

static void widen(const struct row *r, int widths[CELLS])
{
    for (int i = 0; i < CELLS; i++) {
        int n = (int)strlen(r->cell[i]);

        widths[i] = n > widths[i] ? n : widths[i];
    }
}

/* What came out, and where nothing did, how many units it would take. */
static void add_shown(const struct pair *p, const struct answer *q, bool needed, struct buf *out,
                      bool color)
{
    char n[32];

    buf_add_text(out, "  ");
    text_ink(out, color, ink_of(q->all), shown_words(q));
    if (needed && q->all == SHOWN_NOT && q->needed != SAMPLE_NEVER && q->needed > q->a.units.n)
        buf_add_format(out, " (about %s %s each%s)", text_print_count(n, sizeof n, q->needed),
                       p->by_move ? "moves" : "copies", q->aims_apart ? " for 10 points" : "");
    buf_add_text(out, "\n");
}

static bool add_table(const struct pair *p, bool needed, struct buf *out, bool color)
{
    const struct row head = heading(p);
    int widths[CELLS] = {0};
    struct buf line;

    widen(&head, widths);
    for (uint32_t i = 0; i < p->answer_count; i++)
        if (answer_has_row(p, i)) {
            struct row r = row_of(&p->answers[i]);

            widen(&r, widths);
        }
    buf_init(&line, LINE_BYTES);
    add_row(p, &head, widths, &line);
    text_ink(out, color, INK_HEAD, buf_text(&line));
    buf_fini(&line);
    buf_add_text(out, "\n");
    for (uint32_t i = 0; i < p->answer_count; i++) {
        struct row r = row_of(&p->answers[i]);

        if (!answer_has_row(p, i))
            continue;
        add_row(p, &r, widths, out);
        add_shown(p, &p->answers[i], needed, out, color);
    }
    return buf_add_text(out, "\n");
}

static bool add_tests(const struct comparison *c, const struct pair *p, struct buf *out, bool color)
{
    const bool in_words = c->count <= COMPARE_IN_WORDS;
    bool ok = buf_add_text(out, "\n") && add_table(p, !in_words, out, color);

    for (uint32_t i = 0; in_words && i < p->answer_count; i++)
        if (p->answers[i].question.headline)
            ok = say_answer(p, &p->answers[i], out) && ok;
    return ok && (!in_words || buf_add_text(out, "\n"));
}

/* ----------------------------------------------------------------------------------------------------------- the whole */

static bool add_runs(const struct comparison *c, struct buf *out)
{
    int name = 0, folder = 0;
    bool ok = true;

    for (uint32_t i = 0; i < c->count; i++) {
        int n = (int)strlen(compared_word(&c->runs[i])), f = (int)strlen(c->runs[i].folder);

        name = n > name ? n : name;
        folder = f > folder ? f : folder;
    }
    for (uint32_t i = 0; i < c->count; i++) {
        const struct compared *r = &c->runs[i];

        ok = buf_add_format(out, "  %-*s  %-*s  %s, %u move%s, %s\n", name, compared_word(r),
                            folder, r->folder, r->target, r->move_count,
                            r->move_count == 1 ? "" : "s", r->verdict) &&
             ok;
    }
    return ok && buf_add_text(out, "\n");
}

/* What the comparison is for comes first. */
static bool add_conclusions(const struct comparison *c, struct buf *out)
{
    bool ok = true;

    for (uint32_t i = 0; i + 1 < c->count; i++) {
        const struct pair *p = &c->pairs[i];

        if (c->count > 2)
            buf_add_format(out, "%s -> %s: ", compared_word(p->a), compared_word(p->b));
        ok = say_conclusion(p, out) && (!p->differ || say_plans(p, out)) && ok;
    }
    return ok && buf_add_text(out, "\n");
}

/* At a run's end plans may differ, as variants do: then counts are all that is said. */
static bool add_pair_in_short(const struct pair *p, struct buf *out)
{
    return say_change(p->a, p->b, out) &&
           (p->differ || (say_conclusion(p, out) && say_too_few(p, out)));
}

static bool add_pair_in_full(const struct comparison *c, const struct pair *p, struct buf *out,
                             bool color)
{
    return say_change(p->a, p->b, out) && say_caveats(p, out) && add_tests(c, p, out, color);
}

bool compare_text(const struct comparison *c, bool in_full, struct buf *out, bool color)
{
    bool ok = !in_full || (add_runs(c, out) && add_conclusions(c, out));

    ok = ok && add_classes(c, out, color) && say_saturated(c, out);
    ok = ok && (!in_full || compare_text_windows(c, out));
    for (uint32_t i = 0; i + 1 < c->count; i++)
        ok = ok && (in_full ? add_pair_in_full(c, &c->pairs[i], out, color)
                            : add_pair_in_short(&c->pairs[i], out));
    return ok && (!in_full || say_method(c, out));
}
