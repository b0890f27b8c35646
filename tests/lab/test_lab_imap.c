/* test_lab_imap.c - the IMAP server: transcripts, any split, literals exact, moves under a session, clients of others. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <curl/curl.h>

#include "base/clock.h"
#include "base/rng.h"
#include "lab/lab_imap_args.h"
#include "lab/lab_imap_fetch.h"
#include "lab/lab_imap_talk.h"
#include "tests/lab/fronts.h"
#include "tests/support/check.h"

#define GREETING                                                                                   \
    "S: * OK [CAPABILITY IMAP4rev1 LITERAL+ SASL-IR IDLE AUTH=PLAIN] s1.lab.test IMAP4rev1 "       \
    "server "                                                                                      \
    "(postmuster lab) ready\n"
#define LOGGED_ON "OK [CAPABILITY IMAP4rev1 LITERAL+ SASL-IR IDLE AUTH=PLAIN] logged on\n"

static const char letter[] =
    "Subject: one\r\nTo: joe@lab.test\r\nX-Long: a\r\n b\r\n\r\n* 1 FETCH (UID 9)\r\na1 OK\r\n";

static struct talk *call(const struct fronts *f, struct imap_host *host)
{
    *host = (struct imap_host){.site = f->site, .server = 0, .name = "s1.lab.test"};
    return imap_talk_open(host, NULL);
}

/* "C: " lines are said, "S: " lines must be the answer; trace lines that the site adds to a letter are left out. */
static void play(struct talk *t, const char *script)
{
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
            (void)imap_talk_feed(t, slice_of(text));
        }
    }
    buf_fini(&want);
}

static struct talk *log_on(const struct fronts *f, struct imap_host *host)
{
    struct talk *t = call(f, host);

    (void)imap_talk_feed(t, slice_of("a LOGIN joe pw\r\n"));
    CHECK_HAS(buf_text(&t->out), "a OK ");
    buf_clear(&t->out);
    return t;
}

static const char *say(struct talk *t, const char *text)
{
    buf_clear(&t->out);
    (void)imap_talk_feed(t, slice_of(text));
    return buf_text(&t->out);
}

static void a_session_reads_an_empty_inbox(void)
{
    struct imap_host host;
    struct fronts f;

    if (!fronts_simulate(&f, 1, NULL))
        return;
    struct talk *t = call(&f, &host);
    play(t, GREETING "C: a CAPABILITY\n"
                     "S: * CAPABILITY IMAP4rev1 LITERAL+ SASL-IR IDLE AUTH=PLAIN\n"
                     "S: a OK CAPABILITY completed\n"
                     "C: b SELECT INBOX\n"
                     "S: b BAD log on first\n"
                     "C: c LOGIN joe \"p\\w\"\n"
                     "S: c " LOGGED_ON "C: d LOGIN joe pw\n"
                     "S: d BAD not in this state\n"
                     "C: e LIST \"\" *\n"
                     "S: * LIST (\\NoInferiors) \"/\" INBOX\n"
                     "S: e OK LIST completed\n"
                     "C: f STATUS inbox (MESSAGES UIDNEXT UIDVALIDITY UNSEEN)\n"
                     "S: * STATUS INBOX (MESSAGES 0 UIDNEXT 1 UIDVALIDITY 1 UNSEEN 0)\n"
                     "S: f OK STATUS completed\n"
                     "C: g EXAMINE INBOX\n"
                     "S: * FLAGS (\\Deleted)\n"
                     "S: * 0 EXISTS\n"
                     "S: * 0 RECENT\n"
                     "S: * OK [UIDVALIDITY 1] this mailbox\n"
                     "S: * OK [UIDNEXT 1] the next\n"
                     "S: * OK [PERMANENTFLAGS ()] kept\n"
                     "S: g OK [READ-ONLY] opened\n"
                     "C: h UID SEARCH ALL\n"
                     "S: * SEARCH\n"
                     "S: h OK SEARCH completed\n"
                     "C: i UID FETCH 1:* (UID FLAGS)\n"
                     "S: i OK FETCH completed\n"
                     "C: j NOOP\n"
                     "S: j OK completed\n"
                     "C: k SELECT Other\n"
                     "S: k NO [NONEXISTENT] INBOX is the only mailbox\n"
                     "C: l CHECK\n"
                     "S: l BAD not in this state\n"
                     "C: m LOGOUT\n"
                     "S: * BYE good-bye\n"
                     "S: m OK LOGOUT completed");
    imap_talk_close(t);
    fronts_fini(&f);
}

