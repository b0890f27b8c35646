/* test_tls.c - TLS over a stream on both back ends, and over sockets against OpenSSL's own client and server. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <netinet/in.h>
#include <sys/socket.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "base/clock.h"
#include "base/thread.h"
#include "base/tls.h"
#include "tests/base/peers.h"
#include "tests/support/check.h"
#include "tests/support/scratch.h"

#define MEGA 1000000

/* A connection between two peers, and the contexts that TLS is laid over it with. */
struct lane {
    struct loop *loop;
    struct peer client, server;
    struct tls_context *at_client, *at_server;
    char ca[512];
};

static const char *write_ca(const struct tls_context *c, char path[512])
{
    struct err e = {0};

    (void)snprintf(path, 512, "%s/ca.pem", scratch_dir("tls"));
    CHECK(tls_write_cert(c, path, &e));
    return path;
}

static bool lane_open(struct lane *a, struct loop *l, const char *name, bool trust)
{
    struct err e = {0};

    *a = (struct lane){.loop = l};
    a->at_server = tls_server_selfmade(name, &e);
    if (!CHECK(a->at_server))
        return false;
    a->at_client = tls_client_create(trust ? write_ca(a->at_server, a->ca) : NULL, !trust, &e);
    return CHECK(a->at_client) && CHECK(peers_meet(l, &a->client, &a->server));
}

static void lane_wrap(struct lane *a, const char *host)
{
    struct err e = {0};

    a->server.s = tls_wrap(a->at_server, a->server.s, NULL, &e);
    a->client.s = tls_wrap(a->at_client, a->client.s, host, &e);
    CHECK(a->server.s && a->client.s);
}

static void lane_close(struct lane *a)
{
    peer_fini(&a->client);
    peer_fini(&a->server);
    tls_context_destroy(a->at_client);
    tls_context_destroy(a->at_server);
}

static void on_each(void (*check)(struct loop *l))
{
    for (const struct back_end *b = back_ends; b->name; b++) {
        struct err e = {0};
        struct loop *l = b->create(&e);

        if (CHECK(l))
            check(l);
        loop_destroy(l);
    }
}

static void check_megabytes(struct loop *l)
{
    static unsigned char up[MEGA], down[MEGA];
    struct lane a;

    fill_pattern(up, MEGA, 1);
    fill_pattern(down, MEGA, 2);
    if (!lane_open(&a, l, "mail.example.com", true))
        return;
    lane_wrap(&a, "mail.example.com");
    peer_give(&a.client, up, MEGA);
    peer_give(&a.server, down, MEGA);
    for (int i = 0; i < 200 && (a.client.got.n < MEGA || a.server.got.n < MEGA); i++)
        run_for(l, 20 * NS_PER_MS);
    CHECK_MEM(a.server.got.p, a.server.got.n, up, MEGA);
    CHECK_MEM(a.client.got.p, a.client.got.n, down, MEGA);
    CHECK_STR(tls_version(a.client.s), "TLSv1.3");
    CHECK_STR(tls_version(a.server.s), "TLSv1.3");
    peer_hang_up(&a.client);
    run_for(l, 20 * NS_PER_MS);
    CHECK(a.server.ended);
    CHECK(!a.server.broken);
    lane_close(&a);
}

static void a_megabyte_goes_each_way_and_then_the_end(void)
{
    on_each(check_megabytes);
}

static void check_wrong_host(struct loop *l)
{
    struct lane a;

    if (!lane_open(&a, l, "mail.example.com", true))
        return;
    lane_wrap(&a, "other.example.com");
    peer_give(&a.client, "secret", 6);
    run_for(l, 50 * NS_PER_MS);
    CHECK(a.client.broken);
    CHECK_HAS(a.client.error, "other.example.com");
    CHECK_HAS(a.client.error, "hostname mismatch");
    CHECK(a.server.broken);
    CHECK_HAS(a.server.error, "TLS: ");
    CHECK_U64(a.server.got.n, 0);
    unsigned calls = a.client.readable;
    run_for(l, 50 * NS_PER_MS);
    CHECK_U64(a.client.readable, calls); /* told once */
    lane_close(&a);
}

