/* talk.c - talk MODE: both ends of X.400 associations over loopback sockets on one loop, so that a capture has something to
 * read. MODE is normal, x410 or 1984.
 *
 * It prints "port N" and what it will send (identifiers, sizes), waits for a line on its standard input (the capture runs by
 * then), plays every dialogue of the table below, one connection each, and exits 0; 1 with words when one went otherwise than
 * its steps say. Input is handed over one TPKT at a time and answered before the next is looked at, so that what each side
 * says does not depend on timing: every synchronisation point is confirmed alone.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/loop.h"
#include "tests/tshark/apdus.h"
#include "wire/x400/association.h"
#include "wire/x400/p1_bind.h"

#define DEADLINE_NS (20ull * 1000000000)
#define UTC         "261121120000Z"
#define CEILING     ((size_t)16 << 20)
#define READ_ROOM   ((size_t)32768)

/* --- the dialogues --------------------------------------------------------------------------------------------------- */

enum who { CALLER, LISTENER };

enum act {
    SEND, /* arg: enum apdu */
    SEND_BACK, /* likewise, and takes it back before its end is said; resumable: an interruption, else discarded */
    PLEASE, /* arg: priority */
    GIVE,
    RELEASE,
    ABORT, /* arg: enum rtse_abort */
    TRASH, /* an ACTIVITY END ACK that nobody waits for */
};

struct step {
    enum who who;
    enum act act;
    int arg;
    bool resumable;
    enum who hears;       /* who hears .. */
    enum assoc_news news; /* .. this, before the next step */
    enum assoc_fate fate; /* of ASSOC_ENDED */
};

#define STEPS_MAX 12

struct dialogue {
    const char *name;
    const char *their_tsel, *their_ssel, *their_psel; /* called; NULL: the right ones */
    uint32_t tpdu_bytes;
    uint16_t checkpoint_kb;
    bool normal_only, two_way, anonymous;

    enum { ACCEPTS, REFUSES_NAME, REFUSES_BUSY } bind;

    int except; /* reason of the listener's first exception; 0: none */
    enum assoc_news opening;
    struct step steps[STEPS_MAX];
    size_t count;
};

#define TAKEN(who, apdu)                                                                           \
    {                                                                                              \
        who, SEND, apdu, false, who, ASSOC_ENDED, ASSOC_TAKEN                                      \
    }
#define RELEASED                                                                                   \
    {                                                                                              \
        CALLER, RELEASE, 0, false, CALLER, ASSOC_RELEASED, 0                                       \
    }

static const struct dialogue dialogues[] = {
    {.name = "conversation",
     .two_way = true,
     .checkpoint_kb = 16,
     .tpdu_bytes = 8192,
     .opening = ASSOC_BOUND,
     .steps = {TAKEN(CALLER, APDU_MESSAGE),
               TAKEN(CALLER, APDU_PROBE),
               TAKEN(CALLER, APDU_SEVERAL),
               {LISTENER, PLEASE, 5, false, CALLER, ASSOC_TURN_ASKED, 0},
               {CALLER, GIVE, 0, false, LISTENER, ASSOC_TURN_GIVEN, 0},
               TAKEN(LISTENER, APDU_FAILED),
               TAKEN(LISTENER, APDU_REPORTED),
               {CALLER, PLEASE, 3, false, LISTENER, ASSOC_TURN_ASKED, 0},
               {LISTENER, GIVE, 0, false, CALLER, ASSOC_TURN_GIVEN, 0},
               TAKEN(CALLER, APDU_LONG),
               RELEASED},
     .count = 11},
    {.name = "anonymous monologue",
     .anonymous = true,
     .opening = ASSOC_BOUND,
     .steps = {TAKEN(CALLER, APDU_MESSAGE), RELEASED},
     .count = 2},
    {.name = "wrong password", .bind = REFUSES_NAME, .opening = ASSOC_REFUSED},
    {.name = "busy", .bind = REFUSES_BUSY, .opening = ASSOC_REFUSED},
    {.name = "wrong transport selector", .their_tsel = "NOBODY", .opening = ASSOC_REFUSED},
    {.name = "wrong session selector",
     .normal_only = true,
     .their_ssel = "NOSS",
     .opening = ASSOC_REFUSED},
    {.name = "wrong presentation selector",
     .normal_only = true,
     .their_psel = "NOPS",
     .opening = ASSOC_REFUSED},
    {.name = "abort by user",
     .normal_only = true,
     .opening = ASSOC_BOUND,
     .steps = {{CALLER, ABORT, RTSE_USER, false, LISTENER, ASSOC_ABORTED, 0}},
     .count = 1},
    {.name = "abort by RTSE",
     .opening = ASSOC_BOUND,
     .steps = {{LISTENER, ABORT, RTSE_TEMPORARY, false, CALLER, ASSOC_ABORTED, 0}},
     .count = 1},
    {.name = "abort by provider",
     .opening = ASSOC_BOUND,
     .steps = {{CALLER, TRASH, 0, false, CALLER, ASSOC_ABORTED, 0}},
     .count = 1},
    {.name = "exception",
     .except = 1,
     .opening = ASSOC_BOUND,
     .steps = {{CALLER, SEND, APDU_MESSAGE, false, CALLER, ASSOC_ENDED, ASSOC_NOT_TAKEN},
               TAKEN(CALLER, APDU_MESSAGE),
               RELEASED},
     .count = 3},
    /* No message after these two: tshark puts the segments taken back and those of the next message together. */
    {.name = "discard",
     .opening = ASSOC_BOUND,
     .checkpoint_kb = 16,
     .steps = {{CALLER, SEND_BACK, APDU_LONG, false, CALLER, ASSOC_ENDED, ASSOC_CUT}, RELEASED},
     .count = 2},
    {.name = "interrupt",
     .opening = ASSOC_BOUND,
     .checkpoint_kb = 16,
     .steps = {{CALLER, SEND_BACK, APDU_LONG, true, CALLER, ASSOC_ENDED, ASSOC_CUT}, RELEASED},
     .count = 2},
};

