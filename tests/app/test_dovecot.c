/* test_dovecot.c - IMAP sessions with a real Dovecot, started here on 127.0.34.1 with a folder of its own under /tmp.
 *
 * STARTTLS and implicit TLS, verified; the mailbox's own log-on, "user*master", and a master who names the user by PLAIN's
 * authorization identity; and which refusals say that there is no such mailbox.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/stat.h>

#include "app/dial_curl.h"
#include "base/clock.h"
#include "tests/support/check.h"
#include "tests/support/child.h"

#define DOVECOT "/usr/sbin/dovecot"

static char dir[100], ca[200];
static uint16_t port, tls_port;
static pid_t dovecot;
static const struct guard loopback_only;

static const char configuration[] =
    "base_dir = %s/run\nstate_dir = %s/run\ninstance_name = pm-test\nlog_path = %s/log\n"
    "listen = 127.0.34.1\nprotocols = imap\nssl = yes\nssl_cert = <%s/cert.pem\n"
    "ssl_key = <%s/key.pem\nauth_mechanisms = plain login\nauth_master_user_separator = *\n"
    "auth_failure_delay = 0\nfirst_valid_uid = 1\nfirst_valid_gid = 1\nmail_uid = mail\n"
    "mail_gid = mail\nmail_home = %s/mail/%%u\nmail_location = maildir:~/Maildir\n"
    "passdb {\n  driver = passwd-file\n  args = %s/masters\n  master = yes\n"
    "  result_success = continue\n}\n"
    "passdb {\n  driver = passwd-file\n  args = %s/users\n}\n"
    "userdb {\n  driver = passwd-file\n  args = %s/users\n}\n"
    "service imap-login {\n  inet_listener imap {\n    port = %u\n  }\n"
    "  inet_listener imaps {\n    port = %u\n  }\n}\n"
    /* refused log-ons from one address are delayed up to 15 s otherwise */
    "service anvil {\n  unix_listener anvil-auth-penalty {\n    mode = 0\n  }\n}\n"
    "service stats {\n  unix_listener stats-writer {\n    mode = 0666\n  }\n}\n";

/* ---- dovecot ---- */

static void stop(void)
{
    const char *const remove_all[] = {"rm", "-rf", dir, NULL};

    child_end(dovecot);
    dovecot = 0;
    if (dir[0])
        (void)child_run(remove_all);
}

static void nobody(void *owner, struct stream *s)
{
    (void)owner;
    stream_close(s);
}

static uint16_t free_port(struct loop *l, struct listener **ls)
{
    struct net_addr at = {.family = 4, .ip = {127, 0, 34, 1}};
    struct err e;

    *ls = loop_listen(l, &at, nobody, NULL, &e);
    PM_ASSERT(*ls);
    return listener_addr(*ls).port;
}

static void choose_ports(void)
{
    struct err e;
    struct loop *l = loop_epoll_create(&e);
    struct listener *a, *b;

    port = free_port(l, &a);
    tls_port = free_port(l, &b);
    listener_close(a);
    listener_close(b);
    loop_destroy(l);
}

static bool put(const char *name, const char *text)
{
    char path[300];

    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "w");

    return f && fputs(text, f) >= 0 && fclose(f) == 0 && chmod(path, 0644) == 0;
}

static void configure(void)
{
    char text[4000], key[200];

    (void)snprintf(ca, sizeof ca, "%s/cert.pem", dir);
    (void)snprintf(key, sizeof key, "%s/key.pem", dir);
    const char *const certificate[] = {
        "openssl", "req",   "-x509", "-newkey", "ec",    "-pkeyopt", "ec_paramgen_curve:P-256",
        "-nodes",  "-days", "2",     "-subj",   "/CN=d", "-addext",  "subjectAltName=IP:127.0.34.1",
        "-keyout", key,     "-out",  ca,        NULL};
    char mail[200];

    (void)snprintf(mail, sizeof mail, "%s/mail", dir);
    const char *const folder[] = {"install", "-d", "-o", "mail", "-g", "mail", mail, NULL};

    CHECK(child_run(certificate) && child_run(folder));
    (void)snprintf(text, sizeof text, configuration, dir, dir, dir, dir, dir, dir, dir, dir, dir,
                   (unsigned)port, (unsigned)tls_port);
    CHECK(put("dovecot.conf", text) && put("masters", "master:{PLAIN}key\n") &&
          put("users", "joe:{PLAIN}word::::::\njoanne:{PLAIN}other::::::\n"));
}

/* Once for all tests; ended with the process. */
static void server(void)
{
    char conf[200];

    if (dovecot > 0)
        return;
    if (access(DOVECOT, X_OK) != 0)
        check_skip("dovecot is not installed");
    if (geteuid() != 0)
        check_skip("only root can start a dovecot");
    (void)snprintf(dir, sizeof dir, "/tmp/pm-dovecot-XXXXXX");
    if (!mkdtemp(dir) || chmod(dir, 0755) != 0)
        check_skip("no folder under /tmp");
    (void)atexit(stop);
    choose_ports();
    configure();
    (void)snprintf(conf, sizeof conf, "%s/dovecot.conf", dir);
    const char *const argv[] = {DOVECOT, "-F", "-c", conf, NULL};
    dovecot = child_start(argv);
    CHECK(dovecot > 0);
}

/* ---- a session ---- */

struct heard {
    struct loop *loop;
    enum dial_answer answer;
    struct stream *stream;
    char why[300], got[4000];
    size_t n;
    bool over;
};

