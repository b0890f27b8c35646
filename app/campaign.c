/* campaign.c - many runs side by side in one process. */
#include "app/campaign.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/loop_sim.h"
#include "base/ring.h"
#include "base/text.h"
#include "base/thread.h"

#define ARENA_BYTES (1ull << 30)
#define SIM_GENEROSITY                                                                             \
    4 /* so many times what the plan says, and an hour: then a simulated run is stuck */
#define SIM_SPARE_NS (3600 * NS_PER_S)

static bool may_run(struct campaign *c, const struct profile *p, struct err *e)
{
    if (c->simulate && !p->lab.on)
        return err_set(e, EX_BAD_USAGE,
                       "%s: --simulate needs a lab section: only a lab can run on "
                       "simulated time",
                       p->path);
    if (c->metrics.family && !guard_check(&p->safety.guard, &c->metrics, e))
        return err_wrap(e, "--metrics");
    if (p->parallel > c->parallel && !c->parallel_given)
        c->parallel = p->parallel;
    if (p->lab.base_port && !c->simulate) {
        c->parallel = 1;
        c->parallel_given = true;
    }
    return true;
}

static bool add_job(struct campaign *c, const char *path, const char *variant, struct err *e)
{
    struct profile_request rq = {
        .path = path, .sets = c->sets, .set_count = c->set_count, .variant = variant};
    struct arena *scratch = arena_create(ARENA_BYTES);
    const struct profile *p = scratch ? profile_load(scratch, &rq, e) : NULL;
    struct job *jobs = p ? realloc(c->jobs, (c->count + 1) * sizeof *jobs) : NULL;
    bool ok = jobs != NULL;

    c->jobs = ok ? jobs : c->jobs;
    if (!scratch || (p && !ok))
        (void)err_set(e, EX_IO, "out of memory for the list of runs");
    ok = ok && may_run(c, p, e);
    arena_destroy(scratch);
    if (!ok)
        return false;
    c->jobs[c->count++] = (struct job){
        .path = path,
        .variant = arena_format(c->arena, "%s", variant),
    };
    return true;
}

static bool add_named(struct campaign *c, const char *path, const char *names, struct err *e)
{
    struct slice rest = slice_of(names), name;
    bool more = true;

    while (more) {
        more = slice_cut(&rest, ',', &name);
        if (name.n == 0)
            return err_set(e, EX_BAD_USAGE, "--variant %s: an empty name", names);
        if (!add_job(c, path, arena_text(c->arena, (const char *)name.p, name.n), e))
            return false;
    }
    return true;
}

bool campaign_add(struct campaign *c, const char *path, const char *variant, struct err *e)
{
    struct profile_request rq = {.path = path, .sets = c->sets, .set_count = c->set_count};

    if (variant && *variant)
        return add_named(c, path, variant, e);
    const struct profile *p = profile_load(c->arena, &rq, e);

    if (!p)
        return false;
    if ((variant || p->scenario_count == 0) && !add_job(c, path, "", e))
        return false;
    for (uint32_t i = 0; !variant && i < p->variant_count; i++)
        if (!add_job(c, path, p->variants[i], e))
            return false;
    return true;
}

/* ------------------------------------------------------------------------------------------------- on a job's thread */

static uint64_t simulated_id(const struct job *j)
{
    uint64_t of_variant = 0;

    for (const char *v = j->variant; *v; v++)
        of_variant = of_variant * 131 + (unsigned char)*v;
    return j->profile->seed ^ of_variant << 8 ^ 1;
}

/* When a simulated run is over at the latest, with room to spare; later than that it is stuck. */
static uint64_t simulated_end_ns(const struct profile *p)
{
    uint64_t end_ns = 0;

    for (uint32_t i = 0; i < p->load_count; i++)
        if (p->loads[i].start_ns + p->loads[i].duration_ns > end_ns)
            end_ns = p->loads[i].start_ns + p->loads[i].duration_ns;
    for (uint32_t i = 0; i < p->move_count; i++) {
        const struct move_profile *m = &p->moves[i];
        uint64_t over_ns = m->start_ns + m->count * m->every_ns + m->group_count * m->deadline_ns;

        end_ns = over_ns > end_ns ? over_ns : end_ns;
    }
    return (end_ns + p->settle_deadline_ns) / p->lab.time_scale * SIM_GENEROSITY + SIM_SPARE_NS;
}

static bool prepare(struct job *j, struct err *e)
{
    struct run_options o = {.runs_dir = j->of->runs_dir,
                            .run_dir = j->of->run_dir,
                            .resume = j->of->resume,
                            .owned = j->of->owned,
                            .owned_count = j->of->owned_count,
                            .watched = j->of->watched && !j->of->simulate};

    if (j->of->simulate) {
        struct sim_config sim = {.seed = j->profile->seed,
                                 .start_ns = 1000000000,
                                 .latency_min_ns = 50000,
                                 .latency_max_ns = 500000,
                                 .split_per_mille = 20};

        j->shared = loop_sim_create(&sim, e);
        if (!j->shared)
            return false;
        loop_sim_limit(j->shared, simulated_end_ns(j->profile));
        o.world = (struct world){.shared = j->shared, .run_id = simulated_id(j), .no_sync = true};
    }
    j->run = run_create(j->profile, j->arena, &o, e);
    return j->run != NULL;
}

