/* test_worker.c - a sender's thread that is gone, or never was there: whoever gives it orders is not held up. */
#include <pthread.h>
#include <semaphore.h>

#include "app/worker.h"
#include "base/thread.h"
#include "tests/support/check.h"
#include "tests/support/fake_run.h"
#include "tests/support/scratch.h"
#include "wire/smtp_text.h"

#define ORDERS 10000u /* more than may wait for it */

struct rig {
    struct fake_run *run;
    struct arena *arena;
    struct smtp_corpus *corpus;
    struct token_key key;
    struct loop *desk;
    struct tls_context *tls[3];
    struct journal_sink sink;
    struct worker *worker;
};

static sem_t gone;

static void on_news(void *owner, struct worker *w, enum worker_news what)
{
    (void)owner;
    (void)w;
    (void)what;
}

/* Its thread has recorded something, and dies of it. */
static void die(struct journal_sink *s, const struct event *events, uint32_t count)
{
    (void)s;
    (void)events;
    (void)count;
    (void)sem_post(&gone);
    pthread_exit(NULL);
}

static void forget(struct journal_sink *s, const struct event *events, uint32_t count)
{
    (void)s;
    (void)events;
    (void)count;
}

static bool open_rig(struct rig *r, const char *name)
{
    struct err e = {0};

    *r = (struct rig){.run = fake_run_create(name), .sink = {.block = die}};
    r->arena = fake_run_plan(r->run, 100);
    r->corpus = smtp_corpus_create(7);
    r->run->profile.lab.time_scale = 10;
    r->key = token_key_make(7, 8);
    r->desk = loop_epoll_create(&e);
    if (!CHECK(r->desk != NULL) ||
        !CHECK(net_parse(&r->run->servers[2].smtp.addr, "127.0.0.1:9", 0, &e)))
        return false;
    r->run->servers[2].smtp.text = "127.0.0.1:9";
    r->worker = worker_create(&(struct worker_config){.desk = r->desk,
                                                      .threaded = true,
                                                      .journal_dir = scratch_dir("worker-journal"),
                                                      .run_id = 7,
                                                      .sink = &r->sink,
                                                      .work = &r->run->work,
                                                      .key = &r->key,
                                                      .corpus = r->corpus,
                                                      .tls = r->tls,
                                                      .count = 1,
                                                      .news = on_news},
                              &e);
    return CHECK_STR(r->worker ? "" : e.text, "");
}

static void close_rig(struct rig *r)
{
    r->sink.block = forget;
    worker_destroy(r->worker);
    loop_destroy(r->desk);
    smtp_corpus_destroy(r->corpus);
    arena_destroy(r->arena);
    fake_run_destroy(r->run);
}

static void orders_to_a_thread_that_died_are_let_go(void)
{
    struct run_clock clock = {.origin_ns = clock_mono_ns(), .scale = 10};
    struct err e = {0};
    struct rig r;
    bool died = false;

    (void)sem_init(&gone, 0, 0);
    if (open_rig(&r, "worker-dies") && CHECK(worker_begin(r.worker, &e))) {
        worker_start(r.worker, &clock);
        CHECK(sem_wait(&gone) == 0);
        for (uint32_t i = 0; i < ORDERS; i++)
            worker_moves_over(r.worker);
        for (int ms = 0; ms < 5000 && !died; ms++) {
            thread_rest(NS_PER_MS);
            died = worker_died(r.worker);
        }
        CHECK(died);
        CHECK(!worker_died(r.worker)); /* that is said once */
        CHECK(!worker_is_idle(r.worker));
    }
    close_rig(&r);
    (void)sem_destroy(&gone);
}

static void orders_to_a_thread_that_was_never_started_are_let_go(void)
{
    struct rig r;

    if (open_rig(&r, "worker-unborn")) {
        for (uint32_t i = 0; i < ORDERS; i++)
            worker_moves_over(r.worker);
        CHECK(!worker_died(r.worker));
        CHECK(!worker_end(r.worker)); /* no word of it will come */
    }
    close_rig(&r);
}

static const struct test tests[] = {
    TEST(orders_to_a_thread_that_died_are_let_go),
    TEST(orders_to_a_thread_that_was_never_started_are_let_go),
    TEST_END,
};

const struct suite worker_suite = {"worker", tests};
