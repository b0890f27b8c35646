/* site.h - the servers, end points, mailboxes, homes and alternates that a profile describes. Plain data in the profile's
 * arena; everybody above reads it. With a lab, app fills in the end points after the lab listens; else they are resolved
 * at arm. Immutable once the run is armed.
 */
#ifndef PROFILES_SITE_H
#define PROFILES_SITE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/net.h"

#define SITE_NONE UINT32_MAX
#define SITE_OURS "ours" /* name of the server that is our own MTA; the last one, if there is one */

enum tls_mode { TLS_NONE, TLS_STARTTLS, TLS_IMPLICIT };

struct end_point {
    const char *text;     /* "host:port" as written; NULL: none */
    struct net_addr addr; /* resolved; family 0 until then */
    enum tls_mode tls;
};

#define SELECTOR_MAX 32

struct selector { /* of X.400's layers, as octets; n 0: none */
    uint8_t n;
    unsigned char p[SELECTOR_MAX];
};

struct p1_end_point { /* an MTA that speaks X.400 P1 */
    struct end_point at;
    const char *mta, *password; /* what it calls itself in binds, and says; NULL: anything goes */
    struct selector tsel, ssel, psel;
};

struct server {
    const char *name;
    struct end_point smtp, lmtp, imap, pop3;
    struct p1_end_point p1;
    bool ours; /* our own MTA: what lives here is seen by our listeners, and nowhere else */
    const char *control;         /* base URL of its control or admin API; NULL: none */
    const char *ca_file;         /* NULL: system trust */
    bool insecure;               /* TLS without verification: lab and private addresses only */
    bool tickets;                /* senders resume TLS sessions where the server lets them */
    const char *user, *password; /* AUTH of senders; NULL: none */
    const char *imap_master,
        *imap_master_password; /* logs on for everybody; NULL: each for himself */
    const char *const *match;  /* what directories call it, besides its name; NULL: nothing else */
};

struct mailbox {
    const char *name, *address;
    const char *user, *password; /* IMAP log-on */
    uint32_t group, index;       /* which group, and which of it */
    uint32_t home;               /* server index at the start */
    uint32_t alternate;          /* mailbox index or SITE_NONE */
    bool both;
    uint64_t stock_ns; /* how long a move's copying takes (lab: filled accordingly) */
};

struct group {
    const char *name;
    uint32_t first, count; /* mailboxes[first .. first + count) */
};

struct site {
    struct server *servers;
    uint32_t server_count;
    struct mailbox *mailboxes;
    uint32_t mailbox_count;
    struct group *groups;
    uint32_t group_count;
    const char *domain;
    uint32_t *by_address, *by_name; /* hash tables of mailbox index + 1; NULL: look-ups walk */
    uint32_t table_mask;
};

/* Makes the two tables; after that names and addresses must not change. false: out of memory. */
bool site_index(struct site *s, struct arena *a);

uint32_t site_server(const struct site *s, const char *name); /* SITE_NONE if unknown */
uint32_t site_group(const struct site *s, const char *name);
uint32_t site_ours(const struct site *s); /* SITE_NONE: we have no listener */
uint32_t site_mailbox(const struct site *s, const char *name);
/* By address, ASCII case ignored; "+detail" of the local part ignored too. SITE_NONE if not ours. Hashed: O(1). */
uint32_t site_address(const struct site *s, const unsigned char *address, size_t n);

#endif
