/* p1_orders.h - what a load's X.400 messages are made of on one thread: addresses and envelopes, encoded once.
 *
 * Made when the load is opened: the O/R name of every mailbox that writes or is written to, by the profile's templates, and
 * the template of its messages (wire/x400/p1_template.h). After that a message costs copies and patches, and no memory.
 * Canaries go to pm-no-such-user, ask for a report of non-delivery whatever the load asks for, and may not go to anybody else.
 */
#ifndef LOADGEN_P1_ORDERS_H
#define LOADGEN_P1_ORDERS_H

#include "loadgen/sender_ops.h"

struct p1_orders;

/* EX_BAD_PROFILE names the mailbox and the attribute that do not fit. */
struct p1_orders *p1_orders_create(const struct sender_load *l, struct err *e);
void p1_orders_destroy(struct p1_orders *o); /* NULL is fine */

size_t p1_orders_most(struct p1_orders *o); /* octets of the largest APDU */
/* Unix time of the target now; where there is no wall clock (simulated runs) of 2026 on. */
int64_t p1_orders_now_s(const struct p1_orders *o);
/* The APDU of this message, at the end of the room, which is large enough; sent `now_s`. */
struct slice p1_orders_fill(struct p1_orders *o, const struct sender_item *item, int64_t now_s,
                            void *room, size_t n);

#endif
