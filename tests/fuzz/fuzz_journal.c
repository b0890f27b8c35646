/* fuzz_journal.c - libFuzzer's entry for journals: whatever stands in one, it is refused or the account of it balances, and the
 * account is the same whatever order its events come in, how often, and how they are split over ledgers.
 *
 * The first octet: bit 0, a file as it is (else events in short); bit 1, its checksums are made right first; bit 2, the primary
 * has an alternate; bit 3, two loads; bit 4, how events are shuffled. An event in short is 12 octets: kind, time, slot, what is
 * extreme (bits 4 to 7: time, slot, a, b), place, a, b (2), code (4).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/hash.h"
#include "results/journal.h"
#include "results/lines.h"
#include "tests/results/world.h"
#include "tests/support/scratch.h"

#define MESSAGES   12u
#define EVENTS_MAX 400u
#define SHORT      12u
#define HEAD       64u
#define BLOCK_HEAD 16u

// NOLINTNEXTLINE(readability-identifier-naming): its name is libFuzzer's
int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

static struct {
    struct world w;
    struct event events[EVENTS_MAX];
    uint32_t count;
    char dir[256], path[300];
} f;

/* ---- events ---- */

static void read_short(struct slice in)
{
    for (; in.n >= SHORT && f.count < EVENTS_MAX; in = slice_skip(in, SHORT)) {
        const unsigned char *p = in.p;
        struct event ev = {.kind = p[0] % (EVENT_KIND_COUNT + 1),
                           .t_ns = p[1] * NS_PER_S,
                           .slot = (uint64_t)p[2] | (uint64_t)(p[3] & 1) << 40,
                           .place = p[4] % 5,
                           .a = p[5],
                           .b = (uint32_t)(p[6] | p[7] << 8)};

        memcpy(&ev.code, p + 8, 4);
        if (p[3] & 16)
            ev.t_ns = UINT64_MAX - p[1];
        if (p[3] & 32)
            ev.slot = UINT64_MAX - p[2];
        if (p[3] & 64)
            ev.a = UINT32_MAX - p[5];
        if (p[3] & 128)
            ev.b = UINT32_MAX - p[6];
        f.events[f.count++] = ev;
    }
}

static void keep(void *owner, const struct event *events, uint32_t count)
{
    uint32_t room = EVENTS_MAX - f.count;

    (void)owner;
    count = count < room ? count : room;
    memcpy(f.events + f.count, events, count * sizeof *events);
    f.count += count;
}

static void put32(unsigned char *p, uint32_t v)
{
    memcpy(p, &v, sizeof v);
}

/* Checksums, magic, run and sequence as a writer would have them; counts as they are, where that many records are there. */
static void mend(unsigned char *p, size_t n)
{
    static const unsigned char begin[] = {'P', 'M', 'J', 'R', 'N', 'L', '0', '1', 1, 0, 0, 0};
    uint64_t sequence = 0;

    if (n < HEAD)
        return;
    memcpy(p, begin, sizeof begin);
    memcpy(p + 16, &f.w.m.run_id, 8);
    put32(p + 60, hash_crc32c(0, p, 60));
    for (size_t at = HEAD; at + BLOCK_HEAD < n;) {
        uint32_t count;

        memcpy(p + at, &sequence, 8);
        sequence++;
        memcpy(&count, p + at + 8, 4);
        size_t bytes = (size_t)count * sizeof(struct event);

        if (count == 0 || bytes > n - at - BLOCK_HEAD)
            return;
        put32(p + at + 12, hash_crc32c(hash_crc32c(0, p + at, 12), p + at + BLOCK_HEAD, bytes));
        at += BLOCK_HEAD + bytes;
    }
}

static bool read_file(struct slice in, bool mended, uint32_t *torn)
{
    static unsigned char bytes[1u << 16];
    struct err e = {0};

    in.n = in.n < sizeof bytes ? in.n : sizeof bytes;
    memcpy(bytes, in.p, in.n);
    if (mended)
        mend(bytes, in.n);
    if (!f.dir[0]) {
        (void)snprintf(f.dir, sizeof f.dir, "%s", scratch_dir("fuzz_journal"));
        (void)snprintf(f.path, sizeof f.path, "%s/0000.mpj", f.dir);
    }
    FILE *file = fopen(f.path, "we");

    PM_ASSERT(file && fwrite(bytes, 1, in.n, file) == in.n && fclose(file) == 0);
    bool ok = journal_read(f.dir, f.w.m.run_id, keep, NULL, torn, &e);

    PM_ASSERT(ok || (e.code == EX_BAD_PROFILE && e.text[0]));
    PM_ASSERT(*torn <= 1 && f.count <= in.n / sizeof(struct event));
    return ok;
}

