/* p1_bind.h - MTABind: who an MTA says it is when an association is opened, and the answer.
 *
 * The octets are what stands in RTSE's open data. In X.410 mode (1984, and Exchange's "1988 X.410 mode") they are bare; in
 * normal mode an argument is wrapped in b0, a result in b1, an error in b2. Readers take either, and "no data" (80 00) as an
 * anonymous bind. Pure; any thread.
 */
#ifndef WIRE_X400_P1_BIND_H
#define WIRE_X400_P1_BIND_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"
#include "wire/x400/ber.h"

#define P1_BIND_MAX 256u /* octets that p1_bind_write() can need */

enum p1_bind_wrap { P1_BIND_BARE, P1_BIND_ARGUMENT, P1_BIND_RESULT };

enum p1_bind_error {
    P1_BIND_BUSY = 0,
    P1_BIND_AUTHENTICATION = 2,
    P1_BIND_DIALOGUE_MODE = 3,
    P1_BIND_SECURITY_CONTEXT = 4,
    P1_BIND_CONFIDENTIALITY = 5,
};

struct p1_bind {
    bool named;            /* else anonymous: nothing below counts */
    struct slice name;     /* of the MTA, at most 32 */
    struct slice password; /* at most 64; may be empty */
    bool octets;           /* the password is an OCTET STRING, not IA5 */
    bool strong;           /* read only: credentials other than a password */
};

void p1_bind_write(struct ber_out *o, enum p1_bind_wrap wrap, const struct p1_bind *b);
bool p1_bind_read(struct slice octets, struct p1_bind *b, struct err *e);

void p1_bind_error_write(struct ber_out *o, bool wrapped, enum p1_bind_error error);
bool p1_bind_error_read(struct slice octets, int32_t *error); /* bare or in b2 */

#endif
