/* run.c - one execution of one profile: phases as a table, walked on the desk's loop.
 *
 * A phase has an entry and a question "is it over?", asked after everything that happens. All callbacks only note what they
 * were told and run_nudge(); the walk itself is step(), a timer of its own, so that no callback runs into another.
 */
#include "app/run.h"

#include <stdlib.h>
#include <string.h>

#include "app/lab_host.h"
#include "app/report_voice.h"
#include "app/run_private.h"
#include "base/clock.h"
#include "results/folder.h"
#include "results/report.h"

#define FLUSH_NS       (100 * NS_PER_MS)
#define STATUS_NS      (250 * NS_PER_MS)
#define CANARY_WAIT_NS (30 * NS_PER_S)
#define CANARY_ROUNDS  64
#define SETTLE_ROUNDS  8               /* of them while settling */
#define PATIENCE_NS    (10 * NS_PER_S) /* at least, real: what is owed may be late on a busy machine */
#define CUT_AFTER_NS   (5 * NS_PER_S) /* senders that were asked to stop and do not are cut */

void run_nudge(struct run *r)
{
    timer_arm(r->loop, &r->step, loop_now(r->loop));
}

void run_fail(struct run *r, const struct err *e)
{
    if (!r->failure.code)
        r->failure = *e;
    run_nudge(r);
}

void run_record(struct run *r, const struct event *ev)
{
    if (r->journal && !journal_add(r->journal, ev))
        run_fail(r, journal_error(r->journal));
}

uint64_t run_target_now(const struct run *r)
{
    return clock_target(&r->clock, loop_now(r->loop));
}

uint64_t run_wall_now(const struct run *r)
{
    return r->options.world.shared ? r->options.world.wall_ns : clock_wall_ns();
}

static void stop_workers(struct run *r, enum sender_stop how)
{
    r->sends_stopped = true;
    r->sends_cut = r->sends_cut || how == STOP_NOW;
    for (uint32_t i = 0; i < r->workers_made; i++)
        worker_stop(r->workers[i], how);
}

/* Not all that was planned takes place. */
static bool is_cut_short(const struct run *r)
{
    return r->interrupts > 0 || r->stopped || r->braked;
}

/* One thread's brake stops all of them. */
static void halt(struct run *r)
{
    if (!r->braked && !r->sends_cut && r->phase <= PHASE_DRAIN)
        stop_workers(r, STOP_HALT);
    r->braked = true;
}

/* ------------------------------------------------------------------------------------------- what the desk is told */

void run_on_worker(void *owner, struct worker *w, enum worker_news what)
{
    struct run *r = owner;

    if (what == NEWS_ARMED)
        r->workers_armed++;
    else if (what == NEWS_ENDED)
        r->workers_ended++;
    else if (what == NEWS_BROKEN)
        run_fail(r, worker_error(w));
    else if (what == NEWS_BRAKED)
        halt(r);
    run_nudge(r);
}

/* A report, or mail for a mailbox of ours, on an association that a sender opened (two-way alternate). */
void run_on_heard(void *owner, struct slice apdu)
{
    struct run *r = owner;

    if (r->listener)
        p1_listener_take(r->listener, apdu);
}

static void on_muster_armed(void *owner, const struct err *e)
{
    struct run *r = owner;

    if (e)
        run_fail(r, e);
    r->muster_armed = true;
    run_nudge(r);
}

void run_on_marked(void *owner, uint32_t move, enum move_mark mark, uint64_t t_ns)
{
    struct run *r = owner;

    if (mark == MARK_ASKED && !aimer_asked(r->aimer, move)) {
        struct err e = {0};

        (void)err_set(&e, EX_IO, "out of memory for adaptive aim");
        run_fail(r, &e);
    }
    for (uint32_t i = 0; i < r->workers_made; i++)
        worker_mark(r->workers[i], move, mark, t_ns);
    if (mark == MARK_ASKED)
        muster_move_begins(r->muster, move);
    run_log_move(r, move, mark);
    run_status_mark(r, move, mark, t_ns);
    if (mark == MARK_DONE || mark == MARK_FAILED) {
        r->moves_ended++;
        muster_move_ended(r->muster, move);
    }
    run_nudge(r);
}

void run_on_aimed(void *owner, uint32_t load, uint32_t move, const int64_t *aims_ns)
{
    struct run *r = owner;

    for (uint32_t i = 0; i < r->workers_made; i++)
        worker_aims(r->workers[i], load, move, aims_ns);
    run_nudge(r);
}

void run_on_moves_over(void *owner)
{
    run_nudge(owner);
}

void run_on_home(void *owner, uint32_t mailbox, uint32_t server, uint64_t t_ns)
{
    struct run *r = owner;

    moves_home(r->moves, mailbox, server, t_ns);
    run_nudge(r);
}

