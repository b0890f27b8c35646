/* smtp_text.c - the corpus, the composing of a message, and the check of what arrived.
 *
 * The corpus is a circle of lines of about 128 KB, kept four times (8-bit and its 7-bit twin, raw and dot-stuffed) with a
 * table of where each line begins in the raw and the stuffed form. The twin has the same lengths, so one table serves both.
 * A body is a run of lines on that circle, as often around as it takes. The check compares with memcmp() first; only what
 * differs is compared line by line, and only what still differs is decoded (then it allocates).
 */
#include "wire/smtp_text.h"

#include <stdlib.h>
#include <string.h>

#include "base/blind.h"
#include "base/err.h"
#include "base/rng.h"
#include "wire/smtp_pen.h"

#define CORPUS_BYTES   131072u /* of raw lines; the last line may go over */
#define CORPUS_ROOM    (CORPUS_BYTES + LINE_MAX_BYTES)
#define LINE_MAX_BYTES 1000u /* RFC 5321 section 4.5.3.1.6, CRLF included */
#define LINES_MAX      16384u
#define NEAR           64u   /* octets of the circle that share an entry of the table of lines */
#define FIRST_LINE     "pm." /* then the token, then: */
#define FIRST_REST     " postmuster test message, please ignore\r\n"
#define FIRST_BYTES    (sizeof FIRST_LINE - 1 + TOKEN_CHARS + sizeof FIRST_REST - 1)
#define DATE_CHARS     31         /* of a date until the year 9999 */
#define STREAM_LINES   0x7465786c /* of the generator: which lines the corpus has, */
#define STREAM_PLACE   0x74657870 /* and where in it a message begins */

struct line {
    uint32_t raw, stuffed; /* where it begins in either form */
    uint32_t kept;         /* its octets without CRLF and trailing blanks */
};

struct smtp_corpus {
    uint64_t seed;
    uint32_t lines;
    uint32_t bytes[2];                     /* of the circle: raw, stuffed */
    struct line line[LINES_MAX + 1];       /* one more: the circle's end */
    uint16_t near[CORPUS_ROOM / NEAR + 1]; /* the line at each NEARth octet of the raw circle */
    unsigned char form[2][2][CORPUS_ROOM * 5 / 4]; /* [seven_bit][stuffed] */
    unsigned char tail[LINE_MAX_BYTES];            /* filler lines are its ends */
};

static const char *const traps[] = {
    ".",
    "..",
    ".leading dot",
    "...three leading dots",
    ". dot and blank",
    "A004 OK FETCH completed",
    "A004 NO failed",
    "* 7 FETCH (FAKE)",
    "* BYE see you",
    "+ go ahead",
    "+OK 7 messages",
    "-ERR no such message",
    "250 2.0.0 queued as FAKE",
    "221 bye",
    "From someone@example.invalid Thu Jan  1 00:00:00 1970",
    ">From here on",
    "QUIT",
    "RSET",
    "DATA",
    "MAIL FROM:<nobody@example.invalid>",
    "BDAT 0 LAST",
    "Subject: not a header any more",
    "--=_boundary--",
    "trailing blanks   ",
    "trailing tab\t",
    "   leading blanks",
    "{310}",
    "\"quotes\\ and (parentheses) %s %n",
    "=3D =20 looks quoted-printable =",
    "begin 644 not-uuencoded",
    "",
    "Z\xc3\xbcrich, Stra\xc3\x9f\x65 7, na\xc3\xafve, gar\xc3\xa7on",
    "\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e\xe3\x81\xae\xe8\xa1\x8c",
    "\xe2\x82\xac 20, \xf0\x9f\x93\xac in the box",
};

static const char *const words[] = {
    "muster", "queue", "mailbox", "the",  "moves", "while", "mail",  "keeps", "arriving", "server",
    "a",      "of",    "roll",    "call", "every", "copy",  "store", "route", "report",   "and",
};

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* --- making the corpus ------------------------------------------------------------------------------------------ */

static void put_crlf(unsigned char *p)
{
    p[0] = '\r';
    p[1] = '\n';
}

static size_t make_prose(struct rng *r, char *out, size_t want)
{
    size_t n = 0;

    for (;;) {
        struct slice word = slice_of(words[rng_below(r, COUNT(words))]);

        if (n + 1 + word.n > want)
            break;
        if (n > 0)
            out[n++] = ' ';
        memcpy(out + n, word.p, word.n);
        n += word.n;
    }
    return n;
}

