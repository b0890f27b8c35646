/* report_stream.c - see report_stream.h. */
#include "results/report_stream.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"

#define PIECE_BYTES   (64u << 10)
#define PIECE_MAX     (16u << 20) /* a row, however long its names */
#define NO_CHARACTER  0xfffdu
#define NO_CHARACTERS "\xef\xbf\xbd"

void stream_begin(struct report_stream *s, const struct report_out *out)
{
    *s = (struct report_stream){.out = out};
    buf_init(&s->text, PIECE_MAX);
}

static void give(struct report_stream *s)
{
    if (!s->broken && s->text.n && !report_put(s->out, &s->text))
        s->broken = true;
}

bool stream_step(struct report_stream *s)
{
    if (s->text.n >= PIECE_BYTES)
        give(s);
    return !s->broken;
}

bool stream_end(struct report_stream *s, struct err *e)
{
    give(s);
    buf_fini(&s->text);
    if (s->broken && !e->code)
        (void)err_set(e, EX_IO, "the report cannot be written");
    return !s->broken;
}

static void add(struct report_stream *s, const void *p, size_t n)
{
    if (!buf_add(&s->text, p, n))
        s->broken = true;
}

void stream_add(struct report_stream *s, const char *text)
{
    add(s, text, strlen(text));
}

void stream_format(struct report_stream *s, const char *format, ...)
{
    char text[2048];
    va_list args;

    va_start(args, format);
    int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    PM_ASSERT(n >= 0 && (size_t)n < sizeof text); /* numbers and our own words only */
    add(s, text, (size_t)n);
}

void stream_u64(struct report_stream *s, uint64_t n)
{
    char digits[20];
    size_t at = sizeof digits;

    do {
        digits[--at] = (char)('0' + n % 10);
        n /= 10;
    } while (n);
    add(s, digits + at, sizeof digits - at);
}

void stream_i64(struct report_stream *s, int64_t n)
{
    if (n < 0)
        add(s, "-", 1);
    stream_u64(s, n < 0 ? 0 - (uint64_t)n : (uint64_t)n);
}

/* ------------------------------------------------------------------------------------------------ words of others */

static size_t octets_of(unsigned char first)
{
    return first < 0x80                    ? 1
           : first >= 0xc2 && first < 0xe0 ? 2
           : first >= 0xe0 && first < 0xf0 ? 3
           : first >= 0xf0 && first < 0xf5 ? 4
                                           : 0;
}

uint32_t report_character(struct slice s, size_t *octets)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t n = octets_of(s.p[0]);
    uint32_t c = n == 1 ? s.p[0] : n ? s.p[0] & (0xffu >> (n + 1)) : 0;

    *octets = 1;
    if (n == 0 || n > s.n)
        return NO_CHARACTER;
    for (size_t i = 1; i < n; i++) {
        if ((s.p[i] & 0xc0) != 0x80)
            return NO_CHARACTER;
        c = c << 6 | (s.p[i] & 0x3fu);
    }
    if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
        return NO_CHARACTER;
    *octets = n;
    return c;
}

/* How many octets at its front are printable ASCII that no form has a word against: nearly all names are that throughout. */
static size_t plain_octets(struct slice s)
{
    size_t n = 0;

    while (n < s.n && s.p[n] >= ' ' && s.p[n] < 0x7f && s.p[n] != '"' && s.p[n] != ',' &&
           s.p[n] != '&' && s.p[n] != '<' && s.p[n] != '>')
        n++;
    return n;
}

/* XML 1.0 has no such character, or no reader shows it as what it is. */
static bool is_unfit(uint32_t c)
{
    return c == 0x7f || (c < ' ' && c != '\t' && c != '\n' && c != '\r') ||
           (c >= 0x80 && c < 0xa0) || (c & 0xfffe) == 0xfffe || (c >= 0xfdd0 && c < 0xfdf0);
}

/* Turns the direction of what follows: with it a name may look like another. */
static bool is_bidi(uint32_t c)
{
    return c == 0x61c || c == 0x200e || c == 0x200f || (c >= 0x202a && c <= 0x202e) ||
           (c >= 0x2066 && c <= 0x2069);
}

static const char *xml_for(uint32_t c)
{
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\n':
        return "&#10;";
    case '\r':
        return "&#13;";
    case '\t':
        return "&#9;";
    default:
        return is_unfit(c) ? NO_CHARACTERS : NULL;
    }
}

/* One character that needs nothing, as it was; what was none as U+FFFD. */
static void add_character(struct report_stream *s, struct slice at, uint32_t c, size_t n)
{
    if (c == NO_CHARACTER)
        stream_add(s, NO_CHARACTERS);
    else
        add(s, at.p, n);
}

void stream_xml(struct report_stream *s, const char *words)
{
    struct slice rest = slice_of(words);
    size_t n = plain_octets(rest);

    add(s, rest.p, n);
    for (rest = slice_skip(rest, n); rest.n; rest = slice_skip(rest, n)) {
        uint32_t c = report_character(rest, &n);
        const char *instead = xml_for(c);

        if (instead)
            stream_add(s, instead);
        else
            add_character(s, rest, c, n);
    }
}

void stream_markdown(struct report_stream *s, const char *words, unsigned characters)
{
    size_t n;
    unsigned left = characters;

    for (struct slice rest = slice_of(words); rest.n; rest = slice_skip(rest, n)) {
        uint32_t c = report_character(rest, &n);

        if (left-- == 0) {
            stream_add(s, "...");
            return;
        }
        if (c == '\t' || c == '\n' || c == '\r')
            stream_add(s, " ");
        else if (is_unfit(c) || is_bidi(c))
            stream_add(s, NO_CHARACTERS);
        else {
            if (c < 0x80 && strchr("\\`*_{}[]<>#|~!&@$^", (int)c))
                stream_add(s, "\\");
            add_character(s, rest, c, n);
        }
    }
}

