/* parse.c - from libyaml's events to a tree, and what overrides do to a tree. */
#include "profiles/parse.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/bytes.h"

struct reading {
    struct arena *arena;
    const char *name, *text;
    size_t bytes;
    yaml_parser_t yaml;
    struct node *open[PARSE_DEPTH_MAX]; /* the maps and lists around the next node */
    unsigned depth, nodes;
    const char *key; /* read, its value still to come */
    yaml_mark_t key_at;
    struct node *root;
    struct err *err;
};

/* --- complaints ------------------------------------------------------------------------------------------------- */

static bool complain(struct err *e, const char *file, unsigned line, unsigned column,
                     const char *format, va_list args) __attribute__((format(printf, 5, 0)));

static bool complain(struct err *e, const char *file, unsigned line, unsigned column,
                     const char *format, va_list args)
{
    char text[400];

    // NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): both callers have started it
    (void)vsnprintf(text, sizeof text, format, args);
    if (line == 0)
        return err_set(e, EX_BAD_PROFILE, "%s: %s", file, text);
    return err_set(e, EX_BAD_PROFILE, "%s:%u:%u: %s", file, line, column, text);
}

bool node_complain(const struct node *n, struct err *e, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)complain(e, n->file, n->line, n->column, format, args);
    va_end(args);
    return false;
}

bool node_complain_key(const struct node *n, struct err *e, const char *format, ...)
{
    unsigned line = n->key ? n->key_line : n->line, column = n->key ? n->key_column : n->column;
    va_list args;

    va_start(args, format);
    (void)complain(e, n->file, line, column, format, args);
    va_end(args);
    return false;
}

static bool complain_at(struct reading *r, yaml_mark_t at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static bool complain_at(struct reading *r, yaml_mark_t at, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)complain(r->err, r->name, (unsigned)at.line + 1, (unsigned)at.column + 1, format, args);
    va_end(args);
    return false;
}

/* What libyaml found wrong. Its "cannot start any token" is a tab nine times out of ten. */
static bool complain_yaml(struct reading *r)
{
    const yaml_parser_t *y = &r->yaml;
    const char *problem = y->problem ? y->problem : "cannot be read";
    bool tab = y->problem_mark.index < r->bytes && r->text[y->problem_mark.index] == '\t';

    if (y->error == YAML_MEMORY_ERROR)
        return err_set(r->err, EX_IO, "%s: out of memory", r->name);
    if (y->error == YAML_READER_ERROR)
        return err_set(r->err, EX_BAD_PROFILE, "%s: byte %zu: %s", r->name, y->problem_offset,
                       problem);
    return complain_at(r, y->problem_mark, "%s%s%s%s", y->context ? y->context : "",
                       y->context ? ", " : "", problem, tab ? " (a tab: indent with blanks)" : "");
}

/* --- reading ---------------------------------------------------------------------------------------------------- */

static bool out_of_memory(struct reading *r)
{
    return err_set(r->err, EX_BAD_PROFILE, "%s: too much to hold in memory", r->name);
}

static struct node *new_node(struct reading *r, enum node_kind kind, yaml_mark_t at)
{
    struct node *n = arena_new(r->arena, struct node, 1);

    if (!n) {
        (void)out_of_memory(r);
        return NULL;
    }
    if (++r->nodes > PARSE_NODES_MAX) {
        (void)complain_at(r, at, "more than %u values", PARSE_NODES_MAX);
        return NULL;
    }
    n->kind = kind;
    n->file = r->name;
    n->line = (unsigned)at.line + 1;
    n->column = (unsigned)at.column + 1;
    return n;
}

static void append(struct node *parent, struct node *child)
{
    if (parent->last)
        parent->last->next = child;
    else
        parent->first = child;
    parent->last = child;
    parent->count++;
}

/* Hangs a finished or just opened node into what is open. */
static bool place(struct reading *r, struct node *n)
{
    if (r->depth == 0) {
        r->root = n;
        return true;
    }
    struct node *parent = r->open[r->depth - 1];
    if (parent->kind == NODE_MAP) {
        n->key = r->key;
        n->key_line = (unsigned)r->key_at.line + 1;
        n->key_column = (unsigned)r->key_at.column + 1;
        r->key = NULL;
    }
    append(parent, n);
    return true;
}

static bool open_node(struct reading *r, enum node_kind kind, yaml_mark_t at)
{
    struct node *n = NULL;

    if (r->depth > 0 && r->open[r->depth - 1]->kind == NODE_MAP && !r->key)
        return complain_at(r, at, "a key has to be a word");
    if (r->depth == PARSE_DEPTH_MAX)
        return complain_at(r, at, "nested more than %d levels deep", PARSE_DEPTH_MAX);
    n = new_node(r, kind, at);
    if (!n || !place(r, n))
        return false;
    r->open[r->depth++] = n;
    return true;
}

