/* files.h - what the page is made of: the files of this folder and Chart.js, embedded at build time (cmake/Embed.cmake).
 *
 * page.html has a {{word}} wherever report_html.c puts something in. The two scripts and the style stand in the page as they
 * are here, and are the only ones that its policy lets run.
 */
#ifndef RESULTS_PAGE_FILES_H
#define RESULTS_PAGE_FILES_H

#include "base/bytes.h"

extern const struct slice page_html, page_css;
extern const struct slice
    compare_css; /* added to page_css on the pages of comparisons and matrices */
extern const struct slice page_chart; /* Chart.js */
extern const struct slice page_js;    /* page.js, flow.js, timeline.js, phase.js, latency.js */

#endif
