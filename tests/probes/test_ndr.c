/* test_ndr.c - whose message a report is about, which mailbox it names, and what is kept of it. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probes/ndr.h"
#include "tests/probes/rig.h"
#include "tests/support/check.h"
#include "tests/support/scratch.h"

static uint64_t canary;

static void on_canary(void *owner, uint64_t number)
{
    (void)owner;
    canary = number;
}

/* An Exchange report about message n, naming `whom`; arrives at the mailbox `at`. Returns the newest EV_REPORT line. */
static const char *take_text(struct rig *g, struct ndr *n, uint64_t number, const char *whom,
                             const char *sentence, uint32_t at)
{
    char token[40], mail[2000];
    const char *all;

    (void)snprintf(
        mail, sizeof mail,
        "Return-Path: <>\r\nFrom: System Administrator <postmaster@lab.test>\r\n"
        "Subject: Undeliverable: hello [%s]\r\nMessage-ID: <report-1@s1.lab.test>\r\n\r\n"
        "Your message did not reach some or all of the intended recipients.\r\n\r\n"
        "  Subject: hello\r\n  Sent: 1/2/98 3:04 PM\r\n\r\n"
        "The following recipient(s) could not be reached:\r\n\r\n"
        "  %s on 1/2/98 3:05 PM\r\n    %s\r\n    MSEXCH:MSExchangeMTA:SITE:S1\r\n",
        rig_token(g, number, token), whom, sentence);
    CHECK_U64(ndr_take(n, slice_of(mail), at, 2, 1000), NDR_TAKEN);
    all = fake_run_events(g->r, EV_REPORT);
    for (const char *next = all; (next = strchr(next, '\n')) && next[1];)
        all = ++next;
    return all;
}

#define COMMS "Unable to deliver the message due to a communications failure"

static void a_report_belongs_to_the_mailbox_it_names(void)
{
    struct rig *g = rig_create("ndr");
    struct ndr *n = ndr_create(&g->c, on_canary, NULL);
    struct msg m = workload_message(&g->r->work, 41);

    CHECK_HAS(take_text(g, n, 41, "joanne-1@lab.test", COMMS, m.from), " a=0 ");
    CHECK_HAS(take_text(g, n, 41, "joanne-1@lab.test", COMMS, m.from), " slot=82\n");
    CHECK_HAS(take_text(g, n, 41, "alt-1@lab.test", COMMS, m.from), " a=2 ");
    CHECK_HAS(take_text(g, n, 41, "joanne-2", COMMS, m.from), " a=1 ");
    CHECK_HAS(take_text(g, n, 41, "c=US;a= ;p=LAB;dda:MSXCHNGE=//o=LAB//cn=RECIPIENTS//cn=ALT-2;",
                        COMMS, m.from),
              " a=3 ");
    CHECK_HAS(take_text(g, n, 41, "Somebody Else", COMMS, m.from), " a=-1 ");
    CHECK_HAS(take_text(g, n, 41, "joanne-1+pm.x@lab.test", COMMS, m.from), " a=0 ");
    ndr_destroy(n);
    rig_destroy(g);
}

static uint32_t newest_code(struct rig *g)
{
    (void)fake_run_count(g->r, EV_REPORT); /* flushes */
    return g->r->events[g->r->event_count - 1].code;
}

static void flags_say_who_got_it_and_how_far_to_trust_it(void)
{
    struct rig *g = rig_create("ndr");
    struct ndr *n = ndr_create(&g->c, on_canary, NULL);
    struct msg m = workload_message(&g->r->work, 41);
    uint32_t code;

    (void)take_text(g, n, 41, "joanne-1@lab.test", COMMS, m.from);
    code = newest_code(g);
    CHECK_U64(code & 7, REPORT_FAILED);
    CHECK(code & REPORT_TO_ORIGINATOR);
    CHECK(!(code & (REPORT_MALFORMED | REPORT_WEAK | REPORT_LOOP | REPORT_WRONG_STATUS)));
    CHECK_U64(code >> 8 & 7, 5);
    CHECK_U64(code >> 11 & 511, 4);
    (void)take_text(g, n, 41, "nobody",
                    "The recipient was detected looping within the message transfer service",
                    m.from == 4 ? 5 : 4);
    code = newest_code(g);
    CHECK(!(code & REPORT_TO_ORIGINATOR));
    CHECK(code & REPORT_WEAK);
    CHECK(code & REPORT_LOOP);
    ndr_destroy(n);
    rig_destroy(g);
}

