/* stack.h - what the layers of an X.400 association share: the link between them, the unit that travels, the room.
 *
 * One file a layer, both directions in it: `down` puts a header in front (backwards, into the head room) and hands the
 * unit to the layer below, `up` takes one off and hands it to the layer above. Two orders, and only stack.c knows them:
 *
 *     X.410 modes   user / rtse / presentation / session / cotp     (presentation is an outer SET of the opening)
 *     normal mode   user / rtse / acse / presentation / session / cotp
 *
 * What the peer does wrong is an error (false, words in struct err, the layer in stack->blame); the association then aborts.
 * What we do wrong is an assertion. Nothing here allocates after stack_init() but the buffers that put segments together,
 * which keep their memory. One thread at a time.
 */
#ifndef WIRE_X400_STACK_H
#define WIRE_X400_STACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"
#include "wire/x400/ber.h"

#define STACK_HEAD_ROOM 6144u /* a CN with four titles, selectors and a bind fits */
#define STACK_SELECTOR  32u   /* octets of the longest selector */
#define STACK_TITLE_MAX 512u
#define STACK_OUT_MIN   8192u
#define STACK_SAY_MIN   64u /* octets that any SPDU without user data takes at most */

enum stack_mode { STACK_1984, STACK_X410_1988, STACK_NORMAL, STACK_MODE_COUNT };

#define STACK_ANY_MODE ((1u << STACK_MODE_COUNT) - 1)

enum stack_layer {
    STACK_TPKT,
    STACK_COTP,
    STACK_SESSION,
    STACK_PRESENTATION,
    STACK_ACSE,
    STACK_RTSE,
    STACK_USER, /* the MTA above: bind */
    STACK_LAYER_COUNT
};

enum stack_context { STACK_CTX_ACSE, STACK_CTX_RTSE, STACK_CTX_MTSE, STACK_CTX_COUNT };

/* Who we are and what we offer. Empty selectors: none is sent, any is taken. */
struct association_config {
    bool initiator;
    enum stack_mode mode; /* initiator */
    unsigned modes;       /* responder: bits 1u << mode; 0: all */
    struct slice our_tsel, their_tsel, our_ssel, their_ssel, our_psel, their_psel;
    /* Contents of AARQ's [2] [3] [6] [7] (AARE's [4] [5] are ours), encoded; usually empty. */
    struct slice called_ap, called_ae, calling_ap, calling_ae;
    const char *name; /* of our MTA, in the session's reference */
    const char *utc;  /* "YYMMDDhhmmssZ", in the common reference */
    struct slice
        bind; /* initiator: what stands in RTSE's open data, wrapped as the mode wants (p1_bind_write) */
    uint16_t ref;           /* of the transport connection; 0: 1 */
    uint32_t tpdu_bytes;    /* 128 to 8192, a power of two; 0: not offered, 65,531 */
    uint16_t checkpoint_kb; /* 0: none */
    uint8_t window;         /* 0: 3 */
    bool two_way;           /* two-way alternate; false: monologue */
    bool turn_theirs;       /* initiator: the responder has the first turn */
    uint8_t versions;       /* of session, bits 1 and 2; 0: what the mode wants */
    uint8_t application;    /* X.410 modes: applicationProtocol; 0: what the mode wants */
    bool extended;   /* extended concatenation, where the peer can: a whole transfer in one TSDU */
    size_t apdu_max; /* octets of the longest APDU taken; 0: 16 MiB */
    size_t out_room; /* octets of the output buffer; 0: 64 KiB */
};

