/* dial_curl.c - struct dial by libcurl (CURLOPT_CONNECT_ONLY), for IMAP and POP3: connects, TLS or STARTTLS, SASL; then the session is a
 * stream of the loop, read by curl_easy_recv and written by curl_easy_send.
 *
 * The easy handle stays in the multi handle as long as the stream lives. What the server says last is kept from the debug
 * callback, because libcurl tells only that log-in was denied, not in which words.
 */
#include "app/dial_curl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"

#define CONNECT_TIMEOUT_MS 15000L
#define LINE_MAX_BYTES     300
#define READ_BYTES         65536L /* at most, at a time; 16 KiB if it is not said */

struct dial_curl {
    struct dial dial; /* first: struct dial * is this */
    struct curl_calls calls;
};

struct call {
    struct curl_transfer transfer; /* first */
    struct dial_curl *of;
    struct curl_slist *connect_to;
    bool pop3;
    char last_line[LINE_MAX_BYTES], curl_said[CURL_ERROR_SIZE];
    void (*done)(void *owner, enum dial_answer answer, struct stream *s, const char *why);
};

/* ------------------------------------------------------------------------------------------ the session as a stream */

struct curl_stream {
    struct stream s; /* first: struct stream * is this */
    struct curl_loop *curl;
    struct curl_transfer transfer;
    struct watch watch;
    struct timer again; /* decrypted bytes wait inside libcurl: the socket will not tell */
    bool paused, wants_write, told;
    char error[CURL_ERROR_SIZE];
};

static void set_interest(struct curl_stream *c)
{
    unsigned what =
        (c->paused || c->told ? 0u : STREAM_READABLE) | (c->wants_write ? STREAM_WRITABLE : 0u);

    if (!loop_watch(c->s.loop, &c->watch, what, NULL))
        c->s.error = "its socket cannot be watched";
}

static void on_ready(struct watch *w, unsigned what)
{
    struct curl_stream *c = w->owner;

    if (what & STREAM_WRITABLE) {
        c->wants_write = false;
        set_interest(c);
    }
    c->s.ready(&c->s, what);
}

static void on_again(struct timer *t)
{
    struct curl_stream *c = t->owner;

    if (!c->paused)
        c->s.ready(&c->s, STREAM_READABLE);
}

static long broken(struct curl_stream *c, CURLcode code)
{
    c->told = true;
    c->s.error = curl_easy_strerror(code);
    set_interest(c);
    return STREAM_BROKEN;
}

static long curl_stream_read(struct stream *s, void *p, size_t n)
{
    struct curl_stream *c = (struct curl_stream *)s;
    size_t got = 0;
    CURLcode code = curl_easy_recv(c->transfer.easy, p, n, &got);

    if (code == CURLE_AGAIN)
        return STREAM_AGAIN;
    if (code != CURLE_OK)
        return broken(c, code);
    if (got == 0) {
        c->told = true;
        set_interest(c);
        return STREAM_END;
    }
    if (!timer_is_armed(&c->again))
        timer_arm(s->loop, &c->again, loop_now(s->loop));
    return (long)got;
}

static long curl_stream_write(struct stream *s, const struct iovec *iov, int count)
{
    struct curl_stream *c = (struct curl_stream *)s;
    size_t all = 0;

    for (int i = 0; i < count; i++) {
        size_t at = 0;

        while (at < iov[i].iov_len) {
            size_t n = 0;
            CURLcode code = curl_easy_send(c->transfer.easy, (const char *)iov[i].iov_base + at,
                                           iov[i].iov_len - at, &n);

            if (code != CURLE_OK && code != CURLE_AGAIN)
                return broken(c, code);
            at += n;
            all += n;
            if (code == CURLE_AGAIN || n == 0) {
                c->wants_write = true;
                set_interest(c);
                return all ? (long)all : STREAM_AGAIN;
            }
        }
    }
    return (long)all;
}

static void curl_stream_pause(struct stream *s, bool paused)
{
    struct curl_stream *c = (struct curl_stream *)s;

    c->paused = paused;
    if (!paused && !timer_is_armed(&c->again))
        timer_arm(s->loop, &c->again, loop_now(s->loop));
    set_interest(c);
}

static void curl_stream_close(struct stream *s)
{
    struct curl_stream *c = (struct curl_stream *)s;

    timer_disarm(s->loop, &c->again);
    loop_unwatch(s->loop, &c->watch);
    curl_loop_remove(c->curl, &c->transfer);
    curl_easy_cleanup(c->transfer.easy);
    free(c);
}

static const struct stream_ops curl_stream_ops = {
    .read = curl_stream_read,
    .write = curl_stream_write,
    .pause = curl_stream_pause,
    .close = curl_stream_close,
};

/* The stream's owner sets ready and owner in done(); until then nothing may come. */
static void not_yet(struct stream *s, unsigned what)
{
    (void)s;
    (void)what;
}

