/* test_dial_curl.c - IMAP and POP3 sessions by libcurl against a scripted server on the same loop. */
#include <stdio.h>
#include <string.h>

#include "app/dial_curl.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/tls.h"
#include "tests/support/check.h"
#include "tests/support/scratch.h"

static struct loop *loop;
static struct guard nobody_else;

/* The server: greets, answers each command line by its script, echoes nothing. */
struct server_script {
    const char *login_answer; /* after the tag; of POP3: to PASS, or to AUTH */
    bool pop3, sasl;          /* sasl: offers PLAIN */
    struct tls_context *tls;  /* offers STARTTLS */
    struct stream *session;
    struct buf in;
    unsigned noops;
};

static void say(struct stream *s, const char *text)
{
    (void)stream_write(s, text, strlen(text));
}

static void reply_pop3(struct server_script *sc, struct slice line)
{
    char text[400];

    if (slice_starts_nocase(line, "CAPA")) {
        (void)snprintf(text, sizeof text, "+OK\r\nUSER\r\nUIDL\r\n%s%s.\r\n",
                       sc->tls ? "STLS\r\n" : "", sc->sasl ? "SASL PLAIN\r\n" : "");
    } else if (slice_starts_nocase(line, "STLS")) {
        say(sc->session, "+OK begin\r\n");
        sc->session = tls_wrap(sc->tls, sc->session, NULL, NULL);
        return;
    } else if (slice_starts_nocase(line, "USER")) {
        (void)snprintf(text, sizeof text, "+OK\r\n");
    } else if (slice_starts_nocase(line, "AUTH PLAIN")) {
        (void)snprintf(text, sizeof text, "+ \r\n");
    } else if (slice_starts_nocase(line, "NOOP")) {
        (void)snprintf(text, sizeof text, "+OK noop\r\n");
    } else {
        (void)snprintf(text, sizeof text, "%s\r\n", sc->login_answer);
    }
    say(sc->session, text);
}

static void reply(struct server_script *sc, struct slice line)
{
    struct slice tag;
    char text[400];

    (void)slice_cut(&line, ' ', &tag);
    if (slice_starts_nocase(line, "CAPABILITY")) {
        (void)snprintf(text, sizeof text, "* CAPABILITY IMAP4rev1%s\r\n%.*s OK done\r\n",
                       sc->tls ? " STARTTLS" : "", (int)tag.n, (const char *)tag.p);
    } else if (slice_starts_nocase(line, "STARTTLS")) {
        (void)snprintf(text, sizeof text, "%.*s OK begin\r\n", (int)tag.n, (const char *)tag.p);
        say(sc->session, text);
        sc->session = tls_wrap(sc->tls, sc->session, NULL, NULL);
        return;
    } else if (slice_starts_nocase(line, "LOGIN")) {
        (void)snprintf(text, sizeof text, "%.*s %s\r\n", (int)tag.n, (const char *)tag.p,
                       sc->login_answer);
    } else {
        sc->noops++;
        (void)snprintf(text, sizeof text, "* %u EXISTS\r\n%.*s OK noop\r\n", sc->noops, (int)tag.n,
                       (const char *)tag.p);
    }
    say(sc->session, text);
}

static void server_ready(struct stream *s, unsigned what)
{
    struct server_script *sc = s->owner;
    char bytes[4096];
    long n;

    (void)what;
    while ((n = stream_read(s, bytes, sizeof bytes)) > 0) {
        struct slice rest, line;

        (void)buf_add(&sc->in, bytes, (size_t)n);
        rest = buf_slice(&sc->in);
        while (slice_cut(&rest, '\n', &line))
            (sc->pop3 ? reply_pop3 : reply)(sc, slice_trim(line));
        buf_drop(&sc->in, sc->in.n - rest.n);
        if (sc->session != s)
            return; /* STARTTLS took the stream over */
    }
    if (n == STREAM_AGAIN)
        return;
    stream_close(s);
    sc->session = NULL;
}

