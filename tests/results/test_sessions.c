/* How connections came up: a bounded table that no order and no repetition changes, and what is said of it. */
#include <stdlib.h>
#include <string.h>

#include "results/lines.h"
#include "results/sessions.h"
#include "tests/results/world.h"
#include "tests/support/check.h"

#define CHUNKING_8 (SESSION_CHUNKING | 8u << 16)

static struct event session(uint64_t thread, uint32_t load, uint16_t server, uint32_t code,
                            uint32_t count)
{
    return (struct event){
        .kind = EV_SESSIONS, .slot = thread, .place = server, .a = load, .b = count, .code = code};
}

static const struct event *some(uint32_t *n)
{
    static struct event all[6];

    all[0] = session(0, 0, 2, CHUNKING_8, 3);
    all[1] = session(0, 0, 2, CHUNKING_8, 25);
    all[2] = session(1, 0, 2, CHUNKING_8, 24);
    all[3] = session(1, 0, 2, SESSION_TLS | SESSION_PIPELINING, 1);
    all[4] = session(1, 1, 0, SESSION_TLS | SESSION_RESUMED | SESSION_LMTP, 7);
    all[5] = session(0, 1, 0, SESSION_TLS | SESSION_LMTP, 1);
    *n = 6;
    return all;
}

static void check_some(const struct sessions *s)
{
    uint32_t n = 0;
    bool ok = false;
    struct session_sum *sums = sessions_sum(s, &n, &ok);

    CHECK(ok);
    if (!CHECK_U64(n, 2)) {
        free(sums);
        return;
    }
    CHECK_U64(sums[0].load, 0);
    CHECK_U64(sums[0].server, 2);
    CHECK_U64(sums[0].connections, 50);
    CHECK_U64(sums[0].chunking, 49);
    CHECK_U64(sums[0].pipelining, 1);
    CHECK_U64(sums[0].lockstep, 0);
    CHECK_U64(sums[0].tls, 1);
    CHECK_U64(sums[0].resumed, 0);
    CHECK_U64(sums[0].window, 8);
    CHECK_U64(sums[1].connections, 8);
    CHECK_U64(sums[1].tls, 8);
    CHECK_U64(sums[1].resumed, 7);
    CHECK_U64(sums[1].lmtp, 8);
    CHECK_U64(sums[1].lockstep, 8);
    free(sums);
}

/* All 720 orders of the six, each event twice. */
static void no_order_and_no_repetition_changes_the_sums(void)
{
    uint32_t n = 0, orders = 720;
    const struct event *all = some(&n);

    for (uint32_t k = 0; k < orders; k++) {
        struct sessions s = {0};
        uint32_t left[6] = {0, 1, 2, 3, 4, 5}, rest = k;

        for (uint32_t i = n; i > 0; i--) {
            uint32_t pick = rest % i;

            rest /= i;
            sessions_add(&s, &all[left[pick]]);
            sessions_add(&s, &all[left[(pick + 1) % i]]);
            left[pick] = left[i - 1];
        }
        check_some(&s);
        sessions_fini(&s);
    }
}

static void two_tables_merge_into_one_whichever_comes_first(void)
{
    uint32_t n = 0;
    const struct event *all = some(&n);
    struct sessions a = {0}, b = {0};

    for (uint32_t i = 0; i < n; i++)
        sessions_add(i % 2 ? &a : &b, &all[i]);
    sessions_merge(&a, &b);
    sessions_merge(&b, &a);
    check_some(&a);
    check_some(&b);
    CHECK_MEM(a.row, a.count * sizeof *a.row, b.row, b.count * sizeof *b.row);
    sessions_fini(&a);
    sessions_fini(&b);
}

/* Twice the rows there is room for, forwards and backwards: the same ones stay. */
static void a_flood_of_rows_is_bounded_and_no_order_changes_what_stays(void)
{
    struct sessions up = {0}, down = {0};
    const uint32_t rows = SESSION_ROWS_MAX + 100;

    for (uint32_t i = 0; i < rows; i++) {
        struct event first = session(i, 0, 0, SESSION_TLS, i + 1),
                     last = session(rows - 1 - i, 0, 0, SESSION_TLS, rows - i);

        sessions_add(&up, &first);
        sessions_add(&down, &last);
    }
    CHECK_U64(up.count, SESSION_ROWS_MAX);
    CHECK_U64(down.count, SESSION_ROWS_MAX);
    CHECK_U64(up.row[SESSION_ROWS_MAX - 1].thread, SESSION_ROWS_MAX - 1);
    CHECK_MEM(up.row, up.count * sizeof *up.row, down.row, down.count * sizeof *down.row);
    sessions_fini(&up);
    sessions_fini(&down);
}

static void what_no_manifest_knows_is_a_stray(void)
{
    struct world w;

    world_init(&w, 1);
    accepted(&w, 0, 10);
    seen(&w, 0, 11, 0, BOB, 1);
    settle(&w, 100);
    add(&w, session(0, 0, 3, SESSION_TLS, 1)); /* no such server */
    add(&w, session(0, 9, 0, SESSION_TLS, 1)); /* no such load */
    CHECK_U64(judged(&w)->tally.health.strays, 2);
    CHECK_U64(w.judgement->tally.session_count, 0);
    world_fini(&w);
}

static void report_of(struct world *w, const struct event *events, uint32_t n, struct buf *text,
                      struct buf *summary)
{
    struct err e = {0};

