/* p1_host.c - callers of P1: their streams, their associations, and what becomes of both.
 *
 * A wakeup reads what a caller said, hands its APDUs over, and writes all answers at once. Nothing is read from a caller who
 * does not read what he is told. Where an association is over its last words are written, and the connection is the caller's
 * to end, for LAST_S seconds. What callbacks ask of a caller (an answer, an APDU to send) is done on the next turn of the
 * loop, so that no caller ends while somebody speaks of him.
 */
#include "probes/p1_host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "probes/door.h"
#include "wire/x400/p1_bind.h"

#define OUT_BYTES    16384u
#define QUEUE_BYTES  (16u << 20) /* of one caller, waiting for the turn */
#define LAST_S       5u
#define MOVED_ENOUGH 4096u /* octets that count as a sign of life: a long message is no dead peer */
#define NAME_MAX     64u

struct parcel { /* waits for the turn */
    struct parcel *next;
    size_t n;
    unsigned char octets[];
};

struct p1_caller {
    struct p1_host *host;
    struct call call;
    struct association *a;
    struct timer soon;
    enum assoc_state state;
    struct parcel *first, **last;
    size_t queued;
    size_t moved;   /* octets either way since the deadline was set */
    unsigned stale; /* answers still to come about APDUs that were taken back */
    unsigned char name[NAME_MAX];
    uint8_t name_n;
    bool progress;
    bool excepted;     /* he is to take back what he sends */
    bool later, deaf;  /* an answer is owed; nothing is answered any more */
    bool ours;         /* the end is of our making: the owner knows */
    bool pleased;      /* the turn is ours because we asked, or will be */
    bool give;         /* he asks for the turn */
    bool cut, gone;    /* to be ended without a word; TCP has ended */
    bool over, spoken; /* the association has ended; octets were written in this wakeup */
};

struct p1_host {
    struct p1_host_config c;
    struct door *door;
    struct p1_host_counts counts;
};

static void trouble(struct p1_caller *c, const char *words)
{
    const struct p1_host_config *hc = &c->host->c;

    if (hc->trouble)
        hc->trouble(hc->owner, &c->call.stream->peer, words);
}

/* --- time --------------------------------------------------------------------------------------------------------- */

/* How long its state may last. Between messages it is the caller's to close, so he has twice the time. */
static uint64_t deadline_of(const struct p1_caller *c)
{
    uint32_t seconds = assoc_state_timeout_s(c->state);

    if (c->over)
        return call_after_s(&c->call, LAST_S);
    if (seconds == 0)
        return NEVER_NS;
    return call_after_s(&c->call, c->state == ASSOC_IDLE ? 2 * seconds : seconds);
}

static void watch_time(struct p1_caller *c)
{
    enum assoc_state state = association_state(c->a);
    uint64_t deadline_ns = c->call.deadline_ns;

    if (state != c->state || c->progress || c->moved >= MOVED_ENOUGH) {
        c->state = state;
        c->progress = false;
        c->moved = 0;
        deadline_ns = deadline_of(c);
    }
    call_until(&c->call, deadline_ns);
}

/* --- the end of a caller ------------------------------------------------------------------------------------------ */

static void drop_parcels(struct p1_caller *c)
{
    while (c->first) {
        struct parcel *p = c->first;

        c->host->counts.unhanded++;
        c->first = p->next;
        free(p);
    }
    c->last = &c->first;
    c->queued = 0;
}

static void end_caller(struct p1_caller *c)
{
    struct p1_host *h = c->host;

    if (h->c.ended)
        h->c.ended(h->c.owner, c);
    timer_disarm(h->c.loop, &c->soon);
    call_end(&c->call);
    association_destroy(c->a);
    drop_parcels(c);
    free(c);
}

static void end(struct call *k)
{
    end_caller(k->owner);
}

/* --- binding ------------------------------------------------------------------------------------------------------ */

