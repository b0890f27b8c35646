/* test_probe_imap.c - what is journalled of a mailbox that fills, empties, moves, lies and breaks.
 *
 * Events read "MS place=P code=C a=A b=EPOCH slot=S"; slot is number * 2, code of a scan 1 complete + 2 absent + 4 reset.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/probes/rig.h"
#include "tests/support/check.h"

static unsigned told;

static void on_scanned(struct probe *p)
{
    (void)p;
    told++;
}

static struct probe *open_probe(struct rig *g)
{
    struct probe *p = rig_open_imap(g);

    p->scanned = on_scanned;
    told = 0;
    return p;
}

/* The events of a kind without their times. */
static const char *lines_of(struct rig *g, enum event_kind kind)
{
    static char out[20000];
    const char *p = fake_run_events(g->r, kind);
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

static uint32_t newest_scan_code(struct rig *g)
{
    uint32_t code = 0;

    (void)fake_run_count(g->r, EV_SCAN);
    for (uint32_t i = 0; i < g->r->event_count; i++)
        if (g->r->events[i].kind == EV_SCAN)
            code = g->r->events[i].code;
    return code;
}

static void what_is_there_is_seen_once_and_the_scan_is_complete(void)
{
    struct rig *g = rig_create("probe_imap");
    struct probe *p;

    for (uint64_t n = 10; n < 13; n++)
        rig_put(g, 0, n);
    p = open_probe(g);
    rig_wait(g, 1000);
    CHECK_STR(lines_of(g, EV_SEEN), "place=0 code=1 a=0 b=1 slot=20\n"
                                    "place=0 code=1 a=0 b=1 slot=22\n"
                                    "place=0 code=1 a=0 b=1 slot=24\n");
    CHECK_STR(lines_of(g, EV_SCAN), "place=0 code=1 a=0 b=1 slot=0\n");
    CHECK(p->complete_ns > 0);
    CHECK(!p->absent && !p->refused);
    CHECK_U64(p->scans, 1);
    CHECK_U64(told, 1);
    CHECK_BETWEEN(g->imap[0].noops, 5, 12); /* it goes on looking, and says nothing about it */
    rig_close_imap(g, p);
}

static void what_comes_later_is_seen_at_the_next_poll(void)
{
    struct rig *g = rig_create("probe_imap");
    struct probe *p = open_probe(g);

    rig_wait(g, 500);
    rig_put(g, 0, 7);
    rig_wait(g, 250);
    rig_put(g, 0, 8);
    rig_put(g, 0, 9);
    rig_wait(g, 250);
    CHECK_STR(lines_of(g, EV_SEEN), "place=0 code=1 a=0 b=1 slot=14\n"
                                    "place=0 code=1 a=0 b=1 slot=16\n"
                                    "place=0 code=1 a=0 b=1 slot=18\n");
    CHECK_U64(fake_run_count(g->r, EV_SCAN), 3);
    CHECK_U64(g->imap[0].log_ons, 1);
    CHECK_U64(g->imap[0].searches, 0);
    rig_close_imap(g, p);
}

static void copies_of_one_message_are_counted(void)
{
    struct rig *g = rig_create("probe_imap");
    struct probe *p;

    rig_put(g, 0, 5);
    rig_put(g, 0, 5);
    p = open_probe(g);
    rig_wait(g, 300);
    rig_put(g, 0, 5);
    rig_wait(g, 300);
    CHECK_STR(lines_of(g, EV_SEEN), "place=0 code=1 a=0 b=1 slot=10\n"
                                    "place=0 code=2 a=0 b=1 slot=10\n"
                                    "place=0 code=3 a=0 b=1 slot=10\n");
    rig_close_imap(g, p);
}

static void what_went_is_gone_and_what_stays_stands_above_it(void)
{
    struct rig *g = rig_create("probe_imap");
    struct probe *p;

    rig_put(g, 0, 5);
    rig_put(g, 0, 5);
    rig_put(g, 0, 6);
    rig_put(g, 0, 7);
    p = open_probe(g);
    rig_wait(g, 300);
    fake_imap_remove(&g->imap[0], 1);
    fake_imap_remove(&g->imap[0], 3);
    rig_wait(g, 300);
    CHECK_HAS(lines_of(g, EV_GONE), "place=0 code=0 a=0 b=1 slot=10\n");
    CHECK_HAS(lines_of(g, EV_GONE), "place=0 code=0 a=0 b=1 slot=12\n");
    CHECK_U64(fake_run_count(g->r, EV_GONE), 2);
    CHECK_HAS(lines_of(g, EV_SEEN), "place=0 code=1 a=0 b=2 slot=10\n");
    CHECK_U64(fake_run_count(g->r, EV_SEEN), 5);
    CHECK_U64(fake_run_count(g->r, EV_SCAN), 2);
    rig_put(g, 0, 6); /* and comes again */
    rig_wait(g, 300);
    CHECK_HAS(lines_of(g, EV_SEEN), "place=0 code=1 a=0 b=2 slot=12\n");
    rig_close_imap(g, p);
}

static void one_gone_and_one_come_between_two_looks_is_noticed(void)
{
    struct rig *g = rig_create("probe_imap");
    struct probe *p;

    rig_put(g, 0, 5);
    rig_put(g, 0, 6);
    p = open_probe(g);
    rig_wait(g, 300);
    fake_imap_remove(&g->imap[0], 1); /* the count stays the same */
    rig_put(g, 0, 9);
    fake_imap_bye(&g->imap[0], "* BYE restart\r\n");
    rig_wait(g, 500);
    CHECK_STR(lines_of(g, EV_GONE), "place=0 code=0 a=0 b=1 slot=10\n");
    CHECK_HAS(lines_of(g, EV_SEEN), " slot=18\n");
    CHECK_U64(newest_scan_code(g), SCAN_COMPLETE);
    CHECK_U64(fake_run_count(g->r, EV_FINDING), 0); /* BYE is no failure */
    rig_close_imap(g, p);
}

/* The newcomer of the moment of reading made up the count for the one that had gone, and both were missed. */
static void mail_that_comes_while_new_mail_is_read_hides_nothing_that_went(void)
{
    struct rig *g = rig_create("probe_imap");
    struct probe *p;

    rig_put(g, 0, 5);
    rig_put(g, 0, 6);
    p = open_probe(g);
    rig_wait(g, 300);
    fake_imap_remove(&g->imap[0], 1);
    rig_put(g, 0, 9);
    rig_put(g, 0, 10);
    g->imap[0].late = rig_mail(g, 11);
    fake_imap_bye(&g->imap[0], "* BYE restart\r\n");
    rig_wait(g, 500);
    CHECK_STR(lines_of(g, EV_GONE), "place=0 code=0 a=0 b=1 slot=10\n");
    CHECK_HAS(lines_of(g, EV_SEEN), " slot=22\n");
    CHECK_U64(fake_run_count(g->r, EV_FINDING), 0);
    rig_close_imap(g, p);
}

static void a_new_uidvalidity_means_reading_everything_again(void)
{
    struct rig *g = rig_create("probe_imap");
    struct probe *p;

    rig_put(g, 0, 5);
    rig_put(g, 0, 6);
    p = open_probe(g);
    rig_wait(g, 300);
    fake_imap_renumber(&g->imap[0]);
    fake_imap_bye(&g->imap[0], "* BYE restart\r\n");
    rig_wait(g, 500);
    CHECK_STR(lines_of(g, EV_SEEN), "place=0 code=1 a=0 b=1 slot=10\n"
                                    "place=0 code=1 a=0 b=1 slot=12\n"
                                    "place=0 code=1 a=0 b=2 slot=10\n"
                                    "place=0 code=1 a=0 b=2 slot=12\n");
    CHECK_STR(lines_of(g, EV_SCAN), "place=0 code=1 a=0 b=1 slot=0\n"
                                    "place=0 code=5 a=0 b=2 slot=0\n");
    CHECK_U64(fake_run_count(g->r, EV_GONE), 0);
    rig_close_imap(g, p);
}

static void a_scan_asked_for_begins_after_the_asking(void)
{
    struct rig *g = rig_create("probe_imap");
    struct probe *p = open_probe(g);
    uint64_t asked_ns;

    rig_wait(g, 333);
    asked_ns = loop_now(g->r->loop);
    CHECK(p->complete_ns < asked_ns);
    probe_imap.scan(p);
    probe_imap.scan(p);
    rig_wait(g, 50);
    CHECK(p->complete_ns >= asked_ns);
    CHECK_U64(fake_run_count(g->r, EV_SCAN), 2);
    CHECK_U64(g->imap[0].examines, 2); /* a session may be stale: the mailbox is opened anew */
    rig_wait(g, 500);
    CHECK_U64(fake_run_count(g->r, EV_SCAN), 2);
    rig_close_imap(g, p);
}

static void no_such_mailbox_is_a_complete_scan_of_nothing(void)
{
    struct rig *g = rig_create("probe_imap");
    struct probe *p;

    rig_put(g, 0, 5);
    p = open_probe(g);
    rig_wait(g, 300);
    g->imap[0].refusal = "NO no such mailbox";
    fake_imap_bye(&g->imap[0], "* BYE moved\r\n");
    rig_wait(g, 1000);
    CHECK_STR(lines_of(g, EV_SCAN), "place=0 code=1 a=0 b=1 slot=0\n"
                                    "place=0 code=7 a=0 b=2 slot=0\n");
    CHECK(p->absent);
    CHECK(g->imap[0].log_ons > 5);
    probe_imap.scan(p);
    rig_wait(g, 300);
    CHECK_U64(fake_run_count(g->r, EV_SCAN), 3);
    g->imap[0].refusal = NULL; /* and back again */
    rig_wait(g, 500);
    CHECK(!p->absent);
    CHECK_HAS(lines_of(g, EV_SEEN), "place=0 code=1 a=0 b=2 slot=10\n");
    CHECK_U64(newest_scan_code(g), SCAN_COMPLETE);
    rig_close_imap(g, p);
}

static void a_refusal_for_now_completes_nothing(void)
{
    struct rig *g = rig_create("probe_imap");
    struct probe *p;

    g->imap[0].refusal = "NO [UNAVAILABLE] being moved";
    p = open_probe(g);
    probe_imap.scan(p);
    rig_wait(g, 1000);
    CHECK_U64(fake_run_count(g->r, EV_SCAN), 0);
    CHECK_U64(fake_run_count(g->r, EV_FINDING), 0);
    CHECK(p->refused && p->complete_ns == 0);
    CHECK_HAS(p->why, "being moved");
    CHECK_BETWEEN(g->imap[0].log_ons, 8, 12);
    g->imap[0].refusal = NULL;
    rig_wait(g, 300);
    CHECK_U64(fake_run_count(g->r, EV_SCAN), 1);
    CHECK(!p->refused);
    rig_close_imap(g, p);
}

static void a_server_that_is_down_is_counted_and_tried_less_and_less(void)
{
    struct rig *g = rig_create("probe_imap");
    struct net_addr was = g->r->servers[0].imap.addr;
    struct probe *p;

    g->r->servers[0].imap.addr.port = 1;
    p = open_probe(g);
    rig_wait(g, 10000);
    CHECK_BETWEEN(fake_run_count(g->r, EV_FINDING), 5, 12);
    CHECK_U64(fake_run_count(g->r, EV_SCAN), 0);
    CHECK_U64(p->failures, fake_run_count(g->r, EV_FINDING));
    g->r->servers[0].imap.addr = was;
    rig_wait(g, 2000);
    CHECK_U64(fake_run_count(g->r, EV_SCAN), 1);
    rig_close_imap(g, p);
}

static void a_message_that_goes_while_it_is_fetched_is_no_failure(void)
{
    struct rig *g = rig_create("probe_imap");
    struct probe *p;

    g->imap[0].expunged = 2;
    rig_put(g, 0, 5);
    rig_put(g, 0, 6);
    rig_put(g, 0, 7);
    p = open_probe(g);
    rig_wait(g, 300);
    CHECK_STR(lines_of(g, EV_SEEN), "place=0 code=1 a=0 b=1 slot=10\n"
                                    "place=0 code=1 a=0 b=1 slot=14\n");
    CHECK_U64(newest_scan_code(g), SCAN_COMPLETE);
    CHECK_U64(fake_run_count(g->r, EV_FINDING), 0);
    CHECK_U64(g->imap[0].log_ons, 1);
    rig_close_imap(g, p);
}

/* With a scan wanted, it was read over and over without a pause; with IDLE, it would have been forgotten. */
static void a_message_that_cannot_be_read_is_asked_for_once_a_period(void)
{
    struct rig *g = rig_create("probe_imap");
    struct probe *p;

    g->imap[0].unreadable = 2;
    g->imap[0].idle = g->how.idle = true;
    rig_put(g, 0, 5);
    rig_put(g, 0, 6);
    p = open_probe(g);
    rig_wait(g, 50);
    probe_imap.scan(p);
    rig_wait(g, 1000);
    CHECK_BETWEEN(g->imap[0].examines, 5, 12);
    CHECK_U64(fake_run_count(g->r, EV_SCAN), 0);
    g->imap[0].unreadable = 0;
    rig_wait(g, 200);
    CHECK_U64(newest_scan_code(g), SCAN_COMPLETE);
    CHECK_U64(fake_run_count(g->r, EV_SEEN), 2);
    rig_close_imap(g, p);
}

static void bye_in_the_middle_of_reading_loses_and_repeats_nothing(void)
{
    struct rig *g = rig_create("probe_imap");
    struct probe *p;

    for (uint64_t n = 0; n < 100; n++)
        rig_put(g, 0, n);
    g->imap[0].bye_after = 40;
    p = open_probe(g);
    rig_wait(g, 1000);
    CHECK_U64(g->imap[0].log_ons, 2);
    CHECK_U64(fake_run_count(g->r, EV_SEEN), 100);
    CHECK_U64(fake_run_count(g->r, EV_SCAN), 1);
    rig_close_imap(g, p);
}

static void bodies_that_look_like_answers_are_read_as_bodies(void)
{
    static const char hostile[] = "Subject: trap\r\n\r\n* 7 FETCH (UID 99 BODY[] {3}\r\nabc)\r\n"
                                  "p4 OK fetched\r\n* 0 EXISTS\r\n* BYE now\r\n+ go\r\n";
    struct rig *g = rig_create("probe_imap");
    struct probe *p;

    for (uint64_t n = 0; n < 20; n++) {
        rig_put(g, 0, n);
        fake_imap_add(&g->imap[0], hostile, sizeof hostile - 1);
    }
    p = open_probe(g);
    rig_wait(g, 1000);
    CHECK_U64(fake_run_count(g->r, EV_SEEN), 20);
    CHECK_U64(fake_run_count(g->r, EV_FINDING), 1); /* foreign, once */
    CHECK_U64(newest_scan_code(g), SCAN_COMPLETE);
    CHECK_U64(g->imap[0].log_ons, 1);
    rig_close_imap(g, p);
}

static void many_messages_are_listed_and_fetched_in_ranges(void)
{
    struct rig *g = rig_create("probe_imap");
    struct probe *p;

    for (uint64_t n = 0; n < 12000; n++)
        rig_put(g, 0, n % 1000);
    fake_imap_remove(&g->imap[0], 77);
    p = open_probe(g);
    rig_wait(g, 20000);
    CHECK_U64(fake_run_count(g->r, EV_SEEN), 11999);
    CHECK_U64(g->imap[0].searches, 1);
    CHECK_U64(g->imap[0].fetches, 3);
    CHECK_U64(newest_scan_code(g), SCAN_COMPLETE);
    rig_close_imap(g, p);
}

static void nonsense_ends_the_session_and_is_counted(void)
{
    static const char *const cases[] = {"HTTP/1.1 200 OK\r\n", "p999 OK surprise\r\n",
                                        "* 1 FETCH (UID 0)\r\n", "p3 NO nothing works\r\n"};
    struct rig *g = rig_create("probe_imap");
    struct probe *p = open_probe(g);

    rig_wait(g, 300);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        unsigned before = fake_run_count(g->r, EV_FINDING);

        g->imap[0].bad_answer = cases[i];
        rig_wait(g, 150);
        CHECK(fake_run_count(g->r, EV_FINDING) > before || i == 3);
        g->imap[0].bad_answer = NULL;
        rig_wait(g, 2000);
        CHECK(!p->refused);
    }
    rig_close_imap(g, p);
}

