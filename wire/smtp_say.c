/* smtp_say.c - MAIL and RCPT with their parameters (RFC 1870, 6152, 3461). No formatted printing: this is the hot path. */
#include "wire/smtp_say.h"

static bool add_slice(struct buf *b, struct slice s)
{
    return s.n == 0 || buf_add(b, s.p, s.n);
}

static bool add_number(struct buf *b, uint64_t n)
{
    char digits[20];
    size_t at = sizeof digits;

    do
        digits[--at] = (char)('0' + n % 10);
    while ((n /= 10) > 0);
    return buf_add(b, digits + at, sizeof digits - at);
}

/* RFC 3461 section 4: octets outside "!" .. "~", and "+" and "=", are said in hexadecimal. */
static bool add_xtext(struct buf *b, struct slice s)
{
    bool ok = true;

    for (size_t i = 0; ok && i < s.n; i++) {
        unsigned char o = s.p[i];
        char hex[3] = {'+', "0123456789ABCDEF"[o >> 4], "0123456789ABCDEF"[o & 15]};
        bool plain = o >= '!' && o <= '~' && o != '+' && o != '=';

        ok = plain ? buf_add(b, &s.p[i], 1) : buf_add(b, hex, sizeof hex);
    }
    return ok;
}

bool smtp_say_mail(struct buf *b, const struct smtp_mail *m, unsigned extensions)
{
    bool ok = buf_add_text(b, "MAIL FROM:<") && add_slice(b, m->from) && buf_add_text(b, ">");

    if (extensions & SMTP_EXT_SIZE)
        ok = ok && buf_add_text(b, " SIZE=") && add_number(b, smtp_text_bytes(m->text, false));
    if (extensions & SMTP_EXT_8BITMIME && !m->text->seven_bit)
        ok = ok && buf_add_text(b, " BODY=8BITMIME");
    if (extensions & SMTP_EXT_DSN && m->ret_headers)
        ok = ok && buf_add_text(b, " RET=HDRS");
    if (extensions & SMTP_EXT_DSN)
        ok = ok && buf_add_text(b, " ENVID=pm.") && buf_add(b, m->text->token, TOKEN_CHARS);
    return ok && buf_add_text(b, "\r\n");
}

bool smtp_say_rcpt(struct buf *b, const struct smtp_mail *m, uint32_t rcpt, unsigned extensions)
{
    static const char *const notify[] = {[SMTP_NOTIFY_DEFAULT] = "",
                                         [SMTP_NOTIFY_NEVER] = " NOTIFY=NEVER",
                                         [SMTP_NOTIFY_FAILURE] = " NOTIFY=FAILURE",
                                         [SMTP_NOTIFY_SUCCESS] = " NOTIFY=SUCCESS,FAILURE"};
    bool ok = buf_add_text(b, "RCPT TO:<") && add_slice(b, m->to[rcpt]) && buf_add_text(b, ">");

    if (extensions & SMTP_EXT_DSN)
        ok = ok && buf_add_text(b, notify[m->notify]) && buf_add_text(b, " ORCPT=rfc822;") &&
             add_xtext(b, m->to[rcpt]);
    return ok && buf_add_text(b, "\r\n");
}
