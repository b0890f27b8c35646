/* kill_rig.h - a small live site: a lab in a process of its own, a profile that knows it by its addresses only, and runs of it
 * that are killed. What became of their messages stands in the lab's truth file, whoever died meanwhile.
 */
#ifndef TESTS_APP_KILL_RIG_H
#define TESTS_APP_KILL_RIG_H

#include "tests/app/program.h"

struct kill_rig {
    char dir[300], lab_yaml[400], live_yaml[400], truth[400];
    struct program lab;
};

#define KILL_FOLDER 600

/* `load`: the profile from the line "load:" on; NULL: some 300 messages in 2 s while 6 mailboxes move. false: checked already. */
bool kill_rig_open(struct kill_rig *k, const char *name, const char *load);
bool kill_rig_close(struct kill_rig *k); /* the lab ends, its truth is whole */

/* A profile with a lab of its own, in the rig's folder; the path. */
const char *kill_rig_inside(const char *dir, const char *load);
/* Starts a run of the profile into dir/runs-<i> and waits for its manifest: the load begins. The folder, or "". */
bool kill_rig_start(struct program *p, const char *dir, const char *profile, unsigned i,
                    const char *const *env, char folder[KILL_FOLDER]);
/* The same, and kills it so many ms later. What was acknowledged to its writers is noted beside its journals. */
bool kill_rig_kill(const char *dir, const char *profile, unsigned i, unsigned after_ms,
                   char folder[KILL_FOLDER]);

/* Octets of its journals that were acknowledged to whoever wrote them; *missing: of these, not in the files. */
uint64_t kill_rig_acknowledged(const char *folder, uint64_t *missing);

#endif
