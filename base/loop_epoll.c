/* loop_epoll.c - the real back end: epoll with nanosecond timeouts, TCP streams, descriptors of others.
 *
 * A wakeup: wait, read the clock, fire timers, dispatch what epoll reported, run the before-sleep hooks, free what was
 * closed. Level-triggered; a descriptor stays in the epoll set only while there is something to wait for, since a dead
 * connection without interest would otherwise wake the loop for ever. EPOLLOUT is asked for while connecting and after
 * a write that was not taken whole, at no other time. All calls are on the loop's thread, but loop_wake().
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "base/loop_private.h"

#define BATCH           256 /* events per wait */
#define ACCEPTS         64  /* connections taken per event: the others get their turn */
#define BACKLOG         1024
#define IOV_AT_ONCE     1024
#define ACCEPT_PAUSE_NS (100 * NS_PER_MS) /* out of descriptors: look again later */
#define TIMER_SLACK_NS  1000UL

/* epoll carries 64 bits: the address of the thing, and in the low bits (all are aligned to 8) which thing it is. */
enum source {
    SOURCE_GONE, /* unwatched while its event was in the batch */
    SOURCE_TCP,
    SOURCE_LISTENER,
    SOURCE_WATCH,
    SOURCE_WAKE,
    SOURCE_MASK = 7,
};

struct loop_epoll {
    struct loop loop;
    int epoll_fd, wake_fd;
    bool coarse; /* no epoll_pwait2 on this kernel */
    struct epoll_event batch[BATCH];
    int batch_n, batch_at;
};

struct tcp {
    struct stream s;
    struct loop_node node;
    int fd;
    uint32_t interest; /* what epoll knows; 0: not in its set */
    int connect_errno; /* connect() failed at once: told from the loop */
    bool connecting, paused, blocked, failed, read_over, closed;
};

struct door { /* a listener */
    struct listener ls;
    int fd;
    bool closed;
    struct timer retry;
};

static struct loop_epoll *epoll_of(struct loop *l)
{
    return (struct loop_epoll *)l;
}

/* Tells epoll what to wait for at fd: nothing means out of the set. */
static bool epoll_want(struct loop *l, int fd, uint32_t before, uint32_t wanted, uint64_t key)
{
    struct epoll_event ev = {.events = wanted, .data.u64 = key};
    int what = before == 0 ? EPOLL_CTL_ADD : wanted == 0 ? EPOLL_CTL_DEL : EPOLL_CTL_MOD;

    return before == wanted || epoll_ctl(epoll_of(l)->epoll_fd, what, fd, &ev) == 0;
}

/* Out of the set first: a child between fork and exec still holds the connection, and epoll would go on reporting it. */
static void forget_fd(struct loop *l, int fd)
{
    (void)epoll_ctl(epoll_of(l)->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
    (void)close(fd);
}

static const char *errno_words(int error)
{
    switch (error) {
    case ECONNREFUSED:
        return "connection refused";
    case ECONNRESET:
    case EPIPE:
        return "connection reset by peer";
    case ETIMEDOUT:
        return "connection timed out";
    case EHOSTUNREACH:
        return "no route to host";
    case ENETUNREACH:
        return "network is unreachable";
    default:
        break;
    }
    const char *words = strerrordesc_np(error);
    return words ? words : "unknown error";
}

/* Addresses. */

static struct net_addr addr_of_socket(int fd)
{
    struct sockaddr_storage ss = {0};
    socklen_t n = sizeof ss;

    if (getsockname(fd, (struct sockaddr *)&ss, &n) != 0)
        return (struct net_addr){0};
    return net_from_sockaddr(&ss, n);
}

/* A non-blocking TCP socket. What is set here is inherited by the connections that a listener accepts. */
static int socket_open(const struct net_addr *a, struct err *e)
{
    const int on = 1;
    int family = a->family == 4 ? AF_INET : AF_INET6;
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0) {
        (void)err_set(e, EX_IO, "no socket: %s", strerrordesc_np(errno));
        return -1;
    }
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    return fd;
}

/* TCP streams. */

static struct tcp *tcp_of(struct stream *s)
{
    return (struct tcp *)s;
}

