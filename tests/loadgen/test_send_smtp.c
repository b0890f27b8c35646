/* test_send_smtp.c - senders against a scripted server: what leaves when, and what the account says of it.
 *
 * The rig is the small site of fake_run.h (scale 10, target time 0 at loop time 1 s) with its load going through server
 * s3, where the scripted server listens.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loadgen/sender.h"
#include "loadgen/sender_ops.h"
#include "tests/loadgen/fake_smtp.h"
#include "tests/support/check.h"
#include "tests/support/fake_run.h"
#include "wire/smtp_client.h"
#include "wire/smtp_text.h"

static struct {
    struct fake_run *run;
    struct fake_smtp *server;
    struct arena *arena;
    struct workload *work;
    struct smtp_corpus *corpus;
    struct token_key key;
    struct tls_context *tls[3];
    struct sender *sender;
    unsigned armed, idles;
    struct err error;
} t;

static void on_ready(void *owner, const struct err *e)
{
    (void)owner;
    t.armed++;
    t.error = e ? *e : (struct err){0};
}

static void on_idle(void *owner)
{
    (void)owner;
    t.idles++;
}

/* A constant load of 10 messages a target second for 10 s: 100 messages, one per 10 real ms. */
static void open_rig(const char *name)
{
    memset(&t, 0, sizeof t);
    t.run = fake_run_create(name);
    t.server = fake_smtp_create(t.run->loop, "127.0.0.3:2525");
    t.run->servers[2].smtp = (struct end_point){.text = "127.0.0.3:2525", .addr = t.server->at};
    t.run->load.arrivals = ARRIVE_CONSTANT;
    t.run->load.rate = 10;
    t.run->load.duration_ns = 10 * NS_PER_S;
    t.run->load.recipients = 1;
    t.run->load.size_min = t.run->load.size_max = 1024;
    t.run->load.pipelining = true;
    t.run->load.threads = 1;
    t.run->load.connections = 4;
    t.run->profile.seed = 11;
    t.corpus = smtp_corpus_create(11);
    t.key = token_key_make(11, 12);
}

static bool open_sender(void)
{
    struct sender_context c = {.loop = t.run->loop,
                               .clock = &t.run->clock,
                               .journal = t.run->journal,
                               .key = &t.key,
                               .corpus = t.corpus,
                               .tls = t.tls,
                               .threads = 1,
                               .idle = on_idle};
    struct err e = {0};

    t.arena = arena_create(1u << 24);
    t.work = workload_create(t.arena, &t.run->profile, &e);
    if (!CHECK(t.work))
        return false;
    c.work = t.work;
    t.sender = sender_create(&c, &e);
    return CHECK_STR(t.sender ? "" : e.text, "");
}

static void close_rig(void)
{
    sender_destroy(t.sender);
    fake_smtp_destroy(t.server);
    for (int i = 0; i < 3; i++)
        tls_context_destroy(t.tls[i]);
    fake_run_destroy(t.run);
    smtp_corpus_destroy(t.corpus);
    arena_destroy(t.arena);
}

static void run_until_ms(uint64_t loop_ms)
{
    fake_run_until(t.run, loop_ms * NS_PER_MS);
}

/* How many recipients ended so. */
static unsigned endings(enum ending how)
{
    unsigned n = 0;

    PM_ASSERT(journal_flush(t.run->journal));
    for (uint32_t i = 0; i < t.run->event_count; i++)
        n += t.run->events[i].kind == EV_END && (t.run->events[i].a & 0xff) == how;
    return n;
}

static unsigned findings(enum finding what)
{
    unsigned n = 0;

    PM_ASSERT(journal_flush(t.run->journal));
    for (uint32_t i = 0; i < t.run->event_count; i++)
        n += t.run->events[i].kind == EV_FINDING && t.run->events[i].code == what;
    return n;
}

/* --- all is well ---------------------------------------------------------------------------------------------------- */

