/* fields.c - header lines without copying anything. */
#include "wire/fields.h"

#include <string.h>

static struct slice cut_line(struct slice *rest)
{
    struct slice line;

    (void)slice_cut(rest, '\n', &line);
    if (line.n > 0 && line.p[line.n - 1] == '\r')
        line.n--;
    return line;
}

static bool is_name(struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= ' ' || s.p[i] > '~')
            return false;
    return s.n > 0;
}

bool fields_next(struct slice *rest, struct field *f)
{
    while (rest->n > 0) {
        struct slice line = cut_line(rest);
        const unsigned char *end = line.p + line.n;

        if (line.n == 0)
            return false;
        while (rest->n > 0 && (rest->p[0] == ' ' || rest->p[0] == '\t')) {
            struct slice more = cut_line(rest);

            end = more.p + more.n;
        }
        f->value = slice_from(line.p, (size_t)(end - line.p));
        if (!slice_cut(&f->value, ':', &f->name))
            continue;
        f->name = slice_trim(f->name);
        f->value = slice_trim(f->value);
        if (is_name(f->name))
            return true;
    }
    return false;
}

static struct slice header_of(struct slice mail)
{
    if (mail.n > FIELDS_HEADER_MAX)
        mail.n = FIELDS_HEADER_MAX;
    return mail;
}

struct slice fields_body(struct slice mail)
{
    struct slice rest = header_of(mail);
    struct field f;

    while (fields_next(&rest, &f))
        ;
    return slice_skip(mail, (size_t)(rest.p - mail.p));
}

bool fields_find(struct slice mail, const char *name, struct slice *value)
{
    struct slice rest = header_of(mail);
    struct field f;

    while (fields_next(&rest, &f))
        if (slice_is_nocase(f.name, name)) {
            *value = f.value;
            return true;
        }
    *value = slice_from(NULL, 0);
    return false;
}

bool fields_has(struct slice text, const char *part)
{
    size_t n = strlen(part);

    for (; text.n >= n; text = slice_skip(text, 1)) {
        size_t at;

        if (slice_starts_nocase(text, part))
            return true;
        /* on to the next octet that may begin it */
        for (at = 1; at < text.n && ((text.p[at] ^ (unsigned char)part[0]) & 0x5f); at++)
            ;
        text = slice_skip(text, at - 1);
    }
    return false;
}
