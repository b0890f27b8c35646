/* oraddr_smtp.c - O/R addresses made from SMTP addresses by a template, and back.
 *
 * Going back, the template is parsed with stand-ins in place of its words; an address fits when every other attribute is equal
 * and those with a stand-in have the same text around it.
 */
#include <stdio.h>
#include <string.h>

#include "base/template.h"
#include "wire/x400/oraddr.h"

#define ADDRESS_MAX 320u /* RFC 5321: 64 + @ + 255 */
#define RFC822      "RFC-822"

/* RFC 2156 section 3.4. */
static const struct pair {
    char plain;
    char coded[4];
} pairs[] = {{'@', "(a)"}, {'%', "(p)"}, {'!', "(b)"}, {'"', "(q)"},
             {'_', "(u)"}, {'(', "(l)"}, {')', "(r)"}};

#define PAIRS (sizeof pairs / sizeof *pairs)

static bool is_plain(unsigned char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c != 0 && strchr(" '+,-./:=?", c));
}

static const char *code_of(unsigned char c, char room[8])
{
    for (size_t i = 0; i < PAIRS; i++)
        if (pairs[i].plain == (char)c)
            return memcpy(room, pairs[i].coded, 4);
    (void)snprintf(room, 8, "(%03u)", c);
    return room;
}

/* NUL-terminated; false: too long. */
static bool encode(struct slice s, char out[ADDRESS_MAX])
{
    size_t n = 0;

    for (size_t i = 0; i < s.n; i++) {
        char room[8] = {(char)s.p[i]};
        const char *code = is_plain(s.p[i]) ? room : code_of(s.p[i], room);
        size_t more = strlen(code);

        if (n + more >= ADDRESS_MAX)
            return false;
        memcpy(out + n, code, more);
        n += more;
    }
    out[n] = 0;
    return true;
}

static bool decode_one(struct slice s, unsigned char *c, size_t *used)
{
    for (size_t i = 0; i < PAIRS; i++)
        if (slice_starts_nocase(s, pairs[i].coded)) {
            *c = (unsigned char)pairs[i].plain;
            *used = 3;
            return true;
        }
    unsigned n = 0;

    if (s.n < 5 || s.p[4] != ')')
        return false;
    for (int i = 1; i < 4; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
        n = n * 10 + (unsigned)(s.p[i] - '0');
    }
    *c = (unsigned char)n;
    *used = 5;
    return n > 0 && n < 256;
}

static bool decode(struct slice s, struct buf *out)
{
    while (s.n > 0) {
        unsigned char c = s.p[0];
        size_t used = 1;

        if (c == '(' && !decode_one(s, &c, &used))
            return false;
        if (!buf_add(out, &c, 1))
            return false;
        s = slice_skip(s, used);
    }
    return true;
}

static bool fill(const char *template, const char *local, const char *domain, const char *smtp,
                 struct arena *a, struct oraddr *out, struct err *e)
{
    const struct template_word words[] = {
        {"local", local, false}, {"domain", domain, false}, {"smtp", smtp, false}, {0}};
    struct buf text;

    buf_init(&text, ORADDR_FOLD_MAX);
    bool ok = template_fill(template, words, TEMPLATE_PLAIN, &text, e) &&
              oraddr_parse(buf_slice(&text), a, out, e);

    buf_fini(&text);
    return ok;
}

bool oraddr_from_smtp(const char *template, struct slice address, struct arena *a,
                      struct oraddr *out, struct err *e)
{
    char local[ADDRESS_MAX], domain[ADDRESS_MAX], smtp[ADDRESS_MAX];
    size_t at = address.n;

    while (at > 0 && address.p[at - 1] != '@')
        at--;
    if (at < 2)
        return err_set(e, EX_BAD_PROFILE, "O/R address: '%.*s' is not LOCAL@DOMAIN",
                       (int)(address.n < 80 ? address.n : 80), (const char *)address.p);
    if (!encode(slice_from(address.p, at - 1), local) || !encode(slice_skip(address, at), domain) ||
        !encode(address, smtp))
        return err_set(e, EX_BAD_PROFILE, "O/R address: an SMTP address of %zu octets is too long",
                       address.n);
    return fill(template, local, domain, smtp, a, out, e);
}

