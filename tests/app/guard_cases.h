/* guard_cases.h - the table of refused targets (tests/guards/refused.txt) as profiles.
 */
#ifndef TESTS_APP_GUARD_CASES_H
#define TESTS_APP_GUARD_CASES_H

#include <stdbool.h>
#include <stddef.h>

struct guard_case {
    char where[32], what[128], rule[32], addresses[80];
};

/* Calls `each` for every row; returns their number, 0 if the table cannot be read. */
size_t guard_cases(void (*each)(const struct guard_case *c, void *owner), void *owner);
/* A profile that would send to it, if it might. */
void guard_case_profile(const struct guard_case *c, char *out, size_t room);

#endif
