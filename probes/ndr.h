/* ndr.h - a report to the slot it belongs to: whose message, which mailbox it names, who got it.
 *
 * The message is found by its token in whatever the report returned: ENVID, Message-ID, header, subject, return path, text.
 * The mailbox is the one named as failed, by address, name or DN: the alternate's address means the alternate. Each
 * recipient of a report is one EV_REPORT; the same report read again, at another place or after a move, has the same fingerprint.
 */
#ifndef PROBES_NDR_H
#define PROBES_NDR_H

#include "probes/probe.h"
#include "wire/report.h"

struct ndr;
struct p1_book;
struct p1_report;

struct ndr *ndr_create(const struct probe_context *c,
                       void (*canary_seen)(void *owner, uint64_t number), void *owner);
void ndr_destroy(struct ndr *n);

enum ndr_outcome {
    NDR_NO_REPORT,  /* ordinary mail, auto-replies, abuse reports */
    NDR_TAKEN,      /* journalled */
    NDR_FOREIGN,    /* about no message of this run */
    NDR_UNREADABLE, /* a report, but whom it names cannot be told */
};

enum ndr_outcome ndr_take(struct ndr *n, struct slice raw, uint32_t mailbox, uint32_t server,
                          uint64_t t_ns);

/* A report of X.400, as it came and as p1_read() took it apart; read by our own MTA (server `server`). Its message is named by
 * p1_identify()'s keys, its mailboxes by O/R address, or by number where the address is nobody's who has to do with it. */
enum ndr_outcome ndr_take_p1(struct ndr *n, const struct p1_book *book, struct slice apdu,
                             const struct p1_report *r, uint32_t server, uint64_t t_ns);
void ndr_keep_p1(struct ndr *n, struct slice apdu); /* one that cannot be read */

/* The steps, pure. */
bool ndr_token(const struct token_key *k, const struct report *r, struct slice raw,
               uint64_t *number);
uint32_t ndr_mailbox(const struct site *s, const struct report_recipient *to); /* NO_INDEX */
uint32_t ndr_fingerprint(const struct report *r, struct slice raw, uint32_t mailbox);

#endif
