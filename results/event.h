/* event.h - the 32-byte record that everything which happens becomes, and its names.
 *
 * Little endian, as it stands in memory on the machines we run on (asserted). A fold over events is order-free and
 * idempotent: bits by or, times by min, epochs and ordinals by max. Numbers (servers, mailboxes, moves) are indices into
 * the manifest's tables. Times are target ns since the load began; what happened before is clamped to 0.
 *
 * "Message slot" below is the first slot of a message: number * stride. A recipient's primary slot is message slot +
 * 2 * recipient index, its alternate slot one more (stride 1: the message slot is the only one).
 */
#ifndef RESULTS_EVENT_H
#define RESULTS_EVENT_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

#define NO_INDEX UINT32_MAX /* "none" wherever an event carries an index */

// clang-format off
/* kind, name, what its fields are (postmuster-journal(5) lists them); fields that are not named are 0 */
#define EVENT_KINDS(X)                                                                                                \
    X(EV_NONE, "none",                                                                                                \
      "No event.")                                                                                                    \
    X(EV_LEASE, "lease",                                                                                              \
      "A sender may from now on touch messages slot, slot+b, ... (a of them): slot is a number. place: its thread. "  \
      "After a crash, those without a record are in doubt.")                                                          \
    X(EV_SENT, "sent",                                                                                                \
      "First octet of the transaction left. slot: primary slot; place: server; a: recipient's mailbox; b: lateness "  \
      "against the plan in real us; code: originator's mailbox.")                                                     \
    X(EV_END, "end",                                                                                                  \
      "How the transaction ended for this recipient. slot: primary slot; place: server; a: enum ending | enum stage " \
      "<< 8; b: target us since EV_SENT; code: event_code().")                                                        \
    X(EV_SEEN, "seen",                                                                                                \
      "A copy was seen. slot: message slot; place: server; a: mailbox; b: scan epoch; code: the ordinal among "       \
      "copies of this token in that scan (1..255) | SEEN_CORRUPT.")                                                   \
    X(EV_GONE, "gone",                                                                                                \
      "A copy seen earlier is not there any more. slot, place, a, b as EV_SEEN.")                                     \
    X(EV_SCAN, "scan",                                                                                                \
      "A scan of one place ended. t: when it BEGAN; place: server; a: mailbox; b: epoch; code: SCAN_ bits.")          \
    X(EV_QUEUED, "queued",                                                                                            \
      "A queue entry. slot: message slot; place: server; a: the entry's recipient mailbox; b: wave; code: tries (16 " \
      "bits) | QUEUED_ bits.")                                                                                        \
    X(EV_WAVE, "wave",                                                                                                \
      "One server's queues were listed. t: when it began; place: server; a: entries; b: wave; slot: a fingerprint "   \
      "of its in and out counters; code: WAVE_ bits.")                                                                \
    X(EV_REPORT, "report",                                                                                            \
      "A report was read. slot: message slot; place: server; a: the mailbox it names as failed, or NO_INDEX; b: a "   \
      "fingerprint of the report; code: event_report().")                                                             \
    X(EV_HOME, "home",                                                                                                \
      "The directory named a new home. place: the home; a: mailbox; code: whose directory.")                          \
    X(EV_LOGON, "logon",                                                                                              \
      "Log-on was tried after a move. place: server; a: mailbox; code: 1 it succeeded, 0 not; slot: move.")           \
    X(EV_ALTERNATE, "alternate",                                                                                      \
      "The site was reconfigured. a: mailbox; b: alternate or NO_INDEX; code: 1 deliver to both.")                    \
    X(EV_MOVE, "move",                                                                                                \
      "A move passed a mark. slot: move; place: to; a: mailbox; b: from; code: enum move_mark.")                      \
    X(EV_CANARY, "canary",                                                                                            \
      "A canary or fence. slot: its message number (above the plan); a: originator; code: enum canary_state.")        \
    X(EV_PHASE, "phase",                                                                                              \
      "The run entered a phase. code: enum run_phase.")                                                               \
    X(EV_QUIESCENT, "quiescent",                                                                                      \
      "Double collect held: nothing was in flight at t (but entries that stand still). b: wave.")                     \
    X(EV_FINDING, "finding",                                                                                          \
      "Something worth counting. code: enum finding; place: server; a, b: its own.")                                  \
    X(EV_SESSIONS, "sessions",                                                                                        \
      "So many connections of a load have come up. slot: thread; place: server; a: load; b: of this thread, load "    \
      "and kind; code: event_sessions().")                                                                            \
    X(EV_AIM, "aim",                                                                                                  \
      "Adaptive aim chose when to send. t: when it did; slot: message slot; place: server; a: event_aim(); b: us "    \
      "after the load's mark of that move; code: its weight in ppm.")                                                 \
    X(EV_UNWATCHED, "unwatched",                                                                                      \
      "Nobody of ours watched until now, t. slot: for how long, target ns; code: enum unwatched; a: scan epochs "     \
      "that were used before; b: real ms; place: journals whose torn end was cut off.")