static void exchanges_text_is_well_formed_and_what_only_looks_like_a_report_is_not(void)
{
    struct rig *g = rig_create("ndr");
    struct ndr *n = ndr_create(&g->c, on_canary, NULL);
    char mail[1000], token[40];

    (void)take_text(g, n, 41, "joanne-1@lab.test", COMMS, 4);
    CHECK(!(newest_code(g) & REPORT_MALFORMED));
    (void)take_text(g, n, 41, "joanne-1@lab.test", "The dog ate it", 4);
    CHECK(newest_code(g) & REPORT_MALFORMED);
    (void)snprintf(mail, sizeof mail,
                   "From: MAILER-DAEMON@s1\r\nSubject: failure notice %s\r\n\r\n"
                   "could not be delivered:\r\n<joanne-1@lab.test>:\r\n",
                   rig_token(g, 7, token));
    CHECK_U64(ndr_take(n, slice_of(mail), 4, 2, 0), NDR_TAKEN);
    CHECK(newest_code(g) & REPORT_MALFORMED);
    ndr_destroy(n);
    rig_destroy(g);
}

static void only_failed_is_failed(void)
{
    static const struct {
        const char *action, *status;
        unsigned kind;
        bool wrong;
    } cases[] = {
        {"failed", "5.1.1", REPORT_FAILED, false},
        {"failed", "4.4.7", REPORT_FAILED, false},
        {"failed", "2.0.0", REPORT_FAILED, true},
        {"delayed", "4.4.1", REPORT_DELAYED, false},
        {"delivered", "2.0.0", REPORT_DELIVERED, false},
        {"relayed", "2.0.0", REPORT_RELAYED, false},
        {"expanded", "2.0.0", REPORT_EXPANDED, false},
        {"pondered", "", REPORT_DELAYED, false},
    };
    struct rig *g = rig_create("ndr");
    struct ndr *n = ndr_create(&g->c, on_canary, NULL);
    char mail[2000], token[40];

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        (void)snprintf(
            mail, sizeof mail,
            "From: MAILER-DAEMON@s1\r\nContent-Type: multipart/report; boundary=b\r\n\r\n"
            "--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; s1\r\n"
            "Original-Envelope-Id: %s\r\n\r\nFinal-Recipient: rfc822;joanne-1@lab.test\r\n"
            "Action: %s\r\nStatus: %s\r\n\r\n--b--\r\n",
            rig_token(g, 7, token), cases[i].action, cases[i].status);
        CHECK_U64(ndr_take(n, slice_of(mail), 4, 2, 0), NDR_TAKEN);
        CHECK_U64(newest_code(g) & 7, cases[i].kind);
        CHECK_U64((newest_code(g) & REPORT_WRONG_STATUS) != 0, cases[i].wrong);
        CHECK(!(newest_code(g) & REPORT_MALFORMED));
    }
    ndr_destroy(n);
    rig_destroy(g);
}

#define ABOUT_JOANNE                                                                               \
    "From: MAILER-DAEMON@s1\r\nSubject: Delivery status notification\r\nContent-Type: "            \
    "multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n%s\r\n--b\r\nContent-Type: message/"            \
    "delivery-status\r\n\r\nReporting-MTA: dns; s1\r\n\r\nFinal-Recipient: rfc822;joanne-1@"       \
    "lab.test\r\nAction: %s\r\nStatus: %s\r\n\r\n--b\r\nContent-Type: text/rfc822-headers\r\n"     \
    "\r\nX-Postmuster: %s\r\n\r\n--b--\r\n"

/* OpenSMTPD 6.8's last notice: "delayed", and the message is deleted. */
static void a_delay_that_says_expired_is_a_failure_with_the_wrong_status(void)
{
    struct rig *g = rig_create("ndr");
    struct ndr *n = ndr_create(&g->c, on_canary, NULL);
    char mail[2000], token[40];

    (void)snprintf(mail, sizeof mail, ABOUT_JOANNE, "joanne-1@lab.test: Envelope expired",
                   "delayed", "4.4.7", rig_token(g, 7, token));
    CHECK_U64(ndr_take(n, slice_of(mail), 4, 2, 0), NDR_TAKEN);
    CHECK_U64(newest_code(g) & 7, REPORT_FAILED);
    CHECK(newest_code(g) & REPORT_WRONG_STATUS);
    (void)snprintf(mail, sizeof mail, ABOUT_JOANNE, "joanne-1@lab.test: Connection refused",
                   "delayed", "4.4.7", rig_token(g, 7, token));
    CHECK_U64(ndr_take(n, slice_of(mail), 4, 2, 0), NDR_TAKEN);
    CHECK_U64(newest_code(g) & 7, REPORT_DELAYED);
    CHECK(!(newest_code(g) & REPORT_WRONG_STATUS));
    ndr_destroy(n);
    rig_destroy(g);
}

