/* child.h - a program that a test runs beside itself: silent, ended by its own pid, and gone with the test even if that crashes.
 *
 * argv ends with NULL, has at most 31 words, and its first is looked for in PATH.
 */
#ifndef TESTS_SUPPORT_CHILD_H
#define TESTS_SUPPORT_CHILD_H

#include <stdbool.h>

#include <sys/types.h>

pid_t child_start(const char *const *argv); /* -1: errno says why */
void child_end(pid_t child);                /* SIGTERM, and waits; none if it is not above 0 */
bool child_run(const char *const *argv);    /* to its end; true: it ended with 0 */

#endif