/* 998 octets without a blank: longer lines may be folded, these may not. */
static size_t make_long(struct rng *r, char *out)
{
    char first = (char)('a' + (char)rng_below(r, 26));

    for (size_t i = 0; i < LINE_MAX_BYTES - 2; i++)
        out[i] = (char)('a' + (first - 'a' + (char)(i % 26)) % 26);
    return LINE_MAX_BYTES - 2;
}

static size_t make_line(struct rng *r, uint32_t index, char *out)
{
    if (index < COUNT(traps) || rng_below(r, 4) == 0) { /* each of them at least once */
        uint64_t which = index < COUNT(traps) ? index : rng_below(r, COUNT(traps));
        struct slice trap = slice_of(traps[which]);

        memcpy(out, trap.p, trap.n);
        return trap.n;
    }
    if (index == COUNT(traps) || rng_below(r, 50) == 0)
        return make_long(r, out);
    return make_prose(r, out, 20 + rng_below(r, 56));
}

static void add_line(struct smtp_corpus *c, const char *text, size_t n)
{
    struct line *l = &c->line[c->lines++];
    bool dot = n > 0 && text[0] == '.';

    *l = (struct line){c->bytes[0], c->bytes[1], (uint32_t)n};
    while (l->kept > 0 && (text[l->kept - 1] == ' ' || text[l->kept - 1] == '\t'))
        l->kept--;
    for (int seven = 0; seven < 2; seven++) {
        unsigned char *raw = c->form[seven][0] + l->raw, *stuffed = c->form[seven][1] + l->stuffed;

        for (size_t i = 0; i < n; i++) {
            unsigned char octet = (unsigned char)text[i];

            raw[i] = seven && octet > 127 ? 'x' : octet;
        }
        put_crlf(raw + n);
        stuffed[0] = '.';
        memcpy(stuffed + dot, raw, n + 2);
    }
    c->bytes[0] += (uint32_t)n + 2;
    c->bytes[1] += (uint32_t)n + 2 + dot;
    c->line[c->lines] = (struct line){c->bytes[0], c->bytes[1], 0};
}

struct smtp_corpus *smtp_corpus_create(uint64_t seed)
{
    struct smtp_corpus *c = calloc(1, sizeof *c);
    struct rng r = rng_at(seed, STREAM_LINES, 0);
    char text[LINE_MAX_BYTES];

    if (!c)
        return NULL;
    c->seed = seed;
    while (c->bytes[0] < CORPUS_BYTES && c->lines < LINES_MAX)
        add_line(c, text, make_line(&r, c->lines, text));
    PM_ASSERT(c->bytes[0] >= CORPUS_BYTES && c->bytes[1] <= sizeof c->form[0][1]);
    for (uint32_t octet = 0, at = 0; octet < c->bytes[0]; octet += NEAR) {
        while (c->line[at + 1].raw <= octet)
            at++;
        c->near[octet / NEAR] = (uint16_t)at;
    }
    for (size_t i = 0; i < LINE_MAX_BYTES - 2; i++)
        c->tail[i] = "=filler="[i % 8];
    put_crlf(c->tail + LINE_MAX_BYTES - 2);
    return c;
}

void smtp_corpus_destroy(struct smtp_corpus *c)
{
    free(c);
}

/* --- composing --------------------------------------------------------------------------------------------------- */

/* The last line that begins at or before this octet of the raw circle. */
static uint32_t line_before(const struct smtp_corpus *c, uint32_t octet)
{
    uint32_t at = c->near[octet / NEAR];

    while (c->line[at + 1].raw <= octet)
        at++;
    return at;
}

static struct smtp_text_span span_of(const struct smtp_corpus *c, uint64_t number,
                                     uint32_t body_bytes)
{
    struct rng r = rng_at(c->seed, STREAM_PLACE, number);
    struct smtp_text_span s = {.line = (uint32_t)rng_below(&r, c->lines)};

    if (body_bytes < FIRST_BYTES + 3)
        return s;
    const struct line *from = &c->line[s.line];
    uint64_t end = (uint64_t)from->raw + body_bytes - FIRST_BYTES;
    uint64_t rounds = end < c->bytes[0] ? 0 : end / c->bytes[0];
    const struct line *to = &c->line[line_before(c, (uint32_t)(end - rounds * c->bytes[0]))];
    s.raw = rounds * c->bytes[0] + to->raw - from->raw;
    s.stuffed = rounds * c->bytes[1] + to->stuffed - from->stuffed;
    s.tail = (uint32_t)(body_bytes - FIRST_BYTES - s.raw);
    if (s.tail < 3)
        s.tail = 0;
    PM_ASSERT(s.tail <= LINE_MAX_BYTES);
    return s;
}

