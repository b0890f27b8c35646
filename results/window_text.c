/* window_text.c - shots are gathered once; each mark then sorts them by its own phases. */
#include "results/window_text.h"

#include <math.h>
#include <stdlib.h>

#include "base/clock.h"
#include "results/aim.h"
#include "results/copies.h"
#include "results/json_file.h"
#include "results/report_text.h"
#include "results/stop_rule.h"
#include "results/window_edges.h"

#define ALPHA       0.05
#define TICK_FLOOR  64000.0 /* ns: the ledger knows times no better */
#define AFTER_NS    (60 * NS_PER_S)
#define BINS        64
#define FINEST_NS   1e6
#define SENDS       8 /* per move, for the moves that an edge takes */
#define ERROR       0.1
#define RESOLUTION  1e6 /* ns */
#define MOVES_SHOWN 20u

static const enum move_mark marks[] = {MARK_ASKED, MARK_COPY, MARK_FLIPPED, MARK_DONE};

#define MARKS (sizeof marks / sizeof marks[0])

struct hit {
    uint64_t t_ns;
    uint32_t move;
    bool lost;
};

struct view { /* from one mark */
    enum move_mark mark;
    uint64_t shots, losses, losing_moves;
    struct interval at; /* of losses: the first and the last */
    struct length range;
    struct edges edges;
    struct bracket bracket;
    struct strata strata;
    double span; /* of all shots */
    double gap,
        gap_at;    /* the longest time without a shot, between asking and a minute after the end */
    uint64_t near; /* shots there */
    double near_span;
};

struct analysis {
    const struct run_record *r;
    const struct tally *t;
    uint32_t losses;
    struct hit *hits;
    uint64_t count, room, others;
    struct shot *shots; /* of the view at hand */
    bool ok;
    struct view views[MARKS];
    uint32_t best; /* index into views */
};

/* ----------------------------------------------------------------------------------------------------------- gathering */

static bool make_room(struct analysis *a)
{
    uint64_t room = a->room ? 2 * a->room : 4096;
    struct hit *more = a->count < a->room ? a->hits : realloc(a->hits, room * sizeof *more);

    if (more && a->count == a->room)
        a->room = room;
    a->hits = more ? more : a->hits;
    a->ok = a->ok && more;
    return more != NULL;
}

static bool gather(void *owner, const struct copy *copies, uint32_t n)
{
    struct analysis *a = owner;

    for (uint32_t i = 0; i < n; i++) {
        const struct copy *p = &copies[i];
        bool lost = a->losses >> p->outcome & 1;

        if (p->alternate || p->move.move == NO_INDEX || p->end_ns == NEVER_NS ||
            a->t->marks[p->move.move].mark_ns[MARK_DONE] == NEVER_NS)
            continue;
        if (!lost && p->outcome != CLASS_DELIVERED && p->outcome != CLASS_DELIVERED_RESIDUE) {
            a->others++;
            continue;
        }
        if (!make_room(a))
            return false;
        a->hits[a->count++] = (struct hit){p->end_ns, p->move.move, lost};
    }
    return true;
}

/* --------------------------------------------------------------------------------------------------------------- views */

static bool phase_of(const struct analysis *a, const struct hit *h, enum move_mark mark,
                     double *phase)
{
    uint64_t at = a->t->marks[h->move].mark_ns[mark];

    if (at == NEVER_NS)
        return false;
    *phase = h->t_ns >= at ? (double)(h->t_ns - at) : -(double)(at - h->t_ns);
    return true;
}

static bool is_near(const struct analysis *a, const struct hit *h)
{
    const uint64_t *at = a->t->marks[h->move].mark_ns;

    return h->t_ns >= at[MARK_ASKED] && h->t_ns <= at[MARK_DONE] + AFTER_NS;
}

/* The shots near moves only, sorted: the longest time between two neighbours. */
static void find_gap(struct view *v, const struct shot *shots, size_t n)
{
    v->near = n;
    v->near_span = n > 1 ? shots[n - 1].phase - shots[0].phase : 0;
    for (size_t i = 1; i < n; i++)
        if (shots[i].phase - shots[i - 1].phase > v->gap) {
            v->gap = shots[i].phase - shots[i - 1].phase;
            v->gap_at = shots[i - 1].phase;
        }
}

