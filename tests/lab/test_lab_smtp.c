/* test_lab_smtp.c - the ESMTP server: transcripts, any split of the octets, content exact, and clients of others. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <curl/curl.h>

#include "base/clock.h"
#include "base/rng.h"
#include "lab/lab_smtp_param.h"
#include "lab/lab_smtp_talk.h"
#include "tests/lab/fronts.h"
#include "tests/support/check.h"
#include "tests/support/scratch.h"

/* --- a conversation without a socket ------------------------------------------------------------------------------ */

struct desk { /* takes the mail and writes down what it got */
    struct smtp_host host;
    struct buf log;
    bool up, refuses;
    uint64_t taken;
    size_t last_count;
};

static bool desk_is_local(void *owner, struct slice address)
{
    size_t at;

    (void)owner;
    return slice_find(address, slice_of("@lab.test"), &at);
}

static bool desk_is_up(void *owner)
{
    const struct desk *d = owner;

    return d->up;
}

static void note(struct desk *d, const char *word, struct slice s)
{
    (void)buf_add_format(&d->log, "%s", word);
    (void)buf_add(&d->log, s.p, s.n);
    (void)buf_add_text(&d->log, "\n");
}

static uint64_t desk_submit(void *owner, const struct lab_submission *m, struct err *e)
{
    struct desk *d = owner;

    if (d->refuses) {
        (void)err_set(e, EX_TARGET, "the agent is not running");
        return 0;
    }
    note(d, "from ", m->from);
    note(d, m->ret_hdrs ? "hdrs " : "full ", m->envid);
    for (uint32_t i = 0; i < m->count && i < 4; i++) {
        const struct lab_recipient *r = &m->recipients[i];

        (void)buf_add_format(&d->log, "to%s%s%s ", r->never ? " never" : "",
                             r->success ? " success" : "", r->delay ? " delay" : "");
        note(d, "", r->address);
        note(d, "orcpt ", r->orcpt);
    }
    (void)buf_add_format(&d->log, "client %s\n", m->client);
    note(d, "content ", m->content);
    d->last_count = m->count;
    return ++d->taken;
}

static void desk_init(struct desk *d)
{
    *d = (struct desk){.up = true};
    buf_init(&d->log, 256u << 20);
    d->host = (struct smtp_host){.name = "s1.lab.test",
                                 .build = "5.5.2650",
                                 .size_max = SMTP_SIZE_MAX,
                                 .is_local = desk_is_local,
                                 .is_up = desk_is_up,
                                 .submit = desk_submit,
                                 .owner = d};
}

static struct talk *desk_call(struct desk *d)
{
    const struct net_addr peer = {.family = 4, .port = 999, .ip = {127, 0, 0, 1}};

    return smtp_talk_open(&d->host, &peer);
}

static enum talk_after feed(struct talk *t, const char *text)
{
    return smtp_talk_feed(t, slice_of(text));
}

/* Plays a transcript of "C: " and "S: " lines: what is said must be answered so, line by line. */
static void play(struct desk *d, const char *script)
{
    struct talk *t = desk_call(d);
    struct slice rest = slice_of(script), line;
    struct buf want;

    buf_init(&want, 1u << 20);
    while (rest.n > 0) {
        (void)slice_cut(&rest, '\n', &line);
        if (slice_starts(line, "S: ")) {
            (void)buf_add(&want, line.p + 3, line.n - 3);
            (void)buf_add_text(&want, "\r\n");
        }
        if (slice_starts(line, "C: ") || rest.n == 0) {
            char *got = strndup(buf_text(&t->out), t->out.n);

            CHECK_STR(got, buf_text(&want));
            free(got);
            buf_clear(&t->out);
            buf_clear(&want);
        }
        if (slice_starts(line, "C: ")) {
            char text[600];

            (void)snprintf(text, sizeof text, "%.*s\r\n", (int)line.n - 3,
                           (const char *)line.p + 3);
            (void)feed(t, text);
        }
    }
    buf_fini(&want);
    smtp_talk_close(t);
}