static void log_on_is_refused_for_a_reason(void)
{
    struct imap_host host;
    struct fronts f;

    if (!fronts_simulate(&f, 1, NULL))
        return;
    struct talk *t = call(&f, &host);
    play(t, GREETING "C: a LOGIN nobody pw\n"
                     "S: a NO [AUTHENTICATIONFAILED] no such user, or a wrong password\n"
                     "C: b LOGIN joe wrong\n"
                     "S: b NO [AUTHENTICATIONFAILED] no such user, or a wrong password\n"
                     "C: c LOGIN bob pw\n"
                     "S: c NO [AUTHORIZATIONFAILED] mailbox is not on this server\n"
                     "C: d LOGIN joe\n"
                     "S: d BAD LOGIN takes a user and a password\n"
                     "C: e AUTHENTICATE CRAM-MD5\n"
                     "S: e NO [CANNOT] PLAIN is the only mechanism\n"
                     "C: f AUTHENTICATE PLAIN AGpvZQBwdw\n"
                     "S: f BAD that is no base64\n"
                     "C: g AUTHENTICATE PLAIN AGpvZQB3cm9uZw==\n"
                     "S: g NO [AUTHENTICATIONFAILED] no such user, or a wrong password\n"
                     "C: h AUTHENTICATE PLAIN\n"
                     "S: + \n"
                     "C: *\n"
                     "S: h BAD AUTHENTICATE was cancelled\n"
                     "C: i AUTHENTICATE PLAIN\n"
                     "S: + \n"
                     "C: AGpvZQBwdw==\n"
                     "S: i " LOGGED_ON "C: j NOOP\n"
                     "S: j OK completed");
    imap_talk_close(t);
    fronts_fini(&f);
}

static void strings_may_come_as_literals_of_both_kinds(void)
{
    struct imap_host host;
    struct fronts f;

    if (!fronts_simulate(&f, 1, NULL))
        return;
    struct talk *t = call(&f, &host);
    CHECK_STR(say(t, "a LOGIN {3}\r\n"), "+ go on\r\n");
    CHECK_STR(say(t, "joe"), "");
    CHECK_STR(say(t, " {2}\r\n"), "+ go on\r\n");
    CHECK_HAS(say(t, "pw\r\n"), "a OK ");
    imap_talk_close(t);
    t = call(&f, &host);
    CHECK_HAS(say(t, "a LOGIN {3+}\r\njoe {2+}\r\npw\r\n"), "a OK ");
    CHECK_HAS(say(t, "b STATUS {99999}\r\n"), "b BAD that literal is too long\r\n");
    CHECK_HAS(say(t, "c STATUS {5}\r\n"), "+ go on\r\n");
    CHECK_HAS(say(t, "INBOX (MESSAGES)\r\n"), "* STATUS INBOX (MESSAGES 0)\r\nc OK");
    CHECK_HAS(say(t, "d STATUS {99999+}\r\n"), "* BYE that literal is too long\r\n");
    imap_talk_close(t);
    fronts_fini(&f);
}

