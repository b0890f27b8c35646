/* fake_p1.c - a scripted X.400 MTA on a loop. */
#include "tests/loadgen/fake_p1.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "wire/x400/p1_bind.h"

static void call_close(struct fake_p1_call *c)
{
    timer_disarm(c->mta->loop, &c->end);
    stream_close(c->stream);
    c->stream = NULL;
}

static void say(struct fake_p1_call *c)
{
    struct slice out;

    while (c->stream && (out = association_output(c->association)).n > 0) {
        long n = stream_write(c->stream, out.p, out.n);

        if (n == STREAM_AGAIN)
            return;
        if (n < 0) {
            call_close(c);
            return;
        }
        association_gave(c->association, (size_t)n);
    }
}

static void keep(struct fake_p1 *f, struct slice apdu)
{
    PM_ASSERT(f->apdus < FAKE_P1_APDUS);
    if (!f->forget) {
        buf_init(&f->apdu[f->apdus], 1u << 24);
        PM_ASSERT(buf_add(&f->apdu[f->apdus], apdu.p, apdu.n));
    }
    f->apdus++;
}

static void judge(struct fake_p1_call *c, struct slice apdu)
{
    struct fake_p1 *f = c->mta;
    enum fake_p1_answer how = f->answer ? f->answer(f, c, apdu) : FAKE_P1_TAKE;

    f->seen++;
    if (how == FAKE_P1_TAKE || how == FAKE_P1_TAKE_CUT || how == FAKE_P1_PLEASE)
        keep(f, apdu);
    if (how == FAKE_P1_TAKE || how == FAKE_P1_PLEASE)
        (void)association_confirm(c->association);
    if (how == FAKE_P1_PLEASE)
        PM_ASSERT(association_please(c->association, 2));
    if (how == FAKE_P1_NOT_NOW || how == FAKE_P1_NEVER)
        (void)association_except(c->association, how == FAKE_P1_NOT_NOW ? 1 : 5);
    if (how == FAKE_P1_ABORT)
        association_abort(c->association, RTSE_TEMPORARY);
    c->closing = c->silent = how == FAKE_P1_HANG_UP || how == FAKE_P1_TAKE_CUT;
}

static bool is_named(struct slice s, const char *want)
{
    return !want || slice_is(s, want);
}

static void decide(struct fake_p1_call *c, struct slice argument)
{
    struct fake_p1 *f = c->mta;
    bool normal = association_mode(c->association) == STACK_NORMAL;
    unsigned char room[P1_BIND_MAX];
    const struct p1_bind us = {
        .named = true, .name = slice_of(f->name), .password = slice_of(f->password)};
    struct p1_bind them;
    struct ber_out o;
    struct err e;

    ber_out_init(&o, room, sizeof room);
    if (f->busy) {
        if (normal)
            p1_bind_error_write(&o, true, P1_BIND_BUSY);
        association_refuse(c->association, RTSE_BUSY, ber_out_slice(&o));
        return;
    }
    if (!p1_bind_read(argument, &them, &e) || !is_named(them.name, f->peer) ||
        !is_named(them.password, f->peer_password)) {
        if (normal)
            p1_bind_error_write(&o, true, P1_BIND_AUTHENTICATION);
        association_refuse(c->association, RTSE_VALIDATION, ber_out_slice(&o));
        return;
    }
    p1_bind_write(&o, normal ? P1_BIND_RESULT : P1_BIND_BARE, &us);
    f->binds++;
    association_accept(c->association, ber_out_slice(&o));
}

/* The turn is ours: the report, then the turn goes back. */
static void turn_came(struct fake_p1_call *c)
{
    struct fake_p1 *f = c->mta;

    f->turns++;
    if (f->keeps_turn)
        return;
    if (f->report.n > 0) {
        association_send(c->association, f->report, 1);
    } else {
        PM_ASSERT(association_give(c->association));
    }
}

static void news(struct fake_p1_call *c, const struct assoc_event *ev)
{
    struct fake_p1 *f = c->mta;

    switch (ev->news) {
    case ASSOC_ASKED:
        decide(c, ev->bytes);
        return;
    case ASSOC_RECEIVED:
        judge(c, ev->bytes);
        return;
    case ASSOC_ENDED:
        f->reports_taken += ev->fate == ASSOC_TAKEN;
        f->reports_refused += ev->fate == ASSOC_NOT_TAKEN && ev->code == 5;
        c->giving = ev->fate == ASSOC_TAKEN || ev->fate == ASSOC_NOT_TAKEN;
        return;
    case ASSOC_TURN_GIVEN:
        turn_came(c);
        return;
    case ASSOC_RELEASED:
        f->released++;
        c->closing = true;
        return;
    case ASSOC_ABORTED:
        f->aborted++;
        c->closing = true;
        return;
    case ASSOC_REFUSED:
        c->closing = true;
        return;
    case ASSOC_MORE:
    case ASSOC_BOUND:
    case ASSOC_DROPPED:
    case ASSOC_TURN_ASKED:
        return;
    }
}

