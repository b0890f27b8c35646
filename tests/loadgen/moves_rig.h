/* moves_rig.h - the controller on a fake run, its marks logged as lines, verified by itself after a while. */
#ifndef TESTS_LOADGEN_MOVES_RIG_H
#define TESTS_LOADGEN_MOVES_RIG_H

#include "loadgen/move.h"
#include "tests/support/fake_run.h"

struct rig {
    struct fake_run *run;
    struct moves *moves;
    struct err e;
    struct buf marks; /* "MS move MARK\n", and "MS over\n" */
    bool verify;      /* answer DONE and FAILED with `agrees` after 100 ms of target time */
    bool agrees;

    struct rig_timer {
        struct timer timer;
        struct rig *rig;
        uint32_t move;
    } timers[64];
};

/* Adds a schedule of this mover to the run: `lanes` rounds at once, a deadline of `deadline_ns` (0: none). */
uint32_t rig_schedule(struct rig *r, uint32_t mover, uint32_t rounds, uint32_t lanes,
                      uint64_t deadline_ns);
void rig_init(struct rig *r, const char *name);
bool rig_create(struct rig *r);                         /* the controller; false: see e */
const char *rig_run(struct rig *r, uint64_t target_ms); /* starts it; the marks until then */
void rig_fini(struct rig *r);

#endif
