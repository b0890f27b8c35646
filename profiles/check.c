/* check.c - what no single key shows: keys that need one another, and names used twice. What safety forbids is said in
 * check_safety.c, with EX_GUARD; everything else is a bad profile.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "profiles/draft.h"
#include "profiles/workload.h"

#define ADDRESS_MAX     254
#define PLAN_CEILING    (512u << 20)
#define LONGEST_NS      (76 * 3600ull * NS_PER_S) /* what the 32-bit times of results/ledger.c hold */
#define AIM_FARTHEST_NS (1800 * NS_PER_S)
#define KEY(section_)   (option_sections[section_].name)

bool draft_complain(const struct draft *d, enum section s, const char *name, const char *key,
                    const char *why)
{
    const struct node *entry = draft_entry(d, s, name), *n = node_find(entry, key);

    if (n)
        return node_complain(n, d->err, "%s.%s.%s: %s", KEY(s), name, key, why);
    return node_complain_key(entry, d->err, "%s.%s: %s", KEY(s), name, why);
}

static bool has(const struct draft *d, enum section s, const char *name, const char *key)
{
    const struct node *n = node_find(draft_entry(d, s, name), key);

    return n && !node_is_null(n);
}

static bool need(const struct draft *d, enum section s, const char *name, const char *key,
                 const char *because)
{
    if (has(d, s, name, key))
        return true;
    return node_complain_key(draft_entry(d, s, name), d->err, "%s.%s: \"%s\" is missing: %s",
                             KEY(s), name, key, because);
}

/* --- secrets ---------------------------------------------------------------------------------------------------- */

bool draft_is_here(const char *host_port)
{
    struct net_addr at;

    if (!host_port)
        return false;
    return strncmp(host_port, "localhost:", 10) == 0 ||
           (net_parse(&at, host_port, 0, NULL) && net_is_loopback(&at));
}

bool draft_check_secret(const struct draft *d, const struct node *at, const char *path,
                        const char *key, bool here)
{
    const struct node *n = node_find(at, key);

    if (!n || n->kind != NODE_TEXT || !n->text[0] || here || strncmp(n->text, "env:", 4) == 0 ||
        strncmp(n->text, "file:", 5) == 0)
        return true;
    return node_complain(n, d->err,
                         "%s.%s: a literal password is read only for a lab or a loopback server; "
                         "write env:NAME or file:PATH",
                         path, key);
}

static bool check_secret(const struct draft *d, enum section s, const char *name, const char *key,
                         bool here)
{
    char path[100];

    (void)snprintf(path, sizeof path, "%s.%s", KEY(s), name);
    return draft_check_secret(d, draft_entry(d, s, name), path, key, here);
}

/* --- servers and mailboxes -------------------------------------------------------------------------------------- */

static bool check_server(const struct draft *d, const struct server *s)
{
    struct net_addr at;
    const char *ends[] = {s->smtp.text, s->lmtp.text, s->imap.text, s->pop3.text};
    const char *enters = s->smtp.text ? s->smtp.text : s->lmtp.text;
    bool here = draft_is_here(enters) && (!s->lmtp.text || draft_is_here(s->lmtp.text));

    for (int i = 0; s->insecure && i < 4; i++)
        if (ends[i] && net_parse(&at, ends[i], 0, NULL) && !net_is_loopback(&at) &&
            !net_is_private(&at))
            return draft_complain(d, SEC_SERVERS, s->name, "insecure",
                                  "only loopback and private addresses go unverified");
    if (s->user && !need(d, SEC_SERVERS, s->name, "password", "there is a user"))
        return false;
    if (s->imap_master &&
        !need(d, SEC_SERVERS, s->name, "imap_master_password", "there is an imap_master"))
        return false;
    return check_secret(d, SEC_SERVERS, s->name, "password", here) &&
           check_secret(d, SEC_SERVERS, s->name, "imap_master_password",
                        draft_is_here(s->imap.text)) &&
           check_secret(d, SEC_SERVERS, s->name, "p1_password", draft_is_here(s->p1.at.text));
}

