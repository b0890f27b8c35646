/* compare_matrix.h - a matrix of runs as one page: versions down, scenarios across, the mix of classes in each cell, expected
 * beside observed. The caller has judged the cells; here they are only shown. One thread.
 */
#ifndef RESULTS_COMPARE_MATRIX_H
#define RESULTS_COMPARE_MATRIX_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"
#include "results/classify.h"

struct matrix_cell_shown {
    const char *words; /* "as expected" */
    const char
        *expected;     /* "delivered late *ndr": the class with a star has to show; NULL: nothing */
    const char *error; /* NULL: none */
    const char *doubt; /* why the machine may have done it, and not the version; NULL: nothing */
    const char *page;  /* link to the run's own page, relative; NULL: none */
    uint64_t primaries[CLASS_COUNT], alternates[CLASS_COUNT], late;
    bool there;      /* it was run, and has ended */
    bool impossible; /* the version cannot do it, says the profile */
    bool good, open; /* as expected; without a verdict (shown beside `words` as a shape) */
    bool has_counts;
};

struct matrix_shown {
    const char *name, *description;
    const char *const *versions, *const *scenarios, *const *titles; /* titles: of scenarios */
    uint32_t version_count, scenario_count;
    const struct matrix_cell_shown *cells; /* version_count rows of scenario_count */
    const char *summary;                   /* one sentence */
    const char *state;                     /* of all cells: "pass", "fail" or "undecided" */
};

bool matrix_html(const struct matrix_shown *m, struct buf *out, struct err *e);

#endif
