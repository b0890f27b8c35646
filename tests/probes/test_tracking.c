/* test_tracking.c - what logs of Postfix, Dovecot, Exim and Exchange say about one message, and what is not about it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "probes/tracking.h"
#include "tests/probes/queue_rig.h"
#include "tests/support/check.h"
#include "tests/support/scratch.h"

#define GOLDEN PM_SOURCE_DIR "/tests/golden/tracking/"
#define NEAR   (1795325000 * NS_PER_S) /* 2026-11-22 05:23:20 UTC */

struct told {
    struct token_key key;
    struct tracking t;
    struct buf text; /* "SECONDS words\n", SECONDS since 2026-11-22 05:00:00 UTC */
    struct err e;
};

static void begin(struct told *w, uint64_t number)
{
    (void)setenv("TZ", "UTC", 1);
    tzset();
    *w = (struct told){.key = token_key_make(1, 2)};
    tracking_init(&w->t, &w->key, number, NEAR);
    buf_init(&w->text, 4u << 20);
}

static void end(struct told *w)
{
    tracking_fini(&w->t);
    buf_fini(&w->text);
}

static bool read_text(struct told *w, const char *text)
{
    char *own = queue_rig_tokens(&w->key, text);
    bool ok = tracking_read(&w->t, scratch_file(scratch_dir("tracking"), "log", own), &w->e);

    free(own);
    return ok;
}

static bool read_golden(struct told *w, const char *name)
{
    char path[512];

    (void)snprintf(path, sizeof path, "%s%s", GOLDEN, name);
    char *text = scratch_read(path, NULL);
    bool ok = CHECK(text != NULL) && read_text(w, text);

    free(text);
    return ok;
}

static const char *told(struct told *w)
{
    buf_clear(&w->text);
    tracking_sort(&w->t);
    for (uint32_t i = 0; i < w->t.count; i++) {
        const struct claim *c = &w->t.claims[i];

        PM_ASSERT(buf_add_format(&w->text, "%lld %s\n",
                                 c->wall_ns ? (long long)(c->wall_ns / NS_PER_S) - 1795323600 : -1,
                                 c->text));
    }
    return buf_text(&w->text);
}

static void postfix_tells_by_queue_id_what_became_of_a_message_id(void)
{
    struct told w;
    char *want;

    begin(&w, 7);
    CHECK(read_golden(&w, "postfix.log"));
    want = queue_rig_tokens(
        &w.key,
        "2087 edge postfix/smtpd[5461]: 3B6B1B4A6F8: client=unknown[127.0.0.1]\n"
        "2087 edge postfix/cleanup[5474]: 3B6B1B4A6F8: message-id=<@7@@lab.test>\n"
        "2087 edge postfix/qmgr[4869]: 3B6B1B4A6F8: from=<joe-1@sender.test>, size=311, nrcpt=1 "
        "(queue active)\n"
        "2087 edge postfix/lmtp[5477]: 3B6B1B4A6F8: to=<joanne-1@lab.test>, "
        "relay=127.0.80.4[127.0.80.4]:2424, delay=0.1, delays=0.01/0.01/0.03/0.05, dsn=2.0.0, "
        "status=sent (250 2.0.0 <joanne-1@lab.test> t2KiEPd+AmtsFQAAg+zDdQ Saved)\n"
        "2087 edge postfix/qmgr[4869]: 3B6B1B4A6F8: removed\n");
    CHECK_STR(told(&w), want);
    free(want);
    end(&w);
}

static void a_bounce_leads_to_the_report_and_what_became_of_it(void)
{
    struct told w;

    begin(&w, 8);
    CHECK(read_golden(&w, "postfix.log"));
    CHECK_U64(w.t.count, 10);
    CHECK_HAS(told(&w), "3C0B6B4A6F9: to=<nobody@lab.test>, relay=none");
    CHECK_HAS(told(&w), "status=bounced");
    CHECK_HAS(told(&w), "46328B4A6FF: message-id=<20261122053447.46328B4A6FF@edge.lab.test>");
    CHECK_HAS(told(&w), "46328B4A6FF: to=<joe-1@sender.test>, relay=virtual");
    CHECK(!strstr(told(&w), "3B6B1B4A6F8") && !strstr(told(&w), "3D598B4A6FA"));
    end(&w);
}

