/* page_rules.h - why a copy is in its class: the row that decides, and the facts as a sentence. Pure; any thread. */
#ifndef RESULTS_PAGE_RULES_H
#define RESULTS_PAGE_RULES_H

#include "results/page_private.h"

unsigned page_rule(enum outcome c);          /* its row in the table of classes */
const char *page_rule_words(enum outcome c); /* what holds in that row, and in none above it */
json_t *page_why(const struct page_run *r, const struct copy *p);

#endif
