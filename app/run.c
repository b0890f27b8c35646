/* run.c - one execution of one profile: phases as a table, walked on the desk's loop.
 *
 * A phase has an entry and a question "is it over?", asked after everything that happens. All callbacks only note what they
 * were told and nudge(); the walk itself is step(), a timer of its own, so that no callback runs into another.
 */
#include "app/run.h"

#include <stdlib.h>
#include <string.h>

#include "app/curl_loop.h"
#include "app/dial_curl.h"
#include "app/http_curl.h"
#include "app/lab_host.h"
#include "app/plan.h"
#include "app/post.h"
#include "app/worker.h"
#include "base/hist.h"
#include "loadgen/move.h"
#include "probes/muster.h"
#include "results/folder.h"
#include "results/judge.h"
#include "wire/smtp_text.h"

#define FLUSH_NS       (100 * NS_PER_MS)
#define STATUS_NS      (250 * NS_PER_MS)
#define CANARY_WAIT_NS (30 * NS_PER_S)
#define CANARY_ROUNDS  64
#define SETTLE_ROUNDS  8 /* of them while settling */
#define INTERRUPTED    130

struct run {
    struct profile *profile;
    struct arena *arena;
    struct run_options options;
    struct plan plan;
    struct folder *folder;
    const char *dir, *journal_dir;

    struct loop *loop;
    struct curl_loop *curl;
    struct http *http;
    struct dial *dial;
    struct exec *exec;
    struct lab_host *lab;
    struct smtp_corpus *corpus;
    struct tls_context **tls; /* per server */

    struct run_clock clock;
    struct journal *journal;
    struct book *book;
    struct worker **workers;
    uint32_t workers_made, workers_armed, workers_ended;
    struct moves *moves;
    struct muster *muster;
    uint32_t moves_ended;

    enum run_phase phase;
    bool entered, muster_armed, moves_told, settling, settled, settle_over, ended;
    uint32_t canary_round;              /* rounds sent so far */
    uint64_t canary_until_ns, round_ns; /* round_ns: when the last round was sent */
    uint32_t settle_rounds;
    bool *canary_seen; /* per load, of the rounds since the load ended (or of the first) */
    uint64_t settle_until_ns;
    unsigned interrupts;

    struct timer step, flush, status;
    struct post_end interrupt_line;
    struct ring *status_ring;

    struct err failure;
    struct ledger *ledger;
    struct judgement *judgement;
};

static void nudge(struct run *r)
{
    timer_arm(r->loop, &r->step, loop_now(r->loop));
}

static void fail(struct run *r, const struct err *e)
{
    if (!r->failure.code)
        r->failure = *e;
    nudge(r);
}

static void record(struct run *r, const struct event *ev)
{
    if (r->journal && !journal_add(r->journal, ev))
        fail(r, journal_error(r->journal));
}

static uint64_t target_now(const struct run *r)
{
    return clock_target(&r->clock, loop_now(r->loop));
}

/* ------------------------------------------------------------------------------------------- what the desk is told */

static void on_worker(void *owner, struct worker *w, enum worker_news what)
{
    struct run *r = owner;

    if (what == NEWS_ARMED)
        r->workers_armed++;
    else if (what == NEWS_ENDED)
        r->workers_ended++;
    else if (what == NEWS_BROKEN)
        fail(r, worker_error(w));
    nudge(r);
}

static void on_muster_armed(void *owner, const struct err *e)
{
    struct run *r = owner;

    if (e)
        fail(r, e);
    r->muster_armed = true;
    nudge(r);
}

static void on_marked(void *owner, uint32_t move, enum move_mark mark, uint64_t t_ns)
{
    struct run *r = owner;

    for (uint32_t i = 0; i < r->workers_made; i++)
        worker_mark(r->workers[i], move, mark, t_ns);
    if (mark == MARK_ASKED)
        muster_move_begins(r->muster, move);
    if (mark == MARK_DONE || mark == MARK_FAILED) {
        r->moves_ended++;
        muster_move_ended(r->muster, move);
    }
    nudge(r);
}

