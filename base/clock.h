/* clock.h - the run clock: loop nanoseconds (real or simulated) to the target's time and back, and to wall time.
 *
 * Loop time is CLOCK_MONOTONIC in ns, or the simulator's ns. Target time starts at 0 when the run's load starts and
 * runs `scale` times as fast (lab.time_scale; 1 everywhere else). Durations in profiles, journal and latencies are
 * target time; pacing lateness, probe periods and CPU are real (loop) time.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

#define NS_PER_S  1000000000ull
#define NS_PER_MS 1000000ull
#define NS_PER_US 1000ull
#define NEVER_NS  UINT64_MAX

struct run_clock {
    uint64_t origin_ns; /* loop time of target time 0; events before it are clamped to 0 */
    uint64_t wall_ns;   /* Unix time of target time 0, in ns */
    uint32_t scale;     /* target ns per loop ns, at least 1 */
    uint64_t
        ahead_ns; /* target time that was over at the origin already: of a run that was resumed */
};

uint64_t clock_mono_ns(void); /* CLOCK_MONOTONIC; outside base/ only through loop_now() */
uint64_t clock_wall_ns(void); /* CLOCK_REALTIME, and what it was stepped by */
uint64_t clock_slept_ns(
    void); /* how long the machine was suspended since it started: CLOCK_MONOTONIC stands still then */
/* Any thread: the wall clock of this process stands otherwise from now on, as if somebody had set it. */
void clock_wall_step(int64_t by_ns);

uint64_t clock_target(const struct run_clock *c, uint64_t loop_ns); /* loop time to target time */
uint64_t clock_loop(const struct run_clock *c,
                    uint64_t target_ns); /* target time to loop time; NEVER_NS stays */
uint64_t clock_span(const struct run_clock *c, uint64_t target_span_ns); /* a duration in loop ns */

#endif
