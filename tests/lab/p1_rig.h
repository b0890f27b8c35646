/* p1_rig.h - a site with X.400 on simulated time, and the other MTA at both its ends.
 *
 * Server s1 is called by `out` and calls `in`; site and names are fronts_simulate_p1()'s.
 */
#ifndef TESTS_LAB_P1_RIG_H
#define TESTS_LAB_P1_RIG_H

#include "tests/lab/p1_peer.h"

enum { JOE, ANN, BOB, CARL, DORA };

struct rig {
    struct fronts f;
    struct peer out, in; /* calls the lab; is called by it */
    struct arena *arena;
    char truth[300];
    struct buf apdu[8];
    unsigned apdus;
};

/* Nobody calls or listens yet. */
bool rig_open_with(struct rig *r, void (*change)(struct lab_p1_config *p1),
                   struct sim_meddler *meddler);
bool rig_open(struct rig *r); /* `in` listens, `out` calls */
void rig_close(struct rig *r);
void rig_end_site(struct rig *r); /* writes its truth out; the rest stays */

void rig_send(struct rig *r, const struct peer_message *m);
void rig_run(struct rig *r, uint64_t ms);
void rig_set(struct rig *r, const char *server, const char *component, bool up);

/* How often a line of the truth has this word and this text. */
unsigned rig_truths(struct rig *r, const char *word, const char *part);
uint32_t rig_items(struct rig *r, int server, uint32_t mailbox);
const char *rig_text(struct rig *r, int server, uint32_t mailbox); /* of the first item */
const struct p1_report *rig_report(struct rig *r, unsigned n);     /* the n-th APDU of `in` */
const char *rig_slice(struct rig *r, struct slice s);
const char *rig_name(struct rig *r, const struct oraddr *o);

#endif
