/* killed.h - kills a run at moments drawn from its seed, without it noticing, and judges what would be on the disk.
 *
 * While the run is walked, killer_watch() is called at every write of anybody, and keeps how long each journal file was at a
 * few of these moments, every moment as likely as any other. Afterwards killed_differs() makes a folder of each (in some the last
 * block is torn as well), judges it, and holds it against the whole account: nothing that was unrecorded is called lost, nothing is
 * called not sent that had left, what it says was seen or reported was, and it never passes.
 */
#ifndef TESTS_SIM_KILLED_H
#define TESTS_SIM_KILLED_H

#include "base/rng.h"
#include "tests/sim/sim_run.h"

#define KILLS      3
#define KILL_FILES 12

struct kill {
    bool taken;
    uint64_t loop_ns;
    uint64_t size[KILL_FILES]; /* of NNNN.mpj; 0: it is not there */
};

struct killer {
    struct rng rng;
    const struct sim_run *run;
    const char *dir; /* the run's folder */
    uint64_t moments;
    struct kill kill[KILLS];
};

/* How long each journal file in the run's folder is; and a folder that others wrote to since, as it was then. */
void kill_keep(struct kill *k, const char *dir, uint64_t loop_ns);
bool kill_cut(const struct kill *k, const char *dir);

void killer_init(struct killer *k, uint64_t seed, const struct sim_run *run, const char *dir);
void killer_watch(void *owner);
/* Of a run that has ended; `scratch`: a folder that it may fill. true: `why` says what is wrong. */
bool killed_differs(struct killer *k, const char *scratch, char *why, size_t room);

/* One copy, as the killed account has it and as the whole one has it; NULL: nothing is wrong. For tests. */
struct copy;

struct killed_when {
    uint64_t target_ns; /* of the kill */
    bool ended, torn;   /* the journal has the run's end; a block of it was torn */
};

const char *killed_wrong(const struct copy *killed, const struct copy *whole,
                         const struct killed_when *when);

#endif