static void tcp_sync(struct tcp *t)
{
    uint32_t wanted = 0;

    if (t->connecting || t->blocked)
        wanted |= EPOLLOUT;
    if (!t->paused && !t->read_over)
        wanted |= EPOLLIN;
    if (epoll_want(t->s.loop, t->fd, t->interest, wanted, (uintptr_t)t | SOURCE_TCP))
        t->interest = wanted;
}

static long tcp_broken(struct tcp *t, const char *why)
{
    t->failed = true;
    if (!t->s.error)
        t->s.error = why;
    return STREAM_BROKEN;
}

static long tcp_read_over(struct tcp *t)
{
    t->read_over = true;
    tcp_sync(t);
    return t->s.error ? STREAM_BROKEN : STREAM_END;
}

static long tcp_read(struct stream *s, void *p, size_t n)
{
    struct tcp *t = tcp_of(s);
    ssize_t got;

    if (t->connecting)
        return STREAM_AGAIN;
    if (t->read_over)
        return s->error ? STREAM_BROKEN : STREAM_END;
    if (t->connect_errno)
        return tcp_read_over(t);
    do
        got = recv(t->fd, p, n, 0); /* after a failed write too: what came before the reset */
    while (got < 0 && errno == EINTR);
    if (got > 0)
        return (long)got;
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK) && !t->failed)
        return STREAM_AGAIN;
    if (got < 0)
        (void)tcp_broken(t, errno_words(errno));
    return tcp_read_over(t);
}

static long tcp_write(struct stream *s, const struct iovec *iov, int count)
{
    struct tcp *t = tcp_of(s);
    struct msghdr m = {.msg_iov = (struct iovec *)iov,
                       .msg_iovlen = (size_t)(count < IOV_AT_ONCE ? count : IOV_AT_ONCE)};
    size_t all = 0;
    ssize_t sent;

    if (t->connecting)
        return STREAM_AGAIN;
    if (t->failed)
        return STREAM_BROKEN;
    for (int i = 0; i < count; i++)
        all += iov[i].iov_len;
    do
        sent = sendmsg(t->fd, &m, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    if (sent < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != ENOBUFS)
        return tcp_broken(t, errno_words(errno));
    if ((sent < 0 || (size_t)sent < all) && !t->blocked) {
        t->blocked = true;
        tcp_sync(t);
    }
    return sent < 0 || (sent == 0 && all > 0) ? STREAM_AGAIN : (long)sent;
}

static void tcp_pause(struct stream *s, bool paused)
{
    struct tcp *t = tcp_of(s);

    t->paused = paused;
    tcp_sync(t);
}

static void tcp_close(struct stream *s)
{
    struct tcp *t = tcp_of(s);

    forget_fd(s->loop, t->fd);
    t->fd = -1;
    t->closed = true;
    s->ops = &stream_closed_ops;
    loop_node_bury(s->loop, &t->node);
}

static bool tcp_owes(const struct stream *s)
{
    int unsent = 0;

    return ioctl(((const struct tcp *)s)->fd, SIOCOUTQNSD, &unsent) == 0 && unsent > 0;
}

static void tcp_mute(struct stream *s)
{
    const struct linger none = {.l_onoff = 1};

    (void)setsockopt(tcp_of(s)->fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
}

static const struct stream_ops tcp_ops = {
    .read = tcp_read,
    .write = tcp_write,
    .pause = tcp_pause,
    .close = tcp_close,
    .owes = tcp_owes,
    .mute = tcp_mute,
};

static void tcp_node_close(struct loop_node *n)
{
    tcp_close(&LOOP_HOLDER(n, struct tcp, node)->s);
}

static void tcp_node_release(struct loop_node *n)
{
    free(LOOP_HOLDER(n, struct tcp, node));
}

static struct tcp *tcp_create(struct loop *l, int fd, const struct net_addr *peer)
{
    struct tcp *t = loop_must(calloc(1, sizeof *t));

    t->s.ops = &tcp_ops;
    t->s.loop = l;
    t->s.peer = *peer;
    t->fd = fd;
    t->node.close = tcp_node_close;
    t->node.release = tcp_node_release;
    loop_node_open(l, &t->node);
    return t;
}

/* The connection stands or has failed: what to tell the owner. */
static unsigned tcp_connected(struct tcp *t)
{
    int error = t->connect_errno;
    socklen_t n = sizeof error;

    if (!error)
        (void)getsockopt(t->fd, SOL_SOCKET, SO_ERROR, &error, &n);
    t->connecting = false;
    if (error) {
        t->connect_errno = error;
        (void)tcp_broken(t, errno_words(error));
        return t->paused ? 0 : STREAM_READABLE;
    }
    t->s.local = addr_of_socket(t->fd);
    return STREAM_WRITABLE;
}

static void tcp_event(struct tcp *t, uint32_t events)
{
    unsigned what = 0;

    if (t->closed)
        return;
    if (t->connecting)
        what = tcp_connected(t);
    if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) && !t->paused && !t->read_over)
        what |= STREAM_READABLE;
    if ((events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) && t->blocked) {
        t->blocked = false;
        what |= STREAM_WRITABLE;
    }
    if (what)
        t->s.ready(&t->s, what);
    if (!t->closed)
        tcp_sync(t);
}

