/* run_guard.h - what is looked at while a run goes on, to stop it: a file called `stop` in its folder, the depth of the queues.
 * And whether we ourselves are sound: threads that died, time in which the process stood still or the machine slept. The owner of
 * public addresses is asked every hour, by a thread of its own.
 *
 * The file asks as one interrupt does, within 50 ms. The desk's loop; a simulated run looks at queues alone.
 */
#ifndef APP_RUN_GUARD_H
#define APP_RUN_GUARD_H

#include "base/err.h"
#include "base/loop.h"

struct run;
struct thread;

struct run_guard {
    struct timer look;
    bool begun, asked;    /* asked: by the file */
    uint64_t owner_ns;    /* when the owner is asked again */
    struct thread *asker; /* who asks him; NULL: nobody just now */
    bool owner_agrees;    /* the asker's, until it is over; and why not */
    struct err owner_why;
    uint64_t looked_ns, slept_ns; /* the look before: when; clock_slept_ns() */
};

void run_guard_begin(struct run *r);
void run_guard_end(struct run *r); /* also before it was begun */
/* Waits for whoever asks the owner, as long as the resolver takes: he reads the profile. Any thread that has the run to itself. */
void run_guard_join(struct run *r);

#endif
