/* test_queue_formats.c - queues of Exim, OpenSMTPD, Sendmail and Exchange: recorded listings, and what they should not say. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probes/queue_format.h"
#include "tests/probes/queue_rig.h"
#include "tests/support/check.h"
#include "tests/support/scratch.h"

#define GOLDEN PM_SOURCE_DIR "/tests/golden/queues/"

static void answer_file(struct queue_rig *r, const char *command, const char *name)
{
    char path[512];

    (void)snprintf(path, sizeof path, "%s%s", GOLDEN, name);
    char *text = scratch_read(path, NULL);

    if (CHECK(text != NULL))
        queue_rig_answer(r, command, text, 0);
    free(text);
}

static void begin(struct queue_rig *r, enum probe_type type)
{
    static const char *const argv[] = {"list-queues", NULL};

    queue_rig_begin(r, &(struct probe_profile){.name = "queues",
                                               .type = type,
                                               .argv = type == PROBE_QUEUE_EXCHANGE ? argv : NULL});
}

static void check_bad(enum probe_type type, const char *text, const char *why)
{
    struct queue_rig r;

    begin(&r, type);
    CHECK(!queue_rig_read(&r, text));
    CHECK_HAS(r.e.text, why);
    queue_rig_end(&r);
}

static void check_good(enum probe_type type, const char *text)
{
    struct queue_rig r;

    begin(&r, type);
    if (!CHECK(queue_rig_read(&r, text)))
        CHECK_STR(r.e.text, "");
    queue_rig_end(&r);
}

/* Message 7 is done for its second recipient, 8 is frozen; a report about 7, one about nothing, and somebody else's. */
static void exim_lists_who_is_not_done_and_what_is_frozen(void)
{
    struct queue_rig r;

    begin(&r, PROBE_QUEUE_EXIM);
    answer_file(&r, "exim -bp", "exim-queue.txt");
    answer_file(&r, "exim -Mvh 1xUzvI-000312-1j", "exim-show-7.txt");
    answer_file(&r, "exim -Mvh 1xUzvI-00031E-2R", "exim-show-8.txt");
    answer_file(&r, "exim -Mvh 1xUzvJ-00032I-0f", "exim-show-report.txt");
    queue_rig_answer(&r, "exim -Mvh", "1xUzvI-00031g-3B-H\n024I Message-ID: <foreign@lab.test>\n",
                     0);
    CHECK(queue_rig_open(&r));
    CHECK(queue_rig_list(&r));
    CHECK_STR(fake_run_events(r.run, EV_QUEUED), "10000 place=0 code=65536 a=0 b=2 slot=14\n"
                                                 "10000 place=0 code=0 a=0 b=2 slot=16\n"
                                                 "10000 place=0 code=196608 a=4 b=2 slot=14\n");
    CHECK_U64(r.probe->entries, 4);
    CHECK_U64(r.probe->due, 3);
    queue_rig_end(&r);
}

static void four_at_once_are_asked_about_one_by_one(void)
{
    struct queue_rig r;
    struct buf list;

    begin(&r, PROBE_QUEUE_EXIM);
    buf_init(&list, 1u << 20);
    for (unsigned i = 0; i < 50; i++)
        CHECK(buf_add_format(&list,
                             "25m  2.9K 1xUzvI-0003%02u-1j <a@b.test>\n          x@y.test\n\n", i));
    queue_rig_answer(&r, "-bp", buf_text(&list), 0);
    queue_rig_answer(&r, "-Mvh", "1-H\n031I Message-ID: <c@d>\n", 0);
    CHECK(queue_rig_open(&r));
    CHECK(queue_rig_list(&r) && queue_rig_list(&r));
    CHECK_U64(r.run->exec.starts, 3 + 50);
    CHECK_U64(r.probe->entries, 0);
    buf_fini(&list);
    queue_rig_end(&r);
}

