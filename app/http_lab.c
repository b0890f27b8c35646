/* http_lab.c - HTTP without a network: a call, after a delay, into the control function of a lab on the same loop. */
#include "app/http_lab.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

struct question {
    struct http_lab *of;
    struct question *next;
    struct timer due;
    char *method, *path, *body;
    void (*done)(void *owner, const struct http_answer *a);
    void *owner;
};

struct http_lab {
    struct http http; /* first: struct http * is this */
    struct loop *loop;
    struct lab_site *site;
    uint64_t delay_ns;
    struct question *open;
};

static void drop(struct question *q)
{
    struct question **at = &q->of->open;

    while (*at != q)
        at = &(*at)->next;
    *at = q->next;
    timer_disarm(q->of->loop, &q->due);
    free(q->method);
    free(q->path);
    free(q->body);
    free(q);
}

static void answer(struct timer *t)
{
    struct question *q = t->owner;
    json_error_t why;
    json_t *body = q->body ? json_loads(q->body, 0, &why) : NULL;
    struct http_answer a = {.status = 400, .error = ""};
    char *text = NULL;

    if (q->body && !body) {
        a.body = slice_of("{\"error\":\"the body is not JSON\"}");
    } else {
        json_t *said = lab_site_control(q->of->site, q->method, q->path, body, &a.status);

        text = said ? json_dumps(said, JSON_COMPACT) : NULL;
        json_decref(said);
        a.body = slice_of(text);
    }
    json_decref(body);
    void (*done)(void *, const struct http_answer *) = q->done;
    void *owner = q->owner;

    drop(q);
    done(owner, &a);
    free(text);
}

/* "http://host:port/path" to "/path". */
static const char *path_of(const char *url)
{
    const char *host = strstr(url, "://");
    const char *path = strchr(host ? host + 3 : url, '/');

    return path ? path : "/";
}

static void request(struct http *h, const struct http_request *rq,
                    void (*done)(void *owner, const struct http_answer *a), void *owner)
{
    struct http_lab *l = (struct http_lab *)h;
    struct question *q = calloc(1, sizeof *q);

    PM_ASSERT(q);
    *q = (struct question){.of = l, .next = l->open, .done = done, .owner = owner};
    l->open = q;
    q->method = strdup(rq->method);
    q->path = strdup(path_of(rq->url));
    q->body = rq->body ? strdup(rq->body) : NULL;
    PM_ASSERT(q->method && q->path);
    timer_init(&q->due, answer, q);
    timer_arm(l->loop, &q->due, loop_now(l->loop) + l->delay_ns);
}

static void forget(struct http *h, void *owner)
{
    struct http_lab *l = (struct http_lab *)h;

    for (struct question *q = l->open, *next; q; q = next) {
        next = q->next;
        if (q->owner == owner)
            drop(q);
    }
}

struct http *http_lab_create(struct loop *l, struct lab_site *site, uint64_t delay_ns,
                             struct err *e)
{
    struct http_lab *h = calloc(1, sizeof *h);

    if (!h) {
        (void)err_set(e, EX_IO, "out of memory for the lab's control");
        return NULL;
    }
    *h = (struct http_lab){.http = {.request = request, .forget = forget},
                           .loop = l,
                           .site = site,
                           .delay_ns = delay_ns};
    return &h->http;
}

void http_lab_destroy(struct http *h)
{
    struct http_lab *l = (struct http_lab *)h;

    if (!l)
        return;
    for (struct question *q = l->open, *next; q; q = next) {
        next = q->next;
        drop(q);
    }
    free(l);
}