static bool is_address(const char *a)
{
    const char *at = strrchr(a, '@');

    if (!at || at == a || !at[1] || strlen(a) > ADDRESS_MAX)
        return false;
    for (const unsigned char *p = (const unsigned char *)a; *p; p++)
        if (*p <= ' ' || *p >= 0x7f || strchr("<>\"(),:;\\", *p))
            return false;
    return true;
}

static bool check_mailbox(const struct draft *d, uint32_t i)
{
    const struct site *s = &d->p->site;
    const struct mailbox *m = &s->mailboxes[i];
    const char *group = s->groups[m->group].name;
    char why[400];

    if (!safety_check_mailbox(d, m))
        return false;
    if (!is_address(m->address)) {
        (void)snprintf(why, sizeof why, "\"%.100s\" is not an address", m->address);
        return draft_complain(d, SEC_MAILBOXES, group, "address", why);
    }
    uint32_t same = site_address(s, (const unsigned char *)m->address, strlen(m->address));
    uint32_t other = site_mailbox(s, m->name);
    if (other != i || same != i) {
        uint32_t first = other != i ? other : same;

        (void)snprintf(why, sizeof why, "%s has the %s %.100s already",
                       s->groups[s->mailboxes[first].group].name, other != i ? "name" : "address",
                       other != i ? m->name : m->address);
        return draft_complain(d, SEC_MAILBOXES, group, "address", why);
    }
    return true;
}

static bool check_site(const struct draft *d)
{
    const struct site *s = &d->p->site;

    for (uint32_t i = 0; i < s->server_count && !d->p->lab.on; i++)
        if (!check_server(d, &s->servers[i]))
            return false;
    for (uint32_t i = 0; i < s->mailbox_count; i++)
        if (!check_mailbox(d, i))
            return false;
    for (uint32_t g = 0; g < s->group_count; g++) {
        const struct server *home = &s->servers[s->mailboxes[s->groups[g].first].home];

        if (!check_secret(d, SEC_MAILBOXES, s->groups[g].name, "password",
                          d->p->lab.on ||
                              draft_is_here(home->imap.text ? home->imap.text : home->pop3.text)))
            return false;
    }
    return true;
}

/* --- loads ------------------------------------------------------------------------------------------------------ */

/* What is learned is kept in us of 32 bits, and a move is planned when it is asked for. */
static bool check_aim(const struct draft *d, const struct load_profile *l)
{
    if (l->aim_from_ns < 0 && l->aim != AIM_ASKED)
        return draft_complain(d, SEC_LOAD, l->name, "phase",
                              "only the asking is known before it happens (mark: asked)");
    if (l->law != LAW_ADAPTIVE)
        return true;
    if (l->aim_from_ns < 0)
        return draft_complain(d, SEC_LOAD, l->name, "phase",
                              "adaptive aim decides when the move is asked for, not before");
    if (l->aim_to_ns - l->aim_from_ns < (int64_t)NS_PER_MS)
        return draft_complain(d, SEC_LOAD, l->name, "phase", "too short to search: under 1 ms");
    if (l->aim_to_ns > (int64_t)AIM_FARTHEST_NS)
        return draft_complain(d, SEC_LOAD, l->name, "phase",
                              "adaptive aim reaches 30 minutes after the mark");
    return true;
}

static bool check_arrivals(const struct draft *d, const struct load_profile *l)
{
    const char *why = "";

    switch (l->arrivals) {
    case ARRIVE_CONSTANT:
        why = "arrivals are constant";
        break;
    case ARRIVE_POISSON:
        why = "arrivals are poisson";
        break;
    case ARRIVE_RAMP:
        why = "arrivals are a ramp";
        if (!need(d, SEC_LOAD, l->name, "rate_to", why))
            return false;
        break;
    case ARRIVE_BURSTS:
        why = "arrivals are bursts";
        return need(d, SEC_LOAD, l->name, "burst", why) &&
               need(d, SEC_LOAD, l->name, "burst_every", why) &&
               need(d, SEC_LOAD, l->name, "duration", why);
    case ARRIVE_AIMED:
        return check_aim(d, l);
    }
    return need(d, SEC_LOAD, l->name, "rate", why) && need(d, SEC_LOAD, l->name, "duration", why);
}

