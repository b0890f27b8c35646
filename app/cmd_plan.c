/* cmd_plan.c - how many moves and messages a statement takes, and what a profile can prove at best. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "app/cmd.h"
#include "app/plan.h"
#include "base/clock.h"
#include "base/text.h"
#include "results/aim.h"
#include "results/json_file.h"
#include "results/sample_text.h"

#define ARENA_BYTES (1ull << 30)
#define SPAN_S      60.0 /* what a move may be, unless told */
#define PER_MOVE    100

struct asked { /* the command line, read */
    bool rate, window, builds, json;
    struct rate_question of_rate;
    struct window_question of_window;
    struct build_question of_builds;
    double confidence;
};

/* What is given of a command line's words; NULL: not given. */
struct words {
    const char *rate, *rates, *window, *span, *confidence, *losses, *per_move, *icc, *alpha, *power,
        *moves;
};

/* --------------------------------------------------------------------------------------------------------- the options */

static bool read_share(const char *option, const char *text, double *out, struct err *e)
{
    double share = *out;

    if (!text)
        return true;
    if (!text_share(slice_of(text), &share, e))
        return err_wrap(e, "--%s", option);
    if (share <= 0 || share >= 1)
        return err_set(e, EX_BAD_USAGE, "--%s %s: expected a share between 0 and 1", option, text);
    *out = share;
    return true;
}

static bool read_count(const char *option, const char *text, uint64_t low, uint64_t high,
                       uint64_t *out, struct err *e)
{
    uint64_t n = *out;

    if (!text)
        return true;
    if (!text_u64(slice_of(text), &n, e))
        return err_wrap(e, "--%s", option);
    if (n < low || n > high)
        return err_set(e, EX_BAD_USAGE, "--%s %s: expected %llu to %llu", option, text,
                       (unsigned long long)low, (unsigned long long)high);
    *out = n;
    return true;
}

static bool read_time(const char *option, const char *text, double *seconds, struct err *e)
{
    uint64_t ns = 0;

    if (!text)
        return true;
    if (!text_duration(slice_of(text), &ns, e))
        return err_wrap(e, "--%s", option);
    if (ns == 0)
        return err_set(e, EX_BAD_USAGE, "--%s %s: expected more than nothing", option, text);
    *seconds = (double)ns / (double)NS_PER_S;
    return true;
}

/* "1%..5%" */
static bool read_rates(const char *text, struct build_question *q, struct err *e)
{
    const char *dots = text ? strstr(text, "..") : NULL;

    if (!text)
        return true;
    if (!dots || !text_share(slice_from(text, (size_t)(dots - text)), &q->good, e) ||
        !text_share(slice_of(dots + 2), &q->bad, e) || q->good >= q->bad || q->bad >= 1)
        return err_set(e, EX_BAD_USAGE,
                       "--rates %s: expected two shares, the smaller first, such as 1%%..5%%",
                       text);
    return true;
}

/* 0 is an ICC, and 1 too. */
static bool read_icc(const char *text, double *icc, struct err *e)
{
    return !text || text_share(slice_of(text), icc, e) || err_wrap(e, "--icc");
}

static bool read_words(const struct words *w, struct asked *a, struct err *e)
{
    uint64_t per_move = PER_MOVE;

    *a = (struct asked){.rate = w->rate != NULL,
                        .window = w->window != NULL,
                        .builds = w->rates != NULL,
                        .of_rate = {.icc = -1},
                        .of_window = {.span = SPAN_S},
                        .of_builds = {.alpha = 0.05, .power = 0.8},
                        .confidence = 0.95};
    if (!read_share("rate", w->rate, &a->of_rate.rate, e) ||
        !read_share("confidence", w->confidence, &a->confidence, e) ||
        !read_count("losses", w->losses, 0, 1000000, &a->of_rate.losses, e) ||
        !read_count("per-move", w->per_move, 1, 1000000000, &per_move, e) ||
        !read_icc(w->icc, &a->of_rate.icc, e) ||
        !read_time("window", w->window, &a->of_window.width, e) ||
        !read_time("span", w->span, &a->of_window.span, e) ||
        !read_rates(w->rates, &a->of_builds, e) ||
        !read_share("alpha", w->alpha, &a->of_builds.alpha, e) ||
        !read_share("power", w->power, &a->of_builds.power, e) ||
        !read_count("moves", w->moves, 1, 1000000, &a->of_builds.moves, e))
        return false;
    if (a->window && a->of_window.width > a->of_window.span)
        return err_set(e, EX_BAD_USAGE, "--window %s: longer than the span it is looked for in",
                       w->window);
    a->of_rate.per_move = a->of_window.per_move = per_move;
    a->of_rate.confidence = a->of_window.confidence = a->confidence;
    return true;
}

