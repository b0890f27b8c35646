/* err.c - the error value: one line of printable text and an exit code.
 *
 * What comes from a peer may end up in a text here, so what is not to be shown becomes '?': a text stays one line, cannot drive a
 * terminal or turn its direction, and repeats no secret. Arguments may point into the text that is being replaced.
 */
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/secret.h"
#include "base/text.h"

/* cut: `text` is not all that was to be said. */
static void put_text(struct err *e, char *text, bool cut)
{
    struct slice rest = slice_of(text);
    size_t n = 0, took;

    secret_hide(text, cut);
    for (; rest.n > 0; rest = slice_skip(rest, took)) {
        struct slice one = text_shown(rest, &took);

        if (rest.p[0] < ' ' || rest.p[0] == 0x7f)
            one = slice_of("?");
        if (n + one.n >= sizeof e->text)
            break;
        memcpy(e->text + n, one.p, one.n);
        n += one.n;
    }
    e->text[n] = '\0';
}

bool err_set(struct err *e, int code, const char *format, ...)
{
    char text[sizeof e->text];
    va_list args;

    if (!e)
        return false;
    va_start(args, format);
    int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    put_text(e, text, n < 0 || (size_t)n >= sizeof text);
    e->code = code;
    return false;
}

bool err_wrap(struct err *e, const char *format, ...)
{
    char text[2 * sizeof e->text + 2];
    va_list args;

    if (!e)
        return false;
    va_start(args, format);
    int n = vsnprintf(text, sizeof e->text, format, args);
    va_end(args);
    bool cut = n < 0 || (size_t)n >= sizeof e->text;
    if (!cut)
        (void)snprintf(text + n, sizeof text - (size_t)n, ": %s", e->text);
    put_text(e, text, cut);
    return false;
}

void err_assert_failed(const char *what, const char *file, int line)
{
    (void)fprintf(stderr, "postmuster: bug at %s:%d: %s\n", file, line, what);
    abort();
}

void err_no_memory(const char *file, int line)
{
    (void)fprintf(stderr, "postmuster: out of memory (%s:%d)\n", file, line);
    _exit(EX_IO);
}