static bool check_end_point(const struct draft *d, const struct load_profile *l)
{
    const struct server *via = &d->p->site.servers[l->via];
    bool lmtp = strcmp(l->protocol, "lmtp") == 0, smtp = strcmp(l->protocol, "smtp") == 0;

    if (lmtp && d->p->lab.on)
        return draft_complain(d, SEC_LOAD, l->name, "protocol", "a lab does not speak LMTP");
    if (lmtp && !via->ours && !via->lmtp.text)
        return draft_complain(d, SEC_LOAD, l->name, "via", "this server has no lmtp end point");
    if (smtp && !d->p->lab.on && !via->ours && !via->smtp.text)
        return draft_complain(d, SEC_LOAD, l->name, "via", "this server has no smtp end point");
    return true;
}

static bool check_load(const struct draft *d, const struct load_profile *l)
{
    const struct site *s = &d->p->site;
    uint64_t pool = 0;

    for (uint32_t i = 0; i < l->to_count; i++)
        pool += s->groups[l->to[i]].count;
    if (pool < l->recipients)
        return draft_complain(d, SEC_LOAD, l->name, "recipients",
                              "more than there are mailboxes in \"to\"");
    return check_end_point(d, l) && x400_check_load(d, l) && check_arrivals(d, l);
}

/* --- moves and actions ------------------------------------------------------------------------------------------ */

static bool check_mover(const struct draft *d, const struct mover_profile *m)
{
    if (m->type == MOVER_EXEC)
        return need(d, SEC_MOVERS, m->name, "argv", "type is exec");
    if (!need(d, SEC_MOVERS, m->name, "start", "type is http"))
        return false;
    if (!strchr(m->start, ' ') || (m->poll && !strchr(m->poll, ' ')))
        return draft_complain(d, SEC_MOVERS, m->name, strchr(m->start, ' ') ? "poll" : "start",
                              "expected METHOD URL, such as GET {control}/moves/{id}");
    return true;
}

static bool check_action(const struct draft *d, const struct action_profile *a)
{
    switch (a->kind) {
    case ACT_ALTERNATE:
        if (a->group != SITE_NONE && a->group == a->alternate)
            return draft_complain(d, SEC_ACTIONS, a->name, "alternate",
                                  "nobody is his own alternate");
        return need(d, SEC_ACTIONS, a->name, "mailboxes", "do is alternate");
    case ACT_KNOB:
        return need(d, SEC_ACTIONS, a->name, "name", "do is knob") &&
               need(d, SEC_ACTIONS, a->name, "value", "do is knob");
    case ACT_EXEC:
        return need(d, SEC_ACTIONS, a->name, "argv", "do is exec");
    case ACT_DOWN:
    case ACT_UP:
        return need(d, SEC_ACTIONS, a->name, "component", "do is down or up");
    case ACT_RESTART:
    case ACT_UPDATE_NOW:
        break;
    }
    return true;
}

static bool check_flow(const struct draft *d)
{
    const struct profile *p = d->p;

    for (uint32_t i = 0; i < p->load_count; i++)
        if (!check_load(d, &p->loads[i]))
            return false;
    for (uint32_t i = 0; i < p->mover_count; i++)
        if (!check_mover(d, &p->movers[i]))
            return false;
    for (uint32_t i = 0; i < p->move_count; i++)
        if (p->moves[i].from == p->moves[i].to)
            return draft_complain(d, SEC_MOVES, p->moves[i].name, "to",
                                  "the same server as \"from\"");
    for (uint32_t i = 0; i < p->action_count; i++)
        if (!check_action(d, &p->actions[i]))
            return false;
    return true;
}

