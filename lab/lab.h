/* lab.h - the embedded Exchange-style site: a deterministic core, driven by whoever owns the time.
 *
 * The core has no socket, clock or thread: time is handed in (target ns since the site started), everything random comes
 * from the seed, and every delay is an event in one heap. Fronts (lab_smtp, lab_imap, lab_http) translate between
 * streams and the calls below; unit tests and the stochastic sweeps drive the calls directly. The model is that of
 * Microsoft's articles Q172364, Q248839 and relatives, not of Exchange's source; each unattested choice is a knob.
 * One thread at a time. Names (servers, mailboxes) are short ASCII words; an address is <mailbox>@<domain>.
 */
#ifndef LAB_LAB_H
#define LAB_LAB_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"

#define LAB_SERVERS_MAX 16
#define LAB_FOREIGN     (-2) /* as a home: behind the X.400 connector that every server has */
/* Goes before the site's domain where the lab itself writes the address of such a mailbox: joe@ours.lab.test. */
#define LAB_FOREIGN_DOMAIN "ours."

struct lab;

struct lab_mailbox_config {
    const char *name;
    int home;              /* server index, or LAB_FOREIGN: a custom recipient */
    bool both;             /* deliver to both; false: redirect only */
    const char *alternate; /* mailbox name, or NULL */
    const char *password;
    uint64_t stock_bytes; /* content that only makes a move take its time; */
    uint32_t stock_items; /* never listed over IMAP, never accounted */
};

struct lab_knob {
    const char *name, *value; /* as in lab-model section 3; durations with units */
};

struct lab_config {
    const char *version; /* a row of the version table: "5.5-sp3" */
    const char *domain;  /* "lab.test" */
    const char *site;    /* "50site": shown in reports */
    const char *const *server_names;
    int servers; /* 1..LAB_SERVERS_MAX */
    const struct lab_mailbox_config *mailboxes;
    uint32_t mailbox_count;
    const struct lab_knob *knobs; /* over the version's */
    uint32_t knob_count;
    const struct lab_knob *plants; /* faults to plant, and how many of each (lab/plant.h) */
    uint32_t plant_count;
    uint64_t seed;
    const char *truth_path; /* written as it happens; NULL: none */
};

struct lab *lab_create(const struct lab_config *c, struct err *e);
void lab_destroy(struct lab *l); /* closes the truth file; NULL is fine */
uint64_t
lab_next_ns(const struct lab *l); /* when something happens next; NEVER_NS: nothing planned */
void lab_run_until(struct lab *l,
                   uint64_t now_ns); /* all events up to and including now; time never goes back */
uint64_t lab_now_ns(const struct lab *l);
const char *lab_version_name(int row); /* the version table's names in order; NULL past the end */

/* --- mail comes in -------------------------------------------------------------------------------------------- */

struct lab_recipient {
    struct slice address;
    struct slice orcpt;  /* "rfc822;joe@lab.test", or empty */
    bool never;          /* NOTIFY=NEVER */
    bool success, delay; /* NOTIFY=SUCCESS, DELAY */
    uint32_t number;     /* X.400: index in the APDU's list */
};

enum lab_priority { LAB_NORMAL, LAB_NON_URGENT, LAB_URGENT }; /* as X.411 counts */

struct lab_submission {
    struct slice from; /* empty: the null sender */
    struct slice envid;
    bool ret_hdrs; /* RET=HDRS */
    const struct lab_recipient *recipients;
    uint32_t count;
    struct slice content; /* as it came after undoing dot stuffing, CRLF lines; copied */
    const char *client;   /* who sent it, for Received: and the tracking log */
    /* X.400 only: */
    struct slice
        apdu; /* the message as it came, of which reports and relayed mail are made; copied; empty: SMTP */
    struct slice mts_id; /* "c=US;a= ;p=POSTMUSTER;l=pm.abc", as reports in text name it */
    enum lab_priority priority;
    uint64_t deferred_ns, latest_ns; /* target time: not before, not after; 0: not asked for */
    bool no_reassignment;            /* extension 1: may not go to the alternate */
};

/* Is there such a mailbox or address in this server's view? Exchange accepts unknown local addresses and reports them
 * later; the SMTP front asks only for foreign domains. */
bool lab_is_local(const struct lab *l, struct slice address);
/* Of a mailbox behind the X.400 connector? Those are known by their name, whatever the domain. */
bool lab_is_foreign(const struct lab *l, struct slice address);
bool lab_component_up(const struct lab *l, int server,
                      const char *component); /* smtp p1 mta store directory imap http */
