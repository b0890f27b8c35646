/* report_csv.h - a line a copy, RFC 4180: a row of report_forms. */
#ifndef RESULTS_REPORT_CSV_H
#define RESULTS_REPORT_CSV_H

#include "results/report.h"

extern const struct report_form form_csv;

#endif