static void every_message_of_the_plan_arrives_intact(void)
{
    open_rig("send-all");
    if (!open_sender())
        return;
    sender_start(t.sender);
    CHECK(!sender_is_idle(t.sender));
    run_until_ms(2500);
    CHECK_U64(t.server->messages, 100);
    CHECK_U64(endings(END_ACCEPTED), 100);
    CHECK_U64(fake_run_count(t.run, EV_SENT), 100);
    CHECK_U64(t.idles, 1);
    CHECK(sender_is_idle(t.sender));
    for (uint32_t i = 0; i < t.server->messages; i++) {
        struct slice all = slice_of(t.server->message[i]);
        size_t at = 0, head;
        uint64_t number = 0;

        CHECK(token_find(&t.key, all, &at, &number));
        CHECK(slice_find(all, slice_of("\n\n"), &head));
        CHECK(smtp_text_check(t.corpus, &t.key, number, 1024, slice_skip(all, head + 2)) ==
              SMTP_TEXT_INTACT);
    }
    close_rig();
}

static void messages_leave_at_their_planned_times(void)
{
    open_rig("send-times");
    if (!open_sender())
        return;
    sender_arm(t.sender, on_ready);
    run_until_ms(1500);
    CHECK_U64(t.armed, 1);
    CHECK_U64((uint64_t)t.error.code, 0);
    t.run->clock.origin_ns = loop_now(t.run->loop);
    sender_start(t.sender);
    run_until_ms(3000);
    const char *sent = fake_run_events(t.run, EV_SENT);
    CHECK_HAS(sent, "9900 place=2 code=");
    CHECK_U64(sender_health(t.sender)->lateness.count, 100);
    CHECK(sender_health(t.sender)->lateness.max < 1000);
    CHECK_U64(sender_health(t.sender)->connects, 1);
    CHECK_U64(sender_health(t.sender)->pool_waits, 0);
    close_rig();
}

static void a_slot_stands_in_both_events_of_every_recipient(void)
{
    open_rig("send-slots");
    t.run->load.recipients = 2;
    t.run->load.duration_ns = 200 * NS_PER_MS;
    if (!open_sender())
        return;
    sender_start(t.sender);
    run_until_ms(1500);
    CHECK_U64(t.work->stride, 4);
    const char *sent = fake_run_events(t.run, EV_SENT);
    CHECK_HAS(sent, " slot=0\n");
    CHECK_HAS(sent, " slot=2\n");
    CHECK_HAS(sent, " slot=4\n");
    CHECK_HAS(sent, " slot=6\n");
    const char *ended = fake_run_events(t.run, EV_END);
    CHECK_HAS(ended, "place=2 code=2298 a=2309 "); /* 250 2.0.0; accepted at the dot */
    CHECK_HAS(ended, " slot=6\n");
    close_rig();
}

static void numbers_are_leased_before_they_are_used(void)
{
    bool used[100] = {false}, leased[100] = {false};

    open_rig("send-leases");
    if (!open_sender())
        return;
    sender_start(t.sender);
    run_until_ms(2500);
    PM_ASSERT(journal_flush(t.run->journal));
    for (uint32_t i = 0; i < t.run->event_count; i++) {
        const struct event *ev = &t.run->events[i];

        if (ev->kind == EV_LEASE)
            for (uint32_t k = 0; k < ev->a && CHECK(ev->slot + (uint64_t)k * ev->b < 100); k++)
                leased[ev->slot + (uint64_t)k * ev->b] = true;
        if (ev->kind == EV_SENT) {
            CHECK(leased[ev->slot / t.work->stride]);
            used[ev->slot / t.work->stride] = true;
        }
    }
    for (int i = 0; i < 100; i++)
        CHECK(used[i]);
    close_rig();
}

