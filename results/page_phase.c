/* page_phase.c - when in its move each copy was sent: rows of ticks, what went wrong, and how densely the moves were tried.
 *
 * The time of a copy is its acceptance (the end of its transaction), counted from the move's mark, as in all phases. How far
 * times spread is known only at the end, so they are counted in many fine bins, joined in pairs when one lies outside.
 */
#include <stdlib.h>
#include <string.h>

#include "results/json_file.h"
#include "results/page_private.h"

#define TICKS_MAX     300u /* shown a move */
#define TICKS_KEPT    2048u
#define TICKS_IN_ALL  60000u
#define BADS_IN_ALL   5000u
#define FINE_BINS     65536
#define FINE_MIDDLE   (FINE_BINS / 2)
#define DENSITY_BINS  120
#define SHOTS_MAX     16384u
#define FARTHEST_NS   (1ll << 60)
#define MARGIN_MIN_NS ((int64_t)NS_PER_S)

struct bad {
    int64_t ns;
    uint64_t number;
    uint32_t outcome;
};

struct row {
    uint32_t move;
    struct thin sends, bad; /* int64_t; struct bad */
};

struct span {
    int64_t from, to;
};

struct page_phase {
    struct page_run r;
    enum move_mark mark;
    struct row *rows;
    uint32_t row_count, left_out;
    uint32_t *row_of; /* per move; NO_INDEX: none */
    int64_t fine_ns;
    uint64_t *sends, *bad; /* FINE_BINS each */
    struct thin shots;     /* struct shot: primary copies whose fate is known */
    struct span near;      /* where shots are taken from */
};

/* ------------------------------------------------------------------------------------------------------ which moves */

static enum move_mark choose_mark(const struct page_run *r)
{
    static const enum move_mark marks[] = {MARK_FLIPPED, MARK_DONE, MARK_ASKED};
    enum move_mark best = MARK_FLIPPED;
    uint32_t most = 0;

    for (size_t k = 0; k < sizeof marks / sizeof marks[0]; k++) {
        uint32_t n = 0;

        for (uint32_t i = 0; i < r->m->move_count; i++)
            n += page_mark(r, i, marks[k]) != NEVER_NS;
        if (n > most) {
            most = n;
            best = marks[k];
        }
    }
    return best;
}

static bool has_bad(const struct page_run *r, uint32_t move)
{
    for (enum outcome c = 0; c < CLASS_COUNT; c++)
        if (page_is_bad(c) && r->t->moves[move][c])
            return true;
    return false;
}

/* Where there are too many moves, those that lost something go before all others. */
static void choose_rows(struct page_phase *f)
{
    uint32_t count = f->r.m->move_count, chosen = 0, all = 0;

    for (uint32_t i = 0; i < count; i++)
        f->row_of[i] = NO_INDEX;
    for (int pass = 0; pass < 2; pass++)
        for (uint32_t i = 0; i < count; i++)
            if (page_mark(&f->r, i, f->mark) != NEVER_NS && has_bad(&f->r, i) == (pass == 0)) {
                all++;
                if (chosen < PAGE_LANES) {
                    f->row_of[i] = 0;
                    chosen++;
                }
            }
    f->left_out = all - chosen;
    for (uint32_t i = 0; i < count; i++)
        if (f->row_of[i] != NO_INDEX)
            f->row_of[i] = f->row_count++;
}

static uint32_t share_of(uint32_t all, uint32_t rows, uint32_t most)
{
    uint32_t n = rows ? all / rows : 0;

    return n < most ? n : most;
}

static uint32_t ticks_of(const struct page_phase *f)
{
    return share_of(TICKS_IN_ALL, f->row_count, TICKS_MAX);
}

static uint32_t bads_of(const struct page_phase *f)
{
    return share_of(BADS_IN_ALL, f->row_count, TICKS_MAX);
}

