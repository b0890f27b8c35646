/* page_data.h - all that the report page shows of a run, as one JSON object: integers, reproducible byte for byte.
 *
 * The copies are walked once (very many: twice) and the journal is read once. What is kept of either is bounded: rows beyond a
 * limit are thinned evenly, or counted as left out, so that ten million copies make no larger page than a hundred thousand.
 * What others said (names, replies, reports) is valid UTF-8 without control or direction characters, and not escaped: whoever
 * makes a page of it escapes. One thread.
 */
#ifndef RESULTS_PAGE_DATA_H
#define RESULTS_PAGE_DATA_H

#include <jansson.h>

#include "results/report.h"

#define PAGE_SCHEMA 1

json_t *page_data(const struct report_source *s, struct err *e); /* a new reference; NULL with e */

#endif
