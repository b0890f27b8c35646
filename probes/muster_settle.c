/* muster_settle.c - when silence is final: waves over the queues, then a sweep over homes and places, then a last wave.
 *
 * Double collect: two complete waves with equal counters and equal standing entries, none of them due, prove that nothing
 * was under way between them; where entries stand still, or a server cannot count, the two must be further apart than
 * settle.retry, so that a try would have shown. The wave to compare with is kept as long as nothing changes; pauses grow
 * meanwhile. The instant of quiescence is the begin of the second wave. Scans and look-ups that began then or later cover
 * the places; if a last wave shows a change, it all begins anew. Without sight of the queues there are only sweeps, until
 * two of them that are further apart than settle.retry brought nothing new; that is an end, and not final.
 */
#include <string.h>

#include "base/blind.h"
#include "probes/correlate.h"
#include "probes/muster_private.h"

#define PAUSE_MAX_NS (5 * NS_PER_S)

/* Replication may still be under way while the queues are swept: only what differs to the end is worth telling. */
static void tell_differences(struct muster *m)
{
    uint64_t since_ns = m->settle.since_ns;

    for (uint32_t i = 0; since_ns && m->lookup && i < m->site->mailbox_count; i++)
        if (muster_looks_up(m, i) && m->differ[i] && m->looked_ns[i] >= since_ns)
            (void)journal_add(m->probe.journal, &(struct event){.t_ns = muster_target_now(m),
                                                                .kind = EV_FINDING,
                                                                .place = (uint16_t)m->home[i],
                                                                .code = FIND_DIRECTORIES_DIFFER,
                                                                .a = i});
}

static void settle_end(struct muster *m, bool final)
{
    tell_differences(m);
    m->settle.step = SETTLE_TOLD;
    m->settle.final = final;
    timer_arm(m->probe.loop, &m->settle.timer, muster_now(m));
}

/* Waves. */

static uint64_t period_ns(const struct muster *m)
{
    uint64_t shortest_ns = NS_PER_S;

    for (uint32_t i = 0; i < m->profile->probe_count; i++) {
        const struct probe_profile *p = &m->profile->probes[i];

        if (probe_lists_queues(p->type) && p->period_real_ns > 0 && p->period_real_ns < shortest_ns)
            shortest_ns = p->period_real_ns;
    }
    return shortest_ns;
}

static void wave_begin(struct muster *m, enum settle_step step)
{
    struct settle_state *s = &m->settle;

    s->step = step;
    s->now = (struct wave){.number = probe_queues_wave(m->waves), .asked_ns = muster_now(m)};
    memset(m->parts, 0, m->queue_count * sizeof *m->parts);
    for (uint32_t i = 0; i < m->queue_count; i++)
        m->queues[i].probe->ops->scan(m->queues[i].probe);
}

void settle_queue_scanned(struct muster *m, const struct place *p)
{
    const struct settle_state *s = &m->settle;
    const struct probe *probe = p->probe;
    struct wave_part *part = &m->parts[p->server];

    if ((s->step != SETTLE_WAVE && s->step != SETTLE_LAST) || part->got ||
        probe->complete_ns < s->now.asked_ns)
        return;
    *part = (struct wave_part){.got = true,
                               .counted = probe->counted,
                               .begin_ns = probe->complete_ns,
                               .in = probe->in,
                               .out = probe->out,
                               .standing = probe->standing,
                               .entries = probe->entries,
                               .due = probe->due};
}

/* Adds the parts up; false: some are missing. */
static bool wave_take(struct muster *m)
{
    struct wave *w = &m->settle.now;

    for (uint32_t i = 0; i < m->queue_count; i++)
        if (!m->parts[i].got)
            return false;
    w->taken = w->counted = true;
    w->first_ns = NEVER_NS;
    for (uint32_t i = 0; i < m->queue_count; i++) {
        const struct wave_part *p = &m->parts[i];

        w->counted &= p->counted;
        w->first_ns = p->begin_ns < w->first_ns ? p->begin_ns : w->first_ns;
        w->last_ns = p->begin_ns > w->last_ns ? p->begin_ns : w->last_ns;
        w->in += p->in;
        w->out += p->out;
        w->standing ^= p->standing;
        w->entries += p->entries;
        w->due += p->due;
    }
    return true;
}

