/* lab_p1_out.c - who carries what, and what became of it. */
#include "lab/lab_p1_out.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "lab/lab_p1_write.h"
#include "lab/schedule.h"

#define ASSOCIATIONS  10u              /* KB Q194589 */
#define THRESHOLD     50u              /* KB Q234157: messages per association more */
#define PAUSE_NS      (15 * NS_PER_S)  /* KB Q176489: the shortest open interval */
#define OWN_PAUSE_NS  (120 * NS_PER_S) /* the transfer interval */
#define OWN_TRIES     10u
#define TURN_NS       (60 * NS_PER_S)
#define TURN_PRIORITY 5
#define TURN_GRACE_NS (10 * NS_PER_S) /* of loop time: a slow machine is no dead peer */

static struct loop *loop_of(const struct p1_connector *o)
{
    return lab_site_loop(o->t->site);
}

static uint64_t in_lab_time(const struct p1_connector *o, uint64_t span_ns)
{
    return loop_now(loop_of(o)) + clock_span(lab_site_clock(o->t->site), span_ns);
}

static void again_fires(struct timer *t)
{
    struct p1_connector *o = t->owner;

    o->dirty = true;
}

static void write_bind(struct p1_connector *o)
{
    struct ber_out b;

    ber_out_init(&b, o->bind_room, sizeof o->bind_room);
    p1_bind_write(&b, o->t->c.mode == STACK_NORMAL ? P1_BIND_ARGUMENT : P1_BIND_BARE,
                  &(struct p1_bind){.named = true,
                                    .name = slice_of(o->t->name),
                                    .password = slice_of(o->t->c.password)});
    PM_ASSERT(!b.full); /* the profile's password is short */
    o->bind = ber_out_slice(&b);
}

void p1_out_init(struct p1_connector *o, const struct p1_terms *t, struct p1_links *links)
{
    *o = (struct p1_connector){.t = t, .links = links, .own_last = &o->own};
    timer_init(&o->again, again_fires, o);
    write_bind(o);
}

static void free_cargo(struct p1_cargo *c)
{
    free(c->octets.p);
    free(c);
}

void p1_out_fini(struct p1_connector *o)
{
    timer_disarm(loop_of(o), &o->again);
    while (o->own) {
        struct p1_cargo *next = o->own->next;

        free_cargo(o->own);
        o->own = next;
    }
    o->own_last = &o->own;
}

/* --- the front's own reports -------------------------------------------------------------------------------------- */

bool p1_out_has_room(const struct p1_connector *o)
{
    return o->own_count < P1_OWN_MAX;
}

static void queue_last(struct p1_connector *o, struct p1_cargo *c)
{
    c->next = NULL;
    *o->own_last = c;
    o->own_last = &c->next;
    o->own_count++;
    o->dirty = true;
}

static void queue_first(struct p1_connector *o, struct p1_cargo *c)
{
    c->next = o->own;
    o->own = c;
    if (!c->next)
        o->own_last = &c->next;
    o->own_count++;
    o->dirty = true;
}

static struct p1_cargo *unqueue(struct p1_connector *o)
{
    struct p1_cargo *c = o->own;

    o->own = c->next;
    if (!o->own)
        o->own_last = &o->own;
    o->own_count--;
    return c;
}

void p1_out_answer(struct p1_connector *o, struct p1_octets octets)
{
    struct p1_cargo *c = lab_memory(NULL, 0, sizeof *c);

    *c = (struct p1_cargo){.octets = octets};
    queue_last(o, c);
}

static bool own_is_due(const struct p1_connector *o)
{
    return o->own && (o->own->tries == 0 || loop_now(loop_of(o)) >= o->own_at_ns);
}

