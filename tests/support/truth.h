/* truth.h - does the verdict say what the lab's truth file says, copy by copy?
 *
 * Reads the truth.tsv of a lab that has ended (lab/truth.h has its format), derives from its facts the class that each
 * copy should have, by a plain chain of its own written from DESIGN's table, and compares it with the class that results/
 * gave. Of the harness only the end of each transaction is taken (only the sender knows it), and held against the lab: what
 * was accepted the lab accepted, what was refused, cut off or never tried it did not. Tests only; one thread.
 */
#ifndef TESTS_SUPPORT_TRUTH_H
#define TESTS_SUPPORT_TRUTH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "results/classify.h"
#include "results/ledger.h"
#include "results/manifest.h"

enum truth_view {
    TRUTH_WHOLE, /* the run saw everything: its class is the truth's, and unknown is never right */
    TRUTH_BLIND, /* it did not see the queues: what is silent is unknown, and nothing else is */
    TRUTH_HASTY, /* it gave up settling: unknown is right, what it does say is true as of then */
    TRUTH_RESUMED, /* it died and was resumed: unknown is right, what it does say is true, of silence too */
    TRUTH_KILLED, /* it was cut off: silence is never final, what it does say is true */
};

struct truth_score {
    uint64_t copies, wrong;
    uint64_t lines;                /* of the truth file, about messages of this run */
    uint64_t classes[CLASS_COUNT]; /* as the verdict has them */
    char first[900];               /* the first wrong copy, in words; "" if none */
};

bool truth_is_silence(enum outcome c); /* a class that only final silence proves */
/* false: something cannot be read. A wrong copy is no error but counted. */
bool truth_compare(const struct manifest *m, const struct ledger *l, const char *truth_path,
                   enum truth_view view, struct truth_score *s, struct err *e);

#endif