static struct stream *epoll_connect(struct loop *l, const struct net_addr *to, struct err *e)
{
    struct sockaddr_storage ss;
    socklen_t n = (socklen_t)net_to_sockaddr(to, &ss);
    char text[NET_TEXT];
    int fd = socket_open(to, e), error = 0;

    if (fd < 0)
        return NULL;
    if (connect(fd, (struct sockaddr *)&ss, n) != 0 && errno != EINPROGRESS)
        error = errno;
    if (error == EADDRNOTAVAIL || error == ENOBUFS || error == ENOMEM) {
        (void)close(fd);
        (void)err_set(e, EX_IO, "no connection to %s: %s", net_print(to, text),
                      error == EADDRNOTAVAIL ? "no local port is left" : errno_words(error));
        return NULL;
    }
    struct tcp *t = tcp_create(l, fd, to);
    t->connecting = true;
    t->connect_errno = error;
    tcp_sync(t);
    return &t->s;
}

/* Listeners. */

static bool door_want(struct door *d, bool open)
{
    return epoll_want(d->ls.loop, d->fd, open ? 0 : EPOLLIN, open ? EPOLLIN : 0,
                      (uintptr_t)d | SOURCE_LISTENER);
}

static void door_retry(struct timer *t)
{
    (void)door_want(t->owner, true);
}

/* Takes one connection: its descriptor, or the negative errno. */
static int door_take(struct door *d)
{
    struct sockaddr_storage ss = {0};
    socklen_t n = sizeof ss;
    int fd = accept4(d->fd, (struct sockaddr *)&ss, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd < 0)
        return -errno;
    struct net_addr peer = net_from_sockaddr(&ss, n);
    struct tcp *t = tcp_create(d->ls.loop, fd, &peer);
    t->s.local = addr_of_socket(fd);
    tcp_sync(t);
    d->ls.accept(d->ls.owner, &t->s);
    PM_ASSERT(t->closed || t->s.ready);
    return fd;
}

static void door_event(struct door *d)
{
    for (int i = 0; i < ACCEPTS && !d->closed; i++) {
        int fd = door_take(d);

        if (fd == -EAGAIN || fd == -EWOULDBLOCK)
            return;
        if (fd == -EMFILE || fd == -ENFILE || fd == -ENOBUFS || fd == -ENOMEM) {
            (void)door_want(d, false);
            timer_arm(d->ls.loop, &d->retry, d->ls.loop->now_ns + ACCEPT_PAUSE_NS);
            return;
        }
        /* Other errors belong to the connection that is gone already (accept(2)): the next one, please. */
    }
}

static void door_close(struct listener *ls)
{
    struct door *d = (struct door *)ls;

    timer_disarm(ls->loop, &d->retry);
    forget_fd(ls->loop, d->fd);
    d->closed = true;
    loop_node_bury(ls->loop, &ls->node);
}

static void door_node_close(struct loop_node *n)
{
    door_close(LOOP_HOLDER(n, struct listener, node));
}

