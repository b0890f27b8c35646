/* correlate.h - one raw message to what it is: a copy of message n, a report about one, or nothing of this run.
 *
 * Shared by the probes of a loop. Copies are told apart from reports by whose token stands where: a copy carries it in its
 * own header (or first line), a report carries the token of a message it returns. Reports are journalled here (EV_REPORT,
 * EV_CANARY), foreign mail is counted once (EV_FINDING); copies are journalled by the probe, which knows how many there are.
 */
#ifndef PROBES_CORRELATE_H
#define PROBES_CORRELATE_H

#include "probes/probe.h"

struct ours;

struct correlate *correlate_create(const struct probe_context *c,
                                   void (*canary_seen)(void *owner, uint64_t number),
                                   void *owner); /* NULL: out of memory */
void correlate_destroy(struct correlate *c);     /* NULL is fine */

enum reading_kind {
    READING_COPY,   /* of a planned message */
    READING_REPORT, /* journalled, if it is about a message of ours */
    READING_OTHER,
};

struct reading {
    enum reading_kind kind;
    bool corrupt;
    uint64_t number;
};

/* What `raw`, found in this mailbox on this server at target time t_ns, is. */
struct reading correlate_read(struct correlate *c, struct slice raw, uint32_t mailbox,
                              uint32_t server, uint64_t t_ns);

/* Do these header fields (wire/imap.h: IMAP_FIELDS) alone settle that it is a copy, and of which message? Nothing is
 * journalled. If not, the whole is to be read: a report, foreign mail, or one whose header a gateway took. */
bool correlate_settle(struct correlate *c, struct slice fields, uint64_t *number);

/* For what came otherwise than as mail (X.400): one message more was read; who reads reports; and a finding about `raw`,
 * counted once for a mailbox (NO_INDEX: none). */
void correlate_heard(struct correlate *c);
struct ndr *correlate_ndr(struct correlate *c);
void correlate_find(struct correlate *c, enum finding finding, struct slice raw,
                    const struct event *like);

/* Of our own MTA; NULL: the site has no mailboxes of ours. */
struct ours *correlate_ours(struct correlate *c);

uint64_t correlate_count(const struct correlate *c); /* messages read so far, of whatever kind */

/* The next scan epoch of a place, from 1; it goes on rising when a probe is closed and another opened. */
uint32_t correlate_epoch(struct correlate *c, uint32_t mailbox, uint32_t server);

#endif
