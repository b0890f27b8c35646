/* scripted.c - runs that never ran. */
#include "tests/app/scripted.h"

#include "base/clock.h"

static void make_profile(struct scripted *s, uint32_t i)
{
    static const char *const names[] = {"q172364", "q248839", "control", "pre-upgrade-of-the-hub"};
    struct profile *p = &s->profiles[i];

    s->loads[i][0] = (struct load_profile){.name = "steady", .via = 2};
    s->loads[i][1] = (struct load_profile){.name = "aimed", .via = 0, .arrivals = ARRIVE_AIMED};
    s->servers[i][0] = (struct server){.name = "s1"};
    s->servers[i][1] = (struct server){.name = "s2"};
    s->servers[i][2] = (struct server){.name = "s3"};
    s->boxes[i][0] = (struct mailbox){.name = "joanne-1"};
    s->boxes[i][1] = (struct mailbox){.name = "joanne-2"};
    *p = (struct profile){.name = names[i % 4],
                          .loads = s->loads[i],
                          .load_count = 2,
                          .lateness_real_ns = 100 * NS_PER_MS,
                          .site = {.servers = s->servers[i],
                                   .server_count = 3,
                                   .mailboxes = s->boxes[i],
                                   .mailbox_count = 2}};
}

static void make_counts(struct book_counts *c, uint32_t i)
{
    struct load_counts *l = c->loads;

    l[0] = (struct load_counts){.messages = 1234 + i, .recipients = 1234 + i};
    l[0].ended[END_ACCEPTED] = 1220;
    l[0].ended[END_REFUSED_TEMP] = 6;
    l[0].ended[END_DOUBT] = 1;
    for (uint32_t k = 0; k < l[0].messages; k++)
        spread_add(&l[0].late, k < 1200 ? 90 : 1500);
    for (uint32_t k = 0; k < l[0].ended[END_ACCEPTED]; k++)
        spread_add(&l[0].accept, k < 1000 ? 9000 : 150000000);
    l[1] = (struct load_counts){.messages = 10, .recipients = 10};
    l[1].ended[END_ACCEPTED] = 10;
    for (uint32_t k = 0; k < 10; k++) {
        spread_add(&l[1].late, 100);
        spread_add(&l[1].accept, 20000);
    }
    c->seen = 1190;
    c->reports = 5;
    c->reported[REPORT_FAILED] = 4;
    c->reported[REPORT_DELAYED] = 1;
}

static void make_status(struct run_status *s, uint32_t i)
{
    *s = (struct run_status){.phase = PHASE_LOAD,
                             .scale = 60,
                             .planned = 4800,
                             .load_planned = {4700, 100},
                             .target_ns = 72 * NS_PER_S + 345 * NS_PER_MS,
                             .plan_ends_ns = 480 * NS_PER_S,
                             .rate = 10.24,
                             .rate_planned = 10,
                             .moves_ended = 1,
                             .moves = 5,
                             .under_way = 2,
                             .verdict_in_ns = NEVER_NS,
                             .settles_ns = 30 * NS_PER_S};
    make_counts(&s->counts, i);
    s->has_classes = true;
    s->so_far.of[CLASS_DELIVERED] = 1172;
    s->so_far.of[CLASS_NDR] = 4;
    s->so_far.of[CLASS_REFUSED_TEMPORARY] = 6;
    s->so_far.of[CLASS_UNKNOWN] = 62;
    s->move_states[MOVING_WAITING] = 2;
    s->move_states[MOVING_COPYING] = s->move_states[MOVING_FLIPPED] = 1;
    s->move_states[MOVING_DISPROVED] = 1;
    s->moves_now[0] = (struct move_now){.move = 1,
                                        .mailbox = 0,
                                        .to = 1,
                                        .state = MOVING_FLIPPED,
                                        .asked_ns = 40 * NS_PER_S,
                                        .flipped_ns = 60 * NS_PER_S};
    s->moves_now[1] = (struct move_now){.move = 2,
                                        .mailbox = 1,
                                        .from = 1,
                                        .state = MOVING_COPYING,
                                        .asked_ns = 70 * NS_PER_S,
                                        .flipped_ns = NEVER_NS};
    s->queues[0] = (struct queue_now){true, 12, 3};
    s->queues[1] = (struct queue_now){true, 0, 0};
    s->queues[2] = (struct queue_now){true, 2, 2};
}

void scripted_make(struct scripted *s, uint32_t count)
{
    *s = (struct scripted){.campaign = {.jobs = s->jobs, .count = count}};
    for (uint32_t i = 0; i < count; i++) {
        make_profile(s, i);
        s->jobs[i] = (struct job){.path = "scripted.yaml",
                                  .variant = i % 2 ? "sp4" : "",
                                  .profile = &s->profiles[i],
                                  .began = true,
                                  .has_status = true};
        make_status(&s->jobs[i].status, i);
    }
}
