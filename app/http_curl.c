/* http_curl.c - struct http by libcurl, on the caller's loop. */
#include "app/http_curl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

#define ANSWER_MAX      (64u << 20)
#define TIMEOUT_DEFAULT (30 * NS_PER_S)

struct http_curl {
    struct http http; /* first: struct http * is this */
    struct curl_calls calls;
};

struct asked {
    struct curl_transfer transfer; /* first */
    struct http_curl *of;
    struct curl_slist *headers;
    struct buf body;
    char curl_said[CURL_ERROR_SIZE];
    void (*done)(void *owner, const struct http_answer *a);
};

static void release(struct curl_transfer *t)
{
    struct asked *q = (struct asked *)t;

    curl_slist_free_all(q->headers);
    buf_fini(&q->body);
    free(q);
}

static size_t on_body(char *p, size_t size, size_t n, void *owner)
{
    struct asked *q = owner;

    return buf_add(&q->body, p, size * n) ? size * n : 0;
}

static void answer(struct asked *q, int status, const char *error)
{
    struct http_answer a = {.status = status, .body = buf_slice(&q->body), .error = error};
    void (*done)(void *, const struct http_answer *) = q->done;
    void *owner = q->transfer.asker;
    struct buf body = q->body; /* outlives the question */
    char why[sizeof q->transfer.refusal.text];

    buf_init(&q->body, ANSWER_MAX);
    (void)snprintf(why, sizeof why, "%s", error);
    a.error = why;
    curl_calls_drop(&q->of->calls, &q->transfer);
    done(owner, &a);
    buf_fini(&body);
}

static void on_done(struct curl_transfer *t, CURLcode code)
{
    struct asked *q = (struct asked *)t;
    long status = 0;

    (void)curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
    if (code == CURLE_OK)
        answer(q, (int)status, "");
    else if (t->refusal.code)
        answer(q, 0, t->refusal.text);
    else
        answer(q, 0, q->curl_said[0] ? q->curl_said : curl_easy_strerror(code));
}

static void set_up(struct asked *q, const struct http_request *rq)
{
    CURL *easy = q->transfer.easy;
    uint64_t timeout = rq->timeout_ns ? rq->timeout_ns : TIMEOUT_DEFAULT;
    char type[160];

    (void)curl_easy_setopt(easy, CURLOPT_URL, rq->url);
    (void)curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, rq->method);
    (void)curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)(timeout / NS_PER_MS + 1));
    (void)curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, q->curl_said);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEDATA, q);
    if (rq->ca_file)
        (void)curl_easy_setopt(easy, CURLOPT_CAINFO, rq->ca_file);
    if (rq->user) {
        (void)curl_easy_setopt(easy, CURLOPT_USERNAME, rq->user);
        (void)curl_easy_setopt(easy, CURLOPT_PASSWORD, rq->password ? rq->password : "");
    }
    if (rq->body) {
        (void)snprintf(type, sizeof type, "Content-Type: %s",
                       rq->content_type ? rq->content_type : "application/json");
        q->headers = curl_slist_append(q->headers, type);
        (void)curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, (long)strlen(rq->body));
        (void)curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, rq->body);
    }
    q->headers = curl_slist_append(q->headers, "Expect:");
    (void)curl_easy_setopt(easy, CURLOPT_HTTPHEADER, q->headers);
}

static void request(struct http *h, const struct http_request *rq,
                    void (*done)(void *owner, const struct http_answer *a), void *owner)
{
    struct http_curl *c = (struct http_curl *)h;
    struct asked *q = calloc(1, sizeof *q);

    PM_ASSERT(q);
    q->of = c;
    q->done = done;
    buf_init(&q->body, ANSWER_MAX);
    curl_calls_open(&c->calls, &q->transfer, on_done, owner);
    set_up(q, rq);
    curl_loop_add(c->calls.curl, &q->transfer);
}

static void forget(struct http *h, void *owner)
{
    curl_calls_forget(&((struct http_curl *)h)->calls, owner);
}

struct http *http_curl_create(struct curl_loop *c, const struct guard *g, struct err *e)
{
    struct http_curl *h = calloc(1, sizeof *h);

    if (!h) {
        (void)err_set(e, EX_IO, "out of memory for HTTP");
        return NULL;
    }
    *h = (struct http_curl){.http = {.request = request, .forget = forget},
                            .calls = {.curl = c, .guard = g, .release = release}};
    return &h->http;
}

void http_curl_destroy(struct http *h)
{
    struct http_curl *c = (struct http_curl *)h;

    if (!c)
        return;
    curl_calls_fini(&c->calls);
    free(c);
}
