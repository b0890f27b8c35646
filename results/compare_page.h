/* compare_page.h - what the pages of comparisons and matrices share: their frame, and bars. Pages without scripts: their policy
 * (CSP) allows the two style sheets and nothing else.
 */
#ifndef RESULTS_COMPARE_PAGE_H
#define RESULTS_COMPARE_PAGE_H

#include "base/err.h"
#include "results/classify.h"
#include "results/html.h"

/* From <!doctype to <main>; nav is markup of ours, title anybody's. */
void compare_page_open(struct html *h, const char *title, const char *nav);
void compare_page_close(struct html *h);
/* Any text into a file, which appears when it is whole. */
bool compare_page_write(const struct buf *text, const char *path, struct err *e);

/* How a class looks: "ok", "warning" (noticed, but delivered or reported as it must), "violation", "open", "invalid", "none". */
const char *class_fill(enum outcome c);
/* A bar of all classes but what was not owed, and these in words: "delivered 12, ndr 3". */
void part_mix(struct html *h, const uint64_t counts[CLASS_COUNT]);
uint64_t mix_owed(const uint64_t counts[CLASS_COUNT]); /* the whole of that bar; 0: it is empty */
void part_mix_words(struct html *h, const uint64_t counts[CLASS_COUNT]);
void part_mix_keys(struct html *h);

#endif
