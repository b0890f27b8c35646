/* test_tls_sessions.c - handshakes that are short because of earlier ones, and records that are read together. */
#include <stdio.h>

#include "base/clock.h"
#include "base/tls.h"
#include "tests/base/peers.h"
#include "tests/support/check.h"
#include "tests/support/scratch.h"

/* A connection between two peers, and the contexts that TLS is laid over it with. */
struct lane {
    struct peer client, server;
    struct tls_context *at_client, *at_server;
};

/* A server of that name, and a client that trusts it. */
static bool contexts(struct lane *a, const char *name)
{
    struct err e = {0};
    char ca[512];

    (void)snprintf(ca, sizeof ca, "%s/ca.pem", scratch_dir("tls-sessions"));
    a->at_server = tls_server_selfmade(name, &e);
    if (!CHECK(a->at_server) || !CHECK(tls_write_cert(a->at_server, ca, &e)))
        return false;
    a->at_client = tls_client_create(ca, false, &e);
    return CHECK(a->at_client);
}

static void destroy(struct lane *a)
{
    tls_context_destroy(a->at_client);
    tls_context_destroy(a->at_server);
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

/* Says something each way, leaves in order; whether the handshake was short, as both ends saw it. */
static bool meet_again(struct loop *l, struct tls_context *at_client, struct tls_context *at_server,
                       const char *host)
{
    struct lane a = {.at_client = at_client, .at_server = at_server};

    if (!CHECK(peers_meet(l, &a.client, &a.server)))
        return false;
    a.server.echo = true;
    lane_wrap(&a, host);
    peer_give(&a.client, "hello", 5);
    run_for(l, 50 * NS_PER_MS);
    CHECK_MEM(a.client.got.p, a.client.got.n, "hello", 5);
    bool resumed = tls_was_resumed(a.client.s);
    CHECK(tls_was_resumed(a.server.s) == resumed);
    peer_hang_up(&a.client);
    run_for(l, 20 * NS_PER_MS);
    lane_close(&a);
    return resumed;
}

static void check_tickets(struct loop *l)
{
    struct lane a = {0};

    if (!contexts(&a, "mail.example.com"))
        return;
    struct tls_context *client = a.at_client, *server = a.at_server;

    CHECK(!meet_again(l, client, server, "mail.example.com"));
    CHECK(meet_again(l, client, server, "mail.example.com"));
    CHECK(meet_again(l, client, server, "mail.example.com")); /* by the ticket of the second */
    tls_context_tickets(client, false);
    CHECK(!meet_again(l, client, server, "mail.example.com"));
    tls_context_tickets(client, true);
    CHECK(!meet_again(l, client, server, "mail.example.com")); /* none was kept meanwhile */
    tls_context_tickets(server, false);
    (void)meet_again(l, client, server, "mail.example.com");
    CHECK(!meet_again(l, client, server, "mail.example.com"));
    destroy(&a);
}

static void a_ticket_makes_the_next_handshake_short_unless_either_side_says_no(void)
{
    on_each(check_tickets);
}

static void check_ticket_of_another_host(struct loop *l)
{
    struct lane a = {0};

    if (!contexts(&a, "mail.example.com"))
        return;
    CHECK(!meet_again(l, a.at_client, a.at_server, "mail.example.com"));
    CHECK(peers_meet(l, &a.client, &a.server));
    lane_wrap(&a, "other.example.com");
    run_for(l, 50 * NS_PER_MS);
    CHECK(a.client.broken); /* a session of the right host would have hidden it */
    CHECK_HAS(a.client.error, "hostname mismatch");
    lane_close(&a);
    destroy(&a);
}

static void a_session_does_not_vouch_for_another_host(void)
{
    on_each(check_ticket_of_another_host);
}

/* Many small records, read by one who has room for all of them: they come in one read, not one each. */
static void check_batch(struct loop *l)
{
    struct lane a = {0};

    if (!contexts(&a, "mail.example.com") || !CHECK(peers_meet(l, &a.client, &a.server)))
        return;
    a.client.piece = 60000;
    lane_wrap(&a, "mail.example.com");
    run_for(l, 50 * NS_PER_MS);
    unsigned before = a.client.readable;
    for (int i = 0; i < 400; i++)
        peer_give(&a.server, "250 2.0.0 ok\r\n", 14);
    run_for(l, 50 * NS_PER_MS);
    CHECK_U64(a.client.got.n, 5600);
    CHECK(a.client.readable - before < 100);
    CHECK(a.client.agains < 100);
    lane_close(&a);
    destroy(&a);
}

static void all_records_that_have_come_are_one_read(void)
{
    on_each(check_batch);
}

static const struct test tests[] = {
    TEST(a_ticket_makes_the_next_handshake_short_unless_either_side_says_no),
    TEST(a_session_does_not_vouch_for_another_host),
    TEST(all_records_that_have_come_are_one_read),
    TEST_END,
};

const struct suite tls_sessions_suite = {"tls_sessions", tests};
