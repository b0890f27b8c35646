/* report_sessions.h - how the connections of senders came up, for the text report and for summary.json. */
#ifndef RESULTS_REPORT_SESSIONS_H
#define RESULTS_REPORT_SESSIONS_H

#include <jansson.h>
#include <stdbool.h>

#include "base/bytes.h"
#include "results/judge.h"

/* One line a load and server, and one per trial of CHUNKING that failed; nothing if nothing is known. */
bool report_sessions(const struct judgement *j, struct buf *out);
json_t *report_sessions_json(const struct judgement *j);
json_t *report_trials_json(const struct judgement *j); /* servers that announce CHUNKING in vain */

#endif
