/* metrics_http.c - libmicrohttpd on a loop and thread of its own, driven through its epoll descriptor.
 *
 * What it hands out are finished texts that came by ring; the newest counts, older ones are freed. Bounded: 32 callers at a
 * time, ten seconds each, GET and HEAD only, no bodies.
 */
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>

#include <sys/socket.h>

#include "app/metrics.h"
#include "base/clock.h"
#include "base/loop.h"
#include "base/ring.h"
#include "base/thread.h"

#define CALLERS_MAX  32u
#define IDLE_S       10u
#define RUNS_AT_ONCE 64
#define TEXT_MAX     (64u << 20)
#define PUBLISH_NS   (500 * NS_PER_MS)
#define HINT         "postmuster: the metrics are at /metrics\n"

struct page { /* one snapshot in both forms */
    char *text[METRICS_FORMS];
    size_t bytes[METRICS_FORMS];
};

struct metrics_server {
    struct loop *loop;
    struct thread *thread;
    struct MHD_Daemon *daemon;
    struct net_addr at;
    struct watch watch;
    struct timer timer;
    struct hook wake;
    struct ring *pages;    /* of struct page *; NULL: the end */
    struct page *page;     /* the newest; the thread's */
    uint64_t published_ns; /* the publisher's */
};

static const char *const types[METRICS_FORMS] = {
    [METRICS_PROMETHEUS] = "text/plain; version=0.0.4; charset=utf-8",
    [METRICS_OPENMETRICS] = "application/openmetrics-text; version=1.0.0; charset=utf-8",
};

static void page_free(struct page *p)
{
    for (int i = 0; p && i < METRICS_FORMS; i++)
        free(p->text[i]);
    free(p);
}

/* ---------------------------------------------------------------------------------------------- on the server's thread */

static enum MHD_Result send_text(struct MHD_Connection *connection, unsigned status,
                                 const char *type, const char *text, size_t n)
{
    /* The copy is libmicrohttpd's: the text may be replaced while a slow caller still reads. */
    void *borrowed =
        (void *)(uintptr_t)text; // NOLINT(performance-no-int-to-ptr): it takes no const
    struct MHD_Response *r = MHD_create_response_from_buffer(n, borrowed, MHD_RESPMEM_MUST_COPY);

    if (!r)
        return MHD_NO;
    (void)MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    (void)MHD_add_response_header(r, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    (void)MHD_add_response_header(r, "X-Content-Type-Options", "nosniff");
    if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
        (void)MHD_add_response_header(r, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
    enum MHD_Result done = MHD_queue_response(connection, status, r);

    MHD_destroy_response(r);
    return done;
}

static enum MHD_Result say(struct MHD_Connection *connection, unsigned status, const char *text)
{
    return send_text(connection, status, "text/plain; charset=utf-8", text, strlen(text));
}

static enum MHD_Result send_metrics(struct metrics_server *s, struct MHD_Connection *connection)
{
    const char *accept =
        MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT);
    enum metrics_form form = metrics_accepted(accept);

    if (!s->page)
        return say(connection, MHD_HTTP_SERVICE_UNAVAILABLE, "no run has begun yet\n");
    return send_text(connection, MHD_HTTP_OK, types[form], s->page->text[form],
                     s->page->bytes[form]);
}

/* NOLINTNEXTLINE(readability-function-size): libmicrohttpd's signature */
static enum MHD_Result on_request(void *owner, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *bytes, void **state)
{
    static int begun;

    (void)version;
    (void)data;
    if (!*state) { /* only the header has come */
        *state = &begun;
        return MHD_YES;
    }
    if (*bytes > 0) { /* a body, which nobody wants */
        *bytes = 0;
        return MHD_YES;
    }
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
        return say(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "GET or HEAD\n");
    if (strcmp(url, "/metrics") == 0)
        return send_metrics(owner, connection);
    if (strcmp(url, "/") == 0)
        return say(connection, MHD_HTTP_OK, HINT);
    return say(connection, MHD_HTTP_NOT_FOUND, HINT);
}

static void run(struct metrics_server *s)
{
    MHD_UNSIGNED_LONG_LONG ms = 0;
    int more = 1;

    for (int i = 0; more && i < RUNS_AT_ONCE; i++) {
        (void)MHD_run(s->daemon);
        more = MHD_get_timeout(s->daemon, &ms) == MHD_YES && ms == 0;
    }
    if (MHD_get_timeout(s->daemon, &ms) == MHD_YES)
        timer_arm(s->loop, &s->timer, loop_now(s->loop) + ms * NS_PER_MS);
    else
        timer_disarm(s->loop, &s->timer);
}

static void on_ready(struct watch *w, unsigned what)
{
    (void)what;
    run(w->owner);
}

static void on_timer(struct timer *t)
{
    run(t->owner);
}

static void on_wake(struct hook *h)
{
    struct metrics_server *s = h->owner;
    struct page *newest;

    while (ring_pop(s->pages, &newest)) {
        if (!newest) {
            loop_stop(s->loop);
            return;
        }
        page_free(s->page);
        s->page = newest;
    }
}

static void thread_main(void *owner)
{
    struct metrics_server *s = owner;

    loop_run(s->loop);
}

/* ---------------------------------------------------------------------------------------------- on the caller's thread */

static bool listen_on(struct metrics_server *s, const struct net_addr *at, struct err *e)
{
    struct sockaddr_storage where;
    unsigned six = at->family == 6 ? MHD_USE_IPv6 : MHD_NO_FLAG;
    char text[NET_TEXT];

    (void)net_to_sockaddr(at, &where);
    s->daemon =
        MHD_start_daemon(MHD_USE_EPOLL | six, at->port, NULL, NULL, on_request, s,
                         MHD_OPTION_SOCK_ADDR, &where, MHD_OPTION_CONNECTION_LIMIT, CALLERS_MAX,
                         MHD_OPTION_CONNECTION_TIMEOUT, IDLE_S, MHD_OPTION_END);
    if (!s->daemon)
        return err_set(e, EX_IO, "--metrics: cannot listen on %s", net_print(at, text));
    const union MHD_DaemonInfo *port = MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_BIND_PORT);
    const union MHD_DaemonInfo *epoll = MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_EPOLL_FD);

    if (!port || !epoll)
        return err_set(e, EX_IO, "this libmicrohttpd cannot be driven from outside");
    s->at = *at;
    s->at.port = port->port;
    s->watch = (struct watch){.fd = epoll->epoll_fd, .ready = on_ready, .owner = s};
    return loop_watch(s->loop, &s->watch, STREAM_READABLE, e);
}

