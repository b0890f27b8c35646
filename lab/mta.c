/* mta.c - the model's section 6, event by event.
 *
 * The heart of Q172364 is here: a deferred copy is resolved again through the cache when its move ends, and one late
 * arrival may have refreshed that cache with the old home just before.
 */
#include "lab/mta.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "lab/bounce.h"
#include "lab/core.h"

enum lookup { LOOKUP_FOUND, LOOKUP_NONE, LOOKUP_DOWN };

static void copy_fire(struct due *d, uint64_t now_ns);
static void route(struct lab *l, struct copy *c);

static struct mta *mta_of(struct lab *l, const struct copy *c)
{
    return &l->server[c->server].mta;
}

static bool is_report(const struct copy *c)
{
    return c->mail->about != NULL;
}

struct fact copy_fact(const struct lab *l, const struct copy *c, enum tracking number,
                      const char *word)
{
    return (struct fact){.number = number,
                         .word = word,
                         .mail = c->mail,
                         .recipient = c->recipient,
                         .role = c->role,
                         .mailbox = lab_mailbox_name(l, c->mailbox),
                         .server = l->server[c->server].name};
}

/* --- lists ------------------------------------------------------------------------------------------------------ */

static void join_server(struct lab *l, struct copy *c, int server)
{
    struct mta *m = &l->server[server].mta;

    c->server = server;
    c->next = NULL;
    c->prev = m->last;
    if (m->last)
        m->last->next = c;
    else
        m->first = c;
    m->last = c;
    m->held++;
    m->in++;
}

static void leave_server(struct lab *l, struct copy *c)
{
    struct mta *m = mta_of(l, c);

    if (c->prev)
        c->prev->next = c->next;
    else
        m->first = c->next;
    if (c->next)
        c->next->prev = c->prev;
    else
        m->last = c->prev;
    m->held--;
    m->out++;
}

static struct copy *copy_create(struct lab *l, int server, struct mail *m, uint32_t recipient,
                                uint32_t mailbox, enum mail_role role)
{
    struct copy *c = l->spare;

    if (c)
        l->spare = c->next;
    else
        c = lab_memory(NULL, 0, sizeof *c);
    *c = (struct copy){.lab = l};
    c->due = (struct due){.fire = copy_fire, .owner = c};
    c->mail = mail_keep(m);
    c->id = ++l->copies;
    c->recipient = recipient;
    c->mailbox = mailbox;
    c->role = role;
    c->peer = -1;
    join_server(l, c, server);
    return c;
}

void copy_end(struct lab *l, struct copy *c)
{
    schedule_cancel(&l->schedule, &c->due);
    if (c->list)
        copy_list_leave(c->list, c);
    leave_server(l, c);
    mail_release(c->mail);
    c->next = l->spare;
    l->spare = c;
}

void mta_free_spare(struct lab *l)
{
    while (l->spare) {
        struct copy *c = l->spare;

        l->spare = c->next;
        free(c);
    }
}

/* --- waiting ---------------------------------------------------------------------------------------------------- */

const char *copy_state_name(enum copy_state s)
{
    static const char *const names[] = {
        "work",  "queued",     "in-transfer",       "deferred", "await-report",
        "retry", "in-transit", "deferred-delivery", "outgoing", "in-transfer"};

    return names[s];
}

const char *copy_queue_name(const struct lab *l, const struct copy *c)
{
    if (c->peer >= 0)
        return l->server[c->peer].name;
    if (c->state == COPY_OUTGOING || c->state == COPY_HANDED)
        return CONNECTOR_NAME;
    return c->state == COPY_WORK || c->state == COPY_NOT_YET ? "WORK" : "PRIV";
}

