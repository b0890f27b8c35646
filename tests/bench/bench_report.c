/* bench_report.c - writes the folder of a run that nobody ran, as large as asked: bench_report FOLDER COPIES[M] [SEED [WINDOW_MS]].
 *
 * Through the journal and manifest writers of a real run. 1,000 recipients on three servers over 400 s, 400 of whom move once;
 * what they had is seen again at the new home. Of what is sent in the WINDOW_MS (1,500) after a directory named a new home, some
 * is lost in silence, reported, delivered twice, left behind as well, stranded in a queue, or seen and then gone; elsewhere
 * a few are refused or come late. Reports are kept as a run keeps them, the first 5,000. COPIES below 1M have fewer in each
 * window. expected.json says how many copies each class must have: who judges the run must find exactly these.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/stat.h>

#include "app/report_voice.h"
#include "base/clock.h"
#include "base/rng.h"
#include "results/classify.h"
#include "results/journal.h"
#include "results/manifest.h"
#include "tests/bench/side.h"

#define MAILBOXES    1020u /* the last 20 originate */
#define RECIPIENTS   1000u
#define MOVES        400u
#define SERVERS      3u
#define LEASE        4096u
#define DELAY        65536u /* messages between a sending and its sighting, in the journals */
#define RUN_NS       (400 * NS_PER_S)
#define FIRST_NS     (10 * NS_PER_S)
#define EACH_NS      (950 * NS_PER_MS)
#define FLIP_NS      (400 * NS_PER_MS) /* after a move was asked for */
#define SCAN_NS      (2 * NS_PER_S)
#define SETTLED_NS   (RUN_NS + 120 * NS_PER_S)
#define RETRY_NS     (60 * NS_PER_S)
#define REPORTS_KEPT 5000u
#define STEP         387u /* from one message's recipient to the next one's; BACK turns it round */
#define BACK         323u
#define RUN_ID       0x2e9027ull

struct fated {
    uint64_t sent_ns, seen_ns;
    uint32_t to;
    enum outcome fate;
};

struct making {
    const char *folder;
    uint64_t copies, seed, window_ns;
    struct manifest m;
    struct report_voice voice;
    struct journal *senders[2], *probe;
    uint32_t kept, moved;      /* reports; moves that the journal has */
    uint32_t waiting[SERVERS]; /* entries in a server's queue */
    uint64_t expected[CLASS_COUNT];
};

static struct manifest_mailbox boxes[MAILBOXES];
static struct manifest_move moves[MOVES];
static const char *const servers[SERVERS] = {"s0", "s1", "s2"};

/* ------------------------------------------------------------------------------------------------------- what befalls */

static uint64_t asked_ns(uint32_t box)
{
    return FIRST_NS + box * EACH_NS;
}

static uint64_t flip_ns(uint32_t box)
{
    return box < MOVES ? asked_ns(box) + FLIP_NS : NEVER_NS;
}

static uint32_t old_home(uint32_t box)
{
    return box % SERVERS;
}

static uint32_t new_home(uint32_t box)
{
    return box < MOVES ? (box + 1) % SERVERS : box % SERVERS;
}

static enum outcome fate_in_window(uint64_t dice)
{
    static const struct {
        uint32_t percent;
        enum outcome fate;
    } fates[] = {{10, CLASS_SILENT_LOSS},       {30, CLASS_NDR},      {10, CLASS_DUPLICATED},
                 {10, CLASS_DELIVERED_RESIDUE}, {10, CLASS_STRANDED}, {3, CLASS_VANISHED}};

    dice %= 100;
    for (size_t i = 0; i < sizeof fates / sizeof fates[0]; i++) {
        if (dice < fates[i].percent)
            return fates[i].fate;
        dice -= fates[i].percent;
    }
    return CLASS_DELIVERED;
}

