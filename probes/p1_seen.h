/* p1_seen.h - which messages of X.400 our own MTA may be sent again.
 *
 * An MTA that does not get the answer to a message sends it again, and is right to. So the last message of each association is
 * remembered; if the association breaks before anything shows that the answer arrived, the same message is expected once more.
 * One thread.
 */
#ifndef PROBES_P1_SEEN_H
#define PROBES_P1_SEEN_H

#include <stdbool.h>
#include <stdint.h>

#define P1_SEEN_CALLERS  1024u /* associations whose last message is remembered */
#define P1_SEEN_EXPECTED 4096u /* messages that may come again; the oldest are forgotten */

struct p1_seen_last {
    const void *caller; /* NULL: free */
    uint64_t transfer;
};

struct p1_seen {
    struct p1_seen_last *last;
    uint32_t callers;
    uint64_t *expected;       /* a ring of fingerprints; 0: none */
    uint32_t next, expecting; /* of the ring */
};

bool p1_seen_init(struct p1_seen *s); /* false: out of memory */
void p1_seen_fini(struct p1_seen *s); /* zeroed is fine */

/* `transfer`: a fingerprint of a message and whom it is for. Is it one that was expected again? Once. */
bool p1_seen_again(struct p1_seen *s, uint64_t transfer);
void p1_seen_taken(struct p1_seen *s, const void *caller, uint64_t transfer);
void p1_seen_answered(struct p1_seen *s, const void *caller); /* all that it sent was answered */
void p1_seen_broke(struct p1_seen *s, const void *caller);    /* no matter whether it was known */

#endif