static bool same(struct slice a, struct slice b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static void turn_away(struct p1_caller *c, enum p1_welcome why, const char *words)
{
    bool normal = association_mode(c->a) == STACK_NORMAL;
    unsigned char room[16];
    struct ber_out o;

    ber_out_init(&o, room, sizeof room);
    if (normal)
        p1_bind_error_write(&o, true, why == P1_BUSY ? P1_BIND_BUSY : P1_BIND_AUTHENTICATION);
    c->host->counts.refused++;
    trouble(c, words);
    association_refuse(c->a, why == P1_BUSY ? RTSE_BUSY : RTSE_VALIDATION, ber_out_slice(&o));
}

/* What is wrong with who he says he is; NULL: nothing. */
static const char *fault_of(const struct p1_host_config *hc, const struct p1_bind *b)
{
    bool asks = hc->peer_mta.p || hc->peer_password.p;

    if (hc->may_call && b->strong)
        return "has not the right password";
    if (hc->may_call)
        return hc->may_call(hc->owner, b->name, b->password)
                   ? NULL
                   : "is not an MTA we know, or has not its password";
    if (!asks)
        return NULL;
    if (!b->named)
        return "names no MTA";
    if (hc->peer_mta.p && !same(b->name, hc->peer_mta))
        return "is not an MTA we know";
    if (hc->peer_password.p && (b->strong || !same(b->password, hc->peer_password)))
        return "has not the right password";
    return NULL;
}

static void welcome(struct p1_caller *c)
{
    const struct p1_host_config *hc = &c->host->c;
    const struct p1_bind us = {.named = hc->mta.n > 0, .name = hc->mta, .password = hc->password};
    bool normal = association_mode(c->a) == STACK_NORMAL;
    unsigned char room[P1_BIND_MAX];
    struct ber_out o;

    ber_out_init(&o, room, sizeof room);
    p1_bind_write(&o, normal ? P1_BIND_RESULT : P1_BIND_BARE, &us);
    c->host->counts.binds++;
    association_accept(c->a, ber_out_slice(&o));
}

static void on_asked(struct p1_caller *c, struct slice argument)
{
    const struct p1_host_config *hc = &c->host->c;
    char name[2 * NAME_MAX], words[384];
    const char *fault = NULL;
    struct p1_bind b;
    struct err e;

    if (!p1_bind_read(argument, &b, &e)) {
        turn_away(c, P1_STRANGER, e.text);
        return;
    }
    c->name_n = (uint8_t)(b.name.n < NAME_MAX ? b.name.n : NAME_MAX);
    if (c->name_n > 0)
        memcpy(c->name, b.name.p, c->name_n);
    fault = fault_of(hc, &b);
    (void)snprintf(words, sizeof words, "bind refused: %s%s%s", b.named ? "\"" : "the caller",
                   b.named ? text_clean(name, sizeof name, b.name) : "", b.named ? "\"" : "");
    size_t n = strlen(words);

    if (fault) {
        (void)snprintf(words + n, sizeof words - n, " %s", fault);
        turn_away(c, P1_STRANGER, words);
        return;
    }
    enum p1_welcome w = c->call.surplus ? P1_BUSY
                        : hc->asked     ? hc->asked(hc->owner, c)
                                        : P1_WELCOME;

    if (w == P1_WELCOME) {
        welcome(c);
        return;
    }
    (void)snprintf(words + n, sizeof words - n, "%s",
                   c->call.surplus ? ": too many associations"
                   : w == P1_BUSY  ? ": busy, by order"
                                   : ": a stranger, by order");
    turn_away(c, w, words);
}

/* --- what comes in ------------------------------------------------------------------------------------------------ */

static void judge(struct p1_caller *c, enum p1_verdict v)
{
    struct p1_host_counts *counts = &c->host->counts;

    c->later = false;
    switch (v) {
    case P1_TAKE:
        counts->taken += association_confirm(c->a);
        break;
    case P1_NOT_NOW:
    case P1_NEVER:
        c->excepted = association_except(c->a, v == P1_NEVER ? 5 : 1);
        break;
    case P1_LATER:
        c->later = true;
        break;
    case P1_ABORT:
        c->ours = true;
        association_abort(c->a, RTSE_LOCAL_PROBLEM);
        break;
    case P1_HANG_UP:
        c->cut = true;
        break;
    case P1_IGNORE:
        c->deaf = true;
        break;
    }
}

static void on_received(struct p1_caller *c, struct slice apdu)
{
    struct p1_host *h = c->host;

    h->counts.apdus++;
    h->counts.octets += apdu.n;
    c->progress = true;
    judge(c, h->c.apdu(h->c.owner, c, apdu));
}

static void on_ended(struct p1_caller *c, const struct assoc_event *ev)
{
    struct parcel *p = c->first;
    char words[ASSOC_TEXT + 64];

    c->progress = true;
    if (!p)
        return;
    c->host->counts.handed += ev->fate == ASSOC_TAKEN;
    c->host->counts.unhanded += ev->fate != ASSOC_TAKEN;
    if (ev->fate != ASSOC_TAKEN) {
        (void)snprintf(words, sizeof words, "an APDU of ours was not taken%s%s",
                       ev->text[0] ? ": " : "", ev->text);
        trouble(c, words);
    }
    c->first = p->next;
    c->queued -= p->n;
    if (!c->first)
        c->last = &c->first;
    free(p);
}

static void on_over(struct p1_caller *c, const struct assoc_event *ev)
{
    struct p1_host_counts *counts = &c->host->counts;

    c->over = c->progress = true;
    if (ev->news == ASSOC_RELEASED) {
        if (c->host->c.released)
            c->host->c.released(c->host->c.owner, c);
        return;
    }
    if (ev->news == ASSOC_REFUSED)
        counts->refused++;
    else
        counts->aborts++;
    if (!c->ours)
        trouble(c, ev->text);
}

static void on_event(struct p1_caller *c, const struct assoc_event *ev)
{
    switch (ev->news) {
    case ASSOC_ASKED:
        on_asked(c, ev->bytes);
        break;
    case ASSOC_RECEIVED:
        on_received(c, ev->bytes);
        break;
    case ASSOC_ENDED:
        on_ended(c, ev);
        break;
    case ASSOC_DROPPED:
        c->stale += c->later;
        c->later = false;
        c->progress = true;
        if (!c->excepted)
            trouble(c, ev->text);
        c->excepted = false;
        break;
    case ASSOC_TURN_ASKED:
        c->give = true;
        break;
    case ASSOC_TURN_GIVEN:
        c->give = c->give || c->pleased;
        c->pleased = false;
        c->progress = true;
        break;
    case ASSOC_REFUSED:
    case ASSOC_RELEASED:
    case ASSOC_ABORTED:
        on_over(c, ev);
        break;
    case ASSOC_BOUND:
    case ASSOC_MORE:
        break;
    }
}

static void hear(struct p1_caller *c, struct slice in)
{
    struct assoc_event ev;

    while (!c->cut && association_hear(c->a, &in, &ev) != ASSOC_MORE)
        on_event(c, &ev);
}

static bool heard(struct call *k, struct slice in)
{
    struct p1_caller *c = k->owner;

    c->moved += in.n;
    if (!c->deaf)
        hear(c, in);
    return !c->cut;
}

static void take(struct p1_caller *c)
{
    if (c->cut || c->gone || call_read(&c->call))
        return;
    c->gone = true;
    association_lost(c->a);
    hear(c, slice_from(NULL, 0));
}

/* --- what goes out ------------------------------------------------------------------------------------------------ */

static void use_turn(struct p1_caller *c)
{
    if (c->over || !association_two_way(c->a))
        return;
    if (c->first && association_can_send(c->a)) {
        association_send(c->a, slice_from(c->first->octets, c->first->n), 0);
        return;
    }
    if (c->first && !c->pleased && !association_has_turn(c->a))
        c->pleased = association_please(c->a, 0);
    if (!c->first && c->give && association_give(c->a))
        c->give = false;
}

/* Writes what is to be said; false: the stream is broken. */
static bool say(struct p1_caller *c)
{
    for (;;) {
        struct slice out = association_output(c->a);
        long put = call_write(&c->call, out);

        if (put == STREAM_BROKEN)
            return false;
        if (put > 0) {
            association_gave(c->a, (size_t)put);
            c->moved += (size_t)put;
            c->spoken = true;
        }
        if (c->call.paused || out.n == 0)
            return true;
    }
}

/* After anything that happened to a caller; he may be gone afterwards. */
static void go_on(struct p1_caller *c)
{
    c->spoken = false;
    if (!c->cut && !c->gone) {
        use_turn(c);
        if (!say(c)) {
            c->gone = true;
            association_lost(c->a);
        }
        hear(c, slice_from(NULL, 0)); /* what saying it led to */
    }
    if (!c->over && association_state(c->a) == ASSOC_OVER)
        c->over = c->progress = true;
    if (c->cut || c->gone || (c->over && c->progress && !c->spoken && !c->call.paused)) {
        end_caller(c);
        return;
    }
    watch_time(c);
}

static void ready(struct call *k, bool readable)
{
    struct p1_caller *c = k->owner;

    if (readable)
        take(c);
    go_on(c);
}

static void soon_fires(struct timer *t)
{
    go_on(t->owner);
}

static void expired(struct call *k)
{
    struct p1_caller *c = k->owner;
    char words[128];

    if (c->over) {
        end_caller(c);
        return;
    }
    (void)snprintf(words, sizeof words, "nothing came for too long, %s",
                   assoc_state_doing(c->state));
    trouble(c, words);
    c->ours = true;
    association_abort(c->a, RTSE_TEMPORARY);
    hear(c, slice_from(NULL, 0));
    go_on(c);
}

/* --- the host ----------------------------------------------------------------------------------------------------- */

static struct call *come(void *owner)
{
    struct p1_host *h = owner;
    struct p1_caller *c = calloc(1, sizeof *c);

    if (!c)
        return NULL;
    c->host = h;
    c->call.owner = c;
    c->last = &c->first;
    c->a = association_create(&h->c.association);
    if (!c->a) {
        free(c);
        return NULL;
    }
    timer_init(&c->soon, soon_fires, c);
    return &c->call;
}

static void begin(struct call *k)
{
    struct p1_caller *c = k->owner;

    association_begin(c->a);
    c->progress = true;
    watch_time(c);
}

struct p1_host *p1_host_listen(const struct p1_host_config *c, const struct net_addr *at,
                               struct err *e)
{
    struct p1_host *h = calloc(1, sizeof *h);

    if (!h) {
        (void)err_set(e, EX_IO, "no memory to listen for X.400");
        return NULL;
    }
    h->c = *c;
    h->c.association.initiator = false;
    if (h->c.association.out_room == 0)
        h->c.association.out_room = OUT_BYTES;
    h->door = door_open(&(struct door_config){.loop = c->loop,
                                              .clock = c->clock,
                                              .connections = c->connections,
                                              .calls = &h->counts.calls,
                                              .refused = &h->counts.refused,
                                              .come = come,
                                              .begin = begin,
                                              .ready = ready,
                                              .heard = heard,
                                              .expired = expired,
                                              .end = end,
                                              .owner = h},
                        at, e);
    if (!h->door) {
        free(h);
        return NULL;
    }
    return h;
}

struct net_addr p1_host_addr(const struct p1_host *h)
{
    return door_addr(h->door);
}

const struct p1_host_counts *p1_host_counts(const struct p1_host *h)
{
    return &h->counts;
}

void p1_host_close(struct p1_host *h)
{
    if (!h)
        return;
    door_close(h->door);
    free(h);
}

/* --- callers ------------------------------------------------------------------------------------------------------ */

static void act_soon(struct p1_caller *c)
{
    timer_arm(c->host->c.loop, &c->soon, loop_now(c->host->c.loop));
}

void p1_caller_answer(struct p1_caller *c, enum p1_verdict v)
{
    if (c->stale > 0) {
        c->stale--;
        return;
    }
    if (!c->later || v == P1_LATER)
        return;
    c->progress = true;
    judge(c, v);
    act_soon(c);
}

bool p1_caller_send(struct p1_caller *c, struct slice apdu)
{
    struct parcel *p = NULL;

    if (c->over || c->cut || c->gone || !association_two_way(c->a) ||
        apdu.n > QUEUE_BYTES - c->queued)
        return false;
    p = malloc(sizeof *p + apdu.n);
    if (!p)
        return false;
    p->next = NULL;
    p->n = apdu.n;
    if (apdu.n > 0)
        memcpy(p->octets, apdu.p, apdu.n);
    *c->last = p;
    c->last = &p->next;
    c->queued += apdu.n;
    act_soon(c);
    return true;
}

struct net_addr p1_caller_peer(const struct p1_caller *c)
{
    return c->call.stream->peer;
}

enum stack_mode p1_caller_mode(const struct p1_caller *c)
{
    return association_mode(c->a);
}

uint64_t p1_caller_number(const struct p1_caller *c)
{
    return c->call.number;
}

struct slice p1_caller_mta(const struct p1_caller *c)
{
    return slice_from(c->name, c->name_n);
}