static void a_typical_transaction_goes_as_in_rfc_5321_appendix_d(void)
{
    struct desk d;

    desk_init(&d);
    play(&d, "S: 220 s1.lab.test ESMTP server (Exchange 5.5.2650, postmuster lab) ready\n"
             "C: EHLO bar.com\n"
             "S: 250-s1.lab.test\n"
             "S: 250-PIPELINING\n"
             "S: 250-SIZE 33554432\n"
             "S: 250-8BITMIME\n"
             "S: 250-DSN\n"
             "S: 250 ENHANCEDSTATUSCODES\n"
             "C: MAIL FROM:<Smith@bar.com>\n"
             "S: 250 2.1.0 sender OK\n"
             "C: RCPT TO:<Jones@lab.test>\n"
             "S: 250 2.1.5 recipient OK\n"
             "C: RCPT TO:<Green@foo.com>\n"
             "S: 550 5.7.1 unable to relay\n"
             "C: RCPT TO:<Brown@lab.test>\n"
             "S: 250 2.1.5 recipient OK\n"
             "C: DATA\n"
             "S: 354 end with a dot on a line of its own\n"
             "C: Blah blah blah...\n"
             "C: ...etc. etc. etc.\n"
             "C: .\n"
             "S: 250 2.6.0 queued as 1\n"
             "C: QUIT\n"
             "S: 221 2.0.0 s1.lab.test closes");
    CHECK_STR(buf_text(&d.log), "from Smith@bar.com\nfull \nto Jones@lab.test\norcpt \n"
                                "to Brown@lab.test\norcpt \nclient bar.com ([127.0.0.1])\n"
                                "content Blah blah blah...\r\n..etc. etc. etc.\r\n\n");
    buf_fini(&d.log);
}

static void an_aborted_transaction_leaves_nothing_behind(void)
{
    struct desk d;

    desk_init(&d);
    play(&d, "S: 220 s1.lab.test ESMTP server (Exchange 5.5.2650, postmuster lab) ready\n"
             "C: HELO bar.com\n"
             "S: 250 s1.lab.test\n"
             "C: MAIL FROM:<Smith@bar.com>\n"
             "S: 250 2.1.0 sender OK\n"
             "C: RCPT TO:<Jones@lab.test>\n"
             "S: 250 2.1.5 recipient OK\n"
             "C: RSET\n"
             "S: 250 2.0.0 flushed\n"
             "C: DATA\n"
             "S: 503 5.5.1 MAIL first\n"
             "C: QUIT\n"
             "S: 221 2.0.0 s1.lab.test closes");
    CHECK_U64(d.taken, 0);
    buf_fini(&d.log);
}

static void verbs_out_of_order_and_unknown_are_refused_by_their_codes(void)
{
    struct desk d;

    desk_init(&d);
    play(&d, "S: 220 s1.lab.test ESMTP server (Exchange 5.5.2650, postmuster lab) ready\n"
             "C: MAIL FROM:<a@b>\n"
             "S: 503 5.5.1 EHLO first\n"
             "C: EHLO\n"
             "S: 501 5.5.4 a name belongs here\n"
             "C: HELO x\n"
             "S: 250 s1.lab.test\n"
             "C: RCPT TO:<a@lab.test>\n"
             "S: 503 5.5.1 MAIL first\n"
             "C: MAIL FROM:<a@b>\n"
             "S: 250 2.1.0 sender OK\n"
             "C: MAIL FROM:<a@b>\n"
             "S: 503 5.5.1 one transaction at a time\n"
             "C: DATA\n"
             "S: 503 5.5.1 RCPT first\n"
             "C: RCPT TO:<x@elsewhere.test>\n"
             "S: 550 5.7.1 unable to relay\n"
             "C: DATA\n"
             "S: 554 5.5.1 no valid recipients\n"
             "C: RCPT TO:joe@lab.test\n"
             "S: 501 5.1.3 RCPT TO:<address> is what I understand\n"
             "C: WHAT\n"
             "S: 500 5.5.2 command not understood\n"
             "C: EXPN all\n"
             "S: 502 5.5.1 EXPN is not offered\n"
             "C: STARTTLS\n"
             "S: 503 5.5.1 not inside a transaction\n"
             "C: RSET\n"
             "S: 250 2.0.0 flushed\n"
             "C: STARTTLS\n"
             "S: 502 5.5.1 STARTTLS is not offered\n"
             "C: VRFY joe\n"
             "S: 252 2.1.5 will take mail for it and try\n"
             "C: NOOP whatever\n"
             "S: 250 2.0.0 OK");
    buf_fini(&d.log);
}

