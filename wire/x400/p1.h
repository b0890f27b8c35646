/* p1.h - X.411's P1: messages, reports and probes as MTAs hand them to each other, in the encodings of 1984 and 1988.
 *
 * Reading copies lists into the caller's arena and borrows all octets, so both must outlive the result. It is tolerant in what
 * it does not need (order of members, unknown members, constructed strings, indefinite lengths) and believes nothing: lengths
 * and depth are ber.h's, counts those below, memory the arena's ceiling. What a sender left out stays out when it is written
 * again: a slice without pointer, a number of P1_NONE, bits not `set`. Writing goes backwards (ber.h) and allocates nothing.
 * Pure; any thread.
 */
#ifndef WIRE_X400_P1_H
#define WIRE_X400_P1_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/err.h"
#include "wire/token.h"
#include "wire/x400/ber.h"
#include "wire/x400/oraddr.h"

#define P1_NONE           (-1)
#define P1_RECIPIENTS_MAX 32767u /* X.411: ub-recipients */
#define P1_HOPS_MAX       512u   /* ub-transfers, ub-redirections */
#define P1_EXTENSIONS_MAX 64u    /* of one set */

struct p1_bits { /* bit 0 of the standard is the highest */
    bool set;
    uint8_t count;
    uint32_t bits;
};

#define P1_DISCLOSE          0x80000000u /* per message */
#define P1_NO_CONVERSION     0x40000000u
#define P1_ALTERNATE_ALLOWED 0x20000000u
#define P1_RETURN_CONTENT    0x10000000u

#define P1_RESPONSIBLE      0x80000000u /* per recipient */
#define P1_MTA_REPORT       0x40000000u
#define P1_MTA_NON          0x20000000u
#define P1_USER_REPORT      0x10000000u
#define P1_USER_NON         0x08000000u
#define P1_ASK_NOTHING      (P1_RESPONSIBLE | P1_MTA_NON)
#define P1_ASK_NON          (P1_RESPONSIBLE | P1_MTA_NON | P1_USER_NON)       /* a8 */
#define P1_ASK_BOTH         (P1_RESPONSIBLE | P1_MTA_REPORT | P1_USER_REPORT) /* d0 */
#define P1_OTHER_REDIRECTED 0x80000000u /* other actions of a trace element */
#define P1_OTHER_EXPANDED   0x40000000u

enum p1_priority { P1_NORMAL, P1_NON_URGENT, P1_URGENT };

enum p1_action { P1_RELAYED, P1_REROUTED };

enum p1_extension_number { /* those that have a form of their own here */
                           P1_EXT_REASSIGNMENT_PROHIBITED = 1,
                           P1_EXT_REQUESTED_ALTERNATE = 2,
                           P1_EXT_EXPANSION_PROHIBITED = 3,
                           P1_EXT_LOSS_PROHIBITED = 4,
                           P1_EXT_LATEST_DELIVERY = 5,
                           P1_EXT_CORRELATOR = 23,
                           P1_EXT_REDIRECTIONS = 25,
                           P1_EXT_EXPANSIONS = 26,
                           P1_EXT_ORIGIN_EXPANSIONS = 30,
                           P1_EXT_REPORTING_DL = 31,
                           P1_EXT_TRACE = 37,
                           P1_EXT_INTERNAL_TRACE = 38,
                           P1_EXT_REPORTING_MTA = 39,
};

struct p1_id { /* an MTS identifier */
    struct oraddr_domain domain;
    struct slice local; /* IA5, at most 32 */
};

struct p1_hop { /* one element of trace or internal trace */
    struct oraddr_domain domain;
    struct slice mta; /* internal trace only */
    struct slice arrival, deferred;
    int32_t action;                 /* enum p1_action */
    struct oraddr_domain attempted; /* absent: all three without text */
    struct slice attempted_mta;
    struct slice converted; /* encoded information types, as read */
    struct p1_bits other;
};

struct p1_hops {
    struct p1_hop *at;
    uint32_t count;
    bool set; /* there, perhaps empty */
};

struct p1_change { /* a redirection, or an expansion of a list */
    struct oraddr name;
    struct slice time;
    int32_t
        reason; /* of a redirection; 0 the recipient's alternate, 1 the originator's, 2 the domain's .. */
};

enum p1_form {             /* how an extension is held */
               P1_RAW,     /* value: the octets in its [2] */
               P1_NUMBER,  /* number */
               P1_TEXT,    /* value, with `tag` (IA5 or OCTET STRING) */
               P1_TIME,    /* value */
               P1_NAME,    /* name */
               P1_CHANGES, /* changes, count */
               P1_HOPS,    /* hops */
               P1_MTA,     /* hops.at[0]: domain and mta */
};

