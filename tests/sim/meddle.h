/* meddle.h - a meddler that cuts SMTP, P1 and IMAP connections of a simulated run, each at a place drawn from its seed.
 *
 * Of the SMTP connections a share is cut: after any octet from the client; at the end of a message, after 0 to 5 octets
 * of CRLF.CRLF (0: nothing of it passed; 5: the server has the message and the client hears no more); or before the
 * reply is whole; with chunks the last five octets of the last one (BDAT LAST) stand for CRLF.CRLF. So it goes with X.400's: the end of a message is the ACTIVITY END, the reply its acknowledgement; also
 * where the site calls us with reports, but not with mail of ours, which it would rightly send twice. IMAP connections are
 * cut after any octet either way, so that mailboxes are read again and again.
 */
#ifndef TESTS_SIM_MEDDLE_H
#define TESTS_SIM_MEDDLE_H

#include "base/loop_sim.h"
#include "profiles/profile.h"

#define MEDDLE_CONNECTIONS 4096

enum cut_kind { CUT_NOTHING, CUT_OCTET, CUT_END, CUT_REPLY, CUT_SERVER_OCTET };

enum closing_kind { CLOSE_DATA, CLOSE_BDAT, CLOSE_P1, CLOSE_KINDS };

#define CLOSING_OCTETS 10 /* at most so many belong to an end */

struct closing { /* how a message ends on the wire */
    unsigned char octets[8];
    uint8_t n, behind; /* octets that still belong to it */
    enum closing_kind kind;
    uint8_t again; /* how much of it may already be the beginning of the next */
};

struct cut {
    bool drawn;
    const struct closing *closing;
    enum cut_kind kind;
    uint32_t message; /* CUT_END, CUT_REPLY: which of the connection's, from 0 */
    uint32_t octet;   /* how many more may pass */
    uint32_t messages;
    uint8_t matched; /* octets of the ending that have passed */
    bool armed;      /* CUT_REPLY: its message has passed */
    char line[32];   /* SMTP: how the line at hand begins */
    uint8_t line_n;
    bool last;     /* the chunk at hand is the last of its message */
    uint64_t left; /* octets of it that are still to come; 0: none is under way */
};

struct meddle {
    struct sim_meddler meddler; /* hand in &meddler */
    uint64_t seed;
    uint32_t smtp_percent, imap_percent; /* of connections */
    const struct site *site;             /* NULL until the site has addresses: nothing is cut */
    bool mail_of_ours;                   /* what the site sends us is more than reports */
    uint64_t cuts;
    uint64_t ends[CLOSE_KINDS]
                 [CLOSING_OCTETS + 1]; /* cuts at ends, by octets of the end that had passed */
    void (*watch)(void *owner);        /* called at every write of anybody; NULL: nobody watches */
    void *watcher;
    struct cut cut[MEDDLE_CONNECTIONS]; /* later connections are left alone */
};

void meddle_init(struct meddle *m, uint64_t seed, uint32_t smtp_percent, uint32_t imap_percent);
/* For struct sim_order's armed. */
void meddle_site(void *owner, const struct profile *p);

#endif
