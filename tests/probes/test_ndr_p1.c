/* test_ndr_p1.c - reports of X.400: whose message, which mailbox, what is believed when address and number disagree. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/probes/p1_rig.h"
#include "tests/support/check.h"
#include "tests/support/scratch.h"

#define NUMBER                                                                                     \
    41ull /* of the message that most reports are about: from fred to joanne-1 and joanne-2 */

static const struct p1_fate failed = {.reason = 1, .diagnostic = 0};

/* The index in the message's list, and in the workload's, of a mailbox. */
static uint32_t index_of(struct p1_rig *r, uint32_t mailbox)
{
    const struct msg m = workload_message(&r->g->r->work, NUMBER);

    return m.to[0] == mailbox ? 0 : 1;
}

static struct event newest(struct p1_rig *r)
{
    struct event ev = {0};

    CHECK_U64(p1_rig_news(r, EV_REPORT, &ev), 1);
    CHECK_U64(ev.slot, NUMBER * 4);
    CHECK_U64(ev.place, OURS);
    return ev;
}

/* A report that joanne-1 (mailbox 0) did not get message 41; to be changed. */
static struct p1_report *about_joanne(struct p1_rig *r, const char *id)
{
    struct p1_fate fate = failed;

    fate.recipient = index_of(r, 0);
    return p1_rig_report(r, p1_rig_message(r, NUMBER, X400_1988), id, &fate, 1);
}

static struct event take(struct p1_rig *r, const struct p1_report *report)
{
    p1_rig_take_report(r, report);
    return newest(r);
}

static void open_rig(struct p1_rig *r)
{
    p1_rig_open(r);
    p1_rig_begin(r);
}

static void a_non_delivery_is_of_whom_it_names(void)
{
    struct p1_rig r;

    open_rig(&r);
    struct event ev = take(&r, about_joanne(&r, "R1"));

    CHECK_U64(ev.a, 0);
    CHECK_U64(ev.code, event_report(REPORT_FAILED, REPORT_TO_ORIGINATOR, EVENT_X400, 1, 0));
    CHECK_U64(p1_listener_counts(r.l)->reports, 1);
    CHECK_U64(p1_listener_counts(r.l)->foreign, 0);
    p1_rig_close(&r);
}

static void one_report_speaks_of_several_recipients(void)
{
    const struct p1_fate fates[] = {
        {.recipient = 0, .delivered = true, .time = slice_of("261121120001Z")},
        {.recipient = 1, .reason = 0, .diagnostic = P1_NONE}};
    struct p1_rig r;
    char line[100];

    open_rig(&r);
    const struct msg m = workload_message(&r.g->r->work, NUMBER);

    p1_rig_take_report(&r,
                       p1_rig_report(&r, p1_rig_message(&r, NUMBER, X400_1988), "R1", fates, 2));
    const char *all = fake_run_events(r.g->r, EV_REPORT);

    (void)snprintf(line, sizeof line, "place=3 code=%u a=%u ",
                   event_report(REPORT_DELIVERED, REPORT_TO_ORIGINATOR, EVENT_X400, 511, 511),
                   m.to[0]);
    CHECK_HAS(all, line);
    (void)snprintf(line, sizeof line, "place=3 code=%u a=%u ",
                   event_report(REPORT_FAILED, REPORT_TO_ORIGINATOR, EVENT_X400, 0, 511), m.to[1]);
    CHECK_HAS(all, line);
    CHECK_U64(p1_rig_news(&r, EV_REPORT, NULL), 2);
    p1_rig_close(&r);
}