static bool wave_equal(const struct wave *a, const struct wave *b)
{
    return a->taken && b->taken && a->in == b->in && a->out == b->out && a->entries == b->entries &&
           a->standing == b->standing && a->due == b->due;
}

/* Was nothing under way between the wave that was kept and the newest? */
static bool is_quiet(const struct muster *m)
{
    const struct settle_state *s = &m->settle;

    if (!wave_equal(&s->base, &s->now) || (s->now.due > 0 && CHECK_ON(WAVES)))
        return false;
    if ((s->now.entries == 0 && s->now.counted) || !CHECK_ON(WAVES))
        return true;
    return s->now.first_ns > s->base.last_ns &&
           s->now.first_ns - s->base.last_ns >
               clock_span(m->probe.clock, m->profile->settle_retry_ns);
}

static void pause_begin(struct muster *m, bool changed)
{
    struct settle_state *s = &m->settle;
    uint64_t shortest_ns = period_ns(m);
    uint64_t longest_ns = clock_span(m->probe.clock, m->profile->settle_retry_ns) / 8;

    if (longest_ns > PAUSE_MAX_NS)
        longest_ns = PAUSE_MAX_NS;
    s->pause_ns = changed ? shortest_ns : s->pause_ns + s->pause_ns / 2;
    if (s->pause_ns > longest_ns)
        s->pause_ns = longest_ns;
    if (s->pause_ns < shortest_ns)
        s->pause_ns = shortest_ns;
    s->step = SETTLE_PAUSE;
    timer_arm(m->probe.loop, &s->timer, muster_now(m) + s->pause_ns);
}

/* The sweep. */

static void sweep_begin(struct muster *m, uint64_t since_ns)
{
    struct settle_state *s = &m->settle;

    s->step = SETTLE_SWEEP;
    s->since_ns = since_ns;
    for (uint32_t i = 0; m->lookup && i < m->site->mailbox_count; i++)
        if (muster_looks_up(m, i))
            home_lookup_ask(m->lookup, i);
    for (uint32_t i = 0; i < m->place_count; i++)
        if (m->places[i]->probe)
            m->places[i]->probe->ops->scan(m->places[i]->probe);
}

void settle_answered(struct muster *m, uint32_t mailbox, const struct home_answer *a)
{
    struct settle_state *s = &m->settle;

    if (s->step != SETTLE_SWEEP || !m->matters[mailbox])
        return;
    if (!a->ok && !timer_is_armed(&s->timer)) /* ask again, not at once */
        timer_arm(m->probe.loop, &s->timer, muster_now(m) + NS_PER_S);
}

static void ask_homes_again(struct muster *m)
{
    for (uint32_t i = 0; m->lookup && i < m->site->mailbox_count; i++)
        if (muster_looks_up(m, i) && m->looked_ns[i] < m->settle.since_ns)
            home_lookup_ask(m->lookup, i);
}

static bool sweep_is_over(const struct muster *m)
{
    uint64_t since_ns = m->settle.since_ns;

    for (uint32_t i = 0; m->lookup && i < m->site->mailbox_count; i++)
        if (muster_looks_up(m, i) && m->looked_ns[i] < since_ns)
            return false;
    for (uint32_t i = 0; i < m->place_count; i++)
        if (m->places[i]->probe && m->places[i]->probe->complete_ns < since_ns)
            return false;
    return true;
}

/* The steps. */

static void quiet_begin(struct muster *m)
{
    struct settle_state *s = &m->settle;

    s->base = s->now;
    (void)journal_add(m->probe.journal,
                      &(struct event){.t_ns = clock_target(m->probe.clock, s->now.asked_ns),
                                      .kind = EV_QUIESCENT,
                                      .b = s->now.number});
    sweep_begin(m, s->now.asked_ns);
}

