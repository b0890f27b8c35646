/* side.c - threads, and what they cost. */
#include "tests/bench/side.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/resource.h>

#include "base/clock.h"

void bench_fail(const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    (void)fputs("bench: ", stderr);
    // NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): started two lines before
    (void)vfprintf(stderr, format, ap);
    (void)fputc('\n', stderr);
    va_end(ap);
    exit(EX_TARGET);
}

static uint64_t cpu_ns(int who)
{
    struct rusage u;

    PM_ASSERT(getrusage(who, &u) == 0);
    return ((uint64_t)u.ru_utime.tv_sec + (uint64_t)u.ru_stime.tv_sec) * NS_PER_S +
           ((uint64_t)u.ru_utime.tv_usec + (uint64_t)u.ru_stime.tv_usec) * NS_PER_US;
}

uint64_t cpu_thread_ns(void)
{
    return cpu_ns(RUSAGE_THREAD);
}

uint64_t cpu_process_ns(void)
{
    return cpu_ns(RUSAGE_SELF);
}

double rss_kb(void)
{
    char line[200], *second = NULL; /* "SIZE RESIDENT ...", in pages */
    FILE *f = fopen("/proc/self/statm", "re");

    PM_ASSERT(f && fgets(line, sizeof line, f));
    (void)fclose(f);
    second = strchr(line, ' ');
    PM_ASSERT(second);
    return (double)strtoul(second, NULL, 10) * (double)sysconf(_SC_PAGESIZE) / 1024;
}

static void on_wake(struct hook *h)
{
    struct side *s = h->owner;

    loop_stop(s->loop);
}

static void side_main(void *owner)
{
    struct side *s = owner;

    loop_run(s->loop);
    s->cpu_ns = cpu_thread_ns();
}

void side_start(struct side *s, const char *name)
{
    struct err e;

    s->wake = (struct hook){.run = on_wake, .owner = s};
    loop_on_wake(s->loop, &s->wake);
    s->thread = thread_start(name, side_main, s, &e);
    if (!s->thread)
        bench_fail("%s", e.text);
}

void side_stop(struct side *s)
{
    loop_wake(s->loop);
    thread_join(s->thread);
    s->thread = NULL;
}
