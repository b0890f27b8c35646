/* muster_verify.c - a move is observed, not believed: look-up and log-on at both servers once the mover says that it ended.
 *
 * From its beginning, a move's mailbox is looked up every period and both its servers are under watch. After the end, three
 * things must be true by questions asked since: the look-up names the target, log-on works there, and the old home knows no
 * such mailbox (unless the profile says that it keeps it). Directories and stores may need a while, so they are asked again
 * until they agree or the time is over.
 */
#include <stdlib.h>

#include "base/blind.h"
#include "probes/muster_private.h"

#define RETRY_NS (200 * NS_PER_MS) /* real time */
#define PATIENCE (60 * NS_PER_S)   /* target time, ... */
#define AT_LEAST (5 * NS_PER_S)    /* ... but not less real time than this */

struct findings {
    bool named;        /* the look-up names the target, or there is none */
    bool there, gone;  /* log-on works at the target; the old home has no such mailbox */
    bool found_at_old; /* log-on works there */
};

static const struct place *place_at(const struct muster *m, uint32_t mailbox, uint32_t server)
{
    const struct place *p =
        m->stores ? m->at[(size_t)mailbox * m->site->server_count + server] : NULL;

    return p && p->probe ? p : NULL;
}

/* Files there or not: only a look-up can say who serves the mailbox. */
static bool trusts_lookup(const struct muster *m, const struct place *p)
{
    return m->lookup && (!m->stores || (p && p->probe->ops->by_file));
}

static struct findings look(const struct muster *m, const struct verify *v)
{
    const struct move_plan *plan = &m->work->moves[v->move];
    const struct place *to = place_at(m, plan->mailbox, plan->to);
    const struct place *from = place_at(m, plan->mailbox, plan->from);
    bool kept = m->profile->moves[plan->schedule].keeps;
    bool new_to = to && to->probe->complete_ns >= v->since_ns;
    bool new_from = from && from->probe->complete_ns >= v->since_ns;

    return (struct findings){
        .named = !m->lookup ||
                 (m->looked_ns[plan->mailbox] >= v->since_ns && m->home[plan->mailbox] == plan->to),
        .there = trusts_lookup(m, to) || (new_to && !to->probe->absent),
        .gone = kept || trusts_lookup(m, from) || (new_from && from->probe->absent),
        .found_at_old = new_from && !from->probe->absent,
    };
}

static void ask(struct muster *m, const struct verify *v)
{
    const struct move_plan *plan = &m->work->moves[v->move];
    const struct place *to = place_at(m, plan->mailbox, plan->to);
    const struct place *from = place_at(m, plan->mailbox, plan->from);

    if (m->lookup)
        home_lookup_ask(m->lookup, plan->mailbox);
    if (to)
        to->probe->ops->scan(to->probe);
    if (from)
        from->probe->ops->scan(from->probe);
}

static bool logs_on(const struct muster *m, uint32_t mailbox, uint32_t server)
{
    const struct place *p = place_at(m, mailbox, server);

    return m->stores && !(p && p->probe->ops->by_file);
}

static void journal_logon(struct muster *m, const struct verify *v, uint32_t server, bool worked)
{
    (void)journal_add(m->probe.journal, &(struct event){.t_ns = muster_target_now(m),
                                                        .slot = v->move,
                                                        .kind = EV_LOGON,
                                                        .place = (uint16_t)server,
                                                        .code = worked,
                                                        .a = m->work->moves[v->move].mailbox});
}

/* Nobody looks homes up: the log-on has shown where the mailbox lives. */
static void take_home_from_log_on(struct muster *m, const struct move_plan *plan)
{
    (void)journal_add(m->probe.journal, &(struct event){.t_ns = muster_target_now(m),
                                                        .kind = EV_HOME,
                                                        .place = (uint16_t)plan->to,
                                                        .code = NO_INDEX,
                                                        .a = plan->mailbox});
    muster_new_home(m, plan->mailbox, plan->to);
}

static void stop_watching(struct verify *v)
{
    struct muster *m = v->muster;

    timer_disarm(m->probe.loop, &v->retry);
    if (v->watched && m->lookup)
        home_lookup_watch(m->lookup, m->work->moves[v->move].mailbox, false);
    v->watched = false;
}

static void conclude(struct muster *m, uint32_t at, const struct findings *f)
{
    struct verify *v = &m->verify[m->verifying[at]];
    const struct move_plan *plan = &m->work->moves[v->move];
    bool agrees = (f->named && f->there && f->gone) || !CHECK_ON(MOVE);

    m->verifying[at] = m->verifying[--m->verifying_count];
    v->ended = false;
    stop_watching(v);
    if (logs_on(m, plan->mailbox, plan->to))
        journal_logon(m, v, plan->to, f->there);
    if (logs_on(m, plan->mailbox, plan->from))
        journal_logon(m, v, plan->from, f->found_at_old);
    if (agrees && !m->lookup)
        take_home_from_log_on(m, plan);
    if (m->context.verified)
        m->context.verified(m->context.owner, v->move, agrees);
}

void verify_step(struct muster *m)
{
    for (uint32_t i = 0; i < m->verifying_count;) {
        struct verify *v = &m->verify[m->verifying[i]];
        struct findings f = look(m, v);

        if ((f.named && f.there && f.gone) || muster_now(m) >= v->deadline_ns)
            conclude(m, i, &f); /* the last one takes its place */
        else
            i++;
    }
}

static void on_retry(struct timer *t)
{
    struct verify *v = t->owner;
    struct muster *m = v->muster;

    ask(m, v);
    timer_arm(m->probe.loop, &v->retry, muster_now(m) + RETRY_NS);
    muster_wake(m); /* for the deadline */
}

void muster_move_begins(struct muster *m, uint32_t move)
{
    const struct move_plan *plan = &m->work->moves[move];
    struct verify *v = &m->verify[move];
    struct err e;

    PM_ASSERT(move < m->work->move_count);
    (void)muster_place(m, plan->mailbox, plan->from, &e);
    (void)muster_place(m, plan->mailbox, plan->to, &e);
    if (m->lookup && !v->watched)
        home_lookup_watch(m->lookup, plan->mailbox, true);
    v->watched = true;
}

void muster_move_ended(struct muster *m, uint32_t move)
{
    struct verify *v = &m->verify[move];
    uint64_t patience_ns = clock_span(m->probe.clock, PATIENCE);

    PM_ASSERT(move < m->work->move_count);
    if (v->ended)
        return;
    v->ended = true;
    v->since_ns = muster_now(m);
    v->deadline_ns = v->since_ns + (patience_ns > AT_LEAST ? patience_ns : AT_LEAST);
    m->verifying[m->verifying_count++] = move;
    on_retry(&v->retry);
}

bool verify_init(struct muster *m)
{
    m->verify = calloc(m->work->move_count + 1u, sizeof *m->verify);
    m->verifying = calloc(m->work->move_count + 1u, sizeof *m->verifying);
    for (uint32_t i = 0; m->verify && i < m->work->move_count; i++) {
        m->verify[i].muster = m;
        m->verify[i].move = i;
        timer_init(&m->verify[i].retry, on_retry, &m->verify[i]);
    }
    return m->verify && m->verifying;
}

void verify_fini(struct muster *m)
{
    for (uint32_t i = 0; m->verify && i < m->work->move_count; i++)
        timer_disarm(m->probe.loop, &m->verify[i].retry);
    free(m->verify);
    free(m->verifying);
}