static void a_certificate_for_another_host_is_refused(void)
{
    on_each(check_wrong_host);
}

static void check_ip_host(struct loop *l)
{
    struct lane a;

    if (!lane_open(&a, l, "127.0.0.1", true))
        return;
    lane_wrap(&a, "127.0.0.1");
    peer_give(&a.client, "hello", 5);
    run_for(l, 50 * NS_PER_MS);
    CHECK_MEM(a.server.got.p, a.server.got.n, "hello", 5);
    lane_close(&a);
    if (!lane_open(&a, l, "127.0.0.1", true))
        return;
    lane_wrap(&a, "127.0.0.2");
    run_for(l, 50 * NS_PER_MS);
    CHECK(a.client.broken);
    CHECK_HAS(a.client.error, "IP address mismatch");
    lane_close(&a);
}

static void an_address_is_a_host_name_too(void)
{
    on_each(check_ip_host);
}

static void check_untrusted(struct loop *l)
{
    struct lane a;
    struct err e = {0};
    struct tls_context *another = tls_server_selfmade("mail.example.com", &e);

    if (!lane_open(&a, l, "mail.example.com", true) || !CHECK(another))
        return;
    tls_context_destroy(a.at_client); /* trusts another certificate of the same name */
    a.at_client = tls_client_create(write_ca(another, a.ca), false, &e);
    CHECK(a.at_client);
    lane_wrap(&a, "mail.example.com");
    run_for(l, 50 * NS_PER_MS);
    CHECK(a.client.broken);
    CHECK_HAS(a.client.error, "certificate");
    CHECK(!a.client.writable);
    lane_close(&a);
    tls_context_destroy(another);
}

static void an_untrusted_certificate_is_refused(void)
{
    on_each(check_untrusted);
}

static void check_insecure(struct loop *l)
{
    struct lane a;

    if (!lane_open(&a, l, "mail.example.com", false))
        return;
    lane_wrap(&a, "anything.example.com");
    peer_give(&a.client, "hello", 5);
    run_for(l, 50 * NS_PER_MS);
    CHECK_MEM(a.server.got.p, a.server.got.n, "hello", 5);
    CHECK_U64(a.client.writable, 1);
    lane_close(&a);
}

static void an_insecure_client_takes_any_certificate(void)
{
    on_each(check_insecure);
}

/* STARTTLS: plain talk first, the filter laid over the stream from inside its own handler. */

static void start_at_server(struct peer *p)
{
    struct lane *a = p->owner;

    if (tls_version(p->s) || p->got.n < 10)
        return;
    buf_clear(&p->got);
    peer_give(p, "220 go\r\n", 8);
    p->s = tls_wrap(a->at_server, p->s, NULL, NULL);
}

static void start_at_client(struct peer *p)
{
    struct lane *a = p->owner;

    if (tls_version(p->s) || p->got.n < 8)
        return;
    buf_clear(&p->got);
    p->s = tls_wrap(a->at_client, p->s, "mail.example.com", NULL);
    peer_give(p, "EHLO again\r\n", 12);
}

static void check_starttls(struct loop *l)
{
    struct lane a;

    if (!lane_open(&a, l, "mail.example.com", true))
        return;
    a.client.owner = a.server.owner = &a;
    a.client.seen = start_at_client;
    a.server.seen = start_at_server;
    a.server.echo = false;
    peer_give(&a.client, "STARTTLS\r\n", 10);
    run_for(l, 100 * NS_PER_MS);
    CHECK_MEM(a.server.got.p, a.server.got.n, "EHLO again\r\n", 12);
    CHECK(tls_version(a.client.s));
    peer_give(&a.server, "250 hello\r\n", 11);
    run_for(l, 50 * NS_PER_MS);
    CHECK_MEM(a.client.got.p, a.client.got.n, "250 hello\r\n", 11);
    lane_close(&a);
}

