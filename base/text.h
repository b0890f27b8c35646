/* text.h - durations, sizes, rates and names: parse and print. Pure; any thread.
 *
 * Parsers take the whole slice or fail with a text that says what was expected ("90s, 10m, 250ms").
 */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"

bool text_duration(struct slice s, uint64_t *ns,
                   struct err *e); /* us ms s m h d; a bare 0 is fine */
bool text_size(struct slice s, uint64_t *bytes,
               struct err *e); /* B, kB, KB/KiB, MB/MiB, GB/GiB; bare = bytes */
bool text_rate(struct slice s, double *per_second, struct err *e); /* 10/s, 6/m, 100/h; 1/30s */
bool text_share(struct slice s, double *share, struct err *e);     /* 5%, 0.05, 1e-4, 50ppm: 0..1 */
bool text_u64(struct slice s, uint64_t *n,
              struct err *e); /* decimal, with optional _ between digits */
bool text_bool(struct slice s, bool *b, struct err *e); /* true false yes no on off */
const char *text_print_duration(char *out, size_t room,
                                uint64_t ns); /* "1m30s", "250ms", "0s"; returns out */
const char *text_print_count(char *out, size_t room, uint64_t n); /* "1,234,567"; returns out */

/* The name of `names` (NULL-terminated) nearest to `word`, or NULL when none is within a third of its length (edit
 * distance, at least 1, at most 3). */
const char *text_nearest(struct slice word, const char *const *names);

/* The next character, or the octet that is none ("?"), as it may be shown, but for control characters; *took: octets of it. */
struct slice text_shown(struct slice said, size_t *took);
/* What others said, made fit to show: printable UTF-8 in one line; control characters become blanks, runs of blanks one, bad
 * octets '?', and so do characters that turn the direction of text or are seen by nobody; cut before the character that has
 * no room; noted secrets are hidden. Returns out; room at least 1. */
const char *text_clean(char *out, size_t room, struct slice said);

#endif
