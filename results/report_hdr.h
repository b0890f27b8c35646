/* report_hdr.h - latencies as HdrHistogram's percentile text: all of them, or one a form. Rows of report_forms. */
#ifndef RESULTS_REPORT_HDR_H
#define RESULTS_REPORT_HDR_H

#include "results/report.h"

extern const struct report_form form_hdr, form_hdr_accept, form_hdr_deliver, form_hdr_end_to_end,
    form_hdr_ndr, form_hdr_lateness;

#endif