static void server_accept(void *owner, struct stream *s)
{
    struct server_script *sc = owner;

    s->owner = sc;
    s->ready = server_ready;
    sc->session = s;
    say(s, sc->pop3 ? "+OK ready\r\n" : "* OK ready\r\n");
}

struct heard {
    enum dial_answer answer;
    struct stream *stream;
    char why[200], got[200];
    size_t n;
    unsigned calls;
    bool pop3;
};

static void on_session(struct stream *s, unsigned what)
{
    struct heard *h = s->owner;
    long n;

    if (!(what & STREAM_READABLE))
        return;
    while ((n = stream_read(s, h->got + h->n, sizeof h->got - 1 - h->n)) > 0)
        h->n += (size_t)n;
    if (strstr(h->got, "OK noop"))
        loop_stop(loop);
}

static void on_dialled(void *owner, enum dial_answer answer, struct stream *s, const char *why)
{
    struct heard *h = owner;

    h->calls++;
    h->answer = answer;
    h->stream = s;
    (void)snprintf(h->why, sizeof h->why, "%s", why);
    if (!s) {
        loop_stop(loop);
        return;
    }
    s->owner = h;
    s->ready = on_session;
    say(s, h->pop3 ? "NOOP\r\n" : "a1 NOOP\r\n");
}

static void give_up(struct timer *t)
{
    (void)t;
    loop_stop(loop);
}

static struct heard dial_once(struct server_script *sc, const char *ca, bool listening)
{
    struct heard h = {.answer = DIAL_DOWN, .pop3 = sc->pop3};
    struct net_addr at = {.family = 4, .ip = {127, 0, 0, 21}};
    struct timer limit;
    struct err e = {0};

    loop = loop_epoll_create(&e);
    buf_init(&sc->in, 65536);
    struct listener *ls = loop_listen(loop, &at, server_accept, sc, &e);
    struct curl_loop *c = curl_loop_create(loop, &e);
    struct dial *d = dial_curl_create(c, &nobody_else, &e);
    struct server server = {.name = "s1", .ca_file = ca};
    struct mailbox box = {.name = "joe", .user = "joe", .password = "secret word"};

    server.imap = (struct end_point){.text = "127.0.0.21:143",
                                     .addr = listener_addr(ls),
                                     .tls = sc->tls ? TLS_STARTTLS : TLS_NONE};
    server.pop3 = server.imap;
    if (!listening)
        listener_close(ls);
    timer_init(&limit, give_up, NULL);
    timer_arm(loop, &limit, loop_now(loop) + 10 * NS_PER_S);
    (sc->pop3 ? d->open_pop3 : d->open)(d, &server, &box, on_dialled, &h);
    loop_run(loop);
    stream_close(h.stream);
    dial_curl_destroy(d);
    curl_loop_destroy(c);
    stream_close(sc->session);
    if (listening)
        listener_close(ls);
    timer_disarm(loop, &limit);
    loop_destroy(loop);
    buf_fini(&sc->in);
    return h;
}

static void a_session_is_a_stream_after_the_log_in(void)
{
    struct server_script sc = {.login_answer = "OK welcome"};
    struct heard h = dial_once(&sc, NULL, true);

    CHECK_U64(h.answer, DIAL_OK);
    CHECK_U64(h.calls, 1);
    CHECK_HAS(h.got, "* 1 EXISTS");
    CHECK_HAS(h.got, "a1 OK noop");
}

static void a_session_goes_over_starttls(void)
{
    const char *dir = scratch_dir("dial_curl");
    char ca[300];
    struct err e = {0};

    (void)snprintf(ca, sizeof ca, "%s/ca.pem", dir);
    struct server_script sc = {.login_answer = "OK welcome",
                               .tls = tls_server_selfmade("127.0.0.21", &e)};
    CHECK(tls_write_cert(sc.tls, ca, &e));
    struct heard h = dial_once(&sc, ca, true);

    CHECK_U64(h.answer, DIAL_OK);
    CHECK_HAS(h.got, "a1 OK noop");
    sc.session = NULL;
    struct heard untrusted = dial_once(&sc, NULL, true);
    CHECK_U64(untrusted.answer, DIAL_DOWN);
    tls_context_destroy(sc.tls);
}

