/* sample_text.c - questions of `plan` answered by results/stats, aim, two_builds and sequential, and put into words. */
#include "results/sample_text.h"

#include <math.h>
#include <stdio.h>

#include "base/text.h"
#include "results/aim.h"
#include "results/json_file.h"
#include "results/sequential.h"
#include "results/two_builds.h"

#define EDGE_ERROR 0.1

static const double iccs[] = {0, 0.01, 0.1, 0.5, 1};

#define ICCS (sizeof iccs / sizeof iccs[0])

/* ------------------------------------------------------------------------------------------------------------- answers */

static uint64_t whole(double x)
{
    return x < 1e15 ? (uint64_t)ceil(x - 1e-9) : SAMPLE_NEVER;
}

struct rate_answer sample_rate(const struct rate_question *q)
{
    uint64_t n = sample_for_losses(q->rate, q->confidence, q->losses);

    return (struct rate_answer){n, n};
}

struct icc_answer sample_icc(const struct rate_question *q, double icc)
{
    uint64_t n = sample_rate(q).independent;
    double per_move = q->per_move ? (double)q->per_move : 1;
    struct icc_answer a = {1 + (per_move - 1) * icc, SAMPLE_NEVER, SAMPLE_NEVER};

    if (n == SAMPLE_NEVER)
        return a;
    a.moves = whole((double)n * a.design_effect / per_move);
    a.messages = a.moves == SAMPLE_NEVER ? SAMPLE_NEVER : whole((double)n * a.design_effect);
    return a;
}

struct window_answer sample_window(const struct window_question *q)
{
    double per_move = q->per_move ? (double)q->per_move : 1, step = q->span / per_move;
    struct window_answer a = {.uniform_sends = sample_for_zero(q->width / q->span, q->confidence),
                              .comb_moves = comb_moves(q->width, step, q->confidence),
                              .comb_sure = comb_moves_sure(q->width, step)};

    a.uniform_moves =
        a.uniform_sends == SAMPLE_NEVER ? SAMPLE_NEVER : whole((double)a.uniform_sends / per_move);
    a.edge_moves = edge_moves(fmax(step, q->width), q->width / 10, EDGE_ERROR, q->per_move);
    return a;
}

double window_seen(uint64_t sends, double span, double confidence)
{
    return sends ? -expm1(log1p(-confidence) / (double)sends) * span : span;
}

/* Moves without loss after which the anytime interval lies below the rate: doubling, then bisection. */
static uint64_t clean_moves(double rate, double alpha)
{
    uint64_t low = 0, high = 1;

    while (high < 1ull << 40 &&
           anytime_interval((struct proportion){0, high}, alpha).high >= rate) {
        low = high;
        high *= 2;
    }
    while (high - low > 1) {
        uint64_t mid = low + (high - low) / 2;

        if (anytime_interval((struct proportion){0, mid}, alpha).high >= rate)
            low = mid;
        else
            high = mid;
    }
    return high;
}

struct build_answer sample_builds(const struct build_question *q)
{
    struct build_answer a = {.moves = fisher_units(q->good, q->bad, q->alpha, q->power),
                             .interval_clean = clean_moves(q->bad, q->alpha)};
    struct sprt s;

    if (q->moves)
        a.power = fisher_power(q->good, q->bad, q->moves, q->alpha);
    if (sprt_init(&s, q->good, q->bad, q->alpha, 1 - q->power))
        a.sprt_clean = sprt_units_low(&s, 0);
    return a;
}

/* ---------------------------------------------------------------------------------------------------------------- text */

static const char *count_words(char *out, size_t room, uint64_t n)
{
    if (n == SAMPLE_NEVER)
        (void)snprintf(out, room, "no number");
    else
        (void)text_print_count(out, room, n);
    return out;
}

static const char *time_words(char *out, size_t room, double s)
{
    if (s < 1e-3)
        (void)snprintf(out, room, "%.4gus", s * 1e6);
    else if (s < 1)
        (void)snprintf(out, room, "%.4gms", s * 1e3);
    else
        (void)snprintf(out, room, "%.5gs", s);
    return out;
}

#define COUNT(buf, n) count_words(buf, sizeof(buf), n)
#define TIME(buf, s)  time_words(buf, sizeof(buf), s)

static bool icc_row(const struct rate_question *q, double icc, struct buf *out)
{
    struct icc_answer a = sample_icc(q, icc);
    char moves[32], messages[32];

    return buf_add_format(out, "  %-6.3g %13.4g %16s %14s\n", icc, a.design_effect,
                          COUNT(messages, a.messages), COUNT(moves, a.moves));
}