void copy_wait(struct lab *l, struct copy *c, enum copy_state state, uint64_t next_try_ns)
{
    struct fact f = copy_fact(l, c, TRACK_NONE, "queued");
    bool expires = state != COPY_AWAIT_REPORT && state != COPY_IN_TRANSIT;
    uint64_t wake = next_try_ns;

    if (expires && c->mail->expires_ns < wake)
        wake = c->mail->expires_ns;
    c->state = state;
    c->next_try_ns = next_try_ns;
    if (state == COPY_DEFERRED || state == COPY_IN_TRANSIT)
        copy_list_join(&store_box(l, c->server, c->mailbox)->held, c);
    schedule_at(&l->schedule, &c->due, wake, DUE_DELIVERY);
    truth_note(l->truth, l->now_ns, &f, "state=%s", copy_state_name(state));
}

void copy_resume(struct lab *l, struct copy *c)
{
    bool waited = c->state != COPY_WORK && c->state != COPY_IN_TRANSFER && c->state != COPY_RETRY &&
                  c->state != COPY_HANDED;

    if (waited) {
        struct fact f = copy_fact(l, c, TRACK_NONE, "released");

        truth_note(l->truth, l->now_ns, &f, "state=%s", copy_state_name(c->state));
    }
    if (c->list)
        copy_list_leave(c->list, c);
    c->peer = -1;
}

static void copy_plan(struct lab *l, struct copy *c, enum copy_state state, uint64_t at_ns,
                      enum due_class class_)
{
    copy_resume(l, c);
    c->state = state;
    c->next_try_ns = at_ns;
    schedule_at(&l->schedule, &c->due, at_ns, class_);
}

/* --- look-ups --------------------------------------------------------------------------------------------------- */

static enum lookup lookup_home(struct lab *l, int server, uint32_t mailbox, int *home)
{
    struct mta *m = &l->server[server].mta;
    bool trust = lab_has(l, FAULT_STALE) && m->latency_ns > 0;

    if (mailbox == NO_MAILBOX)
        return directory_is_up(l->directory, server) ? LOOKUP_NONE : LOOKUP_DOWN;
    struct home_line *line = &m->homes[mailbox];

    if (trust && line->known && l->now_ns - line->fetched_ns <= m->latency_ns) {
        *home = line->home; /* a hit does not extend its life */
        return LOOKUP_FOUND;
    }
    const struct directory_entry *e = directory_read(l->directory, server, mailbox);

    if (!e)
        return LOOKUP_DOWN;
    *line = (struct home_line){.fetched_ns = l->now_ns, .home = e->home, .known = true};
    *home = e->home;
    return LOOKUP_FOUND;
}

static enum lookup lookup_alternate(struct lab *l, int server, uint32_t mailbox,
                                    uint32_t *alternate, bool *both)
{
    struct alternate_line *line = &l->server[server].mta.alternates[mailbox];

    if (!line->known || l->now_ns - line->fetched_ns > l->knobs.alt_cache_ttl_ns) {
        const struct directory_entry *e = directory_read(l->directory, server, mailbox);

        if (!e)
            return LOOKUP_DOWN;
        *line = (struct alternate_line){
            .fetched_ns = l->now_ns, .alternate = e->alternate, .both = e->both, .known = true};
    }
    *alternate = line->alternate;
    *both = line->both;
    return *alternate == NO_MAILBOX ? LOOKUP_NONE : LOOKUP_FOUND;
}

static void directory_is_down(struct lab *l, struct copy *c)
{
    if (lab_has(l, FAULT_DS_DOWN_SILENT)) {
        struct fact f = copy_fact(l, c, TRACK_NONE, is_report(c) ? "report-discarded" : "dropped");

        truth_note(l->truth, l->now_ns, &f, "why=directory-down");
        copy_end(l, c);
        return;
    }
    copy_wait(l, c, COPY_QUEUED, l->now_ns + l->knobs.ds_retry_ns);
}

/* --- reports ---------------------------------------------------------------------------------------------------- */

