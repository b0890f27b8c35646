/* test_p1_calls.c - the site's MTAs call ours: who may, what is answered, and what comes again when the answer was lost. */
#include <string.h>

#include "tests/probes/p1_rig.h"
#include "tests/support/check.h"
#include "wire/x400/association.h"
#include "wire/x400/p1_bind.h"

struct mta { /* one of the site's, calling */
    struct loop *loop;
    struct stream *s;
    struct association *a;
    struct association_config config;
    unsigned char bind[P1_BIND_MAX];
    struct slice apdu; /* sent as soon as bound, so often: */
    unsigned to_send, sent;
    unsigned fates[ASSOC_TAKEN + 1];
    bool bound, refused, released, lost;
    bool deaf_after; /* hears nothing more once everything has been said */
    bool release;    /* when everything was answered */
};

static void hear(struct mta *m, struct slice in)
{
    struct assoc_event ev;

    while (association_hear(m->a, &in, &ev) != ASSOC_MORE) {
        m->bound = m->bound || ev.news == ASSOC_BOUND;
        m->refused = m->refused || ev.news == ASSOC_REFUSED;
        m->released = m->released || ev.news == ASSOC_RELEASED;
        if (ev.news == ASSOC_ENDED)
            m->fates[ev.fate]++;
    }
}

static void say(struct mta *m)
{
    struct slice out;

    if (m->sent < m->to_send && association_can_send(m->a))
        association_send(m->a, m->apdu, m->sent++);
    else if (m->release && m->sent == m->to_send && association_release(m->a))
        m->release = false;
    out = association_output(m->a);
    if (out.n > 0 && stream_write(m->s, out.p, out.n) == (long)out.n)
        association_gave(m->a, out.n);
}

static void on_ready(struct stream *s, unsigned what)
{
    struct mta *m = s->owner;
    unsigned char in[4096];
    long n = STREAM_AGAIN;
    bool deaf = m->deaf_after && m->sent > 0 && m->sent == m->to_send;

    if (what & STREAM_WRITABLE && association_state(m->a) == ASSOC_OVER)
        association_begin(m->a);
    while (what & STREAM_READABLE && (n = stream_read(s, in, sizeof in)) > 0)
        if (!deaf)
            hear(m, slice_from(in, (size_t)n));
    if (n == STREAM_END || n == STREAM_BROKEN) {
        m->lost = true;
        stream_close(m->s);
        m->s = NULL;
        association_lost(m->a);
        hear(m, slice_from(NULL, 0));
        return;
    }
    say(m);
}

static void call(struct p1_rig *r, struct mta *m, enum stack_mode mode, const char *name,
                 const char *password)
{
    static const struct guard nobody = {0};
    const struct net_addr at = p1_listener_addr(r->l);
    const struct p1_bind b = {
        .named = name != NULL, .name = slice_of(name), .password = slice_of(password)};
    struct ber_out o;
    struct err e;

    ber_out_init(&o, m->bind, sizeof m->bind);
    p1_bind_write(&o, mode == STACK_NORMAL ? P1_BIND_ARGUMENT : P1_BIND_BARE, &b);
    m->config.initiator = true;
    m->config.mode = mode;
    m->config.name = "S1";
    m->config.bind = ber_out_slice(&o);
    m->a = association_create(&m->config);
    m->s = loop_connect(r->g->r->loop, &nobody, &at, on_ready, m, &e);
    CHECK(m->a && m->s);
    rig_wait(r->g, 200);
}

static void hang_up(struct p1_rig *r, struct mta *m)
{
    stream_close(m->s);
    association_destroy(m->a);
    m->s = NULL;
    m->a = NULL;
    rig_wait(r->g, 200);
}

static void open_rig(struct p1_rig *r)
{
    p1_rig_open(r);
    for (uint32_t i = 0; i < 3; i++)
        r->servers[i].p1 = (struct p1_end_point){.at.text = "127.0.0.1:102", .password = "lab"};
    r->servers[0].p1.mta = "S1";
    r->servers[1].p1.mta = "S2";
    r->servers[2].p1.mta = "S3";
}

static void the_sites_mtas_may_call_in_every_mode(void)
{
    static const char *const names[] = {"S1", "S2", "S3"};
    struct p1_rig r;

    open_rig(&r);
    p1_rig_begin(&r);
    CHECK(net_is_loopback(&r.servers[OURS].p1.at.addr));
    for (unsigned mode = 0; mode < STACK_MODE_COUNT; mode++) {
        struct mta m = {.to_send = 0};

        call(&r, &m, (enum stack_mode)mode, names[mode], "lab");
        CHECK(m.bound && !m.refused);
        hang_up(&r, &m);
    }
    p1_rig_close(&r);
}

static void nobody_else_may(void)
{
    static const struct {
        const char *name, *password;
    } rows[] = {{"S1", "Lab"}, {"S4", "lab"}, {"s1", "lab"}, {"S1", ""}, {NULL, NULL}};
    struct p1_rig r;
    struct event ev = {0};

    open_rig(&r);
    p1_rig_begin(&r);
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct mta m = {.to_send = 1, .apdu = slice_of("x")};

        call(&r, &m, i % 2 ? STACK_1984 : STACK_NORMAL, rows[i].name, rows[i].password);
        CHECK(!m.bound && m.refused);
        CHECK_U64(m.sent, 0);
        hang_up(&r, &m);
    }
    CHECK(p1_rig_news(&r, EV_FINDING, &ev) >= 3);
    CHECK_U64(ev.code, FIND_PROTOCOL);
    CHECK_U64(ev.a, STAGE_BIND);
    CHECK_HAS(p1_listener_counts(r.l)->why, "bind refused");
    CHECK_U64(p1_listener_counts(r.l)->trouble, sizeof rows / sizeof *rows);
    p1_rig_close(&r);
}

