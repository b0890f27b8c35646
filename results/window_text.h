/* window_text.h - where in a move the losses of a judged run lie: `postmuster window`, as text or JSON.
 *
 * A shot is a primary copy accepted near a move that was carried out: lost, or delivered; its phase is the time of acceptance minus
 * a mark of that move. Each mark is tried (asked, copy, flipped, done); the losses of a real race huddle closest around the
 * mark that causes them. Copies of other fates say nothing here and are only counted.
 */
#ifndef RESULTS_WINDOW_TEXT_H
#define RESULTS_WINDOW_TEXT_H

#include "base/bytes.h"
#include "results/judge.h"

struct window_request {
    uint32_t losses; /* 1 << class: what counts as lost; 0: what the gates count */
    bool json, color;
};

/* false: no memory. Cost: 24 bytes a shot, sorted once a mark. */
bool window_text(const struct run_record *r, const struct window_request *q, struct buf *out,
                 struct err *e);

#endif
