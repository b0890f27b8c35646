/* test_probe_pop3.c - what is journalled of a POP3 mailbox that fills, empties, is locked, lies and breaks.
 *
 * Events read "place=P code=C a=A b=EPOCH slot=S"; slot is number * 2, code of a scan 1 complete + 2 absent + 4 reset.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/probes/fake_pop3.h"
#include "tests/probes/rig.h"
#include "tests/support/check.h"

struct scene {
    struct rig *g;
    struct fake_pop3 pop3;
    struct probe *p;
};

static unsigned told;

static void on_scanned(struct probe *p)
{
    (void)p;
    told++;
}

static struct scene *scene_create(void)
{
    struct scene *s = calloc(1, sizeof *s);
    const struct net_addr at = {.family = 4, .port = 110, .ip = {127, 0, 0, 1}};

    PM_ASSERT(s);
    s->g = rig_create("probe_pop3");
    fake_pop3_start(&s->pop3, s->g->r->loop, &at);
    s->g->r->servers[0].pop3 = (struct end_point){.text = "fake", .addr = at};
    s->g->how.type = PROBE_POP3;
    told = 0;
    return s;
}

static void open_probe(struct scene *s)
{
    struct err e = {0};

    s->p = probe_pop3.open(&s->g->c, &s->g->how, 0, 0, &e);
    PM_ASSERT(s->p);
    s->p->scanned = on_scanned;
}

static void scene_destroy(struct scene *s)
{
    CHECK_U64(s->pop3.deletes, 0);
    if (s->p)
        probe_pop3.close(s->p);
    fake_pop3_stop(&s->pop3);
    rig_destroy(s->g);
    free(s);
}

static void put(struct scene *s, uint64_t number)
{
    struct slice m = rig_mail(s->g, number);

    fake_pop3_add(&s->pop3, m.p, m.n);
}

static const char *lines_of(struct scene *s, enum event_kind kind)
{
    static char out[20000];
    const char *p = fake_run_events(s->g->r, kind);
    size_t n = 0;

    while (*p && n < sizeof out - 200) {
        const char *from = strchr(p, ' ') + 1, *to = strchr(p, '\n') + 1;

        memcpy(out + n, from, (size_t)(to - from));
        n += (size_t)(to - from);
        p = to;
    }
    out[n] = 0;
    return out;
}

static uint64_t count_of(struct scene *s, enum event_kind kind)
{
    return fake_run_count(s->g->r, kind);
}

static void a_session_a_look_reads_each_message_once(void)
{
    struct scene *s = scene_create();

    put(s, 10);
    put(s, 11);
    open_probe(s);
    rig_wait(s->g, 500);
    put(s, 12);
    rig_wait(s->g, 500);
    CHECK_STR(lines_of(s, EV_SEEN), "place=0 code=1 a=0 b=1 slot=20\n"
                                    "place=0 code=1 a=0 b=1 slot=22\n"
                                    "place=0 code=1 a=0 b=1 slot=24\n");
    CHECK_STR(lines_of(s, EV_SCAN), "place=0 code=1 a=0 b=1 slot=0\n"
                                    "place=0 code=1 a=0 b=1 slot=0\n");
    CHECK_U64(s->pop3.retrs, 3);
    CHECK(s->pop3.log_ons >= 3);
    CHECK_BETWEEN(s->pop3.quits, s->pop3.log_ons - 1, s->pop3.log_ons);
    CHECK_STR(s->pop3.last_user, s->g->r->mailboxes[0].user ? s->g->r->mailboxes[0].user
                                                            : s->g->r->mailboxes[0].address);
    CHECK_U64(told, 2);
    scene_destroy(s);
}

static void retr_is_sent_ahead_only_where_pipelining_is_announced(void)
{
    struct scene *s = scene_create();

    for (uint64_t n = 0; n < 100; n++)
        put(s, n);
    open_probe(s);
    rig_wait(s->g, 2000);
    CHECK_U64(count_of(s, EV_SEEN), 100);
    CHECK_U64(s->pop3.ahead_max, 1);
    scene_destroy(s);

    s = scene_create();
    s->pop3.pipelining = true;
    for (uint64_t n = 0; n < 100; n++)
        put(s, n);
    open_probe(s);
    rig_wait(s->g, 2000);
    CHECK_U64(count_of(s, EV_SEEN), 100);
    CHECK_U64(s->pop3.retrs, 100);
    CHECK_BETWEEN(s->pop3.ahead_max, 2, 16);
    scene_destroy(s);
}

static void what_went_is_gone_and_copies_are_counted(void)
{
    struct scene *s = scene_create();

    put(s, 5);
    put(s, 5);
    put(s, 6);
    open_probe(s);
    rig_wait(s->g, 500);
    CHECK_HAS(lines_of(s, EV_SEEN), "place=0 code=2 a=0 b=1 slot=10\n");
    fake_pop3_remove(&s->pop3, 2);
    fake_pop3_remove(&s->pop3, 0);
    rig_wait(s->g, 500);
    CHECK_U64(count_of(s, EV_GONE), 2);
    CHECK_HAS(lines_of(s, EV_GONE), "place=0 code=0 a=0 b=1 slot=12\n");
    CHECK_HAS(lines_of(s, EV_SEEN), "place=0 code=1 a=0 b=2 slot=10\n");
    scene_destroy(s);
}

static void two_messages_of_one_unique_id_are_two(void)
{
    struct scene *s = scene_create();

    put(s, 5);
    put(s, 5);
    (void)snprintf(s->pop3.messages[1].id, sizeof s->pop3.messages[1].id, "u1");
    open_probe(s);
    rig_wait(s->g, 1000);
    CHECK_STR(lines_of(s, EV_SEEN), "place=0 code=1 a=0 b=1 slot=10\n"
                                    "place=0 code=2 a=0 b=1 slot=10\n");
    CHECK_U64(s->pop3.retrs, 2);
    scene_destroy(s);
}

static void other_unique_ids_for_the_same_messages_make_no_copies(void)
{
    struct scene *s = scene_create();

    put(s, 5);
    put(s, 6);
    open_probe(s);
    rig_wait(s->g, 500);
    fake_pop3_rename(&s->pop3);
    rig_wait(s->g, 500);
    CHECK_U64(count_of(s, EV_GONE), 2);
    CHECK_HAS(lines_of(s, EV_SEEN), "place=0 code=1 a=0 b=2 slot=10\n");
    CHECK_HAS(lines_of(s, EV_SEEN), "place=0 code=1 a=0 b=2 slot=12\n");
    CHECK(strstr(lines_of(s, EV_SEEN), "code=2") == NULL);
    scene_destroy(s);
}

static void stuffed_dots_and_lying_sizes_leave_a_copy_intact(void)
{
    struct scene *s = scene_create();
    struct buf b;

    buf_init(&b, 1 << 20);
    s->pop3.lies = true;
    for (uint64_t n = 0; n < 50; n++)
        put(s, n);
    (void)buf_add_text(&b, "Subject: dots\r\n\r\n.\r\n..\r\n+OK\r\n.x\r\n");
    fake_pop3_add(&s->pop3, b.p, b.n);
    put(s, 60);
    open_probe(s);
    rig_wait(s->g, 3000);
    CHECK_U64(count_of(s, EV_SEEN), 51);
    for (uint32_t i = 0; i < s->g->r->event_count; i++)
        if (s->g->r->events[i].kind == EV_SEEN)
            CHECK_U64(s->g->r->events[i].code, 1);
    CHECK_U64(count_of(s, EV_FINDING), 1); /* the foreign one */
    buf_fini(&b);
    scene_destroy(s);
}