#define DIALOGUES (sizeof dialogues / sizeof *dialogues)

/* --- both ends ------------------------------------------------------------------------------------------------------- */

struct talk;

struct end {
    struct talk *talk;
    enum who who;
    struct association *a;
    struct stream *stream;
    struct buf in;
    unsigned char bind[P1_BIND_MAX];
    struct slice sends; /* what is under way from here */
};

struct talk {
    struct loop *loop;
    struct listener *listener;
    struct timer deadline;
    enum stack_mode mode;
    struct apdus apdus;
    struct end end[2];
    size_t at, step; /* dialogue, and step of it; the opening comes before step 0 */
    bool opened, excepted;
    bool failed;
};

static const struct dialogue *now(const struct talk *t)
{
    return &dialogues[t->at];
}

static void fail(struct talk *t, const char *what, const char *words)
{
    if (!t->failed)
        (void)fprintf(stderr, "talk: %s, step %zu: %s %s\n",
                      t->at < DIALOGUES ? now(t)->name : "end", t->step, what, words);
    t->failed = true;
    loop_stop(t->loop);
}

static struct slice bind_of(struct end *e, enum p1_bind_wrap wrap, const char *name,
                            const char *password)
{
    const struct p1_bind b = {
        .named = !now(e->talk)->anonymous, .name = slice_of(name), .password = slice_of(password)};
    struct ber_out o;

    ber_out_init(&o, e->bind, sizeof e->bind);
    p1_bind_write(&o, e->talk->mode == STACK_NORMAL ? wrap : P1_BIND_BARE, &b);
    return ber_out_slice(&o);
}

static struct slice or_else(const char *given, const char *usual)
{
    return slice_of(given ? given : usual);
}

static struct association_config config_of(struct end *e)
{
    const struct dialogue *d = now(e->talk);
    bool caller = e->who == CALLER, normal = e->talk->mode == STACK_NORMAL;
    const char *password = d->bind == REFUSES_NAME ? "wrong" : "secret";
    struct association_config c = {.initiator = caller,
                                   .mode = e->talk->mode,
                                   .name = caller ? "MTA-A" : "MTA-B",
                                   .utc = UTC,
                                   .ref = caller ? 0x1234 : 0x4321,
                                   .our_tsel = slice_of(caller ? "MPA" : "MPB"),
                                   .checkpoint_kb = caller ? d->checkpoint_kb : 64,
                                   .window = 3,
                                   .tpdu_bytes = d->tpdu_bytes,
                                   .two_way = d->two_way};

    if (normal) {
        c.our_ssel = slice_of(caller ? "SSA" : "SSB");
        c.our_psel = slice_of(caller ? "PSA" : "PSB");
    }
    if (!caller)
        return c;
    c.their_tsel = or_else(d->their_tsel, "MPB");
    if (normal) {
        c.their_ssel = or_else(d->their_ssel, "SSB");
        c.their_psel = or_else(d->their_psel, "PSB");
    }
    c.bind = bind_of(e, P1_BIND_ARGUMENT, "MTA-A", password);
    return c;
}

