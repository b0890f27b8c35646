/* doc_page.h - pages of the documentation hold lists out of our tables, between a line that begins and one that ends each. */
#ifndef TESTS_SUPPORT_DOC_PAGE_H
#define TESTS_SUPPORT_DOC_PAGE_H

#include <stdbool.h>

#include "base/bytes.h"

/* The list `what` of a page below the sources ("docs/x.5") is what `list` makes. A manual page has it between the lines
 * `.\" what: begin` and `.\" what: end`, Markdown has them in <!-- -->. With PM_REWRITE_DOCS=1 in the environment it is written
 * there instead of compared. */
void doc_page_check(const char *page, const char *what, bool (*list)(struct buf *out));

#endif
