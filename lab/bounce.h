/* bounce.h - writes reports as Exchange's users saw them, or as RFC 3464. Pure: text in, text out.
 *
 * Nothing here is shared with what reads reports: the sentences are typed in a second time, from the articles.
 */
#ifndef LAB_BOUNCE_H
#define LAB_BOUNCE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

enum bounce_kind { BOUNCE_FAILED, BOUNCE_DELIVERED, BOUNCE_DELAYED }; /* delayed: a DSN always */

struct bounce {
    enum bounce_kind kind;
    bool as_dsn;
    int generation;    /* 40, 50, 55, 60 */
    const char *build; /* "5.5.2650" */
    const char *domain, *site, *server, *component;
    uint64_t id; /* of the report itself */
    uint64_t sent_ns, now_ns;
    struct slice to;             /* the originator's address */
    struct slice subject;        /* as in the original, folded or not */
    struct slice name;           /* how the text calls the recipient */
    struct slice address, orcpt; /* Final-Recipient, Original-Recipient */
    struct slice envid;          /* empty: none */
    struct slice mts_id;         /* of the original: "c=US;a= ;p=LAB;l=..." */
    struct slice original;       /* content; returned by the DSN only */
    bool headers_only;           /* RET=HDRS */
    int reason, diag;            /* X.411; diag 255: none */
};

bool bounce_write(struct buf *out, const struct bounce *b); /* false: over the buffer's limit */
const char *bounce_sentence(int reason, int diag);
/* What a report says of the recipient, in the DSN as in the truth: RFC 3464's action, RFC 3463's status. */
const char *bounce_action(enum bounce_kind kind);
const char *bounce_status(enum bounce_kind kind, int reason, int diag);

#endif
