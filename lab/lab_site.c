/* lab_site.c - the core, its clock on the loop, and the fronts of each server.
 *
 * Whoever makes the core do something goes through here: time is brought up first, the timer of the core's next event is set
 * anew behind it, and the count of changes tells the fronts to look whether that concerns their sessions.
 */
#include "lab/lab_site.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "lab/lab_service.h"
#include "lab/schedule.h"

#define CERT_MAX (64u << 10)

struct site_server {
    struct tls_context *tls;
    struct lab_front_smtp *smtp;
    struct lab_front_imap *imap;
    struct lab_front_http *http;
    struct lab_front_p1 *p1;
};

struct lab_site {
    struct loop *loop;
    struct lab *core;
    struct run_clock clock;
    struct timer due;
    uint64_t due_ns, changes; /* due_ns: lab time the timer stands for */
    struct site_server server[LAB_SERVERS_MAX];
    int servers;
};

/* Time. */

static void plan_next(struct lab_site *s)
{
    uint64_t next_ns = lab_next_ns(s->core);

    if (next_ns == s->due_ns)
        return;
    s->due_ns = next_ns;
    timer_arm(s->loop, &s->due, clock_loop(&s->clock, next_ns));
}

uint64_t lab_site_now_ns(struct lab_site *s)
{
    uint64_t now_ns = clock_target(&s->clock, loop_now(s->loop));

    if (lab_next_ns(s->core) <= now_ns)
        s->changes++;
    lab_run_until(s->core, now_ns);
    plan_next(s);
    return lab_now_ns(s->core);
}

static void due_fires(struct timer *t)
{
    struct lab_site *s = t->owner;

    s->due_ns = NEVER_NS; /* the timer is not armed any more */
    (void)lab_site_now_ns(s);
}

void lab_site_touch(struct lab_site *s)
{
    s->changes++;
    plan_next(s);
}

json_t *lab_site_control(struct lab_site *s, const char *method, const char *path,
                         const json_t *body, int *status)
{
    (void)lab_site_now_ns(s);
    json_t *answer = lab_control(s->core, method, path, body, status);

    lab_site_touch(s);
    return answer;
}

struct loop *lab_site_loop(struct lab_site *s)
{
    return s->loop;
}

const struct run_clock *lab_site_clock(const struct lab_site *s)
{
    return &s->clock;
}

uint64_t lab_site_changes(const struct lab_site *s)
{
    return s->changes;
}

struct lab *lab_site_core(struct lab_site *s)
{
    return s->core;
}

/* Certificates: one a server, since each is known by an address of its own; the file for clients holds them all. */

static bool add_certificate(const struct tls_context *tls, const char *path, FILE *all,
                            struct err *e)
{
    char one[512], text[CERT_MAX];
    int length = snprintf(one, sizeof one, "%s.part", path);

    if (length < 0 || (size_t)length >= sizeof one)
        return err_set(e, EX_IO, "%.100s...: too long a path", path);
    if (!tls_write_cert(tls, one, e))
        return false;
    FILE *f = fopen(one, "re");
    size_t n = f ? fread(text, 1, sizeof text, f) : 0;

    if (f)
        (void)fclose(f);
    (void)remove(one);
    return (n > 0 && fwrite(text, 1, n, all) == n) ||
           err_set(e, EX_IO, "%s: cannot write the certificates", path);
}

static bool write_certificates(const struct lab_site *s, const char *path, struct err *e)
{
    FILE *all = fopen(path, "we");
    bool ok = all != NULL;

    if (!all)
        return err_set(e, EX_IO, "%s: cannot write the certificates", path);
    for (int i = 0; ok && i < s->servers; i++)
        ok = add_certificate(s->server[i].tls, path, all, e);
    if (fclose(all) != 0 && ok)
        ok = err_set(e, EX_IO, "%s: cannot write the certificates", path);
    return ok;
}

