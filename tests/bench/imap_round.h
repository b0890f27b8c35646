/* imap_round.h - a mailbox of our messages, read by the real probe with its journal, and nothing of a run beside it.
 *
 * The messages are those of a plan: composed as senders compose them, told apart and compared as in any run.
 */
#ifndef TESTS_BENCH_IMAP_ROUND_H
#define TESTS_BENCH_IMAP_ROUND_H

#include "base/bytes.h"
#include "base/net.h"
#include "tests/bench/side.h"

struct imap_bench; /* a plan, and what composes its messages */

/* dir: for the profile and the journal; exists. Messages have this many octets of body. */
struct imap_bench *imap_bench_create(const char *dir, uint64_t messages, uint32_t body_bytes);
void imap_bench_destroy(struct imap_bench *b);
/* Appends message `number`, as a server stores it. */
void imap_bench_compose(struct imap_bench *b, uint64_t number, struct buf *out);

struct imap_order {
    struct net_addr at;
    const char *user, *password;
    uint32_t content; /* percent of the bodies that are read */
};

/* Reads everything once. Fails unless each message of the plan was seen once, intact, and nothing else was said. */
void imap_round(struct imap_bench *b, const struct imap_order *o, struct bench_shot *shot);

#endif
