/* report_page.h - the parts of report.html that are read without a script: each writes what stands at one {{word}} of
 * page/page.html. `data` is what page_data() makes; parts that are missing in it are left out.
 */
#ifndef RESULTS_REPORT_PAGE_H
#define RESULTS_REPORT_PAGE_H

#include "results/html.h"

/* A state or group of classes, as shape and colour: "ok", "warning" (or "warn"), "violation" (or "bad"), "open", "invalid". */
void part_shape(struct html *h, const char *state);
void part_empty(struct html *h,
                const char *words); /* a section that has nothing to show says why */
/* A table that stands folded under its picture; `head` is markup of ours. */
void part_open_table(struct html *h, const char *summary, const char *head);
void part_close_table(struct html *h);

/* Time before or after a mark: "+1.2 s", and a mark as a noun: "the flip". */
struct word word_relative(int64_t ns);
const char *mark_noun(const char *mark);
void part_moment(struct html *h, int64_t ns, const char *mark); /* "1.2 s before the flip" */

void part_banner(struct html *h, const json_t *data);
void part_classes(struct html *h, const json_t *data);
void part_identities(struct html *h, const json_t *data);
void part_gates(struct html *h, const json_t *data);
void part_flow(struct html *h, const json_t *data);
void part_timeline_lead(struct html *h, const json_t *data);
void part_timeline(struct html *h, const json_t *data);
void part_phase_lead(struct html *h, const json_t *data);
void part_phase(struct html *h, const json_t *data);
void part_aim(struct html *h, const json_t *data);
void part_latency_lead(struct html *h, const json_t *data);
void part_latency(struct html *h, const json_t *data);
void part_moves(struct html *h, const json_t *data);
void part_stories(struct html *h, const json_t *data);
void part_method(struct html *h, const json_t *data);

#endif
