/* muster_rig.h - a muster on a fake run: fake probes of mailboxes that take 5 ms a scan, real queue probes and home look-ups
 * over scripted HTTP, and a log of what the muster tells. Mailboxes are named by their numbers.
 */
#ifndef TESTS_PROBES_MUSTER_RIG_H
#define TESTS_PROBES_MUSTER_RIG_H

#include "probes/muster.h"
#include "tests/support/fake_run.h"

struct muster_world {
    bool present[6][3], busy[6][3], down, no_open;
    uint32_t opened[6][3];
    const struct probe_profile *read_by[6][3];
    const char *home[6];                  /* what the directory says */
    const char *differs;                  /* what another directory says of everybody */
    bool lookup_down, queues_down, flows; /* flows: every listing has other counters */
    unsigned in, out, listings;
    const char *entries; /* of s1, as JSON */
    unsigned scans;
    uint64_t mail_ms; /* loop time from which the first mailbox has one more message; 0: none */
};

extern struct muster_world world;

struct muster_rig {
    struct fake_run *run;
    struct muster *m;
    struct muster_context context;
    struct buf log; /* "MS what\n" */
    struct err e;
};

void roll_begin(struct muster_rig *r);
bool roll_create(struct muster_rig *r);
/* Creates and arms it, and forgets what was said and journalled so far. */
void roll_arm(struct muster_rig *r);
void roll_run_ms(struct muster_rig *r, uint64_t target_ms);
void roll_note(struct muster_rig *r, const char *what, unsigned a, unsigned b);
void roll_end(struct muster_rig *r);
void roll_armed(void *owner, const struct err *e);
void roll_settled(void *owner, bool final);

#endif
