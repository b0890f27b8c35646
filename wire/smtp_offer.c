/* smtp_offer.c - lines appended to a buffer. */
#include "wire/smtp_offer.h"

#include <stdio.h>
#include <string.h>

#include "wire/smtp_path.h"

/* The octets of "2.1.0 " in "250 2.1.0 fine"; 0: there is no such code. */
static size_t code_octets(const char *line)
{
    size_t n = strlen(line) < 4 ? 0 : strspn(line + 4, "0123456789.");

    return n >= 5 && line[4 + n] == ' ' ? n + 1 : 0;
}

bool smtp_offer_say(struct buf *out, unsigned lacks, const char *line)
{
    size_t n = strlen(line);

    if (!buf_reserve(out, n + 2))
        return false;
    size_t skip = lacks & SMTP_LACKS_ENHANCEDSTATUSCODES ? code_octets(line) : 0;

    if (skip > 0) {
        (void)buf_add(out, line, 4);
        line += 4 + skip;
        n -= 4 + skip;
    }
    return buf_add(out, line, n) && buf_add(out, "\r\n", 2);
}

bool smtp_offer_helo(struct buf *out, const char *name)
{
    return buf_add_text(out, "250 ") && buf_add_text(out, name) && buf_add(out, "\r\n", 2);
}

struct hello {
    struct buf *out;
    size_t last; /* where the last line begins */
    bool ok;
};

static void add_line(struct hello *h, bool there, const char *text)
{
    if (!there || !h->ok)
        return;
    h->last = h->out->n;
    h->ok =
        buf_add_text(h->out, "250-") && buf_add_text(h->out, text) && buf_add(h->out, "\r\n", 2);
}

bool smtp_offer_ehlo(struct buf *out, const char *name, unsigned lacks, size_t size_max, bool tls)
{
    struct hello h = {.out = out, .ok = true};
    char size[40];

    (void)snprintf(size, sizeof size, "SIZE %zu", size_max);
    add_line(&h, true, name);
    add_line(&h, !(lacks & SMTP_LACKS_PIPELINING), "PIPELINING");
    add_line(&h, !(lacks & SMTP_LACKS_SIZE), size);
    add_line(&h, tls, "STARTTLS");
    add_line(&h, !(lacks & SMTP_LACKS_8BITMIME), "8BITMIME");
    add_line(&h, !(lacks & SMTP_LACKS_SMTPUTF8), "SMTPUTF8");
    add_line(&h, !(lacks & SMTP_LACKS_DSN), "DSN");
    add_line(&h, !(lacks & SMTP_LACKS_CHUNKING), "CHUNKING");
    add_line(&h, !(lacks & SMTP_LACKS_ENHANCEDSTATUSCODES), "ENHANCEDSTATUSCODES");
    if (h.ok)
        out->p[h.last + 3] = ' ';
    return h.ok;
}
