/* targets.c - everything that a run would connect to, held against the guard before anything is connected. */
#include "app/targets.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "app/owner.h"
#include "base/clock.h"

#define HOST_PORT_MAX 300
#define ENDS          5

/* Of targets that are not loopback, whatever a profile says. */
#define CEILING_RATE        10000.0
#define CEILING_CONNECTIONS 2000u
#define CEILING_MESSAGES    100000000ull
#define CEILING_BYTES       10000000000000ull
#define CEILING_DURATION_NS (7ull * 24 * 3600 * NS_PER_S)

struct end {
    struct end_point *at;
    uint16_t port;
};

static void ends_of(struct server *v, struct end out[ENDS])
{
    out[0] = (struct end){&v->smtp, 25};
    out[1] = (struct end){&v->lmtp, 24};
    out[2] = (struct end){&v->imap, 143};
    out[3] = (struct end){&v->pop3, 110};
    out[4] = (struct end){&v->p1.at, 102};
}

/* --- hosts of URLs ----------------------------------------------------------------------------------------------- */

/* host:port of a URL of ours; false: it has none that stands fast (a word of a template), or speaks something else. */
static bool url_host(const char *url, char out[HOST_PORT_MAX], uint16_t *port, struct err *e)
{
    static const struct {
        const char *scheme;
        uint16_t port;
    } schemes[] = {{"http://", 80}, {"https://", 443}, {"ldap://", 389}, {"ldaps://", 636}};
    struct slice rest = slice_of(url), host;
    size_t i = 0;

    while (i < 4 && !slice_starts_nocase(rest, schemes[i].scheme))
        i++;
    if (i == 4)
        return false;
    rest = slice_skip(rest, strlen(schemes[i].scheme));
    host = slice_from(rest.p, strcspn((const char *)rest.p, "/?#\\"));
    if (memchr(host.p, '@', host.n))
        return err_set(e, EX_GUARD,
                       "%.100s: refused by rule odd-name: no user stands in front of a host", url);
    if (host.n == 0 || host.n >= HOST_PORT_MAX || memchr(host.p, '{', host.n))
        return false;
    (void)snprintf(out, HOST_PORT_MAX, "%.*s", (int)host.n, (const char *)host.p);
    if (profile_host_denied(out))
        return err_set(e, EX_GUARD,
                       "%.100s: refused by rule mail-provider: a server of a public provider of "
                       "mailboxes is never connected to",
                       url);
    *port = schemes[i].port;
    return true;
}

static bool check_host(const struct profile *p, const char *host_port, uint16_t port, bool resolve,
                       struct err *e)
{
    const struct guard *g = &p->safety.guard;
    struct net_addr at;

    if (!resolve)
        return net_parse(&at, host_port, port, NULL) ? guard_check(g, &at, e)
                                                     : guard_host(host_port, e);
    return guard_resolve(g, &at, host_port, port, e) && owner_confirm(p, &at, e);
}

static bool check_url(const struct profile *p, const char *url, bool resolve, const char *where,
                      struct err *e)
{
    char host[HOST_PORT_MAX];
    struct err why = {0};
    uint16_t port = 0;

    if (!url)
        return true;
    size_t method = strspn(url, "ABCDEFGHIJKLMNOPQRSTUVWXYZ");

    url += method > 0 && url[method] == ' ' ? method + 1 : 0;
    bool ok =
        url_host(url, host, &port, &why) ? check_host(p, host, port, resolve, &why) : why.code == 0;

    if (ok)
        return true;
    if (e)
        *e = why;
    return err_wrap(e, "%s: %s", p->path, where);
}

static bool check_urls(const struct profile *p, bool resolve, struct err *e)
{
    char where[100];

    for (uint32_t i = 0; i < p->site.server_count; i++) {
        (void)snprintf(where, sizeof where, "servers.%.60s.control", p->site.servers[i].name);
        if (!check_url(p, p->site.servers[i].control, resolve, where, e))
            return false;
    }
    for (uint32_t i = 0; i < p->mover_count; i++) {
        (void)snprintf(where, sizeof where, "movers.%.60s", p->movers[i].name);
        if (p->movers[i].type == MOVER_HTTP &&
            (!check_url(p, p->movers[i].start, resolve, where, e) ||
             !check_url(p, p->movers[i].poll, resolve, where, e)))
            return false;
    }
    for (uint32_t i = 0; i < p->probe_count; i++) {
        (void)snprintf(where, sizeof where, "probes.%.60s.url", p->probes[i].name);
        if (!check_url(p, p->probes[i].url, resolve, where, e))
            return false;
    }
    return !p->home_lookup.on || check_url(p, p->home_lookup.url, resolve, "home_lookup.url", e);
}

/* --- end points -------------------------------------------------------------------------------------------------- */

bool targets_check_literals(const struct profile *p, struct err *e)
{
    for (uint32_t i = 0; i < p->site.server_count && !p->lab.on; i++) {
        struct end ends[ENDS];

        ends_of(&p->site.servers[i], ends);
        for (int k = 0; k < ENDS; k++)
            if (ends[k].at->text && !check_host(p, ends[k].at->text, ends[k].port, false, e))
                return err_wrap(e, "%s: servers.%s", p->path, p->site.servers[i].name);
    }
    return check_urls(p, false, e);
}

