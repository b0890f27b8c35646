/* tls.c - OpenSSL as a filter over a stream: a BIO of ours reads and writes the stream below.
 *
 * Reading decrypts all that has come, record after record, as far as the reader has room. Writing goes into a buffer of
 * ciphertext that is handed down when the stream below takes it, so OpenSSL never sees a full pipe and no half-written
 * record has to be retried; while that buffer is not empty the owner is told STREAM_AGAIN, which bounds it to one write of
 * PLAIN_AT_ONCE octets. Octets that OpenSSL has decrypted and nobody has read yet do not show on the wire: a timer at once
 * makes STREAM_READABLE of them. A stream that is closed with ciphertext left lingers until it is sent, at most LINGER_NS.
 * One thread for a context and its streams.
 *
 * A client's context keeps the newest session that its server gave, and offers it to the next connection with the same
 * host: what a resumed session proves is that host's key, which nobody compares again. In TLS 1.3 sessions come after the
 * handshake, so what is kept is what was read since; a connection that broke takes its session with it.
 */
#include "base/tls.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "base/bytes.h"
#include "base/loop_private.h"
#include "base/tls_private.h"

#define PLAIN_AT_ONCE 65536  /* taken from the owner per write */
#define RECORD_BYTES  16384  /* gathered before SSL_write(): one record */
#define CIPHER_LIMIT  262144 /* one write, its overhead, and whatever a handshake says */
#define LINGER_NS     (10 * NS_PER_S)

struct tls {
    struct stream s;
    struct loop_node node;
    struct tls_context *context;
    struct stream *below;
    SSL *ssl;
    struct buf cipher;     /* to be written below */
    struct timer again;    /* tells the owner what needs no event from below; lingering: gives up */
    unsigned tell;         /* enum stream_what bits for `again` */
    bool shaken;           /* the handshake is done */
    bool paused, blocked;  /* blocked: the owner was told STREAM_AGAIN */
    bool read_over, broke; /* END or BROKEN was told; s.error says why */
    int problem;           /* what the next read has to tell: an SSL_ERROR; 0: nothing */
    unsigned host;         /* its number among the hosts of the context */
    bool muted;            /* what would be written below is thrown away */
    bool lingering;        /* closed by the owner, ciphertext left */
    bool closed;
    char why[200];
};

static struct tls *tls_of(struct stream *s)
{
    return (struct tls *)s;
}

/* The BIO: OpenSSL's view of the stream below. */

static int bio_read(BIO *b, char *p, size_t n, size_t *got)
{
    struct tls *t = BIO_get_data(b);
    long r = stream_read(t->below, p, n);

    BIO_clear_retry_flags(b);
    *got = r > 0 ? (size_t)r : 0;
    if (r == STREAM_AGAIN)
        BIO_set_retry_read(b);
    else if (r == STREAM_END)
        BIO_set_flags(b, BIO_FLAGS_IN_EOF);
    return r > 0;
}

static int bio_write(BIO *b, const char *p, size_t n, size_t *put)
{
    struct tls *t = BIO_get_data(b);
    bool ok = buf_add(&t->cipher, p, n);

    BIO_clear_retry_flags(b);
    *put = ok ? n : 0;
    return ok;
}

static long bio_ctrl(BIO *b, int what, long number, void *p)
{
    (void)number, (void)p;
    if (what == BIO_CTRL_EOF)
        return BIO_test_flags(b, BIO_FLAGS_IN_EOF) != 0;
    return what == BIO_CTRL_FLUSH;
}

static int bio_create(BIO *b)
{
    BIO_set_init(b, 1);
    return 1;
}

BIO_METHOD *tls_bio_method(void)
{
    BIO_METHOD *m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "postmuster stream");

    if (!m)
        return NULL;
    (void)BIO_meth_set_read_ex(m, bio_read);
    (void)BIO_meth_set_write_ex(m, bio_write);
    (void)BIO_meth_set_ctrl(m, bio_ctrl);
    (void)BIO_meth_set_create(m, bio_create);
    return m;
}

/* The filter. */

static void tell_soon(struct tls *t, unsigned what)
{
    t->tell |= what;
    timer_arm(t->s.loop, &t->again, t->s.loop->now_ns);
}

/* Hands ciphertext down as far as it is taken. What is refused for good shows when somebody reads or writes. */
static void cipher_flush(struct tls *t)
{
    if (t->muted)
        buf_clear(&t->cipher);
    while (t->cipher.n > 0 && !t->broke) {
        long put = stream_write(t->below, t->cipher.p, t->cipher.n);

        if (put == STREAM_BROKEN) {
            buf_clear(&t->cipher);
            t->broke = true;
            if (!t->s.error)
                t->s.error = stream_error(t->below);
        }
        if (put <= 0)
            return;
        buf_drop(&t->cipher, (size_t)put);
    }
}