static void on_moves_over(void *owner)
{
    nudge(owner);
}

static void on_home(void *owner, uint32_t mailbox, uint32_t server, uint64_t t_ns)
{
    struct run *r = owner;

    moves_home(r->moves, mailbox, server, t_ns);
    nudge(r);
}

static void on_verified(void *owner, uint32_t move, bool agrees)
{
    struct run *r = owner;

    moves_verified(r->moves, move, agrees);
    nudge(r);
}

static void on_canary(void *owner, uint64_t number)
{
    struct run *r = owner;
    uint64_t k = number - r->plan.work->planned;
    uint32_t loads = r->profile->load_count;

    /* Of the rounds sent since the load ended; before that, of the first. */
    if (r->phase < PHASE_SETTLE || k / loads > 0)
        r->canary_seen[k % loads] = true;
    nudge(r);
}

static void on_settled(void *owner, bool final)
{
    struct run *r = owner;

    r->settling = false;
    r->settled = true;
    r->settle_over |= !final;
    nudge(r);
}

static void on_interrupt(void *owner, const struct post *p)
{
    struct run *r = owner;

    r->interrupts = p->a > r->interrupts ? p->a : r->interrupts;
    nudge(r);
}

/* ------------------------------------------------------------------------------------------------------- the phases */

static bool all_canaries_seen(const struct run *r)
{
    for (uint32_t i = 0; i < r->profile->load_count; i++)
        if (!r->canary_seen[i])
            return false;
    return true;
}

/* One canary for every load whose failure report has not been seen yet. */
static void send_canaries(struct run *r)
{
    uint32_t loads = r->profile->load_count;

    if (r->canary_round >= CANARY_ROUNDS)
        return;
    for (uint32_t i = 0; i < loads; i++)
        if (!r->canary_seen[i])
            worker_canary(r->workers[0],
                          r->plan.work->planned + (uint64_t)r->canary_round * loads + i);
    r->canary_round++;
    r->round_ns = loop_now(r->loop);
    r->settle_rounds += r->phase == PHASE_SETTLE;
}

/* A round that the deadline cuts short would leave the queues restless and prove nothing about anything. */
static bool has_time_for_a_round(const struct run *r)
{
    uint64_t now = loop_now(r->loop), took = now - r->round_ns;

    return r->settle_rounds < SETTLE_ROUNDS && r->canary_round < CANARY_ROUNDS &&
           now + took + took / 4 < r->settle_until_ns;
}

static bool all_idle(const struct run *r)
{
    for (uint32_t i = 0; i < r->workers_made; i++)
        if (!worker_is_idle(r->workers[i]))
            return false;
    return true;
}

static void arm_enter(struct run *r)
{
    for (uint32_t i = 0; i < r->workers_made; i++)
        if (!worker_begin(r->workers[i], &r->failure))
            return;
    muster_arm(r->muster, on_muster_armed);
}

static bool arm_is_over(struct run *r)
{
    if (r->interrupts)
        return true;
    if (r->workers_armed < r->workers_made || !r->muster_armed)
        return false;
    if (!r->profile->canary)
        return true;
    if (r->canary_round == 0) {
        send_canaries(r);
        r->canary_until_ns = loop_now(r->loop) + CANARY_WAIT_NS;
    }
    return all_canaries_seen(r) || loop_now(r->loop) >= r->canary_until_ns;
}

static void load_enter(struct run *r)
{
    r->clock.origin_ns = loop_now(r->loop);
    r->clock.wall_ns = r->options.world.shared ? 0 : clock_wall_ns();
    r->plan.manifest.wall_start_ns = r->clock.wall_ns;
    if (!manifest_write(&r->plan.manifest, arena_format(r->arena, "%s/manifest.json", r->dir),
                        &r->failure))
        return;
    for (uint32_t i = 0; i < r->workers_made; i++)
        worker_start(r->workers[i], &r->clock);
    moves_start(r->moves);
}

