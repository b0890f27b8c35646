/* queue_show.c - finds out whose the entries of a known MTA's queue are, by a command that shows their headers. */
#include "probes/queue_show.h"

#include <stdlib.h>
#include <string.h>

#include "base/template.h"
#include "base/text.h"

#define AT_ONCE       4   /* commands */
#define BATCH         200 /* ids a command, where it takes many */
#define ARGUMENTS_MAX 64
#define FAILURES_MAX  2
#define WHY_MAX       160
#define STREAK_MAX    16 /* failures on end: it will not do any better */
#define IDS_MAX       (64u << 20)
#define WORDS_MAX     (1u << 20)
#define NOTHING       UINT32_MAX

struct shown { /* what is known about one message in the queue */
    uint64_t key, message;
    uint32_t text, size; /* its id, in `ids` */
    enum queue_owner whose;
    uint16_t failures; /* listings on end in which it could not be shown */
    bool by_message_id, settled;
};

struct shower { /* one command at work */
    struct queue_show *all;
    struct child *child;
    uint32_t items[BATCH], count;
    uint32_t at; /* which of them is being shown */
    bool found, by_message_id, any;
    uint64_t message;
    struct buf words; /* the arguments that were filled in */
    char why[WHY_MAX];
};

struct queue_show {
    const struct probe_context *context;
    const struct queue_format *format;
    const char *argv[ARGUMENTS_MAX + 1]; /* into `text` */
    struct buf text, ids;
    bool many; /* it takes {ids} */
    struct shown *known;
    uint32_t known_count;
    uint32_t *todo, todo_count; /* indices into known */
    struct shower showers[AT_ONCE];
    unsigned busy, streak;
    bool filling;
    char why[WHY_MAX];
    void (*done)(void *owner);
    void *owner;
};

static void feed(struct queue_show *s);

/* What is known. */

static int by_key(const void *left, const void *right)
{
    const struct shown *a = left, *b = right;

    return a->key < b->key ? -1 : a->key > b->key;
}

static struct shown *find_known(struct shown *all, uint32_t count, uint64_t key)
{
    struct shown want = {.key = key};

    return count ? bsearch(&want, all, count, sizeof want, by_key) : NULL;
}

/* Each message of the list once, in order, with what was known of it before. */
static void renew(struct queue_show *s, const struct queue_list *list)
{
    struct shown *next = calloc(list->count + 1u, sizeof *next);
    uint32_t count = 0, kept = 0;

    PM_ASSERT(next);
    buf_clear(&s->ids);
    PM_ASSERT(buf_add(&s->ids, list->ids.p ? list->ids.p : (const void *)"", list->ids.n));
    for (uint32_t i = 0; i < list->count; i++)
        if (list->entries[i].pending)
            next[count++] = (struct shown){.key = list->entries[i].key,
                                           .text = list->entries[i].show_at,
                                           .size = list->entries[i].show_size};
    if (count)
        qsort(next, count, sizeof *next, by_key);
    for (uint32_t i = 0; i < count; i++) {
        if (kept > 0 && next[kept - 1].key == next[i].key)
            continue;
        struct shown *old = find_known(s->known, s->known_count, next[i].key);
        struct shown new = next[i];

        if (old) {
            new = *old;
            new.text = next[i].text;
            new.size = next[i].size;
        }
        next[kept++] = new;
    }
    free(s->known);
    s->known = next;
    s->known_count = kept;
}

static struct slice id_of(const struct queue_show *s, uint32_t item)
{
    return slice_from(s->ids.p + s->known[item].text, s->known[item].size);
}

/* One command. */

static void leave(struct shower *w, bool whole)
{
    if (w->at == NOTHING)
        return;
    struct shown *k = &w->all->known[w->items[w->at]];

    if (w->found || whole) {
        w->all->streak = 0;
        k->settled = true;
        k->failures = 0;
        k->whose = w->found ? QUEUE_OURS : QUEUE_FOREIGN;
        k->message = w->message;
        k->by_message_id = w->by_message_id;
    }
    w->at = NOTHING;
    w->found = w->by_message_id = false;
}

static void take_mark(struct shower *w, enum queue_mark mark, struct slice id)
{
    if (mark == QUEUE_MARK_END) {
        struct slice current = w->at == NOTHING ? slice_of(NULL) : id_of(w->all, w->items[w->at]);

        if (current.n == id.n && id.n > 0 && memcmp(current.p, id.p, id.n) == 0)
            leave(w, true);
        return;
    }
    for (uint32_t next = 0; next < w->count; next++) {
        struct slice known = id_of(w->all, w->items[next]);

        if (known.n != id.n || memcmp(known.p, id.p, id.n) != 0)
            continue;
        if (w->at == next || w->all->known[w->items[next]].settled)
            return;
        leave(w, false);
        w->at = next;
        return;
    }
}

