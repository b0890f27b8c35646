/* book.c - the keeper of the ledger: one thread that folds written journal blocks, whoever wrote them. */
#include "app/book.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/loop.h"
#include "base/ring.h"
#include "base/thread.h"

#define BLOCKS_AHEAD    32 /* per writer: 65,000 events, while the book waits for a disk */
#define REST_NS         (100ull * 1000)
#define PATIENCE_NS     (30ull * 1000 * 1000 * 1000)
#define COUNTS_EVERY_NS (100ull * 1000 * 1000)
#define SYNC_EVERY_NS   (100ull * 1000 * 1000)

struct block {
    uint32_t count;
    struct event events[JOURNAL_BLOCK_EVENTS];
};

struct writer {
    struct journal_sink sink; /* owner: this writer */
    struct book *book;
    struct ring *full, *empty; /* of struct block * */
    struct block *blocks;
    int fd; /* a copy of the journal's descriptor; -1: none */
    bool unsynced;
    bool lost;                  /* the book did not take a block in time: no more are given */
    uint64_t synced_ns, synced; /* when last; how far, journal_sync()'s */
    struct writer *next;
};

struct book {
    const struct manifest *manifest; /* borrowed */
    struct ledger *ledger;
    struct loop *loop; /* NULL: no thread */
    struct thread *thread;
    struct hook wake;
    struct writer *writers;
    struct ring *counts_ring;
    struct book_counts counts, seen_counts;
    uint64_t counts_told_ns;
    struct timer sync, tell; /* tell: counts that came too soon after the ones before */
    struct err error;
    struct ring *farewell; /* one record: no writer is left */
    bool over;             /* the thread has read it, and all before it */
    struct ring *errands;  /* of const struct book_errand * */
    void (*look)(void *owner, const struct ledger *l, uint64_t newest_ns); /* NULL: nobody looks */
    void *look_owner;
    uint64_t newest_ns; /* of events, where somebody looks */
};

static void fold(struct book *b, const struct event *events, uint32_t n)
{
    ledger_apply(b->ledger, events, n);
    counts_add(&b->counts, b->manifest, events, n);
    for (uint32_t i = 0; b->look && i < n; i++)
        if (events[i].t_ns > b->newest_ns)
            b->newest_ns = events[i].t_ns;
}

void book_fold(struct book *b, const struct event *events, uint32_t n)
{
    PM_ASSERT(!b->thread);
    fold(b, events, n);
}

const struct ledger *book_ledger(const struct book *b)
{
    return b->ledger;
}

static void let_look(struct book *b)
{
    if (b->look)
        b->look(b->look_owner, b->ledger, b->newest_ns);
}

static void sink_direct(struct journal_sink *s, const struct event *events, uint32_t n)
{
    struct writer *w = s->owner;

    fold(w->book, events, n);
    let_look(w->book);
}

static void sink_ring(struct journal_sink *s, const struct event *events, uint32_t n)
{
    struct writer *w = s->owner;
    struct block *b;

    /* Without room the book is as far behind as it may be, and was woken. */
    for (uint64_t rests = 0; !w->lost && !ring_pop(w->empty, &b); rests++) {
        thread_rest(REST_NS);
        w->lost = rests >= PATIENCE_NS / REST_NS;
    }
    if (w->lost)
        return;
    b->count = n;
    memcpy(b->events, events, n * sizeof *events);
    bool pushed = ring_push(w->full, &b);
    PM_ASSERT(pushed); /* as many places as blocks */
    loop_wake(w->book->loop);
}

static void tell_counts(struct book *b)
{
    uint64_t now = loop_now(b->loop);
    struct ledger_counts l = ledger_counts(b->ledger);

    if (now - b->counts_told_ns < COUNTS_EVERY_NS) {
        timer_arm(b->loop, &b->tell, b->counts_told_ns + COUNTS_EVERY_NS);
        return;
    }
    counts_ledger(&b->counts, &l);
    if (ring_push(b->counts_ring, &b->counts))
        b->counts_told_ns = now;
    else /* nobody reads them just now */
        timer_arm(b->loop, &b->tell, now + COUNTS_EVERY_NS);
}

static void on_tell(struct timer *t)
{
    tell_counts(t->owner);
}

/* A file that was written to since is synced, each at most so often; the loop's time is stale after a slow sync, which
 * only spaces them further. */
static void sync_files(struct book *b)
{
    uint64_t now = loop_now(b->loop);
    bool wanted = false;

    for (struct writer *w = b->writers; w; w = w->next) {
        if (!w->unsynced || w->fd < 0)
            continue;
        if (now - w->synced_ns < SYNC_EVERY_NS) {
            wanted = true;
            continue;
        }
        w->unsynced = false;
        w->synced_ns = now;
        if (!journal_sync(w->fd, &w->synced) && !b->error.code)
            (void)err_set(&b->error, EX_IO, "a journal could not be synced: %s",
                          strerrordesc_np(errno));
    }
    if (wanted)
        timer_arm(b->loop, &b->sync, now + SYNC_EVERY_NS);
}

static void on_sync(struct timer *t)
{
    sync_files(t->owner);
}

static void on_wake(struct hook *h)
{
    struct book *b = h->owner;
    const struct book_errand *errand;
    struct block *full;
    uint32_t bye;
    bool last = ring_pop(b->farewell, &bye);

    for (struct writer *w = b->writers; w; w = w->next) {
        while (ring_pop(w->full, &full)) {
            fold(b, full->events, full->count);
            w->unsynced = true;
            bool pushed = ring_push(w->empty, &full);
            PM_ASSERT(pushed);
        }
    }
    while (ring_pop(b->errands, &errand))
        errand->run(errand->owner, b->ledger);
    sync_files(b);
    tell_counts(b);
    if (!last) {
        let_look(b);
        return;
    }
    b->over = true;
    loop_stop(b->loop);
}