static void hear(struct fake_p1_call *c, struct slice in)
{
    struct assoc_event ev;

    while (!c->closing && association_hear(c->association, &in, &ev) != ASSOC_MORE)
        news(c, &ev);
    if (c->giving && association_give(c->association))
        c->giving = false;
    if (!c->silent)
        say(c);
    if (c->closing)
        call_close(c);
}

static void on_end(struct timer *t)
{
    call_close(t->owner);
}

/* How many octets may be read now; none: the call's end is near. */
static size_t may_read(struct fake_p1_call *c, size_t most)
{
    struct fake_p1 *f = c->mta;
    uint64_t left = f->limit ? f->limit(f, c) - c->heard : most;

    if (left == 0) {
        stream_pause(c->stream, true);
        timer_arm(f->loop, &c->end, loop_now(f->loop) + NS_PER_MS);
    }
    return left < most ? (size_t)left : most;
}

static void ready(struct stream *st, unsigned what)
{
    struct fake_p1_call *c = st->owner;
    unsigned char octets[65536];
    size_t room = 0;

    if (what & STREAM_WRITABLE)
        say(c);
    if (!c->stream || !(what & STREAM_READABLE) || (room = may_read(c, sizeof octets)) == 0)
        return;
    long n = stream_read(st, octets, room);
    if (n == STREAM_AGAIN)
        return;
    if (n <= 0) {
        association_lost(c->association);
        call_close(c);
        return;
    }
    c->heard += (uint64_t)n;
    if (!c->mta->trash)
        hear(c, slice_from(octets, (size_t)n));
}

static void came(void *owner, struct stream *st)
{
    struct fake_p1 *f = owner;
    struct fake_p1_call *c = calloc(1, sizeof *c);

    PM_ASSERT(c && f->calls < FAKE_P1_CALLS);
    f->call[f->calls++] = c;
    *c = (struct fake_p1_call){
        .mta = f, .stream = st, .association = association_create(&f->config), .number = f->calls};
    PM_ASSERT(c->association);
    association_begin(c->association);
    timer_init(&c->end, on_end, c);
    st->owner = c;
    st->ready = ready;
    if (f->trash)
        (void)stream_write(st, f->trash, strlen(f->trash));
}

struct fake_p1 *fake_p1_create(struct loop *l, const char *at)
{
    struct fake_p1 *f = calloc(1, sizeof *f);
    struct err e;

    PM_ASSERT(f && net_parse(&f->at, at, 0, &e));
    f->loop = l;
    f->name = "LAB-S3";
    f->password = "public";
    f->config = (struct association_config){
        .name = "LAB-S3", .utc = "261121120000Z", .checkpoint_kb = 64, .window = 3};
    fake_p1_up(f);
    return f;
}

void fake_p1_up(struct fake_p1 *f)
{
    struct err e;

    f->listener = loop_listen(f->loop, &f->at, came, f, &e);
    PM_ASSERT(f->listener);
    f->at = listener_addr(f->listener);
}

void fake_p1_down(struct fake_p1 *f)
{
    listener_close(f->listener);
    f->listener = NULL;
    for (uint32_t i = 0; i < f->calls; i++)
        call_close(f->call[i]);
}

void fake_p1_drop(struct fake_p1_call *c, bool abort)
{
    if (!c->stream)
        return;
    if (abort) {
        association_abort(c->association, RTSE_LOCAL_PROBLEM);
        say(c);
    }
    call_close(c);
}

void fake_p1_ask(struct fake_p1_call *c)
{
    PM_ASSERT(association_please(c->association, 1));
    say(c);
}

void fake_p1_destroy(struct fake_p1 *f)
{
    if (!f)
        return;
    fake_p1_down(f);
    for (uint32_t i = 0; i < f->calls; i++) {
        association_destroy(f->call[i]->association);
        free(f->call[i]);
    }
    for (uint32_t i = 0; i < f->apdus && !f->forget; i++)
        buf_fini(&f->apdu[i]);
    free(f);
}
