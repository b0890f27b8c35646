/* test_probe_imap_sweep.c - mailboxes of which not every body is compared: swept by header fields first.
 *
 * Events read "MS place=P code=C a=A b=EPOCH slot=S"; slot is number * 2, code of a sighting its ordinal + 256 corrupt.
 */
#include <stdlib.h>
#include <string.h>

#include "probes/imap_sweep.h"
#include "tests/probes/rig.h"
#include "tests/support/check.h"

#define SEED 7 /* the rig's */

static struct probe *open_probe(struct rig *g, uint32_t content)
{
    g->how.content = content;
    return rig_open_imap(g);
}

static void put_text(struct rig *g, const char *text)
{
    fake_imap_add(&g->imap[0], text, strlen(text));
}

/* The n-th number, from 0, that is, or is not, among `percent` in a hundred. */
static uint64_t nth(uint32_t percent, bool drawn, unsigned n)
{
    uint64_t number = 0;

    for (;; number++)
        if (sweep_draws(SEED, percent, number) == drawn && n-- == 0)
            return number;
}

static uint32_t drawn_below(uint32_t percent, uint64_t end)
{
    uint32_t n = 0;

    for (uint64_t i = 0; i < end; i++)
        n += sweep_draws(SEED, percent, i);
    return n;
}

/* A copy whose body was changed, its length kept. */
static void put_changed(struct rig *g, uint64_t number)
{
    struct slice s = rig_mail(g, number);

    g->mail.p[s.n - 20] ^= 1;
    fake_imap_add(&g->imap[0], s.p, s.n);
}

/* Of sightings of a message: how many, the bits of all codes, the last epoch. */
struct sightings {
    unsigned count;
    uint32_t codes, epoch;
};

static struct sightings sightings_of(struct rig *g, uint64_t number)
{
    struct sightings s = {0};

    (void)fake_run_count(g->r, EV_SEEN); /* flushes */
    for (uint32_t i = 0; i < g->r->event_count; i++) {
        const struct event *ev = &g->r->events[i];

        if (ev->kind == EV_SEEN && ev->slot == number * 2) {
            s.count++;
            s.codes |= ev->code;
            s.epoch = ev->b;
        }
    }
    return s;
}

static void check_complete(struct rig *g)
{
    uint32_t code = 0;

    (void)fake_run_count(g->r, EV_SCAN);
    for (uint32_t i = 0; i < g->r->event_count; i++)
        if (g->r->events[i].kind == EV_SCAN)
            code = g->r->events[i].code;
    CHECK(code & SCAN_COMPLETE);
}

static void the_share_is_about_right_and_always_the_same(void)
{
    CHECK_U64(drawn_below(0, 10000), 0);
    CHECK_U64(drawn_below(100, 10000), 10000);
    CHECK_BETWEEN(drawn_below(30, 10000), 2800, 3200);
    CHECK_BETWEEN(drawn_below(1, 10000), 60, 140);
    for (uint64_t n = 0; n < 1000; n++) {
        CHECK(sweep_draws(SEED, 30, n) == sweep_draws(SEED, 30, n));
        CHECK(!sweep_draws(SEED, 30, n) || sweep_draws(SEED, 60, n)); /* a larger one holds it */
    }
    uint32_t differ = 0;

    for (uint64_t n = 0; n < 1000; n++)
        differ += sweep_draws(SEED, 50, n) != sweep_draws(SEED + 1, 50, n);
    CHECK_BETWEEN(differ, 400, 600);
}