static struct fated fate_of(const struct making *k, uint64_t n)
{
    struct rng r = rng_at(k->seed, 1, n);
    uint64_t spacing = RUN_NS / k->copies, dice = rng_u64(&r);
    struct fated f = {.sent_ns = n * spacing + rng_below(&r, spacing),
                      .to = (uint32_t)(n * STEP % RECIPIENTS)};
    uint64_t flip = flip_ns(f.to);

    f.seen_ns = f.sent_ns + 200 * NS_PER_MS + rng_below(&r, 1009) * NS_PER_MS;
    if (f.sent_ns >= flip && f.sent_ns - flip < k->window_ns)
        f.fate = fate_in_window(dice);
    else
        f.fate = dice % 5003 == 0 ? CLASS_REFUSED_TEMPORARY : CLASS_DELIVERED;
    if (dice % 20011 == 1)
        f.seen_ns += 40 * NS_PER_S; /* late */
    return f;
}

static bool is_seen(enum outcome fate)
{
    return fate == CLASS_DELIVERED || fate == CLASS_DUPLICATED || fate == CLASS_DELIVERED_RESIDUE ||
           fate == CLASS_VANISHED;
}

/* ---------------------------------------------------------------------------------------------------------- manifest */

static void make_site(void)
{
    static struct {
        char name[20], address[40];
    } names[MAILBOXES];

    for (uint32_t i = 0; i < MAILBOXES; i++) {
        const char *kind = i < RECIPIENTS ? "user" : "writer";

        (void)snprintf(names[i].name, sizeof names[i].name, "%s%04u", kind, i);
        (void)snprintf(names[i].address, sizeof names[i].address, "%s%04u@bench.test", kind, i);
        boxes[i] = (struct manifest_mailbox){.name = names[i].name,
                                             .address = names[i].address,
                                             .home = old_home(i),
                                             .alternate = NO_INDEX};
    }
    for (uint32_t i = 0; i < MOVES; i++)
        moves[i] = (struct manifest_move){.mailbox = i,
                                          .from = old_home(i),
                                          .to = new_home(i),
                                          .at_ns = asked_ns(i),
                                          .schedule = "users"};
}

static void make_manifest(struct making *k)
{
    static struct manifest_load load;
    struct err e = {0};
    char path[1200];

    make_site();
    load = (struct manifest_load){
        .name = "flood", .protocol = "smtp", .via = "s0", .count = k->copies, .recipients = 1};
    k->m = (struct manifest){.name = "bench",
                             .variant = "",
                             .description = "A run that was made up.",
                             .target = "lab 5.5-sp3",
                             .run_id = RUN_ID + k->seed,
                             .seed = k->seed,
                             .wall_start_ns = 1795339323ull * NS_PER_S,
                             .time_scale = 1,
                             .stride = 1,
                             .planned_messages = k->copies,
                             .canaries = 1,
                             .servers = servers,
                             .server_count = SERVERS,
                             .mailboxes = boxes,
                             .mailbox_count = MAILBOXES,
                             .loads = &load,
                             .load_count = 1,
                             .moves = moves,
                             .move_count = MOVES,
                             .queues_visible = true,
                             .settle_retry_ns = RETRY_NS,
                             .late_ns = 30 * NS_PER_S,
                             .content_percent = 100,
                             .prints = {.loads = 1, .mailboxes = 2, .moves = 3, .actions = 4}};
    (void)snprintf(path, sizeof path, "%s/manifest.json", k->folder);
    if (!manifest_write(&k->m, path, &e))
        bench_fail("%s", e.text);
    report_voice_init(&k->voice, &k->m);
}

/* ----------------------------------------------------------------------------------------------------------- journals */

static void put(struct journal *j, struct event ev)
{
    if (!journal_add(j, &ev))
        bench_fail("%s", journal_error(j)->text);
}

