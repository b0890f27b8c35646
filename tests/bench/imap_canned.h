/* imap_canned.h - an IMAP server that has its FETCH answers ready: as fast as a socket takes them, on a thread of its own.
 *
 * One mailbox, UIDs from 1, no TLS, anybody may log on. Answers whole bodies (BODY.PEEK[]) and header fields
 * (BODY.PEEK[HEADER.FIELDS ...]) of any set of UIDs. For a bench: what it does not know it refuses.
 */
#ifndef TESTS_BENCH_IMAP_CANNED_H
#define TESTS_BENCH_IMAP_CANNED_H

#include "tests/bench/imap_round.h"

struct imap_canned;

struct imap_canned *imap_canned_start(struct imap_bench *b, uint32_t messages);
struct net_addr imap_canned_at(const struct imap_canned *c);
void imap_canned_stop(struct imap_canned *c);

#endif
