/* test_send_chunks.c - windows of messages by CHUNKING: the trial before, what a lost window leaves, what the account says. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/loop_sim.h"
#include "loadgen/sender_ops.h"
#include "tests/loadgen/send_rig.h"

static const char with_chunks[] = "250-fake\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 CHUNKING\r\n";

static void open_chunks(const char *name)
{
    rig_open(name);
    rig.run->load.mode = SEND_CHUNKING;
    rig.run->load.window = 8;
    rig.server->ehlo = with_chunks;
}

static void burst_of(uint32_t messages)
{
    rig.run->load.arrivals = ARRIVE_BURSTS;
    rig.run->load.burst = messages;
    rig.run->load.burst_every_ns = NS_PER_S;
    rig.run->load.duration_ns = NS_PER_S;
}

/* Arms, starts, and lets time pass; false: it could not be armed. */
static bool flood_until_ms(uint64_t loop_ms)
{
    if (!rig_sender())
        return false;
    sender_arm(rig.sender, rig_ready);
    for (uint64_t ms = 1100; rig.armed == 0 && ms < 40000; ms += 100)
        rig_until_ms(ms);
    if (!CHECK_U64(rig.armed, 1) || !CHECK_STR(rig.error.text, ""))
        return false;
    rig.run->clock.origin_ns = loop_now(rig.run->loop);
    sender_start(rig.sender);
    rig_until_ms(rig.run->clock.origin_ns / NS_PER_MS + loop_ms);
    return true;
}

static void check_texts(uint32_t body_bytes)
{
    for (uint32_t i = 0; i < rig.server->messages; i++) {
        struct slice all = slice_of(rig.server->message[i]);
        size_t at = 0, head;
        uint64_t number = 0;

        CHECK(token_find(&rig.key, all, &at, &number));
        CHECK(slice_find(all, slice_of("\n\n"), &head));
        CHECK(smtp_text_check(rig.corpus, &rig.key, number, body_bytes,
                              slice_skip(all, head + 2)) == SMTP_TEXT_INTACT);
    }
}

/* The connections that came up so, as the account says last. */
static uint32_t sessions_like(uint32_t code)
{
    uint32_t n = 0;

    PM_ASSERT(journal_flush(rig.run->journal));
    for (uint32_t i = 0; i < rig.run->event_count; i++) {
        const struct event *ev = &rig.run->events[i];

        if (ev->kind == EV_SESSIONS && ev->code == code) {
            CHECK(ev->b > n); /* it grows */
            n = ev->b;
        }
    }
    return n;
}

static uint32_t chunk_code(unsigned more)
{
    return event_sessions(SESSION_PIPELINING | SESSION_CHUNKING | more, 8);
}

static void a_window_of_messages_is_in_flight(void)
{
    open_chunks("chunks-window");
    rig.run->load.recipients = 2;
    burst_of(200);
    if (!flood_until_ms(3000))
        return;
    CHECK_U64(rig.server->messages, 200);
    CHECK_U64(rig_endings(END_ACCEPTED), 400);
    CHECK_U64(fake_run_count(rig.run, EV_SENT), 400);
    CHECK_U64(sessions_like(chunk_code(0)), 4);
    CHECK_U64(rig_findings(FIND_NO_CHUNKING), 0);
    check_texts(1024);
    CHECK(sender_is_idle(rig.sender));
    rig_close();
}

static void large_bodies_go_as_chunks_too(void)
{
    open_chunks("chunks-large");
    rig.run->load.size_min = rig.run->load.size_max = 300000;
    burst_of(40);
    if (!flood_until_ms(9000))
        return;
    CHECK_U64(rig.server->messages, 40);
    check_texts(300000);
    rig_close();
}

static const char *refuse_the_bad(struct fake_smtp *f, struct fake_smtp_session *s,
                                  const char *line)
{
    (void)f, (void)s;
    return strstr(line, "pm-no-such-user") ? "550 5.1.1 nobody\r\n" : NULL;
}

static uint32_t most_in_flight;

/* How many turns came in before the first of them was answered. */
static const char *count_turns(struct fake_smtp *f, struct fake_smtp_session *s, const char *line)
{
    if (strncmp(line, "MAIL", 4) == 0 && s->taken == 0) {
        uint32_t turns = 1;
        struct slice rest = slice_from(s->in.p, s->in.n);
        size_t at;

        for (; slice_find(rest, slice_of("MAIL FROM:<joe-"), &at); turns++)
            rest = slice_skip(rest, at + 10);
        if (turns > most_in_flight)
            most_in_flight = turns;
    }
    return refuse_the_bad(f, s, line);
}

