/* tls.h - OpenSSL as a filter over a stream, for STARTTLS and implicit TLS, client and server.
 *
 * tls_wrap() takes over a stream and gives a stream: same owner and ready as the one it took, which belongs to the
 * filter from then on. The handshake runs by itself; STREAM_WRITABLE tells that it is done. TLS 1.2 at least; clients
 * verify peer and host unless the context says otherwise. A BIO of ours reads and writes the stream below, so that it
 * works on either back end. Bytes that came before the handshake are the caller's business: it must have none left
 * (RFC 3207 section 4.2: what was read before STARTTLS is discarded).
 */
#ifndef BASE_TLS_H
#define BASE_TLS_H

#include "base/loop.h"

struct
    tls_context; /* shared by the streams of a thread; reference to certificate, trust and session cache */

struct tls_context *tls_client_create(const char *ca_file, bool insecure,
                                      struct err *e); /* ca_file NULL: system */
struct tls_context *tls_server_create(const char *cert_file, const char *key_file, struct err *e);
struct tls_context *tls_server_selfmade(const char *common_name,
                                        struct err *e); /* a fresh EC P-256 key and certificate */
/* Another one for another thread, with the same certificate and key; sessions of the one are resumed by the other. */
struct tls_context *tls_server_twin(const struct tls_context *of, struct err *e);
bool tls_write_cert(const struct tls_context *c, const char *path,
                    struct err *e); /* PEM, for clients to trust */
/* On when made. Clients keep the newest session that a server gives, and offer it to the next connection with that host;
 * servers give them, and resume. Off: every handshake is a full one. */
void tls_context_tickets(struct tls_context *c, bool on);
void tls_context_destroy(struct tls_context *c); /* NULL is fine */

struct stream *tls_wrap(struct tls_context *c, struct stream *below, const char *host,
                        struct err *e);          /* host: whom a client expects; NULL in a server */
const char *tls_version(const struct stream *s); /* "TLSv1.3"; NULL if s is no TLS stream */
bool tls_was_resumed(
    const struct stream *s); /* its handshake was short, by a session of an earlier connection */

/* OpenSSL is set up; false (EX_IO): it has no memory for it, and would crash when used. Once, before anything is done. */
bool tls_ready(struct err *e);

#endif