static void exims_oddities_are_read_or_refused(void)
{
    check_good(PROBE_QUEUE_EXIM, "");
    check_good(PROBE_QUEUE_EXIM, " 3d   12K 1xUzvI-000312-1j <>\n       +D a@b\n        D c@d\n\n");
    check_good(PROBE_QUEUE_EXIM, " 3w   12K 1xUzvI-000312-1j <a@b> (joe)\n          a@b\n\n");
    check_bad(PROBE_QUEUE_EXIM, " 3d   12K 1xUzvI-000312-1j <>\n          a@b\n",
              "ends in the mid");
    check_bad(PROBE_QUEUE_EXIM, " 3d   12K 1xUzvI-000312-1j <a\n", "sender of 1xUzvI-000312-1j");
    check_bad(PROBE_QUEUE_EXIM, " 3d   12K 1xUzvI-000312-1j\n", "sender of 1xUzvI-000312-1j");
    check_bad(PROBE_QUEUE_EXIM, " 3d   12K 1xUzvI-000312-1j *** spool read error: x ***\n",
              "sender");
    check_bad(PROBE_QUEUE_EXIM, " 3d   12K -Mvh <a@b>\n", "expected age, size, id");
    check_bad(PROBE_QUEUE_EXIM, "exim: permission denied\n", "expected age, size, id");
    check_bad(PROBE_QUEUE_EXIM, " 3d   12K 1xUzvI-000312-1j <a@b>\n 3d  1K 1xUzvI-2 <a@b>\n",
              "expected a recipient of 1xUzvI-000312-1j");
}

static void the_look_at_exim_has_its_name_and_its_configuration(void)
{
    static const char *const argv[] = {"/usr/sbin/exim4", "-C", "/etc/{server}.conf", "-bp", NULL};
    struct queue_rig r;

    queue_rig_begin(&r, &(struct probe_profile){.type = PROBE_QUEUE_EXIM, .argv = argv});
    queue_rig_answer(&r, "-bp", " 3d   12K 1xUzvI-000312-1j <a@b>\n          a@b\n\n", 0);
    CHECK(queue_rig_open(&r));
    CHECK(!queue_rig_list(&r));
    CHECK_HAS(fake_exec_log(&r.run->exec),
              "[/usr/sbin/exim4][-C][/etc/s1.conf][-Mvh][1xUzvI-000312-1j]\n");
    queue_rig_end(&r);
}

/* Message 8 is suspended; 7 waits for both its recipients; two reports; somebody else's. */
static void opensmtpd_lists_envelopes_and_shows_messages(void)
{
    struct queue_rig r;

    begin(&r, PROBE_QUEUE_OPENSMTPD);
    answer_file(&r, "smtpctl show queue", "opensmtpd-queue.txt");
    answer_file(&r, "smtpctl show message 3359d274", "opensmtpd-show-7.txt");
    queue_rig_answer(&r, "smtpctl show message 1f639a62", "Message-ID: <@8@@lab.test>\n", 0);
    queue_rig_answer(&r, "smtpctl show message 78f0df5e", "In-Reply-To: <@7@@lab.test>\n", 0);
    queue_rig_answer(&r, "smtpctl show message", "Message-ID: <c@d>\n", 0);
    CHECK(queue_rig_open(&r));
    CHECK(queue_rig_list(&r));
    CHECK_STR(fake_run_events(r.run, EV_QUEUED), "10000 place=0 code=1 a=0 b=2 slot=16\n"
                                                 "10000 place=0 code=65537 a=0 b=2 slot=14\n"
                                                 "10000 place=0 code=65537 a=1 b=2 slot=14\n"
                                                 "10000 place=0 code=196609 a=4 b=2 slot=14\n");
    CHECK_U64(r.probe->entries, 5);
    CHECK_U64(r.probe->due, 4);
    CHECK_U64(r.run->exec.starts, 2 + 5); /* once a message, not an envelope */
    queue_rig_end(&r);
}

