/* roff.c - what means something to roff is escaped. */
#include "base/roff.h"

#include <string.h>

#define LINE_MAX_OCTETS 80

bool roff_text(struct buf *out, const char *text)
{
    bool ok = true;

    for (const char *p = text; ok && *p; p++) {
        if (*p == '-')
            ok = buf_add_text(out, "\\-");
        else if (*p == '\\')
            ok = buf_add_text(out, "\\e");
        else if ((*p == '.' || *p == '\'') && p == text)
            ok = buf_add_format(out, "\\&%c", *p);
        else
            ok = *p == '`' || buf_add(out, p, 1);
    }
    return ok;
}

static bool is_request(const unsigned char *line, size_t n)
{
    return n > 0 && (line[0] == '.' || line[0] == '\'');
}

/* Where the last word that fits ends, if the next one may begin a line; 0: nowhere. */
static size_t cut_at(const unsigned char *line, size_t n)
{
    for (size_t i = n < LINE_MAX_OCTETS + 1 ? n : LINE_MAX_OCTETS + 1; i-- > 1;)
        if (line[i] == ' ' && line[i - 1] != ' ' && i + 1 < n && line[i + 1] != ' ' &&
            !is_request(line + i + 1, n - i - 1))
            return i;
    return 0;
}

static void fold_line(unsigned char *line, size_t n)
{
    size_t at;

    while (n > LINE_MAX_OCTETS && !is_request(line, n) && (at = cut_at(line, n)) > 0) {
        line[at] = '\n';
        line += at + 1;
        n -= at + 1;
    }
}

void roff_fold(struct buf *out, size_t from)
{
    bool table = false;

    while (from < out->n) {
        unsigned char *line = out->p + from;
        unsigned char *end = memchr(line, '\n', out->n - from);
        size_t n = end ? (size_t)(end - line) : out->n - from;

        if (n >= 3 && line[0] == '.' && line[1] == 'T' && (line[2] == 'S' || line[2] == 'E'))
            table = line[2] == 'S';
        if (!table)
            fold_line(line, n);
        from += n + 1;
    }
}