static void the_form_of_1984_and_any_key_will_do(void)
{
    struct p1_rig r;

    open_rig(&r);
    struct p1_report *report = about_joanne(&r, "R1");

    p1_listener_take(r.l, p1_rig_report_octets(&r, report, X400_1984));
    CHECK_U64(newest(&r).a, 0);
    report->subject.local = slice_of("S1-261121120000Z-1");
    CHECK_U64(take(&r, report).a, 0); /* by content identifier */
    report->content_id = slice_from(NULL, 0);
    CHECK_U64(take(&r, report).a, 0); /* by correlator */
    report->content_extensions.count = 0;
    CHECK(report->returned.n > 0);
    CHECK_U64(take(&r, report).a, 0); /* by the returned content */
    report->returned = slice_from(NULL, 0);
    p1_rig_take_report(&r, report);
    CHECK_U64(p1_rig_news(&r, EV_REPORT, NULL), 0);
    CHECK_U64(p1_rig_news(&r, EV_FINDING, NULL), 1);
    p1_rig_close(&r);
}

/* ---- whom ---- */

static void the_alternates_address_means_the_alternate(void)
{
    struct p1_rig r;

    open_rig(&r);
    struct p1_message *m = p1_rig_message(&r, NUMBER, X400_1988);
    const struct oraddr alternate = p1_rig_mailbox(&r, 2);
    struct p1_fate fate = failed;

    fate.recipient = index_of(&r, 0);
    CHECK(p1_redirect(&m->recipients[fate.recipient], &alternate, 0, slice_of("261121120000Z"),
                      r.arena));
    struct p1_report *report = p1_rig_report(&r, m, "R1", &fate, 1);

    CHECK(report->recipients[0].redirected);
    struct event ev = take(&r, report);

    CHECK_U64(ev.a, 2);
    CHECK(!(ev.code & (REPORT_WEAK | REPORT_MALFORMED)));
    /* The alternate by a name of which we know nothing: whom it was intended for tells. */
    report->recipients[0].actual = p1_rig_name(&r, "c=US;a= ;p=LAB;o=OTHER;s=Deputy");
    ev = take(&r, report);
    CHECK_U64(ev.a, 2);
    CHECK(!(ev.code & (REPORT_WEAK | REPORT_MALFORMED)));
    /* Nobody is his alternate: then it is about him, as far as one can tell. */
    r.mailboxes[0].alternate = SITE_NONE;
    ev = take(&r, report);
    CHECK_U64(ev.a, 0);
    CHECK(ev.code & REPORT_WEAK);
    p1_rig_close(&r);
}

static void an_alternate_that_an_action_sets_is_known(void)
{
    struct p1_rig r;

    open_rig(&r);
    r.mailboxes[0].alternate = SITE_NONE;
    r.action = (struct action_profile){.kind = ACT_ALTERNATE, .group = 0, .alternate = 2};
    r.g->r->profile.actions = &r.action;
    r.g->r->profile.action_count = 1;
    struct p1_report *report = about_joanne(&r, "R1");

    report->recipients[0].actual = p1_rig_mailbox(&r, 4); /* joe-1 of group 2 */
    struct event ev = take(&r, report);

    CHECK_U64(ev.a, 4);
    CHECK(!(ev.code & REPORT_WEAK));
    report->recipients[0].actual = p1_rig_mailbox(&r, 5); /* would be joanne-2's */
    CHECK_U64(take(&r, report).a, 5);
    report->recipients[0].actual = p1_rig_name(&r, "c=US;a= ;p=LAB;o=OTHER;s=Deputy");
    report->recipients[0].redirected = true;
    report->recipients[0].intended = p1_rig_mailbox(&r, 0);
    CHECK_U64(take(&r, report).a, 4);
    p1_rig_close(&r);
}

static void an_address_that_nobody_has_leaves_the_number(void)
{
    struct p1_rig r;

    open_rig(&r);
    struct p1_report *report = about_joanne(&r, "R1");

    report->recipients[0].actual = p1_rig_name(&r, "c=US;a= ;p=LAB;o=MOVED;s=Somebody");
    struct event ev = take(&r, report);

    CHECK_U64(ev.a, 0);
    CHECK_U64(ev.code, event_report(REPORT_FAILED, REPORT_TO_ORIGINATOR, EVENT_X400, 1, 0));
    p1_rig_close(&r);
}

