/* p1_template.h - a sender's messages: everything that stays the same is encoded once, a message costs copies and patches.
 *
 * The token stands in the MTS identifier (pm.<token>), the content identifier (short form), the content correlator, the
 * identifier of the IPM, the subject and the first line of the body; arrival times and, if asked for, deferred and latest
 * delivery times are patched too. Addresses come encoded: each mailbox's once, by oraddr_put(). The octets are those that
 * p1_write() would give. A template belongs to one thread; messages are pure functions of the order and `now_s`, so that a
 * resend with the same `now_s` is the same octets.
 */
#ifndef WIRE_X400_P1_TEMPLATE_H
#define WIRE_X400_P1_TEMPLATE_H

#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"
#include "wire/smtp_text.h"
#include "wire/token.h"
#include "wire/x400/oraddr.h"
#include "wire/x400/p1.h"

struct p1_template;

struct p1_template_setup {
    enum x400_year year;
    struct oraddr_domain domain; /* ours: of identifier and trace */
    struct slice mta;            /* our MTA's name, for internal trace (1988); empty: none */
    int32_t content_type;        /* CONTENT_P2 or CONTENT_P22 */
    int32_t priority;            /* enum p1_priority */
    uint32_t indicators;         /* P1_ALTERNATE_ALLOWED .. */
    uint32_t ask;                /* of each recipient: P1_ASK_BOTH .. */
    bool correlator;             /* 1988: extension 23 */
    bool no_reassignment;        /* 1988: extension 1 */
    bool no_expansion;           /* 1988: extension 3 */
    struct slice subject;        /* at most 80 octets; " [pm.<token>]" is appended */
};

struct p1_template *p1_template_create(const struct p1_template_setup *s, struct err *e);
void p1_template_destroy(struct p1_template *t); /* NULL is fine */

struct p1_addressee {
    struct slice name;      /* an ORName with tag 0x60 */
    struct slice alternate; /* 1988: requested by the originator; empty: none */
};

struct p1_order {
    uint64_t number;
    const struct token_key *key;
    struct slice from; /* an ORName with tag 0x60 */
    const struct p1_addressee *to;
    uint32_t recipients;
    int64_t now_s, deferred_s, latest_s; /* Unix time; 0: none */
    const struct smtp_text *body;        /* by smtp_text_compose_body(), seven bits */
};

/* No message of this order is larger. */
size_t p1_template_most(const struct p1_template *t, const struct p1_order *x);
/* Writes the APDU to the end of the room; empty: no room. */
struct slice p1_template_fill(struct p1_template *t, const struct p1_order *x, void *room,
                              size_t n);

#endif
