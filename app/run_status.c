/* run_status.c - what people who watch are told of a run: a snapshot that the desk makes a few times a second, and a ring.
 *
 * Everything is read where it lies: counts as the ledger's thread last told them, moves by their marks, queues as they were
 * last listed. Nothing is asked of a sender.
 */
#include <stdio.h>
#include <string.h>

#include "app/run_private.h"
#include "base/clock.h"

#define GRACE_NS (10 * NS_PER_S) /* senders that do not stop are cut, and judged */

const char *run_phase_name(enum run_phase p)
{
    static const char *const names[] = {"arm", "load", "drain", "settle", "judge", "end"};

    PM_ASSERT(p <= PHASE_END);
    return names[p];
}

const char *moving_name(enum moving s)
{
    static const char *const names[] = {"waiting", "asked",  "copying",  "flipped",
                                        "done",    "failed", "verified", "disproved"};

    PM_ASSERT(s < MOVING_COUNT);
    return names[s];
}

bool run_status_open(struct run *r)
{
    uint32_t moves = r->plan.work->move_count;

    r->status_ring = ring_create(sizeof(struct run_status), 16);
    r->watched.moves = arena_new(r->arena, struct move_now, moves + 1ul);
    r->watched.under_way = arena_new(r->arena, uint32_t, moves + 1ul);
    if (!r->status_ring || !r->watched.moves || !r->watched.under_way)
        return false;
    for (uint32_t i = 0; i < moves; i++) {
        const struct move_plan *m = &r->plan.work->moves[i];

        r->watched.moves[i] = (struct move_now){.move = i,
                                                .mailbox = m->mailbox,
                                                .from = m->from,
                                                .to = m->to,
                                                .asked_ns = NEVER_NS,
                                                .flipped_ns = NEVER_NS};
    }
    r->watched.states[MOVING_WAITING] = moves;
    return true;
}

/* A move that failed stays failed, also when look-up and log-on agree that it did. */
static enum moving next_state(enum moving now, enum move_mark mark)
{
    switch (mark) {
    case MARK_ASKED:
        return MOVING_ASKED;
    case MARK_COPY:
        return now < MOVING_COPYING ? MOVING_COPYING : now;
    case MARK_FLIPPED:
        return now < MOVING_FLIPPED ? MOVING_FLIPPED : now;
    case MARK_DONE:
        return MOVING_DONE;
    case MARK_FAILED:
        return MOVING_FAILED;
    case MARK_VERIFIED:
        return now == MOVING_FAILED ? now : MOVING_VERIFIED;
    case MARK_DISPROVED:
        return MOVING_DISPROVED;
    case MARK_COUNT:
        break;
    }
    return now;
}

static void no_longer_under_way(struct run *r, uint32_t move)
{
    uint32_t *list = r->watched.under_way, n = r->watched.under_way_count, i = 0;

    while (i < n && list[i] != move)
        i++;
    if (i == n)
        return;
    memmove(list + i, list + i + 1, (n - i - 1) * sizeof *list);
    r->watched.under_way_count--;
}

void run_status_mark(struct run *r, uint32_t move, enum move_mark mark, uint64_t t_ns)
{
    struct move_now *v = &r->watched.moves[move];
    enum moving next = next_state(v->state, mark);

    r->watched.states[v->state]--;
    r->watched.states[next]++;
    v->state = next;
    if (mark == MARK_ASKED) {
        v->asked_ns = t_ns;
        r->watched.under_way[r->watched.under_way_count++] = move;
    } else if (mark == MARK_FLIPPED)
        v->flipped_ns = t_ns;
    else if (mark == MARK_VERIFIED || mark == MARK_DISPROVED)
        no_longer_under_way(r, move);
}

static double planned_rate(const struct load_profile *l, uint64_t at_ns)
{
    double share;

    if (at_ns < l->start_ns || at_ns - l->start_ns >= l->duration_ns)
        return 0;
    switch (l->arrivals) {
    case ARRIVE_CONSTANT:
    case ARRIVE_POISSON:
        return l->rate;
    case ARRIVE_RAMP:
        share = (double)(at_ns - l->start_ns) / (double)l->duration_ns;
        return l->rate + (l->rate_to - l->rate) * share;
    case ARRIVE_BURSTS:
        return l->burst_every_ns ? l->burst * 1e9 / (double)l->burst_every_ns : 0;
    case ARRIVE_AIMED: /* as moves are asked for */
        break;
    }
    return 0;
}