static void starttls_in_the_middle_of_a_conversation(void)
{
    on_each(check_starttls);
}

static void check_small_reads(struct loop *l)
{
    static unsigned char block[5000];
    struct lane a;

    fill_pattern(block, sizeof block, 5);
    if (!lane_open(&a, l, "mail.example.com", true))
        return;
    a.server.piece = 7; /* one read a call; the rest sits inside OpenSSL, invisible on the wire */
    lane_wrap(&a, "mail.example.com");
    peer_give(&a.client, block, sizeof block);
    run_for(l, 200 * NS_PER_MS);
    CHECK_MEM(a.server.got.p, a.server.got.n, block, sizeof block);
    stream_pause(a.server.s, true);
    unsigned calls = a.server.readable;
    peer_give(&a.client, "more", 4);
    run_for(l, 20 * NS_PER_MS);
    CHECK_U64(a.server.readable, calls);
    stream_pause(a.server.s, false);
    run_for(l, 20 * NS_PER_MS);
    CHECK_U64(a.server.got.n, sizeof block + 4);
    lane_close(&a);
}

static void what_openssl_holds_is_told_again(void)
{
    on_each(check_small_reads);
}

static void pause_after_first(struct peer *p)
{
    if (p->readable == 1)
        stream_pause(p->s, true);
}

static void check_pause_with_rest(struct loop *l)
{
    struct lane a;

    if (!lane_open(&a, l, "mail.example.com", true))
        return;
    a.server.piece = 4;
    a.server.seen = pause_after_first;
    lane_wrap(&a, "mail.example.com");
    peer_give(&a.client, "first rest", 10);
    run_for(l, 50 * NS_PER_MS);
    CHECK_MEM(a.server.got.p, a.server.got.n, "firs", 4);
    a.server.seen = NULL;
    stream_pause(a.server.s, false);
    run_for(l, 50 * NS_PER_MS);
    CHECK_MEM(a.server.got.p, a.server.got.n, "first rest", 10);
    lane_close(&a);
}

static void a_pause_holds_back_what_is_decrypted_already(void)
{
    on_each(check_pause_with_rest);
}

static void check_linger(struct loop *l)
{
    static unsigned char block[MEGA];
    struct lane a;

    fill_pattern(block, sizeof block, 6);
    if (!lane_open(&a, l, "mail.example.com", true))
        return;
    lane_wrap(&a, "mail.example.com");
    run_for(l, 50 * NS_PER_MS);
    stream_pause(a.server.s, true);
    a.client.close_when_given = true; /* closes with ciphertext that nobody takes yet */
    peer_give(&a.client, block, sizeof block);
    run_for(l, 50 * NS_PER_MS);
    stream_pause(a.server.s, false);
    run_for(l, 500 * NS_PER_MS);
    CHECK(!a.client.s);
    CHECK_MEM(a.server.got.p, a.server.got.n, block, sizeof block);
    CHECK(a.server.ended);
    lane_close(&a);
}

static void what_was_written_before_a_close_still_arrives(void)
{
    on_each(check_linger);
}

static void check_linger_ends(struct loop *l)
{
    static unsigned char block[65536];
    struct lane a;

    if (!lane_open(&a, l, "mail.example.com", true))
        return;
    lane_wrap(&a, "mail.example.com");
    run_for(l, 50 * NS_PER_MS);
    stream_pause(a.server.s, true);
    for (int quiet = 0; quiet < 3; quiet++)
        while (stream_write(a.client.s, block, sizeof block) > 0)
            run_for(l, NS_PER_MS);
    peer_hang_up(&a.client); /* lingers; the loop's end takes it along */
    if (loop_is_simulated(l)) {
        run_for(l, 11 * NS_PER_S); /* gives up after ten seconds */
        stream_pause(a.server.s, false);
        run_for(l, NS_PER_S);
        CHECK(a.server.ended);
    }
    CHECK(a.server.got.n == 0 || a.server.ended);
    lane_close(&a);
}

