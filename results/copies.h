/* copies.h - from the ledger's slots and evidence to copies: which recipient and role each piece of evidence speaks of, the
 * facts, the class and the flags of each copy of a message. Pure reading; one thread at a time (it has a workspace).
 */
#ifndef RESULTS_COPIES_H
#define RESULTS_COPIES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "results/classify.h"
#include "results/history.h"
#include "results/ledger.h"
#include "results/settle.h"

struct clue_counts {
    uint64_t copies, entries, reports; /* each (place), (place, tries), (report) once */
    uint64_t found,
        elsewhere; /* copies, all that a scan counted: put down to a slot; misdelivered */
};

struct copy {
    uint64_t number;
    uint32_t load, recipient; /* index of the load; index within the message */
    bool alternate;           /* its role */
    bool tried;               /* a transaction named this recipient */
    uint32_t to;              /* the intended recipient's mailbox; NO_INDEX: not recorded */
    uint32_t mailbox;      /* where it belongs: `to`, or its alternate; NO_INDEX: unknown, none */
    uint32_t from, server; /* originator's mailbox; the server that was spoken to */
    struct facts facts;
    enum outcome outcome;
    uint32_t flags;                            /* 1 << enum flag */
    uint64_t sent_ns, end_ns;                  /* NEVER_NS: not */
    uint64_t first_seen_ns, first_reported_ns; /* NEVER_NS: not */
    bool unwatched;   /* for a time between its sending and its first sight nobody watched */
    bool excused;     /* and only for that it is not late */
    uint32_t late_us; /* real, against the plan */
    uint32_t end_code, report_code; /* event_code(), event_report(); 0: none */
    uint32_t stage;                 /* where the transaction ended */
    uint32_t report_print;          /* of one of the failed reports */
    struct nearest_move move;       /* of the recipient's mailbox */
    struct alternates alternates;   /* in force for it */
    struct silence silence;
};

struct copies;

struct copies *copies_create(const struct ledger *l, struct err *e);
/* Another workspace over the same, for one more thread; `from` outlives it. NULL: out of memory. */
struct copies *copies_share(const struct copies *from);
void copies_destroy(struct copies *c); /* NULL is fine */

/* All counted copies of one message, recipient by recipient, primary before alternate; valid until the next call. */
struct copy *copies_of(struct copies *c, uint32_t load, uint64_t number, uint32_t *count);
/* Every copy of every message of every load; false from each() ends it. */
bool copies_each(struct copies *c, bool (*each)(void *owner, const struct copy *copies, uint32_t n),
                 void *owner);
/* The same for messages from <= number < to. */
bool copies_between(struct copies *c, uint64_t from, uint64_t to,
                    bool (*each)(void *owner, const struct copy *copies, uint32_t n), void *owner);

struct clue_counts copies_attributed(const struct copies *c); /* so far, by copies_of() */
const struct history *copies_history(const struct copies *c);
const struct settle *copies_settle(const struct copies *c);
const struct ledger *copies_ledger(const struct copies *c);
uint32_t copies_load_of(const struct copies *c, uint64_t number); /* NO_INDEX: none */

#endif
