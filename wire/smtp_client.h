/* smtp_client.h - the sending side of an SMTP or LMTP conversation: bytes in, decisions out.
 *
 * One queue of expected replies per connection; lockstep, PIPELINING and CHUNKING differ only in how far the commands run
 * ahead. With PIPELINING the text, its final dot and the next message's MAIL, RCPT and DATA go out together (RFC 2920 section
 * 3.1: DATA ends a group, the text may begin one). With CHUNKING (RFC 3030) a message is one turn, MAIL, RCPT and BDAT LAST
 * with the raw text, and up to a window of them are in flight. Nothing is ever sent ahead of the reply to EHLO.
 *
 * The client counts the octets that were given to the kernel, so it knows when the connection dies whether a message's
 * terminator (the dot, or the last octet of its chunk) had left: then its fate is doubt, else it was aborted. A reply that is
 * not a whole line is no reply.
 *
 * It has no socket and no clock. It is a table (what is awaited, how long, in which words) and a switch. It allocates at
 * create and while logging in; afterwards only if what is to be written outgrows what was needed before. One thread at a time.
 */
#ifndef WIRE_SMTP_CLIENT_H
#define WIRE_SMTP_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include <sys/uio.h>

#include "base/bytes.h"
#include "base/err.h"
#include "wire/smtp_reply.h"
#include "wire/smtp_text.h"

#define SMTP_RECIPIENTS_MAX 16
#define SMTP_WINDOW_MAX     64

#define SMTP_STATES(X)                                                                             \
    /* id, timeout in s (RFC 5321 section 4.5.3.2), what was being done when it broke */           \
    X(SMTP_GREETING, 300, "waiting for the greeting")                                              \
    X(SMTP_EHLO, 300, "saying EHLO")                                                               \
    X(SMTP_HELO, 300, "saying HELO")                                                               \
    X(SMTP_STARTTLS, 120, "asking for TLS")                                                        \
    X(SMTP_AUTH, 120, "logging in")                                                                \
    X(SMTP_READY, 0, "between messages")                                                           \
    X(SMTP_MAIL, 300, "naming the sender")                                                         \
    X(SMTP_RCPT, 300, "naming a recipient")                                                        \
    X(SMTP_DATA, 120, "asking to send the text")                                                   \
    X(SMTP_BODY, 180, "sending the text")                                                          \
    X(SMTP_DOT, 600, "after the final dot: the message may have been accepted")                    \
    X(SMTP_CHUNK, 600, "after the last chunk: the message may have been accepted")                 \
    X(SMTP_LONE_DOT, 600, "after a dot without a message")                                         \
    X(SMTP_RSET, 300, "resetting")                                                                 \
    X(SMTP_NOOP, 300, "doing nothing")                                                             \
    X(SMTP_QUIT, 300, "saying goodbye")

enum smtp_state {

#define X(id, seconds, doing) id,
    SMTP_STATES(X)
#undef X
        SMTP_STATE_COUNT
};

enum { /* what EHLO announced */
       SMTP_EXT_PIPELINING = 1,
       SMTP_EXT_SIZE = 2,
       SMTP_EXT_8BITMIME = 4,
       SMTP_EXT_DSN = 8,
       SMTP_EXT_STARTTLS = 16,
       SMTP_EXT_AUTH = 32,
       SMTP_EXT_ENHANCED = 64,
       SMTP_EXT_CHUNKING = 128,
};

enum smtp_fate { /* of one recipient of one message */
                 SMTP_UNDECIDED,
                 SMTP_UNTOUCHED,    /* not one octet left: it may be sent elsewhere */
                 SMTP_REFUSED_TEMP, /* 4yz */
                 SMTP_REFUSED_PERM, /* 5yz */
                 SMTP_ABORTED,  /* the connection broke before the terminator's last octet left */
                 SMTP_DOUBT,    /* the terminator left, no complete reply came */
                 SMTP_ACCEPTED, /* 2yz to the final dot, or to the last chunk */
                 SMTP_AGAIN, /* refused unread because of our own window: it left, cannot have been
                                taken, and may be sent again */
};

enum smtp_notify {
    SMTP_NOTIFY_DEFAULT,
    SMTP_NOTIFY_NEVER,
    SMTP_NOTIFY_FAILURE,
    SMTP_NOTIFY_SUCCESS
};

/* With smtp_client_is_chunking() all of it is borrowed for the call of smtp_client_send() alone (but for the corpus, which
 * must live as long as the client); else until its last recipient's fate is told. */
struct smtp_mail {
    uint64_t tag;      /* the caller's */
    struct slice from; /* return path; empty: the null sender */
    const struct slice *to;
    uint32_t recipients; /* 1..SMTP_RECIPIENTS_MAX */
    enum smtp_notify notify;
    bool ret_headers;
    const struct smtp_text *text;
};

struct smtp_outcome {
    uint64_t tag;
    uint32_t recipient;
    enum smtp_fate fate;
    enum smtp_state state; /* what was awaited, or answered */
    struct smtp_reply reply;
    bool last; /* the message has ended for all its recipients */
};