/* Writes all there is to say; closes when all is said for good. */
static void flush(struct end *e)
{
    while (e->stream) {
        struct slice out = association_output(e->a);
        long n = out.n > 0 ? stream_write(e->stream, out.p, out.n) : STREAM_AGAIN;

        if (n < 0)
            break;
        association_gave(e->a, (size_t)n);
    }
    if (e->stream && association_state(e->a) == ASSOC_OVER && association_output(e->a).n == 0) {
        stream_close(e->stream);
        e->stream = NULL;
    }
}

static void begin_next(struct talk *t);

static void act(struct talk *t, const struct step *s)
{
    static const unsigned char trash[] = {0x03, 0x00, 0x00, 0x0e, 0x02, 0xf0, 0x80,
                                          0x02, 0x00, 0x2a, 0x03, 0x2a, 0x01, 0x31};
    struct end *e = &t->end[s->who];
    bool ok = true;

    switch (s->act) {
    case SEND:
    case SEND_BACK:
        ok = association_can_send(e->a);
        if (ok) {
            e->sends = t->apdus.of[s->arg];
            association_send(e->a, e->sends, t->step);
        }
        if (ok && s->act == SEND_BACK)
            ok = association_take_back(e->a, s->resumable);
        break;
    case PLEASE:
        ok = association_please(e->a, s->arg);
        break;
    case GIVE:
        ok = association_give(e->a);
        break;
    case RELEASE:
        ok = association_release(e->a);
        break;
    case ABORT:
        association_abort(e->a, (enum rtse_abort)s->arg);
        break;
    case TRASH:
        ok = stream_write(e->stream, trash, sizeof trash) == sizeof trash;
        break;
    }
    if (!ok)
        fail(t, "cannot be asked for", "");
    flush(e);
}

/* The dialogue goes on when what its step waits for is heard. */
static void go_on(struct talk *t, const struct end *e, const struct assoc_event *ev)
{
    const struct dialogue *d = now(t);
    const struct step *s = &d->steps[t->step];

    if (!t->opened) {
        if (e->who != CALLER || (ev->news != d->opening && ev->news != ASSOC_REFUSED))
            return;
        if (ev->news != d->opening)
            fail(t, "did not open:", ev->text);
        t->opened = true;
    } else {
        if (t->step >= d->count || e->who != s->hears || ev->news != s->news)
            return;
        if (ev->news == ASSOC_ENDED && ev->fate != s->fate)
            fail(t, "a message had another fate:", ev->text);
        t->step++;
    }
    if (!t->failed && t->step < d->count)
        act(t, &d->steps[t->step]);
}

/* --- what is heard --------------------------------------------------------------------------------------------------- */

static void answer_bind(struct end *e)
{
    const struct dialogue *d = now(e->talk);
    struct ber_out o;

    if (d->bind == ACCEPTS) {
        association_accept(e->a, bind_of(e, P1_BIND_RESULT, "MTA-B", "public"));
        return;
    }
    ber_out_init(&o, e->bind, sizeof e->bind);
    p1_bind_error_write(&o, true, d->bind == REFUSES_BUSY ? P1_BIND_BUSY : P1_BIND_AUTHENTICATION);
    association_refuse(e->a, d->bind == REFUSES_BUSY ? RTSE_BUSY : RTSE_VALIDATION,
                       e->talk->mode == STACK_NORMAL ? ber_out_slice(&o) : slice_of(""));
}

static void answer_apdu(struct end *e, const struct assoc_event *ev)
{
    struct talk *t = e->talk;
    const struct slice sent = t->end[!e->who].sends;

    if (ev->bytes.n != sent.n || memcmp(ev->bytes.p, sent.p, sent.n) != 0)
        fail(t, "an APDU arrived changed", "");
    if (now(t)->except && !t->excepted) {
        t->excepted = true;
        (void)association_except(e->a, now(t)->except);
    } else {
        (void)association_confirm(e->a);
    }
}

static void hear(struct end *e, struct slice in)
{
    struct assoc_event ev;

    while (association_hear(e->a, &in, &ev) != ASSOC_MORE) {
        if (ev.news == ASSOC_ASKED)
            answer_bind(e);
        else if (ev.news == ASSOC_RECEIVED)
            answer_apdu(e, &ev);
        go_on(e->talk, e, &ev);
    }
    flush(e);
}

static size_t packet_octets(const struct buf *b)
{
    return b->n < 4 ? SIZE_MAX : (size_t)(b->p[2] << 8 | b->p[3]);
}

static void on_end(struct end *e, long n)
{
    if (n == STREAM_BROKEN)
        fail(e->talk, "connection broke:", stream_error(e->stream));
    association_lost(e->a);
    stream_close(e->stream);
    e->stream = NULL;
    hear(e, slice_from(NULL, 0));
}

