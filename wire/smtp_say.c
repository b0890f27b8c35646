/* smtp_say.c - MAIL and RCPT with their parameters (RFC 1870, 6152, 3461), BDAT (RFC 3030). This is the hot path. */
#include "wire/smtp_say.h"

#define MAIL_FIXED 160u /* all that is not the address, 26 + 20 digits among it */
#define RCPT_FIXED 64u
#define LAST_FIXED 64u

size_t smtp_say_room(const struct smtp_mail *m)
{
    size_t n = MAIL_FIXED + LAST_FIXED + m->from.n;

    for (uint32_t i = 0; i < m->recipients; i++)
        n += RCPT_FIXED + 4 * m->to[i].n; /* as it stands, and at worst in hexadecimal */
    return n;
}

/* RFC 3461 section 4: octets outside "!" .. "~", and "+" and "=", are said in hexadecimal. */
static void put_xtext(struct pen *w, struct slice s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char o = s.p[i];
        char hex[3] = {'+', "0123456789ABCDEF"[o >> 4], "0123456789ABCDEF"[o & 15]};

        if (o >= '!' && o <= '~' && o != '+' && o != '=')
            *w->p++ = o;
        else
            pen_put(w, hex, sizeof hex);
    }
}

void smtp_say_mail(struct pen *w, const struct smtp_mail *m, unsigned extensions)
{
    PEN_PUT(w, "MAIL FROM:<");
    pen_put_slice(w, m->from);
    PEN_PUT(w, ">");
    if (extensions & SMTP_EXT_SIZE) {
        PEN_PUT(w, " SIZE=");
        pen_put_number(w, smtp_text_bytes(m->text, false), 1);
    }
    if (extensions & SMTP_EXT_8BITMIME && !m->text->seven_bit)
        PEN_PUT(w, " BODY=8BITMIME");
    if (extensions & SMTP_EXT_DSN) {
        if (m->ret_headers)
            PEN_PUT(w, " RET=HDRS");
        PEN_PUT(w, " ENVID=pm.");
        pen_put(w, m->text->token, TOKEN_CHARS);
    }
    PEN_PUT(w, "\r\n");
}

static void put_notify(struct pen *w, enum smtp_notify notify)
{
    switch (notify) {
    case SMTP_NOTIFY_DEFAULT:
        break;
    case SMTP_NOTIFY_NEVER:
        PEN_PUT(w, " NOTIFY=NEVER");
        break;
    case SMTP_NOTIFY_FAILURE:
        PEN_PUT(w, " NOTIFY=FAILURE");
        break;
    case SMTP_NOTIFY_SUCCESS:
        PEN_PUT(w, " NOTIFY=SUCCESS,FAILURE");
        break;
    }
}

void smtp_say_rcpt(struct pen *w, const struct smtp_mail *m, uint32_t rcpt, unsigned extensions)
{
    PEN_PUT(w, "RCPT TO:<");
    pen_put_slice(w, m->to[rcpt]);
    PEN_PUT(w, ">");
    if (extensions & SMTP_EXT_DSN) {
        put_notify(w, m->notify);
        PEN_PUT(w, " ORCPT=rfc822;");
        put_xtext(w, m->to[rcpt]);
    }
    PEN_PUT(w, "\r\n");
}

void smtp_say_bdat(struct pen *w, uint64_t octets, bool last)
{
    PEN_PUT(w, "BDAT ");
    pen_put_number(w, octets, 1);
    if (last)
        PEN_PUT(w, " LAST");
    PEN_PUT(w, "\r\n");
}
