/* gates.h - thresholds to pass, fail or undecided. Pure; any thread. */
#ifndef RESULTS_GATES_H
#define RESULTS_GATES_H

#include <stdbool.h>
#include <stdint.h>

#include "results/classify.h"
#include "results/manifest.h"
#include "results/tally.h"

enum verdict { VERDICT_PASS, VERDICT_FAIL, VERDICT_INCONCLUSIVE };

struct gate_result {
    const char *name; /* the manifest's, or a default's */
    uint64_t limit;
    uint64_t count; /* what was found; pacing-p99: ns */
    uint64_t open;  /* copies that are not final, each of which might still count */
    enum verdict verdict;
    enum outcome outcome; /* CLASS_COUNT: the gate is not about a class */
    bool uncertified;     /* it is about a latency, and the generator was saturated */
    bool excused;         /* it passes only for copies that came while nobody watched */
};

/* The gates that hold when a profile names none. */
extern const struct manifest_gate gates_default[];
extern const uint32_t gates_default_count;

bool gate_is_known(const char *name);
/* open: unknown copies beyond what the profile allows. */
struct gate_result gate_decide(const struct manifest_gate *g, const struct tally *t,
                               uint64_t residuals, uint64_t open);
const char *gate_verdict_name(enum verdict v); /* "pass", "fail", "undecided" */

#endif
