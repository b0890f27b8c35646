/* check_safety.c - whom a flood may be aimed at, by name, and how large it may be. Every refusal is EX_GUARD and names its rule.
 *
 * Addresses are not looked at here: what a name resolves to is checked when it is connected to (base/net.h). Mail goes from and
 * to reserved domains, the lab's own, and those that the profile lists; whether who lists them owns them is asked at arm.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/text.h"
#include "profiles/draft.h"

/* --- domains ---------------------------------------------------------------------------------------------------- */

bool profile_domain_below(const char *name, const char *domain)
{
    size_t n = strlen(name), m = strlen(domain);

    if (n > 0 && name[n - 1] == '.')
        n--;
    return m > 0 && n >= m && strncasecmp(name + n - m, domain, m) == 0 &&
           (n == m || name[n - m - 1] == '.');
}

bool profile_domain_reserved(const char *domain)
{
    static const char *const reserved[] = {"test",        "example",     "invalid",    "localhost",
                                           "example.com", "example.net", "example.org"};

    if (domain[0] && domain[strlen(domain) - 1] == '.')
        return false; /* no address of RFC 5321 ends so: what becomes of it, nobody promises */
    for (size_t i = 0; i < sizeof reserved / sizeof reserved[0]; i++)
        if (profile_domain_below(domain, reserved[i]))
            return true;
    return false;
}

bool profile_domain_denied(const char *domain)
{
    static const char *const providers[] = {
        "gmail.com",     "googlemail.com",  "google.com",     "outlook.com",    "hotmail.com",
        "hotmail.co.uk", "hotmail.de",      "hotmail.fr",     "hotmail.it",     "hotmail.es",
        "live.com",      "live.de",         "live.fr",        "live.co.uk",     "msn.com",
        "office365.com", "onmicrosoft.com", "yahoo.com",      "yahoo.co.uk",    "yahoo.co.jp",
        "yahoo.de",      "yahoo.fr",        "yahoo.it",       "yahoo.es",       "yahoo.co.in",
        "yahoo.com.br",  "yahoodns.net",    "ymail.com",      "rocketmail.com", "aol.com",
        "icloud.com",    "me.com",          "mac.com",        "gmx.net",        "gmx.de",
        "gmx.com",       "gmx.at",          "gmx.ch",         "web.de",         "t-online.de",
        "freenet.de",    "posteo.de",       "mailbox.org",    "proton.me",      "protonmail.com",
        "pm.me",         "tutanota.com",    "fastmail.com",   "zoho.com",       "mail.com",
        "mail.ru",       "bk.ru",           "inbox.ru",       "list.ru",        "yandex.ru",
        "yandex.com",    "ya.ru",           "rambler.ru",     "qq.com",         "foxmail.com",
        "163.com",       "126.com",         "yeah.net",       "sina.com",       "sina.cn",
        "sohu.com",      "aliyun.com",      "naver.com",      "daum.net",       "hanmail.net",
        "docomo.ne.jp",  "ezweb.ne.jp",     "softbank.ne.jp", "rediffmail.com", "comcast.net",
        "verizon.net",   "att.net",         "sbcglobal.net",  "cox.net",        "charter.net",
        "bellsouth.net", "shaw.ca",         "rogers.com",     "btinternet.com", "virginmedia.com",
        "sky.com",       "orange.fr",       "wanadoo.fr",     "free.fr",        "sfr.fr",
        "laposte.net",   "libero.it",       "virgilio.it",    "tiscali.it",     "telefonica.net",
        "seznam.cz",     "wp.pl",           "o2.pl",          "onet.pl",        "interia.pl",
        "uol.com.br",    "bol.com.br",      "terra.com.br",   "bigpond.com",    "telstra.com",
        "amazonaws.com", "sendgrid.net",    "mailgun.org",    "pphosted.com",   "mimecast.com",
    };

    for (size_t i = 0; i < sizeof providers / sizeof providers[0]; i++)
        if (profile_domain_below(domain, providers[i]))
            return true;
    return false;
}

static bool may_write_to(const struct profile *p, const char *domain)
{
    if (profile_domain_reserved(domain))
        return true;
    for (uint32_t i = 0; i < p->safety.domain_count; i++)
        if (strcasecmp(p->safety.domains[i], domain) == 0)
            return true;
    if (!p->lab.on)
        return false;
    size_t ours = strncasecmp(domain, SITE_OURS ".", sizeof SITE_OURS) == 0 ? sizeof SITE_OURS : 0;
    return strcasecmp(domain + ours, p->site.domain) == 0;
}

/* --- addresses of mail ------------------------------------------------------------------------------------------ */

struct refusal {
    const char *rule, *why;
};

/* An address that a server may read as somebody else's than it seems: {0} if it is none. */
static struct refusal routed(const char *address)
{
    const char *at = strrchr(address, '@'), *first = strchr(address, '@');

    if (address[0] == '@')
        return (struct refusal){"source-route", "the route in front of it leads elsewhere"};
    if (!at || !at[1])
        return (struct refusal){0};
    if (at[1] == '[')
        return (struct refusal){"address-literal", "mail goes to domains, not to addresses"};
    if (at != first)
        return (struct refusal){"two-ats", "which of its domains is meant?"};
    if (memchr(address, '%', (size_t)(at - address)))
        return (struct refusal){"percent-hack", "a relay may send it on to what the % hides"};
    if (memchr(address, '!', (size_t)(at - address)))
        return (struct refusal){"bang-path", "a relay may send it on along the path"};
    if (guard_is_idn(at + 1))
        return (struct refusal){"idn", "a domain whose letters may only look like others"};
    if (at[strlen(at) - 1] == '.')
        return (struct refusal){"trailing-dot", "write the domain without the dot at its end"};
    return (struct refusal){0};
}

