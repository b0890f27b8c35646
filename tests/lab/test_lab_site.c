/* test_lab_site.c - time of the core on the loop, addresses, refusals, and how much mail the fronts take. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/loop_sim.h"
#include "tests/lab/fronts.h"
#include "tests/support/check.h"
#include "tests/support/scratch.h"

static const char letter[] = "Subject: x\r\nMessage-ID: <1@lab.test>\r\n\r\nhello\r\n";

static struct lab_site_config small_site(const struct lab_mailbox_config *boxes, uint32_t count)
{
    static const char *const names[] = {"s1", "s2"};
    struct lab_site_config c = {.lab = {.version = "5.5-sp4",
                                        .domain = "lab.test",
                                        .site = "50site",
                                        .server_names = names,
                                        .servers = 2,
                                        .mailboxes = boxes,
                                        .mailbox_count = count},
                                .time_scale = 60};

    for (int i = 0; i < 2; i++)
        c.hosts[i] = (struct net_addr){.family = 4, .ip = {127, 0, 78, (uint8_t)(11 + i)}};
    return c;
}

static void lab_time_runs_scale_times_as_fast_as_the_loop(void)
{
    const struct lab_mailbox_config box = {
        .name = "joe", .password = "pw", .stock_bytes = 60000000};
    struct sim_config sim = {.seed = 1, .start_ns = 5 * NS_PER_S};
    struct lab_site_config c = small_site(&box, 1);
    struct fronts f = {.loop = loop_sim_create(&sim, NULL)};
    int status = 0;

    f.site = lab_site_create(f.loop, &c, NULL);
    if (!CHECK(f.site))
        return;
    CHECK_U64(lab_site_now_ns(f.site), 0);
    fronts_run(&f, NS_PER_S);
    CHECK_U64(lab_site_now_ns(f.site), 60 * NS_PER_S);
    json_t *body = json_pack("{s:s s:s}", "mailbox", "joe", "to", "s2");
    json_decref(lab_site_control(f.site, "POST", "/v1/move", body, &status));
    CHECK_I64(status, 200);
    json_decref(body);
    fronts_run(&f, 2 * NS_PER_S); /* 60 MB at 1 MB/s and 1.5 s more: done 61.5 s after 60 s */
    json_t *move = lab_site_control(f.site, "GET", "/v1/move?id=1", NULL, &status);
    CHECK_STR(json_string_value(json_object_get(move, "state")), "done");
    int64_t done_ns = json_integer_value(json_object_get(move, "done_ns"));
    CHECK_BETWEEN((double)done_ns / 1e9, 121.4, 121.6);
    json_decref(move);
    CHECK(f.site && lab_site_front(f.site, 0).http.family == 0);
    fronts_fini(&f);
}

static void a_quiet_site_does_not_keep_the_loop_busy(void)
{
    struct caller c;
    struct fronts f;

    if (!fronts_simulate(&f, 2, NULL))
        return;
    struct net_addr at = lab_site_front(f.site, 0).imap;
    if (caller_connect(&c, &f, &at)) {
        caller_say(&c, "a LOGIN joe pw\r\nb EXAMINE INBOX\r\nc IDLE\r\n");
        fronts_run(&f, NS_PER_S);
        uint64_t before = loop_sim_steps(f.loop);
        fronts_run(&f, 100000 * NS_PER_S);
        CHECK_BETWEEN((double)(loop_sim_steps(f.loop) - before), 0, 10);
        caller_fini(&c);
    }
    fronts_fini(&f);
}

static void only_loopback_is_listened_on(void)
{
    const struct lab_mailbox_config box = {.name = "joe", .password = "pw"};
    struct lab_site_config c = small_site(&box, 1);
    struct loop *l = loop_epoll_create(NULL);
    struct err e = {0};

    c.hosts[1] = (struct net_addr){.family = 4, .ip = {192, 168, 0, 1}};
    CHECK(lab_site_create(l, &c, &e) == NULL);
    CHECK_I64(e.code, EX_GUARD);
    loop_destroy(l);
}

static void a_port_in_use_is_named(void)
{
    const struct lab_mailbox_config box = {.name = "joe", .password = "pw"};
    struct lab_site_config c = small_site(&box, 1);
    struct loop *l = loop_epoll_create(NULL);
    struct lab_site *first = lab_site_create(l, &c, NULL);
    struct err e = {0};

    if (CHECK(first)) {
        c.http_port = lab_site_front(first, 1).http.port;
        c.hosts[0] = c.hosts[1];
        CHECK(lab_site_create(l, &c, &e) == NULL);
        CHECK_HAS(e.text, "s1: cannot listen for HTTP on 127.0.78.12");
    }
    lab_site_destroy(first);
    loop_destroy(l);
}

