/* matrix.h - a matrix of runs: versions down, scenarios across, the classes seen in each cell, expected beside observed. */
#ifndef APP_MATRIX_H
#define APP_MATRIX_H

#include "app/campaign.h"
#include "base/bytes.h"

enum cell_verdict {
    CELL_AS_EXPECTED,
    CELL_NOT_REPRODUCED, /* only allowed classes, but the one that must show did not */
    CELL_UNEXPECTED,     /* a class that is not allowed; of alternates: anything but delivered */
    CELL_NO_VERDICT,     /* the run failed or was cut short, a move or an action did not come off as
                            planned, or copies were not sent or are unknown */
};

/* Compares what a finished job shows with what its profile expects. */
enum cell_verdict matrix_cell(const struct job *j);
/* The page as text, from the finished jobs of this profile; also counts the cells by verdict. */
bool matrix_print(const struct campaign *c, const char *path, struct buf *out,
                  uint32_t counts[CELL_NO_VERDICT + 1]);
/* The same as an HTML page in `file`, whose cells lead to the runs' own pages beside it. Borrows a; EX_IO. */
bool matrix_write_page(const struct campaign *c, const char *path, const char *file,
                       struct arena *a, struct err *e);

#endif
