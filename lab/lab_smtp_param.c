/* lab_smtp_param.c - reads paths and ESMTP parameters, each parameter at most once. */
#include "lab/lab_smtp_param.h"

#include <stdint.h>
#include <string.h>

#include "base/text.h"

static const char unknown[] = "555 5.5.4 parameter not recognised";
static const char twice[] = "501 5.5.4 parameter given twice";
static const char bad_value[] = "501 5.5.4 bad value of a parameter";

/* Paths. */

static bool good_path(struct slice path)
{
    bool quoted = false;

    for (size_t i = 0; i < path.n; i++) {
        unsigned char c = path.p[i];

        if (c < ' ' || c == 0x7f)
            return false;
        if (quoted && c == '\\' && ++i == path.n)
            return false;
        if (c == '"')
            quoted = !quoted;
        if (!quoted && strchr(" <>()", c))
            return false;
    }
    return !quoted && (path.n == 0 || (path.p[0] != '@' && path.p[path.n - 1] != '@'));
}

/* Where the closing bracket stands: not inside a quoted local part. */
static size_t path_end(struct slice s)
{
    bool quoted = false;

    for (size_t i = 1; i < s.n; i++) {
        if (quoted && s.p[i] == '\\')
            i++;
        else if (s.p[i] == '"')
            quoted = !quoted;
        else if (!quoted && s.p[i] == '>')
            return i;
    }
    return 0;
}

bool smtp_param_path(struct slice *rest, struct slice *path)
{
    size_t end = rest->n > 0 && rest->p[0] == '<' ? path_end(*rest) : 0;

    if (end == 0)
        return false;
    *path = slice_from(rest->p + 1, end - 1);
    *rest = slice_skip(*rest, end + 1);
    if (path->n > 0 && path->p[0] == '@') { /* "@relay,@other:joe@lab.test": RFC 5321 appendix C */
        struct slice route;

        if (!slice_cut(path, ':', &route))
            return false;
    }
    return good_path(*path) && (rest->n == 0 || rest->p[0] == ' ');
}

/* Values. */

static int hex_digit(unsigned char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* RFC 3461 4: "+" and two digits stand for an octet. False: no xtext, does not fit, or not fit for a header. */
static bool decode_xtext(struct slice s, char *out, size_t room, size_t *n)
{
    for (size_t i = 0; i < s.n; i++) {
        int c = s.p[i];

        if (c == '+') {
            int high = i + 2 < s.n ? hex_digit(s.p[i + 1]) : -1;
            int low = i + 2 < s.n ? hex_digit(s.p[i + 2]) : -1;

            if (high < 0 || low < 0)
                return false;
            c = high * 16 + low;
            i += 2;
        } else if (c == '=') {
            return false;
        }
        if (c < ' ' || c > '~' || *n == room)
            return false;
        out[(*n)++] = (char)c;
    }
    return true;
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

static const struct {
    const char *key;
    bool of_mail;
} keys[] = {{"SIZE", true},  {"BODY", true},    {"RET", true},
            {"ENVID", true}, {"NOTIFY", false}, {"ORCPT", false}};

enum { KEY_SIZE, KEY_BODY, KEY_RET, KEY_ENVID, KEY_NOTIFY, KEY_ORCPT, KEYS };

static int find_key(struct slice key, bool of_mail)
{
    int i = 0;

    while (i < KEYS && (keys[i].of_mail != of_mail || !slice_is_nocase(key, keys[i].key)))
        i++;
    return i;
}

static const char *set_size(struct slice value, struct smtp_param_mail *p)
{
    uint64_t n = 0;

    if (value.n == 0 || value.n > 20)
        return bad_value;
    for (size_t i = 0; i < value.n; i++) {
        if (value.p[i] < '0' || value.p[i] > '9')
            return bad_value;
        if (n <= p->room) /* beyond that it is too large anyway */
            n = n * 10 + (uint64_t)(value.p[i] - '0');
    }
    return n > p->room ? "552 5.3.4 message too large" : NULL;
}

static const char *set_mail(int key, struct slice value, struct smtp_param_mail *p)
{
    switch (key) {
    case KEY_SIZE:
        return set_size(value, p);
    case KEY_BODY:
        return slice_is_nocase(value, "7BIT") || slice_is_nocase(value, "8BITMIME") ? NULL
                                                                                    : bad_value;
    case KEY_RET:
        p->ret_hdrs = slice_is_nocase(value, "HDRS");
        return p->ret_hdrs || slice_is_nocase(value, "FULL") ? NULL : bad_value;
    default:
        return value.n > 0 && decode_xtext(value, p->envid, sizeof p->envid, &p->envid_bytes)
                   ? NULL
                   : bad_value;
    }
}

/* NOTIFY=NEVER, or any of SUCCESS, FAILURE, DELAY: what is not in the list is not wanted. */
static const char *set_notify(struct slice value, struct smtp_param_rcpt *p)
{
    bool failure = false;
    struct slice word;

    p->never = true;
    if (slice_is_nocase(value, "NEVER"))
        return NULL;
    do {
        (void)slice_cut(&value, ',', &word);
        if (slice_is_nocase(word, "SUCCESS"))
            p->success = true;
        else if (slice_is_nocase(word, "DELAY"))
            p->delay = true;
        else if (slice_is_nocase(word, "FAILURE"))
            failure = true;
        else
            return bad_value;
    } while (value.n > 0);
    p->never = !failure;
    return NULL;
}

/* "type;xtext": kept in one piece, decoded. */
static const char *set_orcpt(struct slice value, struct smtp_param_rcpt *p)
{
    struct slice type, rest = value;

    if (!slice_cut(&rest, ';', &type) || type.n == 0 || rest.n == 0 || type.n >= sizeof p->orcpt)
        return bad_value;
    for (size_t i = 0; i < type.n; i++)
        if (type.p[i] <= ' ' || type.p[i] > '~')
            return bad_value;
    memcpy(p->orcpt, type.p, type.n);
    p->orcpt[type.n] = ';';
    p->orcpt_bytes = type.n + 1;
    return decode_xtext(rest, p->orcpt, sizeof p->orcpt, &p->orcpt_bytes) ? NULL : bad_value;
}

const char *smtp_param_mail(struct slice words, struct smtp_param_mail *p)
{
    struct slice key, value;
    unsigned seen = 0;

    while (next_word(&words, &key, &value)) {
        int which = find_key(key, true);

        if (which == KEYS)
            return unknown;
        if (seen & (1u << which))
            return twice;
        seen |= 1u << which;
        const char *wrong = set_mail(which, value, p);
        if (wrong)
            return wrong;
    }
    return NULL;
}

const char *smtp_param_rcpt(struct slice words, struct smtp_param_rcpt *p)
{
    struct slice key, value;
    unsigned seen = 0;

    while (next_word(&words, &key, &value)) {
        int which = find_key(key, false);

        if (which == KEYS)
            return unknown;
        if (seen & (1u << which))
            return twice;
        seen |= 1u << which;
        const char *wrong = which == KEY_NOTIFY ? set_notify(value, p) : set_orcpt(value, p);
        if (wrong)
            return wrong;
    }
    return NULL;
}
