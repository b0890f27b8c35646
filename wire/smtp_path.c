/* smtp_path.c - a path between angle brackets, then words with a table of keys. */
#include "wire/smtp_path.h"

#include <string.h>

#include "base/text.h"

static const char bad_value[] = "501 5.5.4 this parameter cannot have that value";
static const char twice[] = "501 5.5.4 a parameter twice";
static const char unknown[] = "555 5.5.4 a parameter that is not offered";

/* ---- paths ---- */

/* Neither quotes, brackets nor blanks, and nothing above 127: most paths have nothing else. */
static bool is_plain(unsigned char c)
{
    return c > ' ' && c < 0x7f && c != '"' && c != '\\' && c != '<' && c != '>' && c != '@';
}

/* The index of the ">" that ends a path which begins with "<"; 0: there is none. *plain: it needs no further look. */
static size_t path_end(struct slice s, bool *plain)
{
    bool quoted = false;
    size_t i = 1;

    while (i < s.n && (is_plain(s.p[i]) || (s.p[i] == '@' && i > 1)))
        i++;
    *plain = i < s.n && s.p[i] == '>';
    if (*plain)
        return i;
    for (i = 1; i < s.n; i++) {
        if (quoted && s.p[i] == '\\')
            i++;
        else if (s.p[i] == '"')
            quoted = !quoted;
        else if (s.p[i] == '>' && !quoted)
            return i;
    }
    return 0;
}

/* No blanks but in quotes, no controls, no further brackets. */
static bool is_fit(struct slice path)
{
    bool quoted = false;

    for (size_t i = 0; i < path.n; i++) {
        unsigned char c = path.p[i];

        if (c < ' ' || c == 0x7f || (!quoted && (c == ' ' || c == '<' || c == '>')))
            return false;
        if (quoted && c == '\\')
            i++;
        else if (c == '"')
            quoted = !quoted;
    }
    return !quoted;
}

static bool has_high(struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] > 0x7f)
            return true;
    return false;
}

/* "WORD:<path>" off the front of *words, which then begins with a blank or is empty. */
static bool take_path(struct slice *words, const char *word, struct slice *path)
{
    if (!slice_starts_nocase(*words, word))
        return false;
    *words = slice_trim(slice_skip(*words, strlen(word)));
    bool plain = false;
    size_t end = words->n > 0 && words->p[0] == '<' ? path_end(*words, &plain) : 0;

    if (end == 0)
        return false;
    *path = slice_from(words->p + 1, end - 1);
    *words = slice_skip(*words, end + 1);
    if (path->n > 0 && path->p[0] == '@') { /* a route, to be ignored: RFC 5321 appendix C */
        struct slice route;

        if (!slice_cut(path, ':', &route) || path->n == 0)
            return false;
    }
    return path->n <= SMTP_PATH_MAX && (plain || is_fit(*path)) &&
           (words->n == 0 || words->p[0] == ' ');
}

/* ---- values ---- */

static int hex_digit(unsigned char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1; /* capitals only: RFC 3461 4 */
}

/* False: no xtext, no room, or octets that are fit for no header. */
static bool add_xtext(struct slice s, char *out, size_t room, size_t *n)
{
    for (size_t i = 0; i < s.n; i++) {
        int c = s.p[i];

        if (c == '+') {
            int high = i + 2 < s.n ? hex_digit(s.p[i + 1]) : -1;
            int low = i + 2 < s.n ? hex_digit(s.p[i + 2]) : -1;

            if (high < 0 || low < 0)
                return false;
            c = high << 4 | low;
            i += 2;
        } else if (c == '=' || c > '~') {
            return false;
        }
        if (c < ' ' || c == 0x7f || *n == room)
            return false;
        out[(*n)++] = (char)c;
    }
    return s.n > 0;
}

/* The next "KEY" or "KEY=value"; false at the end. */
static bool next_word(struct slice *words, struct slice *key, struct slice *value)
{
    *words = slice_trim(*words);
    if (words->n == 0)
        return false;
    (void)slice_cut(words, ' ', value);
    (void)slice_cut(value, '=', key);
    return true;
}

/* Digits and nothing else: no sign, no underscore. */
static bool read_octets(struct slice s, uint64_t *octets)
{
    return !(s.n > 0 && memchr(s.p, '_', s.n)) && text_u64(s, octets, NULL);
}

static bool set_size(struct slice value, void *to)
{
    struct smtp_mail_words *m = to;

    return read_octets(value, &m->size);
}

static bool set_body(struct slice value, void *to)
{
    struct smtp_mail_words *m = to;

    m->eight_bit = slice_is_nocase(value, "8BITMIME");
    return m->eight_bit || slice_is_nocase(value, "7BIT");
}

static bool set_utf8(struct slice value, void *to)
{
    struct smtp_mail_words *m = to;

    m->utf8 = true;
    return value.n == 0;
}