static void a_site_that_does_not_say_who_it_is_may_call(void)
{
    struct mta m = {.to_send = 0};
    struct p1_rig r;

    p1_rig_open(&r);
    r.servers[0].p1.at.text = "127.0.0.1:102";
    p1_rig_begin(&r);
    call(&r, &m, STACK_NORMAL, NULL, NULL);
    CHECK(m.bound);
    hang_up(&r, &m);
    p1_rig_close(&r);
}

static void a_message_is_answered_when_it_is_told(void)
{
    struct mta early = {.to_send = 1}, m = {.to_send = 2};
    struct p1_rig r;

    open_rig(&r);
    early.apdu = m.apdu = p1_rig_octets(&r, p1_rig_message(&r, TO_FRED, X400_1988), X400_1988);
    call(&r, &early, STACK_NORMAL, "S1", "lab");
    CHECK_U64(early.fates[ASSOC_NOT_TAKEN], 1); /* it has not begun */
    CHECK_U64(p1_rig_news(&r, EV_SEEN, NULL), 0);
    hang_up(&r, &early);
    p1_rig_begin(&r);
    call(&r, &m, STACK_NORMAL, "S1", "lab");
    CHECK_U64(m.fates[ASSOC_TAKEN], 2);
    CHECK_U64(p1_rig_news(&r, EV_SEEN, NULL), 4); /* two recipients, twice */
    hang_up(&r, &m);
    p1_rig_close(&r);
}

static void what_cannot_be_read_is_not_taken_for_good(void)
{
    struct mta m = {.to_send = 1, .apdu = slice_of("\xa0\x03\x02\x01\x07")};
    struct p1_rig r;

    open_rig(&r);
    p1_rig_begin(&r);
    call(&r, &m, STACK_X410_1988, "S2", "lab");
    CHECK_U64(m.fates[ASSOC_NOT_TAKEN], 1);
    CHECK_U64(p1_rig_news(&r, EV_SEEN, NULL), 0);
    hang_up(&r, &m);
    p1_rig_close(&r);
}

/* A call that sends the message `times` times, and ends in one way or another. */
static void send(struct p1_rig *r, struct slice apdu, unsigned times, bool deaf, bool release)
{
    struct mta m = {.to_send = times, .apdu = apdu, .deaf_after = deaf, .release = release};

    call(r, &m, STACK_NORMAL, "S1", "lab");
    CHECK_U64(m.sent, times);
    CHECK_U64(m.fates[ASSOC_TAKEN], times - deaf);
    CHECK_U64(m.released, release);
    hang_up(r, &m);
}

static void a_message_whose_answer_was_lost_comes_again_as_the_same(void)
{
    struct p1_rig r;

    open_rig(&r);
    p1_rig_begin(&r);
    const struct slice apdu = p1_rig_octets(&r, p1_rig_message(&r, TO_FRED, X400_1988), X400_1988);

    send(&r, apdu, 1, true, false);
    CHECK_U64(p1_rig_news(&r, EV_SEEN, NULL), 2);
    send(&r, apdu, 1, true, false); /* and its answer is lost, too */
    CHECK_U64(p1_rig_news(&r, EV_SEEN, NULL), 0);
    send(&r, apdu, 1, false, true);
    CHECK_U64(p1_rig_news(&r, EV_SEEN, NULL), 0);
    CHECK_U64(p1_listener_counts(r.l)->again, 2);
    send(&r, apdu, 1, false, true); /* that is another */
    CHECK_U64(p1_rig_news(&r, EV_SEEN, NULL), 2);
    p1_rig_close(&r);
}

static void a_message_that_was_answered_comes_again_as_another(void)
{
    struct p1_rig r;

    open_rig(&r);
    p1_rig_begin(&r);
    const struct slice apdu = p1_rig_octets(&r, p1_rig_message(&r, TO_FRED, X400_1988), X400_1988);
    const struct slice other =
        p1_rig_octets(&r, p1_rig_message(&r, TO_FRED + 1, X400_1988), X400_1988);

    send(&r, apdu, 1, false, true); /* the release shows it */
    send(&r, apdu, 3, true, false); /* so does the next message */
    CHECK_U64(p1_rig_news(&r, EV_SEEN, NULL), 8);
    send(&r, other, 1, false,
         true); /* what is expected is that one message, for those recipients */
    CHECK_U64(p1_rig_news(&r, EV_SEEN, NULL), 2);
    send(&r, apdu, 2, false, true);
    CHECK_U64(p1_rig_news(&r, EV_SEEN, NULL), 2);
    CHECK_U64(p1_listener_counts(r.l)->again, 1);
    p1_rig_close(&r);
}

static const struct test tests[] = {
    TEST(the_sites_mtas_may_call_in_every_mode),
    TEST(nobody_else_may),
    TEST(a_site_that_does_not_say_who_it_is_may_call),
    TEST(a_message_is_answered_when_it_is_told),
    TEST(what_cannot_be_read_is_not_taken_for_good),
    TEST(a_message_whose_answer_was_lost_comes_again_as_the_same),
    TEST(a_message_that_was_answered_comes_again_as_another),
    TEST_END,
};

const struct suite p1_calls_suite = {"p1_calls", tests};
