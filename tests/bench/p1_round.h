/* p1_round.h - messages over X.400 as a run sends them, with its whole account, to our own host on another thread.
 */
#ifndef TESTS_BENCH_P1_ROUND_H
#define TESTS_BENCH_P1_ROUND_H

#include "base/bytes.h"
#include "tests/bench/side.h"

struct p1_order {
    uint32_t associations, body_bytes;
    uint64_t messages;
    const char *mode; /* as profiles name it */
    const char *dir;  /* for the journal */
};

/* Every message is checked to be accepted once, by the ledger and by the host. */
void p1_round(const struct p1_order *o, struct bench_shot *shot);

/* Octets that one message of `apdu` octets costs each way on the wire, as two associations say it. */
void p1_wire_octets(const char *mode, size_t apdu, size_t *there, size_t *back);

#endif
