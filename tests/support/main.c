/* main.c - the runner: `test_<folder> [suite]` runs one suite, or all of them.
 *
 * Prints one line a test ("ok" or "not ok", milliseconds, every failure as file:line: text). A test that checks nothing
 * fails. Exit: failed tests + failed suites + empty tests, at most 90; 99 for a suite that does not exist, so that a
 * typo in CMake cannot pass.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <CUnit/CUnit.h>
#include <CUnit/TestRun.h>

#include "tests/support/check.h"

static unsigned asserts_before, empty_tests;
static struct timespec started;

static void on_start(CU_pTest test, CU_pSuite suite)
{
    (void)test;
    (void)suite;
    asserts_before = CU_get_number_of_asserts();
    (void)clock_gettime(CLOCK_MONOTONIC, &started);
}

static void on_complete(CU_pTest test, CU_pSuite suite, CU_pFailureRecord failure)
{
    struct timespec now;
    bool empty = CU_get_number_of_asserts() == asserts_before;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    double ms =
        (double)(now.tv_sec - started.tv_sec) * 1e3 + (double)(now.tv_nsec - started.tv_nsec) / 1e6;
    (void)printf("%s %s.%s (%.1f ms)\n", failure || empty ? "not ok" : "ok", suite->pName,
                 test->pName, ms);
    for (CU_pFailureRecord f = failure; f; f = f->pNext)
        (void)printf("    %s:%u: %s\n", f->strFileName ? f->strFileName : "?", f->uiLineNumber,
                     f->strCondition ? f->strCondition : "?");
    if (empty && !failure) {
        empty_tests++;
        (void)printf("    checks nothing\n");
    }
    (void)fflush(stdout);
}

static bool add_suite(const struct suite *s)
{
    CU_pSuite made = CU_add_suite(s->name, NULL, NULL);

    if (!made)
        return false;
    for (const struct test *t = s->tests; t->name; t++)
        if (!CU_add_test(made, t->name, t->run))
            return false;
    return true;
}

int main(int argc, char **argv)
{
    const char *only = argc > 1 ? argv[1] : NULL;
    unsigned added = 0;

    (void)signal(SIGPIPE, SIG_IGN);
    if (CU_initialize_registry() != CUE_SUCCESS)
        return 98;
    for (size_t i = 0; suites[i]; i++)
        if (!only || strcmp(only, suites[i]->name) == 0)
            added += add_suite(suites[i]);
    if (added == 0) {
        (void)fprintf(stderr, "no suite named %s\n", only ? only : "at all");
        CU_cleanup_registry();
        return 99;
    }
    CU_set_test_start_handler(on_start);
    CU_set_test_complete_handler(on_complete);
    (void)CU_run_all_tests();
    unsigned bad = CU_get_number_of_tests_failed() + CU_get_number_of_suites_failed() + empty_tests;
    (void)printf("%u tests, %u checks, %u bad\n", CU_get_number_of_tests_run(),
                 CU_get_number_of_asserts(), bad);
    CU_cleanup_registry();
    return bad > 90 ? 90 : (int)bad;
}