static bool write_report(struct lab *l, const struct copy *c, uint32_t named, enum mail_role role,
                         const struct report_cause *why)
{
    const struct mail *m = c->mail;
    const struct mail_recipient *r = &m->recipient[c->recipient];
    const char *name = lab_mailbox_name(l, named);
    char mts_id[MAIL_MTS_ROOM];
    struct slice address =
        role == ROLE_ALTERNATE ? slice_of(l->mailbox[named].address) : r->address;

    struct bounce b = {.kind = why->kind,
                       .as_dsn = l->knobs.ndr_format == NDR_DSN,
                       .generation = l->version->generation,
                       .build = l->version->build,
                       .domain = l->domain,
                       .site = l->site,
                       .server = l->server[c->server].name,
                       .component = "MSExchangeMTA",
                       .id = ++l->reports,
                       .sent_ns = m->submitted_ns,
                       .now_ns = l->now_ns,
                       .to = m->from,
                       .subject = m->subject,
                       .name = name ? slice_of(name) : address,
                       .address = address,
                       .orcpt = r->orcpt,
                       .envid = m->envid,
                       .mts_id = slice_of(mail_print_mts_id(m, mts_id)),
                       .original = slice_skip(m->content, m->body_at),
                       .headers_only = m->ret_hdrs,
                       .reason = why->reason,
                       .diag = why->diag};

    plant_report(l, &b);
    buf_clear(&l->scratch);
    return bounce_write(&l->scratch, &b);
}

/* A report about copy c (or about `role` and mailbox `named` beside it) starts its way from c's server. */
static void make_report(struct lab *l, const struct copy *c, uint32_t named, enum mail_role role,
                        struct report_cause why)
{
    struct mail *about = c->mail;
    struct mail_recipient to = {.address = about->from, .mailbox = about->from_mailbox};
    struct fact f = copy_fact(l, c, TRACK_REPORT_MADE, "report");
    const char *name = lab_mailbox_name(l, named);
    bool failed = why.kind == BOUNCE_FAILED;

    bool abroad = to.mailbox != NO_MAILBOX && l->mailbox[to.mailbox].is_foreign;

    if (abroad && why.kind == BOUNCE_DELAYED)
        return; /* a report of P1 says delivered or not delivered, X.411 */
    buf_clear(&l->scratch);
    PM_MEMORY(abroad || write_report(l, c, named, role, &why)); /* abroad: nobody reads a text */
    plant_report_text(l, c, &to);
    struct mail *m = mail_create(
        &(struct mail_source){.content = buf_slice(&l->scratch), .recipients = &to, .count = 1});

    m->id = ++l->mails;
    m->server = c->server;
    m->submitted_ns = l->now_ns;
    m->expires_ns = l->now_ns + l->knobs.expiry_normal_ns;
    m->from_mailbox = NO_MAILBOX;
    mail_make_mts_id(m, l->server[c->server].name, l->now_ns,
                     abroad || about->apdu.n > 0 ? MTS_STORE : MTS_SMTP);
    m->about = mail_keep(about);
    m->about_recipient = c->recipient;
    m->about_role = role;
    m->about_mailbox = named;
    m->about_delivered = !failed;
    m->about_reason = why.reason;
    m->about_diag = why.diag;
    f.role = role;
    truth_note(l->truth, l->now_ns, &f, "kind=%s status=%s reason=%d diag=%d names=%s to=%.*s",
               bounce_action(why.kind), bounce_status(why.kind, why.reason, why.diag), why.reason,
               why.diag, name ? name : "address", (int)about->from.n, (const char *)about->from.p);
    copy_plan(l, copy_create(l, c->server, m, 0, to.mailbox, ROLE_REPORT), COPY_WORK, l->now_ns,
              DUE_DELIVERY);
    mail_release(m);
}

void copy_report(struct lab *l, const struct copy *c, struct report_cause why)
{
    make_report(l, c, c->mailbox, c->role, why);
}

static bool originator_unreachable(struct lab *l, int server, uint32_t originator)
{
    int home = -1;

    if (originator == NO_MAILBOX)
        return false;
    const struct box *b = store_box(l, server, originator);

    if (b->moving)
        return true;
    return lookup_home(l, server, originator, &home) == LOOKUP_FOUND && home == server &&
           b->state == BOX_ABSENT;
}

