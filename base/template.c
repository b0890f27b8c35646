/* template.c - texts with {words} in them, filled in and escaped for the place where they go.
 *
 * What is put in is never read again: a value that looks like a word stays a value.
 */
#include "base/template.h"

#include <string.h>

static bool full(struct err *e)
{
    return err_set(e, EX_BAD_PROFILE, "a template grew too long");
}

static bool in_word(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

/* The length of the word that begins behind the brace at `at`, or 0 when that brace is only a brace. */
static size_t word_length(const char *at)
{
    size_t n = 0;

    while (in_word((unsigned char)at[1 + n]))
        n++;
    return at[1 + n] == '}' ? n : 0;
}

static bool unreserved(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("-._~", c));
}

static bool add_value(struct buf *out, const char *value, enum template_escape how)
{
    for (const char *p = value; *p; p++) {
        unsigned char c = (unsigned char)*p;
        bool ok = true;

        if (how == TEMPLATE_URL && !unreserved(c))
            ok = buf_add_format(out, "%%%02X", c);
        else if (how == TEMPLATE_JSON && (c == '"' || c == '\\'))
            ok = buf_add_format(out, "\\%c", c);
        else if (how == TEMPLATE_JSON && c < 0x20)
            ok = buf_add_format(out, "\\u%04x", c);
        else
            ok = buf_add(out, p, 1);
        if (!ok)
            return false;
    }
    return true;
}

static bool fill_word(const char *name, size_t n, const struct template_word *words,
                      enum template_escape how, struct buf *out, struct err *e)
{
    for (const struct template_word *w = words; w->word; w++) {
        if (strlen(w->word) != n || strncmp(w->word, name, n) != 0)
            continue;
        if (!w->value)
            return err_set(e, EX_BAD_PROFILE, "{%s} has no value here", w->word);
        return add_value(out, w->value, w->raw ? TEMPLATE_PLAIN : how) || full(e);
    }
    return err_set(e, EX_BAD_PROFILE, "unknown word {%.*s} in \"%.100s\"", n > 40 ? 40 : (int)n,
                   name, name - 1);
}

bool template_fill(const char *text, const struct template_word *words, enum template_escape how,
                   struct buf *out, struct err *e)
{
    while (*text) {
        size_t plain = strcspn(text, "{"), n;

        if (!buf_add(out, text, plain))
            return full(e);
        text += plain;
        if (*text != '{')
            return true;
        n = word_length(text);
        if (n > 0 && !fill_word(text + 1, n, words, how, out, e))
            return false;
        if (n == 0 && !buf_add(out, text, 1))
            return full(e);
        text += n > 0 ? n + 2 : 1;
    }
    return true;
}

bool template_check_name(const char *what, const char *name, struct err *e)
{
    size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._@+-");

    if (*name && *name != '-' && name[n] == '\0')
        return true;
    return err_set(e, EX_BAD_PROFILE,
                   "%s \"%.80s\" may not go to a command: only letters, digits and ._@+-, and "
                   "no - in front",
                   what, name);
}