static size_t fill_shots(struct analysis *a, enum move_mark mark, bool near)
{
    size_t n = 0;

    for (uint64_t i = 0; i < a->count; i++) {
        struct shot s = {.lost = a->hits[i].lost};

        if (phase_of(a, &a->hits[i], mark, &s.phase) && (!near || is_near(a, &a->hits[i])))
            a->shots[n++] = s;
    }
    shots_sort(a->shots, n);
    return n;
}

static void read_strata(struct view *v, const struct shot *shots, size_t n)
{
    struct bin bins[BINS];
    const double zero = 0;
    struct interval range = {shots[0].phase, shots[n - 1].phase};
    struct bin_rules rules = {FINEST_NS, 1e-3, ALPHA};

    if (!(range.high > range.low))
        return;
    size_t count = bins_around(range, &zero, 1, FINEST_NS, bins, BINS / 2);

    bins_count(bins, count, shots, n);
    count = bins_refine(bins, count, BINS, &rules, shots, n);
    v->strata = strata_of(bins, count, ALPHA);
    v->span = range.high - range.low;
}

/* Sends that look for losses are not even: a length by the range of the losses would be wrong. */
static bool is_aimed(const struct manifest *m)
{
    for (uint32_t i = 0; i < m->load_count; i++)
        if (m->loads[i].aim.to_ns > 0)
            return true;
    return false;
}

static void read_view(struct analysis *a, struct view *v, enum move_mark mark)
{
    size_t n = fill_shots(a, mark, true);

    *v = (struct view){.mark = mark};
    find_gap(v, a->shots, n);
    n = fill_shots(a, mark, false);
    v->shots = n;
    for (size_t i = 0; i < n; i++) {
        if (!a->shots[i].lost)
            continue;
        v->at.low = v->losses ? v->at.low : a->shots[i].phase;
        v->at.high = a->shots[i].phase;
        v->losses++;
    }
    if (n == 0)
        return;
    v->bracket = window_bracket(a->shots, n);
    if (!is_aimed(a->r->manifest))
        v->range = window_from_range(v->at.high - v->at.low, v->losses, ALPHA);
    v->edges = window_edges(a->shots, n, TICK_FLOOR, ALPHA);
    read_strata(v, a->shots, n);
}

/* The mark around which most losses huddle closest. */
static void choose(struct analysis *a)
{
    for (uint32_t i = 1; i < MARKS; i++) {
        const struct view *v = &a->views[i], *b = &a->views[a->best];
        double mine = v->at.high - v->at.low, other = b->at.high - b->at.low;

        if (v->losses > b->losses || (v->losses == b->losses && v->losses > 0 && mine < other))
            a->best = i;
    }
}

static bool analyse(struct analysis *a, struct err *e)
{
    struct copies *c = copies_create(a->r->ledger, e);

    if (!c)
        return false;
    a->ok = true;
    (void)copies_each(c, gather, a);
    copies_destroy(c);
    a->shots = a->ok ? malloc((a->count + 1) * sizeof *a->shots) : NULL;
    if (!a->shots)
        return err_set(e, EX_IO, "out of memory for %llu copies near moves",
                       (unsigned long long)a->count);
    for (uint32_t i = 0; i < MARKS; i++)
        read_view(a, &a->views[i], marks[i]);
    choose(a);
    return true;
}

/* ------------------------------------------------------------------------------------------------------------ per move */

struct move_bracket {
    uint32_t move;
    uint64_t shots, losses;
    struct interval before, after; /* survivor, loss; loss, survivor; infinite: none */
};

/* The brackets of one move, from the hits of all: they lie in order of messages, not of moves. */
static struct move_bracket *read_moves(const struct analysis *a)
{
    uint32_t moves = a->r->manifest->move_count;
    struct move_bracket *all = calloc(moves + 1ul, sizeof *all);
    enum move_mark mark = marks[a->best];
    double phase;