static void door_node_release(struct loop_node *n)
{
    free(LOOP_HOLDER(n, struct door, ls.node));
}

static int door_bind(const struct net_addr *at, bool shared, struct err *e)
{
    const int on = 1;
    struct sockaddr_storage ss;
    socklen_t n = (socklen_t)net_to_sockaddr(at, &ss);
    int fd = socket_open(at, e);

    if (fd < 0)
        return -1;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (shared)
        (void)setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
    if (at->family == 6)
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&ss, n) != 0 || listen(fd, BACKLOG) != 0) {
        char text[NET_TEXT];

        (void)err_set(e, EX_IO, "cannot listen on %s: %s", net_print(at, text),
                      errno == EADDRINUSE ? "address already in use" : strerrordesc_np(errno));
        (void)close(fd);
        return -1;
    }
    return fd;
}

static struct listener *epoll_listen(struct loop *l, const struct net_addr *at, bool shared,
                                     struct err *e)
{
    int fd = door_bind(at, shared, e);

    if (fd < 0)
        return NULL;
    struct door *d = loop_must(calloc(1, sizeof *d));
    d->fd = fd;
    d->ls.loop = l;
    d->ls.at = addr_of_socket(fd);
    d->ls.close = door_close;
    d->ls.node.close = door_node_close;
    d->ls.node.release = door_node_release;
    timer_init(&d->retry, door_retry, d);
    loop_node_open(l, &d->ls.node);
    (void)door_want(d, true);
    return &d->ls;
}

/* Descriptors of others. */

static uint32_t watch_events(unsigned what)
{
    return (what & STREAM_READABLE ? EPOLLIN : 0u) | (what & STREAM_WRITABLE ? EPOLLOUT : 0u);
}

static bool epoll_watch(struct loop *l, struct watch *w, unsigned what, struct err *e)
{
    int epoll_fd = epoll_of(l)->epoll_fd;
    struct epoll_event ev = {.events = watch_events(what), .data.u64 = (uintptr_t)w | SOURCE_WATCH};

    w->interest = what;
    w->gone = false;
    if (what == 0) {
        (void)epoll_ctl(epoll_fd, EPOLL_CTL_DEL, w->fd, NULL);
        return true;
    }
    if (epoll_ctl(epoll_fd, EPOLL_CTL_MOD, w->fd, &ev) == 0)
        return true;
    if (errno == ENOENT && epoll_ctl(epoll_fd, EPOLL_CTL_ADD, w->fd, &ev) == 0)
        return true;
    w->interest = 0;
    return err_set(e, EX_IO, "descriptor %d cannot be watched: %s", w->fd, strerrordesc_np(errno));
}

/* Whoever unwatches may free the watch at once: its events in the batch must not find it. */
static void epoll_unwatch(struct loop *l, struct watch *w)
{
    struct loop_epoll *le = epoll_of(l);

    if (w->interest && !w->gone)
        (void)epoll_ctl(le->epoll_fd, EPOLL_CTL_DEL, w->fd, NULL);
    for (int i = le->batch_at; i < le->batch_n; i++)
        if (le->batch[i].data.u64 == ((uintptr_t)w | SOURCE_WATCH))
            le->batch[i].data.u64 = SOURCE_GONE;
    w->interest = 0;
    w->gone = true;
}

static void watch_event(struct watch *w, uint32_t events)
{
    unsigned what = 0;

    if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
        what |= w->interest & STREAM_READABLE;
    if (events & (EPOLLOUT | EPOLLHUP | EPOLLERR))
        what |= w->interest & STREAM_WRITABLE;
    if (what)
        w->ready(w, what);
}

/* The loop itself. */

static void wake_event(struct loop_epoll *le)
{
    uint64_t count;

    (void)!read(le->wake_fd, &count, sizeof count);
    loop_run_wakers(&le->loop);
}

static void epoll_wake(struct loop *l)
{
    const uint64_t one = 1;

    (void)!write(epoll_of(l)->wake_fd, &one, sizeof one); /* full means: awake already */
}

