/* test_p1_listener.c - messages that come to our own MTA: whose they are, for whom, whole or not, and what is none of ours. */
#include <stdio.h>
#include <string.h>

#include "tests/probes/p1_rig.h"
#include "tests/support/check.h"
#include "wire/x400/content.h"

static void check_seen(struct p1_rig *r, uint64_t number, uint32_t mailbox, uint32_t code)
{
    struct event ev = {0};

    CHECK_U64(p1_rig_news(r, EV_SEEN, &ev), 1);
    CHECK_U64(ev.slot, number * 4);
    CHECK_U64(ev.place, OURS);
    CHECK_U64(ev.a, mailbox);
    CHECK_U64(ev.b, 1);
    CHECK_U64(ev.code, code);
}

/* With no recipient but the first of the list that is that mailbox. */
static struct p1_message *only_to(struct p1_rig *r, struct p1_message *m, uint32_t mailbox)
{
    const struct oraddr name = p1_rig_mailbox(r, mailbox);

    for (uint32_t i = 0; i < m->recipient_count; i++)
        if (!oraddr_equal(&m->recipients[i].name, &name))
            m->recipients[i].indicators.bits &= ~P1_RESPONSIBLE;
    return m;
}

static void a_message_is_seen_once_for_each_of_its_recipients(void)
{
    struct p1_rig r;

    p1_rig_open(&r);
    p1_rig_begin(&r);
    p1_rig_take(&r, p1_rig_message(&r, TO_FRED + 5, X400_1988));
    const char *seen = fake_run_events(r.g->r, EV_SEEN);

    CHECK_HAS(seen, "place=3 code=1 a=6 b=1 slot=4020\n");
    CHECK_HAS(seen, "place=3 code=1 a=7 b=1 slot=4020\n");
    CHECK_U64(p1_rig_news(&r, EV_SEEN, NULL), 2);
    CHECK_U64(fake_run_count(r.g->r, EV_FINDING), 0);
    CHECK_U64(p1_listener_counts(r.l)->messages, 1);
    CHECK_U64(p1_listener_counts(r.l)->copies, 2);
    CHECK_U64(correlate_count(r.g->c.correlate), 1);
    p1_rig_close(&r);
}

static void the_form_of_1984_is_read_too(void)
{
    struct p1_rig r;

    p1_rig_open(&r);
    p1_rig_begin(&r);
    struct p1_message *m = only_to(&r, p1_rig_message(&r, TO_FRED + 6, X400_1984), FRED_2);

    m->id.local =
        slice_of("S1-261121120000Z-1"); /* a gateway's own: the content identifier is left */
    p1_listener_take(r.l, p1_rig_octets(&r, m, X400_1984));
    check_seen(&r, TO_FRED + 6, FRED_2, 1);
    p1_rig_close(&r);
}

static void any_of_the_keys_will_do(void)
{
    struct p1_rig r;

    p1_rig_open(&r);
    p1_rig_begin(&r);
    for (uint64_t i = 0; i < 4; i++) {
        struct p1_message *m = only_to(&r, p1_rig_message(&r, TO_FRED + i, X400_1988), FRED_1);

        if (i > 0)
            m->id.local = slice_of("S1-261121120000Z-1");
        if (i > 1)
            m->content_id = slice_of("something");
        if (i > 2)
            m->extensions.count = 0;
        p1_rig_take(&r, m);
        check_seen(&r, TO_FRED + i, FRED_1, 1);
    }
    p1_rig_close(&r);
}

static void every_further_copy_has_the_next_ordinal(void)
{
    struct p1_rig r;

    p1_rig_open(&r);
    p1_rig_begin(&r);
    struct p1_message *m = only_to(&r, p1_rig_message(&r, TO_FRED, X400_1988), FRED_1);

    for (uint32_t i = 1; i < 300; i++) {
        p1_rig_take(&r, m);
        check_seen(&r, TO_FRED, FRED_1, i < 255 ? i : 255);
    }
    m = only_to(&r, p1_rig_message(&r, TO_FRED, X400_1988), FRED_2);
    p1_rig_take(&r, m);
    check_seen(&r, TO_FRED, FRED_2, 1);
    p1_rig_close(&r);
}

static void others_recipients_are_others_business(void)
{
    struct p1_rig r;

    p1_rig_open(&r);
    p1_rig_begin(&r);
    struct p1_message *m = only_to(&r, p1_rig_message(&r, TO_FRED, X400_1988), FRED_1);

    m->recipients[0].indicators.bits &= ~P1_RESPONSIBLE;
    m->recipients[1].indicators.bits &= ~P1_RESPONSIBLE;
    p1_rig_take(&r, m);
    CHECK_U64(p1_rig_news(&r, EV_SEEN, NULL), 0);
    CHECK_U64(p1_rig_news(&r, EV_FINDING, NULL), 1); /* nobody is to have it: said, not swallowed */
    p1_rig_close(&r);
}

