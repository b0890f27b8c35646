/* test_imap_hostile.c - mailboxes and servers that nobody wishes for: bounded, journalled, nothing counted twice or lost.
 *
 * Codes of a scan: 1 complete + 2 absent + 4 reset. The site is rig.h's; the probe watches mailbox 0 on server 0.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "tests/probes/rig.h"
#include "tests/support/check.h"

#define MAILS 20

static struct rig *begin(unsigned mails)
{
    struct rig *g = rig_create("imap_hostile");

    for (unsigned n = 0; n < mails; n++)
        rig_put(g, 0, n);
    return g;
}

static unsigned count_code(struct rig *g, enum event_kind kind, uint32_t bits)
{
    unsigned n = 0;

    (void)fake_run_count(g->r, kind); /* out of the journal's block */
    for (uint32_t i = 0; i < g->r->event_count; i++)
        n += g->r->events[i].kind == kind && (g->r->events[i].code & bits) == bits;
    return n;
}

/* What a ledger would count: copies seen in the newest epoch that any were seen in, and those of it that are not intact. */
static unsigned copies_now(struct rig *g, unsigned *corrupt)
{
    uint64_t newest = 0;
    unsigned n = 0;

    *corrupt = 0;
    (void)fake_run_count(g->r, EV_SEEN);
    for (uint32_t i = 0; i < g->r->event_count; i++)
        if (g->r->events[i].kind == EV_SEEN && g->r->events[i].b > newest)
            newest = g->r->events[i].b;
    for (uint32_t i = 0; i < g->r->event_count; i++) {
        const struct event *ev = &g->r->events[i];

        if (ev->kind != EV_SEEN || ev->b != newest)
            continue;
        n++;
        *corrupt += (ev->code & SEEN_CORRUPT) != 0;
    }
    return n;
}

static void check_all_there(struct rig *g, unsigned mails)
{
    unsigned corrupt;

    CHECK_U64(copies_now(g, &corrupt), mails);
    CHECK_U64(corrupt, 0);
    CHECK_U64(count_code(g, EV_GONE, 0), 0);
}

/* ---- 100,000 messages of others ---- */

static void a_hundred_thousand_foreign_messages_are_read_once(void)
{
    struct rig *g = begin(3);
    uint64_t began_ns = clock_mono_ns();
    struct probe *p;
    uint32_t fetches;

    for (unsigned i = 0; i < 100000; i++) {
        char mail[300];
        int n = snprintf(mail, sizeof mail,
                         "From: someone@elsewhere.example\r\nMessage-ID: <%u@elsewhere.example>\r\n"
                         "Subject: number %u\r\n\r\nNobody asked for this.\r\n",
                         i, i);

        fake_imap_add(&g->imap[0], mail, (size_t)n);
    }
    rig_put(g, 0, 3);
    p = rig_open_imap(g);
    rig_wait(g, 60000);
    CHECK_U64(fake_run_count(g->r, EV_SEEN), 4);
    CHECK_U64(count_code(g, EV_FINDING, FIND_FOREIGN), 100000);
    CHECK(p->complete_ns > 0);
    fetches = g->imap[0].fetches;
    CHECK_BETWEEN(fetches, 20, 26); /* 5,000 a command */
    p->ops->scan(p);
    rig_wait(g, 2000);
    fake_imap_bye(&g->imap[0], "* BYE restarting\r\n");
    rig_put(g, 0, 4);
    rig_wait(g, 3000);
    CHECK_U64(g->imap[0].log_ons, 2);
    CHECK_U64(fake_run_count(g->r, EV_SEEN), 5);
    CHECK_U64(count_code(g, EV_FINDING, FIND_FOREIGN), 100000);
    CHECK_BETWEEN(g->imap[0].fetches - fetches, 1, 2);
    CHECK_BETWEEN((double)(clock_mono_ns() - began_ns) / 1e9, 0, 60);
    rig_close_imap(g, p);
}

/* ---- sessions that break ---- */

static void a_connection_cut_in_the_middle_of_a_text_loses_and_repeats_nothing(void)
{
    struct rig *g = begin(MAILS);
    struct probe *p;

    g->imap[0].cut_after = 7;
    p = rig_open_imap(g);
    rig_wait(g, 3000);
    check_all_there(g, MAILS);
    CHECK_U64(fake_run_count(g->r, EV_SEEN), MAILS);
    CHECK_U64(count_code(g, EV_FINDING, FIND_PROBE_FAILED), 1);
    CHECK_U64(p->failures, 1);
    CHECK_U64(g->imap[0].log_ons, 2);
    rig_close_imap(g, p);
}

static void check_lie(const char *literal)
{
    struct rig *g = begin(MAILS);
    struct probe *p;

    g->imap[0].literal = literal;
    p = rig_open_imap(g);
    rig_wait(g, 300000);
    CHECK_U64(fake_run_count(g->r, EV_SCAN), 0);
    CHECK_U64(fake_run_count(g->r, EV_SEEN), 0);
    CHECK(p->refused);
    CHECK_BETWEEN(count_code(g, EV_FINDING, FIND_PROBE_FAILED), 4, 250); /* ever more seldom */
    g->imap[0].literal = NULL;
    rig_wait(g, 70000);
    check_all_there(g, MAILS);
    CHECK_U64(fake_run_count(g->r, EV_SEEN), MAILS);
    CHECK(!p->refused);
    rig_close_imap(g, p);
}

