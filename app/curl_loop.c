/* curl_loop.c - libcurl's multi interface driven by a loop of ours. */
#include "app/curl_loop.h"

#include <pthread.h>
#include <stdlib.h>

#include <sys/socket.h>

#include "base/clock.h"

struct curl_loop {
    struct loop *loop;
    CURLM *multi;
    struct timer timer;
};

struct socket_watch {
    struct watch watch;
    struct curl_loop *of;
};

static void tell_done(struct curl_loop *c)
{
    CURLMsg *m;
    int left;

    while ((m = curl_multi_info_read(c->multi, &left))) {
        struct curl_transfer *t = NULL;

        if (m->msg != CURLMSG_DONE)
            continue;
        CURLcode code =
            m->data.result; /* read before done(): it may free the handle and with it m */

        (void)curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&t);
        t->done(t, code);
    }
}

static void on_socket(struct watch *w, unsigned what)
{
    struct socket_watch *s = w->owner;
    struct curl_loop *c = s->of;
    int running, bits = (what & STREAM_READABLE ? CURL_CSELECT_IN : 0) |
                        (what & STREAM_WRITABLE ? CURL_CSELECT_OUT : 0);

    (void)curl_multi_socket_action(c->multi, w->fd, bits, &running);
    tell_done(c);
}

static void on_timer(struct timer *t)
{
    struct curl_loop *c = t->owner;
    int running;

    (void)curl_multi_socket_action(c->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    tell_done(c);
}

/* CURLMOPT_SOCKETFUNCTION: what curl wants to know about one of its sockets. */
static int set_socket(CURL *easy, curl_socket_t fd, int what, void *owner, void *at_socket)
{
    struct curl_loop *c = owner;
    struct socket_watch *s = at_socket;
    unsigned interest = (what & CURL_POLL_IN ? STREAM_READABLE : 0u) |
                        (what & CURL_POLL_OUT ? STREAM_WRITABLE : 0u);

    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (s)
            loop_unwatch(c->loop, &s->watch);
        free(s);
        return 0;
    }
    if (!s) {
        s = calloc(1, sizeof *s);
        if (!s)
            return -1;
        *s = (struct socket_watch){.watch = {.fd = fd, .ready = on_socket, .owner = s}, .of = c};
        (void)curl_multi_assign(c->multi, fd, s);
    }
    return loop_watch(c->loop, &s->watch, interest, NULL) ? 0 : -1;
}

static int set_timer(CURLM *multi, long ms, void *owner)
{
    struct curl_loop *c = owner;

    (void)multi;
    if (ms < 0)
        timer_disarm(c->loop, &c->timer);
    else
        timer_arm(c->loop, &c->timer, loop_now(c->loop) + (uint64_t)ms * NS_PER_MS);
    return 0;
}

/* CURLOPT_OPENSOCKETFUNCTION: the guard sees the address that will be connected to, whatever DNS said. */
static curl_socket_t open_socket(void *owner, curlsocktype why, struct curl_sockaddr *a)
{
    struct curl_transfer *t = owner;
    struct net_addr to = net_from_sockaddr(&a->addr, a->addrlen);
    int fd = -1;

    (void)why;
    if (to.family != 0)
        fd = net_socket(t->guard, &to, &t->refusal);
    else
        (void)err_set(&t->refusal, EX_TARGET, "neither IPv4 nor IPv6");
    return fd < 0 ? CURL_SOCKET_BAD : fd;
}

static void global_init(void)
{
    (void)curl_global_init(CURL_GLOBAL_DEFAULT);
}

struct curl_loop *curl_loop_create(struct loop *l, struct err *e)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct curl_loop *c = calloc(1, sizeof *c);

    (void)pthread_once(&once, global_init);
    if (c)
        c->multi = curl_multi_init();
    if (!c || !c->multi) {
        free(c);
        (void)err_set(e, EX_IO, "out of memory for libcurl");
        return NULL;
    }
    c->loop = l;
    timer_init(&c->timer, on_timer, c);
    (void)curl_multi_setopt(c->multi, CURLMOPT_SOCKETFUNCTION, set_socket);
    (void)curl_multi_setopt(c->multi, CURLMOPT_SOCKETDATA, c);
    (void)curl_multi_setopt(c->multi, CURLMOPT_TIMERFUNCTION, set_timer);
    (void)curl_multi_setopt(c->multi, CURLMOPT_TIMERDATA, c);
    return c;
}

void curl_loop_destroy(struct curl_loop *c)
{
    if (!c)
        return;
    (void)curl_multi_cleanup(c->multi);
    timer_disarm(c->loop, &c->timer);
    free(c);
}

struct loop *curl_loop_of(const struct curl_loop *c)
{
    return c->loop;
}

static void on_refuse(struct timer *timer)
{
    struct curl_transfer *t = timer->owner;

    t->done(t, CURLE_COULDNT_CONNECT);
}

void curl_loop_refuse(struct curl_loop *c, struct curl_transfer *t)
{
    timer_init(&t->refuse, on_refuse, t);
    timer_arm(c->loop, &t->refuse, loop_now(c->loop));
}

void curl_loop_add(struct curl_loop *c, struct curl_transfer *t)
{
    t->refusal = (struct err){0};
    (void)curl_easy_setopt(t->easy, CURLOPT_PRIVATE, t);
    (void)curl_easy_setopt(t->easy, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(t->easy, CURLOPT_PROXY, "");
    (void)curl_easy_setopt(t->easy, CURLOPT_NOPROXY, "*");
    (void)curl_easy_setopt(t->easy, CURLOPT_FOLLOWLOCATION, 0L);
    (void)curl_easy_setopt(t->easy, CURLOPT_TCP_NODELAY, 1L);
    (void)curl_easy_setopt(t->easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    (void)curl_easy_setopt(t->easy, CURLOPT_OPENSOCKETDATA, t);
    CURLMcode code = curl_multi_add_handle(c->multi, t->easy);

    if (code == CURLM_OK)
        return;
    (void)err_set(&t->refusal, EX_IO, "libcurl: %s", curl_multi_strerror(code));
    curl_loop_refuse(c, t);
}

void curl_loop_remove(struct curl_loop *c, struct curl_transfer *t)
{
    timer_disarm(c->loop, &t->refuse);
    (void)curl_multi_remove_handle(c->multi, t->easy);
}

/* --- lists of them ----------------------------------------------------------------------------------------------- */

void curl_calls_open(struct curl_calls *c, struct curl_transfer *t,
                     void (*done)(struct curl_transfer *t, CURLcode code), void *asker)
{
    *t = (struct curl_transfer){
        .easy = curl_easy_init(), .guard = c->guard, .done = done, .next = c->open, .asker = asker};
    PM_MEMORY(t->easy);
    c->open = t;
}

void curl_calls_drop(struct curl_calls *c, struct curl_transfer *t)
{
    struct curl_transfer **at = &c->open;

    while (*at != t)
        at = &(*at)->next;
    *at = t->next;
    if (t->easy) {
        curl_loop_remove(c->curl, t);
        curl_easy_cleanup(t->easy);
    }
    c->release(t);
}

void curl_calls_forget(struct curl_calls *c, void *asker)
{
    for (struct curl_transfer *t = c->open, *next; t; t = next) {
        next = t->next;
        if (t->asker == asker)
            curl_calls_drop(c, t);
    }
}

void curl_calls_fini(struct curl_calls *c)
{
    while (c->open)
        curl_calls_drop(c, c->open);
}
