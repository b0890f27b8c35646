/* fake_imap.h - an IMAP server of a few messages on a loop, for tests of what reads mailboxes: obedient, unless told not to be.
 *
 * One mailbox, any number of sessions. The test changes the fields while the loop runs; sessions notice at their next
 * NOOP, EXAMINE or, when idling, by fake_imap_push().
 */
#ifndef TESTS_PROBES_FAKE_IMAP_H
#define TESTS_PROBES_FAKE_IMAP_H

#include "base/bytes.h"
#include "base/loop.h"

#define FAKE_IMAP_MESSAGES 102400

struct fake_imap_message {
    uint32_t uid;
    char *text; /* owned */
    size_t n;
};

struct fake_imap_session;

struct fake_imap {
    struct loop *loop;
    struct listener *listener;
    struct fake_imap_session *sessions;
    struct fake_imap_message messages[FAKE_IMAP_MESSAGES];
    uint32_t count, validity, uidnext;
    bool idle;              /* offer IDLE */
    bool idle_ends;         /* and answer it at once */
    bool idle_late;         /* news of the first moment of IDLE come before its "+" */
    const char *greeting;   /* NULL: an ordinary one */
    const char *refusal;    /* of LOGIN: "NO no such user"; NULL: let in */
    const char *bad_answer; /* sent instead of every answer to NOOP */
    struct slice late;      /* a message that comes while the next FETCH is answered */
    uint32_t expunged;      /* the UID of a message that goes just before it is fetched; 0: none */
    uint32_t expunged_late; /* ... that goes just before its whole text is fetched */
    uint32_t unreadable;    /* the UID of a message whose text is NIL; 0: none */
    const char *trap;       /* stands within each answer's header fields; NULL: nothing */
    uint32_t bye_after;     /* FETCH answers; 0: never */
    bool bye_at_bodies;     /* instead of answering the first FETCH of whole texts */
    uint32_t cut_after;  /* FETCH answers, then half of one, and the connection is gone; 0: never */
    const char *literal; /* announced instead of the size of every text: "{99}"; NULL: the truth */
    bool renumbers;      /* UIDVALIDITY changes while the next FETCH is answered */
    const char *no_mailbox; /* answer to EXAMINE: "NO [NONEXISTENT] gone"; NULL: it opens */
    const char *listed;     /* LIST of a name with this in it is answered, ... */
    const char *list_words; /* ... with these attributes; NULL: \\HasNoChildren */
    bool mute;              /* answers neither EXAMINE nor LIST */
    uint32_t log_ons, examines, noops, fetches, searches, idles, logouts, lists;
    uint32_t headers, bodies; /* messages whose fields, and whose whole text, were fetched */
    char last_log_on[256];
};

void fake_imap_start(struct fake_imap *f, struct loop *l, const struct net_addr *at);
void fake_imap_stop(struct fake_imap *f);
void fake_imap_add(struct fake_imap *f, const void *text, size_t n); /* the next UID */
void fake_imap_remove(struct fake_imap *f, uint32_t uid);
void fake_imap_renumber(struct fake_imap *f);              /* a new UIDVALIDITY, UIDs from 1 */
void fake_imap_push(struct fake_imap *f);                  /* tells idling sessions what changed */
void fake_imap_bye(struct fake_imap *f, const char *line); /* sends all sessions away */

#endif
