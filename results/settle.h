/* settle.h - when silence is final (Z), per copy: every place that could hold it was scanned completely by a scan begun after
 * quiescence, and the path of reports is proven alive. Built once per judgement; immutable afterwards.
 */
#ifndef RESULTS_SETTLE_H
#define RESULTS_SETTLE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "results/history.h"
#include "results/ledger.h"

struct settle;
struct clue;

struct settle *settle_create(const struct ledger *l, const struct history *h, struct err *e);
void settle_destroy(struct settle *s); /* NULL is fine */

struct silence {           /* whose silence */
    uint32_t load;         /* index of the manifest's */
    uint32_t to, from;     /* recipient's and originator's mailbox; from NO_INDEX: none hears */
    uint64_t end_ns;       /* when the transaction ended; NEVER_NS: unknown */
    bool queued, standing; /* it has queue entries; all of them stand still */
    bool
        broken; /* something of it went while nobody watched: what is not there any more proves nothing */
    uint64_t standing_ns; /* begin of the newest wave that shows so */
};

bool settle_is_final(const struct settle *s, const struct silence *w);
bool settle_ran_to_end(const struct settle *s); /* the run ended by itself, its journal is whole */
bool settle_entry_is_there(const struct settle *s, const struct clue *entry);
/* The same entry, tries unchanged and none due, in two complete waves at least settle.retry apart; *since_ns: the newer. */
bool settle_entry_stands(const struct settle *s, const struct clue *entry, uint64_t *since_ns);
/* When the newest wave that shows it began, also where it has left since; 0: not known. */
uint64_t settle_entry_shown_ns(const struct settle *s, const struct clue *entry);
/* While a run goes on: every place that could hold it, and every queue if they are seen, was looked at completely since then,
 * and since its mailboxes moved. Says nothing about quiescence. */
bool settle_looked_since(const struct settle *s, const struct silence *w, uint64_t since_ns);

struct coverage {
    uint64_t places, final; /* that could hold a copy; scanned completely since quiescence */
    uint64_t loads_alive;
    bool quiescent, waves_complete;
};

enum { SIDE_TO = 1, SIDE_FROM = 2 }; /* a message went to this mailbox; came from it */

/* sides: a byte per mailbox. false: out of memory. */
bool settle_coverage(const struct settle *s, const unsigned char *sides, struct coverage *c);

#endif