static void put_hex(struct pen *w, uint32_t n, int width)
{
    while (width-- > 0)
        *w->p++ = (unsigned char)"0123456789abcdef"[n >> (4 * width) & 15];
}

/* RFC 5322 section 3.3, always +0000. Days to a civil date after Howard Hinnant's algorithm. */
static void put_date(struct pen *w, uint64_t date_s)
{
    static const char names[] = "MarAprMayJunJulAugSepOctNovDecJanFeb";
    static const char weekdays[] = "ThuFriSatSunMonTueWed";
    uint64_t days = date_s / 86400, second = date_s % 86400;
    uint64_t z = days + 719468, era = z / 146097, doe = z % 146097;
    uint64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    uint64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), month = (5 * doy + 2) / 153;

    pen_put(w, weekdays + days % 7 * 3, 3);
    PEN_PUT(w, ", ");
    pen_put_number(w, doy - (153 * month + 2) / 5 + 1, 2);
    PEN_PUT(w, " ");
    pen_put(w, names + month * 3, 3);
    PEN_PUT(w, " ");
    pen_put_number(w, yoe + era * 400 + (month >= 10), 4);
    PEN_PUT(w, " ");
    pen_put_number(w, second / 3600, 2);
    PEN_PUT(w, ":");
    pen_put_number(w, second / 60 % 60, 2);
    PEN_PUT(w, ":");
    pen_put_number(w, second % 60, 2);
    PEN_PUT(w, " +0000");
}

/* The clock ticks once a second: the words of the last date serve until then. */
static void put_date_again(struct pen *w, const struct smtp_text_order *o)
{
    struct smtp_text_memo *memo = o->memo;

    if (!memo) {
        put_date(w, o->date_s);
        return;
    }
    if (memo->date[0] == '\0' || memo->date_s != o->date_s) {
        struct pen text = {(unsigned char *)memo->date};

        put_date(&text, o->date_s);
        *text.p = '\0';
        memo->date_s = o->date_s;
    }
    pen_put(w, memo->date, DATE_CHARS);
}

static void put_first_line(struct pen *w, const char token[TOKEN_CHARS])
{
    PEN_PUT(w, FIRST_LINE);
    pen_put(w, token, TOKEN_CHARS);
    PEN_PUT(w, FIRST_REST);
}

static struct slice domain_of(struct slice address)
{
    size_t i = address.n;

    while (i > 0 && address.p[i - 1] != '@')
        i--;
    return slice_skip(address, i);
}

static bool fits(const struct smtp_text_order *o)
{
    size_t n = 700 + 2 * o->from.n + o->subject.n; /* 700: all fixed parts (480) and change */

    for (uint32_t i = 0; i < o->recipients; i++)
        n += o->to[i].n + 5;
    return n <= SMTP_TEXT_HEAD_MAX && o->date_s < 1ull << 37;
}

static void put_head(struct pen *w, const struct smtp_text_order *o, const char token[TOKEN_CHARS])
{
    PEN_PUT(w, "X-Postmuster: pm.");
    pen_put(w, token, TOKEN_CHARS);
    PEN_PUT(w, "\r\nX-Postmuster-Run: ");
    put_hex(w, o->key->run, 7);
    PEN_PUT(w, "\r\nMessage-ID: <pm.");
    pen_put(w, token, TOKEN_CHARS);
    PEN_PUT(w, "@");
    pen_put_slice(w, domain_of(o->from));
    PEN_PUT(w, ">\r\nDate: ");
    put_date_again(w, o);
    PEN_PUT(w, "\r\nFrom: <");
    pen_put_slice(w, o->from);
    PEN_PUT(w, ">\r\nTo: ");
    for (uint32_t i = 0; i < o->recipients; i++) {
        if (i > 0)
            PEN_PUT(w, ",\r\n ");
        PEN_PUT(w, "<");
        pen_put_slice(w, o->to[i]);
        PEN_PUT(w, ">");
    }
    PEN_PUT(w, "\r\nSubject: ");
    pen_put_slice(w, o->subject);
    PEN_PUT(w, " [pm.");
    pen_put(w, token, TOKEN_CHARS);
    PEN_PUT(w, "]\r\nPrecedence: bulk\r\nAuto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n");
    if (o->seven_bit)
        PEN_PUT(w, "Content-Type: text/plain; charset=us-ascii\r\nContent-Transfer-Encoding: 7bit");
    else
        PEN_PUT(w, "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit");
    PEN_PUT(w, "\r\n\r\n");
}

