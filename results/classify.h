/* classify.h - facts about one copy to exactly one class: DESIGN's 22 rows as data, the first that holds. Pure; any thread.
 *
 * Each class also says how it is judged on two axes: responsibility (accepted means delivered or reported) and
 * transparency (the mailbox existed all along, so a report, a loss, a copy too many is the move's fault).
 */
#ifndef RESULTS_CLASSIFY_H
#define RESULTS_CLASSIFY_H

#include <stdbool.h>
#include <stdint.h>

#include "results/event.h"

enum owed { OWED, ALLOWED, BARRED };

struct facts {
    enum ending k; /* how the send ended; END_NONE: never attempted */
    enum owed owed;
    uint8_t h;  /* intact copies at home: 0, 1, 2 (or more) */
    bool b;     /* a corrupted copy */
    bool o;     /* a copy elsewhere */
    bool l;     /* a copy at an old home only */
    bool v;     /* seen once, nowhere now */
    bool q;     /* in a queue */
    bool f;     /* a failed report to the originator */
    bool w;     /* a failed report to anyone else */
    bool z;     /* silence is final */
    bool asked; /* silence was asked for */
};

enum axis { AXIS_OK, AXIS_WARNING, AXIS_VIOLATION, AXIS_OPEN, AXIS_INVALID };

#define CLASSES(X)                                                                                 \
    /* id, name, responsibility, transparency, what became of the copy ("N of M copies ...") */    \
    X(CLASS_NOT_OWED, "not-owed", OK, OK, "were not owed")                                         \
    X(CLASS_PHANTOM, "phantom", INVALID, INVALID, "were seen although they were never sent")       \
    X(CLASS_NOT_SENT, "not-sent", OK, OK, "were not sent")                                         \
    X(CLASS_MISDELIVERED, "misdelivered", VIOLATION, VIOLATION, "were put in a wrong mailbox")     \
    X(CLASS_CORRUPTED, "corrupted", VIOLATION, VIOLATION, "arrived changed")                       \
    X(CLASS_REFUSED_BUT_TAKEN, "refused-but-taken", VIOLATION, VIOLATION,                          \
      "were refused or cut off, and arrived nevertheless")                                         \
    X(CLASS_REFUSED_AND_NDR, "refused-and-ndr", WARNING, WARNING,                                  \
      "were refused, and reported as well (backscatter)")                                          \
    X(CLASS_REFUSED_TEMPORARY, "refused-temporary", OK, WARNING,                                   \
      "were refused for now (4xx; X.400: exception 1)")                                            \
    X(CLASS_REFUSED_PERMANENT, "refused-permanent", OK, VIOLATION,                                 \
      "were refused for good (5xx; X.400: any other exception)")                                   \
    X(CLASS_ABORTED, "aborted", OK, OK, "were cut off before they were whole")                     \
    X(CLASS_CONTRADICTION, "contradiction", VIOLATION, VIOLATION,                                  \
      "were delivered, and reported as undeliverable")                                             \
    X(CLASS_DUPLICATED, "duplicated", WARNING, VIOLATION, "were delivered more than once")         \
    X(CLASS_DELIVERED_RESIDUE, "delivered-residue", OK, WARNING,                                   \
      "were delivered, and also left at an old home")                                              \
    X(CLASS_DELIVERED, "delivered", OK, OK, "were delivered")                                      \
    X(CLASS_LEFT_BEHIND, "left-behind", VIOLATION, VIOLATION,                                      \
      "were left behind: only the old home has them")                                              \
    X(CLASS_VANISHED, "vanished", VIOLATION, VIOLATION, "were visible once and are gone")          \
    X(CLASS_NDR_BUT_QUEUED, "ndr-but-queued", WARNING, VIOLATION,                                  \
      "were reported as undeliverable and still stand in a queue")                                 \
    X(CLASS_STRANDED, "stranded", VIOLATION, VIOLATION,                                            \
      "stand still in a server's queue, neither delivered nor reported (stranded)")                \
    X(CLASS_NDR, "ndr", OK, VIOLATION,                                                             \
      "were reported as undeliverable although their mailboxes existed all along")                 \
    X(CLASS_NDR_MISROUTED, "ndr-misrouted", VIOLATION, VIOLATION,                                  \
      "were reported as undeliverable to somebody other than their originator")                    \
    X(CLASS_UNKNOWN, "unknown", OPEN, OPEN, "are unknown: their silence is not final")             \
    X(CLASS_IN_DOUBT_SILENT, "in-doubt-silent", OK, OK,                                            \
      "were in doubt when sent, and nothing came of them")                                         \
    X(CLASS_SILENT_BY_REQUEST, "silent-by-request", OK, VIOLATION,                                 \
      "are gone without a report, as the sender had asked")                                        \
    X(CLASS_SILENT_LOSS, "silent-loss", VIOLATION, VIOLATION, "were lost in silence")

enum outcome {

#define X(id, name, responsibility, transparency, became) id,
    CLASSES(X)
#undef X
        CLASS_COUNT
};

#define FLAGS(X)                                                                                   \
    X(FLAG_LATE, "late")                                                                           \
    X(FLAG_DOUBT, "doubt")                                                                         \
    X(FLAG_DELAYED_REPORT, "delayed-report")                                                       \
    X(FLAG_ALTERNATE_DELIVERED, "alternate-delivered")                                             \
    X(FLAG_MALFORMED_REPORT, "malformed-report")                                                   \
    X(FLAG_DUPLICATE_REPORT, "duplicate-report")                                                   \
    X(FLAG_WRONG_STATUS, "wrong-status")                                                           \
    X(FLAG_LOOP, "loop")                                                                           \
    X(FLAG_ATTRIBUTION_WEAK, "attribution-weak")                                                   \
    X(FLAG_AFTER_FINAL, "after-final")

enum flag {

#define X(id, name) id,
    FLAGS(X)
#undef X
        FLAG_COUNT
};

enum outcome classify(const struct facts *f);

/* It rests on facts that only grow: later evidence can move the copy to a class no better than this one. */
bool class_is_certain(enum outcome c);
enum axis class_responsibility(enum outcome c);
enum axis class_transparency(enum outcome c);
const char *class_name(enum outcome c);
const char *class_became(enum outcome c); /* "were delivered" */
bool class_named(const char *name, enum outcome *c);
const char *flag_name(enum flag f);
bool flag_named(const char *name, enum flag *f);

#endif
