/* sender.c - what one thread owes: plans, aims, leases, canaries, and the account of each message.
 *
 * A paced load is an iterator over planned times that is not advanced past what could be sent: a backlog costs no memory
 * and nothing is skipped. An aimed load is a heap of planned messages. One timer per load stands at the next planned
 * time; what is due and found no connection is taken as connections become free. Leases: see sender.h.
 */
#include "loadgen/sender.h"

#include <stdlib.h>
#include <string.h>

#include "loadgen/sender_private.h"

#define LEASE_MOST 4096u
#define TICK_RATE  20000.0 /* real messages a second above which wakeups are coalesced, */
#define TICK_NS    (50 * NS_PER_US)

const struct sender_ops *const senders[] = {&sender_smtp, &sender_lmtp, &sender_p1, NULL};

/* --- the journal --------------------------------------------------------------------------------------------------- */

/* Written out before the first of these numbers is used. */
static bool lease(struct owed *o, uint64_t number, uint32_t count)
{
    struct account *a = &o->sender->account;

    account_note(a, &(struct event){.t_ns = account_now(a),
                                    .slot = number,
                                    .kind = EV_LEASE,
                                    .place = (uint16_t)a->thread,
                                    .a = count,
                                    .b = o->step});
    return account_commit(a);
}

static bool lease_paced(struct owed *o)
{
    uint64_t left = (o->end - o->next + o->step - 1) / o->step;
    uint32_t count = left < o->lease_size ? (uint32_t)left : o->lease_size;

    if (o->next < o->leased)
        return true;
    o->leased = o->next + (uint64_t)count * o->step;
    return lease(o, o->next, count);
}

/* --- what is owed, and when ---------------------------------------------------------------------------------------- */

/* The next number of this thread in a paced load, and its planned time. */
static void pace_on(struct owed *o)
{
    uint64_t at_ns = NEVER_NS;

    for (uint32_t i = 0; i < o->step; i++) /* the others' times lie between */
        at_ns = pace_next(&o->pace);
    o->next += o->step;
    o->next_ns = clock_loop(o->sender->c.clock, at_ns);
}

static void pace_start(struct owed *o)
{
    uint32_t thread = o->sender->c.thread;
    uint64_t at_ns = NEVER_NS;

    pace_begin(&o->pace, o->sender->c.work, o->index);
    for (uint32_t i = 0; i <= thread; i++)
        at_ns = pace_next(&o->pace);
    o->next = o->sender->c.work->first[o->index] + thread;
    o->next_ns = clock_loop(o->sender->c.clock, at_ns);
}

/* Loop time of the next message; 0: at once, NEVER_NS: none is planned. */
static uint64_t next_due(const struct owed *o)
{
    const struct sender *s = o->sender;

    if (s->cut || s->account.over)
        return NEVER_NS;
    if (o->canary_count > 0)
        return 0;
    if (s->stopping || !s->started)
        return NEVER_NS;
    if (o->returned_count > 0)
        return 0;
    if (is_aimed(o))
        return o->heap.count > 0 ? o->heap.first[0].at_ns : NEVER_NS;
    return o->next_ns;
}

static void arm_next(struct owed *o)
{
    uint64_t now = loop_now(o->sender->c.loop), next = next_due(o);

    if (next > now && next != NEVER_NS)
        timer_arm(o->sender->c.loop, &o->timer, next > now + o->tick_ns ? next : now + o->tick_ns);
}

static void on_due(struct timer *t)
{
    struct owed *o = t->owner;

    if (!sender_has_due(&o->as)) {
        arm_next(o);
        return;
    }
    o->on_time = true;
    o->ops->due(&o->as);
    o->on_time = false;
}

static void due_soon(struct owed *o)
{
    timer_arm(o->sender->c.loop, &o->timer, loop_now(o->sender->c.loop));
}

/* --- idleness -------------------------------------------------------------------------------------------------------- */

