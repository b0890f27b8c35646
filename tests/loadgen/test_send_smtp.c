/* test_send_smtp.c - senders against a scripted SMTP server: what it gets, and what the account says of it. */
#include <string.h>

#include "base/loop_sim.h"
#include "base/tls.h"
#include "loadgen/sender_ops.h"
#include "tests/loadgen/send_rig.h"

static void every_message_of_the_plan_arrives_intact(void)
{
    rig_open("send-all");
    if (!rig_sender())
        return;
    sender_start(rig.sender);
    CHECK(!sender_is_idle(rig.sender));
    rig_until_ms(2500);
    CHECK_U64(rig.server->messages, 100);
    CHECK_U64(rig_endings(END_ACCEPTED), 100);
    CHECK_U64(fake_run_count(rig.run, EV_SENT), 100);
    CHECK_U64(rig.idles, 1);
    CHECK(sender_is_idle(rig.sender));
    for (uint32_t i = 0; i < rig.server->messages; i++) {
        struct slice all = slice_of(rig.server->message[i]);
        size_t at = 0, head;
        uint64_t number = 0;

        CHECK(token_find(&rig.key, all, &at, &number));
        CHECK(slice_find(all, slice_of("\n\n"), &head));
        CHECK(smtp_text_check(rig.corpus, &rig.key, number, 1024, slice_skip(all, head + 2)) ==
              SMTP_TEXT_INTACT);
    }
    rig_close();
}

static void a_burst_is_pipelined_over_the_connections_there_are(void)
{
    rig_open("send-burst");
    rig.run->load.arrivals = ARRIVE_BURSTS;
    rig.run->load.burst = 200;
    rig.run->load.burst_every_ns = NS_PER_S;
    rig.run->load.duration_ns = NS_PER_S;
    if (!rig_sender())
        return;
    sender_start(rig.sender);
    rig_until_ms(3000);
    CHECK_U64(rig.server->messages, 200);
    CHECK_U64(rig_endings(END_ACCEPTED), 200);
    CHECK_U64(rig.server->sessions, 4);
    CHECK(sender_health(rig.sender)->pool_waits >= 190);
    rig_close();
}

static void lockstep_works_as_well(void)
{
    rig_open("send-lockstep");
    rig.run->load.mode = SEND_LOCKSTEP;
    rig.run->load.recipients = 2;
    rig.run->load.verp = true;
    rig.run->load.notify = NOTIFY_FAILURE;
    if (!rig_sender())
        return;
    sender_start(rig.sender);
    rig_until_ms(3000);
    CHECK_U64(rig.server->messages, 100);
    CHECK_HAS(rig.server->message[0], "MAIL FROM:<joe-");
    CHECK_HAS(rig.server->message[0], "+pm.");
    CHECK_HAS(rig.server->message[0], " NOTIFY=FAILURE ORCPT=rfc822;joanne-");
    rig_close();
}

static void without_8bitmime_the_twin_is_sent(void)
{
    rig_open("send-7bit");
    rig.run->load.size_min = rig.run->load.size_max = 20000;
    rig.run->load.duration_ns = NS_PER_S;
    rig.server->ehlo = "250 fake\r\n";
    if (!rig_sender())
        return;
    sender_start(rig.sender);
    rig_until_ms(3000);
    CHECK_U64(rig.server->messages, 10);
    for (const char *c = rig.server->message[0]; *c; c++)
        if ((unsigned char)*c > 127)
            CHECK(false);
    CHECK_HAS(rig.server->message[0], "Content-Transfer-Encoding: 7bit");
    rig_close();
}

static const char *refuse_some(struct fake_smtp *f, struct fake_smtp_session *s, const char *line)
{
    (void)f, (void)s;
    if (strncmp(line, "RCPT TO:<joanne-2", 17) == 0)
        return "550 5.1.1 nobody\r\n";
    return NULL;
}

static void a_refused_recipient_ends_alone(void)
{
    rig_open("send-refused");
    rig.run->load.recipients = 2;
    rig.server->answer = refuse_some;
    if (!rig_sender())
        return;
    sender_start(rig.sender);
    rig_until_ms(3000);
    CHECK_U64(rig_endings(END_ACCEPTED), 100);
    CHECK_U64(rig_endings(END_REFUSED_PERM), 100);
    CHECK_HAS(fake_run_events(rig.run, EV_END), "a=1538 "); /* refused for good at RCPT */
    rig_close();
}