static void fetch_gives_literals_octet_for_octet(void)
{
    struct imap_host host;
    struct lab_item item;
    struct fronts f;
    struct buf want;

    if (!fronts_simulate(&f, 1, NULL))
        return;
    CHECK(fronts_mail(&f, "joe@lab.test", letter) > 0);
    fronts_run(&f, NS_PER_S);
    struct talk *t = log_on(&f, &host);
    if (CHECK(lab_item_at(lab_site_core(f.site), 0, 0, 0, &item))) {
        buf_init(&want, 1u << 20);
        (void)buf_add_format(&want, "* 1 FETCH (UID 1 RFC822.SIZE %zu BODY[] {%zu}\r\n",
                             item.content.n, item.content.n);
        (void)buf_add(&want, item.content.p, item.content.n);
        (void)buf_add_text(&want, ")\r\nf OK FETCH completed\r\n");
        CHECK_HAS(say(t, "e EXAMINE INBOX\r\n"), "* 1 EXISTS");
        CHECK_STR(say(t, "f UID FETCH 1:* (UID RFC822.SIZE BODY.PEEK[])\r\n"), buf_text(&want));
        buf_fini(&want);
        CHECK_HAS(buf_text(&t->out), letter);
    }
    CHECK_STR(say(t, "g FETCH 1 (BODY.PEEK[HEADER.FIELDS (SUBJECT X-Long)])\r\n"),
              "* 1 FETCH (BODY[HEADER.FIELDS (SUBJECT X-Long)] {31}\r\nSubject: one\r\nX-Long: "
              "a\r\n b\r\n"
              "\r\n)\r\ng OK FETCH completed\r\n");
    CHECK_STR(say(t, "h FETCH 1 BODY[TEXT]<2.7>\r\n"),
              "* 1 FETCH (BODY[TEXT]<2> {7}\r\n1 FETCH)\r\nh OK FETCH completed\r\n");
    CHECK_STR(say(t, "i FETCH 1:7 FAST\r\n"),
              "* 1 FETCH (FLAGS () INTERNALDATE \"02-Apr-1998 08:00:00 +0000\" RFC822.SIZE 216)\r\n"
              "i OK FETCH completed\r\n");
    CHECK_HAS(say(t, "j FETCH 1 RFC822\r\n"),
              "* 1 FETCH (RFC822 {216}\r\nReturn-Path: <bob@lab.test>");
    CHECK_HAS(say(t, "k FETCH 1 BODY[HEADER]\r\n"), "X-Long: a\r\n b\r\n\r\n)\r\nk OK");
    CHECK_HAS(say(t, "l FETCH 1 BODY[HEADER.FIELDS.NOT (RECEIVED RETURN-PATH TO)]\r\n"),
              "{31}\r\nSubject: one\r\nX-Long");
    CHECK_HAS(say(t, "m FETCH 1 BODYSTRUCTURE\r\n"), "m BAD ");
    CHECK_HAS(say(t, "n FETCH 0 UID\r\n"), "n BAD ");
    CHECK_HAS(say(t, "o UID FETCH 7:9 UID\r\n"), "o OK");
    CHECK_HAS(say(t, "p UID FETCH 7:* UID\r\n"), "* 1 FETCH (UID 1)\r\np OK");
    imap_talk_close(t);
    fronts_fini(&f);
}

static void searches_and_flags_use_numbers_or_uids_as_asked(void)
{
    struct imap_host host;
    struct fronts f;

    if (!fronts_simulate(&f, 1, NULL))
        return;
    for (int i = 0; i < 6; i++)
        (void)fronts_mail(&f, "joe@lab.test", letter);
    fronts_run(&f, NS_PER_S);
    struct talk *t = log_on(&f, &host);
    (void)say(t, "a SELECT INBOX\r\n");
    CHECK_STR(say(t, "b UID SEARCH ALL\r\n"), "* SEARCH 1 2 3 4 5 6\r\nb OK SEARCH completed\r\n");
    CHECK_STR(say(t, "c STORE 2 +FLAGS (\\Deleted \\Seen)\r\n"),
              "* 2 FETCH (FLAGS (\\Deleted))\r\nc OK STORE completed\r\n");
    CHECK_STR(say(t, "d UID STORE 4 +FLAGS.SILENT \\Deleted\r\n"), "d OK STORE completed\r\n");
    CHECK_STR(say(t, "e SEARCH DELETED\r\n"), "* SEARCH 2 4\r\ne OK SEARCH completed\r\n");
    CHECK_STR(say(t, "f UID SEARCH UNDELETED UID 3:*\r\n"),
              "* SEARCH 3 5 6\r\nf OK SEARCH completed\r\n");
    CHECK_STR(say(t, "g STORE 4 -FLAGS (\\Deleted)\r\n"),
              "* 4 FETCH (FLAGS ())\r\ng OK STORE completed\r\n");
    CHECK_STR(say(t, "h EXPUNGE\r\n"), "* 2 EXPUNGE\r\nh OK EXPUNGE completed\r\n");
    CHECK_STR(say(t, "i UID SEARCH 2:3\r\n"), "* SEARCH 3 4\r\ni OK SEARCH completed\r\n");
    CHECK_STR(say(t, "j UID SEARCH UID 5:4,1\r\n"), "* SEARCH 1 4 5\r\nj OK SEARCH completed\r\n");
    CHECK_HAS(say(t, "k SEARCH SUBJECT x\r\n"), "k BAD ");
    CHECK_HAS(say(t, "l EXAMINE INBOX\r\n"), "* 5 EXISTS");
    CHECK_HAS(say(t, "m STORE 1 FLAGS (\\Deleted)\r\n"), "m NO [READ-ONLY]");
    CHECK_HAS(say(t, "n EXPUNGE\r\n"), "n NO [READ-ONLY]");
    imap_talk_close(t);
    fronts_fini(&f);
}

