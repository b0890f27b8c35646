/* test_report_products.c - the words of named products, written as their sources and manuals write them; one row, one mail. */
#include <stdio.h>
#include <string.h>

#include "tests/support/check.h"
#include "wire/report.h"
#include "wire/report_products.h"

static struct arena *arena;

static struct report read_body(const char *body)
{
    char mail[4000];
    struct report r;

    (void)snprintf(mail, sizeof mail,
                   "From: MAILER-DAEMON@mx.example\nTo: joe@lab.test\nSubject: your mail\n\n%s\n",
                   body);
    arena_destroy(arena);
    arena = arena_create(8 << 20);
    CHECK(report_read(arena, slice_of(mail), &r));
    return r;
}

static void done(void)
{
    arena_destroy(arena);
    arena = NULL;
}

#define RETURNED "Return-Path: <joe@lab.test>\nTo: trap@lab.test\nMessage-ID: <pm.x@lab.test>\n"

static const struct {
    const char *format, *kind, *status;
    unsigned reply;
    const char *body;
} mails[] = {
    {"qmail", "failed", "5.1.1", 550,
     "Hi. This is the qmail-send program at mx.example.\nI'm afraid I wasn't able to deliver your "
     "message to the following addresses.\nThis is a permanent error; I've given up. Sorry it "
     "didn't work out.\n\n<ann@lab.test>:\n192.0.2.1 does not like recipient.\nRemote host said: "
     "550 5.1.1 no such user\nGiving up on 192.0.2.1.\n\n--- Below this line is a copy of the "
     "message.\n\n" RETURNED},
    {"exim", "failed", "5.2.2", 552,
     "This message was created automatically by mail delivery software.\n\nA message that you sent "
     "could not be delivered to one or more of its\nrecipients. This is a permanent error. The "
     "following address(es) failed:\n\n  ann@lab.test\n    host mx.example [192.0.2.1]: 552 5.2.2 "
     "over quota\n\n------ This is a copy of the message, including all the headers. "
     "------\n\n" RETURNED},
    {"exim", "delayed", "", 0,
     "This message was created automatically by mail delivery software.\nA message that you sent "
     "has not yet been delivered to one or more of its\nrecipients after more than 24 hours on the "
     "queue on mx.example.\n\nThe address to which the message has not yet been delivered "
     "is:\n\n  ann@lab.test\n\nNo action is required on your part."},
    {"sendmail", "failed", "5.1.1", 550,
     "The original message was received at Mon, 1 Jan 1996\nfrom lab.test\n\n   ----- The "
     "following "
     "addresses had permanent fatal errors -----\n<ann@lab.test>\n    (reason: 550 5.1.1 User "
     "unknown)\n\n   ----- Transcript of session follows -----\n... while talking to mx:\n>>> RCPT "
     "To:<ann@lab.test>\n<<< 550 5.1.1 User unknown\n\n   ----- Original message follows "
     "-----\n" RETURNED},
    {"sendmail", "failed", "", 550,
     "   ----- Transcript of session follows -----\nWhile talking to mx.example:\n>>> RCPT "
     "To:<ann@lab.test>\n<<< 550 No such user here.\n550 <ann@lab.test>... User unknown\n\n   "
     "----- Unsent message follows -----\n" RETURNED},
    {"postfix", "failed", "5.1.1", 550,
     "This is the mail system at host mx.example.\n\nI'm sorry to have to inform you that your "
     "message could not\nbe delivered to one or more recipients. It's attached below.\n\nFor "
     "further assistance, please send mail to postmaster.\n\nIf you do so, please include this "
     "problem report. You can\ndelete your own text from the attached returned message.\n\n        "
     "           The mail system\n\n<ann@lab.test>: host mx2.example[192.0.2.2] said: 550 5.1.1\n  "
     " "
     " <ann@lab.test>: User unknown (in reply to RCPT TO command)\n"},
    {"postfix", "delayed", "", 0,
     "This is the mail system at host mx.example.\n\n#### THIS IS A WARNING ONLY.  YOU DO NOT NEED "
     "TO RESEND YOUR MESSAGE. ####\n\nYour message could not be delivered for more than 4 "
     "hour(s).\nIt will be retried until it is 5 day(s) old.\n\n<ann@lab.test>: connect to "
     "mx2.example[192.0.2.2]:25: Connection refused\n"},
    {"opensmtpd", "failed", "", 550,
     "    Hi!\n\n    This is the MAILER-DAEMON, please DO NOT REPLY to this email.\n\n    An error "
     "has occurred while attempting to deliver a message for\n    the following list of "
     "recipients:\n\nann@lab.test: 550 Invalid recipient\n\n    Below is a copy of the original "
     "message:\n\n" RETURNED},
    {"dma", "failed", "", 0,
     "This is the DragonFly Mail Agent v0.13 at mx.example.\n\nThere was an error delivering your "
     "mail to <ann@lab.test>.\n\nunknown user\n\nMessage headers follow.\n\n" RETURNED},
    {"exchange2007", "failed", "5.1.10", 550,
     "Delivery has failed to these recipients or groups:\n\nann@lab.test\nThe email address you "
     "entered couldn't be found.\n\nDiagnostic information for administrators:\n\nGenerating "
     "server: "
     "mx.example\n\nann@lab.test\nRemote Server returned '550 5.1.10 RecipientNotFound'\n"},
    {"domino", "failed", "", 0,
     "Your message\n\n  Subject: hello\n\nwas not delivered to:\n\n  ann@lab.test\n\nbecause:\n\n  "
     "User ann (ann@lab.test) not listed in Domino Directory\n"},
    {"notes", "failed", "", 0,
     "------- Failure Reasons  --------\n\nUser not listed in public Name & Address "
     "Book\nann@lab.test\n\n------- Returned Message --------\n\n" RETURNED},
    {"imail", "failed", "", 0,
     "Unknown user: ann@lab.test\n\nOriginal message follows.\n\n" RETURNED},
    {"mailmarshal", "failed", "", 0,
     "Your message:\n  From: joe\n  Subject: hello\n\nCould not be delivered because of\n\n  the "
     "mail server\n\nThe following recipients were affected: \n\n    ann@lab.test\n"},
    {"surfcontrol", "failed", "", 0,
     "Your message could not be sent.\nA transcript of the attempts to send the message "
     "follows.\nThe number of attempts made: 1\nAddressed To: ann@lab.test\n\nFailed to send to "
     "identified host\n"},
    {"kddi", "failed", "", 0,
     "Your mail sent on: Thu, 29 Apr 2013\n     Could not be delivered to: <ann@lab.test>\n     As "
     "their mailbox is full.\n"},
    {"gmail", "delayed", "", 0,
     "** Delivery incomplete **\n\nThere was a temporary problem delivering your message to "
     "ann@lab.test. Gmail will retry for 46 more hours. You'll be notified if the delivery fails "
     "permanently.\n"},
    {"gmail", "failed", "5.1.1", 550,
     "Delivery to the following recipient failed permanently:\n\n     ann@lab.test\n\nTechnical "
     "details of permanent failure: \nThe error that the other server returned was: 550 550 5.1.1 "
     "<ann@lab.test>... User Unknown (state 14).\n\n----- Original message -----\n\n" RETURNED},
    {"ses", "failed", "5.1.1", 550,
     "{\"notificationType\":\"Bounce\",\"bounce\":{\"bounceType\":\"Permanent\","
     "\"bouncedRecipients\":[{\"emailAddress\":\"ann@lab.test\",\"action\":\"failed\",\"status\":"
     "\"5.1.1\",\"diagnosticCode\":\"smtp; 550 5.1.1 user unknown\"}],\"reportingMTA\":\"dns; "
     "mx.example\"},\"mail\":{\"messageId\":\"1\"}}"},
};

