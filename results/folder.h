/* folder.h - the folder of one run, results/runs/<utc>-<name>[-<variant>]-<id>/, mode 0700, locked while the run lives.
 *
 * It has journal/ and reports/ in it; `latest` beside it points at the newest that began. A run that never got as far as
 * its load leaves no folder. The lock (flock on the file `lock`) ends
 * with the process, however that ends.
 */
#ifndef RESULTS_FOLDER_H
#define RESULTS_FOLDER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct folder;

/* A fresh folder below runs_dir, which is made if need be; a counter keeps runs of the same second, name and id apart.
 * variant "": none. NULL with e (EX_IO, EX_LOCKED). */
struct folder *folder_create(const char *runs_dir, const char *name, const char *variant,
                             uint64_t run_id, struct err *e);
/* This very folder: made if need be, locked (EX_LOCKED if another run holds it), and without an earlier run in it
 * (EX_BAD_USAGE). */
struct folder *folder_create_at(const char *path, struct err *e);
/* The folder of a run that has ended, or died: locked (EX_LOCKED if it goes on), and never taken away. */
struct folder *folder_reopen(const char *path, struct err *e);
const char *folder_path(const struct folder *f);
/* The manifest is there and the load begins: the folder stays, and `latest` points at it (if folder_create() made it). */
void folder_begin(struct folder *f);
void folder_destroy(struct folder *f); /* unlocks; takes away what never began; NULL is fine */
bool folder_is_held(const char *path); /* a run is writing to it now */

#endif
