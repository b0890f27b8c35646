/* test_send_reconnect.c - connections that carry so many messages, by our limit or the server's; LMTP; sessions resumed. */
#include <string.h>

#include "base/tls.h"
#include "loadgen/sender_ops.h"
#include "tests/loadgen/send_rig.h"

static void open_burst(const char *name, uint32_t messages, enum send_mode mode)
{
    rig_open(name);
    rig.run->load.mode = mode;
    rig.run->load.arrivals = ARRIVE_BURSTS;
    rig.run->load.burst = messages;
    rig.run->load.burst_every_ns = NS_PER_S;
    rig.run->load.duration_ns = NS_PER_S;
    if (mode == SEND_CHUNKING)
        rig.server->ehlo = "250-fake\r\n250-PIPELINING\r\n250 CHUNKING\r\n";
}

/* The connections of the last account of each kind, and how often that was given. */
static uint32_t count_sessions(unsigned with, uint32_t *told)
{
    uint32_t last[64] = {0}, n = 0;

    PM_ASSERT(journal_flush(rig.run->journal));
    *told = 0;
    for (uint32_t i = 0; i < rig.run->event_count; i++) {
        const struct event *ev = &rig.run->events[i];

        if (ev->kind != EV_SESSIONS)
            continue;
        (*told)++;
        PM_ASSERT((ev->code & 0xffff) < 64);
        CHECK(ev->b > last[ev->code & 0xffff]);
        CHECK_U64(ev->place, 2);
        CHECK_U64(ev->a, 0);
        CHECK_U64(ev->slot, 0);
        last[ev->code & 0xffff] = ev->b;
    }
    for (unsigned code = 0; code < 64; code++)
        if ((code & with) == with)
            n += last[code];
    return n;
}

static unsigned quits_behind;

/* QUIT stands behind the end of the text already, or is yet to come. */
static const char *look_for_quit(struct fake_smtp *f, struct fake_smtp_session *s, const char *line)
{
    (void)f;
    if (strcmp(line, ".") == 0)
        quits_behind += s->in.n == 6 && memcmp(s->in.p, "QUIT\r\n", 6) == 0;
    return NULL;
}

static void check_limit(enum send_mode mode, uint32_t limit)
{
    uint32_t told, least = 100 / limit;

    open_burst("send-limit", 100, mode);
    rig.run->load.per_connection = limit;
    rig.server->answer = look_for_quit;
    quits_behind = 0;
    if (!rig_send_until_ms(4000))
        return;
    CHECK_U64(rig.server->messages, 100);
    CHECK_U64(rig_endings(END_ACCEPTED), 100);
    CHECK_U64(fake_run_count(rig.run, EV_SENT), 100);
    CHECK_U64(fake_run_count(rig.run, EV_FINDING), 0);
    CHECK_U64(sender_health(rig.sender)->connect_failures, 0);
    for (uint32_t i = 0; i < rig.server->sessions; i++)
        CHECK(rig.server->session[i]->taken <= limit);
    CHECK_BETWEEN(rig.server->sessions, least, least + 4);
    CHECK_U64(count_sessions(0, &told), rig.server->sessions);
    CHECK(told <= 8); /* not one for each */
    if (mode == SEND_LOCKSTEP)
        CHECK_U64(quits_behind, 0);
    else
        CHECK_BETWEEN(quits_behind, least - 4, least);
    CHECK(sender_is_idle(rig.sender));
    rig_close();
}

static void a_connection_carries_as_many_messages_as_the_load_says(void)
{
    static const enum send_mode modes[] = {SEND_LOCKSTEP, SEND_PIPELINING, SEND_CHUNKING};

    for (int i = 0; i < 3; i++) {
        check_limit(modes[i], 1);
        check_limit(modes[i], 5);
        check_limit(modes[i], 20);
    }
}

static void all_connections_work_when_each_message_has_its_own(void)
{
    rig_open("send-each-paced");
    rig.run->load.per_connection = 1;
    rig.run->load.rate = 100; /* 1,000 a real second */
    rig.run->load.duration_ns = NS_PER_S;
    if (!rig_send_until_ms(4000))
        return;
    CHECK_U64(rig_endings(END_ACCEPTED), 100);
    CHECK_U64(rig.server->messages, 100);
    CHECK(sender_is_idle(rig.sender));
    rig_close();
}