#define SERVICES(X)                                                                                \
    X(SV_TRANSPORT_UP, "transport connection")                                                     \
    X(SV_TRANSPORT_GONE, "transport disconnect")                                                   \
    X(SV_CONNECT, "connect")                                                                       \
    X(SV_ACCEPT, "accept")                                                                         \
    X(SV_REFUSE, "refuse")                                                                         \
    X(SV_RELEASE, "release")                                                                       \
    X(SV_RELEASED, "release confirm")                                                              \
    X(SV_ABORT, "abort")                                                                           \
    X(SV_ABORTED, "abort accept")                                                                  \
    X(SV_DATA, "data")                                                                             \
    X(SV_SYNC, "minor synchronisation")                                                            \
    X(SV_SYNC_ACK, "minor synchronisation confirm")                                                \
    X(SV_START, "activity start")                                                                  \
    X(SV_RESUME, "activity resume")                                                                \
    X(SV_WHOLE, "activity start, data and end in one")                                             \
    X(SV_END, "activity end")                                                                      \
    X(SV_END_ACK, "activity end confirm")                                                          \
    X(SV_INTERRUPT, "activity interrupt")                                                          \
    X(SV_INTERRUPT_ACK, "activity interrupt confirm")                                              \
    X(SV_DISCARD, "activity discard")                                                              \
    X(SV_DISCARD_ACK, "activity discard confirm")                                                  \
    X(SV_EXCEPTION, "exception")                                                                   \
    X(SV_PLEASE, "tokens please")                                                                  \
    X(SV_GIVE, "tokens given")

enum stack_service {

#define X(id, text) id,
    SERVICES(X)
#undef X
        SV_COUNT
};

/* A service primitive on its way. Down: `head` is written so far and `data` follows it. Up: `data` is what is left. */
struct unit {
    enum stack_service what;
    enum stack_context context; /* which presentation context data, please and release travel in */
    enum stack_layer from;      /* refuse, abort: whose words these are */
    int reason;                 /* refuse, abort, exception, interrupt, discard; please: priority */
    uint32_t serial;            /* synchronisation points and activity end */
    bool provider;              /* abort: not the peer's user but its software */
    bool unconfirmed;           /* sync: no confirmation wanted */
    bool cut;                   /* the TSDU was longer than we take: data is its beginning */
    struct slice id;            /* activity */
    struct slice data;
    struct ber_out head;
};

struct layer;
struct stack;

struct layer_ops {
    enum stack_layer id;
    bool (*up)(struct layer *l, struct unit *u, struct err *e);
    bool (*down)(struct layer *l, struct unit *u, struct err *e);
};

struct layer {
    const struct layer_ops *ops;
    struct layer *above, *below;
    struct stack *stack;
};

struct stack {
    const struct association_config *config;
    bool normal;                      /* the order; a responder learns it from the CP */
    enum stack_mode mode;             /* likewise */
    enum stack_layer blame;           /* of the last error */
    uint8_t context[STACK_CTX_COUNT]; /* identifiers, as the initiator chose them */
    struct layer *presentation, *acse, *rtse;
    bool busy;                           /* a TSDU is still being cut: nothing else can be said */
    unsigned char room[STACK_HEAD_ROOM]; /* head of the unit on its way down */

    struct {
        unsigned char *p;
        size_t n, given, room;
        uint64_t said, gave; /* octets of this connection, written here and taken */
    } out;
};

bool stack_init(struct stack *s, const struct association_config *config); /* false: memory */
void stack_fini(struct stack *s);
void stack_begin(struct stack *s); /* a new connection */
/* Puts the layers in the order of the mode; presentation, acse and rtse are in place. */
bool stack_takes(const struct stack *s, enum stack_mode mode); /* by the config, as a responder */
void stack_order(struct stack *s, bool normal);

struct unit stack_unit(struct stack *s, enum stack_service what); /* on its way down, head empty */
bool stack_down(struct layer *l, struct unit *u, struct err *e);  /* to the layer below l */
bool stack_up(struct layer *l, struct unit *u, struct err *e);    /* to the layer above l */
/* "<layer>: <words>"; sets the blame, returns false. */
bool stack_bad(struct layer *l, struct err *e, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

size_t stack_free(const struct stack *s); /* octets of room in the output */
size_t unit_octets(const struct unit *u); /* head and what follows it */
/* A mark for ber_put_head() that counts what follows the head too: headers go in front of all of it. */
size_t unit_mark(const struct unit *u);

/* The first 16 octets, for words: "03 00 00 18". */
const char *stack_hex(char *out, size_t room, struct slice s);
const char *stack_layer_name(enum stack_layer layer);
const char *stack_mode_name(enum stack_mode mode);
const char *service_name(enum stack_service what);

#endif
