/* fuzz_tracking.c - libFuzzer's entry for logs of mail systems: what is claimed of a message is bounded, printable and in order, the
 * same when read again, and no other message's.
 *
 * In text @7@ stands for the marker and token of message 7, which is the one asked for.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/err.h"
#include "probes/tracking.h"
#include "tests/fuzz/bed.h"

#define NEAR (1795325000 * NS_PER_S)

// NOLINTNEXTLINE(readability-identifier-naming): its name is libFuzzer's
int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

static void hold(const struct tracking *t)
{
    PM_ASSERT(t->count <= TRACKING_LINES_MAX);
    for (uint32_t i = 0; i < t->count; i++) {
        const struct claim *c = &t->claims[i];

        PM_ASSERT(c->text && strlen(c->text) <= TRACKING_TEXT_MAX && c->log < t->logs);
        for (const char *p = c->text; *p; p++)
            PM_ASSERT((unsigned char)*p >= ' ' && *p != 127);
        if (i > 0)
            PM_ASSERT(c[-1].wall_ns <= c->wall_ns || c->wall_ns == 0);
    }
}

static void read_all(struct tracking *t, const struct token_key *key, uint64_t number,
                     const char *path)
{
    struct err e = {0};

    tracking_init(t, key, number, NEAR);
    PM_ASSERT(tracking_read(t, path, &e));
    tracking_sort(t);
    hold(t);
}

// NOLINTNEXTLINE(readability-identifier-naming): its name is libFuzzer's
int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    static bool zone;
    struct token_key key = token_key_make(1, 2);
    struct tracking first, second, nobody;
    struct buf text;

    if (!zone) {
        (void)setenv("TZ", "UTC", 1);
        tzset();
        zone = true;
    }
    buf_init(&text, 64u << 20);
    bed_expand(&text, slice_from(data, n), &key);
    const char *path = memory_file(buf_slice(&text));

    read_all(&first, &key, 7, path);
    read_all(&second, &key, 7, path);
    PM_ASSERT(first.count == second.count);
    for (uint32_t i = 0; i < first.count; i++)
        PM_ASSERT(strcmp(first.claims[i].text, second.claims[i].text) == 0);
    read_all(&nobody, &key, 99, path);
    PM_ASSERT(nobody.count == 0);
    tracking_fini(&first);
    tracking_fini(&second);
    tracking_fini(&nobody);
    buf_fini(&text);
    return 0;
}