static void a_recipient_who_is_nobody_is_found_once(void)
{
    struct p1_rig r;
    struct event ev = {0};

    p1_rig_open(&r);
    p1_rig_begin(&r);
    struct p1_message *m = p1_rig_message(&r, TO_FRED, X400_1988);

    m->recipients[0].name = p1_rig_name(&r, "c=US;a= ;p=POSTMUSTER;o=FLOOD;s=nobody");
    p1_rig_take(&r, m);
    CHECK_U64(p1_rig_news(&r, EV_SEEN, NULL), 1);
    CHECK_U64(p1_rig_news(&r, EV_FINDING, &ev), 1);
    CHECK_U64(ev.code, FIND_FOREIGN);
    CHECK_U64(ev.a, NO_INDEX);
    CHECK_U64(ev.place, OURS);
    p1_rig_take(&r, m);
    CHECK_U64(p1_rig_news(&r, EV_FINDING, NULL), 0);
    p1_rig_close(&r);
}

static void what_is_for_a_mailbox_of_the_site_is_seen_where_it_should_not_be(void)
{
    struct p1_rig r;

    p1_rig_open(&r);
    p1_rig_begin(&r);
    p1_rig_take(&r, only_to(&r, p1_rig_message(&r, 7, X400_1988), 1));
    check_seen(&r, 7, 1, 1);
    p1_rig_close(&r);
}

static void addresses_are_compared_as_x400_does_and_a_gateways_are_known(void)
{
    static const char *const freds[] = {"c=us;a=;p=postmuster;o=Flood;s=FRED-1",
                                        "c=US;p=POSTMUSTER;o= FLOOD ;s=fred-1",
                                        "c=US;a= ;p=GATE;dda:RFC-822=fred-1(a)ours.test"};
    struct p1_rig r;

    p1_rig_open(&r);
    p1_rig_begin(&r);
    for (uint64_t i = 0; i < 3; i++) {
        struct p1_message *m = p1_rig_message(&r, TO_FRED + i, X400_1988);

        m->recipient_count = 1;
        m->recipients[0].name = p1_rig_name(&r, freds[i]);
        p1_rig_take(&r, m);
        check_seen(&r, TO_FRED + i, FRED_1, 1);
    }
    p1_rig_close(&r);
}

/* The octets of its content, to be spoilt. */
static unsigned char *content_copy(struct p1_rig *r, struct p1_message *m)
{
    unsigned char *copy = arena_bytes(r->arena, m->content.n);

    memcpy(copy, m->content.p, m->content.n);
    m->content.p = copy;
    return copy;
}

static void a_text_that_was_changed_is_corrupt(void)
{
    struct p1_rig r;

    p1_rig_open(&r);
    p1_rig_begin(&r);
    struct p1_message *m = only_to(&r, p1_rig_message(&r, TO_FRED, X400_1988), FRED_1);

    content_copy(&r, m)[m->content.n - 20] ^= 1;
    p1_rig_take(&r, m);
    check_seen(&r, TO_FRED, FRED_1, 1 | SEEN_CORRUPT);
    p1_rig_close(&r);
}

static void a_content_that_cannot_be_read_is_corrupt_and_not_lost(void)
{
    struct p1_rig r;

    p1_rig_open(&r);
    p1_rig_begin(&r);
    struct p1_message *m = only_to(&r, p1_rig_message(&r, TO_FRED, X400_1988), FRED_1);

    content_copy(&r, m)[0] = 0x77;
    p1_rig_take(&r, m);
    check_seen(&r, TO_FRED, FRED_1, 1 | SEEN_CORRUPT);
    m->content = slice_from("", 0);
    p1_rig_take(&r, m);
    check_seen(&r, TO_FRED, FRED_1, 2 | SEEN_CORRUPT);
    p1_rig_close(&r);
}

/* One of another run, or of nobody's: its keys are taken out. */
static struct p1_message *stripped(struct p1_rig *r, uint64_t number)
{
    struct p1_message *m = only_to(r, p1_rig_message(r, number, X400_1988), FRED_1);

    m->id.local = slice_of("S1-261121120000Z-1");
    m->content_id = slice_from(NULL, 0);
    m->extensions.count = 0;
    return m;
}

static void set_content(struct p1_rig *r, struct p1_message *m, const struct content *c)
{
    struct ber_out out;

    ber_out_init(&out, arena_bytes(r->arena, 8192), 8192);
    CHECK(content_write(&out, c, X400_1988));
    m->content = ber_out_slice(&out);
}

