/* probe_p1.c - one mailbox that lives at our own MTA: what came for it was journalled when it came.
 *
 * So a scan is over as soon as it begins: nothing of this mailbox lies anywhere but in the journal, and nothing ever goes.
 * It is told from the loop all the same, where the probe may be closed.
 */
#include <stdlib.h>

#include "probes/correlate.h"
#include "probes/p1_listener.h"

struct p1_probe {
    struct probe p; /* first */
    struct probe_context c;
    struct timer timer;
};

static void on_timer(struct timer *t)
{
    struct p1_probe *p = t->owner;
    uint64_t now_ns = loop_now(p->c.loop);

    p->p.complete_ns = now_ns;
    p->p.scans++;
    (void)journal_add(p->c.journal,
                      &(struct event){.t_ns = clock_target(p->c.clock, now_ns),
                                      .kind = EV_SCAN,
                                      .place = (uint16_t)p->p.server,
                                      .code = SCAN_COMPLETE,
                                      .a = p->p.mailbox,
                                      .b = p1_listener_epoch(p->c.listener, p->p.mailbox)});
    if (p->p.scanned)
        p->p.scanned(&p->p);
}

static void p1_scan(struct probe *probe)
{
    struct p1_probe *p = (struct p1_probe *)probe;

    timer_arm(p->c.loop, &p->timer, loop_now(p->c.loop));
}

static struct probe *p1_open(const struct probe_context *c, const struct probe_profile *how,
                             uint32_t mailbox, uint32_t server, struct err *e)
{
    struct p1_probe *p = c->listener ? calloc(1, sizeof *p) : NULL;

    (void)how;
    if (!p) {
        (void)err_set(e, EX_IO,
                      c->listener ? "out of memory" : "nobody listens for our own MTA's mail");
        return NULL;
    }
    p->p = (struct probe){.ops = &probe_p1, .mailbox = mailbox, .server = server, .why = ""};
    p->c = *c;
    timer_init(&p->timer, on_timer, p);
    p1_scan(&p->p);
    return &p->p;
}

static void p1_close(struct probe *probe)
{
    struct p1_probe *p = (struct p1_probe *)probe;

    timer_disarm(p->c.loop, &p->timer);
    free(p);
}

const struct probe_ops probe_p1 = {
    .name = "p1",
    .help = "a mailbox at our own X.400 MTA: what came for it over P1, and its reports",
    .sees = SEES_COPIES | SEES_REPORTS,
    .open = p1_open,
    .scan = p1_scan,
    .close = p1_close,
};
