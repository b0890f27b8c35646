/* bench_ledger.c - what it costs to account for millions of copies: bench_ledger [-o FILE] [-d FOLDER] [COPIES...].
 *
 * Per size (1M 10M 100M unless said): two senders' journals and a probe's are written as a run writes them, three events a
 * copy, sightings shuffled within 65,536 copies; each written block is folded. Then the ledger is judged. Then, in a fresh
 * process, the journal is read into an empty ledger and judged again. Both judgements must find exactly the losses that
 * were planted. "Own" is without the kernel, whose part (first touch of memory, the file cache) differs from host to host.
 * Sizes for which the disk or memory is too small are left out, with a word. FILE gets one JSON object.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/rng.h"
#include "base/thread.h"
#include "results/journal.h"
#include "results/judge.h"
#include "tests/bench/side.h"

#define RUN          0x1ed6e5ull
#define MAILBOXES    1020u /* the last 20 originate */
#define RECIPIENTS   1000u
#define SERVERS      3u
#define WINDOW       65536u
#define LEASE        4096u
#define EVENTS       3u
#define SPACING_NS   40000ull /* between two messages: 25,000 a second */
#define SCAN_NS      (2 * NS_PER_S)
#define LOST_EVERY   9973u
#define DISK_SLACK   (512ull << 20)
#define MEMORY_SLACK (300ull << 20)
#define SIZES_MAX    16u
#define ROUNDS_MAX   5u

struct result { /* of one process, or the medians of some */
    bool ok;
    double ready_ns_copy; /* CPU, of memory made ready before the load */
    double ns_event;      /* CPU, of folding: written or read */
    double own_ns_event;  /* of it, outside the kernel */
    double events_s;      /* by the clock */
    double judge_s, judge_cpu_s;
    double peak_bytes;
};

struct size {
    uint64_t copies;
    struct result live, replay;
    char left_out[160];
};

struct site { /* what the manifest points at */
    struct manifest m;
    const char *servers[SERVERS];
    struct manifest_mailbox boxes[MAILBOXES];
    struct manifest_load load;
};

static bool is_lost(uint64_t n)
{
    return n % LOST_EVERY == 17;
}

static uint64_t planted(uint64_t copies)
{
    return copies / LOST_EVERY + (copies % LOST_EVERY > 17);
}

static void make_site(struct site *s, uint64_t copies)
{
    *s = (struct site){.servers = {"s0", "s1", "s2"}};
    for (uint32_t i = 0; i < MAILBOXES; i++)
        s->boxes[i] = (struct manifest_mailbox){
            .name = "box", .address = "box@bench.test", .home = i % SERVERS, .alternate = NO_INDEX};
    s->load = (struct manifest_load){
        .name = "flood", .protocol = "smtp", .via = "s0", .count = copies, .recipients = 1};
    s->m = (struct manifest){.name = "bench",
                             .variant = "",
                             .description = "",
                             .target = "none",
                             .run_id = RUN,
                             .time_scale = 1,
                             .stride = 1,
                             .planned_messages = copies,
                             .canaries = 1,
                             .servers = s->servers,
                             .server_count = SERVERS,
                             .mailboxes = s->boxes,
                             .mailbox_count = MAILBOXES,
                             .loads = &s->load,
                             .load_count = 1,
                             .queues_visible = true,
                             .settle_retry_ns = 60 * NS_PER_S,
                             .late_ns = 30 * NS_PER_S};
}

/* --------------------------------------------------------------------------------------------------------- the run */

#define SYNC_BLOCKS 256 /* 16 MB: what a run syncs at once */

struct run {
    uint64_t copies, synced[3]; /* how far, by journal */
    unsigned unsynced;          /* blocks */
    struct ledger *ledger;
    struct journal *senders[2], *probe;
    uint16_t order[WINDOW]; /* in which a window's copies are seen */
};

static void put(struct journal *j, struct event ev)
{
    if (!journal_add(j, &ev))
        bench_fail("%s", journal_error(j)->text);
}

static uint32_t recipient(uint64_t n)
{
    return (uint32_t)(n * 2654435761u >> 7) % RECIPIENTS;
}

