/* The only path between threads: nothing lost, doubled, torn or out of order. */
#include <sched.h>
#include <string.h>

#include "base/ring.h"
#include "base/thread.h"
#include "tests/support/check.h"

#define RECORDS 400000u

struct record {
    uint64_t number, twice, not_number; /* torn records do not fit together */
    uint32_t pad[3];
};

static void a_ring_holds_its_capacity_in_order(void)
{
    struct ring *r = ring_create(sizeof(uint32_t), 4);
    uint32_t got = 0, next = 0;

    CHECK(!ring_pop(r, &got));
    for (uint32_t i = 0; i < 4; i++)
        CHECK(ring_push(r, &i));
    CHECK(!ring_push(r, &next));
    for (uint32_t i = 0; i < 4; i++)
        CHECK(ring_pop(r, &got) && got == i);
    CHECK(!ring_pop(r, &got));
    ring_destroy(r);
}

static void a_ring_goes_round_many_times(void)
{
    struct ring *r = ring_create(7, 8);
    bool ok = true;

    for (unsigned i = 0; i < 1000; i++) {
        char in[7] = {(char)i, 'a', 'b', 'c', 'd', 'e', (char)(i >> 8)}, out[7];

        ok = ok && ring_push(r, in) && ring_push(r, in) && ring_pop(r, out);
        ok = ok && memcmp(in, out, 7) == 0 && ring_pop(r, out) && memcmp(in, out, 7) == 0;
    }
    CHECK(ok);
    ring_destroy(r);
}

static void a_ring_of_one_works(void)
{
    struct ring *r = ring_create(1, 1);
    char c = 'x', got = 0;

    CHECK(ring_push(r, &c) && !ring_push(r, &c) && ring_pop(r, &got) && got == 'x');
    CHECK(!ring_pop(r, &got) && ring_push(r, &c));
    ring_destroy(r);
    ring_destroy(NULL);
}

struct side {
    struct ring *ring;
    uint64_t full, bad, popped;
};

static void push_all(void *owner)
{
    struct side *s = owner;

    for (uint64_t i = 0; i < RECORDS;) {
        struct record rec = {.number = i, .twice = 2 * i, .not_number = ~i};

        if (ring_push(s->ring, &rec)) {
            i++;
        } else {
            s->full++;
            (void)sched_yield();
        }
    }
}

static void pop_all(void *owner)
{
    struct side *s = owner;

    while (s->popped < RECORDS) {
        struct record rec;

        if (!ring_pop(s->ring, &rec)) {
            (void)sched_yield();
            continue;
        }
        s->bad +=
            rec.number != s->popped || rec.twice != 2 * rec.number || rec.not_number != ~rec.number;
        s->popped++;
    }
}

static void two_threads_pass_every_record_once_whole_and_in_order(void)
{
    struct ring *r = ring_create(sizeof(struct record), 64);
    struct side in = {.ring = r}, out = {.ring = r};
    struct err e;
    struct thread *pop = thread_start("pop", pop_all, &out, &e);
    struct thread *push = thread_start("push", push_all, &in, &e);

    thread_join(push);
    thread_join(pop);
    CHECK_U64(out.popped, RECORDS);
    CHECK_U64(out.bad, 0);
    ring_destroy(r);
}

static const struct test tests[] = {
    TEST(a_ring_holds_its_capacity_in_order),
    TEST(a_ring_goes_round_many_times),
    TEST(a_ring_of_one_works),
    TEST(two_threads_pass_every_record_once_whole_and_in_order),
    TEST_END,
};
const struct suite ring_suite = {"ring", tests};