static void dsn_and_size_parameters_arrive_decoded(void)
{
    struct desk d;

    desk_init(&d);
    play(
        &d,
        "S: 220 s1.lab.test ESMTP server (Exchange 5.5.2650, postmuster lab) ready\n"
        "C: HELO x\n"
        "S: 250 s1.lab.test\n"
        "C: MAIL FROM:<> SIZE=1000 BODY=8BITMIME RET=HDRS ENVID=QQ+2B314159+3D\n"
        "S: 250 2.1.0 sender OK\n"
        "C: RCPT TO:<@relay,@b:joe@lab.test> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;joe+2Btag@lab.test\n"
        "S: 250 2.1.5 recipient OK\n"
        "C: RCPT TO:<ann@lab.test> NOTIFY=NEVER\n"
        "S: 250 2.1.5 recipient OK\n"
        "C: RCPT TO:<\"a>b\"@lab.test> notify=failure\n"
        "S: 250 2.1.5 recipient OK\n"
        "C: DATA\n"
        "S: 354 end with a dot on a line of its own\n"
        "C: .\n"
        "S: 250 2.6.0 queued as 1\n"
        "C: NOOP\n"
        "S: 250 2.0.0 OK");
    CHECK_STR(buf_text(&d.log), "from \nhdrs QQ+314159=\nto never success delay joe@lab.test\n"
                                "orcpt rfc822;joe+tag@lab.test\nto never ann@lab.test\norcpt \n"
                                "to \"a>b\"@lab.test\norcpt \nclient x ([127.0.0.1])\ncontent \n");
    buf_fini(&d.log);
}

static void bad_parameters_are_refused_and_count_no_recipient(void)
{
    static const char *const mail[] = {
        "SIZE=x",    "SIZE=",         "SIZE=1 SIZE=1", "BODY=ODD",
        "RET=SOME",  "ENVID=",        "ENVID=a+2",     "ENVID=a+0A",
        "ENVID=a=b", "NOTIFY=ALL",    "SMTPUTF8",      "SIZE=99999999999999999999999",
        "RET",       "SIZE=33554433",
    };
    static const char *const rcpt[] = {
        "NOTIFY=",  "NOTIFY=NEVER,SUCCESS",      "ORCPT=joe",         "ORCPT=;joe", "ORCPT=rfc822;",
        "RET=FULL", "NOTIFY=NEVER NOTIFY=NEVER", "ORCPT=rfc822;a+0Db"};
    struct smtp_param_mail m = {.room = SMTP_SIZE_MAX};
    struct smtp_param_rcpt r = {0};

    for (size_t i = 0; i < sizeof mail / sizeof *mail; i++) {
        const char *said = smtp_param_mail(slice_of(mail[i]), &m);

        check_true(said && said[0] == '5', mail[i], __FILE__, __LINE__);
    }
    for (size_t i = 0; i < sizeof rcpt / sizeof *rcpt; i++) {
        const char *said = smtp_param_rcpt(slice_of(rcpt[i]), &r);

        check_true(said && said[0] == '5', rcpt[i], __FILE__, __LINE__);
    }
    CHECK(smtp_param_mail(slice_of("SIZE=33554432"), &m) == NULL);
}

/* The same octets in pieces, sizes drawn from the seed, give the same replies and the same mail. */
static const char long_talk[] =
    "EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<joe@lab.test>\r\nDATA\r\n"
    "..dot\r\n.\r.\r\n.\n.\r\n\r\n..\r\nbare\nlf\n.\nand\r.\rcr\r\r\n\r.\r\n..x\r\n\r\n.\r\n"
    "RSET\r\nMAIL FROM:<a@b> SIZE=5\nRCPT TO:<joe@lab.test>\r\nRCPT TO:<x@y.z>\r\nDATA\r\n.\r\n"
    "BOGUS\r\nMAIL FROM:<>\r\nRCPT TO:<ann@lab.test>\r\nDATA\r\n\x80\xff "
    "8-bit\r\n\r.\r\r\n.\r\nQUIT\r\nNOOP\r\n";