static void check_foreign(struct p1_rig *r, const struct p1_message *m)
{
    struct event ev = {0};

    p1_rig_take(r, m);
    p1_rig_take(r, m);
    CHECK_U64(p1_rig_news(r, EV_SEEN, NULL), 0);
    CHECK_U64(p1_rig_news(r, EV_FINDING, &ev), 1);
    CHECK_U64(ev.code, FIND_FOREIGN);
    CHECK_U64(ev.a, FRED_1);
}

static void what_is_not_of_this_run_is_counted_apart_and_once(void)
{
    struct p1_rig r;

    p1_rig_open(&r);
    p1_rig_begin(&r);
    struct p1_message *m = stripped(&r, TO_FRED);
    struct content c;

    content_init(&c);
    c.ipm.subject = slice_of("lunch?");
    set_content(&r, m, &c);
    check_foreign(&r, m);
    r.g->key.mac.k0 ^= 1; /* another run's tokens are none of ours */
    m = only_to(&r, p1_rig_message(&r, TO_FRED, X400_1988), FRED_1);
    r.g->key.mac.k0 ^= 1;
    check_foreign(&r, m);
    CHECK_U64(p1_listener_counts(r.l)->foreign, 4);
    p1_rig_close(&r);
}

static void what_only_quotes_a_message_is_no_copy_of_it(void)
{
    struct p1_rig r;
    char token[40], text[120];

    p1_rig_open(&r);
    p1_rig_begin(&r);
    struct p1_message *m = stripped(&r, TO_FRED + 9);
    struct ipm_part part = {0};
    struct content c;

    (void)snprintf(text, sizeof text, "Your message\r\n  Subject: hello [%s]\r\n",
                   rig_token(r.g, TO_FRED + 9, token));
    content_init(&c);
    c.ipm.subject = slice_of(text + 12);
    part.text = slice_of(text);
    c.ipm.parts = &part;
    c.ipm.part_count = 1;
    set_content(&r, m, &c);
    check_foreign(&r, m);
    memset(&c, 0, sizeof c); /* a receipt names it, and is none either */
    c.notification = c.ipn.receipt = true;
    c.ipn.mode = c.ipn.reason = c.ipn.discard = -1;
    c.ipn.time = slice_of("261121120000Z");
    c.ipn.subject = (struct ipm_id){.set = true, .local = slice_of(token)};
    set_content(&r, m, &c);
    check_foreign(&r, m);
    p1_rig_close(&r);
}

static void a_canary_that_is_delivered_is_foreign(void)
{
    struct p1_rig r;

    p1_rig_open(&r);
    p1_rig_begin(&r);
    struct p1_message *m = p1_rig_message(&r, r.g->r->work.planned, X400_1988);

    m->recipients[0].name = p1_rig_mailbox(&r, FRED_1);
    check_foreign(&r, m);
    p1_rig_close(&r);
}

static void probes_are_taken_and_say_nothing(void)
{
    struct p1_rig r;

    p1_rig_open(&r);
    p1_rig_begin(&r);
    struct p1_apdu apdu = {.kind = P1_PROBE, .message = *p1_rig_message(&r, TO_FRED, X400_1988)};
    unsigned char room[8192];
    struct ber_out out;

    apdu.message.content_length = 700;
    ber_out_init(&out, room, sizeof room);
    CHECK(p1_write(&out, &apdu, X400_1988));
    p1_listener_take(r.l, ber_out_slice(&out));
    CHECK_U64(p1_listener_counts(r.l)->probes, 1);
    CHECK_U64(p1_listener_counts(r.l)->refused, 0);
    CHECK_U64(p1_rig_news(&r, EV_SEEN, NULL) + p1_rig_news(&r, EV_FINDING, NULL), 0);
    p1_rig_close(&r);
}

static void trash_is_refused_and_miscounts_nothing(void)
{
    struct p1_rig r;
    struct event ev = {0};

    p1_rig_open(&r);
    p1_rig_begin(&r);
    struct slice whole = p1_rig_octets(&r, p1_rig_message(&r, TO_FRED, X400_1988), X400_1988);

    for (size_t n = 0; n < whole.n; n++)
        p1_listener_take(r.l, slice_from(whole.p, n));
    CHECK_U64(p1_listener_counts(r.l)->refused, whole.n);
    CHECK_U64(p1_rig_news(&r, EV_SEEN, NULL), 0);
    CHECK(p1_rig_news(&r, EV_FINDING, &ev) > 0);
    CHECK_U64(ev.code, FIND_PROTOCOL);
    CHECK_U64(ev.a, STAGE_TRANSFER);
    CHECK_HAS(p1_listener_counts(r.l)->why, "an APDU that cannot be read");
    p1_listener_take(r.l, whole);
    CHECK_U64(p1_rig_news(&r, EV_SEEN, NULL), 2);
    p1_rig_close(&r);
}

