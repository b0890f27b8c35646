/* check.h - how a test is written here.
 *
 * A suite is a file tests/<folder>/test_<suite>.c that ends in `const struct suite <suite>_suite = {"<suite>", tests};`.
 * A test is a function whose name is a sentence. Checks print what they got and what they wanted, answer whether they
 * held, and are called on the test's own thread only (CUnit loses counts otherwise). A test that checks nothing fails.
 */
#ifndef TESTS_SUPPORT_CHECK_H
#define TESTS_SUPPORT_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct test {
    const char *name; /* the sentence: letters, digits, underscores */
    void (*run)(void);
};

#define TEST(f)                                                                                    \
    {                                                                                              \
#f, f                                                                                      \
    }
#define TEST_END                                                                                   \
    {                                                                                              \
        0, 0                                                                                       \
    }

struct suite {
    const char *name;
    const struct test *tests; /* ends with TEST_END */
};

extern const struct suite *const suites[]; /* made by CMake; ends with NULL */

#define CHECK(cond)           check_true((cond), #cond, __FILE__, __LINE__)
#define CHECK_U64(got, want)  check_u64((got), (want), #got, __FILE__, __LINE__)
#define CHECK_I64(got, want)  check_i64((got), (want), #got, __FILE__, __LINE__)
#define CHECK_STR(got, want)  check_str((got), (want), #got, __FILE__, __LINE__)
#define CHECK_HAS(text, part) check_has((text), (part), #text, __FILE__, __LINE__)
#define CHECK_MEM(got, got_n, want, want_n)                                                        \
    check_mem((got), (got_n), (want), (want_n), #got, __FILE__, __LINE__)
#define CHECK_BETWEEN(got, low, high) check_between((got), (low), (high), #got, __FILE__, __LINE__)

bool check_true(bool ok, const char *what, const char *file, unsigned line);
bool check_u64(uint64_t got, uint64_t want, const char *what, const char *file, unsigned line);
bool check_i64(int64_t got, int64_t want, const char *what, const char *file, unsigned line);
bool check_str(const char *got, const char *want, const char *what, const char *file,
               unsigned line);
bool check_has(const char *text, const char *part, const char *what, const char *file,
               unsigned line);
bool check_mem(const void *got, size_t got_n, const void *want, size_t want_n, const char *what,
               const char *file, unsigned line);
bool check_between(double got, double low, double high, const char *what, const char *file,
                   unsigned line);

/* The whole suite cannot run here (a tool or folder is absent): says why and ends the process with 77, which ctest
 * shows as "Skipped". Call it before the first check. */
_Noreturn void check_skip(const char *why);

#endif
