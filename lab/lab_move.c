/* lab_move.c - one function per step; each plans the next.
 *
 * Purge comes before commit, so that for a second the mailbox is nowhere but in the stores' lists of users being moved;
 * a move driven "directory first" commits as soon as the new mailbox exists, before it is flagged (Q277911).
 */
#include "lab/lab_move.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "lab/core.h"

static void move_begin_waiting(struct lab *l);

static void move_note(struct lab_move *m, const char *word, const char *detail)
{
    char text[240];

    (void)snprintf(text, sizeof text, "move=%" PRIu64 " to=%s %s", m->id,
                   m->lab->server[m->to].name, detail);
    lab_note(m->lab, word, m->mailbox, m->from, text);
}

static void plan(struct lab_move *m, enum move_phase phase, uint64_t after_ns)
{
    m->phase = phase;
    schedule_at(&m->lab->schedule, &m->due, m->lab->now_ns + after_ns, DUE_MOVE);
}

static struct box *source(struct lab_move *m)
{
    return store_box(m->lab, m->from, m->mailbox);
}

static struct box *target(struct lab_move *m)
{
    return store_box(m->lab, m->to, m->mailbox);
}

static void over(struct lab_move *m, enum move_phase phase, const char *error)
{
    struct lab *l = m->lab;

    schedule_cancel(&l->schedule, &m->due);
    m->phase = phase;
    m->done_ns = l->now_ns;
    (void)snprintf(m->error, sizeof m->error, "%s", error);
    move_note(m, phase == MOVE_DONE ? "move-done" : "move-failed", error);
    l->moves.active--;
    mta_move_ended(l, m->from, m->mailbox);
    mta_move_ended(l, m->to, m->mailbox);
}

/* --- the last steps --------------------------------------------------------------------------------------------- */

static bool commit(struct lab_move *m)
{
    struct lab *l = m->lab;
    bool left_out =
        m->skip_commit || (lab_has(l, FAULT_HOME_NOT_SET) && l->knobs.home_not_set_percent > 0 &&
                           lab_chance(l, l->knobs.home_not_set_percent));

    if (left_out)
        return true;
    if (!directory_set_home(l->directory, m->from, m->mailbox, m->to, l->now_ns))
        return false;
    directory_sync(l->directory, m->from, m->to, m->mailbox,
                   l->now_ns + l->knobs.move_sync_delay_ns, l->now_ns);
    m->flip_ns = l->now_ns;
    l->mailbox[m->mailbox].half_moved = false;
    move_note(m, "move-flipped", "");
    return true;
}

static void purge(struct lab_move *m)
{
    struct lab *l = m->lab;
    bool snapshot = l->knobs.copy_snapshot == SNAPSHOT_REQUEST;

    store_carry_over(l, m->mailbox, m->from, m->to, snapshot ? m->snapshot_items : UINT32_MAX);
    source(m)->state = source(m)->items > 0 ? BOX_NORMAL : BOX_ABSENT; /* planted: left there */
    m->purged = true;
    move_note(m, "move-purged", "");
}

static void end(struct lab_move *m)
{
    struct lab *l = m->lab;
    bool committed = m->flip_ns != NEVER_NS;

    if (m->sham) {
        over(m, MOVE_DONE, "");
        move_begin_waiting(l);
        return;
    }
    target(m)->state = BOX_NORMAL;
    source(m)->moving = target(m)->moving = false;
    if (!committed)
        l->mailbox[m->mailbox].half_moved = true;
    mta_flush_in_transit(l, m->to, m->mailbox, true);
    if (committed || m->error[0] == '\0')
        over(m, MOVE_DONE, "");
    else
        over(m, MOVE_FAILED, "the directory could not be written and still names the old server");
    if (lab_has(l, FAULT_STORE_HANG) && l->knobs.store_hang_percent > 0 &&
        lab_chance(l, l->knobs.store_hang_percent))
        l->server[m->to].store_hung = true;
    move_begin_waiting(l);
}

static void commit_step(struct lab_move *m)
{
    if (!commit(m))
        (void)snprintf(m->error, sizeof m->error, "directory down");
}

static void copied(struct lab_move *m)
{
    const struct knobs *k = &m->lab->knobs;

    if (m->dir_first) {
        purge(m);
        plan(m, MOVE_ENDING, k->move_end_delay_ns);
        return;
    }
    if (k->purge_before_commit)
        purge(m);
    else
        commit_step(m);
    plan(m, MOVE_BETWEEN, k->commit_delay_ns);
}

