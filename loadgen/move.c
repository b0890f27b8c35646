/* move.c - the controller of moves: schedules, concurrency, deadlines and marks; and the table of movers.
 *
 * A schedule has as many lanes as rounds of it may be under way at once. A lane carries one round, whose moves run one after
 * the other; a round that is due takes the first free lane, in order. Everything advances in schedule_run(), from the
 * schedule's own timer, so that whatever ends a move needs only to arm that timer. A mailbox whose last move is not
 * verified yet is not moved again: its round waits. Marks are written to the journal before they are told.
 */
#include "loadgen/move.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "loadgen/action.h"

#define WORDS_MAX 256 /* of what a mover says about itself */

enum move_state {
    MOVE_WAITING,
    MOVE_UNDER_WAY,
    MOVE_ENDED, /* the mover says so; not verified yet */
    MOVE_OVER,
};

struct move {
    struct mover_job job;
    struct timer deadline;
    struct moves *moves;
    enum move_state state;
    bool done; /* what the mover said */
    bool copying, flipped;
    char why[WORDS_MAX];
};

struct lane {
    uint32_t at, end; /* moves of the round still to come; equal: free */
};

struct schedule {
    struct moves *moves;
    uint32_t next, end; /* moves of rounds that have no lane yet */
    struct lane *lanes;
    uint32_t lane_count;
    struct timer due;
};

struct moves {
    struct moves_context context;
    struct move *move; /* work->move_count */
    struct schedule *schedules;
    uint32_t *active; /* begun and not over */
    uint32_t active_count, waiting;
    struct actions *actions;
    struct timer over;
    bool started, stopping, is_over;
};

const struct mover_ops *const movers[] = {&mover_http, &mover_exec, NULL};

static const struct move_plan *plan_of(const struct moves *m, uint32_t id)
{
    return &m->context.work->moves[id];
}

static const struct move_profile *profile_of(const struct moves *m, uint32_t id)
{
    return &m->context.work->profile->moves[plan_of(m, id)->schedule];
}

static uint64_t target_now(const struct moves *m)
{
    return clock_target(m->context.clock, loop_now(m->context.loop));
}

/* Templates. */

static const char *user_of(const struct mailbox *box)
{
    return box->user ? box->user : box->name;
}

bool move_template(const struct workload *w, uint32_t move, const char *id, const char *text,
                   enum template_escape how, struct buf *out, struct err *e)
{
    const struct move_plan *p = &w->moves[move];
    const struct site *site = &w->profile->site;
    const struct mailbox *box = &site->mailboxes[p->mailbox];
    const struct server *from = &site->servers[p->from], *to = &site->servers[p->to];
    char number[16];

    (void)snprintf(number, sizeof number, "%u", move);
    const struct template_word words[] = {
        {"mailbox", box->name, false},
        {"address", box->address, false},
        {"user", user_of(box), false},
        {"from", from->name, false},
        {"to", to->name, false},
        {"control", from->control, true},
        {"from_control", from->control, true},
        {"to_control", to->control, true},
        {"id", id, false},
        {"move", number, false},
        {NULL, NULL, false},
    };
    return template_fill(text, words, how, out, e);
}

/* Marks and the end. */

static void mark(struct moves *m, uint32_t id, enum move_mark what, uint64_t t_ns)
{
    const struct move_plan *p = plan_of(m, id);

    (void)journal_add(m->context.journal, &(struct event){.t_ns = t_ns,
                                                          .slot = id,
                                                          .kind = EV_MOVE,
                                                          .place = (uint16_t)p->to,
                                                          .code = (uint32_t)what,
                                                          .a = p->mailbox,
                                                          .b = p->from});
    if (m->context.marked)
        m->context.marked(m->context.owner, id, what, t_ns);
}

static void check_over(struct moves *m)
{
    if (!m->started || m->is_over || m->active_count > 0 || (m->waiting > 0 && !m->stopping) ||
        !actions_are_over(m->actions))
        return;
    m->is_over = true;
    timer_arm(m->context.loop, &m->over, loop_now(m->context.loop));
}

static void tell_over(struct timer *t)
{
    struct moves *m = t->owner;

    if (m->context.over)
        m->context.over(m->context.owner);
}

static void wake_schedule(struct moves *m, uint32_t schedule)
{
    timer_arm(m->context.loop, &m->schedules[schedule].due, loop_now(m->context.loop));
}

static void move_end(struct move *v, bool done, const char *why)
{
    struct moves *m = v->moves;

    if (v->state != MOVE_UNDER_WAY)
        return;
    v->state = MOVE_ENDED;
    v->done = done;
    (void)text_clean(v->why, sizeof v->why, slice_of(why));
    timer_disarm(m->context.loop, &v->deadline);
    wake_schedule(m, plan_of(m, v->job.move)->schedule);
    mark(m, v->job.move, done ? MARK_DONE : MARK_FAILED, target_now(m));
}

