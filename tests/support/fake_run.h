/* fake_run.h - a small site on a simulated loop, with a journal whose events a test can read, and scripted HTTP and exec.
 *
 * Servers s1 s2 s3 (control http://s1 ...). Mailboxes: joanne-1, joanne-2 (0, 1; home s1; alternates 2, 3, to both),
 * alt-1, alt-2 (2, 3; home s3), joe-1, joe-2 (4, 5; home s3); groups joanne, alt, joe in that order. One load from joe to
 * joanne. Movers 0 (http, as the lab's) and 1 (exec). No moves, actions or probes: fake_move() and the test add them.
 * Target time 0 is loop time 1 s; scale 10.
 */
#ifndef TESTS_SUPPORT_FAKE_RUN_H
#define TESTS_SUPPORT_FAKE_RUN_H

#include "base/clock.h"
#include "base/loop_sim.h"
#include "profiles/workload.h"
#include "results/event.h"
#include "results/journal.h"
#include "tests/support/fake_exec.h"
#include "tests/support/fake_http.h"

#define FAKE_EVENTS 131072

struct fake_run {
    struct loop *loop;
    struct run_clock clock;
    struct journal *journal;
    struct journal_sink sink;
    struct event events[FAKE_EVENTS];
    uint32_t event_count;
    struct fake_http http;
    struct fake_exec exec;
    struct server servers[3];
    struct mailbox mailboxes[6];
    struct group groups[3];
    uint32_t from[1], to[1];
    struct load_profile load;
    struct mover_profile movers[2];
    struct move_profile schedules[4];
    struct move_plan plans[64];
    struct action_profile actions[8];
    struct probe_profile probes[4];
    struct profile profile;
    struct workload work;
    struct buf text;
};

struct fake_run *fake_run_create(const char *name); /* whose octets take no time */
struct fake_run *fake_run_create_far(const char *name,
                                     uint64_t latency_ns); /* ... this long, one way */
void fake_run_destroy(struct fake_run *r);
/* Its load sends 1,000 messages of so many octets of body in 10 s, and r->work is their plan; in the arena that is returned. */
struct arena *fake_run_plan(struct fake_run *r, uint32_t octets);
/* Adds a move to the newest schedule; the schedule's profile is made by the test. */
void fake_move(struct fake_run *r, uint32_t schedule, uint32_t round, uint32_t mailbox,
               uint32_t from, uint32_t to, uint64_t at_ns);
void fake_run_until(struct fake_run *r, uint64_t loop_ns); /* lets time pass */
/* The events of a kind so far, one line each: "MS place=P code=C a=A b=B slot=S" (MS: target ms; -1 for NO_INDEX). */
const char *fake_run_events(struct fake_run *r, enum event_kind kind);
unsigned fake_run_count(struct fake_run *r, enum event_kind kind);
uint64_t fake_target_ms(const struct fake_run *r);

#endif