static void send_one(struct making *k, uint64_t n, const struct fated *f)
{
    struct journal *j = k->senders[n / LEASE % 2];
    bool refused = f->fate == CLASS_REFUSED_TEMPORARY;

    if (n % LEASE == 0)
        put(j, (struct event){.kind = EV_LEASE, .slot = n, .a = LEASE, .b = 1});
    put(j, (struct event){.kind = EV_SENT,
                          .slot = n,
                          .t_ns = f->sent_ns,
                          .a = f->to,
                          .b = (uint32_t)(n * 7 % 97),
                          .code = RECIPIENTS + (uint32_t)(n % (MAILBOXES - RECIPIENTS))});
    put(j, (struct event){.kind = EV_END,
                          .slot = n,
                          .t_ns = f->sent_ns + NS_PER_MS,
                          .a = (refused ? END_REFUSED_TEMP : END_ACCEPTED) | STAGE_DOT << 8,
                          .b = 300 + (uint32_t)(n * 31 % 4001),
                          .code = refused ? event_code(451, 4, 3, 0) : event_code(250, 2, 0, 0)});
    k->expected[f->fate]++;
}

static void keep_report(struct making *k, uint64_t n, uint32_t to)
{
    char path[1200], token[27];

    if (k->kept == REPORTS_KEPT)
        return;
    k->voice.words.token(k->voice.words.owner, n, token);
    (void)snprintf(path, sizeof path, "%s/reports/%06u.eml", k->folder, k->kept++);
    FILE *file = fopen(path, "we");

    if (!file)
        bench_fail("%s: %s", path, strerror(errno));
    (void)fprintf(file,
                  "From: postmaster@bench.test\nSubject: Undeliverable\n\n"
                  "Original-Envelope-Id: pm.%s\nFinal-Recipient: rfc822;%s\nAction: failed\n"
                  "Status: 5.1.1\nDiagnostic-Code: smtp;550 5.1.1 %s unknown\n",
                  token, boxes[to].address, boxes[to].name);
    if (fclose(file) != 0)
        bench_fail("%s: %s", path, strerror(errno));
}

static void see(struct making *k, uint64_t n, const struct fated *f, uint32_t server, uint64_t t,
                uint32_t ordinal)
{
    put(k->probe, (struct event){.kind = EV_SEEN,
                                 .slot = n,
                                 .t_ns = t,
                                 .place = (uint16_t)server,
                                 .a = f->to,
                                 .b = (uint32_t)(t / SCAN_NS),
                                 .code = ordinal});
}

static void lose_sight(struct making *k, uint64_t n, const struct fated *f)
{
    put(k->probe, (struct event){.kind = EV_GONE,
                                 .slot = n,
                                 .t_ns = f->seen_ns + SCAN_NS,
                                 .place = (uint16_t)new_home(f->to),
                                 .a = f->to,
                                 .b = (uint32_t)(f->seen_ns / SCAN_NS) + 1});
}

static void report_one(struct making *k, uint64_t n, const struct fated *f)
{
    put(k->probe,
        (struct event){.kind = EV_REPORT,
                       .slot = n,
                       .t_ns = f->seen_ns,
                       .place = (uint16_t)old_home(f->to),
                       .a = f->to,
                       .b = (uint32_t)n,
                       .code = event_report(REPORT_FAILED, REPORT_TO_ORIGINATOR, 5, 1, 1)});
    keep_report(k, n, f->to);
}

/* The same entry, tried as often, in two waves further apart than the servers' retry. */
static void strand(struct making *k, uint64_t n, const struct fated *f)
{
    for (uint32_t wave = 0; wave < 2; wave++)
        put(k->probe, (struct event){.kind = EV_QUEUED,
                                     .slot = n,
                                     .t_ns = SETTLED_NS + 2 * RETRY_NS * wave,
                                     .place = (uint16_t)old_home(f->to),
                                     .a = f->to,
                                     .b = wave,
                                     .code = 3});
    k->waiting[old_home(f->to)]++;
}

