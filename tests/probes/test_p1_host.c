/* test_p1_host.c - the answering side against callers on a simulated network: who is bound, what each verdict does to a
 * message, turns, time limits, crowds, and callers that speak no X.400.
 */
#include <string.h>

#include "base/loop_sim.h"
#include "probes/p1_host.h"
#include "tests/support/check.h"
#include "wire/x400/p1_bind.h"

#define CALLERS_MAX 8u

struct world;

struct man { /* who calls */
    struct world *w;
    struct stream *s;
    struct association *a;
    struct association_config config;
    unsigned char bind[P1_BIND_MAX];
    unsigned to_send, sent, fates[ASSOC_TAKEN + 1], heard;
    bool bound, refused, aborted, released, lost, gives, release_at_end, deaf;
    int code;
    char text[ASSOC_TEXT], last[64];
    const char *trash; /* said instead of X.400 */
    struct slice says; /* sent instead of `apdu` */
};

struct world {
    struct loop *loop;
    struct p1_host *host;
    struct p1_host_config c;
    struct net_addr at;
    struct man men[CALLERS_MAX];
    enum p1_verdict verdict;
    enum p1_welcome welcome;
    struct p1_caller *last;
    struct timer answer, tick;
    enum p1_verdict answer_with;
    uint64_t answer_after_ns, until_ns, latency_ns;
    unsigned apdus, ended, troubles;
    char words[512], mta[64];
    const char *reply; /* sent to a caller for each APDU of his */
    unsigned replies, reply_refused;
};

static const unsigned char apdu[] = {0xa0, 0x05, 0x30, 0x03, 0x02, 0x01, 0x07};

/* --- the host's owner --------------------------------------------------------------------------------------------- */

static enum p1_verdict on_apdu(void *owner, struct p1_caller *from, struct slice got)
{
    struct world *w = owner;
    struct slice mta = p1_caller_mta(from);

    w->apdus += got.n == sizeof apdu && memcmp(got.p, apdu, sizeof apdu) == 0;
    w->last = from;
    memcpy(w->mta, mta.p, mta.n);
    w->mta[mta.n] = 0;
    for (unsigned i = 0; w->reply && i < w->replies; i++)
        w->reply_refused += !p1_caller_send(from, slice_of(w->reply));
    if (w->verdict == P1_LATER)
        timer_arm(w->loop, &w->answer, loop_now(w->loop) + w->answer_after_ns);
    return w->verdict;
}

static void answer_fires(struct timer *t)
{
    struct world *w = t->owner;

    if (w->last)
        p1_caller_answer(w->last, w->answer_with);
}

static void tick_fires(struct timer *t) /* so that time passes where nothing happens */
{
    (void)t;
}

static enum p1_welcome on_asked(void *owner, struct p1_caller *from)
{
    (void)from;
    return ((struct world *)owner)->welcome;
}

static void on_trouble(void *owner, const struct net_addr *peer, const char *words)
{
    struct world *w = owner;

    CHECK(net_is_loopback(peer));
    w->troubles++;
    (void)strncpy(w->words, words, sizeof w->words - 1);
}

static void on_gone(void *owner, struct p1_caller *from)
{
    struct world *w = owner;

    w->ended++;
    if (w->last == from)
        w->last = NULL;
}

/* --- callers ------------------------------------------------------------------------------------------------------ */

static void man_close(struct man *m)
{
    stream_close(m->s);
    m->s = NULL;
}

static void man_next(struct man *m)
{
    if (m->sent < m->to_send && association_can_send(m->a)) {
        association_send(m->a, m->says.n > 0 ? m->says : slice_from(apdu, sizeof apdu), m->sent++);
        return;
    }
    if (m->gives && association_has_turn(m->a) && association_give(m->a))
        m->gives = false;
    if (m->release_at_end && m->sent == m->to_send && association_release(m->a))
        m->release_at_end = false;
}

