/* page_text.c - words, names and thinned rows that all parts of the page's data share. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "results/json_file.h"
#include "results/page_private.h"

#define SENTENCE_MAX 1200

void page_put(json_t *o, const char *key, json_t *value)
{
    (void)json_object_set_new(o, key, value);
}

void page_push(json_t *list, json_t *value)
{
    (void)json_array_append_new(list, value);
}

/* ------------------------------------------------------------------------------------------------ what others said */

/* At most `room - 1` bytes of it. */
static json_t *clean(struct slice text, size_t room)
{
    char small[SENTENCE_MAX], *out = room <= sizeof small ? small : malloc(room);

    if (!out)
        return NULL;
    (void)text_clean(out, room, text);
    json_t *s = json_string(out);

    if (out != small)
        free(out);
    return s;
}

json_t *page_words(const char *text)
{
    return text ? clean(slice_of(text), strlen(text) + 1) : json_null();
}

json_t *page_lines(struct slice text, size_t limit)
{
    struct slice line;
    struct buf out;
    char *part = malloc(limit + 1);
    bool more = part != NULL;

    buf_init(&out, limit);
    while (more && text.n > 0 && out.n < limit) {
        (void)slice_cut(&text, '\n', &line);
        (void)text_clean(part, limit - out.n, line);
        more = buf_add_text(&out, part) && buf_add(&out, "\n", 1);
    }
    json_t *s = json_string(buf_text(&out));

    buf_fini(&out);
    free(part);
    return s;
}

json_t *page_format(const char *format, ...)
{
    char text[SENTENCE_MAX];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return page_words(text);
}

json_t *page_token(const struct page_run *r, uint64_t number)
{
    const struct line_sink *words = r->source->words;
    char token[27] = "";

    if (words && words->token)
        words->token(words->owner, number, token);
    return page_words(token);
}

json_t *page_ppm(double share)
{
    return json_integer(llround(share * 1e6));
}

/* ----------------------------------------------------------------------------------------------------------- copies */

const char *page_server(const struct manifest *m, uint32_t server)
{
    return server < m->server_count ? m->servers[server] : "?";
}

const char *page_mailbox(const struct manifest *m, uint32_t mailbox)
{
    return mailbox < m->mailbox_count ? m->mailboxes[mailbox].name : "?";
}

enum axis page_group(enum outcome c)
{
    enum axis a = class_responsibility(c), b = class_transparency(c);

    return a > b ? a : b;
}

const char *page_axis_name(enum axis a)
{
    static const char *const names[] = {"ok", "warning", "violation", "open", "invalid"};

    return names[a];
}

bool page_is_bad(enum outcome c)
{
    return page_group(c) == AXIS_VIOLATION || page_group(c) == AXIS_INVALID;
}

uint64_t page_time(const struct copy *p)
{
    if (p->end_ns != NEVER_NS)
        return p->end_ns;
    return p->first_seen_ns < p->first_reported_ns ? p->first_seen_ns : p->first_reported_ns;
}

uint64_t page_planned(const struct page_run *r, const struct copy *p)
{
    uint64_t late_ns = (uint64_t)p->late_us * NS_PER_US * r->m->time_scale;

    if (p->sent_ns == NEVER_NS)
        return NEVER_NS;
    return p->sent_ns > late_ns ? p->sent_ns - late_ns : 0;
}

uint64_t page_mark(const struct page_run *r, uint32_t move, enum move_mark k)
{
    return r->t->marks[move].mark_ns[k];
}

/* ------------------------------------------------------------------------------------------------------ thinned rows */

bool thin_init(struct thin *t, size_t size, uint32_t room)
{
    *t = (struct thin){.size = size, .room = room, .stride = 1, .rows = calloc(room, size)};
    return t->rows != NULL;
}

void thin_fini(struct thin *t)
{
    free(t->rows);
    *t = (struct thin){0};
}

static void drop_every_second(struct thin *t)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < t->count; i += 2, kept++)
        memmove(t->rows + kept * t->size, t->rows + i * t->size, t->size);
    t->count = kept;
    t->stride *= 2;
}

void thin_add(struct thin *t, const void *row)
{
    uint64_t at = t->seen++;

    if (at % t->stride != 0)
        return;
    if (t->count == t->room) {
        drop_every_second(t);
        if (at % t->stride != 0)
            return;
    }
    memcpy(t->rows + t->count++ * t->size, row, t->size);
}

uint32_t thin_shown(const struct thin *t, uint32_t cap)
{
    return t->count < cap ? t->count : cap;
}

const void *thin_row(const struct thin *t, uint32_t i, uint32_t shown)
{
    return t->rows + (size_t)((uint64_t)i * t->count / shown) * t->size;
}
