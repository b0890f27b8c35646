/* core.h - what the parts of the lab share: the site's state. Private to lab/; others use lab.h.
 *
 * Mailboxes and servers are numbers everywhere; (server, mailbox) finds a box, a cache line and a directory entry
 * without a search. Copies lie in exactly one server's list from acceptance to their end.
 */
#ifndef LAB_CORE_H
#define LAB_CORE_H

#include "base/rng.h"
#include "lab/directory.h"
#include "lab/fault.h"
#include "lab/lab.h"
#include "lab/lab_move.h"
#include "lab/mail.h"
#include "lab/mta.h"
#include "lab/plant.h"
#include "lab/schedule.h"
#include "lab/store.h"
#include "lab/truth.h"

struct mailbox {
    char *name, *password, *address; /* address: name@domain */
    bool is_foreign;                 /* lives behind the X.400 connector */
    bool half_moved; /* a move ended, and the directory still names the old server (Q177782) */
};

enum front { FRONT_SMTP, FRONT_IMAP, FRONT_HTTP, FRONT_P1, FRONTS };

struct lab_server {
    char *name;
    bool mta_up, store_up, store_hung, front_up[FRONTS];
    struct mta mta;
    struct box *box; /* [mailbox] */
};

struct lab {
    const struct version_row *version;
    struct knobs knobs;
    char *domain, *site;
    struct lab_server server[LAB_SERVERS_MAX];
    int servers;
    struct mailbox *mailbox;
    uint32_t mailboxes;
    uint32_t *name_index, name_mask; /* open addressing; mailbox + 1, 0: free */

    struct schedule schedule;
    uint64_t now_ns;
    struct directory *directory;
    struct moves moves;
    struct truth *truth;
    struct plants plants;
    struct buf scratch; /* for the text of reports */
    struct copy *spare; /* ended copies, to be used again; linked by next */
    uint64_t dated_s;   /* the second that `date` is of, plus one */
    char date[MAIL_DATE_ROOM];
    uint64_t seed, draws, mails, copies, reports, handouts;
    uint32_t validity; /* the last UIDVALIDITY given */
};

bool lab_has(const struct lab *l, enum fault_bit bit);
bool lab_chance(struct lab *l, uint64_t percent); /* the next draw */
/* An address of the site's domain, or a bare name; a foreign mailbox by its name whatever the domain. NO_MAILBOX: nobody. */
uint32_t lab_find_mailbox(const struct lab *l, struct slice address);
int lab_find_server(const struct lab *l, const char *name); /* -1: none */
bool lab_set_component(struct lab *l, int server, const char *component, bool up, struct err *e);
void lab_write_final(struct lab *l); /* all copies and entries, into the truth file */
/* A line of the truth about the site itself. */
void lab_note(struct lab *l, const char *word, uint32_t mailbox, int server, const char *detail);

#endif