static void a_peer_that_never_reads_does_not_keep_us_for_ever(void)
{
    on_each(check_linger_ends);
}

static void check_plain_peer(struct loop *l)
{
    struct lane a;

    if (!lane_open(&a, l, "mail.example.com", true))
        return;
    a.client.s = tls_wrap(a.at_client, a.client.s, "mail.example.com", NULL);
    peer_give(&a.server, "220 mail.example.com ESMTP\r\n", 28);
    run_for(l, 50 * NS_PER_MS);
    CHECK(a.client.broken);
    CHECK_HAS(a.client.error, "wrong version number");
    CHECK_I64(stream_write(a.client.s, "x", 1), STREAM_BROKEN);
    lane_close(&a);
}

static void a_peer_that_speaks_no_tls_is_broken(void)
{
    on_each(check_plain_peer);
}

/* What breaks a connection comes in one read with octets that are fine. */
static void check_late_noise(struct loop *l)
{
    struct lane a;

    if (!lane_open(&a, l, "mail.example.com", true))
        return;
    struct stream *below = a.server.s;
    lane_wrap(&a, "mail.example.com");
    run_for(l, 50 * NS_PER_MS);
    peer_give(&a.server, "220 hello\r\n", 11);
    CHECK_I64(stream_write(below, "221 no TLS any more\r\n", 21), 21);
    run_for(l, 50 * NS_PER_MS);
    CHECK_MEM(a.client.got.p, a.client.got.n, "220 hello\r\n", 11);
    CHECK(a.client.broken);
    CHECK_HAS(a.client.error, "wrong version number");
    lane_close(&a);
}

static void noise_behind_good_octets_is_told_after_them_in_openssl_s_words(void)
{
    on_each(check_late_noise);
}

static void check_hang_up(struct loop *l)
{
    struct lane a;

    if (!lane_open(&a, l, "mail.example.com", true))
        return;
    a.client.s = tls_wrap(a.at_client, a.client.s, "mail.example.com", NULL);
    run_for(l, 20 * NS_PER_MS);
    CHECK(a.server.got.n > 0); /* the greeting of TLS, as plain bytes */
    peer_hang_up(&a.server);
    run_for(l, 50 * NS_PER_MS);
    CHECK(a.client.broken);
    CHECK_HAS(a.client.error, "TLS: ");
    lane_close(&a);
}

static void an_end_during_the_handshake_is_broken(void)
{
    on_each(check_hang_up);
}

static void check_connecting(struct loop *l)
{
    struct guard g = {0};
    struct err e = {0};
    struct net_addr at = local_addr(0);
    struct tls_context *c = tls_client_create(NULL, true, &e);
    struct peer client;

    struct listener *door = loop_listen(l, &at, peer_accept, NULL, &e);
    if (!CHECK(door) || !CHECK(c))
        return;
    at = listener_addr(door);
    listener_close(door);
    peer_init(&client, l);
    client.s = loop_connect(l, &g, &at, peer_ready, &client, &e);
    client.s = tls_wrap(c, client.s, NULL, &e);
    tls_context_destroy(c); /* the stream keeps what it needs */
    CHECK(client.s);
    CHECK_I64(stream_write(client.s, "x", 1), STREAM_AGAIN);
    run_for(l, 50 * NS_PER_MS);
    CHECK(client.broken);
    CHECK_STR(client.error, "connection refused");
    peer_fini(&client);
}

static void a_refused_connection_says_so_through_tls(void)
{
    on_each(check_connecting);
}