bool smtp_text_compose(struct smtp_text *t, const struct smtp_corpus *c,
                       const struct smtp_text_order *o)
{
    struct pen w = {t->head};

    if (!fits(o))
        return false;
    t->corpus = c;
    t->seven_bit = o->seven_bit;
    t->span = span_of(c, o->number, o->body_bytes);
    token_write(o->key, o->number, t->token);
    put_head(&w, o, t->token);
    put_first_line(&w, t->token);
    t->head_bytes = (uint32_t)(w.p - t->head);
    return true;
}

void smtp_text_compose_body(struct smtp_text *t, const struct smtp_corpus *c,
                            const struct smtp_text_order *o)
{
    struct pen w = {t->head};

    t->corpus = c;
    t->seven_bit = o->seven_bit;
    t->span = span_of(c, o->number, o->body_bytes);
    token_write(o->key, o->number, t->token);
    put_first_line(&w, t->token);
    t->head_bytes = FIRST_BYTES;
}

uint64_t smtp_text_bytes(const struct smtp_text *t, bool stuffed)
{
    return t->head_bytes + (stuffed ? t->span.stuffed : t->span.raw) + t->span.tail;
}

struct smtp_text_body smtp_text_body(const struct smtp_text *t)
{
    return (struct smtp_text_body){t->corpus, t->span, t->seven_bit};
}

struct slice smtp_text_tail(const struct smtp_text *t)
{
    return slice_from(t->corpus->tail + LINE_MAX_BYTES - t->span.tail, t->span.tail);
}

int smtp_text_body_iov(const struct smtp_text_body *b, bool stuffed, uint64_t from,
                       struct iovec *iov, int room)
{
    const struct smtp_corpus *c = b->corpus;
    const struct line *first = &c->line[b->span.line];
    uint64_t lines = stuffed ? b->span.stuffed : b->span.raw, circle = c->bytes[stuffed];
    uint64_t at = (stuffed ? first->stuffed : first->raw) + from;
    unsigned char *form = (unsigned char *)c->form[b->seven_bit][stuffed];
    int n = 0;

    if (at >= circle)
        at %= circle;
    for (; from < lines && n < room; at = 0) {
        uint64_t piece = lines - from < circle - at ? lines - from : circle - at;

        iov[n++] = (struct iovec){form + at, piece};
        from += piece;
    }
    return n;
}

int smtp_text_iov(const struct smtp_text *t, bool stuffed, uint64_t from, struct iovec *iov,
                  int room)
{
    const struct smtp_text_body body = smtp_text_body(t);
    uint64_t lines = stuffed ? t->span.stuffed : t->span.raw;
    struct slice tail = smtp_text_tail(t);
    int n = 0;

    if (from < t->head_bytes && n < room) {
        iov[n++] = (struct iovec){(unsigned char *)t->head + from, t->head_bytes - from};
        from = t->head_bytes;
    }
    from -= t->head_bytes;
    while (from < lines && n < room) {
        int pieces = smtp_text_body_iov(&body, stuffed, from, iov + n, room - n);

        for (; pieces > 0; pieces--)
            from += iov[n++].iov_len;
    }
    if (from >= lines && from < lines + tail.n && n < room) {
        tail = slice_skip(tail, (size_t)(from - lines));
        iov[n++] = (struct iovec){(unsigned char *)tail.p, tail.n};
    }
    return n;
}

// NOLINTNEXTLINE(readability-non-const-parameter): it is written to, through the pen
void smtp_text_copy(const struct smtp_text *t, bool stuffed, unsigned char *out)
{
    const struct smtp_text_body body = smtp_text_body(t);
    uint64_t lines = stuffed ? t->span.stuffed : t->span.raw;
    struct pen w = {out};
    struct iovec piece = {0};

    pen_put(&w, t->head, t->head_bytes);
    for (uint64_t from = 0; from < lines; from += piece.iov_len) {
        (void)smtp_text_body_iov(&body, stuffed, from, &piece, 1);
        pen_put(&w, piece.iov_base, piece.iov_len);
    }
    pen_put_slice(&w, smtp_text_tail(t));
}