/* --- the server's own limit ----------------------------------------------------------------------------------------------- */

static const char *close_after_ten(struct fake_smtp *f, struct fake_smtp_session *s,
                                   const char *line)
{
    (void)f;
    return strcmp(line, ".") == 0 && s->taken == 9 ? "!250 2.0.0 ok, and good bye\r\n" : NULL;
}

static const char *keep_and_close(struct fake_smtp *f, struct fake_smtp_session *s,
                                  const char *line)
{
    const char *reply = close_after_ten(f, s, line);

    if (reply) /* the script closes before it keeps: by hand */
        f->message[f->messages++] = strdup("taken, and closed");
    return reply;
}

static const char *say_421_after_ten(struct fake_smtp *f, struct fake_smtp_session *s,
                                     const char *line)
{
    (void)f;
    return strncmp(line, "MAIL", 4) == 0 && s->taken == 10 ? "!421 4.7.0 too many messages\r\n"
                                                           : NULL;
}

static const char *say_452_after_ten(struct fake_smtp *f, struct fake_smtp_session *s,
                                     const char *line)
{
    (void)f;
    return strncmp(line, "MAIL", 4) == 0 && s->taken == 10 ? "!452 4.5.3 too many messages\r\n"
                                                           : NULL;
}

/* In lockstep nothing is in flight when the server closes: all is accepted, or refused by name. */
static void check_server_limit(const char *(*answer)(struct fake_smtp *f,
                                                     struct fake_smtp_session *s, const char *line),
                               bool refuses)
{
    open_burst("send-hangs-up", 100, SEND_LOCKSTEP);
    rig.server->answer = answer;
    if (!rig_send_until_ms(1400)) /* back-offs alone would last longer than that */
        return;
    unsigned refused = rig_endings(END_REFUSED_TEMP);
    CHECK_U64(rig_endings(END_ACCEPTED) + refused, 100);
    CHECK(refuses ? refused >= 6 && refused <= 10 : refused == 0);
    CHECK_U64(rig.server->messages, 100 - refused);
    CHECK_U64(fake_run_count(rig.run, EV_FINDING), 0);
    CHECK_U64(sender_health(rig.sender)->connect_failures, 0);
    CHECK_BETWEEN(rig.server->sessions, 10, 14);
    CHECK(sender_is_idle(rig.sender));
    rig_close();
}

static void a_server_that_hangs_up_after_so_many_mails_is_called_again_at_once(void)
{
    check_server_limit(keep_and_close, false);
    check_server_limit(say_421_after_ten, true);
    check_server_limit(say_452_after_ten, true);
}

static const char *hang_up_after_100(struct fake_smtp *f, struct fake_smtp_session *s,
                                     const char *line)
{
    (void)f;
    return strncmp(line, "MAIL", 4) == 0 && s->taken == 100 ? "!421 4.7.0 that was all\r\n" : NULL;
}

static void check_window_cut_by_server(enum send_mode mode, uint32_t window)
{
    open_burst("send-hundred", 1000, mode);
    rig.run->load.window = window;
    rig.server->answer = hang_up_after_100;
    if (!rig_send_until_ms(3000))
        return;
    unsigned accepted = rig_endings(END_ACCEPTED), doubt = rig_endings(END_DOUBT);
    unsigned refused = rig_endings(END_REFUSED_TEMP), aborted = rig_endings(END_ABORTED);
    CHECK_U64(accepted + doubt + refused + aborted, 1000);
    CHECK_U64(rig.server->messages, accepted); /* what was in flight behind the 421 was not taken */
    CHECK(accepted >= 900 && refused >= 6 && doubt <= 10 * window);
    CHECK_U64(fake_run_count(rig.run, EV_FINDING), 0);
    for (uint32_t i = 0; i < rig.server->sessions; i++)
        CHECK(rig.server->session[i]->taken <= 100);
    CHECK(sender_is_idle(rig.sender));
    rig_close();
}

static void a_server_that_hangs_up_after_100_mails_leaves_nothing_unaccounted(void)
{
    check_window_cut_by_server(SEND_LOCKSTEP, 1);
    check_window_cut_by_server(SEND_PIPELINING, 1);
    check_window_cut_by_server(SEND_CHUNKING, 8);
}

/* --- LMTP ----------------------------------------------------------------------------------------------------------------- */

