/* smtp_server.h - the answering side of an SMTP or LMTP conversation: bytes in, questions out.
 *
 * The owner feeds what came, is asked about senders, recipients and messages, answers each with a reply line (or NULL: yes),
 * and writes what there is to say. Offered: PIPELINING, SIZE, 8BITMIME, SMTPUTF8, DSN, ENHANCEDSTATUSCODES, CHUNKING, and
 * STARTTLS where the owner can. On LMTP (RFC 2033) the greeting is LHLO and a message is answered once for every recipient that
 * was taken. A transaction that failed is over: what was pipelined behind it is refused without blame, and the next MAIL is
 * welcome; the octets of a chunk that is refused are read and forgotten (RFC 3030).
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
#include "wire/smtp_path.h"

#define SMTP_SERVER_LINE_MAX       2048 /* of a command, its end included */
#define SMTP_SERVER_RECIPIENTS_MAX 1000
#define SMTP_SERVER_ERRORS_MAX     20

struct smtp_server_config { /* borrowed as long as the server lives */
    const char *name;       /* ours: a domain or an address literal */
    bool lmtp;
    bool starttls;   /* offered while in clear */
    unsigned lacks;  /* SMTP_LACKS_ bits */
    size_t size_max; /* octets of a message */
    bool
        discard; /* of a text only its first `keep` octets are kept, and bare LFs are not looked for */
    size_t keep;
};

enum smtp_ask {
    SMTP_ASK_MORE,      /* nothing: read on */
    SMTP_ASK_HELLO,     /* EHLO, HELO or LHLO: smtp_server_helo() */
    SMTP_ASK_SENDER,    /* of a new message: smtp_server_sender() */
    SMTP_ASK_RECIPIENT, /* smtp_server_asked() */
    SMTP_ASK_DATA,      /* DATA, or the first BDAT of a message: may its text come? */
    SMTP_ASK_MESSAGE,   /* it is complete; to be answered smtp_server_answers() times */
    SMTP_ASK_TLS,       /* say what there is to say, begin TLS, then smtp_server_secured() */
    SMTP_ASK_CUT,       /* the place of smtp_server_cut(): say what there is to say, then close */
    SMTP_ASK_END,       /* the same, in good order */
};

enum smtp_cut { /* where a conversation is broken off */
                SMTP_CUT_NOWHERE,
                SMTP_CUT_TEXT, /* while the text comes: before the first octet of what ends it */
                SMTP_CUT_TERMINATOR, /* CR LF "." was heard, the rest not; of a last chunk all but its last octet */
                SMTP_CUT_ANSWER, /* the whole message was heard, and is not answered */
};

struct smtp_server_recipient {
    struct slice address, orcpt; /* orcpt empty: not said */
    unsigned notify;             /* SMTP_WANTS_ bits of wire/smtp_path.h; 0: not said */
};

struct smtp_server_counts {
    uint32_t errors; /* of the caller, since the last message that was taken */
    uint64_t commands, octets;
    uint64_t messages;  /* that were taken; of LMTP, for at least one recipient */
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
/* A reply line without its end, such as "550 5.1.1 nobody"; what begins with 2 (DATA: 3) is a yes, and NULL our own words for
 * it. A yes to BDAT is not said: its chunk is answered. */
void smtp_server_answer(struct smtp_server *s, const char *line);
uint32_t smtp_server_answers(const struct smtp_server *s); /* how many are still owed */
/* TLS stands, or does from the first octet (then before begin()): all that was said is forgotten (RFC 3207). */
void smtp_server_secured(struct smtp_server *s);
/* The message under way, or that is asked about, breaks off there; forgotten when it ends before. */
void smtp_server_cut(struct smtp_server *s, enum smtp_cut where);
/* Closes the conversation with this reply, such as "421 4.4.2 too slow" (NULL: none), whatever was under way. */
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
bool smtp_server_is_in_text(const struct smtp_server *s);  /* its text has begun, and not ended */
bool smtp_server_is_secure(const struct smtp_server *s);
uint64_t smtp_server_text_octets(const struct smtp_server *s); /* of it that came */
const struct smtp_server_counts *smtp_server_counts(const struct smtp_server *s);

#endif