static void threads_share_a_load_by_number(void)
{
    struct sender *second;
    struct err e;

    open_rig("send-threads");
    t.run->load.threads = 2;
    t.arena = arena_create(1u << 24);
    t.work = workload_create(t.arena, &t.run->profile, &e);
    struct sender_context c = {.loop = t.run->loop,
                               .clock = &t.run->clock,
                               .work = t.work,
                               .journal = t.run->journal,
                               .key = &t.key,
                               .corpus = t.corpus,
                               .threads = 2};
    t.sender = sender_create(&c, &e);
    c.thread = 1;
    second = sender_create(&c, &e);
    sender_start(t.sender);
    sender_start(second);
    run_until_ms(2500);
    CHECK_U64(t.server->messages, 100);
    CHECK_U64(sender_health(t.sender)->sent, 50);
    CHECK_U64(sender_health(second)->sent, 50);
    CHECK(sender_is_idle(second));
    sender_destroy(second);
    close_rig();
}

static void a_burst_is_pipelined_over_the_connections_there_are(void)
{
    open_rig("send-burst");
    t.run->load.arrivals = ARRIVE_BURSTS;
    t.run->load.burst = 200;
    t.run->load.burst_every_ns = NS_PER_S;
    t.run->load.duration_ns = NS_PER_S;
    if (!open_sender())
        return;
    sender_start(t.sender);
    run_until_ms(3000);
    CHECK_U64(t.server->messages, 200);
    CHECK_U64(endings(END_ACCEPTED), 200);
    CHECK_U64(t.server->sessions, 4);
    CHECK(sender_health(t.sender)->pool_waits >= 190);
    close_rig();
}

static void lockstep_works_as_well(void)
{
    open_rig("send-lockstep");
    t.run->load.pipelining = false;
    t.run->load.recipients = 2;
    t.run->load.verp = true;
    t.run->load.notify = NOTIFY_FAILURE;
    if (!open_sender())
        return;
    sender_start(t.sender);
    run_until_ms(3000);
    CHECK_U64(t.server->messages, 100);
    CHECK_HAS(t.server->message[0], "MAIL FROM:<joe-");
    CHECK_HAS(t.server->message[0], "+pm.");
    CHECK_HAS(t.server->message[0], " NOTIFY=FAILURE ORCPT=rfc822;joanne-");
    close_rig();
}

static void without_8bitmime_the_twin_is_sent(void)
{
    open_rig("send-7bit");
    t.run->load.size_min = t.run->load.size_max = 20000;
    t.run->load.duration_ns = NS_PER_S;
    t.server->ehlo = "250 fake\r\n";
    if (!open_sender())
        return;
    sender_start(t.sender);
    run_until_ms(3000);
    CHECK_U64(t.server->messages, 10);
    for (const char *c = t.server->message[0]; *c; c++)
        if ((unsigned char)*c > 127)
            CHECK(false);
    CHECK_HAS(t.server->message[0], "Content-Transfer-Encoding: 7bit");
    close_rig();
}

/* --- refusals and cuts ------------------------------------------------------------------------------------------------ */

static const char *refuse_some(struct fake_smtp *f, struct fake_smtp_session *s, const char *line)
{
    (void)f, (void)s;
    if (strncmp(line, "RCPT TO:<joanne-2", 17) == 0)
        return "550 5.1.1 nobody\r\n";
    return NULL;
}

static void a_refused_recipient_ends_alone(void)
{
    open_rig("send-refused");
    t.run->load.recipients = 2;
    t.server->answer = refuse_some;
    if (!open_sender())
        return;
    sender_start(t.sender);
    run_until_ms(3000);
    CHECK_U64(endings(END_ACCEPTED), 100);
    CHECK_U64(endings(END_REFUSED_PERM), 100);
    CHECK_HAS(fake_run_events(t.run, EV_END), "a=1538 "); /* refused for good at RCPT */
    close_rig();
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
    open_rig("send-doubt");
    t.server->answer = cut_after_dot;
    if (!open_sender())
        return;
    sender_start(t.sender);
    run_until_ms(4000);
    CHECK_U64(t.server->messages, 100);
    CHECK_U64(endings(END_DOUBT), 10);
    CHECK_U64(endings(END_ACCEPTED), 90);
    CHECK_U64(fake_run_count(t.run, EV_SENT), 100);
    CHECK(sender_is_idle(t.sender));
    close_rig();
}