static void man_event(struct man *m, const struct assoc_event *ev)
{
    m->bound = m->bound || ev->news == ASSOC_BOUND;
    m->refused = m->refused || ev->news == ASSOC_REFUSED;
    m->aborted = m->aborted || ev->news == ASSOC_ABORTED;
    m->released = m->released || ev->news == ASSOC_RELEASED;
    if (ev->news == ASSOC_REFUSED || ev->news == ASSOC_ABORTED)
        memcpy(m->text, ev->text, sizeof m->text);
    if (ev->news == ASSOC_REFUSED && ev->layer == STACK_USER) {
        int32_t n = -1;

        (void)p1_bind_error_read(ev->bytes, &n);
        m->code = n;
    } else if (ev->news == ASSOC_REFUSED || ev->news == ASSOC_ENDED) {
        m->code = ev->code;
    }
    if (ev->news == ASSOC_ENDED)
        m->fates[ev->fate]++;
    if (ev->news == ASSOC_TURN_ASKED)
        m->gives = true;
    if (ev->news == ASSOC_RECEIVED) {
        m->heard++;
        memcpy(m->last, ev->bytes.p, ev->bytes.n < 63 ? ev->bytes.n : 63);
        (void)association_confirm(m->a);
    }
}

static void man_hear(struct man *m, struct slice in)
{
    struct assoc_event ev;

    while (association_hear(m->a, &in, &ev) != ASSOC_MORE)
        man_event(m, &ev);
}

static void man_say(struct man *m)
{
    struct slice out = association_output(m->a);

    if (out.n > 0 && stream_write(m->s, out.p, out.n) == (long)out.n)
        association_gave(m->a, out.n);
}

static void man_ready(struct stream *s, unsigned what)
{
    struct man *m = s->owner;
    unsigned char in[4096];
    long n = STREAM_AGAIN;

    if (what & STREAM_WRITABLE && m->trash) {
        (void)stream_write(s, m->trash, strlen(m->trash));
        return;
    }
    if (what & STREAM_WRITABLE && association_state(m->a) == ASSOC_OVER)
        association_begin(m->a);
    while (what & STREAM_READABLE && (n = stream_read(s, in, sizeof in)) > 0)
        if (!m->deaf)
            man_hear(m, slice_from(in, (size_t)n));
    if (n == STREAM_END || n == STREAM_BROKEN) {
        m->lost = true;
        if (!m->trash) {
            association_lost(m->a);
            man_hear(m, slice_from(NULL, 0));
        }
        man_close(m);
        return;
    }
    man_next(m);
    man_say(m);
}

static struct man *call(struct world *w, unsigned i, enum stack_mode mode, const char *name,
                        const char *password)
{
    static const struct guard nobody = {0};
    struct man *m = &w->men[i];
    struct p1_bind b = {.named = true, .name = slice_of(name), .password = slice_of(password)};
    struct ber_out o;
    struct err e;

    ber_out_init(&o, m->bind, sizeof m->bind);
    p1_bind_write(&o, mode == STACK_NORMAL ? P1_BIND_ARGUMENT : P1_BIND_BARE, &b);
    m->w = w;
    m->config.initiator = true;
    m->config.mode = mode;
    m->config.name = "CALLER";
    m->config.bind = ber_out_slice(&o);
    m->code = -1;
    m->a = association_create(&m->config);
    m->s = loop_connect(w->loop, &nobody, &w->at, man_ready, m, &e);
    CHECK(m->s != NULL);
    return m;
}

/* --- the world ---------------------------------------------------------------------------------------------------- */

static void open_world(struct world *w)
{
    struct sim_config sim = {.seed = 7,
                             .latency_min_ns = w->latency_ns ? w->latency_ns : 10 * NS_PER_US,
                             .latency_max_ns = w->latency_ns ? w->latency_ns : NS_PER_MS,
                             .split_per_mille = 300};
    struct net_addr at;
    struct err e;

    CHECK(net_parse(&at, "127.0.0.1:10102", 0, &e));
    w->loop = loop_sim_create(&sim, &e);
    w->c.loop = w->loop;
    w->c.association.name = "HOST";
    w->c.mta = slice_of("HOST");
    w->c.password = slice_of("ours");
    w->c.apdu = on_apdu;
    w->c.trouble = on_trouble;
    w->c.ended = on_gone;
    w->c.owner = w;
    timer_init(&w->answer, answer_fires, w);
    timer_init(&w->tick, tick_fires, w);
    w->host = p1_host_listen(&w->c, &at, &e);
    CHECK(w->host != NULL);
    w->at = p1_host_addr(w->host);
}

