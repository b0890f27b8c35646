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
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "base/bytes.h"
#include "base/loop_private.h"

#define PLAIN_AT_ONCE 65536 /* taken from the owner per write */
#define RECORD_BYTES  16384 /* gathered before SSL_write(): one record */
#define READ_AHEAD    65536 /* ciphertext fetched by one read */
#define HOST_MAX      256
#define CIPHER_LIMIT  262144 /* one write, its overhead, and whatever a handshake says */
#define LINGER_NS     (10 * NS_PER_S)
#define BACKDATE_S    3600L      /* for clocks that lag */
#define VALID_S       315360000L /* ten years */

struct tls_context {
    SSL_CTX *ctx;
    BIO_METHOD *method;
    unsigned users; /* the creator and every stream */
    bool server, insecure;
    bool tickets;         /* sessions are kept, and offered */
    SSL_SESSION *session; /* the newest; NULL: none */
    char host[HOST_MAX];  /* whom it was made with */
    unsigned hosts;       /* counts how often that changed */
};

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

static BIO_METHOD *bio_method(void)
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

/* Contexts. */

static const char *openssl_words(void)
{
    unsigned long code = ERR_peek_last_error();
    const char *words = code ? ERR_reason_error_string(code) : NULL;

    ERR_clear_error();
    return words ? words : "unknown reason";
}

static void context_release(struct tls_context *c)
{
    if (--c->users > 0)
        return;
    SSL_SESSION_free(c->session);
    SSL_CTX_free(c->ctx);
    BIO_meth_free(c->method);
    free(c);
}

void tls_context_destroy(struct tls_context *c)
{
    if (c)
        context_release(c);
}

static struct tls_context *context_create(bool server, struct err *e)
{
    struct tls_context *c = calloc(1, sizeof *c);

    if (!c) {
        (void)err_set(e, EX_IO, "no memory for TLS");
        return NULL;
    }
    c->users = 1;
    c->server = server;
    c->ctx = SSL_CTX_new(server ? TLS_server_method() : TLS_client_method());
    c->method = bio_method();
    if (!c->ctx || !c->method) {
        (void)err_set(e, EX_IO, "no TLS: %s", openssl_words());
        context_release(c);
        return NULL;
    }
    (void)SSL_CTX_set_min_proto_version(c->ctx, TLS1_2_VERSION);
    (void)SSL_CTX_set_mode(c->ctx,
                           SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    /* Mail has ends of its own (QUIT, the final dot): a missing close_notify is an end like any other. */
    (void)SSL_CTX_set_options(c->ctx, SSL_OP_IGNORE_UNEXPECTED_EOF | SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_read_ahead(c->ctx, 1);
    SSL_CTX_set_default_read_buffer_len(c->ctx, READ_AHEAD);
    return c;
}

/* OpenSSL has got a session (a ticket) from the server of this connection. */
static int session_came(SSL *ssl, SSL_SESSION *session)
{
    const struct tls *t = BIO_get_data(SSL_get_rbio(ssl));
    struct tls_context *c = t->context;

    if (!c->tickets || t->host != c->hosts)
        return 0;
    SSL_SESSION_free(c->session);
    c->session = session;
    return 1; /* it is ours now */
}

void tls_context_tickets(struct tls_context *c, bool on)
{
    c->tickets = on;
    if (c->server) { /* without a cache, sessions live in tickets alone */
        (void)SSL_CTX_set_num_tickets(c->ctx, on ? 2 : 0);
        (void)(on ? SSL_CTX_clear_options(c->ctx, SSL_OP_NO_TICKET)
                  : SSL_CTX_set_options(c->ctx, SSL_OP_NO_TICKET));
        (void)SSL_CTX_set_session_cache_mode(c->ctx, SSL_SESS_CACHE_OFF);
    } else if (!on) {
        SSL_SESSION_free(c->session);
        c->session = NULL;
    }
}

struct tls_context *tls_client_create(const char *ca_file, bool insecure, struct err *e)
{
    struct tls_context *c = context_create(false, e);

    if (!c)
        return NULL;
    c->insecure = insecure;
    c->tickets = true;
    (void)SSL_CTX_set_session_cache_mode(c->ctx,
                                         SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(c->ctx, session_came);
    SSL_CTX_set_verify(c->ctx, insecure ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
    int ok = ca_file ? SSL_CTX_load_verify_file(c->ctx, ca_file)
                     : SSL_CTX_set_default_verify_paths(c->ctx);
    if (!ok && !insecure) {
        (void)err_set(e, EX_BAD_PROFILE, "%s: no trusted certificates: %s",
                      ca_file ? ca_file : "system trust", openssl_words());
        context_release(c);
        return NULL;
    }
    ERR_clear_error();
    return c;
}

struct tls_context *tls_server_create(const char *cert_file, const char *key_file, struct err *e)
{
    struct tls_context *c = context_create(true, e);
    const char *blame = cert_file;

    if (!c)
        return NULL;
    bool ok = SSL_CTX_use_certificate_chain_file(c->ctx, cert_file) == 1;
    if (ok) {
        blame = key_file;
        ok = SSL_CTX_use_PrivateKey_file(c->ctx, key_file, SSL_FILETYPE_PEM) == 1 &&
             SSL_CTX_check_private_key(c->ctx) == 1;
    }
    if (!ok) {
        (void)err_set(e, EX_BAD_PROFILE, "%s: %s", blame, openssl_words());
        context_release(c);
        return NULL;
    }
    return c;
}

/* A certificate made here: names as data, never through OpenSSL's configuration syntax. */

static bool names_add(GENERAL_NAMES *names, int type, void *value)
{
    GENERAL_NAME *name = value ? GENERAL_NAME_new() : NULL;

    if (!name)
        return false;
    GENERAL_NAME_set0_value(name, type, value);
    if (sk_GENERAL_NAME_push(names, name) > 0)
        return true;
    GENERAL_NAME_free(name);
    return false;
}

static bool cert_add_names(X509 *cert, const char *host)
{
    unsigned char ip[16];
    int ip_bytes = inet_pton(AF_INET, host, ip) == 1    ? 4
                   : inet_pton(AF_INET6, host, ip) == 1 ? 16
                                                        : 0;
    GENERAL_NAMES *names = sk_GENERAL_NAME_new_null();
    ASN1_IA5STRING *dns = ASN1_IA5STRING_new();
    bool ok = names && dns && ASN1_STRING_set(dns, host, -1) && names_add(names, GEN_DNS, dns);

    if (ok && ip_bytes > 0) {
        ASN1_OCTET_STRING *octets = ASN1_OCTET_STRING_new();

        ok = octets && ASN1_OCTET_STRING_set(octets, ip, ip_bytes) &&
             names_add(names, GEN_IPADD, octets);
    }
    ok = ok && X509_add1_ext_i2d(cert, NID_subject_alt_name, names, 0, X509V3_ADD_DEFAULT) == 1;
    sk_GENERAL_NAME_pop_free(names, GENERAL_NAME_free);
    return ok;
}

static bool cert_fill(X509 *cert, EVP_PKEY *key, const char *host)
{
    unsigned char serial[8];
    X509_NAME *name = X509_get_subject_name(cert);
    BIGNUM *number = NULL;
    bool ok = RAND_bytes(serial, sizeof serial) == 1;

    serial[0] = (serial[0] & 0x7f) | 1;
    number = BN_bin2bn(serial, sizeof serial, NULL);
    ok = ok && number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(cert)) &&
         X509_set_version(cert, X509_VERSION_3) == 1 &&
         X509_gmtime_adj(X509_getm_notBefore(cert), -BACKDATE_S) &&
         X509_gmtime_adj(X509_getm_notAfter(cert), VALID_S) &&
         X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)host, -1, -1,
                                    0) == 1 &&
         X509_set_issuer_name(cert, name) == 1 && X509_set_pubkey(cert, key) == 1 &&
         cert_add_names(cert, host) && X509_sign(cert, key, EVP_sha256()) > 0;
    BN_free(number);
    return ok;
}

struct tls_context *tls_server_selfmade(const char *common_name, struct err *e)
{
    struct tls_context *c = context_create(true, e);
    EVP_PKEY *key = c ? EVP_EC_gen("P-256") : NULL;
    X509 *cert = key ? X509_new() : NULL;
    bool ok = cert && cert_fill(cert, key, common_name) &&
              SSL_CTX_use_certificate(c->ctx, cert) == 1 &&
              SSL_CTX_use_PrivateKey(c->ctx, key) == 1;