static void dovecot_tells_where_a_message_id_was_saved(void)
{
    struct told w;

    begin(&w, 7);
    CHECK(read_golden(&w, "dovecot.log"));
    CHECK_U64(w.t.count, 1);
    CHECK_HAS(told(&w),
              "2087 lmtp(joanne-1@lab.test)<5493><82JgEvd+Amt1FQAAg+zDdQ>: Info: msgid=<pm.");
    CHECK_HAS(told(&w), ">: saved mail to INBOX\n");
    end(&w);
}

static void exim_tells_by_its_id_and_of_its_reports(void)
{
    struct told w;

    begin(&w, 8);
    CHECK(read_golden(&w, "exim.log"));
    CHECK_HAS(told(&w), "932 1xUzvI-00031E-2R <= joe-1@sender.test H=([127.0.0.1])");
    CHECK_HAS(told(&w), "2111 1xUzvI-00031E-2R cancelled by root\n");
    CHECK_HAS(told(&w), "2111 1xV0EJ-0001gJ-1B <= <> R=1xUzvI-00031E-2R U=mail P=local S=1473\n");
    CHECK_HAS(told(&w), "2111 1xV0EJ-0001gJ-1B => joe-1 <joe-1@sender.test> R=ndrbox T=ndr\n");
    CHECK(!strstr(told(&w), "1xUzvI-000312-1j") && !strstr(told(&w), "queue run"));
    end(&w);
}

/* After Q173280: id, event, time, gateway, partner, remote id, originator, priority, bytes, seconds, cost, report id, number of
 * recipients, recipient, report status. */
static void exchange_55_tells_by_mts_id(void)
{
    static const char log[] =
        "# Message Tracking Log File\n"
        "c=US;a= ;p=LAB;l=S1-261122050001Z-7\t1010\t2026.11.22 5:0:1 GMT\tIMS\t\t<@7@@lab.test>\t"
        "/o=lab/cn=joe\t0\t1200\t0\t\t\t1\t/o=lab/cn=joanne\t0\n"
        "c=US;a= ;p=LAB;l=S1-261122050001Z-7\t9\t2026.11.22 5:0:5 "
        "GMT\t\t\t\t/o=lab/cn=joe\t0\t1200\t"
        "4\t\t\t1\t/o=lab/cn=joanne\t0\n"
        "c=US;a= ;p=LAB;l=S1-261122050002Z-8\t34\tSun, 22 Nov 2026 05:00:09 "
        "+0000\t\t\t\t/cn=joe\t0\t"
        "12\t4\t\t\t1\t/cn=x\t1\n";
    struct told w;

    begin(&w, 7);
    CHECK(read_text(&w, log));
    CHECK_STR(told(&w), "1 event (1010), /o=lab/cn=joe to /o=lab/cn=joanne, id c=US;a= "
                        ";p=LAB;l=S1-261122050001Z-7\n"
                        "5 delivered (9), /o=lab/cn=joe to /o=lab/cn=joanne, id c=US;a= "
                        ";p=LAB;l=S1-261122050001Z-7\n");
    end(&w);
}

static void exchange_csv_is_read_by_the_columns_it_names(void)
{
    static const char log[] =
        "#Software: Microsoft Exchange Server\n#Version: 15.02.0986.005\n#Log-type: Message "
        "Tracking Log\n#Date: 2026-11-22T05:00:00.000Z\n"
        "#Fields: date-time,client-ip,client-hostname,server-ip,server-hostname,source-context,"
        "connector-id,source,event-id,internal-message-id,message-id,network-message-id,"
        "recipient-address,recipient-status,total-bytes,recipient-count,related-recipient-address,"
        "reference,message-subject\n"
        "2026-11-22T05:00:02.250Z,,,,EX01,,,SMTP,RECEIVE,12,<@7@@lab.test>,,joanne-1@lab.test,,"
        "1200,"
        "1,,,\"hello, \"\"you\"\"\"\n"
        "2026-11-22T05:00:03.000Z,,,,EX01,,,SMTP,RECEIVE,13,<@8@@lab.test>,,joanne-1@lab.test,,1,1,"
        ",,\n"
        "2026-11-22T05:00:04.500Z,,,,EX01,\"a,b\",,STOREDRIVER,DELIVER,12,<@7@@lab.test>,,"
        "joanne-1@lab.test,\"250 2.1.5, ok\",1200,1,,,hello\n"
        "2026-11-22T05:00:05.000Z,,,,EX01,,,DSN,DSN,14,<ndr@ex01>,,joe-1@lab.test,,1,1,,"
        "<@7@@lab.test>,Undeliverable\n";
    struct told w;

    begin(&w, 7);
    CHECK(read_text(&w, log));
    CHECK_STR(told(&w), "2 RECEIVE SMTP joanne-1@lab.test\n"
                        "4 DELIVER STOREDRIVER joanne-1@lab.test \"250 2.1.5, ok\"\n"
                        "5 DSN DSN joe-1@lab.test\n");
    end(&w);
}

