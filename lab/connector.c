/* connector.c - three lists a server, and what a hand-out shows of a copy. */
#include "lab/connector.h"

#include <inttypes.h>

#include "base/clock.h"
#include "lab/core.h"

void copy_list_join(struct copy_list *list, struct copy *c)
{
    c->list = list;
    c->held_next = NULL;
    c->held_prev = list->last;
    if (list->last)
        list->last->held_next = c;
    else
        list->first = c;
    list->last = c;
}

void copy_list_leave(struct copy_list *list, struct copy *c)
{
    if (c->held_prev)
        c->held_prev->held_next = c->held_next;
    else
        list->first = c->held_next;
    if (c->held_next)
        c->held_next->held_prev = c->held_prev;
    else
        list->last = c->held_prev;
    c->list = NULL;
}

static struct connector *connector_of(struct lab *l, const struct copy *c)
{
    return &l->server[c->server].mta.connector;
}

/* Ready: only its expiry may still wake it. */
static void wait_for_front(struct lab *l, struct copy *c, struct copy_list *list)
{
    c->next_try_ns = l->now_ns;
    schedule_at(&l->schedule, &c->due, c->mail->expires_ns, DUE_DELIVERY);
    copy_list_join(list, c);
}

void connector_accept(struct lab *l, struct copy *c)
{
    copy_wait(l, c, COPY_OUTGOING, NEVER_NS);
    wait_for_front(l, c, &connector_of(l, c)->fresh);
}

void connector_ready(struct lab *l, struct copy *c)
{
    wait_for_front(l, c, &connector_of(l, c)->again);
}

void connector_forget(struct lab *l, struct copy *c, const char *why)
{
    struct fact f = copy_fact(l, c, TRACK_NONE, c->mail->about ? "report-returned" : "returned");

    truth_note(l->truth, l->now_ns, &f, "why=%s", why);
    c->handed = 0;
}

/* --- handing out ------------------------------------------------------------------------------------------------- */

static void describe(const struct lab *l, const struct copy *c, struct lab_outgoing *out)
{
    const struct mail *own = c->mail, *m = own->about ? own->about : own;
    uint32_t named = own->about ? own->about_mailbox : c->mailbox;
    enum mail_role role = own->about ? own->about_role : c->role;
    const struct mail_recipient *r =
        &m->recipient[own->about ? own->about_recipient : c->recipient];

    *out = (struct lab_outgoing){.id = c->handed,
                                 .is_report = own->about != NULL,
                                 .apdu = m->apdu,
                                 .number = r->number,
                                 .from = m->from,
                                 .to = r->address,
                                 .subject = m->subject,
                                 .content = slice_skip(m->content, m->body_at),
                                 .mts_id = own->mts_id,
                                 .at_ns = own->submitted_ns,
                                 .delivered = own->about_delivered,
                                 .reason = own->about_reason,
                                 .diag = own->about_diag};
    if (role == ROLE_ALTERNATE) {
        out->to = slice_of(l->mailbox[named].address);
        out->intended = r->address;
    }
}

bool lab_outgoing_next(struct lab *l, int server, struct lab_outgoing *out)
{
    PM_ASSERT(server >= 0 && server < l->servers);
    struct lab_server *s = &l->server[server];
    struct connector *k = &s->mta.connector;
    struct copy *c = k->again.first ? k->again.first : k->fresh.first;

    if (!s->mta_up || !s->front_up[FRONT_P1] || !c)
        return false;
    copy_resume(l, c);
    schedule_cancel(&l->schedule, &c->due);
    c->state = COPY_HANDED;
    c->next_try_ns = l->now_ns;
    c->handed = ++l->handouts;
    copy_list_join(&k->handed, c);
    describe(l, c, out);
    return true;
}

static void taken(struct lab *l, struct copy *c)
{
    bool report = c->mail->about != NULL;
    struct fact out = copy_fact(l, c, report ? TRACK_REPORT_OUT : TRACK_OUT,
                                report ? "report-transferred" : "transferred");
    struct fact in = copy_fact(l, c, report ? TRACK_REPORT_DELIVERED : TRACK_DELIVERED,
                               report ? "report-delivered" : "delivered");

    truth_note(l->truth, l->now_ns, &out, "to=" CONNECTOR_NAME);
    truth_note(l->truth, l->now_ns, &in, "uid=0 validity=0");
    copy_end(l, c);
}

static void not_taken(struct lab *l, struct copy *c)
{
    bool gives_up = l->knobs.peer_down_policy == PEER_DOWN_NDR;

    connector_forget(l, c, "not-taken");
    copy_resume(l, c);
    if (gives_up && c->tries >= l->knobs.max_open_retries) {
        copy_fail(l, c, 0, NO_DIAG);
        return;
    }
    c->tries++;
    copy_wait(l, c, COPY_OUTGOING, l->now_ns + l->knobs.open_interval_ns);
}

void lab_outgoing_ended(struct lab *l, int server, uint64_t id, bool was_taken)
{
    PM_ASSERT(server >= 0 && server < l->servers);
    struct copy *c = l->server[server].mta.connector.handed.first;

    while (c && c->handed != id)
        c = c->held_next;
    if (!c)
        return;
    if (was_taken)
        taken(l, c);
    else
        not_taken(l, c);
}
