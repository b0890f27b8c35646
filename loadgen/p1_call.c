/* p1_call.c - an association by its stages: called, bound, filled with messages, heard, watched, lost.
 *
 * What becomes of a message is the association's word (enum assoc_fate); one that was cut is never followed by what is left in
 * the output, or its last octets would leave after all. Time limits are those of association.h, in the target's time.
 */
#include "loadgen/p1_call.h"

#include <stdio.h>
#include <stdlib.h>

#include "loadgen/p1_peer.h"

#define READ_BYTES 16384

#define EXCEPT_NOW   1 /* session exceptions: temporarily unable, */
#define EXCEPT_NEVER 5 /* and a local error of its user */

/* --- what becomes of a message ------------------------------------------------------------------------------------------ */

static enum ending ending_of(enum assoc_fate fate, uint32_t code)
{
    switch (fate) {
    case ASSOC_TAKEN:
        return END_ACCEPTED;
    case ASSOC_NOT_TAKEN:
        return code == p1_peer_code(STACK_SESSION, EXCEPT_NOW) ? END_REFUSED_TEMP
                                                               : END_REFUSED_PERM;
    case ASSOC_DOUBT:
        return END_DOUBT;
    case ASSOC_CUT:
    case ASSOC_UNTOUCHED:
        break;
    }
    return END_ABORTED;
}

/* Its first octet has been given to the kernel. */
static void message_began(struct p1_call *k)
{
    k->begun = true;
    if (k->sendings++ == 0)
        sender_began(k->load, &k->item);
}

static bool may_resend(const struct p1_call *k)
{
    const struct sender_load *l = k->load;

    return k->doubt && k->sendings <= l->load->resend && sender_is_running(l) &&
           !sender_is_canary(&k->item);
}

static void message_over(struct p1_call *k)
{
    pool_wait(k->line, false);
    k->live = false;
    sender_done(k->load);
}

static void message_again(struct p1_call *k)
{
    if (sender_is_running(k->load))
        pool_wait(k->line, true);
    else
        message_over(k);
}

static void message_untouched(struct p1_call *k)
{
    if (k->sendings > 0) {
        message_again(k);
        return;
    }
    k->live = false;
    sender_give_back(k->load, &k->item);
}

static void message_ended(struct p1_call *k, enum assoc_fate fate, uint32_t code)
{
    bool answered = fate == ASSOC_TAKEN || fate == ASSOC_NOT_TAKEN;

    k->under_way = k->fate_waits = false;
    if (fate == ASSOC_UNTOUCHED && !k->begun) {
        message_untouched(k);
        return;
    }
    if (!k->begun)
        message_began(k);
    for (uint32_t r = 0; r < k->item.msg.recipients; r++)
        sender_ended(k->load, &k->item, r, ending_of(fate, code),
                     answered || fate == ASSOC_DOUBT ? STAGE_TAKEN : STAGE_TRANSFER,
                     fate == ASSOC_TAKEN ? 0 : code);
    k->doubt = k->doubt || fate == ASSOC_DOUBT;
    if (answered)
        k->line->pool->backoff_ns = 0;
    if (!answered && may_resend(k))
        message_again(k);
    else
        message_over(k);
}

/* --- an association's life ---------------------------------------------------------------------------------------------- */

static const char *call_doing(const void *owner)
{
    const struct p1_call *k = owner;

    return k->line->stands ? assoc_state_doing(association_state(k->association)) : "connecting";
}

/* What was being done; a message whose end is known by now counts as being under way. */
static enum stage stage_of(const struct p1_call *k)
{
    if (!k->line->up)
        return k->line->stands ? STAGE_BIND : STAGE_CONNECT;
    if (k->fate_waits ? k->fate == ASSOC_DOUBT : association_exposed(k->association))
        return STAGE_TAKEN;
    return STAGE_TRANSFER;
}

/* Closes it and settles what was under way on it. */
static void call_lost(void *owner)
{
    struct p1_call *k = owner;
    struct slice nothing = slice_from(NULL, 0);
    uint32_t code = p1_peer_code(STACK_TPKT, -1);
    struct assoc_event ev;
    bool was_up = k->line->up;

    pool_close(k->line);
    association_lost(k->association);
    while (association_hear(k->association, &nothing, &ev) != ASSOC_MORE) {
        if (ev.news == ASSOC_ENDED) {
            k->fate = ev.fate;
            k->fate_waits = true;
        }
        /* A refusal that was being taken back has its own reason, whatever ended the association. */
        if (ev.news == ASSOC_ENDED ? ev.fate == ASSOC_NOT_TAKEN
                                   : ev.news == ASSOC_ABORTED && k->fate != ASSOC_NOT_TAKEN)
            code = p1_peer_code(ev.layer, ev.code);
    }
    if (k->fate_waits)
        message_ended(k, k->fate, code);
    PM_ASSERT(!k->under_way);
    k->line->up = false;
    pool_failed(k->line->pool, was_up);
}