struct slice smtp_text_verp(struct slice from, const char token[TOKEN_CHARS], char *out,
                            size_t room)
{
    struct pen w = {(unsigned char *)out};
    struct slice domain = domain_of(from);

    if (domain.n == from.n || from.n + TOKEN_CHARS + 4 > room)
        return slice_from(NULL, 0);
    pen_put(&w, from.p, from.n - domain.n - 1);
    PEN_PUT(&w, "+pm.");
    pen_put(&w, token, TOKEN_CHARS);
    pen_put(&w, from.p + from.n - domain.n - 1, domain.n + 1);
    return slice_from(out, (size_t)(w.p - (unsigned char *)out));
}

/* --- checking what arrived --------------------------------------------------------------------------------------- */

struct expected { /* the body that was sent, to be walked through line by line */
    const struct smtp_corpus *c;
    unsigned char first[FIRST_BYTES];
    struct smtp_text_span span;
};

static struct expected expect(const struct smtp_corpus *c, const struct token_key *key,
                              uint64_t number, uint32_t body_bytes)
{
    struct expected x = {.c = c, .span = span_of(c, number, body_bytes)};
    struct pen w = {x.first};
    char token[TOKEN_CHARS];

    token_write(key, number, token);
    put_first_line(&w, token);
    return x;
}

static bool take_same(struct slice *s, const void *p, size_t n)
{
    bool same = s->n >= n && memcmp(s->p, p, n) == 0;

    *s = slice_skip(*s, same ? n : 0);
    return same;
}

static bool is_identical(const struct expected *x, bool seven_bit, struct slice body)
{
    const struct smtp_corpus *c = x->c;
    uint64_t at = c->line[x->span.line].raw, left = x->span.raw;

    if (body.n != FIRST_BYTES + x->span.raw + x->span.tail ||
        !take_same(&body, x->first, FIRST_BYTES))
        return false;
    while (left > 0) {
        size_t piece = left < c->bytes[0] - at ? left : c->bytes[0] - at;

        if (!take_same(&body, c->form[seven_bit][0] + at, piece))
            return false;
        left -= piece;
        at = 0;
    }
    return take_same(&body, c->tail + LINE_MAX_BYTES - x->span.tail, x->span.tail);
}

/* The next line without its end and without trailing blanks. */
static struct slice next_line(struct slice *rest)
{
    struct slice line;

    (void)slice_cut(rest, '\n', &line);
    if (line.n > 0 && line.p[line.n - 1] == '\r')
        line.n--;
    while (line.n > 0 && (line.p[line.n - 1] == ' ' || line.p[line.n - 1] == '\t'))
        line.n--;
    return line;
}

static bool is_line(struct slice got, const unsigned char *p, size_t n)
{
    return got.n == n && memcmp(got.p, p, n) == 0;
}

/* The line itself, or with the ">" that mbox files put before "From " (mboxo) and before any ">From " (mboxrd). */
static bool is_line_or_quoted(struct slice got, const unsigned char *p, size_t n)
{
    struct slice bare = slice_from(p, n);

    if (is_line(got, p, n))
        return true;
    while (slice_starts(bare, ">"))
        bare = slice_skip(bare, 1);
    return slice_starts(bare, "From ") && slice_starts(got, ">") &&
           is_line(slice_skip(got, 1), p, n);
}

/* Expected empty lines at the end may be missing: skips them only when nothing but empty lines is left. */
static bool is_blank_rest(struct slice rest)
{
    while (rest.n > 0)
        if (next_line(&rest).n > 0)
            return false;
    return true;
}

static bool is_same_by_line(const struct expected *x, struct slice body)
{
    const struct smtp_corpus *c = x->c;
    uint32_t at = x->span.line;

    if (!is_line(next_line(&body), x->first, FIRST_BYTES - 2))
        return false;
    for (uint64_t left = x->span.raw; left > 0; at = at + 1 < c->lines ? at + 1 : 0) {
        const struct line *l = &c->line[at];
        bool ended = body.n == 0;
        struct slice got = next_line(&body);

        left -= l[1].raw - l->raw;
        if (ended && l->kept > 0)
            return false;
        if (!is_line_or_quoted(got, c->form[0][0] + l->raw, l->kept) &&
            !is_line_or_quoted(got, c->form[1][0] + l->raw, l->kept))
            return false;
    }
    if (x->span.tail > 0 &&
        !is_line(next_line(&body), c->tail + LINE_MAX_BYTES - x->span.tail, x->span.tail - 2))
        return false;
    return is_blank_rest(body);
}

static int value_of(unsigned char c, const char *digits)
{
    const char *hit = c ? strchr(digits, c) : NULL;

    return hit ? (int)(hit - digits) : -1;
}