static void what_another_session_expunges_is_told_where_numbers_may_change(void)
{
    struct imap_host host;
    struct fronts f;

    if (!fronts_simulate(&f, 1, NULL))
        return;
    for (int i = 0; i < 4; i++)
        (void)fronts_mail(&f, "joe@lab.test", letter);
    fronts_run(&f, NS_PER_S);
    struct talk *one = log_on(&f, &host), *two = log_on(&f, &host);
    (void)say(one, "a SELECT INBOX\r\n");
    (void)say(two, "a SELECT INBOX\r\n");
    CHECK_HAS(say(two, "b STORE 1,3 +FLAGS.SILENT (\\Deleted)\r\nc CLOSE\r\n"), "c OK closed");
    (void)fronts_mail(&f, "joe@lab.test", letter);
    fronts_run(&f, NS_PER_S);
    CHECK_STR(say(one, "d FETCH 1:* UID\r\n"),
              "* 5 EXISTS\r\n* 2 FETCH (UID 2)\r\n* 4 FETCH (UID 4)\r\n"
              "* 5 FETCH (UID 5)\r\nd OK FETCH completed\r\n");
    CHECK_STR(say(one, "e UID FETCH 4 UID\r\n"),
              "* 4 FETCH (UID 4)\r\n* 1 EXPUNGE\r\n* 2 EXPUNGE\r\ne OK FETCH completed\r\n");
    CHECK_STR(say(one, "f FETCH * UID\r\n"), "* 3 FETCH (UID 5)\r\nf OK FETCH completed\r\n");
    imap_talk_close(one);
    imap_talk_close(two);
    fronts_fini(&f);
}

static void idle_hears_of_new_mail(void)
{
    struct caller c;
    struct fronts f;

    if (!fronts_simulate(&f, 5, NULL))
        return;
    struct net_addr at = lab_site_front(f.site, 0).imap;
    if (caller_connect(&c, &f, &at)) {
        caller_say(&c, "a LOGIN joe pw\r\nb EXAMINE INBOX\r\nc IDLE\r\n");
        fronts_run(&f, NS_PER_S);
        CHECK_HAS(caller_heard(&c), "+ idling\r\n");
        caller_forget(&c);
        (void)fronts_mail(&f, "joe@lab.test", letter);
        (void)fronts_mail(&f, "ann@lab.test", letter);
        fronts_run(&f, NS_PER_S);
        CHECK_STR(caller_heard(&c), "* 1 EXISTS\r\n");
        caller_say(&c, "DONE\r\nd UID FETCH 1:* UID\r\n");
        fronts_run(&f, NS_PER_S);
        CHECK_HAS(caller_heard(&c),
                  "c OK IDLE completed\r\n* 1 FETCH (UID 1)\r\nd OK FETCH completed\r\n");
        caller_fini(&c);
    }
    fronts_fini(&f);
}

static void control(struct fronts *f, const char *path, const char *body)
{
    json_t *j = json_loads(body, 0, NULL);
    int status = 0;

    json_decref(lab_site_control(f->site, "POST", path, j, &status));
    CHECK_I64(status, 200);
    json_decref(j);
}

static void a_move_ends_the_session_and_the_new_home_takes_it(void)
{
    struct imap_host host, there;
    struct caller c;
    struct fronts f;

    if (!fronts_simulate(&f, 6, NULL))
        return;
    struct net_addr at = lab_site_front(f.site, 0).imap;
    if (!caller_connect(&c, &f, &at))
        return;
    (void)fronts_mail(&f, "joe@lab.test", letter);
    caller_say(&c, "a LOGIN joe pw\r\nb EXAMINE INBOX\r\n");
    fronts_run(&f, NS_PER_S);
    caller_forget(&c);
    struct talk *other = log_on(&f, &host), *t = call(&f, &host);
    control(&f, "/v1/move", "{\"mailbox\":\"joe\",\"from\":\"s1\",\"to\":\"s2\"}");
    fronts_run(&f, 600 * NS_PER_MS); /* flagged after 500 ms, over after 1.5 s */
    CHECK_STR(caller_heard(&c), "* BYE mailbox has been moved\r\n");
    CHECK(c.ended);
    CHECK_STR(say(other, "c NOOP\r\n"), "* BYE mailbox has been moved\r\n");
    CHECK_STR(say(t, "a LOGIN joe pw\r\n"), "a NO [UNAVAILABLE] mailbox is being moved\r\n");
    fronts_run(&f, 10 * NS_PER_S);
    CHECK_STR(say(t, "b LOGIN joe pw\r\n"),
              "b NO [AUTHORIZATIONFAILED] mailbox is not on this server\r\n");
    imap_talk_close(t);
    imap_talk_close(other);
    caller_fini(&c);
    there = (struct imap_host){.site = f.site, .server = 1, .name = "s2.lab.test"};
    t = imap_talk_open(&there, NULL);
    CHECK_HAS(say(t, "a LOGIN joe pw\r\nb EXAMINE INBOX\r\n"), "* 1 EXISTS");
    imap_talk_close(t);
    fronts_fini(&f);
}