static const char *close_at_data(struct fake_smtp *f, struct fake_smtp_session *s, const char *line)
{
    (void)s;
    return strcmp(line, "DATA") == 0 && f->commands % 3 == 0 ? "!" : NULL;
}

static void a_connection_that_dies_before_the_dot_aborts(void)
{
    open_rig("send-abort");
    t.server->answer = close_at_data;
    if (!open_sender())
        return;
    sender_start(t.sender);
    run_until_ms(9000);
    CHECK(endings(END_ABORTED) > 10);
    CHECK_U64(endings(END_DOUBT), 0);
    CHECK_U64(endings(END_ABORTED) + endings(END_ACCEPTED), 100);
    CHECK_U64(endings(END_ACCEPTED), t.server->messages);
    close_rig();
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
    open_rig("send-421");
    t.server->answer = say_421;
    if (!open_sender())
        return;
    sender_start(t.sender);
    run_until_ms(4000);
    CHECK_U64(endings(END_REFUSED_TEMP), 1);
    CHECK_U64(endings(END_ACCEPTED), 99);
    close_rig();
}

/* --- servers that are down, silent or mad --------------------------------------------------------------------------------- */

static void a_server_that_is_down_at_arm_is_said_so(void)
{
    open_rig("send-down");
    fake_smtp_down(t.server);
    if (!open_sender())
        return;
    sender_arm(t.sender, on_ready);
    CHECK_U64(t.armed, 0);
    run_until_ms(5000);
    CHECK_U64(t.armed, 1);
    CHECK_U64((uint64_t)t.error.code, EX_TARGET);
    CHECK_HAS(t.error.text, "server s3 (127.0.0.3:2525): ");
    CHECK_U64(fake_run_count(t.run, EV_FINDING), 0);
    close_rig();
}

static const char *stay_silent(struct fake_smtp *f, struct fake_smtp_session *s, const char *line)
{
    (void)f, (void)s, (void)line;
    return "";
}

static void a_server_that_never_answers_is_given_up_at_arm(void)
{
    open_rig("send-silent");
    t.server->answer = stay_silent;
    if (!open_sender())
        return;
    sender_arm(t.sender, on_ready);
    run_until_ms(60000);
    CHECK_U64(t.armed, 1);
    CHECK_HAS(t.error.text, "no answer, waiting for the greeting");
    close_rig();
}

static const char *talk_nonsense(struct fake_smtp *f, struct fake_smtp_session *s, const char *line)
{
    (void)f, (void)s;
    return strcmp(line, "CONNECT") == 0 ? "+OK POP3 ready\r\n" : NULL;
}

static void nonsense_at_arm_is_an_error_and_in_a_run_a_finding(void)
{
    open_rig("send-nonsense");
    t.server->answer = talk_nonsense;
    if (!open_sender())
        return;
    sender_arm(t.sender, on_ready);
    run_until_ms(1500);
    CHECK_HAS(t.error.text, "waiting for the greeting: what came is not a reply");
    sender_start(t.sender);
    run_until_ms(4000);
    CHECK(findings(FIND_PROTOCOL) >= 3);
    CHECK_U64(endings(END_ACCEPTED), 0);
    t.server->answer = NULL;
    run_until_ms(9000);
    CHECK_U64(endings(END_ACCEPTED), 100);
    close_rig();
}

static void a_guarded_address_is_refused_as_such(void)
{
    struct err e;

    open_rig("send-guard");
    CHECK(net_parse(&t.run->servers[2].smtp.addr, "192.0.2.1:25", 25, &e));
    if (!open_sender())
        return;
    sender_arm(t.sender, on_ready);
    run_until_ms(1500);
    CHECK_U64(t.armed, 1);
    CHECK_U64((uint64_t)t.error.code, EX_GUARD);
    close_rig();
}