static void run_for(struct world *w, uint64_t seconds)
{
    w->until_ns += seconds * NS_PER_S;
    timer_arm(w->loop, &w->tick, w->until_ns);
    loop_sim_limit(w->loop, w->until_ns);
    loop_run(w->loop);
}

static void close_world(struct world *w)
{
    p1_host_close(w->host);
    timer_disarm(w->loop, &w->answer);
    timer_disarm(w->loop, &w->tick);
    for (unsigned i = 0; i < CALLERS_MAX; i++) {
        stream_close(w->men[i].s);
        association_destroy(w->men[i].a);
    }
    loop_destroy(w->loop);
}

/* --- tests -------------------------------------------------------------------------------------------------------- */

static void messages_are_taken_in_every_mode(void)
{
    for (unsigned mode = 0; mode < STACK_MODE_COUNT; mode++) {
        struct world w = {.verdict = P1_TAKE};

        open_world(&w);
        struct man *m = call(&w, 0, mode, "MTA-A", "x");
        m->to_send = 5;
        m->release_at_end = true;
        run_for(&w, 30);
        CHECK(m->bound && m->released && !m->aborted);
        CHECK_U64(m->fates[ASSOC_TAKEN], 5);
        CHECK_U64(w.apdus, 5);
        CHECK_STR(w.mta, "MTA-A");
        const struct p1_host_counts *counts = p1_host_counts(w.host);
        CHECK_U64(counts->calls, 1);
        CHECK_U64(counts->binds, 1);
        CHECK_U64(counts->apdus, 5);
        CHECK_U64(counts->octets, 5 * sizeof apdu);
        CHECK_U64(counts->taken, 5);
        CHECK_U64(counts->refused + counts->aborts, 0);
        CHECK_U64(w.troubles, 0);
        CHECK_U64(w.ended, 1); /* the connection of one who stays is ended */
        close_world(&w);
    }
}

static void callers_are_told_apart_by_name_and_password(void)
{
    static const struct {
        const char *name, *password, *words;
    } rows[] = {
        {"MTA-A", "secret", NULL},
        {"MTA-A", "wrong", "bind refused: \"MTA-A\" has not the right password"},
        {"MTA-A", "", "bind refused: \"MTA-A\" has not the right password"},
        {"MTA-X", "secret", "bind refused: \"MTA-X\" is not an MTA we know"},
    };

    for (unsigned mode = 0; mode < STACK_MODE_COUNT; mode++)
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
            struct world w = {
                .c = {.peer_mta = slice_of("MTA-A"), .peer_password = slice_of("secret")}};

            open_world(&w);
            struct man *m = call(&w, 0, mode, rows[i].name, rows[i].password);
            run_for(&w, 30);
            CHECK(m->bound == !rows[i].words);
            CHECK(m->refused == !!rows[i].words);
            if (rows[i].words) {
                CHECK_I64(m->code, mode == STACK_NORMAL ? P1_BIND_AUTHENTICATION : RTSE_VALIDATION);
                CHECK_STR(w.words, rows[i].words);
                CHECK_U64(p1_host_counts(w.host)->refused, 1);
                CHECK_U64(p1_host_counts(w.host)->binds, 0);
            }
            close_world(&w);
        }
}

static void a_host_that_is_busy_says_so(void)
{
    struct world w = {.c = {.asked = on_asked}, .welcome = P1_BUSY};

    open_world(&w);
    struct man *m = call(&w, 0, STACK_NORMAL, "A", ""), *n = call(&w, 1, STACK_1984, "B", "");
    run_for(&w, 10);
    CHECK(m->refused && n->refused);
    CHECK_I64(m->code, P1_BIND_BUSY);
    CHECK_I64(n->code, RTSE_BUSY);
    CHECK_U64(p1_host_counts(w.host)->refused, 2);
    close_world(&w);
}

