/* smtp_offer.h - what the answering side of SMTP writes: reply lines, and what it offers in answer to EHLO.
 *
 * Where ENHANCEDSTATUSCODES is not offered no reply has such a code. Pure; any thread.
 */
#ifndef WIRE_SMTP_OFFER_H
#define WIRE_SMTP_OFFER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"

/* All return false where there is no room or no memory. */

/* "250 2.1.0 sender taken", as it stands or without its code (lacks: SMTP_LACKS_ bits). */
bool smtp_offer_say(struct buf *out, unsigned lacks, const char *line);
/* To HELO. */
bool smtp_offer_helo(struct buf *out, const char *name);
/* To EHLO and LHLO. */
bool smtp_offer_ehlo(struct buf *out, const char *name, unsigned lacks, size_t size_max, bool tls);

#endif
