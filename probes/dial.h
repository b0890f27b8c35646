/* dial.h - a ready IMAP or POP3 session: connected, over TLS where asked, logged in. The seam between probes and what dials.
 *
 * app hands in libcurl (CONNECT_ONLY through its multi interface, which brings STARTTLS and the SASL mechanisms);
 * dial_plain() uses a stream of the loop and says LOGIN itself: the simulated world, and servers without TLS. What was read
 * up to and with the log-in reply is gone; ask CAPABILITY again and rely on nothing before the first own command.
 */
#ifndef PROBES_DIAL_H
#define PROBES_DIAL_H

#include "base/loop.h"
#include "profiles/site.h"

enum dial_answer {
    DIAL_OK,
    DIAL_ABSENT, /* log-on refused for good: no such mailbox on this server (NO without [UNAVAILABLE], [INUSE], ...) */
    DIAL_BUSY, /* refused for now: [UNAVAILABLE], [INUSE], [LIMIT], BYE: being moved, or overloaded */
    DIAL_DOWN, /* could not connect, TLS failed, or no sense in its answers */
};

struct dial {
    /* done() exactly once, from the loop. With DIAL_OK the stream is done()'s. `why` is one line for people. */
    void (*open)(struct dial *d, const struct server *server, const struct mailbox *mailbox,
                 void (*done)(void *owner, enum dial_answer answer, struct stream *s,
                              const char *why),
                 void *owner);
    void (*open_pop3)(struct dial *d, const struct server *server, const struct mailbox *mailbox,
                      void (*done)(void *owner, enum dial_answer answer, struct stream *s,
                                   const char *why),
                      void *owner);
    void (*forget)(struct dial *d,
                   void *owner); /* done() comes no more; what it was opening is closed */
};

struct dial *dial_plain_create(struct loop *l, const struct guard *g, struct err *e);
void dial_plain_destroy(struct dial *d); /* NULL is fine */

/* Which answer a tagged NO or BYE to log-in means; pure, shared by the two dialers. */
enum dial_answer dial_refusal(const char *server_line);
enum dial_answer dial_pop3_refusal(const char *server_line); /* ... and a -ERR */

#endif
