/* pop3.h - POP3 as a client reads and writes it (RFC 1939, 2449, 3206): answers of one line and of many, and what they hold.
 *
 * Bytes come in any pieces. An answer of many lines ends at the dot, whatever size was announced; stuffed dots are undone. Its
 * text is gathered as it comes, up to a limit, past which the rest is read and dropped: `cut`. Slices of an answer point into
 * the reader and live until the next pop3_in_room(). No socket, no clock, one thread at a time.
 */
#ifndef WIRE_POP3_H
#define WIRE_POP3_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

#define POP3_LINE_MAX 8192u /* RFC 2449: 512 octets; some say more */
#define POP3_TEXT_MAX (64u << 20)

enum pop3_answer {
    POP3_DONE,
    POP3_AGAIN, /* needs more octets */
    POP3_BAD,   /* no POP3, or out of memory; the session is over */
};

struct pop3_response {
    bool ok;           /* +OK */
    bool cut;          /* of many lines: text is only its beginning */
    struct slice code; /* inside the brackets, "IN-USE"; empty: none */
    struct slice line; /* the whole line, without its end */
    struct slice
        text; /* of many lines: what stands between that line and the dot, CRLF as it came */
};

struct pop3_in {
    struct buf bytes, line, text;
    size_t scan;                /* octets before this have no LF */
    bool in_text, in_line, cut; /* in_line: the last octet of text taken was no LF */
    const char *error;
};

void pop3_in_init(struct pop3_in *in);
void pop3_in_fini(struct pop3_in *in);
void pop3_in_clear(struct pop3_in *in); /* for a new session */
/* Where up to n more octets may be put; NULL: out of memory. Earlier slices die. */
unsigned char *pop3_in_room(struct pop3_in *in, size_t n);
void pop3_in_took(struct pop3_in *in, size_t n); /* n octets were put there */
/* The next answer; `many`: if it is +OK, lines follow (CAPA, UIDL, RETR). */
enum pop3_answer pop3_in_next(struct pop3_in *in, bool many, struct pop3_response *r);

enum pop3_refusal {
    POP3_NO, /* for good: no such mailbox or a wrong password */
    POP3_LATER, /* locked, too early, busy: [IN-USE], [LOGIN-DELAY], [SYS/TEMP], and words that say so */
    POP3_FAULT, /* [SYS/PERM], or log-on is not allowed in the open: nothing is known of the mailbox */
};

enum pop3_refusal pop3_refusal(struct slice line); /* what "-ERR ..." to log-on means */

bool pop3_has_word(struct slice text, const char *word); /* a line of CAPA begins with it */
/* "+OK 3 1234": how many messages. */
bool pop3_stat(struct slice line, uint32_t *count);
/* Takes a line "7 whqtswO00WBw418f9t5JxYwZ" off the text; false at the end, and *bad where it is none. */
bool pop3_next_uidl(struct slice *text, uint32_t *number, struct slice *id, bool *bad);

#endif