static void every_products_words_name_the_recipient_and_what_became_of_him(void)
{
    for (size_t i = 0; i < sizeof mails / sizeof *mails; i++) {
        struct report r = read_body(mails[i].body);
        char status[40] = "";

        CHECK_STR(r.format, mails[i].format);
        CHECK_STR(report_kind(&r), mails[i].kind);
        if (!CHECK_U64(r.count, 1))
            continue;
        if (r.recipients[0].status[0])
            (void)snprintf(status, sizeof status, "%u.%u.%u", r.recipients[0].status[0],
                           r.recipients[0].status[1], r.recipients[0].status[2]);
        CHECK_STR(r.recipients[0].final, "ann@lab.test");
        CHECK_STR(status, mails[i].status);
        CHECK_U64(r.recipients[0].reply, mails[i].reply);
        CHECK(!r.recipients[0].guessed);
    }
    done();
}

static void each_recipients_codes_are_his_own(void)
{
    struct report r = read_body(
        "This message was created automatically by mail delivery software.\n\nA message that you "
        "sent could not be delivered to one or more of its\nrecipients. The following address(es) "
        "failed:\n\n  ann@lab.test\n    550 5.1.1 <ann@lab.test>... User Unknown\n  bob@lab.test\n "
        "   552 5.2.2 <bob@lab.test>... full\n  carl@lab.test\n    unrouteable\n");

    if (CHECK_U64(r.count, 3)) {
        CHECK_U64(r.recipients[0].reply, 550);
        CHECK_U64(r.recipients[1].reply, 552);
        CHECK_U64(r.recipients[1].status[1] * 10 + r.recipients[1].status[2], 22);
        CHECK_U64(r.recipients[2].reply, 0);
        CHECK_U64(r.recipients[2].status[0], 0);
    }
    done();
}

