/* fuzz_profile.c - libFuzzer's entry for profiles: whatever a file says, it is refused in one line or read; what was read is printed
 * as a profile that says the same, and can be planned and estimated.
 *
 * The text may name a variant behind a NUL octet.
 */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "profiles/parse.h"
#include "profiles/profile.h"
#include "profiles/workload.h"
#include "tests/fuzz/bed.h"

#define CEILING    (64u << 20)
#define TEXT_MAX   (8u << 20)
#define ASKED_EACH 16u /* messages of a plan that are looked at */

// NOLINTNEXTLINE(readability-identifier-naming): its name is libFuzzer's
int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

static void hold_refusal(const struct err *e)
{
    PM_ASSERT(e->code == EX_BAD_PROFILE || e->code == EX_GUARD || e->code == EX_IO);
    PM_ASSERT(e->text[0] && memchr(e->text, 0, sizeof e->text));
}

static void hold_message(const struct workload *w, uint64_t number)
{
    struct msg m = workload_message(w, number);
    const struct site *s = &w->profile->site;

    PM_ASSERT(m.number == number && m.from < s->mailbox_count);
    PM_ASSERT(m.recipients >= 1 && m.recipients <= MSG_RECIPIENTS_MAX);
    for (uint32_t i = 0; i < m.recipients; i++)
        PM_ASSERT(m.to[i] < s->mailbox_count || m.to[i] == SITE_NONE);
    PM_ASSERT(m.load != SITE_NONE || number >= w->planned);
    PM_ASSERT(m.move == SITE_NONE || m.move < w->move_count);
}

static void hold_plan(const struct profile *p)
{
    struct arena *a = arena_create(CEILING);
    struct err e = {0};
    const struct workload *w = workload_create(a, p, &e);

    if (!w)
        hold_refusal(&e);
    uint64_t all = w ? w->planned + w->canaries : 0;

    for (uint64_t i = 0; i < ASKED_EACH && i < all; i++) {
        hold_message(w, i);
        hold_message(w, all - 1 - i);
    }
    arena_destroy(a);
}

static const struct profile *load(struct arena *a, struct slice text, const char *variant,
                                  struct err *e)
{
    const struct profile_request rq = {.path = memory_file(text), .variant = variant};

    return profile_load(a, &rq, e);
}

/* What is printed is read again, and printed the same. */
static void hold_print(const struct profile *p)
{
    struct arena *a = arena_create(CEILING);
    struct buf first, second;
    struct err e = {0};

    buf_init(&first, TEXT_MAX);
    buf_init(&second, TEXT_MAX);
    if (profile_print(p, &first)) {
        const struct profile *again = load(a, buf_slice(&first), NULL, &e);

        PM_ASSERT(again || e.code == EX_IO || first.n > PARSE_BYTES_MAX);
        if (again) {
            PM_ASSERT(profile_print(again, &second));
            PM_ASSERT(first.n == second.n && memcmp(first.p, second.p, first.n) == 0);
        }
    }
    buf_fini(&first);
    buf_fini(&second);
    arena_destroy(a);
}

static void hold_words(const struct profile *p)
{
    struct buf text;
    struct err e = {0};

    buf_init(&text, TEXT_MAX);
    PM_ASSERT(profile_lint(p, &text));
    if (!profile_estimate(p, &text, &e))
        hold_refusal(&e);
    buf_fini(&text);
}

// NOLINTNEXTLINE(readability-identifier-naming): its name is libFuzzer's
int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    struct arena *a = arena_create(CEILING);
    struct slice rest = slice_from(data, n), text;
    char variant[64] = "";
    struct err e = {0};
    size_t at;

    PM_ASSERT(a && setenv("REDACTED", "x", 1) == 0); /* as secrets are printed */
    (void)slice_cut(&rest, '\0', &text);
    if (rest.n > 0 && rest.n < sizeof variant)
        memcpy(variant, rest.p, rest.n);
    if (slice_find(text, slice_of("file:"), &at)) { /* no files of this machine */
        arena_destroy(a);
        return 0;
    }
    const struct profile *p = load(a, text, variant, &e);

    if (p) {
        hold_print(p);
        hold_words(p);
        hold_plan(p);
    } else {
        hold_refusal(&e);
    }
    arena_destroy(a);
    return 0;
}
