/* lab_smtp_talk.h - the server half of ESMTP (RFC 5321) as a state machine that is fed octets and knows no socket.
 *
 * However the octets are split, the same replies come out. PIPELINING, SIZE, 8BITMIME, DSN, ENHANCEDSTATUSCODES,
 * STARTTLS and, by some versions, CHUNKING are offered. As Exchange does, it takes mail for every address of the site's
 * domain, known or not (a report follows), and refuses other domains. Whoever takes the mail is behind `struct smtp_host`.
 * Private to lab/.
 */
#ifndef LAB_LAB_SMTP_TALK_H
#define LAB_LAB_SMTP_TALK_H

#include "base/net.h"
#include "lab/lab.h"
#include "lab/lab_service.h"

#define SMTP_LINE_MAX       2048
#define SMTP_RECIPIENTS_MAX 512
#define SMTP_SIZE_MAX       (32u << 20) /* default of smtp_host.size_max */
#define SMTP_ERRORS_MAX     20

struct smtp_host {
    const char *name;  /* "s1.lab.test" */
    const char *build; /* "5.5.2650" */
    size_t size_max;   /* octets of content */
    bool tls;          /* STARTTLS is offered */
    bool chunking;     /* CHUNKING is offered, BDAT is known */
    bool (*is_local)(void *owner, struct slice address);
    bool (*is_up)(void *owner);
    /* As lab_submit(). */
    uint64_t (*submit)(void *owner, const struct lab_submission *m, struct err *e);
    void *owner;
};

struct talk *smtp_talk_open(const struct smtp_host *host,
                            const struct net_addr *peer); /* host: borrowed; NULL peer: none */
void smtp_talk_close(struct talk *t);
enum talk_after smtp_talk_feed(struct talk *t, struct slice bytes);
void smtp_talk_secured(struct talk *t);
enum talk_after smtp_talk_down(struct talk *t);

#endif