static bool moves_and_sends_are_over(struct run *r)
{
    if (moves_are_over(r->moves) && !r->moves_told) {
        r->moves_told = true;
        for (uint32_t i = 0; i < r->workers_made; i++)
            worker_moves_over(r->workers[i]);
    }
    return moves_are_over(r->moves) && all_idle(r);
}

static bool load_is_over(struct run *r)
{
    return r->interrupts > 0 || moves_and_sends_are_over(r);
}

static void drain_enter(struct run *r)
{
    if (r->interrupts == 0)
        return;
    moves_stop(r->moves);
    for (uint32_t i = 0; i < r->workers_made; i++)
        worker_stop(r->workers[i], false);
}

static void begin_to_settle(struct run *r)
{
    r->settled = false;
    r->settling = true;
    muster_settle(r->muster, on_settled);
}

static void settle_enter(struct run *r)
{
    r->settle_until_ns = loop_now(r->loop) + clock_span(&r->clock, r->profile->settle_deadline_ns);
    memset(r->canary_seen, 0, r->profile->load_count * sizeof *r->canary_seen);
    if (r->profile->canary)
        send_canaries(r);
}

/* Canaries out, then the muster settles; again while a canary's report is missing and there is time. */
static bool settle_is_over(struct run *r)
{
    if (loop_now(r->loop) >= r->settle_until_ns && !r->settle_over) {
        r->settle_over = true;
        if (r->settling)
            muster_stop_settling(r->muster);
    }
    if (r->settling || !all_idle(r))
        return false;
    if (!r->settled) {
        if (!r->settle_over)
            begin_to_settle(r);
        return r->settle_over;
    }
    if (r->settle_over || !r->profile->canary || all_canaries_seen(r) || !has_time_for_a_round(r))
        return true;
    send_canaries(r);
    r->settled = false;
    return false;
}

static void judge_enter(struct run *r)
{
    for (uint32_t i = 0; i < r->workers_made; i++)
        worker_end(r->workers[i]);
}

static bool judge_is_over(struct run *r)
{
    return r->workers_ended == r->workers_made;
}

static const struct phase {
    const char *name;
    void (*enter)(struct run *r);
    bool (*is_over)(struct run *r);
} phases[] = {
    [PHASE_ARM] = {"arm", arm_enter, arm_is_over},
    [PHASE_LOAD] = {"load", load_enter, load_is_over},
    [PHASE_DRAIN] = {"drain", drain_enter, moves_and_sends_are_over},
    [PHASE_SETTLE] = {"settle", settle_enter, settle_is_over},
    [PHASE_JUDGE] = {"judge", judge_enter, judge_is_over},
};

/* ------------------------------------------------------------------------------------------------------ the verdict */

static bool write_text(struct run *r, const char *name, struct buf *text, struct err *e)
{
    const char *path = arena_format(r->arena, "%s/%s", r->dir, name);
    FILE *f = path ? fopen(path, "we") : NULL;
    bool ok = f && fwrite(text->p, 1, text->n, f) == text->n;

    if (f && fclose(f) != 0)
        ok = false;
    return ok ? true : err_set(e, EX_IO, "%s/%s: cannot be written", r->dir, name);
}

static void judge_run(struct run *r)
{
    r->judgement = judge(&r->plan.manifest, r->ledger, &r->failure);
    if (!r->judgement)
        return;
    const char *path = arena_format(r->arena, "%s/summary.json", r->dir);

    (void)judgement_write_summary(r->judgement, path, &r->failure);
}

/* Probes, moves and what they dial with; sockets and children do not outlive the verdict. */
static void close_desk(struct run *r)
{
    muster_destroy(r->muster);
    moves_destroy(r->moves);
    if (r->options.world.shared)
        dial_plain_destroy(r->dial);
    else {
        dial_curl_destroy(r->dial);
        http_curl_destroy(r->http);
        curl_loop_destroy(r->curl);
        exec_real_destroy(r->exec);
    }
    r->muster = NULL;
    r->moves = NULL;
    r->dial = NULL;
    r->http = NULL;
    r->curl = NULL;
    r->exec = NULL;
}

