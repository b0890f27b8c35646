/* send_p1.c - the associations of one load on one thread: opened on need, filled with what is due, lost and replaced.
 *
 * All memory is made when the load is opened. Time limits are those of association.h, in the target's time. What becomes of
 * a message is the association's word (enum assoc_fate); one that was cut is never followed by what is left in the output,
 * or its last octets would leave after all. An association that breaks before a message was answered on it makes the next
 * try wait (SEND_BACKOFF), so a peer that is down costs a few tries a second, each of them a finding.
 */
#include "loadgen/send_p1.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loadgen/p1_orders.h"
#include "loadgen/p1_peer.h"
#include "loadgen/send_smtp.h"
#include "wire/x400/association.h"
#include "wire/x400/p1.h"

#define READ_BYTES 16384

#define EXCEPT_NOW   1 /* session exceptions: temporarily unable, */
#define EXCEPT_NEVER 5 /* and a local error of its user */

struct pool;

struct link {
    struct pool *pool;
    struct stream *stream; /* NULL: closed */
    struct association *association;
    char utc[P1_TIME_CHARS + 1]; /* in the common reference of its session */
    bool stands, up;             /* the connection; the bind */
    bool turn_asked, turn_used;  /* the peer wants the turn; we have sent since we got it */
    bool pleased;                /* we want the turn, and said so */
    struct timer timer;
    uint64_t deadline_ns; /* NEVER_NS: nothing is awaited */
    /* Its message. */
    bool live, under_way;   /* there is one that has not ended; it is the association's */
    bool begun, fate_waits; /* an octet of it left; `fate` is known, why is not yet */
    bool doubt;             /* an earlier sending of it may have been taken */
    enum assoc_fate fate;
    uint32_t sendings; /* so far */
    size_t ahead;      /* octets that leave before it */
    struct sender_item item;
    unsigned char *room;
    struct slice apdu;
};

struct pool {
    struct sender_load *load;
    const struct server *server;
    struct p1_orders *orders;
    unsigned char bind[P1_BIND_MAX];
    struct link *links;
    size_t apdu_room;
    uint32_t count, open, connecting, turn;
    uint32_t again; /* messages that wait to be sent again */
    uint64_t backoff_ns;
    struct timer retry;
    void (*armed)(struct sender_load *l, const struct err *e); /* while arming */
    struct timer arm_limit, arm_answer;
    struct err arm_error;
};

static void link_lost(struct link *k);

static struct loop *loop_of(const struct pool *p)
{
    return p->load->context->loop;
}

/* --- arming ---------------------------------------------------------------------------------------------------------- */

/* The answer comes from a timer: never from inside the call that asked. */
static void arm_over(struct pool *p, const char *what)
{
    char text[NET_TEXT];

    if (!p->armed || timer_is_armed(&p->arm_answer))
        return;
    if (what && p->arm_error.code == 0)
        err_set(&p->arm_error, EX_TARGET, "%s", what);
    if (what)
        err_wrap(&p->arm_error, "server %s (%s)", p->server->name,
                 net_print(&p->server->p1.at.addr, text));
    timer_disarm(loop_of(p), &p->arm_limit);
    timer_arm(loop_of(p), &p->arm_answer, loop_now(loop_of(p)));
}

static void on_arm_answer(struct timer *t)
{
    struct pool *p = t->owner;
    void (*armed)(struct sender_load * l, const struct err *e) = p->armed;

    p->armed = NULL;
    armed(p->load, p->arm_error.code ? &p->arm_error : NULL);
}

static const char *doing(const struct link *k)
{
    return k->stands ? assoc_state_doing(association_state(k->association)) : "connecting";
}

static void on_arm_limit(struct timer *t)
{
    struct pool *p = t->owner;

    for (uint32_t i = 0; i < p->count; i++)
        if (p->links[i].stream && !p->links[i].up) {
            err_set(&p->arm_error, EX_TARGET, "no answer, %s", doing(&p->links[i]));
            link_lost(&p->links[i]);
        }
    arm_over(p, "no answer");
}

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
static void message_began(struct link *k)
{
    k->begun = true;
    if (k->sendings++ == 0)
        sender_began(k->pool->load, &k->item);
}