/* Takes responsibility. Returns the queue id (also in the 250 text), never 0; 0 with e: cannot take it now (4xx). */
uint64_t lab_submit(struct lab *l, int server, const struct lab_submission *m, struct err *e);

/* --- mail goes out by X.400 ------------------------------------------------------------------------------------ */

/* What a server's connector is to hand over; borrowed until lab_outgoing_ended(). */
struct lab_outgoing {
    uint64_t id;
    /* Of the message, or of the one that the report is about; empty: that came by SMTP. */
    struct slice apdu;
    struct slice from;     /* address of its originator; a report's destination */
    struct slice to;       /* whom it goes to; of a report: whom it names */
    struct slice intended; /* if `to` is that one's alternate: who the alternate is of */
    struct slice subject;  /* of the message, or of the one that the report is about; as stored, */
    struct slice content;  /* header and all, without the site's own trace lines */
    const char *mts_id;    /* local part: of the message or report itself */
    uint64_t at_ns;        /* when it was accepted; of a report: when it was made */
    uint32_t number;       /* the recipient's index in that APDU */
    int reason, diag;      /* of a report that is not `delivered`; 255: no diagnostic */
    bool is_report, delivered;
};

/* The longest waiting entry for this server's connector, which is in transfer from now on; false: none. */
bool lab_outgoing_next(struct lab *l, int server, struct lab_outgoing *out);
/* It was taken (and is here no more), or was not: tried again after the open interval. Unknown ids are ignored. */
void lab_outgoing_ended(struct lab *l, int server, uint64_t id, bool taken);

/* --- mailboxes are read ---------------------------------------------------------------------------------------- */

enum lab_logon {
    LAB_LOGON_OK,
    LAB_LOGON_WRONG,  /* no such user anywhere, or a wrong password */
    LAB_LOGON_ABSENT, /* the user exists, the mailbox is not on this server */
    LAB_LOGON_MOVING, /* being moved: refused for now (Q259541) */
    LAB_LOGON_DOWN,   /* store down or hung */
};

struct lab_item {
    uint32_t uid;
    uint64_t arrived_ns;
    struct slice content; /* borrowed until the next lab_run_until() or control call */
    bool deleted;         /* \Deleted */
    bool hidden;          /* planted: counted, and never shown */
};

enum lab_logon lab_logon(const struct lab *l, int server, struct slice user, struct slice password,
                         uint32_t *mailbox);
/* Whether a log-on given earlier still stands (a move closes it); the front says BYE when it does not. */
bool lab_logon_stands(const struct lab *l, int server, uint32_t mailbox, uint32_t uid_validity);
uint32_t lab_uid_validity(const struct lab *l, int server, uint32_t mailbox);
uint32_t lab_uid_next(const struct lab *l, int server, uint32_t mailbox);
uint32_t lab_item_count(const struct lab *l, int server, uint32_t mailbox);
bool lab_item_at(const struct lab *l, int server, uint32_t mailbox, uint32_t index,
                 struct lab_item *out);
void lab_item_set_deleted(struct lab *l, int server, uint32_t mailbox, uint32_t index,
                          bool deleted);
void lab_expunge(struct lab *l, int server, uint32_t mailbox,
                 uint32_t index); /* recorded in the truth file */
uint32_t lab_expunge_deleted(struct lab *l, int server,
                             uint32_t mailbox); /* all at once; returns how many */

/* --- names ------------------------------------------------------------------------------------------------------ */

int lab_server_count(const struct lab *l);
const char *lab_server_name(const struct lab *l, int server);        /* NULL past the end */
const char *lab_mailbox_name(const struct lab *l, uint32_t mailbox); /* NULL past the end */
const char *lab_domain(const struct lab *l);                         /* "lab.test" */
const char *lab_build(const struct lab *l); /* "5.5.2650": what banners show */
bool lab_chunking(const struct lab *l);     /* its SMTP service offers CHUNKING */

/* --- control ---------------------------------------------------------------------------------------------------- */

/* One request of the control API (docs/lab-control.md): a pure function of the lab's state. `body` may be NULL. Returns
 * a new JSON value and an HTTP status; errors are {"error": "..."} with 400, 404 or 409. */
json_t *lab_control(struct lab *l, const char *method, const char *path, const json_t *body,
                    int *status);

#endif
