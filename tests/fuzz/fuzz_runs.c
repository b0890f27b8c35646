/* fuzz_runs.c - libFuzzer's entry for what a run's folder says of itself in JSON: manifests are refused or come back as they were
 * written, and a run that is compared with another gives texts that hold together.
 *
 * The input is summary.json, and behind a NUL octet manifest.json.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "results/compare.h"
#include "results/json_file.h"
#include "results/judge.h"
#include "tests/support/scratch.h"

#define CEILING    (64u << 20)
#define TEXT_MAX   (16u << 20)
#define JUDGED_MAX 10000u /* slots */

// NOLINTNEXTLINE(readability-identifier-naming): its name is libFuzzer's
int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

static char dir[256];

static const char *put(const char *name, struct slice content)
{
    static char path[300];

    if (!dir[0])
        (void)snprintf(dir, sizeof dir, "%s", scratch_dir("fuzz_runs"));
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "we");

    PM_ASSERT(f && fwrite(content.p, 1, content.n, f) == content.n && fclose(f) == 0);
    return path;
}

static void drop(const char *name)
{
    char path[300];

    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    (void)unlink(path);
}

static void hold_refusal(const struct err *e)
{
    PM_ASSERT(e->code == EX_BAD_PROFILE || e->code == EX_IO);
    PM_ASSERT(e->text[0] && memchr(e->text, 0, sizeof e->text));
}

static void hold_judged(const struct manifest *m)
{
    struct err e = {0};
    struct ledger *l = ledger_create(m, &e);
    struct judgement *j = l ? judge(m, l, &e) : NULL;

    if (!j)
        hold_refusal(&e);
    for (uint32_t i = 0; j && i < j->identity_count; i++)
        PM_ASSERT(j->identities[i].left == j->identities[i].right);
    PM_ASSERT(!j || j->exit_code != EX_INTERNAL);
    judgement_destroy(j);
    ledger_destroy(l);
}

/* Read, written, read and written once more: the same octets. */
static void hold_manifest(struct slice text)
{
    struct arena *a = arena_create(CEILING);
    struct err e = {0};
    struct manifest *m = manifest_read(a, put("manifest.json", text), &e), *again;
    char first[300], second[300];

    (void)snprintf(first, sizeof first, "%s/first.json", dir);
    (void)snprintf(second, sizeof second, "%s/second.json", dir);
    if (!m) {
        hold_refusal(&e);
        arena_destroy(a);
        return;
    }
    PM_ASSERT(manifest_write(m, first, &e));
    again = manifest_read(a, first, &e);
    PM_ASSERT(again || e.code == EX_IO);
    if (again) {
        size_t n1 = 0, n2 = 0;

        PM_ASSERT(manifest_write(again, second, &e));
        char *t1 = scratch_read(first, &n1), *t2 = scratch_read(second, &n2);

        PM_ASSERT(t1 && t2 && n1 == n2 && memcmp(t1, t2, n1) == 0);
        free(t1);
        free(t2);
    }
    if (m->planned_messages < JUDGED_MAX && m->stride < 64 && m->mailbox_count < JUDGED_MAX)
        hold_judged(m);
    arena_destroy(a);
}

static void hold_comparison(struct arena *a, const struct compared *one)
{
    struct compared *runs = arena_new(a, struct compared, 3);
    struct err e = {0};
    struct buf text;

    if (!runs)
        return;
    runs[0] = runs[1] = runs[2] = *one;
    runs[1].move_count /= 2; /* something to compare with */
    runs[1].planned /= 2;
    struct comparison *c = comparison_make(a, runs, 3, true, &e);

    if (!c) {
        hold_refusal(&e);
        return;
    }
    buf_init(&text, TEXT_MAX);
    PM_ASSERT(compare_text(c, true, &text, false));
    PM_ASSERT(compare_json(c, &text, &e));
    buf_fini(&text);
}

static void hold_compared(struct slice summary, bool with_manifest)
{
    struct arena *a = arena_create(CEILING);
    struct err e = {0};
    struct compared *one = calloc(1, sizeof *one);

    PM_ASSERT(one && a);
    (void)put("summary.json", summary);
    if (!with_manifest)
        drop("manifest.json");
    if (compared_read(one, a, dir, &e)) {
        PM_ASSERT(memchr(one->name, 0, sizeof one->name) && memchr(one->id, 0, sizeof one->id));
        if (one->move_count < 200)
            hold_comparison(a, one);
    } else {
        hold_refusal(&e);
    }
    free(one);
    arena_destroy(a);
}

// NOLINTNEXTLINE(readability-identifier-naming): its name is libFuzzer's
int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    struct slice rest = slice_from(data, n), summary;
    bool two = slice_cut(&rest, '\0', &summary);

    if (two)
        hold_manifest(rest);
    if (summary.n > 0)
        hold_compared(summary, two);
    return 0;
}