static void check_window(uint32_t window, enum arrivals arrivals, bool moves, uint32_t want)
{
    open_chunks("chunks-suits");
    rig.run->load.window = window;
    rig.run->load.arrivals = arrivals;
    if (moves) {
        rig.run->schedules[0] =
            (struct move_profile){.name = "m", .groups = rig.run->to, .group_count = 1};
        rig.run->profile.move_count = 1;
    }
    CHECK_U64(workload_window(&rig.run->profile, 0), want);
    if (arrivals == ARRIVE_AIMED) {
        rig_close();
        return;
    }
    burst_of(100);
    rig.run->load.connections = 1;
    rig.server->answer = count_turns;
    most_in_flight = 0;
    if (!flood_until_ms(3000))
        return;
    CHECK_U64(rig.server->messages, 100);
    CHECK_U64(most_in_flight, want);
    CHECK_U64(sessions_like(event_sessions(SESSION_PIPELINING | SESSION_CHUNKING, want)), 1);
    rig_close();
}

static void a_window_is_as_wide_as_it_suits_unless_the_profile_says(void)
{
    check_window(0, ARRIVE_BURSTS, false, 8);
    check_window(0, ARRIVE_BURSTS, true, 2);
    check_window(0, ARRIVE_AIMED, true, 1);
    check_window(5, ARRIVE_BURSTS, true, 5);
    check_window(32, ARRIVE_BURSTS, false, 32);
    check_window(1, ARRIVE_BURSTS, false, 1);
}

/* --- the trial ---------------------------------------------------------------------------------------------------------- */

static void check_trial(enum fake_chunks how,
                        const char *(*answer)(struct fake_smtp *f, struct fake_smtp_session *s,
                                              const char *line),
                        enum trial_end end)
{
    bool chunks = end == TRIAL_PASSED || end == TRIAL_NEEDS_RESET;

    open_chunks("chunks-trial");
    rig.server->chunks = how;
    rig.server->answer = answer;
    burst_of(60);
    if (!flood_until_ms(3000))
        return;
    CHECK_U64(rig.server->messages, 60);
    CHECK_U64(rig_endings(END_ACCEPTED), 60);
    check_texts(1024);
    CHECK_U64(rig_findings(FIND_NO_CHUNKING), !chunks);
    if (!chunks) {
        const struct event *ev = rig_event(EV_FINDING, 0);

        CHECK_U64(ev->code, FIND_NO_CHUNKING);
        CHECK_U64(ev->a, 0);
        CHECK_U64(ev->b, end);
        CHECK_U64(ev->place, 2);
        CHECK_U64(sessions_like(event_sessions(SESSION_PIPELINING, 0)), 4);
    } else {
        CHECK_U64(sessions_like(chunk_code(end == TRIAL_NEEDS_RESET ? SESSION_RESET : 0)), 4);
    }
    CHECK_U64(fake_run_count(rig.run, EV_SENT), 60); /* the trial is no message */
    CHECK_U64(fake_run_count(rig.run, EV_CANARY), 0);
    rig_close();
}

static void a_server_that_passes_the_trial_gets_chunks(void)
{
    check_trial(FAKE_CHUNKS_RIGHT, NULL, TRIAL_PASSED);
}

static void a_server_that_knows_its_users_passes_as_well(void)
{
    check_trial(FAKE_CHUNKS_RIGHT, refuse_the_bad, TRIAL_PASSED);
}

static void a_server_that_keeps_mail_open_gets_a_reset_before_each(void)
{
    check_trial(FAKE_CHUNKS_OPEN, refuse_the_bad, TRIAL_NEEDS_RESET);
}

static void a_server_that_takes_chunks_for_commands_gets_data(void)
{
    check_trial(FAKE_CHUNKS_LEFT, refuse_the_bad, TRIAL_NOT_CONSUMED);
}

static const char *hang_up_at_chunks(struct fake_smtp *f, struct fake_smtp_session *s,
                                     const char *line)
{
    (void)f, (void)s;
    return strncmp(line, "BDAT", 4) == 0 ? "!" : NULL;
}

static void a_server_that_hangs_up_at_chunks_gets_data(void)
{
    check_trial(FAKE_CHUNKS_RIGHT, hang_up_at_chunks, TRIAL_BROKEN);
}

static const char *fall_silent(struct fake_smtp *f, struct fake_smtp_session *s, const char *line)
{
    if (strncmp(line, "BDAT", 4) == 0)
        f->owner = s;
    return f->owner == s ? "" : NULL;
}

static void a_server_that_falls_silent_at_chunks_gets_data(void)
{
    check_trial(FAKE_CHUNKS_RIGHT, fall_silent, TRIAL_SILENT);
}

static void where_chunks_are_not_announced_nothing_is_tried(void)
{
    open_chunks("chunks-none");
    rig.server->ehlo = NULL;
    burst_of(60);
    if (!flood_until_ms(3000))
        return;
    CHECK_U64(rig_endings(END_ACCEPTED), 60);
    CHECK_U64(rig_findings(FIND_NO_CHUNKING), 0);
    CHECK_U64(sessions_like(event_sessions(SESSION_PIPELINING, 0)), 4);
    rig_close();
}

