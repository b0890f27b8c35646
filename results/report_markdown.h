/* report_markdown.h - the judgement as a page of Markdown: a row of report_forms. */
#ifndef RESULTS_REPORT_MARKDOWN_H
#define RESULTS_REPORT_MARKDOWN_H

#include "results/report.h"

extern const struct report_form form_markdown;

#endif