static void wave_over(struct muster *m)
{
    struct settle_state *s = &m->settle;
    bool changed = !wave_equal(&s->base, &s->now);

    if (m->profile->silence == SILENCE_LIFETIMES) {
        sweep_begin(m, s->now.asked_ns);
    } else if (is_quiet(m)) {
        quiet_begin(m);
    } else {
        if (changed)
            s->base = s->now;
        pause_begin(m, changed);
    }
}

/* The queues cannot be seen: has anything come since the sweep that is compared with? */
static void blind_sweep_over(struct muster *m)
{
    struct settle_state *s = &m->settle;
    uint64_t read = correlate_count(m->correlate);
    bool changed = s->blind_ns == 0 || s->blind_read != read;

    if (m->place_count == 0 ||
        (!changed &&
         s->since_ns - s->blind_ns > clock_span(m->probe.clock, m->profile->settle_retry_ns))) {
        settle_end(m, false);
        return;
    }
    if (changed) {
        s->blind_ns = s->since_ns;
        s->blind_read = read;
    }
    pause_begin(m, changed);
}

static void sweep_over(struct muster *m)
{
    bool lifetimes = m->profile->silence == SILENCE_LIFETIMES;

    timer_disarm(m->probe.loop, &m->settle.timer);
    if (m->queue_count == 0 && !lifetimes) {
        blind_sweep_over(m);
        return;
    }
    if (m->queue_count > 0 && !lifetimes)
        wave_begin(m, SETTLE_LAST);
    else
        settle_end(m, lifetimes && m->uncovered == 0);
}

static void last_over(struct muster *m)
{
    struct settle_state *s = &m->settle;

    if (wave_equal(&s->base, &s->now)) {
        settle_end(m, m->uncovered == 0);
        return;
    }
    s->base = s->now;
    pause_begin(m, true);
}

void settle_step(struct muster *m)
{
    switch (m->settle.step) {
    case SETTLE_WAVE:
        if (wave_take(m))
            wave_over(m);
        return;
    case SETTLE_LAST:
        if (wave_take(m))
            last_over(m);
        return;
    case SETTLE_SWEEP:
        if (sweep_is_over(m))
            sweep_over(m);
        return;
    case SETTLE_NOT:
    case SETTLE_LIFETIME:
    case SETTLE_PAUSE:
    case SETTLE_TOLD:
        return;
    }
}

static void tell(struct muster *m)
{
    void (*settled)(void *owner, bool final) = m->settle.settled;

    m->settle.step = SETTLE_NOT; /* settled() may settle again */
    settled(m->context.owner, m->settle.final);
}

static void look_begins(struct muster *m)
{
    if (m->queue_count > 0)
        wave_begin(m, SETTLE_WAVE);
    else
        sweep_begin(m, muster_now(m));
    muster_wake(m);
}

static void on_timer(struct timer *t)
{
    struct muster *m = t->owner;

    switch (m->settle.step) {
    case SETTLE_LIFETIME:
    case SETTLE_PAUSE:
        look_begins(m);
        return;
    case SETTLE_SWEEP:
        ask_homes_again(m);
        return;
    case SETTLE_TOLD:
        tell(m);
        return;
    case SETTLE_NOT:
    case SETTLE_WAVE:
    case SETTLE_LAST:
        return;
    }
}

void muster_settle(struct muster *m, void (*settled)(void *owner, bool final))
{
    struct settle_state *s = &m->settle;

    PM_ASSERT(s->step == SETTLE_NOT);
    s->settled = settled;
    s->base = (struct wave){0};
    s->pause_ns = s->since_ns = 0;
    if (m->profile->silence != SILENCE_LIFETIMES) {
        look_begins(m);
        return;
    }
    s->step = SETTLE_LIFETIME;
    timer_arm(m->probe.loop, &s->timer,
              muster_now(m) + clock_span(m->probe.clock, m->profile->lifetime_ns));
}

void muster_stop_settling(struct muster *m)
{
    if (m->settle.step != SETTLE_NOT && m->settle.step != SETTLE_TOLD)
        settle_end(m, false);
}

void settle_init(struct muster *m)
{
    timer_init(&m->settle.timer, on_timer, m);
}

void settle_fini(struct muster *m)
{
    timer_disarm(m->probe.loop, &m->settle.timer);
}
