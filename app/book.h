/* book.h - the keeper of the ledger: one thread that folds written journal blocks, whoever wrote them.
 *
 * Each writer gets a sink for its journal. A written block is copied into one of the writer's few buffers and goes by ring
 * to the book's thread, which folds it and gives the buffer back; a writer that is eight blocks ahead waits for it. The
 * book's thread also syncs the files (fdatasync, at most every 100 ms each), so that no sender ever waits for a disk; what a
 * crash of ours could lose was written before. In a simulated run there is no thread: the sink folds at once. The ledger is
 * the caller's again after book_close().
 */
#ifndef APP_BOOK_H
#define APP_BOOK_H

#include <stdbool.h>

#include "app/counts.h"
#include "base/err.h"
#include "results/journal.h"
#include "results/ledger.h"
#include "results/manifest.h"

struct book;

struct book *book_create(const struct manifest *m, bool threaded, struct err *e);
struct journal_sink *book_writer(struct book *b,
                                 struct err *e); /* before any event; lives as long as the book */
/* The writer's journal, to be synced while the run lasts. */
bool book_sync(struct journal_sink *sink, const struct journal *j, struct err *e);
/* Before book_begin(): what is on record already, and what it comes to. */
void book_fold(struct book *b, const struct event *events, uint32_t n);
const struct ledger *book_ledger(const struct book *b);
/* Called when blocks were folded, where the ledger is (the book's thread, or the writer's if there is none), with the newest
 * time of any event; looks and changes nothing. Before book_begin(). */
void book_watch(struct book *b,
                void (*look)(void *owner, const struct ledger *l, uint64_t newest_ns), void *owner);
/* Asks something of the ledger where it is: run() is called on the book's thread between two blocks, at once if there is none,
 * and changes nothing. At most BOOK_ERRANDS under way; one thread sends them. They live until they have run. */
#define BOOK_ERRANDS 256u

struct book_errand {
    void (*run)(void *owner, const struct ledger *l);
    void *owner;
};

void book_send(struct book *b, const struct book_errand *errand);
bool book_begin(struct book *b, struct err *e); /* starts the thread, if threaded */
struct book_counts book_counts(struct book *b); /* one reader's thread; the newest that came */
/* All writers have closed their journals: folds what waits, ends the thread. */
struct ledger *book_close(struct book *b);
bool book_is_dead(struct book *b); /* its thread is gone; on the thread that closes it */
/* A file could not be synced, or the thread was gone; NULL while fine; after book_close(). */
const struct err *book_error(const struct book *b);
void book_destroy(struct book *b); /* with its ledger; NULL is fine */

#endif