    for (uint32_t i = 0; all && i < moves; i++)
        all[i] = (struct move_bracket){i, 0, 0, {-INFINITY, INFINITY}, {-INFINITY, INFINITY}};
    for (uint64_t i = 0; all && i < a->count; i++) {
        struct move_bracket *b = &all[a->hits[i].move];

        if (!phase_of(a, &a->hits[i], mark, &phase))
            continue;
        b->shots++;
        if (!a->hits[i].lost)
            continue;
        b->losses++;
        b->before.high = fmin(b->before.high, phase);
        b->after.low = fmax(b->after.low, phase);
    }
    for (uint64_t i = 0; all && i < a->count; i++) {
        struct move_bracket *b = &all[a->hits[i].move];

        if (a->hits[i].lost || b->losses == 0 || !phase_of(a, &a->hits[i], mark, &phase))
            continue;
        if (phase < b->before.high)
            b->before.low = fmax(b->before.low, phase);
        if (phase > b->after.low)
            b->after.high = fmin(b->after.high, phase);
    }
    return all;
}

/* --------------------------------------------------------------------------------------------------- where to aim next */

struct target {
    const char *what;
    enum move_mark mark;
    struct interval phase; /* ns */
    uint64_t per_move, moves;
};

/* An edge: its interval, or outwards from the losses as far as they reach where no survivor bounds it. A profile can only aim
 * behind a mark, unless it is the asking. */
static struct target edge_target(const struct analysis *a, const struct view *v, bool begin)
{
    double reach = fmax(v->at.high - v->at.low, 2 * RESOLUTION);
    struct interval open = begin ? v->bracket.begin : v->bracket.end;
    struct target t = {begin ? "begin" : "end", v->mark, open, SENDS, 0};

    if (v->edges.fitted)
        t.phase = begin ? v->edges.begin_interval : v->edges.end_interval;
    if (!isfinite(t.phase.low))
        t.phase.low = v->at.low - reach;
    if (!isfinite(t.phase.high))
        t.phase.high = v->at.high + reach;
    if (v->mark != MARK_ASKED && t.phase.low < 0)
        t.phase.low = 0;
    if (t.phase.high <= t.phase.low)
        t.phase.high = t.phase.low + RESOLUTION;
    (void)a;
    t.moves = edge_moves(t.phase.high - t.phase.low, RESOLUTION, ERROR, SENDS);
    return t;
}

/* No loss: a comb over all that a move may be, so fine that so many moves again would halve what can hide. */
static struct target comb_target(const struct analysis *a)
{
    const struct view *v = &a->views[0];
    uint64_t moves = a->t->health.moves_done ? a->t->health.moves_done : 1;
    double span = v->near_span > 0 ? v->near_span : 60e9;
    struct target t = {"anywhere", MARK_ASKED, {0, span}, 0, moves};
    double per_move = v->near ? 2.0 * (double)v->near / (double)moves : 100;

    t.per_move = per_move < 1 ? 1 : (uint64_t)per_move;
    return t;
}

/* What a window must measure to be seen with 95 % confidence by so many sends, anywhere over the span. */
static double seen_from(uint64_t sends, double span)
{
    return sends ? -expm1(log(ALPHA) / (double)sends) * span : INFINITY;
}

/* --------------------------------------------------------------------------------------------------------------- text */

static const char *ns_words(char *out, size_t room, double ns, bool sign)
{
    double size = fabs(ns);

    if (!isfinite(ns))
        (void)snprintf(out, room, "%s", ns < 0 ? "before all" : "after all");
    else if (size < 1e6)
        (void)snprintf(out, room, sign ? "%+.0fus" : "%.0fus", ns / 1e3);
    else if (size < 1e9)
        (void)snprintf(out, room, sign ? "%+.1fms" : "%.1fms", ns / 1e6);
    else
        (void)snprintf(out, room, sign ? "%+.3fs" : "%.3fs", ns / 1e9);
    return out;
}

