/* case.h - one case of a sweep as text: what is drawn from a seed stands in it in full, so that a case can be cut down, kept
 * and walked again without the seed.
 *
 * The text is a profile. Comments at its head, "# sim KEY NUMBER", one a line, say what the profile cannot: the network, who
 * meddles, interrupts, how much the run can know (enum truth_view). A line that is missing means 0.
 */
#ifndef TESTS_SIM_CASE_H
#define TESTS_SIM_CASE_H

#include "base/bytes.h"
#include "tests/support/truth.h"

struct sim_case {
    uint64_t view; /* enum truth_view */
    uint64_t seed; /* of network, cuts, kills and splits */
    uint64_t latency_min_us, latency_max_us, split_per_mille, window;
    uint64_t stall_per_mille, stall_ms;
    uint64_t cut_mail_percent, cut_imap_percent;
    uint64_t interrupt_ms, again_ms; /* loop time after the beginning; 0: none */
    uint64_t dies_ms;                /* the harness is killed and its lab lives on; 0: it is not */
    uint64_t down_ms;                /* later, when the run is resumed */
    uint64_t wall_s;
    uint64_t twice; /* 1: it is walked twice, and has to be the same octet for octet */
};

void case_draw(uint64_t seed, struct buf *out);
void case_read(struct sim_case *c, const char *text);

#endif
