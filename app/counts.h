/* counts.h - what people who watch are told of a run: counted block by block as the ledger's thread folds it.
 *
 * Nothing here costs a sender anything. Fixed size, so that a snapshot goes by ring; a load beyond the last is counted with the
 * last. Spreads have fixed buckets with decimal bounds, those of the metrics. One
 * thread at a time.
 */
#ifndef APP_COUNTS_H
#define APP_COUNTS_H

#include <stdbool.h>
#include <stdint.h>

#include "results/event.h"
#include "results/ledger.h"
#include "results/manifest.h"

#define COUNTS_LOADS  8u
#define SPREAD_BOUNDS 19u /* 1, 2, 5 in every decade from 100 us to 100 s */

struct spread {
    uint64_t
        bucket[SPREAD_BOUNDS +
               1]; /* at most this bound and more than the one before; the last: more than 100 s */
    uint64_t sum_us;
};

extern const uint64_t spread_bounds_us[SPREAD_BOUNDS];

void spread_add(struct spread *s, uint64_t us);
void spread_merge(struct spread *into, const struct spread *from);
uint64_t spread_count(const struct spread *s);
/* The bound that so many of them do not exceed; 0: there are none; NEVER_NS: more than the last bound. */
uint64_t spread_within_us(const struct spread *s, double share);

struct load_counts {
    uint64_t messages;                /* whose first octet left */
    uint64_t recipients;              /* of them */
    uint64_t ended[END_ACCEPTED + 1]; /* recipients, by enum ending */
    struct spread late, accept;       /* real; target time from the first octet to acceptance */
};

struct book_counts { /* as of the last blocks */
    uint64_t attempted, accepted, refused, doubt, aborted, seen,
        reports;                            /* as struct ledger_counts */
    uint64_t reported[REPORT_EXPANDED + 1]; /* by enum report_kind */
    struct load_counts loads[COUNTS_LOADS];
};

void counts_add(struct book_counts *c, const struct manifest *m, const struct event *events,
                uint32_t n);
void counts_ledger(struct book_counts *c, const struct ledger_counts *l);
void counts_sum(const struct book_counts *c, struct load_counts *all); /* over its loads */

#endif
