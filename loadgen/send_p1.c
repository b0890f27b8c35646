/* send_p1.c - X.400 P1 over the associations of one load on one thread: `sender_p1`, a row of the table of senders.
 *
 * Associations (p1_call.c) are opened as they are needed, up to `connections`, and stay open; each has one message under way.
 * Whatever is decided during a wakeup leaves an association in one write: for a message of up to 64 KB its start, octets and
 * end. A message in doubt stays with its association's place and is sent again, octet for octet, when that has a new
 * association (load.resend). Two-way alternate: the peer gets the turn between messages when it asks. All memory is made when
 * the load is opened. An association that breaks before a message was answered on it makes the next try wait (SEND_BACKOFF),
 * so a peer that is down costs a few tries a second, each of them a finding.
 */
#include <stdio.h>
#include <stdlib.h>

#include "loadgen/p1_call.h"
#include "loadgen/p1_peer.h"
#include "loadgen/sender_ops.h"

static struct loop *loop_of(const struct p1_pool *p)
{
    return p->load->context->loop;
}

/* --- arming ---------------------------------------------------------------------------------------------------------- */

/* The answer comes from a timer: never from inside the call that asked. */
void p1_pool_armed(struct p1_pool *p, const char *what)
{
    char text[NET_TEXT];

    if (!p->armed || timer_is_armed(&p->arm_answer))
        return;
    if (what && p->arm_error.code == 0)
        err_set(&p->arm_error, EX_TARGET, "%s", what);
    if (what)
        err_wrap(&p->arm_error, "server %s (%s)", p->server->name,
                 net_print(&p->server->p1.at.addr, text));
    timer_disarm(loop_of(p), &p->arm_limit);
    timer_arm(loop_of(p), &p->arm_answer, loop_now(loop_of(p)));
}

static void on_arm_answer(struct timer *t)
{
    struct p1_pool *p = t->owner;
    void (*armed)(struct sender_load * l, const struct err *e) = p->armed;

    p->armed = NULL;
    armed(p->load, p->arm_error.code ? &p->arm_error : NULL);
}

static void on_arm_limit(struct timer *t)
{
    struct p1_pool *p = t->owner;

    for (uint32_t i = 0; i < p->count; i++)
        if (p->calls[i].stream && !p->calls[i].up) {
            err_set(&p->arm_error, EX_TARGET, "no answer, %s", p1_call_doing(&p->calls[i]));
            p1_call_lost(&p->calls[i]);
        }
    p1_pool_armed(p, "no answer");
}

/* --- more associations, and fewer tries --------------------------------------------------------------------------------- */

static void pool_later(struct p1_pool *p, uint64_t wait_ns)
{
    uint64_t at_ns = loop_now(loop_of(p)) + wait_ns;

    if (!timer_is_armed(&p->retry) || p->retry.at_ns < at_ns)
        timer_arm(loop_of(p), &p->retry, at_ns);
}

/* Failures one after the other make the next try wait longer; the first loss of an association that was up, not at all. */
void p1_pool_failed(struct p1_pool *p, bool was_up)
{
    uint64_t wait_ns = p->backoff_ns == 0 && !was_up ? SEND_BACKOFF_MIN_NS : p->backoff_ns;

    p->backoff_ns = wait_ns == 0 ? SEND_BACKOFF_MIN_NS : 2 * wait_ns;
    if (p->backoff_ns > SEND_BACKOFF_MAX_NS)
        p->backoff_ns = SEND_BACKOFF_MAX_NS;
    pool_later(p, wait_ns);
}

/* What is due, or in doubt, and finds no association deserves another one; they come up one after the other. */
void p1_pool_grow(struct p1_pool *p)
{
    bool due = sender_has_due(p->load);

    if (p->open == p->count || p->connecting > 0 || timer_is_armed(&p->retry) ||
        (!due && p->again == 0))
        return;
    for (uint32_t i = 0; i < p->count; i++)
        if (!p->calls[i].stream && (due || p->calls[i].live)) {
            (void)p1_call_connect(&p->calls[i]);
            return;
        }
}

/* Gives every association that can take one a message. */
static void pool_due(struct p1_pool *p)
{
    for (uint32_t i = 0; i < p->count; i++) {
        p1_call_next(&p->calls[p->turn++ % p->count]);
        if (p->again == 0 && !sender_has_due(p->load))
            return;
    }
    p1_pool_grow(p);
}

static void on_retry(struct timer *t)
{
    struct p1_pool *p = t->owner;

    if (p->again > 0 || sender_has_due(p->load))
        pool_due(p);
}

/* --- the driver --------------------------------------------------------------------------------------------------------- */

static bool p1_open(struct sender_load *l, struct err *e)
{
    const struct profile *profile = l->context->work->profile;
    struct p1_pool *p = calloc(1, sizeof *p);

    l->state = p;
    if (!p)
        return err_set(e, EX_IO, "out of memory");
    p->load = l;
    p->server = &profile->site.servers[l->load->via];
    p->count = l->load->connections > 0 ? l->load->connections : 1;
    timer_init(&p->retry, on_retry, p);
    timer_init(&p->arm_limit, on_arm_limit, p);
    timer_init(&p->arm_answer, on_arm_answer, p);
    p->orders = p1_orders_create(l, e);
    if (!p->orders)
        return false;
    p->apdu_room = p1_orders_most(p->orders);
    struct slice bind = p1_peer_bind(&profile->x400, p->bind);
    if (bind.n == 0)
        return err_set(e, EX_BAD_PROFILE, "x400: name and password are too long for a bind");
    p->calls = calloc(p->count, sizeof *p->calls);
    for (uint32_t i = 0; p->calls && i < p->count; i++)
        if (!p1_call_open(&p->calls[i], p, bind))
            return err_set(e, EX_IO, "out of memory for associations");
    return p->calls || err_set(e, EX_IO, "out of memory for associations");
}

static void p1_arm(struct sender_load *l, void (*done)(struct sender_load *l, const struct err *e))
{
    struct p1_pool *p = l->state;

    p->armed = done;
    p->arm_error = (struct err){0};
    timer_arm(loop_of(p), &p->arm_limit, loop_now(loop_of(p)) + SEND_ARM_NS);
    if (!p->calls[0].stream)
        (void)p1_call_connect(&p->calls[0]);
    else if (p->calls[0].up)
        p1_pool_armed(p, NULL);
}

static void p1_due(struct sender_load *l)
{
    pool_due(l->state);
}

static void p1_cut(struct sender_load *l)
{
    struct p1_pool *p = l->state;

    p1_pool_armed(p, "stopped");
    for (uint32_t i = 0; i < p->count; i++)
        p1_call_cut(&p->calls[i]);
    p->again = 0;
    timer_disarm(loop_of(p), &p->retry);
}

static void p1_close(struct sender_load *l)
{
    struct p1_pool *p = l->state;

    if (!p)
        return;
    for (uint32_t i = 0; p->calls && i < p->count; i++)
        p1_call_close(&p->calls[i]);
    timer_disarm(loop_of(p), &p->retry);
    timer_disarm(loop_of(p), &p->arm_limit);
    timer_disarm(loop_of(p), &p->arm_answer);
    p1_orders_destroy(p->orders);
    free(p->calls);
    free(p);
    l->state = NULL;
}

const struct sender_ops sender_p1 = {
    .name = "p1",
    .help = "X.400 P1, one message at a time on each association",
    .open = p1_open,
    .arm = p1_arm,
    .due = p1_due,
    .cut = p1_cut,
    .close = p1_close,
};