#define NS(buf, x)    ns_words(buf, sizeof(buf), x, false)
#define PHASE(buf, x) ns_words(buf, sizeof(buf), x, true)

static bool add_marks(const struct analysis *a, struct buf *out, bool color)
{
    char head[120], low[32], high[32], length[32], least[32], most[32];

    (void)snprintf(head, sizeof head, "%-9s %9s %9s %12s %12s %12s  %s", "mark", "sends", "lost",
                   "first loss", "last loss", "length", "95 % of the length");
    text_ink(out, color, INK_HEAD, head);
    buf_add_text(out, "\n");
    for (uint32_t i = 0; i < MARKS; i++) {
        const struct view *v = &a->views[i];

        buf_add_format(out, "%-9s %9llu %9llu", event_mark_name(v->mark),
                       (unsigned long long)v->shots, (unsigned long long)v->losses);
        if (v->losses)
            buf_add_format(out, " %12s %12s", PHASE(low, v->at.low), PHASE(high, v->at.high));
        if (v->range.known)
            buf_add_format(out, " %12s  %s to %s", NS(length, v->range.value),
                           NS(least, v->range.interval.low), NS(most, v->range.interval.high));
        buf_add_text(out, i == a->best && v->losses ? "  <- closest\n" : "\n");
    }
    if (is_aimed(a->r->manifest))
        buf_add_text(out, "sends were aimed where losses are likely, so the range of the losses "
                          "gives no length\n");
    return buf_add_text(out, "\n");
}

static bool add_edges(const struct analysis *a, struct buf *out)
{
    const struct view *v = &a->views[a->best];
    const struct edges *w = &v->edges;
    const char *mark = event_mark_name(v->mark);
    char one[32], low[32], high[32];

    if (w->fitted) {
        buf_add_format(out, "begin   %12s  95 %% %s to %s   (after %s)\n", PHASE(one, w->begin),
                       PHASE(low, w->begin_interval.low), PHASE(high, w->begin_interval.high),
                       mark);
        buf_add_format(out, "end     %12s  95 %% %s to %s\n", PHASE(one, w->end),
                       PHASE(low, w->end_interval.low), PHASE(high, w->end_interval.high));
        buf_add_format(out, "inside  %12.0f %% are lost; edges blur by %s\n", 100 * w->hit,
                       NS(one, w->jitter));
    } else {
        buf_add_format(out, "begin   between %s and %s after %s\n",
                       PHASE(low, v->bracket.begin.low), PHASE(high, v->bracket.begin.high), mark);
        buf_add_format(out, "end     between %s and %s\n", PHASE(low, v->bracket.end.low),
                       PHASE(high, v->bracket.end.high));
    }
    buf_add_format(out, "%llu survivors lie between the first and the last loss\n",
                   (unsigned long long)v->bracket.inside);
    if (v->span > 0)
        buf_add_format(
            out,
            "by strata, as if sends had been even: %s of every move is lost (95 %% %s to "
            "%s)\n",
            NS(one, v->strata.width), NS(low, v->strata.interval.low * v->span),
            NS(high, v->strata.interval.high * v->span));
    return buf_add_text(out, "\n");
}

static bool add_moves(const struct analysis *a, struct buf *out, bool color)
{
    struct move_bracket *all = read_moves(a);
    uint32_t shown = 0, more = 0;
    char head[120], s[32], l[32], m[32], n[32];

    if (!all)
        return false;
    (void)snprintf(head, sizeof head, "%5s %7s %7s %13s %13s %13s %13s", "move", "sends", "lost",
                   "survivor", "first loss", "last loss", "survivor");
    text_ink(out, color, INK_HEAD, head);
    buf_add_text(out, "\n");
    for (uint32_t i = 0; i < a->r->manifest->move_count; i++) {
        const struct move_bracket *b = &all[i];

        if (b->losses == 0)
            continue;
        if (shown++ >= MOVES_SHOWN) {
            more++;
            continue;
        }
        buf_add_format(out, "%5u %7llu %7llu %13s %13s %13s %13s\n", b->move,
                       (unsigned long long)b->shots, (unsigned long long)b->losses,
                       PHASE(s, b->before.low), PHASE(l, b->before.high), PHASE(m, b->after.low),
                       PHASE(n, b->after.high));
    }
    free(all);
    if (more)
        buf_add_format(out, "      and %u more: --json has them all\n", more);
    return buf_add_text(out, "\n");
}

