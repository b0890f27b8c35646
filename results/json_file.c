/* json_file.c - canonical JSON on disk and typed getters, on jansson. Any thread. */
#include "results/json_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "results/event.h"

#define DUMP_FLAGS (JSON_SORT_KEYS | JSON_INDENT(2))

static int into_buf(const char *text, size_t n, void *out)
{
    return buf_add(out, text, n) ? 0 : -1;
}

bool json_file_print(json_t *root, struct buf *out, struct err *e)
{
    bool ok =
        root && json_dump_callback(root, into_buf, out, DUMP_FLAGS) == 0 && buf_add_text(out, "\n");

    json_decref(root);
    return ok || err_set(e, EX_IO, "JSON: out of memory");
}

static bool write_all(int fd, struct slice s)
{
    while (s.n > 0) {
        ssize_t n = write(fd, s.p, s.n);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        s = slice_skip(s, (size_t)n);
    }
    return fsync(fd) == 0;
}

static bool write_aside(struct slice text, const char *aside, const char *path)
{
    int fd = open(aside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    if (fd < 0)
        return false;
    bool ok = write_all(fd, text);
    int why = errno;

    if (close(fd) < 0)
        return false;
    errno = why;
    return ok && rename(aside, path) == 0;
}

bool json_file_write(json_t *root, const char *path, struct err *e)
{
    struct buf text;
    char aside[1024];
    bool ok = true;

    buf_init(&text, SIZE_MAX / 4);
    if (snprintf(aside, sizeof aside, "%s.part", path) >= (int)sizeof aside) {
        ok = err_set(e, EX_IO, "%s: the name is too long", path);
        json_decref(root);
    } else if (!json_file_print(root, &text, e)) {
        ok = err_wrap(e, "%s", path);
    } else if (!write_aside(buf_slice(&text), aside, path)) {
        ok = err_set(e, EX_IO, "%s: %s", path, strerror(errno));
        (void)unlink(aside);
    }
    buf_fini(&text);
    return ok;
}

json_t *json_file_read(const char *path, struct err *e)
{
    json_error_t why;
    FILE *f = fopen(path, "re");

    if (!f) {
        err_set(e, EX_BAD_PROFILE, "%s: %s", path, strerror(errno));
        return NULL;
    }
    json_t *root = json_loadf(f, JSON_REJECT_DUPLICATES, &why);

    (void)fclose(f);
    if (!root)
        err_set(e, EX_BAD_PROFILE, "%s:%d:%d: %s", path, why.line, why.column, why.text);
    else if (!json_is_object(root)) {
        err_set(e, EX_BAD_PROFILE, "%s: is no JSON object", path);
        json_decref(root);
        root = NULL;
    }
    return root;
}

json_t *json_u64(uint64_t n)
{
    return n > INT64_MAX ? json_null() : json_integer((json_int_t)n);
}

json_t *json_index(uint32_t n)
{
    return n == NO_INDEX ? json_null() : json_integer(n);
}

json_t *json_words(const char *text)
{
    json_t *s = json_string(text);

    if (s)
        return s;
    char *copy = strdup(text);

    if (!copy)
        return NULL;
    for (char *p = copy; *p; p++)
        if ((unsigned char)*p >= 0x80)
            *p = '?';
    s = json_string(copy);
    free(copy);
    return s;
}

bool json_add_line(struct buf *out, json_t *row)
{
    bool ok = row && json_dump_callback(row, into_buf, out, JSON_SORT_KEYS | JSON_COMPACT) == 0 &&
              buf_add_text(out, "\n");

    json_decref(row);
    return ok;
}

bool json_get_u64(const json_t *o, const char *key, uint64_t *n, struct err *e)
{
    const json_t *v = json_object_get(o, key);

    *n = UINT64_MAX;
    if (json_is_null(v))
        return true;
    if (!json_is_integer(v) || json_integer_value(v) < 0)
        return err_set(e, EX_BAD_PROFILE, "\"%s\" should be a number, 0 or more", key);
    *n = (uint64_t)json_integer_value(v);
    return true;
}

bool json_get_u32(const json_t *o, const char *key, uint32_t *n, struct err *e)
{
    uint64_t wide = 0;

    if (!json_get_u64(o, key, &wide, e))
        return false;
    if (wide > UINT32_MAX)
        return err_set(e, EX_BAD_PROFILE, "\"%s\" is too large", key);
    *n = (uint32_t)wide;
    return true;
}

bool json_get_index(const json_t *o, const char *key, uint32_t *n, uint32_t below, struct err *e)
{
    if (json_is_null(json_object_get(o, key))) {
        *n = NO_INDEX;
        return true;
    }
    return json_get_u32(o, key, n, e) &&
           (*n < below || err_set(e, EX_BAD_PROFILE, "\"%s\" is %u of %u", key, *n, below));
}

bool json_get_bool(const json_t *o, const char *key, bool *b, struct err *e)
{
    const json_t *v = json_object_get(o, key);

    *b = json_is_true(v);
    return json_is_boolean(v) || err_set(e, EX_BAD_PROFILE, "\"%s\" should be true or false", key);
}

bool json_get_hex(const json_t *o, const char *key, uint64_t *n, struct err *e)
{
    const char *text = json_string_value(json_object_get(o, key));
    char *end = NULL;

    *n = 0;
    if (!text || strlen(text) != 18 || strspn(text + 2, "0123456789abcdef") != 16 ||
        strncmp(text, "0x", 2) != 0)
        return err_set(e, EX_BAD_PROFILE, "\"%s\" should be 0x and 16 digits", key);
    *n = strtoull(text + 2, &end, 16);
    return true;
}

bool json_get_text(const json_t *o, const char *key, struct arena *a, const char **text,
                   struct err *e)
{
    const json_t *v = json_object_get(o, key);

    *text = "";
    if (!json_is_string(v))
        return err_set(e, EX_BAD_PROFILE, "\"%s\" should be a text", key);
    *text = arena_text(a, json_string_value(v), json_string_length(v));
    return *text || err_set(e, EX_IO, "out of memory");
}
