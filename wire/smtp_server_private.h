/* smtp_server_private.h - what the files of the answering side share: smtp_server.c (its life, commands, octets, answers) and
 * smtp_server_text.c (how the text of a message comes, behind DATA or in chunks, and ends).
 */
#ifndef WIRE_SMTP_SERVER_PRIVATE_H
#define WIRE_SMTP_SERVER_PRIVATE_H

#include "wire/smtp_intake.h"
#include "wire/smtp_server.h"

#define SMTP_SERVER_HELO_MAX 255u
#define SMTP_SERVER_LARGER   "552 5.3.4 larger than what is taken"

enum {
    SMTP_SERVER_NEW = 1,   /* no EHLO yet */
    SMTP_SERVER_READY = 2, /* no message under way */
    SMTP_SERVER_MAIL = 4,  /* a sender, nobody to send it to */
    SMTP_SERVER_RCPT = 8,
    SMTP_SERVER_DATA = 16, /* text, to its dot */
    SMTP_SERVER_BDAT = 32, /* chunks, at least one */
    SMTP_SERVER_ANY = 63,
};

struct span { /* of words */
    uint32_t at, n;
};

struct taken {
    struct span address, orcpt;
    unsigned notify;
};

struct smtp_server {
    const struct smtp_server_config *c;
    unsigned state;
    enum smtp_ask asked;
    uint32_t answers; /* owed to what was asked */
    enum smtp_cut cut;
    bool closing, secure, line_too_long;
    bool extended;            /* the greeting under way is EHLO or LHLO */
    bool refused_all, failed; /* MAIL was refused; the last transaction came to nothing */
    bool ended;               /* the text is here, and the message not answered */
    bool taken_once;          /* by an answer so far: of LMTP, for a recipient */
    bool in_chunk, chunk_last, discards, cut_now;
    uint32_t count, room, turned_away;
    uint64_t chunk_left; /* octets of a chunk still to come; they are read in any state */
    struct smtp_intake text;
    struct smtp_mail_words mail;
    struct taken *taken; /* up to SMTP_SERVER_RECIPIENTS_MAX, and one that is asked about */
    struct buf line, words, out;
    struct smtp_server_counts counts;
    struct span from;
    char helo[SMTP_SERVER_HELO_MAX + 1];
};

/* smtp_server.c */
void smtp_server_say(struct smtp_server *s, const char *line);
/* A reply to what he should not have said, which asks nothing. */
enum smtp_ask smtp_server_blame(struct smtp_server *s, const char *text);
enum smtp_ask smtp_server_ask(struct smtp_server *s, enum smtp_ask what, uint32_t answers);
void smtp_server_forget(struct smtp_server *s); /* the message under way */
/* The transaction is over and came to nothing; what was pipelined behind it is no error of its own. */
void smtp_server_fail(struct smtp_server *s);

/* smtp_server_text.c */
enum smtp_ask smtp_server_bdat(struct smtp_server *s, struct slice args);
bool smtp_server_takes_text(const struct smtp_server *s); /* the next octets are no command */
/* Off the front of *in, behind DATA or of a chunk. */
enum smtp_ask smtp_server_take_text(struct smtp_server *s, struct slice *in);
void smtp_server_data_answered(struct smtp_server *s, bool yes, const char *line);
void smtp_server_message_answered(struct smtp_server *s, bool yes, const char *line);

#endif
