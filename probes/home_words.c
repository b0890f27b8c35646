/* home_words.c - words of questions about a mailbox, and the server that an answer's words mean. Pure. */
#include <string.h>

#include "probes/home_driver.h"

#define WORD_MAX 1024

void home_claim(struct home_claims *c, uint32_t server)
{
    for (unsigned i = 0; i < c->count; i++)
        if (c->servers[i] == server)
            return;
    if (c->count < HOME_CLAIMS)
        c->servers[c->count++] = server;
}

/* ---- answers ---- */

static bool is_letter(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c >= 0x80;
}

static bool in_name(unsigned char c)
{
    return is_letter(c) || c == '-' || c == '_';
}

/* Does `text` stand in `value` so that no name goes on at either end of it? */
static bool has_word(struct slice value, const char *text)
{
    size_t n = strlen(text);

    for (size_t at = 0; n > 0 && at + n <= value.n; at++) {
        struct slice here = slice_from(value.p + at, n);
        bool begins = at == 0 || !in_name(value.p[at - 1]) || !in_name((unsigned char)text[0]);
        bool ends =
            at + n == value.n || !in_name(value.p[at + n]) || !in_name((unsigned char)text[n - 1]);

        if (begins && ends && slice_is_nocase(here, text))
            return true;
    }
    return false;
}

static size_t longest_match(const struct server *s, struct slice value)
{
    size_t longest = has_word(value, s->name) ? strlen(s->name) : 0;

    for (const char *const *m = s->match; m && *m; m++)
        if (strlen(*m) > longest && has_word(value, *m))
            longest = strlen(*m);
    return longest;
}

uint32_t home_named(const struct site *site, struct slice value)
{
    uint32_t best = SITE_NONE;
    size_t longest = 0;

    for (uint32_t i = 0; i < site->server_count; i++) {
        size_t n = longest_match(&site->servers[i], value);

        if (n > 0 && n == longest)
            best = SITE_NONE;
        if (n <= longest)
            continue;
        longest = n;
        best = i;
    }
    return best;
}

/* ---- questions ---- */

static bool put_word(struct buf *out, const char *text, size_t n, bool escaped)
{
    bool ok = true;

    for (size_t i = 0; ok && i < n; i++) {
        unsigned char c = (unsigned char)text[i];
        bool plain = !escaped || (is_letter(c) && c < 0x80) || strchr("._@-", c);

        ok = plain ? buf_add(out, text + i, 1) : buf_add_format(out, "\\%02x", c);
    }
    return ok;
}

bool home_fill(const struct mailbox *box, const char *text, bool escaped, struct buf *out,
               struct err *e)
{
    const char *at = strrchr(box->address, '@'), *user = box->user ? box->user : box->name;
    size_t local = at ? (size_t)(at - box->address) : strlen(box->address);

    const struct {
        const char *word, *text;
        size_t n;
    } said[] = {{"mailbox", box->name, strlen(box->name)},
                {"address", box->address, strlen(box->address)},
                {"local", box->address, local},
                {"domain", at ? at + 1 : "", at ? strlen(at + 1) : 0},
                {"user", user, strlen(user)}};
    struct template_word words[sizeof said / sizeof *said + 1] = {{0}};
    struct buf values[sizeof said / sizeof *said];
    bool ok = true;

    for (size_t i = 0; i < sizeof said / sizeof *said; i++) {
        buf_init(&values[i], WORD_MAX);
        ok = ok && put_word(&values[i], said[i].text, said[i].n, escaped);
        words[i] = (struct template_word){said[i].word, buf_text(&values[i]), false};
    }
    if (ok)
        ok = template_fill(text, words, TEMPLATE_PLAIN, out, e);
    else
        (void)err_set(e, EX_BAD_PROFILE, "mailbox %.100s: its names are too long", box->name);
    for (size_t i = 0; i < sizeof said / sizeof *said; i++)
        buf_fini(&values[i]);
    return ok;
}
