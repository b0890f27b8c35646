/* lab_p1.c - the X.400 front of one server: who may bind, what comes in, and when the connector has its turn.
 *
 * An APDU is answered when the core has it: AEA if it took responsibility, exception 1 if it cannot now, 5 if nobody could.
 * While the component is down callers are refused as busy and associations are ended; while only the MTA is down what comes
 * is not taken. Whatever goes out is begun before the loop sleeps, so that the answers of one wakeup leave together.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lab/lab_p1_in.h"
#include "lab/lab_p1_out.h"
#include "lab/lab_p1_write.h"
#include "lab/schedule.h"

#define CALLERS_MAX 500u
#define FOR_NOW     1 /* exceptions */
#define FOR_GOOD    5

struct lab_front_p1 {
    struct p1_terms terms;
    struct p1_links links;
    struct p1_connector out;
    struct p1_in in;
    struct listener *door;
    struct hook sleep;
    uint64_t told_changes;
    bool up; /* the component */
};

static bool is_up(const struct lab_front_p1 *f, const char *component)
{
    return lab_component_up(lab_site_core(f->terms.site), f->terms.server, component);
}

/* --- binds -------------------------------------------------------------------------------------------------------- */

static void refuse(struct p1_link *k, bool busy, const char *words)
{
    bool wrapped = association_mode(k->a) == STACK_NORMAL;
    unsigned char room[P1_BIND_MAX];
    struct ber_out o;

    ber_out_init(&o, room, sizeof room);
    if (wrapped)
        p1_bind_error_write(&o, true, busy ? P1_BIND_BUSY : P1_BIND_AUTHENTICATION);
    p1_terms_note(k->terms, "p1-refused", "%s: %s", k->who, words);
    k->leaving = true;
    association_refuse(k->a, busy ? RTSE_BUSY : RTSE_VALIDATION, ber_out_slice(&o));
}

static void accept_bind(struct p1_link *k)
{
    bool wrapped = association_mode(k->a) == STACK_NORMAL;
    unsigned char room[P1_BIND_MAX];
    struct ber_out o;

    ber_out_init(&o, room, sizeof room);
    p1_bind_write(&o, wrapped ? P1_BIND_RESULT : P1_BIND_BARE,
                  &(struct p1_bind){.named = true,
                                    .name = slice_of(k->terms->name),
                                    .password = slice_of(k->terms->c.password)});
    association_accept(k->a, ber_out_slice(&o));
    k->bound = association_state(k->a) == ASSOC_IDLE;
}

static bool same(struct slice said, const char *want)
{
    return !want || slice_is(said, want);
}

/* Who calls, as he says, made fit for a header. */
static void note_caller(struct p1_link *k, struct slice name)
{
    char said[P1_NAME_ROOM], peer[NET_TEXT];
    size_t n = name.n < sizeof said - 1 ? name.n : sizeof said - 1;

    for (size_t i = 0; i < n; i++) {
        unsigned char c = name.p[i];

        said[i] = (char)(c > ' ' && c < 0x7f && !strchr("()<>;\\\"", c) ? c : '?');
    }
    said[n] = '\0';
    (void)snprintf(k->who, sizeof k->who, "%s ([%s])", n > 0 ? said : "unnamed",
                   net_print(&k->s->peer, peer));
}

static void decide(struct lab_front_p1 *f, struct p1_link *k, struct slice said)
{
    const struct lab_p1_config *c = &f->terms.c;
    struct p1_bind b = {0};
    struct err e = {0};
    bool read = p1_bind_read(said, &b, &e);

    note_caller(k, b.name);
    if (!read)
        refuse(k, false, e.text);
    else if (!same(b.name, c->peer_mta))
        refuse(k, false, "unknown MTA name"); /* event 51 */
    else if (b.strong || !same(b.password, c->peer_password))
        refuse(k, false, "wrong password");
    else if (!is_up(f, "p1") || !is_up(f, "mta"))
        refuse(k, true, "not now");
    else
        accept_bind(k);
}

/* --- what comes in ------------------------------------------------------------------------------------------------ */

/* false: it cannot be taken now. */
static bool submit(struct lab_front_p1 *f)
{
    if (f->in.submission.count == 0)
        return true; /* none of its recipients is our business */
    uint64_t id =
        lab_submit(lab_site_core(f->terms.site), f->terms.server, &f->in.submission, NULL);

    lab_site_touch(f->terms.site);
    return id != 0;
}

/* Reports at once what the core never sees: a probe's fate, or a message that cannot be read. */
static bool answer(struct lab_front_p1 *f, const struct p1_link *k, bool is_probe)
{
    const struct p1_message *m = &f->in.apdu.message;
    bool *known = is_probe ? lab_memory(NULL, 0, m->recipient_count + 1u) : NULL;
    struct p1_answer x = {.about = m,
                          .delivered = known,
                          .reason = is_probe ? 1 : f->in.reason,
                          .diag = is_probe ? 0 : f->in.diag,
                          .number = ++f->out.answers};
    struct p1_octets octets;
    struct err e = {0};

    for (uint32_t i = 0; known && i < m->recipient_count; i++)
        known[i] = p1_in_is_known(&f->terms, &m->recipients[i].name);
    bool ok =
        p1_out_has_room(&f->out) &&
        p1_write_answer(&f->terms, &x, association_mode(k->a) == STACK_1984 ? X400_1984 : X400_1988,
                        &octets, &e);

    free(known);
    if (ok && octets.p)
        p1_out_answer(&f->out, octets);
    return ok;
}