static void messages_owed_while_a_server_is_down_go_out_late(void)
{
    open_rig("send-gap");
    if (!open_sender())
        return;
    sender_start(t.sender);
    run_until_ms(1300);
    fake_smtp_down(t.server);
    run_until_ms(1800);
    CHECK(t.server->messages < 40);
    CHECK(findings(FIND_CONNECT_FAILED) >= 2);
    fake_smtp_up(t.server);
    run_until_ms(6000);
    unsigned lost = endings(END_ABORTED) + endings(END_DOUBT);
    CHECK(lost <= 2);
    CHECK_U64(endings(END_ACCEPTED) + lost, 100);
    CHECK(sender_health(t.sender)->lateness.max > 400000);
    CHECK(sender_is_idle(t.sender));
    close_rig();
}

static void what_is_owed_when_stopped_is_not_attempted(void)
{
    open_rig("send-stop");
    if (!open_sender())
        return;
    sender_start(t.sender);
    run_until_ms(1300);
    sender_stop(t.sender, false);
    CHECK(t.idles == 0);
    run_until_ms(3000);
    CHECK(t.server->messages >= 29 && t.server->messages <= 31);
    CHECK_U64(endings(END_ACCEPTED), t.server->messages);
    CHECK_U64(fake_run_count(t.run, EV_SENT), t.server->messages);
    CHECK_U64(t.idles, 1);
    CHECK(sender_is_idle(t.sender));
    close_rig();
}

static const char *no_reply_to_dots(struct fake_smtp *f, struct fake_smtp_session *s,
                                    const char *line)
{
    (void)f, (void)s;
    return strcmp(line, ".") == 0 ? "" : NULL;
}

static void a_dot_that_is_never_answered_is_doubt_after_its_time(void)
{
    open_rig("send-timeout");
    t.server->answer = no_reply_to_dots;
    t.run->load.duration_ns = 100 * NS_PER_MS;
    if (!open_sender())
        return;
    sender_start(t.sender);
    run_until_ms(60900); /* 600 target seconds are 60 here */
    CHECK_U64(endings(END_DOUBT), 0);
    run_until_ms(61500);
    CHECK_U64(endings(END_DOUBT), 1);
    CHECK_U64(findings(FIND_TIMEOUT), 1);
    CHECK(sender_is_idle(t.sender));
    close_rig();
}

static void a_stop_at_once_settles_everything(void)
{
    open_rig("send-cut");
    t.server->answer = no_reply_to_dots;
    t.run->load.pipelining = false;
    if (!open_sender())
        return;
    sender_start(t.sender);
    run_until_ms(1200);
    sender_stop(t.sender, true);
    CHECK(sender_is_idle(t.sender));
    unsigned sent = fake_run_count(t.run, EV_SENT);
    CHECK(sent >= 4);
    CHECK_U64(endings(END_DOUBT) + endings(END_ABORTED), sent);
    run_until_ms(3000);
    CHECK_U64(fake_run_count(t.run, EV_SENT), sent);
    close_rig();
}

/* --- canaries, aims, TLS ------------------------------------------------------------------------------------------------- */

static void a_canary_goes_to_a_known_bad_address(void)
{
    open_rig("send-canary");
    if (!open_sender())
        return;
    sender_canary(t.sender, t.work->planned);
    CHECK(!sender_is_idle(t.sender));
    run_until_ms(2000);
    CHECK_U64(t.server->messages, 1);
    CHECK_HAS(t.server->message[0], "RCPT TO:<pm-no-such-user@lab.test>");
    CHECK_HAS(t.server->message[0], "MAIL FROM:<joe-");
    CHECK_U64(fake_run_count(t.run, EV_SENT), 0);
    CHECK_HAS(fake_run_events(t.run, EV_CANARY), " code=0 ");
    CHECK_U64(t.idles, 1);
    sender_start(t.sender);
    sender_stop(t.sender, false);
    t.server->answer = refuse_some;
    sender_canary(t.sender, t.work->planned + 1); /* fences come after the load */
    run_until_ms(3000);
    CHECK_U64(t.server->messages, 2);
    close_rig();
}

