/* fuzz_ndr.c - libFuzzer's entry for what becomes of a mail that a probe read: a copy, a report, or neither. Whatever it says, one
 * reading has one outcome, each event names a message and mailbox that exist, and reading it again changes nothing.
 *
 * The first octet says in whose mailbox it was found; in the mail @7@ stands for a token (bed_expand).
 */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "probes/ndr.h"
#include "tests/fuzz/bed.h"

// NOLINTNEXTLINE(readability-identifier-naming): its name is libFuzzer's
int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

struct told {
    struct reading reading;
    uint32_t reports, first; /* events of reports, from there on */
};

static struct told read_once(struct bed *b, struct slice raw, uint32_t mailbox)
{
    struct told t = {.first = bed_events(b)};

    t.reading = correlate_read(b->c.correlate, raw, mailbox, 2, 5 * NS_PER_S);
    t.reports = bed_events(b);
    t.reports -= t.first;
    return t;
}

static unsigned count(const struct bed *b, const struct told *t, enum event_kind kind)
{
    unsigned found = 0;

    for (uint32_t i = 0; i < t->reports; i++)
        found += b->r->events[t->first + i].kind == kind;
    return found;
}

/* The same reports, to the octet: what tells a report from another does not hang on when it was read. */
static void hold_same(const struct bed *b, const struct told *x, const struct told *y)
{
    const struct event *e = b->r->events;
    uint32_t k = y->first;

    PM_ASSERT(x->reading.kind == y->reading.kind && x->reading.corrupt == y->reading.corrupt);
    PM_ASSERT(x->reading.kind != READING_COPY || x->reading.number == y->reading.number);
    PM_ASSERT(count(b, x, EV_REPORT) == count(b, y, EV_REPORT));
    for (uint32_t i = x->first; i < x->first + x->reports; i++) {
        if (e[i].kind != EV_REPORT)
            continue;
        while (e[k].kind != EV_REPORT)
            k++;
        PM_ASSERT(memcmp(&e[i], &e[k++], sizeof *e) == 0);
    }
}

// NOLINTNEXTLINE(readability-identifier-naming): its name is libFuzzer's
int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    uint32_t mailbox = n > 0 ? data[0] % 6u : 0;
    struct bed *b = bed_begin();
    struct buf text;

    buf_init(&text, 16u << 20);
    bed_expand(&text, slice_skip(slice_from(data, n), 1), &b->key);
    struct slice raw = buf_slice(&text);
    struct told first = read_once(b, raw, mailbox), second = read_once(b, raw, mailbox);
    uint64_t number;

    hold_same(b, &first, &second);
    PM_ASSERT(count(b, &first, EV_REPORT) == 0 || first.reading.kind == READING_REPORT);
    PM_ASSERT(count(b, &second, EV_FINDING) == 0);
    if (first.reading.kind == READING_COPY)
        PM_ASSERT(first.reading.number < b->r->work.planned + b->r->work.canaries);
    /* The header alone never says otherwise than the whole. */
    if (correlate_settle(b->c.correlate, raw, &number) && first.reading.kind == READING_COPY)
        PM_ASSERT(number == first.reading.number);
    bed_end(b);
    buf_fini(&text);
    return 0;
}
