/* bench_p1.c - how fast messages go over X.400 P1, beside the echo of equal octets: bench_p1 [ROUNDS [MESSAGES [FILE]]].
 *
 * 700-octet messages, 8 associations, one sender thread with its whole account (plan, journal, ledger) to our own host on a
 * second thread; then the same octets over as many sockets with the same writes, and nothing behind them. Rounds of both
 * alternate, medians count. Writes bench.json; exit 1 where memory is not flat.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/stat.h>

#include "base/clock.h"
#include "tests/bench/echo.h"
#include "tests/bench/p1_round.h"

#define APDU_BYTES   700u
#define ASSOCIATIONS 8u
#define ROUNDS_MAX   64u
#define FLAT_KB      1024.0 /* growth of a round that counts as none */
#define GOAL_RATIO   0.6
#define GOAL_RATE    40000.0

struct bench {
    unsigned rounds;
    uint64_t messages;
    const char *file;
    char dir[64];
    uint32_t body_bytes;
    size_t there, back;
    struct bench_shot p1[ROUNDS_MAX], echo[ROUNDS_MAX];
};

static double rate(const struct bench_shot *s)
{
    return (double)s->messages * 1e9 / (double)s->ns;
}

static double us_each(uint64_t cpu_ns, const struct bench_shot *s)
{
    return (double)cpu_ns / 1e3 / (double)s->messages;
}

static double cpu_ratio(const struct bench_shot *p1, const struct bench_shot *echo)
{
    return us_each(echo->all_cpu_ns, echo) / us_each(p1->all_cpu_ns, p1);
}

static int by_rate(const void *a, const void *b)
{
    double x = rate(a), y = rate(b);

    return x < y ? -1 : x > y;
}

static struct p1_order order(const struct bench *b, uint64_t messages)
{
    return (struct p1_order){.associations = ASSOCIATIONS,
                             .body_bytes = b->body_bytes,
                             .messages = messages,
                             .mode = "normal",
                             .dir = b->dir};
}

static void clean(const struct bench *b)
{
    char path[100];

    (void)snprintf(path, sizeof path, "%s/0000.mpj", b->dir);
    (void)unlink(path);
    (void)snprintf(path, sizeof path, "%s/bench.yaml", b->dir);
    (void)unlink(path);
}

static void p1(const struct bench *b, uint64_t messages, struct bench_shot *shot)
{
    const struct p1_order o = order(b, messages);

    clean(b);
    p1_round(&o, shot);
}

/* The body that makes an APDU of 700 octets; warms up, too. */
static void find_size(struct bench *b)
{
    struct bench_shot shot;

    b->body_bytes = 400;
    for (unsigned i = 0; i < 3; i++) {
        p1(b, 2000, &shot);
        b->body_bytes += (uint32_t)(APDU_BYTES - shot.octets);
    }
    p1_wire_octets("normal", APDU_BYTES, &b->there, &b->back);
}

static void show(const char *what, const struct bench_shot *s)
{
    (void)printf("%-6s %8.0f messages/s   CPU a message: asking %5.2f us, answering %5.2f us, "
                 "all %5.2f us",
                 what, rate(s), us_each(s->ask_cpu_ns, s), us_each(s->answer_cpu_ns, s),
                 us_each(s->all_cpu_ns, s));
    if (s->rss_after_kb > 0)
        (void)printf("   RSS %+.0f KB, %.0f of it the account", s->rss_after_kb - s->rss_before_kb,
                     s->account_kb);
    (void)printf("\n");
    (void)fflush(stdout);
}

static void measure(struct bench *b)
{
    const struct echo_order echo = {
        .sockets = ASSOCIATIONS, .ask = b->there, .answer = b->back, .messages = b->messages};

    for (unsigned i = 0; i < b->rounds; i++) {
        p1(b, b->messages, &b->p1[i]);
        show("p1", &b->p1[i]);
        echo_run(&echo, &b->echo[i]);
        show("echo", &b->echo[i]);
    }
    clean(b);
}

