/* p1_host.h - the answering side of X.400 P1 on a loop: whoever calls is bound by name, password and selectors, and his APDUs
 * are handed over one by one. Used by the listener (a probe) and by `postmuster sink --p1`.
 *
 * A host takes the modes, checkpoints, window and dialogue of its association config. The owner's verdict on an APDU is the
 * answer on the wire: taken is AEA, not taken an exception; the other verdicts are what a broken peer does. All answers of
 * one wakeup leave a connection in one write. Everything is bounded: connections, octets of an APDU, time in each state
 * (assoc_state_timeout_s, of target time where there is a clock). Everything on the loop's thread.
 */
#ifndef PROBES_P1_HOST_H
#define PROBES_P1_HOST_H

#include "base/clock.h"
#include "base/loop.h"
#include "wire/x400/association.h"

enum p1_verdict {
    P1_TAKE,    /* made safe: AEA */
    P1_NOT_NOW, /* exception 1 */
    P1_NEVER,   /* exception 5 */
    P1_LATER,   /* no answer yet: p1_caller_answer() gives it */
    P1_ABORT,   /* provider abort instead of an answer */
    P1_HANG_UP, /* the TCP connection ends without a word */
    P1_IGNORE,  /* never answers */
};

enum p1_welcome { /* a caller whose name and password hold */
                  P1_WELCOME,
                  P1_BUSY,    /* not now */
                  P1_STRANGER /* as one whose password is wrong */
};

struct p1_caller; /* one association */

struct p1_host_config {
    struct loop *loop;
    const struct run_clock *clock;         /* NULL: time limits are real */
    struct association_config association; /* the responder's; slices borrowed; bind is made here */
    struct slice mta, password;            /* of our bind result; empty mta: anonymous */
    struct slice peer_mta, peer_password;  /* who may call; without pointer: anyone */
    /* Where several may call: is this one of them? Asked at each bind instead of comparing the two above; NULL: compare. */
    bool (*may_call)(void *owner, struct slice mta, struct slice password);
    uint32_t connections;                                          /* at most; 0: 1,000 */
    enum p1_welcome (*asked)(void *owner, struct p1_caller *from); /* NULL: all are welcome */
    enum p1_verdict (*apdu)(void *owner, struct p1_caller *from, struct slice apdu);
    /* What went wrong with a caller, in words: a refused bind, an abort, octets that are no X.400. NULL: nobody asks. */
    void (*trouble)(void *owner, const struct net_addr *peer, const char *words);
    /* It released in order, so that all answers have arrived; ended() follows. NULL is fine. */
    void (*released)(void *owner, struct p1_caller *from);
    void (*ended)(void *owner, struct p1_caller *from); /* it is gone: forget it; NULL is fine */
    void *owner;
};

struct p1_host_counts {
    uint64_t calls, binds, refused, apdus, octets, taken, aborts;
    uint64_t handed, unhanded; /* of p1_caller_send(): taken; not taken, or left when he went */
};

struct p1_host;

struct p1_host *p1_host_listen(const struct p1_host_config *c, const struct net_addr *at,
                               struct err *e);
struct net_addr p1_host_addr(const struct p1_host *h);
const struct p1_host_counts *p1_host_counts(const struct p1_host *h);
/* Ends all associations at once; not from a callback of its own. NULL is fine. */
void p1_host_close(struct p1_host *h);

void p1_caller_answer(struct p1_caller *c, enum p1_verdict v); /* after P1_LATER; from the loop */
/* Two-way alternate: sends this APDU (copied) when the turn is ours, asking for it. false: a monologue, or no memory. */
bool p1_caller_send(struct p1_caller *c, struct slice apdu);
struct net_addr p1_caller_peer(const struct p1_caller *c);
enum stack_mode p1_caller_mode(const struct p1_caller *c);
uint64_t p1_caller_number(const struct p1_caller *c);  /* from 1, as they called */
struct slice p1_caller_mta(const struct p1_caller *c); /* who he said he is; empty: nobody */

#endif