/* Takes the easy handle over from the call. */
static struct stream *stream_of(struct call *q)
{
    struct curl_stream *c = calloc(1, sizeof *c);
    curl_socket_t fd = CURL_SOCKET_BAD;

    (void)curl_easy_getinfo(q->transfer.easy, CURLINFO_ACTIVESOCKET, &fd);
    if (!c || fd == CURL_SOCKET_BAD) {
        free(c);
        return NULL;
    }
    c->s = (struct stream){
        .ops = &curl_stream_ops, .loop = curl_loop_of(q->of->calls.curl), .ready = not_yet};
    c->curl = q->of->calls.curl;
    c->transfer = (struct curl_transfer){.easy = q->transfer.easy, .guard = q->transfer.guard};
    (void)curl_easy_setopt(c->transfer.easy, CURLOPT_PRIVATE, &c->transfer);
    (void)curl_easy_setopt(c->transfer.easy, CURLOPT_OPENSOCKETDATA, &c->transfer);
    (void)curl_easy_setopt(c->transfer.easy, CURLOPT_DEBUGFUNCTION, NULL);
    (void)curl_easy_setopt(c->transfer.easy, CURLOPT_VERBOSE, 0L);
    (void)curl_easy_setopt(c->transfer.easy, CURLOPT_ERRORBUFFER, c->error);
    c->watch = (struct watch){.fd = fd, .ready = on_ready, .owner = c};
    timer_init(&c->again, on_again, c);
    q->transfer.easy = NULL;
    if (!loop_watch(c->s.loop, &c->watch, STREAM_READABLE, NULL)) {
        curl_stream_close(&c->s);
        return NULL;
    }
    return &c->s;
}

/* ---------------------------------------------------------------------------------------------------- opening one */

static void release(struct curl_transfer *t)
{
    struct call *q = (struct call *)t;

    curl_slist_free_all(q->connect_to);
    free(q);
}

static void answer(struct call *q, enum dial_answer a, struct stream *s, const char *text)
{
    void (*done)(void *, enum dial_answer, struct stream *, const char *) = q->done;
    void *owner = q->transfer.asker;
    char why[CURL_ERROR_SIZE + LINE_MAX_BYTES];

    (void)snprintf(why, sizeof why, "%s", text);
    curl_calls_drop(&q->of->calls, &q->transfer);
    done(owner, a, s, why);
}

static void on_done(struct curl_transfer *t, CURLcode code)
{
    struct call *q = (struct call *)t;

    if (code == CURLE_OK) {
        struct stream *s = stream_of(q);

        answer(q, s ? DIAL_OK : DIAL_DOWN, s, s ? "" : "libcurl gave no session");
    } else if (code == CURLE_LOGIN_DENIED)
        answer(q, q->pop3 ? dial_pop3_refusal(q->last_line) : dial_refusal(q->last_line), NULL,
               q->last_line);
    else if (t->refusal.code)
        answer(q, DIAL_DOWN, NULL, t->refusal.text);
    else
        answer(q, DIAL_DOWN, NULL, q->curl_said[0] ? q->curl_said : curl_easy_strerror(code));
}

/* CURLOPT_DEBUGFUNCTION: keeps the server's last line. */
static int on_debug(CURL *easy, curl_infotype type, char *p, size_t n, void *owner)
{
    struct call *q = owner;

    (void)easy;
    if (type != CURLINFO_HEADER_IN && type != CURLINFO_DATA_IN)
        return 0;
    while (n > 0 && (p[n - 1] == '\n' || p[n - 1] == '\r'))
        n--;
    if (n == 0)
        return 0;
    for (size_t i = n; i > 0; i--) {
        if (p[i - 1] != '\n')
            continue;
        p += i;
        n -= i;
        break;
    }
    (void)text_clean(q->last_line, sizeof q->last_line, slice_from(p, n));
    return 0;
}

static void host_of(const char *host_port, char *out, size_t room)
{
    const char *colon = strrchr(host_port, ':');

    (void)snprintf(
        out, room, "%.*s",
        (int)(colon && colon > host_port ? (size_t)(colon - host_port) : strlen(host_port)),
        host_port);
}

static const struct end_point *end_of(const struct call *q, const struct server *v)
{
    return q->pop3 ? &v->pop3 : &v->imap;
}

/* The URL has the name that is verified; the connection goes to the address that was resolved at arm. */
static void set_address(struct call *q, const struct server *v)
{
    char url[300], to[300], host[200], literal[NET_TEXT];
    const struct end_point *at = end_of(q, v);

    host_of(at->text, host, sizeof host);
    (void)snprintf(url, sizeof url, "%s%s://%s:%u/", q->pop3 ? "pop3" : "imap",
                   at->tls == TLS_IMPLICIT ? "s" : "", host, at->addr.port);
    (void)snprintf(to, sizeof to, "::%s", net_print(&at->addr, literal));
    q->connect_to = curl_slist_append(NULL, to);
    (void)curl_easy_setopt(q->transfer.easy, CURLOPT_URL, url);
    (void)curl_easy_setopt(q->transfer.easy, CURLOPT_CONNECT_TO, q->connect_to);
}

