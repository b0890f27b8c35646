/* p1_dump.h - a file with octets of X.400 as text for people, whatever it begins with.
 *
 * An MTS-APDU; an EXTERNAL or P-DATA around one; an interpersonal message alone; a TSDU (session SPDUs); or TPKTs as they went
 * over TCP, whose segments are put together per activity. Files of hex (as tests/golden/x400 has them) are taken for what
 * they spell. Passwords are counted, not shown. Pure; any thread.
 */
#ifndef WIRE_X400_P1_DUMP_H
#define WIRE_X400_P1_DUMP_H

#include <stdbool.h>

#include "base/bytes.h"
#include "base/err.h"

#define P1_DUMP_MAX ((size_t)64 << 20) /* octets of a file */

/* What could be read stands in `out` even after a failure. */
bool p1_dump(struct slice file, struct buf *out, struct err *e);

#endif
