/* report_aim.h - what adaptive aim found, as summary.json has it: integers, us and ppb; null where nobody can say. */
#ifndef RESULTS_REPORT_AIM_H
#define RESULTS_REPORT_AIM_H

#include <jansson.h>

#include "results/judge.h"

json_t *report_aim_json(const struct judgement *j); /* by the names of loads */

#endif