static void a_stopped_service_or_store_says_bye(void)
{
    struct imap_host host;
    struct caller c;
    struct fronts f;

    if (!fronts_simulate(&f, 7, NULL))
        return;
    struct net_addr at = lab_site_front(f.site, 0).imap;
    struct talk *t = log_on(&f, &host);
    control(&f, "/v1/component", "{\"server\":\"s1\",\"component\":\"store\",\"up\":false}");
    CHECK_STR(say(t, "a NOOP\r\n"), "* BYE the store is stopped\r\n");
    imap_talk_close(t);
    t = call(&f, &host);
    CHECK_HAS(say(t, "a LOGIN joe pw\r\n"), "a NO [UNAVAILABLE] the store does not answer");
    imap_talk_close(t);
    control(&f, "/v1/component", "{\"server\":\"s1\",\"component\":\"imap\",\"up\":false}");
    if (caller_connect(&c, &f, &at)) {
        fronts_run(&f, NS_PER_S);
        CHECK_STR(caller_heard(&c), "* BYE the IMAP service is stopped\r\n");
        CHECK(c.ended);
        caller_fini(&c);
    }
    fronts_fini(&f);
}

static const char long_talk[] =
    "a CAPABILITY\r\nb LOGIN {3}\r\njoe {2+}\r\npw\r\nc SELECT INBOX\r\nd UID FETCH 1:* (UID FLAGS "
    "BODY.PEEK[])\r\n"
    "e SEARCH 2:*\r\nf JUNK\r\n\r\ng STORE 1:2 +FLAGS (\\Deleted)\r\nh IDLE\r\nDONE\r\n"
    "i FETCH 1 (BODY[TEXT] RFC822.SIZE)\r\nj EXPUNGE\r\nk FETCH 1:9 UID\r\nl LOGOUT\r\n";

/* What one network gives, every network gives. */
static void any_split_of_the_octets_gives_the_same_transcript(void)
{
    char *want = NULL;

    for (uint64_t seed = 1; seed <= 30; seed++) {
        struct fronts f;
        struct caller c;

        if (!fronts_simulate(&f, seed, NULL))
            break;
        for (int i = 0; i < 3; i++)
            (void)fronts_mail(&f, "joe@lab.test", letter);
        fronts_run(&f, NS_PER_S);
        struct net_addr at = lab_site_front(f.site, 0).imap;
        if (caller_connect(&c, &f, &at)) {
            struct slice rest = slice_from(long_talk, sizeof long_talk - 1);
            struct rng r = rng_at(seed, 2, 0);

            while (rest.n > 0) {
                size_t most = 1 + rng_below(&r, seed * 4), n = most < rest.n ? most : rest.n;

                caller_say_bytes(&c, rest.p, n);
                rest = slice_skip(rest, n);
                fronts_run(&f, 5 * NS_PER_MS);
            }
            fronts_run(&f, NS_PER_S);
            CHECK(c.ended);
            if (!want)
                want = strdup(caller_heard(&c));
            CHECK_STR(caller_heard(&c), want);
            caller_fini(&c);
        }
        fronts_fini(&f);
    }
    CHECK_HAS(want ? want : "", "* 1 EXPUNGE\r\n* 1 EXPUNGE\r\nj OK");
    CHECK_HAS(want ? want : "", "l OK LOGOUT completed\r\n");
    free(want);
}

