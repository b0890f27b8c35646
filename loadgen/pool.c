/* pool.c - the connections of one load on one thread: armed, opened as they are needed, tried less often while they fail.
 *
 * Lines are opened one after the other, up to `connections`, and stay open. A try that follows a failure waits
 * (SEND_BACKOFF), so a server that is down costs a few tries a second, each of them a finding; the driver sets `backoff_ns`
 * back when the server has answered for a message. Lines that have carried messages and end are made anew at once, each by
 * itself: reconnecting for every message, all of them are always on their way.
 */
#include "loadgen/pool.h"

#include <stdlib.h>

struct loop *pool_loop(const struct pool *p)
{
    return p->load->context->loop;
}

/* --- arming ---------------------------------------------------------------------------------------------------------- */

/* It stands (NULL), or what is wrong. The answer comes from a timer: never from inside the call that asked. */
static void arm_over(struct pool *p, const char *what)
{
    char text[NET_TEXT];

    if (!p->armed || timer_is_armed(&p->arm_answer))
        return;
    if (what && p->arm_error.code == 0)
        err_set(&p->arm_error, EX_TARGET, "%s", what);
    if (what)
        err_wrap(&p->arm_error, "server %s (%s)", p->server->name, net_print(&p->to->addr, text));
    timer_disarm(pool_loop(p), &p->arm_limit);
    timer_arm(pool_loop(p), &p->arm_answer, loop_now(pool_loop(p)));
}

static void on_arm_answer(struct timer *t)
{
    struct pool *p = t->owner;
    void (*armed)(struct sender_load * l, const struct err *e) = p->armed;

    p->armed = NULL;
    armed(p->load, p->arm_error.code ? &p->arm_error : NULL);
}

static void on_arm_limit(struct timer *t)
{
    struct pool *p = t->owner;

    for (uint32_t i = 0; i < p->count; i++) {
        struct pool_line *k = &p->lines[i];

        if (!k->stream || k->up)
            continue;
        err_set(&p->arm_error, EX_TARGET, "no answer, %s", p->ops->doing(k->owner));
        p->ops->lost(k->owner);
    }
    arm_over(p, "no answer");
}

void pool_arm(struct pool *p, void (*done)(struct sender_load *l, const struct err *e))
{
    struct pool_line *first = &p->lines[0];

    p->armed = done;
    p->arm_error = (struct err){0};
    timer_arm(pool_loop(p), &p->arm_limit, loop_now(pool_loop(p)) + SEND_ARM_NS);
    if (!first->stream)
        (void)p->ops->connect(first->owner);
    else if (first->up)
        arm_over(p, NULL);
}

/* --- more lines, and fewer tries ---------------------------------------------------------------------------------------- */

static void pool_later(struct pool *p, uint64_t wait_ns)
{
    uint64_t at_ns = loop_now(pool_loop(p)) + wait_ns;

    if (!timer_is_armed(&p->retry) || p->retry.at_ns < at_ns)
        timer_arm(pool_loop(p), &p->retry, at_ns);
}

/* Failures one after the other make the next try wait longer; the first loss of a line that was up, not at all. */
void pool_failed(struct pool *p, bool was_up)
{
    uint64_t wait_ns = p->backoff_ns == 0 && !was_up ? SEND_BACKOFF_MIN_NS : p->backoff_ns;

    p->backoff_ns = wait_ns == 0 ? SEND_BACKOFF_MIN_NS : 2 * wait_ns;
    if (p->backoff_ns > SEND_BACKOFF_MAX_NS)
        p->backoff_ns = SEND_BACKOFF_MAX_NS;
    pool_later(p, wait_ns);
}

bool pool_owes(const struct pool *p)
{
    return p->again > 0 || sender_has_due(p->load);
}

void pool_renew(struct pool_line *k)
{
    if (sender_has_more(k->pool->load))
        (void)k->pool->ops->connect(k->owner);
}

/* What is due, or waits, and finds no line deserves another one; they come up one after the other. */
void pool_grow(struct pool *p)
{
    bool due = sender_has_due(p->load);

    if (p->open == p->count || p->connecting > 0 || timer_is_armed(&p->retry) ||
        (!due && p->again == 0))
        return;
    for (uint32_t i = 0; i < p->count; i++)
        if (!p->lines[i].stream && (due || p->lines[i].waits)) {
            (void)p->ops->connect(p->lines[i].owner);
            return;
        }
}

/* Gives every line that can take one a message. */
void pool_due(struct pool *p)
{
    for (uint32_t i = 0; i < p->count; i++)
        if (!p->ops->next(p->lines[p->turn++ % p->count].owner))
            return;
    pool_grow(p);
}

static void on_retry(struct timer *t)
{
    struct pool *p = t->owner;

    if (pool_owes(p))
        pool_due(p);
}

/* --- a line's life ------------------------------------------------------------------------------------------------------ */

