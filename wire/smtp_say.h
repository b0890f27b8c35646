/* smtp_say.h - the commands that carry parameters: MAIL and RCPT, with what the server announced it understands.
 *
 * false: they do not fit in the buffer any more.
 */
#ifndef WIRE_SMTP_SAY_H
#define WIRE_SMTP_SAY_H

#include "wire/smtp_client.h"

bool smtp_say_mail(struct buf *b, const struct smtp_mail *m, unsigned extensions);
bool smtp_say_rcpt(struct buf *b, const struct smtp_mail *m, uint32_t rcpt, unsigned extensions);

#endif
