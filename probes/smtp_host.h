/* smtp_host.h - the answering side of SMTP or LMTP on a loop: callers, their conversations, and who is asked about them.
 * Used by the listener (a probe) and by `postmuster sink --smtp | --lmtp`.
 *
 * The owner's answers are reply lines, NULL is yes. All replies of one wakeup leave a connection in one write, and nothing is
 * read from a caller who does not read his. Everything is bounded: connections, octets of a message, octets of all messages
 * that are under way, time between two things a caller says (5 minutes of target time where there is a clock). Everything on
 * the loop's thread.
 *
 * For speed: a wakeup of a caller is one read into a block that all callers share, and one write; where texts are discarded
 * nothing is kept of them, and memory does not depend on their size. Hosts of several threads may share one address.
 */
#ifndef PROBES_SMTP_HOST_H
#define PROBES_SMTP_HOST_H

#include "base/clock.h"
#include "base/loop.h"
#include "base/tls.h"
#include "wire/smtp_server.h"

struct smtp_caller; /* one connection */

struct smtp_host_config {
    struct loop *loop;
    const struct run_clock *clock; /* NULL: time limits are real */
    const char *name;              /* what we call ourselves; borrowed, as all texts here */
    bool lmtp;
    size_t size_max;      /* of a message; 0: 64 MiB */
    size_t held_max;      /* of all messages under way; 0: 256 MiB */
    uint32_t connections; /* at most; 0: 1,000 */
    bool
        shared; /* others, each on its own loop, may listen at this address too: loop_listen_shared() */
    struct tls_context *tls; /* NULL: no TLS; else STARTTLS, or implicit: from the first octet */
    bool tls_implicit;
    unsigned lacks; /* SMTP_LACKS_ bits: extensions that are not offered */
    bool discard;   /* texts are counted and not kept, but for the first `keep` octets of each */
    size_t keep;
    const char *(*called)(void *owner, struct smtp_caller *from); /* NULL: all are welcome */
    const char *(*hello)(void *owner, struct smtp_caller *from);  /* EHLO, HELO, LHLO; NULL: yes */
    const char *(*sender)(void *owner, struct smtp_caller *from); /* NULL: anybody */
    const char *(*recipient)(void *owner, struct smtp_caller *from, struct slice address);
    /* DATA, or the first BDAT of a message, before any of its text; a chunk that is refused is read and forgotten. NULL: yes. */
    const char *(*data)(void *owner, struct smtp_caller *from);
    /* One answer for each recipient on LMTP; on SMTP only the first counts. They are NULL when it is called. */
    void (*message)(void *owner, struct smtp_caller *from, const char **answers);
    /* What went wrong with a caller, in words: no SMTP, silence, a message that was broken off. NULL: nobody asks. */
    void (*trouble)(void *owner, const struct net_addr *peer, const char *words);
    /* His connection ends, whoever ended it; once for everybody that called() was or would have been asked about. What he said
     * and how far his message came can still be asked. NULL: nobody asks. */
    void (*gone)(void *owner, struct smtp_caller *from);
    void *owner;
};

struct smtp_host_counts {
    uint64_t calls, refused; /* refused: calls */
    uint64_t messages;       /* asked about */
    uint64_t taken;          /* answered yes; of LMTP, for at least one recipient */
    uint64_t octets;         /* of text that came */
    uint64_t broken;         /* broken off with a message under way */
};

struct smtp_host;

struct smtp_host *smtp_host_listen(const struct smtp_host_config *c, const struct net_addr *at,
                                   struct err *e);
struct net_addr smtp_host_addr(const struct smtp_host *h);
const struct smtp_host_counts *smtp_host_counts(const struct smtp_host *h);
/* Ends all conversations at once; not from a callback of its own. NULL is fine. */
void smtp_host_close(struct smtp_host *h);

const struct smtp_server *smtp_caller_talk(const struct smtp_caller *c); /* what he said */
struct net_addr smtp_caller_peer(const struct smtp_caller *c);
uint64_t smtp_caller_number(const struct smtp_caller *c); /* from 1, as they called */
void **smtp_caller_own(struct smtp_caller *c); /* a pointer of the owner's, NULL at first */

/* From the callbacks above, but for gone(): */

/* What is said from here on leaves so much later (time of the loop), and he is neither read nor heard meanwhile. Again: later
 * still. */
void smtp_caller_delay(struct smtp_caller *c, uint64_t ns);
/* The message that is asked about, from sender() on, breaks off there; forgotten when it is refused before. What is due for
 * earlier ones leaves first. ANSWER: message() is still asked, and nobody hears what it says. */
void smtp_caller_cut(struct smtp_caller *c, enum smtp_cut where);
/* Says this instead of an answer (NULL: nothing) after all that is due, and closes. */
void smtp_caller_close(struct smtp_caller *c, const char *line);

#endif
