/* test_report_corpus.c - a corpus of real bounces, read in place beside the checkout; skipped where there is none.
 *
 * Figures over mails: kind, every recipient's address, status or reply code where the expectation has one that its
 * authors did not make up (x.y.9nn). The mails whose name has an odd CRC-32C are held out: rules are made from the others only.
 * PM_MISSES=even|odd|all lists what was missed.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/stat.h>

#include "base/hash.h"
#include "tests/support/check.h"
#include "tests/support/scratch.h"
#include "wire/report.h"

#define CORPUS PM_SOURCE_DIR "/../shared/ndr-corpus"

enum figure { FIG_COPIED, FIG_KIND, FIG_ADDRESS, FIG_CODE, FIGURES };

static const char *const figure_names[] = {"copied", "kind", "addresses", "codes"};

static struct tally {
    unsigned all[FIGURES], right[FIGURES];
} halves[2];

static const char *field(const json_t *o, const char *name)
{
    const char *text = json_string_value(json_object_get(o, name));

    return text ? text : "";
}

static const struct report_recipient *find(const struct report *r, const json_t *one)
{
    for (uint32_t i = 0; i < r->count; i++)
        if (slice_is_nocase(slice_of(field(one, "recipient")), r->recipients[i].final))
            return &r->recipients[i];
    return NULL;
}

/* Mails that the authors of the corpus give no recipient are auto-replies, every one (rfc3834-*). They call "delayed" whatever
 * they file under the reason "expired", be it final or not; the judged figure wants of a final one that we say failed, and
 * that time ran out. */
static bool kind_right(const struct report *r, const json_t *one, bool judged)
{
    const char *kind = one ? field(one, "kind") : "auto-reply";
    const struct report_recipient *to = one ? find(r, one) : NULL;

    if (r->sort != SORT_REPORT)
        return strcmp(report_sort_name(r->sort), kind) == 0;
    if (!to && r->count > 0)
        to = &r->recipients[0];
    if (to && judged && strcmp(field(one, "reason"), "expired") == 0 && to->action == ACTION_FAILED)
        return to->expired;
    return to && strcmp(report_action_name(to->action), kind) == 0;
}

static bool is_synthetic(const char *status)
{
    const char *last = strrchr(status, '.');

    return !last || (last[1] == '9' && strlen(last) == 4);
}

/* 0 wrong, 1 right, -1 nothing to compare with. Both must be right where both are expected. */
static int code_right(const struct report *r, const json_t *one)
{
    const char *status = field(one, "status"), *reply = field(one, "reply");
    const struct report_recipient *to = find(r, one);
    bool status_counts = !is_synthetic(status);
    char got[40] = "";

    if (!status_counts && !*reply)
        return -1;
    if (!to)
        return 0;
    (void)snprintf(got, sizeof got, "%u.%u.%u", to->status[0], to->status[1], to->status[2]);
    if (status_counts && strcmp(got, status) != 0)
        return 0;
    return !*reply || strtoul(reply, NULL, 10) == to->reply;
}

static bool is_listed(unsigned half)
{
    const char *which = getenv("PM_MISSES");

    return which && (strcmp(which, "all") == 0 || strcmp(which, half ? "odd" : "even") == 0);
}

static void list_miss(const char *file, const char *what, const json_t *wanted,
                      const struct report *r)
{
    size_t at;
    json_t *one;

    (void)printf("    miss %s: %s (%s, %s)\n", what, file, report_sort_name(r->sort), r->format);
    json_array_foreach(wanted, at, one)
    {
        (void)printf("        want %s %s %s %s\n", field(one, "recipient"), field(one, "kind"),
                     field(one, "status"), field(one, "reply"));
    }
    for (uint32_t i = 0; i < r->count; i++) {
        const struct report_recipient *to = &r->recipients[i];

        (void)printf("        got  %s %s %u.%u.%u %u\n", to->final, report_action_name(to->action),
                     to->status[0], to->status[1], to->status[2], to->reply);
    }
}