static void job_main(void *owner)
{
    struct job *j = owner;
    uint8_t done = 1;

    run_walk(j->run);
    if (j->shared)
        loop_run(j->shared);
    (void)ring_push(j->done, &done);
}

/* ------------------------------------------------------------------------------------------- on the caller's thread */

static bool begin(struct campaign *c, struct job *j, struct err *e)
{
    struct profile_request rq = {
        .path = j->path, .sets = c->sets, .set_count = c->set_count, .variant = j->variant};

    j->of = c;
    j->began = true;
    j->arena = arena_create(ARENA_BYTES);
    j->done = ring_create(1, 2);
    if (!j->arena || !j->done)
        return err_set(e, EX_IO, "out of memory for a run");
    j->profile = profile_load(j->arena, &rq, e);
    if (!j->profile || !prepare(j, e))
        return false;
    j->thread = thread_start("desk", job_main, j, e);
    return j->thread != NULL;
}

static void fail_job(struct job *j, const struct err *e)
{
    j->result = (struct run_result){.exit_code = e->code, .dir = "", .error = *e};
    j->ended = true;
}

static void end(struct job *j)
{
    struct err e = {0};
    char time[32];

    thread_join(j->thread);
    j->thread = NULL;
    if (!run_has_ended(j->run)) {
        (void)err_set(&e, EX_INTERNAL,
                      "the simulated run did not come to an end: it has a plan for less than %s, "
                      "and was given that",
                      text_print_duration(time, sizeof time, simulated_end_ns(j->profile)));
        fail_job(j, &e);
        return;
    }
    j->result = run_result(j->run);
    j->ended = true;
}

/* Its thread is gone, in the middle of anything. */
static void bury(struct job *j)
{
    struct err e = {0};

    thread_join(j->thread);
    j->thread = NULL;
    run_abandon(j->run);
    j->run = NULL;
    (void)err_set(&e, EX_INTERNAL,
                  "the thread that watches and judges died: what was recorded is on record, run "
                  "--resume goes on");
    fail_job(j, &e);
}

bool campaign_step(struct campaign *c, void (*news)(void *owner, struct job *j), void *owner)
{
    uint32_t running = 0, waiting = 0;
    uint8_t done;

    for (uint32_t i = 0; i < c->count; i++) {
        struct job *j = &c->jobs[i];

        if (!j->thread)
            continue;
        j->has_status |= run_status(j->run, &j->status);
        bool told = ring_pop(j->done, &done);

        if (!told && !thread_is_over(j->thread)) {
            running++;
            continue;
        }
        told |= ring_pop(j->done, &done);
        if (told && (run_has_ended(j->run) || c->simulate))
            end(j);
        else
            bury(j);
        news(owner, j);
    }
    for (uint32_t i = 0; i < c->count; i++) {
        struct job *j = &c->jobs[i];

        if (j->began)
            continue;
        if (running >= c->parallel || c->interrupts) {
            waiting += c->interrupts == 0;
            continue;
        }
        struct err e = {0};

        if (begin(c, j, &e)) {
            running++;
            continue;
        }
        fail_job(j, &e);
        news(owner, j);
    }
    return running + waiting > 0;
}

void campaign_interrupt(struct campaign *c)
{
    c->interrupts++;
    for (uint32_t i = 0; i < c->count; i++)
        if (c->jobs[i].thread)
            run_interrupt(c->jobs[i].run, c->interrupts);
}

/* An error beats FAIL, FAIL beats an interruption, that INCONCLUSIVE, that PASS. */
static int badness(int code)
{
    switch (code) {
    case EX_PASS:
        return 0;
    case EX_INCONCLUSIVE:
        return 1;
    case EX_FAIL:
        return 300;
    default:
        return code >= 128 ? code : 300 + code;
    }
}

int campaign_exit_code(const struct campaign *c)
{
    int worst = EX_PASS;

    for (uint32_t i = 0; i < c->count; i++)
        if (c->jobs[i].began && badness(c->jobs[i].result.exit_code) > badness(worst))
            worst = c->jobs[i].result.exit_code;
    return worst;
}

void campaign_fini(struct campaign *c)
{
    for (uint32_t i = 0; i < c->count; i++) {
        struct job *j = &c->jobs[i];

        thread_join(j->thread);
        run_destroy(j->run);
        loop_destroy(j->shared);
        ring_destroy(j->done);
        arena_destroy(j->arena);
    }
    free(c->jobs);
    c->jobs = NULL;
    c->count = 0;
}
