/* imap_private.h - one IMAP mailbox's probe, as its two halves see it: sessions (probe_imap.c) and polls (imap_poll.c).
 */
#ifndef PROBES_IMAP_PRIVATE_H
#define PROBES_IMAP_PRIVATE_H

#include "probes/correlate.h"
#include "probes/imap_sweep.h"
#include "probes/known.h"
#include "wire/imap.h"

#define IMAP_SILENCE_NS                                                                            \
    (60 * NS_PER_S) /* no octet for so long with a command open: the session is dead */
#define IMAP_IDLE_NS  (1200 * NS_PER_S) /* RFC 2177: less than 29 minutes */
#define IMAP_OPEN_MAX 4

enum imap_place {          /* where the session is */
                  AT_REST, /* no session; the timer redials */
                  AT_DIALING,
                  AT_COMMAND, /* answers are outstanding */
                  AT_READY,   /* between polls */
                  AT_IDLE,    /* IDLE is open; "+" may not have come yet */
};

enum imap_asked {
    ASKED_NOTHING,
    ASKED_CAPABILITY,
    ASKED_EXAMINE,
    ASKED_NOOP,
    ASKED_LIST,
    ASKED_FETCH,
    ASKED_IDLE
};

struct imap_open {
    uint32_t tag;
    enum imap_asked what;
};

struct imap_poll {
    uint64_t began_ns;
    bool asked;   /* a complete scan was asked for before it began */
    bool fresh;   /* by EXAMINE: the count alone proves nothing */
    bool changed; /* something came or went */
    unsigned rounds;
    uint32_t exists; /* when a fresh poll asked for all that came; 0: it did not */
};

struct imap_probe {
    struct probe p; /* first */
    struct probe_context c;
    const struct probe_profile *how;
    enum imap_place at;
    struct stream *stream;
    struct imap_in in;
    struct buf out;
    struct timer timer,
        told; /* told: scanned() comes from the loop, where the probe may be closed */
    uint64_t heard_ns, tried_ns, wanted_ns; /* loop time; wanted 0: no scan asked for */
    uint32_t next_tag, tries;               /* tries: failures in a row */
    struct imap_open open[IMAP_OPEN_MAX];
    unsigned open_count;
    bool has_idle, selected;
    bool must_list;            /* something may have gone: UID SEARCH ALL is due */
    bool idle_open, idle_over; /* "+" came; and DONE follows it at once */
    bool absent_told;          /* EV_SCAN said so */
    /* the mailbox as the server tells it */
    uint32_t exists, uidnext, validity,
        known_uidnext; /* validity, known_uidnext: of what is known */
    struct known known;
    struct sweep sweep;
    uint32_t epoch;
    bool reset; /* the next complete scan says SCAN_RESET */
    struct imap_poll poll;
    uint32_t next; /* of known.listed: what is to be fetched next */
    char why[200];
};

static inline uint64_t imap_now(const struct imap_probe *p)
{
    return loop_now(p->c.loop);
}

/* ---- sessions ---- */

void imap_tell_muster(struct imap_probe *p);
/* The session is over: not answered, not to be understood, gone without a word: counted, and tried again later and later. */
void imap_failed(struct imap_probe *p, const char *why);
/* ... refused for now, or sent away in order: tried again after a period. */
void imap_refused(struct imap_probe *p, const char *why);
/* ... there is no such mailbox here: nothing can be in it. */
void imap_absent(struct imap_probe *p, const char *why);
bool imap_send(struct imap_probe *p); /* false: the session is over */
uint32_t imap_open_command(struct imap_probe *p, enum imap_asked what); /* its tag */
/* Leaves IDLE, because the server said something or a scan is wanted; not before the "+" is there. */
void imap_leave_idle(struct imap_probe *p);

/* ---- polls ---- */

void imap_begin_epoch(struct imap_probe *p);
void imap_forget_all(struct imap_probe *p); /* UIDs mean something else from now on, or nothing */
/* A complete scan that began at began_ns. */
void imap_complete_scan(struct imap_probe *p, uint64_t began_ns, bool absent);
/* Does a scan that began at began_ns answer whoever asked? */
bool imap_is_asked(const struct imap_probe *p, uint64_t began_ns);
void imap_poll_begin(
    struct imap_probe *p,
    bool is_new); /* EXAMINE when somebody asked, or the session is new; else NOOP */
void imap_poll_answer(struct imap_probe *p, const struct imap_response *r);

#endif
