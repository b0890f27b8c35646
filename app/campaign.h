/* campaign.h - many runs side by side in one process: a profile's variants, a matrix's cells, several profiles.
 *
 * Each job is one run of one variant with an arena and a thread of its own; at most `parallel` at a time. The caller's
 * thread waits, hears of news, and may interrupt them all. Simulated jobs use a simulated loop each, on their threads.
 */
#ifndef APP_CAMPAIGN_H
#define APP_CAMPAIGN_H

#include "app/run.h"

struct job {
    const char *path, *variant;
    struct profile *profile; /* NULL until it began */
    struct run_result result;
    bool began, ended;
    struct run_status status; /* the newest */
    bool has_status, told;    /* there is one; told: told_phase was shown to whoever watches */
    enum run_phase told_phase;
    uint64_t told_ns; /* when */
    /* the campaign's own */
    struct arena *arena;
    struct run *run;
    struct loop *shared;
    struct thread *thread;
    struct ring *done;
    const struct campaign *of;
};

struct campaign {
    struct arena *arena;
    struct job *jobs;
    uint32_t count, parallel;
    const char *const *sets;
    uint32_t set_count;
    const char *const *owned; /* as run_options' */
    uint32_t owned_count;
    const char *runs_dir;
    const char *run_dir; /* of the only job, instead; NULL: a fresh one below runs_dir */
    const char
        *resume; /* the only job goes on where the run in this folder died; NULL: it is new */
    bool simulate;
    bool watched;            /* somebody is shown what goes on: runs tell the classes so far, too */
    bool parallel_given;     /* `parallel` is the user's word: profiles do not raise it */
    struct net_addr metrics; /* where they are served, if every profile allows it; else zeroed */
    unsigned interrupts;
};

/* One job per profile and variant: with `variant` NULL the plain profile and all its variants (of a matrix: the cells, not
 * the plain one); "" the plain one only. A comma list names several variants. Every variant is read and checked here, before any run
 * starts; fixed ports of a lab leave room for one run at a time. */
bool campaign_add(struct campaign *c, const char *path, const char *variant, struct err *e);
/* Starts what may start and notes what ended; true while something runs or waits. news() for every job that ended. */
bool campaign_step(struct campaign *c, void (*news)(void *owner, struct job *j), void *owner);
void campaign_interrupt(struct campaign *c); /* once more */
int campaign_exit_code(
    const struct campaign *c); /* the worst: an error, then FAIL, INCONCLUSIVE, PASS */
void campaign_fini(struct campaign *c);

#endif