static void on_copying(struct mover_job *j)
{
    struct move *v = j->owner;

    if (v->state != MOVE_UNDER_WAY || v->copying)
        return;
    v->copying = true;
    mark(v->moves, j->move, MARK_COPY, target_now(v->moves));
}

static void on_ended(struct mover_job *j, bool done, const char *why)
{
    move_end(j->owner, done, why);
}

static const struct mover_events mover_events = {.copying = on_copying, .ended = on_ended};

static void on_deadline(struct timer *t)
{
    struct move *v = t->owner;
    char span[32], why[64];

    v->job.ops->close(&v->job);
    (void)text_print_duration(span, sizeof span, profile_of(v->moves, v->job.move)->deadline_ns);
    (void)snprintf(why, sizeof why, "no end within %s", span);
    move_end(v, false, why);
}

static bool mailbox_is_moving(const struct moves *m, uint32_t mailbox)
{
    for (uint32_t i = 0; i < m->active_count; i++)
        if (plan_of(m, m->active[i])->mailbox == mailbox)
            return true;
    return false;
}

static void move_begin(struct moves *m, uint32_t id)
{
    struct move *v = &m->move[id];
    uint64_t now_ns = loop_now(m->context.loop), limit_ns = profile_of(m, id)->deadline_ns;
    struct err e = {0};

    m->waiting--;
    m->active[m->active_count++] = id;
    v->state = MOVE_UNDER_WAY;
    if (limit_ns > 0)
        timer_arm(m->context.loop, &v->deadline, now_ns + clock_span(m->context.clock, limit_ns));
    mark(m, id, MARK_ASKED, target_now(m));
    /* On record before anybody is asked: whoever reads the journal of a killed run knows of every move. */
    (void)journal_flush(m->context.journal);
    if (v->state == MOVE_UNDER_WAY && !v->job.ops->start(&v->job, &e))
        move_end(v, false, e.text);
}

/* Schedules. */

/* Begins the lane's next move if its time has come; false: nothing to do in this lane now. */
static bool lane_step(struct moves *m, struct lane *lane)
{
    if (lane->at == lane->end)
        return false;
    struct move *v = &m->move[lane->at];

    if (v->state == MOVE_ENDED || v->state == MOVE_OVER) {
        lane->at++;
        return true;
    }
    if (v->state == MOVE_UNDER_WAY)
        return false;
    if (m->stopping) {
        lane->at = lane->end;
        return true;
    }
    if (mailbox_is_moving(m, plan_of(m, lane->at)->mailbox))
        return false;
    move_begin(m, lane->at);
    return true;
}

static uint32_t round_end(const struct moves *m, uint32_t first, uint32_t end)
{
    uint32_t at = first;

    while (at < end && plan_of(m, at)->round == plan_of(m, first)->round)
        at++;
    return at;
}

static bool lane_take(struct schedule *s, struct lane *lane)
{
    struct moves *m = s->moves;

    if (lane->at != lane->end || s->next == s->end || m->stopping ||
        plan_of(m, s->next)->at_ns > target_now(m))
        return false;
    *lane = (struct lane){s->next, round_end(m, s->next, s->end)};
    s->next = lane->end;
    return true;
}

static void schedule_run(struct timer *t)
{
    struct schedule *s = t->owner;
    struct moves *m = s->moves;
    bool again = true, has_room = false;

    while (again) {
        again = has_room = false;
        for (uint32_t i = 0; i < s->lane_count; i++) {
            bool took = lane_take(s, &s->lanes[i]), began = lane_step(m, &s->lanes[i]);

            again |= took || began;
            has_room |= s->lanes[i].at == s->lanes[i].end;
        }
    }
    if (has_room && s->next < s->end && !m->stopping)
        timer_arm(m->context.loop, &s->due,
                  clock_loop(m->context.clock, plan_of(m, s->next)->at_ns));
    check_over(m);
}

static void on_actions_over(void *owner)
{
    check_over(owner);
}

/* What is told from outside. */

void moves_home(struct moves *m, uint32_t mailbox, uint32_t server, uint64_t t_ns)
{
    for (uint32_t i = 0; i < m->active_count; i++) {
        uint32_t id = m->active[i];
        const struct move_plan *p = plan_of(m, id);

        if (p->mailbox != mailbox || p->to != server || m->move[id].flipped)
            continue;
        m->move[id].flipped = true;
        mark(m, id, MARK_FLIPPED, t_ns);
        return; /* the mark may have changed the list */
    }
}