static void a_sweep_sees_all_and_compares_the_share(void)
{
    struct rig *g = rig_create("imap_sweep");
    struct probe *p;

    for (uint64_t n = 0; n < 1000; n++)
        rig_put(g, 0, n);
    for (uint64_t n = 0; n < 1000; n++) /* a large mailbox: listed, swept by ranges, then sets */
        rig_put(g, 0, n);
    p = open_probe(g, 20);
    rig_wait(g, 5000);
    CHECK_U64(fake_run_count(g->r, EV_SEEN), 2000);
    CHECK_U64(fake_run_count(g->r, EV_SCAN), 1);
    CHECK_U64(fake_run_count(g->r, EV_FINDING), 0);
    CHECK_U64(g->imap[0].headers, 2000);
    CHECK_U64(g->imap[0].bodies, 2ul * drawn_below(20, 1000));
    CHECK_U64(g->imap[0].log_ons, 1);
    check_complete(g);
    rig_put(g, 0, nth(20, true, 0)); /* and what comes later */
    rig_wait(g, 300);
    CHECK_U64(sightings_of(g, nth(20, true, 0)).codes, 1 | 2 | 3);
    CHECK_U64(g->imap[0].headers, 2001);
    CHECK_U64(g->imap[0].bodies, 2ul * drawn_below(20, 1000) + 1);
    rig_close_imap(g, p);
}

static void at_a_hundred_no_header_is_fetched_alone(void)
{
    struct rig *g = rig_create("imap_sweep");
    struct probe *p;

    for (uint64_t n = 0; n < 50; n++)
        rig_put(g, 0, n);
    p = open_probe(g, 100);
    rig_wait(g, 500);
    CHECK_U64(fake_run_count(g->r, EV_SEEN), 50);
    CHECK_U64(g->imap[0].headers, 0);
    CHECK_U64(g->imap[0].bodies, 50);
    rig_close_imap(g, p);
}

static void a_changed_body_is_found_within_the_share_only(void)
{
    struct rig *g = rig_create("imap_sweep");
    uint64_t in = nth(50, true, 3), out = nth(50, false, 3), whole = nth(50, true, 4);
    struct probe *p;

    put_changed(g, in);
    put_changed(g, out);
    rig_put(g, 0, whole);
    rig_put(g, 0, in); /* and an intact one beside it */
    p = open_probe(g, 50);
    rig_wait(g, 500);
    CHECK_U64(sightings_of(g, in).codes, 1 | 2 | SEEN_CORRUPT);
    CHECK_U64(sightings_of(g, in).count, 3); /* two by their headers, one again: it is not intact */
    CHECK_U64(sightings_of(g, in).epoch, 1);
    CHECK_U64(sightings_of(g, out).codes, 1);
    CHECK_U64(sightings_of(g, out).count, 1);
    CHECK_U64(sightings_of(g, whole).codes, 1);
    CHECK_U64(g->imap[0].bodies, 3);
    check_complete(g);
    fake_imap_remove(&g->imap[0], 4); /* what remains of the message is told again, as it is */
    rig_wait(g, 300);
    CHECK_U64(sightings_of(g, in).epoch, 2);
    CHECK_U64(g->r->events[g->r->event_count - 2].code, 1 | SEEN_CORRUPT);
    rig_close_imap(g, p);
}

static void a_body_cut_short_is_corrupt(void)
{
    struct rig *g = rig_create("imap_sweep");
    uint64_t in = nth(50, true, 0);
    struct slice s = rig_mail(g, in);
    struct probe *p;

    fake_imap_add(&g->imap[0], s.p, s.n / 2);
    p = open_probe(g, 50);
    rig_wait(g, 500);
    CHECK_U64(sightings_of(g, in).codes, 1 | SEEN_CORRUPT);
    rig_close_imap(g, p);
}

