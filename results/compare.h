/* compare.h - runs side by side, and what may be said of the difference between one and the next.
 *
 * The unit is the move: it loses something or it does not, and messages of one move share its fate. Each pair of neighbours is
 * asked the same questions; Fisher's test counts moves, a permutation of whole moves counts copies, and both are corrected
 * together (Holm) over all that was asked. All memory is the arena's. One thread.
 */
#ifndef RESULTS_COMPARE_H
#define RESULTS_COMPARE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/err.h"
#include "results/classify.h"
#include "results/manifest.h"
#include "results/permutation.h"
#include "results/stats.h"

#define COMPARED_MAX       64
#define COMPARE_ALPHA      0.05
#define COMPARE_POWER      0.8
#define COMPARE_POINTS     0.1 /* a difference worth asking for, where the shares seen are the same */
#define COMPARE_QUESTIONS  32
#define COMPARE_IN_WORDS   3 /* so many runs are compared in sentences too; more by tables alone */
#define COMPARE_WINDOW_MAX 2000000u /* copies; of longer runs the window is not looked for */

/* ------------------------------------------------------------------------------------------- one run (compare_read.c) */

struct compared_window { /* where in a move harm lies, relative to `mark` */
    bool looked_for, known, conclusive;
    const char *mark, *why; /* why: not looked for */
    int64_t low_ns, high_ns;
    int64_t begin_low_ns, begin_high_ns, end_low_ns, end_high_ns; /* INT64_MIN, _MAX: unbounded */
    uint64_t shots;
};

struct compared {    /* what a comparison needs of one run */
    char name[96];   /* profile and variant, or target where that tells them apart */
    char label[112]; /* what tells it from the others of this comparison: "sp4", "5.5-sp3 #2" */
    char profile[64], variant[64];
    char target[64]; /* "lab 5.5-sp3" */
    char folder[96]; /* what leads there left out; for people alone, as it may be moved */
    char id[24];     /* of the run, 16 digits; simulated runs of one seed share it */
    char verdict[16];
    uint64_t seed_print; /* equal where the messages were the same */
    uint64_t planned, classes[CLASS_COUNT], primaries[CLASS_COUNT], lost_but_alternate;
    uint64_t accept_p99_us, end_p99_us; /* from the plan to the acceptance, to the sighting */
    bool saturated;                     /* latencies are not certified, so they are not compared */
    bool simulated; /* on simulated time: no machine had a part in its latencies */
    bool stopped;   /* by its stop rule: its moves were not counted out beforehand */
    bool cut_short; /* killed, interrupted, or it goes on: the account of what was until then */
    struct manifest_prints prints;
    uint64_t (*moves)[CLASS_COUNT];  /* of those that were done */
    uint32_t move_count, moves_void; /* void: planned and not done; they say nothing */
    struct compared_window window;
};

/* From summary.json and manifest.json; a run that never got a summary is judged from its journal. */
bool compared_read(struct compared *c, struct arena *a, const char *run_dir, struct err *e);
/* Judges the run for its window. false: the run cannot be read. */
bool compared_find_window(struct compared *c, struct arena *a, const char *run_dir, struct err *e);

/* ------------------------------------------------------------------------------------------ what is asked, what is answered */

struct question {
    const char *name; /* "silence", "delivery", an axis, or a class */
    const char *harm; /* "N moves ...": what a move did that is counted */
    uint32_t classes; /* 1 << class: a copy of these is harm */
    bool headline;
};

enum shown {
    SHOWN_NEITHER, /* it happened in neither */
    SHOWN_NOT,
    SHOWN_BETTER, /* the second is */
    SHOWN_WORSE,
};

struct assumed { /* what an arm would have, were its unknown copies all harm, or none */
    struct proportion units;
    struct proportion *list; /* per move; NULL by copy */
    uint32_t count;
};

struct arm {
    struct proportion units;  /* with harm, of those that say something; moves, or copies */
    struct proportion copies; /* with harm, of those near these moves */
    uint32_t open;            /* moves left out: no harm so far, and unknown copies */
    double icc, design_effect;
    bool estimable;
    const struct proportion *list; /* per move; NULL by copy */
    struct assumed worst, best;    /* tests take the one that speaks against what was seen */
};

