/* smtp_listener.h - our own MTA's answering side over SMTP and LMTP: mail routed to mailboxes of ours, next hops, and reports.
 *
 * What is accepted goes through correlate_read() once for every mailbox it is for, with Return-Path and Delivered-To in front
 * as a delivery would have them; a copy is journalled (EV_SEEN), a report likewise. It is answered 250 when it is in the
 * journal's buffer, else 451. A message whose 250 was lost is sent again, and is another copy: SMTP cannot tell, and nor
 * can its users. Recipients who are in no mailbox of the profile are refused (550), but for postmaster, unless the profile says
 * listen.any. Callers come from this machine or the networks that the profile's safety lists. All on the desk's loop.
 */
#ifndef PROBES_SMTP_LISTENER_H
#define PROBES_SMTP_LISTENER_H

#include "probes/probe.h"

struct smtp_listener;

/* Listens at once, so that the site can reach us when it is armed; what comes before smtp_listener_begin() is not taken (for
 * now). */
struct smtp_listener *smtp_listener_create(struct loop *loop, const struct run_clock *clock,
                                           const struct profile *p, struct err *e);
struct net_addr smtp_listener_addr(const struct smtp_listener *l, bool lmtp); /* family 0: none */
void smtp_listener_destroy(struct smtp_listener *l);                          /* NULL is fine */
/* The journal, key, corpus and correlation are there: by the muster, which ends it before they go. */
void smtp_listener_begin(struct smtp_listener *l, const struct probe_context *c);
void smtp_listener_end(struct smtp_listener *l); /* NULL is fine; nothing is taken any more */

struct smtp_listener_counts {
    uint64_t messages, copies, reports;
    uint64_t foreign;   /* readings that were of nothing of this run */
    uint64_t strangers; /* recipients that were refused */
    uint64_t refused;   /* messages that were not taken */
    uint64_t trouble;   /* callers that were refused, or broke off, or talked nonsense */
    const char *why;    /* the last of them, in words */
};

const struct smtp_listener_counts *smtp_listener_counts(const struct smtp_listener *l);

#endif
