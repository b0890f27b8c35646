/* sink_crew.c - opens every sink on this thread, then lets each go on its own. */
#include "app/sink_crew.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "app/sink_shared.h"
#include "base/thread.h"

struct member {
    struct loop *loop;
    struct tls_context *tls; /* NULL: none, or the caller's */
    struct sink_smtp *sink;
    struct thread *thread;
};

struct sink_crew {
    struct sink_smtp_config c;
    struct sink_shared *shared;
    pthread_mutex_t speaks; /* of trouble */
    uint32_t count;
    struct member members[SINK_THREADS_MAX];
};

static void on_trouble(void *owner, const char *words)
{
    struct sink_crew *k = owner;

    (void)pthread_mutex_lock(&k->speaks);
    k->c.trouble(k->c.owner, words);
    (void)pthread_mutex_unlock(&k->speaks);
}

static bool open_member(struct sink_crew *k, uint32_t i, const struct net_addr *at, struct err *e)
{
    struct member *m = &k->members[i];
    struct sink_smtp_config c = k->c;

    m->loop = i == 0 ? k->c.loop : loop_epoll_create(e);
    if (!m->loop)
        return false;
    if (i > 0 && c.tls) {
        c.tls = m->tls = tls_server_twin(k->c.tls, e);
        if (!c.tls)
            return false;
    }
    sink_shared_join(k->shared, m->loop);
    c.loop = m->loop;
    c.at = *at;
    c.shared = k->shared;
    c.shard = i;
    c.shards = k->count;
    if (c.trouble && k->count > 1) {
        c.trouble = on_trouble;
        c.owner = k;
    }
    m->sink = sink_smtp_open(&c, e);
    return m->sink != NULL;
}

/* An address that may be shared is shared with every crew that asks: not with another one's. */
static bool is_free(struct sink_crew *k, const struct net_addr *at, struct err *e)
{
    struct listener *l = k->count > 1 ? loop_listen(k->c.loop, at, NULL, NULL, e) : NULL;

    listener_close(l);
    return l || k->count == 1;
}

struct sink_crew *sink_crew_open(const struct sink_smtp_config *c, uint32_t threads, struct err *e)
{
    struct sink_crew *k = calloc(1, sizeof *k);
    struct net_addr at = c->at;

    PM_ASSERT(threads >= 1 && threads <= SINK_THREADS_MAX);
    PM_ASSERT(threads == 1 || !c->truth); /* it would be called by several at a time */
    if (!k || pthread_mutex_init(&k->speaks, NULL) != 0) {
        (void)err_set(e, EX_IO, "no memory for a sink");
        free(k);
        return NULL;
    }
    k->c = *c;
    k->count = threads;
    k->shared = sink_shared_create(threads);
    bool ok = k->shared || err_set(e, EX_IO, "no memory for a sink");

    ok = ok && is_free(k, &at, e);
    for (uint32_t i = 0; ok && i < threads; i++) {
        ok = open_member(k, i, &at, e);
        if (ok && i == 0)
            at = sink_smtp_addr(k->members[0].sink);
    }
    if (ok)
        return k;
    sink_crew_close(k);
    return NULL;
}

struct net_addr sink_crew_addr(const struct sink_crew *k)
{
    return sink_smtp_addr(k->members[0].sink);
}

static void run_member(void *owner)
{
    struct member *m = owner;

    loop_run(m->loop);
}

bool sink_crew_run(struct sink_crew *k, struct err *e)
{
    bool ok = true;

    for (uint32_t i = 1; ok && i < k->count; i++) {
        char name[16];

        (void)snprintf(name, sizeof name, "sink-%u", i % SINK_THREADS_MAX);
        k->members[i].thread = thread_start(name, run_member, &k->members[i], e);
        ok = k->members[i].thread != NULL;
    }
    if (!ok)
        sink_crew_stop(k);
    loop_run(k->c.loop);
    for (uint32_t i = 1; i < k->count; i++) {
        thread_join(k->members[i].thread);
        k->members[i].thread = NULL;
    }
    return ok;
}

void sink_crew_stop(struct sink_crew *k)
{
    sink_smtp_stop(k->members[0].sink);
}

struct sink_smtp_counts sink_crew_counts(const struct sink_crew *k)
{
    struct sink_smtp_counts sum = {0};

    for (uint32_t i = 0; i < k->count; i++) {
        struct sink_smtp_counts c = sink_smtp_counts(k->members[i].sink);

        sink_smtp_add(&sum, &c);
    }
    return sum;
}

void sink_crew_close(struct sink_crew *k)
{
    if (!k)
        return;
    for (uint32_t i = 0; i < k->count; i++) {
        struct member *m = &k->members[i];

        sink_smtp_close(m->sink);
        if (i > 0) {
            loop_destroy(m->loop);
            tls_context_destroy(m->tls);
        }
    }
    sink_shared_destroy(k->shared);
    (void)pthread_mutex_destroy(&k->speaks);
    free(k);
}
