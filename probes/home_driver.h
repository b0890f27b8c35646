/* home_driver.h - what home_lookup.c asks where no URL and no command knows: each server's IMAP, or an LDAP directory.
 *
 * A driver answers each question once, from the loop, with the servers that claim the mailbox. No claim: `why` says what was
 * found instead. Not for other folders.
 */
#ifndef PROBES_HOME_DRIVER_H
#define PROBES_HOME_DRIVER_H

#include "base/template.h"
#include "probes/probe.h"

#define HOME_CLAIMS 16

struct home_claims { /* servers that are said to be the home, each once */
    uint32_t servers[HOME_CLAIMS];
    unsigned count;
};

struct home_driver { /* the first member of each driver's own struct */
    struct probe_context context;
    const struct lookup_profile *how;
    const struct site *site;
    void (*answered)(void *owner, const struct home_claims *claims, const char *why);
};

struct home_driver_ops {
    const char *name;
    unsigned at_once; /* questions under way */
    /* Every question can be put into words: found out here. NULL with e. */
    struct home_driver *(*create)(const struct home_driver *common, struct err *e);
    void (*ask)(struct home_driver *d, uint32_t mailbox, void *owner);
    void (*destroy)(struct home_driver *d); /* no answered() follows; NULL is fine */
};

extern const struct home_driver_ops home_imap, home_ldap;

void home_claim(struct home_claims *c, uint32_t server);

/* The server that a value names: by its name or one of its `match` texts, standing in the value as a whole word (ASCII case
 * ignored); the longest text wins. SITE_NONE: none, or two by texts of one length. */
uint32_t home_named(const struct site *site, struct slice value);

/* Fills in {mailbox} {address} {local} {domain} {user}. With `escaped`, what is no letter, digit or one of ._@- becomes a
 * backslash and two hex digits: fit for LDAP's filters and DNs (RFC 4515 section 3, RFC 4514 section 2.4). */
bool home_fill(const struct mailbox *box, const char *text, bool escaped, struct buf *out,
               struct err *e);

#endif
