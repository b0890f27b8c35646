/* bench_send.c - floods an SMTP or LMTP server with our sender and its whole account, and prints one JSON object of what it cost.
 *
 * bench_send --to HOST:PORT [--mode lockstep|pipelining|chunking] [--window N] [--size BYTES] [--connections N]
 *   [--messages N] [--per-connection N] [--tls starttls|implicit] [--ca FILE] [--tickets on|off] [--lmtp]
 *   [--account on|off] [--rate MESSAGES-A-SECOND]
 *
 * Without a rate everything is due at once. cpu_* is getrusage of both threads (sender, ledger) from the first message due
 * until the ledger knows how all ended. What the account says is only printed: whoever measures compares it with the
 * server's own count. --account off: no journal, no ledger, to see what they cost; accepted is null then.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/stat.h>

#include "base/bytes.h"
#include "base/text.h"
#include "results/event.h"
#include "tests/bench/send_round.h"
#include "tests/bench/side.h"

#define MESSAGES_MAX 1000000000u

struct wish {
    const char *to, *mode, *window, *size, *connections, *messages, *per_connection, *tls, *ca,
        *tickets, *account, *rate;
};

static uint64_t number(const char *option, const char *value, uint64_t most)
{
    uint64_t n = 0;

    if (!text_u64(slice_of(value), &n, NULL) || n > most)
        bench_fail("--%s %s: expected a number, at most %llu", option, value,
                   (unsigned long long)most);
    return n;
}

static bool is_on(const char *option, const char *value)
{
    bool on = true;

    if (!text_bool(slice_of(value), &on, NULL))
        bench_fail("--%s %s: expected on or off", option, value);
    return on;
}

static struct send_order parse(int argc, char **argv)
{
    struct wish w = {.mode = "pipelining",
                     .window = "0",
                     .size = "1024",
                     .connections = "50",
                     .messages = "100000",
                     .per_connection = "0",
                     .tls = "none",
                     .tickets = "on",
                     .account = "on",
                     .rate = "0"};
    const char **const values[] = {&w.to,          &w.mode,     &w.window,         &w.size,
                                   &w.connections, &w.messages, &w.per_connection, &w.tls,
                                   &w.ca,          &w.tickets,  &w.account,        &w.rate};
    static const struct option rows[] = {{"to", 1, NULL, 0},
                                         {"mode", 1, NULL, 1},
                                         {"window", 1, NULL, 2},
                                         {"size", 1, NULL, 3},
                                         {"connections", 1, NULL, 4},
                                         {"messages", 1, NULL, 5},
                                         {"per-connection", 1, NULL, 6},
                                         {"tls", 1, NULL, 7},
                                         {"ca", 1, NULL, 8},
                                         {"tickets", 1, NULL, 9},
                                         {"account", 1, NULL, 10},
                                         {"rate", 1, NULL, 11},
                                         {"lmtp", 0, NULL, 12},
                                         {0}};
    bool lmtp = false;

    for (int c; (c = getopt_long(argc, argv, "", rows, NULL)) != -1;) {
        if (c == '?')
            bench_fail("what it takes stands at the head of bench_send.c");
        if (c == 12)
            lmtp = true;
        else
            *values[c] = optarg;
    }
    if (!w.to || optind != argc)
        bench_fail("--to HOST:PORT says where");
    return (struct send_order){.to = w.to,
                               .mode = w.mode,
                               .tls = w.tls,
                               .ca_file = w.ca,
                               .messages = number("messages", w.messages, MESSAGES_MAX),
                               .window = (uint32_t)number("window", w.window, 64),
                               .size = (uint32_t)number("size", w.size, 1u << 30),
                               .connections = (uint32_t)number("connections", w.connections, 1000),
                               .per_connection =
                                   (uint32_t)number("per-connection", w.per_connection, 1000000),
                               .rate = (double)number("rate", w.rate, 1000000),
                               .lmtp = lmtp,
                               .account = is_on("account", w.account),
                               .no_tickets = !is_on("tickets", w.tickets)};
}

static void print_account(const struct send_order *o, const struct send_shot *s)
{
    if (!o->account) {
        (void)printf("\"accepted\": null, \"refused\": null, \"doubt\": null, ");
        return;
    }
    (void)printf("\"accepted\": %llu, \"refused\": %llu, \"doubt\": %llu, \"aborted\": %llu, ",
                 (unsigned long long)s->accepted, (unsigned long long)s->refused,
                 (unsigned long long)s->doubt, (unsigned long long)s->aborted);
}

static void print_sessions(uint32_t sessions)
{
    static const struct {
        uint32_t bit;
        const char *name;
    } words[] = {{SESSION_TLS, "tls"},
                 {SESSION_RESUMED, "resumed"},
                 {SESSION_PIPELINING, "pipelining"},
                 {SESSION_CHUNKING, "chunking"},
                 {SESSION_RESET, "reset"},
                 {SESSION_LMTP, "lmtp"},
                 {SEND_NO_CHUNKING, "no-chunking"}};

    const char *comma = "";

    (void)printf("\"sessions\": [");
    for (unsigned i = 0; i < sizeof words / sizeof *words; i++)
        if (sessions & words[i].bit) {
            (void)printf("%s\"%s\"", comma, words[i].name);
            comma = ", ";
        }
    (void)printf("], \"window\": %u", sessions >> 16 & 0x7fff);
}

static char dir[64];

/* Also where the bench fails. */
static void remove_dir(void)
{
    send_round_clean(dir);
    (void)rmdir(dir);
}

int main(int argc, char **argv)
{
    struct send_order o = parse(argc, argv);
    struct send_shot s;

    (void)snprintf(dir, sizeof dir, "bench.%d", (int)getpid());
    if (mkdir(dir, 0700) != 0)
        bench_fail("%s cannot be made", dir);
    (void)atexit(remove_dir);
    o.dir = dir;
    send_round(&o, &s);
    (void)printf("{\"messages\": %llu, ", (unsigned long long)s.messages);
    print_account(&o, &s);
    (void)printf("\"connects\": %llu, \"wall_us\": %llu, \"cpu_user_us\": %llu, "
                 "\"cpu_system_us\": %llu, \"sender_us\": %llu, \"rss_kb\": %.0f, "
                 "\"late_us\": {\"p50\": %llu, \"p99\": %llu, \"p999\": %llu, \"max\": %llu}, ",
                 (unsigned long long)s.connects, (unsigned long long)s.wall_ns / 1000,
                 (unsigned long long)s.cpu_user_ns / 1000,
                 (unsigned long long)s.cpu_system_ns / 1000, (unsigned long long)s.sender_ns / 1000,
                 s.rss_kb, (unsigned long long)s.late_us[0], (unsigned long long)s.late_us[1],
                 (unsigned long long)s.late_us[2], (unsigned long long)s.late_us[3]);
    print_sessions(s.sessions);
    (void)printf("}\n");
    return 0;
}