static bool make_rows(struct page_phase *f)
{
    f->rows = calloc(f->row_count + 1ul, sizeof *f->rows);
    for (uint32_t i = 0; f->rows && i < f->r.m->move_count; i++) {
        struct row *w = f->row_of[i] == NO_INDEX ? NULL : &f->rows[f->row_of[i]];

        if (!w)
            continue;
        w->move = i;
        if (!thin_init(&w->sends, sizeof(int64_t), TICKS_KEPT) ||
            !thin_init(&w->bad, sizeof(struct bad), 2 * bads_of(f)))
            return false;
    }
    return f->rows != NULL;
}

struct page_phase *page_phase_create(const struct page_run *r, struct err *e)
{
    struct page_phase *f = calloc(1, sizeof *f);

    if (f) {
        f->r = *r;
        f->fine_ns = NS_PER_US;
        f->near = (struct span){INT64_MIN, INT64_MAX};
        f->mark = choose_mark(r);
        f->row_of = calloc(r->m->move_count + 1ul, sizeof *f->row_of);
        f->sends = calloc(FINE_BINS, sizeof *f->sends);
        f->bad = calloc(FINE_BINS, sizeof *f->bad);
        if (f->row_of && f->sends && f->bad &&
            thin_init(&f->shots, sizeof(struct shot), SHOTS_MAX)) {
            choose_rows(f);
            if (make_rows(f))
                return f;
        }
    }
    (void)err_set(e, EX_IO, "out of memory for the page");
    page_phase_destroy(f);
    return NULL;
}

void page_phase_destroy(struct page_phase *f)
{
    if (!f)
        return;
    for (uint32_t i = 0; f->rows && i < f->row_count; i++) {
        thin_fini(&f->rows[i].sends);
        thin_fini(&f->rows[i].bad);
    }
    thin_fini(&f->shots);
    free(f->rows);
    free(f->row_of);
    free(f->sends);
    free(f->bad);
    free(f);
}

/* -------------------------------------------------------------------------------------------------------- copy by copy */

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

/* Bins of negative times lie below the middle; a pair is two neighbours of which the first is even from there. */
static void join_pairs(uint64_t *bins)
{
    for (int i = 0; i < FINE_MIDDLE / 2;
         i++) { /* outwards from the middle: nothing is read after it was written */
        uint64_t above = bins[FINE_MIDDLE + 2 * i] + bins[FINE_MIDDLE + 2 * i + 1];
        uint64_t below = bins[FINE_MIDDLE - 1 - 2 * i] + bins[FINE_MIDDLE - 2 - 2 * i];

        bins[FINE_MIDDLE + i] = above;
        bins[FINE_MIDDLE - 1 - i] = below;
    }
    memset(bins, 0, FINE_MIDDLE / 2 * sizeof *bins);
    memset(bins + FINE_MIDDLE + FINE_MIDDLE / 2, 0, FINE_MIDDLE / 2 * sizeof *bins);
}

static uint32_t fine_bin(struct page_phase *f, int64_t ns)
{
    int64_t at = floor_div(ns, f->fine_ns);

    while (at < -FINE_MIDDLE || at >= FINE_MIDDLE) {
        join_pairs(f->sends);
        join_pairs(f->bad);
        f->fine_ns *= 2;
        at = floor_div(ns, f->fine_ns);
    }
    return (uint32_t)(at + FINE_MIDDLE);
}

/* Journals are not always right: times stay where sums of a few of them are still numbers. */
static int64_t relative(uint64_t t_ns, uint64_t mark_ns)
{
    uint64_t apart = t_ns > mark_ns ? t_ns - mark_ns : mark_ns - t_ns;
    int64_t ns = apart < FARTHEST_NS ? (int64_t)apart : FARTHEST_NS;

    return t_ns > mark_ns ? ns : -ns;
}

static bool phase_of(const struct page_phase *f, const struct copy *p, uint32_t *row, int64_t *ns)
{
    *row = p->move.move == NO_INDEX ? NO_INDEX : f->row_of[p->move.move];
    if (*row == NO_INDEX || !p->tried || p->end_ns == NEVER_NS || p->outcome == CLASS_NOT_OWED)
        return false;
    *ns = relative(p->end_ns, page_mark(&f->r, p->move.move, f->mark));
    return true;
}

