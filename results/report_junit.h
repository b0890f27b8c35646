/* report_junit.h - the verdict, gates, identities and moves as test cases: a row of report_forms. */
#ifndef RESULTS_REPORT_JUNIT_H
#define RESULTS_REPORT_JUNIT_H

#include "results/report.h"

extern const struct report_form form_junit;

#endif
