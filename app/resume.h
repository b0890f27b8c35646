/* resume.h - a run that died goes on where it can: it looks, settles and judges, and never sends or moves anything again.
 *
 * The run's manifest, profile and journal are taken as they were left; torn ends are cut off, what follows is appended. The
 * desk alone works: homes and places are looked at anew, moves that were under way are held against look-up and log-on.
 */
#ifndef APP_RESUME_H
#define APP_RESUME_H

#include "base/arena.h"
#include "base/err.h"
#include "results/manifest.h"

struct history;
struct run;

struct resume { /* a part of struct run */
    bool on;
    struct manifest *manifest;
    uint32_t epochs, waves; /* the highest on record */
    uint64_t newest_ns;     /* of what is on record */
    uint32_t cut;           /* journals whose torn end was cut off */
    bool sealed;            /* it ended, and was judged */
    uint32_t *open;         /* moves that were asked for, and neither verified nor disproved */
    uint32_t open_count, verifying;
    struct history *history; /* of what is on record; until the muster is armed */
};

/* What `run` is to load: PROFILE as the run's variant if one is given, else the one that the run left. */
bool resume_profile(struct arena *a, const char *run_dir, const char *profile, const char **path,
                    const char **variant, struct err *e);

/* In the order in which run_site.c asks; they fill r->resume, r->folder, r->book, r->journal and the clock. */
bool resume_read(struct run *r, struct err *e);    /* lock, manifest; refuses what cannot go on */
bool resume_check(struct run *r, struct err *e);   /* the profile still plans the same run */
bool resume_records(struct run *r, struct err *e); /* the journal, folded and open again */

void resume_arm(struct run *r);    /* before the muster is armed */
void resume_verify(struct run *r); /* once it is: r->resume.verifying answers follow */
void resume_verified(struct run *r, uint32_t move, bool agrees);

#endif
