/* smtp_pen.h - writing forward into memory whose size was reckoned beforehand: no check, no formatted print.
 *
 * For the hot path of sending: heads of messages and the commands around them. Any thread.
 */
#ifndef WIRE_SMTP_PEN_H
#define WIRE_SMTP_PEN_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/bytes.h"

#define SMTP_PEN_DIGITS 20 /* of the largest number */

struct pen {
    unsigned char *p; /* the next octet */
};

static inline void pen_put(struct pen *w, const void *p, size_t n)
{
    memcpy(w->p, p, n);
    w->p += n;
}

#define PEN_PUT(w, literal) pen_put((w), (literal), sizeof(literal) - 1)

static inline void pen_put_slice(struct pen *w, struct slice s)
{
    if (s.n > 0)
        pen_put(w, s.p, s.n);
}

/* With at least `width` digits. */
static inline void pen_put_number(struct pen *w, uint64_t n, int width)
{
    char digits[SMTP_PEN_DIGITS];
    int at = SMTP_PEN_DIGITS;

    for (; n > 0 || width > 0; n /= 10, width--)
        digits[--at] = (char)('0' + n % 10);
    pen_put(w, digits + at, (size_t)(SMTP_PEN_DIGITS - at));
}

#endif