static bool resolve_end(const struct profile *p, const struct server *v, struct end end,
                        struct err *e)
{
    const struct guard *g = &p->safety.guard;
    struct end_point *at = end.at;

    if (!at->text)
        return true;
    if (!(at->addr.family ? guard_check(g, &at->addr, e)
                          : guard_resolve(g, &at->addr, at->text, end.port, e)))
        return false;
    if (v->insecure && guard_is_public(&at->addr))
        return err_set(e, EX_GUARD,
                       "%s: refused by rule insecure: a public server has to show a certificate",
                       at->text);
    return owner_confirm(p, &at->addr, e);
}

bool targets_resolve(struct profile *p, struct err *e)
{
    for (uint32_t i = 0; i < p->site.server_count; i++) {
        struct server *v = &p->site.servers[i];
        struct end ends[ENDS];

        ends_of(v, ends);
        for (int k = 0; k < ENDS; k++)
            if (!resolve_end(p, v, ends[k], e))
                return err_wrap(e, "servers.%s", v->name);
    }
    if (!p->lab.on && !check_urls(p, true, e))
        return false;
    owner_narrow(p);
    return true;
}

/* --- how far, and how much --------------------------------------------------------------------------------------- */

enum reach { REACH_LOOPBACK, REACH_PRIVATE, REACH_PUBLIC };

static enum reach reach_of(const struct end_point *at)
{
    if (!at->text || net_is_loopback(&at->addr))
        return REACH_LOOPBACK;
    return guard_is_public(&at->addr) ? REACH_PUBLIC : REACH_PRIVATE;
}

/* How far mail is sent. */
static enum reach farthest_reach(const struct profile *p)
{
    enum reach farthest = REACH_LOOPBACK;

    for (uint32_t i = 0; i < p->site.server_count; i++) {
        struct end ends[ENDS];

        ends_of(&p->site.servers[i], ends);
        for (int k = 0; k < ENDS; k++)
            if (reach_of(ends[k].at) > farthest)
                farthest = reach_of(ends[k].at);
    }
    return farthest;
}

static bool beyond(const char *what, double wanted, double most, struct err *e)
{
    return err_set(e, EX_GUARD,
                   "refused by rule ceiling: %s %g is more than %g, the most for a target that is "
                   "not loopback",
                   what, wanted, most);
}

static bool was_typed(const char *domain, const char *const *typed, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (strcasecmp(domain, typed[i]) == 0)
            return true;
    return false;
}

bool targets_consent(const struct profile *p, const char *const *typed, uint32_t count,
                     struct err *e)
{
    if (farthest_reach(p) == REACH_LOOPBACK)
        return true;
    for (uint32_t i = 0; i < p->safety.domain_count; i++) {
        const char *domain = p->safety.domains[i];

        if (!profile_domain_reserved(domain) && !was_typed(domain, typed, count))
            return err_set(
                e, EX_GUARD,
                "%.100s: refused by rule consent: its mail goes to a machine that is not "
                "this one; say --yes-i-own %.100s",
                domain, domain);
    }
    return true;
}

static bool below_ceilings(const struct profile_sum *sum, struct err *e)
{
    if (sum->rate > CEILING_RATE)
        return beyond("the rate of all loads", sum->rate, CEILING_RATE, e);
    if (sum->connections > CEILING_CONNECTIONS)
        return beyond("the number of connections", (double)sum->connections, CEILING_CONNECTIONS,
                      e);
    if (sum->messages > CEILING_MESSAGES)
        return beyond("the number of messages", (double)sum->messages, CEILING_MESSAGES, e);
    if (sum->bytes > CEILING_BYTES)
        return beyond("the number of octets", (double)sum->bytes, CEILING_BYTES, e);
    if (sum->last_ns > CEILING_DURATION_NS)
        return beyond("the load's length in seconds", (double)sum->last_ns / (double)NS_PER_S,
                      (double)CEILING_DURATION_NS / (double)NS_PER_S, e);
    return true;
}

bool targets_limit(struct profile *p, const struct workload *w, struct err *e)
{
    struct safety_profile *s = &p->safety;
    enum reach far = farthest_reach(p);
    struct profile_sum sum = profile_sum(w);

    if (far == REACH_PUBLIC && (s->brake == GUARD_OFF || s->slow_start == GUARD_OFF))
        return err_set(e, EX_GUARD,
                       "refused by rule brake: a public target is never sent to without slow start "
                       "and brake");
    s->slow = s->slow_start == GUARD_ON || (s->slow_start == GUARD_AUTO && far == REACH_PUBLIC);
    if (s->brake == GUARD_AUTO)
        s->brake = far == REACH_PUBLIC ? GUARD_ON : GUARD_OFF;
    if (far == REACH_PUBLIC && sum.rate > s->owner_rate)
        return err_set(e, EX_GUARD,
                       "refused by rule owner-rate: %g messages/s are more than the owner's "
                       "record allows (%g/s)",
                       sum.rate, s->owner_rate);
    return far == REACH_LOOPBACK || below_ceilings(&sum, e);
}
