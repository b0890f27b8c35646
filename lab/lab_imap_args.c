/* lab_imap_args.c - strings of a command that is complete. */
#include "lab/lab_imap_args.h"

#include <stdint.h>
#include <string.h>

#define LITERAL_DIGITS 9

bool imap_args_literal(struct slice line, struct imap_literal *l)
{
    size_t at = line.n, digits = 0;

    *l = (struct imap_literal){.waits = true};
    if (at < 3 || line.p[--at] != '}')
        return false;
    if (line.p[at - 1] == '+') {
        l->waits = false;
        at--;
    }
    for (size_t scale = 1; at > 0 && line.p[at - 1] >= '0' && line.p[at - 1] <= '9'; scale *= 10) {
        if (++digits > LITERAL_DIGITS)
            return false;
        l->bytes += scale * (size_t)(line.p[--at] - '0');
    }
    return digits > 0 && at > 0 && line.p[at - 1] == '{';
}

static bool take_quoted(struct slice *args, struct slice *out)
{
    unsigned char *p = (unsigned char *)args->p; /* the command's own buffer */
    size_t from = 1, n = 0;

    for (; from < args->n && p[from] != '"'; from++) {
        if (p[from] == '\\' && ++from == args->n)
            return false;
        p[1 + n++] = p[from];
    }
    if (from == args->n)
        return false;
    *out = slice_from(p + 1, n);
    *args = slice_skip(*args, from + 1);
    return true;
}

static bool take_literal(struct slice *args, struct slice *out)
{
    const unsigned char *lf = memchr(args->p, '\n', args->n);
    struct imap_literal l;

    if (!lf || !imap_args_literal(slice_trim(slice_from(args->p, (size_t)(lf - args->p))), &l))
        return false;
    *args = slice_skip(*args, (size_t)(lf - args->p) + 1);
    if (l.bytes > args->n)
        return false;
    *out = slice_from(args->p, l.bytes);
    *args = slice_skip(*args, l.bytes);
    return true;
}

static void take_atom(struct slice *args, struct slice *out)
{
    size_t n = 0;

    while (n < args->n && args->p[n] > ' ' && !strchr("(){\"\\", args->p[n]) && args->p[n] != 0x7f)
        n++;
    *out = slice_from(args->p, n);
    *args = slice_skip(*args, n);
}

bool imap_args_string(struct slice *args, struct slice *out)
{
    bool ok;

    while (args->n > 0 && args->p[0] == ' ')
        *args = slice_skip(*args, 1);
    if (args->n == 0)
        return false;
    if (args->p[0] == '"') {
        ok = take_quoted(args, out);
    } else if (args->p[0] == '{') {
        ok = take_literal(args, out);
    } else {
        take_atom(args, out);
        ok = out->n > 0;
    }
    return ok && (args->n == 0 || args->p[0] == ' ');
}

static int digit64(unsigned char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool imap_args_base64(struct slice coded, char *out, size_t room, size_t *n)
{
    size_t padding = 0;

    if (coded.n % 4 != 0)
        return false;
    while (padding < 2 && padding < coded.n && coded.p[coded.n - 1 - padding] == '=')
        padding++;
    *n = coded.n / 4 * 3 - padding;
    if (*n > room)
        return false;
    for (size_t i = 0, at = 0; i < coded.n; i += 4) {
        uint32_t bits = 0;

        for (size_t k = 0; k < 4; k++) {
            int digit = i + k >= coded.n - padding ? 0 : digit64(coded.p[i + k]);

            if (digit < 0)
                return false;
            bits = bits << 6 | (uint32_t)digit;
        }
        for (int shift = 16; shift >= 0 && at < *n; shift -= 8)
            out[at++] = (char)(bits >> shift & 0xff);
    }
    return true;
}