static void aim(struct fake_run *r)
{
    r->load.arrivals = ARRIVE_AIMED;
    r->load.aim = AIM_FLIPPED;
    r->load.aim_from_ns = 0;
    r->load.aim_to_ns = (int64_t)NS_PER_S;
    r->load.per_move = 5;
    r->load.prime = 2;
    r->load.prime_every_ns = NS_PER_S;
    r->schedules[0] = (struct move_profile){.name = "m",
                                            .groups = r->to,
                                            .group_count = 1,
                                            .from = 0,
                                            .to = 1,
                                            .start_ns = 2 * NS_PER_S,
                                            .every_ns = 60 * NS_PER_S,
                                            .count = 2};
    r->profile.move_count = 1;
}

static void aimed_messages_wait_for_their_mark(void)
{
    open_rig("send-aimed");
    aim(t.run);
    if (!open_sender())
        return;
    CHECK_U64(t.work->planned, 14);
    sender_start(t.sender);
    run_until_ms(1100);
    CHECK_U64(t.server->messages, 0);
    sender_mark(t.sender, 0, MARK_ASKED, NS_PER_S);
    run_until_ms(1110);
    CHECK_U64(t.server->messages, 1);
    run_until_ms(1300);
    CHECK_U64(t.server->messages, 2);
    sender_mark(t.sender, 0, MARK_FLIPPED, 3 * NS_PER_S);
    sender_mark(t.sender, 0, MARK_FLIPPED, 3 * NS_PER_S + 5);
    run_until_ms(1600);
    CHECK_U64(t.server->messages, 7);
    CHECK(!sender_is_idle(t.sender));
    sender_moves_over(t.sender);
    run_until_ms(1700);
    CHECK(sender_is_idle(t.sender));
    CHECK_U64(t.idles, 1);
    CHECK_U64(fake_run_count(t.run, EV_LEASE), 7);
    close_rig();
}

static void aims_before_the_asking_follow_the_schedule(void)
{
    open_rig("send-before");
    aim(t.run);
    t.run->load.aim = AIM_ASKED;
    t.run->load.prime = 0;
    t.run->load.aim_from_ns = -(int64_t)NS_PER_S;
    t.run->load.aim_to_ns = 0;
    if (!open_sender())
        return;
    sender_start(t.sender);
    run_until_ms(1099);
    CHECK_U64(t.server->messages, 0);
    run_until_ms(1201);
    CHECK_U64(t.server->messages, 5);
    sender_mark(t.sender, 0, MARK_ASKED, 2 * NS_PER_S);
    run_until_ms(1500);
    CHECK_U64(t.server->messages, 5);
    close_rig();
}

static void starttls_wraps_the_connection(void)
{
    struct err e;

    open_rig("send-tls");
    t.server->tls = tls_server_selfmade("127.0.0.3", &e);
    t.server->ehlo = "250-fake\r\n250-PIPELINING\r\n250 STARTTLS\r\n";
    t.tls[2] = tls_client_create(NULL, true, &e);
    t.run->servers[2].smtp.tls = TLS_STARTTLS;
    if (!open_sender())
        return;
    sender_arm(t.sender, on_ready);
    run_until_ms(1500);
    CHECK_U64(t.armed, 1);
    CHECK_STR(t.error.text, "");
    sender_start(t.sender);
    run_until_ms(3000);
    CHECK_U64(t.server->messages, 100);
    CHECK_U64(endings(END_ACCEPTED), 100);
    tls_context_destroy(t.server->tls);
    close_rig();
}

static void a_server_without_tls_is_refused_where_it_is_wanted(void)
{
    struct err e;

    open_rig("send-no-tls");
    t.tls[2] = tls_client_create(NULL, true, &e);
    t.run->servers[2].smtp.tls = TLS_STARTTLS;
    if (!open_sender())
        return;
    sender_arm(t.sender, on_ready);
    run_until_ms(1500);
    CHECK_HAS(t.error.text, "does not offer STARTTLS");
    close_rig();
}