void run_on_verified(void *owner, uint32_t move, bool agrees)
{
    struct run *r = owner;

    if (r->resume.on)
        resume_verified(r, move, agrees);
    else
        moves_verified(r->moves, move, agrees);
    run_nudge(r);
}

void run_on_canary(void *owner, uint64_t number)
{
    struct run *r = owner;
    uint64_t k = number - r->plan.work->planned;
    uint32_t loads = r->profile->load_count;

    /* Of the rounds sent since the load ended; before that, of the first. */
    if (r->phase < PHASE_SETTLE || k / loads > 0)
        r->canary_seen[k % loads] = true;
    run_nudge(r);
}

static void on_settled(void *owner, bool final)
{
    struct run *r = owner;

    r->settling = false;
    r->settled = true;
    r->settle_over |= !final;
    run_nudge(r);
}

/* A run that was resumed is left as it is: it can be resumed again. */
static void leave(struct run *r)
{
    r->settle_over = true;
    if (r->settling)
        muster_stop_settling(r->muster);
    run_nudge(r);
}

void run_on_interrupt(void *owner, const struct post *p)
{
    struct run *r = owner;

    r->interrupts = p->a > r->interrupts ? p->a : r->interrupts;
    if (r->resume.on) {
        leave(r);
        return;
    }
    run_record(
        r, &(struct event){
               .kind = EV_FINDING, .code = FIND_INTERRUPTED, .a = p->a, .t_ns = run_target_now(r)});
    if (r->phase == PHASE_LOAD || r->phase == PHASE_DRAIN)
        stop_workers(r, STOP_HALT);
    run_nudge(r);
}

/* He is sent nothing more, not even a canary, whatever had ended the load before. */
static void obey_owner(struct run *r)
{
    if (r->sends_cut || r->phase >= PHASE_JUDGE)
        return;
    stop_workers(r, STOP_NOW);
    run_nudge(r);
}

void run_brake(struct run *r, enum brake_why why, uint32_t n)
{
    if (why == BRAKE_OWNER)
        obey_owner(r);
    if (r->resume.on || is_cut_short(r) || r->phase > PHASE_DRAIN)
        return;
    run_record(
        r,
        &(struct event){
            .kind = EV_FINDING, .code = FIND_BRAKED, .a = why, .b = n, .t_ns = run_target_now(r)});
    halt(r);
    run_nudge(r);
}

/* The rule has seen enough: what is left of the plan is let go, and everything else is done as ever. */
void run_on_stop(void *owner, uint32_t code, uint32_t moves)
{
    struct run *r = owner;

    if (r->stopped || r->interrupts || r->phase != PHASE_LOAD)
        return;
    r->stopped = true;
    run_record(r, &(struct event){.kind = EV_FINDING,
                                  .code = FIND_STOPPED,
                                  .a = code,
                                  .b = moves,
                                  .t_ns = run_target_now(r)});
    run_nudge(r);
}

/* ------------------------------------------------------------------------------------------------------- the phases */

static bool all_canaries_seen(const struct run *r)
{
    for (uint32_t i = 0; i < r->profile->load_count; i++)
        if (!r->canary_seen[i])
            return false;
    return true;
}

