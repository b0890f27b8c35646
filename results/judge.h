/* judge.h - manifest and ledger to the judgement: classes, identities, gates, verdict, reasons. A pure function of the two,
 * so that the live verdict and a later one from the journal are the same byte for byte.
 */
#ifndef RESULTS_JUDGE_H
#define RESULTS_JUDGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/err.h"
#include "results/aim_found.h"
#include "results/classify.h"
#include "results/gates.h"
#include "results/ledger.h"
#include "results/manifest.h"
#include "results/stop_rule.h"
#include "results/tally.h"

struct identity {
    const char *name;     /* "planned = sum of classes" */
    uint64_t left, right; /* residual: left - right */
};

#define IDENTITIES_MAX 12
#define REASONS_MAX    40

struct judgement {
    const struct manifest *manifest; /* borrowed */
    enum verdict verdict;
    int exit_code; /* EX_PASS, EX_FAIL, EX_INCONCLUSIVE, or EX_INTERNAL: the account does not balance */
    struct tally tally;
    struct identity identities[IDENTITIES_MAX];
    uint32_t identity_count;
    struct gate_result *gates;
    uint32_t gate_count;
    struct stop_outcome stop;
    struct aims aims;           /* of loads that were aimed adaptively */
    char *reasons[REASONS_MAX]; /* sentences for people, the decisive ones first */
    uint32_t reason_count;
};

struct judgement *judge(const struct manifest *m, const struct ledger *l, struct err *e);
void judgement_destroy(struct judgement *j); /* NULL is fine */
int judgement_exit_code(const struct judgement *j);
const char *verdict_name(enum verdict v); /* "PASS", "FAIL", "INCONCLUSIVE" */

/* report_data.c, report_text.c */
bool judgement_print_summary(const struct judgement *j, struct buf *out, struct err *e);
bool judgement_write_summary(const struct judgement *j, const char *path, struct err *e);
bool judgement_text(const struct judgement *j, struct buf *out, bool color);

/* A run's folder, read back: manifest and journal. Judges also what a killed run left. */
struct run_record {
    struct arena *arena;
    struct manifest *manifest;
    struct ledger *ledger;
    struct judgement *judgement;
};

bool judge_folder(struct run_record *r, const char *run_dir, struct err *e);
void run_record_fini(struct run_record *r); /* also after a failed judge_folder() */

#endif
