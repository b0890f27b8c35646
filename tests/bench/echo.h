/* echo.h - the yardstick: the octets of messages and their answers over as many sockets, written the same way, meaning nothing.
 */
#ifndef TESTS_BENCH_ECHO_H
#define TESTS_BENCH_ECHO_H

#include "tests/bench/side.h"

struct echo_order {
    uint32_t sockets;
    size_t ask, answer; /* octets of one write each way; one outstanding a socket */
    uint64_t messages;
};

void echo_run(const struct echo_order *o, struct bench_shot *shot);

#endif
