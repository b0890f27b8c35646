/* peer.h - a server of few words for tests, on a thread of its own: says what its script says, whatever it hears. SMTP by its
 * manner; or X.400 by steps, each so many packets of the caller's and then some octets.
 */
#ifndef TESTS_APP_PEER_H
#define TESTS_APP_PEER_H

#include <stdint.h>

enum peer_manner {
    PEER_FINE,     /* takes everything */
    PEER_NONSENSE, /* answers the end of a message with a line that is no reply */
    PEER_LONG,     /* answers it with a line that does not end */
    PEER_NEVER,    /* does not answer it */
    PEER_MUTE,     /* does not even say hello */
    PEER_GIBBERISH /* says hello in no language */
};

struct peer_step {
    unsigned packets;      /* RFC 1006's, of the caller's, that are waited for */
    const char *says;      /* octets.h; "": it hangs up. NULL: no step, and silence from now on */
    const char *from, *to; /* changed in there; NULL: nothing */
};

struct peer;

struct peer *peer_start(enum peer_manner manner);
struct peer *peer_start_x400(const struct peer_step *steps); /* up to one without words */
uint16_t peer_port(const struct peer *p);                    /* on 127.0.0.1 */
void peer_stop(struct peer *p);                              /* NULL is fine */

#endif
