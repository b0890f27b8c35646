/* screen.h - a small terminal: what somebody would see after these octets. Knows what the live view may send, and counts all else.
 */
#ifndef TESTS_APP_SCREEN_H
#define TESTS_APP_SCREEN_H

#include "base/bytes.h"

#define SCREEN_COLUMNS_MAX 200u
#define SCREEN_ROWS_MAX    60u

struct screen {
    unsigned columns, rows, x, y;
    unsigned wraps, unknown,
        scrolled; /* lines that ran over the edge; sequences that it does not know; rows lost above */
    char cell[SCREEN_ROWS_MAX][SCREEN_COLUMNS_MAX + 1];
};

void screen_init(struct screen *s, unsigned columns, unsigned rows);
void screen_feed(struct screen *s, struct slice octets);
/* As terminals do that wrap anew: lines that are too long go on in the next; the cursor stays with its character. */
void screen_resize(struct screen *s, unsigned columns);
/* The rows down to the last that shows something, without blanks at their ends; valid until the next call. */
const char *screen_text(const struct screen *s);

#endif
