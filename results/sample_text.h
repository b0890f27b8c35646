/* sample_text.h - how many moves and messages a statement takes: `postmuster plan`, as text and JSON.
 *
 * Pure; any thread. Rates are shares 0..1, times seconds. What cannot be had (SAMPLE_NEVER) says so.
 */
#ifndef RESULTS_SAMPLE_TEXT_H
#define RESULTS_SAMPLE_TEXT_H

#include <jansson.h>
#include <stdbool.h>

#include "base/bytes.h"
#include "results/stats.h"

/* "Fewer than `rate` are lost", with this confidence, though `losses` may be. */
struct rate_question {
    double rate, confidence;
    uint64_t losses;
    uint64_t per_move; /* messages near a move */
    double icc;        /* of messages of a move; below 0: several are shown */
};

struct rate_answer {
    uint64_t moves;       /* the move as unit: moves that (but for `losses`) lose nothing */
    uint64_t independent; /* messages, if they were independent */
};

struct icc_answer {
    double design_effect;
    uint64_t messages,
        moves; /* the message as unit, when those of a move share their fate so far */
};

struct rate_answer sample_rate(const struct rate_question *q);
struct icc_answer sample_icc(const struct rate_question *q, double icc);

/* A window of `width` somewhere in `span` of each move. */
struct window_question {
    double width, span, confidence;
    uint64_t per_move; /* sends over the span */
};

struct window_answer {
    uint64_t uniform_sends, uniform_moves; /* sends anywhere in the span */
    uint64_t comb_moves, comb_sure;        /* evenly, from a golden offset: likely; for certain */
    uint64_t edge_moves; /* bisection of one edge to a tenth of the width, after a hit */
};

struct window_answer sample_window(const struct window_question *q);
/* The shortest window that so many sends, uniform over span, hit with this confidence; span if there are none. */
double window_seen(uint64_t sends, double span, double confidence);

/* Two builds whose moves lose with these rates, `good` below `bad`. */
struct build_question {
    double good, bad, alpha, power;
    uint64_t moves; /* in each arm; 0: how many it takes */
};

struct build_answer {
    uint64_t moves;                      /* in each arm, for that power */
    double power;                        /* with the moves of the question */
    uint64_t sprt_clean, interval_clean; /* run.stop ends after so many moves without loss */
};

struct build_answer sample_builds(const struct build_question *q);

bool sample_rate_text(const struct rate_question *q, struct buf *out);
bool sample_window_text(const struct window_question *q, struct buf *out);
bool sample_builds_text(const struct build_question *q, struct buf *out);
json_t *sample_rate_json(const struct rate_question *q);
json_t *sample_window_json(const struct window_question *q);
json_t *sample_builds_json(const struct build_question *q);

#endif
