/* report_text.c - words in prose: addresses, codes, and where the returned message begins. Pure, borrowed slices. */
#include <string.h>

#include "wire/fields.h"
#include "wire/report_private.h"

/* One pass over the text for all the words: where none of them begins, none is tried. */
bool report_has_any(struct slice s, const char *const *words, size_t count)
{
    uint32_t begin = 0; /* bit n: a word's first octet ends in these five bits */

    for (size_t i = 0; i < count; i++)
        begin |= 1u << (words[i][0] & 31);
    for (; s.n > 0; s = slice_from(s.p + 1, s.n - 1)) {
        unsigned here = s.p[0] & 31;

        if (!(begin >> here & 1))
            continue;
        for (size_t i = 0; i < count; i++)
            if (((unsigned char)words[i][0] & 31) == here && slice_starts_nocase(s, words[i]))
                return true;
    }
    return false;
}

struct slice report_line(struct slice *rest)
{
    struct slice line;

    (void)slice_cut(rest, '\n', &line);
    if (line.n > 0 && line.p[line.n - 1] == '\r')
        line.n--;
    return line;
}

bool report_after(struct slice text, const char *word, struct slice *after)
{
    size_t n = strlen(word);

    for (; text.n >= n; text = slice_skip(text, 1)) {
        size_t at;

        if (slice_starts_nocase(text, word)) {
            *after = slice_skip(text, n);
            return true;
        }
        for (at = 1; at < text.n && ((text.p[at] ^ (unsigned char)word[0]) & 0x5f); at++)
            ;
        text = slice_skip(text, at - 1);
    }
    return false;
}

bool report_digit(unsigned char c)
{
    return c >= '0' && c <= '9';
}

bool report_one_of(unsigned char c, const char *set)
{
    return c != 0 && strchr(set, c);
}