/* --- probes and settling ---------------------------------------------------------------------------------------- */

static bool complain_lookup(const struct draft *d, const char *why)
{
    return node_complain_key(node_find(d->root, "home_lookup"), d->err, "home_lookup: %s", why);
}

/* The host:port of ldap://host:port; NULL if it is no such thing. */
static const char *ldap_host(const char *url, char out[300])
{
    struct slice all = slice_of(url), host;

    if (!slice_starts_nocase(all, "ldap://") && !slice_starts_nocase(all, "ldaps://"))
        return NULL;
    all = slice_skip(all, slice_starts_nocase(all, "ldaps") ? 8 : 7);
    (void)slice_cut(&all, '/', &host);
    if (host.n == 0 || host.n > 290 || all.n > 0)
        return NULL;
    (void)snprintf(out, 300, "%.*s", (int)host.n, (const char *)host.p);
    return out;
}

static bool check_ldap(const struct draft *d, const struct lookup_profile *l)
{
    struct net_addr at;
    char host[300];

    if (!l->url || !ldap_host(l->url, host))
        return complain_lookup(d, "expected url: ldap://HOST:PORT or ldaps://HOST:PORT");
    if (l->user && !l->password)
        return complain_lookup(d, "\"password\" is missing: there is a user");
    if (l->insecure && net_parse(&at, host, 389, NULL) && !net_is_loopback(&at) &&
        !net_is_private(&at))
        return complain_lookup(d, "only loopback and private addresses go unverified");
    return draft_check_secret(d, node_find(d->root, "home_lookup"), "home_lookup", "password",
                              strcmp(host, "localhost") == 0 || draft_is_here(host));
}

static bool check_imap_lookup(const struct draft *d, const struct lookup_profile *l)
{
    const struct site *s = &d->p->site;
    bool here = true;

    for (uint32_t i = 0; i < s->server_count; i++)
        here &= !s->servers[i].imap.text || draft_is_here(s->servers[i].imap.text);
    if (l->user && !l->password)
        return complain_lookup(d, "\"password\" is missing: there is a user");
    return draft_check_secret(d, node_find(d->root, "home_lookup"), "home_lookup", "password",
                              here || d->p->lab.on);
}

static bool check_lookup(const struct draft *d, const struct lookup_profile *l)
{
    switch (l->type) {
    case LOOKUP_LDAP:
        return check_ldap(d, l);
    case LOOKUP_IMAP:
        return check_imap_lookup(d, l);
    case LOOKUP_EXEC:
        if (!l->argv)
            return complain_lookup(d, "\"argv\" is missing: type is exec");
        return true;
    case LOOKUP_HTTP:
        break;
    }
    return !l->url != !l->argv || complain_lookup(d, "expected either url or argv");
}

/* Every word is one of those below, and one of them names the mailbox: else all would be one and the same file. */
static bool check_path(const struct draft *d, const struct probe_profile *how)
{
    static const char *const words[] = {"{mailbox}", "{user}",   "{address}",
                                        "{local}",   "{server}", "{domain}"};
    bool named = false;

    if (how->type != PROBE_MAILDIR && how->type != PROBE_MBOX)
        return true;
    if (!need(d, SEC_PROBES, how->name, "path", "it reads files"))
        return false;
    for (const char *at = strchr(how->path, '{'); at; at = strchr(at + 1, '{')) {
        size_t i = 0;

        while (i < 6 && strncmp(at, words[i], strlen(words[i])) != 0)
            i++;
        if (i == 6)
            return draft_complain(d, SEC_PROBES, how->name, "path",
                                  "its words are {server} {user} {mailbox} {address} {local} "
                                  "{domain}");
        named = named || i < 4;
    }
    return named || draft_complain(d, SEC_PROBES, how->name, "path",
                                   "it needs {user}, {mailbox}, {address} or {local}: else all "
                                   "mailboxes are one");
}