static bool is_finished(const struct owed *o)
{
    const struct sender *s = o->sender;

    if (o->under_way > 0 || (o->canary_count > 0 && !s->cut && !s->account.over))
        return false;
    if (!s->started || s->stopping || s->account.over)
        return true;
    if (o->returned_count > 0)
        return false;
    return is_aimed(o) ? o->heap.count == 0 && s->moves_over : o->next_ns == NEVER_NS;
}

bool sender_is_idle(const struct sender *s)
{
    for (uint32_t i = 0; i < s->count; i++)
        if (!is_finished(&s->owed[i]))
            return false;
    return true;
}

static void look_idle(struct sender *s)
{
    if (!sender_is_idle(s))
        s->idle_told = false;
    else if (!s->idle_told && !timer_is_armed(&s->tell_idle))
        timer_arm(s->c.loop, &s->tell_idle, loop_now(s->c.loop));
}

static void on_tell_idle(struct timer *t)
{
    struct sender *s = t->owner;

    if (!sender_is_idle(s) || s->idle_told)
        return;
    s->idle_told = true;
    if (s->c.idle)
        s->c.idle(s->c.owner);
}

/* --- what a driver asks and says ----------------------------------------------------------------------------------------- */

bool sender_has_due(const struct sender_load *l)
{
    const struct owed *o = (const struct owed *)(const void *)l;

    return next_due(o) <= loop_now(o->sender->c.loop);
}

bool sender_is_canary(const struct sender_item *item)
{
    return item->msg.load == SITE_NONE;
}

static struct planned take_canary(struct owed *o)
{
    struct planned p = {loop_now(o->sender->c.loop), o->canaries[0]};

    o->canary_count--;
    memmove(o->canaries, o->canaries + 1, o->canary_count * sizeof *o->canaries);
    return p;
}

static bool take_paced(struct owed *o, struct planned *p)
{
    *p = (struct planned){o->next_ns, o->next};
    if (!lease_paced(o))
        return false;
    pace_on(o);
    return true;
}

static bool take_planned(struct owed *o, struct planned *p)
{
    if (o->canary_count > 0) {
        *p = take_canary(o);
        return true;
    }
    if (!is_aimed(o))
        return take_paced(o, p);
    *p = due_heap_take(&o->heap);
    return lease(o, p->number, 1);
}

bool sender_take(struct sender_load *l, struct sender_item *item)
{
    struct owed *o = owed_of(l);
    struct returned r = {0};

    if (!sender_has_due(l)) {
        arm_next(o);
        return false;
    }
    if (o->canary_count == 0 && o->returned_count > 0) {
        r = o->returned[--o->returned_count];
    } else if (!take_planned(o, &r.planned)) {
        look_idle(o->sender);
        return false;
    }
    arm_next(o);
    workload_draw(l->context->work, r.planned.number, &item->msg);
    item->planned_ns = r.planned.at_ns;
    item->began_ns = r.began_ns;
    item->begun = r.begun;
    o->sender->health.pool_waits += !o->on_time;
    o->under_way++;
    o->sender->idle_told = false;
    return true;
}

/* A message that had begun and is not sent again after all: its sender still owns it. */
static void abandon(struct owed *o, const struct sender_item *item)
{
    for (uint32_t r = 0; r < item->msg.recipients; r++)
        sender_ended(&o->as, item, r, END_ABORTED, STAGE_MAIL, 0);
}

/* Its EV_SENT is the one of its first octet ever, and stays the only one: the ledger's fold would keep the earliest, but
 * the time since the last (EV_END) and the largest lateness, and so make one message of two. */
void sender_give_back(struct sender_load *l, const struct sender_item *item)
{
    struct owed *o = owed_of(l);

    PM_ASSERT(o->under_way > 0);
    o->under_way--;
    if (sender_is_canary(item)) {
        if (o->canary_count < o->canary_room)
            o->canaries[o->canary_count++] = item->msg.number;
    } else if (item->begun && (o->sender->stopping || o->sender->cut)) {
        abandon(o, item);
    } else {
        PM_ASSERT(o->returned_count < o->returned_room);
        o->returned[o->returned_count++] =
            (struct returned){{item->planned_ns, item->msg.number}, item->began_ns, item->begun};
    }
    look_idle(o->sender);
}