static const char *cut_after_dot(struct fake_smtp *f, struct fake_smtp_session *s, const char *line)
{
    (void)s;
    if (strcmp(line, ".") == 0 && f->messages % 10 == 5) {
        f->message[f->messages++] = strdup("taken, and cut before the reply");
        return "!";
    }
    return NULL;
}

static void a_connection_that_dies_after_the_dot_leaves_doubt(void)
{
    rig_open("send-doubt");
    rig.server->answer = cut_after_dot;
    if (!rig_sender())
        return;
    sender_start(rig.sender);
    rig_until_ms(4000);
    CHECK_U64(rig.server->messages, 100);
    CHECK_U64(rig_endings(END_DOUBT), 10);
    CHECK_U64(rig_endings(END_ACCEPTED), 90);
    CHECK_U64(fake_run_count(rig.run, EV_SENT), 100);
    CHECK(sender_is_idle(rig.sender));
    rig_close();
}

static const char *close_at_data(struct fake_smtp *f, struct fake_smtp_session *s, const char *line)
{
    (void)s;
    return strcmp(line, "DATA") == 0 && f->commands % 3 == 0 ? "!" : NULL;
}

static void a_connection_that_dies_before_the_dot_aborts(void)
{
    rig_open("send-abort");
    rig.server->answer = close_at_data;
    if (!rig_sender())
        return;
    sender_start(rig.sender);
    rig_until_ms(9000);
    CHECK(rig_endings(END_ABORTED) > 10);
    CHECK_U64(rig_endings(END_DOUBT), 0);
    CHECK_U64(rig_endings(END_ABORTED) + rig_endings(END_ACCEPTED), 100);
    CHECK_U64(rig_endings(END_ACCEPTED), rig.server->messages);
    rig_close();
}

static const char *say_421(struct fake_smtp *f, struct fake_smtp_session *s, const char *line)
{
    (void)s;
    return strcmp(line, ".") == 0 && f->messages == 30 && f->sessions == 1
               ? "!421 4.3.2 closing\r\n"
               : NULL;
}

static void a_421_to_the_dot_is_a_refusal_and_the_rest_goes_elsewhere(void)
{
    rig_open("send-421");
    rig.server->answer = say_421;
    if (!rig_sender())
        return;
    sender_start(rig.sender);
    rig_until_ms(4000);
    CHECK_U64(rig_endings(END_REFUSED_TEMP), 1);
    CHECK_U64(rig_endings(END_ACCEPTED), 99);
    rig_close();
}

static void a_server_that_is_down_at_arm_is_said_so(void)
{
    rig_open("send-down");
    fake_smtp_down(rig.server);
    if (!rig_sender())
        return;
    sender_arm(rig.sender, rig_ready);
    CHECK_U64(rig.armed, 0);
    rig_until_ms(5000);
    CHECK_U64(rig.armed, 1);
    CHECK_U64((uint64_t)rig.error.code, EX_TARGET);
    CHECK_HAS(rig.error.text, "server s3 (127.0.0.3:2525): ");
    CHECK_U64(fake_run_count(rig.run, EV_FINDING), 0);
    rig_close();
}

static const char *stay_silent(struct fake_smtp *f, struct fake_smtp_session *s, const char *line)
{
    (void)f, (void)s, (void)line;
    return "";
}

static void a_server_that_never_answers_is_given_up_at_arm(void)
{
    rig_open("send-silent");
    rig.server->answer = stay_silent;
    if (!rig_sender())
        return;
    sender_arm(rig.sender, rig_ready);
    rig_until_ms(60000);
    CHECK_U64(rig.armed, 1);
    CHECK_HAS(rig.error.text, "no answer, waiting for the greeting");
    rig_close();
}

static const char *talk_nonsense(struct fake_smtp *f, struct fake_smtp_session *s, const char *line)
{
    (void)f, (void)s;
    return strcmp(line, "CONNECT") == 0 ? "+OK POP3 ready\r\n" : NULL;
}