static void several_logs_are_told_in_order_of_time(void)
{
    struct told w;

    begin(&w, 7);
    CHECK(read_golden(&w, "dovecot.log") && read_golden(&w, "exim.log"));
    CHECK_U64(w.t.logs, 2);
    CHECK(strncmp(told(&w), "932 1xUzvI-000312-1j <= ", 24) == 0);
    CHECK_U64(w.t.claims[0].log, 1);
    CHECK_U64(w.t.claims[1].log, 1);
    end(&w);
}

static void a_queue_id_of_another_week_is_somebody_elses(void)
{
    struct told w;

    begin(&w, 7);
    CHECK(read_text(&w, "Nov 22 05:00:01 h postfix/cleanup[1]: 3B6B1B4A6F8: message-id=<@7@@l>\n"
                        "Nov 27 05:00:01 h postfix/qmgr[1]: 3B6B1B4A6F8: removed\n"
                        "Nov 30 05:00:01 h postfix/cleanup[1]: 3B6B1B4A6F8: message-id=<b@l>\n"));
    CHECK_U64(w.t.count, 2);
    end(&w);
}

static void forged_tokens_and_words_like_ids_tie_nothing(void)
{
    struct told w;

    begin(&w, 7);
    CHECK(read_text(&w, "Nov 22 05:00:01 h postfix/cleanup[1]: 3B6B1B4A6F8: message-id=<"
                        "pm.aaaaaaaaaaaaaaaaaaaaaaaaaa@l>\n"
                        "Nov 22 05:00:01 h postfix/cleanup[1]: 3B6B1B4A6F8: message-id=<@8@@l>\n"
                        "Nov 22 05:00:01 h postfix/smtpd[1]: warning: hello\n"));
    CHECK_U64(w.t.count, 0);
    CHECK(read_text(&w, "Nov 22 05:00:01 h postfix/smtpd[1]: NOQUEUE: reject: <@7@@l>\n"
                        "Nov 22 05:00:01 h postfix/smtpd[1]: NOQUEUE: reject: <someone@l>\n"
                        "Nov 22 05:00:01 h postfix/smtpd[1]: warning: <@7@@l>\n"
                        "Nov 22 05:00:01 h postfix/smtpd[1]: warning: <someone@l>\n"));
    CHECK_U64(w.t.count, 2);
    end(&w);
}

static void times_are_read_as_logs_write_them(void)
{
    static const struct {
        const char *text;
        uint64_t ns;
    } all[] = {
        {"Nov 22 05:00:00 x", 1795323600 * NS_PER_S},
        {"Dec  1 05:00:00 x", 1796101200 * NS_PER_S},
        {"2026-11-22 05:00:00 x", 1795323600 * NS_PER_S},
        {"2026-11-22 06:00:00.5 +0100 x", 1795323600 * NS_PER_S + NS_PER_S / 2},
        {"2026-11-22T05:00:00.123456+00:00 x", 1795323600 * NS_PER_S + 123456000},
        {"2026-11-22T04:00:00-01:00 x", 1795323600 * NS_PER_S},
        {"2026-11-22T05:00:00.250Z,x", 1795323600 * NS_PER_S + NS_PER_S / 4},
        {"2026.11.22 5:0:0 GMT", 1795323600 * NS_PER_S},
        {"Sun, 22 Nov 2026 05:00:00 +0000", 1795323600 * NS_PER_S},
        {"2026-11-22 25:00:00 x", 0},
        {"2026-13-22 05:00:00 x", 0},
        {"Nov 22 05:00", 0},
        {"Nov 222222222222 x", 0},
        {"99999999999999999", 0},
        {"", 0},
    };

    size_t n;

    (void)setenv("TZ", "UTC", 1);
    tzset();
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        CHECK_U64(log_time(slice_of(all[i].text), NEAR, &n), all[i].ns);
    CHECK_U64(log_time(slice_of("Dec 31 23:59:59 x"), 1798761601 * NS_PER_S, &n),
              1798761599 * NS_PER_S); /* the run was just after midnight of 2027 */
}