static const char long_content[] =
    ".dot\r\n\r.\r\n\n.\r\n\r\n.\r\nbare\nlf\n.\nand\r.\rcr\r\r\n\r.\r\n.x\r\n\r\n";

static void any_split_of_the_octets_gives_the_same_transcript(void)
{
    char *want = NULL, *want_log = NULL;

    for (uint64_t seed = 0; seed < 300; seed++) {
        struct rng r = rng_at(seed, 1, 0);
        struct slice rest = slice_from(long_talk, sizeof long_talk - 1);
        struct desk d;

        desk_init(&d);
        struct talk *t = desk_call(&d);
        while (rest.n > 0) {
            size_t most = seed < 2 ? (seed ? 1 : rest.n) : 1 + rng_below(&r, 1 + seed / 10);
            size_t n = most < rest.n ? most : rest.n;

            if (smtp_talk_feed(t, slice_from(rest.p, n)) == TALK_CLOSE)
                break;
            rest = slice_skip(rest, n);
        }
        if (!want) {
            want = strdup(buf_text(&t->out));
            want_log = strdup(buf_text(&d.log));
        }
        CHECK_STR(buf_text(&t->out), want);
        CHECK_STR(buf_text(&d.log), want_log);
        CHECK_U64(d.taken, 3);
        smtp_talk_close(t);
        buf_fini(&d.log);
    }
    if (want) {
        char first[sizeof long_content + 10];

        (void)snprintf(first, sizeof first, "content %s", long_content);
        CHECK_HAS(want_log, first);
        CHECK_HAS(want, "221 2.0.0");
        CHECK_HAS(want_log, "\x80\xff 8-bit\r\n\r.\r\r\n");
    }
    free(want);
    free(want_log);
}

static void only_crlf_dot_crlf_ends_a_message(void)
{
    static const char *const tricks[] = {"\n.\n",   "\n.\r\n",      "\r.\r",
                                         "\r\n.\n", "\r\n.\r.\r\n", "\r.\r\n"};

    for (size_t i = 0; i < sizeof tricks / sizeof *tricks; i++) {
        struct desk d;

        desk_init(&d);
        struct talk *t = desk_call(&d);
        (void)feed(t, "HELO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<joe@lab.test>\r\nDATA\r\nx");
        (void)feed(t, tricks[i]);
        CHECK_U64(d.taken, 0);
        (void)feed(t, "MAIL FROM:<smuggled@b>\r\n.\r\n");
        check_u64(d.taken, 1, tricks[i], __FILE__, __LINE__);
        CHECK_HAS(buf_text(&d.log), "smuggled");
        smtp_talk_close(t);
        buf_fini(&d.log);
    }
}

static void limits_hold_for_lines_recipients_content_and_errors(void)
{
    struct desk d;
    static char line[5000];

    desk_init(&d);
    d.host.size_max = 1000;
    struct talk *t = desk_call(&d);
    memset(line, 'x', sizeof line - 3);
    memcpy(line + sizeof line - 3, "\r\n", 3);
    buf_clear(&t->out);
    (void)feed(t, line);
    CHECK_STR(buf_text(&t->out), "500 5.5.2 line too long\r\n");
    (void)feed(t, "HELO x\r\nMAIL FROM:<a@b> SIZE=1001\r\n");
    CHECK_HAS(buf_text(&t->out), "552 5.3.4");
    (void)feed(t, "MAIL FROM:<a@b>\r\n");
    for (int i = 0; i < SMTP_RECIPIENTS_MAX + 1; i++)
        (void)feed(t, "RCPT TO:<joe@lab.test>\r\n");
    CHECK_HAS(buf_text(&t->out), "452 4.5.3");
    (void)feed(t, "DATA\r\n");
    (void)feed(t, "short\r\n.\r\n");
    CHECK_U64(d.taken, 1);
    CHECK_U64(d.last_count, SMTP_RECIPIENTS_MAX);
    buf_clear(&t->out);
    (void)feed(t, "MAIL FROM:<a@b>\r\nRCPT TO:<joe@lab.test>\r\nDATA\r\n");
    (void)feed(t, line);
    (void)feed(t, ".\r\n");
    CHECK_HAS(buf_text(&t->out), "552 5.3.4 message too large\r\n");
    CHECK_U64(d.taken, 1);
    enum talk_after after = TALK_GO_ON;
    int errors = 0;
    for (; after == TALK_GO_ON && errors < 100; errors++)
        after = feed(t, "JUNK\r\n");
    CHECK_BETWEEN(errors, 10, SMTP_ERRORS_MAX);
    CHECK_HAS(buf_text(&t->out), "421 4.7.0");
    smtp_talk_close(t);
    buf_fini(&d.log);
}