/* Nothing is sent any more: what had begun and was given back ends here. */
static void abandon_returned(struct owed *o)
{
    for (uint32_t i = 0; i < o->returned_count; i++) {
        const struct returned *r = &o->returned[i];
        struct sender_item item = {.planned_ns = r->planned.at_ns, .began_ns = r->began_ns};

        if (!r->begun)
            continue;
        workload_draw(o->as.context->work, r->planned.number, &item.msg);
        abandon(o, &item);
    }
    o->returned_count = 0;
}

static uint64_t slot_of(const struct owed *o, const struct sender_item *item, uint32_t recipient)
{
    uint32_t stride = o->as.context->work->stride;

    return item->msg.number * stride + (stride > 1 ? 2ull * recipient : 0);
}

static uint32_t clamp_us(uint64_t ns)
{
    return ns / NS_PER_US < UINT32_MAX ? (uint32_t)(ns / NS_PER_US) : UINT32_MAX;
}

void sender_began(struct sender_load *l, struct sender_item *item)
{
    struct owed *o = owed_of(l);
    struct sender *s = o->sender;
    uint64_t now = loop_now(s->c.loop);
    uint32_t late_us = now > item->planned_ns ? clamp_us(now - item->planned_ns) : 0;

    if (item->begun)
        return;
    item->begun = true;
    item->began_ns = clock_target(s->c.clock, now);
    if (sender_is_canary(item))
        return;
    hist_add(&s->health.lateness, late_us);
    s->health.sent++;
    for (uint32_t r = 0; r < item->msg.recipients; r++)
        account_note(&s->account, &(struct event){.t_ns = item->began_ns,
                                                  .slot = slot_of(o, item, r),
                                                  .kind = EV_SENT,
                                                  .place = (uint16_t)l->load->via,
                                                  .code = item->msg.from,
                                                  .a = item->msg.to[r],
                                                  .b = late_us});
}

static void canary_ended(struct owed *o, const struct sender_item *item, enum ending how)
{
    bool sent = how == END_ACCEPTED || how == END_DOUBT;
    struct account *a = &o->sender->account;

    account_note(a, &(struct event){.t_ns = account_now(a),
                                    .slot = item->msg.number,
                                    .kind = EV_CANARY,
                                    .place = (uint16_t)o->as.load->via,
                                    .a = item->msg.from,
                                    .code = sent ? CANARY_SENT : CANARY_REFUSED});
}

void sender_ended(struct sender_load *l, const struct sender_item *item, uint32_t recipient,
                  enum ending how, enum stage at, uint32_t code)
{
    struct owed *o = owed_of(l);
    struct account *a = &o->sender->account;
    uint64_t t_ns = account_now(a);

    if (sender_is_canary(item)) {
        canary_ended(o, item, how);
        return;
    }
    o->sender->health.busy += how == END_REFUSED_TEMP && brake_is_busy(code);
    account_note(a, &(struct event){.t_ns = t_ns,
                                    .slot = slot_of(o, item, recipient),
                                    .kind = EV_END,
                                    .place = (uint16_t)l->load->via,
                                    .code = code,
                                    .a = (uint32_t)how | (uint32_t)at << 8,
                                    .b = clamp_us(t_ns - item->began_ns)});
}

void sender_done(struct sender_load *l)
{
    struct owed *o = owed_of(l);

    PM_ASSERT(o->under_way > 0);
    o->under_way--;
    look_idle(o->sender);
}

/* --- aims ------------------------------------------------------------------------------------------------------------------- */

static void plan_one(struct owed *o, uint64_t number, uint64_t mark_ns, int64_t aim_ns)
{
    uint64_t at_ns = mark_ns + (uint64_t)aim_ns; /* wraps as it should for negative aims, */

    if (aim_ns < 0 && mark_ns < (uint64_t)-aim_ns)
        at_ns = 0; /* unless they would lie before the load */
    due_heap_add(&o->heap, (struct planned){clock_loop(o->sender->c.clock, at_ns), number});
}

