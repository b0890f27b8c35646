/* progress.h - one line on a terminal's stderr while runs go on: who is in which phase, and the counts so far. */
#ifndef APP_PROGRESS_H
#define APP_PROGRESS_H

#include "app/campaign.h"
#include "base/bytes.h"

/* The line, without an end of line, at most `columns` long. */
bool progress_line(const struct campaign *c, unsigned columns, struct buf *out);

#endif