static void nothing_is_taken_before_it_begins_and_after_it_ends(void)
{
    struct p1_rig r;

    p1_rig_open(&r);
    struct p1_message *m = p1_rig_message(&r, TO_FRED, X400_1988);

    p1_rig_take(&r, m);
    CHECK_U64(p1_rig_news(&r, EV_SEEN, NULL), 0);
    p1_rig_begin(&r);
    p1_rig_take(&r, m);
    CHECK_U64(p1_rig_news(&r, EV_SEEN, NULL), 2);
    p1_listener_end(r.l);
    p1_rig_take(&r, m);
    CHECK_U64(p1_rig_news(&r, EV_SEEN, NULL), 0);
    CHECK_U64(p1_listener_counts(r.l)->refused, 2);
    p1_rig_close(&r);
}

static void two_mailboxes_with_one_address_are_a_mistake(void)
{
    struct err e = {0};
    struct p1_rig r;

    p1_rig_open(&r);
    r.mailboxes[FRED_2].address = "FRED-1@elsewhere.test"; /* the template drops the domain */
    CHECK(!p1_listener_begin(r.l, &r.g->c, &e));
    CHECK_U64(e.code, EX_BAD_PROFILE);
    CHECK_STR(e.text, "mailboxes fred-1 and fred-2 have the same O/R address");
    r.mailboxes[FRED_2].address = "fred-2@ours.test";
    p1_rig_begin(&r);
    p1_rig_close(&r);
}

/* The probe of one mailbox. */

static unsigned scanned;

static void on_scanned(struct probe *p)
{
    scanned++;
    CHECK(!p->absent);
}

static void a_scan_is_complete_at_once_and_told_from_the_loop(void)
{
    struct event ev = {0};
    struct err e = {0};
    struct p1_rig r;

    p1_rig_open(&r);
    p1_rig_begin(&r);
    p1_rig_take(&r, only_to(&r, p1_rig_message(&r, TO_FRED, X400_1988), FRED_1));
    struct probe *p = probe_ours.open(&r.g->c, NULL, FRED_1, OURS, &e);
    uint64_t opened_ns = loop_now(r.g->r->loop);

    scanned = 0;
    p->scanned = on_scanned;
    CHECK_U64(p->complete_ns, 0);
    rig_wait(r.g, 10);
    CHECK_U64(scanned, 1);
    CHECK_U64(p->complete_ns, opened_ns);
    CHECK_U64(p1_rig_news(&r, EV_SCAN, &ev), 1);
    CHECK_U64(ev.code, SCAN_COMPLETE);
    CHECK_U64(ev.a, FRED_1);
    CHECK_U64(ev.place, OURS);
    CHECK_U64(ev.b, 1); /* the epoch of what was seen: it stays what it was */
    uint64_t asked_ns = loop_now(r.g->r->loop);

    p->ops->scan(p);
    p->ops->scan(p);
    CHECK_U64(scanned, 1);
    rig_wait(r.g, 10);
    CHECK_U64(scanned, 2);
    CHECK(p->complete_ns >= asked_ns);
    CHECK_U64(p1_rig_news(&r, EV_SCAN, &ev), 1);
    CHECK_U64(ev.b, 1);
    p->ops->scan(p);
    p->ops->close(p);
    rig_wait(r.g, 10);
    CHECK_U64(scanned, 2);
    p1_rig_close(&r);
}

static const struct test tests[] = {
    TEST(a_message_is_seen_once_for_each_of_its_recipients),
    TEST(the_form_of_1984_is_read_too),
    TEST(any_of_the_keys_will_do),
    TEST(every_further_copy_has_the_next_ordinal),
    TEST(others_recipients_are_others_business),
    TEST(a_recipient_who_is_nobody_is_found_once),
    TEST(what_is_for_a_mailbox_of_the_site_is_seen_where_it_should_not_be),
    TEST(addresses_are_compared_as_x400_does_and_a_gateways_are_known),
    TEST(a_text_that_was_changed_is_corrupt),
    TEST(a_content_that_cannot_be_read_is_corrupt_and_not_lost),
    TEST(what_is_not_of_this_run_is_counted_apart_and_once),
    TEST(what_only_quotes_a_message_is_no_copy_of_it),
    TEST(a_canary_that_is_delivered_is_foreign),
    TEST(probes_are_taken_and_say_nothing),
    TEST(trash_is_refused_and_miscounts_nothing),
    TEST(nothing_is_taken_before_it_begins_and_after_it_ends),
    TEST(two_mailboxes_with_one_address_are_a_mistake),
    TEST(a_scan_is_complete_at_once_and_told_from_the_loop),
    TEST_END,
};

const struct suite p1_listener_suite = {"p1_listener", tests};