/* ---- the account ---- */

/* Each planned copy is in one class, whatever events say; and sums that do not agree are no verdict. */
static void hold_balance(const struct judgement *j)
{
    uint64_t classes = 0;
    bool balances = true;

    for (uint32_t i = 0; i < j->identity_count; i++)
        balances = balances && j->identities[i].left == j->identities[i].right;
    for (int k = 0; k < CLASS_COUNT; k++)
        classes += j->tally.classes[k];
    PM_ASSERT(classes == j->tally.planned && j->identity_count > 3);
    for (uint32_t i = 0; i < 3; i++) /* sums of classes, loads, phases */
        PM_ASSERT(j->identities[i].left == j->identities[i].right);
    PM_ASSERT(balances || j->exit_code == EX_INTERNAL);
    PM_ASSERT(j->exit_code != EX_INTERNAL || j->verdict == VERDICT_INCONCLUSIVE);
    PM_ASSERT(j->verdict != VERDICT_PASS || j->tally.classes[CLASS_UNKNOWN] == 0);
}

/* What the judge says of that ledger, as text; the ledger is destroyed. */
static void account(struct ledger *l, uint32_t torn, struct buf *out)
{
    struct err e = {0};

    buf_init(out, 4u << 20);
    PM_ASSERT(l);
    ledger_torn(l, torn);
    struct judgement *j = judge(&f.w.m, l, &e);

    PM_ASSERT(j);
    hold_balance(j);
    PM_ASSERT(judgement_print_summary(j, out, &e));
    judgement_destroy(j);
    ledger_destroy(l);
}

static struct ledger *fold(uint32_t from, uint32_t to, bool backwards)
{
    struct err e;
    struct ledger *l = ledger_create(&f.w.m, &e);

    PM_ASSERT(l);
    if (!backwards)
        ledger_apply(l, f.events + from, to - from);
    for (uint32_t i = to; backwards && i > from; i--) {
        ledger_apply(l, &f.events[i - 1], 1);
        ledger_apply(l, &f.events[i - 1], 1);
    }
    return l;
}

static void hold_same(const struct buf *a, struct buf *b)
{
    PM_ASSERT(a->n == b->n && memcmp(a->p, b->p, a->n) == 0);
    buf_fini(b);
}

/* Backwards and each event twice; or the newer half twice and backwards, and the older one merged into it. */
static struct ledger *fold_otherwise(bool split)
{
    if (!split)
        return fold(0, f.count, true);
    uint32_t half = f.count / 2;
    struct ledger *left = fold(0, half, false), *right = fold(half, f.count, true);

    ledger_merge(right, left);
    ledger_destroy(left);
    return right;
}

static void hold_order(uint32_t torn, bool split)
{
    struct buf straight, other;

    account(fold(0, f.count, false), torn, &straight);
    account(fold_otherwise(split), torn, &other);
    hold_same(&straight, &other);
    buf_fini(&straight);
}

static void hold_words(void)
{
    struct buf text;

    buf_init(&text, 1u << 20);
    for (uint32_t i = 0; i < f.count; i++) {
        buf_clear(&text);
        PM_ASSERT(event_words(&f.w.m, NULL, &f.events[i], &text) && text.n < 1000);
    }
    buf_fini(&text);
}

// NOLINTNEXTLINE(readability-identifier-naming): its name is libFuzzer's
int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    unsigned how = n > 0 ? data[0] : 0;
    struct slice in = slice_skip(slice_from(data, n), 1);
    uint32_t torn = 0;
    bool ok = true;

    world_init(&f.w, MESSAGES);
    if (how & 4)
        world_alternate(&f.w, true);
    if (how & 8) {
        f.w.loads[1] = f.w.loads[0];
        f.w.loads[0].count = f.w.loads[1].first = MESSAGES / 2;
        f.w.loads[1].count = MESSAGES - MESSAGES / 2;
        f.w.loads[1].name = "second";
        f.w.m.load_count = 2;
    }
    f.count = 0;
    if (how & 1)
        ok = read_file(in, how & 2, &torn);
    else
        read_short(in);
    if (ok) {
        hold_order(torn, how & 16);
        hold_words();
    }
    return 0;
}
