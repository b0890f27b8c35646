/* sink_truth.h - what a sink did with one recipient of one message: enough to tell accepted (and that the answer was made),
 * refused and where, doubtful (it was complete and never answered), and never complete.
 *
 * Lines have fields between tabs: number, ms since the start, caller, from, to, token, octets, stage, answered, done, then peer,
 * helo and envid. What is not there is "-". What callers said is made fit to show.
 */
#ifndef APP_SINK_TRUTH_H
#define APP_SINK_TRUTH_H

#include "app/sink_vice.h"
#include "base/net.h"

enum sink_ending { /* where a message's conversation ended */
                   SINK_ENDED_MAIL,
                   SINK_ENDED_RCPT,
                   SINK_ENDED_DATA,
                   SINK_ENDED_END,
                   SINK_ENDED_BEFORE, /* cut, by us */
                   SINK_ENDED_WITHIN,
                   SINK_ENDED_AFTER,
                   SINK_ENDED_GONE, /* the caller left with its text under way */
                   SINK_ENDINGS
};

extern const char *const sink_ending_names[SINK_ENDINGS];
extern const char *const sink_done_names[SINK_DONES];

struct sink_truth {
    uint64_t number; /* of the message; the same on all its lines */
    uint64_t ms, caller;
    struct net_addr peer;
    struct slice from, to, helo, envid; /* to: empty where MAIL was refused */
    const char *token;                  /* TOKEN_CHARS; NULL: none */
    uint64_t octets;                    /* of its text that came */
    enum sink_ending stage;
    unsigned answered; /* a reply's code; 0: none was made */
    enum sink_done done;
};

#define SINK_TRUTH_HEAD                                                                            \
    "number\tms\tcaller\tfrom\tto\ttoken\toctets\tstage\tanswered\tdone\tpeer\thelo\tenvid\n"

bool sink_truth_write(struct buf *out, const struct sink_truth *t); /* false: no room, or memory */

#endif
