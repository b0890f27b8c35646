/* send_smtp.h - ESMTP over the connections of one thread: `sender_smtp`, a row of the table of senders.
 *
 * A load's connections on this thread are opened as they are needed, up to `connections`, and stay open. One message at a
 * time per connection; with PIPELINING the next one's envelope follows in the same write as the text before it. Whatever
 * is decided during a wakeup leaves a connection in one writev.
 */
#ifndef LOADGEN_SEND_SMTP_H
#define LOADGEN_SEND_SMTP_H

#include "loadgen/sender_ops.h"

#define SEND_ARM_NS         (30 * NS_PER_S)  /* loop time that one try to arm may take */
#define SEND_BACKOFF_MIN_NS (50 * NS_PER_MS) /* between tries to connect, doubled up to: */
#define SEND_BACKOFF_MAX_NS (2 * NS_PER_S)

#endif