static void without_arming_the_first_connection_tries_and_the_run_goes_on(void)
{
    open_chunks("chunks-unarmed");
    burst_of(200);
    if (!rig_send_until_ms(4000))
        return;
    CHECK_U64(rig_endings(END_ACCEPTED), 200);
    CHECK(sessions_like(chunk_code(0)) >= 1);
    rig_close();
}

/* --- windows that are lost ------------------------------------------------------------------------------------------------ */

struct
    tap { /* what the client has given to the network on its second connection, the first after the trial's */
    struct buf octets;
    uint32_t connection;
};

static size_t listen_in(struct sim_meddler *m, const struct sim_flow *flow, struct slice bytes)
{
    struct tap *tap = m->owner;

    if (flow->from_client && flow->connection == tap->connection)
        PM_ASSERT(buf_add(&tap->octets, bytes.p, bytes.n));
    return bytes.n;
}

/* Whole turns in what left, and whether there is a piece of another behind them. */
static uint32_t whole_turns(struct slice in, bool *piece)
{
    uint32_t turns = 0;
    size_t at;

    *piece = false;
    if (!slice_find(in, slice_of("MAIL FROM:"), &at))
        return 0;
    in = slice_skip(in, at);
    while (slice_find(in, slice_of("BDAT "), &at)) {
        struct slice line, rest = slice_skip(in, at + 5);
        uint64_t n;

        if (!slice_cut(&rest, '\n', &line))
            break;
        n = strtoull((const char *)line.p, NULL, 10);
        if (rest.n < n)
            break;
        in = slice_skip(rest, n);
        turns++;
    }
    *piece = in.n > 0;
    return turns;
}

static const char *close_at_mail(struct fake_smtp *f, struct fake_smtp_session *s, const char *line)
{
    (void)f;
    return s->number == 1 && s->server->owner && strncmp(line, "MAIL", 4) == 0 ? "!" : NULL;
}

/* A network that takes so many octets at once; the server hangs up at the first MAIL after the trial. */
static void check_lost_window(size_t window)
{
    struct tap tap = {.connection = 1};
    struct sim_meddler meddler = {.pass = listen_in, .owner = &tap};
    struct err e;
    bool piece;

    open_chunks("chunks-lost");
    fake_smtp_destroy(rig.server);
    loop_destroy(rig.run->loop);
    rig.run->loop = loop_sim_create(&(struct sim_config){.seed = window,
                                                         .start_ns = NS_PER_S,
                                                         .latency_min_ns = NS_PER_MS,
                                                         .latency_max_ns = NS_PER_MS,
                                                         .window = window,
                                                         .meddler = &meddler},
                                    &e);
    rig.server = fake_smtp_create(rig.run->loop, "127.0.0.3:2525");
    rig.server->ehlo = with_chunks;
    rig.run->load.connections = 1;
    burst_of(8);
    buf_init(&tap.octets, 1u << 24);
    if (!rig_sender())
        return;
    sender_arm(rig.sender, rig_ready);
    rig_until_ms(5000);
    CHECK_STR(rig.error.text, "");
    rig.server->answer = close_at_mail;
    rig.server->owner = &tap;
    buf_clear(&tap.octets);
    sender_start(rig.sender);
    rig_until_ms(8000);
    uint32_t whole = whole_turns(slice_from(tap.octets.p, tap.octets.n), &piece);
    CHECK_U64(rig_endings(END_DOUBT), whole);
    CHECK_U64(rig_endings(END_ABORTED), piece);
    CHECK_U64(rig_endings(END_ACCEPTED), 8 - whole - piece);
    CHECK_U64(rig.server->messages, 8 - whole - piece);
    for (uint32_t i = 0; i < rig.run->event_count; i++) {
        const struct event *ev = &rig.run->events[i];

        if (ev->kind == EV_END && (ev->a & 0xff) == END_DOUBT)
            CHECK(ev->slot / rig.work->stride < whole);
        if (ev->kind == EV_END && (ev->a & 0xff) == END_ABORTED)
            CHECK_U64(ev->slot / rig.work->stride, whole);
    }
    CHECK_U64(fake_run_count(rig.run, EV_SENT), 8);
    CHECK(sender_is_idle(rig.sender));
    buf_fini(&tap.octets);
    rig_close();
}

static void a_window_that_is_lost_leaves_doubt_exactly_for_what_had_left_whole(void)
{
    for (size_t window = 700; window < 20000; window += 613)
        check_lost_window(window);
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
    *left = 60013; /* the next cut */
    return pass;
}