void stream_csv(struct report_stream *s, const char *words)
{
    struct slice rest = slice_of(words);
    bool formula = *words && strchr("=+-@\t\r", *words);
    size_t n = plain_octets(rest);

    if (n == rest.n && !formula && *words != ' ') {
        add(s, rest.p, n);
        return;
    }
    bool quoted = formula || strpbrk(words, ",\"\r\n") || *words == ' ';

    if (quoted)
        stream_add(s, formula ? "\"'" : "\"");
    for (; rest.n; rest = slice_skip(rest, n)) {
        uint32_t c = report_character(rest, &n);

        if (is_unfit(c))
            stream_add(s, NO_CHARACTERS);
        else if (c == '"')
            stream_add(s, "\"\"");
        else
            add_character(s, rest, c, n);
    }
    if (quoted)
        stream_add(s, "\"");
}

void report_utf8(struct buf *out, struct slice said)
{
    size_t n = plain_octets(said);

    if (!buf_add(out, said.p, n))
        return;
    for (said = slice_skip(said, n); said.n; said = slice_skip(said, n)) {
        uint32_t c = report_character(said, &n);
        bool ok = c == NO_CHARACTER || is_unfit(c) ? buf_add_text(out, NO_CHARACTERS)
                                                   : buf_add(out, said.p, n);

        if (!ok)
            return;
    }
}

/* ---------------------------------------------------------------------------------------------- times and names */

static void put_digits(char *at, unsigned count, uint64_t n)
{
    while (count--) {
        at[count] = (char)('0' + n % 10);
        n /= 10;
    }
}

/* Days since 1970 to year, month and day, of the Gregorian calendar (March begins a year, so that leap days end it). */
static void put_date(char *at, uint64_t days)
{
    uint64_t z = days + 719468, era = z / 146097, of_era = z % 146097;
    uint64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    uint64_t of_year = of_era - (365 * year + year / 4 - year / 100);
    uint64_t month = (5 * of_year + 2) / 153;

    put_digits(at + 8, 2, of_year - (153 * month + 2) / 5 + 1);
    put_digits(at + 5, 2, month < 10 ? month + 3 : month - 9);
    put_digits(at, 4, year + era * 400 + (month >= 10));
}

const char *report_iso(char out[ISO_BYTES], const struct manifest *m, uint64_t t_ns)
{
    static const char shape[] = "0000-00-00T00:00:00.000000Z";

    out[0] = '\0';
    if (t_ns == NEVER_NS || m->wall_start_ns == 0)
        return out;
    uint64_t wall = m->wall_start_ns + t_ns / (m->time_scale ? m->time_scale : 1);
    uint64_t second = wall / NS_PER_S % 86400;

    memcpy(out, shape, sizeof shape);
    put_date(out, wall / NS_PER_S / 86400);
    put_digits(out + 11, 2, second / 3600);
    put_digits(out + 14, 2, second / 60 % 60);
    put_digits(out + 17, 2, second % 60);
    put_digits(out + 20, 6, wall % NS_PER_S / NS_PER_US);
    return out;
}

const char *report_mailbox(const struct manifest *m, uint32_t mailbox)
{
    return mailbox < m->mailbox_count ? m->mailboxes[mailbox].name : "";
}

const char *report_server(const struct manifest *m, uint32_t server)
{
    return server < m->server_count ? m->servers[server] : "";
}

const char *report_move_result(const struct move_marks *k)
{
    if (k->mark_ns[MARK_ASKED] == NEVER_NS)
        return "never asked";
    if (k->mark_ns[MARK_FAILED] != NEVER_NS)
        return "failed";
    if (k->mark_ns[MARK_DISPROVED] != NEVER_NS)
        return "disproved";
    if (k->mark_ns[MARK_VERIFIED] != NEVER_NS)
        return "verified";
    return k->mark_ns[MARK_DONE] != NEVER_NS ? "done" : "never ended";
}

const char *report_axis(enum axis a)
{
    static const char *const names[] = {"ok", "warning", "violation", "open", "invalid"};

    return names[a];
}

enum axis class_worse(enum outcome o)
{
    enum axis a = class_responsibility(o), b = class_transparency(o);

    return a > b ? a : b;
}

const char *said_token(const struct report_source *s, uint64_t number, char out[27])
{
    if (s->words && s->words->token)
        s->words->token(s->words->owner, number, out);
    else
        (void)snprintf(out, 27, "%" PRIu64, number);
    return out;
}

const char *said_status(const struct report_source *s, const struct copy *p, char *out, size_t room)
{
    uint32_t how = (uint32_t)p->facts.k | p->stage << 8;

    return p->report_code ? status_words(s->words, p->report_code, 0, out, room)
                          : status_words(s->words, p->end_code, how, out, room);
}

const char *same_status(struct same_status *last, const struct report_source *s,
                        const struct copy *p)
{
    uint32_t how = (uint32_t)p->facts.k | p->stage << 8;

    if (!last->any || last->end_code != p->end_code || last->report_code != p->report_code ||
        last->how != how) {
        (void)said_status(s, p, last->text, sizeof last->text);
        last->any = true;
        last->end_code = p->end_code;
        last->report_code = p->report_code;
        last->how = how;
    }
    return last->text;
}

bool report_each_copy(const struct report_source *s,
                      bool (*each)(void *owner, const struct copy *copies, uint32_t n), void *owner,
                      struct err *e)
{
    struct copies *c = copies_create(s->run->ledger, e);

    if (!c)
        return false;
    (void)copies_each(c, each, owner);
    copies_destroy(c);
    return true;
}