static void a_server_that_falls_silent_is_left(void)
{
    struct rig *g = rig_create("probe_imap");
    struct probe *p = open_probe(g);

    rig_wait(g, 300);
    g->imap[0].bad_answer = "* OK still";
    rig_wait(g, 65000);
    CHECK_U64(fake_run_count(g->r, EV_FINDING), 1);
    CHECK_HAS(p->why, "in time");
    rig_close_imap(g, p);
}

static void idle_is_used_where_it_is_offered(void)
{
    struct rig *g = rig_create("probe_imap");
    struct probe *p;

    g->how.idle = true;
    g->imap[0].idle = true;
    p = open_probe(g);
    rig_wait(g, 2000);
    CHECK_U64(g->imap[0].idles, 1);
    CHECK_U64(g->imap[0].noops, 0);
    rig_put(g, 0, 5);
    fake_imap_push(&g->imap[0]);
    rig_wait(g, 100);
    CHECK_U64(fake_run_count(g->r, EV_SEEN), 1);
    CHECK_U64(g->imap[0].idles, 2);
    fake_imap_remove(&g->imap[0], 1);
    fake_imap_push(&g->imap[0]);
    rig_wait(g, 100);
    CHECK_U64(fake_run_count(g->r, EV_GONE), 1);
    probe_imap.scan(p);
    rig_wait(g, 100);
    CHECK_U64(newest_scan_code(g), SCAN_COMPLETE);
    CHECK_U64(fake_run_count(g->r, EV_SCAN), 4);
    rig_wait(g, 2400000); /* and it is renewed before servers tire of it */
    CHECK_BETWEEN(g->imap[0].idles, 5, 7);
    rig_close_imap(g, p);
}

