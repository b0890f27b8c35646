/* fake_http.c - a struct http that a test scripts. */
#include "tests/support/fake_http.h"

#include <stdlib.h>
#include <string.h>

struct fake_request {
    struct fake_request *next;
    struct fake_http *http;
    struct timer timer;
    void (*done)(void *owner, const struct http_answer *a);
    void *owner;
    int status;
    struct buf body;
};

static void drop(struct fake_request *r)
{
    struct fake_request **at = &r->http->pending;

    while (*at != r)
        at = &(*at)->next;
    *at = r->next;
    r->http->under_way--;
    timer_disarm(r->http->loop, &r->timer);
    buf_fini(&r->body);
    free(r);
}

static void answer_now(struct timer *t)
{
    struct fake_request *r = t->owner;
    struct buf body = r->body;
    struct http_answer a = {.status = r->status, .error = ""};
    void (*done)(void *owner, const struct http_answer *a) = r->done;
    void *owner = r->owner;

    if (a.status == 0)
        a.error = buf_text(&body);
    else
        a.body = buf_slice(&body);
    buf_init(&r->body, 0);
    drop(r);
    done(owner, &a);
    buf_fini(&body);
}

static void request(struct http *h, const struct http_request *rq,
                    void (*done)(void *owner, const struct http_answer *a), void *owner)
{
    struct fake_http *f = (struct fake_http *)(void *)h;
    struct fake_request *r = calloc(1, sizeof *r);

    PM_ASSERT(r);
    *r = (struct fake_request){.next = f->pending, .http = f, .done = done, .owner = owner};
    f->pending = r;
    f->requests++;
    if (++f->under_way > f->most_under_way)
        f->most_under_way = f->under_way;
    PM_ASSERT(buf_add_format(&f->log, "%s %s %s\n", rq->method, rq->url, rq->body ? rq->body : ""));
    buf_init(&r->body, 64u << 20);
    timer_init(&r->timer, answer_now, r);
    r->status = f->answer(f, rq->method, rq->url, rq->body ? rq->body : "", &r->body);
    if (r->status >= 0)
        timer_arm(f->loop, &r->timer, loop_now(f->loop) + f->delay_ns);
}

static void forget(struct http *h, void *owner)
{
    struct fake_http *f = (struct fake_http *)(void *)h;

    for (struct fake_request *r = f->pending, *next; r; r = next) {
        next = r->next;
        if (r->owner == owner)
            drop(r);
    }
}

void fake_http_init(struct fake_http *f, struct loop *l)
{
    *f = (struct fake_http){
        .http = {.request = request, .forget = forget}, .loop = l, .delay_ns = 1000000};
    buf_init(&f->log, 16u << 20);
}

void fake_http_fini(struct fake_http *f)
{
    for (struct fake_request *q = f->pending, *next; q; q = next) {
        next = q->next;
        drop(q);
    }
    buf_fini(&f->log);
}

const char *fake_http_log(struct fake_http *f)
{
    return buf_text(&f->log);
}