static void hang_up_when_read(struct peer *p)
{
    if (p->got.n > 0)
        peer_hang_up(p);
}

static void check_close_in_handler(struct loop *l)
{
    struct lane a;

    if (!lane_open(&a, l, "mail.example.com", true))
        return;
    a.server.seen = hang_up_when_read;
    lane_wrap(&a, "mail.example.com");
    peer_give(&a.client, "QUIT\r\n", 6);
    run_for(l, 50 * NS_PER_MS);
    CHECK(!a.server.s);
    CHECK(a.client.ended);
    lane_close(&a);
}

static void a_handler_may_close_its_tls_stream(void)
{
    on_each(check_close_in_handler);
}

static void check_destroy_open(struct loop *l)
{
    static struct lane a;

    if (!lane_open(&a, l, "mail.example.com", true))
        return;
    lane_wrap(&a, "mail.example.com");
    run_for(l, 2 * NS_PER_MS);
    CHECK(a.client.s && a.server.s);
    buf_fini(&a.client.got);
    buf_fini(&a.server.got);
    tls_context_destroy(a.at_client);
    tls_context_destroy(a.at_server);
}

static void destroying_a_loop_closes_its_tls_streams(void)
{
    on_each(check_destroy_open); /* AddressSanitizer's leak check is the witness */
}

static void bad_files_are_errors_that_name_the_file(void)
{
    struct err e = {0};
    const char *path = scratch_file(scratch_dir("tls_bad"), "bad.pem", "this is no certificate\n");

    CHECK(!tls_client_create("/no/such/file.pem", false, &e));
    CHECK_HAS(e.text, "/no/such/file.pem");
    CHECK_I64(e.code, EX_BAD_PROFILE);
    CHECK(!tls_client_create(path, false, &e));
    CHECK_HAS(e.text, "bad.pem");
    CHECK(!tls_server_create(path, path, &e));
    CHECK_HAS(e.text, "bad.pem");
    struct tls_context *c = tls_server_selfmade("x", &e);
    CHECK(!tls_write_cert(c, "/no/such/folder/cert.pem", &e));
    CHECK_I64(e.code, EX_IO);
    tls_context_destroy(c);
    tls_context_destroy(NULL);
}

static void a_verifying_client_needs_a_host(void)
{
    struct loop *l = back_ends[1].create(NULL);
    struct tls_context *c = tls_client_create(NULL, false, NULL);
    struct peer client, server;
    struct err e = {0};

    if (!CHECK(c) || !CHECK(peers_meet(l, &client, &server)))
        return;
    CHECK(!tls_wrap(c, client.s, NULL, &e));
    CHECK_HAS(e.text, "no host name");
    CHECK(!tls_version(client.s)); /* still the caller's, still plain */
    peer_fini(&client);
    peer_fini(&server);
    tls_context_destroy(c);
    loop_destroy(l);
}

/* Witnesses: OpenSSL's own client and server on a blocking socket in a thread of their own. */

struct witness {
    const char *ca, *cert, *key;
    int max_version;
    uint16_t port;
    int listener;
    bool shaken;
    size_t echoed;
    bool same;
    char version[20];
};

static int witness_connect(uint16_t port)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return connect(fd, (struct sockaddr *)&in, sizeof in) == 0 ? fd : -1;
}

static bool witness_echo(SSL *ssl, struct witness *w)
{
    static unsigned char sent[MEGA], got[MEGA];
    size_t n = 0;

    fill_pattern(sent, MEGA, 77);
    for (size_t put = 0; put < MEGA; put += 10000) {
        if (SSL_write(ssl, sent + put, 10000) != 10000)
            return false;
        for (size_t want = put + 10000; n < want;) {
            int r = SSL_read(ssl, got + n, (int)(want - n));

            if (r <= 0)
                return false;
            n += (size_t)r;
        }
    }
    w->echoed = n;
    return memcmp(sent, got, MEGA) == 0;
}