static void reports_and_foreign_mail_are_read_whole_whatever_the_share(void)
{
    struct rig *g = rig_create("imap_sweep");
    struct slice original = rig_mail(g, 5);
    struct probe *p;
    struct buf b;

    buf_init(&b, 1 << 20);
    (void)buf_add_text(&b, "Return-Path: <>\r\nFrom: MAILER-DAEMON@s1.test\r\nContent-Type: "
                           "multipart/report; boundary=b\r\n\r\n--b\r\nContent-Type: "
                           "message/delivery-status\r\n\r\nReporting-MTA: dns; s1\r\n\r\n"
                           "Final-Recipient: rfc822;joanne-1@lab.test\r\nAction: failed\r\n"
                           "Status: 5.1.1\r\n\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n");
    (void)buf_add(&b, original.p, original.n);
    (void)buf_add_text(&b, "\r\n--b--\r\n");
    fake_imap_add(&g->imap[0], b.p, b.n);
    put_text(g, "From: cook@lab.test\r\nSubject: lunch\r\n\r\nat noon?\r\n");
    rig_put(g, 0, 6);
    p = open_probe(g, 0);
    rig_wait(g, 500);
    CHECK_U64(fake_run_count(g->r, EV_REPORT), 1);
    CHECK_U64(fake_run_count(g->r, EV_FINDING), 1);
    CHECK_U64(fake_run_count(g->r, EV_SEEN), 1);
    CHECK_U64(g->imap[0].headers, 3);
    CHECK_U64(g->imap[0].bodies, 2);
    check_complete(g);
    rig_wait(g, 1000); /* and not again */
    CHECK_U64(g->imap[0].bodies, 2);
    buf_fini(&b);
    rig_close_imap(g, p);
}

/* A bounce that keeps the message's header, but not its From, and one that says what it is in its type. */
static void a_report_that_wears_the_header_of_its_message_is_read_whole(void)
{
    static const char text[] = "Subject: failure notice\r\n\r\nI wasn't able to deliver your "
                               "message.\r\n\r\n<joanne-1@lab.test>:\r\nNo such user (5.1.1)\r\n";
    struct rig *g = rig_create("imap_sweep");
    struct buf b;
    char token[40];
    struct probe *p;

    buf_init(&b, 1 << 20);
    (void)buf_add_format(&b,
                         "Return-Path: <>\r\nX-Postmuster: %s\r\nFrom: MAILER-DAEMON@s1.test\r\n%s",
                         rig_token(g, 5, token), text);
    fake_imap_add(&g->imap[0], b.p, b.n);
    p = open_probe(g, 0);
    rig_wait(g, 500);
    CHECK_U64(g->imap[0].bodies, 1);
    CHECK_U64(fake_run_count(g->r, EV_REPORT), 1);
    CHECK_U64(fake_run_count(g->r, EV_SEEN), 0);
    buf_fini(&b);
    rig_close_imap(g, p);
}

/* Its header says nothing of ours: only the first line of its body does. */
static void a_copy_whose_header_a_gateway_took_is_read_whole(void)
{
    struct rig *g = rig_create("imap_sweep");
    struct slice s = rig_mail(g, 9);
    struct probe *p;
    struct buf b;
    size_t at;

    PM_ASSERT(slice_find(s, slice_of("\r\n\r\n"), &at));
    buf_init(&b, 1 << 20);
    (void)buf_add_text(&b, "From: gate@x400.test");
    (void)buf_add(&b, s.p + at, s.n - at);
    fake_imap_add(&g->imap[0], b.p, b.n);
    p = open_probe(g, 0);
    rig_wait(g, 500);
    CHECK_U64(sightings_of(g, 9).codes, 1);
    CHECK_U64(g->imap[0].bodies, 1);
    check_complete(g);
    buf_fini(&b);
    rig_close_imap(g, p);
}

static void a_new_uidvalidity_in_the_middle_of_a_sweep_begins_it_anew(void)
{
    struct rig *g = rig_create("imap_sweep");
    struct probe *p;

    for (uint64_t n = 0; n < 200; n++)
        rig_put(g, 0, n);
    put_changed(g, nth(50, true, 200));
    fake_imap_remove(&g->imap[0], 1); /* so that UIDs mean other messages afterwards */
    g->imap[0].renumbers = true;
    p = open_probe(g, 50);
    rig_wait(g, 3000);
    CHECK_U64(g->imap[0].log_ons, 2);
    CHECK_U64(fake_run_count(g->r, EV_SEEN), 200 + 200 + 1);
    CHECK_U64(sightings_of(g, 0).count, 0);
    CHECK_U64(sightings_of(g, 1).codes, 1);
    CHECK_U64(sightings_of(g, 1).epoch, 2);
    CHECK_U64(sightings_of(g, nth(50, true, 200)).codes, 1 | SEEN_CORRUPT);
    CHECK_U64(g->imap[0].bodies, drawn_below(50, 200) - sweep_draws(SEED, 50, 0) + 1);
    check_complete(g);
    rig_close_imap(g, p);
}