static void own_failed(struct p1_connector *o, struct p1_cargo *c)
{
    if (++c->tries >= OWN_TRIES) {
        p1_terms_note(o->t, "p1-dropped", "a report of its own, after %u tries", c->tries);
        free_cargo(c);
        return;
    }
    o->own_at_ns = in_lab_time(o, OWN_PAUSE_NS);
    queue_last(o, c);
}

/* --- from the core and back --------------------------------------------------------------------------------------- */

static void tell_core(struct p1_connector *o, uint64_t id, bool taken)
{
    (void)lab_site_now_ns(o->t->site);
    lab_outgoing_ended(lab_site_core(o->t->site), o->t->server, id, taken);
    lab_site_touch(o->t->site);
}

static void settle(struct p1_connector *o, struct p1_cargo *c, bool taken)
{
    if (c->id == 0 && !taken) {
        own_failed(o, c);
        return;
    }
    if (c->id != 0)
        tell_core(o, c->id, taken);
    free_cargo(c);
}

/* A link lays down what it carries. */
static struct p1_cargo *unload(struct p1_link *k)
{
    struct p1_cargo *c = k->cargo;

    k->cargo = NULL;
    k->sending = k->asked = false;
    return c;
}

/* The next for an association of that year; what cannot be made is given back. */
static struct p1_cargo *take(struct p1_connector *o, enum x400_year year)
{
    struct lab *core = lab_site_core(o->t->site);
    struct lab_outgoing out;
    struct p1_octets octets;
    struct err e = {0};

    if (own_is_due(o))
        return unqueue(o);
    while (lab_outgoing_next(core, o->t->server, &out)) {
        lab_site_touch(o->t->site);
        if (p1_write_outgoing(o->t, &out, year, &octets, &e)) {
            struct p1_cargo *c = lab_memory(NULL, 0, sizeof *c);

            *c = (struct p1_cargo){.id = out.id, .octets = octets};
            return c;
        }
        p1_terms_note(o->t, "p1-unmade", "%s", e.text);
        tell_core(o, out.id, false);
    }
    return NULL;
}

/* All that waits has had its try. An entry that comes back at once ends this. */
static void give_back_all(struct p1_connector *o)
{
    struct lab *core = lab_site_core(o->t->site);
    struct lab_outgoing out;

    for (uint32_t n = o->own_count; n > 0; n--) {
        struct p1_cargo *c = unqueue(o);

        if (c->id != 0)
            settle(o, c, false);
        else
            queue_last(o, c);
    }
    while (o->up && lab_outgoing_next(core, o->t->server, &out)) {
        tell_core(o, out.id, false);
        if (lab_next_ns(core) <= lab_now_ns(core))
            return;
    }
}

/* --- associations of ours ----------------------------------------------------------------------------------------- */

static bool may_be_used(const struct p1_link *k)
{
    return k->bound && !k->leaving && !k->ended &&
           (k->initiator || (association_two_way(k->a) && !k->stubborn));
}

static void call_failed(struct p1_connector *o, const struct p1_link *failed)
{
    bool other = false;

    for (const struct p1_link *k = o->links->first; k; k = k->next)
        other = other || (k != failed && may_be_used(k));
    o->not_before_ns = in_lab_time(o, PAUSE_NS);
    o->dirty = true;
    if (!other)
        give_back_all(o);
}

static bool same(struct slice said, const char *want)
{
    return !want || slice_is(said, want);
}

static void bound(struct p1_link *k, struct slice said)
{
    const struct lab_p1_config *c = &k->terms->c;
    struct p1_bind b = {0};
    struct err e = {0};

    if (p1_bind_read(said, &b, &e) && same(b.name, c->peer_mta) &&
        same(b.password, c->peer_password)) {
        k->bound = true;
        return;
    }
    p1_terms_note(k->terms, "p1-refused", "%s answers as '%.*s', or with a wrong password", k->who,
                  (int)b.name.n, (const char *)b.name.p);
    k->leaving = true;
    association_abort(k->a, RTSE_PERMANENT);
}

