/* test_lab_http.c - the control API over HTTP with libcurl as the client. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

#include "base/clock.h"
#include "tests/lab/fronts.h"
#include "tests/support/check.h"

static size_t keep(char *p, size_t size, size_t count, void *owner)
{
    return buf_add(owner, p, size * count) ? size * count : 0;
}

/* Asks, and leaves the answer in `got`; the status, or 0. */
static long ask(CURL *curl, const struct net_addr *at, const char *path, const char *body,
                struct buf *got)
{
    char url[300], text[NET_TEXT];
    long status = 0;

    buf_clear(got);
    (void)snprintf(url, sizeof url, "http://%s%s", net_print(at, text), path);
    curl_easy_reset(curl);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, keep);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, got);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, 20L);
    if (body)
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
    if (curl_easy_perform(curl) == CURLE_OK)
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    return status;
}

static void every_server_answers_for_the_whole_site(void)
{
    struct fronts f;
    struct buf got;

    buf_init(&got, 1u << 20);
    if (!fronts_serve(&f, false, NULL))
        return;
    CURL *curl = curl_easy_init();
    for (int i = 0; i < 2; i++) {
        struct net_addr at = lab_site_front(f.site, i).http;

        CHECK_I64(ask(curl, &at, "/v1/home?mailbox=bob", NULL, &got), 200);
        CHECK_STR(buf_text(&got), "{\"mailbox\":\"bob\",\"directories\":[{\"server\":\"s1\","
                                  "\"home\":\"s2\",\"version\":1},"
                                  "{\"server\":\"s2\",\"home\":\"s2\",\"version\":1}]}");
        CHECK_I64(ask(curl, &at, "/v1/site", NULL, &got), 200);
        CHECK_HAS(buf_text(&got), "\"version\":\"5.5-sp3\"");
    }
    curl_easy_cleanup(curl);
    fronts_fini(&f);
    buf_fini(&got);
}

static void a_move_is_asked_for_and_followed_over_http(void)
{
    struct fronts f;
    struct buf got;

    buf_init(&got, 1u << 20);
    if (!fronts_serve(&f, false, NULL))
        return;
    CURL *curl = curl_easy_init();
    struct net_addr at = lab_site_front(f.site, 1).http;
    CHECK_I64(ask(curl, &at, "/v1/knob", "{\"name\":\"create_to_flag\",\"value\":\"1ms\"}", &got),
              200);
    CHECK_I64(ask(curl, &at, "/v1/knob", "{\"name\":\"commit_delay\",\"value\":\"1ms\"}", &got),
              200);
    CHECK_I64(ask(curl, &at, "/v1/move", "{\"mailbox\":\"joe\",\"to\":\"s2\"}", &got), 200);
    CHECK_STR(buf_text(&got), "{\"id\":1}");
    for (int i = 0; i < 500; i++)
        if (ask(curl, &at, "/v1/move?id=1", NULL, &got) != 200 ||
            strstr(buf_text(&got), "\"state\":\"done\""))
            break;
    CHECK_HAS(buf_text(&got), "\"state\":\"done\"");
    curl_easy_cleanup(curl);
    fronts_fini(&f);
    buf_fini(&got);
}

static void bad_requests_are_refused_with_an_error_in_json(void)
{
    static char long_body[(1u << 20) + 100];
    struct fronts f;
    struct buf got;

    buf_init(&got, 1u << 20);
    if (!fronts_serve(&f, false, NULL))
        return;
    CURL *curl = curl_easy_init();
    struct net_addr at = lab_site_front(f.site, 0).http;
    memset(long_body, ' ', sizeof long_body - 1);
    CHECK_I64(ask(curl, &at, "/v1/nothing", NULL, &got), 404);
    CHECK_HAS(buf_text(&got), "{\"error\":\"");
    CHECK_I64(ask(curl, &at, "/v1/move", "{\"mailbox\":", &got), 400);
    CHECK_STR(buf_text(&got), "{\"error\":\"the body is not JSON\"}");
    CHECK_I64(ask(curl, &at, "/v1/move", "", &got), 400);
    CHECK_I64(ask(curl, &at, "/v1/move", "{\"mailbox\":\"nobody\",\"to\":\"s1\"}", &got), 400);
    CHECK_I64(ask(curl, &at, "/v1/move", long_body, &got), 413);
    CHECK_I64(ask(curl, &at, "/v1/move?id=7", NULL, &got), 404);
    curl_easy_cleanup(curl);
    fronts_fini(&f);
    buf_fini(&got);
}

static void a_stopped_control_service_can_still_be_started(void)
{
    struct fronts f;
    struct buf got;

    buf_init(&got, 1u << 20);
    if (!fronts_serve(&f, false, NULL))
        return;
    CURL *curl = curl_easy_init();
    struct net_addr at = lab_site_front(f.site, 0).http;
    CHECK_I64(ask(curl, &at, "/v1/component",
                  "{\"server\":\"s1\",\"component\":\"http\",\"up\":false}", &got),
              200);
    CHECK_I64(ask(curl, &at, "/v1/site", NULL, &got), 503);
    CHECK_I64(ask(curl, &at, "/v1/component",
                  "{\"server\":\"s1\",\"component\":\"http\",\"up\":true}", &got),
              200);
    CHECK_I64(ask(curl, &at, "/v1/site", NULL, &got), 200);
    curl_easy_cleanup(curl);
    fronts_fini(&f);
    buf_fini(&got);
}

/* Many at once, through curl's multi interface. */
static void forty_connections_are_answered_side_by_side(void)
{
    CURL *one[40];
    CURLM *many = curl_multi_init();
    struct fronts f;
    struct buf got;
    int running = 0, good = 0;
    char url[200], text[NET_TEXT];

    buf_init(&got, 8u << 20);
    if (!fronts_serve(&f, false, NULL))
        return;
    struct net_addr at = lab_site_front(f.site, 0).http;
    (void)snprintf(url, sizeof url, "http://%s/v1/knobs", net_print(&at, text));
    for (int i = 0; i < 40; i++) {
        one[i] = curl_easy_init();
        curl_easy_setopt(one[i], CURLOPT_URL, url);
        curl_easy_setopt(one[i], CURLOPT_WRITEFUNCTION, keep);
        curl_easy_setopt(one[i], CURLOPT_WRITEDATA, &got);
        curl_easy_setopt(one[i], CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(one[i], CURLOPT_TIMEOUT, 20L);
        curl_multi_add_handle(many, one[i]);
    }
    do {
        (void)curl_multi_perform(many, &running);
        (void)curl_multi_poll(many, NULL, 0, 100, NULL);
    } while (running > 0);
    for (int i = 0; i < 40; i++) {
        long status = 0;

        curl_easy_getinfo(one[i], CURLINFO_RESPONSE_CODE, &status);
        good += status == 200;
        curl_multi_remove_handle(many, one[i]);
        curl_easy_cleanup(one[i]);
    }
    CHECK_I64(good, 40);
    curl_multi_cleanup(many);
    fronts_fini(&f);
    buf_fini(&got);
}

static const struct test tests[] = {
    TEST(every_server_answers_for_the_whole_site),
    TEST(a_move_is_asked_for_and_followed_over_http),
    TEST(bad_requests_are_refused_with_an_error_in_json),
    TEST(a_stopped_control_service_can_still_be_started),
    TEST(forty_connections_are_answered_side_by_side),
    TEST_END,
};

const struct suite lab_http_suite = {"lab_http", tests};
