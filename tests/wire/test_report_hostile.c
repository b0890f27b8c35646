/* test_report_hostile.c - reports that are nested, huge, cut, mislabelled or lie: bounded in time and memory, never miscounted. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/bytes.h"
#include "tests/support/check.h"
#include "wire/report.h"

#define CEILING (8u << 20) /* what probes give a report */

static struct arena *arena;
static double took_s;

static struct report read_mail(struct slice mail)
{
    struct report r;
    clock_t from = clock();

    arena_destroy(arena);
    arena = arena_create(CEILING);
    CHECK(report_read(arena, mail, &r));
    took_s = (double)(clock() - from) / CLOCKS_PER_SEC;
    CHECK(arena_used(arena) < CEILING);
    return r;
}

/* Seconds of processor; a sanitizer or memcheck (./dev tsan, ./dev valgrind) takes its own. */
static void check_ended_within(double most_s)
{
    CHECK(took_s < (getenv("PM_WATCHED") ? 50 * most_s : most_s));
}

static void done(void)
{
    arena_destroy(arena);
    arena = NULL;
}

#define HEAD                                                                                       \
    "Return-Path: <>\nFrom: MAILER-DAEMON@mx.example\nSubject: Undelivered Mail\nMIME-Version: "   \
    "1.0\n"
#define STATUS                                                                                     \
    "Reporting-MTA: dns; mx.example\n\nFinal-Recipient: rfc822; ann@lab.test\nAction: failed\n"    \
    "Status: 5.1.1\nDiagnostic-Code: smtp; 550 5.1.1 no such user\n"

static void nest(struct buf *mail, unsigned depth, const char *leaf)
{
    CHECK(buf_add_text(mail, HEAD));
    for (unsigned i = 0; i < depth; i++)
        CHECK(buf_add_format(mail, "Content-Type: multipart/mixed; boundary=b%u\n\n--b%u\n", i, i));
    CHECK(buf_add_text(mail, leaf));
    for (unsigned i = depth; i-- > 0;)
        CHECK(buf_add_format(mail, "\n--b%u--\n", i));
}

static void a_status_fifty_deep_is_found_and_one_twenty_thousand_deep_is_not(void)
{
    static const struct {
        unsigned depth;
        uint32_t found;
    } cases[] = {{1, 1}, {4, 1}, {15, 1}, {50, 1}, {20000, 0}};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buf mail;

        buf_init(&mail, 8u << 20);
        nest(&mail, cases[i].depth, "Content-Type: message/delivery-status\n\n" STATUS);
        struct report r = read_mail(buf_slice(&mail));

        CHECK_U64(r.count, cases[i].found);
        if (!cases[i].found)
            CHECK_STR(report_kind(&r), "unreadable");
        check_ended_within(5);
        buf_fini(&mail);
    }
    done();
}

/* NDR of an NDR of an NDR: only the outermost speaks. */
static void reports_within_reports_fifty_deep_say_nothing(void)
{
    struct buf mail;

    buf_init(&mail, 1u << 20);
    for (unsigned i = 0; i < 50; i++)
        CHECK(buf_add_format(&mail,
                             HEAD
                             "Content-Type: multipart/report; boundary=n%u\n\n--n%u\nContent-"
                             "Type: message/delivery-status\n\nReporting-MTA: dns; mx\n\nFinal-"
                             "Recipient: rfc822; at%u@lab.test\nAction: failed\nStatus: "
                             "5.0.0\n\n--n%u\nContent-Type: message/rfc822\n\n",
                             i, i, i, i));
    struct report r = read_mail(buf_slice(&mail));

    CHECK_U64(r.count, 1);
    CHECK_STR(r.count ? r.recipients[0].final : "", "at0@lab.test");
    buf_fini(&mail);
    done();
}

static void of_ten_megabytes_the_first_four_are_read(void)
{
    static const char line[] = "Nothing in this line could not be delivered to <x@y.test>, 550.\n";
    struct buf mail;

    buf_init(&mail, 12u << 20);
    CHECK(buf_add_text(&mail,
                       HEAD "Content-Type: multipart/report; boundary=b\n\n--b\nContent-Type: "
                            "message/delivery-status\n\n" STATUS "\n--b\n\n"));
    while (mail.n < 10u << 20)
        CHECK(buf_add_text(&mail, line));
    struct report r = read_mail(buf_slice(&mail));

    CHECK_U64(r.count, 1);
    CHECK_STR(report_kind(&r), "failed");
    check_ended_within(5);
    buf_fini(&mail);
    done();
}

/* Ten megabytes that each reader of prose would like to go through again and again. */
static void prose_that_repeats_itself_ends_in_time(void)
{
    static const char *const lines[] = {
        "Reporting-MTA: dns; x\n",
        "Final-Recipient: rfc822;\n\n",
        "RCPT TO: undeliverable to \n",
        "<<< 550 5.1.1 <a@b.test>... no\n",
        "xxxxxxxxxxxxxxxxxxxxxx@b.test\n",
        "addressed to: <<<<<<<<<<<<<<<@\n",
        "<style<style<style\n",
        "notificationType\": \"bouncedRecipients\":[\n",
    };

    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct buf mail;

        buf_init(&mail, 12u << 20);
        CHECK(buf_add_text(&mail, HEAD "Content-Type: text/html\n\n"));
        for (unsigned n = 0; mail.n < 10u << 20; n++)
            CHECK(i == 4 ? buf_add_format(&mail, "%u%s", n % 300, lines[i])
                         : buf_add_text(&mail, lines[i]));
        (void)read_mail(buf_slice(&mail));
        check_ended_within(5);
        buf_fini(&mail);
    }
    done();
}