static void lies_about_sizes_of_texts_complete_nothing_and_count_nothing(void)
{
    static const char *const lies[] = {
        "{100}",
        "{1}",
        "{0}", /* too short */
        "{2000}",
        "{60000}", /* too long: over the next ones, over all of them */
        "{-5}",
        "{4294967296}",
        "{4294967295}",
        "{18446744073709551617}",
        "{67108865}",
        "{}",
        "{+}",
        "{12 }",
        "{99999999999999999999999999999999}"};

    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++)
        check_lie(lies[i]);
}

static void a_uidvalidity_that_changes_while_texts_are_read_voids_what_was_read(void)
{
    struct rig *g = begin(MAILS + 1);
    struct probe *p;

    fake_imap_remove(&g->imap[0], MAILS + 1);
    fake_imap_remove(&g->imap[0], 1); /* so that every UID changes */
    g->imap[0].renumbers = true;
    p = rig_open_imap(g);
    rig_wait(g, 3000);
    check_all_there(g, MAILS - 1);
    CHECK(count_code(g, EV_SCAN, SCAN_COMPLETE | SCAN_RESET) >= 1);
    CHECK_U64(count_code(g, EV_SCAN, SCAN_ABSENT), 0);
    rig_put(g, 0, 500);
    rig_wait(g, 1000);
    check_all_there(g, MAILS);
    rig_close_imap(g, p);
}

/* ---- a minute without log-on ---- */

static void check_minute(const char *greeting, const char *refusal)
{
    struct rig *g = begin(MAILS);
    struct probe *p = rig_open_imap(g);
    unsigned scans;

    rig_wait(g, 2000);
    scans = fake_run_count(g->r, EV_SCAN);
    g->imap[0].greeting = greeting;
    g->imap[0].refusal = refusal;
    fake_imap_bye(&g->imap[0], "* BYE being moved\r\n");
    p->ops->scan(p);
    rig_wait(g, 60000);
    CHECK_U64(fake_run_count(g->r, EV_SCAN), scans); /* neither complete nor absent */
    CHECK_U64(fake_run_count(g->r, EV_GONE), 0);
    CHECK(p->refused && !p->absent);
    CHECK(p->why[0] != '\0');
    CHECK_BETWEEN(g->imap[0].log_ons, greeting ? 1 : 5, 700);
    g->imap[0].greeting = g->imap[0].refusal = NULL;
    rig_put(g, 0, 100);
    rig_wait(g, 4000);
    CHECK(!p->refused);
    check_all_there(g, MAILS + 1);
    CHECK_U64(fake_run_count(g->r, EV_SEEN), MAILS + 1);
    rig_close_imap(g, p);
}

static void log_on_refused_for_a_minute_makes_nothing_absent(void)
{
    check_minute(NULL, "NO [UNAVAILABLE] Temporary authentication failure.");
    check_minute(NULL, "NO [INUSE] mailbox is being moved");
    check_minute(NULL, "NO Mailbox is locked by another session, try again");
    check_minute("* BYE server shutting down\r\n", NULL);
    check_minute("550 what\r\n", NULL);
}

static void a_referral_means_that_the_mailbox_is_elsewhere(void)
{
    struct rig *g = begin(MAILS);
    struct probe *p;

    g->imap[0].no_mailbox = "NO [REFERRAL imap://joanne-1;AUTH=*@s2/INBOX] not here any more";
    p = rig_open_imap(g);
    rig_wait(g, 500);
    CHECK(p->absent);
    CHECK_U64(count_code(g, EV_SCAN, SCAN_ABSENT), 1);
    g->imap[0].no_mailbox = "NO Mailbox does not exist"; /* Cyrus 3.6 */
    rig_wait(g, 500);
    CHECK(p->absent);
    g->imap[0].no_mailbox = "NO Mailbox has been moved to another server"; /* it is being moved */
    p->ops->scan(p);
    rig_wait(g, 500);
    CHECK_U64(count_code(g, EV_SCAN, SCAN_COMPLETE), 1);
    CHECK_U64(fake_run_count(g->r, EV_SEEN), 0);
    rig_close_imap(g, p);
}

static const struct test tests[] = {
    TEST(a_hundred_thousand_foreign_messages_are_read_once),
    TEST(a_connection_cut_in_the_middle_of_a_text_loses_and_repeats_nothing),
    TEST(lies_about_sizes_of_texts_complete_nothing_and_count_nothing),
    TEST(a_uidvalidity_that_changes_while_texts_are_read_voids_what_was_read),
    TEST(log_on_refused_for_a_minute_makes_nothing_absent),
    TEST(a_referral_means_that_the_mailbox_is_elsewhere),
    TEST_END,
};
const struct suite imap_hostile_suite = {"imap_hostile", tests};