static const char *failure_words(struct tls *t)
{
    long verdict = SSL_get_verify_result(t->ssl);
    const char *below = stream_error(t->below);

    if (*below)
        return below;
    if (verdict != X509_V_OK && !t->context->insecure && !t->context->server) {
        const char *host = SSL_get_servername(t->ssl, TLSEXT_NAMETYPE_host_name);

        (void)snprintf(t->why, sizeof t->why, "TLS: the certificate%s%.100s was refused: %s",
                       host ? " of " : "", host ? host : "",
                       X509_verify_cert_error_string(verdict));
    } else if (ERR_peek_last_error()) {
        (void)snprintf(t->why, sizeof t->why, "TLS: %s", tls_openssl_words());
    } else {
        (void)snprintf(t->why, sizeof t->why, "TLS: closed during the handshake");
    }
    return t->why;
}

static void tls_break(struct tls *t)
{
    if (!t->s.error)
        t->s.error = failure_words(t);
    cipher_flush(t); /* the alert that says why */
    t->broke = true;
}

static void read_ends(struct tls *t)
{
    t->read_over = true;
    stream_pause(t->below, true);
}

/* Goes on with the handshake: what to tell the owner. */
static unsigned shake(struct tls *t)
{
    ERR_clear_error();
    int r = SSL_do_handshake(t->ssl);
    int problem = r == 1 ? SSL_ERROR_NONE : SSL_get_error(t->ssl, r);

    cipher_flush(t);
    if (t->broke)
        return STREAM_READABLE;
    if (problem == SSL_ERROR_WANT_READ || problem == SSL_ERROR_WANT_WRITE)
        return 0;
    if (problem != SSL_ERROR_NONE) {
        tls_break(t);
        return STREAM_READABLE;
    }
    t->shaken = true;
    t->blocked = t->cipher.n > 0;
    t->s.local = t->below->local;
    if (t->paused)
        stream_pause(t->below, true);
    return (SSL_has_pending(t->ssl) ? STREAM_READABLE : 0) | (t->blocked ? 0 : STREAM_WRITABLE);
}

static void tls_finish(struct tls *t)
{
    timer_disarm(t->s.loop, &t->again);
    stream_close(t->below);
    t->below = NULL;
    t->closed = true;
    loop_node_bury(t->s.loop, &t->node);
}

static void tell_owner(struct tls *t, unsigned what)
{
    if (t->paused || t->read_over)
        what &= ~(unsigned)STREAM_READABLE;
    if (what)
        t->s.ready(&t->s, what);
}

static void below_ready(struct stream *below, unsigned what)
{
    struct tls *t = below->owner;
    unsigned tell = 0;

    if (what & STREAM_WRITABLE)
        cipher_flush(t);
    if (t->lingering) {
        if (t->cipher.n == 0 || t->broke)
            tls_finish(t);
        return;
    }
    if (t->broke)
        tell = STREAM_READABLE;
    else if (!t->shaken)
        tell = shake(t);
    else
        tell = what & STREAM_READABLE;
    if (t->blocked && (t->cipher.n == 0 || t->broke)) {
        t->blocked = false;
        tell |= STREAM_WRITABLE;
    }
    if (t->broke)
        stream_pause(below, true); /* told once; it does not go away by asking again */
    tell_owner(t, tell);
}

static void again_fires(struct timer *timer)
{
    struct tls *t = timer->owner;
    unsigned what = t->tell;

    if (t->lingering) {
        tls_finish(t);
        return;
    }
    t->tell = 0;
    tell_owner(t, what);
}

/* Decrypts what has come, as far as there is room; 0: nothing, and `problem` says why. What stopped it behind some octets
 * is told by the next read: nothing below would call for that. */
static size_t decrypt(struct tls *t, unsigned char *p, size_t n, int *problem)
{
    size_t all = 0, got;

    *problem = SSL_ERROR_NONE;
    do {
        if (SSL_read_ex(t->ssl, p + all, n - all, &got) == 1) {
            all += got;
            continue;
        }
        *problem = SSL_get_error(t->ssl, 0);
        break;
    } while (all < n && SSL_has_pending(t->ssl));
    if (all == 0 || *problem == SSL_ERROR_WANT_READ || *problem == SSL_ERROR_WANT_WRITE)
        return all;
    t->problem = *problem;
    if (*problem != SSL_ERROR_NONE && *problem != SSL_ERROR_ZERO_RETURN && !t->s.error)
        t->s.error = failure_words(t); /* OpenSSL's are gone by then */
    if (*problem != SSL_ERROR_NONE || SSL_has_pending(t->ssl))
        tell_soon(t, STREAM_READABLE);
    return all;
}