/* "Message-ID:"; also as queue files of Exim ("068I Message-Id:") and Sendmail ("H??Message-Id:") have it */
static bool is_message_id(struct slice line)
{
    static const char name[] = "message-id:";

    return slice_starts_nocase(line, name) || slice_starts_nocase(slice_skip(line, 3), name) ||
           slice_starts_nocase(slice_skip(line, 5), name);
}

static void on_line(void *owner, struct slice line, bool is_error)
{
    struct shower *w = owner;
    struct slice id;
    uint64_t message;
    size_t at = 0;

    if (is_error) {
        if (!w->why[0])
            (void)text_clean(w->why, sizeof w->why, line);
        return;
    }
    enum queue_mark mark = w->all->format->mark ? w->all->format->mark(line, &id) : QUEUE_NO_MARK;

    w->any = true;
    if (mark != QUEUE_NO_MARK)
        take_mark(w, mark, id);
    if (w->at == NOTHING || w->by_message_id ||
        !token_find(w->all->context->key, line, &at, &message))
        return;
    w->by_message_id = is_message_id(line);
    if (w->by_message_id || !w->found)
        w->message = message;
    w->found = true;
}

/* Those that it has not come to are asked for again; the one that it could not show is not, in this listing. */
static void give_back(struct shower *w)
{
    struct queue_show *s = w->all;
    bool first = true;

    for (uint32_t i = 0; i < w->count; i++) {
        struct shown *k = &s->known[w->items[i]];

        if (k->settled)
            continue;
        if (first)
            k->failures++;
        else
            s->todo[s->todo_count++] = w->items[i];
        first = false;
    }
    if (first)
        return;
    memcpy(s->why, w->why, sizeof s->why);
    if (++s->streak >= STREAK_MAX)
        s->todo_count = 0;
}

static void on_end(void *owner, int status, const char *why)
{
    struct shower *w = owner;
    struct queue_show *s = w->all;

    w->child = NULL;
    leave(w, status == 0 && !s->format->mark && w->any);
    if (!w->why[0])
        (void)text_clean(w->why, sizeof w->why, slice_of(status != 0 ? why : "nothing was shown"));
    give_back(w);
    s->busy--;
    feed(s);
}

static const struct child_handler handler = {.line = on_line, .ended = on_end};

/* Offsets into the buffer would move: it is sized first. */
static bool fill_one(struct shower *w, const char *text, const char **out, struct err *e)
{
    char id[QUEUE_ID_BYTES] = "";
    struct slice shown = id_of(w->all, w->items[0]);

    if (!queue_id_copy(id, shown, e))
        return false;
    const struct template_word words[] = {{"id", id, false}, {NULL, NULL, false}};
    size_t at = w->words.n;

    if (!template_fill(text, words, TEMPLATE_PLAIN, &w->words, e) || !buf_add(&w->words, "", 1))
        return false;
    *out = (const char *)w->words.p + at;
    return true;
}

static bool fill_arguments(struct shower *w, const char **argv, struct err *e)
{
    const struct queue_show *s = w->all;
    size_t n = 0;

    buf_clear(&w->words);
    if (!buf_reserve(&w->words, s->text.n + (BATCH + ARGUMENTS_MAX) * (size_t)QUEUE_ID_BYTES))
        return err_set(e, EX_IO, "out of memory for a command");
    for (size_t i = 0; s->argv[i]; i++) {
        if (strcmp(s->argv[i], "{ids}") != 0) {
            if (!fill_one(w, s->argv[i], &argv[n++], e))
                return false;
            continue;
        }
        for (uint32_t k = 0; k < w->count; k++) {
            struct slice id = id_of(s, w->items[k]);

            if (!queue_id_ok(id))
                return err_set(e, EX_WIRE, "expected the id of a queue entry");
            argv[n++] = (const char *)w->words.p + w->words.n;
            if (!buf_add(&w->words, id.p, id.n) || !buf_add(&w->words, "", 1))
                return err_set(e, EX_IO, "out of memory for a command");
        }
    }
    argv[n] = NULL;
    return true;
}