static void where_address_and_number_disagree_the_messages_own_are_believed(void)
{
    struct p1_rig r;

    open_rig(&r);
    struct p1_report *report = about_joanne(&r, "R1");

    report->recipients[0].actual = p1_rig_mailbox(&r, 1); /* the other recipient */
    struct event ev = take(&r, report);

    CHECK_U64(ev.a, 1);
    CHECK(!(ev.code & REPORT_WEAK));
    report->recipients[0].actual = p1_rig_mailbox(&r, 3); /* the other one's alternate */
    CHECK_U64(take(&r, report).a, 3);
    report->recipients[0].actual = p1_rig_mailbox(&r, 5); /* one who has nothing to do with it */
    ev = take(&r, report);
    CHECK_U64(ev.a, 0);
    CHECK(ev.code & REPORT_WEAK);
    p1_rig_close(&r);
}

static void a_number_that_cannot_be_is_malformed(void)
{
    static const int32_t numbers[] = {0, -7, 3, 32767, P1_NONE};
    struct p1_rig r;

    open_rig(&r);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        struct p1_report *report = about_joanne(&r, "R1");
        struct p1_reported *to = &report->recipients[0];

        to->number = numbers[i];
        struct event ev = take(&r, report);

        CHECK_U64(ev.a, 0);
        CHECK(ev.code & REPORT_MALFORMED);
        CHECK(!(ev.code & REPORT_WEAK));
        to->actual = p1_rig_name(&r, "c=US;a= ;p=LAB;o=MOVED;s=Somebody");
        ev = take(&r, report);
        CHECK_U64(ev.a, NO_INDEX);
        CHECK_U64(ev.code & (REPORT_MALFORMED | REPORT_WEAK), REPORT_MALFORMED | REPORT_WEAK);
        to->redirected = true; /* only whom it was meant for is left */
        to->intended = p1_rig_mailbox(&r, 0);
        CHECK_U64(take(&r, report).a, 2);
    }
    p1_rig_close(&r);
}

static void what_a_report_must_say_and_does_not_is_malformed(void)
{
    struct p1_rig r;

    open_rig(&r);
    struct p1_report *report = about_joanne(&r, "R1");

    report->recipients[0].arrival = slice_from(NULL, 0);
    CHECK(take(&r, report).code & REPORT_MALFORMED);
    report = about_joanne(&r, "");
    CHECK(take(&r, report).code & REPORT_MALFORMED);
    p1_rig_close(&r);
}

/* ---- what it says ---- */

static void loops_are_told(void)
{
    static const struct {
        int32_t reason, diagnostic;
        bool loop;
    } rows[] = {{1, 3, true}, {0, 27, true}, {1, 0, false}, {3, 1, false}, {0, P1_NONE, false}};
    struct p1_rig r;

    open_rig(&r);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct p1_report *report = about_joanne(&r, "R1");

        report->recipients[0].reason = rows[i].reason;
        report->recipients[0].diagnostic = rows[i].diagnostic;
        uint32_t code = take(&r, report).code;

        CHECK_U64((code & REPORT_LOOP) != 0, rows[i].loop);
        CHECK_U64(code & REPORT_WRONG_STATUS, 0);
        CHECK_U64(code >> 11 & 511, (uint32_t)rows[i].reason);
        CHECK_U64(code >> 20 & 511, rows[i].diagnostic == P1_NONE ? 511 : rows[i].diagnostic);
    }
    p1_rig_close(&r);
}

static void codes_beyond_the_standard_stay_within_their_bits(void)
{
    struct p1_rig r;

    open_rig(&r);
    struct p1_report *report = about_joanne(&r, "R1");

    report->recipients[0].reason = 100000;
    report->recipients[0].diagnostic = -5;
    uint32_t code = take(&r, report).code;

    CHECK_U64(code, event_report(REPORT_FAILED, REPORT_TO_ORIGINATOR, EVENT_X400, 511, 511));
    p1_rig_close(&r);
}

