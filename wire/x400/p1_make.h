/* p1_make.h - APDUs made from others, for whoever plays an MTA: our element of trace, a redirection, the report about a message.
 *
 * New lists are made in the arena; everything else is borrowed from what was read, which must outlive the result. Times are
 * UTCTime texts (p1_time_write). Pure; any thread.
 */
#ifndef WIRE_X400_P1_MAKE_H
#define WIRE_X400_P1_MAKE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "wire/x400/p1.h"

struct p1_mta { /* who does it */
    struct oraddr_domain domain;
    struct slice name; /* for internal trace; empty: none is written */
};

/* Puts our element behind the others of the trace, and of the internal trace. false: the arena is full. */
bool p1_trace_add(struct p1_message *m, const struct p1_mta *us, struct slice now, uint32_t other,
                  struct arena *a);

/* The recipient is someone else from now on; extension 25 says who it was. false: the arena is full. */
bool p1_redirect(struct p1_recipient *r, const struct oraddr *to, int32_t reason, struct slice now,
                 struct arena *a);
const struct oraddr *p1_intended(const struct p1_recipient *r); /* before the first redirection */

struct p1_fate {        /* of one recipient */
    uint32_t recipient; /* index in the message's list */
    bool delivered;
    struct slice time;          /* of delivery */
    int32_t reason, diagnostic; /* if not delivered; a diagnostic may be P1_NONE */
    struct slice supplementary; /* in words; empty: none */
};

struct p1_report_order {
    struct slice local_id, now; /* of the report's own identifier */
    const struct p1_fate *fates;
    uint32_t count;
};

/* Does the recipient's originating MTA want to hear of that? */
bool p1_report_wanted(const struct p1_recipient *r, bool delivered);

/* One report about as many recipients as there are fates; returns the content where that was asked for and one of them did
 * not get it. false: the arena is full. */
bool p1_report_make(struct p1_report *out, const struct p1_message *m, const struct p1_mta *us,
                    const struct p1_report_order *o, struct arena *a);

#endif
