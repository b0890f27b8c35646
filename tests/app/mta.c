/* mta.c - a caller of P1. */
#include "tests/app/mta.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "tests/app/octets.h"
#include "tests/support/check.h"
#include "wire/x400/p1.h"

#define RETRY_NS (5 * NS_PER_MS)

/* Its number, wherever the sample has one. */
static void number_message(struct mta *m, unsigned number)
{
    char digits[16];

    (void)snprintf(digits, sizeof digits, "%08u", number);
    for (size_t i = 0; i + 9 <= m->apdu_n; i++)
        if ((m->apdu[i] == '.' || m->apdu[i] == '-') && memcmp(m->apdu + i + 1, "00", 2) == 0)
            memcpy(m->apdu + i + 1, digits, 8);
}

void mta_report_words(struct slice apdu, char out[64])
{
    struct arena *a = arena_create(1u << 20);
    struct p1_apdu read;
    struct err e;

    (void)snprintf(out, 64, "?");
    if (p1_read(apdu, a, &read, &e) && read.kind == P1_REPORT && read.report.recipient_count == 1) {
        const struct p1_reported *r = &read.report.recipients[0];
        struct slice id = read.report.subject.local;

        if (r->delivered)
            (void)snprintf(out, 64, "%.*s delivered", (int)id.n, (const char *)id.p);
        else
            (void)snprintf(out, 64, "%.*s failed %d/%d", (int)id.n, (const char *)id.p, r->reason,
                           r->diagnostic);
    }
    arena_destroy(a);
}

static void call(struct mta *m);

static void hang_up(struct mta *m)
{
    stream_close(m->stream);
    m->stream = NULL;
    timer_disarm(m->loop, &m->limit);
    if (m->done)
        return;
    if (m->calls_max && m->calls >= m->calls_max)
        m->done = true;
    if (m->sent == m->messages && m->reports >= m->until_reports)
        m->done = true;
    if (m->done)
        loop_stop(m->loop);
    else
        timer_arm(m->loop, &m->retry, loop_now(m->loop) + RETRY_NS);
}

static void on_event(struct mta *m, const struct assoc_event *ev)
{
    m->binds += ev->news == ASSOC_BOUND;
    m->gives = m->gives || ev->news == ASSOC_TURN_ASKED;
    if (ev->news == ASSOC_ENDED) {
        m->fates[m->sent] = ev->fate;
        m->codes[m->sent++] = ev->code;
    }
    if (ev->news == ASSOC_RECEIVED) {
        m->reports++;
        mta_report_words(ev->bytes, m->last_report);
        (void)association_confirm(m->a);
    }
    if (ev->news == ASSOC_REFUSED) {
        int32_t n = ev->code;

        (void)(ev->layer == STACK_USER && p1_bind_error_read(ev->bytes, &n));
        m->refused = n;
        m->refusals++;
    }
    m->over = m->over || ev->news == ASSOC_REFUSED || ev->news == ASSOC_ABORTED ||
              ev->news == ASSOC_RELEASED;
}

static void hear(struct mta *m, struct slice in)
{
    struct assoc_event ev;

    while (association_hear(m->a, &in, &ev) != ASSOC_MORE)
        on_event(m, &ev);
}

static void next(struct mta *m)
{
    if (m->gives && association_give(m->a))
        m->gives = false;
    if (m->sent < m->messages && association_can_send(m->a)) {
        if (!m->sample)
            number_message(m, m->sent + 1);
        association_send(m->a, m->octets.n > 0 ? m->octets : slice_from(m->apdu, m->apdu_n), 0);
    } else if (m->sent == m->messages && m->reports >= m->until_reports) {
        (void)association_release(m->a);
    }
    for (struct slice out; (out = association_output(m->a)).n > 0;) {
        long put = stream_write(m->stream, out.p, out.n);

        if (put <= 0)
            break;
        association_gave(m->a, (size_t)put);
    }
    timer_arm(m->loop, &m->limit, loop_now(m->loop) + m->patience_ns);
}

static void lost(struct mta *m)
{
    if (m->begun)
        association_lost(m->a);
    hear(m, slice_from(NULL, 0));
    hang_up(m);
}

static void ready(struct stream *s, unsigned what)
{
    struct mta *m = s->owner;
    unsigned char in[8192];
    long n = STREAM_AGAIN;

    if (what & STREAM_WRITABLE && !m->begun) {
        association_begin(m->a);
        m->begun = true;
    }
    while (what & STREAM_READABLE && (n = stream_read(s, in, sizeof in)) > 0)
        hear(m, slice_from(in, (size_t)n));
    if (n != STREAM_AGAIN) {
        lost(m);
        return;
    }
    if (m->begun)
        next(m);
    if (m->over)
        hang_up(m);
}

static void limit_fires(struct timer *t)
{
    lost(t->owner);
}

static void retry_fires(struct timer *t)
{
    call(t->owner);
}

static void call(struct mta *m)
{
    static const struct guard loopback_only = {0};
    struct err e;

    m->calls++;
    m->begun = m->gives = m->over = false;
    m->stream = loop_connect(m->loop, &loopback_only, &m->to, ready, m, &e);
    PM_ASSERT(m->stream);
    timer_arm(m->loop, &m->limit, loop_now(m->loop) + m->patience_ns);
}

void mta_start(struct mta *m)
{
    const struct p1_bind b = {
        .named = m->name, .name = slice_of(m->name), .password = slice_of(m->password)};
    struct ber_out o;

    PM_ASSERT(m->messages <= MTA_MESSAGES);
    ber_out_init(&o, m->bind, sizeof m->bind);
    p1_bind_write(&o, m->mode == STACK_NORMAL ? P1_BIND_ARGUMENT : P1_BIND_BARE, &b);
    if (!m->patience_ns)
        m->patience_ns = 20 * NS_PER_S;
    m->apdu_n = octets_load(m->sample ? m->sample : "70-apdu-message.hex", m->apdu, sizeof m->apdu);
    m->a = association_create(&(struct association_config){.initiator = true,
                                                           .mode = m->mode,
                                                           .two_way = m->two_way,
                                                           .name = "CALLER",
                                                           .bind = ber_out_slice(&o)});
    PM_ASSERT(m->a);
    timer_init(&m->limit, limit_fires, m);
    timer_init(&m->retry, retry_fires, m);
    call(m);
}

void mta_end(struct mta *m)
{
    timer_disarm(m->loop, &m->limit);
    timer_disarm(m->loop, &m->retry);
    stream_close(m->stream);
    association_destroy(m->a);
}