static void opensmtpds_oddities_are_read_or_refused(void)
{
    static const char good[] = "1f639a62b520b63a|inet4|mta||a@b|c@d|c@d|1|2|0|3|inflight|4|\n";

    check_good(PROBE_QUEUE_OPENSMTPD, "");
    check_good(PROBE_QUEUE_OPENSMTPD, good);
    check_good(PROBE_QUEUE_OPENSMTPD,
               "1f639a62b520b63a|inet4|mta||@|c@d|c@d|1|2|0|3|pending|4|an error | with a bar\n");
    check_bad(PROBE_QUEUE_OPENSMTPD, "1f639a62b520b63a|inet4|mta||a@b|c@d|c@d|1|2|0\n",
              "14 fields");
    check_bad(PROBE_QUEUE_OPENSMTPD, "1f639a62b520b63|inet4|mta||a@b|c@d|c@d|1|2|0|3|x|4|\n", "14");
    check_bad(PROBE_QUEUE_OPENSMTPD, "$(reboot)b520b63|inet4|mta||a@b|c@d|c@d|1|2|0|3|x|4|\n",
              "14");
    check_bad(PROBE_QUEUE_OPENSMTPD, "1f639a62b520b63a|inet4|mta||a|c|c|1|2|0|many|x|4|\n", "many");
    check_bad(PROBE_QUEUE_OPENSMTPD, "smtpctl: need root privileges\n", "14 fields");
}

static void sendmail_is_read_as_it_prints_for_people(void)
{
    struct queue_rig r;

    begin(&r, PROBE_QUEUE_SENDMAIL);
    answer_file(&r, "mailq", "sendmail-mailq.txt");
    answer_file(&r, "qf6AM5QXxD012081", "sendmail-qf-7.txt");
    queue_rig_answer(&r, "cat", "H??Message-ID: <c@d>\n", 0);
    CHECK(queue_rig_open(&r));
    CHECK(queue_rig_list(&r));
    CHECK_STR(fake_run_events(r.run, EV_QUEUED), "10000 place=0 code=65536 a=0 b=2 slot=14\n"
                                                 "10000 place=0 code=65536 a=1 b=2 slot=14\n");
    CHECK_U64(r.probe->entries, 3); /* and a report that may be about ours */
    CHECK_HAS(fake_exec_log(&r.run->exec), "[cat][/var/spool/mqueue/qf6AM5QXxD012081]\n");
    queue_rig_end(&r);
}

static void mailq_of_postfix_is_read_so_too(void)
{
    struct queue_rig r;
    char path[512];

    (void)snprintf(path, sizeof path, "%s%s", GOLDEN, "postfix-mailq.txt");
    char *text = scratch_read(path, NULL);

    begin(&r, PROBE_QUEUE_SENDMAIL);
    queue_rig_answer(&r, "mailq", text, 0);
    queue_rig_answer(&r, "qf2F8ED276008", "H??Message-Id: <@7@@lab.test>\n", 0);
    queue_rig_answer(&r, "qf30F67276012", "H??Message-Id: <@8@@lab.test>\n", 0);
    queue_rig_answer(&r, "cat", "H??Message-Id: <c@d>\n", 0);
    CHECK(queue_rig_open(&r));
    CHECK(queue_rig_list(&r));
    CHECK_STR(fake_run_events(r.run, EV_QUEUED), "10000 place=0 code=65536 a=0 b=2 slot=14\n"
                                                 "10000 place=0 code=65536 a=1 b=2 slot=14\n"
                                                 "10000 place=0 code=0 a=0 b=2 slot=16\n");
    free(text);
    queue_rig_end(&r);
}

#define MAILQ_HEAD                                                                                 \
    "\t\t/var/spool/mqueue (1 request)\n"                                                          \
    "-----Q-ID----- --Size-- -----Q-Time----- ------------Sender/Recipient-----------\n"