static bool may_resend(const struct link *k)
{
    const struct sender_load *l = k->pool->load;

    return k->doubt && k->sendings <= l->load->resend && sender_is_running(l) &&
           !sender_is_canary(&k->item);
}

static void message_over(struct link *k)
{
    k->live = false;
    sender_done(k->pool->load);
}

static void message_again(struct link *k)
{
    if (sender_is_running(k->pool->load))
        k->pool->again++;
    else
        message_over(k);
}

static void message_untouched(struct link *k)
{
    if (k->sendings > 0) {
        message_again(k);
        return;
    }
    k->live = false;
    sender_give_back(k->pool->load, &k->item);
}

static void message_ended(struct link *k, enum assoc_fate fate, uint32_t code)
{
    struct pool *p = k->pool;
    bool answered = fate == ASSOC_TAKEN || fate == ASSOC_NOT_TAKEN;

    k->under_way = k->fate_waits = false;
    if (fate == ASSOC_UNTOUCHED && !k->begun) {
        message_untouched(k);
        return;
    }
    if (!k->begun)
        message_began(k);
    for (uint32_t r = 0; r < k->item.msg.recipients; r++)
        sender_ended(p->load, &k->item, r, ending_of(fate, code),
                     answered || fate == ASSOC_DOUBT ? STAGE_TAKEN : STAGE_TRANSFER,
                     fate == ASSOC_TAKEN ? 0 : code);
    k->doubt = k->doubt || fate == ASSOC_DOUBT;
    if (answered)
        p->backoff_ns = 0;
    if (!answered && may_resend(k))
        message_again(k);
    else
        message_over(k);
}

/* --- an association's life ---------------------------------------------------------------------------------------------- */

/* What was being done; a message whose end is known by now counts as being under way. */
static enum stage stage_of(const struct link *k)
{
    if (!k->up)
        return k->stands ? STAGE_BIND : STAGE_CONNECT;
    if (k->fate_waits ? k->fate == ASSOC_DOUBT : association_exposed(k->association))
        return STAGE_TAKEN;
    return STAGE_TRANSFER;
}

static void pool_later(struct pool *p, uint64_t wait_ns)
{
    uint64_t at_ns = loop_now(loop_of(p)) + wait_ns;

    if (!timer_is_armed(&p->retry) || p->retry.at_ns < at_ns)
        timer_arm(loop_of(p), &p->retry, at_ns);
}

/* Failures one after the other make the next try wait longer; the first loss of an association that was up, not at all. */
static void pool_failed(struct pool *p, bool was_up)
{
    uint64_t wait_ns = p->backoff_ns == 0 && !was_up ? SEND_BACKOFF_MIN_NS : p->backoff_ns;

    p->backoff_ns = wait_ns == 0 ? SEND_BACKOFF_MIN_NS : 2 * wait_ns;
    if (p->backoff_ns > SEND_BACKOFF_MAX_NS)
        p->backoff_ns = SEND_BACKOFF_MAX_NS;
    pool_later(p, wait_ns);
}

static void link_close(struct link *k)
{
    struct pool *p = k->pool;

    if (!k->stream)
        return;
    timer_disarm(loop_of(p), &k->timer);
    stream_close(k->stream);
    k->stream = NULL;
    p->open--;
    p->connecting -= !k->up;
}

/* Closes it and settles what was under way on it. */
static void link_lost(struct link *k)
{
    struct slice nothing = slice_from(NULL, 0);
    uint32_t code = p1_peer_code(STACK_TPKT, -1);
    struct assoc_event ev;
    bool was_up = k->up;

    link_close(k);
    association_lost(k->association);
    while (association_hear(k->association, &nothing, &ev) != ASSOC_MORE) {
        if (ev.news == ASSOC_ENDED) {
            k->fate = ev.fate;
            k->fate_waits = true;
        }
        if (ev.news == ASSOC_ABORTED)
            code = p1_peer_code(ev.layer, ev.code);
    }
    if (k->fate_waits)
        message_ended(k, k->fate, code);
    PM_ASSERT(!k->under_way);
    k->up = false;
    pool_failed(k->pool, was_up);
}