static void find_one(struct making *k, uint64_t n, const struct fated *f)
{
    bool before = f->seen_ns < flip_ns(f->to);

    if (is_seen(f->fate))
        see(k, n, f, before ? old_home(f->to) : new_home(f->to), f->seen_ns, 1);
    if (f->fate == CLASS_DUPLICATED)
        see(k, n, f, new_home(f->to), f->seen_ns, 2);
    if (f->fate == CLASS_DELIVERED_RESIDUE)
        see(k, n, f, old_home(f->to), SETTLED_NS + 4 * RETRY_NS, 1);
    if (f->fate == CLASS_VANISHED)
        lose_sight(k, n, f);
    if (f->fate == CLASS_NDR)
        report_one(k, n, f);
    if (f->fate == CLASS_STRANDED)
        strand(k, n, f);
}

static void mark(struct making *k, uint32_t move, enum move_mark what, uint64_t t)
{
    put(k->probe, (struct event){.kind = EV_MOVE,
                                 .slot = move,
                                 .t_ns = t,
                                 .place = (uint16_t)new_home(move),
                                 .a = move,
                                 .b = old_home(move),
                                 .code = what});
}

/* What a mailbox had is listed at its new home: message by message, as far apart as its messages are. */
static void move_one(struct making *k, uint32_t box)
{
    uint64_t asked = asked_ns(box), flip = flip_ns(box);

    mark(k, box, MARK_ASKED, asked);
    mark(k, box, MARK_COPY, asked + 50 * NS_PER_MS);
    mark(k, box, MARK_FLIPPED, flip);
    mark(k, box, MARK_DONE, flip + 400 * NS_PER_MS);
    mark(k, box, MARK_VERIFIED, flip + 600 * NS_PER_MS);
    put(k->probe,
        (struct event){.kind = EV_HOME, .t_ns = flip, .place = (uint16_t)new_home(box), .a = box});
    for (uint64_t n = (uint64_t)box * BACK % RECIPIENTS; n < k->copies; n += RECIPIENTS) {
        struct fated f = fate_of(k, n);

        if (f.sent_ns >= flip)
            break;
        if (is_seen(f.fate) && f.seen_ns < flip)
            see(k, n, &f, new_home(box), flip + SCAN_NS, 1);
    }
}

static void sight(struct making *k, uint64_t n)
{
    struct fated f = fate_of(k, n);

    find_one(k, n, &f);
    while (k->moved < MOVES && flip_ns(k->moved) + SCAN_NS < f.sent_ns)
        move_one(k, k->moved++);
}

static void phase(struct making *k, enum run_phase what, uint64_t t)
{
    put(k->probe, (struct event){.kind = EV_PHASE, .t_ns = t, .code = what});
}

static void look_everywhere(struct making *k, uint64_t t)
{
    for (uint32_t box = 0; box < MAILBOXES; box++)
        for (uint32_t old = 0; old < (new_home(box) == old_home(box) ? 1 : 2); old++)
            put(k->probe, (struct event){.kind = EV_SCAN,
                                         .t_ns = t,
                                         .place = (uint16_t)(old ? old_home(box) : new_home(box)),
                                         .a = box,
                                         .b = (uint32_t)(t / SCAN_NS),
                                         .code = SCAN_COMPLETE | (old ? SCAN_RESET : 0)});
}