static void news(struct p1_link *k, const struct assoc_event *ev)
{
    if (ev->news == ASSOC_BOUND)
        bound(k, ev->bytes);
    else if ((ev->news == ASSOC_REFUSED || ev->news == ASSOC_ABORTED) && ev->by != ASSOC_BY_US)
        p1_terms_note(k->terms, "p1-ended", "%s: %s", k->who, ev->text);
    p1_out_news(k, ev, k->owner);
}

static void gone(struct p1_link *k)
{
    struct p1_connector *o = k->owner;

    o->ours--;
    p1_out_gone(k, o);
    if (k->answers == 0)
        call_failed(o, k);
}

static const struct p1_link_ops ops = {.news = news, .gone = gone};

static struct p1_link *call(struct p1_connector *o)
{
    const struct lab_p1_config *c = &o->t->c;
    struct association_config config = {.initiator = true,
                                        .mode = c->mode,
                                        .their_tsel = c->peer_tsel,
                                        .their_ssel = c->peer_ssel,
                                        .their_psel = c->peer_psel,
                                        .bind = o->bind,
                                        .checkpoint_kb = c->checkpoint_kb,
                                        .window = c->window};
    struct guard loopback_only = {0};
    char peer[NET_TEXT];
    struct err e = {0};
    struct stream *s = loop_connect(loop_of(o), &loopback_only, &c->peer, NULL, NULL, &e);

    if (!s) {
        p1_terms_note(o->t, "p1-ended", "%s", e.text);
        return NULL;
    }
    struct p1_link *k = link_open(o->links, o->t, s, &config);

    k->ops = &ops;
    k->owner = o;
    (void)snprintf(k->who, sizeof k->who, "%.32s ([%s])", c->peer_mta ? c->peer_mta : "peer",
                   net_print(&c->peer, peer));
    o->ours++;
    return k;
}

static bool may_call(const struct p1_connector *o)
{
    const struct lab_p1_config *c = &o->t->c;
    uint32_t most = c->associations ? c->associations : ASSOCIATIONS;

    if (c->peer.family == 0 || o->ours >= most || o->ours > o->streak / THRESHOLD ||
        loop_now(loop_of(o)) < o->not_before_ns)
        return false;
    for (const struct p1_link *k = o->links->first; k; k = k->next)
        if ((k->initiator && !k->bound) || (!k->initiator && may_be_used(k)))
            return false; /* one is being opened, or is the peer's own */
    return true;
}

/* The peer's own first. */
static struct p1_link *idle_link(const struct p1_connector *o)
{
    struct p1_link *found = NULL;

    for (struct p1_link *k = o->links->first; k; k = k->next)
        if (!k->cargo && !k->turn_wanted && may_be_used(k) &&
            (!found || (found->initiator && !k->initiator)))
            found = k;
    return found;
}

/* --- links at work ------------------------------------------------------------------------------------------------ */

void p1_out_news(struct p1_link *k, const struct assoc_event *ev, struct p1_connector *o)
{
    o->dirty = true;
    if (ev->news == ASSOC_TURN_ASKED)
        k->turn_wanted = true;
    if (ev->news == ASSOC_TURN_GIVEN)
        k->asked = k->stubborn = false;
    if (ev->news != ASSOC_ENDED || !k->cargo)
        return;
    k->answers += ev->fate == ASSOC_TAKEN || ev->fate == ASSOC_NOT_TAKEN;
    if (ev->fate == ASSOC_NOT_TAKEN)
        p1_terms_note(o->t, "p1-not-taken", "%s: %s", k->who, ev->text);
    settle(o, unload(k), ev->fate == ASSOC_TAKEN);
}

void p1_out_gone(struct p1_link *k, struct p1_connector *o)
{
    bool untried = !k->initiator && !k->sending && o->up && o->t->c.peer.family != 0;

    o->dirty = true;
    if (k->cargo && untried)
        queue_first(o, unload(k));
    else if (k->cargo)
        settle(o, unload(k), false);
}

