/* plain.h - numbers and texts put behind one another by hand, where several are written a message and a format is too dear.
 *
 * Each returns the end of what it put; the room is the caller's to know. Private to lab/.
 */
#ifndef LAB_PLAIN_H
#define LAB_PLAIN_H

#include <stdint.h>
#include <string.h>

#include "base/bytes.h"

#define PLAIN_DIGITS 20 /* of the largest number */

static inline unsigned char *plain_slice(unsigned char *to, struct slice s)
{
    if (s.n > 0)
        memcpy(to, s.p, s.n);
    return to + s.n;
}

static inline unsigned char *plain_text(unsigned char *to, const char *text)
{
    return plain_slice(to, slice_of(text));
}

static inline unsigned char *plain_number(unsigned char *to, uint64_t n)
{
    unsigned char digits[PLAIN_DIGITS];
    size_t at = sizeof digits;

    do
        digits[--at] = (unsigned char)('0' + n % 10);
    while (n /= 10);
    return plain_slice(to, slice_from(digits + at, sizeof digits - at));
}

/* The last `width` digits, zeros ahead. */
static inline unsigned char *plain_digits(unsigned char *to, uint64_t n, unsigned width)
{
    for (unsigned i = width; i > 0; i--, n /= 10)
        to[i - 1] = (unsigned char)('0' + n % 10);
    return to + width;
}

#endif