static bool set_ret(struct slice value, void *to)
{
    struct smtp_mail_words *m = to;

    m->ret = slice_is_nocase(value, "HDRS") ? 'H' : 'F';
    return m->ret == 'H' || slice_is_nocase(value, "FULL");
}

static bool set_envid(struct slice value, void *to)
{
    struct smtp_mail_words *m = to;
    size_t n = 0;
    bool ok = add_xtext(value, m->envid, sizeof m->envid, &n);

    m->envid_n = (uint8_t)n;
    return ok;
}

/* NEVER alone, or any of SUCCESS, FAILURE and DELAY. */
static bool set_notify(struct slice value, void *to)
{
    static const struct {
        const char *word;
        unsigned bit;
    } rows[] = {{"NEVER", SMTP_WANTS_NEVER},
                {"SUCCESS", SMTP_WANTS_SUCCESS},
                {"FAILURE", SMTP_WANTS_FAILURE},
                {"DELAY", SMTP_WANTS_DELAY}};
    struct smtp_rcpt_words *r = to;
    bool more = true;

    while (more) {
        struct slice word;
        size_t i = 0;

        more = slice_cut(&value, ',', &word);
        while (i < sizeof rows / sizeof *rows && !slice_is_nocase(word, rows[i].word))
            i++;
        if (i == sizeof rows / sizeof *rows)
            return false;
        r->notify |= rows[i].bit;
    }
    return !(r->notify & SMTP_WANTS_NEVER) || r->notify == SMTP_WANTS_NEVER;
}

/* "type;xtext", the type as it stands. */
static bool set_orcpt(struct slice value, void *to)
{
    struct smtp_rcpt_words *r = to;
    struct slice type;
    size_t n;

    if (!slice_cut(&value, ';', &type) || type.n == 0 || type.n >= sizeof r->orcpt || !is_fit(type))
        return false;
    memcpy(r->orcpt, type.p, type.n);
    r->orcpt[type.n] = ';';
    n = type.n + 1;
    bool ok = add_xtext(value, r->orcpt, sizeof r->orcpt, &n);

    r->orcpt_n = (uint16_t)n;
    return ok;
}

struct key {
    const char *name;
    bool (*set)(struct slice value, void *to);
    unsigned lacks; /* the extension it belongs to */
};

static const struct key mail_keys[] = {
    {"SIZE", set_size, SMTP_LACKS_SIZE},         {"BODY", set_body, SMTP_LACKS_8BITMIME},
    {"SMTPUTF8", set_utf8, SMTP_LACKS_SMTPUTF8}, {"RET", set_ret, SMTP_LACKS_DSN},
    {"ENVID", set_envid, SMTP_LACKS_DSN},        {0},
};
static const struct key rcpt_keys[] = {
    {"NOTIFY", set_notify, SMTP_LACKS_DSN},
    {"ORCPT", set_orcpt, SMTP_LACKS_DSN},
    {0},
};

static const struct key *key_of(struct slice name, const struct key *keys)
{
    while (keys->name && !slice_is_nocase(name, keys->name))
        keys++;
    return keys;
}

static const char *read_words(struct slice words, const struct key *keys, unsigned lacks, void *to)
{
    struct slice name, value;
    unsigned seen = 0;

    while (next_word(&words, &name, &value)) {
        const struct key *k = key_of(name, keys);
        unsigned bit = 1u << (k - keys);

        if (!k->name || k->lacks & lacks)
            return unknown;
        if (seen & bit)
            return twice;
        seen |= bit;
        if (!k->set(value, to))
            return bad_value;
    }
    return NULL;
}

const char *smtp_path_mail(struct slice words, unsigned lacks, struct smtp_mail_words *m)
{
    *m = (struct smtp_mail_words){.size = 0};
    if (!take_path(&words, "FROM:", &m->path))
        return "501 5.1.7 MAIL FROM:<address> is what is understood";
    const char *wrong = read_words(words, mail_keys, lacks, m);

    if (!wrong && !m->utf8 && has_high(m->path))
        return "553 5.6.7 such an address needs SMTPUTF8";
    return wrong;
}

const char *smtp_path_rcpt(struct slice words, unsigned lacks, bool utf8, struct smtp_rcpt_words *r)
{
    r->notify = 0;
    r->orcpt_n = 0;
    if (!take_path(&words, "TO:", &r->path) || r->path.n == 0)
        return "501 5.1.3 RCPT TO:<address> is what is understood";
    const char *wrong = read_words(words, rcpt_keys, lacks, r);

    if (!wrong && !utf8 && has_high(r->path))
        return "553 5.6.7 such an address needs SMTPUTF8";
    return wrong;
}

bool smtp_path_bdat(struct slice words, uint64_t *octets, bool *last)
{
    struct slice n;

    *last = false;
    if (slice_cut(&words, ' ', &n)) {
        *last = slice_is_nocase(slice_trim(words), "LAST");
        if (!*last)
            return false;
    }
    return read_octets(n, octets);
}