static void a_report_of_success_is_no_sighting(void)
{
    static const char *const actions[] = {"delivered", "relayed", "expanded"};
    struct rig *g = rig_create("ndr");
    struct ndr *n = ndr_create(&g->c, on_canary, NULL);
    char mail[2000], token[40];

    for (size_t i = 0; i < 3; i++) {
        (void)snprintf(mail, sizeof mail, ABOUT_JOANNE, "It went well.", actions[i], "2.0.0",
                       rig_token(g, 7, token));
        CHECK_U64(ndr_take(n, slice_of(mail), 4, 2, 0), NDR_TAKEN);
        CHECK(newest_code(g) % 8 != REPORT_FAILED);
    }
    CHECK_U64(fake_run_count(g->r, EV_REPORT), 3);
    CHECK_U64(fake_run_count(g->r, EV_SEEN), 0);
    ndr_destroy(n);
    rig_destroy(g);
}

/* The right syntax and the wrong MAC: every character of a genuine one changed in turn. */
static void a_forged_token_belongs_to_nobody(void)
{
    struct rig *g = rig_create("ndr");
    struct ndr *n = ndr_create(&g->c, on_canary, NULL);
    char mail[2000], token[40], forged[40];

    (void)rig_token(g, 7, token);
    for (size_t i = 3; i < strlen(token); i++) {
        memcpy(forged, token, sizeof forged);
        forged[i] = forged[i] == 'a' ? 'b' : 'a';
        (void)snprintf(mail, sizeof mail, ABOUT_JOANNE, forged, "failed", "5.1.1", forged);
        CHECK_U64(ndr_take(n, slice_of(mail), 4, 2, 0), NDR_FOREIGN);
    }
    CHECK_U64(fake_run_count(g->r, EV_REPORT), 0);
    /* Beside a genuine one it does no harm. */
    (void)snprintf(mail, sizeof mail, ABOUT_JOANNE, forged, "failed", "5.1.1", token);
    CHECK_U64(ndr_take(n, slice_of(mail), 4, 2, 0), NDR_TAKEN);
    CHECK_HAS(fake_run_events(g->r, EV_REPORT), " slot=14\n");
    CHECK_U64(fake_run_count(g->r, EV_REPORT), 1);
    ndr_destroy(n);
    rig_destroy(g);
}

static void a_products_words_are_well_formed_and_a_guess_is_weak(void)
{
    struct rig *g = rig_create("ndr");
    struct ndr *n = ndr_create(&g->c, on_canary, NULL);
    char mail[1000], token[40];

    (void)snprintf(
        mail, sizeof mail,
        "From: MAILER-DAEMON@s1\n\nHi. This is the qmail-send program at s1.\nI'm afraid "
        "I wasn't able to deliver your message to the following addresses.\n\n"
        "<joanne-1@lab.test>:\n550 5.1.1 none\n\n--- Below this line is a copy.\n\n"
        "Return-Path: <x@y>\nX-Postmuster: %s\n",
        rig_token(g, 7, token));
    CHECK_U64(ndr_take(n, slice_of(mail), 4, 2, 0), NDR_TAKEN);
    CHECK(!(newest_code(g) & (REPORT_MALFORMED | REPORT_WEAK)));
    CHECK_U64(newest_code(g) >> 11 & 511, 1);
    (void)snprintf(mail, sizeof mail,
                   "From: MAILER-DAEMON@s1\nSubject: failure notice\n\nIt failed.\n\nReturn-Path: "
                   "<x@y>\nTo: joanne-1@lab.test\nX-Postmuster: %s\n",
                   rig_token(g, 7, token));
    CHECK_U64(ndr_take(n, slice_of(mail), 4, 2, 0), NDR_TAKEN);
    CHECK(newest_code(g) & REPORT_MALFORMED);
    CHECK(newest_code(g) & REPORT_WEAK);
    ndr_destroy(n);
    rig_destroy(g);
}