static void a_report_that_names_nobody_is_guessed_at_only_where_one_was_meant(void)
{
    struct report r = read_body("Your message could not be delivered.\n\n--- Original message "
                                "---\n\nReceived: from x\nTo: ann@lab.test\nSubject: s\n");

    CHECK_STR(report_kind(&r), "failed");
    if (CHECK_U64(r.count, 1)) {
        CHECK_STR(r.recipients[0].final, "ann@lab.test");
        CHECK(r.recipients[0].guessed);
    }
    r = read_body("Your message could not be delivered.\n\n--- Original message "
                  "---\n\nReceived: from x\nTo: ann@lab.test, bob@lab.test\n");
    CHECK_STR(report_kind(&r), "unreadable");
    CHECK_U64(r.count, 0);
    r = read_body("Your message could not be delivered.\n\n--- Original message ---\n\nReceived: "
                  "from x\nFrom: MAILER-DAEMON@y.test\nTo: ann@lab.test\n");
    CHECK_U64(r.count, 0);
    done();
}

static void html_alone_is_read_without_its_tags(void)
{
    struct report r;

    arena_destroy(arena);
    arena = arena_create(8 << 20);
    CHECK(report_read(
        arena,
        slice_of(
            "From: postmaster@x.test\nSubject: Undeliverable: hi\nContent-Type: text/html\n\n"
            "<html><style>p {a: b@c.test}</style><p>Delivery has failed to these recipients or "
            "groups:</p><p><a href=\"mailto:no@x.test\">ann&#64;lab.test</a></p>The mailbox is "
            "full.<br>Remote server returned: 552 5.2.2 full</html>\n"),
        &r));
    CHECK_STR(r.format, "exchange2007");
    if (CHECK_U64(r.count, 1)) {
        CHECK_STR(r.recipients[0].final, "ann@lab.test");
        CHECK_U64(r.recipients[0].reply, 552);
    }
    done();
}

static void every_row_is_whole(void)
{
    for (const struct report_product *p = report_products; p->name; p++) {
        CHECK(p->mark || p->start);
        CHECK(p->shape != SHAPE_AFTER || p->start);
        CHECK(p->action != ACTION_NONE);
    }
}

static const struct test tests[] = {
    TEST(every_products_words_name_the_recipient_and_what_became_of_him),
    TEST(each_recipients_codes_are_his_own),
    TEST(a_report_that_names_nobody_is_guessed_at_only_where_one_was_meant),
    TEST(html_alone_is_read_without_its_tags),
    TEST(every_row_is_whole),
    TEST_END,
};

const struct suite report_products_suite = {"report_products", tests};