static struct tls_context *make_tls(const struct net_addr *host, struct err *e)
{
    char text[NET_TEXT];
    struct net_addr bare = *host;
    char *colon;

    (void)net_print(&bare, text);
    colon = strrchr(text, ':'); /* "127.0.0.11:25", "[::1]:25" */
    if (colon)
        *colon = '\0';
    if (text[0] == '[' && strchr(text, ']')) {
        *strchr(text, ']') = '\0';
        return tls_server_selfmade(text + 1, e);
    }
    return tls_server_selfmade(text, e);
}

/* Fronts. */

static struct net_addr at_port(const struct net_addr *host, uint16_t port)
{
    struct net_addr at = *host;

    at.port = port;
    return at;
}

static bool open_server(struct lab_site *s, int i, const struct lab_site_config *c, struct err *e)
{
    struct site_server *v = &s->server[i];
    struct net_addr smtp = at_port(&c->hosts[i], c->smtp_port);
    struct net_addr imap = at_port(&c->hosts[i], c->imap_port);
    struct net_addr http = at_port(&c->hosts[i], c->http_port);
    struct net_addr p1 = at_port(&c->hosts[i], c->p1_port);

    if (!net_is_loopback(&c->hosts[i]))
        return err_set(e, EX_GUARD, "the lab listens on loopback addresses only");
    if (c->tls && (v->tls = make_tls(&c->hosts[i], e)) == NULL)
        return false;
    v->smtp = lab_smtp_listen(s, i, &smtp, v->tls, e);
    v->imap = v->smtp ? lab_imap_listen(s, i, &imap, v->tls, e) : NULL;
    if (v->imap && c->p1.on && (v->p1 = lab_p1_listen(s, i, &p1, &c->p1, e)) == NULL)
        return false;
    if (v->imap && !loop_is_simulated(s->loop))
        v->http = lab_http_listen(s, i, &http, e);
    return v->imap && (v->http || loop_is_simulated(s->loop));
}

static bool open_all(struct lab_site *s, const struct lab_site_config *c, struct err *e)
{
    for (int i = 0; i < c->lab.servers; i++) {
        s->servers = i + 1;
        if (!open_server(s, i, c, e))
            return err_wrap(e, "%s", c->lab.server_names[i]);
    }
    return !c->tls || !c->cert_path || write_certificates(s, c->cert_path, e);
}

struct lab_site *lab_site_create(struct loop *loop, const struct lab_site_config *c, struct err *e)
{
    struct lab_site *s = lab_memory(NULL, 0, sizeof *s);

    s->loop = loop;
    s->clock =
        (struct run_clock){.origin_ns = loop_now(loop), .scale = c->time_scale ? c->time_scale : 1};
    s->due_ns = NEVER_NS;
    timer_init(&s->due, due_fires, s);
    s->core = lab_create(&c->lab, e);
    if (s->core && open_all(s, c, e)) {
        plan_next(s);
        return s;
    }
    lab_site_destroy(s);
    return NULL;
}

void lab_site_destroy(struct lab_site *s)
{
    if (!s)
        return;
    for (int i = 0; i < s->servers; i++) {
        struct site_server *v = &s->server[i];

        lab_http_close(v->http);
        lab_p1_close(v->p1);
        lab_imap_close(v->imap);
        lab_smtp_close(v->smtp);
        tls_context_destroy(v->tls);
    }
    timer_disarm(s->loop, &s->due);
    lab_destroy(s->core);
    free(s);
}

struct lab_front lab_site_front(const struct lab_site *s, int server)
{
    const struct site_server *v = &s->server[server];
    struct lab_front f = {.smtp = lab_smtp_addr(v->smtp), .imap = lab_imap_addr(v->imap)};

    PM_ASSERT(server >= 0 && server < s->servers);
    if (v->http)
        f.http = lab_http_addr(v->http);
    if (v->p1)
        f.p1 = lab_p1_addr(v->p1);
    return f;
}