/* Plans this thread's messages of the k-th aimed move: its primes or its aims, before the mark or from it on. */
static void plan_aims(struct owed *o, uint32_t k, bool primes, bool before, uint64_t mark_ns)
{
    const struct load_profile *l = o->as.load;
    const struct workload *w = o->as.context->work;
    uint64_t each = (uint64_t)l->prime + l->per_move, first = k * each;

    for (uint64_t i = primes ? 0 : l->prime; i < (primes ? l->prime : each); i++) {
        if ((first + i) % o->step != o->sender->c.thread)
            continue;
        struct msg m = workload_message(w, w->first[o->index] + first + i);

        PM_ASSERT(m.move == w->aimed_moves[o->index][k] && m.prime == primes);
        if (o->adapted && !primes)
            m.aim_ns = o->adapted[k].aims_ns[i - l->prime];
        if ((m.aim_ns < 0) == before)
            plan_one(o, m.number, mark_ns, m.aim_ns);
    }
}

/* What is aimed before the asking is planned by the schedule: the asking itself comes too late to tell. */
static void plan_before(struct owed *o)
{
    const struct workload *w = o->as.context->work;

    if (o->as.load->aim != AIM_ASKED || o->adapted)
        return;
    for (uint32_t k = 0; k < w->aimed_count[o->index]; k++)
        plan_aims(o, k, false, true, w->moves[w->aimed_moves[o->index][k]].at_ns);
}

static bool is_aim(enum aim_mark aim, enum move_mark mark)
{
    static const enum move_mark marks[] = {[AIM_ASKED] = MARK_ASKED,
                                           [AIM_COPY] = MARK_COPY,
                                           [AIM_FLIPPED] = MARK_FLIPPED,
                                           [AIM_DONE] = MARK_DONE};

    return marks[aim] == mark;
}

/* The load's mark is told, and when to send after it. */
static void plan_told(struct owed *o, uint32_t k, uint64_t mark_ns)
{
    if (o->told[k] & TOLD_AIMS || (o->adapted && !o->adapted[k].aims_ns))
        return;
    o->told[k] |= TOLD_AIMS;
    plan_aims(o, k, false, false, mark_ns);
}

static void mark_told(struct owed *o, uint32_t k, enum move_mark mark, uint64_t t_ns)
{
    if (mark == MARK_ASKED && !(o->told[k] & TOLD_PRIMES)) {
        o->told[k] |= TOLD_PRIMES;
        plan_aims(o, k, true, false, t_ns);
    }
    if (is_aim(o->as.load->aim, mark) && !(o->told[k] & TOLD_MARK)) {
        o->told[k] |= TOLD_MARK;
        if (o->adapted)
            o->adapted[k].mark_ns = t_ns;
        plan_told(o, k, t_ns);
    }
    due_soon(o);
}

/* Which of the load's moves it is; aimed_count: none of them. */
static uint32_t find_aimed(const struct owed *o, uint32_t move)
{
    const struct workload *w = o->sender->c.work;
    const uint32_t *moves = w->aimed_moves[o->index];
    uint32_t low = 0, count = w->aimed_count[o->index], high = count;

    while (low < high) { /* the list is in order */
        uint32_t middle = low + (high - low) / 2;

        if (moves[middle] < move)
            low = middle + 1;
        else
            high = middle;
    }
    return low < count && moves[low] == move ? low : count;
}

void sender_mark(struct sender *s, uint32_t move, enum move_mark mark, uint64_t t_ns)
{
    for (uint32_t i = 0; i < s->count && s->started; i++) {
        struct owed *o = &s->owed[i];
        uint32_t k = is_aimed(o) ? find_aimed(o, move) : 0;

        if (is_aimed(o) && k < s->c.work->aimed_count[o->index])
            mark_told(o, k, mark, t_ns);
    }
    look_idle(s);
}

