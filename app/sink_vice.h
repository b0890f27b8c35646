/* sink_vice.h - what a sink of SMTP or LMTP does that a good server would not: one row a misbehaviour.
 *
 * The table is read from the command line, printed by help, checked against the manual, and asked at each stage of a
 * conversation, row by row: the first that decides does. Who is meant is drawn from (seed, row, stage, whom): the message's
 * token where its envelope carries one (ENVID, else return path), else its caller and which of his it is; and which recipient.
 * The same messages thus meet the same fate on any number of threads. Pure but for sink_shared.h; any thread.
 */
#ifndef APP_SINK_VICE_H
#define APP_SINK_VICE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"

#define SINK_WHOLE        1000000u /* a share of everything: a hundred percent */
#define SINK_REFUSALS_MAX 16u
#define SINK_LIES_MAX     8u
#define SINK_LINE         64u /* of a reply that is said as told */

enum sink_stage { /* of a conversation, where something is asked */
                  SINK_CONNECT,
                  SINK_EHLO,
                  SINK_MAIL,
                  SINK_RCPT,
                  SINK_DATA, /* or the first BDAT */
                  SINK_END,  /* of the text */
                  SINK_STAGES
};

enum sink_cut {                  /* where a connection is closed in a message */
                SINK_CUT_BEFORE, /* its terminator: text is under way */
                SINK_CUT_WITHIN, /* its terminator, or before the last octet of its last chunk */
                SINK_CUT_AFTER,  /* it, with no answer */
                SINK_CUTS,
                SINK_CUT_NOT = SINK_CUTS
};

// clang-format off
/* name of the option, its value, stages where it is asked, what it does: in the order in which they are asked */
#define SINK_VICE_ROWS(X)                                                                                                      \
    X(SLOW, slow, "slow", "STAGE:DURATION[:SHARE]", SINK_AT_ALL, "answers so much later")                                      \
    X(HANG_UP, hang_up, "hang-up-after", "N", SINK_AT(MAIL), "421 and the end, at MAIL after N messages on a connection")      \
    X(TEMPFAIL, tempfail, "tempfail-above", "RATE[:CODE]", SINK_AT(MAIL), "451 (or 421, and the end) to what comes faster")    \
    X(GREYLIST, greylist, "greylist", "DURATION", SINK_AT(RCPT), "451 to a new pair of sender and recipient, for so long")     \
    X(REFUSE, refuse, "refuse", "STAGE[:SHARE[:CODE]]", SINK_AT_ALL, "refuses, for good or (4xx) for now; 421 ends, too")      \
    X(CLOSE, close, "close", "before|within|after[:SHARE]", SINK_AT(DATA) | SINK_AT(END), "closes at the terminator")          \
    X(LIE, lie, "lie", "SHARE:ANSWER", SINK_AT(END), "answers so and does the other: 250 and refused, 4xx or 5xx and taken")   \
    X(DROP, drop, "drop", "SHARE", SINK_AT(END), "250, and forgotten")
// clang-format on

#define SINK_AT(stage) (1u << SINK_##stage)
#define SINK_AT_ALL    ((1u << SINK_STAGES) - 1)

enum sink_vice {

#define X(id, act, name, value, stages, help) VICE_##id,
    SINK_VICE_ROWS(X)
#undef X
        SINK_VICES
};

struct sink_refusal {
    enum sink_stage stage; /* of a refusal; a lie's is the end */
    uint32_t share;
    char line[SINK_LINE]; /* what is said; of a lie empty: yes */
};

struct sink_vices { /* all zeros: it behaves */
    uint64_t seed;
    unsigned on; /* 1u << VICE_...: rows that were asked for */
    struct sink_refusal refuse[SINK_REFUSALS_MAX], lie[SINK_LIES_MAX];
    uint32_t refusals, lies, drop, hang_up;
    uint32_t close[SINK_CUTS];

    struct {
        uint32_t share;
        uint64_t ns;
    } slow[SINK_STAGES];

    double rate; /* messages a second */
    char tempfail[SINK_LINE];
    uint64_t grey_ns;
};

struct sink_vice_row {
    const char *name, *value, *help; /* --name VALUE */
    unsigned stages;                 /* SINK_AT() bits */
};

extern const struct sink_vice_row sink_vice_rows[SINK_VICES];
extern const char *const sink_stage_names[SINK_STAGES + 1]; /* ends with NULL */

/* One value of --name; those that may be repeated add up. */
bool sink_vice_read(struct sink_vices *v, enum sink_vice which, const char *value, struct err *e);
bool sink_share_read(struct slice text, uint32_t *share); /* "12", "0.5", "12%", "300ppm" */

struct sink_shared;

struct sink_turn { /* something is asked */
    enum sink_stage stage;
    uint64_t id;     /* of the message, or of the caller where there is none yet */
    uint32_t part;   /* which RCPT, or which recipient at the end on LMTP */
    uint32_t before; /* messages that were complete on this connection */
    uint64_t now_ns; /* of the loop */
    struct slice from, to;
};

enum sink_done { SINK_TAKEN, SINK_DROPPED, SINK_REFUSED, SINK_FORGOTTEN, SINK_DONES };

struct sink_verdict {
    const char *answer; /* a reply line; NULL: yes */
    enum sink_done done;
    enum sink_cut cut;
    uint64_t delay_ns;
    enum sink_vice why; /* SINK_VICES: nothing but perhaps slow */
};

uint64_t sink_id_of_token(const char *token); /* TOKEN_CHARS */
uint64_t sink_id_of_caller(uint64_t caller, uint64_t ordinal);

struct sink_verdict sink_vice_decide(const struct sink_vices *v, struct sink_shared *shared,
                                     const struct sink_turn *t);

#endif
