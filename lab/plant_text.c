/* plant_text.c - rewriting of one message's text, in one buffer that is thrown away. */
#include "lab/plant_text.h"

#include <string.h>

#include "base/err.h"

#define TEXT_MAX    (256u << 20)
#define BASE64_LINE 57u /* octets of a line of 76 digits */
#define QUOTED_LINE 72u

/* Where the body begins: behind the first empty line. */
static size_t body_of(struct slice text)
{
    size_t at = 0;

    return slice_find(text, slice_of("\r\n\r\n"), &at) ? at + 4 : text.n;
}

/* --- damage ----------------------------------------------------------------------------------------------------- */

static void damage(struct buf *out, struct slice text, enum plant how)
{
    size_t body = body_of(text), at = body;

    if (how == PLANT_CORRUPT_4095)
        at = body + 4095;
    else if (how == PLANT_CORRUPT_END)
        at = text.n - 1;
    at = at < text.n ? at : text.n - 1;
    while (at > body && (text.p[at] == '\r' || text.p[at] == '\n' || text.p[at] == ' '))
        at--; /* an end of a line, or a blank before it, may be changed on the way */
    PM_ASSERT(buf_add(out, text.p, text.n));
    out->p[at] = out->p[at] == '#' ? '%' : '#';
}

/* --- legal changes ---------------------------------------------------------------------------------------------- */

static void put(struct buf *out, const void *p, size_t n)
{
    PM_ASSERT(buf_add(out, p, n));
}

static void bare_line_ends(struct buf *out, struct slice text)
{
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] != '\r' || i + 1 == text.n || text.p[i + 1] != '\n')
            put(out, &text.p[i], 1);
}

/* The header without its last, empty line; one field of it is said otherwise. */
static void put_header(struct buf *out, struct slice header, const char *encoding)
{
    struct slice rest = header, line;

    while (rest.n > 0) {
        (void)slice_cut(&rest, '\n', &line);
        if (slice_trim(line).n > 0 && !slice_starts_nocase(line, "content-transfer-encoding:")) {
            put(out, line.p, line.n);
            put(out, "\n", 1);
        }
    }
    PM_ASSERT(buf_add_format(out, "Content-Transfer-Encoding: %s\r\n\r\n", encoding));
}

static void put_base64(struct buf *out, struct slice body)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    for (size_t i = 0; i < body.n; i += 3) {
        size_t have = body.n - i < 3 ? body.n - i : 3;
        uint32_t bits = (uint32_t)body.p[i] << 16 | (have > 1 ? (uint32_t)body.p[i + 1] << 8 : 0) |
                        (have > 2 ? (uint32_t)body.p[i + 2] : 0);
        char four[4] = {digits[bits >> 18], digits[bits >> 12 & 63], '=', '='};

        if (have > 1)
            four[2] = digits[bits >> 6 & 63];
        if (have > 2)
            four[3] = digits[bits & 63];
        put(out, four, sizeof four);
        if ((i + 3) % BASE64_LINE == 0 || i + 3 >= body.n)
            put(out, "\r\n", 2);
    }
}

static bool is_plain(unsigned char c, bool last)
{
    return c > ' ' && c < 0x7f ? c != '=' : (c == ' ' && !last);
}

static void put_quoted(struct buf *out, struct slice body)
{
    struct slice line;
    size_t column = 0;

    while (body.n > 0) {
        (void)slice_cut(&body, '\n', &line);
        line.n -= line.n > 0 && line.p[line.n - 1] == '\r';
        column = 0;
        for (size_t i = 0; i < line.n; i++) {
            bool plain = is_plain(line.p[i], i + 1 == line.n);

            if (column >= QUOTED_LINE) {
                put(out, "=\r\n", 3);
                column = 0;
            }
            PM_ASSERT(buf_add_format(out, plain ? "%c" : "=%02X", line.p[i]));
            column += plain ? 1 : 3;
        }
        put(out, "\r\n", 2);
    }
}

/* Every field is folded behind its name, and at its blanks. */
static void fold_header(struct buf *out, struct slice text)
{
    size_t body = body_of(text);
    struct slice rest = slice_from(text.p, body), line;

    while (rest.n > 0) {
        bool first = true;

        (void)slice_cut(&rest, '\n', &line);
        for (size_t i = 0; i < line.n; i++) {
            bool blank = line.p[i] == ' ' && i > 0 && i + 1 < line.n && line.p[i + 1] > ' ';

            if (blank && (first || i > QUOTED_LINE / 2)) {
                put(out, "\r\n", 2);
                first = false;
            }
            put(out, &line.p[i], 1);
        }
        put(out, "\n", 1);
    }
    put(out, text.p + body, text.n - body);
}

static void write_text(struct buf *out, struct slice text, enum plant how)
{
    size_t body = body_of(text);
    struct slice header = slice_from(text.p, body), rest = slice_skip(text, body);

    if (how == PLANT_LINE_ENDS) {
        bare_line_ends(out, text);
    } else if (how == PLANT_BASE64) {
        put_header(out, header, "base64");
        put_base64(out, rest);
    } else if (how == PLANT_QUOTED) {
        put_header(out, header, "quoted-printable");
        put_quoted(out, rest);
    } else if (how == PLANT_FOLDING) {
        fold_header(out, text);
    } else if (how == PLANT_CORRUPT_START || how == PLANT_CORRUPT_4095 ||
               how == PLANT_CORRUPT_END) {
        damage(out, text, how);
    } else {
        put(out, text.p, text.n);
    }
}

struct mail *plant_rewrite(const struct mail *m, enum plant how)
{
    struct buf text;

    buf_init(&text, TEXT_MAX);
    write_text(&text, slice_skip(m->content, m->body_at), how);
    struct mail *n = mail_create(&(struct mail_source){.from = m->from,
                                                       .envid = m->envid,
                                                       .content = buf_slice(&text),
                                                       .apdu = m->apdu,
                                                       .x400_id = m->x400_id,
                                                       .trace = {m->content.p, m->body_at},
                                                       .recipients = m->recipient,
                                                       .count = m->recipients});

    n->id = m->id;
    n->submitted_ns = m->submitted_ns;
    n->expires_ns = m->expires_ns;
    n->deferred_ns = m->deferred_ns;
    n->server = m->server;
    n->from_mailbox = m->from_mailbox;
    n->priority = m->priority;
    n->ret_hdrs = m->ret_hdrs;
    n->is_private = m->is_private;
    memcpy(n->mts_id, m->mts_id, sizeof n->mts_id);
    buf_fini(&text);
    return n;
}

void plant_spoil_id(struct buf *text, struct slice message_id)
{
    struct slice id = message_id, local, rest;
    size_t at = 0;

    id = slice_skip(id, slice_starts(id, "<"));
    (void)slice_cut(&id, '@', &local);
    if (local.n == 0)
        return;
    for (rest = buf_slice(text); slice_find(rest, local, &at);
         rest = slice_skip(rest, at + local.n)) {
        unsigned char *last = text->p + text->n - rest.n + at + local.n - 1;

        *last = *last == 'a' ? 'b' : 'a';
    }
}
