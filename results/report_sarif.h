/* report_sarif.h - each violation as a result of SARIF 2.1.0: a row of report_forms. */
#ifndef RESULTS_REPORT_SARIF_H
#define RESULTS_REPORT_SARIF_H

#include "results/report.h"

extern const struct report_form form_sarif;

#endif
