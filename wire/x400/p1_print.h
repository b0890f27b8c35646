/* p1_print.h - APDUs and contents as text for people: one fact a line, numbers with their names.
 *
 * What a peer said is made harmless first (text_clean, oraddr_print). Pure; any thread.
 */
#ifndef WIRE_X400_P1_PRINT_H
#define WIRE_X400_P1_PRINT_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "wire/x400/content.h"
#include "wire/x400/p1.h"

/* The arena is for the content, which is read too where it is an IPM or a notification. false: no room. */
bool p1_print(const struct p1_apdu *apdu, struct arena *a, struct buf *out);
bool content_print(const struct content *c, unsigned indent, struct buf *out);

#endif