static void on_ready(struct stream *s, unsigned what)
{
    struct end *e = s->owner;
    struct talk *t = e->talk;
    long n = STREAM_AGAIN;

    (void)what;
    if (buf_reserve(&e->in, READ_ROOM))
        n = stream_read(s, e->in.p + e->in.n, READ_ROOM);
    if (n > 0)
        e->in.n += (size_t)n;
    while (e->stream && packet_octets(&e->in) <= e->in.n) {
        size_t octets = packet_octets(&e->in);

        hear(e, slice_from(e->in.p, octets));
        buf_drop(&e->in, octets);
    }
    if (e->stream && (n == STREAM_END || n == STREAM_BROKEN))
        on_end(e, n);
    flush(e);
    if (!t->failed && !t->end[CALLER].stream && !t->end[LISTENER].stream) {
        if (!t->opened || t->step < now(t)->count)
            fail(t, "ended", "too early");
        t->at++;
        begin_next(t);
    }
}

/* --- one dialogue after the other --------------------------------------------------------------------------------------- */

static bool end_begin(struct end *e, struct stream *s)
{
    const struct association_config c = config_of(e);

    association_destroy(e->a);
    e->a = association_create(&c);
    buf_clear(&e->in);
    e->stream = s;
    if (!e->a || !s)
        return false;
    s->owner = e;
    s->ready = on_ready;
    association_begin(e->a);
    flush(e);
    return true;
}

static void on_accept(void *owner, struct stream *s)
{
    struct talk *t = owner;

    if (!end_begin(&t->end[LISTENER], s))
        fail(t, "cannot listen", "");
}

static void begin_next(struct talk *t)
{
    const struct net_addr at = listener_addr(t->listener);
    const struct guard none = {0};
    struct err e = {0};

    while (t->at < DIALOGUES && now(t)->normal_only && t->mode != STACK_NORMAL)
        t->at++;
    t->step = 0;
    t->opened = t->excepted = false;
    if (t->at == DIALOGUES) {
        loop_stop(t->loop);
        return;
    }
    if (!end_begin(&t->end[CALLER],
                   loop_connect(t->loop, &none, &at, on_ready, &t->end[CALLER], &e)))
        fail(t, "cannot connect:", e.text);
}

static void on_deadline(struct timer *timer)
{
    fail(timer->owner, "waited", "too long");
}

static bool talk_begin(struct talk *t, struct arena *a, struct err *e)
{
    struct net_addr any;

    for (unsigned i = 0; i < 2; i++) {
        t->end[i] = (struct end){.talk = t, .who = (enum who)i};
        buf_init(&t->end[i].in, (size_t)1 << 20);
    }
    t->loop = loop_epoll_create(e);
    if (!t->loop || !net_parse(&any, "127.0.0.1:0", 0, e))
        return false;
    t->listener = loop_listen(t->loop, &any, on_accept, t, e);
    if (!t->listener)
        return false;
    (void)printf("port %d\n", listener_addr(t->listener).port);
    if (!apdus_make(&t->apdus, t->mode == STACK_1984 ? X400_1984 : X400_1988, a))
        return err_set(e, EX_INTERNAL, "an APDU could not be made");
    (void)fflush(stdout);
    return true;
}

static void talk_fini(struct talk *t)
{
    for (unsigned i = 0; i < 2; i++) {
        stream_close(t->end[i].stream);
        association_destroy(t->end[i].a);
        buf_fini(&t->end[i].in);
    }
    listener_close(t->listener);
    loop_destroy(t->loop);
}

int main(int argc, char **argv)
{
    static const char *const modes[] = {"1984", "x410", "normal"};
    struct arena *a = arena_create(CEILING);
    struct talk t = {.mode = STACK_MODE_COUNT};
    struct err e = {0};

    for (unsigned m = 0; argc == 2 && m < STACK_MODE_COUNT; m++)
        if (strcmp(argv[1], modes[m]) == 0)
            t.mode = (enum stack_mode)m;
    if (!a || t.mode == STACK_MODE_COUNT) {
        arena_destroy(a);
        return EX_BAD_USAGE;
    }
    if (!talk_begin(&t, a, &e)) {
        (void)fprintf(stderr, "talk: %s\n", e.text);
        t.failed = true;
    } else if (getchar() != EOF) {
        timer_init(&t.deadline, on_deadline, &t);
        timer_arm(t.loop, &t.deadline, loop_now(t.loop) + DEADLINE_NS);
        begin_next(&t);
        if (!t.failed)
            loop_run(t.loop);
    }
    talk_fini(&t);
    arena_destroy(a);
    return t.failed || t.at < DIALOGUES ? EX_FAIL : EX_PASS;
}
