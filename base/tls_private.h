/* tls_private.h - what tls.c (streams) and tls_context.c (contexts, certificates, sessions to offer) share. */
#ifndef BASE_TLS_PRIVATE_H
#define BASE_TLS_PRIVATE_H

#include <openssl/ssl.h>

#include "base/tls.h"

#define TLS_HOST_MAX 256

struct tls_context {
    SSL_CTX *ctx;
    BIO_METHOD *method;
    unsigned users; /* the creator and every stream */
    bool server, insecure;
    bool tickets;            /* sessions are kept, and offered */
    SSL_SESSION *session;    /* the newest; NULL: none */
    char host[TLS_HOST_MAX]; /* whom it was made with */
    unsigned hosts;          /* counts how often that changed */
};

/* tls_context.c */
/* Why the last call failed; until the next one in this thread. */
const char *tls_openssl_words(void);
void tls_context_release(struct tls_context *c);

/* tls.c */
BIO_METHOD *tls_bio_method(void); /* NULL: no memory */
/* For OpenSSL, which has got a session (a ticket) from the server of this connection. */
int tls_session_came(SSL *ssl, SSL_SESSION *session);

#endif
