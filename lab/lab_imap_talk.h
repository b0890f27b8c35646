/* lab_imap_talk.h - the server half of IMAP4rev1 (RFC 3501) for one INBOX, fed octets and knowing no socket.
 *
 * Offered: LOGIN, AUTHENTICATE PLAIN (SASL-IR), SELECT, EXAMINE, STATUS, LIST, FETCH, SEARCH, STORE of \Deleted, EXPUNGE,
 * CLOSE, IDLE, STARTTLS, literals of both kinds. A session keeps its own view of the mailbox (UIDs in order), so sequence
 * numbers change only where the protocol lets them. Answers to FETCH are made piece by piece as the peer takes them. A
 * log-on that a move has ended is told with BYE. Private to lab/.
 */
#ifndef LAB_LAB_IMAP_TALK_H
#define LAB_LAB_IMAP_TALK_H

#include "base/net.h"
#include "lab/lab_service.h"

struct imap_host {
    struct lab_site *site;
    int server;
    const char *name; /* "s1.lab.test" */
    bool tls;         /* STARTTLS is offered */
};

struct talk *imap_talk_open(const struct imap_host *host,
                            const struct net_addr *peer); /* host: borrowed */
void imap_talk_close(struct talk *t);
enum talk_after imap_talk_feed(struct talk *t, struct slice bytes);
enum talk_after imap_talk_more(struct talk *t);
enum talk_after imap_talk_news(struct talk *t);
void imap_talk_secured(struct talk *t);
enum talk_after imap_talk_down(struct talk *t);

#endif