struct p1_extension {
    int32_t type; /* enum p1_extension_number or another; P1_NONE: `oid` */
    enum p1_form form;
    struct slice oid;
    struct p1_bits criticality;
    uint32_t tag, count;
    int64_t number;
    struct slice value;
    struct oraddr *name;
    struct p1_change *changes;
    struct p1_hops hops;
};

struct p1_extensions {
    struct p1_extension *at;
    uint32_t count;
    bool set;
};

struct p1_content_type {
    int32_t number; /* 2 P2, 22 P22; P1_NONE: `oid`, or not there */
    struct slice oid;
};

struct p1_recipient {
    struct oraddr name;
    int32_t number; /* as the originator's MTA counted them, from 1 */
    struct p1_bits indicators;
    int32_t conversion;
    struct p1_extensions extensions;
};

struct
    p1_message { /* also a probe, which has no priority, no deferred time and no content, but a length */
    struct p1_id id;
    struct oraddr originator;
    struct slice eits; /* encoded information types: what is in their [APPLICATION 5] */
    struct p1_content_type content_type;
    struct slice content_id;
    int32_t priority;
    struct p1_bits indicators;
    struct slice deferred;
    int64_t content_length; /* of a probe */
    struct slice bilateral; /* per-domain bilateral information, as read */
    struct p1_recipient *recipients;
    uint32_t recipient_count;
    struct p1_hops trace;
    struct p1_extensions extensions;
    struct slice content;
};

struct p1_reported { /* one recipient of a report */
    struct oraddr actual;
    int32_t number; /* the one of the subject: the key, since names change on the way */
    struct p1_bits indicators;
    struct slice arrival, converted;
    bool delivered;
    struct slice delivery;      /* time, if delivered */
    int32_t user;               /* type of user, if delivered */
    int32_t reason, diagnostic; /* if not */
    bool redirected;
    struct oraddr intended; /* if redirected: whom it was meant for */
    struct slice supplementary;
    struct p1_extensions extensions;
};

struct p1_report {
    struct p1_id id;
    struct oraddr destination; /* the originator of the subject */
    struct p1_hops trace;
    struct p1_extensions extensions; /* of the envelope */
    struct p1_id subject;
    struct p1_hops subject_trace;
    struct slice eits;
    struct p1_content_type content_type;
    struct slice content_id;
    struct slice returned, additional;
    struct p1_extensions content_extensions;
    struct p1_reported *recipients;
    uint32_t recipient_count;
};

enum p1_kind { P1_MESSAGE, P1_REPORT, P1_PROBE };

struct p1_apdu {
    enum p1_kind kind;

    union {
        struct p1_message message; /* P1_MESSAGE and P1_PROBE */
        struct p1_report report;
    };
};

/* One APDU, and nothing behind it. EX_WIRE says what was wrong where; EX_IO: the arena's ceiling. */
bool p1_read(struct slice apdu, struct arena *a, struct p1_apdu *out, struct err *e);
/* false: no room. 1984 leaves out extensions, other actions, and what oraddr_put() leaves out. */
bool p1_write(struct ber_out *o, const struct p1_apdu *apdu, enum x400_year year);

void p1_id_put(struct ber_out *o, const struct p1_id *id);
void p1_hops_put(struct ber_out *o, uint32_t tag, const struct p1_hops *h, enum x400_year year);
/* The contents of a trace ([APPLICATION 9], or an internal trace). */
bool p1_hops_read(const struct ber_element *e, struct arena *a, struct p1_hops *h, struct err *err);

/* The first extension of that type, or NULL. */
const struct p1_extension *p1_extension_find(const struct p1_extensions *x, int32_t type);
void p1_message_init(struct p1_message *m); /* everything absent */
void p1_report_init(struct p1_report *r);

/* --- whose is it --------------------------------------------------------------------------------------------------- */

struct
    p1_keys { /* what correlation needs, without an arena: borrowed; strings in pieces count as absent */
    enum p1_kind kind;
    struct p1_id id; /* of a report: the subject's */
    struct slice content_id, correlator;
    struct slice content; /* of a report: the returned content */
};

bool p1_keys_read(struct slice apdu, struct p1_keys *k); /* false: no APDU */

enum p1_by { P1_BY_NOTHING, P1_BY_ID, P1_BY_CONTENT_ID, P1_BY_CORRELATOR, P1_BY_CONTENT };

/* Whose token is in it: MTS identifier first, then content identifier, then correlator, then the content. */
enum p1_by p1_identify(const struct p1_keys *k, const struct token_key *key, uint64_t *message);

/* --- times --------------------------------------------------------------------------------------------------------- */

#define P1_TIME_CHARS 13 /* YYMMDDhhmmssZ */

void p1_time_write(int64_t unix_s, char out[P1_TIME_CHARS]);
/* YYMMDDhhmm, then ss or not, then Z or +hhmm or -hhmm; years 50 to 99 are of the last century. */
bool p1_time_read(struct slice utc, int64_t *unix_s);

#endif
