/* association.c - the top of the stack: services into news, calls into services, and what is in doubt when it breaks. */
#include "wire/x400/association.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire/x400/acse.h"
#include "wire/x400/cotp.h"
#include "wire/x400/presentation.h"

#define APDU_MAX   (16u << 20)
#define EVENTS_MAX 4u /* one SPDU ends a message, and the association with it */

struct association {
    struct layer l;
    struct association_config config;
    struct stack stack;
    struct cotp cotp;
    struct session session;
    struct presentation presentation;
    struct acse acse;
    struct rtse rtse;
    uint64_t tag;
    bool closing;         /* released as soon as the turn is ours */
    struct slice packet;  /* being heard: for the words of errors */
    uint64_t heard;       /* octets of the packets before it */
    enum assoc_state was; /* before it */
    struct assoc_event events[EVENTS_MAX];
    unsigned first, events_n;
};

static const struct {
    uint32_t timeout_s;
    const char *doing;
} states[] = {

#define X(id, seconds, doing) {seconds, doing},
    ASSOC_STATES(X)
#undef X
};

uint32_t assoc_state_timeout_s(enum assoc_state s)
{
    return states[s].timeout_s;
}

const char *assoc_state_doing(enum assoc_state s)
{
    return states[s].doing;
}

/* --- events ------------------------------------------------------------------------------------------------------- */

static struct assoc_event *push(struct association *a, enum assoc_news news)
{
    PM_ASSERT(a->events_n < EVENTS_MAX);
    struct assoc_event *ev = &a->events[(a->first + a->events_n++) % EVENTS_MAX];

    ev->news = news;
    ev->tag = a->tag;
    ev->fate = ASSOC_UNTOUCHED;
    ev->bytes = slice_from(NULL, 0);
    ev->by = ASSOC_BY_PEER;
    ev->layer = STACK_RTSE;
    ev->code = -1;
    ev->resumable = false;
    ev->text[0] = 0;
    return ev;
}

static bool pop(struct association *a, struct assoc_event *ev)
{
    const struct assoc_event *from = &a->events[a->first];

    if (a->events_n == 0)
        return false;
    ev->news = from->news;
    ev->tag = from->tag;
    ev->fate = from->fate;
    ev->bytes = from->bytes;
    ev->by = from->by;
    ev->layer = from->layer;
    ev->code = from->code;
    ev->resumable = from->resumable;
    memcpy(ev->text, from->text, strnlen(from->text, ASSOC_TEXT - 1) + 1);
    a->first = (a->first + 1) % EVENTS_MAX;
    a->events_n--;
    return true;
}