static bool take_key(struct reading *r, const char *text, yaml_mark_t at)
{
    const struct node *before = node_find(r->open[r->depth - 1], text);

    if (before)
        return complain_at(r, at, "duplicate key \"%s\"; it stands in line %u already", text,
                           before->key_line);
    r->key = text;
    r->key_at = at;
    return true;
}

static bool take_scalar(struct reading *r, const yaml_event_t *ev)
{
    const char *p = (const char *)ev->data.scalar.value;
    size_t n = ev->data.scalar.length;

    if (memchr(p, '\0', n))
        return complain_at(r, ev->start_mark, "a NUL in a value");
    const char *text = arena_text(r->arena, p, n);
    if (!text)
        return out_of_memory(r);
    if (r->depth > 0 && r->open[r->depth - 1]->kind == NODE_MAP && !r->key)
        return take_key(r, text, ev->start_mark);
    struct node *node = new_node(r, NODE_TEXT, ev->start_mark);
    if (!node)
        return false;
    node->text = text;
    node->plain = ev->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    return place(r, node);
}

static bool refuse_extras(struct reading *r, const yaml_event_t *ev, const void *anchor,
                          const void *tag)
{
    if (anchor)
        return complain_at(r, ev->start_mark, "anchors (&) are not read here; write it out");
    if (tag)
        return complain_at(r, ev->start_mark, "tags (!) are not read here");
    return true;
}

static bool take_document(struct reading *r, const yaml_event_t *ev)
{
    const yaml_tag_directive_t *tags = ev->data.document_start.tag_directives.start;

    if (r->root)
        return complain_at(r, ev->start_mark, "a second document; a profile is one");
    if (ev->data.document_start.version_directive ||
        tags != ev->data.document_start.tag_directives.end)
        return complain_at(r, ev->start_mark, "directives (%%) are not read here");
    return true;
}

static bool take_event(struct reading *r, const yaml_event_t *ev)
{
    switch (ev->type) {
    case YAML_DOCUMENT_START_EVENT:
        return take_document(r, ev);
    case YAML_ALIAS_EVENT:
        return complain_at(r, ev->start_mark, "aliases (*) are not read here; write it out");
    case YAML_SCALAR_EVENT:
        return refuse_extras(r, ev, ev->data.scalar.anchor, ev->data.scalar.tag) &&
               take_scalar(r, ev);
    case YAML_SEQUENCE_START_EVENT:
        return refuse_extras(r, ev, ev->data.sequence_start.anchor, ev->data.sequence_start.tag) &&
               open_node(r, NODE_LIST, ev->start_mark);
    case YAML_MAPPING_START_EVENT:
        return refuse_extras(r, ev, ev->data.mapping_start.anchor, ev->data.mapping_start.tag) &&
               open_node(r, NODE_MAP, ev->start_mark);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        r->depth--;
        return true;
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_STREAM_END_EVENT:
    case YAML_DOCUMENT_END_EVENT:
        break;
    }
    return true;
}

static bool read_events(struct reading *r)
{
    bool end = false, ok = true;

    while (ok && !end) {
        yaml_event_t ev;

        if (!yaml_parser_parse(&r->yaml, &ev))
            return complain_yaml(r);
        ok = take_event(r, &ev);
        end = ev.type == YAML_STREAM_END_EVENT;
        yaml_event_delete(&ev);
    }
    return ok;
}

struct node *parse_text(struct arena *a, const char *name, const char *text, size_t n,
                        struct err *e)
{
    struct reading r = {.arena = a, .name = name, .text = text, .bytes = n, .err = e};

    if (n > PARSE_BYTES_MAX) {
        (void)err_set(e, EX_BAD_PROFILE, "%s: larger than %u bytes", name, PARSE_BYTES_MAX);
        return NULL;
    }
    if (!yaml_parser_initialize(&r.yaml)) {
        (void)err_set(e, EX_IO, "%s: out of memory", name);
        return NULL;
    }
    yaml_parser_set_encoding(&r.yaml, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&r.yaml, (const unsigned char *)text, n);
    bool ok = read_events(&r);
    yaml_parser_delete(&r.yaml);
    if (ok && !r.root)
        ok = err_set(e, EX_BAD_PROFILE, "%s: empty", name);
    return ok ? r.root : NULL;
}

static struct node *parse_stream(struct arena *a, FILE *f, const char *path, struct err *e)
{
    char *text = malloc(PARSE_BYTES_MAX + 1);
    const char *name = arena_text(a, path, strlen(path));
    struct node *root = NULL;

    if (!text || !name) {
        (void)err_set(e, EX_IO, "%s: out of memory", path);
    } else {
        size_t n = fread(text, 1, PARSE_BYTES_MAX + 1, f);

        if (ferror(f))
            (void)err_set(e, EX_BAD_PROFILE, "%s: %s", path, strerror(errno));
        else
            root = parse_text(a, name, text, n, e);
    }
    free(text);
    return root;
}

