/* roff.h - text of tables in manual pages. Pure; any thread. */
#ifndef BASE_ROFF_H
#define BASE_ROFF_H

#include <stdbool.h>

#include "base/bytes.h"

/* A hyphen becomes a minus, a backslash itself, a dot or quote at the beginning is no request, backquotes are left out.
 * `text` begins a line or stands within one. false: over the limit of `out`. */
bool roff_text(struct buf *out, const char *text);

/* Cuts the lines of text from octet `from` on at spaces, so that none is longer than 80; requests and tables stay. */
void roff_fold(struct buf *out, size_t from);

#endif
