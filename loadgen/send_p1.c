/* send_p1.c - X.400 P1 over the associations of one load on one thread: `sender_p1`, a row of the table of senders.
 *
 * Associations (p1_call.c) are opened as they are needed (pool.c) and stay open; each has one message under way. Whatever is
 * decided during a wakeup leaves an association in one write: for a message of up to 64 KB its start, octets and end. A
 * message in doubt stays with its association's place and is sent again, octet for octet, when that has a new association
 * (load.resend). Two-way alternate: the peer gets the turn between messages when it asks. All memory is made when the load is
 * opened.
 */
#include <stdlib.h>

#include "loadgen/p1_call.h"
#include "loadgen/p1_peer.h"
#include "loadgen/sender_ops.h"

static bool p1_open(struct sender_load *l, struct err *e)
{
    const struct profile *profile = l->context->work->profile;
    const struct server *server = &profile->site.servers[l->load->via];
    struct p1_pool *p = calloc(1, sizeof *p);

    l->state = p;
    if (!p)
        return err_set(e, EX_IO, "out of memory");
    if (!pool_init(&p->pool, &p1_call_ops, l, &server->p1.at))
        return err_set(e, EX_IO, "out of memory for associations");
    p->orders = p1_orders_create(l, e);
    if (!p->orders)
        return false;
    p->apdu_room = p1_orders_most(p->orders);
    struct slice bind = p1_peer_bind(&profile->x400, p->bind);
    if (bind.n == 0)
        return err_set(e, EX_BAD_PROFILE, "x400: name and password are too long for a bind");
    p->calls = calloc(p->pool.count, sizeof *p->calls);
    for (uint32_t i = 0; p->calls && i < p->pool.count; i++)
        if (!p1_call_open(&p->calls[i], p, bind))
            return err_set(e, EX_IO, "out of memory for associations");
    return p->calls || err_set(e, EX_IO, "out of memory for associations");
}

static void p1_arm(struct sender_load *l, void (*done)(struct sender_load *l, const struct err *e))
{
    struct p1_pool *p = l->state;

    pool_arm(&p->pool, done);
}

static void p1_due(struct sender_load *l)
{
    struct p1_pool *p = l->state;

    pool_due(&p->pool);
}

static void p1_cut(struct sender_load *l)
{
    struct p1_pool *p = l->state;

    pool_cut(&p->pool);
}

static void p1_halt(struct sender_load *l)
{
    struct p1_pool *p = l->state;

    pool_halt(&p->pool);
}

static void p1_close(struct sender_load *l)
{
    struct p1_pool *p = l->state;

    if (!p)
        return;
    for (uint32_t i = 0; p->calls && i < p->pool.count; i++)
        p1_call_close(&p->calls[i]);
    pool_fini(&p->pool);
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
    .halt = p1_halt,
    .close = p1_close,
};