static void header_fields_that_look_like_answers_are_read_as_fields(void)
{
    struct rig *g = rig_create("imap_sweep");
    struct probe *p;

    g->imap[0].trap = "* 7 FETCH (UID 99 BODY[] {3}\r\nabc)\r\n)\r\np4 OK fetched\r\n"
                      "p5 OK fetched\r\n* 0 EXISTS\r\n* BYE now\r\n+ go\r\n";
    for (uint64_t n = 0; n < 40; n++)
        rig_put(g, 0, n);
    p = open_probe(g, 10);
    rig_wait(g, 1000);
    CHECK_U64(fake_run_count(g->r, EV_SEEN), 40);
    CHECK_U64(fake_run_count(g->r, EV_FINDING), 0);
    CHECK_U64(g->imap[0].log_ons, 1);
    check_complete(g);
    rig_close_imap(g, p);
}

static void a_message_that_goes_between_sweep_and_body_is_gone_and_no_failure(void)
{
    struct rig *g = rig_create("imap_sweep");
    uint64_t in = nth(50, true, 1);
    struct probe *p;

    rig_put(g, 0, nth(50, true, 0));
    rig_put(g, 0, in);
    rig_put(g, 0, nth(50, false, 0));
    g->imap[0].expunged_late = 2;
    p = open_probe(g, 50);
    rig_wait(g, 1000);
    CHECK_U64(sightings_of(g, in).codes, 1);
    CHECK_U64(fake_run_count(g->r, EV_GONE), 1);
    CHECK_U64(fake_run_count(g->r, EV_FINDING), 0);
    CHECK_U64(g->imap[0].log_ons, 1);
    CHECK_U64(g->imap[0].bodies, 1);
    check_complete(g);
    rig_close_imap(g, p);
}

static void a_foreign_message_that_goes_between_sweep_and_body_is_forgotten(void)
{
    struct rig *g = rig_create("imap_sweep");
    struct probe *p;

    rig_put(g, 0, 5);
    put_text(g, "From: cook@lab.test\r\n\r\nat noon?\r\n");
    g->imap[0].expunged_late = 2;
    p = open_probe(g, 0);
    rig_wait(g, 1000);
    CHECK_U64(fake_run_count(g->r, EV_SEEN), 1);
    CHECK_U64(fake_run_count(g->r, EV_GONE), 0);
    CHECK_U64(fake_run_count(g->r, EV_FINDING), 0);
    check_complete(g);
    rig_close_imap(g, p);
}

/* What is due and cannot be read was not compared: no scan is complete before it was. */
static void a_body_of_the_share_that_cannot_be_read_is_not_passed_over(void)
{
    struct rig *g = rig_create("imap_sweep");
    uint64_t in = nth(50, true, 0);
    struct probe *p;

    put_changed(g, in);
    g->imap[0].unreadable = 1;
    p = open_probe(g, 50);
    rig_wait(g, 1000);
    CHECK_U64(sightings_of(g, in).codes, 1);
    CHECK_U64(fake_run_count(g->r, EV_SCAN), 0);
    g->imap[0].unreadable = 0;
    rig_wait(g, 300);
    CHECK_U64(sightings_of(g, in).codes, 1 | SEEN_CORRUPT);
    check_complete(g);
    rig_close_imap(g, p);
}

static void bodies_that_were_due_when_a_session_ended_are_read_in_the_next(void)
{
    struct rig *g = rig_create("imap_sweep");
    struct probe *p;

    for (uint64_t n = 0; n < 100; n++)
        put_changed(g, n);
    put_text(g, "From: cook@lab.test\r\n\r\nat noon?\r\n");
    g->imap[0].bye_at_bodies = true;
    p = open_probe(g, 30);
    rig_wait(g, 1000);
    CHECK_U64(g->imap[0].log_ons, 2);
    CHECK_U64(g->imap[0].headers, 101 + 1); /* the foreign one was not settled */
    CHECK_U64(g->imap[0].bodies, drawn_below(30, 100) + 1);
    CHECK_U64(fake_run_count(g->r, EV_SEEN), 100 + drawn_below(30, 100));
    CHECK_U64(fake_run_count(g->r, EV_FINDING), 1);
    check_complete(g);
    rig_close_imap(g, p);
}

