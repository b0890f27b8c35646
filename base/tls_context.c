/* tls_context.c - what connections of one kind share: whom they trust, which certificate they show, which sessions they resume.
 *
 * OpenSSL is set up before anything rests on it: what it does later for want of memory is to crash. A certificate made here
 * takes names as data, never through OpenSSL's configuration syntax.
 */
#include <stdlib.h>

#include <arpa/inet.h>

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "base/tls.h"
#include "base/tls_private.h"

#define READ_AHEAD 65536      /* ciphertext fetched by one read */
#define BACKDATE_S 3600L      /* for clocks that lag */
#define VALID_S    315360000L /* ten years */

bool tls_ready(struct err *e)
{
    return (OPENSSL_init_crypto(0, NULL) && OSSL_LIB_CTX_get0_global_default()) ||
           err_set(e, EX_IO, "out of memory for OpenSSL");
}

const char *tls_openssl_words(void)
{
    unsigned long code = ERR_peek_last_error();
    const char *words = code ? ERR_reason_error_string(code) : NULL;

    ERR_clear_error();
    return words ? words : "unknown reason";
}

void tls_context_release(struct tls_context *c)
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
        tls_context_release(c);
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
    c->method = tls_bio_method();
    if (!c->ctx || !c->method) {
        (void)err_set(e, EX_IO, "no TLS: %s", tls_openssl_words());
        tls_context_release(c);
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
    SSL_CTX_sess_set_new_cb(c->ctx, tls_session_came);
    SSL_CTX_set_verify(c->ctx, insecure ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
    int ok = ca_file ? SSL_CTX_load_verify_file(c->ctx, ca_file)
                     : SSL_CTX_set_default_verify_paths(c->ctx);
    if (!ok && !insecure) {
        (void)err_set(e, EX_BAD_PROFILE, "%s: no trusted certificates: %s",
                      ca_file ? ca_file : "system trust", tls_openssl_words());
        tls_context_release(c);
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
        (void)err_set(e, EX_BAD_PROFILE, "%s: %s", blame, tls_openssl_words());
        tls_context_release(c);
        return NULL;
    }
    return c;
}

/* ---- a certificate made here ---- */

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
        (void)err_set(e, EX_IO, "no certificate for \"%s\": %s", common_name, tls_openssl_words());
        tls_context_release(c);
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
        (void)err_set(e, EX_IO, "no second TLS context: %s", tls_openssl_words());
        tls_context_release(c);
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
    return ok ||
           err_set(e, EX_IO, "%s: cannot write the certificate: %s", path, tls_openssl_words());
}
