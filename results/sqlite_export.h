/* sqlite_export.h - a finished run as an SQLite file, for people who ask in SQL: tables of what is known, views of what is asked.
 *
 * The schema (docs/reports.md) stands in sqlite_schema.c. Copies and events stream; one transaction; the file appears when it is
 * whole (FILE.part, renamed). The same run gives the same bytes with the same SQLite. One thread.
 */
#ifndef RESULTS_SQLITE_EXPORT_H
#define RESULTS_SQLITE_EXPORT_H

#include <stdbool.h>

#include "results/report.h"

struct sqlite_exported { /* rows */
    uint64_t copies, events;
};

/* events: also every event of the journal, in words. EX_IO; of the journal: EX_BAD_PROFILE. */
bool sqlite_export(const struct report_source *s, const char *path, bool events,
                   struct sqlite_exported *done, struct err *e);

/* sqlite_schema.c: tables first, indexes and views when all rows are there; NULL-terminated. */
extern const char *const sqlite_tables[], *const sqlite_views[];

#endif
