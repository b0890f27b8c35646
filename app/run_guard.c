/* run_guard.c - what is looked at while a run goes on, to stop it. */
#include "app/run_guard.h"

#include <stdio.h>
#include <unistd.h>

#include "app/owner.h"
#include "app/post.h"
#include "app/run_private.h"
#include "base/clock.h"

#define LOOK_NS   (50 * NS_PER_MS)
#define OWNER_NS  (3600 * NS_PER_S)
#define PATH_ROOM 4200

static bool wants_stop(const struct run *r)
{
    char path[PATH_ROOM];

    (void)snprintf(path, sizeof path, "%s/stop", r->dir);
    return access(path, F_OK) == 0;
}

static uint64_t queued(const struct run *r)
{
    struct queue_now queues[STATUS_SERVERS] = {0};
    uint64_t n = 0;

    muster_queues(r->muster, queues, STATUS_SERVERS);
    for (uint32_t i = 0; i < STATUS_SERVERS; i++)
        n += queues[i].known ? queues[i].entries : 0;
    return n;
}

/* Hourly. The desk waits for the answer, a few seconds at most; senders do not. */
static void ask_owner(struct run *r)
{
    struct err e = {0};

    if (r->profile->safety.guard.proven_count == 0 || loop_now(r->loop) < r->guard.owner_ns)
        return;
    r->guard.owner_ns = loop_now(r->loop) + OWNER_NS;
    if (owner_still(r->profile, &e))
        return;
    run_log(r, "owner: %s", e.text);
    run_brake(r, BRAKE_OWNER, 0);
}

static void on_look(struct timer *t)
{
    struct run *r = t->owner;
    uint64_t most = r->profile->safety.max_queued, n = most && r->muster ? queued(r) : 0;

    if (!r->options.world.shared && !r->guard.asked && wants_stop(r)) {
        r->guard.asked = true;
        run_on_interrupt(r, &(struct post){.a = 1});
    }
    if (most && n > most)
        run_brake(r, BRAKE_QUEUED, n < UINT32_MAX ? (uint32_t)n : UINT32_MAX);
    ask_owner(r);
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
}
