/* bench_imap.c - what reading a mailbox over IMAP costs: bench_imap [FILE [ROUNDS [CANNED [STORED [PEER]]]]].
 *
 * The real probe (token, content check, journal) reads CANNED messages of 1,000 octets of body from a server that has its
 * answers ready, whole and by header sweep; then STORED from a Dovecot, beside libcurl reading PEER of them one by one: as they were delivered, when reading marks
 * them as seen (libcurl knows no other way), and once more.
 * CPU is that of the reading thread. Ways alternate, medians count. Writes one JSON object to FILE; exit 1 where a goal is
 * missed. Without Dovecot its part is skipped, and FILE says why.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/stat.h>

#include <curl/curl.h>

#include "tests/bench/imap_canned.h"
#include "tests/bench/imap_dovecot.h"
#include "tests/bench/imap_peer.h"

#define BODY_BYTES  1000u
#define ROUNDS_MAX  64u
#define GOAL_CPU_US 1.5
#define GOAL_TIMES  20.0
#define GOAL_RATE   100000.0

enum way {
    CANNED_WHOLE,
    CANNED_TENTH,
    CANNED_SWEEP,
    STORED_WHOLE,
    STORED_TENTH,
    STORED_SWEEP,
    STORED_PEER,
    STORED_AGAIN,
    WAYS
};

static const struct {
    const char *name, *text;
    uint32_t content;
} ways[WAYS] = {
    [CANNED_WHOLE] = {"canned", "canned, every body", 100},
    [CANNED_TENTH] = {"canned_content_10", "canned, headers and a tenth of the bodies", 10},
    [CANNED_SWEEP] = {"canned_content_0", "canned, headers only", 0},
    [STORED_WHOLE] = {"dovecot", "Dovecot, every body", 100},
    [STORED_TENTH] = {"dovecot_content_10", "Dovecot, headers and a tenth of the bodies", 10},
    [STORED_SWEEP] = {"dovecot_content_0", "Dovecot, headers only", 0},
    [STORED_PEER] = {"dovecot_libcurl", "Dovecot, libcurl one by one, as delivered", 100},
    [STORED_AGAIN] = {"dovecot_libcurl_again", "Dovecot, libcurl one by one, seen before", 100},
};

struct bench {
    const char *file;
    unsigned rounds;
    uint32_t canned, stored, peer;
    char dir[64];
    const char *skipped;    /* NULL: there was a Dovecot */
    struct bench_shot cold; /* the very first reading of it */
    struct bench_shot shots[WAYS][ROUNDS_MAX];
};

static double rate(const struct bench_shot *s)
{
    return s->ns > 0 ? (double)s->messages * 1e9 / (double)s->ns : 0;
}

static double us_each(const struct bench_shot *s)
{
    return s->messages > 0 ? (double)s->ask_cpu_ns / 1e3 / (double)s->messages : 0;
}

static int by_rate(const void *a, const void *b)
{
    double x = rate(a), y = rate(b);

    return x < y ? -1 : x > y;
}

static int by_cpu(const void *a, const void *b)
{
    double x = us_each(a), y = us_each(b);

    return x < y ? -1 : x > y;
}

static double median_rate(struct bench *b, enum way w)
{
    qsort(b->shots[w], b->rounds, sizeof b->shots[w][0], by_rate);
    return rate(&b->shots[w][b->rounds / 2]);
}

static double median_us(struct bench *b, enum way w)
{
    qsort(b->shots[w], b->rounds, sizeof b->shots[w][0], by_cpu);
    return us_each(&b->shots[w][b->rounds / 2]);
}

static void show(const char *what, double per_s, double us)
{
    (void)printf("%-44s %9.0f messages/s %8.2f us CPU a message\n", what, per_s, us);
    (void)fflush(stdout);
}

/* ---- measuring ---- */

static void read_canned(struct bench *b)
{
    struct imap_bench *m = imap_bench_create(b->dir, b->canned, BODY_BYTES);
    struct imap_canned *c = imap_canned_start(m, b->canned);
    struct imap_order o = {.at = imap_canned_at(c), .user = "joe", .password = "word"};

    for (unsigned i = 0; i < b->rounds; i++)
        for (unsigned w = CANNED_WHOLE; w <= CANNED_SWEEP; w++) {
            o.content = ways[w].content;
            imap_round(m, &o, &b->shots[w][i]);
            show(ways[w].text, rate(&b->shots[w][i]), us_each(&b->shots[w][i]));
        }
    imap_canned_stop(c);
    imap_bench_destroy(m);
}

static void read_stored(struct bench *b)
{
    struct imap_bench *m = imap_bench_create(b->dir, b->stored, BODY_BYTES);
    struct imap_dovecot *d = imap_dovecot_start(m, b->stored, &b->skipped);
    struct imap_order o = {
        .user = IMAP_DOVECOT_USER, .password = IMAP_DOVECOT_PASSWORD, .content = 100};

    if (d) {
        o.at = imap_dovecot_at(d);
        imap_round(m, &o, &b->cold);
        show("Dovecot, every body, for the first time", rate(&b->cold), us_each(&b->cold));
    } else {
        (void)printf("SKIPPED: %s\n", b->skipped);
    }
    for (unsigned i = 0; d && i < b->rounds; i++)
        for (unsigned w = STORED_WHOLE; w <= STORED_AGAIN; w++) {
            o.content = ways[w].content;
            if (w >= STORED_PEER) /* other messages in each round: reading them marks them */
                imap_peer_read(&o, b->peer, b->stored, 1 + i, BODY_BYTES, &b->shots[w][i]);
            else
                imap_round(m, &o, &b->shots[w][i]);
            show(ways[w].text, rate(&b->shots[w][i]), us_each(&b->shots[w][i]));
        }
    imap_dovecot_stop(d);
    imap_bench_destroy(m);
}

