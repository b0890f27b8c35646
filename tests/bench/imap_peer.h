/* imap_peer.h - libcurl reading a mailbox as its manual shows: one message a transfer, by "INBOX;UID=n", on one connection.
 *
 * It asks for BODY[], not BODY.PEEK[]: each message is marked as seen, which the server writes down.
 */
#ifndef TESTS_BENCH_IMAP_PEER_H
#define TESTS_BENCH_IMAP_PEER_H

#include "tests/bench/imap_round.h"

/* `messages` of the mailbox, evenly spread over the `of` that it has, from UID `first`; each must have come, and be as long as those of ours. */
void imap_peer_read(const struct imap_order *o, uint32_t messages, uint32_t of, uint32_t first,
                    size_t bytes_least, struct bench_shot *shot);

#endif