void sender_aims(struct sender *s, uint32_t load, uint32_t move, const int64_t *aims_ns)
{
    for (uint32_t i = 0; i < s->count && s->started; i++) {
        struct owed *o = &s->owed[i];
        uint32_t k = o->index == load && o->adapted ? find_aimed(o, move) : 0;

        if (o->index != load || !o->adapted || k == s->c.work->aimed_count[load])
            continue;
        o->adapted[k].aims_ns = aims_ns;
        if (o->told[k] & TOLD_MARK)
            plan_told(o, k, o->adapted[k].mark_ns);
        due_soon(o);
    }
    look_idle(s);
}

void sender_moves_over(struct sender *s)
{
    s->moves_over = true;
    look_idle(s);
}

/* --- its life --------------------------------------------------------------------------------------------------------------- */

static uint32_t sharers(const struct sender_context *c, const struct load_profile *l)
{
    uint32_t n = l->threads > 0 ? l->threads : 1;

    return n < c->threads ? n : c->threads;
}

static bool open_aimed(struct owed *o)
{
    const struct load_profile *l = o->as.load;
    uint32_t moves = o->sender->c.work->aimed_count[o->index];
    size_t messages = (size_t)moves * ((size_t)l->prime + l->per_move) / o->step + 1;

    o->heap.first = calloc(messages, sizeof *o->heap.first);
    o->told = calloc(moves + 1u, 1);
    if (l->law == LAW_ADAPTIVE)
        o->adapted = calloc(moves + 1u, sizeof *o->adapted);
    return o->heap.first && o->told && (o->adapted || l->law != LAW_ADAPTIVE);
}

static bool speaks(const struct load_profile *l, const struct sender_ops *ops)
{
    return strcmp(l->protocol ? l->protocol : sender_smtp.name, ops->name) == 0;
}

static const struct sender_ops *driver_of(const struct load_profile *l)
{
    for (size_t i = 0; senders[i]; i++)
        if (speaks(l, senders[i]))
            return senders[i];
    return NULL;
}

uint32_t sender_flight(const struct sender_load *l)
{
    uint32_t window = workload_window(l->context->work->profile,
                                      (uint32_t)(l->load - l->context->work->profile->loads));

    return l->load->mode == SEND_CHUNKING && window > 2 ? window : 2;
}

static bool open_owed(struct sender *s, uint32_t load, struct err *e)
{
    struct owed *o = &s->owed[s->count++];
    const struct workload *w = s->c.work;
    const struct load_profile *l = &w->profile->loads[load];
    double rate = (l->rate_to > l->rate ? l->rate_to : l->rate) * s->c.clock->scale;

    o->as = (struct sender_load){.context = &s->c, .load = l};
    o->sender = s;
    o->ops = driver_of(l);
    o->index = load;
    o->step = sharers(&s->c, l);
    o->end = w->first[load + 1];
    o->next_ns = NEVER_NS;
    rate /= o->step;
    o->tick_ns = rate > TICK_RATE ? TICK_NS : 0;
    if (l->arrivals == ARRIVE_BURSTS) /* a burst is due at once */
        rate = (double)l->burst / o->step;
    o->lease_size = rate < 1 ? 1 : rate > LEASE_MOST ? LEASE_MOST : (uint32_t)rate;
    o->canary_room = (uint32_t)w->canaries;
    o->canaries = calloc(w->canaries + 1, sizeof *o->canaries);
    o->returned_room = sender_flight(&o->as) * (l->connections > 0 ? l->connections : 1);
    o->returned = calloc(o->returned_room, sizeof *o->returned);
    timer_init(&o->timer, on_due, o);
    if (!o->ops)
        return err_set(e, EX_BAD_PROFILE, "load %s: nobody speaks %s", l->name, l->protocol);
    if (!o->canaries || !o->returned || (is_aimed(o) && !open_aimed(o)))
        return err_set(e, EX_IO, "out of memory for load %s", l->name);
    return o->ops->open(&o->as, e) || err_wrap(e, "load %s", l->name);
}

static void on_tell_armed(struct timer *t);

struct sender *sender_create(const struct sender_context *c, struct err *e)
{
    struct sender *s = calloc(1, sizeof *s);
    uint32_t loads = c->work->profile->load_count;