static void a_server_that_ends_idle_by_itself_is_polled_instead(void)
{
    struct rig *g = rig_create("probe_imap");
    struct probe *p;

    g->how.idle = true;
    g->imap[0].idle = g->imap[0].idle_ends = true;
    p = open_probe(g);
    rig_wait(g, 1000);
    CHECK_U64(g->imap[0].idles, 1);
    CHECK_BETWEEN(g->imap[0].noops, 5, 12);
    rig_close_imap(g, p);
}

static void a_second_probe_of_a_place_goes_on_where_the_first_ended(void)
{
    struct rig *g = rig_create("probe_imap");
    struct probe *p;

    rig_put(g, 0, 5);
    p = open_probe(g);
    rig_wait(g, 350);
    probe_imap.close(p);
    p = open_probe(g);
    rig_wait(g, 300);
    CHECK_STR(lines_of(g, EV_SEEN), "place=0 code=1 a=0 b=1 slot=10\n"
                                    "place=0 code=1 a=0 b=2 slot=10\n");
    CHECK_STR(lines_of(g, EV_SCAN), "place=0 code=1 a=0 b=1 slot=0\n"
                                    "place=0 code=5 a=0 b=2 slot=0\n");
    CHECK_U64(g->imap[0].logouts, 1);
    rig_close_imap(g, p);
}

