/* selftest.h - faults that the lab plants, and what each has to be found as: a row a fault, and how a run is held to it.
 *
 * What was planted is read from the lab's truth file, copy by copy and move by move; what was found, from the run's ledger. A fault that
 * was not found and one that nobody planted are equally bad. Pure reading of ended runs; one thread.
 */
#ifndef APP_SELFTEST_H
#define APP_SELFTEST_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "app/campaign.h"
#include "base/bytes.h"
#include "results/classify.h"
#include "results/event.h"
#include "results/gates.h"

#define SELFTEST_PROFILE "selftest" /* shipped; each row is a variant of it */

struct selftest_row {
    const char *fault; /* lab/plant.h knows it by the same name */
    /* What it is found as: a class of each planted copy, or a mark of each planted move. */
    enum outcome as;
    enum move_mark mark; /* MARK_ASKED: it is about copies */
    uint32_t flags;      /* 1 << enum flag: each planted copy has them, and no other */
    enum finding
        finding; /* FIND_COUNT: none; foreign: as often as planted; others: at least once */
    enum verdict verdict; /* of the whole run */
    const char *never;    /* what must not be said, for people */
};

extern const struct selftest_row selftest_rows[]; /* ends with a NULL fault */

struct selftest_result {
    const struct selftest_row *row;
    bool ok, missed; /* not ok and not missed: something else was invented */
    uint64_t wanted, planted, found;
    uint64_t invented; /* copies and moves that nobody touched, and that are not said to be fine */
    enum verdict verdict;
    const char *dir; /* of the run; the job's */
    char why[300];   /* why it is not ok; "" */
};

const struct selftest_row *selftest_row_named(const char *fault); /* NULL: there is none */
/* Holds an ended run to its row (the one that its variant names). */
void selftest_judge(struct selftest_result *r, const struct job *j);
/* "silent-loss, delayed-report": what a row wants. */
const char *selftest_as(const struct selftest_row *row, char *out, size_t room);
/* The table, and a sentence; false: out of memory. */
bool selftest_print(const struct selftest_result *all, uint32_t count, struct buf *out);
json_t *selftest_json(const struct selftest_result *all, uint32_t count);
uint32_t selftest_failures(const struct selftest_result *all, uint32_t count);

#endif
