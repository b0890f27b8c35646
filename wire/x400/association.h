/* association.h - one X.400 association, from the transport connection to its end: bytes in, decisions out.
 *
 * Both roles, the three modes. The caller owns the socket, the clock and the thread:
 *
 *     association_begin(a);                          the TCP connection is there
 *     loop: write association_output(a), association_gave(a, written);
 *           while ((news = association_hear(a, &in, &ev)) != ASSOC_MORE) act on it;
 *     association_lost(a) when TCP ends, then association_hear() with no bytes tells what became of what was under way.
 *
 * A small message leaves as one run of octets (AS, DT, AE): one write. While its AE is partly unsent the message is not
 * exposed: a connection that dies then has certainly not taken it (ASSOC_UNTOUCHED, ASSOC_CUT). Once the last octet of AE
 * has been given away and no answer came, it is in doubt. Memory: the output buffer (config.out_room), and buffers that grow
 * to the longest packet and APDU met, within config.apdu_max, and are kept. One thread at a time.
 */
#ifndef WIRE_X400_ASSOCIATION_H
#define WIRE_X400_ASSOCIATION_H

#include "wire/x400/rtse.h"
#include "wire/x400/stack.h"

#define ASSOC_TEXT 320u

#define ASSOC_STATES(X)                                                                            \
    /* id, timeout in s (0: ours to act), what was being done when it broke */                     \
    X(ASSOC_CALLING, 60, "opening the transport connection")                                       \
    X(ASSOC_AWAITING, 60, "waiting for the peer to open")                                          \
    X(ASSOC_BINDING, 60, "binding")                                                                \
    X(ASSOC_DECIDING, 0, "deciding on a bind")                                                     \
    X(ASSOC_IDLE, 300, "between messages")                                                         \
    X(ASSOC_SENDING, 120, "sending a message")                                                     \
    X(ASSOC_ENDING, 120, "after the end of a message: it may have been taken")                     \
    X(ASSOC_TAKING_BACK, 60, "taking a message back")                                              \
    X(ASSOC_GIVING, 60, "giving the turn")                                                         \
    X(ASSOC_RECEIVING, 120, "receiving a message")                                                 \
    X(ASSOC_JUDGING, 0, "deciding on a message")                                                   \
    X(ASSOC_RELEASING, 30, "releasing")                                                            \
    X(ASSOC_ABORTING, 5, "aborting")                                                               \
    X(ASSOC_OVER, 0, "over")

enum assoc_state {

#define X(id, seconds, doing) id,
    ASSOC_STATES(X)
#undef X
        ASSOC_STATE_COUNT
};

enum assoc_news {
    ASSOC_MORE,     /* nothing more to tell: read on */
    ASSOC_ASKED,    /* responder: bytes are its bind argument; association_accept() or _refuse() */
    ASSOC_BOUND,    /* initiator: bytes are its bind result; messages may be sent */
    ASSOC_REFUSED,  /* the opening failed: by, layer, code, text; bytes a bind error, if any */
    ASSOC_ENDED,    /* our message: tag, fate */
    ASSOC_RECEIVED, /* an APDU, valid until the next call: association_confirm() or _except() */
    ASSOC_DROPPED,  /* the peer took a message back, or it was too long for us; resumable: AI */
    ASSOC_TURN_ASKED, /* code is the priority */
    ASSOC_TURN_GIVEN, /* it is ours now */
    ASSOC_RELEASED,   /* in order: write what is left and close */
    ASSOC_ABORTED, /* by, layer, code, text: write what is left and close, or wait for its answer */
};

enum assoc_fate {                  /* of a message of ours */
                  ASSOC_UNTOUCHED, /* not one octet left: it may be sent elsewhere */
                  ASSOC_CUT, /* it broke, or was taken back, before the last octet of AE left */
                  ASSOC_NOT_TAKEN, /* the peer refused it (exception): code, text */
                  ASSOC_DOUBT,     /* AE left, no answer came */
                  ASSOC_TAKEN      /* AEA */
};

enum assoc_by {
    ASSOC_BY_US,       /* also: the peer broke the protocol and we said so */
    ASSOC_BY_PEER,     /* its user: RTSE or the MTA above */
    ASSOC_BY_PROVIDER, /* its session or presentation software */
    ASSOC_BY_LOSS      /* the TCP connection ended */
};

struct assoc_event {
    enum assoc_news news;
    uint64_t tag;
    enum assoc_fate fate;
    struct slice bytes;
    enum assoc_by by;
    enum stack_layer layer;
    int code; /* of that layer; -1: none */
    bool resumable;
    char text[ASSOC_TEXT]; /* one line; may hold what the peer said only as hex */
};

struct association;

/* The config is copied, what it points to is borrowed; NULL: memory. */
struct association *association_create(const struct association_config *config);
void association_destroy(struct association *a); /* NULL is fine */
void association_begin(struct association *a);   /* a new connection; an initiator calls at once */

/* Reads from *in, which moves on, until there is something to tell. Call again until ASSOC_MORE. */
enum assoc_news association_hear(struct association *a, struct slice *in, struct assoc_event *ev);
void association_lost(struct association *a); /* TCP has ended */

/* What is to be written now, valid until the next call of any kind. Then tell how many octets were taken. */
struct slice association_output(struct association *a);
void association_gave(struct association *a, size_t n);

/* Responder, after ASSOC_ASKED. `bind` is a result or error as p1_bind makes it for the mode; empty: none. */
void association_accept(struct association *a, struct slice bind);
void association_refuse(struct association *a, enum rtse_refusal reason, struct slice bind_error);

bool association_can_send(const struct association *a); /* the turn is ours, nothing is under way */
/* Begins a transfer; the APDU is borrowed until ASSOC_ENDED tells its fate. */
void association_send(struct association *a, struct slice apdu, uint64_t tag);
/* Takes it back (discard, or interrupt); false: too late, its end is said. */
bool association_take_back(struct association *a, bool resumable);
bool association_exposed(const struct association *a); /* all of AE has left, no answer yet */

/* After ASSOC_RECEIVED: made safe (AEA), or not taken (exception, reason 1 for now, 5 for good). false: the peer has
 * taken it back, or is gone. */
bool association_confirm(struct association *a);
bool association_except(struct association *a, int reason);

bool association_has_turn(const struct association *a);
bool association_please(struct association *a, int priority); /* false: not now, or a monologue */
bool association_give(struct association *a);                 /* false: not now, or a monologue */
/* Initiator, nothing under way. Asks for the turn first where the peer has it. false: not now. */
bool association_release(struct association *a);
void association_abort(struct association *a, enum rtse_abort reason);

enum assoc_state association_state(const struct association *a);
uint32_t assoc_state_timeout_s(enum assoc_state s); /* 0: none */
const char *assoc_state_doing(enum assoc_state s);

enum stack_mode association_mode(const struct association *a); /* a responder: after ASSOC_ASKED */
bool association_two_way(const struct association *a);
uint32_t association_checkpoint_kb(const struct association *a); /* as agreed */
uint32_t association_window(const struct association *a);
bool association_was_bare(
    const struct association *a); /* the last APDU had no EXTERNAL around it */

#endif
