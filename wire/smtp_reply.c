/* smtp_reply.c - replies of an SMTP server (RFC 5321 section 4.2, RFC 2034). */
#include "wire/smtp_reply.h"

#include <string.h>

static unsigned digit(const unsigned char *p, const unsigned char *end)
{
    return p < end ? (unsigned)(*p - '0') & 0xff : 10; /* above 9: none */
}

/* Up to three digits; NULL: there is none. */
static const unsigned char *read_number(const unsigned char *p, const unsigned char *end,
                                        uint16_t *n)
{
    const unsigned char *from = p;
    unsigned value = 0, d;

    while (p - from < 3 && (d = digit(p, end)) < 10) {
        value = value * 10 + d;
        p++;
    }
    *n = (uint16_t)value;
    return p > from ? p : NULL;
}

/* RFC 2034: class.subject.detail, the class being the first digit of the code. */
static void read_enhanced(struct smtp_reply *r, const unsigned char *p, const unsigned char *end)
{
    uint16_t subject, detail;

    if (end - p < 5 || p[1] != '.' || digit(p, end) != r->code / 100u)
        return;
    uint16_t status = (uint16_t)digit(p, end);
    p = read_number(p + 2, end, &subject);
    if (!p || p == end || *p != '.')
        return;
    p = read_number(p + 1, end, &detail);
    if (!p || (p < end && *p != ' '))
        return;
    r->status = status;
    r->subject = subject;
    r->detail = detail;
}

static enum smtp_heard noise(struct smtp_reader *r, const char *why)
{
    r->why = why;
    return SMTP_HEARD_NOISE;
}

/* The line without its end. */
static enum smtp_heard read_line(struct smtp_reader *r, const unsigned char *p,
                                 const unsigned char *end, struct slice *text)
{
    size_t n = (size_t)(end - p);
    bool more = n > 3 && p[3] == '-';
    unsigned first, second, third;

    if (n < 3 || (first = digit(p, end)) < 2 || first > 5 || (second = digit(p + 1, end)) > 9 ||
        (third = digit(p + 2, end)) > 9 || (n > 3 && !more && p[3] != ' '))
        return noise(r, "what came is not a reply");
    unsigned code = first * 100 + second * 10 + third;
    if (r->lines == 0)
        r->reply = (struct smtp_reply){.code = (uint16_t)code};
    if (code != r->reply.code)
        return noise(r, "the lines of a reply disagree");
    if (++r->lines > SMTP_REPLY_LINES_MAX)
        return noise(r, "a reply without end");
    p = n > 4 ? p + 4 : end;
    *text = (struct slice){p, (size_t)(end - p)};
    read_enhanced(&r->reply, p, end);
    if (more)
        return SMTP_HEARD_LINE;
    r->lines = 0;
    return SMTP_HEARD_REPLY;
}

/* Keeps what has no end yet, or the rest of a line whose beginning was kept; false: too long. */
static bool keep(struct smtp_reader *r, const unsigned char *p, size_t n)
{
    if (n > sizeof r->line - r->line_n)
        return false;
    if (n > 0)
        memcpy(r->line + r->line_n, p, n);
    r->line_n += n;
    return true;
}

enum smtp_heard smtp_reader_hear(struct smtp_reader *r, struct slice *in, struct slice *text)
{
    const unsigned char *p = in->p, *lf = in->n > 0 ? memchr(p, '\n', in->n) : NULL;
    const unsigned char *end = lf ? lf : p + in->n;

    if (!lf || r->line_n > 0) {
        if (!keep(r, p, (size_t)(end - p)))
            return noise(r, "a line without end");
        p = (unsigned char *)r->line;
        end = p + r->line_n;
    } else if ((size_t)(end - p) > sizeof r->line) {
        return noise(r, "a line without end");
    }
    size_t taken = lf ? (size_t)(lf - in->p) + 1 : in->n;
    *in = (struct slice){in->p + taken, in->n - taken};
    if (!lf)
        return SMTP_HEARD_NOTHING;
    r->line_n = 0;
    if (end > p && end[-1] == '\r')
        end--;
    return read_line(r, p, end, text);
}