static void drop(struct lab *l, struct copy *c, const char *word, const char *why)
{
    struct fact f = copy_fact(l, c, TRACK_NONE, word);

    if (is_report(c))
        f = copy_fact(l, c, TRACK_REPORT_DISCARDED, "report-discarded");
    truth_note(l->truth, l->now_ns, &f, "why=%s", why);
    copy_end(l, c);
}

void copy_fail(struct lab *l, struct copy *c, int reason, int diag)
{
    const struct mail *m = c->mail;
    struct fact f = copy_fact(l, c, TRACK_NONE, "failed");

    if (is_report(c)) {
        drop(l, c, "", "undeliverable"); /* event 43, IS 2026: reports never cause reports */
        return;
    }
    truth_note(l->truth, l->now_ns, &f, "reason=%d diag=%d", reason, diag);
    if (lab_has(l, FAULT_ALT_SILENT) && c->has_both && c->deferred_once && reason == 0)
        drop(l, c, "dropped", "alternate");
    else if (m->recipient[c->recipient].never)
        drop(l, c, "suppressed", "notify-never");
    else if (m->from.n == 0)
        drop(l, c, "suppressed", "null-sender");
    else if (lab_has(l, FAULT_STRAND) && originator_unreachable(l, c->server, m->from_mailbox))
        copy_wait(l, c, COPY_AWAIT_REPORT, NEVER_NS);
    else {
        make_report(l, c, c->mailbox, c->role, (struct report_cause){BOUNCE_FAILED, reason, diag});
        copy_end(l, c);
    }
}

/* --- to the store ----------------------------------------------------------------------------------------------- */

void copy_into(struct lab *l, const struct copy *c, int server, uint32_t mailbox)
{
    struct fact f = copy_fact(l, c, is_report(c) ? TRACK_REPORT_DELIVERED : TRACK_DELIVERED,
                              is_report(c) ? "report-delivered" : "delivered");
    uint32_t uid = store_deliver(l, server, mailbox, c->mail, c->recipient, c->role);

    f.mailbox = lab_mailbox_name(l, mailbox);
    f.server = l->server[server].name;
    truth_note(l->truth, l->now_ns, &f, "uid=%" PRIu32 " validity=%" PRIu32, uid,
               store_box(l, server, mailbox)->uid_validity);
}

static void deliver_now(struct lab *l, struct copy *c)
{
    if (plant_delivery(l, c))
        return;

    const struct mail_recipient *r = &c->mail->recipient[c->recipient];

    copy_into(l, c, c->server, c->mailbox);
    store_mark(l, c->server, c->mailbox, c->planted);
    if (!is_report(c) && c->role == ROLE_PRIMARY && r->success && c->mail->from.n > 0)
        make_report(l, c, c->mailbox, c->role, (struct report_cause){BOUNCE_DELIVERED, 0, 0});
    copy_end(l, c);
}

static void defer(struct lab *l, struct copy *c)
{
    bool timed = l->knobs.in_transit_policy == IN_TRANSIT_RETRY_THEN_NDR;

    c->deferred_once = true;
    if (timed && c->tries >= l->knobs.max_transfer_retries) {
        copy_fail(l, c, 0, NO_DIAG);
        return;
    }
    c->tries++;
    copy_wait(l, c, COPY_DEFERRED, timed ? l->now_ns + l->knobs.transfer_interval_ns : NEVER_NS);
}

/* The store has no such mailbox. A modern one knows that it moved away: the MTA forgets and asks again. */
static void deliver_to_nobody(struct lab *l, struct copy *c)
{
    int home = -1;

    if (l->knobs.tombstone_reroute) {
        mta_of(l, c)->homes[c->mailbox].known = false;
        enum lookup found = lookup_home(l, c->server, c->mailbox, &home);

        if (found == LOOKUP_DOWN || (found == LOOKUP_FOUND && home != c->server)) {
            route(l, c);
            return;
        }
    }
    copy_fail(l, c, 0, NO_DIAG);
}