// clang-format on

enum event_kind {

#define X(id, name, help) id,
    EVENT_KINDS(X)
#undef X
        EVENT_KIND_COUNT
};

struct event {
    uint64_t t_ns;
    uint64_t slot;
    uint16_t kind;  /* enum event_kind */
    uint16_t place; /* server index */
    uint32_t code;
    uint32_t a, b;
};

static_assert(sizeof(struct event) == 32, "journal format v1");

/* How a transaction ended, weakest knowledge first: a fold keeps the largest. */
enum ending {
    END_NONE,         /* never attempted */
    END_REFUSED_TEMP, /* 4yz, or 421, before or at the final dot */
    END_REFUSED_PERM, /* 5yz */
    END_ABORTED,      /* the connection broke before the terminator left */
    END_DOUBT,        /* the terminator left, no complete reply came */
    END_ACCEPTED,     /* a complete 2yz reply to the end of data */
};

enum stage {
    STAGE_CONNECT,
    STAGE_GREETING,
    STAGE_EHLO,
    STAGE_TLS,
    STAGE_AUTH,
    STAGE_MAIL,
    STAGE_RCPT,
    STAGE_DATA,
    STAGE_BODY,
    STAGE_DOT,
    STAGE_BIND,     /* X.400: from the transport connection to the MTAs knowing one another */
    STAGE_TRANSFER, /* its octets */
    STAGE_TAKEN,    /* all octets left, the answer is awaited */
    STAGE_COUNT
};

enum move_mark {
    MARK_ASKED,
    MARK_COPY,    /* copying begun */
    MARK_FLIPPED, /* the directory names the new home: observed, or b: said by the mover only */
    MARK_DONE,    /* the mover says so */
    MARK_FAILED,
    MARK_VERIFIED,  /* home look-up and log-on at both servers agree with the mover */
    MARK_DISPROVED, /* they do not: a finding */
    MARK_COUNT
};

/* How the trial of CHUNKING ended on a server that announces it. */
enum trial_end {
    TRIAL_PASSED,
    TRIAL_NEEDS_RESET,  /* a refused message leaves its MAIL behind: RSET goes ahead of each */
    TRIAL_NOT_CONSUMED, /* the chunk of a refused message was taken for commands */
    TRIAL_BROKEN,       /* it hung up, or answered nonsense */
    TRIAL_SILENT,       /* no answer in time */
    TRIAL_COUNT
};

enum { /* what a connection of a sender could and did use */
       SESSION_TLS = 1,
       SESSION_RESUMED = 2, /* the handshake was short, by a ticket of an earlier one */
       SESSION_PIPELINING = 4,
       SESSION_CHUNKING = 8,
       SESSION_RESET = 16, /* chunking with RSET ahead of each message */
       SESSION_LMTP = 32,
       SESSION_P1 = 64,
};

static inline uint32_t event_sessions(unsigned bits, unsigned window)
{
    return bits | window << 16;
}

static inline unsigned event_sessions_window(uint32_t code)
{
    return code >> 16;
}

#define EVENT_AIM_BINS 256u /* at most */

static inline uint32_t event_aim(uint32_t move, uint32_t bin)
{
    return move << 8 | bin;
}

static inline uint32_t event_aim_move(uint32_t a)
{
    return a >> 8;
}

enum canary_state { CANARY_SENT, CANARY_REFUSED, CANARY_REPORTED };

enum run_phase { PHASE_ARM, PHASE_LOAD, PHASE_DRAIN, PHASE_SETTLE, PHASE_JUDGE, PHASE_END };

enum brake_why {
    BRAKE_NOT,
    BRAKE_BUSY_REPLIES,     /* too many of the replies were 421 or 4.7.x */
    BRAKE_REFUSED_CONNECTS, /* too many connections did not come up */
    BRAKE_QUEUED,           /* the queues hold more than safety.max_queued */
    BRAKE_OWNER,            /* the target's owner no longer says so */
    BRAKE_COUNT
};