static void a_mailbox_that_is_not_there_is_absent(void)
{
    struct server_script sc = {.login_answer =
                                   "NO [AUTHORIZATIONFAILED] mailbox is not on this server"};
    struct heard h = dial_once(&sc, NULL, true);

    CHECK_U64(h.answer, DIAL_ABSENT);
    CHECK_HAS(h.why, "not on this server");
}

static void a_mailbox_that_is_being_moved_is_busy(void)
{
    struct server_script sc = {.login_answer = "NO [UNAVAILABLE] mailbox is being moved"};
    struct heard h = dial_once(&sc, NULL, true);

    CHECK_U64(h.answer, DIAL_BUSY);
}

static void a_server_that_does_not_listen_is_down(void)
{
    struct server_script sc = {.login_answer = "OK"};
    struct heard h = dial_once(&sc, NULL, false);

    CHECK_U64(h.answer, DIAL_DOWN);
    CHECK(h.why[0] != '\0');
}

static void a_pop3_session_is_a_stream_after_the_log_in(void)
{
    struct server_script sc = {.login_answer = "+OK welcome", .pop3 = true};
    struct heard h = dial_once(&sc, NULL, true);

    CHECK_U64(h.answer, DIAL_OK);
    CHECK_U64(h.calls, 1);
    CHECK_HAS(h.got, "+OK noop");
    sc = (struct server_script){.login_answer = "+OK welcome", .pop3 = true, .sasl = true};
    h = dial_once(&sc, NULL, true);
    CHECK_U64(h.answer, DIAL_OK);
    CHECK_HAS(h.got, "+OK noop");
}

static void a_pop3_session_goes_over_stls(void)
{
    const char *dir = scratch_dir("dial_curl");
    char ca[300];
    struct err e = {0};

    (void)snprintf(ca, sizeof ca, "%s/ca.pem", dir);
    struct server_script sc = {
        .login_answer = "+OK welcome", .pop3 = true, .tls = tls_server_selfmade("127.0.0.21", &e)};
    CHECK(tls_write_cert(sc.tls, ca, &e));
    struct heard h = dial_once(&sc, ca, true);

    CHECK_U64(h.answer, DIAL_OK);
    CHECK_HAS(h.got, "+OK noop");
    sc.session = NULL;
    struct heard untrusted = dial_once(&sc, NULL, true);
    CHECK_U64(untrusted.answer, DIAL_DOWN);
    tls_context_destroy(sc.tls);
}

static void a_pop3_refusal_is_told_apart_from_a_lock(void)
{
    static const struct {
        const char *says;
        bool sasl;
        enum dial_answer means;
    } rows[] = {
        {"-ERR [AUTH] Authentication failed.", false, DIAL_ABSENT},
        {"-ERR [AUTH] Authentication failed.", true, DIAL_ABSENT},
        {"-ERR [IN-USE] locked by another session", false, DIAL_BUSY},
        {"-ERR [IN-USE] locked by another session", true, DIAL_BUSY},
        {"-ERR [SYS/TEMP] Temporary authentication failure.", true, DIAL_BUSY},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct server_script sc = {
            .login_answer = rows[i].says, .pop3 = true, .sasl = rows[i].sasl};
        struct heard h = dial_once(&sc, NULL, true);

        CHECK_U64(h.answer, rows[i].means);
        CHECK_HAS(h.why, rows[i].says);
        sc.session = NULL;
    }
}

static const struct test tests[] = {
    TEST(a_pop3_session_is_a_stream_after_the_log_in),
    TEST(a_pop3_session_goes_over_stls),
    TEST(a_pop3_refusal_is_told_apart_from_a_lock),
    TEST(a_session_is_a_stream_after_the_log_in),
    TEST(a_session_goes_over_starttls),
    TEST(a_mailbox_that_is_not_there_is_absent),
    TEST(a_mailbox_that_is_being_moved_is_busy),
    TEST(a_server_that_does_not_listen_is_down),
    TEST_END,
};

const struct suite dial_curl_suite = {"dial_curl", tests};