static void deliver(struct lab *l, struct copy *c)
{
    const struct lab_server *s = &l->server[c->server];
    const struct box *b = store_box(l, c->server, c->mailbox);

    if (!s->store_up && lab_has(l, FAULT_CRASH_PERM)) {
        copy_fail(l, c, 0, NO_DIAG);
        return;
    }
    if (!s->store_up || s->store_hung) {
        copy_wait(l, c, COPY_QUEUED,
                  s->store_up ? NEVER_NS : l->now_ns + l->knobs.transfer_interval_ns);
        return;
    }
    switch (b->state) {
    case BOX_NORMAL:
        deliver_now(l, c);
        return;
    case BOX_SRC_MOVING:
        if (!plant_behind(l, c))
            defer(l, c);
        return;
    case BOX_DST_CREATED:
        if (lab_has(l, FAULT_INTRANSIT_GAP))
            drop(l, c, "dropped", "created-not-flagged");
        else
            copy_wait(l, c, COPY_IN_TRANSIT, NEVER_NS);
        return;
    case BOX_DST_INTRANSIT:
        copy_wait(l, c, COPY_IN_TRANSIT, NEVER_NS);
        return;
    case BOX_ABSENT:
        if (b->moving)
            defer(l, c);
        else
            deliver_to_nobody(l, c);
        return;
    }
}

/* --- routing ---------------------------------------------------------------------------------------------------- */

static void wait_for_peer(struct lab *l, struct copy *c, int peer)
{
    bool gives_up = l->knobs.peer_down_policy == PEER_DOWN_NDR;

    c->peer = peer;
    if (gives_up && c->tries >= l->knobs.max_open_retries) {
        c->peer = -1;
        copy_fail(l, c, 0, NO_DIAG);
        return;
    }
    c->tries++;
    copy_wait(l, c, COPY_QUEUED, l->now_ns + l->knobs.open_interval_ns);
}

/* Its originator asked for a later time: true if it waits. A timer that is lost (Q248253) lets it go at once, late, or not
 * before the MTA is started again. */
static bool wait_until_asked(struct lab *l, struct copy *c)
{
    uint64_t at_ns = c->mail->deferred_ns, percent = l->knobs.defer_timer_percent;

    if (l->now_ns >= at_ns || c->timer_lost)
        return false;
    bool wrong =
        !c->timer_set && lab_has(l, FAULT_DEFER_TIMER) && percent > 0 && lab_chance(l, percent);

    c->timer_set = true;
    if (wrong && lab_chance(l, 33)) {
        c->timer_lost = true;
        return false;
    }
    if (wrong)
        at_ns = lab_chance(l, 50) ? at_ns + (at_ns - l->now_ns) : NEVER_NS;
    copy_wait(l, c, COPY_NOT_YET, at_ns);
    return true;
}

static void send_to_peer(struct lab *l, struct copy *c, int peer)
{
    struct fact f = copy_fact(l, c, is_report(c) ? TRACK_REPORT_OUT : TRACK_OUT,
                              is_report(c) ? "report-transferred" : "transferred");

    c->hops++;
    if (c->hops > l->knobs.max_hops) {
        copy_fail(l, c, 1, 3);
        return;
    }
    if (!l->server[peer].mta_up) {
        wait_for_peer(l, c, peer);
        return;
    }
    truth_note(l->truth, l->now_ns, &f, "to=%s", l->server[peer].name);
    copy_plan(l, c, COPY_IN_TRANSFER, l->now_ns + l->knobs.peer_hop_delay_ns, DUE_ARRIVAL);
    c->peer = peer;
}

static void arrive(struct lab *l, struct copy *c)
{
    int peer = c->peer;

    if (!l->server[peer].mta_up) {
        wait_for_peer(l, c, peer);
        return;
    }
    leave_server(l, c);
    join_server(l, c, peer);
    c->tries = 0;
    c->peer = -1;
    c->state = COPY_WORK;
    route(l, c);
}