static void closing_at_any_moment_is_fine(void)
{
    for (uint64_t ms = 0; ms < 40; ms += 2) {
        struct rig *g = rig_create("probe_imap");
        struct probe *p;

        for (uint64_t n = 0; n < 200; n++)
            rig_put(g, 0, n);
        p = open_probe(g);
        fake_run_until(g->r, loop_now(g->r->loop) + ms * 20000);
        probe_imap.close(p);
        rig_wait(g, 1000);
        CHECK(fake_run_count(g->r, EV_SEEN) <= 200);
        rig_destroy(g);
    }
}

static const struct test tests[] = {
    TEST(what_is_there_is_seen_once_and_the_scan_is_complete),
    TEST(what_comes_later_is_seen_at_the_next_poll),
    TEST(copies_of_one_message_are_counted),
    TEST(what_went_is_gone_and_what_stays_stands_above_it),
    TEST(one_gone_and_one_come_between_two_looks_is_noticed),
    TEST(mail_that_comes_while_new_mail_is_read_hides_nothing_that_went),
    TEST(a_new_uidvalidity_means_reading_everything_again),
    TEST(a_scan_asked_for_begins_after_the_asking),
    TEST(no_such_mailbox_is_a_complete_scan_of_nothing),
    TEST(a_refusal_for_now_completes_nothing),
    TEST(a_server_that_is_down_is_counted_and_tried_less_and_less),
    TEST(a_message_that_goes_while_it_is_fetched_is_no_failure),
    TEST(a_message_that_cannot_be_read_is_asked_for_once_a_period),
    TEST(bye_in_the_middle_of_reading_loses_and_repeats_nothing),
    TEST(bodies_that_look_like_answers_are_read_as_bodies),
    TEST(many_messages_are_listed_and_fetched_in_ranges),
    TEST(nonsense_ends_the_session_and_is_counted),
    TEST(a_server_that_falls_silent_is_left),
    TEST(idle_is_used_where_it_is_offered),
    TEST(a_server_that_ends_idle_by_itself_is_polled_instead),
    TEST(a_second_probe_of_a_place_goes_on_where_the_first_ended),
    TEST(closing_at_any_moment_is_fine),
    TEST_END,
};

const struct suite probe_imap_suite = {"probe_imap", tests};
