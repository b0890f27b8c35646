/* run_guard.c - what is looked at while a run goes on, to stop it. */
#include "app/run_guard.h"

#include <stdio.h>
#include <unistd.h>

#include "app/owner.h"
#include "app/post.h"
#include "app/run_private.h"
#include "base/clock.h"
#include "base/thread.h"

#define LOOK_NS   (50 * NS_PER_MS)
#define OWNER_NS  (3600 * NS_PER_S)
#define PATH_ROOM 4200
#define STALL_NS  (5 * NS_PER_S) /* real; a busy machine's hiccups are shorter */
#define SLEPT_NS  (1 * NS_PER_S)

static bool wants_stop(const struct run *r)
{
    char path[PATH_ROOM];

    (void)snprintf(path, sizeof path, "%s/stop", r->dir);
    return access(path, F_OK) == 0;
}

static void look_for_stop(struct run *r)
{
    if (r->guard.asked || !wants_stop(r))
        return;
    r->guard.asked = true;
    run_on_interrupt(r, &(struct post){.a = 1});
}

static void ask_owner(void *owner)
{
    struct run *r = owner;

    r->guard.owner_agrees =
        owner_still(r->profile, profile_sum(r->plan.work).rate, &r->guard.owner_why);
}

void run_guard_join(struct run *r)
{
    thread_join(r->guard.asker);
    r->guard.asker = NULL;
}

static void hear_owner(struct run *r)
{
    run_guard_join(r);
    if (r->guard.owner_agrees)
        return;
    run_log(r, "owner: %s", r->guard.owner_why.text);
    run_brake(r, BRAKE_OWNER, 0);
}

/* Hourly, and by a thread of its own: a name server may take seconds over each name, and the desk has moves and probes to
 * see to. */
static void look_at_owner(struct run *r)
{
    struct run_guard *g = &r->guard;

    if (g->asker) {
        if (thread_is_over(g->asker))
            hear_owner(r);
        return;
    }
    if (r->profile->safety.guard.proven_count == 0 || loop_now(r->loop) < g->owner_ns)
        return;
    g->owner_ns = loop_now(r->loop) + OWNER_NS;
    g->owner_agrees = false;
    g->asker = thread_start("owner", ask_owner, r, &g->owner_why);
    if (!g->asker) /* nobody can be asked: that is no yes */
        hear_owner(r);
}

static void unwatched(struct run *r, enum unwatched why, uint64_t span_ns, uint64_t real_ns)
{
    uint64_t t_ns = run_target_now(r), ms = real_ns / NS_PER_MS;

    run_record(r, &(struct event){.kind = EV_UNWATCHED,
                                  .code = why,
                                  .t_ns = t_ns,
                                  .slot = span_ns < t_ns ? span_ns : t_ns,
                                  .b = ms < UINT32_MAX ? (uint32_t)ms : UINT32_MAX});
    run_log(r, "nobody watched for %llu ms: %s", (unsigned long long)ms,
            event_unwatched_words(why));
}

/* Whoever stands still sees late, or not at all, what happens meanwhile. */
static void look_at_clock(struct run *r)
{
    struct run_guard *g = &r->guard;
    uint64_t now = loop_now(r->loop), slept = clock_slept_ns();
    uint64_t still = now - g->looked_ns, more = slept > g->slept_ns ? slept - g->slept_ns : 0;

    if (r->phase > PHASE_ARM && g->looked_ns && still > STALL_NS)
        unwatched(r, UNWATCHED_STALLED, still * r->clock.scale, still);
    if (r->phase > PHASE_ARM && g->looked_ns && more > SLEPT_NS)
        unwatched(r, UNWATCHED_SUSPENDED, 0, more);
    g->looked_ns = now;
    g->slept_ns = slept;
}

/* A thread that is gone says nothing; what it had recorded stays. */
static void look_at_threads(struct run *r)
{
    struct err e = {0};

    for (uint32_t i = 0; i < r->workers_made; i++) {
        if (!worker_died(r->workers[i]))
            continue;
        r->workers_ended++;
        (void)err_set(
            &e, EX_INTERNAL,
            "the thread of sender %u died: what it left is on record, run --resume goes on", i);
    }
    if (book_is_dead(r->book))
        (void)err_set(&e, EX_INTERNAL,
                      "the ledger's thread died: everything is on record, run --resume goes on");
    if (e.code)
        run_fail(r, &e);
}

static void on_look(struct timer *t)
{
    struct run *r = t->owner;
    uint64_t most = r->profile->safety.max_queued,
             n = most && r->muster ? muster_queued(r->muster) : 0;

    if (!r->options.world.shared) {
        look_at_clock(r);
        look_at_threads(r);
        look_for_stop(r);
    }
    if (most && n > most)
        run_brake(r, BRAKE_QUEUED, n < UINT32_MAX ? (uint32_t)n : UINT32_MAX);
    look_at_owner(r);
    timer_arm(r->loop, t, loop_now(r->loop) + LOOK_NS);
}

void run_guard_begin(struct run *r)
{
    if (r->options.world.shared && r->profile->safety.max_queued == 0)
        return;
    timer_init(&r->guard.look, on_look, r);
    r->guard.begun = true;
    r->guard.asked = r->resume.on && wants_stop(r); /* that one was heard when it died */
    r->guard.owner_ns = loop_now(r->loop) + OWNER_NS;
    timer_arm(r->loop, &r->guard.look, loop_now(r->loop) + LOOK_NS);
}

void run_guard_end(struct run *r)
{
    if (r->guard.begun)
        timer_disarm(r->loop, &r->guard.look);
    run_guard_join(r);
}
