/* pop3.c - lines, stuffed dots, and the words of refusals. */
#include "wire/pop3.h"

#include <string.h>

#include "wire/fields.h"

#define PIECES_MAX (4u << 20) /* octets that wait to be taken */

void pop3_in_init(struct pop3_in *in)
{
    memset(in, 0, sizeof *in);
    buf_init(&in->bytes, PIECES_MAX);
    buf_init(&in->line, POP3_LINE_MAX);
    buf_init(&in->text, POP3_TEXT_MAX);
}

void pop3_in_fini(struct pop3_in *in)
{
    buf_fini(&in->bytes);
    buf_fini(&in->line);
    buf_fini(&in->text);
}

void pop3_in_clear(struct pop3_in *in)
{
    pop3_in_fini(in);
    pop3_in_init(in);
}

unsigned char *pop3_in_room(struct pop3_in *in, size_t n)
{
    if (buf_reserve(&in->bytes, n))
        return in->bytes.p + in->bytes.n;
    in->error = "the server says more than can be taken";
    return NULL;
}

void pop3_in_took(struct pop3_in *in, size_t n)
{
    in->bytes.n += n;
}

static enum pop3_answer bad(struct pop3_in *in, const char *why)
{
    in->error = why;
    return POP3_BAD;
}

static struct slice code_of(struct slice line)
{
    struct slice rest = slice_trim(slice_skip(line, 4)), code;

    if (!slice_starts(rest, "[") || !slice_cut(&rest, ']', &code))
        return slice_of("");
    return slice_skip(code, 1);
}

/* The line that begins an answer. */
static enum pop3_answer take_line(struct pop3_in *in, struct pop3_response *r)
{
    const unsigned char *lf = in->bytes.n > in->scan
                                  ? memchr(in->bytes.p + in->scan, '\n', in->bytes.n - in->scan)
                                  : NULL;
    size_t n = lf ? (size_t)(lf - in->bytes.p) : in->bytes.n;

    if (n >= POP3_LINE_MAX)
        return bad(in, "a line that does not end");
    if (!lf) {
        in->scan = n;
        return POP3_AGAIN;
    }
    buf_clear(&in->line);
    if (!buf_add(&in->line, in->bytes.p, n))
        return bad(in, "out of memory");
    buf_drop(&in->bytes, n + 1);
    in->scan = 0;
    *r = (struct pop3_response){.line = slice_trim(buf_slice(&in->line))};
    r->ok = slice_starts_nocase(r->line, "+OK");
    if (!r->ok && !slice_starts_nocase(r->line, "-ERR"))
        return bad(in, "no answer of POP3");
    r->code = r->ok ? slice_of("") : code_of(r->line);
    return POP3_DONE;
}

static void keep(struct pop3_in *in, const unsigned char *p, size_t n)
{
    if (n > POP3_TEXT_MAX - in->text.n) {
        n = POP3_TEXT_MAX - in->text.n;
        in->cut = true;
    }
    if (n > 0 && !buf_add(&in->text, p, n))
        in->cut = true;
}

/* Takes what is there of the text. DONE at the dot. */
static enum pop3_answer take_text(struct pop3_in *in)
{
    const unsigned char *p = in->bytes.p, *end = p + in->bytes.n;
    enum pop3_answer a = POP3_AGAIN;

    while (p < end && a == POP3_AGAIN) {
        const unsigned char *lf = memchr(p, '\n', (size_t)(end - p));
        size_t n = lf ? (size_t)(lf - p) + 1 : (size_t)(end - p);

        if (!in->in_line && *p == '.') {
            if (!lf && n <= 2)
                break; /* the end, or a stuffed dot */
            if (lf && (n == 2 || (n == 3 && p[1] == '\r')))
                a = POP3_DONE;
            else
                keep(in, p + 1, n - 1);
        } else {
            keep(in, p, n);
        }
        in->in_line = !lf;
        p += n;
    }
    buf_drop(&in->bytes, (size_t)(p - in->bytes.p));
    return a;
}

enum pop3_answer pop3_in_next(struct pop3_in *in, bool many, struct pop3_response *r)
{
    enum pop3_answer a;

    if (!in->in_text) {
        a = take_line(in, r);
        if (a != POP3_DONE || !many || !r->ok)
            return a;
        in->in_text = true;
        in->in_line = in->cut = false;
        buf_clear(&in->text);
    }
    a = in->bytes.n > 0 ? take_text(in) : POP3_AGAIN;
    if (a != POP3_DONE)
        return a;
    in->in_text = false;
    *r = (struct pop3_response){.ok = true,
                                .cut = in->cut,
                                .line = slice_trim(buf_slice(&in->line)),
                                .text = buf_slice(&in->text)};
    return POP3_DONE;
}

/* ---- what answers hold ---- */

enum pop3_refusal pop3_refusal(struct slice line)
{
    static const char *const later[] = {"unavailable", "temporar",  "being moved",   "try again",
                                        "try later",   "too many",  "in use",        "locked",
                                        "lock busy",   "a lock",    "the lock",      "busy",
                                        "too soon",    "too often", "internal error"};
    static const char *const fault[] = {"plaintext", "cleartext", "requires tls", "starttls",
                                        "stls"};
    struct slice code = code_of(line);

    if (slice_is_nocase(code, "IN-USE") || slice_is_nocase(code, "LOGIN-DELAY") ||
        slice_is_nocase(code, "SYS/TEMP"))
        return POP3_LATER;
    if (slice_is_nocase(code, "SYS/PERM"))
        return POP3_FAULT;
    for (size_t i = 0; i < sizeof later / sizeof *later; i++)
        if (fields_has(line, later[i]))
            return POP3_LATER;
    for (size_t i = 0; i < sizeof fault / sizeof *fault; i++)
        if (fields_has(line, fault[i]))
            return POP3_FAULT;
    return POP3_NO;
}

bool pop3_has_word(struct slice text, const char *word)
{
    struct slice line, first;

    while (text.n > 0) {
        (void)slice_cut(&text, '\n', &line);
        line = slice_trim(line);
        (void)slice_cut(&line, ' ', &first);
        if (slice_is_nocase(first, word))
            return true;
    }
    return false;
}

/* A number off the front, and the blanks behind it. */
static bool take_number(struct slice *s, uint32_t *n)
{
    uint64_t value = 0;
    size_t digits = 0;

    while (digits < s->n && s->p[digits] >= '0' && s->p[digits] <= '9' && value <= UINT32_MAX)
        value = value * 10 + (s->p[digits++] - '0');
    *s = slice_trim(slice_skip(*s, digits));
    *n = (uint32_t)value;
    return digits > 0 && value <= UINT32_MAX;
}

bool pop3_stat(struct slice line, uint32_t *count)
{
    struct slice rest = slice_trim(slice_skip(line, 3));

    return slice_starts_nocase(line, "+OK") && take_number(&rest, count);
}

bool pop3_next_uidl(struct slice *text, uint32_t *number, struct slice *id, bool *bad)
{
    if (text->n == 0)
        return false;
    (void)slice_cut(text, '\n', id);
    *id = slice_trim(*id);
    if (take_number(id, number) && *number > 0 && id->n > 0)
        return true;
    *bad = true;
    return false;
}
