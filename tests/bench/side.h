/* side.h - what both halves of a bench need: a loop on a thread of its own, and what a thread has cost. */
#ifndef TESTS_BENCH_SIDE_H
#define TESTS_BENCH_SIDE_H

#include <stdint.h>

#include "base/loop.h"
#include "base/thread.h"

struct side { /* the answering half */
    struct loop *loop;
    struct thread *thread;
    struct hook wake;
    uint64_t cpu_ns; /* of its thread, after side_stop() */
};

struct bench_shot { /* one measured round */
    uint64_t messages, ns;
    uint64_t ask_cpu_ns, answer_cpu_ns,
        all_cpu_ns;  /* of the asking thread, the answering one, the process */
    uint64_t octets; /* of a message's APDU, on average */
    double rss_before_kb, rss_after_kb,
        account_kb; /* account: the ledger's slots, touched one by one */
};

void side_start(struct side *s,
                const char *name); /* its loop is made, and belongs to the thread now */
void side_stop(struct side *s);    /* the loop is the caller's again */

uint64_t cpu_thread_ns(void);
uint64_t cpu_process_ns(void);
double rss_kb(void);
_Noreturn void bench_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
