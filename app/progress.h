/* progress.h - what stderr shows while runs go on: on a terminal one line that changes, else a line per phase and run. */
#ifndef APP_PROGRESS_H
#define APP_PROGRESS_H

#include "app/campaign.h"
#include "base/bytes.h"

/* The line, without an end of line, at most `columns` long. */
bool progress_line(const struct campaign *c, unsigned columns, struct buf *out);

/* The line of a run that is in another phase than last time; false: it is not. */
bool progress_phase(struct job *j, struct buf *out);

#endif