static void what_cannot_be_taken_now_is_refused_with_4xx(void)
{
    struct desk d;

    desk_init(&d);
    struct talk *t = desk_call(&d);
    d.refuses = true;
    (void)feed(t, "HELO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<joe@lab.test>\r\nDATA\r\nx\r\n.\r\n");
    CHECK_HAS(buf_text(&t->out), "451 4.3.0 the agent is not running\r\n");
    (void)feed(t, "MAIL FROM:<a@b>\r\nRCPT TO:<joe@lab.test>\r\nDATA\r\nx\r\n");
    d.up = false;
    CHECK_I64(feed(t, ".\r\n"), TALK_CLOSE);
    CHECK_HAS(buf_text(&t->out), "421 4.3.2");
    smtp_talk_close(t);
    buf_fini(&d.log);
}

static void what_is_pipelined_behind_a_refused_mail_is_not_held_against_the_client(void)
{
    struct desk d;

    desk_init(&d);
    struct talk *t = desk_call(&d);
    (void)feed(t, "HELO x\r\nMAIL FROM:<a@b> SIZE=99999999\r\n");
    for (int i = 0; i < 100; i++)
        CHECK_I64(feed(t, "RCPT TO:<joe@lab.test>\r\n"), TALK_GO_ON);
    CHECK_I64(feed(t, "DATA\r\n"), TALK_GO_ON);
    CHECK_HAS(buf_text(&t->out), "503 5.5.1 MAIL first\r\n");
    smtp_talk_close(t);
    buf_fini(&d.log);
}

static void starttls_forgets_what_was_sent_behind_it(void)
{
    struct desk d;

    desk_init(&d);
    d.host.tls = true;
    struct talk *t = desk_call(&d);
    (void)feed(t, "EHLO x\r\n");
    CHECK_HAS(buf_text(&t->out), "250-STARTTLS\r\n");
    CHECK_I64(feed(t, "STARTTLS\r\nMAIL FROM:<injected@b>\r\n"), TALK_SECURE);
    CHECK_HAS(buf_text(&t->out), "220 2.0.0 go ahead\r\n");
    smtp_talk_secured(t);
    buf_clear(&t->out);
    (void)feed(t, "RCPT TO:<joe@lab.test>\r\nEHLO x\r\n");
    CHECK_HAS(buf_text(&t->out), "503 5.5.1 EHLO first\r\n");
    CHECK(!strstr(buf_text(&t->out), "STARTTLS"));
    (void)feed(t, "RCPT TO:<joe@lab.test>\r\n");
    CHECK_HAS(buf_text(&t->out), "503 5.5.1 MAIL first");
    smtp_talk_close(t);
    buf_fini(&d.log);
}