static long tls_read(struct stream *s, void *p, size_t n)
{
    struct tls *t = tls_of(s);
    int problem = SSL_ERROR_SSL;

    if (t->read_over)
        return s->error ? STREAM_BROKEN : STREAM_END;
    if (!t->shaken && !t->broke)
        return STREAM_AGAIN;
    ERR_clear_error();
    if (t->problem) {
        problem = t->problem;
    } else if (t->shaken) {
        size_t got = decrypt(t, p, n < LONG_MAX ? n : LONG_MAX, &problem);

        if (got > 0)
            return (long)got;
    }
    cipher_flush(t); /* answers to key updates and alerts */
    if (!t->broke && (problem == SSL_ERROR_WANT_READ || problem == SSL_ERROR_WANT_WRITE)) {
        t->tell &= STREAM_WRITABLE; /* all is read: nothing to tell but what comes */
        return STREAM_AGAIN;
    }
    if (problem != SSL_ERROR_ZERO_RETURN && !t->broke)
        tls_break(t);
    read_ends(t);
    return s->error ? STREAM_BROKEN : STREAM_END;
}

/* Gathers small pieces, so that a record holds as much as it can; what fills one by itself is not copied. */
static bool encrypt(struct tls *t, const struct iovec *iov, int count, size_t n)
{
    unsigned char record[RECORD_BYTES];
    size_t filled = 0, put, left = n;

    for (int i = 0; i < count && left > 0; i++) {
        const unsigned char *p = iov[i].iov_base;
        size_t here = iov[i].iov_len < left ? iov[i].iov_len : left;

        left -= here;
        while (here > 0) {
            size_t piece = here < sizeof record - filled ? here : sizeof record - filled;

            if (piece == sizeof record) {
                if (SSL_write_ex(t->ssl, p, piece, &put) != 1)
                    return false;
                p += piece;
                here -= piece;
                continue;
            }
            memcpy(record + filled, p, piece);
            filled += piece;
            p += piece;
            here -= piece;
            if (filled < sizeof record)
                continue;
            if (SSL_write_ex(t->ssl, record, filled, &put) != 1)
                return false;
            filled = 0;
        }
    }
    return filled == 0 || SSL_write_ex(t->ssl, record, filled, &put) == 1;
}

static long tls_write(struct stream *s, const struct iovec *iov, int count)
{
    struct tls *t = tls_of(s);
    size_t all = 0;

    for (int i = 0; i < count; i++)
        all += iov[i].iov_len;
    cipher_flush(t);
    if (t->broke)
        return STREAM_BROKEN;
    if (!t->shaken || t->cipher.n > 0) {
        t->blocked = true;
        return STREAM_AGAIN;
    }
    size_t n = all < PLAIN_AT_ONCE ? all : PLAIN_AT_ONCE;
    ERR_clear_error();
    if (n > 0 && !encrypt(t, iov, count, n)) {
        tls_break(t);
        return STREAM_BROKEN;
    }
    cipher_flush(t);
    if (n < all) {
        t->blocked = true;
        if (t->cipher.n == 0) /* room is there already, so nothing below will say so */
            tell_soon(t, STREAM_WRITABLE);
    }
    return (long)n;
}

static void tls_pause(struct stream *s, bool paused)
{
    struct tls *t = tls_of(s);

    t->paused = paused;
    if (t->read_over || (!t->shaken && !t->broke))
        return;
    if (!t->broke)
        stream_pause(t->below, paused);
    if (!paused && (t->broke || SSL_has_pending(t->ssl)))
        tell_soon(t, STREAM_READABLE);
}

static void tls_close(struct stream *s)
{
    struct tls *t = tls_of(s);

    s->ops = &stream_closed_ops;
    ERR_clear_error();
    if (t->shaken && !t->broke)
        (void)SSL_shutdown(t->ssl);
    ERR_clear_error();
    cipher_flush(t);
    if (t->cipher.n == 0 || t->broke) {
        tls_finish(t);
        return;
    }
    t->lingering = true;
    stream_pause(t->below, true);
    timer_arm(s->loop, &t->again, s->loop->now_ns + LINGER_NS);
}

static bool tls_owes(const struct stream *s)
{
    const struct tls *t = (const struct tls *)s;

    return t->cipher.n > 0 || stream_owes(t->below);
}

