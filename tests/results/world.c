/* world.c - see world.h. */
#include "tests/results/world.h"

#include <string.h>

void world_init(struct world *w, uint64_t messages)
{
    static const char *const names[] = {"bob", "bob-alt", "ann", "eve"};
    static const char *const addresses[] = {"bob@lab", "bob-alt@lab", "ann@lab", "eve@lab"};
    static const uint32_t homes[] = {0, 2, 2, 1};

    memset(w, 0, sizeof *w);
    w->servers[0] = "s0";
    w->servers[1] = "s1";
    w->servers[2] = "s2";
    for (uint32_t i = 0; i < 4; i++)
        w->boxes[i] = (struct manifest_mailbox){names[i], addresses[i], homes[i], NO_INDEX, false};
    w->loads[0] = (struct manifest_load){.name = "steady",
                                         .protocol = "smtp",
                                         .via = "s2",
                                         .count = messages,
                                         .recipients = 1,
                                         .alternates = true};
    w->moves[0] = (struct manifest_move){BOB, 0, 1, S(100), "users"};
    w->m = (struct manifest){.name = "test",
                             .variant = "",
                             .description = "",
                             .target = "lab 5.5-sp3",
                             .run_id = 0x1234,
                             .seed = 7,
                             .time_scale = 60,
                             .stride = 2,
                             .planned_messages = messages,
                             .canaries = 4,
                             .servers = w->servers,
                             .server_count = 3,
                             .mailboxes = w->boxes,
                             .mailbox_count = 4,
                             .loads = w->loads,
                             .load_count = 1,
                             .moves = w->moves,
                             .move_count = 1,
                             .gates = w->gates,
                             .queues_visible = true,
                             .settle_retry_ns = S(60),
                             .late_ns = S(30),
                             .alternate_lag_ns = S(600),
                             .content_percent = 100};
}

void world_alternate(struct world *w, bool both)
{
    w->boxes[BOB].alternate = BOB_ALT;
    w->boxes[BOB].both = both;
}

static void forget(struct world *w)
{
    judgement_destroy(w->judgement);
    copies_destroy(w->copies);
    ledger_destroy(w->ledger);
    w->judgement = NULL;
    w->copies = NULL;
    w->ledger = NULL;
}

void world_fini(struct world *w)
{
    forget(w);
}

void add(struct world *w, struct event ev)
{
    PM_ASSERT(w->count < WORLD_EVENTS);
    w->events[w->count++] = ev;
}

void sent(struct world *w, uint64_t number, double t)
{
    add(w, (struct event){.kind = EV_SENT,
                          .slot = number * w->m.stride,
                          .t_ns = S(t),
                          .place = 2,
                          .a = BOB,
                          .code = ANN,
                          .b = 50});
}

void ended(struct world *w, uint64_t number, double t, enum ending k)
{
    uint32_t code = k == END_ACCEPTED       ? event_code(250, 2, 0, 0)
                    : k == END_REFUSED_TEMP ? event_code(451, 4, 3, 0)
                    : k == END_REFUSED_PERM ? event_code(550, 5, 1, 1)
                                            : 0;

    add(w, (struct event){.kind = EV_END,
                          .slot = number * w->m.stride,
                          .t_ns = S(t),
                          .place = 2,
                          .a = (uint32_t)k | STAGE_DOT << 8,
                          .b = 10000,
                          .code = code});
}

void accepted(struct world *w, uint64_t number, double t)
{
    sent(w, number, t);
    ended(w, number, t + 0.01, END_ACCEPTED);
}

void seen(struct world *w, uint64_t number, double t, uint32_t server, uint32_t mailbox,
          uint32_t epoch)
{
    add(w, (struct event){.kind = EV_SEEN,
                          .slot = number * w->m.stride,
                          .t_ns = S(t),
                          .place = (uint16_t)server,
                          .a = mailbox,
                          .b = epoch,
                          .code = 1});
}

