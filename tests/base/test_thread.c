/* Threads have a name, run once, are joined, and take no signals. */
#include <pthread.h>
#include <signal.h>

#include "base/thread.h"
#include "tests/support/check.h"

struct seen {
    char name[16];
    bool term_blocked, int_blocked;
    int runs;
};

static void look(void *owner)
{
    struct seen *s = owner;
    sigset_t mask;

    (void)pthread_getname_np(pthread_self(), s->name, sizeof s->name);
    (void)pthread_sigmask(SIG_BLOCK, NULL, &mask);
    s->term_blocked = sigismember(&mask, SIGTERM);
    s->int_blocked = sigismember(&mask, SIGINT);
    s->runs++;
}

static void a_thread_has_its_name_and_no_signals(void)
{
    struct seen s = {0};
    struct err e;

    thread_join(thread_start("sender-1", look, &s, &e));
    CHECK_STR(s.name, "sender-1");
    CHECK(s.term_blocked && s.int_blocked);
    CHECK_I64(s.runs, 1);
}

static void the_starter_keeps_its_own_mask(void)
{
    struct seen s = {0};
    struct err e;
    sigset_t mask;

    thread_join(thread_start("x", look, &s, &e));
    (void)pthread_sigmask(SIG_BLOCK, NULL, &mask);
    CHECK(!sigismember(&mask, SIGTERM));
}

static void a_long_name_is_cut(void)
{
    struct seen s = {0};
    struct err e;

    thread_join(thread_start("a-name-longer-than-fifteen", look, &s, &e));
    CHECK_STR(s.name, "a-name-longer-t");
    thread_join(NULL);
}

static const struct test tests[] = {
    TEST(a_thread_has_its_name_and_no_signals),
    TEST(the_starter_keeps_its_own_mask),
    TEST(a_long_name_is_cut),
    TEST_END,
};
const struct suite thread_suite = {"thread", tests};
