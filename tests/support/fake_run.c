/* fake_run.c - a small site on a simulated loop, with a journal whose events a test can read. */
#include "tests/support/fake_run.h"

#include <stdlib.h>
#include <string.h>

#include "tests/support/scratch.h"

static const char *const move_argv[] = {"move", "--box={mailbox}", "{from}", "{to}", NULL};

static void keep_block(struct journal_sink *s, const struct event *events, uint32_t count)
{
    struct fake_run *r = s->owner;

    PM_ASSERT(r->event_count + count <= FAKE_EVENTS);
    memcpy(r->events + r->event_count, events, count * sizeof *events);
    r->event_count += count;
}

static void make_site(struct fake_run *r)
{
    static const char *const controls[] = {"http://s1", "http://s2", "http://s3"};
    static const char *const servers[] = {"s1", "s2", "s3"};
    static const char *const names[] = {"joanne-1", "joanne-2", "alt-1", "alt-2", "joe-1", "joe-2"};
    static const char *const addresses[] = {"joanne-1@lab.test", "joanne-2@lab.test",
                                            "alt-1@lab.test",    "alt-2@lab.test",
                                            "joe-1@lab.test",    "joe-2@lab.test"};

    for (uint32_t i = 0; i < 3; i++)
        r->servers[i] = (struct server){.name = servers[i], .control = controls[i]};
    for (uint32_t i = 0; i < 6; i++)
        r->mailboxes[i] = (struct mailbox){.name = names[i],
                                           .address = addresses[i],
                                           .user = names[i],
                                           .password = "x",
                                           .group = i / 2,
                                           .index = i % 2,
                                           .home = i < 2 ? 0 : 2,
                                           .alternate = i < 2 ? i + 2 : SITE_NONE,
                                           .both = i < 2};
    r->groups[0] = (struct group){"joanne", 0, 2};
    r->groups[1] = (struct group){"alt", 2, 2};
    r->groups[2] = (struct group){"joe", 4, 2};
    r->profile.site = (struct site){.servers = r->servers,
                                    .server_count = 3,
                                    .mailboxes = r->mailboxes,
                                    .mailbox_count = 6,
                                    .groups = r->groups,
                                    .group_count = 3,
                                    .domain = "lab.test"};
}

static void make_profile(struct fake_run *r)
{
    r->from[0] = 2;
    r->to[0] = 0;
    r->load = (struct load_profile){
        .name = "steady", .via = 2, .from = r->from, .from_count = 1, .to = r->to, .to_count = 1};
    r->movers[0] = (struct mover_profile){
        .name = "lab",
        .type = MOVER_HTTP,
        .start = "POST {control}/v1/move",
        .body = "{\"mailbox\":\"{mailbox}\",\"from\":\"{from}\",\"to\":\"{to}\"}",
        .id_field = "id",
        .poll = "GET {control}/v1/move?id={id}",
        .state_field = "state",
        .done_value = "done",
        .failed_value = "failed",
        .copy_value = "copying",
        .error_field = "error",
        .period_real_ns = 20 * NS_PER_MS};
    r->movers[1] = (struct mover_profile){.name = "mine", .type = MOVER_EXEC, .argv = move_argv};
    r->profile.loads = &r->load;
    r->profile.load_count = 1;
    r->profile.movers = r->movers;
    r->profile.mover_count = 2;
    r->profile.moves = r->schedules;
    r->profile.actions = r->actions;
    r->profile.probes = r->probes;
    r->work = (struct workload){.profile = &r->profile, .planned = 100, .moves = r->plans};
}

struct fake_run *fake_run_create(const char *name)
{
    return fake_run_create_far(name, 0);
}

struct fake_run *fake_run_create_far(const char *name, uint64_t latency_ns)
{
    struct fake_run *r = calloc(1, sizeof *r);
    struct err e = {0};

    PM_ASSERT(r);
    r->loop = loop_sim_create(&(struct sim_config){.seed = 1,
                                                   .start_ns = NS_PER_S,
                                                   .latency_min_ns = latency_ns,
                                                   .latency_max_ns = latency_ns},
                              &e);
    r->clock = (struct run_clock){.origin_ns = NS_PER_S, .scale = 10};
    r->sink = (struct journal_sink){.block = keep_block, .owner = r};
    r->journal = journal_create(scratch_dir(name), 0, 7, &r->sink, &e);
    PM_ASSERT(r->loop && r->journal);
    fake_http_init(&r->http, r->loop);
    fake_exec_init(&r->exec, r->loop);
    buf_init(&r->text, 1u << 20);
    make_site(r);
    make_profile(r);
    return r;
}

void fake_run_destroy(struct fake_run *r)
{
    struct err e;

    fake_exec_fini(&r->exec);
    fake_http_fini(&r->http);
    buf_fini(&r->text);
    PM_ASSERT(journal_close(r->journal, &e));
    loop_destroy(r->loop);
    free(r);
}

void fake_move(struct fake_run *r, uint32_t schedule, uint32_t round, uint32_t mailbox,
               uint32_t from, uint32_t to, uint64_t at_ns)
{
    PM_ASSERT(r->work.move_count < 64);
    r->plans[r->work.move_count++] = (struct move_plan){.schedule = schedule,
                                                        .round = round,
                                                        .mailbox = mailbox,
                                                        .from = from,
                                                        .to = to,
                                                        .at_ns = at_ns};
}

static void stop_loop(struct timer *t)
{
    struct fake_run *r = t->owner;

    loop_stop(r->loop);
}

void fake_run_until(struct fake_run *r, uint64_t loop_ns)
{
    struct timer end;

    timer_init(&end, stop_loop, r);
    timer_arm(r->loop, &end, loop_ns);
    loop_run(r->loop);
    timer_disarm(r->loop, &end);
}

static int32_t index_of(uint32_t v)
{
    return v == NO_INDEX ? -1 : (int32_t)v;
}

const char *fake_run_events(struct fake_run *r, enum event_kind kind)
{
    PM_ASSERT(journal_flush(r->journal));
    buf_clear(&r->text);
    for (uint32_t i = 0; i < r->event_count; i++) {
        const struct event *e = &r->events[i];

        if (e->kind == kind)
            PM_ASSERT(buf_add_format(&r->text, "%llu place=%u code=%u a=%d b=%d slot=%llu\n",
                                     e->t_ns / NS_PER_MS, e->place, e->code, index_of(e->a),
                                     index_of(e->b), (unsigned long long)e->slot));
    }
    return buf_text(&r->text);
}

unsigned fake_run_count(struct fake_run *r, enum event_kind kind)
{
    unsigned n = 0;

    PM_ASSERT(journal_flush(r->journal));
    for (uint32_t i = 0; i < r->event_count; i++)
        n += r->events[i].kind == kind;
    return n;
}

uint64_t fake_target_ms(const struct fake_run *r)
{
    return clock_target(&r->clock, loop_now(r->loop)) / NS_PER_MS;
}

struct arena *fake_run_plan(struct fake_run *r, uint32_t octets)
{
    struct arena *a = arena_create(1 << 20);
    struct err e = {0};

    r->load.arrivals = ARRIVE_CONSTANT;
    r->load.rate = 100;
    r->load.duration_ns = 10 * NS_PER_S;
    r->load.recipients = 1;
    r->load.size = SIZE_FIXED;
    r->load.size_min = r->load.size_max = octets;
    r->profile.seed = 7;
    const struct workload *w = workload_create(a, &r->profile, &e);

    PM_ASSERT(w);
    r->work = *w;
    return a;
}