static void witness_client(void *owner)
{
    struct witness *w = owner;
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    int fd = witness_connect(w->port);

    (void)SSL_CTX_load_verify_file(ctx, w->ca);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    if (w->max_version == TLS1_1_VERSION)
        SSL_CTX_set_security_level(ctx, 0); /* else it would not even try */
    (void)SSL_CTX_set_max_proto_version(ctx, w->max_version);
    SSL *ssl = SSL_new(ctx);
    (void)SSL_set1_host(ssl, "mail.example.com");
    (void)SSL_set_fd(ssl, fd);
    w->shaken = SSL_connect(ssl) == 1;
    (void)snprintf(w->version, sizeof w->version, "%s", SSL_get_version(ssl));
    w->same = w->shaken && witness_echo(ssl, w);
    (void)SSL_shutdown(ssl);
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    (void)close(fd);
}

static void accept_wrapped(void *owner, struct stream *s)
{
    struct peer *p = owner;

    peer_take(p, s);
    p->s = tls_wrap(p->owner, s, NULL, NULL);
}

static void witness_against_our_server(int max_version, struct witness *w, struct peer *server)
{
    struct loop *l = loop_epoll_create(NULL);
    struct tls_context *c = tls_server_selfmade("mail.example.com", NULL);
    struct net_addr at = local_addr(0);
    char ca[512];

    peer_init(server, l);
    server->echo = true;
    server->stop_at_end = true;
    server->owner = c;
    struct listener *door = loop_listen(l, &at, accept_wrapped, server, NULL);
    *w = (struct witness){
        .ca = write_ca(c, ca), .max_version = max_version, .port = listener_addr(door).port};
    struct thread *t = thread_start("witness", witness_client, w, NULL);
    run_for(l, 10 * NS_PER_S);
    peer_hang_up(server);
    run_for(l, NS_PER_MS);
    thread_join(t);
    peer_fini(server);
    tls_context_destroy(c);
    loop_destroy(l);
}

static void openssl_as_a_client_talks_to_our_server(void)
{
    static const int versions[] = {TLS1_3_VERSION, TLS1_2_VERSION};
    static const char *const names[] = {"TLSv1.3", "TLSv1.2"};

    for (int i = 0; i < 2; i++) {
        struct witness w;
        struct peer server;

        witness_against_our_server(versions[i], &w, &server);
        CHECK(w.shaken);
        CHECK(w.same);
        CHECK_U64(w.echoed, MEGA);
        CHECK_STR(w.version, names[i]);
        CHECK(server.ended);
    }
}

static void an_old_version_of_tls_is_refused(void)
{
    struct witness w;
    struct peer server;

    witness_against_our_server(TLS1_1_VERSION, &w, &server);
    CHECK(!w.shaken);
    CHECK(server.broken);
    CHECK_HAS(server.error, "unsupported protocol");
}

static void witness_server(void *owner)
{
    struct witness *w = owner;
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    int fd = accept(w->listener, NULL, NULL);
    char line[100];

    (void)SSL_CTX_use_certificate_chain_file(ctx, w->cert);
    (void)SSL_CTX_use_PrivateKey_file(ctx, w->key, SSL_FILETYPE_PEM);
    SSL *ssl = SSL_new(ctx);
    (void)SSL_set_fd(ssl, fd);
    w->shaken = SSL_accept(ssl) == 1;
    for (int n; w->shaken && (n = SSL_read(ssl, line, sizeof line)) > 0;) {
        w->echoed += (size_t)n;
        (void)SSL_write(ssl, line, n);
    }
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    (void)close(fd); /* without close_notify, as many do: an end all the same */
}

