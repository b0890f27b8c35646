/* send_round.h - messages over SMTP or LMTP as a run sends them, with its whole account, to whoever listens at an address.
 */
#ifndef TESTS_BENCH_SEND_ROUND_H
#define TESTS_BENCH_SEND_ROUND_H

#include <stdbool.h>
#include <stdint.h>

#define SEND_NO_CHUNKING (1u << 31) /* a bit of send_shot.sessions: its trial failed */

struct send_order {
    const char *to;            /* "127.0.0.1:2525" */
    const char *mode;          /* as profiles name it */
    const char *tls, *ca_file; /* "none", "starttls", "implicit"; ca_file NULL: not verified */
    const char *dir;           /* for the journal */
    uint64_t messages;
    uint32_t window, size, connections, per_connection;
    double rate; /* 0: all are due at once */
    bool lmtp, account, no_tickets;
};

struct send_shot {
    uint64_t messages, connects;
    uint64_t attempted, accepted, refused, doubt, aborted; /* of the account; 0 without one */
    uint64_t wall_ns;                    /* from the first due to the last ended */
    uint64_t cpu_user_ns, cpu_system_ns; /* of all threads, until the ledger knew all */
    uint64_t sender_ns;                  /* of it, the sender's thread until its last ended */
    double rss_kb;                       /* the most that it ever was */
    uint64_t late_us[4];                 /* p50, p99, p99.9, the most */
    uint32_t sessions;                   /* EV_SESSIONS: all bits seen, and the last window << 16 */
};

void send_round(const struct send_order *o, struct send_shot *shot);
void send_round_clean(const char *dir); /* of what a round left there */

#endif