static void between(struct lab_move *m)
{
    const struct knobs *k = &m->lab->knobs;

    if (m->purged)
        commit_step(m);
    else
        purge(m);
    plan(m, MOVE_ENDING, k->move_end_delay_ns);
}

/* --- failing ---------------------------------------------------------------------------------------------------- */

static void abort_move(struct lab_move *m, const char *error)
{
    struct lab *l = m->lab;

    if (m->phase != MOVE_ASKED) {
        struct box *src = source(m);

        target(m)->state = BOX_ABSENT;
        src->moving = target(m)->moving = false;
        if (src->state == BOX_SRC_MOVING)
            src->state = BOX_NORMAL;
        if (m->flip_ns != NEVER_NS &&
            directory_set_home(l->directory, m->from, m->mailbox, m->from, l->now_ns))
            directory_sync(l->directory, m->from, m->to, m->mailbox, l->now_ns, l->now_ns);
        mta_flush_in_transit(l, m->to, m->mailbox, false);
    }
    over(m, MOVE_FAILED, error);
    move_begin_waiting(l);
}

static const char *fault_text(enum move_fault f)
{
    switch (f) {
    case MOVE_FAULT_ITEM:
        return "event 8504: an item cannot be copied";
    case MOVE_FAULT_SIZE:
        return "event 8509: the destination's size limit is reached";
    case MOVE_FAULT_VIRUS:
        return "event 8508: the virus scanner holds an item";
    case MOVE_FAULT_NONE:
        break;
    }
    return "";
}

void lab_move_store_stopped(struct lab *l, int server)
{
    uint64_t begun = l->moves.begun; /* not those that begin because these fail */

    for (uint64_t i = 0; i < begun; i++) {
        struct lab_move *m = l->moves.move[i];

        if ((m->from == server || m->to == server) && (m->phase <= MOVE_COPYING))
            abort_move(m, "the store stopped");
    }
}

/* --- the first steps -------------------------------------------------------------------------------------------- */

static uint64_t copy_length(struct lab_move *m)
{
    const struct knobs *k = &m->lab->knobs;
    const struct box *src = source(m);
    uint64_t items = (uint64_t)src->items + src->stock_items;
    double bytes = (double)src->bytes + (double)src->stock_bytes;
    double rate = k->copy_rate_bytes > 0 ? (double)k->copy_rate_bytes : 1.0;

    if (k->copy_time_ns > 0)
        return k->copy_time_ns;
    return items * k->copy_per_item_ns + (uint64_t)(bytes / rate * (double)NS_PER_S);
}

static void flag(struct lab_move *m)
{
    uint64_t length = copy_length(m);

    if (source(m)->state == BOX_NORMAL)
        source(m)->state = BOX_SRC_MOVING;
    target(m)->state = BOX_DST_INTRANSIT;
    source(m)->moving = target(m)->moving = true;
    m->copy_ns = m->lab->now_ns;
    move_note(m, "move-copies", "");
    plan(m, MOVE_COPYING, m->fault == MOVE_FAULT_NONE ? length : length / 2);
}

/* What stands in the way of creating the new mailbox, or NULL. */
static const char *obstacle(struct lab_move *m)
{
    struct lab *l = m->lab;
    bool again = l->mailbox[m->mailbox].half_moved && lab_has(l, FAULT_SECOND_MOVE);
    const struct lab_server *from = &l->server[m->from], *to = &l->server[m->to];

    if (!from->store_up || !to->store_up || from->store_hung || to->store_hung)
        return "a store does not answer";
    if (source(m)->state == BOX_NORMAL && target(m)->state == BOX_ABSENT)
        return NULL;
    if (again && source(m)->state == BOX_ABSENT && target(m)->state == BOX_NORMAL) {
        store_empty(l, m->to, m->mailbox, "lost"); /* Q252869: the "duplicate" is the good one */
        target(m)->state = BOX_ABSENT;
        return NULL;
    }
    if (source(m)->state != BOX_NORMAL)
        return "the mailbox is not on the source server";
    return "the destination already has this mailbox";
}

static void begin(struct lab_move *m)
{
    struct lab *l = m->lab;
    const char *error = obstacle(m);

    m->begun_ns = l->now_ns;
    move_note(m, "move-begun", m->dir_first ? "dir-first" : "");
    if (error) {
        over(m, MOVE_FAILED, error);
        return;
    }
    if (plant_move(l, m)) {
        plan(m, MOVE_ENDING, copy_length(m));
        return;
    }
    store_create_box(l, m->to, m->mailbox, BOX_DST_CREATED);
    m->snapshot_items = source(m)->items;
    plan(m, MOVE_CREATED, l->knobs.create_to_flag_ns);
    if (m->dir_first && !commit(m))
        abort_move(m, "the directory could not be written");
}