static void finish(struct run *r)
{
    bool began = r->plan.manifest.wall_start_ns || r->clock.origin_ns != NEVER_NS;

    close_desk(r);
    if (!r->failure.code)
        record(r, &(struct event){.kind = EV_PHASE, .code = PHASE_END, .t_ns = target_now(r)});
    (void)journal_close(r->journal, &r->failure);
    r->journal = NULL;
    for (uint32_t i = 0; i < r->workers_made; i++)
        worker_destroy(r->workers[i]);
    r->workers_made = 0;
    r->ledger = book_close(r->book);
    if (book_error(r->book) && !r->failure.code)
        r->failure = *book_error(r->book);
    if (r->lab)
        lab_host_end(r->lab);
    if (!r->failure.code && began)
        judge_run(r);
    timer_disarm(r->loop, &r->flush);
    timer_disarm(r->loop, &r->status);
    timer_disarm(r->loop, &r->step);
    r->ended = true;
    loop_stop(r->loop);
}

static void enter(struct run *r, enum run_phase phase)
{
    r->phase = phase;
    record(r, &(struct event){.kind = EV_PHASE, .code = phase, .t_ns = target_now(r)});
    phases[phase].enter(r);
}

static void on_step(struct timer *t)
{
    struct run *r = t->owner;

    if (r->ended)
        return;
    for (;;) {
        bool stop_now =
            r->failure.code || r->interrupts > 1 || (r->interrupts && r->phase == PHASE_ARM);

        if (stop_now && r->phase < PHASE_JUDGE)
            enter(r, PHASE_JUDGE);
        else if (!phases[r->phase].is_over(r) && !(r->failure.code && r->workers_ended))
            break;
        else if (r->phase == PHASE_JUDGE) {
            finish(r);
            return;
        } else
            enter(r, r->phase + 1);
    }
    if (r->phase == PHASE_ARM && r->canary_round)
        timer_arm(r->loop, &r->step, r->canary_until_ns);
    if (r->phase == PHASE_SETTLE && !r->settle_over)
        timer_arm(r->loop, &r->step, r->settle_until_ns);
}

static void on_flush(struct timer *t)
{
    struct run *r = t->owner;

    if (r->journal && !journal_flush(r->journal))
        fail(r, journal_error(r->journal));
    timer_arm(r->loop, t, loop_now(r->loop) + FLUSH_NS);
}

static void on_status(struct timer *t)
{
    struct run *r = t->owner;
    struct run_status s = {.phase = r->phase,
                           .counts = book_counts(r->book),
                           .moves = r->plan.work->move_count,
                           .moves_ended = r->moves_ended,
                           .planned = r->plan.work->planned,
                           .target_ns = target_now(r)};

    if (r->phase == PHASE_SETTLE && r->settling)
        (void)muster_waiting_for(r->muster, s.waiting_for, sizeof s.waiting_for);
    (void)ring_push(r->status_ring, &s);
    timer_arm(r->loop, t, loop_now(r->loop) + STATUS_NS);
}

/* ------------------------------------------------------------------------------------------------------ putting up */

static bool resolve(struct run *r, struct end_point *p, uint16_t port, const char *name,
                    struct err *e)
{
    if (!p->text)
        return true;
    if (!p->addr.family && !net_resolve(&p->addr, p->text, port, e))
        return err_wrap(e, "servers.%s", name);
    return guard_check(&r->profile->safety.guard, &p->addr, e) || err_wrap(e, "servers.%s", name);
}

static bool open_site(struct run *r, struct err *e)
{
    struct site *s = &r->profile->site;

    if (r->profile->lab.on) {
        r->lab = lab_host_create(r->profile, r->arena, r->options.world.shared, r->dir, e);
        if (!r->lab || !lab_host_begin(r->lab, e))
            return false;
    }
    r->tls = arena_new(r->arena, struct tls_context *, s->server_count + 1);
    if (!r->tls)
        return err_set(e, EX_IO, "out of memory for the site");
    for (uint32_t i = 0; i < s->server_count; i++) {
        struct server *v = &s->servers[i];

        if (!resolve(r, &v->smtp, 25, v->name, e) || !resolve(r, &v->imap, 143, v->name, e))
            return false;
        if (v->smtp.tls == TLS_NONE)
            continue;
        r->tls[i] = tls_client_create(v->ca_file, v->insecure, e);
        if (!r->tls[i])
            return err_wrap(e, "servers.%s", v->name);
    }
    return true;
}