    X509_free(cert);
    EVP_PKEY_free(key);
    if (c && !ok) {
        (void)err_set(e, EX_IO, "no certificate for \"%s\": %s", common_name, openssl_words());
        context_release(c);
        return NULL;
    }
    return c;
}

/* What tickets are made with, so that whoever made one, all can read it. */
static bool same_tickets(SSL_CTX *of, SSL_CTX *to)
{
    unsigned char keys[256];
    long n = SSL_CTX_get_tlsext_ticket_keys(of, NULL, 0);
    bool ok = n > 0 && n <= (long)sizeof keys && SSL_CTX_get_tlsext_ticket_keys(of, keys, n) == 1 &&
              SSL_CTX_set_tlsext_ticket_keys(to, keys, n) == 1;

    OPENSSL_cleanse(keys, sizeof keys);
    return ok;
}

struct tls_context *tls_server_twin(const struct tls_context *of, struct err *e)
{
    struct tls_context *c = context_create(true, e);
    STACK_OF(X509) *chain = NULL;

    if (!c)
        return NULL;
    bool ok = SSL_CTX_use_certificate(c->ctx, SSL_CTX_get0_certificate(of->ctx)) == 1 &&
              SSL_CTX_get0_chain_certs(of->ctx, &chain) == 1 &&
              (!chain || SSL_CTX_set1_chain(c->ctx, chain) == 1) &&
              SSL_CTX_use_PrivateKey(c->ctx, SSL_CTX_get0_privatekey(of->ctx)) == 1 &&
              same_tickets(of->ctx, c->ctx);

    if (!ok) {
        (void)err_set(e, EX_IO, "no second TLS context: %s", openssl_words());
        context_release(c);
        return NULL;
    }
    return c;
}

bool tls_write_cert(const struct tls_context *c, const char *path, struct err *e)
{
    X509 *cert = SSL_CTX_get0_certificate(c->ctx);
    BIO *out = cert ? BIO_new_file(path, "w") : NULL;
    bool ok = out && PEM_write_bio_X509(out, cert) == 1 && BIO_flush(out) == 1;

    (void)BIO_free(out);
    return ok || err_set(e, EX_IO, "%s: cannot write the certificate: %s", path, openssl_words());
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
        (void)snprintf(t->why, sizeof t->why, "TLS: %s", openssl_words());
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
    context_release(t->context);
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

/* A session is one host's: another host has to show its certificate. */
static void offer_session(struct tls_context *c, struct tls *t, const char *host)
{
    if (strncmp(c->host, host ? host : "", HOST_MAX - 1) != 0) {
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
        (void)err_set(e, EX_IO, "no TLS session: %s", openssl_words());
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
