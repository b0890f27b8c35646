/* sender_ops.h - what a sender's driver is, and what sender.c does for it.
 *
 * sender.c knows when messages are owed and writes the account; a driver knows connections. One `struct sender_load` is
 * one load's share of one thread: the driver's due() is called when there is something to send; it takes messages one
 * after another while it can send them, and says of each: began, ended (once per recipient), done. A message that was
 * taken and of which not one octet left, or which left and surely was not taken, goes back. All on one loop's thread;
 * nothing blocks.
 */
#ifndef LOADGEN_SENDER_OPS_H
#define LOADGEN_SENDER_OPS_H

#include "loadgen/sender.h"

#define SEND_ARM_NS         (30 * NS_PER_S) /* loop time that one try to arm may take */
#define SEND_HALT_NS        (50 * NS_PER_MS)
#define SEND_BACKOFF_MIN_NS (50 * NS_PER_MS) /* between tries to connect, doubled up to: */
#define SEND_BACKOFF_MAX_NS (2 * NS_PER_S)

struct sender_load {
    const struct sender_context *context;
    const struct load_profile *load;
    void *state; /* the driver's */
};

struct sender_item { /* one message under way; storage of the driver */
    struct msg msg;
    uint64_t planned_ns; /* loop time */
    uint64_t began_ns;   /* target time */
    bool begun;          /* its first octet has left, perhaps on an earlier connection */
};

struct sender_ops {
    const char *name, *help;
    bool (*open)(struct sender_load *l, struct err *e); /* no connection yet */
    /* Tries one connection; done() once, from the loop: NULL, or what is wrong. */
    void (*arm)(struct sender_load *l, void (*done)(struct sender_load *l, const struct err *e));
    void (*due)(struct sender_load *l); /* there is something to take */
    void (*cut)(struct sender_load *l); /* ends all that is under way, now */
    /* Not one octet more of any message: what has wholly left is waited for, for SEND_HALT_NS; all else is cut. */
    void (*halt)(struct sender_load *l);
    void (*close)(
        struct sender_load *l); /* without a word about what was under way; NULL state is fine */
};

extern const struct sender_ops sender_smtp, sender_lmtp, sender_p1;
extern const struct sender_ops *const senders[]; /* NULL-terminated */

/* The next message that is due; false: none is (or no more may be sent). Its number is leased. */
bool sender_take(struct sender_load *l, struct sender_item *item);
bool sender_has_due(const struct sender_load *l);
bool sender_has_more(const struct sender_load *l); /* now or later: a connection is worth having */
/* The most messages that one connection may have under way (chunking: the window; else two). */
uint32_t sender_flight(const struct sender_load *l);
bool sender_is_canary(const struct sender_item *item);
/* Untouched, or begun and surely not taken: it will be due again. */
void sender_give_back(struct sender_load *l, const struct sender_item *item);
void sender_began(struct sender_load *l,
                  struct sender_item *item); /* its first octet left just now */
void sender_ended(struct sender_load *l, const struct sender_item *item, uint32_t recipient,
                  enum ending how, enum stage at, uint32_t code);
void sender_done(struct sender_load *l); /* a message that was taken has ended for everyone */
void sender_finding(struct sender_load *l, enum finding what, uint32_t a, uint32_t b);
void sender_session(struct sender_load *l, uint32_t code); /* one came up: event_sessions() */
uint32_t sender_load_index(const struct sender_load *l);
/* Whether failures are findings: the run has begun and has not been cut. */
bool sender_is_running(const struct sender_load *l);
struct sender_health *sender_counts(struct sender_load *l);

#endif