static bool open_world(struct run *r, struct err *e)
{
    const struct guard *g = &r->profile->safety.guard;

    if (r->options.world.shared) {
        r->http = r->lab ? lab_host_http(r->lab) : NULL;
        r->dial = dial_plain_create(r->loop, g, e);
        r->exec = r->options.world.exec;
        return r->dial != NULL;
    }
    r->curl = curl_loop_create(r->loop, e);
    r->http = r->curl ? http_curl_create(r->curl, g, e) : NULL;
    r->dial = r->http ? dial_curl_create(r->curl, g, e) : NULL;
    r->exec = r->dial ? exec_real(r->loop, e) : NULL;
    return r->exec != NULL;
}

static bool open_workers(struct run *r, struct err *e)
{
    r->workers = arena_new(r->arena, struct worker *, r->plan.threads);
    if (!r->workers)
        return err_set(e, EX_IO, "out of memory for senders");
    for (uint32_t i = 0; i < r->plan.threads; i++) {
        struct worker_config c = {.desk = r->loop,
                                  .threaded = !r->options.world.shared,
                                  .sync = !r->options.world.no_sync,
                                  .journal_dir = r->journal_dir,
                                  .run_id = r->plan.manifest.run_id,
                                  .sink = book_writer(r->book, e),
                                  .work = r->plan.work,
                                  .key = &r->plan.key,
                                  .corpus = r->corpus,
                                  .tls = r->tls,
                                  .index = i,
                                  .count = r->plan.threads,
                                  .news = on_worker,
                                  .owner = r};

        if (!c.sink)
            return false;
        r->workers[i] = worker_create(&c, e);
        if (!r->workers[i])
            return false;
        r->workers_made++;
    }
    return true;
}

static bool open_desk(struct run *r, struct err *e)
{
    struct moves_context moves = {.loop = r->loop,
                                  .clock = &r->clock,
                                  .work = r->plan.work,
                                  .journal = r->journal,
                                  .http = r->http,
                                  .exec = r->exec,
                                  .marked = on_marked,
                                  .over = on_moves_over,
                                  .owner = r};
    struct muster_context muster = {
        .probe = {.loop = r->loop,
                  .clock = &r->clock,
                  .work = r->plan.work,
                  .journal = r->journal,
                  .key = &r->plan.key,
                  .corpus = r->corpus,
                  .reports_dir = arena_format(r->arena, "%s/reports", r->dir),
                  .dial = r->dial,
                  .http = r->http,
                  .exec = r->exec},
        .home_seen = on_home,
        .verified = on_verified,
        .canary_seen = on_canary,
        .owner = r};

    r->moves = moves_create(&moves, e);
    r->muster = r->moves ? muster_create(&muster, e) : NULL;
    return r->muster != NULL;
}

static bool open_records(struct run *r, struct err *e)
{
    r->folder = r->options.run_dir ? folder_create_at(r->options.run_dir, e)
                                   : folder_create(r->options.runs_dir, r->profile->name,
                                                   r->profile->variant, r->plan.manifest.run_id, e);
    if (!r->folder)
        return false;
    r->dir = folder_path(r->folder);
    r->journal_dir = arena_format(r->arena, "%s/journal", r->dir);
    struct buf text;

    buf_init(&text, 16u << 20);
    bool ok = profile_print(r->profile, &text) && write_text(r, "profile.yaml", &text, e);
    buf_fini(&text);
    if (!ok)
        return false;
    r->book = book_create(&r->plan.manifest, !r->options.world.shared, e);
    struct journal_sink *sink = r->book ? book_writer(r->book, e) : NULL;
    if (!sink)
        return false;
    r->journal = journal_create(r->journal_dir, 0, r->plan.manifest.run_id, false, sink, e);
    return r->journal && (r->options.world.no_sync || book_sync(sink, r->journal, e));
}

