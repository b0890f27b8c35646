/* smtp_client_private.h - what the files of the sending side share: smtp_client.c (its life, hearing), smtp_hello.c (until it
 * is up), smtp_turn.c (messages), smtp_trial.c (whether chunks can be trusted).
 *
 * Messages are a ring in the order of their sending, which is the order of their replies: the oldest that is not free, the
 * first whose fates are not all told, the first that was not told to have begun, and the end are free-running numbers in it.
 */
#ifndef WIRE_SMTP_CLIENT_PRIVATE_H
#define WIRE_SMTP_CLIENT_PRIVATE_H

#include "wire/smtp_client.h"
#include "wire/smtp_out.h"

#define SMTP_AUTH_WORDS_MAX  256u
#define SMTP_TRIAL_ADDRESSES 320u /* RFC 5321 section 4.5.3.1: 64 + 1 + 255 */
#define SMTP_NO_MAIL         0xffffu

struct expect {
    uint64_t at;  /* octets gone when its command is complete: a reply before that is out of turn */
    uint64_t end; /* and when what belongs to the command has left too: the octets of a chunk */
    uint8_t what; /* enum smtp_state */
    uint8_t rcpt; /* in a trial: enum trial_step */
    uint16_t mail; /* a place in the ring */
};

struct verdict {
    uint8_t fate, state;
    struct smtp_reply reply;
};

struct mail {
    uint64_t tag;
    uint64_t begin_at, end_at;    /* end_at 0: its terminator is not queued yet */
    const struct smtp_text *text; /* with DATA */
    uint32_t number;              /* free running */
    uint16_t waiting;             /* replies expected */
    uint8_t recipients;
    bool live;         /* some recipient's fate is not told yet */
    bool doubtful;     /* 503 to its MAIL may be our window's fault: its end decides */
    uint16_t taken;    /* bits by recipient: 2yz to RCPT */
    uint16_t answered; /* LMTP: after the text */
    uint16_t held;     /* doubtful: a verdict stands ready */
    uint16_t decided, told;
    struct verdict verdict[SMTP_RECIPIENTS_MAX]; /* of those held or decided */
};

struct trial {
    bool on;
    bool nobody; /* the bad address was taken: no recipient is named any more */
    bool open;   /* a refused transaction left MAIL open */
    uint8_t round;
    enum smtp_trial verdict;
    uint64_t hold; /* output stops here once, so that a chunk goes out in two writes */
    char from[SMTP_TRIAL_ADDRESSES], bad[SMTP_TRIAL_ADDRESSES];
};

struct smtp_client {
    const struct smtp_client_config *config;
    unsigned extensions;
    bool up, secure, logged_in;
    bool over;             /* the connection is gone, or a trial showed that it cannot be used */
    bool leaving;          /* QUIT is said */
    enum smtp_news news;   /* to be told when all fates are; SMTP_MORE: none */
    enum smtp_state doing; /* what the reply being read answers: for the words of errors */

    struct expect *expects; /* a ring */
    uint32_t expect_mask, first, end;
    struct mail *mails; /* a ring */
    uint32_t mail_mask, window;
    uint32_t oldest, untold, unbegun, newest;
    bool tainted;       /* the last transaction failed, and no RSET was answered since */
    bool needs_reset;   /* RSET before the next MAIL */
    uint32_t reset_for; /* the first message behind the last RSET that was queued */
    struct smtp_out out;

    struct smtp_reply reply; /* the last that was whole, or is being read */
    uint32_t hello_lines;    /* of it before this one: keywords follow the first */
    uint32_t asked;          /* challenges so far */
    struct sasl *sasl;
    char auth[SMTP_AUTH_WORDS_MAX]; /* the mechanisms offered */
    struct err error;
    struct trial trial;
    struct smtp_reader reader;
};

static inline bool smtp_has(const struct smtp_client *c, unsigned extension)
{
    return (c->extensions & extension) != 0;
}

static inline bool smtp_is_pipelined(const struct smtp_client *c)
{
    return c->config->pipelining && smtp_has(c, SMTP_EXT_PIPELINING);
}

#define SMTP_SAY(c, literal) smtp_out_say(&(c)->out, (literal), sizeof(literal) - 1)

/* The command that was said last is to be answered. */
void smtp_expect(struct smtp_client *c, enum smtp_state what, uint32_t mail, uint32_t rcpt);
void smtp_say_reset(struct smtp_client *c);

/* News, with their words: what it was about, and why. */
void smtp_broken(struct smtp_client *c, const char *what);
void smtp_denied(struct smtp_client *c, const char *what);
void smtp_denied_reply(struct smtp_client *c, struct slice text);

/* smtp_hello.c: from the greeting to being up. */
void smtp_hello_replied(struct smtp_client *c, struct expect x, struct slice text);
void smtp_hello_line(struct smtp_client *c, struct slice line); /* of the reply to EHLO */

/* smtp_turn.c */
void smtp_turn_replied(struct smtp_client *c, struct expect x);
void smtp_turn_closing(struct smtp_client *c, struct expect x); /* 421 in answer to it */
void smtp_turn_refused(struct smtp_client *c, struct expect x); /* before its text was over */
void smtp_turn_lost(struct smtp_client *c);
bool smtp_turn_tell(struct smtp_client *c, struct smtp_outcome *out); /* the next fate */

/* smtp_trial.c */
void smtp_trial_replied(struct smtp_client *c, struct expect x);
void smtp_trial_end(struct smtp_client *c, enum smtp_trial verdict, const char *why);

#endif
