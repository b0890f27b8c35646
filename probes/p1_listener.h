/* p1_listener.h - our own X.400 MTA's answering side: what the site sends to mailboxes of ours, and its reports.
 *
 * Messages are correlated by MTS identifier, then content identifier, then content correlator, then content (p1_identify), their
 * recipients by O/R address; a copy is journalled (EV_SEEN) at once. Reports go to ndr_take_p1(). What is about no message of
 * this run is counted apart (FIND_FOREIGN). An APDU is acknowledged when it is in the journal's buffer. A message whose
 * association broke before its answer can have arrived may come again: then it is taken, and is no second copy. `probe_ours` is
 * the row of the probe table: one mailbox of ours, always completely known. All on the desk's loop.
 */
#ifndef PROBES_P1_LISTENER_H
#define PROBES_P1_LISTENER_H

#include "probes/probe.h"

struct p1_listener;

/* Listens at once, so that the site can be told where; APDUs that come before p1_listener_begin() are not taken (for now).
 * The profile's server `ours` gets its end point. Who may call is looked up in the profile when he calls. */
struct p1_listener *p1_listener_create(struct loop *loop, const struct run_clock *clock,
                                       const struct profile *p, struct err *e);
struct net_addr p1_listener_addr(const struct p1_listener *l);
void p1_listener_destroy(struct p1_listener *l); /* NULL is fine */
/* The journal, key, corpus and correlation are there: by the muster, which ends it before they go. */
bool p1_listener_begin(struct p1_listener *l, const struct probe_context *c, struct err *e);
void p1_listener_end(struct p1_listener *l); /* NULL is fine; nothing is taken any more */
/* An APDU that came otherwise: on an association that a sender opened (two-way alternate). */
void p1_listener_take(struct p1_listener *l, struct slice apdu);

struct p1_listener_counts {
    uint64_t messages, copies,
        again; /* again: messages that came a second time, their answer lost */
    uint64_t reports, probes;
    uint64_t foreign; /* messages and reports that are not of this run */
    uint64_t refused; /* APDUs that were not taken */
    uint64_t trouble; /* callers that were refused, or broke off */
    const char *why;  /* the last of them, in words */
};

const struct p1_listener_counts *p1_listener_counts(const struct p1_listener *l);

#endif