static void a_session_cut_in_the_middle_of_a_message_repeats_and_loses_nothing(void)
{
    struct scene *s = scene_create();

    s->pop3.pipelining = true;
    for (uint64_t n = 0; n < 40; n++)
        put(s, n);
    s->pop3.cut_in = 20;
    open_probe(s);
    rig_wait(s->g, 3000);
    CHECK_U64(count_of(s, EV_SEEN), 40);
    CHECK(strstr(lines_of(s, EV_SEEN), "code=2") == NULL);
    CHECK_U64(s->p->failures, 1);
    CHECK_U64(count_of(s, EV_FINDING), 1);
    CHECK_U64(count_of(s, EV_SCAN), 1);
    CHECK(!s->p->refused);
    scene_destroy(s);
}

static void no_such_mailbox_is_a_complete_scan_of_nothing(void)
{
    struct scene *s = scene_create();

    put(s, 5);
    open_probe(s);
    rig_wait(s->g, 500);
    s->pop3.refusal = "-ERR [AUTH] Authentication failed.";
    rig_wait(s->g, 500);
    CHECK_HAS(lines_of(s, EV_SCAN), "place=0 code=7 a=0 b=2 slot=0\n");
    CHECK_U64(count_of(s, EV_SCAN), 2);
    CHECK(s->p->absent && s->p->refused);
    CHECK_U64(s->p->failures, 0);
    s->pop3.refusal = NULL;
    rig_wait(s->g, 500);
    CHECK_HAS(lines_of(s, EV_SEEN), "place=0 code=1 a=0 b=2 slot=10\n");
    CHECK(!s->p->absent);
    scene_destroy(s);
}