/* Words of the protocol in any order, with some noise. */
static void no_order_of_words_breaks_the_server(void)
{
    static const char *const words[] = {
        "EHLO x\r\n", "MAIL FROM:",
        "RCPT TO:",   "<joe@lab.test>",
        "<>",         "<\"a>\\\"b\"@lab.test>",
        "\r\n",       "\r\n",
        "DATA\r\n",   ".\r\n",
        "..",         "\r",
        "\n",         " SIZE=",
        "12",         " ENVID=",
        "a+2B",       "+",
        " NOTIFY=",   "NEVER",
        "SUCCESS,",   " ORCPT=rfc822;",
        "\xff",       "RSET\r\n",
        "VRFY ",      "<",
        ">",          "@",
        ":",          " RET=HDRS",
        "\"",         "\\",
        "NOOP\r\n",   "MAIL FROM:<a@b>\r\nRCPT TO:<joe@lab.test>\r\nDATA\r\n"};
    uint64_t taken = 0;

    for (uint64_t seed = 0; seed < 5000; seed++) {
        struct rng r = rng_at(seed, 4, 0);
        struct desk d;

        desk_init(&d);
        struct talk *t = desk_call(&d);
        enum talk_after after = feed(t, "EHLO x\r\n");
        for (int i = 0; i < 200 && after == TALK_GO_ON; i++)
            after = feed(t, words[rng_below(&r, sizeof words / sizeof *words)]);
        taken += d.taken;
        smtp_talk_close(t);
        buf_fini(&d.log);
    }
    CHECK_BETWEEN((double)taken, 100, 1e6);
}

/* --- on the simulated network --------------------------------------------------------------------------------------- */

static void on_any_network_the_transcript_is_the_same_and_the_mail_lands(void)
{
    char *want = NULL;

    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct fronts f;
        struct caller c;
        struct lab_item item;

        if (!fronts_simulate(&f, seed, NULL))
            break;
        struct net_addr at = lab_site_front(f.site, 0).smtp;
        if (caller_connect(&c, &f, &at)) {
            caller_say_bytes(&c, long_talk, sizeof long_talk - 1);
            fronts_run(&f, 5 * NS_PER_S);
            CHECK(c.ended);
            CHECK(!c.broken);
            if (!want)
                want = strdup(caller_heard(&c));
            CHECK_STR(caller_heard(&c), want);
            CHECK_U64(lab_item_count(lab_site_core(f.site), 0, 0), 2);
            CHECK(lab_item_at(lab_site_core(f.site), 0, 0, 0, &item));
            CHECK(item.content.n > sizeof long_content &&
                  memcmp(item.content.p + item.content.n - (sizeof long_content - 1), long_content,
                         sizeof long_content - 1) == 0);
            caller_fini(&c);
        }
        fronts_fini(&f);
    }
    CHECK_HAS(want ? want : "", "queued as 3");
    free(want);
}

static void a_stopped_service_says_421_to_old_and_new_connections(void)
{
    struct fronts f;
    struct caller old, late;
    int status = 0;

    if (!fronts_simulate(&f, 3, NULL))
        return;
    struct net_addr at = lab_site_front(f.site, 0).smtp;
    json_t *down = json_pack("{s:s s:s s:b}", "server", "s1", "component", "smtp", "up", 0);
    if (caller_connect(&old, &f, &at)) {
        caller_say(&old, "EHLO x\r\n");
        fronts_run(&f, NS_PER_S);
        json_decref(lab_site_control(f.site, "POST", "/v1/component", down, &status));
        CHECK_I64(status, 200);
        fronts_run(&f, NS_PER_S);
        CHECK_HAS(caller_heard(&old), "421 4.3.2");
        CHECK(old.ended);
        caller_fini(&old);
    }
    if (caller_connect(&late, &f, &at)) {
        fronts_run(&f, NS_PER_S);
        CHECK_STR(caller_heard(&late), "421 4.3.2 s1.lab.test: the SMTP service is stopped\r\n");
        CHECK(late.ended);
        caller_fini(&late);
    }
    json_decref(down);
    fronts_fini(&f);
}

/* --- clients of others ------------------------------------------------------------------------------------------------ */

struct upload {
    const char *p;
    size_t left;
};

static size_t give(char *to, size_t size, size_t count, void *owner)
{
    struct upload *u = owner;
    size_t n = size * count < u->left ? size * count : u->left;

    memcpy(to, u->p, n);
    u->p += n;
    u->left -= n;
    return n;
}

