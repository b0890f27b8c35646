/* smtp_reply.c - replies of an SMTP server (RFC 5321 section 4.2, RFC 2034). */
#include "wire/smtp_reply.h"

#include <string.h>

static unsigned digit(struct slice s, size_t i)
{
    return i < s.n && s.p[i] >= '0' && s.p[i] <= '9' ? s.p[i] - (unsigned)'0' : 10;
}

static bool read_part(struct slice *s, uint16_t *part, bool more)
{
    size_t i = 0;

    for (*part = 0; i < 3 && digit(*s, i) < 10; i++)
        *part = (uint16_t)(*part * 10 + digit(*s, i));
    if (i == 0 || (more ? i >= s->n || s->p[i] != '.' : i < s->n && s->p[i] != ' '))
        return false;
    *s = slice_skip(*s, i + 1);
    return true;
}

/* RFC 2034: class.subject.detail, the class being the first digit of the code. */
static void read_enhanced(struct smtp_reply *r, struct slice text)
{
    uint16_t status, subject, detail;

    if (read_part(&text, &status, true) && read_part(&text, &subject, true) &&
        read_part(&text, &detail, false) && status == r->code / 100) {
        r->status = status;
        r->subject = subject;
        r->detail = detail;
    }
}

static enum smtp_heard noise(struct smtp_reader *r, const char *why)
{
    r->why = why;
    return SMTP_HEARD_NOISE;
}

static enum smtp_heard read_line(struct smtp_reader *r, struct slice line, struct slice *text)
{
    unsigned code = digit(line, 0) * 100 + digit(line, 1) * 10 + digit(line, 2);
    bool more = line.n > 3 && line.p[3] == '-';
    bool digits = digit(line, 0) < 10 && digit(line, 1) < 10 && digit(line, 2) < 10;

    if (!digits || code < 200 || code > 599 || (line.n > 3 && !more && line.p[3] != ' '))
        return noise(r, "what came is not a reply");
    if (r->lines == 0)
        r->reply = (struct smtp_reply){.code = (uint16_t)code};
    if (code != r->reply.code)
        return noise(r, "the lines of a reply disagree");
    if (++r->lines > SMTP_REPLY_LINES_MAX)
        return noise(r, "a reply without end");
    *text = slice_skip(line, 4);
    read_enhanced(&r->reply, *text);
    return more ? SMTP_HEARD_LINE : SMTP_HEARD_REPLY;
}

enum smtp_heard smtp_reader_hear(struct smtp_reader *r, struct slice *in, struct slice *text)
{
    const unsigned char *lf = in->n > 0 ? memchr(in->p, '\n', in->n) : NULL;
    size_t n = lf ? (size_t)(lf - in->p) : in->n;
    struct slice line = slice_from(in->p, n);

    if (r->line_n + n > sizeof r->line)
        return noise(r, "a line without end");
    if (!lf || r->line_n > 0) {
        if (n > 0)
            memcpy(r->line + r->line_n, in->p, n);
        r->line_n += n;
        line = slice_from(r->line, r->line_n);
    }
    *in = slice_skip(*in, lf ? n + 1 : n);
    if (!lf)
        return SMTP_HEARD_NOTHING;
    r->line_n = 0;
    if (line.n > 0 && line.p[line.n - 1] == '\r')
        line.n--;
    enum smtp_heard heard = read_line(r, line, text);
    if (heard == SMTP_HEARD_REPLY)
        r->lines = 0;
    return heard;
}