static void mailqs_oddities_are_read_or_refused(void)
{
    static const char one[] = "43AHUOEC012345*      12 Wed Apr 10 17:30 <root@host>\n"
                              "                 (Deferred: Connection refused by mx.)\n"
                              "\t\t\t\t\t <user@example.test>\n";
    char text[600];

    check_good(PROBE_QUEUE_SENDMAIL, "Mail queue is empty\n");
    check_good(PROBE_QUEUE_SENDMAIL, "/var/spool/mqueue is empty\n\t\tTotal requests: 0\n");
    (void)snprintf(text, sizeof text, MAILQ_HEAD "%s\t\tTotal requests: 1\n", one);
    check_good(PROBE_QUEUE_SENDMAIL, text);
    (void)snprintf(text, sizeof text, MAILQ_HEAD "%s\t\tTotal requests: 2\n", one);
    check_bad(PROBE_QUEUE_SENDMAIL, text, "2 entries were announced, 1 listed");
    (void)snprintf(text, sizeof text, MAILQ_HEAD "%s", one);
    check_bad(PROBE_QUEUE_SENDMAIL, text, "does not say how many");
    check_bad(PROBE_QUEUE_SENDMAIL, "", "does not say how many");
    check_bad(PROBE_QUEUE_SENDMAIL, "   <nobody@before.test>\n", "expected a queue entry");
    check_bad(PROBE_QUEUE_SENDMAIL, "mailq:no such file\n", "expected the id");
    check_bad(PROBE_QUEUE_SENDMAIL, "\t\tTotal requests: many\n", "not a whole number");
}

#define COLUMNS                                                                                    \
    "\"Identity\",\"FromAddress\",\"Status\",\"RetryCount\",\"Recipients\","                       \
    "\"InternetMessageId\",\"LastError\"\n"

static void exchange_names_servers_and_message_ids(void)
{
    struct queue_rig r;

    begin(&r, PROBE_QUEUE_EXCHANGE);
    queue_rig_answer(
        &r, "list-queues",
        "\xef\xbb\xbf#TYPE "
        "Selected.Microsoft.Exchange.Data.QueueViewer.ExtensibleMessageInfo\n" COLUMNS
        "\"S1\\3\\11\",\"joe-1@lab.test\",\"Retry\",\"2\",\"joanne-1@lab.test;joanne-2@lab.test\","
        "\"<@7@@lab.test>\",\"451 4.4.0 \"\"no\"\" answer,\nreally\"\n"
        "\"S1\\Submission\\12\",\"joe-1@lab.test\",\"Suspended\",\"0\",\"{joanne-1@lab.test}\","
        "\"<@8@@lab.test>\",\n"
        "\"S1\\3\\13\",\"<>\",\"Ready\",\"0\",\"joe-1@lab.test\",\"<ndr@lab.test>\",\n"
        "\"S1\\3\\14\",\"some@body.test\",\"Ready\",\"0\",\"x@y.test\",\"<c@d>\",\n"
        "\"S2\\3\\15\",\"joe-1@lab.test\",\"Ready\",\"0\",\"joanne-1@lab.test\",\"<@9@@lab.test>\","
        "\n"
        "\"EX99\\3\\16\",\"joe-1@lab.test\",\"Ready\",\"0\",\"x@y.test\",\"<@9@@lab.test>\",\n"
        "end\n",
        0);
    CHECK(queue_rig_open(&r));
    CHECK(queue_rig_list(&r));
    CHECK_STR(fake_run_events(r.run, EV_QUEUED), "10000 place=0 code=65538 a=0 b=2 slot=14\n"
                                                 "10000 place=0 code=65538 a=1 b=2 slot=14\n"
                                                 "10000 place=0 code=0 a=0 b=2 slot=16\n");
    CHECK_U64(r.probe->entries, 4); /* and a report that may be about ours */
    CHECK_U64(r.probe->due, 3);
    queue_rig_end(&r);
}