/* ---- telling ---- */

static double times_of(struct bench *b, enum way peer)
{
    double per_s = median_rate(b, peer);

    return per_s > 0 ? median_rate(b, STORED_WHOLE) / per_s : 0;
}

/* By how much a message costs libcurl more processor time: what other programs on the machine disturb less. */
static double cpu_times(struct bench *b)
{
    double ours = median_us(b, STORED_WHOLE);

    return ours > 0 ? median_us(b, STORED_PEER) / ours : 0;
}

static bool write_json(struct bench *b, double times, double again)
{
    FILE *f = fopen(b->file, "we");

    if (!f)
        return false;
    (void)fprintf(f,
                  "{\"bench\": \"imap\", \"rounds\": %u, \"body_octets\": %u, "
                  "\"canned_messages\": %u, \"dovecot_messages\": %u, \"libcurl_messages\": %u,\n"
                  " \"skipped\": %s%s%s, \"dovecot_times_libcurl\": %.1f, "
                  "\"dovecot_times_libcurl_again\": %.1f, "
                  "\"dovecot_times_libcurl_cpu\": %.1f,\n"
                  " \"dovecot_first\": {\"per_s\": %.0f, \"cpu_us\": %.3f}",
                  b->rounds, BODY_BYTES, b->canned, b->stored, b->peer, b->skipped ? "\"" : "",
                  b->skipped ? b->skipped : "null", b->skipped ? "\"" : "", times, again,
                  cpu_times(b), rate(&b->cold), us_each(&b->cold));
    for (unsigned w = 0; w < WAYS; w++) {
        double per_s = median_rate(b, w), us = median_us(b, w);

        (void)fprintf(f,
                      ",\n \"%s\": {\"per_s\": %.0f, \"cpu_us\": %.3f, \"cpu_us_least\": %.3f, "
                      "\"cpu_us_most\": %.3f}",
                      ways[w].name, per_s, us, us_each(&b->shots[w][0]),
                      us_each(&b->shots[w][b->rounds - 1]));
    }
    (void)fprintf(f, "}\n");
    return fclose(f) == 0;
}

static int conclude(struct bench *b)
{
    double times = times_of(b, STORED_PEER), again = times_of(b, STORED_AGAIN);

    (void)printf("\nIMAP, messages of 1 KB, one session, medians of %u rounds:\n", b->rounds);
    for (unsigned w = 0; w < WAYS; w++)
        if (!b->skipped || w < STORED_WHOLE)
            show(ways[w].text, median_rate(b, w), median_us(b, w));
    bool canned = median_rate(b, CANNED_WHOLE) >= GOAL_RATE;
    bool stored = b->skipped || (median_us(b, STORED_WHOLE) <= GOAL_CPU_US && times >= GOAL_TIMES);

    if (!b->skipped)
        (void)printf(
            "Dovecot: %.0f times libcurl's messages/s (goal %.0f; %.0f where they were seen "
            "before), %.2f us (goal %.1f), libcurl %.0f times as dear\n",
            times, GOAL_TIMES, again, median_us(b, STORED_WHOLE), GOAL_CPU_US, cpu_times(b));
    (void)printf("canned: %.0f messages/s (goal %.0f)\n", median_rate(b, CANNED_WHOLE), GOAL_RATE);
    if (!write_json(b, times, again))
        bench_fail("%s cannot be written", b->file);
    return canned && stored ? 0 : 1;
}

static uint32_t number_at(int argc, char **argv, int i, uint32_t otherwise)
{
    return argc > i ? (uint32_t)strtoul(argv[i], NULL, 10) : otherwise;
}

int main(int argc, char **argv)
{
    static struct bench b;

    b.file = argc > 1 ? argv[1] : "bench_imap.json";
    b.rounds = number_at(argc, argv, 2, 5);
    b.canned = number_at(argc, argv, 3, 200000);
    b.stored = number_at(argc, argv, 4, 20000);
    b.peer = number_at(argc, argv, 5, 500);
    if (b.rounds < 1 || b.rounds > ROUNDS_MAX || b.canned < 1000 || b.stored < 1000 ||
        b.canned > 1000000 || b.stored > 1000000 || b.peer < 1 || b.peer > b.stored / b.rounds)
        bench_fail("1 to %u rounds, 1,000 to 1,000,000 messages, for libcurl other ones each round",
                   ROUNDS_MAX);
    (void)snprintf(b.dir, sizeof b.dir, "bench-imap.%d", (int)getpid());
    if (mkdir(b.dir, 0700) != 0 || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        bench_fail("%s cannot be made", b.dir);
    read_canned(&b);
    read_stored(&b);
    (void)rmdir(b.dir);
    return conclude(&b);
}
