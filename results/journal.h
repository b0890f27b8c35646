/* journal.h - the events of a run on disk, append only, one file a thread.
 *
 * File: 64-byte head (magic "PMJRNL01", version, run id, thread, CRC-32C), then blocks of at most 64 KB: 16-byte block head
 * (sequence, count, CRC-32C over sequence, count and records) and 32-byte `struct event` records, little endian. The first
 * bad block ends the file: a torn tail after a crash loses that block and nothing before it. One writer, its own thread;
 * readers open read-only at any time.
 *
 * Hot path: journal_add() stores 32 bytes in the open block. The block is written when full, and by journal_flush() from a
 * before-sleep hook or timer (group commit: every 100 ms). A written block goes on to `sink` (the ledger's ring) and
 * only then: the ledger never knows what the disk does not.
 */
#ifndef RESULTS_JOURNAL_H
#define RESULTS_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "results/event.h"

#define JOURNAL_BLOCK_BYTES  65536
#define JOURNAL_BLOCK_EVENTS 2047

struct journal;

struct journal_sink { /* where written blocks go; called on the writer's thread */
    void (*block)(struct journal_sink *s, const struct event *events, uint32_t count);
    void *owner;
};

/* Creates dir/<thread>.mpj (4 digits); sink may be NULL. NULL with e (EX_IO). */
struct journal *journal_create(const char *dir, uint32_t thread, uint64_t run_id,
                               struct journal_sink *sink, struct err *e);
/* The same file again, to go on behind its last whole block; what is torn behind it is cut off. It is made if it is not there. */
struct journal *journal_reopen(const char *dir, uint32_t thread, uint64_t run_id,
                               struct journal_sink *sink, struct err *e);
/* false once a write failed (EX_IO, see journal_error): the event is not recorded, the run must stop. */
bool journal_add(struct journal *j, const struct event *ev);
bool journal_flush(struct journal *j); /* writes the open block, if any; group commit */
const struct err *journal_error(const struct journal *j); /* NULL while fine */
int journal_descriptor(
    const struct journal
        *j); /* for another thread to sync (a copy of it): the writer never waits */
/* From that thread, with its copy of the descriptor: what was written so far is on the disk afterwards, and of files above
 * 64 MB out of the file cache, which the machine under test needs more. *upto: 0 at first, then ours. false: errno. */
bool journal_sync(int descriptor, uint64_t *upto);
bool journal_close(struct journal *j, struct err *e); /* flushes, syncs, frees; NULL is fine */

/* Reads every *.mpj of a folder, file by file in order of name. fold() gets each intact block. Damage beyond a torn tail
 * (a bad head, another run's file) is an error, EX_BAD_PROFILE; torn tails are counted. */
bool journal_read(const char *dir, uint64_t run_id,
                  void (*fold)(void *owner, const struct event *events, uint32_t count),
                  void *owner, uint32_t *torn, struct err *e);
/* The same, and torn tails are cut off: the files are whole afterwards. Only while nobody writes to them. */
bool journal_mend(const char *dir, uint64_t run_id,
                  void (*fold)(void *owner, const struct event *events, uint32_t count),
                  void *owner, uint32_t *torn, struct err *e);

#endif
