/* session.h - the session layer (X.225) that RTSE needs: kernel, half-duplex, minor synchronisation, activities, exceptions.
 *
 * Basic concatenation: every SPDU of category 2 goes out behind an empty GT or PT, as the table of X.225 says; either is
 * taken from the peer. The state and an SPDU decide together (session_cell): what has no cell is a protocol error.
 * The tokens (data, synchronize-minor, major/activity) always move together: having them is having the turn.
 */
#ifndef WIRE_X400_SESSION_H
#define WIRE_X400_SESSION_H

#include "wire/x400/spdu.h"

#define SESSION_STATES(X)                                                                          \
    X(SES_FRESH, "before its CONNECT")                                                             \
    X(SES_WAITING, "waiting for a CONNECT")                                                        \
    X(SES_CALLING, "waiting for the answer to CONNECT")                                            \
    X(SES_CALLED, "deciding on a CONNECT")                                                         \
    X(SES_HOLDING, "having the turn")                                                              \
    X(SES_LISTENING, "the peer having the turn")                                                   \
    X(SES_SENDING, "in an activity of ours")                                                       \
    X(SES_ENDING, "waiting for the confirmation of our activity's end")                            \
    X(SES_EXCEPTION, "told of an exception")                                                       \
    X(SES_INTERRUPTING, "interrupting our activity")                                               \
    X(SES_DISCARDING, "discarding our activity")                                                   \
    X(SES_GIVING, "giving the turn")                                                               \
    X(SES_RECEIVING, "in an activity of the peer")                                                 \
    X(SES_ENDED, "deciding on the end of the peer's activity")                                     \
    X(SES_EXCEPTED, "having refused the peer's activity")                                          \
    X(SES_INTERRUPTED, "its activity interrupted by the peer")                                     \
    X(SES_DISCARDED, "its activity discarded by the peer")                                         \
    X(SES_RELEASING, "waiting for DISCONNECT")                                                     \
    X(SES_FINISHED, "asked to finish")                                                             \
    X(SES_ABORTING, "aborting")                                                                    \
    X(SES_CLOSED, "closed")

enum session_state {

#define X(id, text) id,
    SESSION_STATES(X)
#undef X
        SES_COUNT
};

enum session_act {
    SES_ILLEGAL, /* a protocol error: abort */
    SES_TELL,    /* the layer above hears of it */
    SES_DROP     /* it crossed something of ours: of no consequence */
};

struct session_cell {
    enum session_act act;
    enum session_state next; /* an ACCEPT leads to LISTENING where the peer has the first turn */
};

struct session {
    struct layer l;
    enum session_state state;
    uint8_t version;      /* 1 or 2 */
    bool extended;        /* the peer takes extended concatenation, and we offered it */
    bool turn_theirs;     /* the first turn is the peer's */
    uint32_t next_serial; /* of the next synchronisation point, or of the end */
    uint32_t confirmed;   /* the last that is */
    uint32_t tsdu_max;    /* towards the peer; 0: no limit */
    struct slice common_ref;
    unsigned char common_ref_octets[64];
};

void session_init(struct session *s, struct stack *stack);
void session_begin(struct session *s);
struct session_cell session_cell(enum session_state state, enum spdu_kind kind);
/* This service may be asked for now. */
bool session_may(const struct session *s, enum stack_service what);
const char *session_state_name(enum session_state state);
const char *session_refusal(int reason); /* words for the reason of a REFUSE */
const char *session_exception(int reason);
const char *session_abort(int bits); /* of PI 17 */

extern const struct layer_ops session_ops;

#endif
