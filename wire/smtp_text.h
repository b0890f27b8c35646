/* smtp_text.h - the texts of messages: a shared hostile corpus, heads with patch points, and the check of what arrived.
 *
 * The text of message n follows from (corpus seed, token key, n, body bytes): nobody stores it. Its body is one line that
 * carries the token, then lines of the corpus from a place that n decides, then a filler line that makes the size right
 * (exact, or short by at most two octets; never shorter than the first line). The corpus holds what gateways break: lines
 * with leading dots, lone dots, lines like IMAP tags and SMTP replies, "From " lines, 998-octet lines, trailing blanks,
 * 8-bit UTF-8; its 7-bit twin has the same lengths. Both exist raw and dot-stuffed, so that sending copies no body.
 *
 * A corpus is read-only once made: any thread. A `struct smtp_text` is its owner's storage, reused from message to message.
 */
#ifndef WIRE_SMTP_TEXT_H
#define WIRE_SMTP_TEXT_H

#include <stdbool.h>
#include <stdint.h>

#include <sys/uio.h>

#include "base/bytes.h"
#include "wire/token.h"

#define SMTP_TEXT_HEAD_MAX 8192

struct smtp_corpus;

struct smtp_corpus *smtp_corpus_create(uint64_t seed); /* about 600 KB; NULL: out of memory */
void smtp_corpus_destroy(struct smtp_corpus *c);       /* NULL is fine */

struct smtp_text_order {
    uint64_t number;
    const struct token_key *key;
    struct slice from;      /* the originator's address, for From: and the domain of Message-ID: */
    const struct slice *to; /* addresses for To: */
    uint32_t recipients;
    struct slice subject;        /* "[pm.<token>]" is appended */
    uint32_t body_bytes;         /* 0: only the line with the token, as canaries have it */
    uint64_t date_s;             /* Unix time */
    bool seven_bit;              /* the 7-bit twin */
    struct smtp_text_memo *memo; /* NULL is fine */
};

struct
    smtp_text_memo { /* the caller's, zeroed once: what does not change from message to message */
    uint64_t date_s;
    char date[32]; /* in words; empty: none yet */
};

struct smtp_text_span {    /* the lines of a body behind its first */
    uint32_t line;         /* the first, an index into the corpus */
    uint32_t tail;         /* octets of the filler line, CRLF included; 0: none */
    uint64_t raw, stuffed; /* octets of the corpus lines in either form */
};

struct smtp_text {
    const struct smtp_corpus *corpus;
    char token[TOKEN_CHARS];
    bool seven_bit;
    uint32_t head_bytes; /* header, empty line, first line of the body */
    struct smtp_text_span span;
    unsigned char head[SMTP_TEXT_HEAD_MAX];
};

struct smtp_text_body { /* what of a text is the corpus': as long as that lives */
    const struct smtp_corpus *corpus;
    struct smtp_text_span span;
    bool seven_bit;
};

/* false: the addresses and the subject do not fit in a head. */
bool smtp_text_compose(struct smtp_text *t, const struct smtp_corpus *c,
                       const struct smtp_text_order *o);
/* Only the body, for protocols without header fields: of the order number, key, body_bytes and seven_bit count. */
void smtp_text_compose_body(struct smtp_text *t, const struct smtp_corpus *c,
                            const struct smtp_text_order *o);
uint64_t smtp_text_bytes(const struct smtp_text *t,
                         bool stuffed); /* ends with CRLF, without the dot */
/* Fills iov with what follows octet `from` (at most `room` pieces, so perhaps not all); returns how many. */
int smtp_text_iov(const struct smtp_text *t, bool stuffed, uint64_t from, struct iovec *iov,
                  int room);
/* The whole text, smtp_text_bytes() of it. */
void smtp_text_copy(const struct smtp_text *t, bool stuffed, unsigned char *out);
/* A text is its head, the lines that its body borrows from the corpus, and its tail: the filler line. */
struct smtp_text_body smtp_text_body(const struct smtp_text *t);
struct slice smtp_text_tail(const struct smtp_text *t);
int smtp_text_body_iov(const struct smtp_text_body *b, bool stuffed, uint64_t from,
                       struct iovec *iov, int room);
/* The envelope's return path: `from` itself, or local+pm.<token>@domain. Empty when out is too small. */
struct slice smtp_text_verp(struct slice from, const char token[TOKEN_CHARS], char *out,
                            size_t room);

enum smtp_text_state {
    SMTP_TEXT_INTACT, /* the same, but for line ends, trailing blanks, final empty lines, the 7-bit twin, ">From " */
    SMTP_TEXT_REWRITTEN, /* the same after undoing base64 or quoted-printable: a legal change on the way */
    SMTP_TEXT_CORRUPT,
};

/* Compares a received message (header, empty line, body; CRLF or LF) with what `number` was sent as. Header fields are
 * not judged, only the body. Costs about a memcmp when nothing was changed. */
enum smtp_text_state smtp_text_check(const struct smtp_corpus *c, const struct token_key *key,
                                     uint64_t number, uint32_t body_bytes, struct slice message);
/* The same of a body that came without a header. */
enum smtp_text_state smtp_text_check_body(const struct smtp_corpus *c, const struct token_key *key,
                                          uint64_t number, uint32_t body_bytes, struct slice body);

#endif
