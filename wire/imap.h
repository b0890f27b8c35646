/* imap.h - IMAP4rev1 as a client reads and writes it (RFC 3501): a lexer, whole responses, and the commands probes need.
 *
 * Bytes come in any pieces; a response is taken off only when all of it is there, literals counted octet for octet, so
 * that no message text can pass for an answer ("* 7 FETCH", "A004 OK", "+ " in a body are just octets). Slices of a response
 * point into the reader's buffer and live until the next imap_in_room(). No socket, no clock, one thread at a time.
 * Limits: 64 KiB of a response outside its literals (a SEARCH answer 16 MiB), 64 MiB of literals.
 */
#ifndef WIRE_IMAP_H
#define WIRE_IMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

#define IMAP_LINE_MAX    65536u
#define IMAP_SEARCH_MAX  (16u << 20)
#define IMAP_LITERAL_MAX (64u << 20)

enum imap_answer {
    IMAP_DONE,
    IMAP_AGAIN, /* needs more octets; nothing was consumed */
    IMAP_BAD,   /* no IMAP; the session is over */
};

/* The lexer, shared by whoever reads IMAP. */
enum imap_token_kind {
    IMAP_ATOM, /* also numbers, flags, "[CODE with arguments]" and "BODY[HEADER.FIELDS (X)]<0>" */
    IMAP_QUOTED,
    IMAP_LITERAL,
    IMAP_NIL,
    IMAP_OPEN,
    IMAP_CLOSE,
    IMAP_LINE_END,
};

struct imap_token {
    enum imap_token_kind kind;
    bool escaped;      /* a quoted string that still holds backslashes: see imap_unescape() */
    struct slice text; /* without quotes or the {n} */
};

/* Takes the next token, and blanks before it, off *rest. AGAIN and BAD leave *rest alone. */
enum imap_answer imap_lex(struct slice *rest, struct imap_token *t);
size_t imap_unescape(unsigned char *p, size_t n); /* in place; returns the new length */

/* Responses. */
enum imap_kind {
    IMAP_TAGGED,     /* answer to command `tag`: status, code, text */
    IMAP_STATUS,     /* untagged OK NO BAD BYE PREAUTH: status, code, text */
    IMAP_CONTINUE,   /* "+ text" */
    IMAP_EXISTS,     /* number */
    IMAP_EXPUNGE,    /* number */
    IMAP_FETCH,      /* number, and what of uid, size, body, fields was there */
    IMAP_SEARCH,     /* text: the numbers, see imap_next_number() */
    IMAP_CAPABILITY, /* text: the words */
    IMAP_LIST,       /* text: attributes, delimiter, name */
    IMAP_OTHER,      /* FLAGS, RECENT, ...: nothing a probe needs */
};

enum imap_status { IMAP_OK, IMAP_NO, IMAP_BAD_COMMAND, IMAP_BYE, IMAP_PREAUTH };

struct imap_response {
    enum imap_kind kind;
    enum imap_status status;
    uint32_t tag, number;
    struct slice code, text; /* code: inside the brackets, "UIDVALIDITY 7"; empty: none */
    struct slice line;       /* status responses: the whole line, for people */
    bool has_uid, has_size, has_body, has_fields;
    bool body_escaped, fields_escaped; /* the reader's own */
    uint32_t uid;
    uint64_t size;
    struct slice body;
    struct slice fields; /* BODY[HEADER.FIELDS (...)] */
};

struct imap_in {
    struct buf bytes;
    size_t head;    /* where the open response begins */
    size_t scan;    /* octets before this were looked at; past the end inside a literal */
    size_t literal; /* octets of literals in the open response */
    const char *error;
};

void imap_in_init(struct imap_in *in);
void imap_in_fini(struct imap_in *in);
void imap_in_clear(struct imap_in *in); /* for a new session */
/* Where up to n more octets may be put; NULL: over the limit. Earlier slices die. */
unsigned char *imap_in_room(struct imap_in *in, size_t n);
void imap_in_took(struct imap_in *in, size_t n); /* n octets were put there */
enum imap_answer imap_in_next(struct imap_in *in, struct imap_response *r);

#define IMAP_PRINT 160
void imap_print_line(const struct imap_response *r,
                     char out[IMAP_PRINT]);                /* bounded, printable, no secret */
bool imap_next_number(struct slice *numbers, uint32_t *n); /* off the front; false at the end */
bool imap_code_number(const struct imap_response *r, const char *name, uint32_t *n);
bool imap_has_word(struct slice words, const char *word); /* ASCII case ignored */
/* A LIST answer's mailbox is really there: none of its attributes says that it is not, or is elsewhere (RFC 5258). */
bool imap_is_listed(const struct imap_response *r);
/* Is it a NO that means that there is no such mailbox, rather than that it cannot be had now? */
bool imap_denies_mailbox(const struct imap_response *r);
/* Does a server's line say that something lives on another server (RFC 2221, 2193: "NO [REFERRAL imap://...]")? *host: its name. */
bool imap_referral(struct slice line, struct slice *host);

/* Commands; tag 7 is written "p7". false: over the buffer's limit. */
bool imap_put(struct buf *out, uint32_t tag, const char *command); /* CAPABILITY NOOP IDLE LOGOUT */
bool imap_put_examine(struct buf *out, uint32_t tag);              /* INBOX, read only */
bool imap_put_list(struct buf *out, uint32_t tag, const char *name); /* printable ASCII only */
bool imap_put_search_all(struct buf *out, uint32_t tag);             /* UID SEARCH ALL */

struct imap_range {
    uint32_t low, high; /* high 0: "*" */
};

#define IMAP_SET_MAX 340 /* ranges of the largest numbers within RFC 7162's 8,192 octets a line */

enum imap_what { IMAP_WHOLE, IMAP_FIELDS };

/* UID FETCH low:high,... (UID BODY.PEEK[]), or those header fields by which a probe tells a copy from a report. */
bool imap_put_fetch(struct buf *out, uint32_t tag, const struct imap_range *set, uint32_t count,
                    enum imap_what what);
bool imap_put_idle_done(struct buf *out);

/* LOGIN, with strings quoted where that is possible and as literals where it is not; or, with a master, AUTHENTICATE PLAIN of
 * the master's, who then acts as the user (RFC 4616: the user is the authorization identity). */
struct imap_login {
    const char *user, *password; /* borrowed; the password is the master's if there is one */
    const char *master;          /* borrowed; NULL: the user logs on himself */
    uint32_t tag;
    unsigned step;
};

/* Appends what may be sent now; *more: another call is due after the server's "+". */
bool imap_login_next(struct imap_login *l, struct buf *out, bool *more);

#endif