static void send_window(struct run *r, uint64_t first, uint64_t end)
{
    for (uint64_t n = first; n < end; n++) {
        struct journal *j = r->senders[n / LEASE % 2];

        if (n % LEASE == 0)
            put(j, (struct event){.kind = EV_LEASE, .slot = n, .a = LEASE, .b = 1});
        put(j, (struct event){.kind = EV_SENT,
                              .slot = n,
                              .t_ns = n * SPACING_NS,
                              .a = recipient(n),
                              .b = (uint32_t)(n * 7 % 97),
                              .code = RECIPIENTS + (uint32_t)(n % 20)});
        put(j, (struct event){.kind = EV_END,
                              .slot = n,
                              .t_ns = n * SPACING_NS + NS_PER_MS,
                              .a = END_ACCEPTED | STAGE_DOT << 8,
                              .b = 300 + (uint32_t)(n * 31 % 4001),
                              .code = event_code(250, 2, 0, (unsigned)(n % 3))});
    }
}

static void see_window(struct run *r, uint64_t first, uint64_t end)
{
    for (uint32_t i = 0; i < WINDOW; i++) {
        uint64_t n = first + r->order[i];
        uint64_t t = n * SPACING_NS + NS_PER_S + n % 1009 * NS_PER_MS;

        if (n < end && !is_lost(n))
            put(r->probe, (struct event){.kind = EV_SEEN,
                                         .slot = n,
                                         .t_ns = t,
                                         .place = (uint16_t)(recipient(n) % SERVERS),
                                         .a = recipient(n),
                                         .b = (uint32_t)(t / SCAN_NS),
                                         .code = 1});
    }
}

/* Quiet queues, complete scans of every home, a canary that was reported, and the end. */
static void settle_run(struct run *r)
{
    uint64_t t = r->copies * SPACING_NS + 60 * NS_PER_S;
    uint32_t epoch = (uint32_t)(t / SCAN_NS);

    for (uint16_t s = 0; s < SERVERS; s++)
        for (uint32_t wave = 0; wave < 2; wave++)
            put(r->probe, (struct event){.kind = EV_WAVE,
                                         .t_ns = t + wave * NS_PER_S,
                                         .place = s,
                                         .b = wave,
                                         .code = WAVE_COMPLETE});
    t += NS_PER_S;
    put(r->probe, (struct event){.kind = EV_QUIESCENT, .t_ns = t, .b = 1});
    for (uint32_t box = 0; box < MAILBOXES; box++)
        put(r->probe, (struct event){.kind = EV_SCAN,
                                     .t_ns = t + 1,
                                     .place = (uint16_t)(box % SERVERS),
                                     .a = box,
                                     .b = epoch,
                                     .code = SCAN_COMPLETE});
    for (uint32_t state = CANARY_SENT; state <= CANARY_REPORTED; state += CANARY_REPORTED)
        put(r->probe,
            (struct event){.kind = EV_CANARY, .slot = r->copies, .t_ns = t, .code = state});
    put(r->probe, (struct event){.kind = EV_PHASE, .t_ns = t + NS_PER_S, .code = PHASE_END});
}

static void shuffle(uint16_t *order)
{
    struct rng r = rng_at(5, 5, 5);

    for (uint32_t i = 0; i < WINDOW; i++)
        order[i] = (uint16_t)i;
    for (uint32_t i = WINDOW; i > 1; i--) {
        uint32_t k = (uint32_t)rng_below(&r, i);
        uint16_t swap = order[i - 1];

        order[i - 1] = order[k];
        order[k] = swap;
    }
}

static void fold_block(struct journal_sink *s, const struct event *events, uint32_t count)
{
    struct run *r = s->owner;

    ledger_apply(r->ledger, events, count);
    r->unsynced++;
}

/* As a run's ledger thread does ten times a second. */
static void sync_all(struct run *r)
{
    const struct journal *all[] = {r->senders[0], r->senders[1], r->probe};

    if (r->unsynced < SYNC_BLOCKS)
        return;
    r->unsynced = 0;
    for (unsigned i = 0; i < 3; i++)
        if (!journal_sync(journal_descriptor(all[i]), &r->synced[i]))
            bench_fail("a journal cannot be synced: %s", strerror(errno));
}

/* Everything that is seen was sent a window earlier, as mail that takes two seconds. */
static void write_run(struct run *r, const char *dir)
{
    struct err e = {0};
    struct journal_sink sink = {.block = fold_block, .owner = r};
    struct journal **all[] = {&r->senders[0], &r->senders[1], &r->probe};

    for (uint32_t i = 0; i < 3; i++)
        if (!(*all[i] = journal_create(dir, i, RUN, &sink, &e)))
            bench_fail("%s", e.text);
    put(r->probe, (struct event){.kind = EV_PHASE, .code = PHASE_LOAD});
    for (uint64_t n = 0; n < r->copies; n += WINDOW) {
        send_window(r, n, n + WINDOW < r->copies ? n + WINDOW : r->copies);
        if (n)
            see_window(r, n - WINDOW, n);
        sync_all(r);
    }
    see_window(r, (r->copies - 1) / WINDOW * WINDOW, r->copies);
    settle_run(r);
    for (uint32_t i = 0; i < 3; i++)
        if (!journal_close(*all[i], &e))
            bench_fail("%s", e.text);
}