static uint64_t settle_span(const struct run *r)
{
    return clock_span(&r->clock, r->profile->settle_deadline_ns);
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
    if (r->phase != PHASE_SETTLE)
        return;
    r->settle_rounds++;
    r->sends_until_ns =
        r->round_ns + (settle_span(r) / 4 > CUT_AFTER_NS ? settle_span(r) / 4 : CUT_AFTER_NS);
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

/* When everything that is owed should have been sent, if the entry servers took it: loop time. */
static uint64_t plan_end(const struct run *r)
{
    uint64_t paced_ns = 0, aimed_ns = 0, now = loop_now(r->loop);

    for (uint32_t i = 0; i < r->profile->load_count; i++) {
        const struct load_profile *l = &r->profile->loads[i];
        uint64_t end_ns = l->start_ns + l->duration_ns, aim_ns = l->prime * l->prime_every_ns;

        if (l->arrivals != ARRIVE_AIMED) {
            end_ns += r->profile->safety.slow ? SLOW_EXTRA_NS : 0;
            paced_ns = end_ns > paced_ns ? end_ns : paced_ns;
            continue;
        }
        if (l->aim_to_ns > 0 && (uint64_t)l->aim_to_ns > aim_ns)
            aim_ns = (uint64_t)l->aim_to_ns;
        aimed_ns = aim_ns > aimed_ns ? aim_ns : aimed_ns;
    }
    uint64_t paced = clock_loop(&r->clock, paced_ns), aimed = now + clock_span(&r->clock, aimed_ns);

    return paced > aimed ? paced : aimed;
}

/* What is still owed at the deadline is not sent: first it is not begun any more, then it is cut. */
static void bound_sends(struct run *r)
{
    if (loop_now(r->loop) < r->sends_until_ns || r->sends_cut || all_idle(r))
        return;
    r->sends_until_ns = loop_now(r->loop) + CUT_AFTER_NS;
    stop_workers(r, r->sends_stopped || r->phase == PHASE_SETTLE ? STOP_NOW : STOP_SOON);
}

static void arm_enter(struct run *r)
{
    if (r->resume.on)
        resume_arm(r);
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
    if (!r->profile->canary || r->resume.on)
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
    r->clock.wall_ns = run_wall_now(r);
    r->plan.manifest.wall_start_ns = r->clock.wall_ns;
    if (!manifest_write(&r->plan.manifest, arena_format(r->arena, "%s/manifest.json", r->dir),
                        &r->failure))
        return;
    folder_begin(r->folder);
    for (uint32_t i = 0; i < r->workers_made; i++)
        worker_start(r->workers[i], &r->clock);
    moves_start(r->moves);
}

static bool moves_and_sends_are_over(struct run *r)
{
    if (moves_are_over(r->moves) && !r->moves_told && aimer_is_idle(r->aimer)) {
        r->moves_told = true;
        for (uint32_t i = 0; i < r->workers_made; i++)
            worker_moves_over(r->workers[i]);
        if (!is_cut_short(r))
            r->sends_until_ns =
                plan_end(r) + (settle_span(r) > PATIENCE_NS ? settle_span(r) : PATIENCE_NS);
    }
    bound_sends(r);
    return moves_are_over(r->moves) && r->moves_told && all_idle(r);
}

static bool load_is_over(struct run *r)
{
    return is_cut_short(r) || moves_and_sends_are_over(r);
}

static void drain_enter(struct run *r)
{
    if (!is_cut_short(r))
        return;
    uint64_t now = loop_now(r->loop), span = settle_span(r);

    if (r->interrupts > 0) {
        r->end_by_ns = now + span;
        r->drain_until_ns = now + span / 2;
        r->sends_until_ns = now + (span / 4 < PATIENCE_NS ? span / 4 : PATIENCE_NS);
    } else
        r->sends_until_ns = now + (span > PATIENCE_NS ? span : PATIENCE_NS);
    moves_stop(r->moves);
    if (!r->sends_stopped)
        stop_workers(r, STOP_SOON);
}

static bool drain_is_over(struct run *r)
{
    return moves_and_sends_are_over(r) || loop_now(r->loop) >= r->drain_until_ns;
}

static void begin_to_settle(struct run *r)
{
    r->settled = false;
    r->settling = true;
    muster_settle(r->muster, on_settled);
}

static void settle_enter(struct run *r)
{
    r->settle_until_ns = loop_now(r->loop) + settle_span(r);
    if (r->settle_until_ns > r->end_by_ns)
        r->settle_until_ns = r->end_by_ns;
    memset(r->canary_seen, 0, r->profile->load_count * sizeof *r->canary_seen);
    if (r->resume.on)
        resume_verify(r);
    else if (!moves_are_over(
                 r->moves)) /* after an interrupt: while mailboxes move, no silence is final */
        r->settle_over = true;
    else if (r->profile->canary && !r->sends_cut)
        send_canaries(r);
}

/* Canaries out (a few that nobody takes are dropped in time), then the muster settles; again while a canary's report is
 * missing and there is time. */
static bool settle_is_over(struct run *r)
{
    if (loop_now(r->loop) >= r->settle_until_ns && !r->settle_over) {
        r->settle_over = true;
        if (r->settling)
            muster_stop_settling(r->muster);
    }
    if (r->settling)
        return false;
    if (r->settle_over)
        return true;
    if (r->resume.verifying)
        return false;
    bound_sends(r);
    if (!all_idle(r))
        return false;
    if (!r->settled) {
        begin_to_settle(r);
        return false;
    }
    if (r->sends_cut || !r->profile->canary || all_canaries_seen(r) || !has_time_for_a_round(r))
        return true;
    send_canaries(r);
    r->settled = false;
    return false;
}

static void judge_enter(struct run *r)
{
    for (uint32_t i = 0; i < r->workers_made; i++)
        r->workers_ended += !worker_end(r->workers[i]);
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
    [PHASE_DRAIN] = {"drain", drain_enter, drain_is_over},
    [PHASE_SETTLE] = {"settle", settle_enter, settle_is_over},
    [PHASE_JUDGE] = {"judge", judge_enter, judge_is_over},
};

/* ------------------------------------------------------------------------------------------------------ the verdict */

/* What people look at; `report` makes the same again, so that it is no failure of the run if the disk has no room for it. */
static void leave_reports(struct run *r)
{
    const struct run_record record = {.arena = r->arena,
                                      .manifest = &r->plan.manifest,
                                      .ledger = r->ledger,
                                      .judgement = r->judgement};
    struct report_voice voice;
    struct err e = {0};

    report_voice_init(&voice, &r->plan.manifest);
    const struct report_source s = {.run = &record, .run_dir = r->dir, .words = &voice.words};

    if (!report_write_files(&s, &e))
        run_log(r, "report: %s", e.text);
}

static void judge_run(struct run *r)
{
    r->judgement = judge(&r->plan.manifest, r->ledger, &r->failure);
    if (!r->judgement)
        return;
    const char *path = arena_format(r->arena, "%s/summary.json", r->dir);

    (void)judgement_write_summary(r->judgement, path, &r->failure);
    leave_reports(r);
}

static void finish(struct run *r)
{
    bool began = r->plan.manifest.wall_start_ns || r->clock.origin_ns != NEVER_NS;

    run_log_end(r);
    run_close_desk(r);
    if (!r->failure.code && !(r->resume.on && r->interrupts))
        run_record(r,
                   &(struct event){.kind = EV_PHASE, .code = PHASE_END, .t_ns = run_target_now(r)});
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
    run_guard_end(r);
    r->ended = true;
    run_status_tell(r);
    loop_stop(r->loop);
}

static void enter(struct run *r, enum run_phase phase)
{
    r->phase = phase;
    run_record(r, &(struct event){.kind = EV_PHASE, .code = phase, .t_ns = run_target_now(r)});
    phases[phase].enter(r);
}

/* What has a deadline is looked at then, even if nothing happens before. */
static void look_later(struct run *r)
{
    uint64_t at_ns = NEVER_NS;

    if (r->phase == PHASE_ARM && r->canary_round)
        at_ns = r->canary_until_ns;
    if (r->phase == PHASE_SETTLE && !r->settle_over)
        at_ns = r->settle_until_ns;
    if (r->phase == PHASE_DRAIN)
        at_ns = r->drain_until_ns;
    if (r->phase > PHASE_ARM && r->phase < PHASE_JUDGE && !r->sends_cut && !all_idle(r) &&
        r->sends_until_ns < at_ns)
        at_ns = r->sends_until_ns;
    if (at_ns != NEVER_NS)
        timer_arm(r->loop, &r->step, at_ns);
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
        else if (!phases[r->phase].is_over(r))
            break;
        else if (r->phase == PHASE_JUDGE) {
            finish(r);
            return;
        } else
            enter(r, r->resume.on && r->phase == PHASE_ARM ? PHASE_SETTLE : r->phase + 1);
    }
    look_later(r);
}

