/* smtp_server.h - the answering side of an SMTP or LMTP conversation: bytes in, questions out.
 *
 * The owner feeds what came, is asked about senders, recipients and messages, answers each with a reply line (or NULL: yes),
 * and writes what there is to say. Offered: PIPELINING, SIZE, 8BITMIME, SMTPUTF8, DSN, ENHANCEDSTATUSCODES, CHUNKING. On LMTP
 * (RFC 2033) the greeting is LHLO and a message is answered once for every recipient that was taken.
 *
 * A message ends at CR LF "." CR LF, or with its last chunk, and nowhere else: LF alone ends neither a line of text nor a
 * command, so that nothing can be smuggled in behind it; text keeps it as it came. Everything is bounded: a command line, the
 * recipients, the octets of a message, the errors of a caller. No socket, no clock. One thread at a time.
 */
#ifndef WIRE_SMTP_SERVER_H
#define WIRE_SMTP_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

#define SMTP_SERVER_LINE_MAX       2048 /* of a command, its end included */
#define SMTP_SERVER_RECIPIENTS_MAX 1000
#define SMTP_SERVER_ERRORS_MAX     20

struct smtp_server_config { /* borrowed as long as the server lives */
    const char *name;       /* ours: a domain or an address literal */
    bool lmtp;
    size_t size_max; /* octets of a message */
};

enum smtp_ask {
    SMTP_ASK_MORE,      /* nothing: read on */
    SMTP_ASK_SENDER,    /* of a new message: smtp_server_sender() */
    SMTP_ASK_RECIPIENT, /* smtp_server_asked() */
    SMTP_ASK_MESSAGE,   /* it is complete; to be answered smtp_server_answers() times */
    SMTP_ASK_END,       /* say what there is to say, then close */
};

struct smtp_server_recipient {
    struct slice address, orcpt; /* orcpt empty: not said */
    unsigned notify;             /* SMTP_WANTS_ bits of wire/smtp_path.h; 0: not said */
};

struct smtp_server_counts {
    uint32_t errors; /* of the caller, since the last message that was taken */
    uint64_t commands, messages, octets;
    const char *blamed; /* the last reply to what he should not have said; NULL: none */
};

struct smtp_server;

struct smtp_server *smtp_server_create(const struct smtp_server_config *c); /* NULL: memory */
void smtp_server_destroy(struct smtp_server *s);                            /* NULL is fine */
/* The first word is ours. refusal: a reply line instead of the greeting, and the end. */
void smtp_server_begin(struct smtp_server *s, const char *refusal);

/* Reads from *in, which moves on, until there is something to ask. Call again until SMTP_ASK_MORE; not before what was asked
 * is answered. */
enum smtp_ask smtp_server_hear(struct smtp_server *s, struct slice *in);
/* A reply line without its end, such as "550 5.1.1 nobody"; what begins with 2 is a yes, and NULL our own words for it. */
void smtp_server_answer(struct smtp_server *s, const char *line);
uint32_t smtp_server_answers(const struct smtp_server *s); /* how many are still owed */
/* Closes the conversation with this reply, such as "421 4.4.2 too slow", whatever was under way. */
void smtp_server_end(struct smtp_server *s, const char *line);
/* There is no room for what it holds: the message under way will be refused for now. */
void smtp_server_overflow(struct smtp_server *s);

struct slice smtp_server_output(const struct smtp_server *s);
void smtp_server_gave(struct smtp_server *s, size_t n);

/* The transaction under way; slices last until the next call of hear() or answer(). */
struct slice smtp_server_helo(const struct smtp_server *s);   /* what the caller says he is */
struct slice smtp_server_sender(const struct smtp_server *s); /* empty: the null sender */
struct slice smtp_server_envid(const struct smtp_server *s);
struct slice smtp_server_asked(const struct smtp_server *s);
uint32_t smtp_server_recipients(const struct smtp_server *s); /* that were taken */
struct smtp_server_recipient smtp_server_recipient(const struct smtp_server *s, uint32_t i);
struct slice smtp_server_content(const struct smtp_server *s);
bool smtp_server_has_bare_lf(const struct smtp_server *s); /* in that content */
size_t smtp_server_held(const struct smtp_server *s);      /* octets of memory for it */
bool smtp_server_is_busy(const struct smtp_server *s);     /* a message is under way */
const struct smtp_server_counts *smtp_server_counts(const struct smtp_server *s);

#endif