/* ---------------------------------------------------------------------------------------------------- the measurements */

static void judge_it(struct result *out, const struct site *s, const struct ledger *l)
{
    struct err e = {0};
    uint64_t from = clock_mono_ns(), cpu = cpu_process_ns();
    struct judgement *j = judge(&s->m, l, &e);
    struct rusage use;

    if (!j)
        bench_fail("%s", e.text);
    out->judge_s = (double)(clock_mono_ns() - from) / 1e9;
    out->judge_cpu_s = (double)(cpu_process_ns() - cpu) / 1e9;
    (void)getrusage(RUSAGE_SELF, &use);
    out->peak_bytes = (double)use.ru_maxrss * 1024;
    uint64_t lost = planted(s->m.planned_messages);

    out->ok = j->tally.classes[CLASS_DELIVERED] == s->m.planned_messages - lost &&
              j->tally.classes[CLASS_SILENT_LOSS] == lost && j->exit_code == EX_FAIL &&
              j->tally.deliver.count == s->m.planned_messages - lost;
    judgement_destroy(j);
}

struct begin {
    uint64_t ns, cpu_ns;
    double own_ns;
};

static double own_cpu_ns(void)
{
    struct rusage u;

    (void)getrusage(RUSAGE_THREAD, &u);
    return (double)u.ru_utime.tv_sec * 1e9 + (double)u.ru_utime.tv_usec * 1e3;
}

static struct begin begin(void)
{
    return (struct begin){clock_mono_ns(), cpu_thread_ns(), own_cpu_ns()};
}

static void measured(struct result *out, uint64_t copies, const struct begin *b)
{
    double events = (double)copies * EVENTS;

    out->ns_event = (double)(cpu_thread_ns() - b->cpu_ns) / events;
    out->own_ns_event = (own_cpu_ns() - b->own_ns) / events;
    out->events_s = events * 1e9 / (double)(clock_mono_ns() - b->ns);
}

static void measure_live(struct result *out, const struct site *s, const char *dir)
{
    static struct run r;
    struct err e = {0};

    r.copies = s->m.planned_messages;
    uint64_t from = cpu_thread_ns();

    r.ledger = ledger_create(&s->m, &e);
    if (!r.ledger)
        bench_fail("%s", e.text);
    out->ready_ns_copy = (double)(cpu_thread_ns() - from) / (double)r.copies;
    shuffle(r.order);
    struct begin b = begin();

    write_run(&r, dir);
    measured(out, r.copies, &b);
    judge_it(out, s, r.ledger);
    ledger_destroy(r.ledger);
}

static void fold_read(void *owner, const struct event *events, uint32_t count)
{
    ledger_apply(owner, events, count);
}

static void measure_replay(struct result *out, const struct site *s, const char *dir)
{
    struct err e = {0};
    struct ledger *l = ledger_create(&s->m, &e);
    uint32_t torn = 0;
    struct begin b = begin();

    if (!l || !journal_read(dir, RUN, fold_read, l, &torn, &e) || torn)
        bench_fail("%s", torn ? "a journal is torn" : e.text);
    measured(out, s->m.planned_messages, &b);
    judge_it(out, s, l);
    ledger_destroy(l);
}

/* In a process of its own, whose peak of memory is its own. */
static struct result apart(void (*measure)(struct result *, const struct site *, const char *),
                           uint64_t copies, const char *dir)
{
    static struct site s;
    struct result out = {0};
    int ends[2], status = 0;

    (void)fflush(NULL);
    if (pipe(ends) < 0)
        bench_fail("pipe: %s", strerror(errno));
    pid_t child = fork();

    if (child == 0) {
        make_site(&s, copies);
        measure(&out, &s, dir);
        _exit(write(ends[1], &out, sizeof out) == sizeof out ? 0 : 1);
    }
    (void)close(ends[1]);
    bool whole = child > 0 && read(ends[0], &out, sizeof out) == sizeof out;

    (void)close(ends[0]);
    if (child > 0)
        (void)waitpid(child, &status, 0);
    out.ok = out.ok && whole && status == 0;
    return out;
}