static bool is_made_up(const json_t *one)
{
    const char *address = field(one, "recipient"), *end = strstr(address, ".invalid");

    return end && end[8] == 0;
}

static void judge(const char *file, const json_t *wanted, const struct report *r)
{
    unsigned half = hash_crc32c(0, file, strlen(file)) & 1;
    bool feedback = r->sort == SORT_FEEDBACK || r->sort == SORT_AUTO_REPLY;
    bool none = json_array_size(wanted) == 0 && !kind_right(r, NULL, true);
    bool counts[FIGURES] = {true, true, true, false};
    bool right[FIGURES] = {!none, !none, r->count == json_array_size(wanted), true};
    size_t at;
    json_t *one;

    json_array_foreach(wanted, at, one)
    {
        int code = feedback ? -1 : code_right(r, one);

        right[FIG_COPIED] = right[FIG_COPIED] && kind_right(r, one, false);
        right[FIG_KIND] = right[FIG_KIND] && kind_right(r, one, true);
        right[FIG_ADDRESS] = right[FIG_ADDRESS] && find(r, one);
        counts[FIG_ADDRESS] = counts[FIG_ADDRESS] && !is_made_up(one);
        right[FIG_CODE] = right[FIG_CODE] && code != 0;
        counts[FIG_CODE] = counts[FIG_CODE] || code >= 0;
    }
    for (int f = 0; f < FIGURES; f++) {
        halves[half].all[f] += counts[f];
        halves[half].right[f] += counts[f] && right[f];
        if (counts[f] && !right[f] && is_listed(half))
            list_miss(file, figure_names[f], wanted, r);
    }
}

static void read_one(const json_t *line)
{
    struct arena *arena = arena_create(8 << 20);
    const char *file = field(line, "file");
    char path[500];
    size_t n;
    char *mail;
    struct report r;

    (void)snprintf(path, sizeof path, "%s/eml/%s", CORPUS, file);
    mail = scratch_read(path, &n);
    if (CHECK(mail != NULL) && CHECK(report_read(arena, slice_from(mail, n), &r)))
        judge(file, json_object_get(line, "recipients"), &r);
    free(mail);
    arena_destroy(arena);
}

static void bar(enum figure f, unsigned all, double percent)
{
    double got[3];

    for (int h = 0; h < 2; h++)
        got[h] = 100.0 * halves[h].right[f] / (halves[h].all[f] ? halves[h].all[f] : 1);
    unsigned right = halves[0].right[f] + halves[1].right[f];
    unsigned counted = halves[0].all[f] + halves[1].all[f];

    got[2] = 100.0 * right / (counted ? counted : 1);
    (void)printf("    %-9s %u of %u: %.1f %% (developed on %.1f, held out %.1f)\n", figure_names[f],
                 right, counted, got[2], got[0], got[1]);
    CHECK(counted >= all);
    CHECK_BETWEEN(got[2], percent, 100);
}

static void real_bounces_are_read_as_expected(void)
{
    struct stat st;
    char *lines, *line, *save = NULL;

    if (stat(CORPUS "/expected.jsonl", &st) != 0)
        check_skip("no corpus of real bounces beside the checkout: nothing compared");
    lines = scratch_read(CORPUS "/expected.jsonl", NULL);
    for (line = strtok_r(lines, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        json_t *j = json_loads(line, 0, NULL);

        if (CHECK(j != NULL))
            read_one(j);
        json_decref(j);
    }
    bar(FIG_COPIED, 280, 90);
    bar(FIG_KIND, 280, 98);
    bar(FIG_ADDRESS, 270, 97);
    bar(FIG_CODE, 220, 95);
    free(lines);
}

static const struct test tests[] = {
    TEST(real_bounces_are_read_as_expected),
    TEST_END,
};

const struct suite report_corpus_suite = {"report_corpus", tests};
