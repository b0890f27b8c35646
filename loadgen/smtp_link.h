/* smtp_link.h - one connection that a load opens over SMTP or LMTP, and the messages in flight on it. Private to the sender of
 * both.
 *
 * A link logs in, takes messages of its load as far ahead as it may run, and says what became of each. When it connects, and
 * how often that is tried, is its pool's business (pool.h). Memory is the sender's. One loop's thread.
 */
#ifndef LOADGEN_SMTP_LINK_H
#define LOADGEN_SMTP_LINK_H

#include "loadgen/pool.h"
#include "wire/smtp_client.h"
#include "wire/smtp_text.h"

#define SMTP_ADDRESS_MAX 320
#define SMTP_READ_BYTES  65536

struct smtp_pool;

struct
    smtp_draft { /* what a client borrows of a message: with DATA until its end, with chunks for a moment */
    struct slice to[SMTP_RECIPIENTS_MAX];
    struct smtp_text text;
    char verp[SMTP_ADDRESS_MAX];
};

struct smtp_link {
    struct smtp_pool *pool;
    struct sender_load *load;
    struct pool_line *line;
    struct smtp_client *client;
    struct smtp_client_config config;
    struct sender_item *items;   /* by tag: sender_flight() of them, */
    uint64_t live, again;        /* bits: under way; goes back when it ends */
    struct smtp_draft *draft[2]; /* of tags 0 and 1 where texts go by DATA */
    uint32_t carried;            /* messages taken on this connection */
    bool answered;               /* one of them was */
    bool halted;                 /* nothing is written any more */
};

struct smtp_pool {
    struct pool pool;
    bool lmtp;
    uint32_t window;
    char host[256], helo[300], subject_text[128], bad_text[SMTP_ADDRESS_MAX];
    struct slice subject, bad, *addresses; /* nobody's; by mailbox */
    /* Chunks are tried once, by the first connection that comes up where they are announced: while arming, if anybody arms.
     * Every thread tries for itself. Those that come up meanwhile use DATA. */
    struct smtp_link *trying; /* NULL: nobody does */
    bool tried;
    enum smtp_chunking chunking; /* what connections made from now on use */
    struct smtp_link *links;     /* one per line */
    struct smtp_draft draft;     /* of the message just being composed as a chunk */
    struct smtp_text_memo memo;
    unsigned char octets[SMTP_READ_BYTES];
};

extern const struct pool_ops smtp_link_ops;

bool smtp_link_open(struct smtp_link *k, struct smtp_pool *p); /* false: memory */
/* Between messages with a QUIT, whose answer nobody waits for. Also one that was not opened. */
void smtp_link_close(struct smtp_link *k);

#endif