struct answer {
    struct question question;
    uint32_t
        same_as; /* of an earlier question, moves and copies are the very same; else its own index */
    struct arm a, b;
    double fisher, fisher_adjusted; /* two-sided, on units */
    struct permutation deal;        /* one-sided, in the direction that was seen */
    double dealt, dealt_adjusted;   /* two-sided: twice that; 1 by copy */
    enum shown in_units, in_copies, all;
    struct interval difference; /* of the share of units, b minus a: 95 % */
    double better;              /* P(b has the lower share) */
    bool searched, can_show;    /* searched: for the least; can: so many units can show something */
    struct proportion least_a, least_b; /* the smallest difference beside what one of them had */
    uint64_t
        needed; /* units each, were aim_a and aim_b the true shares; SAMPLE_NEVER; 0: not asked */
    double aim_a,
        aim_b;       /* what was seen, or COMPARE_POINTS apart where that would never be shown */
    bool aims_apart; /* the latter */
};

enum {
    DIFFER_LOADS = 1,
    DIFFER_MAILBOXES = 2,
    DIFFER_MOVES = 4,
    DIFFER_ACTIONS = 8,
    DIFFER_UNSAID = 16
};

struct pair {
    const struct compared *a, *b;
    unsigned differ; /* DIFFER_ bits: plans are not the same */
    bool by_move;    /* else by copy: one of them moved nothing */
    bool same_seed;  /* the same messages */
    struct answer answers[COMPARE_QUESTIONS];
    uint32_t answer_count;
};

struct comparison {
    const struct compared *runs;
    uint32_t count;
    struct pair *pairs; /* count - 1: neighbours */
    uint32_t tests;     /* that Holm's correction counts */
};

/* Of two runs or more, which are copied and given labels. Neighbours of different plans: EX_BAD_USAGE, unless forced (then
 * pair.differ says so). */
struct comparison *comparison_make(struct arena *a, const struct compared *runs, uint32_t count,
                                   bool force, struct err *e);
const char *plans_differ(unsigned differ, char *out, size_t room); /* "loads and moves" */

/* compare_test.c */
uint32_t compare_questions(const struct pair *p, struct question out[COMPARE_QUESTIONS]);
bool pair_answer(struct pair *p, struct arena *a, struct err *e);
/* Holm's correction over these p-values, in place of each its adjusted one. count * log(count). */
void holm_adjust(double **p, uint32_t count);
/* After the adjustment. alpha: what a p-value of one test alone must not exceed to be shown whatever the others say. */
void answer_conclude(struct answer *q, double alpha);

/* ----------------------------------------------------------------------------------------- windows (compare_window.c) */

struct extent {       /* of all windows and the mark, with a margin */
    const char *mark; /* which all are relative to; NULL: there is no window, or marks differ */
    bool any;
    double from_ns, to_ns;
};

struct extent compared_extent(const struct comparison *c);
double extent_place(const struct extent *x, int64_t ns); /* 0..1; unbounded ones lie at the ends */
bool compare_text_windows(const struct comparison *c, struct buf *out);

/* ------------------------------------------------------------------------------------------------------------- in words */

const char *compared_word(const struct compared *c); /* its label, or its name where it has none */
const char *shown_words(const struct answer *q);     /* "better", "not shown", ... */
/* A question whose row would repeat one above it has none, unless it is asked by name. */
bool answer_has_row(const struct pair *p, uint32_t i);
bool say_change(const struct compared *a, const struct compared *b, struct buf *out);
/* "sp4 is better in silence; a difference was not shown in delivery": one line. */
bool say_conclusion(const struct pair *p, struct buf *out);
bool say_too_few(const struct pair *p, struct buf *out); /* a line, or none */
/* One question with its numbers, one sentence. */
bool say_answer(const struct pair *p, const struct answer *q, struct buf *out);
/* What must be known beside the numbers, a line each; first the warning that plans differ. */
bool say_caveats(const struct pair *p, struct buf *out);
bool say_plans(const struct pair *p, struct buf *out); /* that warning alone, if there is need */
bool say_method(const struct comparison *c, struct buf *out);
uint64_t compared_owed(const struct compared *c);
const char *say_p(char *out, size_t room, double p);         /* "0.0123", "< 0.0001" */
const char *say_share(char *out, size_t room, double share); /* "-12 %" */
const char *say_chance(char *out, size_t room, double p);    /* "97.3 %", "> 99.9 %" */

/* ------------------------------------------------------------------------------------------------------------- the forms */

/* in_full: with the tables of tests; else what a run says at its end. */
bool compare_text(const struct comparison *c, bool in_full, struct buf *out, bool color);
bool compare_json(const struct comparison *c, struct buf *out, struct err *e);
bool compare_html(const struct comparison *c, struct buf *out, struct err *e);

#endif
