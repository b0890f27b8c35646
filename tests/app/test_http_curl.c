/* test_http_curl.c - HTTP by libcurl against a scripted server on the same loop. */
#include <stdio.h>
#include <string.h>

#include "app/http_curl.h"
#include "base/clock.h"
#include "tests/support/check.h"

static struct loop *loop;

struct server_script {
    const char *answer;
    char heard[2000];
    size_t n;
};

static void server_ready(struct stream *s, unsigned what)
{
    struct server_script *sc = s->owner;
    long n;

    (void)what;
    while ((n = stream_read(s, sc->heard + sc->n, sizeof sc->heard - 1 - sc->n)) > 0)
        sc->n += (size_t)n;
    if (n != STREAM_AGAIN) {
        stream_close(s);
        return;
    }
    if (strstr(sc->heard, "\r\n\r\n") && sc->answer) {
        (void)stream_write(s, sc->answer, strlen(sc->answer));
        sc->answer = NULL;
    }
}

static void server_accept(void *owner, struct stream *s)
{
    s->owner = owner;
    s->ready = server_ready;
}

struct heard {
    int status;
    unsigned calls;
    char body[200], error[300];
};

static void on_answer(void *owner, const struct http_answer *a)
{
    struct heard *h = owner;

    h->calls++;
    h->status = a->status;
    (void)snprintf(h->body, sizeof h->body, "%.*s", (int)a->body.n, (const char *)a->body.p);
    (void)snprintf(h->error, sizeof h->error, "%s", a->error);
    loop_stop(loop);
}

static struct heard ask(struct server_script *sc, struct http_request *rq, const char *host,
                        uint64_t timeout_ns)
{
    struct heard h = {.status = -1};
    struct net_addr at = {.family = 4, .ip = {127, 0, 0, 22}};
    static const struct guard nobody_else;
    char url[200];
    struct err e = {0};

    loop = loop_epoll_create(&e);
    struct listener *ls = loop_listen(loop, &at, server_accept, sc, &e);
    struct curl_loop *c = curl_loop_create(loop, &e);
    struct http *http = http_curl_create(c, &nobody_else, &e);

    (void)snprintf(url, sizeof url, "http://%s:%u/v1/x?y=1", host, listener_addr(ls).port);
    rq->url = url;
    rq->timeout_ns = timeout_ns;
    http->request(http, rq, on_answer, &h);
    CHECK_U64(h.calls, 0); /* never from inside the call */
    loop_run(loop);
    http_curl_destroy(http);
    curl_loop_destroy(c);
    listener_close(ls);
    loop_destroy(loop);
    return h;
}

static void a_request_brings_status_and_body(void)
{
    struct server_script sc = {.answer =
                                   "HTTP/1.1 409 Conflict\r\nContent-Length: 5\r\n\r\n{\"a\"}"};
    struct http_request rq = {.method = "POST", .body = "{\"mailbox\":\"joe\"}"};
    struct heard h = ask(&sc, &rq, "127.0.0.22", 0);

    CHECK_U64(h.calls, 1);
    CHECK_I64(h.status, 409);
    CHECK_STR(h.body, "{\"a\"}");
    CHECK_STR(h.error, "");
    CHECK_HAS(sc.heard, "POST /v1/x?y=1 HTTP/1.1");
    CHECK_HAS(sc.heard, "Content-Type: application/json");
    CHECK_HAS(sc.heard, "{\"mailbox\":\"joe\"}");
}

static void a_server_that_never_answers_is_given_up(void)
{
    struct server_script sc = {.answer = NULL};
    struct http_request rq = {.method = "GET"};
    struct heard h = ask(&sc, &rq, "127.0.0.22", 100 * NS_PER_MS);

    CHECK_U64(h.calls, 1);
    CHECK_I64(h.status, 0);
    CHECK(h.error[0] != '\0');
}

static void an_address_outside_the_guard_is_refused_with_the_rule(void)
{
    struct server_script sc = {.answer = NULL};
    struct http_request rq = {.method = "GET"};
    struct heard h = ask(&sc, &rq, "192.0.2.1", NS_PER_S);

    CHECK_I64(h.status, 0);
    CHECK_HAS(h.error, "192.0.2.1");
}

static const struct test tests[] = {
    TEST(a_request_brings_status_and_body),
    TEST(a_server_that_never_answers_is_given_up),
    TEST(an_address_outside_the_guard_is_refused_with_the_rule),
    TEST_END,
};

const struct suite http_curl_suite = {"http_curl", tests};