static bool refuse(const struct draft *d, const char *group, const char *address, const char *rule,
                   const char *reason)
{
    char why[500], clean[104];

    (void)snprintf(why, sizeof why, "%s: refused by rule %s: %s",
                   text_clean(clean, sizeof clean, slice_of(address)), rule, reason);
    (void)draft_complain(d, SEC_MAILBOXES, group, "address", why);
    d->err->code = EX_GUARD;
    return false;
}

bool safety_check_mailbox(const struct draft *d, const struct mailbox *m)
{
    const char *group = d->p->site.groups[m->group].name, *at = strrchr(m->address, '@');
    struct refusal r = routed(m->address);

    if (r.rule)
        return refuse(d, group, m->address, r.rule, r.why);
    if (!at || !at[1])
        return true; /* no address: others say so */
    if (profile_domain_denied(at + 1))
        return refuse(d, group, m->address, "mail-provider",
                      "a public provider of mailboxes is never written to");
    return may_write_to(d->p, at + 1) ||
           refuse(d, group, m->address, "domain",
                  "it is outside the reserved domains (.test, .example, ...) and not listed in "
                  "safety.domains");
}

/* --- hosts ------------------------------------------------------------------------------------------------------ */

bool profile_host_denied(const char *host_port)
{
    const char *colon = strrchr(host_port, ':');
    char host[300];

    (void)snprintf(host, sizeof host, "%.*s",
                   (int)(colon ? (size_t)(colon - host_port) : strlen(host_port)), host_port);
    return profile_domain_denied(host);
}

static bool check_host(const struct draft *d, const char *where, const char *host_port)
{
    if (!host_port)
        return true;
    if (!guard_host(host_port, d->err)) {
        (void)err_wrap(d->err, "%s: %s", d->p->path, where);
        return false;
    }
    if (!profile_host_denied(host_port))
        return true;
    return err_set(d->err, EX_GUARD,
                   "%s: %s: %s: refused by rule mail-provider: a server of a public provider of "
                   "mailboxes is never connected to",
                   d->p->path, where, host_port);
}

bool safety_check_names(const struct draft *d)
{
    const struct profile *p = d->p;
    const struct safety_profile *s = &p->safety;
    char where[100];

    for (uint32_t i = 0; i < s->domain_count; i++)
        if (profile_domain_denied(s->domains[i]))
            return err_set(d->err, EX_GUARD,
                           "%s: safety.domains: %.100s: refused by rule mail-provider: a public "
                           "provider of mailboxes is never written to",
                           p->path, s->domains[i]);
    for (uint32_t i = 0; i < p->site.server_count && !p->lab.on; i++) {
        const struct server *v = &p->site.servers[i];

        (void)snprintf(where, sizeof where, "servers.%.60s", v->name);
        if (!check_host(d, where, v->smtp.text) || !check_host(d, where, v->lmtp.text) ||
            !check_host(d, where, v->imap.text) || !check_host(d, where, v->pop3.text) ||
            !check_host(d, where, v->p1.at.text))
            return false;
    }
    return true;
}

/* --- caps ------------------------------------------------------------------------------------------------------- */

static double load_rate(const struct load_profile *l)
{
    switch (l->arrivals) {
    case ARRIVE_CONSTANT:
    case ARRIVE_POISSON:
        return l->rate;
    case ARRIVE_RAMP:
        return l->rate > l->rate_to ? l->rate : l->rate_to;
    case ARRIVE_BURSTS:
        return l->burst / ((double)l->burst_every_ns / (double)NS_PER_S);
    case ARRIVE_AIMED:
        break;
    }
    return 0; /* follows the moves */
}

struct profile_sum profile_sum(const struct workload *w)
{
    const struct profile *p = w->profile;
    struct profile_sum sum = {.messages = w->planned};

    for (uint32_t i = 0; i < p->load_count; i++) {
        const struct load_profile *l = &p->loads[i];

        sum.rate += load_rate(l);
        sum.connections += (uint64_t)l->threads * l->connections;
        sum.bytes += (w->first[i + 1] - w->first[i]) * l->recipients * l->size_max;
        if (l->start_ns + l->duration_ns > sum.last_ns)
            sum.last_ns = l->start_ns + l->duration_ns;
    }
    return sum;
}

bool safety_check_caps(const struct draft *d, const struct workload *w)
{
    const struct profile *p = d->p;
    const struct safety_profile *s = &p->safety;
    struct profile_sum sum = profile_sum(w);

    if (sum.messages > s->max_messages)
        return err_set(d->err, EX_GUARD,
                       "%s: refused by rule max-messages: %" PRIu64
                       " messages are more than safety.max_messages (%" PRIu64 ")",
                       p->path, sum.messages, s->max_messages);
    if (sum.rate > s->max_rate)
        return err_set(d->err, EX_GUARD,
                       "%s: refused by rule max-rate: %g messages/s are more than "
                       "safety.max_rate (%g/s)",
                       p->path, sum.rate, s->max_rate);
    if (sum.last_ns > s->max_duration_ns)
        return err_set(d->err, EX_GUARD,
                       "%s: refused by rule max-duration: the load lasts longer than "
                       "safety.max_duration",
                       p->path);
    if (sum.connections > s->max_connections)
        return err_set(d->err, EX_GUARD,
                       "%s: refused by rule max-connections: %" PRIu64
                       " connections are more than safety.max_connections (%u)",
                       p->path, sum.connections, s->max_connections);
    if (sum.bytes > s->max_bytes)
        return err_set(d->err, EX_GUARD,
                       "%s: refused by rule max-bytes: %" PRIu64
                       " octets are more than safety.max_bytes (%" PRIu64 ")",
                       p->path, sum.bytes, s->max_bytes);
    return true;
}