static void add_shot(struct page_phase *f, const struct copy *p, int64_t ns)
{
    if (!p->alternate && page_group(p->outcome) != AXIS_OPEN && ns >= f->near.from &&
        ns <= f->near.to)
        thin_add(&f->shots, &(struct shot){.phase = (double)ns, .lost = page_is_bad(p->outcome)});
}

void page_phase_add(struct page_phase *f, const struct copy *p)
{
    uint32_t row;
    int64_t ns;

    if (!phase_of(f, p, &row, &ns))
        return;
    if (!p->alternate) {
        f->sends[fine_bin(f, ns)]++;
        thin_add(&f->rows[row].sends, &ns);
    }
    add_shot(f, p, ns);
    if (!page_is_bad(p->outcome))
        return;
    f->bad[fine_bin(f, ns)]++;
    thin_add(&f->rows[row].bad, &(struct bad){ns, p->number, p->outcome});
}

/* ---------------------------------------------------------------------------------------------------------- the object */

static void include(struct span *s, int64_t ns)
{
    s->from = ns < s->from ? ns : s->from;
    s->to = ns > s->to ? ns : s->to;
}

static bool bounds_of(const struct page_phase *f, const uint64_t *bins, struct span *s)
{
    int first = 0, last = FINE_BINS - 1;

    while (first < FINE_BINS && !bins[first])
        first++;
    while (last >= 0 && !bins[last])
        last--;
    if (first > last)
        return false;
    s->from = (first - FINE_MIDDLE) * f->fine_ns;
    s->to = (last + 1 - FINE_MIDDLE) * f->fine_ns;
    return true;
}

/* Copies far from all harm say nothing about where it begins and ends, so only those near it share the room. */
bool page_phase_looks_again(struct page_phase *f)
{
    struct span bad;

    if (f->shots.stride == 1 || !bounds_of(f, f->bad, &bad))
        return false;
    f->near = (struct span){bad.from - (bad.to - bad.from), bad.to + (bad.to - bad.from)};
    f->shots.count = 0;
    f->shots.seen = 0;
    f->shots.stride = 1;
    return true;
}

void page_phase_add_again(struct page_phase *f, const struct copy *p)
{
    uint32_t row;
    int64_t ns;

    if (phase_of(f, p, &row, &ns))
        add_shot(f, p, ns);
}

/* The moves themselves and all that went wrong, and half as much again at either side as far as there were sends. */
static struct span span_of(const struct page_phase *f)
{
    struct span s = {0, 0}, bad, sends;

    for (uint32_t i = 0; i < f->row_count; i++) {
        uint32_t move = f->rows[i].move;
        uint64_t zero = page_mark(&f->r, move, f->mark);

        for (enum move_mark k = MARK_ASKED; k <= MARK_FAILED; k++)
            if (page_mark(&f->r, move, k) != NEVER_NS)
                include(&s, relative(page_mark(&f->r, move, k), zero));
    }
    if (bounds_of(f, f->bad, &bad)) {
        include(&s, bad.from);
        include(&s, bad.to);
    }
    int64_t margin = (s.to - s.from) / 2 > MARGIN_MIN_NS ? (s.to - s.from) / 2 : MARGIN_MIN_NS;
    struct span wide = {s.from - margin, s.to + margin};

    if (bounds_of(f, f->sends, &sends)) {
        include(&s, sends.from > wide.from ? sends.from : wide.from);
        include(&s, sends.to < wide.to ? sends.to : wide.to);
    }
    return s;
}