/* One client with a window of pipelined transactions; how many are in the mailboxes at the end. */
static void the_smtp_front_takes_thousands_of_messages_a_second(void)
{
    enum { MESSAGES = 20000, CLIENTS = 20 };

    static char body[1001];
    struct loop *l = loop_epoll_create(NULL);
    struct caller c[CLIENTS];
    struct fronts f, mine = {.loop = l};
    char one[1400];

    if (!fronts_serve(&f, false, NULL))
        return;
    memset(body, 'x', sizeof body - 1);
    for (size_t i = 76; i + 1 < sizeof body - 1; i += 78)
        body[i] = '\r', body[i + 1] = '\n';
    (void)snprintf(one, sizeof one,
                   "MAIL FROM:<bob@lab.test> SIZE=1000\r\nRCPT TO:<joe@lab.test> NOTIFY=FAILURE\r\n"
                   "DATA\r\n%s\r\n.\r\n",
                   body);
    struct net_addr at = lab_site_front(f.site, 0).smtp;
    uint64_t from_ns = clock_mono_ns();
    for (int i = 0; i < CLIENTS; i++) {
        if (!caller_connect(&c[i], &mine, &at))
            return;
        caller_say(&c[i], "EHLO x\r\n");
        for (int k = 0; k < MESSAGES / CLIENTS; k++)
            caller_say(&c[i], one);
        caller_say(&c[i], "QUIT\r\n");
    }
    for (int ended = 0; ended < CLIENTS && clock_mono_ns() - from_ns < 30 * NS_PER_S;) {
        fronts_run(&mine, 5 * NS_PER_MS);
        ended = 0;
        for (int i = 0; i < CLIENTS; i++)
            ended += c[i].ended || c[i].broken;
    }
    double seconds = (double)(clock_mono_ns() - from_ns) / 1e9;
    for (int i = 0; i < CLIENTS; i++)
        caller_fini(&c[i]);
    loop_destroy(l);
    fronts_join(&f);
    CHECK_U64(lab_item_count(lab_site_core(f.site), 0, 0), MESSAGES);
    CHECK_BETWEEN(MESSAGES / seconds, 2000, 1e9); /* about 100,000 on a quiet machine */
    fronts_fini(&f);
}

/* Many clients cannot be starved by one that does not read. */
static void a_client_that_does_not_read_holds_up_only_itself(void)
{
    struct fronts f;
    struct caller deaf, other;

    if (!fronts_simulate(&f, 4, NULL))
        return;
    struct net_addr at = lab_site_front(f.site, 0).smtp;
    if (caller_connect(&deaf, &f, &at) && caller_connect(&other, &f, &at)) {
        stream_pause(deaf.s, true);
        for (int i = 0; i < 100000; i++)
            caller_say(&deaf, "EHLO x\r\n");
        caller_say(&other,
                   "EHLO y\r\nMAIL FROM:<bob@lab.test>\r\nRCPT TO:<joe@lab.test>\r\nDATA\r\n");
        caller_say(&other, letter);
        caller_say(&other, ".\r\n");
        fronts_run(&f, 10 * NS_PER_S);
        CHECK_HAS(caller_heard(&other), "250 2.6.0 queued as 1\r\n");
        CHECK(deaf.say.n > 0); /* not read while its replies are stuck */
        stream_pause(deaf.s, false);
        fronts_run(&f, 100 * NS_PER_S);
        CHECK_U64(deaf.say.n, 0);
        CHECK_HAS(caller_heard(&deaf) + deaf.heard.n - 40, "250 ENHANCEDSTATUSCODES\r\n");
        caller_fini(&deaf);
        caller_fini(&other);
    }
    fronts_fini(&f);
}

static void the_truth_file_says_what_became_of_the_mail(void)
{
    const char *dir = scratch_dir("lab_site");
    char path[300];
    struct fronts f;

    (void)snprintf(path, sizeof path, "%s/truth.tsv", dir);
    if (!fronts_simulate(&f, 1, path))
        return;
    (void)fronts_mail(&f, "joe@lab.test", letter);
    (void)fronts_mail(&f, "nobody@lab.test", letter);
    fronts_run(&f, 60 * NS_PER_S);
    fronts_fini(&f);
    char *truth = scratch_read(path, NULL);
    CHECK_HAS(truth ? truth : "", "\taccepted\t<1@lab.test>\tjoe@lab.test\tprimary\t");
    CHECK_HAS(truth ? truth : "", "\tdelivered\t<1@lab.test>\tjoe@lab.test\tprimary\tjoe\ts1\t");
    CHECK_HAS(truth ? truth : "", "\tfailed\t<1@lab.test>\tnobody@lab.test\tprimary\t");
    CHECK_HAS(truth ? truth : "",
              "\treport-delivered\t<1@lab.test>\tnobody@lab.test\tprimary\tbob\ts2\t");
    CHECK_HAS(truth ? truth : "", "\tfinal\t");
    free(truth);
}

static const struct test tests[] = {
    TEST(lab_time_runs_scale_times_as_fast_as_the_loop),
    TEST(a_quiet_site_does_not_keep_the_loop_busy),
    TEST(only_loopback_is_listened_on),
    TEST(a_port_in_use_is_named),
    TEST(the_smtp_front_takes_thousands_of_messages_a_second),
    TEST(a_client_that_does_not_read_holds_up_only_itself),
    TEST(the_truth_file_says_what_became_of_the_mail),
    TEST_END,
};

const struct suite lab_site_suite = {"lab_site", tests};
