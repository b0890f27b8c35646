/* rtse.h - reliable transfer (X.228, and X.410's RTS): opening, turns, checkpoints, one transfer at a time, closing.
 *
 * A transfer is one activity: AS, DT (MIP DT)*, AE, answered by AEA; with checkpoints at most `window` MIPs are unconfirmed.
 * In normal mode the segments are OCTET STRINGs whose contents, put together, are an EXTERNAL around the APDU; in X.410 mode
 * they are the APDU. Either is taken in both. The receiver's answer to AE is the caller's: only rtse_confirm() sends AEA.
 * Recovery on another connection is not offered: a transfer that broke is sent again from its first octet.
 */
#ifndef WIRE_X400_RTSE_H
#define WIRE_X400_RTSE_H

#include "wire/x400/session.h"

#define RTSE_EXTERNAL_MAX 32u

enum rtse_phase {
    RTSE_IDLE,
    RTSE_START, /* nothing is said yet */
    RTSE_DATA,
    RTSE_SYNC,   /* a checkpoint is due */
    RTSE_END,    /* its end is due */
    RTSE_ENDING, /* said: AEA is awaited */
    RTSE_DROPPING
};

enum rtse_refusal { /* RTORJ's refuse reason */
                    RTSE_BUSY = 0,
                    RTSE_CANNOT_RECOVER = 1,
                    RTSE_VALIDATION = 2, /* bad name or password */
                    RTSE_DIALOGUE = 3
};

enum rtse_abort {
    RTSE_LOCAL_PROBLEM = 0,
    RTSE_INVALID_PARAMETER = 1,
    RTSE_UNRECOGNISED_ACTIVITY = 2,
    RTSE_TEMPORARY = 3,
    RTSE_PROTOCOL_ERROR = 4,
    RTSE_PERMANENT = 5,
    RTSE_USER = 6,
    RTSE_TRANSFER_COMPLETED = 7
};

struct rtse {
    struct layer l;
    struct session *session;
    /* Agreed. */
    uint32_t checkpoint; /* octets; 0: none */
    uint32_t window;
    bool two_way;
    int application;              /* X.410: applicationProtocol; -1: absent */
    enum rtse_abort abort_reason; /* for the violation at hand */
    /* Our transfer. */
    enum rtse_phase phase;
    struct slice apdu; /* borrowed until it has ended */
    unsigned char external[RTSE_EXTERNAL_MAX];
    struct slice external_head; /* of the EXTERNAL, in there; empty in X.410 mode */
    size_t offset;              /* of head and apdu: said so far */
    size_t since_sync;
    uint32_t activity;
    uint64_t begin_at, end_at; /* counts of octets: exposed when end_at have left */
    bool drop_wanted, drop_resumable;
    int refused; /* reason of the peer's exception; -1: none */
    /* The peer's transfer. */
    struct buf in;
    size_t apdu_max;
    bool bare, too_long; /* the APDU came without its EXTERNAL; it is longer than we take */
    uint32_t sync_due;   /* to be confirmed; 0: none */
};

void rtse_init(struct rtse *r, struct stack *s, struct session *session, size_t apdu_max);
void rtse_fini(struct rtse *r);
void rtse_begin(struct rtse *r);

bool rtse_open(struct rtse *r, struct err *e);
bool rtse_accept(struct rtse *r, struct slice bind, struct err *e);
bool rtse_refuse(struct rtse *r, enum rtse_refusal reason, struct slice user, struct err *e);
void rtse_send(struct rtse *r, struct slice apdu); /* rtse_pump() then says it */
bool rtse_pump(struct rtse *r, struct err *e);
void rtse_drop(struct rtse *r, bool resumable); /* before its end is said */
bool rtse_confirm(struct rtse *r, struct err *e);
bool rtse_except(struct rtse *r, int reason, struct err *e);
bool rtse_please(struct rtse *r, int priority, struct err *e);
bool rtse_give(struct rtse *r, struct err *e);
bool rtse_close(struct rtse *r, struct err *e);
bool rtse_abort(struct rtse *r, enum rtse_abort reason, struct err *e);

const char *rtse_refusal_words(int reason);
const char *rtse_abort_words(int reason);

extern const struct layer_ops rtse_ops;

#endif