static bool check_probes(const struct draft *d)
{
    const struct profile *p = d->p;
    const struct lookup_profile *l = &p->home_lookup;

    for (uint32_t i = 0; i < p->probe_count; i++) {
        if (p->probes[i].type == PROBE_QUEUE_EXEC &&
            !need(d, SEC_PROBES, p->probes[i].name, "argv", "type is exec"))
            return false;
        if (p->probes[i].type == PROBE_QUEUE_EXCHANGE &&
            !need(d, SEC_PROBES, p->probes[i].name, "argv", "type is exchange"))
            return false;
        if (!check_path(d, &p->probes[i]))
            return false;
        for (uint32_t k = 0; k < p->probes[i].server_count; k++)
            if (site_server(&p->site, p->probes[i].servers[k]) == SITE_NONE)
                return draft_complain(d, SEC_PROBES, p->probes[i].name, "servers",
                                      "there is no server of that name");
    }
    if (l->on && !check_lookup(d, l))
        return false;
    if (p->silence == SILENCE_LIFETIMES && p->lifetime_ns == 0)
        return node_complain_key(node_find(d->root, "settle"), d->err,
                                 "settle: \"lifetime\" is missing: silence is lifetimes");
    return true;
}

/* --- the plan --------------------------------------------------------------------------------------------------- */

static uint64_t later(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* The ledger's times end after 76 hours: what happened later would seem to have happened then. */
static bool check_length(const struct draft *d, const struct workload *w)
{
    const struct profile *p = d->p;
    uint64_t last_ns = 0, per_move_ns;

    for (uint32_t i = 0; i < p->load_count; i++)
        last_ns = later(last_ns,
                        p->loads[i].start_ns + p->loads[i].duration_ns + p->loads[i].deferred_ns);
    for (uint32_t i = 0; i < w->move_count; i++) {
        per_move_ns = p->moves[w->moves[i].schedule].deadline_ns;
        last_ns = later(last_ns, w->moves[i].at_ns + per_move_ns);
    }
    for (uint32_t i = 0; i < p->action_count; i++)
        last_ns = later(last_ns, p->actions[i].at_ns);
    if (last_ns + p->settle_deadline_ns <= LONGEST_NS)
        return true;
    return err_set(d->err, EX_BAD_PROFILE,
                   "%s: load, moves and settling may last %" PRIu64
                   " hours of the target's time; a run is at most 76 hours long",
                   p->path, (uint64_t)((last_ns + p->settle_deadline_ns) / (3600 * NS_PER_S)));
}

/* A rule about moves needs some, and rates to tell apart. */
static bool check_stop(const struct draft *d, const struct workload *w)
{
    const struct stop_profile *s = &d->p->stop;
    const struct node *run = node_find(d->root, KEY(SEC_RUN));
    bool rates = s->when == STOP_WHEN_INTERVAL || s->when == STOP_WHEN_SPRT;
    const struct node *n = node_find(run, "stop");

    if (s->when == STOP_WHEN_NEVER)
        return true;
    if (rates && s->high_ppb == 0)
        return node_complain(n, d->err, "run.stop: \"stop_rate\" is missing, such as 1%%..5%%");
    if (rates && w->move_count == 0)
        return node_complain(n, d->err, "run.stop: %s counts moves, and there are none", n->text);
    return true;
}

static bool check_plan(const struct draft *d)
{
    struct arena *scratch = arena_create(PLAN_CEILING);
    const struct workload *w = scratch ? workload_create(scratch, d->p, d->err) : NULL;
    bool ok = w && safety_check_caps(d, w) && check_length(d, w) && check_stop(d, w);

    if (!scratch)
        (void)draft_no_memory(d);
    else if (!w)
        (void)err_wrap(d->err, "%s", d->p->path);
    arena_destroy(scratch);
    return ok;
}

bool draft_check(struct draft *d)
{
    return safety_check_names(d) && check_site(d) && x400_check(d) && check_flow(d) &&
           check_probes(d) && check_plan(d);
}
