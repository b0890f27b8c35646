/* cotp.h - transport class 0 (X.224) over RFC 1006: connect, refuse, cut into TPDUs, put together again.
 *
 * The one layer that cuts. Class 0 has no disconnect of its own: after the last SPDU the TCP connection is closed.
 */
#ifndef WIRE_X400_COTP_H
#define WIRE_X400_COTP_H

#include "wire/x400/stack.h"
#include "wire/x400/tpkt.h"

#define COTP_TPDU_MAX 65531u /* where no size is negotiated over RFC 1006 */

enum cotp_state { COTP_CALLED, COTP_CALLING, COTP_OPEN, COTP_CLOSED };

struct cotp {
    struct layer l;
    struct tpkt tpkt;
    enum cotp_state state;
    uint16_t our_ref, their_ref;
    uint32_t size;           /* octets of the longest TPDU, its head included */
    struct slice head, body; /* of the TSDU that is being cut: what is still to go */
    struct buf tsdu;         /* being put together */
    bool cut, drop;          /* it grew too long; it was handed on */
    size_t tsdu_max;
};

void cotp_init(struct cotp *c, struct stack *s, size_t tsdu_max);
void cotp_fini(struct cotp *c);
void cotp_begin(struct cotp *c);
void cotp_call(struct cotp *c); /* initiator: CR */
/* One TPDU; up goes SV_TRANSPORT_UP, SV_TRANSPORT_GONE, or a TSDU as SV_DATA. */
bool cotp_hear(struct cotp *c, struct slice tpdu, struct err *e);
void cotp_pump(struct cotp *c); /* cuts as much as the output has room for */
void cotp_stop(struct cotp *c); /* nothing more is said or heard */
const char *cotp_reason(int reason);

extern const struct layer_ops cotp_ops;

#endif
