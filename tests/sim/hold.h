/* hold.h - walks one case and checks all that a run must keep, whatever happens.
 *
 * What sim_run.h checks (it ends, verdict and truth agree copy by copy, sums, judged again); the same case again is the same octet
 * for octet; the events in any order and split are the same account; killed at any moment it calls nothing lost that was
 * unrecorded.
 */
#ifndef TESTS_SIM_HOLD_H
#define TESTS_SIM_HOLD_H

#include "results/classify.h"
#include "tests/sim/meddle.h"

struct held {      /* plain data: it goes from process to process */
    char rule[16]; /* which was broken; "" none */
    char wrong[1500];
    char sign
        [160]; /* how one tells this failure from another: the rule, and what was got and wanted */
    uint64_t number; /* of the message that is about; NEVER_NS: of none */
    uint64_t copies, steps, cuts, kills, twice;
    uint64_t died, resumed; /* the harness was killed for good, and the run resumed to its end */
    uint64_t
        not_begun; /* rightly: stopped, or no server answered, before there was anything to judge */
    uint64_t classes[CLASS_COUNT], ends[CLOSE_KINDS][CLOSING_OCTETS + 1];
    double cpu_s;
};

/* `name`: of the folder below scratch/ that it fills. false: h says what is wrong. */
bool hold_case(const char *text, const char *name, struct held *h);

#endif