static void on_flush(struct timer *t)
{
    struct run *r = t->owner;

    if (r->journal && !journal_flush(r->journal))
        run_fail(r, journal_error(r->journal));
    timer_arm(r->loop, t, loop_now(r->loop) + FLUSH_NS);
}

static void on_status(struct timer *t)
{
    struct run *r = t->owner;

    run_status_tell(r);
    timer_arm(r->loop, t, loop_now(r->loop) + STATUS_NS);
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
    r->sends_until_ns = r->drain_until_ns = r->end_by_ns = NEVER_NS;
    buf_init(&r->log, 1u << 20);
    timer_init(&r->step, on_step, r);
    timer_init(&r->flush, on_flush, r);
    timer_init(&r->status, on_status, r);
    r->loop = o->world.shared ? o->world.shared : loop_epoll_create(e);
    if (r->loop && run_open(r, e)) {
        timer_arm(r->loop, &r->flush, loop_now(r->loop) + FLUSH_NS);
        timer_arm(r->loop, &r->status, loop_now(r->loop) + STATUS_NS);
        run_guard_begin(r);
        return r;
    }
    run_destroy(r);
    return NULL;
}

void run_walk(struct run *r)
{
    enter(r, PHASE_ARM);
    run_nudge(r);
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
                                .log = buf_text(&r->log),
                                .judgement = r->judgement,
                                .ledger = r->ledger,
                                .manifest = &r->plan.manifest};

    if (r->failure.code)
        result.exit_code = r->failure.code;
    else if (!r->judgement)
        result.exit_code = r->interrupts ? EX_INTERRUPTED : EX_INTERNAL;
    else
        result.exit_code = judgement_exit_code(r->judgement);
    if (r->interrupts && result.exit_code <= EX_INCONCLUSIVE && result.exit_code != EX_FAIL)
        result.exit_code = EX_INTERRUPTED;
    return result;
}

void run_abandon(struct run *r)
{
    for (uint32_t i = 0; i < r->workers_made; i++)
        worker_destroy(r->workers[i]);
    r->workers_made = 0;
    run_guard_join(r);
    (void)journal_close(r->journal, NULL);
    r->journal = NULL;
}

void run_destroy(struct run *r)
{
    if (r)
        run_close(r);
}
