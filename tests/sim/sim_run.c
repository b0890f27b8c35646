/* sim_run.c - one arena, one simulated loop, one run. */
#include "tests/sim/sim_run.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/stat.h>

#include "app/lab_host.h"
#include "app/run_private.h"
#include "base/clock.h"
#include "results/judge.h"
#include "tests/sim/killed.h"
#include "tests/support/scratch.h"

#define ARENA_BYTES (1ull << 30)
#define LIMIT_NS    (48ull * 3600 * NS_PER_S)

#define LOOK_NS      (10 * NS_PER_MS) /* how often one looks whether the load has begun */
#define AGAIN_NS     (20 * NS_PER_S)
#define RESUMES_MOST 6

static bool wrong(struct sim_run *s, const char *rule, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static bool wrong(struct sim_run *s, const char *rule, const char *format, ...)
{
    va_list args;

    if (s->rule)
        return false;
    s->rule = rule;
    va_start(args, format);
    // NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): started in the line before
    (void)vsnprintf(s->wrong, sizeof s->wrong, format, args);
    va_end(args);
    return false;
}

static struct profile *load(struct arena **a, const struct sim_order *o, struct err *e)
{
    *a = arena_create(ARENA_BYTES);
    return *a ? profile_load(*a, &o->profile, e) : NULL;
}

/* One that is not a part of the run: it has its own copy of the profile. */
static bool open_lab(struct sim_run *s, const struct sim_order *o)
{
    struct err e = {0};
    char dir[600];

    (void)snprintf(dir, sizeof dir, "%s.lab", o->dir);
    (void)mkdir(dir, 0700);
    struct profile *p = load(&s->lab_arena, o, &e);

    s->lab = p ? lab_host_create(p, s->lab_arena, s->loop, dir, &e) : NULL;
    return s->lab || wrong(s, "begins", "%s", e.text);
}

static bool open_run(struct sim_run *s, const struct sim_order *o, struct run_options *options)
{
    struct err e = {0};

    options->world = (struct world){.shared = s->loop,
                                    .lab = s->lab,
                                    .run_id = s->profile->seed << 8 | 1,
                                    .wall_ns = options->world.wall_ns,
                                    .no_sync = true};
    s->run = run_create(s->profile, s->arena, options, &e);
    if (!s->run)
        return wrong(s, s->resumed ? "resumes" : "begins", "%s", e.text);
    if (o->armed)
        o->armed(o->owner, s->profile);
    return true;
}

/* It is killed, or the time has come to resume it. Nothing is left of a run that is killed before its load began. */
static void on_wake(struct timer *t)
{
    struct sim_run *s = t->owner;
    uint64_t origin_ns = s->run ? s->run->clock.origin_ns : 0;

    if (origin_ns == NEVER_NS)
        timer_arm(s->loop, t, loop_now(s->loop) + LOOK_NS);
    else if (loop_now(s->loop) < origin_ns + s->dies_ns && !s->died)
        timer_arm(s->loop, t, origin_ns + s->dies_ns);
    else {
        s->died = true;
        loop_stop(s->loop);
    }
}

static bool put_up(struct sim_run *s, const struct sim_order *o)
{
    struct err e = {0};
    struct sim_config net = o->net;

    s->profile = load(&s->arena, o, &e);
    if (!s->profile)
        return wrong(s, "begins", "%s", e.text);
    net.seed = net.seed ? net.seed : s->profile->seed;
    s->loop = loop_sim_create(&net, &e);
    if (!s->loop)
        return wrong(s, "begins", "%s", e.text);
    loop_sim_limit(s->loop, LIMIT_NS);
    if (o->dies_ns && !open_lab(s, o))
        return false;
    return open_run(s, o, &(struct run_options){.run_dir = o->dir, .world.wall_ns = o->wall_ns});
}

static void take_down(struct sim_run *s)
{
    run_destroy(s->run);
    s->run = NULL;
    s->profile = NULL;
    arena_destroy(s->arena);
    s->arena = NULL;
}

/* What a machine does that loses its harness and nothing else: the journals stay as they were then. */
static bool die(struct sim_run *s, const struct sim_order *o)
{
    struct kill k;

    kill_keep(&k, o->dir, loop_now(s->loop));
    take_down(s);
    return kill_cut(&k, o->dir) || wrong(s, "resumes", "%s: cannot be cut", o->dir);
}

static bool resume(struct sim_run *s, const struct sim_order *o, uint64_t origin_ns,
                   uint64_t down_ns)
{
    struct err e = {0};
    struct run_options options = {.resume = o->dir};

    timer_arm(s->loop, &s->wakes, loop_now(s->loop) + down_ns);
    loop_run(s->loop);
    s->profile = load(&s->arena, o, &e);
    if (!s->profile)
        return wrong(s, "resumes", "%s", e.text);
    options.world.wall_ns = o->wall_ns + (loop_now(s->loop) - origin_ns);
    s->resumed++;
    return open_run(s, o, &options);
}

/* Until it has ended, or is killed. */
static void run_on(struct sim_run *s)
{
    run_walk(s->run);
    loop_run(s->loop);
    timer_disarm(s->loop, &s->wakes);
    s->steps = loop_sim_steps(s->loop);
}

static bool live_on(struct sim_run *s, const struct sim_order *o)
{
    uint64_t origin_ns = s->run->clock.origin_ns, down_ns = o->down_ns;

    if (!die(s, o))
        return false;
    for (;;) {
        if (!resume(s, o, origin_ns, down_ns))
            return false;
        run_on(s);
        if (s->resumed == RESUMES_MOST || !run_has_ended(s->run) ||
            run_result(s->run).exit_code != EX_TARGET)
            return true;
        down_ns = AGAIN_NS;
        take_down(s);
    }
}

static bool balances(struct sim_run *s)
{
    const struct judgement *j = s->result.judgement;
    uint64_t sum = 0;

    for (uint32_t i = 0; i < j->identity_count; i++)
        if (j->identities[i].left != j->identities[i].right)
            return wrong(s, "balance", "identity \"%s\": %" PRIu64 " is not %" PRIu64,
                         j->identities[i].name, j->identities[i].left, j->identities[i].right);
    for (unsigned c = 0; c < CLASS_COUNT; c++)
        sum += j->tally.classes[c];
    if (sum != j->tally.planned || s->score.copies != sum)
        return wrong(s, "balance",
                     "%" PRIu64 " copies planned, %" PRIu64 " in classes, %" PRIu64 " listed",
                     j->tally.planned, sum, s->score.copies);
    for (unsigned c = 0; c < CLASS_COUNT; c++)
        if (j->tally.classes[c] != s->score.classes[c])
            return wrong(s, "balance", "class %s: %" PRIu64 " counted, %" PRIu64 " listed",
                         class_name((enum outcome)c), j->tally.classes[c], s->score.classes[c]);
    return true;
}

static bool judged_again(struct sim_run *s, const char *dir)
{
    struct run_record again;
    struct err e = {0};
    struct buf live, later;

    buf_init(&live, 16u << 20);
    buf_init(&later, 16u << 20);
    bool ok = judge_folder(&again, dir, &e) &&
              judgement_print_summary(s->result.judgement, &live, &e) &&
              judgement_print_summary(again.judgement, &later, &e);

    if (!ok)
        (void)wrong(s, "again", "judging again: %s", e.text);
    else if (live.n != later.n || memcmp(live.p, later.p, live.n) != 0)
        ok = wrong(s, "again", "judged again, the summary is another");
    run_record_fini(&again);
    buf_fini(&live);
    buf_fini(&later);
    return ok;
}

bool sim_walk(struct sim_run *s, const struct sim_order *o)
{
    struct err e = {0};
    char truth[600];

    *s = (struct sim_run){0};
    timer_init(&s->wakes, on_wake, s);
    if (!put_up(s, o))
        return false;
    s->dies_ns = o->dies_ns;
    if (s->dies_ns)
        timer_arm(s->loop, &s->wakes, loop_now(s->loop));
    run_on(s);
    if (s->died && !live_on(s, o))
        return false;
    if (!run_has_ended(s->run))
        return wrong(s, "ends", "did not end within two simulated days (%" PRIu64 " steps)",
                     s->steps);
    s->result = run_result(s->run);
    if (!s->result.judgement)
        return wrong(s, "ends", "exit %d: %s", s->result.exit_code, s->result.error.text);
    if (s->lab)
        lab_host_end(s->lab); /* so that the truth is complete */
    (void)snprintf(truth, sizeof truth, "%s%s/truth.tsv", s->result.dir, s->lab ? ".lab" : "");
    if (!truth_compare(s->result.manifest, s->result.ledger, truth,
                       s->resumed ? TRUTH_RESUMED : o->view, &s->score, &e))
        return wrong(s, "truth", "%s", e.text);
    if (s->score.wrong)
        return wrong(s, "truth",
                     "%" PRIu64 " of %" PRIu64 " copies differ from the truth, first %s",
                     s->score.wrong, s->score.copies, s->score.first);
    return balances(s) && judged_again(s, s->result.dir);
}

void sim_fini(struct sim_run *s)
{
    run_destroy(s->run);
    lab_host_destroy(s->lab);
    loop_destroy(s->loop);
    arena_destroy(s->arena);
    arena_destroy(s->lab_arena);
    *s = (struct sim_run){0};
}

static bool same_file(const char *dir, const char *other, const char *name, char *why, size_t room)
{
    char path[600];
    size_t n = 0, m = 0;

    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    char *a = scratch_read(path, &n);

    (void)snprintf(path, sizeof path, "%s/%s", other, name);
    char *b = scratch_read(path, &m);
    size_t at = 0;

    while (a && b && at < n && at < m && a[at] == b[at])
        at++;
    bool same = a && b && n == m && at == n;

    if (!same)
        (void)snprintf(why, room, "%s: %zu and %zu octets, the first difference at %zu", name, n, m,
                       at);
    free(a);
    free(b);
    return same;
}

bool sim_same_bytes(const char *dir, const char *other, char *why, size_t room)
{
    char path[600], name[300];

    (void)snprintf(path, sizeof path, "%s/journal", dir);
    DIR *d = opendir(path);
    bool same = d && same_file(dir, other, "summary.json", why, room);

    for (const struct dirent *f; same && (f = readdir(d)) != NULL;) {
        if (f->d_name[0] == '.')
            continue;
        (void)snprintf(name, sizeof name, "journal/%s", f->d_name);
        same = same_file(dir, other, name, why, room);
    }
    if (d)
        (void)closedir(d);
    else
        (void)snprintf(why, room, "%s: there is no journal", dir);
    return same;
}