static void on_session(struct stream *s, unsigned what)
{
    struct heard *h = s->owner;
    long n;

    if (!(what & STREAM_READABLE))
        return;
    while ((n = stream_read(s, h->got + h->n, sizeof h->got - 1 - h->n)) > 0)
        h->n += (size_t)n;
    if (strstr(h->got, "p1 OK") || strstr(h->got, "p1 NO") || n != STREAM_AGAIN)
        loop_stop(h->loop);
}

static void on_dialled(void *owner, enum dial_answer answer, struct stream *s, const char *why)
{
    static const char status[] = "p1 STATUS INBOX (MESSAGES)\r\n";
    struct heard *h = owner;

    h->over = true;
    h->answer = answer;
    h->stream = s;
    (void)snprintf(h->why, sizeof h->why, "%s", why);
    if (!s) {
        loop_stop(h->loop);
        return;
    }
    s->owner = h;
    s->ready = on_session;
    (void)stream_write(s, status, sizeof status - 1);
}

static void give_up(struct timer *t)
{
    loop_stop(((struct heard *)t->owner)->loop);
}

static struct heard dial_once(const struct server *as, const struct mailbox *box)
{
    struct err e;
    struct heard h = {.loop = loop_epoll_create(&e), .answer = DIAL_DOWN};
    struct curl_loop *c = curl_loop_create(h.loop, &e);
    struct dial *d = dial_curl_create(c, &loopback_only, &e);
    struct timer limit;

    timer_init(&limit, give_up, &h);
    timer_arm(h.loop, &limit, loop_now(h.loop) + 20 * NS_PER_S);
    d->open(d, as, box, on_dialled, &h);
    loop_run(h.loop);
    stream_close(h.stream);
    h.stream = NULL;
    dial_curl_destroy(d);
    curl_loop_destroy(c);
    timer_disarm(h.loop, &limit);
    loop_destroy(h.loop);
    return h;
}

/* The first time, until Dovecot listens. */
static struct heard dial(const struct server *as, const struct mailbox *box)
{
    struct heard h = dial_once(as, box);

    for (unsigned i = 0; i < 50 && h.answer == DIAL_DOWN && strstr(h.why, "onnect"); i++) {
        (void)usleep(100000);
        h = dial_once(as, box);
    }
    return h;
}

static struct server dovecot_by(enum tls_mode tls)
{
    static char text[2][100];
    struct server s = {.name = "a", .ca_file = ca};

    server();
    s.imap.tls = tls;
    s.imap.addr = (struct net_addr){.family = 4, .ip = {127, 0, 34, 1}};
    s.imap.addr.port = tls == TLS_IMPLICIT ? tls_port : port;
    (void)snprintf(text[tls == TLS_IMPLICIT], 100, "127.0.34.1:%u", (unsigned)s.imap.addr.port);
    s.imap.text = text[tls == TLS_IMPLICIT];
    return s;
}

static const struct mailbox joe = {
    .name = "joe", .address = "joe@x", .user = "joe", .password = "word"};
static const struct mailbox nemo = {
    .name = "nemo", .address = "n@x", .user = "nemo", .password = "x"};

static void check_opens(const struct server *s, const struct mailbox *box)
{
    struct heard h = dial(s, box);

    CHECK_STR(h.why, "");
    CHECK_U64(h.answer, DIAL_OK);
    CHECK_HAS(h.got, "MESSAGES 0");
}

static void check_answer(const struct server *s, const struct mailbox *box, enum dial_answer want)
{
    struct heard h = dial(s, box);

    if (!CHECK_U64(h.answer, want))
        CHECK_STR(h.why, "");
}

static void sessions_go_over_starttls_and_implicit_tls(void)
{
    struct server plain = dovecot_by(TLS_STARTTLS), wrapped = dovecot_by(TLS_IMPLICIT);

    check_opens(&plain, &joe);
    check_opens(&wrapped, &joe);
    plain.ca_file = wrapped.ca_file = NULL;
    check_answer(&plain, &joe, DIAL_DOWN);
    check_answer(&wrapped, &joe, DIAL_DOWN);
    check_answer(&plain, &nemo, DIAL_DOWN); /* not absent: nobody was asked */
    plain.insecure = wrapped.insecure = true;
    check_opens(&plain, &joe);
    check_opens(&wrapped, &joe);
}

static void a_master_opens_everybodys_mailbox(void)
{
    struct server s = dovecot_by(TLS_STARTTLS);
    struct mailbox box = joe;

    box.user = "joe*master";
    box.password = "key";
    check_opens(&s, &box);
    s.imap_master = "master";
    s.imap_master_password = "key";
    box = joe;
    box.password = NULL;
    check_opens(&s, &box);
    char folder[200];
    struct stat st;

    (void)snprintf(folder, sizeof folder, "%s/mail/joe/Maildir", dir);
    CHECK(stat(folder, &st) == 0); /* his, ... */
    (void)snprintf(folder, sizeof folder, "%s/mail/master", dir);
    CHECK(stat(folder, &st) != 0); /* ... and not the master's */
}

static void who_is_not_there_is_absent(void)
{
    struct server s = dovecot_by(TLS_STARTTLS);
    struct mailbox box = nemo;

    check_answer(&s, &nemo, DIAL_ABSENT);
    box.user = "nemo*master";
    box.password = "key";
    check_answer(&s, &box, DIAL_ABSENT);
    s.imap_master = "master";
    s.imap_master_password = "key";
    check_answer(&s, &nemo, DIAL_ABSENT);
}

static const struct test tests[] = {
    TEST(sessions_go_over_starttls_and_implicit_tls),
    TEST(a_master_opens_everybodys_mailbox),
    TEST(who_is_not_there_is_absent),
    TEST_END,
};
const struct suite dovecot_suite = {"dovecot", tests};
