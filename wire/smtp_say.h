/* smtp_say.h - the commands that carry parameters: MAIL and RCPT, with what the server announced it understands; and BDAT.
 *
 * Written with a pen into smtp_say_room() octets, reckoned once for all the commands of a message.
 */
#ifndef WIRE_SMTP_SAY_H
#define WIRE_SMTP_SAY_H

#include "wire/smtp_client.h"
#include "wire/smtp_pen.h"

/* Octets that suffice for MAIL, every RCPT, and DATA or BDAT. */
size_t smtp_say_room(const struct smtp_mail *m);
void smtp_say_mail(struct pen *w, const struct smtp_mail *m, unsigned extensions);
void smtp_say_rcpt(struct pen *w, const struct smtp_mail *m, uint32_t rcpt, unsigned extensions);
void smtp_say_bdat(struct pen *w, uint64_t octets, bool last);

#endif