static bool add_target(struct buf *out, const struct target *t)
{
    char moves[40] = "";
    bool known = t->moves > 0 && t->moves != SAMPLE_NEVER;

    if (known)
        (void)snprintf(moves, sizeof moves, "   (%llu move%s)", (unsigned long long)t->moves,
                       t->moves == 1 ? "" : "s");
    return buf_add_format(
        out, "  %-9s arrivals: aimed, mark: %s, phase: %lldms..%lldms, per_move: %llu%s\n", t->what,
        event_mark_name(t->mark), (long long)floor(t->phase.low / 1e6),
        (long long)ceil(t->phase.high / 1e6), (unsigned long long)t->per_move, moves);
}

static bool add_targets(const struct analysis *a, struct buf *out)
{
    const struct view *v = &a->views[a->best];

    buf_add_text(out, "where to aim next (keys of a load; 8 sends a move take an edge to 1 ms)\n");
    if (v->losses == 0) {
        struct target t = comb_target(a);

        return add_target(out, &t);
    }
    struct target begin = edge_target(a, v, true), end = edge_target(a, v, false);

    return add_target(out, &begin) && add_target(out, &end);
}

static bool add_no_loss(const struct analysis *a, struct buf *out)
{
    const struct view *v = &a->views[0];
    char gap[32], at[32], seen[32], span[32];

    if (a->r->manifest->move_count == 0)
        return buf_add_text(out, "the run planned no moves: there is no window to look for\n");
    if (v->near == 0)
        return buf_add_text(out, "no copy was accepted near a move: nothing is known\n\n");
    return buf_add_format(out,
                          "none of %llu copies accepted between the asking and a minute after the "
                          "end of %llu moves was "
                          "lost.\nThe longest time of a move that no send hit is %s, from %s on; a "
                          "window that loses all "
                          "and is as\nlong and stands still was hit. Anywhere in %s, one of %s "
                          "would have been seen with "
                          "95 %% confidence.\n\n",
                          (unsigned long long)v->near, (unsigned long long)a->t->health.moves_done,
                          NS(gap, v->gap), PHASE(at, v->gap_at), NS(span, v->near_span),
                          NS(seen, seen_from(v->near, v->near_span)));
}

static bool print_text(const struct analysis *a, struct buf *out, bool color)
{
    const struct view *v = &a->views[a->best];
    bool ok = true;

    if (a->t->health.windows_late)
        buf_add_text(out,
                     "messages left later than the scenario's shortest time: these figures are "
                     "not conclusive\n\n");
    if (a->others)
        buf_add_format(out,
                       "%llu copies near moves were neither delivered nor lost in this sense\n",
                       (unsigned long long)a->others);
    if (v->losses)
        ok = add_marks(a, out, color) && add_edges(a, out) && add_moves(a, out, color);
    else
        ok = add_no_loss(a, out);
    return ok && (a->r->manifest->move_count == 0 || add_targets(a, out));
}

/* --------------------------------------------------------------------------------------------------------------- JSON */

static json_t *ns_json(double ns)
{
    return isfinite(ns) ? json_integer(llround(ns)) : json_null();
}

static json_t *span_json(struct interval i)
{
    return json_pack("[o,o]", ns_json(i.low), ns_json(i.high));
}