/* --- cuts anywhere, and the real loop ---------------------------------------------------------------------------------------- */

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
static void cuts_at_any_octet_are_accounted_for(void)
{
    for (uint64_t first = 150; first < 4000; first += 171) {
        uint64_t left = first;
        struct sim_meddler meddler = {.pass = cut_at, .owner = &left};
        struct err e;

        open_rig("send-cuts");
        /* The rig's journal stays; its loop is replaced by one with a meddler. */
        fake_smtp_destroy(t.server);
        loop_destroy(t.run->loop);
        t.run->loop = loop_sim_create(&(struct sim_config){.seed = first,
                                                           .start_ns = NS_PER_S,
                                                           .latency_min_ns = 20000,
                                                           .latency_max_ns = 900000,
                                                           .split_per_mille = 300,
                                                           .meddler = &meddler},
                                      &e);
        t.server = fake_smtp_create(t.run->loop, "127.0.0.3:2525");
        if (!open_sender())
            return;
        sender_start(t.sender);
        run_until_ms(12000);
        unsigned accepted = endings(END_ACCEPTED), doubt = endings(END_DOUBT);
        CHECK_U64(accepted + doubt + endings(END_ABORTED), 100);
        CHECK_BETWEEN(t.server->messages, accepted, accepted + doubt);
        CHECK(accepted > 50);
        CHECK(sender_is_idle(t.sender));
        close_rig();
    }
}

static void many_messages_go_over_real_sockets(void)
{
    struct err e;

    open_rig("send-epoll");
    fake_smtp_destroy(t.server);
    loop_destroy(t.run->loop);
    t.run->loop = loop_epoll_create(&e);
    t.run->clock = (struct run_clock){.origin_ns = loop_now(t.run->loop), .scale = 1};
    t.server = fake_smtp_create(t.run->loop, "127.0.0.1:0");
    t.run->servers[2].smtp.addr = t.server->at;
    t.run->load.rate = 10000;
    t.run->load.duration_ns = NS_PER_S / 10;
    if (!open_sender())
        return;
    sender_start(t.sender);
    uint64_t now = t.run->clock.origin_ns;
    while (!sender_is_idle(t.sender) && now < t.run->clock.origin_ns + 20 * NS_PER_S) {
        now += 50 * NS_PER_MS;
        fake_run_until(t.run, now);
    }
    CHECK_U64(t.server->messages, 1000);
    CHECK_U64(endings(END_ACCEPTED), 1000);
    close_rig();
}

static void the_table_of_senders_is_in_order(void)
{
    for (size_t i = 0; senders[i]; i++) {
        struct sender_load none = {0};

        CHECK(senders[i]->name && senders[i]->help && strlen(senders[i]->help) > 10);
        senders[i]->close(&none);
        for (size_t k = 0; k < i; k++)
            CHECK(strcmp(senders[i]->name, senders[k]->name) != 0);
    }
}

static const struct test tests[] = {
    TEST(every_message_of_the_plan_arrives_intact),
    TEST(messages_leave_at_their_planned_times),
    TEST(a_slot_stands_in_both_events_of_every_recipient),
    TEST(numbers_are_leased_before_they_are_used),
    TEST(threads_share_a_load_by_number),
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
    TEST(messages_owed_while_a_server_is_down_go_out_late),
    TEST(what_is_owed_when_stopped_is_not_attempted),
    TEST(a_dot_that_is_never_answered_is_doubt_after_its_time),
    TEST(a_stop_at_once_settles_everything),
    TEST(a_canary_goes_to_a_known_bad_address),
    TEST(aimed_messages_wait_for_their_mark),
    TEST(aims_before_the_asking_follow_the_schedule),
    TEST(starttls_wraps_the_connection),
    TEST(a_server_without_tls_is_refused_where_it_is_wanted),
    TEST(cuts_at_any_octet_are_accounted_for),
    TEST(many_messages_go_over_real_sockets),
    TEST(the_table_of_senders_is_in_order),
    TEST_END,
};

const struct suite send_smtp_suite = {"send_smtp", tests};