/* Certificate and key in PEM, made by `openssl req`; false where there is no such command. */
static bool make_pair(char cert[512], char key[512])
{
    const char *dir = scratch_dir("tls_pair");
    char command[2048];

    (void)snprintf(cert, 512, "%s/cert.pem", dir);
    (void)snprintf(key, 512, "%s/key.pem", dir);
    (void)snprintf(command, sizeof command,
                   "openssl req -x509 -newkey rsa:2048 -nodes -keyout '%s' -out '%s' -days 30 "
                   "-subj /CN=witness -addext subjectAltName=DNS:witness.example.com 2>/dev/null",
                   key, cert);
    return system(command) == 0; /* NOLINT(cert-env33-c): a test's own fixed command */
}

static void our_client_talks_to_openssl_as_a_server(void)
{
    struct loop *l = loop_epoll_create(NULL);
    struct guard g = {0};
    char cert[512], key[512];
    struct sockaddr_in in = {.sin_family = AF_INET};
    socklen_t n = sizeof in;
    struct witness w = {.cert = cert, .key = key, .listener = socket(AF_INET, SOCK_STREAM, 0)};
    struct peer client;

    if (!CHECK(make_pair(cert, key)))
        return;
    in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK(bind(w.listener, (struct sockaddr *)&in, sizeof in) == 0 && listen(w.listener, 1) == 0);
    (void)getsockname(w.listener, (struct sockaddr *)&in, &n);
    struct thread *t = thread_start("witness", witness_server, &w, NULL);
    struct net_addr at = local_addr(ntohs(in.sin_port));
    struct tls_context *c = tls_client_create(cert, false, NULL);
    peer_init(&client, l);
    client.s = loop_connect(l, &g, &at, peer_ready, &client, NULL);
    client.s = tls_wrap(c, client.s, "witness.example.com", NULL);
    peer_give(&client, "over to you", 11);
    for (int i = 0; i < 100 && client.got.n < 11; i++)
        run_for(l, 10 * NS_PER_MS);
    CHECK_MEM(client.got.p, client.got.n, "over to you", 11);
    peer_hang_up(&client);
    run_for(l, NS_PER_MS);
    thread_join(t);
    CHECK(w.shaken);
    CHECK_U64(w.echoed, 11);
    struct tls_context *server = tls_server_create(cert, key, NULL); /* the same files, ours */
    CHECK(server);
    tls_context_destroy(server);
    struct err e = {0};
    CHECK(!tls_server_create(cert, cert, &e));
    CHECK_HAS(e.text, "cert.pem");
    tls_context_destroy(c);
    peer_fini(&client);
    (void)close(w.listener);
    loop_destroy(l);
}

static const struct test tests[] = {
    TEST(a_megabyte_goes_each_way_and_then_the_end),
    TEST(a_certificate_for_another_host_is_refused),
    TEST(an_address_is_a_host_name_too),
    TEST(an_untrusted_certificate_is_refused),
    TEST(an_insecure_client_takes_any_certificate),
    TEST(starttls_in_the_middle_of_a_conversation),
    TEST(what_openssl_holds_is_told_again),
    TEST(a_pause_holds_back_what_is_decrypted_already),
    TEST(what_was_written_before_a_close_still_arrives),
    TEST(a_peer_that_never_reads_does_not_keep_us_for_ever),
    TEST(a_peer_that_speaks_no_tls_is_broken),
    TEST(noise_behind_good_octets_is_told_after_them_in_openssl_s_words),
    TEST(an_end_during_the_handshake_is_broken),
    TEST(a_refused_connection_says_so_through_tls),
    TEST(a_handler_may_close_its_tls_stream),
    TEST(destroying_a_loop_closes_its_tls_streams),
    TEST(bad_files_are_errors_that_name_the_file),
    TEST(a_verifying_client_needs_a_host),
    TEST(openssl_as_a_client_talks_to_our_server),
    TEST(an_old_version_of_tls_is_refused),
    TEST(our_client_talks_to_openssl_as_a_server),
    TEST_END,
};

const struct suite tls_suite = {"tls", tests};