static json_t *sends_json(const struct page_phase *f, const struct row *w, struct span s)
{
    const int64_t *all = (const void *)w->sends.rows;
    uint32_t inside = 0, at = 0, cap = ticks_of(f);
    json_t *list = json_array();

    for (uint32_t i = 0; i < w->sends.count; i++)
        inside += all[i] >= s.from && all[i] <= s.to;
    for (uint32_t i = 0; i < w->sends.count; i++) {
        if (all[i] < s.from || all[i] > s.to)
            continue;
        /* Of `inside`, the one at `at` is shown where it begins a new one of `cap` shares. */
        if (inside <= cap || (uint64_t)at * cap / inside != (uint64_t)(at + 1) * cap / inside)
            page_push(list, json_integer(all[i]));
        at++;
    }
    return list;
}

static json_t *bad_json(const struct page_phase *f, const struct row *w)
{
    uint32_t shown = thin_shown(&w->bad, bads_of(f));
    json_t *list = json_array();

    for (uint32_t i = 0; i < shown; i++) {
        const struct bad *b = thin_row(&w->bad, i, shown);
        json_t *o = json_object();

        page_put(o, "ns", json_integer(b->ns));
        page_put(o, "class", page_words(class_name((enum outcome)b->outcome)));
        page_put(o, "number", json_u64(b->number));
        page_put(o, "token", page_token(&f->r, b->number));
        page_push(list, o);
    }
    return list;
}

static json_t *rows_json(const struct page_phase *f, struct span s)
{
    json_t *all = json_array();

    for (uint32_t i = 0; i < f->row_count; i++) {
        const struct row *w = &f->rows[i];
        json_t *o = json_object(), *bad = bad_json(f, w);

        page_put(o, "move", json_u64(w->move));
        page_put(o, "mailbox", page_words(page_mailbox(f->r.m, f->r.m->moves[w->move].mailbox)));
        page_put(o, "sends", sends_json(f, w, s));
        page_put(o, "sends_in_all", json_u64(w->sends.seen));
        page_put(o, "bad_left_out", json_u64(w->bad.seen - json_array_size(bad)));
        page_put(o, "bad", bad);
        page_push(all, o);
    }
    return all;
}

static json_t *density_json(const struct page_phase *f, struct span s, int64_t bin_ns)
{
    json_t *o = json_object(), *sends = json_array(), *bad = json_array();

    for (int64_t from = s.from; bin_ns && from < s.to; from += bin_ns) {
        int64_t first = from / f->fine_ns + FINE_MIDDLE, n = bin_ns / f->fine_ns;
        uint64_t sums[2] = {0, 0};

        for (int64_t i = first; i < first + n && i < FINE_BINS; i++) {
            sums[0] += i >= 0 ? f->sends[i] : 0;
            sums[1] += i >= 0 ? f->bad[i] : 0;
        }
        page_push(sends, json_u64(sums[0]));
        page_push(bad, json_u64(sums[1]));
    }
    page_put(o, "bin_ns", json_integer(bin_ns));
    page_put(o, "sends", sends);
    page_put(o, "bad", bad);
    return o;
}

json_t *page_phase_json(struct page_phase *f)
{
    struct span s = span_of(f);
    json_t *o = json_object();
    int64_t bin_ns = 0;

    if (s.to > s.from) { /* whole fine bins, and whole bins of them */
        s.from = floor_div(s.from, f->fine_ns) * f->fine_ns;
        bin_ns = (floor_div(s.to - s.from - 1, f->fine_ns * DENSITY_BINS) + 1) * f->fine_ns;
        s.to = s.from + (floor_div(s.to - s.from - 1, bin_ns) + 1) * bin_ns;
    }
    page_put(o, "mark", page_words(event_mark_name(f->mark)));
    page_put(o, "from_ns", json_integer(s.from));
    page_put(o, "to_ns", json_integer(s.to));
    page_put(o, "rows", rows_json(f, s));
    page_put(o, "rows_left_out", json_integer(f->left_out));
    page_put(o, "density", density_json(f, s, bin_ns));
    page_put(o, "window",
             page_window_json((void *)f->shots.rows, f->shots.count, f->r.t->health.windows_late));
    page_put(o, "cache_ns", f->r.m->cache_ns ? json_u64(f->r.m->cache_ns) : json_null());
    return o;
}