static CURLcode send_by_curl(const struct net_addr *at, const char *ca, const char *content)
{
    struct upload u = {content, strlen(content)};
    char url[100], text[NET_TEXT];
    struct curl_slist *to = NULL;
    CURL *curl = curl_easy_init();

    (void)snprintf(url, sizeof url, "smtp://%s/client.test", net_print(at, text));
    to = curl_slist_append(to, "<joe@lab.test>");
    to = curl_slist_append(to, "<ann@lab.test>");
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_MAIL_FROM, "<bob@lab.test>");
    curl_easy_setopt(curl, CURLOPT_MAIL_RCPT, to);
    curl_easy_setopt(curl, CURLOPT_READFUNCTION, give);
    curl_easy_setopt(curl, CURLOPT_READDATA, &u);
    curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, 20L);
    if (ca) {
        curl_easy_setopt(curl, CURLOPT_USE_SSL, (long)CURLUSESSL_ALL);
        curl_easy_setopt(curl, CURLOPT_CAINFO, ca);
    }
    CURLcode code = curl_easy_perform(curl);
    curl_slist_free_all(to);
    curl_easy_cleanup(curl);
    return code;
}

static void check_two_copies(struct fronts *f, const char *content)
{
    for (uint32_t m = 0; m < 2; m++) {
        struct lab_item item = {0};
        size_t n = strlen(content);

        CHECK_U64(lab_item_count(lab_site_core(f->site), 0, m), 1);
        CHECK(lab_item_at(lab_site_core(f->site), 0, m, 0, &item));
        CHECK(item.content.n > n && memcmp(item.content.p + item.content.n - n, content, n) == 0);
    }
}

static const char letter[] = "Subject: dots\r\nMessage-ID: <1@client.test>\r\n\r\n.\r\n..\r\n.a\r\n"
                             "caf\xc3\xa9\r\n-- \r\nend\r\n";

static void libcurl_can_send_a_letter_that_arrives_octet_for_octet(void)
{
    struct fronts f;

    if (!fronts_serve(&f, false, NULL))
        return;
    struct net_addr at = lab_site_front(f.site, 0).smtp;
    CHECK_I64(send_by_curl(&at, NULL, letter), CURLE_OK);
    (void)usleep(50000);
    fronts_join(&f);
    check_two_copies(&f, letter);
    fronts_fini(&f);
}

static void libcurl_can_send_over_starttls_and_trusts_the_written_certificate(void)
{
    struct fronts f;

    if (!fronts_serve(&f, true, NULL))
        return;
    for (int i = 0; i < 2; i++) {
        struct net_addr at = lab_site_front(f.site, i).smtp;

        CHECK_I64(send_by_curl(&at, f.cert, letter), CURLE_OK);
        CHECK(send_by_curl(&at, "/etc/hostname", letter) != CURLE_OK);
    }
    fronts_fini(&f);
}

static const struct test tests[] = {
    TEST(a_typical_transaction_goes_as_in_rfc_5321_appendix_d),
    TEST(an_aborted_transaction_leaves_nothing_behind),
    TEST(verbs_out_of_order_and_unknown_are_refused_by_their_codes),
    TEST(dsn_and_size_parameters_arrive_decoded),
    TEST(bad_parameters_are_refused_and_count_no_recipient),
    TEST(any_split_of_the_octets_gives_the_same_transcript),
    TEST(only_crlf_dot_crlf_ends_a_message),
    TEST(limits_hold_for_lines_recipients_content_and_errors),
    TEST(what_cannot_be_taken_now_is_refused_with_4xx),
    TEST(what_is_pipelined_behind_a_refused_mail_is_not_held_against_the_client),
    TEST(starttls_forgets_what_was_sent_behind_it),
    TEST(no_order_of_words_breaks_the_server),
    TEST(on_any_network_the_transcript_is_the_same_and_the_mail_lands),
    TEST(a_stopped_service_says_421_to_old_and_new_connections),
    TEST(libcurl_can_send_a_letter_that_arrives_octet_for_octet),
    TEST(libcurl_can_send_over_starttls_and_trusts_the_written_certificate),
    TEST_END,
};

const struct suite lab_smtp_suite = {"lab_smtp", tests};
