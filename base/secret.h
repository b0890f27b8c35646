/* secret.h - secrets are read from files that nobody else reads, and do not end up in a core or in words.
 */
#ifndef BASE_SECRET_H
#define BASE_SECRET_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/* The first line of the file. EX_GUARD if others may read it. `out` is wiped by the caller: explicit_bzero(). */
bool secret_read(const char *path, char *out, size_t room, struct err *e);
/* From now on this process leaves no core and cannot be traced by its user: it holds a secret. Any thread. */
void secret_held(void);
/* The same, and wherever it would be said from now on it is not: servers repeat what they were told. Short ones cannot be told from
 * words and are not noted. */
void secret_note(const char *value);
/* Stars in place of every noted secret, also where it stands in base64. Where the text was cut, its end may be the beginning of one:
 * that too, if it is no shorter than what is noted. */
void secret_hide(char *text, bool cut);

#endif
