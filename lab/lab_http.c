/* lab_http.c - the control API over HTTP: libmicrohttpd without a thread, driven by the loop through its epoll descriptor.
 *
 * Bodies are JSON objects of at most 1 MiB. Any server's front answers for the whole site. While its component `http` is down
 * a front answers 503 to everything but the request that may bring it up again (POST /v1/component).
 */
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>

#include <sys/socket.h>

#include "base/clock.h"
#include "lab/lab_service.h"
#include "lab/schedule.h"

#define BODY_MAX          (1u << 20)
#define CONNECTIONS_MAX   256u
#define CONNECTION_IDLE_S 120u
#define RUNS_AT_ONCE      64

struct lab_front_http {
    struct lab_site *site;
    int server;
    struct MHD_Daemon *daemon;
    struct net_addr at;
    struct watch watch;
    struct timer timer;
};

struct request { /* one HTTP request while it comes in */
    char *uri;
    bool begun, too_long;
    struct buf body;
};

/* Answers. */

static enum MHD_Result send_text(struct MHD_Connection *connection, unsigned status, char *text)
{
    struct MHD_Response *r =
        text ? MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_FREE) : NULL;

    if (!r) {
        free(text);
        return MHD_NO;
    }
    (void)MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, "application/json");
    (void)MHD_add_response_header(r, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    enum MHD_Result done = MHD_queue_response(connection, status, r);

    MHD_destroy_response(r);
    return done;
}

static enum MHD_Result send_json(struct MHD_Connection *connection, int status, json_t *body)
{
    char *text = json_dumps(body, JSON_COMPACT);

    json_decref(body);
    return send_text(connection, (unsigned)status, text);
}

static enum MHD_Result refuse(struct MHD_Connection *connection, int status, const char *why)
{
    return send_json(connection, status, json_pack("{s:s}", "error", why));
}

static bool is_up(const struct lab_front_http *f, const char *uri)
{
    return lab_component_up(lab_site_core(f->site), f->server, "http") ||
           strcmp(uri, "/v1/component") == 0;
}

static enum MHD_Result answer(struct lab_front_http *f, struct MHD_Connection *connection,
                              const char *method, const struct request *rq)
{
    json_t *body = NULL;
    json_error_t why;
    int status = 500;

    if (!is_up(f, rq->uri))
        return refuse(connection, 503, "the control service of this server is stopped");
    if (rq->too_long)
        return refuse(connection, 413, "the body is longer than 1 MiB");
    if (rq->body.n > 0) {
        body = json_loadb((const char *)rq->body.p, rq->body.n, JSON_REJECT_DUPLICATES, &why);
        if (!body)
            return refuse(connection, 400, "the body is not JSON");
    }
    json_t *said = lab_site_control(f->site, method, rq->uri, body, &status);

    json_decref(body);
    return send_json(connection, status, said);
}

/* libmicrohttpd's callbacks. */

static void *on_uri(void *owner, const char *uri, struct MHD_Connection *connection)
{
    struct request *rq = calloc(1, sizeof *rq);

    (void)owner;
    (void)connection;
    if (!rq)
        return NULL;
    rq->uri = strdup(uri);
    buf_init(&rq->body, BODY_MAX);
    return rq;
}

/* NOLINTNEXTLINE(readability-function-size): libmicrohttpd's signature */
static enum MHD_Result on_request(void *owner, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *bytes, void **state)
{
    struct request *rq = *state;

    (void)url;
    (void)version;
    if (!rq || !rq->uri)
        return MHD_NO;
    if (!rq->begun) { /* only the header has come */
        rq->begun = true;
        return MHD_YES;
    }
    if (*bytes == 0)
        return answer(owner, connection, method, rq);
    if (!rq->too_long && !buf_add(&rq->body, data, *bytes))
        rq->too_long = true;
    *bytes = 0;
    return MHD_YES;
}

static void on_completed(void *owner, struct MHD_Connection *connection, void **state,
                         enum MHD_RequestTerminationCode code)
{
    struct request *rq = *state;

    (void)owner;
    (void)connection;
    (void)code;
    if (!rq)
        return;
    buf_fini(&rq->body);
    free(rq->uri);
    free(rq);
    *state = NULL;
}

/* The daemon on the loop. */

static void run(struct lab_front_http *f)
{
    struct loop *loop = lab_site_loop(f->site);
    MHD_UNSIGNED_LONG_LONG ms = 0;
    int more = 1;

    for (int i = 0; more && i < RUNS_AT_ONCE; i++) {
        (void)MHD_run(f->daemon);
        more = MHD_get_timeout(f->daemon, &ms) == MHD_YES && ms == 0;
    }
    if (MHD_get_timeout(f->daemon, &ms) == MHD_YES)
        timer_arm(loop, &f->timer, loop_now(loop) + ms * NS_PER_MS);
    else
        timer_disarm(loop, &f->timer);
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

static bool start(struct lab_front_http *f, const struct net_addr *at, struct err *e)
{
    struct sockaddr_storage where;
    char text[NET_TEXT];

    if (at->family != 4 || !net_is_loopback(at))
        return err_set(e, EX_GUARD, "%s: the lab's control listens on 127.x.y.z only",
                       net_print(at, text));
    (void)net_to_sockaddr(at, &where);
    f->daemon = MHD_start_daemon(MHD_USE_EPOLL, at->port, NULL, NULL, on_request, f,
                                 MHD_OPTION_SOCK_ADDR, &where, MHD_OPTION_CONNECTION_LIMIT,
                                 CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT, CONNECTION_IDLE_S,
                                 MHD_OPTION_URI_LOG_CALLBACK, on_uri, f,
                                 MHD_OPTION_NOTIFY_COMPLETED, on_completed, f, MHD_OPTION_END);
    if (!f->daemon)
        return err_set(e, EX_IO, "cannot listen for HTTP on %s", net_print(at, text));
    const union MHD_DaemonInfo *port = MHD_get_daemon_info(f->daemon, MHD_DAEMON_INFO_BIND_PORT);
    const union MHD_DaemonInfo *epoll = MHD_get_daemon_info(f->daemon, MHD_DAEMON_INFO_EPOLL_FD);

    if (!port || !epoll)
        return err_set(e, EX_IO, "this libmicrohttpd cannot be driven from outside");
    f->at = *at;
    f->at.port = port->port;
    f->watch = (struct watch){.fd = epoll->epoll_fd, .ready = on_ready, .owner = f};
    return loop_watch(lab_site_loop(f->site), &f->watch, STREAM_READABLE, e);
}

struct lab_front_http *lab_http_listen(struct lab_site *s, int server, const struct net_addr *at,
                                       struct err *e)
{
    struct lab_front_http *f = lab_memory(NULL, 0, sizeof *f);

    f->site = s;
    f->server = server;
    timer_init(&f->timer, on_timer, f);
    if (start(f, at, e))
        return f;
    if (f->daemon)
        MHD_stop_daemon(f->daemon);
    free(f);
    return NULL;
}

struct net_addr lab_http_addr(const struct lab_front_http *f)
{
    return f->at;
}

void lab_http_close(struct lab_front_http *f)
{
    if (!f)
        return;
    loop_unwatch(lab_site_loop(f->site), &f->watch);
    timer_disarm(lab_site_loop(f->site), &f->timer);
    MHD_stop_daemon(f->daemon);
    free(f);
}
