/* check.c - checks that say what they got and what they wanted, on CUnit's one public assertion. */
#include "tests/support/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <CUnit/CUnit.h>

static bool verdict(bool ok, const char *text, const char *file, unsigned line)
{
    (void)CU_assertImplementation(ok ? CU_TRUE : CU_FALSE, line, text, file, "", CU_FALSE);
    return ok;
}

bool check_true(bool ok, const char *what, const char *file, unsigned line)
{
    return verdict(ok, what, file, line);
}

bool check_u64(uint64_t got, uint64_t want, const char *what, const char *file, unsigned line)
{
    char text[400];

    (void)snprintf(text, sizeof text, "%s: got %llu (0x%llx), want %llu (0x%llx)", what,
                   (unsigned long long)got, (unsigned long long)got, (unsigned long long)want,
                   (unsigned long long)want);
    return verdict(got == want, text, file, line);
}

bool check_i64(int64_t got, int64_t want, const char *what, const char *file, unsigned line)
{
    char text[400];

    (void)snprintf(text, sizeof text, "%s: got %lld, want %lld", what, (long long)got,
                   (long long)want);
    return verdict(got == want, text, file, line);
}

bool check_str(const char *got, const char *want, const char *what, const char *file, unsigned line)
{
    char text[2000];
    bool ok = got && want ? strcmp(got, want) == 0 : got == want;

    (void)snprintf(text, sizeof text, "%s: got \"%.900s\", want \"%.900s\"", what,
                   got ? got : "(null)", want ? want : "(null)");
    return verdict(ok, text, file, line);
}

bool check_has(const char *text, const char *part, const char *what, const char *file,
               unsigned line)
{
    char said[2000];
    bool ok = text && part && strstr(text, part);

    (void)snprintf(said, sizeof said, "%s: \"%.1200s\" does not contain \"%.600s\"", what,
                   text ? text : "(null)", part ? part : "(null)");
    return verdict(ok, said, file, line);
}

bool check_mem(const void *got, size_t got_n, const void *want, size_t want_n, const char *what,
               const char *file, unsigned line)
{
    const unsigned char *g = got ? got : "", *w = want ? want : "";
    size_t n = got_n < want_n ? got_n : want_n, at = 0;
    char text[600];

    while (at < n && g[at] == w[at])
        at++;
    bool ok = got_n == want_n && at == n;
    int around = (int)(got_n - at < 40 ? got_n - at : 40),
        wanted = (int)(want_n - at < 40 ? want_n - at : 40);
    (void)snprintf(text, sizeof text,
                   "%s: %zu bytes, want %zu; first difference at %zu: \"%.*s\", want \"%.*s\"",
                   what, got_n, want_n, at, around, (const char *)g + at, wanted,
                   (const char *)w + at);
    return verdict(ok, ok ? what : text, file, line);
}

bool check_between(double got, double low, double high, const char *what, const char *file,
                   unsigned line)
{
    char text[400];

    (void)snprintf(text, sizeof text, "%s: got %g, want %g to %g", what, got, low, high);
    return verdict(got >= low && got <= high, text, file, line);
}

void check_skip(const char *why)
{
    (void)printf("skipped: %s\n", why);
    (void)fflush(stdout);
    exit(77);
}