/* By how much the last round grew beyond the slots of its account: the first ones fill what is kept. */
static double growth_kb(const struct bench *b)
{
    const struct bench_shot *last = &b->p1[b->rounds - 1];
    double grew = last->rss_after_kb - last->rss_before_kb - last->account_kb;

    return grew > 0 ? grew : 0; /* where memory of the round before serves again */
}

static void write_json(const struct bench *b, const struct bench_shot *p,
                       const struct bench_shot *e, double grew_kb)
{
    FILE *f = fopen(b->file, "we");

    if (!f)
        bench_fail("%s cannot be written", b->file);
    (void)fprintf(
        f,
        "{\"bench\": \"p1\", \"associations\": %u, \"apdu_octets\": %llu, "
        "\"messages\": %llu, \"rounds\": %u,\n"
        " \"p1_per_s\": %.0f, \"echo_per_s\": %.0f, \"ratio\": %.3f, \"cpu_ratio\": %.3f,\n"
        " \"p1_cpu_us\": {\"sender\": %.2f, \"sink\": %.2f, \"all\": %.2f},\n"
        " \"echo_cpu_us\": {\"asking\": %.2f, \"answering\": %.2f, \"all\": %.2f},\n"
        " \"octets\": {\"there\": %zu, \"back\": %zu}, \"rss_growth_kb\": %.0f}\n",
        ASSOCIATIONS, (unsigned long long)p->octets, (unsigned long long)b->messages, b->rounds,
        rate(p), rate(e), rate(p) / rate(e), cpu_ratio(p, e), us_each(p->ask_cpu_ns, p),
        us_each(p->answer_cpu_ns, p), us_each(p->all_cpu_ns, p), us_each(e->ask_cpu_ns, e),
        us_each(e->answer_cpu_ns, e), us_each(e->all_cpu_ns, e), b->there, b->back, grew_kb);
    if (fclose(f) != 0)
        bench_fail("%s cannot be written", b->file);
}

static int conclude(struct bench *b)
{
    double grew_kb = growth_kb(b);

    qsort(b->p1, b->rounds, sizeof *b->p1, by_rate);
    qsort(b->echo, b->rounds, sizeof *b->echo, by_rate);
    const struct bench_shot *p = &b->p1[b->rounds / 2], *e = &b->echo[b->rounds / 2];

    (void)printf("\nX.400 P1, %llu-octet messages, %u associations, one thread, full account; "
                 "medians of %u rounds of %llu:\n",
                 (unsigned long long)p->octets, ASSOCIATIONS, b->rounds,
                 (unsigned long long)b->messages);
    show("p1", p);
    show("echo", e);
    (void)printf("ratio  %8.2f (goal %.1f; and %.0f messages/s on an idle machine with two cores)\n"
                 "       %8.2f by CPU, which other programs on the machine disturb less\n"
                 "memory %+8.0f KB beyond the account in the last round\n",
                 rate(p) / rate(e), GOAL_RATIO, GOAL_RATE, cpu_ratio(p, e), grew_kb);
    write_json(b, p, e, grew_kb);
    return grew_kb <= FLAT_KB ? 0 : 1;
}

int main(int argc, char **argv)
{
    static struct bench b;

    b.rounds = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 5;
    b.messages = argc > 2 ? strtoull(argv[2], NULL, 10) : 100000;
    b.file = argc > 3 ? argv[3] : "bench.json";
    if (b.rounds < 1 || b.rounds > ROUNDS_MAX || b.messages < 1000)
        bench_fail("rounds 1 to %u, at least 1,000 messages", ROUNDS_MAX);
    (void)snprintf(b.dir, sizeof b.dir, "bench.%d", (int)getpid());
    if (mkdir(b.dir, 0700) != 0)
        bench_fail("%s cannot be made", b.dir);
    find_size(&b);
    measure(&b);
    (void)rmdir(b.dir);
    return conclude(&b);
}