static void start(struct queue_show *s, struct shower *w)
{
    const char *argv[ARGUMENTS_MAX + BATCH + 1];
    struct err e = {0};

    w->count = 0;
    while (w->count < (s->many ? BATCH : 1u) && s->todo_count > 0)
        w->items[w->count++] = s->todo[--s->todo_count];
    w->at = s->format->mark ? NOTHING : 0;
    w->found = w->by_message_id = w->any = false;
    w->why[0] = '\0';
    if (fill_arguments(w, argv, &e))
        w->child = s->context->exec->start(s->context->exec, argv, &handler, w, &e);
    if (w->child) {
        s->busy++;
        return;
    }
    (void)text_clean(w->why, sizeof w->why, slice_of(e.text));
    w->at = NOTHING;
    give_back(w);
}

static void feed(struct queue_show *s)
{
    if (s->filling)
        return;
    s->filling = true;
    for (unsigned i = 0; i < AT_ONCE; i++)
        while (!s->showers[i].child && s->todo_count > 0)
            start(s, &s->showers[i]);
    s->filling = false;
    if (s->busy == 0)
        s->done(s->owner);
}

/* From outside. */

void queue_show_begin(struct queue_show *s, const struct queue_list *list,
                      void (*done)(void *owner), void *owner)
{
    PM_ASSERT(s->busy == 0);
    s->done = done;
    s->owner = owner;
    renew(s, list);
    free(s->todo);
    s->todo_count = s->streak = 0;
    s->todo = calloc(s->known_count + 1u, sizeof *s->todo);
    PM_ASSERT(s->todo);
    for (uint32_t i = s->known_count; s->argv[0] && i-- > 0;)
        if (!s->known[i].settled)
            s->todo[s->todo_count++] = i;
    feed(s);
}

void queue_show_stop(struct queue_show *s)
{
    for (unsigned i = 0; i < AT_ONCE; i++) {
        struct shower *w = &s->showers[i];

        if (w->child)
            s->context->exec->kill(s->context->exec, w->child);
        w->child = NULL;
    }
    s->busy = 0;
    s->todo_count = 0;
}

bool queue_show_apply(struct queue_show *s, struct queue_list *list, struct err *e)
{
    for (uint32_t i = 0; i < list->count; i++) {
        struct queue_entry *entry = &list->entries[i];

        if (!entry->pending)
            continue;
        const struct shown *k = find_known(s->known, s->known_count, entry->key);

        PM_ASSERT(k);
        if (!k->settled && k->failures >= FAILURES_MAX)
            return err_set(e, EX_WIRE, "queue entry %.*s cannot be shown: %s", (int)k->size,
                           (const char *)s->ids.p + k->text, s->why);
        entry->message = k->message;
        entry->report = entry->null_sender && !k->by_message_id;
        queue_list_resolve(list, entry, k->settled ? k->whose : QUEUE_POSSIBLY_OURS);
    }
    return true;
}

static bool take_argv(struct queue_show *s, const struct buf *argv, struct err *e)
{
    size_t n = 0;

    buf_init(&s->text, argv->n + 1);
    if (argv->n > 0 && !buf_add(&s->text, argv->p, argv->n))
        return err_set(e, EX_IO, "out of memory for a command");
    for (size_t at = 0; at < s->text.n; at += strlen(s->argv[n++]) + 1) {
        if (n == ARGUMENTS_MAX)
            return err_set(e, EX_BAD_PROFILE, "show: more than %d arguments", ARGUMENTS_MAX);
        s->argv[n] = (const char *)s->text.p + at;
        s->many |= strcmp(s->argv[n], "{ids}") == 0;
    }
    if (s->many && !s->format->mark)
        return err_set(e, EX_BAD_PROFILE,
                       "show: {ids} does not go here; it is asked one {id} at a "
                       "time");
    return true;
}

struct queue_show *queue_show_create(const struct probe_context *c, const struct queue_format *f,
                                     const struct buf *argv, struct err *e)
{
    struct queue_show *s = calloc(1, sizeof *s);

    if (!s) {
        (void)err_set(e, EX_IO, "out of memory for a queue probe");
        return NULL;
    }
    s->context = c;
    s->format = f;
    buf_init(&s->ids, IDS_MAX);
    for (unsigned i = 0; i < AT_ONCE; i++) {
        s->showers[i].all = s;
        buf_init(&s->showers[i].words, WORDS_MAX);
    }
    if (take_argv(s, argv, e))
        return s;
    queue_show_destroy(s);
    return NULL;
}

void queue_show_destroy(struct queue_show *s)
{
    if (!s)
        return;
    queue_show_stop(s);
    for (unsigned i = 0; i < AT_ONCE; i++)
        buf_fini(&s->showers[i].words);
    buf_fini(&s->text);
    buf_fini(&s->ids);
    free(s->known);
    free(s->todo);
    free(s);
}