static void a_lock_held_for_a_minute_says_nothing_about_the_mailbox(void)
{
    static const char *const locks[] = {
        "-ERR [IN-USE] Do you have another POP session running?",
        "-ERR [SYS/TEMP] Temporary authentication failure.",
        "-ERR [LOGIN-DELAY] minimum time between mail checks violation",
        "-ERR maildrop already locked",
    };

    for (size_t i = 0; i < sizeof locks / sizeof *locks; i++) {
        struct scene *s = scene_create();
        uint32_t tries;

        put(s, 5);
        open_probe(s);
        rig_wait(s->g, 500);
        s->pop3.refusal = locks[i];
        tries = s->pop3.log_ons;
        for (unsigned k = 0; k < 60; k++) {
            s->p->ops->scan(s->p); /* somebody asks and asks */
            rig_wait(s->g, 1000);
        }
        CHECK_BETWEEN(s->pop3.log_ons - tries, 300, 700); /* once a period, not more */
        CHECK_U64(count_of(s, EV_SCAN), 1);
        CHECK_U64(count_of(s, EV_GONE), 0);
        CHECK_U64(count_of(s, EV_FINDING), 0);
        CHECK(s->p->refused && !s->p->absent);
        s->pop3.refusal = NULL;
        rig_wait(s->g, 500);
        CHECK_U64(count_of(s, EV_SCAN), 2);
        CHECK_U64(count_of(s, EV_SEEN), 1);
        CHECK(!s->p->refused);
        scene_destroy(s);
    }
}

static void a_server_that_greets_with_a_refusal_is_busy(void)
{
    struct scene *s = scene_create();

    s->pop3.greeting = "-ERR no more sessions\r\n";
    open_probe(s);
    rig_wait(s->g, 500);
    CHECK_U64(count_of(s, EV_SCAN), 0);
    CHECK(s->p->refused && !s->p->absent);
    CHECK_U64(s->p->failures, 0);
    scene_destroy(s);
}

static void a_message_that_cannot_be_retrieved_leaves_the_scan_open(void)
{
    struct scene *s = scene_create();
    uint32_t retrs;

    put(s, 5);
    put(s, 6);
    s->pop3.gone = 1;
    open_probe(s);
    rig_wait(s->g, 3000);
    CHECK_STR(lines_of(s, EV_SEEN), "place=0 code=1 a=0 b=1 slot=12\n");
    CHECK_U64(count_of(s, EV_SCAN), 0);
    CHECK(s->p->failures > 0);
    retrs = s->pop3.retrs;
    CHECK_BETWEEN(retrs, 3, 12);
    s->pop3.gone = 0;
    rig_wait(s->g, 3000);
    CHECK_U64(count_of(s, EV_SEEN), 2);
    CHECK_U64(count_of(s, EV_SCAN), 1);
    scene_destroy(s);
}

static void listings_that_are_none_complete_nothing(void)
{
    static const char *const listings[] = {
        "+OK\r\n1\r\n.\r\n",
        "+OK\r\n1 a\r\n1 b\r\n.\r\n",
        "+OK\r\nx y\r\n.\r\n",
        "+OK\r\n1 a\r\n.\r\n" /* of two */,
        "-ERR not here\r\n",
        "* 2 EXISTS\r\n",
        "+OK\r\n99999999999 a\r\n2 b\r\n.\r\n",
    };

    for (size_t i = 0; i < sizeof listings / sizeof *listings; i++) {
        struct scene *s = scene_create();

        put(s, 5);
        put(s, 6);
        s->pop3.uidl_answer = listings[i];
        open_probe(s);
        rig_wait(s->g, 1000);
        CHECK_U64(count_of(s, EV_SCAN), 0);
        CHECK_U64(count_of(s, EV_SEEN), 0);
        CHECK_U64(count_of(s, EV_GONE), 0);
        CHECK(s->p->failures >= 2);
        CHECK_U64(count_of(s, EV_FINDING), s->p->failures);
        scene_destroy(s);
    }
}

static void a_listing_cut_short_takes_nothing_away(void)
{
    struct scene *s = scene_create();

    put(s, 5);
    put(s, 6);
    open_probe(s);
    rig_wait(s->g, 500);
    s->pop3.uidl_answer = "+OK\r\n1 u1\r\n.\r\n";
    rig_wait(s->g, 2000);
    CHECK_U64(count_of(s, EV_GONE), 0);
    CHECK(s->p->failures > 0);
    scene_destroy(s);
}