static void word(struct assoc_event *ev, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void word(struct assoc_event *ev, const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    // NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): started in the line before
    (void)vsnprintf(ev->text, sizeof ev->text, format, ap);
    va_end(ap);
}

/* Our message has come to its end, if one is under way: what is certain about it. */
static void end_message(struct association *a)
{
    struct rtse *r = &a->rtse;

    if (r->phase == RTSE_IDLE)
        return;
    struct assoc_event *ev = push(a, ASSOC_ENDED);

    if (r->refused >= 0) {
        ev->fate = ASSOC_NOT_TAKEN;
        ev->code = r->refused;
        ev->layer = STACK_SESSION;
        word(ev, "the peer cannot take it: %s (%d)", session_exception(r->refused), r->refused);
    } else if (association_exposed(a)) {
        ev->fate = ASSOC_DOUBT;
    } else if (a->stack.out.gave > r->begin_at && r->phase != RTSE_START) {
        ev->fate = ASSOC_CUT;
    }
    r->phase = RTSE_IDLE;
    r->apdu = slice_from(NULL, 0);
}

/* --- what the layers tell ----------------------------------------------------------------------------------------- */

static const char *refusal_words(enum stack_layer layer, int code)
{
    switch (layer) {
    case STACK_TPKT:
    case STACK_COTP:
        return cotp_reason(code);
    case STACK_SESSION:
        return session_refusal(code);
    case STACK_PRESENTATION:
        return code < 0 ? "its contexts were not accepted" : presentation_refusal(code);
    case STACK_ACSE:
        return acse_diagnostic(code);
    case STACK_RTSE:
        return rtse_refusal_words(code);
    case STACK_USER:
        return "the bind was refused";
    case STACK_LAYER_COUNT:
        break;
    }
    PM_UNREACHABLE();
}

static void on_refuse(struct association *a, const struct unit *u)
{
    struct assoc_event *ev = push(a, ASSOC_REFUSED);
    bool ours = !a->config.initiator;

    ev->by = ours ? ASSOC_BY_US : ASSOC_BY_PEER;
    ev->layer = u->from;
    ev->code = u->reason;
    ev->bytes = u->data;
    if (ours && u->from >= STACK_ACSE && !stack_takes(&a->stack, a->stack.mode))
        word(ev, "%s: refused: %s mode is not taken here", stack_layer_name(u->from),
             stack_mode_name(a->stack.mode));
    else
        word(ev, "%s: %s%s", stack_layer_name(u->from), ours ? "refused: " : "",
             refusal_words(u->from, u->reason));
}

static void on_abort(struct association *a, const struct unit *u)
{
    end_message(a);
    struct assoc_event *ev = push(a, ASSOC_ABORTED);
    const char *words = u->from == STACK_SESSION        ? session_abort(u->reason)
                        : u->from == STACK_PRESENTATION ? presentation_abort(u->reason)
                        : u->from == STACK_ACSE         ? "no reason given"
                                                        : rtse_abort_words(u->reason);

    ev->by = u->provider ? ASSOC_BY_PROVIDER : ASSOC_BY_PEER;
    ev->layer = u->from;
    ev->code = u->reason;
    ev->bytes = u->data;
    word(ev, "%s: the peer aborted while we were %s: %s (%d)", stack_layer_name(u->from),
         assoc_state_doing(a->was), words, u->reason);
}

static void on_transport_gone(struct association *a, const struct unit *u)
{
    bool opening = a->session.state == SES_FRESH || a->session.state == SES_WAITING;

    end_message(a);
    struct assoc_event *ev = push(a, opening ? ASSOC_REFUSED : ASSOC_ABORTED);

    ev->by = u->provider ? ASSOC_BY_PEER : ASSOC_BY_US;
    ev->layer = STACK_COTP;
    ev->code = u->reason;
    word(ev, "cotp: %s%s (%d)", u->provider ? "" : "refused: ", cotp_reason(u->reason), u->reason);
    a->session.state = SES_CLOSED;
}

static void on_dropped(struct association *a, const struct unit *u)
{
    struct assoc_event *ev = push(a, ASSOC_DROPPED);

    ev->code = u->reason;
    ev->resumable = u->what == SV_INTERRUPT;
    if (a->rtse.too_long)
        word(ev, "refused: longer than %zu octets", a->rtse.apdu_max);
    else
        word(ev, "the peer took it back: %s (%d)", session_exception(u->reason), u->reason);
}

static void on_ended(struct association *a, const struct unit *u)
{
    struct assoc_event *ev = push(a, ASSOC_ENDED);

    ev->fate = u->what == SV_END_ACK ? ASSOC_TAKEN : ASSOC_CUT;
    ev->resumable = u->what == SV_INTERRUPT_ACK;
    if (u->what != SV_END_ACK && u->reason >= 0) {
        ev->fate = ASSOC_NOT_TAKEN;
        ev->code = u->reason;
        ev->layer = STACK_SESSION;
        word(ev, "the peer cannot take it: %s (%d)", session_exception(u->reason), u->reason);
    }
}

static bool association_up(struct layer *l, struct unit *u, struct err *e)
{
    struct association *a = (struct association *)l;

    switch (u->what) {
    case SV_TRANSPORT_UP:
        return !a->config.initiator || rtse_open(&a->rtse, e);
    case SV_TRANSPORT_GONE:
        on_transport_gone(a, u);
        break;
    case SV_CONNECT:
        push(a, ASSOC_ASKED)->bytes = u->data;
        break;
    case SV_ACCEPT:
        push(a, ASSOC_BOUND)->bytes = u->data;
        break;
    case SV_REFUSE:
        on_refuse(a, u);
        break;
    case SV_RELEASE:
    case SV_RELEASED:
        (void)push(a, ASSOC_RELEASED);
        break;
    case SV_ABORT:
        on_abort(a, u);
        break;
    case SV_END:
        push(a, ASSOC_RECEIVED)->bytes = u->data;
        break;
    case SV_END_ACK:
    case SV_INTERRUPT_ACK:
    case SV_DISCARD_ACK:
        on_ended(a, u);
        break;
    case SV_INTERRUPT:
    case SV_DISCARD:
        on_dropped(a, u);
        break;
    case SV_PLEASE:
        push(a, ASSOC_TURN_ASKED)->code = u->reason;
        break;
    case SV_GIVE:
        if (a->closing)
            return rtse_close(&a->rtse, e);
        (void)push(a, ASSOC_TURN_GIVEN);
        break;
    case SV_ABORTED:
    case SV_START:
    case SV_RESUME:
    case SV_WHOLE:
    case SV_DATA:
    case SV_SYNC:
    case SV_SYNC_ACK:
    case SV_EXCEPTION:
    case SV_COUNT:
        break;
    }
    return true;
}

static const struct layer_ops association_ops = {.id = STACK_USER, .up = association_up};

/* --- its life ----------------------------------------------------------------------------------------------------- */

struct association *association_create(const struct association_config *config)
{
    struct association *a = calloc(1, sizeof *a);
    size_t apdu_max = config->apdu_max ? config->apdu_max : APDU_MAX;

    if (!a)
        return NULL;
    a->l = (struct layer){.ops = &association_ops, .stack = &a->stack};
    a->config = *config;
    if (!stack_init(&a->stack, &a->config)) {
        free(a);
        return NULL;
    }
    cotp_init(&a->cotp, &a->stack, apdu_max + 1024);
    session_init(&a->session, &a->stack);
    presentation_init(&a->presentation, &a->stack);
    acse_init(&a->acse, &a->stack);
    rtse_init(&a->rtse, &a->stack, &a->session, apdu_max);
    a->cotp.l.above = &a->session.l;
    a->session.l.below = &a->cotp.l;
    a->session.l.above = &a->presentation.l;
    a->presentation.l.below = &a->session.l;
    a->rtse.l.above = &a->l;
    a->l.below = &a->rtse.l;
    stack_begin(&a->stack);
    a->session.state = SES_CLOSED;
    a->cotp.state = COTP_CLOSED;
    return a;
}

void association_destroy(struct association *a)
{
    if (!a)
        return;
    cotp_fini(&a->cotp);
    rtse_fini(&a->rtse);
    stack_fini(&a->stack);
    free(a);
}

void association_begin(struct association *a)
{
    stack_begin(&a->stack);
    cotp_begin(&a->cotp);
    session_begin(&a->session);
    presentation_begin(&a->presentation);
    rtse_begin(&a->rtse);
    a->closing = false;
    a->heard = 0;
    a->first = a->events_n = 0;
    if (a->config.initiator)
        cotp_call(&a->cotp);
}

static bool is_over(const struct association *a)
{
    return a->session.state == SES_CLOSED || a->cotp.state == COTP_CLOSED;
}

/* Says ABORT if something can be said, in the words of the layer that was wronged. */
static void say_abort(struct association *a, enum stack_layer layer, enum rtse_abort reason)
{
    struct stack *s = &a->stack;
    struct err ignored;

    if (s->busy || a->cotp.state != COTP_OPEN || !session_may(&a->session, SV_ABORT)) {
        a->session.state = SES_CLOSED; /* TCP's end will have to do */
        s->busy = false;
        return;
    }
    if (layer >= STACK_ACSE) {
        (void)rtse_abort(&a->rtse, reason, &ignored);
        return;
    }
    struct unit u = stack_unit(s, SV_ABORT);

    u.from = layer == STACK_PRESENTATION && s->normal ? STACK_PRESENTATION : STACK_SESSION;
    u.reason = 0;
    (void)stack_down(u.from == STACK_SESSION ? &a->presentation.l : s->presentation->above, &u,
                     &ignored);
}

/* The peer broke the protocol (or memory is out). */
static void broke(struct association *a, const struct err *e)
{
    char octets[64];
    enum stack_layer blame = a->stack.blame;

    if (is_over(a) || a->session.state == SES_ABORTING) { /* told already */
        a->session.state = SES_CLOSED;
        return;
    }
    end_message(a);
    struct assoc_event *ev = push(a, ASSOC_ABORTED);

    ev->by = ASSOC_BY_US;
    ev->layer = blame;
    ev->code = blame >= STACK_ACSE ? (int)a->rtse.abort_reason : -1;
    if (a->packet.n > 0)
        word(ev, "%s; packet at octet %llu: %s", e->text, (unsigned long long)a->heard,
             stack_hex(octets, sizeof octets, a->packet));
    else
        word(ev, "%s", e->text);
    say_abort(a, blame, a->rtse.abort_reason);
    if (blame <= STACK_COTP) /* what follows cannot be told apart any more */
        cotp_stop(&a->cotp);
}

static void pump(struct association *a)
{
    struct err e;

    a->packet = slice_from(NULL, 0);
    cotp_pump(&a->cotp);
    if (!rtse_pump(&a->rtse, &e))
        broke(a, &e);
}

enum assoc_news association_hear(struct association *a, struct slice *in, struct assoc_event *ev)
{
    struct err e;

    while (!pop(a, ev)) {
        enum tpkt_got got = TPKT_AGAIN;

        if (is_over(a))
            *in = slice_from(NULL, 0);
        if (in->n == 0)
            return ev->news = ASSOC_MORE;
        a->packet = slice_from(NULL, 0);
        a->was = association_state(a);
        got = tpkt_up(&a->cotp.tpkt, in, &a->packet, &e);
        if (got == TPKT_BAD)
            a->stack.blame = STACK_TPKT;
        if (got == TPKT_BAD || (got == TPKT_GOT && !cotp_hear(&a->cotp, a->packet, &e)))
            broke(a, &e);
        if (got == TPKT_GOT)
            a->heard += a->packet.n + TPKT_HEAD;
    }
    return ev->news;
}

void association_lost(struct association *a)
{
    struct assoc_event *ev = NULL;
    bool told = is_over(a) || a->session.state == SES_ABORTING;

    end_message(a);
    if (!told) {
        ev = push(a, ASSOC_ABORTED);
        ev->by = ASSOC_BY_LOSS;
        ev->layer = STACK_TPKT;
        word(ev, "the connection ended while we were %s", assoc_state_doing(association_state(a)));
    }
    cotp_stop(&a->cotp);
    a->session.state = SES_CLOSED;
}

struct slice association_output(struct association *a)
{
    if (!is_over(a))
        pump(a);
    return slice_from(a->stack.out.p + a->stack.out.given, a->stack.out.n - a->stack.out.given);
}

void association_gave(struct association *a, size_t n)
{
    struct stack *s = &a->stack;

    PM_ASSERT(n <= s->out.n - s->out.given);
    s->out.given += n;
    s->out.gave += n;
    if (s->out.given == s->out.n)
        s->out.given = s->out.n = 0;
    if (s->out.n == 0 && !is_over(a))
        pump(a);
}

/* --- calls -------------------------------------------------------------------------------------------------------- */

void association_accept(struct association *a, struct slice bind)
{
    struct err e;

    if (a->session.state != SES_CALLED) /* gone meanwhile */
        return;
    a->packet = slice_from(NULL, 0);
    if (!rtse_accept(&a->rtse, bind, &e))
        broke(a, &e);
}

void association_refuse(struct association *a, enum rtse_refusal reason, struct slice bind_error)
{
    struct err e;

    if (a->session.state != SES_CALLED)
        return;
    a->packet = slice_from(NULL, 0);
    if (!rtse_refuse(&a->rtse, reason, bind_error, &e))
        broke(a, &e);
}

bool association_can_send(const struct association *a)
{
    return a->session.state == SES_HOLDING && a->rtse.phase == RTSE_IDLE && !a->closing &&
           a->cotp.state == COTP_OPEN && a->events_n < EVENTS_MAX - 2;
}

void association_send(struct association *a, struct slice apdu, uint64_t tag)
{
    PM_ASSERT(association_can_send(a));
    a->tag = tag;
    rtse_send(&a->rtse, apdu);
    pump(a);
}

bool association_take_back(struct association *a, bool resumable)
{
    enum rtse_phase phase = a->rtse.phase;

    if (phase == RTSE_START) {
        end_message(a);
        return true;
    }
    if (phase != RTSE_DATA && phase != RTSE_SYNC && phase != RTSE_END)
        return false;
    rtse_drop(&a->rtse, resumable);
    pump(a);
    return true;
}

bool association_exposed(const struct association *a)
{
    return a->rtse.phase == RTSE_ENDING && a->stack.out.gave >= a->rtse.end_at;
}

bool association_confirm(struct association *a)
{
    struct err e;

    if (a->session.state != SES_ENDED)
        return false;
    a->packet = slice_from(NULL, 0);
    if (rtse_confirm(&a->rtse, &e))
        return true;
    broke(a, &e);
    return false;
}

bool association_except(struct association *a, int reason)
{
    struct err e;

    if (a->session.state != SES_ENDED && a->session.state != SES_RECEIVING)
        return false;
    a->packet = slice_from(NULL, 0);
    if (rtse_except(&a->rtse, reason, &e))
        return true;
    broke(a, &e);
    return false;
}

bool association_has_turn(const struct association *a)
{
    switch (a->session.state) {
    case SES_HOLDING:
    case SES_SENDING:
    case SES_ENDING:
    case SES_EXCEPTION:
    case SES_INTERRUPTING:
    case SES_DISCARDING:
    case SES_RELEASING:
        return true;
    case SES_FRESH:
    case SES_WAITING:
    case SES_CALLING:
    case SES_CALLED:
    case SES_LISTENING:
    case SES_GIVING:
    case SES_RECEIVING:
    case SES_ENDED:
    case SES_EXCEPTED:
    case SES_INTERRUPTED:
    case SES_DISCARDED:
    case SES_FINISHED:
    case SES_ABORTING:
    case SES_CLOSED:
    case SES_COUNT:
        break;
    }
    return false;
}

bool association_please(struct association *a, int priority)
{
    struct err e;

    if (!a->rtse.two_way || a->stack.busy || !session_may(&a->session, SV_PLEASE))
        return false;
    return rtse_please(&a->rtse, priority, &e);
}

bool association_give(struct association *a)
{
    struct err e;

    if (!a->rtse.two_way || a->rtse.phase != RTSE_IDLE || a->stack.busy ||
        !session_may(&a->session, SV_GIVE))
        return false;
    return rtse_give(&a->rtse, &e);
}

bool association_release(struct association *a)
{
    struct err e;

    if (!a->config.initiator || a->closing || a->rtse.phase != RTSE_IDLE || a->stack.busy)
        return false;
    if (session_may(&a->session, SV_RELEASE))
        return a->closing = rtse_close(&a->rtse, &e);
    return a->closing = association_please(a, 0);
}

void association_abort(struct association *a, enum rtse_abort reason)
{
    struct assoc_event *ev = NULL;

    if (is_over(a) || a->session.state == SES_ABORTING)
        return;
    end_message(a);
    ev = push(a, ASSOC_ABORTED);
    ev->by = ASSOC_BY_US;
    ev->code = reason;
    word(ev, "rtse: we aborted: %s (%d)", rtse_abort_words(reason), reason);
    say_abort(a, STACK_RTSE, reason);
    if (a->cotp.state != COTP_OPEN)
        cotp_stop(&a->cotp);
}

/* --- questions ---------------------------------------------------------------------------------------------------- */

enum assoc_state association_state(const struct association *a)
{
    static const uint8_t by_session[SES_COUNT] = {
        [SES_FRESH] = ASSOC_CALLING,
        [SES_WAITING] = ASSOC_AWAITING,
        [SES_CALLING] = ASSOC_BINDING,
        [SES_CALLED] = ASSOC_DECIDING,
        [SES_HOLDING] = ASSOC_IDLE,
        [SES_LISTENING] = ASSOC_IDLE,
        [SES_SENDING] = ASSOC_SENDING,
        [SES_ENDING] = ASSOC_SENDING,
        [SES_EXCEPTION] = ASSOC_TAKING_BACK,
        [SES_INTERRUPTING] = ASSOC_TAKING_BACK,
        [SES_DISCARDING] = ASSOC_TAKING_BACK,
        [SES_GIVING] = ASSOC_GIVING,
        [SES_RECEIVING] = ASSOC_RECEIVING,
        [SES_ENDED] = ASSOC_JUDGING,
        [SES_EXCEPTED] = ASSOC_RECEIVING,
        [SES_INTERRUPTED] = ASSOC_RECEIVING,
        [SES_DISCARDED] = ASSOC_RECEIVING,
        [SES_RELEASING] = ASSOC_RELEASING,
        [SES_FINISHED] = ASSOC_RELEASING,
        [SES_ABORTING] = ASSOC_ABORTING,
        [SES_CLOSED] = ASSOC_OVER,
    };

    if (is_over(a))
        return ASSOC_OVER;
    if (association_exposed(a))
        return ASSOC_ENDING;
    if (a->session.state == SES_HOLDING && a->rtse.phase != RTSE_IDLE)
        return ASSOC_SENDING;
    if (a->session.state == SES_LISTENING && a->closing)
        return ASSOC_RELEASING;
    return by_session[a->session.state];
}

enum stack_mode association_mode(const struct association *a)
{
    return a->stack.mode;
}

bool association_two_way(const struct association *a)
{
    return a->rtse.two_way;
}

uint32_t association_checkpoint_kb(const struct association *a)
{
    return a->rtse.checkpoint / 1024;
}

uint32_t association_window(const struct association *a)
{
    return a->rtse.window;
}

bool association_was_bare(const struct association *a)
{
    return a->rtse.bare;
}
