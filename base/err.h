/* err.h - the error value, its wrapping, and assertions that stay on in every build.
 *
 * What the world does wrong is a value: a function returns false and has filled one line of text and an exit code.
 * What we do wrong is PM_ASSERT. Functions here are safe on any thread; a `struct err` belongs to one caller.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdbool.h>

/* Exit codes of the whole program (sysexits.h where it has a word for it). */
enum exit_code {
    EX_PASS = 0,
    EX_FAIL = 1,
    EX_INCONCLUSIVE = 2,
    EX_MISSED = 3,        /* selftest missed a planted fault */
    EX_BAD_USAGE = 64,    /* command line */
    EX_BAD_PROFILE = 65,  /* profile or journal cannot be read */
    EX_TARGET = 69,       /* a target is unavailable */
    EX_INTERNAL = 70,     /* the account does not balance: a bug of ours */
    EX_IO = 74,           /* our own disk or memory */
    EX_LOCKED = 75,       /* another run holds the folder */
    EX_WIRE = 76,         /* a peer broke its protocol */
    EX_GUARD = 77,        /* a guard refused */
    EX_INTERRUPTED = 130, /* by SIGINT, as shells count */
    EX_TERMINATED = 143,  /* by SIGTERM */
};

struct err {
    int code; /* enum exit_code */
    char text[500];
};

/* Fills e (NULL is fine) and returns false, so that `return err_set(...)` reads well. */
bool err_set(struct err *e, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts "<format>: " before the text that is there; returns false. */
bool err_wrap(struct err *e, const char *format, ...) __attribute__((format(printf, 2, 3)));

_Noreturn void err_assert_failed(const char *what, const char *file, int line);

/* Where no error can be returned: says so, and the process ends with EX_IO. What was recorded is on record, as after a kill. */
_Noreturn void err_no_memory(const char *file, int line);

#define PM_MEMORY(p)     ((p) ? (void)0 : err_no_memory(__FILE__, __LINE__))
#define PM_ASSERT(cond)  ((cond) ? (void)0 : err_assert_failed(#cond, __FILE__, __LINE__))
#define PM_UNREACHABLE() err_assert_failed("reached what cannot be reached", __FILE__, __LINE__)

#endif
