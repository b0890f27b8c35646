/* report_html.h - report.html: one file that needs nothing else and reaches nothing, for people who decide.
 *
 * What is read without a script (verdict, account, gates, all tables, stories) is in it as HTML; only what is drawn is data,
 * from which page/ draws when the page is opened. Its policy (CSP) names our scripts and our style by SHA-256 and allows nothing
 * else: whatever a server or a report said stays text. The same run gives the same bytes.
 */
#ifndef RESULTS_REPORT_HTML_H
#define RESULTS_REPORT_HTML_H

#include <jansson.h>

#include "results/report.h"

extern const struct report_form form_html;

/* The page from the object that page_data() makes; what is missing in it is left out. */
bool report_html_print(const json_t *data, const struct report_out *out, struct err *e);

#endif