static void a_server_that_falls_silent_is_left(void)
{
    struct scene *s = scene_create();

    put(s, 5);
    s->pop3.silent = true;
    open_probe(s);
    rig_wait(s->g, 59000);
    CHECK_U64(s->p->failures, 0);
    rig_wait(s->g, 3000);
    CHECK_U64(s->p->failures, 1);
    s->pop3.silent = false;
    rig_wait(s->g, 62000); /* it had begun again meanwhile */
    CHECK_U64(count_of(s, EV_SEEN), 1);
    scene_destroy(s);
}

static void no_capa_and_no_server_are_fine_and_counted(void)
{
    struct scene *s = scene_create();

    s->pop3.no_capa = true;
    put(s, 5);
    open_probe(s);
    rig_wait(s->g, 500);
    CHECK_U64(count_of(s, EV_SEEN), 1);
    listener_close(s->pop3.listener);
    s->pop3.listener = NULL;
    rig_wait(s->g, 10000);
    CHECK(s->p->failures >= 4 && s->p->failures <= 12);
    CHECK_U64(count_of(s, EV_SCAN), 1);
    CHECK(!s->p->absent);
    scene_destroy(s);
}

static void a_scan_asked_for_begins_after_the_asking(void)
{
    struct scene *s = scene_create();
    uint64_t asked_ns;

    open_probe(s);
    rig_wait(s->g, 1000);
    asked_ns = loop_now(s->g->r->loop);
    s->p->ops->scan(s->p);
    rig_wait(s->g, 90);
    CHECK(s->p->complete_ns > asked_ns);
    CHECK_U64(count_of(s, EV_SCAN), 2);
    scene_destroy(s);
}

static void a_hundred_thousand_foreign_messages_are_read_once(void)
{
    struct scene *s = scene_create();

    s->pop3.pipelining = true;
    for (unsigned i = 0; i < 100000; i++)
        fake_pop3_add(&s->pop3, "Subject: x\r\n\r\nhello\r\n", 21);
    put(s, 5);
    open_probe(s);
    for (unsigned i = 0; i < 600 && s->p->complete_ns == 0; i++)
        rig_wait(s->g, 1000);
    CHECK(s->p->complete_ns > 0);
    CHECK_U64(count_of(s, EV_SEEN), 1);
    CHECK_U64(count_of(s, EV_FINDING), 1); /* all have the same text */
    CHECK_U64(s->pop3.retrs, 100001);
    rig_wait(s->g, 300);
    CHECK_U64(s->pop3.retrs, 100001);
    scene_destroy(s);
}

static void closing_at_any_moment_is_fine(void)
{
    for (uint64_t ms = 0; ms < 40; ms++) {
        struct scene *s = scene_create();

        s->pop3.pipelining = ms % 2 == 0;
        for (uint64_t n = 0; n < 50; n++)
            put(s, n);
        open_probe(s);
        fake_run_until(s->g->r, loop_now(s->g->r->loop) + ms * 50000);
        probe_pop3.close(s->p);
        s->p = NULL;
        rig_wait(s->g, 1000);
        CHECK(count_of(s, EV_SEEN) <= 50);
        scene_destroy(s);
    }
}

static const struct test tests[] = {
    TEST(a_session_a_look_reads_each_message_once),
    TEST(retr_is_sent_ahead_only_where_pipelining_is_announced),
    TEST(what_went_is_gone_and_copies_are_counted),
    TEST(two_messages_of_one_unique_id_are_two),
    TEST(other_unique_ids_for_the_same_messages_make_no_copies),
    TEST(stuffed_dots_and_lying_sizes_leave_a_copy_intact),
    TEST(a_session_cut_in_the_middle_of_a_message_repeats_and_loses_nothing),
    TEST(no_such_mailbox_is_a_complete_scan_of_nothing),
    TEST(a_lock_held_for_a_minute_says_nothing_about_the_mailbox),
    TEST(a_server_that_greets_with_a_refusal_is_busy),
    TEST(a_message_that_cannot_be_retrieved_leaves_the_scan_open),
    TEST(listings_that_are_none_complete_nothing),
    TEST(a_listing_cut_short_takes_nothing_away),
    TEST(a_server_that_falls_silent_is_left),
    TEST(no_capa_and_no_server_are_fine_and_counted),
    TEST(a_scan_asked_for_begins_after_the_asking),
    TEST(a_hundred_thousand_foreign_messages_are_read_once),
    TEST(closing_at_any_moment_is_fine),
    TEST_END,
};

const struct suite probe_pop3_suite = {"probe_pop3", tests};