/* It did not come up, or not any more: an error while arming, a finding in a run. */
static void link_failed(struct link *k, enum finding what, uint32_t a, const char *words)
{
    struct pool *p = k->pool;

    if (p->armed)
        arm_over(p, words);
    else if (sender_is_running(p->load))
        sender_finding(p->load, what, a);
    if (!k->up)
        sender_counts(p->load)->connect_failures++;
    link_lost(k);
}

/* What stands in the output before the end of an association; one try. */
static void link_say(struct link *k)
{
    struct slice out = association_output(k->association);

    if (out.n > 0)
        (void)stream_write(k->stream, out.p, out.n);
}

/* Says ABORT where nothing of a message would leave in front of it. */
static void link_abort(struct link *k, enum rtse_abort reason)
{
    bool clean = k->stands && association_output(k->association).n == 0;

    association_abort(k->association, reason);
    if (clean)
        link_say(k);
}

/* Something is awaited in every state but between messages; there, the turn may be. */
static uint64_t limit_s(const struct link *k)
{
    enum assoc_state s = association_state(k->association);

    if (s == ASSOC_IDLE && !k->pleased)
        return 0;
    return assoc_state_timeout_s(s);
}

static void link_watch(struct link *k)
{
    struct pool *p = k->pool;
    uint64_t limit_ns = limit_s(k) * NS_PER_S;

    k->deadline_ns = NEVER_NS;
    if (limit_ns == 0)
        return;
    k->deadline_ns = loop_now(loop_of(p)) + clock_span(p->load->context->clock, limit_ns);
    if (!timer_is_armed(&k->timer) || k->deadline_ns < k->timer.at_ns)
        timer_arm(loop_of(p), &k->timer, k->deadline_ns);
}

/* Deadlines move with every turn; the timer follows only when it fires. */
static void on_link_timer(struct timer *t)
{
    struct link *k = t->owner;
    struct pool *p = k->pool;
    char words[P1_PEER_WORDS];

    if (k->deadline_ns == NEVER_NS)
        return;
    if (loop_now(loop_of(p)) < k->deadline_ns) {
        timer_arm(loop_of(p), t, k->deadline_ns);
        return;
    }
    enum stage at = stage_of(k);

    (void)snprintf(words, sizeof words, "no answer, %s", doing(k));
    link_abort(k, RTSE_LOCAL_PROBLEM);
    link_failed(k, FIND_TIMEOUT, at, words);
}

/* --- sending ---------------------------------------------------------------------------------------------------------- */

static bool link_can_send(const struct link *k)
{
    return k->stream && k->up && !k->under_way && association_can_send(k->association);
}

