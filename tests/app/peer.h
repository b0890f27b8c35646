/* peer.h - an SMTP server of few words for tests, on a thread of its own: says what its script says, whatever it hears.
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

struct peer;

struct peer *peer_start(enum peer_manner manner);
uint16_t peer_port(const struct peer *p); /* on 127.0.0.1 */
void peer_stop(struct peer *p);           /* NULL is fine */

#endif
