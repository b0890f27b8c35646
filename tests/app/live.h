/* live.h - campaigns on real sockets in a test: walked to their end, each run's verdict held against its lab's truth.
 *
 * On a busy machine a run can be too late to show what it should (a tenth of a second is 24 s of target time at scale
 * 240), never to be wrong about what it saw: the truth is compared always, and a run that did not show what it should may
 * be walked once more, alone.
 */
#ifndef TESTS_APP_LIVE_H
#define TESTS_APP_LIVE_H

#include "app/campaign.h"
#include "tests/support/truth.h"

struct live_job {
    const char *path, *variant; /* a comma list of variants is fine */
    const char *const *sets;    /* NULL-terminated */
    uint32_t parallel;
    /* Told every run that ended with a verdict, its truth compared: does it show what it should? `why` if not. */
    bool (*shows)(const struct job *j, char *why, size_t room);
};

/* Walks all of it; checks (check.h) that each run has a verdict, agrees with its truth, balances, says the same when judged
 * again, and shows what it should (at the second try at the latest). */
void live_walk(const struct live_job *w);

#endif
