/* report_private.h - what the readers of one report share: report.c, report_status.c, report_prose.c. */
#ifndef WIRE_REPORT_PRIVATE_H
#define WIRE_REPORT_PRIVATE_H

#include "wire/report.h"

/* A new recipient; NULL when there are too many or the arena is full. */
struct report_recipient *report_add(struct arena *a, struct report *r);
/* NUL-terminated copy with folding undone; never NULL ("" when the arena is full). */
const char *report_copy(struct arena *a, struct slice s);
/* "rfc822; <joe@x> (comment)" to the bare address; unchanged words where it is none. */
struct slice report_address(struct slice s);
bool report_status(struct slice text, unsigned status[3]); /* the first "5.1.1" in it */
unsigned report_reply(struct slice text);                  /* the first 4yz or 5yz word; 0 none */

/* The groups of a message/delivery-status; adds its recipients. */
void report_read_status(struct arena *a, struct slice groups, struct report *r);
/* Exchange 4.0, 5.0 and 5.5 (spec/exchange.md 5): false when the text is not of that shape. */
bool report_read_exchange(struct arena *a, struct slice text, struct report *r);
/* Anybody's prose: addresses near words of failure, above the returned message. */
bool report_read_prose(struct arena *a, struct slice mail, struct report *r);

#endif
