/* truth.h - what really happened to each copy, written when it happens, in the manner of Exchange's tracking log.
 *
 * Truth file: one fact a line, nine fields between tabs:
 *   time_ns  number  word  message-id  recipient  role  mailbox  server  detail
 * number: Exchange's tracking event, "-" where it has none. message-id: content of that header, "-" if absent. recipient:
 * the envelope recipient as it was handed in; role: primary or alternate, so (message-id, recipient, role) names a copy
 * (of a report: the copy it is about). mailbox, server: where; "-" if nowhere. detail: name=value words, id= the
 * submission. Words about a copy:
 *   accepted     0  the site took responsibility            delivered      9  now in mailbox (uid=, validity=)
 *   transferred  7  to the next server (to=), or taken      redirected    28  primary: its alternate has it instead
 *                   from the connector (to=X400); then delivered follows with uid=0, the mailbox being foreign
 *   returned     -  the connector's front had it and says it was not taken, or the MTA restarted meanwhile (why=): nobody
 *                   here knows what the other side has seen of it
 *   alternate   28  a copy for the alternate begins         queued         -  waits (state=) and released: no longer
 *   moved        -  a move carried the item over            removed        -  item gone (why=expunged, lost, left-out)
 *   dropped      -  forgotten without a report (why=)       suppressed     -  failed, and no report was wanted
 *   failed       -  gave up (reason=, diag=); a report, or suppressed, follows
 *   planted      -  hit by a fault on purpose (fault=); move= too where a move was
 *   report      34  made (kind=failed|delivered, status=, reason=, diag=, names=, to=)
 *   report-delivered 10, report-discarded 43, report-moved, report-removed, report-returned: what became of it (mailbox,
 *                   uid=; 0: taken from the connector)
 * Words about the site: move-begun, move-copies, move-purged, move-flipped, move-done, move-failed, restart, knob,
 * component, alternate-set. At the end a line `final`, then one `copy`, `report-copy` or `entry` line for all that is
 * there.
 *
 * The same calls feed a ring of the last tracking records for the control API's track. One lab owns one truth.
 */
#ifndef LAB_TRUTH_H
#define LAB_TRUTH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "lab/mail.h"

enum tracking {
    TRACK_NONE = -1,
    TRACK_IN = 0,
    TRACK_REPORT_IN = 2,
    TRACK_OUT = 7,
    TRACK_REPORT_OUT = 8,
    TRACK_DELIVERED = 9,
    TRACK_REPORT_DELIVERED = 10,
    TRACK_REDIRECTED = 28,
    TRACK_REPORT_MADE = 34,
    TRACK_REPORT_DISCARDED = 43,
};

struct fact {
    enum tracking number;
    const char *word;
    const struct mail *mail; /* NULL: about the site */
    uint32_t recipient;      /* of mail, unless that is a report */
    enum mail_role role;
    const char *mailbox, *server; /* NULL: nowhere */
};

struct truth;

struct truth *truth_create(const char *path, struct err *e); /* path NULL: only the ring */
bool truth_destroy(struct truth *t); /* false: the file is not complete; NULL is fine */
void truth_note(struct truth *t, uint64_t now_ns, const struct fact *f, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void truth_flush(struct truth *t);

/* Tracking lines (15 fields, Q173280) of the ring in order: calls line() for each at or after since_ns. */
void truth_track(const struct truth *t, uint64_t since_ns,
                 void (*line)(void *owner, uint64_t at_ns, const char *text), void *owner);

#endif