/* Why nobody of ours watched. */
enum unwatched {
    UNWATCHED_RESUMED,   /* the run died, and was resumed */
    UNWATCHED_STALLED,   /* it stood still: stopped, swapped out, starved */
    UNWATCHED_SUSPENDED, /* the machine slept, and its clock with it: slot is 0 */
    UNWATCHED_COUNT
};

enum finding {
    FIND_CONNECT_FAILED,    /* a: errno-like; counted, the message goes out by another connection */
    FIND_PROTOCOL,          /* a server answered nonsense; a: enum stage */
    FIND_TIMEOUT,           /* a server did not answer; a: enum stage */
    FIND_PROBE_FAILED,      /* a mailbox could not be read; a: mailbox */
    FIND_QUEUE_FAILED,      /* queues could not be listed */
    FIND_FOREIGN,           /* a message or report that is not of this run; a: mailbox */
    FIND_UNREADABLE_REPORT, /* looks like a report, names nothing of ours; a: mailbox */
    FIND_DIRECTORIES_DIFFER, /* still so when the run had settled; a: mailbox */
    FIND_ACTION_FAILED,      /* an action of the profile was not carried out; a: which action */
    FIND_INTERRUPTED,        /* somebody broke the run off; a: how often he asked */
    FIND_NO_CHUNKING, /* announced, but the trial failed: DATA was used; a: load; b: enum trial_end */
    FIND_STOPPED,     /* run.stop ended the load; a: stop_code(); b: after so many moves */
    FIND_BRAKED, /* the brake stopped the senders; a: enum brake_why; b: per mille, or queue entries */
    FIND_COUNT
};

enum {
    SEEN_CORRUPT = 1 << 8,
    SCAN_COMPLETE = 1,    /* everything that is in the mailbox was listed */
    SCAN_ABSENT = 2,      /* there is no such mailbox on this server */
    SCAN_RESET = 4,       /* contents were renumbered: sightings of earlier epochs here are void */
    QUEUED_DUE = 1 << 16, /* another try is planned */
    QUEUED_REPORT = 1 << 17, /* a report about the message, not the message */
    WAVE_COMPLETE = 1,
};

enum report_kind {
    REPORT_FAILED = 1,
    REPORT_DELAYED,
    REPORT_DELIVERED,
    REPORT_RELAYED,
    REPORT_EXPANDED,
};

/* As the class digit of a code: it is no SMTP status but X.400's. Of an ending: subject is the layer (enum stack_layer),
 * detail its code, 1023 if there is none. Of a report: subject is X.411's reason, detail its diagnostic, 511 if there is none. */
#define EVENT_X400         7u
#define EVENT_X400_NO_CODE 1023u
#define EVENT_X400_NO_DIAG 511u

/* Reply code 0..999 and enhanced status class.subject.detail in one word. */
static inline uint32_t event_code(unsigned reply, unsigned class_digit, unsigned subject,
                                  unsigned detail)
{
    return (reply & 1023u) | (class_digit & 7u) << 10 | (subject & 511u) << 13 |
           (detail & 1023u) << 22;
}

static inline unsigned event_code_reply(uint32_t code)
{
    return code & 1023u;
}

enum {
    REPORT_TO_ORIGINATOR = 1 << 3,
    REPORT_MALFORMED = 1 << 4, /* neither RFC 3464 nor a known text */
    REPORT_WEAK = 1 << 5,      /* the recipient was not named: attribution is a guess */
    REPORT_WRONG_STATUS = 1 << 6,
    REPORT_LOOP = 1 << 7, /* says that the message looped */
};

/* kind | flags | status class, subject (0..511), detail (0..511) */
static inline uint32_t event_report(enum report_kind kind, unsigned flags, unsigned class_digit,
                                    unsigned subject, unsigned detail)
{
    return (uint32_t)kind | flags | (class_digit & 7u) << 8 | (subject & 511u) << 11 |
           (detail & 511u) << 20;
}

bool event_roff_kinds(
    struct buf *out); /* the manual page's lists of kinds, and of names in codes */
bool event_roff_names(struct buf *out);

const char *event_kind_help(unsigned kind);
const char *event_kind_name(unsigned kind); /* "?" for others; so for the names below */
const char *event_ending_name(unsigned ending);
const char *event_stage_name(unsigned stage);
const char *event_mark_name(unsigned mark);
const char *event_finding_name(unsigned finding);
const char *event_brake_words(unsigned why);     /* "421 or 4.7.x came too often" */
const char *event_unwatched_words(unsigned why); /* "the run died" */
const char *event_trial_name(unsigned trial);
const char *event_trial_words(unsigned trial); /* "it did not answer in time" */

#endif
