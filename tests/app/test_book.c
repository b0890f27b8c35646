/* The keeper of the ledger: whatever writers are ahead by, it counts every event once. */
#include <pthread.h>

#include "app/book.h"
#include "base/thread.h"
#include "results/journal.h"
#include "tests/support/check.h"

#define BLOCKS 200u /* far more than a writer may be ahead */

struct writer {
    struct journal_sink *sink;
    uint64_t first;
};

static const struct manifest_load load = {.name = "flood",
                                          .protocol = "smtp",
                                          .via = "s0",
                                          .count = 2ul * BLOCKS * JOURNAL_BLOCK_EVENTS,
                                          .recipients = 1};
static const char *const servers[] = {"s0"};
static const struct manifest_mailbox boxes[] = {
    {.name = "box", .address = "box@book.test", .alternate = NO_INDEX}};
static const struct manifest manifest = {.name = "book",
                                         .run_id = 7,
                                         .time_scale = 1,
                                         .stride = 1,
                                         .planned_messages = 2ul * BLOCKS * JOURNAL_BLOCK_EVENTS,
                                         .servers = servers,
                                         .server_count = 1,
                                         .mailboxes = boxes,
                                         .mailbox_count = 1,
                                         .loads = &load,
                                         .load_count = 1};

static void write_blocks(void *owner)
{
    struct writer *w = owner;
    struct event events[JOURNAL_BLOCK_EVENTS];
    uint64_t n = w->first;

    for (uint32_t block = 0; block < BLOCKS; block++) {
        for (uint32_t i = 0; i < JOURNAL_BLOCK_EVENTS; i++, n++)
            events[i] = (struct event){.kind = EV_SENT, .slot = n, .t_ns = n};
        w->sink->block(w->sink, events, JOURNAL_BLOCK_EVENTS);
    }
}

/* Both are as far ahead as they may be before the book begins to read. */
static void writers_that_are_ahead_wait_for_the_book_and_nothing_is_lost(void)
{
    struct err e = {0};
    struct book *b = book_create(&manifest, true, &e);
    struct writer w[2];
    struct thread *t[2];

    if (!CHECK(b != NULL))
        return;
    for (uint32_t i = 0; i < 2; i++) {
        w[i] = (struct writer){book_writer(b, &e), i * load.count / 2};
        t[i] = thread_start("writer", write_blocks, &w[i], &e);
        CHECK(t[i] != NULL);
    }
    thread_rest(20000000);
    CHECK_U64(book_counts(b).attempted, 0);
    CHECK(book_begin(b, &e));
    for (uint32_t i = 0; i < 2; i++)
        thread_join(t[i]);
    CHECK_U64(ledger_counts(book_close(b)).attempted, load.count);
    CHECK_U64(book_counts(b).attempted, load.count); /* and not what it told on the way */
    CHECK(book_error(b) == NULL);
    book_destroy(b);
}

static void a_book_without_a_thread_folds_at_once(void)
{
    struct err e = {0};
    struct book *b = book_create(&manifest, false, &e);
    struct writer w = {b ? book_writer(b, &e) : NULL, 0};

    if (!CHECK(w.sink != NULL))
        return;
    write_blocks(&w);
    CHECK_U64(book_counts(b).attempted, load.count / 2);
    book_destroy(b);
}

struct question {
    uint32_t asked;
    uint64_t attempted; /* in the ledger when it was last asked */
};

static void ask(void *owner, const struct ledger *l)
{
    struct question *q = owner;

    q->asked++;
    q->attempted = ledger_counts(l).attempted;
}

/* With a thread they have run when it has ended; without one at once. */
static void every_errand_is_run_where_the_ledger_is(void)
{
    struct err e = {0};
    struct question q = {0, 0};
    const struct book_errand errand = {ask, &q};

    for (int threaded = 0; threaded < 2; threaded++) {
        struct book *b = book_create(&manifest, threaded, &e);
        struct writer w = {b ? book_writer(b, &e) : NULL, 0};

        q = (struct question){0, 0};
        if (!CHECK(w.sink != NULL) || !CHECK(book_begin(b, &e)))
            return;
        write_blocks(&w);
        for (uint32_t i = 0; i < BOOK_ERRANDS; i++)
            book_send(b, &errand);
        if (!threaded)
            CHECK_U64(q.asked, BOOK_ERRANDS);
        (void)book_close(b);
        CHECK_U64(q.asked, BOOK_ERRANDS);
        CHECK_U64(q.attempted, load.count / 2);
        book_destroy(b);
    }
}

static void die(void *owner, const struct ledger *l)
{
    (void)owner;
    (void)l;
    pthread_exit(NULL);
}

static void a_thread_that_dies_when_it_is_asked_to_end_is_noticed(void)
{
    struct err e = {0};
    const struct book_errand errand = {die, NULL};
    struct book *b = book_create(&manifest, true, &e);

    if (!CHECK(b != NULL) || !CHECK(book_begin(b, &e)))
        return;
    book_send(b, &errand);
    (void)book_close(b);
    if (CHECK(book_error(b) != NULL))
        CHECK_STR(book_error(b)->text, "the ledger's thread died");
    book_destroy(b);
}

static const struct test tests[] = {
    TEST(writers_that_are_ahead_wait_for_the_book_and_nothing_is_lost),
    TEST(a_book_without_a_thread_folds_at_once),
    TEST(every_errand_is_run_where_the_ledger_is),
    TEST(a_thread_that_dies_when_it_is_asked_to_end_is_noticed),
    TEST_END,
};

const struct suite book_suite = {"book", tests};
