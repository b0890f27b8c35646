/* arena.h - memory that dies together: one arena per run, per report, per parse; none in the hot path.
 *
 * Memory comes zeroed and aligned to 16. One thread at a time. A ceiling turns a hostile input into an error instead
 * of an exhausted machine.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>

struct arena;

struct arena *arena_create(size_t ceiling_bytes); /* NULL: out of memory */
void arena_destroy(struct arena *a);              /* NULL is fine */
void *arena_bytes(struct arena *a, size_t n);     /* zeroed; NULL: ceiling or memory reached */
char *arena_text(struct arena *a, const char *text, size_t n); /* NUL-terminated copy */
char *arena_format(struct arena *a, const char *format, ...) __attribute__((format(printf, 2, 3)));
size_t arena_used(const struct arena *a);

/* An array of `count` zeroed elements of `type`; NULL when count * size overflows or memory is out. */
#define arena_new(a, type, count) ((type *)arena_array((a), sizeof(type), (count)))
void *arena_array(struct arena *a, size_t size, size_t count);

#endif
