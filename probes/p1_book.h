/* p1_book.h - which mailbox an O/R address is: those of all mailboxes by the profile's templates, folded and hashed.
 *
 * What lives at our own MTA and what lives on the site stand in one table: an address names the same mailbox wherever it comes
 * from. Immutable once made; any thread.
 */
#ifndef PROBES_P1_BOOK_H
#define PROBES_P1_BOOK_H

#include "profiles/profile.h"
#include "wire/x400/oraddr.h"

struct p1_book;

/* NULL: two mailboxes have the same address, or an address cannot be made (EX_BAD_PROFILE); memory (EX_IO). */
struct p1_book *p1_book_create(const struct profile *p, struct err *e);
void p1_book_destroy(struct p1_book *b); /* NULL is fine */
/* Also by an RFC-822 attribute; SITE_NONE if it is nobody's. */
uint32_t p1_book_find(const struct p1_book *b, const struct oraddr *o);

#endif