static void open_lmtp(const char *name, enum send_mode mode)
{
    open_burst(name, 100, mode);
    rig.server->lmtp = true;
    rig.run->servers[2].lmtp = rig.run->servers[2].smtp;
    rig.run->servers[2].smtp = (struct end_point){0};
    rig.run->load.protocol = "lmtp";
    rig.run->load.recipients = 2;
}

static const char *full_for_second(struct fake_smtp *f, struct fake_smtp_session *s,
                                   const char *line)
{
    (void)f, (void)s;
    return strcmp(line, ".1") == 0 ? "452 4.2.2 mailbox full\r\n" : NULL;
}

static void check_lmtp(enum send_mode mode)
{
    uint32_t told;

    open_lmtp("send-lmtp", mode);
    rig.server->answer = full_for_second;
    if (!rig_send_until_ms(4000))
        return;
    CHECK_U64(rig_endings(END_ACCEPTED), 100);
    CHECK_U64(rig_endings(END_REFUSED_TEMP), 100);
    CHECK_U64(fake_run_count(rig.run, EV_SENT), 200);
    for (uint32_t i = 0; i < rig.run->event_count; i++) {
        const struct event *ev = &rig.run->events[i];
        bool second = ev->slot % rig.work->stride == 2;

        if (ev->kind == EV_END) {
            CHECK_U64(ev->a & 0xff, second ? END_REFUSED_TEMP : END_ACCEPTED);
            CHECK_U64(ev->a >> 8 & 0xff, STAGE_DOT);
        }
    }
    CHECK_U64(count_sessions(SESSION_LMTP, &told), rig.server->sessions);
    if (mode == SEND_CHUNKING)
        CHECK(count_sessions(SESSION_LMTP | SESSION_CHUNKING, &told) > 0);
    rig_close();
}

static void over_lmtp_each_recipient_s_delivery_is_answered_for_itself(void)
{
    check_lmtp(SEND_LOCKSTEP);
    check_lmtp(SEND_PIPELINING);
    check_lmtp(SEND_CHUNKING);
}

static const char *refuse_unknown(struct fake_smtp *f, struct fake_smtp_session *s,
                                  const char *line)
{
    (void)f, (void)s;
    return strstr(line, "pm-no-such-user") ? "550 5.1.1 nobody\r\n" : NULL;
}

static void a_canary_that_lmtp_refuses_is_said_so(void)
{
    open_lmtp("send-lmtp-canary", SEND_PIPELINING);
    rig.server->answer = refuse_unknown;
    if (!rig_sender())
        return;
    sender_start(rig.sender);
    sender_canary(rig.sender, rig.work->planned);
    rig_until_ms(3000);
    CHECK_U64(fake_run_count(rig.run, EV_CANARY), 1);
    CHECK_U64(rig_event(EV_CANARY, 0)->code, CANARY_REFUSED);
    CHECK_U64(rig_endings(END_ACCEPTED), 200);
    rig_close();
}

/* --- sessions ------------------------------------------------------------------------------------------------------------- */

/* How many of the connections were resumed, of 40 one after the other. */
static uint32_t resumed(bool at_client, bool at_server)
{
    uint32_t told, n;
    struct err e;

    open_burst("send-tickets", 40, SEND_PIPELINING);
    rig.run->load.connections = 1;
    rig.run->load.per_connection = 1;
    rig.server->tls = tls_server_selfmade("127.0.0.3", &e);
    rig.server->ehlo = "250-fake\r\n250-PIPELINING\r\n250 STARTTLS\r\n";
    rig.tls[2] = tls_client_create(NULL, true, &e);
    tls_context_tickets(rig.tls[2], at_client);
    tls_context_tickets(rig.server->tls, at_server);
    rig.run->servers[2].smtp.tls = TLS_STARTTLS;
    if (!rig_send_until_ms(4000))
        return NO_INDEX;
    CHECK_U64(rig_endings(END_ACCEPTED), 40);
    CHECK_U64(count_sessions(SESSION_TLS | SESSION_PIPELINING, &told), 40);
    CHECK_U64(count_sessions(0, &told), 40);
    n = count_sessions(SESSION_RESUMED, &told);
    tls_context_destroy(rig.server->tls);
    rig_close();
    return n;
}

