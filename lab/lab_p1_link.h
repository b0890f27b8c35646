/* lab_p1_link.h - one X.400 association of a server, either role, on a stream of the site's loop.
 *
 * A link moves octets, tells its owner each piece of news, and ends by itself: when the association is over and what was left
 * to say is written, when TCP ends, or when a state has lasted too long. Limits are lab time, but those for the peer's answers
 * never less than ten seconds of loop time: a slow machine is no dead peer. Owners answer within the news, and hand over mail
 * from their before-sleep hook only; then link_flush(). Private to lab/.
 */
#ifndef LAB_LAB_P1_LINK_H
#define LAB_LAB_P1_LINK_H

#include "lab/lab_p1_names.h"
#include "wire/x400/association.h"

struct p1_cargo { /* an APDU that goes out */
    struct p1_cargo *next;
    uint64_t id; /* of the core's entry; 0: of the front's own */
    struct p1_octets octets;
    unsigned tries;
};

struct p1_link;

struct p1_link_ops {
    void (*news)(struct p1_link *k, const struct assoc_event *ev);
    void (*gone)(struct p1_link *k); /* for the last time: it is freed behind this */
};

struct p1_links { /* of one server, in the order in which they began */
    struct p1_link *first, *last;
    uint32_t count;
};

struct p1_link {
    const struct p1_terms *terms;
    const struct p1_link_ops *ops;
    void *owner;
    struct p1_links *of;
    struct p1_link *prev, *next;
    struct stream *s;
    struct association *a;
    struct timer limit;
    enum assoc_state timed; /* the state that `limit` is for */
    size_t moved;           /* octets since it was set */
    bool fresh;             /* it is to be set anew */
    bool begun, ended;      /* TCP is there; is there no more */
    bool initiator, bound;
    char utc[P1_TIME_CHARS + 1], who[160]; /* who: the peer, for Received: and for words */
    /* The connector's. */
    struct p1_cargo *cargo; /* what it is to hand over, or is handing over */
    bool sending;           /* that has begun */
    bool asked, stubborn;   /* for the turn, which was not given in time */
    bool turn_wanted;       /* by the peer */
    bool leaving;           /* nothing more is given to it */
    uint64_t answers;       /* to messages of ours, yes or no */
    uint64_t asked_ns;      /* when; loop time */
};

/* Takes the stream. The config's terms of role are the caller's; name and time are set here. */
struct p1_link *link_open(struct p1_links *of, const struct p1_terms *t, struct stream *s,
                          struct association_config *c);
bool link_flush(struct p1_link *k); /* false: it is gone */
/* Ends it: by an abort where one can be said, else at once. false: it is gone. */
bool link_abort(struct p1_link *k, enum rtse_abort reason);
void link_close(struct p1_link *k); /* without a word, at the end of the site */

#endif