/* Q151992: a second move at the same time, and the store stands still until it is restarted. */
static void deadlock(struct lab *l)
{
    for (uint64_t i = 0; i < l->moves.begun; i++) {
        struct lab_move *m = l->moves.move[i];

        if (m->phase >= MOVE_BETWEEN)
            continue;
        m->hung = true;
        schedule_cancel(&l->schedule, &m->due);
        l->server[m->from].store_hung = true;
    }
}

static void move_begin_waiting(struct lab *l)
{
    struct moves *all = &l->moves;
    uint64_t most = l->knobs.concurrent_moves > 0 ? l->knobs.concurrent_moves : 1;

    while (all->begun < all->n && all->active < most) {
        struct lab_move *m = all->move[all->begun++];
        bool alone = all->active++ == 0;

        if (alone || !lab_has(l, FAULT_MOVE_DEADLOCK))
            begin(m);
        else
            deadlock(l);
    }
}

static void move_fire(struct due *d, uint64_t now_ns)
{
    struct lab_move *m = d->owner;

    PM_ASSERT(now_ns == m->lab->now_ns);
    switch (m->phase) {
    case MOVE_CREATED:
        flag(m);
        return;
    case MOVE_COPYING:
        if (m->fault != MOVE_FAULT_NONE)
            abort_move(m, fault_text(m->fault));
        else
            copied(m);
        return;
    case MOVE_BETWEEN:
        between(m);
        return;
    case MOVE_ENDING:
        end(m);
        return;
    case MOVE_ASKED:
    case MOVE_DONE:
    case MOVE_FAILED:
        break;
    }
    PM_UNREACHABLE();
}

/* --- asked from outside ----------------------------------------------------------------------------------------- */

struct lab_move *lab_move_ask(struct lab *l, const struct move_request *rq, struct err *e)
{
    struct moves *all = &l->moves;

    if (l->mailbox[rq->mailbox].is_foreign) {
        (void)err_set(e, EX_LOCKED,
                      "'%s' is a custom recipient: it lives elsewhere and cannot move",
                      l->mailbox[rq->mailbox].name);
        return NULL;
    }
    if (rq->from == rq->to) {
        (void)err_set(e, EX_BAD_USAGE, "source and destination are the same server");
        return NULL;
    }
    for (uint64_t i = all->n; i-- > 0;)
        if (all->move[i]->mailbox == rq->mailbox && all->move[i]->phase < MOVE_DONE) {
            (void)err_set(e, EX_LOCKED, "move %" PRIu64 " of this mailbox is not over",
                          all->move[i]->id);
            return NULL;
        }
    if (all->n == all->room) {
        uint64_t room = all->room ? all->room * 2 : 16;

        all->move = lab_memory(all->move, all->room * sizeof(struct lab_move *),
                               room * sizeof(struct lab_move *));
        all->room = room;
    }
    struct lab_move *m = lab_memory(NULL, 0, sizeof *m);

    *m = (struct lab_move){.lab = l,
                           .id = all->n + 1,
                           .asked_ns = l->now_ns,
                           .begun_ns = NEVER_NS,
                           .copy_ns = NEVER_NS,
                           .flip_ns = NEVER_NS,
                           .done_ns = NEVER_NS,
                           .mailbox = rq->mailbox,
                           .from = rq->from,
                           .to = rq->to,
                           .fault = rq->fault,
                           .dir_first = rq->dir_first,
                           .skip_commit = rq->skip_commit};
    m->due = (struct due){.fire = move_fire, .owner = m};
    all->move[all->n++] = m;
    move_begin_waiting(l);
    return m;
}

const struct lab_move *lab_move_find(const struct lab *l, uint64_t id)
{
    return id >= 1 && id <= l->moves.n ? l->moves.move[id - 1] : NULL;
}

const char *lab_move_state(const struct lab_move *m)
{
    switch (m->phase) {
    case MOVE_ASKED:
        return "requested";
    case MOVE_CREATED:
    case MOVE_COPYING:
        return "copying";
    case MOVE_BETWEEN:
    case MOVE_ENDING:
        return m->flip_ns != NEVER_NS ? "committed" : "copying";
    case MOVE_DONE:
        return "done";
    case MOVE_FAILED:
        break;
    }
    return "failed";
}

void lab_move_fini(struct lab *l)
{
    for (uint64_t i = 0; i < l->moves.n; i++) {
        schedule_cancel(&l->schedule, &l->moves.move[i]->due);
        free(l->moves.move[i]);
    }
    free(l->moves.move);
}