/* A master acts as the mailbox's user. LOGIN could not say so and would open the master's own mailbox: PLAIN, or nothing. */
static void set_log_on(const struct call *q, const struct server *v, const struct mailbox *m)
{
    const char *master = q->pop3 ? NULL : v->imap_master;
    const char *password = master ? v->imap_master_password : m->password;
    CURL *easy = q->transfer.easy;

    (void)curl_easy_setopt(easy, CURLOPT_USERNAME, master ? master : m->user);
    (void)curl_easy_setopt(easy, CURLOPT_PASSWORD, password ? password : "");
    if (!master)
        return;
    (void)curl_easy_setopt(easy, CURLOPT_LOGIN_OPTIONS, "AUTH=PLAIN");
    (void)curl_easy_setopt(easy, CURLOPT_SASL_AUTHZID, m->user);
}

static void set_up(struct call *q, const struct server *v, const struct mailbox *m)
{
    CURL *easy = q->transfer.easy;

    set_address(q, v);
    (void)curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, q->pop3 ? "pop3,pop3s" : "imap,imaps");
    (void)curl_easy_setopt(easy, CURLOPT_CONNECT_ONLY, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, READ_BYTES);
    (void)curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_TIMEOUT_MS);
    (void)curl_easy_setopt(easy, CURLOPT_SERVER_RESPONSE_TIMEOUT, CONNECT_TIMEOUT_MS / 1000);
    set_log_on(q, v, m);
    (void)curl_easy_setopt(
        easy, CURLOPT_USE_SSL,
        (long)(end_of(q, v)->tls == TLS_NONE ? CURLUSESSL_NONE : CURLUSESSL_ALL));
    (void)curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, v->insecure ? 0L : 1L);
    (void)curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, v->insecure ? 0L : 2L);
    if (v->ca_file)
        (void)curl_easy_setopt(easy, CURLOPT_CAINFO, v->ca_file);
    (void)curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, q->curl_said);
    (void)curl_easy_setopt(easy, CURLOPT_VERBOSE, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_DEBUGFUNCTION, on_debug);
    (void)curl_easy_setopt(easy, CURLOPT_DEBUGDATA, q);
}

static struct call *make_call(struct dial *d,
                              void (*done)(void *owner, enum dial_answer answer, struct stream *s,
                                           const char *why),
                              void *owner)
{
    struct dial_curl *c = (struct dial_curl *)d;
    struct call *q = calloc(1, sizeof *q);

    PM_ASSERT(q);
    q->of = c;
    q->done = done;
    curl_calls_open(&c->calls, &q->transfer, on_done, owner);
    return q;
}

static void start(struct call *q, const struct server *server, const struct mailbox *mailbox)
{
    if (!end_of(q, server)->addr.family) {
        (void)err_set(&q->transfer.refusal, EX_TARGET, "%s has no %s end point", server->name,
                      q->pop3 ? "POP3" : "IMAP");
        curl_loop_refuse(q->of->calls.curl, &q->transfer);
        return;
    }
    set_up(q, server, mailbox);
    curl_loop_add(q->of->calls.curl, &q->transfer);
}

static void open_imap(struct dial *d, const struct server *server, const struct mailbox *mailbox,
                      void (*done)(void *owner, enum dial_answer answer, struct stream *s,
                                   const char *why),
                      void *owner)
{
    start(make_call(d, done, owner), server, mailbox);
}

static void open_pop3(struct dial *d, const struct server *server, const struct mailbox *mailbox,
                      void (*done)(void *owner, enum dial_answer answer, struct stream *s,
                                   const char *why),
                      void *owner)
{
    struct call *q = make_call(d, done, owner);

    q->pop3 = true;
    start(q, server, mailbox);
}

static void forget(struct dial *d, void *owner)
{
    curl_calls_forget(&((struct dial_curl *)d)->calls, owner);
}

struct dial *dial_curl_create(struct curl_loop *c, const struct guard *g, struct err *e)
{
    struct dial_curl *d = calloc(1, sizeof *d);

    if (!d) {
        (void)err_set(e, EX_IO, "out of memory for sessions");
        return NULL;
    }
    *d = (struct dial_curl){.dial = {.open = open_imap, .open_pop3 = open_pop3, .forget = forget},
                            .calls = {.curl = c, .guard = g, .release = release}};
    return &d->dial;
}

void dial_curl_destroy(struct dial *d)
{
    struct dial_curl *c = (struct dial_curl *)d;

    if (!c)
        return;
    curl_calls_fini(&c->calls);
    free(c);
}
