/* thread.c - named threads with an orderly end.
 *
 * Every signal is blocked in a thread started here: signals belong to the main thread, which has the signalfd.
 */
#include "base/thread.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"

struct thread {
    pthread_t id;
    void (*run)(void *owner);
    void *owner;
    char name[16];
    bool joined;
};

static void *thread_main(void *arg)
{
    struct thread *t = arg;

    (void)pthread_setname_np(pthread_self(), t->name);
    t->run(t->owner);
    return NULL;
}

struct thread *thread_start(const char *name, void (*run)(void *owner), void *owner, struct err *e)
{
    struct thread *t = calloc(1, sizeof *t);
    sigset_t all, before;

    if (!t) {
        (void)err_set(e, EX_IO, "thread %s: out of memory", name);
        return NULL;
    }
    t->run = run;
    t->owner = owner;
    (void)snprintf(t->name, sizeof t->name, "%.15s", name);
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&t->id, NULL, thread_main, t);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed) {
        (void)err_set(e, EX_IO, "thread %s: %s", name, strerror(failed));
        free(t);
        return NULL;
    }
    return t;
}

bool thread_is_over(struct thread *t)
{
    if (!t->joined)
        t->joined = pthread_tryjoin_np(t->id, NULL) == 0;
    return t->joined;
}

void thread_join(struct thread *t)
{
    if (!t)
        return;
    PM_ASSERT(t->joined || pthread_join(t->id, NULL) == 0);
    free(t);
}

void thread_rest(uint64_t ns)
{
    struct timespec left = {(time_t)(ns / NS_PER_S), (long)(ns % NS_PER_S)};

    while (nanosleep(&left, &left) < 0 && errno == EINTR)
        ;
}

uint32_t thread_processors(void)
{
    cpu_set_t set;

    if (sched_getaffinity(0, sizeof set, &set) != 0)
        return 1; /* more than fit the set */
    int n = CPU_COUNT(&set);

    return n > 0 ? (uint32_t)n : 1;
}