/* What stands in the output before the end of an association; one try. */
static void call_say(struct p1_call *k)
{
    struct slice out = association_output(k->association);

    if (out.n > 0)
        (void)stream_write(k->line->stream, out.p, out.n);
}

/* Says ABORT where nothing of a message would leave in front of it. */
static void call_abort(struct p1_call *k, enum rtse_abort reason)
{
    bool clean = k->line->stands && association_output(k->association).n == 0;

    association_abort(k->association, reason);
    if (clean)
        call_say(k);
}

/* Something is awaited in every state but between messages; there, the turn may be. */
static uint64_t limit_s(const struct p1_call *k)
{
    enum assoc_state s = association_state(k->association);

    if (s == ASSOC_IDLE && !k->pleased)
        return 0;
    return assoc_state_timeout_s(s);
}

/* Nothing came in its time. */
static void call_late(void *owner)
{
    struct p1_call *k = owner;
    enum stage at = stage_of(k);
    char words[P1_PEER_WORDS];

    if (k->halted) {
        call_lost(k);
        return;
    }
    (void)snprintf(words, sizeof words, "no answer, %s", call_doing(k));
    call_abort(k, RTSE_LOCAL_PROBLEM);
    pool_broken(k->line, FIND_TIMEOUT, at, words);
}

/* --- sending ---------------------------------------------------------------------------------------------------------- */

static bool call_can_send(const struct p1_call *k)
{
    return k->line->stream && k->line->up && !k->under_way && association_can_send(k->association);
}

/* Sends the message that waits to be sent again, or one that is due. */
static void call_send(struct p1_call *k)
{
    struct p1_pool *p = k->pool;

    if (k->live) {
        pool_wait(k->line, false);
    } else {
        if (!sender_take(k->load, &k->item))
            return;
        k->apdu =
            p1_orders_fill(p->orders, &k->item, p1_orders_now_s(p->orders), k->room, p->apdu_room);
        k->live = true;
        k->doubt = false;
        k->sendings = 0;
    }
    k->ahead = association_output(k->association).n;
    k->begun = false;
    k->under_way = k->turn_used = true;
    association_send(k->association, k->apdu, 0);
}

static bool call_owes(const struct p1_call *k)
{
    return k->live || sender_has_due(k->load);
}

/* Between messages: the turn for a peer that asked, the next message, or the turn back. After each turn that we were given
 * one message of ours goes before the peer's next. */
static void call_go(struct p1_call *k)
{
    struct association *a = k->association;

    if (!k->line->stream || !k->line->up || k->under_way)
        return;
    if (k->turn_asked && (k->turn_used || !call_owes(k)) && association_give(a))
        k->turn_asked = false;
    if (call_can_send(k))
        call_send(k);
    else if (!k->pleased && !association_has_turn(a) && call_owes(k))
        k->pleased = association_please(a, 0);
}

/* --- hearing ---------------------------------------------------------------------------------------------------------- */

/* The MTAs know one another; false: the connection is gone. */
static bool call_bound(struct p1_call *k, struct slice result)
{
    char words[P1_PEER_WORDS];

    if (!p1_peer_is_expected(&k->line->pool->server->p1, result, words)) {
        call_abort(k, RTSE_USER);
        pool_broken(k->line, FIND_CONNECT_FAILED, p1_peer_code(STACK_USER, P1_BIND_AUTHENTICATION),
                    words);
        return false;
    }
    pool_up(k->line, event_sessions(SESSION_P1, 0));
    return true;
}

static void call_refused(struct p1_call *k, const struct assoc_event *ev)
{
    char words[P1_PEER_WORDS];
    uint32_t code = p1_peer_refused(ev, words);

    call_say(k);
    pool_broken(k->line, FIND_CONNECT_FAILED, code, words);
}

/* It broke, by whomever. Who broke off between messages or before the first is a finding; else the message's ending says
 * so. That the peer did not keep to the protocol is one always. */
