/* worker.h - a sender's thread: its loop, its journal, its senders, and its line to the desk.
 *
 * In a simulated run a worker has no thread: it lives on the shared loop, and the line works the same. The desk may believe
 * that a worker is idle when worker_is_idle(): everything it was ever told to do has ended and stands in its journal.
 */
#ifndef APP_WORKER_H
#define APP_WORKER_H

#include "base/clock.h"
#include "loadgen/sender.h"
#include "profiles/workload.h"
#include "results/journal.h"

struct worker;

enum worker_news {
    NEWS_ARMED,  /* ready to send */
    NEWS_BROKEN, /* cannot go on: worker_error() */
    NEWS_IDLE,   /* all that it owes has ended, as far as it knows */
    NEWS_ENDED,  /* its journal is closed */
    NEWS_BRAKED, /* its brake has stopped it, and it has journalled why */
    NEWS_HEARD,  /* inside: `heard` is called instead */
};

struct worker_config {
    struct loop *desk; /* whose loop hears the news */
    bool threaded;     /* false: works on the desk's loop */
    bool sync;         /* fdatasync its journal */
    const char *journal_dir;
    uint64_t run_id;
    struct journal_sink *sink;
    const struct workload *work;
    const struct token_key *key;
    const struct smtp_corpus *corpus;
    struct tls_context *const *tls;
    uint32_t index, count;
    void (*news)(void *owner, struct worker *w, enum worker_news what);
    /* X.400: an APDU that came on an association which this worker opened; on the desk's loop. NULL: none is taken. */
    void (*heard)(void *owner, struct slice apdu);
    void *owner;
};

struct worker *worker_create(const struct worker_config *c, struct err *e);
bool worker_begin(
    struct worker *w,
    struct err *e); /* starts the thread and arms: NEWS_ARMED or NEWS_BROKEN follows */
void worker_start(struct worker *w, const struct run_clock *clock);
void worker_mark(struct worker *w, uint32_t move, enum move_mark mark, uint64_t t_ns);
void worker_aims(struct worker *w, uint32_t load, uint32_t move,
                 const int64_t *aims_ns); /* sender_aims() */
void worker_moves_over(struct worker *w);
void worker_canary(struct worker *w, uint64_t number);
void worker_stop(struct worker *w, enum sender_stop how);
/* Closes the journal; NEWS_ENDED follows, after NEWS_BROKEN if it could not, unless worker_died(). false: its thread was never
 * started, and neither comes. */
bool worker_end(struct worker *w);
bool worker_is_idle(const struct worker *w);
const struct err *worker_error(const struct worker *w);
/* Its thread is gone and has not said that it ended: nothing that it is told any more is done. Its journal is closed with it.
 * True once. */
bool worker_died(struct worker *w);
void worker_destroy(struct worker *w); /* joins its thread; NULL is fine */

#endif