static void note_report(const struct lab_front_p1 *f, const struct p1_link *k)
{
    const struct p1_report *r = &f->in.apdu.report;

    p1_terms_note(&f->terms, "p1-report", "%s: about %.*s", k->who, (int)r->subject.local.n,
                  (const char *)r->subject.local.p);
}

/* 0: taken; else the exception's reason. */
static int take(struct lab_front_p1 *f, struct p1_link *k, struct slice apdu)
{
    struct err e = {0};

    if (!is_up(f, "mta"))
        return FOR_NOW;
    (void)lab_site_now_ns(f->terms.site);
    switch (p1_in_read(&f->in, &f->terms, apdu, k->who, &e)) {
    case P1_IN_BAD:
        break;
    case P1_IN_MAIL:
        return submit(f) ? 0 : FOR_NOW;
    case P1_IN_FAILED:
        p1_terms_note(&f->terms, "p1-unreadable", "%s: %s", k->who, e.text);
        return answer(f, k, false) ? 0 : FOR_NOW;
    case P1_IN_PROBE:
        return answer(f, k, true) ? 0 : FOR_NOW;
    case P1_IN_REPORT:
        note_report(f, k);
        return 0;
    }
    p1_terms_note(&f->terms, "p1-bad", "%s: %s", k->who, e.text);
    return FOR_GOOD;
}

static void on_apdu(struct lab_front_p1 *f, struct p1_link *k, struct slice apdu)
{
    int reason = take(f, k, apdu);

    if (reason == 0)
        (void)association_confirm(k->a);
    else
        (void)association_except(k->a, reason);
    p1_in_forget(&f->in);
}

/* --- links -------------------------------------------------------------------------------------------------------- */

static void news(struct p1_link *k, const struct assoc_event *ev)
{
    struct lab_front_p1 *f = k->owner;

    if (ev->news == ASSOC_ASKED)
        decide(f, k, ev->bytes);
    else if (ev->news == ASSOC_RECEIVED)
        on_apdu(f, k, ev->bytes);
    else if (ev->news == ASSOC_ABORTED || ev->news == ASSOC_REFUSED || ev->news == ASSOC_DROPPED)
        p1_terms_note(&f->terms, "p1-ended", "%s: %s", k->who, ev->text);
    p1_out_news(k, ev, &f->out);
}

static void gone(struct p1_link *k)
{
    struct lab_front_p1 *f = k->owner;

    p1_out_gone(k, &f->out);
}

static const struct p1_link_ops ops = {.news = news, .gone = gone};

static void welcome(void *owner, struct stream *s)
{
    struct lab_front_p1 *f = owner;
    const struct lab_p1_config *c = &f->terms.c;
    struct association_config config = {.modes = c->modes,
                                        .checkpoint_kb = c->checkpoint_kb,
                                        .window = c->window,
                                        .two_way = c->two_way};
    char peer[NET_TEXT];

    if (f->links.count - f->out.ours >= CALLERS_MAX) {
        stream_close(s);
        return;
    }
    struct p1_link *k = link_open(&f->links, &f->terms, s, &config);

    k->ops = &ops;
    k->owner = f;
    (void)snprintf(k->who, sizeof k->who, "caller ([%s])", net_print(&s->peer, peer));
}

static void set_up(struct lab_front_p1 *f)
{
    bool up = is_up(f, "p1");

    p1_out_set_up(&f->out, up && is_up(f, "mta"));
    for (struct p1_link *k = f->links.first, *next; k && f->up && !up; k = next) {
        next = k->next;
        if (!k->leaving)
            (void)link_abort(k, RTSE_TEMPORARY);
    }
    f->up = up;
}

static void before_sleep(struct hook *h)
{
    struct lab_front_p1 *f = h->owner;
    bool changed = lab_site_changes(f->terms.site) != f->told_changes;

    if (changed)
        set_up(f);
    if (changed || f->out.dirty)
        p1_out_pump(&f->out);
    f->told_changes = lab_site_changes(f->terms.site);
}

/* --- its life ----------------------------------------------------------------------------------------------------- */

struct lab_front_p1 *lab_p1_listen(struct lab_site *s, int server, const struct net_addr *at,
                                   const struct lab_p1_config *c, struct err *e)
{
    struct lab_front_p1 *f = lab_memory(NULL, 0, sizeof *f);

    f->sleep = (struct hook){.run = before_sleep, .owner = f};
    p1_in_init(&f->in);
    if (p1_terms_init(&f->terms, s, server, c, e))
        f->door = loop_listen(lab_site_loop(s), at, welcome, f, e);
    if (!f->door) {
        p1_terms_fini(&f->terms);
        free(f);
        return NULL;
    }
    p1_out_init(&f->out, &f->terms, &f->links);
    f->told_changes = UINT64_MAX; /* the components are looked at first */
    loop_before_sleep(lab_site_loop(s), &f->sleep);
    return f;
}

struct net_addr lab_p1_addr(const struct lab_front_p1 *f)
{
    return listener_addr(f->door);
}

void lab_p1_close(struct lab_front_p1 *f)
{
    if (!f)
        return;
    loop_unhook(lab_site_loop(f->terms.site), &f->sleep);
    listener_close(f->door);
    for (struct p1_link *k = f->links.first, *next; k; k = next) {
        next = k->next;
        link_close(k);
    }
    p1_out_fini(&f->out);
    p1_in_fini(&f->in);
    p1_terms_fini(&f->terms);
    free(f);
}