static void call_broken(struct p1_call *k, const struct assoc_event *ev)
{
    bool owed = k->fate_waits, up = k->line->up;
    uint32_t code = p1_peer_code(ev->layer, ev->code);
    enum stage at = stage_of(k);

    if (!owed || k->fate == ASSOC_DOUBT)
        call_say(k);
    if (owed)
        message_ended(k, k->fate, code);
    if (ev->by == ASSOC_BY_US)
        pool_broken(k->line, FIND_PROTOCOL, at, ev->text);
    else if (!up || !owed)
        pool_broken(k->line, FIND_CONNECT_FAILED, code, ev->text);
    else
        call_lost(k);
}

/* An APDU of the peer's: its answer follows when somebody has it in hand. */
static void call_received(struct p1_call *k, struct slice apdu)
{
    const struct sender_context *c = k->load->context;

    if (!c->heard) {
        (void)association_except(k->association, EXCEPT_NEVER);
        return;
    }
    c->heard(c->owner, apdu, k->load->load->via);
    (void)association_confirm(k->association);
}

/* false: the connection is gone. */
static bool call_news(struct p1_call *k, const struct assoc_event *ev)
{
    switch (ev->news) {
    case ASSOC_BOUND:
        return call_bound(k, ev->bytes);
    case ASSOC_REFUSED:
        call_refused(k, ev);
        return false;
    case ASSOC_ENDED:
        if (ev->fate == ASSOC_TAKEN || ev->fate == ASSOC_NOT_TAKEN) {
            message_ended(k, ev->fate, p1_peer_code(ev->layer, ev->code));
        } else {
            k->fate = ev->fate; /* what broke it is told next */
            k->fate_waits = true;
        }
        return true;
    case ASSOC_RECEIVED:
        call_received(k, ev->bytes);
        return true;
    case ASSOC_TURN_ASKED:
        k->turn_asked = true;
        return true;
    case ASSOC_TURN_GIVEN:
        k->pleased = k->turn_used = false;
        return true;
    case ASSOC_RELEASED:
        call_say(k);
        call_lost(k);
        return false;
    case ASSOC_ABORTED:
        call_broken(k, ev);
        return false;
    case ASSOC_MORE:
    case ASSOC_ASKED:
    case ASSOC_DROPPED:
        break;
    }
    return true;
}

/* What the association made of the octets; false: the connection is gone. */
static bool call_hear(struct p1_call *k, struct slice in)
{
    struct assoc_event ev;

    while (association_hear(k->association, &in, &ev) != ASSOC_MORE)
        if (!call_news(k, &ev))
            return false;
    if (k->fate_waits)
        message_ended(k, k->fate, p1_peer_code(STACK_TPKT, -1));
    return true;
}

/* The stream has ended or broken: what was under way says how it ended; what never came up has failed. */
static void call_gone(struct p1_call *k, long n)
{
    const char *why =
        n == STREAM_END ? "the peer closes the connection" : stream_error(k->line->stream);
    char words[P1_PEER_WORDS];

    (void)snprintf(words, sizeof words, "%s%s%s", why, k->line->stands ? " while " : "",
                   k->line->stands ? call_doing(k) : "");
    if (k->line->up)
        call_lost(k);
    else
        pool_broken(k->line, FIND_CONNECT_FAILED, 0, words);
}

/* Reads once; false: the connection is gone. */
static bool call_read(struct p1_call *k)
{
    unsigned char octets[READ_BYTES];
    long n = stream_read(k->line->stream, octets, sizeof octets);

    if (n == STREAM_AGAIN)
        return true;
    if (n > 0) {
        k->line->stands = true;
        return call_hear(k, slice_from(octets, (size_t)n));
    }
    call_gone(k, n);
    return false;
}

/* Nothing can be written any more; what the peer said before is still heard. */
static void call_broke(struct p1_call *k)
{
    unsigned char octets[READ_BYTES];
    long n;

    while ((n = stream_read(k->line->stream, octets, sizeof octets)) > 0)
        if (!call_hear(k, slice_from(octets, (size_t)n)))
            return;
    call_gone(k, n == STREAM_END ? n : STREAM_BROKEN);
}

/* So many octets have left. */
static void call_gave(struct p1_call *k, size_t n)
{
    association_gave(k->association, n);
    if (!k->under_way || k->begun)
        return;
    if (n > k->ahead)
        message_began(k);
    else
        k->ahead -= n;
}

