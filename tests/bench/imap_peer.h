/* imap_peer.h - libcurl reading a mailbox as its manual shows: one message a transfer, by "INBOX;UID=n", on one connection.
 */
#ifndef TESTS_BENCH_IMAP_PEER_H
#define TESTS_BENCH_IMAP_PEER_H

#include "tests/bench/imap_round.h"

/* The first `messages` of the mailbox; each must have come, and be as long as those of ours. */
void imap_peer_read(const struct imap_order *o, uint32_t messages, size_t bytes_least,
                    struct shot *shot);

#endif
