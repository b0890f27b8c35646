/* near.h - checks of computed numbers: relative to what is wanted (absolute where 0 is wanted). */
#ifndef TESTS_RESULTS_NEAR_H
#define TESTS_RESULTS_NEAR_H

#include <math.h>

#include "tests/support/check.h"

#define CHECK_NEAR(got, want, relative)                                                            \
    check_near((got), (want), (relative), #got " is " #want, __FILE__, __LINE__)

static inline bool check_near(double got, double want, double relative, const char *what,
                              const char *file, unsigned line)
{
    double slack = want == 0 ? relative : fabs(want) * relative;

    return check_between(got, want - slack, want + slack, what, file, line);
}

#define COUNT(array) (sizeof(array) / sizeof *(array))

#endif
