/* ci.h - what GitHub's runner is told at the end of a run: a page for the job's summary, and annotations.
 *
 * Text only: the caller asks the environment and prints. Any thread.
 */
#ifndef APP_CI_H
#define APP_CI_H

#include <stdbool.h>

#include "app/run.h"
#include "base/bytes.h"
#include "base/err.h"
#include "results/judge.h"

#define CI_SUMMARY_MAX (1u << 20) /* what GitHub takes of one step */

/* The run in Markdown, behind what the file has; not where it would grow beyond CI_SUMMARY_MAX: EX_IO, and it is as it was. */
bool ci_summarize(const struct run_result *r, const char *file, struct err *e);
/* The same with text of ours, set as it is. */
bool ci_summarize_text(const char *title, struct slice text, const char *file, struct err *e);

/* "::error title=...::..." lines: why it did not pass, the first ten reasons; nothing for a PASS. */
bool ci_annotate(const char *run, const struct judgement *j, struct buf *out);
bool ci_annotate_error(const char *run, const char *text, struct buf *out);

#endif