static void spawn_alternate(struct lab *l, struct copy *c, uint32_t alternate)
{
    struct copy *a = copy_create(l, c->server, c->mail, c->recipient, alternate, ROLE_ALTERNATE);
    struct fact f = copy_fact(l, a, TRACK_REDIRECTED, "alternate");

    a->alt_done = true;
    truth_note(l->truth, l->now_ns, &f, "of=%s", lab_mailbox_name(l, c->mailbox));
    copy_plan(l, a, COPY_WORK, l->now_ns, DUE_DELIVERY);
}

/* Mail that may not be redirected (Q178161); true if the primary copy goes on. */
static bool refuse_alternate(struct lab *l, struct copy *c, uint32_t alternate, bool both)
{
    if (!c->mail->recipient[c->recipient].never && c->mail->from.n > 0)
        make_report(l, c, alternate, ROLE_ALTERNATE, (struct report_cause){BOUNCE_FAILED, 1, 26});
    if (both && !lab_has(l, FAULT_PRIV_ALT))
        return true;
    if (both)
        copy_fail(l, c, 1, 26);
    else
        drop(l, c, "redirected", "private");
    return false;
}

/* This MTA believes it owns the mailbox: a copy for the alternate. False: the primary copy has ended or waits. */
static bool expand(struct lab *l, struct copy *c)
{
    uint32_t alternate = NO_MAILBOX;
    bool both = false;
    enum lookup found = lookup_alternate(l, c->server, c->mailbox, &alternate, &both);

    if (found == LOOKUP_DOWN) {
        directory_is_down(l, c);
        return false;
    }
    c->alt_done = true;
    if (found == LOOKUP_NONE)
        return true;
    if (c->mail->is_private)
        return refuse_alternate(l, c, alternate, both);
    spawn_alternate(l, c, alternate);
    c->has_both = both;
    if (both)
        return true;
    struct fact f = copy_fact(l, c, TRACK_REDIRECTED, "redirected");

    truth_note(l->truth, l->now_ns, &f, "to=%s", lab_mailbox_name(l, alternate));
    copy_end(l, c);
    return false;
}

static void route(struct lab *l, struct copy *c)
{
    bool may_expand = c->role == ROLE_PRIMARY && !c->alt_done;
    int home = -1;

    copy_resume(l, c);
    c->state = COPY_WORK;
    c->next_try_ns = NEVER_NS;
    if (!l->server[c->server].mta_up)
        return; /* stays in WORK until the MTA runs again */
    if (l->now_ns >= c->mail->expires_ns) {
        copy_fail(l, c, 1, 5);
        return;
    }
    if (wait_until_asked(l, c))
        return;
    switch (lookup_home(l, c->server, c->mailbox, &home)) {
    case LOOKUP_DOWN:
        directory_is_down(l, c);
        return;
    case LOOKUP_NONE:
        copy_fail(l, c, 1, 0);
        return;
    case LOOKUP_FOUND:
        break;
    }
    bool is_last = home == c->server || home == LAB_FOREIGN;

    if (may_expand && (is_last || l->knobs.alt_expand_at == EXPAND_AT_FIRST) && !expand(l, c))
        return;
    if (home == c->server)
        deliver(l, c);
    else if (home == LAB_FOREIGN)
        connector_accept(l, c);
    else
        send_to_peer(l, c, home);
}

static void copy_fire(struct due *d, uint64_t now_ns)
{
    struct copy *c = d->owner;
    struct lab *l = c->lab;

    PM_ASSERT(now_ns == l->now_ns);
    if (c->state == COPY_IN_TRANSFER && l->server[c->server].mta_up)
        arrive(l, c);
    else if (c->state == COPY_OUTGOING && now_ns < c->mail->expires_ns)
        connector_ready(l, c);
    else
        route(l, c);
}

/* --- from outside ----------------------------------------------------------------------------------------------- */