struct metrics_server *metrics_serve(const struct net_addr *at, struct err *e)
{
    struct metrics_server *s = calloc(1, sizeof *s);

    if (!s) {
        (void)err_set(e, EX_IO, "out of memory for the metrics");
        return NULL;
    }
    timer_init(&s->timer, on_timer, s);
    s->wake = (struct hook){.run = on_wake, .owner = s};
    s->pages = ring_create(sizeof(struct page *), 8);
    s->loop = loop_epoll_create(e);
    if (!s->pages)
        (void)err_set(e, EX_IO, "out of memory for the metrics");
    else if (s->loop && listen_on(s, at, e)) {
        loop_on_wake(s->loop, &s->wake);
        s->thread = thread_start("metrics", thread_main, s, e);
        if (s->thread)
            return s;
    }
    metrics_end(s);
    return NULL;
}

struct net_addr metrics_addr(const struct metrics_server *s)
{
    return s->at;
}

static struct page *page_make(const struct campaign *c)
{
    struct page *p = calloc(1, sizeof *p);

    for (enum metrics_form i = METRICS_PROMETHEUS; p && i < METRICS_FORMS; i++) {
        struct buf text;

        buf_init(&text, TEXT_MAX);
        if (!metrics_text(c, i, &text)) {
            buf_fini(&text);
            page_free(p);
            return NULL;
        }
        p->text[i] = (char *)text.p; /* its memory goes over to the page */
        p->bytes[i] = text.n;
    }
    return p;
}

void metrics_publish(struct metrics_server *s, const struct campaign *c, uint64_t now_ns)
{
    if (s->published_ns && now_ns - s->published_ns < PUBLISH_NS)
        return;
    struct page *p = page_make(c);

    s->published_ns = now_ns;
    if (!p)
        return; /* the one before stays */
    if (ring_push(s->pages, &p))
        loop_wake(s->loop);
    else
        page_free(p);
}

void metrics_end(struct metrics_server *s)
{
    struct page *end = NULL;

    if (!s)
        return;
    if (s->thread) {
        while (!ring_push(s->pages, &end))
            thread_rest(NS_PER_MS);
        loop_wake(s->loop);
        thread_join(s->thread);
    }
    if (s->loop) {
        loop_unwatch(s->loop, &s->watch);
        timer_disarm(s->loop, &s->timer);
    }
    if (s->daemon)
        MHD_stop_daemon(s->daemon);
    for (struct page *p; s->pages && ring_pop(s->pages, &p);)
        page_free(p);
    page_free(s->page);
    ring_destroy(s->pages);
    loop_destroy(s->loop);
    free(s);
}