/* Moves what it carries; true: it has something to say. */
static bool serve(struct p1_connector *o, struct p1_link *k)
{
    if (!k->bound || k->leaving)
        return false;
    if (k->cargo && !k->sending && association_can_send(k->a)) {
        k->sending = true;
        association_send(k->a, slice_from(k->cargo->octets.p, k->cargo->octets.n), k->cargo->id);
        return true;
    }
    if (k->initiator || !association_two_way(k->a))
        return false;
    if (k->cargo && !k->asked && !association_has_turn(k->a)) {
        k->asked = association_please(k->a, TURN_PRIORITY);
        k->asked_ns = loop_now(loop_of(o));
        return k->asked;
    }
    if (k->cargo || !association_has_turn(k->a) || !association_give(k->a))
        return false;
    k->turn_wanted = false;
    return true;
}

static uint64_t patience_ends(const struct p1_connector *o, const struct p1_link *k)
{
    return k->asked && !k->sending
               ? k->asked_ns + clock_span(lab_site_clock(o->t->site), TURN_NS) + TURN_GRACE_NS
               : NEVER_NS;
}

/* A caller who does not give the turn when asked is not asked again. */
static void lose_patience(struct p1_connector *o)
{
    for (struct p1_link *k = o->links->first; k; k = k->next) {
        if (loop_now(loop_of(o)) < patience_ends(o, k))
            continue;
        k->stubborn = true;
        p1_terms_note(o->t, "p1-timeout", "%s does not give the turn", k->who);
        if (o->t->c.peer.family != 0)
            queue_first(o, unload(k));
        else
            settle(o, unload(k), false);
    }
}

static void load(struct p1_connector *o)
{
    for (;;) {
        struct p1_link *k = idle_link(o);
        enum stack_mode mode = k ? association_mode(k->a) : o->t->c.mode;

        if (!k && !may_call(o))
            return;
        struct p1_cargo *c = take(o, mode == STACK_1984 ? X400_1984 : X400_1988);

        if (!c) {
            o->streak = 0;
            return;
        }
        o->streak++;
        if (!k)
            k = call(o);
        if (!k) {
            settle(o, c, false);
            call_failed(o, NULL);
            return;
        }
        k->cargo = c;
    }
}

/* When there is something to do without news. */
static void set_alarm(struct p1_connector *o)
{
    uint64_t now_ns = loop_now(loop_of(o)), at_ns = o->dirty ? now_ns : NEVER_NS;

    if (o->not_before_ns > now_ns && o->not_before_ns < at_ns)
        at_ns = o->not_before_ns;
    if (o->own && o->own_at_ns > now_ns && o->own_at_ns < at_ns)
        at_ns = o->own_at_ns;
    for (const struct p1_link *k = o->links->first; k; k = k->next)
        if (patience_ends(o, k) < at_ns)
            at_ns = patience_ends(o, k);
    timer_arm(loop_of(o), &o->again, at_ns);
}

void p1_out_pump(struct p1_connector *o)
{
    o->dirty = false;
    if (!o->up)
        return;
    (void)lab_site_now_ns(o->t->site);
    lose_patience(o);
    load(o);
    for (struct p1_link *k = o->links->first, *next; k; k = next) {
        next = k->next;
        if (serve(o, k))
            (void)link_flush(k);
    }
    set_alarm(o);
}

void p1_out_set_up(struct p1_connector *o, bool up)
{
    if (o->up == up)
        return;
    o->up = up;
    o->dirty = true;
    o->not_before_ns = 0;
    for (struct p1_link *k = up ? NULL : o->links->first, *next; k; k = next) {
        next = k->next;
        if (k->initiator && !k->leaving)
            (void)link_abort(k, RTSE_TEMPORARY);
    }
    if (!up)
        give_back_all(o);
}