static bool open_all(struct run *r, struct err *e)
{
    r->canary_seen = arena_new(r->arena, bool, r->profile->load_count + 1);
    r->corpus = smtp_corpus_create(r->profile->seed);
    r->status_ring = ring_create(sizeof(struct run_status), 16);
    if (!r->canary_seen || !r->corpus || !r->status_ring)
        return err_set(e, EX_IO, "out of memory for the run");
    return plan_make(&r->plan, r->arena, r->profile, r->options.world.run_id, e) &&
           post_open(&r->interrupt_line, r->loop, on_interrupt, r, e) && open_records(r, e) &&
           open_site(r, e) && open_world(r, e) && open_workers(r, e) && open_desk(r, e) &&
           book_begin(r->book, e);
}

struct run *run_create(struct profile *p, struct arena *a, const struct run_options *o,
                       struct err *e)
{
    struct run *r = arena_new(a, struct run, 1);

    if (!r) {
        (void)err_set(e, EX_IO, "out of memory for the run");
        return NULL;
    }
    *r = (struct run){.profile = p, .arena = a, .options = *o, .dir = ""};
    r->clock = (struct run_clock){.origin_ns = NEVER_NS, .scale = p->lab.time_scale};
    timer_init(&r->step, on_step, r);
    timer_init(&r->flush, on_flush, r);
    timer_init(&r->status, on_status, r);
    r->loop = o->world.shared ? o->world.shared : loop_epoll_create(e);
    if (r->loop && open_all(r, e)) {
        timer_arm(r->loop, &r->flush, loop_now(r->loop) + FLUSH_NS);
        timer_arm(r->loop, &r->status, loop_now(r->loop) + STATUS_NS);
        return r;
    }
    run_destroy(r);
    return NULL;
}

void run_walk(struct run *r)
{
    enter(r, PHASE_ARM);
    nudge(r);
    if (!r->options.world.shared)
        loop_run(r->loop);
}

bool run_has_ended(const struct run *r)
{
    return r->ended;
}

void run_interrupt(struct run *r, unsigned times)
{
    (void)post_send(&r->interrupt_line, &(struct post){.a = times});
}

struct run_result run_result(struct run *r)
{
    struct run_result result = {.dir = r->dir,
                                .error = r->failure,
                                .judgement = r->judgement,
                                .ledger = r->ledger,
                                .manifest = &r->plan.manifest};

    if (r->failure.code)
        result.exit_code = r->failure.code;
    else if (!r->judgement)
        result.exit_code = r->interrupts ? INTERRUPTED : EX_INTERNAL;
    else
        result.exit_code = judgement_exit_code(r->judgement);
    if (r->interrupts && result.exit_code <= EX_INCONCLUSIVE && result.exit_code != EX_FAIL)
        result.exit_code = INTERRUPTED;
    return result;
}

bool run_status(struct run *r, struct run_status *s)
{
    bool any = false;

    while (ring_pop(r->status_ring, s))
        any = true;
    return any;
}

void run_destroy(struct run *r)
{
    if (!r)
        return;
    close_desk(r);
    for (uint32_t i = 0; i < r->workers_made; i++)
        worker_destroy(r->workers[i]);
    (void)journal_close(r->journal, NULL);
    judgement_destroy(r->judgement);
    book_destroy(r->book);
    lab_host_destroy(r->lab);
    for (uint32_t i = 0; r->tls && i < r->profile->site.server_count; i++)
        tls_context_destroy(r->tls[i]);
    smtp_corpus_destroy(r->corpus);
    post_close(&r->interrupt_line);
    ring_destroy(r->status_ring);
    folder_destroy(r->folder);
    if (r->loop) {
        timer_disarm(r->loop, &r->step);
        timer_disarm(r->loop, &r->flush);
        timer_disarm(r->loop, &r->status);
    }
    if (!r->options.world.shared)
        loop_destroy(r->loop);
}