bool sample_rate_text(const struct rate_question *q, struct buf *out)
{
    char n[32];

    buf_add_format(
        out,
        "To prove with %.6g %% confidence that fewer than %.6g %% lose, with %llu losses on the "
        "way:\n  %s moves, if RATE is of moves that lose something (what verdicts rest on)\n"
        "If RATE is of messages, %llu of them near each move:\n"
        "  %-6s %13s %16s %14s\n",
        100 * q->confidence, 100 * q->rate, (unsigned long long)q->losses,
        COUNT(n, sample_rate(q).moves), (unsigned long long)q->per_move, "ICC", "design effect",
        "messages", "moves");
    if (q->icc >= 0)
        return icc_row(q, q->icc, out) && buf_add_text(out, "\n");
    for (size_t i = 0; i < ICCS; i++)
        (void)icc_row(q, iccs[i], out);
    return buf_add_text(out, "  (ICC 0: messages are lost each for itself; 1: a move loses all or "
                             "none)\n\n");
}

bool sample_window_text(const struct window_question *q, struct buf *out)
{
    struct window_answer a = sample_window(q);
    char width[32], span[32], n[32], m[32];

    buf_add_format(
        out,
        "To hit a window of %s within %s of a move with %.6g %% confidence, by %llu sends a "
        "move:\n",
        TIME(width, q->width), TIME(span, q->span), 100 * q->confidence,
        (unsigned long long)q->per_move);
    buf_add_format(out, "  anywhere      %s moves (%s sends)\n", COUNT(n, a.uniform_moves),
                   COUNT(m, a.uniform_sends));
    buf_add_format(
        out,
        "  comb          %s moves for certain, if the window stands still (%s if combs lie at "
        "random)\n",
        COUNT(n, a.comb_sure), COUNT(m, a.comb_moves));
    return buf_add_format(
        out,
        "  then aimed    %s moves for each edge, to a tenth of the window (one answer in "
        "ten wrong)\n\n",
        COUNT(n, a.edge_moves));
}

bool sample_builds_text(const struct build_question *q, struct buf *out)
{
    struct build_answer a = sample_builds(q);
    char n[32];

    buf_add_format(
        out,
        "To tell a build of whose moves %.6g %% lose from one with %.6g %% (Fisher, one-sided "
        "%.4g %%):\n  %s moves of each, for a power of %.4g %%\n",
        100 * q->good, 100 * q->bad, 100 * q->alpha, COUNT(n, a.moves), 100 * q->power);
    if (q->moves)
        buf_add_format(out, "  %llu moves of each have a power of %.4g %%\n",
                       (unsigned long long)q->moves, 100 * a.power);
    buf_add_format(out, "To know of one build which it is, by run.stop, if no move loses:\n");
    if (a.sprt_clean)
        buf_add_format(out, "  sprt          %s moves (stop_alpha %.4g %%, stop_beta %.4g %%)\n",
                       COUNT(n, a.sprt_clean), 100 * q->alpha, 100 * (1 - q->power));
    return buf_add_format(out, "  interval      %s moves (stop_alpha %.4g %%)\n\n",
                          COUNT(n, a.interval_clean), 100 * q->alpha);
}

/* ---------------------------------------------------------------------------------------------------------------- JSON */

static json_t *number(uint64_t n) /* null: no number will do */
{
    return json_u64(n);
}

static json_t *micro(double s)
{
    return isfinite(s) && s < 1e12 ? json_integer(llround(s * 1e6)) : json_null();
}

static json_t *ppb(double share)
{
    return json_integer(llround(share * 1e9));
}

json_t *sample_rate_json(const struct rate_question *q)
{
    json_t *rows = json_array();
    bool one = q->icc >= 0;

    for (size_t i = 0; i < (one ? 1 : ICCS); i++) {
        double icc = one ? q->icc : iccs[i];
        struct icc_answer a = sample_icc(q, icc);

        (void)json_array_append_new(rows, json_pack("{so so so}", "icc_ppb", ppb(icc), "messages",
                                                    number(a.messages), "moves", number(a.moves)));
    }
    return json_pack("{so so so so so so}", "rate_ppb", ppb(q->rate), "confidence_ppb",
                     ppb(q->confidence), "losses", number(q->losses), "per_move",
                     number(q->per_move), "moves", number(sample_rate(q).moves), "by_message",
                     rows);
}

json_t *sample_window_json(const struct window_question *q)
{
    struct window_answer a = sample_window(q);

    return json_pack("{so so so so so so so so so}", "width_us", micro(q->width), "span_us",
                     micro(q->span), "confidence_ppb", ppb(q->confidence), "per_move",
                     number(q->per_move), "uniform_sends", number(a.uniform_sends), "uniform_moves",
                     number(a.uniform_moves), "comb_moves", number(a.comb_moves),
                     "comb_moves_certain", number(a.comb_sure), "edge_moves", number(a.edge_moves));
}

json_t *sample_builds_json(const struct build_question *q)
{
    struct build_answer a = sample_builds(q);
    json_t *o = json_pack("{so so so so so so so}", "good_ppb", ppb(q->good), "bad_ppb",
                          ppb(q->bad), "alpha_ppb", ppb(q->alpha), "power_ppb", ppb(q->power),
                          "moves_each", number(a.moves), "sprt_clean_moves", number(a.sprt_clean),
                          "interval_clean_moves", number(a.interval_clean));

    if (q->moves) {
        (void)json_object_set_new(o, "moves_given", number(q->moves));
        (void)json_object_set_new(o, "power_given_ppb", ppb(a.power));
    }
    return o;
}