static void settle_run(struct making *k)
{
    uint64_t last = SETTLED_NS + 2 * RETRY_NS;

    phase(k, PHASE_DRAIN, RUN_NS);
    phase(k, PHASE_SETTLE, RUN_NS + NS_PER_S);
    for (uint16_t s = 0; s < SERVERS; s++)
        for (uint32_t wave = 0; wave < 2; wave++)
            put(k->probe, (struct event){.kind = EV_WAVE,
                                         .t_ns = wave ? last : SETTLED_NS,
                                         .place = s,
                                         .a = k->waiting[s],
                                         .b = wave,
                                         .code = WAVE_COMPLETE});
    put(k->probe, (struct event){.kind = EV_QUIESCENT, .t_ns = last, .b = 1});
    look_everywhere(k, SETTLED_NS + 4 * RETRY_NS);
    for (uint32_t state = CANARY_SENT; state <= CANARY_REPORTED; state += CANARY_REPORTED)
        put(k->probe,
            (struct event){.kind = EV_CANARY, .slot = k->copies, .t_ns = NS_PER_S, .code = state});
    phase(k, PHASE_JUDGE, SETTLED_NS + 5 * RETRY_NS);
    phase(k, PHASE_END, SETTLED_NS + 5 * RETRY_NS);
}

static void write_run(struct making *k)
{
    struct journal **all[] = {&k->senders[0], &k->senders[1], &k->probe};
    struct err e = {0};
    char path[1200];

    (void)snprintf(path, sizeof path, "%s/journal", k->folder);
    for (uint32_t i = 0; i < 3; i++)
        if (!(*all[i] = journal_create(path, i, k->m.run_id, NULL, &e)))
            bench_fail("%s", e.text);
    phase(k, PHASE_ARM, 0);
    phase(k, PHASE_LOAD, 0);
    for (uint64_t n = 0; n < k->copies + DELAY; n++) {
        struct fated f = n < k->copies ? fate_of(k, n) : (struct fated){0};

        if (n < k->copies)
            send_one(k, n, &f);
        if (n >= DELAY)
            sight(k, n - DELAY);
    }
    while (k->moved < MOVES)
        move_one(k, k->moved++);
    settle_run(k);
    for (uint32_t i = 0; i < 3; i++)
        if (!journal_close(*all[i], &e))
            bench_fail("%s", e.text);
}

static void write_expected(const struct making *k)
{
    char path[1200];

    (void)snprintf(path, sizeof path, "%s/expected.json", k->folder);
    FILE *file = fopen(path, "we");

    if (!file)
        bench_fail("%s: %s", path, strerror(errno));
    (void)fprintf(file, "{");
    for (enum outcome o = 0; o < CLASS_COUNT; o++)
        (void)fprintf(file, "%s\"%s\": %llu", o ? ", " : "", class_name(o),
                      (unsigned long long)k->expected[o]);
    (void)fprintf(file, "}\n");
    if (fclose(file) != 0)
        bench_fail("%s: %s", path, strerror(errno));
}

static uint64_t parse_number(const char *text, uint64_t most)
{
    char *end;
    unsigned long long n = strtoull(text, &end, 10);

    n *= *end == 'M' ? 1000000 : *end == 'k' ? 1000 : 1;
    if (n < 1 || n > most || (*end && end[1]))
        bench_fail("%s: a number is expected, 1 to %llu", text, (unsigned long long)most);
    return n;
}

static void make_folder(const char *folder, const char *inner)
{
    char path[1200];

    (void)snprintf(path, sizeof path, "%s%s", folder, inner);
    if (mkdir(path, 0700) < 0)
        bench_fail("%s: %s", path, strerror(errno));
}

int main(int argc, char **argv)
{
    static struct making k = {.seed = 1, .window_ns = 1500 * NS_PER_MS};

    if (argc < 3 || argc > 5)
        bench_fail("usage: bench_report FOLDER COPIES[M] [SEED [WINDOW_MS]]");
    k.folder = argv[1];
    k.copies = parse_number(argv[2], 1000000000);
    if (argc > 3)
        k.seed = parse_number(argv[3], 1000000);
    if (argc > 4)
        k.window_ns = parse_number(argv[4], 60000) * NS_PER_MS;
    make_folder(k.folder, "");
    make_folder(k.folder, "/journal");
    make_folder(k.folder, "/reports");
    make_manifest(&k);
    write_run(&k);
    write_expected(&k);
    return 0;
}
