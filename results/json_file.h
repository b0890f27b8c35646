/* json_file.h - JSON on disk, canonical: sorted keys, integers only, two blanks of indent, one newline at the end.
 *
 * Files appear whole or not at all (written aside, synced, renamed). Getters take an object from a file and complain by key.
 */
#ifndef RESULTS_JSON_FILE_H
#define RESULTS_JSON_FILE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/err.h"

bool json_file_write(json_t *root, const char *path, struct err *e); /* steals root; NULL: memory */
bool json_file_print(json_t *root, struct buf *out,
                     struct err *e);                     /* the same bytes; steals root */
json_t *json_file_read(const char *path, struct err *e); /* an object, or NULL */

json_t *
json_u64(uint64_t n); /* null for what JSON readers cannot hold: NEVER_NS and all above 2^63 - 1 */
json_t *json_index(uint32_t n);       /* null for NO_INDEX */
json_t *json_words(const char *text); /* a string; bytes that are not UTF-8 become '?' */
bool json_add_line(struct buf *out, json_t *row); /* one line of JSON; steals row */

/* false with e (EX_BAD_PROFILE): missing, of another type, or out of range. */
bool json_get_u64(const json_t *o, const char *key, uint64_t *n, struct err *e);
bool json_get_u32(const json_t *o, const char *key, uint32_t *n, struct err *e);
bool json_get_index(const json_t *o, const char *key, uint32_t *n, uint32_t below, struct err *e);
bool json_get_bool(const json_t *o, const char *key, bool *b, struct err *e);
bool json_get_hex(const json_t *o, const char *key, uint64_t *n,
                  struct err *e); /* "0x" + 16 digits */
bool json_get_text(const json_t *o, const char *key, struct arena *a, const char **text,
                   struct err *e);

#endif
