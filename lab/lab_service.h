/* lab_service.h - what the SMTP and the IMAP front of a server share: a listener, its connections, and when they write.
 *
 * A service knows octets and no protocol. Its conversations (`struct talk_ops`) are fed what came, leave what is to be said in
 * a buffer, and never see a stream. All replies to one read leave in one write; while a peer does not take them, nothing
 * more is read from it. When the site has changed, conversations are asked (at most every 2 ms) whether they have news.
 * Everything on the site's loop. Private to lab/.
 */
#ifndef LAB_LAB_SERVICE_H
#define LAB_LAB_SERVICE_H

#include "base/bytes.h"
#include "base/clock.h"
#include "base/loop.h"
#include "base/tls.h"
#include "lab/lab_site.h"

enum talk_after {
    TALK_GO_ON,
    TALK_MORE,   /* has more to say when this is sent; nothing is read until then */
    TALK_SECURE, /* the handshake begins when this is sent; what the peer sent already is forgotten */
    TALK_CLOSE, /* when this is sent */
};

struct talk_ops {
    const char *component; /* of the lab: "smtp" */
    const char *busy;      /* said to the connection too many */
    /* A new conversation, its greeting in talk->out. */
    struct talk *(*open)(void *owner, const struct net_addr *peer);
    void (*close)(struct talk *t);
    enum talk_after (*feed)(struct talk *t, struct slice bytes); /* takes all of it */
    enum talk_after (*more)(struct talk *t);                     /* NULL: never asks for it */
    enum talk_after (*news)(struct talk *t); /* the site has changed; NULL: no matter */
    void (*secured)(struct talk *t);
    enum talk_after (*down)(struct talk *t); /* the component was taken down */
};

struct talk {       /* each conversation begins with this */
    struct buf out; /* what is to be said; the service empties it */
};

struct service_config {
    struct lab_site *site;
    int server;
    struct tls_context *tls; /* borrowed; NULL: no STARTTLS */
    const struct talk_ops *ops;
    void *owner; /* for open() */
};

struct service;
struct service *service_listen(const struct service_config *c, const struct net_addr *at,
                               struct err *e);
struct net_addr service_addr(const struct service *sv);
void service_close(struct service *sv); /* closes its connections too; NULL is fine */

/* Of the site, for its fronts. */
const struct run_clock *lab_site_clock(const struct lab_site *s); /* loop time to lab time */
struct loop *lab_site_loop(struct lab_site *s);
uint64_t lab_site_changes(const struct lab_site *s); /* grows when anything has happened */
void lab_site_touch(struct lab_site *s); /* a front has changed the core: mail, flags, expunge */

#endif
