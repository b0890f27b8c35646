/* moves_rig.c - the controller on a fake run, its marks logged as lines. */
#include "tests/loadgen/moves_rig.h"

static void verify_now(struct timer *t)
{
    struct rig_timer *rt = t->owner;

    moves_verified(rt->rig->moves, rt->move, rt->rig->agrees);
}

static void on_mark(void *owner, uint32_t move, enum move_mark mark, uint64_t t_ns)
{
    struct rig *r = owner;

    PM_ASSERT(
        buf_add_format(&r->marks, "%llu %u %s\n", t_ns / NS_PER_MS, move, event_mark_name(mark)));
    if ((mark == MARK_DONE || mark == MARK_FAILED) && r->verify)
        timer_arm(r->run->loop, &r->timers[move].timer,
                  loop_now(r->run->loop) + clock_span(&r->run->clock, 100 * NS_PER_MS));
}

static void on_over(void *owner)
{
    struct rig *r = owner;

    PM_ASSERT(buf_add_format(&r->marks, "%llu over\n", (unsigned long long)fake_target_ms(r->run)));
}

void rig_init(struct rig *r, const char *name)
{
    *r = (struct rig){.run = fake_run_create(name), .verify = true, .agrees = true};
    buf_init(&r->marks, 1u << 20);
    for (uint32_t i = 0; i < 64; i++) {
        r->timers[i].rig = r;
        r->timers[i].move = i;
        timer_init(&r->timers[i].timer, verify_now, &r->timers[i]);
    }
}

uint32_t rig_schedule(struct rig *r, uint32_t mover, uint32_t rounds, uint32_t lanes,
                      uint64_t deadline_ns)
{
    uint32_t at = r->run->profile.move_count++;

    r->run->schedules[at] = (struct move_profile){.name = "users",
                                                  .mover = mover,
                                                  .count = rounds,
                                                  .concurrency = lanes,
                                                  .deadline_ns = deadline_ns,
                                                  .options = ""};
    return at;
}

bool rig_create(struct rig *r)
{
    struct moves_context c = {.loop = r->run->loop,
                              .clock = &r->run->clock,
                              .work = &r->run->work,
                              .journal = r->run->journal,
                              .http = &r->run->http.http,
                              .exec = &r->run->exec.exec,
                              .marked = on_mark,
                              .over = on_over,
                              .owner = r};

    r->moves = moves_create(&c, &r->e);
    return r->moves;
}

const char *rig_run(struct rig *r, uint64_t target_ms)
{
    if (!r->moves && !rig_create(r))
        return r->e.text;
    moves_start(r->moves);
    fake_run_until(r->run, clock_loop(&r->run->clock, target_ms * NS_PER_MS));
    return buf_text(&r->marks);
}

void rig_fini(struct rig *r)
{
    moves_destroy(r->moves);
    for (uint32_t i = 0; i < 64; i++)
        timer_disarm(r->run->loop, &r->timers[i].timer);
    buf_fini(&r->marks);
    fake_run_destroy(r->run);
}