static void check_cuts(uint32_t window, uint64_t first)
{
    uint64_t left = 1u << 30;
    struct sim_meddler meddler = {.pass = cut_at, .owner = &left};
    struct err e;

    open_chunks("chunks-cuts");
    rig.run->load.window = window;
    fake_smtp_destroy(rig.server);
    loop_destroy(rig.run->loop);
    rig.run->loop = loop_sim_create(&(struct sim_config){.seed = first,
                                                         .start_ns = NS_PER_S,
                                                         .latency_min_ns = 20000,
                                                         .latency_max_ns = 900000,
                                                         .split_per_mille = 300,
                                                         .window = 9000,
                                                         .meddler = &meddler},
                                    &e);
    rig.server = fake_smtp_create(rig.run->loop, "127.0.0.3:2525");
    rig.server->ehlo = with_chunks;
    burst_of(100);
    if (!rig_sender())
        return;
    sender_arm(rig.sender, rig_ready);
    rig_until_ms(3000);
    left = first;
    sender_start(rig.sender);
    rig_until_ms(20000);
    unsigned accepted = rig_endings(END_ACCEPTED), doubt = rig_endings(END_DOUBT);
    CHECK_U64(accepted + doubt + rig_endings(END_ABORTED), 100);
    CHECK_BETWEEN(rig.server->messages, accepted, accepted + doubt);
    CHECK_U64(fake_run_count(rig.run, EV_SENT), 100);
    CHECK(accepted > 20);
    CHECK(sender_is_idle(rig.sender));
    rig_close();
}

static void cuts_at_any_octet_of_a_window_are_accounted_for(void)
{
    static const uint32_t windows[] = {1, 8, 32};

    for (uint32_t w = 0; w < 3; w++)
        for (uint64_t first = 40; first < 9000; first += 409)
            check_cuts(windows[w], first);
}

/* --- messages that have to be sent again ---------------------------------------------------------------------------------- */

/* Refuses every seventh chunk for good, and keeps that MAIL open although the trial went well. */
static const char *refuse_and_keep_open(struct fake_smtp *f, struct fake_smtp_session *s,
                                        const char *line)
{
    bool *open = f->owner;

    if (strcmp(line, ".") == 0 && ++f->commands % 7 == 0) {
        *open = true;
        s->mail = true;
        return "554 5.6.0 no\r\n";
    }
    if (strcmp(line, "RSET") == 0)
        *open = false;
    if (*open && strncmp(line, "MAIL", 4) == 0) {
        s->named = 0;
        return "503 5.5.1 nested MAIL\r\n";
    }
    if (*open && strncmp(line, "RCPT", 4) == 0)
        return "503 5.5.1 no MAIL\r\n";
    return NULL;
}

static void what_our_own_window_had_refused_is_sent_again(void)
{
    bool open = false;

    open_chunks("chunks-again");
    rig.run->load.connections = 1;
    burst_of(100);
    if (!rig_sender())
        return;
    sender_arm(rig.sender, rig_ready);
    rig_until_ms(2000);
    rig.server->answer = refuse_and_keep_open;
    rig.server->owner = &open;
    sender_start(rig.sender);
    rig_until_ms(9000);
    unsigned refused = rig_endings(END_REFUSED_PERM);
    CHECK(refused > 5);
    CHECK_U64(rig_endings(END_ACCEPTED) + refused, 100);
    CHECK_U64(rig.server->messages, 100 - refused);
    CHECK_U64(fake_run_count(rig.run, EV_SENT), 100); /* once each, whatever was sent again */
    CHECK_U64(fake_run_count(rig.run, EV_END), 100);
    CHECK(sender_is_idle(rig.sender));
    rig_close();
}

static const struct test tests[] = {
    TEST(a_window_of_messages_is_in_flight),
    TEST(large_bodies_go_as_chunks_too),
    TEST(a_window_is_as_wide_as_it_suits_unless_the_profile_says),
    TEST(a_server_that_passes_the_trial_gets_chunks),
    TEST(a_server_that_knows_its_users_passes_as_well),
    TEST(a_server_that_keeps_mail_open_gets_a_reset_before_each),
    TEST(a_server_that_takes_chunks_for_commands_gets_data),
    TEST(a_server_that_hangs_up_at_chunks_gets_data),
    TEST(a_server_that_falls_silent_at_chunks_gets_data),
    TEST(where_chunks_are_not_announced_nothing_is_tried),
    TEST(without_arming_the_first_connection_tries_and_the_run_goes_on),
    TEST(a_window_that_is_lost_leaves_doubt_exactly_for_what_had_left_whole),
    TEST(cuts_at_any_octet_of_a_window_are_accounted_for),
    TEST(what_our_own_window_had_refused_is_sent_again),
    TEST_END,
};

const struct suite send_chunks_suite = {"send_chunks", tests};
