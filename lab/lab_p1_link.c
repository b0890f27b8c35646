/* lab_p1_link.c - reads, hears, tells, writes; and watches the clock. */
#include "lab/lab_p1_link.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "lab/lab_smtp_talk.h"
#include "lab/schedule.h"

#define BLOCK_BYTES    65536
#define BLOCKS_AT_ONCE 8 /* per wakeup: the others get their turn */
#define PATIENCE_NS    (10 * NS_PER_S)
#define MOVED_ENOUGH   4096u /* octets that count as a sign of life */
#define LIFETIME_S     300u  /* KB Q234157: of an association of ours without mail */
#define CALLER_IDLE_S  3600u

static void hang_up(struct p1_link *k)
{
    struct p1_links *of = k->of;

    k->ops->gone(k);
    if (k->prev)
        k->prev->next = k->next;
    else
        of->first = k->next;
    if (k->next)
        k->next->prev = k->prev;
    else
        of->last = k->prev;
    of->count--;
    link_close(k);
}

void link_close(struct p1_link *k)
{
    struct loop *loop = lab_site_loop(k->terms->site);

    timer_disarm(loop, &k->limit);
    stream_close(k->s);
    association_destroy(k->a);
    if (k->cargo)
        free(k->cargo->octets.p);
    free(k->cargo);
    free(k);
}

/* --- time --------------------------------------------------------------------------------------------------------- */

static uint64_t limit_ns(const struct p1_link *k, enum assoc_state state)
{
    const struct run_clock *clock = lab_site_clock(k->terms->site);

    if (state == ASSOC_IDLE && !k->initiator)
        return clock_span(clock, CALLER_IDLE_S * NS_PER_S) + PATIENCE_NS;
    if (state == ASSOC_IDLE)
        return clock_span(clock, LIFETIME_S * NS_PER_S);
    uint32_t s = assoc_state_timeout_s(state);
    uint64_t span =
        clock_span(clock, (s > 0 ? s : assoc_state_timeout_s(ASSOC_ABORTING)) * NS_PER_S);

    return span > PATIENCE_NS ? span : PATIENCE_NS;
}

static void watch(struct p1_link *k)
{
    struct loop *loop = lab_site_loop(k->terms->site);
    enum assoc_state state = k->begun ? association_state(k->a) : ASSOC_CALLING;

    if (state == k->timed && !k->fresh && k->moved < MOVED_ENOUGH)
        return;
    k->timed = state;
    k->fresh = false;
    k->moved = 0;
    timer_arm(loop, &k->limit, loop_now(loop) + limit_ns(k, state));
}

static void limit_fires(struct timer *t)
{
    struct p1_link *k = t->owner;
    enum assoc_state state = association_state(k->a);

    k->fresh = true;
    if (state == ASSOC_IDLE && k->initiator && !k->cargo && association_release(k->a)) {
        k->leaving = true;
        (void)link_flush(k);
    } else if (!k->begun || state == ASSOC_ABORTING || state == ASSOC_OVER) {
        k->ended = true;
        (void)link_flush(k);
    } else {
        p1_terms_note(k->terms, "p1-timeout", "%s: %s", k->who, assoc_state_doing(state));
        (void)link_abort(k, RTSE_TEMPORARY);
    }
}

/* --- octets ------------------------------------------------------------------------------------------------------- */

static void hear(struct p1_link *k, struct slice in)
{
    struct assoc_event ev;

    while (association_hear(k->a, &in, &ev) != ASSOC_MORE) {
        k->fresh = true;
        k->leaving = k->leaving || ev.news == ASSOC_RELEASED || ev.news == ASSOC_ABORTED ||
                     ev.news == ASSOC_REFUSED;
        k->ops->news(k, &ev);
    }
}

static void say(struct p1_link *k)
{
    struct slice out;

    while (!k->ended && (out = association_output(k->a)).n > 0) {
        long put = stream_write(k->s, out.p, out.n);

        if (put == STREAM_BROKEN)
            k->ended = true;
        if (put <= 0)
            return;
        k->moved += (size_t)put;
        association_gave(k->a, (size_t)put);
        if ((size_t)put < out.n)
            return; /* STREAM_WRITABLE will come */
    }
}

bool link_flush(struct p1_link *k)
{
    if (k->begun) {
        say(k);
        hear(k, slice_from(NULL, 0)); /* that may have been news, and led to more */
        say(k);
    }
    if (k->begun && association_state(k->a) == ASSOC_OVER && association_output(k->a).n == 0)
        k->ended = true;
    if (!k->ended) {
        watch(k);
        return true;
    }
    if (k->begun) {
        association_lost(k->a);
        hear(k, slice_from(NULL, 0));
    }
    hang_up(k);
    return false;
}

bool link_abort(struct p1_link *k, enum rtse_abort reason)
{
    k->leaving = true;
    if (!k->begun) {
        k->ended = true;
        return link_flush(k);
    }
    association_abort(k->a, reason);
    hear(k, slice_from(NULL, 0));
    return link_flush(k);
}

static void take(struct p1_link *k)
{
    unsigned char block[BLOCK_BYTES];

    for (int i = 0; i < BLOCKS_AT_ONCE && !k->ended; i++) {
        long n = stream_read(k->s, block, sizeof block);

        if (n == STREAM_END || n == STREAM_BROKEN)
            k->ended = true;
        if (n <= 0)
            return;
        k->moved += (size_t)n;
        hear(k, slice_from(block, (size_t)n));
        say(k);
        if ((size_t)n < sizeof block)
            return;
    }
}

static void ready(struct stream *s, unsigned what)
{
    struct p1_link *k = s->owner;

    if (!k->begun && what == STREAM_WRITABLE) { /* TCP is connected */
        k->begun = true;
        association_begin(k->a);
    }
    if (what & STREAM_READABLE) {
        if (!k->begun)
            k->ended = true; /* refused: nobody speaks before we do */
        else
            take(k);
    }
    (void)link_flush(k);
}

/* --- its beginning ------------------------------------------------------------------------------------------------ */

struct p1_link *link_open(struct p1_links *of, const struct p1_terms *t, struct stream *s,
                          struct association_config *c)
{
    struct p1_link *k = lab_memory(NULL, 0, sizeof *k);

    *k = (struct p1_link){.terms = t, .of = of, .prev = of->last, .s = s, .fresh = true};
    k->initiator = c->initiator;
    p1_terms_time(lab_now_ns(lab_site_core(t->site)), k->utc);
    c->name = t->name;
    c->utc = k->utc;
    c->apdu_max = SMTP_SIZE_MAX;
    k->a = association_create(c);
    PM_ASSERT(k->a); /* as lab_memory() has it */
    timer_init(&k->limit, limit_fires, k);
    s->owner = k;
    s->ready = ready;
    if (of->last)
        of->last->next = k;
    else
        of->first = k;
    of->last = k;
    of->count++;
    if (!c->initiator) {
        k->begun = true;
        association_begin(k->a);
    }
    watch(k);
    return k;
}