/* 50 reports within one another, each about joanne-1, and the token in the innermost: one report. */
static void a_nest_of_reports_is_one_report(void)
{
    struct rig *g = rig_create("ndr");
    struct ndr *n = ndr_create(&g->c, on_canary, NULL);
    struct buf mail;
    char token[40];

    buf_init(&mail, 1u << 20);
    for (unsigned i = 0; i < 50; i++)
        CHECK(buf_add_format(&mail,
                             "From: MAILER-DAEMON@s1\nContent-Type: multipart/report; "
                             "boundary=n%u\n\n--n%u\nContent-Type: message/delivery-status\n\n"
                             "Final-Recipient: rfc822;joanne-1@lab.test\nAction: failed\n\n--n%u\n"
                             "Content-Type: message/rfc822\n\n",
                             i, i, i));
    CHECK(buf_add_format(&mail, "X-Postmuster: %s\n\nbody\n", rig_token(g, 7, token)));
    CHECK_U64(ndr_take(n, buf_slice(&mail), 4, 2, 0), NDR_TAKEN);
    CHECK_U64(fake_run_count(g->r, EV_REPORT), 1);
    buf_fini(&mail);
    ndr_destroy(n);
    rig_destroy(g);
}

static void the_alternates_address_wins_over_the_original_recipient(void)
{
    struct rig *g = rig_create("ndr");
    const struct report_recipient both = {.final = "alt-1@lab.test",
                                          .original = "joanne-1@lab.test"};
    const struct report_recipient alias = {.final = "x@elsewhere.test",
                                           .original = "joanne-2@lab.test"};
    const struct report_recipient none = {.final = "x@elsewhere.test", .original = ""};
    const struct site *s = &g->r->profile.site;

    CHECK_U64(ndr_mailbox(s, &both), 2);
    CHECK_U64(ndr_mailbox(s, &alias), 1);
    CHECK_U64(ndr_mailbox(s, &none), NO_INDEX);
    rig_destroy(g);
}

static void the_same_report_read_again_is_the_same(void)
{
    struct report named = {.message_id = "<1@s1>"}, bare = {.message_id = ""};
    struct slice first = slice_of("Received: a\r\nX-Seen: 1\r\nSubject: s\r\n\r\nbody\r\n");
    struct slice again = slice_of("Received: b\r\nReturn-Path: <>\r\nSubject: s\r\n\r\nbody\r\n");
    struct slice other = slice_of("Received: b\r\nSubject: s\r\n\r\nother body\r\n");

    CHECK_U64(ndr_fingerprint(&bare, first, 1), ndr_fingerprint(&bare, again, 1));
    CHECK(ndr_fingerprint(&bare, first, 1) != ndr_fingerprint(&bare, other, 1));
    CHECK(ndr_fingerprint(&bare, first, 1) != ndr_fingerprint(&bare, first, 2));
    CHECK_U64(ndr_fingerprint(&named, first, 1), ndr_fingerprint(&named, other, 1));
}

static void a_canary_counts_only_when_its_originator_is_told(void)
{
    struct rig *g = rig_create("ndr");
    struct ndr *n = ndr_create(&g->c, on_canary, NULL);
    uint64_t number = g->r->work.planned + 3;
    struct msg m = workload_message(&g->r->work, number);

    canary = 0;
    (void)take_text(g, n, number, "pm-no-such-user@lab.test", COMMS, m.from == 4 ? 5 : 4);
    CHECK_U64(canary, 0);
    (void)take_text(g, n, number, "pm-no-such-user@lab.test", COMMS, m.from);
    CHECK_U64(canary, number);
    CHECK_U64(fake_run_count(g->r, EV_CANARY), 1);
    CHECK_U64(fake_run_count(g->r, EV_REPORT), 0);
    ndr_destroy(n);
    rig_destroy(g);
}

