/* report.h - a mail to what it reports: NDRs and DSNs as RFC 3464, in Exchange's prose, or in the prose of others.
 *
 * What a report means is judged, not copied: see report_recipient's flags and docs/ndr.md.
 *
 * Reports come from anywhere and are hostile: everything is bounded (4 MiB of a mail are looked at, 200 parts, 16 deep, 256
 * recipients, text of 64 KiB) and copied into the caller's arena. Nothing here knows whose messages they are about; probes/ndr
 * does. MIME is GMime's; the first call initialises it. Any thread.
 */
#ifndef WIRE_REPORT_H
#define WIRE_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"

#define REPORT_RECIPIENTS_MAX 256
#define REPORT_TEXT_MAX       65536u

enum report_action { /* what became of a recipient; only FAILED is terminal and bad */
                     ACTION_NONE,
                     ACTION_FAILED,
                     ACTION_DELAYED,
                     ACTION_DELIVERED,
                     ACTION_RELAYED,
                     ACTION_EXPANDED,
};

enum report_sort {
    SORT_MAIL,       /* an ordinary message */
    SORT_REPORT,     /* recipients[] tells */
    SORT_UNREADABLE, /* has the looks of a report and names nobody */
    SORT_AUTO_REPLY, /* out of office, read receipts: no statement about delivery */
    SORT_FEEDBACK,   /* an abuse report: none either; recipients[] have no action */
};

struct report_recipient {
    const char *final, *original; /* an address; in prose perhaps a display name or DN; "" none */
    enum report_action action;
    unsigned status[3]; /* class, subject, detail; class 0: none */
    unsigned reply;     /* SMTP reply code; 0 none */
    const char *diagnostic;
    int reason, code; /* X.400 reason and diagnostic; -1 none */
    bool expired;     /* failed since time ran out; nobody refused it */
    bool judged;      /* the action is ours: the report's own word for it is wrong */
    bool guessed; /* the report names nobody: the one addressee of the message that it returns */
    bool handed_over; /* the report names a Remote-MTA */
};

struct report {
    enum report_sort sort;
    bool standard; /* RFC 3464 throughout */
    const char
        *format; /* "rfc3464", "exchange", a product of report_products.c, "prose"; "" no report */
    /* All "" where the mail has none. */
    const char *message_id, *subject, *to;             /* the report's own */
    const char *original_message_id, *returned;        /* of the returned message: id, header */
    const char *envid, *reporting_mta, *mts_id, *text; /* text: its parts for people, decoded */
    struct report_recipient *recipients;
    uint32_t count;
};

/* false: the arena's ceiling was reached. */
bool report_read(struct arena *a, struct slice mail, struct report *r);
/* A look at the header alone: is report_read() worth its cost? Never false for a report. */
bool report_suspect(struct slice mail);

#define REPORT_TOKEN_CHARS 26

/* Our token by its looks, wherever it stands; nobody vouches for it. out is NUL-terminated, "" when there is none. */
bool report_token(const struct report *r, struct slice mail, char out[REPORT_TOKEN_CHARS + 1]);
/* The report in one word: the gravest of its recipients' actions, "auto-reply", "feedback", "unreadable" or "none". */
const char *report_kind(const struct report *r);
const char *report_action_name(enum report_action a); /* "failed"; "?" */
const char *report_sort_name(enum report_sort s);

#endif