static void thread_main(void *owner)
{
    struct book *b = owner;

    loop_run(b->loop);
}

struct book *book_create(const struct manifest *m, bool threaded, struct err *e)
{
    struct book *b = calloc(1, sizeof *b);

    if (!b) {
        (void)err_set(e, EX_IO, "out of memory for the ledger");
        return NULL;
    }
    b->manifest = m;
    b->ledger = ledger_create(m, e);
    if (b->ledger && threaded) {
        b->loop = loop_epoll_create(e);
        b->counts_ring = ring_create(sizeof b->counts, 16);
        b->farewell = ring_create(sizeof(uint32_t), 2);
        b->errands = ring_create(sizeof(struct book_errand *), BOOK_ERRANDS);
        timer_init(&b->sync, on_sync, b);
        timer_init(&b->tell, on_tell, b);
        b->wake = (struct hook){.run = on_wake, .owner = b};
        if (b->loop)
            loop_on_wake(b->loop, &b->wake);
    }
    if (!b->ledger || (threaded && (!b->loop || !b->counts_ring || !b->farewell || !b->errands))) {
        book_destroy(b);
        return NULL;
    }
    return b;
}

static bool writer_rings(struct writer *w)
{
    w->full = ring_create(sizeof(struct block *), BLOCKS_AHEAD);
    w->empty = ring_create(sizeof(struct block *), BLOCKS_AHEAD);
    w->blocks = calloc(BLOCKS_AHEAD, sizeof *w->blocks);
    if (!w->full || !w->empty || !w->blocks)
        return false;
    for (int i = 0; i < BLOCKS_AHEAD; i++) {
        struct block *b = &w->blocks[i];

        if (!ring_push(w->empty, &b))
            return false;
    }
    return true;
}

struct journal_sink *book_writer(struct book *b, struct err *e)
{
    struct writer *w = calloc(1, sizeof *w);

    if (!w) {
        (void)err_set(e, EX_IO, "out of memory for a writer's blocks");
        return NULL;
    }
    w->book = b;
    w->fd = -1;
    w->next = b->writers;
    b->writers = w;
    w->sink = (struct journal_sink){.block = b->loop ? sink_ring : sink_direct, .owner = w};
    if (b->loop && !writer_rings(w)) {
        (void)err_set(e, EX_IO, "out of memory for a writer's blocks");
        return NULL;
    }
    return &w->sink;
}

bool book_sync(struct journal_sink *sink, const struct journal *j, struct err *e)
{
    struct writer *w = sink->owner;

    w->fd = fcntl(journal_descriptor(j), F_DUPFD_CLOEXEC, 3);
    return w->fd >= 0
               ? true
               : err_set(e, EX_IO, "no descriptor to sync a journal: %s", strerrordesc_np(errno));
}

void book_watch(struct book *b,
                void (*look)(void *owner, const struct ledger *l, uint64_t newest_ns), void *owner)
{
    b->look = look;
    b->look_owner = owner;
}

void book_send(struct book *b, const struct book_errand *errand)
{
    if (!b->thread) {
        errand->run(errand->owner, b->ledger);
        return;
    }
    bool pushed = ring_push(b->errands, &errand);
    PM_ASSERT(pushed); /* the sender counts them */
    loop_wake(b->loop);
}

bool book_begin(struct book *b, struct err *e)
{
    if (!b->loop)
        return true;
    b->thread = thread_start("ledger", thread_main, b, e);
    return b->thread != NULL;
}

struct book_counts book_counts(struct book *b)
{
    if (!b->thread) { /* it folds at once, has not begun, or is over: what it told meanwhile is older */
        struct ledger_counts l = ledger_counts(b->ledger);

        counts_ledger(&b->counts, &l);
        return b->counts;
    }
    while (ring_pop(b->counts_ring, &b->seen_counts))
        ;
    return b->seen_counts;
}

static void note_death(struct book *b)
{
    if (!b->error.code)
        (void)err_set(&b->error, EX_INTERNAL, "the ledger's thread died");
}

bool book_is_dead(struct book *b)
{
    if (!b->thread || !thread_is_over(b->thread))
        return false;
    note_death(b);
    return true;
}

static void find_lost(struct book *b)
{
    for (const struct writer *w = b->writers; w; w = w->next)
        if (w->lost && !b->error.code)
            (void)err_set(&b->error, EX_INTERNAL,
                          "the ledger's thread did not take what was recorded");
}

struct ledger *book_close(struct book *b)
{
    uint32_t bye = 1;

    if (b->thread) {
        bool pushed = ring_push(b->farewell, &bye);
        PM_ASSERT(pushed);
        loop_wake(b->loop);
        thread_join(b->thread);
        b->thread = NULL;
        find_lost(b);
        if (!b->over)
            note_death(b);
    }
    return b->ledger;
}

const struct err *book_error(const struct book *b)
{
    return b->error.code ? &b->error : NULL;
}

void book_destroy(struct book *b)
{
    if (!b)
        return;
    (void)book_close(b);
    while (b->writers) {
        struct writer *w = b->writers;

        b->writers = w->next;
        if (w->fd >= 0)
            (void)close(w->fd);
        ring_destroy(w->full);
        ring_destroy(w->empty);
        free(w->blocks);
        free(w);
    }
    ring_destroy(b->counts_ring);
    ring_destroy(b->farewell);
    ring_destroy(b->errands);
    if (b->loop) {
        timer_disarm(b->loop, &b->sync);
        timer_disarm(b->loop, &b->tell);
    }
    loop_destroy(b->loop);
    ledger_destroy(b->ledger);
    free(b);
}