static bool is_letter(unsigned char c)
{
    return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

/* ---- codes ---- */

static size_t read_digits(struct slice s, size_t at, size_t most, unsigned *n)
{
    size_t i = at;

    for (*n = 0; i < s.n && i < at + most && report_digit(s.p[i]); i++)
        *n = *n * 10 + (unsigned)(s.p[i] - '0');
    return i;
}

/* Is there "c.sss.ddd" at `at`, standing free? Not in "v3.1.2", "4.8.3.54", or an address. */
static bool status_at(struct slice s, size_t at, unsigned status[3])
{
    size_t i, j;

    if (at > 0 && (report_digit(s.p[at - 1]) || is_letter(s.p[at - 1]) || s.p[at - 1] == '.'))
        return false;
    if (at + 4 >= s.n || !report_one_of(s.p[at], "245") || s.p[at + 1] != '.')
        return false;
    status[0] = (unsigned)(s.p[at] - '0');
    i = read_digits(s, at + 2, 3, &status[1]);
    if (i == at + 2 || i >= s.n || s.p[i] != '.')
        return false;
    j = read_digits(s, i + 1, 3, &status[2]);
    if (j == i + 1)
        return false;
    return j >= s.n || (!report_digit(s.p[j]) && !is_letter(s.p[j]) &&
                        !(s.p[j] == '.' && j + 1 < s.n && report_digit(s.p[j + 1])));
}

bool report_status(struct slice text, unsigned status[3])
{
    unsigned got[3];

    for (size_t i = 0; i + 4 < text.n; i++)
        if (text.p[i + 1] == '.' && status_at(text, i, got)) {
            memcpy(status, got, sizeof got);
            return true;
        }
    return false;
}

/* "550 ", "550-", "(550)", "550:"; no part of a number, of an address, or of a time. */
static bool stands_free(struct slice s, size_t at)
{
    unsigned char before = at > 0 ? s.p[at - 1] : ' ';
    unsigned char after = at + 3 < s.n ? s.p[at + 3] : ' ';
    unsigned char next = at + 4 < s.n ? s.p[at + 4] : ' ';

    if (report_digit(before) || is_letter(before) || report_one_of(before, ".-@/+=%"))
        return false;
    if (before == ':' && at > 1 && (report_digit(s.p[at - 2]) || s.p[at - 2] == ']'))
        return false; /* a port */
    if (report_one_of(after, " \t\r\n-"))
        return true;
    return report_one_of(after, ":,;)'\"") && report_one_of(next, " \t\r\n'\"");
}

unsigned report_reply(struct slice text)
{
    unsigned n;

    for (size_t i = 0; i + 2 < text.n; i++) {
        if ((text.p[i] != '4' && text.p[i] != '5') || read_digits(text, i, 3, &n) != i + 3)
            continue;
        if (text.p[i + 1] <= '5' && stands_free(text, i))
            return n;
    }
    return 0;
}

unsigned report_success(struct slice text)
{
    unsigned n = 0;

    if (text.n < 3 || text.p[0] != '2' || read_digits(text, 0, 3, &n) != 3)
        return 0;
    return text.n == 3 || report_one_of(text.p[3], " -") ? n : 0;
}

/* ---- addresses ---- */

static bool is_address_octet(unsigned char c)
{
    return c > ' ' && c != '<' && c != '>' && c != ',' && c != ';' && c != '(' && c != ')' &&
           c != '"' && c != ':' && c != 0x7f;
}

/* In "|/bin/neko kitty@example.com /x" the word with the @. */
static struct slice word_with_at(struct slice s)
{
    const unsigned char *at = s.n ? memchr(s.p, '@', s.n) : NULL;
    size_t from, to;

    if (!at)
        return s;
    from = to = (size_t)(at - s.p);
    while (from > 0 && is_address_octet(s.p[from - 1]))
        from--;
    while (to < s.n && is_address_octet(s.p[to]))
        to++;
    return slice_from(s.p + from, to - from);
}

struct slice report_address(struct slice s)
{
    struct slice rest = s, type;
    size_t at;

    if (slice_cut(&rest, ';', &type) && slice_trim(type).n > 0 && slice_trim(type).n <= 10 &&
        !fields_has(type, "="))
        s = slice_trim(rest);
    if (slice_find(s, slice_of("<"), &at)) {
        rest = slice_skip(s, at + 1);
        if (slice_cut(&rest, '>', &type))
            s = slice_trim(type);
    }
    if (s.n > 0 && s.p[0] == '@' && slice_find(s, slice_of(":"), &at)) /* a source route */
        s = slice_skip(s, at + 1);
    if (slice_find(s, slice_of(" "), &at) && fields_has(s, "@") && !fields_has(s, "="))
        s = word_with_at(s);
    if (s.n >= 2 && s.p[0] == '"' && s.p[s.n - 1] == '"')
        s = slice_from(s.p + 1, s.n - 2);
    return slice_trim(s);
}

/* local@domain.tld or local@[1.2.3.4]; quoted local parts as they are. */
bool report_is_address(struct slice s)
{
    const unsigned char *at = NULL;
    bool dot = false;

    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] == '@')
            at = s.p + i;
    if (!at || at == s.p || s.n > 320 || s.p[0] == '/')
        return false;
    for (const unsigned char *p = at + 1; p < s.p + s.n; p++) {
        if (!is_letter(*p) && !report_digit(*p) && !report_one_of(*p, ".-_[]:") && *p < 0x80)
            return false;
        dot = dot || *p == '.';
    }
    for (const unsigned char *p = s.p; p < at && s.p[0] != '"'; p++)
        if (!is_address_octet(*p) || *p == '@')
            return false;
    return dot && at[1] != '.' && s.p[s.n - 1] != '.';
}

/* From the front of s, an address as far as it goes; its brackets, quotes and full stop dropped. */
static struct slice take_address(struct slice s)
{
    size_t n = 0;

    while (s.n > 0 && report_one_of(s.p[0], "<('[\""))
        s = slice_skip(s, 1);
    if (slice_starts_nocase(s, "smtp:") || slice_starts_nocase(s, "mailto:"))
        (void)report_after(s, ":", &s);
    while (n < s.n && !strchr(" \t\r\n<>,;:()\"'[]", s.p[n]))
        n++;
    s.n = n;
    while (s.n > 0 && s.p[s.n - 1] == '.')
        s.n--;
    return report_is_address(s) ? s : slice_from(NULL, 0);
}

struct slice report_leading(struct slice line)
{
    static const char *const labels[] = {"rcpt to:",   "failed recipient:", "recipient address:",
                                         "recipient:", "addressed to:",     "to:"};
    struct slice s = slice_trim(line), got, after;

    while (s.n > 0 && report_one_of(s.p[0], "*-|>\xb7")) /* bullets */
        s = slice_trim(slice_skip(s, 1));
    got = take_address(s);
    for (size_t i = 0; got.n == 0 && i < sizeof labels / sizeof *labels; i++)
        if (report_after(s, labels[i], &after))
            got = take_address(slice_trim(after));
    return got;
}

struct slice report_within(struct slice line)
{
    struct slice s = line, got;