static int wait_coarse(struct loop_epoll *le, uint64_t wait_ns)
{
    uint64_t ms = wait_ns / NS_PER_MS + (wait_ns % NS_PER_MS != 0);

    return epoll_wait(le->epoll_fd, le->batch, BATCH, ms > 3600000 ? 3600000 : (int)ms);
}

static int wait_for_events(struct loop_epoll *le)
{
    uint64_t next = loop_next_timer(&le->loop), now = next == NEVER_NS ? 0 : clock_mono_ns();
    uint64_t wait_ns = next > now ? next - now : 0;
    struct timespec ts = {.tv_sec = (time_t)(wait_ns / NS_PER_S),
                          .tv_nsec = (long)(wait_ns % NS_PER_S)};

    if (!le->coarse) {
        int n = epoll_pwait2(le->epoll_fd, le->batch, BATCH, next == NEVER_NS ? NULL : &ts, NULL);

        if (n >= 0 || errno != ENOSYS)
            return n;
        le->coarse = true;
    }
    return wait_coarse(le, wait_ns);
}

static void dispatch(struct loop_epoll *le, uint64_t key, uint32_t events)
{
    uintptr_t at = key & ~(uint64_t)SOURCE_MASK;
    void *p = (void *)at; /* NOLINT(performance-no-int-to-ptr): epoll carries 64 bits */

    switch ((enum source)(key & SOURCE_MASK)) {
    case SOURCE_TCP:
        tcp_event(p, events);
        break;
    case SOURCE_LISTENER:
        door_event(p);
        break;
    case SOURCE_WATCH:
        watch_event(p, events);
        break;
    case SOURCE_WAKE:
        wake_event(le);
        break;
    case SOURCE_GONE:
    case SOURCE_MASK:
        break;
    }
}

static void epoll_turn(struct loop_epoll *le)
{
    int n = wait_for_events(le);

    PM_ASSERT(n >= 0 || errno == EINTR);
    le->loop.now_ns = clock_mono_ns();
    le->batch_n = n > 0 ? n : 0;
    le->batch_at = 0;
    (void)loop_fire_timers(&le->loop);
    while (le->batch_at < le->batch_n) {
        const struct epoll_event *ev = &le->batch[le->batch_at++];

        dispatch(le, ev->data.u64, ev->events);
    }
    le->batch_at = le->batch_n = 0;
}

static void epoll_run(struct loop *l)
{
    (void)prctl(PR_SET_TIMERSLACK, TIMER_SLACK_NS, 0, 0, 0);
    l->now_ns = clock_mono_ns();
    loop_run_sleepers(l);
    loop_sweep(l);
    while (!l->stopping) {
        epoll_turn(epoll_of(l));
        loop_run_sleepers(l);
        loop_sweep(l);
    }
}

static void epoll_destroy(struct loop *l)
{
    struct loop_epoll *le = epoll_of(l);

    if (le->wake_fd >= 0)
        (void)close(le->wake_fd);
    if (le->epoll_fd >= 0)
        (void)close(le->epoll_fd);
    free(le);
}

static const struct loop_ops epoll_ops = {
    .simulated = false,
    .run = epoll_run,
    .wake = epoll_wake,
    .destroy = epoll_destroy,
    .connect = epoll_connect,
    .listen = epoll_listen,
    .watch = epoll_watch,
    .unwatch = epoll_unwatch,
};

struct loop *loop_epoll_create(struct err *e)
{
    struct loop_epoll *le = calloc(1, sizeof *le);

    if (!le) {
        (void)err_set(e, EX_IO, "no memory for an event loop");
        return NULL;
    }
    loop_init(&le->loop, &epoll_ops, clock_mono_ns());
    le->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    le->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    struct epoll_event ev = {.events = EPOLLIN, .data.u64 = SOURCE_WAKE};
    if (le->epoll_fd < 0 || le->wake_fd < 0 ||
        epoll_ctl(le->epoll_fd, EPOLL_CTL_ADD, le->wake_fd, &ev) != 0) {
        (void)err_set(e, EX_IO, "no event loop: %s", strerrordesc_np(errno));
        epoll_destroy(&le->loop);
        return NULL;
    }
    return &le->loop;
}
