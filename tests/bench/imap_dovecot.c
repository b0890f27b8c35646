/* imap_dovecot.c - configuration, Maildir, child: ended by its own pid, and with its parent. */
#include "tests/bench/imap_dovecot.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/stat.h>

#include "base/err.h"
#include "base/loop.h"
#include "tests/support/child.h"

#define DOVECOT "/usr/sbin/dovecot"

struct imap_dovecot {
    char dir[60];
    struct net_addr at;
    pid_t pid;
};

static struct imap_dovecot *running; /* NULL: none */

static const char configuration[] =
    "base_dir = %s/run\nstate_dir = %s/run\ninstance_name = pm-bench\nlog_path = %s/log\n"
    "listen = 127.0.35.1\nprotocols = imap\nssl = no\ndisable_plaintext_auth = no\n"
    "auth_mechanisms = plain login\nfirst_valid_uid = 1\nfirst_valid_gid = 1\n"
    "mail_uid = mail\nmail_gid = mail\nmail_home = %s/mail/%%u\nmail_location = maildir:~/Maildir\n"
    "passdb {\n  driver = passwd-file\n  args = %s/users\n}\n"
    "userdb {\n  driver = passwd-file\n  args = %s/users\n}\n"
    "service imap-login {\n  inet_listener imap {\n    port = %u\n  }\n"
    "  inet_listener imaps {\n    port = 0\n  }\n}\n"
    "service stats {\n  unix_listener stats-writer {\n    mode = 0666\n  }\n}\n";

static void must_run(const char *const *argv)
{
    if (!child_run(argv))
        bench_fail("%s failed", argv[0]);
}

static void put(const char *path, const void *text, size_t n)
{
    FILE *f = fopen(path, "we");

    if (!f || fwrite(text, 1, n, f) != n || fclose(f) != 0)
        bench_fail("%s cannot be written", path);
}

static void nobody(void *owner, struct stream *s)
{
    (void)owner;
    stream_close(s);
}

static struct net_addr free_address(void)
{
    struct net_addr at = {.family = 4, .ip = {127, 0, 35, 1}};
    struct err e;
    struct loop *l = loop_epoll_create(&e);
    struct listener *ls = l ? loop_listen(l, &at, nobody, NULL, &e) : NULL;

    PM_ASSERT(ls);
    at = listener_addr(ls);
    listener_close(ls);
    loop_destroy(l);
    return at;
}

static void configure(const struct imap_dovecot *d)
{
    static const char users[] = IMAP_DOVECOT_USER ":{PLAIN}" IMAP_DOVECOT_PASSWORD "::::::\n";
    char text[4000], path[200];
    int n = snprintf(text, sizeof text, configuration, d->dir, d->dir, d->dir, d->dir, d->dir,
                     d->dir, (unsigned)d->at.port);

    (void)snprintf(path, sizeof path, "%s/dovecot.conf", d->dir);
    put(path, text, (size_t)n);
    (void)snprintf(path, sizeof path, "%s/users", d->dir);
    put(path, users, sizeof users - 1);
    if (chmod(path, 0644) != 0)
        bench_fail("%s cannot be made readable", path);
}

static void fill(const struct imap_dovecot *d, struct imap_bench *b, uint32_t messages)
{
    static const char *const parts[] = {"", "/new", "/tmp", "/cur"};
    char box[120], path[200], mail[100];
    struct buf one;

    (void)snprintf(box, sizeof box, "%s/mail/" IMAP_DOVECOT_USER "/Maildir", d->dir);
    for (unsigned i = 0; i < 4; i++) {
        (void)snprintf(path, sizeof path, "%s%s", box, parts[i]);
        const char *const folder[] = {"mkdir", "-p", path, NULL};

        must_run(folder);
    }
    buf_init(&one, 1 << 20);
    for (uint32_t i = 0; i < messages; i++) {
        buf_clear(&one);
        imap_bench_compose(b, i, &one);
        (void)snprintf(path, sizeof path, "%s/cur/883699200.M%07uP1.bench,S=%zu,W=%zu:2,", box, i,
                       one.n, one.n);
        put(path, one.p, one.n);
    }
    buf_fini(&one);
    (void)snprintf(mail, sizeof mail, "%s/mail", d->dir);
    const char *const own[] = {"chown", "-R", "mail:mail", mail, NULL};

    must_run(own);
}

/* Somebody listens, or nobody does; which, stream_read() tells. */
static void connected(struct stream *s, unsigned what)
{
    char text[200];

    if (what & STREAM_READABLE)
        (void)stream_read(s, text, sizeof text);
    loop_stop(s->owner);
}

static bool answers(const struct imap_dovecot *d)
{
    static const struct guard loopback_only;
    struct err e;
    struct loop *l = loop_epoll_create(&e);
    struct stream *s = loop_connect(l, &loopback_only, &d->at, connected, l, &e);

    PM_ASSERT(s);
    loop_run(l);
    bool ok = stream_error(s)[0] == 0;

    stream_close(s);
    loop_destroy(l);
    return ok;
}

static void wait_for(const struct imap_dovecot *d)
{
    for (unsigned i = 0; i < 100; i++) {
        if (answers(d))
            return;
        (void)usleep(100000);
    }
    bench_fail("dovecot does not answer within 10 s");
}

static void stop_running(void)
{
    imap_dovecot_stop(running);
}

struct imap_dovecot *imap_dovecot_start(struct imap_bench *b, uint32_t messages, const char **why)
{
    char conf[100];

    *why = access(DOVECOT, X_OK) != 0 ? "dovecot is not installed"
           : geteuid() != 0           ? "only root can start a dovecot"
                                      : NULL;
    if (*why)
        return NULL;
    struct imap_dovecot *d = calloc(1, sizeof *d);

    PM_ASSERT(d);
    (void)snprintf(d->dir, sizeof d->dir, "/tmp/pm-bench-dovecot-XXXXXX");
    if (!mkdtemp(d->dir) || chmod(d->dir, 0755) != 0)
        bench_fail("no folder under /tmp");
    d->at = free_address();
    running = d;
    (void)atexit(stop_running); /* also where the bench fails */
    configure(d);
    fill(d, b, messages);
    (void)snprintf(conf, sizeof conf, "%s/dovecot.conf", d->dir);
    const char *const argv[] = {DOVECOT, "-F", "-c", conf, NULL};

    d->pid = child_start(argv);
    wait_for(d);
    return d;
}

struct net_addr imap_dovecot_at(const struct imap_dovecot *d)
{
    return d->at;
}

void imap_dovecot_stop(struct imap_dovecot *d)
{
    if (!d)
        return;
    const char *const remove_all[] = {"rm", "-rf", d->dir, NULL};

    running = NULL;
    child_end(d->pid);
    must_run(remove_all);
    free(d);
}
