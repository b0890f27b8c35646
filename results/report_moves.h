/* report_moves.h - moves for a report that does not show them all: those that lost something come first, with the first copies of
 * each class that is no good. One walk over the copies, and none where nothing is bad.
 */
#ifndef RESULTS_REPORT_MOVES_H
#define RESULTS_REPORT_MOVES_H

#include <stdbool.h>
#include <stdint.h>

#include "results/report_stream.h"

#define FIRSTS 3

struct shown_move {
    uint32_t move;
    uint64_t bad; /* copies near it in a class that violates an axis */
    uint8_t firsts[CLASS_COUNT];
    uint64_t first[CLASS_COUNT][FIRSTS]; /* message numbers */
};

struct shown_moves {
    struct shown_move *all; /* in order of their numbers */
    uint32_t count, left_out;
};

bool class_is_bad(enum outcome o); /* a violation on some axis, or not known at all */
/* At most `cap` of them; losing: only those with bad copies, or that failed or were disproved. false: out of memory. */
bool moves_choose(struct shown_moves *m, const struct report_source *s, uint32_t cap, bool losing,
                  struct err *e);
void moves_release(struct shown_moves *m);

#endif