/* Deadlines move with every turn; the timer follows only when it fires. */
static void on_deadline(struct timer *t)
{
    struct pool_line *k = t->owner;
    struct pool *p = k->pool;

    if (!k->stream || k->deadline_ns == NEVER_NS)
        return;
    if (loop_now(pool_loop(p)) < k->deadline_ns)
        timer_arm(pool_loop(p), t, k->deadline_ns);
    else
        p->ops->late(k->owner);
}

void pool_watch_until(struct pool_line *k, uint64_t at_ns)
{
    k->deadline_ns = at_ns;
    if (!timer_is_armed(&k->timer) || at_ns < k->timer.at_ns)
        timer_arm(pool_loop(k->pool), &k->timer, at_ns);
}

void pool_watch(struct pool_line *k, uint64_t limit_s)
{
    const struct run_clock *clock = k->pool->load->context->clock;

    k->deadline_ns = NEVER_NS;
    if (limit_s > 0)
        pool_watch_until(k, loop_now(pool_loop(k->pool)) + clock_span(clock, limit_s * NS_PER_S));
}

bool pool_connect(struct pool_line *k, void (*ready)(struct stream *s, unsigned what))
{
    struct pool *p = k->pool;
    const struct sender_context *c = p->load->context;
    struct err e = {0};

    sender_counts(p->load)->connects++;
    k->stands = k->up = false;
    k->stream =
        loop_connect(c->loop, &c->work->profile->safety.guard, &p->to->addr, ready, k->owner, &e);
    if (!k->stream) {
        sender_counts(p->load)->connect_failures++;
        if (p->armed)
            p->arm_error = e;
        else if (sender_is_running(p->load))
            sender_finding(p->load, FIND_CONNECT_FAILED, 0, 0);
        arm_over(p, e.text);
        k->proven = false;
        pool_failed(p, false);
        return false;
    }
    p->open++;
    k->counted = !k->proven;
    p->connecting += k->counted;
    return true;
}

/* It is no longer one that the others wait for. */
static void uncount(struct pool_line *k)
{
    k->pool->connecting -= k->counted;
    k->counted = false;
}

void pool_up(struct pool_line *k, uint32_t session)
{
    k->up = k->proven = true;
    uncount(k);
    sender_session(k->pool->load, session);
    pool_stands(k->pool);
}

void pool_stands(struct pool *p)
{
    arm_over(p, NULL);
}

void pool_wait(struct pool_line *k, bool waits)
{
    k->pool->again -= k->waits;
    k->pool->again += waits;
    k->waits = waits;
}

void pool_broken(struct pool_line *k, enum finding what, uint32_t a, const char *words)
{
    struct pool *p = k->pool;

    if (p->armed)
        arm_over(p, words);
    else if (sender_is_running(p->load))
        sender_finding(p->load, what, a, 0);
    if (!k->up)
        sender_counts(p->load)->connect_failures++;
    p->ops->lost(k->owner);
}

void pool_close(struct pool_line *k)
{
    struct pool *p = k->pool;

    if (!k->stream)
        return;
    stream_close(k->stream); /* the timer stays: another connection moves its deadline */
    k->stream = NULL;
    p->open--;
    k->proven = k->proven && k->up;
    uncount(k);
}

/* --- beginning and end -------------------------------------------------------------------------------------------------- */

void pool_cut(struct pool *p)
{
    arm_over(p, "stopped");
    for (uint32_t i = 0; i < p->count; i++)
        p->ops->cut(p->lines[i].owner);
    timer_disarm(pool_loop(p), &p->retry);
}

void pool_halt(struct pool *p)
{
    for (uint32_t i = 0; i < p->count; i++)
        p->ops->halt(p->lines[i].owner);
}

bool pool_init(struct pool *p, const struct pool_ops *ops, struct sender_load *l,
               const struct end_point *to)
{
    *p = (struct pool){.ops = ops, .load = l, .to = to};
    p->server = &l->context->work->profile->site.servers[l->load->via];
    p->count = l->load->connections > 0 ? l->load->connections : 1;
    timer_init(&p->retry, on_retry, p);
    timer_init(&p->arm_limit, on_arm_limit, p);
    timer_init(&p->arm_answer, on_arm_answer, p);
    p->lines = calloc(p->count, sizeof *p->lines);
    for (uint32_t i = 0; p->lines && i < p->count; i++) {
        p->lines[i].pool = p;
        timer_init(&p->lines[i].timer, on_deadline, &p->lines[i]);
    }
    return p->lines;
}

void pool_fini(struct pool *p)
{
    timer_disarm(pool_loop(p), &p->retry);
    timer_disarm(pool_loop(p), &p->arm_limit);
    timer_disarm(pool_loop(p), &p->arm_answer);
    for (uint32_t i = 0; p->lines && i < p->count; i++)
        timer_disarm(pool_loop(p), &p->lines[i].timer);
    free(p->lines);
}