static void more_recipients_than_anybody_has_are_cut_off(void)
{
    struct buf mail;

    buf_init(&mail, 4u << 20);
    CHECK(buf_add_text(&mail,
                       HEAD "Content-Type: multipart/report; boundary=b\n\n--b\nContent-Type: "
                            "message/delivery-status\n\nReporting-MTA: dns; x\n"));
    for (unsigned i = 0; i < 5000; i++)
        CHECK(
            buf_add_format(&mail, "\nFinal-Recipient: rfc822; r%u@lab.test\nAction: failed\n", i));
    struct report r = read_mail(buf_slice(&mail));

    CHECK_U64(r.count, REPORT_RECIPIENTS_MAX);
    check_ended_within(5);
    buf_fini(&mail);
    done();
}

static void without_a_boundary_or_with_the_wrong_one_the_status_is_read(void)
{
    static const char *const heads[] = {
        "Content-Type: multipart/report; report-type=delivery-status\n\n--b\nContent-Type: "
        "message/delivery-status\n\n" STATUS "\n--b--\n",
        "Content-Type: multipart/report; boundary=other\n\n--b\nContent-Type: "
        "message/delivery-status\n\n" STATUS "\n--b--\n",
        "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: "
        "message/delivery-status\n\n" STATUS, /* cut */
        "Content-Type: text/plain\n\nYour mail did not arrive.\n\n" STATUS "\nReceived: from "
        "trap\nFinal-Recipient: rfc822; trap@lab.test\nAction: failed\n",
    };

    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        char mail[2000];

        (void)snprintf(mail, sizeof mail, "%s%s", HEAD, heads[i]);
        struct report r = read_mail(slice_of(mail));

        CHECK_U64(r.count, 1);
        CHECK_STR(report_kind(&r), "failed");
        CHECK_STR(r.count ? r.recipients[0].final : "", "ann@lab.test");
        CHECK_U64(r.count ? r.recipients[0].reply : 0, 550);
    }
    done();
}

static void a_charset_that_is_none_and_octets_of_any_kind_do_no_harm(void)
{
    struct report r =
        read_mail(slice_of(HEAD "Content-Type: text/plain; charset=\"no-such-set\"\nContent-"
                                "Transfer-Encoding: base64\n\n"
                                /* "\xff\xfe<ann@lab.test>: 550 could not be delivered\n" */
                                "//48YW5uQGxhYi50ZXN0PjogNTUwIGNvdWxkIG5vdCBiZSBkZWxpdmVyZWQK\n"));

    CHECK_STR(report_kind(&r), "failed");
    CHECK_STR(r.count ? r.recipients[0].final : "", "ann@lab.test");
    r = read_mail(slice_from(HEAD "Content-Type: text/plain; charset=utf-16\n\n\0u\0n\0d\0e\0l\0",
                             sizeof HEAD - 1 + 54));
    CHECK_U64(r.count, 0);
    CHECK_STR(report_kind(&r), "unreadable");
    done();
}

/* A person passes a report on, or a program answers one: no report. */
static void a_report_passed_on_by_a_person_is_no_report(void)
{
    struct report r = read_mail(slice_of(
        "From: ann@lab.test\nTo: bob@lab.test\nSubject: look\nReturn-Path: <>\nContent-Type: "
        "multipart/mixed; boundary=f\n\n--f\nContent-Type: text/plain\n\nWhat is this?\n" STATUS
        "\n--f\nContent-Type: message/rfc822\n\n" HEAD
        "Content-Type: message/delivery-status\n\n" STATUS "\n--f--\n"));

    CHECK_U64(r.count, 0);
    CHECK_STR(report_kind(&r), "none");
    done();
}

static void the_look_at_the_header_is_cheap_and_bounded(void)
{
    struct buf mail;
    clock_t from;
    bool any = false;

    buf_init(&mail, 12u << 20);
    while (mail.n < 10u << 20) /* one endless header */
        CHECK(buf_add_text(&mail, "X-Nothing: of interest whatsoever, said over and over again\n"));
    from = clock();
    for (unsigned i = 0; i < 20; i++)
        any = any || report_suspect(buf_slice(&mail));
    took_s = (double)(clock() - from) / CLOCKS_PER_SEC;
    CHECK(!any);
    check_ended_within(2);
    buf_fini(&mail);
}

static const struct test tests[] = {
    TEST(a_status_fifty_deep_is_found_and_one_twenty_thousand_deep_is_not),
    TEST(reports_within_reports_fifty_deep_say_nothing),
    TEST(of_ten_megabytes_the_first_four_are_read),
    TEST(prose_that_repeats_itself_ends_in_time),
    TEST(more_recipients_than_anybody_has_are_cut_off),
    TEST(without_a_boundary_or_with_the_wrong_one_the_status_is_read),
    TEST(a_charset_that_is_none_and_octets_of_any_kind_do_no_harm),
    TEST(a_report_passed_on_by_a_person_is_no_report),
    TEST(the_look_at_the_header_is_cheap_and_bounded),
    TEST_END,
};

const struct suite report_hostile_suite = {"report_hostile", tests};
