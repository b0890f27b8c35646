/* send_p1.h - X.400 P1 over the associations of one thread: `sender_p1`, a row of the table of senders.
 *
 * A load's associations on this thread are opened as they are needed, up to `connections`, and stay open; each has one
 * message under way. Whatever is decided during a wakeup leaves an association in one write: for a message of up to 64 KB
 * its start, octets and end. A message in doubt stays with its association's place and is sent again, octet for octet, when
 * that has a new association (load.resend). Two-way alternate: the peer gets the turn between messages when it asks.
 */
#ifndef LOADGEN_SEND_P1_H
#define LOADGEN_SEND_P1_H

#include "loadgen/sender_ops.h"

extern const struct sender_ops sender_p1;

#endif