/* 600 letters of 50 KB: the answer is made as it is taken, and arrives whole on a slow network. */
static void a_large_fetch_is_made_piece_by_piece(void)
{
    static char large[50000];
    struct imap_host host;
    struct caller c;
    struct fronts f;
    size_t most = 0, all = 0;

    if (!fronts_simulate(&f, 8, NULL))
        return;
    (void)snprintf(large, sizeof large, "Subject: l\r\n\r\n%0*d", (int)sizeof large - 20, 0);
    for (int i = 0; i < 600; i++)
        (void)fronts_mail(&f, "joe@lab.test", large);
    fronts_run(&f, NS_PER_S);
    struct talk *t = log_on(&f, &host);
    (void)say(t, "a EXAMINE INBOX\r\n");
    buf_clear(&t->out);
    enum talk_after after = imap_talk_feed(t, slice_of("b UID FETCH 1:* BODY[]\r\nc NOOP\r\n"));
    for (;; after = imap_talk_more(t)) {
        most = t->out.n > most ? t->out.n : most;
        all += t->out.n;
        if (after != TALK_MORE)
            break;
        buf_clear(&t->out);
    }
    CHECK_I64(after, TALK_GO_ON);
    CHECK_BETWEEN((double)most, 200000, 400000);
    CHECK_HAS(buf_text(&t->out), "b OK FETCH completed\r\nc OK completed\r\n");
    imap_talk_close(t);
    struct net_addr at = lab_site_front(f.site, 0).imap;
    if (caller_connect(&c, &f, &at)) {
        caller_say(&c, "a LOGIN joe pw\r\na EXAMINE INBOX\r\n");
        fronts_run(&f, NS_PER_S);
        caller_forget(&c);
        caller_say(&c, "b UID FETCH 1:* BODY[]\r\nc NOOP\r\n");
        fronts_run(&f, 100 * NS_PER_S);
        CHECK_U64(c.heard.n, all);
        caller_fini(&c);
    }
    fronts_fini(&f);
}

/* Words of the protocol in any order, with some noise: every session ends or goes on, none breaks the server. */
static void no_order_of_words_breaks_the_server(void)
{
    static const char *const words[] = {"a ",
                                        "UID ",
                                        "FETCH ",
                                        "1:*",
                                        " ",
                                        "(",
                                        ")",
                                        "BODY[",
                                        "]",
                                        "{3}\r\n",
                                        "{2+}\r\n",
                                        "\"",
                                        "\\",
                                        "\r\n",
                                        "\r\n",
                                        "<0.5>",
                                        "<9.9>",
                                        "HEADER.FIELDS (",
                                        "SEARCH ",
                                        "STORE ",
                                        "+FLAGS ",
                                        "\\Deleted",
                                        "IDLE\r\n",
                                        "DONE\r\n",
                                        "UID",
                                        "1,2:4,*",
                                        "ALL",
                                        "EXPUNGE\r\n",
                                        "SELECT INBOX\r\n",
                                        "STATUS INBOX (",
                                        "LIST \"\" ",
                                        "0",
                                        "4294967295",
                                        "\xff",
                                        "AUTHENTICATE PLAIN ",
                                        "NOOP\r\n",
                                        "TEXT",
                                        "RFC822 ",
                                        "a FETCH 1 (BODY[] UID)\r\n",
                                        "CLOSE\r\n"};
    struct imap_host host;
    struct fronts f;

    if (!fronts_simulate(&f, 9, NULL))
        return;
    for (uint64_t seed = 0; seed < 3000; seed++) {
        struct rng r = rng_at(seed, 3, 0);
        struct talk *t = log_on(&f, &host);
        enum talk_after after = imap_talk_feed(t, slice_of("s SELECT INBOX\r\n"));

        (void)fronts_mail(&f, "joe@lab.test", letter);
        fronts_run(&f, NS_PER_S);
        for (int i = 0; i < 200 && after != TALK_CLOSE; i++) {
            const char *word = words[rng_below(&r, sizeof words / sizeof *words)];

            after = after == TALK_MORE ? imap_talk_more(t) : imap_talk_feed(t, slice_of(word));
        }
        CHECK(t->out.n > 0);
        imap_talk_close(t);
    }
    fronts_fini(&f);
}