static void bodies_come_in_any_order_and_sets_are_bounded(void)
{
    struct imap_range set[IMAP_SET_MAX];
    struct sweep s;
    uint32_t asked = 0;

    sweep_init(&s);
    CHECK(!sweep_begin(&s));
    for (uint32_t i = 0; i < 3000; i++) { /* 7 is prime to 3000: mixed, each once, and some twice */
        CHECK(sweep_add(&s, &(struct sweep_due){.uid = 1 + i * 7 % 3000 * 2, .number = i}));
        if (i % 10 == 0)
            CHECK(sweep_add(&s, &(struct sweep_due){.uid = 1 + i * 7 % 3000 * 2, .settled = true}));
    }
    CHECK(sweep_begin(&s) && !sweep_begin(&s));
    CHECK_U64(s.count, 3000);
    for (uint32_t n; (n = sweep_next(&s, set, 1000)) > 0;)
        for (uint32_t i = 0; i < n; i++, asked++) {
            CHECK_U64(set[i].low, 1 + asked * 2);
            CHECK_U64(set[i].high, set[i].low);
        }
    CHECK_U64(asked, 3000);
    for (uint32_t uid = 5999; uid > 1000; uid -= 2) {
        struct sweep_due *due = sweep_find(&s, uid);

        if (CHECK(due && due->uid == uid))
            due->served = true;
        CHECK(!sweep_find(&s, uid) && !sweep_find(&s, uid + 1));
    }
    CHECK(sweep_end(&s));
    CHECK_U64(s.count, 500);
    CHECK(sweep_begin(&s));
    CHECK_U64(sweep_next(&s, set, 1000), IMAP_SET_MAX);
    sweep_fini(&s);
    for (uint32_t i = 0; i < 2500; i++) /* neighbours make one range */
        CHECK(sweep_add(&s, &(struct sweep_due){.uid = 10 + i}));
    CHECK(sweep_begin(&s));
    CHECK_U64(sweep_next(&s, set, 2000), 1);
    CHECK_U64(set[0].high, 2009);
    CHECK_U64(sweep_next(&s, set, 2000), 1);
    CHECK_U64(set[0].low, 2010);
    CHECK_U64(sweep_next(&s, set, 2000), 0);
    sweep_fini(&s);
}

static const struct test tests[] = {
    TEST(the_share_is_about_right_and_always_the_same),
    TEST(a_sweep_sees_all_and_compares_the_share),
    TEST(at_a_hundred_no_header_is_fetched_alone),
    TEST(a_changed_body_is_found_within_the_share_only),
    TEST(a_body_cut_short_is_corrupt),
    TEST(reports_and_foreign_mail_are_read_whole_whatever_the_share),
    TEST(a_report_that_wears_the_header_of_its_message_is_read_whole),
    TEST(a_copy_whose_header_a_gateway_took_is_read_whole),
    TEST(a_new_uidvalidity_in_the_middle_of_a_sweep_begins_it_anew),
    TEST(header_fields_that_look_like_answers_are_read_as_fields),
    TEST(a_message_that_goes_between_sweep_and_body_is_gone_and_no_failure),
    TEST(a_foreign_message_that_goes_between_sweep_and_body_is_forgotten),
    TEST(a_body_of_the_share_that_cannot_be_read_is_not_passed_over),
    TEST(bodies_that_were_due_when_a_session_ended_are_read_in_the_next),
    TEST(bodies_come_in_any_order_and_sets_are_bounded),
    TEST_END,
};

const struct suite probe_imap_sweep_suite = {"probe_imap_sweep", tests};