struct node *parse_file(struct arena *a, const char *path, struct err *e)
{
    FILE *f = fopen(path, "re");

    if (!f) {
        (void)err_set(e, EX_BAD_PROFILE, "%s: %s", path, strerror(errno));
        return NULL;
    }
    struct node *root = parse_stream(a, f, path, e);
    (void)fclose(f);
    return root;
}

/* --- trees ------------------------------------------------------------------------------------------------------ */

struct node *node_find(const struct node *map, const char *key)
{
    if (!map || map->kind != NODE_MAP)
        return NULL;
    for (struct node *n = map->first; n; n = n->next)
        if (n->key && strcmp(n->key, key) == 0)
            return n;
    return NULL;
}

bool node_is_null(const struct node *n)
{
    return n->kind == NODE_TEXT && n->plain &&
           (n->text[0] == '\0' || strcmp(n->text, "null") == 0 || strcmp(n->text, "~") == 0);
}

static void remove_child(struct node *map, const struct node *child)
{
    struct node *before = NULL;

    for (struct node *n = map->first; n != child; n = n->next)
        before = n;
    if (before)
        before->next = child->next;
    else
        map->first = child->next;
    if (map->last == child)
        map->last = before;
    map->count--;
}

static struct node *copy_tree(struct arena *a, const struct node *from)
{
    struct node *n = arena_new(a, struct node, 1);

    if (!n)
        return NULL;
    *n = *from;
    n->first = n->last = n->next = NULL;
    n->count = 0;
    for (const struct node *c = from->first; c; c = c->next) {
        struct node *child = copy_tree(a, c);

        if (!child)
            return NULL;
        append(n, child);
    }
    return n;
}

static bool no_memory(const struct node *n, struct err *e)
{
    return err_set(e, EX_IO, "%s: out of memory", n->file);
}

/* Replaces the child named `key`, or adds it; a copy, at the end. */
static struct node *put_child(struct arena *a, struct node *map, const char *key,
                              const struct node *value)
{
    struct node *old = node_find(map, key), *n = copy_tree(a, value);

    if (!n)
        return NULL;
    n->key = key;
    n->key_line = value->key ? value->key_line : value->line;
    n->key_column = value->key ? value->key_column : value->column;
    if (old)
        remove_child(map, old);
    append(map, n);
    return n;
}

static bool merge(struct arena *a, struct node *map, const char *key, const struct node *value,
                  struct err *e)
{
    struct node *old = node_find(map, key);

    if (node_is_null(value)) {
        if (old)
            remove_child(map, old);
        return true;
    }
    if (!old || old->kind != NODE_MAP || value->kind != NODE_MAP)
        return put_child(a, map, key, value) || no_memory(value, e);
    for (const struct node *c = value->first; c; c = c->next)
        if (!merge(a, old, c->key, c, e))
            return false;
    return true;
}

/* The map under `key`, made if it is not there, its position being that of the override. */
static struct node *step_into(struct arena *a, struct node *map, const char *key,
                              const struct node *value)
{
    struct node *n = node_find(map, key);
    struct node fresh = {.kind = NODE_MAP,
                         .file = value->file,
                         .line = value->key ? value->key_line : value->line,
                         .column = value->key ? value->key_column : value->column};

    return n && !node_is_null(n) ? n : put_child(a, map, key, &fresh);
}

bool node_set(struct arena *a, struct node *root, const char *path, const struct node *value,
              struct err *e)
{
    struct slice rest = slice_of(path), word;
    struct node *map = root;

    for (;;) {
        bool more = slice_cut(&rest, '.', &word);

        if (word.n == 0)
            return node_complain_key(value, e, "\"%s\" is not a key such as load.steady.rate",
                                     path);
        const char *key = arena_text(a, (const char *)word.p, word.n);
        if (!key)
            return no_memory(value, e);
        if (!more)
            return merge(a, map, key, value, e);
        map = step_into(a, map, key, value);
        if (!map)
            return no_memory(value, e);
        if (map->kind != NODE_MAP)
            return node_complain_key(value, e, "%s: \"%s\" has no keys below it", path, key);
    }
}

bool node_fill(struct arena *a, struct node *into, const struct node *from, int deep, struct err *e)
{
    for (const struct node *c = from->first; c; c = c->next) {
        struct node *there = node_find(into, c->key);

        if (!there) {
            if (!put_child(a, into, c->key, c))
                return no_memory(c, e);
        } else if (deep > 1 && there->kind == NODE_MAP && c->kind == NODE_MAP) {
            if (!node_fill(a, there, c, deep - 1, e))
                return false;
        }
    }
    return true;
}
