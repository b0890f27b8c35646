/* fake_smtp.h - a scripted SMTP server on a loop: answers politely unless the test's answer() says otherwise, and keeps
 * what it took. Fed by bytes alone; it knows nothing of the client's code.
 */
#ifndef TESTS_LOADGEN_FAKE_SMTP_H
#define TESTS_LOADGEN_FAKE_SMTP_H

#include "base/bytes.h"
#include "base/loop.h"
#include "base/tls.h"

#define FAKE_SMTP_CONNECTIONS 256
#define FAKE_SMTP_MESSAGES    20000

struct fake_smtp;

struct fake_smtp_session {
    struct fake_smtp *server;
    struct stream *stream;
    struct buf in, envelope, text;
    uint32_t number; /* counts from 1 */
    bool data, closing;
};

struct fake_smtp {
    struct loop *loop;
    struct listener *listener;
    struct net_addr at;
    const char *ehlo;        /* the reply to EHLO; NULL: PIPELINING, 8BITMIME, SIZE, DSN */
    struct tls_context *tls; /* for STARTTLS */
    /* Before a reply: "CONNECT", a command line, or "." for the end of a text. NULL: the usual; "": none; a text that
     * begins with "!": the connection is closed after it. */
    const char *(*answer)(struct fake_smtp *f, struct fake_smtp_session *s, const char *line);
    void *owner;
    struct fake_smtp_session *session[FAKE_SMTP_CONNECTIONS];
    uint32_t sessions;
    uint32_t commands;
    char *message
        [FAKE_SMTP_MESSAGES]; /* "<MAIL line>\n<RCPT line>...\n\n<text>" of what was taken with 250 */
    uint32_t messages;
};

struct fake_smtp *fake_smtp_create(struct loop *l, const char *at);
void fake_smtp_destroy(struct fake_smtp *f); /* the loop may be gone only after it */
void fake_smtp_down(struct fake_smtp *f);    /* closes listener and connections */
void fake_smtp_up(struct fake_smtp *f);      /* listens again at the same address */

#endif
