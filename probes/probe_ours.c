/* probe_ours.c - one mailbox that lives at our own MTA: what came for it was journalled when it came.
 *
 * So a scan is over as soon as it begins: nothing of this mailbox lies anywhere but in the journal, and nothing ever goes.
 * It is told from the loop all the same, where the probe may be closed.
 */
#include <stdlib.h>

#include "probes/correlate.h"
#include "probes/ours.h"

struct our_probe {
    struct probe p; /* first */
    struct probe_context c;
    struct timer timer;
};

static void on_timer(struct timer *t)
{
    struct our_probe *p = t->owner;
    uint64_t now_ns = loop_now(p->c.loop);

    p->p.complete_ns = now_ns;
    p->p.scans++;
    (void)journal_add(p->c.journal, &(struct event){.t_ns = clock_target(p->c.clock, now_ns),
                                                    .kind = EV_SCAN,
                                                    .place = (uint16_t)p->p.server,
                                                    .code = SCAN_COMPLETE,
                                                    .a = p->p.mailbox,
                                                    .b = ours_epoch(correlate_ours(p->c.correlate),
                                                                    p->p.mailbox)});
    if (p->p.scanned)
        p->p.scanned(&p->p);
}

static void ours_scan(struct probe *probe)
{
    struct our_probe *p = (struct our_probe *)probe;

    timer_arm(p->c.loop, &p->timer, loop_now(p->c.loop));
}

static struct probe *ours_open(const struct probe_context *c, const struct probe_profile *how,
                               uint32_t mailbox, uint32_t server, struct err *e)
{
    bool heard = c->listener || c->smtp_listener;
    struct our_probe *p = heard ? calloc(1, sizeof *p) : NULL;

    (void)how;
    if (!p) {
        (void)err_set(e, EX_IO, heard ? "out of memory" : "nobody listens for our own MTA's mail");
        return NULL;
    }
    p->p = (struct probe){.ops = &probe_ours, .mailbox = mailbox, .server = server, .why = ""};
    p->c = *c;
    timer_init(&p->timer, on_timer, p);
    ours_scan(&p->p);
    return &p->p;
}

static void ours_close(struct probe *probe)
{
    struct our_probe *p = (struct our_probe *)probe;

    timer_disarm(p->c.loop, &p->timer);
    free(p);
}

const struct probe_ops probe_ours = {
    .name = "ours",
    .help = "a mailbox at our own MTA: what came for it over X.400, SMTP or LMTP, and its reports",
    .sees = SEES_COPIES | SEES_REPORTS,
    .open = ours_open,
    .scan = ours_scan,
    .close = ours_close,
};
