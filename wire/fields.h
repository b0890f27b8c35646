/* fields.h - "Name: value" lines: the header of a mail, and the groups of a delivery status. Borrowed slices; pure. */
#ifndef WIRE_FIELDS_H
#define WIRE_FIELDS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"

#define FIELDS_HEADER_MAX (256u << 10) /* a header is looked for no further than this */

struct field {
    struct slice name, value; /* value: trimmed; folded lines still have their line ends in it */
};

/* Takes the next field, with its folded lines, off *rest. false: the empty line (taken off too), or nothing left. Lines that
 * are no field ("From " of mbox files) are passed over. */
bool fields_next(struct slice *rest, struct field *f);
struct slice fields_body(struct slice mail); /* what follows the first empty line */
/* The first field of that name in the header; ASCII case ignored. */
bool fields_find(struct slice mail, const char *name, struct slice *value);
bool fields_has(struct slice text, const char *part); /* contains, ASCII case ignored */

#endif