void moves_verified(struct moves *m, uint32_t move, bool agrees)
{
    struct move *v = &m->move[move];

    PM_ASSERT(move < m->context.work->move_count);
    if (v->state != MOVE_ENDED)
        return;
    v->state = MOVE_OVER;
    for (uint32_t i = 0; i < m->active_count; i++)
        if (m->active[i] == move)
            m->active[i--] = m->active[--m->active_count];
    for (uint32_t i = 0; i < m->context.work->profile->move_count; i++)
        wake_schedule(m, i);
    mark(m, move, agrees == v->done ? MARK_VERIFIED : MARK_DISPROVED, target_now(m));
}

const char *moves_error(const struct moves *m, uint32_t move)
{
    PM_ASSERT(move < m->context.work->move_count);
    return m->move[move].why;
}

const char *moves_action_error(const struct moves *m, uint32_t action)
{
    return actions_error(m->actions, action);
}

bool moves_are_over(const struct moves *m)
{
    return m->is_over;
}

/* Life. */

static bool move_init(struct moves *m, uint32_t id, struct err *e)
{
    const struct profile *p = m->context.work->profile;
    const struct mover_profile *mover = &p->movers[profile_of(m, id)->mover];
    struct move *v = &m->move[id];

    v->moves = m;
    v->job = (struct mover_job){.ops = movers[mover->type],
                                .events = &mover_events,
                                .context = &m->context,
                                .mover = mover,
                                .move = id,
                                .owner = v};
    timer_init(&v->deadline, on_deadline, v);
    return v->job.ops->check(&m->context, mover, id, e) ||
           err_wrap(e, "movers.%s: move %u", mover->name, id);
}

static bool schedule_init(struct moves *m, uint32_t at, uint32_t *first)
{
    struct schedule *s = &m->schedules[at];
    const struct workload *w = m->context.work;

    s->moves = m;
    timer_init(&s->due, schedule_run, s);
    s->next = s->end = *first;
    while (s->end < w->move_count && w->moves[s->end].schedule == at)
        s->end++;
    *first = s->end;
    uint32_t rounds = w->profile->moves[at].count, lanes = w->profile->moves[at].concurrency;

    s->lane_count = lanes < rounds ? lanes : rounds;
    s->lane_count += s->lane_count == 0;
    s->lanes = calloc(s->lane_count, sizeof *s->lanes);
    return s->lanes;
}

static bool moves_init(struct moves *m, struct err *e)
{
    const struct workload *w = m->context.work;
    uint32_t first = 0;

    timer_init(&m->over, tell_over, m);
    m->waiting = w->move_count;
    m->move = calloc(w->move_count + 1u, sizeof *m->move);
    m->schedules = calloc(w->profile->move_count + 1u, sizeof *m->schedules);
    m->active = calloc(w->move_count + 1u, sizeof *m->active);
    if (!m->move || !m->schedules || !m->active)
        return err_set(e, EX_IO, "out of memory for %u moves", w->move_count);
    for (uint32_t i = 0; i < w->move_count; i++)
        if (!move_init(m, i, e))
            return false;
    for (uint32_t i = 0; i < w->profile->move_count; i++)
        if (!schedule_init(m, i, &first))
            return err_set(e, EX_IO, "out of memory for schedule %s", w->profile->moves[i].name);
    PM_ASSERT(first == w->move_count); /* the workload lists them schedule by schedule */
    m->actions = actions_create(&m->context, on_actions_over, m, e);
    return m->actions;
}

struct moves *moves_create(const struct moves_context *c, struct err *e)
{
    struct moves *m = calloc(1, sizeof *m);

    if (!m) {
        (void)err_set(e, EX_IO, "out of memory for moves");
        return NULL;
    }
    m->context = *c;
    if (!moves_init(m, e)) {
        moves_destroy(m);
        return NULL;
    }
    return m;
}

void moves_destroy(struct moves *m)
{
    if (!m)
        return;
    for (uint32_t i = 0; m->move && i < m->context.work->move_count; i++) {
        struct move *v = &m->move[i];

        timer_disarm(m->context.loop, &v->deadline);
        if (v->state != MOVE_WAITING)
            v->job.ops->close(&v->job);
    }
    for (uint32_t i = 0; m->schedules && i < m->context.work->profile->move_count; i++) {
        timer_disarm(m->context.loop, &m->schedules[i].due);
        free(m->schedules[i].lanes);
    }
    timer_disarm(m->context.loop, &m->over);
    actions_destroy(m->actions);
    free(m->active);
    free(m->schedules);
    free(m->move);
    free(m);
}

void moves_start(struct moves *m)
{
    if (m->stopping)
        return;
    PM_ASSERT(!m->started);
    m->started = true;
    actions_start(m->actions);
    for (uint32_t i = 0; i < m->context.work->profile->move_count; i++)
        wake_schedule(m, i);
    check_over(m);
}

void moves_stop(struct moves *m)
{
    m->stopping = true;
    actions_stop(m->actions);
    for (uint32_t i = 0; i < m->context.work->profile->move_count; i++)
        wake_schedule(m, i);
    m->started = true; /* stopped before it began: over at once */
    check_over(m);
}
