/* p1_peer.h - another X.400 MTA at the end of a simulated connection, which does as the test says and keeps all it hears.
 *
 * It listens where the lab's connectors call (127.0.77.99:4102), or calls one of the lab's servers. Names are templates'
 * addresses: "joe" of the site, "flood" of the peer's side.
 */
#ifndef TESTS_LAB_P1_PEER_H
#define TESTS_LAB_P1_PEER_H

#include "tests/lab/fronts.h"
#include "wire/x400/association.h"
#include "wire/x400/p1.h"

#define PEER_APDUS 64u
#define PEER_LINKS 32u

struct peer_link {
    struct peer *of;
    struct stream *s;
    struct association *a;
    bool begun, over, give;
};

struct peer {
    struct fronts *f;
    struct listener *door;
    struct peer_link links[PEER_LINKS];
    unsigned link_count;
    bool initiator;
    struct association_config config; /* when calling; role and bind are set by peer_call() */
    const char *mta, *password;       /* "PEER", "secret" */
    bool refuse, silent, hang_up; /* answers to binds; APDUs are not answered; TCP ends instead */
    int except;                   /* the reason, instead of AEA; 0: AEA */
    unsigned char bind_room[300];
    struct slice waiting[PEER_APDUS]; /* to be sent, in order; borrowed */
    unsigned waiting_count, sent;
    bool keep_turn;
    /* What it heard. */
    struct buf apdu[PEER_APDUS];
    unsigned apdus, calls, binds, turns;
    unsigned taken, not_taken, doubt, cut; /* fates of what was sent */
    struct assoc_event last;               /* refusal, abort or fate of what was not taken */
    bool refused, aborted, released;
    int32_t bind_error;                /* of a refusal; -1: none */
    char bound_as[64], bound_with[64]; /* name and password of the lab's bind, or bind result */
};

void peer_init(struct peer *p, struct fronts *f);
bool peer_listen(struct peer *p);
void peer_deafen(struct peer *p); /* listens no more, and all associations end */
bool peer_call(struct peer *p, int server);
void peer_send(struct peer *p, struct slice apdu);
void peer_release(struct peer *p);
void peer_fini(struct peer *p);
/* What it heard as the n-th APDU, read into the arena. */
bool peer_read(struct peer *p, unsigned n, struct arena *a, struct p1_apdu *out);

/* A message from flood to mailboxes of either side, with the token "pm.<id>"; put together in `out`. */
struct peer_message {
    const char *id;   /* "abc": pm.abc is in all places */
    const char *from; /* NULL: flood */
    const char *to[4];
    uint32_t ask;                  /* of each; 0: P1_ASK_NON */
    uint32_t indicators;           /* of the message */
    const char *body;              /* NULL: a short one */
    size_t body_bytes;             /* of a body made up; 0: body */
    uint32_t deferred_s, latest_s; /* after sending; 0: not asked for */
    bool probe, no_reassignment, second_not_ours, in_1984;
    struct slice content; /* instead of an IPM; no pointer: an IPM */
};

struct slice peer_make(const struct peer_message *m, struct buf *out);

#endif
