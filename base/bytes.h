/* bytes.h - borrowed slices, and owned buffers that grow up to a stated limit. */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>

struct slice {
    const unsigned char *p; /* borrowed; valid until the owner's next change */
    size_t n;
};

struct slice slice_of(const char *text); /* without the NUL; NULL gives the empty slice */
struct slice slice_from(const void *p, size_t n);
bool slice_is(struct slice s, const char *text);
bool slice_is_nocase(struct slice s, const char *text); /* ASCII */
bool slice_starts(struct slice s, const char *text);
bool slice_starts_nocase(struct slice s, const char *text);
struct slice slice_trim(struct slice s);           /* blanks, tabs, CR, LF at both ends */
struct slice slice_skip(struct slice s, size_t n); /* without its first n (or all) bytes */
bool slice_find(struct slice in, struct slice what, size_t *at);
/* Cuts the bytes before the first `stop` off *rest into *head and drops the stop; false (head = all, rest empty) when it
 * does not occur. */
bool slice_cut(struct slice *rest, unsigned char stop, struct slice *head);

struct buf {
    unsigned char *p;
    size_t n, room, limit;
};

void buf_init(struct buf *b, size_t limit); /* allocates nothing yet */
void buf_fini(struct buf *b);
void buf_clear(struct buf *b);                        /* keeps its memory */
bool buf_add(struct buf *b, const void *p, size_t n); /* false: over the limit or out of memory */
bool buf_add_text(struct buf *b, const char *text);
bool buf_add_format(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool buf_reserve(struct buf *b, size_t n); /* room for n more bytes at p + n */
void buf_drop(struct buf *b, size_t n);    /* forgets the first n bytes */
struct slice buf_slice(const struct buf *b);
const char *buf_text(struct buf *b); /* NUL-terminated view; "" when empty */

#endif