/* Over the last four seconds or so, in messages per second of target time. */
static double rate_now(struct run *r, uint64_t messages)
{
    struct rate_sample *s = r->watched.samples, now = {loop_now(r->loop), messages};
    struct rate_sample oldest = s[r->watched.sample % RATE_SAMPLES];

    s[r->watched.sample++ % RATE_SAMPLES] = now;
    if (r->watched.sample <= RATE_SAMPLES)
        oldest = s[0];
    if (now.at_ns <= oldest.at_ns)
        return 0;
    return (double)(now.messages - oldest.messages) * 1e9 / (double)(now.at_ns - oldest.at_ns) /
           r->clock.scale;
}

static void tell_plan(const struct run *r, struct run_status *s)
{
    const struct profile *p = r->profile;
    const struct workload *w = r->plan.work;

    s->planned = w->planned;
    for (uint32_t i = 0; i < p->load_count; i++) {
        const struct load_profile *l = &p->loads[i];
        uint64_t end_ns = l->arrivals == ARRIVE_AIMED ? 0 : l->start_ns + l->duration_ns;

        s->plan_ends_ns = end_ns > s->plan_ends_ns ? end_ns : s->plan_ends_ns;
        s->rate_planned += planned_rate(l, s->target_ns);
        if (i < COUNTS_LOADS - 1)
            s->load_planned[i] = w->first[i + 1] - w->first[i];
        else
            s->load_planned[COUNTS_LOADS - 1] += w->first[i + 1] - w->first[i];
    }
    for (uint32_t i = 0; i < w->move_count; i++)
        if (w->moves[i].at_ns > s->plan_ends_ns)
            s->plan_ends_ns = w->moves[i].at_ns;
}

static void tell_moves(const struct run *r, struct run_status *s)
{
    s->moves = r->plan.work->move_count;
    s->moves_ended = r->moves_ended;
    s->under_way = r->watched.under_way_count;
    memcpy(s->move_states, r->watched.states, sizeof s->move_states);
    for (uint32_t i = 0; i < s->under_way && i < STATUS_MOVES; i++)
        s->moves_now[i] = r->watched.moves[r->watched.under_way[i]];
}

/* At most, in real time; NEVER_NS while a move may still take as long as it likes. */
static uint64_t verdict_in_ns(const struct run *r)
{
    uint64_t now = loop_now(r->loop), at_ns = NEVER_NS;
    uint64_t span = clock_span(&r->clock, r->profile->settle_deadline_ns);

    if (r->phase == PHASE_SETTLE)
        at_ns = r->settle_until_ns;
    else if (r->phase > PHASE_ARM && r->phase < PHASE_SETTLE && r->sends_until_ns != NEVER_NS)
        at_ns = r->sends_until_ns + GRACE_NS + span;
    else if (r->phase > PHASE_SETTLE)
        at_ns = now;
    if (r->end_by_ns < at_ns)
        at_ns = r->end_by_ns;
    return at_ns == NEVER_NS ? NEVER_NS : at_ns > now ? at_ns - now : 0;
}

static void tell_waiting(const struct run *r, struct run_status *s)
{
    s->verdict_in_ns = verdict_in_ns(r);
    s->settles_ns = clock_span(&r->clock, r->profile->settle_deadline_ns);
    if (!r->muster)
        return;
    muster_queues(r->muster, s->queues, STATUS_SERVERS);
    if ((r->phase == PHASE_SETTLE && r->settling) || (r->phase == PHASE_ARM && !r->muster_armed))
        (void)muster_waiting_for(r->muster, s->waiting_for, sizeof s->waiting_for);
    else if (r->phase == PHASE_ARM || r->phase == PHASE_SETTLE)
        (void)snprintf(s->waiting_for, sizeof s->waiting_for, "reports about canaries");
}

void run_status_tell(struct run *r)
{
    struct run_status s = {.phase = r->ended ? PHASE_END : r->phase,
                           .counts = book_counts(r->book),
                           .target_ns = run_target_now(r),
                           .scale = r->clock.scale};
    struct load_counts all;

    counts_sum(&s.counts, &all);
    r->watched.has_classes |= run_stop_classes(r->stop, &r->watched.so_far);
    s.has_classes = r->watched.has_classes;
    s.so_far = r->watched.so_far;
    s.rate = rate_now(r, all.messages);
    tell_plan(r, &s);
    tell_moves(r, &s);
    tell_waiting(r, &s);
    (void)ring_push(r->status_ring, &s);
}

bool run_status(struct run *r, struct run_status *s)
{
    bool any = false;

    while (ring_pop(r->status_ring, s))
        any = true;
    return any;
}
