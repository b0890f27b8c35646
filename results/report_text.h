/* report_text.h - words and numbers that the text reports share. */
#ifndef RESULTS_REPORT_TEXT_H
#define RESULTS_REPORT_TEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

enum ink { INK_PLAIN, INK_GOOD, INK_BAD, INK_OPEN, INK_HEAD, INK_DIM };

/* Adds text in a colour, or plainly. */
bool text_ink(struct buf *out, bool color, enum ink ink, const char *text);
/* "1m12.5s", "250ms", "120us" from microseconds; returns out. */
const char *text_us(char *out, size_t room, uint64_t us);
/* Target time as "+125.032s" since the load began. */
const char *text_at(char *out, size_t room, uint64_t t_ns);

#endif