static void sets_are_read_merged_and_searched(void)
{
    static const char *const wrong[] = {"",     "0",   "1:",          ":1", "a",
                                        "1,,2", "1:0", "99999999999", "1.2"};
    struct imap_set set = {0};

    CHECK(imap_set_parse(&set, slice_of("9:7,1,3:5,4:6,20:*"), 12));
    CHECK_U64(set.n, 4);
    for (uint32_t i = 0; i < 30; i++)
        CHECK_U64(imap_set_has(&set, i), i == 1 || (i >= 3 && i <= 9) || (i >= 12 && i <= 20));
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        check_true(!imap_set_parse(&set, slice_of(wrong[i]), 5), wrong[i], __FILE__, __LINE__);
    imap_set_fini(&set);
}

static void base64_is_read_as_rfc_4648_writes_it(void)
{
    static const struct {
        const char *coded, *plain;
    } good[] = {{"", ""},
                {"Zg==", "f"},
                {"Zm8=", "fo"},
                {"Zm9v", "foo"},
                {"Zm9vYg==", "foob"},
                {"Zm9vYmE=", "fooba"},
                {"Zm9vYmFy", "foobar"}};

    char out[64];
    size_t n = 0;

    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        CHECK(imap_args_base64(slice_of(good[i].coded), out, sizeof out, &n));
        CHECK_MEM(out, n, good[i].plain, strlen(good[i].plain));
    }
    CHECK(!imap_args_base64(slice_of("Zg="), out, sizeof out, &n));
    CHECK(!imap_args_base64(slice_of("Z==="), out, sizeof out, &n));
    CHECK(!imap_args_base64(slice_of("Zm9 "), out, sizeof out, &n));
    CHECK(!imap_args_base64(slice_of("Zm9vYmFy"), out, 5, &n));
}

/* --- clients of others ------------------------------------------------------------------------------------------------ */

static size_t keep(char *p, size_t size, size_t count, void *owner)
{
    return buf_add(owner, p, size * count) ? size * count : 0;
}

static CURLcode fetch_by_curl(const struct net_addr *at, const char *ca, struct buf *got)
{
    char url[120], text[NET_TEXT];
    CURL *curl = curl_easy_init();

    (void)snprintf(url, sizeof url, "imap://%s/INBOX;UID=1", net_print(at, text));
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_USERNAME, "joe");
    curl_easy_setopt(curl, CURLOPT_PASSWORD, "pw");
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, keep);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, got);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, 20L);
    if (ca) {
        curl_easy_setopt(curl, CURLOPT_USE_SSL, (long)CURLUSESSL_ALL);
        curl_easy_setopt(curl, CURLOPT_CAINFO, ca);
    }
    CURLcode code = curl_easy_perform(curl);
    curl_easy_cleanup(curl);
    return code;
}

static void check_curl(bool tls)
{
    struct fronts f;
    struct buf got;

    buf_init(&got, 1u << 20);
    if (!fronts_serve(&f, tls, NULL))
        return;
    fronts_join(&f);
    (void)fronts_mail(&f, "joe@lab.test", letter);
    struct net_addr at = lab_site_front(f.site, 0).imap;
    CHECK(fronts_resume(&f));
    (void)usleep(20000);
    CHECK_I64(fetch_by_curl(&at, tls ? f.cert : NULL, &got), CURLE_OK);
    CHECK_HAS(buf_text(&got), letter);
    fronts_fini(&f);
    buf_fini(&got);
}

static void libcurl_can_log_on_and_fetch(void)
{
    check_curl(false);
}

static void libcurl_can_log_on_and_fetch_over_starttls(void)
{
    check_curl(true);
}

static const struct test tests[] = {
    TEST(a_session_reads_an_empty_inbox),
    TEST(log_on_is_refused_for_a_reason),
    TEST(strings_may_come_as_literals_of_both_kinds),
    TEST(fetch_gives_literals_octet_for_octet),
    TEST(searches_and_flags_use_numbers_or_uids_as_asked),
    TEST(what_another_session_expunges_is_told_where_numbers_may_change),
    TEST(idle_hears_of_new_mail),
    TEST(a_move_ends_the_session_and_the_new_home_takes_it),
    TEST(a_stopped_service_or_store_says_bye),
    TEST(any_split_of_the_octets_gives_the_same_transcript),
    TEST(a_large_fetch_is_made_piece_by_piece),
    TEST(no_order_of_words_breaks_the_server),
    TEST(sets_are_read_merged_and_searched),
    TEST(base64_is_read_as_rfc_4648_writes_it),
    TEST(libcurl_can_log_on_and_fetch),
    TEST(libcurl_can_log_on_and_fetch_over_starttls),
    TEST_END,
};

const struct suite lab_imap_suite = {"lab_imap", tests};
