/* test_known.c - what a probe knows, against an array that is too simple to be wrong. */
#include <string.h>

#include "base/rng.h"
#include "probes/known.h"
#include "tests/support/check.h"

#define UIDS     600
#define MESSAGES 40

struct model {
    uint64_t number[UIDS]; /* by UID; KNOWN_OTHER - 1: not there */
    uint32_t gone[MESSAGES], left[MESSAGES], top[MESSAGES];
    unsigned begun;
};

#define NOT_THERE (KNOWN_OTHER - 1)

static void on_gone(void *owner, uint64_t number)
{
    struct model *m = owner;

    CHECK_U64(m->begun, 0);
    m->gone[number]++;
}

static void on_begin(void *owner)
{
    ((struct model *)owner)->begun++;
}

static void on_left(void *owner, uint64_t number, uint32_t ordinal, bool corrupt)
{
    struct model *m = owner;

    m->left[number]++;
    m->top[number] = ordinal > m->top[number] ? ordinal : m->top[number];
    CHECK_U64(corrupt, number % 2);
}

static uint32_t copies_of(const struct model *m, uint64_t number)
{
    uint32_t n = 0;

    for (uint32_t uid = 1; uid < UIDS; uid++)
        n += m->number[uid] == number;
    return n;
}

/* Lists what is left after taking some away, and compares what is told of it. */
static void sweep(struct known *k, struct model *m, struct rng *r)
{
    const struct known_sweep s = {on_gone, on_begin, on_left, m};
    uint32_t expected[MESSAGES] = {0}, went = 0;

    memset(m->gone, 0, sizeof m->gone);
    memset(m->left, 0, sizeof m->left);
    memset(m->top, 0, sizeof m->top);
    m->begun = 0;
    known_list_begin(k);
    for (uint32_t uid = 1; uid < UIDS; uid++) {
        if (m->number[uid] == NOT_THERE)
            continue;
        if (rng_below(r, 10) > 0) {
            CHECK(known_list(k, uid));
            continue;
        }
        went++;
        if (m->number[uid] != KNOWN_OTHER)
            expected[m->number[uid]]++;
        m->number[uid] = NOT_THERE;
    }
    CHECK_U64(known_sweep(k, &s), went);
    for (uint64_t n = 0; n < MESSAGES; n++) {
        CHECK_U64(m->gone[n], expected[n]);
        CHECK_U64(m->left[n], expected[n] ? copies_of(m, n) : 0);
        CHECK_U64(m->top[n], m->left[n]);
    }
}

static void what_is_known_is_what_was_told(void)
{
    for (uint64_t seed = 0; seed < 30; seed++) {
        struct rng r = rng_at(seed, 1, 0);
        struct model m;
        struct known k;
        uint32_t there = 0;

        known_init(&k);
        for (uint32_t uid = 0; uid < UIDS; uid++)
            m.number[uid] = NOT_THERE;
        for (uint32_t uid = 1; uid < UIDS; uid++) {
            uint64_t n = rng_below(&r, MESSAGES + 4);
            uint32_t ordinal;

            n = n < MESSAGES ? n : KNOWN_OTHER;
            m.number[uid] = n;
            CHECK(known_add(&k, uid, n, n % 2 && n != KNOWN_OTHER, &ordinal));
            CHECK_U64(ordinal, n == KNOWN_OTHER ? 0 : copies_of(&m, n));
            if (uid % 97 == 0)
                sweep(&k, &m, &r);
        }
        sweep(&k, &m, &r);
        for (uint32_t uid = 1; uid < UIDS; uid++) {
            CHECK(known_has(&k, uid) == (m.number[uid] != NOT_THERE));
            there += m.number[uid] != NOT_THERE;
        }
        CHECK_U64(k.count, there);
        CHECK_U64(k.last, UIDS - 1);
        known_fini(&k);
    }
}

static void a_listing_leaves_what_is_new_in_order(void)
{
    const struct known_sweep s = {on_gone, on_begin, on_left, NULL};
    struct known k;
    uint32_t ordinal;

    known_init(&k);
    CHECK(known_add(&k, 5, KNOWN_OTHER, false, &ordinal));
    known_list_begin(&k);
    CHECK(known_list(&k, 9) && known_list(&k, 5) && known_list(&k, 7));
    CHECK_U64(known_sweep(&k, &s), 0);
    CHECK_U64(k.listed_count, 2);
    CHECK_U64(k.listed[0], 7);
    CHECK_U64(k.listed[1], 9);
    known_clear(&k);
    CHECK(!known_has(&k, 5));
    known_fini(&k);
}

static void on_told_gone(void *owner, uint64_t number)
{
    (void)owner;
    CHECK_U64(number, 77);
}

static void on_told_begin(void *owner)
{
    (void)owner;
}

static void on_told(void *owner, uint64_t number, uint32_t ordinal, bool corrupt)
{
    uint32_t *told = owner;

    (void)number;
    told[ordinal] += corrupt ? 100 : 1;
}

static void what_turns_out_corrupt_is_told_so(void)
{
    uint32_t told[4] = {0}, ordinal;
    struct known k;

    known_init(&k);
    known_corrupt(&k, 5); /* of nobody */
    for (uint32_t uid = 1; uid <= 3; uid++)
        CHECK(known_add(&k, uid, 77, false, &ordinal));
    known_corrupt(&k, 3);
    known_list_begin(&k);
    CHECK(known_list(&k, 3) && known_list(&k, 2));
    CHECK_U64(known_sweep(&k, &(struct known_sweep){on_told_gone, on_told_begin, on_told, told}),
              1);
    CHECK_U64(told[1], 1);
    CHECK_U64(told[2], 100);
    known_fini(&k);
}

/* UIDs a power of two apart, and downwards, are neither lost nor slow. */
static void any_order_and_any_distance_will_do(void)
{
    struct known k;
    uint32_t ordinal;

    known_init(&k);
    for (uint32_t i = 65535; i > 0; i--)
        CHECK(known_add(&k, i << 16, i % 1000 * 4096ul, false, &ordinal));
    for (uint32_t i = 1; i < 65536; i++)
        CHECK(known_has(&k, i << 16) && !known_has(&k, (i << 16) - 1));
    CHECK_U64(ordinal, 66); /* of 1 to 65535, those that end in 001 */
    CHECK_U64(k.count, 65535);
    CHECK_U64(k.message_count, 1000);
    known_fini(&k);
}

static const struct test tests[] = {
    TEST(what_is_known_is_what_was_told),
    TEST(what_turns_out_corrupt_is_told_so),
    TEST(any_order_and_any_distance_will_do),
    TEST(a_listing_leaves_what_is_new_in_order),
    TEST_END,
};

const struct suite known_suite = {"known", tests};