static void the_account_says_which_connections_were_resumed(void)
{
    CHECK_U64(resumed(true, true), 39);
    CHECK_U64(resumed(false, true), 0);
    CHECK_U64(resumed(true, false), 0);
}

static void sessions_that_came_up_while_arming_are_counted_too(void)
{
    uint32_t told;

    open_burst("send-armed", 1, SEND_PIPELINING);
    if (!rig_sender())
        return;
    sender_arm(rig.sender, rig_ready);
    rig_until_ms(1500);
    CHECK_U64(rig.armed, 1);
    CHECK_U64(count_sessions(SESSION_PIPELINING, &told), 1);
    sender_start(rig.sender);
    sender_stop(rig.sender, true);
    CHECK_U64(count_sessions(SESSION_PIPELINING, &told), 1);
    CHECK_U64(told, 1); /* nothing changed */
    rig_close();
}

static void associations_are_counted_as_such(void)
{
    rig_open_p1("send-sessions-p1");
    if (!rig_send_until_ms(4000))
        return;
    CHECK_U64(rig_endings(END_ACCEPTED), 100);
    PM_ASSERT(journal_flush(rig.run->journal));
    const struct event *ev = rig_event(EV_SESSIONS, 0);
    CHECK_U64(ev->code, event_sessions(SESSION_P1, 0));
    CHECK(ev->b >= 1);
    rig_close();
}

static void without_a_journal_nothing_is_kept_and_all_is_sent(void)
{
    open_burst("send-no-journal", 100, SEND_PIPELINING);
    struct journal *journal = rig.run->journal;
    rig.run->journal = NULL;
    bool made = rig_sender();
    rig.run->journal = journal;
    if (!made)
        return;
    sender_start(rig.sender);
    rig_until_ms(3000);
    CHECK_U64(rig.server->messages, 100);
    CHECK_U64(sender_health(rig.sender)->sent, 100);
    CHECK(sender_is_idle(rig.sender));
    CHECK_U64(fake_run_count(rig.run, EV_SENT), 0);
    CHECK_U64(fake_run_count(rig.run, EV_LEASE), 0);
    rig_close();
}

static const char *fall_silent_after_ten(struct fake_smtp *f, struct fake_smtp_session *s,
                                         const char *line)
{
    (void)f, (void)line;
    return s->taken >= 10 ? "" : NULL;
}

/* An envelope that was out, not answered when the server went, and that nobody takes any more. */
static void what_had_begun_and_is_not_sent_again_has_an_end(void)
{
    open_burst("send-begun", 200, SEND_PIPELINING);
    rig.server->answer = fall_silent_after_ten;
    if (!rig_sender())
        return;
    sender_start(rig.sender);
    rig_until_ms(1100);
    unsigned begun = fake_run_count(rig.run, EV_SENT);
    CHECK(begun > fake_run_count(rig.run, EV_END));
    fake_smtp_down(rig.server);
    rig_until_ms(1130);
    CHECK(begun > fake_run_count(rig.run, EV_END)); /* they wait for another connection */
    sender_stop(rig.sender, STOP_SOON);
    rig_until_ms(1700);
    CHECK_U64(fake_run_count(rig.run, EV_SENT), begun);
    CHECK_U64(fake_run_count(rig.run, EV_END), begun);
    CHECK(rig_endings(END_ABORTED) > 0);
    CHECK(sender_is_idle(rig.sender));
    rig_close();
}

static const struct test tests[] = {
    TEST(a_connection_carries_as_many_messages_as_the_load_says),
    TEST(all_connections_work_when_each_message_has_its_own),
    TEST(a_server_that_hangs_up_after_so_many_mails_is_called_again_at_once),
    TEST(a_server_that_hangs_up_after_100_mails_leaves_nothing_unaccounted),
    TEST(over_lmtp_each_recipient_s_delivery_is_answered_for_itself),
    TEST(a_canary_that_lmtp_refuses_is_said_so),
    TEST(the_account_says_which_connections_were_resumed),
    TEST(sessions_that_came_up_while_arming_are_counted_too),
    TEST(associations_are_counted_as_such),
    TEST(without_a_journal_nothing_is_kept_and_all_is_sent),
    TEST(what_had_begun_and_is_not_sent_again_has_an_end),
    TEST_END,
};

const struct suite send_reconnect_suite = {"send_reconnect", tests};