    while (s.n > 0) {
        const unsigned char *at = memchr(s.p, '@', s.n);
        const unsigned char *from = at;

        if (!at)
            break;
        while (from > s.p && !strchr(" \t<>,;:()\"'[]=", from[-1]))
            from--;
        got = take_address(slice_from(from, (size_t)(s.p + s.n - from)));
        if (got.n > 0)
            return got;
        s = slice_skip(s, (size_t)(at - s.p) + 1);
    }
    return slice_from(NULL, 0);
}

/* ---- where the returned message begins ---- */

static const char *const original_marks[] = {
    "below this line is a copy",
    "this is a copy of",
    "below is a copy",
    "included is a copy",
    "enclosed is a copy",
    "unsent message",
    "undelivered message",
    "message header",
    "message text follows",
    "message contents follow",
    "the header of the original",
    "headers of the original",
    "header of the message",
    "the body of the message is",
    "the text of the message",
    "text of the message follows",
    "copy of the original",
    "here is your returned mail",
    "begin message",
    "start of the message",
    "return-path:",
    "dkim-signature:",
    "arc-seal:",
    "x-ymail-osg:",
};

/* "original message", "returned message" as a whole line, dressed or not; never "The original message was received at". */
static bool is_heading(struct slice line, const char *words)
{
    struct slice rest;

    if (!slice_starts_nocase(line, words))
        return false;
    rest = slice_trim(slice_skip(line, strlen(words)));
    return rest.n == 0 || !is_letter(rest.p[0]) || slice_starts_nocase(rest, "header") ||
           slice_starts_nocase(rest, "follows") || slice_starts_nocase(rest, "text");
}

static bool begins_original(struct slice line)
{
    struct slice s = slice_trim(line);
    size_t i = 0;

    while (i < s.n && !is_letter(s.p[i]) && s.p[i] < 0x80 && s.p[i] != '<' && s.p[i] != '"')
        i++;
    if (i < s.n && i > 0 && s.p[i] >= 0x80)
        return false;
    s = slice_skip(s, i);
    for (i = 0; i < sizeof original_marks / sizeof *original_marks; i++)
        if (slice_starts_nocase(s, original_marks[i]))
            return true;
    if (is_heading(s, "original message") || is_heading(s, "returned message") ||
        is_heading(s, "the original message") || is_heading(s, "your original message"))
        return true;
    return slice_starts_nocase(s, "received: from") || slice_starts_nocase(s, "received: by") ||
           slice_starts_nocase(s, "received: (");
}

struct slice report_above(struct slice text)
{
    struct slice rest = text;

    while (rest.n > 0) {
        const unsigned char *at = rest.p;

        if (begins_original(report_line(&rest)))
            return slice_from(text.p, (size_t)(at - text.p));
    }
    return text;
}

/* ---- HTML ---- */

/* Tags that end a line. */
static bool ends_line(struct slice tag)
{
    static const char *const tags[] = {"br", "/p", "p", "/tr", "/td", "/div", "/li", "/h", "/pre"};

    for (size_t i = 0; i < sizeof tags / sizeof *tags; i++)
        if (slice_starts_nocase(tag, tags[i]))
            return true;
    return false;
}

static char entity(struct slice *s)
{
    static const struct {
        const char *name;
        char c;
    } names[] = {{"&lt;", '<'},   {"&gt;", '>'},  {"&amp;", '&'}, {"&quot;", '"'},
                 {"&nbsp;", ' '}, {"&#64;", '@'}, {"&#39;", '\''}};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (slice_starts_nocase(*s, names[i].name)) {
            *s = slice_skip(*s, strlen(names[i].name));
            return names[i].c;
        }
    *s = slice_skip(*s, 1);
    return '&';
}

struct slice report_plain(struct arena *a, struct slice html)
{
    char *out = arena_bytes(a, html.n + 1);
    struct slice tag, skipped;
    bool styles = true;
    size_t n = 0;

    if (!out)
        return slice_from(NULL, 0);
    while (html.n > 0) {
        if (styles && slice_starts_nocase(html, "<style")) {
            styles = report_after(html, "</style>", &skipped); /* looked for in vain once at most */
            html = styles ? skipped : html;
        } else if (html.p[0] == '<') {
            html = slice_skip(html, 1);
            (void)slice_cut(&html, '>', &tag);
            if (ends_line(tag))
                out[n++] = '\n';
        } else if (html.p[0] == '&') {
            out[n++] = entity(&html);
        } else {
            out[n++] = (char)html.p[0];
            html = slice_skip(html, 1);
        }
    }
    return slice_from(out, n);
}