static void tls_mute(struct stream *s)
{
    tls_of(s)->muted = true;
    buf_clear(&tls_of(s)->cipher);
    stream_mute(tls_of(s)->below);
}

static const struct stream_ops tls_ops = {
    .read = tls_read,
    .write = tls_write,
    .pause = tls_pause,
    .close = tls_close,
    .owes = tls_owes,
    .mute = tls_mute,
};

static void tls_node_close(struct loop_node *n)
{
    struct tls *t = LOOP_HOLDER(n, struct tls, node);

    t->s.ops = &stream_closed_ops;
    tls_finish(t);
}

static void tls_node_release(struct loop_node *n)
{
    struct tls *t = LOOP_HOLDER(n, struct tls, node);

    SSL_free(t->ssl);
    buf_fini(&t->cipher);
    tls_context_release(t->context);
    free(t);
}

/* Whom a client expects at the other end; also said in the greeting (SNI) when it is a name. */
static bool expect_host(SSL *ssl, const char *host)
{
    unsigned char ip[16];
    X509_VERIFY_PARAM *param = SSL_get0_param(ssl);

    if (inet_pton(AF_INET, host, ip) == 1 || inet_pton(AF_INET6, host, ip) == 1)
        return X509_VERIFY_PARAM_set1_ip_asc(param, host) == 1;
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return SSL_set_tlsext_host_name(ssl, host) == 1 &&
           X509_VERIFY_PARAM_set1_host(param, host, 0) == 1;
}

int tls_session_came(SSL *ssl, SSL_SESSION *session)
{
    const struct tls *t = BIO_get_data(SSL_get_rbio(ssl));
    struct tls_context *c = t->context;

    if (!c->tickets || t->host != c->hosts)
        return 0;
    SSL_SESSION_free(c->session);
    c->session = session;
    return 1; /* it is ours now */
}

/* A session is one host's: another host has to show its certificate. */
static void offer_session(struct tls_context *c, struct tls *t, const char *host)
{
    if (strncmp(c->host, host ? host : "", TLS_HOST_MAX - 1) != 0) {
        (void)snprintf(c->host, sizeof c->host, "%s", host ? host : "");
        c->hosts++;
        SSL_SESSION_free(c->session);
        c->session = NULL;
    }
    t->host = c->hosts;
    if (c->session)
        (void)SSL_set_session(t->ssl, c->session);
}

static SSL *session_create(struct tls_context *c, struct tls *t, const char *host)
{
    SSL *ssl = SSL_new(c->ctx);
    BIO *bio = ssl ? BIO_new(c->method) : NULL;

    if (!bio || (!c->server && host && !expect_host(ssl, host))) {
        (void)BIO_free(bio);
        SSL_free(ssl);
        return NULL;
    }
    BIO_set_data(bio, t);
    SSL_set_bio(ssl, bio, bio);
    if (c->server)
        SSL_set_accept_state(ssl);
    else
        SSL_set_connect_state(ssl);
    return ssl;
}

struct stream *tls_wrap(struct tls_context *c, struct stream *below, const char *host,
                        struct err *e)
{
    if (!c->server && !c->insecure && !host) {
        (void)err_set(e, EX_BAD_PROFILE, "TLS: no host name to compare the certificate with");
        return NULL;
    }
    struct tls *t = calloc(1, sizeof *t);
    SSL *ssl = t ? session_create(c, t, host) : NULL;
    if (!ssl) {
        free(t);
        (void)err_set(e, EX_IO, "no TLS session: %s", tls_openssl_words());
        return NULL;
    }
    *t = (struct tls){.s = *below, .context = c, .below = below, .ssl = ssl};
    t->s.ops = &tls_ops;
    t->s.error = NULL;
    buf_init(&t->cipher, CIPHER_LIMIT);
    timer_init(&t->again, again_fires, t);
    t->node.close = tls_node_close;
    t->node.release = tls_node_release;
    loop_node_open(below->loop, &t->node);
    c->users++;
    if (!c->server)
        offer_session(c, t, host);
    below->ready = below_ready;
    below->owner = t;
    stream_pause(below, false);
    unsigned tell = shake(t);
    if (tell)
        tell_soon(t, tell);
    return &t->s;
}

const char *tls_version(const struct stream *s)
{
    return s->ops == &tls_ops ? SSL_get_version(((const struct tls *)s)->ssl) : NULL;
}

bool tls_was_resumed(const struct stream *s)
{
    return s->ops == &tls_ops && SSL_session_reused(((const struct tls *)s)->ssl) == 1;
}