static void reports_about_others_are_foreign_and_silent_ones_unreadable(void)
{
    struct rig *g = rig_create("ndr");
    struct ndr *n = ndr_create(&g->c, on_canary, NULL);
    char mail[500], token[40];

    CHECK_U64(ndr_take(n,
                       slice_of("From: MAILER-DAEMON@s1\r\nSubject: failure notice\r\n\r\n"
                                "could not be delivered:\r\n<joanne-1@lab.test>:\r\n"),
                       4, 2, 0),
              NDR_FOREIGN);
    (void)snprintf(mail, sizeof mail, "From: MAILER-DAEMON@s1\r\nSubject: hm\r\n\r\nabout %s\r\n",
                   rig_token(g, 7, token));
    CHECK_U64(ndr_take(n, slice_of(mail), 4, 2, 0), NDR_UNREADABLE);
    (void)snprintf(mail, sizeof mail,
                   "From: ann@lab.test\r\nAuto-Submitted: auto-replied\r\nSubject: away, Re: %s\r\n"
                   "\r\naway\r\n",
                   rig_token(g, 7, token));
    CHECK_U64(ndr_take(n, slice_of(mail), 4, 2, 0), NDR_NO_REPORT);
    CHECK_U64(fake_run_count(g->r, EV_REPORT), 0);
    ndr_destroy(n);
    rig_destroy(g);
}

static void raw_reports_are_kept_once(void)
{
    struct rig *g = rig_create("ndr");
    char dir[500];
    struct ndr *n;
    struct dirent *entry;
    unsigned files = 0;
    DIR *d;

    (void)snprintf(dir, sizeof dir, "%s", scratch_dir("ndr-kept"));
    g->c.reports_dir = dir;
    n = ndr_create(&g->c, on_canary, NULL);
    (void)take_text(g, n, 41, "joanne-1@lab.test", COMMS, 4);
    (void)take_text(g, n, 41, "joanne-1@lab.test", COMMS, 4);
    (void)take_text(g, n, 42, "joanne-1@lab.test", COMMS, 4);
    d = opendir(dir);
    while (d && (entry = readdir(d)))
        files += strstr(entry->d_name, ".eml") != NULL;
    if (d)
        (void)closedir(d);
    CHECK_U64(files, 2);
    ndr_destroy(n);
    rig_destroy(g);
}

static void a_canarys_delay_proves_nothing(void)
{
    struct rig *g = rig_create("ndr");
    struct ndr *n = ndr_create(&g->c, on_canary, NULL);
    uint64_t number = g->r->work.planned + 1;
    char mail[700], token[40];

    canary = 0;
    for (int failed = 0; failed < 2; failed++) {
        (void)snprintf(mail, sizeof mail,
                       "From: MAILER-DAEMON@s1\r\nSubject: late\r\nMessage-ID: <d%d@s1>\r\n"
                       "Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n"
                       "\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n"
                       "Reporting-MTA: dns; s1\r\nOriginal-Envelope-Id: %s\r\n\r\n"
                       "Final-Recipient: rfc822;pm-no-such-user@lab.test\r\nAction: %s\r\n"
                       "Status: %d.4.1\r\n\r\n--b--\r\n",
                       failed, rig_token(g, number, token), failed ? "failed" : "delayed",
                       failed ? 5 : 4);
        CHECK_U64(ndr_take(n, slice_of(mail), workload_message(&g->r->work, number).from, 2, 0),
                  NDR_TAKEN);
        CHECK_U64(canary, failed ? number : 0);
    }
    ndr_destroy(n);
    rig_destroy(g);
}

static const struct test tests[] = {
    TEST(a_report_belongs_to_the_mailbox_it_names),
    TEST(flags_say_who_got_it_and_how_far_to_trust_it),
    TEST(exchanges_text_is_well_formed_and_what_only_looks_like_a_report_is_not),
    TEST(only_failed_is_failed),
    TEST(a_delay_that_says_expired_is_a_failure_with_the_wrong_status),
    TEST(a_report_of_success_is_no_sighting),
    TEST(a_forged_token_belongs_to_nobody),
    TEST(a_products_words_are_well_formed_and_a_guess_is_weak),
    TEST(a_nest_of_reports_is_one_report),
    TEST(the_alternates_address_wins_over_the_original_recipient),
    TEST(the_same_report_read_again_is_the_same),
    TEST(a_canary_counts_only_when_its_originator_is_told),
    TEST(reports_about_others_are_foreign_and_silent_ones_unreadable),
    TEST(raw_reports_are_kept_once),
    TEST(a_canarys_delay_proves_nothing),
    TEST_END,
};

const struct suite ndr_suite = {"ndr", tests};