/* What had wholly left, though not yet from this machine, is answered: then there is nothing more to say. false: the connection
 * is gone. */
static bool call_is_awaited(struct p1_call *k)
{
    if (k->under_way)
        return true;
    call_lost(k);
    return false;
}

/* Writes what there is; false: the connection is gone. */
static bool call_flush(struct p1_call *k)
{
    if (k->halted)
        return call_is_awaited(k);
    for (;;) {
        struct slice out = association_output(k->association);
        long got = out.n > 0 ? stream_write(k->line->stream, out.p, out.n) : STREAM_AGAIN;

        if (got == STREAM_AGAIN)
            break;
        if (got <= 0) {
            call_broke(k);
            return false;
        }
        call_gave(k, (size_t)got);
        if ((size_t)got < out.n)
            break;
    }
    if (!call_hear(k, slice_from(NULL, 0))) /* what could not be said */
        return false;
    pool_watch(k->line, limit_s(k));
    return true;
}

/* --- connecting --------------------------------------------------------------------------------------------------------- */

static void on_ready(struct stream *s, unsigned what);

static bool call_connect(void *owner)
{
    struct p1_call *k = owner;

    k->turn_asked = k->turn_used = k->pleased = k->halted = false;
    p1_time_write(p1_orders_now_s(k->pool->orders), k->utc);
    if (!pool_connect(k->line, on_ready))
        return false;
    association_begin(k->association);
    pool_watch(k->line, limit_s(k));
    return true;
}

static void on_ready(struct stream *s, unsigned what)
{
    struct p1_call *k = s->owner;

    if (what & STREAM_WRITABLE)
        k->line->stands = true;
    if (what & STREAM_READABLE && !call_read(k))
        return;
    call_go(k);
    if (call_flush(k))
        pool_grow(k->line->pool);
}

/* Takes a message that is due, if it can. */
static bool call_next(void *owner)
{
    struct p1_call *k = owner;

    if (k->line->stream && k->line->up && !k->under_way) {
        call_go(k);
        (void)call_flush(k);
    }
    return pool_owes(k->line->pool);
}

/* --- leaving ------------------------------------------------------------------------------------------------------------ */

static bool call_is_idle(const struct p1_call *k)
{
    return k->line->stream && k->line->up && !k->under_way && association_has_turn(k->association);
}

/* Associations between messages are left with a release, whose answer nobody waits for. */
static void call_leave(struct p1_call *k)
{
    if (call_is_idle(k) && association_release(k->association))
        call_say(k);
    pool_close(k->line);
}

static void call_cut(void *owner)
{
    struct p1_call *k = owner;

    if (call_is_idle(k)) {
        call_leave(k);
    } else if (k->line->stream) {
        call_abort(k, RTSE_USER);
        call_lost(k);
    }
    if (k->live) /* it waited to be sent again */
        message_over(k);
}

/* What has wholly left, the kernel's share too, is answered as ever. */
static void call_halt(void *owner)
{
    struct p1_call *k = owner;
    bool exposed = k->under_way && association_exposed(k->association);
    bool owes = k->live && k->line->stream && stream_owes(k->line->stream);

    if (owes)
        stream_mute(k->line->stream);
    if (k->live && !exposed) {
        call_cut(k);
    } else if (owes) {
        k->halted = true;
        pool_watch_until(k->line, loop_now(k->load->context->loop) + SEND_HALT_NS);
    }
}

/* --- the pool's table --------------------------------------------------------------------------------------------------- */

const struct pool_ops p1_call_ops = {
    .connect = call_connect,
    .next = call_next,
    .late = call_late,
    .lost = call_lost,
    .cut = call_cut,
    .halt = call_halt,
    .doing = call_doing,
};

bool p1_call_open(struct p1_call *k, struct p1_pool *p, struct slice bind)
{
    struct pool_line *line = &p->pool.lines[k - p->calls];
    struct association_config config =
        p1_peer_config(&p->pool.load->context->work->profile->x400, &p->pool.server->p1);

    config.bind = bind;
    config.utc = k->utc;
    config.ref = (uint16_t)((k - p->calls) % UINT16_MAX + 1);
    k->pool = p;
    k->load = p->pool.load;
    k->line = line;
    line->owner = k;
    k->association = association_create(&config);
    k->room = malloc(p->apdu_room);
    return k->association && k->room;
}

void p1_call_close(struct p1_call *k)
{
    if (k->pool)
        call_leave(k);
    association_destroy(k->association);
    free(k->room);
}