static size_t decode_base64(struct slice in, unsigned char *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint32_t bits = 0;
    unsigned have = 0;
    size_t n = 0;

    for (size_t i = 0; i < in.n && in.p[i] != '='; i++) {
        int v = value_of(in.p[i], digits);

        if (v < 0)
            continue; /* RFC 2045 section 6.8: all other characters must be ignored */
        bits = bits << 6 | (uint32_t)v;
        have += 6;
        if (have >= 8) {
            have -= 8;
            out[n++] = (unsigned char)(bits >> have);
        }
    }
    return n;
}

static int hex_value(unsigned char c)
{
    int v = value_of(c, "0123456789abcdefABCDEF");

    return v > 15 ? v - 6 : v;
}

static size_t decode_quoted(struct slice in, unsigned char *out)
{
    size_t n = 0;

    while (in.n > 0) {
        struct slice whole = in;
        struct slice line = next_line(&in);
        bool soft = line.n > 0 && line.p[line.n - 1] == '=', ended = whole.p + line.n == in.p;

        for (size_t i = 0; i < line.n - soft; i++) {
            int high = -1, low = -1;

            if (line.p[i] == '=' && i + 2 < line.n) {
                high = hex_value(line.p[i + 1]);
                low = hex_value(line.p[i + 2]);
            }
            bool coded = high >= 0 && low >= 0;
            out[n++] = (unsigned char)(coded ? high << 4 | low : line.p[i]);
            i += coded ? 2 : 0;
        }
        if (!soft && !ended)
            out[n++] = '\n';
    }
    return n;
}

enum encoding { ENCODED_NOT, ENCODED_BASE64, ENCODED_QUOTED };

static enum encoding encoding_of(struct slice header)
{
    static const char field[] = "content-transfer-encoding:";

    while (header.n > 0) {
        struct slice line = next_line(&header), value;

        if (!slice_starts_nocase(line, field))
            continue;
        value = slice_trim(slice_skip(line, sizeof field - 1));
        if (slice_is_nocase(value, "base64"))
            return ENCODED_BASE64;
        return slice_is_nocase(value, "quoted-printable") ? ENCODED_QUOTED : ENCODED_NOT;
    }
    return ENCODED_NOT;
}

static bool is_same_decoded(const struct expected *x, enum encoding encoding, struct slice body)
{
    unsigned char *out = malloc(body.n + 1); /* either decoding shrinks; one for a last line end */

    if (!out)
        return false;
    size_t n = encoding == ENCODED_BASE64 ? decode_base64(body, out) : decode_quoted(body, out);
    bool same = is_same_by_line(x, slice_from(out, n));
    free(out);
    return same;
}

/* Cuts at the first empty line, its own end dropped too; false when there is none. */
static bool cut_header(struct slice message, struct slice *header, struct slice *body)
{
    struct slice line;

    for (*body = message; slice_cut(body, '\n', &line);) {
        size_t end = slice_starts(*body, "\n") ? 1 : slice_starts(*body, "\r\n") ? 2 : 0;

        if (end == 0)
            continue;
        *header = slice_from(message.p, (size_t)(body->p - message.p));
        *body = slice_skip(*body, end);
        return true;
    }
    return false;
}

static bool is_intact(const struct expected *x, struct slice body)
{
    return is_identical(x, false, body) || is_identical(x, true, body) || is_same_by_line(x, body);
}

enum smtp_text_state smtp_text_check_body(const struct smtp_corpus *c, const struct token_key *key,
                                          uint64_t number, uint32_t body_bytes, struct slice body)
{
    struct expected x = expect(c, key, number, body_bytes);

    return is_intact(&x, body) ? SMTP_TEXT_INTACT : SMTP_TEXT_CORRUPT;
}

enum smtp_text_state smtp_text_check(const struct smtp_corpus *c, const struct token_key *key,
                                     uint64_t number, uint32_t body_bytes, struct slice message)
{
    struct expected x = expect(c, key, number, body_bytes);
    struct slice header, body;

    if (!cut_header(message, &header, &body))
        return SMTP_TEXT_CORRUPT;
    if (is_intact(&x, body))
        return SMTP_TEXT_INTACT;
    enum encoding encoding = CHECK_ON(REWRITTEN) ? encoding_of(header) : ENCODED_NOT;
    if (encoding != ENCODED_NOT && is_same_decoded(&x, encoding, body))
        return SMTP_TEXT_REWRITTEN;
    return SMTP_TEXT_CORRUPT;
}