void mta_init(struct lab *l, int server)
{
    struct mta *m = &l->server[server].mta;

    m->latency_ns = l->knobs.ds_read_cache_latency_ns;
    m->homes = lab_memory(NULL, 0, l->mailboxes * sizeof *m->homes);
    m->alternates = lab_memory(NULL, 0, l->mailboxes * sizeof *m->alternates);
}

void mta_fini(struct lab *l, int server)
{
    struct mta *m = &l->server[server].mta;

    while (m->first)
        copy_end(l, m->first);
    free(m->homes);
    free(m->alternates);
}

void mta_accept(struct lab *l, int server, struct mail *m, uint32_t recipient)
{
    struct copy *c =
        copy_create(l, server, m, recipient, m->recipient[recipient].mailbox, ROLE_PRIMARY);
    struct fact f = copy_fact(l, c, TRACK_IN, "accepted");

    truth_note(l->truth, l->now_ns, &f, "from=%.*s", (int)m->from.n, (const char *)m->from.p);
    copy_plan(l, c, COPY_WORK, l->now_ns, DUE_ARRIVAL);
}

void mta_move_ended(struct lab *l, int server, uint32_t mailbox)
{
    struct copy *next = NULL;

    if (l->knobs.in_transit_policy == IN_TRANSIT_RETRY_THEN_NDR)
        return;
    for (struct copy *c = store_box(l, server, mailbox)->held.first; c; c = next) {
        next = c->held_next;
        if (c->state == COPY_DEFERRED)
            copy_plan(l, c, COPY_RETRY, l->now_ns + l->knobs.retry_at_move_end_ns, DUE_DELIVERY);
    }
}

void mta_flush_in_transit(struct lab *l, int server, uint32_t mailbox, bool deliver_them)
{
    struct copy *next = NULL;

    for (struct copy *c = store_box(l, server, mailbox)->held.first; c; c = next) {
        next = c->held_next;
        if (c->state != COPY_IN_TRANSIT)
            continue;
        if (deliver_them) {
            copy_resume(l, c);
            deliver_now(l, c);
        } else
            copy_plan(l, c, COPY_RETRY, l->now_ns + l->knobs.retry_at_move_end_ns, DUE_DELIVERY);
    }
}

void mta_store_back(struct lab *l, int server)
{
    for (struct copy *c = l->server[server].mta.first; c; c = c->next)
        if (c->state == COPY_QUEUED && c->peer < 0)
            copy_plan(l, c, COPY_RETRY, l->now_ns + l->knobs.retry_at_move_end_ns, DUE_DELIVERY);
}

/* Q238189: objects that were done are still on disk, and are sent again. */
static void send_again(struct lab *l, int server)
{
    for (uint32_t m = 0; m < l->mailboxes; m++) {
        const struct box *b = store_box(l, server, m);

        for (uint32_t i = 0; i < b->items; i++) {
            const struct item *it = &b->item[i];

            if (it->mail->about || !lab_chance(l, l->knobs.restart_dup_percent))
                continue;
            struct copy *c = copy_create(l, server, it->mail, it->recipient, m, it->role);

            c->alt_done = c->timer_lost = true;
            copy_plan(l, c, COPY_WORK, l->now_ns, DUE_ARRIVAL);
        }
    }
}

void mta_restart(struct lab *l, int server)
{
    struct mta *m = &l->server[server].mta;

    memset(m->homes, 0, l->mailboxes * sizeof *m->homes);
    memset(m->alternates, 0, l->mailboxes * sizeof *m->alternates);
    m->latency_ns = l->knobs.ds_read_cache_latency_ns;
    for (struct copy *c = m->first; c; c = c->next) {
        if (c->state == COPY_IN_TRANSIT)
            continue; /* the store has it */
        if (c->state == COPY_HANDED)
            connector_forget(l, c, "restart");
        c->tries = 0;
        copy_plan(l, c, COPY_WORK, l->now_ns, DUE_ARRIVAL);
    }
    if (lab_has(l, FAULT_RESTART_DUP) && l->knobs.restart_dup_percent > 0)
        send_again(l, server);
}
