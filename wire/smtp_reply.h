/* smtp_reply.h - replies of an SMTP server, cut into lines and read: code, continuation, enhanced status.
 *
 * Bounded: a line has at most SMTP_LINE_MAX octets, a reply at most SMTP_REPLY_LINES_MAX lines. A line counts only with
 * its end; what came of it before is kept in the reader. LF alone ends a line too. One thread at a time.
 */
#ifndef WIRE_SMTP_REPLY_H
#define WIRE_SMTP_REPLY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

#define SMTP_LINE_MAX        8192
#define SMTP_REPLY_LINES_MAX 100

struct smtp_reply {
    uint16_t code;                    /* 0: none came */
    uint16_t status, subject, detail; /* enhanced code (RFC 2034), or zeros */
};

enum smtp_heard {
    SMTP_HEARD_NOTHING, /* needs more octets */
    SMTP_HEARD_LINE,    /* a line that others follow */
    SMTP_HEARD_REPLY,   /* the last line of a reply */
    SMTP_HEARD_NOISE,   /* no reply of SMTP: `why` says in what way */
};

struct smtp_reader {
    size_t line_n;
    struct smtp_reply reply; /* so far */
    uint32_t lines;          /* of it; 0: it was over with the line that was heard last */
    const char *why;
    char line[SMTP_LINE_MAX]; /* a line that came in pieces */
};

/* Takes one line from *in, which moves on. text: behind the code; valid until the next call or change of *in. */
enum smtp_heard smtp_reader_hear(struct smtp_reader *r, struct slice *in, struct slice *text);

#endif