/* ---------------------------------------------------------------------------------------------------------- a profile */

struct reach { /* of a load, to moves */
    const char *name;
    uint64_t moves;    /* that it writes to while it lasts */
    double per_second; /* sends to the mailbox that moves; aimed: 0 */
    uint64_t per_move; /* aimed, over span_s */
    double span_s;
    double window_s; /* hit once at least, with the confidence asked for */
};

static bool writes_to(const struct load_profile *l, uint32_t group)
{
    for (uint32_t i = 0; i < l->to_count; i++)
        if (l->to[i] == group)
            return true;
    return false;
}

static double mean_rate(const struct load_profile *l)
{
    switch (l->arrivals) {
    case ARRIVE_CONSTANT:
    case ARRIVE_POISSON:
        return l->rate;
    case ARRIVE_RAMP:
        return (l->rate + l->rate_to) / 2;
    case ARRIVE_BURSTS:
        return l->burst / ((double)l->burst_every_ns / (double)NS_PER_S);
    case ARRIVE_AIMED:
        break;
    }
    return 0;
}

static struct reach reach_of(const struct plan *p, uint32_t load, double confidence)
{
    const struct load_profile *l = &p->profile->loads[load];
    const struct site *s = &p->profile->site;
    struct reach r = {.name = l->name};
    uint32_t mailboxes = 0;

    for (uint32_t i = 0; i < l->to_count; i++)
        mailboxes += s->groups[l->to[i]].count;
    if (l->arrivals == ARRIVE_AIMED) {
        r.moves = p->work->aimed_count[load];
        r.per_move = l->per_move;
        r.span_s = (double)(l->aim_to_ns - l->aim_from_ns) / (double)NS_PER_S;
        /* One send in each of so many equal parts of the span. */
        r.window_s = window_seen(r.moves, r.span_s / (double)r.per_move, confidence);
        return r;
    }
    for (uint32_t i = 0; i < p->work->move_count; i++) {
        const struct move_plan *m = &p->work->moves[i];

        r.moves += writes_to(l, s->mailboxes[m->mailbox].group) && m->at_ns >= l->start_ns &&
                   m->at_ns < l->start_ns + l->duration_ns;
    }
    r.per_second = mailboxes ? mean_rate(l) * l->recipients / mailboxes : 0;
    if (r.moves && r.per_second > 0)
        r.window_s = -log1p(-confidence) / ((double)r.moves * r.per_second);
    return r;
}

static double upper(uint64_t n, double confidence)
{
    return proportion_upper((struct proportion){0, n}, 1 - confidence);
}

static bool reach_text(const struct reach *r, struct buf *out)
{
    if (r->moves == 0)
        return buf_add_format(out, "  %-14s writes to no mailbox while it moves\n", r->name);
    if (r->per_move)
        buf_add_format(out, "  %-14s %llu sends over %.4gs of each of %llu moves", r->name,
                       (unsigned long long)r->per_move, r->span_s, (unsigned long long)r->moves);
    else
        buf_add_format(out, "  %-14s %.4g sends/s to each of %llu mailboxes on the move", r->name,
                       r->per_second, (unsigned long long)r->moves);
    return buf_add_format(out, ": a window of %.4gs\n", r->window_s);
}

static bool profile_text(const struct plan *p, const struct asked *a, struct buf *out)
{
    char messages[32], units[32];
    uint64_t moves = p->work->move_count;

    buf_add_format(out, "%s%s%s plans %llu moves and %s messages.\n", p->profile->name,
                   p->profile->variant[0] ? " " : "", p->profile->variant,
                   (unsigned long long)moves,
                   text_print_count(messages, sizeof messages, p->work->planned));
    if (moves == 0)
        buf_add_text(out, "Without moves it proves nothing about moves.\n");
    else {
        buf_add_format(
            out,
            "If nothing is lost it proves, with %.6g %% confidence, that fewer than %.4g %% of "
            "moves lose something\n",
            100 * a->confidence, 100 * upper(moves, a->confidence));
        buf_add_format(
            out,
            "(fewer than %.4g %% of messages, were each lost for itself). For 1 %% of moves it "
            "takes %s.\n",
            100 * upper(p->work->planned, a->confidence),
            text_print_count(units, sizeof units, sample_for_zero(0.01, a->confidence)));
    }
    buf_add_format(out,
                   "Shortest window that loses all it gets and is hit with that confidence:\n");
    for (uint32_t i = 0; i < p->profile->load_count; i++) {
        struct reach r = reach_of(p, i, a->confidence);

        (void)reach_text(&r, out);
    }
    return buf_add_text(out, "\n");
}

