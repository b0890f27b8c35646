/* scratch.h - a folder of a test's own under the build folder, and files in it. */
#ifndef TESTS_SUPPORT_SCRATCH_H
#define TESTS_SUPPORT_SCRATCH_H

#include <stddef.h>

/* Makes an empty folder scratch/<name> below the working directory (emptied if it was there); the path stays valid until
 * the next call from the same thread. */
const char *scratch_dir(const char *name);

/* Writes `text` to dir/name; the path stays valid until the next call. */
const char *scratch_file(const char *dir, const char *name, const char *text);

/* The whole file, NUL-terminated, malloc'ed (free it); n may be NULL. NULL: cannot be read. */
char *scratch_read(const char *path, size_t *n);

#endif