/* --- back --------------------------------------------------------------------------------------------------------- */

static const char *const stand_ins[] = {"=local=", "=domain=", "=smtp="};

struct found {
    struct slice word[3]; /* local, domain, smtp */
};

static bool same_nocase(struct slice x, struct slice y)
{
    char text[ORADDR_ATTRIBUTE_MAX + 1];

    if (y.n > ORADDR_ATTRIBUTE_MAX)
        return false;
    if (y.n > 0)
        memcpy(text, y.p, y.n);
    text[y.n] = 0;
    return slice_is_nocase(x, text);
}

/* Does `have` read like `want`, which has a stand-in? Then both become empty, so that the rest can be compared. */
static bool take_words(struct slice *want, struct slice *have, struct found *f)
{
    for (unsigned i = 0; i < 3; i++) {
        struct slice word = slice_of(stand_ins[i]);
        size_t at;

        if (!want->p || !slice_find(*want, word, &at))
            continue;
        size_t tail = want->n - at - word.n;

        if (!have->p || have->n < at + tail ||
            !same_nocase(slice_from(want->p, at), slice_from(have->p, at)) ||
            !same_nocase(slice_skip(*want, at + word.n), slice_skip(*have, have->n - tail)))
            return false;
        f->word[i] = slice_from(have->p + at, have->n - at - tail);
        *want = *have = slice_from(NULL, 0);
    }
    return true;
}

static bool take_dda_words(struct oraddr *want, struct oraddr *have, struct found *f)
{
    for (unsigned i = 0; i < want->dda_count; i++)
        for (unsigned k = 0; k < have->dda_count; k++) {
            struct slice *value = &have->ddas[k].value;

            if (same_nocase(want->ddas[i].type, have->ddas[k].type) &&
                !take_words(&want->ddas[i].value, value, f))
                return false;
        }
    return true;
}

static bool match(struct oraddr want, struct oraddr have, struct found *f)
{
    struct slice *const pairs_of[][2] = {
        {&want.domain.admd.text, &have.domain.admd.text},
        {&want.domain.prmd.text, &have.domain.prmd.text},
        {&want.organisation, &have.organisation},
        {&want.units[0], &have.units[0]},
        {&want.units[1], &have.units[1]},
        {&want.units[2], &have.units[2]},
        {&want.units[3], &have.units[3]},
        {&want.surname, &have.surname},
        {&want.given, &have.given},
        {&want.common_name, &have.common_name},
    };

    if (have.common_name.p)
        have.extended = slice_from(NULL, 0);
    for (size_t i = 0; i < sizeof pairs_of / sizeof *pairs_of; i++)
        if (!take_words(pairs_of[i][0], pairs_of[i][1], f))
            return false;
    return take_dda_words(&want, &have, f) && oraddr_equal(&want, &have);
}

static bool put_found(const struct found *f, const char *domain, struct buf *out)
{
    if (f->word[2].p)
        return decode(f->word[2], out);
    if (!f->word[0].p || f->word[0].n == 0)
        return false;
    return decode(f->word[0], out) && buf_add_text(out, "@") &&
           (f->word[1].p ? decode(f->word[1], out) : buf_add_text(out, domain));
}

bool oraddr_to_smtp(const char *template, const struct oraddr *o, const char *domain,
                    struct buf *out, struct err *e)
{
    struct found f = {0};
    struct oraddr want;

    for (unsigned i = 0; i < o->dda_count; i++)
        if (slice_is_nocase(o->ddas[i].type, RFC822))
            return decode(o->ddas[i].value, out) ||
                   err_set(e, EX_WIRE, "O/R address: its " RFC822 " attribute is not RFC 2156's");
    struct arena *a = arena_create(65536);

    if (!a)
        return err_set(e, EX_IO, "out of memory");
    bool ok = fill(template, stand_ins[0], stand_ins[1], stand_ins[2], a, &want, e) &&
              ((match(want, *o, &f) && put_found(&f, domain, out)) ||
               err_set(e, EX_WIRE, "O/R address: it does not fit '%s'", template));

    arena_destroy(a);
    return ok;
}