/* --------------------------------------------------------------------------------------------------------- the sizes */

static double available_memory(void)
{
    FILE *f = fopen("/proc/meminfo", "re");
    char line[128];
    double kb = 0;

    while (f && fgets(line, sizeof line, f))
        if (strncmp(line, "MemAvailable:", 13) == 0)
            kb = strtod(line + 13, NULL);
    if (f)
        (void)fclose(f);
    return kb * 1024;
}

static bool has_room(struct size *s, const char *dir)
{
    struct statvfs fs;
    double disk = (double)s->copies * EVENTS * sizeof(struct event) + DISK_SLACK;
    double memory = (double)s->copies * 32 + MEMORY_SLACK;

    if (statvfs(dir, &fs) < 0)
        bench_fail("%s: %s", dir, strerror(errno));
    double has_disk = (double)fs.f_bavail * (double)fs.f_frsize, has_memory = available_memory();

    if (has_disk < disk)
        (void)snprintf(s->left_out, sizeof s->left_out,
                       "left out: its journal takes %.1f GB of disk, %.1f GB are free", disk / 1e9,
                       has_disk / 1e9);
    else if (has_memory < memory)
        (void)snprintf(s->left_out, sizeof s->left_out,
                       "left out: its ledger takes %.1f GB of memory, %.1f GB are free",
                       memory / 1e9, has_memory / 1e9);
    return !s->left_out[0];
}

