/* sender.h - one thread's senders: the vtable, the table, and the contract of senders.
 *
 * A thread owns its loop, connections, lateness histogram and journal; it shares nothing. Thread k of a load with T threads
 * sends the load's messages whose index is k modulo T, each at its planned time or at once when that has passed: late sends
 * are recorded, never skipped or re-timed. Aimed messages are planned when the mark is told. Every number is leased in the
 * journal (EV_LEASE, written out) before it is first used: at most 4,096 numbers, and about a real second, ahead.
 * Every attempted recipient gets one EV_SENT and one EV_END.
 */
#ifndef LOADGEN_SENDER_H
#define LOADGEN_SENDER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/hist.h"
#include "base/loop.h"
#include "base/tls.h"
#include "profiles/workload.h"
#include "results/event.h"
#include "results/journal.h"
#include "wire/token.h"

struct smtp_corpus;

struct sender_context {
    struct loop *loop;
    const struct run_clock *clock; /* origin set before sender_start() */
    const struct workload *work;
    struct journal *journal; /* NULL: no account is kept (a bench shows what keeping it costs) */
    const struct token_key *key;
    const struct smtp_corpus *corpus;
    struct tls_context *const *tls; /* per server index; NULL entries where none is needed */
    uint32_t thread, threads;       /* which of how many; thread 0 also sends canaries */
    /* X.400, two-way alternate: an APDU that the peer sent on an association of ours, borrowed; NULL: none is taken. */
    void (*heard)(void *owner, struct slice apdu, uint32_t server);
    void (*idle)(void *owner); /* all that this thread owes has ended (again); from the loop */
    /* The brake has stopped this thread's senders (STOP_HALT); it stands in the journal. NULL: nobody asks. */
    void (*braked)(void *owner);
    void *owner;
};

struct sender;

enum sender_stop {
    STOP_SOON, /* what is under way is finished */
    STOP_NOW,  /* it is cut (aborted, or doubt), and nothing follows, no canary either */
    STOP_HALT, /* no octet of a message leaves any more, its terminator least of all: aborted; what had
                  wholly left is waited for a moment, then in doubt */
};

struct sender *sender_create(const struct sender_context *c, struct err *e);
void sender_destroy(struct sender *s); /* NULL is fine */
/* Connects once to every server it will use, says EHLO (STARTTLS, AUTH) and NOOP or QUIT: ready() with NULL, or with what
 * is wrong (EX_TARGET, EX_GUARD). Exactly one ready() per call. */
void sender_arm(struct sender *s, void (*ready)(void *owner, const struct err *e));
void sender_start(struct sender *s);
void sender_mark(struct sender *s, uint32_t move, enum move_mark mark,
                 uint64_t t_ns); /* target time; plans aimed messages */
/* When adaptive aim sends in this move: for each of the load's per_move messages the ns after its mark, not before it. Borrowed
 * for the sender's life. Until this and the mark are both told, they wait. */
void sender_aims(struct sender *s, uint32_t load, uint32_t move, const int64_t *aims_ns);
void sender_moves_over(
    struct sender *s); /* no more marks: aimed messages not planned by now will not be sent */
void sender_canary(struct sender *s, uint64_t number);    /* now */
void sender_stop(struct sender *s, enum sender_stop how); /* send no more */
bool sender_is_idle(const struct sender *s);

struct sender_health {
    struct hist lateness; /* real us, planned to first octet */
    uint64_t sent, connects, connect_failures,
        pool_waits; /* pool_waits: due, but every connection was busy */
    uint64_t busy;  /* copies refused by 421 or 4.7.x */
};
const struct sender_health *
sender_health(const struct sender *s); /* on its thread, or after it ended */

#endif