static void exchanges_oddities_are_read_or_refused(void)
{
    check_good(PROBE_QUEUE_EXCHANGE, "end\n");
    check_good(PROBE_QUEUE_EXCHANGE, COLUMNS "end\n");
    check_bad(PROBE_QUEUE_EXCHANGE, "", "no \"end\"");
    check_bad(PROBE_QUEUE_EXCHANGE,
              COLUMNS "\"S1\\3\\1\",\"a@b\",\"Ready\",\"0\",\"\",\"<c@d>\",\"x\n", "no \"end\"");
    check_bad(PROBE_QUEUE_EXCHANGE, "Identity,Status,FromAddress\nend\n",
              "no column InternetMessageId");
    check_bad(PROBE_QUEUE_EXCHANGE,
              COLUMNS "\"EX9\\3\\1\",\"a@b\",\"\",\"0\",\"\",\"<c@d>\",\nend\n",
              "none of the profile's");
    check_bad(PROBE_QUEUE_EXCHANGE, COLUMNS ",,,,,\nend\n", "without an identity");
    check_bad(PROBE_QUEUE_EXCHANGE, COLUMNS "\"S1\\3\\1\",a@b,Ready,often,,<c@d>,\nend\n", "often");
    check_bad(PROBE_QUEUE_EXCHANGE, "end\nend\n", "behind \"end\"");
    check_bad(PROBE_QUEUE_EXCHANGE, "Get-Message : Access denied\nend\n", "no column Identity");
}

static void a_hundred_thousand_lines_of_each_are_bounded(void)
{
    static const struct {
        enum probe_type type;
        const char *head, *entry, *foot;
    } all[] = {
        {PROBE_QUEUE_EXIM, "", " 3d   12K 1xUzvI-000312-1j <a@b>\n          a@b\n\n", ""},
        {PROBE_QUEUE_OPENSMTPD, "", "1f639a62b520b63a|inet4|mta||a@b|c@d|c@d|1|2|0|3|pending|4|\n",
         ""},
        {PROBE_QUEUE_SENDMAIL, "", "43AHUOEC012345*  12 Wed Apr 10 17:30 <a@b>\n  <c@d>\n",
         "\t\tTotal requests: 100000\n"},
        {PROBE_QUEUE_EXCHANGE, COLUMNS, "\"S1\\3\\1\",a@b,Ready,0,,<c@d>,\n", "end\n"},
    };

    for (unsigned i = 0; i < sizeof all / sizeof all[0]; i++) {
        struct buf text;

        buf_init(&text, 64u << 20);
        PM_ASSERT(buf_add_text(&text, all[i].head));
        for (unsigned k = 0; k < 100000; k++)
            PM_ASSERT(buf_add_text(&text, all[i].entry));
        PM_ASSERT(buf_add_text(&text, all[i].foot));
        check_good(all[i].type, buf_text(&text));
        buf_fini(&text);
    }
}

static void garbage_never_reads_as_a_whole_listing(void)
{
    static const enum probe_type types[] = {PROBE_QUEUE_POSTFIX, PROBE_QUEUE_EXIM,
                                            PROBE_QUEUE_OPENSMTPD, PROBE_QUEUE_SENDMAIL,
                                            PROBE_QUEUE_EXCHANGE};

    char line[70000];

    for (unsigned i = 0; i < sizeof types / sizeof types[0]; i++) {
        struct queue_rig r;

        begin(&r, types[i]);
        for (unsigned seed = 1; seed < 40; seed++) {
            for (size_t k = 0; k + 2 < sizeof line; k++)
                line[k] = (char)(1 + (k * 7919 + k * k * seed * 31) % 254);
            line[sizeof line - 2] = '\n';
            line[sizeof line - 1] = '\0';
            CHECK(!queue_rig_read(&r, line));
        }
        queue_rig_end(&r);
    }
}

static const struct test tests[] = {
    TEST(exim_lists_who_is_not_done_and_what_is_frozen),
    TEST(four_at_once_are_asked_about_one_by_one),
    TEST(exims_oddities_are_read_or_refused),
    TEST(the_look_at_exim_has_its_name_and_its_configuration),
    TEST(opensmtpd_lists_envelopes_and_shows_messages),
    TEST(opensmtpds_oddities_are_read_or_refused),
    TEST(sendmail_is_read_as_it_prints_for_people),
    TEST(mailq_of_postfix_is_read_so_too),
    TEST(mailqs_oddities_are_read_or_refused),
    TEST(exchange_names_servers_and_message_ids),
    TEST(exchanges_oddities_are_read_or_refused),
    TEST(a_hundred_thousand_lines_of_each_are_bounded),
    TEST(garbage_never_reads_as_a_whole_listing),
    TEST_END,
};
const struct suite queue_formats_suite = {"queue_formats", tests};