static json_t *view_json(const struct view *v)
{
    json_t *o = json_object();

    (void)json_object_set_new(o, "mark", json_words(event_mark_name(v->mark)));
    (void)json_object_set_new(o, "sends", json_u64(v->shots));
    (void)json_object_set_new(o, "lost", json_u64(v->losses));
    (void)json_object_set_new(o, "survivors_inside", json_u64(v->bracket.inside));
    (void)json_object_set_new(o, "longest_gap_ns", ns_json(v->gap));
    (void)json_object_set_new(o, "longest_gap_at_ns", ns_json(v->gap_at));
    if (v->losses) {
        (void)json_object_set_new(o, "losses_ns", span_json(v->at));
        (void)json_object_set_new(o, "begin_bracket_ns", span_json(v->bracket.begin));
        (void)json_object_set_new(o, "end_bracket_ns", span_json(v->bracket.end));
        (void)json_object_set_new(o, "width_by_strata_ns", ns_json(v->strata.width));
    }
    if (v->range.known) {
        (void)json_object_set_new(o, "length_ns", ns_json(v->range.value));
        (void)json_object_set_new(o, "length_95_ns", span_json(v->range.interval));
    }
    if (v->edges.fitted) {
        (void)json_object_set_new(o, "begin_ns", ns_json(v->edges.begin));
        (void)json_object_set_new(o, "begin_95_ns", span_json(v->edges.begin_interval));
        (void)json_object_set_new(o, "end_ns", ns_json(v->edges.end));
        (void)json_object_set_new(o, "end_95_ns", span_json(v->edges.end_interval));
        (void)json_object_set_new(o, "jitter_ns", ns_json(v->edges.jitter));
        (void)json_object_set_new(o, "inside_lost_ppm", json_integer(llround(v->edges.hit * 1e6)));
    }
    return o;
}

static json_t *target_json(const struct target *t)
{
    return json_pack("{so so so so so}", "edge", json_words(t->what), "mark",
                     json_words(event_mark_name(t->mark)), "phase_ns", span_json(t->phase),
                     "per_move", json_u64(t->per_move), "moves", json_u64(t->moves));
}

static json_t *moves_json(const struct analysis *a)
{
    struct move_bracket *all = read_moves(a);
    json_t *rows = json_array();

    for (uint32_t i = 0; all && i < a->r->manifest->move_count; i++)
        if (all[i].losses)
            (void)json_array_append_new(rows, json_pack("{so so so so so}", "move", json_u64(i),
                                                        "sends", json_u64(all[i].shots), "lost",
                                                        json_u64(all[i].losses), "begin_bracket_ns",
                                                        span_json(all[i].before), "end_bracket_ns",
                                                        span_json(all[i].after)));
    free(all);
    return rows;
}

static bool print_json(const struct analysis *a, struct buf *out, struct err *e)
{
    const struct view *v = &a->views[a->best];
    json_t *root = json_object(), *views = json_array(), *aim = json_array();
    struct target targets[2] = {v->losses ? edge_target(a, v, true) : comb_target(a)};

    for (uint32_t i = 0; i < MARKS; i++)
        (void)json_array_append_new(views, view_json(&a->views[i]));
    (void)json_array_append_new(aim, target_json(&targets[0]));
    if (v->losses) {
        targets[1] = edge_target(a, v, false);
        (void)json_array_append_new(aim, target_json(&targets[1]));
    }
    (void)json_object_set_new(root, "schema", json_integer(1));
    (void)json_object_set_new(root, "marks", views);
    (void)json_object_set_new(root, "closest",
                              v->losses ? json_words(event_mark_name(v->mark)) : json_null());
    (void)json_object_set_new(root, "moves", moves_json(a));
    (void)json_object_set_new(root, "aim", aim);
    (void)json_object_set_new(root, "others", json_u64(a->others));
    (void)json_object_set_new(root, "conclusive", json_boolean(!a->t->health.windows_late));
    return json_file_print(root, out, e);
}

bool window_text(const struct run_record *r, const struct window_request *q, struct buf *out,
                 struct err *e)
{
    struct analysis a = {.r = r,
                         .t = &r->judgement->tally,
                         .losses = q->losses ? q->losses : stop_losses(r->manifest)};
    bool ok = analyse(&a, e);

    if (ok)
        ok = q->json ? print_json(&a, out, e)
                     : print_text(&a, out, q->color) || err_set(e, EX_IO, "out of memory");
    free(a.hits);
    free(a.shots);
    return ok;
}