void reported(struct world *w, uint64_t number, double t, uint32_t about, uint32_t print)
{
    add(w, (struct event){.kind = EV_REPORT,
                          .slot = number * w->m.stride,
                          .t_ns = S(t),
                          .place = 2,
                          .a = about,
                          .b = print,
                          .code = event_report(REPORT_FAILED, REPORT_TO_ORIGINATOR, 5, 1, 1)});
}

static void mark(struct world *w, uint32_t move, double t, enum move_mark k)
{
    const struct manifest_move *v = &w->m.moves[move];

    add(w, (struct event){.kind = EV_MOVE,
                          .slot = move,
                          .t_ns = S(t),
                          .place = (uint16_t)v->to,
                          .a = v->mailbox,
                          .b = v->from,
                          .code = (uint32_t)k});
}

void moved(struct world *w, uint32_t move, double asked, double flipped, double done)
{
    const struct manifest_move *v = &w->m.moves[move];

    mark(w, move, asked, MARK_ASKED);
    mark(w, move, asked + 1, MARK_COPY);
    mark(w, move, flipped, MARK_FLIPPED);
    mark(w, move, done, MARK_DONE);
    mark(w, move, done, MARK_VERIFIED);
    add(w, (struct event){.kind = EV_HOME,
                          .t_ns = S(flipped),
                          .place = (uint16_t)v->to,
                          .a = v->mailbox,
                          .code = 0});
}

void ends(struct world *w, double t)
{
    add(w, (struct event){.kind = EV_PHASE, .t_ns = S(t), .code = PHASE_JUDGE});
    add(w, (struct event){.kind = EV_PHASE, .t_ns = S(t), .code = PHASE_END});
}

void settle_but(struct world *w, double t, uint32_t no_scan_of)
{
    for (uint16_t s = 0; s < 3; s++) {
        add(w, (struct event){.kind = EV_WAVE, .t_ns = S(t - 1), .place = s, .b = 90, .code = 1});
        add(w, (struct event){.kind = EV_WAVE, .t_ns = S(t), .place = s, .b = 91, .code = 1});
    }
    add(w, (struct event){.kind = EV_QUIESCENT, .t_ns = S(t), .b = 91});
    for (uint32_t box = 0; box < w->m.mailbox_count; box++)
        for (uint16_t s = 0; s < 3; s++)
            if (box != no_scan_of)
                add(w, (struct event){.kind = EV_SCAN,
                                      .t_ns = S(t + 1),
                                      .place = s,
                                      .a = box,
                                      .b = 1000,
                                      .code = SCAN_COMPLETE});
    for (uint32_t k = 0; k < w->m.load_count; k++) {
        uint64_t canary = w->m.planned_messages + k;

        add(w, (struct event){.kind = EV_CANARY, .slot = canary, .t_ns = S(t), .a = ANN});
        add(w, (struct event){.kind = EV_CANARY,
                              .slot = canary,
                              .t_ns = S(t + 1),
                              .a = ANN,
                              .code = CANARY_REPORTED});
    }
    ends(w, t + 5);
}

void settle(struct world *w, double t)
{
    settle_but(w, t, NO_INDEX);
}

const struct judgement *judged(struct world *w)
{
    struct err e = {0};

    forget(w);
    w->ledger = ledger_create(&w->m, &e);
    ledger_apply(w->ledger, w->events, w->count);
    w->judgement = judge(&w->m, w->ledger, &e);
    w->copies = copies_create(w->ledger, &e);
    PM_ASSERT(w->judgement && w->copies);
    return w->judgement;
}

const struct copy *copy_of(struct world *w, uint64_t number, bool alternate)
{
    uint32_t n;
    const struct copy *c = copies_of(w->copies, copies_load_of(w->copies, number), number, &n);

    PM_ASSERT(!alternate || n > 1);
    return &c[alternate];
}

enum outcome outcome_of(struct world *w, uint64_t number)
{
    (void)judged(w);
    return copy_of(w, number, false)->outcome;
}