    world_init(w, 1);
    w->m.move_count = 0;
    accepted(w, 0, 10);
    seen(w, 0, 11, 0, BOB, 1);
    for (uint32_t i = 0; i < n; i++)
        add(w, events[i]);
    settle(w, 100);
    buf_init(text, 1u << 20);
    buf_init(summary, 1u << 20);
    CHECK(judgement_text(judged(w), text, false));
    CHECK(judgement_print_summary(w->judgement, summary, &e));
}

static void the_report_has_a_line_a_load_and_server(void)
{
    static const struct {
        uint32_t code, count, other, others;
        const char *line;
    } cases[] = {
        {CHUNKING_8, 50, 0, 0,
         "\nload steady by s2: 50 connections, CHUNKING with 8 messages in flight\n"},
        {SESSION_CHUNKING | SESSION_RESET | 1u << 16, 1, 0, 0,
         "load steady by s2: 1 connection, CHUNKING with 1 message in flight and RSET ahead of "
         "each\n"},
        {SESSION_PIPELINING, 4, 0, 3,
         "load steady by s2: 7 connections, PIPELINING on 4, a command a turn on 3\n"},
        {SESSION_TLS | SESSION_PIPELINING, 10, SESSION_TLS | SESSION_RESUMED | SESSION_PIPELINING,
         990, "load steady by s2: 1,000 connections, PIPELINING, TLS, 990 resumed by ticket\n"},
        {SESSION_TLS | SESSION_PIPELINING, 5, 0, 0,
         "load steady by s2: 5 connections, PIPELINING, TLS, every handshake in full\n"},
        {SESSION_LMTP, 2, 0, 0, "load steady by s2: 2 connections, LMTP, a command a turn\n"},
        {SESSION_P1, 2, 0, 0, "load steady by s2: 2 connections, X.400 P1\n"},
    };

    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct event both[2] = {session(0, 0, 2, cases[i].code, cases[i].count),
                                session(0, 0, 2, cases[i].other, cases[i].others)};
        struct world w;
        struct buf text, summary;

        report_of(&w, both, cases[i].others ? 2 : 1, &text, &summary);
        CHECK_HAS(buf_text(&text), cases[i].line);
        CHECK_HAS(buf_text(&summary), "\"sessions\": [");
        CHECK_HAS(buf_text(&summary), "\"server\": \"s2\"");
        CHECK_U64(w.judgement->exit_code, EX_PASS);
        buf_fini(&text);
        buf_fini(&summary);
        world_fini(&w);
    }
}

static void a_failed_trial_of_chunking_is_said_once_and_decides_nothing(void)
{
    struct event found[3];
    struct world w;
    struct buf text, summary, line;

    for (uint32_t i = 0; i < 3; i++)
        found[i] = (struct event){.kind = EV_FINDING,
                                  .t_ns = S(i),
                                  .place = 1,
                                  .code = FIND_NO_CHUNKING,
                                  .b = i < 2 ? TRIAL_NOT_CONSUMED : TRIAL_SILENT};
    report_of(&w, found, 3, &text, &summary);
    CHECK_HAS(buf_text(&text), "s1 announces CHUNKING but failed its trial: the chunk of a refused "
                               "message was taken for commands; DATA was used\n"
                               "s1 announces CHUNKING but failed its trial: it did not answer in "
                               "time; DATA was used\n");
    CHECK_HAS(buf_text(&text), "findings: no-chunking 3\n");
    CHECK_HAS(buf_text(&summary), "\"trial\": \"not-consumed\"");
    CHECK_U64(w.judgement->exit_code, EX_PASS);
    buf_init(&line, 4096);
    CHECK(event_words(&w.m, NULL, &found[0], &line));
    CHECK_HAS(buf_text(&line), "s1: announces CHUNKING but failed its trial: the chunk of a "
                               "refused message was taken for commands; DATA is used for load "
                               "steady");
    buf_fini(&line);
    buf_fini(&text);
    buf_fini(&summary);
    world_fini(&w);
}

/* They may have come one after the other: nothing says that so many are up at once. */
static void a_count_of_connections_does_not_say_that_they_are_up(void)
{
    struct event many = session(0, 0, 1, SESSION_PIPELINING | SESSION_TLS, 5000),
                 one = session(0, 0, 1, CHUNKING_8, 1);
    struct world w;
    struct buf line;

    world_init(&w, 1);
    buf_init(&line, 4096);
    CHECK(event_words(&w.m, NULL, &many, &line));
    CHECK_STR(buf_text(&line), "s1: 5000 connections of load steady so far, PIPELINING, TLS");
    buf_clear(&line);
    CHECK(event_words(&w.m, NULL, &one, &line));
    CHECK_STR(buf_text(&line), "s1: 1 connection of load steady so far, CHUNKING with 8 in flight");
    buf_fini(&line);
    world_fini(&w);
}

static const struct test tests[] = {
    TEST(no_order_and_no_repetition_changes_the_sums),
    TEST(two_tables_merge_into_one_whichever_comes_first),
    TEST(a_flood_of_rows_is_bounded_and_no_order_changes_what_stays),
    TEST(what_no_manifest_knows_is_a_stray),
    TEST(the_report_has_a_line_a_load_and_server),
    TEST(a_failed_trial_of_chunking_is_said_once_and_decides_nothing),
    TEST(a_count_of_connections_does_not_say_that_they_are_up),
    TEST_END,
};

const struct suite sessions_suite = {"sessions", tests};