static void a_report_to_somebody_else_is_not_the_originators(void)
{
    struct p1_rig r;

    open_rig(&r);
    const struct msg m = workload_message(&r.g->r->work, NUMBER);
    struct p1_report *report = about_joanne(&r, "R1");

    report->destination = p1_rig_mailbox(&r, m.from == FRED_1 ? FRED_2 : FRED_1);
    CHECK(!(take(&r, report).code & REPORT_TO_ORIGINATOR));
    report->destination = p1_rig_name(&r, "c=US;a= ;p=POSTMUSTER;o=FLOOD;s=nobody");
    CHECK(!(take(&r, report).code & REPORT_TO_ORIGINATOR));
    p1_rig_close(&r);
}

/* ---- again, others', canaries ---- */

static void the_same_report_again_is_the_same(void)
{
    struct p1_rig r;

    open_rig(&r);
    struct event first = take(&r, about_joanne(&r, "R1")), again = take(&r, about_joanne(&r, "R1"));
    struct event other = take(&r, about_joanne(&r, "R2"));

    CHECK_U64(again.b, first.b);
    CHECK_U64(again.code, first.code);
    CHECK(other.b != first.b);
    p1_rig_close(&r);
}

static void strangers_reports_are_found_once(void)
{
    struct event ev = {0};
    struct p1_rig r;

    open_rig(&r);
    r.g->key.mac.k0 ^= 1; /* another run's */
    const struct msg m = workload_message(&r.g->r->work, NUMBER);
    struct p1_report *report = about_joanne(&r, "R1");

    r.g->key.mac.k0 ^= 1;
    for (unsigned i = 0; i < 3; i++)
        p1_rig_take_report(&r, report);
    CHECK_U64(p1_rig_news(&r, EV_REPORT, NULL), 0);
    CHECK_U64(p1_rig_news(&r, EV_FINDING, &ev), 1);
    CHECK_U64(ev.code, FIND_FOREIGN);
    CHECK_U64(ev.a, m.from);
    CHECK_U64(p1_listener_counts(r.l)->foreign, 3);
    CHECK_U64(p1_listener_counts(r.l)->refused, 0); /* it is ours to keep */
    p1_rig_close(&r);
}

static void a_report_that_cannot_be_read_is_found_and_kept(void)
{
    struct event ev = {0};
    struct p1_rig r;

    open_rig(&r);
    struct p1_report *report = about_joanne(&r, "R1");

    report->recipient_count = 0;
    p1_rig_take_report(&r, report);
    CHECK_U64(p1_rig_news(&r, EV_REPORT, NULL), 0);
    CHECK_U64(p1_rig_news(&r, EV_FINDING, &ev), 1);
    CHECK_U64(ev.code, FIND_UNREADABLE_REPORT);
    CHECK_U64(p1_listener_counts(r.l)->reports, 1);
    CHECK_U64(p1_listener_counts(r.l)->refused, 0);
    p1_rig_close(&r);
}

static void trash_is_no_report(void)
{
    struct p1_rig r;

    open_rig(&r);
    struct slice whole = p1_rig_report_octets(&r, about_joanne(&r, "R1"), X400_1988);
    unsigned char *copy = arena_bytes(r.arena, whole.n);

    for (size_t n = 0; n < whole.n; n++)
        p1_listener_take(r.l, slice_from(whole.p, n));
    CHECK_U64(p1_rig_news(&r, EV_REPORT, NULL), 0);
    for (size_t i = 0; i < whole.n; i++) { /* whatever an octet says, no other message is hit */
        struct event ev = {0};

        memcpy(copy, whole.p, whole.n);
        copy[i] ^= 0xff;
        p1_listener_take(r.l, slice_from(copy, whole.n));
        unsigned n = p1_rig_news(&r, EV_REPORT, &ev);

        CHECK(n <= 1 && (n == 0 || ev.slot == NUMBER * 4));
    }
    p1_rig_close(&r);
}