enum smtp_news {
    SMTP_MORE, /* nothing more to tell: read on */
    SMTP_UP,   /* greeted, EHLO said, logged in: messages may be sent */
    SMTP_START_TLS, /* wrap the stream now, then smtp_client_secured(); what was read beyond is discarded */
    SMTP_ENDED, /* a recipient's fate: see the outcome */
    SMTP_DENIED, /* the server will not have us (greeting, EHLO, STARTTLS, AUTH): smtp_client_error() */
    SMTP_CLOSED, /* it says goodbye (421, or QUIT answered): close, then smtp_client_lost() */
    SMTP_BROKEN, /* it does not speak SMTP: close, then smtp_client_lost(); smtp_client_error() */
    SMTP_TRIED,  /* the trial has ended: smtp_client_trial(), and why in smtp_client_error() */
};

enum smtp_chunking { /* where EHLO announces CHUNKING; elsewhere DATA it is */
                     SMTP_CHUNKS_OFF,
                     SMTP_CHUNKS_PLAIN, /* RSET only ahead of the message after a refused one */
                     SMTP_CHUNKS_RESET, /* RSET ahead of every MAIL but the first of a connection:
                                           for servers where a refused transaction stays open */
};

enum smtp_trial {
    SMTP_TRIAL_PASSED,       /* a refused chunk is consumed, and its transaction is over */
    SMTP_TRIAL_NEEDS_RESET,  /* consumed, but MAIL stays open: SMTP_CHUNKS_RESET is for it */
    SMTP_TRIAL_NOT_CONSUMED, /* octets of a chunk were taken for commands: DATA; close, then lost */
    SMTP_TRIAL_BROKEN,       /* refused, closed or out of turn on the way: close, then lost */
};

struct smtp_client_config {      /* borrowed as long as the client lives */
    const char *helo;            /* our name: a domain or an address literal */
    const char *host;            /* theirs, for AUTH */
    bool lmtp;                   /* LHLO, and a reply per recipient that was taken (RFC 2033) */
    bool pipelining;             /* when announced; false: lockstep always, of chunks too */
    enum smtp_chunking chunking; /* may be changed between connections, and after a trial */
    bool starttls;               /* insist on it */
    bool secure;                 /* the stream is TLS from the start */
    bool clear_auth;             /* AUTH without TLS is all right: loopback */
    const char *user, *password; /* NULL: no AUTH */
};

struct smtp_client;

/* window: the most messages in flight with chunking, 1..SMTP_WINDOW_MAX. At most max(window, 2) are alive at once, whatever
 * is spoken. NULL: out of memory. */
struct smtp_client *smtp_client_create(const struct smtp_client_config *config, uint32_t window);
void smtp_client_destroy(struct smtp_client *c); /* NULL is fine */
void smtp_client_begin(struct smtp_client *c);   /* a new connection: waits for the greeting */
void smtp_client_secured(struct smtp_client *c);

/* Reads replies from *in, which moves on, until there is something to tell. Call again until SMTP_MORE. */
enum smtp_news smtp_client_hear(struct smtp_client *c, struct slice *in, struct smtp_outcome *out);
/* The connection is gone: every message in it has ended now; smtp_client_hear() with no bytes tells how. */
void smtp_client_lost(struct smtp_client *c);

bool smtp_client_can_take(const struct smtp_client *c);
void smtp_client_send(struct smtp_client *c, const struct smtp_mail *m);
/* When idle, or with PIPELINING when the terminator of the last message is queued: then behind it, in the same write. Else
 * nothing happens. No message is taken any more; SMTP_CLOSED follows when it is answered. */
void smtp_client_quit(struct smtp_client *c);
/* Whether this server can be trusted with chunks, tried on it without delivering anything: refused recipients and chunks, one
 * small, one in two pieces and two writes, one of 100 KB. When idle; both slices are borrowed for the call. `bad`: an
 * address that the server should refuse; where it does not, nobody is named at all. Ends with SMTP_TRIED, also when the
 * connection is lost meanwhile; on PASSED and NEEDS_RESET the connection is idle again. */
void smtp_client_try(struct smtp_client *c, struct slice from, struct slice bad);
enum smtp_trial smtp_client_trial(const struct smtp_client *c); /* after SMTP_TRIED */

/* What is to be written now; at most `room` pieces (2 a message, one more where a body goes around the corpus). 0: nothing;
 * ask until then. Then tell how many octets were taken. */
int smtp_client_output(const struct smtp_client *c, struct iovec *iov, int room);
void smtp_client_gave(struct smtp_client *c, size_t n);
/* A message whose first octet has left since this was asked last; in the order of their sending. */
bool smtp_client_begun(struct smtp_client *c, uint64_t *tag);

enum smtp_state smtp_client_state(const struct smtp_client *c); /* what is awaited */
unsigned smtp_client_extensions(const struct smtp_client *c);   /* SMTP_EXT_ bits */
bool smtp_client_is_chunking(const struct smtp_client *c);      /* up, and texts go by BDAT */
/* Messages under way whose terminator has left, or has not. */
uint32_t smtp_client_under_way(const struct smtp_client *c, bool exposed);
bool smtp_client_is_idle(const struct smtp_client *c);      /* up, and nothing under way */
const char *smtp_client_error(const struct smtp_client *c); /* "" while fine */
uint32_t smtp_state_timeout_s(enum smtp_state s);           /* 0: none */
const char *smtp_state_doing(enum smtp_state s);

#endif
