/* sim_run.h - walks one profile on simulated time, lab and all, and holds its verdict against the lab's truth.
 *
 * Everything that a run must keep whatever happens is checked here: it ends, its account balances, its classes add up to
 * what was planned, each copy has the class that the truth asks for, and its folder, judged again, says the same byte for
 * byte. What is wrong comes back as one text, so that a test of 500 seeds can say which one and why.
 */
#ifndef TESTS_SIM_SIM_RUN_H
#define TESTS_SIM_SIM_RUN_H

#include "app/run.h"
#include "base/loop_sim.h"
#include "tests/support/truth.h"

struct sim_order {
    struct profile_request profile;
    const char *dir;       /* the run's folder: must not exist, or be empty */
    struct sim_config net; /* seed 0: the profile's */
    enum truth_view view;
    uint64_t wall_ns; /* Unix time when the load begins; 0: no wall clock */
    /* So long after its load began the harness is killed, unless it has ended; 0: it is not. Its lab lives on, and so much
     * later the run is resumed (again and again, while a server will not be read); its view is TRUTH_RESUMED then. */
    uint64_t dies_ns, down_ns;
    /* Told the loaded site before anything runs, and once more when it is resumed; NULL: no matter. */
    void (*armed)(void *owner, const struct profile *p);
    void *owner;
};

struct sim_run {
    struct arena *arena;
    struct profile *profile;
    struct loop *loop;
    struct run *run;
    struct arena *lab_arena; /* these two: where the lab outlives the run */
    struct lab_host *lab;
    struct timer wakes;
    uint64_t dies_ns; /* after the load began */
    bool died;
    unsigned resumed; /* so many times */
    struct run_result result;
    struct truth_score score;
    uint64_t steps;
    const char
        *rule; /* which was broken: "begins", "ends", "truth", "balance", "again"; NULL: none */
    char wrong[1200]; /* "" while all is well */
};

bool sim_walk(struct sim_run *s, const struct sim_order *o); /* false: see wrong */
void sim_fini(struct sim_run *s);
/* Are both folders' journals and summaries the same, octet for octet? `why` says where they are not. */
bool sim_same_bytes(const char *dir, const char *other, char *why, size_t room);

#endif
