/* secret.h - secrets are read from files that nobody else reads, and do not end up in a core.
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

#endif
