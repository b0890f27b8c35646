/* bytes.c - borrowed slices, and owned buffers that grow up to a stated limit.
 *
 * A buffer keeps one byte of room behind its limit, so that buf_text() can end it with a NUL at any size.
 */
#include "base/bytes.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/err.h"

#define FIRST_ROOM 64u

struct slice slice_of(const char *text)
{
    return slice_from(text, text ? strlen(text) : 0);
}

struct slice slice_from(const void *p, size_t n)
{
    return (struct slice){.p = p, .n = n};
}

/* strncasecmp() follows the locale, and we never set one: plain ASCII, which a test holds. */
static bool same_nocase(const unsigned char *p, const char *text, size_t n)
{
    return n == 0 || strncasecmp((const char *)p, text, n) == 0;
}

bool slice_is(struct slice s, const char *text)
{
    return s.n == strlen(text) && slice_starts(s, text);
}

bool slice_is_nocase(struct slice s, const char *text)
{
    return s.n == strlen(text) && slice_starts_nocase(s, text);
}

bool slice_starts(struct slice s, const char *text)
{
    size_t n = strlen(text);

    return s.n >= n && (n == 0 || memcmp(s.p, text, n) == 0);
}

bool slice_starts_nocase(struct slice s, const char *text)
{
    size_t n = strlen(text);

    /* A NUL in the slice would end strncasecmp() early, and equal only a NUL in text, which has none before n. */
    return s.n >= n && same_nocase(s.p, text, n);
}

static bool is_blank(unsigned char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct slice slice_trim(struct slice s)
{
    while (s.n > 0 && is_blank(s.p[0]))
        s = slice_skip(s, 1);
    while (s.n > 0 && is_blank(s.p[s.n - 1]))
        s.n--;
    return s;
}

struct slice slice_skip(struct slice s, size_t n)
{
    if (n >= s.n)
        return slice_from(s.p ? s.p + s.n : NULL, 0);
    return slice_from(s.p + n, s.n - n);
}

bool slice_find(struct slice in, struct slice what, size_t *at)
{
    const unsigned char *hit = in.p;

    if (what.n > in.n)
        return false;
    if (what.n > 0)
        hit = memmem(in.p, in.n, what.p, what.n);
    if (what.n > 0 && !hit)
        return false;
    if (at)
        *at = what.n > 0 ? (size_t)(hit - in.p) : 0;
    return true;
}

bool slice_cut(struct slice *rest, unsigned char stop, struct slice *head)
{
    const unsigned char *hit = rest->n > 0 ? memchr(rest->p, stop, rest->n) : NULL;
    size_t n = hit ? (size_t)(hit - rest->p) : rest->n;

    *head = slice_from(rest->p, n);
    *rest = slice_skip(*rest, hit ? n + 1 : n);
    return hit;
}

void buf_init(struct buf *b, size_t limit)
{
    PM_ASSERT(limit < SIZE_MAX / 2);
    *b = (struct buf){.limit = limit};
}

void buf_fini(struct buf *b)
{
    free(b->p);
    *b = (struct buf){.limit = b->limit};
}

void buf_clear(struct buf *b)
{
    b->n = 0;
}

bool buf_reserve(struct buf *b, size_t n)
{
    if (n > b->limit - b->n)
        return false;
    size_t need = b->n + n + 1, room = b->room ? b->room : FIRST_ROOM;
    if (need <= b->room)
        return true;
    while (room < need)
        room *= 2;
    if (room > b->limit + 1)
        room = b->limit + 1;
    unsigned char *p = realloc(b->p, room);
    if (!p)
        return false;
    b->p = p;
    b->room = room;
    return true;
}

bool buf_add(struct buf *b, const void *p, size_t n)
{
    if (!buf_reserve(b, n))
        return false;
    if (n > 0)
        memcpy(b->p + b->n, p, n);
    b->n += n;
    return true;
}

bool buf_add_text(struct buf *b, const char *text)
{
    return buf_add(b, text, strlen(text));
}

bool buf_add_format(struct buf *b, const char *format, ...)
{
    va_list args, again;

    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    bool ok = n >= 0 && buf_reserve(b, (size_t)n);
    if (ok) {
        (void)vsnprintf((char *)b->p + b->n, (size_t)n + 1, format, again);
        b->n += (size_t)n;
    }
    va_end(again);
    return ok;
}

void buf_drop(struct buf *b, size_t n)
{
    PM_ASSERT(n <= b->n);
    if (n > 0 && n < b->n)
        memmove(b->p, b->p + n, b->n - n);
    b->n -= n;
}

struct slice buf_slice(const struct buf *b)
{
    return slice_from(b->p, b->n);
}

const char *buf_text(struct buf *b)
{
    if (b->n == 0 || !buf_reserve(b, 0))
        return "";
    b->p[b->n] = '\0';
    return (const char *)b->p;
}