static void a_canarys_failure_counts_at_its_originator(void)
{
    struct event ev = {0};
    struct p1_rig r;

    open_rig(&r);
    uint64_t number = r.g->r->work.planned;
    const struct msg m = workload_message(&r.g->r->work, number);
    struct p1_message *message = p1_rig_message(&r, number, X400_1988);
    struct p1_report *report = p1_rig_report(&r, message, "R1", &failed, 1);

    report->destination = p1_rig_mailbox(&r, m.from == FRED_1 ? FRED_2 : FRED_1);
    p1_rig_take_report(&r, report);
    CHECK_U64(p1_rig_news(&r, EV_CANARY, NULL), 0);
    CHECK_U64(r.canary, UINT64_MAX);
    report->destination = message->originator;
    p1_rig_take_report(&r, report);
    CHECK_U64(p1_rig_news(&r, EV_CANARY, &ev), 1);
    CHECK_U64(ev.slot, number);
    CHECK_U64(ev.a, m.from);
    CHECK_U64(ev.code, CANARY_REPORTED);
    CHECK_U64(r.canary, number);
    CHECK_U64(p1_rig_news(&r, EV_REPORT, NULL), 0);
    p1_rig_close(&r);
}

static void raw_reports_are_kept_once_as_they_came(void)
{
    struct p1_rig r;
    char dir[400], path[1200];
    unsigned files = 0;

    p1_rig_open(&r);
    (void)snprintf(dir, sizeof dir, "%s", scratch_dir("reports-p1"));
    r.g->c.reports_dir = dir;
    correlate_destroy(r.g->c.correlate);
    r.g->c.correlate = correlate_create(&r.g->c, NULL, NULL);
    p1_rig_begin(&r);
    struct p1_report *report = about_joanne(&r, "R1");
    struct slice octets = p1_rig_report_octets(&r, report, X400_1988);

    p1_rig_take_report(&r, report);
    p1_rig_take_report(&r, report);
    DIR *d = opendir(dir);

    for (struct dirent *f; d && (f = readdir(d));) {
        if (!strstr(f->d_name, ".p1"))
            continue;
        (void)snprintf(path, sizeof path, "%s/%s", dir, f->d_name);
        size_t n = 0;
        char *text = scratch_read(path, &n);

        files++;
        CHECK(text && CHECK_MEM(text, n, octets.p, octets.n));
        free(text);
    }
    if (d)
        (void)closedir(d);
    CHECK_U64(files, 1);
    p1_rig_close(&r);
}

static const struct test tests[] = {
    TEST(a_non_delivery_is_of_whom_it_names),
    TEST(one_report_speaks_of_several_recipients),
    TEST(the_form_of_1984_and_any_key_will_do),
    TEST(the_alternates_address_means_the_alternate),
    TEST(an_alternate_that_an_action_sets_is_known),
    TEST(an_address_that_nobody_has_leaves_the_number),
    TEST(where_address_and_number_disagree_the_messages_own_are_believed),
    TEST(a_number_that_cannot_be_is_malformed),
    TEST(what_a_report_must_say_and_does_not_is_malformed),
    TEST(loops_are_told),
    TEST(codes_beyond_the_standard_stay_within_their_bits),
    TEST(a_report_to_somebody_else_is_not_the_originators),
    TEST(the_same_report_again_is_the_same),
    TEST(strangers_reports_are_found_once),
    TEST(a_report_that_cannot_be_read_is_found_and_kept),
    TEST(trash_is_no_report),
    TEST(a_canarys_failure_counts_at_its_originator),
    TEST(raw_reports_are_kept_once_as_they_came),
    TEST_END,
};

const struct suite ndr_p1_suite = {"ndr_p1", tests};