static void nonsense_at_arm_is_an_error_and_in_a_run_a_finding(void)
{
    rig_open("send-nonsense");
    rig.server->answer = talk_nonsense;
    if (!rig_sender())
        return;
    sender_arm(rig.sender, rig_ready);
    rig_until_ms(1500);
    CHECK_HAS(rig.error.text, "waiting for the greeting: what came is not a reply");
    sender_start(rig.sender);
    rig_until_ms(4000);
    CHECK(rig_findings(FIND_PROTOCOL) >= 3);
    CHECK_U64(rig_endings(END_ACCEPTED), 0);
    rig.server->answer = NULL;
    rig_until_ms(9000);
    CHECK_U64(rig_endings(END_ACCEPTED), 100);
    rig_close();
}

static void a_guarded_address_is_refused_as_such(void)
{
    struct err e;

    rig_open("send-guard");
    CHECK(net_parse(&rig.run->servers[2].smtp.addr, "192.0.2.1:25", 25, &e));
    if (!rig_sender())
        return;
    sender_arm(rig.sender, rig_ready);
    rig_until_ms(1500);
    CHECK_U64(rig.armed, 1);
    CHECK_U64((uint64_t)rig.error.code, EX_GUARD);
    rig_close();
}

static const char *no_reply_to_dots(struct fake_smtp *f, struct fake_smtp_session *s,
                                    const char *line)
{
    (void)f, (void)s;
    return strcmp(line, ".") == 0 ? "" : NULL;
}

static void a_dot_that_is_never_answered_is_doubt_after_its_time(void)
{
    rig_open("send-timeout");
    rig.server->answer = no_reply_to_dots;
    rig.run->load.duration_ns = 100 * NS_PER_MS;
    if (!rig_sender())
        return;
    sender_start(rig.sender);
    rig_until_ms(60900); /* 600 target seconds are 60 here */
    CHECK_U64(rig_endings(END_DOUBT), 0);
    rig_until_ms(61500);
    CHECK_U64(rig_endings(END_DOUBT), 1);
    CHECK_U64(rig_findings(FIND_TIMEOUT), 1);
    CHECK(sender_is_idle(rig.sender));
    rig_close();
}

static void starttls_wraps_the_connection(void)
{
    struct err e;

    rig_open("send-tls");
    rig.server->tls = tls_server_selfmade("127.0.0.3", &e);
    rig.server->ehlo = "250-fake\r\n250-PIPELINING\r\n250 STARTTLS\r\n";
    rig.tls[2] = tls_client_create(NULL, true, &e);
    rig.run->servers[2].smtp.tls = TLS_STARTTLS;
    if (!rig_sender())
        return;
    sender_arm(rig.sender, rig_ready);
    rig_until_ms(1500);
    CHECK_U64(rig.armed, 1);
    CHECK_STR(rig.error.text, "");
    sender_start(rig.sender);
    rig_until_ms(3000);
    CHECK_U64(rig.server->messages, 100);
    CHECK_U64(rig_endings(END_ACCEPTED), 100);
    tls_context_destroy(rig.server->tls);
    rig_close();
}

static void a_server_without_tls_is_refused_where_it_is_wanted(void)
{
    struct err e;

    rig_open("send-no-tls");
    rig.tls[2] = tls_client_create(NULL, true, &e);
    rig.run->servers[2].smtp.tls = TLS_STARTTLS;
    if (!rig_sender())
        return;
    sender_arm(rig.sender, rig_ready);
    rig_until_ms(1500);
    CHECK_HAS(rig.error.text, "does not offer STARTTLS");
    rig_close();
}

static size_t cut_at(struct sim_meddler *m, const struct sim_flow *flow, struct slice bytes)
{
    uint64_t *left = m->owner;

    if (!flow->from_client)
        return bytes.n;
    if (bytes.n <= *left) {
        *left -= bytes.n;
        return bytes.n;
    }
    size_t pass = (size_t)*left;
    *left = 7919; /* the next cut */
    return pass;
}

