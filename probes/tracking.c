/* tracking.c - what the logs of mail systems say about one message. */
#include "probes/tracking.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"

#define LINE_BYTES 65536u
#define TIED_NS    (6 * 86400ull * NS_PER_S)

struct tied { /* an id that is this message's */
    uint64_t key, first_ns, last_ns;
};

struct reader { /* of one file */
    struct tracking *t;
    struct log_columns columns;
    struct tied ids[TRACKING_IDS_MAX];
    uint32_t id_count;
    bool any;     /* it has something to say */
    bool telling; /* the second time */
    struct err *e;
};

void tracking_init(struct tracking *t, const struct token_key *key, uint64_t number,
                   uint64_t near_ns)
{
    *t = (struct tracking){.key = key, .number = number, .near_ns = near_ns};
}

void tracking_fini(struct tracking *t)
{
    for (uint32_t i = 0; i < t->count; i++)
        free(t->claims[i].text);
    free(t->claims);
    *t = (struct tracking){0};
}

/* Ids. */

static uint64_t key_of(struct slice id)
{
    return hash_fast(id.p, id.n);
}

static bool is_tied(const struct reader *r, struct slice id, uint64_t wall_ns)
{
    uint64_t key = id.n > 0 ? key_of(id) : 0;

    for (uint32_t i = 0; id.n > 0 && i < r->id_count; i++) {
        const struct tied *k = &r->ids[i];

        if (k->key == key && wall_ns + TIED_NS >= k->first_ns && wall_ns <= k->last_ns + TIED_NS)
            return true;
    }
    return false;
}

static void tie(struct reader *r, struct slice id, uint64_t wall_ns)
{
    if (id.n == 0)
        return;
    for (uint32_t i = 0; i < r->id_count; i++)
        if (r->ids[i].key == key_of(id)) {
            r->ids[i].last_ns = wall_ns > r->ids[i].last_ns ? wall_ns : r->ids[i].last_ns;
            return;
        }
    if (r->id_count < TRACKING_IDS_MAX)
        r->ids[r->id_count++] = (struct tied){key_of(id), wall_ns, wall_ns};
}

static bool has_token(const struct tracking *t, struct slice line)
{
    uint64_t number;
    size_t at = 0;

    while (token_find(t->key, line, &at, &number))
        if (number == t->number)
            return true;
    return false;
}

/* Claims. */

static bool keep(struct tracking *t, const char *text, uint64_t wall_ns, struct err *e)
{
    if (t->count == TRACKING_LINES_MAX) {
        t->full = true;
        return true;
    }
    if (t->count == t->room) {
        uint32_t room = t->room ? t->room * 2 : 64;
        struct claim *p = realloc(t->claims, room * sizeof *p);

        if (!p)
            return err_set(e, EX_IO, "out of memory for what logs say");
        t->claims = p;
        t->room = room;
    }
    char *own = strdup(text);

    if (!own)
        return err_set(e, EX_IO, "out of memory for what logs say");
    t->claims[t->count] =
        (struct claim){.wall_ns = wall_ns, .log = t->logs, .order = t->count, .text = own};
    t->count++;
    return true;
}

static bool take_line(struct reader *r, struct slice line)
{
    char text[TRACKING_TEXT_MAX];
    struct log_line l;

    if (!log_line_read(&l, line, &r->columns, r->t->near_ns) || l.kind == LOG_CSV_HEAD)
        return true;
    bool known = is_tied(r, l.id, l.wall_ns), ours = known || has_token(r->t, line);

    if (r->telling)
        return !ours || keep(r->t, log_line_words(&l, line, &r->columns, text, sizeof text),
                             l.wall_ns, r->e);
    if (l.kind == LOG_EXIM && !ours)
        ours = is_tied(r, l.other, l.wall_ns); /* a report about it */
    r->any |= ours;
    if (ours && !known)
        tie(r, l.id, l.wall_ns);
    if (ours && l.kind == LOG_SYSLOG)
        tie(r, l.other, l.wall_ns);
    return true;
}

/* The file. */

static bool read_all(struct reader *r, FILE *f)
{
    unsigned char *room = malloc(LINE_BYTES);
    size_t held = 0;
    bool ok = room != NULL, skipping = false;

    if (!room)
        return err_set(r->e, EX_IO, "out of memory for a line");
    while (ok) {
        size_t n = fread(room + held, 1, LINE_BYTES - held, f);
        struct slice rest = slice_from(room, held + n), line;

        while (ok && rest.n > 0) {
            struct slice before = rest;

            if (!slice_cut(&rest, '\n', &line)) {
                rest = before;
                break;
            }
            ok = skipping || take_line(r, slice_trim(line));
            skipping = false;
        }
        if (n == 0) {
            ok = ok && (skipping || rest.n == 0 || take_line(r, slice_trim(rest)));
            break;
        }
        if (rest.n == LINE_BYTES) { /* too long: its beginning is what we have */
            ok = ok && (skipping || take_line(r, rest));
            skipping = true;
            rest.n = 0;
        }
        memmove(room, rest.p, rest.n);
        held = rest.n;
    }
    free(room);
    return ok && (!ferror(f) || err_set(r->e, EX_IO, "%s", strerror(errno)));
}

bool tracking_read(struct tracking *t, const char *path, struct err *e)
{
    struct reader *r = calloc(1, sizeof *r);
    FILE *f = r ? fopen(path, "re") : NULL;
    bool ok = false;

    if (!r)
        return err_set(e, EX_IO, "out of memory for a log");
    r->t = t;
    r->e = e;
    if (!f) {
        (void)err_set(e, EX_IO, "%s: %s", path, strerror(errno));
    } else {
        ok = read_all(r, f);
        if (ok && r->any) {
            r->telling = true;
            r->columns = (struct log_columns){0};
            ok = fseeko(f, 0, SEEK_SET) == 0 ? read_all(r, f)
                                             : err_set(e, EX_IO, "cannot be read twice");
        }
        (void)fclose(f);
        if (!ok)
            (void)err_wrap(e, "%s", path);
    }
    free(r);
    t->logs++;
    return ok;
}

static int by_time(const void *left, const void *right)
{
    const struct claim *a = left, *b = right;

    if (a->wall_ns != b->wall_ns)
        return a->wall_ns < b->wall_ns ? -1 : 1;
    return a->order < b->order ? -1 : a->order > b->order;
}

void tracking_sort(struct tracking *t)
{
    if (t->count > 0)
        qsort(t->claims, t->count, sizeof *t->claims, by_time);
}
