/* fake_smtp.h - a scripted SMTP or LMTP server on a loop: answers politely unless the test's answer() says otherwise, and
 * keeps what it took, by DATA or by chunks. Fed by bytes alone; it knows nothing of the client's code.
 */
#ifndef TESTS_LOADGEN_FAKE_SMTP_H
#define TESTS_LOADGEN_FAKE_SMTP_H

#include "base/bytes.h"
#include "base/loop.h"
#include "base/tls.h"

#define FAKE_SMTP_CONNECTIONS 256
#define FAKE_SMTP_MESSAGES    20000

struct fake_smtp;

enum fake_chunks { /* a chunk without a recipient is refused with 503, and then: */
                   FAKE_CHUNKS_RIGHT, /* it is consumed, and the transaction is over */
                   FAKE_CHUNKS_OPEN,  /* consumed, but MAIL stays open until RSET */
                   FAKE_CHUNKS_LEFT,  /* its octets are taken for commands */
};

struct fake_smtp_session {
    struct fake_smtp *server;
    struct stream *stream;
    struct buf in, envelope, text;
    uint32_t number; /* counts from 1 */
    bool data, closing;
    bool mail;              /* open */
    uint32_t named;         /* recipients taken */
    size_t chunk;           /* its octets still to come */
    char chunk_command[64]; /* which is answered then; "": no chunk is being read */
    uint32_t taken;         /* messages on this connection */
};

struct fake_smtp {
    struct loop *loop;
    struct listener *listener;
    struct net_addr at;
    const char *ehlo;        /* the reply to EHLO; NULL: PIPELINING, 8BITMIME, SIZE, DSN */
    struct tls_context *tls; /* for STARTTLS */
    bool lmtp;
    enum fake_chunks chunks;
    /* Before a reply: "CONNECT", a command line, or "." for the end of a text, by chunks too; LMTP: ".0", ".1" for each
     * recipient that was taken. NULL: the usual; "": none; a text that begins with "!": the connection is closed after it. */
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