/* What the server took and the account called accepted or doubt agree, wherever connections are cut. */
static void cuts_with(bool tls)
{
    for (uint64_t first = 150; first < 4000; first += 171) {
        uint64_t left = first;
        struct sim_meddler meddler = {.pass = cut_at, .owner = &left};
        struct err e;

        rig_open("send-cuts");
        /* The rig's journal stays; its loop is replaced by one with a meddler. */
        fake_smtp_destroy(rig.server);
        loop_destroy(rig.run->loop);
        rig.run->loop = loop_sim_create(&(struct sim_config){.seed = first,
                                                             .start_ns = NS_PER_S,
                                                             .latency_min_ns = 20000,
                                                             .latency_max_ns = 900000,
                                                             .split_per_mille = 300,
                                                             .meddler = &meddler},
                                        &e);
        rig.server = fake_smtp_create(rig.run->loop, "127.0.0.3:2525");
        if (tls) {
            rig.server->tls = tls_server_selfmade("127.0.0.3", &e);
            rig.server->ehlo = "250-fake\r\n250-PIPELINING\r\n250 STARTTLS\r\n";
            rig.tls[2] = tls_client_create(NULL, true, &e);
            rig.run->servers[2].smtp.tls = TLS_STARTTLS;
        }
        if (!rig_sender())
            return;
        sender_start(rig.sender);
        rig_until_ms(12000);
        unsigned accepted = rig_endings(END_ACCEPTED), doubt = rig_endings(END_DOUBT);
        CHECK_U64(accepted + doubt + rig_endings(END_ABORTED), 100);
        CHECK_BETWEEN(rig.server->messages, accepted, accepted + doubt);
        CHECK(accepted > 50);
        CHECK(sender_is_idle(rig.sender));
        tls_context_destroy(rig.server->tls);
        rig_close();
    }
}

static void cuts_at_any_octet_are_accounted_for(void)
{
    cuts_with(false);
}

static void cuts_at_any_octet_of_tls_are_accounted_for(void)
{
    cuts_with(true);
}

static void many_messages_go_over_real_sockets(void)
{
    struct err e;

    rig_open("send-epoll");
    fake_smtp_destroy(rig.server);
    loop_destroy(rig.run->loop);
    rig.run->loop = loop_epoll_create(&e);
    rig.run->clock = (struct run_clock){.origin_ns = loop_now(rig.run->loop), .scale = 1};
    rig.server = fake_smtp_create(rig.run->loop, "127.0.0.1:0");
    rig.run->servers[2].smtp.addr = rig.server->at;
    rig.run->load.rate = 10000;
    rig.run->load.duration_ns = NS_PER_S / 10;
    if (!rig_sender())
        return;
    sender_start(rig.sender);
    uint64_t now = rig.run->clock.origin_ns;
    while (!sender_is_idle(rig.sender) && now < rig.run->clock.origin_ns + 20 * NS_PER_S) {
        now += 50 * NS_PER_MS;
        fake_run_until(rig.run, now);
    }
    CHECK_U64(rig.server->messages, 1000);
    CHECK_U64(rig_endings(END_ACCEPTED), 1000);
    rig_close();
}

static const struct test tests[] = {
    TEST(every_message_of_the_plan_arrives_intact),
    TEST(a_burst_is_pipelined_over_the_connections_there_are),
    TEST(lockstep_works_as_well),
    TEST(without_8bitmime_the_twin_is_sent),
    TEST(a_refused_recipient_ends_alone),
    TEST(a_connection_that_dies_after_the_dot_leaves_doubt),
    TEST(a_connection_that_dies_before_the_dot_aborts),
    TEST(a_421_to_the_dot_is_a_refusal_and_the_rest_goes_elsewhere),
    TEST(a_server_that_is_down_at_arm_is_said_so),
    TEST(a_server_that_never_answers_is_given_up_at_arm),
    TEST(nonsense_at_arm_is_an_error_and_in_a_run_a_finding),
    TEST(a_guarded_address_is_refused_as_such),
    TEST(a_dot_that_is_never_answered_is_doubt_after_its_time),
    TEST(starttls_wraps_the_connection),
    TEST(a_server_without_tls_is_refused_where_it_is_wanted),
    TEST(cuts_at_any_octet_are_accounted_for),
    TEST(cuts_at_any_octet_of_tls_are_accounted_for),
    TEST(many_messages_go_over_real_sockets),
    TEST_END,
};

const struct suite send_smtp_suite = {"send_smtp", tests};