static void long_lines_and_garbage_are_passed_over(void)
{
    struct told w;
    struct buf text;

    begin(&w, 7);
    buf_init(&text, 8u << 20);
    for (unsigned i = 0; i < 300000; i++)
        PM_ASSERT(buf_add(&text, i % 97 ? "x\xff\x01" : "\t,\"", 3));
    PM_ASSERT(buf_add_text(&text, "\nNov 22 05:00:01 h postfix/cleanup[1]: 3B6B1B4A6F8: "
                                  "message-id=<@7@@l>\nNov 22 05:00:02 h a[1]: 3B6B1B4A6F8: "));
    for (unsigned i = 0; i < 200000; i++)
        PM_ASSERT(buf_add(&text, "y", 1));
    PM_ASSERT(buf_add_text(&text, "\nNov 22 05:00:03 h a[1]: 3B6B1B4A6F8: last, without its end"));
    CHECK(read_text(&w, buf_text(&text)));
    CHECK_U64(w.t.count, 3);
    if (w.t.count == 3) {
        CHECK_U64(strlen(w.t.claims[1].text), TRACKING_TEXT_MAX - 1);
        CHECK_HAS(w.t.claims[2].text, "last, without its end");
    }
    buf_fini(&text);
    end(&w);
}

static void only_so_many_lines_are_kept(void)
{
    struct told w;
    struct buf text;

    begin(&w, 7);
    buf_init(&text, 8u << 20);
    for (unsigned i = 0; i < TRACKING_LINES_MAX + 5; i++)
        PM_ASSERT(buf_add_text(&text, "Nov 22 05:00:01 h a[1]: 3B6B1B4A6F8: <@7@@l>\n"));
    CHECK(read_text(&w, buf_text(&text)));
    CHECK_U64(w.t.count, TRACKING_LINES_MAX);
    CHECK(w.t.full);
    buf_fini(&text);
    end(&w);
}

static void a_log_that_cannot_be_read_is_an_error(void)
{
    struct told w;

    begin(&w, 7);
    CHECK(!tracking_read(&w.t, "/nowhere/mail.log", &w.e));
    CHECK_U64(w.e.code, EX_IO);
    CHECK_HAS(w.e.text, "/nowhere/mail.log: No such file");
    CHECK(!tracking_read(&w.t, "/", &w.e));
    CHECK_HAS(w.e.text, "directory");
    CHECK(read_text(&w, ""));
    CHECK_U64(w.t.count, 0);
    end(&w);
}

static const struct test tests[] = {
    TEST(postfix_tells_by_queue_id_what_became_of_a_message_id),
    TEST(a_bounce_leads_to_the_report_and_what_became_of_it),
    TEST(dovecot_tells_where_a_message_id_was_saved),
    TEST(exim_tells_by_its_id_and_of_its_reports),
    TEST(exchange_55_tells_by_mts_id),
    TEST(exchange_csv_is_read_by_the_columns_it_names),
    TEST(several_logs_are_told_in_order_of_time),
    TEST(a_queue_id_of_another_week_is_somebody_elses),
    TEST(forged_tokens_and_words_like_ids_tie_nothing),
    TEST(times_are_read_as_logs_write_them),
    TEST(long_lines_and_garbage_are_passed_over),
    TEST(only_so_many_lines_are_kept),
    TEST(a_log_that_cannot_be_read_is_an_error),
    TEST_END,
};
const struct suite tracking_suite = {"tracking", tests};
