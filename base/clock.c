/* clock.c - loop time to the target's time and back.
 *
 * From target to loop time is rounded up, so that a timer armed for a target time never fires before it. What does not
 * fit is NEVER_NS.
 */
#include "base/clock.h"

#include <time.h>

#include "base/blind.h"
#include "base/err.h"

#define READ_AT_ONCE_NS (100 * NS_PER_MS)

static uint64_t read_clock(clockid_t which)
{
    struct timespec t;

    PM_ASSERT(clock_gettime(which, &t) == 0);
    return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

static _Atomic int64_t stepped_ns;

void clock_wall_step(int64_t by_ns)
{
    stepped_ns += by_ns;
}

uint64_t clock_wall_ns(void)
{
    return read_clock(CLOCK_REALTIME) + (uint64_t)stepped_ns;
}

uint64_t clock_mono_ns(void)
{
    return CHECK_ON(MONOTONIC) ? read_clock(CLOCK_MONOTONIC) : clock_wall_ns();
}

/* The three are read in one go, or again. */
uint64_t clock_slept_ns(void)
{
    for (;;) {
        uint64_t before = read_clock(CLOCK_MONOTONIC), boot = read_clock(CLOCK_BOOTTIME);
        uint64_t after = read_clock(CLOCK_MONOTONIC);

        if (after - before < READ_AT_ONCE_NS)
            return boot > after ? boot - after : 0;
    }
}

uint64_t clock_target(const struct run_clock *c, uint64_t loop_ns)
{
    uint64_t target_ns;

    PM_ASSERT(c->scale >= 1);
    if (loop_ns == NEVER_NS)
        return NEVER_NS;
    if (loop_ns <= c->origin_ns)
        return c->ahead_ns;
    if (__builtin_mul_overflow(loop_ns - c->origin_ns, (uint64_t)c->scale, &target_ns) ||
        __builtin_add_overflow(target_ns, c->ahead_ns, &target_ns))
        return NEVER_NS;
    return target_ns;
}

uint64_t clock_span(const struct run_clock *c, uint64_t target_span_ns)
{
    PM_ASSERT(c->scale >= 1);
    if (target_span_ns == NEVER_NS)
        return NEVER_NS;
    return target_span_ns / c->scale + (target_span_ns % c->scale > 0);
}

uint64_t clock_loop(const struct run_clock *c, uint64_t target_ns)
{
    uint64_t loop_ns;

    PM_ASSERT(c->scale >= 1);
    if (target_ns == NEVER_NS)
        return NEVER_NS;
    uint64_t span_ns = target_ns > c->ahead_ns ? target_ns - c->ahead_ns : 0;

    if (__builtin_add_overflow(c->origin_ns, clock_span(c, span_ns), &loop_ns))
        return NEVER_NS;
    return loop_ns;
}