static void remove_journals(const char *dir)
{
    char path[600];

    for (unsigned i = 0; i < 3; i++) {
        (void)snprintf(path, sizeof path, "%s/%04u.mpj", dir, i);
        (void)unlink(path);
    }
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double median(const struct result *r, unsigned n, size_t field)
{
    double v[ROUNDS_MAX];

    for (unsigned i = 0; i < n; i++)
        memcpy(&v[i], (const char *)&r[i] + field, sizeof v[i]);
    qsort(v, n, sizeof v[0], by_value);
    return v[n / 2];
}

static struct result medians(const struct result *r, unsigned n)
{
    struct result out = {.ok = true};

    for (unsigned i = 0; i < n; i++)
        out.ok = out.ok && r[i].ok;
    out.ready_ns_copy = median(r, n, offsetof(struct result, ready_ns_copy));
    out.ns_event = median(r, n, offsetof(struct result, ns_event));
    out.own_ns_event = median(r, n, offsetof(struct result, own_ns_event));
    out.events_s = median(r, n, offsetof(struct result, events_s));
    out.judge_s = median(r, n, offsetof(struct result, judge_s));
    out.judge_cpu_s = median(r, n, offsetof(struct result, judge_cpu_s));
    out.peak_bytes = median(r, n, offsetof(struct result, peak_bytes));
    return out;
}

static void measure_size(struct size *s, const char *dir)
{
    struct result live[ROUNDS_MAX], replay[ROUNDS_MAX];
    unsigned rounds = s->copies <= 2000000 ? 5 : s->copies <= 20000000 ? 3 : 1;

    if (!has_room(s, dir))
        return;
    for (unsigned i = 0; i < rounds; i++) {
        live[i] = apart(measure_live, s->copies, dir);
        replay[i] = apart(measure_replay, s->copies, dir);
        remove_journals(dir);
    }
    s->live = medians(live, rounds);
    s->replay = medians(replay, rounds);
}

/* ----------------------------------------------------------------------------------------------------------- the words */

static double cost_of(const struct size *s, bool own) /* CPU ns a copy: written, folded, judged */
{
    return (own ? s->live.own_ns_event : s->live.ns_event) * EVENTS +
           s->live.judge_cpu_s * 1e9 / (double)s->copies;
}

static double peak_of(const struct size *s)
{
    return s->live.peak_bytes > s->replay.peak_bytes ? s->live.peak_bytes : s->replay.peak_bytes;
}

static void print_head(void)
{
    (void)printf("%12s %9s %9s %9s %9s %11s %9s %9s %9s %9s %9s %9s\n", "copies", "ready", "live",
                 "own", "replay", "replay", "judge", "judge CPU", "peak", "memory", "cost", "own");
    (void)printf("%12s %9s %9s %9s %9s %11s %9s %9s %9s %9s %9s %9s\n", "", "ns/copy", "ns/event",
                 "ns/event", "ns/event", "M events/s", "s", "s", "GB", "B/copy", "ns/copy",
                 "ns/copy");
}

static void print_size(const struct size *s)
{
    if (s->left_out[0]) {
        (void)printf("%12llu %s\n", (unsigned long long)s->copies, s->left_out);
        return;
    }
    (void)printf("%12llu %9.1f %9.1f %9.1f %9.1f %11.1f %9.2f %9.2f %9.3f %9.1f %9.1f %9.1f%s\n",
                 (unsigned long long)s->copies, s->live.ready_ns_copy, s->live.ns_event,
                 s->live.own_ns_event, s->replay.ns_event, s->replay.events_s / 1e6,
                 s->live.judge_s, s->live.judge_cpu_s, peak_of(s) / 1e9,
                 peak_of(s) / (double)s->copies, cost_of(s, false), cost_of(s, true),
                 s->live.ok && s->replay.ok ? "" : "  WRONG: not what was planted");
    (void)fflush(stdout);
}

static void write_result(FILE *f, const char *name, const struct result *r)
{
    (void)fprintf(f,
                  "\"%s\": {\"ns_event\": %.2f, \"own_ns_event\": %.2f, \"events_s\": %.0f, "
                  "\"judge_s\": %.3f, "
                  "\"judge_cpu_s\": %.3f, \"peak_bytes\": %.0f}",
                  name, r->ns_event, r->own_ns_event, r->events_s, r->judge_s, r->judge_cpu_s,
                  r->peak_bytes);
}

static void write_json(const char *path, const struct size *sizes, unsigned count)
{
    FILE *f = fopen(path, "we");

    if (!f)
        bench_fail("%s: %s", path, strerror(errno));
    (void)fprintf(f,
                  "{\"bench\": \"ledger\", \"processors\": %u, \"events_a_copy\": %u, \"sizes\": [",
                  thread_processors(), EVENTS);
    for (unsigned i = 0; i < count; i++) {
        const struct size *s = &sizes[i];

        (void)fprintf(f, "%s\n  {\"copies\": %llu, ", i ? "," : "", (unsigned long long)s->copies);
        if (s->left_out[0]) {
            (void)fprintf(f, "\"left_out\": \"%s\"}", s->left_out);
            continue;
        }
        write_result(f, "live", &s->live);
        (void)fprintf(f, ",\n   ");
        write_result(f, "replay", &s->replay);
        (void)fprintf(f,
                      ",\n   \"ready_ns_copy\": %.1f, \"cost_ns_copy\": %.1f, \"own_ns_copy\": "
                      "%.1f, \"bytes_copy\": %.1f, "
                      "\"right\": %s}",
                      s->live.ready_ns_copy, cost_of(s, false), cost_of(s, true),
                      peak_of(s) / (double)s->copies,
                      s->live.ok && s->replay.ok ? "true" : "false");
    }
    (void)fprintf(f, "\n]}\n");
    if (fclose(f) != 0)
        bench_fail("%s: %s", path, strerror(errno));
}

static uint64_t parse_copies(const char *text)
{
    char *end;
    unsigned long long n = strtoull(text, &end, 10);

    n *= *end == 'M' ? 1000000 : *end == 'k' ? 1000 : 1;
    if (n < 1 || n > 1000000000 || (*end && end[1]))
        bench_fail("%s: a number of copies is expected, 1 to 1000M", text);
    return n;
}

int main(int argc, char **argv)
{
    static struct size sizes[SIZES_MAX] = {
        {.copies = 1000000}, {.copies = 10000000}, {.copies = 100000000}};
    const char *json = NULL, *folder = ".";
    unsigned count = 0;
    bool right = true;
    char dir[512];

    for (int o; (o = getopt(argc, argv, "o:d:")) != -1;) {
        if (o == '?')
            return 64;
        *(o == 'o' ? &json : &folder) = optarg;
    }
    for (; optind < argc && count < SIZES_MAX; optind++)
        sizes[count++].copies = parse_copies(argv[optind]);
    count = count ? count : 3;
    (void)snprintf(dir, sizeof dir, "%s/bench-ledger-XXXXXX", folder);
    if (!mkdtemp(dir))
        bench_fail("%s: %s", dir, strerror(errno));
    print_head();
    for (unsigned i = 0; i < count; i++) {
        measure_size(&sizes[i], dir);
        print_size(&sizes[i]);
        right = right && (sizes[i].left_out[0] || (sizes[i].live.ok && sizes[i].replay.ok));
    }
    (void)rmdir(dir);
    if (json)
        write_json(json, sizes, count);
    return right ? 0 : 1;
}