/* Sends the message that waits to be sent again, or one that is due. */
static void link_send(struct link *k)
{
    struct pool *p = k->pool;

    if (k->live) {
        p->again--;
    } else {
        if (!sender_take(p->load, &k->item))
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

static bool link_owes(const struct link *k)
{
    return k->live || sender_has_due(k->pool->load);
}

/* Between messages: the turn for a peer that asked, the next message, or the turn back. After each turn that we were given
 * one message of ours goes before the peer's next. */
static void link_go(struct link *k)
{
    struct association *a = k->association;

    if (!k->stream || !k->up || k->under_way)
        return;
    if (k->turn_asked && (k->turn_used || !link_owes(k)) && association_give(a))
        k->turn_asked = false;
    if (link_can_send(k))
        link_send(k);
    else if (!k->pleased && !association_has_turn(a) && link_owes(k))
        k->pleased = association_please(a, 0);
}

/* --- hearing ---------------------------------------------------------------------------------------------------------- */

/* The MTAs know one another; false: the connection is gone. */
static bool link_bound(struct link *k, struct slice result)
{
    struct pool *p = k->pool;
    char words[P1_PEER_WORDS];

    if (!p1_peer_is_expected(&p->server->p1, result, words)) {
        link_abort(k, RTSE_USER);
        link_failed(k, FIND_CONNECT_FAILED, p1_peer_code(STACK_USER, P1_BIND_AUTHENTICATION),
                    words);
        return false;
    }
    k->up = true;
    p->connecting--;
    arm_over(p, NULL);
    return true;
}

static void link_refused(struct link *k, const struct assoc_event *ev)
{
    char words[P1_PEER_WORDS];
    uint32_t code = p1_peer_refused(ev, words);

    link_say(k);
    link_failed(k, FIND_CONNECT_FAILED, code, words);
}

/* It broke, by whomever. Who broke off between messages or before the first is a finding; else the message's ending says
 * so. That the peer did not keep to the protocol is one always. */
static void link_broken(struct link *k, const struct assoc_event *ev)
{
    bool owed = k->fate_waits, up = k->up;
    uint32_t code = p1_peer_code(ev->layer, ev->code);
    enum stage at = stage_of(k);

    if (!owed || k->fate == ASSOC_DOUBT)
        link_say(k);
    if (owed)
        message_ended(k, k->fate, code);
    if (ev->by == ASSOC_BY_US)
        link_failed(k, FIND_PROTOCOL, at, ev->text);
    else if (!up || !owed)
        link_failed(k, FIND_CONNECT_FAILED, code, ev->text);
    else
        link_lost(k);
}

/* An APDU of the peer's: its answer follows when somebody has it in hand. */
static void link_received(struct link *k, struct slice apdu)
{
    const struct sender_context *c = k->pool->load->context;

    if (!c->heard) {
        (void)association_except(k->association, EXCEPT_NEVER);
        return;
    }
    c->heard(c->owner, apdu, k->pool->load->load->via);
    (void)association_confirm(k->association);
}

/* false: the connection is gone. */
static bool link_news(struct link *k, const struct assoc_event *ev)
{
    switch (ev->news) {
    case ASSOC_BOUND:
        return link_bound(k, ev->bytes);
    case ASSOC_REFUSED:
        link_refused(k, ev);
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
        link_received(k, ev->bytes);
        return true;
    case ASSOC_TURN_ASKED:
        k->turn_asked = true;
        return true;
    case ASSOC_TURN_GIVEN:
        k->pleased = k->turn_used = false;
        return true;
    case ASSOC_RELEASED:
        link_say(k);
        link_lost(k);
        return false;
    case ASSOC_ABORTED:
        link_broken(k, ev);
        return false;
    case ASSOC_MORE:
    case ASSOC_ASKED:
    case ASSOC_DROPPED:
        break;
    }
    return true;
}

/* What the association made of the octets; false: the connection is gone. */
static bool link_hear(struct link *k, struct slice in)
{
    struct assoc_event ev;

    while (association_hear(k->association, &in, &ev) != ASSOC_MORE)
        if (!link_news(k, &ev))
            return false;
    if (k->fate_waits)
        message_ended(k, k->fate, p1_peer_code(STACK_TPKT, -1));
    return true;
}

/* The stream has ended or broken: what was under way says how it ended; what never came up has failed. */
static void link_gone(struct link *k, long n)
{
    const char *why = n == STREAM_END ? "the peer closes the connection" : stream_error(k->stream);
    char words[P1_PEER_WORDS];

    (void)snprintf(words, sizeof words, "%s%s%s", why, k->stands ? " while " : "",
                   k->stands ? doing(k) : "");
    if (k->up)
        link_lost(k);
    else
        link_failed(k, FIND_CONNECT_FAILED, 0, words);
}

/* Reads once; false: the connection is gone. */
static bool link_read(struct link *k)
{
    unsigned char octets[READ_BYTES];
    long n = stream_read(k->stream, octets, sizeof octets);

    if (n == STREAM_AGAIN)
        return true;
    if (n > 0) {
        k->stands = true;
        return link_hear(k, slice_from(octets, (size_t)n));
    }
    link_gone(k, n);
    return false;
}

/* Nothing can be written any more; what the peer said before is still heard. */
static void link_broke(struct link *k)
{
    unsigned char octets[READ_BYTES];
    long n;

    while ((n = stream_read(k->stream, octets, sizeof octets)) > 0)
        if (!link_hear(k, slice_from(octets, (size_t)n)))
            return;
    link_gone(k, n == STREAM_END ? n : STREAM_BROKEN);
}

/* So many octets have left. */
static void link_gave(struct link *k, size_t n)
{
    association_gave(k->association, n);
    if (!k->under_way || k->begun)
        return;
    if (n > k->ahead)
        message_began(k);
    else
        k->ahead -= n;
}

/* Writes what there is; false: the connection is gone. */
static bool link_flush(struct link *k)
{
    for (;;) {
        struct slice out = association_output(k->association);
        long got = out.n > 0 ? stream_write(k->stream, out.p, out.n) : STREAM_AGAIN;

        if (got == STREAM_AGAIN)
            break;
        if (got <= 0) {
            link_broke(k);
            return false;
        }
        link_gave(k, (size_t)got);
        if ((size_t)got < out.n)
            break;
    }
    if (!link_hear(k, slice_from(NULL, 0))) /* what could not be said */
        return false;
    link_watch(k);
    return true;
}

/* --- connecting --------------------------------------------------------------------------------------------------------- */

static void on_ready(struct stream *s, unsigned what);

static bool link_connect(struct link *k)
{
    struct pool *p = k->pool;
    const struct sender_context *c = p->load->context;
    struct err e = {0};

    sender_counts(p->load)->connects++;
    k->stands = k->up = k->turn_asked = k->turn_used = k->pleased = false;
    p1_time_write(p1_orders_now_s(p->orders), k->utc);
    k->stream = loop_connect(c->loop, &c->work->profile->safety.guard, &p->server->p1.at.addr,
                             on_ready, k, &e);
    if (!k->stream) {
        sender_counts(p->load)->connect_failures++;
        if (p->armed)
            p->arm_error = e;
        else if (sender_is_running(p->load))
            sender_finding(p->load, FIND_CONNECT_FAILED, 0);
        arm_over(p, e.text);
        pool_failed(p, false);
        return false;
    }
    association_begin(k->association);
    p->open++;
    p->connecting++;
    link_watch(k);
    return true;
}

/* What is due, or in doubt, and finds no association deserves another one; they come up one after the other. */
static void pool_grow(struct pool *p)
{
    bool due = sender_has_due(p->load);

    if (p->open == p->count || p->connecting > 0 || timer_is_armed(&p->retry) ||
        (!due && p->again == 0))
        return;
    for (uint32_t i = 0; i < p->count; i++)
        if (!p->links[i].stream && (due || p->links[i].live)) {
            (void)link_connect(&p->links[i]);
            return;
        }
}

static void on_ready(struct stream *s, unsigned what)
{
    struct link *k = s->owner;

    if (what & STREAM_WRITABLE)
        k->stands = true;
    if (what & STREAM_READABLE && !link_read(k))
        return;
    link_go(k);
    if (link_flush(k))
        pool_grow(k->pool);
}

/* Gives every association that can take one a message. */
static void pool_due(struct pool *p)
{
    for (uint32_t i = 0; i < p->count; i++) {
        struct link *k = &p->links[p->turn++ % p->count];

        if (!k->stream || !k->up || k->under_way)
            continue;
        link_go(k);
        (void)link_flush(k);
        if (p->again == 0 && !sender_has_due(p->load))
            return;
    }
    pool_grow(p);
}

static void on_retry(struct timer *t)
{
    struct pool *p = t->owner;

    if (p->again > 0 || sender_has_due(p->load))
        pool_due(p);
}

/* --- the driver --------------------------------------------------------------------------------------------------------- */

static bool link_open(struct link *k, struct pool *p, struct slice bind)
{
    struct association_config config =
        p1_peer_config(&p->load->context->work->profile->x400, &p->server->p1);

    config.bind = bind;
    config.utc = k->utc;
    config.ref = (uint16_t)((k - p->links) % UINT16_MAX + 1);
    k->pool = p;
    timer_init(&k->timer, on_link_timer, k);
    k->association = association_create(&config);
    k->room = malloc(p->apdu_room);
    return k->association && k->room;
}

static bool p1_open(struct sender_load *l, struct err *e)
{
    const struct profile *profile = l->context->work->profile;
    struct pool *p = calloc(1, sizeof *p);

    l->state = p;
    if (!p)
        return err_set(e, EX_IO, "out of memory");
    p->load = l;
    p->server = &profile->site.servers[l->load->via];
    p->count = l->load->connections > 0 ? l->load->connections : 1;
    timer_init(&p->retry, on_retry, p);
    timer_init(&p->arm_limit, on_arm_limit, p);
    timer_init(&p->arm_answer, on_arm_answer, p);
    p->orders = p1_orders_create(l, e);
    if (!p->orders)
        return false;
    p->apdu_room = p1_orders_most(p->orders);
    struct slice bind = p1_peer_bind(&profile->x400, p->bind);
    if (bind.n == 0)
        return err_set(e, EX_BAD_PROFILE, "x400: name and password are too long for a bind");
    p->links = calloc(p->count, sizeof *p->links);
    for (uint32_t i = 0; p->links && i < p->count; i++)
        if (!link_open(&p->links[i], p, bind))
            return err_set(e, EX_IO, "out of memory for associations");
    return p->links || err_set(e, EX_IO, "out of memory for associations");
}

static void p1_arm(struct sender_load *l, void (*done)(struct sender_load *l, const struct err *e))
{
    struct pool *p = l->state;

    p->armed = done;
    p->arm_error = (struct err){0};
    timer_arm(loop_of(p), &p->arm_limit, loop_now(loop_of(p)) + SEND_ARM_NS);
    if (!p->links[0].stream)
        (void)link_connect(&p->links[0]);
    else if (p->links[0].up)
        arm_over(p, NULL);
}

static void p1_due(struct sender_load *l)
{
    pool_due(l->state);
}

static bool link_is_idle(const struct link *k)
{
    return k->stream && k->up && !k->under_way && association_has_turn(k->association);
}

/* Associations between messages are left with a release, whose answer nobody waits for. */
static void link_leave(struct link *k)
{
    if (link_is_idle(k) && association_release(k->association))
        link_say(k);
    link_close(k);
}

static void p1_cut(struct sender_load *l)
{
    struct pool *p = l->state;

    arm_over(p, "stopped");
    for (uint32_t i = 0; i < p->count; i++) {
        struct link *k = &p->links[i];

        if (link_is_idle(k)) {
            link_leave(k);
        } else if (k->stream) {
            link_abort(k, RTSE_USER);
            link_lost(k);
        }
        if (k->live) /* it waited to be sent again */
            message_over(k);
    }
    p->again = 0;
    timer_disarm(loop_of(p), &p->retry);
}

static void p1_close(struct sender_load *l)
{
    struct pool *p = l->state;

    if (!p)
        return;
    for (uint32_t i = 0; p->links && i < p->count; i++) {
        if (p->links[i].pool)
            link_leave(&p->links[i]);
        association_destroy(p->links[i].association);
        free(p->links[i].room);
    }
    timer_disarm(loop_of(p), &p->retry);
    timer_disarm(loop_of(p), &p->arm_limit);
    timer_disarm(loop_of(p), &p->arm_answer);
    p1_orders_destroy(p->orders);
    free(p->links);
    free(p);
    l->state = NULL;
}

const struct sender_ops sender_p1 = {
    .name = "p1",
    .help = "X.400 P1, one message at a time on each association",
    .open = p1_open,
    .arm = p1_arm,
    .due = p1_due,
    .cut = p1_cut,
    .close = p1_close,
};
