/* page_reports.c - the texts of reports as they were kept in the run's folder, found by the tokens that stand in them.
 *
 * They come from anywhere: each is read up to a limit, all of them together up to another, and nothing in them is believed
 * but that it holds a token of ours.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "results/page_private.h"

#define MARKER        "pm."
#define TOKEN         26u
#define FILE_MAX      (256u << 10)
#define FILES_MAX     20000
#define IN_ALL_MAX    (512ull << 20)
#define SHOWN_MAX     8192u
#define SHOWN_IN_ALL  (1u << 20)
#define SCORE_FAILED  1u
#define SCORE_ADDRESS 2u

struct searching {
    struct page_wanted *wanted;
    uint32_t count, shown; /* bytes of each that are shown */
    unsigned char *bytes;  /* of the file at hand */
    size_t n;
};

static int by_token(const void *left, const void *right)
{
    const struct page_wanted *a = left, *b = right;
    int order = strcmp(a->token, b->token);

    return order ? order : strcmp(a->address ? a->address : "", b->address ? b->address : "");
}

static unsigned char small(unsigned char c)
{
    return c >= 'A' && c <= 'Z' ? (unsigned char)(c + 32) : c;
}

static bool holds(const struct searching *s, const char *text)
{
    size_t n = strlen(text);
    unsigned char first = n ? small((unsigned char)text[0]) : 0;

    for (size_t i = 0; n && i + n <= s->n; i++) {
        size_t same = 0;

        if (small(s->bytes[i]) != first)
            continue;
        while (same < n && small(s->bytes[i + same]) == small((unsigned char)text[same]))
            same++;
        if (same == n)
            return true;
    }
    return false;
}

static void offer(const struct searching *s, struct page_wanted *w)
{
    unsigned score = 4 | (holds(s, "action: failed") ? SCORE_FAILED : 0) |
                     (w->address && holds(s, w->address) ? SCORE_ADDRESS : 0);

    if (score <= w->score)
        return;
    json_decref(w->text);
    w->text = page_lines(slice_from(s->bytes, s->n), s->shown);
    w->score = score;
}

/* All that is wanted under the token behind a marker. */
static void look_up(const struct searching *s, const unsigned char *at)
{
    char token[TOKEN + 1];
    uint32_t low = 0, high = s->count;

    for (unsigned i = 0; i < TOKEN; i++)
        token[i] = (char)small(at[i]);
    token[TOKEN] = '\0';
    while (low < high) { /* the first that is not below */
        uint32_t mid = low + (high - low) / 2;

        if (strcmp(s->wanted[mid].token, token) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    for (; low < s->count && strcmp(s->wanted[low].token, token) == 0; low++)
        if (s->wanted[low].score < (4 | SCORE_FAILED | SCORE_ADDRESS))
            offer(s, &s->wanted[low]);
}

static void search(const struct searching *s)
{
    size_t marker = strlen(MARKER);

    for (size_t i = 0; i + marker + TOKEN <= s->n; i++)
        if (small(s->bytes[i]) == MARKER[0] && small(s->bytes[i + 1]) == MARKER[1] &&
            s->bytes[i + 2] == MARKER[2])
            look_up(s, s->bytes + i + marker);
}

static void read_report(struct searching *s, const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    ssize_t got = 1;

    s->n = 0;
    while (fd >= 0 && got > 0 && s->n < FILE_MAX) {
        got = read(fd, s->bytes + s->n, FILE_MAX - s->n);
        s->n += got > 0 ? (size_t)got : 0;
    }
    if (fd >= 0)
        (void)close(fd);
}

static int is_report(const struct dirent *d)
{
    return d->d_name[0] != '.';
}

void page_reports_read(const char *run_dir, struct page_wanted *wanted, uint32_t count)
{
    struct searching s = {.wanted = wanted, .count = count, .bytes = malloc(FILE_MAX)};
    struct dirent **names = NULL;
    uint64_t all = 0;
    char path[2048];

    s.shown = count * SHOWN_MAX <= SHOWN_IN_ALL ? SHOWN_MAX : SHOWN_IN_ALL / count;
    (void)snprintf(path, sizeof path, "%s/reports", run_dir);
    int files = s.bytes ? scandir(path, &names, is_report, alphasort) : 0;

    qsort(wanted, count, sizeof *wanted, by_token);
    for (int i = 0; i < files; i++) {
        if (i < FILES_MAX && all < IN_ALL_MAX) {
            (void)snprintf(path, sizeof path, "%s/reports/%s", run_dir, names[i]->d_name);
            read_report(&s, path);
            all += s.n;
            search(&s);
        }
        free(names[i]);
    }
    free(names);
    free(s.bytes);
}
