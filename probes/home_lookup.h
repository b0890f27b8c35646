/* home_lookup.h - which server the directory says a mailbox lives on: asked over HTTP, by a command, by IMAP or LDAP.
 *
 * Answers are {"directories":[{"server","home","version"}]}, of which the highest version decides; {"home":"s2"}; a line
 * with the server's name; the server whose IMAP has the mailbox; an attribute that names it. A mailbox that is watched is asked for every period; others when told. EV_HOME is journalled for
 * the first answer and when it changes. A failing server is given up for the next one that has a control URL. Up to eight
 * requests, four mailboxes by IMAP, or two commands, are under way at once. On one loop; nothing blocks.
 */
#ifndef PROBES_HOME_LOOKUP_H
#define PROBES_HOME_LOOKUP_H

#include "probes/probe.h"

struct home_answer {
    bool ok;
    bool differ;       /* directories name different homes */
    uint32_t home;     /* server index */
    uint32_t was;      /* the home known before; SITE_NONE: none */
    uint64_t begin_ns; /* loop time at which it was asked */
    unsigned failures; /* in a row, this one too */
    const char *why;   /* borrowed; "" if ok */
};

struct home_lookup;

/* answered() for every answer, from the loop. */
struct home_lookup *home_lookup_create(const struct probe_context *c,
                                       void (*answered)(void *owner, uint32_t mailbox,
                                                        const struct home_answer *a),
                                       void *owner, struct err *e);
void home_lookup_destroy(struct home_lookup *h); /* NULL is fine */
/* One look-up that begins from now on; asking again before it has begun changes nothing. */
void home_lookup_ask(struct home_lookup *h, uint32_t mailbox);
/* Every period from now on; as often stopped as begun. */
void home_lookup_watch(struct home_lookup *h, uint32_t mailbox, bool on);
uint32_t home_lookup_home(const struct home_lookup *h, uint32_t mailbox); /* SITE_NONE: not known */

#endif