static json_t *profile_json(const struct plan *p, const struct asked *a)
{
    json_t *loads = json_array();

    for (uint32_t i = 0; i < p->profile->load_count; i++) {
        struct reach r = reach_of(p, i, a->confidence);

        (void)json_array_append_new(
            loads, json_pack("{so so so so so}", "load", json_words(r.name), "moves",
                             json_u64(r.moves), "per_move", json_u64(r.per_move), "per_second_ppm",
                             json_integer(llround(r.per_second * 1e6)), "window_us",
                             r.moves ? json_integer(llround(r.window_s * 1e6)) : json_null()));
    }
    return json_pack(
        "{so so so so so so}", "name", json_words(p->profile->name), "moves",
        json_u64(p->work->move_count), "messages", json_u64(p->work->planned), "upper_moves_ppb",
        json_integer(llround(upper(p->work->move_count, a->confidence) * 1e9)),
        "upper_messages_ppb", json_integer(llround(upper(p->work->planned, a->confidence) * 1e9)),
        "loads", loads);
}

/* ------------------------------------------------------------------------------------------------------------ all of it */

static bool say_text(const struct asked *a, const struct plan *p, struct buf *out)
{
    return (!p || profile_text(p, a, out)) && (!a->rate || sample_rate_text(&a->of_rate, out)) &&
           (!a->window || sample_window_text(&a->of_window, out)) &&
           (!a->builds || sample_builds_text(&a->of_builds, out));
}

static bool say_json(const struct asked *a, const struct plan *p, struct buf *out, struct err *e)
{
    json_t *root = json_object();

    (void)json_object_set_new(root, "schema", json_integer(1));
    if (p)
        (void)json_object_set_new(root, "profile", profile_json(p, a));
    if (a->rate)
        (void)json_object_set_new(root, "rate", sample_rate_json(&a->of_rate));
    if (a->window)
        (void)json_object_set_new(root, "window", sample_window_json(&a->of_window));
    if (a->builds)
        (void)json_object_set_new(root, "builds", sample_builds_json(&a->of_builds));
    return json_file_print(root, out, e);
}

static bool answer(const struct asked *a, const struct profile_request *rq, struct buf *out,
                   struct err *e)
{
    struct arena *arena = rq->path ? arena_create(ARENA_BYTES) : NULL;
    struct profile *profile = arena ? profile_load(arena, rq, e) : NULL;
    struct plan plan;
    bool ok = !rq->path || (profile && plan_make(&plan, arena, profile, 1, e));
    const struct plan *p = rq->path ? &plan : NULL;

    if (rq->path && !arena)
        (void)err_set(e, EX_IO, "out of memory");
    if (ok)
        ok = a->json ? say_json(a, p, out, e)
                     : say_text(a, p, out) || err_set(e, EX_IO, "out of memory");
    arena_destroy(arena);
    return ok;
}

int cmd_plan(const struct cmd *self, int argc, char **argv)
{
    struct profile_request rq = {0};
    struct cmd_list sets = {0};
    struct words w = {0};
    bool json = false;
    const struct cmd_option options[] = {{.name = "variant", .text = &rq.variant},
                                         {.name = "set", .list = &sets},
                                         {.name = "rate", .text = &w.rate},
                                         {.name = "losses", .text = &w.losses},
                                         {.name = "per-move", .text = &w.per_move},
                                         {.name = "icc", .text = &w.icc},
                                         {.name = "window", .text = &w.window},
                                         {.name = "span", .text = &w.span},
                                         {.name = "rates", .text = &w.rates},
                                         {.name = "alpha", .text = &w.alpha},
                                         {.name = "power", .text = &w.power},
                                         {.name = "moves", .text = &w.moves},
                                         {.name = "confidence", .text = &w.confidence},
                                         {.name = "json", .flag = &json},
                                         {0}};
    int first = cmd_parse(options, argc, argv);
    struct asked a;
    struct err e = {0};
    struct buf out;

    if (first < 0 || argc - first > 1 || (first == argc && !w.rate && !w.window && !w.rates))
        return cmd_usage(self);
    if (!read_words(&w, &a, &e)) {
        e.code = EX_BAD_USAGE;
        return cmd_fail(&e);
    }
    a.json = json;
    rq.path = first < argc ? argv[first] : NULL;
    rq.sets = sets.items;
    rq.set_count = sets.count;
    buf_init(&out, 16u << 20);
    bool ok = answer(&a, &rq, &out, &e);

    if (ok)
        (void)fputs(buf_text(&out), stdout);
    buf_fini(&out);
    return ok ? EX_PASS : cmd_fail(&e);
}