static void the_verdict_is_the_answer(void)
{
    static const struct {
        enum p1_verdict verdict;
        enum assoc_fate fate;
        int code;
        bool aborted, lost;
    } rows[] = {
        {P1_TAKE, ASSOC_TAKEN, -1, false, false},
        {P1_NOT_NOW, ASSOC_NOT_TAKEN, 1, false, false},
        {P1_NEVER, ASSOC_NOT_TAKEN, 5, false, false},
        {P1_ABORT, ASSOC_DOUBT, -1, true, true},
        {P1_HANG_UP, ASSOC_DOUBT, -1, true, true},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (unsigned late = 0; late < 2; late++) {
            struct world w = {.verdict = late ? P1_LATER : rows[i].verdict,
                              .answer_with = rows[i].verdict,
                              .answer_after_ns = 3 * NS_PER_S};

            open_world(&w);
            struct man *m = call(&w, 0, STACK_NORMAL, "A", "");
            m->to_send = 1;
            run_for(&w, 30);
            CHECK_U64(m->fates[rows[i].fate], 1);
            CHECK_I64(m->code, rows[i].code);
            CHECK(m->aborted == rows[i].aborted);
            CHECK(m->lost == rows[i].lost);
            CHECK_U64(p1_host_counts(w.host)->taken, rows[i].verdict == P1_TAKE);
            CHECK_U64(w.troubles, 0); /* it was ordered */
            close_world(&w);
        }
}

static void a_host_that_ignores_never_answers(void)
{
    struct world w = {.verdict = P1_IGNORE};

    open_world(&w);
    struct man *m = call(&w, 0, STACK_NORMAL, "A", "");
    m->to_send = 1;
    run_for(&w, 1000);
    CHECK(m->bound && !m->aborted && !m->lost);
    CHECK(association_exposed(m->a));
    CHECK_U64(w.apdus, 1);
    CHECK_U64(w.ended, 0);
    man_close(m);
    run_for(&w, 10);
    CHECK_U64(w.ended, 1);
    close_world(&w);
}

static void a_caller_may_go_while_his_message_is_thought_over(void)
{
    struct world w = {.verdict = P1_LATER, .answer_after_ns = NEVER_NS / 4};

    open_world(&w);
    struct man *m = call(&w, 0, STACK_1984, "A", "");
    m->to_send = 1;
    run_for(&w, 5);
    CHECK_U64(w.apdus, 1);
    man_close(m);
    run_for(&w, 5);
    CHECK_U64(w.ended, 1);
    CHECK(w.last == NULL);
    CHECK_HAS(w.words, "the connection ended");
    CHECK_U64(p1_host_counts(w.host)->aborts, 1);
    close_world(&w);
}

static void an_answer_about_a_message_taken_back_is_not_one_about_the_next(void)
{
    static const unsigned char again[] = {
        3, 0, 0, 14, 2, 0xf0, 0x80, 1, 0, 0x39, 3, 0x32, 1, 0,                /* GT AD */
        3, 0, 0, 16, 2, 0xf0, 0x80, 1, 0, 0x2d, 5, 0x29, 3, 2,    1, 2,       /* GT AS */
        3, 0, 0, 18, 2, 0xf0, 0x80, 1, 0, 1,    0, 0xa0, 5, 0x30, 3, 2, 1, 7, /* GT DT */
        3, 0, 0, 14, 2, 0xf0, 0x80, 1, 0, 0x29, 3, 0x2a, 1, 0x31,             /* GT AE */
    };
    struct world w = {.verdict = P1_LATER, .answer_after_ns = NEVER_NS / 4};

    open_world(&w);
    struct man *m = call(&w, 0, STACK_1984, "A", "");
    m->to_send = 1;
    run_for(&w, 5);
    m->deaf = true;
    (void)stream_write(m->s, again, sizeof again);
    run_for(&w, 5);
    CHECK_U64(w.apdus, 2);
    p1_caller_answer(w.last, P1_HANG_UP); /* about the first */
    run_for(&w, 5);
    CHECK_U64(w.ended, 0);
    p1_caller_answer(w.last, P1_TAKE);
    run_for(&w, 5);
    CHECK_U64(p1_host_counts(w.host)->taken, 1);
    CHECK_U64(w.ended, 0);
    close_world(&w);
}

static void replies_go_out_on_the_turn_of_a_two_way_caller(void)
{
    struct world w = {.verdict = P1_TAKE, .reply = "\xa2\x03\x02\x01\x09", .replies = 2};

    open_world(&w);
    struct man *m = &w.men[0];
    m->config.two_way = true;
    (void)call(&w, 0, STACK_NORMAL, "A", "");
    m->to_send = 3;
    run_for(&w, 60);
    CHECK_U64(m->fates[ASSOC_TAKEN], 3);
    CHECK_U64(m->heard, 6);
    CHECK_STR(m->last, "\xa2\x03\x02\x01\x09");
    CHECK(association_has_turn(m->a)); /* it came back */
    m->release_at_end = true;
    man_next(m);
    man_say(m);
    run_for(&w, 60);
    CHECK(m->released);
    CHECK_U64(w.troubles, 0);
    close_world(&w);
}

static void nothing_is_sent_in_a_monologue(void)
{
    struct world w = {.verdict = P1_TAKE, .reply = "\xa2\x03\x02\x01\x09", .replies = 1};

    open_world(&w);
    struct man *m = call(&w, 0, STACK_NORMAL, "A", "");
    m->to_send = 2;
    run_for(&w, 60);
    CHECK_U64(m->fates[ASSOC_TAKEN], 2);
    CHECK_U64(w.reply_refused, 2);
    CHECK_U64(m->heard, 0);
    close_world(&w);
}

static void one_connection_too_many_is_refused_as_busy(void)
{
    struct world w = {.c = {.connections = 2}, .verdict = P1_TAKE};

    open_world(&w);
    for (unsigned i = 0; i < 3; i++) {
        (void)call(&w, i, STACK_NORMAL, "A", "");
        run_for(&w, 1);
    }
    CHECK(w.men[0].bound && w.men[1].bound);
    CHECK(w.men[2].refused);
    CHECK_I64(w.men[2].code, P1_BIND_BUSY);
    CHECK_STR(w.words, "bind refused: \"A\": too many associations");
    close_world(&w);
}

static void a_caller_that_says_nothing_is_ended_in_time(void)
{
    struct world w = {.verdict = P1_TAKE};

    open_world(&w);
    struct man *m = &w.men[0];
    m->trash = "\x03"; /* one octet of a packet, and then nothing */
    (void)call(&w, 0, STACK_NORMAL, "A", "");
    run_for(&w, 59);
    CHECK_U64(w.ended, 0);
    run_for(&w, 10);
    CHECK_U64(w.ended, 1);
    CHECK_STR(w.words, "nothing came for too long, waiting for the peer to open");
    CHECK(m->lost);
    close_world(&w);
}

static void a_caller_may_rest_between_messages_but_not_for_ever(void)
{
    struct world w = {.verdict = P1_TAKE};

    open_world(&w);
    struct man *m = call(&w, 0, STACK_NORMAL, "A", "");
    m->to_send = 1;
    run_for(&w, 590);
    CHECK(m->bound && !m->aborted);
    m->to_send = 2; /* time begins anew with each message */
    man_next(m);
    man_say(m);
    run_for(&w, 590);
    CHECK(!m->aborted);
    CHECK_U64(m->fates[ASSOC_TAKEN], 2);
    run_for(&w, 30);
    CHECK(m->aborted);
    CHECK_STR(w.words, "nothing came for too long, between messages");
    CHECK_U64(w.ended, 1);
    close_world(&w);
}

static void what_is_no_x400_ends_at_once_and_is_told(void)
{
    static const char *const trash[] = {"GET / HTTP/1.0\r\n\r\n", "EHLO me\r\n",
                                        "\x03\x01\x01\x16\x02\x80\x02\xf0\x80 trash behind"};

    for (size_t i = 0; i < sizeof trash / sizeof *trash; i++) {
        struct world w = {.verdict = P1_TAKE};

        open_world(&w);
        struct man *m = &w.men[0];
        m->trash = trash[i];
        (void)call(&w, 0, STACK_NORMAL, "A", "");
        struct man *other = call(&w, 1, STACK_NORMAL, "B", "");
        other->to_send = 2;
        run_for(&w, i == 2 ? 70 : 2);
        CHECK(m->lost);
        CHECK_U64(w.ended, 1);
        CHECK_U64(w.troubles, 1);
        if (i < 2)
            CHECK_HAS(w.words, "this is not RFC 1006");
        CHECK_U64(other->fates[ASSOC_TAKEN], 2);
        CHECK_U64(p1_host_counts(w.host)->aborts, 1);
        close_world(&w);
    }
}

static void an_apdu_that_is_too_long_is_not_taken(void)
{
    struct world w = {.c = {.association = {.apdu_max = sizeof apdu - 1}}, .verdict = P1_TAKE};

    open_world(&w);
    struct man *m = call(&w, 0, STACK_1984, "A", "");
    m->to_send = 1;
    run_for(&w, 10);
    CHECK_U64(m->fates[ASSOC_NOT_TAKEN], 1);
    CHECK_I64(m->code, 5);
    CHECK_U64(w.apdus, 0);
    CHECK_HAS(w.words, "longer than 6 octets");
    CHECK(!m->aborted);
    close_world(&w);
}

static void time_limits_follow_the_runs_clock(void)
{
    const struct run_clock clock = {.scale = 60};
    struct world w = {.c = {.clock = &clock}, .verdict = P1_TAKE};

    open_world(&w);
    w.men[0].trash = "\x03";
    (void)call(&w, 0, STACK_NORMAL, "A", "");
    run_for(&w, 2);
    CHECK_U64(w.ended, 1); /* 60 s of target time are one */
    close_world(&w);
}

/* It takes 26 s, and its state may last for one: as long as octets come, nobody is given up. */
static void a_long_message_on_a_slow_link_is_taken(void)
{
    static unsigned char text[128u << 10];
    const struct run_clock clock = {.scale = 120};
    const struct association_config terms = {.checkpoint_kb = 1, .window = 1};
    struct world w = {.c = {.clock = &clock, .association = terms},
                      .verdict = P1_TAKE,
                      .latency_ns = 100 * NS_PER_MS};

    open_world(&w);
    struct man *m = &w.men[0];
    m->config = terms;
    m->says = slice_from(text, sizeof text);
    m->to_send = 1;
    (void)call(&w, 0, STACK_X410_1988, "A", "");
    run_for(&w, 20);
    CHECK_U64(m->fates[ASSOC_TAKEN], 0);
    CHECK(!m->aborted);
    run_for(&w, 20);
    CHECK_U64(m->fates[ASSOC_TAKEN], 1);
    CHECK_U64(p1_host_counts(w.host)->octets, sizeof text);
    close_world(&w);
}

static const struct test tests[] = {
    TEST(messages_are_taken_in_every_mode),
    TEST(callers_are_told_apart_by_name_and_password),
    TEST(a_host_that_is_busy_says_so),
    TEST(the_verdict_is_the_answer),
    TEST(a_host_that_ignores_never_answers),
    TEST(a_caller_may_go_while_his_message_is_thought_over),
    TEST(an_answer_about_a_message_taken_back_is_not_one_about_the_next),
    TEST(replies_go_out_on_the_turn_of_a_two_way_caller),
    TEST(nothing_is_sent_in_a_monologue),
    TEST(one_connection_too_many_is_refused_as_busy),
    TEST(a_caller_that_says_nothing_is_ended_in_time),
    TEST(a_caller_may_rest_between_messages_but_not_for_ever),
    TEST(what_is_no_x400_ends_at_once_and_is_told),
    TEST(an_apdu_that_is_too_long_is_not_taken),
    TEST(time_limits_follow_the_runs_clock),
    TEST(a_long_message_on_a_slow_link_is_taken),
    TEST_END,
};

const struct suite p1_host_suite = {"p1_host", tests};