    if (!s || !hist_init(&s->health.lateness) || !(s->owed = calloc(loads + 1u, sizeof *s->owed)) ||
        !account_init(&s->account, c->loop, c->clock, c->journal, c->thread, loads)) {
        sender_destroy(s);
        err_set(e, EX_IO, "out of memory for senders");
        return NULL;
    }
    s->c = *c;
    timer_init(&s->tell_idle, on_tell_idle, s);
    timer_init(&s->tell_armed, on_tell_armed, s);
    bool ok = true;
    for (uint32_t i = 0; ok && i < loads; i++)
        if (c->thread < sharers(c, &c->work->profile->loads[i]))
            ok = open_owed(s, i, e);
    if (ok)
        return s;
    sender_destroy(s);
    return NULL;
}

void sender_destroy(struct sender *s)
{
    if (!s)
        return;
    for (uint32_t i = 0; s->owed && i < s->count; i++) {
        struct owed *o = &s->owed[i];

        if (o->ops)
            o->ops->close(&o->as);
        timer_disarm(s->c.loop, &o->timer);
        free(o->heap.first);
        free(o->told);
        free(o->adapted);
        free(o->canaries);
        free(o->returned);
    }
    if (s->c.loop) {
        brake_end(&s->brake);
        timer_disarm(s->c.loop, &s->tell_idle);
        timer_disarm(s->c.loop, &s->tell_armed);
    }
    account_fini(&s->account);
    free(s->owed);
    hist_fini(&s->health.lateness);
    free(s);
}

static void on_tell_armed(struct timer *t)
{
    struct sender *s = t->owner;

    s->ready(s->c.owner, s->arm_error.code ? &s->arm_error : NULL);
}

static void armed(struct sender_load *l, const struct err *e)
{
    struct sender *s = owed_of(l)->sender;

    if (e && !s->arm_error.code)
        s->arm_error = *e;
    if (--s->arming == 0)
        timer_arm(s->c.loop, &s->tell_armed, loop_now(s->c.loop));
}

void sender_arm(struct sender *s, void (*ready)(void *owner, const struct err *e))
{
    s->ready = ready;
    s->arm_error = (struct err){0};
    s->arming = s->count;
    if (s->count == 0)
        timer_arm(s->c.loop, &s->tell_armed, loop_now(s->c.loop));
    for (uint32_t i = 0; i < s->count; i++)
        s->owed[i].ops->arm(&s->owed[i].as, armed);
}

void sender_start(struct sender *s)
{
    s->started = true;
    if (s->c.work->profile->safety.brake == GUARD_ON)
        brake_begin(&s->brake, s->c.loop, &s->health, sender_on_brake, s);
    for (uint32_t i = 0; i < s->count; i++) {
        struct owed *o = &s->owed[i];

        if (is_aimed(o))
            plan_before(o);
        else
            pace_start(o);
        due_soon(o);
    }
    look_idle(s);
}

void sender_canary(struct sender *s, uint64_t number)
{
    uint64_t load = (number - s->c.work->planned) % s->c.work->profile->load_count;
    struct owed *o = NULL;

    for (uint32_t i = 0; i < s->count; i++)
        if (s->owed[i].index == load)
            o = &s->owed[i];
    if (!o || s->cut || o->canary_count == o->canary_room)
        return;
    o->canaries[o->canary_count++] = number;
    s->idle_told = false;
    due_soon(o);
}

void sender_stop(struct sender *s, enum sender_stop how)
{
    bool now = how == STOP_NOW;

    s->stopping = true;
    s->cut = s->cut || now;
    s->halted = s->halted || how == STOP_HALT;
    for (uint32_t i = 0; how != STOP_SOON && i < s->count; i++)
        (now ? s->owed[i].ops->cut : s->owed[i].ops->halt)(&s->owed[i].as);
    for (uint32_t i = 0; i < s->count; i++)
        abandon_returned(&s->owed[i]);
    if (now)
        account_close(&s->account);
    look_idle(s);
}

const struct sender_health *sender_health(const struct sender *s)
{
    return &s->health;
}
